"""
An open file as text: lines end on the wire as the client was told, and on the disk as this system ends them.

A wrapper of any `IFile`. Offsets are ignored: each READ and WRITE goes on where the one before has ended, in the order
in which they came, whoever of them has to wait. Only exact separators are translated; a lone CR or LF passes. Nothing
is guessed about the content. Sources: filexfer-13, sections 4.3 and 8.1.1.3; filexfer-04, 6.3.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import alsoProvides, implementer

from conchsftp.errors import SFTPError
from conchsftp.events.waiting import ready
from conchsftp.interfaces import IAbandoned, IFile, ILocks, IReadInto, ISync, IWriteFrom
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status

DISK_NEWLINE = b"\n"
"""How lines end in files on this system."""

_PIECE = 256 * 1024
# What the file can beside reading and writing has nothing to do with lines.
_PASSED_ON = (ISync, ILocks, IAbandoned)


def as_text(file: Any, newline: bytes, *, reads: bool, writes: bool, appends: bool) -> "TextFile":
    """
    Return an open file as text.

    Args:
        file: an `IFile`; closed with what is returned.
        newline: how lines end on the wire.
        reads, writes: what it was opened for.
        appends: whether what is written goes to its end.
    """
    kind = TextFile if newline == DISK_NEWLINE else TranslatedFile
    return kind(file, newline, reads=reads, writes=writes, appends=appends)


@implementer(IFile)
class TextFile:
    """
    A file whose lines end on the wire as they do on the disk: nothing is translated, and only offsets are ignored.

    Reading and writing share one position, as those of a file of C have. What is appended leaves it where it is.

    Args: see `as_text`.
    """

    _direct: tuple[Any, ...] = (IReadInto, IWriteFrom)

    def __init__(self, file: Any, newline: bytes, *, reads: bool, writes: bool, appends: bool) -> None:
        self._file = file
        self._newline = newline
        self._reads = reads
        self._writes = writes
        self._appends = appends
        self._position = 0
        self._busy = self._calling = False
        self._waiting: deque[Deferred[None]] = deque()
        alsoProvides(self, *(each for each in (*_PASSED_ON, *self._direct) if each.providedBy(file)))

    async def read(self, offset: int, length: int) -> bytes:
        """As `IFile`; the offset is ignored."""
        found: bytes = await self._in_turn(self._read, length)
        return found

    def read_into(self, views: Sequence[Any], offset: int) -> int | None:
        """As `IReadInto`; the offset is ignored."""
        if self._busy or self._waiting:
            return None
        count: int | None = self._file.read_into(views, self._position)
        self._position += count or 0
        return count

    async def write(self, offset: int, data: bytes) -> None:
        """As `IFile`; the offset is ignored."""
        await self._in_turn(self._write, (bytes(data),))

    async def write_from(self, pieces: Sequence[Any], offset: int) -> None:
        """As `IWriteFrom`; the offset is ignored."""
        if self._busy or self._waiting:
            # They are only lent.
            pieces = (b"".join(pieces),)
        await self._in_turn(self._write, pieces)

    def stat(self) -> Any:
        """As `IFile`: the size is that on the disk."""
        return self._file.stat()

    async def set_attributes(self, attributes: Attributes) -> None:
        """As `IFile`: a size is that on the disk."""
        await self._in_turn(self._set_attributes, attributes)

    async def sync(self) -> None:
        """As `ISync`."""
        await self._in_turn(self._sync)

    def lock(self, offset: int, length: int, mask: int) -> Any:
        """As `ILocks`: the range is that on the disk."""
        return self._file.lock(offset, length, mask)

    def unlock(self, offset: int, length: int) -> Any:
        """As `ILocks`."""
        return self._file.unlock(offset, length)

    def abandon(self) -> None:
        """As `IAbandoned`."""
        self._file.abandon()

    async def close(self) -> None:
        """As `IFile`."""
        try:
            await self._finish_write()
        finally:
            await ready(self._file.close())

    async def seek(self, line: int, pause: Callable[[], Awaitable[None]]) -> None:
        """
        Go on with the next READ or WRITE where a line begins.

        Args:
            line: counted from 0.
            pause: called between pieces of a long file; what it raises ends the search.
        Raises:
            SFTPError: EOF if there are fewer lines, and it stays where it is; OP_UNSUPPORTED if it is open for writing
                only.
        Source: filexfer-13, section 10 ("text-seek").
        """
        if not self._reads:
            raise SFTPError(Status.OP_UNSUPPORTED, "Lines can only be counted in a file that is open for reading")
        await self._in_turn(self._seek, line, pause)

    async def _in_turn(self, step: Callable[..., Any], *args: Any) -> Any:
        """Do something when all that was asked before is done."""
        if self._busy or self._waiting:
            turn: Deferred[None] = Deferred()
            self._waiting.append(turn)
            await turn
        self._busy = True
        try:
            return await ready(step(*args))
        finally:
            self._busy = False
            self._call_next()

    def _call_next(self) -> None:
        """Let the next go on; in a loop, because many may be done at once."""
        if self._calling:
            return
        self._calling = True
        while self._waiting and not self._busy:
            self._waiting.popleft().callback(None)
        self._calling = False

    async def _read(self, length: int) -> bytes:
        found: bytes = await ready(self._file.read(self._position, length))
        self._position += len(found)
        return found

    async def _write(self, pieces: Sequence[Any]) -> None:
        size = sum(map(len, pieces))
        if IWriteFrom.providedBy(self._file):
            await ready(self._file.write_from(pieces, self._position))
        else:
            await ready(self._file.write(self._position, b"".join(pieces)))
        self._moved(size)

    async def _set_attributes(self, attributes: Attributes) -> None:
        await self._finish_write()
        await ready(self._file.set_attributes(attributes))

    async def _sync(self) -> None:
        await self._finish_write()
        await ready(self._file.sync())

    async def _seek(self, line: int, pause: Callable[[], Awaitable[None]]) -> None:
        await self._finish_write()
        at, left = 0, line
        while left:
            data = await ready(self._file.read(at, _PIECE))
            lines = data.count(DISK_NEWLINE)
            if lines >= left:
                at += _behind(data, left)
                break
            if len(data) < _PIECE:
                raise SFTPError(Status.EOF, "The file has fewer lines")
            left -= lines
            at += len(data)
            await pause()
        self._go_to(at)

    def _go_to(self, position: int) -> None:
        self._position = position

    def _moved(self, size: int) -> None:
        """Know that so many bytes were written."""
        if not self._appends:
            self._position += size

    async def _finish_write(self) -> None:
        """Write what was kept back; nothing is kept here."""


class TranslatedFile(TextFile):
    """
    A file whose lines end otherwise on the wire.

    Keeps less than a separator: what of one did not fit into the last READ, and what may be the beginning of one at the
    end of the last WRITE. The latter is written with what comes next, or before anything else is done to the file.
    """

    # Nothing goes between the wire and the disk as it is.
    _direct = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._unsent = self._unwritten = b""

    def abandon(self) -> None:
        """As `IAbandoned`."""
        self._unwritten = b""
        super().abandon()

    async def _read(self, length: int) -> bytes:
        await self._finish_write()
        room = length - len(self._unsent)
        if room <= 0:
            found, self._unsent = self._unsent[:length], self._unsent[length:]
            return found
        # Text only grows on its way to the client: more than this never fits.
        data = bytes(await ready(self._file.read(self._position, room)))
        taken = self._fitting(data, room)
        sent = self._unsent + data[:taken].replace(DISK_NEWLINE, self._newline)
        self._position += taken
        self._unsent = sent[length:]
        return sent[:length]

    def _fitting(self, data: bytes, room: int) -> int:
        """Return how many bytes of the file it takes to fill so much room."""
        growth = len(self._newline) - len(DISK_NEWLINE)
        if len(data) + growth * data.count(DISK_NEWLINE) <= room:
            return len(data)
        low, high = 0, len(data)
        while low < high:
            middle = (low + high) // 2
            if middle + growth * data.count(DISK_NEWLINE, 0, middle) < room:
                low = middle + 1
            else:
                high = middle
        return low

    async def _write(self, pieces: Sequence[Any]) -> None:
        if not self._writes:
            # Asked here: what is kept back never comes to the file, which would say so.
            raise SFTPError(Status.PERMISSION_DENIED, "The file is not open for writing")
        lines = b"".join((self._unwritten, *pieces)).split(self._newline)
        kept = _beginning(self._newline, lines[-1])
        lines[-1] = lines[-1][: len(lines[-1]) - len(kept)]
        data = DISK_NEWLINE.join(lines)
        if data:
            await ready(self._file.write(self._position, data))
            self._moved(len(data))
        self._unsent, self._unwritten = b"", kept

    async def _finish_write(self) -> None:
        kept, self._unwritten = self._unwritten, b""
        if kept:
            await ready(self._file.write(self._position, kept))
            self._moved(len(kept))

    def _go_to(self, position: int) -> None:
        super()._go_to(position)
        self._unsent = b""


def _behind(data: bytes, lines: int) -> int:
    """Return where the line behind so many ends of lines begins; there are as many."""
    # A quarter of a million of them, cut apart, would hold everybody up for longer than all the counting.
    low, high = 0, len(data)
    while high - low > len(DISK_NEWLINE):
        middle = (low + high) // 2
        before = data.count(DISK_NEWLINE, low, middle)
        if before < lines:
            low, lines = middle, lines - before
        else:
            high = middle
    return high


def _beginning(newline: bytes, data: bytes) -> bytes:
    """Return the longest beginning of a separator that data ends with; not a whole one."""
    for size in range(len(newline) - 1, 0, -1):
        if data.endswith(newline[:size]):
            return newline[:size]
    return b""
