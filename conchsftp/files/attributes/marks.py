"""
The attribute bits of a file that can be set: those for which its file system keeps a mark.

A request says which bits it is about; one that is already as it should be is no change, whether it could be set or not.
Blocking calls. Sources: filexfer-13, section 7.9; ioctl_iflags(2).
"""

import os
import platform
import struct
from dataclasses import dataclass
from errno import EINVAL, ENOSYS, ENOTTY, EOPNOTSUPP
from fcntl import ioctl
from stat import S_ISDIR, S_ISREG

from conchsftp.errors import SFTPError
from conchsftp.files.attributes.details import bits_of, is_utf8
from conchsftp.sftp.numbers import AttribBit
from conchsftp.sftp.statuses import Status

_FLAGS = ((0x4, AttribBit.COMPRESSED), (0x8, AttribBit.SYNC))
# Told, but for nobody to set. The system leaves the first two to root; a server that runs as root would give them to
# every user, who then makes files that even the operator cannot remove, and opens to changes those that he protects.
_FIXED = (
    (0x10, AttribBit.IMMUTABLE),
    (0x20, AttribBit.APPEND_ONLY),
    (0x800, AttribBit.ENCRYPTED),
    (0x4000_0000, AttribBit.CASE_INSENSITIVE),
)
SETTABLE = int(sum(bit for _, bit in _FLAGS))
"""The `AttribBit` bits that a SETSTAT may change, where the file system of the file has a mark for it."""

# The numbers of the two calls, `_IOR('f', 1, long)` and `_IOW('f', 2, long)`, differ on a few machines; what the kernel
# reads and writes is an int all the same.
_LONG = struct.calcsize("l")
_GET, _SET = 0x8000_6601 | _LONG << 16, 0x4000_6602 | _LONG << 16
_NUMBERS_DIFFER = platform.machine().startswith(("alpha", "mips", "parisc", "ppc", "powerpc", "sparc"))
_NO_FLAGS = (ENOTTY, EOPNOTSUPP, ENOSYS, EINVAL)


@dataclass(slots=True)
class Marking:
    """
    A change of the marks of what is open.

    Attributes:
        descriptor: the file or directory.
        now, then: its flags, before and after.
    """

    descriptor: int
    now: int
    then: int

    def make(self) -> None:
        """Change them."""
        if self.then != self.now:
            ioctl(self.descriptor, _SET, struct.pack("=i", self.then).ljust(_LONG, b"\0"))


def marking(descriptor: int, name: bytes, status: os.stat_result, bits: int, valid: int) -> Marking:
    """
    Return what makes the bits of a file such as are wanted.

    Args:
        descriptor: the file or directory; -1 for what cannot be opened to be asked.
        name: its name; empty if nobody knows.
        bits, valid: as in `Attributes`.
    Raises:
        SFTPError: OP_UNSUPPORTED if a bit would have to change that nobody can change here.
    """
    flags = _flags(descriptor, status)
    told = bits_of(name, status) | (0 if is_utf8(name) else AttribBit.TRANSLATION_ERR)
    told |= sum(bit for flag, bit in (*_FLAGS, *_FIXED) if (flags or 0) & flag)
    changed = (bits ^ told) & valid
    lacking = changed & ~(0 if flags is None else SETTABLE)
    if lacking:
        names = ", ".join(str(bit.name) for bit in AttribBit if bit & lacking) or f"{lacking:#x}"
        raise SFTPError(Status.OP_UNSUPPORTED, f"The attribute bits {names} cannot be changed here")
    flags = flags or 0
    return Marking(descriptor, flags, flags ^ sum(flag for flag, bit in _FLAGS if changed & bit))


def _flags(descriptor: int, status: os.stat_result) -> int | None:
    """Return the flags of what is open; None where there are none."""
    # Of a device the call would mean something else.
    if descriptor < 0 or _NUMBERS_DIFFER or not (S_ISREG(status.st_mode) or S_ISDIR(status.st_mode)):
        return None
    try:
        found: int = struct.unpack_from("=i", ioctl(descriptor, _GET, bytes(_LONG)))[0]
    except OSError as problem:
        if problem.errno in _NO_FLAGS:
            return None
        raise
    return found
