"""
Open files of the local file system: what is in memory and what is not, threads, and the limits of the system.
"""

import os
import resource
import tempfile
from collections.abc import Sequence
from errno import EIO, EOPNOTSUPP
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.files.attributes.accounts import Accounts
from conchsftp.files.local_file import LocalFile
from conchsftp.files.locks import Locks
from conchsftp.sftp.attributes import Attributes
from conchsftp.workers import Mount
from tests.files.support import contents, inline_workers, threaded_workers, write

MEMORY = "/dev/shm"
UNLOCKED: dict[str, Any] = {"locks": Locks(), "key": None, "access": 0}


class FileCase(SynchronousTestCase):
    """A place for files, and a way to open them."""

    def setUp(self) -> None:
        self.place = self.mktemp()
        self.workers: Any = inline_workers()
        self.mount = Mount()

    def open(self, data: bytes = b"", flags: int = os.O_RDWR, place: str | None = None, **options: Any) -> LocalFile:
        descriptor = os.open(write(place or self.place, data), flags)
        return LocalFile(descriptor, self.mount, self.workers, Accounts(self.workers), **UNLOCKED, **options)

    def use_threads(self) -> None:
        self.workers = threaded_workers()
        self.mount = Mount(threads=True)


class ReadTests(FileCase):
    """Reading."""

    def forget(self, file: LocalFile, size: int) -> None:
        """Let the kernel forget what it has in memory from a place in a file on."""
        os.fsync(file._fd)
        os.posix_fadvise(file._fd, size, 0, os.POSIX_FADV_DONTNEED)

    def test_in_memory(self) -> None:
        """What is in memory comes at once."""
        file = self.open(bytes(300_000))
        buffer = bytearray(261_120)
        self.assertEqual(file.read_into([memoryview(buffer)], 0), 261_120)
        self.assertEqual(self.workers.pool.calls, 0)

    def test_not_in_memory(self) -> None:
        """What is not in memory is read in a thread, and read_into says so at once."""
        data = os.urandom(1 << 20)
        file = self.open(data)
        for start in (0, 65536):  # nothing is there; the beginning is
            self.forget(file, start)
            count = file.read_into([bytearray(1 << 20)], 0)
            if count is not None:
                raise SkipTest("this file system does not let its memory go, or has none")
            result = file.read(0, 1 << 20)
            if isinstance(result, Deferred):  # the kernel may have read ahead meanwhile
                self.workers.pool.work()
                result = self.successResultOf(result)
            self.assertEqual(result, data)
        self.assertEqual(file.read(0, 1 << 20), data)

    def test_short_answer(self) -> None:
        """A short answer is the end of the file only if the file ends there; Linux 5.9 said 0 for "not in memory"."""
        file = self.open(b"0123456789")
        answers = [4, 0, 10]
        original = os.preadv

        def preadv(descriptor: int, views: Sequence[Any], offset: int, flags: int = 0) -> int:
            count = original(descriptor, views, offset)
            return min(count, answers.pop(0)) if flags else count

        self.patch(os, "preadv", preadv)
        self.assertIsNone(file.read_into([bytearray(20)], 0))
        self.assertIsNone(file.read_into([bytearray(20)], 0))
        self.assertEqual(file.read_into([bytearray(20)], 0), 10)

    def test_unsupported(self) -> None:
        """A mount that cannot be asked is not asked again; its files are read as the mount is."""
        asked = []
        original = os.preadv

        def preadv(descriptor: int, views: Sequence[Any], offset: int, flags: int = 0) -> int:
            if flags:
                asked.append(flags)
                raise OSError(EOPNOTSUPP, "no")
            return original(descriptor, views, offset)

        self.patch(os, "preadv", preadv)
        one, other = self.open(b"abc"), self.open(b"abcdef")
        self.assertEqual([one.read(1, 9), other.read(1, 9), one.read(0, 1)], [b"bcdef", b"bcdef", b"a"])
        self.assertEqual(len(asked), 1)
        self.assertFalse(self.mount.nowait)

    def test_memory_file_system(self) -> None:
        """Files that live in memory anyway are read inline, asked or not."""
        if not os.path.isdir(MEMORY):
            raise SkipTest(f"there is no {MEMORY}")
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            file = self.open(bytes(100), place=f"{folder}/f")
            buffer = bytearray(50)
            self.assertEqual(file.read_into([memoryview(buffer)[:20], memoryview(buffer)[20:]], 60), 40)
            self.assertEqual(file.read(0, 1000), bytes(100))
            file.close()

    def test_pieces(self) -> None:
        """Reading goes on until everything is there, however small the pieces that come."""
        self.mount.nowait = False
        file = self.open(bytes(range(200)))
        original = os.preadv
        self.patch(os, "preadv", lambda d, views, offset, *f: original(d, [memoryview(views[0])[:7]], offset, *f))
        buffer = bytearray(150)
        views = [memoryview(buffer)[:50], memoryview(buffer)[50:60], memoryview(buffer)[60:]]
        self.assertEqual(file.read_into(views, 10), 150)
        self.assertEqual(buffer, bytes(range(10, 160)))

    def test_many_views(self) -> None:
        """More views than the system takes at once are read none the less."""
        data = bytes(range(250)) * 10
        file = self.open(data)
        buffer = bytearray(len(data))
        views = [memoryview(buffer)[number : number + 1] for number in range(len(data))]
        self.assertEqual(file.read_into(views, 0), len(data))
        self.assertEqual(buffer, data)

    def test_growing(self) -> None:
        """What is written behind the end is there for the next read."""
        file = self.open(b"abc")
        self.assertEqual(file.read(0, 10), b"abc")
        file.write(3, b"def")
        self.assertEqual(file.read(0, 10), b"abcdef")

    def test_made_up_files(self) -> None:
        """Files that the kernel makes up have a size of 0, and something in them."""
        descriptor = os.open("/proc/self/status", os.O_RDONLY)
        file = LocalFile(descriptor, self.mount, self.workers, Accounts(self.workers), **UNLOCKED)
        self.assertIn(b"Name:", file.read(0, 100))
        file.close()

    def test_disk_error(self) -> None:
        """An error of the disk is an error, not the end of the file."""

        def preadv(*args: Any) -> int:
            raise OSError(EIO, "broken")

        file = self.open(b"abc")
        self.patch(os, "preadv", preadv)
        self.assertEqual(self.assertRaises(OSError, file.read, 0, 3).errno, EIO)


class WriteTests(FileCase):
    """Writing."""

    def test_in_threads(self) -> None:
        """A thread writes what was there when it was given: the buffer is used again."""
        self.use_threads()
        file = self.open()
        buffer = bytearray(b"abcdef")
        result = file.write_from([memoryview(buffer)[:3], memoryview(buffer)[3:]], 0)
        buffer[:] = b"xxxxxx"
        self.workers.pool.work()
        self.assertIsNone(self.successResultOf(result))  # type: ignore[arg-type]
        self.assertEqual(contents(self.place), b"abcdef")

    def test_pieces(self) -> None:
        """Writing goes on until everything is written, however little the system takes at a time."""
        for name in ("pwritev", "writev"):
            original = getattr(os, name)

            def little(descriptor: int, views: Sequence[Any], *offset: int, original: Any = original) -> int:
                return original(descriptor, [memoryview(next(view for view in views if len(view)))[:2]], *offset)

            self.patch(os, name, little)
        self.open().write_from([b"abc", b"", b"d", b"efghi"], 2)
        self.assertEqual(contents(self.place), b"\0\0abcdefghi")
        self.open(b"xyz", os.O_WRONLY | os.O_APPEND, append=True).write_from([b"abc", b"de"], 0)
        self.assertEqual(contents(self.place), b"xyzabcde")

    def test_many_pieces(self) -> None:
        """More pieces than the system takes at once are written none the less."""
        data = bytes(range(250)) * 10
        self.open().write_from([data[number : number + 1] for number in range(len(data))], 0)
        self.assertEqual(contents(self.place), data)

    def test_nothing_taken(self) -> None:
        """A system that takes nothing at all does not keep us for ever."""
        self.patch(os, "pwritev", lambda *args: 0)
        self.assertRaises(OSError, self.open().write, 0, b"abc")

    def test_too_large(self) -> None:
        """What the system does not let us write is an error, and what it did let us is written."""
        file = self.open()
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_FSIZE, limits)
        self.assertRaises(OSError, file.write_from, [bytes(3000), bytes(3000)], 0)
        self.assertEqual(os.path.getsize(self.place), 4096)
        self.assertRaises(OSError, file.set_attributes, Attributes(size=5000))

    def test_full_disk(self) -> None:
        """A full disk is said."""
        if not os.path.exists("/dev/full"):
            raise SkipTest("there is no /dev/full")
        descriptor = os.open("/dev/full", os.O_WRONLY)
        file = LocalFile(descriptor, self.mount, self.workers, Accounts(self.workers), **UNLOCKED)
        problem = self.assertRaises(OSError, file.write, 0, b"abc")
        self.assertEqual(problem.errno, 28)
        file.close()


class CloseTests(FileCase):
    """Closing."""

    def test_waits(self) -> None:
        """A file is closed when the last thread that uses it is done."""
        self.use_threads()
        file = self.open(b"abc")
        descriptor = file._fd
        written, synced = file.write(0, b"xyz"), file.sync()
        closed = file.close()
        assert isinstance(closed, Deferred)
        self.assertTrue(file.closing)
        self.workers.pool.waiting.pop(0)()
        self.successResultOf(written)  # type: ignore[arg-type]
        self.assertNoResult(closed)
        os.fstat(descriptor)
        self.workers.pool.work()
        self.successResultOf(synced)
        self.successResultOf(closed)
        self.assertRaises(OSError, os.fstat, descriptor)

    def test_waits_for_cancelled(self) -> None:
        """Also for a thread whose result nobody waits for any more."""
        self.use_threads()
        file = self.open(b"abc")
        descriptor = file._fd
        written = file.write(0, b"xyz")
        assert isinstance(written, Deferred)
        written.cancel()
        self.failureResultOf(written, CancelledError)
        closed = file.close()
        assert isinstance(closed, Deferred)
        self.assertNoResult(closed)
        os.fstat(descriptor)
        self.workers.pool.work()
        self.successResultOf(closed)
        self.assertEqual(contents(self.place), b"xyz")

    def test_error(self) -> None:
        """A file server may refuse what was written only when the file is closed."""
        for threads in (False, True):
            if threads:
                self.use_threads()
            file = self.open(b"abc")
            result = file.write(0, b"x")
            descriptor = file._fd
            original = os.close

            def close(number: int, descriptor: int = descriptor, original: Any = original) -> None:
                original(number)
                if number == descriptor:
                    raise OSError(EIO, "no")

            self.patch(os, "close", close)
            if threads:
                closed = file.close()
                self.workers.pool.work()
                self.successResultOf(result)  # type: ignore[arg-type]
                self.failureResultOf(closed, OSError)  # type: ignore[arg-type]
            else:
                self.assertRaises(OSError, file.close)

    def test_used_afterwards(self) -> None:
        """A closed file never reads what is now open under its number."""
        file = self.open(b"abc")
        file.close()
        other = self.open(b"secret")
        self.assertRaises(SFTPError, file.read, 0, 3)
        self.assertRaises(SFTPError, file.write, 0, b"x")
        self.assertRaises(OSError, file.stat)
        other.close()
