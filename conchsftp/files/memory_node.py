"""
What a file system in memory is made of: nodes, open files, open directories.

Paths are not known here.
"""

from collections.abc import Sequence
from dataclasses import replace
from errno import EFBIG
from typing import Any

from zope.interface import implementer

from conchsftp.errors import SFTPError
from conchsftp.files.changes import NANOSECONDS, refuse_unsupported
from conchsftp.files.copying import refuse_overlap
from conchsftp.files.walk import fail
from conchsftp.interfaces import ICopy, IDirectory, IFile, IReadInto, ISync, IWriteFrom
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType
from conchsftp.sftp.statuses import Status

MAX_SIZE = 2**30
"""The largest file, in bytes: a client's single write far beyond the end must not take all memory."""

Content = bytearray | dict[str, "Node"] | str


class Node:
    """
    A file, directory or symbolic link, whatever its names.

    Attributes:
        content: the bytes of a file, the entries of a directory, the target of a link.
        links: how many names it has.
        atime, mtime, ctime: in nanoseconds since 1970.
    """

    __slots__ = ("atime", "content", "ctime", "gid", "group", "links", "mode", "mtime", "owner", "type", "uid")

    def __init__(self, content: Content, *, mode: int, now: int, uid: int, gid: int) -> None:
        self.content = content
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.owner: str | None = None
        self.group: str | None = None
        self.links = 1
        self.atime = self.mtime = self.ctime = now
        self.type = _TYPES[type(content)]

    @property
    def data(self) -> bytearray:
        """The bytes of a file."""
        if not isinstance(self.content, bytearray):
            raise SFTPError(Status.FILE_IS_A_DIRECTORY)
        return self.content

    def attributes(self) -> Attributes:
        """Return what is known of it."""
        return Attributes(
            type=self.type,
            size=len(self.content),
            allocation_size=len(self.content),
            uid=self.uid,
            gid=self.gid,
            owner=self.owner,
            group=self.group,
            permissions=self.mode,
            atime=self.atime // NANOSECONDS,
            atime_ns=self.atime % NANOSECONDS,
            mtime=self.mtime // NANOSECONDS,
            mtime_ns=self.mtime % NANOSECONDS,
            ctime=self.ctime // NANOSECONDS,
            ctime_ns=self.ctime % NANOSECONDS,
            link_count=self.links,
        )

    def change(self, attributes: Attributes, now: int) -> None:
        """Apply every field that is not None; a size first."""
        refuse_unsupported(attributes)
        if self.type == FileType.SYMLINK and attributes.permissions is not None:
            raise SFTPError(Status.OP_UNSUPPORTED, "A link has no permissions of its own")
        if attributes.size is not None:
            self.resize(attributes.size, now)
        self.adopt(attributes, now)

    def adopt(self, attributes: Attributes, now: int) -> None:
        """Apply what can be applied, but not the size: to what was just made."""
        self.ctime = now
        if attributes.permissions is not None:
            self.mode = attributes.permissions
        if attributes.uid is not None:
            self.uid, self.owner = attributes.uid, None
        if attributes.gid is not None:
            self.gid, self.group = attributes.gid, None
        self.owner = attributes.owner or self.owner
        self.group = attributes.group or self.group
        if attributes.atime is not None:
            self.atime = attributes.atime * NANOSECONDS + (attributes.atime_ns or 0)
        if attributes.mtime is not None:
            self.mtime = attributes.mtime * NANOSECONDS + (attributes.mtime_ns or 0)

    def resize(self, size: int, now: int) -> None:
        """Cut the bytes off, or add zeros."""
        if self.type == FileType.SYMLINK:
            raise SFTPError(Status.INVALID_PARAMETER, "The size of a link cannot be changed")
        data = self.data
        if size > MAX_SIZE:
            raise fail(EFBIG)
        del data[size:]
        data.extend(bytes(size - len(data)))
        self.mtime = now


_TYPES = {bytearray: FileType.REGULAR, dict: FileType.DIRECTORY, str: FileType.SYMLINK}


@implementer(IFile, IReadInto, IWriteFrom, ISync, ICopy)
class MemoryFile:
    """
    An open file.

    Args:
        files: the file system; tells the time.
        close: called when it is closed.
    """

    def __init__(self, files: Any, node: Node, *, reads: bool, writes: bool, append: bool, close: Any = None) -> None:
        self._files = files
        self._node = node
        self._reads = reads
        self._writes = writes
        self._append = append
        self._after_close = close

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self._readable()[offset : offset + length])

    def read_into(self, views: Sequence[Any], offset: int) -> int:
        data = self._readable()
        start = offset
        for view in views:
            piece = data[offset : offset + len(view)]
            view[: len(piece)] = piece
            offset += len(piece)
        return offset - start

    def write(self, offset: int, data: bytes) -> None:
        self.write_from((data,), offset)

    def write_from(self, pieces: Sequence[Any], offset: int) -> None:
        if not self._writes:
            raise SFTPError(Status.PERMISSION_DENIED, "The file is not open for writing")
        data = self._node.data
        if self._append:
            offset = len(data)
        end = offset + sum(map(len, pieces))
        if end > max(MAX_SIZE, offset):
            raise fail(EFBIG)
        if offset > len(data) and end > offset:
            data.extend(bytes(offset - len(data)))
        for piece in pieces:
            data[offset : offset + len(piece)] = piece
            offset += len(piece)
        self._node.mtime = self._node.ctime = self._files.now()

    def sync(self) -> None:
        pass

    def copy_to(self, target: Any, offset: int, length: int, target_offset: int) -> int:
        if not isinstance(target, MemoryFile):
            raise SFTPError(Status.OP_UNSUPPORTED, "Both files must be of the same file system")
        left = max(len(self._readable()) - offset, 0)
        wanted = length or left
        if target._node is self._node:
            refuse_overlap(offset, wanted, target_offset)
        data = self.read(offset, wanted)
        if data:
            target.write(target_offset, data)
        if len(data) < wanted:
            raise SFTPError(Status.EOF, "The file ends before the range does")
        return len(data)

    def stat(self) -> Attributes:
        return self._node.attributes()

    def set_attributes(self, attributes: Attributes) -> None:
        if attributes.size is not None and not self._writes:
            # What is refused keeps nothing else from being done.
            self._node.change(replace(attributes, size=None), self._files.now())
            raise SFTPError(Status.PERMISSION_DENIED, "The file is not open for writing")
        self._node.change(attributes, self._files.now())

    def close(self) -> None:
        self._reads = self._writes = False
        if self._after_close is not None:
            self._after_close()

    def _readable(self) -> bytearray:
        if not self._reads:
            raise SFTPError(Status.PERMISSION_DENIED, "The file is not open for reading")
        return self._node.data


@implementer(IDirectory)
class MemoryDirectory:
    """
    An open directory; shows what was in it when it was opened.

    Args:
        above: the directory above it.
    """

    def __init__(self, files: Any, node: Node, above: Node) -> None:
        if not isinstance(node.content, dict):
            raise SFTPError(Status.NOT_A_DIRECTORY)
        self._files = files
        self._node = node
        self._left = [(".", node), ("..", above), *node.content.items()]

    def read(self, count: int) -> list[tuple[str, Attributes]]:
        left = [(name, node) for name, node in self._left if node.links]  # what was removed meanwhile has none
        self._left = left[count:]
        return [(name, node.attributes()) for name, node in left[:count]]

    def stat(self) -> Attributes:
        return self._node.attributes()

    def set_attributes(self, attributes: Attributes) -> None:
        self._node.change(attributes, self._files.now())

    def close(self) -> None:
        self._left = []
