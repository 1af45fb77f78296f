"""
The operations on locks of ranges: BLOCK and UNBLOCK.

Rows and what they do; what a lock keeps others from is the file system's. Source: filexfer-13, SSH_FXP_BLOCK.
"""

from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.events.own import FileLock, FileUnlock
from conchsftp.files.supplied.virtual import UNHANDLED
from conchsftp.interfaces import ILocks
from conchsftp.session.handles import OpenFile, handle_text
from conchsftp.session.locking import hinders, masks
from conchsftp.session.needs import to_lock
from conchsftp.session.operation import Operation, by_handle
from conchsftp.sftp import requests
from conchsftp.sftp.numbers import OpenFlag
from conchsftp.sftp.statuses import Status

MOST_LOCKS = 1024
"""How many ranges one session may have locked: each takes memory here and in the system's kernel."""

_NOTHING = (OpenFlag(0), OpenFlag.BLOCK_ADVISORY)


def _announce_lock(c: Any, r: Any) -> Any:
    opened = c.handles.get(r.handle, OpenFile)
    return FileLock(c.connection_id, c.user, opened.path, handle_text(r.handle), r.offset, r.length, r.mask)


def _announce_unlock(c: Any, r: Any) -> Any:
    opened = c.handles.get(r.handle, OpenFile)
    return FileUnlock(c.connection_id, c.user, opened.path, handle_text(r.handle), r.offset, r.length)


async def _lock(c: Any, e: Any, r: Any) -> None:
    opened = _lockable(c, r)
    if e.mask in _NOTHING:
        raise SFTPError(Status.INVALID_PARAMETER, "This lock keeps nobody from anything")
    if e.mask not in masks(c, "lock_masks"):
        raise SFTPError(Status.OP_UNSUPPORTED, "Files cannot be locked like that here")
    if sum(each.locks for each in c.handles.all()) >= MOST_LOCKS:
        raise SFTPError(Status.BYTE_RANGE_LOCK_REFUSED, f"Too many locks, {MOST_LOCKS} allowed")
    opened.locks += 1
    try:
        waiting = opened.source.lock(e.offset, e.length, e.mask)
        if waiting is not None:
            await waiting
    except BaseException:
        opened.locks -= 1
        raise


async def _unlock(c: Any, e: Any, r: Any) -> None:
    opened = _lockable(c, r)
    waiting = opened.source.unlock(e.offset, e.length)
    if waiting is not None:
        await waiting
    opened.locks -= 1


def _lockable(c: Any, r: Any) -> OpenFile:
    opened: OpenFile = c.handles.get(r.handle, OpenFile)
    if not ILocks.providedBy(opened.source):
        # Handlers that are the file system may still say that they have done it.
        raise SFTPError(UNHANDLED if c.virtual else Status.OP_UNSUPPORTED, "Files cannot be locked here")
    return opened


ROWS = (
    Operation(
        request=requests.Block,
        event=FileLock,
        announce=_announce_lock,
        perform=_lock,
        undo=_unlock,
        needs=to_lock,
        files=by_handle,
        mutates=lambda r: hinders(r.mask),
    ),
    Operation(
        request=requests.Unblock,
        event=FileUnlock,
        announce=_announce_unlock,
        perform=_unlock,
        needs=None,
        files=by_handle,
    ),
)
