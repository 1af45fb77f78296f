"""
The way out: from a `Sender`'s staging buffer to the socket, and back-pressure from the socket to whoever writes.

A transport of ours (`conchsftp.server.sockets`) sends straight from the staging buffer; any other one takes copies and
pushes back as a producer is pushed back. Source: twisted.internet.interfaces, IPushProducer and ITransport.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from conchsftp.ssh.packets.staging import Sender

HIGH_WATER = 256 * 1024
"""Bytes laid out after which they are sent before more are made."""

_CONTROL_LIMIT = 1024 * 1024
"""What may pile up unsent before input is not read any more: answers to a peer that asks and never reads."""


@implementer(IPushProducer)
class Outlet:
    """
    Where sealed packets leave.

    Args:
        sender: whose bytes leave here.
        drained: called when everything has left and more may be made.
    """

    def __init__(self, sender: Sender, drained: Callable[[], None]) -> None:
        self._sender = sender
        self._drained = drained
        self._transport: Any = None
        self._send: Callable[[memoryview], int] | None = None
        self._reasons: set[str] = set()
        self.blocked = False
        """Whether the peer (or its network) has not taken what was sent; nothing more should be made."""

    def attach(self, transport: Any) -> None:
        """Use this transport from now on."""
        self._transport = transport
        # The class is asked: a wrapper of Twisted's (TLS, haproxy) shows the attributes of the transport inside it, and
        # what is sent to that one goes past the wrapper.
        self._send = transport.send_now if hasattr(type(transport), "send_now") else None
        if self._send is None:
            transport.registerProducer(self, True)

    def flush(self) -> None:
        """Send what is laid out, as far as the socket takes it."""
        sender = self._sender
        if self._transport is None:
            return
        if self.blocked:
            self.read(sender.waiting <= _CONTROL_LIMIT, "answers pile up")
            return
        view = sender.unsent()
        size = view.nbytes
        if not size:
            # Places may have been reserved and not used: the buffer goes back.
            sender.sent(0)
            return
        if self._send is None:
            self._transport.write(bytes(view))
            sender.sent(size)
            return
        count = self._send(view)
        sender.sent(count)
        self.blocked = count < size

    def resumeProducing(self) -> None:
        """Go on: the socket takes bytes again."""
        self.blocked = False
        self.flush()
        if not self.blocked:
            self.read(True, "answers pile up")
            self._drained()
            # Nobody else comes by to send what was made just now.
            self.flush()

    def pauseProducing(self) -> None:
        """Wait: the transport's own buffer is full."""
        self.blocked = True

    def stopProducing(self) -> None:
        """Never send again: the connection is lost."""
        self.blocked = True
        self._transport = self._send = None

    def finish(self) -> None:
        """Let go of the transport, which is about to be closed by `loseConnection`: after this nothing more is made."""
        if self._send is None and self._transport is not None:
            # Twisted closes nothing that has a producer; so it takes the rest now, full or not.
            self.blocked = False
            self.flush()
            self._transport.unregisterProducer()
        else:
            self.flush()

    def read(self, wanted: bool, reason: str) -> None:
        """
        Let the transport read, or not.

        Args:
            wanted: False to have it read nothing; True takes that back, and it reads once no other reason is left.
            reason: why not; each counts for itself.
        """
        if self._transport is None or wanted != (reason in self._reasons):
            return
        before = bool(self._reasons)
        self._reasons ^= {reason}
        if bool(self._reasons) != before:
            (self._transport.resumeProducing if before else self._transport.pauseProducing)()
