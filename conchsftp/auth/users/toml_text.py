"""
Where things stand in a TOML text, and changing one value without touching the rest.

`tomllib` says what a text means, not where; this module finds the lines for messages and the place for an edit. It
relies on the text being valid; whoever edits asks `tomllib` again afterwards. Source: TOML 1.0.0.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Path = tuple[str, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# Longest first: three quotes begin another kind of string than one. Three quotes at the end may follow two of the text.
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:""?(?!"))?'
    r"|'''.*?'''(?:''?(?!'))?"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
# How deep a file of ours goes; somebody's key of a thousand parts need not be kept in a thousand lengths.
_DEEPEST = 8
_SCALAR = re.compile(r"[^\[\]{},#\n\r\"']+")


@dataclass(slots=True, kw_only=True, frozen=True)
class Statement:
    """
    One header, or one key with its value.

    Attributes:
        path: the table of a header; the whole path of a key, its table included.
        header: whether it is `[path]` or `[[path]]`.
        line: of its beginning, counted from 1.
        value: offsets of the value; of a header, both are the end of the header.
    """

    path: Path
    header: bool
    line: int
    value: tuple[int, int]


def statements(text: str) -> Iterator[Statement]:
    """Yield every header and every key with its value, in order; the inside of inline tables is not looked at."""
    table: Path = ()
    at = _skip(_BLANK, text, 0)
    line, counted = 1, 0
    while at < len(text):
        line += text.count("\n", counted, at)
        counted = at
        if text[at] == "[":
            brackets = 2 if text.startswith("[[", at) else 1
            table, at = _key_path(text, at + brackets)
            at += brackets
            yield Statement(path=table, header=True, line=line, value=(at, at))
        else:
            key, at = _key_path(text, at)
            start = _skip(_SPACE, text, at + 1)
            at = _value_end(text, start)
            yield Statement(path=table + key, header=False, line=line, value=(start, at))
        at = _skip(_BLANK, text, at)


def lines_of(text: str) -> dict[Path, int]:
    """Return the line where each table and each key stands first; the inside of inline tables is not looked at."""
    lines: dict[Path, int] = {}
    for statement in statements(text):
        for length in range(1, min(len(statement.path), _DEEPEST) + 1):
            lines.setdefault(statement.path[:length], statement.line)
    return lines


def nearest_line(lines: Mapping[Path, int], path: Path) -> int:
    """Return the line of a key or a table; of what an inline table holds, that of the table."""
    return next((lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in lines), 1)


def with_value(text: str, table: str, key: str, value: str | bool) -> str:
    """
    Return the text with one string or truth value set in one top-level table; comments and all else stay as they are.

    Args:
        text: a valid document.
        table: name of the table; added at the end if there is none.
        key: in the table, a bare key; put right below the header if it is not there.
        value: the new value.
    Raises:
        ValueError: the table is written in a way that this cannot edit: inline, or by dotted keys only.
    """
    quoted = quote(value) if isinstance(value, str) else str(value).lower()
    written = f"{key} = {quoted}"
    newline = "\r\n" if "\r\n" in text else "\n"
    header = None
    for statement in statements(text):
        if statement.path == (table, key) and not statement.header:
            start, end = statement.value
            return text[:start] + quoted + text[end:]
        if statement.header and statement.path == (table,):
            header = statement.value[1]
    if header is not None:
        return text[:header] + _line_rest(text, header) + newline + written + text[_line_end(text, header) :]
    if table in tomllib.loads(text):
        raise ValueError(f"{table!r} is not written as a table with a header of its own")
    gap = newline if text else ""
    if text and not text.endswith("\n"):
        gap += newline
    name = table if _BARE_KEY.fullmatch(table) else quote(table)
    return f"{text}{gap}[{name}]{newline}{written}{newline}"


def without(text: str, table: str, key: str) -> str:
    """
    Return the text without one key of a top-level table, and the comment behind it; all else stays as it is.

    Args:
        text: a valid document.
        table: name of the table.
        key: in the table.
    Raises:
        ValueError: the key is not there, or written in a way that this cannot edit: inside an inline table.
    """
    for statement in statements(text):
        if statement.path == (table, key) and not statement.header:
            # A key and its value begin on one line, and nothing else may stand before or behind them.
            start, end = text.rfind("\n", 0, statement.value[0]) + 1, text.find("\n", statement.value[1])
            return text[:start] + (text[end + 1 :] if end >= 0 else "")
    raise ValueError(f"{key!r} of {table!r} does not stand on a line of its own")


def quote(value: str) -> str:
    """Return a text as a TOML string on one line."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\u{ord(match[0]):04x}", escaped) + '"'


def _skip(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _line_end(text: str, at: int) -> int:
    """Return the offset of the end of a line, before its CR or LF."""
    end = text.find("\n", at)
    if end < 0:
        return len(text)
    return end - 1 if text[end - 1] == "\r" and end > at else end


def _line_rest(text: str, at: int) -> str:
    return text[at : _line_end(text, at)]


def _key_path(text: str, at: int) -> tuple[Path, int]:
    """Read `a . "b" . 'c'` and return it with the offset of what follows it."""
    path: list[str] = []
    while True:
        at = _skip(_SPACE, text, at)
        match = _STRING.match(text, at) or _BARE_KEY.match(text, at)
        if match is None:
            raise ValueError(f"a key expected at offset {at}")
        piece = match[0]
        path.append(tomllib.loads(f"key = {piece}")["key"] if piece[0] in "\"'" else piece)
        at = _skip(_SPACE, text, match.end())
        if not text.startswith(".", at):
            return tuple(path), at
        at += 1


def _value_end(text: str, at: int) -> int:
    """Return the offset after a value; arrays and inline tables may hold comments and span lines."""
    depth = 0
    while at < len(text):
        letter = text[at]
        if depth:
            at = _skip(_BLANK, text, at)
            letter = text[at]
        if letter in "[{":
            depth += 1
            at += 1
        elif letter in "]}":
            depth -= 1
            at += 1
        elif letter == ",":
            at += 1
        else:
            match = _STRING.match(text, at) or _SCALAR.match(text, at)
            if match is None:
                raise ValueError(f"a value expected at offset {at}")
            at = match.end()
            if not depth:
                return at - (len(match[0]) - len(match[0].rstrip()))
        if not depth:
            return at
    return at
