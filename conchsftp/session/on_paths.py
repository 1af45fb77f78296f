"""
The operations on names: everything that is asked by path.

Rows and what they do; nothing here knows a version, a packet or an order. Sources: filexfer-13 section 8, OpenSSH's
PROTOCOL.
"""

from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.events.files import (
    DirCreate,
    DirList,
    DirRemove,
    FileOpen,
    FileRemove,
    FileRename,
    GetAttributes,
    ResolvePath,
    SetAttributes,
)
from conchsftp.files.virtual import EventFile, supplied
from conchsftp.interfaces import IReadInto, IWriteFrom
from conchsftp.session.handles import OpenDirectory, Opened, OpenFile
from conchsftp.session.listed import as_directory
from conchsftp.session.needs import (
    at_path,
    granted,
    narrowed,
    to_know,
    to_list,
    to_make_directory,
    to_open,
    to_rename,
    to_set,
)
from conchsftp.session.operation import Operation, attributes_reply, by_both_paths, by_nothing, name_reply
from conchsftp.session.set_stat import applied, explained
from conchsftp.session.transfers import Transfer, renamed, watched
from conchsftp.settings.permissions import CREATE, DELETE, LIST, RMDIR, WRITE
from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import WRITING, Disposition, OpenFlag, RenameFlag
from conchsftp.sftp.numbers import RealPath as Control
from conchsftp.sftp.replies import HandleReply
from conchsftp.sftp.statuses import Status

_CHANGING_FLAGS = OpenFlag.DISPOSITION | OpenFlag.DELETE_ON_CLOSE
_PATH = ("path",)
_REPLACING = RenameFlag.OVERWRITE | RenameFlag.ATOMIC
_THERE = Status.FILE_ALREADY_EXISTS
_MISSING = (Status.NO_SUCH_FILE, Status.NO_SUCH_PATH)


def _announced(kind: Any) -> Any:
    """Return the `announce` of an event that tells a path and nothing else."""
    return lambda c, r: kind(c.connection_id, c.user, c.path(r.path))


def _with_attributes(kind: Any) -> Any:
    return lambda c, r: kind(c.connection_id, c.user, c.path(r.path), r.attributes)


def _stat(follow: bool) -> Any:
    return lambda c, r: GetAttributes(c.connection_id, c.user, c.path(r.path), r.flags, follow)


def _get_attributes(c: Any, e: Any, r: Any) -> Any:
    return c.files.stat(e.path) if e.follow else c.files.lstat(e.path)


def _set_stat(follow: bool) -> Any:
    return lambda c, r: SetAttributes(c.connection_id, c.user, c.path(r.path), r.attributes, follow)


def _set_attributes(c: Any, e: Any, r: Any) -> Any:
    if not e.follow and e.attributes is not None and e.attributes.size is not None:
        # As OpenSSH answers it (lsetstat@openssh.com): a link has no size.
        raise SFTPError(Status.BAD_MESSAGE, "A link has no size to set")
    look = c.files.stat if e.follow else c.files.lstat
    return applied(c, e.attributes, lambda left: c.files.set_attributes(e.path, left, e.follow), lambda: look(e.path))


def _announce_open(c: Any, r: Any) -> Any:
    if r.flags & OpenFlag.TEXT_MODE:
        # "the offset field in both the read and write function MUST be ignored" (filexfer-04, 6.3): another kind of
        # file, and a client that gets this one instead would place its data wrongly.
        raise SFTPError(Status.OP_UNSUPPORTED, "Files cannot be opened as text here")
    return FileOpen(c.connection_id, c.user, c.path(r.path), r.access, r.flags, r.attributes)


def _opens_to_change(r: Any) -> bool:
    """As OpenSSH's read-only server sees it: writing, or creating or truncating, whatever else is asked for."""
    return bool(r.access & WRITING or r.flags & _CHANGING_FLAGS != Disposition.OPEN_EXISTING)


def _prepare(c: Any, e: Any) -> None:
    c.handles.check_room(OpenFile, e.path)
    if not e.handle:
        e.handle = c.handles.free().decode()
        return
    try:
        c.handles.check(_encoded(e.handle))
    except ValueError as problem:
        raise _not_chosen(c, problem) from None


def _encoded(handle: Any) -> bytes:
    if not isinstance(handle, str):
        raise ValueError(f"a handle of type {type(handle).__name__}, str expected")
    return handle.encode("utf-8", "surrogateescape")


def _not_chosen(c: Any, problem: ValueError) -> SFTPError:
    """Return how a handle that a handler chose, and that cannot be, is answered."""
    c.log.warn("a handler of FileOpen chose {problem}", problem=str(problem))
    return SFTPError(Status.FAILURE)


def _open(c: Any, e: Any, r: Any) -> Any:
    _prepare(c, e)
    return c.files.open(e.path, e.desired_access, e.open_flags, e.attributes or Attributes())


def _adopt_file(c: Any, e: Any, r: Any) -> Any:
    """Open what a handler supplied; nothing but its word: the events are the content."""
    _prepare(c, e)
    if e.result is None:
        return EventFile(c.events) if e.handled or c.virtual else None
    return supplied(e.result, e.desired_access, e.open_flags, c.means())


def _keep_file(c: Any, e: Any, r: Any) -> None:
    if c.permissions is not None and e.open_flags != r.flags:
        # Only one of making and changing is permitted, and the other one would have been needed.
        lacks = WRITE if e.open_flags & OpenFlag.DISPOSITION == Disposition.CREATE_NEW else CREATE
        narrowed(e, (_THERE,) if lacks == WRITE else _MISSING, lacks)
    file = e.result
    if file is None and c.virtual and e.status_code == Status.OK:
        # A handler has opened it after nobody did before.
        file = e.result = EventFile(c.events)
    # A handler may have taken it away.
    e.handle = e.handle or c.handles.free().decode()
    into = file.read_into if IReadInto.providedBy(file) else None
    from_pieces = file.write_from if IWriteFrom.providedBy(file) else None
    opened = OpenFile(e.path, file, into=into, from_pieces=from_pieces)
    if c.permissions is not None:
        opened.granted = granted(c, c.path(r.path), e.desired_access)
    _keep(c, e, e.handle, opened)
    if not opened.handle:
        return
    opened.begun = c.seconds()
    creates = e.open_flags & OpenFlag.DISPOSITION != Disposition.OPEN_EXISTING
    opened.made = creates and bool(e.desired_access & WRITING)
    if watched(c):
        Transfer(c, opened, creates=opened.made)


def _open_directory(c: Any, e: Any, r: Any) -> Any:
    c.handles.check_room(OpenDirectory, e.path)
    return c.files.list(e.path)


def _adopt_directory(c: Any, e: Any, r: Any) -> Any:
    c.handles.check_room(OpenDirectory, e.path)
    return as_directory(c, e.path, e.result)


def _keep_directory(c: Any, e: Any, r: Any) -> None:
    opened = OpenDirectory(e.path, e.result)
    if c.permissions is not None:
        place = c.permissions.place(c.path(r.path))
        opened.granted = place.words
        opened.place = None if place.uniform and place.words & LIST else place
    _keep(c, e, c.handles.free().decode(), opened)
    e.result = opened


def _keep(c: Any, e: Any, handle: str, opened: Opened) -> None:
    """Remember what was opened, or close it again where nobody will ever use it."""
    if opened.source is None:
        if e.status_code == Status.OK:
            raise SFTPError(Status.FAILURE, "Nothing was opened")
        return
    try:
        if e.status_code != Status.OK or c.over:
            raise SFTPError(Status.NO_CONNECTION)
        c.handles.add(_encoded(handle), opened)
    except Exception as problem:
        c.close_unused(opened.source)
        if e.status_code == Status.OK:
            raise _not_chosen(c, problem) if isinstance(problem, ValueError) else problem from None


def _directory_reply(c: Any, e: Any, r: Any) -> Any:
    return HandleReply(handle=e.result.handle)


def _file_reply(c: Any, e: Any, r: Any) -> Any:
    return HandleReply(handle=e.handle.encode("utf-8", "surrogateescape"))


def _announce_rename(c: Any, r: Any) -> Any:
    return FileRename(c.connection_id, c.user, c.path(r.path), c.path(r.new_path), r.flags)


def _announce_posix_rename(c: Any, r: Any) -> Any:
    return FileRename(c.connection_id, c.user, c.path(r.path), c.path(r.new_path), _REPLACING)


def _rename(c: Any, e: Any, r: Any) -> Any:
    result = c.files.rename(e.path, e.new_path, e.flags)
    return result if result is None else c.stop_when_over(result)


def _follow(c: Any, e: Any, r: Any) -> None:
    """Know what is open by its new name."""
    if c.permissions is not None and not e.flags & _REPLACING and getattr(r, "flags", _REPLACING) & _REPLACING:
        narrowed(e, (_THERE,), WRITE)
    if e.status_code == Status.OK:
        c.handles.renamed(e.path, e.new_path)
        if c.uploads:
            renamed(c, e.path, e.new_path)


def _real_path(c: Any, e: Any, r: Any) -> Any:
    path = c.composed(r.path, r.compose)
    if r.control == Control.NO_CHECK:
        # "The server MUST NOT resolve symlinks" (filexfer-13, 8.9.1).
        return path
    if c.hides(path):
        if r.control == Control.STAT_ALWAYS:
            raise SFTPError(Status.NO_SUCH_FILE)
        return path
    return c.files.real_path(path) if r.control == Control.RESOLVE else _looked_up(c, e, path, r.control)


async def _looked_up(c: Any, e: Any, path: str, control: Control) -> str:
    """Return a canonical path; its attributes go to the event."""
    found: str = await _ready(c.files.real_path(path))
    try:
        e.attributes = await _ready(c.files.stat(path))
    except (SFTPError, OSError):
        if control == Control.STAT_ALWAYS:
            raise
    return found


async def _ready(result: Any) -> Any:
    return await result if hasattr(result, "__await__") else result


def _by_composed(c: Any, r: Any) -> tuple[str, ...]:
    return (c.composed(r.path, r.compose),)


def _expand_path(c: Any, e: Any, r: Any) -> Any:
    return _canonical(c, c.path(c.expanded(r.path)))


def _home_directory(c: Any, e: Any, r: Any) -> Any:
    if b"/" in r.user:
        raise SFTPError(Status.NO_SUCH_FILE, "No such user")
    return _canonical(c, c.path(c.expanded(b"~" + r.user)))


def _canonical(c: Any, path: str) -> Any:
    """Return where a path leads; of what the user may not know of, nothing but the path itself."""
    return path if c.hides(path) else c.files.real_path(path)


def _announce_resolve(c: Any, r: Any) -> Any:
    original = c.composed(r.path, r.compose) if r.compose else c.text(r.path)
    return ResolvePath(c.connection_id, c.user, original, r.control)


def _announce_expand(c: Any, r: Any) -> Any:
    return ResolvePath(c.connection_id, c.user, c.text(r.path))


def _announce_home(c: Any, r: Any) -> Any:
    return ResolvePath(c.connection_id, c.user, "~" + c.text(r.user))


def _resolved(c: Any, e: Any, r: Any) -> Any:
    return name_reply(c.encoded(e.real_path), e.attributes)


_RESOLVING: dict[str, Any] = {
    "event": ResolvePath,
    # What may not be known of is resolved without a look.
    "needs": None,
    "result": "real_path",
    "reply": _resolved,
    "shared": True,
}
_ASKING: dict[str, Any] = {
    "event": GetAttributes,
    "perform": _get_attributes,
    "needs": to_know,
    "result": "attributes",
    "reply": attributes_reply,
    "shared": True,
}
_CHANGING: dict[str, Any] = {
    "event": SetAttributes,
    "perform": _set_attributes,
    "needs": to_set,
    "explain": explained,
    "paths": _PATH,
    "mutates": True,
}
_RENAMING: dict[str, Any] = {
    "event": FileRename,
    "perform": _rename,
    "needs": to_rename,
    "conclude": _follow,
    "paths": ("path", "new_path"),
    "files": by_both_paths,
    "alone": True,
    "mutates": True,
}

ROWS = (
    Operation(request=requests.LStat, announce=_stat(False), **_ASKING),
    Operation(request=requests.Stat, announce=_stat(True), **_ASKING),
    Operation(request=requests.SetStat, announce=_set_stat(True), **_CHANGING),
    Operation(request=requests.LSetStat, announce=_set_stat(False), **_CHANGING),
    Operation(
        request=requests.Open,
        event=FileOpen,
        announce=_announce_open,
        perform=_open,
        needs=to_open,
        result="result",
        adopt=_adopt_file,
        paths=_PATH,
        conclude=_keep_file,
        reply=_file_reply,
        mutates=_opens_to_change,
    ),
    Operation(
        request=requests.OpenDir,
        event=DirList,
        announce=_announced(DirList),
        perform=_open_directory,
        needs=to_list,
        result="result",
        adopt=_adopt_directory,
        paths=_PATH,
        conclude=_keep_directory,
        reply=_directory_reply,
        shared=True,
    ),
    Operation(
        request=requests.MkDir,
        event=DirCreate,
        announce=_with_attributes(DirCreate),
        perform=lambda c, e, r: c.files.make_directory(e.path, e.attributes or Attributes()),
        needs=to_make_directory,
        paths=_PATH,
        alone=True,
        mutates=True,
    ),
    Operation(
        request=requests.RmDir,
        event=DirRemove,
        announce=_announced(DirRemove),
        perform=lambda c, e, r: c.files.remove_directory(e.path),
        needs=at_path(RMDIR),
        paths=_PATH,
        alone=True,
        mutates=True,
    ),
    Operation(
        request=requests.Remove,
        event=FileRemove,
        announce=_announced(FileRemove),
        perform=lambda c, e, r: c.files.remove(e.path),
        needs=at_path(DELETE),
        paths=_PATH,
        mutates=True,
    ),
    Operation(request=requests.Rename, announce=_announce_rename, **_RENAMING),
    Operation(request=requests.PosixRename, announce=_announce_posix_rename, **_RENAMING),
    Operation(
        request=requests.RealPath, announce=_announce_resolve, perform=_real_path, files=_by_composed, **_RESOLVING
    ),
    Operation(request=requests.ExpandPath, announce=_announce_expand, perform=_expand_path, **_RESOLVING),
    Operation(
        request=requests.HomeDirectory,
        announce=_announce_home,
        perform=_home_directory,
        files=by_nothing,
        **_RESOLVING,
    ),
)
