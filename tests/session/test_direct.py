"""
Data that is read straight into the packets that it is sent in, and when it is not.
"""

from typing import Any

from twisted.internet.defer import Deferred

from conchsftp.events import EventHub, FileRead
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    ATTRS,
    CLOSE,
    DATA,
    LSTAT,
    STAT,
    STATUS,
    Session,
    SessionCase,
    numbers,
    opening,
    reading,
    request,
    string,
    string_at,
    writing,
)
from tests.session.versions import in_versions

CONTENT = bytes(range(256)) * 40


class DirectCase(SessionCase):
    """A file with some content, open."""

    def setUp(self) -> None:
        super().setUp()
        self.files = MemoryFileSystem({"/home/a": CONTENT})
        self.start()

    def start(self, files: Any = None, **settings: Any) -> Session:
        """Begin a session and open the file."""
        session = self.begin(files, **settings)
        self.a = self.opened(opening(b"a"))
        return session

    def assert_placed(self, times: int) -> None:
        """Check how often data was put in place since the session began."""
        self.assertEqual(self.session.channel.placed, times)


@in_versions()
class PlacedTests(DirectCase):
    """Where it is possible."""

    def test_same(self) -> None:
        """What is put in place is what would be written: byte for byte, at every length and end."""
        other = SlowFileSystem(self.files, [])
        copied = Session(other, version=self.version).greet()
        copied.ask(opening(b"a"))
        for offset in (0, 1, 999, 1000, 1001, len(CONTENT) - 1001, len(CONTENT) - 1):
            for length in (1, 2, 999, 1000, 1001, 5000, len(CONTENT), 2**20):
                packet = reading(self.a, offset, length, offset)
                self.assertEqual(self.one(packet), copied.ask(packet)[0])
        self.assert_placed(56)
        self.assertEqual(copied.channel.placed, 0)

    def test_end_of_data(self) -> None:
        """Version 6 says behind the data whether the file ends there (filexfer-13, 9.3), placed or not; no other."""
        end = b"\1" if self.version == 6 else b""
        self.session.literal()
        for direct in (True, False):
            self.session.channel.direct = direct
            for offset, length, tail in ((0, 10, b""), (len(CONTENT) - 10, 10, b""), (len(CONTENT) - 10, 11, end)):
                reply = self.one(reading(self.a, offset, length))
                self.assertEqual(reply[9 + len(string_at(reply, 5)) :], tail)

    def test_pipelined(self) -> None:
        """Each of several in one turn, as long as all before are answered."""
        replies = self.session.ask(*(reading(self.a, at * 1000, 1000, at) for at in range(10)))
        self.assertEqual(b"".join(string_at(reply, 5) for reply in replies), CONTENT[:10000])
        self.assert_placed(10)

    def test_end_of_file(self) -> None:
        """Places that were lent and not used do no harm: EOF takes their place, and the next READ is in place again."""
        replies = self.session.ask(reading(self.a, len(CONTENT), 10, 1), reading(self.a, 0, 10, 2))
        self.assert_status(replies[0], Status.EOF)
        self.assertEqual(string_at(replies[1], 5), CONTENT[:10])
        self.assert_placed(1)

    def test_failing(self) -> None:
        """A file that fails after places were lent is answered like any other."""

        def fail(views: Any, offset: int) -> int:
            raise OSError(5, "no")

        self.session.conversation.handles.get(self.a, object).into = fail
        replies = self.session.ask(reading(self.a, 0, 10, 1), request(LSTAT, 2, string(b"a")))
        self.assertEqual([reply[0] for reply in replies], [STATUS, ATTRS])
        self.assert_placed(0)


@in_versions()
class NotPlacedTests(DirectCase):
    """Where it is not: the answer is the same."""

    def assert_read(self, replies: list[bytes]) -> None:
        """Check one reply, and that nothing was put in place."""
        self.assertEqual([string_at(reply, 5) for reply in replies if reply[0] == DATA], [CONTENT[5:15]])
        self.assert_placed(0)

    def test_no_room(self) -> None:
        """The channel lends nothing, because the window is small."""
        self.session.channel.direct = False
        self.assert_read(self.session.ask(reading(self.a, 5, 10)))

    def test_would_block(self) -> None:
        """The file would have to wait for a disk: it is read another way, now or later."""
        opened = self.session.conversation.handles.get(self.a, object)
        opened.into = lambda views, offset: None
        self.assert_read(self.session.ask(reading(self.a, 5, 10)))
        disk: Deferred[bytes] = Deferred()
        opened.read = lambda offset, length: disk
        self.assertEqual(self.session.ask(reading(self.a, 5, 10)), [])
        disk.callback(CONTENT[5:15])
        self.assert_read(self.session.replies())

    def test_observed(self) -> None:
        """A handler may keep what it sees, so that nothing is lent to it."""
        seen = []
        events = EventHub()
        events.on(FileRead, lambda event: seen.append(event.data))
        self.start(events=events)
        self.assert_read(self.session.ask(reading(self.a, 5, 10)))
        self.assertEqual(seen, [CONTENT[5:15]])

    def test_reply_pending(self) -> None:
        """An earlier reply has not been made: the places would be its own."""
        files = SlowFileSystem(self.files, ["stat"])
        session = self.start(files)
        source = self.files.open("/home/a", 1, 2, Attributes())
        session.conversation.handles.get(self.a, object).into = source.read_into
        session.feed(request(STAT, 1, string(b"b")), reading(self.a, 5, 10, 2))
        self.assert_placed(0)
        files.gate.release()
        self.assert_read(session.replies())
        self.assertEqual(numbers(session.ask(reading(self.a, 5, 10, 3))), [3])
        self.assert_placed(1)

    def test_woken(self) -> None:
        """A READ that waited for its turn is not put in place, whoever is answered meanwhile."""
        files = SlowFileSystem(self.files, ["file.write"])
        session = self.start(files)
        source = self.files.open("/home/a", 1, 2, Attributes())
        session.conversation.handles.get(self.a, object).into = source.read_into
        session.feed(writing(self.a, 0, b"x", 1), reading(self.a, 5, 10, 2), reading(self.a, 5, 10, 3))
        files.gate.release()
        replies = session.replies()
        self.assertEqual(numbers(replies), [1, 2, 3])
        self.assert_read(replies[:2])

    def test_gone(self) -> None:
        """The channel is over."""
        self.session.channel.open = False
        self.session.subsystem.connectionLost()
        self.assertEqual(self.session.ask(reading(self.a, 5, 10)), [])
        self.assert_placed(0)

    def test_before_anything(self) -> None:
        """Nothing is lent before the version is agreed on."""
        self.assertIsNone(Session().conversation.lend(10))


@in_versions()
class MixedTests(DirectCase):
    """Placed and written replies together."""

    def test_mixed(self) -> None:
        """They come in order, whatever lies between them."""
        replies = self.session.ask(
            reading(self.a, 0, 10, 1),
            request(LSTAT, 2, string(b"a")),
            reading(self.a, 10, 10, 3),
            reading(self.a, 2**40, 10, 4),
            reading(self.a, 0, 0, 5),
            writing(self.a, 10, b"changed", 6),
            reading(self.a, 8, 10, 7),
            request(CLOSE, 8, string(self.a)),
        )
        self.assertEqual(numbers(replies), [1, 2, 3, 4, 5, 6, 7, 8])
        self.assertEqual(string_at(replies[6], 5), b"\x08\x09changed\x11")
        self.assert_placed(3)
