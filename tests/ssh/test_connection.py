"""
The connection protocol: global requests, opening channels, and messages that fit nowhere.
"""

from struct import pack
from typing import Any

from twisted.conch.error import ConchError
from twisted.logger import formatEvent, globalLogPublisher

from conchsftp.ssh.channel import SFTPChannel
from conchsftp.ssh.numbers import OpenFailure
from conchsftp.testing import MemoryClient
from tests.ssh.case import ConnectionCase


def string(data: bytes) -> bytes:
    """Lay out a string."""
    return pack(">I", len(data)) + data


class GlobalTests(ConnectionCase):
    """Requests that concern the whole connection (RFC 4254, 4)."""

    def test_refused(self) -> None:
        """Whatever is asked for is refused, if an answer is wanted: any answer tells a client that we are there."""
        client = self.logged_in()
        names = (b"keepalive@openssh.com", b"tcpip-forward", b"hostkeys-prove-00@openssh.com", b"", b"\xff" * 1000)
        for name in names:
            client.packet(80, string(name) + b"\1" + bytes(20))
            self.assertEqual(client.take(82), b"")
            client.packet(80, string(name) + b"\0")
            self.assertEqual(client.messages, [])

    def test_no_more_sessions(self) -> None:
        """A client may ask not to be given any more sessions; those that it has go on."""
        session = self.session()
        session.client.packet(80, string(b"no-more-sessions@openssh.com") + b"\0")
        channel = session.client.open_channel()
        self.assertIsNone(channel.remote)
        self.assertEqual(session.get("/f"), b"0123456789")

    def test_answers_of_clients(self) -> None:
        """Answers to what we ask are taken, in whatever form."""
        client = self.logged_in()
        for number in (81, 82, 99, 100):
            for payload in (b"", bytes(4), b"\xff" * 9):
                client.packet(number, payload)
        self.assert_alive(client)


class OpenTests(ConnectionCase):
    """Opening channels (RFC 4254, 5.1)."""

    def test_session(self) -> None:
        """A session is opened with the window that MaxBytesInFlight says."""
        self.serve(max_bytes_in_flight=1 << 20)
        channel = self.logged_in().open_channel()
        self.assertEqual((channel.remote, channel.remote_window, channel.remote_packet), (0, 1 << 20, 32768))

    def test_other_kinds(self) -> None:
        """Nothing else is opened, forwarding least of all."""
        client = self.logged_in()
        for kind in (b"direct-tcpip", b"forwarded-tcpip", b"x11", b"direct-streamlocal@openssh.com", b"", b"Session"):
            channel = client.open_channel(kind=kind)
            assert channel.refused is not None
            self.assertEqual(channel.refused[0], OpenFailure.PROHIBITED, kind)
        self.assert_alive(client)

    def test_told(self) -> None:
        """The operator learns of what is refused, once a connection."""
        client = self.logged_in()
        told: list[Any] = []
        globalLogPublisher.addObserver(told.append)
        self.addCleanup(globalLogPublisher.removeObserver, told.append)
        for _ in range(3):
            client.open_channel(kind=b"direct-tcpip\x1b")
        lines = [formatEvent(event) for event in told if "refused" in event["log_format"]]
        self.assertEqual(lines, ["[1 user@198.51.100.7] channel 'direct-tcpip\\x1b' refused: only sessions are served"])

    def test_limit(self) -> None:
        """There are at most MaxChannels at a time."""
        self.serve(max_channels=3)
        client = self.logged_in()
        channels = [client.open_channel() for _ in range(4)]
        self.assertEqual([channel.remote for channel in channels], [0, 1, 2, None])
        self.assertEqual(channels[3].refused, (OpenFailure.RESOURCE_SHORTAGE, "no more channels"))
        channels[1].close()
        self.assertEqual(client.open_channel().remote, 3)
        self.assertIsNone(client.open_channel().remote)

    def test_half_closed_counts(self) -> None:
        """A channel that only one side has closed still counts."""
        self.serve(max_channels=1)
        client = self.logged_in()
        client.open_channel().eof()
        self.assertIsNone(client.open_channel().remote)

    def test_tiny_packets(self) -> None:
        """A peer that takes next to nothing in a packet would make one READ thousands of packets."""
        client = self.logged_in()
        for packet in (0, 255):
            text = f"maximum packet size {packet}, at least 256 expected"
            self.assertEqual(client.open_channel(packet=packet).refused, (OpenFailure.CONNECT_FAILED, text))
        for packet in (256, 2**32 - 1):
            self.assertIsNotNone(client.open_channel(packet=packet).remote)

    def test_same_number(self) -> None:
        """A client may number its channels as it likes, even all alike."""
        client = self.logged_in()
        for count in range(3):
            client.packet(90, string(b"session") + pack(">III", 5, 1000, 1000))
            self.assertEqual(client.take(91)[:8], pack(">II", 5, count))

    def test_more_data(self) -> None:
        """Data after the fields that are known is ignored."""
        client = self.logged_in()
        client.packet(90, string(b"session") + pack(">III", 5, 1000, 1000) + b"more")
        client.take(91)

    def test_refused_by_avatar(self) -> None:
        """An avatar may refuse, with reason and text in either order as in Conch."""
        client = self.logged_in()
        for arguments in ((4, "too late"), ("too late", 4)):
            self.avatar.lookupChannel = self.raising(ConchError(*arguments))
            self.assertEqual(client.open_channel().refused, (4, "too late"))

    def test_avatar_fails(self) -> None:
        """An avatar that fails refuses, and so does one whose sessions are not ours; both are told to the log."""
        client = self.logged_in()
        self.avatar.lookupChannel = self.raising(ZeroDivisionError())
        refused = client.open_channel().refused
        assert refused is not None
        self.assertEqual(refused[0], OpenFailure.CONNECT_FAILED)
        self.assertNotIn("Zero", refused[1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.avatar.lookupChannel = lambda *arguments: object()
        self.assertIsNone(client.open_channel().remote)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        del self.avatar.lookupChannel
        self.assertEqual(client.open_channel().remote, 0)

    def raising(self, problem: Exception) -> Any:
        def lookup(*arguments: Any) -> SFTPChannel:
            raise problem

        return lookup

    def test_reachable_from_avatar(self) -> None:
        """The avatar finds its connection, as in Conch."""
        client = self.logged_in()
        self.assertIs(self.avatar.conn, client.server.service)
        self.assertIs(self.avatar.conn.transport, client.server)


class MalformedTests(ConnectionCase):
    """Messages that are short, or about nothing."""

    ZERO = pack(">I", 0)
    MESSAGES = {
        80: string(b"name") + b"\1",
        90: string(b"session") + pack(">III", 5, 1000, 1000),
        93: ZERO + pack(">I", 10),
        94: ZERO + string(b"0123456789"),
        95: ZERO + pack(">I", 1) + string(b"0123456789"),
        96: ZERO,
        97: ZERO,
        98: ZERO + string(b"subsystem") + b"\1" + string(b"sftp"),
    }

    def opened(self) -> MemoryClient:
        """Return a client with an open session channel 0."""
        client = self.logged_in()
        client.open_channel()
        return client

    def test_whole(self) -> None:
        """The messages that are cut short below are good ones."""
        for number, payload in self.MESSAGES.items():
            client = self.opened()
            client.packet(number, payload)
            self.assert_alive(client)

    def test_cut_short(self) -> None:
        """A message that is cut short, anywhere, is a violation and never a mistake of ours."""
        for number, payload in self.MESSAGES.items():
            for size in range(len(payload)):
                client = self.opened()
                client.packet(number, payload[:size])
                self.assert_ended(client)

    def test_more_than_needed(self) -> None:
        """Bytes after the last field are ignored."""
        for number, payload in self.MESSAGES.items():
            client = self.opened()
            client.packet(number, payload + b"excess")
            self.assert_alive(client)

    def test_no_such_channel(self) -> None:
        """A message for a channel that there is not is a violation."""
        for channel in (1, 7, 2**32 - 1):
            for number, payload in self.MESSAGES.items():
                if number >= 93:
                    client = self.opened()
                    client.packet(number, pack(">I", channel) + payload[4:])
                    self.assert_ended(client, text=f"no channel {channel}")

    def test_closed_channel(self) -> None:
        """A channel that the client has closed is none any more."""
        for number, payload in self.MESSAGES.items():
            if number >= 93:
                client = self.opened()
                client.packet(97, self.ZERO)
                client.packet(number, payload)
                self.assert_ended(client, text="no channel 0")

    def test_closed_by_us(self) -> None:
        """What the client has sent before it learnt of our CLOSE is taken, and not answered."""
        for number, payload in self.MESSAGES.items():
            if 93 <= number < 97 or number == 98:
                client = self.opened()
                channel = client.channels[0]
                channel.eof()
                self.assertTrue(channel.closed)
                before = list(channel.numbers)
                client.packet(number, payload)
                self.assertEqual(channel.numbers, before, number)
                channel.close()
                self.assert_alive(client)
                self.assertEqual(len(client.server.service.channels), 0)

    def test_answers_to_openings(self) -> None:
        """We open no channels: a client that answers to that is mistaken."""
        for number in (91, 92):
            client = self.opened()
            client.packet(number, bytes(16))
            self.assert_ended(client, text=f"message {number}")

    def test_random(self) -> None:
        """Bytes that were thrown together are a violation, or nothing at all."""
        seeds = [
            bytes((number * 7 + at * step) & 255 for at in range(60)) for number in range(20) for step in (1, 3, 86)
        ]
        for number in range(80, 101):
            client = self.opened()
            for payload in seeds[:: 1 + number % 3]:
                client.packet(number, payload)
                if client.disconnected is not None:
                    self.assert_ended(client)
                    client = self.opened()
