"""
Changing one entry of a users file; comments, order and everything else in it stay as they are.

Blocks: commands of an operator use it, and a server, in a thread, when a user changes the password.
"""

import os
import tempfile
import tomllib
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from typing import Any

import bcrypt

from conchsftp.auth.users.hashes import DEFAULT_ROUNDS, LONGEST_PASSWORD_BYTES
from conchsftp.auth.users.toml_text import with_value, without
from conchsftp.auth.users.user import is_plain
from conchsftp.auth.users.users_text import UsersText, read_users
from conchsftp.errors import ServerError
from conchsftp.secret import Secret


def set_password(
    path: str | os.PathLike[str], user: str, password: str | Secret, *, rounds: int = DEFAULT_ROUNDS
) -> None:
    """
    Set a user's password in a users file; adds the user, and makes the file, if need be. It need not be changed then.

    Args:
        path: the users file.
        user: the user name.
        password: the new password, 1 to 72 bytes in UTF-8.
        rounds: the cost, as an exponent of two, 4 to 31.
    Raises:
        ServerError: the password is empty or too long; as `set_entry` besides.
    """
    secret = Secret(password).to_bytes()
    if not 1 <= len(secret) <= LONGEST_PASSWORD_BYTES:
        raise ServerError(0, f"a password of 1 to {LONGEST_PASSWORD_BYTES} bytes expected, {len(secret)} given")
    _check_name(user)
    hashed = bcrypt.hashpw(secret, bcrypt.gensalt(rounds)).decode("ascii")
    _edit(
        path,
        user,
        lambda table: {"password": hashed, **({"change_password": False} if "change_password" in table else {})},
    )


def expire_password(path: str | os.PathLike[str], user: str) -> None:
    """
    Have a user change the password at the next login.

    Args:
        path: the users file.
        user: the user name.
    Raises:
        ServerError: the user has no password; as `set_entry` besides.
    """

    def expired(table: Mapping[str, Any]) -> Mapping[str, str | bool]:
        if "password" not in table:
            raise ServerError(0, f"{os.fspath(path)}: {user!r} has no password that could be changed")
        return {"change_password": True}

    _edit(path, user, expired)


def set_entry(path: str | os.PathLike[str], user: str, key: str, value: str) -> None:
    """
    Set an entry of a user that is one text; adds the user, and makes the file, if need be.

    The file is replaced in one step and keeps its mode and owner; a new one can be read by its owner only.

    Args:
        path: the users file.
        user: the user name.
        key: the name of the entry.
        value: its new value.
    Raises:
        ServerError: the name cannot be used, the file is not right, would not be right then, or cannot be written.
    """
    _edit(path, user, lambda table: {key: value})


def remove_entry(path: str | os.PathLike[str], user: str, key: str) -> None:
    """
    Remove an entry of a user; one that is not there does no harm.

    Args:
        path: the users file.
        user: the user name.
        key: the name of the entry.
    Raises:
        ServerError: as `set_entry`.
    """
    _edit(path, user, lambda table: {key: None} if key in table else {})


def _edit(
    path: str | os.PathLike[str], user: str, changes: Callable[[Mapping[str, Any]], Mapping[str, str | bool | None]]
) -> None:
    """Set the entries that a function names when it is given the user's table as it is; None removes one."""
    place = os.path.realpath(path)
    _check_name(user)
    content = _content(place)
    before = _right(place, content)
    table = before.document.get(user, {})
    values = changes(table)
    left = {key: value for key, value in {**table, **values}.items() if value is not None}
    expected = {**before.document, user: left}
    try:
        after = before.text
        for key, value in values.items():
            after = without(after, user, key) if value is None else with_value(after, user, key, value)
        # The editor is trusted only as far as the result says exactly what it should.
        if tomllib.loads(after) != expected:
            raise ValueError(f"the table of {user!r} is written in a way that cannot be edited")
    except ValueError as problem:
        raise ServerError(0, f"{place}: {problem}; edit the file by hand") from problem
    mark = BOM_UTF8 if content.startswith(BOM_UTF8) else b""
    changed = mark + after.encode("utf-8")
    _right(place, changed)
    try:
        _replace(place, changed)
    except OSError as problem:
        raise ServerError(0, f"{place}: cannot be written: {problem.strerror}") from problem


def _check_name(user: str) -> None:
    if not user or not is_plain(user):
        raise ServerError(0, "a user name of at most 255 bytes without control characters expected")


def _content(place: str) -> bytes:
    try:
        with open(place, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
    except OSError as problem:
        raise ServerError(0, f"{place}: cannot be read: {problem.strerror}") from problem


def _right(place: str, content: bytes) -> UsersText:
    """Read a file that has to be right: nothing is "set" in one that no server would read."""
    found = read_users(place, content)
    if found.mistakes:
        raise ServerError(0, str(found.mistakes[0]))
    return found


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
