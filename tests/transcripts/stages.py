"""
Where transcripts are played: a server in memory with a file system, and a look into the files behind its back.
"""

import os
from stat import S_IMODE
from typing import Any

from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType
from conchsftp.testing import MemoryReactor, MemoryThreads, memory_server
from tests.transcripts.notation import FOLDER, GONE, File, Folder, Link, Nothing, Thing


class Stage:
    """
    A server, and its files.

    Args:
        case: the test, which makes temporary folders.
        settings: of the server.

    Attributes:
        server: whom the client talks to.
        pipe: options of `MemoryPipe`: how bytes get there.
    """

    server: Any
    pipe: dict[str, int] = {}

    def begin(self) -> None:
        """The login is over."""

    def settle(self) -> bool:
        """Get something done that waits; return whether there was anything."""
        return False

    def make(self, path: str, thing: Thing) -> None:
        """Put something there; folders on the way are made."""
        raise NotImplementedError

    def look(self, path: str) -> Thing:
        """Return what is there."""
        raise NotImplementedError


class MemoryStage(Stage):
    """Files in memory."""

    def __init__(self, case: Any, **settings: Any) -> None:
        self.files = MemoryFileSystem()
        self.reactor = MemoryReactor()
        self.server = memory_server(SFTPAvatar("user", files=self.files), reactor=self.reactor, **settings)

    def settle(self) -> bool:
        """Long work on files of this kind gives way to others after each piece."""
        due = any(call.getTime() <= self.reactor.seconds() for call in self.reactor.getDelayedCalls())
        self.reactor.advance(0)
        return due

    def make(self, path: str, thing: Thing) -> None:
        for above in _above(path):
            if isinstance(self.look(above), Nothing):
                self.files.make_directory(above, Attributes())
        if isinstance(thing, Folder):
            self.files.make_directory(path, Attributes())
        elif isinstance(thing, Link):
            self.files.make_symlink(path, thing.target)
        else:
            file = _file(thing)
            self.files.put(path, file.data)
            times = {} if file.mtime is None else {"atime": file.mtime, "mtime": file.mtime}
            self.files.set_attributes(path, Attributes(permissions=file.mode, **times), True)

    def look(self, path: str) -> Thing:
        try:
            seen = self.files.lstat(path)
        except FileNotFoundError:
            return GONE
        if seen.type == FileType.DIRECTORY:
            return FOLDER
        if seen.type == FileType.SYMLINK:
            return Link(self.files.read_link(path))
        return File(data=self.files.get(path), mode=seen.permissions, mtime=seen.mtime)


class LocalStage(Stage):
    """
    Files in a temporary folder, served as `twistd sftpserver` serves one.

    Attributes:
        options: settings of the server.
    """

    options: dict[str, Any] = {}

    def __init__(self, case: Any, **settings: Any) -> None:
        self.root = os.path.abspath(case.mktemp())
        os.mkdir(self.root)
        os.chmod(self.root, 0o755)
        reactor = MemoryReactor()
        self.threads = reactor.threads = _LastFirst()
        self.server = memory_server(root_directory=self.root, umask=0o022, reactor=reactor, **self.options, **settings)

    def make(self, path: str, thing: Thing) -> None:
        place = self._place(path)
        for above in _above(path):
            self._make_folder(self._place(above))
        if isinstance(thing, Folder):
            self._make_folder(place)
        elif isinstance(thing, Link):
            os.symlink(thing.target, place)
        else:
            file = _file(thing)
            with open(place, "wb") as new:
                new.write(file.data)
            os.chmod(place, 0o644 if file.mode is None else file.mode)
            if file.mtime is not None:
                os.utime(place, (file.mtime, file.mtime))

    def look(self, path: str) -> Thing:
        place = self._place(path)
        if os.path.islink(place):
            return Link(os.readlink(place))
        if os.path.isdir(place):
            return FOLDER
        if not os.path.lexists(place):
            return GONE
        seen = os.lstat(place)
        with open(place, "rb") as file:
            return File(data=file.read(), mode=S_IMODE(seen.st_mode), mtime=int(seen.st_mtime))

    def _make_folder(self, place: str) -> None:
        if not os.path.isdir(place):
            os.mkdir(place)
            # Whatever the umask is that the tests run with.
            os.chmod(place, 0o755)

    def _place(self, path: str) -> str:
        return self.root + path


class NarrowStage(LocalStage):
    """A folder at the end of a line that brings a few bytes at a time, and takes a few."""

    pipe = {"chunk": 1009, "room": 3001}


class SlowStage(LocalStage):
    """
    A folder on a slow disk: every call waits in a thread, and of those that wait the last one is done first.

    What depends on the order in which a client has asked must have been put into that order before.
    """

    options = {"file_threads": "threads"}

    def begin(self) -> None:
        self.threads.hold = True

    def settle(self) -> bool:
        waiting = bool(self.threads)
        if waiting:
            self.threads.finish()
        return waiting


class _LastFirst(MemoryThreads):
    def finish(self) -> None:
        self._held.rotate(1)
        super().finish()


STAGES = {"in_memory": MemoryStage, "on_disk": LocalStage, "on_a_slow_disk": SlowStage, "on_a_narrow_line": NarrowStage}


def differs(found: Thing, wanted: Thing) -> str:
    """Say what is not as it should be; empty if nothing is."""
    wanted = _file(wanted) if isinstance(wanted, bytes) else wanted
    if not isinstance(found, File) or not isinstance(wanted, File):
        return "" if found == wanted else f"{found} instead of {wanted}"
    if found.data != wanted.data:
        at = next((n for n, (a, b) in enumerate(zip(found.data, wanted.data, strict=False)) if a != b), None)
        return f"{len(found.data)} bytes instead of {len(wanted.data)}, the first wrong one at {at}"
    if wanted.mode is not None and found.mode != wanted.mode:
        return f"mode {found.mode or 0:o} instead of {wanted.mode:o}"
    if wanted.mtime is not None and found.mtime != wanted.mtime:
        return f"of {found.mtime} instead of {wanted.mtime}"
    return ""


def _file(thing: Thing) -> File:
    assert isinstance(thing, bytes | File), thing
    return File(data=thing) if isinstance(thing, bytes) else thing


def _above(path: str) -> list[str]:
    """Return the folders on the way, the uppermost first, without the root."""
    parts = path.split("/")[1:-1]
    return ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]
