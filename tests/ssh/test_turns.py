"""
Who is served next.
"""

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.ssh.turns import Turns
from tests.ssh.case import ConnectionCase


class _Settings:
    max_read_time = 10


class TurnsTests(SynchronousTestCase):
    """Jobs that take a while, one after the other, between looks at the sockets."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.settings = _Settings()
        self.turns = Turns(self.clock, self.settings)
        self.done: list[Any] = []

    def wait(self, name: str, seconds: float, *, times: int = 1) -> None:
        """Queue up, for so many turns."""

        def job() -> None:
            self.done.append((name, round(self.turns.end() - self.clock.seconds(), 6)))
            self.clock.rightNow += seconds
            if times > 1:
                self.wait(name, seconds, times=times - 1)

        self.turns.wait(job)

    def names(self) -> str:
        """Let the reactor come round once; return who was served."""
        self.done.clear()
        calls = self.clock.getDelayedCalls()
        for call in calls:
            self.clock.calls.remove(call)
            call.called = 1
            call.func()
        return "".join(name for name, _ in self.done)

    def test_one_slice_for_all(self) -> None:
        """However many wait, together they have one slice before the sockets are looked at; each has its turn."""
        for name in "abc":
            self.wait(name, 0.010, times=2)
        self.assertEqual([self.names() for _ in range(7)], ["a", "b", "c", "a", "b", "c", ""])

    def test_quick_ones(self) -> None:
        """Those that are done quickly share it."""
        for name in "abcde":
            self.wait(name, 0.004)
        self.assertEqual([self.names() for _ in range(3)], ["abc", "de", ""])

    def test_once_each(self) -> None:
        """Nobody has two turns in one slice."""
        self.wait("a", 0.001, times=3)
        self.assertEqual([self.names() for _ in range(4)], ["a", "a", "a", ""])

    def test_crowd(self) -> None:
        """A turn that begins at a socket is short while others wait."""
        self.assertEqual(self.turns.begin(), 0.010)
        self.turns.finish()
        self.wait("a", 0)
        self.assertEqual(self.turns.begin(), 0.010 / 8)
        self.turns.finish()
        self.assertEqual(self.names(), "a")
        self.assertEqual(self.done, [("a", 0.010)])
        self.assertEqual(self.turns.begin(), 0.010)

    def test_end(self) -> None:
        """Within a turn there is one end; without one, a little time is left."""
        self.turns.begin()
        self.clock.advance(0.004)
        self.assertEqual((self.turns.begin(), self.turns.end()), (0.010, 0.010))
        self.turns.finish()
        self.assertAlmostEqual(self.turns.end(), 0.004 + 0.010 / 8)

    def test_forgotten(self) -> None:
        """Who leaves the queue is not called; nothing is left on the clock."""
        stay, go = self.done.append, lambda: None
        self.turns.wait(go)
        self.turns.wait(lambda: stay(("b", 0)))
        self.turns.forget(go)
        self.turns.forget(go)
        self.assertEqual(self.names(), "b")
        self.turns.wait(go)
        self.turns.forget(go)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_mistake(self) -> None:
        """A job that fails costs the others nothing."""
        self.turns.wait(lambda: 1 / 0)
        self.wait("b", 0)
        self.assertRaises(ZeroDivisionError, self.names)
        self.assertEqual(self.names(), "b")

    def test_unlimited(self) -> None:
        """0 is no limit."""
        self.settings.max_read_time = 0
        self.assertEqual(self.turns.begin(), float("inf"))


class WalkTests(ConnectionCase):
    """Packets of one connection that are too many for one turn."""

    def come_round(self) -> None:
        """Let the reactor make the calls that are due, but none that they ask for."""
        for call in self.clock.getDelayedCalls():
            if call.getTime() <= self.clock.seconds():
                self.clock.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)

    def test_small_packets(self) -> None:
        """The rest is handled, and more is received, when the others have had their turn."""
        client = self.logged_in()
        server, handle = client.server, client.server._handle

        def slowly(payload: memoryview) -> None:
            self.clock.rightNow += 0.001
            handle(payload)

        server._handle = slowly  # type: ignore[method-assign]
        before = server.receiver.packets
        for _ in range(100):
            client.lay(2, b"\0\0\0\0")
        client.packet_now(255)
        handled = []
        handled.append(server.receiver.packets - before)
        while not client.pipe.reading:
            self.come_round()
            handled.append(server.receiver.packets - before)
        self.assertGreater(len(handled), 5)
        self.assertLessEqual(max(b - a for a, b in zip(handled, handled[1:], strict=False)), 16)
        client.pump()
        client.take(3)
        self.assert_alive(client)

    def test_others_receive_meanwhile(self) -> None:
        """The buffer is another connection's in between, and what was not handled is still there."""
        client, other = self.logged_in(), self.logged_in()
        server, handle = client.server, client.server._handle

        def slowly(payload: memoryview) -> None:
            self.clock.rightNow += 0.001
            handle(payload)

        server._handle = slowly  # type: ignore[method-assign]
        for number in range(40):
            client.lay(192, b"\0\0\0\1" + bytes((number,)))
        client.flush()
        client.pipe.deliver()
        self.assertFalse(client.pipe.reading)
        self.assert_alive(other)
        while not client.pipe.reading:
            self.come_round()
        client.pump()
        self.assertEqual([client.take(193)[-1] for _ in range(40)], list(range(40)))

    def test_lost_meanwhile(self) -> None:
        """A connection that is lost while it waits for its turn does not come back."""
        client = self.logged_in()

        def slowly(payload: memoryview) -> None:
            self.clock.rightNow += 0.01

        client.server._handle = slowly  # type: ignore[method-assign]
        for _ in range(40):
            client.lay(2, b"\0\0\0\0")
        client.pump()
        before = client.server.receiver.packets
        client.pipe.cut()
        self.clock.advance(0)
        self.assertEqual(client.server.receiver.packets, before)
        self.assert_gone(client)
