"""
Every request and how it is carried out: the table that dispatch, the greeting and the tests of completeness read.
"""

from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.events.own import ExtendedRequest, FileRequest
from conchsftp.interfaces import IExtendedRequests
from conchsftp.session import (
    on_copies,
    on_extensions,
    on_folders,
    on_handles,
    on_hashes,
    on_links,
    on_locks,
    on_opening,
    on_paths,
    on_text,
    on_versions,
)
from conchsftp.session.operation import Operation, by_nothing
from conchsftp.sftp.codec import BadPacket
from conchsftp.sftp.extended import UnknownExtended
from conchsftp.sftp.replies import ExtendedReply, StatusReply
from conchsftp.sftp.statuses import Status


def _malformed(c: Any, r: Any) -> Any:
    """Refuse what is no request: it takes the same road as every other one, to its one reply."""
    raise SFTPError(r.status, r.text)


def _announce_unknown(c: Any, r: Any) -> Any:
    return ExtendedRequest(c.connection_id, c.user, c.text(r.name), data=bytes(r.data))


def _own_request(c: Any, e: Any, r: Any) -> Any:
    if c.read_only:
        # Only the file system knows whether it would change something. So there is none, and none is advertised.
        raise SFTPError(Status.OP_UNSUPPORTED)
    return c.files.extended_request(r.name, r.data)


def _own_reply(c: Any, e: Any, r: Any) -> Any:
    return StatusReply(status=Status.OK) if e.result is None else ExtendedReply(payload=bytes(e.result))


def _never(c: Any, e: Any, r: Any) -> Any:
    raise AssertionError("refused before")


_NEVER: dict[str, Any] = {"event": FileRequest, "perform": _never, "needs": None, "files": by_nothing}

OPERATIONS: dict[type[Any], Operation] = {
    row.request: row
    for row in (
        *on_paths.ROWS,
        *on_opening.ROWS,
        *on_links.ROWS,
        *on_handles.ROWS,
        *on_locks.ROWS,
        *on_extensions.ROWS,
        *on_text.ROWS,
        *on_hashes.ROWS,
        *on_copies.ROWS,
        *on_folders.ROWS,
        *on_versions.ROWS,
        Operation(request=BadPacket, announce=_malformed, **_NEVER),
        Operation(
            request=UnknownExtended,
            event=ExtendedRequest,
            announce=_announce_unknown,
            perform=_own_request,
            needs=None,
            files=by_nothing,
            result="result",
            reply=_own_reply,
            ability=IExtendedRequests,
        ),
    )
}
"""The class of a request → how it is carried out."""
