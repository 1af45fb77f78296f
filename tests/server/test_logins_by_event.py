"""
A server whose handlers decide who logs in, from the first byte of a connection on.
"""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.realm import SFTPRealm
from conchsftp.events import Disconnected, SSHUserAuthRequest, in_thread
from conchsftp.server.service import SFTPServer
from conchsftp.testing import MemoryClient, MemorySession, memory_server


def only_alice(event: SSHUserAuthRequest) -> None:
    """Let alice in with her password."""
    event.accept = (event.user, event.auth_param) == ("alice", "wonderland")


class ServerTests(SynchronousTestCase):
    """Without a users file, without checkers."""

    def server(self, **options: Any) -> Any:
        """Return a server that nobody can log in to, and that listens."""
        server = memory_server(one_time_user=None, **options)
        self.successResultOf(server.start_listening())
        self.addCleanup(server.stop_listening)
        return server

    def log_in(self, server: SFTPServer, user: str = "alice", password: str = "wonderland") -> MemorySession:
        """Open a session."""
        return MemorySession(server=server, user=user, password=password)

    def test_nobody(self) -> None:
        """Nobody listens: nobody gets in, with whatever password."""
        server = self.server()
        for password in ("wonderland", "password", ""):
            self.assertRaises(AssertionError, self.log_in, server, password=password)

    def test_handler(self) -> None:
        """A handler lets in whom it accepts."""
        server = self.server()
        server.on(SSHUserAuthRequest, only_alice)
        self.assertRaises(AssertionError, self.log_in, server, password="wonder")
        self.assertRaises(AssertionError, self.log_in, server, user="bob")
        session = self.log_in(server)
        session.put("/new", b"new")
        self.assertEqual(session.client.server.user_name, "alice")

    def test_removed(self) -> None:
        """A handler that is taken away again lets nobody in any more."""
        server = self.server()
        server.on(SSHUserAuthRequest, only_alice)
        self.log_in(server)
        server.events.off(SSHUserAuthRequest, only_alice)
        self.assertRaises(AssertionError, self.log_in, server)

    def test_thread(self) -> None:
        """It may run in a thread, while others are served."""
        server = self.server()
        server.on(SSHUserAuthRequest, in_thread(lambda event: only_alice(event)))
        server.factory.clock.threads.hold = True
        client = MemoryClient(server.factory)
        self.assertRaises(AssertionError, client.log_in, "alice", "wonderland")
        server.factory.clock.threads.finish()
        client.pump()
        client.take(52)

    def test_lost(self) -> None:
        """A client that goes while a handler waits leaves nothing behind; its handler is cancelled."""
        server = self.server()
        cancelled: list[object] = []
        told: list[object] = []
        server.on(SSHUserAuthRequest, lambda event: Deferred(cancelled.append))
        server.on(Disconnected, told.append)
        client = MemoryClient(server.factory)
        self.assertRaises(AssertionError, client.log_in, "alice", "wonderland")
        self.assertEqual(cancelled, [])
        client.pipe.cut()
        self.assertEqual((len(cancelled), len(told), len(server.factory.connections)), (1, 1, 0))
        self.assertEqual(server.factory.clock.getDelayedCalls(), [])

    def test_too_late(self) -> None:
        """A login that a handler accepts when its time is over makes no avatar."""
        made: list[Any] = []
        answer: Deferred[None] = Deferred()
        server = self.server(realm=SFTPRealm(made.append), login_grace_time=20, handler_time_limit=0)

        @server.on(SSHUserAuthRequest)
        async def later(event: SSHUserAuthRequest) -> None:
            await answer
            event.accept = True

        client = MemoryClient(server.factory)
        self.assertRaises(AssertionError, client.log_in, "alice", "wonderland")
        server.factory.clock.advance(20)
        answer.callback(None)
        self.assertEqual(made, [])
        server.factory.clock.advance(5)
        self.assertTrue(client.pipe.closed)

    def test_one_connection(self) -> None:
        """Two connections that log in at a time are judged each for itself."""
        server = self.server()
        waiting: dict[int, Deferred[None]] = {}

        async def handle(event: SSHUserAuthRequest) -> None:
            waiting[event.connection_id] = Deferred()
            await waiting[event.connection_id]
            only_alice(event)

        server.on(SSHUserAuthRequest, handle)
        clients = [MemoryClient(server.factory) for _ in range(2)]
        for client, user in zip(clients, ("bob", "alice"), strict=True):
            self.assertRaises(AssertionError, client.log_in, user, "wonderland")
        for connection in sorted(waiting):
            waiting[connection].callback(None)
        server.factory.clock.advance(5)
        for client, answer in zip(clients, (51, 52), strict=True):
            client.pump()
            client.take(answer)
