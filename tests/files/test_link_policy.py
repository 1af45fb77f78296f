"""
Symbolic links where they are followed inside only, not at all, or everywhere.
"""

import os
from collections.abc import Callable
from errno import ELOOP
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.files.attributes.changes import Changes
from conchsftp.files.attributes.making import Making
from conchsftp.files.attributes.settable import Size, Times
from conchsftp.files.disk.links import Links
from conchsftp.files.local import LocalFileSystem
from conchsftp.sftp.statuses import Status
from tests.files import test_confine
from tests.files.support import contents, inline_workers, open_descriptors, write
from tests.files.test_confine import SECRET, tree


class PolicyCase(test_confine.ConfineCase):
    """A root whose links are treated in one way."""

    links = Links.INSIDE

    def open(self, *args: Any, **options: Any) -> Any:
        return super().open(*args, links=self.links, **options)

    def denied(self, action: Callable[..., Any], *args: Any) -> None:
        """It is refused because of a link, and the user is told so."""
        problem = self.assertRaises(SFTPError, action, *args)
        self.assertEqual(problem.status, Status.PERMISSION_DENIED)
        self.assertIn("ymbolic links", problem.message)

    def check_descriptors(self, *ats: str) -> None:
        """Do everything at some places; no descriptor stays open."""
        before = open_descriptors()
        for at in ats:
            for action in self.actions(at).values():
                try:
                    action()
                except (OSError, SFTPError, AssertionError):
                    pass
        self.assertEqual(open_descriptors(), before)


class DenyTests(PolicyCase):
    """SymlinkPolicy=deny."""

    links = Links.DENY

    def setUp(self) -> None:
        super().setUp()
        write(f"{self.root}/moving")
        os.symlink("d", f"{self.root}/l")
        os.symlink("d/f", f"{self.root}/lf")
        os.symlink("missing", f"{self.root}/nowhere")

    def test_on_the_way(self) -> None:
        """No link on the way is followed, whatever is to be done, though it stays inside."""
        before = tree(self.root)
        for at in ("/l", "/l/sub"):
            for action in self.actions(at).values():
                self.denied(action)
        self.assertEqual(tree(self.root), before)

    def test_at_the_end(self) -> None:
        """Nor is one that a path ends with; nothing is created through it."""
        for path in ("/l", "/lf", "/nowhere"):
            self.denied(self.beneath.stat, path)
            self.denied(self.beneath.space, path)
            self.denied(self.beneath.open_directory, path)
            self.denied(self.beneath.change, path, Changes(Times(mtime=5)), True)
            for flags in (os.O_RDONLY, os.O_RDWR | os.O_CREAT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
                self.denied(self.beneath.open, path, flags, Making(0o666))
        self.assertRaises(FileExistsError, self.beneath.open, "/lf", os.O_RDWR | os.O_CREAT | os.O_EXCL, Making(0o666))
        self.assertFalse(os.path.exists(f"{self.root}/missing"))

    def test_themselves(self) -> None:
        """Links are seen, read, renamed and removed."""
        self.assertIn("l", os.listdir(self.root))
        self.assertEqual(self.beneath.read_link("/l"), "d")
        self.assertEqual(self.beneath.lstat("/l").st_size, 1)
        self.beneath.change("/l", Changes(Times(mtime=5)), False)
        for path in ("/l", "/lf", "/nowhere"):
            self.assertEqual(self.beneath.real_path(path), path)
        self.beneath.rename("/l", "/d/l", False)
        self.beneath.rename("/moving", "/lf", True)
        self.beneath.remove("/d/l")
        self.beneath.remove("/nowhere")
        self.assertEqual(sorted(os.listdir(self.root)), ["d", "lf"])
        self.assertFalse(os.path.islink(f"{self.root}/lf"))

    def test_making(self) -> None:
        """No link can be made, and none gets a second name; a file does."""
        self.denied(self.beneath.make_symlink, "/s", "d")
        self.denied(self.beneath.make_hard_link, "/l", "/s")
        self.beneath.make_hard_link("/d/f", "/s")
        self.assertEqual(contents(f"{self.root}/s"), b"inside")

    def test_without_links(self) -> None:
        """Paths without links are what they always were; what is missing is missing."""
        self.assertEqual(self.read("/d/f"), b"inside")
        self.assertEqual(self.beneath.real_path("/d/f"), "/d/f")
        self.assertEqual(self.beneath.real_path("/d/new/x"), "/d/new/x")
        self.assertRaises(FileNotFoundError, self.beneath.stat, "/x/y")
        self.assertRaises(NotADirectoryError, self.beneath.stat, "/d/f/y")
        self.assertIs(self.beneath.descend("/d").links, Links.DENY)

    def test_no_descriptor_left(self) -> None:
        """Whatever is refused, no descriptor stays open."""
        self.check_descriptors("/l", "/l/sub", "/lf", "/nowhere", "/d")


class FollowTests(PolicyCase):
    """SymlinkPolicy=follow."""

    links = Links.FOLLOW

    def setUp(self) -> None:
        super().setUp()
        os.symlink(self.outside, f"{self.root}/out")
        os.symlink("../../outside", f"{self.root}/d/out")
        os.symlink("../outside/f", f"{self.root}/f")
        os.symlink("d/out/f", f"{self.root}/chain")

    def test_files(self) -> None:
        """Files behind links are read, written, made and removed, wherever they are."""
        for path in ("/out/f", "/d/out/f", "/f", "/chain"):
            self.assertEqual(self.read(path), SECRET, path)
            self.assertEqual(self.beneath.stat(path).st_ino, os.stat(f"{self.outside}/f").st_ino)
        os.close(self.beneath.open("/out/sub/new", os.O_WRONLY | os.O_CREAT, Making(0o666)).descriptor)
        self.beneath.rename("/out/sub/new", "/d/new", False)
        self.beneath.rename("/d/new", "/d/out/newer", True)
        self.beneath.change("/f", Changes(Size(3), Times(mtime=5)), True)
        self.assertEqual(contents(f"{self.outside}/f"), SECRET[:3])
        self.beneath.remove("/out/newer")
        self.assertEqual(sorted(os.listdir(self.outside)), ["f", "sub"])
        self.assertGreater(self.beneath.space("/f").f_blocks, 0)

    def test_directories(self) -> None:
        """So are directories; a view can begin behind a link."""
        for path in ("/out", "/d/out"):
            descriptor, _ = self.beneath.open_directory(path)
            self.assertEqual(os.fstat(descriptor).st_ino, os.stat(self.outside).st_ino)
            os.close(descriptor)
        self.beneath.make_directory("/out/made", Making(0o777))
        self.beneath.remove_directory("/d/out/made")
        below = self.beneath.descend("/out")
        self.assertEqual(below.lstat("/f").st_size, len(SECRET))
        self.assertIs(below.links, Links.FOLLOW)

    def test_odd_targets(self) -> None:
        """Targets that end in a directory, or are one of the system's own."""
        for number, (target, means) in enumerate(
            (
                ("d/", f"{self.root}/d"),
                ("d/.", f"{self.root}/d"),
                ("d/..", self.root),
                ("..", self.place),
                (".", self.root),
                ("/", "/"),
                (f"//{self.outside[1:]}/", self.outside),
            )
        ):
            os.symlink(target, f"{self.root}/{number}")
            os.symlink(f"{number}", f"{self.root}/{number}again")
            for path in (f"/{number}", f"/{number}again"):
                self.assertEqual(self.beneath.stat(path).st_ino, os.stat(means).st_ino, target)
        os.symlink("f/", f"{self.root}/slash")
        self.assertRaises(NotADirectoryError, self.beneath.stat, "/slash")

    def test_missing(self) -> None:
        """A link that leads nowhere: nothing is there, but a file can be made there."""
        os.symlink(f"{self.outside}/new", f"{self.root}/new")
        os.symlink("/nothing/there", f"{self.root}/nowhere")
        self.assertRaises(FileNotFoundError, self.read, "/new")
        os.close(self.beneath.open("/new", os.O_WRONLY | os.O_CREAT, Making(0o666)).descriptor)
        self.assertTrue(os.path.isfile(f"{self.outside}/new"))
        self.assertRaises(FileNotFoundError, self.beneath.stat, "/nowhere")
        self.assertRaises(FileNotFoundError, self.beneath.lstat, "/nowhere/x")

    def test_loops(self) -> None:
        """Links that lead to each other end; 40 in a row do not."""
        os.symlink("b", f"{self.root}/a")
        os.symlink("a", f"{self.root}/b")
        for action in (self.beneath.stat, self.read, self.beneath.open_directory):
            self.assertEqual(self.assertRaises(OSError, action, "/a").errno, ELOOP)
        os.symlink("d/f", f"{self.root}/1")
        for number in range(2, 42):
            os.symlink(str(number - 1), f"{self.root}/{number}")
        self.assertEqual(self.read("/40"), b"inside")
        self.assertRaises(OSError, self.read, "/41")

    def test_real_path(self) -> None:
        """No real path is ever shown: a path stays as it is written."""
        for path in ("/", "/out", "/out/f", "/d/out/sub", "/f", "/chain", "/d/f", "/missing/x"):
            self.assertEqual(self.beneath.real_path(path), path)

    def test_making_and_moving(self) -> None:
        """Clients can make no link, give none a second name, and move none: it would lead where they wish."""
        before = tree(self.root)
        self.denied(self.beneath.make_symlink, "/s", "d")
        self.denied(self.beneath.make_hard_link, "/f", "/s")
        for replace in (False, True):
            self.denied(self.beneath.rename, "/d/out", "/moved", replace)
        self.assertEqual(tree(self.root), before)
        self.assertEqual(self.beneath.read_link("/d/out"), "../../outside")
        self.beneath.remove("/out")
        self.assertTrue(os.path.isdir(self.outside))

    def test_paths(self) -> None:
        """Clients cannot climb out by themselves: a path that is not normalised is refused."""
        for path in ("/../outside/f", "/d/../../outside/f", "/..", "outside"):
            self.assertRaises(SFTPError, self.read, path)

    def test_no_descriptor_left(self) -> None:
        """Whatever is done, no descriptor stays open."""
        self.check_descriptors("/out", "/d/out", "/f", "/chain", "/missing", "/out/sub")


class WalkedDenyTests(DenyTests):
    """The same without openat2."""

    walked = True


class WalkedFollowTests(FollowTests):
    """The same without openat2."""

    walked = True


class DeniedSwappingTests(PolicyCase, test_confine.SwappingTests):
    """Another process swaps directories and files for links, where none may be followed."""

    links = Links.DENY
    seconds = 0.5


class WalkedDeniedSwappingTests(DeniedSwappingTests):
    """The same without openat2."""

    walked = True


class FileSystemTests(SynchronousTestCase):
    """The names that the local file system takes."""

    def test_names(self) -> None:
        """Each policy has its name, and any other is a mistake; a view has that of the whole."""
        place = self.mktemp()
        os.makedirs(f"{place}/d")
        for links in Links:
            files = LocalFileSystem(place, workers=inline_workers(), symlink_policy=links.value)
            self.assertIs(files._beneath.links, links)
            view = files.rooted_at("/d")
            assert isinstance(view, LocalFileSystem)
            self.assertIs(view._beneath.links, links)
        self.assertRaises(ValueError, LocalFileSystem, place, workers=inline_workers(), symlink_policy="perhaps")
