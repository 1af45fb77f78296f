"""
Who has locked what: the table of one server.

Ranges of files by BLOCK, and whole files by the flags of OPEN; between open files, whatever session or user has opened
them. A file is known by what it is and not by its path. Changed on the reactor's thread only, and read in any: what
stands in it is never changed, but replaced. Knows no descriptors; what other programs lock is in `system_locks`.
Source: filexfer-13, section 8.1.1.3, and what it says of SSH_FXP_BLOCK and SSH_FXP_UNBLOCK.
"""

from bisect import bisect_right
from collections.abc import Hashable
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

from conchsftp.errors import SFTPError
from conchsftp.sftp import numbers
from conchsftp.sftp.numbers import Access, OpenFlag
from conchsftp.sftp.statuses import Status

# Numbers: flags are slow to ask.
READING, WRITING, DELETING = int(OpenFlag.BLOCK_READ), int(OpenFlag.BLOCK_WRITE), int(OpenFlag.BLOCK_DELETE)
ADVISORY = int(OpenFlag.BLOCK_ADVISORY)
BLOCKING, _LOCKING = int(numbers.BLOCKING), int(numbers.LOCKING)

MASKS = frozenset(OpenFlag(bits) for bits in range(READING, 2 * ADVISORY, READING) if bits & BLOCKING)
"""Every mask that locks anything."""

MOST_OF_HANDLE, MOST_OF_FILE = 256, 1024
"""
How many ranges one open file may have locked, and how many there may be in a file.

A client that locks every byte of its own would fill the memory of the server and of the system's kernel.
"""

_END = 2**64
"""Where the last byte ends that a request can name."""

_start = attrgetter("start")


class Holder(Protocol):
    """
    An open file, as the table sees it.

    Attributes:
        key: the same for every open file of one file, and for no other.
        access: what it was opened for, in the bits that keep others from that: `READING`, `WRITING`, `DELETING`.
    """

    @property
    def key(self) -> Hashable:
        """What the file is."""

    @property
    def access(self) -> int:
        """What it is open for."""


@dataclass(frozen=True, slots=True)
class Lock:
    """
    What an open file has locked.

    Attributes:
        holder: the open file.
        mask: the BLOCK bits of `OpenFlag`.
        offset, length: as the client has named the range; for a whole file 0.
        start, end: the bytes from and before which it holds.
    """

    holder: Holder
    mask: int
    offset: int = 0
    length: int = 0
    start: int = 0
    end: int = _END

    @property
    def kind(self) -> int:
        """Whether others may have locks beside it; see `kind_of`."""
        return kind_of(self.mask, self.holder.access)


@dataclass(frozen=True, slots=True)
class _Held:
    """
    What is locked of one file.

    Attributes:
        ranges: by where they start; no two of them overlap.
        whole: by the flags of OPEN.
    """

    ranges: tuple[Lock, ...] = ()
    whole: tuple[Lock, ...] = ()


NONE, SHARED, EXCLUSIVE = range(3)


def kind_of(mask: int, access: int) -> int:
    """
    Return how a lock is told to other programs, and whether other locks may be beside it.

    Who keeps others from writing shares that with others that do; who keeps them from reading is alone. So is a file
    that is only written: systems share locks among readers.
    """
    if mask & READING:
        return EXCLUSIVE
    if mask & WRITING:
        return SHARED if access & READING else EXCLUSIVE
    return NONE


class Locks:
    """
    The locks of one server.

    Attributes:
        held: what is locked, by file; empty as long as nothing is, which is all that READ and WRITE look at.
        opened: every open file. In no order: every OPEN pays for what only those with a mask need.
    """

    def __init__(self) -> None:
        self.held: dict[Hashable, _Held] = {}
        self.opened: set[Holder] = set()

    def __len__(self) -> int:
        """Return how many locks there are."""
        return sum(len(each.ranges) + len(each.whole) for each in self.held.values())

    # Opening and closing

    def enter(self, file: Holder, mask: int = 0) -> None:
        """Know of an open file, and lock it with the flags of its OPEN; it was checked before."""
        self.opened.add(file)
        if mask & BLOCKING:
            held = self.held.get(file.key, _Held())
            self.held[file.key] = _Held(held.ranges, (*held.whole, Lock(file, mask)))

    def leave(self, file: Holder) -> None:
        """Forget an open file, and whatever it has locked."""
        self.opened.discard(file)
        held = self.held.get(file.key)
        if held is not None:
            self._keep(file.key, _of_others(held.ranges, file), _of_others(held.whole, file))

    def check_opening(self, key: Hashable, access: int, mask: int = 0, *, truncates: bool = False) -> None:
        """
        Refuse to open a file for what others keep from it, or to keep others from what they have opened it for.

        Args:
            access: as of a `Holder`.
            mask: the BLOCK bits of its flags.
            truncates: whether what is in it would be removed.
        Raises:
            SFTPError: LOCK_CONFLICT; PERMISSION_DENIED for a mask that takes another access.
        """
        check_access(mask, access)
        held = self.held.get(key)
        if held is not None:
            kind = kind_of(mask, access)
            for lock in held.whole:
                other = lock.holder.access
                if _stops(lock.mask, access, mask) or _stops(mask, other, lock.mask) or not _together(kind, lock.kind):
                    raise _conflict()
            for lock in held.ranges:
                kept = 0 if lock.mask & ADVISORY else lock.mask & (DELETING & access | (WRITING if truncates else 0))
                if kept or _stops(mask, lock.holder.access, lock.mask) or not _together(kind, lock.kind):
                    raise _conflict()
        if mask & BLOCKING and any(each.key == key and _stops(mask, each.access, 0) for each in self.opened):
            raise _conflict()

    # Locking

    def grant(self, file: Holder, offset: int, length: int, mask: int, size: int = 0) -> Lock:
        """
        Lock a range.

        Args:
            length: in bytes; 0 means up to what is now the end.
            size: where that is.
        Raises:
            SFTPError: BYTE_RANGE_LOCK_REFUSED if any of it is locked, by whom ever, and where there are too many locks;
                INVALID_PARAMETER; PERMISSION_DENIED as `check_opening`.
        """
        if mask not in MASKS or offset + length > _END:
            raise SFTPError(Status.INVALID_PARAMETER, "There is no such lock")
        check_access(mask, file.access)
        # At or behind the end there is nothing to lock yet. Who locks an empty file wants to be alone all the same: one
        # byte will do.
        end = offset + length if length else max(size, min(offset + 1, _END))
        lock = Lock(file, int(mask), offset, length, offset, end)
        held = self.held.get(file.key, _Held())
        at = bisect_right(held.ranges, offset, key=_start)
        neighbours = held.ranges[max(at - 1, 0) : at + 1]
        if any(each.start < end and offset < each.end for each in neighbours):
            raise refused("Some of it is locked already")
        for each in held.whole:
            if each.holder is not file and (
                not _together(lock.kind, each.kind) or _stops(each.mask, file.access, lock.mask)
            ):
                raise refused("The file is locked")
        if len(held.ranges) >= MOST_OF_FILE or sum(each.holder is file for each in held.ranges) >= MOST_OF_HANDLE:
            raise refused("Too many parts of this file are locked")
        self.held[file.key] = _Held((*held.ranges[:at], lock, *held.ranges[at:]), held.whole)
        return lock

    def find(self, file: Holder, offset: int, length: int) -> Lock:
        """
        Return the lock of a range that the same open file was granted.

        Raises:
            SFTPError: NO_MATCHING_BYTE_RANGE_LOCK.
        """
        held = self.held.get(file.key, _Held())
        at = bisect_right(held.ranges, offset, key=_start) - 1
        if at >= 0:
            lock = held.ranges[at]
            if lock.holder is file and (lock.offset, lock.length) == (offset, length):
                return lock
        raise SFTPError(Status.NO_MATCHING_BYTE_RANGE_LOCK)

    def withdraw(self, lock: Lock) -> None:
        """Release a range; nothing is done if it is not locked any more."""
        held = self.held.get(lock.holder.key)
        if held is not None:
            self._keep(lock.holder.key, tuple(each for each in held.ranges if each is not lock), held.whole)

    def kind_around(self, file: Holder) -> int:
        """Return the kind of lock that an open file has on all of its file."""
        whole = self.held.get(file.key, _Held()).whole
        return next((lock.kind for lock in whole if lock.holder is file), NONE)

    # What locks keep others from

    def check(self, file: Holder | None, key: Hashable, bit: int, offset: int, length: int) -> None:
        """
        Refuse what others have locked: reading or writing a range.

        Args:
            file: the open file that it is done with; None for none.
            bit: `READING` or `WRITING`.
            length: in bytes; nothing of it is refused if there is none.
        Raises:
            SFTPError: BYTE_RANGE_LOCK_CONFLICT.
        """
        held = self.held.get(key)
        if held is None or length <= 0:
            return
        ranges, end = held.ranges, offset + length
        for at in range(max(bisect_right(ranges, offset, key=_start) - 1, 0), len(ranges)):
            lock = ranges[at]
            if lock.start >= end:
                return
            if offset < lock.end and lock.holder is not file and lock.mask & bit and not lock.mask & ADVISORY:
                raise SFTPError(Status.BYTE_RANGE_LOCK_CONFLICT)

    def check_resizing(
        self, file: Holder | None, key: Hashable, size: int, new_size: int | None, allocation: int | None = None
    ) -> None:
        """
        Refuse to cut off, or to fill with zeros, what others have locked.

        Args:
            new_size, allocation: what is to be set; None for what is not. With less room than it fills, a file is cut
                off, too.
        Raises:
            SFTPError: BYTE_RANGE_LOCK_CONFLICT; LOCK_CONFLICT where somebody has opened it so that nobody else writes.
        """
        held = self.held.get(key)
        if new_size is None and allocation is not None:
            new_size = min(size, allocation)
        if held is None or new_size is None:
            return
        if any(each.holder is not file and _stops(each.mask, WRITING, 0) for each in held.whole):
            raise _conflict()
        start, end = sorted((size, new_size))
        self.check(file, key, WRITING, start, end - start)

    def check_removing(self, key: Hashable) -> None:
        """
        Refuse to remove what somebody has locked against that; who has it can close it first.

        Raises:
            SFTPError: CANNOT_DELETE.
        """
        held = self.held.get(key)
        if held is not None and any(_stops(each.mask, DELETING, 0) for each in (*held.whole, *held.ranges)):
            raise SFTPError(Status.CANNOT_DELETE, "The file is locked")

    def _keep(self, key: Hashable, ranges: tuple[Lock, ...], whole: tuple[Lock, ...]) -> None:
        if ranges or whole:
            self.held[key] = _Held(ranges, whole)
        else:
            del self.held[key]


def mask_of(flags: int) -> int:
    """Return how the flags of OPEN lock a file; 0 where they keep nobody from anything."""
    return flags & _LOCKING if flags & BLOCKING else 0


def opened_for(access: int, flags: int) -> int:
    """Return what an OPEN opens a file for, as a `Holder` says it; for reading, if for nothing."""
    writes = access & (Access.WRITE_DATA | Access.APPEND_DATA)
    found = WRITING if writes else READING
    if access & Access.READ_DATA:
        found |= READING
    return found | DELETING if flags & OpenFlag.DELETE_ON_CLOSE else found


def check_access(mask: int, access: int) -> None:
    """
    Refuse a lock that a file was not opened for.

    Who may only read must not keep others from reading; the system sees it the same way.

    Raises:
        SFTPError: PERMISSION_DENIED.
    """
    if mask & READING and not access & WRITING:
        raise SFTPError(Status.PERMISSION_DENIED, "The file is not open for writing")


def refused(text: str) -> SFTPError:
    """Return the refusal of a lock on a range."""
    return SFTPError(Status.BYTE_RANGE_LOCK_REFUSED, text)


def _of_others(locks: tuple[Lock, ...], file: Holder) -> tuple[Lock, ...]:
    return tuple(each for each in locks if each.holder is not file)


def _stops(mask: int, access: int, other_mask: int) -> bool:
    """Return whether a lock keeps somebody from an access. Who locks as well is kept from it by advisory ones, too."""
    return bool(mask & access & BLOCKING) and not (mask & ADVISORY and not other_mask & BLOCKING)


def _together(kind: int, other: int) -> bool:
    return NONE in (kind, other) or kind == other == SHARED


def _conflict() -> SFTPError:
    return SFTPError(Status.LOCK_CONFLICT)
