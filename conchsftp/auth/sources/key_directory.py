"""
A directory of authorized_keys files: one for each user, at a path that is made of the user's name.

Reads the files in threads and remembers what they hold. What their lines mean is up to `authorized_keys.py`, and which
files may be believed to `trusted.py`.
"""

import errno
import os
import pwd
import re
import threading
from collections import OrderedDict, deque
from functools import partial
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface import implementer

from conchsftp.auth.credentials import IUntouchedKey
from conchsftp.auth.keys.authorized_keys import AuthorizedKeys
from conchsftp.auth.sources.key_judge import refusal, require_proof
from conchsftp.auth.sources.threads import ThreadedChecker
from conchsftp.auth.sources.trusted import Untrusted, check_trusted
from conchsftp.auth.users.keys_file import KeysFile
from conchsftp.auth.users.user import AvatarID
from conchsftp.errors import ServerError
from conchsftp.workers import IWorkers

# Only files that are there are remembered: strangers cannot fill this with names.
_MOST_FILES = 1024
_MOST_COMPLAINTS = 100
_TOKEN = re.compile("%(.?)", re.DOTALL)
# What a missing file looks like: a name that is too long is nobody's.
_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}


@implementer(ICredentialsChecker)
class AuthorizedKeysDirectory(ThreadedChecker):
    """
    Keys of users, each in an authorized_keys file of the user's own.

    A user without a file has no keys. A file is believed if it, and each directory and link on the way to it, belongs
    to root, to the user that the server runs as or to the user of this machine that has the same name, and if nobody
    else can write to it; otherwise the log says what is wrong, once, and the user has no keys.

    Args:
        pattern: the path of a file, absolute. `%u` in it is the user name, which has to be there; `%%` is a `%`.
        workers: where reading runs; None: in the threads of the server.
    Raises:
        ServerError: there can be no files at such a path.
    """

    credentialInterfaces = (ISSHPrivateKey, IUntouchedKey)

    def __init__(self, pattern: str, workers: IWorkers | None = None) -> None:
        super().__init__(workers)
        self._pattern = _proofread(pattern)
        self._files: OrderedDict[str, _File] = OrderedDict()
        self._lock = threading.Lock()
        self._complaints: deque[str] = deque(maxlen=_MOST_COMPLAINTS)

    def requestAvatarId(self, credentials: Any) -> Deferred[AvatarID]:
        """Return the user name, as bytes; see `ICredentialsChecker`."""
        return Deferred.fromCoroutine(self._by_key(credentials))

    async def _by_key(self, credentials: Any) -> AvatarID:
        keys = await self.in_thread(self._find, credentials.username)
        while self._complaints:
            self.log.error("{complaint}", complaint=self._complaints.popleft())
        if reason := refusal(credentials, () if keys is None else (keys,)):
            raise UnauthorizedLogin(reason)
        require_proof(credentials)
        return bytes(credentials.username)

    def _find(self, username: bytes) -> AuthorizedKeys | None:
        """Look a user's keys up, in a thread; without a file, nobody knows the user."""
        name = _file_name(username)
        return self._keys_of(name) if name is not None else None

    def _keys_of(self, name: str) -> AuthorizedKeys | None:
        path = _filled(self._pattern, name)
        try:
            os.stat(path)
            file = self._file(path)
            check_trusted(path, partial(_trusts, name))
        except Untrusted as problem:
            file.complain(f"{path} is not believed: {problem}")
            return None
        except OSError as problem:
            if problem.errno in _MISSING:
                self._forget(path)
            else:
                self._file(path).complain(f"{path}: cannot be read: {problem.strerror}")
            return None
        return file.keys.read()

    def _file(self, path: str) -> "_File":
        """Return what is remembered of a file that is there; what was not asked for longest is forgotten."""
        with self._lock:
            file = self._files.setdefault(path, _File(path, self._complaints))
            self._files.move_to_end(path)
            if len(self._files) > _MOST_FILES:
                self._files.popitem(last=False)
        return file

    def _forget(self, path: str) -> None:
        with self._lock:
            self._files.pop(path, None)


class _File:
    """One file, and what the log was told of it."""

    def __init__(self, path: str, complaints: "deque[str]") -> None:
        self.keys = KeysFile(path, complaints.append)
        self._complaints = complaints
        self._said = ""

    def complain(self, text: str) -> None:
        """Tell the log, unless that was the last that it was told."""
        if text != self._said:
            self._said = text
            self._complaints.append(text)


def _proofread(pattern: str) -> str:
    """Return a pattern that can have files."""
    unknown = next((each[1] for each in _TOKEN.finditer(pattern) if each[1] not in ("u", "%")), None)
    if unknown is not None:
        raise ServerError(0, f"{pattern}: only %u, the user name, and %%, a percent sign, can stand after a %")
    if not pattern.startswith("/") or "\0" in pattern:
        raise ServerError(0, f"{pattern}: an absolute path expected, with %u for the user name")
    fixed, name = re.match(r"((?:[^%]|%%)*)(%u)?", pattern, re.DOTALL).groups()  # type: ignore[union-attr]
    if not name:
        # The file would hold for every name that somebody can think of.
        raise ServerError(0, f"{pattern}: %u, the user name, is missing: everybody would have the same keys")
    folder = os.path.dirname(_filled(fixed, ""))
    if not os.path.isdir(folder):
        raise ServerError(0, f"{pattern}: {folder}: no such folder")
    return pattern


def _filled(pattern: str, name: str) -> str:
    return _TOKEN.sub(lambda token: name if token[1] == "u" else "%", pattern)


def _file_name(username: bytes) -> str | None:
    """Return a user name that names a file in a directory, and nothing else; None for any other."""
    try:
        name = username.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if name in ("", ".", "..") or "/" in name or "\0" in name else name


def _trusts(name: str, owner: int) -> bool:
    """Return whether somebody may own the keys of a user."""
    if owner in (0, os.geteuid()):
        return True
    try:
        return pwd.getpwnam(name).pw_uid == owner
    except KeyError:
        return False
