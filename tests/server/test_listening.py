"""
The server on real ports.

These tests need the reactor: what they prove is that ports open and close, and that connections of Twisted's own TCP
transport are served straight from the buffers of the SSH layer. Everything else is tested in memory.
"""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.conch.ssh.filetransfer import FXF_CREAT, FXF_READ, FXF_WRITE, FileTransferClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from conchsftp.auth.realm import SFTPRealm
from conchsftp.errors import ServerError
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.server.service import SFTPServer
from conchsftp.server.sockets import DirectServer
from conchsftp.ssh.keys.host_keys import HostKey, HostKeys
from tests.ssh.test_conch_client import Client

CONTENT = bytes(range(256)) * 8192


class LostClient(Client):
    """A client that tells when its connection is over."""

    def __init__(self, ready: "Deferred[FileTransferClient]") -> None:
        super().__init__(ready)
        self.lost: Deferred[None] = Deferred()

    def connectionLost(self, reason: object = None) -> None:
        super().connectionLost(reason)
        self.lost.callback(None)


class ListeningTests(TestCase):
    """Servers on loopback, and Conch's client."""

    timeout = 60

    def setUp(self) -> None:
        self.files = MemoryFileSystem({"/f": CONTENT})

    def server(self, listen: str = "tcp:0:interface=127.0.0.1", **options: Any) -> SFTPServer:
        """Return a server that is stopped after the test."""
        server = SFTPServer(
            reactor=reactor,
            host_keys=HostKeys([HostKey(Ed25519PrivateKey.generate())]),
            one_time_user=("user", "password"),
            realm=SFTPRealm(lambda user: SFTPAvatar(user, files=self.files)),
            listen=[listen],
            algorithm_profile="compatible",
            **options,
        )
        self.addCleanup(lambda: server.stopService() if server.running else server.shutdown())
        return server

    @inlineCallbacks
    def connect(self, server: SFTPServer) -> Any:
        """Return Conch's client, logged in."""
        ready: Deferred[FileTransferClient] = Deferred()
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", server.addresses[0].port)
        conch = yield connectProtocol(endpoint, LostClient(ready))
        conch.sftp = yield ready
        return conch

    @inlineCallbacks
    def read(self, sftp: FileTransferClient, path: bytes, size: int) -> Any:
        """Return what is in a file, asked for in many requests at once."""
        step = 32768
        file = yield sftp.openFile(path, FXF_READ, {})
        pieces = yield gatherResults([file.readChunk(at, step) for at in range(0, size, step)], consumeErrors=True)
        yield file.close()
        return b"".join(pieces)

    @inlineCallbacks
    def test_transfer(self) -> Any:
        """Files go both ways, over the transport of ours, with new keys in between."""
        server = self.server(rekey_packets=50)
        yield server.start_listening()
        conch = yield self.connect(server)
        (transport,) = server.factory.connections
        self.assertIsInstance(transport.transport, DirectServer)
        found = yield self.read(conch.sftp, b"/f", len(CONTENT))
        self.assertEqual(found, CONTENT)
        file = yield conch.sftp.openFile(b"/up", FXF_WRITE | FXF_CREAT, {})
        step = 32000
        yield gatherResults([file.writeChunk(at, CONTENT[at : at + step]) for at in range(0, len(CONTENT), step)])
        yield file.close()
        self.assertEqual(self.files.get("/up"), CONTENT)
        self.assertLess(transport.receiver.packets, 200)
        conch.loseConnection()
        yield transport.gone()

    @inlineCallbacks
    def test_stop_waits(self) -> Any:
        """Stopping waits for the sessions, which are told; then the port is free again."""
        server = self.server()
        server.startService()
        port = server.addresses[0].port
        conches = []
        for _ in range(3):
            conches.append((yield self.connect(server)))
        self.assertEqual(len(server.factory.connections), 3)
        yield server.stopService()
        self.assertEqual((len(server.factory.connections), server.listening), (0, False))
        yield gatherResults([conch.lost for conch in conches])
        again = self.server(f"tcp:{port}:interface=127.0.0.1")
        yield again.start_listening()
        self.assertEqual(again.addresses[0].port, port)

    @inlineCallbacks
    def test_two(self) -> Any:
        """Two servers run in one process; on the port of the first there is no place for a third."""
        first, second = self.server(), self.server()
        yield first.start_listening()
        yield second.start_listening()
        for server in (first, second):
            conch = yield self.connect(server)
            found = yield self.read(conch.sftp, b"/f", 1000)
            self.assertEqual(found, CONTENT[:32768])
        third = self.server(f"tcp:{first.addresses[0].port}:interface=127.0.0.1")
        error = yield self.assertFailure(third.start_listening(), ServerError)
        self.assertEqual(error.code, 10048)
        self.assertNotIn("\n", str(error))
        self.assertFalse(third.listening)

    @inlineCallbacks
    def test_closed_and_opened(self) -> Any:
        """To close a port and open it again at once is no race: it is opened when it is closed."""
        told: list[ServerError] = []
        server = self.server(failed=told.append)
        yield server.start_listening()
        port = server.local_port
        yield server.stop_listening()
        server.listen = [f"tcp:{port}:interface=127.0.0.1"]
        yield server.start_listening()
        server.listening = False
        server.listening = True
        yield deferLater(reactor, 0)
        self.assertEqual((told, server.listening), ([], True))
        server.stop_listening()
        yield server.start_listening()
        conch = yield self.connect(server)
        conch.transport.loseConnection()
        yield conch.lost

    @inlineCallbacks
    def test_impossible(self) -> Any:
        """A port or an address that there is not is told in one line."""
        for listen in ("tcp:99999", "tcp:0:interface=192.0.2.1", "tcp:0:interface=no.such.host.invalid"):
            server = self.server(listen)
            error = yield self.assertFailure(server.start_listening(), ServerError)
            self.assertNotIn("\n", str(error))
            self.assertIn("cannot listen on tcp:", str(error))
