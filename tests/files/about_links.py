"""
What every file system of ours does alike: links and directories.
"""

from errno import EINVAL

from zope.interface.verify import verifyObject

from conchsftp.interfaces import IDirectory
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType
from conchsftp.sftp.statuses import Status, status_of_errno
from tests.files.case import ANY, EXISTS, MISSING, NO_FOLDER, NONE, WRITE, FileSystemCase


class LinkTests(FileSystemCase):
    """Symbolic and hard links."""

    def test_targets(self) -> None:
        """A target is stored as it is given: relative, absolute, leading nowhere, any bytes."""
        for number, target in enumerate(("a", "../..", "/a/../b", "./x/", "\udcff", "a" * 4000)):
            self.files.make_symlink(f"/{number}", target)
            assert self.files.read_link(f"/{number}") == target

    def test_refused(self) -> None:
        """A target that is none; a name that exists; reading what is no link."""
        self.refused(MISSING, self.files.make_symlink, "/a", "")
        self.refused(Status.INVALID_FILENAME, self.files.make_symlink, "/a", "a\0b")
        self.put("/a")
        self.refused(EXISTS, self.files.make_symlink, "/a", "b")
        self.refused(EXISTS, self.files.make_symlink, "/", "b")
        self.refused(Status.INVALID_PARAMETER, self.files.read_link, "/a")
        self.refused(Status.INVALID_PARAMETER, self.files.read_link, "/")
        self.refused(MISSING, self.files.read_link, "/b")
        assert status_of_errno(EINVAL) == Status.INVALID_PARAMETER

    def test_follow(self) -> None:
        """Links are followed beneath the root: absolute ones start there, `..` stays there."""
        self.files.make_directory("/d", NONE)
        self.files.make_directory("/d/e", NONE)
        self.put("/d/e/f", b"here")
        self.put("/f", b"top")
        for number, (target, data) in enumerate(
            (
                ("d/e/f", b"here"),
                ("/d/e/f", b"here"),
                ("./d/./e//f", b"here"),
                ("d/../d/e/f", b"here"),
                ("d/e/../../f", b"top"),
                ("../../../../f", b"top"),
                ("/../../f", b"top"),
                ("d/e/../../../../../f", b"top"),
            )
        ):
            self.files.make_symlink(f"/l{number}", target)
            assert self.get(f"/l{number}") == data, target
            self.files.make_symlink(f"/d/e/l{number}", "/l" + str(number))
            assert self.get(f"/d/e/l{number}") == data, target

    def test_follow_directories(self) -> None:
        """Links in the middle of a path; `..` in a target is where the link really stands."""
        self.files.make_directory("/a", NONE)
        self.files.make_directory("/a/b", NONE)
        self.put("/a/f", b"abc")
        self.files.make_symlink("/l", "a/b")
        self.files.make_symlink("/a/b/up", "..")
        self.files.make_symlink("/a/b/root", "/")
        for path in ("/a/b/up/f", "/l/up/f", "/l/up/b/up/f", "/l/root/a/f", "/l/root/l/up/f"):
            assert self.get(path) == b"abc", path
        assert self.names("/l") == ["root", "up"]
        assert self.names("/l/up") == ["b", "f"]
        assert self.names("/l/root") == ["a", "l"]
        self.put("/l/new", b"n")
        assert self.get("/a/b/new") == b"n"

    def test_loops(self) -> None:
        """Links that lead to each other end, as links and as directories."""
        self.files.make_symlink("/a", "b")
        self.files.make_symlink("/b", "a")
        self.files.make_symlink("/c", "c/c")
        self.files.make_symlink("/d", "../d")
        for path in ("/a", "/c", "/d", "/a/x", "/c/x"):
            self.refused(Status.LINK_LOOP, self.files.stat, path)
            self.refused(Status.LINK_LOOP, self.files.open, path, WRITE, ANY, NONE)
            self.refused(Status.LINK_LOOP, self.files.list, path)
            self.refused(Status.LINK_LOOP, self.files.real_path, path)

    def test_chain(self) -> None:
        """40 links are followed, and not one more."""
        self.put("/0", b"end")
        for number in range(1, 42):
            self.files.make_symlink(f"/{number}", str(number - 1))
        assert self.get("/39") == b"end"
        assert self.get("/40") == b"end"
        self.refused(Status.LINK_LOOP, self.get, "/41")

    def test_hard_links(self) -> None:
        """A file with two names is one file; a link gets a second name itself; a directory does not."""
        self.put("/a", b"abc")
        self.files.make_hard_link("/a", "/b")
        assert self.files.stat("/b").link_count == 2
        self.files.remove("/a")
        assert self.get("/b") == b"abc"
        assert self.files.stat("/b").link_count == 1
        self.refused(MISSING, self.files.make_hard_link, "/a", "/c")
        self.refused(EXISTS, self.files.make_hard_link, "/b", "/b")
        self.files.make_directory("/d", NONE)
        self.refused(Status.FILE_IS_A_DIRECTORY, self.files.make_hard_link, "/d", "/e")
        self.refused(Status.NO_SUCH_PATH, self.files.make_hard_link, "/b", "/none/c")
        self.files.make_symlink("/l", "nowhere")
        self.files.make_hard_link("/l", "/m")
        assert self.files.read_link("/m") == "nowhere"


class ListTests(FileSystemCase):
    """Directories."""

    def test_entries(self) -> None:
        """Everything that is there once, each with its own attributes; `.` and `..` first."""
        self.files.make_directory("/d", NONE)
        self.files.make_directory("/d/sub", NONE)
        self.put("/d/f", b"abc")
        self.files.make_symlink("/d/nowhere", "x")
        directory = self.files.list("/d")
        verifyObject(IDirectory, directory)
        found = dict(directory.read(100))
        assert list(found)[:2] == [".", ".."]
        assert {name: there.type for name, there in found.items()} == {
            ".": FileType.DIRECTORY,
            "..": FileType.DIRECTORY,
            "sub": FileType.DIRECTORY,
            "f": FileType.REGULAR,
            "nowhere": FileType.SYMLINK,
        }
        assert found["f"].size == 3
        assert directory.read(100) == []
        assert directory.read(100) == []
        directory.close()

    def test_batches(self) -> None:
        """As many as asked for, until there are no more."""
        for number in range(25):
            self.put(f"/{number}")
        for count in (1, 2, 9, 26, 27, 28, 100):
            directory = self.files.list("/")
            names = []
            while found := directory.read(count):
                assert len(found) <= count
                names += [name for name, _ in found]
            directory.close()
            assert sorted(names) == sorted([".", "..", *map(str, range(25))]), count

    def test_twice(self) -> None:
        """Two listings of one directory know nothing of each other."""
        self.put("/a")
        one, two = self.files.list("/"), self.files.list("/")
        assert len(one.read(99)) == len(two.read(99)) == 3

    def test_root(self) -> None:
        """What is above the root is the root."""
        self.files.set_attributes("/", Attributes(mtime=77), True)
        found = dict(self.files.list("/").read(9))
        assert found[".."].mtime == found["."].mtime == 77

    def test_above(self) -> None:
        """`..` is the directory above."""
        self.files.make_directory("/d", NONE)
        self.files.set_attributes("/", Attributes(mtime=77), True)
        assert dict(self.files.list("/d").read(9))[".."].mtime == 77

    def test_no_directory(self) -> None:
        """What is no directory fails when it is opened, not when it is read."""
        self.put("/f")
        self.files.make_symlink("/l", "nowhere")
        self.refused(NO_FOLDER, self.files.list, "/f")
        self.refused(MISSING, self.files.list, "/l")
        self.refused(MISSING, self.files.list, "/x")
        self.refused(MISSING, self.files.list, "/x/y")

    def test_vanished(self) -> None:
        """What is removed while it is listed is left out."""
        for number in range(10):
            self.put(f"/{number}")
        directory = self.files.list("/")
        directory.read(3)
        for number in range(10):
            self.files.remove(f"/{number}")
        assert directory.read(100) == []


class RealPathTests(FileSystemCase):
    """REALPATH."""

    def test_rows(self) -> None:
        """Links are resolved; what is missing is kept as it is written."""
        self.files.make_directory("/a", NONE)
        self.files.make_directory("/a/b", NONE)
        self.put("/a/f")
        self.files.make_symlink("/l", "a/b")
        self.files.make_symlink("/a/b/abs", "/a")
        self.files.make_symlink("/a/b/up", "../../..")
        self.files.make_symlink("/nowhere", "/a/x/y")
        self.files.make_symlink("/tof", "a/f")
        for path, real in (
            ("/", "/"),
            ("/a", "/a"),
            ("/a/f", "/a/f"),
            ("/tof", "/a/f"),
            ("/l", "/a/b"),
            ("/l/abs", "/a"),
            ("/l/abs/b/abs/f", "/a/f"),
            ("/l/up", "/"),
            ("/l/up/l/new", "/a/b/new"),
            ("/x", "/x"),
            ("/x/y/z", "/x/y/z"),
            ("/l/x/y", "/a/b/x/y"),
            ("/nowhere", "/a/x/y"),
            ("/nowhere/z", "/a/x/y/z"),
            ("/a/f/x", "/a/f/x"),
        ):
            assert self.files.real_path(path) == real, path
