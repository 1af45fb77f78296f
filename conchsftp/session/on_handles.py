"""
The operations on what is open: reading, writing, listing, closing.

Rows and what they do; nothing here knows a version, a packet or an order. Sources: filexfer-13 section 8, OpenSSH's
PROTOCOL.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from conchsftp.events.files import FileClose, FileRead, FileWrite, GetAttributes, SetAttributes
from conchsftp.events.own import DirRead, FileRequest
from conchsftp.session.handles import OpenDirectory, Opened, OpenFile, handle_bytes, handle_text
from conchsftp.session.needs import of_handle, to_set_open
from conchsftp.session.operation import MOST_READ, Operation, Placed, attributes_reply, by_handle
from conchsftp.session.set_stat import applied, explained
from conchsftp.session.telling import tell_transfer
from conchsftp.settings.permissions import READ, WRITE
from conchsftp.sftp import requests
from conchsftp.sftp.replies import Data, Entry, Names, StatusReply
from conchsftp.sftp.statuses import Status

# An entry is a name twice, `ls -l`'s columns and the attributes.
_ENTRY_BYTES = 180
# The names of owner and group have eight bytes each in those columns; what is longer counts, as UTF-8 at its longest.
_NAME_COLUMN, _LONGEST_CHARACTER = 8, 4
_LISTING_ENTRIES = 100


@dataclass(slots=True, kw_only=True)
class Abandon:
    """Close what is open when the session ends. No client sends it: it has no reply."""

    handle: bytes


def _announce_read(c: Any, r: Any) -> Any:
    opened = c.handles.get(r.handle, OpenFile)
    return FileRead(c.connection_id, c.user, opened.path, handle_text(r.handle), r.offset, r.length)


def _read(c: Any, e: Any, r: Any) -> Any:
    opened = c.handles.get(r.handle, OpenFile)
    length = min(e.length, MOST_READ)
    if not length:
        return b""
    if opened.into is not None:
        views = c.lend(length)
        if views is None:
            return _read_into_own(opened, e, length)
        count = opened.into(views, e.file_offset)
        if count:
            opened.sent += count
            e.pieces = Placed(count, count < length)
            return None
        if count is not None:
            return b""
    return opened.read(e.file_offset, length)


def _read_into_own(opened: OpenFile, e: Any, length: int) -> Any:
    """Read where no place in the outgoing packets is lent; whoever looks at the bytes makes a copy, and nobody else."""
    buffer = bytearray(length)
    count = opened.into((buffer,), e.file_offset)
    if count is None:
        return opened.read(e.file_offset, length)
    del buffer[count:]
    e.pieces = (buffer,)
    return None


def _data_reply(c: Any, e: Any, r: Any) -> Any:
    pieces = e.pieces
    if pieces.__class__ is Placed:
        return pieces
    length = min(r.length, MOST_READ)
    data = pieces[0] if len(pieces) == 1 else e.data
    if len(data) > length:
        # A handler may have put more there than was asked for; OpenSSH's client ends the session over that.
        data = data[:length]
    if not data and length:
        # "SSH_FX_EOF" and never empty DATA: clients would take it for a short read (filexfer-13, 8.2.1).
        return StatusReply(status=Status.EOF)
    opened = c.handles.find(r.handle)
    if opened is not None:
        opened.sent += len(data)
    # What handlers give, or leave, may end before the file does.
    return Data(data=data, end_of_file=len(data) < length and FileRead not in c.events.listeners)


def _announce_write(c: Any, r: Any) -> Any:
    opened = c.handles.get(r.handle, OpenFile)
    return FileWrite(c.connection_id, c.user, opened.path, handle_text(r.handle), r.offset, r.data)


def _write(c: Any, e: Any, r: Any) -> Any:
    opened = c.handles.get(r.handle, OpenFile)
    for piece in e.pieces:
        opened.received += len(piece)
    if opened.from_pieces is not None:
        return opened.from_pieces(e.pieces, e.file_offset)
    return opened.write(e.file_offset, e.data)


def _told(c: Any, e: Any, r: Any) -> None:
    # The handle may be gone: the session may have ended while a handler waited.
    opened = c.handles.find(r.handle)
    if opened is None:
        return
    if isinstance(e, FileWrite):
        if e.status_code != Status.OK:
            # The client closes it all the same, and what is written to it has a hole.
            c.abandon(opened.source)
        elif e.handled:
            opened.received += e.size
    told = getattr(opened, "told", None)
    if told is not None:
        told(e)
    # The end of a file is how reading it ends well.
    if e.status_code not in (Status.OK, Status.EOF):
        opened.failed = True


def _announce_close(c: Any, r: Any) -> Any:
    opened = c.handles.get(r.handle, Opened)
    return FileClose(c.connection_id, c.user, opened.path, handle_text(r.handle))


def _close(c: Any, e: Any, r: Any) -> Any:
    # The handle is dead, whatever the status says.
    opened = c.handles.remove(r.handle)
    if c.log.detail:
        tell_transfer(c, opened)
    return opened.close()


def _abandon(c: Any, e: Any, r: Any) -> Any:
    opened = c.handles.remove(r.handle)
    opened.abandoned = True
    # Behind Conch's server nobody has told it before.
    c.abandon(opened.source)
    if c.log.detail:
        tell_transfer(c, opened)
    return opened.close()


def _announce_stat(c: Any, r: Any) -> Any:
    opened = c.handles.get(r.handle, Opened)
    return GetAttributes(c.connection_id, c.user, opened.path, r.flags, True, handle_text(r.handle))


def _announce_set_stat(c: Any, r: Any) -> Any:
    opened = c.handles.get(r.handle, Opened)
    return SetAttributes(c.connection_id, c.user, opened.path, r.attributes, True, handle_text(r.handle))


def _set_attributes(c: Any, e: Any, r: Any) -> Any:
    source = c.handles.get(r.handle, Opened).source
    return applied(c, e.attributes, source.set_attributes, lambda: None)


def _announce_list(c: Any, r: Any) -> Any:
    opened = c.handles.get(r.handle, OpenDirectory)
    if opened.waiting:
        # Handlers were told of these.
        return FileRequest(c.connection_id, c.user, opened.path, handle_text(r.handle), opened.waiting)
    return DirRead(c.connection_id, c.user, opened.path, handle_text(r.handle))


def _list(c: Any, e: Any, r: Any) -> Any:
    if e.entries:
        return None
    opened = c.handles.get(r.handle, OpenDirectory)
    found = opened.source.read(c.settings.dir_list_buffer_size or _LISTING_ENTRIES)
    return _found(opened, e, found) if hasattr(found, "__await__") else _note(opened, e, found)


async def _found(opened: OpenDirectory, e: Any, waiting: Awaitable[Any]) -> Any:
    return _note(opened, e, await waiting)


def _note(opened: OpenDirectory, e: Any, found: Any) -> Any:
    """Note how much a directory gave, and whether it says that this was all; return what it gave."""
    e.found = len(found or ())
    opened.ended = getattr(opened.source, "at_end", False)
    return found


def _fit(c: Any, e: Any, r: Any) -> None:
    """Take as many entries as fit into one reply, and keep the others for the next READDIR."""
    found = e.entries or ()
    if found and c.permissions is not None:
        found = _shown(c, r, found)
    names = [name for name, _ in found]
    if "/" in "".join(names) or "" in names:
        # From a handler, or from a file system that somebody wrote: a client that stores what it gets under such a name
        # stores it elsewhere.
        c.log.warn("{path!r}: what is no name of an entry is left out", path=e.path)
        found = [each for each in found if each[0] and "/" not in each[0]]
    entries: list[Entry] = []
    room, encode = c.client.packet, c.encoded
    for name, attributes in found:
        encoded = encode(name)
        room -= 2 * len(encoded) + _ENTRY_BYTES
        if attributes is not None:
            room -= _wide(attributes.owner, attributes.group)
        if room < 0 and entries:
            break
        entries.append((encoded, None, attributes))
    e.last = False
    if found:
        opened = c.handles.get(handle_bytes(e.handle), OpenDirectory)
        opened.waiting = found[len(entries) :]
        # A handler may have something to add at the end.
        e.last = opened.ended and not opened.waiting and DirRead not in c.events.listeners
    e.names = entries


@lru_cache(256)
def _wide(*owners: str | None) -> int:
    """Return the bytes that the names of owner and group may need beyond their columns."""
    return sum(_LONGEST_CHARACTER * len(owner) for owner in owners if owner is not None and len(owner) > _NAME_COLUMN)


def _shown(c: Any, r: Any, found: Any) -> Any:
    """Return the entries that the user may know of."""
    place = c.handles.get(r.handle, OpenDirectory).place
    if place is None:
        return found
    return [each for each in found if each[0] in (".", "..") or place.shows(each[0])]


def _hidden(c: Any, e: Any) -> bool:
    """Return whether handlers have taken out all that was found; clients would take it for the end."""
    return e.status_code == Status.OK and e.__class__ is DirRead and e.found > 0 and not e.names


def _names_reply(c: Any, e: Any, r: Any) -> Any:
    # Never an empty NAME: some clients fail on it.
    if not e.names:
        return StatusReply(status=Status.EOF)
    return Names(entries=e.names, end_of_list=e.last or None)


def _own_data(request: Any) -> None:
    """Copy what a WRITE brought: the buffer it lies in is used again before its turn comes."""
    request.data = [b"".join(request.data)]


_CLOSING: dict[str, Any] = {
    "event": FileClose,
    "announce": _announce_close,
    "needs": None,
    "files": by_handle,
    "enters_first": True,
}

ROWS = (
    Operation(
        request=requests.Read,
        event=FileRead,
        announce=_announce_read,
        perform=_read,
        needs=of_handle(READ),
        result="data",
        reply=_data_reply,
        told=_told,
        files=by_handle,
        shared=True,
        bulk=lambda r: r.length,
        ends=True,
    ),
    Operation(
        request=requests.Write,
        event=FileWrite,
        announce=_announce_write,
        perform=_write,
        needs=of_handle(WRITE),
        files=by_handle,
        told=_told,
        own=_own_data,
        mutates=True,
    ),
    Operation(request=requests.Close, perform=_close, **_CLOSING),
    Operation(request=Abandon, perform=_abandon, **_CLOSING),
    Operation(
        request=requests.FStat,
        event=GetAttributes,
        announce=_announce_stat,
        perform=lambda c, e, r: c.handles.get(r.handle, Opened).source.stat(),
        needs=None,
        result="attributes",
        reply=attributes_reply,
        files=by_handle,
        shared=True,
    ),
    Operation(
        request=requests.FSetStat,
        event=SetAttributes,
        announce=_announce_set_stat,
        perform=_set_attributes,
        needs=to_set_open,
        explain=explained,
        files=by_handle,
        mutates=True,
    ),
    # Not shared: its reply moves the place in the listing.
    Operation(
        request=requests.ReadDir,
        event=DirRead,
        announce=_announce_list,
        perform=_list,
        needs=None,
        result="entries",
        conclude=_fit,
        again=_hidden,
        reply=_names_reply,
        files=by_handle,
        ends=True,
    ),
)
