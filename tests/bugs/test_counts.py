"""
Limits: each counts what it says, and gives back what it has counted, on whichever way a connection ends.
"""

from collections.abc import Callable
from typing import Any

from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp.statuses import Status
from conchsftp.ssh.numbers import Message
from conchsftp.ssh.phases import Stage
from conchsftp.testing import MemoryClient, memory_server
from tests.auth.support import interactive_request, password_request, request
from tests.bugs.classes import bug_class
from tests.bugs.support import WireCase
from tests.session.slow import SlowFileSystem
from tests.session.support import FOR_READING, HANDLE, OPENDIR, opening, string, writing
from tests.session.support import request as sftp
from tests.session.versions import in_versions
from tests.ssh.case import ConnectionCase

ENDS: dict[str, Callable[[MemoryClient], Any]] = {
    "the network goes": lambda client: client.pipe.cut(),
    "the client says goodbye": MemoryClient.disconnect,
    "a message that may not come": lambda client: client.packet(Message.NEWKEYS),
    "a message that is too long": lambda client: client.raw(b"\xff" * 4096),
    "the server ends it": lambda client: (client.server.loseConnection(), client.pump()),
}


@bug_class(36)
class ConnectionTests(ConnectionCase):
    """MaxConnections and MaxStartups."""

    def assert_none(self, what: Any) -> None:
        """Fail unless everything is as before the first connection."""
        self.assertEqual(len(self.factory.connections), 0, what)
        self.assertEqual(self.factory.connections._strangers, {}, what)
        self.assertEqual(self.clock.getDelayedCalls(), [], what)

    def test_every_stage(self) -> None:
        """Wherever a connection stands, and whatever ends it, its places are free again."""
        self.serve(max_connections=2, max_startups=2)
        for stage in Stage:
            for what, end in ENDS.items():
                client = self.at(stage)
                end(client)
                client.pump()
                # What is no line yet is waited for, and a peer that does not take our last message is cut off: not for
                # ever.
                for seconds in (self.server.settings.login_grace_time, 10.0):
                    if not client.pipe.closed:
                        self.clock.advance(seconds)
                self.assert_none((stage, what))
        self.assertEqual(self.session().get("/f"), b"0123456789")

    def test_in_the_middle_of_a_login(self) -> None:
        """The same while a login is refused, is asked for, or has succeeded and nothing else."""
        self.serve(max_connections=1, max_startups=1)
        for payload in (
            password_request(b"user", b"wrong"),
            interactive_request(b"user"),
            password_request(b"user", b"password"),
            request(b"user", b"none"),
            b"",
        ):
            client = self.at(Stage.AUTH)
            client.packet(Message.USERAUTH_REQUEST, payload)
            client.pipe.cut()
            self.assert_none(payload)

    def test_too_many_attempts(self) -> None:
        """Whoever is sent away for guessing leaves no place taken."""
        self.serve(max_connections=1, max_auth_attempts=2)
        client = self.at(Stage.AUTH)
        for _ in range(2):
            client.packet(Message.USERAUTH_REQUEST, password_request(b"user", b"wrong"))
            self.clock.advance(5.0)
            client.pump()
        self.assert_gone(client)
        self.assert_none("guessing")

    def test_turned_away(self) -> None:
        """A connection that was not taken is not counted, however often it is tried."""
        self.serve(max_connections=2)
        first, second = self.logged_in(), self.logged_in()
        for _ in range(5):
            self.assertRaises(ConnectionRefusedError, self.client)
        self.assertEqual(len(self.factory.connections), 2)
        first.disconnect()
        self.logged_in().disconnect()
        second.pipe.cut()
        self.assert_none("turned away")

    def test_refused_by_a_handler(self) -> None:
        """A connection that a handler refuses, or whose handler fails, is not counted."""
        self.serve(max_connections=1)
        self.server.on("ConnectionRequest", lambda event: setattr(event, "accept", False))
        for _ in range(3):
            self.client().pump()
            self.assert_none("refused")

    def test_startups_are_no_logins(self) -> None:
        """Who has logged in does not count as one who has not, nor the other way round."""
        self.serve(max_startups=2)
        sessions = [self.logged_in() for _ in range(10)]
        waiting = [self.at(Stage.AUTH) for _ in range(2)]
        self.assertEqual(len(self.factory.connections._sources), 2)
        for client in (*sessions, *waiting):
            self.assert_alive(client)
        late = self.client()
        waiting[0].pump()
        self.assert_ended(waiting[0], 12)
        for client in (*sessions, waiting[1], late):
            self.assertFalse(client.pipe.closing)

    def test_twice(self) -> None:
        """An end that is told of twice frees one place."""
        self.serve(max_connections=3)
        stays = self.logged_in()
        client = self.logged_in()
        client.disconnect()
        client.pipe.cut()
        client.server.connectionLost()
        self.assertEqual(list(self.factory.connections), [stays.server])


@bug_class(36)
class ChannelTests(ConnectionCase):
    """MaxChannels, of one connection."""

    def test_given_back(self) -> None:
        """Channels that were closed, by either side and after whatever, or were never opened, do not count."""
        self.serve(max_channels=2)
        client = self.logged_in()
        for _ in range(5):
            for use in (
                lambda channel: channel.close(),
                lambda channel: (channel.request(b"subsystem", string(b"sftp")), channel.close()),
                lambda channel: (
                    channel.request(b"subsystem", string(b"sftp")),
                    channel.send(bytes(4)),
                    channel.close(),
                ),
                lambda channel: (channel.request(b"shell"), channel.eof(), channel.close()),
                lambda channel: (channel.request(b"subsystem", string(b"nonsense")), channel.close()),
            ):
                use(client.open_channel())
                self.assertEqual(client.server.service.channels, {})
            self.assertIsNotNone(client.open_channel(kind=b"direct-tcpip").refused)
        channels = [client.open_channel() for _ in range(4)]
        self.assertEqual([each.refused is None for each in channels], [True, True, False, False])

    def test_of_each_connection(self) -> None:
        """One connection's channels are none of another's, of the same user and address."""
        self.serve(max_channels=1)
        clients = [self.logged_in() for _ in range(3)]
        for client in clients:
            self.assertIsNone(client.open_channel().refused)
            self.assertIsNotNone(client.open_channel().refused)


@in_versions()
@bug_class(36)
class HandleTests(WireCase):
    """MaxHandles, of one session."""

    settings = {"max_handles": 3}

    def make_server(self, **settings: Any) -> Any:
        settings = {"protocol_version": self.version, **settings}
        self.slow = SlowFileSystem(MemoryFileSystem({"/file": b"0123456789"}), [])
        return memory_server(SFTPAvatar("user", files=self.slow), **settings)

    def open_all(self) -> None:
        """Open as many as may be, of both kinds."""
        for packet in (opening(b"/file"), opening(b"/file"), sftp(OPENDIR, 1, string(b"/"))):
            self.assertEqual(self.one(packet)[0], HANDLE)
        self.assert_status(self.one(opening(b"/file")), Status.FAILURE)

    def test_every_end(self) -> None:
        """However a session ends, everything that was open in it is closed, and the next may open as many."""
        ends: tuple[Callable[[Any], Any], ...] = (
            lambda session: session.channel.close(),
            lambda session: session.channel.eof(),
            lambda session: session.ask(bytes(4)),
            lambda session: session.memory.close(),
            lambda session: session.memory.cut(),
            lambda session: session.client.packet(Message.NEWKEYS),
        )
        for end in ends:
            self.open_all()
            end(self.session)
            if not self.session.channel.closed:
                self.session.client.pump()
            if self.session.channel.remote is not None and not self.session.client.pipe.closed:
                self.session.memory.cut()
            self.assertEqual(self.slow.gate.opened, self.slow.gate.closed)
            self.session = self.begin()

    def test_failures_do_not_count(self) -> None:
        """What could not be opened takes no place, nor what was closed, even if closing failed."""
        for _ in range(10):
            self.one(opening(b"/nowhere"))
            self.one(sftp(OPENDIR, 1, string(b"/nowhere")))
            self.close(self.open(b"/file", FOR_READING))
        self.slow.gate.names = {"file.close"}
        for _ in range(10):
            handle = self.open(b"/file", FOR_READING)
            self.session.ask(sftp(4, 1, string(handle)))
            self.slow.gate.fail(OSError(5, "broken"))
            self.assert_statuses(self.session.replies(), Status.FAILURE)
        self.slow.gate.names = set()
        self.open_all()

    def test_lost_while_opening(self) -> None:
        """A file that is open only when its session has gone is closed again."""
        self.slow.gate.names = {"open", "list"}
        self.slow.gate.early = True
        for packet in (opening(b"/file"), sftp(OPENDIR, 1, string(b"/"))):
            self.session.ask(packet)
            self.session.memory.cut()
            self.slow.gate.release_all()
            self.assertEqual(self.slow.gate.opened, self.slow.gate.closed)
            self.session = self.begin()

    def test_lost_while_writing(self) -> None:
        """So is one that was being written to, when the write is over."""
        handle = self.open(b"/file", 3)
        self.slow.gate.names = {"file.write"}
        self.session.ask(writing(handle, 0, b"x"), writing(handle, 1, b"y"))
        self.session.memory.cut()
        self.assertEqual(self.slow.gate.closed, 0)
        self.slow.gate.release_all()
        self.assertEqual(self.slow.gate.closed, 1)

    def test_of_each_session(self) -> None:
        """One session's handles are none of another's, on the same connection or not."""
        self.open_all()
        second = self.session.client.open_subsystem()
        second.send(bytes.fromhex("00000005 01 00000003") + opening(b"/file"))
        self.assertIn(bytes((HANDLE,)), second.take())
        self.session = self.begin()
        self.open_all()
