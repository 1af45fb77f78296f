"""
The facts of keys and certificates, as OpenSSL and OpenSSH tell them of the same files.
"""

import os
import time
from base64 import b64encode
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.settings.certificate import FACTS, ROWS
from conchsftp.ssh.keys.certificate import Certificate
from conchsftp.ssh.keys.stores import load

VECTORS = Path(__file__).with_name("vectors")

# openssl x509 -noout -serial -fingerprint …, ssh-keygen -l -E md5 …, in small letters.
RSA = {
    "subject": 'E=support@example.com, CN=www.example.com, OU=test, O="Example, Inc.", S=Some State, C=US',
    "issuer": 'E=support@example.com, CN=www.example.com, OU=test, O="Example, Inc.", S=Some State, C=US',
    "effective_date": "22-Nov-2026 19:12:32",
    "expiration_date": "19-Nov-2036 19:12:32",
    "serial_number": "0A1B2C",
    "signature_algorithm": "sha256WithRSAEncryption",
    "version": "V3",
    "extended_key_usage": "1.3.6.1.5.5.7.3.1,1.3.6.1.5.5.7.3.2",
    "subject_alt_names": "www.example.com,example.com,192.0.2.1,support@example.com",
    "usage_flags": 0x80 | 0x20 | 0x04,
    "usage": "Digital Signature,Key Encipherment,Certificate Signing",
    "thumbprint_md5": "2e:64:89:9f:c8:07:c6:97:2a:e7:a1:27:a4:33:26:e7",
    "thumbprint_sha1": "36:48:f6:18:b4:64:a4:2d:68:94:a3:6b:6e:15:f2:51:2c:5f:97:59",
    "thumbprint_sha256": "06:98:02:a3:6b:31:88:28:ea:50:fa:05:16:6d:20:c7:"
    "bd:9b:9f:e1:3b:a5:79:1b:f4:c5:97:cb:75:6e:16:eb",
    "fingerprint": "ae:d5:db:19:1d:88:2c:1c:ef:ea:db:fb:60:c3:4c:36",
    "public_key_algorithm": "RSA",
    "public_key_length": 2048,
    "private_key_available": True,
    "private_key_container": "",
}


def certificate(name: str) -> Certificate:
    """Return what is in a file of the vectors."""
    return load(str(VECTORS / name))


class CertificateTests(SynchronousTestCase):
    """An X.509 certificate."""

    def setUp(self) -> None:
        zone = os.environ.get("TZ")
        self.addCleanup(self.live_in, zone)
        self.live_in("UTC")

    def live_in(self, zone: str | None) -> None:
        """Change the time zone of the process."""
        os.environ.pop("TZ", None)
        if zone is not None:
            os.environ["TZ"] = zone
        time.tzset()

    def test_facts(self) -> None:
        """Every fact is what OpenSSL and OpenSSH say."""
        found = certificate("rsa.pem")
        self.assertEqual({name: getattr(found, name) for name in RSA}, RSA)
        self.assertEqual(found.encoded, (VECTORS / "rsa.crt.pem").read_text())
        self.assertEqual(found.public_key, (VECTORS / "rsa.pub.pem").read_text())

    def test_local_time(self) -> None:
        """Dates are those of the time zone of the system."""
        self.live_in("XYZ-2")
        self.assertEqual(certificate("rsa.crt.pem").effective_date, "22-Nov-2026 21:12:32")

    def test_without_key(self) -> None:
        """A certificate alone has its facts, and no private key."""
        found = certificate("rsa.crt.pem")
        self.assertEqual((found.private_key_available, bool(found.private_key)), (False, False))
        self.assertEqual(found.fingerprint, RSA["fingerprint"])

    def test_without_extensions(self) -> None:
        """Where the certificate says nothing of its use, there is nothing to tell; a quote in a name is doubled."""
        private = ed25519.Ed25519PrivateKey.generate()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, 'a "b"')])
        start = datetime(2000, 1, 23, 15)
        builder = x509.CertificateBuilder(name, name, private.public_key(), 1, start, start + timedelta(days=366))
        found = Certificate(public=private.public_key(), private=private, x509=builder.sign(private, None))
        self.assertEqual(
            (found.usage_flags, found.usage, found.extended_key_usage, found.subject_alt_names), (0, "", "", "")
        )
        self.assertEqual(
            (found.effective_date, found.expiration_date), ("23-Jan-2000 15:00:00", "23-Jan-2001 15:00:00")
        )
        self.assertEqual((found.subject, found.serial_number), ('CN="a ""b"""', "01"))
        self.assertEqual((found.signature_algorithm, found.public_key_algorithm), ("ED25519", "Ed25519"))


class UsageTests(SynchronousTestCase):
    """What a certificate may be used for."""

    def found(self, *usages: str) -> tuple[int, str]:
        """Return what a certificate with some usages tells of them."""
        private = ed25519.Ed25519PrivateKey.generate()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")])
        start = datetime(2000, 1, 23)
        builder = x509.CertificateBuilder(name, name, private.public_key(), 1, start, start + timedelta(days=1))
        names = "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign"
        names += " crl_sign encipher_only decipher_only"
        usage = x509.KeyUsage(**{each: each in usages for each in names.split()})
        certified = builder.add_extension(usage, critical=True).sign(private, None)
        made = Certificate(public=private.public_key(), x509=certified)
        return made.usage_flags, made.usage

    def test_each(self) -> None:
        """Each usage has its documented number and text."""
        for usage, flag, text in (
            ("digital_signature", 0x80, "Digital Signature"),
            ("content_commitment", 0x40, "Non-Repudiation"),
            ("key_encipherment", 0x20, "Key Encipherment"),
            ("data_encipherment", 0x10, "Data Encipherment"),
            ("key_agreement", 0x08, "Key Agreement"),
            ("key_cert_sign", 0x04, "Certificate Signing"),
            ("crl_sign", 0x02, "CRL Signing"),
        ):
            self.assertEqual(self.found(usage), (flag, text))
        self.assertEqual(self.found("key_agreement", "encipher_only"), (0x09, "Key Agreement,Encipher Only"))


class BareKeyTests(SynchronousTestCase):
    """A key without a certificate."""

    def test_facts(self) -> None:
        """Fingerprint, kind and length are those that ssh-keygen -l shows; the rest is empty."""
        for name, fingerprint, kind, bits in (
            ("ed25519", "9b:6c:05:7a:e6:e2:ac:fe:e2:72:f0:dd:59:27:93:f8", "Ed25519", 256),
            ("ecdsa", "f7:7f:c5:21:ad:16:00:b8:ec:b9:20:d9:8f:68:32:db", "ECDSA", 384),
            ("rsa.key.pem", "ae:d5:db:19:1d:88:2c:1c:ef:ea:db:fb:60:c3:4c:36", "RSA", 2048),
        ):
            found = certificate(name)
            told = found.fingerprint, found.public_key_algorithm, found.public_key_length, found.private_key_available
            self.assertEqual(told, (fingerprint, kind, bits, True), name)
            self.assertEqual((found.issuer, found.thumbprint_sha1, found.version, found.encoded), ("", "", "", ""))

    def test_longer_hashes(self) -> None:
        """SHA-1 and SHA-256 are of the same key as sent."""
        found = certificate("ed25519")
        sha1 = bytes.fromhex(found.fingerprint_sha1.replace(":", ""))
        sha256 = bytes.fromhex(found.fingerprint_sha256.replace(":", ""))
        self.assertEqual(b64encode(sha1), b"T2pQjaGcDz18EF0/rsqlmGOYEEw=")
        self.assertEqual(b64encode(sha256), b"kFeu/7vGnWGNdAP7uMW42SVm9lvFLvxVJwOOylygCmM=")

    def test_private_key(self) -> None:
        """The private key is PEM that reads again, and does not show itself."""
        found = certificate("ecdsa")
        self.assertNotIn("BEGIN", repr(found) + str(found.private_key))
        text = found.private_key.reveal()
        self.assertTrue(load(found.private_key).matches(found))
        self.assertIn("-----BEGIN PRIVATE KEY-----", str(text))

    def test_nothing(self) -> None:
        """Where there is no key at all, every fact is the documented default."""
        defaults = {row.name.removeprefix("SSHCert"): row.default for row in ROWS}
        for suffix, attribute, _ in FACTS:
            value = getattr(Certificate(), attribute)
            self.assertEqual(value.reveal() if suffix == "PrivateKey" else value, defaults[suffix], suffix)

    def test_unknown_kind(self) -> None:
        """A key of which SSH knows nothing has no fingerprint."""
        found = Certificate(public=ec.generate_private_key(ec.SECP256K1()).public_key())
        self.assertEqual((found.fingerprint, found.public_key_length), ("", 256))
