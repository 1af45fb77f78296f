"""
What every file system of ours does alike: names, attributes.
"""

from errno import ENAMETOOLONG

from conchsftp.sftp.acl import ACL, Entry
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, FileType, RenameFlag
from conchsftp.sftp.statuses import Status, status_of_errno
from tests.files.case import ANY, EXISTS, FOLDER, MISSING, NO_FOLDER, NONE, OLD, READ, WRITE, FileSystemCase


class NameTests(FileSystemCase):
    """Making, removing and renaming."""

    def test_directories(self) -> None:
        """A directory is made with its mode less the umask, and removed when it is empty."""
        self.files.make_directory("/d", NONE)
        self.files.make_directory("/d/e", Attributes(permissions=0o770, mtime=77))
        assert self.files.stat("/d").permissions == 0o755
        there = self.files.stat("/d/e")
        assert (there.type, there.permissions, there.mtime) == (FileType.DIRECTORY, 0o750, 77)
        self.refused(Status.DIR_NOT_EMPTY, self.files.remove_directory, "/d")
        self.files.remove_directory("/d/e")
        self.files.remove_directory("/d")
        assert self.names("/") == []

    def test_make_directory_refused(self) -> None:
        """What exists cannot be made, be it a link to nowhere; no parent is made by the way."""
        self.put("/f")
        self.files.make_symlink("/l", "nowhere")
        for path in ("/", "/f", "/l"):
            self.refused(EXISTS, self.files.make_directory, path, NONE)
        self.refused(MISSING, self.files.make_directory, "/d/e", NONE)
        self.refused(NO_FOLDER, self.files.make_directory, "/f/e", NONE)

    def test_remove_directory_refused(self) -> None:
        """Only a directory is removed as one, and not the root."""
        self.put("/f")
        self.files.make_directory("/d", NONE)
        self.files.make_symlink("/l", "d")
        for path in ("/f", "/l"):
            self.refused(NO_FOLDER, self.files.remove_directory, path)
        self.refused(MISSING, self.files.remove_directory, "/x")
        self.files.remove_directory("/d")
        self.refused(Status.FAILURE, self.files.remove_directory, "/")

    def test_remove(self) -> None:
        """A link is removed itself; a directory is not a file."""
        self.put("/f")
        self.files.make_directory("/d", NONE)
        self.files.make_symlink("/l", "f")
        self.files.remove("/l")
        assert self.names("/") == ["d", "f"]
        self.refused(FOLDER, self.files.remove, "/d")
        self.refused(FOLDER, self.files.remove, "/")
        self.refused(MISSING, self.files.remove, "/l")

    def test_rename(self) -> None:
        """A file or directory gets another name, elsewhere as well."""
        self.put("/f", b"abc")
        self.files.make_directory("/d", NONE)
        self.files.rename("/f", "/d/g", RenameFlag(0))
        self.files.rename("/d", "/e", RenameFlag(0))
        assert self.get("/e/g") == b"abc"
        assert self.names("/") == ["e"]

    def test_rename_over(self) -> None:
        """What exists is replaced only if that is wanted (filexfer-13, 8.3)."""
        self.files.make_directory("/d", NONE)
        self.files.make_directory("/e", NONE)
        self.files.make_symlink("/l", "nowhere")
        self.put("/x", b"x")
        for path in ("/d", "/l", "/x"):
            self.put("/a", b"abc")
            self.refused(EXISTS, self.files.rename, "/a", path, RenameFlag(0))
        self.refused(EXISTS, self.files.rename, "/e", "/d", RenameFlag(0))
        self.refused(EXISTS, self.files.rename, "/a", "/a", RenameFlag(0))
        for flag in RenameFlag:
            self.put("/a", b"abc" + bytes([flag]))
            self.files.rename("/a", "/x", flag)
            assert self.get("/x") == b"abc" + bytes([flag])
        self.put("/a", b"abc")
        self.files.rename("/a", "/l", RenameFlag.OVERWRITE)
        assert self.files.lstat("/l").type == FileType.REGULAR

    def test_rename_refused(self) -> None:
        """What makes no sense is refused."""
        self.files.make_directory("/d", NONE)
        self.files.make_directory("/d/e", NONE)
        self.put("/a")
        over = RenameFlag.OVERWRITE
        for flags in (RenameFlag(0), over):
            self.refused(MISSING, self.files.rename, "/x", "/y", flags)
            self.refused(Status.NO_SUCH_PATH, self.files.rename, "/a", "/x/y", flags)
            self.refused(Status.INVALID_PARAMETER, self.files.rename, "/d", "/d/e/f", flags)
            self.refused(Status.FAILURE, self.files.rename, "/", "/x", flags)
        self.refused(FOLDER, self.files.rename, "/a", "/d", over)
        self.refused(NO_FOLDER, self.files.rename, "/d", "/a", over)
        self.files.make_directory("/g", NONE)
        self.refused(Status.DIR_NOT_EMPTY, self.files.rename, "/g", "/d", over)
        self.files.rename("/g", "/d/e", over)

    def test_bad_names(self) -> None:
        """Paths that are none of ours are refused, each with its reason."""
        bad = Status.INVALID_FILENAME
        for path in ("", "a", "a/b", "/a\0b", "/a/", "//", "/a//b", "/..", "/a/..", "/./a", "/a/../../b", "/\ud800"):
            self.refused(bad, self.files.lstat, path)
            self.refused(bad, self.files.open, path, WRITE, ANY, NONE)
            self.refused(bad, self.files.rename, "/", path, RenameFlag.OVERWRITE)
            self.refused(bad, self.files.make_directory, path, NONE)
        assert self.names("/") == []

    def test_long_names(self) -> None:
        """A name has 255 bytes at most."""
        self.put("/" + "a" * 255)
        self.put("/" + "é" * 127)
        for path in ("/" + "a" * 256, "/" + "é" * 128):
            self.refused(Status.INVALID_FILENAME, self.files.open, path, WRITE, ANY, NONE)
            self.refused(Status.INVALID_FILENAME, self.files.make_directory, path, NONE)
        assert status_of_errno(ENAMETOOLONG) == Status.INVALID_FILENAME

    def test_any_bytes(self) -> None:
        """Names that are no UTF-8, and odd ones, are names like others."""
        names = ["\udcff\udcfe", "caf\udce9", "café", "...", ".a", " ", "a\nb", "\\", "日本", "~", "-rf", "*"]
        for name in names:
            self.put(f"/{name}", name.encode("utf-8", "surrogateescape"))
        assert self.names("/") == sorted(names)
        for name in names:
            assert self.get(f"/{name}") == name.encode("utf-8", "surrogateescape")


class AttributeTests(FileSystemCase):
    """Attributes by path."""

    def test_stat_and_lstat(self) -> None:
        """STAT follows a link, LSTAT tells of the link itself."""
        self.put("/a", b"abc")
        self.files.make_symlink("/l", "a")
        self.files.make_symlink("/nowhere", "b")
        assert self.files.stat("/l").type == FileType.REGULAR
        assert self.files.stat("/l").size == 3
        assert (self.files.lstat("/l").type, self.files.lstat("/l").size) == (FileType.SYMLINK, 1)
        assert self.files.lstat("/nowhere").type == FileType.SYMLINK
        self.refused(MISSING, self.files.stat, "/nowhere")
        self.refused(MISSING, self.files.lstat, "/b")
        self.refused(NO_FOLDER, self.files.lstat, "/a/b")
        assert self.files.lstat("/").type == self.files.stat("/").type == FileType.DIRECTORY

    def test_set(self) -> None:
        """Size, mode and times are set; nanoseconds are kept, and what is not named stays."""
        self.put("/a", b"0123456789", 0o644)
        self.files.set_attributes("/a", Attributes(size=3, permissions=0o4755, atime=1, atime_ns=2, mtime=3), True)
        there = self.files.stat("/a")
        assert (there.size, there.permissions) == (3, 0o4755)
        assert (there.atime, there.atime_ns, there.mtime, there.mtime_ns) == (1, 2, 3, 0)
        self.files.set_attributes("/a", Attributes(mtime=-1, mtime_ns=500_000_000), True)
        there = self.files.stat("/a")
        assert (there.atime, there.atime_ns, there.mtime, there.mtime_ns) == (1, 2, -1, 500_000_000)
        self.files.set_attributes("/a", Attributes(atime=9), True)
        there = self.files.stat("/a")
        assert (there.atime, there.mtime, there.mtime_ns, there.size) == (9, -1, 500_000_000, 3)

    def test_size_first(self) -> None:
        """The size is applied first: it must not spoil the times."""
        self.put("/a", b"0123456789")
        self.files.set_attributes("/a", Attributes(size=2, mtime=77), True)
        assert (self.files.stat("/a").size, self.files.stat("/a").mtime) == (2, 77)
        self.files.set_attributes("/a", Attributes(size=20, mtime=78), True)
        assert self.get("/a") == b"01" + bytes(18)
        assert self.files.stat("/a").mtime == 78

    def test_refused_in_part(self) -> None:
        """A handle that cannot write takes no size, but everything else: what is refused costs nothing that is not."""
        self.put("/a", b"0123456789")
        file = self.files.open("/a", READ, OLD, NONE)
        self.refused(Status.PERMISSION_DENIED, file.set_attributes, Attributes(size=3, permissions=0o640, mtime=5))
        there = self.files.stat("/a")
        assert (there.size, there.permissions, there.mtime) == (10, 0o640, 5)

    def test_nothing(self) -> None:
        """Nothing to set is done at once, but not for a file that is missing."""
        self.put("/a")
        self.files.set_attributes("/a", NONE, True)
        self.files.set_attributes("/a", Attributes(owner="", group=""), True)
        self.refused(MISSING, self.files.set_attributes, "/b", NONE, True)

    def test_through_links(self) -> None:
        """What a link leads to is changed, or the link itself."""
        self.put("/a", b"abc", 0o600)
        self.files.make_symlink("/l", "a")
        self.files.set_attributes("/l", Attributes(permissions=0o640, mtime=5, size=1), True)
        self.files.set_attributes("/l", Attributes(mtime=6), False)
        there = self.files.stat("/a")
        assert (there.permissions, there.mtime, there.size) == (0o640, 5, 1)
        assert self.files.lstat("/l").mtime == 6

    def test_of_links(self) -> None:
        """A link has times, but neither mode nor size; then nothing at all is changed."""
        self.files.make_symlink("/l", "nowhere")
        before = self.files.lstat("/l").mtime
        self.refused(
            Status.OP_UNSUPPORTED, self.files.set_attributes, "/l", Attributes(permissions=0o600, mtime=5), False
        )
        self.refused(Status.INVALID_PARAMETER, self.files.set_attributes, "/l", Attributes(size=5, mtime=5), False)
        assert self.files.lstat("/l").mtime == before
        self.refused(MISSING, self.files.set_attributes, "/l", Attributes(mtime=5), True)

    def test_of_directories(self) -> None:
        """A directory has a mode and times; its size cannot be set."""
        self.files.make_directory("/d", NONE)
        self.files.set_attributes("/d", Attributes(permissions=0o1700, mtime=5), True)
        assert (self.files.stat("/d").permissions, self.files.stat("/d").mtime) == (0o1700, 5)
        self.refused(FOLDER, self.files.set_attributes, "/d", Attributes(size=0), True)
        directory = self.files.list("/d")
        directory.set_attributes(Attributes(permissions=0o711, mtime=6))
        assert (directory.stat().permissions, directory.stat().mtime) == (0o711, 6)
        self.refused(FOLDER, directory.set_attributes, Attributes(size=0))

    def test_unsupported(self) -> None:
        """What cannot be set is said, and nothing else is changed."""
        self.put("/a", b"abc")
        for field, value, status in (
            # Nothing that POSIX knows says who may delete a file: not even where there are lists.
            ("acl", ACL(entries=(Entry(mask=Access.DELETE, who="OWNER@"),)), Status.OP_UNSUPPORTED),
            ("attrib_bits", 0x20, Status.OP_UNSUPPORTED),
            ("mime_type", "text/plain", Status.OP_UNSUPPORTED),
            ("link_count", 2, Status.INVALID_PARAMETER),
            ("text_hint", 0, Status.INVALID_PARAMETER),
        ):
            wanted = Attributes(size=0, **{field: value})  # type: ignore[arg-type]
            self.refused(status, self.files.set_attributes, "/a", wanted, True)
            file = self.files.open("/a", WRITE, OLD, NONE)
            self.refused(status, file.set_attributes, wanted)
        assert self.get("/a") == b"abc"

    def test_extended(self) -> None:
        """Extended attributes that nobody knows keep no other from being set (as with OpenSSH)."""
        self.put("/a", b"abc")
        self.files.set_attributes("/a", Attributes(size=2, mtime=5, extended=[(b"a", b"b")]), True)
        assert (self.get("/a"), self.files.stat("/a").mtime) == (b"ab", 5)

    def test_too_large(self) -> None:
        """No file is that long."""
        self.put("/a")
        for size in (2**63, 2**64 - 1):
            self.refused(Status.FAILURE, self.files.set_attributes, "/a", Attributes(size=size), True)
