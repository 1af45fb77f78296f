"""
Reading, writing, listing and closing what is open.
"""

from typing import Any

from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    ATTRS,
    CLOSE,
    DATA,
    FOR_READING,
    FOR_WRITING,
    FSETSTAT,
    FSTAT,
    NAME,
    OPENDIR,
    READDIR,
    TO_CREATE,
    Session,
    SessionCase,
    opening,
    reading,
    request,
    string,
    string_at,
    unhex,
    writing,
)
from tests.session.versions import in_versions

LIMIT = 255 * 1024
MOST = 256 * 1024 - 9
SUCCESS = "00000000  00000007 53756363657373  00000002 656e"


class WireTests(SessionCase):
    """A whole conversation, laid out byte by byte."""

    rows = (
        # OPEN "a" with READ | WRITE and no attributes; HANDLE
        ("03 00000001  00000001 61  00000003  00000000", "66 00000001  00000008 3030303030303030"),
        # READ 4 bytes at 2; DATA
        ("05 00000002  00000008 3030303030303030  0000000000000002 00000004", "67 00000002  00000004 32333435"),
        # READ at the end; STATUS EOF, "End of file", "en"
        (
            "05 00000003  00000008 3030303030303030  000000000000000a 00000004",
            "65 00000003  00000001  0000000b 456e64206f662066696c65  00000002 656e",
        ),
        # WRITE "xyz" at 1; STATUS OK, "Success"
        (
            "06 00000004  00000008 3030303030303030  0000000000000001 00000003 78797a",
            f"65 00000004 {SUCCESS}",
        ),
        # FSETSTAT with size 5, uid and gid 7, mode 0100640 (libssh2 sends the type as well), times 1 and 2; OK
        (
            "0a 00000005  00000008 3030303030303030"
            "  0000000f 0000000000000005 00000007 00000007 000081a0 00000001 00000002",
            f"65 00000005 {SUCCESS}",
        ),
        # FSTAT; ATTRS with size, uid and gid, mode with the type, times
        (
            "08 00000006  00000008 3030303030303030",
            "69 00000006  0000000f 0000000000000005 00000007 00000007 000081a0 00000001 00000002",
        ),
        # CLOSE; OK. Then again; FAILURE, which is what version 3 has for an invalid handle
        ("04 00000007  00000008 3030303030303030", f"65 00000007 {SUCCESS}"),
        (
            "04 00000008  00000008 3030303030303030",
            "65 00000008  00000004  00000015 546869732066696c65206973206e6f74206f70656e  00000002 656e",
        ),
    )

    def test_conversation(self) -> None:
        """Requests and replies of a file in version 3 (filexfer-02, 6 and 7)."""
        for asked, expected in self.rows:
            with self.subTest(asked=asked):
                self.assertEqual(self.one(unhex(asked)), bytes.fromhex(expected))
        self.assertEqual(self.files.get("/home/a"), b"0xyz4")

    def test_listing(self) -> None:
        """One entry, laid out: name, the line of `ls -l`, attributes."""
        self.begin(dir_list_buffer_size=1)
        self.files.set_attributes("/home", Attributes(atime=0, mtime=0), True)
        handle = self.opened(request(OPENDIR, 0, string(b"/home")))
        reply = self.one(request(READDIR, 3, string(handle)))
        line = b"drwxr-xr-x   1 1000     1000            1 Jan  1  1970 ."
        attributes = "0000000f 0000000000000001 000003e8 000003e8 000041ed 00000000 00000000"
        expected = bytes.fromhex("68 00000003 00000001 00000001 2e") + string(line) + bytes.fromhex(attributes)
        self.assertEqual(reply, expected)


@in_versions()
class StaleTests(SessionCase):
    """Handles that are none, or of the wrong kind, are answered; nobody waits in vain."""

    def every(self, handle: bytes) -> dict[str, bytes]:
        """Lay out every request with a handle."""
        nothing = bytes.fromhex("00000000")
        return {
            "read": reading(handle, 0, 10),
            "read nothing": reading(handle, 0, 0),
            "write": writing(handle, 0, b"x"),
            "list": request(READDIR, 0, string(handle)),
            "stat": request(FSTAT, 0, string(handle)),
            "set": request(FSETSTAT, 0, string(handle), nothing),
            "close": request(CLOSE, 0, string(handle)),
        }

    def test_unknown(self) -> None:
        """Handles that were never given, of any length and any bytes."""
        self.opened(opening(b"a"))
        for handle in (b"", b"\0", b"0", b"00000001", b"\xff" * 8, b"x" * 256, b"x" * 257, b"x" * 100_000):
            for packet in self.every(handle).values():
                self.assert_status(self.one(packet), Status.INVALID_HANDLE)

    def test_closed(self) -> None:
        """Handles that were closed, also while another file is open under a later one."""
        handle = self.opened(opening(b"a"))
        self.one(request(CLOSE, 1, string(handle)))
        self.assertNotEqual(self.opened(opening(b"a")), handle)
        for packet in self.every(handle).values():
            self.assert_status(self.one(packet), Status.INVALID_HANDLE)

    def test_kinds(self) -> None:
        """A directory cannot be read or written, a file not listed; both have attributes."""
        directory, file = self.opened(request(OPENDIR, 0, string(b"/"))), self.opened(opening(b"a"))
        for name, packet in self.every(directory).items():
            if name in ("read", "read nothing", "write"):
                self.assert_status(self.one(packet), Status.INVALID_HANDLE)
        self.assert_status(self.one(request(READDIR, 0, string(file))), Status.INVALID_HANDLE)
        for handle in (directory, file):
            self.assertEqual(self.one(request(FSTAT, 0, string(handle)))[0], ATTRS)
            self.assert_status(self.one(request(CLOSE, 0, string(handle))), Status.OK)

    def test_other_session(self) -> None:
        """A handle of one session means nothing in another."""
        handle = self.opened(opening(b"a"))
        self.assert_status(
            Session(self.files, version=self.version).greet().ask(reading(handle, 0, 1))[0], Status.INVALID_HANDLE
        )


@in_versions()
class ReadTests(SessionCase):
    """READ."""

    def read(self, offset: int, length: int, handle: bytes | None = None) -> bytes:
        """Return the data of a reply."""
        reply = self.one(reading(self.a if handle is None else handle, offset, length))
        self.assertEqual(reply[0], DATA, reply)
        self.assertEqual(len(reply), 9 + len(string_at(reply, 5)))
        return string_at(reply, 5)

    def setUp(self) -> None:
        super().setUp()
        self.a = self.opened(opening(b"a"))

    def test_both_ways(self) -> None:
        """All that follows holds for files that are read into the packets, and for those that are not."""
        for files in (self.files, SlowFileSystem(self.files, [])):
            with self.subTest(files=files):
                self.begin(files)
                self.a = self.opened(opening(b"a"))
                self.check_end()
                self.check_nothing()
                self.check_limit()
                self.check_refusals()

    def check_end(self) -> None:
        """What is left is read; at and behind the end it is EOF, never empty DATA."""
        self.assertEqual(self.read(0, 10), b"0123456789")
        self.assertEqual(self.read(0, 11), b"0123456789")
        self.assertEqual(self.read(9, 100), b"9")
        for offset in (10, 11, 2**31, 2**32, 2**63 - 1):
            for length in (1, 100, 0xFFFFFFFF):
                self.assert_status(self.one(reading(self.a, offset, length)), Status.EOF)

    def check_nothing(self) -> None:
        """Zero bytes are empty DATA, wherever they are asked for."""
        for offset in (0, 5, 10, 2**40):
            self.assertEqual(self.read(offset, 0), b"")

    def check_limit(self) -> None:
        """A READ is full up to what a packet of 256 KiB holds; a larger one gives that much."""
        content = bytes(range(256)) * 4 * 300
        self.files.put("/home/large", content)
        large = self.opened(opening(b"large"))
        for length in (LIMIT, MOST - 1, MOST, MOST + 1, 2**20, 0xFFFFFFFF):
            self.assertEqual(self.read(7, length, large), content[7 : 7 + min(length, MOST)])

    def check_refusals(self) -> None:
        """A file that is open for writing only is not read; not even past its end."""
        handle = self.opened(opening(b"a", pflags=FOR_WRITING))
        for offset in (0, 100):
            self.assert_status(self.one(reading(handle, offset, 10)), Status.PERMISSION_DENIED)


@in_versions()
class WriteTests(SessionCase):
    """WRITE."""

    def setUp(self) -> None:
        super().setUp()
        self.a = self.opened(opening(b"a"))

    def write(self, offset: int, data: bytes, handle: bytes | None = None) -> None:
        self.assert_status(self.one(writing(self.a if handle is None else handle, offset, data)), Status.OK)

    def test_places(self) -> None:
        """Data goes where it is to go; what is between is filled with zeros."""
        self.write(3, b"abc")
        self.assertEqual(self.files.get("/home/a"), b"012abc6789")
        self.write(12, b"x")
        self.assertEqual(self.files.get("/home/a"), b"012abc6789\0\0x")

    def test_nothing(self) -> None:
        """Zero bytes change nothing, not even the size (proftpd, pkg/sftp)."""
        for offset in (0, 10, 1000):
            self.write(offset, b"")
        self.assertEqual(self.files.get("/home/a"), b"0123456789")

    def test_append(self) -> None:
        """Where a file is open for appending the offset is ignored (filexfer-02, 6.3)."""
        handle = self.opened(opening(b"a", pflags=FOR_WRITING | 4))
        self.write(0, b"x", handle)
        self.write(3, b"y", handle)
        self.assertEqual(self.files.get("/home/a"), b"0123456789xy")

    def test_pieces(self) -> None:
        """The data of one WRITE may come in as many pieces as it has bytes."""
        data = bytes(range(256)) * 8
        packet = writing(self.a, 0, data)
        for size in (1, 7, 100, 301, 1024):
            with self.subTest(size=size):
                replies = []
                for at in range(0, len(packet), size):
                    replies += self.session.ask(packet[at : at + size])
                self.assert_statuses(replies, Status.OK)
                self.assertEqual(self.files.get("/home/a"), data)

    def test_pieces_in_one_turn(self) -> None:
        """Also if they came in one turn, and all still lie where they were received."""
        data = bytes(range(256)) * 8
        packet = writing(self.a, 0, data)
        for size in (400, 1000):
            received = [bytearray(packet[at : at + size]) for at in range(0, len(packet), size)]
            for each in received:
                self.session.subsystem.dataReceived(memoryview(each))
            self.assert_statuses(self.session.replies(), Status.OK)
            self.assertEqual(self.files.get("/home/a"), data)

    def test_largest(self) -> None:
        """The largest WRITE that is promised is done whole."""
        data = b"x" * LIMIT
        self.write(0, data)
        self.assertEqual(self.files.get("/home/a"), data)

    def test_without_ability(self) -> None:
        """A file that cannot take pieces gets one bytes object."""
        written: list[Any] = []
        files = SlowFileSystem(self.files, [])
        self.begin(files)
        handle = self.opened(opening(b"a"))
        opened = self.session.conversation.handles.get(handle, object)
        opened.from_pieces = None
        opened.write = lambda offset, data: written.append((offset, data))
        packet = writing(handle, 5, b"x" * 1000)
        self.session.feed(packet[:500])
        self.assert_status(self.one(packet[500:]), Status.OK)
        self.assertEqual(written, [(5, b"x" * 1000)])
        self.assertIs(type(written[0][1]), bytes)

    def test_refusals(self) -> None:
        """A file that is open for reading only is not written."""
        handle = self.opened(opening(b"a", pflags=FOR_READING))
        self.assert_status(self.one(writing(handle, 0, b"x")), Status.PERMISSION_DENIED)


@in_versions()
class CloseTests(SessionCase):
    """CLOSE."""

    def test_failing(self) -> None:
        """A handle is dead, whatever the status says: a failing close is told, and not tried again."""
        files = SlowFileSystem(self.files, ["file.close"])
        session = self.begin(files)
        handle = self.opened(opening(b"a"))
        session.feed(request(CLOSE, 1, string(handle)))
        files.gate.fail(OSError(28, "no space"))
        self.assert_statuses(session.replies(), Status.NO_SPACE_ON_FILESYSTEM)
        self.assert_status(self.one(request(CLOSE, 1, string(handle))), Status.INVALID_HANDLE)
        session.lose()
        self.assertEqual(files.gate.closed, 1)

    def test_visible(self) -> None:
        """What was written is there when CLOSE is answered (paramiko asks for the size at once)."""
        handle = self.opened(opening(b"new", pflags=TO_CREATE))
        replies = self.session.ask(
            writing(handle, 0, b"abc"), request(CLOSE, 1, string(handle)), request(17, 2, string(b"new"))
        )
        self.assertEqual(replies[2][9:17], bytes.fromhex("0000000000000003"))


@in_versions()
class ListTests(SessionCase):
    """READDIR."""

    def setUp(self) -> None:
        super().setUp()
        for number in range(250):
            self.files.put(f"/many/{number:03}", b"")

    def names(self, handle: bytes) -> list[list[bytes]]:
        """List to the end and return the names of each reply; check that each reply is well-formed."""
        replies = []
        while (reply := self.one(request(READDIR, 3, string(handle))))[0] == NAME:
            self.assertLessEqual(len(reply), 34000)
            count, at = int.from_bytes(reply[5:9], "big"), 9
            self.assertGreater(count, 0)
            names = []
            for _ in range(count):
                name = string_at(reply, at)
                line = string_at(reply, at + 4 + len(name))
                at += 8 + len(name) + len(line) + 32
                self.assertTrue(line.endswith(b" " + name), line)
                names.append(name)
            self.assertEqual(at, len(reply))
            replies.append(names)
        self.assert_status(reply, Status.EOF)
        return replies

    def list(self, path: bytes) -> list[list[bytes]]:
        return self.names(self.opened(request(OPENDIR, 0, string(path))))

    def test_count(self) -> None:
        """DirListBufferSize names come in a reply, at most; without it at most 100."""
        for setting, sizes in ((0, [100, 100, 52]), (1, [1] * 252), (150, [150, 102]), (1000, None)):
            with self.subTest(setting=setting):
                self.begin(dir_list_buffer_size=setting)
                replies = self.list(b"/many")
                self.assertEqual([name for names in replies for name in names][2:], [b"%03d" % i for i in range(250)])
                if sizes is not None:
                    self.assertEqual([len(names) for names in replies], sizes)

    def test_bytes(self) -> None:
        """Long names make fewer entries in a reply; none is lost and none comes twice."""
        for number in range(150):
            self.files.put(f"/long/{number:0250}", b"")
        replies = self.list(b"/long")
        self.assertEqual([name for names in replies for name in names][2:], [b"%0250d" % i for i in range(150)])
        self.assertLess(max(map(len, replies)), 80)

    def test_one_long_name(self) -> None:
        """A name that is too long for a reply comes alone, and not never."""
        handle = self.opened(request(OPENDIR, 0, string(b"/many")))
        opened = self.session.conversation.handles.get(handle, object)
        entries = [("x" * 20_000, Attributes()), ("y", Attributes())]
        opened.source.read = lambda count: [entries.pop(0) for _ in range(min(count, len(entries)))]
        replies = [self.one(request(READDIR, 3, string(handle))) for _ in range(3)]
        self.assertEqual([string_at(reply, 9)[:1] for reply in replies[:2]], [b"x", b"y"])
        self.assert_status(replies[2], Status.EOF)

    def test_end(self) -> None:
        """At the end it is EOF, again and again; never an empty NAME."""
        handle = self.opened(request(OPENDIR, 0, string(b"/many")))
        self.names(handle)
        for _ in range(3):
            self.assert_status(self.one(request(READDIR, 3, string(handle))), Status.EOF)

    def test_pipelined(self) -> None:
        """More READDIRs than there are replies end with EOF each."""
        handle = self.opened(request(OPENDIR, 0, string(b"/many")))
        replies = self.session.ask(*(request(READDIR, number, string(handle)) for number in range(50)))
        self.assertEqual([reply[0] for reply in replies[:3]], [NAME] * 3)
        self.assert_statuses(replies[3:], *[Status.EOF] * 47)

    def test_two_handles(self) -> None:
        """A directory that is open twice is listed twice, each from its beginning."""
        one, two = (self.opened(request(OPENDIR, 0, string(b"/many"))) for _ in range(2))
        self.assertNotEqual(one, two)
        self.assertEqual(self.names(one), self.names(two))

    def test_failing(self) -> None:
        """A file system that fails in the middle is told of; the listing may be tried again."""
        files = SlowFileSystem(self.files, ["directory.read"])
        session = self.begin(files)
        handle = self.opened(request(OPENDIR, 0, string(b"/many")))
        session.feed(request(READDIR, 1, string(handle)))
        files.gate.fail(OSError(5, "no"))
        self.assert_statuses(session.replies(), Status.FAILURE)
        files.gate.names = set()
        self.assertEqual(sum(map(len, self.names(handle))), 252)

    def test_any_bytes(self) -> None:
        """Names that are no UTF-8 come as they are."""
        self.files.put("/odd/\udcff\udcfe", b"")
        self.assertEqual(self.list(b"/odd"), [[b".", b"..", b"\xff\xfe"]])
