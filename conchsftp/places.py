"""
A few places for many who want one: sources have their turns one after the other.

Knows nothing of what is done there.
"""

from collections import deque
from collections.abc import Hashable

from twisted.internet.defer import Deferred, succeed


class Places:
    """
    Places, and who waits for one.

    A place that becomes free goes to the next source, and there to who has waited longest: somebody who asks a thousand
    times has waited a thousand turns for the last one, and everybody else for one.

    Args:
        most: how many there are.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: dict[Hashable, deque[Deferred[None]]] = {}

    def __len__(self) -> int:
        """Return how many wait."""
        return sum(map(len, self._waiting.values()))

    def acquire(self, source: Hashable = None) -> "Deferred[None]":
        """Return a Deferred that fires when there is a place for the source; it may be cancelled before that."""
        if self._free:
            self._free -= 1
            return succeed(None)
        waiting: Deferred[None] = Deferred(lambda each: self._leave(source, each))
        self._waiting.setdefault(source, deque()).append(waiting)
        return waiting

    def release(self) -> None:
        """Give a place back."""
        source = next(iter(self._waiting), self)
        if source is self:
            self._free += 1
            return
        queue = self._waiting.pop(source)
        first = queue.popleft()
        if queue:
            # Behind the others.
            self._waiting[source] = queue
        first.callback(None)

    def _leave(self, source: Hashable, waiting: "Deferred[None]") -> None:
        queue = self._waiting[source]
        queue.remove(waiting)
        if not queue:
            del self._waiting[source]
