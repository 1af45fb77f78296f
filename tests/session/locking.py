"""
Help for the tests of locks: sessions of one server, and their requests.
"""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition, OpenFlag
from conchsftp.sftp.replies import StatusReply
from conchsftp.sftp.statuses import Status, lower
from conchsftp.testing import MemorySession, memory_server

READ, WRITE = Access.READ_DATA, Access.WRITE_DATA
BOTH = READ | WRITE
OLD, NEW, EMPTY = (
    OpenFlag(each) for each in (Disposition.OPEN_EXISTING, Disposition.CREATE_NEW, Disposition.TRUNCATE_EXISTING)
)
NO_READ, NO_WRITE, NO_DELETE = OpenFlag.BLOCK_READ, OpenFlag.BLOCK_WRITE, OpenFlag.BLOCK_DELETE
ADVISORY = OpenFlag.BLOCK_ADVISORY
ALONE = NO_READ | NO_WRITE
REFUSED, CONFLICT = Status.BYTE_RANGE_LOCK_REFUSED, Status.BYTE_RANGE_LOCK_CONFLICT


class LockCase(SynchronousTestCase):
    """Help."""

    def serve(self, files: Any = None, **settings: Any) -> Any:
        """Return a server for everybody's same files."""
        self.files = MemoryFileSystem({"/a": b"0123456789"}) if files is None else files
        self.avatar = SFTPAvatar("user", files=self.files)
        self.server = memory_server(self.avatar, protocol_version=6, **settings)
        return self.server

    def session(self, version: int = 6) -> MemorySession:
        """Begin a session with the server."""
        return MemorySession(server=self.server, version=version)

    def ask(self, session: MemorySession, request: Any, status: Status = Status.OK) -> Any:
        """Ask, and check the answer."""
        reply = session.request(request)
        found = reply.status if isinstance(reply, StatusReply) else Status.OK
        self.assertEqual(found, lower(status, session.version), (request, reply))
        return reply

    def open(
        self, session: MemorySession, access: Any = BOTH, flags: Any = OLD, status: Status = Status.OK, path: str = "/a"
    ) -> Any:
        """Open a file; return its handle."""
        request = requests.Open(path=path.encode(), access=access, flags=flags, attributes=Attributes())
        reply = self.ask(session, request, status)
        return reply.handle if status == Status.OK else b""

    def lock(
        self, session: Any, handle: bytes, offset: int, length: int, mask: Any = ALONE, status: Status = Status.OK
    ) -> None:
        """Send BLOCK."""
        self.ask(session, requests.Block(handle=handle, offset=offset, length=length, mask=mask), status)

    def unlock(self, session: Any, handle: bytes, offset: int, length: int, status: Status = Status.OK) -> None:
        """Send UNBLOCK."""
        self.ask(session, requests.Unblock(handle=handle, offset=offset, length=length), status)

    def write(self, session: Any, handle: bytes, offset: int, status: Status = Status.OK) -> None:
        """Send WRITE of one byte."""
        self.ask(session, requests.Write(handle=handle, offset=offset, data=[b"x"]), status)
