"""
Handlers that take too long.
"""

from twisted.internet.defer import Deferred

from conchsftp.events import (
    EventHub,
    FileRemove,
)
from conchsftp.events.waiting import TimeLimitExceeded
from conchsftp.sftp.statuses import Status
from tests.events.test_hub import Case


class TimeLimitTests(Case):
    def slow(self, event):
        self.late = event
        self.wait = Deferred(lambda _: self.calls.append("cancelled"))
        return self.wait

    def test_limit(self):
        """A handler that takes too long is cancelled and logged; the operation fails."""
        self.hub.on(FileRemove, self.slow)
        result = self.hub.fire(self.event)
        self.clock.advance(29.9)
        self.assertNoResult(result)
        self.clock.advance(0.1)
        self.assertEqual(self.successResultOf(result).status_code, Status.FAILURE)
        self.assertEqual(self.calls, ["cancelled"])
        (logged,) = self.flushLoggedErrors(TimeLimitExceeded)
        self.assertEqual(str(logged.value), "no result of TimeLimitTests.slow within 30 seconds")

    def test_late_handler_has_no_effect(self):
        """What a late handler still sets does not reach the event that counts."""
        self.hub.on(FileRemove, self.slow)
        result = self.hub.fire(self.event)
        self.clock.advance(30)
        ended = self.successResultOf(result)
        self.late.status_code = Status.OK
        self.assertIsNot(ended, self.late)
        self.assertEqual(ended.status_code, Status.FAILURE)
        self.flushLoggedErrors(TimeLimitExceeded)

    def test_next_handler(self):
        """The next handler gets the event that counts, and cannot allow."""

        def allow(event):
            self.calls.append(event)
            event.status_code = Status.OK

        self.hub.on(FileRemove, self.slow)
        self.hub.on(FileRemove, allow)
        result = self.hub.fire(self.event)
        self.clock.advance(30)
        ended = self.successResultOf(result)
        self.assertIs(self.calls[0], ended)
        self.assertEqual(ended.status_code, Status.FAILURE)
        self.flushLoggedErrors(TimeLimitExceeded)

    def test_each_has_its_own(self):
        """The limit is for each handler, not for all together."""
        self.hub.on(FileRemove, self.slow)
        self.hub.on(FileRemove, self.slow)
        result = self.hub.fire(self.event)
        for _ in range(2):
            self.clock.advance(29)
            self.wait.callback(None)
        self.assertEqual(self.successResultOf(result).status_code, Status.OK)

    def test_no_limit(self):
        """With 0, or without a clock, a handler may take any time; sessions follow their server."""
        self.hub.handler_seconds = 0
        for hub in (self.hub.child(), EventHub().child()):
            hub.on(FileRemove, self.slow)
            result = hub.fire(self.event)
            self.clock.advance(10_000)
            self.assertNoResult(result)
