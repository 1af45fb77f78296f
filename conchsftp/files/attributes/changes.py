"""
What a client wants changed about a file, checked, and the calls that change it.

A request is refused before anything is changed if part of it makes no sense, or nobody here could do it. What the
system refuses keeps nothing else from being done: a file system without permissions must not cost an upload its times.
These are blocking calls. Sources: filexfer-13, sections 7 and 8.6; OpenSSH's sftp-server does the same.
"""

import os
from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from errno import EFBIG
from functools import partial
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.files.attributes.accounts import Accounts
from conchsftp.files.attributes.acl_entries import Wanted
from conchsftp.files.attributes.acl_entries import names_somebody as list_names_somebody
from conchsftp.files.attributes.acl_entries import wanted as wanted_list
from conchsftp.files.attributes.changing import (
    change_itself,
    give,
    name_of,
    opened_for_marks,
    reserve,
    reserve_at,
    truncate,
    truncate_at,
)
from conchsftp.files.attributes.local_acl import put
from conchsftp.files.attributes.marks import Marking, marking
from conchsftp.files.disk.walk import fail
from conchsftp.sftp.attributes import SECOND, Attributes
from conchsftp.sftp.numbers import ALL_BITS
from conchsftp.sftp.statuses import Status

MAX_SIZE = 2**63 - 1
"""The largest file: offsets are signed."""
NOBODY = 0xFFFF_FFFF
"""The number that chown(2) takes for "leave it": no user or group has it."""

# As many as an access control list usually has: looked up at once where the account database is fast.
_FEW_ENTRIES = 16

SETS = frozenset("size allocation_size uid gid owner group permissions atime mtime attrib_bits".split())
"""The fields of `Attributes` that a SETSTAT may change; of those that go with another one (`atime_ns`), that one."""
SETS_LISTS = SETS | {"acl"}
"""The same where the disk has access control lists."""

# What no call on this system can change, and what the drafts say about asking for it. Extended attributes are ignored:
# nobody knows what they would be, and versions before 6, which have no word for that, carry out the rest.
_REFUSED = {
    "acl": Status.OP_UNSUPPORTED,
    "mime_type": Status.OP_UNSUPPORTED,
    "untranslated_name": Status.OP_UNSUPPORTED,
    # filexfer-13, 7.11 and 7.13: the two must not be in a SETSTAT.
    "text_hint": Status.INVALID_PARAMETER,
    "link_count": Status.INVALID_PARAMETER,
}
# Times that the system sets itself. A client that copies a file sends all that it knows of it, and its upload must not
# fail for these: beside other attributes they are left out. Asked for alone they are refused.
_OWN_TIMES = ("create_time", "ctime")


@dataclass(slots=True, kw_only=True)
class Changes:
    """
    What to change; None for what stays.

    Attributes:
        size: in bytes; always applied first.
        allocation: how many bytes the file is to occupy; what is longer is cut off.
        uid, gid: numbers.
        mode: the twelve permission bits; of these, an access control list decides about the lowest nine.
        acl: who may do what.
        acl_limit: a mode: what the list allows to nobody.
        atime, mtime: in nanoseconds since 1970.
        bits, valid: `AttribBit` bits, and which of them mean something.
        hint: whether the allocation is one: nothing fails where nobody can allocate.
        refusal: what is already known not to be possible; raised when the rest is done.
    """

    size: int | None = None
    allocation: int | None = None
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None
    acl: Wanted | None = None
    acl_limit: int = 0o777
    atime: int | None = None
    mtime: int | None = None
    bits: int | None = None
    valid: int = 0
    hint: bool = False
    refusal: SFTPError | None = None

    def apply_to(self, descriptor: int) -> None:
        """Change an open file or directory."""
        if self.acl is not None:
            self._check_list(self.acl, os.fstat(descriptor))
        marks = None
        if self.bits is not None:
            marks = marking(descriptor, name_of(descriptor), os.fstat(descriptor), self.bits, self.valid)
        self._apply(
            partial(truncate, descriptor),
            partial(reserve, descriptor, self.hint),
            partial(os.fchown, descriptor),
            lambda acl: put(descriptor, acl, os.fstat(descriptor), self.acl_limit),
            lambda mode: os.fchmod(descriptor, self._mode(mode, os.fstat(descriptor))),
            lambda: os.utime(descriptor, ns=self._times(os.fstat(descriptor))),
            marks,
        )

    def apply_at(self, directory: int, name: bytes, status: os.stat_result) -> None:
        """
        Change what stands under a name; if it is a link, the link itself.

        Args:
            status: what stands there. If another thing takes its place meanwhile, that one is changed: it stands in the
                same directory.
        """
        self._check(status)
        with opened_for_marks(directory, name, status, self.bits) as descriptor:
            marks = None if self.bits is None else marking(descriptor, name, status, self.bits, self.valid)
            self._apply(
                partial(truncate_at, directory, name),
                partial(reserve_at, directory, name, self.hint),
                partial(os.chown, name, dir_fd=directory, follow_symlinks=False),
                lambda acl: change_itself(directory, name, partial(self._put, acl)),
                lambda mode: change_itself(directory, name, partial(self._chmod, mode)),
                lambda: os.utime(name, ns=self._times(status), dir_fd=directory, follow_symlinks=False),
                marks,
            )

    def _apply(
        self,
        set_size: Callable[[int], None],
        reserve: Callable[[int], None],
        set_owner: Callable[[int, int], None],
        set_acl: Callable[[Any], None],
        set_mode: Callable[[int], None],
        set_times: Callable[[], None],
        marks: Marking | None,
    ) -> None:
        """Make every change, whatever becomes of the others; then raise the first refusal."""
        refusal: Exception | None = self.refusal
        steps: list[tuple[Callable[..., object], tuple[Any, ...]]] = [
            (set_size, (self.size,)),
            (reserve, (self.allocation,)),
            # Before the mode: giving a file away takes the bits from it that run it as its owner.
            (partial(give, set_owner), (self.uid, self.gid)),
            (set_acl, (self.acl,)),
            (set_mode, (self.mode,)),
            (lambda *_: set_times(), (self.atime, self.mtime)),
        ]
        if marks is not None:
            steps.append((marks.make, ()))
        for call, values in steps:
            if values and values.count(None) == len(values):
                continue
            try:
                call(*(-1 if each is None else each for each in values))
            except (OSError, SFTPError) as problem:
                refusal = refusal or problem
        if refusal is not None:
            raise refusal

    def _check(self, status: os.stat_result) -> None:
        """Refuse what cannot be done to such a thing, before the first change."""
        sized = self.size is not None or self.allocation is not None
        if S_ISLNK(status.st_mode):
            if self.mode is not None or self.acl is not None:
                raise SFTPError(Status.OP_UNSUPPORTED, "A link has no permissions of its own")
            if sized:
                raise SFTPError(Status.INVALID_PARAMETER, "The size of a link cannot be changed")
        if sized and not S_ISREG(status.st_mode):
            if S_ISDIR(status.st_mode):
                raise SFTPError(Status.FILE_IS_A_DIRECTORY)
            raise SFTPError(Status.FAILURE, "Only the size of a regular file can be changed")
        if self.acl is not None:
            self._check_list(self.acl, status)

    def _check_list(self, acl: Wanted, status: os.stat_result) -> None:
        acl.lists(owner=status.st_uid if self.uid is None else self.uid, directory=S_ISDIR(status.st_mode))

    def _put(self, acl: Wanted, place: int | str, now: os.stat_result) -> None:
        put(place, acl, now, self.acl_limit)

    def _chmod(self, mode: int, place: int | str, now: os.stat_result) -> None:
        mode = self._mode(mode, now)
        if isinstance(place, int):
            os.fchmod(place, mode)
        else:
            os.chmod(place, mode)

    def _mode(self, mode: int, now: os.stat_result) -> int:
        """Return the mode to set where the file has this status by now."""
        # "… MUST be applied in this order: mode, then ACL" (RFC 7530, 6.4.1.3): the list decides. It is set first all
        # the same, because there must be no moment at which the mode allows what it does not.
        return mode if self.acl is None else mode & ~0o777 | now.st_mode & 0o777

    def _times(self, status: os.stat_result) -> tuple[int, int]:
        return (
            status.st_atime_ns if self.atime is None else self.atime,
            status.st_mtime_ns if self.mtime is None else self.mtime,
        )


def wanted(attributes: Attributes, accounts: Accounts) -> Changes:
    """
    Return what a SETSTAT wants changed. Looks names of users and groups up: a blocking call, if there are any.

    Raises:
        SFTPError: for any attribute that this system cannot change. An owner that is unknown is a `refusal` only.
    """
    refuse_unsupported(attributes, SETS_LISTS)
    changes = _times(attributes)
    changes.acl = _list(attributes, accounts)
    changes.size = attributes.size
    changes.allocation = attributes.allocation_size
    changes.mode = attributes.permissions
    changes.bits = attributes.attrib_bits
    changes.valid = ALL_BITS if attributes.attrib_bits_valid is None else attributes.attrib_bits_valid
    if max(changes.size or 0, changes.allocation or 0) > MAX_SIZE:
        raise fail(EFBIG)
    try:
        changes.uid, changes.gid = _owners(attributes, accounts)
    except SFTPError as problem:
        changes.refusal = problem
    return changes


def for_new_file(attributes: Attributes, accounts: Accounts) -> Changes:
    """
    Return what is left to do for a file that was just created: everything but its mode.

    "size: … at create … a hint": and so is what the system cannot set. Clients send it with plain uploads (WinSCP: the
    size or the allocation size), and these must not fail. Only where there is no room for what is to be allocated, the
    file is not made: "the server MUST … fail" (filexfer-13, 7.4).
    """
    changes = _times(attributes)
    changes.allocation, changes.hint = attributes.allocation_size or None, True
    if (changes.allocation or 0) > MAX_SIZE:
        raise fail(EFBIG)
    changes.uid, changes.gid = _owners(attributes, accounts)
    changes.acl = _list(attributes, accounts)
    return changes


def for_new_directory(attributes: Attributes, accounts: Accounts) -> Changes:
    """Return the same for a directory, for which nothing can be allocated."""
    changes = for_new_file(replace(attributes, allocation_size=None), accounts)
    changes.hint = False
    return changes


def _list(attributes: Attributes, accounts: Accounts) -> Wanted | None:
    if attributes.acl is None:
        return None
    return wanted_list(attributes.acl, accounts.number_of_user, accounts.number_of_group)


def _owners(attributes: Attributes, accounts: Accounts) -> tuple[int | None, int | None]:
    uid, gid = _checked(attributes.uid), _checked(attributes.gid)
    unknown: list[str] = []
    # "A zero-length owner or group: leave unchanged." (filexfer-13, 7.5)
    if attributes.owner:
        uid = _number(accounts.number_of_user, attributes.owner, unknown)
    if attributes.group:
        gid = _number(accounts.number_of_group, attributes.group, unknown)
    if unknown:
        raise SFTPError(Status.UNKNOWN_PRINCIPAL, names=unknown)
    return uid, gid


def _number(find: Callable[[str], int], name: str, unknown: list[str]) -> int | None:
    try:
        return find(name)
    except SFTPError:
        unknown.append(name)
        return None


def _times(attributes: Attributes) -> Changes:
    changes = Changes()
    if attributes.atime is not None:
        changes.atime = attributes.atime * SECOND + (attributes.atime_ns or 0)
    if attributes.mtime is not None:
        changes.mtime = attributes.mtime * SECOND + (attributes.mtime_ns or 0)
    return changes


def refuse_unsupported(attributes: Attributes, sets: Set[str] = SETS) -> None:
    """
    Refuse a SETSTAT of what cannot be set: it is answered as a whole, and never OK if part of it was not done.

    Args:
        sets: the fields that can be set.
    """
    refuse_contradictions(attributes)
    for field, status in _REFUSED.items():
        if getattr(attributes, field) is not None and field not in sets:
            raise SFTPError(status, f"The attribute {field} cannot be changed here")
    if any(getattr(attributes, field) is not None for field in _OWN_TIMES) and not any(
        getattr(attributes, field) is not None for field in sets
    ):
        raise SFTPError(Status.OP_UNSUPPORTED, "The time of creation cannot be changed here")


def refuse_contradictions(attributes: Attributes) -> None:
    """Refuse a file that is to occupy less than it is long (filexfer-13, 7.4)."""
    allocation, size = attributes.allocation_size, attributes.size
    if allocation is not None and size is not None and allocation < size:
        raise SFTPError(Status.INVALID_PARAMETER, "The allocation size is smaller than the size")


def names_somebody(attributes: Attributes) -> bool:
    """Whether names have to be looked up before these attributes can be set."""
    return bool(attributes.owner or attributes.group or (attributes.acl and list_names_somebody(attributes.acl)))


def takes_long(attributes: Attributes) -> bool:
    """
    Whether setting these attributes belongs into one of the few threads for what takes long, however fast the disk is.

    To allocate room may take as long as writing it. Each name in a list is looked up, and a client may send a thousand.
    """
    return bool(attributes.allocation_size) or (
        attributes.acl is not None and len(attributes.acl.entries) > _FEW_ENTRIES and names_somebody(attributes)
    )


def says_more_than_mode(attributes: Attributes) -> bool:
    """Whether anything is left to set once something new was made with its mode."""
    return (
        attributes.uid is not None
        or attributes.gid is not None
        or attributes.atime is not None
        or attributes.mtime is not None
        or attributes.allocation_size is not None
        or attributes.acl is not None
        or names_somebody(attributes)
    )


def _checked(number: int | None) -> int | None:
    if number is not None and not 0 <= number < NOBODY:
        raise SFTPError(Status.INVALID_PARAMETER, "No user or group has this number")
    return number
