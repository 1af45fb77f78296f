"""
What users test their own code with: it must be true to a real connection, and tell what went wrong.
"""

import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.events import FileOpen, FileRemove, in_thread
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.server.service import SFTPServer
from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.codec import Codec
from conchsftp.sftp.decoders import BODY
from conchsftp.sftp.fields import REQUESTS
from conchsftp.sftp.numbers import Access, Disposition, FileType, OpenFlag, PacketType
from conchsftp.sftp.replies import Attrs, Data, ExtendedReply, HandleReply, NameEntry, Names, StatusReply
from conchsftp.sftp.statuses import Status
from conchsftp.testing import MemoryClient, MemoryReactor, MemorySession, NoReply, memory_server
from conchsftp.testing.messages import decode, encode


class Careful(SFTPAvatar):
    """An avatar such as users write: nobody removes logs, and every opening is remembered."""

    def __init__(self, user_name: str, **options: Any) -> None:
        super().__init__(user_name, **options)
        self.opened: list[str] = []
        self.logouts = 0

    def on_file_remove(self, event: FileRemove) -> None:
        if event.before_exec and event.path.endswith(".log"):
            raise SFTPError(Status.PERMISSION_DENIED, "Logs stay")

    def on_file_open(self, event: FileOpen) -> None:
        if not event.before_exec:
            self.opened.append(event.path)

    def logged_out(self) -> None:
        self.logouts += 1


class AvatarTests(SynchronousTestCase):
    """A user's avatar in a session."""

    def setUp(self) -> None:
        files = MemoryFileSystem({"/a.log": b"one", "/b.txt": b"two"})
        self.avatar = Careful("alice", files=files)
        self.session = MemorySession(self.avatar)

    def test_real_path(self) -> None:
        """A path is asked for with nothing but its name, in every version."""
        for version in range(3, 7):
            session = MemorySession(self.avatar, version=version, protocol_version=version)
            reply = session.request(requests.RealPath(path=b"b.txt"))
            self.assertEqual((reply.entries[0].name, session.version), (b"/b.txt", version))

    def test_request(self) -> None:
        """A request is answered with a reply record."""
        reply = self.session.request(requests.Stat(path=b"/b.txt"))
        assert isinstance(reply, Attrs)
        self.assertEqual((reply.attributes.type, reply.attributes.size), (FileType.REGULAR, 3))

    def test_hook(self) -> None:
        """The avatar's hooks decide, and what they say reaches the client."""
        refused = self.session.request(requests.Remove(path=b"/a.log"))
        self.assertEqual(refused, StatusReply(status=Status.PERMISSION_DENIED, message="Logs stay"))
        removed = self.session.request(requests.Remove(path=b"/b.txt"))
        assert isinstance(removed, StatusReply)
        self.assertEqual(removed.status, Status.OK)

    def test_files(self) -> None:
        """Whole files and listings take a line each."""
        data = bytes(range(256)) * 1000
        self.session.put("/new", data)
        self.assertEqual(self.session.get("/new"), data)
        names = [entry.name for entry in self.session.listing("/")]
        self.assertEqual(sorted(names), [b".", b"..", b"a.log", b"b.txt", b"new"])
        self.assertEqual(self.avatar.opened, ["/new", "/new"])

    def test_empty_file(self) -> None:
        """A file may be empty."""
        self.session.put("/empty", b"")
        self.assertEqual(self.session.get("/empty"), b"")

    def test_failure(self) -> None:
        """What the server refuses is raised with its status."""
        error = self.assertRaises(SFTPError, self.session.get, "/nowhere")
        self.assertEqual(error.status, Status.NO_SUCH_FILE)
        error = self.assertRaises(SFTPError, self.session.put, "/nowhere/file", b"")
        self.assertEqual(error.status, Status.NO_SUCH_FILE)
        self.assertRaises(SFTPError, self.session.listing, "/nowhere")

    def test_raw(self) -> None:
        """Bytes of the stream can be sent as they are, and what comes back is told by its id."""
        self.session.channel.send(bytes.fromhex("0000000e 10 00000063 00000005") + b"/./b/")
        (packet,) = self.session.packets()
        self.assertEqual(packet[:BODY], bytes.fromhex("68 00000063"))

    def test_extensions(self) -> None:
        """What the server advertises is there to be looked at."""
        self.assertEqual((self.session.version, self.session.extensions[b"limits@openssh.com"]), (3, b"1"))

    def test_close(self) -> None:
        """A session that is closed ends in good order: the avatar is logged out, once."""
        self.session.close()
        self.assertEqual(self.avatar.logouts, 1)
        self.assertEqual(self.session.channel.numbers[-3:], [98, 96, 97])
        self.assertTrue(self.session.client.pipe.closed)
        self.session.cut()
        self.assertEqual(self.avatar.logouts, 1)

    def test_cut(self) -> None:
        """A connection can be lost at any moment."""
        self.session.cut()
        self.assertEqual(self.avatar.logouts, 1)
        self.assertRaises(NoReply, self.session.request, requests.Stat(path=b"/"))

    def test_nothing_left(self) -> None:
        """A session that is over leaves no call behind in the clock."""
        self.session.close()
        self.assertEqual(self.session.clock.getDelayedCalls(), [])


class WaitingTests(SynchronousTestCase):
    """Handlers that wait."""

    def test_handler_waits(self) -> None:
        """`request` says that there is no reply yet; `ask` has a Deferred for it."""
        session = MemorySession()
        waits: list[Deferred[None]] = []

        def handle(event: FileRemove) -> Any:
            waits.append(Deferred())
            return waits[-1]

        session.server.on(FileRemove, handle)
        error = self.assertRaises(NoReply, session.request, requests.Remove(path=b"/a"))
        self.assertIn("no reply to Remove", str(error))
        asked = session.ask(requests.Remove(path=b"/b"))
        self.assertNoResult(asked)
        while waits:
            waits.pop(0).callback(None)
            session.read()
        self.assertEqual(self.successResultOf(asked).status, Status.NO_SUCH_FILE)

    def test_time(self) -> None:
        """Time passes when it is told to: here, until a handler has taken too long."""
        session = MemorySession(handler_time_limit=10)
        session.server.on(FileRemove, lambda event: Deferred())
        asked = session.ask(requests.Remove(path=b"/a"))
        session.advance(9.9)
        self.assertNoResult(asked)
        session.advance(0.2)
        self.assertEqual(self.successResultOf(asked).status, Status.FAILURE)
        self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_threads(self) -> None:
        """Threads are none: what runs in them is done at once, or when the test says so."""
        session = MemorySession()
        session.server.on(FileRemove, in_thread(lambda event: None))
        self.assertEqual(session.request(requests.Remove(path=b"/a")).status, Status.NO_SUCH_FILE)
        threads = session.clock.threads
        threads.hold = True
        asked = session.ask(requests.Remove(path=b"/a"))
        self.assertNoResult(asked)
        self.assertEqual(len(threads), 1)
        threads.hold = False
        threads.finish()
        session.read()
        self.assertEqual(self.successResultOf(asked).status, Status.NO_SUCH_FILE)

    def test_thread_fails(self) -> None:
        """An exception in a thread arrives as it does from a real one."""
        session = MemorySession()
        session.server.on(FileRemove, in_thread(lambda event: 1 // 0))
        self.assertEqual(session.request(requests.Remove(path=b"/a")).status, Status.FAILURE)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class ServerTests(SynchronousTestCase):
    """A user's server in memory."""

    def test_default(self) -> None:
        """Without anything there is an empty file system."""
        session = MemorySession()
        self.assertEqual([entry.name for entry in session.listing("/")], [b".", b".."])

    def test_settings(self) -> None:
        """Settings can be given, and are those of the server."""
        session = MemorySession(read_only=True)
        self.assertEqual(session.request(requests.Remove(path=b"/a")).status, Status.PERMISSION_DENIED)

    def test_own_server(self) -> None:
        """Several sessions can share one server, as different users."""
        root = self.mktemp()
        os.mkdir(root)
        server = memory_server(one_time_user=("alice", "secret"), avatar_class=Careful, root_directory=root)
        first = MemorySession(server=server, user="alice", password="secret")
        second = MemorySession(server=server, user="alice", password="secret")
        first.put("/shared", b"text")
        self.assertEqual(second.get("/shared"), b"text")
        self.assertEqual(len(server.factory.connections), 2)

    def test_wrong_password(self) -> None:
        """A login that fails says so."""
        self.assertRaises(AssertionError, MemorySession, password="wrong")

    def test_reactor(self) -> None:
        """The reactor of a server can be brought along."""
        reactor = MemoryReactor()
        session = MemorySession(reactor=reactor)
        self.assertIs(session.clock, reactor)

    def test_refused(self) -> None:
        """A connection too many is refused before it says anything."""
        server = memory_server(max_connections=1)
        MemoryClient(server.factory).connect()
        self.assertRaises(ConnectionRefusedError, MemoryClient, server.factory)


SAMPLES: dict[str, Any] = {
    "path": b"/a",
    "new_path": b"/b",
    "target": b"c",
    "handle": b"h1",
    "target_handle": b"h2",
    "offset": 5,
    "target_offset": 6,
    "length": 7,
    "line": 8,
    "data": [b"data"],
    "access": Access.READ_DATA | Access.READ_ATTRIBUTES,
    # As flags of OPEN, RENAME, and of what asks for attributes.
    "flags": OpenFlag(Disposition.CREATE_TRUNCATE),
    "attributes": Attributes(size=9, permissions=0o644),
    "control": 1,
    "compose": (b"x",),
    "symbolic": True,
    "mask": OpenFlag.BLOCK_READ,
    "user": b"alice",
    "uids": [1, 2],
    "gids": [3],
    "quick_hash": b"1" * 16,
    "algorithms": [b"sha256", b"md5"],
    "block_size": 256,
    "overwrite": True,
    "version": b"4",
    "vendor": b"vendor",
    "product": b"product",
    "build": 10,
    "translates": True,
}


class Slow(SFTPServer):
    """A server class such as users write: it makes its avatars, and never decides about what is removed."""

    def make_avatar(self, user_name: str) -> SFTPAvatar:
        return SFTPAvatar(user_name, files=MemoryFileSystem({"/old": b"kept"}))

    def on_file_remove(self, event: FileRemove) -> Deferred[None]:
        return Deferred()


class ServerClassTests(SynchronousTestCase):
    """A class of the user's own."""

    def test_own_class(self) -> None:
        """It makes the avatars, its handlers are asked, and their time passes when the test says so."""
        session = MemorySession(server=memory_server(server_class=Slow, handler_time_limit=5))
        answer = session.ask(requests.Remove(path=b"/old"))
        self.assertNoResult(answer)
        session.clock.advance(5)
        session.read()
        reply: Any = self.successResultOf(answer)
        self.assertEqual(reply.status, Status.FAILURE)
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.assertEqual(session.get("/old"), b"kept")

    def test_own_avatar(self) -> None:
        """An avatar that is given comes before those that the class would make."""
        avatar = SFTPAvatar("user", files=MemoryFileSystem({"/new": b"mine"}))
        self.assertEqual(MemorySession(server=memory_server(avatar, server_class=Slow)).get("/new"), b"mine")


class MessagesTests(SynchronousTestCase):
    """Requests to packets and packets to replies."""

    def test_requests(self) -> None:
        """Every request of every version is packed as the server reads it."""
        for layout in REQUESTS:
            for version in layout.versions:
                request = layout.record(**{name: SAMPLES[name] for name in layout.record.__slots__})
                packet = encode(12, request, version)
                self.assertEqual(int.from_bytes(packet[:4], "big"), len(packet) - 4)
                number, decoded = Codec(version).decode([memoryview(packet)[4:]])
                self.assertEqual(number, 12)
                present = {name for field in layout.fields if version in field.versions for name in field.names}
                for name in present - {"attributes"}:
                    self.assertEqual(getattr(decoded, name), getattr(request, name), (layout.record, version, name))
                if "attributes" in present:
                    self.assertEqual((decoded.attributes.size, decoded.attributes.permissions), (9, 0o644))

    def test_replies(self) -> None:
        """Every reply of every version is read as the server packs it."""
        attributes = Attributes(size=3, permissions=0o600, type=FileType.REGULAR)
        replies = (
            StatusReply(status=Status.NO_SUCH_FILE, message="gone", language="de"),
            HandleReply(handle=b"h"),
            Data(data=b"abc"),
            Attrs(attributes=attributes),
            Names(entries=[NameEntry(b"n", b"long", attributes)]),
            ExtendedReply(payload=b"xyz"),
        )
        for version in range(3, 7):
            codec = Codec(version)
            for reply in replies:
                number, read = decode(codec.encode(7, reply)[4:], version)
                self.assertEqual((number, type(read)), (7, type(reply)))
                if not isinstance(reply, Names):
                    self.assertEqual(read, reply)
                else:
                    assert isinstance(read, Names)
                    ((name, line, found),) = read.entries
                    self.assertEqual((name, line, found), (b"n", b"long" if version == 3 else None, attributes))

    def test_ends(self) -> None:
        """Version 6 says where a file and a list end."""
        codec = Codec(6)
        _, data = decode(codec.encode(1, Data(data=b"a", end_of_file=True))[4:], 6)
        _, names = decode(codec.encode(1, Names(entries=[NameEntry(b"n")], end_of_list=True))[4:], 6)
        self.assertEqual((data.end_of_file, names.end_of_list), (True, True))

    def test_numbers(self) -> None:
        """Every reply that the protocol has is known."""
        known = {101, 102, 103, 104, 105, 201}
        self.assertEqual({number for number in PacketType if number > 100 and number != 200}, known)
