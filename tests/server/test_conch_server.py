"""
Our avatars behind Conch's own SFTP server, asked by Conch's own client.
"""

import os
from types import SimpleNamespace
from typing import Any

from twisted.conch.interfaces import ISFTPFile, ISFTPServer
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.connection import SSHConnection
from twisted.conch.ssh.filetransfer import (
    FX_NO_SUCH_FILE,
    FX_PERMISSION_DENIED,
    FXF_CREAT,
    FXF_READ,
    FXF_WRITE,
    FileTransferClient,
    FileTransferServer,
    SFTPError,
)
from twisted.conch.ssh.session import SSHSession
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from conchsftp import SpooledSink, errors
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.sftp.numbers import FileType, PFlag
from conchsftp.sftp.statuses import Status
from conchsftp.testing import memory_server


class User(SFTPAvatar):
    """Keeps a diary, and protects one file."""

    def __init__(self, **options: Any) -> None:
        super().__init__("alice", files=MemoryFileSystem({"/home/a": b"0123456789"}), home="/home", **options)
        self.diary: list[Any] = []
        self.waiting: Deferred[None] | None = None

    def on_file_open(self, event: Any) -> "Deferred[None] | None":
        self.diary.append((type(event).__name__, event.path, event.before_exec))
        return self.waiting if event.before_exec else None

    def on_file_close(self, event: Any) -> None:
        self.diary.append((type(event).__name__, event.path, event.before_exec))

    def on_file_remove(self, event: Any) -> None:
        raise errors.SFTPError(Status.PERMISSION_DENIED, "Keep it")


class StockTests(SynchronousTestCase):
    """Conch's server and client, with our avatar between."""

    def setUp(self) -> None:
        self.begin(User())

    def begin(self, user: Any) -> None:
        """Begin a conversation."""
        self.user = user
        self.server = FileTransferServer(avatar=user)
        self.client = FileTransferClient()
        self.client.gotServerVersion = lambda version, extensions: setattr(self, "extensions", extensions)
        self.up, self.down = StringTransport(), StringTransport()
        self.server.makeConnection(self.down)
        self.client.makeConnection(self.up)

    def result(self, waiting: "Deferred[Any]") -> Any:
        """Carry bytes until nothing moves, and return what a request led to."""
        self.pump()
        return self.successResultOf(waiting)

    def pump(self) -> None:
        """Carry bytes until nothing moves."""
        while self.up.value() or self.down.value():
            asked, told = self.up.value(), self.down.value()
            self.up.clear()
            self.down.clear()
            self.server.dataReceived(asked)
            self.client.dataReceived(told)

    def refused(self, waiting: "Deferred[Any]") -> Any:
        """Return the number that a request is refused with."""
        self.pump()
        return self.failureResultOf(waiting, SFTPError).value.code

    def test_interfaces(self) -> None:
        """The adapters provide what they say."""
        adapted = ISFTPServer(self.user)
        verifyObject(ISFTPServer, adapted)
        verifyObject(ISFTPFile, self.successResultOf(adapted.openFile(b"a", FXF_READ, {})))

    def test_transfer(self) -> None:
        """Files go both ways, relative paths start at home, and the avatar's handlers are asked."""
        content = os.urandom(100_000)
        file = self.result(self.client.openFile(b"up", FXF_WRITE | FXF_CREAT, {}))
        writes = [file.writeChunk(at, content[at : at + 30_000]) for at in range(0, len(content), 30_000)]
        self.result(file.close())
        for write in writes:
            self.successResultOf(write)
        self.assertEqual(self.user.files.get("/home/up"), content)
        opened = [("FileOpen", "/home/up", True), ("FileOpen", "/home/up", False)]
        self.assertEqual(self.user.diary, [*opened, ("FileClose", "/home/up", False)])
        file = self.result(self.client.openFile(b"/home/up", FXF_READ, {}))
        self.assertEqual(self.result(file.readChunk(10, 30_000)), content[10:30_010])
        end = file.readChunk(100_000, 10)
        self.pump()
        self.failureResultOf(end, EOFError)
        self.assertEqual(self.result(file.getAttrs())["size"], 100_000)
        # Not through its client, which sends an FSTAT for this.
        self.successResultOf(next(iter(self.server.openFiles.values())).setAttrs({"permissions": 0o600}))
        self.assertEqual(self.user.files.stat("/home/up").permissions, 0o600)

    def test_virtual(self) -> None:
        """An avatar without files has there, too, what its handlers supply and take."""
        stored: list[bytes] = []

        class Virtual(SFTPAvatar):
            def on_file_open(self, event: Any) -> None:
                if event.before_exec:
                    writes = event.flags & PFlag.WRITE
                    event.result = SpooledSink(lambda file, size: stored.append(file.read())) if writes else b"made up"

        self.begin(Virtual("alice"))
        file = self.result(self.client.openFile(b"a", FXF_READ, {}))
        self.assertEqual(self.result(file.readChunk(2, 100)), b"de up")
        file = self.result(self.client.openFile(b"a", FXF_WRITE | FXF_CREAT, {}))
        self.result(file.writeChunk(0, b"whole"))
        self.result(file.close())
        file = self.result(self.client.openFile(b"a", FXF_WRITE | FXF_CREAT, {}))
        self.result(file.writeChunk(0, b"half"))
        self.user.conn = SimpleNamespace(transport=SimpleNamespace(transport=SimpleNamespace(connected=0)))
        # Its server drops the answer, with whatever it is.
        for lost in self.server.openFiles.values():
            self.assertIsNone(self.successResultOf(lost.close()))
        self.server.connectionLost(None)
        self.assertEqual(stored, [b"whole"])

    def test_lost_while_closing(self) -> None:
        """What is being closed when the client goes is closed once, and nothing comes of what nobody waits for."""
        for gone in (False, True):
            closing: Deferred[None] = Deferred()

            class Slow(User):
                def on_file_close(self, event: Any, closing: "Deferred[None]" = closing) -> "Deferred[None]":
                    super().on_file_close(event)
                    return closing

            user = Slow()
            user.conn = SimpleNamespace(transport=SimpleNamespace(transport=SimpleNamespace(connected=True)))
            adapted = ISFTPServer(user)
            opening = adapted.openFile(b"a", FXF_READ, {}), adapted.openDirectory(b"/home")
            opened = [self.successResultOf(each) for each in opening]
            first = [each.close() for each in opened]
            user.conn.transport.transport.connected = not gone
            for each, result in zip(opened, first, strict=True):
                self.assertNoResult(result)
                self.successResultOf(each.close())
            closing.callback(None)
            for result in first:
                (self.assertNoResult if gone else self.successResultOf)(result)
            closed = [path for name, path, _ in user.diary if name == "FileClose"]
            self.assertEqual(closed, ["/home/a", "/home"])

    def test_channel_closed(self) -> None:
        """An upload is cut off, too, if its channel is closed before the connection, as OpenSSH's client does."""
        finished: list[Any] = []

        class Told(User):
            def on_transfer_finished(self, event: Any) -> None:
                finished.append((event.path, event.aborted, event.status_code))

        self.begin(Told())
        user = self.user
        user.subsystemLookup = {b"sftp": FileTransferServer}
        user.conn = connection = SSHConnection()
        connection.transport = SimpleNamespace(transport=SimpleNamespace(connected=True), sendPacket=lambda *_: None)
        for way in ("closed", "asked"):
            channel = SSHSession(conn=connection, avatar=user)
            channel.id, channel.data, channel.remoteWindowLeft = 0, b"", 1 << 20
            connection.channels[0], connection.localToRemoteChannel[0] = channel, 0
            connection.channelsToRemoteChannel[channel] = 0
            channel.request_subsystem(NS(b"sftp"))
            server = channel.client.transport.proto
            server.client.gotVersion(3, {})
            file = self.successResultOf(server.client.openFile(way.encode(), FXF_WRITE | FXF_CREAT, {}))
            server.openFiles[b"1"] = file
            if way == "asked":
                self.successResultOf(file.close())
            channel.eofReceived()
            connection.channelClosed(channel)
        told = [("/home/closed", True, Status.CONNECTION_LOST), ("/home/asked", False, Status.OK)]
        self.assertEqual(finished, told)

    def test_names(self) -> None:
        """Folders, renames, attributes, listings."""
        self.result(self.client.makeDirectory(b"/d", {"permissions": 0o750}))
        self.assertEqual(self.result(self.client.getAttrs(b"/d", True))["permissions"], 0o40750)
        self.result(self.client.renameFile(b"a", b"/d/b"))
        self.result(self.client.setAttrs(b"/d/b", {"size": 4}))
        self.assertEqual(self.user.files.get("/d/b"), b"0123")
        folder = self.result(self.client.openDirectory(b"/d"))
        entries = {name: (line, attributes) for name, line, attributes in self.result(folder.read())}
        self.assertEqual(set(entries), {b".", b"..", b"b"})
        self.assertEqual(entries[b"b"][1]["size"], 4)
        self.assertTrue(entries[b"b"][0].startswith(b"-rw-"))
        self.result(folder.close())
        self.assertEqual(self.result(self.client.realPath(b"../d")), "/d")
        self.assertEqual(self.refused(self.client.getAttrs(b"/home/a")), FX_NO_SUCH_FILE)
        self.assertEqual(self.refused(self.client.removeDirectory(b"/none")), FX_NO_SUCH_FILE)

    def test_large_listing(self) -> None:
        """A folder of more names than one reply holds is listed whole."""
        for number in range(1000):
            self.user.files.put(f"/many/{number}", b"")
        folder = self.result(self.client.openDirectory(b"/many"))
        names = set()
        while True:
            reading = folder.read()
            self.pump()
            if not isinstance(self.noted(reading), list):
                break
            names |= {name for name, _, _ in self.noted(reading)}
        self.assertEqual(len(names), 1002)

    def noted(self, waiting: "Deferred[Any]") -> Any:
        """Return a result or a failure, which both stay."""
        seen: list[Any] = []

        def note(result: Any) -> Any:
            seen.append(result)
            return result if isinstance(result, list) else None

        waiting.addBoth(note)
        return seen[0]

    def test_refusals(self) -> None:
        """A handler's refusal arrives with its status; so does that of a read-only avatar."""
        self.assertEqual(self.refused(self.client.removeFile(b"a")), FX_PERMISSION_DENIED)
        self.begin(User(read_only=True))
        self.assertEqual(self.refused(self.client.makeDirectory(b"d", {})), FX_PERMISSION_DENIED)

    def test_permissions(self) -> None:
        """What the user may do where holds here, too, for links as well."""
        self.begin(User(permissions={"/": "list read", "/home": "all", "/secret": "none"}))
        self.user.files.put("/secret/s", b"secret")
        self.user.files.make_symlink("/home/l", "/secret")
        for refused in (
            self.client.makeDirectory(b"/d", {}),
            self.client.openFile(b"/new", FXF_WRITE | FXF_CREAT, {}),
            self.client.openFile(b"/home/l/s", FXF_READ, {}),
        ):
            self.assertEqual(self.refused(refused), FX_PERMISSION_DENIED)
        self.assertEqual(self.refused(self.client.openFile(b"/secret/s", FXF_READ, {})), FX_NO_SUCH_FILE)
        self.result(self.client.makeDirectory(b"/home/d", {}))

    def test_links(self) -> None:
        """Links are made the right way round, whichever way the client sends the two."""
        for version, first, second in ((b"SSH-2.0-OpenSSH_9.2", b"t", b"l1"), (b"SSH-2.0-WinSCP_6", b"l2", b"t")):
            self.user.conn = SimpleNamespace(transport=SimpleNamespace(otherVersionString=version))
            self.result(self.client.makeLink(first, second))
        for name in ("/home/l1", "/home/l2"):
            self.assertEqual(self.user.files.read_link(name), "t")
            self.assertEqual(self.user.files.lstat(name).type, FileType.SYMLINK)
        self.assertEqual(self.result(self.client.readLink(b"l1")), "t")

    def test_links_of_known_clients(self) -> None:
        """What a setting says of a client holds here, too, and what a client makes of the server's own version."""
        settings = Settings(TABLE, client_quirks=["SSH-2.0-Mine* symlinks=link-first"])
        for client, server, first in (
            (b"SSH-2.0-Mine_1", b"SSH-2.0-Twisted", b"link"),
            (b"SSH-2.0-WinSCP_6", b"SSH-2.0-OpenSSH_9.2", b"target"),
        ):
            user = User()
            user.settings = settings
            self.begin(user)
            user.conn = SimpleNamespace(transport=SimpleNamespace(otherVersionString=client, ourVersionString=server))
            self.result(self.client.makeLink(first, b"target" if first == b"link" else b"link"))
            self.assertEqual(user.files.read_link("/home/link"), "target")

    def test_extended(self) -> None:
        """What Conch can pass on is offered and works; what it cannot is neither."""
        self.pump()
        self.assertIn(b"posix-rename@openssh.com", self.extensions)
        self.assertNotIn(b"fsync@openssh.com", self.extensions)
        self.assertNotIn(b"expand-path@openssh.com", self.extensions)
        limits = self.result(self.client.extendedRequest(b"limits@openssh.com", b""))
        self.assertEqual(len(limits), 32)
        body = bytes.fromhex("00000001 61 00000001 62")
        self.pump()
        renaming = self.client.extendedRequest(b"posix-rename@openssh.com", body)
        self.pump()
        self.successResultOf(renaming)
        self.assertEqual(self.user.files.get("/home/b"), b"0123456789")
        for name in (b"fsync@openssh.com", b"what@ever"):
            asking = self.client.extendedRequest(name, body)
            self.pump()
            self.failureResultOf(asking, NotImplementedError)

    def test_order(self) -> None:
        """Requests about one file keep their order, also while a handler waits."""
        self.user.waiting = Deferred()
        opening = self.client.openFile(b"a", FXF_READ, {})
        changing = self.client.setAttrs(b"a", {"size": 0})
        self.pump()
        self.assertNoResult(opening)
        self.assertNoResult(changing)
        self.assertEqual(self.user.files.get("/home/a"), b"0123456789")
        self.user.waiting.callback(None)
        self.result(opening)
        self.result(changing)
        self.assertEqual(self.user.files.get("/home/a"), b"")

    def test_many_in_a_queue(self) -> None:
        """Thousands of requests that wait for one do not exhaust the stack."""
        self.user.waiting = Deferred()
        opening = self.client.openFile(b"a", FXF_READ, {})
        asking = [self.client.setAttrs(b"a", {"size": 1}) for _ in range(2000)]
        self.pump()
        self.user.waiting.callback(None)
        self.result(opening)
        for each in asking:
            self.successResultOf(each)

    def test_end(self) -> None:
        """Files that are open when the connection is lost are closed, and their handlers told."""
        self.result(self.client.openFile(b"a", FXF_READ, {}))
        self.server.connectionLost(None)
        self.assertEqual(self.user.diary[-1], ("FileClose", "/home/a", False))

    def test_cut_off(self) -> None:
        """An upload that the client closes is complete; one that ends with the connection is not."""
        told: list[Any] = []
        self.user.on_transfer_finished = told.append  # type: ignore[attr-defined]
        self.begin(self.user)
        for name in (b"one", b"two"):
            file = self.result(self.client.openFile(name, FXF_WRITE | FXF_CREAT, {}))
            self.result(file.writeChunk(0, b"abc"))
            if name == b"one":
                self.result(file.close())
        self.user.conn = SimpleNamespace(transport=SimpleNamespace(transport=SimpleNamespace(connected=0)))
        self.server.connectionLost(None)
        facts = [(event.path, event.aborted, event.status_code) for event in told]
        self.assertEqual(facts, [("/home/one", False, Status.OK), ("/home/two", True, Status.CONNECTION_LOST)])


class MadeByServerTests(SynchronousTestCase):
    """An avatar that a server of ours has made."""

    def test_handlers_of_the_server(self) -> None:
        """They are asked, too, and the server's settings hold."""
        folder = self.mktemp()
        os.mkdir(folder)
        server = memory_server(root_directory=folder, read_only=True)
        seen: list[Any] = []
        server.on("FileOpen", seen.append)
        making = Deferred.fromCoroutine(server.make_avatar("alice"))
        server.factory.clock.advance(0)
        adapted = ISFTPServer(self.successResultOf(making))
        opening = adapted.openFile(b"new", FXF_WRITE | FXF_CREAT, {})
        self.assertEqual(self.failureResultOf(opening, SFTPError).value.code, FX_PERMISSION_DENIED)
        self.assertEqual(adapted.avatar.settings, server.settings)

    def test_confined(self) -> None:
        """They see what they would see in a session of ours, and nothing before that is known."""
        folder = self.mktemp()
        os.makedirs(f"{folder}/alice/inside")
        server = memory_server(root_directory=folder, user_root_directory="%u", file_threads="inline")
        adapted = ISFTPServer(self.successResultOf(Deferred.fromCoroutine(server.make_avatar("alice"))))
        self.assertEqual(self.successResultOf(adapted.getAttrs(b"/inside", False))["permissions"] & 0o7000, 0)
        missing = adapted.getAttrs(b"/alice", False)
        self.assertEqual(self.failureResultOf(missing, SFTPError).value.code, FX_NO_SUCH_FILE)
        server.factory.clock.threads.hold = True  # type: ignore[attr-defined]
        avatar = SFTPAvatar("alice", files=adapted.avatar.files)
        avatar.settings, avatar.events = server.settings, server.events
        later = ISFTPServer(avatar)
        asked = [later.realPath(b"."), later.getAttrs(b"/inside", False)]
        self.assertNoResult(asked[0])
        server.factory.clock.threads.finish()  # type: ignore[attr-defined]
        self.assertEqual(self.successResultOf(asked[0]), b"/")
        self.successResultOf(asked[1])

    def test_not_confined(self) -> None:
        """Who cannot be shown what they should see is shown nothing."""
        folder = self.mktemp()
        os.mkdir(folder)
        server = memory_server(root_directory=folder, user_root_directory="%u", file_threads="inline")
        adapted = ISFTPServer(self.successResultOf(Deferred.fromCoroutine(server.make_avatar("alice"))))
        refused = adapted.getAttrs(b"/", False)
        self.assertEqual(self.failureResultOf(refused, SFTPError).value.code, FX_PERMISSION_DENIED)
