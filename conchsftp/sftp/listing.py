"""
The line that version 3 shows for a name: that of `ls -l`.

Clients parse it: FileZilla takes everything but name and time from it. So the columns have the widths of the draft and
the months are English. Looks nothing up: names of users and groups are in the attributes.
Source: filexfer-02, section 7.
"""

import stat
import time
from functools import lru_cache

from conchsftp.sftp.attributes import TYPE_BITS, Attributes
from conchsftp.sftp.numbers import FileType

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NO_DATE = b" " * 12

# `ls` shows the time of day for half a year, then the year.
_HALF_A_YEAR_SECONDS = 365 * 24 * 3600 // 2

# A control character in a name would make two lines of one, or steer the terminal that shows it.
_PRINTABLE = bytes(ord("?") if code < 32 or code == 127 else code for code in range(256))
_COLUMN = bytes(ord("_") if code == 32 else printable for code, printable in enumerate(_PRINTABLE))


def longname(name: bytes, attributes: Attributes, now: float) -> bytes:
    """
    Return the line for a name.

    Args:
        attributes: `owner` and `group` go into the line, or else the numbers.
        now: in seconds since 1970; decides whether a date has a time or a year.
    """
    a = attributes
    owner, group = a.uid if a.owner is None else a.owner, a.gid if a.group is None else a.group
    columns = _columns(a.type, a.permissions, a.link_count, owner, group)
    seconds = a.mtime
    date = _NO_DATE if seconds is None else _date(seconds // 60, 0 <= now - seconds < _HALF_A_YEAR_SECONDS)
    return b"%b%8d %b %b" % (columns, a.size or 0, date, name.translate(_PRINTABLE))


@lru_cache(maxsize=1024)
def _columns(
    file_type: FileType | None,
    permissions: int | None,
    links: int | None,
    owner: str | int | None,
    group: str | int | None,
) -> bytes:
    """Return all that stands before the size; the same for most files of a directory."""
    mode = stat.filemode((permissions or 0) | TYPE_BITS[file_type or 0])
    names = [_text(owner), _text(group)]
    return b"%s %3d %-8b %-8b " % (mode.encode("ascii"), 1 if links is None else links, *names)


def _text(value: str | int | None) -> bytes:
    text = "?" if value is None else str(value)
    return text.encode("utf-8", "surrogateescape").translate(_COLUMN) or b"?"


@lru_cache(maxsize=4096)
def _date(minute: int, recent: bool) -> bytes:
    """Return the local date of a minute since 1970: with the time of day if it is recent, else with the year."""
    try:
        year, month, day, hour, minutes, *_ = time.localtime(minute * 60)
    except (OverflowError, ValueError, OSError):
        return _NO_DATE
    text = f"{_MONTHS[month - 1]} {day:2d} " + (f"{hour:02d}:{minutes:02d}" if recent else f" {year:4d}")
    return text.encode("ascii") if len(text) == 12 else _NO_DATE
