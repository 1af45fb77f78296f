"""
The extended requests that have no plain counterpart: space, sync, limits, names of accounts.

Each is possible only where the file system has the ability, and is advertised only then. Sources: OpenSSH's PROTOCOL,
sections 4.2 to 4.12; draft-ietf-secsh-filexfer-extensions-00.
"""

from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.events.waiting import ready
from conchsftp.interfaces import IAccounts, ISpace, ISync
from conchsftp.session.handles import OpenFile
from conchsftp.session.needs import to_know
from conchsftp.session.operation import LARGEST_READ, LARGEST_WRITE, by_handle, by_nothing, extended_row
from conchsftp.sftp import extended
from conchsftp.sftp.replies import accounts_reply, limits_reply, space_reply
from conchsftp.sftp.statuses import Status

_PACKET = 256 * 1024


def _space_of(c: Any, e: Any, r: Any) -> Any:
    return c.files.space(e.path)


def _sync(c: Any, e: Any, r: Any) -> Any:
    source = c.handles.get(r.handle, OpenFile).source
    if not ISync.providedBy(source):
        raise SFTPError(Status.OP_UNSUPPORTED)
    return source.sync()


def _limits(c: Any, e: Any, r: Any) -> Any:
    return None


async def _accounts(c: Any, e: Any, r: Any) -> Any:
    # One after the other: each may ask a directory somewhere in the network.
    users = [await ready(c.files.user_name(uid)) for uid in r.uids]
    return users, [await ready(c.files.group_name(gid)) for gid in r.gids]


_SPACE: dict[str, Any] = {
    "perform": _space_of,
    "needs": to_know,
    "result": "result",
    "reply": lambda c, e, r: space_reply(e.result),
    "shared": True,
    "ability": ISpace,
}

ROWS = (
    extended_row(extended.StatVFS, **_SPACE),
    extended_row(extended.FStatVFS, **(_SPACE | {"needs": None, "files": by_handle})),
    extended_row(extended.FSync, perform=_sync, needs=None, files=by_handle, slow=True, ability=ISync),
    extended_row(
        extended.Limits,
        perform=_limits,
        needs=None,
        files=by_nothing,
        reply=lambda c, e, r: limits_reply(
            packet=_PACKET, read=LARGEST_READ, write=LARGEST_WRITE, handles=c.settings.max_handles
        ),
    ),
    extended_row(
        extended.UsersGroupsById,
        perform=_accounts,
        needs=None,
        files=by_nothing,
        result="result",
        reply=lambda c, e, r: accounts_reply(*e.result),
        ability=IAccounts,
    ),
)
