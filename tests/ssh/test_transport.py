"""
One connection from the greeting to the last message: identification, and what may come in which stage.
"""

from struct import pack

from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.phases import ALLOWED, KNOWN, STRICT, Stage
from tests.ssh.case import ConnectionCase

GARBAGE = {
    "another protocol": b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    "TLS": bytes.fromhex("160301020001000100010303") + bytes(200) + b"\n",
    "an empty line": b"\r\n",
    "only an end": b"\n",
    "a line before it": b"hello\r\nSSH-2.0-x\r\n",
    "a space before it": b" SSH-2.0-x\r\n",
    "small letters": b"ssh-2.0-x\r\n",
    "a binary packet": bytes.fromhex("0000000c0a14") + bytes(10) + b"\n",
}


class IdentificationTests(ConnectionCase):
    """The first line of each side (RFC 4253, 4.2)."""

    def test_greeting(self) -> None:
        """The server greets at once, without waiting for the client, and says nothing else."""
        self.serve(server_ssh_version_string="SSH-2.0-Example_1 some comment")
        self.assertEqual(self.client().pipe.fetch(), b"SSH-2.0-Example_1 some comment\r\n")

    def accepted(self, line: bytes) -> bool:
        """Whether a line is answered with KEXINIT."""
        client = self.client()
        client.automatic = False
        client.raw(line)
        if 20 in client.numbers:
            self.assertEqual(client.server.stage, Stage.FIRST_KEXINIT)
            client.pipe.cut()
            return True
        self.assertEqual(client.numbers, [])
        self.assert_gone(client)
        return False

    def test_ends_of_lines(self) -> None:
        """A line may end in CR LF, or in LF alone as old clients send it."""
        for end in (b"\r\n", b"\n"):
            self.assertTrue(self.accepted(b"SSH-2.0-x" + end), end)

    def test_hashed(self) -> None:
        """The line is hashed without its end, comments included: the keys of both sides are the same."""
        for end in (b"\r\n", b"\n"):
            client = self.client(version=b"SSH-2.0-x with comments - and more")
            client.raw(client.version + end)
            client.ask_for_login()

    def test_length(self) -> None:
        """A line has at most 255 bytes, its end included: one below, at, and one above."""
        for size, fine in ((254, True), (255, True), (256, False)):
            for end in (b"\r\n", b"\n"):
                line = b"SSH-2.0-".ljust(size - len(end), b"x") + end
                self.assertEqual(self.accepted(line), fine, (size, end))

    def test_no_end(self) -> None:
        """A line that does not end is given up at 255 bytes; nothing piles up."""
        client = self.client()
        client.raw(b"SSH-2.0-" + b"x" * 246)
        self.assertFalse(client.pipe.closing)
        client.raw(b"x")
        self.assert_gone(client)

    def test_garbage(self) -> None:
        """Who does not begin with an identification line is left without a word: no line may come before it."""
        for name, data in GARBAGE.items():
            self.assertFalse(self.accepted(data), name)

    def test_versions(self) -> None:
        """Version 2.0 only; 1.99 is what servers say (RFC 4253, 5.1)."""
        for line in (b"SSH-1.5-x", b"SSH-1.99-x", b"SSH-2.1-x", b"SSH-3.0-x", b"SSH-2.0", b"SSH-2.0 x", b"SSH-"):
            self.assertFalse(self.accepted(line + b"\r\n"), line)

    def test_odd_bytes(self) -> None:
        """Bytes that are not ASCII harm nobody."""
        self.assertTrue(self.accepted(b"SSH-2.0-\xff\xfe\x00\x1b[31m\r\n"))

    def test_pattern(self) -> None:
        """A client of a kind that is not wanted is told so."""
        self.serve(ssh_version_pattern="*OpenSSH*,*PuTTY*")
        client = self.client(version=b"SSH-2.0-libssh_0.1")
        client.raw(client.version + b"\r\n")
        self.assert_ended(client, Reason.VERSION_NOT_SUPPORTED, "not served")
        self.client(version=b"SSH-2.0-OpenSSH_9.9").connect()

    def test_byte_by_byte(self) -> None:
        """It does not matter how the bytes are cut."""
        client = self.client(chunk=1)
        client.connect()
        client.ask_for_login()

    def test_at_once(self) -> None:
        """What follows the line in the same bytes is read as packets."""
        client = self.client()
        client.raw(client.version + b"\r\n", pump=False)
        client.send_kexinit()
        client.pump()
        self.assertIs(client.server.stage, Stage.SERVICE)


class Service:
    """A service that remembers what it is given."""

    def __init__(self) -> None:
        self.taken: list[int] = []

    def packetReceived(self, number: int, payload: memoryview) -> None:
        self.taken.append(number)

    def serviceStopped(self) -> None:
        """Nothing to stop."""


class StageTests(ConnectionCase):
    """Every message number in every stage."""

    def outcomes(self, stage: Stage, strict: bool) -> dict[int, str]:
        """Return what becomes of each number: passed on, refused, or not understood."""
        client = self.at(stage, strict=strict)
        server, service = client.server, Service()
        refused: list[int] = []
        server.service = service
        server.dispatchMessage = service.packetReceived
        # Without ending the connection, so that one is enough for all numbers.
        server.sendDisconnect = lambda reason, text: refused.append(reason)
        outcomes = {}
        for number in range(256):
            client.messages.clear()
            sequence = client.sender.sequence
            client.packet_now(number, b"\0\0\0\5hello")
            if service.taken:
                self.assertEqual(service.taken, [number])
                outcomes[number] = "passed on"
            elif refused:
                self.assertEqual(refused, [Reason.PROTOCOL_ERROR])
                outcomes[number] = "refused"
            else:
                self.assertEqual(client.messages, [(3, pack(">I", sequence))])
                outcomes[number] = "not understood"
            service.taken.clear()
            refused.clear()
        client.pipe.cut()
        return outcomes

    def check(self, strict: bool) -> None:
        """Compare each stage with the table."""
        table = STRICT if strict else ALLOWED
        for stage in set(Stage) - {Stage.VERSION}:
            firm = strict and stage is Stage.FIRST_KEX
            for number, outcome in self.outcomes(stage, strict).items():
                if number in table[stage]:
                    expected = "passed on"
                elif number == 5 and stage is Stage.CONNECTED:
                    expected = "not understood"
                else:
                    expected = "refused" if number in KNOWN or firm else "not understood"
                self.assertEqual(outcome, expected, (stage, number, strict))

    def test_plain(self) -> None:
        """Without strict key exchange: what may come is passed on, what may not ends the connection, and a number that
        means nothing is answered UNIMPLEMENTED with its sequence number (RFC 4253, 11.4)."""
        self.check(strict=False)

    def test_strict(self) -> None:
        """The same with it; in its first exchange, numbers that mean nothing end the connection, too."""
        self.check(strict=True)

    def test_connection_protocol(self) -> None:
        """Nothing of the connection protocol has any effect before the login (CVE-2018-10933 and others)."""
        for stage in (Stage.SERVICE, Stage.AUTH):
            for number in range(80, 101):
                client = self.at(stage)
                client.packet(number, b"\0\0\0\7session" + bytes(12))
                self.assert_ended(client, text=f"message {number}")

    def test_messages_of_a_server(self) -> None:
        """A client that says what only servers say, such as USERAUTH_SUCCESS, gains nothing by it."""
        client = self.at(Stage.AUTH)
        for number in (6, 51, 52, 53):
            client.packet(number, b"")
            client.take(3)
        self.assertIs(client.server.stage, Stage.AUTH)

    def test_late_authentication(self) -> None:
        """After the login, requests for authentication are silently ignored (RFC 4252, 5.1)."""
        client = self.at(Stage.CONNECTED)
        client.authenticate("root", "none")
        self.assertEqual(client.messages, [])
        self.assert_alive(client)

    def test_another_service(self) -> None:
        """Only the service that logs users in can be asked for; it may be asked for again, before the login is over."""
        for stage in (Stage.SERVICE, Stage.AUTH):
            client = self.at(stage)
            client.packet(5, b"\0\0\0\x0essh-connection")
            self.assert_ended(client, Reason.SERVICE_NOT_AVAILABLE)
        client = self.at(Stage.AUTH)
        client.ask_for_login()
        self.assertIs(client.server.stage, Stage.AUTH)

    def test_service_cut_short(self) -> None:
        """A request for a service that is cut short is a violation."""
        whole = b"\0\0\0\x0cssh-userauth"
        for size in range(len(whole)):
            client = self.at(Stage.SERVICE)
            client.packet(5, whole[:size])
            self.assert_ended(client)
        client = self.at(Stage.SERVICE)
        client.packet(5, whole + b"excess")
        client.take(6)

    def test_service_again(self) -> None:
        """After the login, a client that asks for a service again is not understood, and goes on: Conch's clients do so
        after every key exchange."""
        client = self.at(Stage.CONNECTED)
        for name in (b"ssh-userauth", b"ssh-connection", b""):
            client.packet(5, pack(">I", len(name)) + name)
            client.take(3)
        self.assert_alive(client)

    def test_ignored(self) -> None:
        """IGNORE, DEBUG and UNIMPLEMENTED are read and answered with nothing, whatever they hold."""
        for stage in (Stage.SERVICE, Stage.AUTH, Stage.CONNECTED, Stage.REKEY, Stage.REKEY_AUTH):
            client = self.at(stage)
            client.messages.clear()
            for number in (2, 3, 4):
                for payload in (b"", b"\0\0\0\5hello", b"\xff" * 50):
                    client.packet_now(number, payload)
            self.assertEqual(client.messages, [], stage)
            self.assert_alive(client)

    def test_ping(self) -> None:
        """A ping is answered with what it held (OpenSSH's PROTOCOL, 1.8)."""
        client = self.at(Stage.CONNECTED)
        client.packet(192, b"\0\0\0\5hello")
        self.assertEqual(client.take(193), b"\0\0\0\5hello")

    def test_ext_info(self) -> None:
        """A client's EXT_INFO is kept; one that is cut short anywhere is a violation."""
        info = pack(">I", 2) + b"\0\0\0\1a\0\0\0\2bc" + b"\0\0\0\3def\0\0\0\0"
        client = self.at(Stage.SERVICE)
        client.packet(7, info)
        self.assertEqual(client.server.peerExtensions, {b"a": b"bc", b"def": b""})
        for size in range(len(info)):
            client = self.at(Stage.SERVICE)
            client.packet(7, info[:size])
            self.assert_ended(client)

    def test_many_extensions(self) -> None:
        """A count of extensions is not believed beyond the bytes that are there."""
        client = self.at(Stage.SERVICE)
        client.packet(7, b"\xff\xff\xff\xff")
        self.assert_ended(client)
