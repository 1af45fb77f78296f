"""
What an application does to its server: the documented methods, and what is told of connections.
"""

import subprocess
import sys
from typing import Any

from twisted.internet.error import ConnectionLost

from conchsftp.errors import ServerError
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp import requests
from conchsftp.testing import MemoryClient
from tests.session.versions import in_versions
from tests.session.versions_case import SpokenCase
from tests.ssh.case import opening


class ControlCase(SpokenCase):
    """A server with one client."""

    def setUp(self) -> None:
        self.avatar = SFTPAvatar("user", files=MemoryFileSystem({"/f": b"0123456789"}))
        self.server = self.make_server(self.avatar)
        self.clock: Any = self.server.factory.clock
        self.session = self.log_in(server=self.server)
        self.number = self.session.client.server.connection_id

    def assert_code(self, code: int, call: Any, *args: Any) -> None:
        """Check the number of the error that a call raises."""
        self.assertEqual(self.assertRaises(ServerError, call, *args).code, code)


@in_versions()
class ConnectionTests(ControlCase):
    """Methods about one connection."""

    def test_disconnect(self) -> None:
        """The client is told, and its files are closed."""
        self.session.request(opening(b"/f"))
        gone = self.server.disconnect(self.number)
        self.session.client.pump()
        self.assertIsNotNone(self.session.client.disconnected)
        self.successResultOf(gone)
        self.assertEqual(self.server.config("SFTPConnectionCount"), "0")

    def test_unknown(self) -> None:
        """A connection that there is not is error 126."""
        for method in (self.server.disconnect, self.server.exchange_keys, self.server.connection):
            self.assert_code(126, method, 99)
        self.assert_code(126, self.server.config, "SFTPConnectionRemoteHost[99]")

    def test_exchange_keys(self) -> None:
        """New keys are in use in both directions when the Deferred fires, and the session goes on."""
        transport = self.session.client.server
        before = transport.receiver._cipher, transport.sender._cipher
        renewed = self.server.exchange_keys(self.number)
        self.session.client.pump()
        self.successResultOf(renewed)
        self.assertIsNot(transport.receiver._cipher, before[0])
        self.assertIsNot(transport.sender._cipher, before[1])
        self.assertEqual(self.session.get("/f"), b"0123456789")

    def test_exchange_that_goes_on(self) -> None:
        """Who asks during an exchange waits for that one."""
        self.session.client.automatic = False
        first, second = self.server.exchange_keys(self.number), self.server.exchange_keys(self.number)
        self.assertNoResult(first)
        client = self.session.client
        client.pump()
        client.automatic = True
        client._kexinit(b"\x14" + client.take(20))
        client.pump()
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(client.numbers.count(20), 2)

    def test_exchange_cut_off(self) -> None:
        """It fails if the connection ends before."""
        self.session.client.automatic = False
        renewed = self.server.exchange_keys(self.number)
        self.session.cut()
        self.failureResultOf(renewed, ConnectionLost)

    def test_exchange_after_the_end(self) -> None:
        """It fails, and nothing is sent, where the server has ended the connection and the client has not left yet."""
        self.session.client.automatic = False
        gone = self.server.disconnect(self.number)
        self.failureResultOf(self.server.exchange_keys(self.number), ConnectionLost)
        self.session.client.pump()
        self.assertEqual(self.session.client.numbers[-1], 1)
        self.successResultOf(gone)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_values_of_the_lost(self) -> None:
        """A connection that is gone has no settings any more: 126, not only once its memory is collected."""
        server = self.session.client.server
        self.session.cut()
        for statement in ("UserAuthBanner", "UserAuthBanner=", "SFTPConnectionTimeout", "SetStatPolicy"):
            name, equals, _ = statement.partition("=")
            self.assert_code(126, self.server.config, f"{name}[{self.number}]{equals}{'x' if equals else ''}")
        self.assertEqual(server.settings.user_auth_banner, "")

    def test_exchange_before_login(self) -> None:
        """Before the login there is nothing to renew."""
        client = MemoryClient(self.server.factory)
        client.connect()
        self.assert_code(0, self.server.exchange_keys, client.server.connection_id)

    def test_facts(self) -> None:
        """What is known of a connection is told as a record and by the documented names."""
        facts = self.server.connection(self.number)
        peer = self.session.client.pipe.getPeer()
        self.assertEqual((facts.connection_id, facts.user, facts.remote_host), (self.number, "user", peer.host))
        told = {
            name: self.server.config(f"{name}[{self.number}]")
            for name in (
                "SFTPConnectionConnected",
                "SFTPConnectionLocalAddress",
                "SFTPConnectionProtocolVersion",
                "SFTPConnectionRemoteHost",
                "SFTPConnectionRemotePort",
                "ClientSSHVersionString",
                "NegotiatedStrictKex",
                "ConnectionUID",
            )
        }
        here = self.session.client.pipe.getHost().host
        client, version = self.session.client.version.decode(), str(self.version)
        wanted = ["True", here, version, peer.host, str(peer.port), client, str(facts.strict), str(self.number)]
        self.assertEqual(list(told.values()), wanted)
        self.assertEqual(self.server.config("SFTPConnectionCount"), "1")

    def test_facts_of_nobody(self) -> None:
        """Whether there is a connection can be asked of any number."""
        self.assertEqual(self.server.config("SFTPConnectionConnected[99]"), "False")
        self.assertEqual(self.server.config("ConnectionUID[99]"), "0")

    def test_facts_before_the_greeting(self) -> None:
        """What is not known yet is empty."""
        client = MemoryClient(self.server.factory)
        facts = self.server.connection(client.server.connection_id)
        self.assertEqual((facts.user, facts.client_version, facts.protocol_version), ("", "", 0))


class TimeoutTests(ControlCase):
    """SFTPConnectionTimeout: how long a connection may be idle."""

    def left(self, seconds: float, number: int | None = None) -> bool:
        """Let time pass; return whether there is still a connection."""
        self.session.advance(seconds)
        return self.server.sftp_connection_connected[number or self.number]

    def test_begins_as_default(self) -> None:
        """It is what DefaultTimeout was when the connection came."""
        self.assertEqual(self.server.sftp_connection_timeout[self.number], 0)
        self.server.default_timeout = 60
        session = self.log_in(server=self.server)
        number = session.client.server.connection_id
        self.server.default_timeout = 5
        self.assertEqual(self.server.config(f"SFTPConnectionTimeout[{number}]"), "60")
        self.assertEqual(self.server.sftp_connection_timeout[self.number], 0)
        self.assertTrue(self.left(59, number))
        session.advance(2)
        self.assertFalse(self.server.sftp_connection_connected[number])
        self.assertTrue(self.left(3600))

    def test_changed(self) -> None:
        """A change holds at once, for this connection."""
        self.server.sftp_connection_timeout[self.number] = 10
        self.assertEqual(self.server.sftp_connection_timeout[self.number], 10)
        self.assertTrue(self.left(9))
        self.server.config(f"SFTPConnectionTimeout[{self.number}]=0")
        self.assertTrue(self.left(3600))
        self.server.sftp_connection_timeout[self.number] = 20
        self.assertTrue(self.left(19))
        self.session.request(opening(b"/f"))
        self.assertTrue(self.left(19))
        self.assertFalse(self.left(2))
        self.assert_code(126, self.server.config, f"SFTPConnectionTimeout[{self.number}]=5")

    def test_before_login(self) -> None:
        """What is set before the login holds after it: other limits are for the login."""
        client = MemoryClient(self.server.factory)
        number = client.server.connection_id
        self.server.sftp_connection_timeout[number] = 10
        self.assertTrue(self.left(30, number))

    def test_of_nobody(self) -> None:
        """It belongs to a connection."""
        self.assert_code(0, self.server.config, "SFTPConnectionTimeout=5")
        self.assert_code(0, self.server.config, "SFTPConnectionTimeout")
        self.assert_code(0, self.server.config, f"SFTPConnectionTimeout[{self.number}]=-1")


class ServerTests(ControlCase):
    """Methods about the server."""

    def test_config(self) -> None:
        """A setting is read and set in the documented way."""
        self.server.config("ReadOnly=yes")
        self.assertEqual((self.server.config("readonly"), self.server.settings.read_only), ("True", True))
        self.assert_code(0, self.server.config, "RedOnly=yes")

    def test_reset(self) -> None:
        """Defaults hold again; not while the server listens."""
        self.server.config("ReadOnly=yes")
        self.successResultOf(self.server.start_listening())
        self.assert_code(0, self.server.reset)
        self.successResultOf(self.server.stop_listening())
        self.server.reset()
        self.assertEqual(self.server.config("ReadOnly"), "False")

    def test_drain_idle(self) -> None:
        """A session that has nothing open ends at once, and then all is over."""
        drained = self.server.drain(60)
        self.session.client.pump()
        self.clock.advance(0.2)
        self.successResultOf(drained)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_drain_waits(self) -> None:
        """A session goes on until its files are closed; nobody new comes."""
        self.successResultOf(self.server.start_listening())
        handle = self.session.request(opening(b"/f")).handle
        drained = self.server.drain(60)
        self.assertFalse(self.server.listening)
        for _ in range(20):
            self.session.advance(1)
            reply = self.session.request(requests.Read(handle=handle, offset=0, length=4))
            self.assertEqual(bytes(reply.data), b"0123")
        self.session.request(requests.Close(handle=handle))
        self.session.advance(0.2)
        self.assertIsNotNone(self.session.client.disconnected)
        self.session.advance(0.2)
        self.successResultOf(drained)

    def test_drain_is_limited(self) -> None:
        """Who is not done when the time is up is ended all the same."""
        self.session.request(opening(b"/f"))
        drained = self.server.drain(60)
        for _ in range(610):
            self.clock.advance(0.1)
        self.session.client.pump()
        self.successResultOf(drained)
        self.assertIsNotNone(self.session.client.disconnected)

    def test_do_events(self) -> None:
        """Where the reactor does not run it is run for a moment; where it runs, nothing is done."""
        iterated: list[float] = []
        self.clock.iterate = iterated.append
        self.clock.running = False
        self.clock.threads.started = True
        self.server.config("SelectWaitMillis=30")
        self.successResultOf(self.server.do_events())
        self.clock.running = True
        self.successResultOf(self.server.do_events())
        self.assertEqual(iterated, [0.03])

    def test_do_events_has_threads(self) -> None:
        """Files are read in the reactor's threads, which only its `run` starts; and the program ends without it."""
        program = """
import conchsftp
from twisted.internet import reactor
server, done = conchsftp.SFTPServer(), []
server.workers.run(len, b"1234").addCallback(done.append)
end = reactor.seconds() + 20
while not done and reactor.seconds() < end:
    server.do_events()
print(done)
"""
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
        self.assertEqual(ran.stdout.strip(), b"[4]", ran.stderr)

    def test_build(self) -> None:
        """The versions of everything are told."""
        text = self.server.config("BuildInfo")
        for name in ("conchsftp ", "Twisted ", "cryptography ", "Python 3"):
            self.assertIn(name, text)

    def test_what_is_of_another_system(self) -> None:
        """What only another system or product has can be left as it is, and not be set to anything else."""
        for name in ("UseIOCP", "UseWindowsMessages", "UseFIPSCompliantAPI", "UseInternalSecurityAPI"):
            self.server.config(f"{name}=False")
            self.assert_code(0, self.server.config, f"{name}=True")
