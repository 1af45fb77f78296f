"""
The log of one connection: each line says which connection it is about, and who is there.

Takes lines and decides nothing: whether a line is shown, and who is told of it, is up to the observer, which belongs to
the server (`server/log.py`). Behind Conch's own SFTP server there is none, and lines go to Twisted's log as they are.
"""

from enum import IntEnum
from typing import Any

from twisted.logger import Logger
from twisted.logger import LogLevel as Severity

PREFIX = "[{who}] "
"""How the line of a connection begins."""


class Detail(IntEnum):
    """How much is logged. The numbers are those that the component documents for LogLevel."""

    NONE = 0
    """Nothing but mistakes of the server itself, in Twisted's log."""
    INFO = 1
    """Connections, logins, refusals, uploads, and what went wrong."""
    VERBOSE = 2
    """Also downloads, each request and how it ended, and each step of SSH."""
    DEBUG = 3
    """Also the name and size of each packet."""


# What nobody is told of below some level of detail; Error tells of everything else at any.
_ORDINARY = {Severity.debug: Detail.DEBUG, Severity.info: Detail.INFO}


def printable(text: str) -> str:
    """Return text of a peer that cannot break a line of the log, or turn it around."""
    return text if text.isprintable() else ascii(text)[1:-1]


class ConnectionLog(Logger):
    """
    Writes lines about one connection.

    Args:
        connection_id: its number; 0 where there is none.
        host: the address of the client.
        observer: takes the lines; None: Twisted's log.

    Attributes:
        user: who has logged in; empty before that.
        connected: whether handlers have been told of Connected: steps before that are lines, and no SSHStatus.
    """

    def __init__(self, connection_id: int = 0, host: str = "", observer: Any = None, *, user: str = "") -> None:
        super().__init__("conchsftp", observer=observer)
        self._server = observer
        self.connection_id = connection_id
        self.host = host
        self.user = user
        self.connected = False

    def __get__(self, instance: object, owner: type | None = None) -> "ConnectionLog":
        return self

    @property
    def detail(self) -> Detail:
        """How much is wanted, now. Ask before work that only the log needs."""
        detail: Detail = Detail.INFO if self._server is None else self._server.detail
        return detail

    @property
    def follows(self) -> bool:
        """Whether anybody wants to know of the steps of SSH."""
        return self._server is not None and self._server.follows

    @property
    def who(self) -> str:
        """The connection as lines name it: `3 alice@192.0.2.3`; what is not known is left out."""
        place = "@".join(part for part in (printable(self.user), self.host) if part)
        return f"{self.connection_id or ''} {place}".strip()

    def emit(self, level: Any, format: str | None = None, **fields: object) -> None:
        """Write a line; where nobody wants it, the effort is spared."""
        if not self.connected:
            fields.pop("step", None)
        if level in _ORDINARY and "step" not in fields and "error_code" not in fields:
            if self.detail < fields.get("log_detail", _ORDINARY[level]):  # type: ignore[operator]
                return
        fields.setdefault("who", self.who)
        super().emit(level, PREFIX + (format or ""), connection_id=self.connection_id, **fields)

    def verbose(self, format: str, **fields: object) -> None:
        """Write a line of the second level, between info and debug."""
        self.emit(Severity.debug, format, log_detail=Detail.VERBOSE, **fields)

    def status(self, format: str, **fields: object) -> None:
        """Tell of a step of SSH: an `SSHStatus`, and a line of the second level."""
        if self.follows:
            fields["step"] = True
            self.verbose(format, **fields)

    def secret(self, format: str, secret: Any, **fields: object) -> None:
        """
        Tell of a secret, on the third level: `{secret}` is masked, but in the Log events of a server that unmasks it.

        Args:
            secret: a `Secret`; its value goes into no line.
        """
        self.emit(Severity.debug, format, log_detail=Detail.DEBUG, secret=secret, **fields)
