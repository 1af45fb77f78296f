"""
Order of work on one file: requests act as if done one at a time, in the order they came; reads may overlap.

One lane per file, by its virtual path, so that requests by path and by handle meet. Nothing enters a lane while every
request is done at once: lanes exist only as long as something waits. Runs nothing itself. Source: filexfer-13, 4.1.
"""

from collections import deque
from typing import Any


class Ticket:
    """
    A request's place in its lanes.

    Attributes:
        shared: whether it may overlap with other shared ones.
        job: what to start when its turn has come; the caller's.
    """

    __slots__ = ("_missing", "_number", "job", "lanes", "shared")

    def __init__(self, shared: bool, number: int) -> None:
        self.shared = shared
        self._number = number
        self.lanes: list[tuple[str, _Lane]] = []
        self.job: Any = None
        self._missing = 0

    @property
    def admitted(self) -> bool:
        """Whether its turn has come in every lane."""
        return not self._missing


class _Lane:
    __slots__ = ("exclusive", "queue", "sharing")

    def __init__(self) -> None:
        self.queue: deque[Ticket] = deque()
        self.sharing = 0
        self.exclusive = False

    def admits(self, ticket: Ticket) -> bool:
        return not self.exclusive and (ticket.shared or not self.sharing)

    def admit(self, ticket: Ticket) -> None:
        if ticket.shared:
            self.sharing += 1
        else:
            self.exclusive = True


class Lanes:
    """
    The lanes of one conversation.

    Attributes:
        taken: those that somebody is in, by path.
    """

    __slots__ = ("_entered", "taken")

    def __init__(self) -> None:
        self.taken: dict[str, _Lane] = {}
        self._entered = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The paths of all lanes that somebody is in."""
        return tuple(self.taken)

    def enter(self, paths: tuple[str, ...], shared: bool) -> Ticket:
        """Take a place in the lane of every path at once; look at `admitted` for whether it may start."""
        self._entered += 1
        ticket = Ticket(shared, self._entered)
        for path in dict.fromkeys(paths):
            lane = self.taken.get(path)
            if lane is None:
                lane = self.taken[path] = _Lane()
            ticket.lanes.append((path, lane))
            if not lane.queue and lane.admits(ticket):
                lane.admit(ticket)
            else:
                lane.queue.append(ticket)
                ticket._missing += 1
        return ticket

    def leave(self, ticket: Ticket) -> list[Ticket]:
        """Give up the places of an admitted ticket; return those whose turn has come by it, in order lane by lane."""
        woken = []
        for path, lane in ticket.lanes:
            if ticket.shared:
                lane.sharing -= 1
            else:
                lane.exclusive = False
            queue = lane.queue
            while queue and lane.admits(queue[0]):
                following = queue.popleft()
                lane.admit(following)
                following._missing -= 1
                if following.admitted:
                    woken.append(following)
            if not queue and not lane.sharing and not lane.exclusive:
                del self.taken[path]
        if len(ticket.lanes) > 1:
            woken.sort(key=lambda each: each._number)
        return woken
