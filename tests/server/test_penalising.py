"""
Penalties in a server: what is noticed, who is turned away, and who is told.
"""

from types import SimpleNamespace
from typing import Any

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.events import ConnectionRequest, SourcePenalised
from conchsftp.server.penalising import Turned
from conchsftp.server.proxied import ProxiedFactory
from conchsftp.settings.penalties import Offence
from conchsftp.testing import MemoryClient, memory_server
from conchsftp.testing.memory import MemoryPipe

HOST = "198.51.100.7"
OTHER = "198.51.100.8"
_LONG_SECONDS = 30


class PenalisingCase(SynchronousTestCase):
    """A server in memory."""

    def setUp(self) -> None:
        self.lines: list[tuple[LogLevel, str]] = []
        globalLogPublisher.addObserver(self.note)
        self.addCleanup(globalLogPublisher.removeObserver, self.note)
        self.serve()

    def note(self, event: Any) -> None:
        self.lines.append((event["log_level"], formatEvent(event)))

    def said(self, text: str) -> list[str]:
        """Return the lines of the log that hold a text."""
        return [line for _, line in self.lines if text in line]

    def serve(self, **settings: Any) -> None:
        """Make the server."""
        self.server = memory_server(**settings)
        self.factory = self.server.factory
        self.clock: Clock = self.factory.clock

    def client(self, host: str = HOST) -> MemoryClient:
        """Return a client that has exchanged keys, and may try to log in."""
        client = MemoryClient(self.factory, host=host)
        client.connect()
        client.ask_for_login()
        return client

    def guess(self, client: MemoryClient, times: int = 1, user: str = "user") -> None:
        """Try a wrong password, and wait for the answer."""
        for _ in range(times):
            client.authenticate(user, "password", b"\0\0\0\0\x05wrong")
            self.clock.advance(_LONG_SECONDS)
            client.pump()

    def penalise(self, host: str = HOST, times: int = 3) -> None:
        """Have a host guess so often at a time that it is refused."""
        for client in [self.client(host) for _ in range(times)]:
            client.authenticate("user", "password", b"\0\0\0\0\x05wrong")
            client.disconnect()

    def is_refused(self, host: str = HOST) -> bool:
        """Return whether a connection is refused."""
        try:
            MemoryClient(self.factory, host=host).disconnect()
        except ConnectionRefusedError:
            return True
        return False

    def owed(self, host: str = HOST) -> float:
        """Return the seconds that are held against a host."""
        rules = self.server.settings.per_source_penalties
        return round(float(self.factory.penalising.penalties.slower(host) - 1) * rules.authfail, 6)


class DoorTests(PenalisingCase):
    """Who is refused is turned away before anything costs something."""

    def test_turned_away(self) -> None:
        """They read one line that is no SSH, and are closed; others are served."""
        self.penalise()
        turned = self.factory.buildProtocol(IPv4Address("TCP", HOST, 1))
        assert isinstance(turned, Turned)
        pipe = MemoryPipe(turned)
        self.assertTrue(pipe.closing)
        line = bytes(pipe._to_client)
        self.assertTrue(line.startswith(b"Not now: ") and line.endswith(b".\r\n"))
        self.assertEqual(line.count(b"\n"), 1)
        self.assertFalse(self.is_refused(OTHER))

    def test_not_counted(self) -> None:
        """They are no connections: MaxConnections and MaxStartups are for the others, and no handler is asked."""
        asked: list[Any] = []
        self.server.on(ConnectionRequest, asked.append)
        self.penalise()
        del asked[:]
        self.assertTrue(self.is_refused())
        self.assertEqual((len(self.factory.connections), asked), (0, []))

    def test_open_ones_stay(self) -> None:
        """A session of the same source goes on."""
        session = MemoryClient(self.factory)
        session.log_in()
        self.penalise()
        self.assertTrue(self.is_refused())
        session.open_subsystem()
        self.assertIsNone(session.disconnected)

    def test_over(self) -> None:
        """When nothing is left they may come again, and get in."""
        self.penalise()
        self.clock.advance(15)
        client = MemoryClient(self.factory)
        client.log_in()
        self.assertIsNone(client.disconnected)

    def test_log(self) -> None:
        """The log has the beginning once, and of the refused connections the first, the tenth and the hundredth."""
        self.penalise()
        for _ in range(150):
            self.assertTrue(self.is_refused())
        (begin,) = self.said("its connections are refused")
        self.assertEqual(
            begin, f"{HOST}: its connections are refused for 15 seconds, for wrong passwords, answers or keys"
        )
        self.assertEqual(
            self.said("connections so far"),
            [f"{HOST}: refused for 15 more seconds, {count} connections so far" for count in (1, 10, 100)],
        )

    def test_behind_a_proxy(self) -> None:
        """The client's address counts, not the proxy's."""
        self.server.trusted_proxies = OTHER
        port = ProxiedFactory(self.factory)
        self.penalise("203.0.113.5")

        def served(host: str) -> bool:
            protocol = port.buildProtocol(IPv4Address("TCP", OTHER, 1))
            transport = SimpleNamespace(
                getPeer=lambda: IPv4Address("TCP", OTHER, 1),
                write=lambda data: None,
                loseConnection=lambda: None,
                abortConnection=lambda: None,
                protocol=None,
            )
            protocol.makeConnection(transport)  # type: ignore[arg-type]
            protocol.dataReceived(f"PROXY TCP4 {host} 192.0.2.1 4711 22\r\n".encode())
            return not isinstance(transport.protocol, Turned)

        self.assertFalse(served("203.0.113.5"))
        self.assertFalse(self.is_refused(OTHER))

    def test_crowded(self) -> None:
        """More strangers of one source than PerSourceMaxStartups allows are closed at once; the first ones stay."""
        self.serve(per_source_max_startups=2)
        first = [MemoryClient(self.factory) for _ in range(2)]
        self.assertTrue(self.is_refused())
        self.assertFalse(self.is_refused(OTHER))
        first[0].log_in()
        self.assertFalse(self.is_refused())

    def test_local_socket(self) -> None:
        """What has no address of a host is never refused."""
        for _ in range(100):
            self.factory.penalising.add(UNIXAddress("/run/x"), Offence.CRASH)
        self.assertNotIsInstance(self.factory.buildProtocol(UNIXAddress("/run/x")), Turned)
        self.assertNotIsInstance(self.factory.buildProtocol(None), Turned)

    def test_off(self) -> None:
        """Who does not want it turns it off."""
        self.serve(per_source_penalties=False)
        self.penalise(times=20)
        self.assertFalse(self.is_refused())


class NoticedTests(PenalisingCase):
    """What counts against a client, whichever way its connection ends."""

    def test_person(self) -> None:
        """Who mistypes three times, gets in, and opens two more connections is refused nothing."""
        client = self.client()
        self.guess(client, 3)
        client.authenticate("user", "password", b"\0\0\0\0\x08password")
        for _ in range(2):
            again = MemoryClient(self.factory)
            again.log_in()
            self.assertIsNone(again.disconnected)
        self.assertEqual(self.owed(), 0)

    def test_attempts_of_a_connection(self) -> None:
        """Guesses of one connection take longer and longer; those for other names are not forgiven by a login."""
        client = self.client()
        times = []
        for _ in range(3):
            begin = self.clock.seconds()
            client.authenticate("root", "password", b"\0\0\0\0\x05wrong")
            while not client.messages:
                self.clock.advance(0.01)
                client.pump()
            del client.messages[:]
            times.append(self.clock.seconds() - begin)
        self.assertEqual(times, sorted(times))
        self.assertGreater(times[2], 2 * times[0])
        owed = self.owed()
        client.authenticate("user", "password", b"\0\0\0\0\x08password")
        self.assertEqual(self.owed(), owed)

    def test_no_attempt(self) -> None:
        """Who leaves without having guessed anything; a DISCONNECT, and none."""
        client = self.client()
        client.disconnect()
        self.assertEqual(self.owed(), 1)
        self.client().pipe.cut()
        self.assertEqual(self.owed(), 2)

    def test_no_ssh(self) -> None:
        """So does who speaks something else."""
        client = MemoryClient(self.factory)
        client.raw(b"GET / HTTP/1.1\r\n")
        client.pipe.cut()
        self.assertEqual(self.owed(), 1)

    def test_probe(self) -> None:
        """Who connects and leaves without a word has only looked whether somebody is there."""
        for _ in range(100):
            MemoryClient(self.factory).pipe.cut()
        self.assertEqual(self.owed(), 0)

    def test_too_slow(self) -> None:
        """Who does not log in within LoginGraceTime; and who is silent for too long."""
        self.serve(login_grace_time=20, default_connection_timeout=0)
        self.client()
        self.clock.advance(20)
        self.clock.advance(5)
        self.assertEqual(self.owed(), 10 - 5)
        self.serve(login_grace_time=0, default_connection_timeout=20)
        MemoryClient(self.factory)
        self.clock.advance(20)
        self.assertEqual(self.owed(), 10)

    def test_pushed_out(self) -> None:
        """Who waits so long that another stranger takes the place."""
        self.serve(max_startups=1)
        silent = MemoryClient(self.factory)
        MemoryClient(self.factory, host=OTHER)
        silent.pump()
        self.assertTrue(silent.pipe.closed)
        self.assertEqual(self.owed(), 1)

    def test_crash(self) -> None:
        """Whose message the server fails at, is refused for longer."""
        client = self.client()
        client.server.service.packetReceived = None
        client.authenticate("user", "none")
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        self.assertEqual([(each.reason, each.seconds) for each in self.server.penalties], [(Offence.CRASH, 90)])

    def test_refused(self) -> None:
        """Whom a list or a handler refuses costs nothing unless that is wanted."""
        for rules, owed in (("yes", 0), ("refuseconnection:10", 10)):
            self.serve(per_source_penalties=rules, blocked_clients=HOST)
            MemoryClient(self.factory).pump()
            self.assertEqual(self.owed(), owed)

    def test_logged_in(self) -> None:
        """Who has logged in may end as they like, and be silent."""
        self.serve(default_timeout=5)
        for _ in range(3):
            client = MemoryClient(self.factory)
            client.log_in()
            self.clock.advance(5)
            client.pump()
            self.assertTrue(client.pipe.closed)
        client = MemoryClient(self.factory)
        client.log_in()
        client.pipe.cut()
        self.assertEqual(self.owed(), 0)


class ToldTests(PenalisingCase):
    """SourcePenalised, and what an application can do."""

    def test_event(self) -> None:
        """It tells of the source, the reason and the time, once."""
        told: list[SourcePenalised] = []
        self.server.on(SourcePenalised, told.append)
        self.penalise(times=5)
        self.assertEqual([(each.address, each.reason, each.seconds) for each in told], [(HOST, "authfail", 15)])

    def test_accepted(self) -> None:
        """A handler may let them in all the same, and everything begins anew."""
        self.server.on(SourcePenalised, lambda event: setattr(event, "accept", True))
        self.penalise()
        self.assertFalse(self.is_refused())
        self.assertEqual(self.server.penalties, ())

    def test_longer(self) -> None:
        """Or make it longer than `max`."""
        self.server.on(SourcePenalised, lambda event: setattr(event, "seconds", 86400))
        self.penalise()
        self.clock.advance(86399)
        self.assertTrue(self.is_refused())
        self.clock.advance(1)
        self.assertFalse(self.is_refused())

    def test_waiting(self) -> None:
        """While a handler waits they are refused; then it counts what it says."""
        answer: Deferred[None] = Deferred()

        async def handle(event: SourcePenalised) -> None:
            await answer
            event.accept = True

        self.server.on(SourcePenalised, handle)
        self.penalise()
        self.assertTrue(self.is_refused())
        answer.callback(None)
        self.assertFalse(self.is_refused())

    def test_broken(self) -> None:
        """A handler that fails, or says what is no number, changes nothing."""

        def broken(event: SourcePenalised) -> None:
            event.accept = True
            raise RuntimeError("broken")

        self.server.on(SourcePenalised, broken)
        self.penalise()
        self.assertTrue(self.is_refused())
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        for value in (0, -1, "long", None):
            self.serve()
            self.server.on(SourcePenalised, lambda event, value=value: setattr(event, "seconds", value))
            self.penalise()
            self.assertTrue(self.is_refused())
        self.assertEqual(len(self.said("a number above 0 expected")), 4)

    def test_listed_and_lifted(self) -> None:
        """An application sees who is refused, and lifts it."""
        self.penalise()
        self.is_refused()
        (penalty,) = self.server.penalties
        self.assertEqual((penalty.source, penalty.seconds, penalty.refused), (HOST, 15, 1))
        self.assertTrue(self.server.lift_penalty(penalty.source))
        self.assertFalse(self.is_refused())
        self.assertFalse(self.server.lift_penalty(OTHER))
        self.assertRaises(ServerError, self.server.lift_penalty, "gate.example.com")
