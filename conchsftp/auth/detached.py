"""
Work that goes on although nobody waits for it any longer.

Cancelling a Deferred of Twisted throws its result away. Where the result is something that must be undone (an avatar
that has to be logged out, a place in a queue that has to be given back), the waiting is cancelled and the work is not.
"""

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


def detached(work: Deferred[T], late: Callable[[T | Failure], object]) -> Deferred[T]:
    """
    Wait for work without owning it.

    Args:
        work: must not be touched by the caller any more.
        late: takes the result, or the failure, if the waiting was cancelled before.
    Returns:
        A Deferred with the result of the work; cancelling it leaves the work alone.
    """
    waiting: Deferred[T] = Deferred()

    def arrived(result: T | Failure) -> None:
        if waiting.called:
            late(result)
        elif isinstance(result, Failure):
            waiting.errback(result)
        else:
            waiting.callback(result)

    work.addBoth(arrived)
    return waiting
