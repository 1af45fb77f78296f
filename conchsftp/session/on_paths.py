"""
The operations on names: what is asked by path, and opens nothing.

Rows and what they do; nothing here knows a version, a packet or an order. Sources: filexfer-13 section 8, OpenSSH's
PROTOCOL.
"""

from errno import EBUSY, EEXIST, ENOENT, ETXTBSY
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.events.files import (
    DirCreate,
    DirRemove,
    FileRemove,
    FileRename,
    GetAttributes,
    ResolvePath,
    SetAttributes,
)
from conchsftp.events.waiting import ready
from conchsftp.session.inside import served
from conchsftp.session.needs import (
    at_path,
    narrowed,
    to_know,
    to_make_directory,
    to_rename,
    to_set,
)
from conchsftp.session.operation import (
    Operation,
    announced,
    attributes_reply,
    by_both_paths,
    by_nothing,
    get_attributes,
    looking,
    name_reply,
)
from conchsftp.session.set_stat import applied, explained
from conchsftp.session.transfers import renamed
from conchsftp.settings.permissions import DELETE, RMDIR, WRITE
from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import REPLACING, RenameFlag
from conchsftp.sftp.numbers import RealPath as Control
from conchsftp.sftp.statuses import Status

_PATH = ("path",)
# What is missing is the directory that something is to be made in.
_MAKING = {ENOENT: Status.NO_SUCH_PATH}
_REMOVING = {EBUSY: Status.CANNOT_DELETE, ETXTBSY: Status.CANNOT_DELETE}
# "EEXIST or ENOTEMPTY: The path argument names a directory that is not an empty directory" (POSIX, rmdir)
_REMOVING_DIRECTORY = {**_REMOVING, EEXIST: Status.DIR_NOT_EMPTY}
_POSIX = RenameFlag.OVERWRITE | RenameFlag.ATOMIC
_THERE = Status.FILE_ALREADY_EXISTS

# What REALPATH tells beside the path.
_LOOK = looking(follow=True)


def _with_attributes(kind: Any) -> Any:
    return lambda c, r: kind(c.connection_id, c.user, c.path(r.path), r.attributes)


def _stat(follow: bool) -> Any:
    return lambda c, r: GetAttributes(c.connection_id, c.user, c.path(r.path), r.flags, follow)


def _set_stat(follow: bool) -> Any:
    return lambda c, r: SetAttributes(c.connection_id, c.user, c.path(r.path), r.attributes, follow)


def _set_attributes(c: Any, e: Any, r: Any) -> Any:
    if not e.follow and e.attributes is not None and e.attributes.size is not None:
        # As OpenSSH answers it (lsetstat@openssh.com): a link has no size.
        raise SFTPError(Status.BAD_MESSAGE, "A link has no size to set")
    look = c.files.stat if e.follow else c.files.lstat
    return applied(c, e.attributes, lambda left: c.files.set_attributes(e.path, left, e.follow), lambda: look(e.path))


def _announce_rename(c: Any, r: Any) -> Any:
    return FileRename(c.connection_id, c.user, c.path(r.path), c.path(r.new_path), r.flags)


def _announce_posix_rename(c: Any, r: Any) -> Any:
    return FileRename(c.connection_id, c.user, c.path(r.path), c.path(r.new_path), _POSIX)


def _rename(c: Any, e: Any, r: Any) -> Any:
    result = c.files.rename(e.path, e.new_path, e.flags)
    return result if result is None else c.stop_when_over(result)


def _follow(c: Any, e: Any, r: Any) -> None:
    """Know what is open by its new name."""
    if c.permissions is not None and not e.flags & REPLACING and getattr(r, "flags", REPLACING) & REPLACING:
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
    found = path
    try:
        found = await ready(c.files.real_path(path))
        # Through the handlers, as STAT does it: they may know of files, or hide them.
        looked = await served(c, _LOOK, path)
        if looked.attributes is None:
            raise SFTPError(Status.NO_SUCH_FILE)
        e.attributes = looked.attributes
    except (SFTPError, OSError):
        # "if the path does not exist, isn't visible, or isn't accessible, the server MUST NOT fail the request"
        # (filexfer-13, 8.9.1): then it is as much as is known of it.
        if control == Control.STAT_ALWAYS:
            raise
    return found


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
    "perform": get_attributes,
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
    Operation(request=extended.LSetStat, announce=_set_stat(False), **_CHANGING),
    Operation(
        request=requests.MkDir,
        event=DirCreate,
        announce=_with_attributes(DirCreate),
        perform=lambda c, e, r: c.files.make_directory(e.path, e.attributes or Attributes()),
        needs=to_make_directory,
        means=lambda e, number: _MAKING.get(number),
        paths=_PATH,
        alone=True,
        mutates=True,
    ),
    Operation(
        request=requests.RmDir,
        event=DirRemove,
        announce=announced(DirRemove),
        perform=lambda c, e, r: c.files.remove_directory(e.path),
        needs=at_path(RMDIR),
        means=lambda e, number: _REMOVING_DIRECTORY.get(number),
        paths=_PATH,
        alone=True,
        mutates=True,
    ),
    Operation(
        request=requests.Remove,
        event=FileRemove,
        announce=announced(FileRemove),
        perform=lambda c, e, r: c.files.remove(e.path),
        needs=at_path(DELETE),
        means=lambda e, number: _REMOVING.get(number),
        paths=_PATH,
        mutates=True,
    ),
    Operation(request=requests.Rename, announce=_announce_rename, **_RENAMING),
    Operation(request=extended.PosixRename, announce=_announce_posix_rename, **_RENAMING),
    Operation(
        request=requests.RealPath, announce=_announce_resolve, perform=_real_path, files=_by_composed, **_RESOLVING
    ),
    Operation(request=extended.ExpandPath, announce=_announce_expand, perform=_expand_path, **_RESOLVING),
    Operation(
        request=extended.HomeDirectory,
        announce=_announce_home,
        perform=_home_directory,
        files=by_nothing,
        **_RESOLVING,
    ),
)
