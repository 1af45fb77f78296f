"""
A user's authorized_keys file, as it is now.

Blocks; runs in a worker thread. What its lines mean is in `authorized_keys.py`.
"""

import threading
from collections.abc import Callable

from conchsftp.auth.keys.authorized_keys import AuthorizedKeys, read_keys
from conchsftp.watched import WatchedFile


class KeysFile:
    """
    The file; while it cannot be read, the user has no keys from it. Several threads may use it at once.

    Args:
        path: where it is on this machine.
        complain: told, once each, what the operator should know.
        authorities: whether each key is one whose certificates let in, without saying so.
    """

    def __init__(self, path: str, complain: Callable[[str], None], *, authorities: bool = False) -> None:
        self.path = path
        self._file = WatchedFile(path)
        self._lock = threading.Lock()
        self._complain = complain
        self._authorities = authorities
        self._said = ""
        self._keys = AuthorizedKeys()

    def read(self) -> AuthorizedKeys:
        """Return the keys that the file holds now."""
        # A lock of its own: a file on a dead network share must not hold up the other users.
        with self._lock:
            try:
                content = self._file.read_if_changed()
            except OSError as problem:
                self._unreadable(f"{self._file.path}: cannot be read: {problem.strerror}")
                return AuthorizedKeys()
            self._said = ""
            if content is not None:
                found = read_keys(content, authorities=self._authorities)
                self._keys = AuthorizedKeys(found.keys)
                for line, text in found.complaints:
                    self._complain(f"{self._file.path}, line {line}: {text}")
            return self._keys

    def _unreadable(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._complain(text)
