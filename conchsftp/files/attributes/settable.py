"""
The attributes that can be set on files on disk: a class for each, or for several that one call sets.

A class says what a request wants of its attribute, whether that can be, and how it is done; everything else asks the
classes of `ROWS`. Who adds one there has added an attribute. Sources: filexfer-13, section 7.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from errno import EFBIG
from functools import partial
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import ClassVar

from conchsftp.errors import SFTPError
from conchsftp.files.attributes import acl_entries
from conchsftp.files.attributes.accounts import Accounts
from conchsftp.files.attributes.changing import MAX_SIZE, Place, give, reserve, truncate
from conchsftp.files.attributes.local_acl import put
from conchsftp.files.attributes.marks import Marking, marking
from conchsftp.files.disk.walk import fail
from conchsftp.sftp.attributes import SECOND, Attributes
from conchsftp.sftp.numbers import ALL_BITS
from conchsftp.sftp.statuses import Status

NOBODY = 0xFFFF_FFFF
"""The number that chown(2) takes for "leave it": no user or group has it."""

# As many as an access control list usually has: looked up at once where the account database is fast.
_FEW_ENTRIES = 16


class Effort(IntEnum):
    """
    What it takes to set something.

    NAMES: names have to be looked up before. LONG: it belongs into the few threads for what takes long, however fast
    the disk and the account database are.
    """

    LITTLE = 0
    NAMES = 1
    LONG = 2


class Change:
    """
    What a request wants of an attribute.

    Attributes:
        fields: those of `Attributes` that ask for it; of those that go with another one (`atime_ns`), that one.
        everywhere: whether it can be set on every disk.
        later: whether something new is given it after it was made. The mode it is made with; and where "size: … at
            create … a hint" (filexfer-13, 7.4), so is what the system cannot set: clients send it with plain uploads.
        vital: whether nothing else is changed where this makes no sense.
    """

    __slots__ = ()
    fields: ClassVar[tuple[str, ...]] = ()
    everywhere: ClassVar[bool] = True
    later: ClassVar[bool] = False
    vital: ClassVar[bool] = True

    @classmethod
    def wanted(cls, attributes: Attributes, accounts: Accounts) -> "Change | None":
        """
        Return what a request wants; None for nothing. A blocking call where it has names.

        Raises:
            SFTPError, OSError: for what cannot be, whatever it is set on.
        """
        raise NotImplementedError

    @classmethod
    def wanted_later(cls, attributes: Attributes, accounts: Accounts, directory: bool) -> "Change | None":
        """Return the same for a file or a directory that is about to be made."""
        return cls.wanted(attributes, accounts)

    @staticmethod
    def effort(attributes: Attributes) -> Effort:
        """Return what it takes. Asks nothing, and is not asked of who wants none of the `fields`."""
        return Effort.LITTLE

    def length(self, now: int) -> int | None:
        """Return how many bytes a file of so many has when it is set; None: as before."""
        return None

    def check(self, place: Place) -> None:
        """Refuse what cannot be done to such a thing: called before the first change of all."""

    def apply(self, place: Place) -> None:
        """Set it: a blocking call."""
        raise NotImplementedError


@dataclass(slots=True)
class Size(Change):
    """The length, in bytes."""

    fields = ("size",)

    size: int

    @classmethod
    def wanted(cls, attributes: Attributes, accounts: Accounts) -> "Change | None":
        return None if attributes.size is None else cls(_possible(attributes.size))

    def length(self, now: int) -> int | None:
        return self.size

    def check(self, place: Place) -> None:
        _check_sized(place)

    def apply(self, place: Place) -> None:
        place.write(partial(truncate, size=self.size))


@dataclass(slots=True)
class Allocation(Change):
    """
    How many bytes a file is to occupy; what is longer is cut off.

    Attributes:
        hint: whether nothing fails where nobody can allocate. Only where there is no room, a new file is not made: "the
            server MUST … fail" (filexfer-13, 7.4).
    """

    fields = ("allocation_size",)
    later = True

    size: int
    hint: bool = False

    @classmethod
    def wanted(cls, attributes: Attributes, accounts: Accounts) -> "Change | None":
        return None if attributes.allocation_size is None else cls(_possible(attributes.allocation_size))

    @classmethod
    def wanted_later(cls, attributes: Attributes, accounts: Accounts, directory: bool) -> "Change | None":
        # For a directory nothing can be allocated.
        size = attributes.allocation_size
        return cls(_possible(size), hint=True) if size and not directory else None

    @staticmethod
    def effort(attributes: Attributes) -> Effort:
        # It may take as long as writing it.
        return Effort.LONG if attributes.allocation_size else Effort.LITTLE

    def length(self, now: int) -> int | None:
        return min(now, self.size)

    def check(self, place: Place) -> None:
        _check_sized(place)

    def apply(self, place: Place) -> None:
        place.write(partial(reserve, hint=self.hint, size=self.size))


@dataclass(slots=True)
class Owner(Change):
    """
    Owner and group. Before the mode: giving a file away takes the bits from it that run it as its owner.

    Attributes:
        uid, gid: numbers; None for the one that stays.
    """

    fields = ("uid", "gid", "owner", "group")
    later = True
    vital = False

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def wanted(cls, attributes: Attributes, accounts: Accounts) -> "Change | None":
        uid, gid = _checked(attributes.uid), _checked(attributes.gid)
        if attributes.owner or attributes.group:
            unknown: list[str] = []
            # "A zero-length owner or group: leave unchanged." (filexfer-13, 7.5)
            if attributes.owner:
                uid = _number(accounts.number_of_user, attributes.owner, unknown)
            if attributes.group:
                gid = _number(accounts.number_of_group, attributes.group, unknown)
            if unknown:
                raise SFTPError(Status.UNKNOWN_PRINCIPAL, names=unknown)
        return None if uid is None and gid is None else cls(uid, gid)

    @staticmethod
    def effort(attributes: Attributes) -> Effort:
        return Effort.NAMES if attributes.owner or attributes.group else Effort.LITTLE

    def check(self, place: Place) -> None:
        if self.uid is not None:
            place.owner = self.uid

    def apply(self, place: Place) -> None:
        uid, gid = (-1 if each is None else each for each in (self.uid, self.gid))
        give(partial(os.chown, place.what, **place.how), uid, gid)


@dataclass(slots=True)
class AccessList(Change):
    """
    The access control list. Before the mode: there must be no moment at which that allows what the list does not.

    Attributes:
        acl: who may do what.
        limit: a mode: what the list allows to nobody.
    """

    fields = ("acl",)
    everywhere = False
    later = True

    acl: acl_entries.Wanted
    limit: int = 0o777

    @classmethod
    def wanted(cls, attributes: Attributes, accounts: Accounts) -> "Change | None":
        if attributes.acl is None:
            return None
        acl = acl_entries.wanted(attributes.acl, accounts.number_of_user, accounts.number_of_group)
        return None if acl is None else cls(acl)

    @staticmethod
    def effort(attributes: Attributes) -> Effort:
        acl = attributes.acl
        if acl is None or not acl_entries.names_somebody(acl):
            return Effort.LITTLE
        # Each name is looked up, and a client may send a thousand.
        return Effort.LONG if len(acl.entries) > _FEW_ENTRIES else Effort.NAMES

    def check(self, place: Place) -> None:
        _refuse_link(place)
        self.acl.lists(owner=place.owner, directory=S_ISDIR(place.status.st_mode))

    def apply(self, place: Place) -> None:
        place.reach(lambda what, status: put(what, self.acl, status, self.limit))


@dataclass(slots=True)
class Mode(Change):
    """
    The twelve permission bits.

    Attributes:
        listed: whether a list is set, too. "… MUST be applied in this order: mode, then ACL" (RFC 7530, 6.4.1.3): so it
            decides about the lowest nine, though it is set first.
    """

    fields = ("permissions",)

    mode: int
    listed: bool = False

    @classmethod
    def wanted(cls, attributes: Attributes, accounts: Accounts) -> "Change | None":
        return None if attributes.permissions is None else cls(attributes.permissions, attributes.acl is not None)

    def check(self, place: Place) -> None:
        _refuse_link(place)

    def apply(self, place: Place) -> None:
        place.reach(self._set)

    def _set(self, what: int | str, status: os.stat_result) -> None:
        os.chmod(what, self.mode & ~0o777 | status.st_mode & 0o777 if self.listed else self.mode)


@dataclass(slots=True)
class Times(Change):
    """
    Times of access and modification. After what changes them.

    Attributes:
        atime, mtime: in nanoseconds since 1970; None for the one that stays.
    """

    fields = ("atime", "mtime")
    later = True

    atime: int | None = None
    mtime: int | None = None

    @classmethod
    def wanted(cls, attributes: Attributes, accounts: Accounts) -> "Change | None":
        atime, mtime = attributes.atime, attributes.mtime
        if atime is None and mtime is None:
            return None
        return cls(
            None if atime is None else atime * SECOND + (attributes.atime_ns or 0),
            None if mtime is None else mtime * SECOND + (attributes.mtime_ns or 0),
        )

    def apply(self, place: Place) -> None:
        atime, mtime = self.atime, self.mtime
        if atime is None or mtime is None:
            status = os.stat(place.what, **place.how)
            atime = status.st_atime_ns if atime is None else atime
            mtime = status.st_mtime_ns if mtime is None else mtime
        os.utime(place.what, ns=(atime, mtime), **place.how)


@dataclass(slots=True)
class Marks(Change):
    """
    Attribute bits. Whether they can be set is known before the first change.

    Attributes:
        bits, valid: `AttribBit` bits, and which of them mean something.
        marking: how they are set, once that is known.
    """

    fields = ("attrib_bits",)

    bits: int
    valid: int
    marking: Marking | None = None

    @classmethod
    def wanted(cls, attributes: Attributes, accounts: Accounts) -> "Change | None":
        bits, valid = attributes.attrib_bits, attributes.attrib_bits_valid
        return None if bits is None else cls(bits, ALL_BITS if valid is None else valid)

    def check(self, place: Place) -> None:
        self.marking = marking(place.readable(), place.name(), place.status, self.bits, self.valid)

    def apply(self, place: Place) -> None:
        assert self.marking is not None
        self.marking.make()


ROWS: tuple[type[Change], ...] = (Size, Allocation, Owner, AccessList, Mode, Times, Marks)
"""In the order in which they are set."""


def _possible(size: int) -> int:
    if size > MAX_SIZE:
        raise fail(EFBIG)
    return size


def _check_sized(place: Place) -> None:
    mode = place.status.st_mode
    if S_ISREG(mode):
        return
    if S_ISLNK(mode):
        raise SFTPError(Status.INVALID_PARAMETER, "The size of a link cannot be changed")
    if S_ISDIR(mode):
        raise SFTPError(Status.FILE_IS_A_DIRECTORY)
    raise SFTPError(Status.FAILURE, "Only the size of a regular file can be changed")


def _refuse_link(place: Place) -> None:
    if S_ISLNK(place.status.st_mode):
        raise SFTPError(Status.OP_UNSUPPORTED, "A link has no permissions of its own")


def _number(find: Callable[[str], int], name: str, unknown: list[str]) -> int | None:
    try:
        return find(name)
    except SFTPError:
        unknown.append(name)
        return None


def _checked(number: int | None) -> int | None:
    if number is not None and not 0 <= number < NOBODY:
        raise SFTPError(Status.INVALID_PARAMETER, "No user or group has this number")
    return number
