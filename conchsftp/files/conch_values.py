"""
Conch's way of saying things, and ours: attributes, failures, paths.

For the adapters in both directions. Conch has attributes as dictionaries, statuses as exceptions with the numbers of
version 3, and paths as bytes. Source: twisted.conch.interfaces, ISFTPServer.
"""

import stat
from typing import Any

from twisted.conch.ssh import filetransfer
from twisted.internet.defer import Deferred

from conchsftp.errors import SFTPError
from conchsftp.sftp.attribute_table import TYPE_BITS, TYPES
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import TEXTS, Status, lower

_SAME = ("size", "uid", "gid", "atime", "mtime")
_PERMISSIONS = 0o7777
_LARGEST_TIME = 0xFFFF_FFFF


def from_conch(values: dict[str, Any]) -> Attributes:
    """Return the attributes that a dictionary of Conch's says; what it does not say is None."""
    attributes = Attributes(**{name: values[name] for name in _SAME if values.get(name) is not None})
    mode = values.get("permissions")
    if mode is not None:
        attributes.permissions = mode & _PERMISSIONS
        attributes.type = TYPES.get(stat.S_IFMT(mode))
    return attributes


def to_conch(attributes: Attributes) -> dict[str, int]:
    """Return what Conch lays out in version 3: size, numbers of user and group, mode, and both times."""
    values = {name: getattr(attributes, name) for name in _SAME}
    if attributes.permissions is not None:
        # Clients tell files from folders by these bits.
        values["permissions"] = attributes.permissions | TYPE_BITS[attributes.type or 0]
    for name in ("atime", "mtime"):
        if values[name] is not None:
            values[name] = min(max(values[name], 0), _LARGEST_TIME)
    return {name: value for name, value in values.items() if value is not None}


def from_problem(problem: Exception) -> Exception:
    """Return how we say what Conch's conventions mean; an OSError, and what is nobody's convention, stays as it is."""
    if isinstance(problem, filetransfer.SFTPError):
        known = problem.code in Status.__members__.values()
        return SFTPError(Status(problem.code) if known else Status.FAILURE, problem.message or "")
    if isinstance(problem, EOFError):
        return SFTPError(Status.EOF)
    if isinstance(problem, NotImplementedError):
        return SFTPError(Status.OP_UNSUPPORTED)
    return problem


def to_problem(status: int, message: str = "") -> Exception:
    """Return what Conch's `FileTransferServer` answers with a status, as version 3 can say it."""
    if status == Status.EOF:
        return EOFError(message or TEXTS[Status.EOF])
    code = lower(status, 3)
    return filetransfer.SFTPError(int(code), message or TEXTS[code])


def to_bytes(path: str | bytes) -> bytes:
    """Return a path as Conch passes it on."""
    return path.encode("utf-8", "surrogateescape") if isinstance(path, str) else path


def to_text(path: str | bytes) -> str:
    """Return a path or a name as we have it."""
    return path.decode("utf-8", "surrogateescape") if isinstance(path, bytes) else path


async def result_of(function: Any, *args: Any) -> Any:
    """
    Call a function of an application and return its result, waited for if it is a Deferred.

    Raises:
        SFTPError: it has failed in one of Conch's ways.
    """
    try:
        result = function(*args)
        return await result if isinstance(result, Deferred) else result
    except Exception as problem:
        raise from_problem(problem) from problem
