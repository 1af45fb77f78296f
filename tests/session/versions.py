"""
Tests of operations in every version of the protocol: requests and replies of version 3, said in another one.

A test lays its packets out as version 3 has them, and runs in versions 3 to 6: what it sends is laid out anew on its
way to the server, and what comes back on its way to the test. Written by hand from the drafts (filexfer-02, -04, -05,
-13), so that nothing here is believed of the codec that it speaks to. Only statuses stay what the version has: a test
names the one of version 6, and `SessionCase.assert_status` looks at what the version can say of it.

What only a later version has is not for these tests, nor what is about the bytes of version 3 or about packets that are
none: they speak for themselves.
"""

import grp
import pwd
import sys
from collections.abc import Callable
from contextlib import suppress
from struct import pack, unpack_from
from typing import Any, TypeVar

C = TypeVar("C", bound=type)

SIZE, UIDGID, PERMISSIONS, ACMODTIME = 1, 2, 4, 8
ATIME, CREATETIME, MTIME, ACL, OWNERGROUP, NANOSECONDS, BITS = 0x08, 0x10, 0x20, 0x40, 0x80, 0x100, 0x200
ALLOCATION_SIZE, TEXT_HINT, MIME_TYPE, LINK_COUNT = 0x400, 0x800, 0x1000, 0x2000
UNTRANSLATED_NAME, CTIME, EXTENDED = 0x4000, 0x8000, 0x80000000
UNKNOWN = 5
# Stands for whoever has no account here.
NOBODY = 0xFFFFFFFE
FORMATS = {0o100000: 1, 0o040000: 2, 0o120000: 3, 0o140000: 6, 0o020000: 7, 0o060000: 8, 0o010000: 9}
TYPES = {file_type: bits for bits, file_type in FORMATS.items()}
READDIR, REALPATH, STAT_IF = 12, 16, 2


def in_versions(*versions: int) -> Callable[[C], tuple[C, ...]]:
    """
    Make one test case of each version of a class, `TestsV3` to `TestsV6`; the name of the class becomes all of them.

    Args:
        versions: 3 to 6; all four by default. 3 and 6 do for tests that take long.
    """

    def decorate(cls: C) -> tuple[C, ...]:
        return tuple(_of_version(cls, version) for version in versions or range(3, 7))

    return decorate


def _of_version(cls: C, version: int) -> C:
    name = f"{cls.__name__}V{version}"
    own: dict[str, Any] = {"version": version, "__module__": cls.__module__, "__doc__": cls.__doc__}
    made = type(cls)(name, (cls,), own)
    # Where trial looks for it, also by its name.
    setattr(sys.modules[cls.__module__], name, made)
    return made


class Fields:
    """The values of a packet, one after the other; `rest` are those that nobody has taken."""

    def __init__(self, rest: bytes) -> None:
        self.rest = rest

    def take(self, count: int) -> bytes:
        """Take so many bytes."""
        if len(self.rest) < count:
            raise EOFError("the packet ends too early")
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def number(self, layout: str) -> int:
        """Take a number: `B`, `I`, `Q` or `q`."""
        (number,) = unpack_from(">" + layout, self.take({"B": 1, "I": 4}.get(layout, 8)))
        return int(number)

    def string(self) -> bytes:
        """Take a string, its length included."""
        size = self.take(4)
        return size + self.take(int.from_bytes(size, "big"))

    def strings(self, count: int) -> bytes:
        """Take several."""
        return b"".join(self.string() for _ in range(count))


class Interpreter:
    """
    Between a test that speaks version 3 and a server that speaks another.

    Args:
        version: what the server speaks.
    """

    def __init__(self, version: int) -> None:
        self.version = version
        self._asked: dict[int, int] = {}

    def to_server(self, data: bytes) -> bytes:
        """Return whole packets as the version has them; pieces of packets, and what is cut short, are left."""
        if self.version == 3:
            return data
        packets, at = [], 0
        while at + 9 <= len(data):
            (size,) = unpack_from(">I", data, at)
            packets.append(data[at + 4 : at + 4 + size])
            at += 4 + size
        return b"".join(map(self._asking, packets)) if at == len(data) else data

    def _asking(self, packet: bytes) -> bytes:
        self._asked[unpack_from(">I", packet, 1)[0]] = packet[0]
        if packet[0] in _ASKED:
            with suppress(EOFError):
                packet = self._newer(packet)
        return pack(">I", len(packet)) + packet

    def _newer(self, packet: bytes) -> bytes:
        fields, kind = Fields(packet[5:]), packet[:1]
        if packet[0] == 20 and self.version == 6:
            kind = b"\x15"
        return kind + packet[1:5] + _ASKED[packet[0]](fields, self.version) + fields.rest

    def to_test(self, packet: bytes) -> bytes:
        """Return a reply, without its length, as version 3 has it; but its status is what came."""
        if self.version == 3 or packet[0] not in _ANSWERED:
            return packet
        fields = Fields(packet[5:])
        asked = self._asked.get(unpack_from(">I", packet, 1)[0], 0)
        return packet[:5] + _ANSWERED[packet[0]](fields, self.version, asked)


def _open(fields: Fields, version: int) -> bytes:
    path, pflags = fields.string(), fields.number("I")
    attributes = newer(fields)
    if version == 4:
        return path + pack(">I", pflags & 0x7F) + attributes
    access = (0x81 if pflags & 1 else 0) | (0x102 if pflags & 2 else 0) | (4 if pflags & 6 == 6 else 0)
    create, truncate, exclusive = pflags & 8, pflags & 0x10, pflags & 0x20
    flags = (0 if exclusive else 1 if truncate else 3) if create else 4 if truncate else 2
    flags |= (8 if pflags & 4 else 0) | (0x20 if pflags & 0x40 else 0)
    return path + pack(">II", access, flags) + attributes


def _symlink(fields: Fields, version: int) -> bytes:
    target, path = fields.string(), fields.string()
    return path + target + b"\x01" if version == 6 else target + path


def _extended(fields: Fields, version: int) -> bytes:
    name = fields.string()
    return name + fields.string() + newer(fields) if name[4:] == b"lsetstat@openssh.com" else name


# What stands for the fields of a request of version 3; those that stay as they are may be left over.
_ASKED: dict[int, Callable[[Fields, int], bytes]] = {
    3: _open,
    7: lambda fields, version: fields.string() + bytes(4),
    8: lambda fields, version: fields.string() + bytes(4),
    9: lambda fields, version: fields.string() + newer(fields),
    10: lambda fields, version: fields.string() + newer(fields),
    14: lambda fields, version: fields.string() + newer(fields),
    # Links are resolved there, as they are in version 3; the attributes go no farther than here.
    16: lambda fields, version: fields.string() + (bytes([STAT_IF]) if version == 6 else b""),
    17: lambda fields, version: fields.string() + bytes(4),
    18: lambda fields, version: fields.strings(2) + (bytes(4) if version > 4 else b""),
    20: _symlink,
    200: _extended,
}


def newer(fields: Fields) -> bytes:
    """Take attributes of version 3, and return them as versions 4 to 6 have them."""
    flags, parts = fields.number("I"), []
    now = flags & (SIZE | PERMISSIONS | ACMODTIME | EXTENDED)
    file_type = UNKNOWN
    if flags & SIZE:
        parts.append(fields.take(8))
    if flags & UIDGID:
        now |= OWNERGROUP
        parts += [_digits(fields.number("I")), _digits(fields.number("I"))]
    if flags & PERMISSIONS:
        mode = fields.number("I")
        file_type = FORMATS.get(mode & 0o170000, UNKNOWN)
        parts.append(pack(">I", mode & 0o7777))
    if flags & ACMODTIME:
        now |= MTIME
        parts += [pack(">q", fields.number("I")), pack(">q", fields.number("I"))]
    return pack(">IB", now, file_type) + b"".join(parts)


def _digits(number: int) -> bytes:
    # -1 leaves one of the two as it is, as an empty name does.
    digits = b"" if number == 0xFFFFFFFF else b"%d" % number
    return pack(">I", len(digits)) + digits


def older(fields: Fields, version: int) -> bytes:
    """Take attributes of versions 4 to 6, and return those that version 3 has."""
    flags, file_type = fields.number("I"), fields.number("B")
    now, parts = flags & (SIZE | PERMISSIONS | EXTENDED), []
    if flags & SIZE:
        parts.append(fields.take(8))
    fields.take(8 if flags & ALLOCATION_SIZE else 0)
    if flags & OWNERGROUP:
        now |= UIDGID
        parts.append(pack(">II", _uid(fields.string()[4:].decode()), _gid(fields.string()[4:].decode())))
    if flags & PERMISSIONS:
        parts.append(pack(">I", fields.number("I") | TYPES.get(file_type, 0)))
    times = {bit: _seconds(fields, flags) for bit in (ATIME, CREATETIME, MTIME, CTIME) if flags & bit}
    if ATIME in times and MTIME in times:
        now |= ACMODTIME
        parts.append(pack(">II", times[ATIME], times[MTIME]))
    fields.strings(1 if flags & ACL else 0)
    fields.take((8 if version == 6 else 4) if flags & BITS else 0)
    fields.take(1 if flags & TEXT_HINT else 0)
    fields.strings(1 if flags & MIME_TYPE else 0)
    fields.take(4 if flags & LINK_COUNT else 0)
    fields.strings(1 if flags & UNTRANSLATED_NAME else 0)
    if flags & EXTENDED:
        count = fields.number("I")
        parts.append(pack(">I", count) + fields.strings(2 * count))
    return pack(">I", now) + b"".join(parts)


def _seconds(fields: Fields, flags: int) -> int:
    seconds = fields.number("q")
    fields.take(4 if flags & NANOSECONDS else 0)
    return seconds


def _uid(name: str) -> int:
    try:
        return int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
    except KeyError:
        return NOBODY


def _gid(name: str) -> int:
    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError:
        return NOBODY


def _status(fields: Fields, version: int, asked: int) -> bytes:
    # What follows in versions 5 and 6 is about the error: version 3 has none.
    return fields.take(4) + fields.strings(2)


def _names(fields: Fields, version: int, asked: int) -> bytes:
    count = fields.number("I")
    parts = [pack(">I", count)]
    for _ in range(count):
        name, attributes = fields.string(), older(fields, version)
        # The line of `ls -l` is version 3's alone; here, one with size and name stands for it.
        size = int.from_bytes(attributes[4:12], "big") if attributes[3] & SIZE else 0
        line = b"? %d %s" % (size, name[4:]) if asked == READDIR else name[4:]
        parts += name, pack(">I", len(line)), line, bytes(4) if asked == REALPATH else attributes
    return b"".join(parts)


# What came in place of the fields of a reply of version 3. What else follows is not repeated.
_ANSWERED: dict[int, Callable[[Fields, int, int], bytes]] = {
    101: _status,
    103: lambda fields, version, asked: fields.string(),
    104: _names,
    105: lambda fields, version, asked: older(fields, version),
}
