"""
What counts as an attempt, and how long a refusal takes.
"""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.delay import RefusalDelay
from conchsftp.auth.progress import MOST_REQUESTS, AuthProgress
from conchsftp.settings.auth_policy import Factor

ALICE = (b"alice", b"ssh-connection")
CAROL = (b"carol", b"ssh-connection")


class ProgressTests(SynchronousTestCase):
    def test_first_none_is_free(self) -> None:
        """Only the first `none` does not count; every other refusal does."""
        progress = AuthProgress()
        counts = []
        for method in ("none", "none", "password", "publickey", "telepathy"):
            progress.failed(method)
            counts.append(progress.failures)
        self.assertEqual(counts, [0, 1, 2, 3, 4])

    def test_cap(self) -> None:
        """One request below the cap and the one at it may be made, the next may not."""
        progress = AuthProgress(requests=MOST_REQUESTS - 2)
        self.assertEqual([progress.arrived() for _ in range(3)], [True, True, False])

    def test_identity(self) -> None:
        """What was proven for one user contradicts a request for another; nothing proven contradicts nobody."""
        progress = AuthProgress()
        self.assertFalse(progress.contradicts(CAROL))
        progress.prove(Factor("publickey"), {"key"}, ALICE)
        self.assertEqual(progress.proven, ["publickey"])
        self.assertFalse(progress.contradicts(ALICE))
        self.assertTrue(progress.contradicts(CAROL))

    def test_of_one_user(self) -> None:
        """What handlers have said of one user holds for their next request, and for nobody else's."""
        progress = AuthProgress()
        progress.begin(ALICE)
        progress.available, progress.home_dir = ("password",), "/in"
        progress.begin(ALICE)
        self.assertEqual((progress.available, progress.home_dir), (("password",), "/in"))
        progress.begin(CAROL)
        self.assertEqual((progress.available, progress.home_dir), ((), ""))

    def test_not_shared(self) -> None:
        """Two connections share nothing."""
        AuthProgress().prove(Factor("publickey"), {"key"}, ALICE)
        self.assertEqual(AuthProgress().proven, [])


class DelayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.delay = RefusalDelay(b"key")

    def test_constant(self) -> None:
        """Whatever was done within the slot, a refusal leaves at its end."""
        ends = {round(spent + self.delay.seconds(b"alice", 1.0, spent), 9) for spent in (0.0, 0.3, 0.9, 1.0)}
        self.assertEqual(len(ends), 1)
        self.assertTrue(all(1.0 <= end <= 1.25 for end in ends))

    def test_doubled(self) -> None:
        """Work that outlasts the slot leaves at the end of one twice as long."""
        slot = self.delay.seconds(b"alice", 1.0, 0.0)
        self.assertAlmostEqual(self.delay.seconds(b"alice", 1.0, slot * 1.01), slot * 0.99)
        self.assertAlmostEqual(self.delay.seconds(b"alice", 1.0, slot * 3), slot)

    def test_very_long(self) -> None:
        """Work that took very long is not waited for any longer."""
        self.assertEqual(self.delay.seconds(b"alice", 1.0, 60.0), 0.0)

    def test_names_differ(self) -> None:
        """The slot of a name is always the same, and differs from that of others."""
        slots = {self.delay.seconds(b"user%d" % number, 1.0, 0.0) for number in range(100)}
        self.assertGreater(len(slots), 90)
        self.assertEqual(self.delay.seconds(b"a", 1.0, 0.0), RefusalDelay(b"key").seconds(b"a", 1.0, 0.0))
        self.assertNotEqual(self.delay.seconds(b"a", 1.0, 0.0), RefusalDelay(b"other").seconds(b"a", 1.0, 0.0))

    def test_none(self) -> None:
        """A method without a slot is refused at once."""
        self.assertEqual(self.delay.seconds(b"alice", 0.0, 0.0), 0.0)

    def test_slow_for_some(self) -> None:
        """Where the work for some took longer than a slot, refusals of all the others take as long from then on."""
        clock = Clock()
        delay = RefusalDelay(b"key", clock.seconds)
        before = delay.seconds(b"a", 1.0, 0.0, "password")
        delay.judged("password", 1.5)
        self.assertEqual(delay.seconds(b"a", 1.0, 0.0, "password"), 2 * before)
        self.assertEqual(delay.seconds(b"a", 1.0, 1.5, "password"), 2 * before - 1.5)
        self.assertEqual(delay.seconds(b"a", 1.0, 0.0, "publickey"), before)

    def test_forgotten(self) -> None:
        """Ten minutes after the last slow one they are as short as before; a quick one does not shorten them."""
        clock = Clock()
        delay = RefusalDelay(b"key", clock.seconds)
        before = delay.seconds(b"a", 1.0, 0.0, "password")
        delay.judged("password", 1.5)
        clock.advance(300)
        delay.judged("password", 0.1)
        self.assertEqual(delay.seconds(b"a", 1.0, 0.0, "password"), 2 * before)
        delay.judged("password", 1.4)
        clock.advance(599)
        self.assertEqual(delay.seconds(b"a", 1.0, 0.0, "password"), 2 * before)
        clock.advance(1)
        self.assertEqual(delay.seconds(b"a", 1.0, 0.0, "password"), before)
        delay.judged("password", 0.1)
        self.assertEqual(delay.seconds(b"a", 1.0, 0.0, "password"), before)

    def test_hopeless(self) -> None:
        """What takes longer than can be hidden does not make everybody wait for minutes."""
        delay = RefusalDelay(b"key")
        delay.judged("password", 60.0)
        self.assertLess(delay.seconds(b"a", 1.0, 0.0, "password"), 1.25)
