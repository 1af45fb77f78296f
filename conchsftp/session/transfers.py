"""
What TransferFinished and TransferRenamed report: how much of a file was read and written while it was open.

Counts at the open file, and only where somebody listens when it is opened: elsewhere nothing of this is called. Does
not see what handlers make of the data, only that they refused it, or that they are the file themselves. The reply to
CLOSE does not depend on it, and waits only where handlers have many transfers to do already.
"""

import copy
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from conchsftp.events.files import FileWrite
from conchsftp.events.kinds import outcome
from conchsftp.events.own import TransferFinished, TransferRenamed
from conchsftp.events.waiting import ready
from conchsftp.files.supplied.virtual import EventFile
from conchsftp.session.handles import OpenFile
from conchsftp.sftp.statuses import Status

_MOST_TOLD = 100
"""How many transfers of one session may be with handlers that wait, before CLOSE waits for these."""


class Transfer:
    """
    Counts what goes through an open file, and tells of it when the file is closed.

    Args:
        conversation: where the file is open; its `seconds` tell the time.
        opened: the file. Its calls go through here from now on.
        creates: whether its OPEN may have made or emptied the file: such a one was transferred even if nothing is
            written to it, because it is to be empty.
    """

    def __init__(self, conversation: Any, opened: OpenFile, *, creates: bool) -> None:
        self._conversation = conversation
        self._opened = opened
        self._path = opened.path
        self._begun = conversation.seconds()
        self._touched = self._upload = creates
        self._lowest: dict[bool, int] = {}
        self._bytes = 0
        self._status: int = Status.OK
        self._message = ""
        self._calls = opened.read, opened.into, opened.write, opened.from_pieces, opened.close
        opened.read, opened.write, opened.close = self._read, self._write, self._close
        opened.told = self._told
        if opened.into is not None:
            opened.into = self._read_into
        if opened.from_pieces is not None:
            opened.from_pieces = self._write_pieces

    def _read(self, offset: int, length: int) -> Any:
        return self._watched(
            self._calls[0], offset, length, done=lambda data: self._count(False, offset, len(data or b""))
        )

    def _read_into(self, views: Any, offset: int) -> int | None:
        count: int | None = self._calls[1](views, offset)
        # None: it would have to wait, and `read` is asked instead.
        if count is not None:
            self._count(False, offset, count)
        return count

    def _write(self, offset: int, data: Any) -> Any:
        size = len(data)
        return self._watched(self._calls[2], offset, data, done=lambda _: self._count(True, offset, size))

    def _write_pieces(self, pieces: Sequence[Any], offset: int) -> Any:
        size = sum(map(len, pieces))
        return self._watched(self._calls[3], pieces, offset, done=lambda _: self._count(True, offset, size))

    def _close(self) -> Any:
        behind = len(self._conversation.events.pending) >= _MOST_TOLD
        return self._close_in_turn() if behind else self._close_now()

    def _close_now(self) -> Any:
        return self._watched(self._calls[4], done=lambda _: None, ended=self._finish)

    async def _close_in_turn(self) -> Any:
        """Close, and wait until handlers have caught up: no client transfers files faster than they can be told of."""
        try:
            return await ready(self._close_now())
        finally:
            await self._conversation.events.pending.over()

    def _watched(
        self,
        call: Callable[..., Any],
        *args: Any,
        done: Callable[[Any], None],
        ended: Callable[[], None] = lambda: None,
    ) -> Any:
        """Make a call; see how it ends, at once or later."""
        try:
            result = call(*args)
        except Exception as problem:
            self._failed(problem)
            ended()
            raise
        if hasattr(result, "__await__"):
            return self._wait(result, done, ended)
        done(result)
        ended()
        return result

    async def _wait(self, waiting: Awaitable[Any], done: Callable[[Any], None], ended: Callable[[], None]) -> Any:
        try:
            result = await waiting
        except (Exception, CancelledError) as problem:
            self._failed(problem)
            ended()
            raise
        done(result)
        ended()
        return result

    def _count(self, written: bool, offset: int, size: int) -> None:
        self._touched = True
        self._upload |= written
        self._bytes += size
        self._lowest[written] = min(offset, self._lowest.get(written, offset))

    def _failed(self, problem: Any) -> None:
        self._ended_with(*outcome(problem))

    def _told(self, event: Any) -> None:
        """See what became of a READ or WRITE with handlers: they may have done what never came to the file."""
        if event.status_code != Status.OK:
            self._ended_with(event.status_code, event.error_message)
        elif isinstance(event, FileWrite):
            if event.handled:
                self._count(True, event.file_offset, len(event.data))
        elif isinstance(self._opened.source, EventFile):
            self._count(False, event.file_offset, min(len(event.data), event.length))

    def _ended_with(self, status: int, message: str) -> None:
        """Remember what went wrong first; the end of the file is nothing that went wrong."""
        self._touched = True
        if self._status == Status.OK and status != Status.EOF:
            self._status, self._message = status, message

    def _finish(self) -> None:
        if not self._touched:
            return
        opened, conversation = self._opened, self._conversation
        if opened.abandoned and self._status == Status.OK:
            self._status = Status.CONNECTION_LOST
        now = conversation.seconds()
        told = TransferFinished(
            conversation.connection_id,
            conversation.user,
            self._path,
            opened.path,
            self._bytes,
            max(round((now - self._begun) * 1000), 0),
            self._upload,
            self._lowest.get(self._upload, 0) > 0,
            opened.abandoned,
            status_code=self._status,
            error_message=self._message,
        )
        if self._upload and self._status == Status.OK and TransferRenamed in conversation.events.listeners:
            conversation.uploads.add(copy.copy(told), now)
        conversation.events.tell(told, conversation.log)


def watched(conversation: Any) -> bool:
    """Return whether anybody wants to know of transfers."""
    listeners = conversation.events.listeners
    return TransferFinished in listeners or TransferRenamed in listeners


def renamed(conversation: Any, path: str, new_path: str) -> None:
    """Tell of an upload that has got its name."""
    told = conversation.uploads.renamed(
        conversation.connection_id, conversation.user, path, new_path, conversation.seconds()
    )
    if told is not None:
        conversation.events.tell(told, conversation.log)
