"""
The log of a server: which lines there are at each level, whom they name, and the events Log, SSHStatus and Error.
"""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import formatEvent, globalLogPublisher

from conchsftp.errors import ErrorCode, ServerError, SFTPError
from conchsftp.events import Connected, Disconnected, Error, FileRemove, Log, SSHStatus
from conchsftp.sftp.requests import Remove
from conchsftp.ssh.keys.host_keys import HostKeys
from conchsftp.ssh.numbers import Message, Reason
from conchsftp.testing import MemoryClient
from conchsftp.wire.kinds import BOOL, BYTES, U32
from tests.ssh.case import ConnectionCase


class LogCase(ConnectionCase):
    """A server whose lines are collected."""

    def setUp(self) -> None:
        super().setUp()
        self.lines: list[str] = []
        self.told: list[Any] = []
        globalLogPublisher.addObserver(self.note)
        self.addCleanup(globalLogPublisher.removeObserver, self.note)

    def note(self, event: Any) -> None:
        self.lines.append(formatEvent(event))

    def listen(self, *events: Any, **settings: Any) -> None:
        """Make a server and collect what it fires."""
        self.serve(**settings)
        for event in events:
            self.server.on(event, self.told.append)

    def refused(self, client: MemoryClient) -> None:
        """Log in with a wrong password."""
        client.authenticate("alice", "password", BOOL.pack(False) + BYTES.pack(b"wrong"))
        self.clock.advance(3.0)
        client.pump()


class LineTests(LogCase):
    """What a line looks like, and which ones there are."""

    def test_info(self) -> None:
        """By default: who connects, logs in, is refused and leaves; each line names the connection and the user."""
        client = self.client()
        client.connect()
        client.ask_for_login()
        self.refused(client)
        client.authenticate("user", "password", BOOL.pack(False) + BYTES.pack(b"password"))
        client.disconnect()
        self.assertEqual(
            self.lines,
            [
                "[1 198.51.100.7] SSH-2.0-conchsftp_memory connects",
                "[1 198.51.100.7] 'password' refused for 'alice': wrong user name or password",
                "[1 198.51.100.7] 'user' logged in by password, with 'SSH-2.0-conchsftp_memory'",
                "[1 user@198.51.100.7] disconnected, reason 11: ''",
            ],
        )

    def test_none(self) -> None:
        """LogLevel 0: nothing, unless the server itself is broken."""
        self.listen(Log, log_level=0)
        client = self.logged_in()
        client.packet_now(Message.CHANNEL_CLOSE, U32.pack(77))
        self.assert_ended(client)
        self.assertEqual((self.lines, self.told), ([], []))

    def test_nothing_of_conch(self) -> None:
        """What Conch's classes write is for LogLevel 3, and names the connection as well."""
        self.serve()
        self.logged_in()
        self.assertFalse([line for line in self.lines if "starting service" in line])
        self.server.config("LogLevel=3")
        self.logged_in()
        self.assertEqual(
            [line for line in self.lines if "starting service" in line],
            [
                f"[2 {who}198.51.100.7] starting service b'{name}'"
                for who, name in (("", "ssh-userauth"), ("user@", "ssh-connection"))
            ],
        )

    def test_one_violation_one_line(self) -> None:
        """What a client does against the protocol is told once."""
        client = self.logged_in()
        del self.lines[:]
        client.packet_now(Message.CHANNEL_CLOSE, U32.pack(77))
        self.assertEqual(self.lines, ["[1 user@198.51.100.7] disconnecting: no channel 77"])

    def test_nobody_breaks_a_line(self) -> None:
        """What a client calls itself cannot end a line or write backwards."""
        self.serve()
        client = self.client(version="SSH-2.0-a\u202e\x1b[2K".encode())
        client.connect()
        self.assertTrue(all(line.isprintable() for line in self.lines), self.lines)

    def test_raised_while_connected(self) -> None:
        """LogLevel counts for the connections that there are, and back."""
        session = self.session()
        del self.lines[:]
        self.server.config("LogLevel=3")
        session.listing("/")
        self.assertTrue([line for line in self.lines if "CHANNEL_DATA" in line])
        self.server.config("LogLevel=1")
        del self.lines[:]
        session.listing("/")
        self.assertEqual(self.lines, [])


class LogEventTests(LogCase):
    """The event Log."""

    def test_lines(self) -> None:
        """It has the lines of Twisted's log, with the connection and the level."""
        self.listen(Log)
        self.logged_in()
        self.assertEqual([event.message for event in self.told], self.lines)
        self.assertEqual({(event.connection_id, event.log_level) for event in self.told}, {(1, 1)})

    def test_levels(self) -> None:
        """A line is fired from its level on."""
        for level in (0, 1, 2, 3):
            self.told.clear()
            self.listen(Log, log_level=level)
            self.session().listing("/")
            self.assertEqual({event.log_level for event in self.told}, set(range(1, level + 1)))

    def test_own_lines(self) -> None:
        """A handler whose work is logged, or that fails, is not called for that."""
        self.listen(Log)

        @self.server.on(Log)
        def broken(event: Log) -> None:
            self.server.factory.log.own.info("a line of the handler")
            raise ZeroDivisionError

        client = self.client()
        client.connect()
        self.assertEqual(len(self.told), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_waiting(self) -> None:
        """Nobody waits for a handler, also if it fails later."""
        answers: list[Deferred[None]] = []
        self.serve()

        @self.server.on(Log)
        def later(event: Log) -> Any:
            answers.append(Deferred())
            return answers[-1]

        self.logged_in()
        count = len(answers)
        for answer in answers[:count]:
            answer.errback(ZeroDivisionError())
        self.assertEqual(len(answers), count)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), count)


class ErrorTests(LogCase):
    """The event Error: which problems make one, and with which number."""

    def only(self) -> tuple[int, int, str]:
        (error,) = self.told
        return error.connection_id, error.error_code, error.description

    def test_nothing(self) -> None:
        """Nothing that is a client's right, a refusal or an ordinary answer makes one."""
        self.listen(Error)
        session = self.session()
        self.assertRaises(SFTPError, session.get, "/missing")
        session.close()
        client = self.client()
        client.connect()
        client.ask_for_login()
        self.refused(client)
        client.pipe.cut()
        self.assertEqual(self.told, [])

    def test_violation(self) -> None:
        """A client that breaks the protocol: 10053, also where nothing is logged."""
        self.listen(Error, log_level=0)
        self.logged_in().packet_now(Message.CHANNEL_CLOSE, U32.pack(77))
        self.assertEqual(self.only(), (1, 10053, "disconnecting: no channel 77"))

    def test_guessing(self) -> None:
        """Too many failed logins: 1300."""
        self.listen(Error, max_auth_attempts=2)
        client = self.client()
        client.connect()
        client.ask_for_login()
        for _ in range(2):
            self.refused(client)
        self.assertEqual(self.only(), (1, 1300, "disconnecting: Too many authentication failures"))

    def test_handler(self) -> None:
        """A handler that is broken: 0, and which event it was; the log has its traceback once."""
        self.listen(Error)

        @self.server.on(FileRemove)
        def broken(event: FileRemove) -> None:
            raise ZeroDivisionError("by nothing")

        session = self.session()
        session.request(Remove(path=b"/f"))
        self.assertEqual(self.only(), (1, 0, "A handler of FileRemove failed: ZeroDivisionError: by nothing"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.lines[-1], "[1 user@198.51.100.7] A handler of FileRemove failed")

    def test_handler_with_a_number(self) -> None:
        """A handler that fails with an error of the server: the number of that."""
        self.listen(Error)
        self.server.on(FileRemove, lambda event: self.server.disconnect(99))
        self.session().request(Remove(path=b"/f"))
        self.assertEqual(self.only()[:2], (1, ErrorCode.NO_SUCH_CONNECTION))
        self.assertEqual(len(self.flushLoggedErrors(ServerError)), 1)

    def test_forwarding(self) -> None:
        """A request to forward a connection: 1201, once a connection, also where nothing is logged."""
        self.listen(Error, log_level=0)
        client = self.logged_in()
        for _ in range(3):
            client.open_channel(kind=b"direct-tcpip")
        self.assertEqual(self.only()[:2], (1, 1201))

    def test_no_port(self) -> None:
        """A port that cannot be opened: its number, about no connection, whoever else is told."""
        for failed in (None, lambda problem: None):
            self.told.clear()
            self.listen(Error, host_keys=HostKeys([]), failed=failed)
            self.server.startService()
            self.assertEqual(self.only()[:2], (0, 1301))

    def test_own_handler(self) -> None:
        """A broken handler of Error is told of in Twisted's log alone."""
        self.listen(Error)

        @self.server.on(Error)
        def broken(event: Error) -> None:
            raise ZeroDivisionError

        self.logged_in().packet_now(Message.CHANNEL_CLOSE, U32.pack(77))
        self.assertEqual(len(self.told), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class StatusTests(LogCase):
    """The event SSHStatus."""

    def test_steps(self) -> None:
        """Greeting, key exchange, login, subsystem and end; nothing of it is logged by default."""
        self.listen(SSHStatus)
        self.session().close()
        self.assertEqual(
            [event.message for event in self.told],
            [
                f"the server is {self.server.settings.server_ssh_version_string}",
                "SSH-2.0-conchsftp_memory connects",
                "KEXINIT sent",
                "KEXINIT received",
                "key exchange curve25519-sha256, host key ssh-ed25519",
                "from the client: cipher aes128-gcm@openssh.com, MAC of the cipher, compression none",
                "to the client: cipher aes128-gcm@openssh.com, MAC of the cipher, compression none",
                "strict key exchange: yes",
                "NEWKEYS sent",
                "NEWKEYS received: keys are exchanged",
                "'user' logged in by password, with 'SSH-2.0-conchsftp_memory'",
                "the subsystem sftp begins",
                "disconnected, reason 11: ''",
            ],
        )
        self.assertEqual({event.connection_id for event in self.told}, {1})
        self.assertEqual(len(self.lines), 3)

    def exchanged(self, client: MemoryClient) -> list[str]:
        """Return what is told of a later key exchange: what was agreed on is left out."""
        self.server.on(SSHStatus, self.told.append)
        client.pump()
        return [each.message for each in self.told if "NEW" in each.message or "KEXINIT" in each.message]

    def test_new_keys(self) -> None:
        """A later key exchange says who wanted it, and that it is over."""
        for settings, why in (
            ({"key_renegotiation_threshold": 1000}, "KeyRenegotiationThreshold"),
            ({"rekey_packets": 10}, "RekeyPackets"),
            ({"rekey_seconds": 5}, "RekeySeconds"),
        ):
            self.told = []
            self.serve(**settings)
            client = self.logged_in()
            self.clock.advance(5)
            for _ in range(10):
                client.lay(2, U32.pack(100) + bytes(100))
            began, *_, over = self.exchanged(client)
            self.assertEqual(began, f"KEXINIT sent, for new keys: {why}")
            self.assertEqual(over, "NEWKEYS received: keys are exchanged")

    def test_new_keys_by_request(self) -> None:
        """The same for one that the application asks for, and one that the client does."""
        client = self.logged_in()
        self.server.exchange_keys(1)
        self.server.on(SSHStatus, self.told.append)
        client.pump()
        self.assertEqual(self.told[0].message, "KEXINIT received")
        self.told = []
        client.send_kexinit()
        told = self.exchanged(client)
        self.assertEqual(told[:2], ["KEXINIT received: the client wants new keys", "KEXINIT sent"])
        self.assertEqual(told[-1], "NEWKEYS received: keys are exchanged")

    def test_no_new_keys(self) -> None:
        """One that comes to nothing says why."""
        client = self.logged_in()
        client.automatic = False
        client._offer = "des-cbc", "", "none"
        self.server.on(SSHStatus, self.told.append)
        client.rekey()
        self.assertEqual(self.told[0].message, "KEXINIT received: the client wants new keys")
        self.assertIn("no common cipher", self.told[-1].message)

    def test_verbose(self) -> None:
        """LogLevel 2 has the same steps, without anybody listening."""
        self.listen(SSHStatus)
        self.session().close()
        steps = [f"] {event.message}" for event in self.told]
        self.listen(log_level=2)
        del self.lines[:]
        self.session().close()
        said = [line[line.index("] ") :] for line in self.lines]
        self.assertEqual([line for line in said if line in steps], steps)

    def test_version(self) -> None:
        """LogLevel 2 says which version of SFTP is spoken, and which the client asked for."""
        self.listen(log_level=2, protocol_version=6)
        self.session().close()
        self.assertEqual(len([line for line in self.lines if "] SFTP version 3; the client asked for 3" in line]), 1)


class EndTests(LogCase):
    """The event Disconnected: once, with the documented number and the reason."""

    def ended(self, end: Any, client: MemoryClient | None = None, **settings: Any) -> tuple[int, str]:
        """Return number and description after a connection was ended."""
        self.told.clear()
        self.listen(Disconnected, **settings)
        client = self.logged_in()
        end(client)
        client.pump()
        (event,) = self.told
        self.assert_gone(client)
        return event.status_code, event.description

    def test_in_order(self) -> None:
        """0 and OK: the client says goodbye or hangs up, or the application ends it."""
        for end in (
            MemoryClient.disconnect,
            lambda client: client.pipe.loseConnection(),
            lambda client: self.server.disconnect(1),
            lambda client: self.server.shutdown(),
        ):
            self.assertEqual(self.ended(end), (0, "OK"))

    def test_broken(self) -> None:
        """10054: it broke, or the client has ended it in disorder."""
        self.assertEqual(self.ended(lambda client: client.pipe.cut()), (10054, "connection lost"))
        bye = U32.pack(Reason.MAC_ERROR) + BYTES.pack(b"bad\nMAC") + BYTES.pack(b"")
        self.assertEqual(
            self.ended(lambda client: client.packet_now(Message.DISCONNECT, bye)),
            (10054, "the client disconnected, reason 5: 'bad\\nMAC'"),
        )

    def test_aborted(self) -> None:
        """10053: what the client did against the protocol."""
        self.assertEqual(
            self.ended(lambda client: client.packet_now(Message.CHANNEL_CLOSE, U32.pack(77))), (10053, "no channel 77")
        )

    def test_silence(self) -> None:
        """10060: it was silent for too long."""
        self.assertEqual(
            self.ended(lambda client: self.clock.advance(61), default_timeout=60), (10060, "silent for 60 seconds")
        )

    def test_sent_away(self) -> None:
        """A handler of Connected that says why has it said in Disconnected."""
        self.listen(Disconnected)

        @self.server.on(Connected)
        def full(event: Connected) -> None:
            event.status_code, event.description = 10055, "no room today"

        self.client().pump()
        self.assertEqual([(each.status_code, each.description) for each in self.told], [(10055, "no room today")])
