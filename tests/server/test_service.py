"""
The server as a service: what it is made of, and its life. On a reactor in memory.
"""

import os
from errno import EADDRINUSE
from typing import Any

import bcrypt
from twisted.application.service import IService, MultiService
from twisted.conch.avatar import ConchUser
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import LogLevel, globalLogPublisher

from conchsftp.auth.realm import SFTPRealm
from conchsftp.auth.sources.checkers import UsersFileChecker
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.errors import ServerError
from conchsftp.events import Disconnected, FileClose, FileOpen, TransferFinished
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.server.service import SFTPServer
from conchsftp.sftp.numbers import Access, Disposition
from conchsftp.ssh.keys.host_keys import generate_ed25519
from conchsftp.testing import MemoryClient, MemorySession, memory_server
from tests.server.support import ServiceCase
from tests.ssh.case import opening


class LifeTests(ServiceCase):
    """As part of an application."""

    def test_service(self) -> None:
        """It is a service, and starts and stops with its parent."""
        parent, server = MultiService(), self.server(local_port=2222)
        self.assertTrue(IService.providedBy(server))
        server.setServiceParent(parent)
        parent.startService()
        self.assertTrue(server.listening and server.running)
        self.successResultOf(parent.stopService())
        self.assertFalse(server.listening or server.running)
        parent.startService()
        self.assertTrue(server.listening)

    def test_failed(self) -> None:
        """A service that cannot listen says so to who asked to be told; it does not raise."""
        told: list[ServerError] = []
        self.busy(EADDRINUSE, 2222)
        server = self.server(local_port=2222, failed=told.append)
        server.startService()
        self.assertEqual([each.code for each in told], [10048])
        self.successResultOf(server.stopService())

    def test_failed_untold(self) -> None:
        """Otherwise to the log, in one line and without a traceback."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        server = self.server(host_keys=())
        server.startService()
        critical = [event for event in events if event.get("log_level") is LogLevel.critical]
        self.assertEqual(len(critical), 1)
        self.assertIn("host key", critical[0]["text"])
        self.assertNotIn("log_failure", critical[0])

    def test_failed_by_mistake(self) -> None:
        """What is no ServerError is logged with its traceback, and told all the same."""
        told: list[ServerError] = []
        server = self.server(failed=told.append)
        self.patch(self.reactor, "listenTCP", lambda *_, **__: 1 // 0)
        server.startService()
        self.assertEqual(len(told), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_stop_waits(self) -> None:
        """Stopping ends every session and waits until all are gone; nobody new comes meanwhile."""
        server = self.server(local_port=2222)
        server.startService()
        client, stranger = MemoryClient(server.factory), MemoryClient(server.factory)
        client.log_in("guest", "secret")
        stopped = server.stopService()
        self.assertFalse(server.listening)
        self.assertNoResult(stopped)
        client.pump()
        self.assertNoResult(stopped)
        stranger.pump()
        self.successResultOf(stopped)
        assert client.disconnected is not None
        self.assertEqual(client.disconnected[0], 11)
        self.assertEqual(len(server.factory.connections), 0)

    def test_stop_does_not_wait_for_ever(self) -> None:
        """A client that fetches nothing is waited for five seconds."""
        server = self.server()
        client = MemoryClient(server.factory, room=100)
        client.log_in("guest", "secret")
        client.pipe.room = 0
        stopped = server.stopService()
        self.reactor.advance(4.9)
        self.assertNoResult(stopped)
        self.reactor.advance(0.2)
        self.successResultOf(stopped)

    def test_stop_listening_only(self) -> None:
        """Sessions go on when only the ports are closed."""
        server = self.server()
        self.successResultOf(server.start_listening())
        client = MemoryClient(server.factory)
        client.log_in("guest", "secret")
        self.successResultOf(server.stop_listening())
        client.packet(255)
        client.take(3)

    def test_shutdown(self) -> None:
        """shutdown() closes the ports and ends every session."""
        server = self.server()
        self.successResultOf(server.start_listening())
        client = MemoryClient(server.factory)
        client.log_in("guest", "secret")
        gone = server.shutdown()
        client.pump()
        self.successResultOf(gone)
        self.assertTrue(client.pipe.closed)
        self.assertFalse(server.listening)

    def end_waiting(self, gone: "Deferred[None]", working: "Deferred[None] | None") -> None:
        """Let handlers do what they do, or the time for it pass; the server is gone then."""
        if working is None:
            self.reactor.advance(30)
        else:
            working.callback(None)
        self.successResultOf(gone)

    def test_shutdown_waits_for_handlers(self) -> None:
        """It waits until handlers of Disconnected have done what they do, as long as HandlerTimeLimit allows."""
        for answered in (True, False):
            server = self.server(handler_time_limit=30)
            told: list[Any] = []
            writing: Deferred[None] = Deferred()
            server.on(Disconnected, lambda event, told=told, writing=writing: (told.append(event), writing)[1])
            client = MemoryClient(server.factory)
            client.log_in("guest", "secret")
            gone = server.shutdown()
            client.pump()
            self.assertEqual(len(told), 1)
            self.assertNoResult(gone)
            self.end_waiting(gone, writing if answered else None)
        self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_shutdown_waits_for_the_end_of_files(self) -> None:
        """What was open is closed, and handlers of FileClose and then TransferFinished have done; bounded as well."""
        for answered in (True, False):
            server = self.server(handler_time_limit=30)
            closing, writing = Deferred[None](), Deferred[None]()
            told: list[TransferFinished] = []
            server.on(FileClose, lambda event, closing=closing: closing)
            server.on(TransferFinished, lambda event, told=told, writing=writing: (told.append(event), writing)[1])
            session = MemorySession(server=server, user="guest", password="secret")
            session.request(opening(b"/f", Access.WRITE_DATA, Disposition.OPEN_OR_CREATE))
            gone = server.shutdown()
            session.client.pump()
            self.assertNoResult(gone)
            closing.callback(None)
            self.assertEqual([event.aborted for event in told], [True])
            self.assertNoResult(gone)
            self.end_waiting(gone, writing if answered else None)
        self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_two(self) -> None:
        """Two servers in one process know nothing of each other."""
        first = self.server(local_port=2222, max_connections=1)
        second = self.server(local_port=2223, read_only=True, one_time_user=("other", "secret"))
        first.startService()
        second.startService()
        seen: list[object] = []
        first.on(FileOpen, seen.append)
        one = MemorySession(server=first, user="guest", password="secret")
        two = MemorySession(server=second, user="other", password="secret")
        one.put("/f", b"text")
        self.assertEqual((two.get("/f"), len(seen)), (b"text", 2))
        self.assertEqual((len(first.factory.connections), len(second.factory.connections)), (1, 1))
        stopped = first.stopService()
        one.client.pump()
        self.successResultOf(stopped)
        self.assertEqual(two.get("/f"), b"text")
        self.assertTrue(second.listening)


class AtOnce:
    """Workers that do not wait."""

    def run(self, function: Any, *args: Any) -> Deferred[Any]:
        """Call a function."""
        return maybeDeferred(function, *args)


class LoginTests(ServiceCase):
    """Who may log in, and what they see."""

    def test_avatar(self) -> None:
        """A user sees RootDirectory."""
        session = MemorySession(server=self.server(), user="guest", password="secret")
        session.put("/f", b"text")
        with open(f"{self.root}/f", "rb") as file:
            self.assertEqual(file.read(), b"text")

    def test_users_file(self) -> None:
        """A users file gives users roots and homes of their own."""
        users = f"{self.folder}/users.toml"
        with open(users, "w") as file:
            file.write(f'[alice]\nroot = "{os.path.abspath(self.root)}/home"\n[bob]\nhome = "/home"\n')
        server = self.server(users=users)
        self.assertEqual(self.avatar(server, "bob").home, "/home")
        alice = MemorySession(self.avatar(server, "alice"))
        alice.put("/g", b"")
        self.assertEqual(os.listdir(f"{self.root}/home"), ["g"])

    def test_users_file_of_a_checker(self) -> None:
        """A root in a users file that only a checker knows (`--auth sftp-users:`) confines its user as well."""
        path = f"{self.folder}/users.toml"
        with open(path, "w") as file:
            hashed = bcrypt.hashpw(b"word", bcrypt.gensalt(4)).decode()
            file.write(f'[alice]\npassword = "{hashed}"\nroot = "{os.path.abspath(self.root)}/home"\n')
        checker = UsersFileChecker(UsersFile(path), AtOnce())
        session = MemorySession(server=self.server(checkers=[checker]), user="alice", password="word")
        session.put("/g", b"")
        self.assertEqual(os.listdir(f"{self.root}/home"), ["g"])

    def avatar(self, server: SFTPServer, name: str) -> Any:
        """Return the avatar that a server makes."""
        return self.successResultOf(Deferred.fromCoroutine(server.make_avatar(name)))

    def test_no_root(self) -> None:
        """Without a root, or with one that cannot be opened, nobody gets in; the log says why."""
        for root in ("", f"{self.folder}/none", self.key):
            server = self.server(root_directory=root)
            self.failureResultOf(Deferred.fromCoroutine(server.make_avatar("guest")), UnauthorizedLogin)
            client = MemoryClient(server.factory)
            self.assertRaises(AssertionError, client.log_in, "guest", "secret")
            self.reactor.advance(3)
            client.pump()
            client.take(51)

    def test_root_is_told(self) -> None:
        """That a root cannot be opened is logged with its documented number: 2001."""
        events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        server = self.server(root_directory=f"{self.folder}/none")
        self.failureResultOf(Deferred.fromCoroutine(server.make_avatar("guest")), UnauthorizedLogin)
        told = [event for event in events if "error_code" in event]
        self.assertEqual([(event["error_code"], event["user"]) for event in told], [(2001, "guest")])
        self.assertIn(f"{self.folder}/none: No such file", told[0]["text"])

    def test_subclass(self) -> None:
        """The avatar's class can be another one, and so can the server's: both may have hooks."""
        told: list[str] = []

        class Users(SFTPAvatar):
            def on_file_open(self, event: FileOpen) -> None:
                told.append("avatar")

        class Server(SFTPServer):
            def on_file_open(self, event: FileOpen) -> None:
                told.append("server")

        generate_ed25519(self.key)
        server = Server(
            reactor=self.reactor,
            host_keys=[self.key],
            root_directory=self.root,
            one_time_user=("guest", "secret"),
            avatar_class=Users,
        )
        MemorySession(server=server, user="guest", password="secret").put("/f", b"")
        self.assertEqual(told, ["avatar", "server"] * 2)

    def test_misspelt_hook_of_avatar(self) -> None:
        """A class of avatars with a misspelt hook is refused when the server is made, and not by the first login."""

        class Users(SFTPAvatar):
            def on_file_opne(self, event: FileOpen) -> None: ...

        error = self.assertRaises(ServerError, SFTPServer, reactor=self.reactor, avatar_class=Users)
        self.assertIn("did you mean on_file_open", error.text)

    def test_checkers(self) -> None:
        """Checkers of twisted.cred, several of one kind, are asked one after the other."""
        checkers = [InMemoryUsernamePasswordDatabaseDontUse(**{name: b"word"}) for name in ("alice", "bob")]
        server = self.server(checkers=checkers)
        for user, password in (("alice", "word"), ("bob", "word"), ("guest", "secret")):
            MemoryClient(server.factory).log_in(user, password)

    def test_portal(self) -> None:
        """A portal decides everything instead."""
        realm = SFTPRealm(lambda user: SFTPAvatar(user, files=MemoryFileSystem({"/own": b""})))
        portal = Portal(realm, [InMemoryUsernamePasswordDatabaseDontUse(carol=b"word")])
        session = MemorySession(server=self.server(portal=portal), user="carol", password="word")
        self.assertEqual(session.get("/own"), b"")
        self.assertRaises(AssertionError, MemoryClient(self.server(portal=portal).factory).log_in, "guest", "secret")

    def test_foreign_avatar(self) -> None:
        """An avatar of Conch's own gets in; what it does not have is refused, and nothing breaks."""
        client = MemoryClient(memory_server(ConchUser()).factory)
        client.log_in()
        channel = client.open_channel()
        self.assertEqual(channel.refused, (3, "unknown channel"))

    def test_handler_time_limit(self) -> None:
        """The limit of handlers follows its setting."""
        server = self.server(handler_time_limit=7)
        self.assertEqual(server.events.handler_seconds, 7)
        server.settings.handler_time_limit = 9
        self.assertEqual(server.events.handler_seconds, 9)

    def test_unknown_setting(self) -> None:
        """A setting that does not exist is refused, with the one that was meant."""
        error = self.assertRaises(ServerError, self.server, locl_port=5)
        self.assertIn("local_port", str(error))
