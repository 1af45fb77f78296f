"""
How a file is opened: the flags of versions 3 and 4, those of versions 5 and 6, and those of open(2).

The codec turns the old flags into the new ones, file systems turn the new ones into open(2)'s. Nothing is opened here.
Sources: filexfer-02, section 6.3; filexfer-13, section 8.1.1.
"""

import os

from conchsftp.errors import SFTPError
from conchsftp.sftp.numbers import APPENDING, WRITING, Access, Disposition, OpenFlag, PFlag
from conchsftp.sftp.statuses import Status

SUPPORTED_FLAGS = OpenFlag.DISPOSITION | APPENDING | OpenFlag.TEXT_MODE | OpenFlag.NOFOLLOW | OpenFlag.DELETE_ON_CLOSE
"""
The flags of OPEN that are carried out; those that lock are added by a file system that can.

Not those that ask for privileges: nobody has any, so that they are granted and do nothing.
"""

SUPPORTED_ACCESS = Access(0x1F01FF) & ~(Access.READ_NAMED_ATTRS | Access.WRITE_NAMED_ATTRS)
"""What may be asked for as the access of OPEN. No file here has named attributes."""

# A number: flags are slow to ask.
_PRIVILEGED = int(OpenFlag.BACKUP_STREAM | OpenFlag.OVERRIDE_OWNER)

# filexfer-13, 8.1.1.1: what the standard C library's modes mean. APPEND_DATA as an access is no append mode: clients
# ask for it and write at offsets all the same; only the flag of that name is.
_READING = Access.READ_DATA | Access.READ_ATTRIBUTES
_WRITING = Access.WRITE_DATA | Access.WRITE_ATTRIBUTES

# From the bits that decide, to the disposition. Clients send TRUNC without CREAT (Cyberduck overwrites so), though the
# draft forbids it; EXCL without CREAT means nothing to open(2), and nothing here.
_DISPOSITIONS = {
    PFlag(0): Disposition.OPEN_EXISTING,
    PFlag.EXCL: Disposition.OPEN_EXISTING,
    PFlag.TRUNC: Disposition.TRUNCATE_EXISTING,
    PFlag.TRUNC | PFlag.EXCL: Disposition.TRUNCATE_EXISTING,
    PFlag.CREAT: Disposition.OPEN_OR_CREATE,
    PFlag.CREAT | PFlag.TRUNC: Disposition.CREATE_TRUNCATE,
    PFlag.CREAT | PFlag.EXCL: Disposition.CREATE_NEW,
    PFlag.CREAT | PFlag.TRUNC | PFlag.EXCL: Disposition.CREATE_NEW,
}

_PFLAGS = {
    Disposition.CREATE_NEW: PFlag.CREAT | PFlag.EXCL,
    Disposition.CREATE_TRUNCATE: PFlag.CREAT | PFlag.TRUNC,
    Disposition.OPEN_EXISTING: PFlag(0),
    Disposition.OPEN_OR_CREATE: PFlag.CREAT,
    Disposition.TRUNCATE_EXISTING: PFlag.TRUNC,
}

_OS_FLAGS = {
    Disposition.CREATE_NEW: os.O_CREAT | os.O_EXCL,
    Disposition.CREATE_TRUNCATE: os.O_CREAT | os.O_TRUNC,
    Disposition.OPEN_EXISTING: 0,
    Disposition.OPEN_OR_CREATE: os.O_CREAT,
    Disposition.TRUNCATE_EXISTING: os.O_TRUNC,
}


def _modern(pflags: PFlag) -> tuple[Access, OpenFlag]:
    access = Access(0)
    if pflags & PFlag.WRITE:
        access |= _WRITING
    # Neither READ nor WRITE opens for reading, as OpenSSH does.
    if pflags & PFlag.READ or not access:
        access |= _READING
    flags = OpenFlag(_DISPOSITIONS[pflags & (PFlag.CREAT | PFlag.TRUNC | PFlag.EXCL)])
    if pflags & PFlag.APPEND:
        access |= Access.APPEND_DATA if pflags & PFlag.WRITE else Access(0)
        flags |= OpenFlag.APPEND_DATA
    if pflags & PFlag.TEXT:
        flags |= OpenFlag.TEXT_MODE
    return access, flags


_MODERN = tuple(_modern(PFlag(bits)) for bits in range(0x80))


def from_pflags(pflags: int) -> tuple[Access, OpenFlag]:
    """Return the access and flags that the flags of version 4 mean; bits that it does not know are ignored."""
    return _MODERN[pflags & 0x7F]


def from_pflags_3(pflags: int) -> tuple[Access, OpenFlag]:
    """Return the same for version 3, which has no TEXT."""
    return _MODERN[pflags & 0x3F]


def meant(access: int, flags: int) -> Access:
    """
    Return the access that an OPEN of versions 5 and 6 asks for.

    phpseclib 3.0 leaves it out. What opens a file that is there reads it, as everywhere; what creates or truncates one
    would be of no use otherwise.
    """
    if not access and disposition(flags) is not Disposition.OPEN_EXISTING:
        return _WRITING
    return Access(access)


def to_pflags(access: int, flags: int) -> PFlag:
    """
    Return the nearest flags of versions 3 and 4; what they cannot say is left out.

    Args:
        access: `Access` bits.
        flags: `OpenFlag` bits.
    Source: the `flags` of the documented event FileOpen.
    """
    pflags = _PFLAGS[disposition(flags)]
    if access & Access.READ_DATA:
        pflags |= PFlag.READ
    if access & WRITING:
        pflags |= PFlag.WRITE
    if flags & APPENDING:
        pflags |= PFlag.APPEND
    if flags & OpenFlag.TEXT_MODE:
        pflags |= PFlag.TEXT
    return pflags


def to_os_flags(access: int, flags: int) -> int:
    """
    Return the flags of open(2): direction, disposition, append and no-follow.

    Args:
        access: `Access` bits; asking for neither reading nor writing opens for reading.
        flags: `OpenFlag` bits; locks, deletion on close and privileges are not open(2)'s, and left out.
    """
    reads = bool(access & Access.READ_DATA)
    writes = bool(access & WRITING)
    result = (os.O_RDWR if reads else os.O_WRONLY) if writes else os.O_RDONLY
    result |= _OS_FLAGS[disposition(flags)]
    if flags & APPENDING:
        result |= os.O_APPEND
    if flags & OpenFlag.NOFOLLOW:
        result |= os.O_NOFOLLOW
    return result


def check(access: int, flags: int) -> None:
    """
    Refuse what no OPEN can be asked for.

    Raises:
        SFTPError: OP_UNSUPPORTED for a backup stream, which is a format of its own; INVALID_PARAMETER for another
            owner's privileges without the access that they are for: "This bit MUST always be specified in combination
            with ACE4_WRITE_OWNER." (filexfer-13, 8.1.1.3)
    """
    if not int(flags) & _PRIVILEGED:
        return
    if flags & OpenFlag.BACKUP_STREAM:
        raise SFTPError(Status.OP_UNSUPPORTED, "There are no backup streams here")
    if flags & OpenFlag.OVERRIDE_OWNER and not access & Access.WRITE_OWNER:
        raise SFTPError(Status.INVALID_PARAMETER, "OVERRIDE_OWNER without WRITE_OWNER")


def disposition(flags: int) -> Disposition:
    """Return the disposition in the flags of OPEN; raises ValueError for the three numbers that are none."""
    return Disposition(flags & OpenFlag.DISPOSITION)
