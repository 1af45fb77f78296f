"""
Which connections there are, and how many more may come.
"""

from types import SimpleNamespace

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.server.connections import ConnectionTable
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.ssh.numbers import Reason


class Peer:
    """A transport, as far as the table sees it."""

    def __init__(self, table: ConnectionTable, host: str = "192.0.2.7") -> None:
        self.transport = SimpleNamespace(getPeer=lambda: IPv4Address("TCP", host, 4711))
        self.connection_id = table.number()
        self.reasons: list[int] = []
        table.opened(self)

    def sendDisconnect(self, reason: int, text: bytes) -> None:
        self.reasons.append(reason)


class TableCase(SynchronousTestCase):
    """A table with limits of three connections and two that have not logged in."""

    def setUp(self) -> None:
        self.settings = Settings(TABLE, max_connections=3, max_startups=2)
        self.table = ConnectionTable(self.settings)


class CountTests(TableCase):
    """Connections by number."""

    def test_life(self) -> None:
        """A connection is found by its number from accept to loss."""
        peer = Peer(self.table)
        self.assertIs(self.table.get(peer.connection_id), peer)
        self.assertEqual((len(self.table), list(self.table)), (1, [peer]))
        self.table.logged_in(peer)
        self.assertIs(self.table.get(peer.connection_id), peer)
        self.table.closed(peer)
        self.assertIsNone(self.table.get(peer.connection_id))
        self.assertEqual((len(self.table), list(self.table)), (0, []))

    def test_numbers(self) -> None:
        """No number is given twice, not even that of a connection that is over."""
        numbers = []
        for _ in range(100):
            peer = Peer(self.table)
            numbers.append(peer.connection_id)
            self.table.closed(peer)
        self.assertEqual(len(set(numbers)), 100)

    def test_closed_twice(self) -> None:
        """A loss that is told twice, or of a connection that never came, counts once."""
        peer, other = Peer(self.table), Peer(self.table)
        self.table.closed(peer)
        self.table.closed(peer)
        self.assertEqual(list(self.table), [other])

    def test_closed_while_walked(self) -> None:
        """All connections can be walked while they are closed."""
        for _ in range(2):
            Peer(self.table)
        for peer in self.table:
            self.table.closed(peer)
        self.assertEqual(len(self.table), 0)


class LimitTests(TableCase):
    """MaxConnections."""

    def test_full(self) -> None:
        """The table is not full one below the limit, full at it, and not after one has gone."""
        peers = []
        for expected in (False, False, False):
            self.assertEqual(self.table.full, expected)
            peers.append(Peer(self.table))
            self.table.logged_in(peers[-1])
        self.assertTrue(self.table.full)
        self.table.closed(peers[0])
        self.assertFalse(self.table.full)

    def test_above(self) -> None:
        """A limit that is lowered below what is there counts from now on."""
        self.table.logged_in(Peer(self.table))
        self.settings.max_connections = 1
        self.assertTrue(self.table.full)
        self.table.logged_in(Peer(self.table))
        self.assertTrue(self.table.full)
        self.settings.max_connections = 3
        self.assertFalse(self.table.full)


class StartupTests(TableCase):
    """MaxStartups."""

    def test_limit(self) -> None:
        """One below and at the limit nobody has to go; one above, the one that came first."""
        first, second = Peer(self.table), Peer(self.table)
        self.assertEqual((first.reasons, second.reasons), ([], []))
        third = Peer(self.table)
        self.assertEqual((first.reasons, second.reasons, third.reasons), ([Reason.TOO_MANY_CONNECTIONS], [], []))

    def test_each_goes_once(self) -> None:
        """Whoever was sent away is not sent away again; the next one is."""
        peers = [Peer(self.table) for _ in range(5)]
        self.assertEqual([len(peer.reasons) for peer in peers], [1, 1, 1, 0, 0])

    def test_still_counted(self) -> None:
        """Whoever was sent away is a connection until it is lost."""
        first, *_ = (Peer(self.table) for _ in range(3))
        self.assertEqual(len(self.table), 3)
        self.table.closed(first)
        self.assertEqual(len(self.table), 2)

    def test_logged_in(self) -> None:
        """Whoever has logged in is not counted, and never sent away for others."""
        peers = [Peer(self.table) for _ in range(2)]
        for peer in peers:
            self.table.logged_in(peer)
        more = [Peer(self.table) for _ in range(3)]
        self.assertEqual([len(peer.reasons) for peer in peers + more], [0, 0, 1, 0, 0])

    def test_lost_before_login(self) -> None:
        """A connection that is lost makes room."""
        first, second = Peer(self.table), Peer(self.table)
        self.table.closed(first)
        third = Peer(self.table)
        self.assertEqual(second.reasons + third.reasons, [])

    def test_lost_while_sent_away(self) -> None:
        """A connection may be lost at the very moment it is sent away."""
        first = Peer(self.table)
        first.sendDisconnect = lambda reason, text: self.table.closed(first)  # type: ignore[method-assign]
        Peer(self.table)
        Peer(self.table)
        self.assertEqual(len(self.table), 2)


class SourceTests(TableCase):
    """MaxStartups and PerSourceMaxStartups, of several sources."""

    def test_who_has_most(self) -> None:
        """Of many connections of one source one of these goes, however long others have waited."""
        patient = Peer(self.table, "192.0.2.8")
        flood = [Peer(self.table) for _ in range(5)]
        self.assertEqual(patient.reasons, [])
        self.assertEqual([len(peer.reasons) for peer in flood], [1, 1, 1, 1, 0])

    def test_longest_of_all(self) -> None:
        """Where no source has more than another, the one goes that came first."""
        peers = [Peer(self.table, f"192.0.2.{number}") for number in range(5)]
        self.assertEqual([len(peer.reasons) for peer in peers], [1, 1, 1, 0, 0])

    def test_crowded(self) -> None:
        """A source is crowded at its limit; not one below, not when one has logged in or gone, and no other source."""
        self.settings.per_source_max_startups = 2
        first = Peer(self.table)
        self.assertFalse(self.table.crowded("192.0.2.7"))
        second = Peer(self.table)
        self.assertTrue(self.table.crowded("192.0.2.7"))
        self.assertFalse(self.table.crowded("192.0.2.8"))
        self.table.logged_in(first)
        self.assertFalse(self.table.crowded("192.0.2.7"))
        Peer(self.table)
        self.table.closed(second)
        self.assertFalse(self.table.crowded("192.0.2.7"))

    def test_never_crowded(self) -> None:
        """Without a limit, for who is exempt, and where there is no address, nobody is."""
        for _ in range(2):
            Peer(self.table)
        self.assertFalse(self.table.crowded("192.0.2.7"))
        self.settings.per_source_max_startups = 1
        self.assertTrue(self.table.crowded("192.0.2.7"))
        self.assertFalse(self.table.crowded("UNIXAddress('/run/socket')"))
        self.settings.per_source_penalty_exempt_list = "192.0.2.0/24"
        self.assertFalse(self.table.crowded("192.0.2.7"))
