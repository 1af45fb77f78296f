"""
The options before a key in authorized_keys.

One row for each option that there is. What restricts something this server never does is met without doing anything;
what it can carry out is kept for whoever judges the key; anything else refuses the key: a restriction that is not
carried out must not look as if it were. Source: sshd(8), AUTHORIZED_KEYS FILE FORMAT.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from conchsftp.auth.keys.source_patterns import SourcePatterns

_OPTION = re.compile(r'([A-Za-z0-9-]+)(?:="((?:[^"\\]|\\.)*)")?(,|(?=[ \t]))')
_TIME = re.compile(r"(\d{8})(?:(\d{4})(\d{2})?)?(Z?)", re.ASCII | re.IGNORECASE)
# OpenSSH's two servers of SFTP: in the process, and a program of any distribution. Logging is all that may be asked of
# them: any other argument restricts, or leads elsewhere.
_SFTP = re.compile(r"(?:internal-sftp|(?:/[\w.+/-]*)?/sftp-server)(?:\s+(?:-e|-[fl]\s*[A-Za-z0-9]+))*\s*", re.ASCII)


class BadOption(ValueError):
    """An option that refuses its key; the text is for the log."""


@dataclass(slots=True, kw_only=True, frozen=True)
class KeyOptions:
    """
    What the options of one key come to.

    Attributes:
        sources: where a client with this key may come from; None: from anywhere.
        expires: when the key is no longer accepted, in seconds since 1970; None: never.
        cert_authority: the key lets nobody in itself, but certificates that it has signed.
        principals: whom such a certificate has to name, at least one of them; None: the user.
        no_touch_required: a security key need not be touched.
        verify_required: a security key must have verified its user, by a PIN for example; any other key is refused.
    """

    sources: SourcePatterns | None = None
    expires: float | None = None
    cert_authority: bool = False
    principals: frozenset[str] | None = None
    no_touch_required: bool = False
    verify_required: bool = False

    def refusal(self, address: str | None, now: float) -> str:
        """
        Return why the key does not let in, empty if it may.

        Args:
            address: where the client is; None if that is no address.
            now: seconds since 1970.
        """
        if self.expires is not None and now >= self.expires:
            return "the key has expired"
        if self.sources is not None and (address is None or not self.sources.allow(address)):
            return f"the key may not be used from {address}"
        return ""


@dataclass(slots=True, kw_only=True, frozen=True)
class KeyOption:
    """
    One row: an option.

    Attributes:
        name: as it is written, in small letters; case does not matter.
        done: what is done about it, for the documents.
        field: of `KeyOptions`; empty: nothing has to be kept.
        read: makes the value; raises ValueError. None: the option has no value.
        join: what the option means if it stands there twice; None: that refuses the key.
    """

    name: str
    done: str
    field: str = ""
    read: Callable[[str], Any] | None = None
    join: Callable[[Any, Any], Any] | None = None


def _last(first: Any, second: Any) -> Any:
    return second


def _names(text: str) -> frozenset[str]:
    names = frozenset(name for name in text.split(",") if name)
    if not names:
        raise ValueError("at least one name expected")
    return names


def _sftp(text: str) -> None:
    if not _SFTP.fullmatch(text.strip()):
        raise ValueError("this server runs no commands; `internal-sftp` alone is what it does anyway")


def is_sftp(command: str) -> bool:
    """Return whether a command that is forced upon a client is what this server does anyway."""
    return _SFTP.fullmatch(command.strip()) is not None


def read_time(text: str) -> float:
    """
    Return what `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS` means, in seconds since 1970.

    A `Z` at the end means UTC, without it the time of this machine.

    Raises:
        ValueError: it is none of these, or there is no such day.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError("YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS expected, with a Z for UTC")
    day, minute, second, universal = match.groups()
    try:
        moment = datetime.strptime(day + (minute or "0000") + (second or "00"), "%Y%m%d%H%M%S")
        return moment.replace(tzinfo=UTC if universal else None).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"there is no such time as {text}") from None


_NEVER = "nothing: this server never does that"
_NOT_MORE = "nothing: what it allows is never done here"

OPTIONS: dict[str, KeyOption] = {
    row.name: row
    for row in (
        KeyOption(
            name="from",
            done="the client's address must match: networks, addresses, `*`, `?`, `!`; names of hosts match nobody",
            field="sources",
            read=SourcePatterns.parse,
        ),
        KeyOption(
            name="expiry-time", done="the key is refused from then on", field="expires", read=read_time, join=min
        ),
        KeyOption(
            name="cert-authority",
            done="certificates of this key let in, the key itself does not",
            field="cert_authority",
            join=_last,
        ),
        KeyOption(
            name="principals",
            done="whom a certificate of this key has to name, instead of the user",
            field="principals",
            read=_names,
        ),
        KeyOption(
            name="no-touch-required",
            done="a security key need not be touched",
            field="no_touch_required",
            join=_last,
        ),
        KeyOption(
            name="verify-required",
            done="a security key must have asked for its PIN or the like; other keys are refused",
            field="verify_required",
            join=_last,
        ),
        KeyOption(
            name="command",
            done="`internal-sftp` or `…/sftp-server`, at most with `-e`, `-f` and `-l`: nothing; any other command"
            " refuses the key",
            read=_sftp,
        ),
        KeyOption(name="restrict", done=_NEVER, join=_last),
        KeyOption(name="no-agent-forwarding", done=_NEVER, join=_last),
        KeyOption(name="no-port-forwarding", done=_NEVER, join=_last),
        KeyOption(name="no-pty", done=_NEVER, join=_last),
        KeyOption(name="no-user-rc", done=_NEVER, join=_last),
        KeyOption(name="no-x11-forwarding", done=_NEVER, join=_last),
        KeyOption(name="agent-forwarding", done=_NOT_MORE, join=_last),
        KeyOption(name="port-forwarding", done=_NOT_MORE, join=_last),
        KeyOption(name="pty", done=_NOT_MORE, join=_last),
        KeyOption(name="user-rc", done=_NOT_MORE, join=_last),
        KeyOption(name="x11-forwarding", done=_NOT_MORE, join=_last),
        KeyOption(name="permitopen", done=_NOT_MORE, read=str, join=_last),
        KeyOption(name="permitlisten", done=_NOT_MORE, read=str, join=_last),
        KeyOption(name="tunnel", done=_NOT_MORE, read=str, join=_last),
        KeyOption(name="environment", done="nothing: no program is run that could see it", read=str, join=_last),
    )
}


def read_options(line: str, is_key: Callable[[str], bool]) -> tuple[KeyOptions, str]:
    """
    Read what stands before a key.

    Args:
        line: the whole line.
        is_key: says whether a key begins a text.
    Returns:
        The options, and the rest of the line.
    Raises:
        BadOption: an option is unknown, refuses its key or stands there twice, or these are no options before a key.
    """
    at, separator = 0, ","
    said: set[str] = set()
    values: dict[str, Any] = {}
    complaints: list[str] = []
    while separator and (match := _OPTION.match(line, at)):
        at = match.end()
        name, value, separator = match.groups()
        try:
            _take(values, said, name, value)
        except ValueError as problem:
            complaints.append(str(problem))
    rest = line[at:].lstrip()
    if separator or not is_key(rest):
        raise BadOption("neither a known type of key nor options before one")
    if complaints:
        raise BadOption(complaints[0])
    return KeyOptions(**values), rest


def _take(values: dict[str, Any], said: set[str], name: str, value: str | None) -> None:
    """Take one option into the fields."""
    row = OPTIONS.get(name.lower())
    if row is None:
        raise BadOption(f"the option {name[:64]!r} is not supported")
    if (row.read is None) != (value is None):
        raise BadOption(f"the option {name!r} {'has no value' if row.read is None else 'needs a value'}")
    if row.name in said and row.join is None:
        raise BadOption(f"the option {name!r} stands there twice")
    said.add(row.name)
    try:
        read = True if row.read is None else row.read((value or "").replace('\\"', '"'))
    except ValueError as problem:
        raise BadOption(f"the option {name!r}: {problem}") from None
    if row.field:
        values[row.field] = row.join(values[row.field], read) if row.field in values and row.join else read
