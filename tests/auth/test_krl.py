"""
Lists of revoked keys as `ssh-keygen -k` writes them.
"""

from hashlib import sha1, sha256

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.conch.ssh.common import NS
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.keys.krl import BadList, RevocationList, read_krl
from tests.auth import keygen_vectors as vectors
from tests.auth.certificates import KRL_HEAD, krl_certificates, u64
from tests.auth.certificates import krl_section as section
from tests.auth.support import unhex

HEAD = KRL_HEAD
CA = b"a CA"


def certificates(*sections: bytes, ca: bytes = CA) -> bytes:
    return krl_certificates(*sections, ca=ca)


def read(*sections: bytes) -> RevocationList:
    return read_krl(HEAD + b"".join(sections))


class ReadTests(SynchronousTestCase):
    def revoked(self, found: RevocationList, *serials: int, ca: bytes = CA) -> list[bool]:
        return [found.has_certificate(ca, serial, b"") for serial in serials]

    def test_empty(self) -> None:
        """A list of nothing revokes nothing."""
        found = read()
        self.assertFalse(found.has_key(b"x") or found.has_certificate(CA, 0, b""))

    def test_serials(self) -> None:
        """Single numbers, in any order and in several sections."""
        found = read(certificates(section(0x20, u64(9) + u64(2**64 - 1) + u64(3)), section(0x20, u64(5))))
        self.assertEqual(self.revoked(found, 3, 5, 9, 2**64 - 1), [True] * 4)
        self.assertEqual(self.revoked(found, 0, 2, 4, 6, 8, 10, 2**64 - 2), [False] * 7)

    def test_range(self) -> None:
        """From one to another, both included; the widest costs nothing."""
        last = 2**64 - 1
        found = read(certificates(section(0x21, u64(5) + u64(9))), certificates(section(0x21, u64(20) + u64(last))))
        self.assertEqual(self.revoked(found, 5, 9, 20, last), [True] * 4)
        self.assertEqual(self.revoked(found, 4, 10, 19), [False] * 3)

    def test_bitmap(self) -> None:
        """A bit for each number after the offset, the lowest last."""
        found = read(certificates(section(0x22, u64(100) + NS(unhex("00 80 0b")))))
        wanted = {100, 101, 103, 115}
        for serial in (0, *range(90, 130), 2**64 - 1):
            self.assertEqual(self.revoked(found, serial), [serial in wanted], serial)

    def test_bitmap_at_the_end(self) -> None:
        """An offset near the end of all numbers is no trouble."""
        found = read(certificates(section(0x22, u64(2**64 - 1) + NS(b"\x01"))))
        self.assertEqual(self.revoked(found, 2**64 - 1, 0, 2**64 - 2), [True, False, False])

    def test_key_ids(self) -> None:
        """What a CA calls its certificates, exactly."""
        found = read(certificates(section(0x23, NS(b"laptop") + NS(b"phone"))))
        for key_id, revoked in ((b"laptop", True), (b"phone", True), (b"lap", False), (b"", False)):
            self.assertEqual(found.has_certificate(CA, 1, key_id), revoked)
            self.assertFalse(found.has_certificate(b"other CA", 1, key_id))

    def test_every_ca(self) -> None:
        """An empty CA stands for all of them, beside what is said of one."""
        found = read(certificates(section(0x20, u64(5)), ca=b""), certificates(section(0x20, u64(6))))
        self.assertEqual(self.revoked(found, 5, 6, 7), [True, True, False])
        self.assertEqual(self.revoked(found, 5, 6, ca=b"other CA"), [True, False])

    def test_keys(self) -> None:
        """Keys as they are, by SHA-1 and by SHA-256."""
        for found in (
            read(section(2, NS(b"other") + NS(b"key"))),
            read(section(3, NS(sha1(b"other").digest()) + NS(sha1(b"key").digest()))),
            read(section(5, NS(sha256(b"key").digest()))),
        ):
            self.assertTrue(found.has_key(b"key"))
            self.assertFalse(found.has_key(b"ke"))

    def test_extensions(self) -> None:
        """An extension that is not known is passed over, unless it is critical; so are those about certificates."""
        mild, critical = (NS(b"x@example.org") + flag + NS(b"data") for flag in (b"\0", b"\1"))
        read(section(255, mild), certificates(section(0x39, mild)))
        for sections in (section(255, critical), certificates(section(0x39, critical))):
            self.assertRaises(BadList, read, sections)

    def test_signatures(self) -> None:
        """Signatures are passed over, and what comes after them counts."""
        found = read(section(4, b"a key") + NS(b"a signature"), section(2, NS(b"key")))
        self.assertTrue(found.has_key(b"key"))

    def test_bad(self) -> None:
        """What is not understood as a whole is not read at all."""
        for sections in (
            section(6, b""),
            section(0, b""),
            certificates(section(0x24, b"")),
            certificates(section(0x20, bytes(7))),
            certificates(section(0x21, u64(9) + u64(8))),
            certificates(section(0x21, u64(9))),
            certificates(section(0x22, u64(9) + NS(b"\xff"))),
            section(3, NS(bytes(32))),
            section(5, NS(bytes(20))),
            section(2, b"\0"),
            b"\2",
        ):
            self.assertRaises(BadList, read, sections)
        for data in (b"", b"SSHKRL", HEAD.replace(unhex("00000001"), unhex("00000002"), 1), b"x" + HEAD):
            self.assertRaises(BadList, read_krl, data)

    def test_cut_short(self) -> None:
        """A list that is cut short is no list, except where a section ends."""
        for data, whole in ((vectors.LIST_BY_CA, 1), (vectors.LIST_OF_KEYS, 3)):
            ends = 0
            for length in range(len(data)):
                try:
                    read_krl(data[:length])
                    ends += 1
                except BadList:
                    pass
            # The head alone is an empty list, and so on.
            self.assertEqual(ends, whole)

    @settings(deadline=None, max_examples=300)
    @given(st.binary(max_size=200), st.integers(0, 200))
    def test_garbage(self, garbage: bytes, place: int) -> None:
        """Whatever the file holds, it is a list or a BadList."""
        known = vectors.LIST_BY_CA
        for data in (HEAD + garbage, known[:place] + garbage + known[place + len(garbage) :]):
            try:
                found = read_krl(data)
            except BadList:
                continue
            found.has_certificate(CA, 5, b"")


class KeygenTests(SynchronousTestCase):
    """Lists that OpenSSH has made."""

    def test_by_ca(self) -> None:
        """Serial numbers 1, 5 to 9, 100, 101, 103 and 1000000 of a CA, and the key id of one."""
        found = read_krl(vectors.LIST_BY_CA)
        wanted = {1, 5, 6, 7, 8, 9, 100, 101, 103, 1000000}
        for serial in (*range(120), 999999, 1000000, 1000001):
            self.assertEqual(found.has_certificate(vectors.CA, serial, b""), serial in wanted, serial)
            self.assertFalse(found.has_certificate(vectors.CA_P256, serial, b""))
        self.assertTrue(found.has_certificate(vectors.CA, 0, b"stolen laptop"))

    def test_keys(self) -> None:
        """A key as it is, one by SHA-1 and one by SHA-256; the CA is not among them."""
        found = read_krl(vectors.LIST_OF_KEYS)
        for blob in (vectors.KEY, vectors.KEY_P256, vectors.CA_P256):
            self.assertTrue(found.has_key(blob))
        self.assertFalse(found.has_key(vectors.CA))
