"""Ciphers that encrypt in place, against the vectors of those who defined them."""

from collections.abc import Callable
from functools import partial

from cryptography.hazmat.decrepit.ciphers.algorithms import CAST5, SEED, Blowfish, TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.ssh.packets.transforms import InPlace, Transform, arcfour, cbc, ctr, ctr_of_ecb
from tests.ssh.families import KEY, unhex

AES_128 = unhex("2b7e1516 28aed2a6 abf71588 09cf4f3c")
NIST_PLAIN = unhex("6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51")
TDES_CTR = partial(ctr_of_ecb, TripleDES)

EVERY: dict[str, Callable[[], Transform]] = {
    "ctr": lambda: ctr(AES, KEY[:16], KEY[:16]),
    "cbc": lambda: cbc(AES, KEY[:16], KEY[:16]),
    "cbc of 64 bits": lambda: cbc(Blowfish, KEY[:16], KEY[:8]),
    "ctr of ecb": lambda: TDES_CTR(KEY[:24], KEY[:8]),
    "arcfour": lambda: arcfour(KEY[:16]),
    "arcfour128": lambda: arcfour(KEY[:16], skip=1536),
}


def run(transform: InPlace, data: bytes) -> bytes:
    """Return what becomes of data in place."""
    view = memoryview(bytearray(data))
    transform(view, view)
    return bytes(view)


class VectorTests(SynchronousTestCase):
    """What standards say comes out."""

    def both(self, make: Callable[[], Transform], plain: bytes, encrypted: bytes) -> None:
        """Check a vector in both directions."""
        self.assertEqual(run(make().encrypt, plain), encrypted)
        self.assertEqual(run(make().decrypt, encrypted), plain)

    def test_aes(self) -> None:
        """AES-128 in CBC and counter mode: NIST SP 800-38A, F.2.1 and F.5.1, two blocks each."""
        encrypted = unhex("7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2")
        self.both(lambda: cbc(AES, AES_128, KEY[:16]), NIST_PLAIN, encrypted)
        encrypted = unhex("874d6191b620e3261bef6864990db6ce 9806f66b7970fdff8617187bb9fffdff")
        self.both(lambda: ctr(AES, AES_128, bytes(range(0xF0, 0x100))), NIST_PLAIN, encrypted)

    def test_cast(self) -> None:
        """CAST-128 with a key of 128 bits: RFC 2144, B.1. The first block of CBC with no vector is the bare cipher."""
        key = unhex("0123456712345678234567893456789a")
        self.both(lambda: cbc(CAST5, key, bytes(8)), unhex("0123456789abcdef"), unhex("238b4fe5847e44b2"))

    def test_seed(self) -> None:
        """SEED: RFC 4269, B.1."""
        self.both(lambda: cbc(SEED, bytes(16), bytes(16)), KEY[:16], unhex("5ebac6e0054e166819aff1cc6d346cdb"))

    def test_blowfish(self) -> None:
        """Blowfish: of the vectors of Eric Young that its author publishes."""
        key = unhex("0123456789abcdef")
        self.both(lambda: cbc(Blowfish, key, bytes(8)), unhex("11" * 8), unhex("61f9c3802281b096"))

    def test_triple_des(self) -> None:
        """Triple DES, each mode: the key and the blocks of NIST SP 800-67, B.1."""
        key = unhex("0123456789abcdef 23456789abcdef01 456789abcdef0123")
        block, encrypted = b"The qufc", unhex("a826fd8ce53b855f")
        self.both(lambda: cbc(TripleDES, key, bytes(8)), block, encrypted)
        self.both(lambda: TDES_CTR(key, block), bytes(8), encrypted)

    def test_arcfour(self) -> None:
        """arcfour: RFC 6229, the keys of 128 and 256 bits, at the beginning and behind 1536 bytes."""
        streams = {
            (16, 0): "9ac7cc9a609d1ef7b2932899cde41b97",
            (16, 1536): "ffa0b514647ec04f6306b892ae661181",
            (32, 0): "eaa6bd25880bf93d3f5d1e4ca2611d91",
            (32, 1536): "3e34135c79db010200767651cf263073",
        }
        for (size, skip), stream in streams.items():
            with self.subTest(size=size, skip=skip):
                make = partial(arcfour, bytes(range(1, size + 1)), skip=skip)
                self.both(make, bytes(16), unhex(stream))


class StreamTests(SynchronousTestCase):
    """What one call leaves to the next."""

    @given(st.sampled_from(sorted(EVERY)), st.lists(st.integers(0, 40), max_size=12), st.randoms(use_true_random=False))
    def test_any_parts(self, name: str, parts: list[int], chance: object) -> None:
        """However a stream is cut into parts of whole blocks, the same comes out, and back again."""
        block = EVERY[name]().block
        data = bytes(at * 7 & 0xFF for at in range(sum(parts) * block))
        encrypt, decrypt = EVERY[name]().encrypt, EVERY[name]().decrypt
        encrypted = decrypted = b""
        at = 0
        for blocks in parts:
            part = run(encrypt, data[at : at + blocks * block])
            encrypted += part
            decrypted += run(decrypt, part)
            at += blocks * block
        self.assertEqual(encrypted, run(EVERY[name]().encrypt, data))
        self.assertEqual(decrypted, data)

    def test_blocks(self) -> None:
        """Parts are multiples of 8 bytes or of the cipher's block, whichever is more (RFC 4253, 6)."""
        blocks = {name: make().block for name, make in EVERY.items()}
        small = dict.fromkeys(("cbc of 64 bits", "ctr of ecb", "arcfour", "arcfour128"), 8)
        self.assertEqual(blocks, {"ctr": 16, "cbc": 16} | small)

    def test_counter_wraps(self) -> None:
        """The counter of 64 bits goes from its highest value to 0, wherever in a part that is (RFC 4344, 4)."""
        bare = Cipher(TripleDES(KEY[:24]), modes.ECB()).encryptor()
        for before in range(5):
            first = 2**64 - before
            expected = bare.update(b"".join(((first + at) % 2**64).to_bytes(8, "big") for at in range(6)))
            for cut in range(7):
                with self.subTest(before=before, cut=cut):
                    encrypt = TDES_CTR(KEY[:24], (first % 2**64).to_bytes(8, "big")).encrypt
                    found = run(encrypt, bytes(8 * cut)) + run(encrypt, bytes(48 - 8 * cut))
                    self.assertEqual(found, expected)
