"""
Which connections there are, and how many more may come.

Counts every connection from accept to loss, on whichever path it ends; so no limit leaks. Decides nothing about who a
peer is. Source: OpenSSH's MaxStartups for the limit on connections that have not logged in.
"""

from typing import Any

from conchsftp.ssh.numbers import Reason


class ConnectionTable:
    """
    The connections of one server, by number.

    Args:
        settings: `max_connections`, `max_startups`.
    """

    def __init__(self, settings: Any) -> None:
        self._settings = settings
        self._open: dict[int, Any] = {}
        # In the order of accepting: the first has had the longest time to log in.
        self._strangers: dict[int, Any] = {}
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

    def opened(self, transport: Any) -> None:
        """A connection was accepted. One too many that has not logged in makes the longest waiting one leave."""
        self._open[transport.connection_id] = transport
        self._strangers[transport.connection_id] = transport
        if len(self._strangers) > self._settings.max_startups:
            longest = next(iter(self._strangers.values()))
            del self._strangers[longest.connection_id]
            longest.sendDisconnect(Reason.TOO_MANY_CONNECTIONS, b"too many connections wait to log in")

    def logged_in(self, transport: Any) -> None:
        """A connection has logged in."""
        self._strangers.pop(transport.connection_id, None)

    def closed(self, transport: Any) -> None:
        """A connection is lost."""
        self._strangers.pop(transport.connection_id, None)
        self._open.pop(transport.connection_id, None)
