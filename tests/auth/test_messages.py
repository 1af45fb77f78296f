"""Tests of `conchsftp.auth.messages`: what a method with messages of its own relies on."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.messages import Aborted, Messages
from tests.auth.support import Transport


class MessagesTests(SynchronousTestCase):
    """What a method with messages of its own relies on."""

    def test_one_is_kept(self) -> None:
        """One early message of those that may come early is kept, for who waits for it first."""
        messages = Messages(lambda number, payload: None, lambda: None, Transport().clock, frozenset({70}))
        self.assertFalse(messages.received(71, b""))
        self.assertTrue(messages.received(70, b"a"))
        self.assertFalse(messages.received(70, b"b"))
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(messages.receive(70))), (70, b"a"))
        waiting = Deferred.fromCoroutine(messages.receive(70))
        self.assertNoResult(waiting)
        self.assertTrue(messages.abort())
        self.failureResultOf(waiting, Aborted)
        self.assertFalse(messages.abort())

    def test_time(self) -> None:
        """What the client takes is its own time."""
        clock = Transport().clock
        messages = Messages(lambda number, payload: None, lambda: None, clock)
        waiting = Deferred.fromCoroutine(messages.receive(70, 71))
        clock.advance(3)
        self.assertTrue(messages.waiting)
        self.assertTrue(messages.received(71, b"x"))
        self.assertEqual(self.successResultOf(waiting), (71, b"x"))
        self.assertEqual(messages.waited, 3)
