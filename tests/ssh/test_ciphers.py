"""
Protection of packets against vectors that were made with another implementation, one for each arrangement.

Every cipher and code of the registry has its own in `test_protection`.
"""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ProtocolViolation
from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.packets.ciphers import ChaChaPackets, GCMPackets, PacketCipher, with_mac
from tests.ssh.families import AES_CTR, CONCEALING, FAMILIES, KEY, PROTECTED, SMALL, Mac, plain, sealed, unhex

# SERVICE_REQUEST "ssh-userauth"
PAYLOAD = unhex("05 0000000c 7373682d7573657261757468")
SEQUENCE = 3

CHACHA = unhex("fb1a9292 86401cbb3246d702e0628979de95f73613b44cc7 c0dd5f471c1aa53b9d6289d8dda7d6ff834f4842")
GCM = (
    unhex("00000020 4907d61bc5e9b168e56ce2f8d49b1918f7be8734f07b5f7c3867e5851d6900b2 81792ee1d7aa0e246d7a4d60f2c5729f"),
    unhex("00000020 870e91b9432b5a62ed99f9fc5d136ac34545e8f487f7a55e9ef7e308730545ee a34177cc8d12545d79a5dd8242d519d9"),
)
ETM = unhex(
    "00000020 04910bb54162833699eee12ba3218b2f760bec94661872969adafd0f4ba40fdc"
    "8924ee428ae2bdcf4f1fad040b9cbc88b7775557a905a8d5a6aa3d8f4571bf20"
)
# Made with the command openssl; the plain packet of all encrypt-and-MAC families is the same, and so is its tag.
PLAIN_TAG = "df594e90e876bb9c1b9de68328a4e56ef9196689eb789909d93686e1dd809d24"
CBC_ETM = unhex(
    "00000020 7d4d8eaa334e0e630a17f5d5df6ae18fcd5e9bd3ac6a2071d020e92a99a371a2"
    "6ba47d7f5878a210e40ed5c48d9cd13f324c808d27efc7d80e9cef1ac6ef7cbf"
)
SMALL_ETM = unhex(
    "00000018 5ee8248f77fac2eda30afb37b1b59bd0a8766f1180cc6643"
    "cd9f73bc71b97040a134b2a66eb4bdd6b3cbed5555e6d78ac9d08102c3472801"
)
AND_MAC = {
    "ctr": "0a940ba94b6bf045f1cfe72bae7e9f2967118de1127072969adafd0f4ba40fdc",
    "cbc": "d3895e842a2f721d4fcf01ef87ed1c8ff0ae0a7b96b5821526db53c55e3c3792",
    "small blocks": "b8713c0526b3e91ed1f71ca6f9fd2738fc6a9b812a47c1140432f80b8ea1cc5e",
    "arcfour": "b3e5acfe7f8576eae3b0c14d3170cca137ef20d7569ebfb0205127291caeb532",
}

FIRST_PACKETS = {
    "none": unhex("0000001c 0a 05 0000000c 7373682d7573657261757468 00000000000000000000"),
    "gcm": GCM[0],
    "chacha": CHACHA,
    "ctr, encrypt-then-mac": ETM,
    "cbc, encrypt-then-mac": CBC_ETM,
    "small blocks, encrypt-then-mac": SMALL_ETM,
    **{f"{name}, encrypt-and-mac": unhex(body + PLAIN_TAG) for name, body in AND_MAC.items()},
}


def opened(cipher: PacketCipher, sequence: int, wire: bytes) -> bytes:
    """Open one packet as a receiver does and return its payload."""
    packet = memoryview(bytearray(wire))
    length = cipher.length(sequence, packet[: cipher.head])
    if length + 4 + cipher.tag != len(wire):
        raise AssertionError(f"length {length} read from a packet of {len(wire)} bytes")
    cipher.open(sequence, packet)
    return bytes(packet[5 : 4 + length - packet[4]])


class VectorTests(SynchronousTestCase):
    """The packets of protocol/ssh.md 2.5."""

    def test_seal(self) -> None:
        """A packet is sealed to exactly the bytes of the vector."""
        for name, make in FAMILIES.items():
            with self.subTest(name):
                self.assertEqual(sealed(make(), SEQUENCE, PAYLOAD), FIRST_PACKETS[name])

    def test_open(self) -> None:
        """The vector is opened to the payload it was made of."""
        for name, make in FAMILIES.items():
            with self.subTest(name):
                self.assertEqual(opened(make(), SEQUENCE, FIRST_PACKETS[name]), PAYLOAD)

    def test_gcm_counts_packets(self) -> None:
        """The second packet is sealed with the next nonce, whatever the sequence number is."""
        sealing, opening = FAMILIES["gcm"](), FAMILIES["gcm"]()
        self.assertEqual([sealed(sealing, 99, PAYLOAD) for _ in GCM], list(GCM))
        self.assertEqual([opened(opening, 7, packet) for packet in GCM], [PAYLOAD, PAYLOAD])

    def test_gcm_128(self) -> None:
        """A key of 16 bytes makes AES-128."""
        packet = sealed(GCMPackets(SMALL, KEY[:12]), 0, PAYLOAD)
        self.assertEqual(opened(GCMPackets(SMALL, KEY[:12]), 0, packet), PAYLOAD)
        self.assertNotEqual(packet, GCM[0])

    def test_every_family_has_a_vector(self) -> None:
        """No family is left out above."""
        self.assertEqual(set(FIRST_PACKETS), set(FAMILIES))


class ChainTests(SynchronousTestCase):
    """What one packet leaves behind for the next."""

    def test_many_in_a_row(self) -> None:
        """Packets of different sizes follow each other in every family."""
        for name, make in FAMILIES.items():
            with self.subTest(name):
                sealing, opening = make(), make()
                for sequence in range(64):
                    payload = bytes([sequence]) * (1 + sequence * 37)
                    self.assertEqual(opened(opening, sequence, sealed(sealing, sequence, payload)), payload)

    def test_equal_payloads_differ(self) -> None:
        """The same payload twice gives two different packets."""
        for name, make in PROTECTED.items():
            with self.subTest(name):
                cipher = make()
                first, second = (sealed(cipher, sequence, PAYLOAD) for sequence in (0, 1))
                self.assertNotEqual(first[4 : -cipher.tag], second[4 : -cipher.tag])

    def test_gcm_counter_wraps(self) -> None:
        """The invocation counter goes from 2^64 - 1 to 0 and leaves the fixed field alone (RFC 5647, 7.1)."""
        fixed = b"abcd"
        wrapping = GCMPackets(KEY[:32], fixed + b"\xff" * 8)
        sealed(wrapping, 0, PAYLOAD)
        fresh = GCMPackets(KEY[:32], fixed + bytes(8))
        self.assertEqual(sealed(wrapping, 1, PAYLOAD), sealed(fresh, 0, PAYLOAD))
        opening = GCMPackets(KEY[:32], fixed + b"\xff" * 8)
        for packet in (
            sealed(GCMPackets(KEY[:32], fixed + b"\xff" * 8), 0, PAYLOAD),
            sealed(GCMPackets(KEY[:32], fixed + bytes(8)), 0, PAYLOAD),
        ):
            self.assertEqual(opened(opening, 0, packet), PAYLOAD)

    def test_ctr_counter_carries(self) -> None:
        """The counter is one number of 128 bits: it carries over every byte and wraps (RFC 4344, 4)."""
        for etm in (True, False):
            with self.subTest(etm=etm):
                iv = b"\xff" * 16
                sealing, opening = (with_mac(AES_CTR, SMALL, iv, Mac(etm)) for _ in range(2))
                for sequence in range(3):
                    self.assertEqual(opened(opening, sequence, sealed(sealing, sequence, PAYLOAD)), PAYLOAD)

    def test_chacha_nonce_is_the_sequence_number(self) -> None:
        """A packet depends on its sequence number only, up to the highest one."""
        for sequence in (0, 1, 255, 256, 2**31, 2**32 - 1):
            with self.subTest(sequence=sequence):
                used = ChaChaPackets(KEY)
                sealed(used, 5, b"something before")
                packet = sealed(used, sequence, PAYLOAD)
                self.assertEqual(packet, sealed(ChaChaPackets(KEY), sequence, PAYLOAD))
                self.assertEqual(opened(ChaChaPackets(KEY), sequence, packet), PAYLOAD)

    def test_chacha_length_may_be_read_again(self) -> None:
        """Reading the length leaves the packet as it is: the tag covers the encrypted length."""
        packet = memoryview(bytearray(CHACHA))
        self.assertEqual(ChaChaPackets(KEY).length(SEQUENCE, packet[:4]), 24)
        self.assertEqual(bytes(packet), CHACHA)


class ForgeryTests(SynchronousTestCase):
    """Nothing that was changed on the way is believed."""

    def refused(self, cipher: PacketCipher, sequence: int, wire: bytes) -> None:
        """Check that a packet is not opened, wherever its end was found."""
        packet = memoryview(bytearray(wire))
        cipher.length(sequence, packet[: cipher.head])
        violation = self.assertRaises(ProtocolViolation, cipher.open, sequence, packet)
        self.assertEqual(violation.reason, Reason.MAC_ERROR)

    def test_any_byte(self) -> None:
        """A packet with any one byte changed, of the tag or of what it covers, is refused with MAC_ERROR."""
        for name, make in PROTECTED.items():
            wire = FIRST_PACKETS[name]
            for position in range(len(wire)):
                for bit in (0x01, 0x80):
                    with self.subTest(name, position=position, bit=bit):
                        forged = bytearray(wire)
                        forged[position] ^= bit
                        self.refused(make(), SEQUENCE, bytes(forged))

    def test_another_place(self) -> None:
        """A genuine packet is refused anywhere but in its place in the stream."""
        for name, make in PROTECTED.items():
            with self.subTest(name):
                sealing = make()
                first = sealed(sealing, 0, PAYLOAD)
                second = sealed(sealing, 1, PAYLOAD)
                self.refused(make(), 0, second)
                opening = make()
                self.assertEqual(opened(opening, 0, first), PAYLOAD)
                self.refused(opening, 1, first)

    def test_tag_of_another_key(self) -> None:
        """A packet of the same stream cipher key and another MAC key is refused."""
        for etm in (True, False):
            with self.subTest(etm=etm):
                packet = sealed(with_mac(AES_CTR, SMALL, SMALL, Mac(etm, key=b"another")), 0, PAYLOAD)
                self.refused(with_mac(AES_CTR, SMALL, SMALL, Mac(etm)), 0, packet)

    def test_no_tag(self) -> None:
        """Tags of zeros only are refused."""
        for name, make in PROTECTED.items():
            with self.subTest(name):
                size = make().tag
                wire = FIRST_PACKETS[name][:-size] + bytes(size)
                self.refused(make(), SEQUENCE, wire)


class ArrangementTests(SynchronousTestCase):
    """Which bytes are encrypted and what the padding aligns to (protocol/ssh.md 2, the table)."""

    def test_table(self) -> None:
        """Each family has its block, tag and head, and counts the length or does not."""
        expected = {
            "none": (8, 0, 4, True),
            "gcm": (16, 16, 4, False),
            "chacha": (8, 16, 4, False),
            "ctr, encrypt-then-mac": (16, 32, 4, False),
            "ctr, encrypt-and-mac": (16, 32, 16, True),
            "cbc, encrypt-then-mac": (16, 32, 4, False),
            "cbc, encrypt-and-mac": (16, 32, 16, True),
            "small blocks, encrypt-then-mac": (8, 32, 4, False),
            "small blocks, encrypt-and-mac": (8, 32, 8, True),
            "arcfour, encrypt-and-mac": (8, 32, 8, True),
        }
        found = {}
        for name, make in FAMILIES.items():
            cipher = make()
            found[name] = (cipher.block, cipher.tag, cipher.head, cipher.pads_length)
        self.assertEqual(found, expected)

    def test_plain_length(self) -> None:
        """The length is readable on the wire for GCM and encrypt-then-MAC, and for nobody else."""
        readable = set()
        for name, make in PROTECTED.items():
            if sealed(make(), 0, PAYLOAD)[:4] == plain(make(), PAYLOAD)[:4]:
                readable.add(name)
        self.assertEqual(readable, {"gcm", *(name for name in PROTECTED if name.endswith("encrypt-then-mac"))})

    def test_concealing(self) -> None:
        """Where the length is encrypted and the tag covers what was encrypted with it, nobody may learn of mistakes."""
        self.assertEqual({name for name, make in FAMILIES.items() if make().conceals}, set(CONCEALING))
