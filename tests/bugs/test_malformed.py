"""
Packets that are not as they should be, in whole sessions: one reply each, or the end of the channel; never a traceback.

Trial fails a test in which a failure was logged.
"""

import random
from typing import Any

from conchsftp.sftp.extended import VersionSelect
from conchsftp.sftp.statuses import Status
from conchsftp.ssh.numbers import Message
from conchsftp.ssh.phases import Stage
from tests.auth.support import password_request
from tests.bugs.classes import bug_class
from tests.bugs.support import WireCase
from tests.session.support import (
    INIT,
    LSTAT,
    MKDIR,
    OPENDIR,
    READDIR,
    REALPATH,
    STATUS,
    TO_CREATE,
    VERSION,
    extension,
    numbers,
    opening,
    reading,
    request,
    string,
    string_at,
    u32,
    u64,
)
from tests.session.versions import in_versions
from tests.sftp.samples import SAMPLES
from tests.ssh.case import ConnectionCase

# A session ends with a version-select that cannot be read: that has tests of its own.
SENT = [sample for sample in SAMPLES if not isinstance(sample.record, VersionSelect)]
# What is read as a length, and is none: more than there is, by one and by far, and what is negative elsewhere.
LIES = (0xFFFFFFFF, 0x7FFFFFFF, 0)
SEED = 20_260_101


class MalformedCase(WireCase):
    """A session with files at the names that the packets contain."""

    def setUp(self) -> None:
        super().setUp()
        self.put("/ab", b"0123456789")

    def assert_answered(self, body: bytes) -> None:
        """Send a packet, and fail unless it gets exactly one reply, with its id."""
        replies = self.session.ask(string(body))
        self.assertEqual(numbers(replies), [int.from_bytes(body[1:5], "big")], body)
        self.assertFalse(self.session.channel.closed)

    def assert_channel_ended(self, data: bytes) -> None:
        """Send bytes, and fail unless that ends the channel and nothing else; begin a new session."""
        client, channel = self.session.client, self.session.channel
        replies = self.session.ask(data)
        self.assertTrue(channel.closed, data)
        self.assertEqual(channel.numbers.count(Message.CHANNEL_CLOSE), 1)
        channel.close()
        self.assertIsNone(client.disconnected)
        self.assertEqual(len(client.server.service.channels), 0)
        self.assertEqual(replies, [])
        self.session = self.begin()


@in_versions()
@bug_class(27)
class RequestTests(MalformedCase):
    """Every request that there is."""

    def setUp(self) -> None:
        super().setUp()
        self.packets = [sample.packet for sample in SENT if self.version in sample.versions]

    def begin(self, **options: Any) -> Any:
        """Begin a session in which what is sent is what the test says, whatever the version."""
        wire = super().begin(**options)
        wire.literal()
        return wire

    def test_cut_short(self) -> None:
        """A request that ends too early, at any length, is answered if its id is there, else the channel ends."""
        for packet in self.packets:
            for length in range(len(packet)):
                if length < 5:
                    self.assert_channel_ended(string(packet[:length]))
                else:
                    self.assert_answered(packet[:length])
        self.assert_answered(self.packets[0])

    def test_lying_lengths(self) -> None:
        """A length that is not true, at any place of a request, is answered."""
        for packet in self.packets:
            for at in range(5, len(packet) - 3):
                for lie in (*LIES, len(packet) - at - 3):
                    self.assert_answered(packet[:at] + u32(lie) + packet[at + 4 :])

    def test_first_length(self) -> None:
        """A first string that is longer than the packet is said to be malformed, and nothing is done."""
        for packet in self.packets:
            for lie in (len(packet) - 8, *LIES[:2]):
                reply = self.one(string(packet[:5] + u32(lie) + packet[9:]))
                # Version 6 has a word for what there is of the name, which is looked at first.
                no_name = self.version == 6 and reply[8] == Status.INVALID_FILENAME
                self.assert_status(reply, Status.INVALID_FILENAME if no_name else Status.BAD_MESSAGE, 7)
        self.assertEqual(self.names("/"), ["ab"])

    def test_types(self) -> None:
        """A type that is no request is answered, too; a second INIT, which has no id, ends the channel."""
        for kind in sorted(set(range(256)) - {INIT}):
            body = bytes((kind,)) + u32(7) + string(b"/ab") + bytes(40)
            self.assert_answered(body)
        self.assert_channel_ended(string(bytes((INIT,)) + u32(3)))

    def test_noise(self) -> None:
        """Whatever stands in a packet, it is answered."""
        chance = random.Random(SEED)
        for _ in range(1000):
            kind = chance.choice((*range(2, 24), 200))
            self.assert_answered(bytes((kind,)) + chance.randbytes(chance.randrange(4, 60)))

    def test_numbers_at_their_ends(self) -> None:
        """The largest offsets and lengths, and flags that nobody knows, are answered."""
        self.session = WireCase.begin(self)
        handle = self.open(b"/ab", TO_CREATE | 1)
        for offset in (0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF):
            self.assert_answered(reading(handle, offset, 0xFFFFFFFF, 7)[4:])
            self.assert_answered(request(6, 7, string(handle), u64(offset), string(b"x"))[4:])
            for attributes in (u32(1) + u64(offset), u32(0xFFFFFFFF) + u64(offset) * 20):
                self.assert_answered(request(9, 7, string(b"/ab"), attributes)[4:])
        for pflags in (0, 0xFFFFFFFF, 0x80000000, 0x38):
            self.assert_answered(opening(b"/new", 7, pflags)[4:])


@in_versions()
@bug_class(27)
class FramingTests(MalformedCase):
    """What packets are found by."""

    def test_lengths(self) -> None:
        """A length that no packet has ends the channel: nothing behind it can be told from garbage."""
        for length in (0, 1, 4, 256 * 1024 + 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
            self.assert_channel_ended(u32(length) + bytes(20))

    def test_one_session_does_not_hurt_another(self) -> None:
        """Neither another channel nor another connection notices."""
        other = self.begin()
        second = self.session.client.open_subsystem()
        second.send(bytes.fromhex("00000005 01 00000003"))
        second.take()
        self.session.ask(bytes(4))
        self.assertTrue(self.session.channel.closed)
        for ask in (second.send, other.ask):
            ask(request(LSTAT, 9, string(b"/ab")))
        self.assertEqual(second.take()[4], 105)

    def test_half_a_packet(self) -> None:
        """A channel that ends in the middle of a packet ends in good order."""
        for length in range(1, 20):
            self.session.ask(request(LSTAT, 7, string(b"/ab" * 5))[:length])
            self.session.channel.eof()
            self.assertTrue(self.session.channel.closed)
            self.session = self.begin()

    def test_first_packet(self) -> None:
        """Before INIT nothing is answered; an INIT that is cut short ends the channel, garbage behind one does not."""
        client = self.session.client
        for data in (request(LSTAT, 7, string(b"/ab")), string(b"\x01"), string(b"\x01\0\0\0"), u32(0)):
            channel = client.open_subsystem()
            channel.send(data)
            self.assertTrue(channel.closed, data)
            self.assertEqual(channel.take(), b"")
            channel.close()
        channel = client.open_subsystem()
        channel.send(string(bytes((INIT,)) + u32(3) + u32(0xFFFFFFFF) + b"x"))
        self.assertEqual(channel.take()[4], VERSION)


@in_versions()
@bug_class(27)
class NameTests(MalformedCase):
    """Names that are no text."""

    def test_not_utf8(self) -> None:
        """A name of any bytes can be used, listed and resolved, and comes back as it was."""
        for name in (b"\xff\xfe", b"\xc3", b"a\x80b", b"\xed\xa0\x80", b"\x01\n\r\x1b[31m", b"\xe2\x80\xae"):
            path = b"/" + name
            self.assert_statuses(self.session.ask(request(MKDIR, 1, string(path), u32(0))), 0)
            reply = self.one(request(REALPATH, 1, string(path)))
            self.assertEqual(string_at(reply, 9), path)
            listing = self.opened(request(OPENDIR, 1, string(b"/")))
            self.assertIn(string(name), self.one(request(READDIR, 1, string(listing))))
            self.close(listing)

    def test_impossible(self) -> None:
        """A name that no file can have is refused, everywhere."""
        for name in (b"a\0b", b"\0", b"x" * 300, b"/y" * 5000):
            for packet in (
                request(LSTAT, 1, string(name)),
                request(MKDIR, 1, string(name), u32(0)),
                opening(name, 1, TO_CREATE),
                extension(b"statvfs@openssh.com", 1, string(name)),
            ):
                self.assertEqual(self.one(packet)[0], STATUS, packet[:40])


# What a client asks of a session channel, and what follows the name.
CHANNEL_REQUESTS = (
    (b"subsystem", string(b"sftp")),
    (b"exec", string(b"md5sum")),
    (b"shell", b""),
    (b"env", string(b"LANG") + string(b"C")),
    (b"pty-req", string(b"vt100") + u32(80) * 4 + string(b"\0")),
    (b"window-change", u32(80) * 4),
    (b"signal", string(b"TERM")),
    (b"x11-req", b"\x01" + string(b"MIT-MAGIC-COOKIE-1") + string(b"00") + u32(0)),
    (b"auth-agent-req@openssh.com", b""),
    (b"\xff\xfe", b"\xff"),
)


@bug_class(27)
class FirstBytesTests(ConnectionCase):
    """And at the very beginning (CVE-2022-21716: a line without end filled the memory)."""

    def test_line(self) -> None:
        """A first line that is too long, or of another protocol, ends the connection at once, whatever follows."""
        for data in (
            b"SSH-2.0-" + b"x" * 300,
            b"SSH-2.0-" + bytes(1 << 20),
            b"\xff" * 1000,
            b"GET / HTTP/1.1\r\n",
            b"\n",
        ):
            client = self.client()
            client.raw(data)
            self.assert_gone(client)

    def test_packets(self) -> None:
        """Packets with impossible lengths, before there is a key, end it, too."""
        for data in (u32(0), u32(1) + bytes(1), u32(0xFFFFFFFF), u32(0x7FFFFFFF), u32(12) + b"\xff" * 12, bytes(64)):
            client = self.client()
            client.automatic = False
            client.raw(client.version + b"\r\n" + data + bytes(64))
            self.assert_gone(client)

    def test_logins(self) -> None:
        """Requests to log in that are cut short, at any length, or lie, end it; the user is not let in."""
        whole = password_request(b"user", b"password")
        broken = [whole[:length] for length in range(len(whole))]
        broken += [whole[:at] + u32(0xFFFFFFFF) + whole[at + 4 :] for at in (0, 8, 26, 39)]
        for payload in broken:
            client = self.at(Stage.AUTH)
            client.packet(Message.USERAUTH_REQUEST, payload)
            self.assertNotIn(Message.USERAUTH_SUCCESS, client.numbers)
            self.assert_gone(client)

    def test_names_of_users(self) -> None:
        """A user name that is no text is nobody's, and the connection goes on."""
        for name in (b"\xff\xfe", b"us\0er", b"x" * 5000, b""):
            client = self.at(Stage.AUTH)
            client.packet(Message.USERAUTH_REQUEST, password_request(name, b"password"))
            self.clock.advance(3.0)
            client.pump()
            client.take(Message.USERAUTH_FAILURE)
            client.disconnect()


@bug_class(27)
class ChannelRequestTests(ConnectionCase):
    """The same one floor below: requests on a channel."""

    def test_requests(self) -> None:
        """A request is granted, refused, or ends the connection with one DISCONNECT, cut short wherever it may be."""
        for name, rest in CHANNEL_REQUESTS:
            for length in range(len(rest) + 1):
                client = self.logged_in()
                granted = client.open_channel().request(name, rest[:length])
                if client.disconnected is None:
                    self.assertIn(granted, (True, False), (name, rest[:length]))
                    self.assertIs(client.open_subsystem().closed, False)
                    client.disconnect()
                self.assert_gone(client)

    def test_lying_payloads(self) -> None:
        """The name of a subsystem that is longer than its message, or has more behind it, crashes nothing."""
        for payload in (
            u32(0xFFFFFFFF),
            u32(5) + b"sftp",
            u32(4) + b"sftp\0\0\0\0",
            u32(0),
            string(b"sftp\0"),
            string(b"\xff"),
        ):
            client = self.logged_in()
            channel = client.open_channel()
            for wants_reply in (False, True):
                if client.disconnected is None:
                    channel.request(b"subsystem", payload, wants_reply=wants_reply)
            other = self.session()
            self.assertEqual(other.get("/f"), b"0123456789")

    def test_messages(self) -> None:
        """Every message of the connection protocol, empty and as noise, is answered or ends the connection in order."""
        chance = random.Random(SEED)
        for number in (80, *range(90, 101), 101, 127):
            for payload in (b"", b"\0", u32(0), u32(0xFFFFFFFF), u32(0) + u32(0xFFFFFFFF), chance.randbytes(30)):
                client = self.logged_in()
                client.open_subsystem()
                client.packet(number, payload)
                if client.disconnected is None:
                    self.assert_alive(client)
                    client.disconnect()
                self.assert_gone(client)
