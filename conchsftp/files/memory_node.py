"""
What a file system in memory is made of: nodes, open files, open directories.

Where a path leads is not known here.
"""

from collections.abc import Sequence, Set
from dataclasses import replace
from errno import EFBIG, ENOSPC
from typing import Any

from zope.interface import implementer

from conchsftp.errors import SFTPError
from conchsftp.files.attributes.changes import SETS as files_on_disk_set
from conchsftp.files.attributes.changes import refuse_unsupported
from conchsftp.files.attributes.mime_types import guessed
from conchsftp.files.copying import refuse_overlap
from conchsftp.files.disk.walk import fail
from conchsftp.files.locks import READING, WRITING
from conchsftp.interfaces import ICopy, IDirectory, IEnding, IFile, ILocks, IReadInto, ISync, IWriteFrom
from conchsftp.sftp.attributes import SECOND, Attributes
from conchsftp.sftp.numbers import ALL_BITS, AttribBit, FileType
from conchsftp.sftp.statuses import Status

SETS = files_on_disk_set | {"create_time"}
"""The fields of `Attributes` that a SETSTAT may change."""

SETTABLE = int(AttribBit.READONLY | AttribBit.SYSTEM | AttribBit.HIDDEN | AttribBit.ARCHIVE)
"""The `AttribBit` bits that can be set: those that advise a client, and have nobody do or keep anything."""

MAX_SIZE = 2**30
"""The largest file, in bytes: a client's single write far beyond the end must not take all memory."""

Content = bytearray | dict[str, "Node"] | str


class Node:
    """
    A file, directory or symbolic link, whatever its names.

    Attributes:
        content: the bytes of a file, the entries of a directory, the target of a link.
        links: how many names it has.
        atime, mtime, ctime, created: in nanoseconds since 1970.
        reserved: how many bytes a client has had allocated.
        bits: `AttribBit` bits, of those in `SETTABLE`.
    """

    __slots__ = (
        "atime",
        "bits",
        "content",
        "created",
        "ctime",
        "gid",
        "group",
        "links",
        "mode",
        "mtime",
        "owner",
        "reserved",
        "type",
        "uid",
    )

    def __init__(self, content: Content, *, mode: int, now: int, uid: int, gid: int) -> None:
        self.content = content
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.owner: str | None = None
        self.group: str | None = None
        self.links = 1
        self.atime = self.mtime = self.ctime = self.created = now
        self.reserved = self.bits = 0
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
            allocation_size=max(len(self.content), self.reserved),
            uid=self.uid,
            gid=self.gid,
            owner=self.owner,
            group=self.group,
            permissions=self.mode,
            atime=self.atime // SECOND,
            atime_ns=self.atime % SECOND,
            mtime=self.mtime // SECOND,
            mtime_ns=self.mtime % SECOND,
            ctime=self.ctime // SECOND,
            ctime_ns=self.ctime % SECOND,
            link_count=self.links,
        )

    def detail(self, attributes: Attributes, name: bytes, fields: Set[str]) -> Attributes:
        """Add what else is known of it under a name, as far as somebody wants to know; return the attributes."""
        if "create_time" in fields:
            attributes.create_time, attributes.create_time_ns = divmod(self.created, SECOND)
        if "attrib_bits" in fields:
            attributes.attrib_bits, attributes.attrib_bits_valid = self.bits, SETTABLE
        if self.type == FileType.REGULAR:
            mime_type, hint = guessed(name)
            attributes.mime_type = mime_type if "mime_type" in fields else None
            attributes.text_hint = hint if "text_hint" in fields else None
        return attributes

    def change(self, attributes: Attributes, now: int) -> None:
        """Apply every field that is not None; a size first."""
        refuse_unsupported(attributes, SETS)
        if self.type == FileType.SYMLINK and attributes.permissions is not None:
            raise SFTPError(Status.OP_UNSUPPORTED, "A link has no permissions of its own")
        if attributes.attrib_bits is not None and (attributes.attrib_bits ^ self.bits) & _about(attributes) & ~SETTABLE:
            raise SFTPError(Status.OP_UNSUPPORTED, "Not all of these attribute bits can be changed here")
        if attributes.size is not None:
            self.resize(attributes.size, now)
        if attributes.allocation_size is not None:
            self.reserve(attributes.allocation_size, now)
        self.adopt(attributes, now)

    def adopt(self, attributes: Attributes, now: int) -> None:
        """Apply what can be applied, but not the size: to what was just made, and nobody sees yet."""
        if attributes.acl is not None:
            # What is made without it would allow more than was asked.
            raise SFTPError(Status.OP_UNSUPPORTED, "Access control lists are not kept here")
        self.ctime = now
        if attributes.permissions is not None:
            self.mode = attributes.permissions
        if attributes.uid is not None:
            self.uid, self.owner = attributes.uid, None
        if attributes.gid is not None:
            self.gid, self.group = attributes.gid, None
        if attributes.create_time is not None:
            self.created = attributes.create_time * SECOND + (attributes.create_time_ns or 0)
        if attributes.attrib_bits is not None:
            about = _about(attributes) & SETTABLE
            self.bits = self.bits & ~about | attributes.attrib_bits & about
        self.owner = attributes.owner or self.owner
        self.group = attributes.group or self.group
        if attributes.atime is not None:
            self.atime = attributes.atime * SECOND + (attributes.atime_ns or 0)
        if attributes.mtime is not None:
            self.mtime = attributes.mtime * SECOND + (attributes.mtime_ns or 0)

    def resize(self, size: int, now: int) -> None:
        """Cut the bytes off, or add zeros."""
        if self.type == FileType.SYMLINK:
            raise SFTPError(Status.INVALID_PARAMETER, "The size of a link cannot be changed")
        data = self.data
        if size > MAX_SIZE:
            raise fail(EFBIG)
        del data[size:]
        data.extend(bytes(size - len(data)))
        self.reserved = 0
        self.mtime = now

    def reserve(self, size: int, now: int) -> None:
        """Have it occupy so many bytes, as far as that means anything; what is longer is cut off."""
        if size > MAX_SIZE:
            raise fail(ENOSPC)
        if size < len(self.content):
            self.resize(size, now)
        elif self.type != FileType.REGULAR:
            # To refuse it as a size is refused.
            self.resize(0, now)
        self.reserved = size


def _about(attributes: Attributes) -> int:
    """Return which of the attribute bits mean something."""
    return ALL_BITS if attributes.attrib_bits_valid is None else attributes.attrib_bits_valid


_TYPES = {bytearray: FileType.REGULAR, dict: FileType.DIRECTORY, str: FileType.SYMLINK}


@implementer(IFile, IReadInto, IWriteFrom, ISync, ICopy, ILocks)
class MemoryFile:
    """
    An open file.

    Args:
        files: the file system; tells the time, and has the locks.
        node: what is open; the table of locks knows it by that, too.
        name: what it was opened by, at the end of its path.
        access, mask: what for, see `Holder`, and how it is locked.
        close: called when it is closed.
    """

    def __init__(
        self, files: Any, node: Node, name: str, *, access: int, mask: int, append: bool, close: Any = None
    ) -> None:
        self._files = files
        self._name = name
        self._node = self.key = node
        self.access = access
        self._locks = files.locks
        self._held = files.locks.held
        files.locks.enter(self, mask)
        self._reads, self._writes = bool(access & READING), bool(access & WRITING)
        self._append = append
        self._after_close = close

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self._readable(offset, length)[offset : offset + length])

    def read_into(self, views: Sequence[Any], offset: int) -> int:
        data = self._readable(offset, sum(map(len, views)))
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
        if self._held:
            self._locks.check(self, self.key, WRITING, offset, end - offset)
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
        left = max(len(self._readable(offset, 0)) - offset, 0)
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
        told: Attributes = self._files.told(self._name, self._node)
        return told

    def set_attributes(self, attributes: Attributes) -> None:
        if not (attributes.size is None and attributes.allocation_size is None) and not self._writes:
            # What is refused keeps nothing else from being done.
            self._node.change(replace(attributes, size=None, allocation_size=None), self._files.now())
            raise SFTPError(Status.PERMISSION_DENIED, "The file is not open for writing")
        if self._held:
            size = len(self._node.data)
            self._locks.check_resizing(self, self.key, size, attributes.size, attributes.allocation_size)
        self._node.change(attributes, self._files.now())

    def lock(self, offset: int, length: int, mask: int) -> None:
        self._locks.grant(self, offset, length, mask, len(self._node.data))

    def unlock(self, offset: int, length: int) -> None:
        self._locks.withdraw(self._locks.find(self, offset, length))

    def close(self) -> None:
        self._reads = self._writes = False
        self._locks.leave(self)
        if self._after_close is not None:
            self._after_close()

    def _readable(self, offset: int, length: int) -> bytearray:
        """Return the content, of which a range is to be read; what lies behind the end is not."""
        if not self._reads:
            raise SFTPError(Status.PERMISSION_DENIED, "The file is not open for reading")
        data = self._node.data
        if self._held:
            self._locks.check(self, self.key, READING, offset, min(length, len(data) - offset))
        return data


@implementer(IDirectory, IEnding)
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

    @property
    def at_end(self) -> bool:
        """As `IEnding`."""
        return not self._left

    def read(self, count: int) -> list[tuple[str, Attributes]]:
        left = [(name, node) for name, node in self._left if node.links]  # what was removed meanwhile has none
        self._left = left[count:]
        return [(name, self._files.told(name, node)) for name, node in left[:count]]

    def stat(self) -> Attributes:
        told: Attributes = self._files.told("", self._node)
        return told

    def set_attributes(self, attributes: Attributes) -> None:
        self._node.change(attributes, self._files.now())

    def close(self) -> None:
        self._left = []


def path_to(above: list[tuple[str, Node]], missing: list[str]) -> str:
    """Return the path that a walk has taken, with what is missing at its end."""
    names = [name for name, _ in above[1:]]
    for name in missing:
        if name == "..":
            del names[-1:]
        else:
            names.append(name)
    return "/" + "/".join(names)
