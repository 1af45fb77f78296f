"""
The way from a user's X.509 certificate to one that is trusted, and everything that ends it.
"""

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.keys.user_certificate import BadCertificate
from conchsftp.auth.keys.x509_certificate import X509UserCertificate
from conchsftp.auth.keys.x509_names import X509Name, X509Names, shown
from conchsftp.auth.keys.x509_path import TrustedCertificates, _Search, trusted_path
from tests.auth.x509 import (
    ALICE,
    ANY,
    CA_EXTENSION,
    CLIENT_AUTH,
    DAY,
    NOW,
    SERVER_AUTH,
    SSH_CLIENT,
    Extensions,
    Issuer,
    alternative,
    der,
    name,
    purpose,
    rfc6187,
    upn,
    usage,
)

ROOT = Issuer("Example root")
CA = Issuer("Example CA", ROOT)
PUBLIC = ALICE.private.public_key()
# openssl x509 -req -CA ca.pem -sha1 …, and -sha256, which `cryptography` would not make: a root and two of alice's.
BY_OPENSSL = b"""
-----BEGIN CERTIFICATE-----
MIIBqjCCAU+gAwIBAgIUMqwJ1y5WgV/79Bg3lTe1rmxZNV0wCgYIKoZIzj0EAwIw
KTEQMA4GA1UECgwHRXhhbXBsZTEVMBMGA1UEAwwMRXhhbXBsZSByb290MCAXDTI2
MTEyMzAxMzAzOVoYDzIxMjYxMDMwMDEzMDM5WjApMRAwDgYDVQQKDAdFeGFtcGxl
MRUwEwYDVQQDDAxFeGFtcGxlIHJvb3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AATPL1RYTDRIMoG+NVqFxJh+ez1QQtuQzjOD9pHl7QkiIPUYtCMN1cowU+BzGYPj
O6YxqvMMQ5dAOv78BwgPSdgno1MwUTAdBgNVHQ4EFgQUVfrXHomwVc6v0WIYYA9y
dO6UePUwHwYDVR0jBBgwFoAUVfrXHomwVc6v0WIYYA9ydO6UePUwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA1/7tbRhXobSM1gv8HlGqPbs0Md8w
5nGuazlglBh/UGoCIQC+y6ANeeC0kAn6e1qSfU/3Jblx2/dxi3I3OWQgGwo80g==
-----END CERTIFICATE-----
-----BEGIN CERTIFICATE-----
MIIBMjCB2gIBBzAJBgcqhkjOPQQBMCkxEDAOBgNVBAoMB0V4YW1wbGUxFTATBgNV
BAMMDEV4YW1wbGUgcm9vdDAgFw0yNjExMjMwMTMwMzlaGA8yMTI2MTAzMDAxMzAz
OVowIjEQMA4GA1UECgwHRXhhbXBsZTEOMAwGA1UEAwwFYWxpY2UwWTATBgcqhkjO
PQIBBggqhkjOPQMBBwNCAAQpT/d/4MW6X6RNIOKGZX0d+lLj2kqnu18THe4tS2A5
nLcEyOIvz+O8ij0PopRbKPpvwgpR5wWZ+AFmKFWNdLj+MAkGByqGSM49BAEDSAAw
RQIhAMmChZT1CnZzrlVAajmjN3fCVcDZcEFhuEvxzmKbfmbrAiB7rCx9T52sf16r
8XPoCVqdgNLhNo7rec2g/7NIwiZGUw==
-----END CERTIFICATE-----
-----BEGIN CERTIFICATE-----
MIIBNDCB2wIBBzAKBggqhkjOPQQDAjApMRAwDgYDVQQKDAdFeGFtcGxlMRUwEwYD
VQQDDAxFeGFtcGxlIHJvb3QwIBcNMjYxMTIzMDEzMDM5WhgPMjEyNjEwMzAwMTMw
MzlaMCIxEDAOBgNVBAoMB0V4YW1wbGUxDjAMBgNVBAMMBWFsaWNlMFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEKU/3f+DFul+kTSDihmV9HfpS49pKp7tfEx3uLUtg
OZy3BMjiL8/jvIo9D6KUWyj6b8IKUecFmfgBZihVjXS4/jAKBggqhkjOPQQDAgNI
ADBFAiAuPYiVicTe+d01hTc7MgH8mOzY7rNjOjvNbhh2oyoDjgIhAN9R2/t0SS+6
O2i3u68jB3ovSa0VNbEnmD33Aoc7Me1J
-----END CERTIFICATE-----
"""


def ca(*extensions: tuple[x509.ExtensionType, bool], length: int | None = None) -> Extensions:
    """The extensions of a CA, with others."""
    return (x509.BasicConstraints(ca=True, path_length=length), True), *extensions


def unknown(critical: bool) -> tuple[x509.ExtensionType, bool]:
    """An extension that nobody knows."""
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00"), critical


def with_exponent(exponent: int) -> rsa.RSAPrivateKey:
    """Return a good key but for its public exponent, a prime: long ones cost who checks a signature."""
    primes = rsa.generate_private_key(65537, 2048).private_numbers()
    p, q, n = primes.p, primes.q, primes.public_numbers.n
    d = pow(exponent, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(exponent, n)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), primes.iqmp, public).private_key()


class PathCase(SynchronousTestCase):
    def reason(self, *certificates: x509.Certificate, trusted: Any = (ROOT,), now: float = NOW) -> str:
        """Return why a certificate does not lead to one that is trusted; empty if it does."""
        anchors = TrustedCertificates(
            each if isinstance(each, x509.Certificate) else each.certificate for each in trusted
        )
        try:
            path = trusted_path(certificates, anchors, now)
        except BadCertificate as problem:
            return str(problem)
        self.assertEqual(path[0], certificates[0])
        self.assertIn(path[-1], anchors)
        return ""


class UserTests(PathCase):
    def leaf(self, *extensions: tuple[x509.ExtensionType, bool], **values: Any) -> str:
        return self.reason(CA.issue(PUBLIC, None, extensions, **values), CA.certificate)

    def test_usage(self) -> None:
        """A key that may be used for something has to be one that may sign, and log in."""
        for extensions, part in (
            ((), ""),
            ((usage("digital_signature"),), ""),
            ((usage("digital_signature", "key_encipherment"),), ""),
            ((usage("key_encipherment"),), "keyUsage"),
            ((usage("key_cert_sign"),), "keyUsage"),
            ((purpose(CLIENT_AUTH),), ""),
            ((purpose(SSH_CLIENT),), ""),
            ((purpose(ANY),), ""),
            ((purpose(SERVER_AUTH, CLIENT_AUTH),), ""),
            ((purpose(SERVER_AUTH),), "extendedKeyUsage"),
            ((purpose("1.3.6.1.5.5.7.3.22"),), "extendedKeyUsage"),
        ):
            found = self.leaf(*extensions)
            self.assertTrue(part in found if part else not found, (extensions, found))

    def test_no_ca(self) -> None:
        """Nobody logs in with the certificate of a CA, not even with one that is trusted."""
        self.assertIn("one of a CA", self.leaf(CA_EXTENSION))
        self.assertIn("one of a CA", self.reason(ROOT.certificate))
        self.assertEqual(self.leaf((x509.BasicConstraints(ca=False, path_length=None), True)), "")

    def test_critical(self) -> None:
        """A critical extension that is not known refuses; one that is not critical is not looked at."""
        self.assertIn("1.3.6.1.4.1.55555.1", self.leaf(unknown(True)))
        self.assertEqual(self.leaf(unknown(False)), "")
        self.assertEqual(self.leaf((alternative(x509.DNSName("a"))[0], True)), "")

    def test_dates(self) -> None:
        """A certificate is not good before and after its time."""
        self.assertIn("not valid yet", self.leaf(after=NOW + 1))
        self.assertIn("has expired", self.leaf(before=NOW - 1))


class CATests(PathCase):
    def below(self, *extensions: tuple[x509.ExtensionType, bool], **values: Any) -> str:
        """Return why what a CA with these extensions issues is not trusted."""
        between = Issuer("Example CA", ROOT, extensions, **values)
        return self.reason(between.issue(PUBLIC), between.certificate)

    def test_constraints(self) -> None:
        """Who issues has to be a CA: a user's certificate issues none."""
        self.assertEqual(self.below(CA_EXTENSION), "")
        for extensions in ((), ((x509.BasicConstraints(ca=False, path_length=None), True),), (usage("key_cert_sign"),)):
            self.assertIn("basicConstraints", self.below(*extensions))

    def test_usage(self) -> None:
        """A CA has to be one that may sign certificates, and ones for logging in."""
        for extensions, part in (
            ((usage("key_cert_sign"),), ""),
            ((usage("digital_signature", "crl_sign"),), "keyUsage"),
            ((purpose(CLIENT_AUTH),), ""),
            ((purpose(SERVER_AUTH),), "extendedKeyUsage"),
            ((unknown(True),), "critical"),
            ((unknown(False),), ""),
        ):
            found = self.below(*ca(*extensions))
            self.assertTrue(part in found if part else not found, (extensions, found))

    def test_names(self) -> None:
        """A CA whose names are constrained issues nothing here, whether it says that this is critical or not."""
        for critical in (True, False):
            permitted = x509.NameConstraints([x509.DNSName("example.com")], None)
            self.assertNotEqual(self.below(*ca((permitted, critical))), "")

    def test_dates(self) -> None:
        """A CA whose time is over, or has not come, issues nothing, the trusted one included."""
        self.assertIn("has expired", self.below(CA_EXTENSION, before=NOW - 1))
        self.assertIn("not valid yet", self.below(CA_EXTENSION, after=NOW + 1))
        old = Issuer("Example root", before=NOW - 1)
        self.assertIn("has expired", self.reason(old.issue(PUBLIC), trusted=[old]))

    def test_length(self) -> None:
        """As many CAs stand below another as that one allows; new keys of the same CA do not count."""
        for length, below, lets_in in ((0, 0, True), (0, 1, False), (1, 1, True), (1, 2, False), (None, 3, True)):
            root = Issuer("Example root", None, ca(length=length))
            issuers = [root]
            for number in range(below):
                issuers.append(Issuer(f"CA {number}", issuers[-1]))
            leaf = issuers[-1].issue(PUBLIC)
            found = self.reason(leaf, *(each.certificate for each in issuers), trusted=[root])
            self.assertEqual(not found, lets_in, (length, below, found))
        root = Issuer("Example root", None, ca(length=0))
        renewed = Issuer("Example root", root)
        self.assertEqual(self.reason(renewed.issue(PUBLIC), renewed.certificate, trusted=[root]), "")

    def test_weak(self) -> None:
        """A CA signs with keys and hashes that prove something."""
        for private, digest, lets_in in (
            (rsa.generate_private_key(65537, 1024), None, False),
            (rsa.generate_private_key(65537, 2048), None, True),
            (with_exponent(2**89 - 1), None, False),
            (ec.generate_private_key(ec.SECP384R1()), hashes.SHA384(), True),
            (ec.generate_private_key(ec.SECP192R1()), None, False),
            (ed25519.Ed25519PrivateKey.generate(), None, True),
            (dsa.generate_private_key(2048), None, False),
        ):
            root = Issuer("Example root", private=private)
            found = self.reason(root.issue(PUBLIC, digest=digest), trusted=[root])
            self.assertEqual(not found, lets_in, (private, digest, found))

    def test_sha1(self) -> None:
        """A CA that signs with SHA-1 signs for whoever can make two certificates with one hash."""
        root, *leaves = x509.load_pem_x509_certificates(BY_OPENSSL)
        sha1, sha256 = (self.reason(leaf, trusted=[root]) for leaf in leaves)
        self.assertIn("a hash that proves nothing", sha1)
        self.assertEqual(sha256, "")


class SearchTests(PathCase):
    def test_order(self) -> None:
        """What a client sends may be in any order, twice, and more than is needed; the trusted one may be missing."""
        leaf = CA.issue(PUBLIC)
        other = Issuer("Other CA").certificate
        for more in ((CA,), (ROOT, CA), (CA, CA, ROOT)):
            self.assertEqual(self.reason(leaf, other, *(each.certificate for each in more)), "")
        self.assertIn("no trusted CA", self.reason(leaf))
        self.assertIn("no trusted CA", self.reason(leaf, other, ROOT.certificate))
        # Whoever trusts the CA itself need not know who has issued it.
        self.assertEqual(self.reason(leaf, trusted=[CA]), "")

    def test_namesakes(self) -> None:
        """Of several CAs with one name, that counts which has signed; one that has not spoils nothing."""
        leaf = CA.issue(PUBLIC)
        namesakes = [Issuer("Example CA", extensions=extensions) for extensions in ((CA_EXTENSION,), ())]
        certificates = [each.certificate for each in namesakes]
        self.assertEqual(self.reason(leaf, *certificates, CA.certificate), "")
        self.assertIn("has not signed", self.reason(leaf, *certificates))
        self.assertEqual(self.reason(leaf, trusted=[*namesakes, CA]), "")
        self.assertIn("has not signed", self.reason(leaf, trusted=namesakes[:1]))

    def test_renamed(self) -> None:
        """A certificate that names another issuer than the one who has signed it is worth nothing."""
        self.assertNotEqual(self.reason(CA.issue(PUBLIC, issuer=ROOT.name), CA.certificate), "")

    def test_circle(self) -> None:
        """CAs that have issued each other lead nowhere, and soon."""
        one, two = Issuer("One"), Issuer("Two")
        crossed = (
            one.issue(two.private.public_key(), two.name, [CA_EXTENSION]),
            two.issue(one.private.public_key(), one.name, [CA_EXTENSION]),
        )
        self.assertNotEqual(self.reason(one.issue(PUBLIC), *crossed, one.certificate, two.certificate), "")

    def test_maze(self) -> None:
        """Certificates that all fit each other are not tried in every order."""
        key = ec.generate_private_key(ec.SECP256R1())
        same = [Issuer("Maze", private=key, serial=number + 1).certificate for number in range(8)]
        leaf = Issuer("Maze", private=key).issue(PUBLIC)
        search = _Search(tuple(same), TrustedCertificates([ROOT.certificate]), NOW)
        self.assertIsNone(search.up((leaf,)))
        self.assertEqual(search.left, 0)

    def test_long(self) -> None:
        """A path has no more certificates than anybody needs."""
        for between, lets_in in ((6, True), (7, False)):
            issuers = [ROOT]
            for number in range(between):
                issuers.append(Issuer(f"CA {number}", issuers[-1]))
            found = self.reason(issuers[-1].issue(PUBLIC), *(each.certificate for each in issuers[1:]))
            self.assertEqual(not found, lets_in, found)


def signed(encoded: bytes) -> list[int]:
    """
    Return where a certificate says something.

    How many bits of the signature's last byte count is not looked at by `cryptography`, and says nothing.
    """
    unused = len(encoded) - len(x509.load_der_x509_certificate(encoded).signature) - 1
    return [at for at in range(len(encoded)) if at != unused]


class ForgedTests(PathCase):
    def test_every_bit(self) -> None:
        """Whatever bit of a CA's certificate is another one, it leads nowhere, and nothing but that is raised."""
        leaf, between = CA.issue(PUBLIC), der(CA.certificate)
        for at in signed(between):
            for bit in (0x01, 0x20, 0x80):
                forged = bytearray(between)
                forged[at] ^= bit
                try:
                    certificate = x509.load_der_x509_certificate(bytes(forged))
                except (ValueError, x509.InvalidVersion):
                    continue
                self.assertNotEqual(self.reason(leaf, certificate), "", (at, bit))

    def test_every_bit_of_the_users(self) -> None:
        """The same for the certificate of a user, also one that says much."""
        extensions = [usage("digital_signature"), purpose(CLIENT_AUTH), alternative(upn("a@b"), x509.RFC822Name("a@b"))]
        leaf = der(CA.issue(PUBLIC, None, extensions))
        for at in signed(leaf):
            for bit in (0x01, 0x20, 0x80):
                forged = bytearray(leaf)
                forged[at] ^= bit
                blob = rfc6187("x509v3-ecdsa-sha2-nistp256", bytes(forged), der(CA.certificate))
                try:
                    shown = X509UserCertificate.parse("x509v3-ecdsa-sha2-nistp256", blob)
                except BadCertificate:
                    continue
                self.assertNotEqual(self.reason(*shown.certificates), "", (at, bit))
                self.assertIn("X.509", shown.described)


class NamesTests(SynchronousTestCase):
    def test_parse(self) -> None:
        """A subject is written as `openssl x509 -nameopt RFC2253` writes it; anything else is a mistake."""
        for text, same in (
            ("CN=alice,O=Example", "CN=alice, O=Example"),
            (r"CN=a\C3\BC,O=Example\, Inc.", r"CN=aü,O=Example\, Inc."),
            ("emailAddress=a@example.com,CN=a", "1.2.840.113549.1.9.1=a@example.com,CN=a"),
            ("CN=a+OU=b", "OU=b+CN=a"),
        ):
            self.assertEqual(X509Name.parse(text), X509Name.parse(same))
        for text in ("", "alice", "C = DE, CN = alice", "email:", "upn: alice", "dns:alice", "CN=alice,", "CN="):
            self.assertRaises(ValueError, X509Name.parse, text)

    def test_shown(self) -> None:
        """What the log shows of a subject may be written in a users file."""
        for subject in (name("alice"), name('a, "b" + c\\', "Ex=ample"), name("ü", "")):
            names = X509Names.of(CA.issue(PUBLIC, subject))
            self.assertTrue(names.have(X509Name.parse(shown(subject))), shown(subject))

    def test_alternative_names(self) -> None:
        """Addresses and principal names are read from where they belong; a long one, too."""
        long = "a" * 90 + "@example.com"
        extension = alternative(x509.RFC822Name("a@example.com"), upn("a@corp"), x509.DNSName("b"), upn(long[:100]))
        names = X509Names.of(CA.issue(PUBLIC, None, [extension]))
        self.assertEqual((names.emails, names.upns), (("a@example.com",), ("a@corp", long[:100])))
        value = b"\x0c\x81\x88" + b"a" * 136
        other = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), value)
        self.assertEqual(X509Names.of(CA.issue(PUBLIC, None, [alternative(other)])).upns, ("a" * 136,))
        for wrong in (b"\x16\x01a", b"\x0c\x01\xff"):
            bad = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), wrong)
            certificate = CA.issue(PUBLIC, None, [alternative(bad)], after=NOW - DAY)
            self.assertRaises(ValueError, X509Names.of, certificate)
