"""
What of a SETSTAT reaches the file system, and what the client is told when it is refused.

The policy is a setting; the event shows what the client asked for, whatever becomes of it. Attributes of OPEN and MKDIR
are none of this: they belong to what is made. Sources: filexfer-13, section 8.6; clients that set a mode or a time
after each upload, and take its refusal for the upload's.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import TEXTS, Status

_NAMES = {
    # Setting the second truncates as well (filexfer-13, 7.4).
    "size": ("size", "allocation_size"),
    "mode": ("permissions", "acl"),
    "owner": ("uid", "gid", "owner", "group"),
    "times": tuple(f"{time}{part}" for time in ("atime", "create_time", "mtime", "ctime") for part in ("", "_ns")),
}
_OWN = {field: name for name, group in _NAMES.items() for field in group}
_CALLED = {**_OWN, "acl": "access control list"}
_FIELDS = tuple(field.name for field in fields(Attributes))

IGNORED: dict[str, dict[str, None]] = {
    "apply": {},
    "ignore-mode-and-owner": dict.fromkeys((*_NAMES["mode"], *_NAMES["owner"])),
    "ignore-all": dict.fromkeys(field for field in _FIELDS if field not in _NAMES["size"]),
}
"""SetStatPolicy → the attributes that are left out, as `dataclasses.replace` takes them."""


def applied(c: Any, wanted: Attributes | None, apply: Callable[[Attributes], Any], look: Callable[[], Any]) -> Any:
    """
    Set what the policy lets through.

    Args:
        c: the conversation.
        wanted: what the client asks for.
        apply: sets attributes.
        look: fails if that which they belong to is not there; called where nothing is left to set.
    Raises:
        SFTPError: OP_UNSUPPORTED for extended attributes that nobody knows, where the version has them refused.
    """
    wanted = wanted or Attributes()
    ignored = IGNORED[c.settings.set_stat_policy]
    left = replace(wanted, **ignored) if ignored else wanted
    if left.extended and c.refuses_extended:
        raise SFTPError(Status.OP_UNSUPPORTED, "There are no extended attributes here")
    if not ignored:
        return apply(wanted)
    if _asked(left) or not _asked(wanted):
        return apply(left)
    return look()


def changes(c: Any, wanted: Attributes | None) -> set[str]:
    """Return what would be set of what a client asks for: `size`, `mode`, `owner`, `times` or `attributes`."""
    if wanted is None:
        return set()
    left = replace(wanted, **IGNORED[c.settings.set_stat_policy])
    return {_OWN.get(field, "attributes") for field in _asked(left)}


def without_owner(attributes: Attributes) -> Attributes:
    """Return attributes that say nothing of an owner or a group."""
    if all(getattr(attributes, field) is None for field in _NAMES["owner"]):
        return attributes
    return replace(attributes, **dict.fromkeys(_NAMES["owner"]))


def explained(e: Any) -> str:
    """Return the text of a refusal: that only attributes were refused, and which."""
    asked = [] if e.attributes is None else _asked(e.attributes)
    names = list(dict.fromkeys(_CALLED.get(field, "attributes") for field in asked)) or ["attributes"]
    reason = e.error_message or TEXTS.get(e.status_code, TEXTS[Status.FAILURE])
    if len(names) == 1:
        return f"The {names[0]} cannot be changed: {reason}"
    return f"Not all of {', '.join(names[:-1])} and {names[-1]} could be changed: {reason}"


def _asked(attributes: Attributes) -> list[str]:
    """Return the attributes that are to change; the type says nothing in a request."""
    return [field for field in _FIELDS if field != "type" and getattr(attributes, field) is not None]
