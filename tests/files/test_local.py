"""
The local file system: what only a real one has. What all have in common is in test_file_systems.
"""

import grp
import os
import pwd
import socket
from errno import EMFILE, EPERM
from typing import Any

from twisted.trial.unittest import SkipTest

from conchsftp.errors import SFTPError
from conchsftp.files.local import LocalFileSystem
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType, OpenFlag, RenameFlag
from conchsftp.sftp.statuses import Status
from tests.files.case import ANY, BOTH, MISSING, NEW, NONE, OLD, READ, TRUNCATE, WRITE
from tests.files.local_case import LocalCase
from tests.files.support import NOBODY, as_nobody, contents, open_descriptors, write


class OpenTests(LocalCase):
    """Opening files that are none, and making files."""

    def test_special_files(self) -> None:
        """Pipes, sockets and devices are refused with a reason, and do not make anybody wait."""
        os.mkfifo(f"{self.root}/fifo")
        here = os.getcwd()
        os.chdir(self.root)  # the path of a socket is short
        self.addCleanup(os.chdir, here)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("socket")
        names = ["/fifo", "/socket"]
        if os.geteuid() == 0:
            os.mknod(f"{self.root}/null", 0o20666, os.makedev(1, 3))
            names.append("/null")
        for path in names:
            for access in (READ, WRITE, BOTH):
                for flags in (OLD, ANY, TRUNCATE):
                    problem = self.assertRaises(SFTPError, self.files.open, path, access, flags, NONE)
                    self.assertEqual(problem.status, Status.FAILURE)
                    self.assertIn("regular file", problem.message)
            self.refused(Status.FAILURE, self.files.set_attributes, path, Attributes(size=0), True)
        self.assertEqual(self.files.lstat("/fifo").type, FileType.FIFO)
        self.assertEqual(self.files.lstat("/socket").type, FileType.SOCKET)

    def test_devices_are_not_opened(self) -> None:
        """Looking at a device must not wake it; nor must refusing it."""
        if os.geteuid() != 0:
            raise SkipTest("only root can make devices")
        os.mknod(f"{self.root}/tape", 0o20666, os.makedev(1, 8))
        opened: list[object] = []
        original = os.open

        def watched(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            if path == b"tape" and not flags & os.O_PATH:
                opened.append(flags)
            return original(path, flags, *args, **kwargs)

        self.patch(os, "open", watched)
        self.refused(Status.FAILURE, self.files.open, "/tape", READ, OLD, NONE)
        self.files.stat("/tape")
        self.files.set_attributes("/tape", Attributes(permissions=0o600, mtime=5), True)
        self.assertEqual(opened, [])

    def test_umask_of_the_process(self) -> None:
        """Without a umask of its own, that of the process counts."""
        self.addCleanup(os.umask, os.umask(0o027))
        self.put("/a")
        self.files.make_directory("/d", NONE)
        self.assertEqual((self.files.stat("/a").permissions, self.files.stat("/d").permissions), (0o640, 0o750))

    def test_own_umask(self) -> None:
        """A umask of its own replaces that of the process, in both directions."""
        self.files = LocalFileSystem(self.root, workers=self.workers, umask=0o002)
        self.addCleanup(os.umask, os.umask(0o077))
        self.put("/a")
        self.put("/b", b"", 0o777)
        self.files.make_directory("/d", Attributes(permissions=0o3777))
        modes = [self.files.stat(path).permissions for path in ("/a", "/b", "/d")]
        self.assertEqual(modes, [0o664, 0o775, 0o3775])

    def test_inherited_bit(self) -> None:
        """A directory keeps the group bit that it inherits."""
        self.files = LocalFileSystem(self.root, workers=self.workers, umask=0o002)
        self.addCleanup(os.umask, os.umask(0o077))
        self.files.set_attributes("/", Attributes(permissions=0o2775), True)
        self.files.make_directory("/d", NONE)
        self.assertEqual(self.files.stat("/d").permissions, 0o2775)

    def test_failing_attributes(self) -> None:
        """If what a new file should have is refused, there is no new file."""
        for path in ("/a", "/d"):
            make = (
                self.files.make_directory
                if path == "/d"
                else lambda *args: self.files.open(args[0], WRITE, NEW, args[1])
            )
            self.refused(Status.UNKNOWN_PRINCIPAL, make, path, Attributes(owner="nobody at all"))
            with as_nobody():
                self.refused(Status.PERMISSION_DENIED, make, path, Attributes(uid=0, gid=0))
            self.refused(MISSING, self.files.lstat, path)

    def test_somebody_else_creates(self) -> None:
        """If a file appears or vanishes while it is opened, that is all the same."""
        original = os.open
        left = [3]

        def racing(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            if path == b"a" and left[0]:
                left[0] -= 1
                if flags & os.O_EXCL:
                    os.close(original(path, flags, *args, **kwargs))
                else:
                    os.unlink(f"{self.root}/a")
            return original(path, flags, *args, **kwargs)

        self.patch(os, "open", racing)
        self.put("/a", b"abc")
        self.assertEqual(left, [0])
        self.assertEqual(contents(f"{self.root}/a"), b"abc")

    def test_never_ending_race(self) -> None:
        """Somebody who does that for ever does not keep us for ever."""
        original = os.open

        def racing(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            if path == b"a":
                raise FileExistsError if flags & os.O_EXCL else FileNotFoundError
            return original(path, flags, *args, **kwargs)

        before = open_descriptors()
        self.files.make_directory("/d", NONE)
        self.patch(os, "open", racing)
        for path in ("/a", "/d/a"):
            self.refused(Status.FAILURE, self.files.open, path, WRITE, ANY, NONE)
        self.assertEqual(open_descriptors(), before)

    def test_too_many_open(self) -> None:
        """A file that cannot be opened because its directory cannot be kept leaves no descriptor."""

        def fail(descriptor: int) -> int:
            raise OSError(EMFILE, "too many")

        self.put("/a", b"abc")
        before = open_descriptors()
        self.patch(os, "dup", fail)
        for flags in (OLD, ANY):
            self.assertRaises(OSError, self.files.open, "/a", READ, flags | OpenFlag.DELETE_ON_CLOSE, NONE)
        self.assertEqual(open_descriptors(), before)
        self.assertEqual(contents(f"{self.root}/a"), b"abc")

    def test_no_descriptor_left(self) -> None:
        """Whatever fails, no descriptor stays open."""
        os.mkfifo(f"{self.root}/fifo")
        self.put("/f")
        before = open_descriptors()
        for path in ("/f", "/fifo", "/", "/missing", "/f/x"):
            for flags in (NEW, OLD, ANY, TRUNCATE, NEW | OpenFlag.DELETE_ON_CLOSE):
                try:
                    self.files.open(path, WRITE, flags, Attributes(owner="nobody at all")).close()
                except (OSError, SFTPError):
                    pass
            try:
                self.files.list(path).close()
            except OSError:
                pass
        self.assertEqual(open_descriptors(), before)


class RenameTests(LocalCase):
    """Renaming where the system has no call that replaces nothing."""

    def test_old_name_stays(self) -> None:
        """A rename that cannot take the old name away leaves no new one."""

        def refuse(name: Any, **options: Any) -> None:
            if name == b"a":
                raise PermissionError(EPERM, "no")
            original(name, **options)

        self.put("/a", b"abc")
        self.files._beneath._rename_exclusively = None
        original = os.unlink
        self.patch(os, "unlink", refuse)
        self.refused(Status.PERMISSION_DENIED, self.files.rename, "/a", "/b", RenameFlag(0))
        self.assertEqual(self.names("/"), ["a"])


class PermissionTests(LocalCase):
    """What the system refuses is refused. Run without the rights of root."""

    def setUp(self) -> None:
        super().setUp()
        os.chmod(self.root, 0o777)

    def test_no_rights(self) -> None:
        """Files and directories of others."""
        write(f"{self.root}/f")
        os.chmod(f"{self.root}/f", 0o600)
        os.mkdir(f"{self.root}/d", 0o700)
        write(f"{self.root}/d/f")
        if os.geteuid() != 0:
            raise SkipTest("only root can make files of others")
        denied = Status.PERMISSION_DENIED
        with as_nobody():
            self.refused(denied, self.files.open, "/f", READ, OLD, NONE)
            self.refused(denied, self.files.open, "/f", WRITE, TRUNCATE, NONE)
            self.refused(denied, self.files.set_attributes, "/f", Attributes(permissions=0o666), True)
            self.refused(denied, self.files.set_attributes, "/f", Attributes(mtime=5), True)
            self.refused(denied, self.files.set_attributes, "/f", Attributes(size=0), True)
            self.refused(denied, self.files.list, "/d")
            self.refused(denied, self.files.lstat, "/d/f")
            self.refused(denied, self.files.real_path, "/d/f")
            self.refused(denied, self.files.rename, "/d/f", "/g", RenameFlag(0))
            self.assertEqual(self.files.lstat("/f").type, FileType.REGULAR)

    def test_passing_through(self) -> None:
        """A directory that may be entered, but not read, is passed through."""
        os.makedirs(f"{self.root}/d/e")
        os.chmod(f"{self.root}/d", 0o711)
        os.chmod(f"{self.root}/d/e", 0o711)
        write(f"{self.root}/d/e/f", b"abc")
        os.chmod(f"{self.root}/d/e/f", 0o644)
        with as_nobody():
            self.assertEqual(self.get("/d/e/f"), b"abc")
            if os.getuid() == 0:
                self.refused(Status.PERMISSION_DENIED, self.files.list, "/d")

    def test_names_without_attributes(self) -> None:
        """In a directory that may be read, but not entered, names are all there is."""
        os.mkdir(f"{self.root}/d")
        write(f"{self.root}/d/f")
        os.chmod(f"{self.root}/d", 0o744)
        if os.geteuid() != 0:
            raise SkipTest("only root can make directories of others")
        with as_nobody():
            found = dict(self.files.list("/d").read(9))
        self.assertEqual(found["f"], Attributes(type=FileType.UNKNOWN))

    def test_write_only(self) -> None:
        """The mode of a file that may not be read can be changed by its owner."""
        with as_nobody():
            self.put("/f", b"", 0o200)
            self.files.set_attributes("/f", Attributes(permissions=0o300), True)
            self.files.make_directory("/d", Attributes(permissions=0o300, mtime=5))
        self.assertEqual(os.stat(f"{self.root}/f").st_mode & 0o777, 0o300)
        self.assertEqual(os.stat(f"{self.root}/d").st_mtime, 5)


class OwnerTests(LocalCase):
    """Who owns what."""

    def test_names(self) -> None:
        """Attributes name the owner and the group."""
        self.put("/a")
        there = self.files.stat("/a")
        self.assertEqual((there.uid, there.gid), (os.geteuid(), os.stat(f"{self.root}/a").st_gid))
        self.assertEqual(there.owner, pwd.getpwuid(os.geteuid()).pw_name)
        self.assertEqual(there.group, grp.getgrgid(there.gid).gr_name)
        entry = dict(self.files.list("/").read(9))["a"]
        self.assertEqual((entry.owner, entry.group), (there.owner, there.group))
        self.assertEqual(self.files.user_name(os.geteuid()), there.owner)
        self.assertEqual(self.files.group_name(there.gid), there.group)
        self.assertIsNone(self.files.user_name(3_999_999_999))

    def test_change(self) -> None:
        """Numbers, names and digits give a file away; one of the two may stay."""
        if os.geteuid() != 0:
            raise SkipTest("only root can give files away")
        self.put("/a")
        name, group = pwd.getpwuid(NOBODY).pw_name, grp.getgrgid(NOBODY).gr_name
        for wanted, ids in (
            (Attributes(uid=5, gid=6), (5, 6)),
            (Attributes(owner=name, group=""), (NOBODY, 6)),
            (Attributes(owner="", group=f"{group}@localhost"), (NOBODY, NOBODY)),
            (Attributes(owner="7", group="8"), (7, 8)),
        ):
            self.files.set_attributes("/a", wanted, True)
            there = self.files.stat("/a")
            self.assertEqual((there.uid, there.gid), ids)
        os.symlink("a", f"{self.root}/l")
        self.files.set_attributes("/l", Attributes(uid=9, gid=9), False)
        self.assertEqual((self.files.lstat("/l").uid, self.files.stat("/l").uid), (9, 7))
        self.files.open("/a", WRITE, OLD, NONE).set_attributes(Attributes(uid=10, gid=10))
        self.assertEqual(self.files.stat("/a").uid, 10)

    def test_refused(self) -> None:
        """Somebody who is unknown, and the number that nobody has."""
        self.put("/a")
        for wanted, status in (
            (Attributes(owner="nobody at all"), Status.UNKNOWN_PRINCIPAL),
            (Attributes(group="no group at all"), Status.UNKNOWN_PRINCIPAL),
            (Attributes(owner="a\0b"), Status.UNKNOWN_PRINCIPAL),
            (Attributes(owner="99999999999999999999"), Status.UNKNOWN_PRINCIPAL),
            (Attributes(uid=0xFFFF_FFFF, gid=0), Status.INVALID_PARAMETER),
        ):
            self.refused(status, self.files.set_attributes, "/a", wanted, True)
        with as_nobody():
            self.refused(Status.PERMISSION_DENIED, self.files.set_attributes, "/a", Attributes(uid=1, gid=1), True)


class SpaceTests(LocalCase):
    """How full the disk is."""

    def test_space(self) -> None:
        """The numbers of statvfs(2), for what a path means."""
        self.put("/a")
        os.symlink("a", f"{self.root}/l")
        for path in ("/", "/a", "/l"):
            self.assertEqual(self.files.space(path).f_blocks, os.statvfs(self.root).f_blocks)
        self.refused(MISSING, self.files.space, "/x")


class ViewTests(LocalCase):
    """File systems that show a part of another one."""

    def setUp(self) -> None:
        super().setUp()
        os.makedirs(f"{self.root}/home/u")
        write(f"{self.root}/home/u/f", b"mine")
        write(f"{self.root}/home/v/f", b"yours")
        write(f"{self.root}/f", b"ours")
        os.symlink("../v/f", f"{self.root}/home/u/beside")
        os.symlink("/f", f"{self.root}/home/u/top")

    def test_rooted_at(self) -> None:
        """UserRootDirectory: the directory is `/`, and links stay in it."""
        everything, self.files = self.files, self.files.rooted_at("/home/u")
        self.assertEqual(self.get("/f"), b"mine")
        self.assertEqual(self.get("/top"), b"mine")
        self.refused(MISSING, self.get, "/beside")
        self.assertEqual(self.files.real_path("/top"), "/f")
        self.refused(MISSING, everything.rooted_at, "/home/w")

    def test_restricted_to(self) -> None:
        """RestrictUserToHomeDir: the same paths, and nothing but what is below."""
        self.files = self.files.restricted_to("/home/u")
        self.assertEqual(self.get("/home/u/f"), b"mine")
        self.assertEqual(self.names("/home/u"), ["beside", "f", "top"])
        for path in ("/", "/f", "/home", "/home/v/f", "/home/u/top", "/home/u/beside"):
            self.refused(Status.PERMISSION_DENIED, self.get, path)
        found = dict(self.files.list("/home/u").read(9))
        self.assertEqual(found[".."], found["."])
