"""
One record per request: the meaning of version 6, and for each field the versions that have it on the wire.

The codec compiles its decoders from these declarations; who serves a request sees only the record. A field outside its
span has its default. Names, paths and handles are bytes. What has a name instead of a number is in `extended`.
Sources: filexfer-02 to -13, sections 6 to 8.
"""

from conchsftp.sftp.attribute_codec import attributes_kind
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.fields import (
    CONTROL,
    DATA,
    HANDLE,
    LOCK_MASK,
    PATH,
    PATHS,
    PFLAGS,
    PFLAGS_3,
    RENAME_FLAGS,
    opening_kind,
    request,
    wire,
    wire_only,
)
from conchsftp.sftp.numbers import FROM4, FROM5, UNTIL5, V3, V4, V6, Access, OpenFlag, PacketType, RenameFlag
from conchsftp.sftp.numbers import RealPath as Control
from conchsftp.wire.kinds import BOOL, U32, U64, Buffer


@request(PacketType.OPEN)
class Open:
    """
    Open or create a file; answered by `HandleReply`.

    Attributes:
        attributes: only for a file that this request creates.
    """

    path: bytes = wire(PATH)
    pflags_3 = wire_only(PFLAGS_3, V3, "access", "flags")
    pflags = wire_only(PFLAGS, V4, "access", "flags")
    opening = wire_only(opening_kind, FROM5, "access", "flags")
    access: Access
    flags: OpenFlag
    attributes: Attributes = wire(attributes_kind)


@request(PacketType.CLOSE)
class Close:
    """Close a file or directory; the handle is dead, whatever the status says."""

    handle: bytes = wire(HANDLE)


@request(PacketType.READ)
class Read:
    """Read from a file; answered by `Data`, or EOF."""

    handle: bytes = wire(HANDLE)
    offset: int = wire(U64)
    length: int = wire(U32)


@request(PacketType.WRITE)
class Write:
    """
    Write to a file.

    Attributes:
        data: views of the received packet, in order, usually one. Who keeps them past the call takes `bytes()` first.
    """

    handle: bytes = wire(HANDLE)
    offset: int = wire(U64)
    data: list[Buffer] = wire(DATA)


@request(PacketType.LSTAT)
class LStat:
    """
    Ask for the attributes of a name itself; answered by `Attrs`.

    Attributes:
        flags: which attributes are wanted (bits of the attribute table); a hint, 0 means any.
    """

    path: bytes = wire(PATH)
    flags: int = wire(U32, FROM4, default=0, absent=0)


@request(PacketType.FSTAT)
class FStat:
    """Ask for the attributes of what is open; `flags` as in `LStat`."""

    handle: bytes = wire(HANDLE)
    flags: int = wire(U32, FROM4, default=0, absent=0)


@request(PacketType.SETSTAT)
class SetStat:
    """Change the attributes of what a path means, links followed."""

    path: bytes = wire(PATH)
    attributes: Attributes = wire(attributes_kind)


@request(PacketType.FSETSTAT)
class FSetStat:
    """Change the attributes of what is open."""

    handle: bytes = wire(HANDLE)
    attributes: Attributes = wire(attributes_kind)


@request(PacketType.OPENDIR)
class OpenDir:
    """Open a directory for `ReadDir`; answered by `HandleReply`."""

    path: bytes = wire(PATH)


@request(PacketType.READDIR)
class ReadDir:
    """Ask for more names of a directory; answered by `Names`, or EOF."""

    handle: bytes = wire(HANDLE)


@request(PacketType.REMOVE)
class Remove:
    """Remove a file or a link, not a directory."""

    path: bytes = wire(PATH)


@request(PacketType.MKDIR)
class MkDir:
    """Create a directory."""

    path: bytes = wire(PATH)
    attributes: Attributes = wire(attributes_kind)


@request(PacketType.RMDIR)
class RmDir:
    """Remove an empty directory."""

    path: bytes = wire(PATH)


@request(PacketType.REALPATH)
class RealPath:
    """
    Ask for the canonical form of a path; answered by `Names` with one entry.

    Attributes:
        control: what to do about a path that may not exist. A version 6 client may leave it out and means NO_CHECK.
        compose: paths to apply to the first, one after the other; an absolute one replaces what is before it.
    """

    path: bytes = wire(PATH)
    control: Control = wire(CONTROL, V6, default=Control.RESOLVE, absent=Control.NO_CHECK)
    compose: tuple[bytes, ...] = wire(PATHS, V6, default=())


@request(PacketType.STAT)
class Stat:
    """Ask for the attributes of what a path means, links followed; `flags` as in `LStat`."""

    path: bytes = wire(PATH)
    flags: int = wire(U32, FROM4, default=0, absent=0)


@request(PacketType.RENAME)
class Rename:
    """Rename a file or directory; without flags an existing `new_path` is an error."""

    path: bytes = wire(PATH)
    new_path: bytes = wire(PATH)
    flags: RenameFlag = wire(RENAME_FLAGS, FROM5, default=RenameFlag(0))


@request(PacketType.READLINK)
class ReadLink:
    """Ask for the target of a link; answered by `Names` with one entry."""

    path: bytes = wire(PATH)


@request(PacketType.SYMLINK, versions=UNTIL5, either_order=True)
class SymLink:
    """
    Create a symbolic link.

    Attributes:
        path: the new link.
        target: what it holds, kept as it is.
    """

    path: bytes = wire(PATH)
    target: bytes = wire(PATH)


@request(PacketType.LINK, versions=V6)
class Link:
    """
    Create a link.

    Attributes:
        path: the new link.
        target: what a symbolic link holds; the existing file of a hard link.
    """

    path: bytes = wire(PATH)
    target: bytes = wire(PATH)
    symbolic: bool = wire(BOOL)


@request(PacketType.BLOCK, versions=V6)
class Block:
    """
    Lock a range of a file.

    Attributes:
        length: in bytes; 0 means up to what is now the end.
        mask: the BLOCK_… bits of `OpenFlag`.
    """

    handle: bytes = wire(HANDLE)
    offset: int = wire(U64)
    length: int = wire(U64)
    mask: OpenFlag = wire(LOCK_MASK)


@request(PacketType.UNBLOCK, versions=V6)
class Unblock:
    """Release a range that `Block` locked; offset and length must be the same."""

    handle: bytes = wire(HANDLE)
    offset: int = wire(U64)
    length: int = wire(U64)
