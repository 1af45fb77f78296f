"""
A listing that a handler has supplied, as an open directory.

Asks for what the handler left out only when the client reads so far. Does not know where the names come from.
"""

import asyncio
from collections.abc import AsyncIterable, Iterable, Mapping
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from zope.interface import implementer

from conchsftp.events.waiting import settled
from conchsftp.interfaces import IAbandoned, IDirectory
from conchsftp.session.operation import looking
from conchsftp.session.paths import join
from conchsftp.session.pipeline import Pipeline
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status

_A_TURN = 200
_MISSING = (Status.NO_SUCH_FILE, Status.NO_SUCH_PATH)

# What stands for a name in a listing.
_LOOK = looking(follow=False)


def as_directory(conversation: Any, path: str, supplied: Any) -> Any:
    """
    Return the open directory that a handler means.

    Args:
        conversation: where it was opened.
        path: the directory.
        supplied: an `IDirectory`; names in a text, each in a line; or an iterable or an asynchronous iterable, of names
            or of (name, attributes), or a mapping of them. None: an empty directory.
    Raises:
        TypeError: it is none of these.
    """
    if IDirectory.providedBy(supplied) or (hasattr(supplied, "read") and hasattr(supplied, "close")):
        return supplied
    if isinstance(supplied, str):
        supplied = [name for name in supplied.replace("\r\n", "\n").split("\n") if name]
    elif isinstance(supplied, Mapping):
        supplied = list(supplied.items())
    if supplied is None or isinstance(supplied, Iterable | AsyncIterable) and not isinstance(supplied, bytes):
        return ListedDirectory(conversation, path, () if supplied is None else supplied)
    raise TypeError(f"a listing of type {type(supplied).__name__}; names, (name, attributes) or an IDirectory expected")


@implementer(IDirectory, IAbandoned)
class ListedDirectory:
    """
    A directory of given entries.

    A name without attributes gets those of the file system, or those that a handler of `GetAttributes` says. If there
    is no such file, as one of them says, the name is left out; what else goes wrong leaves it without attributes.

    Args:
        conversation: where it is open.
        path: the directory.
        entries: names, or (name, attributes); taken as the client reads on.
    """

    def __init__(self, conversation: Any, path: str, entries: Iterable[Any] | AsyncIterable[Any]) -> None:
        self._conversation = conversation
        self._path = path
        self._pipeline = Pipeline(conversation)
        self._entries: Any = aiter(entries) if isinstance(entries, AsyncIterable) else iter(entries)
        self._next = partial(anext if isinstance(entries, AsyncIterable) else next, self._entries)
        self._asked: Any = None

    async def read(self, count: int) -> list[tuple[str, Attributes | None]]:
        """As `IDirectory`."""
        found: list[tuple[str, Attributes | None]] = []
        looked = 0
        while len(found) < count and not self._conversation.over:
            looked += 1
            if looked % _A_TURN == 0:
                # Any number of names may be left out.
                await self._conversation.turn()
            try:
                self._asked = settled(self._next())
                given = await self._asked if isinstance(self._asked, Deferred) else self._asked
            except (StopIteration, StopAsyncIteration):
                break
            except (CancelledError, asyncio.CancelledError):
                if not self._conversation.over:
                    raise
                break
            name, attributes = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
            if not _is_name(name):
                text = "{path!r}: {name!r} is no name of an entry"
                self._conversation.log.warn(text, path=self._path, name=name)
            elif attributes is not None:
                found.append((name, attributes))
            else:
                event: Any = self._pipeline.serve(_LOOK, join(self._path, name))
                if isinstance(event, Deferred):
                    event = await event
                if event.status_code not in _MISSING:
                    found.append((name, event.attributes if event.status_code == Status.OK else None))
        return found

    def stat(self) -> Any:
        """As `IDirectory`: what the file system says."""
        return self._conversation.files.stat(self._path)

    def set_attributes(self, attributes: Attributes) -> Any:
        """As `IDirectory`: what the file system allows."""
        return self._conversation.files.set_attributes(self._path, attributes, True)

    def abandon(self) -> None:
        """As `IAbandoned`: nobody waits for the next entry any more."""
        if isinstance(self._asked, Deferred):
            self._asked.cancel()

    async def close(self) -> None:
        """As `IDirectory`: an asynchronous generator that has begun comes to its end."""
        end = getattr(self._entries, "aclose", None) or getattr(self._entries, "close", None)
        if end is not None:
            ended = end()
            if hasattr(ended, "__await__"):
                await ended


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and name not in ("", ".", "..") and "/" not in name and "\0" not in name
