"""
What other programs on this machine see of locks: those of open file descriptions.

They belong to the descriptor and not to the process: another descriptor of the same file may be closed without losing
them, and two sessions of one server are two holders. Programs are held off only if they ask, by fcntl(2) or lockf(3).
Never waits for another program. Source: fcntl(2), "Open file description locks".
"""

import fcntl
from errno import EACCES, EAGAIN, EBADF, EINVAL, ENOLCK, ENOSYS, EOPNOTSUPP
from struct import pack

from conchsftp.errors import SFTPError
from conchsftp.files.attributes.changing import MAX_SIZE
from conchsftp.files.locks import EXCLUSIVE, NONE, SHARED
from conchsftp.sftp.statuses import Status

_SET = getattr(fcntl, "F_OFD_SETLK", None)
_TYPES = {NONE: fcntl.F_UNLCK, SHARED: fcntl.F_RDLCK, EXCLUSIVE: fcntl.F_WRLCK}
_FROM_START = 0
# struct flock: type, whence, start, length, process; padded as the machine has it.
_LAYOUT = "hhqqi0q"
_TAKEN = (EAGAIN, EACCES)
_WITHOUT = (ENOLCK, EOPNOTSUPP, ENOSYS, EINVAL)

POSSIBLE = _SET is not None
"""Whether this system has such locks; what becomes of them on a certain disk shows when one is wanted."""


def set_lock(descriptor: int, kind: int, start: int, end: int) -> bool:
    """
    Lock a range, lock it in another way, or release it. A blocking call on file systems of the network.

    Args:
        kind: `SHARED`, which takes a descriptor that is open for reading; `EXCLUSIVE`, one for writing; `NONE`.
        start, end: in bytes; what lies further than any file goes is left out.
    Returns:
        False if another program has locked any of it.
    Raises:
        SFTPError: OP_UNSUPPORTED where the disk has no locks; PERMISSION_DENIED for another kind of descriptor.
    """
    if start > MAX_SIZE:
        return True
    # "Specifying 0 for l_len … lock all bytes … through to the end of file, no matter how large the file grows."
    length = 0 if end > MAX_SIZE else end - start
    if _SET is None:
        raise _without()
    try:
        fcntl.fcntl(descriptor, _SET, pack(_LAYOUT, _TYPES[kind], _FROM_START, start, length, 0))
    except OSError as problem:
        if problem.errno in _TAKEN:
            return False
        if problem.errno in _WITHOUT:
            raise _without() from None
        if problem.errno == EBADF:
            raise SFTPError(Status.PERMISSION_DENIED, "The file is not open for that") from None
        raise
    return True


def _without() -> SFTPError:
    return SFTPError(Status.OP_UNSUPPORTED, "Files on this disk cannot be locked")
