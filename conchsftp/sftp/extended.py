"""
The extended requests, declared as those in `requests` are, and what is advertised of them.

Those that OpenSSH's server advertises come first, in its order. What a file system must be able to do for a request is
not known here, and what else VERSION tells is in `facts`. Sources: PROTOCOL of OpenSSH, section 4, for the names with
an @; filexfer-extensions-00 for the others. What is told with a name is exactly what OpenSSH's server tells, if it has
the request: clients compare it letter by letter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conchsftp.sftp.attribute_codec import attributes_kind
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.fields import CHOICE, HANDLE, NUMBERS, PATH, REQUESTS, TEXT, WORDS, Layout, request, wire
from conchsftp.sftp.numbers import FROM4, PacketType
from conchsftp.wire.kinds import BOOL, BYTES, U32, U64, Pair

NEVER = range(0)
"""The versions in which a field is on the wire that only the server fills."""

HASHES = (b"md5", b"sha1", b"sha224", b"sha256", b"sha384", b"sha512")
"""The algorithms of `check-file` and its kin. The draft also names crc32, and leaves open which, and in which order."""


@request(PacketType.EXTENDED, b"posix-rename@openssh.com", told=b"1")
class PosixRename:
    """Rename as rename(2) does: an existing `new_path` is replaced."""

    path: bytes = wire(PATH)
    new_path: bytes = wire(PATH)


@request(PacketType.EXTENDED, b"statvfs@openssh.com", told=b"2")
class StatVFS:
    """Ask how full a file system is; answered by `replies.space_reply`."""

    path: bytes = wire(PATH)


@request(PacketType.EXTENDED, b"fstatvfs@openssh.com", told=b"2")
class FStatVFS:
    """The same for what is open."""

    handle: bytes = wire(HANDLE)


@request(PacketType.EXTENDED, b"hardlink@openssh.com", told=b"1")
class HardLink:
    """Give an existing file (`path`) a second name."""

    path: bytes = wire(PATH)
    new_path: bytes = wire(PATH)


@request(PacketType.EXTENDED, b"fsync@openssh.com", told=b"1")
class FSync:
    """Force a file's data to the disk."""

    handle: bytes = wire(HANDLE)


@request(PacketType.EXTENDED, b"lsetstat@openssh.com", told=b"1")
class LSetStat:
    """Change the attributes of a name itself. A link has no size to set: BAD_MESSAGE."""

    path: bytes = wire(PATH)
    attributes: Attributes = wire(attributes_kind)


@request(PacketType.EXTENDED, b"limits@openssh.com", told=b"1")
class Limits:
    """Ask for the server's limits; answered by `replies.limits_reply`."""


@request(PacketType.EXTENDED, b"expand-path@openssh.com", told=b"1")
class ExpandPath:
    """Ask for the canonical form of a path that may begin with `~` or `~user`; answered as `RealPath`."""

    path: bytes = wire(PATH)


@request(PacketType.EXTENDED, b"copy-data", told=b"1")
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


@request(PacketType.EXTENDED, b"home-directory", told=b"1")
class HomeDirectory:
    """Ask for a user's home; empty for one's own. Answered as `RealPath`."""

    user: bytes = wire(BYTES)


@request(PacketType.EXTENDED, b"users-groups-by-id@openssh.com", told=b"1")
class UsersGroupsById:
    """Ask for the names of numbers; answered by `replies.accounts_reply`."""

    uids: list[int] = wire(NUMBERS)
    gids: list[int] = wire(NUMBERS)


@request(PacketType.EXTENDED, b"text-seek", versions=FROM4, told=b"1")
class TextSeek:
    """
    Go to a line of a file that is open as text.

    Attributes:
        line: counted from 0; past the last one is EOF.
    """

    handle: bytes = wire(HANDLE)
    line: int = wire(U64)


@request(PacketType.EXTENDED, b"md5-hash", told=b"1")
class MD5Hash:
    """
    Ask for the MD5 of a part of a file; answered by `replies.md5_reply`.

    Attributes:
        length: in bytes; 0 means up to the end.
        quick_hash: the MD5 of the first 2048 bytes of the range, as the client has them: if it is another one here, no
            more is read. Empty: the client has nothing to compare.
    """

    path: bytes = wire(PATH)
    offset: int = wire(U64)
    length: int = wire(U64)
    quick_hash: bytes = wire(BYTES)


@request(PacketType.EXTENDED, b"md5-hash-handle", told=b"1")
class MD5HashHandle:
    """The same for an open file."""

    handle: bytes = wire(HANDLE)
    offset: int = wire(U64)
    length: int = wire(U64)
    quick_hash: bytes = wire(BYTES)


@request(PacketType.EXTENDED, b"check-file-name", told=b"1")
class CheckFileName:
    """
    Ask for hashes of a part of a file; answered by `replies.hashes_reply`.

    Attributes:
        algorithms: those that the client takes, the best first.
        length: in bytes; 0 means up to the end.
        block_size: in bytes; each block has a hash. 0: one hash of everything; else at least 256.
    """

    path: bytes = wire(PATH)
    algorithms: list[bytes] = wire(WORDS)
    offset: int = wire(U64)
    length: int = wire(U64)
    block_size: int = wire(U32)


@request(PacketType.EXTENDED, b"check-file-handle", told=b"1")
class CheckFileHandle:
    """The same for an open file."""

    handle: bytes = wire(HANDLE)
    algorithms: list[bytes] = wire(WORDS)
    offset: int = wire(U64)
    length: int = wire(U64)
    block_size: int = wire(U32)


@request(PacketType.EXTENDED, b"check-file", told=b",".join(HASHES))
class CheckFile:
    """The same as paramiko asks for it, and as drafts before the last have it: the answer has the name in front."""

    handle: bytes = wire(HANDLE)
    algorithms: list[bytes] = wire(WORDS)
    offset: int = wire(U64)
    length: int = wire(U64)
    block_size: int = wire(U32)


@request(PacketType.EXTENDED, b"space-available", told=b"1")
class SpaceAvailable:
    """Ask how full a device is; answered by `replies.available_reply`."""

    path: bytes = wire(PATH)


@request(PacketType.EXTENDED, b"copy-file", told=b"1")
class CopyFile:
    """
    Copy a file to another name, inside the server.

    Attributes:
        overwrite: whether the new name may exist.
    """

    path: bytes = wire(PATH)
    new_path: bytes = wire(PATH)
    overwrite: bool = wire(BOOL)


@request(PacketType.EXTENDED, b"get-temp-folder", told=b"1")
class GetTempFolder:
    """Ask for the folder for temporary files; answered by NAME."""


@request(PacketType.EXTENDED, b"make-temp-folder", told=b"1")
class MakeTempFolder:
    """
    Ask for a new folder that nobody else uses; answered by NAME.

    Attributes:
        path: what the server calls it.
    """

    path: bytes = wire(PATH, NEVER, default=b"")


@request(PacketType.EXTENDED, b"version-select")
class VersionSelect:
    """
    Choose one of the versions that `versions` has named; only as the first request (filexfer-13, 5.5).

    Attributes:
        version: its name, such as `6`; empty where it cannot be read: there is no going on then.
    """

    version: bytes = wire(CHOICE)


@request(PacketType.EXTENDED, b"vendor-id")
class VendorId:
    """Say who the client is (filexfer-extensions-00)."""

    vendor: bytes = wire(TEXT)
    product: bytes = wire(TEXT)
    version: bytes = wire(TEXT)
    build: int = wire(U64)


@request(PacketType.EXTENDED, b"filename-translation-control")
class FilenameTranslationControl:
    """
    Ask that names be sent as they are on the disk, or in UTF-8 (filexfer-13, 6).

    Attributes:
        translates: True: in UTF-8.
    """

    translates: bool = wire(BOOL)


@dataclass(slots=True, kw_only=True)
class UnknownExtended:
    """
    An extended request of a name that is not known here.

    Attributes:
        data: what follows the name.
    """

    name: bytes
    data: bytes = b""


EXTENSIONS: tuple[Layout, ...] = tuple(layout for layout in REQUESTS if layout.told)
"""Those that are advertised where they can be carried out; the others go with a fact."""


def advertised(version: int, possible: Callable[[type[Any]], bool]) -> list[Pair]:
    """
    Return the pairs for the extended requests that a version and a session have.

    Args:
        possible: whether a request, by its class, can be carried out.
    """
    return [(row.name, row.told) for row in EXTENSIONS if version in row.versions and possible(row.record)]
