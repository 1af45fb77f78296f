"""
A client over a transport of Twisted's own, which copies what it sends and pushes back as a consumer does.

It stands for whatever is not `conchsftp.server.sockets`: TLS, a wrapper, a Unix socket.
"""

from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import MemoryReactor
from twisted.python.failure import Failure

from conchsftp.testing import MemoryClient


class OrdinaryPipe(FileDescriptor):
    """The same for tests as `MemoryPipe`: the server's end of a connection, and how the client's end is used."""

    def __init__(self, protocol: Any, *, room: int | None = None, chunk: int = 1 << 16, peer: Any = None) -> None:
        super().__init__(MemoryReactor())
        self.protocol = protocol
        self.room = room
        self.chunk = chunk
        self.closed = False
        self.connected = 1
        self._to_server = bytearray()
        self._to_client = bytearray()
        self.startReading()
        protocol.makeConnection(self)

    @property
    def reading(self) -> bool:
        return self in self.reactor.getReaders()

    @property
    def closing(self) -> bool:
        return bool(self.disconnecting)

    def writeSomeData(self, data: bytes) -> int:
        count = len(data) if self.room is None else min(len(data), max(0, self.room - len(self._to_client)))
        self._to_client += data[:count]
        return count

    def abortConnection(self) -> None:
        self._lose(Failure(ConnectionLost()))

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", "198.51.100.7", 49152)

    getHost = getPeer

    def bring(self, data: bytes | memoryview) -> None:
        self._to_server += data

    def deliver(self) -> bool:
        if not self._to_server or not self.reading or self.closed:
            return False
        data = bytes(self._to_server[: self.chunk])
        del self._to_server[: self.chunk]
        self.protocol.dataReceived(data)
        return True

    def fetch(self, most: int | None = None) -> bytes:
        data = bytes(self._to_client[:most])
        del self._to_client[: len(data)]
        if self in self.reactor.getWriters() and not self.closed:
            over = self.doWrite()
            if over is not None:
                self._lose(Failure(over))
        return data + (b"" if most is not None else self._rest())

    def cut(self) -> None:
        self._lose(Failure(ConnectionLost()))

    def _rest(self) -> bytes:
        data = bytes(self._to_client)
        self._to_client.clear()
        return data

    def _lose(self, reason: Failure) -> None:
        if not self.closed:
            self.closed = True
            super().connectionLost(reason)
            self.protocol.connectionLost(reason)


class OrdinaryClient(MemoryClient):
    """A client over such a transport."""

    pipe_class = OrdinaryPipe
