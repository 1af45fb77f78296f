"""
The local file system: mounts and threads.
"""

import os
import pwd
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from conchsftp.files.local import LocalFileSystem
from conchsftp.interfaces import IReadInto
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType, RenameFlag
from conchsftp.workers import Mount
from tests.files.case import BOTH, NEW, NONE, OLD, READ
from tests.files.local_case import LocalCase
from tests.files.support import open_descriptors, threaded_workers, write


class MountTests(LocalCase):
    """Which mount a call counts for."""

    def test_nested(self) -> None:
        """Paths on a mount below are that mount's, also of files that are missing."""
        far = Mount("far", threads=True)
        self.files._mounts.nested = [("/a/far", far)]
        for path, mount in (("/a/far", far), ("/a/far/b/c", far), ("/a/far2", None), ("/a", None), ("/", None)):
            self.assertIs(self.files._mounts.at(path), mount or self.files._mounts.own, path)

    def test_found(self) -> None:
        """What is mounted below the root is found, and a file knows its own mount."""
        files = LocalFileSystem("/", workers=self.workers)
        self.assertIn("/proc", [point for point, _ in files._mounts.nested])
        file = files.open("/proc/self/status", READ, OLD, NONE)
        self.assertIsNot(file._mount, files._mounts.own)
        self.assertIn(b"Name:", file.read(0, 100))
        file.close()


class ThreadTests(LocalCase):
    """Everything in threads."""

    def make_workers(self) -> Any:
        return threaded_workers()

    def wait(self, result: Any) -> Any:
        """Let the threads work; return what comes of it."""
        assert isinstance(result, Deferred)
        self.assertNoResult(result)
        self.workers.pool.work()
        return self.successResultOf(result)

    def test_everything(self) -> None:
        """Each method gives a Deferred, and what it would give inline."""
        files, wait = self.files, self.wait
        file = wait(files.open("/a", BOTH, NEW, NONE))
        wait(file.write(0, b"abc"))
        wait(file.write_from([b"d", b"e"], 3))
        file._mount.nowait = False
        self.assertEqual(wait(file.read(1, 3)), b"bcd")
        self.assertEqual(wait(file.stat()).size, 5)
        wait(file.set_attributes(Attributes(size=4)))
        wait(file.sync())
        wait(file.close())
        wait(files.make_directory("/d", NONE))
        wait(files.rename("/a", "/d/b", RenameFlag(0)))
        wait(files.make_symlink("/l", "d"))
        wait(files.make_hard_link("/d/b", "/d/c"))
        self.assertEqual(wait(files.read_link("/l")), "d")
        self.assertEqual(wait(files.real_path("/l/b")), "/d/b")
        self.assertEqual(wait(files.stat("/l/b")).size, 4)
        self.assertEqual(wait(files.lstat("/l")).type, FileType.SYMLINK)
        self.assertGreater(wait(files.space("/")).f_blocks, 0)
        wait(files.set_attributes("/d/b", Attributes(mtime=5), True))
        directory = wait(files.list("/l"))
        self.assertEqual([name for name, _ in wait(directory.read(9))][2:], os.listdir(f"{self.root}/d"))
        self.assertEqual(wait(directory.stat()).type, FileType.DIRECTORY)
        wait(directory.close())
        wait(files.remove("/d/b"))
        wait(files.remove("/d/c"))
        wait(files.remove_directory("/d"))
        self.assertIsInstance(wait(files.rooted_at("/")), LocalFileSystem)

    def test_failure(self) -> None:
        """What fails in a thread fails as it would inline."""
        result = self.files.open("/a", READ, OLD, NONE)
        self.workers.pool.work()
        self.failureResultOf(result, FileNotFoundError)

    def test_nobody_waits(self) -> None:
        """What was opened for nobody is closed."""
        write(f"{self.root}/a")
        before = open_descriptors()
        for result in (self.files.open("/a", READ, OLD, NONE), self.files.list("/"), self.files.rooted_at("/")):
            result.cancel()
            self.failureResultOf(result, CancelledError)
        self.workers.pool.work()
        self.assertEqual(open_descriptors(), before)

    def test_names_in_threads(self) -> None:
        """Where the account database is slow, a listing goes out without names, and the next one has them."""
        write(f"{self.root}/a")
        result = self.files.lstat("/a")
        self.workers.pool.waiting.pop(0)()
        self.assertIsNone(self.successResultOf(result).owner)
        self.workers.pool.work()
        self.assertEqual(self.wait(self.files.lstat("/a")).owner, pwd.getpwuid(os.geteuid()).pw_name)

    def test_ability(self) -> None:
        """A file that would have to wait says so at once, and does not touch what it was lent."""
        write(f"{self.root}/a", b"abc")
        file = self.wait(self.files.open("/a", READ, OLD, NONE))
        self.assertTrue(IReadInto.providedBy(file))
        file._mount.nowait = False
        buffer = bytearray(3)
        self.assertIsNone(file.read_into([buffer], 0))
        self.assertEqual(buffer, bytes(3))
