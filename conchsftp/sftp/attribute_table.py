"""
The attributes of a file on the wire: one row for each flag, in the order of the wire.

What an attribute means is in `attributes`; the readers and writers of each version are compiled from the rows by
`attribute_codec`. Sources: filexfer-02, -04 and -05, section 5; filexfer-13, section 7.
"""

import stat
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

from conchsftp.sftp import acl
from conchsftp.sftp.attributes import SECOND, Attributes
from conchsftp.sftp.numbers import ALL_BITS, FROM4, KNOWN_BITS, V3, V4_V5, V5, V6, VERSIONS, FileType
from conchsftp.wire.kinds import BYTES, I64, PAIRS, TEXT, U8, U32, U64, Counted, Fixed, Kind, Malformed


@dataclass(frozen=True, slots=True)
class Row:
    """
    One attribute flag and the values that follow it.

    Attributes:
        bit: the flag.
        values: (attribute, kind), in the order of the wire; a kind that fills two attributes names both.
        versions: which have it.
        nanos: whether nanoseconds follow where the flag `NANOSECONDS` is set; they go to the attribute with `_ns`.
        find: returns what to write for a record, or None for nothing; None: the attributes, if all are there.
        usual: how the values are written where none is missing, as source; empty: as they are.
    """

    bit: int
    values: tuple[tuple[str, Kind[Any]], ...]
    versions: range = VERSIONS
    nanos: bool = False
    find: Callable[[Attributes], tuple[Any, ...] | None] | None = None
    usual: str = ""


NANOSECONDS = 0x100
"""Versions 4 to 6: every time that is present is followed by its nanoseconds. By itself it adds nothing."""

STRIPPED = {3: 0x20, 4: 0, 5: 0, 6: 0}
"""Flags that are ignored on arrival: a Huawei client sets version 4's modification time in version 3, without data."""

ACL_FLAG = 0x0040
"""The flag of the access control list."""
ALLOCATION_SIZE = 0x0400
"""The flag of the allocation size."""

CHANGE_TIME = 0x8000
"""The flag of the time of change."""

ATTRIB_BITS = 0x0200
"""The flag of the attribute bits."""
U32_LIMIT = 0xFFFF_FFFF
"""The largest number of 32 bits."""
_BITS_OF_5 = KNOWN_BITS[5]

_FORMATS = {
    FileType.REGULAR: stat.S_IFREG,
    FileType.DIRECTORY: stat.S_IFDIR,
    FileType.SYMLINK: stat.S_IFLNK,
    FileType.SOCKET: stat.S_IFSOCK,
    FileType.CHAR_DEVICE: stat.S_IFCHR,
    FileType.BLOCK_DEVICE: stat.S_IFBLK,
    FileType.FIFO: stat.S_IFIFO,
}
TYPES = {form: file_type for file_type, form in _FORMATS.items()}
"""S_IF… bits of a mode → FileType."""
_KNOWN_TYPES = frozenset(FileType)
TYPE_BITS = (0, *(_FORMATS.get(file_type, 0) for file_type in FileType))
"""FileType → the S_IF… bits of a mode; 0 where there are none."""

# A version 3 client learns the type from the mode alone. Where a file system knows the type and no permissions, these
# are sent with it; with 0 OpenSSH's client would create local copies that nobody can read.
_LIKELY_PERMISSIONS = {FileType.DIRECTORY: 0o755, FileType.SYMLINK: 0o777}


def _mode(mode: int) -> tuple[FileType | None, int]:
    return TYPES.get(stat.S_IFMT(mode)), mode & 0o7777


def _file_type(number: int) -> FileType:
    return FileType(number) if number in _KNOWN_TYPES else FileType.UNKNOWN


def _nanos(number: int) -> int:
    if number >= SECOND:
        raise Malformed(f"{number} nanoseconds, fewer than {SECOND} expected")
    return number


def _id(number: int) -> int | None:
    # Clients that change only one of the two send -1 for the other, as chown(2) has it (phpseclib does).
    return None if number == U32_LIMIT else number


def _owner(data: bytes) -> str | None:
    # "If either the owner or group field is zero length, the field should be considered absent" (filexfer-13, 7.5)
    return data.decode("utf-8", "surrogateescape") or None


def _find_mode(record: Attributes) -> tuple[int] | None:
    bits = TYPE_BITS[record.type or 0]
    if record.permissions is not None:
        return (record.permissions | bits,)
    return (bits | _LIKELY_PERMISSIONS.get(record.type, 0o644),) if bits and record.type else None


def _find_times(record: Attributes) -> tuple[int, int] | None:
    # One flag stands for both times, and 32 bits hold each: 1970 to 2106.
    atime = record.mtime if record.atime is None else record.atime
    mtime = record.atime if record.mtime is None else record.mtime
    if atime is None or mtime is None:
        return None
    return min(max(atime, 0), U32_LIMIT), min(max(mtime, 0), U32_LIMIT)


def _find_names(record: Attributes) -> tuple[str, str] | None:
    owner = str(record.uid) if record.owner is None and record.uid is not None else record.owner
    group = str(record.gid) if record.group is None and record.gid is not None else record.group
    return (owner or "", group or "") if owner or group else None


def _find_bits_5(record: Attributes) -> tuple[int] | None:
    # "Bits not set in attrib-bits-valid MUST be ignored" (filexfer-13, 7.9): without that word they are left out.
    valid = _BITS_OF_5 if record.attrib_bits_valid is None else record.attrib_bits_valid & _BITS_OF_5
    return None if record.attrib_bits is None else (record.attrib_bits & valid,)


def _find_bits(record: Attributes) -> tuple[int, int] | None:
    if record.attrib_bits is None:
        return None
    return record.attrib_bits, ALL_BITS if record.attrib_bits_valid is None else record.attrib_bits_valid


_ID: Kind[int | None] = Fixed("a user or group number", "I", _id)
_OWNER: Kind[str | None] = Counted("an owner", _owner, lambda name: (name or "").encode("utf-8", "surrogateescape"))
_MODE: Kind[Any] = Fixed("a mode", "I", _mode)
_PERMISSIONS: Kind[int] = Fixed("permissions", "I", lambda mode: mode & 0o7777)
TYPE: Kind[FileType] = Fixed("a file type", "B", _file_type)
NANOS: Kind[int] = Fixed("nanoseconds", "I", _nanos)
_BITS_5: Kind[Any] = Fixed("attribute bits", "I", lambda bits: (bits, _BITS_OF_5))

ROWS = (
    Row(0x0001, (("size", U64),)),
    Row(ALLOCATION_SIZE, (("allocation_size", U64),), V6),
    Row(0x0002, (("uid", _ID), ("gid", _ID)), V3),
    Row(0x0080, (("owner", _OWNER), ("group", _OWNER)), FROM4, find=_find_names),
    Row(0x0004, (("type permissions", _MODE),), V3, find=_find_mode, usual="record.permissions | bits[record.type]"),
    Row(0x0004, (("permissions", _PERMISSIONS),), FROM4),
    Row(0x0008, (("atime", U32), ("mtime", U32)), V3, find=_find_times),
    Row(0x0008, (("atime", I64),), FROM4, nanos=True),
    Row(0x0010, (("create_time", I64),), FROM4, nanos=True),
    Row(0x0020, (("mtime", I64),), FROM4, nanos=True),
    Row(CHANGE_TIME, (("ctime", I64),), V6, nanos=True),
    Row(ACL_FLAG, (("acl", acl.PLAIN),), V4_V5),
    Row(ACL_FLAG, (("acl", acl.WITH_FLAGS),), V6),
    # filexfer-05, 5.8 has one word; implementations that send two in version 5 contradict it.
    Row(ATTRIB_BITS, (("attrib_bits attrib_bits_valid", _BITS_5),), V5, find=_find_bits_5),
    Row(ATTRIB_BITS, (("attrib_bits", U32), ("attrib_bits_valid", U32)), V6, find=_find_bits),
    Row(0x0800, (("text_hint", U8),), V6),
    Row(0x1000, (("mime_type", TEXT),), V6),
    Row(0x2000, (("link_count", U32),), V6),
    Row(0x4000, (("untranslated_name", BYTES),), V6),
    Row(0x8000_0000, (("extended", PAIRS),)),
)


def rows(version: int) -> list[Row]:
    """Return the rows of a version, in the order of its wire."""
    return [row for row in ROWS if version in row.versions]


@cache
def fields(version: int) -> frozenset[str]:
    """Return the attributes that a version has words for, as fields of the record."""
    return frozenset(name for row in rows(version) for names, _ in row.values for name in names.split())


def flags_of(version: int, names: Collection[str]) -> int:
    """Return the flags that a version sets for some attributes, given as fields of the record."""
    found = [row for row in rows(version) if any(name in names for values, _ in row.values for name in values.split())]
    return sum(row.bit for row in found) | (NANOSECONDS if any(row.nanos for row in found) else 0)


def known_flags(version: int) -> int:
    """Return all flags that a version may set."""
    return sum(row.bit for row in rows(version)) | (NANOSECONDS if version >= 4 else 0)
