"""
Whole uploads: written in any order, kept in memory or in a temporary file, and handed over when they are complete.

Bounded by what one may take, and in memory by what all of them take together. Nothing half is handed over.
"""

import os
import time
from collections.abc import Callable
from dataclasses import fields, replace
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from zope.interface import implementer

from conchsftp.errors import SFTPError
from conchsftp.files.supplied.sources import Supplied
from conchsftp.interfaces import IAbandoned, IFile
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status

LARGEST_IN_MEMORY = 1 << 20
"""What one upload may have in memory by default, in bytes."""
LARGEST = 1 << 30
"""What one upload may be long by default, in bytes."""
ALL_IN_MEMORY = 64 << 20
"""What all uploads of the process may have in memory, in bytes: a session can have a thousand files open."""

_TOO_LARGE = "The file is too large"


class _Budget:
    """Memory that all uploads share."""

    def __init__(self, most: int) -> None:
        self.left = most

    def move(self, before: int, after: int) -> bool:
        """Account for a file that has grown or shrunk; return whether there is room."""
        if after - before > self.left:
            return False
        self.left -= after - before
        return True


_memory = _Budget(ALL_IN_MEMORY)


@implementer(IFile, IAbandoned)
class SpooledSink(Supplied):
    """
    A file that takes an upload and hands it over when the client closes it.

    A client may write in any order, and read what it has written. What is larger than `max_memory` is in a temporary
    file, which only threads touch.

    Args:
        on_complete: called with the upload, a binary file at its start, and its size in bytes; may return a Deferred or
            a coroutine, or be marked `@in_thread`. The client gets its answer to CLOSE afterwards: OK, or what this
            raises. The file is gone after it. Not called if the session was lost before CLOSE, or a WRITE has failed.
        initial: what the file holds at first: for an upload that is resumed.
        max_memory: in bytes.
        limit: the largest size, in bytes; more is QUOTA_EXCEEDED.
        attributes: takes what the client sets on the open file, mode and times, for `on_complete` to store. None: only
            its size can be set.
    """

    def __init__(
        self,
        on_complete: Callable[[IO[bytes], int], Any],
        *,
        initial: bytes = b"",
        max_memory: int = LARGEST_IN_MEMORY,
        limit: int = LARGEST,
        attributes: Attributes | None = None,
    ) -> None:
        self._on_complete = on_complete
        self._max_memory = max_memory
        self._limit = limit
        self._attributes = attributes
        self._file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile()
        self._file.write(initial)
        self._size = len(initial)
        self._charged = 0
        self._on_disk = False
        self._problem: Exception | None = None
        self._mtime = time.time()

    async def read(self, offset: int, length: int) -> bytes:
        if not self.reads:
            raise SFTPError(Status.PERMISSION_DENIED, "This file is open for writing only")
        if offset >= self._size:
            # Clients may name offsets that no call of the system takes.
            return b""
        if self._on_disk:
            return bytes(await self._call(os.pread, self._file.fileno(), length, offset))
        self._file.seek(offset)
        return self._file.read(length)

    async def write(self, offset: int, data: bytes) -> None:
        if self._problem is not None:
            raise self._problem
        # What was only lent is ours before anything waits.
        data = bytes(data)
        if self.appends:
            offset = self._size
        end = offset + len(data)
        try:
            if end > self._limit:
                raise SFTPError(Status.QUOTA_EXCEEDED, _TOO_LARGE)
            await self._make_room(max(end, self._size))
            if self._on_disk:
                await self._call(_write_all, self._file.fileno(), data, offset)
            else:
                self._file.seek(offset)
                self._file.write(data)
        except Exception as problem:
            self._fail(problem)
            raise
        self._size = max(end, self._size)
        self._mtime = time.time()

    def stat(self) -> Attributes:
        known = Attributes.of_file(size=self._size, mtime=self._mtime)
        return known if self._attributes is None else _merged(known, self._attributes)

    async def set_attributes(self, attributes: Attributes) -> None:
        if attributes.size is not None:
            await self._resize(attributes.size)
        others = replace(attributes, size=None, type=None)
        if others == Attributes():
            return
        if self._attributes is None:
            raise SFTPError(Status.OP_UNSUPPORTED)
        _merged(self._attributes, others)

    def abandon(self) -> None:
        self._fail(SFTPError(Status.FAILURE, "The upload is not complete"))

    async def close(self) -> None:
        try:
            if self._problem is not None:
                # The answer to a WRITE that failed is easily overlooked, the answer to CLOSE is not.
                raise self._problem
            await self._call(self._file.seek, 0)
            done = self.means.call_handler(self._on_complete, self._file, self._size)
            if hasattr(done, "__await__"):
                await done
        finally:
            _memory.move(self._charged, 0)
            self._charged = 0
            await self._call(self._file.close)

    async def _resize(self, size: int) -> None:
        if size > self._limit:
            raise SFTPError(Status.QUOTA_EXCEEDED, _TOO_LARGE)
        await self._make_room(size)
        if self._on_disk:
            await self._call(os.ftruncate, self._file.fileno(), size)
        else:
            self._file.seek(0, os.SEEK_END)
            self._file.write(bytes(max(size - self._size, 0)))
            self._file.truncate(size)
        self._size = size

    async def _make_room(self, size: int) -> None:
        """Account for a size, and go to disk with what is too large for memory."""
        if self._on_disk:
            return
        if size <= self._max_memory and _memory.move(self._charged, size):
            self._charged = size
            return
        self._on_disk = True
        await self._call(self._roll_over)
        _memory.move(self._charged, 0)
        self._charged = 0

    def _roll_over(self) -> None:
        self._file.rollover()
        # From now on it is written below its buffer.
        self._file.flush()

    async def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Do something to the file, in a thread once it is on disk."""
        done = self.means.call(function, *args) if self._on_disk else function(*args)
        return await done if hasattr(done, "__await__") else done

    def _fail(self, problem: Exception) -> None:
        if self._problem is None:
            self._problem = problem if isinstance(problem, SFTPError | OSError) else SFTPError(Status.FAILURE)


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view = view[written:]
        offset += written


def _merged(known: Attributes, newer: Attributes) -> Attributes:
    """Set what is not None in `newer`, and return the record."""
    for field in fields(Attributes):
        value = getattr(newer, field.name)
        if value is not None:
            setattr(known, field.name, value)
    return known
