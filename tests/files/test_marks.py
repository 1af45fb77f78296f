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

_PROTECTING = AttribBit.IMMUTABLE | AttribBit.APPEND_ONLY
_MARKS = AttribBit.COMPRESSED | AttribBit.SYNC | _PROTECTING


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
        for bit, flag in ((AttribBit.COMPRESSED, 0x4), (AttribBit.SYNC, 0x8)):
            self.disk.flags = 0x80020
            self.mark(bit)
            self.assertEqual(self.disk.flags, 0x80020 | flag)
            self.mark(0, bit)
            self.assertEqual(self.disk.flags, 0x80020)
            self.assertTrue(self.files.attrib_bits & bit)

    def test_protecting(self) -> None:
        """Nobody protects a file, or takes that from it, whatever the system would let the server do."""
        for bit, flag in ((AttribBit.IMMUTABLE, 0x10), (AttribBit.APPEND_ONLY, 0x20)):
            for bits, flags in ((bit, 0), (AttribBit(0), flag)):
                self.disk.flags = flags
                self.refused(Status.OP_UNSUPPORTED, self.mark, bits, bit)
                file = self.files.open("/a", READ, OLD, Attributes())
                wanted = Attributes(attrib_bits=bits | AttribBit.SYNC, attrib_bits_valid=bit | AttribBit.SYNC, mtime=5)
                self.refused(Status.OP_UNSUPPORTED, file.set_attributes, wanted)
                file.close()
                self.assertEqual((self.disk.flags, self.disk.calls), (flags, []))
            self.assertFalse(self.files.attrib_bits & bit)
        self.assertNotEqual(self.files.stat("/a").mtime, 5)

    def test_no_change(self) -> None:
        """What is as it should be is not set again: a user who may not is refused nothing."""
        self.disk.flags, self.disk.refused = 0x10, 0xFF
        self.mark(AttribBit.IMMUTABLE)
        self.mark(AttribBit.IMMUTABLE, _MARKS)
        self.assertEqual(self.disk.calls, [])

    def test_not_allowed(self) -> None:
        """Who may not is refused, and all else that was asked for is done."""
        self.disk.refused = 0x8
        self.refused(Status.PERMISSION_DENIED, self.mark, AttribBit.COMPRESSED | AttribBit.SYNC, None)
        self.assertEqual(self.disk.flags, 0)
        with self.assertRaises(OSError):
            self.mark(AttribBit.SYNC, mtime=5)
        self.assertEqual(self.files.stat("/a").mtime, 5)

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
        """A file is not made one that cannot be removed, also if the server may do everything."""
        self.put("/a")
        for bit in _PROTECTING:
            wanted = Attributes(attrib_bits=bit, attrib_bits_valid=bit)
            self.refused(Status.OP_UNSUPPORTED, self.files.set_attributes, "/a", wanted, True)
        self.files.remove("/a")


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
