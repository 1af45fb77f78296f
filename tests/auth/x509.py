"""
X.509 certificates of users, and of those who issue them; anything about one can be wrong.

The keys are laid out and signed here by RFC 6187 and the older draft, with nothing of the server's own code.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from twisted.conch.ssh.common import NS

from tests.auth.support import DSA, ECDSA, RSA

NOW = 1_800_000_000
DAY = 86400
Extensions = Sequence[tuple[x509.ExtensionType, bool]]
CA_EXTENSION = (x509.BasicConstraints(ca=True, path_length=None), True)


def name(common: str, organisation: str = "Example") -> x509.Name:
    """`CN=…,O=Example`, which certificates have the other way round."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)] if organisation else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def usage(*usages: str) -> tuple[x509.KeyUsage, bool]:
    """A keyUsage with these and no others."""
    every = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign "
        "encipher_only decipher_only"
    )
    return x509.KeyUsage(**{each: each in usages for each in every.split()}), True


def purpose(*oids: str) -> tuple[x509.ExtendedKeyUsage, bool]:
    """An extendedKeyUsage with these."""
    return x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in oids]), False


CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string
SSH_CLIENT = "1.3.6.1.5.5.7.3.21"
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH.dotted_string
ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string


def alternative(*names: x509.GeneralName) -> tuple[x509.SubjectAlternativeName, bool]:
    return x509.SubjectAlternativeName(names), False


def upn(text: str) -> x509.OtherName:
    """A user principal name."""
    value = text.encode()
    return x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), bytes((0x0C, len(value))) + value)


class Issuer:
    """
    Somebody with a key and a certificate: a CA, or who plays one.

    Args:
        common: the CN.
        issuer: who has issued the certificate; None: nobody else.
        extensions: those of a CA, unless told otherwise.
    """

    def __init__(
        self,
        common: str = "Example CA",
        issuer: "Issuer | None" = None,
        extensions: Extensions = (CA_EXTENSION,),
        private: Any = None,
        **values: Any,
    ) -> None:
        self.name = name(common)
        self.private = private or ec.generate_private_key(ec.SECP256R1())
        self.certificate = (issuer or self).issue(self.private.public_key(), self.name, extensions, **values)

    def issue(
        self,
        public: Any,
        subject: x509.Name | None = None,
        extensions: Extensions = (),
        *,
        after: float = NOW - DAY,
        before: float = NOW + DAY,
        serial: int = 7,
        digest: Any = None,
        issuer: x509.Name | None = None,
    ) -> x509.Certificate:
        """Issue a certificate for a key: alice's, if not told otherwise."""
        builder = x509.CertificateBuilder(
            issuer_name=issuer or self.name,
            subject_name=subject or name("alice"),
            public_key=public,
            serial_number=serial,
            not_valid_before=datetime.fromtimestamp(after, UTC),
            not_valid_after=datetime.fromtimestamp(before, UTC),
        )
        for value, critical in extensions:
            builder = builder.add_extension(value, critical)
        plain = "25519" in type(self.private).__name__ or "448" in type(self.private).__name__
        return builder.sign(self.private, None if plain else digest or hashes.SHA256())

    def revoke(self, *serials: int, after: float = NOW - DAY, before: float | None = NOW + DAY, extra: Any = ()) -> str:
        """Return a list of revoked certificates in PEM."""
        start = datetime.fromtimestamp(after, UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name).last_update(start)
        builder = builder.next_update(datetime.fromtimestamp(before or NOW, UTC))
        for serial in serials:
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(start)
            builder = builder.add_revoked_certificate(one.build())
        for value, critical in extra:
            builder = builder.add_extension(value, critical)
        return builder.sign(self.private, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def pem(*certificates: x509.Certificate) -> str:
    return "".join(each.public_bytes(Encoding.PEM).decode() for each in certificates)


def rfc6187(algorithm: str, *certificates: bytes, answers: Sequence[bytes] = (), tail: bytes = b"") -> bytes:
    """A key as RFC 6187 has it: name, certificates, answers of OCSP."""
    chain = len(certificates).to_bytes(4, "big") + b"".join(map(NS, certificates))
    return NS(algorithm.encode()) + chain + len(answers).to_bytes(4, "big") + b"".join(map(NS, answers)) + tail


# algorithm → the name in the signature, where it is not that of the key
_SIGNED = {"x509v3-rsa2048-sha256": "rsa2048-sha256"}


class Shown:
    """
    A key with a certificate in its place, as `Ed25519` and the others of support.py are without.

    Args:
        key: the key that signs.
        certificates: what is sent.
        algorithm: the name that the request has.
        blob: what is sent, if it is something else.
        signature: makes the whole signature, if it is made otherwise.
    """

    def __init__(
        self,
        key: Any,
        *certificates: x509.Certificate,
        algorithm: str = "",
        blob: bytes | None = None,
        signature: Any = None,
    ) -> None:
        self.key = key
        plain = key.algorithm if key.algorithm.startswith("ecdsa") else ""
        self.algorithm = algorithm or (f"x509v3-{plain}" if plain else "x509v3-rsa2048-sha256")
        self.signature = signature
        encoded = [der(each) for each in certificates]
        whole = encoded[0] if "-sign-" in self.algorithm else rfc6187(self.algorithm, *encoded)
        self.blob = whole if blob is None else blob

    def sign(self, data: bytes) -> bytes:
        if self.signature is not None:
            return bytes(self.signature(data))
        if self.algorithm == "x509v3-rsa2048-sha256":
            value = self.key.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
            return NS(b"rsa2048-sha256") + NS(value)
        signature: bytes = self.key.sign(data)
        if "-sign-" in self.algorithm:
            return NS(self.algorithm.encode()) + signature[4 + signature[3] :]
        return signature


ALICE = ECDSA(ec.SECP256R1(), "nistp256", hashes.SHA256())
RSA_ALICE = RSA(algorithm="ssh-rsa")
DSA_ALICE = DSA()
