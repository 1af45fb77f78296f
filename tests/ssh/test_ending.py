"""
How a connection ends: with one last message of ours, with one of the peer's, because time is up, or by loss.
"""

import gc
import weakref
from collections.abc import Callable
from struct import pack
from typing import Any

from twisted.internet.defer import Deferred

from conchsftp.auth.realm import SFTPRealm
from conchsftp.events import FileClose, FileRemove
from conchsftp.sftp import requests
from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.packets.staging import StagingPool
from conchsftp.ssh.phases import Stage
from conchsftp.testing import MemoryClient, memory_server
from tests.ssh.case import Avatar, ConnectionCase, opening
from tests.ssh.ordinary import OrdinaryClient

PING = b"\0\0\0\4ping"
GOODBYE = pack(">I", 11) + b"\0\0\0\3bye" + b"\0\0\0\0"


class DisconnectTests(ConnectionCase):
    """Our last message, and the peer's."""

    def test_nothing_after(self) -> None:
        """After DISCONNECT nothing is sent, and nothing that the peer has sent meanwhile is looked at."""
        client = self.logged_in()
        client.lay(192, PING)
        client.lay(21)
        client.lay(192, PING)
        client.lay(90, b"\0\0\0\7session" + bytes(12))
        client.lay(21)
        client.pump()
        self.assertEqual(client.numbers[-2:], [193, 1])
        self.assert_ended(client, text="message 21")

    def test_later(self) -> None:
        """Nor is anything looked at that arrives later, by whichever way."""
        client = self.logged_in()
        client.server.loseConnection()
        client.lay(192, PING)
        client.flush()
        client.server.dataReceived(bytes(client.pipe._to_server))
        client.pump()
        self.assert_ended(client, Reason.BY_APPLICATION)

    def test_twice(self) -> None:
        """The reason that is told is the first."""
        client = self.logged_in()
        client.server.sendDisconnect(Reason.HOST_NOT_ALLOWED, b"first")
        client.server.sendDisconnect(Reason.BY_APPLICATION, b"second")
        client.server.sendPacket(2, b"\0\0\0\0")
        client.pump()
        self.assert_ended(client, Reason.HOST_NOT_ALLOWED, "first")

    def test_every_stage(self) -> None:
        """An application may end a connection in every stage; before the client's version it ends without a word."""
        for stage in Stage:
            client = self.at(stage)
            client.server.loseConnection()
            client.pump()
            if stage is Stage.VERSION:
                self.assertEqual(client.numbers, [])
                self.assert_gone(client)
            else:
                self.assert_ended(client, Reason.BY_APPLICATION, "closed by the server")

    def test_by_peer(self) -> None:
        """A peer that says goodbye is not answered, in whichever stage."""
        for stage in set(Stage) - {Stage.VERSION}:
            client = self.at(stage)
            client.lay_now(1, GOODBYE)
            client.lay_now(2, b"")
            before = len(client.numbers)
            client.pump()
            self.assertEqual(len(client.numbers), before, stage)
            self.assert_gone(client)

    def test_short_goodbye(self) -> None:
        """A goodbye that is cut short is a violation, and the end all the same; nobody needs its language."""
        needed = len(GOODBYE) - 4
        for size in range(needed):
            client = self.logged_in()
            client.packet(1, GOODBYE[:size])
            self.assert_ended(client)
        client = self.logged_in()
        client.packet(1, GOODBYE[:needed])
        self.assertIsNone(client.disconnected)
        self.assert_gone(client)

    def test_our_mistake(self) -> None:
        """An exception on our side is logged once, and told without its name."""
        client = self.logged_in()

        def fail(number: int, payload: memoryview) -> None:
            raise KeyError("secret")

        client.server.service.packetReceived = fail
        client.packet(98)
        self.assert_ended(client, Reason.BY_APPLICATION, "internal error")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_slow_peer(self) -> None:
        """What was sent before reaches a slow peer before the goodbye does."""
        client = self.logged_in(room=1000)
        for _ in range(20):
            client.lay(192, b"\0\0\0\xc8" + bytes(200))
        client.lay(21)
        client.flush()
        client.pipe.deliver()
        self.assertEqual((client.pipe.closing, client.pipe.closed), (True, False))
        client.pump()
        self.assertEqual(client.numbers[-21:], [193] * 20 + [1])
        self.assert_ended(client)

    def test_deaf_peer(self) -> None:
        """A peer that fetches nothing is cut off after five seconds."""
        client = self.logged_in(room=100)
        client.server.sendDisconnect(Reason.BY_APPLICATION, b"x" * 1000)
        self.clock.advance(4.9)
        self.assertFalse(client.pipe.closed)
        self.clock.advance(0.1)
        self.assert_gone(client)


class OrdinaryTests(ConnectionCase):
    """Transports that are not ours."""

    def ordinary(self, **options: Any) -> OrdinaryClient:
        """Return a client over one, logged in."""
        self.serve()
        client = OrdinaryClient(self.factory, **options)
        client.log_in()
        return client

    def test_conversation(self) -> None:
        """Everything works over them."""
        client = self.ordinary(chunk=7)
        client.packet(192, PING)
        self.assertEqual(client.take(193), PING)
        client.rekey()
        self.assert_alive(client)

    def test_end(self) -> None:
        """Such a transport closes only when its producer is gone (TLS waits for that)."""
        client = self.ordinary()
        client.server.loseConnection()
        self.assertIsNone(client.pipe.producer)
        client.pump()
        self.assert_ended(client, Reason.BY_APPLICATION)

    def test_end_while_full(self) -> None:
        """Also when it had taken all that it wanted."""
        client = self.ordinary(room=1000)
        for _ in range(400):
            client.lay(192, b"\0\0\0\xc8" + bytes(200))
        client.lay(21)
        client.flush()
        while client.pipe.deliver():
            pass
        self.assertFalse(client.pipe.closed)
        client.pump()
        self.assert_ended(client)


class TimeTests(ConnectionCase):
    """How long a peer may take. The limits themselves are tested in test_timers."""

    def wait(self, client: MemoryClient, seconds: float, step: float = 1.0, say: bool = False) -> None:
        """Let time pass; `say` has the client send something at every step."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end - 1e-6:
            self.clock.advance(min(step, end - self.clock.seconds()))
            if say:
                client.lay_now(2, b"")
            client.pump()

    def test_login(self) -> None:
        """A login takes at most LoginGraceTime, in whichever stage it is stuck, and however much is said meanwhile."""
        self.serve(login_grace_time=20)
        for stage in (Stage.FIRST_KEXINIT, Stage.FIRST_KEX, Stage.SERVICE, Stage.AUTH, Stage.REKEY_AUTH):
            client = self.at(stage, strict=False)
            self.wait(client, 19, say=True)
            self.assertFalse(client.pipe.closing, stage)
            self.wait(client, 1)
            self.assert_ended(client, Reason.BY_APPLICATION, "no login within 20 seconds")

    def test_login_too_late(self) -> None:
        """A login that is granted when its time is over revives nothing: a deaf peer is cut off, the avatar leaves."""
        avatar: Deferred[Any] = Deferred()
        self.server = memory_server(realm=SFTPRealm(lambda user: avatar), login_grace_time=20, default_timeout=60)
        self.factory, self.clock = self.server.factory, self.server.factory.clock
        steps: list[str] = []
        self.server.on("SSHStatus", lambda event: steps.append(event.message))
        client = self.at(Stage.AUTH)
        client.authenticate("user", "password", b"\0\0\0\0\x08password")
        self.clock.advance(20)
        avatar.callback(self.avatar)
        self.assertIs(client.server.stage, Stage.AUTH)
        self.assertEqual(steps[-1], "disconnecting: no login within 20 seconds")
        self.clock.advance(5)
        self.assert_gone(client)
        self.assertEqual(self.avatar.logouts, 1)

    def test_no_identification(self) -> None:
        """Who does not even identify itself is cut off without a word."""
        client = self.client()
        self.wait(client, 120)
        self.assert_gone(client)
        self.assertEqual(client.numbers, [])

    def test_silence_before_login(self) -> None:
        """DefaultConnectionTimeout limits the silence of who has not logged in."""
        self.serve(default_connection_timeout=5)
        client = self.at(Stage.AUTH)
        self.wait(client, 30, step=4, say=True)
        self.assertFalse(client.pipe.closing)
        self.wait(client, 5)
        self.assert_ended(client, Reason.BY_APPLICATION, "silent for 5 seconds")

    def test_silence(self) -> None:
        """DefaultTimeout limits the silence of a session."""
        self.serve(default_timeout=10)
        client = self.logged_in()
        self.wait(client, 60, step=9, say=True)
        self.assertFalse(client.pipe.closing)
        self.wait(client, 10)
        self.assert_ended(client, Reason.BY_APPLICATION, "silent for 10 seconds")

    def test_waits_for_us(self) -> None:
        """A client that waits for an answer of ours is not idle, however long that takes; then its time begins."""
        self.serve(default_timeout=60)
        session = self.session()
        work: Deferred[None] = Deferred()
        self.server.on(FileRemove, lambda event: work if event.before_exec else None)
        self.server.settings.handler_time_limit = 0
        asked = session.ask(requests.Remove(path=b"/f"))
        self.wait(session.client, 1000)
        self.assertNoResult(asked)
        work.callback(None)
        session.read()
        self.successResultOf(asked)
        self.wait(session.client, 59)
        self.assertFalse(session.client.pipe.closing)
        self.wait(session.client, 60)
        self.assert_ended(session.client, Reason.BY_APPLICATION, "silent")

    def test_keep_alive(self) -> None:
        """A silent client is asked whether it is there; any answer will do."""
        self.serve(ssh_keep_alive_interval=10, ssh_keep_alive_count_max=3, default_timeout=0)
        client = self.logged_in()
        for _ in range(20):
            self.wait(client, 10)
            self.assertEqual(client.take(80), b"\0\0\0\x15keepalive@openssh.com\x01")
            client.packet(82)
        self.assert_alive(client)

    def test_keep_alive_unanswered(self) -> None:
        """A client that leaves so many questions unanswered is gone."""
        self.serve(ssh_keep_alive_interval=10, ssh_keep_alive_count_max=3, default_timeout=0)
        client = self.logged_in()
        self.wait(client, 39)
        self.assertEqual(client.numbers[-3:], [80, 80, 80])
        self.assertFalse(client.pipe.closing)
        self.wait(client, 1)
        self.assert_ended(client, Reason.BY_APPLICATION, "3 keep-alive messages unanswered")


class CountingPool(StagingPool):
    """Counts the buffers that are out."""

    def __init__(self) -> None:
        super().__init__()
        self.out = 0

    def take(self) -> memoryview:
        self.out += 1
        return super().take()

    def give_back(self, view: memoryview) -> None:
        self.out -= 1
        super().give_back(view)


class LossTests(ConnectionCase):
    """A connection that is lost in the middle of anything."""

    def setUp(self) -> None:
        super().setUp()
        self.serve()
        self.pool = self.factory.staging = CountingPool()

    def assert_over(self, client: MemoryClient) -> None:
        """Fail unless the loss leaves nothing behind and is told to whom it concerns."""
        told: list[None] = []
        client.server.gone().addCallback(told.append)
        client.pipe.cut()
        self.assertEqual(told, [None])
        self.assertIsNone(client.server.service)
        self.assert_gone(client)
        self.assertEqual(self.pool.out, 0)

    def test_every_stage(self) -> None:
        """In every stage."""
        for stage in Stage:
            logouts = self.avatar.logouts
            self.assert_over(self.at(stage))
            expected = stage in (Stage.CONNECTED, Stage.REKEY)
            self.assertEqual(self.avatar.logouts - logouts, expected, stage)

    def test_files_at_once(self) -> None:
        """The files of a user, which hold a descriptor, are let go with the connection, not by the collector."""
        self.server = memory_server(realm=SFTPRealm(lambda user: Avatar(user)))
        self.factory, self.clock = self.server.factory, self.server.factory.clock
        client = self.logged_in()
        files = weakref.ref(client.server.avatar.files)
        gc.disable()
        self.addCleanup(gc.enable)
        client.pipe.cut()
        self.assertIsNone(files())

    def test_mid_packet(self) -> None:
        """In the middle of a packet."""
        client = self.logged_in()
        client.lay(192, PING)
        sealed = client.sender.unsent()
        client.pipe.bring(sealed[:-5])
        client.sender.sent(sealed.nbytes)
        client.pump()
        self.assert_over(client)
        self.assertEqual(self.avatar.logouts, 1)

    def test_mid_line(self) -> None:
        """In the middle of the identification line."""
        client = self.client()
        client.raw(b"SSH-2.0-x")
        self.assert_over(client)

    def test_much_unsent(self) -> None:
        """With much that the peer has not taken."""
        client = self.logged_in(room=100)
        for _ in range(2000):
            client.lay(192, b"\0\0\0\xc8" + bytes(200))
        client.flush()
        while client.pipe.deliver():
            pass
        self.assertGreater(client.server.sender.waiting, 100_000)
        self.assert_over(client)

    def test_services_stop_once(self) -> None:
        """A service is stopped once, and so is what runs on its channels; what is open is closed."""
        session = self.session()
        closed: list[str] = []
        self.server.on(FileClose, lambda event: closed.append(event.path))
        session.request(opening(b"/f"))
        service = session.client.server.service
        stops: list[None] = []
        stop: Callable[[], None] = service.serviceStopped
        service.serviceStopped = lambda: (stops.append(None), stop())
        session.client.server.loseConnection()
        session.client.pump()
        session.cut()
        self.assertEqual((len(stops), closed, self.avatar.logouts), (1, ["/f"], 1))
        self.assert_gone(session.client)

    def test_service_fails(self) -> None:
        """A service that fails when it is stopped keeps nobody from being logged out, nor anything from being freed."""
        client = self.logged_in()
        client.server.service.serviceStopped = lambda: 1 // 0
        self.assert_over(client)
        self.assertEqual(self.avatar.logouts, 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_subsystem_fails(self) -> None:
        """Nor does a subsystem that fails: the others learn of the end as well."""
        first, second = self.session(), self.session()
        lost: list[Any] = []
        client = first.client
        other = client.open_subsystem()
        broken, fine = client.server.service.channels.values()
        broken._subsystem.connectionLost = lambda reason: (broken.write(b"too late"), 1 // 0)
        fine._subsystem.connectionLost = lost.append
        self.assertEqual((other.remote, second.channel.remote), (1, 0))
        client.pipe.cut()
        broken.write(b"much too late")
        self.assertEqual((len(lost), self.avatar.logouts, self.pool.out), (1, 1, 0))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
