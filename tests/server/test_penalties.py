"""
Penalties: what is held against a source, and for how long it is refused.
"""

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.server.penalties import Penalties, Penalty
from conchsftp.settings.penalties import Offence
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE

HOST = "192.0.2.7"


class PenaltiesCase(SynchronousTestCase):
    """Penalties with a clock."""

    def setUp(self) -> None:
        self.make()

    def make(self, rules: str = "yes", **settings: Any) -> Penalties:
        """Make them."""
        self.clock = Clock()
        self.settings = Settings(TABLE, per_source_penalties=rules, **settings)
        self.told: list[Penalty] = []
        self.penalties = Penalties(self.settings, self.clock.seconds, self.told.append)
        return self.penalties

    def guess(self, times: int = 1, host: str = HOST) -> None:
        """Guess wrong."""
        for _ in range(times):
            self.penalties.add(host, Offence.AUTHFAIL)

    def refused(self, host: str = HOST) -> bool:
        """Return whether a host is refused."""
        return self.penalties.refuses(host) is not None


class PenaltiesTests(PenaltiesCase):
    """One source."""

    def test_mistyped(self) -> None:
        """Who mistypes three times in the time that a person needs is not refused."""
        for _ in range(3):
            self.guess()
            self.clock.advance(1)
        self.assertFalse(self.refused())
        self.assertEqual(self.told, [])

    def test_forgiven_at_the_most(self) -> None:
        """Guesses that could add nothing any more take nothing away when they are forgiven."""
        self.guess(200)
        self.guess(20)
        self.penalties.forgive(HOST, Offence.AUTHFAIL, 20)
        self.assertEqual([each.seconds for each in self.penalties], [600])

    def test_scanner(self) -> None:
        """Who guesses on is refused when `min` has come together, and told of once, until nothing is left."""
        self.guess(2)
        self.assertFalse(self.refused())
        self.guess()
        self.assertTrue(self.refused())
        self.assertEqual(self.told, [Penalty(source=HOST, seconds=15, reason=Offence.AUTHFAIL)])
        self.guess()
        self.clock.advance(19.9)
        self.assertTrue(self.refused())
        self.clock.advance(0.1)
        self.assertFalse(self.refused())
        self.assertEqual((len(self.told), len(self.penalties)), (1, 0))

    def test_decays(self) -> None:
        """What was held against somebody is less each second."""
        self.guess(2)
        self.clock.advance(6)
        self.guess(2)
        self.assertFalse(self.refused())
        self.guess()
        self.assertTrue(self.refused())

    def test_most(self) -> None:
        """Nobody is refused for longer than `max`, whatever they do."""
        self.make("max:60")
        self.guess(1000)
        self.clock.advance(59.9)
        self.assertTrue(self.refused())
        self.clock.advance(0.1)
        self.assertFalse(self.refused())

    def test_each_offence(self) -> None:
        """Each offence adds its own, and one that costs nothing is not remembered."""
        for offence in Offence:
            with self.subTest(offence=offence.value):
                self.make(f"{offence.value}:20")
                self.penalties.add(HOST, offence)
                self.assertEqual([penalty.seconds for penalty in self.penalties], [20])
                self.make(f"{offence.value}:0")
                self.penalties.add(HOST, offence)
                self.assertEqual(len(self.penalties), 0)

    def test_slower(self) -> None:
        """Each guess makes the next one take longer, up to eight times; time makes it quicker again."""
        self.assertEqual(self.penalties.slower(HOST), 1)
        self.guess()
        self.assertEqual(self.penalties.slower(HOST), 2)
        self.clock.advance(2.5)
        self.assertEqual(self.penalties.slower(HOST), 1.5)
        self.guess(100)
        self.assertEqual(self.penalties.slower(HOST), 8)
        self.assertEqual(self.penalties.slower("192.0.2.8"), 1)

    def test_forgiven(self) -> None:
        """What was a mistake is taken back, and no more than that."""
        self.guess(3)
        self.penalties.forgive(HOST, Offence.AUTHFAIL, 2)
        self.assertEqual([penalty.seconds for penalty in self.penalties], [5])
        self.penalties.forgive(HOST, Offence.AUTHFAIL, 7)
        self.assertFalse(self.refused())
        self.penalties.forgive(HOST, Offence.AUTHFAIL, 1)
        self.guess(2)
        self.assertFalse(self.refused())

    def test_off(self) -> None:
        """Where nothing is enforced nothing is counted, and who was refused is refused no more."""
        self.guess(3)
        self.settings.per_source_penalties = "no"
        self.assertFalse(self.refused())
        self.assertEqual(self.penalties.slower(HOST), 1)
        self.guess(3, "192.0.2.8")
        self.settings.per_source_penalties = "yes"
        self.assertEqual([penalty.source for penalty in self.penalties], [HOST])

    def test_counted(self) -> None:
        """Refused connections are counted."""
        self.guess(3)
        self.refused()
        self.refused()
        self.assertEqual([penalty.refused for penalty in self.penalties], [2])

    def test_lifted(self) -> None:
        """A penalty can be lifted, by an address or by what the source is called; what is none is refused."""
        self.guess(3)
        self.assertTrue(self.penalties.lift(HOST))
        self.assertFalse(self.penalties.lift(HOST))
        self.assertFalse(self.refused())
        self.guess(3, "2001:db8:0:7::9")
        self.assertTrue(self.penalties.lift("2001:db8:0:7::/64"))
        self.assertRaises(ValueError, self.penalties.lift, "gate")

    def test_set(self) -> None:
        """It can be made longer or shorter; also for somebody who has done nothing."""
        self.penalties.set(HOST, 1000)
        self.guess()
        self.clock.advance(999)
        self.assertTrue(self.refused())
        self.penalties.set(HOST, 0.5)
        self.clock.advance(0.5)
        self.assertFalse(self.refused())
        self.guess(3)
        self.penalties.set(HOST, 0)
        self.assertFalse(self.refused())


class SourceTests(PenaltiesCase):
    """What one source is."""

    def test_addresses(self) -> None:
        """Each address of IPv4 is one, also where a socket of IPv6 calls it otherwise."""
        self.guess(2)
        self.guess(1, "::ffff:192.0.2.7")
        self.assertTrue(self.refused())
        self.assertFalse(self.refused("192.0.2.8"))

    def test_networks(self) -> None:
        """Of IPv6 each network that a household gets is one; how large they are can be set."""
        self.guess(3, "2001:db8:0:7::1")
        self.assertTrue(self.refused("2001:db8:0:7:ffff::2"))
        self.assertFalse(self.refused("2001:db8:0:8::1"))
        self.assertEqual([penalty.source for penalty in self.penalties], ["2001:db8:0:7::/64"])
        self.make(per_source_net_block_size="24:48")
        self.guess(3)
        self.guess(3, "2001:db8:0:7::1")
        self.assertTrue(self.refused("192.0.2.200"))
        self.assertTrue(self.refused("2001:db8:0:ffff::1"))
        self.assertEqual([penalty.source for penalty in self.penalties], ["192.0.2.0/24", "2001:db8::/48"])

    def test_small_numbers(self) -> None:
        """An address of IPv6 whose number would fit into one of IPv4 is one of IPv6 all the same."""
        self.make(per_source_net_block_size="32:128")
        self.guess(3, "::1")
        self.assertEqual([penalty.source for penalty in self.penalties], ["::1"])
        self.assertFalse(self.refused("0.0.0.1"))

    def test_exempt(self) -> None:
        """Who is exempt is never refused."""
        self.make(per_source_penalty_exempt_list="192.0.2.0/24")
        self.guess(100)
        self.assertEqual((self.refused(), len(self.penalties)), (False, 0))

    def test_no_address(self) -> None:
        """What has no address, as a local socket, is nobody's fault."""
        for host in ("", "None", "UNIXAddress('/run/socket')"):
            self.guess(100, host)
            self.assertFalse(self.refused(host))


class MemoryTests(PenaltiesCase):
    """Many sources."""

    def test_permissive(self) -> None:
        """Of more sources than may be kept, those that are free soonest are forgotten."""
        self.make("max-sources4:3")
        self.guess(5, "192.0.2.1")
        for number in range(2, 50):
            self.guess(3, f"192.0.2.{number}")
            self.clock.advance(0.01)
        self.assertEqual(len(self.penalties), 3)
        self.assertEqual(
            [self.refused(f"192.0.2.{number}") for number in (1, 2, 47, 48, 49)], [True, False, False, True, True]
        )

    def test_deny_all(self) -> None:
        """Where that is wanted everybody is refused instead, but for who is known, and who is exempt."""
        self.make("max-sources4:2 overflow:deny-all", per_source_penalty_exempt_list="198.51.100.1")
        self.guess(1, "192.0.2.1")
        self.guess(2, "192.0.2.2")
        self.guess(9, "192.0.2.3")
        self.assertEqual([self.refused(f"192.0.2.{number}") for number in (1, 2, 3)], [False, False, True])
        self.assertEqual((self.refused("198.51.100.1"), self.refused("2001:db8::1")), (False, False))
        penalty = self.penalties.refuses("192.0.2.3")
        assert penalty is not None
        self.assertEqual((penalty.source, penalty.seconds, penalty.refused), ("everybody of IPv4", 5, 2))
        self.clock.advance(5)
        self.assertFalse(self.refused("192.0.2.3"))

    def test_bounded(self) -> None:
        """What is kept does not grow with what one source does, and is gone in time."""
        self.make("max:600")
        for _ in range(10_000):
            self.guess()
        tables = self.penalties._tables.values()
        self.assertLess(sum(len(table._soonest) for table in tables), 100)
        self.clock.advance(600)
        self.assertFalse(self.refused())
        self.guess(1, "192.0.2.8")
        self.assertEqual(len(self.penalties), 1)
