"""
Every cipher and code of the registry: a vector, and nothing believed that was changed on the way.

The vectors were made with the command openssl, those of UMAC are in `test_umac`. How packets are arranged is proven in
`test_ciphers`, how they are received in `test_receiving`.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ProtocolViolation
from conchsftp.ssh.algorithms.protection import CIPHERS, MACS
from conchsftp.ssh.algorithms.registry import FEW_BYTES, MANY_BYTES, MANY_PACKETS, CipherRow, MacRow
from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.packets.ciphers import PacketCipher
from conchsftp.ssh.packets.receiving import ReceiveBuffer, Receiver
from conchsftp.ssh.packets.staging import Sender, StagingPool
from tests.ssh.families import KEY, put, sealed, taken, unhex

# SERVICE_REQUEST "ssh-userauth"
PAYLOAD = unhex("05 0000000c 7373682d7573657261757468")
SEQUENCE = 3
PLAIN = unhex("0000001c 0a 05 0000000c 7373682d7573657261757468 00000000000000000000")

# What encrypt-and-MAC makes of that packet, and of the same once more; key and vector are 00 01 02 and so on.
ENCRYPTED = {
    "aes128-ctr": (
        "0a940ba94b6bf045f1cfe72bae7e9f2967118de1127072969adafd0f4ba40fdc",
        "1a2d94af1b19a5f8bdcebb3ea40499342879caa7ed379f076223246847b5d30e",
    ),
    "aes192-ctr": (
        "0060bfe24c864bb8da508ad577df55dd4c85029dd51dc6bfa5549489128445f5",
        "53c710e5f621fce19b43eb4453ec995c763f71717948bc582ed621d88b528029",
    ),
    "aes256-ctr": (
        "5a6e044b02fe7196f022264e6aeed3e1058171a0b7ed585d5516fb5172e520cf",
        "1c65774730c0cca4bbed78d68d3cb2e1f3b966075cf8a7ef69405d10f964ed5d",
    ),
    "aes128-cbc": (
        "d3895e842a2f721d4fcf01ef87ed1c8ff0ae0a7b96b5821526db53c55e3c3792",
        "daf310204faee069939bf558655a61cc04293a0abdd364b97192fd816484041f",
    ),
    "aes192-cbc": (
        "ecded69bb704d60d516af03738d8853de567881f2135085baa4ad2309a08df2c",
        "1f2764822302f9899bfddfcc40c8917c559cd5102348a54c113fad24f951622f",
    ),
    "aes256-cbc": (
        "9467215ed22bcfacac017cf44353d8078fcd1cad12548c7dad4cea0313f18b52",
        "8e0866e3a3f435fed7a582f0aa2cfb6dcc339a379e78a74341296960ee3fda2f",
    ),
    "rijndael-cbc@lysator.liu.se": (
        "9467215ed22bcfacac017cf44353d8078fcd1cad12548c7dad4cea0313f18b52",
        "8e0866e3a3f435fed7a582f0aa2cfb6dcc339a379e78a74341296960ee3fda2f",
    ),
    "seed-cbc@ssh.com": (
        "a73ebfae588883375b3dfe512575ba89be965e1871dfe810a87f62dca53cce91",
        "9550e27ffa0bb1b6724f7ef886cc302589f95af8973d7384b172c2c18f3e92cd",
    ),
    "blowfish-cbc": (
        "a0cb6668788079664bb9b103ec07b9db9d4fe9ed2eed8b749231138642f49908",
        "70669ce84af98d5ddf8e577b0950315d7ed1906382f7a74e325e56c24fe3c941",
    ),
    "cast128-cbc": (
        "799cb1af9db14712401d2ce0456a13e436bf24b7481bbeef06ffd42e8c7c28a2",
        "e4453fe8c5ad2d7248c0567312ff42409b24f425d8b05dada82fc60f77647659",
    ),
    "3des-ctr": (
        "58ed24937df3b19ecb2bfd37bcea8fd6b96c0e64f4a46643aabd2d6b64f41eae",
        "54a703846d69ce6df1c241c200cf336cb5766f087a3aa4f1b35d863ea09d6d85",
    ),
    "3des-cbc": (
        "b8713c0526b3e91ed1f71ca6f9fd2738fc6a9b812a47c1140432f80b8ea1cc5e",
        "a67bd92cb0a7b41f51a63e28905f37d406f4bc63cb5e653220df0659874d8ba1",
    ),
    "arcfour256": (
        "c63ff862e728c4e35b95f5c54a7f0d507e70bfba8db955322074093c2c84a91c",
        "ec9c0c124d7c6e2a156bae9b213af409e3d7951a66380a41ff07a1160047c507",
    ),
    "arcfour128": (
        "b3e5acfe7f8576eae3b0c14d3170cca137ef20d7569ebfb0205127291caeb532",
        "6be4cc8e3bc91d26ffea9da34c0484754905c3930f26f9c0c53a99884412130c",
    ),
    "arcfour": (
        "e99c40e54de719cc06d7e4b566f05f3cb603e02a86df42ee8f9ea5d9f937e302",
        "5b3a4b033a06e218815b4ea8da608c19e2e732fb4159f2c9e79c07a309c72b66",
    ),
}

# The tags of that packet; "-96" is their first twelve bytes.
TAGS = {
    "hmac-md5": "f4c76981ad7be8be03ec848df2dcda28",
    "hmac-sha1": "0e93371ff94a4ee13c422f952825baf282f13187",
    "hmac-ripemd160": "f6ff93d7a5481d4f6aecea10a8657e190340da8b",
    "hmac-sha2-256": "df594e90e876bb9c1b9de68328a4e56ef9196689eb789909d93686e1dd809d24",
    "hmac-sha2-512": "b5726339c725ab79e9f4a1266cb59ec68866af0ef83939d83df5ae1c147134be"
    "ccc8b5468393cacecc585da94922d4f11da8ae768525c3f735b5cd77273adaac",
}

WITH_MAC = [row for row in CIPHERS if not row.aead]
USABLE = [row for row in MACS if row.available() is None]
PLAIN_MAC, ETM = MACS["hmac-sha2-256"], MACS["hmac-sha2-256-etm@openssh.com"]


def build(cipher: CipherRow, mac: MacRow) -> PacketCipher:
    """Return the protection that two rows make of the keys 00 01 02 and so on."""
    return cipher.build(KEY[: cipher.key], KEY[: cipher.iv], None if cipher.aead else mac.build(KEY[: mac.key]))


def pairs() -> list[tuple[CipherRow, MacRow]]:
    """Return each cipher with a code of either arrangement, and each code with a cipher."""
    found = [(cipher, mac) for cipher in CIPHERS for mac in (PLAIN_MAC, ETM)]
    return found + [(CIPHERS["aes128-ctr"], mac) for mac in USABLE]


class VectorTests(SynchronousTestCase):
    """Rows against another implementation."""

    def test_ciphers(self) -> None:
        """Each cipher makes exactly these bytes of two packets, the second one chained to the first."""
        self.assertEqual(set(ENCRYPTED), {row.name for row in WITH_MAC})
        for row in WITH_MAC:
            with self.subTest(row.name):
                cipher = build(row, PLAIN_MAC)
                packets = [sealed(cipher, SEQUENCE, PAYLOAD)[:32].hex() for _ in range(2)]
                self.assertEqual(tuple(packets), ENCRYPTED[row.name])

    def test_macs(self) -> None:
        """Each HMAC makes exactly this tag, all of it or its beginning."""
        for row in MACS:
            base = row.name.removesuffix("@openssh.com").removesuffix("-etm")
            tag = TAGS.get(base.removesuffix("-96"))
            if tag is None:
                self.assertTrue(base.startswith("umac-"), row.name)
                continue
            size = 12 if base.endswith("-96") else len(tag) // 2
            mac = row.build(KEY[: row.key])
            self.assertEqual((mac.tag(SEQUENCE, PLAIN).hex(), mac.size), (tag[: 2 * size], size), row.name)

    def test_sizes(self) -> None:
        """Keys and tags of UMAC are as long as its names say; every HMAC has a key as long as its hash."""
        for row in USABLE:
            mac = row.build(bytes(row.key))
            if row.name.startswith("umac-"):
                bits = int(row.name.partition("@")[0].split("-")[1])
                self.assertEqual((row.key, mac.size), (16, bits // 8))
            elif "-96" not in row.name:
                self.assertEqual(row.key, mac.size)


class ForgeryTests(SynchronousTestCase):
    """What was changed on the way."""

    def refuse(self, cipher: PacketCipher, wire: bytes) -> None:
        """Check that a packet is not opened, wherever its end was found."""
        packet = memoryview(bytearray(wire))
        cipher.length(SEQUENCE, packet[: cipher.head])
        violation = self.assertRaises(ProtocolViolation, cipher.open, SEQUENCE, packet)
        self.assertEqual(violation.reason, Reason.MAC_ERROR)

    def test_every_bit(self) -> None:
        """Whichever bit of a packet is another, no row opens it."""
        for cipher, mac in pairs():
            wire = sealed(build(cipher, mac), SEQUENCE, PAYLOAD)
            for bit in range(8 * len(wire)):
                forged = bytearray(wire)
                forged[bit // 8] ^= 1 << bit % 8
                self.refuse(build(cipher, mac), bytes(forged))

    def test_every_truncation(self) -> None:
        """A packet that ends too early is waited for, and no part of it comes out."""
        buffer = ReceiveBuffer()
        for cipher, mac in pairs():
            wire = sealed(build(cipher, mac), SEQUENCE, PAYLOAD)
            for size in range(len(wire)):
                receiver = Receiver(buffer)
                receiver.sequence = SEQUENCE
                receiver.switch(build(cipher, mac), None, reset=False)
                put(receiver, wire[:size])
                self.assertEqual(taken(receiver), [], (cipher.name, mac.name, size))
                put(receiver, wire[size:])
                self.assertEqual(taken(receiver), [PAYLOAD], (cipher.name, mac.name, size))
                receiver.release()


class RoundTripTests(SynchronousTestCase):
    """Sender to receiver."""

    @given(
        st.sampled_from(sorted(CIPHERS.rows)),
        st.sampled_from(sorted(row.name for row in USABLE)),
        st.lists(st.integers(1, 200) | st.integers(1, 40_000), min_size=1, max_size=6),
        st.lists(st.integers(1, 5000), min_size=1),
        st.sampled_from((0, 1, 2**32 - 2)),
    )
    @settings(max_examples=300)
    def test_any_pair(self, cipher: str, mac: str, sizes: list[int], cuts: list[int], sequence: int) -> None:
        """Whatever is sent with any cipher and any code arrives, however the bytes are cut."""
        rows = CIPHERS[cipher], MACS[mac]
        sender, receiver = Sender(StagingPool()), Receiver(ReceiveBuffer())
        for side in (sender, receiver):
            side.switch(build(*rows), None, reset=False)
            side.sequence = sequence
        payloads = [bytes(at * number & 0xFF for at in range(size)) for number, size in enumerate(sizes, 3)]
        for payload in payloads:
            sender.packet(payload)
        wire, found = bytes(sender.unsent()), []
        at = 0
        while at < len(wire):
            piece = wire[at : at + cuts[at % len(cuts)]]
            put(receiver, piece)
            found += taken(receiver)
            at += len(piece)
        self.assertEqual(found, payloads)


class WearTests(SynchronousTestCase):
    """How much one key may protect (RFC 4344, 3)."""

    def test_bytes(self) -> None:
        """A key protects fewer than 2**(L/4) blocks of 16 bytes, and less than a gigabyte of smaller ones."""
        for row in CIPHERS:
            if row.aead or build(row, ETM).block == 16:
                self.assertEqual(row.most_bytes, MANY_BYTES)
                self.assertLess(row.most_bytes // 16, 2 ** (128 // 4))
            else:
                self.assertEqual(row.most_bytes, FEW_BYTES)
                self.assertLess(row.most_bytes, 2**30)

    def test_packets(self) -> None:
        """No key protects more than 2**31 packets."""
        self.assertEqual({row.most_packets for row in CIPHERS}, {MANY_PACKETS})
        self.assertEqual(MANY_PACKETS, 2**31)
