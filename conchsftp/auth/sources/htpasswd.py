"""
A file of `htpasswd`: lines `name:hash`, with hashes of bcrypt only.

The file is read again when it changes. Other kinds of hashes (MD5, SHA-1, crypt, the password itself) can be guessed
fast, and refuse their user. Source: the documentation of Apache's htpasswd(1).
"""

import os
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

import bcrypt
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface import implementer

from conchsftp.auth.sources.threads import ThreadedChecker
from conchsftp.auth.users.hashes import DEFAULT_ROUNDS, HASH, HASHES_AT_ONCE, Check, matches, rounds_of
from conchsftp.auth.users.user import AvatarID
from conchsftp.errors import ServerError
from conchsftp.secret import Secret
from conchsftp.watched import WatchedFile
from conchsftp.workers import IWorkers

# Lines of one version of the file that the log names; a file of another kind has mistakes in all of them.
_MOST_COMPLAINTS = 20


@implementer(ICredentialsChecker)
class HtpasswdChecker(ThreadedChecker):
    """
    Passwords of a file as `htpasswd -B` writes it.

    Args:
        path: the file.
        workers: where reading and hashing run; None: in the threads of the server.
        check_password: given a password and a bcrypt hash, says whether they match.
    Raises:
        ServerError: the file cannot be read; later that is only logged, and what was read last counts.
    """

    credentialInterfaces = (IUsernamePassword,)
    most_at_once = HASHES_AT_ONCE

    def __init__(
        self, path: str | os.PathLike[str], workers: IWorkers | None = None, check_password: Check = bcrypt.checkpw
    ) -> None:
        super().__init__(workers)
        self._path = os.path.abspath(path)
        self._file = WatchedFile(self._path)
        self._lock = threading.Lock()
        self._hashes: Mapping[bytes, Secret] = {}
        self._rounds = DEFAULT_ROUNDS
        self._said = ""
        self._complaints: deque[str] = deque()
        self._check_password = check_password
        try:
            self._read()
        except OSError as problem:
            raise ServerError(0, f"{self._path}: cannot be read: {problem.strerror}") from problem

    def requestAvatarId(self, credentials: Any) -> Deferred[AvatarID]:
        """Return the user name, as bytes; see `ICredentialsChecker`."""
        return Deferred.fromCoroutine(self._by_password(credentials.username, credentials.password))

    async def _by_password(self, username: bytes, password: bytes) -> AvatarID:
        reason = await self.in_thread(self._matches, username, password)
        while self._complaints:
            self.log.error("{complaint}", complaint=self._complaints.popleft())
        if reason:
            raise UnauthorizedLogin(reason)
        return bytes(username)

    def _matches(self, username: bytes, password: bytes) -> str:
        """Check a password, in a thread; return what is wrong, for the log, or nothing."""
        self._refresh()
        hashed = self._hashes.get(username)
        right = matches(password, hashed, rounds=self._rounds, check=self._check_password)
        if hashed is None:
            return "no such user in the htpasswd file"
        return "" if right else "wrong password"

    def _refresh(self) -> None:
        with self._lock:
            try:
                self._read()
            except OSError as problem:
                text = f"{self._path}: cannot be read: {problem.strerror}; what was read last still counts"
                if text != self._said:
                    self._said = text
                    self._complaints.append(text)

    def _read(self) -> None:
        content = self._file.read_if_changed()
        self._said = ""
        if content is None:
            return
        self._hashes, mistakes = _read_lines(content)
        self._rounds = max(map(rounds_of, self._hashes.values()), default=DEFAULT_ROUNDS)
        if self._file.mode & 0o007:
            self._complaints.append(f"{self._path}: open to everybody on this machine (chmod 600 closes it)")
        self._complaints += [f"{self._path}, line {line}: {text}" for line, text in mistakes[:_MOST_COMPLAINTS]]
        if len(mistakes) > _MOST_COMPLAINTS:
            self._complaints.append(f"{self._path}: {len(mistakes) - _MOST_COMPLAINTS} more lines are not right")


def _read_lines(content: bytes) -> tuple[dict[bytes, Secret], list[tuple[int, str]]]:
    """Return the hashes by user name, and line number and text of each line that lets nobody in."""
    hashes: dict[bytes, Secret] = {}
    mistakes: list[tuple[int, str]] = []
    named: set[bytes] = set()
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip() or line.startswith(b"#"):
            continue
        name, colon, hashed = line.rstrip().partition(b":")
        # What stands there is not shown, not even a name: a line without a colon may be a password.
        if not colon or not name:
            mistakes.append((number, "name:hash expected"))
        elif name in named:
            mistakes.append((number, "this user has a line already, which counts"))
        elif not HASH.fullmatch(hashed.decode("latin-1")):
            mistakes.append((number, "a bcrypt hash expected, this user is refused; `htpasswd -B` writes one"))
        else:
            hashes[name] = Secret(hashed)
        named.add(name)
    return hashes, mistakes
