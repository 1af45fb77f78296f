"""
The way out: straight to a socket of ours, or through any other Twisted transport; and pushing back.
"""

from collections.abc import Callable
from struct import pack
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactor, StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from conchsftp.ssh.outlet import Outlet
from conchsftp.ssh.packets.staging import Sender, StagingPool

CHANNEL = b"\x5e" + pack(">I", 7)


class Direct:
    """A transport that sends at once what fits into `room`, as ours does."""

    def __init__(self, room: int = 10**9) -> None:
        self.room = room
        self.taken = bytearray()
        self.reading = True

    def send_now(self, view: memoryview) -> int:
        count = min(self.room, view.nbytes)
        self.taken += view[:count]
        self.room -= count
        return count

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True


class Ordinary(FileDescriptor):
    """Twisted's own transport over a socket that takes `room` bytes."""

    connected = 1

    def __init__(self, room: int = 10**9) -> None:
        super().__init__(MemoryReactor())
        self.room = room
        self.taken = bytearray()
        self.startReading()

    @property
    def reading(self) -> bool:
        return self in self.reactor.getReaders()

    def writeSomeData(self, data: bytes) -> int:
        count = min(self.room, len(data))
        self.taken += data[:count]
        self.room -= count
        return count

    def turn(self) -> Any:
        """Let the reactor come round: write if writing was asked for."""
        return self.doWrite() if self in self.reactor.getWriters() else None


class OutletCase(SynchronousTestCase):
    """A sender and an outlet over a transport."""

    def setUp(self) -> None:
        self.pool = StagingPool()
        self.sender = Sender(self.pool)
        self.drained = 0
        self.make_more: Callable[[], None] = lambda: None

    def outlet(self, transport: Any) -> Outlet:
        """Return an outlet that uses a transport and counts how often more was asked for."""
        outlet = Outlet(self.sender, self.on_drained)
        outlet.attach(transport)
        return outlet

    def on_drained(self) -> None:
        self.drained += 1
        self.make_more()

    def pile_up(self, outlet: Outlet, size: int) -> None:
        """Lay out messages until more than `size` bytes wait, offering each to the outlet."""
        while self.sender.waiting <= size:
            self.sender.packet(bytes(30_000))
            outlet.flush()


class DirectTests(OutletCase):
    """A transport of ours."""

    def test_all_at_once(self) -> None:
        """What is laid out leaves in one send, the open data message included, and the buffer goes back."""
        transport = Direct()
        outlet = self.outlet(transport)
        self.sender.packet(b"\x05hello")
        self.sender.data(CHANNEL, 100, b"abc")
        outlet.flush()
        self.assertEqual(len(transport.taken), 16 + 24)
        self.assertEqual((outlet.blocked, self.sender.waiting, self.drained), (False, 0, 0))

    def test_nothing(self) -> None:
        """Nothing to send is not sent."""
        transport = Direct()
        transport.send_now = lambda view: self.fail("sent")  # type: ignore[method-assign]
        self.outlet(transport).flush()

    def test_before_there_is_a_transport(self) -> None:
        """What is laid out too early waits."""
        outlet = Outlet(self.sender, self.on_drained)
        self.sender.packet(b"\x05hello")
        outlet.flush()
        transport = Direct()
        outlet.attach(transport)
        outlet.flush()
        self.assertEqual(len(transport.taken), 16)

    def test_blocked(self) -> None:
        """What is not taken blocks; what is laid out meanwhile follows it in order, and then more is asked for."""
        transport = Direct(room=10)
        outlet = self.outlet(transport)
        self.sender.packet(b"\x05first")
        outlet.flush()
        self.assertTrue(outlet.blocked)
        self.sender.packet(b"\x05second")
        transport.room = 10**9
        outlet.flush()
        self.assertEqual(len(transport.taken), 10)
        outlet.resumeProducing()
        self.assertEqual((outlet.blocked, self.drained), (False, 1))
        self.assertEqual((bytes(transport.taken[5:11]), bytes(transport.taken[21:28])), (b"\x05first", b"\x05second"))

    def test_blocked_again(self) -> None:
        """More is asked for only when everything has left."""
        transport = Direct(room=0)
        outlet = self.outlet(transport)
        self.sender.packet(bytes(1000))
        outlet.flush()
        for _ in range(5):
            transport.room = 100
            outlet.resumeProducing()
            self.assertEqual((outlet.blocked, self.drained), (True, 0))
        transport.room = 10**9
        outlet.resumeProducing()
        self.assertEqual((outlet.blocked, self.drained), (False, 1))

    def test_what_is_made_when_drained_leaves(self) -> None:
        """What is laid out because the outlet asked for more needs nobody else to send it."""
        transport = Direct(room=0)
        outlet = self.outlet(transport)
        self.sender.packet(b"\x05first")
        outlet.flush()
        self.make_more = lambda: self.sender.data(CHANNEL, 100, b"more")
        transport.room = 10**9
        outlet.resumeProducing()
        self.assertEqual((self.sender.waiting, self.drained, outlet.blocked), (0, 1, False))
        self.assertIn(b"more", transport.taken)

    def test_abandoned_reservation(self) -> None:
        """A turn that reserved places and sent nothing leaves the connection without a buffer."""
        outlet = self.outlet(Direct())
        (place,) = self.sender.reserve(CHANNEL, 100, before=13, size=50)
        outlet.flush()
        self.assertEqual(id(self.pool.take().obj), id(place.obj))

    def test_lost(self) -> None:
        """After the connection is lost nothing is sent, or asked for; flushing does no harm."""
        transport = Direct()
        outlet = self.outlet(transport)
        self.sender.packet(b"\x05hello")
        outlet.stopProducing()
        self.assertTrue(outlet.blocked)
        outlet.flush()
        self.sender.release()
        outlet.flush()
        self.assertEqual((transport.taken, self.drained), (b"", 0))

    def test_finish(self) -> None:
        """At the end of a connection what the socket does not take stays where it is: the socket asks for it."""
        transport = Direct(room=10)
        outlet = self.outlet(transport)
        self.sender.packet(b"\x01bye")
        outlet.finish()
        self.assertEqual((len(transport.taken), self.sender.waiting, outlet.blocked), (10, 6, True))
        transport.room = 100
        outlet.resumeProducing()
        self.assertEqual(self.sender.waiting, 0)

    def test_finish_without_a_transport(self) -> None:
        """A connection may end before it has a transport, or after it has lost it."""
        Outlet(self.sender, self.on_drained).finish()
        outlet = self.outlet(Ordinary())
        outlet.stopProducing()
        outlet.finish()


class ChokeTests(OutletCase):
    """A peer that makes us answer and does not read is not listened to for a while."""

    limit = 1024 * 1024

    def test_choke(self) -> None:
        """Reading stops when more than a MiB waits, and goes on when all of it has left."""
        transport = Direct(room=0)
        outlet = self.outlet(transport)
        self.pile_up(outlet, self.limit - 35_000)
        self.assertTrue(transport.reading)
        self.pile_up(outlet, self.limit)
        self.assertFalse(transport.reading)
        transport.room = self.limit // 2
        outlet.resumeProducing()
        self.assertFalse(transport.reading)
        transport.room = 10**9
        outlet.resumeProducing()
        self.assertTrue(transport.reading)

    def test_limit(self) -> None:
        """One byte below and exactly at a MiB do not stop reading, one above does."""
        for size, reading in ((self.limit - 1, True), (self.limit, True), (self.limit + 1, False)):
            with self.subTest(size=size):
                self.sender = Sender(self.pool)
                transport = Direct(room=0)
                outlet = self.outlet(transport)
                self.sender.line(bytes(size))
                outlet.flush()
                outlet.flush()
                self.assertEqual(transport.reading, reading)

    def test_lost_while_choked(self) -> None:
        """A connection that is lost while it is not read from does no harm when it is flushed once more."""
        transport = Direct(room=0)
        outlet = self.outlet(transport)
        self.pile_up(outlet, self.limit)
        outlet.stopProducing()
        self.sender.release()
        outlet.flush()
        self.assertFalse(transport.reading)


class OrdinaryTests(OutletCase):
    """Any other transport of Twisted's."""

    def test_producer(self) -> None:
        """The outlet is a push producer of the transport."""
        transport = StringTransport()
        outlet = self.outlet(transport)
        verifyObject(IPushProducer, outlet)
        self.assertIs(transport.producer, outlet)
        self.assertTrue(transport.streaming)

    def test_write(self) -> None:
        """What is laid out is copied into the transport, so that the buffer goes back at once."""
        transport = StringTransport()
        outlet = self.outlet(transport)
        self.sender.packet(b"\x05hello")
        outlet.flush()
        self.assertEqual(len(transport.value()), 16)
        self.assertEqual((outlet.blocked, self.sender.waiting), (False, 0))

    def test_wrapped(self) -> None:
        """A wrapper (TLS, haproxy) around a transport of ours is written to, not gone behind."""
        inner = Direct()
        inner.registerProducer = lambda producer, streaming: None  # type: ignore[attr-defined]
        wrapper = ProtocolWrapper(WrappingFactory(Factory.forProtocol(Protocol)), Protocol())
        wrapper.makeConnection(inner)
        wrapper.write = lambda data: inner.send_now(memoryview(b"wrapped:" + data))  # type: ignore[attr-defined,method-assign]
        outlet = self.outlet(wrapper)
        self.sender.packet(b"\x05hello")
        outlet.flush()
        self.assertTrue(inner.taken.startswith(b"wrapped:"))

    def test_paused(self) -> None:
        """While the transport's own buffer is full nothing more is handed over; when it is empty, more is asked for."""
        transport = Ordinary(room=0)
        outlet = self.outlet(transport)
        self.sender.packet(bytes(200_000))
        outlet.flush()
        self.assertTrue(outlet.blocked)
        self.sender.packet(b"\x05last")
        outlet.flush()
        self.assertEqual(self.sender.waiting, 16)
        transport.room = 10**9
        for _ in range(3):
            transport.turn()
        self.assertEqual((outlet.blocked, self.sender.waiting, self.drained), (False, 0, 1))
        self.assertEqual(len(transport.taken), 200_016 + 16)

    def test_choke(self) -> None:
        """A transport that is full is not read from when too much waits behind it."""
        transport = Ordinary(room=0)
        outlet = self.outlet(transport)
        self.sender.packet(bytes(200_000))
        outlet.flush()
        self.pile_up(outlet, 1024 * 1024)
        self.assertFalse(transport.reading)
        transport.room = 10**9
        for _ in range(20):
            transport.turn()
        self.assertTrue(transport.reading)
        self.assertEqual((outlet.blocked, self.sender.waiting), (False, 0))

    def test_finish_lets_the_transport_close(self) -> None:
        """`loseConnection` closes a transport only when no producer is registered; after `finish` none is."""
        for room in (10**9, 0):
            with self.subTest(room=room):
                self.sender = Sender(self.pool)
                transport = Ordinary(room)
                outlet = self.outlet(transport)
                self.sender.packet(bytes(200_000))
                outlet.flush()
                self.sender.packet(b"\x01bye")
                outlet.finish()
                transport.loseConnection()
                transport.room = 10**9
                ends = [transport.turn() for _ in range(4)]
                self.assertEqual(len(transport.taken), 200_016 + 16)
                self.assertTrue(any(ends), "the connection was not closed")

    def test_lost(self) -> None:
        """A transport that is lost stops its producer."""
        transport = Ordinary(room=0)
        outlet = self.outlet(transport)
        self.sender.packet(bytes(200_000))
        outlet.flush()
        transport.connectionLost(Failure(ConnectionError()))
        self.assertTrue(outlet.blocked)
        outlet.flush()
        self.assertEqual(self.drained, 0)


class ReasonsTests(SynchronousTestCase):
    """Reading is stopped for more than one reason."""

    def test_last_reason(self) -> None:
        """The transport reads again when the last reason is gone, and is told once."""
        told: list[str] = []

        class Wire:
            def send_now(self, view: memoryview) -> int:
                return view.nbytes

            def pauseProducing(self) -> None:
                told.append("pause")

            def resumeProducing(self) -> None:
                told.append("resume")

        outlet = Outlet(Sender(StagingPool()), lambda: None)
        outlet.attach(Wire())
        outlet.read(False, "one")
        outlet.read(False, "one")
        outlet.read(False, "two")
        outlet.read(True, "one")
        self.assertEqual(told, ["pause"])
        outlet.read(True, "two")
        outlet.read(True, "two")
        self.assertEqual(told, ["pause", "resume"])
