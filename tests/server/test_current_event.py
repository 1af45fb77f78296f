"""
What a handler means that names only its connection: the settings that are views of its event, and set_file_list.
"""

from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

from conchsftp.errors import ServerError, SFTPError
from conchsftp.events import DirList, FileOpen, FileRead, FileRemove, FileWrite, in_thread
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.server.service import SFTPServer
from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType
from conchsftp.sftp.replies import StatusReply
from conchsftp.sftp.statuses import Status
from conchsftp.testing import MemoryReactor, MemorySession
from tests.session.versions import in_versions
from tests.session.versions_case import SpokenCase


class Case(SpokenCase):
    """One server, and sessions with it on the same files."""

    def setUp(self) -> None:
        self.files = MemoryFileSystem({"/a": b"abc", "/b": b"other"})
        self.reactor = MemoryReactor()
        self.server = self.make_server(SFTPAvatar("user", files=self.files), reactor=self.reactor)
        self.on = self.server.on
        self.session = self.log_in(server=self.server)
        self.problems: list[ServerError] = []

    def refused(self, function: Any, *args: Any) -> int:
        """Call what must be refused with a ServerError; return its number."""
        return self.assertRaises(ServerError, function, *args).code

    def remove(self, path: str, session: MemorySession | None = None) -> Deferred[Any]:
        """Ask for a file to be removed."""
        return (session or self.session).ask(requests.Remove(path=path.encode()))


@in_versions()
class ViewTests(Case):
    """SFTPConnectionFileData, SFTPConnectionErrorMessage and SFTPErrorMessage."""

    def test_data(self) -> None:
        """What is written and what was read can be seen and replaced by the number of the connection."""
        server, seen = self.server, []

        @self.on(FileWrite)
        def shout(event: FileWrite) -> None:
            if event.before_exec:
                seen.append(server.sftp_connection_file_data[event.connection_id])
                server.sftp_connection_file_data[event.connection_id] = b"ABC"

        @self.on(FileRead)
        def whisper(event: FileRead) -> None:
            server.config(f"SFTPConnectionFileData[{event.connection_id}]={event.data.decode().lower()}")

        self.session.put("/new", b"xyz")
        self.assertEqual((seen, self.files.get("/new")), ([b"xyz"], b"ABC"))
        self.assertEqual(self.session.get("/new"), b"abc")

    def test_message(self) -> None:
        """The text of a refusal is set and read by the number of the connection, in every spelling."""
        server = self.server

        @self.on(FileRemove)
        def refuse(event: FileRemove) -> None:
            number = event.connection_id
            event.status_code = Status.PERMISSION_DENIED
            server.config(f"SFTPErrorMessage[{number}]=Keep it")
            server.sftp_error_message[number] += ", please"
            self.assertEqual(server.config(f"SFTPConnectionErrorMessage[{number}]"), "Keep it, please")

        reply = self.successResultOf(self.remove("/a"))
        self.assertEqual((reply.status, reply.message), (Status.PERMISSION_DENIED, "Keep it, please"))
        self.assertEqual(self.refused(server.config, "SFTPConnectionErrorMessage[1]=x"), 0)

    def test_outside(self) -> None:
        """Where no handler runs there is nothing to see or to set; an unknown connection is told as such."""
        server = self.server
        for statement in ("SFTPErrorMessage[1]=x", "SFTPErrorMessage[1]", "SFTPConnectionFileData[1]"):
            self.assertEqual(self.refused(server.config, statement), 0)
        self.on(FileRemove, lambda event: None)
        self.successResultOf(self.remove("/a"))
        self.assertEqual(self.refused(server.config, "SFTPErrorMessage[1]=x"), 0)
        self.assertEqual(self.refused(server.config, "SFTPErrorMessage[99]=x"), 126)
        self.assertEqual(self.refused(server.set_file_list, 99, "a"), 126)
        self.assertEqual(self.refused(server.set_file_list, 1, "a"), 0)

    def test_of_another(self) -> None:
        """A handler has no access to other connections, nor to what its event has not."""
        self.log_in(server=self.server)
        codes: list[int] = []

        @self.on(FileRemove)
        def meddle(event: FileRemove) -> None:
            for number, name in ((2, "SFTPErrorMessage"), (99, "SFTPErrorMessage"), (1, "SFTPConnectionFileData")):
                codes.append(self.refused(self.server.config, f"{name}[{number}]=x"))
            codes.append(self.refused(self.server.set_file_list, 1, "a"))
            event.deny()

        self.successResultOf(self.remove("/a"))
        self.assertEqual(codes, [0, 126, 0, 0])

    def test_in_flight(self) -> None:
        """Handlers that wait keep each their own event, however they are mixed: in one connection and between two."""
        turns: dict[str, Deferred[None]] = {}

        @self.on(FileRemove)
        async def refuse(event: FileRemove) -> None:
            if event.before_exec:
                turns[event.path] = Deferred()
                await turns[event.path]
                event.status_code = Status.FAILURE
                self.server.sftp_error_message[event.connection_id] = event.path
                await turns.setdefault(event.path + "2", Deferred())
                self.server.sftp_error_message[event.connection_id] += "!"

        other = self.log_in(server=self.server)
        answers = {"/a": self.remove("/a"), "/b": self.remove("/b"), "/c": self.remove("/c", other)}
        for path in ("/b", "/c", "/a", "/a2", "/c2", "/b2"):
            turns[path].callback(None)
        for session in (self.session, other):
            session.read()
        for path, answer in answers.items():
            self.assertEqual(self.successResultOf(answer).message, path + "!")
        self.assertEqual(self.refused(self.server.config, "SFTPErrorMessage[1]"), 0)

    def test_generator(self) -> None:
        """So has one that Twisted drives, after each of its waits."""
        turn: Deferred[None] = Deferred()

        @self.on(FileRemove)
        @inlineCallbacks
        def refuse(event: FileRemove) -> Any:
            if event.before_exec:
                yield turn
                event.status_code = Status.FAILURE
                self.server.sftp_error_message[event.connection_id] = "Generated"

        answer = self.remove("/a")
        turn.callback(None)
        self.session.read()
        self.assertEqual(self.successResultOf(answer).message, "Generated")

    def test_thread(self) -> None:
        """A handler in a thread has its event, too."""

        @self.on(FileRemove)
        @in_thread
        def refuse(event: FileRemove) -> None:
            event.status_code = Status.FAILURE
            self.server.sftp_error_message[event.connection_id] = "From a thread"

        self.reactor.threads.hold = True
        removing = self.remove("/a")
        self.reactor.threads.finish()
        self.session.read()
        self.assertEqual(self.successResultOf(removing).message, "From a thread")

    def test_nested(self) -> None:
        """A handler that causes another event has its own again afterwards."""
        other = self.log_in(server=self.server)

        @self.on(FileRemove)
        def refuse(event: FileRemove) -> None:
            if event.before_exec and event.path == "/a":
                self.remove("/b", other)
                self.server.sftp_error_message[event.connection_id] = "Mine"
                event.status_code = Status.FAILURE

        self.assertEqual(self.successResultOf(self.remove("/a")).message, "Mine")


@in_versions()
class SetFileListTests(Case):
    """set_file_list."""

    def test_before(self) -> None:
        """What is set before is the listing, and the file system is not asked: the directory need not exist."""

        @self.on(DirList)
        def say(event: DirList) -> None:
            if event.before_exec and event.path == "/virtual":
                size = Attributes(type=FileType.REGULAR, size=7)
                self.server.set_file_list(event.connection_id, ["../a", ("seven", size), ("eight", size)])

        found = self.session.listing("/virtual")
        self.assertEqual([(entry.name, entry.attributes.size) for entry in found], [(b"seven", 7), (b"eight", 7)])
        self.assertRaises(SFTPError, self.session.listing, "/none")

    def test_only_there(self) -> None:
        """It is for handlers of DirList, also where another event could take what it sets."""
        codes: list[int] = []
        self.on(FileOpen, lambda event: codes.append(self.refused(self.server.set_file_list, 1, b"x")))
        self.assertEqual(self.session.get("/a"), b"abc")
        self.assertEqual(codes, [0, 0])

    def test_after(self) -> None:
        """What is set after takes the place of what the file system has found."""
        self.on(DirList, lambda event: self.server.set_file_list(event.connection_id, "b\r\nnone\r\n"))
        found = self.session.listing("/")
        self.assertEqual([(entry.name, entry.attributes.size) for entry in found], [(b"b", 5)])

    def test_later(self) -> None:
        """A handler may take its time, and a later one sees what was set."""
        turn: Deferred[None] = Deferred()

        @self.on(DirList)
        async def say(event: DirList) -> None:
            if event.before_exec:
                await turn
                self.server.set_file_list(event.connection_id, ["a"])

        @self.on(DirList)
        def add(event: Any) -> None:
            if event.before_exec:
                event.result.append("b")

        answer = self.session.ask(requests.OpenDir(path=b"/"))
        turn.callback(None)
        self.session.read()
        handle = self.successResultOf(answer).handle
        reply: Any = self.session.request(requests.ReadDir(handle=handle))
        self.assertEqual([entry.name for entry in reply.entries], [b"a", b"b"])


@in_versions()
class HookTests(Case):
    """Methods of a server, and functions that are assigned."""

    def test_assigned(self) -> None:
        """What is assigned takes the place of the server's method, also for sessions that are open; None removes it."""

        class Server(SFTPServer):
            """Refuses."""

            def on_file_remove(self, event: FileRemove) -> None:
                """Refuse."""
                event.deny("method")

        factory = self.server.factory
        server = Server(
            reactor=factory.clock, host_keys=factory.host_keys, portal=factory.portal, protocol_version=self.version
        )
        session = self.log_in(server=server)
        message = lambda: self.successResultOf(self.remove("/a", session)).message  # noqa: E731
        self.assertEqual(message(), "method")
        server.on_file_remove = lambda event: event.deny("assigned")  # type: ignore[method-assign]
        self.assertEqual(message(), "assigned")
        del server.on_file_remove
        self.assertEqual(message(), "method")
        server.on_file_remove = None  # type: ignore[method-assign, assignment]
        self.assertEqual(self.successResultOf(self.remove("/a", session)).status, Status.OK)

    def test_misspelt(self) -> None:
        """A hook that is almost one is refused, and so is one of an event that does not fire."""
        self.assertEqual(self.refused(setattr, self.server, "on_file_opn", print), 0)
        self.assertNotIn("on_file_opn", vars(self.server))
        self.server.on_payday = print  # type: ignore[attr-defined]

    def test_denied_by_the_first(self) -> None:
        """All handlers are called, whatever the first says; each sees it, and the last word counts."""
        seen: list[int] = []
        self.on(FileOpen, lambda event: event.deny("first"))
        self.on(FileOpen, lambda event: seen.append(event.status_code))
        reply = self.session.request(
            requests.Open(path=b"/a", access=1, flags=2, attributes=Attributes())  # type: ignore[arg-type]
        )
        assert isinstance(reply, StatusReply)
        self.assertEqual((reply.status, reply.message), (Status.PERMISSION_DENIED, "first"))
        self.on(FileOpen, lambda event: setattr(event, "status_code", Status.OK))
        self.assertEqual(self.session.get("/a"), b"abc")
        self.assertEqual(seen, [Status.PERMISSION_DENIED] * 3)
