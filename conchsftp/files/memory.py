"""
A file system in memory: for tests, examples, and users' own tests.

Behaves as the local one does, symbolic and hard links included; but nobody is refused anything, because it knows no
users. Nothing is ever waited for.
"""

import time
from collections.abc import Callable, Mapping, Set
from copy import copy
from dataclasses import dataclass, replace
from errno import EBUSY, EEXIST, EINVAL, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, ENOTEMPTY
from functools import partial

from zope.interface import implementer

from conchsftp.errors import SFTPError
from conchsftp.files.disk.confine import Judge, check, encode
from conchsftp.files.disk.walk import MAX_LINKS, fail
from conchsftp.files.locks import MASKS, Locks, mask_of, opened_for
from conchsftp.files.memory_node import SETS, SETTABLE, Content, MemoryDirectory, MemoryFile, Node, path_to
from conchsftp.interfaces import (
    ICopy,
    IDetails,
    IFileSystem,
    IGuarded,
    IHardLinks,
    ILinks,
    ILocking,
    ILocks,
    IReadInto,
    IRestrict,
    ISync,
    IWriteFrom,
)
from conchsftp.sftp.attributes import SECOND, Attributes
from conchsftp.sftp.numbers import APPENDING, REPLACING, WRITING, Disposition, FileType, OpenFlag
from conchsftp.sftp.open_mode import disposition
from conchsftp.sftp.statuses import Status

_CREATING = (Disposition.CREATE_NEW, Disposition.CREATE_TRUNCATE, Disposition.OPEN_OR_CREATE)
_TRUNCATING = (Disposition.CREATE_TRUNCATE, Disposition.TRUNCATE_EXISTING)
_LONGEST_NAME = 255

Above = list[tuple[str, Node]]
Names = list[str]


@implementer(IFileSystem, ILinks, IHardLinks, ILocking, IRestrict, IGuarded, IDetails)
class MemoryFileSystem:
    """
    Files in memory.

    Args:
        contents: path → bytes of the files that are there from the beginning; their directories are made.
        clock: seconds since 1970.
        umask: bits that new files and directories do not get.
        uid, gid: who owns what is made.
    """

    file_abilities = (IReadInto, IWriteFrom, ISync, ICopy, ILocks)
    lock_masks = open_lock_masks = MASKS
    tells = frozenset(("create_time", "attrib_bits", "mime_type", "text_hint"))
    sets = SETS
    acl_support = 0
    attrib_bits = SETTABLE

    def __init__(
        self,
        contents: Mapping[str, bytes] | None = None,
        *,
        clock: Callable[[], float] = time.time,
        umask: int = 0o022,
        uid: int = 1000,
        gid: int = 1000,
    ) -> None:
        self._clock = clock
        self._umask = umask
        self._ids = {"uid": uid, "gid": gid}
        self._root = self._new({}, 0o777)
        self._within: Names = []
        self.locks = Locks()
        self._judge: Judge | None = None
        self._told: Set[str] = frozenset()
        for path, data in (contents or {}).items():
            self.put(path, data)

    def now(self) -> int:
        """Return the time in nanoseconds since 1970."""
        return int(self._clock() * SECOND)

    def put(self, path: str, data: bytes) -> None:
        """Make a file with its directories, or replace what is in it. For tests."""
        here = ""
        for name in path.split("/")[1:-1]:
            here += f"/{name}"
            if self._find(here).node is None:
                self.make_directory(here, Attributes())
        file = self.open(path, WRITING, OpenFlag(Disposition.CREATE_TRUNCATE), Attributes())
        file.write(0, data)
        file.close()

    def get(self, path: str) -> bytes:
        """Return what is in a file. For tests."""
        return bytes(self._find(path).existing().data)

    def restricted_to(self, path: str) -> "MemoryFileSystem":
        """Return one of the same files that shows only those at and below a directory; see `IRestrict`."""
        if self.stat(path).type != FileType.DIRECTORY:
            raise fail(ENOTDIR)
        same = copy(self)
        same._within = [name for name in self.real_path(path).split("/") if name]
        return same

    def guarded_by(self, judge: Judge) -> "MemoryFileSystem":
        """Return one of the same files that follows a link only where it may; see `IGuarded`."""
        same = copy(self)
        same._judge = judge
        return same

    def detailed(self, fields: Set[str]) -> "MemoryFileSystem":
        """Return one of the same files that tells these fields as well; see `IDetails`."""
        same = copy(self)
        same._told = frozenset(fields)
        return same

    def told(self, name: str, node: Node) -> Attributes:
        """Return what is told of a file that has a name."""
        return node.detail(node.attributes(), encode(name), self._told) if self._told else node.attributes()

    # IFileSystem

    def open(self, path: str, access: int, flags: int, attributes: Attributes) -> MemoryFile:
        how = _disposition(flags)
        # "O_EXCL: … if pathname is a symbolic link, then O_CREAT fails regardless of where it points." (open(2))
        found = self._find(path, follow=how != Disposition.CREATE_NEW and not flags & OpenFlag.NOFOLLOW)
        mask, locked = mask_of(flags), opened_for(access, flags)
        self.locks.check_opening(found.node, locked, mask, truncates=how in _TRUNCATING)
        if found.node is None and how in _CREATING:
            mode = 0o666 if attributes.permissions is None else attributes.permissions
            node = found.node = self._add(found, bytearray(), mode, attributes)
        else:
            node = found.existing()
            if how == Disposition.CREATE_NEW:
                raise fail(EEXIST)
            if node.type == FileType.SYMLINK:
                raise fail(ELOOP)
            if node.type == FileType.DIRECTORY:
                raise fail(EISDIR)
            if how in _TRUNCATING:
                node.resize(0, self.now())
        return MemoryFile(
            self,
            node,
            found.name,
            access=locked,
            mask=mask,
            append=bool(flags & APPENDING),
            close=partial(self._delete_closed, found, node) if flags & OpenFlag.DELETE_ON_CLOSE else None,
        )

    def list(self, path: str) -> MemoryDirectory:
        found = self._find(path)
        node = found.existing()
        if node.type != FileType.DIRECTORY:
            raise fail(ENOTDIR)
        return MemoryDirectory(self, node, found.directory)

    def stat(self, path: str) -> Attributes:
        found = self._find(path)
        return self.told(found.name, found.existing())

    def lstat(self, path: str) -> Attributes:
        found = self._find(path, follow=False)
        return self.told(found.name, found.existing())

    def set_attributes(self, path: str, attributes: Attributes, follow: bool) -> None:
        node = self._find(path, follow=follow).existing()
        self.locks.check_resizing(None, node, len(node.content), attributes.size, attributes.allocation_size)
        node.change(attributes, self.now())

    def make_directory(self, path: str, attributes: Attributes) -> None:
        mode = 0o777 if attributes.permissions is None else attributes.permissions
        self._add(self._find(path, follow=False), {}, mode, attributes)

    def remove_directory(self, path: str) -> None:
        found = self._find(path, follow=False)
        content = found.existing().content
        if not isinstance(content, dict):
            raise fail(ENOTDIR)
        if content and found.name:
            raise fail(ENOTEMPTY)
        self._remove(found)

    def remove(self, path: str) -> None:
        found = self._find(path, follow=False)
        if found.existing().type == FileType.DIRECTORY:
            raise fail(EISDIR)
        self.locks.check_removing(found.node)
        self._remove(found)

    def rename(self, path: str, new_path: str, flags: int) -> None:
        old, new = self._find(path, follow=False), self._find_new(new_path)
        node = old.existing()
        if old.name == "":
            raise fail(EBUSY)
        if any(above is node for _, above in new.above):
            raise fail(EINVAL)
        if new.node is not None:
            if not flags & REPLACING:
                raise fail(EEXIST)
            if new.node is node:
                return
            self._check_replacing(node, new.node)
            self.locks.check_removing(new.node)
            self._remove(new)
        self._enter(new, node)
        self._remove(old)
        node.links += 1

    def real_path(self, path: str) -> str:
        above, missing = self._walk(path, True, judged=False)
        real_path = path_to(above, missing)
        return real_path if self._judge is None or self._judge(path, real_path, False) else path

    # ILinks, IHardLinks

    def read_link(self, path: str) -> str:
        target = self._find(path, follow=False).existing().content
        if not isinstance(target, str):
            raise fail(EINVAL)
        return target

    def make_symlink(self, path: str, target: str) -> None:
        if not target:
            raise fail(ENOENT)
        if b"\0" in encode(target):
            raise SFTPError(Status.INVALID_FILENAME, "The target contains a zero byte")
        self._add(self._find(path, follow=False), target, 0o777, Attributes()).mode = 0o777

    def make_hard_link(self, path: str, new_path: str) -> None:
        node = self._find(path, follow=False).existing()
        new = self._find_new(new_path)
        if new.node is not None:
            raise fail(EEXIST)
        if node.type == FileType.DIRECTORY:
            raise fail(EISDIR)
        self._enter(new, node)
        node.links += 1

    # Finding and changing names

    def _walk(self, path: str, follow: bool, *, judged: bool = True) -> tuple[Above, Names]:
        """
        Go where a path leads, through links; through the last name only if that is to be followed.

        Returns:
            Name and node of everything on the way, from the root on; and the names that are missing.
        """
        above, missing = self._walk_freely(path, follow)
        if self._within and [name for name, _ in above[1 : len(self._within) + 1]] != self._within:
            raise SFTPError(Status.PERMISSION_DENIED)
        if judged and self._judge is not None:
            real_path, node = path_to(above, missing), above[-1][1]
            folder = not follow if missing else node.type == FileType.DIRECTORY
            if real_path != path and not self._judge(path, real_path, folder):
                raise SFTPError(Status.PERMISSION_DENIED)
        return above, missing

    def _walk_freely(self, path: str, follow: bool) -> tuple[Above, Names]:
        check(path)
        encode(path)
        above = [("", self._root)]
        pending = [name for name in reversed(path.split("/")) if name]
        links = 0
        while pending:
            name = pending.pop()
            if name == "..":
                del above[max(len(above) - 1, 1) :]
                continue
            content = above[-1][1].content
            node = content.get(name) if isinstance(content, dict) else None
            if node is None:
                return above, [name, *reversed(pending)]
            if isinstance(node.content, str) and (pending or follow):
                links += 1
                if links > MAX_LINKS:
                    raise fail(ELOOP)
                if node.content.startswith("/"):
                    del above[1:]
                pending.extend(part for part in reversed(node.content.split("/")) if part not in ("", "."))
            else:
                above.append((name, node))
        return above, []

    def _find(self, path: str, *, follow: bool = True) -> "_Found":
        above, missing = self._walk(path, follow)
        if not missing:
            name, node = above.pop() if len(above) > 1 else above[0]
            return _Found(above, name, node)
        if above[-1][1].type != FileType.DIRECTORY:
            raise fail(ENOTDIR)
        if len(missing) > 1:
            raise fail(ENOENT)
        return _Found(above, missing[0], None)

    def _find_new(self, path: str) -> "_Found":
        """Return where something is to get a name; NO_SUCH_PATH if the directory is missing."""
        try:
            return self._find(path, follow=False)
        except FileNotFoundError:
            raise SFTPError(Status.NO_SUCH_PATH) from None

    def _new(self, content: Content, mode: int) -> Node:
        return Node(content, mode=mode & ~self._umask, now=self.now(), **self._ids)

    def _add(self, found: "_Found", content: Content, mode: int, attributes: Attributes) -> Node:
        if found.node is not None:
            raise fail(EEXIST)
        node = self._new(content, mode)
        if attributes.allocation_size and isinstance(content, bytearray):
            node.reserve(attributes.allocation_size, self.now())
        node.adopt(replace(attributes, permissions=None), self.now())
        self._enter(found, node)
        return node

    def _enter(self, found: "_Found", node: Node) -> None:
        if len(encode(found.name)) > _LONGEST_NAME:
            raise fail(ENAMETOOLONG)
        found.entries[found.name] = node
        found.directory.mtime = found.directory.ctime = self.now()

    def _remove(self, found: "_Found") -> None:
        if found.name == "":
            raise fail(EBUSY)
        del found.entries[found.name]
        found.existing().links -= 1
        found.directory.mtime = found.directory.ctime = self.now()

    def _delete_closed(self, found: "_Found", node: Node) -> None:
        if found.entries.get(found.name) is node:
            self._remove(found)

    @staticmethod
    def _check_replacing(node: Node, target: Node) -> None:
        """Refuse what rename(2) refuses to replace."""
        if isinstance(target.content, dict):
            if node.type != FileType.DIRECTORY:
                raise fail(EISDIR)
            if target.content:
                raise fail(ENOTEMPTY)
        elif node.type == FileType.DIRECTORY:
            raise fail(ENOTDIR)


@dataclass(slots=True)
class _Found:
    """
    Where a path leads.

    Attributes:
        above: name and node of the directories on the way, from the root on.
        name: the name in the last of them; empty for the root.
        node: what stands there, or None.
    """

    above: Above
    name: str
    node: Node | None

    @property
    def directory(self) -> Node:
        """The directory that holds the name; the root holds itself."""
        return self.above[-1][1]

    @property
    def entries(self) -> dict[str, Node]:
        """What is in that directory."""
        content = self.directory.content
        assert isinstance(content, dict)  # names are looked for in directories only
        return content

    def existing(self) -> Node:
        """Return the node, or fail."""
        if self.node is None:
            raise fail(ENOENT)
        return self.node


def _disposition(flags: int) -> Disposition:
    if flags & OpenFlag.BACKUP_STREAM:
        raise SFTPError(Status.OP_UNSUPPORTED, "Files are no backups here")
    try:
        return disposition(flags)
    except ValueError:
        raise SFTPError(Status.INVALID_PARAMETER, "Unknown way to open a file") from None
