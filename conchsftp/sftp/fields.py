"""
The words in which requests are declared: fields, their spans of versions, and the kinds that only SFTP has.

A declaration says how a request lies on the wire and makes the record that it becomes; `decoders` compiles it. Which
requests there are stands in `requests`.
"""

import dataclasses
import struct
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from enum import IntFlag
from typing import Any, TypeVar, dataclass_transform

from conchsftp.errors import SFTPError
from conchsftp.sftp.numbers import VERSIONS, Access, Disposition, OpenFlag, PacketType, RealPath, RenameFlag
from conchsftp.sftp.open_mode import from_pflags, from_pflags_3, meant, to_pflags
from conchsftp.sftp.statuses import Status
from conchsftp.wire.kinds import BYTES, Buffer, Counted, Fixed, Kind, Malformed, extent

R = TypeVar("R")
F = TypeVar("F", bound=IntFlag)
AnyKind = Kind[Any] | Callable[[int], Kind[Any]]
_Opening = tuple[Access, OpenFlag]

_KNOWN_ACCESS = 0x1F01FF

# Each stands for a look-up in an account database, which blocks: one packet has room for 65,000 of them.
_MOST_NUMBERS = 1024
# No more algorithms than that have a name; what comes behind is not looked at.
_MOST_WORDS = 64


@dataclass(frozen=True, slots=True)
class Field:
    """
    One value of a request on the wire.

    Attributes:
        names: the attribute of the record that it fills, or the two.
        kind: how it is read, or what tells that for a version.
        versions: where it is on the wire.
        default: what the record holds in the other versions.
        absent: what it holds where the packet ends before it; `MISSING` if no packet may.
    """

    names: tuple[str, ...]
    kind: AnyKind
    versions: range
    default: Any
    absent: Any


@dataclass(frozen=True, slots=True)
class Layout:
    """
    How a request lies on the wire.

    Attributes:
        record: the class of the request.
        type: its packet type.
        name: its name, if it is an extended request; else empty.
        versions: which know it.
        told: what VERSION says beside its name, if it is advertised; else empty.
        either_order: whether clients disagree on the order of the fields; see `clients.Order`.
        fields: in the order of the wire.
    """

    record: type[Any]
    type: PacketType
    name: bytes
    versions: range
    told: bytes
    either_order: bool
    fields: tuple[Field, ...]


REQUESTS: list[Layout] = []
"""Every request that has been declared."""


def wire(kind: AnyKind, versions: range = VERSIONS, *, default: Any = MISSING, absent: Any = MISSING) -> Any:
    """Declare a field of a record and its value on the wire, at its place in the order of the wire."""
    return dataclasses.field(default=default, metadata={"wire": (kind, versions, default, absent)})


def wire_only(kind: AnyKind, versions: range, *names: str) -> Field:
    """Declare a value on the wire that fills the fields `names`, in versions that have no place for each of them."""
    return Field(names, kind, versions, MISSING, MISSING)


@dataclass_transform(kw_only_default=True, field_specifiers=(wire,))
def request(
    packet_type: PacketType,
    name: bytes = b"",
    *,
    versions: range = VERSIONS,
    told: bytes = b"",
    either_order: bool = False,
) -> Callable[[type[R]], type[R]]:
    """Make a record of a class and declare its layout."""

    def declare(cls: type[R]) -> type[R]:
        fields = []
        for key, value in list(vars(cls).items()):
            if isinstance(value, Field):
                fields.append(value)
                delattr(cls, key)
            elif isinstance(value, dataclasses.Field):
                fields.append(Field((key,), *value.metadata["wire"]))
        record = dataclass(slots=True, kw_only=True)(cls)
        REQUESTS.append(Layout(record, packet_type, name, versions, told, either_order, tuple(fields)))
        return record

    return declare


def layout_of(record: type[Any]) -> Layout:
    """Return the layout of a request by a search: for tables that are built once, not for each packet."""
    return next(layout for layout in REQUESTS if layout.record is record)


def _path(data: bytes) -> bytes:
    if 0 in data:
        raise SFTPError(Status.INVALID_FILENAME, "The name holds a zero byte")
    return data


def _paths(packet: Buffer, at: int) -> tuple[tuple[bytes, ...], int]:
    paths = []
    while at < len(packet):
        path, at = PATH.unpack(packet, at)
        paths.append(path)
    return tuple(paths), at


def _numbers(data: bytes) -> list[int]:
    if len(data) % 4:
        raise Malformed(f"{len(data)} bytes of 32-bit numbers")
    if len(data) > 4 * _MOST_NUMBERS:
        raise SFTPError(Status.INVALID_PARAMETER, f"{len(data) // 4} numbers, {_MOST_NUMBERS} at most")
    return list(struct.unpack(f">{len(data) // 4}I", data))


def _words(data: bytes) -> list[bytes]:
    return data.split(b",", _MOST_WORDS)[:_MOST_WORDS] if data else []


def _data(packet: Buffer, at: int) -> tuple[list[Buffer], int]:
    start, end = extent(packet, at, DATA.name)
    return [packet[start:end]], end


def _choice(packet: Buffer, at: int) -> tuple[bytes, int]:
    try:
        return BYTES.unpack(packet, at)
    except Malformed:
        return b"", len(packet)


def _flags(name: str, enum: type[F], known: int) -> Fixed[F]:
    # Unknown bits are dropped: they mean nothing, and an IntFlag remembers for ever each combination that it has seen.
    return Fixed(name, "I", lambda bits: enum(bits & known))


def _control(number: int) -> RealPath:
    if number not in (1, 2, 3):
        raise Malformed(f"REALPATH with control byte {number}, 1 to 3 expected")
    return RealPath(number)


def _open_flags(flags: int) -> OpenFlag:
    if flags & OpenFlag.DISPOSITION > Disposition.TRUNCATE_EXISTING:
        raise SFTPError(Status.INVALID_PARAMETER, f"OPEN with disposition {flags & OpenFlag.DISPOSITION}, 0 to 4 known")
    return OpenFlag(flags)


def _opening(known: int) -> Kind[_Opening]:
    def decode(both: int) -> _Opening:
        flags = _open_flags(both & known)
        return meant(both >> 32 & _KNOWN_ACCESS, flags), flags

    return Fixed("an access mask and open flags", "Q", decode, lambda both: both[0] << 32 | both[1])


def opening_kind(version: int) -> Kind[tuple[Access, OpenFlag]]:
    """Return how access and flags of OPEN are read in a version, 5 or 6."""
    return _OPENING[version]


PATH: Kind[bytes] = Counted("a path", _path)
PATHS: Kind[tuple[bytes, ...]] = Kind("paths", _paths, lambda paths: b"".join(map(PATH.pack, paths)))
HANDLE: Kind[bytes] = Counted("a handle")
TEXT: Kind[bytes] = Counted("a text")
"""A string for people."""
CHOICE: Kind[bytes] = Kind("a choice", _choice, BYTES.pack)
"""A string; empty where it is cut off: who has to refuse that otherwise than BAD_MESSAGE can tell it from others."""
NUMBERS: Kind[list[int]] = Counted("numbers", _numbers, lambda values: struct.pack(f">{len(values)}I", *values))
WORDS: Kind[list[bytes]] = Counted("a list of names", _words, b",".join)
DATA: Kind[list[Buffer]] = Kind("data", _data, lambda pieces: BYTES.pack(b"".join(pieces)))
# RESOLVE has no byte; what asks for least is next to it.
CONTROL: Kind[RealPath] = Fixed("a control byte", "B", _control, lambda control: control or RealPath.NO_CHECK)
# What comes after the locks is of version 6 (filexfer-05, 6.3).
_OPENING = {5: _opening(0x1FF), 6: _opening(0xFFFF)}
PFLAGS: Kind[_Opening] = Fixed("pflags", "I", from_pflags, lambda both: to_pflags(*both))
PFLAGS_3: Kind[_Opening] = Fixed("pflags", "I", from_pflags_3, lambda both: to_pflags(*both))
RENAME_FLAGS: Kind[RenameFlag] = _flags("rename flags", RenameFlag, 0x7)
LOCK_MASK: Kind[OpenFlag] = _flags("a lock mask", OpenFlag, 0x3C0)
