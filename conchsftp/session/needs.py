"""
What a request needs of the user's permissions: the column `needs` of the table of operations.

Judged on the paths that the client names, before any handler is asked; what a path may be done to is decided when it is
opened, and kept with the handle. Where links lead is judged by the file systems, see `IGuarded`.
"""

from collections.abc import Callable
from posixpath import dirname
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.events.kinds import FileEvent
from conchsftp.session.paths import join, normalise
from conchsftp.session.set_stat import changes, without_owner
from conchsftp.session.telling import tell_refused
from conchsftp.settings.permissions import (
    ALL,
    CHMOD,
    CHOWN,
    CREATE,
    DELETE,
    LINK,
    LIST,
    MKDIR,
    READ,
    RENAME,
    SYMLINK,
    TIMES,
    WRITE,
    Place,
    written,
)
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import LOCKING, REPLACING, WRITING, Access, Disposition, OpenFlag
from conchsftp.sftp.statuses import Status

Needs = Callable[[Any, Any, Any], None]
"""Given the conversation, the event and the request; raises SFTPError, or has the event ask for less."""

# By what a client wants to set, as `set_stat` calls it; everything else that a file has is as a mode.
_FIELDS = {"size": WRITE, "owner": CHOWN, "times": TIMES}

# Numbers: flags are slow to ask.
_DISPOSITION, _WRITING, _READING = int(OpenFlag.DISPOSITION), int(WRITING), int(Access.READ_DATA)
# What the access of OPEN asks for beside reading and writing. WRITE_ATTRIBUTES comes with everything, and is judged
# when attributes are set.
_RIGHTS = ((int(Access.DELETE), DELETE), (int(Access.WRITE_ACL), CHMOD), (int(Access.WRITE_OWNER), CHOWN))
_DELETING = int(OpenFlag.DELETE_ON_CLOSE | OpenFlag.BLOCK_DELETE)
_KEEPING, _LOCKING = int(OpenFlag.BLOCK_READ | OpenFlag.BLOCK_WRITE), int(LOCKING)
_READERS_LOCK = int(OpenFlag.BLOCK_WRITE | OpenFlag.BLOCK_ADVISORY)
# What an OPEN that may both make and change a file becomes for who may do one of the two.
_ONLY_NEW = {Disposition.OPEN_OR_CREATE: Disposition.CREATE_NEW, Disposition.CREATE_TRUNCATE: Disposition.CREATE_NEW}
_ONLY_OLD = {
    Disposition.OPEN_OR_CREATE: Disposition.OPEN_EXISTING,
    Disposition.CREATE_TRUNCATE: Disposition.TRUNCATE_EXISTING,
}
_MAKING = (*_ONLY_NEW, Disposition.CREATE_NEW)
# Something in a folder; permissions may say something else of what is in it than of itself.
_SOME_NAME = "tmp-0"
_TRUNCATING = (Disposition.CREATE_TRUNCATE, Disposition.TRUNCATE_EXISTING)


def refused(conversation: Any, row: Any, request: Any, event: FileEvent) -> bool:
    """Refuse a request that this user may not make: the event has the answer then. True if it is refused."""
    try:
        if conversation.read_only and row.changes(request):
            raise SFTPError(Status.PERMISSION_DENIED, conversation.read_only_text)
        if conversation.permissions is not None and row.needs is not None:
            row.needs(conversation, event, request)
    except SFTPError as problem:
        event.refuse(problem)
        if row.explain is not None and problem.status != Status.NO_SUCH_FILE:
            event.error_message = row.explain(event)
        if problem.status == Status.PERMISSION_DENIED:
            tell_refused(conversation, event)
        return True
    return False


def at_path(words: int) -> Needs:
    """Need words at the path of the event."""

    def need(c: Any, e: Any, r: Any) -> None:
        _require(c, e.path, words)

    return need


def to_know(c: Any, e: Any, r: Any) -> None:
    """Need any word at all: whoever may do something with what is there may know that it is."""
    _require(c, e.path, 0)


def to_make_directory(c: Any, e: Any, r: Any) -> None:
    """Need `mkdir`; owners are left out for who may not choose them."""
    _leave_owner(e, _require(c, e.path, MKDIR | _listed(e), makes=True))


def to_list(c: Any, e: Any, r: Any) -> None:
    """Need `list`, or a folder that leads to others."""
    place = _require(c, e.path, 0)
    if not place.words & LIST and not place.leads:
        raise _at(place, LIST)


def to_open(c: Any, e: Any, r: Any) -> None:
    """
    Need what the flags ask for.

    Who may only make files, or only change those that there are, gets an OPEN that does only that: nobody can make or
    remove the file between a look and its opening.
    """
    place = c.permissions.place(e.path)
    words, access, flags = place.words, int(e.desired_access), int(e.open_flags)
    how, writes = flags & _DISPOSITION, bool(access & _WRITING)
    needed = 0 if writes and not access & _READING else READ
    for right, word in _RIGHTS:
        if access & right:
            needed |= word
    if flags & _DELETING:
        needed |= DELETE
    changes = writes or how in _TRUNCATING
    if how in _ONLY_NEW and changes and not words & WRITE and words & CREATE:
        needed |= _listed(e)
        _narrow(e, _ONLY_NEW[Disposition(how)])
    elif how in _ONLY_NEW and not words & CREATE and (words & WRITE or not changes):
        _narrow(e, _ONLY_OLD[Disposition(how)])
    elif how in _MAKING:
        needed |= CREATE | _listed(e)
    elif changes:
        needed |= WRITE
    needed |= _locked(e)
    if words & needed != needed:
        raise _at(place, needed & ~words, makes=how in _MAKING)
    _leave_owner(e, place)


def _locked(event: Any) -> int:
    """Return what it takes to keep others from a file; whoever makes it may."""
    flags = int(event.open_flags)
    keeps = flags & _KEEPING and flags & _LOCKING != _READERS_LOCK
    return WRITE if keeps and flags & _DISPOSITION != Disposition.CREATE_NEW else 0


def to_rename(c: Any, e: Any, r: Any) -> None:
    """Need `rename` at both ends; and nothing may get other permissions by it, whatever a folder holds."""
    old = _require(c, e.path, RENAME)
    new = _require(c, e.new_path, RENAME, makes=True)
    if not new.leads_to(old):
        raise SFTPError(Status.PERMISSION_DENIED, "Other permissions hold there")
    if not new.words & WRITE:
        e.flags &= ~REPLACING


def to_link(c: Any, e: Any, r: Any) -> None:
    """Need `symlink` or `link`; and what it leads to must allow as much as the link."""
    place = _require(c, e.path, SYMLINK if e.symbolic else LINK, makes=True)
    target = c.permissions.place(normalise(e.target, dirname(e.path)) if e.symbolic else e.target)
    if not e.symbolic and not target.visible:
        raise SFTPError(Status.NO_SUCH_FILE)
    if not place.leads_to(target):
        raise SFTPError(Status.PERMISSION_DENIED, "Other permissions hold there")


def to_set(c: Any, e: Any, r: Any) -> None:
    """Need the words for what is to be set, as far as it would be."""
    _require(c, e.path, _setting(c, e.attributes))


def to_set_open(c: Any, e: Any, r: Any) -> None:
    """Need the same of what is open; who writes a file may set its size and its times there."""
    lacking = _setting(c, e.attributes) & ~c.handles.find(r.handle).granted
    if lacking:
        raise _lacking(lacking)


def of_handle(word: int) -> Needs:
    """Need that the file was opened for this."""

    def need(c: Any, e: Any, r: Any) -> None:
        if not c.handles.find(r.handle).granted & word:
            raise _lacking(word)

    return need


def to_lock(c: Any, e: Any, r: Any) -> None:
    """
    Need what others are kept from by it, of what the file was opened for.

    Who may only read locks as readers do, against those who lock as well: nobody else would wait for them.
    """
    granted, mask = c.handles.find(r.handle).granted, r.mask
    reads = mask & _LOCKING == _READERS_LOCK
    if mask & _KEEPING and not granted & (READ | WRITE if reads else WRITE):
        raise _lacking(READ if reads else WRITE)
    if mask & OpenFlag.BLOCK_DELETE and not granted & DELETE:
        raise _lacking(DELETE)


def to_copy(c: Any, e: Any, r: Any) -> None:
    """Need a file that was opened for reading, and one for writing."""
    source, target = c.handles.find(r.handle), c.handles.find(r.target_handle)
    if source is not None and not source.granted & READ:
        raise _lacking(READ)
    if target is not None and not target.granted & WRITE:
        raise _lacking(WRITE)


def to_copy_file(c: Any, e: Any, r: Any) -> None:
    """Need `read` at the source, and `write` or `create` at the target: which of them, its OPEN finds out."""
    _require(c, e.path, READ)
    place = c.permissions.place(e.target)
    if not place.words & (WRITE | CREATE):
        raise _at(place, WRITE | CREATE if r.overwrite else CREATE, makes=True)


def to_use_folder(c: Any, e: Any, r: Any) -> None:
    """Need `mkdir` in the folder."""
    _require(c, join(e.path, _SOME_NAME), MKDIR, makes=True)


def granted(c: Any, path: str, access: int | None = None) -> int:
    """
    Return what may be done with what is open.

    Args:
        path: as the client has named it.
        access: how a file was opened, `Access` bits; None for a folder.
    """
    if c.permissions is None:
        return ALL
    words: int = c.permissions.may(path)
    if access is None:
        return words
    writes = bool(access & _WRITING)
    words &= ~(READ | WRITE)
    if not writes or access & _READING:
        words |= READ
    return words | WRITE | TIMES if writes else words


def narrowed(event: Any, missing: tuple[Status, ...], words: int) -> None:
    """Say of an event that asked for less than the client, and failed for that, what the client lacks."""
    if event.status_code in missing:
        event.refuse(_lacking(words))


def _require(c: Any, path: str, words: int, *, makes: bool = False) -> Place:
    """
    Return the place of a path where words are allowed.

    Args:
        makes: whether the request is about something that need not exist.
    """
    place: Place = c.permissions.place(path)
    lacking = words & ~place.words
    if lacking or not place.visible:
        raise _at(place, lacking, makes=makes)
    return place


def _at(place: Place, words: int, *, makes: bool = False) -> SFTPError:
    """Return the refusal at a path: what the user may not know of is not there."""
    return _lacking(words) if makes or place.visible else SFTPError(Status.NO_SUCH_FILE)


def _lacking(words: int) -> SFTPError:
    return SFTPError(Status.PERMISSION_DENIED, f"Permission denied: {written(words)} not permitted here")


def _setting(c: Any, attributes: Attributes | None) -> int:
    """Return the words for what would be set."""
    words = 0
    for name in changes(c, attributes):
        words |= _FIELDS.get(name, CHMOD)
    return words


def _narrow(event: Any, how: Disposition) -> None:
    event.open_flags = OpenFlag(int(event.open_flags) & ~_DISPOSITION | how)


def _listed(event: Any) -> int:
    """Return the word for the access control list of what is made. To leave it out would allow more than was asked."""
    return CHMOD if event.attributes is not None and event.attributes.acl is not None else 0


def _leave_owner(event: Any, place: Place) -> None:
    if event.attributes is not None and not place.words & CHOWN:
        event.attributes = without_owner(event.attributes)
