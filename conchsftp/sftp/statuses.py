"""
Status codes: their texts, what an older version gets instead of a newer one, and what an errno means.

Everything above the codec uses the version 6 meaning; only the codec lowers. What depends on the request and not on the
status alone (a missing parent directory, a busy file that cannot be deleted) is the pipeline's. Sources: filexfer-02 to
-13, section "status"; the replacements in version 3 are those of OpenSSH's sftp-server.
"""

import errno
from dataclasses import dataclass
from enum import IntEnum

from conchsftp.sftp.numbers import VERSIONS


class Status(IntEnum):
    """The outcome of a request."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    NO_CONNECTION = 6
    CONNECTION_LOST = 7
    OP_UNSUPPORTED = 8
    INVALID_HANDLE = 9
    NO_SUCH_PATH = 10
    FILE_ALREADY_EXISTS = 11
    WRITE_PROTECT = 12
    NO_MEDIA = 13
    NO_SPACE_ON_FILESYSTEM = 14
    QUOTA_EXCEEDED = 15
    UNKNOWN_PRINCIPAL = 16
    LOCK_CONFLICT = 17
    DIR_NOT_EMPTY = 18
    NOT_A_DIRECTORY = 19
    INVALID_FILENAME = 20
    LINK_LOOP = 21
    CANNOT_DELETE = 22
    INVALID_PARAMETER = 23
    FILE_IS_A_DIRECTORY = 24
    BYTE_RANGE_LOCK_CONFLICT = 25
    BYTE_RANGE_LOCK_REFUSED = 26
    DELETE_PENDING = 27
    FILE_CORRUPT = 28
    OWNER_INVALID = 29
    GROUP_INVALID = 30
    NO_MATCHING_BYTE_RANGE_LOCK = 31


CEILING = {3: 8, 4: 13, 5: 17, 6: 31}
"""The highest status code of each version."""


@dataclass(frozen=True, slots=True)
class Row:
    """
    What is known of one status.

    Attributes:
        text: what a user is told if the failing code says nothing more precise.
        older: what a version that lacks the status gets.
        in_3: the same for version 3, where it differs.
    """

    status: Status
    text: str
    older: Status = Status.FAILURE
    in_3: Status | None = None


ROWS = (
    Row(Status.OK, "Success"),
    Row(Status.EOF, "End of file"),
    Row(Status.NO_SUCH_FILE, "No such file"),
    Row(Status.PERMISSION_DENIED, "Permission denied"),
    Row(Status.FAILURE, "The operation failed"),
    Row(Status.BAD_MESSAGE, "Malformed request"),
    Row(Status.NO_CONNECTION, "No connection"),
    Row(Status.CONNECTION_LOST, "Connection lost"),
    Row(Status.OP_UNSUPPORTED, "Operation not supported"),
    Row(Status.INVALID_HANDLE, "Invalid handle"),
    Row(Status.NO_SUCH_PATH, "No such path", Status.NO_SUCH_FILE),
    Row(Status.FILE_ALREADY_EXISTS, "File already exists"),
    Row(Status.WRITE_PROTECT, "Read-only file system", Status.PERMISSION_DENIED),
    Row(Status.NO_MEDIA, "No medium"),
    Row(Status.NO_SPACE_ON_FILESYSTEM, "No space left"),
    Row(Status.QUOTA_EXCEEDED, "Quota exceeded"),
    Row(Status.UNKNOWN_PRINCIPAL, "Unknown user or group"),
    Row(Status.LOCK_CONFLICT, "File is locked"),
    Row(Status.DIR_NOT_EMPTY, "Directory not empty"),
    Row(Status.NOT_A_DIRECTORY, "Not a directory", Status.NO_SUCH_FILE),
    Row(Status.INVALID_FILENAME, "Invalid file name", Status.BAD_MESSAGE),
    Row(Status.LINK_LOOP, "Too many symbolic links", in_3=Status.NO_SUCH_FILE),
    Row(Status.CANNOT_DELETE, "Cannot be deleted"),
    Row(Status.INVALID_PARAMETER, "Invalid parameter", in_3=Status.BAD_MESSAGE),
    Row(Status.FILE_IS_A_DIRECTORY, "Is a directory"),
    Row(Status.BYTE_RANGE_LOCK_CONFLICT, "Range is locked"),
    Row(Status.BYTE_RANGE_LOCK_REFUSED, "Lock refused"),
    Row(Status.DELETE_PENDING, "File is about to be deleted"),
    Row(Status.FILE_CORRUPT, "File is corrupt"),
    Row(Status.OWNER_INVALID, "Invalid owner"),
    Row(Status.GROUP_INVALID, "Invalid group"),
    Row(Status.NO_MATCHING_BYTE_RANGE_LOCK, "No such lock"),
)

TEXTS = {row.status: row.text for row in ROWS}
"""Status → the text that is sent when there is no more precise one."""

ERRNOS = {
    errno.ENOENT: Status.NO_SUCH_FILE,
    errno.ENOTDIR: Status.NOT_A_DIRECTORY,
    errno.EACCES: Status.PERMISSION_DENIED,
    errno.EPERM: Status.PERMISSION_DENIED,
    errno.EROFS: Status.WRITE_PROTECT,
    errno.EEXIST: Status.FILE_ALREADY_EXISTS,
    errno.ENOTEMPTY: Status.DIR_NOT_EMPTY,
    errno.EISDIR: Status.FILE_IS_A_DIRECTORY,
    errno.ENOSPC: Status.NO_SPACE_ON_FILESYSTEM,
    errno.EDQUOT: Status.QUOTA_EXCEEDED,
    errno.ELOOP: Status.LINK_LOOP,
    errno.ENAMETOOLONG: Status.INVALID_FILENAME,
    errno.EINVAL: Status.INVALID_PARAMETER,
    errno.EBADF: Status.INVALID_HANDLE,
    errno.ENOSYS: Status.OP_UNSUPPORTED,
    errno.EOPNOTSUPP: Status.OP_UNSUPPORTED,
    errno.ENOTSUP: Status.OP_UNSUPPORTED,
}
"""errno → status, in its version 6 meaning; every other errno is FAILURE."""


def _lowered(row: Row, version: int) -> Status:
    if row.status <= CEILING[version]:
        return row.status
    return row.in_3 if version == 3 and row.in_3 is not None else row.older


_LOWERED = {version: {int(row.status): _lowered(row, version) for row in ROWS} for version in VERSIONS}


def lower(status: int, version: int) -> Status:
    """
    Return the status that a version can express.

    Args:
        status: in its version 6 meaning; a number that no version knows becomes FAILURE.
        version: 3 to 6.
    """
    return _LOWERED[version].get(status, Status.FAILURE)


def status_of_errno(number: int | None) -> Status:
    """Return the version 6 status of an errno; FAILURE for None and for those that the protocol has no word for."""
    return ERRNOS.get(number, Status.FAILURE) if number is not None else Status.FAILURE
