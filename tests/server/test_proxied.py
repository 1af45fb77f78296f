"""
A connection behind a proxy, over a real socket: from its header on it is one like any other.
"""

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import Logger

from conchsftp.server.proxied import ProxiedFactory
from tests.server.test_sockets import Direct, SocketCase, pattern


class Inner(Direct):
    """What the server makes of the connection."""

    def __init__(self) -> None:
        super().__init__()
        self.early = b""

    def dataReceived(self, data: bytes) -> None:
        self.early += data


class HandOverTests(SocketCase):
    def setUp(self) -> None:
        super().setUp()
        self.made: list[Any] = []
        self.inner = Inner()
        settings = SimpleNamespace(max_startups=10)
        self.clock = Clock()
        self.port = ProxiedFactory(
            SimpleNamespace(
                settings=settings, clock=self.clock, buildProtocol=self.build, log=SimpleNamespace(own=Logger())
            )
        )

    def build(self, peer: Any) -> Inner:
        self.made.append(peer)
        return self.inner

    def test_hand_over(self) -> None:
        """The protocol lends its buffer to the socket, sends past Twisted's, and knows the client for its peer."""
        server = self.connect(self.port.buildProtocol(None))
        self.client.sendall(b"PROXY TCP6 2001:db8::1 2001:db8::2 4444 22\r\nSSH")
        server.doRead()
        self.assertEqual((self.made[0].host, server.getPeer().port, self.inner.early), ("2001:db8::1", 4444, b"SSH"))
        self.client.sendall(b"hello")
        server.doRead()
        self.assertEqual((self.inner.counts, bytes(self.inner.buffer[:5])), ([5], b"hello"))
        data = pattern(300_000)
        self.inner.say(data)
        self.assertTrue(self.inner.outlet.blocked)
        self.assertEqual(self.read_all(server, len(data)), data)
        self.assertFalse(self.inner.outlet.blocked)
        self.assertEqual(self.clock.getDelayedCalls(), [])
