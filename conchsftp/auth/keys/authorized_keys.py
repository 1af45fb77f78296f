"""
Lines of authorized_keys files.

Reads what OpenSSH reads, and RFC 4716 blocks. What an option before a key means is in `key_options.py`; a line that
cannot be used never spoils the others. Knows no users, and decides nothing.
Sources: the AUTHORIZED_KEYS FILE FORMAT section of OpenSSH's sshd(8); RFC 4716, section 3.
"""

from base64 import b64decode
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from conchsftp.auth.keys.key_options import BadOption, KeyOptions, read_options
from conchsftp.auth.keys.signatures import KEY_TYPES, BadKey, PublicKey

_BEGIN = b"---- BEGIN SSH2 PUBLIC KEY ----"
_END = b"---- END SSH2 PUBLIC KEY ----"

_Read = Callable[[str], tuple[PublicKey, KeyOptions]]


@dataclass(slots=True, kw_only=True, frozen=True)
class AuthorizedKey:
    """
    One key of a file, and what holds for it.

    Attributes:
        blob: the key's bytes.
        options: what stands before it.
        line: where it stands, counted from 1.
    """

    blob: bytes
    options: KeyOptions = KeyOptions()
    line: int = 1


class AuthorizedKeys:
    """
    Keys, each with its options; the same key may be there several times, and any of its lines may let in.

    Args:
        keys: in the order in which they stand in the file.
    """

    __slots__ = ("_by_blob", "keys")

    def __init__(self, keys: Iterable[AuthorizedKey] = ()) -> None:
        self.keys = tuple(keys)
        self._by_blob: dict[bytes, tuple[AuthorizedKey, ...]] = {}
        for key in self.keys:
            self._by_blob[key.blob] = (*self._by_blob.get(key.blob, ()), key)

    def find(self, blob: bytes) -> tuple[AuthorizedKey, ...]:
        """Return the lines of a key that lets in itself."""
        return tuple(key for key in self._by_blob.get(blob, ()) if not key.options.cert_authority)

    def find_authority(self, blob: bytes) -> tuple[AuthorizedKey, ...]:
        """Return the lines of a key whose certificates let in."""
        return tuple(key for key in self._by_blob.get(blob, ()) if key.options.cert_authority)

    def __eq__(self, other: object) -> bool:
        return self.keys == other.keys if isinstance(other, AuthorizedKeys) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.keys)

    def __bool__(self) -> bool:
        return bool(self.keys)

    def __repr__(self) -> str:
        return f"AuthorizedKeys(<{len(self.keys)} keys>)"


@dataclass(slots=True, kw_only=True)
class KeyList:
    """
    What a text holds.

    Attributes:
        keys: the keys that may log in, in order.
        refused: line number, counted from 1, and reason of each key that may not.
        notes: line number and what should be known of a key that may.
    """

    keys: list[AuthorizedKey] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    notes: list[tuple[int, str]] = field(default_factory=list)

    @property
    def complaints(self) -> list[tuple[int, str]]:
        """Line number, and what to tell the operator about it, in order."""
        refused = [(line, f"key not accepted: {reason}") for line, reason in self.refused]
        return sorted(refused + self.notes, key=lambda each: each[0])


def read_keys(text: bytes, *, authorities: bool = False) -> KeyList:
    """
    Read the lines of an authorized_keys file; LF, CRLF and CR end a line.

    A line that cannot be used stands in `refused` and does not spoil the others.

    Args:
        text: the lines.
        authorities: whether each key is one whose certificates let in, without saying so.
    """
    found = KeyList()
    for number, read, entry in _entries(text.removeprefix(BOM_UTF8)):
        try:
            key, options = read(entry)
        except (BadKey, BadOption) as problem:
            found.refused.append((number, str(problem)))
            continue
        if authorities:
            options = replace(options, cert_authority=True)
        found.keys.append(AuthorizedKey(blob=key.blob, options=options, line=number))
        for name in options.sources.names if options.sources is not None else ():
            text_of = f"from= names {name[:64]!r}, which matches nobody: names of hosts are not looked up"
            found.notes.append((number, text_of))
    return found


def _entries(text: bytes) -> Iterator[tuple[int, _Read, str]]:
    """Yield the line number of each key, what reads it, and its text; a block of RFC 4716 is one key."""
    block: list[bytes] | None = None
    begun = 0
    for number, line in enumerate(map(bytes.strip, text.splitlines()), 1):
        if line == _BEGIN:
            block, begun = [], number
        elif block is not None:
            if line == _END:
                yield begun, _read_block, _body(block)
                block = None
            else:
                block.append(line)
        elif line and not line.startswith(b"#"):
            yield number, _read_line, line.decode("utf-8", "replace")
    if block is not None:
        yield begun, _read_block, "(the block has no end)"


def _body(block: list[bytes]) -> str:
    """Return the base64 of an RFC 4716 block, without its headers; a header may go on after a backslash."""
    body, continued = b"", False
    for line in block:
        header = continued or b":" in line
        continued = header and line.endswith(b"\\")
        if not header:
            body += line
    return body.decode("ascii", "replace")


def _read_line(line: str) -> tuple[PublicKey, KeyOptions]:
    options = KeyOptions()
    if not _is_key_type(line):
        options, line = read_options(line, _is_key_type)
    type_name, *rest = line.split(maxsplit=2)
    if not rest:
        raise BadKey("the key itself is missing")
    key = _read_blob(rest[0])
    if key.type != type_name:
        raise BadKey(f"the line says {type_name}, the key {key.type}")
    return key, options


def _read_block(text: str) -> tuple[PublicKey, KeyOptions]:
    return _read_blob(text), KeyOptions()


def _read_blob(text: str) -> PublicKey:
    try:
        return PublicKey(b64decode(text, validate=True))
    except ValueError:
        raise BadKey("the key is not whole: bad base64") from None


def _is_key_type(text: str) -> bool:
    return any(word in KEY_TYPES for word in text.split(maxsplit=1)[:1])
