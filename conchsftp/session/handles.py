"""
What a client has open: files and directories under the handles it was given.

A handle is a name chosen by us or by an application's handler, never an address in memory; it lives from HANDLE to
CLOSE. Does no input or output. Source: filexfer-13, section 8.2: "a variable length string", at most 256 bytes.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

from conchsftp.errors import SFTPError
from conchsftp.session.paths import is_within
from conchsftp.settings.permissions import ALL, Place
from conchsftp.sftp.statuses import Status

_LONGEST = 256
# What a handle may cost beyond its first place, against a session that has its memory filled with listings and names:
# an open directory has a buffer of 32 KiB and up to a hundred entries, and a path can take 16 KiB. Of these things a
# session may have 64 at a time, whatever its limit.
_MOST_HEAVY = 64
_CHARACTERS_A_PLACE = 256
T = TypeVar("T", bound="Opened")


def handle_text(handle: bytes) -> str:
    """Return a handle as events have it."""
    return handle.decode("utf-8", "surrogateescape")


def handle_bytes(text: str) -> bytes:
    """Return a handle as requests have it."""
    return text.encode("utf-8", "surrogateescape")


class Opened:
    """
    Something open: a virtual path, what the file system gave for it, and the handle once it has one.

    Attributes:
        close: closes the source; to be called through here, where somebody may count.
        abandoned: whether it was still open when the session ended.
        failed: whether a READ or WRITE of it failed.
        places: how much of the limit it takes while it is in the table.
        heavy: whether it costs far more than its path.
        begun: when it was opened.
        made: whether it was opened to be written anew: an empty file was transferred, too.
        granted: what the user's permissions allow with it, bits: decided where and when it was opened.
        locks: how many ranges of it the client has locked.
        received, sent: bytes of its content that the client has sent and got.
    """

    __slots__ = (
        "abandoned",
        "begun",
        "close",
        "failed",
        "granted",
        "handle",
        "locks",
        "made",
        "path",
        "places",
        "received",
        "sent",
        "source",
    )
    heavy = False

    def __init__(self, path: str, source: Any) -> None:
        self.path = path
        self.source = source
        self.close: Any = getattr(source, "close", None)
        self.handle = b""
        self.abandoned = self.failed = False
        self.places = 1
        self.begun = 0.0
        self.made = False
        self.granted = ALL
        self.received = self.sent = self.locks = 0


class OpenFile(Opened):
    """
    An open file; its source is an `IFile`.

    Args:
        into: its `read_into`, if it has that ability.
        from_pieces: its `write_from`, if it has that ability.

    Attributes:
        read, write: those of the source; see `close`.
        told: called with the event of a READ or WRITE when handlers are done with it; None if nobody counts.
    """

    __slots__ = ("from_pieces", "into", "read", "told", "write")

    def __init__(self, path: str, source: Any, *, into: Any = None, from_pieces: Any = None) -> None:
        super().__init__(path, source)
        self.read: Any = getattr(source, "read", None)
        self.write: Any = getattr(source, "write", None)
        self.told: Any = None
        self.into = into
        self.from_pieces = from_pieces


class OpenDirectory(Opened):
    """
    An open directory; its source is an `IDirectory`.

    Attributes:
        waiting: the entries that did not fit into the last reply.
        ended: whether the directory has said that it has nothing more.
        place: what the user's permissions say of it, where not all that is in it is shown; None: everything is.
    """

    __slots__ = ("ended", "place", "waiting")
    heavy = True

    def __init__(self, path: str, source: Any) -> None:
        super().__init__(path, source)
        self.waiting: list[Any] = []
        self.ended = False
        self.place: Place | None = None


class HandleTable:
    """
    The handles of one conversation.

    Args:
        limit: how many files may be open at once; see `places` for what counts more.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._most_places = max(1, limit // _MOST_HEAVY)
        self._taken = 0
        self._open: dict[bytes, Opened] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[bytes]:
        return iter(list(self._open))

    def all(self) -> Iterator[Opened]:
        """Return everything that is open."""
        return iter(list(self._open.values()))

    def places(self, kind: type[Opened], path: str) -> int:
        """Return how many places something open takes: a file one, a directory or what has a long path several."""
        most = self._most_places
        return most if kind.heavy else min(1 + len(path) // _CHARACTERS_A_PLACE, most)

    def check_room(self, kind: type[Opened], path: str) -> None:
        """
        Refuse before anything is opened.

        Raises:
            SFTPError: as many handles as allowed are open.
        """
        if self._taken + self.places(kind, path) > self._limit:
            raise SFTPError(Status.FAILURE, f"Too many open handles, {self._limit} allowed")

    def free(self) -> bytes:
        """Return a handle that is not in use."""
        while True:
            handle = b"%08x" % self._next
            self._next += 1
            if handle not in self._open:
                return handle

    def check(self, handle: bytes) -> None:
        """
        Refuse a handle that nothing can be given.

        Raises:
            ValueError: it is too long, or in use.
        """
        if not 0 < len(handle) <= _LONGEST:
            raise ValueError(f"a handle of {len(handle)} bytes, 1 to {_LONGEST} expected")
        if handle in self._open:
            raise ValueError(f"the handle {handle!r}, which is in use")

    def add(self, handle: bytes, opened: Opened) -> None:
        """
        Remember what is open.

        Raises:
            ValueError: a handler chose a handle that is too long or in use.
            SFTPError: as many handles as allowed are open.
        """
        self.check_room(type(opened), opened.path)
        self.check(handle)
        opened.handle = handle
        # Kept: a rename may give it another path.
        opened.places = self.places(type(opened), opened.path)
        self._taken += opened.places
        self._open[handle] = opened

    def get(self, handle: bytes, kind: type[T]) -> T:
        """
        Return what is open under a handle.

        Raises:
            SFTPError: INVALID_HANDLE if nothing is, or something of another kind.
        """
        opened = self._open.get(handle)
        if opened.__class__ is kind or isinstance(opened, kind):
            return opened
        raise SFTPError(Status.INVALID_HANDLE)

    def remove(self, handle: bytes) -> Opened:
        """Forget a handle and return what was open under it; raises as `get`."""
        opened = self._open.pop(handle, None)
        if opened is None:
            raise SFTPError(Status.INVALID_HANDLE)
        self._taken -= opened.places
        return opened

    def find(self, handle: bytes) -> Opened | None:
        """Return what is open under a handle, or None."""
        return self._open.get(handle)

    def path(self, handle: bytes) -> str:
        """Return the path of what is open, or an empty string."""
        opened = self._open.get(handle)
        return "" if opened is None else opened.path

    def renamed(self, path: str, new_path: str) -> None:
        """Know what is open at and below a path by its new one."""
        for opened in self._open.values():
            if is_within(opened.path, path):
                opened.path = new_path + opened.path[len(path) :]
