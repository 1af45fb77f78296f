"""
Opening files and directories, and what a client has open from then on.

Rows and what they do; nothing here knows a version, a packet or an order. Sources: filexfer-13 section 8.1.
"""

from errno import ENOENT
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.events.files import (
    DirList,
    FileOpen,
    FileRemove,
)
from conchsftp.files.supplied.virtual import EventFile, supplied
from conchsftp.files.text import TextFile, as_text
from conchsftp.interfaces import IReadInto, IWriteFrom
from conchsftp.session.handles import OpenDirectory, Opened, OpenFile, handle_bytes
from conchsftp.session.listed import as_directory
from conchsftp.session.locking import check_flags, check_supplied, hinders
from conchsftp.session.needs import (
    granted,
    narrowed,
    to_list,
    to_open,
)
from conchsftp.session.operation import Operation, announced
from conchsftp.session.transfers import Transfer, watched
from conchsftp.settings.permissions import CREATE, LIST, WRITE
from conchsftp.sftp import open_mode, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import APPENDING, WRITING, Access, Disposition, OpenFlag
from conchsftp.sftp.replies import HandleReply
from conchsftp.sftp.statuses import Status

# A number: flags are slow to ask.
_DELETE = int(OpenFlag.DELETE_ON_CLOSE)
_CHANGING_FLAGS = OpenFlag.DISPOSITION | OpenFlag.DELETE_ON_CLOSE
# Rights that nobody asks for who only reads. WRITE_ATTRIBUTES is none of them: clients ask for it with everything.
_CHANGING_ACCESS = WRITING | Access.DELETE | Access.WRITE_ACL | Access.WRITE_OWNER
_MAKING = (Disposition.CREATE_NEW, Disposition.CREATE_TRUNCATE, Disposition.OPEN_OR_CREATE)
# Numbers: flags are slow to ask.
_DISPOSITION, _TEXT_MODE, _WRITING = int(OpenFlag.DISPOSITION), int(OpenFlag.TEXT_MODE), int(WRITING)
_PATH = ("path",)
_THERE = Status.FILE_ALREADY_EXISTS
_MISSING = (Status.NO_SUCH_FILE, Status.NO_SUCH_PATH)


def _announce_open(c: Any, r: Any) -> Any:
    open_mode.check(r.access, r.flags)
    return FileOpen(c.connection_id, c.user, c.path(r.path), r.access, r.flags, r.attributes)


def _opens_to_change(r: Any) -> bool:
    """As OpenSSH's read-only server sees it: writing, or creating or truncating, whatever else is asked for."""
    changes = r.access & _CHANGING_ACCESS or r.flags & _CHANGING_FLAGS != Disposition.OPEN_EXISTING
    return bool(changes or hinders(r.flags))


def _means(e: Any, number: int) -> Status | None:
    """What is missing for a file that is to be made is its directory."""
    makes = e.open_flags & OpenFlag.DISPOSITION in _MAKING
    return Status.NO_SUCH_PATH if makes and number == ENOENT else None


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
    return handle_bytes(handle)


def _not_chosen(c: Any, problem: ValueError) -> SFTPError:
    """Return how a handle that a handler chose, and that cannot be, is answered."""
    c.log.warn("a handler of FileOpen chose {problem}", problem=str(problem))
    return SFTPError(Status.FAILURE)


def possible_flags(c: Any) -> OpenFlag:
    """
    Return the flags of OPEN that are carried out, without those that lock.

    The file system removes what is open with DELETE_ON_CLOSE, and nobody hears of it: where handlers decide what is
    removed, or are to know of it, there is no such flag.
    """
    asked = FileRemove in c.events.listeners and not c.virtual
    return open_mode.SUPPORTED_FLAGS & ~OpenFlag.DELETE_ON_CLOSE if asked else open_mode.SUPPORTED_FLAGS


def _open(c: Any, e: Any, r: Any) -> Any:
    _prepare(c, e)
    check_flags(c, e.open_flags)
    if int(e.open_flags) & _DELETE and not possible_flags(c) & OpenFlag.DELETE_ON_CLOSE:
        raise SFTPError(Status.OP_UNSUPPORTED, "Files are removed by REMOVE only here")
    return c.files.open(e.path, e.desired_access, e.open_flags, e.attributes or Attributes())


def _adopt_file(c: Any, e: Any, r: Any) -> Any:
    """Open what a handler supplied; nothing but its word: the events are the content."""
    _prepare(c, e)
    if e.result is None:
        return EventFile(c.events) if e.handled or c.virtual else None
    check_supplied(e.result, e.open_flags)
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
    if int(r.flags) & _TEXT_MODE and file is not None and not isinstance(file, EventFile):
        # Whose content are the events gets them as they come: its handlers know the flags, too.
        file = _as_text(c, r, file)
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
    creates = int(e.open_flags) & _DISPOSITION != Disposition.OPEN_EXISTING
    opened.made = creates and bool(int(e.desired_access) & _WRITING)
    if watched(c):
        Transfer(c, opened, creates=opened.made)


def _as_text(c: Any, r: Any, file: Any) -> TextFile:
    writes = bool(r.access & WRITING)
    reads = not writes or bool(r.access & Access.READ_DATA)
    return as_text(file, c.newline, reads=reads, writes=writes, appends=bool(r.flags & APPENDING))


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
    return HandleReply(handle=handle_bytes(e.handle))


ROWS = (
    Operation(
        request=requests.Open,
        event=FileOpen,
        announce=_announce_open,
        perform=_open,
        needs=to_open,
        means=_means,
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
        announce=announced(DirList),
        perform=_open_directory,
        needs=to_list,
        result="result",
        adopt=_adopt_directory,
        paths=_PATH,
        conclude=_keep_directory,
        reply=_directory_reply,
        shared=True,
    ),
)
