"""
What the session decides about locks before any file system is asked, for OPEN's flags and for BLOCK alike.

What they keep others from, and whom, is the file system's.
"""

from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.interfaces import ILocks
from conchsftp.sftp.numbers import BLOCKING, LOCKING, OpenFlag
from conchsftp.sftp.statuses import Status

# Numbers: flags are slow to ask.
_BLOCKING, _MASK = int(BLOCKING), int(LOCKING)


def hinders(flags: int) -> bool:
    """
    Return whether a lock keeps anybody from their work, whom a read-only user must not.

    An advisory lock against writing does not: it is what a reader takes, who wants to read something whole.
    """
    return int(flags) & _MASK not in (0, OpenFlag.BLOCK_ADVISORY, OpenFlag.BLOCK_ADVISORY | OpenFlag.BLOCK_WRITE)


def check_flags(c: Any, flags: int) -> None:
    """Refuse an OPEN that asks for a lock which the file system cannot give: it would only seem to be there."""
    if int(flags) & _BLOCKING and not c.virtual and int(flags) & _MASK not in masks(c, "open_lock_masks"):
        raise _unsupported()


def check_supplied(source: Any, flags: int) -> None:
    """Refuse the same where a handler has supplied the file: nobody else knows of that one."""
    if int(flags) & _BLOCKING and not ILocks.providedBy(source):
        raise _unsupported()


def masks(c: Any, name: str) -> Any:
    """Return the masks that a file system carries out: `lock_masks` or `open_lock_masks` of `ILocking`."""
    return getattr(c.files, name, ()) if "ILocking" in c.abilities else ()


def _unsupported() -> SFTPError:
    # "If the server cannot make the locking guarantee, it MUST return SSH_FX_OP_UNSUPPORTED." (filexfer-13, 8.1.1.3)
    return SFTPError(Status.OP_UNSUPPORTED, "Files cannot be locked here")
