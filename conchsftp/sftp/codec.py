"""
From packets to requests and from replies to packets, for one version of the protocol.

All that differs between versions 3 and 6 ends here: above, everything has the meaning of version 6. The codec keeps no
state of a conversation; INIT and VERSION are in `handshake`. Sources: filexfer-02, -04, -05 and -13.
"""

import struct
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.sftp.attribute_codec import replied
from conchsftp.sftp.attribute_table import fields
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.clients import DEFAULT, Client
from conchsftp.sftp.decoders import BODY, decoders
from conchsftp.sftp.listing import longname
from conchsftp.sftp.numbers import VERSIONS, PacketType
from conchsftp.sftp.replies import Attrs, Data, ExtendedReply, HandleReply, Names, Reply, StatusReply, UnknownPrincipal
from conchsftp.sftp.statuses import CEILING, TEXTS, Status, lower
from conchsftp.wire.kinds import BYTES, Buffer, Malformed

_unpack_head = struct.Struct(">BI").unpack_from
_pack_head = struct.Struct(">IBI").pack
_pack_u32 = struct.Struct(">I").pack
_pack_head_and_u32 = struct.Struct(">IBII").pack

# As plain numbers: a member of an enum takes longer to find than a packet takes to pack.
_WRITE, _STATUS, _HANDLE = int(PacketType.WRITE), int(PacketType.STATUS), int(PacketType.HANDLE)
_DATA, _NAME, _ATTRS = int(PacketType.DATA), int(PacketType.NAME), int(PacketType.ATTRS)

# The head of a WRITE with the longest handle: "The length of the handle string MUST NOT exceed 256 data bytes."
# (filexfer-02, 7). A head in several pieces is joined, with all that follows: that is rare.
_LONGEST_HEAD = BODY + 4 + 256 + 8 + 4

_STATUS_HEAD = 4 + BODY
_TRUE = b"\x01"


class BadPacket(SFTPError):
    """
    A packet that is no request.

    Args:
        request_id: None if it cannot be read; then there is no answer, and the channel ends.
        status: what to answer, as the version can say it.
        text: what was expected and what came.
    """

    def __init__(self, request_id: int | None, status: int, text: str) -> None:
        super().__init__(status, text)
        self.request_id = request_id
        self.text = text


class Codec:
    """
    Reads the requests and writes the replies of one version.

    Args:
        version: 3 to 6.
        client: what is known of the peer.
        clock: the time in seconds since 1970; decides how dates are written in a version 3 listing.
    """

    data_head_size = 13
    """How many bytes `data_frame` puts before the data."""

    def __init__(self, version: int, client: Client = DEFAULT, *, clock: Callable[[], float] = time.time) -> None:
        if version not in VERSIONS:
            raise ValueError(f"version {version} of the protocol, 3 to 6 are known")
        self.version = version
        self._clock = clock
        self._decoders = decoders(version, client.symlinks)
        self._pack_attributes = replied(
            version,
            allocation_size=client.allocation_size,
            attribute_bits=client.attribute_bits,
            change_time=client.change_time,
        )
        self._no_attributes = self._pack_attributes(Attributes())
        self._status_tails = _status_tails(version)
        # "[end-of-file], [end-of-list]": from version 6 (filexfer-13, 9.3 and 9.4), and only when true: in some clients
        # a false one counts as true.
        self._has_ends = version >= 6 and client.ends
        # "error-specific data": from version 5 (filexfer-05, 7).
        self._has_error_data = version >= 5
        self._has_longnames = version == 3
        self.fields = fields(version)
        """The attributes that the version has words for, as names of `Attributes`."""
        self.refuses_extended = version >= 6
        """Whether a SETSTAT of extended attributes that nobody knows fails; before, these are ignored."""
        self.has_charset = version >= 4
        """Whether names are UTF-8 by definition; in version 3 they are whatever both sides use."""

    def decode(self, pieces: Sequence[Buffer]) -> tuple[int, Any]:
        """
        Read one packet.

        Args:
            pieces: the packet without its length field; several if it spans buffers. The data of a WRITE is returned as
                slices of them; all else is copied.
        Returns:
            The request id and one of the records in `requests`.
        Raises:
            BadPacket: with what to answer.
        """
        packet = pieces[0]
        rest: Sequence[Buffer] = ()
        if len(pieces) > 1:
            if len(packet) >= _LONGEST_HEAD and packet[0] == _WRITE:
                rest = pieces[1:]
            else:
                packet = b"".join(pieces)
        try:
            packet_type, request_id = _unpack_head(packet)
            if packet_type != _WRITE:
                packet = bytes(packet)
            return request_id, self._decoders[packet_type](packet, BODY, rest)
        except (struct.error, IndexError):
            text = f"The packet ends too early, after {len(packet)} bytes"
            raise self._refusal(packet, Status.BAD_MESSAGE, text) from None
        except Malformed as problem:
            raise self._refusal(packet, Status.BAD_MESSAGE, problem.text) from None
        except SFTPError as problem:
            raise self._refusal(packet, problem.status, problem.message) from None

    def _refusal(self, packet: Buffer, status: int, text: str) -> BadPacket:
        if len(packet) < BODY or packet[0] == PacketType.INIT:
            return BadPacket(None, Status.BAD_MESSAGE, text)
        # What an older version cannot say of a field is said of the message.
        status = status if status <= CEILING[self.version] else Status.BAD_MESSAGE
        return BadPacket(_unpack_head(packet)[1], status, text)

    def encode(self, request_id: int, reply: Reply) -> bytes:
        """Return the whole packet of a reply, its length field included."""
        return _ENCODERS[type(reply)](self, request_id, reply)

    def data_frame(self, request_id: int, count: int, end_of_file: bool = False) -> tuple[bytes, bytes]:
        """
        Return what stands before and after the data of a DATA reply, which is put in place by someone else.

        Args:
            count: how many bytes of data there are.
            end_of_file: whether the file ends behind them.
        """
        tail = _TRUE if end_of_file and self._has_ends else b""
        return _pack_head_and_u32(BODY + 4 + count + len(tail), _DATA, request_id, count), tail

    def _status(self, request_id: int, reply: StatusReply) -> bytes:
        if not reply.message and reply.language == "en":
            tail = self._status_tails.get(reply.status)
            if tail is not None:
                return _pack_head(BODY + len(tail), _STATUS, request_id) + tail
        status = lower(reply.status, self.version)
        tail = _status_tail(status, reply.message or TEXTS.get(reply.status, TEXTS[status]), reply.language)
        return _packet(_STATUS, request_id, tail)

    def _unknown_principal(self, request_id: int, reply: UnknownPrincipal) -> bytes:
        tail = self._status(request_id, reply)[_STATUS_HEAD:]
        if self._has_error_data:
            tail += b"".join(BYTES.pack(name.encode("utf-8", "surrogateescape")) for name in reply.names)
        return _packet(_STATUS, request_id, tail)

    def _handle(self, request_id: int, reply: HandleReply) -> bytes:
        handle = reply.handle
        return _pack_head_and_u32(BODY + 4 + len(handle), _HANDLE, request_id, len(handle)) + handle

    def _data(self, request_id: int, reply: Data) -> bytes:
        head, tail = self.data_frame(request_id, len(reply.data), reply.end_of_file)
        return b"".join((head, reply.data, tail))

    def _attrs(self, request_id: int, reply: Attrs) -> bytes:
        body = self._pack_attributes(reply.attributes)
        return _pack_head(BODY + len(body), _ATTRS, request_id) + body

    def _names(self, request_id: int, reply: Names) -> bytes:
        pack_attributes, no_attributes, u32 = self._pack_attributes, self._no_attributes, _pack_u32
        has_longnames = self._has_longnames
        now = self._clock() if has_longnames else 0
        parts: list[bytes] = []
        for name, line, attributes in reply.entries:
            parts += u32(len(name)), name
            if has_longnames:
                if line is None:
                    line = name if attributes is None else longname(name, attributes, now)
                parts += u32(len(line)), line
            parts.append(no_attributes if attributes is None else pack_attributes(attributes))
        if reply.end_of_list and self._has_ends:
            parts.append(_TRUE)
        return _packet(_NAME, request_id, b"".join((_pack_u32(len(reply.entries)), *parts)))

    def _extended(self, request_id: int, reply: ExtendedReply) -> bytes:
        return _packet(PacketType.EXTENDED_REPLY, request_id, reply.payload)


_ENCODERS: dict[type, Callable[[Codec, int, Any], bytes]] = {
    StatusReply: Codec._status,
    UnknownPrincipal: Codec._unknown_principal,
    HandleReply: Codec._handle,
    Data: Codec._data,
    Attrs: Codec._attrs,
    Names: Codec._names,
    ExtendedReply: Codec._extended,
}


def _packet(packet_type: int, request_id: int, body: bytes) -> bytes:
    return _pack_head(BODY + len(body), packet_type, request_id) + body


def _status_tail(status: int, message: str, language: str) -> bytes:
    text, tag = message.encode("utf-8", "replace"), language.encode("ascii", "replace")
    return b"".join((_pack_u32(status), _pack_u32(len(text)), text, _pack_u32(len(tag)), tag))


@cache
def _status_tails(version: int) -> dict[int, bytes]:
    """Return what follows the request id in the STATUS replies with the standard texts."""
    return {status: _status_tail(lower(status, version), TEXTS[status], "en") for status in Status}
