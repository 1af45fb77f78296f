"""
Logins that are bound to the host key of a connection, through a whole connection.
"""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from twisted.conch.ssh.common import NS

from conchsftp import events
from conchsftp.ssh.keys.host_keys import HostKey, HostKeys
from conchsftp.testing import MemoryClient
from tests.auth.support import FAILURE, HOST_BOUND, SUCCESS, Ed25519, bound_proof
from tests.ssh.case import ConnectionCase

KEY = Ed25519()
FIRST = HostKey(ed25519.Ed25519PrivateKey.generate())
SECOND = HostKey(ec.generate_private_key(ec.SECP256R1()))


class HostBoundTests(ConnectionCase):
    """A server with two host keys, and a handler that knows one key of a user."""

    def setUp(self) -> None:
        super().setUp()
        self.serve(host_keys=HostKeys([FIRST, SECOND]), algorithm_profile="compatible")
        self.told: list[Any] = []

        @self.server.on(events.SSHUserAuthRequest)
        def decide(event: Any) -> None:
            self.told.append((event.auth_method, event.offered))
            event.accept = event.auth_param == KEY.blob

    def log_in(self, client: MemoryClient, host_key: bytes) -> None:
        client.packet(50, bound_proof(b"user", KEY, host_key, client.session_id))
        self.clock.advance(10)
        client.pump()

    def test_advertised(self) -> None:
        """EXT_INFO says that the server knows the method (OpenSSH's PROTOCOL, 3.1)."""
        client = self.client()
        client.connect()
        self.assertEqual(client.extensions[b"publickey-hostbound@openssh.com"], b"0")

    def test_login(self) -> None:
        """The key that the exchange has shown is the right one."""
        client = self.client()
        client.connect()
        client.ask_for_login()
        self.log_in(client, client.host_key)
        client.take(SUCCESS)
        self.assertEqual(self.told, [("publickey", False)])

    def test_not_advertised(self) -> None:
        """A client that was not told of it, because it takes no EXT_INFO, may use it all the same."""
        client = self.client(ext_info=False)
        client.connect()
        self.assertEqual(client.extensions, {})
        client.ask_for_login()
        self.log_in(client, client.host_key)
        client.take(SUCCESS)

    def test_other_key_of_the_server(self) -> None:
        """Another host key of the server is not that of the connection; nobody is asked."""
        client = self.client()
        client.connect()
        client.ask_for_login()
        self.log_in(client, SECOND.blob)
        client.take(FAILURE)
        self.assertEqual(self.told, [])

    def test_after_new_keys(self) -> None:
        """The key of the first exchange counts, whichever a later one has shown."""
        for bound, answer in ((FIRST.blob, SUCCESS), (SECOND.blob, FAILURE)):
            client = self.client()
            client.connect()
            client.ask_for_login()
            client.host_key_algorithms = (SECOND.type,)
            client.rekey()
            self.assertEqual((client.exchanges, client.host_key), (2, SECOND.blob))
            self.log_in(client, bound)
            client.take(answer)

    def test_not_listed(self) -> None:
        """A refusal does not name it."""
        client = self.client()
        client.connect()
        client.ask_for_login()
        client.authenticate("user", "none")
        self.clock.advance(10)
        client.pump()
        refusal = client.take(FAILURE)
        self.assertIn(b"publickey", refusal)
        self.assertNotIn(NS(HOST_BOUND)[4:], refusal)
