"""
A user's authorized_keys file, as it is now.

Blocks; runs in a worker thread. What its lines mean is in `authorized_keys.py`.
"""

import threading
from collections.abc import Callable

from conchsftp.auth.authorized_keys import read_keys
from conchsftp.auth.watched import WatchedFile


class KeysFile:
    """
    The file; while it cannot be read, the user has no keys from it. Several threads may use it at once.

    Args:
        path: where it is on this machine.
        complain: told, once each, what the operator should know.
    """

    def __init__(self, path: str, complain: Callable[[str], None]) -> None:
        self._file = WatchedFile(path)
        self._lock = threading.Lock()
        self._complain = complain
        self._said = ""
        self._keys: frozenset[bytes] = frozenset()

    def read(self) -> frozenset[bytes]:
        """Return the blobs of the keys that the file holds now."""
        # A lock of its own: a file on a dead network share must not hold up the other users.
        with self._lock:
            try:
                content = self._file.read_if_changed()
            except OSError as problem:
                self._unreadable(f"{self._file.path}: cannot be read: {problem.strerror}")
                return frozenset()
            self._said = ""
            if content is not None:
                found = read_keys(content)
                self._keys = frozenset(key.blob for key in found.keys)
                for line, reason in found.refused:
                    self._complain(f"{self._file.path}, line {line}: key not accepted: {reason}")
            return self._keys

    def _unreadable(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._complain(text)
