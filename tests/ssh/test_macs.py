"""Tests of `conchsftp.ssh.packets.macs`."""

import hmac

from cryptography.hazmat.primitives import hashes
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.ssh.packets.macs import HashlibHmac, Hmac, truncated


class HmacTests(SynchronousTestCase):
    """Tags of packets."""

    def test_packet_vector(self) -> None:
        """The tag of an encrypted packet covers the sequence number, the plain length and the ciphertext."""
        packet = bytes.fromhex("0000002004910bb54162833699eee12ba3218b2f760bec94661872969adafd0f4ba40fdc")
        tag = Hmac(hashes.SHA256(), bytes(range(32)), etm=True).tag(3, packet)
        self.assertEqual(tag.hex(), "8924ee428ae2bdcf4f1fad040b9cbc88b7775557a905a8d5a6aa3d8f4571bf20")

    def test_plain_packet_vector(self) -> None:
        """The tag of a plain packet covers the sequence number and the packet with its length and padding."""
        packet = bytes.fromhex("0000001c0a050000000c7373682d7573657261757468" + "00" * 10)
        tag = Hmac(hashes.SHA256(), bytes(range(32))).tag(3, packet)
        self.assertEqual(tag.hex(), "df594e90e876bb9c1b9de68328a4e56ef9196689eb789909d93686e1dd809d24")

    def test_rfc_4231(self) -> None:
        """The hash is HMAC of RFC 2104: test case 2 of RFC 4231, whose first four bytes we give as sequence number."""
        sequence, rest = int.from_bytes(b"what", "big"), b" do ya want for nothing?"
        self.assertEqual(
            Hmac(hashes.SHA256(), b"Jefe").tag(sequence, rest).hex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        )
        self.assertEqual(
            Hmac(hashes.SHA512(), b"Jefe").tag(sequence, rest).hex(),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
            "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        )

    def test_rfc_2202_and_2286(self) -> None:
        """The same with MD5, SHA-1 (RFC 2202, case 2) and RIPEMD-160 (RFC 2286, case 2)."""
        sequence, rest = int.from_bytes(b"what", "big"), b" do ya want for nothing?"
        for mac, tag in (
            (Hmac(hashes.MD5(), b"Jefe"), "750c783e6ab0b503eaa86e310a5db738"),
            (Hmac(hashes.SHA1(), b"Jefe"), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (HashlibHmac("ripemd160", b"Jefe"), "dda6c0213a485a9e24f4742064a7f033b43c4069"),
        ):
            self.assertEqual(mac.tag(sequence, rest).hex(), tag)
            self.assertEqual(mac.size, len(tag) // 2)

    def test_unknown_hash(self) -> None:
        """A hash function that Python does not have is a ValueError, which says that the row cannot be used."""
        self.assertRaises(ValueError, HashlibHmac, "ripemd999", bytes(20))

    def test_truncated(self) -> None:
        """A tag that is cut short is the beginning of the whole one, in the same arrangement."""
        for etm in (True, False):
            whole = Hmac(hashes.SHA1(), bytes(20), etm=etm)
            cut = truncated(lambda key, whole=whole: whole, 12, bytes(20))
            self.assertEqual((cut.size, cut.etm), (12, etm))
            self.assertEqual(cut.tag(9, b"packet"), whole.tag(9, b"packet")[:12])

    def test_each_tag_is_its_own(self) -> None:
        """A tag depends on its own packet only, and on nothing that came before it."""
        mac = Hmac(hashes.SHA512(), bytes(64))
        first = mac.tag(7, b"packet")
        mac.tag(8, b"another")
        self.assertEqual(mac.tag(7, b"packet"), first)
        self.assertNotEqual(mac.tag(8, b"packet"), first)

    def test_sequence_ends(self) -> None:
        """Sequence numbers 0 and 2**32 - 1 are four bytes, high byte first."""
        mac = Hmac(hashes.SHA256(), bytes(32))
        for sequence, encoded in ((0, b"\0\0\0\0"), (2**32 - 1, b"\xff\xff\xff\xff")):
            self.assertEqual(mac.tag(sequence, b"x"), hmac.digest(bytes(32), encoded + b"x", "sha256"))

    def test_buffers(self) -> None:
        """A packet may be bytes, a bytearray or a view of one: the tag is the same."""
        mac = Hmac(hashes.SHA256(), bytes(32))
        data = bytearray(range(256)) * 200
        tags = {mac.tag(5, each) for each in (bytes(data), data, memoryview(data))}
        self.assertEqual(len(tags), 1)
