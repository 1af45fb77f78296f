"""
Host keys that settings name: which key a client sees, what the settings tell of it, and when a change takes effect.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.secret import Secret
from conchsftp.server.service import SFTPServer
from conchsftp.settings.certificate import FACTS
from conchsftp.ssh.keys.certificate import Certificate
from conchsftp.ssh.keys.host_keys import HostKeys
from conchsftp.ssh.keys.stores import load
from conchsftp.testing import MemoryClient, MemoryReactor, memory_server

VECTORS = Path(__file__).parents[1] / "ssh" / "vectors"
RSA, ED25519, ECDSA = (load(VECTORS / name) for name in ("rsa.pem", "ed25519", "ecdsa"))


class KeysCase(SynchronousTestCase):
    """A server in memory, and clients that tell which key they have seen."""

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.logged: list[str] = []
        self.warnings: list[str] = []
        globalLogPublisher.addObserver(self._note)
        self.addCleanup(globalLogPublisher.removeObserver, self._note)

    def _note(self, event: Any) -> None:
        lines = {LogLevel.error: self.logged, LogLevel.warn: self.warnings}.get(event.get("log_level"))
        if lines is not None and not event["log_format"].startswith("host key {path}"):
            lines.append(event["log_format"].format(**event))

    def server(self, **options: Any) -> SFTPServer:
        """Return a server without a key of its own."""
        return memory_server(**{"reactor": self.reactor, "host_keys": (), "listen": ["tcp:2222"], **options})

    def client(self, server: SFTPServer, algorithm: str = "ssh-ed25519") -> MemoryClient:
        """Connect a client that takes one kind of host key."""
        cls = type("Client", (MemoryClient,), {"host_key_algorithms": (algorithm,)})
        client: MemoryClient = cls(server.factory)
        client.connect()
        return client

    def assert_seen(self, client: MemoryClient, key: Certificate) -> None:
        """Check which key a client was shown."""
        self.assertIsNone(client.disconnected)
        self.assertEqual(client.host_key, key.blob)

    def copied(self, name: str) -> str:
        """Return a copy of a vector that a test may change."""
        path = self.mktemp()
        shutil.copy(VECTORS / name, path)
        return path


class ServingTests(KeysCase):
    """What is proved to clients."""

    def test_store(self) -> None:
        """The key of SSHCertStore: a file, its content, PKCS#12 with its password."""
        for store, password, algorithm, key in (
            (VECTORS / "ed25519", "", "ssh-ed25519", ED25519),
            ((VECTORS / "ed25519").read_text(), "", "ssh-ed25519", ED25519),
            (VECTORS / "rsa.p12", "secret", "rsa-sha2-512", RSA),
            ((VECTORS / "rsa.p12").read_bytes(), Secret("secret"), "rsa-sha2-256", RSA),
        ):
            server = self.server(ssh_cert_store=store, ssh_cert_store_password=password)
            self.assert_seen(self.client(server, algorithm), key)

    def test_several(self) -> None:
        """AltSSHCert adds keys, set as the component documents it; the client chooses by algorithm."""
        server = self.server(algorithm_profile="compatible", ssh_cert_store=VECTORS / "rsa.pem")
        server.config("AltSSHCertCount =2")
        server.config("AltSSHCertStoreType[0]=7")
        server.config("AltSSHCertStore[0]=" + (VECTORS / "ed25519").read_text())
        server.config("AltSSHCertSubject[0]=*")
        server.alt_ssh_cert_store[1] = VECTORS / "ecdsa.v2.enc.ppk"
        server.alt_ssh_cert_store_password[1] = "secret"
        for algorithm, key in (("rsa-sha2-512", RSA), ("ssh-ed25519", ED25519), ("ecdsa-sha2-nistp384", ECDSA)):
            self.assert_seen(self.client(server, algorithm), key)

    def test_with_given_keys(self) -> None:
        """Keys that are given to the server come first; those of the settings are added, and known to clients."""
        given = HostKeys.load(VECTORS / "ed25519.enc", passphrase=b"secret")
        server = self.server(
            host_keys=given, ssh_cert_store=VECTORS / "ed25519", alt_ssh_cert_count=1, algorithm_profile="compatible"
        )
        server.alt_ssh_cert_store[0] = VECTORS / "ecdsa"
        self.assertEqual(self.client(server).host_key, given.keys[0].blob)
        self.assertEqual(self.warnings, [])
        client = MemoryClient(server.factory)
        client.log_in()
        self.assertEqual(client.announced, (given.keys[0].blob, ED25519.blob, ECDSA.blob))
        self.assert_seen(self.client(server, "ecdsa-sha2-nistp384"), ECDSA)

    def test_not_offered(self) -> None:
        """A key whose algorithms are in no list is told when the server starts to listen, and the others serve."""
        server = self.server(ssh_cert_store=VECTORS / "ed25519", alt_ssh_cert_count=1)
        server.alt_ssh_cert_store[0] = VECTORS / "ecdsa"
        self.successResultOf(server.start_listening())
        (warning,) = self.warnings
        self.assertRegex(warning, r"SHA256:\S+ \(.*ecdsa.*\) is not offered: SSHPublicKeyAlgorithms")
        self.assert_seen(self.client(server), ED25519)

    def test_without_private_key(self) -> None:
        """What cannot be a host key is told at the start, with the documented error, and no port is opened."""
        for settings, word in (
            ({}, "is needed"),
            ({"ssh_cert_store": VECTORS / "ed25519.pub"}, "private key"),
            ({"ssh_cert_store": VECTORS / "rsa.crt.pem"}, "private key"),
            ({"ssh_cert_store": VECTORS / "rsa.p12", "ssh_cert_store_password": "hunter2"}, "password is wrong"),
            ({"ssh_cert_store": VECTORS / "none"}, "No such file"),
            ({"ssh_cert_store": VECTORS / "ed25519", "ssh_cert_subject": "CN=other"}, "subject"),
            ({"ssh_cert_store": VECTORS / "ed25519", "alt_ssh_cert_count": 1}, "AltSSHCertStore[0]"),
            ({"ssh_cert_store": VECTORS / "ecdsa"}, "SSHPublicKeyAlgorithms"),
        ):
            server = self.server(**settings)
            error = self.failureResultOf(server.start_listening(), ServerError).value
            self.assertEqual((error.code, word in error.text), (1301, True), error.text)
            self.assertNotIn("hunter2", error.text)
            self.assertFalse(server.listening or self.reactor.tcpServers)

    def test_refused_types(self) -> None:
        """Stores of Windows and Bouncy Castle are refused when they are set, with the reason; the old type stays."""
        server = self.server(alt_ssh_cert_count=1)
        for statement in ("SSHCertStoreType=0", "AltSSHCertStoreType[0]=21", "SSHCertStoreType=22"):
            self.assertRaises(ServerError, server.config, statement)
        self.assertEqual(server.config("SSHCertStoreType"), "99")

    def test_read_again(self) -> None:
        """Each start reads the files anew; a connection costs no look at them."""
        path = self.copied("ed25519")
        server = self.server(ssh_cert_store=path, algorithm_profile="compatible")
        self.successResultOf(server.start_listening())
        os.remove(path)
        self.assert_seen(self.client(server), ED25519)
        self.successResultOf(server.stop_listening())
        shutil.copy(VECTORS / "ecdsa", path)
        self.successResultOf(server.start_listening())
        self.assert_seen(self.client(server, "ecdsa-sha2-nistp384"), ECDSA)


class ChangeTests(KeysCase):
    """Settings that change while the server listens."""

    def setUp(self) -> None:
        super().setUp()
        self.sftp = self.server(ssh_cert_store=VECTORS / "ed25519", algorithm_profile="compatible")
        self.successResultOf(self.sftp.start_listening())

    def test_new_connections(self) -> None:
        """New connections see the new key once; who is connected keeps theirs, also when keys are exchanged again."""
        before = self.client(self.sftp)
        self.sftp.ssh_cert_store = VECTORS / "ecdsa.v3.enc.ppk"
        self.sftp.ssh_cert_store_password = "secret"
        self.assert_seen(self.client(self.sftp), ED25519)
        self.reactor.advance(0)
        self.assert_seen(self.client(self.sftp, "ecdsa-sha2-nistp384"), ECDSA)
        before.ask_for_login()
        before.authenticate("user", "password", b"\0\0\0\0\x08password")
        before.rekey()
        self.assertEqual(before.exchanges, 2)
        self.assert_seen(before, ED25519)
        self.assertEqual(self.logged, [])

    def test_in_a_thread(self) -> None:
        """The file is read in a thread, not between two connections."""
        self.reactor.threads.hold = True
        self.sftp.ssh_cert_store = VECTORS / "ecdsa"
        self.reactor.advance(0)
        self.assert_seen(self.client(self.sftp), ED25519)
        self.reactor.threads.finish()
        self.assert_seen(self.client(self.sftp, "ecdsa-sha2-nistp384"), ECDSA)

    def test_the_last_one_counts(self) -> None:
        """Of several changes the last one counts, also where an earlier key takes longer to be read."""
        self.reactor.threads.hold = True
        for name in ("ecdsa", "ed25519"):
            self.sftp.ssh_cert_store = VECTORS / name
            self.reactor.advance(0)
        threads = self.reactor.threads
        threads._held.rotate(1)
        while threads:
            threads.finish()
            self.reactor.advance(0)
        self.assert_seen(self.client(self.sftp), ED25519)
        self.assertEqual(self.sftp.ssh_cert_fingerprint_sha256, ED25519.fingerprint_sha256)

    def test_read_too_late(self) -> None:
        """What was being read when the server stopped replaces nothing: neither what is set nor what is read then."""
        for start in (False, True):
            self.reactor.threads.hold = True
            self.sftp.ssh_cert_store = VECTORS / "ecdsa"
            self.reactor.advance(0)
            self.successResultOf(self.sftp.stop_listening())
            self.sftp.ssh_cert_store = VECTORS / "ed25519"
            if start:
                self.successResultOf(self.sftp.start_listening())
            self.reactor.threads.finish()
            self.assertEqual(self.sftp.ssh_cert_fingerprint_sha256, ED25519.fingerprint_sha256)
            if not start:
                self.successResultOf(self.sftp.start_listening())
            self.assert_seen(self.client(self.sftp), ED25519)

    def test_told_of_what_is_used(self) -> None:
        """The settings tell of the key that is proved to clients, not of one that could not replace it."""
        self.sftp.ssh_public_key_algorithms = "ssh-ed25519"
        self.sftp.ssh_cert_store = VECTORS / "ecdsa"
        self.reactor.advance(0)
        self.assertEqual(self.sftp.ssh_cert_fingerprint_sha256, ED25519.fingerprint_sha256)

    def test_error(self) -> None:
        """Handlers of Error are told of a key that cannot be used."""
        told: list[Any] = []
        self.sftp.on("Error", lambda event: told.append((event.connection_id, event.error_code, event.description)))
        self.sftp.ssh_cert_store = "/nowhere"
        self.reactor.advance(0)
        ((connection, code, text),) = told
        self.assertEqual((connection, code), (0, 1301))
        self.assertIn("/nowhere", text)

    def test_unusable(self) -> None:
        """A key that cannot be used is told in one line, and the old one stays."""
        for store in ("/nowhere", str(VECTORS / "ed25519.pub"), str(VECTORS / "rsa.p12")):
            self.sftp.ssh_cert_store = store
            self.reactor.advance(0)
            self.assert_seen(self.client(self.sftp), ED25519)
            (line,) = self.logged
            self.assertIn(store, line)
            self.logged.clear()

    def test_together(self) -> None:
        """Settings that change together are one change: the key is read once, and told of once."""
        self.sftp.ssh_cert_store = "/nowhere"
        self.sftp.ssh_cert_store_password = "secret"
        self.sftp.ssh_cert_store_type = 14
        self.reactor.advance(0)
        self.assertEqual(len(self.logged), 1)

    def test_nothing_to_offer(self) -> None:
        """A key of which no algorithm is offered does not replace one that works."""
        self.sftp.ssh_public_key_algorithms = "ssh-ed25519"
        self.sftp.ssh_cert_store = VECTORS / "ecdsa"
        self.reactor.advance(0)
        self.assert_seen(self.client(self.sftp), ED25519)
        self.assertEqual(len(self.logged), 1)

    def test_stopped_meanwhile(self) -> None:
        """A server that has stopped reads nothing any more."""
        self.sftp.ssh_cert_store = "/nowhere"
        self.sftp.ssh_cert_store_password = "secret"
        self.successResultOf(self.sftp.stop_listening())
        self.reactor.advance(0)
        self.assertEqual(self.logged, [])


class ToldTests(KeysCase):
    """What the settings tell of the key."""

    def test_facts(self) -> None:
        """The facts are those of the certificate, also before the server starts, and follow a change."""
        server = self.server(ssh_cert_store=VECTORS / "rsa.pem")
        for suffix, attribute, _ in FACTS:
            self.assertEqual(server.settings.get(f"SSHCert{suffix}"), getattr(RSA, attribute), suffix)
        self.assertEqual(server.ssh_cert_serial_number, "0A1B2C")
        self.assertEqual(server.config("SSHCertUsageFlags"), "164")
        server.ssh_cert_store = VECTORS / "ed25519"
        self.assertEqual((server.ssh_cert_serial_number, server.ssh_cert_public_key_algorithm), ("", "Ed25519"))

    def test_given_key(self) -> None:
        """Where no setting names a key, the facts are those of the first given one; without any, they are empty."""
        server = self.server(host_keys=[str(VECTORS / "ed25519")])
        self.assertEqual(server.ssh_cert_fingerprint_sha256, ED25519.fingerprint_sha256)
        self.assertTrue(server.ssh_cert_private_key_available)
        empty = self.server()
        self.assertEqual((empty.ssh_cert_fingerprint, empty.ssh_cert_private_key_available), ("", False))

    def test_given_path(self) -> None:
        """One path need not be in a list: its letters are no paths."""
        server = self.server(host_keys=str(VECTORS / "ed25519"))
        self.assertEqual(server.ssh_cert_fingerprint_sha256, ED25519.fingerprint_sha256)

    def test_unreadable(self) -> None:
        """Facts of a store that cannot be read are an error that says why."""
        server = self.server(ssh_cert_store="/nowhere")
        self.assertEqual(self.assertRaises(ServerError, lambda: server.ssh_cert_issuer).code, 1301)

    def test_private_key(self) -> None:
        """The private key is a secret: masked in config(), and what reveal() returns can be loaded."""
        server = self.server(ssh_cert_store=VECTORS / "ed25519")
        self.assertEqual(server.config("SSHCertPrivateKey"), "***")
        self.assertEqual(str(server.ssh_cert_private_key), "***")
        self.assertTrue(load(server.ssh_cert_private_key).matches(ED25519))
        self.assertRaises(ServerError, server.config, "SSHCertPrivateKey=x")

    def test_content_does_not_show(self) -> None:
        """A key given as content shows neither in config() nor in the repr of the settings, and in no error."""
        key = (VECTORS / "ed25519").read_text()
        server = self.server(ssh_cert_store=key, ssh_cert_store_password="hunter2")
        shown = (server.config("SSHCertStore"), server.config("SSHCertStorePassword"), repr(server.settings))
        for text in (*shown, str(self.assertRaises(ServerError, setattr, server, "ssh_cert_store", 5))):
            self.assertNotIn("OPENSSH", text)
            self.assertNotIn("hunter2", text)
        self.assertEqual(shown[0], "***")
        self.assertEqual(self.server(ssh_cert_store="/etc/key").config("SSHCertStore"), "/etc/key")

    def test_subject(self) -> None:
        """SSHCertSubject becomes the whole subject of what it has found; with another store, the question counts."""
        server = self.server(ssh_cert_store=VECTORS / "rsa.pem")
        server.ssh_cert_subject = "www.example.com"
        self.assertEqual(server.ssh_cert_subject, RSA.subject)
        self.assertEqual(server.config("SSHCertSubject"), RSA.subject)
        server.ssh_cert_subject = "*"
        self.assertEqual(server.ssh_cert_subject, RSA.subject)
        server.ssh_cert_store = VECTORS / "ed25519.v3.ppk"
        self.assertEqual(server.ssh_cert_public_key_algorithm, "Ed25519")
        self.assertEqual(server.ssh_cert_subject, "a host key")

    def test_subject_before_the_password(self) -> None:
        """Where a setting is still missing when the subject is set, it is looked for later."""
        server = self.server(ssh_cert_store=VECTORS / "rsa.p12")
        server.ssh_cert_subject = "*"
        server.ssh_cert_store_password = "secret"
        self.assert_seen(self.client(server, "rsa-sha2-512"), RSA)
        self.assertEqual(server.ssh_cert_subject, RSA.subject)

    def test_encoded(self) -> None:
        """SSHCertEncoded tells the certificate; set, it chooses its key from the store, or brings it along."""
        pem = (VECTORS / "rsa.crt.pem").read_text()
        server = self.server(ssh_cert_store=VECTORS / "rsa.pem")
        self.assertEqual(server.ssh_cert_version, "V3")
        self.assertEqual(server.config("SSHCertEncoded"), pem)
        both = (VECTORS / "ed25519").read_bytes() + (VECTORS / "rsa.key.pem").read_bytes()
        chosen = self.server(ssh_cert_store=both, ssh_cert_encoded=pem)
        self.assert_seen(self.client(chosen, "rsa-sha2-512"), RSA)
        self.assertEqual(chosen.ssh_cert_subject, RSA.subject)
        alone = self.server(ssh_cert_encoded=(VECTORS / "rsa.pem").read_text())
        self.assert_seen(self.client(alone, "rsa-sha2-512"), RSA)
        other = self.server(ssh_cert_store=VECTORS / "ed25519", ssh_cert_encoded=pem)
        error = self.failureResultOf(other.start_listening(), ServerError).value
        self.assertEqual((error.code, "of this certificate" in error.text), (1301, True))

    def test_alternative_subject(self) -> None:
        """AltSSHCertSubject becomes the whole subject when the key is read."""
        server = self.server(alt_ssh_cert_count=1)
        server.alt_ssh_cert_store[0] = VECTORS / "rsa.pem"
        server.alt_ssh_cert_subject[0] = "*"
        self.assert_seen(self.client(server, "rsa-sha2-512"), RSA)
        self.assertEqual(server.alt_ssh_cert_subject[0], RSA.subject)

    def test_reset(self) -> None:
        """After reset() no key is named any more."""
        server = self.server(ssh_cert_store=VECTORS / "rsa.pem")
        self.assertTrue(server.ssh_cert_subject or server.ssh_cert_private_key_available)
        server.reset()
        self.assertEqual((server.ssh_cert_subject, server.ssh_cert_encoded), ("", ""))
        self.assertFalse(server.ssh_cert_private_key_available)
        self.assertFalse(server.keys.named)
