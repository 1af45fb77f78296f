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
    Row(Status.OP_UNSUPPORTED, "Not supported here"),
    Row(Status.INVALID_HANDLE, "This file is not open"),
    Row(Status.NO_SUCH_PATH, "No such path", Status.NO_SUCH_FILE),
    Row(Status.FILE_ALREADY_EXISTS, "File already exists"),
    Row(Status.WRITE_PROTECT, "Read-only file system", Status.PERMISSION_DENIED),
    Row(Status.NO_MEDIA, "There is no medium in the drive"),
    Row(Status.NO_SPACE_ON_FILESYSTEM, "No space left on the disk"),
    Row(Status.QUOTA_EXCEEDED, "Disk quota exceeded"),
    Row(Status.UNKNOWN_PRINCIPAL, "Unknown user or group"),
    Row(Status.LOCK_CONFLICT, "File is locked"),
    Row(Status.DIR_NOT_EMPTY, "Directory not empty"),
    Row(Status.NOT_A_DIRECTORY, "Not a directory", Status.NO_SUCH_FILE),
    Row(Status.INVALID_FILENAME, "Invalid file name", Status.BAD_MESSAGE),
    Row(Status.LINK_LOOP, "Too many symbolic links", in_3=Status.NO_SUCH_FILE),
    Row(Status.CANNOT_DELETE, "File cannot be deleted"),
    Row(Status.INVALID_PARAMETER, "This is not possible with this file", in_3=Status.BAD_MESSAGE),
    Row(Status.FILE_IS_A_DIRECTORY, "Is a directory"),
    Row(Status.BYTE_RANGE_LOCK_CONFLICT, "This part of the file is locked"),
    Row(Status.BYTE_RANGE_LOCK_REFUSED, "This part of the file cannot be locked"),
    Row(Status.DELETE_PENDING, "File is about to be deleted"),
    Row(Status.FILE_CORRUPT, "File is damaged"),
    Row(Status.OWNER_INVALID, "Invalid owner"),
    Row(Status.GROUP_INVALID, "Invalid group"),
    Row(Status.NO_MATCHING_BYTE_RANGE_LOCK, "This part of the file was not locked"),
)

TEXTS: dict[int, str] = {row.status: row.text for row in ROWS}
"""Status → the text that is sent when there is no more precise one."""


@dataclass(frozen=True, slots=True)
class Errno:
    """
    What a failed system call is answered with.

    Attributes:
        name: of the errno; a system may lack it.
        status: in its version 6 meaning.
        text: what the user is told; empty for the text of the status.
    """

    name: str
    status: Status = Status.FAILURE
    text: str = ""


ERRNOS = (
    Errno("ENOENT", Status.NO_SUCH_FILE),
    Errno("ENOTDIR", Status.NOT_A_DIRECTORY),
    Errno("EACCES", Status.PERMISSION_DENIED),
    Errno("EPERM", Status.PERMISSION_DENIED),
    Errno("EROFS", Status.WRITE_PROTECT),
    Errno("EEXIST", Status.FILE_ALREADY_EXISTS),
    Errno("ENOTEMPTY", Status.DIR_NOT_EMPTY),
    Errno("EISDIR", Status.FILE_IS_A_DIRECTORY),
    Errno("ENOSPC", Status.NO_SPACE_ON_FILESYSTEM),
    Errno("EDQUOT", Status.QUOTA_EXCEEDED),
    Errno("ELOOP", Status.LINK_LOOP),
    Errno("ENAMETOOLONG", Status.INVALID_FILENAME, "Name too long"),
    Errno("EILSEQ", Status.INVALID_FILENAME, "The name has letters that cannot be stored here"),
    Errno("EINVAL", Status.INVALID_PARAMETER),
    Errno("EBADF", Status.INVALID_HANDLE),
    Errno("ENOSYS", Status.OP_UNSUPPORTED),
    Errno("EOPNOTSUPP", Status.OP_UNSUPPORTED),
    Errno("ENOTSUP", Status.OP_UNSUPPORTED),
    Errno("ENOMEDIUM", Status.NO_MEDIA),
    Errno("EUCLEAN", Status.FILE_CORRUPT),
    Errno("EBADMSG", Status.FILE_CORRUPT),
    Errno("EXDEV", text="Not on the same file system"),
    Errno("EMFILE", text="Too many open files on the server"),
    Errno("ENFILE", text="Too many open files on the server"),
    Errno("EBUSY", text="File is busy"),
    Errno("ETXTBSY", text="File is busy: it is a program that runs"),
    Errno("EFBIG", text="File too large"),
    Errno("EOVERFLOW", text="File too large"),
    Errno("EMLINK", text="Too many links to this file"),
    Errno("EIO", text="The server's disk could not be read or written"),
    Errno("EREMOTEIO", text="The server's disk could not be read or written"),
    Errno("ESTALE", text="The file has gone from the server's network disk"),
    Errno("ETIMEDOUT", text="The server's disk did not answer in time"),
    Errno("EHOSTDOWN", text="The server's network disk cannot be reached"),
    Errno("EHOSTUNREACH", text="The server's network disk cannot be reached"),
    Errno("ENOTCONN", text="The server's network disk cannot be reached"),
    Errno("EAGAIN", text="The server is busy: try again"),
    Errno("EINTR", text="The server was interrupted: try again"),
    Errno("ENOMEM", text="The server is out of memory"),
    Errno("ENXIO", text="There is no such device"),
    Errno("ENODEV", text="There is no such device"),
    Errno("ENOKEY", text="The folder is encrypted, and not unlocked on the server"),
)
"""What the errnos mean that files bring; every other one is `OTHER`."""

OTHER = Errno("", text="The server's file system could not do this")

MISTAKE = "The server could not do this; its log tells why"
"""What the user is told of a mistake in a handler or a file system. Whose it is stands in the log only."""

_BY_NUMBER = {number: row for row in ERRNOS if (number := getattr(errno, row.name, None)) is not None}


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


def row_of_errno(number: int) -> Errno:
    """Return what an errno is answered with; the text is empty where that of the status says it."""
    return _BY_NUMBER.get(number, OTHER)


def status_of_errno(number: int | None) -> Status:
    """Return the version 6 status of an errno; FAILURE for None and for those that the protocol has no word for."""
    return row_of_errno(number).status if number is not None else Status.FAILURE
