"""
The calls that change one thing about a file: what is open, or what stands under a name, and never what a link means.

What is to change, and in which order, stands in `changes`. These are blocking calls. Source: filexfer-13, section 7.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EBADF, EINVAL, ENOENT, ENOSYS, EOPNOTSUPP
from fcntl import F_GETFL, fcntl
from stat import S_ISDIR, S_ISLNK, S_ISREG

from conchsftp.errors import SFTPError
from conchsftp.files.disk.calls import allocate
from conchsftp.files.disk.walk import ITSELF, SAFELY, fail
from conchsftp.sftp.statuses import Status


def truncate(descriptor: int, size: int) -> None:
    """Set the size of an open file."""
    try:
        os.ftruncate(descriptor, size)
    except OSError as problem:
        # ftruncate(2): "EBADF or EINVAL: fd is not open for writing"; EINVAL is also a size that is too large.
        if problem.errno in (EBADF, EINVAL) and fcntl(descriptor, F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise SFTPError(Status.PERMISSION_DENIED, "The file is not open for writing") from None
        raise


def truncate_at(directory: int, name: bytes, size: int) -> None:
    """Set the size of a file under a name."""
    _with_opened(directory, name, lambda descriptor: os.ftruncate(descriptor, size))


def reserve(descriptor: int, hint: bool, size: int) -> None:
    """
    Have an open file occupy so many bytes; what is longer is cut off.

    With `hint` nothing fails where nobody can allocate.

    "the 'size' should be the minimum of the 'size' before the operation and the new 'allocation-size'" (filexfer-13,
    7.4).
    """
    if size < os.fstat(descriptor).st_size:
        return truncate(descriptor, size)
    try:
        if size:
            allocate(descriptor, size)
    except OSError as problem:
        if hint and problem.errno in (EBADF, ENOSYS, EOPNOTSUPP):
            return
        if problem.errno == EBADF:
            raise SFTPError(Status.PERMISSION_DENIED, "The file is not open for writing") from None
        raise


def reserve_at(directory: int, name: bytes, hint: bool, size: int) -> None:
    """Have a file under a name occupy so many bytes."""
    _with_opened(directory, name, lambda descriptor: reserve(descriptor, hint, size))


def _with_opened(directory: int, name: bytes, change: Callable[[int], None]) -> None:
    descriptor = os.open(name, os.O_WRONLY | SAFELY, dir_fd=directory)
    try:
        change(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def opened_for_marks(directory: int, name: bytes, status: os.stat_result, bits: int | None) -> Iterator[int]:
    """Open what has marks, if it is about them; else -1."""
    if bits is None or not (S_ISREG(status.st_mode) or S_ISDIR(status.st_mode)):
        yield -1
        return
    descriptor = os.open(name, os.O_RDONLY | SAFELY, dir_fd=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def name_of(descriptor: int) -> bytes:
    """Return the name that something open has now; empty if nobody knows."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}".encode()).rpartition(b"/")[2]
    except OSError:
        return b""


def give(set_owner: Callable[[int, int], None], uid: int, gid: int) -> None:
    """Set owner and group; -1 leaves one as it is."""
    try:
        set_owner(uid, gid)
    except OSError as problem:
        # A number that this file system, or the name space that the server runs in, has no place for.
        if problem.errno != EINVAL:
            raise
        raise SFTPError(Status.OWNER_INVALID if uid >= 0 else Status.GROUP_INVALID) from None


def change_itself(directory: int, name: bytes, change: Callable[[int | str, os.stat_result], None]) -> None:
    """
    Change the mode or the list of what a name is, and never of what a link points at.

    fchmodat(2) follows links: so the thing is opened itself, without any right to it (O_PATH), and named through /proc.

    Args:
        change: given a place, or a descriptor, and its status.
    """
    descriptor = os.open(name, ITSELF, dir_fd=directory)
    try:
        status = os.fstat(descriptor)
        if S_ISLNK(status.st_mode):
            raise fail(ENOENT)
        try:
            change(f"/proc/self/fd/{descriptor}", status)
        except FileNotFoundError:
            _change_without_proc(directory, name, change)
    finally:
        os.close(descriptor)


def _change_without_proc(directory: int, name: bytes, change: Callable[[int | str, os.stat_result], None]) -> None:
    """The same where /proc is not mounted; takes the right to read."""
    descriptor = os.open(name, os.O_RDONLY | SAFELY, dir_fd=directory)
    try:
        change(descriptor, os.fstat(descriptor))
    finally:
        os.close(descriptor)
