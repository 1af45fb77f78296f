"""
Whether an X.509 certificate of a user leads to one that is trusted.

`cryptography.x509.verification` is for the web: it demands what certificates of people do not have, and has other
rules for what they do. This is less than RFC 5280, and refuses whatever is more: constraints of names, and any critical
extension that is not in the list below. Certificates may come in any order. Decides nothing about users. Looks at no
file. Sources: RFC 5280 section 6.1; RFC 6187 section 2.2 for what a key may be used for.
"""

from collections.abc import Iterable
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, SECP521R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

from conchsftp.auth.keys.signatures import RSA_BITS, RSA_EXPONENT_BITS
from conchsftp.auth.keys.user_certificate import BadCertificate
from conchsftp.auth.keys.x509_certificate import UNREADABLE

E = TypeVar("E", bound=x509.ExtensionType)
Path = tuple[x509.Certificate, ...]

# A user's certificate, CAs below CAs, and the trusted one. What people have is three or four.
_LONGEST_PATH = 8
# Certificates with the same name can lead into each other: each try costs a signature.
_MOST_SIGNATURES = 16
_HASHES = frozenset(("sha256", "sha384", "sha512"))
_CURVES = (SECP256R1, SECP384R1, SECP521R1)
_KNOWN = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.SubjectAlternativeName)
_PURPOSES = frozenset(
    (Purpose.CLIENT_AUTH, x509.ObjectIdentifier("1.3.6.1.5.5.7.3.21"), Purpose.ANY_EXTENDED_KEY_USAGE)
)


class TrustedCertificates:
    """
    Certificates that are trusted without asking who issued them: of CAs, or of single users.

    Args:
        certificates: all of them.
    """

    __slots__ = ("_by_subject", "certificates")

    def __init__(self, certificates: Iterable[x509.Certificate] = ()) -> None:
        self.certificates = frozenset(certificates)
        self._by_subject: dict[x509.Name, list[x509.Certificate]] = {}
        for each in self.certificates:
            self._by_subject.setdefault(each.subject, []).append(each)

    def __contains__(self, certificate: x509.Certificate) -> bool:
        return certificate in self.certificates

    def named(self, name: x509.Name) -> list[x509.Certificate]:
        """Return those with a name; there may be several, as where a CA has a new key."""
        return self._by_subject.get(name, [])


def trusted_path(certificates: Path, trusted: TrustedCertificates, now: float) -> Path:
    """
    Return how a user's certificate leads to one that is trusted.

    Args:
        certificates: the user's, and whatever else the client sent.
        trusted: where the path may end.
        now: the date, in seconds since 1970.
    Returns:
        The user's certificate first, the trusted one last; only one if the user's own is trusted.
    Raises:
        BadCertificate: there is none; the text is for the log.
    """
    user = certificates[0]
    if reason := _of_user(user, now):
        raise BadCertificate(f"the certificate {reason}")
    if user in trusted:
        return (user,)
    try:
        search = _Search(certificates[1:], trusted, now)
        path = search.up((user,))
    except UNREADABLE:
        # `cryptography` reads names only when it is asked for them, and a stranger has made these.
        raise BadCertificate("a certificate among those of its CAs cannot be read") from None
    if path is None:
        raise BadCertificate(search.reason or "no trusted CA has issued the certificate")
    return path


def signed_well(issued: x509.Certificate | x509.CertificateRevocationList) -> bool:
    """Return whether a signature has a hash that proves who signed."""
    try:
        digest = issued.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return False
    # None: Ed25519 and Ed448, which need none; other keys without one are no keys of a CA here.
    return digest is None or digest.name in _HASHES


class _Search:
    """
    One search, from a user's certificate upwards.

    Attributes:
        reason: why the first that was tried did not fit; empty if there was nobody.
        left: how many signatures it may still look at.
    """

    def __init__(self, others: Path, trusted: TrustedCertificates, now: float) -> None:
        self.reason = ""
        # Every look at a name reads it again, and a stranger's may be long.
        self._others = [(each, each.subject) for each in others if each not in trusted]
        self._trusted = trusted
        self._now = now
        self.left = _MOST_SIGNATURES

    def up(self, path: Path) -> Path | None:
        """Return a path that begins like this one and is whole."""
        if len(path) >= _LONGEST_PATH:
            self.reason = f"more than {_LONGEST_PATH} certificates up to the trusted one"
            return None
        name = path[-1].issuer
        # Those who are trusted first: their keys are good ones, and the path is done.
        others = (each for each, subject in self._others if subject == name)
        for issuer in (*self._trusted.named(name), *others):
            if issuer in path:
                continue
            if reason := self._refusal(issuer, path):
                self.reason = self.reason or f"the certificate of its CA {reason}"
                continue
            longer = (*path, issuer)
            found = longer if issuer in self._trusted else self.up(longer)
            if found is not None:
                return found
        return None

    def _refusal(self, issuer: x509.Certificate, path: Path) -> str:
        """Return why a certificate is not one of who issued the last of a path."""
        below = sum(each.subject != each.issuer for each in path[1:])
        return _of_ca(issuer, below, self._now) or self._signature(path[-1], issuer)

    def _signature(self, issued: x509.Certificate, issuer: x509.Certificate) -> str:
        if not self.left:
            return f"is one of too many: {_MOST_SIGNATURES} signatures were looked at"
        self.left -= 1
        if not signed_well(issued):
            return "signs with a hash that proves nothing"
        try:
            issued.verify_directly_issued_by(issuer)
        except (InvalidSignature, TypeError, *UNREADABLE):
            return "does not fit: it has not signed what bears its name"
        return ""


def _of_user(certificate: x509.Certificate, now: float) -> str:
    """Return why nobody can log in with a certificate, whoever issued it."""
    try:
        if reason := _dates(certificate, now) or _extensions(certificate):
            return reason
        constraints = _one(certificate, x509.BasicConstraints)
        usage = _one(certificate, x509.KeyUsage)
    except UNREADABLE:
        return "has extensions that cannot be read"
    if constraints is not None and constraints.ca:
        # Whoever has a copy of a CA's key has enough; nobody logs in with it.
        return "is one of a CA"
    if usage is not None and not usage.digital_signature:
        return "has a key that may not sign (keyUsage)"
    return ""


def _of_ca(certificate: x509.Certificate, below: int, now: float) -> str:
    """Return why a certificate is not one of a CA; `below`: how many CAs are under it."""
    try:
        if reason := _dates(certificate, now) or _extensions(certificate) or _strength(certificate):
            return reason
        constraints = _one(certificate, x509.BasicConstraints)
        usage = _one(certificate, x509.KeyUsage)
        if _one(certificate, x509.NameConstraints) is not None:
            return "constrains names, which is not supported"
    except UNREADABLE:
        return "has extensions or a key that cannot be read"
    if certificate.version is not x509.Version.v3 or constraints is None or not constraints.ca:
        return "is not one of a CA (basicConstraints)"
    if constraints.path_length is not None and below > constraints.path_length:
        return "allows fewer CAs below it (pathlen)"
    if usage is not None and not usage.key_cert_sign:
        return "has a key that may not sign certificates (keyUsage)"
    return ""


def _dates(certificate: x509.Certificate, now: float) -> str:
    if now < certificate.not_valid_before_utc.timestamp():
        return "is not valid yet"
    return "has expired" if now > certificate.not_valid_after_utc.timestamp() else ""


def _extensions(certificate: x509.Certificate) -> str:
    """Return what is wrong with the extensions of any certificate."""
    for each in certificate.extensions:
        if each.critical and not isinstance(each.value, _KNOWN):
            return f"has a critical extension that is not supported ({each.oid.dotted_string})"
    purposes = _one(certificate, x509.ExtendedKeyUsage)
    if purposes is not None and _PURPOSES.isdisjoint(purposes):
        return "is not for logging in (extendedKeyUsage)"
    return ""


def _strength(certificate: x509.Certificate) -> str:
    """Return what is wrong with the key of a CA: a stranger's could also cost us seconds."""
    key = certificate.public_key()
    if isinstance(key, RSAPublicKey):
        exponent = key.public_numbers().e
        good = key.key_size in RSA_BITS and exponent.bit_length() <= RSA_EXPONENT_BITS
    elif isinstance(key, EllipticCurvePublicKey):
        good = isinstance(key.curve, _CURVES)
    else:
        good = isinstance(key, Ed25519PublicKey | Ed448PublicKey)
    return "" if good else "has a key that is too weak, or of a kind that is not supported"


def _one(certificate: x509.Certificate, kind: type[E]) -> E | None:
    """Return an extension, if it is there."""
    return next((each.value for each in certificate.extensions if isinstance(each.value, kind)), None)
