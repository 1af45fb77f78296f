"""
Sending packets: their layout, the sharing of data messages, the places that are lent to file reads, the buffers.

Random mixes of all of it, through a `Receiver`, are in `test_packets_round`.
"""

from struct import pack

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.ssh.packets.ciphers import PacketCipher
from conchsftp.ssh.packets.staging import Sender, StagingPool
from tests.ssh.families import FAMILIES, PROTECTED, least_padding, put, receiving, stream, taken, unhex

CHANNEL = b"\x5e" + pack(">I", 7)
OTHER = b"\x5e" + pack(">I", 8)


def sending(cipher: PacketCipher | None = None, pool: StagingPool | None = None) -> Sender:
    """Return a sender that uses a cipher from sequence number 0 on."""
    sender = Sender(pool or StagingPool())
    sender.switch(cipher or PacketCipher(), None, reset=True)
    return sender


def sent(sender: Sender) -> bytes:
    """Send everything that is laid out and return it."""
    view = sender.unsent()
    wire = bytes(view)
    sender.sent(len(wire))
    return wire


def payloads(sender: Sender) -> list[bytes]:
    """Send everything of an unprotected sender and return the payloads."""
    receiver = receiving(PacketCipher())
    put(receiver, sent(sender))
    return taken(receiver)


def message(head: bytes, data: bytes) -> bytes:
    """Return the payload of a data message (RFC 4254, 5.2)."""
    return head + pack(">I", len(data)) + data


def fill(places: list[memoryview], data: bytes) -> None:
    """Put bytes into the lent places, as a scattered read does."""
    for place in places:
        size = min(place.nbytes, len(data))
        place[:size] = data[:size]
        data = data[size:]


class LayoutTests(SynchronousTestCase):
    """Bytes on the wire."""

    def test_packet(self) -> None:
        """A packet is its length, the length of its padding, payload and padding (RFC 4253, 6)."""
        sender = sending()
        sender.packet(b"\x05hello")
        wire = sent(sender)
        self.assertEqual(wire[:-5], unhex("0000000c 05 0568656c6c6f"))
        self.assertEqual(len(wire), 16)

    def test_data_message(self) -> None:
        """CHANNEL_DATA is its number, the recipient channel and a string (RFC 4254, 5.2)."""
        sender = sending()
        sender.data(CHANNEL, 100, b"abc")
        wire = sent(sender)
        self.assertEqual(wire[:-7], unhex("00000014 07 5e 00000007 00000003 616263"))
        self.assertEqual(len(wire), 24)

    def test_alignment(self) -> None:
        """Padding is at least 4 bytes, no longer than needed, and fills up the block for every size of payload."""
        for name, make in FAMILIES.items():
            cipher = make()
            sender = sending(make())
            counted = 0 if cipher.pads_length else 4
            for size in range(1, 70):
                sender.packet(bytes(size))
                padding = len(sent(sender)) - size - 5 - cipher.tag
                self.assertTrue(4 <= padding < 4 + cipher.block, (name, size, padding))
                self.assertEqual((5 + size + padding - counted) % cipher.block, 0, (name, size))

    def test_padding_is_random(self) -> None:
        """No two packets have the same padding (RFC 4253, 6: "SHOULD consist of random bytes")."""
        sender = sending()
        paddings = set()
        for _ in range(2000):
            sender.packet(b"\x02")
            paddings.add(sent(sender)[6:])
        self.assertEqual(len(paddings), 2000)

    def test_line(self) -> None:
        """The identification line goes out as it is, before the first packet."""
        sender = sending()
        sender.line(b"SSH-2.0-x\r\n")
        sender.packet(b"\x14kexinit")
        self.assertEqual(sender.waiting, 11 + 24)
        self.assertTrue(sent(sender).startswith(b"SSH-2.0-x\r\n\0\0\0"))

    def test_sealed_as_by_hand(self) -> None:
        """What is sealed differs from a packet made by hand in its random padding only."""
        for name, make in PROTECTED.items():
            with self.subTest(name):
                sender = sending(make())
                sender.packet(b"\x05hello")
                wire = sent(sender)
                by_hand = stream(make(), [b"\x05hello"])
                self.assertEqual(len(wire), len(by_hand))
                self.assertNotEqual(wire, by_hand)
                receiver = receiving(make())
                put(receiver, wire)
                self.assertEqual(taken(receiver), [b"\x05hello"])


class DataMessageTests(SynchronousTestCase):
    """Channel data shares messages."""

    def test_shared(self) -> None:
        """Small pieces share a message."""
        sender = sending()
        for piece in (b"one", b"", b"two", memoryview(b"three")):
            sender.data(CHANNEL, 100, piece)
        self.assertEqual(payloads(sender), [message(CHANNEL, b"onetwothree")])

    def test_limit(self) -> None:
        """A message carries as much as its limit: one below, at, and one above."""
        for size in (99, 100, 101, 200, 201):
            with self.subTest(size=size):
                sender = sending()
                data = bytes(range(size))
                sender.data(CHANNEL, 100, data[:60])
                sender.data(CHANNEL, 100, data[60:])
                self.assertEqual(
                    payloads(sender), [message(CHANNEL, data[at : at + 100]) for at in range(0, size, 100)]
                )

    def test_large(self) -> None:
        """Data larger than the staging buffer is cut into messages as well."""
        sender = sending()
        data = bytes(range(256)) * 8192
        sender.data(CHANNEL, 32768, data)
        wire = sent(sender)
        stride = 5 + 9 + 32768 + least_padding(PacketCipher(), 9 + 32768)
        self.assertEqual(len(wire), 64 * stride)
        for number in range(64):
            at = number * stride + 5
            self.assertEqual(wire[at : at + 9 + 32768], message(CHANNEL, data[number << 15 : number + 1 << 15]))

    def test_what_ends_a_message(self) -> None:
        """Another message, another channel and asking for the bytes end a message; the order is kept."""
        sender = sending()
        sender.data(CHANNEL, 100, b"a")
        sender.packet(b"\x5d adjust")
        sender.data(CHANNEL, 100, b"b")
        sender.data(OTHER, 100, b"c")
        sender.data(CHANNEL, 100, b"d")
        self.assertEqual(
            payloads(sender),
            [
                message(CHANNEL, b"a"),
                b"\x5d adjust",
                message(CHANNEL, b"b"),
                message(OTHER, b"c"),
                message(CHANNEL, b"d"),
            ],
        )
        sender.data(CHANNEL, 100, b"e")
        self.assertEqual(payloads(sender), [message(CHANNEL, b"e")])

    def test_nothing(self) -> None:
        """No data is no message."""
        sender = sending()
        sender.data(CHANNEL, 100, b"")
        self.assertEqual((sender.waiting, sent(sender), sender.sequence), (0, b"", 0))

    def test_waiting(self) -> None:
        """`waiting` counts the bytes of the message that is still open too."""
        sender = sending()
        sender.packet(b"\x05hello")
        self.assertEqual(sender.waiting, 16)
        sender.data(CHANNEL, 100, b"abc")
        self.assertEqual(sender.waiting, 16 + 5 + 9 + 3)
        self.assertEqual(len(sender.unsent()), 16 + 24)
        sender.sent(30)
        self.assertEqual(sender.waiting, 10)
        sender.sent(10)
        self.assertEqual(sender.waiting, 0)


class ReserveTests(SynchronousTestCase):
    """File data is read to where it is sent from."""

    def test_one_message(self) -> None:
        """The place lies behind what comes first."""
        sender = sending()
        sender.data(CHANNEL, 100, b"reply,")
        places = sender.reserve(CHANNEL, 100, before=5, size=8)
        fill(places, b"contents")
        sender.commit(b"head:", 8)
        sender.data(CHANNEL, 100, b",more")
        self.assertEqual(payloads(sender), [message(CHANNEL, b"reply,head:contents,more")])

    def test_several_messages(self) -> None:
        """A read larger than a message is scattered over several, each full but the last."""
        for name, make in FAMILIES.items():
            with self.subTest(name):
                sender, receiver = sending(make()), receiving(make())
                data = bytes(range(250))
                places = sender.reserve(CHANNEL, 100, before=13, size=250)
                self.assertEqual([place.nbytes for place in places], [87, 100, 63])
                fill(places, data)
                sender.commit(b"thirteen byte", 250)
                put(receiver, sent(sender))
                everything = b"thirteen byte" + data
                self.assertEqual(taken(receiver), [message(CHANNEL, everything[at : at + 100]) for at in (0, 100, 200)])

    def test_any_size(self) -> None:
        """Whatever is in the message already and however much is read, the places hold it exactly."""
        for already in (0, 1, 50, 86, 87, 88, 99, 100):
            for size in (1, 2, 86, 87, 88, 99, 100, 101, 187, 188, 200, 300):
                sender = sending()
                sender.data(CHANNEL, 100, bytes(already))
                places = sender.reserve(CHANNEL, 100, before=13, size=size)
                self.assertEqual(sum(place.nbytes for place in places), size)
                fill(places, b"x" * size)
                sender.commit(b"h" * 13, size)
                data = b"".join(payload[9:] for payload in payloads(sender))
                self.assertEqual(data, bytes(already) + b"h" * 13 + b"x" * size, (already, size))

    def test_short(self) -> None:
        """Less than was reserved may be committed, down to nothing; the rest is not sent."""
        for count in (0, 1, 86, 87, 88, 100, 187, 188, 249, 250):
            sender = sending()
            fill(sender.reserve(CHANNEL, 100, before=13, size=250), b"x" * count + b"!" * (250 - count))
            sender.commit(b"h" * 13, count)
            sender.data(CHANNEL, 100, b"after")
            data = b"".join(payload[9:] for payload in payloads(sender))
            self.assertEqual(data, b"h" * 13 + b"x" * count + b"after", count)

    def test_abandoned(self) -> None:
        """Places that nobody commits are not sent, and what comes next is not disturbed."""
        sender = sending()
        sender.data(CHANNEL, 100, b"before,")
        fill(sender.reserve(CHANNEL, 100, before=13, size=250), b"!" * 250)
        sender.data(CHANNEL, 100, b"after")
        self.assertEqual(payloads(sender), [message(CHANNEL, b"before,after")])

    def test_abandoned_alone(self) -> None:
        """Places that nobody commits are no message, and hold no buffer when the turn is over."""
        pool = StagingPool()
        sender = sending(pool=pool)
        (place,) = sender.reserve(CHANNEL, 100, before=13, size=50)
        self.assertEqual(sent(sender), b"")
        self.assertEqual(id(pool.take().obj), id(place.obj))

    def test_no_room_for_what_comes_first(self) -> None:
        """What comes first is never cut: a message that has no room for it and a byte of data is ended."""
        for already, messages in ((86, 1), (87, 2), (88, 2)):
            with self.subTest(already=already):
                sender = sending()
                sender.data(CHANNEL, 100, bytes(already))
                fill(sender.reserve(CHANNEL, 100, before=13, size=1), b"x")
                sender.commit(b"h" * 13, 1)
                self.assertEqual(len(payloads(sender)), messages)

    def test_in_the_staging_buffer(self) -> None:
        """The places are in the buffer that is sent from: nothing is copied."""
        sender = sending()
        places = sender.reserve(CHANNEL, 100, before=13, size=250)
        fill(places, bytes(250))
        sender.commit(bytes(13), 250)
        view = sender.unsent()
        self.assertEqual({id(place.obj) for place in places}, {id(view.obj)})


class KeysTests(SynchronousTestCase):
    """Sequence numbers, counters, new keys."""

    def test_counters(self) -> None:
        """Packets and bytes count from the switch of keys, sequence numbers from the beginning."""
        sender = sending()
        sender.packet(b"one")
        sender.packet(b"two")
        self.assertEqual((sender.sequence, sender.packets, sender.bytes), (2, 2, 32))
        sender.switch(PacketCipher(), None, reset=False)
        self.assertEqual((sender.sequence, sender.packets, sender.bytes), (2, 0, 0))
        sender.switch(PacketCipher(), None, reset=True)
        self.assertEqual(sender.sequence, 0)

    def test_open_message_keeps_the_old_keys(self) -> None:
        """Data that was written before the switch of keys is sealed with the old ones."""
        for reset in (False, True):
            for name, make in PROTECTED.items():
                with self.subTest(name, reset=reset):
                    sender = sending()
                    sender.data(CHANNEL, 100, b"before")
                    sender.switch(make(), None, reset=reset)
                    sender.data(CHANNEL, 100, b"after")
                    receiver = receiving(PacketCipher())
                    put(receiver, sent(sender))
                    self.assertEqual(bytes(receiver.next() or b""), message(CHANNEL, b"before"))
                    receiver.switch(make(), None, reset=reset)
                    self.assertEqual(taken(receiver), [message(CHANNEL, b"after")])

    def test_sequence_wraps(self) -> None:
        """The sequence number goes from 2^32 - 1 to 0 (RFC 4253, 6.4)."""
        for name, make in FAMILIES.items():
            with self.subTest(name):
                sender, receiver = sending(make()), receiving(make())
                sender.sequence = receiver.sequence = 2**32 - 1
                sender.packet(b"one")
                sender.packet(b"two")
                put(receiver, sent(sender))
                self.assertEqual(taken(receiver), [b"one", b"two"])
                self.assertEqual(sender.sequence, 1)
