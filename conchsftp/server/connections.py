"""
Which connections there are, and how many more may come.

Counts every connection from accept to loss, on whichever path it ends; so no limit leaks. Decides nothing about who a
peer is. Source: OpenSSH's MaxStartups for the limit on connections that have not logged in.
"""

from typing import Any

from conchsftp.settings.penalties import source_of
from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.peers import host_of


class ConnectionFacts:
    """
    What is known of one connection, as it is now.

    Attributes:
        transport: the connection.
    """

    def __init__(self, transport: Any) -> None:
        self.transport = transport

    @property
    def connection_id(self) -> int:
        """Its number; never given twice in the life of a server."""
        number: int = self.transport.connection_id
        return number

    @property
    def user(self) -> str:
        """Who has logged in; empty before that."""
        return self.transport.user_name or ""

    @property
    def local_address(self) -> str:
        """The address at which the client has reached the server."""
        return host_of(self.transport.transport.getHost())

    @property
    def remote_host(self) -> str:
        """The address of the client."""
        return host_of(self.transport.transport.getPeer())

    @property
    def remote_port(self) -> int:
        """The TCP port of the client; 0 if it came another way."""
        return int(getattr(self.transport.transport.getPeer(), "port", 0))

    @property
    def client_version(self) -> str:
        """The SSH version string of the client; empty until it has come."""
        line: bytes = self.transport.otherVersionString
        return line.decode("ascii", "replace")

    @property
    def protocol_version(self) -> int:
        """The version of SFTP that was agreed on; 0 before that."""
        channels = getattr(self.transport.service, "channels", {})
        return max((channel.sftp_version for channel in channels.values()), default=0)

    @property
    def timeout(self) -> float:
        """Seconds that it may be idle before it is ended; 0: any time."""
        seconds: float = self.transport.timers.timeout
        return seconds

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self.transport.timers.timeout = seconds

    @property
    def strict(self) -> bool:
        """Whether strict key exchange was negotiated."""
        return bool(self.transport.strict)


class ConnectionTable:
    """
    The connections of one server, by number.

    Args:
        settings: `max_connections`, `max_startups`, `per_source_max_startups`, `per_source_penalty_exempt_list`,
            `per_source_net_block_size`; they forget who is gone.
    """

    def __init__(self, settings: Any) -> None:
        self._settings = settings
        self._open: dict[int, Any] = {}
        # Those of each source in the order of accepting: the first has had the longest time to log in.
        self._strangers: dict[Any, dict[int, Any]] = {}
        self._sources: dict[int, Any] = {}
        self._next = 1

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Any:
        return iter(list(self._open.values()))

    @property
    def full(self) -> bool:
        """Whether no further connection may be accepted."""
        return len(self._open) >= self._settings.max_connections

    def number(self) -> int:
        """Return the number of the next connection; never given twice."""
        number, self._next = self._next, self._next + 1
        return number

    def get(self, number: int) -> Any:
        """Return the transport of a connection, or None."""
        return self._open.get(number)

    def crowded(self, address: str) -> bool:
        """Return whether as many of the source of an address as PerSourceMaxStartups allows have not logged in."""
        most = self._settings.per_source_max_startups
        if not most or self._settings.per_source_penalty_exempt_list.has_address(address):
            return False
        source = source_of(address, self._settings.per_source_net_block_size)
        return source is not None and len(self._strangers.get(source, ())) >= most

    def opened(self, transport: Any) -> None:
        """A connection was accepted. One too many that has not logged in makes another one leave."""
        number = transport.connection_id
        self._open[number] = transport
        source = source_of(host_of(transport.transport.getPeer()), self._settings.per_source_net_block_size)
        self._sources[number] = source
        self._strangers.setdefault(source, {})[number] = transport
        if len(self._sources) > self._settings.max_startups:
            # Of the source that has the most: who opens hundreds takes the places of nobody else.
            most = max(self._strangers.values(), key=lambda each: (len(each), -next(iter(each))))
            longest = next(iter(most.values()))
            self._no_stranger(longest)
            longest.sendDisconnect(Reason.TOO_MANY_CONNECTIONS, b"too many connections wait to log in")

    def logged_in(self, transport: Any) -> None:
        """A connection has logged in."""
        self._no_stranger(transport)

    def _no_stranger(self, transport: Any) -> None:
        number = transport.connection_id
        if number in self._sources:
            source = self._sources.pop(number)
            del self._strangers[source][number]
            if not self._strangers[source]:
                del self._strangers[source]

    def closed(self, transport: Any) -> None:
        """A connection is lost."""
        self._no_stranger(transport)
        self._open.pop(transport.connection_id, None)
        self._settings.forget(transport.connection_id)
