"""
INIT and VERSION, the two packets before the first request.

They have no request id. Which version is spoken, and what is advertised, others decide.
Source: filexfer-02 and filexfer-13, section 4.
"""

from collections.abc import Iterable

from conchsftp.sftp.codec import BadPacket
from conchsftp.sftp.numbers import PacketType
from conchsftp.sftp.statuses import Status
from conchsftp.wire.kinds import BYTES, U8, U32, Buffer, Malformed, Pair
from conchsftp.wire.reader import Reader


def read_init(packet: Buffer) -> tuple[int, list[Pair]]:
    """
    Read the first packet of a client, without its length field.

    Returns:
        The highest version that the client speaks, and the pairs of name and data that a version 3 client may add.
        What is garbled behind the version is excess data, and ignored.
    Raises:
        BadPacket: without a request id: there is no answer, and the channel ends.
    """
    reader = Reader(packet)
    try:
        packet_type, version = reader.u8(), reader.u32()
    except Malformed as problem:
        raise BadPacket(None, Status.BAD_MESSAGE, f"INIT: {problem.text}") from None
    if packet_type != PacketType.INIT:
        raise BadPacket(None, Status.BAD_MESSAGE, f"Packet type {packet_type} where INIT was expected")
    return version, _pairs(reader)


def _pairs(reader: Reader) -> list[Pair]:
    pairs: list[Pair] = []
    try:
        while reader.remaining:
            pairs.append((reader.string(), reader.string()))
    except Malformed:
        pass
    return pairs


def write_version(version: int, pairs: Iterable[Pair]) -> bytes:
    """
    Return the whole packet that answers INIT, its length field included.

    Args:
        version: the one that is spoken from now on; never higher than the client asked for.
        pairs: name and data of what is advertised.
    """
    advertised = (BYTES.pack(part) for pair in pairs for part in pair)
    return BYTES.pack(b"".join((U8.pack(PacketType.VERSION), U32.pack(version), *advertised)))
