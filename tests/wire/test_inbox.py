"""
Cutting a stream of `uint32 length, bytes` packets out of lent chunks.
"""

from itertools import cycle
from struct import pack

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.wire.inbox import Inbox

# What is lent is overwritten with this: a view that was kept too long shows it.
_GONE = 0xEE


def pattern(size: int) -> bytes:
    """Return bytes that show where they come from; never the one that spoils."""
    return bytes((size + at) % 230 for at in range(size))


PACKETS = st.lists((st.integers(5, 300) | st.integers(4000, 9000)).map(pattern), max_size=8)
# Bytes of a chunk, how often to take, whether to keep; repeated until the stream is over.
STEPS = st.lists(st.tuples(st.integers(1, 20) | st.integers(1, 12_000), st.integers(0, 3), st.booleans()), min_size=1)


def framed(*packets: bytes) -> bytes:
    """Return packets with their lengths."""
    return b"".join(pack(">I", len(packet)) + packet for packet in packets)


def taken(inbox: Inbox) -> list[bytes]:
    """Take every whole packet, as bytes."""
    packets = []
    while (pieces := inbox.take()) is not None:
        packets.append(b"".join(pieces))
    return packets


def lent(inbox: Inbox, data: bytes) -> bytearray:
    """Feed bytes from a buffer of their own and return it."""
    chunk = bytearray(data)
    inbox.feed(memoryview(chunk))
    return chunk


def spoil(chunk: bytearray) -> None:
    """Overwrite what was lent, as the next receive does."""
    chunk[:] = bytes([_GONE]) * len(chunk)


class CuttingTests(SynchronousTestCase):
    """Packets out of chunks, however they are cut."""

    packets = (b"first", b"a second one", b"3rd..", bytes(range(256)))

    def test_whole(self) -> None:
        """Several packets in one chunk come out in order, each as one piece."""
        inbox = Inbox(1000)
        lent(inbox, framed(*self.packets))
        pieces = [inbox.take() for _ in self.packets]
        self.assertEqual([[bytes(piece) for piece in packet or ()] for packet in pieces], [[p] for p in self.packets])
        self.assertIsNone(inbox.take())
        self.assertEqual(inbox.size, 0)

    def test_no_copy(self) -> None:
        """A packet that lies in one chunk is a view of that chunk."""
        inbox = Inbox(1000)
        chunk = lent(inbox, framed(b"abcdef"))
        (piece,) = inbox.take() or ()
        self.assertIs(piece.obj, chunk)

    def test_byte_by_byte(self) -> None:
        """Chunks of one byte, each of which is overwritten after its turn, give the same packets."""
        inbox = Inbox(1000)
        found = []
        for number in framed(*self.packets):
            chunk = lent(inbox, bytes([number]))
            found += taken(inbox)
            inbox.keep()
            spoil(chunk)
        self.assertEqual(found, list(self.packets))

    def test_cut_at_every_place(self) -> None:
        """Two chunks give the same packets wherever the cut lies, kept or not."""
        stream = framed(*self.packets)
        for cut in range(len(stream) + 1):
            for keep in (False, True):
                with self.subTest(cut=cut, keep=keep):
                    inbox = Inbox(1000)
                    chunk = lent(inbox, stream[:cut])
                    found = taken(inbox)
                    if keep:
                        inbox.keep()
                        spoil(chunk)
                    lent(inbox, stream[cut:])
                    found += taken(inbox)
                    self.assertEqual(found, list(self.packets))
                    self.assertEqual(inbox.size, 0)

    def test_cut_short_at_every_length(self) -> None:
        """What is not whole is not given out."""
        stream = framed(b"0123456789")
        for length in range(len(stream)):
            with self.subTest(length=length):
                inbox = Inbox(1000)
                lent(inbox, stream[:length])
                self.assertIsNone(inbox.take())
                self.assertIsNone(inbox.take())

    def test_empty_chunk(self) -> None:
        """An empty chunk changes nothing."""
        inbox = Inbox(1000)
        inbox.feed(memoryview(b""))
        lent(inbox, framed(b"abcde")[:6])
        inbox.feed(memoryview(b""))
        lent(inbox, framed(b"abcde")[6:])
        inbox.feed(memoryview(b""))
        self.assertEqual(taken(inbox), [b"abcde"])
        inbox.keep()
        self.assertEqual(inbox.size, 0)

    def test_size(self) -> None:
        """`size` counts what is here and not taken; the length of a packet that was looked at counts as taken."""
        inbox = Inbox(1000)
        lent(inbox, framed(b"0123456789", b"abcde")[:-1])
        self.assertEqual(inbox.size, 22)
        inbox.take()
        self.assertEqual(inbox.size, 8)
        self.assertIsNone(inbox.take())
        self.assertEqual(inbox.size, 4)
        lent(inbox, b"e")
        self.assertEqual(taken(inbox), [b"abcde"])
        self.assertEqual(inbox.size, 0)


class KeepTests(SynchronousTestCase):
    """What is unread outlives the buffer it came in."""

    def test_nothing_unread(self) -> None:
        """`keep` with nothing unread keeps nothing, and may be called at any time."""
        inbox = Inbox(1000)
        inbox.keep()
        lent(inbox, framed(b"abcde"))
        taken(inbox)
        inbox.keep()
        inbox.keep()
        self.assertIsNone(inbox.take())

    def test_large_piece_stays(self) -> None:
        """A large piece that is kept already is not copied again because more comes."""
        inbox = Inbox(10_000)
        lent(inbox, framed(bytes(5000))[:4500])
        inbox.keep()
        lent(inbox, framed(bytes(5000))[4500:4600])
        inbox.keep()
        lent(inbox, framed(bytes(5000))[4600:])
        self.assertEqual([piece.nbytes for piece in inbox.take() or ()], [4496, 100, 404])

    def test_rest_of_a_kept_piece(self) -> None:
        """What is left of a small kept piece grows together with what came after it, without what was taken."""
        inbox = Inbox(1000)
        chunk = lent(inbox, framed(b"first", b"second")[:-2])
        inbox.keep()
        spoil(chunk)
        self.assertEqual(taken(inbox), [b"first"])
        chunk = lent(inbox, b"n")
        inbox.keep()
        spoil(chunk)
        chunk = lent(inbox, b"d" + framed(b"third"))
        inbox.keep()
        spoil(chunk)
        self.assertEqual(taken(inbox), [b"second", b"third"])

    def test_only_the_unread_part(self) -> None:
        """Of a large chunk that was read nearly to its end only the end is copied."""
        inbox = Inbox(100_000)
        lent(inbox, framed(bytes(100_000), b"abcde")[:-1])
        taken(inbox)
        inbox.keep()
        lent(inbox, b"e")
        pieces = inbox.take() or []
        self.assertEqual(b"".join(pieces), b"abcde")
        self.assertLess(len(pieces[0].obj), 100)

    def test_tiny_chunks_stay_few(self) -> None:
        """A packet that comes in chunks of one byte is not kept as one object for each byte."""
        inbox = Inbox(100_000)
        stream = framed(bytes(i % 251 for i in range(20_000)))
        pieces = None
        for number in stream:
            chunk = lent(inbox, bytes([number]))
            pieces = inbox.take()
            if pieces is None:
                inbox.keep()
                spoil(chunk)
        assert pieces is not None
        self.assertEqual(b"".join(pieces), stream[4:])
        self.assertLessEqual(len(pieces), 20_000 // 4096 + 2)

    def test_tiny_chunks_of_one_turn_become_one(self) -> None:
        """Many chunks of one turn are kept as one piece."""
        inbox = Inbox(100_000)
        lent(inbox, pack(">I", 10_000))
        for _ in range(9_999):
            lent(inbox, b"x")
        inbox.keep()
        lent(inbox, b"y")
        self.assertEqual(len(inbox.take() or ()), 2)


class LimitTests(SynchronousTestCase):
    """Lengths that no packet may have."""

    def test_bounds(self) -> None:
        """The lowest and the highest length are accepted, one below and one above are not."""
        for length, fits in ((4, False), (5, True), (6, True), (99, True), (100, True), (101, False)):
            with self.subTest(length=length):
                inbox = Inbox(100)
                lent(inbox, framed(bytes(length)))
                if fits:
                    self.assertEqual(taken(inbox), [bytes(length)])
                else:
                    self.assertRaises(ValueError, inbox.take)

    def test_extremes(self) -> None:
        """No length is taken for a small one: 0, and the highest that fits into four bytes."""
        for head in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x80\0\0\0"):
            with self.subTest(head=head):
                inbox = Inbox(256 * 1024)
                lent(inbox, head)
                self.assertRaises(ValueError, inbox.take)

    def test_smallest(self) -> None:
        """The lowest length can be chosen."""
        inbox = Inbox(100, smallest=1)
        lent(inbox, framed(b"a"))
        self.assertEqual(taken(inbox), [b"a"])

    def test_refused_before_the_body(self) -> None:
        """A bad length is refused as soon as it is here, not when its bytes have been collected."""
        inbox = Inbox(100)
        lent(inbox, pack(">I", 101)[:3])
        self.assertIsNone(inbox.take())
        lent(inbox, pack(">I", 101)[3:])
        problem = self.assertRaises(ValueError, inbox.take)
        self.assertEqual(str(problem), "packet length 101, 5 to 100 expected")


class PropertyTests(SynchronousTestCase):
    """Any chunking, any moment of `keep`, any moment of `take`."""

    @given(PACKETS, STEPS)
    @settings(max_examples=300)
    def test_any_chunking(self, packets: list[bytes], steps: list[tuple[int, int, bool]]) -> None:
        """The packets that went in come out, in order and once, and no overwritten byte is seen."""
        inbox = Inbox(10_000)
        stream = framed(*packets)
        borrowed: list[bytearray] = []
        found: list[bytes] = []
        at = 0
        for count, (size, takes, keep) in enumerate(cycle(steps)):
            if at >= len(stream):
                break
            # A thousand tiny chunks show what tens of thousands would.
            size <<= count // 1000
            borrowed.append(lent(inbox, stream[at : at + size]))
            at += size
            for _ in range(takes):
                pieces = inbox.take()
                if pieces is not None:
                    self.assertTrue(all(piece.nbytes for piece in pieces))
                    found.append(b"".join(pieces))
            if keep:
                inbox.keep()
                for chunk in borrowed:
                    spoil(chunk)
                borrowed.clear()
        found += taken(inbox)
        self.assertEqual(found, packets)
        self.assertEqual(inbox.size, 0)
