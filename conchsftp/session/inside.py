"""
Requests that one request is made of, such as opening what it names, and closing it again.

They take the same road as if the client had sent them: limits, permissions and handlers see them. The lanes are those
of the request that needs them.
"""

from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.events.waiting import ready
from conchsftp.session import on_handles, on_opening
from conchsftp.session.handles import OpenFile, handle_bytes
from conchsftp.session.operation import Operation
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, OpenFlag
from conchsftp.sftp.requests import Close, Open
from conchsftp.sftp.statuses import Status

_ROWS = {row.request: row for row in (*on_opening.ROWS, *on_handles.ROWS)}


async def open_inside(
    c: Any, path: bytes, access: Access, flags: int, attributes: Attributes | None = None
) -> OpenFile:
    """
    Open a file as OPEN does; whoever gets it closes it with `close_inside`.

    Args:
        path: as the client has named it.
    Raises:
        SFTPError: what OPEN would be answered.
    """
    event = await _served(
        c, Open(path=path, access=access, flags=OpenFlag(flags), attributes=attributes or Attributes())
    )
    opened: OpenFile = c.handles.get(handle_bytes(event.handle), OpenFile)
    return opened


async def close_inside(c: Any, opened: OpenFile) -> None:
    """
    Close what `open_inside` has opened.

    Raises:
        SFTPError: what CLOSE would be answered.
    """
    if c.handles.find(opened.handle) is opened:
        await _served(c, Close(handle=opened.handle))


async def _served(c: Any, request: Any) -> Any:
    return await served(c, _ROWS[type(request)], request)


async def served(c: Any, row: Operation, request: Any) -> Any:
    """
    Return the event of a request that was carried out.

    Raises:
        SFTPError: what it would be answered.
    """
    event: Any = await ready(c.pipeline.serve(row, request))
    if event.status_code != Status.OK:
        raise SFTPError(event.status_code, event.error_message)
    return event
