"""
Behind a proxy: whose address counts, and what the log says when the PROXY header is not as it should be.
"""

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.logger import LogLevel, globalLogPublisher

from conchsftp.errors import ServerError
from conchsftp.events import Connected, ConnectionRequest
from conchsftp.server.proxied import ProxiedFactory
from conchsftp.ssh.peers import called
from conchsftp.testing import MemoryClient, memory_server
from conchsftp.testing.memory import MemoryPipe
from tests.bugs.classes import bug_class
from tests.ssh.case import ConnectionCase

LINE = b"PROXY TCP4 192.0.2.33 198.51.100.7 4444 22\r\n"
BINARY = bytes.fromhex("0d0a0d0a000d0a515549540a 21 11 000c  c0000221 c6336407  115c 0016")
UNKNOWN = b"PROXY UNKNOWN\r\n"
LOCAL = bytes.fromhex("0d0a0d0a000d0a515549540a 20 00 0000")


class ProxyPipe(MemoryPipe):
    """A socket that is read in the ordinary way until the protocol lends a buffer."""

    def deliver(self) -> bool:
        if hasattr(self.protocol, "lend"):
            return super().deliver()
        if not self._to_server or self.closing or self.closed:
            return False
        data = bytes(self._to_server[: self.chunk])
        del self._to_server[: len(data)]
        self.protocol.dataReceived(data)
        return True

    def fetch(self, most: int | None = None) -> bytes:
        if hasattr(self.protocol, "outlet"):
            return super().fetch(most)
        if self.closing:
            self.cut()
        return b""


class ProxyClient(MemoryClient):
    """What comes through a proxy."""

    pipe_class = ProxyPipe


@bug_class(35)
class ProxyCase(ConnectionCase):
    """A port behind a proxy."""

    def setUp(self) -> None:
        super().setUp()
        self.lines: list[tuple[LogLevel, str]] = []
        globalLogPublisher.addObserver(self.note)
        self.addCleanup(globalLogPublisher.removeObserver, self.note)
        self.serve()
        self.port = ProxiedFactory(self.factory)

    def serve(self, **settings: Any) -> Any:
        """Make the server, which knows the proxy."""
        return super().serve(**{"trusted_proxies": "198.51.100.0/24", **settings})

    def note(self, event: Any) -> None:
        if str(event.get("log_namespace", "")).startswith("conchsftp"):
            self.lines.append((event["log_level"], event["log_format"].format(**event)))

    def proxied(self, header: bytes = b"", **options: Any) -> ProxyClient:
        """Return a client whose proxy has sent so much."""
        client = ProxyClient(self.port, **options)
        if header:
            client.pipe.bring(header)
            client.pipe.deliver()
        client.server = client.pipe.protocol
        return client

    def assert_nothing_left(self) -> None:
        self.assertEqual((len(self.factory.connections), len(self.port.waiting)), (0, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def visible(self) -> list[str]:
        """What an operator sees who does not ask for more."""
        return [text for level, text in self.lines if level > LogLevel.debug]


class ClientAddressTests(ProxyCase):
    """A header that is right."""

    def test_logs_and_events(self) -> None:
        """The client's address is that of the header: in events, in checkers, and in every line of the log."""
        seen: list[Any] = []
        self.server.on(ConnectionRequest, lambda event: seen.append((event.address, event.port)))
        self.server.on(Connected, lambda event: seen.append("connected"))
        for header in (LINE, BINARY):
            client = self.proxied(header)
            client.log_in()
            self.assertEqual(seen, [("192.0.2.33", 4444), "connected"])
            self.assertEqual(called(client.server.transport.getPeer()), "192.0.2.33:4444")
            self.assertEqual(client.server.getPeer().address.host, "192.0.2.33")
            client.disconnect()
            seen.clear()
            self.assert_nothing_left()
        self.assertTrue(self.visible())
        for text in self.visible():
            self.assertIn("192.0.2.33]", text)

    def test_in_pieces(self) -> None:
        """It may come in pieces, or together with what the client says first."""
        for chunk in (1, 7, 1 << 16):
            client = ProxyClient(self.port, chunk=chunk)
            client.pipe.bring(LINE + b"SSH-2.0-client\r\n")
            while client.pipe.deliver():
                pass
            self.assertEqual(client.pipe.protocol.otherVersionString, b"SSH-2.0-client")
            client.pipe.cut()
        self.assert_nothing_left()

    def test_greeting_waits(self) -> None:
        """Nothing is said, and nobody is asked, before the header is there; then the client need not speak first."""
        asked: list[Any] = []
        self.server.on(ConnectionRequest, asked.append)
        client = self.proxied(LINE[:10])
        self.assertEqual((asked, bytes(client.pipe._to_client)), ([], b""))
        client.pipe.bring(LINE[10:])
        client.pipe.deliver()
        self.assertEqual(len(asked), 1)
        self.assertTrue(bytes(client.pipe._to_client).startswith(b"SSH-2.0-"))

    def test_unknown(self) -> None:
        """Where the proxy cannot say, or speaks for itself, its own address stands for the client's."""
        for header in (UNKNOWN, LOCAL):
            client = self.proxied(header)
            client.log_in()
            self.assertEqual(called(client.server.transport.getPeer()), "198.51.100.7:49152")
            client.disconnect()

    def test_full(self) -> None:
        """Limits hold as on any port."""
        self.serve(max_connections=1)
        self.port = ProxiedFactory(self.factory)
        self.proxied(LINE).log_in()
        self.assertTrue(self.proxied(LINE).pipe.closing)


class TrustedTests(ProxyCase):
    """Whose header is believed."""

    def reached(self, host: str, header: bytes = LINE) -> bool:
        """Return whether a host is believed; the log has one line that says so if not."""
        self.lines.clear()
        peer = (IPv6Address if ":" in host else IPv4Address)("TCP", host, 49152)
        protocol = self.port.buildProtocol(peer)
        if protocol is None:
            (told,) = self.visible()
            self.assertIn("TrustedProxies does not name it", told)
            self.assertIn(called(peer), told)
        else:
            self.assertEqual(self.lines, [])
            ProxyPipe(protocol, peer=peer).cut()
        return protocol is not None

    def test_named(self) -> None:
        """Hosts that the setting names are, others are not; as it is when they connect."""
        self.assertTrue(self.reached("198.51.100.7"))
        self.assertTrue(self.reached("::ffff:198.51.100.7"))
        for host in ("127.0.0.1", "198.51.101.7", "2001:db8::1"):
            self.assertFalse(self.reached(host))
        self.server.trusted_proxies = ["2001:db8::/64"]
        self.assertTrue(self.reached("2001:db8::1"))
        self.assertFalse(self.reached("198.51.100.7"))
        self.assert_nothing_left()

    def test_default(self) -> None:
        """This machine alone, unless something is said."""
        self.serve(trusted_proxies="127.0.0.0/8,::1")
        self.assertEqual(self.server.trusted_proxies, memory_server().trusted_proxies)
        self.port = ProxiedFactory(self.factory)
        for host in ("127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"):
            self.assertTrue(self.reached(host))
        for host in ("10.0.0.1", "192.168.0.1", "fe80::1", "::2"):
            self.assertFalse(self.reached(host))

    def test_nobody(self) -> None:
        """An empty list names nobody; who comes through a local socket is let in by its file."""
        self.serve(trusted_proxies="")
        self.port = ProxiedFactory(self.factory)
        self.assertFalse(self.reached("127.0.0.1"))
        self.assertIsNotNone(self.port.buildProtocol(UNIXAddress(None)))

    def test_addresses(self) -> None:
        """Names are no addresses: who owns one could pass for the proxy."""
        self.assertRaises(ServerError, setattr, self.server, "trusted_proxies", "proxy.example.com")


class MisconfiguredTests(ProxyCase):
    """A header that is missing, or unexpected."""

    def test_missing(self) -> None:
        """A client that does not come through the proxy is cut off, with one line that says what was expected."""
        for data in (b"SSH-2.0-OpenSSH_9.2\r\n", b"GET / HTTP/1.0\r\n\r\n", b"PROXY nonsense\r\n", bytes(300)):
            self.lines.clear()
            client = self.proxied(data)
            self.assertTrue(client.pipe.closed)
            (told,) = self.visible()
            self.assertTrue(told.startswith("198.51.100.7"), told)
            self.assertIn("a PROXY header expected", told)
            self.assertLess(len(told), 250)
            self.assert_nothing_left()

    def test_silence(self) -> None:
        """A peer that says nothing is not waited for without end, and the log says what did not come."""
        client = self.proxied()
        self.clock.advance(10.0)
        self.assertTrue(client.pipe.closed)
        (told,) = self.visible()
        self.assertIn("a PROXY header expected: none came within 10 seconds", told)
        self.assert_nothing_left()

    def test_port_closed(self) -> None:
        """Who has not sent a header when the port is closed becomes no session of a server that has stopped."""
        self.port.doStart()
        silent, begun = self.proxied(), self.proxied(LINE[:20])
        self.port.doStop()
        self.assertEqual([each.pipe.closed for each in (silent, begun)], [True, True])
        self.assertEqual(self.visible(), [])
        self.assert_nothing_left()

    def test_crowd(self) -> None:
        """Peers that say nothing do not keep others out."""
        self.serve(max_startups=5)
        self.port = ProxiedFactory(self.factory)
        silent = [self.proxied() for _ in range(8)]
        self.assertEqual([client.pipe.closed for client in silent], [True] * 3 + [False] * 5)
        self.proxied(LINE).log_in()

    def test_probes(self) -> None:
        """Health checks fill no log: neither one that only connects, nor one that sends its header and goes."""
        for header in (b"", LINE, LOCAL, UNKNOWN):
            for _ in range(3):
                self.proxied(header).pipe.cut()
        for _ in range(3):
            self.client().pipe.cut()
        self.assertEqual(self.lines, [])
        self.assert_nothing_left()

    def test_half_a_header(self) -> None:
        """One that was cut off is told of."""
        self.proxied(LINE[:20]).pipe.cut()
        self.assertEqual(len(self.visible()), 1)
        self.assert_nothing_left()

    def test_unexpected(self) -> None:
        """A header on a port that is not behind a proxy is told of as what it is."""
        client = self.client()
        client.raw(LINE + client.version + b"\r\n")
        self.assertTrue(client.pipe.closed)
        self.assertTrue(any("PROXY header" in text for text in self.visible()), self.visible())


@bug_class(35)
class ListeningTests(ProxyCase):
    """The endpoint string."""

    def test_endpoint(self) -> None:
        """`haproxy:` before an endpoint makes its port one behind a proxy; others stay as they are."""
        self.serve(listen=["haproxy:tcp:2222:interface=127.0.0.1", "tcp:2223"])
        self.successResultOf(self.server.start_listening())
        (port, first, backlog, interface), (other, second, *_) = [each[:4] for each in self.clock.tcpServers]
        self.assertIsInstance(first, ProxiedFactory)
        self.assertIs(second, self.factory)
        self.assertEqual((port, interface, other), (2222, "127.0.0.1", 2223))
        self.assertEqual(backlog, self.server.settings.connection_backlog)
