"""
How X.509 certificates stand in for keys in SSH: one row for each name, and the bytes.

Says nothing of whom a certificate is trusted by: a client that knows our host decides that for itself, and of users
`conchsftp.auth.keys.x509_path` says it. Sources: RFC 6187, 2.1; for the two older names, draft-ietf-secsh-transport-12,
which PKIX-SSH and Maverick speak.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from conchsftp.wire.kinds import BYTES, U32, Malformed
from conchsftp.wire.reader import Reader

# RFC 6187 allows a hundred. What people use has two or three, and each costs whoever reads it time.
MOST_CERTIFICATES = 8
# Those of people have two or three thousand. Whoever is a stranger can fill one with thousands of names, each of which
# takes a hundred times as long to read as it took to send.
LONGEST_CERTIFICATE = 8192


@dataclass(slots=True, kw_only=True, frozen=True)
class X509Form:
    """
    One row: a name under which a certificate stands for a key.

    Attributes:
        key: the type of key in the certificate.
        signs_as: the algorithm of a bare key whose signature is the same.
        signatures: the names that a signature may have; the first is what we write.
        alone: whether the key is the certificate and nothing else: no name before it, no chain after it.
    """

    key: str
    signs_as: str
    signatures: tuple[str, ...]
    alone: bool = False


def _ecdsa(name: str) -> X509Form:
    return X509Form(key=name, signs_as=name, signatures=(name,))


X509_FORMS: dict[str, X509Form] = {
    "x509v3-ecdsa-sha2-nistp256": _ecdsa("ecdsa-sha2-nistp256"),
    "x509v3-ecdsa-sha2-nistp384": _ecdsa("ecdsa-sha2-nistp384"),
    "x509v3-ecdsa-sha2-nistp521": _ecdsa("ecdsa-sha2-nistp521"),
    "x509v3-rsa2048-sha256": X509Form(key="ssh-rsa", signs_as="rsa-sha2-256", signatures=("rsa2048-sha256",)),
    "x509v3-ssh-rsa": X509Form(key="ssh-rsa", signs_as="ssh-rsa", signatures=("ssh-rsa",)),
    "x509v3-ssh-dss": X509Form(key="ssh-dss", signs_as="ssh-dss", signatures=("ssh-dss",)),
    # The draft names no hash and not the name in the signature; PKIX-SSH has SHA-1, and either of these names.
    "x509v3-sign-rsa": X509Form(
        key="ssh-rsa", signs_as="ssh-rsa", signatures=("x509v3-sign-rsa", "ssh-rsa"), alone=True
    ),
    "x509v3-sign-dss": X509Form(
        key="ssh-dss", signs_as="ssh-dss", signatures=("x509v3-sign-dss", "ssh-dss"), alone=True
    ),
}
"""The algorithms whose keys are X.509 certificates, by name."""


def x509_blob(name: str, chain: Iterable[Certificate]) -> bytes:
    """
    Return what is sent as the key.

    Args:
        name: the algorithm.
        chain: the certificate of the key, and after it those of who issued it; what is more than may be sent is left
            out. Empty gives an empty blob.
    """
    encoded = [each.public_bytes(Encoding.DER) for each in chain][:MOST_CERTIFICATES]
    if not encoded:
        return b""
    if X509_FORMS[name].alone:
        return encoded[0]
    # No answers of OCSP: nobody here asks for them.
    counted = U32.pack(len(encoded)) + b"".join(map(BYTES.pack, encoded)) + U32.pack(0)
    return BYTES.pack(name.encode("ascii")) + counted


def read_x509_blob(name: str, blob: bytes) -> tuple[bytes, ...]:
    """
    Return the certificates in a key, in DER: that of the key, and what else was sent.

    Args:
        name: the algorithm that the request names; the blob has to be one of it.
        blob: the key.
    Raises:
        Malformed: it is none, or holds too many certificates, or one that is too long.
    """
    certificates = (blob,) if X509_FORMS[name].alone else _chain(name, blob)
    longest = max(map(len, certificates))
    if longest > LONGEST_CERTIFICATE:
        raise Malformed(f"a certificate of {longest} bytes, at most {LONGEST_CERTIFICATE} taken")
    return certificates


def _chain(name: str, blob: bytes) -> tuple[bytes, ...]:
    fields = Reader(blob)
    said = fields.string()
    if said != name.encode("ascii"):
        raise Malformed(f"a key of {name}, named {said[:64]!r}")
    count = fields.u32()
    if not 1 <= count <= MOST_CERTIFICATES:
        raise Malformed(f"{count} certificates, 1 to {MOST_CERTIFICATES} expected")
    certificates = tuple(fields.string() for _ in range(count))
    answers = fields.u32()
    # "the number of OCSP responses MUST NOT exceed the number of certificates" (RFC 6187, 2.1). None is looked at.
    if answers > count:
        raise Malformed(f"{answers} answers of OCSP about {count} certificates")
    for _ in range(answers):
        fields.string()
    if fields.remaining:
        raise Malformed(f"{fields.remaining} bytes after the last field")
    return certificates
