"""
Which hosts may connect: AllowedClients and BlockedClients.

Addresses are judged at once. Names have to be looked up, in a thread; that is done only where a list holds names and
the address alone does not decide.
"""

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore

from conchsftp.settings.hosts import plain_address
from conchsftp.workers import shield

# Whoever connects may have a name server that does not answer. A lookup of theirs takes a thread for half a minute, and
# in the same threads the files of all users are read.
_AT_A_TIME = 3


class Lookups:
    """
    The threads in which names are looked up: a few, so that others are left.

    Args:
        workers: where blocking calls run.
    """

    def __init__(self, workers: Any) -> None:
        self._workers = workers
        self._places = DeferredSemaphore(_AT_A_TIME)

    def run(self, function: Callable[..., Any], *args: Any) -> "Deferred[Any]":
        """Call the function in a thread when there is a place; cancelled before that, it is not called at all."""
        return Deferred.fromCoroutine(self._run(function, *args))

    async def _run(self, function: Callable[..., Any], *args: Any) -> Any:
        await self._places.acquire()
        work = self._workers.thread(function, *args)
        # The place is free when the thread is, and not when nobody waits for it any more.
        work.addBoth(self._done)
        return await shield(work)

    def _done(self, outcome: Any) -> Any:
        self._places.release()
        return outcome


def is_allowed(address: str, settings: Any, lookups: Any) -> "bool | Deferred[bool]":
    """
    Return whether a host may connect.

    Args:
        address: of the host.
        settings: `allowed_clients` and `blocked_clients`.
        lookups: where names are looked up.
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
