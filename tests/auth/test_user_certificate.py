"""
OpenSSH's certificates: their bytes, and what makes one worthless.
"""

from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.conch.ssh.common import NS
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.keys.signatures import KEY_TYPES
from conchsftp.auth.keys.user_certificate import (
    CRITICAL_OPTIONS,
    EXTENSIONS,
    BadCertificate,
    UserCertificate,
)
from conchsftp.ssh.algorithms.signatures import certified
from conchsftp.ssh.keys.openssh_certificate import CERTIFICATE_TYPES, MOST_OPTIONS, MOST_PRINCIPALS, is_certificate
from conchsftp.ssh.keys.public_blob import fingerprint
from tests.auth import keygen_vectors as vectors
from tests.auth.certificates import FOREVER, Certified, Options
from tests.auth.support import ALGORITHMS, ECDSA, RSA, Ed25519, SecurityKey, SecurityKeyP256, unhex

CA, KEY = Ed25519(), Ed25519()
HERE, NOW = "192.0.2.1", 1_800_000_000
P256 = ECDSA(ec.SECP256R1(), "nistp256", hashes.SHA256())
P384 = ECDSA(ec.SECP384R1(), "nistp384", hashes.SHA384())
P521 = ECDSA(ec.SECP521R1(), "nistp521", hashes.SHA512())
KEYS = (KEY, P256, P384, P521, RSA(), SecurityKey(), SecurityKeyP256())


def parse(*, key: Any = KEY, ca: Any = CA, **values: Any) -> UserCertificate:
    return UserCertificate.parse(Certified(key, ca, **values).blob)


def refusal(
    found: UserCertificate, *, address: str | None = HERE, now: float = NOW, ca_algorithms: Sequence[str] = ALGORITHMS
) -> str:
    return found.refusal(ca_algorithms=ca_algorithms, address=address, now=now)


class BytesTests(SynchronousTestCase):
    def test_fields(self) -> None:
        """Every field stands where PROTOCOL.certkeys has it."""
        found = UserCertificate.parse(
            unhex("00000020") + b"ssh-ed25519-cert-v01@openssh.com"
            + unhex("00000002 aabb")                                # nonce
            + NS(KEY.blob[-32:])                                    # public key
            + unhex("0000000000000102")                             # serial
            + unhex("00000001")                                     # for a user
            + unhex("00000003") + b"kid"
            + unhex("0000000d 00000002") + b"al" + unhex("00000003") + b"bob"
            + unhex("0000000000000010")                             # valid after
            + unhex("0000000000000020")                             # valid before
            + unhex("00000000")                                     # critical options
            + unhex("00000000")                                     # extensions
            + unhex("00000000")                                     # reserved
            + NS(CA.blob)
            + unhex("00000003 000000")
        )  # fmt: skip
        self.assertEqual((found.type, found.serial, found.kind), (certified("ssh-ed25519"), 258, 1))
        self.assertEqual(found.key_id, "kid")
        self.assertEqual((found.principals, found.valid_after, found.valid_before), (("al", "bob"), 16, 32))
        self.assertEqual((found.key.blob, found.ca.blob), (KEY.blob, CA.blob))
        self.assertEqual((found.sources, found.verify_required, found.no_touch_required), (None, False, False))

    def test_types(self) -> None:
        """Every type of key that we have has a certificate, signed by a CA of every type."""
        plain = {row.plain for row in CERTIFICATE_TYPES.values()}
        self.assertEqual(plain, {*KEY_TYPES, "ssh-dss"})
        for key in KEYS:
            found = parse(key=key)
            self.assertEqual((found.key.blob, refusal(found)), (key.blob, ""))
            self.assertEqual(refusal(parse(ca=key)), "")

    def test_names(self) -> None:
        """What a type or an algorithm is called where a certificate stands for the key."""
        for plain, name in (
            ("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"),
            ("rsa-sha2-512", "rsa-sha2-512-cert-v01@openssh.com"),
            ("sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com"),
        ):
            self.assertEqual(certified(plain), name)

    def test_cut_short(self) -> None:
        """Cut short anywhere, or with anything behind it, it is no certificate."""
        blob = Certified(KEY, CA, critical=[(b"source-address", NS(b"192.0.2.0/24"))]).blob
        for length in range(len(blob)):
            self.assertRaises(BadCertificate, UserCertificate.parse, blob[:length])
        self.assertRaises(BadCertificate, UserCertificate.parse, blob + b"\0")

    def test_every_bit_counts(self) -> None:
        """A bit that is flipped anywhere makes it malformed, or the signature wrong."""
        blob = Certified(KEY, CA).blob
        for place in range(len(blob)):
            forged = bytearray(blob)
            forged[place] ^= 1
            try:
                found = UserCertificate.parse(bytes(forged))
            except BadCertificate:
                continue
            self.assertNotEqual(refusal(found), "", place)

    @settings(deadline=None, max_examples=300)
    @given(st.binary(max_size=300), st.integers(0, 600))
    def test_garbage(self, garbage: bytes, place: int) -> None:
        """Whatever comes, it is a certificate or a BadCertificate."""
        blob = Certified(KEY, CA).blob
        for each in (garbage, blob[:place] + garbage + blob[place + len(garbage) :]):
            try:
                UserCertificate.parse(each)
            except BadCertificate:
                pass

    def test_is_certificate(self) -> None:
        """A blob says by its name that it is one."""
        self.assertTrue(is_certificate(Certified(KEY, CA).blob))
        for blob in (KEY.blob, b"", b"\0\0\0\1", NS(b"\xff")):
            self.assertFalse(is_certificate(blob))


class MalformedTests(SynchronousTestCase):
    def assert_malformed(self, text: str, **values: Any) -> None:
        self.assertIn(text, str(self.assertRaises(BadCertificate, parse, **values)))

    def test_keys(self) -> None:
        """The key and that of the CA have to be good ones."""
        self.assert_malformed("1024", key=RSA(1024))
        self.assert_malformed("1024", ca=RSA(1024))
        self.assert_malformed("unknown type", type_name="ssh-ed448-cert-v01@openssh.com")
        self.assert_malformed("unknown type", type_name="ssh-ed25519")

    def test_no_chains(self) -> None:
        """A CA that is itself certified is none: certificates do not make chains."""
        middle = Certified(CA, Ed25519())
        self.assert_malformed("unknown key type", ca=CA, ca_blob=middle.blob)

    def test_limits(self) -> None:
        """Principals and options are bounded, and an option is there once."""
        names = [b"%d" % number for number in range(MOST_PRINCIPALS + 1)]
        self.assertEqual(len(parse(principals=names[:-1]).principals), MOST_PRINCIPALS)
        self.assert_malformed("principals", principals=names)
        options = [(b"%d" % number, b"") for number in range(MOST_OPTIONS + 1)]
        parse(extensions=options[:-1])
        self.assert_malformed("options", extensions=options)
        twice = ((b"permit-pty", b""), (b"permit-pty", b""))
        self.assert_malformed("twice", extensions=twice)
        self.assert_malformed("twice", critical=twice)


class WorthTests(SynchronousTestCase):
    """It is January 2027, and the client is at 192.0.2.1."""

    def test_kind(self) -> None:
        """A certificate of a host, or of something else, lets nobody in."""
        for kind in (0, 2, 3):
            self.assertIn("not a certificate of a user", refusal(parse(kind=kind)))

    def test_time(self) -> None:
        """It is valid from the first moment to just before the last."""
        found = parse(after=NOW, before=NOW + 10)
        for now, text in ((NOW - 0.1, "not valid yet"), (NOW, ""), (NOW + 9.9, ""), (NOW + 10, "expired")):
            self.assertEqual(refusal(found, now=now).endswith(text), True, now)
            self.assertEqual(bool(refusal(found, now=now)), bool(text), now)
        self.assertEqual(parse(before=FOREVER).valid_before, None)
        self.assertEqual(refusal(parse(after=0, before=FOREVER)), "")
        self.assertIn("expired", refusal(parse(after=0, before=0)))
        self.assertIn("not valid yet", refusal(parse(after=FOREVER)))

    def test_names_nobody(self) -> None:
        """Without principals it would be good for everybody, and so is for nobody."""
        self.assertIn("names nobody", refusal(parse(principals=())))

    def test_critical(self) -> None:
        """A critical option that is unknown, or cannot be read, makes it worthless; an extension does not."""
        for option, text in (
            ((b"telepathy", b""), "'telepathy' is not supported"),
            ((b"no-touch-required", b""), "not supported"),
            ((b"verify-required", b"x"), "after the last field"),
            ((b"force-command", b""), "4 needed"),
            ((b"force-command", NS(b"internal-sftp") + b"x"), "after the last field"),
            ((b"force-command", NS(b"rm -rf /")), "is forced"),
            ((b"force-command", NS(b"internal-sftp -R")), "is forced"),
            ((b"source-address", NS(b"")), "no address"),
            ((b"source-address", NS(b"192.0.2.1/24")), "mask"),
            ((b"source-address", NS(b"192.0.2.*")), "no address"),
        ):
            self.assertIn(text, refusal(parse(critical=[option])), option)
        self.assertEqual(refusal(parse(extensions=[(b"telepathy@example.org", b"x")])), "")
        self.assertIn("no-touch", refusal(parse(extensions=[(b"no-touch-required", b"x")])))

    def test_options(self) -> None:
        """What is met, and what is kept for whoever judges the key; their order does not matter."""
        critical: Options = [
            (b"verify-required", b""),
            (b"source-address", NS(b"198.51.100.0/24,192.0.2.1")),
            (b"force-command", NS(b"internal-sftp")),
        ]
        found = parse(critical=critical, extensions=[(b"no-touch-required", b"")])
        self.assertEqual(refusal(found), "")
        self.assertTrue(found.verify_required and found.no_touch_required)

    def test_source_address(self) -> None:
        """It may be used only from its networks."""
        found = parse(critical=[(b"source-address", NS(b"198.51.100.0/24, 192.0.2.1,2001:db8::/32"))])
        for address in (HERE, "198.51.100.9", "::ffff:192.0.2.1", "2001:db8::1"):
            self.assertEqual(refusal(found, address=address), "", address)
        for stranger in ("192.0.2.2", "::1", "/run/socket", None):
            self.assertIn("may not be used", refusal(found, address=stranger))

    def test_signature(self) -> None:
        """Only the CA that it names can have signed it, over all that it says."""
        self.assertIn("does not match", refusal(parse(signature=Ed25519().sign(b"x"))))
        self.assertIn("does not match", refusal(parse(ca=Ed25519(), ca_blob=CA.blob)))
        for signature in (b"", NS(b"ssh-ed25519"), NS(b"ssh-ed25519") + NS(b"x"), CA.sign(b"") + b"x"):
            self.assertTrue(refusal(parse(signature=signature)))

    def test_ca_algorithms(self) -> None:
        """A CA may sign only as the setting has it, and never with SHA-1."""
        ca = RSA(algorithm="rsa-sha2-256")
        self.assertEqual(refusal(parse(ca=ca)), "")
        self.assertIn("CASignatureAlgorithms", refusal(parse(ca=ca), ca_algorithms=["rsa-sha2-512"]))
        self.assertIn("'ssh-rsa'", refusal(parse(ca=RSA(algorithm="ssh-rsa"))))

    def test_described(self) -> None:
        """The log is told of the key, the key id, the serial number and the CA; nothing of it ends the line."""
        found = parse(key_id=b"a\nb\xff", serial=9)
        said = f"{fingerprint(KEY.blob)} ID 'a\\nb\\udcff' (serial 9) CA ssh-ed25519 {fingerprint(CA.blob)}"
        self.assertEqual(found.described, said)
        self.assertEqual(found.ca_fingerprint, fingerprint(CA.blob))

    def test_tables(self) -> None:
        """Every row says what is done, and names a field that there is."""
        for row in (*CRITICAL_OPTIONS.values(), *EXTENSIONS.values()):
            self.assertTrue(row.done)
            self.assertTrue(not row.field or hasattr(parse(), row.field))


class KeygenTests(SynchronousTestCase):
    """Certificates that OpenSSH has made."""

    def test_user(self) -> None:
        """Everything that was asked for is found, and its signature is right."""
        found = UserCertificate.parse(vectors.CERTIFICATE)
        self.assertEqual((found.serial, found.key_id, found.principals), (42, "alice@laptop", ("alice", "bob")))
        self.assertEqual((found.key.blob, found.ca.blob), (vectors.KEY, vectors.CA))
        self.assertTrue(found.verify_required and found.no_touch_required)
        self.assertEqual(refusal(found), "")
        self.assertIn("may not be used", refusal(found, address="192.0.3.1"))
        self.assertIn("not valid yet", refusal(found, now=found.valid_after - 1))
        assert found.valid_before is not None
        self.assertIn("expired", refusal(found, now=found.valid_before))

    def test_host(self) -> None:
        """That of a host is read, and refused."""
        found = UserCertificate.parse(vectors.HOST_CERTIFICATE)
        self.assertEqual((found.key.blob, found.ca.blob, found.serial), (vectors.KEY_P256, vectors.CA_P256, 7))
        self.assertIn("not a certificate of a user", refusal(found))
