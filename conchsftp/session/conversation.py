"""
What the operations of one SFTP conversation work on: the user's files, the open handles, how paths are read.

State only; who carries requests out is the pipeline, who moves bytes the subsystem.
"""

from collections.abc import Callable
from functools import cached_property, partial
from math import inf
from time import time
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import providedBy

from conchsftp import log
from conchsftp.errors import SFTPError
from conchsftp.events.files import FileOpen, GetAttributes
from conchsftp.events.kinds import FileEvent
from conchsftp.events.own import DirRead
from conchsftp.events.waiting import settled
from conchsftp.files.supplied.sources import Means
from conchsftp.files.supplied.virtual import EventFile, VirtualFileSystem, is_done
from conchsftp.interfaces import IAbandoned, IAccountNumbers, IDetails, IExtendedRequests, INameCharset, IStoppable
from conchsftp.places import Places
from conchsftp.session.handles import HandleTable, handle_bytes
from conchsftp.session.uploads import Uploads
from conchsftp.session.view import View
from conchsftp.settings.code_pages import CODECS
from conchsftp.settings.permissions import Permissions
from conchsftp.sftp.clients import DEFAULT, Client
from conchsftp.sftp.codec import Codec
from conchsftp.sftp.numbers import VERSIONS
from conchsftp.sftp.statuses import Status

_MOST_SCANNING = 2


class Conversation:
    """
    One client's session on one channel.

    Args:
        avatar: whose it is: an `ISFTPAvatar`.
        settings: those of the connection.
        connection_id: the number of the connection.
        events: the hub of the server; the avatar's own hooks join it.
        seconds: tells the time, in seconds.
        client: what the client needs.
        turns: those of all connections; None where nobody else waits.
        uploads: those that users may still rename; None: this session's alone.
        view: what the user sees; None: all of the avatar's files, from its home on.
    """

    log = log.ConnectionLog()
    """That of the connection."""
    codec: Codec | None = None
    """What the session speaks; None before that is agreed on."""
    told: frozenset[bytes] = frozenset()
    """The names of what VERSION has told the client."""
    fresh: bool = False
    """Whether the request that is being begun is the first one."""
    over: bool = False
    """Whether the channel is gone: nothing may be opened any more."""
    direct: bool = False
    """Whether the next reply may be laid out at once: no other reply has to leave before it."""
    newline = b"\n"
    """How lines end for the client in what it opens as text."""
    pipeline: Any = None
    """Carries out the requests that others are made of."""
    refuses_extended = False
    """Whether a SETSTAT of extended attributes fails."""
    numbers_owners = False
    """Whether owners have to be told by number, and the file system knows the numbers of names."""

    def __init__(
        self,
        avatar: Any,
        *,
        settings: Any,
        connection_id: int,
        events: Any,
        seconds: Callable[[], float],
        client: Client = DEFAULT,
        turns: Any = None,
        uploads: Any = None,
        view: View | None = None,
    ) -> None:
        self.settings = settings
        self.client = client
        self.seconds = seconds
        self.connection_id = connection_id
        self.user: str = avatar.user_name
        self.events = events.child(avatar)
        self.virtual = avatar.files is None
        """Whether the handlers of events are the file system."""
        self.read_only: bool = avatar.read_only or settings.read_only
        self.read_only_text = "The server is read-only" if settings.read_only else "This account is read-only"
        """Why the user may change nothing, if that is so."""
        self.permissions: Permissions | None = None
        """What the user may do where; None: everything."""
        self.limited = False
        """Whether there is anything that this user may not."""
        self.refusals: set[str] = set()
        """The kinds of events of which the log has said that one was refused."""
        self.handles = HandleTable(settings.max_handles)
        self.channel: Any = None
        self.versions = range(VERSIONS[0], min(settings.protocol_version, client.versions) + 1)
        """The versions that may be spoken."""
        self.give_up: Callable[[str], None] = self.nothing
        """Called with the reason when the channel has to end behind the next reply."""
        self.uploads = Uploads() if uploads is None else uploads
        self._turns = turns
        self._stoppable: set[Any] = set()
        self.show(view if view is not None else View.of(avatar))

    def show(self, view: View) -> None:
        """Let the user see this from now on; before the first request."""
        self._files: Any = VirtualFileSystem(self.events) if view.files is None else view.files
        self.files = self._files
        found = (*providedBy(self.files), *getattr(self.files, "file_abilities", ()))
        self.permissions = view.permissions
        self.limited = self.read_only or view.permissions is not None
        # Which paths a request of its own names, only the file system knows.
        unknown = IExtendedRequests if view.within or view.permissions is not None else None
        self.abilities = frozenset(ability.__name__ for ability in found if ability is not unknown)
        self._view = view
        self._name(CODECS[self.settings.code_page])
        if self.codec is not None:
            self.speak(self.codec.version)

    def speak(self, version: int) -> Codec:
        """
        Speak a version from the next request on: all that follows from the version is decided here.

        Args:
            version: 3 to 6. May be another one than before, as long as nothing has been asked (filexfer-13, 5.5).
        """
        # A listing without the time of day has the year in every line, as if every file were old.
        clock = time if self.settings.unix_style_date_format else lambda: inf
        self.codec = codec = Codec(version, self.client, clock=clock)
        self.newline = self.settings.server_eol.encode("ascii")
        self._name("utf-8" if codec.has_charset else CODECS[self.settings.code_page])
        self.numbers_owners = "uid" in codec.fields and IAccountNumbers.providedBy(self._files)
        self._detail(codec)
        return codec

    @property
    def charset(self) -> str:
        """What names are in on the disk, if the file system translates them and says so; else empty."""
        return self._files.name_charset if INameCharset.providedBy(self._files) else ""

    def translate(self, translates: bool) -> None:
        """Send and take names in UTF-8 from now on, or as they are on the disk."""
        self._name("utf-8" if translates else self.charset)

    def _name(self, encoding: str) -> None:
        """Read and write names in an encoding."""
        paths = self._view.paths(encoding)
        self.path = paths.resolve
        self.composed = paths.compose
        self.diverted = paths.diverted
        self.text = paths.decode
        self.encoded = paths.encode

    @cached_property
    def scanning(self) -> Places:
        """Places for requests that may read all of a file; what is more than that waits."""
        return Places(_MOST_SCANNING)

    def _detail(self, codec: Codec) -> None:
        """Have the file system tell what the version has words for; all that it knows where handlers see it."""
        self.files, self.refuses_extended = self._files, False
        if not IDetails.providedBy(self._files):
            return
        listened = not self.events.listeners.keys().isdisjoint((GetAttributes, DirRead))
        told = self._files.tells if listened else self._files.tells & codec.fields
        if told:
            self.files = self._files.detailed(told)
        self.refuses_extended = codec.refuses_extended and "extended" not in self._files.sets

    def stop_when_over(self, result: Any) -> Any:
        """Return the result of a request; if it can be stopped, that is done when the session is lost."""
        stoppable = result
        if IStoppable.providedBy(result):
            self._stoppable.add(stoppable)
            stoppable.addBoth(self._ended, stoppable)
            if self.over:
                stoppable.stop()
        return stoppable

    def go_on(self) -> None:
        """
        Return if what takes long is to go on.

        Raises:
            SFTPError: NO_CONNECTION: nobody waits for the answer any more.
        """
        if self.over:
            raise SFTPError(Status.NO_CONNECTION)

    async def turn(self) -> None:
        """Let the other connections have theirs first."""
        if self._turns is not None:
            turn: Deferred[None] = Deferred()
            self._turns.wait(partial(turn.callback, None))
            await turn

    @staticmethod
    def nothing(text: str) -> None:
        """Stands for `give_up` where there is no channel that could end."""

    def end(self) -> None:
        """The channel is gone."""
        self.over = True
        for opened in self.handles.all():
            # What nobody can complete any more is stopped now, and closed when its turn comes.
            self.abandon(opened.source)
        for stoppable in tuple(self._stoppable):
            stoppable.stop()

    def _ended(self, outcome: Any, stoppable: Any) -> Any:
        self._stoppable.discard(stoppable)
        return outcome

    def lend(self, length: int) -> list[memoryview] | None:
        """Return the places in the outgoing packets that file data may be read into; None where it cannot be now."""
        if not self.direct or self.codec is None:
            return None
        lent: list[memoryview] | None = self.channel.reserve(self.codec.data_head_size, length)
        return lent

    def hides(self, path: str) -> bool:
        """Return whether the user may not even know what stands at a path."""
        return self.permissions is not None and not self.permissions.place(path).visible

    def expanded(self, path: bytes) -> bytes:
        """
        Replace `~` and the user's own `~name` at the beginning of a path by the home directory.

        Raises:
            SFTPError: the home of another user is asked for; it is nobody's business.
        """
        if not path.startswith(b"~"):
            return path
        name, _, rest = path[1:].partition(b"/")
        if name and name != self.encoded(self.user):
            raise SFTPError(Status.NO_SUCH_FILE, "No such user")
        return b"./" + rest

    def done(self, event: FileEvent) -> bool:
        """Return whether a handler has said, before an operation, that it is done, where nobody else would do it."""
        if not is_done(event):
            return False
        handle = getattr(event, "handle", "")
        if handle and type(event) is not FileOpen:
            # What something else takes is only allowed by a status: it would be lost if nobody took it.
            opened = self.handles.find(handle_bytes(handle))
            return opened is not None and isinstance(opened.source, EventFile)
        return self.virtual

    def means(self) -> Means:
        """Return what a file that a handler supplies may work with."""
        top = self.events.top
        return Means(top.threads, top.clock)

    def abandon(self, source: Any) -> bool:
        """Tell what is open that nobody will complete it, if it wants to know; return whether it does."""
        if not IAbandoned.providedBy(source):
            return False
        try:
            source.abandon()
        except Exception:
            # A mistake of its own; the others have to be told, and all of them closed.
            self.log.failure("a file could not be given up")
        return True

    def close_unused(self, source: Any) -> None:
        """Close what was opened for nobody."""
        # An asynchronous generator that a handler has supplied may have begun.
        close = getattr(source, "close", None) or getattr(source, "aclose", None)
        if close is None:
            return
        # Nobody will ever complete it: closed as it is, an upload would count as whole. Then it says that it is not.
        abandoned = self.abandon(source)
        try:
            closing = settled(close())
        except Exception as problem:
            if not (abandoned and isinstance(problem, SFTPError)):
                self.log.failure("a file could not be closed")
            return
        if isinstance(closing, Deferred):
            if abandoned:
                closing.addErrback(lambda failure: failure.trap(SFTPError))
            closing.addErrback(lambda failure: self.log.failure("a file could not be closed", failure))
