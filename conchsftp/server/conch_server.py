"""
An avatar of ours behind Conch's own SFTP server: `ISFTPServer(avatar)`.

Every call is a request on the same road as those of our subsystem: handlers are asked, paths are resolved, and requests
about one file keep their order. What Conch's server cannot pass on (handles of extended requests, names as their
answers) is not offered to it. Source: twisted.conch.interfaces, ISFTPServer; twisted.conch.ssh.filetransfer.
"""

import dataclasses
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.conch.interfaces import ISFTPFile, ISFTPServer
from twisted.conch.ssh.filetransfer import SFTPError
from twisted.internet.defer import Deferred
from zope.interface import implementer

from conchsftp.events.files import ResolvePath
from conchsftp.events.hub import EventHub
from conchsftp.files.conch_values import from_conch, to_bytes, to_conch, to_problem
from conchsftp.log import ConnectionLog
from conchsftp.session.conversation import Conversation
from conchsftp.session.greeting import extensions
from conchsftp.session.lanes import Lanes, Ticket
from conchsftp.session.on_handles import Abandon
from conchsftp.session.operations import OPERATIONS
from conchsftp.session.pipeline import Pipeline
from conchsftp.session.view import Unseen, view_of
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.sftp import extended, requests
from conchsftp.sftp.clients import Order, find_client
from conchsftp.sftp.codec import BadPacket
from conchsftp.sftp.extended import EXTENSIONS
from conchsftp.sftp.facts import FACTS
from conchsftp.sftp.listing import longname
from conchsftp.sftp.numbers import PacketType
from conchsftp.sftp.open_mode import from_pflags_3
from conchsftp.sftp.replies import ExtendedReply, StatusReply
from conchsftp.sftp.statuses import TEXTS, Status
from conchsftp.wire.kinds import BYTES, U8, U32

_VERSION = 3
# What is answered with the name of a folder, beside what resolves a path.
_NAMING = (extended.GetTempFolder, extended.MakeTempFolder)


class _Road:
    """Requests of one conversation, one after the other where they are about one file."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self._pipeline = Pipeline(conversation)
        self._lanes = Lanes()
        self._woken: deque[Ticket] = deque()
        self._waking = False

    async def ask(self, request: Any) -> Any:
        """
        Carry out a request in its turn.

        Returns:
            The reply, a record of `conchsftp.sftp.replies`.
        Raises:
            twisted.conch.ssh.filetransfer.SFTPError, EOFError: a status other than OK.
        """
        row = OPERATIONS[type(request)]
        ticket = row.enter(self._lanes, self.conversation, request)
        if not ticket.admitted:
            ticket.job = Deferred()
            await ticket.job
        try:
            served = self._pipeline.serve(row, request)
            event = await served if isinstance(served, Deferred) else served
            reply = self._pipeline.reply(row, event, request)
        finally:
            self._leave(ticket)
        if isinstance(reply, StatusReply) and reply.status != Status.OK:
            raise to_problem(reply.status, reply.message)
        return reply

    def _leave(self, ticket: Ticket) -> None:
        self._woken.extend(self._lanes.leave(ticket))
        if self._waking:
            return
        self._waking = True
        try:
            # In a loop: who is woken may leave at once, and wake the next.
            while self._woken:
                self._woken.popleft().job.callback(None)
        finally:
            self._waking = False


def _deferred(method: Any) -> Any:
    """Make of an async method one that returns a Deferred, as Conch wants it."""

    def call(*args: Any, **kwargs: Any) -> "Deferred[Any]":
        return Deferred.fromCoroutine(method(*args, **kwargs))

    call.__name__, call.__doc__ = method.__name__, method.__doc__
    return call


@implementer(ISFTPServer)
class ConchServer:
    """
    Conch's interface to what an avatar may do.

    Args:
        avatar: an `ISFTPAvatar`. Where it has `events` and `settings`, those of the server that made it hold;
            otherwise its own hooks alone, and the defaults.
    """

    def __init__(self, avatar: Any) -> None:
        self.avatar = avatar
        self._settings = settings = getattr(avatar, "settings", None) or Settings(TABLE)
        events = getattr(avatar, "events", None) or EventHub()
        conversation = Conversation(avatar, settings=settings, connection_id=0, events=events, seconds=time.monotonic)
        self._codec = conversation.speak(_VERSION)
        conversation.log = self._log = ConnectionLog(user=avatar.user_name)
        self._road = _Road(conversation)
        self._refused = False
        self._channel: Any = None
        self._waiting: list[Deferred[None]] | None = None
        limited = getattr(avatar, "permissions", None) is not None
        if limited or settings.user_root_directory or settings.restrict_user_to_home_dir:
            self._waiting = []
            Deferred.fromCoroutine(self._confine())

    async def _confine(self) -> None:
        """Find out what the user may see, as at the end of a login; nothing is served before."""
        try:
            self._road.conversation.show(await view_of(self.avatar, self._settings, log=self._log))
        except Unseen as problem:
            self._refused = True
            self._log.error("{problem}", problem=problem)
        except Exception:
            self._refused = True
            self._log.failure("the user cannot be confined")
        waiting, self._waiting = self._waiting, None
        for each in waiting or ():
            each.callback(None)

    async def _ask(self, request: Any) -> Any:
        if self._waiting is not None:
            turn: Deferred[None] = Deferred()
            self._waiting.append(turn)
            await turn
        if self._refused:
            raise to_problem(Status.PERMISSION_DENIED)
        return await self._road.ask(request)

    def gotVersion(self, otherVersion: int, extData: dict[bytes, bytes]) -> dict[bytes, bytes]:
        """Return the extended requests that Conch's server can pass on."""
        self._channel = self._find_channel()
        pairs = extensions(self._road.conversation, _VERSION, list(extData.items()))
        requests_of = {row.name: row.record for row in EXTENSIONS}
        requests_of |= {row.name: row.request for row in FACTS if row.request is not None}
        kept_back = {name for name, request in requests_of.items() if not _can_be_passed_on(request)}
        return {name: data for name, data in pairs if name not in kept_back}

    @_deferred
    async def openFile(self, filename: bytes, flags: int, attrs: dict[str, Any]) -> Any:
        access, open_flags = from_pflags_3(flags)
        request = requests.Open(path=to_bytes(filename), access=access, flags=open_flags, attributes=from_conch(attrs))
        return _File(self._ask, (await self._ask(request)).handle, self._is_lost)

    @_deferred
    async def removeFile(self, filename: bytes) -> None:
        await self._ask(requests.Remove(path=to_bytes(filename)))

    @_deferred
    async def renameFile(self, oldpath: bytes, newpath: bytes) -> None:
        await self._ask(requests.Rename(path=to_bytes(oldpath), new_path=to_bytes(newpath)))

    @_deferred
    async def makeDirectory(self, path: bytes, attrs: dict[str, Any]) -> None:
        await self._ask(requests.MkDir(path=to_bytes(path), attributes=from_conch(attrs)))

    @_deferred
    async def removeDirectory(self, path: bytes) -> None:
        await self._ask(requests.RmDir(path=to_bytes(path)))

    @_deferred
    async def openDirectory(self, path: bytes) -> Any:
        """Return the whole listing: Conch's server cannot wait between two entries."""
        handle = (await self._ask(requests.OpenDir(path=to_bytes(path)))).handle
        entries: list[Any] = []
        try:
            while True:
                entries += (await self._ask(requests.ReadDir(handle=handle))).entries
        except EOFError:
            return _Listing(self._ask, handle, self._is_lost, entries)
        except BaseException:
            await self._ask(requests.Close(handle=handle))
            raise

    @_deferred
    async def getAttrs(self, path: bytes, followLinks: bool) -> dict[str, int]:
        request = requests.Stat if followLinks else requests.LStat
        return to_conch((await self._ask(request(path=to_bytes(path)))).attributes)

    @_deferred
    async def setAttrs(self, path: bytes, attrs: dict[str, Any]) -> None:
        await self._ask(requests.SetStat(path=to_bytes(path), attributes=from_conch(attrs)))

    @_deferred
    async def readLink(self, path: bytes) -> bytes:
        return _name(await self._ask(requests.ReadLink(path=to_bytes(path))))

    @_deferred
    async def makeLink(self, linkPath: bytes, targetPath: bytes) -> None:
        """Create a link; Conch names the two as the drafts order them, and most clients send them the other way."""
        link, target = to_bytes(linkPath), to_bytes(targetPath)
        if self._client().symlinks is Order.TARGET_FIRST:
            link, target = target, link
        await self._ask(requests.SymLink(path=link, target=target))

    @_deferred
    async def realPath(self, path: bytes) -> bytes:
        return _name(await self._ask(requests.RealPath(path=to_bytes(path))))

    @_deferred
    async def extendedRequest(self, extendedName: bytes, extendedData: bytes) -> bytes:
        packet = U8.pack(PacketType.EXTENDED) + U32.pack(0) + BYTES.pack(extendedName) + extendedData
        try:
            _, request = self._codec.decode([packet])
        except BadPacket as bad:
            raise to_problem(bad.status or Status.BAD_MESSAGE, bad.text) from None
        if not isinstance(request, extended.UnknownExtended) and not _can_be_passed_on(type(request)):
            raise to_problem(Status.OP_UNSUPPORTED)
        reply = await self._ask(request)
        if isinstance(reply, ExtendedReply):
            return reply.payload
        # Its server makes an EXTENDED_REPLY of what is returned, and a STATUS of what is raised: of this one, too.
        raise to_problem(Status.OK, TEXTS[Status.OK])

    def _is_lost(self) -> bool:
        """Whether the client is gone: Conch's server then closes what is open, as if it had been asked to."""
        closed: bool = getattr(self._channel, "localClosed", False)
        return closed or not getattr(getattr(self._transport(), "transport", None), "connected", True)

    def _find_channel(self) -> Any:
        """Return the channel that is served, which may be closed before its connection; None where there is none."""
        for channel in getattr(getattr(self.avatar, "conn", None), "channels", {}).values():
            protocol = getattr(getattr(getattr(channel, "client", None), "transport", None), "proto", None)
            if getattr(protocol, "client", None) is self:
                return channel
        return None

    def _transport(self) -> Any:
        return getattr(getattr(self.avatar, "conn", None), "transport", None)

    def _client(self) -> Any:
        transport = self._transport()
        theirs, ours = (getattr(transport, f"{side}VersionString", b"") for side in ("other", "our"))
        return find_client(theirs, self._settings.client_quirks.rows, ours)


def _can_be_passed_on(request: type[Any]) -> bool:
    """Whether Conch's server can: it has handles and a version of its own, and answers with what is no name."""
    names = {field.name for field in dataclasses.fields(request)}
    row = OPERATIONS[request]
    answers_with_name = row.event is ResolvePath or request in _NAMING
    return "handle" not in names and not row.vital and not answers_with_name


def _name(reply: Any) -> bytes:
    name: bytes = reply.entries[0].name
    return name


class _Open:
    """Something that is open, by its handle."""

    def __init__(self, ask: Any, handle: bytes, is_lost: Callable[[], bool]) -> None:
        self._ask = ask
        self._handle = handle
        self._is_lost = is_lost
        self._closing = False

    @_deferred
    async def close(self) -> None:
        if self._closing:
            # Conch's server does not wait, and closes once more what is being closed when its client goes.
            return
        self._closing = True
        if self._is_lost():
            # Nobody is left to be told; an upload that was cut off says that it is not complete.
            with suppress(SFTPError):
                await self._ask(Abandon(handle=self._handle))
            return
        await self._ask(requests.Close(handle=self._handle))
        if self._is_lost():
            # Its server has forgotten that it has asked, and would fail over an answer.
            await Deferred()


@implementer(ISFTPFile)
class _File(_Open):
    """An open file."""

    @_deferred
    async def readChunk(self, offset: int, length: int) -> bytes:
        return bytes((await self._ask(requests.Read(handle=self._handle, offset=offset, length=length))).data)

    @_deferred
    async def writeChunk(self, offset: int, data: bytes) -> None:
        await self._ask(requests.Write(handle=self._handle, offset=offset, data=[data]))

    @_deferred
    async def getAttrs(self) -> dict[str, int]:
        return to_conch((await self._ask(requests.FStat(handle=self._handle))).attributes)

    @_deferred
    async def setAttrs(self, attrs: dict[str, Any]) -> None:
        await self._ask(requests.FSetStat(handle=self._handle, attributes=from_conch(attrs)))


class _Listing(_Open):
    """An open directory: its entries as Conch sends them."""

    def __init__(self, ask: Any, handle: bytes, is_lost: Callable[[], bool], entries: list[Any]) -> None:
        super().__init__(ask, handle, is_lost)
        self._entries = entries

    def __iter__(self) -> Any:
        now = time.time()
        for name, line, attributes in self._entries:
            yield name, longname(name, attributes, now) if line is None else line, to_conch(attributes)
