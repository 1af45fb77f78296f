"""
What a client sends, packed by hand: a request a function, named fields, version 3.

Written from the drafts and from recorded conversations, and shares nothing with the server's codec. What no function
says is laid out with `packet`. Source: filexfer-02; PROTOCOL of OpenSSH, section 4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from struct import pack

INIT, VERSION = 1, 2
OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT, OPENDIR, READDIR = range(3, 13)
REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME, READLINK, SYMLINK = range(13, 21)
STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED, EXTENDED_REPLY = 101, 102, 103, 104, 105, 200, 201

# pflags of version 3, as letters: "wct" is what most clients upload with.
_FLAGS = {"r": 0x01, "w": 0x02, "a": 0x04, "c": 0x08, "t": 0x10, "x": 0x20}


@dataclass(frozen=True, slots=True)
class Handle:
    """The handle that a reply has brought; the transcript calls it by a name."""

    name: str


@dataclass(frozen=True, slots=True)
class Packet:
    """
    One packet of a client.

    Attributes:
        kind: its type on the wire.
        fields: bytes as they are sent; a `Handle` where one that the server has given goes.
    """

    kind: int
    fields: tuple[bytes | Handle, ...]

    def lay(self, request_id: int, handles: Mapping[str, bytes]) -> bytes:
        """Return the packet as it is sent, its length in front; INIT has no request id."""
        body = b"".join(string(handles[each.name]) if isinstance(each, Handle) else each for each in self.fields)
        head = bytes((self.kind,)) if self.kind == INIT else pack(">BI", self.kind, request_id)
        return string(head + body)


def u32(number: int) -> bytes:
    """Lay out a uint32."""
    return pack(">I", number)


def u64(number: int) -> bytes:
    """Lay out a uint64."""
    return pack(">Q", number)


def string(data: bytes | str) -> bytes:
    """Lay out a string; text is sent in UTF-8."""
    raw = data.encode() if isinstance(data, str) else data
    return u32(len(raw)) + raw


def attributes(
    *,
    size: int | None = None,
    ids: tuple[int, int] | None = None,
    mode: int | None = None,
    times: tuple[int, int] | None = None,
) -> bytes:
    """Lay out attributes: a flag for what is given, then that. `ids` are user and group, `times` atime and mtime."""
    flags, fields = 0, b""
    if size is not None:
        flags, fields = flags | 0x1, fields + u64(size)
    if ids is not None:
        flags, fields = flags | 0x2, fields + u32(ids[0]) + u32(ids[1])
    if mode is not None:
        flags, fields = flags | 0x4, fields + u32(mode)
    if times is not None:
        flags, fields = flags | 0x8, fields + u32(times[0]) + u32(times[1])
    return u32(flags) + fields


NOTHING = attributes()


def packet(kind: int, layout: str = "") -> Packet:
    """Return a packet whose fields are laid out in hexadecimal."""
    return Packet(kind, (bytes.fromhex(layout),))


def init(version: int, *pairs: tuple[str, str]) -> Packet:
    return Packet(INIT, (u32(version), *(string(part) for pair in pairs for part in pair)))


def opening(path: str, flags: str, given: bytes = NOTHING) -> Packet:
    return Packet(OPEN, (string(path), u32(sum(_FLAGS[letter] for letter in flags)), given))


def close(handle: str) -> Packet:
    return Packet(CLOSE, (Handle(handle),))


def read(handle: str, offset: int, length: int) -> Packet:
    return Packet(READ, (Handle(handle), u64(offset), u32(length)))


def write(handle: str, offset: int, data: bytes) -> Packet:
    return Packet(WRITE, (Handle(handle), u64(offset), string(data)))


def lstat(path: str) -> Packet:
    return Packet(LSTAT, (string(path),))


def fstat(handle: str) -> Packet:
    return Packet(FSTAT, (Handle(handle),))


def setstat(path: str, given: bytes) -> Packet:
    return Packet(SETSTAT, (string(path), given))


def fsetstat(handle: str, given: bytes) -> Packet:
    return Packet(FSETSTAT, (Handle(handle), given))


def opendir(path: str) -> Packet:
    return Packet(OPENDIR, (string(path),))


def readdir(handle: str) -> Packet:
    return Packet(READDIR, (Handle(handle),))


def remove(path: str) -> Packet:
    return Packet(REMOVE, (string(path),))


def mkdir(path: str, given: bytes = NOTHING) -> Packet:
    return Packet(MKDIR, (string(path), given))


def rmdir(path: str) -> Packet:
    return Packet(RMDIR, (string(path),))


def realpath(path: str) -> Packet:
    return Packet(REALPATH, (string(path),))


def stat(path: str) -> Packet:
    return Packet(STAT, (string(path),))


def rename(old: str, new: str) -> Packet:
    return Packet(RENAME, (string(old), string(new)))


def readlink(path: str) -> Packet:
    return Packet(READLINK, (string(path),))


def symlink(first: str, second: str) -> Packet:
    """The drafts say that the link comes first; OpenSSH and most clients put the target first."""
    return Packet(SYMLINK, (string(first), string(second)))


def extended(name: str, *fields: bytes | Handle) -> Packet:
    return Packet(EXTENDED, (string(name), *fields))
