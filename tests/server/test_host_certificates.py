"""
OpenSSH's certificates of host keys: what a client is shown, when, and what is said of those that are worth nothing.
"""

import os
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.logger import globalLogPublisher

from conchsftp.errors import ProtocolViolation, ServerError
from conchsftp.events.connection import Connected
from conchsftp.ssh.algorithms.signatures import certified
from conchsftp.ssh.keys.host_keys import HostKey, HostKeys
from tests.auth.certificates import Certified
from tests.auth.support import DSA, ECDSA, RSA, Ed25519
from tests.server.test_keys import VECTORS, KeysCase
from tests.ssh.clients import strings, verify

CA, ED25519, P256 = Ed25519(), Ed25519(), ECDSA(ec.SECP256R1(), "nistp256", hashes.SHA256())
KEYS = (ED25519, P256, RSA(), DSA())
CERTIFIED = "ssh-ed25519-cert-v01@openssh.com"
NOW = 1_800_000_000


def certificate(key: Any = ED25519, *, ca: Any = CA, **values: Any) -> Certified:
    """Return a certificate of a host."""
    return Certified(key, ca, **{"kind": 2, "principals": [b"sftp.example.com"], "extensions": (), **values})


def line(made: Certified) -> bytes:
    """Return a certificate as it stands in a file."""
    return made.blob[4 : 4 + made.blob[3]] + b" " + b64encode(made.blob) + b" host\n"


class CertificateCase(KeysCase):
    """A server whose keys have certificates."""

    def file(self, *made: Certified) -> str:
        """Return a file of certificates."""
        path = self.mktemp()
        self.write(path, *made)
        return path

    def write(self, path: str, *made: Certified) -> None:
        """Put certificates into the place of a file, as one that renews them does."""
        Path(f"{path}.new").write_bytes(b"".join(map(line, made)))
        os.rename(f"{path}.new", path)

    def serve(self, *made: Certified, keys: Sequence[Any] = (ED25519,), now: float = NOW, **options: Any) -> Any:
        """Start a server with keys and a file of certificates."""
        options = {"host_keys": HostKeys(HostKey(key.private) for key in keys), **options}
        options.setdefault("host_certificate", [self.file(*made)])
        server = self.server(**options)
        server.keys.certificates.now = lambda: self.time
        self.time = now
        self.successResultOf(server.start_listening())
        self.addCleanup(server.stop_listening)
        return server

    def told(self) -> list[str]:
        """Return the warnings about certificates."""
        found = [each for each in self.warnings if each.startswith("host certificate")]
        self.warnings.clear()
        return found

    def refuses(self, server: Any, algorithm: str) -> None:
        """Check that a client that takes nothing else is not served."""
        self.assertRaises(ProtocolViolation, self.client, server, algorithm)


class ShownTests(CertificateCase):
    """What a client is shown."""

    def test_every_kind(self) -> None:
        """A client that takes certificates is shown that of its kind of key, and a signature of the key in it."""
        made = {key.algorithm: certificate(key) for key in KEYS}
        bare = [name for key in KEYS for name in HostKey(key.private).algorithms]
        algorithms = [*bare, *map(certified, bare)]
        server = self.serve(*made.values(), keys=KEYS, ssh_public_key_algorithms=",".join(algorithms))
        for name in bare:
            client = self.client(server, certified(name))
            self.assertIsNone(client.disconnected)
            key = next(each for each in KEYS if name in HostKey(each.private).algorithms)
            self.assertEqual(client.host_key, made[key.algorithm].blob)
            # The signature bears the name of the plain algorithm.
            self.assertEqual(verify(key.blob, client.signature, client.session_id), name)
            self.assertEqual(self.client(server, name).host_key, key.blob)

    def test_modern(self) -> None:
        """Certificates need no setting but their file: Ed25519 and RSA with SHA-2 are modern, as the bare keys are."""
        server = self.serve(certificate())
        self.assertEqual(self.client(server, CERTIFIED).host_key, certificate().blob)
        for name in ("ecdsa-sha2-nistp256", "ssh-rsa", "ssh-dss"):
            self.refuses(server, certified(name))

    def test_belongs(self) -> None:
        """A certificate belongs to the key that is in it, wherever that is from, and counts for no other."""
        stored = HostKey(HostKeys.load(str(VECTORS / "ed25519")).keys[0].private)
        Stored = type("Stored", (), {"algorithm": "ssh-ed25519", "blob": stored.blob})
        server = self.serve(certificate(Stored), host_keys=(), ssh_cert_store=VECTORS / "ed25519")
        self.assertEqual(strings(self.client(server, CERTIFIED).host_key[:36])[0], CERTIFIED.encode())
        other = self.serve(certificate(Stored))
        self.refuses(other, CERTIFIED)
        (warning,) = self.told()
        self.assertIn("belongs to no host key of the server", warning)

    def test_chosen(self) -> None:
        """A key that a handler of Connected chooses has its certificate, too."""
        stored = HostKeys.load(str(VECTORS / "ed25519")).keys[0]
        Stored = type("Stored", (), {"algorithm": "ssh-ed25519", "blob": stored.blob})
        server = self.serve(certificate(), certificate(Stored))

        def choose(event: Connected) -> None:
            event.cert_store = str(VECTORS / "ed25519")

        server.on("Connected", choose)
        for _ in range(2):
            client = self.client(server, CERTIFIED)
            self.assertEqual(client.host_key, certificate(Stored).blob)
            self.assertEqual(verify(stored.blob, client.signature, client.session_id), "ssh-ed25519")

    def test_first(self) -> None:
        """Of several certificates of one key, the first that is good now counts."""
        old, new = certificate(before=NOW, serial=1), certificate(serial=2)
        server = self.serve(old, new, certificate(serial=3))
        self.assertEqual(self.client(server, CERTIFIED).host_key, new.blob)

    def test_told(self) -> None:
        """The log says for whom a certificate is, until when, and who has signed it."""
        told: list[str] = []
        observer = lambda event: told.append(event["log_format"].format(**event))  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.serve(certificate(key_id=b"host of the day\n"))
        (text,) = (each for each in told if each.startswith("host certificate"))
        for part in ("sftp.example.com", "for ever", "CA SHA256:", r"host of the day\n"):
            self.assertIn(part, text)


class TimeTests(CertificateCase):
    """When a certificate counts."""

    def test_dates(self) -> None:
        """One that has expired, or is not valid yet, is told of and not offered; the bare key is."""
        for values, text in (({"before": NOW}, "has expired"), ({"after": NOW + 1}, "is not valid yet")):
            server = self.serve(certificate(**values))
            self.refuses(server, CERTIFIED)
            self.assertEqual(self.client(server).host_key, ED25519.blob)
            self.assertIn(text, self.told().pop())
            self.successResultOf(server.stop_listening())
        for values in ({"before": NOW + 1}, {"after": NOW}):
            self.assertEqual(self.client(self.serve(certificate(**values)), CERTIFIED).disconnected, None)

    def test_expires(self) -> None:
        """A certificate that expires while the server runs is not offered any more, and that is told once."""
        server = self.serve(certificate(before=NOW + 60))
        self.assertIsNone(self.client(server, CERTIFIED).disconnected)
        self.time = NOW + 60
        for _ in range(3):
            self.reactor.advance(30)
        self.refuses(server, CERTIFIED)
        self.assertEqual(len(self.told()), 1)

    def test_renewed(self) -> None:
        """A file that was replaced counts within half a minute, for new connections; nothing is restarted."""
        old, new = certificate(serial=1), certificate(serial=2)
        path = self.file(old)
        server = self.serve(host_certificate=[path])
        self.write(path, new)
        self.assertEqual(self.client(server, CERTIFIED).host_key, old.blob)
        self.reactor.advance(30)
        self.assertEqual(self.client(server, CERTIFIED).host_key, new.blob)

    def test_broken_later(self) -> None:
        """What cannot be read any more is told once, and what was there before stays, as long as it is good."""
        path = self.file(certificate(before=NOW + 100))
        server = self.serve(host_certificate=[path])
        os.unlink(path)
        for _ in range(3):
            self.reactor.advance(30)
        self.assertIsNone(self.client(server, CERTIFIED).disconnected)
        (text,) = self.logged
        self.assertIn(path, text)
        self.time = NOW + 100
        self.reactor.advance(30)
        self.refuses(server, CERTIFIED)

    def test_changed_setting(self) -> None:
        """Another file in the setting counts while the server listens."""
        server = self.serve(host_certificate=())
        self.refuses(server, CERTIFIED)
        server.host_certificate = [self.file(certificate())]
        self.reactor.advance(0)
        self.assertIsNone(self.client(server, CERTIFIED).disconnected)

    def test_stopped(self) -> None:
        """A server that has stopped looks at no file any more."""
        server = self.serve(certificate())
        self.successResultOf(server.stop_listening())
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class WorthlessTests(CertificateCase):
    """What is no certificate of a host keeps the server from starting."""

    def refused(self, path: str) -> str:
        """Return why a server with this file does not start."""
        server = self.server(host_keys=HostKeys([HostKey(ED25519.private)]), host_certificate=[path])
        error: ServerError = self.failureResultOf(server.start_listening(), ServerError).value
        self.assertEqual(error.code, 1301)
        self.assertIn(path, error.text)
        self.assertNotIn("\n", error.text)
        return error.text

    def test_users(self) -> None:
        """A certificate of a user is none of a host."""
        self.assertIn("of a user", self.refused(self.file(certificate(kind=1))))

    def test_forged(self) -> None:
        """The CA must have signed it: every changed byte makes it worthless, or no certificate."""
        made = certificate()
        for at in range(0, len(made.blob), 7):
            forged = certificate()
            forged.blob = made.blob[:at] + bytes((made.blob[at] ^ 1,)) + made.blob[at + 1 :]
            self.refused(self.file(forged))

    def test_cut_short(self) -> None:
        """A part of a certificate is none."""
        made = certificate()
        for length in range(0, len(made.blob), 11):
            short = certificate()
            short.blob = made.blob[:length]
            path = self.mktemp()
            Path(path).write_bytes(b"ssh-ed25519-cert-v01@openssh.com " + b64encode(short.blob))
            self.refused(path)

    def test_options(self) -> None:
        """One with a critical option would be refused by every client."""
        self.assertIn("force-command", self.refused(self.file(certificate(critical=[(b"force-command", b"")]))))

    def test_files(self) -> None:
        """No file, nothing in it, and something else in it."""
        empty, other, key = self.mktemp(), self.mktemp(), self.mktemp()
        Path(empty).write_bytes(b"# nothing\n\n")
        Path(other).write_bytes(b"hello\n")
        Path(key).write_bytes(b"ssh-ed25519 " + b64encode(ED25519.blob) + b"\n")
        for path, text in (
            ("/nowhere", "No such file"),
            (empty, "no certificate"),
            (other, "no certificate as"),
            (key, "unknown type 'ssh-ed25519'"),
        ):
            self.assertIn(text, self.refused(path))
