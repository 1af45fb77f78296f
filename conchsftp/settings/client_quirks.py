"""
The kind of the setting ClientQuirks: what is written over the table of clients.

Knows the columns from the table's own row; a new column can be overridden without a word here.
"""

import re
from collections.abc import Iterable
from dataclasses import Field, dataclass
from enum import Enum
from typing import Any

from conchsftp.settings.kinds import BOOL, Kind, integer, one_of
from conchsftp.settings.row import hint
from conchsftp.sftp.clients import COLUMNS, Override


@dataclass(frozen=True, slots=True)
class Overrides:
    """What is written over the table of clients; the first row that matches a client counts."""

    rows: tuple[Override, ...] = ()

    def __str__(self) -> str:
        return ",".join(
            " ".join((row.pattern, *(f"{n}={QUIRKS[n].format(v)}" for n, v in row.columns))) for row in self.rows
        )


def _choice(choices: type[Enum]) -> Kind[Any]:
    """Return the kind of one member of an enumeration, by its text."""
    words = [member.value for member in choices]
    plain = one_of(*words)

    def parse(text: str) -> Enum:
        try:
            return choices(plain.parse(text))
        except ValueError as problem:
            raise ValueError(f"{problem}{hint(text, words)}") from None

    return Kind(
        described=plain.described,
        annotation=choices.__name__,
        parse=parse,
        take=plain.take,
        format=lambda value: str(value.value),
    )


def _kind(column: "Field[Any]") -> Kind[Any]:
    default = column.default
    if isinstance(default, Enum):
        return _choice(type(default))
    if isinstance(default, bool):
        return BOOL
    return integer(column.metadata["low"], column.metadata["high"])


QUIRKS = {column.name: _kind(column) for column in COLUMNS}
"""Column → the kind of its values."""

# What every version string begins with (RFC 4253, 4.2), and where a pattern is no longer plain text.
_BEGIN = "SSH-"
_WILDCARD = re.compile(r"[*?\[]")
_ROW = "a pattern of version strings and what to do with such clients, such as `SSH-2.0-MyClient* symlinks=link-first`"


def _row(text: str) -> Override:
    pattern, *parts = text.split()
    if not parts or "=" in pattern:
        raise ValueError(f"expected {_ROW}; got {text!r}")
    begin = _WILDCARD.split(pattern)[0].upper()
    if not begin.startswith(_BEGIN) and not _BEGIN.startswith(begin):
        raise ValueError(f"no client is like {pattern!r}: version strings begin with {_BEGIN}2.0-")
    columns: dict[str, Any] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.lower()
        if not equals:
            raise ValueError(f"expected NAME=VALUE after the pattern; got {part!r}")
        if name not in QUIRKS:
            raise ValueError(f"unknown quirk {name!r}{hint(name, QUIRKS) or '; known are ' + ', '.join(QUIRKS)}")
        try:
            columns[name] = QUIRKS[name].parse(value)
        except ValueError as problem:
            raise ValueError(f"{name}: {problem}") from None
    return Override(pattern, tuple(columns.items()))


def _parse(text: str) -> Overrides:
    return Overrides(tuple(_row(each) for each in text.split(",") if each.strip()))


def _take(value: object) -> Overrides:
    if isinstance(value, Overrides):
        return value
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        raise ValueError(f"expected a list of texts, each {_ROW}; got {value!r}")
    texts = list(value)
    if not all(isinstance(text, str) and text.strip() and "," not in text for text in texts):
        raise ValueError(f"expected a list of texts, each {_ROW}; got {value!r}")
    return _parse(",".join(texts))


CLIENT_QUIRKS: Kind[Overrides] = Kind(
    described=f"a comma-separated list, each entry {_ROW}",
    annotation="Overrides",
    module=__name__,
    parse=_parse,
    take=_take,
)
