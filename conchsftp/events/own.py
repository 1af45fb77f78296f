"""
Events of our own, for what the component has none. Records only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from conchsftp.events.kinds import Event, FileEvent, Phase, event
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import OpenFlag
from conchsftp.sftp.replies import Entry


@event(documented=False, writable="accept seconds")
class SourcePenalised(Event):
    """
    Connections of a source are refused from now on, for what came from there.

    Tells of the beginning, once; what is added while it lasts makes it longer, and is not told. PerSourcePenalties says
    what is counted, and for how long. It counts while a handler waits, too.

    Attributes:
        address: the source: an address, or a network as PerSourceNetBlockSize makes them.
        reason: the last thing that was done: `authfail`, `noauth`, `grace-exceeded`, `refuseconnection` or `crash`.
        seconds: for how long from now. May be made longer or shorter.
        accept: True: they are not refused, and everything that was counted is forgotten.
    """

    address: str
    reason: str
    seconds: float
    accept: bool = False

    def refuse(self, problem: Exception) -> None:
        """Leave it at the penalty."""
        self.accept = False


@event(Phase.BOTH, documented=False, writable="path target")
class LinkCreate(FileEvent):
    """
    A client wants to create a link.

    Attributes:
        path: the new link.
        target: what a symbolic link holds, as the client wrote it; the existing file of a hard link.
        symbolic: False for a hard link.
    """

    path: str
    target: str
    symbolic: bool = True


@event(Phase.AFTER, documented=False, writable="target")
class LinkRead(FileEvent):
    """
    A client asks where a symbolic link leads.

    Attributes:
        path: the link.
        target: the answer, as the link holds it.
    """

    path: str
    target: str = ""


@event(Phase.BOTH, documented=False, writable="mask")
class FileLock(FileEvent):
    """
    A client wants to lock a range of an open file: BLOCK, since version 6.

    A lock ends with FileUnlock or FileClose. What the flags of OPEN lock, `open_flags` of FileOpen tells. Where a
    handler refuses it afterwards, it is released again before the client hears of it.

    Attributes:
        path: the file.
        handle: what stands for it.
        offset: where the range begins, in bytes.
        length: in bytes; 0: up to what is now the end.
        mask: what others are kept from: BLOCK_READ, BLOCK_WRITE, BLOCK_DELETE; with BLOCK_ADVISORY only those that lock
            as well.
    """

    path: str
    handle: str
    offset: int
    length: int
    mask: OpenFlag


@event(Phase.BOTH, documented=False)
class FileUnlock(FileEvent):
    """
    A client wants to release a range that it has locked: UNBLOCK, since version 6.

    Who refuses it afterwards changes only the answer: it is released, and somebody else may have locked it already.

    Attributes:
        path: the file.
        handle: what stands for it.
        offset: as FileLock had it, in bytes.
        length: the same.
    """

    path: str
    handle: str
    offset: int
    length: int


@event(Phase.BOTH, documented=False, writable="result")
class ExtendedRequest(FileEvent):
    """
    A client sends an extended request that has no other event, known or not.

    Attributes:
        request_name: such as `statvfs@openssh.com` or `copy-data`.
        path: the file that it is about; empty if there is none.
        handle: what stands for the open file that it is about; empty if there is none.
        target: the file that `copy-data` or `copy-file` copies to; else empty. `copy-file` opens both files, which
            FileOpen and FileClose tell of.
        data: what follows the name of a request that the server does not know; else empty.
        arguments: what else the client says: by their names, with `_` for `-`, all fields that the table of
            [extended requests](versions.md#extended-requests) has, but paths and handles. `copy-file` has `overwrite`,
            `check-file` and its kin have `algorithms`, a list of names, `offset`, `length` and `block_size`.
        result: what it gave, after the operation. Of `check-file` and its kin a pair, the name of the algorithm and
            all hashes in one piece; of `md5-hash` and its kin the hash, empty if `quick_hash` is that of other bytes;
            of `space-available` and `statvfs@openssh.com` an object with the fields of `os.statvfs_result`; of
            `get-temp-folder` its path.
    """

    request_name: str
    path: str = ""
    handle: str = ""
    target: str = ""
    data: bytes = field(default=b"", repr=False)
    result: object = None
    arguments: dict[str, object] = field(default_factory=dict)


class _Portion(FileEvent):
    """
    A part of a listing.

    Once all handlers are done, `names` are those that the reply has room for, and `last` is whether it is known that no
    others follow.
    """

    __slots__ = ("last", "names")

    last: bool
    names: Sequence[Entry]


@event(Phase.AFTER, documented=False, writable="entries")
class DirRead(_Portion):
    """
    A client reads names from an open directory: READDIR.

    Told of what the directory gave, in portions of up to DirListBufferSize names, `.` and `..` among them. What a
    handler takes out of `entries` the client does not see; where it takes out all, the next portion is read at once. A
    hidden name can still be opened: FileOpen, GetAttributes and the others refuse that.

    Attributes:
        path: the directory.
        handle: what stands for it.
        entries: pairs of a name and its `Attributes`; empty at the end of the listing. May be changed or replaced.
        found: how many there were before any handler changed them.
    """

    path: str
    handle: str
    entries: Sequence[tuple[str, Attributes | None]] = field(default=(), repr=False)
    found: int = 0


@dataclass(slots=True)
class _Transfer(FileEvent):
    """
    What is known of a transfer.

    Attributes:
        path: the file, as it was opened.
        final_path: what it is called now.
        bytes: how many were read and written.
        duration: from opening to closing, in milliseconds.
        upload: True if the file was written to, or created or emptied for writing.
        resumed: True if the transfer did not begin at the start of the file.
        aborted: True if the session ended with the file open. A client that gives up and closes the file says nothing
            of it.
    """

    path: str
    final_path: str
    bytes: int
    duration: int
    upload: bool = False
    resumed: bool = False
    aborted: bool = False


@event(Phase.AFTER, documented=False)
class TransferFinished(_Transfer):
    """
    A file that was read from or written to has been closed.

    Told to those who listened when it was opened. Nobody waits for their handlers, unless they have a hundred transfers
    of the same session to do: then the client's CLOSE is answered when they have done. `status_code` is the first
    failure of reading, writing or closing; CONNECTION_LOST (7) if there was none and the session ended with the file
    open. An empty upload counts: nothing is written to it, but it was opened to be created or emptied. What a client
    has copied on the server is not in `bytes`: ExtendedRequest tells of that.

    `final_path` is another one than `path` if the file was renamed while it was open. Clients that upload under a
    temporary name rename it after they have closed it: see TransferRenamed.
    """


@event(Phase.AFTER, documented=False)
class TransferRenamed(_Transfer):
    """
    A file that was uploaded under another name has got its own: `final_path`.

    WinSCP uploads `name.filepart`, rclone `name.<something>.partial`, and others do so when told to. TransferFinished
    has told of the upload with that name; this event tells of it again, with the same facts, when the user renames the
    file, in whatever session, within a minute. It is told once, and only of uploads that were complete; nobody waits
    for its handlers.
    """


@event(Phase.AFTER, documented=False, subscribable=False)
class FileRequest(_Portion):
    """
    A request without an event of its own; takes the same road, and nobody can listen to it.

    Attributes:
        path: what it is about; empty if nothing.
        handle: what stands for it, if anything does.
        entries: of READDIR, what an earlier one has told of and had no room for.
    """

    path: str = ""
    handle: str = ""
    entries: Sequence[tuple[str, Attributes | None]] = ()
