"""
Whose principal it is: whether a ticket lets a user in.

Says it of one user, and looks none up. Never across realms, unless the operator has written the principal down.
"""

from collections.abc import Collection
from typing import Any

# "@" begins the realm, "/" another part, and "\\" takes away what they mean: a name with these is no plain name.
_SPECIAL = frozenset("@/\\")


def foreign(credentials: Any, user_name: str, principals: Collection[str] | None) -> str:
    """
    Return why a principal is not that of a user; empty if it is. The text is for the log.

    Args:
        credentials: those of `IGSSAPICredentials`.
        user_name: the user.
        principals: those that are the user; None: the one of the same name in the realm of the server's own key.
    """
    principal, realm = credentials.principal, credentials.realm
    if principals is not None:
        fits = principal in principals
    else:
        fits = bool(realm) and _SPECIAL.isdisjoint(user_name) and principal == f"{user_name}@{realm}"
    return "" if fits else f"{principal!r} is no principal of this user"
