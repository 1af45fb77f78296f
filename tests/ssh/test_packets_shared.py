"""
Receivers that take turns in one buffer.
"""

from collections.abc import Iterator
from itertools import cycle

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.ssh.packets.ciphers import PacketCipher
from conchsftp.ssh.packets.receiving import LARGEST_PACKET, ReceiveBuffer
from tests.ssh.families import FAMILIES, put, receiving, stream, taken

PAYLOADS = [b"\x05service", b"x", bytes(range(256)) * 5, b"last"]


class SharedBufferTests(SynchronousTestCase):
    """Connections that take turns in one buffer."""

    def test_rest_is_put_aside(self) -> None:
        """What one connection has not handled survives the turn of another, and comes back with the next turn."""
        buffer = ReceiveBuffer()
        for name, make in FAMILIES.items():
            with self.subTest(name):
                one, other = receiving(make(), buffer), receiving(make(), buffer)
                wire = stream(make(), PAYLOADS)
                put(one, wire)
                first = bytes(one.next() or b"")
                put(other, wire)
                self.assertEqual(taken(other), PAYLOADS)
                # A turn without bytes, as after a wait for something else than the socket.
                one.lend()
                self.assertEqual([first, *taken(one)], PAYLOADS)

    def test_full_buffer(self) -> None:
        """A buffer lends what is free, so the largest packet always fits behind a partial one."""
        receiver = receiving(PacketCipher())
        largest = stream(PacketCipher(), [bytes(LARGEST_PACKET - 4 - 1 - 4)])
        wire = largest * 2
        found = 0
        while wire:
            room = receiver.lend().nbytes
            self.assertGreater(room, 0)
            put(receiver, wire[:room])
            wire = wire[room:]
            found += len(taken(receiver))
        self.assertEqual(found, 2)

    def test_release(self) -> None:
        """A connection that is over leaves nothing behind in the buffer, and another one is not disturbed."""
        buffer = ReceiveBuffer()
        one, other = (receiving(PacketCipher(), buffer) for _ in range(2))
        wire = stream(PacketCipher(), PAYLOADS)
        put(one, wire)
        one.release()
        self.assertIsNone(buffer.owner)
        self.assertIsNone(one.next())
        put(other, wire)
        one.release()
        self.assertIs(buffer.owner, other)
        self.assertEqual(taken(other), PAYLOADS)

    @given(
        st.lists(st.sampled_from(sorted(FAMILIES)), min_size=2, max_size=3),
        st.lists(st.integers(1, 2000), min_size=1, max_size=12),
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3000), st.integers(0, 4)), min_size=1),
    )
    @settings(max_examples=200)
    def test_any_turns(self, names: list[str], sizes: list[int], turns: list[tuple[int, int, int]]) -> None:
        """Whoever receives how much when, and handles how many of its packets, each gets its own payloads."""
        # A small buffer, so that the moving of partial packets is met as well.
        buffer = ReceiveBuffer(24_000)
        receivers = [receiving(FAMILIES[name](), buffer) for name in names]
        payloads = [bytes((size + at) % 251 for at in range(size)) for size in sizes]
        wires = [stream(FAMILIES[name](), payloads) for name in names]
        found: list[list[bytes]] = [[] for _ in names]
        for who, size, count in self.turns(turns, wires):
            receiver = receivers[who]
            room = receiver.lend()
            size = min(size, room.nbytes, len(wires[who]))
            room[:size] = wires[who][:size]
            receiver.filled(size)
            wires[who] = wires[who][size:]
            for _ in range(count):
                payload = receiver.next()
                if payload is not None:
                    found[who].append(bytes(payload))
        self.assertEqual(found, [payloads for _ in names])

    def turns(self, drawn: list[tuple[int, int, int]], wires: list[bytes]) -> Iterator[tuple[int, int, int]]:
        """Repeat the drawn turns a few times, then give everybody what is left."""
        for _, (who, size, count) in zip(range(200), cycle(drawn), strict=False):
            yield who % len(wires), size, count
        for _ in range(4):
            for who, wire in enumerate(wires):
                yield who, len(wire), 100
