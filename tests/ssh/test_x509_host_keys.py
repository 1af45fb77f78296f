"""Host keys that an X.509 certificate stands for: what is sent, and what it is signed with."""

from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.ssh.algorithms.offer import offered
from conchsftp.ssh.algorithms.signatures import HOST_KEYS
from conchsftp.ssh.algorithms.x509_blobs import MOST_CERTIFICATES, X509_FORMS
from conchsftp.ssh.keys.host_keys import HostKey
from conchsftp.ssh.keys.stores import host_key, load
from conchsftp.wire.kinds import BYTES, MPINT
from conchsftp.wire.reader import Reader
from tests.auth.support import DSA, ECDSA, RSA
from tests.auth.x509 import Issuer, der, name, rfc6187
from tests.ssh.test_algorithms import settings

CA = Issuer("Example CA")
P256 = ECDSA(ec.SECP256R1(), "nistp256", hashes.SHA256())
P384 = ECDSA(ec.SECP384R1(), "nistp384", hashes.SHA384())
P521 = ECDSA(ec.SECP521R1(), "nistp521", hashes.SHA512())
KEY, OLD = RSA(), DSA()
# algorithm → key, name in the signature, hash
ROWS: dict[str, tuple[Any, bytes, Any]] = {
    "x509v3-ecdsa-sha2-nistp256": (P256, b"ecdsa-sha2-nistp256", hashes.SHA256()),
    "x509v3-ecdsa-sha2-nistp384": (P384, b"ecdsa-sha2-nistp384", hashes.SHA384()),
    "x509v3-ecdsa-sha2-nistp521": (P521, b"ecdsa-sha2-nistp521", hashes.SHA512()),
    "x509v3-rsa2048-sha256": (KEY, b"rsa2048-sha256", hashes.SHA256()),
    "x509v3-ssh-rsa": (KEY, b"ssh-rsa", hashes.SHA1()),
    "x509v3-ssh-dss": (OLD, b"ssh-dss", hashes.SHA1()),
    "x509v3-sign-rsa": (KEY, b"x509v3-sign-rsa", hashes.SHA1()),
    "x509v3-sign-dss": (OLD, b"x509v3-sign-dss", hashes.SHA1()),
}


def verify(key: Any, value: bytes, digest: Any) -> None:
    """Check what follows the name in a signature over `data`; raises InvalidSignature."""
    public = key.private.public_key()
    if isinstance(key, RSA):
        public.verify(value, b"data", padding.PKCS1v15(), digest)
        return
    numbers = Reader(value)
    if isinstance(key, DSA):
        pair = [int.from_bytes(numbers.take(20)) for _ in range(2)]
        public.verify(utils.encode_dss_signature(*pair), b"data", digest)
    else:
        pair = [numbers.read(MPINT) for _ in range(2)]
        public.verify(utils.encode_dss_signature(*pair), b"data", ec.ECDSA(digest))


class HostKeyTests(SynchronousTestCase):
    def test_every_algorithm(self) -> None:
        """Each name sends the certificate in its own way (RFC 6187, 2.1), and signs with the certified key."""
        self.assertEqual(set(ROWS), set(X509_FORMS))
        for algorithm, (key, label, digest) in ROWS.items():
            leaf = CA.issue(key.private.public_key(), name("sftp.example.com"))
            found = HostKey(key.private, x509=(leaf, CA.certificate))
            self.assertIn(algorithm, found.algorithms)
            blob = der(leaf) if "-sign-" in algorithm else rfc6187(algorithm, der(leaf), der(CA.certificate))
            self.assertEqual(found.blob_for(algorithm), blob)
            signature = Reader(found.sign(algorithm, b"data"))
            self.assertEqual(signature.read(BYTES), label)
            verify(key, signature.read(BYTES), digest)
            self.assertFalse(signature.remaining)

    def test_bare_keys(self) -> None:
        """A key without a certificate has none of these names, and one with a certificate keeps its own."""
        self.assertFalse(set(HostKey(KEY.private).algorithms) & set(X509_FORMS))
        certified = HostKey(KEY.private, x509=(CA.issue(KEY.private.public_key()),))
        self.assertLessEqual({"rsa-sha2-512", "rsa-sha2-256"}, set(certified.algorithms))
        self.assertEqual(certified.blob_for("rsa-sha2-512"), certified.blob)

    def test_long_chain(self) -> None:
        """No more certificates are sent than a peer would read."""
        leaf = CA.issue(P256.private.public_key())
        found = HostKey(P256.private, x509=(leaf, *[CA.certificate] * MOST_CERTIFICATES))
        blob = rfc6187("x509v3-ecdsa-sha2-nistp256", der(leaf), *[der(CA.certificate)] * (MOST_CERTIFICATES - 1))
        self.assertEqual(found.blob_for("x509v3-ecdsa-sha2-nistp256"), blob)

    def test_store(self) -> None:
        """What a PKCS#12 holds of the CAs is sent after the certificate of the key."""
        leaf = CA.issue(P256.private.public_key(), name("sftp.example.com"))
        secret = BestAvailableEncryption(b"secret")
        data = pkcs12.serialize_key_and_certificates(b"host", P256.private, leaf, [CA.certificate], secret)
        found = host_key(load(data, password="secret"))
        blob = rfc6187("x509v3-ecdsa-sha2-nistp256", der(leaf), der(CA.certificate))
        self.assertEqual(found.blob_for("x509v3-ecdsa-sha2-nistp256"), blob)

    def test_offered(self) -> None:
        """A server offers a certificate only where it is named, apart from the documented profile with its own."""
        has = HostKey(KEY.private, x509=(CA.issue(KEY.private.public_key()),)).algorithms
        for profile, wanted in (("modern", set()), ("compatible", set()), ("documented", {"x509v3-sign-rsa"})):
            offer = offered(settings(algorithm_profile=profile), has)
            self.assertEqual({row.name for row in offer.host_keys} & set(X509_FORMS), wanted)
        chosen = settings(ssh_public_key_algorithms="x509v3-rsa2048-sha256,rsa-sha2-256")
        self.assertEqual(
            [row.name for row in offered(chosen, has).host_keys], ["x509v3-rsa2048-sha256", "rsa-sha2-256"]
        )
        self.assertTrue(all(HOST_KEYS[each].key for each in X509_FORMS))
