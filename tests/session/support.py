"""
Help for the tests of sessions: a channel and an SSH connection in memory, and packets laid out by hand.
"""

from struct import pack, unpack_from
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.events import EventHub
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.log import ConnectionLog
from conchsftp.session.subsystem import SFTPSubsystem
from conchsftp.session.uploads import Uploads
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.sftp.clients import find_client
from conchsftp.sftp.statuses import Status, lower
from conchsftp.ssh.turns import Turns
from tests.session.versions import Interpreter

INIT, VERSION = 1, 2
OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT, OPENDIR, READDIR = range(3, 13)
REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME, READLINK, SYMLINK = range(13, 21)
STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED, EXTENDED_REPLY = 101, 102, 103, 104, 105, 200, 201

# pflags of version 3: READ 1, WRITE 2, APPEND 4, CREAT 8, TRUNC 0x10, EXCL 0x20.
FOR_READING, FOR_WRITING, FOR_BOTH, TO_CREATE = 1, 2, 3, 0x1A

NO_ATTRIBUTES = bytes(4)
GREETING = bytes.fromhex("00000005 01 00000003")


def u32(number: int) -> bytes:
    """Lay out a uint32."""
    return pack(">I", number)


def u64(number: int) -> bytes:
    """Lay out a uint64."""
    return pack(">Q", number)


def string(data: bytes) -> bytes:
    """Lay out a string."""
    return pack(">I", len(data)) + data


def unhex(text: str) -> bytes:
    """Return a packet that is laid out in hexadecimal, with its length in front."""
    return string(bytes.fromhex(text))


def greeting(version: int) -> bytes:
    """Lay out INIT."""
    return string(pack(">BI", INIT, version))


def request(kind: int, number: int, *fields: bytes) -> bytes:
    """Lay out a request with its length in front."""
    return string(pack(">BI", kind, number) + b"".join(fields))


def extension(name: bytes, number: int, *fields: bytes) -> bytes:
    """Lay out an extended request with its length in front."""
    return request(EXTENDED, number, string(name), *fields)


def opening(path: bytes, number: int = 0, pflags: int = FOR_BOTH, attributes: bytes = NO_ATTRIBUTES) -> bytes:
    """Lay out OPEN."""
    return request(OPEN, number, string(path), u32(pflags), attributes)


def reading(handle: bytes, offset: int, length: int, number: int = 0) -> bytes:
    """Lay out READ."""
    return request(READ, number, string(handle), u64(offset), u32(length))


def writing(handle: bytes, offset: int, data: bytes, number: int = 0) -> bytes:
    """Lay out WRITE."""
    return request(WRITE, number, string(handle), u64(offset), string(data))


class Channel:
    """
    What `SFTPChannel` offers a subsystem, in memory.

    Attributes:
        sent: what went to the client.
        open: whether replies may be made.
        direct: whether places for file data are lent.
        credited: how many bytes of window were returned.
        flushed: how much of it was let leave, if this is not a turn of the SSH layer.
        ended: whether the end was asked for.
        late: what was written after that.
        placed: how often data was put in place.
    """

    def __init__(self) -> None:
        self.sent = bytearray()
        self.open = True
        self.direct = True
        self.ended = False
        self.credited = self.flushed = self.placed = 0
        self.late: list[bytes] = []
        self._lent: bytearray | None = None
        self._before = 0

    def ready(self) -> bool:
        return self.open and not self.ended

    def reserve(self, before: int, size: int) -> list[memoryview] | None:
        assert size > 0
        if not self.direct or not self.ready():
            return None
        # As in reality, the places are spread over packets, and what lay there before is still there.
        self._lent, self._before = bytearray(b"?" * size), before
        whole = memoryview(self._lent)
        return [whole[at : at + 1000] for at in range(0, size, 1000)]

    def commit(self, first: bytes, count: int) -> None:
        assert self._lent is not None and len(first) == self._before, "no place was lent, or another one"
        assert 0 < count <= len(self._lent)
        self.placed += 1
        self.write(first + self._lent[:count])

    def write(self, data: bytes) -> None:
        self._lent = None
        assert data, "nothing is written"
        if self.ended:
            self.late.append(bytes(data))
        self.sent += data

    def credit(self, count: int) -> None:
        assert count > 0
        self.credited += count

    def flush(self) -> None:
        self.flushed = len(self.sent)

    def finish(self) -> None:
        self.ended = True


class _Factory:
    def __init__(self, events: EventHub, turns: Turns, uploads: Uploads) -> None:
        self.events = events
        self.turns = turns
        self.uploads = uploads


class _SSH:
    """As much of an SSH transport as a subsystem sees."""

    connection_id = 5
    peer = "client"
    view: Any = None

    def __init__(self, client: bytes, settings: Any, events: EventHub, clock: Clock, uploads: Uploads) -> None:
        self.client = find_client(client, settings.client_quirks.rows)
        self.settings = settings
        self.factory = _Factory(events, Turns(clock, settings), uploads)
        self.clock = clock
        self.log = ConnectionLog(self.connection_id, self.peer)


class Avatar:
    """A user. Subclasses have hooks."""

    user_name = "alice"
    home = "/home"
    read_only = False

    def __init__(self, files: Any) -> None:
        self.files = files


class Session:
    """
    One client's session.

    Args:
        files: what the user sees.
        avatar: who it is; else somebody without hooks.
        events: the hub of the server.
        client: its SSH version string.
        uploads: those of the server.
        version: that the client speaks; the test speaks version 3 (see `versions`).
        settings: of the server.

    Attributes:
        fed: how many bytes the client has sent.
    """

    def __init__(
        self,
        files: Any = None,
        *,
        avatar: Any = None,
        events: EventHub | None = None,
        client: bytes = b"SSH-2.0-OpenSSH_9.2p1",
        uploads: Uploads | None = None,
        version: int = 3,
        **settings: object,
    ) -> None:
        self.version, self._interpreter = version, Interpreter(version)
        settings = {"protocol_version": version, **settings}
        self.clock = Clock()
        self.files = MemoryFileSystem() if files is None else files
        self.events = EventHub(clock=self.clock) if events is None else events
        self.settings = Settings(TABLE, **settings)
        self.channel = Channel()
        ssh = _SSH(client, self.settings, self.events, self.clock, Uploads() if uploads is None else uploads)
        self.subsystem = SFTPSubsystem(avatar or Avatar(self.files), ssh)
        self.conversation = self.subsystem._conversation
        self.turns = ssh.factory.turns
        self.subsystem.makeConnection(self.channel)
        self.fed = 0
        self._seen = 0

    def feed(self, *packets: bytes) -> None:
        """Send bytes in one piece. What they are received into is overwritten at the end of the turn."""
        data = bytearray(b"".join(map(self._interpreter.to_server, packets)))
        self.fed += len(data)
        self.turns.begin()
        self.subsystem.dataReceived(memoryview(data))
        self.subsystem.keep()
        self.turns.finish()
        data[:] = b"\xee" * len(data)

    def replies(self) -> list[bytes]:
        """Return the packets that came since the last time, without their lengths; each must be whole."""
        packets = []
        while self._seen < len(self.channel.sent):
            (size,) = unpack_from(">I", self.channel.sent, self._seen)
            packet = bytes(self.channel.sent[self._seen + 4 : self._seen + 4 + size])
            assert len(packet) == size, f"{len(packet)} bytes of a packet of {size}"
            packets.append(self._interpreter.to_test(packet))
            self._seen += 4 + size
        return packets

    def ask(self, *packets: bytes) -> list[bytes]:
        """Send bytes and return the packets that came meanwhile."""
        self.feed(*packets)
        return self.replies()

    def literal(self) -> "Session":
        """Let packets pass as they are, in both directions: the test speaks the version itself."""
        self._interpreter = Interpreter(3)
        return self

    def greet(self) -> "Session":
        """Exchange INIT and VERSION."""
        self.ask(greeting(self.version))
        return self

    def go_on(self) -> list[bytes]:
        """Let replies leave again, and return them."""
        self.channel.open = True
        self.subsystem.go_on()
        return self.replies()

    def next_turn(self) -> list[bytes]:
        """Let the reactor make the calls that are due now, but none that they ask for; return what came of it."""
        for call in self.clock.getDelayedCalls():
            self.clock.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)
        return self.replies()

    def lose(self) -> None:
        """The channel is over."""
        self.channel.open = False
        self.subsystem.connectionLost()


class SessionCase(SynchronousTestCase):
    """
    A session that has begun.

    Attributes:
        version: of the protocol; see `versions.in_versions`.
    """

    version = 3

    def setUp(self) -> None:
        self.files: Any = MemoryFileSystem({"/home/a": b"0123456789"})
        self.session = self.begin()

    def begin(self, files: Any = None, **settings: Any) -> Session:
        """Begin a session; nothing may be logged as a failure but what the test flushes."""
        settings = {"version": self.version, **settings}
        self.session = Session(self.files if files is None else files, **settings).greet()
        return self.session

    def one(self, *packets: bytes) -> bytes:
        """Send one request and return its one reply."""
        replies = self.session.ask(*packets)
        self.assertEqual(len(replies), 1, replies)
        return replies[0]

    def opened(self, *packets: bytes) -> bytes:
        """Send OPEN or OPENDIR and return the handle."""
        return self.handle(self.one(*packets))

    def handle(self, reply: bytes) -> bytes:
        """Return the handle of a HANDLE reply."""
        self.assertEqual(reply[0], HANDLE, reply)
        return string_at(reply, 5)

    def assert_status(self, reply: bytes, status: Status, number: int | None = None) -> None:
        """Check that a STATUS reply says a status as the version can, that it has a text, and its id."""
        self.assertEqual(reply[0], STATUS, reply)
        self.assertEqual(Status(unpack_from(">I", reply, 5)[0]), lower(status, self.version), reply)
        text = string_at(reply, 9)
        self.assertTrue(text)
        self.assertEqual(reply[13 + len(text) :], string(b"en"))
        if number is not None:
            self.assertEqual(unpack_from(">I", reply, 1)[0], number)

    def assert_statuses(self, replies: list[bytes], *statuses: Status) -> None:
        """Check the codes of several STATUS replies."""
        self.assertEqual(len(replies), len(statuses), replies)
        for reply, status in zip(replies, statuses, strict=True):
            self.assert_status(reply, status)


class HandlerCase(SessionCase):
    """A session with handlers."""

    def setUp(self) -> None:
        super().setUp()
        self.calls: list[Any] = []
        self.session = self.begin(events=EventHub(clock=None))
        self.on = self.session.events.on

    def exists(self, path: str = "/home/a") -> bool:
        """Whether there is a file."""
        try:
            self.files.get(path)
        except OSError:
            return False
        return True

    def note(self, event: Any) -> None:
        """Note phase and status of an event."""
        self.calls.append((event.before_exec, Status(event.status_code)))

    def assert_logged(self, kind: type[BaseException], times: int = 1) -> None:
        """Check that a failure was logged as often, with its traceback."""
        self.assertEqual(len(self.flushLoggedErrors(kind)), times)


def string_at(packet: bytes, at: int) -> bytes:
    """Return a string in a packet."""
    (size,) = unpack_from(">I", packet, at)
    data = packet[at + 4 : at + 4 + size]
    assert len(data) == size
    return data


def numbers(replies: list[bytes]) -> list[int]:
    """Return the request ids of replies."""
    return [unpack_from(">I", reply, 1)[0] for reply in replies]
