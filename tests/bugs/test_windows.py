"""
Windows: those of clients are used as they are, ours is one that every client can count with.
"""

from struct import unpack_from

from conchsftp.errors import ServerError
from conchsftp.sftp.statuses import Status
from conchsftp.testing import MemoryChannel
from tests.bugs.classes import bug_class
from tests.bugs.support import WireCase
from tests.session.support import (
    CLOSE,
    DATA,
    GREETING,
    numbers,
    opening,
    reading,
    request,
    string,
    string_at,
    writing,
)
from tests.session.versions import in_versions

READ, WRITE, CREAT = 1, 2, 8
KIB, MIB = 1 << 10, 1 << 20
OPENED, REFUSED, ADJUST, DATA_MESSAGE, FAILURE = 91, 92, 93, 94, 100
SIGNED = 2**31 - 1
CONTENT = bytes(range(256)) * (16 * KIB)
HANDLE = b"00000000"


class WindowCase(WireCase):
    """A large file, and channels that are opened by hand."""

    def make_files(self) -> object:
        files = super().make_files()
        files.put("/large", CONTENT)
        return files

    def channel(self, window: int, packet: int = 32 * KIB) -> MemoryChannel:
        """Open the subsystem on another channel, which does not open its window again by itself."""
        channel = self.session.client.open_subsystem(window=window, packet=packet)
        channel.reopens = False
        return channel

    def fetch(self, size: int) -> bytes:
        """Return the stream of a session that reads from the beginning of the large file."""
        reads = (reading(HANDLE, at, 32 * KIB, at) for at in range(0, size, 32 * KIB))
        return b"".join((GREETING, opening(b"/large", 0, READ), *reads))

    def fetched(self, stream: bytes) -> bytes:
        """Return the data in the replies of a stream."""
        found, at = [], 0
        while at < len(stream):
            (size,) = unpack_from(">I", stream, at)
            if stream[at + 4] == DATA:
                found.append(string_at(stream, at + 9))
            at += 4 + size
        return b"".join(found)


@in_versions()
@bug_class(17)
class TheirsTests(WindowCase):
    """The window of the client."""

    def test_huge(self) -> None:
        """Windows of 2 GiB and more are used without an adjustment: SSH.NET's, one that is negative if it is signed,
        and the largest."""
        for window in (SIGNED, 2**31, 2**32 - 1):
            channel = self.channel(window)
            channel.send(self.fetch(len(CONTENT)))
            self.assertEqual(self.fetched(channel.take()), CONTENT)
            channel.close()

    def test_nothing_is_cut_off(self) -> None:
        """The window is counted to the byte: the largest cannot be made larger, one that is used by a byte can."""
        for used, fine in ((9, True), (0, False)):
            self.session = self.begin()
            channel = self.channel(2**32 - 1)
            if used:
                channel.send(GREETING)
                used = len(channel.take())
            channel.adjust(used or 1)
            self.assertEqual(self.session.client.disconnected is None, fine)

    def test_to_the_byte(self) -> None:
        """Where a window ends a byte before a reply does, at its end or behind it, just so much is sent."""
        stream = self.fetch(3 * 32 * KIB)
        channel = self.channel(MIB)
        channel.send(stream)
        whole, end = channel.take(), 0
        while end < len(whole):
            end += 4 + unpack_from(">I", whole, end)[0]
            for window in (end - 1, end, end + 1):
                channel.close()
                channel = self.channel(window)
                channel.send(stream)
                self.assertEqual(channel.take(), whole[:window])

    def test_opened_late(self) -> None:
        """Nothing is sent before the client opens its window, and all that it asked for meanwhile then."""
        channel = self.channel(0)
        channel.send(self.fetch(MIB))
        self.assertEqual(channel.take(), b"")
        channel.adjust(0)
        self.assertEqual(channel.take(), b"")
        channel.adjust(2 * MIB)
        self.assertEqual(self.fetched(channel.take()), CONTENT[:MIB])

    def test_opened_when_used_up(self) -> None:
        """A client that gives its window back only when nothing is left gets everything: SSH.NET does so."""
        for window in (10_000, 32 * KIB, 100_000):
            channel = self.channel(window)
            channel.send(self.fetch(MIB))
            received = bytearray(channel.take())
            while channel.window == 0:
                channel.adjust(window)
                received += channel.take()
            self.assertEqual(self.fetched(bytes(received)), CONTENT[:MIB])
            channel.close()

    def test_tiny_packets(self) -> None:
        """A client that takes packets of no bytes, or hardly any, is refused the channel, not sent nothing for ever."""
        for packet in (0, 1, 255):
            channel = self.session.client.open_channel(packet=packet)
            self.assertEqual(channel.numbers, [REFUSED])
            assert channel.refused is not None
            self.assertIn("packet size", channel.refused[1])
        channel = self.channel(2 * MIB, packet=256)
        channel.send(self.fetch(64 * KIB))
        self.assertEqual(self.fetched(channel.take()), CONTENT[: 64 * KIB])

    def test_putty(self) -> None:
        """PuTTY measures with a request that every server refuses: each is, in its place among the data."""
        channel = self.session.channel
        handle = self.open(b"/large", READ)
        channel.history.clear()
        for number in range(20):
            channel.lay_data(reading(handle, 0, 1000, number))
            channel.lay(98, string(b"winadj@putty.projects.tartarus.org") + b"\x01")
        replies = self.session.replies()
        self.assertEqual(channel.numbers, [DATA_MESSAGE, FAILURE] * 20)
        self.assertEqual(numbers(replies), list(range(20)))


@in_versions()
@bug_class(17)
class OursTests(WindowCase):
    """The window of the server."""

    def advertised(self, **settings: int) -> int:
        """Return the window that a client is given."""
        session = self.begin(server=self.make_server(**settings))
        (number, rest) = session.channel.history[0]
        self.assertEqual(number, OPENED)
        return int(unpack_from(">I", rest, 4)[0])

    def test_fits_a_signed_number(self) -> None:
        """It is no larger than 2 GiB less a byte, whatever the setting: WS_FTP counts with a sign."""
        self.assertEqual(self.advertised(max_bytes_in_flight=SIGNED), SIGNED)
        self.assertLessEqual(self.advertised(), SIGNED)
        self.assertRaises(ServerError, self.make_server, max_bytes_in_flight=SIGNED + 1)

    def test_does_not_run_dry(self) -> None:
        """While a client uploads and is answered it never has less than half of the window to go on with."""
        channel = self.session.channel
        whole = self.advertised()
        handle = self.open(b"/up", WRITE | CREAT)
        for at in range(0, 8 * MIB, 30_000):
            self.assert_status(self.one(writing(handle, at, bytes(30_000))), Status.OK)
            self.assertGreaterEqual(channel.remote_window, whole // 2 - 32 * KIB)
            self.assertLessEqual(channel.remote_window, whole)
        self.assertGreater(channel.numbers.count(ADJUST), 4)

    def test_uploads_never_stall(self) -> None:
        """A client that sends as much as the window lets it can always go on: many times the window, in one go."""
        for settings in ({}, {"max_bytes_in_flight": 1 << 19}):
            self.session = self.begin(server=self.make_server(**settings))
            handle = self.open(b"/up", WRITE | CREAT)
            offsets = range(0, 8 * MIB, 30_000)
            replies = self.session.ask(*(writing(handle, at, b"x" * 30_000, at) for at in offsets))
            self.assertEqual(numbers(replies), list(offsets))
            self.assertEqual(self.session.channel._unsent, b"")
            self.close(handle)

    def test_several_channels(self) -> None:
        """Each channel has a window of its own: one that is stuck takes nothing from another."""
        stuck = self.channel(1000)
        stuck.send(self.fetch(MIB))
        handle = self.open(b"/up", WRITE | CREAT)
        replies = self.session.ask(*(writing(handle, at, bytes(30_000)) for at in range(0, 4 * MIB, 30_000)))
        self.assert_statuses(replies, *[Status.OK] * len(replies))
        self.assert_status(self.one(request(CLOSE, 1, string(handle))), Status.OK)
        self.assertEqual(len(stuck.take()), 1000)
