"""
Every request and how it is carried out: the table that dispatch, advertising and the tests of completeness read.
"""

from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.events.own import ExtendedRequest, FileRequest
from conchsftp.session import on_extensions, on_handles, on_paths
from conchsftp.session.operation import Operation, by_nothing
from conchsftp.sftp.codec import BadPacket
from conchsftp.sftp.requests import UnknownExtended
from conchsftp.sftp.statuses import Status


def _malformed(c: Any, r: Any) -> Any:
    """Refuse what is no request: it takes the same road as every other one, to its one reply."""
    raise SFTPError(r.status, r.text)


def _announce_unknown(c: Any, r: Any) -> Any:
    return ExtendedRequest(c.connection_id, c.user, c.text(r.name))


def _refuse(c: Any, e: Any, r: Any) -> Any:
    raise SFTPError(Status.OP_UNSUPPORTED)


def _never(c: Any, e: Any, r: Any) -> Any:
    raise AssertionError("refused before")


OPERATIONS: dict[type[Any], Operation] = {
    row.request: row
    for row in (
        *on_paths.ROWS,
        *on_handles.ROWS,
        *on_extensions.ROWS,
        Operation(request=BadPacket, event=FileRequest, announce=_malformed, perform=_never, files=by_nothing),
        Operation(
            request=UnknownExtended,
            event=ExtendedRequest,
            announce=_announce_unknown,
            perform=_refuse,
            files=by_nothing,
        ),
    )
}
"""The class of a request → how it is carried out."""
