"""
Back-pressure: what a client costs that asks faster than it reads, or than a file system answers.
"""

from tests.session.slow import SlowFileSystem
from tests.session.support import (
    FOR_READING,
    LSTAT,
    STAT,
    TO_CREATE,
    Session,
    SessionCase,
    numbers,
    opening,
    reading,
    request,
    string,
    unhex,
    writing,
)
from tests.session.versions import Interpreter, in_versions

LARGE = 255 * 1024


def lstats(count: int) -> list[bytes]:
    """Lay out requests that never wait."""
    return [request(LSTAT, number, string(b"/")) for number in range(count)]


@in_versions()
class ReadyTests(SessionCase):
    """No request is begun while its reply could not leave."""

    def test_nothing_begins(self) -> None:
        """What a client asks that does not read waits as bytes; it has no effect until it reads again."""
        session = self.session
        session.channel.open = False
        self.assertEqual(session.ask(opening(b"new", 1, TO_CREATE), *lstats(3)), [])
        self.assertFalse(session.subsystem.busy)
        self.assertRaises(FileNotFoundError, self.files.get, "/home/new")
        self.assertEqual(numbers(session.go_on()), [1, 0, 1, 2])
        self.assertEqual(self.files.get("/home/new"), b"")

    def test_each_is_asked_for(self) -> None:
        """The channel is asked before each request, not once for all that came."""

        class Narrow(type(self.session.channel)):  # type: ignore[misc]
            """Room for two replies at a time."""

            room = 2

            def write(self, data: bytes) -> None:
                super().write(data)
                self.room -= 1
                self.open = self.room > 0

        channel = self.session.channel
        channel.__class__ = Narrow
        session = self.session
        self.assertEqual(numbers(session.ask(*lstats(5))), [0, 1])
        channel.room = 2
        self.assertEqual(numbers(session.go_on()), [2, 3])
        channel.room = 2
        self.assertEqual(numbers(session.go_on()), [4])

    def test_made_replies_wait(self) -> None:
        """Replies that were made while the client did not read leave, in order, when it does."""
        files = SlowFileSystem(self.files, ["stat"])
        session = self.begin(files)
        session.ask(request(STAT, 1, string(b"a")), request(STAT, 2, string(b"a")), *lstats(1))
        session.channel.open = False
        files.gate.release_all()
        self.assertEqual(session.replies(), [])
        self.assertTrue(session.subsystem.busy)
        self.assertEqual(numbers(session.go_on()), [1, 2, 0])
        self.assertFalse(session.subsystem.busy)

    def test_going_on_without_work(self) -> None:
        """A channel may say at any time that it takes replies."""
        session = Session(version=self.version)
        session.subsystem.go_on()
        self.assertEqual(session.replies(), [])
        session.greet()
        self.assertEqual(session.go_on(), [])

    def test_let_leave(self) -> None:
        """What is made outside of a turn of the SSH layer, because a file system is done, is let leave at once."""
        files = SlowFileSystem(self.files, ["file.read"])
        session = self.begin(files)
        handle = self.opened(opening(b"a", pflags=FOR_READING))
        session.feed(*(reading(handle, 0, LARGE, number) for number in range(10)), *lstats(3))
        while files.gate.waiting:
            files.gate.release(len(files.gate.waiting) - 1)
            self.assertEqual(session.channel.flushed, len(session.channel.sent))
        self.assertEqual(len(session.replies()), 13)


@in_versions()
class InFlightTests(SessionCase):
    """What is worked on at one time is bounded."""

    def test_reads(self) -> None:
        """The data of READs that are worked on stays within MaxBytesInFlight, but one may pass it."""
        files = SlowFileSystem(self.files, ["file.read"])
        session = self.begin(files, max_bytes_in_flight=2**20)
        handle = self.opened(opening(b"a", pflags=FOR_READING))
        session.feed(*(reading(handle, 0, LARGE, number) for number in range(64)))
        most = 2**20 // LARGE + 1
        begun = 0
        while files.gate.waiting:
            self.assertLessEqual(len(files.gate.waiting), most)
            begun += 1
            files.gate.release()
        self.assertEqual(begun, 64)
        self.assertEqual(numbers(session.replies()), list(range(64)))

    def test_one_at_a_time_makes_room(self) -> None:
        """Room for a request is there when an earlier one has been answered; a reply that waits for its turn counts."""
        files = SlowFileSystem(self.files, ["file.read"])
        session = self.begin(files, max_bytes_in_flight=2**20)
        handle = self.opened(opening(b"a", pflags=FOR_READING))
        session.feed(*(reading(handle, 0, LARGE, number) for number in range(8)))
        self.assertEqual(len(files.gate.waiting), 4)
        files.gate.release(1)
        self.assertEqual((len(files.gate.waiting), session.replies()), (3, []))
        files.gate.release(0)
        self.assertEqual((len(files.gate.waiting), numbers(session.replies())), (4, [0, 1]))

    def test_small_requests(self) -> None:
        """Requests with small answers cost something too: their number is bounded."""
        files = SlowFileSystem(self.files, ["stat"])
        session = self.begin(files, max_bytes_in_flight=2**19)
        session.feed(*(request(STAT, number, string(b"a")) for number in range(2000)))
        self.assertEqual(len(files.gate.waiting), 128)
        files.gate.release_all()
        self.assertEqual(numbers(session.replies()), list(range(2000)))

    def test_absurd_length(self) -> None:
        """A READ of 4 GiB counts as what can be read at once."""
        files = SlowFileSystem(self.files, ["file.read"])
        session = self.begin(files)
        handle = self.opened(opening(b"a", pflags=FOR_READING))
        session.feed(reading(handle, 0, 0xFFFFFFFF, 1), reading(handle, 0, 0xFFFFFFFF, 2))
        self.assertEqual(len(files.gate.waiting), 2)


@in_versions()
class CreditTests(SessionCase):
    """Window is returned when a request has been answered, each byte once."""

    def test_answered_at_once(self) -> None:
        """Each packet is credited with its answer; a part of a packet is not."""
        session = self.begin()
        self.assertEqual(session.channel.credited, session.fed)
        packet = Interpreter(self.version).to_server(request(LSTAT, 1, string(b"/")))
        before = session.fed
        session.ask(packet[:-1])
        self.assertEqual(session.channel.credited, before)
        session.ask(packet[-1:])
        self.assertEqual(session.channel.credited, session.fed)

    def test_answered_later(self) -> None:
        """A request that waits is not credited before its own reply leaves, also one whose reply is made."""
        files = SlowFileSystem(self.files, ["stat"])
        session = self.begin(files)
        before = session.fed
        slow, quick = request(STAT, 1, string(b"a")), request(LSTAT, 2, string(b"/"))
        session.feed(slow, slow, quick)
        self.assertEqual(session.channel.credited, before)
        files.gate.release(1)
        self.assertEqual(session.channel.credited, before)
        files.gate.release(0)
        self.assertEqual(session.channel.credited, session.fed)

    def test_conservation(self) -> None:
        """At the end everything is credited: refused, malformed, zero-length, failing and slow requests alike."""
        files = SlowFileSystem(self.files, ["stat", "file.write"])
        session = self.begin(files)
        handle = self.opened(opening(b"a"))
        session.feed(
            *lstats(3),
            request(STAT, 1, string(b"a")),
            request(STAT, 1, string(b"missing")),
            writing(handle, 5, b"x" * 1000),
            writing(handle, 5, b""),
            reading(handle, 0, 0),
            reading(handle, 0, 10),
            reading(handle, 1000000, 10),
            reading(b"stale", 0, 10),
            request(LSTAT, 1),
            request(77, 1),
            unhex("c8 00000001 00000001 61"),
        )
        files.gate.release_all()
        self.assertEqual(session.channel.credited, session.fed)
        self.assertEqual(len(session.replies()), 14)
