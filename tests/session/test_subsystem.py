"""
The beginning of a session, packets that are none, and its end in good order.
"""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.interfaces import IAccounts, ISpace
from conchsftp.sftp.extended import EXTENSIONS
from conchsftp.sftp.statuses import Status
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    ATTRS,
    FOR_READING,
    GREETING,
    HANDLE,
    LSTAT,
    OPENDIR,
    STAT,
    TO_CREATE,
    VERSION,
    Session,
    SessionCase,
    extension,
    numbers,
    opening,
    reading,
    request,
    string,
    string_at,
    u32,
    unhex,
)
from tests.session.versions import Interpreter, in_versions
from tests.sftp.samples import SAMPLES

LARGEST = 256 * 1024


def pairs(packet: bytes) -> dict[bytes, bytes]:
    """Return the extension pairs of VERSION."""
    found = {}
    at = 5
    while at < len(packet):
        name = string_at(packet, at)
        data = string_at(packet, at + 4 + len(name))
        found[name] = data
        at += 8 + len(name) + len(data)
    return found


class GreetingTests(SynchronousTestCase):
    """INIT and VERSION (filexfer-02, 4)."""

    def test_version(self) -> None:
        """Version 3 is answered to whoever speaks at least that; less cannot be served, and the channel ends."""
        rows = {0: None, 1: None, 2: None, 3: 3, 4: 3, 5: 3, 6: 3, 7: 3, 0xFFFFFFFF: 3}
        for theirs, ours in rows.items():
            with self.subTest(version=theirs):
                session = Session()
                replies = session.ask(unhex("01")[:3] + b"\x05\x01" + u32(theirs))
                if ours is None:
                    self.assertEqual(replies, [])
                    self.assertEqual(session.channel.ended, True)
                else:
                    self.assertEqual([reply[:5] for reply in replies], [bytes.fromhex("02 00000003")])
                    self.assertEqual(session.channel.ended, False)

    def test_pairs_of_the_client(self) -> None:
        """Pairs that a client of version 3 adds to INIT are ignored, also garbled ones."""
        for rest in ("00000001 61 00000001 62", "00000001 61", "ffffffff", "00"):
            with self.subTest(rest=rest):
                self.assertEqual(Session().ask(unhex("01 00000003" + rest))[0][0], VERSION)

    def test_piece_by_piece(self) -> None:
        """VERSION is sent when all of INIT is there, not before; a packet may come byte by byte."""
        session = Session()
        for byte in GREETING[:-1]:
            self.assertEqual(session.ask(bytes((byte,))), [])
        self.assertEqual(len(session.ask(GREETING[-1:])), 1)
        for byte in request(LSTAT, 7, string(b"/"))[:-1]:
            self.assertEqual(session.ask(bytes((byte,))), [])
        self.assertEqual(session.ask(b"/")[0][0], ATTRS)

    def test_requests_behind_init(self) -> None:
        """A client need not wait for VERSION."""
        replies = Session().ask(GREETING, request(LSTAT, 7, string(b"/")))
        self.assertEqual([reply[0] for reply in replies], [VERSION, ATTRS])

    def test_advertised(self) -> None:
        """What is advertised is what the file system, or its files, can do; clients compare the data literally."""
        memory = {
            b"posix-rename@openssh.com": b"1",
            b"hardlink@openssh.com": b"1",
            b"fsync@openssh.com": b"1",
            b"lsetstat@openssh.com": b"1",
            b"limits@openssh.com": b"1",
            b"expand-path@openssh.com": b"1",
            b"copy-data": b"1",
            b"home-directory": b"1",
            b"md5-hash": b"1",
            b"md5-hash-handle": b"1",
            b"check-file": b"md5,sha1,sha224,sha256,sha384,sha512",
            b"check-file-name": b"1",
            b"check-file-handle": b"1",
            b"copy-file": b"1",
        }
        self.assertEqual(pairs(Session().ask(GREETING)[0]), memory)
        (version,) = Session(Able(), temp_folder="/tmp").ask(GREETING)
        self.assertEqual(set(pairs(version)), {row.name for row in EXTENSIONS if 3 in row.versions})
        self.assertEqual(pairs(version)[b"statvfs@openssh.com"], b"2")
        (version,) = Session(Unable()).ask(GREETING)
        plain = {name for name in memory if name not in (b"hardlink@openssh.com", b"fsync@openssh.com", b"copy-data")}
        self.assertEqual(set(pairs(version)), plain)


class Unable:
    """A file system without any ability, not even one that it says nothing of."""


class Able(SlowFileSystem):
    """A file system that can do everything."""

    def __init__(self) -> None:
        super().__init__(Session().files)
        self.file_abilities += (ISpace, IAccounts)


class FramingTests(SynchronousTestCase):
    """Where packets cannot be told from garbage any more, the channel ends; earlier replies stand."""

    def setUp(self) -> None:
        self.session = Session()

    def assert_ends(self, *packets: bytes) -> None:
        """The packets end the channel, in good order and for good."""
        before = self.session.ask(GREETING)
        self.assertEqual(self.session.ask(*packets), [])
        self.assertEqual(self.session.channel.ended, True)
        self.assertEqual(len(before), 1)
        self.assertEqual(self.session.ask(request(STAT, 1, string(b"/"))), [])

    def test_length_zero(self) -> None:
        """A packet without a type is none."""
        self.assert_ends(u32(0), b"\x11" * 20)

    def test_length_below_smallest(self) -> None:
        """Four bytes hold a type, but no request id."""
        self.assert_ends(unhex("11 000000"))

    def test_oversize(self) -> None:
        """A packet larger than 256 KiB cannot be skipped; its end is not waited for."""
        self.assert_ends(u32(LARGEST + 1))

    def test_largest(self) -> None:
        """A packet of 256 KiB is served."""
        self.session.ask(GREETING)
        body = string(b"/")
        (reply,) = self.session.ask(u32(LARGEST) + b"\x07" + u32(1) + body + bytes(LARGEST - 5 - len(body)))
        self.assertEqual(reply[0], ATTRS)

    def test_what_came_before_is_answered(self) -> None:
        """What was asked in the same turn before the framing was lost has its replies, what follows has none."""
        self.session.ask(GREETING)
        stat = request(LSTAT, 7, string(b"/"))
        self.assertEqual(numbers(self.session.ask(stat, stat, u32(3), stat)), [7, 7])
        self.assertEqual((self.session.channel.ended, self.session.channel.late), (True, []))


@in_versions()
class MalformedTests(SessionCase):
    """A packet that is no request, but whose id can be read, is answered; the session goes on."""

    def test_cut_short(self) -> None:
        """A request that ends too early, wherever, is answered BAD_MESSAGE."""
        self.session.literal()
        for sample in SAMPLES:
            if self.version in sample.versions:
                for size in set(range(5, len(sample.packet))) - set(sample.complete):
                    with self.subTest(packet=sample.packet[:size].hex()):
                        self.assert_status(self.one(string(sample.packet[:size])), Status.BAD_MESSAGE, 7)
        self.assertEqual(self.one(request(OPENDIR, 7, string(b"/")))[0], HANDLE)

    def test_absurd_lengths(self) -> None:
        """A count that leads outside the packet is no reason to read there."""
        for length in ("ffffffff", "7fffffff", "00000002"):
            self.assert_status(self.one(unhex(f"07 00000009 {length} 2f")), Status.BAD_MESSAGE, 9)

    def test_zero_byte(self) -> None:
        """A zero byte in a path is refused in every request that has one; the system would read no further."""
        bad = string(b"/home/a\0b")
        for kind in (7, 11, 13, 15, 16, 17, 19):
            self.assert_status(self.one(request(kind, 9, bad)), Status.INVALID_FILENAME, 9)
        self.assert_status(self.one(request(18, 9, string(b"/home/a"), bad)), Status.INVALID_FILENAME, 9)

    def test_unknown_extension(self) -> None:
        """An extended request that is not known is answered OP_UNSUPPORTED, whatever is in it."""
        for name in (b"nobody@example.com", b"", b"\xff", b"LIMITS@openssh.com", b"limits@openssh.com\0"):
            with self.subTest(name=name):
                self.assert_status(self.one(extension(name, 9, b"anything")), Status.OP_UNSUPPORTED, 9)

    def test_in_order(self) -> None:
        """The answer to garbage keeps its place among the others."""
        replies = self.session.ask(
            request(LSTAT, 1, string(b"/")), request(LSTAT, 2), request(99, 3), request(LSTAT, 4, string(b"/"))
        )
        self.assertEqual(numbers(replies), [1, 2, 3, 4])


@in_versions()
class NumberTests(SessionCase):
    """Request ids are copied back and mean nothing."""

    def test_any_number(self) -> None:
        """Every id comes back, the highest as well."""
        for number in (0, 1, 256, 0x80000000, 0xFFFFFFFF):
            self.assertEqual(numbers([self.one(request(LSTAT, number, string(b"/")))]), [number])


@in_versions()
class EndOfInputTests(SessionCase):
    """The client has sent EOF: what is asked is answered, then the channel ends."""

    def test_idle(self) -> None:
        """Where nothing is owed it ends at once; before INIT as well."""
        self.session.subsystem.end_of_input()
        self.assertEqual(self.session.channel.ended, True)
        session = Session(version=self.version)
        session.subsystem.end_of_input()
        self.assertEqual(session.channel.ended, True)

    def test_partial_packet(self) -> None:
        """A part of a packet will never be whole, and is not waited for."""
        for size in (1, 4, 8):
            with self.subTest(size=size):
                session = self.begin()
                session.ask(request(LSTAT, 1, string(b"/"))[:size])
                session.subsystem.end_of_input()
                self.assertEqual(session.channel.ended, True)

    def test_waits_for_answers(self) -> None:
        """The end comes after the last reply, in whatever order they are made."""
        files = SlowFileSystem(self.files, ["stat"])
        session = self.begin(files)
        session.ask(request(STAT, 1, string(b"a")), request(STAT, 2, string(b"b")))
        session.subsystem.end_of_input()
        self.assertEqual(session.channel.ended, False)
        files.gate.release(1)
        self.assertEqual((session.channel.ended, session.replies()), (False, []))
        files.gate.release()
        self.assertEqual(numbers(session.replies()), [1, 2])
        self.assertEqual((session.channel.ended, session.channel.late), (True, []))

    def test_waits_for_the_client_to_read(self) -> None:
        """Requests that have not begun because the client does not read are still answered before the end."""
        session = self.session
        session.channel.open = False
        session.feed(*(request(LSTAT, number, string(b"/")) for number in range(5)))
        session.subsystem.end_of_input()
        self.assertEqual(session.channel.ended, False)
        self.assertEqual(numbers(session.go_on()), [0, 1, 2, 3, 4])
        self.assertEqual((session.channel.ended, session.channel.late), (True, []))

    def test_waits_for_requests_behind_slow_ones(self) -> None:
        """Requests that have not begun because others use up what may be in flight are answered before the end."""
        files = SlowFileSystem(self.files, ["file.read"])
        session = self.begin(files)
        handle = self.opened(opening(b"a", pflags=FOR_READING))
        size, count = 255 * 1024, 20
        session.feed(*(reading(handle, 0, size, number) for number in range(count)))
        session.subsystem.end_of_input()
        self.assertLess(len(files.gate.waiting), count)
        # The first one last, so that all replies that can be made leave at once.
        while files.gate.waiting:
            files.gate.release(len(files.gate.waiting) - 1)
        self.assertEqual(numbers(session.replies()), list(range(count)))
        self.assertEqual((session.channel.ended, session.channel.late), (True, []))

    def test_with_open_files(self) -> None:
        """Files that the client left open do not hold the end up; they are closed with the channel."""
        files = SlowFileSystem(self.files, [])
        session = self.begin(files)
        self.opened(opening(b"b", pflags=TO_CREATE))
        session.subsystem.end_of_input()
        self.assertEqual((session.channel.ended, files.gate.closed), (True, 0))
        session.lose()
        self.assertEqual(files.gate.closed, 1)

    def test_pieces(self) -> None:
        """Whole requests that wait are answered before the end, however they were cut."""
        asked = (request(LSTAT, number, string(b"/")) for number in range(4))
        packets = b"".join(map(Interpreter(self.version).to_server, asked))
        for at in (3, 12, 23):
            with self.subTest(at=at):
                session = self.begin().literal()
                session.channel.open = False
                session.feed(packets[:at])
                session.feed(packets[at:])
                session.subsystem.end_of_input()
                self.assertEqual(numbers(session.go_on()), [0, 1, 2, 3])
                self.assertEqual((session.channel.ended, session.channel.late), (True, []))
