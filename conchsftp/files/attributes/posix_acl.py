"""
Access control lists of POSIX, as the system stores them.

What clients are told of them, and what of theirs they can hold, is in `acl_entries`. Nothing is asked of the system
here. Sources: acl(5); linux/posix_acl_xattr.h; POSIX.1e draft 17, 23.1.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from operator import or_

READ, WRITE, EXECUTE = 4, 2, 1

_VERSION = struct.pack("<I", 2)
_STORED = struct.Struct("<HHI")
_NO_NUMBER = 0xFFFF_FFFF


class Tag(IntEnum):
    """Whom a stored entry is about."""

    OWNER = 0x01
    USER = 0x02
    GROUP_OWNER = 0x04
    GROUP = 0x08
    MASK = 0x10
    OTHER = 0x20


Numbered = tuple[tuple[int, int], ...]
"""Users or groups by number, with what each may do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PosixACL:
    """
    A list of POSIX. What somebody may do is made of READ, WRITE and EXECUTE.

    Attributes:
        owner, group, other: for the owner, the group that owns the file, and everybody else.
        users, groups: for others by number, in rising order.
        mask: what users, groups and `group` may do at most; None: no limit. There is one wherever somebody is named.
    """

    owner: int
    group: int
    other: int
    users: Numbered = ()
    groups: Numbered = ()
    mask: int | None = None

    @classmethod
    def of_mode(cls, mode: int) -> "PosixACL":
        """Return the list of a file that has none beside its mode."""
        return cls(owner=mode >> 6 & 7, group=mode >> 3 & 7, other=mode & 7)

    @classmethod
    def parse(cls, data: bytes) -> "PosixACL":
        """
        Return a list as the system stores it.

        Raises:
            ValueError: for another layout than the one we know.
        """
        if data[:4] != _VERSION or len(data) % _STORED.size != 4:
            raise ValueError("an access control list of an unknown layout")
        single: dict[Tag, int] = {}
        named: dict[Tag, list[tuple[int, int]]] = {Tag.USER: [], Tag.GROUP: []}
        for number, rights, who in _STORED.iter_unpack(data[4:]):
            tag = Tag(number)
            if tag in named:
                named[tag].append((who, rights & 7))
            else:
                single[tag] = rights & 7
        if not single.keys() >= {Tag.OWNER, Tag.GROUP_OWNER, Tag.OTHER}:
            raise ValueError("an access control list without its three entries")
        return cls(
            owner=single[Tag.OWNER],
            group=single[Tag.GROUP_OWNER],
            other=single[Tag.OTHER],
            users=tuple(sorted(named[Tag.USER])),
            groups=tuple(sorted(named[Tag.GROUP])),
            mask=single.get(Tag.MASK),
        )

    def pack(self) -> bytes:
        """Return the list as the system stores it."""
        entries = [(Tag.OWNER, self.owner, _NO_NUMBER)]
        entries += [(Tag.USER, rights, number) for number, rights in self.users]
        entries += [(Tag.GROUP_OWNER, self.group, _NO_NUMBER)]
        entries += [(Tag.GROUP, rights, number) for number, rights in self.groups]
        if self.mask is not None:
            entries += [(Tag.MASK, self.mask, _NO_NUMBER)]
        entries += [(Tag.OTHER, self.other, _NO_NUMBER)]
        return _VERSION + b"".join(_STORED.pack(*entry) for entry in entries)

    def effective(self) -> "PosixACL":
        """Return the list that allows the same, with a mask that takes nothing from anybody."""
        limit = 7 if self.mask is None else self.mask
        return with_mask(
            owner=self.owner,
            group=self.group & limit,
            other=self.other,
            users=tuple((number, rights & limit) for number, rights in self.users),
            groups=tuple((number, rights & limit) for number, rights in self.groups),
        )

    def without_names(self) -> "PosixACL":
        """Return the list that names nobody, and allows no more to the group that owns the file."""
        whole = self.effective()
        return PosixACL(owner=whole.owner, group=whole.group, other=whole.other)

    def limited(self, mode: int) -> "PosixACL":
        """Return the list without what a mode does not allow to the owner, to users and groups, and to others."""
        whole = self.effective()
        group = mode >> 3 & 7
        return with_mask(
            owner=whole.owner & mode >> 6,
            group=whole.group & group,
            other=whole.other & mode,
            users=tuple((number, rights & group) for number, rights in whole.users),
            groups=tuple((number, rights & group) for number, rights in whole.groups),
        )


def with_mask(*, owner: int, group: int, other: int, users: Numbered, groups: Numbered) -> PosixACL:
    """Return the list whose mask, where it needs one, takes nothing from anybody."""
    named = [rights for _, rights in users + groups]
    mask = reduce(or_, named, group) if named else None
    return PosixACL(owner=owner, group=group, other=other, users=users, groups=groups, mask=mask)
