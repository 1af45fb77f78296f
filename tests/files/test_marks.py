"""
Attribute bits of local files that can be set, and what else only the local file system knows of setting.
"""

import os
from errno import EINVAL, EOPNOTSUPP, EPERM
from typing import Any

from twisted.trial.unittest import SkipTest

from conchsftp.errors import SFTPError
from conchsftp.files.attributes import changing, marks
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import AttribBit
from conchsftp.sftp.statuses import Status
from tests.files.case import NEW, OLD, READ, WRITE
from tests.files.local_case import LocalCase

_MARKS = AttribBit.COMPRESSED | AttribBit.SYNC | AttribBit.IMMUTABLE | AttribBit.APPEND_ONLY


class _Disk:
    """
    A disk that keeps marks, in the place of ioctl(2).

    Attributes:
        flags: those of the one file.
        refused: the flags that nobody may set.
    """

    def __init__(self) -> None:
        self.flags = 0
        self.refused = 0
        self.calls: list[int] = []

    def __call__(self, descriptor: int, number: int, buffer: bytes) -> bytes:
        if number == marks._GET:
            return self.flags.to_bytes(4, "little").ljust(len(buffer), b"\0")
        flags = int.from_bytes(buffer[:4], "little")
        self.calls.append(flags)
        if (flags ^ self.flags) & self.refused:
            raise OSError(EPERM, "no capability")
        self.flags = flags
        return buffer


class MarkTests(LocalCase):
    """What is set, on a disk that can."""

    def setUp(self) -> None:
        super().setUp()
        self.put("/a", b"abc")
        self.disk = _Disk()
        self.patch(marks, "ioctl", self.disk)

    def mark(self, bits: int, valid: int | None = None, **others: Any) -> None:
        wanted = Attributes(attrib_bits=bits, attrib_bits_valid=bits if valid is None else valid, **others)
        self.files.set_attributes("/a", wanted, True)

    def test_set(self) -> None:
        """Each bit has its flag; what the request is not about stays as it is."""
        for bit, flag in (
            (AttribBit.COMPRESSED, 0x4),
            (AttribBit.SYNC, 0x8),
            (AttribBit.IMMUTABLE, 0x10),
            (AttribBit.APPEND_ONLY, 0x20),
        ):
            self.disk.flags = 0x80000
            self.mark(bit)
            self.assertEqual(self.disk.flags, 0x80000 | flag)
            self.mark(0, bit)
            self.assertEqual(self.disk.flags, 0x80000)
            self.assertTrue(self.files.attrib_bits & bit)

    def test_no_change(self) -> None:
        """What is as it should be is not set again: a user who may not is refused nothing."""
        self.disk.flags, self.disk.refused = 0x10, 0xFF
        self.mark(AttribBit.IMMUTABLE)
        self.mark(AttribBit.IMMUTABLE, _MARKS)
        self.assertEqual(self.disk.calls, [])

    def test_not_allowed(self) -> None:
        """Who lacks the capability is refused, and all else that was asked for is done."""
        self.disk.refused = 0x30
        self.refused(Status.PERMISSION_DENIED, self.mark, AttribBit.IMMUTABLE | AttribBit.SYNC, None)
        self.assertEqual(self.disk.flags, 0)
        with self.assertRaises(OSError):
            self.mark(AttribBit.IMMUTABLE, mtime=5)
        self.assertEqual(self.files.stat("/a").mtime, 5)

    def test_order(self) -> None:
        """A file is freed before it is changed, and protected afterwards: the other way round it could not be."""
        self.disk.flags = 0x10
        self.mark(AttribBit.APPEND_ONLY | AttribBit.SYNC, _MARKS, mtime=5)
        self.assertEqual(self.disk.calls, [0, 0x28])

    def test_open_file(self) -> None:
        """The same of an open file; that is not written to need not be open for writing."""
        self.put("/.b")
        for path, hidden in (("/a", 0), ("/.b", AttribBit.HIDDEN)):
            file = self.files.open(path, READ, OLD, Attributes())
            self.disk.flags = 0
            file.set_attributes(Attributes(attrib_bits=AttribBit.SYNC | hidden))
            self.assertEqual(self.disk.flags, 0x8)
            wrong = Attributes(attrib_bits=hidden ^ AttribBit.HIDDEN, attrib_bits_valid=AttribBit.HIDDEN)
            self.refused(Status.OP_UNSUPPORTED, file.set_attributes, wrong)
            file.close()

    def test_refused_before(self) -> None:
        """A bit that nobody can set is refused before anything is changed."""
        self.refused(
            Status.OP_UNSUPPORTED, self.mark, AttribBit.SYNC | AttribBit.ENCRYPTED, AttribBit.SYNC | AttribBit.ENCRYPTED
        )
        with self.assertRaises(SFTPError) as caught:
            self.mark(AttribBit.SYSTEM | AttribBit.SYNC, mtime=5)
        self.assertIn("SYSTEM", caught.exception.message)
        self.assertEqual((self.disk.calls, self.files.stat("/a").mtime == 5), ([], False))

    def test_no_marks(self) -> None:
        """A file system without marks refuses them, and not what it need not change."""

        def ioctl(*args: Any) -> None:
            raise OSError(EOPNOTSUPP, "")

        self.patch(marks, "ioctl", ioctl)
        self.refused(Status.OP_UNSUPPORTED, self.mark, AttribBit.SYNC)
        self.mark(0, _MARKS)

    def test_links(self) -> None:
        """A link has no marks; what it leads to keeps its own."""
        os.symlink("a", f"{self.root}/l")
        wanted = Attributes(attrib_bits=AttribBit.SYNC, attrib_bits_valid=AttribBit.SYNC)
        self.refused(Status.OP_UNSUPPORTED, self.files.set_attributes, "/l", wanted, False)
        self.assertEqual(self.disk.calls, [])
        self.files.set_attributes("/l", wanted, True)
        self.assertEqual(self.disk.flags, 0x8)


class RealMarkTests(LocalCase):
    """On the disk there is."""

    def test_round(self) -> None:
        """A bit that the owner of a file may set is there for who looks, and goes away again."""
        self.put("/a")
        descriptor = os.open(f"{self.root}/a", os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        status = os.fstat(descriptor)
        if marks._flags(descriptor, status) is None:
            raise SkipTest("this disk has no marks")
        for bits, flags in ((AttribBit.SYNC, 0x8), (AttribBit(0), 0)):
            wanted = Attributes(attrib_bits=bits, attrib_bits_valid=AttribBit.SYNC)
            self.files.set_attributes("/a", wanted, True)
            self.assertEqual((marks._flags(descriptor, status) or 0) & 0x8, flags)

    def test_immutable(self) -> None:
        """Only who has the capability may protect a file, and is told that it is."""
        self.put("/a")
        told = self.files.detailed({"attrib_bits"})
        if not told.stat("/a").attrib_bits_valid & AttribBit.IMMUTABLE:
            raise SkipTest("this disk does not tell")
        wanted = Attributes(attrib_bits=AttribBit.IMMUTABLE, attrib_bits_valid=AttribBit.IMMUTABLE)
        try:
            self.files.set_attributes("/a", wanted, True)
        except PermissionError:
            self.assertFalse(told.stat("/a").attrib_bits & AttribBit.IMMUTABLE)
            return
        try:
            self.assertTrue(told.stat("/a").attrib_bits & AttribBit.IMMUTABLE)
            self.refused(Status.PERMISSION_DENIED, self.files.remove, "/a")
        finally:
            wanted.attrib_bits = 0
            self.files.set_attributes("/a", wanted, True)


class OtherTests(LocalCase):
    """Owners, times and allocation."""

    def test_unknown_names(self) -> None:
        """Who is unknown is named to the client, owner and group."""
        self.put("/a")
        wanted = Attributes(owner="no@body", group="no group", mtime=5)
        problem = self.assertRaises(SFTPError, self.files.set_attributes, "/a", wanted, True)
        self.assertEqual((problem.status, problem.names), (Status.UNKNOWN_PRINCIPAL, ("no@body", "no group")))
        self.assertEqual(self.files.stat("/a").mtime, 5)

    def test_not_assignable(self) -> None:
        """A number that the system knows no place for is an owner, or a group, that cannot be (filexfer-13, 9.1)."""

        def refuse(*args: Any) -> None:
            raise OSError(EINVAL, "")

        for ids, status in (((5, -1), Status.OWNER_INVALID), ((-1, 5), Status.GROUP_INVALID)):
            self.refused(status, changing.give, refuse, *ids)

    def test_create_time(self) -> None:
        """Nobody can set it; a client that sends all that it knows gets the rest done."""
        self.put("/a")
        for wanted in (Attributes(create_time=5, create_time_ns=1), Attributes(ctime=5)):
            self.refused(Status.OP_UNSUPPORTED, self.files.set_attributes, "/a", wanted, True)
            wanted.mtime = wanted.atime = 7
            self.files.set_attributes("/a", wanted, True)
            self.assertEqual(self.files.stat("/a").mtime, 7)
        self.files.open("/b", WRITE, NEW, Attributes(create_time=5)).close()

    def test_no_allocation(self) -> None:
        """Where nobody can allocate, it is a hint for a new file, and refused for one that is there."""

        def allocate(descriptor: int, size: int) -> None:
            raise OSError(EOPNOTSUPP, "")

        self.patch(changing, "allocate", allocate)
        opening = self.files.open("/a", WRITE, NEW, Attributes(allocation_size=4096))
        self.workers.pool.work()
        self.successResultOf(opening).close()
        setting: Any = self.files.set_attributes("/a", Attributes(allocation_size=4096), True)
        self.workers.pool.work()
        self.assertEqual(self.failureResultOf(setting, OSError).value.errno, EOPNOTSUPP)

    def test_in_a_thread(self) -> None:
        """Allocating may take long; if the client is gone meanwhile, the file is closed."""
        opening = self.files.open("/a", WRITE, NEW, Attributes(allocation_size=4096))
        self.assertNoResult(opening)
        opening.cancel()
        self.workers.pool.work()
        self.failureResultOf(opening)
        here = os.path.realpath(f"{self.root}/a")
        held = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
        self.assertNotIn(here, held)

    def test_times(self) -> None:
        """Nanoseconds, times before 1970 and after 2106, and one of the two alone (filexfer-13, 7.7)."""
        self.put("/a")
        for seconds, nanos in ((-1, 500_000_000), (-(2**31) + 1, 1), (2**32 + 5, 999_999_999), (0, 0)):
            self.files.set_attributes("/a", Attributes(mtime=seconds, mtime_ns=nanos, atime=1), True)
            there = self.files.stat("/a")
            if (there.mtime, there.mtime_ns) != (seconds, nanos):
                raise SkipTest(f"this disk does not keep {seconds}")
            self.files.set_attributes("/a", Attributes(atime=7, atime_ns=3), True)
            there = self.files.stat("/a")
            self.assertEqual((there.mtime, there.mtime_ns, there.atime, there.atime_ns), (seconds, nanos, 7, 3))
            self.files.set_attributes("/a", Attributes(mtime=9), True)
            there = self.files.stat("/a")
            self.assertEqual((there.mtime, there.mtime_ns, there.atime, there.atime_ns), (9, 0, 7, 3))
