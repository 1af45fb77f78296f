"""
Who is served next: connections that have more to do than fits into one turn queue up, all others go first.

However many connections are busy, they share one slice between two looks at the sockets; so whoever asks for little
waits for little. Knows no connection and no request. Source: the component's MaxReadTime.
"""

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any

from twisted.internet.interfaces import IReactorTime

# The part of a slice for whatever comes by itself, from a socket, a thread or a timer, while others queue: many such
# calls follow each other before the reactor looks at the sockets again.
_SMALL_PARTS = 8

Job = Callable[[], None]


class Turns:
    """
    The turns of all connections of one reactor.

    Args:
        clock: the reactor.
        settings: `max_read_time`, in milliseconds; 0: no limit.
    """

    def __init__(self, clock: IReactorTime, settings: Any) -> None:
        self._clock = clock
        self._settings = settings
        self._jobs: deque[Job] = deque()
        self._call: Any = None
        self._end: float | None = None

    def begin(self) -> float:
        """Begin the turn of a connection; return the time, in seconds of the clock, at which it is over."""
        if self._end is None:
            self._end = self._after(_SMALL_PARTS if self._jobs else 1)
        return self._end

    def end(self) -> float:
        """Return when the turn is over that has begun; outside of one, how long a small piece of work may take."""
        return self._after(_SMALL_PARTS) if self._end is None else self._end

    def finish(self) -> None:
        """End the turn."""
        self._end = None

    def wait(self, job: Job) -> None:
        """Queue up: the job is called in a turn of its own, once the sockets have been looked at."""
        self._jobs.append(job)
        if self._call is None:
            self._call = self._clock.callLater(0, self._next)

    def forget(self, job: Job) -> None:
        """Leave the queue, if it is there."""
        if job in self._jobs:
            self._jobs.remove(job)
        if not self._jobs and self._call is not None:
            self._call.cancel()
            self._call = None

    def drain(self) -> None:
        """Do everything that waits: nothing will be served any more."""
        while self._jobs:
            self._jobs.popleft()()

    def _next(self) -> None:
        """Serve whoever is first in the queue, and more of it if they are quick."""
        self._call = None
        end = self._after(1)
        try:
            for _ in range(len(self._jobs)):
                if not self._jobs:
                    break
                self._end = end
                self._jobs.popleft()()
                if self._clock.seconds() >= end:
                    break
        finally:
            self._end = None
            if self._jobs and self._call is None:
                self._call = self._clock.callLater(0, self._next)

    def _after(self, parts: int) -> float:
        milliseconds = self._settings.max_read_time
        return self._clock.seconds() + milliseconds / 1000 / parts if milliseconds else inf
