"""
What is changed: something open, or what stands under a name, never what a link leads to; and calls that change it.

What is to change, and in which order, is not known here. These are blocking calls. Source: filexfer-13, section 7.
"""

import os
from collections.abc import Callable
from errno import EBADF, EINVAL, ENOENT, ENOSYS, EOPNOTSUPP
from fcntl import F_GETFL, fcntl
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.files.disk.calls import allocate
from conchsftp.files.disk.walk import ITSELF, SAFELY, fail
from conchsftp.sftp.statuses import Status

MAX_SIZE = 2**63 - 1
"""The largest file: offsets are signed."""


class Place:
    """
    What is changed, as the calls that change it want it.

    Attributes:
        what, how: for calls that take a descriptor as well as a name: the one, or the name and what goes with it.
        status: as it was before the first change.
        owner: the number of whom it will belong to after all changes, as far as they are known.
    """

    __slots__ = ("how", "owner", "status", "what")

    def __init__(self, what: Any, how: dict[str, Any], status: os.stat_result) -> None:
        self.what = what
        self.how = how
        self.status = status
        self.owner = status.st_uid

    def write(self, change: Callable[[int], None]) -> None:
        """Call with a descriptor that is open for writing, if anything is."""
        raise NotImplementedError

    def reach(self, change: Callable[[int | str, os.stat_result], None]) -> None:
        """Call with a descriptor, or a path that leads to the thing itself, and its status by now."""
        raise NotImplementedError

    def readable(self) -> int:
        """Return a descriptor that is open for reading, if anything is; -1 for what is neither file nor directory."""
        raise NotImplementedError

    def name(self) -> bytes:
        """Return its name in its directory; empty if nobody knows."""
        raise NotImplementedError


class OpenPlace(Place):
    """An open file or directory."""

    __slots__ = ()

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, {}, os.fstat(descriptor))

    def write(self, change: Callable[[int], None]) -> None:
        change(self.what)

    def reach(self, change: Callable[[int | str, os.stat_result], None]) -> None:
        change(self.what, os.fstat(self.what))

    def readable(self) -> int:
        descriptor: int = self.what
        return descriptor

    def name(self) -> bytes:
        try:
            return os.readlink(f"/proc/self/fd/{self.what}".encode()).rpartition(b"/")[2]
        except OSError:
            return b""


class NamedPlace(Place):
    """
    What stands under a name in an open directory; to be closed.

    Args:
        status: what stands there.
    """

    __slots__ = ("_directory", "_readable")

    def __init__(self, directory: int, name: bytes, status: os.stat_result) -> None:
        super().__init__(name, {"dir_fd": directory, "follow_symlinks": False}, status)
        self._directory = directory
        self._readable = -1

    def write(self, change: Callable[[int], None]) -> None:
        self._with_opened(os.O_WRONLY, change)

    def reach(self, change: Callable[[int | str, os.stat_result], None]) -> None:
        # fchmodat(2) follows links: so the thing is opened itself, without any right to it, and named through /proc.
        descriptor = os.open(self.what, ITSELF, dir_fd=self._directory)
        try:
            status = os.fstat(descriptor)
            if S_ISLNK(status.st_mode):
                raise fail(ENOENT)
            try:
                change(f"/proc/self/fd/{descriptor}", status)
            except FileNotFoundError:
                # Where /proc is not mounted; takes the right to read.
                self._with_opened(os.O_RDONLY, lambda descriptor: change(descriptor, os.fstat(descriptor)))
        finally:
            os.close(descriptor)

    def readable(self) -> int:
        mode = self.status.st_mode
        if self._readable < 0 and (S_ISREG(mode) or S_ISDIR(mode)):
            self._readable = os.open(self.what, os.O_RDONLY | SAFELY, dir_fd=self._directory)
        return self._readable

    def name(self) -> bytes:
        name: bytes = self.what
        return name

    def close(self) -> None:
        """Close what was opened on the way."""
        if self._readable >= 0:
            os.close(self._readable)

    def _with_opened(self, flags: int, change: Callable[[int], None]) -> None:
        descriptor = os.open(self.what, flags | SAFELY, dir_fd=self._directory)
        try:
            change(descriptor)
        finally:
            os.close(descriptor)


def truncate(descriptor: int, size: int) -> None:
    """Set the size of an open file."""
    try:
        os.ftruncate(descriptor, size)
    except OSError as problem:
        # ftruncate(2): "EBADF or EINVAL: fd is not open for writing"; EINVAL is also a size that is too large.
        if problem.errno in (EBADF, EINVAL) and fcntl(descriptor, F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise SFTPError(Status.PERMISSION_DENIED, "The file is not open for writing") from None
        raise


def reserve(descriptor: int, size: int, *, hint: bool) -> None:
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


def give(set_owner: Callable[[int, int], None], uid: int, gid: int) -> None:
    """Set owner and group; -1 leaves one as it is."""
    try:
        set_owner(uid, gid)
    except OSError as problem:
        # A number that this file system, or the name space that the server runs in, has no place for.
        if problem.errno != EINVAL:
            raise
        raise SFTPError(Status.OWNER_INVALID if uid >= 0 else Status.GROUP_INVALID) from None
