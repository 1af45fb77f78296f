"""
Opening and writing: what resumes, what appends, which mode a new file gets.
"""

from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.codec import Codec
from conchsftp.sftp.numbers import FileType
from conchsftp.sftp.statuses import Status
from tests.bugs.classes import bug_class
from tests.bugs.support import LocalWireCase, WireCase
from tests.session.support import (
    HANDLE,
    LSTAT,
    MKDIR,
    OPEN,
    numbers,
    opening,
    reading,
    request,
    string,
    u32,
    u64,
    writing,
)
from tests.session.versions import in_versions

READ, WRITE, APPEND, CREAT, TRUNC, EXCL = 1, 2, 4, 8, 0x10, 0x20
FIRST, SECOND = b"the first half, ", b"and the second"
# curl and Cyberduck; scp and sftp's reput; with READ, as libraries open what they also want to look at.
RESUMING = (WRITE, WRITE | CREAT, READ | WRITE)


def mode(permissions: int) -> bytes:
    """Lay out attributes of version 3 with a mode and nothing else."""
    return u32(4) + u32(permissions)


@bug_class(1)
class AboutResuming:
    """An upload that goes on where an earlier one ended: WRITE without TRUNC, at an offset."""

    def test_prefix_is_kept(self) -> None:
        """However a client says that it resumes, what is there stays, and the rest is written behind it."""
        for pflags in RESUMING:
            self.put("/up", FIRST)
            handle = self.open(b"/up", pflags)
            self.assert_status(self.one(writing(handle, len(FIRST), SECOND)), Status.OK)
            self.close(handle)
            self.assertEqual(self.get("/up"), FIRST + SECOND, pflags)

    def test_opening_changes_nothing(self) -> None:
        """Opening to resume and closing again leaves the file as it was, zeros and all."""
        for pflags in RESUMING:
            self.put("/up", FIRST)
            self.close(self.open(b"/up", pflags))
            self.assertEqual(self.get("/up"), FIRST)

    def test_only_what_is_written_changes(self) -> None:
        """A write in the middle replaces as many bytes as it brings."""
        self.put("/up", b"0123456789")
        handle = self.open(b"/up", WRITE)
        self.assert_status(self.one(writing(handle, 3, b"xyz")), Status.OK)
        self.close(handle)
        self.assertEqual(self.get("/up"), b"012xyz6789")

    def test_after_a_lost_connection(self) -> None:
        """What arrived before the connection broke is there for the next one, which asks for the size and goes on."""
        handle = self.open(b"/up.filepart", WRITE | CREAT | TRUNC, mode(0o644))
        self.assert_status(self.one(writing(handle, 0, FIRST)), Status.OK)
        self.session.memory.cut()
        self.session = self.begin()
        found = self.one(request(LSTAT, 1, string(b"/up.filepart")))
        self.assertEqual(found[5:17], u32(int.from_bytes(found[5:9], "big")) + u64(len(FIRST)))
        handle = self.open(b"/up.filepart", WRITE)
        self.assert_status(self.one(writing(handle, len(FIRST), SECOND)), Status.OK)
        self.close(handle)
        self.assertEqual(self.get("/up.filepart"), FIRST + SECOND)

    def test_on_a_second_connection(self) -> None:
        """A transfer goes on in the background, on a second connection, while the first has the file open still."""
        first = self.session
        handle = self.open(b"/up", WRITE | CREAT | TRUNC)
        self.assert_status(self.one(writing(handle, 0, FIRST)), Status.OK)
        self.session = self.begin()
        other = self.open(b"/up", WRITE)
        self.assert_status(self.one(writing(other, len(FIRST), SECOND)), Status.OK)
        self.assertEqual(self.get("/up"), FIRST + SECOND)
        self.close(other)
        self.session = first
        self.close(handle)
        self.assertEqual(self.get("/up"), FIRST + SECOND)

    def test_truncating_truncates(self) -> None:
        """Only who asks for TRUNC loses what was there; Cyberduck asks without CREAT."""
        for pflags in (WRITE | CREAT | TRUNC, WRITE | TRUNC):
            self.put("/up", FIRST)
            self.close(self.open(b"/up", pflags))
            self.assertEqual(self.get("/up"), b"", pflags)

    def test_exclusive(self) -> None:
        """EXCL refuses what exists, by which WinSCP learns that it has to ask; the file is not touched."""
        self.put("/up", FIRST)
        self.assert_status(self.one(opening(b"/up", 0, WRITE | CREAT | EXCL)), Status.FILE_ALREADY_EXISTS)
        self.assertEqual(self.get("/up"), FIRST)


@bug_class(2)
class AboutAppending:
    """APPEND: the end of the file counts, not the offset."""

    def test_offset_is_ignored(self) -> None:
        """Whatever offset a WRITE names, it goes to the end."""
        self.put("/log", FIRST)
        handle = self.open(b"/log", WRITE | CREAT | APPEND)
        for offset in (0, 3, len(FIRST), 2**40):
            self.assert_status(self.one(writing(handle, offset, b"<%d>" % offset)), Status.OK)
        self.close(handle)
        self.assertEqual(self.get("/log"), FIRST + b"<0><3><%d><%d>" % (len(FIRST), 2**40))

    def test_new_file(self) -> None:
        """A file that APPEND makes begins with the first write."""
        handle = self.open(b"/new", WRITE | CREAT | APPEND)
        replies = self.session.ask(writing(handle, 100, b"one,", 1), writing(handle, 0, b"two", 2))
        self.assert_statuses(replies, Status.OK, Status.OK)
        self.assertEqual(self.get("/new"), b"one,two")

    def test_two_clients(self) -> None:
        """Two clients that append to one file lose nothing of each other's."""
        sessions = [self.session, self.begin()]
        handles = []
        for self.session in sessions:
            handles.append(self.open(b"/log", WRITE | CREAT | APPEND))
        for at in range(4):
            self.session = sessions[at % 2]
            # Each counts only what it has written itself.
            self.assert_status(self.one(writing(handles[at % 2], at // 2 * 2, b"%d;" % at)), Status.OK)
        self.assertEqual(self.get("/log"), b"0;1;2;3;")

    def test_reading_is_by_offset(self) -> None:
        """A handle that appends and reads still reads where it is told to."""
        self.put("/log", FIRST)
        handle = self.open(b"/log", READ | WRITE | APPEND)
        self.assert_status(self.one(writing(handle, 0, SECOND)), Status.OK)
        self.assertEqual(self.one(reading(handle, 4, 5))[9:], b"first")

    def test_appending_access_is_no_append_mode(self) -> None:
        """WinSCP asks versions 5 and 6 for the right to append and writes at offsets: only the flag appends."""
        for version in (5, 6):
            body = bytes.fromhex("03 00000001 00000001 61 00000006 00000003 00000000 01")
            _, opened = Codec(version).decode([memoryview(body)])
            file = self.files.open("/a", opened.access, opened.flags, opened.attributes)
            file.write(0, b"0123456789")
            file.write(2, b"xx")
            file.close()
            self.assertEqual(self.get("/a"), b"01xx456789")


@bug_class(4)
class AboutModes:
    """Which permissions a new file gets."""

    def mode_of(self, path: str) -> int:
        """Return the permissions of a file, as the file system has them."""
        return self.files.stat(path).permissions

    def test_no_attributes(self) -> None:
        """A file that is made without attributes can be read and written by its owner, less the umask."""
        self.close(self.open(b"/plain", WRITE | CREAT | TRUNC))
        self.assertEqual(self.mode_of("/plain"), 0o644)

    def test_other_attributes(self) -> None:
        """The same if other attributes come and no permissions: WinSCP sends the size, some libraries the times."""
        for number, attributes in enumerate((u32(1) + u64(5), u32(8) + u32(1) + u32(2), u32(9) + u64(5) + u64(0))):
            self.close(self.open(b"/%d" % number, WRITE | CREAT | TRUNC, attributes))
            self.assertEqual(self.mode_of(f"/{number}"), 0o644, attributes)

    def test_permissions_that_are_sent(self) -> None:
        """What is sent counts, with the bits of a file type or without, less the umask."""
        for number, (sent, expected) in enumerate(((0o600, 0o600), (0o100664, 0o644), (0o100755, 0o755))):
            self.close(self.open(b"/%d" % number, WRITE | CREAT | EXCL, mode(sent)))
            self.assertEqual(self.mode_of(f"/{number}"), expected)

    def test_existing_file(self) -> None:
        """Opening what exists changes no permissions: sshfs sends 0, curl those of a plain file."""
        for sent in (0, 0o100644):
            for pflags in (READ, READ | WRITE, WRITE | CREAT, WRITE | CREAT | TRUNC):
                self.put("/old", FIRST, 0o640)
                self.close(self.open(b"/old", pflags, mode(sent)))
                self.assertEqual(self.mode_of("/old"), 0o640, (sent, pflags))

    def test_read_only_file(self) -> None:
        """A file that is made read-only is written through the handle that made it, as git does."""
        handle = self.open(b"/object", WRITE | CREAT | EXCL, mode(0o444))
        self.assert_status(self.one(writing(handle, 0, FIRST)), Status.OK)
        self.close(handle)
        self.assertEqual((self.get("/object"), self.mode_of("/object")), (FIRST, 0o444))

    def test_directory(self) -> None:
        """A directory that is made without attributes can be entered, and files made in it."""
        replies = self.session.ask(
            request(MKDIR, 1, string(b"/d"), u32(0)),
            request(OPEN, 2, string(b"/d/f"), u32(WRITE | CREAT), u32(0)),
        )
        self.assertEqual(numbers(replies), [1, 2])
        self.assertEqual(replies[1][0], HANDLE)
        self.assertEqual(self.mode_of("/d"), 0o755)
        self.assertEqual(self.files.stat("/d").type, FileType.DIRECTORY)


class AllTests(AboutResuming, AboutAppending, AboutModes):
    """All of it."""


@in_versions()
class MemoryTests(AllTests, WireCase):
    """In memory."""


@in_versions()
class LocalTests(AllTests, LocalWireCase):
    """On a disk."""


@in_versions()
@bug_class(4)
class NoPermissionsTests(WireCase):
    """A file system that is an application's own."""

    def test_nothing_is_made_up(self) -> None:
        """The file system is told of no permissions where a client sent none, and of those that it sent."""
        asked = []
        original = self.files.open

        def note(path: str, access: int, flags: int, attributes: Attributes) -> object:
            asked.append(attributes.permissions)
            return original(path, access, flags, attributes)

        self.files.open = note
        self.session = self.begin()
        for attributes in (u32(0), mode(0), mode(0o100600)):
            self.open(b"/f", WRITE | CREAT, attributes)
        self.assertEqual(asked, [None, 0, 0o600])
