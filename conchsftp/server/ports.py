"""
Where the server listens: endpoint strings, as they are given or made of the documented settings.

Nothing is accepted here. Twisted's strings have no word for "IPv6 only", for both protocols on one port, or for a port
that is shared: there the socket is made here, and the reactor adopts it. Source: ipv6(7), socket(7).
"""

import socket
from errno import EADDRNOTAVAIL, EAFNOSUPPORT
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from zope.interface import implementer

from conchsftp.errors import ServerError
from conchsftp.server.proxied import ProxiedFactory
from conchsftp.settings.choices import IPVersions

_TCP = ("tcp", "tcp4", "tcp6")
# As Twisted names it; how the header is read is our own affair.
_PROXIED = "haproxy:"
_NO_IPV6 = (EAFNOSUPPORT, EADDRNOTAVAIL)


def endpoints(settings: Any, reactor: Any) -> list[tuple[str, Any]]:
    """
    Return where to listen: for each place how to call it, and its endpoint.

    Raises:
        ServerError: an entry of Listen is no endpoint.
    """
    strings = endpoint_strings(settings)
    if not settings.listen and _takes_a_socket(settings):
        return [(strings[0], SocketEndpoint(reactor, settings))]
    return [(each, _parsed(reactor, each, settings.connection_backlog)) for each in strings]


def endpoint_strings(settings: Any) -> list[str]:
    """Return where to listen: Listen, or an endpoint string made of LocalHost and LocalPort."""
    if settings.listen:
        return list(settings.listen)
    host = settings.local_host.replace("\\", "\\\\").replace(":", "\\:")
    kind = "tcp6" if "\\:" in host or settings.use_ipv6 is not IPVersions.IPV4 else "tcp"
    interface = f":interface={host}" if host else ""
    return [f"{kind}:{settings.local_port}{interface}"]


def _takes_a_socket(settings: Any) -> bool:
    address_is_given = ":" in settings.local_host
    return not settings.bind_exclusively or settings.use_ipv6 is not IPVersions.IPV4 and not address_is_given


def _parsed(reactor: Any, description: str, backlog: int) -> Any:
    """Return the endpoint of a string; a TCP one that does not say its backlog gets ours: Twisted's is short."""
    plain = description.removeprefix(_PROXIED)
    kind = plain.partition(":")[0]
    full = f"{plain}:backlog={backlog}" if kind in _TCP and "backlog=" not in plain else plain
    try:
        endpoint = serverFromString(reactor, full)
    except (ValueError, TypeError, LookupError, ImportError) as problem:
        # The last: a kind of endpoint that takes a library which is not installed.
        raise ServerError(0, f"{description}: not an endpoint: {problem}") from None
    return endpoint if plain == description else ProxiedEndpoint(endpoint)


@implementer(IStreamServerEndpoint)
class ProxiedEndpoint:
    """
    Another endpoint, whose connections begin with a PROXY header.

    Args:
        endpoint: the other one.
    """

    def __init__(self, endpoint: Any) -> None:
        self._endpoint = endpoint

    def listen(self, factory: Any) -> "Deferred[IListeningPort]":
        """Open the port."""
        listening: Deferred[IListeningPort] = self._endpoint.listen(ProxiedFactory(factory))
        return listening


@implementer(IStreamServerEndpoint)
class SocketEndpoint:
    """
    A TCP port of which Twisted's strings cannot say all that the settings do.

    Args:
        reactor: adopts the socket (IReactorSocket).
        settings: `local_host`, `local_port`, `use_ipv6`, `bind_exclusively`, `connection_backlog`.
    """

    def __init__(self, reactor: Any, settings: Any) -> None:
        self._reactor = reactor
        self._host: str = settings.local_host
        self._port: int = settings.local_port
        self._versions: IPVersions = settings.use_ipv6
        self._exclusively: bool = settings.bind_exclusively
        self._backlog: int = settings.connection_backlog

    def listen(self, factory: Any) -> "Deferred[IListeningPort]":
        """Open the port; the Deferred fails with CannotListenError."""
        return execute(self._listen, factory)

    def _listen(self, factory: Any) -> IListeningPort:
        bound = self._bound()
        try:
            port: IListeningPort = self._reactor.adoptStreamPort(bound.fileno(), bound.family, factory)
        finally:
            # The reactor has a descriptor of its own.
            bound.close()
        return port

    def _bound(self) -> socket.socket:
        try:
            if self._host:
                family, address = _resolved(self._host, self._port, self._versions)
                return self._bind(family, address, alone=True)
            if self._versions is not IPVersions.IPV4:
                alone = self._versions is IPVersions.IPV6
                try:
                    return self._bind(socket.AF_INET6, ("::", self._port), alone=alone)
                except OSError as problem:
                    # "If IPv6 is not available on the system, only IPv4 will be used."
                    if alone or problem.errno not in _NO_IPV6:
                        raise
            return self._bind(socket.AF_INET, ("", self._port))
        except OSError as problem:
            raise CannotListenError(self._host, self._port, problem) from None

    def _bind(self, family: int, address: Any, *, alone: bool = False) -> socket.socket:
        """Return a listening socket; `alone` keeps IPv4 out of one of IPv6."""
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setblocking(False)
            # A server that is started again must not wait until the system forgets its old connections.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if not self._exclusively:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, alone)
            bound.bind(address)
            bound.listen(self._backlog)
        except BaseException:
            bound.close()
            raise
        return bound


def _resolved(host: str, port: int, versions: IPVersions) -> tuple[int, Any]:
    """Return family and address of a host; an address says itself of which kind it is."""
    family = socket.AF_UNSPEC
    if ":" not in host and versions is not IPVersions.BOTH:
        family = socket.AF_INET if versions is IPVersions.IPV4 else socket.AF_INET6
    row = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return row[0], row[4]
