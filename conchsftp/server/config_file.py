"""
Settings out of a file: statements of `config()`, one on each line, or TOML where the file is named so.

Reads and checks; decides nothing about what else was given. A mistake names the file and the line, and repeats no value
that may be a password. Source: TOML 1.0.0.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from conchsftp.auth.users.toml_text import Statement as Written
from conchsftp.auth.users.toml_text import statements
from conchsftp.errors import ServerError, path_error
from conchsftp.settings.config import parse
from conchsftp.settings.kinds import MASK, MODE
from conchsftp.settings.row import Index
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE

# A key of TOML that is no setting: a list of statements of config().
_STATEMENTS = "config"
_OCTAL = (MASK, MODE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One value that a file gives.

    Attributes:
        place: the file and the line, for messages.
        name: of the setting, in any spelling.
        index: the number in brackets; None without brackets.
        value: text or a Python value.
    """

    place: str
    name: str
    index: int | None = None
    value: Any = field(repr=False)


class ConfigFile:
    """
    What one file says.

    Args:
        path: of the file; TOML if it ends in `.toml`, else statements of `config()`. UTF-8.
    Raises:
        ServerError: it cannot be read (2001, 2002), is not written so, or names a setting that there is not.
    """

    def __init__(self, path: str) -> None:
        try:
            with open(path, encoding="utf-8-sig") as file:
                text = file.read()
        except UnicodeDecodeError:
            raise ServerError(0, f"{path}: not UTF-8") from None
        except OSError as problem:
            raise path_error(path, problem) from None
        read = _toml if path.endswith(".toml") else _lines
        self.entries: tuple[Entry, ...] = tuple(read(path, text))
        # Which settings the file has a value for, by attribute.
        self.attributes = frozenset(TABLE.find(each.name).attribute for each in self.entries)

    def apply(self, settings: Settings) -> None:
        """
        Set all of it, in order.

        Raises:
            ServerError: a value is refused.
        """
        for entry in self.entries:
            try:
                first(settings, entry.name, entry.value, entry.index)
            except ServerError as problem:
                raise ServerError(problem.code, f"{entry.place}: {problem}") from None


def first_settings(file: str | ConfigFile | None, values: Mapping[str, Any], **how: Any) -> Settings:
    """
    Return the settings of a new server.

    Args:
        file: one with values, or its path; None: none.
        values: more of them, which come after those of the file.
        how: what `Settings` takes besides.
    Raises:
        ServerError: as from `ConfigFile` and `first`.
    """
    settings = Settings(TABLE, **how)
    if file is not None:
        (file if isinstance(file, ConfigFile) else ConfigFile(file)).apply(settings)
    for name, value in values.items():
        first(settings, name, value)
    return settings


def first(settings: Settings, name: str, value: Any, index: int | None = None) -> None:
    """
    Set a value before the server is there.

    Raises:
        ServerError: as from `Settings.set`; also for what only a server that is there can take, such as Listening.
    """
    row = settings.table.find(name)
    if row.write is not None:
        raise ServerError(0, f"{row.name} can only be set once there is a server")
    settings.set(name, value, index)


def _lines(path: str, text: str) -> Iterator[Entry]:
    """Read statements; blank lines, and those that begin with `#`, say nothing."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield _statement(f"{path}:{number}", line)


def _statement(place: str, text: str) -> Entry:
    # Whatever stands before "=" may be part of a key that was pasted: it is not repeated.
    name, equals, _ = text.partition("=")
    if not equals:
        raise ServerError(0, f"{place}: expected Name=value or Name[index]=value")
    try:
        said = parse(text)
        TABLE.find(said.name)
    except ServerError as problem:
        raise ServerError(0, f"{place}: {problem}") from None
    return Entry(place=place, name=said.name, index=said.index, value=said.value)


def _toml(path: str, text: str) -> Iterator[Entry]:
    """Read TOML without tables: a key is a setting, in any of its spellings."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        at = re.search(r"\(at line (\d+)", str(problem))
        what = str(problem).partition(" (at ")[0]
        raise ServerError(0, f"{path}:{at[1] if at else text.count(chr(10)) + 1}: not TOML: {what}") from None
    # tomllib takes CR LF for LF, and so the lines are the same.
    for written in statements(text):
        place = f"{path}:{written.line}"
        if written.header or len(written.path) != 1:
            raise ServerError(0, f"{place}: a setting has no table: Name = value")
        yield from _of_key(place, written, values[written.path[0]], text)


def _of_key(place: str, written: Written, value: Any, text: str) -> Iterator[Entry]:
    """Return what one key says: one value, the elements of a list of settings, or statements."""
    key = written.path[0]
    if key == _STATEMENTS:
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            raise ServerError(0, f"{place}: {_STATEMENTS} is a list of texts, each Name=value")
        yield from (_statement(place, each) for each in given)
        return
    named = _statement(place, f"{key}=")
    row = TABLE.find(named.name)
    if isinstance(value, dict):
        raise ServerError(0, f"{place}: a setting has no table: {row.name} = value")
    if isinstance(value, int) and row.kind in _OCTAL and not text[written.value[0] :].startswith("0o"):
        # 644 would be 1204 in octal.
        raise ServerError(0, f"{place}: {row.name} is octal: write 0o644 or a text")
    if row.index is Index.POSITION and named.index is None and isinstance(value, list):
        yield from (Entry(place=place, name=row.name, index=at, value=each) for at, each in enumerate(value))
        return
    yield Entry(place=place, name=named.name, index=named.index, value=value)
