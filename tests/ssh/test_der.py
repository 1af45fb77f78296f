"""
How much work a key in DER asks for.
"""

from base64 import b64decode, b64encode
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.ssh.keys.der import MOST_ROUNDS, check_work
from conchsftp.ssh.keys.unusable import Unusable
from tests.ssh.test_stores import StoreCase

VECTORS = Path(__file__).with_name("vectors")


def der(tag: int, *parts: bytes) -> bytes:
    """Return a part with its length, which is short or long."""
    body = b"".join(parts)
    size = len(body)
    return bytes((tag, size) if size < 0x80 else (tag, 0x82, size >> 8, size & 0xFF)) + body


def number(value: int) -> bytes:
    """Return an integer."""
    return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


SALT = der(4, b"saltsalt")
OID = der(6, bytes.fromhex("2a864886f70d01050d"))


def pbes2(rounds: int, *rest: bytes) -> bytes:
    """Return an encrypted private key (RFC 8018, A.4)."""
    return der(0x30, der(0x30, OID, der(0x30, der(0x30, OID, der(0x30, SALT, number(rounds), *rest)))), der(4, b"key"))


class WorkTests(SynchronousTestCase):
    """What is refused, and what is not."""

    def refused(self, *contents: bytes) -> bool:
        """Return whether something is refused for the rounds that it asks for."""
        try:
            check_work(contents)
        except Unusable as problem:
            self.assertIn("hashed", str(problem))
            return True
        return False

    def test_bound(self) -> None:
        """As many rounds as are allowed, and one more; for one key, and for all keys of a store together."""
        for rest in (b"", number(32), der(0x30, OID)):
            self.assertFalse(self.refused(pbes2(MOST_ROUNDS, rest)))
            self.assertTrue(self.refused(pbes2(MOST_ROUNDS + 1, rest)))
        half = pbes2(MOST_ROUNDS // 2)
        self.assertFalse(self.refused(half, half))
        self.assertTrue(self.refused(half, half, pbes2(1)))

    def test_scrypt(self) -> None:
        """The work of scrypt is the product of its three numbers, and so is its memory (RFC 7914)."""
        self.assertFalse(self.refused(pbes2(1 << 14, number(8), number(1))))
        self.assertTrue(self.refused(pbes2(1 << 30, number(8), number(1))))
        self.assertTrue(self.refused(pbes2(1 << 14, number(8), number(1 << 20))))

    def test_store(self) -> None:
        """It is found inside of strings, of pieces of strings, of what has no length, and in the code of PKCS#12."""
        absurd = pbes2(1 << 31)
        pieces = der(4, absurd[:9]), der(4, absurd[9:])
        endless = b"\x30\x80" + absurd + b"\0\0"
        code = der(0x30, der(0x30, der(0x30, OID), der(4, b"hash")), SALT, number(1 << 31))
        for inner in (
            der(4, absurd),
            der(0x24, *pieces),
            b"\x24\x80" + b"".join(pieces) + b"\0\0",
            endless,
            der(4, endless),
            code,
            b"\x3f\x81\x01" + der(0xA0, absurd)[1:],
        ):
            self.assertTrue(self.refused(der(0x30, number(3), inner)), inner.hex())

    def test_damaged(self) -> None:
        """What is no DER, is nested without end, or has too many parts, is refused, and quickly."""
        for data in (b"0", b"\x30\x05", b"\x30\x80\2\1\0", b"\x30\x80" * 100_000, b"\x05\0" * 100_001, b"\x1f\xff"):
            self.assertRaises(Unusable, check_work, [data])
        deep = b""
        for _ in range(60):
            deep = der(4, der(0x30, deep))
        self.assertFalse(self.refused(deep))

    def test_numbers(self) -> None:
        """A number that is longer than those of keys is refused: to look whether it is a prime takes hours."""
        self.assertFalse(self.refused(number((1 << 16384) - 1)))
        self.assertRaises(Unusable, check_work, [number(1 << 16392)])

    def test_real(self) -> None:
        """What OpenSSL has made is not refused, and not what is no DER at all inside of it."""
        for name in ("rsa.p12", "rsa-empty.p12", "rsa.enc.der", "rsa.key.der", "rsa.p7b"):
            self.assertFalse(self.refused((VECTORS / name).read_bytes()))


class StoreTests(StoreCase):
    """Key stores that ask for absurd work are refused before it is done."""

    def test_refused(self) -> None:
        """In DER, in PEM, as PKCS#12; and OpenSSH's keys, whose rounds are others."""
        absurd = pbes2(1 << 31)
        pem = (
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + b64encode(absurd) + b"\n-----END ENCRYPTED PRIVATE KEY-----\n"
        )
        for data, kind in ((absurd, 7), (absurd, 99), (pem, 7), (pem, 99), (absurd, 3)):
            self.assertIn("hashed", self.complaint(data, kind, "secret"))

    def test_openssh(self) -> None:
        """Four thousand rounds of bcrypt take half a minute; a key that asks for more is refused."""
        lines = (VECTORS / "ed25519.enc").read_bytes().splitlines()
        data = bytearray(b64decode(b"".join(lines[1:-1])))
        at = data.index(b"bcrypt") + 6 + 4 + 4 + 16
        for rounds, refused in ((1 << 31, True), (4097, True), (1, False)):
            data[at : at + 4] = rounds.to_bytes(4, "big")
            changed = b"\n".join((lines[0], b64encode(bytes(data)), lines[-1], b""))
            self.assertEqual("bcrypt" in self.complaint(changed, 7, "secret"), refused)
