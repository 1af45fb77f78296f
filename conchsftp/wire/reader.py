"""
A bounds-checked cursor over one packet.

For what is read now and then; the SFTP requests are decoded by compiled functions (`conchsftp.sftp.compiler`). Lengths
are checked here and nowhere else. Whatever it returns is a copy.
"""

from typing import TypeVar

from conchsftp.wire.kinds import BOOL, BYTES, MPINT, NAMES, PAIRS, TEXT, U8, U32, Buffer, Kind, Malformed, Pair

T = TypeVar("T")


class Reader:
    """
    Reads one value after the other.

    Args:
        packet: what to read; it must not change meanwhile.
        at: where to begin, in bytes.
    """

    __slots__ = ("_packet", "_at")

    def __init__(self, packet: Buffer, at: int = 0) -> None:
        self._packet = packet
        self._at = at

    @property
    def at(self) -> int:
        """Where the next value begins, in bytes from the start of the packet."""
        return self._at

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return len(self._packet) - self._at

    def read(self, kind: Kind[T]) -> T:
        """Read one value of a kind; raises `Malformed` if the packet does not hold one."""
        value, self._at = kind.unpack(self._packet, self._at)
        return value

    def u8(self) -> int:
        return self.read(U8)

    def u32(self) -> int:
        return self.read(U32)

    def boolean(self) -> bool:
        return self.read(BOOL)

    def string(self) -> bytes:
        """Read a length and that many bytes."""
        return self.read(BYTES)

    def text(self) -> str:
        """Read a string as UTF-8; bytes that are not come back unharmed when it is written again."""
        return self.read(TEXT)

    def names(self) -> list[str]:
        """Read a comma-separated list; an empty string is an empty list."""
        return self.read(NAMES)

    def mpint(self) -> int:
        return self.read(MPINT)

    def pairs(self) -> list[Pair]:
        """Read a number and that many pairs of strings."""
        return self.read(PAIRS)

    def take(self, count: int) -> bytes:
        """Read exactly `count` bytes."""
        if not 0 <= count <= self.remaining:
            raise Malformed(f"{self.remaining} bytes, {count} needed")
        start = self._at
        self._at += count
        return bytes(self._packet[start : self._at])

    def rest(self) -> bytes:
        """Read all that is left."""
        return self.take(self.remaining)
