"""
Windows: what a client may send before it is answered, and what it takes before it says so.
"""

from struct import pack
from typing import Any

from twisted.internet.defer import Deferred

from conchsftp.events import FileRemove
from conchsftp.sftp import requests
from conchsftp.sftp.numbers import Access, Disposition
from conchsftp.sftp.replies import Data, HandleReply
from conchsftp.testing import MemoryChannel, MemorySession
from tests.bugs.classes import bug_class
from tests.ssh.case import ConnectionCase, opening

ADJUST, DATA = 93, 94
CONTENT = bytes(range(256)) * 1200
LARGEST_PACKET = 256 * 1024


def string(data: bytes) -> bytes:
    """Lay out a string."""
    return pack(">I", len(data)) + data


@bug_class(17)
class OursTests(ConnectionCase):
    """What the client may send."""

    def test_limit(self) -> None:
        """Up to the window and no further: one below, at, and above."""
        self.serve(max_bytes_in_flight=1 << 19, handler_time_limit=0)
        for size, fine in (((1 << 19) - 1, True), (1 << 19, True), ((1 << 19) + 1, False)):
            session = self.waiting()
            self.send_blindly(session.channel, size - session.spent)
            if fine:
                self.assertFalse(session.client.pipe.closing)
                session.cut()
            else:
                self.assert_ended(session.client, text="allowed")

    def waiting(self) -> Any:
        """Return a session that works on a request, so that nothing is given back; `spent` says what it has used."""
        session: Any = self.session()
        work: Deferred[None] = Deferred()
        self.server.on(FileRemove, lambda event: work if event.before_exec else None)
        self.addCleanup(work.callback, None)
        session.ask(requests.Remove(path=b"/f"))
        session.spent = (1 << 19) - session.channel.remote_window
        return session

    def send_blindly(self, channel: MemoryChannel, size: int) -> None:
        """Send so many bytes of requests that nobody looks at yet, whatever the window says."""
        data = string(bytes(200_000)) * (size // 200_004 + 1)
        for at in range(0, size, 32768):
            channel.lay(DATA, string(data[at : min(at + 32768, size)]))
        channel._client.pump()

    def test_largest_packet(self) -> None:
        """At most 32768 bytes in one message: one below, at, and above, also of what nobody wants."""
        for size, fine in ((32767, True), (32768, True), (32769, False)):
            for number, head in ((DATA, b""), (95, pack(">I", 1))):
                channel = self.logged_in().open_channel()
                channel.packet(number, head + string(bytes(size)))
                if fine:
                    self.assert_alive(channel._client)
                else:
                    self.assert_ended(channel._client, text="32769 bytes of data, 32768 allowed")

    def test_given_back_when_answered(self) -> None:
        """The window is given back when requests are answered, not when they arrive."""
        session = self.session()
        work: Deferred[None] = Deferred()
        self.server.on(FileRemove, lambda event: work if event.before_exec else None)
        handle = self.opened(session, b"/up")
        session.channel.history.clear()
        session.ask(requests.Remove(path=b"/f"))
        writes = [
            session.ask(requests.Write(handle=handle, offset=0, data=[bytes(32000)]))
            for _ in range(session.channel.remote_window // 33000)
        ]
        self.assertEqual(session.channel.numbers, [])
        work.callback(None)
        session.read()
        for write in writes:
            self.successResultOf(write)
        self.assertIn(ADJUST, session.channel.numbers)
        self.assertGreater(session.channel.remote_window, 1 << 20)

    def opened(self, session: MemorySession, path: bytes) -> bytes:
        """Create a file and return its handle."""
        reply = session.request(opening(path, Access.WRITE_DATA, Disposition.CREATE_TRUNCATE))
        assert isinstance(reply, HandleReply)
        return reply.handle

    def test_given_back_by_halves(self) -> None:
        """Not for every request, but when half of it is used; what is given back is what was used."""
        self.serve(max_bytes_in_flight=1 << 20)
        session = self.session()
        handle = self.opened(session, b"/up")
        session.channel.history.clear()
        for _ in range(160):
            session.request(requests.Write(handle=handle, offset=0, data=[bytes(32000)]))
        adjusts = [int.from_bytes(rest, "big") for number, rest in session.channel.history if number == ADJUST]
        self.assertEqual(len(adjusts), 160 // 17)
        for count in adjusts:
            self.assertTrue(1 << 19 <= count < (1 << 19) + 33000)

    def test_largest_request_always_fits(self) -> None:
        """However much of the smallest window is used and not given back yet, the largest request can be received."""
        self.serve(max_bytes_in_flight=1 << 19)
        for used in range((1 << 18) - 20, (1 << 18) + 4):
            session = self.session()
            spent = (1 << 19) - session.channel.remote_window
            # A request of an unknown type, answered at once, uses up what is to be used.
            rest = used - spent - 100_000
            for size in (100_000, rest):
                session.channel.send(string((b"\x64" + pack(">I", 0)).ljust(size - 4, b"\0")))
            session.packets()
            session.channel.send(string((b"\x64" + pack(">I", 7)).ljust(LARGEST_PACKET, b"\0")))
            self.assertEqual(len(session.packets()), 1, used)
            session.cut()

    def test_what_nobody_wants(self) -> None:
        """Data before a subsystem, extended data, and data after the end use the window and give it back."""
        client = self.logged_in()
        channel = client.open_channel()
        for number, head in ((DATA, b""), (95, pack(">I", 1))):
            for _ in range(200):
                self.assertGreaterEqual(channel.remote_window, 30_000)
                channel.remote_window -= 30_000
                channel.packet(number, head + string(bytes(30_000)))
        self.assert_alive(client)

    def test_none_given_back_at_the_end(self) -> None:
        """To a client that has closed nothing is given back."""
        session = self.session()
        handle = self.opened(session, b"/up")
        for _ in range(40):
            session.channel.lay_data(b"")
            session.ask(requests.Write(handle=handle, offset=0, data=[bytes(25000)]))
        session.channel.history.clear()
        session.channel.close()
        self.assertEqual(session.channel.numbers, [97])


@bug_class(17)
class TheirsTests(ConnectionCase):
    """What the client takes."""

    def setUp(self) -> None:
        super().setUp()
        self.avatar.files.put("/large", CONTENT)

    def opened(self, session: MemorySession) -> bytes:
        """Open the large file."""
        reply = session.request(opening(b"/large"))
        assert isinstance(reply, HandleReply)
        return reply.handle

    def raw_session(self, window: int, packet: int, total: int) -> tuple[MemoryChannel, bytearray]:
        """Return a channel with this window, and the stream of requests that fetches `total` bytes of the file."""
        channel = self.logged_in().open_subsystem(window=window, packet=packet)
        channel.reopens = False
        stream = bytearray(bytes.fromhex("00000005 01 00000003"))
        stream += string(b"\x03" + pack(">I", 1) + string(b"/large") + pack(">II", 1, 0))
        for at in range(0, total, 1000):
            stream += string(b"\x05" + pack(">I", at) + string(b"00000000") + pack(">QI", at, min(1000, total - at)))
        return channel, stream

    def content(self, stream: bytes) -> bytes:
        """Return the data of the DATA replies in a stream; the last one may be cut short."""
        found = b""
        while len(stream) > 4:
            size = int.from_bytes(stream[:4], "big")
            if stream[4] == 103:
                found += stream[13 : 4 + size]
            stream = stream[4 + size :]
        return found

    def test_progress(self) -> None:
        """With windows and packets of any size everything arrives, though the client opens its window only when it
        is used up, or half used, or by a byte at a time."""
        for window in (1, 2, 3, 7, 8, 13, 100, 1000, 4095, 4096, 5000, 33_000, 70_000, 300_000):
            for packet in (256, 1000, 32768):
                for left in (0, window // 2):
                    self.check_progress(window, packet, left, window - left)
        self.check_progress(10, 32768, 9, 1)
        self.check_progress(100_000, 32768, 99_999, 1)

    def check_progress(self, window: int, packet: int, left: int, more: int) -> None:
        """Fetch through a window that grows by `more` when no more than `left` of it is left."""
        total = min(len(CONTENT), 2 * window + 3000, 10 * more + 300, 1000 * packet)
        channel, stream = self.raw_session(window, packet, total)
        channel.send(bytes(stream))
        received = bytearray()
        while len(content := self.content(bytes(received))) < total:
            new = channel.take()
            received += new
            if channel.window > left:
                self.assertTrue(new, (window, packet, left, channel.window, len(content)))
            else:
                channel.adjust(more)
        self.assertEqual(content, CONTENT[:total])
        channel._client.pipe.cut()

    def test_no_window_at_first(self) -> None:
        """A client may open its window later."""
        channel, stream = self.raw_session(0, 32768, 5000)
        channel.send(bytes(stream))
        self.assertEqual(channel.take(), b"")
        channel.adjust(100_000)
        self.assertEqual(self.content(channel.take()), CONTENT[:5000])

    def test_packet_size(self) -> None:
        """No message has more data than the client takes in one, nor more than 32768 bytes."""
        for packet in (1000, 4095, 4096, 32767, 32768, 2**32 - 1):
            session = self.session()
            channel = session.client.open_subsystem(packet=packet)
            sizes: list[int] = []
            take = channel._take
            channel._take = lambda data, take=take, sizes=sizes: (sizes.append(len(data)), take(data))  # type: ignore
            _, stream = self.raw_session(1, 256, 0)
            stream += string(b"\x05" + pack(">I", 2) + string(b"00000000") + pack(">QI", 0, 200_000))
            channel.send(bytes(stream))
            self.assertEqual(self.content(channel.take()), CONTENT[:200_000])
            self.assertEqual(max(sizes), min(packet, 32768))

    def test_larger_than_window(self) -> None:
        """A reply may be many times as large as the window."""
        session = self.session(window=2000)
        reply = session.request(requests.Read(handle=self.opened(session), offset=0, length=255 * 1024))
        assert isinstance(reply, Data)
        self.assertEqual(reply.data, CONTENT[: 255 * 1024])

    def test_kept_to(self) -> None:
        """What does not fit waits; nothing is sent above the window (the client here counts)."""
        session = self.session(window=1000)
        session.channel.reopens = False
        handle = self.opened(session)
        asked = session.ask(requests.Read(handle=handle, offset=0, length=5000))
        self.assertNoResult(asked)
        self.assertEqual(session.channel.window, 0)
        for _ in range(4):
            session.channel.adjust(1000)
            self.assertEqual(session.channel.window, 0)
            session.read()
        session.channel.adjust(1000)
        session.read()
        self.assertEqual(self.successResultOf(asked).data, CONTENT[:5000])  # type: ignore[union-attr]

    def test_largest_window(self) -> None:
        """A window may grow to 2^32 - 1 bytes and no further (RFC 4254, 5.2)."""
        for more, fine in ((2**32 - 1001, True), (2**32 - 1000, True), (2**32 - 999, False)):
            client = self.logged_in()
            channel = client.open_channel(window=999)
            channel.packet(ADJUST, pack(">I", more))
            if fine:
                self.assert_alive(client)
            else:
                self.assert_ended(client, text="window larger than")

    def test_nothing_begins_without_room(self) -> None:
        """A client that reads nothing has no more requests begun than its window has answers for."""
        session = self.session(window=3000)
        session.channel.reopens = False
        served: list[None] = []
        self.server.on("GetAttributes", lambda event: served.append(None))
        for _ in range(2000):
            session.channel.lay_data(string(b"\x11" + pack(">I", 5) + string(b"/f")))
        session.client.pump()
        self.assertLess(len(served), 200)
        session.channel.reopens = True
        session.channel.adjust(1 << 20)
        self.assertEqual((len(served), len(session.packets())), (2000, 2000))
