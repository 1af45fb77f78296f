"""
Locks of other programs on the machine, and ours as they see them.
"""

import fcntl
import os
from collections.abc import Callable
from errno import ENOLCK, EOPNOTSUPP
from struct import pack
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.files import system_locks
from conchsftp.files.local import LocalFileSystem
from conchsftp.files.system_locks import EXCLUSIVE, NONE, SHARED, set_lock
from conchsftp.sftp.numbers import OpenFlag
from conchsftp.sftp.statuses import Status
from tests.files.about_locks import ADVISORY, ALONE, LOCKED, NO_READ, NO_WRITE, REFUSED
from tests.files.case import BOTH, NEW, OLD, READ, TRUNCATE, FileSystemCase
from tests.files.case import NONE as NO_ATTRIBUTES
from tests.files.locking_program import Other
from tests.files.support import inline_workers


class OtherProgramTests(FileSystemCase, SynchronousTestCase):
    """Other programs on the machine."""

    def setUp(self) -> None:
        self.root = self.mktemp()
        os.mkdir(self.root)
        self.files = LocalFileSystem(self.root, workers=inline_workers())
        self.put("/a", b"0123456789")
        self.path = f"{self.root}/a"
        self.file = self.files.open("/a", BOTH, OLD, NO_ATTRIBUTES)

    def can(self, what: str, kind: str = "w") -> bool:
        """Whether another program can lock a part of the file."""
        with Other(self.path, what, kind) as said:
            return said == "locked"

    def test_taken_there(self) -> None:
        """What another program has locked cannot be locked here, nor opened alone; nothing was changed by trying."""
        with Other(self.path, "2 3") as said:
            self.assertEqual(said, "locked")
            self.refused(REFUSED, self.file.lock, 4, 1, NO_WRITE)
            self.file.lock(5, 5, ALONE)
            self.file.close()
            for mask in (NO_WRITE, ALONE | ADVISORY):
                self.refused(LOCKED, self.files.open, "/a", BOTH, TRUNCATE | mask, NO_ATTRIBUTES)
            self.assertEqual(self.get("/a"), b"0123456789")
        self.files.open("/a", BOTH, TRUNCATE | ALONE, NO_ATTRIBUTES).close()
        self.assertEqual(self.get("/a"), b"")

    def test_taken_here(self) -> None:
        """What is locked here no other program locks: shared with its readers, or alone; released with the middle."""
        self.file.lock(0, 2, ALONE)
        self.file.lock(2, 2, NO_WRITE)
        self.file.lock(4, 0, ALONE)
        self.file.unlock(2, 2)
        self.file.lock(2, 1, NO_WRITE)
        found = [(what, kind) for what in ("1 1", "2 1", "3 1", "9 1", "10 5") for kind in "rw" if self.can(what, kind)]
        self.assertEqual(found, [("2 1", "r"), ("3 1", "r"), ("3 1", "w"), ("10 5", "r"), ("10 5", "w")])
        # Another open file of the same process may be closed: locks of the old kind would be lost by that.
        self.files.open("/a", READ, OLD, NO_ATTRIBUTES).close()
        self.assertFalse(self.can("1 1"))
        self.file.close()
        self.assertTrue(self.can("0 0"))

    def test_whole_file(self) -> None:
        """A file that is opened alone is locked whole, whatever parts of it are locked and released meanwhile."""
        self.file.close()
        file = self.files.open("/a", BOTH, OLD | ALONE, NO_ATTRIBUTES)
        file.lock(2, 3, NO_WRITE)
        self.assertFalse(self.can("3 1", "r"))
        file.unlock(2, 3)
        self.assertFalse(self.can("3 1", "r"))
        file.close()
        self.assertTrue(self.can("3 1"))

    def test_very_far(self) -> None:
        """Ranges that go further than any file are locked as far as files go."""
        for offset, length in ((2**63 - 1, 1), (2**62, 2**63), (2**63, 5)):
            self.file.lock(offset, length, ALONE)
            self.assertEqual(self.can(f"{2**62 + 1} 1"), offset > 2**62)
            self.file.unlock(offset, length)

    def test_disk_without_locks(self) -> None:
        """A disk without locks is said to have none, and nothing is left of the try."""

        def fail(number: int) -> Callable[..., Any]:
            def call(*args: Any) -> Any:
                raise OSError(number, os.strerror(number))

            return call

        for number in (ENOLCK, EOPNOTSUPP):
            self.patch(fcntl, "fcntl", fail(number))
            self.refused(Status.OP_UNSUPPORTED, self.file.lock, 0, 5, ALONE)
            self.refused(
                Status.OP_UNSUPPORTED, self.files.open, "/a", BOTH, TRUNCATE | NO_READ | ADVISORY, NO_ATTRIBUTES
            )
            for flags in (NEW, NEW | OpenFlag.DELETE_ON_CLOSE):
                self.refused(Status.OP_UNSUPPORTED, self.files.open, "/new", BOTH, flags | ALONE, NO_ATTRIBUTES)
        self.assertFalse(self.file._held)
        self.assertEqual(self.get("/a"), b"0123456789")
        self.assertEqual(os.listdir(self.root), ["a"])

    def test_system_call(self) -> None:
        """It takes a descriptor that is open for what others are kept from; and a system that has the call."""
        reading = os.open(self.path, os.O_RDONLY)
        self.addCleanup(os.close, reading)
        self.assertTrue(set_lock(reading, SHARED, 0, 1))
        self.assertTrue(set_lock(reading, NONE, 0, 1))
        self.refused(Status.PERMISSION_DENIED, set_lock, reading, EXCLUSIVE, 0, 1)
        self.assertEqual(len(pack(system_locks._LAYOUT, 0, 0, 0, 0, 0)), 32)
        self.patch(system_locks, "_SET", None)
        self.refused(Status.OP_UNSUPPORTED, set_lock, reading, SHARED, 0, 1)
