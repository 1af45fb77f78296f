"""
Listings as clients read them: a parser of the lines of `ls -l` such as FileZilla's, and of NAME replies.
"""

import re
from dataclasses import dataclass
from struct import unpack_from

from tests.session.support import string_at

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# What FileZilla goes by: words between blanks, of which the first tells the type, the fifth the size, the next three
# the date; all that follows one blank is the name.
_LINE = re.compile(
    rb"(?P<type>[-dlbcps])(?P<mode>[-rwxsStT]{9}) +(?P<links>\d+) +(?P<owner>[^ ]+) +(?P<group>[^ ]+) +(?P<size>\d+)"
    rb" (?P<month>[A-Z][a-z]{2}) (?P<day>[ 1-3]\d) (?:(?P<time>\d\d:\d\d)| (?P<year>\d{4})) (?P<name>.*)"
)
_NUMBERS = ("links", "size", "day")


@dataclass(slots=True, kw_only=True)
class Entry:
    """One entry of a NAME reply; permissions are those of the attributes, file type included."""

    name: bytes
    line: bytes
    size: int
    permissions: int
    mtime: int


def entries(packet: bytes) -> list[Entry]:
    """Return the entries of a NAME reply; fails if anything is left over, or if there is none."""
    (count,) = unpack_from(">I", packet, 5)
    assert count > 0, "an empty NAME"
    at = 9
    found = []
    for _ in range(count):
        name = string_at(packet, at)
        line = string_at(packet, at + 4 + len(name))
        at += 8 + len(name) + len(line)
        flags, size, _, _, permissions, _, mtime = unpack_from(">IQIIIII", packet, at)
        assert flags == 0xF, flags
        at += 32
        found.append(Entry(name=name, line=line, size=size, permissions=permissions, mtime=mtime))
    assert at == len(packet), "bytes after the last entry"
    return found


def parsed(line: bytes) -> dict[str, object]:
    """Return the columns of a line; numbers as such. Fails where FileZilla would not understand it."""
    match = _LINE.fullmatch(line)
    assert match is not None, line
    columns: dict[str, object] = {name: (value or b"").decode("latin-1") for name, value in match.groupdict().items()}
    assert columns["month"] in MONTHS, line
    for name in _NUMBERS:
        columns[name] = int(str(columns[name]))
    return columns
