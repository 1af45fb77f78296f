"""
An SFTP session in memory, from the login on.

For tests of an avatar, its file system and its handlers: everything between them and the client is the real thing.
"""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet.defer import Deferred

from conchsftp.auth.realm import SFTPRealm
from conchsftp.errors import SFTPError
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.server.service import SFTPServer
from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition, OpenFlag, PacketType
from conchsftp.sftp.replies import NameEntry, Reply, StatusReply
from conchsftp.sftp.statuses import Status
from conchsftp.ssh.keys.host_keys import HostKey, HostKeys
from conchsftp.testing.client import MemoryClient
from conchsftp.testing.memory import MemoryReactor
from conchsftp.testing.messages import decode, encode
from conchsftp.wire.inbox import Inbox
from conchsftp.wire.kinds import BYTES, U8, U32
from conchsftp.wire.reader import Reader

_LARGEST = 1 << 20
_PIECE = 32 * 1024
_WRITING = OpenFlag(Disposition.CREATE_TRUNCATE)


class NoReply(AssertionError):
    """The server has not answered: something waits, or the session is over."""


def memory_server(avatar: Any = None, *, server_class: type[SFTPServer] = SFTPServer, **options: Any) -> SFTPServer:
    """
    Return a server in memory; `startService` is not needed.

    Args:
        avatar: what everybody gets who logs in as `user` with `password`; made of the name by default, with a
            `MemoryFileSystem`.
        server_class: a class of your own, whose `make_avatar` is asked unless there is an `avatar`.
        options: those of `SFTPServer`, settings included. A `reactor` should be a `MemoryReactor`.
    """
    options.setdefault("reactor", MemoryReactor())
    options.setdefault("host_keys", HostKeys([HostKey(Ed25519PrivateKey.generate())]))
    options.setdefault("one_time_user", ("user", "password"))
    if avatar is not None:
        options.setdefault("realm", SFTPRealm(lambda user: avatar))
    elif server_class is SFTPServer and "avatar_class" not in options and not options.get("root_directory"):
        options.setdefault("realm", SFTPRealm(lambda user: SFTPAvatar(user, files=MemoryFileSystem())))
    return server_class(**options)


class MemorySession:
    """
    One SFTP session with an avatar, open and greeted.

    Args:
        avatar: whose session it is.
        server: the server to log in to, instead of one made for this avatar.
        user, password: what it logs in with.
        version: the highest version of the protocol that it speaks.
        window: what the client takes, in bytes.
        client: options of `MemoryClient`.
        settings: values of settings of the server that is made.

    Attributes:
        server: the `SFTPServer`; handlers of events are added with `server.on`.
        clock: its reactor: `advance(seconds)` lets time pass.
        client: the SSH connection under it.
        channel: its channel.
        version: of the protocol, as agreed on.
        extensions: what the server advertises.
    """

    def __init__(
        self,
        avatar: Any = None,
        *,
        server: SFTPServer | None = None,
        user: str = "user",
        password: str = "password",
        version: int = 3,
        window: int = 1 << 21,
        client: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.server = server if server is not None else memory_server(avatar, **settings)
        self.clock: Any = self.server.factory.clock
        self.client = MemoryClient(self.server.factory, **(client or {}))
        self.client.log_in(user, password)
        self.channel = self.client.open_subsystem(window=window)
        self._inbox = Inbox(_LARGEST)
        self._waiting: dict[int, Deferred[Reply]] = {}
        self._last = 0
        self._greet(version)

    def request(self, request: Any) -> Reply:
        """
        Ask and return the answer.

        Args:
            request: a record of `conchsftp.sftp.requests`.
        Raises:
            NoReply: it is not answered yet; use `ask` where a handler waits.
        """
        answers: list[Reply] = []
        self.ask(request).addCallback(answers.append)
        if not answers:
            raise NoReply(f"no reply to {type(request).__name__}; disconnected: {self.client.disconnected}")
        return answers[0]

    def ask(self, request: Any) -> "Deferred[Reply]":
        """Ask and return a Deferred of the answer."""
        self._last += 1
        answer = self._waiting[self._last] = Deferred()
        self.send(encode(self._last, request, self.version))
        return answer

    def send(self, data: bytes) -> None:
        """Send bytes of the SFTP stream as they are."""
        self.channel.send(data)
        self.read()

    def read(self) -> None:
        """Take what has come and fire the Deferreds of the requests that it answers."""
        self.client.pump()
        for packet in self.packets():
            request_id, reply = decode(packet, self.version)
            self._waiting.pop(request_id).callback(reply)

    def packets(self) -> list[bytes]:
        """Take the packets that have come, without their lengths."""
        self._inbox.feed(memoryview(self.channel.take()))
        found = []
        while (pieces := self._inbox.take()) is not None:
            found.append(b"".join(pieces))
        return found

    def advance(self, seconds: float) -> None:
        """Let time pass, and take what came meanwhile."""
        self.clock.advance(seconds)
        self.read()

    def get(self, path: str) -> bytes:
        """Return what is in a file. Raises SFTPError with the status of the reply that was not a good one."""
        opened = requests.Open(
            path=path.encode(), access=Access.READ_DATA, flags=OpenFlag(Disposition.OPEN_EXISTING), attributes=_NONE
        )
        handle = self._good(opened).handle
        data = bytearray()
        while True:
            reply = self.request(requests.Read(handle=handle, offset=len(data), length=_PIECE))
            if isinstance(reply, StatusReply):
                break
            data += reply.data  # type: ignore[union-attr]
        _check(reply, Status.EOF)
        self._good(requests.Close(handle=handle))
        return bytes(data)

    def put(self, path: str, data: bytes) -> None:
        """Make a file, or replace what is in it. Raises as `get`."""
        opened = requests.Open(path=path.encode(), access=Access.WRITE_DATA, flags=_WRITING, attributes=_NONE)
        handle = self._good(opened).handle
        for at in range(0, len(data), _PIECE):
            self._good(requests.Write(handle=handle, offset=at, data=[data[at : at + _PIECE]]))
        self._good(requests.Close(handle=handle))

    def listing(self, path: str) -> list[NameEntry]:
        """Return the entries of a directory. Raises as `get`."""
        handle = self._good(requests.OpenDir(path=path.encode())).handle
        entries: list[NameEntry] = []
        while not isinstance(reply := self.request(requests.ReadDir(handle=handle)), StatusReply):
            entries += reply.entries  # type: ignore[union-attr, arg-type]
        _check(reply, Status.EOF)
        self._good(requests.Close(handle=handle))
        return entries

    def close(self) -> None:
        """End everything as a client does: first the channel, then the connection, which logs the avatar out."""
        self.channel.eof()
        self.channel.close()
        self.client.disconnect()

    def cut(self) -> None:
        """Lose the connection."""
        self.client.pipe.cut()

    def _good(self, request: Any) -> Any:
        reply = self.request(request)
        if isinstance(reply, StatusReply):
            _check(reply, Status.OK)
        return reply

    def _greet(self, version: int) -> None:
        self.channel.send(BYTES.pack(U8.pack(PacketType.INIT) + U32.pack(version)))
        packets = self.packets()
        if not packets:
            raise NoReply(f"no answer to INIT; disconnected: {self.client.disconnected}")
        reader = Reader(packets[0], 1)
        self.version = reader.u32()
        self.extensions: dict[bytes, bytes] = {}
        while reader.remaining:
            name = reader.string()
            self.extensions[name] = reader.string()


_NONE = Attributes()


def _check(reply: StatusReply, status: Status) -> None:
    if reply.status != status:
        raise SFTPError(reply.status, reply.message)
