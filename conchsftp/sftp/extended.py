"""
The extended requests, declared as those in `requests` are.

Sources: PROTOCOL of OpenSSH for the names with an @; filexfer-extensions-00 for the others.
"""

from dataclasses import dataclass

from conchsftp.sftp.attribute_codec import attributes_kind
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.fields import HANDLE, NUMBERS, PATH, request, wire
from conchsftp.sftp.numbers import FROM4, PacketType
from conchsftp.wire.kinds import BYTES, U64


@request(PacketType.EXTENDED, b"posix-rename@openssh.com")
class PosixRename:
    """Rename as rename(2) does: an existing `new_path` is replaced."""

    path: bytes = wire(PATH)
    new_path: bytes = wire(PATH)


@request(PacketType.EXTENDED, b"statvfs@openssh.com")
class StatVFS:
    """Ask how full a file system is; answered by `replies.space_reply`."""

    path: bytes = wire(PATH)


@request(PacketType.EXTENDED, b"fstatvfs@openssh.com")
class FStatVFS:
    """The same for what is open."""

    handle: bytes = wire(HANDLE)


@request(PacketType.EXTENDED, b"hardlink@openssh.com")
class HardLink:
    """Give an existing file (`path`) a second name."""

    path: bytes = wire(PATH)
    new_path: bytes = wire(PATH)


@request(PacketType.EXTENDED, b"fsync@openssh.com")
class FSync:
    """Force a file's data to the disk."""

    handle: bytes = wire(HANDLE)


@request(PacketType.EXTENDED, b"lsetstat@openssh.com")
class LSetStat:
    """Change the attributes of a name itself. A link has no size to set: BAD_MESSAGE."""

    path: bytes = wire(PATH)
    attributes: Attributes = wire(attributes_kind)


@request(PacketType.EXTENDED, b"limits@openssh.com")
class Limits:
    """Ask for the server's limits; answered by `replies.limits_reply`."""


@request(PacketType.EXTENDED, b"expand-path@openssh.com")
class ExpandPath:
    """Ask for the canonical form of a path that may begin with `~` or `~user`; answered as `RealPath`."""

    path: bytes = wire(PATH)


@request(PacketType.EXTENDED, b"copy-data")
class CopyData:
    """
    Copy from one open file to another, inside the server.

    Attributes:
        length: in bytes; 0 means up to the end.
    """

    handle: bytes = wire(HANDLE)
    offset: int = wire(U64)
    length: int = wire(U64)
    target_handle: bytes = wire(HANDLE)
    target_offset: int = wire(U64)


@request(PacketType.EXTENDED, b"home-directory")
class HomeDirectory:
    """Ask for a user's home; empty for one's own. Answered as `RealPath`."""

    user: bytes = wire(BYTES)


@request(PacketType.EXTENDED, b"users-groups-by-id@openssh.com")
class UsersGroupsById:
    """Ask for the names of numbers; answered by `replies.accounts_reply`."""

    uids: list[int] = wire(NUMBERS)
    gids: list[int] = wire(NUMBERS)


@request(PacketType.EXTENDED, b"text-seek", versions=FROM4)
class TextSeek:
    """
    Go to a line of a file that is open as text.

    Attributes:
        line: counted from 0; past the last one is EOF.
    """

    handle: bytes = wire(HANDLE)
    line: int = wire(U64)


@dataclass(slots=True, kw_only=True)
class UnknownExtended:
    """
    An extended request of a name that is not known here.

    Attributes:
        data: what follows the name.
    """

    name: bytes
    data: bytes = b""
