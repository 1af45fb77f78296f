"""
What applications build: users out of a database, folders that only take, and an end that is waited for.
"""

import os
from typing import Any

import bcrypt
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, ensureDeferred
from zope.interface import implementer

from conchsftp.auth.realm import SFTPRealm
from conchsftp.errors import SFTPError
from conchsftp.events import FileOpen, GetAttributes
from conchsftp.files.local import LocalFileSystem
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.interfaces import IDirectory, IFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, FileType
from conchsftp.sftp.statuses import Status
from conchsftp.ssh.numbers import Message
from conchsftp.testing import MemoryClient, memory_server
from tests.auth.support import password_request
from tests.bugs.classes import bug_class
from tests.bugs.support import LocalWireCase, WireCase
from tests.files.support import inline_workers, write
from tests.session.support import (
    ATTRS,
    FOR_READING,
    FSETSTAT,
    FSTAT,
    LSTAT,
    MKDIR,
    OPENDIR,
    READDIR,
    REALPATH,
    SETSTAT,
    STAT,
    TO_CREATE,
    opening,
    request,
    string,
    string_at,
    u32,
    writing,
)
from tests.session.versions import in_versions
from tests.ssh.case import ConnectionCase


class Database:
    """Knows users; answers when the test lets it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Deferred[Any]]] = []

    def look_up(self, name: str) -> "Deferred[Any]":
        self.asked.append((name, Deferred()))
        return self.asked[-1][1]


class Account(SFTPAvatar):
    """A user whose end is written down in the database."""

    def __init__(self, user_name: str, *, database: Database, files: Any) -> None:
        super().__init__(user_name, files=files)
        self.database = database
        self.ended = False

    async def logged_out(self) -> None:  # type: ignore[override]
        await self.database.look_up("goodbye")
        self.ended = True


@bug_class(37)
class DatabaseTests(ConnectionCase):
    """Avatars that are made, and ended, by coroutines."""

    def setUp(self) -> None:
        self.database = Database()
        self.made: list[Account] = []
        self.serve_with(SFTPRealm(self.make))

    def serve_with(self, realm: Any, **settings: Any) -> None:
        self.avatar = None  # type: ignore[assignment]
        self.server = memory_server(realm=realm, **settings)
        self.factory, self.clock = self.server.factory, self.server.factory.clock

    async def make(self, name: str) -> Account:
        root = await self.database.look_up(name)
        files = LocalFileSystem(root, workers=inline_workers()) if root else MemoryFileSystem()
        self.made.append(Account(name, database=self.database, files=files))
        return self.made[-1]

    def asking(self, name: bytes = b"user") -> MemoryClient:
        """Return a client whose password was right, and whose avatar is being made."""
        client = self.client()
        client.connect()
        client.ask_for_login()
        client.packet(Message.USERAUTH_REQUEST, password_request(name, b"password"))
        return client

    def answer(self, value: Any, index: int = 0) -> None:
        """Let the database answer."""
        self.database.asked.pop(index)[1].callback(value)

    def logged_in(self, **options: Any) -> MemoryClient:
        client = self.asking()
        self.answer(None)
        client.pump()
        client.take(Message.USERAUTH_SUCCESS)
        return client

    def test_waits(self) -> None:
        """SUCCESS comes when the avatar is there; nothing else has to wait for it."""
        first, second = self.asking(), self.asking()
        self.assertEqual([name for name, _ in self.database.asked], ["user", "user"])
        self.assertNotIn(Message.USERAUTH_SUCCESS, first.numbers)
        self.answer(None, 1)
        second.pump()
        second.take(Message.USERAUTH_SUCCESS)
        self.assertFalse(second.open_subsystem().closed)
        self.answer(None)
        first.pump()
        first.take(Message.USERAUTH_SUCCESS)

    def test_root_of_each_user(self) -> None:
        """Each login sees the folder that the database names for it, and no other."""
        for name in ("one", "two"):
            place = os.path.abspath(self.mktemp())
            write(f"{place}/{name}", name.encode())
            client = self.asking()
            self.answer(place)
            client.pump()
            client.take(Message.USERAUTH_SUCCESS)
            channel = client.open_subsystem()
            channel.send(bytes.fromhex("00000005 01 00000003") + request(OPENDIR, 1, string(b"/")))
            channel.take()
            channel.send(request(READDIR, 2, string(b"00000000")))
            listing = channel.take()
            self.assertEqual([each in listing for each in (b"one", b"two")], [name == "one", name == "two"])

    def test_refused(self) -> None:
        """A database that does not know the user refuses the login, without a traceback; the next try may succeed."""
        client = self.asking()
        self.database.asked.pop()[1].errback(UnauthorizedLogin("expired"))
        self.clock.advance(3.0)
        client.pump()
        client.take(Message.USERAUTH_FAILURE)
        client.packet(Message.USERAUTH_REQUEST, password_request(b"user", b"password"))
        self.answer(None)
        client.pump()
        client.take(Message.USERAUTH_SUCCESS)

    def test_broken(self) -> None:
        """A database that fails refuses the login, and its failure is logged once."""
        client = self.asking()
        self.database.asked.pop()[1].errback(ZeroDivisionError())
        self.clock.advance(3.0)
        client.pump()
        client.take(Message.USERAUTH_FAILURE)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_gone_meanwhile(self) -> None:
        """An avatar that was made for a connection that has gone is logged out, too."""
        client = self.asking()
        client.pipe.cut()
        self.answer(None)
        self.assertEqual([name for name, _ in self.database.asked], ["goodbye"])
        self.answer(None)
        self.assertTrue(self.made[0].ended)

    def test_logged_out_once(self) -> None:
        """Whatever ends a connection, its avatar is logged out once."""
        for end in (MemoryClient.disconnect, lambda client: client.pipe.cut(), lambda client: client.packet(94, b"")):
            client = self.logged_in()
            end(client)
            client.pipe.cut()
            self.assertEqual([name for name, _ in self.database.asked], ["goodbye"])
            self.answer(None)

    def test_stop_waits(self) -> None:
        """The service has stopped when the last avatar is logged out: what it has to write down is not cut off."""
        self.logged_in()
        self.logged_in()
        early = self.logged_in()
        early.disconnect()
        stopping = self.stop()
        for _ in range(3):
            self.assertNoResult(stopping)
            self.answer(None)
        self.successResultOf(stopping)
        self.assertEqual([account.ended for account in self.made], [True] * 3)

    def stop(self) -> Any:
        """Stop the service; every connection is lost soon after."""
        clients = [transport.transport for transport in self.factory.connections]
        stopping = ensureDeferred(self.server.shutdown())
        for pipe in clients:
            pipe.fetch()
        return stopping

    def test_stop_does_not_wait_for_ever(self) -> None:
        """A logout that does not end is given up after HandlerTimeLimit, and named in the log."""
        self.serve_with(SFTPRealm(self.make), handler_time_limit=5)
        self.logged_in()
        stopping = self.stop()
        self.clock.advance(4.9)
        self.assertNoResult(stopping)
        self.clock.advance(0.2)
        self.successResultOf(stopping)
        self.assertEqual(len(self.flushLoggedErrors()), 1)


@implementer(IDirectory)
class Rows:
    """The rows of a table as a directory, page by page."""

    def __init__(self, pages: list[list[str]]) -> None:
        self.pages = pages

    async def read(self, count: int) -> list[tuple[str, Attributes]]:
        page = self.pages.pop(0) if self.pages else []
        return [(name, Attributes(type=FileType.REGULAR)) for name in page]

    async def close(self) -> None:
        """Nothing to release."""


@implementer(IFileSystem)
class Table:
    """As much of a file system as is needed to list."""

    def __init__(self, *pages: list[str]) -> None:
        self.pages = pages

    async def list(self, path: str) -> Rows:
        return Rows(list(self.pages))


@in_versions()
@bug_class(37)
class ListingTests(WireCase):
    """A directory of an application's own: it returns entries, and an empty list at the end."""

    def make_server(self, **settings: Any) -> Any:
        settings = {"protocol_version": self.version, **settings}
        return memory_server(SFTPAvatar("user", files=Table(["a", "b"], ["c"])), **settings)

    def test_end(self) -> None:
        """Every entry arrives, then EOF, again and again; the application has nothing to say but which there are."""
        handle = self.opened(request(OPENDIR, 1, string(b"/")))
        names = [self.one(request(READDIR, 1, string(handle)))[5:18] for _ in range(2)]
        self.assertEqual([name[:4] for name in names], [u32(2), u32(1)])
        for _ in range(3):
            self.assert_status(self.one(request(READDIR, 1, string(handle))), Status.EOF)
        self.close(handle)


class DropBox(SFTPAvatar):
    """Takes files, and shows of them only what this session has put in."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.own: set[str] = set()

    def on_file_open(self, event: FileOpen) -> None:
        if not event.before_exec:
            if not event.status_code:
                self.own.add(event.path)
        elif event.desired_access & Access.READ_DATA:
            raise SFTPError(Status.PERMISSION_DENIED, "Files go in, and do not come out")

    def on_dir_list(self, event: Any) -> None:
        raise SFTPError(Status.PERMISSION_DENIED)

    def on_get_attributes(self, event: GetAttributes) -> None:
        if event.path != "/" and event.path not in self.own:
            raise SFTPError(Status.NO_SUCH_FILE)


@in_versions()
@bug_class(32)
class DropBoxTests(WireCase):
    """A folder that takes files and gives none."""

    def make_server(self, **settings: Any) -> Any:
        settings = {"protocol_version": self.version, **settings}
        self.files.put("/secret", b"somebody else's")
        return memory_server(DropBox("user", files=self.files), **settings)

    def test_upload(self) -> None:
        """What clients do around an upload works: they look before, while and after, and set mode and times."""
        self.assertEqual(self.one(request(REALPATH, 1, string(b".")))[0], 104)
        self.assertEqual(self.one(request(STAT, 1, string(b"/")))[0], ATTRS)
        self.assert_status(self.one(request(STAT, 1, string(b"/up"))), Status.NO_SUCH_FILE)
        handle = self.open(b"/up", TO_CREATE, u32(4) + u32(0o644))
        self.assert_status(self.one(writing(handle, 0, b"content")), Status.OK)
        self.assertEqual(self.one(request(FSTAT, 1, string(handle)))[0], ATTRS)
        self.assert_status(self.one(request(FSETSTAT, 1, string(handle), u32(8) + u32(1) + u32(2))), Status.OK)
        self.close(handle)
        for kind in (STAT, LSTAT):
            reply = self.one(request(kind, 1, string(b"/up")))
            self.assertEqual((reply[0], reply[9:17]), (ATTRS, (7).to_bytes(8, "big")))
        self.assert_status(self.one(request(SETSTAT, 1, string(b"/up"), u32(4) + u32(0o640))), Status.OK)
        self.assertEqual(self.get("/up"), b"content")

    def test_nothing_comes_out(self) -> None:
        """Nobody reads, lists, or learns what is there."""
        for packet, status in (
            (opening(b"/secret", 1, FOR_READING), Status.PERMISSION_DENIED),
            (opening(b"/secret", 1, 3), Status.PERMISSION_DENIED),
            (request(OPENDIR, 1, string(b"/")), Status.PERMISSION_DENIED),
            (request(STAT, 1, string(b"/secret")), Status.NO_SUCH_FILE),
            (request(LSTAT, 1, string(b"/secret")), Status.NO_SUCH_FILE),
        ):
            self.assert_status(self.one(packet), status)


@in_versions()
@bug_class(32)
class LandingTests(LocalWireCase):
    """Where a session starts, whether the user may write there, and with which mode."""

    def make_server(self, **settings: Any) -> Any:
        settings = {"protocol_version": self.version, **settings}
        self.write_users()
        return memory_server(
            root_directory=self.root, users=self.users, one_time_user=None, file_threads="inline", **settings
        )

    def write_users(self) -> None:
        hashed = bcrypt.hashpw(b"password", bcrypt.gensalt(4)).decode()
        for name in ("own", "shared/in"):
            os.makedirs(f"{self.root}/{name}")
        self.users = os.path.abspath(self.mktemp())
        with open(self.users, "w", encoding="utf-8") as file:
            file.write(f'[user]\npassword = "{hashed}"\n')
            file.write(f'[rooted]\npassword = "{hashed}"\nroot = "{self.root}/own"\n')
            file.write(f'[homely]\npassword = "{hashed}"\nroot = "{self.root}/shared"\nhome = "/in"\n')

    def test_landing(self) -> None:
        """Users start where their entry says, and may write there without a folder that has to be made first."""
        for user, start, place in (
            ("user", b"/", "up"),
            ("rooted", b"/", "own/up"),
            ("homely", b"/in", "shared/in/up"),
        ):
            self.session = self.begin(user=user)
            self.assertEqual(string_at(self.one(request(REALPATH, 1, string(b"."))), 9), start)
            self.close(self.open(b"up", TO_CREATE))
            self.assertTrue(os.path.exists(f"{self.root}/{place}"))
            self.assert_status(self.one(request(MKDIR, 1, string(b"folder"), u32(0))), Status.OK)

    def test_umask(self) -> None:
        """The umask takes rights from what a client asks for, of files and folders, and adds none."""
        for umask in (0o022, 0o027, 0o077, 0):
            place = f"{self.root}/{umask:o}"
            os.mkdir(place)
            server = memory_server(
                root_directory=place, umask=umask, file_threads="inline", protocol_version=self.version
            )
            self.session = self.begin(server=server)
            for path, mode in ((b"/asked", 0o666), (b"/less", 0o600)):
                self.close(self.open(path, TO_CREATE, u32(4) + u32(0o100000 | mode)))
                self.assertEqual(os.stat(place + path.decode()).st_mode & 0o7777, mode & ~umask)
            self.close(self.open(b"/nothing", TO_CREATE))
            self.assertEqual(os.stat(f"{place}/nothing").st_mode & 0o7777, 0o666 & ~umask)
            self.assert_status(self.one(request(MKDIR, 1, string(b"/folder"), u32(0))), Status.OK)
            self.assertEqual(os.stat(f"{place}/folder").st_mode & 0o7777, 0o777 & ~umask)
