"""
Renames from one file system to another, which are copies.

Two directories are made to look like two file systems to whoever renames; one test has real ones.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from errno import EIO, ENOSPC, EPERM, EXDEV
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SkipTest

from conchsftp.errors import SFTPError
from conchsftp.files import copying, crossing
from conchsftp.files.local import LocalFileSystem
from conchsftp.interfaces import IStoppable
from conchsftp.sftp.numbers import RenameFlag
from conchsftp.sftp.statuses import Status
from tests.files.case import EXISTS, FOLDER, MISSING, NONE
from tests.files.local_case import LocalCase
from tests.files.support import contents, open_descriptors, threaded_workers, write

MEMORY = "/dev/shm"
KEEP, OVER = RenameFlag(0), RenameFlag.OVERWRITE


class CrossingCase(LocalCase):
    """A file in one of two directories that cannot rename to each other."""

    def setUp(self) -> None:
        super().setUp()
        self.files = LocalFileSystem(self.root, workers=self.workers, cross_device_rename="copy")
        for name in ("one", "two"):
            os.mkdir(f"{self.root}/{name}")
        self.source = write(f"{self.root}/one/a", b"0123456789")
        self.separate()

    def separate(self) -> None:
        """Have every call that renames refuse what leads from one directory to another."""

        def guarded(original: Callable[..., Any]) -> Callable[..., Any]:
            def call(name: bytes, new_name: bytes, *, src_dir_fd: int, dst_dir_fd: int, **options: Any) -> Any:
                check(src_dir_fd, dst_dir_fd)
                return original(name, new_name, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, **options)

            return call

        def check(directory: int, other: int) -> None:
            if os.fstat(directory).st_ino != os.fstat(other).st_ino:
                raise OSError(EXDEV, os.strerror(EXDEV))

        for name in ("rename", "link"):
            self.patch(os, name, guarded(getattr(os, name)))
        original = self.files._beneath._rename_exclusively
        if original is not None:

            def exclusively(directory: int, name: bytes, new_directory: int, new_name: bytes) -> None:
                check(directory, new_directory)
                original(directory, name, new_directory, new_name)

            self.files._beneath._rename_exclusively = exclusively

    def move(self, path: str = "/one/a", new_path: str = "/two/b", flags: int = KEEP) -> None:
        """Rename, and let the threads work; raise what comes of it."""
        result = self.files.rename(path, new_path, flags)
        if result is None:
            return
        self.assertTrue(IStoppable.providedBy(result))
        failures: list[Any] = []
        result.addErrback(failures.append)
        self.workers.pool.work()
        self.successResultOf(result)
        for failure in failures:
            failure.raiseException()

    def check_untouched(self) -> None:
        """Nothing has happened, and nothing is left."""
        self.assertEqual(contents(self.source), b"0123456789")
        self.assertEqual(os.listdir(f"{self.root}/one"), ["a"])
        self.assertEqual(os.listdir(f"{self.root}/two"), [])


class CopyTests(CrossingCase):
    """What arrives."""

    def test_file(self) -> None:
        """A file arrives with its mode and its times, and is gone where it was."""
        os.chmod(self.source, 0o4751)
        os.utime(self.source, ns=(1_500_000_000_123_456_789, 1_400_000_000_987_654_321))
        before = os.stat(self.source)
        self.move()
        after = os.stat(f"{self.root}/two/b")
        for field in ("st_mode", "st_uid", "st_gid", "st_size", "st_mtime_ns", "st_atime_ns"):
            self.assertEqual(getattr(after, field), getattr(before, field), field)
        self.assertEqual(contents(f"{self.root}/two/b"), b"0123456789")
        self.assertEqual((os.listdir(f"{self.root}/one"), os.listdir(f"{self.root}/two")), ([], ["b"]))

    def test_empty(self) -> None:
        """An empty file arrives, too."""
        write(self.source)
        self.move()
        self.assertEqual(contents(f"{self.root}/two/b"), b"")

    def test_link(self) -> None:
        """A symbolic link arrives as one, whatever it points at, with its times."""
        os.symlink("../nowhere", f"{self.root}/one/l")
        os.utime(f"{self.root}/one/l", (5, 6), follow_symlinks=False)
        self.move("/one/l", "/two/l")
        self.assertEqual(os.readlink(f"{self.root}/two/l"), "../nowhere")
        self.assertEqual(os.lstat(f"{self.root}/two/l").st_mtime, 6)
        self.assertFalse(os.path.lexists(f"{self.root}/one/l"))

    def test_same_file_system(self) -> None:
        """What can be renamed is renamed at once: directories, and open files keep their place."""
        number = os.stat(self.source).st_ino
        self.move("/one/a", "/one/c")
        self.assertEqual(os.stat(f"{self.root}/one/c").st_ino, number)
        self.assertEqual(self.workers.pool.calls, 0)
        self.move("/one", "/three")
        self.refused(MISSING, self.move, "/one/a")

    def test_owner(self) -> None:
        """Where the owner or the group cannot be kept, the bits that run a program as them are not kept either."""
        os.chmod(self.source, 0o6755)

        def refuse(descriptor: int, uid: int, gid: int) -> None:
            raise OSError(EPERM, "no")

        self.patch(os, "fchown", refuse)
        self.move()
        self.assertEqual(os.stat(f"{self.root}/two/b").st_mode & 0o7777, 0o755)

    def test_holes(self) -> None:
        """The holes of a file arrive as holes, whole ones: only at the end of the file a byte is written."""
        with open(self.source, "r+b") as file:
            file.seek(1 << 22)
            file.write(b"end")
            file.truncate(1 << 24)
        before = os.stat(self.source)
        if before.st_blocks * 512 >= 1 << 22:
            raise SkipTest("this file system has no holes")
        self.patch(crossing, "COPY_STEP", 1 << 20)
        self.move()
        there = os.stat(f"{self.root}/two/b")
        self.assertEqual(there.st_size, 1 << 24)
        self.assertLessEqual(there.st_blocks * 512, before.st_blocks * 512 + there.st_blksize)
        data = contents(f"{self.root}/two/b")
        self.assertEqual(data, b"0123456789" + bytes((1 << 22) - 10) + b"end" + bytes((1 << 24) - (1 << 22) - 3))

    def test_views(self) -> None:
        """A view of a part copies as well."""
        view = self.files.rooted_at("/one")
        assert isinstance(view, LocalFileSystem)
        self.assertTrue(view._crosses)


class ReplaceTests(CrossingCase):
    """What stands at the new name already."""

    def test_kept(self) -> None:
        """Without a word about replacing, nothing is: neither what stood there before nor what comes meanwhile."""
        there = write(f"{self.root}/two/b", b"there")
        self.refused(EXISTS, self.move)
        self.assertEqual(contents(there), b"there")
        os.remove(there)
        result = self.files.rename("/one/a", "/two/b", KEEP)
        assert isinstance(result, Deferred)
        self.workers.pool.waiting.pop(0)()
        write(there, b"there")
        self.workers.pool.work()
        self.failureResultOf(result, FileExistsError)
        self.assertEqual(contents(there), b"there")
        self.assertEqual((os.listdir(f"{self.root}/one"), os.listdir(f"{self.root}/two")), (["a"], ["b"]))

    def test_replaced(self) -> None:
        """A file or a link is replaced at one moment; until then it is whole."""
        there = write(f"{self.root}/two/b", b"there")
        result = self.files.rename("/one/a", "/two/b", OVER)
        assert isinstance(result, Deferred)
        self.workers.pool.waiting.pop(0)()
        self.assertEqual(contents(there), b"there")
        self.workers.pool.work()
        self.successResultOf(result)
        self.assertEqual(contents(there), b"0123456789")
        write(self.source, b"new")
        os.symlink("nowhere", f"{self.root}/two/l")
        self.move("/one/a", "/two/l", OVER)
        self.assertEqual(contents(f"{self.root}/two/l"), b"new")

    def test_directory(self) -> None:
        """A directory is not replaced by a file."""
        os.mkdir(f"{self.root}/two/b")
        self.refused(FOLDER, self.move, "/one/a", "/two/b", OVER)
        self.refused(EXISTS, self.move, "/one/a", "/two/b", KEEP)
        self.assertEqual(os.listdir(f"{self.root}/two/b"), [])


class RefusedTests(CrossingCase):
    """What is refused, and what fails, leaves everything as it was."""

    def refuse(self, name: str, number: int, when: Callable[..., bool] = lambda *_: True) -> None:
        """Have a call of the system fail."""
        original = getattr(os, name)

        def call(*args: Any, **options: Any) -> Any:
            if when(*args):
                raise OSError(number, os.strerror(number))
            return original(*args, **options)

        self.patch(os, name, call)

    def test_kinds(self) -> None:
        """Directories are not copied, nor is what is no file; the user is told."""
        os.mkdir(f"{self.root}/one/d")
        os.mkfifo(f"{self.root}/one/p")
        for path, text in (("/one/d", "directory"), ("/one/p", "pipes")):
            problem = self.assertRaises(SFTPError, self.move, path)
            self.assertEqual(problem.status, Status.FAILURE)
            self.assertIn("to another file system", problem.message)
            self.assertIn(text, problem.message)
        self.assertEqual(os.listdir(f"{self.root}/two"), [])

    def test_full(self) -> None:
        """A disk that is full is said, and the copy is removed."""
        before = open_descriptors()
        self.refuse("copy_file_range", ENOSPC)
        self.refused(Status.NO_SPACE_ON_FILESYSTEM, self.move)
        self.check_untouched()
        self.assertEqual(open_descriptors(), before)

    def test_not_durable(self) -> None:
        """A copy that cannot be brought to the disk is none."""
        self.refuse("fsync", EIO)
        self.refused(Status.FAILURE, self.move)
        self.check_untouched()

    def test_copy_cannot_go(self) -> None:
        """A copy that cannot be removed either changes nothing of the answer, nor of the original."""
        self.refuse("copy_file_range", ENOSPC)
        self.refuse("unlink", EPERM)
        self.refused(Status.NO_SPACE_ON_FILESYSTEM, self.move)
        self.assertEqual(contents(self.source), b"0123456789")

    def test_order(self) -> None:
        """First the data is on the disk, then it has its name, and only then the original goes."""
        done = []
        for name in ("fsync", "unlink"):
            original = getattr(os, name)

            def call(what: Any, *args: Any, name: str = name, original: Any = original, **options: Any) -> Any:
                done.append((name, sorted(os.listdir(f"{self.root}/two")) == ["b"]))
                return original(what, *args, **options)

            self.patch(os, name, call)
        self.move()
        self.assertEqual(done, [("fsync", False), ("fsync", True), ("unlink", True)])

    def test_original_cannot_go(self) -> None:
        """If the original cannot be removed the copy goes again; if it has replaced something, the user is told."""
        self.refuse("unlink", EPERM, lambda name, *_: name == b"a")
        self.refused(Status.PERMISSION_DENIED, self.move)
        self.check_untouched()
        write(f"{self.root}/two/b", b"old")
        problem = self.assertRaises(SFTPError, self.move, "/one/a", "/two/b", OVER)
        self.assertEqual(problem.status, Status.PERMISSION_DENIED)
        self.assertIn("copied", problem.message)
        self.assertEqual(contents(f"{self.root}/two/b"), b"0123456789")

    def test_read_only(self) -> None:
        """Where nothing can be removed, nothing is copied."""
        self.patch(os, "access", lambda *args, **options: False)
        self.refused(Status.PERMISSION_DENIED, self.move)
        self.check_untouched()

    def test_changed(self) -> None:
        """What somebody else writes meanwhile is not lost: the file stays where it is."""
        result = self.files.rename("/one/a", "/two/b", KEEP)
        assert isinstance(result, Deferred)
        self.workers.pool.waiting.pop(0)()
        write(self.source, b"0123456789+")
        self.workers.pool.work()
        self.assertIn("changed", self.failureResultOf(result, SFTPError).value.message)
        self.assertEqual(contents(self.source), b"0123456789+")
        self.assertEqual(os.listdir(f"{self.root}/two"), [])

    def test_refused(self) -> None:
        """By default a rename to another file system is refused, as what it is."""
        self.files._crosses = False
        for flags in (KEEP, OVER):
            problem = self.assertRaises(OSError, self.files.rename, "/one/a", "/two/b", flags)
            self.assertEqual(problem.errno, EXDEV)
        self.refused(Status.FAILURE, self.files.make_hard_link, "/one/a", "/two/b")
        self.check_untouched()


class StepTests(CrossingCase):
    """In threads, a step at a time."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(crossing, "COPY_STEP", 4)

    def test_steps(self) -> None:
        """Between the steps others have their turn; nothing is copied where it would hold everybody up."""
        result = self.files.rename("/one/a", "/two/b", KEEP)
        assert isinstance(result, Deferred)
        sizes = []
        while self.workers.pool.waiting:
            self.assertNoResult(result)
            self.workers.pool.waiting.pop(0)()
            sizes += [os.path.getsize(f"{self.root}/two/{name}") for name in os.listdir(f"{self.root}/two")]
        self.successResultOf(result)
        self.assertEqual(sizes, [0, 4, 8, 10])

    def test_stopped(self) -> None:
        """Whenever it is stopped, nothing is left of it, and its outcome comes."""
        for steps in range(4):
            for how in ("stop", "cancel"):
                result = self.files.rename("/one/a", "/two/b", KEEP)
                assert isinstance(result, Deferred)
                for _ in range(steps):
                    self.workers.pool.waiting.pop(0)()
                getattr(result, how)()
                self.workers.pool.work()
                self.failureResultOf(result)
                self.check_untouched()

    def test_stopped_within_a_step(self) -> None:
        """The step that is under way undoes everything itself: there may be no thread for another one."""
        original = crossing.copy_step

        def copy_step(*args: Any, **options: Any) -> int:
            result.stop()  # type: ignore[attr-defined]
            return original(*args, **options)

        self.patch(crossing, "copy_step", copy_step)
        result = self.files.rename("/one/a", "/two/b", KEEP)
        assert isinstance(result, Deferred)
        self.workers.pool.waiting.pop(0)()
        self.workers.pool.waiting.pop(0)()
        self.check_untouched()
        self.failureResultOf(result, SFTPError)
        self.assertEqual(self.workers.pool.waiting, [])

    def test_all_in_threads(self) -> None:
        """On a slow mount the rename itself is made in a thread, too."""
        self.workers = threaded_workers()
        self.files = LocalFileSystem(self.root, workers=self.workers, cross_device_rename="copy")
        self.separate()
        self.move("/one/a", "/one/c")
        self.assertEqual(self.workers.pool.calls, 1)
        self.move("/one/c", "/two/b")
        self.assertEqual(contents(f"{self.root}/two/b"), b"0123456789")
        self.refused(MISSING, self.move, "/one/c", "/two/d")


class RealTests(LocalCase):
    """Two real file systems."""

    def test_move(self) -> None:
        """From the disk to memory and back, beneath one root."""
        if not os.path.isdir(MEMORY) or os.stat(MEMORY).st_dev == os.stat(self.root).st_dev:
            raise SkipTest(f"{MEMORY} is no other file system")
        far = tempfile.mkdtemp(dir=MEMORY)
        self.addCleanup(shutil.rmtree, far)
        self.files = LocalFileSystem("/", workers=self.workers, cross_device_rename="copy")
        self.patch(copying, "_PIECE", 1000)
        data = bytes(range(256)) * 100
        write(f"{self.root}/a", data)
        os.symlink("a", f"{self.root}/l")
        for path, new_path in (
            (f"{self.root}/a", f"{far}/a"),
            (f"{self.root}/l", f"{far}/l"),
            (f"{far}/a", f"{self.root}/back"),
        ):
            result = self.files.rename(path, new_path, KEEP)
            assert isinstance(result, Deferred)
            self.workers.pool.work()
            self.successResultOf(result)
            self.assertFalse(os.path.lexists(path))
        self.assertEqual(contents(f"{self.root}/back"), data)
        self.assertEqual((os.listdir(far), os.readlink(f"{far}/l")), (["l"], "a"))
        self.files.make_directory(f"{self.root}/d", NONE)
        result = self.files.rename(f"{self.root}/d", f"{far}/d", KEEP)
        assert isinstance(result, Deferred)
        self.workers.pool.work()
        self.assertIn("directory", self.failureResultOf(result, SFTPError).value.message)


class WalkedReplaceTests(ReplaceTests):
    """The same without renameat2."""

    def separate(self) -> None:
        self.files._beneath._rename_exclusively = None
        super().separate()
