"""
An access control list: one record for versions 4 to 6, and how each lays it out.

What an entry means to a file system is not known here. Sources: filexfer-04 and -05, section 5.7; filexfer-13,
section 7.8; the entries are those of RFC 7530, section 6.2.1.
"""

import struct
from dataclasses import dataclass

from conchsftp.errors import SFTPError
from conchsftp.sftp.numbers import Access, ACLFlag, EntryFlag, EntryType
from conchsftp.sftp.statuses import Status
from conchsftp.wire.kinds import U32, Counted, Kind, Malformed, extent

MOST_ENTRIES = 1024
"""How many entries a list that comes in may have: each may stand for a look-up in an account database."""
LONGEST_WHO = 256
"""The longest name in an entry that comes in, in bytes."""

CONTROL = ACLFlag.CONTROL_INCLUDED | ACLFlag.CONTROL_PRESENT
"""The flags of a list that is there and says who may do what: what every list of versions 4 and 5 is."""

_HEAD = struct.Struct(">III")
_LEAST_BYTES = _HEAD.size + 4
_TYPES = frozenset(EntryType)
_FLAGS, _MASK, _ACL_FLAGS = (sum(enum) for enum in (EntryFlag, Access, ACLFlag))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One entry: what somebody may do, or may not.

    Attributes:
        type: whether the entry allows or denies.
        flags: whether it is inherited, and whether `who` is a group.
        mask: what it allows or denies, `Access` bits.
        who: `name` or `name@domain`, or one of those that stand for themselves: `OWNER@`, `GROUP@`, `EVERYONE@`, ….
    """

    type: EntryType = EntryType.ALLOWED
    flags: EntryFlag = EntryFlag(0)
    mask: Access = Access(0)
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ACL:
    """
    An access control list.

    Attributes:
        flags: what a SETSTAT means to change, and what is there. Only version 6 sends it; where a list comes in another
            version it is the default.
        entries: the first that matches decides.
    """

    flags: ACLFlag = CONTROL
    entries: tuple[Entry, ...] = ()


def _entries(data: bytes, at: int) -> tuple[Entry, ...]:
    count, at = U32.unpack(data, at)
    if count * _LEAST_BYTES > len(data) - at:
        raise Malformed(f"{len(data) - at} bytes, too few for {count} entries of an ACL")
    if count > MOST_ENTRIES:
        raise SFTPError(Status.INVALID_PARAMETER, f"An ACL of {count} entries, {MOST_ENTRIES} at most")
    entries = []
    for _ in range(count):
        start, end = extent(data, at + _HEAD.size, "the name in an ACL")
        kind, flags, mask = _HEAD.unpack_from(data, at)
        entries.append(_entry(kind, flags, mask, data[start:end]))
        at = end
    if at < len(data):
        raise Malformed(f"{len(data) - at} bytes after the last entry of an ACL")
    return tuple(entries)


def _entry(kind: int, flags: int, mask: int, who: bytes) -> Entry:
    # What is not known might take a right from somebody: nothing of it may be left out.
    if kind not in _TYPES:
        raise SFTPError(Status.INVALID_PARAMETER, f"An ACL entry of type {kind}, 0 to {max(_TYPES)} known")
    if len(who) > LONGEST_WHO:
        raise SFTPError(Status.INVALID_PARAMETER, f"A name of {len(who)} bytes in an ACL, {LONGEST_WHO} at most")
    return Entry(
        type=EntryType(kind),
        flags=EntryFlag(_known("flags of an ACL entry", flags, _FLAGS)),
        mask=Access(_known("rights", mask, _MASK)),
        who=who.decode("utf-8", "surrogateescape"),
    )


def _known(name: str, bits: int, known: int) -> int:
    if bits & ~known:
        raise SFTPError(Status.INVALID_PARAMETER, f"Unknown {name}: {bits & ~known:#x}")
    return bits


def _packed(acl: ACL) -> bytes:
    parts = [U32.pack(len(acl.entries))]
    for entry in acl.entries:
        who = entry.who.encode("utf-8", "surrogateescape")
        parts.append(_HEAD.pack(entry.type, entry.flags, entry.mask) + U32.pack(len(who)) + who)
    return b"".join(parts)


def _unpack_plain(data: bytes) -> ACL:
    return ACL(entries=_entries(data, 0))


def _unpack_with_flags(data: bytes) -> ACL:
    flags, at = U32.unpack(data, 0)
    return ACL(flags=ACLFlag(_known("ACL flags", flags, _ACL_FLAGS)), entries=_entries(data, at))


def _pack_with_flags(acl: ACL) -> bytes:
    return U32.pack(acl.flags) + _packed(acl)


PLAIN: Kind[ACL] = Counted("an ACL", _unpack_plain, _packed)
"""As versions 4 and 5 have it: a number of entries, and these."""
WITH_FLAGS: Kind[ACL] = Counted("an ACL", _unpack_with_flags, _pack_with_flags)
"""As version 6 has it: flags first."""
