"""
The twelve documented events of files.

Records only, with every documented parameter; those of a file's attributes come from `parameters.py`. The order of the
fields is the order of their positions: connection, user, then as written; what `FileEvent` adds goes by keyword.
"""

from collections.abc import Sequence
from dataclasses import field

from conchsftp.events.kinds import FileEvent, Phase, event
from conchsftp.events.parameters import AttributeParameters
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, OpenFlag, PFlag, RealPath, RenameFlag
from conchsftp.sftp.open_mode import to_pflags

Buffer = bytes | bytearray | memoryview

_ATTRIBUTES = (
    "attributes file_type file_size file_owner file_group file_permissions file_a_time file_create_time file_m_time"
    " file_attrib_bits file_attrib_bits_valid other_attributes"
)


class _Content(FileEvent):
    """The content of a read or write: pieces that are only lent, and become bytes when somebody looks."""

    __slots__ = ("pieces",)

    pieces: Sequence[Buffer]

    @property
    def data(self) -> bytes:
        """The content as bytes; what SFTPConnectionFileData is. It may be set."""
        pieces = self.pieces
        if len(pieces) == 1 and isinstance(pieces[0], bytes):
            return pieces[0]
        joined = b"".join(pieces)
        self.pieces = (joined,)
        return joined

    @data.setter
    def data(self, content: Buffer) -> None:
        self.pieces = (bytes(content),)

    @property
    def size(self) -> int:
        """How many bytes the content has. To ask costs no copy of it, as `data` does."""
        return sum(map(len, self.pieces))

    def own(self) -> None:
        """Copy the pieces that lie in a buffer which is used again."""
        if any(piece.__class__ is memoryview for piece in self.pieces):
            self.pieces = (self.data,)


@event(Phase.BOTH, writable=f"path {_ATTRIBUTES}")
class DirCreate(FileEvent, AttributeParameters):
    """
    A client wants to create a directory.

    Attributes:
        path: the new directory.
        attributes: what it asks for.
    """

    path: str
    attributes: Attributes | None = None


@event(Phase.BOTH, writable="path result")
class DirList(FileEvent):
    """
    A client opens a directory, to list it.

    Attributes:
        path: the directory.
        result: the open directory, after the operation. A handler may supply it, before or after: an `IDirectory`, or
            what `set_file_list` takes.
    """

    path: str
    result: object = None


@event(Phase.BOTH, writable="path")
class DirRemove(FileEvent):
    """
    A client wants to remove a directory.

    Attributes:
        path: the directory.
    """

    path: str


@event(Phase.AFTER)
class FileClose(FileEvent):
    """
    A client has closed a file or directory, or its session ended with it open.

    Attributes:
        path: what was open.
        handle: what stood for it.
    """

    path: str
    handle: str


@event(Phase.BOTH, writable=f"path handle result {_ATTRIBUTES}")
class FileOpen(FileEvent, AttributeParameters):
    """
    A client wants to open or create a file.

    Attributes:
        path: the file.
        desired_access: what it wants to do with it; derived from the flags below version 5.
        open_flags: the flags of version 6, the disposition in the three lowest bits; derived below version 5.
        attributes: for a file that is created.
        handle: what stands for the open file from now on, at most 256 bytes of UTF-8, and not in use; empty: the server
            counts. One that cannot be is logged, and the client gets FAILURE. Who sets it before the operation has
            opened the file, with all that `open_flags` ask for.
        result: the open file, after the operation. A handler may supply it, before or after: an `IFile`, such as a
            `SpooledSink` for an upload; bytes; an asynchronous iterator of bytes; a function `read(offset, length)`.
    """

    path: str
    desired_access: Access = Access.READ_DATA
    open_flags: OpenFlag = OpenFlag(2)
    attributes: Attributes | None = None
    handle: str = ""
    result: object = None

    @property
    def flags(self) -> PFlag:
        """The flags of version 3: READ 1, WRITE 2, APPEND 4, CREAT 8, TRUNC 16, EXCL 32."""
        return to_pflags(self.desired_access, self.open_flags)


@event(Phase.AFTER, writable="data")
class FileRead(_Content):
    """
    A client reads from an open file.

    Attributes:
        path: the file.
        handle: what stands for it.
        file_offset: where the reading began, in bytes.
        length: how much was asked for, in bytes.
        pieces: what was read, in buffers that are lent until the first wait. Nothing, with OK, is the end of the file.
    """

    path: str
    handle: str
    file_offset: int
    length: int
    pieces: Sequence[Buffer] = field(default=(), repr=False)


@event(Phase.BOTH, writable="path")
class FileRemove(FileEvent):
    """
    A client wants to remove a file or a link.

    Attributes:
        path: the file.
    """

    path: str


@event(Phase.BOTH, writable="path new_path")
class FileRename(FileEvent):
    """
    A client wants to rename a file or directory.

    Attributes:
        path: the old name.
        new_path: the new name.
        flags: OVERWRITE 1, ATOMIC 2, NATIVE 4. None below version 5, but posix-rename sets OVERWRITE and ATOMIC.
    """

    path: str
    new_path: str
    flags: RenameFlag = RenameFlag(0)


@event(Phase.BOTH, writable="data")
class FileWrite(_Content):
    """
    A client writes to an open file.

    Attributes:
        path: the file.
        handle: what stands for it.
        file_offset: where to write, in bytes.
        pieces: what to write, in buffers that are lent until the first wait.
    """

    path: str
    handle: str
    file_offset: int
    pieces: Sequence[Buffer] = field(default=(), repr=False)


@event(Phase.AFTER, writable=_ATTRIBUTES)
class GetAttributes(FileEvent, AttributeParameters):
    """
    A client asks for the attributes of a file or directory: STAT, LSTAT or FSTAT.

    Attributes:
        path: the file.
        flags: bits of the attributes that it wants, since version 4; 0: all.
        follow: False for LSTAT, which asks for a link itself.
        handle: for FSTAT, what stands for the open file; else empty.
        attributes: the answer.
    """

    path: str
    flags: int = 0
    follow: bool = True
    handle: str = ""
    attributes: Attributes | None = None


@event(Phase.AFTER, writable="real_path attributes")
class ResolvePath(FileEvent):
    """
    A client asks for the canonical form of a path.

    Attributes:
        original_path: as the client sent it.
        control_flags: RESOLVE 0 (below version 6), NO_CHECK 1, STAT_IF 2, STAT_ALWAYS 3.
        real_path: the answer.
        attributes: what STAT_IF and STAT_ALWAYS add to it; GetAttributes fires for it, before this event.
    """

    original_path: str
    control_flags: RealPath = RealPath.RESOLVE
    real_path: str = ""
    attributes: Attributes | None = None


@event(Phase.BOTH, writable=f"path {_ATTRIBUTES}")
class SetAttributes(FileEvent, AttributeParameters):
    """
    A client wants to change the attributes of a file or directory: SETSTAT or FSETSTAT.

    Attributes:
        path: the file.
        attributes: what to change; None is left alone.
        follow: False if a link itself is meant.
        handle: for FSETSTAT, what stands for the open file; else empty.
    """

    path: str
    attributes: Attributes | None = None
    follow: bool = True
    handle: str = ""
