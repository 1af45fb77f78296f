"""
Key exchanges whose arithmetic runs in a thread, and what happens meanwhile.
"""

from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred

from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.phases import Stage
from conchsftp.testing import MemoryClient
from conchsftp.workers import FewThreads
from tests.ssh.case import ConnectionCase
from tests.ssh.clients import mpint
from tests.ssh.methods import HeavyClient, TwiceHeavyClient
from tests.ssh.ordinary import OrdinaryPipe

PING = b"\0\0\0\4ping"


class OrdinaryHeavyClient(HeavyClient):
    """A heavy client over a transport of Twisted's."""

    pipe_class = OrdinaryPipe


class Instant:
    """Workers whose results are there at once."""

    def run(self, function: Any, *args: Any) -> "Deferred[Any]":
        return maybeDeferred(function, *args)


class ThreadCase(ConnectionCase):
    """A server whose threads finish when a test says so."""

    def setUp(self) -> None:
        super().setUp()
        self.serve(algorithm_profile="compatible")
        self.threads = self.clock.threads
        self.threads.hold = True

    def finish(self, *clients: MemoryClient) -> None:
        """Let everything in threads come to its end."""
        while len(self.threads):
            self.threads.finish()
            for client in clients:
                client.pump()

    def computing(self, kind: type[MemoryClient] = HeavyClient, **options: Any) -> MemoryClient:
        """Return a client whose first exchange is being computed."""
        client = kind(self.factory, **options)
        client.connect()
        self.assertEqual(len(self.threads), 1)
        self.assertEqual(client.numbers, [20])
        return client


class ThreadTests(ThreadCase):
    """One connection."""

    def test_first(self) -> None:
        """The exchange goes on when its arithmetic is done; one may have several heavy steps."""
        for kind in (HeavyClient, TwiceHeavyClient, OrdinaryHeavyClient):
            client = self.computing(kind)
            self.finish(client)
            self.assertEqual(client.numbers[-2:], [21, 7])
            self.threads.hold = False
            client.ask_for_login()
            self.threads.hold = True

    def test_rekey(self) -> None:
        """The same in later exchanges, again and again."""
        client = self.computing()
        self.finish(client)
        self.threads.hold = False
        client.ask_for_login()
        client.authenticate("user", "password", b"\0\0\0\0\x08password")
        client.take(52)
        for _ in range(3):
            self.threads.hold = True
            client.rekey()
            self.finish(client)
            self.assert_alive(client)

    def test_bytes_meanwhile(self) -> None:
        """What arrives meanwhile is kept, not looked at, and the peer is not read from."""
        for kind in (HeavyClient, OrdinaryHeavyClient):
            client = self.computing(kind, strict=False)
            self.assertFalse(client.pipe.reading)
            client.packet_now(255)
            self.assertEqual(client.messages, [])
            self.finish(client)
            self.assertTrue(client.pipe.reading)
            client.take(3)
            self.assertEqual(client.numbers[:4], [20, 31, 21, 7])

    def test_bytes_with_it(self) -> None:
        """What came in the same bytes waits as well, and has its turn without any more arriving."""
        for kind in (HeavyClient, OrdinaryHeavyClient):
            client = kind(self.factory, strict=False)
            client.automatic = False
            client.connect()
            client.lay_now(*client.method().first)
            client.packet_now(1, bytes(12))
            self.assertFalse(client.pipe.closing)
            self.threads.finish()
            self.assertTrue(client.pipe.closing)

    def test_given_anyway(self) -> None:
        """A transport that delivers though it was asked to wait loses nothing."""
        client = self.computing(OrdinaryHeavyClient, strict=False)
        for _ in range(3):
            client.lay_now(255)
            data = client.sender.unsent()
            client.server.dataReceived(bytes(data))
            client.sender.sent(data.nbytes)
        self.assertEqual(client.messages, [])
        self.finish(client)
        self.assertEqual([number for number, _ in client.messages], [3, 3, 3])

    def test_at_once(self) -> None:
        """Workers may be done at once."""
        self.factory.exchanges = FewThreads(Instant(), 2)
        for kind in (HeavyClient, TwiceHeavyClient):
            client = kind(self.factory)
            client.connect()
            client.packet(5, b"\0\0\0\x0cssh-userauth")
            client.take(6)
            for _ in range(3):
                client.rekey()
            self.assertEqual(client.exchanges, 4)

    def test_refused(self) -> None:
        """A value that no honest client sends ends the connection with its reason."""
        client = self.at(Stage.FIRST_KEX)
        client = HeavyClient(self.factory)
        client.automatic = False
        client.connect()
        client.packet(30, mpint(1))
        self.threads.finish()
        client.pump()
        self.assert_ended(client, Reason.KEY_EXCHANGE_FAILED)

    def test_our_mistake(self) -> None:
        """An exception of ours is logged, and told without its name."""
        client = self.computing()
        client.server.keying._exchange._finish = lambda agreed: 1 // 0
        self.threads.finish()
        client.pump()
        self.assert_ended(client, Reason.KEY_EXCHANGE_FAILED, "internal error")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class EndTests(ThreadCase):
    """The end of a connection while its keys are computed."""

    def test_lost(self) -> None:
        """A result that comes after the connection is lost does nothing, and takes no buffer."""
        client = self.computing()
        client.pipe.cut()
        self.assert_gone(client)
        self.finish()
        self.assert_gone(client)

    def test_out_of_time(self) -> None:
        """After our DISCONNECT no result is sent."""
        client = self.computing(room=10)
        self.clock.advance(120)
        self.assertTrue(client.pipe.closing)
        self.finish()
        client.pump()
        self.assert_ended(client, Reason.BY_APPLICATION, "no login")

    def test_not_blamed(self) -> None:
        """A peer is not blamed for an answer that we owe: keys that are computed slowly are no silence of its."""
        self.server.settings.login_grace_time = 0
        client = self.computing()
        self.clock.advance(3600)
        self.finish(client)
        self.assertEqual(client.exchanges, 1)


class SharedTests(ThreadCase):
    """Several connections that share one receive buffer."""

    def test_others_meanwhile(self) -> None:
        """Other connections are served meanwhile; then the one that waited goes on with the bytes that it had."""
        waiting = HeavyClient(self.factory, strict=False)
        waiting.automatic = False
        waiting.connect()
        waiting.lay_now(*waiting.method().first)
        # A goodbye shows without an answer that it was read.
        waiting.packet_now(1, bytes(12))
        self.threads.hold = False
        other = self.logged_in()
        other.packet(192, PING)
        self.assertEqual(other.take(193), PING)
        self.assertFalse(waiting.pipe.closing)
        self.threads.finish()
        self.assertTrue(waiting.pipe.closing)
        self.assert_alive(other)


class ManyTests(ThreadCase):
    """Many clients that make the server compute, which is cheap for them."""

    def computing_too(self, host: str) -> MemoryClient:
        """Return one more client whose exchange is to be computed."""
        client = HeavyClient(self.factory, host=host)
        client.connect()
        return client

    def test_one_at_a_time(self) -> None:
        """One thread computes, and leaves the others to whoever reads files; in the end everybody has had a turn."""
        clients = [self.computing_too("198.51.100.7") for _ in range(9)]
        for _ in clients:
            self.assertEqual(len(self.threads), 1)
            self.threads.finish()
        for client in clients:
            client.pump()
            self.assertEqual(client.exchanges, 1)
        self.assertEqual(len(self.threads), 0)

    def test_by_turns(self) -> None:
        """Hosts have their turns one after the other: who comes behind a flood from elsewhere waits for one of them."""
        for _ in range(9):
            self.computing_too("198.51.100.7")
        client = self.computing_too("198.51.100.8")
        for _ in range(3):
            self.threads.finish()
        client.pump()
        self.assertEqual(client.exchanges, 1)

    def test_networks(self) -> None:
        """The addresses of one network of IPv6 have one turn, as a household has one line."""
        for number in range(9):
            self.computing_too(f"2001:db8::{number + 1}")
        client = self.computing_too("2001:db8:0:1::1")
        for _ in range(3):
            self.threads.finish()
        client.pump()
        self.assertEqual(client.exchanges, 1)

    def test_slow_keys(self) -> None:
        """Whoever waits for a host key on a token waits for no arithmetic, but for few others with such a key."""
        for key in self.factory.host_keys.keys:
            self.patch(key, "slow", True)
        self.computing_too("198.51.100.7")
        others = [MemoryClient(self.factory) for _ in range(9)]
        for client in others:
            client.connect()
        self.assertEqual(len(self.threads), 1 + 4)
        self.finish(*others)
        self.assertEqual({client.exchanges for client in others}, {1})

    def test_gone(self) -> None:
        """For clients that have left before their turn nothing is computed."""
        clients = [self.computing_too("198.51.100.7") for _ in range(9)]
        for client in clients:
            client.pipe.cut()
        last = self.computing_too("198.51.100.7")
        for _ in range(2):
            self.threads.finish()
        last.pump()
        self.assertEqual((last.exchanges, len(self.threads)), (1, 0))

    def test_others_log_in(self) -> None:
        """Whoever uses a light method does not wait for any of them."""
        for _ in range(9):
            self.computing_too("198.51.100.7")
        client = self.at(Stage.SERVICE)
        self.assertEqual(client.exchanges, 1)
