"""
X.509 certificates that users show in place of a key: what one says, and the check of what its key has signed.

Whether it is worth anything is in `x509_path.py`. OpenSSH's certificates are in `user_certificate.py`. Source:
RFC 6187.
"""

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from twisted.conch.ssh.common import NS

from conchsftp.auth.keys.signatures import BadKey, BadSignature, PublicKey, Signed, end
from conchsftp.auth.keys.user_certificate import BadCertificate
from conchsftp.auth.keys.x509_names import X509Name, X509Names, shown
from conchsftp.ssh.algorithms.x509_blobs import X509_FORMS, read_x509_blob
from conchsftp.ssh.keys.public_blob import fingerprint, public_blob
from conchsftp.wire.kinds import Malformed
from conchsftp.wire.reader import Reader

UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What `cryptography` raises for what cannot be read: some of it only when a part is looked at."""
_NUMBER_BYTES = 20


@dataclass(slots=True, kw_only=True, frozen=True)
class X509UserCertificate:
    """
    A certificate.

    Attributes:
        type: the algorithm that it was shown for, such as `x509v3-ecdsa-sha2-nistp256`.
        blob: the bytes of the key that the client has shown.
        key: the key that is certified.
        certificates: the certificate, and what else the client sent, as objects of `cryptography`.
        subject: whose it is, as `CN=alice,O=Example`; what a users file lists is compared with `names`.
        issuer: who issued it.
        serial: the issuer's number for it.
        valid_after: from when on it is valid, in seconds since 1970.
        valid_before: when it ends.
        names: whom it names.
        path: the certificate, those of who issued it, and at the end the one that TrustedX509Certificates has; empty as
            long as nobody has looked.
        user_names: who it names by itself, as X509UserName says.
    """

    type: str
    blob: bytes = field(repr=False)
    key: PublicKey = field(repr=False)
    certificates: tuple[x509.Certificate, ...] = field(repr=False)
    subject: str
    issuer: str
    serial: int
    valid_after: float
    valid_before: float
    names: X509Names = field(repr=False)
    path: tuple[x509.Certificate, ...] = field(default=(), repr=False)
    user_names: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, algorithm: str, blob: bytes) -> "X509UserCertificate":
        """
        Read what a client shows; nothing about it is checked but its form.

        Args:
            algorithm: what the request names, one of `X509_FORMS`.
            blob: the key.
        Raises:
            BadCertificate: it is malformed, or holds a key that cannot be used.
        """
        try:
            certificates = tuple(map(x509.load_der_x509_certificate, read_x509_blob(algorithm, blob)))
            leaf = certificates[0]
            return cls(
                type=algorithm,
                blob=blob,
                key=PublicKey(public_blob(leaf.public_key())),
                certificates=certificates,
                subject=shown(leaf.subject),
                issuer=shown(leaf.issuer),
                serial=leaf.serial_number,
                valid_after=leaf.not_valid_before_utc.timestamp(),
                valid_before=leaf.not_valid_after_utc.timestamp(),
                names=X509Names.of(leaf),
            )
        except Malformed as problem:
            raise BadCertificate(f"malformed X.509 key: {problem.text}") from problem
        except BadKey as problem:
            raise BadCertificate(f"X.509 certificate: {problem}") from problem
        except UNREADABLE as problem:
            raise BadCertificate("an X.509 certificate that cannot be read") from problem

    @property
    def signs_as(self) -> str:
        """The algorithm of a bare key whose signature is the same."""
        return X509_FORMS[self.type].signs_as

    @property
    def described(self) -> str:
        """What the log says."""
        said = f"X.509 {self.subject[:256]!r} (serial {self.serial:X}) CA {self.issuer[:256]!r}"
        return f"{fingerprint(self.key.blob)} {said}"

    def bears(self, name: X509Name) -> bool:
        """Return whether it bears a name."""
        return self.names.have(name)

    def verify(self, signature: bytes, data: bytes) -> Signed:
        """
        Check a signature with the certified key.

        Args:
            signature: as it stands in the request.
            data: what must have been signed.
        Raises:
            BadSignature: anything about it is not right.
        """
        form = X509_FORMS[self.type]
        try:
            fields = Reader(signature)
            name, value = fields.string(), fields.string()
            end(fields)
        except Malformed as problem:
            raise BadSignature(f"malformed signature: {problem.text}") from problem
        if name.decode("ascii", "replace") not in form.signatures:
            raise BadSignature(f"a signature of {form.signatures[0]} expected, not {name[:64]!r}")
        if form.alone and form.key == "ssh-dss":
            value = _plain_dss(value)
        # From here on it is one of the bare key, for which everybody can check it.
        return self.key.verify(form.signs_as, NS(form.signs_as.encode("ascii")) + NS(value), data)


def _plain_dss(value: bytes) -> bytes:
    """Return the two numbers of a signature as `ssh-dss` has them; some clients send them in DER."""
    if len(value) == 2 * _NUMBER_BYTES:
        return value
    try:
        return b"".join(number.to_bytes(_NUMBER_BYTES) for number in decode_dss_signature(value))
    except (ValueError, OverflowError):
        raise BadSignature("neither two numbers of 160 bits nor their DER") from None
