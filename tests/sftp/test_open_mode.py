"""Opening: flags of versions 3 and 4, of 5 and 6, and of open(2)."""

import os

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp.numbers import Access, Disposition, OpenFlag, PFlag
from conchsftp.sftp.open_mode import disposition, from_pflags, from_pflags_3, to_os_flags, to_pflags

READ, WRITE, APPEND = PFlag.READ, PFlag.WRITE, PFlag.APPEND
CREAT, TRUNC, EXCL, TEXT = PFlag.CREAT, PFlag.TRUNC, PFlag.EXCL, PFlag.TEXT


class OpenModeTests(SynchronousTestCase):
    """What clients send, and what open(2) is asked for."""

    def test_os_flags(self):
        """The flags of version 3 mean what they mean to OpenSSH's server."""
        for pflags, expected in (
            (READ, os.O_RDONLY),
            (WRITE, os.O_WRONLY),
            (READ | WRITE, os.O_RDWR),
            (PFlag(0), os.O_RDONLY),
            (WRITE | CREAT, os.O_WRONLY | os.O_CREAT),
            (WRITE | CREAT | TRUNC, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            (WRITE | CREAT | EXCL, os.O_WRONLY | os.O_CREAT | os.O_EXCL),
            (WRITE | TRUNC, os.O_WRONLY | os.O_TRUNC),
            (WRITE | EXCL, os.O_WRONLY),
            (WRITE | CREAT | APPEND, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        ):
            self.assertEqual(to_os_flags(*from_pflags(pflags)), expected, pflags)

    def test_resume(self):
        """An upload without TRUNC is a resume: nothing here adds O_TRUNC."""
        for bits in range(0x80):
            flags = to_os_flags(*from_pflags(bits))
            self.assertEqual(bool(flags & os.O_TRUNC), bool(bits & TRUNC) and not (bits & CREAT and bits & EXCL))

    def test_and_back(self):
        """The flags of version 3 come back, but for what means nothing: EXCL without CREAT, TRUNC with both."""
        for bits in range(1, 0x80):
            pflags = PFlag(bits)
            if not pflags & (READ | WRITE) or pflags & EXCL and (not pflags & CREAT or pflags & TRUNC):
                continue
            self.assertEqual(to_pflags(*from_pflags(bits)), pflags)

    def test_unknown_bits(self):
        """Bits that a version does not know are ignored."""
        self.assertEqual(from_pflags(0xFFFFFF80 | READ), from_pflags(READ))
        self.assertEqual(from_pflags_3(TEXT | READ), from_pflags_3(READ))
        self.assertNotEqual(from_pflags(TEXT | READ), from_pflags(READ))

    def test_append_access(self):
        """Asking for APPEND_DATA as an access is no append mode: WinSCP asks for 0x6 and writes at offsets."""
        flags = to_os_flags(Access.WRITE_DATA | Access.APPEND_DATA, Disposition.OPEN_OR_CREATE)
        self.assertEqual(flags, os.O_WRONLY | os.O_CREAT)
        for flag in (OpenFlag.APPEND_DATA, OpenFlag.APPEND_DATA_ATOMIC):
            self.assertTrue(to_os_flags(Access.WRITE_DATA, flag | Disposition.OPEN_EXISTING) & os.O_APPEND)

    def test_no_follow(self):
        """NOFOLLOW is O_NOFOLLOW."""
        flags = to_os_flags(Access.READ_DATA, OpenFlag.NOFOLLOW | Disposition.OPEN_EXISTING)
        self.assertEqual(flags, os.O_RDONLY | os.O_NOFOLLOW)

    def test_disposition(self):
        """The lowest three bits are the disposition, whatever the others are."""
        for member in Disposition:
            self.assertIs(disposition(0xFFF8 | member), member)
        for bits in (5, 6, 7):
            self.assertRaises(ValueError, disposition, bits)
