"""
Reading and writing many pieces at once, in any order, and at the edges of a file.
"""

from collections.abc import Iterator
from random import Random
from struct import unpack_from
from typing import Any

from conchsftp.sftp.statuses import Status
from tests.bugs.classes import bug_class
from tests.bugs.support import LocalWireCase, WireCase
from tests.files.support import SameFileSystem
from tests.session.slow import SlowFileSystem
from tests.session.support import DATA, STATUS, numbers, opening, reading, string, string_at, writing
from tests.session.versions import in_versions

READ, WRITE, CREAT, TRUNC = 1, 2, 8, 0x10
KIB, MIB = 1 << 10, 1 << 20
PIECE = 32 * KIB
KEEPALIVE, REQUEST_FAILURE = 80, 82
LETTERS = b"0123456789"


def pattern(size: int) -> bytes:
    """Return bytes of which no two pieces are alike."""
    return b"".join(b"%015d\n" % at for at in range(0, size, 16))[:size]


class Counting(SameFileSystem):
    """
    Counts what is read.

    Attributes:
        fetched: bytes.
    """

    fetched = 0

    def open(self, *args: Any) -> Any:
        file = super().open(*args)
        for name in ("read", "read_into"):
            setattr(file, name, self.counted(getattr(file, name)))
        return file

    def counted(self, function: Any) -> Any:
        """Return a function that counts what another one reads."""

        def call(*args: Any) -> Any:
            result = function(*args)
            self.fetched += result if isinstance(result, int) else len(result)
            return result

        return call


@bug_class(16)
class AboutReadAhead:
    """A client that asks for a whole file at once, as paramiko's prefetch does."""

    def test_all_are_answered(self) -> None:
        """Thousands of READs on their way are answered, each once, in their order, in full."""
        content = pattern(8 * MIB + 11)
        self.put("/large", content)
        handle = self.open(b"/large", READ)
        offsets = range(0, len(content), 2 * KIB)
        replies = self.session.ask(
            *(reading(handle, at, 2 * KIB, number) for number, at in enumerate(offsets)),
            *(reading(handle, len(content) + at, PIECE, 100_000 + at) for at in range(100)),
        )
        self.assertEqual(numbers(replies), [*range(len(offsets)), *range(100_000, 100_100)])
        found = replies[: len(offsets)]
        self.assertEqual({reply[0] for reply in found}, {DATA})
        self.assertEqual(b"".join(string_at(reply, 5) for reply in found), content)
        self.assert_statuses(replies[len(offsets) :], *[Status.EOF] * 100)


@in_versions(3, 6)
class MemoryReadAheadTests(AboutReadAhead, WireCase):
    """In memory."""


@in_versions(3, 6)
class LocalReadAheadTests(AboutReadAhead, LocalWireCase):
    """On a disk."""


@in_versions(3, 6)
@bug_class(16)
class BoundedTests(WireCase):
    """What the server holds for such a client, measured where the file is read."""

    settings = {"max_bytes_in_flight": 1 << 19}

    def make_files(self) -> Any:
        files = Counting()
        files.put("/large", pattern(MIB))
        return files

    def reads(self, handle: bytes, count: int, size: int) -> Iterator[bytes]:
        """Yield READs all over the large file."""
        return (reading(handle, number * size % MIB, size, number) for number in range(count))

    def test_window_that_stays_shut(self) -> None:
        """Of a client that takes nothing no more is read than it takes, and a reply; it may have asked for 640 MiB."""
        self.session = self.begin(window=64 * KIB)
        handle = self.open(b"/large", READ)
        self.session.channel.reopens = False
        self.session.ask(*self.reads(handle, 20_000, PIECE))
        self.assertGreater(self.files.fetched, 0)
        self.assertLessEqual(self.files.fetched, 64 * KIB + 256 * KIB)

    def test_window_that_opens_late(self) -> None:
        """While it waits the server still listens: to requests about the connection, and to more window."""
        self.session = self.begin(window=64 * KIB)
        handle = self.open(b"/large", READ)
        channel, client = self.session.channel, self.session.client
        channel.reopens = False
        count = 20_000
        replies = self.session.ask(*self.reads(handle, count, 16))
        self.assertLess(len(replies), count)
        # More was asked than the server takes without an answer: the rest waits at the client.
        self.assertEqual(channel.remote_window, 0)
        client.packet(KEEPALIVE, string(b"keepalive@openssh.com") + b"\x01")
        client.take(REQUEST_FAILURE)
        while len(replies) < count:
            before = len(replies)
            channel.adjust(64 * KIB)
            replies += self.session.replies()
            self.assertGreater(len(replies), before)
        self.assertEqual(numbers(replies), list(range(count)))
        self.assertEqual({len(reply) for reply in replies}, {9 + 16})

    def test_socket_that_is_full(self) -> None:
        """A client may open its window by 4 GiB and then not read from the socket: that makes no difference."""
        room = 128 * KIB
        self.session = self.begin(window=2**32 - 1, client_options={"room": room})
        handle = self.open(b"/large", READ)
        client, channel = self.session.client, self.session.channel
        channel.lay_data(b"".join(self.reads(handle, 10_000, PIECE)))
        client.flush()
        while client.pipe.deliver():
            pass
        self.assertGreaterEqual(self.files.fetched, room // 2)
        self.assertLessEqual(self.files.fetched, room + MIB)

    def test_disk_that_is_slow(self) -> None:
        """No more READs wait for the disk than the setting allows bytes; when they come all are answered."""
        files = SlowFileSystem(self.files, names=["file.read"])
        self.files = files
        self.session = self.begin(server=self.make_server(**self.settings))
        handle = self.open(b"/large", READ)
        waiting = self.session.ask(*self.reads(handle, 500, PIECE))
        self.assertEqual(waiting, [])
        self.assertGreater(len(files.gate.waiting), 4)
        self.assertLessEqual(len(files.gate.waiting) * PIECE, 1 << 19)
        most, replies = 0, []
        while files.gate.waiting:
            files.gate.release(len(files.gate.waiting) // 2)
            most = max(most, len(files.gate.waiting))
            replies += self.session.replies()
        self.assertLessEqual(most * PIECE, 1 << 19)
        self.assertEqual(numbers(replies), list(range(500)))


@bug_class(19)
class AboutEdges:
    """Offsets and lengths as they come: out of order, overlapping, zero, and at the end."""

    def test_out_of_order(self) -> None:
        """Writes that are sent at once in any order end up where they belong."""
        content = pattern(300_007)
        handle = self.open(b"/f", WRITE | CREAT | TRUNC)
        pieces = [(at, content[at : at + 4001]) for at in range(0, len(content), 4001)]
        Random(19).shuffle(pieces)
        replies = self.session.ask(*(writing(handle, at, piece, at) for at, piece in pieces))
        self.assertEqual(numbers(replies), [at for at, _ in pieces])
        self.assert_statuses(replies, *[Status.OK] * len(pieces))
        self.assertEqual(self.get("/f"), content)

    def test_overlapping(self) -> None:
        """Where writes overlap the one that came last counts."""
        handle = self.open(b"/f", WRITE | CREAT)
        self.session.ask(writing(handle, 0, b"a" * 8), writing(handle, 4, b"b" * 8), writing(handle, 2, b"c" * 4))
        self.assertEqual(self.get("/f"), b"aaccccbbbbbb")

    def test_read_behind_write(self) -> None:
        """A READ that is sent behind a WRITE sees what that wrote, through another handle as well."""
        handle = self.open(b"/f", READ | WRITE | CREAT)
        other = self.open(b"/f", READ)
        replies = self.session.ask(
            writing(handle, 0, LETTERS, 1),
            reading(handle, 0, 10, 2),
            reading(other, 5, 10, 3),
            writing(handle, 0, b"x", 4),
        )
        self.assertEqual([reply[9:] for reply in replies[1:3]], [LETTERS, LETTERS[5:]])

    def test_gap(self) -> None:
        """A write beyond the end leaves zeros before it; filling the gap later keeps what is behind."""
        handle = self.open(b"/f", READ | WRITE | CREAT)
        self.session.ask(writing(handle, 5, b"end"))
        self.assertEqual(self.one(reading(handle, 0, 100))[9:], bytes(5) + b"end")
        self.session.ask(writing(handle, 0, b"begin"))
        self.assertEqual(self.get("/f"), b"beginend")

    def test_empty_write(self) -> None:
        """A WRITE of nothing is done, and changes nothing, beyond the end neither."""
        self.put("/f", LETTERS)
        handle = self.open(b"/f", READ | WRITE)
        for offset in (0, 10, 1000, 2**40, 2**63 - 1, 2**64 - 1):
            self.assert_status(self.one(writing(handle, offset, b"")), Status.OK)
        self.assertEqual(self.get("/f"), LETTERS)

    def test_empty_read(self) -> None:
        """A READ of nothing gets nothing, wherever it is, and the session goes on."""
        self.put("/f", LETTERS)
        handle = self.open(b"/f", READ)
        for offset in (0, 5, 10, 11, 2**64 - 1):
            reply = self.one(reading(handle, offset, 0, 7))
            self.assertEqual((reply[0], numbers([reply]), reply[5:]), (DATA, [7], bytes(4)))
        self.assertEqual(self.one(reading(handle, 0, 3))[9:], b"012")

    def test_end(self) -> None:
        """Up to the end there is data, and no more than there is; at the end and behind it EOF, never empty data."""
        self.put("/f", LETTERS)
        handle = self.open(b"/f", READ)
        for offset in (0, 1, 9):
            for length in (1, 9, 10, 11, PIECE, 2**32 - 1):
                reply = self.one(reading(handle, offset, length))
                self.assertEqual((reply[0], reply[9:]), (DATA, LETTERS[offset : offset + length]))
        for offset in (10, 11, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1):
            for length in (1, 10, PIECE, 2**32 - 1):
                self.assert_status(self.one(reading(handle, offset, length)), Status.EOF)

    def test_empty_file(self) -> None:
        """The end of an empty file is its beginning."""
        self.put("/f", b"")
        self.assert_status(self.one(reading(self.open(b"/f", READ), 0, 10)), Status.EOF)

    def test_full_reads(self) -> None:
        """A READ gets all that it asks for up to 255 KiB: psftp and libssh2 take less for a mistake."""
        content = pattern(600_000)
        self.put("/f", content)
        handle = self.open(b"/f", READ)
        for length in (1, 30_000, PIECE, 64 * KIB, 255 * KIB):
            self.assertEqual(self.one(reading(handle, 12_345, length))[9:], content[12_345 : 12_345 + length])

    def test_growing_file(self) -> None:
        """Where a file ended there is data as soon as another client has written more."""
        self.put("/f", LETTERS)
        reader, self.session = self.session, self.begin()
        writer, other = self.session, self.open(b"/f", WRITE)
        self.session = reader
        handle = self.open(b"/f", READ)
        for size in (10, 15, 20):
            self.assert_status(self.one(reading(handle, size, 100)), Status.EOF)
            self.assert_statuses(writer.ask(writing(other, size, b"12345")), Status.OK)
            self.assertEqual(self.one(reading(handle, size, 100))[9:], b"12345")

    def test_shrunk_file(self) -> None:
        """A file that is emptied while it is read ends there."""
        self.put("/f", pattern(100_000))
        handle = self.open(b"/f", READ)
        self.assertEqual(len(self.one(reading(handle, 0, PIECE))), 9 + PIECE)
        self.session.ask(opening(b"/f", 1, WRITE | TRUNC))
        replies = self.session.ask(*(reading(handle, at, PIECE) for at in range(0, 100_000, PIECE)))
        self.assertEqual({reply[0] for reply in replies}, {STATUS})
        self.assertEqual({unpack_from(">I", reply, 5) for reply in replies}, {(Status.EOF,)})


@in_versions()
class MemoryEdgesTests(AboutEdges, WireCase):
    """In memory."""


@in_versions()
class LocalEdgesTests(AboutEdges, LocalWireCase):
    """On a disk."""

    @bug_class(19)
    def test_large_offsets(self) -> None:
        """Offsets beyond 2 and 4 GiB are not cut short."""
        handle = self.open(b"/f", READ | WRITE | CREAT)
        places = (2**31 - 3, 2**32 - 3, 2**33 + 5)
        self.assert_statuses(self.session.ask(*(writing(handle, at, b"%010d" % at) for at in places)), *[Status.OK] * 3)
        for at in places:
            self.assertEqual(self.one(reading(handle, at, 10))[9:], b"%010d" % at)
        self.assertEqual(self.one(reading(handle, 0, 10))[9:], bytes(10))
        self.assertEqual(self.files.stat("/f").size, places[-1] + 10)
