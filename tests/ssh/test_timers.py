"""
How long a peer may keep us waiting.
"""

from types import SimpleNamespace

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.ssh.timers import Timers


class TimersCase(SynchronousTestCase):
    """One connection's timers over a clock that stands still."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.ended: list[str] = []
        self.asked: list[float] = []
        self.busy = False

    def timers(self, *, login: float = 0, silence: float = 0, idle: float = 0, ask: float = 0, most: int = 3) -> Timers:
        """Return timers with these limits in seconds; 0: none."""
        settings = SimpleNamespace(
            login_grace_time=login,
            default_connection_timeout=silence,
            default_timeout=idle,
            ssh_keep_alive_interval=ask,
            ssh_keep_alive_count_max=most,
        )
        return Timers(
            self.clock,
            settings,
            expired=self.ended.append,
            ask=lambda: self.asked.append(self.clock.seconds()),
            busy=lambda: self.busy,
        )

    def pass_time(self, seconds: float) -> None:
        """Let time go by in small steps, as a busy reactor sees it."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(min(1.0, end - self.clock.seconds()))


class LoginTests(TimersCase):
    """From the accepted connection to the end of the login."""

    def test_limit(self) -> None:
        """A login may take just less than LoginGraceTime, and not longer, however much is said meanwhile."""
        timers = self.timers(login=120)
        timers.accepted()
        for _ in range(119):
            self.clock.advance(1)
            timers.heard()
        self.assertEqual(self.ended, [])
        self.clock.advance(1)
        self.assertEqual(self.ended, ["no login within 120 seconds"])

    def test_in_time(self) -> None:
        """Whoever has logged in has no LoginGraceTime to keep to."""
        timers = self.timers(login=120)
        timers.accepted()
        self.pass_time(119)
        timers.logged_in()
        self.pass_time(1000)
        self.assertEqual(self.ended, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_limit(self) -> None:
        """Zeros limit nothing, and start no clock."""
        timers = self.timers()
        timers.accepted()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        timers.logged_in()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_silence(self) -> None:
        """Before the login, DefaultConnectionTimeout limits the silence: one second below, at, and after a word."""
        timers = self.timers(login=120, silence=10)
        timers.accepted()
        self.pass_time(9)
        timers.heard()
        self.pass_time(9)
        self.assertEqual(self.ended, [])
        self.pass_time(1)
        self.assertEqual(self.ended, ["silent for 10 seconds"])

    def test_once(self) -> None:
        """The first limit that is reached ends everything; no other one is told as well."""
        timers = self.timers(login=10, silence=5)
        timers.accepted()
        self.pass_time(100)
        self.assertEqual(self.ended, ["silent for 5 seconds"])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class SessionTests(TimersCase):
    """After the login."""

    def test_idle(self) -> None:
        """After the login DefaultTimeout limits the silence, and the limit of before does not."""
        timers = self.timers(silence=10, idle=60)
        timers.accepted()
        self.pass_time(5)
        timers.heard()
        timers.logged_in()
        self.pass_time(59)
        self.assertEqual(self.ended, [])
        self.pass_time(1)
        self.assertEqual(self.ended, ["silent for 60 seconds"])

    def test_idle_counts_from_the_last_word(self) -> None:
        """Each word starts the silence anew, wherever between two looks it falls."""
        for second in (1, 30, 59):
            with self.subTest(second=second):
                self.ended.clear()
                timers = self.timers(idle=60)
                timers.logged_in()
                self.pass_time(second)
                timers.heard()
                self.pass_time(59)
                self.assertEqual(self.ended, [])
                self.pass_time(1)
                self.assertEqual(self.ended, ["silent for 60 seconds"])

    def test_not_idle_while_worked_for(self) -> None:
        """A peer that waits for its answer is not idle, and is given the whole limit again afterwards."""
        timers = self.timers(idle=60)
        timers.logged_in()
        self.pass_time(59)
        self.busy = True
        self.pass_time(1000)
        self.assertEqual(self.ended, [])
        self.busy = False
        self.pass_time(59 - 1059 % 60)
        self.assertEqual(self.ended, [])
        self.pass_time(60)
        self.assertEqual(self.ended, ["silent for 60 seconds"])

    def test_asked_while_worked_for(self) -> None:
        """A peer that waits for its answer is asked all the same: it may be gone."""
        timers = self.timers(idle=60, ask=15, most=3)
        self.busy = True
        timers.logged_in()
        self.pass_time(60)
        self.assertEqual(self.ended, ["3 keep-alive messages unanswered"])

    def test_talking_is_cheap(self) -> None:
        """A thousand words cost no timer of their own."""
        timers = self.timers(idle=60)
        timers.logged_in()
        for _ in range(1000):
            self.clock.advance(1)
            timers.heard()
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.assertEqual(self.ended, [])

    def test_waited_for_us(self) -> None:
        """The silence of a peer that waited for an answer begins with the answer, not with its question."""
        timers = self.timers(idle=60)
        timers.logged_in()
        self.pass_time(50)
        timers.answered()
        self.pass_time(59)
        self.assertEqual(self.ended, [])
        self.pass_time(1)
        self.assertEqual(self.ended, ["silent for 60 seconds"])

    def test_fraction_of_a_second(self) -> None:
        """Words at odd times do not make a timer fire over and over."""
        timers = self.timers(idle=0.3, ask=0.1, most=1000)
        timers.logged_in()
        for _ in range(2000):
            self.clock.advance(0.0123456789)
            timers.heard()
        self.assertEqual((self.ended, self.asked), ([], []))
        self.pass_time(0.31)
        self.assertEqual(self.ended, ["silent for 0.3 seconds"])


class KeepAliveTests(TimersCase):
    """Asking whether the peer is there."""

    def test_asked(self) -> None:
        """A silent peer is asked every SSHKeepAliveInterval, and lost after SSHKeepAliveCountMax without an answer."""
        timers = self.timers(ask=15, most=3)
        timers.accepted()
        timers.logged_in()
        self.pass_time(59)
        self.assertEqual((self.asked, self.ended), ([15, 30, 45], []))
        self.pass_time(1)
        self.assertEqual(self.ended, ["3 keep-alive messages unanswered"])
        self.pass_time(1000)
        self.assertEqual((len(self.asked), len(self.ended)), (3, 1))

    def test_answered(self) -> None:
        """A peer that answers is kept, however long nothing else is said."""
        timers = self.timers(ask=15, most=1)
        timers.logged_in()
        for _ in range(100):
            self.pass_time(15)
            timers.heard()
        self.assertEqual((len(self.asked), self.ended), (100, []))

    def test_our_answer(self) -> None:
        """An answer of ours is none of the peer's."""
        timers = self.timers(ask=15, most=3)
        timers.logged_in()
        for _ in range(59):
            self.pass_time(1)
            if self.asked:
                timers.answered()
        self.assertEqual((self.asked, self.ended), ([15, 30, 45], []))
        self.pass_time(1)
        self.assertEqual(len(self.ended), 1)

    def test_late_answer(self) -> None:
        """One answer makes up for all questions before it."""
        timers = self.timers(ask=15, most=3)
        timers.logged_in()
        self.pass_time(50)
        timers.heard()
        self.pass_time(59)
        self.assertEqual(self.ended, [])
        self.pass_time(1)
        self.assertEqual(len(self.ended), 1)

    def test_not_while_talking(self) -> None:
        """A peer that talks is not asked: the interval is one of silence."""
        timers = self.timers(ask=15, most=3)
        timers.logged_in()
        for _ in range(100):
            self.pass_time(14)
            timers.heard()
        self.assertEqual(self.asked, [])
        self.pass_time(15)
        self.assertEqual(len(self.asked), 1)

    def test_not_before_login(self) -> None:
        """Nobody is asked before the login."""
        timers = self.timers(ask=15)
        timers.accepted()
        self.pass_time(100)
        self.assertEqual(self.asked, [])

    def test_most(self) -> None:
        """A single question may be the limit."""
        timers = self.timers(ask=10, most=1)
        timers.logged_in()
        self.pass_time(19)
        self.assertEqual((self.asked, self.ended), ([10], []))
        self.pass_time(1)
        self.assertEqual(self.ended, ["1 keep-alive messages unanswered"])


class EndTests(TimersCase):
    """The end of a connection."""

    def test_stop(self) -> None:
        """A connection that is over leaves no timer behind, at whatever point it ends; stopping twice is no harm."""
        for steps in ((), ("accepted",), ("accepted", "logged_in"), ("accepted", "logged_in", "heard")):
            with self.subTest(steps=steps):
                timers = self.timers(login=120, silence=10, idle=60, ask=15)
                for step in steps:
                    getattr(timers, step)()
                timers.stop()
                timers.stop()
                self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_end_while_asking(self) -> None:
        """A connection that ends because the question could not be sent leaves no timer behind."""
        timers = self.timers(idle=60, ask=15)
        timers._ask = timers.stop
        timers.logged_in()
        self.pass_time(20)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_linger(self) -> None:
        """After our last message the peer has five seconds to fetch it."""
        cut: list[bool] = []
        timers = self.timers(login=120)
        timers.accepted()
        timers.stop()
        timers.linger(lambda: cut.append(True))
        self.pass_time(4)
        self.assertEqual(cut, [])
        self.pass_time(1)
        self.assertEqual((cut, self.ended), ([True], []))

    def test_linger_ends_with_the_connection(self) -> None:
        """A peer that fetches it in time is not cut off."""
        timers = self.timers(login=120)
        timers.accepted()
        timers.stop()
        timers.linger(lambda: self.fail("cut"))
        timers.stop()
        self.pass_time(10)

    def test_expired_then_linger(self) -> None:
        """Whoever is told that a limit is reached may say so to the peer and linger."""
        cut: list[bool] = []
        timers = self.timers(login=10, silence=7)
        timers._expired = lambda text: timers.linger(lambda: cut.append(True))
        timers.accepted()
        self.pass_time(12)
        self.assertEqual(cut, [True])
