"""
An application's Conch `ISFTPServer`, served by this server.
"""

import errno
from typing import Any

from twisted.conch.avatar import ConchUser
from twisted.conch.interfaces import ISFTPFile, ISFTPServer
from twisted.conch.ssh.filetransfer import FX_PERMISSION_DENIED, FXF_READ, SFTPError
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.python.components import registerAdapter
from zope.interface import implementer
from zope.interface.verify import verifyObject

from conchsftp.events.waiting import TimeLimitExceeded
from conchsftp.files.conch_adapter import ConchDirectory, ConchFile, ConchFileSystem
from conchsftp.interfaces import IDirectory, IExtendedRequests, IFile, IFileSystem, ILinks
from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition, FileType, OpenFlag
from conchsftp.sftp.replies import ExtendedReply
from conchsftp.sftp.statuses import Status
from conchsftp.ssh.numbers import Message
from conchsftp.testing import MemoryClient, memory_server
from tests.session.versions import in_versions
from tests.session.versions_case import SpokenCase


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


class AdapterCase(SpokenCase):
    """A session with what an application has made for Conch."""

    def setUp(self) -> None:
        self.visitor = Visitor()
        self.server = self.visitor.server
        self.session = self.log_in(self.visitor)

    def open(self) -> bytes:
        request = requests.Open(
            path=b"/f",
            access=Access.READ_DATA,
            flags=OpenFlag(Disposition.OPEN_EXISTING),
            attributes=Attributes(size=7),
        )
        return self.session.request(request).handle


@in_versions()
class AdapterTests(AdapterCase):
    """What an application's server may do, and what becomes of it."""

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
        self.log_in(self.visitor)
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
        self.assertEqual((found.type, found.permissions, found.size), (FileType.REGULAR, 0o600, 10))
        self.assertEqual(found.uid if self.version == 3 else found.owner, 1 if self.version == 3 else "1")

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
        reply = self.session.request(extended.UnknownExtended(name=b"hello@example", data=b"you"))
        self.assertEqual(reply, ExtendedReply(payload=b"hello you"))
        other = self.session.request(extended.UnknownExtended(name=b"other@example"))
        self.assertEqual(other.status, Status.OP_UNSUPPORTED)

    def test_bug(self) -> None:
        """What the application's server raises beside these is its bug: a failure, and one traceback in the log."""
        self.assertEqual(self.session.request(requests.Remove(path=b"/f")).status, Status.FAILURE)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)


@in_versions(6)
class BeyondTests(AdapterCase):
    """What only the last version can ask."""

    def test_beyond(self) -> None:
        """What Conch's interface has no word for is refused, not left out; text is translated here."""
        old = OpenFlag(Disposition.OPEN_EXISTING)
        for flag in (OpenFlag.NOFOLLOW, OpenFlag.DELETE_ON_CLOSE, OpenFlag.BLOCK_WRITE):
            request = requests.Open(path=b"/f", access=Access.READ_DATA, flags=old | flag, attributes=Attributes())
            self.assertEqual(self.session.request(request).status, Status.OP_UNSUPPORTED)
        self.assertEqual(self.server.calls, [])
        text = old | OpenFlag.TEXT_MODE
        self.session.request(requests.Open(path=b"/f", access=Access.READ_DATA, flags=text, attributes=Attributes()))
        self.assertEqual(self.server.calls, [(b"/f", FXF_READ, {})])
