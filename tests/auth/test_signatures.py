"""
Keys of users and their signatures, of every type, whole and broken.
"""

from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.conch.ssh.common import MP, NS
from twisted.conch.ssh.keys import Key
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.signatures import KEY_TYPES, BadKey, BadSignature, PublicKey, fingerprint
from tests.auth.support import ECDSA, RSA, Ed25519, SecurityKey, SecurityKeyP256, unhex

DATA = b"what is signed"

RSA_KEY = RSA()
KEYS: list[Any] = [
    Ed25519(),
    ECDSA(ec.SECP256R1(), "nistp256", hashes.SHA256()),
    ECDSA(ec.SECP384R1(), "nistp384", hashes.SHA384()),
    ECDSA(ec.SECP521R1(), "nistp521", hashes.SHA512()),
    RSA_KEY,
    SecurityKey(),
    SecurityKeyP256(),
]


class KeyTests(SynchronousTestCase):
    def test_every_type(self) -> None:
        """Every row of the table has a key here that it reads, and whose signature it accepts."""
        self.assertEqual({PublicKey(key.blob).type for key in KEYS}, set(KEY_TYPES))
        for key in KEYS:
            PublicKey(key.blob).verify(key.algorithm, key.sign(DATA), DATA)

    def test_layout(self) -> None:
        """An Ed25519 key is its name and 32 bytes (RFC 8709, 4)."""
        point = KEYS[0].blob[-32:]
        blob = unhex("0000000b 7373682d65643235353139  00000020") + point
        self.assertEqual(PublicKey(blob).type, "ssh-ed25519")

    def test_cut_short(self) -> None:
        """A key that is cut short at any length is refused, and never more than that."""
        for key in KEYS:
            for length in range(len(key.blob)):
                self.assertRaises(BadKey, PublicKey, key.blob[:length])

    def test_excess(self) -> None:
        """A key with something after it is another blob, and is refused: one key has one blob."""
        for key in KEYS:
            self.assertRaises(BadKey, PublicKey, key.blob + b"\0")

    def test_unknown_type(self) -> None:
        """A type that is not in the table is refused by name."""
        error = self.assertRaises(BadKey, PublicKey, NS(b"ssh-future") + NS(b"x"))
        self.assertIn("ssh-future", str(error))

    def test_rsa_size(self) -> None:
        """RSA keys have 2048 to 16384 bits: below they can be factored, above they cost us time."""
        for bits, accepted in ((2047, False), (2048, True), (2049, True), (16384, True), (16385, False)):
            blob = NS(b"ssh-rsa") + MP(65537) + MP((1 << bits - 1) + 1)
            if accepted:
                self.assertEqual(PublicKey(blob).type, "ssh-rsa")
            else:
                self.assertIn(str(bits), str(self.assertRaises(BadKey, PublicKey, blob)))

    def test_rsa_exponent(self) -> None:
        """An exponent of 64 bits is accepted, one of 65 is not: it only makes us work."""
        modulus = MP((1 << 2047) + 1)
        PublicKey(NS(b"ssh-rsa") + MP((1 << 63) + 1) + modulus)
        self.assertRaises(BadKey, PublicKey, NS(b"ssh-rsa") + MP((1 << 64) + 1) + modulus)

    def test_rsa_nonsense(self) -> None:
        """Negative, zero and even numbers are no RSA key."""
        modulus = b"\0" + b"\xff" * 256
        for exponent, number in ((b"\xff", modulus), (b"", modulus), (b"\x04", modulus), (b"\x03", b"\xff" * 256)):
            self.assertRaises(BadKey, PublicKey, NS(b"ssh-rsa") + NS(exponent) + NS(number))

    def test_curve(self) -> None:
        """An ECDSA key is an uncompressed point on the curve that its name says."""
        name, curve = NS(b"ecdsa-sha2-nistp256"), NS(b"nistp256")
        point = KEYS[1].blob[-65:]
        compressed = bytes((2 + (point[-1] & 1),)) + point[1:33]
        PublicKey(name + curve + NS(point))
        for broken in (
            NS(b"nistp384") + NS(point),
            curve + NS(compressed),
            curve + NS(point[:-1] + bytes((point[-1] ^ 1,))),
            curve + NS(b"\0"),
        ):
            self.assertRaises(BadKey, PublicKey, name + broken)

    def test_fingerprint(self) -> None:
        """A fingerprint reads as OpenSSH prints it (checked with `ssh-keygen -l`)."""
        blob = NS(b"ssh-ed25519") + NS(bytes(32))
        self.assertEqual(fingerprint(blob), "SHA256:kmYcvdi2GkPeWxB6XLjrZB8JHsy2Hm8luHMFp9GMvqk")


class SignatureTests(SynchronousTestCase):
    def test_other_data(self) -> None:
        """A signature over anything else is refused."""
        for key in KEYS:
            signature = key.sign(DATA)
            self.assertRaises(BadSignature, PublicKey(key.blob).verify, key.algorithm, signature, DATA + b"!")

    def test_other_key(self) -> None:
        """A signature by another key of the same type is refused."""
        for key, other in ((Ed25519(), Ed25519()), (SecurityKey(), SecurityKey())):
            self.assertRaises(BadSignature, PublicKey(key.blob).verify, key.algorithm, other.sign(DATA), DATA)

    def test_cut_short(self) -> None:
        """A signature that is cut short at any length is refused, and never more than that."""
        for key in KEYS:
            public, signature = PublicKey(key.blob), key.sign(DATA)
            for length in range(len(signature)):
                self.assertRaises(BadSignature, public.verify, key.algorithm, signature[:length], DATA)

    def test_excess(self) -> None:
        """A signature with something after it is refused."""
        for key in KEYS:
            self.assertRaises(BadSignature, PublicKey(key.blob).verify, key.algorithm, key.sign(DATA) + b"\0", DATA)

    def test_inner_name(self) -> None:
        """The signature must name the algorithm of the request, even if it is a good signature of its own kind."""
        signature = NS(b"rsa-sha2-256") + NS(RSA_KEY.value(DATA, "rsa-sha2-256"))
        PublicKey(RSA_KEY.blob).verify("rsa-sha2-256", signature, DATA)
        self.assertRaises(BadSignature, PublicKey(RSA_KEY.blob).verify, "rsa-sha2-512", signature, DATA)
        for key in KEYS:
            name = NS(key.algorithm.encode())
            renamed = NS(b"x" + key.algorithm[1:].encode()) + key.sign(DATA)[len(name) :]
            self.assertRaises(BadSignature, PublicKey(key.blob).verify, key.algorithm, renamed, DATA)

    def test_fits(self) -> None:
        """Algorithms belong to types: rsa-sha2 to ssh-rsa, every other to its own name."""
        for key in KEYS:
            for other in KEYS:
                self.assertEqual(PublicKey(key.blob).fits(other.algorithm), key is other)
        renamed = NS(b"ssh-rsa") + KEYS[0].sign(DATA)[len(NS(b"ssh-ed25519")) :]
        self.assertRaises(BadSignature, PublicKey(KEYS[0].blob).verify, "ssh-rsa", renamed, DATA)

    def test_sha1(self) -> None:
        """RSA with SHA-1 is accepted under no name."""
        value = NS(RSA_KEY.value(DATA, "ssh-rsa"))
        for name in ("ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"):
            for inner in (b"ssh-rsa", name.encode()):
                self.assertRaises(BadSignature, PublicKey(RSA_KEY.blob).verify, name, NS(inner) + value, DATA)

    def test_rsa_without_leading_zeros(self) -> None:
        """Some clients drop leading zeros of an RSA signature; it is still good, and complete for other checkers."""
        data = next(d for i in range(100000) if not RSA_KEY.value(d := b"%d" % i, "rsa-sha2-512")[0])
        short = NS(b"rsa-sha2-512") + NS(RSA_KEY.value(data, "rsa-sha2-512").lstrip(b"\0"))
        signed = PublicKey(RSA_KEY.blob).verify("rsa-sha2-512", short, data)
        self.assertEqual(signed.signature, RSA_KEY.sign(data))

    def test_touch(self) -> None:
        """A security key must say that it was touched (OpenSSH PROTOCOL.u2f)."""
        for kind in (SecurityKey, SecurityKeyP256):
            for flags, accepted in ((0x00, False), (0x01, True), (0x04, False), (0x05, True)):
                key = kind(flags)
                verify = PublicKey(key.blob).verify
                if accepted:
                    self.assertEqual(verify(key.algorithm, key.sign(DATA), DATA).flags, flags)
                else:
                    error = self.assertRaises(BadSignature, verify, key.algorithm, key.sign(DATA), DATA)
                    self.assertIn("touched", str(error))

    def test_touch_is_signed(self) -> None:
        """Flags that were changed on the way spoil the signature."""
        key = SecurityKey(0x00)
        signature = bytearray(key.sign(DATA))
        signature[-5] = 0x01
        self.assertRaises(BadSignature, PublicKey(key.blob).verify, key.algorithm, bytes(signature), DATA)

    def test_conch_agrees(self) -> None:
        """What was verified can be verified again by Conch, which checkers do."""
        for key in KEYS:
            signed = PublicKey(key.blob).verify(key.algorithm, key.sign(DATA), DATA)
            self.assertTrue(Key.fromString(key.blob).verify(signed.signature, signed.message))
