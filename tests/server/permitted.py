"""
Help for the tests of permissions: a real folder, and sessions of a user who may do some things in it.
"""

import os
from typing import Any

from twisted.logger import formatEvent, globalLogPublisher

from conchsftp.errors import SFTPError
from conchsftp.files.local import LocalFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition, OpenFlag
from conchsftp.sftp.replies import StatusReply
from conchsftp.sftp.statuses import Status
from conchsftp.testing import MemorySession
from tests.files.support import inline_workers
from tests.session.versions_case import SpokenCase

NONE = Attributes()
OK, MISSING, DENIED = Status.OK, Status.NO_SUCH_FILE, Status.PERMISSION_DENIED


class Case(SpokenCase):
    """A real folder, and sessions that see it."""

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        for path in ("incoming", "secret/deep", "pub", "home"):
            os.makedirs(f"{self.root}/{path}")
        for path in ("secret/s", "secret/deep/s", "pub/p", "incoming/old", "home/h", "top"):
            with open(f"{self.root}/{path}", "w") as file:
                file.write(path)
        self.told: list[str] = []
        self.addCleanup(globalLogPublisher.removeObserver, self.note)
        globalLogPublisher.addObserver(self.note)

    def note(self, event: Any) -> None:
        """Note a line of the log."""
        self.told.append(formatEvent(event))

    def files(self, **options: Any) -> Any:
        """The folder as a file system."""
        return LocalFileSystem(self.root, workers=inline_workers(), **options)

    def begin(self, permissions: Any, *, files: Any = None, **options: Any) -> MemorySession:
        """Begin a session of a user."""
        user = SFTPAvatar("user", files=self.files() if files is None else files, permissions=permissions)
        self.session = self.log_in(user, **options)
        return self.session

    def status(self, request: Any) -> int:
        """How a request is answered."""
        reply = self.session.request(request)
        return reply.status if isinstance(reply, StatusReply) else OK

    def names(self, path: str) -> list[str]:
        """What a listing has, or how it is refused."""
        try:
            entries = self.session.listing(path)
        except SFTPError as problem:
            return [Status(problem.status).name]
        return sorted(entry.name.decode() for entry in entries if entry.name not in (b".", b".."))

    def put(self, path: str, how: Disposition = Disposition.CREATE_TRUNCATE) -> int:
        """How an upload ends."""
        return self.status(open_file(path, Access.WRITE_DATA, how))

    def get(self, path: str) -> Any:
        """What is in a file, or how it is refused."""
        try:
            return self.session.get(path)
        except SFTPError as problem:
            return problem.status


def open_file(path: str, access: Access, how: Disposition = Disposition.OPEN_EXISTING) -> Any:
    """OPEN."""
    return requests.Open(path=path.encode(), access=access, flags=OpenFlag(how), attributes=NONE)


def lstat(path: str) -> Any:
    """LSTAT."""
    return requests.LStat(path=path.encode())


def stat(path: str) -> Any:
    """STAT."""
    return requests.Stat(path=path.encode())


def rename(path: str, new_path: str, kind: Any = requests.Rename) -> Any:
    """RENAME."""
    return kind(path=path.encode(), new_path=new_path.encode())
