"""
How a transport ends its connection, and who is told of that.

Whoever ends it comes here, once: what is said to the client, to the log and to those who wait. What the connection has
open is up to the transport.
"""

from collections.abc import Callable
from struct import Struct
from typing import Any

from twisted.internet.defer import Deferred

from conchsftp.errors import ErrorCode
from conchsftp.ssh.ending import CLEAN, Ending
from conchsftp.ssh.numbers import MISBEHAVIOUR, Message, Reason
from conchsftp.wire.kinds import BYTES

_U32 = Struct(">I")


class Leaving:
    """
    The part of a transport that ends it.

    Attributes:
        ending: why the connection is over, or soon will be; None while nobody has ended it.
    """

    ending: Ending | None = None
    log: Any
    gotVersion: bool
    keying: Any
    outlet: Any
    sender: Any
    timers: Any
    transport: Any
    _ended: bool
    _mourners: "tuple[Deferred[None], ...]" = ()

    def end_as(self, status_code: int, description: str) -> None:
        """Have the end that comes now told as this one; the first one that says so counts."""
        self.ending = self.ending or Ending(status_code, description)

    def sendDisconnect(self, reason: int, desc: bytes, code: int = ErrorCode.ECONNABORTED) -> None:
        """
        Say why, once, and close; nothing that comes after it is looked at.

        Args:
            code: the documented number of this, unless `ending` says it already.
        """
        if self._ended:
            return
        text = desc.decode("utf-8", "replace")
        self.ending = self.ending or Ending(code, text)
        if reason in MISBEHAVIOUR:
            self.log.warn("disconnecting: {text}", text=text, error_code=code, step=True)
        else:
            self.log.info("disconnecting: {text}", text=text, step=True)
        if self.gotVersion:
            self.sender.packet(bytes((Message.DISCONNECT,)) + _U32.pack(reason) + BYTES.pack(desc) + BYTES.pack(b""))
        self._end()

    def loseConnection(self) -> None:
        """Close from our side, as an application asks for."""
        self.ending = self.ending or CLEAN
        self.sendDisconnect(Reason.BY_APPLICATION, b"connection closed by the server")

    def _end(self) -> None:
        self._ended = True
        self.keying.stop()
        self.outlet.finish()
        self.timers.stop()
        if self.transport is not None:
            self.transport.loseConnection()
            cut = getattr(self.transport, "abortConnection", None)
            if cut is not None:
                self.timers.linger(cut)

    def _expired(self, text: str) -> None:
        self.sendDisconnect(Reason.BY_APPLICATION, text.encode(), ErrorCode.ETIMEDOUT)

    def gone(self) -> "Deferred[None]":
        """Return a Deferred that fires when the connection is lost."""
        mourner: Deferred[None] = Deferred()
        self._mourners = (*self._mourners, mourner)
        return mourner

    def _mourn(self) -> None:
        mourners, self._mourners = self._mourners, ()
        for mourner in mourners:
            mourner.callback(None)

    def _tell(self, listener: Callable[[], None]) -> None:
        """Tell somebody of the loss; a failure there is no reason not to tell the others."""
        try:
            listener()
        except Exception:
            self.log.failure("the end of the connection went wrong")
