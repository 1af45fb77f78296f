"""
The operations that copy on the server: copy-data between open files, copy-file by name.

copy-file opens both files as OPEN does, and closes them as CLOSE does, so that whoever refuses, diverts, supplies or
takes files need not know of copies. Sources: filexfer-extensions-00; OpenSSH's PROTOCOL, 4.10.
"""

from contextlib import suppress
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.events.waiting import ready
from conchsftp.files.supplied.virtual import EventFile
from conchsftp.interfaces import ICopy
from conchsftp.session.handles import OpenFile
from conchsftp.session.inside import close_inside, open_inside
from conchsftp.session.needs import to_copy, to_copy_file
from conchsftp.session.operation import LARGEST_READ, by_both_paths, extended_row
from conchsftp.settings.permissions import CREATE
from conchsftp.sftp import extended
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition
from conchsftp.sftp.statuses import Status

# Of the source's mode a copy gets what cp(1) gives it: no set-user-ID, no set-group-ID, no sticky bit.
_COPIED_MODE = 0o777
# What the first OPEN of a target fails with that is there, or that the user may not make.
_MAYBE_THERE = (Status.FILE_ALREADY_EXISTS, Status.PERMISSION_DENIED, Status.FAILURE)
_MISSING = (Status.NO_SUCH_FILE, Status.NO_SUCH_PATH)


def _by_both_handles(c: Any, r: Any) -> tuple[str, ...]:
    return c.handles.path(r.handle), c.handles.path(r.target_handle)


def _copy_data(c: Any, e: Any, r: Any) -> Any:
    source = c.handles.get(r.handle, OpenFile).source
    target = c.handles.get(r.target_handle, OpenFile).source
    if not ICopy.providedBy(source):
        raise SFTPError(Status.OP_UNSUPPORTED)
    return c.stop_when_over(source.copy_to(target, r.offset, r.length, r.target_offset))


async def _copy_file(c: Any, e: Any, r: Any) -> None:
    if e.path == e.target:
        raise _one_file()
    source = await open_inside(c, r.path, Access.READ_DATA, Disposition.OPEN_EXISTING)
    try:
        await _copy_open(c, r, source)
    finally:
        await close_inside(c, source)


async def _copy_open(c: Any, r: Any, source: OpenFile) -> None:
    """Copy what is open to a name."""
    if isinstance(source.source, EventFile):
        raise SFTPError(Status.OP_UNSUPPORTED, "This file cannot be copied")
    attributes = await ready(source.source.stat()) or Attributes()
    mode = None if attributes.permissions is None else attributes.permissions & _COPIED_MODE
    target, made = await _open_target(c, r, Attributes(permissions=mode))
    try:
        await _fill(c, source.source, target.source, cut=not made)
    except BaseException:
        await _give_up(c, target, made)
        raise
    # Only now it is known to be stored: what a server far away, or a handler, says of it comes here.
    await close_inside(c, target)


async def _open_target(c: Any, r: Any, attributes: Attributes) -> tuple[OpenFile, bool]:
    """Open the target, and say whether it was made."""
    if c.permissions is not None and not c.permissions.may(c.path(r.new_path)) & CREATE:
        # An OPEN that may make nothing finds what is there, or says what it lacks.
        target = await open_inside(c, r.new_path, Access.WRITE_DATA, Disposition.OPEN_OR_CREATE)
        if r.overwrite:
            return target, False
        await close_inside(c, target)
        raise SFTPError(Status.FILE_ALREADY_EXISTS)
    try:
        return await open_inside(c, r.new_path, Access.WRITE_DATA, Disposition.CREATE_NEW, attributes), True
    except SFTPError as problem:
        if not r.overwrite or problem.status not in _MAYBE_THERE:
            raise
        first = problem
    try:
        # Not emptied before it is known to be another file than the source.
        return await open_inside(c, r.new_path, Access.WRITE_DATA, Disposition.OPEN_EXISTING), False
    except SFTPError as problem:
        raise first if problem.status in _MISSING else problem from None


async def _fill(c: Any, source: Any, target: Any, *, cut: bool) -> None:
    """Copy everything from one open file to another; `cut` says that it may have been longer."""
    if isinstance(target, EventFile):
        raise SFTPError(Status.OP_UNSUPPORTED, "Nothing can be copied to this file")
    copied = None
    if ICopy.providedBy(source):
        try:
            copied = await ready(c.stop_when_over(source.copy_to(target, 0, 0, 0)))
        except SFTPError as problem:
            if problem.status == Status.INVALID_PARAMETER:
                raise _one_file() from None
            # That of another file system, or a handler's.
            if problem.status != Status.OP_UNSUPPORTED:
                raise
    if copied is None:
        copied = await _carry(c, source, target)
    if cut:
        attributes = await ready(target.stat())
        if attributes is None or attributes.size is None or attributes.size > copied:
            await ready(target.set_attributes(Attributes(size=copied)))
    c.go_on()


async def _carry(c: Any, source: Any, target: Any) -> int:
    """Copy by reading and writing; return how many bytes there were."""
    copied = 0
    while True:
        c.go_on()
        piece = (await ready(source.read(copied, LARGEST_READ)))[:LARGEST_READ]
        if piece:
            await ready(target.write(copied, bytes(piece)))
        copied += len(piece)
        if len(piece) < LARGEST_READ:
            return copied
        await c.turn()


async def _give_up(c: Any, target: OpenFile, made: bool) -> None:
    """Close a copy that is not complete; if it was made for this, it is removed."""
    target.failed = True
    c.abandon(target.source)
    with suppress(SFTPError, OSError):
        if made and await _still_there(c, target):
            await ready(c.files.remove(target.path))
    # What was wrong before is the answer.
    with suppress(SFTPError):
        await close_inside(c, target)


async def _still_there(c: Any, target: OpenFile) -> bool:
    """Whether the file of that name is the one that is open: others may have replaced it meanwhile."""
    ours, there = await ready(target.source.stat()), await ready(c.files.lstat(target.path))
    return bool(_fingerprint(ours) == _fingerprint(there))


def _fingerprint(attributes: Any) -> tuple[Any, ...]:
    return attributes.type, attributes.size, attributes.mtime, attributes.mtime_ns


def _one_file() -> SFTPError:
    return SFTPError(Status.INVALID_PARAMETER, "Both names are those of one file")


ROWS = (
    extended_row(
        extended.CopyData,
        perform=_copy_data,
        needs=to_copy,
        files=_by_both_handles,
        slow=True,
        mutates=True,
        ends=True,
        ability=ICopy,
    ),
    extended_row(
        extended.CopyFile, perform=_copy_file, needs=to_copy_file, files=by_both_paths, slow=True, mutates=True
    ),
)
