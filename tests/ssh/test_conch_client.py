"""
Conversations with Twisted Conch's own client, which owes nothing to us: what it understands is not only our opinion.
"""

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.connection import SSHConnection
from twisted.conch.ssh.filetransfer import (
    FXF_CREAT,
    FXF_READ,
    FXF_WRITE,
    FileTransferClient,
    SFTPError,
)
from twisted.conch.ssh.transport import SSHClientTransport
from twisted.conch.ssh.userauth import SSHUserAuthClient
from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import StringTransport
from twisted.trial.util import suppress

from conchsftp.ssh.keys.host_keys import HostKey, HostKeys
from conchsftp.testing import MemoryPipe
from tests.ssh.case import ConnectionCase


class Session(SSHChannel):  # type: ignore[misc]
    """A channel with the sftp subsystem on it."""

    name = b"session"

    def channelOpen(self, data: bytes) -> None:
        asked = self.conn.sendRequest(self, b"subsystem", NS(b"sftp"), wantReply=True)
        asked.addCallback(self._begin)

    def _begin(self, _: object) -> None:
        client = FileTransferClient()
        client.makeConnection(self)
        self.dataReceived = client.dataReceived
        client.gotServerVersion = lambda version, extensions: self.conn.ready.callback(client)
        self.requests: list[tuple[bytes, bytes]] = []

    def requestReceived(self, requestType: bytes, data: bytes) -> bool:
        self.requests.append((requestType, data))
        return False


class Connection(SSHConnection):  # type: ignore[misc]
    """A connection that opens one session."""

    def __init__(self, ready: "Deferred[FileTransferClient]") -> None:
        super().__init__()
        self.ready = ready

    def serviceStarted(self) -> None:
        self.session = Session(conn=self)
        self.openChannel(self.session)


class Auth(SSHUserAuthClient):  # type: ignore[misc]
    """A user who knows a password."""

    def getPassword(self, prompt: str | None = None) -> "Deferred[str]":
        return succeed("password")

    def getPublicKey(self) -> None:
        return None


class Client(SSHClientTransport):  # type: ignore[misc]
    """A client that trusts everybody."""

    def __init__(self, ready: "Deferred[FileTransferClient]") -> None:
        self.connection = Connection(ready)
        self.fingerprint = b""

    def verifyHostKey(self, hostKey: bytes, fingerprint: bytes) -> "Deferred[int]":
        self.fingerprint = fingerprint
        return succeed(1)

    def connectionSecure(self) -> None:
        # After every key exchange, not only the first: so do `conch` and `cftp`.
        self.requestService(Auth(b"user", self.connection))


class ConchClientTests(ConnectionCase):
    """Conch's client over memory."""

    suppress = [suppress(message="Diffie-Hellman over finite fields")]

    def connect(self, **supported: list[bytes]) -> FileTransferClient:
        """Return its SFTP client, logged in; `supported` restricts its algorithms."""
        ready = self.start(**supported)
        self.pump()
        found: FileTransferClient = self.successResultOf(ready)
        return found

    def start(self, **supported: list[bytes]) -> "Deferred[FileTransferClient]":
        """Begin to connect; what is returned fires with the SFTP client."""
        if self.server is None:
            self.serve(algorithm_profile="compatible")
        ready: Deferred[FileTransferClient] = Deferred()
        self.conch = Client(ready)
        for name, value in supported.items():
            setattr(self.conch, f"supported{name}", value)
        self.wire = StringTransport()
        self.transport = self.factory.buildProtocol(None)
        self.pipe = MemoryPipe(self.transport)
        self.conch.makeConnection(self.wire)
        return ready

    def pump(self) -> None:
        """Carry bytes to and fro until nothing moves any more."""
        moved = True
        while moved:
            self.pipe.bring(self.wire.value())
            self.wire.clear()
            moved = self.pipe.deliver()
            data = self.pipe.fetch()
            if data:
                self.conch.dataReceived(data)
                moved = True

    def result(self, deferred: "Deferred[Any]") -> Any:
        """Return what a request led to."""
        self.pump()
        return self.successResultOf(deferred)

    def check_transfer(self, client: FileTransferClient, size: int = 300_000) -> None:
        """Write a file, read it back, both in several requests."""
        data = bytes(range(256)) * (size // 256)
        writing = self.result(client.openFile(b"/up", FXF_WRITE | FXF_CREAT, {}))
        step = 30_000
        written = [writing.writeChunk(at, data[at : at + step]) for at in range(0, len(data), step)]
        self.pump()
        for each in written:
            self.successResultOf(each)
        self.result(writing.close())
        reading = self.result(client.openFile(b"/up", FXF_READ, {}))
        read = [reading.readChunk(at, step) for at in range(0, len(data), step)]
        self.pump()
        self.assertEqual(b"".join(map(self.successResultOf, read)), data)
        self.result(reading.close())

    def check_each(self, name: str, values: tuple[bytes, ...], current: Callable[[], str]) -> None:
        """Connect with each value of one kind of algorithm, and see that it was used."""
        for value in values:
            client = self.connect(**{name: [value]})
            self.assertEqual(current(), value.decode())
            self.check_transfer(client, 10_000)
            self.pipe.cut()

    def agreed(self, kind: str) -> Callable[[], str]:
        """Return what tells the name that was agreed on."""
        return lambda: str(getattr(self.transport.keying._negotiated, kind).name)

    def test_key_exchanges(self) -> None:
        """Every key exchange that it knows."""
        names = (
            b"curve25519-sha256",
            b"curve25519-sha256@libssh.org",
            b"ecdh-sha2-nistp256",
            b"ecdh-sha2-nistp384",
            b"ecdh-sha2-nistp521",
            b"diffie-hellman-group-exchange-sha256",
        )
        self.check_each("KeyExchanges", names, self.agreed("kex"))

    def test_ciphers(self) -> None:
        """Every cipher that it knows."""
        self.check_each("Ciphers", (b"aes128-ctr", b"aes192-ctr", b"aes256-ctr"), self.agreed("cipher_in"))

    def test_macs(self) -> None:
        """Every MAC that it knows."""
        self.check_each("MACs", (b"hmac-sha2-256", b"hmac-sha2-512"), self.agreed("mac_out"))

    def test_host_keys(self) -> None:
        """Every host key algorithm that it knows; it checks the signature."""
        keys = HostKeys(
            HostKey(private)
            for private in (
                ed25519.Ed25519PrivateKey.generate(),
                ec.generate_private_key(ec.SECP256R1()),
                ec.generate_private_key(ec.SECP384R1()),
                ec.generate_private_key(ec.SECP521R1()),
                rsa.generate_private_key(65537, 2048),
                dsa.generate_private_key(1024),
            )
        )
        algorithms = keys.algorithms()
        self.serve(algorithm_profile="compatible", host_keys=keys, ssh_public_key_algorithms=",".join(algorithms))
        names = tuple(name.encode() for name in algorithms)
        self.assertEqual(len(names), 8)
        self.check_each("PublicKeys", names, self.agreed("host_key"))

    def test_rekey(self) -> None:
        """Keys are exchanged in the middle of transfers, again and again."""
        self.serve(algorithm_profile="compatible", rekey_packets=20)
        client = self.connect()
        for _ in range(5):
            self.check_transfer(client)
        self.assertGreater(self.transport.receiver.sequence, 100)
        self.assertLess(self.transport.receiver.packets, 50)

    def test_small_windows(self) -> None:
        """Its windows are small (128 KiB), and it opens them late: still nothing is lost."""
        client = self.connect()
        self.check_transfer(client, 2_000_000)

    def test_requests(self) -> None:
        """The usual requests."""
        client = self.connect()
        self.result(client.makeDirectory(b"/folder", {}))
        self.result(client.renameFile(b"/f", b"/folder/g"))
        self.assertEqual(self.result(client.getAttrs(b"/folder/g"))["size"], 10)
        self.assertEqual(self.result(client.realPath(b"folder/../folder")), "/folder")
        self.result(client.setAttrs(b"/folder/g", {"permissions": 0o600}))
        self.assertEqual(self.result(client.getAttrs(b"/folder/g"))["permissions"] & 0o777, 0o600)
        folder = self.result(client.openDirectory(b"/folder"))
        names = [name for name, _, _ in self.result(folder.read())]
        self.assertEqual(sorted(names), [b".", b"..", b"g"])
        self.result(folder.close())
        self.result(client.removeFile(b"/folder/g"))
        self.result(client.removeDirectory(b"/folder"))
        gone = client.getAttrs(b"/folder")
        self.pump()
        self.assertEqual(self.failureResultOf(gone, SFTPError).value.code, 2)

    def test_end(self) -> None:
        """It is told the exit status, and both sides close."""
        self.connect()
        session = self.conch.connection.session
        session.conn.sendEOF(session)
        self.pump()
        self.assertEqual(session.requests, [(b"exit-status", bytes(4))])
        self.assertEqual(self.transport.service.channels, {})
        self.conch.loseConnection()
        self.pump()
        self.assertTrue(self.pipe.closed)
        self.assertEqual(self.avatar.logouts, 1)

    def test_wrong_password(self) -> None:
        """It understands a refusal, and tries again."""
        answers = [b"wrong", b"password"]
        self.patch(Auth, "getPassword", lambda *_: succeed(answers.pop(0)))
        ready = self.start()
        self.pump()
        self.assertNoResult(ready)
        self.clock.advance(2)
        self.pump()
        self.assertIsInstance(self.successResultOf(ready), FileTransferClient)
