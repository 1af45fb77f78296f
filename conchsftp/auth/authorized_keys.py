"""
Lines of authorized_keys files.

Reads what OpenSSH reads, and RFC 4716 blocks. An option that restricts something this server never does is met; any
other option refuses its key: a restriction that is not carried out must not look as if it were. Knows no users.
Sources: the AUTHORIZED_KEYS FILE FORMAT section of OpenSSH's sshd(8); RFC 4716, section 3.
"""

import re
from base64 import b64decode
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from conchsftp.auth.signatures import KEY_TYPES, BadKey, PublicKey

# Options that forbid, or allow, what this server never does for anybody: they change nothing.
MET_OPTIONS = frozenset(
    {
        "restrict",
        "no-agent-forwarding",
        "no-port-forwarding",
        "no-pty",
        "no-user-rc",
        "no-x11-forwarding",
        "agent-forwarding",
        "port-forwarding",
        "pty",
        "user-rc",
        "x11-forwarding",
        'command="internal-sftp"',
    }
)
_OPTION = re.compile(r'([A-Za-z0-9-]+)(?:="((?:[^"\\]|\\.)*)")?(,|(?=[ \t]))')
_BEGIN = b"---- BEGIN SSH2 PUBLIC KEY ----"
_END = b"---- END SSH2 PUBLIC KEY ----"


@dataclass(slots=True, kw_only=True)
class KeyList:
    """
    What a text holds.

    Attributes:
        keys: the keys that may log in, in order.
        refused: line number, counted from 1, and reason of each key that may not.
    """

    keys: list[PublicKey] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)


def read_keys(text: bytes) -> KeyList:
    """
    Read the lines of an authorized_keys file; LF, CRLF and CR end a line.

    A line that cannot be used stands in `refused` and does not spoil the others.
    """
    found = KeyList()
    for number, read, entry in _entries(text.removeprefix(BOM_UTF8)):
        try:
            found.keys.append(read(entry))
        except BadKey as problem:
            found.refused.append((number, str(problem)))
    return found


def _entries(text: bytes) -> Iterator[tuple[int, Callable[[str], PublicKey], str]]:
    """Yield the line number of each key, what reads it, and its text; a block of RFC 4716 is one key."""
    block: list[bytes] | None = None
    begun = 0
    for number, line in enumerate(map(bytes.strip, text.splitlines()), 1):
        if line == _BEGIN:
            block, begun = [], number
        elif block is not None:
            if line == _END:
                yield begun, _read_blob, _body(block)
                block = None
            else:
                block.append(line)
        elif line and not line.startswith(b"#"):
            yield number, _read_line, line.decode("utf-8", "replace")
    if block is not None:
        yield begun, _read_blob, "(the block has no end)"


def _body(block: list[bytes]) -> str:
    """Return the base64 of an RFC 4716 block, without its headers; a header may go on after a backslash."""
    body, continued = b"", False
    for line in block:
        header = continued or b":" in line
        continued = header and line.endswith(b"\\")
        if not header:
            body += line
    return body.decode("ascii", "replace")


def _read_line(line: str) -> PublicKey:
    type_name, *rest = (line if _is_key_type(line) else _after_options(line)).split(maxsplit=2)
    if not rest:
        raise BadKey("the key itself is missing")
    key = _read_blob(rest[0])
    if key.type != type_name:
        raise BadKey(f"the line says {type_name}, the key {key.type}")
    return key


def _read_blob(text: str) -> PublicKey:
    try:
        return PublicKey(b64decode(text, validate=True))
    except ValueError:
        raise BadKey("the key is not whole: bad base64") from None


def _is_key_type(text: str) -> bool:
    return any(word in KEY_TYPES for word in text.split(maxsplit=1)[:1])


def _after_options(line: str) -> str:
    """Return what follows the options, if they are all met."""
    at, unmet, separator = 0, [], ","
    while separator and (match := _OPTION.match(line, at)):
        at = match.end()
        name, value, separator = match.groups()
        option = name.lower() if value is None else f'{name.lower()}="{value}"'
        if option not in MET_OPTIONS:
            unmet.append(name)
    if separator or not _is_key_type(line[at:]):
        raise BadKey("neither a known type of key nor options before one")
    if unmet:
        raise BadKey(f"the option {unmet[0][:64]!r} is not supported")
    return line[at:]
