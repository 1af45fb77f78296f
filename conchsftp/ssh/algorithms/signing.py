"""
Signatures with host keys, as they stand on the wire.

Knows key objects and hashes; which key signs with which algorithm is in `signatures.py`. Sources:
RFC 4253 section 6.6, RFC 5656 section 3.1.2, RFC 8332 section 3, RFC 8709 section 4.
"""

from functools import cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.dsa import DSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, HashAlgorithm

from conchsftp.wire.kinds import MPINT

_PADDING = PKCS1v15()
_DSS_BYTES = 20


def sign_ed25519(key: Ed25519PrivateKey, data: bytes) -> bytes:
    """Return 64 bytes."""
    return key.sign(data)


def sign_ecdsa(hash: HashAlgorithm, key: EllipticCurvePrivateKey, data: bytes) -> bytes:
    """Return the two numbers of a signature."""
    r, s = decode_dss_signature(key.sign(data, ECDSA(hash)))
    return MPINT.pack(r) + MPINT.pack(s)


def sign_rsa(hash: HashAlgorithm, key: RSAPrivateKey, data: bytes) -> bytes:
    """Return a signature as long as the modulus."""
    return key.sign(data, _PADDING, hash)


def sign_dss(key: DSAPrivateKey, data: bytes) -> bytes:
    """Return two numbers of 160 bits, "without lengths or padding" (RFC 4253, 6.6)."""
    return b"".join(number.to_bytes(_DSS_BYTES) for number in decode_dss_signature(key.sign(data, SHA1())))


@cache
def needs_sha1() -> str | None:
    """Return None if this machine checks signatures with SHA-1, else the reason why not: some systems forbid it."""
    try:
        RSAPublicNumbers(65537, (1 << 2048) - 1).public_key().verify(bytes(256), b"", _PADDING, SHA1())
    except InvalidSignature:
        return None
    except (UnsupportedAlgorithm, ValueError):
        pass
    return "this system forbids signatures with SHA-1"
