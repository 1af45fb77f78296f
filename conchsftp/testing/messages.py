"""
SFTP seen from a client: requests to packets, packets to replies, by the tables that the server decodes with.

For tests only: slow, and it believes what a server says.
"""

from collections.abc import Callable
from typing import Any

from conchsftp.sftp.attribute_codec import attributes_kind
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.extended import UnknownExtended
from conchsftp.sftp.fields import REQUESTS, Field
from conchsftp.sftp.numbers import PacketType
from conchsftp.sftp.replies import (
    Attrs,
    Data,
    ExtendedReply,
    HandleReply,
    NameEntry,
    Names,
    Reply,
    StatusReply,
    UnknownPrincipal,
)
from conchsftp.wire.kinds import BYTES, U8, U32, Kind
from conchsftp.wire.reader import Reader

_LAYOUTS = {layout.record: layout for layout in REQUESTS}


def encode(request_id: int, request: Any, version: int) -> bytes:
    """Return the packet of a request, its length included; `request` is a record of `conchsftp.sftp.requests`."""
    if isinstance(request, UnknownExtended):
        head = U8.pack(PacketType.EXTENDED) + U32.pack(request_id)
        return BYTES.pack(head + BYTES.pack(request.name) + request.data)
    layout = _LAYOUTS[type(request)]
    fields = [field for field in layout.fields if version in field.versions]
    if layout.either_order:
        # As OpenSSH and all who follow it; a client that names itself otherwise is not played here.
        fields.reverse()
    head = U8.pack(layout.type) + U32.pack(request_id)
    if layout.name:
        head += BYTES.pack(layout.name)
    return BYTES.pack(head + b"".join(_packed(field, request, version) for field in fields))


def decode(packet: bytes, version: int) -> tuple[int, Reply]:
    """Return request id and reply of a packet, given without its length."""
    reader = Reader(packet)
    decoder, request_id = _REPLIES[reader.u8()], reader.u32()
    return request_id, decoder(reader, version)


def _packed(field: Field, request: Any, version: int) -> bytes:
    kind = field.kind if isinstance(field.kind, Kind) else field.kind(version)
    if len(field.names) == 2:
        return kind.pack(tuple(getattr(request, name) for name in field.names))
    return kind.pack(getattr(request, field.names[0]))


def _status(reader: Reader, version: int) -> StatusReply:
    fields: dict[str, Any] = {"status": reader.u32(), "message": reader.text(), "language": reader.text()}
    names = []
    while reader.remaining:
        names.append(reader.text())
    return UnknownPrincipal(**fields, names=tuple(names)) if names else StatusReply(**fields)


def _data(reader: Reader, version: int) -> Data:
    return Data(data=reader.string(), end_of_file=bool(reader.rest()))


def _names(reader: Reader, version: int) -> Names:
    entries = []
    for _ in range(reader.u32()):
        name = reader.string()
        line = reader.string() if version == 3 else None
        entries.append(NameEntry(name, line, _attributes(reader, version)))
    return Names(entries=entries, end_of_list=bool(reader.rest()) or None)


def _attributes(reader: Reader, version: int) -> Attributes:
    return reader.read(attributes_kind(version))


_REPLIES: dict[int, Callable[[Reader, int], Reply]] = {
    PacketType.STATUS: _status,
    PacketType.HANDLE: lambda reader, version: HandleReply(handle=reader.string()),
    PacketType.DATA: _data,
    PacketType.NAME: _names,
    PacketType.ATTRS: lambda reader, version: Attrs(attributes=_attributes(reader, version)),
    PacketType.EXTENDED_REPLY: lambda reader, version: ExtendedReply(payload=reader.rest()),
}
