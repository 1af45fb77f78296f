"""
The operation on files that are open as text: going to a line.

Rows and what they do; how text is read and written is `files/text.py`'s. Source: filexfer-13, section 10.
"""

from functools import partial
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.files.text import TextFile
from conchsftp.session.handles import OpenFile
from conchsftp.session.operation import by_handle, extended_row
from conchsftp.sftp import extended
from conchsftp.sftp.statuses import Status


def _seek(c: Any, e: Any, r: Any) -> Any:
    source = c.handles.get(r.handle, OpenFile).source
    if not isinstance(source, TextFile):
        raise SFTPError(Status.INVALID_PARAMETER, "The file is not open as text")
    return source.seek(r.line, partial(_pause, c))


async def _pause(c: Any) -> None:
    await c.turn()
    c.go_on()


ROWS = (
    extended_row(
        extended.TextSeek,
        perform=_seek,
        # Only what is open for reading is searched: that was judged when it was opened.
        needs=None,
        files=by_handle,
        ends=True,
    ),
)
