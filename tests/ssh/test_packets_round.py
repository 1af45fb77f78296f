"""
Whatever a `Sender` is asked to send, in any mixture, a `Receiver` gets: messages, data, new keys, compression.
"""

import zlib
from collections.abc import Callable
from random import Random
from struct import pack, unpack_from

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.ssh.packets.ciphers import PacketCipher
from conchsftp.ssh.packets.receiving import LARGEST_PACKET, Receiver
from conchsftp.ssh.packets.staging import Sender, StagingPool
from tests.ssh.families import FAMILIES, put, receiving

# Recipient channel and the most data of one message. All above what comes first in a reply.
CHANNELS = {b"\x5e" + pack(">I", limit): limit for limit in (64, 100, 4096, 32768, LARGEST_PACKET - 512)}
HEADS = list(CHANNELS)
NEWKEYS = b"\x15"

# (what, and its arguments)
STEPS = st.one_of(
    st.tuples(st.just("packet"), st.integers(1, 300) | st.integers(1, 40_000)),
    st.tuples(st.just("data"), st.sampled_from(HEADS), st.integers(0, 300) | st.integers(0, 100_000)),
    st.tuples(
        st.just("reserve"),
        st.sampled_from(HEADS),
        st.integers(0, 60),
        st.integers(1, 300) | st.integers(1, 300_000),
        st.sampled_from((0.0, 0.01, 0.5, 0.99, 1.0)),
    ),
    st.tuples(st.just("abandon"), st.sampled_from(HEADS), st.integers(1, 100_000)),
    st.tuples(st.just("send"), st.floats(0, 1)),
    st.tuples(st.just("keys"), st.sampled_from(sorted(FAMILIES)), st.booleans(), st.booleans()),
    st.tuples(st.just("compress"), st.booleans()),
)


def deflate() -> Callable[[memoryview], bytes]:
    """Return a compressor that flushes each payload, as RFC 4253, 6.2 demands."""
    zipping = zlib.compressobj(1)
    return lambda payload: zipping.compress(payload) + zipping.flush(zlib.Z_SYNC_FLUSH)


def inflate() -> Callable[[memoryview], bytes]:
    """Return what undoes `deflate`."""
    return zlib.decompressobj().decompress


class Told:
    """What was said, without how it was cut: messages, and the data of each channel between them."""

    def __init__(self) -> None:
        self.log: list[tuple[bytes, bytearray]] = []

    def message(self, payload: bytes) -> None:
        """Note a message that is no data."""
        self.log.append((payload, bytearray()))

    def data(self, head: bytes, data: bytes) -> None:
        """Note data, joined to what the same channel was told before."""
        if not data:
            return
        if not self.log or self.log[-1][0] != head:
            self.log.append((head, bytearray()))
        self.log[-1][1].extend(data)


class Conversation:
    """A sender, what it was told, and what it sent, with the keys in the order of their switches."""

    def __init__(self, seed: int) -> None:
        self.pool = StagingPool()
        self.sender = Sender(self.pool)
        self.told = Told()
        self.wire = bytearray()
        self.switches: list[tuple[str, bool, bool]] = []
        self._chance = Random(seed)

    def some(self, size: int) -> bytes:
        """Return bytes that deflate can shorten, or that it makes longer."""
        return self._chance.randbytes(size) if self._chance.random() < 0.5 else bytes(size)

    def packet(self, size: int) -> None:
        payload = b"\x02" + self.some(size - 1)
        self.sender.packet(payload)
        self.told.message(payload)

    def data(self, head: bytes, size: int) -> None:
        data = self.some(size)
        self.sender.data(head, CHANNELS[head], data)
        self.told.data(head, data)

    def reserve(self, head: bytes, before: int, size: int, part: float) -> None:
        places = self.sender.reserve(head, CHANNELS[head], before, size)
        data = self.some(size)
        at = 0
        for place in places:
            place[:] = data[at : at + place.nbytes]
            at += place.nbytes
        if at != size:
            raise AssertionError(f"places for {at} bytes, {size} asked for")
        first = self.some(before)
        self.sender.commit(first, int(size * part))
        self.told.data(head, first + data[: int(size * part)])

    def abandon(self, head: bytes, size: int) -> None:
        for place in self.sender.reserve(head, CHANNELS[head], 13, size):
            place[:] = b"!" * place.nbytes

    def send(self, part: float) -> None:
        view = self.sender.unsent()
        count = int(view.nbytes * part)
        self.wire += view[:count]
        self.sender.sent(count)

    def keys(self, name: str, compressed: bool, reset: bool) -> None:
        self.sender.packet(NEWKEYS)
        self.told.message(NEWKEYS)
        self.sender.switch(FAMILIES[name](), deflate() if compressed else None, reset=reset)
        self.switches.append((name, compressed, reset))

    def compress(self, compressed: bool) -> None:
        self.sender.packet(NEWKEYS)
        self.told.message(NEWKEYS)
        self.sender.compress_with(deflate() if compressed else None)
        self.switches.append(("", compressed, False))


def heard(wire: bytes, switches: list[tuple[str, bool, bool]]) -> tuple[Told, Receiver]:
    """Receive everything, switching keys where the sender did; checks every data message."""
    receiver = receiving(PacketCipher())
    told = Told()
    following = iter(switches)
    for at in range(0, len(wire), 100_000):
        put(receiver, wire[at : at + 100_000])
        while (payload := receiver.next()) is not None:
            head = bytes(payload[:5])
            if head in CHANNELS:
                (size,) = unpack_from(">I", payload, 5)
                if not 0 < size <= CHANNELS[head] or payload.nbytes != 9 + size:
                    raise AssertionError(f"{payload.nbytes} bytes of message with {size} bytes of data")
                told.data(head, bytes(payload[9:]))
                continue
            told.message(bytes(payload))
            if payload == NEWKEYS:
                switched(receiver, *next(following))
    return told, receiver


def switched(receiver: Receiver, name: str, compressed: bool, reset: bool) -> None:
    """Switch as the sender did."""
    if name:
        receiver.switch(FAMILIES[name](), inflate() if compressed else None, reset=reset)
    else:
        receiver.decompress_with(inflate() if compressed else None)


class RoundTripTests(SynchronousTestCase):
    """Sender to receiver."""

    @given(
        st.sampled_from(sorted(FAMILIES)),
        st.booleans(),
        st.lists(STEPS, max_size=40),
        st.integers(0, 2**32 - 1),
    )
    @settings(max_examples=400)
    def test_any_mixture(self, name: str, compressed: bool, steps: list[tuple], seed: int) -> None:
        """All that is said arrives, once, in order, under the right keys; nothing else does."""
        talk = Conversation(seed)
        talk.keys(name, compressed, True)
        for step, *arguments in steps:
            getattr(talk, step)(*arguments)
            self.assertGreaterEqual(talk.sender.waiting, 0)
        talk.send(1.0)
        self.assertEqual(talk.sender.waiting, 0)
        told, receiver = heard(bytes(talk.wire), talk.switches)
        # Compared by their digests first: a report of megabytes helps nobody.
        self.assertEqual(
            [(head[:5], len(data)) for head, data in told.log], [(head[:5], len(data)) for head, data in talk.told.log]
        )
        self.assertTrue(told.log == talk.told.log, "the bytes differ")
        self.assertEqual(
            (receiver.sequence, receiver.packets, receiver.bytes),
            (talk.sender.sequence, talk.sender.packets, talk.sender.bytes),
        )

    def test_sizes_under_compression(self) -> None:
        """What deflate cannot shorten still fits, at every limit, in messages laid out one behind the other."""
        for name in FAMILIES:
            for head in HEADS:
                with self.subTest(name, limit=CHANNELS[head]):
                    talk = Conversation(0)
                    talk.some = Random(1).randbytes  # type: ignore[assignment,method-assign]
                    talk.keys(name, True, True)
                    for size in (1, CHANNELS[head] - 1, CHANNELS[head], CHANNELS[head] + 1, 3 * CHANNELS[head]):
                        talk.reserve(head, 13, size, 1.0)
                        talk.data(head, size)
                    talk.send(1.0)
                    told, _ = heard(bytes(talk.wire), talk.switches)
                    self.assertTrue(told.log == talk.told.log)

    def test_compressed_messages_close_up(self) -> None:
        """What compression saves is not sent as a gap."""
        talk = Conversation(0)
        talk.keys("gcm", True, True)
        talk.send(1.0)
        before = len(talk.wire)
        for place in talk.sender.reserve(HEADS[3], CHANNELS[HEADS[3]], 0, 300_000):
            place[:] = bytes(place.nbytes)
        talk.sender.commit(b"", 300_000)
        talk.send(1.0)
        self.assertLess(len(talk.wire) - before, 10_000)
