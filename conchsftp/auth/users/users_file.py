"""
The users file of a server: who may log in, as the file says now.

Reads and remembers it; a new version that is wrong changes nothing and is named once. Nearly everything here blocks:
the checkers call it in worker threads. What its text means is in `users_text.py`; whether a password is right the
checkers decide.
"""

import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping

from conchsftp.auth.keys.authorized_keys import AuthorizedKeys
from conchsftp.auth.users.hashes import DEFAULT_ROUNDS
from conchsftp.auth.users.keys_file import KeysFile
from conchsftp.auth.users.user import User
from conchsftp.auth.users.users_text import Finding, read_users
from conchsftp.errors import ServerError
from conchsftp.watched import WatchedFile


class UsersFile:
    """
    The users, as the file has them now. Several threads may use it at once.

    Args:
        path: the file. A relative keys_file in it counts from its directory.
    Raises:
        ServerError: the file is missing, or not right; later versions of it never raise.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not path or not isinstance(path, str | os.PathLike):
            raise ServerError(0, f"the path of a users file expected, got {path!r:.64}")
        self.path = os.path.abspath(path)
        self._file = WatchedFile(self.path)
        self._lock = threading.Lock()
        self._users: Mapping[str, User] = {}
        self._key_files: dict[str, KeysFile] = {}
        self._rounds = DEFAULT_ROUNDS
        self._said = ""
        self._gone = False
        self._complaints: deque[str] = deque()
        problem = self._read()
        if problem:
            raise ServerError(0, problem)
        # Now, and not at a login: the operator who looks is here.
        for user in self._users.values():
            if user.keys_file is not None:
                self._keys_file(user.keys_file).read()

    @property
    def rounds(self) -> int:
        """The highest cost of a password's hash in the file: what nobody's password must cost, too. Does not block."""
        return self._rounds

    def find(self, name: str) -> User | None:
        """Return a user as last read, or None. Does not block."""
        return self._users.get(name)

    @property
    def has_codes(self) -> bool:
        """Whether some user has one-time codes. Does not block."""
        return any(user.totp is not None for user in self._users.values())

    def barred(self, name: str, host: str | None, now: float) -> str:
        """
        Return why a user is refused, whoever vouches for them; empty if the file has nothing against it.

        When the file is gone, that is so for everybody in it: whoever removes it does not mean that they may go on, and
        least of all without what it confines them to. Does not block.

        Args:
            name: the user name; of one who is not in the file, it says nothing.
            host: the address that they come from; None if nobody knows it.
            now: the date, in seconds since 1970.
        """
        user = self._users.get(name)
        if user is None:
            return ""
        return "the users file is gone" if self._gone else user.barred(host, now)

    def complaints(self) -> Iterator[str]:
        """
        Yield what the operator should know, one line each, each once. Does not block.

        That a new version is wrong and the old one still counts, or that a key in the file is not accepted.
        """
        while self._complaints:
            yield self._complaints.popleft()

    def refresh(self) -> None:
        """Read the file again if it has changed; what is wrong with it becomes a complaint."""
        with self._lock:
            problem = self._read()
            # A broken version is read only once; that the file cannot be read is found at every login.
            if problem and problem != self._said:
                then = "nobody in it can log in" if self._gone else "the version before it still counts"
                self._complaints.append(f"{problem}; {then}")
            self._said = problem or self._said

    def keys_of(self, name: str) -> tuple[AuthorizedKeys, ...]:
        """Return the lists of a user's keys; reads the user's keys_file again if it has changed."""
        user = self._users.get(name)
        if user is None:
            return ()
        if user.keys_file is None:
            return user.keys, user.ca_keys
        with self._lock:
            keys_file = self._keys_file(user.keys_file)
        return user.keys, user.ca_keys, keys_file.read()

    def _read(self) -> str:
        """Read the file if it has changed; return what is wrong with it, if anything is."""
        try:
            content = self._file.read_if_changed()
        except OSError as problem:
            self._gone = self._gone or isinstance(problem, FileNotFoundError | NotADirectoryError)
            return f"{self.path}: cannot be read: {problem.strerror}"
        self._said, self._gone = "", False
        if content is None:
            return ""
        found = read_users(self.path, content)
        if found.mistakes:
            return _summary(found.mistakes)
        self._users = found.users
        self._rounds = max((user.rounds for user in found.users.values() if user.rounds), default=DEFAULT_ROUNDS)
        self._key_files = {}
        if self._file.mode & 0o007:
            self._complaints.append(f"{self.path}: open to everybody on this machine (chmod 600 closes it)")
        self._complaints.extend(map(str, found.warnings))
        return ""

    def _keys_file(self, path: str) -> KeysFile:
        return self._key_files.setdefault(path, KeysFile(path, self._complaints.append))


def _summary(mistakes: list[Finding]) -> str:
    """Return the first mistake as one line, and how many more there are."""
    more = len(mistakes) - 1
    return str(mistakes[0]) + (f" (and {more} more: `conchsftp users check` names them)" if more else "")
