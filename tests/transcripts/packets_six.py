"""
What a client sends in version 6, packed by hand, where that is laid out otherwise than in version 3: see `packets`.

Source: filexfer-13.
"""

from struct import pack

from tests.transcripts.packets import (
    FSTAT,
    LSTAT,
    MKDIR,
    OPEN,
    REALPATH,
    RENAME,
    SETSTAT,
    STAT,
    Handle,
    Packet,
    string,
    u32,
    u64,
)

LINK = 21

REGULAR, DIRECTORY, SYMLINK = 1, 2, 3
"""Types of files."""

SIZE, MODE, ATIME, MTIME, OWNERS, ALLOCATION = 0x1, 0x4, 0x8, 0x20, 0x80, 0x400
"""Flags of attributes."""

READ_DATA, WRITE_DATA, APPEND_DATA = 0x1, 0x2, 0x4
"""Bits of desired-access."""

CREATE_NEW, CREATE_TRUNCATE, OPEN_EXISTING, OPEN_OR_CREATE = range(4)
"""What OPEN does with a file that is there, or is not."""

NO_CHECK, STAT_IF, STAT_ALWAYS = 1, 2, 3
"""REALPATH's control byte."""

Field = bytes | Handle


def attributes(
    kind: int = REGULAR,
    *,
    allocation: int | None = None,
    owners: tuple[Field, Field] | None = None,
    mode: int | None = None,
    mtime: int | None = None,
) -> tuple[Field, ...]:
    """Lay out attributes; `owners` are the names of user and group, laid out as strings, or handles."""
    flags = 0
    fields: list[Field] = []
    if allocation is not None:
        flags |= ALLOCATION
        fields.append(u64(allocation))
    if owners is not None:
        flags |= OWNERS
        fields.extend(owners)
    if mode is not None:
        flags |= MODE
        fields.append(u32(mode))
    if mtime is not None:
        flags |= MTIME
        fields.append(pack(">q", mtime))
    return (u32(flags) + bytes((kind,)), *fields)


def opening(path: str, access: int, flags: int, given: tuple[Field, ...] = attributes()) -> Packet:
    return Packet(OPEN, (string(path), u32(access), u32(flags), *given))


def lstat(path: str, wanted: int) -> Packet:
    return Packet(LSTAT, (string(path), u32(wanted)))


def stat(path: str, wanted: int) -> Packet:
    return Packet(STAT, (string(path), u32(wanted)))


def fstat(handle: str, wanted: int) -> Packet:
    return Packet(FSTAT, (Handle(handle), u32(wanted)))


def setstat(path: str, given: tuple[Field, ...]) -> Packet:
    return Packet(SETSTAT, (string(path), *given))


def mkdir(path: str, given: tuple[Field, ...] = attributes(DIRECTORY)) -> Packet:
    return Packet(MKDIR, (string(path), *given))


def realpath(path: str, control: int) -> Packet:
    return Packet(REALPATH, (string(path), bytes((control,))))


def rename(old: str, new: str, flags: int) -> Packet:
    return Packet(RENAME, (string(old), string(new), u32(flags)))


def link(new: str, existing: str, *, symbolic: bool) -> Packet:
    return Packet(LINK, (string(new), string(existing), bytes((symbolic,))))
