"""
Commands and shells: there are none, and whoever asks for one is told so in words.
"""

from struct import pack

from twisted.logger import globalLogPublisher

from conchsftp.testing import MemoryChannel
from tests.ssh.case import RekeyingCase

SUCCESS, FAILURE = 99, 100
GREETING = bytes.fromhex("00000005 01 00000003")


def string(data: bytes) -> bytes:
    """Lay out a string."""
    return pack(">I", len(data)) + data


EXIT_STATUS_1 = string(b"exit-status") + b"\0" + pack(">I", 1)
ONLY_SFTP = b"This service allows SFTP only.\n"
PTY = string(b"xterm") + pack(">IIII", 80, 24, 0, 0) + string(b"")


class CommandTests(RekeyingCase):
    """`ssh host`, `ssh host command`, `scp -O`, and the probes of rclone."""

    def farewell(self, text: bytes) -> list[tuple[int, bytes]]:
        """Return what comes behind the answer: the text on stderr, exit-status 1, EOF, CLOSE."""
        return [(95, pack(">I", 1) + string(text)), (98, EXIT_STATUS_1), (96, b""), (97, b"")]

    def assert_serves(self, channel: MemoryChannel) -> None:
        """Fail unless SFTP is spoken on a channel."""
        channel.send(string(bytes.fromhex("10 00000007") + string(b".")))
        self.assertEqual(channel.take()[4:9], bytes.fromhex("68 00000007"))

    def test_told(self) -> None:
        """One line on stderr and exit code 1, behind the answer if one is wanted; the channel is over with that."""
        client = self.logged_in()
        for name, rest in (
            (b"exec", string(b"md5sum /f")),
            (b"shell", b""),
            (b"exec", string(b"")),
            (b"exec", string(b"scpx")),
        ):
            for wants_reply in (True, False):
                channel = client.open_channel()
                self.assertEqual(channel.request(name, rest, wants_reply=wants_reply), True if wants_reply else None)
                answer = [(SUCCESS, b"")] if wants_reply else []
                self.assertEqual(channel.history[1:], answer + self.farewell(ONLY_SFTP))
                channel.close()
        self.assertEqual(len(client.server.service.channels), 0)
        self.assert_alive(client)

    def test_scp(self) -> None:
        """Who asks for the old scp learns what to leave out."""
        for command in (b"scp -t /f", b"scp -v -f -- /f", b"scp -r -p -d -t ."):
            channel = self.logged_in().open_channel()
            self.assertTrue(channel.request(b"exec", string(command)))
            (kind, said), *rest = channel.history[2:]
            self.assertEqual(kind, 95)
            for word in (b"SFTP only", b"leave out -O", b"-s"):
                self.assertIn(word, said)
            self.assertEqual(rest, self.farewell(b"")[1:])

    def test_others_live(self) -> None:
        """Sessions on the same connection go on (rclone asks between two of its requests)."""
        client = self.logged_in()
        channel = client.open_subsystem()
        channel.send(GREETING)
        channel.take()
        for command in (b"echo ${ShellId}%ComSpec%", b"md5sum", b"sha1sum", b"df -k /"):
            other = client.open_channel()
            self.assertTrue(other.request(b"exec", string(command)))
            self.assert_serves(channel)
            other.eof()
            other.close()
            self.assert_serves(channel)

    def test_terminal(self) -> None:
        """What `ssh` asks for before, a terminal and variables, is refused as ever; the shell is answered then."""
        channel = self.logged_in().open_channel()
        self.assertFalse(channel.request(b"pty-req", PTY))
        self.assertFalse(channel.request(b"env", string(b"LANG") + string(b"C")))
        self.assertTrue(channel.request(b"shell"))
        self.assertEqual(channel.history[-4:], self.farewell(ONLY_SFTP))

    def test_on_a_session(self) -> None:
        """Where the subsystem is already, a command is refused, and the session goes on."""
        channel = self.logged_in().open_subsystem()
        channel.send(GREETING)
        channel.take()
        for name, rest in ((b"exec", string(b"scp -t /f")), (b"shell", b"")):
            self.assertFalse(channel.request(name, rest))
            self.assert_serves(channel)

    def test_afterwards(self) -> None:
        """On a channel that is over nothing can be asked for, and what is sent is thrown away."""
        channel = self.logged_in().open_channel()
        channel.request(b"shell")
        told = len(channel.history)
        for name, rest in ((b"shell", b""), (b"exec", string(b"true")), (b"subsystem", string(b"sftp"))):
            self.assertIsNone(channel.request(name, rest))
        channel.send(b"C0644 6 f\n" * 1000)
        channel.eof()
        self.assertEqual(len(channel.history), told)
        channel.close()

    def test_small_windows(self) -> None:
        """No more is said than the client takes."""
        for window, packet, most in ((0, 1 << 15, 0), (10, 1 << 15, 10), (1 << 20, 1 << 15, len(ONLY_SFTP))):
            channel = self.logged_in().open_channel(window=window, packet=packet)
            self.assertTrue(channel.request(b"shell"))
            expected = self.farewell(ONLY_SFTP[:most])
            self.assertEqual(channel.history[2:], expected if most else expected[1:])

    def test_bounded(self) -> None:
        """Channels that their client does not close count, as all others do."""
        self.serve(max_channels=3)
        client = self.logged_in()
        channels = [client.open_channel() for _ in range(3)]
        for channel in channels:
            self.assertTrue(channel.request(b"shell"))
        self.assertIsNotNone(client.open_channel().refused)
        channels[0].close()
        self.assertTrue(client.open_channel().request(b"shell"))

    def test_during_a_key_exchange(self) -> None:
        """What is asked just before new keys is answered behind them, in order."""
        client = self.logged_in()
        channel = client.open_channel()
        self.start(client)
        channel.request(b"exec", string(b"true"))
        self.assertEqual(channel.history[1:], [])
        self.go_on(client)
        self.assertEqual(channel.history[1:], [(SUCCESS, b""), *self.farewell(ONLY_SFTP)])

    def test_malformed(self) -> None:
        """A command that is none ends the connection."""
        client = self.logged_in()
        client.open_channel().request(b"exec", b"\0\0\0\5ab")
        self.assert_ended(client)

    def test_log(self) -> None:
        """The log has a line for each, and nothing of the command, which may hold secrets."""
        said: list[str] = []

        def observe(event: object) -> None:
            if event["log_level"].name == "info" and "only sftp" in event["log_format"]:  # type: ignore[index]
                said.append(event["log_format"].format(**event))  # type: ignore[index, arg-type]

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        client = self.logged_in()
        for name, rest in ((b"exec", string(b"mysql --password=secret")), (b"shell", b"")):
            client.open_channel().request(name, rest)
        who = "[1 user@198.51.100.7]"
        self.assertEqual(said, [f"{who} {name!r} refused, only sftp is served" for name in ("exec", "shell")])
