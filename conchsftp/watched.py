"""
A small file that is read again when it has changed.

Blocks; runs in a worker thread. Does not know what the file means.
"""

import errno
import os
import stat

# So that a wrong path (a log, a device) cannot fill the memory.
_LARGEST_BYTES = 16 * 1024 * 1024

Signature = tuple[int, int, int, int, int]


class WatchedFile:
    """
    A file and the state in which it was read last.

    Args:
        path: where it is on this machine.

    Attributes:
        mode: its permissions when it was read last.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.mode = 0
        self._seen: Signature | None = None

    def read_if_changed(self) -> bytes | None:
        """
        Return the bytes of the file, or None if they are those of the last call.

        Time, size, inode and device are compared: a file that was renamed into place may be older than the one before.

        Raises:
            OSError: it cannot be read, is no regular file or is too large.
        """
        if self._seen is not None and _signature(os.stat(self.path)) == self._seen:
            return None
        with open(self.path, "rb", opener=_open) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "not a regular file", self.path)
            content = file.read(_LARGEST_BYTES + 1)
        if len(content) > _LARGEST_BYTES:
            raise OSError(errno.EFBIG, f"larger than {_LARGEST_BYTES} bytes", self.path)
        # The state from before reading: what was written meanwhile is found by the next call.
        self._seen = _signature(found)
        self.mode = stat.S_IMODE(found.st_mode)
        return content


def _open(path: str, flags: int) -> int:
    # Without O_NONBLOCK, opening a pipe would keep the thread for ever.
    return os.open(path, flags | os.O_NONBLOCK)


def _signature(found: os.stat_result) -> Signature:
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev
