"""
Ports behind a proxy: a connection becomes one of the server when its PROXY header has told who the client is.

Twisted's own wrapper makes the protocol at once: then logs, events and limits see the proxy. Who is believed, the
setting TrustedProxies says: whoever writes a header can pass for any client.
"""

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol, ServerFactory

from conchsftp.server.proxy_header import ProxyHeader, read_proxy_header
from conchsftp.ssh.peers import called

# A proxy sends the header at once, with the first packet.
_HEADER_SECONDS = 10.0


class ProxiedFactory(ServerFactory):
    """
    What a port behind a proxy is given.

    Args:
        inner: the factory of the server: asked for a protocol when the client's address is known.
    """

    noisy = False

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.waiting: dict[HeaderProtocol, None] = {}
        """Connections that have not sent their header, the first one first."""

    def doStart(self) -> None:
        """A port is opened."""
        self.inner.doStart()

    def doStop(self) -> None:
        """A port is closed; who waits would become a session of a server that has stopped."""
        for waiting in list(self.waiting):
            waiting.leave()
        self.inner.doStop()

    def buildProtocol(self, addr: Any) -> "HeaderProtocol | None":
        """Make what waits for the header of who is believed; one too many makes the longest waiting one leave."""
        if not self._believes(addr):
            text = "{peer}: refused: a PROXY header of this host is not believed, TrustedProxies does not name it"
            self.inner.log.own.warn(text, peer=called(addr))
            return None
        if len(self.waiting) >= self.inner.settings.max_startups:
            next(iter(self.waiting)).give_up("too many connections wait for one")
        return HeaderProtocol(self)

    def _believes(self, addr: Any) -> bool:
        # What has no host is a local socket: its file says who may connect.
        host = getattr(addr, "host", None)
        return host is None or self.inner.settings.trusted_proxies.has_address(host)


class HeaderProtocol(Protocol):
    """
    A connection until its header is there.

    Args:
        factory: what it was made by.
    """

    transport: Any

    def __init__(self, factory: ProxiedFactory) -> None:
        self.factory: Any = factory
        self._data = b""
        self._over = False
        self._limit: IDelayedCall | None = None

    @property
    def _log(self) -> Any:
        return self.factory.inner.log.own

    def connectionMade(self) -> None:
        """Wait, and not for ever."""
        self._peer = called(self.transport.getPeer())
        self.factory.waiting[self] = None
        text = f"none came within {_HEADER_SECONDS:.0f} seconds"
        self._limit = self.factory.inner.clock.callLater(_HEADER_SECONDS, self.give_up, text)

    def dataReceived(self, data: bytes) -> None:
        """Take a part of the header, or more than that."""
        if self._over:
            return
        self._data += data
        try:
            header = read_proxy_header(self._data)
        except ValueError:
            begin = self._data[:32].decode("ascii", "backslashreplace")
            self.give_up(f"{begin!r} came; a client that is not sent on by the proxy?")
            return
        if header is not None:
            self._end()
            self._hand_over(header)

    def connectionLost(self, reason: Any = None) -> None:
        """It was a probe, if nothing came."""
        if not self._over:
            self._end()
            log = self._log.warn if self._data else self._log.debug
            log("{peer}: gone before its PROXY header was there", peer=self._peer)

    def give_up(self, text: str) -> None:
        """Close, and say why in the log; there is nobody to tell it to."""
        self._log.warn("{peer}: a PROXY header expected: {text}", peer=self._peer, text=text)
        self.leave()

    def leave(self) -> None:
        """Close; what still comes is not looked at."""
        self._end()
        self.transport.abortConnection()

    def _end(self) -> None:
        self._over = True
        self.factory.waiting.pop(self, None)
        if self._limit is not None and self._limit.active():
            self._limit.cancel()

    def _hand_over(self, header: ProxyHeader) -> None:
        """Let the server have the socket, which from now on knows the client for its peer."""
        transport, rest = self.transport, self._data[header.size :]
        peer = transport.getPeer()
        if header.host:
            kind = IPv6Address if ":" in header.host else IPv4Address
            peer = kind("TCP", header.host, header.port)
            transport.getPeer = lambda: peer
        protocol = self.factory.inner.buildProtocol(peer)
        if protocol is None:
            transport.loseConnection()
            return
        transport.protocol = protocol
        protocol.makeConnection(transport)
        if rest:
            protocol.dataReceived(rest)
