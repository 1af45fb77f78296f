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


async def _seek(c: Any, e: Any, r: Any) -> None:
    source = c.handles.get(r.handle, OpenFile).source
    if not isinstance(source, TextFile):
        raise SFTPError(Status.INVALID_PARAMETER, "The file is not open as text")
    # Read piece by piece on this thread, as READs are, and not in another one as for hashes: counting lines holds the
    # interpreter, so that whoever else has something to do would wait longer for it than for their turn.
    await c.scanning.acquire()
    try:
        await source.seek(r.line, partial(_pause, c))
    finally:
        c.scanning.release()


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
        slow=True,
        ends=True,
    ),
)
