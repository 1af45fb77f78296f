"""
What is known of a key and its X.509 certificate: the facts behind the settings SSHCert…

Computes texts, checks nothing: neither the dates nor who signed matter to SSH. Formats as documented for the component;
fingerprints are those of `ssh-keygen -l`, thumbprints those of `openssl x509 -fingerprint`, in small letters.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import md5, sha1, sha256
from typing import Any, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.dsa import DSAPublicKey
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509 import Certificate as X509
from cryptography.x509.oid import NameOID
from cryptography.x509.oid import SignatureAlgorithmOID as Signed

from conchsftp.secret import Secret
from conchsftp.ssh.keys.public_blob import public_blob

E = TypeVar("E", bound=x509.ExtensionType)

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
# (class, documented name, length in bits; None: the key knows)
_ALGORITHMS: tuple[tuple[type, str, int | None], ...] = (
    (RSAPublicKey, "RSA", None),
    (DSAPublicKey, "DSA", None),
    (EllipticCurvePublicKey, "ECDSA", None),
    (Ed25519PublicKey, "Ed25519", 256),
    (Ed448PublicKey, "Ed448", 456),
)
# The names that OpenSSL prints; any other is shown as its OID.
_SIGNATURES = {
    Signed.RSA_WITH_MD5: "md5WithRSAEncryption",
    Signed.RSA_WITH_SHA1: "sha1WithRSAEncryption",
    Signed.RSA_WITH_SHA224: "sha224WithRSAEncryption",
    Signed.RSA_WITH_SHA256: "sha256WithRSAEncryption",
    Signed.RSA_WITH_SHA384: "sha384WithRSAEncryption",
    Signed.RSA_WITH_SHA512: "sha512WithRSAEncryption",
    Signed.RSASSA_PSS: "rsassaPss",
    Signed.ECDSA_WITH_SHA1: "ecdsa-with-SHA1",
    Signed.ECDSA_WITH_SHA224: "ecdsa-with-SHA224",
    Signed.ECDSA_WITH_SHA256: "ecdsa-with-SHA256",
    Signed.ECDSA_WITH_SHA384: "ecdsa-with-SHA384",
    Signed.ECDSA_WITH_SHA512: "ecdsa-with-SHA512",
    Signed.DSA_WITH_SHA1: "dsaWithSHA1",
    Signed.DSA_WITH_SHA256: "dsa_with_SHA256",
    Signed.ED25519: "ED25519",
    Signed.ED448: "ED448",
}
# The documented letters, where they are not those of RFC 4514.
_LETTERS = {NameOID.STATE_OR_PROVINCE_NAME: "S", NameOID.EMAIL_ADDRESS: "E"}
# (documented flag, documented text, whether an extension has it)
_USAGES: tuple[tuple[int, str, Callable[[x509.KeyUsage], bool]], ...] = (
    (0x80, "Digital Signature", lambda usage: usage.digital_signature),
    (0x40, "Non-Repudiation", lambda usage: usage.content_commitment),
    (0x20, "Key Encipherment", lambda usage: usage.key_encipherment),
    (0x10, "Data Encipherment", lambda usage: usage.data_encipherment),
    (0x08, "Key Agreement", lambda usage: usage.key_agreement),
    (0x04, "Certificate Signing", lambda usage: usage.key_cert_sign),
    (0x02, "CRL Signing", lambda usage: usage.crl_sign),
    # Only asked of a key that agrees; another has no such bit.
    (0x01, "Encipher Only", lambda usage: usage.key_agreement and usage.encipher_only),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """
    A key, with its private half and its X.509 certificate where there are such.

    Every fact is empty, 0 or False where there is nothing to say: a bare key has no issuer.

    Attributes:
        public: a public key of `cryptography`; None: there is no key at all.
        private: its private half.
        x509: its certificate.
        chain: what else of the store belongs to the certificate: who issued it, who issued that, and so on.
        comment: what the file calls a key; shown as the subject where there is no certificate.
        names: what else the store calls it: an alias, a label, an id in hexadecimal.
    """

    public: Any = None
    private: Any = field(default=None, repr=False)
    x509: X509 | None = None
    chain: tuple[X509, ...] = ()
    comment: str = ""
    names: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """Whose certificate it is; the comment of a bare key."""
        return _name(self.x509.subject) if self.x509 is not None else self.comment

    @property
    def encoded(self) -> str:
        """The certificate in PEM."""
        return self.x509.public_bytes(Encoding.PEM).decode("ascii") if self.x509 is not None else ""

    @property
    def effective_date(self) -> str:
        """When it becomes valid, in local time: `23-Jan-2000 15:00:00`."""
        return _date(self.x509.not_valid_before_utc) if self.x509 is not None else ""

    @property
    def expiration_date(self) -> str:
        """When it expires, in local time."""
        return _date(self.x509.not_valid_after_utc) if self.x509 is not None else ""

    @property
    def issuer(self) -> str:
        """Who issued it."""
        return _name(self.x509.issuer) if self.x509 is not None else ""

    @property
    def serial_number(self) -> str:
        """Its serial number in hexadecimal, two digits for a byte."""
        if self.x509 is None:
            return ""
        digits = f"{self.x509.serial_number:X}"
        return "0" * (len(digits) % 2) + digits

    @property
    def signature_algorithm(self) -> str:
        """How it is signed, as OpenSSL calls that; else an OID."""
        if self.x509 is None:
            return ""
        oid = self.x509.signature_algorithm_oid
        return _SIGNATURES.get(oid, oid.dotted_string)

    @property
    def version(self) -> str:
        """`V1` or `V3`."""
        return f"V{self.x509.version.value + 1}" if self.x509 is not None else ""

    @property
    def extended_key_usage(self) -> str:
        """OIDs, comma-separated."""
        usages = self._extension(x509.ExtendedKeyUsage)
        return ",".join(each.dotted_string for each in usages or ())

    @property
    def subject_alt_names(self) -> str:
        """Names, comma-separated."""
        names = self._extension(x509.SubjectAlternativeName)
        return ",".join(_general(each) for each in names or ())

    @property
    def usage_flags(self) -> int:
        """The documented sum of the usages."""
        return sum(flag for flag, _ in self._usages())

    @property
    def usage(self) -> str:
        """The documented texts of the usages, comma-separated."""
        return ",".join(text for _, text in self._usages())

    @property
    def thumbprint_md5(self) -> str:
        """MD5 of the certificate."""
        return _hash(md5, self._der())

    @property
    def thumbprint_sha1(self) -> str:
        """SHA-1 of the certificate."""
        return _hash(sha1, self._der())

    @property
    def thumbprint_sha256(self) -> str:
        """SHA-256 of the certificate."""
        return _hash(sha256, self._der())

    @property
    def blob(self) -> bytes:
        """The public key as SSH sends it; empty if SSH knows no such keys."""
        if self.public is None:
            return b""
        try:
            return public_blob(self.public)
        except ValueError:
            return b""

    @property
    def fingerprint(self) -> str:
        """MD5 of the public key as SSH sends it."""
        return _hash(md5, self.blob)

    @property
    def fingerprint_sha1(self) -> str:
        """SHA-1 of the public key as SSH sends it."""
        return _hash(sha1, self.blob)

    @property
    def fingerprint_sha256(self) -> str:
        """SHA-256 of the public key as SSH sends it."""
        return _hash(sha256, self.blob)

    @property
    def public_key(self) -> str:
        """The public key in PEM."""
        if self.public is None:
            return ""
        return str(self.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "ascii")

    @property
    def public_key_algorithm(self) -> str:
        """`RSA`, `ECDSA`, `Ed25519`; else an OID, or nothing if that is not known."""
        found = next((name for cls, name, _ in _ALGORITHMS if isinstance(self.public, cls)), None)
        if found is None and self.x509 is not None:
            return self.x509.public_key_algorithm_oid.dotted_string
        return found or ""

    @property
    def public_key_length(self) -> int:
        """In bits; 0 if it is not known."""
        bits = next((bits for cls, _, bits in _ALGORITHMS if isinstance(self.public, cls)), None)
        return bits or int(getattr(self.public, "key_size", 0))

    @property
    def private_key_available(self) -> bool:
        """Whether the private half is there."""
        return self.private is not None

    @property
    def private_key(self) -> Secret:
        """The private key in PEM (PKCS#8); empty if there is none, or none that can be copied."""
        try:
            data = self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        except (AttributeError, ValueError, UnsupportedAlgorithm):
            return Secret("")
        return Secret(str(data, "ascii"))

    @property
    def private_key_container(self) -> str:
        """Nothing: only Windows has containers."""
        return ""

    def matches(self, other: "Certificate") -> bool:
        """Return whether both are of the same public key."""
        return bool(self.public_key) and self.public_key == other.public_key

    def _der(self) -> bytes:
        return self.x509.public_bytes(Encoding.DER) if self.x509 is not None else b""

    def _extension(self, cls: type[E]) -> E | None:
        if self.x509 is None:
            return None
        try:
            return self.x509.extensions.get_extension_for_class(cls).value
        except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError, UnsupportedAlgorithm):
            # What cannot be read says nothing; SSH needs none of it.
            return None

    def _usages(self) -> list[tuple[int, str]]:
        usage = self._extension(x509.KeyUsage)
        return [] if usage is None else [(flag, text) for flag, text, has in _USAGES if has(usage)]


def _hash(function: Callable[..., Any], data: bytes) -> str:
    """Return a hash with colons; nothing for nothing. These hashes name a key, they do not prove anything."""
    digest: str = function(data, usedforsecurity=False).hexdigest()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2)) if data else ""


def _date(moment: datetime) -> str:
    """Return a date in local time, with English months whatever the locale."""
    local = moment.astimezone()
    return f"{local.day:02}-{_MONTHS[local.month - 1]}-{local.year} {local:%H:%M:%S}"


def _name(name: x509.Name) -> str:
    """Return a name as documented, `CN=www.example.com, O="Example, Inc.", C=US`: the most special part first."""
    fields = (each for part in reversed(name.rdns) for each in part)
    return ", ".join(f"{_LETTERS.get(each.oid, each.rfc4514_attribute_name)}={_quoted(each.value)}" for each in fields)


def _quoted(value: str | bytes) -> str:
    text = value if isinstance(value, str) else value.hex()
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text


def _general(name: x509.GeneralName) -> str:
    value = name.value
    if isinstance(value, x509.Name):
        return _name(value)
    return value.dotted_string if isinstance(value, x509.ObjectIdentifier) else str(value)
