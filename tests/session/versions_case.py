"""
Sessions of every version, over a folder and in memory, with the same files.
"""

import os
from collections.abc import Iterable, Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.server.service import SFTPServer
from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import VERSIONS, Access, Disposition, OpenFlag
from conchsftp.sftp.replies import StatusReply
from conchsftp.sftp.statuses import Status, lower
from conchsftp.testing import MemorySession, memory_server

NONE = Attributes()
READS, WRITES, BOTH = Access.READ_DATA, Access.WRITE_DATA, Access.READ_DATA | Access.WRITE_DATA
OLD = OpenFlag(Disposition.OPEN_EXISTING)


class VersionsCase(SynchronousTestCase):
    """
    Sessions of every version.

    Attributes:
        session: the one that was begun last.
        on_disk: whether its files are.
        root: the folder of those that are on disk.
        memory: the file system of the others.
    """

    on_disk = False
    files = {"/file": b"0123456789", "/full/inner": b"inner"}
    directories = ("/empty",)
    links = {"/link": "file", "/loop": "loop", "/dangling": "none", "/to_full": "full"}

    def sessions(self, versions: Iterable[int] = VERSIONS, **settings: Any) -> Iterator[MemorySession]:
        """Yield a session of each version, in memory and on disk, each with files of its own."""
        for version in versions:
            for self.on_disk in (False, True):
                yield self.begin(version, **settings)

    def begin(self, version: int, *, files: Any = None, permissions: Any = None, **settings: Any) -> MemorySession:
        """Begin a session."""
        on_disk = self.on_disk and files is None and permissions is None
        options = {"version": version, "protocol_version": 6, **settings}
        if on_disk:
            self.make_root()
            options |= {"root_directory": self.root, "file_threads": "inline"}
            self.session = MemorySession(**options)
        else:
            self.memory = files or self.in_memory()
            avatar = SFTPAvatar("user", files=self.memory, permissions=permissions)
            self.session = MemorySession(avatar, **options)
        self.assertEqual(self.session.version, version)
        return self.session

    def in_memory(self) -> MemoryFileSystem:
        """Make the files in memory."""
        made = MemoryFileSystem(self.files)
        for path in self.directories:
            made.make_directory(path, NONE)
        for path, target in self.links.items():
            made.make_symlink(path, target)
        return made

    def make_root(self) -> None:
        """Make the files on disk."""
        self.root = self.mktemp()
        for path in ("", *self.directories):
            os.makedirs(self.root + path)
        for path, data in self.files.items():
            os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
            with open(self.root + path, "wb") as file:
                file.write(data)
        for path, target in self.links.items():
            os.symlink(target, self.root + path)

    def status(self, request: Any) -> int:
        """Ask, and return how it went."""
        reply = self.session.request(request)
        return reply.status if isinstance(reply, StatusReply) else 0

    def check(self, request: Any, *statuses: int) -> None:
        """Check how a request goes: by one status, or by one for each of the versions 3 to 6."""
        found, expected = self.status(request), statuses[self.session.version - 3 if len(statuses) > 1 else 0]
        self.assertEqual(found, expected, (self.session.version, self.on_disk, request))

    def open(self, path: bytes = b"/file", access: Access = BOTH, flags: OpenFlag = OLD) -> bytes:
        """Open a file and return its handle."""
        reply: Any = self.session.request(opening(path, access, flags))
        handle: bytes = reply.handle
        return handle

    def open_directory(self, path: bytes = b"/") -> bytes:
        """Open a directory and return its handle."""
        reply: Any = self.session.request(requests.OpenDir(path=path))
        handle: bytes = reply.handle
        return handle


class SpokenCase(SynchronousTestCase):
    """
    Sessions from the login on, in one version: that of `versions.in_versions`.

    Attributes:
        version: of the protocol.
    """

    version = 3

    def make_server(self, avatar: Any = None, **options: Any) -> SFTPServer:
        """Make a server that speaks up to the version."""
        return memory_server(avatar, **{"protocol_version": self.version, **options})

    def log_in(self, avatar: Any = None, *, server: SFTPServer | None = None, **options: Any) -> MemorySession:
        """Begin a session, with a server of its own unless there is one."""
        session = MemorySession(server=server or self.make_server(avatar, **options), version=self.version)
        # A server that was made elsewhere may not have been told to speak it.
        self.assertEqual(session.version, self.version)
        return session

    def symlink(self, path: str, target: str) -> Any:
        """Return what makes a symbolic link: LINK took the place of SYMLINK."""
        names = {"path": path.encode(), "target": target.encode()}
        return requests.Link(**names, symbolic=True) if self.version == 6 else requests.SymLink(**names)

    def lowered(self, status: Status) -> Status:
        """Return what the version says for a status."""
        return lower(status, self.version)


def opening(path: bytes, access: Access = BOTH, flags: OpenFlag = OLD, attributes: Attributes = NONE) -> Any:
    """Return an OPEN."""
    return requests.Open(path=path, access=access, flags=flags, attributes=attributes)
