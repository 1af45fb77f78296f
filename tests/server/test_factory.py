"""
What makes transports, and what they share.
"""

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.user_auth import UserAuth
from conchsftp.ssh.connection import Connection
from conchsftp.ssh.numbers import Reason
from conchsftp.testing import MemoryClient, memory_server

ADDRESS = IPv4Address("TCP", "198.51.100.7", 49152)


class FactoryTests(SynchronousTestCase):
    """The factory of one server."""

    def test_numbers(self) -> None:
        """Every connection has a number of its own, and settings of its own over those of the server."""
        factory = memory_server(user_auth_banner="hello").factory
        first, second = factory.buildProtocol(ADDRESS), factory.buildProtocol(ADDRESS)
        self.assertEqual((first.connection_id, second.connection_id), (1, 2))
        factory.settings.set("UserAuthBanner", "only you", 1)
        self.assertEqual((first.settings.user_auth_banner, second.settings.user_auth_banner), ("only you", "hello"))

    def test_shared(self) -> None:
        """Connections share the large buffers."""
        factory = memory_server().factory
        first, second = factory.buildProtocol(ADDRESS), factory.buildProtocol(ADDRESS)
        self.assertIs(first.receiver._buffer, second.receiver._buffer)
        self.assertIs(first.sender._pool, second.sender._pool)

    def test_unknown_address(self) -> None:
        """A transport that knows no address, such as one for tests, is served as well."""
        self.assertIsNotNone(memory_server().factory.buildProtocol(None))

    def test_version(self) -> None:
        """The greeting is that of the setting, at the time of the connection."""
        server = memory_server()
        server.settings.server_ssh_version_string = "SSH-2.0-Other"
        self.assertEqual(MemoryClient(server.factory).pipe.fetch(), b"SSH-2.0-Other\r\n")

    def test_services(self) -> None:
        """The connection protocol is there for who has logged in."""
        factory = memory_server().factory
        client = MemoryClient(factory)
        self.assertIs(factory.getService(client.server, b"ssh-userauth"), UserAuth)
        self.assertIsNone(factory.getService(client.server, b"ssh-connection"))
        client.log_in()
        self.assertIs(factory.getService(client.server, b"ssh-connection"), Connection)

    def test_full(self) -> None:
        """Of more connections than MaxConnections none is accepted, until one has ended: below, at and above."""
        factory = memory_server(max_connections=3).factory
        clients = [MemoryClient(factory) for _ in range(3)]
        self.assertIsNone(factory.buildProtocol(ADDRESS))
        clients[1].pipe.cut()
        MemoryClient(factory).log_in()
        self.assertIsNone(factory.buildProtocol(ADDRESS))
        self.assertEqual(len(factory.connections), 3)

    def test_startups(self) -> None:
        """Of more strangers than MaxStartups the one who has waited longest leaves; who has logged in is none."""
        factory = memory_server(max_startups=2).factory
        user = MemoryClient(factory)
        user.log_in()
        strangers = [MemoryClient(factory) for _ in range(3)]
        for stranger in strangers[1:]:
            stranger.connect()
            self.assertIsNone(stranger.disconnected)
        strangers[0].connect()
        self.assertTrue(strangers[0].pipe.closed)
        MemoryClient(factory)
        strangers[1].pump()
        assert strangers[1].disconnected is not None
        self.assertEqual(strangers[1].disconnected[0], Reason.TOO_MANY_CONNECTIONS)
        self.assertFalse(user.pipe.closing)

    def test_nothing_to_offer(self) -> None:
        """A setting that leaves nothing to offer costs new connections, and is told in one line; the others go on."""
        server = memory_server()
        client = MemoryClient(server.factory)
        client.log_in()
        server.settings.ssh_public_key_algorithms = ("rsa-sha2-512",)
        self.assertIsNone(server.factory.buildProtocol(ADDRESS))
        client.packet(255)
        client.take(3)
        server.settings.ssh_public_key_algorithms = ()
        MemoryClient(server.factory).log_in()

    def test_start_and_stop(self) -> None:
        """Twisted starts and stops it with its ports; there is nothing to load."""
        factory = memory_server().factory
        factory.doStart()
        factory.doStart()
        factory.doStop()
        factory.doStop()
        MemoryClient(factory).log_in()
