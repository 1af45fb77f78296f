"""
Certificates of a store that belong to the certificate of its key.
"""

from datetime import datetime
from itertools import count
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import NameOID
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.ssh.keys.store_formats import issuers
from conchsftp.ssh.keys.stores import load, load_all, of_certificate

_serials = count(1)


def certified(
    name: str, key: Ed25519PrivateKey, issuer: str = "", issuing: Ed25519PrivateKey | None = None
) -> x509.Certificate:
    """Return a certificate; without an issuer it signs itself."""
    subject, issued_by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, issuer or name))
    start, end = datetime(2000, 1, 1), datetime(2100, 1, 1)
    builder = x509.CertificateBuilder(issued_by, subject, key.public_key(), next(_serials), start, end)
    return builder.sign(issuing or key, None)


def pem(*parts: Any) -> bytes:
    """Return keys and certificates as they stand in one file."""
    return b"".join(
        each.public_bytes(Encoding.PEM)
        if isinstance(each, x509.Certificate)
        else each.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for each in parts
    )


class ChainTests(SynchronousTestCase):
    """A host certificate, two authorities above it, and an old one of the same name."""

    def setUp(self) -> None:
        self.key, middle, root, old = (Ed25519PrivateKey.generate() for _ in range(4))
        self.leaf = certified("host", self.key, "middle", middle)
        self.middle = certified("middle", middle, "root", root)
        self.old = certified("middle", old, "root", root)
        self.root = certified("root", root)
        self.other = certified("other", old)

    def test_order(self) -> None:
        """Issuer follows issued, whatever the order in the file; what did not sign it is left out."""
        data = pem(self.root, self.old, self.other, self.middle, self.leaf, self.key)
        found = load(data)
        self.assertEqual((found.x509, found.chain), (self.leaf, (self.middle, self.root)))

    def test_pkcs12(self) -> None:
        """It is the same in PKCS#12."""
        data = serialize_key_and_certificates(b"host", self.key, self.leaf, [self.root, self.middle], NoEncryption())
        self.assertEqual(load(data).chain, (self.middle, self.root))

    def test_incomplete(self) -> None:
        """It ends where an issuer is missing; a bare key and a certificate that signed itself have none."""
        self.assertEqual(load(pem(self.key, self.leaf, self.root)).chain, ())
        self.assertEqual(load(pem(self.key, self.leaf, self.middle)).chain, (self.middle,))
        self.assertEqual(load(pem(self.key, self.root)).chain, ())
        self.assertEqual(issuers(self.root, [self.root, self.root]), ())

    def test_circle(self) -> None:
        """Two that signed each other end it."""
        first, second = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        one = certified("one", first, "two", second)
        two = certified("two", second, "one", first)
        self.assertEqual(issuers(one, [two, one]), (two,))

    def test_chosen_certificate(self) -> None:
        """Who names the key by another certificate of it gets the chain of that."""
        again = certified("again", self.key, "root", None)
        entries = load_all(pem(self.key, self.leaf, self.middle, self.root), 99, "")
        renewed = certified("host", self.key, "middle", None)
        self.assertEqual(of_certificate(entries, load(pem(self.leaf))).chain, (self.middle, self.root))
        for each in (again, renewed):
            found = of_certificate(entries, load(pem(each)))
            # These signed themselves under the names of others.
            self.assertEqual((found.x509, found.chain), (each, ()))

    def test_many(self) -> None:
        """A store with more keys or certificates than anybody has is refused."""
        error = self.assertRaises(ServerError, load, pem(self.key) * 65)
        self.assertEqual((error.code, "more than 64 private keys" in error.text), (1301, True))
        self.assertTrue(load(pem(self.key) * 64).private_key_available)
        error = self.assertRaises(ServerError, load, pem(self.root) * 1025)
        self.assertEqual((error.code, "1024 certificates" in error.text), (1301, True))
