"""
What the log says of a session: each file that was transferred and, where it is wanted, each request and how it ended.

Changes nothing and counts nothing itself. Where lines about requests are not wanted nothing asks: the method that
answers is replaced while they are, and stands as it is otherwise.
"""

from typing import Any

from conchsftp.log import Detail
from conchsftp.session.handles import Opened, OpenFile
from conchsftp.sftp.statuses import Status

# Eight times as much can come in a request, and each byte of it may take six in a line: a log is not to be filled with
# it. What is in a file system is shorter.
_LONGEST_PATH = 4096


def tell_transfer(conversation: Any, opened: Opened) -> None:
    """
    Say what went through a file that is about to be closed; nothing of one through which nothing went.

    A file that was only read, and to its end, is a line of the second level: it left nothing behind, and such a line
    costs as much as reading a small file.
    """
    log = conversation.log
    if log.detail < Detail.INFO or not isinstance(opened, OpenFile):
        return
    changed = opened.received or opened.made
    if not (changed or opened.sent):
        return
    ordinary = not (changed or opened.abandoned or opened.failed)
    if ordinary and log.detail < Detail.VERBOSE:
        return
    parts = []
    if opened.received or not opened.sent:
        parts.append(f"{opened.received} bytes received")
    if opened.sent:
        parts.append(f"{opened.sent} bytes sent")
    seconds = conversation.seconds() - opened.begun
    # In one piece: Twisted's formatting is slow, field by field, and small files are many.
    end = ", cut off" * opened.abandoned + ", failed" * opened.failed
    summary = f"{', '.join(parts)} in {seconds:.1f} s{end}"
    tell = log.verbose if ordinary else log.info
    tell("{path}: {summary}", path=_shown(opened.path), summary=summary)


def tell_refused(conversation: Any, event: Any) -> None:
    """Say that a request was refused for the user's permissions; once a session for each kind, as clients ask a lot."""
    if event.name in conversation.refusals:
        return
    conversation.refusals.add(event.name)
    reason = event.error_message or "not permitted"
    conversation.log.info("{event} {path} refused: {reason}", event=event.name, path=_shown(event.path), reason=reason)


def show_requests(subsystem: Any, log: Any, shown: bool) -> None:
    """Have the log show the requests of a subsystem from now on, or no more."""
    if not shown:
        subsystem.__dict__.pop("_emit", None)
        return
    emit = type(subsystem)._emit

    def tell_and_emit(request_id: Any, row: Any, event: Any, request: Any, size: int) -> None:
        log.verbose("{request}: {outcome}", request=_described(request, event), outcome=_outcome(event))
        emit(subsystem, request_id, row, event, request, size)

    subsystem.__dict__["_emit"] = tell_and_emit


def _described(request: Any, event: Any) -> str:
    """Return a request in words: what is asked, of which paths, and how much where."""
    paths = (getattr(event, name, None) for name in ("original_path", "path", "new_path"))
    words = [type(request).__name__.upper(), *(_shown(path) for path in paths if path)]
    offset = getattr(request, "offset", None)
    if offset is not None:
        length = getattr(request, "length", None)
        words.append(f"{sum(map(len, request.data)) if length is None else length} bytes at {offset}")
    return " ".join(words)


def _shown(path: str) -> str:
    return repr(path) if len(path) <= _LONGEST_PATH else f"{path[:_LONGEST_PATH]!r}…"


def _outcome(event: Any) -> str:
    try:
        status = Status(event.status_code).name
    except ValueError:
        status = str(event.status_code)
    return f"{status}, {event.error_message!r}" if event.error_message else status
