"""
How a connection ended: the documented number and what to say of it.

Decides nothing: who ends a connection, or notices its end, asks here. Numbers as documented for the component.
"""

from dataclasses import dataclass
from typing import Any

from twisted.internet.error import ConnectionDone

from conchsftp.errors import ErrorCode, code_of
from conchsftp.ssh.numbers import Reason

# What clients say when all is well.
_GOODBYES = (Reason.BY_APPLICATION, Reason.CANCELLED_BY_USER)


@dataclass(frozen=True, slots=True)
class Ending:
    """
    Why a connection is over.

    Attributes:
        status_code: 0 if it ended in order; else the documented number.
        description: `OK`; else what happened.
    """

    status_code: int = 0
    description: str = "OK"


CLEAN = Ending()


def by_client(reason: int, text: str) -> Ending:
    """Return the ending that a DISCONNECT of the client is."""
    if reason in _GOODBYES:
        return CLEAN
    return Ending(ErrorCode.ECONNRESET, f"the client disconnected, reason {reason}: {text!r}")


def lost(problem: Any) -> Ending:
    """Return the ending that the loss of the socket is."""
    if problem is None or isinstance(problem, ConnectionDone):
        return CLEAN
    text = getattr(problem, "strerror", None)
    return Ending(code_of(problem) or ErrorCode.ECONNRESET, f"connection lost: {text}" if text else "connection lost")
