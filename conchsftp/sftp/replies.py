"""
One record per reply; what is not here is how a reply is written: see `codec`.

Names and handles are bytes. The replies of extended requests are built by the functions at the end, each of which cites
its layout. Source: filexfer-13, section 9; PROTOCOL of OpenSSH.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from conchsftp.sftp.attributes import Attributes


@dataclass(slots=True, kw_only=True)
class HandleReply:
    """What OPEN and OPENDIR opened. At most 256 bytes."""

    handle: bytes


@dataclass(slots=True, kw_only=True)
class Data:
    """
    What READ read.

    Attributes:
        data: at least one byte, unless none was asked for; fewer than asked for only at the end of the file.
        end_of_file: whether the file ends here; said to the client in version 6 only.
    """

    data: bytes | bytearray | memoryview
    end_of_file: bool = False


class NameEntry(NamedTuple):
    """
    One name of a NAME reply; a tuple, because listings make many of them. A plain tuple of three does as well.

    Attributes:
        name: without `/` in a listing, a path otherwise.
        longname: what version 3 shows beside it; None for the line of `ls -l`, which the codec then writes where the
            version needs it. REALPATH and READLINK repeat the name here.
        attributes: of the name itself, links not followed; None if they are not known.
    """

    name: bytes
    longname: bytes | None = None
    attributes: Attributes | None = None


Entry = tuple[bytes, bytes | None, Attributes | None]
"""What a `NameEntry` has; making a plain one takes an eighth of the time."""


@dataclass(slots=True, kw_only=True)
class Names:
    """
    What READDIR, REALPATH and READLINK found.

    Attributes:
        entries: at least one; some clients fail on an empty reply.
        end_of_list: True if no entry follows; said to the client in version 6 only.
    """

    entries: Sequence[Entry]
    end_of_list: bool | None = None


@dataclass(slots=True, kw_only=True)
class Attrs:
    """What STAT, LSTAT and FSTAT found."""

    attributes: Attributes


@dataclass(slots=True, kw_only=True)
class StatusReply:
    """
    How a request ended.

    Attributes:
        status: in its version 6 meaning; the codec lowers it.
        message: for the user; empty for the standard text of the status.
        language: an RFC 3066 tag.
    """

    status: int
    message: str = ""
    language: str = "en"


@dataclass(slots=True, kw_only=True)
class UnknownPrincipal(StatusReply):
    """
    The only refusal with data of its own (filexfer-05, 7; filexfer-13, 9.1).

    Attributes:
        names: the users and groups that nobody knows; said to the client since version 5.
    """

    names: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class ExtendedReply:
    """The answer to an extended request, already laid out."""

    payload: bytes


Reply = HandleReply | Data | Names | Attrs | StatusReply | ExtendedReply

_SPACE = struct.Struct(">11Q")
_SPACE_FIELDS = ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail")
_LIMITS = struct.Struct(">4Q")
_AVAILABLE = struct.Struct(">4QI")
_LARGEST_SIZE, _LARGEST_UNIT = 2**64 - 1, 2**32 - 1
_MOUNT_READ_ONLY, _MOUNT_NO_SUID = 1, 2


def space_reply(space: Any) -> ExtendedReply:
    """
    Build the answer to statvfs@openssh.com and fstatvfs@openssh.com.

    Args:
        space: an object with the fields of `os.statvfs_result`. Of `f_flag` only "read-only" and "no set-uid" are sent.
    """
    return ExtendedReply(
        payload=_SPACE.pack(
            *(getattr(space, name) for name in _SPACE_FIELDS),
            getattr(space, "f_fsid", 0) & 0xFFFF_FFFF_FFFF_FFFF,
            space.f_flag & (_MOUNT_READ_ONLY | _MOUNT_NO_SUID),
            space.f_namemax,
        )
    )


def available_reply(space: Any) -> ExtendedReply:
    """
    Build the answer to space-available.

    Args:
        space: an object with the fields of `os.statvfs_result`. What the system keeps for its administrator is none of
            what is available to a user.
    Source: filexfer-extensions-00; 0 is a number that nobody knows.
    """
    unit = space.f_frsize or space.f_bsize
    users = space.f_blocks - space.f_bfree + space.f_bavail
    blocks = (space.f_blocks, space.f_bfree, users, space.f_bavail)
    sizes = (min(max(count, 0) * unit, _LARGEST_SIZE) for count in blocks)
    return ExtendedReply(payload=_AVAILABLE.pack(*sizes, min(unit, _LARGEST_UNIT)))


def limits_reply(*, packet: int, read: int, write: int, handles: int) -> ExtendedReply:
    """
    Build the answer to limits@openssh.com.

    Args:
        packet, read, write: the largest packet, READ and WRITE, in bytes. Never 0: OpenSSH's client would then use 64.
        handles: how many may be open at once; 0 if nobody knows.
    """
    return ExtendedReply(payload=_LIMITS.pack(packet, read, write, handles))


def accounts_reply(users: Iterable[str | None], groups: Iterable[str | None]) -> ExtendedReply:
    """Build the answer to users-groups-by-id@openssh.com: a name for each number asked for, None if it has none."""
    return ExtendedReply(payload=b"".join(_string(b"".join(map(_name, names))) for names in (users, groups)))


def md5_reply(digest: bytes) -> ExtendedReply:
    """
    Build the answer to md5-hash and md5-hash-handle.

    Args:
        digest: empty if what the client has begins otherwise.
    Source: filexfer-extensions-00; the answer begins with the name of the request, which is the same for both.
    """
    return ExtendedReply(payload=_string(b"md5-hash") + _string(digest))


def hashes_reply(algorithm: bytes, hashes: bytes, name: bytes = b"") -> ExtendedReply:
    """
    Build the answer to check-file-name, check-file-handle and check-file.

    Args:
        algorithm: which has been used.
        hashes: all of them, one after the other.
        name: what the answer begins with, if with anything: that to `check-file` does (filexfer-06 to -09, paramiko).
    """
    return ExtendedReply(payload=(_string(name) if name else b"") + _string(algorithm) + hashes)


def _name(name: str | None) -> bytes:
    return _string((name or "").encode("utf-8", "surrogateescape"))


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
