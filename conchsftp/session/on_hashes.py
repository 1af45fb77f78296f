"""
The operations that compute hashes of files: md5-hash and check-file, each by name and by handle.

What is hashed is what the file system has stored. A file that is named is opened for it, as by OPEN, so that whoever
refuses, diverts or supplies files need not know of hashes. Source: filexfer-extensions-00, sections on md5-hash and
check-file; paramiko's `SFTPFile.check`.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.events.waiting import ready
from conchsftp.files.digests import LEAST_BLOCK, Digests, first_known
from conchsftp.files.supplied.virtual import EventFile
from conchsftp.files.text import TextFile
from conchsftp.interfaces import IScan
from conchsftp.session.handles import OpenFile
from conchsftp.session.inside import close_inside, open_inside
from conchsftp.session.needs import at_path, of_handle
from conchsftp.session.operation import LARGEST_READ, by_handle, extended_row
from conchsftp.settings.permissions import READ
from conchsftp.sftp import extended
from conchsftp.sftp.fields import layout_of
from conchsftp.sftp.numbers import Access, Disposition
from conchsftp.sftp.replies import ExtendedReply, hashes_reply, md5_reply
from conchsftp.sftp.statuses import Status

# "The hash over the first 2048 bytes of the data range" (filexfer-extensions-00, md5-hash).
_QUICK = 2048
_MD5 = b"md5"
# What is read at a time from files that are no files of the disk, in bytes.
_PIECE = LARGEST_READ
# All hashes of a reply: with its head it is no longer than the longest DATA.
_MOST = LARGEST_READ

Hashing = Callable[[Any, Any, Any], Awaitable[Any]]
"""Given the conversation, the request and an `IFile`; returns the result of the event."""


def _opened(hashing: Hashing) -> Any:
    """Return the `perform` of a request about an open file."""

    async def perform(c: Any, e: Any, r: Any) -> Any:
        source = c.handles.get(r.handle, OpenFile).source
        await c.scanning.acquire()
        try:
            return await hashing(c, r, source)
        finally:
            c.scanning.release()

    return perform


def _named(hashing: Hashing) -> Any:
    """Return the `perform` of a request about a file that is named."""

    async def perform(c: Any, e: Any, r: Any) -> Any:
        await c.scanning.acquire()
        try:
            opened = await open_inside(c, r.path, Access.READ_DATA, Disposition.OPEN_EXISTING)
            try:
                return await hashing(c, r, opened.source)
            finally:
                await close_inside(c, opened)
        finally:
            c.scanning.release()

    return perform


async def _md5(c: Any, r: Any, source: Any) -> bytes:
    """Return the MD5 of a range; empty if the client has another one."""
    await _range(r, source)
    if r.quick_hash:
        first = await ready(source.read(r.offset, min(r.length or _QUICK, _QUICK)))
        if _whole(first) != r.quick_hash:
            return b""
    digests = Digests(_MD5, most=_MOST)
    await _scan(c, r, source, digests)
    return digests.result()


async def _check(c: Any, r: Any, source: Any) -> tuple[str, bytes]:
    """Return which algorithm was used, and the hashes of a range."""
    algorithm = first_known(r.algorithms)
    if 0 < r.block_size < LEAST_BLOCK:
        text = f"Blocks of {r.block_size} bytes; at least {LEAST_BLOCK} expected, or 0 for one hash"
        raise SFTPError(Status.INVALID_PARAMETER, text)
    digests = Digests(algorithm, r.block_size, most=_MOST)
    digests.check_room(await _range(r, source))
    await _scan(c, r, source, digests)
    return algorithm.decode("ascii"), digests.result()


async def _range(r: Any, source: Any) -> int:
    """Return how long the range is that is to be hashed, as far as one can know; 0 if nobody knows."""
    if isinstance(source, EventFile):
        # Its content are events of READ, one for each that a client sends; there is none.
        raise SFTPError(Status.OP_UNSUPPORTED, "There are no hashes of this file")
    if isinstance(source, TextFile):
        # On the wire its lines may end otherwise than where it is stored, and to read it moves its position.
        raise SFTPError(Status.OP_UNSUPPORTED, "The file is open as text: ask for hashes by its name")
    try:
        attributes = await ready(source.stat())
    except SFTPError as problem:
        if problem.status != Status.OP_UNSUPPORTED:
            raise
        attributes = None
    if attributes is None or attributes.size is None:
        return 0
    left: int = attributes.size - r.offset
    if left < 0:
        raise SFTPError(Status.INVALID_PARAMETER, f"The file has {attributes.size} bytes, the range begins behind them")
    return min(r.length or left, left)


def _whole(data: bytes) -> bytes:
    digests = Digests(_MD5, most=_MOST)
    digests.update(data)
    return digests.result()


async def _scan(c: Any, r: Any, source: Any, digests: Digests) -> None:
    """Hash a range without holding anybody up."""

    def take(piece: Any) -> None:
        # In a thread, between two pieces: nobody waits for the answer any more.
        c.go_on()
        digests.update(piece)

    c.go_on()
    if IScan.providedBy(source):
        await source.scan(take, r.offset, r.length, c.connection_id)
    else:
        await _read_through(c, source, take, r.offset, r.length)


async def _read_through(c: Any, source: Any, take: Callable[[Any], None], offset: int, length: int) -> None:
    """Read what is no file of the disk, piece by piece; hash it in threads, where there are some."""
    means, left = c.means(), length
    while True:
        wanted = min(left, _PIECE) if length else _PIECE
        piece = (await ready(source.read(offset, wanted)))[:wanted]
        await ready(means.call(take, piece))
        offset += len(piece)
        left -= len(piece)
        if len(piece) < wanted or (length and not left):
            return
        await c.turn()


def _md5_reply(c: Any, e: Any, r: Any) -> ExtendedReply:
    return md5_reply(_bytes(_result(e)))


def _hashes_reply(name: bytes = b"") -> Any:
    def reply(c: Any, e: Any, r: Any) -> ExtendedReply:
        algorithm, hashes = _result(e)
        return hashes_reply(algorithm.encode("ascii"), _bytes(hashes), name)

    return reply


def _result(e: Any) -> Any:
    if e.result is None:
        # A handler says that it has done it, and does not say what came of it.
        raise SFTPError(Status.OP_UNSUPPORTED)
    return e.result


def _bytes(data: Any) -> bytes:
    if not isinstance(data, bytes | bytearray):
        raise TypeError(f"ExtendedRequest.result: hashes are bytes, not {type(data).__name__}")
    return bytes(data)


def _room(r: Any) -> int:
    return _MOST if r.block_size else 0


_OF_MD5: dict[str, Any] = {"result": "result", "shared": True, "slow": True, "reply": _md5_reply}
_CHECK: dict[str, Any] = {"result": "result", "shared": True, "slow": True, "reply": _hashes_reply(), "bulk": _room}
_CHECK_FILE = _CHECK | {"reply": _hashes_reply(layout_of(extended.CheckFile).name)}
_BY_NAME: dict[str, Any] = {"needs": at_path(READ)}
_BY_HANDLE: dict[str, Any] = {"needs": of_handle(READ), "files": by_handle}

ROWS = (
    extended_row(extended.MD5Hash, perform=_named(_md5), **_OF_MD5, **_BY_NAME),
    extended_row(extended.MD5HashHandle, perform=_opened(_md5), **_OF_MD5, **_BY_HANDLE),
    extended_row(extended.CheckFileName, perform=_named(_check), **_CHECK, **_BY_NAME),
    extended_row(extended.CheckFileHandle, perform=_opened(_check), **_CHECK, **_BY_HANDLE),
    extended_row(extended.CheckFile, perform=_opened(_check), **_CHECK_FILE, **_BY_HANDLE),
)
