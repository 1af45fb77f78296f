"""
Waiting only where something really waits: coroutines, Deferreds, threads and time limits.

A result that is there is returned as it is, never in a Deferred. Knows no events; is given its clock.
"""

from collections.abc import Awaitable, Callable, Coroutine, Generator
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class TimeLimitExceeded(Exception):
    """Something took longer than it may."""


class Pending:
    """What is under way, for who waits until all of it is over."""

    __slots__ = ("_each",)

    def __init__(self) -> None:
        self._each: set[Deferred[Any]] = set()

    def add(self, waiting: "Deferred[Any]") -> None:
        """Take something that somebody has begun, and that must not fail any more."""
        self._each.add(waiting)
        waiting.addBoth(lambda _: self._each.discard(waiting))

    def __len__(self) -> int:
        return len(self._each)

    def over(self) -> "Deferred[None]":
        """Return a Deferred that fires when nothing is under way any more; cancelling it cancels what is."""
        return Deferred.fromCoroutine(self._over())

    async def _over(self) -> None:
        while self._each:
            await DeferredList(list(self._each))


def start(work: Coroutine[Any, Any, T]) -> "T | Deferred[T]":
    """
    Run a coroutine to its first real wait.

    Args:
        work: a coroutine that awaits Deferreds.
    Returns:
        Its result if it never waits, else a Deferred of it; cancelling that cancels what it waits for.
    Raises:
        Exception: whatever it raises before it waits.
    """
    try:
        waiting = work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    return Deferred.fromCoroutine(_rest(work, waiting))


def settled(result: Any) -> Any:
    """
    Return what a function returned, as far as it is there.

    Args:
        result: a value, or a coroutine, a Deferred or another awaitable of one.
    Returns:
        The value, or a Deferred if it is really waited for.
    Raises:
        Exception: what the awaitable has failed with already.
    """
    if result is None or not isinstance(result, Awaitable):
        return result
    return start(result if isinstance(result, Coroutine) else _awaited(result))


async def ready(result: Any) -> Any:
    """Return what a function returned, as soon as it is there: for who is a coroutine already."""
    return await result if hasattr(result, "__await__") else result


def in_thread(function: F) -> F:
    """
    Mark an event handler that blocks: it is run in a thread, and the request waits for it.

    It sees the event as any handler does, but must touch nothing else that belongs to the reactor's thread.

    Raises:
        TypeError: the handler is a coroutine function, which would only be made in the thread, not run.
    """
    if iscoroutinefunction(function):
        raise TypeError(f"{function.__qualname__}: an async function cannot run in a thread; make it a plain one")
    function.runs_in_thread = True  # type: ignore[attr-defined]
    return function


def limited(waiting: "Deferred[T]", seconds: float, clock: IReactorTime, whose: str = "") -> "Deferred[T]":
    """
    Return a Deferred of the same result that fails with `TimeLimitExceeded` when the time is up.

    What is late is cancelled; whatever it still gives, or fails with, is dropped. So nobody waits for what cannot be
    cancelled, such as a thread.
    """
    answer: Deferred[T] = Deferred(lambda _: waiting.cancel())

    def expire() -> None:
        if not answer.called:
            answer.errback(TimeLimitExceeded(f"no result{whose} within {seconds:g} seconds"))
            waiting.cancel()

    def finish(result: Any) -> None:
        if timer.active():
            timer.cancel()
        if not answer.called:
            answer.callback(result)

    timer = clock.callLater(seconds, expire)
    waiting.addBoth(finish)
    return answer


def _rest(work: Coroutine[Any, Any, T], waiting: Any) -> Generator[Any, Any, T]:
    """Hand on what a coroutine waits for, then feed it to its end."""
    try:
        while True:
            try:
                result = yield waiting
            except GeneratorExit:
                # Nobody holds the Deferred any more, and what it waits for will never come.
                work.close()
                raise
            except BaseException as problem:
                waiting = work.throw(problem)
            else:
                waiting = work.send(result)
    except StopIteration as end:
        final: T = end.value
        return final


async def _awaited(result: Awaitable[T]) -> T:
    return await result
