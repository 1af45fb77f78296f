"""A file system of your own: files that are computed when they are opened. `twistd -ny live.py`."""

import time
from errno import ENOENT, ENOTDIR

from twisted.application.service import Application
from zope.interface import implementer

from conchsftp import SFTPAvatar, SFTPError, SFTPServer, Status
from conchsftp.interfaces import IDirectory, IFile, IFileSystem
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType


def refuse(*request):
    """Refuse what would change something."""
    raise SFTPError(Status.PERMISSION_DENIED, "these files are computed")


@implementer(IFile)
class Snapshot:
    """A file as it was when it was opened."""

    write = set_attributes = refuse

    def __init__(self, content):
        self.content = content
        self.made = int(time.time())

    def read(self, offset, length):
        return self.content[offset : offset + length]

    def stat(self):
        size = len(self.content)
        return Attributes(type=FileType.REGULAR, permissions=0o444, size=size, atime=self.made, mtime=self.made)

    def close(self):
        pass


@implementer(IDirectory)
class Listing:
    """The one folder."""

    set_attributes = refuse

    def __init__(self, entries):
        self.entries = entries

    def read(self, count):
        given, self.entries = self.entries[:count], self.entries[count:]
        return given

    def stat(self):
        return Attributes(type=FileType.DIRECTORY, permissions=0o555)

    def close(self):
        pass


@implementer(IFileSystem)
class LiveFiles:
    """
    One folder of files without a disk.

    Args:
        sources: name → a function that returns the content, or a Deferred or coroutine of it.
    """

    make_directory = remove_directory = remove = rename = set_attributes = refuse

    def __init__(self, sources):
        self.sources = sources

    async def open(self, path, access, flags, attributes):
        content = self._source(path)()
        return Snapshot(await content if hasattr(content, "__await__") else content)

    async def list(self, path):
        if path != "/":
            raise OSError(ENOTDIR, "")
        return Listing([(name, await self.stat(f"/{name}")) for name in self.sources])

    async def stat(self, path):
        return Listing([]).stat() if path == "/" else (await self.open(path, 0, 0, None)).stat()

    lstat = stat

    def real_path(self, path):
        return path

    def _source(self, path):
        try:
            return self.sources[path[1:]]
        except KeyError:
            raise OSError(ENOENT, "") from None


class Live(SFTPServer):
    """Gives every user the same folder."""

    def make_avatar(self, user_name):
        now = {"time.txt": lambda: time.ctime().encode(), "user.txt": user_name.encode}
        return SFTPAvatar(user_name, files=LiveFiles(now), read_only=True)


application = Application("live")
server = Live(listen=["tcp:2222:interface=127.0.0.1"], host_keys=["host_key"], users="users.toml")
server.setServiceParent(application)
