"""
Host keys that a handler of Connected chooses for its connection.
"""

import shutil
from typing import Any

from conchsftp.errors import ErrorCode
from conchsftp.events import Connected, Error
from conchsftp.settings.choices import CertStoreType
from conchsftp.ssh.keys.host_keys import HostKeys
from conchsftp.testing import MemoryClient
from tests.server.test_keys import ED25519, RSA, VECTORS, KeysCase


class ChosenCase(KeysCase):
    """A server with an RSA key, and a handler that sets what a test wants."""

    def setUp(self) -> None:
        super().setUp()
        self.choice: dict[str, Any] = {}
        self.told: list[Connected] = []
        self.sftp = self.server(ssh_cert_store=VECTORS / "rsa.pem")
        self.sftp.on(Connected, self.choose)
        self.successResultOf(self.sftp.start_listening())

    def choose(self, event: Connected) -> None:
        """Handle the event."""
        self.told.append(event)
        for name, value in self.choice.items():
            setattr(event, name, value)

    def assert_refused(self) -> str:
        """Check that a connection is refused without a word of why; return the one line in the log."""
        client = MemoryClient(self.sftp.factory)
        client.connect()
        self.assertTrue(client.pipe.closed)
        self.assertEqual(client.server_version, b"")
        (line,) = self.logged
        self.logged.clear()
        return line


class ChosenKeyTests(ChosenCase):
    """What a handler sets is what the client sees."""

    def test_told(self) -> None:
        """Connected fires for each connection, with code 0 and OK, and names no key; none is chosen."""
        self.assert_seen(self.client(self.sftp, "rsa-sha2-512"), RSA)
        (event,) = self.told
        self.assertEqual((event.status_code, event.description), (0, "OK"))
        chosen = event.cert_store_type, event.cert_store, event.cert_password, event.cert_subject
        self.assertEqual(chosen, (CertStoreType.AUTO, "", "", ""))

    def test_chosen(self) -> None:
        """A file, its content as bytes or text, a locked one with its password, each by its type or by itself."""
        content = (VECTORS / "ed25519").read_bytes()
        for store, kind, password in (
            (str(VECTORS / "ed25519"), 99, ""),
            (str(VECTORS / "ed25519"), 6, ""),
            (VECTORS / "ed25519", 6, ""),
            (content, 99, ""),
            (content.decode(), 7, ""),
            (content.decode(), 99, ""),
            (str(VECTORS / "ed25519.v2.ppk"), 14, "not needed"),
        ):
            self.choice = {"cert_store": store, "cert_store_type": kind, "cert_password": password}
            self.assert_seen(self.client(self.sftp), ED25519)
        self.choice = {"cert_store": str(VECTORS / "ed25519.enc"), "cert_password": "secret"}
        self.assertTrue(self.client(self.sftp).host_key)
        self.choice = {}
        self.assert_seen(self.client(self.sftp, "rsa-sha2-512"), RSA)

    def test_subject_alone(self) -> None:
        """A subject without a store is one of SSHCertStore."""
        self.choice = {"cert_subject": "CN=www.example.com"}
        self.assert_seen(self.client(self.sftp, "rsa-sha2-512"), RSA)
        self.choice = {"cert_subject": "CN=other"}
        self.assertIn("subject", self.assert_refused())
        self.sftp.ssh_cert_store = ""
        self.assertIn("cert_store", self.assert_refused())

    def test_keeps_it(self) -> None:
        """When keys are exchanged again, it is the same host key."""
        self.choice = {"cert_store": str(VECTORS / "ed25519")}
        client = self.client(self.sftp)
        client.ask_for_login()
        client.authenticate("user", "password", b"\0\0\0\0\x08password")
        client.rekey()
        self.assertEqual(client.exchanges, 2)
        self.assert_seen(client, ED25519)

    def test_async(self) -> None:
        """A handler may take its time to find out; nothing is said to the client until then."""

        async def handler(event: Connected) -> None:
            await self.sftp.workers.run(int)
            event.cert_store = str(VECTORS / "ed25519")

        self.sftp.on(Connected, handler)
        self.reactor.threads.hold = True
        client = MemoryClient(self.sftp.factory)
        client.connect()
        self.assertEqual(client.server_version, b"")
        self.reactor.threads.finish()
        client.pump()
        self.assertEqual((client.server_version, len(self.reactor.threads)), (b"", 1))
        self.reactor.threads.finish()
        client.pump()
        self.assert_seen(client, ED25519)

    def test_does_not_show(self) -> None:
        """Neither the key nor its password shows in the repr of the event."""
        event = Connected(1, cert_store=b"a private key", cert_password="hunter2")
        self.assertNotIn("private", repr(event))
        self.assertNotIn("hunter2", repr(event))


class KeptTests(ChosenCase):
    """Thousands of connections do not load a key each."""

    def connect(self) -> MemoryClient:
        """Connect, running whatever goes to a thread; return the client."""
        client = MemoryClient(self.sftp.factory)
        client.connect()
        return client

    def test_content(self) -> None:
        """Content that was loaded once takes no thread any more; with another password it is another key."""
        self.choice = {"cert_store": (VECTORS / "ed25519.enc").read_bytes(), "cert_password": "secret"}
        first = self.connect()
        self.reactor.threads.hold = True
        for _ in range(100):
            self.assertEqual(self.connect().host_key, first.host_key)
        self.assertEqual(len(self.reactor.threads), 0)
        self.choice["cert_password"] = "wrong"
        self.connect()
        self.assertEqual(len(self.reactor.threads), 1)
        self.reactor.threads.finish()
        self.assertEqual(len(self.logged), 1)

    def test_other_type(self) -> None:
        """Content that is kept as one type of store is not taken for another one."""
        self.choice = {"cert_store": (VECTORS / "ed25519").read_bytes(), "cert_store_type": 7}
        self.assert_seen(self.connect(), ED25519)
        self.choice["cert_store_type"] = 15
        self.assert_refused()

    def test_file(self) -> None:
        """Of a file only the content is looked at again, and a new key in it counts at once."""
        path = self.copied("ed25519")
        self.choice = {"cert_store": path}
        first = self.sftp.keys.chosen.find(Connected(1, cert_store=path))
        again = self.sftp.keys.chosen.find(Connected(2, cert_store=path))
        self.assertIs(self.successResultOf(first), self.successResultOf(again))  # type: ignore[arg-type]
        self.assert_seen(self.connect(), ED25519)
        shutil.copy(VECTORS / "ed25519.enc", path)
        self.choice["cert_password"] = "secret"
        self.assertNotEqual(self.connect().host_key, ED25519.blob)

    def test_bounded(self) -> None:
        """Only the last few hundred keys are kept, those that are asked for the longest."""
        chosen = self.sftp.keys.chosen
        often = {"cert_store": (VECTORS / "ed25519").read_bytes()}
        content = (VECTORS / "ed25519").read_bytes()
        for number in range(300):
            found = chosen.find(Connected(number, **often))
            # What is not kept comes later, from a thread.
            self.assertEqual(isinstance(found, HostKeys), number > 0)
            chosen.find(Connected(number, cert_store=content + b"\n" * number))
        self.assertEqual(len(chosen._kept), 256)


class RefusedTests(ChosenCase):
    """A key that cannot be loaded refuses the connection, and only that one."""

    def test_refused(self) -> None:
        """One line in the log says why; the client is told nothing, and the next one is served."""
        for choice, word in (
            ({"cert_store": "/nowhere"}, "No such file"),
            ({"cert_store": str(VECTORS / "ed25519.pub")}, "private key"),
            ({"cert_store": str(VECTORS / "ed25519.enc"), "cert_password": "hunter2"}, "password is wrong"),
            ({"cert_store": b"nonsense", "cert_store_type": 7}, "PEM"),
            ({"cert_store": "MY", "cert_store_type": 0}, "Windows"),
            ({"cert_store": "MY", "cert_store_type": 20}, "no type 20"),
            ({"cert_store": str(VECTORS / "ecdsa")}, "SSHPublicKeyAlgorithms"),
        ):
            self.choice = choice
            line = self.assert_refused()
            self.assertIn(word, line)
            self.assertNotIn("hunter2", line)
            self.choice = {}
            self.assert_seen(self.client(self.sftp, "rsa-sha2-512"), RSA)

    def test_told(self) -> None:
        """Handlers of Error are told the documented number."""
        told: list[Error] = []
        self.sftp.on(Error, told.append)
        self.choice = {"cert_store": "/nowhere"}
        self.assert_refused()
        self.assertEqual([(error.connection_id, error.error_code) for error in told], [(1, ErrorCode.NO_HOST_KEY)])

    def test_gone_meanwhile(self) -> None:
        """A client that leaves while its key is read leaves nothing behind."""
        self.choice = {"cert_store": str(VECTORS / "ed25519")}
        self.reactor.threads.hold = True
        client = MemoryClient(self.sftp.factory)
        client.pipe.cut()
        while len(self.reactor.threads):
            self.reactor.threads.finish()
        self.assertEqual((len(self.sftp.factory.connections), self.logged), (0, []))

    def test_wrong_kind(self) -> None:
        """Something that is no store at all is the handler's mistake: the connection is refused, with a traceback."""
        self.choice = {"cert_store": 5}
        client = MemoryClient(self.sftp.factory)
        client.connect()
        self.assertTrue(client.pipe.closed)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
