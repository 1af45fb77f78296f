"""
Locks between open files: in memory, on disk, and where threads do the work.
"""

import os
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.files.local import LocalFileSystem
from conchsftp.files.locks import Locks
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import OpenFlag
from conchsftp.sftp.statuses import Status
from tests.files.about_locks import ALONE, CONFLICT, LOCKED, NO_READ, NO_WRITE, REFUSED, LockTests
from tests.files.case import BOTH, OLD, READ
from tests.files.case import NONE as NO_ATTRIBUTES
from tests.files.locking_program import Other
from tests.files.support import inline_workers, threaded_workers


class MemoryTests(LockTests, SynchronousTestCase):
    """The file system in memory."""

    def setUp(self) -> None:
        self.files = MemoryFileSystem()
        self.locks = self.files.locks
        self.begin()

    def test_allocating(self) -> None:
        """With less room than it fills, a file would be cut off."""
        self.one.lock(4, 1, NO_READ | NO_WRITE)
        self.refused(CONFLICT, self.files.set_attributes, "/a", Attributes(allocation_size=4), True)
        self.refused(CONFLICT, self.other.set_attributes, Attributes(allocation_size=4))
        self.files.set_attributes("/a", Attributes(allocation_size=5), True)
        self.end()


class LocalTests(LockTests, SynchronousTestCase):
    """The local file system."""

    def setUp(self) -> None:
        self.root = self.mktemp()
        os.mkdir(self.root)
        self.workers = inline_workers()
        self.files = LocalFileSystem(self.root, workers=self.workers)
        self.locks = self.workers.shared(Locks)
        self.begin()

    def copied(self, function: Callable[..., Any], *args: Any) -> None:
        copying = function(*args)
        self.workers.pool.work()  # type: ignore[attr-defined]
        self.successResultOf(copying)

    def fails(self, status: Status, function: Callable[..., Any], *args: Any) -> None:
        copying = function(*args)
        self.workers.pool.work()  # type: ignore[attr-defined]
        self.assertEqual(self.failureResultOf(copying, SFTPError).value.status, status)

    def test_scanning(self) -> None:
        """What is read for a hash is refused where it is locked, and not for what is locked behind the end."""
        pieces: list[bytes] = []

        def take(piece: Any) -> None:
            pieces.append(bytes(piece))

        self.one.lock(10, 90, ALONE)
        self.copied(self.other.scan, take, 2, 0)
        self.assertEqual(pieces, [b"23456789"])
        self.one.write(10, b"x")
        self.fails(CONFLICT, self.other.scan, take, 2, 0)
        self.copied(self.other.scan, take, 2, 8)
        self.assertEqual(pieces, [b"23456789"] * 2)
        self.end()

    def test_other_roots(self) -> None:
        """Whoever sees the same file by another path, in a file system of its own, meets the same locks."""
        os.mkdir(f"{self.root}/d")
        os.link(f"{self.root}/a", f"{self.root}/d/b")
        others = LocalFileSystem(f"{self.root}/d", workers=self.workers)
        file = others.open("/b", BOTH, OLD, NO_ATTRIBUTES)
        self.one.lock(0, 5, ALONE)
        self.refused(CONFLICT, file.read, 0, 1)
        file.close()
        self.end()


class ThreadTests(SynchronousTestCase):
    """Locks on a mount whose calls are made in threads."""

    def setUp(self) -> None:
        self.root = self.mktemp()
        os.mkdir(self.root)
        with open(f"{self.root}/a", "wb") as file:
            file.write(b"0123456789")
        self.workers: Any = threaded_workers()
        self.files = LocalFileSystem(self.root, workers=self.workers)
        self.locks = self.workers.shared(Locks)
        self.one, self.other = self.open(), self.open()

    def open(self, flags: Any = OLD) -> Any:
        """Open the file."""
        return self.wait(self.files.open("/a", BOTH, flags, NO_ATTRIBUTES))

    def wait(self, result: Any) -> Any:
        """Let the threads work, and return the result."""
        self.workers.pool.work()
        return self.successResultOf(result)

    def test_reserved(self) -> None:
        """A range is taken from the moment on that it is asked for, and free when it could not be had."""
        first, second = self.one.lock(0, 5, ALONE), None
        with self.assertRaises(SFTPError):
            second = self.other.lock(0, 5, ALONE)
        self.assertIsNone(second)
        self.wait(first)
        self.wait(self.one.unlock(0, 5))
        with Other(f"{self.root}/a", "0 5"):
            refused = self.other.lock(0, 5, ALONE)
            self.workers.pool.work()
            self.assertEqual(self.failureResultOf(refused, SFTPError).value.status, REFUSED)
        self.assertFalse(self.locks.held)
        self.wait(self.other.lock(0, 0, ALONE))

    def test_session_lost(self) -> None:
        """Who closes a file while a thread is about to lock it leaves no lock, here or in the system."""
        locking = self.one.lock(0, 5, ALONE)
        locking.addErrback(lambda failure: failure.trap(CancelledError))
        locking.cancel()
        closing = self.one.close()
        self.assertNoResult(closing)
        self.wait(closing)
        self.wait(self.other.lock(0, 5, ALONE))
        self.wait(self.other.close())
        self.assertEqual((len(self.locks), self.locks.opened), (0, set()))

    def test_opening(self) -> None:
        """An OPEN that finds, when it comes from its thread, that others were faster is refused, and closes all."""
        self.wait(self.one.close())
        self.wait(self.other.close())
        before = len(os.listdir("/proc/self/fd"))
        first = self.files.open("/a", BOTH, OLD | NO_READ, NO_ATTRIBUTES)
        second = self.files.open("/a", READ, OLD | OpenFlag.DELETE_ON_CLOSE, NO_ATTRIBUTES)
        file = self.wait(first)
        self.assertEqual(self.failureResultOf(second, SFTPError).value.status, LOCKED)
        self.wait(file.close())
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)
        self.assertEqual(os.listdir(self.root), ["a"])
