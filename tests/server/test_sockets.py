"""
The socket of an accepted connection.

Over real connected sockets, because what the kernel takes and when it refuses is the point. No reactor runs: one in
memory remembers who wants to read or write, and the tests take its turns.
"""

import socket
from errno import ECONNRESET
from select import select
from struct import pack
from types import SimpleNamespace
from typing import Any

from twisted.internet import main, tcp
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactor
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.server.sockets import DirectServer, direct
from conchsftp.ssh.outlet import Outlet
from conchsftp.ssh.packets.staging import Sender, StagingPool


class Direct(Protocol):
    """A protocol that lends its buffer and sends through an outlet, as `Transport` does."""

    def __init__(self) -> None:
        self.sender = Sender(StagingPool())
        self.drained = 0
        self.outlet = Outlet(self.sender, self.on_drained)
        self.buffer = memoryview(bytearray(1000))
        self.counts: list[int] = []

    def connectionMade(self) -> None:
        self.outlet.attach(self.transport)

    def lend(self) -> memoryview:
        return self.buffer

    def received(self, count: int) -> None:
        self.counts.append(count)

    def on_drained(self) -> None:
        self.drained += 1

    def say(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.sender.line(data)
        self.outlet.flush()


class Plain(Protocol):
    """A protocol that knows nothing of buffers."""

    def __init__(self) -> None:
        self.got = b""

    def dataReceived(self, data: bytes) -> None:
        self.got += data


class SocketCase(SynchronousTestCase):
    """A server's connection and the client's end of it."""

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        listening = socket.create_server(("127.0.0.1", 0))
        self.client = socket.create_connection(listening.getsockname())
        self.accepted, self.address = listening.accept()
        listening.close()
        self.addCleanup(self.client.close)
        self.addCleanup(self.accepted.close)
        # Small buffers, so that a socket is full soon.
        self.accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)

    def connect(self, protocol: Protocol) -> DirectServer:
        """Let a protocol talk to the client."""
        server = DirectServer(self.accepted, protocol, self.address, None, 0, self.reactor)
        protocol.makeConnection(server)
        return server

    def writes(self, server: DirectServer) -> bool:
        """Return whether the reactor is asked to say when the socket takes bytes."""
        return server in self.reactor.getWriters()

    def read_all(self, server: DirectServer, size: int) -> bytes:
        """Let client and server take their turns until the client has that many bytes and the server is done."""
        got = bytearray()
        self.result: Any = None
        while len(got) < size or (self.writes(server) and self.result is None):
            readable, writable, _ = select([self.client], [server] if self.writes(server) else [], [], 5)
            if not readable and not writable:
                self.fail(f"stalled with {len(got)} of {size} bytes")
            if writable:
                self.result = server.doWrite()
            if readable:
                got += self.client.recv(10_000)
        return bytes(got)

    def reset(self) -> None:
        """Let the client break the connection."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
        self.client.close()


def pattern(size: int) -> bytes:
    """Return bytes that show when some are lost, doubled or overtaken."""
    return b"".join(b"%09d\n" % number for number in range(size // 10))


class ReceiveTests(SocketCase):
    """Received into a buffer of the protocol's."""

    def test_into_the_buffer(self) -> None:
        """Bytes land in the lent buffer; the protocol is told how many."""
        protocol = Direct()
        server = self.connect(protocol)
        self.client.sendall(b"hello")
        self.assertIsNone(server.doRead())
        self.assertEqual((protocol.counts, bytes(protocol.buffer[:5])), ([5], b"hello"))

    def test_no_more_than_lent(self) -> None:
        """What does not fit stays in the socket for the next turn."""
        protocol = Direct()
        server = self.connect(protocol)
        self.client.sendall(pattern(1500))
        server.doRead()
        server.doRead()
        self.assertEqual((protocol.counts, bytes(protocol.buffer[:500])), ([1000, 500], pattern(1500)[1000:]))

    def test_nothing_there(self) -> None:
        """A turn for nothing is no end."""
        protocol = Direct()
        self.assertIsNone(self.connect(protocol).doRead())
        self.assertEqual(protocol.counts, [])

    def test_end(self) -> None:
        """The client's end of the stream ends the connection cleanly."""
        server = self.connect(Direct())
        self.client.close()
        self.assertIs(server.doRead(), main.CONNECTION_DONE)

    def test_broken(self) -> None:
        """A broken connection is lost, and the system's reason is kept."""
        server = self.connect(Direct())
        self.reset()
        lost = server.doRead()
        self.assertIsInstance(lost, ConnectionLost)
        self.assertEqual((lost.errno, lost.strerror), (ECONNRESET, "Connection reset by peer"))

    def test_other_protocols(self) -> None:
        """A protocol that lends nothing gets bytes as from any transport, and may write as to any."""
        protocol = Plain()
        server = self.connect(protocol)
        self.client.sendall(b"hello")
        server.doRead()
        self.assertEqual(protocol.got, b"hello")
        data = pattern(300_000)
        server.write(data)
        self.assertEqual(self.read_all(server, len(data)), data)
        self.assertFalse(self.writes(server))

    def test_wrapped_protocols(self) -> None:
        """A wrapper (TLS, haproxy) receives and sends as ever, though a protocol of ours is inside."""
        protocol = Direct()
        protocol.dataReceived = protocol.counts.append  # type: ignore[method-assign,assignment]
        wrapper = ProtocolWrapper(WrappingFactory(Factory.forProtocol(Protocol)), protocol)
        server = self.connect(wrapper)
        self.client.sendall(b"hello")
        server.doRead()
        self.assertEqual(protocol.counts, [b"hello"])
        data = pattern(300_000)
        protocol.say(data)
        protocol.say(b"end\n")
        self.assertEqual(self.read_all(server, len(data) + 4), data + b"end\n")
        self.assertFalse(protocol.outlet.blocked)


class SendTests(SocketCase):
    """Sent straight from the staging buffer."""

    def test_at_once(self) -> None:
        """What the socket takes is sent without waiting for a turn of the reactor."""
        protocol = Direct()
        server = self.connect(protocol)
        protocol.say(b"hello")
        self.assertEqual(self.client.recv(100), b"hello")
        self.assertFalse(self.writes(server))

    def test_full_socket(self) -> None:
        """What it does not take goes out as it is read, in order and once; then writing stops and more is asked for."""
        protocol = Direct()
        server = self.connect(protocol)
        data = pattern(600_000)
        protocol.say(data[:300_000])
        self.assertTrue(protocol.outlet.blocked)
        self.assertTrue(self.writes(server))
        protocol.say(data[300_000:])
        self.assertEqual(protocol.drained, 0)
        self.assertEqual(self.read_all(server, len(data)), data)
        self.assertEqual((protocol.outlet.blocked, self.writes(server), protocol.drained), (False, False, 1))

    def test_more_when_drained(self) -> None:
        """What is made when the socket is free again leaves as well, through a full socket again."""
        protocol = Direct()
        server = self.connect(protocol)
        data = pattern(600_000)
        rest = [data[300_000:450_000], data[450_000:]]

        def more() -> None:
            if rest:
                protocol.sender.line(rest.pop(0))

        protocol.on_drained = more  # type: ignore[method-assign]
        protocol.outlet = Outlet(protocol.sender, more)
        protocol.outlet.attach(server)
        protocol.say(data[:300_000])
        self.assertEqual(self.read_all(server, len(data)), data)
        self.assertFalse(self.writes(server))

    def test_nothing_is_overtaken(self) -> None:
        """Bytes that went through `write` leave before those that were sent directly after them."""
        protocol = Direct()
        server = self.connect(protocol)
        data = pattern(400_000)
        server.write(data[:200_000])
        protocol.say(data[200_000:])
        self.assertTrue(protocol.outlet.blocked)
        self.assertEqual(self.read_all(server, len(data)), data)
        self.assertEqual((protocol.outlet.blocked, self.writes(server)), (False, False))

    def test_close_after_everything(self) -> None:
        """`loseConnection` closes when everything has left, and not before."""
        protocol = Direct()
        server = self.connect(protocol)
        data = pattern(300_000)
        protocol.say(data)
        server.loseConnection()
        self.assertEqual(self.read_all(server, len(data)), data)
        self.assertIs(self.result, main.CONNECTION_DONE)

    def test_close_after_both(self) -> None:
        """So it does when bytes wait that went through `write` and others that could not be sent directly."""
        protocol = Direct()
        server = self.connect(protocol)
        data = pattern(400_000)
        server.write(data[:200_000])
        protocol.say(data[200_000:])
        server.loseConnection()
        self.assertEqual(self.read_all(server, len(data)), data)
        self.assertIs(self.result, main.CONNECTION_DONE)

    def test_close_idle(self) -> None:
        """With nothing to send it closes at the next turn."""
        protocol = Direct()
        server = self.connect(protocol)
        server.loseConnection()
        self.assertTrue(self.writes(server))
        self.assertIs(server.doWrite(), main.CONNECTION_DONE)

    def test_broken(self) -> None:
        """Sending into a broken connection is no error of its own: the next read tells, once."""
        protocol = Direct()
        server = self.connect(protocol)
        self.reset()
        protocol.say(b"hello")
        protocol.say(b"hello again")
        self.assertEqual((protocol.outlet.blocked, protocol.sender.waiting), (False, 0))
        self.assertFalse(self.writes(server))
        self.assertIsInstance(server.doRead(), (ConnectionLost, ConnectionDone))

    def test_broken_while_full(self) -> None:
        """So it is when the socket was full before."""
        protocol = Direct()
        server = self.connect(protocol)
        protocol.say(pattern(300_000))
        self.reset()
        self.assertIsNone(server.doWrite())
        self.assertFalse(self.writes(server))
        self.assertIsInstance(server.doRead(), (ConnectionLost, ConnectionDone))

    def test_choke(self) -> None:
        """A client that is not read from, because it does not read, is read from again when it does."""
        protocol = Direct()
        server = self.connect(protocol)
        data = pattern(1_500_000)
        for at in range(0, len(data), 100_000):
            protocol.say(data[at : at + 100_000])
        self.assertNotIn(server, self.reactor.getReaders())
        self.assertEqual(self.read_all(server, len(data)), data)
        self.assertIn(server, self.reactor.getReaders())


class PortTests(SocketCase):
    """Which ports accept such connections."""

    def port(self) -> tcp.Port:
        """Return a listening port of Twisted's."""
        port = tcp.Port(0, Factory.forProtocol(Direct), interface="127.0.0.1", reactor=self.reactor)
        port.startListening()
        self.addCleanup(port.socket.close)
        return port

    def accept(self, port: tcp.Port) -> Any:
        """Connect a client and return the transport of its connection."""
        client = socket.create_connection(("127.0.0.1", port.getHost().port))
        self.addCleanup(client.close)
        before = set(self.reactor.getReaders())
        port.doRead()
        (server,) = set(self.reactor.getReaders()) - before
        self.addCleanup(server.socket.close)
        return server

    def test_direct(self) -> None:
        """A TCP port accepts with a `DirectServer` once it was asked to; asking twice is no harm."""
        port = self.port()
        self.assertIs(type(self.accept(port)), tcp.Server)
        self.assertIs(direct(port), port)
        self.assertIs(direct(port), port)
        server = self.accept(port)
        self.assertIs(type(server), DirectServer)
        self.assertEqual(server.getPeer().host, "127.0.0.1")

    def test_other_ports_are_not_touched(self) -> None:
        """Asking one port changes no other."""
        direct(self.port())
        self.assertIs(type(self.accept(self.port())), tcp.Server)

    def test_foreign(self) -> None:
        """A port that is none of Twisted's, or accepts with something of its own, is left alone."""

        class Special(tcp.Server):
            """A transport with something more."""

        port = self.port()
        port.transport = Special  # type: ignore[misc]
        direct(port)
        self.assertIs(port.transport, Special)
        foreign: Any = SimpleNamespace(transport=tcp.Server)
        self.assertIs(direct(foreign), foreign)
        self.assertIs(foreign.transport, tcp.Server)
