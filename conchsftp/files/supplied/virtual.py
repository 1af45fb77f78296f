"""
The file system of a session that has none: what the handlers of events do not do, nobody does.

The handlers are asked by the pipeline, as on a disk. Here is how it sees that they have done something, and what is
left when they have not: a lexical REALPATH, a root, and OP_UNSUPPORTED.
"""

from typing import Any

from zope.interface import implementer

from conchsftp.errors import SFTPError
from conchsftp.events.files import DirList, FileOpen, FileRead, GetAttributes
from conchsftp.events.kinds import PRESET, FileEvent, preset
from conchsftp.files.supplied.sink import SpooledSink
from conchsftp.files.supplied.sources import ByteSource, BytesSource, Means, Stream, Supplied
from conchsftp.interfaces import IFile, IFileSystem, ILinks
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import APPENDING, WRITING, Access, OpenFlag
from conchsftp.sftp.statuses import Status

SUPPLYING = (FileOpen, DirList, GetAttributes)
"""Events without which there is nothing to see: who handles none of them has no files."""


UNHANDLED = preset(Status.OP_UNSUPPORTED)
"""What an operation that nobody has done ends with; a handler that assigns a status assigns another object."""


def is_done(event: FileEvent) -> bool:
    """
    Return whether a handler has said, before an operation, that it is done.

    A handler that only watches sets nothing. Beside a result and `handled`, which count everywhere, it is what code
    written for the component does: assigning a status, though it is the one that was there, and giving the handle
    of a file that was opened.
    """
    return event.status_code is not PRESET or (isinstance(event, FileOpen) and bool(event.handle))


@implementer(IFileSystem, ILinks)
class VirtualFileSystem:
    """
    Files that only handlers know.

    Args:
        events: the hub of the session.
    """

    file_abilities = ()

    def __init__(self, events: Any) -> None:
        self._events = events

    def open(self, path: str, access: int, flags: int, attributes: Attributes) -> Any:
        raise _unsupported()

    def list(self, path: str) -> Any:
        raise _unsupported()

    def stat(self, path: str) -> Attributes | None:
        if path == "/":
            # Clients look whether the directory is there that they are told to start in.
            return Attributes.of_directory()
        # What nobody knows does not exist, unless there is nobody who could know.
        if GetAttributes not in self._events.listeners:
            raise _unsupported()
        return None

    lstat = stat

    def set_attributes(self, path: str, attributes: Attributes, follow: bool) -> None:
        raise _unsupported()

    def make_directory(self, path: str, attributes: Attributes) -> None:
        raise _unsupported()

    def remove_directory(self, path: str) -> None:
        raise _unsupported()

    def remove(self, path: str) -> None:
        raise _unsupported()

    def rename(self, path: str, new_path: str, flags: int) -> None:
        raise _unsupported()

    def real_path(self, path: str) -> str:
        return path

    def read_link(self, path: str) -> str:
        raise _unsupported()

    def make_symlink(self, path: str, target: str) -> None:
        raise _unsupported()


@implementer(IFile)
class EventFile:
    """
    An open file whose content is the events FileRead and FileWrite, and whose attributes are GetAttributes.

    Args:
        events: the hub of the session.
    """

    def __init__(self, events: Any) -> None:
        self._events = events

    def read(self, offset: int, length: int) -> bytes:
        if FileRead not in self._events.listeners:
            raise _unsupported()
        return b""

    def write(self, offset: int, data: bytes) -> None:
        raise _unsupported()

    def stat(self) -> Attributes | None:
        if GetAttributes not in self._events.listeners:
            raise _unsupported()
        return None

    def set_attributes(self, attributes: Attributes) -> None:
        raise _unsupported()

    def close(self) -> None:
        """Nothing is held here; FileClose tells the handlers."""


def supplied(content: Any, access: int, flags: int, means: Means) -> Any:
    """
    Return the open file that a handler of FileOpen has supplied.

    Args:
        content: an `IFile`; bytes; an asynchronous iterator of bytes; a function `read(offset, length)`.
        access: what the client wants to do with it, `Access` bits.
        flags: `OpenFlag`.
        means: what it may work with.
    Raises:
        SFTPError: PERMISSION_DENIED where the client wants to write to what can only be read, or to read an upload;
            OP_UNSUPPORTED where it wants a content removed.
        TypeError: it is none of these.
    """
    if isinstance(content, bytes | bytearray | memoryview):
        content = BytesSource(bytes(content))
    elif hasattr(content, "__aiter__"):
        content = Stream(content)
    elif not IFile.providedBy(content):
        if not callable(content):
            kinds = "bytes, an asynchronous iterator, a function read(offset, length) or an IFile"
            raise TypeError(f"FileOpen.result: expected {kinds}, got {type(content).__name__}")
        content = ByteSource(None, content)
    if isinstance(content, Supplied):
        if flags & OpenFlag.DELETE_ON_CLOSE:
            # It is no file, and whoever supplies it hears nothing of its end.
            raise SFTPError(Status.OP_UNSUPPORTED, "Files are removed by REMOVE only here")
        writes = bool(access & WRITING)
        if writes and not isinstance(content, SpooledSink):
            raise SFTPError(Status.PERMISSION_DENIED, "This file can only be read")
        if not writes and isinstance(content, SpooledSink):
            raise SFTPError(Status.PERMISSION_DENIED, "This file can only be written")
        content.attach(means, reads=bool(access & Access.READ_DATA), appends=bool(flags & APPENDING))
    return content


def _unsupported() -> SFTPError:
    return SFTPError(UNHANDLED)
