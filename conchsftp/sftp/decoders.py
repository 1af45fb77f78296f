"""
From the declarations in `requests` to one decoder per request and version.

A decoder is a function of (packet, at, rest): one packet without its length, where its fields begin, and what follows
the packet in other buffers, which only the data of WRITE may reach. It returns the record. It raises `struct.error` or
`Malformed` where the packet ends too early, and `SFTPError` for a value that the protocol forbids. The packet is bytes;
only that of WRITE may be a view, and only its data remains one.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import MISSING
from functools import cache
from itertools import groupby
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.sftp.clients import Order
from conchsftp.sftp.compiler import Source
from conchsftp.sftp.extended import UnknownExtended
from conchsftp.sftp.fields import DATA, REQUESTS, Field, Layout
from conchsftp.sftp.numbers import PacketType
from conchsftp.sftp.statuses import Status
from conchsftp.wire.kinds import Buffer, Kind, Malformed, extent

Decoder = Callable[[Buffer, int, Sequence[Buffer]], Any]

BODY = 5
"""Where the fields begin: after the type and the request id."""

_unpack_length = struct.Struct(">I").unpack_from


@cache
def decoders(version: int, symlinks: Order) -> list[Decoder]:
    """
    Return the decoders of a version, by packet type.

    Args:
        version: 3 to 6.
        symlinks: the order of the names in SYMLINK.
    """
    table: list[Decoder] = [_unsupported] * 256
    extended: dict[bytes, Decoder] = {}
    for layout in REQUESTS:
        if version not in layout.versions:
            continue
        if layout.name:
            extended[layout.name] = _compile(layout, version, symlinks)
        else:
            table[layout.type] = _compile(layout, version, symlinks)
    table[PacketType.EXTENDED] = _extended(extended)
    return table


def _unsupported(packet: Buffer, at: int, rest: Sequence[Buffer]) -> Any:
    raise SFTPError(Status.OP_UNSUPPORTED, f"Packet type {packet[0]} is not known in this version")


def _extended(table: dict[bytes, Decoder]) -> Decoder:
    def decode_extended(packet: Buffer, at: int, rest: Sequence[Buffer]) -> Any:
        start, end = extent(packet, at, "the name of an extended request")
        name = bytes(packet[start:end])
        decoder = table.get(name)
        if decoder is None:
            return UnknownExtended(name=name, data=bytes(packet[end:]))
        return decoder(packet, end, rest)

    return decode_extended


def gather(packet: Buffer, at: int, rest: Sequence[Buffer]) -> list[Buffer]:
    """Return the pieces of a counted value that begins in `packet` and may end in one of the buffers after it."""
    (length,) = _unpack_length(packet, at)
    start = at + 4
    piece = packet[start : start + length]
    missing = length - len(piece)
    if not missing:
        return [piece]
    pieces = [piece] if piece else []
    for piece in rest:
        piece = piece[:missing]
        pieces.append(piece)
        missing -= len(piece)
        if not missing:
            return pieces
    raise Malformed(f"{length - missing} bytes, {length} needed for data")


def _compile(layout: Layout, version: int, symlinks: Order) -> Decoder:
    fields = list(layout.fields)
    if layout.either_order and symlinks is Order.TARGET_FIRST:
        fields.reverse()
    present = [field for field in fields if version in field.versions]
    filled = {name for field in present for name in field.names}
    scattered = any(field.kind is DATA for field in present)
    source = Source(f"decode_{layout.record.__name__}_{version}", "packet, at, rest", owned=not scattered)
    source.add(f"record = {source.refer('new', object.__new__)}({source.refer(layout.record.__name__, layout.record)})")
    for field in fields:
        if not filled.issuperset(field.names):
            source.add(f"record.{field.names[0]} = {source.refer('default', field.default)}")
    for straight, run in groupby(present, _straight):
        if straight:
            _read_run(source, list(run), version)
        else:
            for field in run:
                _read_field(source, field, version)
    source.add("return record")
    return source.build()


def _straight(field: Field) -> bool:
    return field.absent is MISSING and field.kind is not DATA


def _read_run(source: Source, fields: list[Field], version: int) -> None:
    source.unpack([_target(field) for field in fields], [_kind(field, version) for field in fields])


def _read_field(source: Source, field: Field, version: int) -> None:
    if field.kind is DATA:
        source.add(f"{_target(field)} = {source.refer('gather', gather)}(packet, at, rest)")
        return
    source.add("if at < len(packet):")
    _read_run(source, [field], version)
    source.end()
    source.add("else:", f"{_target(field)} = {source.refer('absent', field.absent)}")
    source.end()


def _target(field: Field) -> str:
    return ", ".join(f"record.{name}" for name in field.names)


def _kind(field: Field, version: int) -> Kind[Any]:
    return field.kind if isinstance(field.kind, Kind) else field.kind(version)
