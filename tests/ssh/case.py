"""
What the tests of connections share: a server in memory and clients at any point of a connection.
"""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition, OpenFlag
from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.phases import Stage
from conchsftp.testing import MemoryClient, MemorySession, memory_server


class Avatar(SFTPAvatar):
    """A user with a file system in memory; counts logouts."""

    def __init__(self, user_name: str = "user", **options: Any) -> None:
        super().__init__(user_name, files=MemoryFileSystem({"/f": b"0123456789"}), **options)
        self.logouts = 0

    def logged_out(self) -> None:
        self.logouts += 1


class ConnectionCase(SynchronousTestCase):
    """A server, made with the first client."""

    server: Any = None

    def setUp(self) -> None:
        self.avatar = Avatar()

    def serve(self, **settings: Any) -> Any:
        """Make the server; all of its clients come from one address, and few of them log in."""
        self.server = memory_server(self.avatar, **{"per_source_penalties": False, **settings})
        self.factory = self.server.factory
        self.clock = self.factory.clock
        return self.server

    def client(self, **options: Any) -> MemoryClient:
        """Return a client whose connection is accepted and which has said nothing yet."""
        if self.server is None:
            self.serve()
        return MemoryClient(self.factory, **options)

    def logged_in(self, **options: Any) -> MemoryClient:
        """Return a client that has logged in."""
        client = self.client(**options)
        client.log_in()
        return client

    def session(self, **options: Any) -> MemorySession:
        """Return an SFTP session."""
        if self.server is None:
            self.serve()
        return MemorySession(server=self.server, **options)

    def at(self, stage: Stage, **options: Any) -> MemoryClient:
        """Return a client whose server stands in a stage; in a key exchange, both KEXINITs are out and nothing else."""
        client = self.client(**options)
        _STEPS[stage](client)
        self.assertIs(client.server.stage, stage)
        return client

    def assert_ended(self, client: MemoryClient, reason: int = Reason.PROTOCOL_ERROR, text: str = "") -> None:
        """Fail unless the server has said why it ends the connection, once and last, and has closed it."""
        self.assertEqual(client.numbers.count(1), 1, client.numbers)
        self.assertEqual(client.numbers[-1], 1)
        assert client.disconnected is not None
        self.assertEqual(client.disconnected[0], reason, client.disconnected)
        self.assertIn(text, client.disconnected[1])
        self.assert_gone(client)

    def assert_gone(self, client: MemoryClient) -> None:
        """Fail unless the connection is over and has left nothing behind."""
        self.assertTrue(client.pipe.closed)
        self.assertIsNone(self.factory.connections.get(client.server.connection_id))
        self.assertEqual(client.server.sender.waiting, 0)
        self.assertIsNot(self.factory.receive_buffer.owner, client.server.receiver)
        if not len(self.factory.connections):
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def assert_alive(self, client: MemoryClient) -> None:
        """Fail unless the server still answers."""
        self.assertIsNone(client.disconnected)
        self.assertFalse(client.pipe.closing)
        client.packet_now(255)
        client.take(3)


def opening(path: bytes, access: Access = Access.READ_DATA, how: Disposition = Disposition.OPEN_EXISTING) -> Any:
    """Return a request that opens a file."""
    return requests.Open(path=path, access=access, flags=OpenFlag(how), attributes=Attributes())


class RekeyingCase(ConnectionCase):
    """Later key exchanges, and stops on their way."""

    def start(self, client: MemoryClient) -> None:
        """Have the server start an exchange, to which the client does not react."""
        client.automatic = False
        client.server.keying.start()
        client.pump()
        self.assertEqual(client.numbers[-1], 20)

    def waiting(self, **options: Any) -> MemoryClient:
        """Return a client that has logged in and has not answered our KEXINIT."""
        client = self.logged_in(**options)
        self.start(client)
        return client

    def go_on(self, client: MemoryClient) -> None:
        """Let the client do its part."""
        client.automatic = True
        client._kexinit(b"\x14" + client.take(20))
        client.pump()

    def stop_at(self, client: MemoryClient, stop: int) -> None:
        """Keep on the way to the server whatever the client sends from its message of this number on."""
        lay = client.lay_now

        def lay_and_stop(number: int, payload: bytes = b"") -> None:
            if number == stop:
                client.flush()
                client.pipe.deliver()
                client.pipe.reading = False
            lay(number, payload)

        client.lay_now = lay_and_stop  # type: ignore[method-assign]

    def deliver(self, client: MemoryClient) -> None:
        """Let it arrive."""
        del client.lay_now
        client.pipe.reading = True
        client.pump()


def kexinits(client: MemoryClient) -> int:
    """Return how many exchanges the server has begun or answered."""
    return client.numbers.count(20)


def _say_version(client: MemoryClient) -> None:
    client.automatic = False
    client.raw(client.version + b"\r\n")


def _begin(client: MemoryClient) -> None:
    client.automatic = False
    client.send_kexinit()
    client.pump()


def _first_kex(client: MemoryClient) -> None:
    _say_version(client)
    _begin(client)


def _ask(client: MemoryClient) -> None:
    client.connect()
    client.ask_for_login()


def _rekey_auth(client: MemoryClient) -> None:
    _ask(client)
    _begin(client)


def _rekey(client: MemoryClient) -> None:
    client.log_in()
    _begin(client)


_STEPS = {
    Stage.VERSION: lambda client: None,
    Stage.FIRST_KEXINIT: _say_version,
    Stage.FIRST_KEX: _first_kex,
    Stage.SERVICE: MemoryClient.connect,
    Stage.AUTH: _ask,
    Stage.CONNECTED: MemoryClient.log_in,
    Stage.REKEY_AUTH: _rekey_auth,
    Stage.REKEY: _rekey,
}
