"""
Events that nobody waits for: how many of one kind may be with their handlers, and what becomes of more.

What a peer does causes such events, as fast as it likes; a handler that waits would pile them up. Knows no event.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

MOST_OF_ONE = 1_000
"""How many may be with their handlers that are about one connection. A burst of requests, with a packet and several
lines for each, has to fit."""
MOST = 10_000
"""How many of all connections together: enough for a few that do their worst, beside everybody else."""


class Backlog:
    """
    The events of one kind.

    Args:
        behind: called with the number of a connection when its events begin to be dropped; and with how many were, when
            handlers have done all that they had, and events are told again. 0 for those of the whole server.
    """

    def __init__(self, behind: Callable[[int, int], None]) -> None:
        self._behind = behind
        self._all = _Share(MOST)
        self._each: dict[int, _Share] = {}

    def drops(self, number: int) -> bool:
        """Drop an event about a connection if there are too many: it is counted then. Return whether it was dropped."""
        own = self._each.get(number)
        for share, about in ((own, number), (self._all, 0)):
            if share is not None and (share.dropped or share.waiting >= share.most):
                share.dropped += 1
                if share.dropped == 1:
                    self._behind(about, 0)
                return True
        return False

    def add(self, number: int, waiting: "Deferred[Any]") -> None:
        """Count an event that is with its handlers, until they have done."""
        own = self._each.setdefault(number, _Share(MOST_OF_ONE))
        own.waiting += 1
        self._all.waiting += 1
        waiting.addBoth(lambda _: self._done(number, own))

    def _done(self, number: int, own: "_Share") -> None:
        own.waiting -= 1
        self._all.waiting -= 1
        if not own.waiting:
            del self._each[number]
            self._caught_up(number, own)
        if not self._all.waiting:
            self._caught_up(0, self._all)

    def _caught_up(self, number: int, share: "_Share") -> None:
        dropped, share.dropped = share.dropped, 0
        if dropped:
            self._behind(number, dropped)


class _Share:
    """How many are with their handlers, how many may be, and how many were dropped since there were too many."""

    __slots__ = ("dropped", "most", "waiting")

    def __init__(self, most: int) -> None:
        self.most = most
        self.waiting = self.dropped = 0
