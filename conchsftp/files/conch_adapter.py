"""
An application's `ISFTPServer` of Twisted Conch as a file system of ours.

So what was written for Conch's own SFTP server is served by this one, with its events, limits and speed. What Conch's
interface has no word for (hard links, free space, syncing, server-side copies) is not an ability. Source:
twisted.conch.interfaces, ISFTPServer and ISFTPFile.
"""

from collections.abc import Iterator
from typing import Any
from weakref import WeakSet

from zope.interface import implementer

from conchsftp.errors import SFTPError
from conchsftp.files.conch_values import from_conch, result_of, to_bytes, to_conch, to_text
from conchsftp.interfaces import IDirectory, IExtendedRequests, IFile, IFileSystem, ILinks
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import BLOCKING, REPLACING, FileType, OpenFlag
from conchsftp.sftp.open_mode import to_pflags
from conchsftp.sftp.statuses import Status, status_of_errno

# What the interface has no word for, and a client must not be told that it was done.
_BEYOND = BLOCKING | OpenFlag.NOFOLLOW | OpenFlag.DELETE_ON_CLOSE
_MISSING = (Status.NO_SUCH_FILE, Status.NO_SUCH_PATH, Status.NOT_A_DIRECTORY)


@implementer(IFileSystem, ILinks, IExtendedRequests)
class ConchFileSystem:
    """
    The files of a Conch `ISFTPServer`.

    Its paths are bytes, absolute and without `..`: relative ones have been resolved.

    Args:
        server: provides `ISFTPServer`.
    """

    file_abilities = ()

    def __init__(self, server: Any) -> None:
        self._server = server
        self._open: WeakSet[ConchFile] = WeakSet()

    async def open(self, path: str, access: int, flags: int, attributes: Attributes) -> "ConchFile":
        if flags & _BEYOND:
            raise SFTPError(Status.OP_UNSUPPORTED, "Files cannot be opened so here")
        # Text is translated by who asks.
        pflags = int(to_pflags(access, flags & ~OpenFlag.TEXT_MODE))
        opened = await result_of(self._server.openFile, to_bytes(path), pflags, to_conch(attributes))
        file = ConchFile(self, path, opened)
        self._open.add(file)
        return file

    async def list(self, path: str) -> "ConchDirectory":
        return ConchDirectory(self, path, await result_of(self._server.openDirectory, to_bytes(path)))

    async def stat(self, path: str) -> Attributes:
        return from_conch(await result_of(self._server.getAttrs, to_bytes(path), True))

    async def lstat(self, path: str) -> Attributes:
        return from_conch(await result_of(self._server.getAttrs, to_bytes(path), False))

    async def set_attributes(self, path: str, attributes: Attributes, follow: bool) -> None:
        if not follow and (await self.lstat(path)).type == FileType.SYMLINK:
            raise SFTPError(Status.OP_UNSUPPORTED, "The attributes of a link cannot be changed")
        await result_of(self._server.setAttrs, to_bytes(path), to_conch(attributes))

    async def make_directory(self, path: str, attributes: Attributes) -> None:
        await result_of(self._server.makeDirectory, to_bytes(path), to_conch(attributes))

    async def remove_directory(self, path: str) -> None:
        await result_of(self._server.removeDirectory, to_bytes(path))

    async def remove(self, path: str) -> None:
        await result_of(self._server.removeFile, to_bytes(path))

    async def rename(self, path: str, new_path: str, flags: int) -> None:
        # The interface does not say what happens to an existing target, and Conch's own backend replaces it. Somebody
        # else may still make one between these two calls.
        if not flags & REPLACING and await self._exists(new_path):
            raise SFTPError(Status.FILE_ALREADY_EXISTS)
        await result_of(self._server.renameFile, to_bytes(path), to_bytes(new_path))
        for file in self._open:
            if f"{file.path}/".startswith(f"{path}/"):
                file.path = new_path + file.path[len(path) :]

    async def real_path(self, path: str) -> str:
        return to_text(await result_of(self._server.realPath, to_bytes(path)))

    async def read_link(self, path: str) -> str:
        return to_text(await result_of(self._server.readLink, to_bytes(path)))

    async def make_symlink(self, path: str, target: str) -> None:
        await result_of(self._server.makeLink, to_bytes(path), to_bytes(target))

    def extensions(self, version: int, offered: dict[bytes, bytes]) -> dict[bytes, bytes]:
        return dict(self._server.gotVersion(version, offered) or {})

    async def extended_request(self, name: bytes, data: bytes) -> bytes:
        return to_bytes(await result_of(self._server.extendedRequest, name, data))

    async def _exists(self, path: str) -> bool:
        try:
            await self.lstat(path)
        except (SFTPError, OSError) as problem:
            status = problem.status if isinstance(problem, SFTPError) else status_of_errno(problem.errno)
            if status in _MISSING:
                return False
            raise
        return True


@implementer(IFile)
class ConchFile:
    """
    An open file of a Conch `ISFTPServer`.

    Args:
        files: the file system that it belongs to.
        path: the file; follows its renames.
        opened: provides `ISFTPFile`.
    """

    def __init__(self, files: ConchFileSystem, path: str, opened: Any) -> None:
        self._files = files
        self.path = path
        self._opened = opened

    async def read(self, offset: int, length: int) -> bytes:
        pieces = []
        while length:
            try:
                # "The actual amount returned may less than this": to clients that would be the end of the file.
                piece = to_bytes(await result_of(self._opened.readChunk, offset, length))[:length]
            except SFTPError as problem:
                if problem.status != Status.EOF:
                    raise
                break
            if not piece:
                break
            pieces.append(piece)
            offset += len(piece)
            length -= len(piece)
        return b"".join(pieces)

    async def write(self, offset: int, data: bytes) -> None:
        await result_of(self._opened.writeChunk, offset, data)

    async def stat(self) -> Attributes:
        return from_conch(await result_of(self._opened.getAttrs))

    async def set_attributes(self, attributes: Attributes) -> None:
        try:
            await result_of(self._opened.setAttrs, to_conch(attributes))
        except SFTPError as problem:
            # Conch's own backend has it for paths alone, and clients set mode and time of what they have uploaded.
            if problem.status != Status.OP_UNSUPPORTED:
                raise
            # That backend takes no notice of a size. lftp names the one that the file has.
            if attributes.size is not None and (await self.stat()).size != attributes.size:
                raise
            await self._files.set_attributes(self.path, attributes, True)

    async def close(self) -> None:
        await result_of(self._opened.close)


@implementer(IDirectory)
class ConchDirectory:
    """
    An open directory of a Conch `ISFTPServer`.

    Args:
        files: the file system that it belongs to.
        path: the directory.
        opened: yields (name, long name, attributes), or Deferreds of them.
    """

    def __init__(self, files: ConchFileSystem, path: str, opened: Any) -> None:
        self._files = files
        self._path = path
        self._opened = opened
        self._entries: Iterator[Any] = iter(opened)

    async def read(self, count: int) -> list[tuple[str, Attributes]]:
        entries: list[tuple[str, Attributes]] = []
        while len(entries) < count:
            entry = await result_of(next, self._entries, None)
            if entry is None:
                break
            name, _, attributes = entry
            entries.append((to_text(name), from_conch(attributes)))
        return entries

    async def stat(self) -> Attributes:
        return await self._files.stat(self._path)

    async def set_attributes(self, attributes: Attributes) -> None:
        await self._files.set_attributes(self._path, attributes, True)

    async def close(self) -> None:
        await result_of(self._opened.close)
