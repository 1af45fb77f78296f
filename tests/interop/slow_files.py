"""
A server whose files are slow where their path begins with `/slow`, for `twistd -ny`.

What it serves and where it listens is told by the environment. Everything is public API of the product.
"""

import gc
import os
import resource
from collections.abc import Callable
from typing import Any

from twisted.application.service import Application
from twisted.internet import reactor
from twisted.internet.task import deferLater
from zope.interface import alsoProvides, implementer, providedBy

from conchsftp import SFTPServer
from conchsftp.interfaces import IDirectory, IFile, IFileSystem, IReadInto, IWriteFrom

BYTES_PER_SECOND = 1 << 20
LIST_SECONDS = 0.02


class Disk:
    """Does one thing after the other, so many bytes in a second."""

    def __init__(self) -> None:
        self._free = 0.0

    def move(self, size: int, work: Callable[..., Any], *args: Any) -> Any:
        """Return a Deferred of what the work returns when the disk has moved so many bytes."""
        return self.take(size / BYTES_PER_SECOND, work, *args)

    def take(self, seconds: float, work: Callable[..., Any], *args: Any) -> Any:
        """Return a Deferred of what the work returns when the disk has been busy for so long."""
        now = reactor.seconds()
        self._free = max(self._free, now) + seconds
        return deferLater(reactor, self._free - now, work, *args)


class _Wrapper:
    def __init__(self, inner: Any, disk: Disk) -> None:
        self._inner = inner
        self._disk = disk
        alsoProvides(self, *(each for each in providedBy(inner) if each not in (IReadInto, IWriteFrom)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@implementer(IFile)
class SlowFile(_Wrapper):
    """A file that is read and written at the speed of the disk."""

    def read(self, offset: int, length: int) -> Any:
        return self._disk.move(length, self._inner.read, offset, length)

    def write(self, offset: int, data: bytes) -> Any:
        return self._disk.move(len(data), self._inner.write, offset, bytes(data))


@implementer(IDirectory)
class SlowDirectory(_Wrapper):
    """A directory whose entries come one by one."""

    def read(self, count: int) -> Any:
        return self._disk.take(LIST_SECONDS, self._inner.read, 1)


@implementer(IFileSystem)
class SlowFiles(_Wrapper):
    """Another file system, in which some paths are slow."""

    def open(self, path: str, access: int, flags: int, attributes: Any) -> Any:
        opened = self._inner.open(path, access, flags, attributes)
        return self._slowed(opened, SlowFile) if path.startswith("/slow") else opened

    def list(self, path: str) -> Any:
        opened = self._inner.list(path)
        return self._slowed(opened, SlowDirectory) if path.startswith("/slow") else opened

    def stat(self, path: str) -> Any:
        if path.startswith("/slow"):
            return self._disk.take(LIST_SECONDS, self._inner.stat, path)
        return self._inner.stat(path)

    async def _slowed(self, opened: Any, wrapper: Callable[..., Any]) -> Any:
        # The inner one may be slow in earnest, too.
        return wrapper(await opened if hasattr(opened, "__await__") else opened, self._disk)


class SlowServer(SFTPServer):
    """Gives every user a disk of their own, in the same folder."""

    async def make_avatar(self, user_name: str) -> Any:
        avatar = await super().make_avatar(user_name)
        avatar.files = SlowFiles(avatar.files, Disk())
        return avatar


# The tests have thousands of files open.
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
application = Application("slow")
server = SlowServer(
    root_directory=os.environ["SERVED_ROOT"],
    listen=[os.environ["SERVED_AT"]],
    host_keys=[os.environ["HOST_KEY"]],
    users=os.environ["USERS_FILE"],
)
server.setServiceParent(application)
# As `twistd sftpserver` does: no garbage collection looks at what is loaded.
reactor.callWhenRunning(gc.freeze)
