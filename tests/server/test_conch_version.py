"""
Conch's own SFTP server and ProtocolVersion.
"""

from typing import Any

from twisted.conch.ssh.common import NS
from twisted.conch.ssh.filetransfer import FileTransferClient, FileTransferServer
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE


class Client(FileTransferClient):
    """Remembers what it is told."""

    def gotServerVersion(self, serverVersion: int, extData: dict[bytes, bytes]) -> None:
        self.told = serverVersion, extData


class VersionTests(SynchronousTestCase):
    """Conch's server and client, with our avatar between."""

    def setUp(self) -> None:
        avatar: Any = SFTPAvatar("alice", files=MemoryFileSystem({"/a": b"0123456789"}))
        avatar.settings = Settings(TABLE, protocol_version=6)
        self.server, self.client = FileTransferServer(avatar=avatar), Client()
        self.up, self.down = StringTransport(), StringTransport()
        self.server.makeConnection(self.down)
        self.client.makeConnection(self.up)
        self.pump()

    def pump(self) -> None:
        """Carry bytes until nothing moves."""
        while self.up.value() or self.down.value():
            asked, told = self.up.value(), self.down.value()
            self.up.clear()
            self.down.clear()
            self.server.dataReceived(asked)
            self.client.dataReceived(told)

    def test_version(self) -> None:
        """It speaks version 3, whatever is set, and tells of no other one nor of what belongs to it."""
        version, pairs = self.client.told
        self.assertEqual(version, 3)
        self.assertIn(b"posix-rename@openssh.com", pairs)
        self.assertEqual({b"versions", b"newline", b"supported", b"supported2", b"vendor-id"} & set(pairs), set())

    def test_choice(self) -> None:
        """To choose another version is refused, also as the first request, and all goes on."""
        for version in (b"6", b"3", b"x"):
            asking = self.client.extendedRequest(b"version-select", NS(version))
            self.pump()
            self.failureResultOf(asking, NotImplementedError)
        asking = self.client.getAttrs(b"a")
        self.pump()
        self.assertEqual(self.successResultOf(asking)["size"], 10)
