"""
Tests for admission: what handlers are told of a connection, and what they may refuse.
"""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.events import Connected, ConnectionRequest, Disconnected, EventHub
from conchsftp.events.waiting import TimeLimitExceeded
from conchsftp.server.admission import ServerTransport
from conchsftp.server.connections import ConnectionTable
from conchsftp.server.log import ServerLog
from conchsftp.server.penalising import Penalising
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.ssh.gss import Acceptor
from conchsftp.ssh.kex.groups import Groups
from conchsftp.ssh.keys.host_keys import HostKey, HostKeys
from conchsftp.ssh.packets.receiving import ReceiveBuffer
from conchsftp.ssh.packets.staging import StagingPool
from conchsftp.ssh.turns import Turns
from conchsftp.workers import Workers

KEYS = HostKeys([HostKey(Ed25519PrivateKey.generate())])


class Factory:
    """What a transport asks of its factory."""

    version_line = b"SSH-2.0-test"
    workers = lookups = None

    def __init__(self) -> None:
        self.clock = Clock()
        self.events = EventHub(clock=self.clock)
        self.settings = Settings(TABLE)
        self.connections = ConnectionTable(self.settings)
        self.log = ServerLog(self.settings, self.events, self.connections)
        self.host_keys = KEYS
        self.groups = Groups()
        self.gss = Acceptor(self.settings, workers=Workers(self.clock, None))
        self.receive_buffer = ReceiveBuffer()
        self.staging = StagingPool()
        self.turns = Turns(self.clock, self.settings)
        self.penalising = Penalising(self)


class AdmissionTests(SynchronousTestCase):
    """The handlers are asked before the greeting, and told of the end."""

    def setUp(self) -> None:
        self.factory = Factory()
        self.wire = StringTransport()
        self.told: list[Any] = []

    def connect(self) -> ServerTransport:
        """Accept a connection."""
        transport = ServerTransport(self.factory, self.factory.connections.number())
        transport.makeConnection(self.wire)
        return transport

    def end(self, transport: ServerTransport, reason: Exception) -> None:
        """Lose the connection, and what waits for it."""
        transport.connectionLost(Failure(reason))
        self.assertEqual(len(self.factory.connections), 0)
        self.assertEqual(self.factory.clock.getDelayedCalls(), [])

    def test_nobody_listens(self) -> None:
        """Without handlers the greeting is sent at once."""
        transport = self.connect()
        self.assertEqual(self.wire.value(), b"SSH-2.0-test\r\n")
        self.end(transport, ConnectionDone())

    def test_told_in_order(self) -> None:
        """ConnectionRequest, Connected and, once, Disconnected."""
        for event in (ConnectionRequest, Connected, Disconnected):
            self.factory.events.on(event, self.told.append)
        transport = self.connect()
        self.end(transport, ConnectionDone())
        self.assertEqual([type(event) for event in self.told], [ConnectionRequest, Connected, Disconnected])
        self.assertEqual(self.told[0].address, "192.168.1.1")
        self.assertEqual((self.told[2].connection_id, self.told[2].status_code), (transport.connection_id, 0))

    def test_lost(self) -> None:
        """A connection that broke is told with the documented number."""
        self.factory.events.on(Disconnected, self.told.append)
        self.end(self.connect(), ConnectionLost())
        self.assertEqual((self.told[0].status_code, self.told[0].description), (10054, "connection lost"))

    def test_refused(self) -> None:
        """A handler that does not accept closes the connection without a word; Disconnected does not fire."""
        self.factory.events.on(Disconnected, self.told.append)
        self.factory.events.on(ConnectionRequest, lambda event: setattr(event, "accept", False))
        transport = self.connect()
        self.assertTrue(self.wire.disconnecting)
        self.assertEqual(self.wire.value(), b"")
        self.assertIn("a handler", transport.ending.description)
        self.end(transport, ConnectionDone())
        self.assertEqual(self.told, [])

    def test_failed_handler_refuses(self) -> None:
        """A handler's mistake does not let anybody in."""

        def broken(event: ConnectionRequest) -> None:
            raise RuntimeError("broken")

        self.factory.events.on(ConnectionRequest, broken)
        transport = self.connect()
        self.assertTrue(self.wire.disconnecting)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.end(transport, ConnectionDone())

    def test_slow_handler_refuses(self) -> None:
        """Nor does one that takes longer than it may."""
        for event in (ConnectionRequest, Connected):
            self.setUp()
            self.factory.events.on(event, lambda event: Deferred())
            transport = self.connect()
            self.factory.clock.advance(29)
            self.assertFalse(self.wire.disconnecting)
            self.factory.clock.advance(1)
            self.assertTrue(self.wire.disconnecting)
            self.assertEqual(self.wire.value(), b"")
            self.flushLoggedErrors(TimeLimitExceeded)
            self.factory.clock.advance(5)
            self.end(transport, ConnectionDone())

    def test_blocked_clients(self) -> None:
        """The lists of hosts preset the answer, and a handler has the last word."""
        self.factory.settings.blocked_clients = "192.168.*"
        self.factory.events.on(ConnectionRequest, self.told.append)
        transport = self.connect()
        self.assertEqual((self.told[0].accept, self.wire.disconnecting, self.wire.value()), (False, True, b""))
        self.assertIn("BlockedClients", transport.ending.description)
        self.end(transport, ConnectionDone())
        self.wire = StringTransport()
        self.factory.events.on(ConnectionRequest, lambda event: setattr(event, "accept", True))
        transport = self.connect()
        self.assertEqual(self.wire.value(), b"SSH-2.0-test\r\n")
        self.end(transport, ConnectionDone())

    def test_nonsense_refuses(self) -> None:
        """Nor does what a handler leaves in the event and cannot be sent, whether it waited or not."""
        for answer in (None, Deferred()):

            def broken(event: Connected, answer: Any = answer) -> Any:
                event.status_code, event.description = 1, None  # type: ignore[assignment]
                return answer

            self.setUp()
            self.factory.events.on(Connected, broken)
            transport = self.connect()
            if answer is not None:
                answer.callback(None)
            self.assertTrue(self.wire.disconnecting)
            self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
            self.end(transport, ConnectionDone())

    def test_cut_off(self) -> None:
        """A handler of Disconnected whose work somebody else cancels is logged as such, and not by the collector."""
        work: Deferred[None] = Deferred()
        self.factory.events.on(Disconnected, lambda event: work)
        transport = self.connect()
        transport.connectionLost(Failure(ConnectionDone()))
        work.cancel()
        self.assertEqual(len(self.flushLoggedErrors(CancelledError)), 1)

    def test_waiting(self) -> None:
        """While a handler waits nothing is sent and nothing read; then the conversation begins."""
        answer: Deferred[None] = Deferred()
        self.factory.events.on(Connected, lambda event: answer)
        transport = self.connect()
        transport.dataReceived(b"SSH-2.0-client\r\n")
        self.assertEqual((self.wire.value(), self.wire.producerState), (b"", "paused"))
        answer.callback(None)
        self.assertEqual(self.wire.value()[:14], b"SSH-2.0-test\r\n")
        self.assertEqual(transport.otherVersionString, b"SSH-2.0-client")
        self.end(transport, ConnectionDone())

    def test_lost_while_waiting(self) -> None:
        """A connection that is lost while a handler waits is greeted no more."""
        answer: Deferred[None] = Deferred()
        self.factory.events.on(ConnectionRequest, lambda event: answer)
        transport = self.connect()
        transport.connectionLost(Failure(ConnectionDone()))
        answer.callback(None)
        self.assertEqual(self.wire.value(), b"")
