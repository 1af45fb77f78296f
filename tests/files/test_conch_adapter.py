"""
An application's Conch `ISFTPServer`, served by this server.
"""

import errno
import os
from pathlib import Path
from typing import Any

from twisted.conch.avatar import ConchUser
from twisted.conch.interfaces import ISFTPFile, ISFTPServer
from twisted.conch.ssh.filetransfer import FX_PERMISSION_DENIED, FXF_READ, SFTPError
from twisted.conch.unix import UnixConchUser
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.python.components import registerAdapter
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from conchsftp.events.waiting import TimeLimitExceeded
from conchsftp.files.conch_adapter import ConchDirectory, ConchFile, ConchFileSystem
from conchsftp.interfaces import IDirectory, IExtendedRequests, IFile, IFileSystem, ILinks
from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition, FileType, OpenFlag
from conchsftp.sftp.replies import ExtendedReply, StatusReply
from conchsftp.sftp.statuses import Status
from conchsftp.ssh.numbers import Message
from conchsftp.testing import MemoryClient, MemorySession, memory_server


class UnixUser(UnixConchUser):
    """A user of Conch's own backend, which serves the machine's files; here without changing to another account."""

    def __init__(self, home: str) -> None:
        # Not its own constructor: that wants an account of the machine.
        ConchUser.__init__(self)
        self.home = home
        self.opened: list[str] = []

    def getHomeDir(self) -> FilePath[str]:
        return FilePath(self.home)

    def _runAsUser(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        calls = function if isinstance(function, list | tuple) else [(function, args, kwargs)]
        for each in calls:
            call, rest = each[0], each[1:]
            result = call(*(rest[0] if rest else ()), **(rest[1] if len(rest) > 1 else {}))
        return result

    def on_file_open(self, event: Any) -> None:
        """A handler, as any avatar may have."""
        self.opened.append(event.path)


class UnixTests(SynchronousTestCase):
    """Conch's own Unix backend behind this server."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.user = UnixUser(str(self.folder))
        self.session = MemorySession(self.user)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def status(self, request: Any) -> Status:
        reply = self.session.request(request)
        assert isinstance(reply, StatusReply), reply
        return Status(reply.status)

    def test_transfer(self) -> None:
        """Files go both ways, and the avatar's own hooks are asked."""
        content = os.urandom(100_000)
        self.session.put(self.path("file"), content)
        self.assertEqual((self.folder / "file").read_bytes(), content)
        self.assertEqual(self.session.get(self.path("file")), content)
        self.assertEqual(set(self.user.opened), {self.path("file")})

    def test_home(self) -> None:
        """Relative paths start where the backend says."""
        self.session.put("file", b"x")
        self.assertEqual((self.folder / "file").read_bytes(), b"x")
        self.assertEqual(self.session.request(requests.RealPath(path=b".")).entries[0].name, os.fsencode(self.folder))

    def test_names(self) -> None:
        """Folders are made, listed with types and sizes, and removed."""
        (self.folder / "file").write_bytes(b"12345")
        self.assertEqual(self.status(requests.MkDir(path=self.path("sub").encode(), attributes=Attributes())), 0)
        listed = {entry.name: entry.attributes for entry in self.session.listing(str(self.folder))}
        self.assertEqual(set(listed), {b"file", b"sub"})
        self.assertEqual((listed[b"sub"].type, listed[b"file"].size), (FileType.DIRECTORY, 5))
        self.assertEqual(self.status(requests.RmDir(path=self.path("sub").encode())), Status.OK)
        self.assertEqual(self.status(requests.Remove(path=self.path("file").encode())), Status.OK)
        self.assertEqual(self.status(requests.Remove(path=self.path("file").encode())), Status.NO_SUCH_FILE)

    def test_rename(self) -> None:
        """RENAME refuses an existing target, though the backend would replace it; posix-rename replaces it."""
        for name in ("a", "b"):
            (self.folder / name).write_text(name)
        both = {"path": self.path("a").encode(), "new_path": self.path("b").encode()}
        self.assertEqual(self.status(requests.Rename(**both)), Status.FAILURE)
        self.assertEqual((self.folder / "b").read_text(), "b")
        self.assertEqual(self.status(requests.PosixRename(**both)), Status.OK)
        self.assertEqual((self.folder / "b").read_text(), "a")
        self.assertEqual(self.status(requests.Rename(path=both["new_path"], new_path=both["path"])), Status.OK)

    def test_links(self) -> None:
        """Links are made the right way round, read, and told from their targets."""
        (self.folder / "target").write_text("x")
        link = self.path("link").encode()
        made = self.status(requests.SymLink(path=link, target=self.path("target").encode()))
        self.assertEqual((made, os.readlink(self.folder / "link")), (Status.OK, self.path("target")))
        read = self.session.request(requests.ReadLink(path=link)).entries[0].name
        self.assertEqual(read, os.fsencode(self.path("target")))
        self.assertEqual(self.session.request(requests.LStat(path=link)).attributes.type, FileType.SYMLINK)
        self.assertEqual(self.session.request(requests.Stat(path=link)).attributes.type, FileType.REGULAR)
        self.assertEqual(self.status(requests.LSetStat(path=link, attributes=Attributes(permissions=0o600))), 8)

    def test_attributes(self) -> None:
        """Mode and times are set."""
        (self.folder / "file").write_text("x")
        wanted = Attributes(permissions=0o640, atime=1_000_000_000, mtime=1_100_000_000)
        self.assertEqual(self.status(requests.SetStat(path=self.path("file").encode(), attributes=wanted)), Status.OK)
        found = (self.folder / "file").stat()
        self.assertEqual((found.st_mode & 0o7777, found.st_mtime), (0o640, 1_100_000_000))

    def test_attributes_of_open_file(self) -> None:
        """Mode and times of an open file are set by its path, also after a rename; another size is not."""
        path, new = self.path("file").encode(), self.path("new").encode()
        flags = OpenFlag(Disposition.CREATE_TRUNCATE)
        opening = requests.Open(path=path, access=Access.WRITE_DATA, flags=flags, attributes=Attributes())
        handle = self.session.request(opening).handle
        for at, name in enumerate(("file", "new")):
            wanted = Attributes(permissions=0o640 + at, atime=1_000_000_000, mtime=1_100_000_000 + at)
            self.assertEqual(self.status(requests.FSetStat(handle=handle, attributes=wanted)), Status.OK)
            found = (self.folder / name).stat()
            self.assertEqual((found.st_mode & 0o7777, found.st_mtime), (0o640 + at, 1_100_000_000 + at))
            if not at:
                self.assertEqual(self.status(requests.Rename(path=path, new_path=new)), Status.OK)
        for size, status in ((0, Status.OK), (1, Status.OP_UNSUPPORTED)):
            wanted = Attributes(size=size)
            self.assertEqual(self.status(requests.FSetStat(handle=handle, attributes=wanted)), status)

    def test_what_conch_lacks(self) -> None:
        """Hard links, space and syncing are no abilities: not advertised, and refused."""
        self.assertNotIn(b"hardlink@openssh.com", self.session.extensions)
        self.assertNotIn(b"statvfs@openssh.com", self.session.extensions)
        self.assertEqual(self.status(requests.HardLink(path=b"/a", new_path=b"/b")), Status.OP_UNSUPPORTED)

    def test_end(self) -> None:
        """The avatar has the connection while it lasts, as Conch gives it."""
        self.assertIs(self.user.conn, self.session.client.server.service)
        self.session.cut()
        self.assertIsNone(self.user.conn)


@implementer(ISFTPFile)
class Slow:
    """An open file that answers late, and with less than was asked for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.waiting: list[Deferred[Any]] = []

    def readChunk(self, offset: int, length: int) -> "Deferred[bytes]":
        if offset >= len(self.data):
            raise EOFError
        self.waiting.append(Deferred())
        return self.waiting[-1].addCallback(lambda _: self.data[offset : offset + min(length, 4)])

    def writeChunk(self, offset: int, data: bytes) -> None:
        raise SFTPError(FX_PERMISSION_DENIED, "not yours")

    def getAttrs(self) -> dict[str, int]:
        return {"size": len(self.data), "permissions": 0o100600, "uid": 1, "gid": 2, "atime": 3, "mtime": 4}

    def setAttrs(self, attrs: dict[str, Any]) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise OSError(errno.EIO, "disk", "/a/place")


class Listing:
    """An open directory; one entry comes late."""

    def __init__(self) -> None:
        self.late: Deferred[Any] = Deferred()
        self.closed = False

    def __getitem__(self, index: int) -> Any:
        entries = (("text", "long", {"permissions": 0o40755}), self.late, (b"\xff", b"", {}))
        return entries[index]

    def close(self) -> None:
        self.closed = True


@implementer(ISFTPServer)
class Server:
    """What an application may have."""

    avatar = None

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.home: Any = "/somewhere"
        self.file = Slow(b"0123456789")
        self.listing = Listing()

    def gotVersion(self, otherVersion: int, extData: dict[bytes, bytes]) -> dict[bytes, bytes]:
        return {b"hello@example": b"1"}

    def openFile(self, *args: Any) -> Any:
        self.calls.append(args)
        return succeed(self.file)

    def openDirectory(self, path: bytes) -> Any:
        return self.listing

    def realPath(self, path: bytes) -> str:
        return self.home

    def getAttrs(self, path: bytes, followLinks: bool) -> Any:
        raise OSError(errno.EACCES, "no", "/a/place")

    def extendedRequest(self, extendedName: bytes, extendedData: bytes) -> bytes:
        if extendedName != b"hello@example":
            raise NotImplementedError
        return b"hello " + extendedData


class Visitor(ConchUser):
    """Is served by it."""

    def __init__(self) -> None:
        super().__init__()
        self.server = Server()


class Broken(ConchUser):
    """Has none, by a mistake of the application."""

    logouts = 0

    def logged_out(self) -> None:
        self.logouts += 1


ADAPTED: list[Any] = []


def _adapted(avatar: Visitor) -> Server:
    ADAPTED.append(avatar)
    return avatar.server


def _not_adapted(avatar: Broken) -> Server:
    raise RuntimeError("broken")


registerAdapter(_adapted, Visitor, ISFTPServer)
registerAdapter(_not_adapted, Broken, ISFTPServer)


class AdapterTests(SynchronousTestCase):
    """What an application's server may do, and what becomes of it."""

    def setUp(self) -> None:
        self.visitor = Visitor()
        self.server = self.visitor.server
        self.session = MemorySession(self.visitor)

    def open(self) -> bytes:
        request = requests.Open(
            path=b"/f",
            access=Access.READ_DATA,
            flags=OpenFlag(Disposition.OPEN_EXISTING),
            attributes=Attributes(size=7),
        )
        return self.session.request(request).handle

    def test_interfaces(self) -> None:
        """The adapters provide what they say."""
        files = ConchFileSystem(self.server)
        for interface in (IFileSystem, ILinks, IExtendedRequests):
            verifyObject(interface, files)
        verifyObject(IFile, ConchFile(ConchFileSystem(self.server), "/a", self.server.file))
        verifyObject(IDirectory, ConchDirectory(files, "/", [()]))

    def test_asked_once(self) -> None:
        """The application's adapter is made once a login: it may open something."""
        ADAPTED.clear()
        MemorySession(self.visitor)
        self.assertEqual(ADAPTED, [self.visitor])

    def test_no_server(self) -> None:
        """An adapter that fails is a bug in the log; nothing is served, and the avatar is logged out at the end."""
        user = Broken()
        client = MemoryClient(memory_server(user).factory)
        client.log_in()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        client.pipe.cut()
        self.assertEqual(user.logouts, 1)

    def test_late_home(self) -> None:
        """Nothing is served before it is known where relative paths start."""
        self.server.home = late = Deferred()
        client = MemoryClient(memory_server(self.visitor).factory)
        client.log_in()
        client.packet_now(255)
        self.assertNotIn(Message.UNIMPLEMENTED, client.numbers)
        late.callback(b"/late")
        client.pump()
        self.assertIn(Message.UNIMPLEMENTED, client.numbers)
        self.assertEqual(client.server.avatar.home, "/late")

    def test_no_home(self) -> None:
        """One that is not found in the time that handlers have is told of in the log, and `/` is the home."""
        self.server.home = Deferred()
        factory = memory_server(self.visitor, handler_time_limit=5).factory
        client = MemoryClient(factory)
        client.log_in()
        client.packet_now(255)
        factory.clock.advance(5)
        client.pump()
        self.assertEqual(len(self.flushLoggedErrors(TimeLimitExceeded)), 1)
        self.assertIn(Message.UNIMPLEMENTED, client.numbers)
        self.assertEqual(client.server.avatar.home, "/")

    def test_homeless(self) -> None:
        """One whose server fails at it, at once or later, has it at `/`, and the log says why."""
        for answer in (fail(CancelledError()), Deferred()):
            self.server.home = answer
            client = MemoryClient(memory_server(self.visitor).factory)
            client.log_in()
            if not answer.called:
                answer.errback(LookupError())
            client.packet_now(255)
            self.assertIn(Message.UNIMPLEMENTED, client.numbers)
            self.assertEqual(client.server.avatar.home, "/")
            self.assertEqual(len(self.flushLoggedErrors(CancelledError, LookupError)), 1)

    def test_lost_without_home(self) -> None:
        """The search ends with the connection, and nobody's mistake is logged."""
        self.server.home = Deferred()
        factory = memory_server(self.visitor).factory
        client = MemoryClient(factory)
        client.log_in()
        client.pipe.cut()
        self.assertTrue(self.server.home.called)
        self.assertEqual(factory.clock.getDelayedCalls(), [])

    def test_open(self) -> None:
        """Path, flags and attributes arrive as Conch writes them."""
        self.open()
        self.assertEqual(self.server.calls, [(b"/f", FXF_READ, {"size": 7})])

    def test_read(self) -> None:
        """A read that brings less than was asked for is repeated: to clients it would be the end of the file."""
        handle = self.open()
        answers: list[Any] = []
        self.session.ask(requests.Read(handle=handle, offset=1, length=100)).addCallback(answers.append)
        for _ in range(3):
            self.assertEqual(answers, [])
            self.server.file.waiting.pop().callback(None)
        self.session.read()
        self.assertEqual(bytes(answers[0].data), b"123456789")
        self.assertEqual(self.session.request(requests.Read(handle=handle, offset=10, length=5)).status, Status.EOF)

    def test_failures(self) -> None:
        """SFTPError, NotImplementedError and OSError are told as Conch tells them; no place on the machine is named."""
        handle = self.open()
        written = self.session.request(requests.Write(handle=handle, offset=0, data=[b"x"]))
        self.assertEqual((written.status, written.message), (Status.PERMISSION_DENIED, "not yours"))
        changed = self.session.request(requests.FSetStat(handle=handle, attributes=Attributes(size=0)))
        self.assertEqual(changed.status, Status.OP_UNSUPPORTED)
        denied = self.session.request(requests.Stat(path=b"/f"))
        closed = self.session.request(requests.Close(handle=handle))
        self.assertEqual((denied.status, closed.status), (Status.PERMISSION_DENIED, Status.FAILURE))
        self.assertNotIn("place", denied.message + closed.message)

    def test_attributes(self) -> None:
        """The type is in the mode."""
        found = self.session.request(requests.FStat(handle=self.open())).attributes
        self.assertEqual((found.type, found.permissions, found.size, found.uid), (FileType.REGULAR, 0o600, 10, 1))

    def test_list(self) -> None:
        """Entries may come late, and names may be text or bytes."""
        handle = self.session.request(requests.OpenDir(path=b"/")).handle
        answers: list[Any] = []
        self.session.ask(requests.ReadDir(handle=handle)).addCallback(answers.append)
        self.assertEqual(answers, [])
        self.server.listing.late.callback(("late", "", {"size": 3}))
        self.session.read()
        self.assertEqual([entry.name for entry in answers[0].entries], [b"text", b"late", b"\xff"])
        self.assertEqual(self.session.request(requests.ReadDir(handle=handle)).status, Status.EOF)
        self.session.request(requests.Close(handle=handle))
        self.assertTrue(self.server.listing.closed)

    def test_own_requests(self) -> None:
        """Its extended requests are advertised and answered; what it does not know is unsupported."""
        self.assertEqual(self.session.extensions[b"hello@example"], b"1")
        reply = self.session.request(requests.UnknownExtended(name=b"hello@example", data=b"you"))
        self.assertEqual(reply, ExtendedReply(payload=b"hello you"))
        other = self.session.request(requests.UnknownExtended(name=b"other@example"))
        self.assertEqual(other.status, Status.OP_UNSUPPORTED)

    def test_bug(self) -> None:
        """What the application's server raises beside these is its bug: a failure, and one traceback in the log."""
        self.assertEqual(self.session.request(requests.Remove(path=b"/f")).status, Status.FAILURE)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
