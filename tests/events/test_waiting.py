"""
Waiting only where something waits.
"""

import gc
import sys

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.events.waiting import TimeLimitExceeded, in_thread, limited, settled, start


async def adds(*deferreds):
    total = 0
    for each in deferreds:
        total += await each
    return total


class StartTests(SynchronousTestCase):
    def test_never_waits(self):
        """A coroutine that never waits gives its result, not a Deferred; Deferreds that have fired are no wait."""
        self.assertEqual(start(adds()), 0)
        self.assertEqual(start(adds(succeed(1), succeed(2))), 3)

    def test_raises_at_once(self):
        """What it raises before it waits is raised."""
        self.assertRaises(KeyError, start, adds(fail(KeyError())))

    def test_waits(self):
        """A coroutine that waits gives a Deferred of its result, however often it waits."""
        first, second = Deferred(), Deferred()
        result = start(adds(first, second, succeed(4)))
        first.callback(1)
        self.assertNoResult(result)
        second.callback(2)
        self.assertEqual(self.successResultOf(result), 7)

    def test_fails_later(self):
        """What it raises after a wait fails the Deferred."""
        first = Deferred()
        result = start(adds(first, fail(KeyError())))
        first.callback(1)
        self.failureResultOf(result, KeyError)

    def test_failure_can_be_caught(self):
        """A failure that it waits for is raised inside, where it can be caught, also at the first wait."""

        async def catches(first, second):
            try:
                await first
            except KeyError:
                return await second

        first, second = Deferred(), Deferred()
        result = start(catches(first, second))
        first.errback(KeyError())
        second.callback("caught")
        self.assertEqual(self.successResultOf(result), "caught")

    def test_cancel(self):
        """Cancelling cancels what it waits for: at the first wait and later."""
        for deferreds in ([Deferred()], [Deferred(), Deferred()]):
            result = start(adds(*deferreds))
            for each in deferreds[:-1]:
                each.callback(1)
            result.cancel()
            self.failureResultOf(result, CancelledError)
            self.failureResultOf(deferreds[-1].addBoth(lambda _: fail(CancelledError())), CancelledError)

    def test_many_waits(self):
        """Thousands of waits need no deep stack."""
        deferreds = [Deferred() for _ in range(5000)]
        result = start(adds(*deferreds))
        for each in reversed(deferreds):
            each.callback(1)
        self.assertEqual(self.successResultOf(result), 5000)


class SettledTests(SynchronousTestCase):
    def test_values(self):
        """A value that is no awaitable is itself."""
        for value in (None, 0, "text", [Deferred()]):
            self.assertIs(settled(value), value)

    def test_ready(self):
        """What is ready is taken out of coroutine, Deferred or any awaitable, and what has failed is raised."""

        class Later:
            def __await__(self):
                return succeed(5).__await__()

        for awaitable in (adds(succeed(5)), succeed(5), Later()):
            self.assertEqual(settled(awaitable), 5)
        self.assertRaises(KeyError, settled, fail(KeyError()))

    def test_waiting(self):
        """What waits is a Deferred."""
        first = Deferred()
        result = settled(first)
        self.assertNoResult(result)
        first.callback(5)
        self.assertEqual(self.successResultOf(result), 5)


class LimitedTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.waiting = Deferred()
        self.limited = limited(self.waiting, 30, self.clock)

    def test_in_time(self):
        """A result in time is handed on, and no timer stays."""
        self.clock.advance(29.9)
        self.waiting.callback(5)
        self.assertEqual(self.successResultOf(self.limited), 5)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_failure_in_time(self):
        """So is a failure."""
        self.waiting.errback(KeyError())
        self.failureResultOf(self.limited, KeyError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_late(self):
        """At the limit it fails, and what is late is cancelled."""
        self.clock.advance(30)
        self.failureResultOf(self.limited, TimeLimitExceeded)
        self.assertTrue(self.waiting.called)

    def test_cannot_be_cancelled(self):
        """Nobody waits for what ignores being cancelled; what it gives later is dropped, a failure as well."""
        for finish in (lambda d: d.callback(5), lambda d: d.errback(KeyError())):
            waiting = Deferred(lambda _: None)
            inner = Deferred()
            waiting.addBoth(lambda _, inner=inner: inner)
            clock = Clock()
            result = limited(waiting, 30, clock)
            clock.advance(30)
            self.failureResultOf(result, TimeLimitExceeded)
            finish(inner)
            self.assertEqual(self.flushLoggedErrors(), [])

    def test_cancel(self):
        """Cancelling cancels what is waited for, and ends the timer."""
        self.limited.cancel()
        self.failureResultOf(self.limited, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class InThreadTests(SynchronousTestCase):
    def test_mark(self):
        """The mark changes nothing about the function."""

        @in_thread
        def work(event):
            return event

        self.assertEqual(work(5), 5)
        self.assertTrue(work.runs_in_thread)

    def test_coroutine(self):
        """A coroutine function cannot be run in a thread."""
        self.assertRaises(TypeError, in_thread, adds)


class ForgottenTests(SynchronousTestCase):
    """Work that waits for what never comes, and that nobody holds."""

    def test_closed(self):
        """It is closed, so that what it has open is released, and nothing is printed about it."""
        ended = []

        async def work():
            try:
                await Deferred()
            finally:
                ended.append(True)

        unraisable = []
        self.patch(sys, "unraisablehook", unraisable.append)
        waiting = start(work())
        del waiting
        gc.collect()
        self.assertEqual((ended, unraisable), ([True], []))
