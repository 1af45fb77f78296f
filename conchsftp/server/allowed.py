"""
Which hosts may connect: AllowedClients and BlockedClients.

Addresses are judged at once. Names have to be looked up, in a thread; that is done only where a list holds names and
the address alone does not decide.
"""

import socket
from typing import Any

from twisted.internet.defer import Deferred

from conchsftp.settings.hosts import plain_address

AT_A_TIME = 3
"""How many names are looked up at a time: whoever connects may have a name server that does not answer, which takes a
thread for half a minute; and in the same threads the files of all users are read."""


def is_allowed(address: str, settings: Any, lookups: Any) -> "bool | Deferred[bool]":
    """
    Return whether a host may connect.

    Args:
        address: of the host.
        settings: `allowed_clients` and `blocked_clients`.
        lookups: where names are looked up: `AT_A_TIME` threads.
    """
    allowed, blocked = settings.allowed_clients, settings.blocked_clients
    if blocked.has_address(address):
        return False
    welcome = allowed.has_address(address)
    if not blocked.has_names and (welcome or not allowed.has_names):
        return welcome

    def judge(name: str | None) -> bool:
        if name is None:
            return welcome
        return not blocked.has_name(name) and (welcome or allowed.has_name(name))

    looked_up: Deferred[bool] = lookups.run(host_name, address).addCallback(judge)
    return looked_up


def host_name(address: str) -> str | None:
    """
    Return the name of a host; None if it has none, or one that does not lead back to it. A blocking call.

    Whoever owns an address decides what name it has: only the owner of the name can confirm it.
    """
    wanted = plain_address(address)
    try:
        name = socket.gethostbyaddr(address)[0]
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        # A name that is none in IDNA, too: its owner may call it anything.
        return None
    return name if any(plain_address(str(row[4][0])) == wanted for row in found) else None
