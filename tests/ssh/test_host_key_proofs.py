"""
How clients learn the keys of the server: hostkeys-00@openssh.com, and the proofs of it (OpenSSH's PROTOCOL, 2.5).
"""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

from conchsftp.errors import ServerError
from conchsftp.ssh.algorithms.signatures import certified
from conchsftp.ssh.keys.host_keys import HostKey, HostKeys
from conchsftp.testing import MemoryClient
from tests.auth.certificates import Certified
from tests.auth.support import Ed25519
from tests.ssh.case import ConnectionCase
from tests.ssh.clients import string, strings, verify

OLD, NEXT = (HostKey(ed25519.Ed25519PrivateKey.generate()) for _ in range(2))
RSA = HostKey(rsa.generate_private_key(65537, 2048))
ECDSA = HostKey(ec.generate_private_key(ec.SECP256R1()))
PROVE = b"hostkeys-prove-00@openssh.com"


class ProofCase(ConnectionCase):
    """A server with several keys."""

    def setUp(self) -> None:
        super().setUp()
        self.serve(host_keys=HostKeys([OLD, RSA, NEXT, ECDSA]))

    def using(self, algorithm: str) -> MemoryClient:
        """Return a client that has logged in, with one host key algorithm."""
        client: MemoryClient = type("Client", (MemoryClient,), {"host_key_algorithms": (algorithm,)})(self.factory)
        client.log_in()
        return client

    def ask(self, client: MemoryClient, *blobs: bytes, reply: int = 81) -> bytes:
        """Ask for proofs and return the answer."""
        client.packet(80, string(PROVE) + b"\1" + b"".join(map(string, blobs)))
        return client.take(reply)

    def assert_proven(self, client: MemoryClient, *keys: HostKey, rsa: str = "rsa-sha2-512") -> None:
        """Ask for proofs of keys and check them."""
        signatures = strings(self.ask(client, *(key.blob for key in keys)))
        self.assertEqual(len(signatures), len(keys))
        for key, signature in zip(keys, signatures, strict=True):
            signed = string(PROVE) + string(client.session_id) + string(key.blob)
            name = rsa if key is RSA else key.type
            self.assertEqual(verify(key.blob, signature, signed), name)


class AnnouncedTests(ProofCase):
    """What is told."""

    def test_after_login(self) -> None:
        """All keys of which the settings offer an algorithm, in order, once, when the user has logged in."""
        client = self.logged_in()
        self.assertGreater(client.numbers.index(80), client.numbers.index(52))
        self.assertEqual(client.announced, (OLD.blob, RSA.blob, NEXT.blob))
        client.rekey()
        client.open_channel()
        self.assertEqual(client.numbers.count(80), 1)

    def test_settings(self) -> None:
        """A key of which nothing is offered would never be shown, and is not told of; one that is named is."""
        self.serve(host_keys=HostKeys([OLD, RSA, ECDSA]), ssh_public_key_algorithms="ssh-ed25519,ecdsa-sha2-nistp256")
        self.assertEqual(self.logged_in().announced, (OLD.blob, ECDSA.blob))

    def test_certificates(self) -> None:
        """Keys are told of, not their certificates."""
        plain: Any = type("Plain", (), {"algorithm": "ssh-ed25519", "blob": OLD.blob})
        made = Certified(plain, Ed25519(), kind=2)
        self.serve(host_keys=HostKeys([HostKey(OLD.private, certificate=made.blob)]))
        client = self.using(certified("ssh-ed25519"))
        self.assertEqual(client.host_key, made.blob)
        self.assertEqual(client.announced, (OLD.blob,))
        self.assert_proven(client, OLD)

    def test_clients_that_break(self) -> None:
        """Clients that are known to break at it are told nothing, and the operator may add others."""
        for version in (b"SSH-2.0-TTSSH/2.72 Win32", b"SSH-2.0-Cisco-1.25"):
            self.assertEqual(self.logged_in(version=version).announced, ())
        self.serve(client_quirks="*mine* host_keys=no")
        self.assertEqual(self.logged_in(version=b"SSH-2.0-mine").announced, ())
        self.assertNotEqual(self.logged_in().announced, ())


class ProofTests(ProofCase):
    """What is proven."""

    def test_each(self) -> None:
        """Every key that is told of is proven, also one that is not used yet; in the order that is asked for."""
        client = self.logged_in()
        self.assert_proven(client, NEXT, RSA, OLD)
        self.assert_proven(client, OLD)
        self.assert_alive(client)

    def test_rsa(self) -> None:
        """An RSA key signs as in the key exchange, if that was RSA; a client insists on it."""
        for algorithm in ("rsa-sha2-256", "rsa-sha2-512"):
            self.assert_proven(self.using(algorithm), RSA, OLD, rsa=algorithm)

    def test_others(self) -> None:
        """Anything but keys that were told of, each once, is refused as a whole, and nothing is signed."""
        signed: list[bytes] = []
        self.patch(HostKey, "sign", lambda key, algorithm, data: signed.append(data) or b"")
        client = self.logged_in()
        signed.clear()
        foreign = HostKey(ed25519.Ed25519PrivateKey.generate()).blob
        for blobs in (
            (),
            (foreign,),
            (OLD.blob, foreign),
            (OLD.blob, OLD.blob),
            (ECDSA.blob,),
            (b"",),
            (OLD.blob[:-1],),
        ):
            self.assertEqual(self.ask(client, *blobs, reply=82), b"")
        self.assertEqual(signed, [])

    def test_malformed(self) -> None:
        """A request that ends within a key ends the connection."""
        client = self.logged_in()
        client.packet(80, string(PROVE) + b"\1" + string(OLD.blob)[:-1])
        self.assert_ended(client)

    def test_no_reply(self) -> None:
        """Who wants no answer gets none."""
        client = self.logged_in()
        client.packet(80, string(PROVE) + b"\0" + string(OLD.blob))
        self.assertEqual(client.messages, [])

    def test_signed_once(self) -> None:
        """However often a client asks, each key signs once for a connection."""
        client = self.logged_in()
        first = self.ask(client, OLD.blob, RSA.blob)
        self.patch(HostKey, "sign", None)
        self.assertEqual(self.ask(client, OLD.blob, RSA.blob), first)
        turned = b"".join(map(string, reversed(strings(first))))
        self.assertEqual(self.ask(client, RSA.blob) + self.ask(client, OLD.blob), turned)

    def test_order(self) -> None:
        """Replies come in the order of the requests, however long a proof takes (RFC 4254, 4)."""
        client = self.logged_in()
        waiting: list[Any] = []
        self.patch(self.server.workers, "run", lambda *call: waiting.append(Deferred()) or waiting[-1])
        client.packet(80, string(PROVE) + b"\1" + string(OLD.blob))
        client.packet(80, string(b"keepalive@openssh.com") + b"\1")
        self.assertEqual(client.messages, [])
        waiting[0].callback(b"proof")
        client.pump()
        self.assertEqual(client.messages, [(81, b"proof"), (82, b"")])

    def test_few_threads(self) -> None:
        """However many ask, and however long a key takes, most threads are left to others; in the end all are told."""
        clients = [self.logged_in() for _ in range(9)]
        self.clock.threads.hold = True
        for client in clients:
            client.packet(80, string(PROVE) + b"\1" + string(OLD.blob))
        self.assertEqual(len(self.clock.threads), 2)
        while len(self.clock.threads):
            self.clock.threads.finish()
        for client in clients:
            client.pump()
            client.take(81)

    def fail(self, problem: Exception) -> None:
        """Have no key sign any more."""

        def fail(*call: Any) -> Any:
            raise problem

        self.patch(HostKey, "sign", fail)

    def test_key_is_gone(self) -> None:
        """While a token is away each proof is refused; the log has one line for a connection, without a traceback."""
        client = self.logged_in()
        self.fail(ServerError(1301, "host key on a token: the token is not there"))
        lines: list[str] = []

        def note(event: Any) -> None:
            if event["log_level"] >= LogLevel.warn:
                lines.append(formatEvent(event))

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)
        for _ in range(3):
            self.ask(client, OLD.blob, reply=82)
        self.assertEqual(len(lines), 1)
        self.assertIn("could not be proven: host key on a token: the token is not there", lines[0])
        self.assert_alive(client)

    def test_mistake(self) -> None:
        """What else keeps a key from signing is a mistake of ours, and logged as one."""
        client = self.logged_in()
        self.fail(ValueError("no number"))
        self.ask(client, OLD.blob, reply=82)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assert_alive(client)
