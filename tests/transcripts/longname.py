"""
A listing's line as FileZilla understands it: type, size, date and name, out of what `ls -l` would print.

Goes from left to right, as such parsers do, and knows nothing of how the server wrote the line.
"""

import re
from dataclasses import dataclass

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_LINE = re.compile(
    rb"(?P<mode>[bcdlps-][r-][w-][xsS-][r-][w-][xsS-][r-][w-][xtT-]) +"
    rb"(?P<links>\d+) +(?P<owner>[^ ]+) +(?P<group>[^ ]+) +(?P<size>\d+) "
    rb"(?P<date>(?P<month>[A-Z][a-z][a-z]) (?P<day>[ \d]\d) (?:(?P<time>\d\d:\d\d)| (?P<year>\d{4}))) "
    rb"(?P<name>.+)"
)


class NotALine(AssertionError):
    """No file can be made of this line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    What FileZilla makes of a line.

    Attributes:
        type: the first letter: `-` a file, `d` a directory, `l` a link.
        name: all that follows the one blank after the date, leading blanks included.
    """

    type: str
    permissions: str
    size: int
    date: str
    name: bytes


def parse(line: bytes) -> Line:
    """Read one line, without an end of line; raises NotALine."""
    found = _LINE.fullmatch(line)
    if found is None or found["month"].decode() not in MONTHS or not 1 <= int(found["day"]) <= 31:
        raise NotALine(f"no line of a listing: {line!r}")
    mode = found["mode"].decode()
    return Line(
        type=mode[0],
        permissions=mode[1:],
        size=int(found["size"]),
        date=found["date"].decode(),
        name=found["name"],
    )
