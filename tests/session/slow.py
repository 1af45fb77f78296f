"""
A file system whose operations wait until a test lets them go on.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, execute
from zope.interface import alsoProvides, implementer, providedBy

from conchsftp.interfaces import IDirectory, IFile, IFileSystem, IHardLinks, ILinks, IReadInto


class Gate:
    """
    Holds calls up.

    Args:
        names: which; None for all.

    Attributes:
        early: whether calls have their effect when they begin, and only the result waits; else both wait.
        waiting: name of each call that waits, and what lets it go on.
        begun: names of all calls, in the order in which they began.
        opened, closed: how many files and directories were.
    """

    def __init__(self, names: Iterable[str] | None = None) -> None:
        self.names = None if names is None else set(names)
        self.early = False
        self.waiting: list[tuple[str, Deferred[None]]] = []
        self.begun: list[str] = []
        self.opened = self.closed = 0

    def call(self, name: str, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function, now or when the test says so."""
        self.begun.append(name)
        if self.names is not None and name not in self.names:
            return function(*args)
        turn: Deferred[None] = Deferred()
        self.waiting.append((name, turn))
        if self.early:
            result = execute(function, *args)
            return turn.addCallback(lambda _: result)
        return turn.addCallback(lambda _: function(*args))

    @property
    def held(self) -> list[str]:
        """The names of the calls that wait."""
        return [name for name, _ in self.waiting]

    def release(self, index: int = 0) -> None:
        """Let one call go on."""
        self.waiting.pop(index)[1].callback(None)

    def release_all(self) -> None:
        """Let all calls go on, and those that come of it."""
        while self.waiting:
            self.release()

    def fail(self, problem: Exception, index: int = 0) -> None:
        """Make one call fail."""
        self.waiting.pop(index)[1].errback(problem)


@implementer(IFileSystem, ILinks, IHardLinks)
class SlowFileSystem:
    """
    Another file system, through a gate.

    Args:
        inner: the other one.
        names: of the operations that wait, those of open files as "file.read" and "directory.read"; None for all.
    """

    def __init__(self, inner: Any, names: Iterable[str] | None = None) -> None:
        self.inner = inner
        self.gate = Gate(names)
        self.file_abilities = tuple(each for each in inner.file_abilities if each is not IReadInto)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self.gate.call, name, getattr(self.inner, name))

    def open(self, *args: Any) -> Any:
        return self.gate.call("open", lambda: SlowFile(self.inner.open(*args), self.gate))

    def list(self, path: str) -> Any:
        return self.gate.call("list", lambda: SlowDirectory(self.inner.list(path), self.gate))


class _Slow:
    prefix = ""

    def __init__(self, inner: Any, gate: Gate) -> None:
        self.inner = inner
        self.gate = gate
        gate.opened += 1
        alsoProvides(self, *(each for each in providedBy(inner) if each is not IReadInto))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self.gate.call, self.prefix + name, getattr(self.inner, name))

    def close(self) -> Any:
        self.gate.closed += 1
        return self.gate.call(self.prefix + "close", self.inner.close)


@implementer(IFile)
class SlowFile(_Slow):
    """An open file."""

    prefix = "file."

    def write(self, offset: int, data: bytes) -> Any:
        return self.write_from((data,), offset)

    def write_from(self, pieces: Any, offset: int) -> Any:
        # Whoever makes a write wait copies it first: the pieces are lent.
        return self.gate.call("file.write", self.inner.write, offset, b"".join(pieces))

    def copy_to(self, target: Any, *args: int) -> Any:
        return self.gate.call("file.copy_to", self.inner.copy_to, target.inner, *args)


@implementer(IDirectory)
class SlowDirectory(_Slow):
    """An open directory."""

    prefix = "directory."
