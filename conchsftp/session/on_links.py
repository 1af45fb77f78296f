"""
The operations on links: making them, and asking where they lead.

Rows and what they do; nothing here knows a version, a packet or an order. Sources: filexfer-13 section 8, OpenSSH's
PROTOCOL.
"""

from errno import ENOENT
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.events.own import LinkCreate, LinkRead
from conchsftp.interfaces import IHardLinks, ILinks
from conchsftp.session.needs import to_know, to_link
from conchsftp.session.operation import Operation, by_both_paths, name_reply
from conchsftp.sftp import extended, requests
from conchsftp.sftp.statuses import Status


def _announce_symlink(c: Any, r: Any) -> Any:
    # The target is kept as it was written: it may be relative, and need not exist.
    return LinkCreate(c.connection_id, c.user, c.path(r.path), c.text(r.target))


def _announce_hard_link(c: Any, r: Any) -> Any:
    return LinkCreate(c.connection_id, c.user, c.path(r.new_path), c.path(r.path), False)


def _announce_link(c: Any, r: Any) -> Any:
    target = c.text(r.target) if r.symbolic else c.path(r.target)
    return LinkCreate(c.connection_id, c.user, c.path(r.path), target, r.symbolic)


def _announce_read(c: Any, r: Any) -> Any:
    return LinkRead(c.connection_id, c.user, c.path(r.path))


def _by_link(c: Any, r: Any) -> tuple[str, ...]:
    return (c.path(r.path),) if r.symbolic else (c.path(r.path), c.path(r.target))


def _link(c: Any, e: Any, r: Any) -> Any:
    if (ILinks if e.symbolic else IHardLinks).__name__ not in c.abilities:
        raise SFTPError(Status.OP_UNSUPPORTED)
    if e.symbolic:
        return c.files.make_symlink(e.path, e.target)
    # That of a hard link is a path, and may be diverted as one.
    return c.files.make_hard_link(c.diverted(e.target), e.path)


def _means(e: Any, number: int) -> Status | None:
    # Of a hard link, the file may be missing as well.
    return Status.NO_SUCH_PATH if e.symbolic and number == ENOENT else None


_LINKING: dict[str, Any] = {
    "event": LinkCreate,
    "perform": _link,
    "needs": to_link,
    "means": _means,
    "paths": ("path",),
    "mutates": True,
}

ROWS = (
    Operation(request=requests.SymLink, announce=_announce_symlink, ability=ILinks, **_LINKING),
    Operation(request=requests.Link, announce=_announce_link, files=_by_link, **_LINKING),
    Operation(
        request=extended.HardLink,
        announce=_announce_hard_link,
        files=by_both_paths,
        ability=IHardLinks,
        **_LINKING,
    ),
    Operation(
        request=requests.ReadLink,
        event=LinkRead,
        announce=_announce_read,
        perform=lambda c, e, r: c.files.read_link(e.path),
        needs=to_know,
        result="target",
        reply=lambda c, e, r: name_reply(c.encoded(e.target)),
        shared=True,
        ability=ILinks,
    ),
)
