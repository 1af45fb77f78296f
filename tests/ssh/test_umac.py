"""UMAC, where this machine has libnettle; and what is said where it does not."""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.ssh.algorithms.protection import MACS
from conchsftp.ssh.packets.umac import Umac, needs_libnettle

ABSENT = ("libnettle-that-nobody-has.so.1",)
NONCE = int.from_bytes(b"bcdefghi", "big")
VECTORS = {
    b"aaa": ("44B5CB542F220104", "185E4FE905CBA7BD85E4C2DC3D117D8D"),
    b"a" * 2**10: ("26BF2F5D60118BD9", "7A54ABE04AF82D60FB298C3CBD195BCB"),
    b"a" * 2**15: ("27F8EF643B0D118D", "7B136BD911E4B734286EF2BE501F2C3C"),
    b"abc" * 500: ("D4CF26DDEFD5C01A", "8824A260C53C66A36C9260A62CB83AA1"),
}


class UmacTests(SynchronousTestCase):
    """Tags."""

    def setUp(self) -> None:
        reason = needs_libnettle()
        if reason is not None:
            self.skipTest(reason)

    def test_rfc_4418(self) -> None:
        """The vectors of RFC 4418, appendix, and those for 128 bits that were made for OpenSSH."""
        for message, tags in VECTORS.items():
            for bits, tag in zip((64, 128), tags, strict=True):
                self.assertEqual(Umac(bits, b"abcdefghijklmnop").tag(NONCE, message).hex().upper(), tag)

    def test_packets(self) -> None:
        """The nonce is the sequence number as eight bytes, and is not covered besides: packets of OpenSSH's kind."""
        key = bytes(range(16))
        encrypted = bytearray.fromhex("00000020 04910bb54162833699eee12ba3218b2f760bec94661872969adafd0f4ba40fdc")
        plain = bytearray.fromhex("0000001c 0a 05 0000000c 7373682d7573657261757468 00000000000000000000")
        self.assertEqual(Umac(64, key, etm=True).tag(3, memoryview(encrypted)).hex(), "ec2483f356511fe1")
        self.assertEqual(
            Umac(128, key, etm=True).tag(3, memoryview(encrypted)).hex(), "99807e5dfbb6dfa305349717e41c9135"
        )
        self.assertEqual(Umac(64, key).tag(3, memoryview(plain)).hex(), "bd963b84a7a03331")

    def test_each_tag_is_its_own(self) -> None:
        """A tag depends on its own packet only: not on the one before, nor on the order of the numbers."""
        for bits in (64, 128):
            mac = Umac(bits, bytes(16))
            tags = {sequence: mac.tag(sequence, bytearray(b"packet")) for sequence in (0, 1, 2, 3, 2**32 - 1)}
            self.assertEqual(len(set(tags.values())), 5)
            for sequence in (3, 2**32 - 1, 1, 0, 2):
                self.assertEqual(mac.tag(sequence, bytearray(b"packet")), tags[sequence])
                self.assertEqual(Umac(bits, bytes(16)).tag(sequence, b"packet"), tags[sequence])

    def test_buffers(self) -> None:
        """A packet may be bytes, a bytearray or a part of one, of any size: the tag is the same."""
        data = bytearray(range(256)) * 9
        for bits in (64, 128):
            mac = Umac(bits, bytes(16))
            for size in (1, 31, 32, 1023, 1024, 1025, 2048, 2049):
                part = memoryview(data)[3 : 3 + size]
                self.assertEqual(len({mac.tag(5, each) for each in (bytes(part), bytearray(part), part)}), 1)

    def test_buffer_is_given_back(self) -> None:
        """Who owns the packet can change its size as soon as the tag is there."""
        data = bytearray(b"packet")
        Umac(128, bytes(16)).tag(0, data)
        data.extend(b"more")


class AbsentTests(SynchronousTestCase):
    """A machine without the library."""

    def test_reason(self) -> None:
        """It is said what is missing, and how Debian calls it."""
        self.assertEqual(needs_libnettle(ABSENT), "needs libnettle (Debian: libnettle8)")

    def test_another_library(self) -> None:
        """A library of that name without the functions is as good as none."""
        self.assertEqual(needs_libnettle(("libc.so.6",)), "needs libnettle (Debian: libnettle8)")

    def test_rows(self) -> None:
        """The codes that need it are the four of OpenSSH, and they say so."""
        rows = {row.name for row in MACS if row.available is needs_libnettle}
        names = {f"umac-{bits}{etm}@openssh.com" for bits in (64, 128) for etm in ("", "-etm")}
        self.assertEqual(rows, names)
