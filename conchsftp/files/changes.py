"""
What a client wants changed about a file, checked, and the calls that change it.

A request is refused before anything is changed if part of it makes no sense, or nobody here could do it. What the
system refuses keeps nothing else from being done: a file system without permissions must not cost an upload its times.
These are blocking calls. Sources: filexfer-13, sections 7 and 8.6; OpenSSH's sftp-server does the same.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from errno import EBADF, EFBIG, EINVAL, ENOENT
from fcntl import F_GETFL, fcntl
from functools import partial
from stat import S_ISDIR, S_ISLNK, S_ISREG

from conchsftp.errors import SFTPError
from conchsftp.files.accounts import Accounts
from conchsftp.files.walk import ITSELF, SAFELY, fail
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status

NANOSECONDS = 1_000_000_000
MAX_SIZE = 2**63 - 1
"""The largest file: offsets are signed."""
NOBODY = 0xFFFF_FFFF
"""The number that chown(2) takes for "leave it": no user or group has it."""

SETS = frozenset(("size", "uid", "gid", "owner", "group", "permissions", "atime", "mtime"))
"""The fields of `Attributes` that a SETSTAT may change; of those that go with another one (`atime_ns`), that one."""

# What no call on this system can change, and what the drafts say about asking for it. Extended attributes are ignored:
# nobody knows what they would be, and versions before 6, which have no word for that, carry out the rest.
_REFUSED = {
    "allocation_size": Status.OP_UNSUPPORTED,
    "create_time": Status.OP_UNSUPPORTED,
    "ctime": Status.OP_UNSUPPORTED,
    "acl": Status.OP_UNSUPPORTED,
    "attrib_bits": Status.OP_UNSUPPORTED,
    "mime_type": Status.OP_UNSUPPORTED,
    "untranslated_name": Status.OP_UNSUPPORTED,
    # filexfer-13, 7.11 and 7.13: the two must not be in a SETSTAT.
    "text_hint": Status.INVALID_PARAMETER,
    "link_count": Status.INVALID_PARAMETER,
}


@dataclass(slots=True, kw_only=True)
class Changes:
    """
    What to change; None for what stays.

    Attributes:
        size: in bytes; always applied first.
        uid, gid: numbers.
        mode: the twelve permission bits.
        atime, mtime: in nanoseconds since 1970.
        refusal: what is already known not to be possible; raised when the rest is done.
    """

    size: int | None = None
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None
    atime: int | None = None
    mtime: int | None = None
    refusal: SFTPError | None = None

    def apply_to(self, descriptor: int) -> None:
        """Change an open file or directory."""
        self._apply(
            partial(truncate, descriptor),
            partial(os.fchown, descriptor),
            partial(os.fchmod, descriptor),
            lambda: os.utime(descriptor, ns=self._times(os.fstat(descriptor))),
        )

    def apply_at(self, directory: int, name: bytes, status: os.stat_result) -> None:
        """
        Change what stands under a name; if it is a link, the link itself.

        Args:
            status: what stands there. If another thing takes its place meanwhile, that one is changed: it stands in the
                same directory.
        """
        self._check(status)
        self._apply(
            partial(_truncate_at, directory, name),
            partial(os.chown, name, dir_fd=directory, follow_symlinks=False),
            partial(_change_mode, directory, name),
            lambda: os.utime(name, ns=self._times(status), dir_fd=directory, follow_symlinks=False),
        )

    def _apply(
        self,
        set_size: Callable[[int], None],
        set_owner: Callable[[int, int], None],
        set_mode: Callable[[int], None],
        set_times: Callable[[], None],
    ) -> None:
        """Make every change, whatever becomes of the others; then raise the first refusal."""
        refusal: Exception | None = self.refusal
        for call, values in (
            (set_size, (self.size,)),
            # Before the mode: giving a file away takes the bits from it that run it as its owner.
            (set_owner, (self.uid, self.gid)),
            (set_mode, (self.mode,)),
            (lambda *_: set_times(), (self.atime, self.mtime)),
        ):
            if values.count(None) == len(values):
                continue
            try:
                call(*(-1 if each is None else each for each in values))
            except (OSError, SFTPError) as problem:
                refusal = refusal or problem
        if refusal is not None:
            raise refusal

    def _check(self, status: os.stat_result) -> None:
        """Refuse what cannot be done to such a thing, before the first change."""
        if S_ISLNK(status.st_mode):
            if self.mode is not None:
                raise SFTPError(Status.OP_UNSUPPORTED, "A link has no permissions of its own")
            if self.size is not None:
                raise SFTPError(Status.INVALID_PARAMETER, "The size of a link cannot be changed")
        if self.size is not None and not S_ISREG(status.st_mode):
            if S_ISDIR(status.st_mode):
                raise SFTPError(Status.FILE_IS_A_DIRECTORY)
            raise SFTPError(Status.FAILURE, "Only the size of a regular file can be changed")

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
    refuse_unsupported(attributes)
    changes = _times(attributes)
    changes.size = attributes.size
    changes.mode = attributes.permissions
    if changes.size is not None and changes.size > MAX_SIZE:
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
    size or the allocation size), and these must not fail.
    """
    changes = _times(attributes)
    changes.uid, changes.gid = _owners(attributes, accounts)
    return changes


def _owners(attributes: Attributes, accounts: Accounts) -> tuple[int | None, int | None]:
    uid, gid = _checked(attributes.uid), _checked(attributes.gid)
    # "A zero-length owner or group: leave unchanged." (filexfer-13, 7.5)
    if attributes.owner:
        uid = accounts.number_of_user(attributes.owner)
    if attributes.group:
        gid = accounts.number_of_group(attributes.group)
    return uid, gid


def _times(attributes: Attributes) -> Changes:
    changes = Changes()
    if attributes.atime is not None:
        changes.atime = attributes.atime * NANOSECONDS + (attributes.atime_ns or 0)
    if attributes.mtime is not None:
        changes.mtime = attributes.mtime * NANOSECONDS + (attributes.mtime_ns or 0)
    return changes


def refuse_unsupported(attributes: Attributes) -> None:
    """Refuse a SETSTAT of what cannot be set: it is answered as a whole, and never OK if part of it was not done."""
    for field, status in _REFUSED.items():
        if getattr(attributes, field):
            raise SFTPError(status, f"The attribute {field} cannot be changed here")


def names_somebody(attributes: Attributes) -> bool:
    """Whether names have to be looked up before these attributes can be set."""
    return bool(attributes.owner or attributes.group)


def says_more_than_mode(attributes: Attributes) -> bool:
    """Whether anything is left to set once something new was made with its mode."""
    return (
        attributes.uid is not None
        or attributes.gid is not None
        or attributes.atime is not None
        or attributes.mtime is not None
        or names_somebody(attributes)
    )


def truncate(descriptor: int, size: int) -> None:
    """Set the size of an open file."""
    try:
        os.ftruncate(descriptor, size)
    except OSError as problem:
        # ftruncate(2): "EBADF or EINVAL: fd is not open for writing"; EINVAL is also a size that is too large.
        if problem.errno in (EBADF, EINVAL) and fcntl(descriptor, F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise SFTPError(Status.PERMISSION_DENIED, "The file is not open for writing") from None
        raise


def _truncate_at(directory: int, name: bytes, size: int) -> None:
    descriptor = os.open(name, os.O_WRONLY | SAFELY, dir_fd=directory)
    try:
        os.ftruncate(descriptor, size)
    finally:
        os.close(descriptor)


def _change_mode(directory: int, name: bytes, mode: int) -> None:
    """
    Change the mode of what a name is, and never of what a link points at.

    fchmodat(2) follows links: so the thing is opened itself, without any right to it (O_PATH), and named through /proc.
    """
    descriptor = os.open(name, ITSELF, dir_fd=directory)
    try:
        if S_ISLNK(os.fstat(descriptor).st_mode):
            raise fail(ENOENT)
        try:
            os.chmod(f"/proc/self/fd/{descriptor}", mode)
        except FileNotFoundError:
            _change_mode_without_proc(directory, name, mode)
    finally:
        os.close(descriptor)


def _change_mode_without_proc(directory: int, name: bytes, mode: int) -> None:
    """The same where /proc is not mounted; takes the right to read."""
    descriptor = os.open(name, os.O_RDONLY | SAFELY, dir_fd=directory)
    try:
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def _checked(number: int | None) -> int | None:
    if number is not None and not 0 <= number < NOBODY:
        raise SFTPError(Status.INVALID_PARAMETER, "No user or group has this number")
    return number
