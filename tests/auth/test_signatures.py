"""
Keys of users and their signatures, of every type, whole and broken.
"""

from itertools import product
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.conch.ssh.common import MP, NS
from twisted.conch.ssh.keys import Key
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.keys.signatures import KEY_TYPES, BadKey, BadSignature, PublicKey, plain_algorithm, slow
from conchsftp.ssh.keys.public_blob import fingerprint
from tests.auth.support import DSA, ECDSA, RSA, Ed25519, SecurityKey, SecurityKeyP256, WebAuthnKey, unhex

DATA = b"what is signed"

RSA_KEY = RSA()
KEYS: list[Any] = [
    Ed25519(),
    ECDSA(ec.SECP256R1(), "nistp256", hashes.SHA256()),
    ECDSA(ec.SECP384R1(), "nistp384", hashes.SHA384()),
    ECDSA(ec.SECP521R1(), "nistp521", hashes.SHA512()),
    RSA_KEY,
    RSA(algorithm="ssh-rsa"),
    DSA(),
    SecurityKey(),
    SecurityKeyP256(),
    WebAuthnKey(),
]


class KeyTests(SynchronousTestCase):
    def test_every_type(self) -> None:
        """Every row of the table has keys here that it reads, and whose signatures it accepts."""
        self.assertEqual({PublicKey(key.blob).type for key in KEYS}, set(KEY_TYPES))
        algorithms = {name for row in KEY_TYPES.values() for name in row.algorithms}
        self.assertEqual({key.algorithm for key in KEYS} | {"rsa-sha2-256"}, algorithms)
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

    def test_dsa_size(self) -> None:
        """DSA keys have 1024 and 160 bits: those are the only ones that `ssh-dss` is defined for."""
        for p, q, accepted in ((1024, 160, True), (1023, 160, False), (1025, 160, False), (1024, 224, False)):
            numbers = ((1 << p - 1) + 1, (1 << q - 1) + 1, 2, 4)
            blob = NS(b"ssh-dss") + b"".join(map(MP, numbers))
            if accepted:
                self.assertEqual(PublicKey(blob).type, "ssh-dss")
            else:
                self.assertIn(str(p), str(self.assertRaises(BadKey, PublicKey, blob)))
        self.assertRaises(BadKey, PublicKey, DSA(2048).blob)

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
        """Algorithms belong to types: rsa-sha2 to ssh-rsa, webauthn to sk-ecdsa, every other to its own name."""
        of_other_types = {"rsa-sha2-512": "ssh-rsa", WebAuthnKey.algorithm: SecurityKeyP256.algorithm}
        for key in KEYS:
            for other in KEYS:
                fits = PublicKey(key.blob).type == of_other_types.get(other.algorithm, other.algorithm)
                self.assertEqual(PublicKey(key.blob).fits(other.algorithm), fits)
        renamed = NS(b"ssh-rsa") + KEYS[0].sign(DATA)[len(NS(b"ssh-ed25519")) :]
        self.assertRaises(BadSignature, PublicKey(KEYS[0].blob).verify, "ssh-rsa", renamed, DATA)

    def test_sha1(self) -> None:
        """RSA with SHA-1 is called `ssh-rsa`, outside and inside, and has no other name."""
        value = NS(RSA_KEY.value(DATA, "ssh-rsa"))
        verify = PublicKey(RSA_KEY.blob).verify
        names = ("ssh-rsa", "rsa-sha2-256", "rsa-sha2-512")
        for outer, inner in product(names, names):
            if outer == inner == "ssh-rsa":
                verify(outer, NS(inner.encode()) + value, DATA)
            else:
                self.assertRaises(BadSignature, verify, outer, NS(inner.encode()) + value, DATA)
        for name in names[1:]:
            self.assertRaises(BadSignature, verify, "ssh-rsa", NS(name.encode()) + NS(RSA_KEY.value(DATA, name)), DATA)

    def test_rsa_without_leading_zeros(self) -> None:
        """Some clients drop leading zeros of an RSA signature; it is still good, and complete for other checkers."""
        data = next(d for i in range(100000) if not RSA_KEY.value(d := b"%d" % i, "rsa-sha2-512")[0])
        short = NS(b"rsa-sha2-512") + NS(RSA_KEY.value(data, "rsa-sha2-512").lstrip(b"\0"))
        signed = PublicKey(RSA_KEY.blob).verify("rsa-sha2-512", short, data)
        self.assertEqual(signed.signature, RSA_KEY.sign(data))

    def test_flags(self) -> None:
        """A security key says whether it was touched, and whether it knows by whom; others say nothing."""
        for kind in (SecurityKey, SecurityKeyP256, WebAuthnKey):
            for flags, touched, verified in ((0, False, False), (1, True, False), (4, False, True), (5, True, True)):
                key = kind(flags)
                signed = PublicKey(key.blob).verify(key.algorithm, key.sign(DATA), DATA)
                self.assertEqual((signed.touched, signed.verified, signed.flags), (touched, verified, flags))
        self.assertEqual(PublicKey(KEYS[0].blob).verify("ssh-ed25519", KEYS[0].sign(DATA), DATA).flags, 0)

    def test_application(self) -> None:
        """A signature for another application than the key's proves nothing."""
        for kind in (SecurityKey, SecurityKeyP256, WebAuthnKey):
            key = kind()
            blob = key.blob.replace(NS(b"ssh:"), NS(b"ssh:other"))
            PublicKey(key.blob).verify(key.algorithm, key.sign(DATA), DATA)
            self.assertRaises(BadSignature, PublicKey(blob).verify, key.algorithm, key.sign(DATA), DATA)

    def test_touch_is_signed(self) -> None:
        """Flags that were changed on the way spoil the signature."""
        for kind in (SecurityKey, SecurityKeyP256, WebAuthnKey):
            key = kind(0x00)
            touched = key.sign(DATA).replace(b"\x00\x00\x00\x00\x2a", b"\x01\x00\x00\x00\x2a")
            self.assertRaises(BadSignature, PublicKey(key.blob).verify, key.algorithm, touched, DATA)

    def test_conch_agrees(self) -> None:
        """What was verified can be verified again by Conch, which checkers do."""
        for key in KEYS:
            signed = PublicKey(key.blob).verify(key.algorithm, key.sign(DATA), DATA)
            self.assertTrue(Key.fromString(key.blob).verify(signed.signature, signed.message))


class WebAuthnTests(SynchronousTestCase):
    """What a browser says around a signature (Web Authentication, 5.8.1; OpenSSH PROTOCOL.u2f)."""

    def refused(self, key: WebAuthnKey) -> None:
        self.assertRaises(BadSignature, PublicKey(key.blob).verify, key.algorithm, key.sign(DATA), DATA)

    def test_client_data(self) -> None:
        """It has to begin with the kind of a login, the whole of what is signed, and the origin of the signature."""
        for name, value in (
            ("head", b'{"type":"webauthn.create","challenge":"'),
            ("head", b'{ "type":"webauthn.get","challenge":"'),
            ("head", WebAuthnKey.head + b"A"),
            ("padding", b"="),
            ("foot", b'"}'),
            ("foot", WebAuthnKey.foot.replace(b"login", b"other")),
            ("foot", b'","crossOrigin":false,"origin":"https://login.example"}'),
            ("origin", b""),
            ("origin", b"https://other.example"),
            ("origin", b"https://login.example/"),
            ("origin", b'https://login.example","crossOrigin":"'),
        ):
            key = WebAuthnKey()
            setattr(key, name, value)
            self.refused(key)

    def test_quotation_mark(self) -> None:
        """An origin cannot be more than one member of the client data."""
        key = WebAuthnKey()
        key.origin = b'https://login.example","crossOrigin":"'
        key.foot = b'","origin":"' + key.origin + b'"}'
        self.refused(key)

    def test_extensions(self) -> None:
        """Extensions are there if the flag says so; no attestation is."""
        for flags, extensions, accepted in (
            (0x01, b"", True),
            (0x81, b"\xa0", True),
            (0x01, b"\xa0", False),
            (0x81, b"", False),
            (0x41, b"", False),
        ):
            key = WebAuthnKey(flags, extensions)
            if accepted:
                PublicKey(key.blob).verify(key.algorithm, key.sign(DATA), DATA)
            else:
                self.refused(key)

    def test_not_a_plain_signature(self) -> None:
        """What a browser signs is no signature of the same key without one, nor the other way round."""
        browser = WebAuthnKey()
        plain = SecurityKeyP256()
        plain.inner, plain.blob = browser.inner, browser.blob
        verify = PublicKey(browser.blob).verify
        for key, other in ((browser, plain), (plain, browser)):
            verify(key.algorithm, key.sign(DATA), DATA)
            self.assertRaises(BadSignature, verify, other.algorithm, key.sign(DATA), DATA)
            renamed = NS(other.algorithm.encode()) + key.sign(DATA)[len(NS(key.algorithm.encode())) :]
            self.assertRaises(BadSignature, verify, other.algorithm, renamed, DATA)


class NamesTests(SynchronousTestCase):
    def test_plain_algorithm(self) -> None:
        """The name of an algorithm for certificates stands for what the certified key signs with."""
        for plain in (key.algorithm for key in KEYS):
            bare, at, domain = plain.partition("@")
            self.assertEqual(plain_algorithm(f"{bare}-cert-v01@openssh.com"), plain)
            self.assertEqual(plain_algorithm(plain), plain)

    def test_slow(self) -> None:
        """Large RSA keys and the large curves take their time; what most people have does not."""
        slow_ones = {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"}
        for key in KEYS:
            self.assertEqual(slow(key.algorithm, key.blob), key.algorithm in slow_ones)
        for bits, expected in ((4096, False), (8192, True), (16384, True)):
            blob = NS(b"ssh-rsa") + MP(65537) + MP((1 << bits - 1) + 1)
            self.assertEqual(slow("rsa-sha2-512", blob), expected)
        self.assertTrue(slow("ecdsa-sha2-nistp521-cert-v01@openssh.com", b""))
