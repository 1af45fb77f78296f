"""
How one value is read and written: the vocabulary of every table that describes a packet.

A kind is of fixed width, counted (a 32-bit length and that many bytes), or has a layout of its own. Who compiles a
table may inline the first two; each can be used as it is. Knows no protocol. Source: RFC 4251, section 5.
"""

import struct
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from conchsftp.errors import ProtocolViolation

T = TypeVar("T")
Buffer = bytes | bytearray | memoryview
Pair = tuple[bytes, bytes]

_PROTOCOL_ERROR = 2  # SSH_DISCONNECT_PROTOCOL_ERROR (RFC 4253, 11.1)
_LENGTH = struct.Struct(">I")


class Malformed(ProtocolViolation):
    """Bytes that are not what the layout of their packet demands."""

    def __init__(self, text: str) -> None:
        super().__init__(_PROTOCOL_ERROR, text)


class Kind(Generic[T]):
    """
    A value with a layout of its own.

    Args:
        name: what messages call it.
        unpack: given a packet and a position, returns the value and the position after it; raises `Malformed`.
        pack: returns the bytes of a value.
    """

    def __init__(self, name: str, unpack: Callable[[Buffer, int], tuple[T, int]], pack: Callable[[T], bytes]) -> None:
        self.name = name
        self.unpack = unpack
        self.pack = pack


class Fixed(Kind[T]):
    """
    A value of fixed width.

    Args:
        name: what messages call it.
        letter: its letter in the language of `struct`.
        decode: makes the value of what `struct` read; None leaves it as it is.
        encode: makes what `struct` packs of the value; None takes it as it is.
    """

    def __init__(
        self,
        name: str,
        letter: str,
        decode: Callable[[Any], T] | None = None,
        encode: Callable[[T], Any] | None = None,
    ) -> None:
        self._layout = struct.Struct(">" + letter)
        self.letter = letter
        self.decode = decode
        self.encode = encode
        super().__init__(name, self._unpack, self._layout.pack if encode is None else self._pack)

    def _unpack(self, packet: Buffer, at: int) -> tuple[Any, int]:
        end = at + self._layout.size
        if end > len(packet):
            raise Malformed(f"{len(packet) - at} bytes, {self._layout.size} needed for {self.name}")
        (value,) = self._layout.unpack_from(packet, at)
        return (value if self.decode is None else self.decode(value)), end

    def _pack(self, value: Any) -> bytes:
        return self._layout.pack(value if self.encode is None else self.encode(value))


class Counted(Kind[T]):
    """
    A 32-bit length and that many bytes.

    Args:
        name: what messages call it.
        decode: makes the value of the bytes; None leaves them as they are.
        encode: makes bytes of the value; None takes it as it is.
    """

    def __init__(
        self,
        name: str,
        decode: Callable[[bytes], T] | None = None,
        encode: Callable[[T], bytes] | None = None,
    ) -> None:
        self.decode = decode
        self.encode = encode
        super().__init__(name, self._unpack, self._pack)

    def _unpack(self, packet: Buffer, at: int) -> tuple[Any, int]:
        start, end = extent(packet, at, self.name)
        data = bytes(packet[start:end])
        return (data if self.decode is None else self.decode(data)), end

    def _pack(self, value: Any) -> bytes:
        data = value if self.encode is None else self.encode(value)
        return _LENGTH.pack(len(data)) + data


def extent(packet: Buffer, at: int, name: str = "a string") -> tuple[int, int]:
    """Return where the bytes of a counted value begin and end; both lie inside the packet."""
    start = at + 4
    if start > len(packet):
        raise Malformed(f"{len(packet) - at} bytes, 4 needed for the length of {name}")
    (length,) = _LENGTH.unpack_from(packet, at)
    if start + length > len(packet):
        raise Malformed(f"{len(packet) - start} bytes, {length} needed for {name}")
    return start, start + length


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _text_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _names(data: bytes) -> list[str]:
    try:
        return data.decode("ascii").split(",") if data else []
    except UnicodeDecodeError:
        raise Malformed("a list of names holds bytes that are not ASCII") from None


def _names_bytes(names: list[str]) -> bytes:
    return ",".join(names).encode("ascii")


def _integer(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


def _integer_bytes(value: int) -> bytes:
    # "Zero MUST be stored as a string with zero bytes of data. […] Unnecessary leading bytes with the value 0 or 255
    # MUST NOT be included." (RFC 4251, 5)
    if value == 0:
        return b""
    return value.to_bytes((value + (value < 0)).bit_length() // 8 + 1, "big", signed=True)


def _unpack_pairs(packet: Buffer, at: int) -> tuple[list[Pair], int]:
    count, at = U32.unpack(packet, at)
    # A peer can write any number: what is there bounds it, before anything is done for it. A pair has two lengths.
    if count * 8 > len(packet) - at:
        raise Malformed(f"{len(packet) - at} bytes, too few for {count} pairs")
    pairs = []
    for _ in range(count):
        name, at = BYTES.unpack(packet, at)
        data, at = BYTES.unpack(packet, at)
        pairs.append((name, data))
    return pairs, at


def _pack_pairs(pairs: list[Pair]) -> bytes:
    return b"".join([_LENGTH.pack(len(pairs)), *(BYTES.pack(data) for pair in pairs for data in pair)])


U8: Fixed[int] = Fixed("a byte", "B")
U32: Fixed[int] = Fixed("a 32-bit number", "I")
U64: Fixed[int] = Fixed("a 64-bit number", "Q")
I64: Fixed[int] = Fixed("a signed 64-bit number", "q")
BOOL: Fixed[bool] = Fixed("a boolean", "?")
BYTES: Counted[bytes] = Counted("a string")
TEXT: Counted[str] = Counted("a text", _text, _text_bytes)
NAMES: Counted[list[str]] = Counted("a list of names", _names, _names_bytes)
MPINT: Counted[int] = Counted("an integer", _integer, _integer_bytes)
PAIRS: Kind[list[Pair]] = Kind("a list of pairs", _unpack_pairs, _pack_pairs)
