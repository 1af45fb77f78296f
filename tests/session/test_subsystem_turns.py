"""
MaxReadTime: one session must not keep all others waiting.
"""

from typing import Any

from twisted.internet.task import Clock

from conchsftp.events import EventHub, FileClose, FileRead, GetAttributes
from tests.session.slow import SlowFileSystem
from tests.session.support import LSTAT, Session, SessionCase, numbers, opening, reading, request, string
from tests.session.versions import in_versions


def lstats(count: int) -> list[bytes]:
    """Lay out requests that never wait."""
    return [request(LSTAT, number, string(b"/")) for number in range(count)]


class TurnsCase(SessionCase):
    """A session in which requests take a while: of each kind that is listened to, two fit into a turn."""

    listened: tuple[Any, ...] = (GetAttributes,)
    seconds = 0.006

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.events = EventHub(clock=self.clock)
        for kind in self.listened:
            self.events.on(kind, self.take_a_while)
        self.session = self.begin(events=self.events)

    def take_a_while(self, event: Any) -> None:
        """Let time pass, once for each event."""
        if not event.before_exec:
            self.session.clock.advance(self.seconds)

    def turns(self) -> list[list[int]]:
        """Let the session have all the turns that it wants; return which requests were answered in each."""
        answered = []
        while self.session.clock.getDelayedCalls():
            answered.append(numbers(self.session.next_turn()))
        return answered


@in_versions()
class SliceTests(TurnsCase):
    """Requests that never wait."""

    def test_slice(self) -> None:
        """After 10 milliseconds the others have their turn; it goes on by itself, and lets its replies leave."""
        session = self.session
        self.assertEqual(numbers(session.ask(*lstats(5))), [0, 1])
        self.assertEqual(numbers(session.next_turn()), [2, 3])
        self.assertEqual(session.channel.flushed, len(session.channel.sent))
        self.assertEqual(numbers(session.next_turn()), [4])
        self.assertEqual(session.clock.getDelayedCalls(), [])

    def test_as_set(self) -> None:
        """The setting says how long."""
        session = self.begin(events=self.events, max_read_time=20)
        self.assertEqual(numbers(session.ask(*lstats(5))), [0, 1, 2, 3])

    def test_unlimited(self) -> None:
        """0 is no limit."""
        session = self.begin(events=self.events, max_read_time=0)
        self.assertEqual(numbers(session.ask(*lstats(5))), [0, 1, 2, 3, 4])
        self.assertEqual(session.clock.getDelayedCalls(), [])

    def test_one_slice_a_turn(self) -> None:
        """What comes meanwhile, or is done meanwhile, does not give it a second turn."""
        session = self.session
        self.assertEqual(numbers(session.ask(*lstats(5))), [0, 1])
        self.assertEqual(session.ask(*lstats(5)), [])
        self.assertEqual(session.go_on(), [])
        self.assertEqual(len(session.clock.getDelayedCalls()), 1)
        while session.clock.getDelayedCalls():
            self.assertLessEqual(len(session.next_turn()), 2)
        self.assertEqual(session.channel.credited, session.fed)

    def test_chunks_of_a_turn(self) -> None:
        """What comes in many messages has one turn, not one for each of them."""
        session = self.session
        session.turns.begin()
        for packet in lstats(5):
            session.subsystem.dataReceived(memoryview(packet))
        self.assertEqual(numbers(session.replies()), [0, 1])
        session.subsystem.keep()
        session.turns.finish()
        self.assertEqual(numbers(session.next_turn()), [2, 3])

    def test_outside_of_a_turn(self) -> None:
        """What begins because the client reads again, or a file system is done, has the smallest turn."""
        session = self.session
        session.channel.open = False
        session.ask(*lstats(3))
        self.assertEqual(numbers(session.go_on()), [0])
        self.assertEqual(numbers(session.next_turn()), [1, 2])

    def test_end_of_input(self) -> None:
        """The channel does not end while requests wait for their slice."""
        session = self.session
        self.assertEqual(numbers(session.ask(*lstats(5))), [0, 1])
        session.subsystem.end_of_input()
        self.assertFalse(session.channel.ended)
        self.assertEqual(numbers(session.next_turn()), [2, 3])
        self.assertFalse(session.channel.ended)
        self.assertEqual(numbers(session.next_turn()), [4])
        self.assertEqual((session.channel.ended, session.channel.late), (True, []))

    def test_lost(self) -> None:
        """A session that is over does not come back for its next slice."""
        session = self.session
        session.ask(*lstats(5))
        session.lose()
        self.assertEqual(session.clock.getDelayedCalls(), [])
        self.assertEqual(session.next_turn(), [])


@in_versions()
class WokenTests(TurnsCase):
    """Requests that waited for others."""

    listened = (FileRead,)

    def setUp(self) -> None:
        super().setUp()
        self.slow_files = SlowFileSystem(self.files, ["file.write"])
        self.session = self.begin(self.slow_files, events=self.events)
        self.file = self.opened(opening(b"a"))

    def wait_for_a_write(self) -> Session:
        """Ask for something slow, and for five READs that have to wait for it."""
        written = request(6, 100, string(self.file), bytes(8), string(b"AB"))
        self.session.ask(written, *(reading(self.file, 0, 4, number) for number in range(5)))
        return self.session

    def test_begun(self) -> None:
        """Requests that all can begin at once, because one is done, do not hold up the others."""
        session = self.wait_for_a_write()
        before = session.clock.seconds()
        self.slow_files.gate.release()
        self.assertLess(session.clock.seconds() - before, 2 * self.seconds)
        self.assertEqual(session.replies(), [])
        answered = self.turns()
        self.assertEqual(sum(answered, []), [100, 0, 1, 2, 3, 4])
        self.assertGreater(len(answered), 2)
        self.assertEqual(session.channel.credited, session.fed)

    def test_lost(self) -> None:
        """Those that have not begun when the session is lost are carried out in turns as well, and all is closed."""
        session = self.wait_for_a_write()
        self.slow_files.gate.release()
        session.lose()
        self.turns()
        self.assertEqual(len(session.conversation.handles), 0)
        self.assertEqual(self.slow_files.gate.closed, self.slow_files.gate.opened)
        self.assertFalse(session.subsystem.busy)


@in_versions()
class AnsweredTests(TurnsCase):
    """Replies that are there."""

    def test_answered(self) -> None:
        """Making them does not hold up the others either."""
        files = SlowFileSystem(self.files, ["lstat"])
        session = self.begin(files, events=self.events)
        session.ask(*lstats(5))
        session.channel.open = False
        files.gate.release_all()
        self.turns()
        encode = session.conversation.codec.encode

        def slowly(*args: Any) -> bytes:
            session.clock.advance(self.seconds)
            packet: bytes = encode(*args)
            return packet

        session.conversation.codec.encode = slowly
        self.assertEqual(numbers(session.go_on()), [0])
        self.assertEqual(numbers(session.next_turn()), [1, 2])
        self.assertEqual(numbers(session.next_turn()), [3, 4])
        self.assertEqual(session.channel.flushed, len(session.channel.sent))


@in_versions()
class ClosingTests(TurnsCase):
    """Many open files of a session that is lost."""

    listened = (FileClose,)

    def test_closed(self) -> None:
        """They are closed in turns."""
        session = self.session
        for _ in range(5):
            self.opened(opening(b"a"))
        session.lose()
        self.assertEqual(len(session.conversation.handles), 4)
        session.next_turn()
        self.assertEqual(len(session.conversation.handles), 2)
        session.next_turn()
        self.assertEqual(len(session.conversation.handles), 0)
        self.turns()

    def test_server_ends(self) -> None:
        """A server that ends closes them all."""
        for _ in range(5):
            self.opened(opening(b"a"))
        self.session.lose()
        self.session.turns.drain()
        self.assertEqual(len(self.session.conversation.handles), 0)
