"""
What every file system of ours does alike: files.
"""

from typing import Any

from zope.interface.verify import verifyObject

from conchsftp.interfaces import IFile
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, FileType, OpenFlag, RenameFlag
from conchsftp.sftp.statuses import Status
from tests.files.case import (
    ANY,
    APPEND,
    BOTH,
    EMPTY,
    EXISTS,
    FOLDER,
    MISSING,
    NEW,
    NO_FOLDER,
    NONE,
    OLD,
    READ,
    TRUNCATE,
    WRITE,
    FileSystemCase,
)


class OpenTests(FileSystemCase):
    """Opening and creating."""

    def test_dispositions(self) -> None:
        """Each disposition, for a file that exists and one that does not (filexfer-13, 8.1.1.3)."""
        rows = (
            # how, a missing file, one with "old" in it
            (NEW, b"", EXISTS),
            (TRUNCATE, b"", b""),
            (OLD, MISSING, b"old"),
            (ANY, b"", b"old"),
            (EMPTY, MISSING, b""),
        )
        for flags, missing, present in rows:
            for number, outcome in enumerate((missing, present)):
                path = f"/{int(flags)}{number}"
                if number:
                    self.put(path, b"old")
                if isinstance(outcome, Status):
                    self.refused(outcome, self.files.open, path, BOTH, flags, NONE)
                else:
                    self.files.open(path, BOTH, flags, NONE).close()
                    assert self.get(path) == outcome, path

    def test_unknown_disposition(self) -> None:
        """The three numbers that are no disposition are refused."""
        for number in (5, 6, 7):
            self.refused(Status.INVALID_PARAMETER, self.files.open, "/a", WRITE, OpenFlag(number), NONE)

    def test_attributes_of_an_old_file(self) -> None:
        """Attributes apply only to a file that this call creates: sshfs sends mode 0 with every OPEN."""
        self.put("/a", b"abc", 0o640)
        for flags in (OLD, ANY, EMPTY, TRUNCATE):
            self.files.open("/a", WRITE, flags, Attributes(permissions=0, size=9, mtime=1, atime=1)).close()
            there = self.files.stat("/a")
            assert there.permissions == 0o640
            assert there.mtime != 1

    def test_mode_of_a_new_file(self) -> None:
        """A new file has the wanted mode less the umask, or 0666 less the umask."""
        for wanted, got in ((None, 0o644), (0o777, 0o755), (0o600, 0o600), (0o4711, 0o4711)):
            self.put(f"/{wanted}", b"", wanted)
            assert self.files.stat(f"/{wanted}").permissions == got

    def test_times_of_a_new_file(self) -> None:
        """Times are applied to a file that is created; a size is a hint, and no reason to fail."""
        wanted = Attributes(mtime=1000, mtime_ns=5, atime=2000, size=50)
        self.files.open("/a", WRITE, NEW, wanted).close()
        there = self.files.stat("/a")
        assert (there.mtime, there.mtime_ns, there.atime, there.size) == (1000, 5, 2000, 0)

    def test_directory(self) -> None:
        """A directory is no file, whatever is wanted of it."""
        self.files.make_directory("/d", NONE)
        for path in ("/d", "/"):
            for access in (READ, WRITE, BOTH):
                for flags in (OLD, ANY, TRUNCATE, EMPTY):
                    self.refused(FOLDER, self.files.open, path, access, flags, NONE)
        self.refused(EXISTS, self.files.open, "/d", WRITE, NEW, NONE)

    def test_missing_parent(self) -> None:
        """No directory is made by the way."""
        self.put("/f")
        for flags in (NEW, ANY, OLD):
            self.refused(MISSING, self.files.open, "/d/a", WRITE, flags, NONE)
            self.refused(NO_FOLDER, self.files.open, "/f/a", WRITE, flags, NONE)

    def test_links(self) -> None:
        """A file is opened, and created, through links; CREATE_NEW never goes through one."""
        self.files.make_symlink("/l", "a")
        self.refused(EXISTS, self.files.open, "/l", WRITE, NEW, NONE)
        self.put("/l", b"abc")
        assert self.get("/a") == b"abc"
        assert self.files.lstat("/l").type == FileType.SYMLINK
        self.refused(EXISTS, self.files.open, "/l", WRITE, NEW, NONE)

    def test_no_follow(self) -> None:
        """NOFOLLOW refuses a link in the last place (filexfer-13, 8.1.1.3)."""
        self.put("/d", b"abc")
        self.files.make_symlink("/l", "d")
        for flags in (OLD, ANY, TRUNCATE):
            self.refused(Status.LINK_LOOP, self.files.open, "/l", READ, flags | OpenFlag.NOFOLLOW, NONE)
        assert self.files.open("/d", READ, OLD | OpenFlag.NOFOLLOW, NONE).read(0, 9) == b"abc"

    def test_locks(self) -> None:
        """Who has locked a file is alone with it (test_locks.py tells the rest); as a backup nothing is opened."""
        self.refused(Status.OP_UNSUPPORTED, self.files.open, "/a", WRITE, NEW | OpenFlag.BACKUP_STREAM, NONE)
        self.refused(MISSING, self.files.stat, "/a")
        file = self.files.open("/a", WRITE, NEW | OpenFlag.BLOCK_READ | OpenFlag.BLOCK_WRITE, NONE)
        self.refused(Status.LOCK_CONFLICT, self.files.open, "/a", READ, OLD, NONE)
        file.close()
        self.files.open("/a", READ, OLD, NONE).close()

    def test_delete_on_close(self) -> None:
        """The file is gone once it is closed; another one that got its name meanwhile is not."""
        self.put("/a")
        self.files.open("/a", READ, OLD | OpenFlag.DELETE_ON_CLOSE, NONE).close()
        self.refused(MISSING, self.files.stat, "/a")
        self.put("/a")
        file = self.files.open("/a", READ, OLD | OpenFlag.DELETE_ON_CLOSE, NONE)
        self.files.rename("/a", "/b", RenameFlag(0))
        self.put("/a", b"new")
        file.close()
        assert self.get("/a") == b"new"

    def test_abilities(self) -> None:
        """What the file system says its files can do, they can."""
        file = self.files.open("/a", BOTH, NEW, NONE)
        for ability in (IFile, *self.files.file_abilities):
            verifyObject(ability, file)


class ReadAndWriteTests(FileSystemCase):
    """What is in files."""

    def test_read(self) -> None:
        """A read returns what there is, all of it; at and after the end, nothing."""
        self.put("/a", b"0123456789")
        file = self.files.open("/a", READ, OLD, NONE)
        for offset, length, data in (
            (0, 10, b"0123456789"),
            (0, 11, b"0123456789"),
            (3, 4, b"3456"),
            (9, 5, b"9"),
            (10, 5, b""),
            (11, 5, b""),
            (2**40, 5, b""),
            (2**63 - 5, 5, b""),
            (2**63 - 1, 5, b""),
            (2**63, 5, b""),
            (2**64 - 1, 5, b""),
        ):
            assert file.read(offset, length) == data, (offset, length)

    def test_read_into(self) -> None:
        """The lent views are filled one after the other."""
        self.put("/a", bytes(range(100)))
        file = self.files.open("/a", READ, OLD, NONE)
        buffer = bytearray(120)
        views = [memoryview(buffer)[:10], memoryview(buffer)[20:50], memoryview(buffer)[60:120]]
        assert file.read_into(views, 5) == 95
        assert buffer[:10] == bytes(range(5, 15))
        assert buffer[20:50] == bytes(range(15, 45))
        assert buffer[60:115] == bytes(range(45, 100))
        assert buffer[10:20] == bytes(10)
        assert file.read_into(views, 100) == 0
        assert file.read_into(views, 2**64 - 1) == 0
        assert file.read_into([], 0) == 0

    def test_write(self) -> None:
        """A write replaces what is there; beyond the end the gap is zeros; nothing is truncated."""
        self.put("/a", b"0123456789")
        file = self.files.open("/a", BOTH, OLD, NONE)
        file.write(2, b"xy")
        file.write(12, b"z")
        file.write(20, b"")
        assert file.read(0, 99) == b"01xy456789\0\0z"

    def test_write_from(self) -> None:
        """Pieces are written as one."""
        file = self.files.open("/a", BOTH, NEW, NONE)
        file.write_from([memoryview(b"ab"), b"", bytearray(b"cd"), b"e"], 1)
        file.write_from([], 0)
        assert file.read(0, 99) == b"\0abcde"

    def test_append(self) -> None:
        """An append handle ignores the offset."""
        for flag in (OpenFlag.APPEND_DATA, OpenFlag.APPEND_DATA_ATOMIC):
            self.put("/a", b"abc")
            file = self.files.open("/a", BOTH, OLD | flag, NONE)
            file.write(0, b"d")
            file.write_from([b"e", b"f"], 99)
            assert file.read(0, 99) == b"abcdef"

    def test_too_far(self) -> None:
        """No file is as long as offsets can be."""
        file = self.files.open("/a", WRITE, NEW, NONE)
        for offset in (2**63 - 1, 2**63, 2**64 - 1):
            self.refused(Status.FAILURE, file.write, offset, b"abc")

    def test_wrong_direction(self) -> None:
        """A handle can only do what it was opened for."""
        self.put("/a", b"abc")
        file = self.files.open("/a", READ, OLD, NONE)
        self.refused(Status.PERMISSION_DENIED, file.write, 0, b"x")
        self.refused(Status.PERMISSION_DENIED, file.set_attributes, Attributes(size=1))
        file = self.files.open("/a", WRITE, OLD, NONE)
        self.refused(Status.PERMISSION_DENIED, file.read, 0, 1)
        self.refused(Status.PERMISSION_DENIED, file.read_into, [bytearray(1)], 0)

    def test_neither_direction(self) -> None:
        """A handle that was opened for nothing can read, as OpenSSH has it."""
        self.put("/a", b"abc")
        assert self.files.open("/a", Access(0), OLD, NONE).read(0, 9) == b"abc"

    def test_removed(self) -> None:
        """A file that is removed while it is open goes on until it is closed."""
        file = self.files.open("/a", BOTH, NEW, NONE)
        self.files.remove("/a")
        file.write(0, b"abc")
        assert file.read(0, 9) == b"abc"
        assert file.stat().size == 3
        file.close()

    def test_stat(self) -> None:
        """An open file tells its attributes, and takes changes."""
        file = self.files.open("/a", BOTH, NEW, NONE)
        file.write(0, b"0123456789")
        file.set_attributes(Attributes(size=4, permissions=0o600, mtime=5, mtime_ns=6))
        there = file.stat()
        assert (there.type, there.size, there.permissions) == (FileType.REGULAR, 4, 0o600)
        assert (there.mtime, there.mtime_ns, there.link_count) == (5, 6, 1)
        assert file.read(0, 99) == b"0123"
        file.set_attributes(Attributes(size=6))
        assert file.read(0, 99) == b"0123\0\0"


class CopyTests(FileSystemCase):
    """Copying on the server."""

    def copy(self, *args: Any) -> Any:
        return self.files.open("/a", READ, OLD, NONE).copy_to(*args)

    def test_copy_ranges(self) -> None:
        """A range is copied; a length of 0 means: to the end."""
        self.put("/a", b"0123456789")
        target = self.files.open("/b", BOTH, NEW, NONE)
        self.copy(target, 0, 0, 0)
        assert target.read(0, 99) == b"0123456789"
        self.copy(target, 2, 3, 12)
        assert target.read(0, 99) == b"0123456789\0\x00234"

    def test_too_short(self) -> None:
        """A source that ends before the range does is an error, after the copying."""
        self.put("/a", b"0123456789")
        target = self.files.open("/b", BOTH, NEW, NONE)
        self.refused(Status.EOF, self.copy, target, 5, 6, 0)
        assert target.read(0, 99) == b"56789"

    def test_overlap(self) -> None:
        """Within one file, ranges must not overlap."""
        self.put("/a", b"0123456789")
        target = self.files.open("/a", BOTH, OLD, NONE)
        for offset, length, there in ((0, 5, 4), (4, 5, 0), (0, 5, 0), (0, 0, 0), (0, 0, 9), (8, 0, 0 + 8)):
            self.refused(Status.INVALID_PARAMETER, self.copy, target, offset, length, there)
        self.copy(target, 0, 5, 5)
        assert target.read(0, 99) == b"0123401234"
        self.copy(target, 0, 0, 10)
        assert target.read(0, 99) == b"01234012340123401234"

    def test_copy_appends(self) -> None:
        """Copying to an append handle appends."""
        self.put("/a", b"abc")
        self.put("/b", b"xyz")
        target = self.files.open("/b", BOTH, OLD | APPEND, NONE)
        self.copy(target, 0, 2, 0)
        assert target.read(0, 99) == b"xyzab"

    def test_stranger(self) -> None:
        """The target must be of the same file system."""
        self.put("/a", b"abc")
        self.refused(Status.OP_UNSUPPORTED, self.copy, object(), 0, 0, 0)
