"""
The line that version 3 shows for a name: that of `ls -l`.

Clients parse it: FileZilla takes everything but name and time from it. So the columns have the widths of the draft and
the months are English. Looks nothing up: names of users and groups are in the attributes.
Source: filexfer-02, section 7.
"""

import stat
import time
from functools import lru_cache

from conchsftp.sftp.attribute_table import TYPE_BITS
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MINUTES = tuple(b"%02d:%02d" % divmod(minute, 60) for minute in range(24 * 60))
_NO_DATE = b" " * 12

# `ls` shows the time of day for half a year, then the year.
_DAY_SECONDS = 24 * 3600
_HALF_A_YEAR_SECONDS = 365 * _DAY_SECONDS // 2

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
    date = _NO_DATE if seconds is None else _date(seconds, 0 <= now - seconds < _HALF_A_YEAR_SECONDS)
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
    # What has no letter of its own is shown as a file: clients understand that, and not the "?" that `stat` has for it.
    mode = stat.filemode((permissions or 0) | (TYPE_BITS[file_type or 0] or stat.S_IFREG))
    return b"%b %3d %-8b %-8b " % (mode.encode("ascii"), 1 if links is None else links, _text(owner), _text(group))


def _text(value: str | int | None) -> bytes:
    text = "?" if value is None else str(value)
    return text.encode("utf-8", "surrogateescape").translate(_COLUMN) or b"?"


def _date(seconds: int, recent: bool) -> bytes:
    """Return a local date of twelve characters: with the time of day if it is recent, else with the year."""
    try:
        offset = _offset(seconds // _DAY_SECONDS)
        if offset is None:
            offset = time.localtime(seconds).tm_gmtoff
        day, second = divmod(seconds + offset, _DAY_SECONDS)
        short, long = _calendar(day)
    except (OverflowError, ValueError, OSError):
        return _NO_DATE
    return short + _MINUTES[second // 60] if recent else long


@lru_cache(maxsize=8192)
def _offset(day: int) -> int | None:
    """Return how far local time is ahead all through a day since 1970, in seconds; None if that changes on the day."""
    ahead, afterwards = (time.localtime(start * _DAY_SECONDS).tm_gmtoff for start in (day, day + 1))
    return ahead if ahead == afterwards else None


@lru_cache(maxsize=8192)
def _calendar(day: int) -> tuple[bytes, bytes]:
    """Return a day since 1970 as it stands before a time of day, and with its year."""
    year, month, day_of_month, *_ = time.gmtime(day * _DAY_SECONDS)
    if not 0 <= year <= 9999:
        raise ValueError(f"the year {year} is too wide for its column")
    short = f"{_MONTHS[month - 1]} {day_of_month:2d} "
    return short.encode("ascii"), f"{short} {year:4d}".encode("ascii")
