"""
What a file system, an open file, an open directory and an avatar promise; nothing is implemented here.

A method may return its value, a Deferred or a coroutine; what is ready is used at once. It fails with
`SFTPError(status, message)` or with `OSError`. A path is virtual: absolute, `/`-separated, without `.` and `..`,
decoded from UTF-8 with `surrogateescape`. An *ability* is an interface of its own: where it is not provided, the
request is answered OP_UNSUPPORTED and its extension is not advertised.
"""

from conchsftp.interfaces.avatar import ISFTPAvatar
from conchsftp.interfaces.files import (
    IAbandoned,
    ICopy,
    IDirectory,
    IEnding,
    IFile,
    ILocks,
    IReadInto,
    IScan,
    ISync,
    IWriteFrom,
)
from conchsftp.interfaces.systems import (
    IAccountNumbers,
    IAccounts,
    IDetails,
    IExtendedRequests,
    IFileSystem,
    IGuarded,
    IHardLinks,
    ILinks,
    ILocking,
    INameCharset,
    IOnDisk,
    IRestrict,
    ISpace,
    IStoppable,
)

__all__ = [
    "IAbandoned",
    "IAccountNumbers",
    "IAccounts",
    "ICopy",
    "IDetails",
    "IDirectory",
    "IEnding",
    "IExtendedRequests",
    "IFile",
    "IFileSystem",
    "IGuarded",
    "IHardLinks",
    "ILinks",
    "ILocking",
    "ILocks",
    "INameCharset",
    "IOnDisk",
    "IReadInto",
    "IRestrict",
    "ISFTPAvatar",
    "IScan",
    "ISpace",
    "IStoppable",
    "ISync",
    "IWriteFrom",
]
