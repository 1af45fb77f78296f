"""
The users file: who may log in, in TOML, one table for each user.

Reads, checks and remembers it; a new version that is wrong changes nothing and is named once. Changes one password in
it. Nearly everything here blocks: the checkers call it in worker threads. Whether a password is right they decide.
"""

import os
import re
import tempfile
import threading
import tomllib
from codecs import BOM_UTF8
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import bcrypt

from conchsftp.auth.authorized_keys import read_keys
from conchsftp.auth.hashes import DEFAULT_ROUNDS, HASH, LONGEST_PASSWORD_BYTES
from conchsftp.auth.toml_text import line_of, with_string
from conchsftp.auth.user import User
from conchsftp.auth.watched import WatchedFile
from conchsftp.errors import ServerError
from conchsftp.secret import Secret
from conchsftp.settings.row import hint

_PLACE = re.compile(r"(.*) \(at line (\d+), column \d+\)", re.DOTALL)


class UsersFile:
    """
    The users, as the file has them now. Several threads may use it at once.

    Args:
        path: the file. A relative keys_file in it counts from its directory.
    Raises:
        ServerError: the file is missing, or not right; later versions of it never raise.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(path)
        self._file = WatchedFile(self.path)
        self._lock = threading.Lock()
        self._users: Mapping[str, User] = {}
        self._key_files: dict[str, _KeysFile] = {}
        self._rounds = DEFAULT_ROUNDS
        self._said = ""
        self._complaints: deque[str] = deque()
        try:
            self._read()
        except _Mistake as mistake:
            raise ServerError(0, str(mistake)) from mistake

    @property
    def rounds(self) -> int:
        """The highest cost of a password's hash in the file: what nobody's password must cost, too. Does not block."""
        return self._rounds

    def find(self, name: str) -> User | None:
        """Return a user as last read, or None. Does not block."""
        return self._users.get(name)

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
            try:
                self._read()
            except _Mistake as mistake:
                # A broken version is read only once; that the file cannot be read is found at every login.
                if str(mistake) != self._said:
                    self._said = str(mistake)
                    self._complaints.append(f"{mistake}; the version before it still counts")

    def has_key(self, name: str, blob: bytes) -> bool:
        """Return whether a key is one of a user's; reads the user's keys_file again if it has changed."""
        user = self._users.get(name)
        if user is None or user.keys_file is None or blob in user.keys:
            return user is not None and blob in user.keys
        with self._lock:
            keys_file = self._key_files.setdefault(user.keys_file, _KeysFile(user.keys_file, self._complaints.append))
        return blob in keys_file.read()

    def _read(self) -> None:
        try:
            content = self._file.read_if_changed()
        except OSError as problem:
            raise _Mistake(self.path, None, f"cannot be read: {problem.strerror}") from problem
        self._said = ""
        if content is None:
            return
        text, document = _parsed(self.path, content)
        reading = _Reading(self.path, text)
        users = _users_of(reading, document)
        self._users = users
        self._rounds = max((user.rounds for user in users.values() if user.rounds), default=DEFAULT_ROUNDS)
        self._key_files = {}
        if self._file.mode & 0o007:
            self._complaints.append(f"{self.path}: open to everybody on this machine (chmod 600 closes it)")
        self._complaints.extend(reading.complaints)


def set_password(
    path: str | os.PathLike[str], user: str, password: str | Secret, *, rounds: int = DEFAULT_ROUNDS
) -> None:
    """
    Set a user's password in a users file; adds the user, and makes the file, if need be.

    Comments, order and everything else in the file stay as they are. The file is replaced in one step and keeps its
    mode and owner; a new one can be read by its owner only.

    Args:
        path: the users file.
        user: the user name.
        password: the new password, 1 to 72 bytes in UTF-8.
        rounds: the cost, as an exponent of two, 4 to 31.
    Raises:
        ServerError: the password is empty or too long, the name cannot be used, or the file is not right.
    """
    place = os.path.realpath(path)
    secret = Secret(password).to_bytes()
    if not 1 <= len(secret) <= LONGEST_PASSWORD_BYTES:
        raise ServerError(0, f"a password of 1 to {LONGEST_PASSWORD_BYTES} bytes expected, {len(secret)} given")
    if not user or any(letter < " " or "\x7f" <= letter < "\xa0" or "\ud800" <= letter < "\ue000" for letter in user):
        raise ServerError(0, "a user name without control characters expected")
    try:
        with open(place, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        content = b""
    except OSError as problem:
        raise ServerError(0, f"{place}: cannot be read: {problem.strerror}") from problem
    hashed = bcrypt.hashpw(secret, bcrypt.gensalt(rounds)).decode("ascii")
    try:
        text, before = _parsed(place, content)
        after = with_string(text, user, "password", hashed)
        # The editor is trusted only as far as the result says exactly what it should.
        before.setdefault(user, {})["password"] = hashed
        if tomllib.loads(after) != before:
            raise ValueError(f"the table of {user!r} is written in a way that cannot be edited")
        # A password is not "set" in a file that no server would read.
        _users_of(_Reading(place, after), before)
    except _Mistake as mistake:
        raise ServerError(0, str(mistake)) from mistake
    except (ValueError, TypeError) as problem:
        raise ServerError(0, f"{place}: {problem}; edit the file by hand") from problem
    mark = BOM_UTF8 if content.startswith(BOM_UTF8) else b""
    try:
        _replace(place, mark + after.encode("utf-8"))
    except OSError as problem:
        raise ServerError(0, f"{place}: cannot be written: {problem.strerror}") from problem


class _Mistake(Exception):
    """Something in a file is not right."""

    def __init__(self, path: str, line: int | None, text: str) -> None:
        super().__init__(f"{path}{'' if line is None else f', line {line}'}: {text}")


class _KeysFile:
    """A user's authorized_keys file; while it cannot be read, the user has no keys from it."""

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


class _Reading:
    """One reading of the file: makes users of tables, collects what is worth a warning."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._text = text
        self.complaints: list[str] = []

    def user(self, name: str, table: Any) -> User:
        if not isinstance(table, dict):
            raise self._mistake((name,), f"{name!r} stands outside a user's table; [{name}] would begin one")
        values: dict[str, Any] = {}
        for key, value in table.items():
            check = _FIELDS.get(key)
            if check is None:
                raise self._mistake((name, key), _unknown(name, key, value))
            try:
                values[key] = check(self, (name, key), value)
            except ValueError as problem:
                raise self._mistake((name, key), f"{key} of {name!r}: {problem}") from None
        return User(name=name, **values)

    def password(self, where: tuple[str, ...], value: Any) -> Secret:
        # The value itself is not shown: it may be a password that someone wrote down in the clear.
        if not isinstance(value, str) or not HASH.fullmatch(value):
            raise ValueError("a bcrypt hash expected; `conchsftp passwd` writes one")
        return Secret(value)

    def keys(self, where: tuple[str, ...], value: Any) -> frozenset[bytes]:
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise ValueError("a list of lines of an authorized_keys file expected")
        blobs: set[bytes] = set()
        for number, entry in enumerate(value, 1):
            found = read_keys(entry.encode("utf-8"))
            blobs.update(key.blob for key in found.keys)
            for _, reason in found.refused:
                mistake = self._mistake(where, f"key {number} of {where[0]!r} not accepted: {reason}")
                self.complaints.append(str(mistake))
        return frozenset(blobs)

    def keys_file(self, where: tuple[str, ...], value: Any) -> str:
        return os.path.join(os.path.dirname(self._path), _text(value))

    def root(self, where: tuple[str, ...], value: Any) -> str:
        return _absolute(value)

    home = root

    def _mistake(self, where: tuple[str, ...], text: str) -> _Mistake:
        return _Mistake(self._path, line_of(self._text, where), text)


_FIELDS: dict[str, Callable[[_Reading, tuple[str, ...], Any], Any]] = {
    "password": _Reading.password,
    "keys": _Reading.keys,
    "keys_file": _Reading.keys_file,
    "root": _Reading.root,
    "home": _Reading.home,
}


def _users_of(reading: _Reading, document: Mapping[str, Any]) -> dict[str, User]:
    return {name: reading.user(name, table) for name, table in document.items()}


def _unknown(name: str, key: str, value: Any) -> str:
    if isinstance(value, dict):
        return f'{key!r} is a table inside {name!r}; a user name with a dot is written ["{name}.{key}"]'
    return f"unknown key {key!r} of {name!r}{hint(key, _FIELDS) or '; known are ' + ', '.join(_FIELDS)}"


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("a text expected")
    return value


def _absolute(value: Any) -> str:
    if not _text(value).startswith("/"):
        raise ValueError("an absolute path expected")
    return str(value)


def _parsed(path: str, content: bytes) -> tuple[str, dict[str, Any]]:
    """Return the text of a users file and what it means."""
    try:
        text = content.removeprefix(BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise _Mistake(path, line, "not UTF-8") from None
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        match = _PLACE.fullmatch(str(problem))
        line, what = (int(match[2]), match[1]) if match else (text.count("\n") + 1, str(problem))
        raise _Mistake(path, line, what) from None


def _replace(place: str, content: bytes) -> None:
    """Put new content in the place of a file, all at once, with its mode and owner."""
    folder = os.path.dirname(place)
    # mkstemp makes it readable by its owner only.
    number, temporary = tempfile.mkstemp(prefix=".", suffix=".new", dir=folder)
    try:
        with open(number, "wb") as file:
            file.write(content)
            if os.path.exists(place):
                old = os.stat(place)
                if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(number, old.st_uid, old.st_gid)
                os.fchmod(number, old.st_mode & 0o7777)
            file.flush()
            os.fsync(number)
        os.replace(temporary, place)
    except BaseException:
        os.unlink(temporary)
        raise
