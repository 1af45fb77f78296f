"""
The operations about folders and devices that have a place of their own: free space, and folders for temporary files.

make-temp-folder is a MKDIR of a name that the server chooses, and is told as one. Source: filexfer-extensions-00.
"""

import secrets
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.events.files import DirCreate
from conchsftp.events.own import ExtendedRequest
from conchsftp.events.waiting import ready
from conchsftp.interfaces import ISpace
from conchsftp.session.needs import to_know, to_make_directory, to_use_folder
from conchsftp.session.operation import Operation, by_nothing, extended_row, name_reply, tell_request
from conchsftp.session.paths import join
from conchsftp.sftp import extended
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType
from conchsftp.sftp.replies import ExtendedReply, available_reply
from conchsftp.sftp.statuses import Status

_PRIVATE = 0o700
_RANDOM_BYTES = 16


def _space_reply(c: Any, e: Any, r: Any) -> ExtendedReply:
    if e.result is None:
        raise SFTPError(Status.OP_UNSUPPORTED)
    return available_reply(e.result)


def _temp_folder(c: Any) -> str:
    """Return the folder for temporary files as the user sees it; empty where there is none."""
    folder: str = c.settings.temp_folder
    return c.path(folder.encode("utf-8", "surrogateescape")) if folder else ""


_tell_temp = tell_request(extended.GetTempFolder)


def _announce_temp(c: Any, r: Any) -> ExtendedRequest:
    event = _tell_temp(c, r)
    event.path = _temp_folder(c)
    return event


async def _find_temp(c: Any, e: Any, r: Any) -> str:
    if not e.path:
        raise _none()
    attributes = await ready(c.files.stat(e.path))
    if attributes is None:
        raise SFTPError(Status.NO_SUCH_FILE)
    if attributes.type != FileType.DIRECTORY:
        raise SFTPError(Status.NOT_A_DIRECTORY)
    path: str = e.path
    return path


def _temp_reply(c: Any, e: Any, r: Any) -> Any:
    if not isinstance(e.result, str):
        raise SFTPError(Status.OP_UNSUPPORTED)
    return name_reply(c.encoded(e.result))


def _named(c: Any, r: Any) -> str:
    """Return what the new folder is called; the same every time that it is asked."""
    folder = _temp_folder(c)
    if not folder:
        raise _none()
    if not r.path:
        # Nobody can guess it, so nobody can have made it before.
        r.path = c.encoded(join(folder, f"tmp-{secrets.token_hex(_RANDOM_BYTES)}"))
    path: str = c.path(r.path)
    return path


def _announce_making(c: Any, r: Any) -> DirCreate:
    return DirCreate(c.connection_id, c.user, _named(c, r), Attributes(permissions=_PRIVATE))


def _none() -> SFTPError:
    return SFTPError(Status.OP_UNSUPPORTED, "There is no folder for temporary files here")


ROWS = (
    extended_row(
        extended.SpaceAvailable,
        perform=lambda c, e, r: c.files.space(e.path),
        needs=to_know,
        result="result",
        reply=_space_reply,
        shared=True,
        ability=ISpace,
    ),
    # Who may change nothing has no use for it.
    extended_row(
        extended.GetTempFolder,
        announce=_announce_temp,
        perform=_find_temp,
        needs=to_use_folder,
        files=by_nothing,
        result="result",
        reply=_temp_reply,
        mutates=True,
        setting="temp_folder",
    ),
    Operation(
        request=extended.MakeTempFolder,
        event=DirCreate,
        announce=_announce_making,
        perform=lambda c, e, r: c.files.make_directory(e.path, e.attributes or Attributes(permissions=_PRIVATE)),
        needs=to_make_directory,
        paths=("path",),
        files=lambda c, r: (_named(c, r),),
        # The name that the client is to use; a handler that makes another folder instead diverts what comes after, too.
        reply=lambda c, e, r: name_reply(r.path),
        alone=True,
        mutates=True,
        setting="temp_folder",
    ),
)
