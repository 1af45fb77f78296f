"""
Help for the tests of file systems: threads that run when they are told to, and the rights of nobody.
"""

import gc
import os
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from typing import Any

from twisted.python.failure import Failure

from conchsftp.files.memory import MemoryFileSystem
from conchsftp.workers import Rule, Workers

NOBODY = 65534


class SameFileSystem(MemoryFileSystem):
    """One that a session does not copy to be told more: what it counts and raises is where a test looks."""

    def detailed(self, fields: Set[str]) -> "SameFileSystem":
        self._told = frozenset(fields)
        return self


class HeldPool:
    """A thread pool without threads: what it is given waits for `work()`."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []
        self.calls = 0

    def callInThreadWithCallback(self, done: Any, function: Any, *args: Any, **kwargs: Any) -> None:
        def call() -> None:
            try:
                result = function(*args, **kwargs)
            except Exception:
                done(False, Failure())
            else:
                done(True, result)

        self.calls += 1
        self.waiting.append(call)

    def work(self) -> None:
        """Do what waits, and what comes to wait meanwhile."""
        while self.waiting:
            self.waiting.pop(0)()


class Reactor:
    """As much of a reactor as threads need."""

    def callFromThread(self, function: Any, *args: Any, **kwargs: Any) -> None:
        function(*args, **kwargs)


def inline_workers() -> Workers:
    """Return workers that use threads only for what must be in one; and their pool, as `pool`."""
    return _workers(Rule.INLINE)


def threaded_workers() -> Workers:
    """Return workers that always use threads."""
    return _workers(Rule.THREADS)


def _workers(rule: Rule) -> Workers:
    pool = HeldPool()
    workers = Workers(Reactor(), pool, rule=rule)
    workers.pool = pool  # type: ignore[attr-defined]
    return workers


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give the rights of root up for a while. Who has none to give up has the same rights as before."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def write(place: str, data: bytes = b"") -> str:
    """Make a file, with its directories, and return its place."""
    os.makedirs(os.path.dirname(place) or ".", exist_ok=True)
    with open(place, "wb") as file:
        file.write(data)
    return place


def contents(place: str) -> bytes:
    """Return what is in a file."""
    with open(place, "rb") as file:
        return file.read()


def open_descriptors() -> int:
    """Return how many descriptors are open, without those that only the garbage of other tests holds."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))
