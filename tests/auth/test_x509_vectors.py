"""
Signatures of users by X.509 that another program has made.
"""

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from twisted.conch.ssh.common import NS
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.keys.signatures import BadSignature
from conchsftp.auth.keys.x509_certificate import X509UserCertificate
from tests.auth import x509_vectors as vectors


class VectorTests(SynchronousTestCase):
    """What another program has made: no client of these names is at hand."""

    def test_sign_rsa(self) -> None:
        """`x509v3-sign-rsa` is the certificate alone, and PKCS #1 v1.5 with SHA-1."""
        found = X509UserCertificate.parse("x509v3-sign-rsa", vectors.RSA_CERTIFICATE)
        self.assertEqual((found.subject, found.key.type, found.signs_as), ("CN=alice", "ssh-rsa", "ssh-rsa"))
        for label in (b"x509v3-sign-rsa", b"ssh-rsa"):
            signed = found.verify(NS(label) + NS(vectors.RSA_SIGNATURE), vectors.DATA)
            self.assertEqual(signed.signature, NS(b"ssh-rsa") + NS(vectors.RSA_SIGNATURE))
        whole = NS(b"x509v3-sign-rsa") + NS(vectors.RSA_SIGNATURE)
        self.assertRaises(BadSignature, found.verify, whole, vectors.DATA + b".")
        for length in range(len(whole)):
            self.assertRaises(BadSignature, found.verify, whole[:length], vectors.DATA)

    def test_sign_dss(self) -> None:
        """`x509v3-sign-dss` is the same with DSA, whose two numbers come as DER or without it."""
        found = X509UserCertificate.parse("x509v3-sign-dss", vectors.DSA_CERTIFICATE)
        self.assertEqual((found.key.type, found.signs_as), ("ssh-dss", "ssh-dss"))
        numbers = b"".join(number.to_bytes(20) for number in decode_dss_signature(vectors.DSA_SIGNATURE))
        for value in (vectors.DSA_SIGNATURE, numbers):
            signed = found.verify(NS(b"x509v3-sign-dss") + NS(value), vectors.DATA)
            self.assertEqual(signed.signature, NS(b"ssh-dss") + NS(numbers))
            for wrong in (value + b"\0", value[:-1], value[::-1]):
                self.assertRaises(BadSignature, found.verify, NS(b"x509v3-sign-dss") + NS(wrong), vectors.DATA)
