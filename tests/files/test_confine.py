"""
Nothing leads outside: links, `..`, and somebody who swaps directories for links all the time.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.files.attributes.changes import Changes
from conchsftp.files.attributes.making import Making
from conchsftp.files.attributes.settable import Mode, Owner, Size, Times
from conchsftp.files.beneath import Beneath
from conchsftp.files.disk.walk import MAX_PATH, MAX_STEPS, Walk
from conchsftp.sftp.statuses import Status
from tests.files.support import contents, open_descriptors, write

SECRET = b"secret"


def tree(top: str) -> dict[str, Any]:
    """Return everything about what is in a folder that somebody could have changed."""
    found: dict[str, Any] = {}
    for here, folders, files in os.walk(top):
        status = os.lstat(here)
        found[here] = (status.st_mode, status.st_uid, status.st_mtime_ns, sorted(folders), sorted(files))
        for name in files:
            status = os.lstat(os.path.join(here, name))
            kept = (status.st_mode, status.st_uid, status.st_size, status.st_mtime_ns, status.st_nlink)
            place = os.path.join(here, name)
            found[place] = (*kept, contents(place) if os.path.exists(place) else b"")
    return found


class ConfineCase(SynchronousTestCase):
    """A root, and something outside that must not be reached."""

    walked = False

    def setUp(self) -> None:
        self.place = os.path.abspath(self.mktemp())
        self.root = f"{self.place}/root"
        self.outside = f"{self.place}/outside"
        write(f"{self.outside}/f", SECRET)
        os.mkdir(f"{self.outside}/sub")
        write(f"{self.root}/d/f", b"inside")
        os.mkdir(f"{self.root}/d/sub")
        self.beneath = self.open(self.root)

    def open(self, *args: Any, **options: Any) -> Beneath:
        beneath = Beneath(*args, **options)
        if self.walked:
            beneath._open_beneath = None
            beneath._rename_exclusively = None
        return beneath

    def read(self, path: str) -> bytes:
        opened = self.beneath.open(path, os.O_RDONLY, None)
        try:
            return os.read(opened.descriptor, 100)
        finally:
            os.close(opened.descriptor)

    def open_and_close(self, path: str, flags: int) -> None:
        opened = self.beneath.open(path, flags, self.making)
        try:
            self.check_number(opened.status, path)
            if flags & os.O_RDWR:
                os.write(opened.descriptor, b"spoiled")
        finally:
            os.close(opened.descriptor)

    def list_directory(self, path: str) -> None:
        descriptor, _ = self.beneath.open_directory(path)
        try:
            self.check_number(os.fstat(descriptor), path)
        finally:
            os.close(descriptor)

    def check_number(self, status: os.stat_result, path: str) -> None:
        """Fail if this is something outside."""
        if status.st_ino in self.outside_numbers:
            raise AssertionError(f"{path} was reached")

    def actions(self, at: str) -> dict[str, Callable[[], Any]]:
        """Return everything that can be done, to names in the directory `at`, which may lead outside."""
        beneath = self.beneath
        self.making = Making(0o666, True, Changes(Times(mtime=9)))
        outside = [self.outside, *(entry.path for entry in os.scandir(self.outside))]
        self.outside_numbers = {os.stat(place).st_ino for place in outside}
        change = Changes(Size(3), Owner(uid=os.getuid()), Mode(0o777), Times(6, 5))
        return {
            "read": lambda: self.open_and_close(f"{at}/f", os.O_RDONLY),
            "write": lambda: self.open_and_close(f"{at}/f", os.O_RDWR),
            "truncate": lambda: self.open_and_close(f"{at}/f", os.O_RDWR | os.O_TRUNC | os.O_CREAT),
            "create": lambda: self.open_and_close(f"{at}/new", os.O_RDWR | os.O_CREAT),
            "create new": lambda: self.open_and_close(f"{at}/newer", os.O_RDWR | os.O_CREAT | os.O_EXCL),
            "list": lambda: self.list_directory(at),
            "list sub": lambda: self.list_directory(f"{at}/sub"),
            "stat": lambda: self.check_number(beneath.stat(f"{at}/f"), at),
            "stat directory": lambda: self.check_number(beneath.stat(at), at),
            "lstat": lambda: self.check_number(beneath.lstat(f"{at}/sub"), at),
            "change": lambda: beneath.change(f"{at}/f", change, True),
            "change size": lambda: beneath.change(f"{at}/f", Changes(Size(3)), True),
            "change itself": lambda: beneath.change(f"{at}/f", change, False),
            "change directory": lambda: beneath.change(at, Changes(Mode(0o700), Times(mtime=5)), True),
            "space": lambda: beneath.space(f"{at}/f"),
            "real path": lambda: beneath.real_path(f"{at}/sub"),
            "descend": lambda: self.check_number(beneath.descend(f"{at}/sub").stat("/"), at),
            **self.actions_on_names(at),
        }

    def actions_on_names(self, at: str) -> dict[str, Callable[[], Any]]:
        """Return the part of them that makes, moves and removes names."""
        beneath = self.beneath
        return {
            "make directory": lambda: beneath.make_directory(f"{at}/made", self.making),
            "remove directory": lambda: beneath.remove_directory(f"{at}/sub"),
            "remove": lambda: beneath.remove(f"{at}/f"),
            "rename": lambda: beneath.rename(f"{at}/f", f"{at}/g", True),
            "rename exclusively": lambda: beneath.rename(f"{at}/f", f"{at}/h", False),
            "rename in": lambda: beneath.rename("/moving", f"{at}/moving", False),
            "rename out": lambda: beneath.rename(f"{at}/f", "/stolen", True),
            "hard link": lambda: beneath.make_hard_link(f"{at}/f", "/linked"),
            "hard link in": lambda: beneath.make_hard_link("/moving", f"{at}/linked"),
            "symbolic link": lambda: beneath.make_symlink(f"{at}/s", "x"),
            "read link": lambda: beneath.read_link(f"{at}/s"),
        }

    def check_nothing_came_in(self) -> None:
        for here, _, files in os.walk(self.root):
            for name in files:
                place = os.path.join(here, name)
                if not os.path.islink(place):
                    self.assertNotEqual(contents(place), SECRET, place)


class LinkTests(ConfineCase):
    """Links that try to lead outside."""

    def test_links(self) -> None:
        """Absolute links start at the root, and `..` stays there, as directories and as files."""
        up = "../" * (self.root.count("/") + 1)
        targets = (
            self.outside,
            "../outside",
            "d/../../outside",
            up + self.outside[1:],
            "/../outside",
            "/proc/self/cwd",
        )
        before = tree(self.outside)
        for number, target in enumerate(targets):
            link = f"/link{number}"
            os.symlink(target, self.root + link)
            for name, action in self.actions(link).items():
                if name != "real path":  # that of something missing is given
                    self.assertRaises((OSError, SFTPError), action)
            os.symlink(f"{target}/f", f"{self.root}{link}f")
            self.assertRaises(FileNotFoundError, self.read, f"{link}f")
        self.assertEqual(tree(self.outside), before)

    def test_links_inside(self) -> None:
        """The same links lead to what is at that place beneath the root."""
        os.symlink("/d/f", f"{self.root}/one")
        os.symlink("../../../d/f", f"{self.root}/two")
        write(self.root + self.outside + "/f", b"below")
        os.symlink(f"{self.outside}/f", f"{self.root}/three")
        self.assertEqual([self.read(path) for path in ("/one", "/two", "/three")], [b"inside", b"inside", b"below"])

    def test_paths(self) -> None:
        """A path that is not normalised is refused, wherever it would lead."""
        for path in ("/../outside/f", "/d/../../outside/f", "/..", "/d/..", "/.", "..", "outside"):
            for action in self.actions(path).values():
                self.assertRaises((SFTPError, OSError), action)

    def test_root_is_a_link(self) -> None:
        """The root may be given as a link; that one is followed, once."""
        os.symlink("root", f"{self.place}/alias")
        self.beneath = self.open(f"{self.place}/alias")
        os.remove(f"{self.place}/alias")
        os.symlink("outside", f"{self.place}/alias")
        self.assertEqual(self.read("/d/f"), b"inside")

    def test_root_is_renamed(self) -> None:
        """The root stays the same directory."""
        os.rename(self.root, f"{self.place}/elsewhere")
        os.rename(self.outside, self.root)
        self.assertEqual(self.read("/d/f"), b"inside")

    def test_missing_root(self) -> None:
        """A root that is missing, or a file, is an error at once."""
        self.assertRaises(FileNotFoundError, Beneath, f"{self.place}/nothing")
        self.assertRaises(NotADirectoryError, Beneath, f"{self.outside}/f")

    def test_no_descriptor_left(self) -> None:
        """Whatever happens, no descriptor stays open."""
        os.symlink("d/sub/../../d", f"{self.root}/l")
        before = open_descriptors()
        for at in ("/d", "/l", "/l/sub", "/nothing", "/d/f", "/d/nothing/deep", "/"):
            for action in self.actions(at).values():
                try:
                    action()
                except (OSError, SFTPError):
                    pass
        self.assertEqual(open_descriptors(), before)


class BaseTests(ConfineCase):
    """A root that clients know under another path than `/`."""

    def setUp(self) -> None:
        super().setUp()
        self.beneath = self.open(f"{self.root}/d", "/home/u")

    def refused(self, path: str) -> None:
        for function in (self.read, self.beneath.lstat, self.beneath.real_path, self.beneath.open_directory):
            try:
                function(path)
            except SFTPError as problem:
                self.assertEqual(problem.status, Status.PERMISSION_DENIED)
            except PermissionError:
                pass
            else:
                self.fail(f"{path} was not refused")

    def test_paths(self) -> None:
        """Only paths below that one are there; what only begins alike is not."""
        self.assertEqual(self.read("/home/u/f"), b"inside")
        self.assertEqual(self.beneath.real_path("/home/u"), "/home/u")
        self.assertEqual(self.beneath.real_path("/home/u/sub"), "/home/u/sub")
        self.assertEqual(self.beneath.real_path("/home/u/nothing/there"), "/home/u/nothing/there")
        self.assertEqual(self.beneath.path_of(f"{self.root}/d/sub"), "/home/u/sub")
        self.assertEqual(self.beneath.path_of(f"{self.root}/d"), "/home/u")
        for path in ("/", "/f", "/home", "/home/u2", "/home/u2/f", "/home/uf"):
            self.refused(path)

    def test_links(self) -> None:
        """Absolute links are those that the client would write; whatever leads out of the base is refused."""
        for number, target in enumerate(("f", "/home/u/f", "/home/u/sub/../f", "./sub/../f", "../d/f", "/f", "/home")):
            os.symlink(target, f"{self.root}/d/l{number}")
        for number in range(4):
            self.assertEqual(self.read(f"/home/u/l{number}"), b"inside")
        for number in range(4, 7):
            self.assertRaises((SFTPError, PermissionError), self.read, f"/home/u/l{number}")
            self.assertRaises((SFTPError, PermissionError), self.beneath.real_path, f"/home/u/l{number}")


class WalkTests(ConfineCase):
    """The limits of a walk."""

    def test_long_path(self) -> None:
        """A path of 4096 bytes is walked, a longer one is not."""
        walk = Walk(self.beneath.fd)
        self.assertRaises(FileNotFoundError, walk.into, b"a/" * (MAX_PATH // 2))
        problem = self.assertRaises(OSError, walk.into, b"a/" * (MAX_PATH // 2) + b"a")
        self.assertIn("too long", str(problem))

    def test_deep(self) -> None:
        """A deep tree is walked with one descriptor."""
        here = os.open(self.root, os.O_RDONLY)
        for _ in range(300):
            os.mkdir("x", dir_fd=here)
            below = os.open("x", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)
        limit = open_descriptors() + 3
        walk = Walk(self.beneath.fd)
        walk.into(b"x/" * 300)
        self.assertLess(open_descriptors(), limit)
        walk.close()

    def test_many_steps(self) -> None:
        """Links made of many `..` end after a bounded number of steps, and in a bounded time."""
        os.symlink("d/sub/../../" * 300 + "more", f"{self.root}/l")
        for number in range(39):
            os.symlink("d/sub/../../" * 300 + (f"more{number}" if number else "l"), f"{self.root}/more{number or ''}")
        start = time.monotonic()
        self.assertRaises(OSError, self.beneath.stat, "/l")
        self.assertLess(time.monotonic() - start, 1.0)
        self.assertEqual(MAX_STEPS, 4096)


# Exchanges the names of pairs of files until it is killed: renameat2 with RENAME_EXCHANGE.
SWAP = """
import ctypes, sys
call = ctypes.CDLL(None).renameat2
pairs = [name.encode() for name in sys.argv[1:]]
print(flush=True)
while True:
    for one, other in zip(pairs[::2], pairs[1::2]):
        call(-100, one, -100, other, 2)
"""


class SwappingTests(ConfineCase):
    """Another process swaps directories and files for links to outside, all the time."""

    seconds = 1.0

    def swap(self, *places: str) -> None:
        """Exchange the names of pairs of files from now on."""
        self.swapper = subprocess.Popen([sys.executable, "-c", SWAP, *places], stdout=subprocess.PIPE)
        self.addCleanup(self.swapper.communicate)
        self.addCleanup(self.swapper.kill)
        assert self.swapper.stdout is not None
        self.swapper.stdout.readline()

    def attempt(self, action: Callable[[], Any]) -> bool:
        try:
            action()
        except (OSError, SFTPError):
            return False
        return True

    def restore(self, at: str) -> None:
        """Put back what the actions have taken away or made; beneath the root as well, or it would go astray."""
        beneath = self.beneath
        for path in (f"{at}/f", "/moving"):
            self.attempt(
                lambda path=path: os.close(beneath.open(path, os.O_WRONLY | os.O_CREAT, Making(0o666)).descriptor)
            )
        for name in ("new", "newer", "g", "h", "s", "moving", "linked"):
            self.attempt(lambda name=name: beneath.remove(f"{at}/{name}"))
        for path in ("/linked", "/stolen"):
            self.attempt(lambda path=path: beneath.remove(path))
        self.attempt(lambda: beneath.remove_directory(f"{at}/made"))
        self.attempt(lambda: beneath.make_directory(f"{at}/sub", Making(0o777)))

    def act(self, at: str) -> None:
        """Do everything for a while, and check that nothing of it came through."""
        actions = self.actions(at)
        done = dict.fromkeys(actions, 0)
        begun = time.monotonic()
        # Otherwise the test would show nothing. Not everything has luck every time, and nothing on a busy machine.
        while (lasted := time.monotonic() - begun) < self.seconds or (
            sum(map(bool, done.values())) <= len(done) * 2 // 3 and lasted < 20
        ):
            for name, action in actions.items():
                done[name] += self.attempt(action)
            self.restore(at)
        self.swapper.kill()
        self.swapper.wait()
        self.assertEqual(tree(self.outside), self.before)
        self.check_nothing_came_in()
        self.assertGreater(sum(map(bool, done.values())), len(done) * 2 // 3, done)

    def test_directory(self) -> None:
        """The directory on the way becomes a link: nothing outside is seen or changed."""
        os.symlink(self.outside, f"{self.root}/.d")
        self.before = tree(self.outside)
        self.swap(f"{self.root}/d", f"{self.root}/.d")
        self.act("/d")

    def test_directory_above(self) -> None:
        """The same two levels up, where the kernel walks for us."""
        os.makedirs(f"{self.root}/x/y/z/sub")
        os.makedirs(f"{self.outside}/z/sub")
        write(f"{self.outside}/z/f", SECRET)
        os.symlink("../../outside", f"{self.root}/x/.y")
        self.before = tree(self.outside)
        self.swap(f"{self.root}/x/y", f"{self.root}/x/.y")
        self.act("/x/y/z")

    def test_last_name(self) -> None:
        """The file or directory itself becomes a link."""
        os.symlink(f"{self.outside}/f", f"{self.root}/d/.f")
        os.symlink(f"{self.outside}/sub", f"{self.root}/d/.sub")
        self.before = tree(self.outside)
        self.swap(f"{self.root}/d/f", f"{self.root}/d/.f", f"{self.root}/d/sub", f"{self.root}/d/.sub")
        self.act("/d")


class WalkedLinkTests(LinkTests):
    """The same without openat2."""

    walked = True


class WalkedBaseTests(BaseTests):
    """The same without openat2."""

    walked = True


class WalkedSwappingTests(SwappingTests):
    """The same without openat2."""

    walked = True
