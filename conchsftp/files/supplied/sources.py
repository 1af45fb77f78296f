"""
Whole contents as open files: bytes, a function that reads anywhere, an asynchronous iterator.

What a handler of FileOpen supplies instead of answering each READ. None of these can be written to; what takes a whole
upload is in `sink.py`. Nothing here knows an event.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from zope.interface import implementer

from conchsftp.errors import SFTPError
from conchsftp.events.waiting import start
from conchsftp.interfaces import IAbandoned, IFile
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status

# An iterator that waits for a future of asyncio's sees its cancellation, which is no `Exception`.
_CANCELLED = (CancelledError, asyncio.CancelledError)
# What an iterator has given is kept for that many bytes: the largest READ fits in.
_KEPT = 256 * 1024
# An iterator that never waits lets others have their turn after so long.
_TURN_SECONDS = 0.01


class Means:
    """
    What a supplied file works with: where blocking calls run, and who wakes it on the next turn.

    Args:
        threads: called with a function and its arguments, runs it in a thread and returns a Deferred; None: at once.
        clock: `IReactorTime`; None: nothing lets others have their turn.
    """

    __slots__ = ("clock", "threads")

    def __init__(self, threads: Any = None, clock: Any = None) -> None:
        self.threads = threads
        self.clock = clock

    def seconds(self) -> float:
        """Tell the time."""
        return 0.0 if self.clock is None else self.clock.seconds()

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call what blocks."""
        return function(*args) if self.threads is None else self.threads(function, *args)

    def call_handler(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call what an application wrote: in a thread if it is marked `@in_thread`."""
        return self.call(function, *args) if getattr(function, "runs_in_thread", False) else function(*args)

    async def pause(self) -> None:
        """Let others have their turn."""
        if self.clock is not None:
            await deferLater(self.clock, 0)


class Supplied:
    """
    What all contents that an application supplies have in common.

    Attributes:
        means: what it works with.
        reads: whether it was opened for reading.
        appends: whether what is written goes to the end, wherever the client says.
    """

    means = Means()
    reads = True
    appends = False

    def attach(self, means: Means, *, reads: bool, appends: bool = False) -> None:
        """Take what is known when it is opened; before anything else is called."""
        self.means = means
        self.reads = reads
        self.appends = appends

    def read(self, offset: int, length: int) -> Any:
        raise SFTPError(Status.PERMISSION_DENIED, "This file can only be written")

    def write(self, offset: int, data: bytes) -> Any:
        raise SFTPError(Status.PERMISSION_DENIED, "This file can only be read")

    def set_attributes(self, attributes: Attributes) -> Any:
        raise SFTPError(Status.PERMISSION_DENIED, "This file can only be read")

    def close(self) -> Any:
        pass


@implementer(IFile)
class BytesSource(Supplied):
    """
    Bytes as a file.

    Args:
        content: what it holds.
        mtime: of the last change, in seconds since 1970; None: nobody knows.
    """

    def __init__(self, content: bytes, *, mtime: float | None = None) -> None:
        self._content = content
        self._mtime = mtime

    def read(self, offset: int, length: int) -> bytes:
        return self._content[offset : offset + length]

    def stat(self) -> Attributes:
        return Attributes.of_file(size=len(self._content), mtime=self._mtime, permissions=0o444)


@implementer(IFile)
class ByteSource(Supplied):
    """
    A file that is read by a function, from any place.

    Args:
        size: in bytes; None if nobody knows: then it ends where `read` returns nothing.
        read: called with an offset and a length, both in bytes; returns bytes, or a Deferred or a coroutine of them. It
            may return fewer than asked for. One that blocks is marked `@in_thread`.
        close: called once when the file is closed; as `read`, it may return a Deferred or a coroutine, or be marked.
        mtime: of the last change, in seconds since 1970; None: nobody knows.
    """

    def __init__(
        self,
        size: int | None,
        read: Callable[[int, int], Any],
        *,
        close: Callable[[], Any] | None = None,
        mtime: float | None = None,
    ) -> None:
        self._size = size
        self._read = read
        self._close = close
        self._mtime = mtime

    async def read(self, offset: int, length: int) -> bytes:
        remaining = length if self._size is None else min(length, self._size - offset)
        found: list[bytes] = []
        while remaining > 0:
            data = self.means.call_handler(self._read, offset, remaining)
            if hasattr(data, "__await__"):
                data = await data
            if not data:
                if self._size is not None:
                    raise ended_early(offset, self._size)
                break
            # More than was asked for is not an error, but nobody's either.
            found.append(bytes(data[:remaining]))
            offset += len(found[-1])
            remaining -= len(found[-1])
        return b"".join(found)

    def stat(self) -> Attributes:
        return Attributes.of_file(size=self._size, mtime=self._mtime, permissions=0o444)

    def close(self) -> Any:
        return None if self._close is None else self.means.call_handler(self._close)


@implementer(IFile, IAbandoned)
class Stream(Supplied):
    """
    A file that comes from an asynchronous iterator, and is read from front to back.

    The iterator is asked only while a client waits for more. What it has given can be read again for 256 KiB; a reading
    further back is refused. One that begins further on (a download that is resumed) has everything before it made, and
    thrown away.

    Args:
        pieces: yields bytes; begun once, and closed with the file, if it can be.
        size: in bytes, if it is known; the file ends there, and an iterator that ends before is a failure.
        mtime: of the last change, in seconds since 1970; None: nobody knows.
    """

    def __init__(self, pieces: AsyncIterable[bytes], *, size: int | None = None, mtime: float | None = None) -> None:
        self._pieces: AsyncIterator[bytes] = aiter(pieces)
        self._size = size
        self._mtime = mtime
        self._kept = bytearray()
        self._start = 0
        self._furthest = 0
        self._most_kept = _KEPT
        self._waiting: list[tuple[int, int, int, Deferred[bytes]]] = []
        self._order = count()
        self._ended = False
        self._problem: Exception | None = None
        self._pumping = self._asking = False
        self._pump_ends: Any = None

    def read(self, offset: int, length: int) -> Any:
        if self._size is not None:
            length = min(length, self._size - offset)
        if length <= 0:
            return b""
        if offset < self._start:
            raise SFTPError(Status.FAILURE, "This file can only be read from front to back")
        end = offset + length
        self._most_kept = max(self._most_kept, length)
        self._furthest = max(self._furthest, offset)
        if self._ended or end <= self._made:
            data = self._taken(offset, end)
            self._forget()
            return data
        waiting: Deferred[bytes] = Deferred()
        heappush(self._waiting, (end, next(self._order), offset, waiting))
        if not self._pumping:
            self._pumping = True
            self._pump_ends = start(self._pump())
        return waiting

    def stat(self) -> Attributes:
        return Attributes.of_file(size=self._size, mtime=self._mtime, permissions=0o444)

    def abandon(self) -> None:
        self._end(SFTPError(Status.CONNECTION_LOST))
        if self._asking and isinstance(self._pump_ends, Deferred):
            self._pump_ends.cancel()

    async def close(self) -> None:
        self.abandon()
        if isinstance(self._pump_ends, Deferred):
            with suppress(*_CANCELLED):
                await self._pump_ends
        close = getattr(self._pieces, "aclose", None)
        if close is not None:
            await close()

    @property
    def _made(self) -> int:
        """How many bytes the iterator has given."""
        return self._start + len(self._kept)

    def _taken(self, offset: int, end: int) -> bytes:
        """Return what was made of a range; raises what the iterator has failed with."""
        if end > self._made:
            if self._problem is not None:
                raise self._problem
            if self._size is not None:
                raise ended_early(self._made, self._size)
        return bytes(self._kept[max(offset - self._start, 0) : max(end - self._start, 0)])

    async def _pump(self) -> None:
        """Ask the iterator while somebody waits."""
        turn_ends = self.means.seconds() + _TURN_SECONDS
        try:
            while self._waiting and not self._ended:
                self._asking = True
                try:
                    piece = await anext(self._pieces)
                finally:
                    self._asking = False
                self._take(piece)
                if self.means.seconds() > turn_ends:
                    await self.means.pause()
                    turn_ends = self.means.seconds() + _TURN_SECONDS
        except StopAsyncIteration:
            self._end(None)
        except (Exception, *_CANCELLED) as problem:
            self._end(problem)
        finally:
            self._pumping = False

    def _take(self, piece: Any) -> None:
        """Keep what came, and give it to those who have waited for it."""
        if not isinstance(piece, bytes | bytearray | memoryview):
            raise TypeError(f"an iterator of files yields bytes, not {type(piece).__name__}")
        self._kept += piece
        self._serve()
        self._forget()

    def _forget(self) -> None:
        """Keep no more than has to be."""
        # Who waits wants nothing before this: a reading that waits ends beyond what is made, and is not longer.
        gone = min(self._furthest, self._made) - self._most_kept - self._start
        if gone > self._most_kept:
            del self._kept[:gone]
            self._start += gone

    def _serve(self) -> None:
        while self._waiting and (self._ended or self._waiting[0][0] <= self._made):
            end, _, offset, waiting = heappop(self._waiting)
            try:
                data = self._taken(offset, end)
            except Exception as problem:
                waiting.errback(problem)
                if not isinstance(problem, SFTPError | OSError):
                    # One of the readings tells of a mistake; a traceback for each would be the same one.
                    self._problem = SFTPError(Status.FAILURE, "This file could not be made")
            else:
                waiting.callback(data)

    def _end(self, problem: Any) -> None:
        """Nothing more will come."""
        if not self._ended:
            self._ended = True
            self._problem = problem if not isinstance(problem, _CANCELLED) else SFTPError(Status.CONNECTION_LOST)
        self._serve()


def ended_early(at: int, size: int) -> SFTPError:
    """Return what a file fails with that has less in it than it said: to a client its end would be a good one."""
    return SFTPError(Status.FAILURE, f"The file ended after {at} of {size} bytes")
