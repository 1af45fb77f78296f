"""
Fills one buffer with values.

For what is written now and then. File data is never copied through it: it goes from the file into the packet.
"""

from typing import Self, TypeVar

from conchsftp.wire.kinds import BOOL, BYTES, I64, MPINT, NAMES, PAIRS, TEXT, U8, U16, U32, U64, Buffer, Kind, Pair

T = TypeVar("T")


class Writer:
    """Writes one value after the other; each method returns the writer, so that calls can be chained."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def __len__(self) -> int:
        return len(self._buffer)

    def __bytes__(self) -> bytes:
        return bytes(self._buffer)

    def write(self, kind: Kind[T], value: T) -> Self:
        """Write one value of a kind."""
        self._buffer += kind.pack(value)
        return self

    def u8(self, value: int) -> Self:
        return self.write(U8, value)

    def u16(self, value: int) -> Self:
        return self.write(U16, value)

    def u32(self, value: int) -> Self:
        return self.write(U32, value)

    def u64(self, value: int) -> Self:
        return self.write(U64, value)

    def i64(self, value: int) -> Self:
        return self.write(I64, value)

    def boolean(self, value: bool) -> Self:
        return self.write(BOOL, value)

    def string(self, value: Buffer) -> Self:
        """Write a length and the bytes."""
        return self.write(BYTES, bytes(value))

    def text(self, value: str) -> Self:
        """Write a string as UTF-8."""
        return self.write(TEXT, value)

    def names(self, value: list[str]) -> Self:
        """Write a comma-separated list."""
        return self.write(NAMES, value)

    def mpint(self, value: int) -> Self:
        return self.write(MPINT, value)

    def pairs(self, value: list[Pair]) -> Self:
        """Write a number and that many pairs of strings."""
        return self.write(PAIRS, value)

    def put(self, data: Buffer) -> Self:
        """Write bytes as they are."""
        self._buffer += data
        return self
