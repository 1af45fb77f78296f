"""
A reader of replies that knows nothing of the codec: each version as its draft lays it out, by hand.

What is read becomes plain numbers and bytes under the names of the drafts. Sources: filexfer-02, section 7; filexfer-04
and -05, sections 5 and 7; filexfer-13, sections 7 and 9.
"""

from struct import unpack_from
from typing import Any

# (name, flag, layout, versions), in the order of the wire: s is a string, a the blob of an ACL, t a time with the
# nanoseconds that flag 0x100 adds, p a count of pairs with these.
_LATER = (
    ("size", 0x1, "Q", (4, 5, 6)),
    ("allocation_size", 0x400, "Q", (6,)),
    ("owner group", 0x80, "ss", (4, 5, 6)),
    ("permissions", 0x4, "I", (4, 5, 6)),
    ("atime", 0x8, "t", (4, 5, 6)),
    ("create_time", 0x10, "t", (4, 5, 6)),
    ("mtime", 0x20, "t", (4, 5, 6)),
    ("ctime", 0x8000, "t", (6,)),
    ("acl", 0x40, "s", (4, 5, 6)),
    ("attrib_bits", 0x200, "I", (5,)),
    ("attrib_bits attrib_bits_valid", 0x200, "II", (6,)),
    ("text_hint", 0x800, "B", (6,)),
    ("mime_type", 0x1000, "s", (6,)),
    ("link_count", 0x2000, "I", (6,)),
    ("untranslated_name", 0x4000, "s", (6,)),
    ("extended", 0x80000000, "p", (4, 5, 6)),
)
_THREE = (
    ("size", 0x1, "Q"),
    ("uid gid", 0x2, "II"),
    ("mode", 0x4, "I"),
    ("atime mtime", 0x8, "II"),
    ("extended", 0x80000000, "p"),
)
_SIZES = {"B": 1, "I": 4, "Q": 8, "q": 8}


class Packet:
    """
    The values of a packet, one after the other.

    Args:
        data: the packet, without its length.
        version: of the protocol.
    """

    def __init__(self, data: bytes, version: int) -> None:
        self.data, self.at, self.version = data, 0, version

    def number(self, letter: str) -> int:
        """Take a number: `B`, `I`, `Q` or `q`."""
        (number,) = unpack_from(">" + letter, self.data, self.at)
        self.at += _SIZES[letter]
        return int(number)

    def string(self) -> bytes:
        """Take a string."""
        size = self.number("I")
        found = self.data[self.at : self.at + size]
        assert len(found) == size, "the packet ends within a string"
        self.at += size
        return found

    def rest(self) -> bytes:
        """Take what is left."""
        found, self.at = self.data[self.at :], len(self.data)
        return found

    def attributes(self) -> dict[str, Any]:
        """Take the attributes of the version: those that are there, and the byte of the type as `type`."""
        flags, found = self.number("I"), {}
        if self.version == 3:
            rows = [row for row in _THREE if flags & row[1]]
        else:
            found["type"] = self.number("B")
            rows = [row[:3] for row in _LATER if flags & row[1] and self.version in row[3]]
        known = {3: 0x8000000F, 4: 0x800001FD, 5: 0x800003FD, 6: 0x8000FFFD}[self.version]
        assert not flags & ~known, f"flags of another version: {flags & ~known:#x}"
        for names, _, layout in rows:
            for name, letter in zip(names.split(), layout, strict=True):
                found[name] = self._value(letter)
                if letter == "t" and flags & 0x100:
                    found[name + "_ns"] = self.number("I")
        return found

    def _value(self, letter: str) -> Any:
        if letter == "s":
            return self.string()
        if letter == "p":
            return [(self.string(), self.string()) for _ in range(self.number("I"))]
        return self.number("q" if letter == "t" else letter)


def read(frame: bytes, version: int) -> tuple[int, int, Any]:
    """
    Read a whole packet of a reply, its length included.

    Returns:
        Packet type, request id, and the values: for NAME a list of (name, longname or None, attributes) and what is
        behind it, for DATA the bytes and what is behind them, for STATUS code, text, language and what is behind them.
    """
    (size,) = unpack_from(">I", frame)
    assert size == len(frame) - 4, "the length of the packet is not its length"
    packet = Packet(frame[4:], version)
    packet_type, request_id = packet.number("B"), packet.number("I")
    if packet_type == 101:
        values: Any = (packet.number("I"), packet.string(), packet.string(), packet.rest())
    elif packet_type == 102:
        values = packet.string()
    elif packet_type == 103:
        values = packet.string(), packet.rest()
    elif packet_type == 104:
        values = [_entry(packet) for _ in range(packet.number("I"))], packet.rest()
    elif packet_type == 105:
        values = packet.attributes()
    else:
        assert packet_type == 201, f"no reply has type {packet_type}"
        values = packet.rest()
    assert packet.at == len(packet.data), "bytes behind the reply"
    return packet_type, request_id, values


def _entry(packet: Packet) -> tuple[bytes, bytes | None, dict[str, Any]]:
    return packet.string(), packet.string() if packet.version == 3 else None, packet.attributes()
