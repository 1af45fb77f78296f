"""
Reading the files that keys stand in.

Whoever serves names of its own may be made to read any file: no pipe is waited for, and nothing is read without end.
"""

import os
import stat
from os import PathLike

from twisted.logger import Logger

from conchsftp.ssh.keys.unusable import Unusable

MOST_BYTES = 1 << 20
"""A store with many certificates is some hundred kilobytes; what is larger is something else."""
_OTHERS = 0o077
_log = Logger()


def read_key_file(path: str | PathLike[str]) -> bytes:
    """
    Return what is in a file.

    Raises:
        Unusable: there is none, it cannot be read, it is no regular file, or it is too large. The text has no name.
    """
    try:
        # Without waiting for somebody who writes into a pipe.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise Unusable("Is a directory" if stat.S_ISDIR(mode) else "it is no regular file")
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as problem:
        raise Unusable(f"{getattr(problem, 'strerror', None) or 'no name of a file'}") from None
    check_length(data)
    return data


def warn_of_others(path: str | PathLike[str]) -> None:
    """Say in the log that others than its owner have access to the file of a host key, if they have."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        # Who reads it says so.
        return
    if mode & _OTHERS:
        _log.warn("host key {path}: others than its owner have access to the file", path=os.fspath(path))


def check_length(data: bytes) -> None:
    """Raise `Unusable` if that is longer than any key store."""
    if len(data) > MOST_BYTES:
        raise Unusable(f"it is longer than {MOST_BYTES} bytes")
