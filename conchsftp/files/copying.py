"""
Copying a range between two open files, on the server.

These are blocking calls; the steps are counted elsewhere. Source: filexfer-extensions-00, copy-data.
"""

import os
from errno import EBADF, EFBIG, EINVAL, ENOSYS, ENXIO, EOPNOTSUPP, ETXTBSY, EXDEV

from conchsftp.errors import SFTPError
from conchsftp.files.attributes.changing import MAX_SIZE
from conchsftp.files.disk.walk import fail
from conchsftp.sftp.statuses import Status

COPY_STEP = 16 * 1024 * 1024
"""How much one thread copies before others get their turn, in bytes."""

_PIECE = 1024 * 1024
_BLOCK = 512
# What copy_file_range(2) says where it cannot, though reading and writing can: files on different file systems, a file
# system without it, an append handle, a swap file or an image in use.
_COPY_BY_HAND = (EXDEV, EINVAL, ENOSYS, EOPNOTSUPP, EBADF, ETXTBSY)


def most_to_copy(source: int, target: int, offset: int, length: int, target_offset: int) -> int:
    """
    Return the most that there can be to copy, in bytes, for a length that may be 0.

    Raises:
        SFTPError: INVALID_PARAMETER. "If … the same file and the ranges overlap, the server MUST return
            SSH_FX_INVALID_PARAMETER."
    """
    here, there = os.fstat(source), os.fstat(target)
    # The numbers of the protocol have one bit more than those of the system: no file goes further than this.
    most = max(MAX_SIZE - offset, 0)
    if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino):
        # "Up to the end" is where it stands now: the copy itself may move it.
        length = length or max(here.st_size - offset, 0)
        refuse_overlap(offset, length, target_offset)
        return min(length, most)
    return min(length or most, most)


def refuse_overlap(offset: int, length: int, target_offset: int) -> None:
    """Refuse to copy between these ranges of one file."""
    if offset < target_offset + length and target_offset < offset + length:
        raise SFTPError(Status.INVALID_PARAMETER, "The two ranges of the file overlap")


def copy_step(source: int, offset: int, target: int, target_offset: int, length: int, last: bool = True) -> int:
    """
    Copy a range; return how many bytes there were to copy. Holes stay holes where the target ends before them.

    Args:
        target_offset: -1 for the end of the file, wherever that is.
        last: whether no other step follows at once, which would begin where this one ends.
    """
    if target_offset > MAX_SIZE - length:
        raise fail(EFBIG)
    if target_offset < 0:
        return _copy_by_hand(source, offset, target, target_offset, length)
    status = os.fstat(source)
    copied = 0
    if status.st_blocks * _BLOCK < status.st_size:
        end = min(offset + length, status.st_size)
        copied = _copy_sparse(source, offset, target, target_offset, end, last or end == status.st_size)
    # What has no holes, and what has grown meanwhile.
    return copied + _copy_data(source, offset + copied, target, target_offset + copied, length - copied)


def _copy_sparse(source: int, offset: int, target: int, target_offset: int, end: int, last: bool) -> int:
    """Copy what lies before `end`, stretch by stretch; less if the file is cut off meanwhile."""
    at, shift = offset, target_offset - offset
    while at < end:
        start = _seek(source, at, os.SEEK_DATA, end)
        if start is None:
            break
        if start > at:
            _leave_hole(target, at + shift, start - at, last and start == end)
        stop = _seek(source, start, os.SEEK_HOLE, end) or end
        at = start + _copy_data(source, start, target, start + shift, stop - start)
        if at < stop:
            break
    return at - offset


def _seek(descriptor: int, at: int, what: int, end: int) -> int | None:
    """Return where the next data or the next hole begins, `end` at most; None where nobody knows."""
    if at >= end:
        return end
    try:
        return min(os.lseek(descriptor, at, what), end)
    except OSError as problem:
        # "ENXIO: … offset is within a hole at the end of the file." (lseek(2))
        return end if problem.errno == ENXIO else None


def _leave_hole(target: int, offset: int, length: int, last: bool) -> None:
    """Have a range read as zeros."""
    size = os.fstat(target).st_size
    there = min(max(size - offset, 0), length)
    for at in range(offset, offset + there, _PIECE):
        _write(target, bytes(min(_PIECE, offset + there - at)), at)
    if last and there < length:
        # Not by setting the size: that would cut off what somebody else appends at this moment.
        _write(target, b"\0", offset + length - 1)


def _copy_data(source: int, offset: int, target: int, target_offset: int, length: int) -> int:
    copied = 0
    while copied < length:
        try:
            count = os.copy_file_range(source, target, length - copied, offset + copied, target_offset + copied)
        except OSError as problem:
            if problem.errno not in _COPY_BY_HAND:
                raise
            break
        if count == 0:
            break
        copied += count
    # 0 is said at the end of a file, and of files that the kernel makes up as they are read: reading tells which.
    return copied + _copy_by_hand(source, offset + copied, target, target_offset + copied, length - copied)


def _copy_by_hand(source: int, offset: int, target: int, target_offset: int, length: int) -> int:
    copied = 0
    while copied < length:
        try:
            data = os.pread(source, min(length - copied, _PIECE), offset + copied)
        except OSError as problem:
            raise explained(problem, "reading") from None
        if not data:
            break
        _write(target, data, target_offset if target_offset < 0 else target_offset + copied)
        copied += len(data)
    return copied


def _write(target: int, data: bytes, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        try:
            count = os.write(target, rest) if offset < 0 else os.pwrite(target, rest, offset)
        except OSError as problem:
            raise explained(problem, "writing") from None
        rest = rest[count:]
        offset += count if offset >= 0 else 0


def explained(problem: OSError, direction: str) -> Exception:
    """Return the error of a call on an open file: EBADF is that it was opened for the other direction only."""
    if problem.errno == EBADF:
        return SFTPError(Status.PERMISSION_DENIED, f"The file is not open for {direction}")
    return problem
