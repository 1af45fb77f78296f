"""
The socket of an accepted connection: received into and sent from the buffers of the SSH layer, without a copy.

`DirectServer` is Twisted's server transport with another `doRead` and `doWrite`; it works under every reactor that
Twisted's own does. A listening port uses it once `direct()` has seen it; a port that is none of Twisted's TCP ports
(TLS, a wrapper) is left alone and takes the ordinary road through `dataReceived` and `write`.
"""

import socket
from typing import Any

from twisted.internet import main, tcp
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IListeningPort


class SocketLost(ConnectionLost):
    """
    A connection is lost, and the system has said why.

    Attributes:
        errno: its number.
        strerror: its text.
    """

    def __init__(self, problem: OSError) -> None:
        super().__init__(problem.strerror)
        self.errno = problem.errno
        self.strerror = problem.strerror


class DirectServer(tcp.Server):
    """A TCP connection whose protocol lends and takes whole buffers, if it can (`lend`, `received`, `outlet`)."""

    def doRead(self) -> Any:
        """Receive into what the protocol lends."""
        protocol: Any = self.protocol
        lend = getattr(protocol, "lend", None)
        if lend is None:
            return super().doRead()
        try:
            count = self.socket.recv_into(lend())
        except BlockingIOError:
            return None
        except OSError as problem:
            return SocketLost(problem)
        if not count:
            return main.CONNECTION_DONE
        protocol.received(count)
        return None

    def send_now(self, view: memoryview) -> int:
        """Send at once what the socket takes and return how much; the rest is asked for again when it takes more."""
        count = 0
        # Bytes that went through write() must not be overtaken.
        if self.connected and not self.dataBuffer and not self._tempDataBuffer:
            try:
                count = self.socket.send(view)
            except BlockingIOError:
                pass
            except OSError:
                # The reactor finds out at the next read and reports the loss; nothing is reported twice.
                return view.nbytes
        if count < view.nbytes:
            self.startWriting()
        return count

    def doWrite(self) -> Any:
        """Go on sending when the socket takes bytes again."""
        outlet = getattr(self.protocol, "outlet", None)
        if outlet is None:
            return super().doWrite()
        if self.dataBuffer or self._tempDataBuffer:
            result = super().doWrite()
            if outlet.blocked and self.connected and result in (None, main.CONNECTION_DONE):
                # The outlet's bytes have their turn after these, also where the connection is to be closed.
                self.startWriting()
                return None
            return result
        outlet.resumeProducing()
        if outlet.blocked or not self.connected:
            return None
        self.stopWriting()
        return self._postLoseConnection() if self.disconnecting else None


def direct(port: IListeningPort) -> IListeningPort:
    """Let connections accepted from now on use `DirectServer`; return the port."""
    if isinstance(port, tcp.Port) and port.transport is tcp.Server:
        port.transport = DirectServer
    return port


def apply_options(transport: Any, settings: Any) -> None:
    """
    Set the documented socket options on an accepted connection; what is not a TCP socket is left alone.

    Args:
        settings: `tcp_no_delay`, `in_buffer_size`, `out_buffer_size` (bytes, 0: the system's) and the keep-alive
            times (milliseconds, rounded up to whole seconds as the kernel counts them).
    """
    handle = getattr(transport, "getHandle", None)
    if handle is None or not isinstance(handle(), socket.socket):
        return
    sock = handle()
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, settings.tcp_no_delay)
    for option, size in ((socket.SO_RCVBUF, settings.in_buffer_size), (socket.SO_SNDBUF, settings.out_buffer_size)):
        if size:
            sock.setsockopt(socket.SOL_SOCKET, option, size)
    if settings.keep_alive_time:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, -(-settings.keep_alive_time // 1000))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, -(-settings.keep_alive_interval // 1000))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, settings.keep_alive_retry_count)
