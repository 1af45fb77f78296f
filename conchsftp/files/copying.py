"""
Copying a range between two open files, on the server.

These are blocking calls; the steps are counted elsewhere. Source: filexfer-extensions-00, copy-data.
"""

import os
from errno import EBADF, EFBIG, EINVAL, ENOSYS, EOPNOTSUPP, ETXTBSY, EXDEV

from conchsftp.errors import SFTPError
from conchsftp.files.changes import MAX_SIZE
from conchsftp.files.walk import fail
from conchsftp.sftp.statuses import Status

_PIECE = 1024 * 1024
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


def copy_step(source: int, offset: int, target: int, target_offset: int, length: int) -> int:
    """
    Copy a range; return how many bytes there were to copy.

    Args:
        target_offset: -1 for the end of the file, wherever that is.
    """
    if target_offset > MAX_SIZE - length:
        raise fail(EFBIG)
    copied = 0
    while copied < length:
        try:
            if target_offset < 0:
                break
            count = os.copy_file_range(source, target, length - copied, offset + copied, target_offset + copied)
        except OSError as problem:
            if problem.errno not in _COPY_BY_HAND:
                raise
            break
        if count == 0:
            break
        copied += count
    # 0 is said at the end of a file, and of files that the kernel makes up as they are read: reading tells which.
    return copied + _copy_by_hand(source, offset + copied, target, target_offset, copied, length - copied)


def _copy_by_hand(source: int, offset: int, target: int, target_offset: int, done: int, length: int) -> int:
    copied = 0
    while copied < length:
        data = os.pread(source, min(length - copied, _PIECE), offset + copied)
        if not data:
            break
        rest = memoryview(data)
        while rest:
            if target_offset < 0:
                count = os.write(target, rest)
            else:
                count = os.pwrite(target, rest, target_offset + done + copied + len(data) - len(rest))
            rest = rest[count:]
        copied += len(data)
    return copied
