"""
Help for the tests of known mistakes: a client's packets in a session from its login on, on either file system.

Everything between the packets and the disk is the real thing; only the socket, the clock and the threads are not.
"""

import os
from struct import unpack_from
from typing import Any

from conchsftp.files.local import LocalFileSystem
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp.statuses import Status
from conchsftp.testing import MemorySession, memory_server
from tests.files.case import FileSystemCase
from tests.files.support import inline_workers
from tests.session.support import CLOSE, SessionCase, opening, request, string
from tests.session.versions import Interpreter

OPENSSH = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3"


class Wire:
    """
    A session that is given packets and returns packets.

    Args:
        memory: the session, from its login on. The test speaks version 3 with it, whatever it speaks itself.
    """

    def __init__(self, memory: MemorySession) -> None:
        self.memory = memory
        self.client = memory.client
        self.channel = memory.channel
        self.clock = memory.clock
        self._interpreter = Interpreter(memory.version)

    def literal(self) -> None:
        """Let packets pass as they are, in both directions."""
        self._interpreter = Interpreter(3)

    def ask(self, *packets: bytes) -> list[bytes]:
        """Send packets in one piece and return those that came meanwhile, without their lengths."""
        self.channel.send(b"".join(map(self._interpreter.to_server, packets)))
        return self.replies()

    def replies(self) -> list[bytes]:
        """Return the packets that came since the last time."""
        self.client.pump()
        return list(map(self._interpreter.to_test, self.memory.packets()))


class WireCase(FileSystemCase, SessionCase):
    """
    A server, and a session with it.

    Attributes:
        files: the file system that the user sees, to be looked at from outside the session.
        server: the server; every session that begins is with it.
        session: the first session.
    """

    settings: dict[str, Any] = {}

    def setUp(self) -> None:
        self.files = self.make_files()
        self.server = self.make_server(**self.settings)
        self.session: Any = self.begin()

    def make_files(self) -> Any:
        """Make the file system."""
        return MemoryFileSystem(umask=0o022)

    def make_server(self, **settings: Any) -> Any:
        """Make a server for the file system."""
        settings = {"protocol_version": self.version, **settings}
        return memory_server(SFTPAvatar("user", files=self.files), **settings)

    def begin(self, *, version: int | None = None, client: bytes = OPENSSH, server: Any = None, **options: Any) -> Any:
        """
        Log in and open the sftp subsystem.

        Args:
            version: of the protocol, the client's highest; else that of the test.
            client: what it calls itself.
            server: another server than the test's own.
            options: those of `MemorySession`.
        """
        named = {"version": client, **options.pop("client_options", {})}
        memory = MemorySession(server=server or self.server, version=version or self.version, client=named, **options)
        # A test that makes a server of its own must not speak version 3 in all of them.
        assert version is not None or memory.version == self.version, "the server has another version than the test"
        return Wire(memory)

    def close(self, handle: bytes) -> None:
        """Close what is open."""
        self.assert_status(self.one(request(CLOSE, 0, string(handle))), Status.OK)

    def open(self, path: bytes, pflags: int, *attributes: bytes) -> bytes:
        """Open a file and return the handle."""
        return self.opened(opening(path, 0, pflags, *attributes))

    def text(self, reply: bytes) -> str:
        """Return the text of a STATUS reply."""
        (size,) = unpack_from(">I", reply, 9)
        return reply[13 : 13 + size].decode("utf-8")


class LocalWireCase(WireCase):
    """
    The same on a folder of the disk.

    Attributes:
        root: the place of the folder.
    """

    def make_files(self) -> Any:
        self.root = os.path.abspath(self.mktemp())
        os.mkdir(self.root)
        return LocalFileSystem(self.root, workers=inline_workers(), umask=0o022)

    def make_server(self, **settings: Any) -> Any:
        settings = {"file_threads": "inline", "umask": 0o022, "protocol_version": self.version, **settings}
        return memory_server(root_directory=self.root, **settings)
