"""
What a server in memory runs on: a reactor without sockets, threads that are none, and a connection's two ends.

Nothing happens by itself: a test brings bytes, fetches bytes, and lets time pass.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

_SERVER = IPv4Address("TCP", "192.0.2.1", 22)
_CLIENT = IPv4Address("TCP", "198.51.100.7", 49152)


class MemoryThreads:
    """
    A thread pool that runs everything at once.

    Attributes:
        hold: keep what comes, and run it when `finish` is called: as if threads were slow.
        started: that of Twisted's pool; everything runs in any case.
    """

    def __init__(self) -> None:
        self.started = True
        self.hold = False
        self._held: deque[Callable[[], None]] = deque()

    def __len__(self) -> int:
        return len(self._held)

    def callInThreadWithCallback(
        self, done: Callable[[bool, Any], Any] | None, function: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> None:
        """Run the function, and tell `done` whether that went well, and the result."""

        def run() -> None:
            try:
                outcome = True, function(*args, **kwargs)
            except Exception:
                outcome = False, Failure()
            if done is not None:
                done(*outcome)

        if self.hold:
            self._held.append(run)
        else:
            run()

    def callInThread(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Run the function; nobody learns how it went."""
        self.callInThreadWithCallback(None, function, *args, **kwargs)

    def finish(self) -> None:
        """Run the first of what is kept."""
        self._held.popleft()()


class MemoryReactor(MemoryReactorClock):
    """
    Twisted's reactor in memory, with its clock, and with `MemoryThreads`.

    Attributes:
        threads: its thread pool.
    """

    def __init__(self) -> None:
        super().__init__()
        self.threads = MemoryThreads()

    def getThreadPool(self) -> MemoryThreads:
        return self.threads

    def callFromThread(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        function(*args, **kwargs)


class MemoryPipe:
    """
    The socket of a server's transport, and what a client reaches it by.

    Args:
        protocol: the server's transport, which is connected to it at once.
        room: how many bytes it takes until the client fetches them; None: any number.
        chunk: the most bytes that the server receives at once.
        peer: what the server takes for the address of the client.

    Attributes:
        reading: whether the server wants to be given bytes.
        closing: whether the server has closed it; what it sent before can still be fetched.
        closed: whether the server has been told that the connection is over.
    """

    def __init__(self, protocol: Any, *, room: int | None = None, chunk: int = 1 << 16, peer: Any = _CLIENT) -> None:
        self.protocol = protocol
        self.room = room
        self._peer = peer
        self.chunk = chunk
        self.reading = True
        self.closing = False
        self.closed = False
        self._to_server = bytearray()
        self._to_client = bytearray()
        protocol.makeConnection(self)

    def send_now(self, view: memoryview) -> int:
        free = view.nbytes if self.room is None else max(0, self.room - len(self._to_client))
        count = min(free, view.nbytes)
        self._to_client += view[:count]
        return count

    def write(self, data: bytes) -> None:
        self._to_client += data

    def loseConnection(self) -> None:
        self.closing = True

    def abortConnection(self) -> None:
        self._to_client.clear()
        self._lose(ConnectionAborted())

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True

    def getPeer(self) -> Any:
        return self._peer

    def getHost(self) -> IPv4Address:
        return _SERVER

    def bring(self, data: bytes | memoryview) -> None:
        """Send bytes to the server; it receives them with `deliver`."""
        self._to_server += data

    def deliver(self) -> bool:
        """Let the server receive once; return whether it did."""
        if not self._to_server or not self.reading or self.closing or self.closed:
            return False
        room = self.protocol.lend()
        count = min(room.nbytes, len(self._to_server), self.chunk)
        room[:count] = self._to_server[:count]
        del self._to_server[:count]
        self.protocol.received(count)
        return True

    def fetch(self, most: int | None = None) -> bytes:
        """Return what the server has sent, as far as it fitted, and let it send on."""
        self._let_go_on()
        data = bytes(self._to_client[:most])
        del self._to_client[: len(data)]
        self._let_go_on()
        if self.closing and not self.protocol.outlet.blocked:
            self._lose(ConnectionDone())
        return data

    def _let_go_on(self) -> None:
        if self.protocol.outlet.blocked and not self.closed:
            self.protocol.outlet.resumeProducing()

    def cut(self) -> None:
        """Lose the connection, as when a cable is pulled: whatever is on its way is gone."""
        self._to_server.clear()
        self._to_client.clear()
        self._lose(ConnectionLost())

    def _lose(self, reason: Exception) -> None:
        if not self.closed:
            self.closed = True
            self.protocol.connectionLost(Failure(reason))
