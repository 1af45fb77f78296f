"""
What the text of a users file means, and everything that is wrong with it, with its line.

Opens no file and never raises: a text with mistakes gives findings. Which entries there are is in `user_fields.py`.
"""

import os
import re
import tomllib
from codecs import BOM_UTF8
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from conchsftp.auth.users.toml_text import Path, lines_of, nearest_line
from conchsftp.auth.users.user import User
from conchsftp.auth.users.user_fields import FIELDS, Entry
from conchsftp.settings.row import hint

_PLACE = re.compile(r"(.*) \(at line (\d+), column \d+\)", re.DOTALL)


@dataclass(slots=True, kw_only=True, frozen=True)
class Finding:
    """
    Something that the operator should know.

    Attributes:
        path: the file that it is about.
        line: where in it, counted from 1; None: it is about the file as a whole.
        text: what it is. Never holds a secret.
        mistake: whether no server would read the file.
    """

    path: str
    line: int | None = None
    text: str
    mistake: bool = False

    def __str__(self) -> str:
        return f"{self.path}{'' if self.line is None else f', line {self.line}'}: {self.text}"


@dataclass(kw_only=True)
class UsersText:
    """
    A text that was read.

    Attributes:
        path: the file that it is of.
        text: the text; empty if it is not UTF-8.
        users: the users by their names, without those in whose tables there are mistakes.
        findings: what is to be known about it.
    """

    path: str
    text: str = ""
    document: dict[str, Any] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The names of all users, also of those with mistakes."""
        return [name for name, table in self.document.items() if isinstance(table, dict)]

    @property
    def mistakes(self) -> list[Finding]:
        """Those of the findings for which no server would read the file."""
        return [each for each in self.findings if each.mistake]

    @property
    def warnings(self) -> list[Finding]:
        """The others."""
        return [each for each in self.findings if not each.mistake]

    def line_of(self, *where: str) -> int:
        """Return the line of a table, a key, or the nearest thing around it that has one."""
        return nearest_line(self._lines, where)

    @cached_property
    def _lines(self) -> dict[Path, int]:
        return lines_of(self.text)

    def add(self, text: str, where: Path, *, mistake: bool = False) -> None:
        """Add a finding about a table or a key."""
        self.findings.append(Finding(path=self.path, line=self.line_of(*where), text=text, mistake=mistake))


def read_users(path: str, content: bytes) -> UsersText:
    """
    Read the users of a file.

    Args:
        path: the file, which is not opened; relative paths in it count from its folder.
        content: what it holds.
    """
    found = UsersText(path=path)
    try:
        found.text = content.removeprefix(BOM_UTF8).decode("utf-8")
        found.document = tomllib.loads(found.text)
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        found.findings.append(Finding(path=path, line=line, text="not UTF-8", mistake=True))
    except RecursionError:
        found.findings.append(Finding(path=path, text="arrays or tables inside each other, too deep", mistake=True))
    except ValueError as problem:
        found.findings.append(_bad_toml(path, found.text, problem))
    for name, table in found.document.items():
        if isinstance(table, dict):
            mistakes = len(found.mistakes)
            user = _user(found, name, table)
            if len(found.mistakes) == mistakes:
                found.users[name] = user
        else:
            text = f"{name!r} stands outside a user's table; [{name}] would begin one"
            found.add(text, (name,), mistake=True)
    return found


def _bad_toml(path: str, text: str, problem: ValueError) -> Finding:
    """Say what is wrong with a text; of a number that is too long for Python nobody says where it is."""
    match = _PLACE.fullmatch(str(problem))
    if match:
        return Finding(path=path, line=int(match[2]), text=match[1], mistake=True)
    line = text.count("\n") + 1 if isinstance(problem, tomllib.TOMLDecodeError) else None
    return Finding(path=path, line=line, text=str(problem), mistake=True)


def _user(found: UsersText, name: str, table: dict[str, Any]) -> User:
    values: dict[str, Any] = {}
    for key, value in table.items():
        row = FIELDS.get(key)
        if row is None:
            found.add(_unknown(name, key, value), (name, key), mistake=True)
            continue
        try:
            values[row.attribute] = row.read(value, _entry(found, name, key))
        except ValueError as problem:
            found.add(f"{key} of {name!r}: {problem}", (name, key), mistake=True)
    return User(name=name, **values)


def _entry(found: UsersText, name: str, key: str) -> Entry:
    def mistake(text: str, *inside: str) -> None:
        found.add(f"{key} of {name!r}: {text}", (name, key, *inside), mistake=True)

    folder = os.path.dirname(found.path)
    return Entry(user=name, folder=folder, warn=partial(found.add, where=(name, key)), mistake=mistake)


def _unknown(name: str, key: str, value: Any) -> str:
    if isinstance(value, dict):
        return f'{key!r} is a table inside {name!r}; a user name with a dot is written ["{name}.{key}"]'
    return f"unknown key {key!r} of {name!r}{hint(key, FIELDS) or '; known are ' + ', '.join(FIELDS)}"
