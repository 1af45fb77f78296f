"""
Receiving packets: cutting, opening, limits, new keys.

Several connections in one buffer are in `test_packets_shared`, what a `Sender` makes in `test_packets_sent`.
"""

from collections.abc import Callable
from struct import pack

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ProtocolViolation
from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.packets.ciphers import PacketCipher
from conchsftp.ssh.packets.receiving import LARGEST_PACKET, ReceiveBuffer, Receiver
from tests.ssh.families import (
    FAMILIES,
    PROTECTED,
    plain,
    put,
    receiving,
    refused,
    sealed,
    stream,
    taken,
)

PAYLOADS = [b"\x05service", b"x", bytes(range(256)) * 5, b"\x5e" + bytes(70), b"last"]


def broken(packet: bytearray, cipher: PacketCipher) -> Receiver:
    """Return a receiver that was sent a packet laid out wrong but sealed well."""
    sealing, opening = cipher, receiving(type(cipher)())
    sealing.seal(0, memoryview(packet))
    put(opening, bytes(packet))
    return opening


class CuttingTests(SynchronousTestCase):
    """Payloads out of bytes, however they arrive."""

    def test_whole(self) -> None:
        """Several packets received at once come out in order."""
        for name, make in FAMILIES.items():
            with self.subTest(name):
                receiver = receiving(make())
                put(receiver, stream(make(), PAYLOADS))
                self.assertEqual(taken(receiver), PAYLOADS)

    def test_byte_by_byte(self) -> None:
        """A packet is whole with its last byte, never before."""
        for name, make in FAMILIES.items():
            with self.subTest(name):
                receiver = receiving(make())
                sealing = make()
                for sequence, payload in enumerate(PAYLOADS):
                    *most, last = sealed(sealing, sequence, payload)
                    for number in most:
                        put(receiver, bytes([number]))
                        self.assertIsNone(receiver.next())
                    put(receiver, bytes([last]))
                    self.assertEqual(bytes(receiver.next() or b""), payload)

    def test_cut_at_every_length(self) -> None:
        """Two receives give the same payloads wherever the cut lies; asking in between does no harm."""
        for name, make in FAMILIES.items():
            wire = stream(make(), PAYLOADS)
            for cut in range(len(wire) + 1):
                receiver = receiving(make())
                put(receiver, wire[:cut])
                found = taken(receiver) + taken(receiver)
                put(receiver, wire[cut:])
                self.assertEqual(found + taken(receiver), PAYLOADS, (name, cut))

    def test_in_place(self) -> None:
        """A payload is a view of where it was received: nothing is copied."""
        buffer = ReceiveBuffer()
        for name, make in FAMILIES.items():
            with self.subTest(name):
                receiver = receiving(make(), buffer)
                put(receiver, stream(make(), PAYLOADS))
                payload = receiver.next()
                assert payload is not None
                self.assertIs(payload.obj, buffer.view.obj)


class LimitTests(SynchronousTestCase):
    """What a packet may not be."""

    def violation(self, receiver: Receiver, reason: Reason = Reason.PROTOCOL_ERROR) -> str:
        """Check that what was received is refused and return what is said about it."""
        problem = refused(receiver)
        self.assertEqual(problem.reason, reason)
        return problem.text

    def test_lengths(self) -> None:
        """The lowest and the highest aligned length are accepted, one step below and above and all between are not."""
        for name, make in FAMILIES.items():
            cipher = make()
            counted = 4 if cipher.pads_length else 0
            aligned = [n for n in range(cipher.block * 3) if n >= 5 and not (n + counted) % cipher.block]
            highest = (LARGEST_PACKET + counted) // cipher.block * cipher.block - counted
            cases = {length: length in aligned for length in range(cipher.block * 3)}
            cases |= {highest - 1: False, highest: True, highest + 1: False, highest + cipher.block: False}
            cases |= {2**31: False, 2**32 - 1: False}
            for length, fits in cases.items():
                with self.subTest(name, length=length):
                    self.check_length(make, length, fits)

    def check_length(self, make: Callable[[], PacketCipher], length: int, fits: bool) -> None:
        """Send a packet whose length field says `length`, or its beginning if that is much."""
        receiver = receiving(make())
        size = length - 5 if fits else 100
        packet = plain(make(), bytes(size), padding=4 if fits else None, length=length)
        make().seal(0, memoryview(packet))
        put(receiver, bytes(packet))
        if fits:
            self.assertEqual(len(receiver.next() or b""), size)
        else:
            self.violation(receiver, Reason.MAC_ERROR if make().conceals else Reason.PROTOCOL_ERROR)

    def test_refused_before_the_body(self) -> None:
        """A bad length is refused when it is here, not when its bytes have been collected."""
        receiver = receiving(PacketCipher())
        put(receiver, pack(">I", LARGEST_PACKET + 4)[:3])
        self.assertIsNone(receiver.next())
        put(receiver, pack(">I", LARGEST_PACKET + 4)[3:])
        self.assertEqual(self.violation(receiver), "packet length 262148, 5 to 262144 in steps of 8 expected")

    def test_encrypted_length_is_bounded(self) -> None:
        """Garbage instead of a packet never makes us wait for more than the largest packet."""
        for name, make in PROTECTED.items():
            for number in range(256):
                receiver = receiving(make())
                put(receiver, bytes([number]) * 64)
                try:
                    self.assertIsNone(receiver.next(), name)
                except ProtocolViolation:
                    continue
                self.assertLessEqual(receiver._length, LARGEST_PACKET)

    def test_padding(self) -> None:
        """Four to 255 bytes of padding are accepted, three and fewer are not."""
        for padding, fits in ((0, False), (3, False), (4, True), (5, True), (254, True), (255, True)):
            with self.subTest(padding=padding):
                size = 8 + (3 - padding) % 8
                receiver = broken(plain(PacketCipher(), bytes(size), padding), PacketCipher())
                if fits:
                    self.assertEqual(bytes(receiver.next() or b""), bytes(size))
                else:
                    self.violation(receiver)

    def test_padding_beyond_the_packet(self) -> None:
        """Padding leaves at least one byte of payload: one below, at and above what a packet of 28 bytes has room."""
        for padding, fits in ((25, True), (26, True), (27, False), (28, False), (255, False)):
            with self.subTest(padding=padding):
                packet = plain(PacketCipher(), bytes(28 - 1), 0, length=28)
                packet[4] = padding
                receiver = broken(packet, PacketCipher())
                if fits:
                    self.assertEqual(len(receiver.next() or b""), 27 - padding)
                else:
                    self.violation(receiver)

    def test_forged(self) -> None:
        """A packet that is not authentic is refused with MAC_ERROR, whatever its padding says."""
        for name, make in PROTECTED.items():
            with self.subTest(name):
                wire = bytearray(stream(make(), [bytes(40)]))
                wire[-1] ^= 1
                receiver = receiving(make())
                put(receiver, bytes(wire))
                self.violation(receiver, Reason.MAC_ERROR)


class CountingTests(SynchronousTestCase):
    """Sequence numbers, counters, new keys."""

    def test_counters(self) -> None:
        """Packets and bytes are counted from the switch of keys, sequence numbers from the beginning."""
        receiver = receiving(PacketCipher())
        wire = stream(PacketCipher(), PAYLOADS)
        put(receiver, wire)
        taken(receiver)
        self.assertEqual((receiver.sequence, receiver.packets, receiver.bytes), (5, 5, len(wire)))
        receiver.switch(PacketCipher(), None, reset=False)
        self.assertEqual((receiver.sequence, receiver.packets, receiver.bytes), (5, 0, 0))
        receiver.switch(PacketCipher(), None, reset=True)
        self.assertEqual((receiver.sequence, receiver.packets, receiver.bytes), (0, 0, 0))

    def test_switch_in_the_middle_of_a_receive(self) -> None:
        """Keys switch between two packets of one receive, with and without a new start of the sequence."""
        for reset in (True, False):
            for name, make in PROTECTED.items():
                with self.subTest(name, reset=reset):
                    receiver = receiving(PacketCipher())
                    before = stream(PacketCipher(), PAYLOADS[:2])
                    put(receiver, before + stream(make(), PAYLOADS[2:], sequence=0 if reset else 2))
                    found = [bytes(receiver.next() or b"") for _ in range(2)]
                    receiver.switch(make(), None, reset=reset)
                    self.assertEqual(found + taken(receiver), PAYLOADS)

    def test_wrong_reset_is_noticed(self) -> None:
        """A peer that starts its sequence anew where it should not, or does not where it should, is refused."""
        for reset in (True, False):
            for name in PROTECTED.keys() - {"gcm"}:
                with self.subTest(name, reset=reset):
                    make = FAMILIES[name]
                    receiver = receiving(PacketCipher())
                    put(receiver, stream(PacketCipher(), PAYLOADS[:2]))
                    taken(receiver)
                    receiver.switch(make(), None, reset=reset)
                    put(receiver, stream(make(), [bytes(100)], sequence=2 if reset else 0))
                    refused(receiver)

    def test_sequence_wraps(self) -> None:
        """The sequence number goes from 2^32 - 1 to 0 (RFC 4253, 6.4)."""
        for name, make in FAMILIES.items():
            with self.subTest(name):
                receiver = receiving(make())
                receiver.sequence = 2**32 - 2
                put(receiver, stream(make(), PAYLOADS, sequence=2**32 - 2))
                self.assertEqual(taken(receiver), PAYLOADS)
                self.assertEqual(receiver.sequence, 3)


class DecompressionTests(SynchronousTestCase):
    """Payloads that are inflated."""

    def test_from_the_next_packet_on(self) -> None:
        """Delayed compression begins between two packets and leaves counters and keys as they are."""
        receiver = receiving(PacketCipher())
        put(receiver, stream(PacketCipher(), [b"one", b"two", b"three"]))
        self.assertEqual(bytes(receiver.next() or b""), b"one")
        receiver.decompress_with(lambda payload: bytes(payload).upper())
        self.assertEqual(bytes(receiver.next() or b""), b"TWO")
        self.assertEqual((receiver.sequence, receiver.packets), (2, 2))
        receiver.decompress_with(None)
        self.assertEqual(bytes(receiver.next() or b""), b"three")

    def test_with_new_keys(self) -> None:
        """New keys bring a new decompressor, or none."""
        receiver = receiving(PacketCipher())
        receiver.switch(PacketCipher(), lambda payload: bytes(payload) * 2, reset=True)
        put(receiver, stream(PacketCipher(), [b"one", b"two"]))
        self.assertEqual(bytes(receiver.next() or b""), b"oneone")
        receiver.switch(PacketCipher(), None, reset=False)
        self.assertEqual(bytes(receiver.next() or b""), b"two")

    def test_empty(self) -> None:
        """A payload that inflates to nothing has no message number and is refused."""
        receiver = receiving(PacketCipher())
        receiver.decompress_with(lambda payload: b"")
        put(receiver, stream(PacketCipher(), [b"x"]))
        self.assertRaises(ProtocolViolation, receiver.next)


class LineTests(SynchronousTestCase):
    """The identification line, before there are packets."""

    def test_ends(self) -> None:
        """A line ends in CR LF or LF, and packets may follow at once."""
        for end in (b"\r\n", b"\n"):
            with self.subTest(end=end):
                receiver = receiving(PacketCipher())
                put(receiver, b"SSH-2.0-x" + end + stream(PacketCipher(), [b"payload"]))
                self.assertEqual(receiver.line(255), b"SSH-2.0-x")
                self.assertEqual(taken(receiver), [b"payload"])

    def test_byte_by_byte(self) -> None:
        """A line is not given out before its end."""
        receiver = receiving(PacketCipher())
        for number in b"SSH-2.0-x\r":
            put(receiver, bytes([number]))
            self.assertIsNone(receiver.line(255))
        put(receiver, b"\nrest\n")
        self.assertEqual([receiver.line(255), receiver.line(255), receiver.line(255)], [b"SSH-2.0-x", b"rest", None])

    def test_longest(self) -> None:
        """A line of the longest length, its end included, is accepted; one byte more is not."""
        for size, fits in ((254, True), (255, True), (256, False)):
            with self.subTest(size=size):
                receiver = receiving(PacketCipher())
                put(receiver, b"x" * (size - 2) + b"\r\n")
                if fits:
                    self.assertEqual(receiver.line(255), b"x" * (size - 2))
                else:
                    self.assertRaises(ProtocolViolation, receiver.line, 255)

    def test_no_end(self) -> None:
        """Bytes without an end of line are refused with the first one too many."""
        receiver = receiving(PacketCipher())
        put(receiver, b"x" * 254)
        self.assertIsNone(receiver.line(255))
        put(receiver, b"x")
        self.assertRaises(ProtocolViolation, receiver.line, 255)
