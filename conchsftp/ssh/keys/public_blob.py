"""
A public key of `cryptography` as SSH sends it, and what people compare of it.

Sources: RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8709 section 4; fingerprints as `ssh-keygen -l` shows them.
"""

from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.dsa import DSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from conchsftp.wire.kinds import BYTES, MPINT

# "the hash function is SHA-1" (RFC 4253, 6.6), and its 160 bits go with 1024.
_DSS_BITS = 1024


def public_blob(public: Any) -> bytes:
    """
    Return a public key as SSH sends it.

    Raises:
        ValueError: SSH knows no such keys; the text says why.
    """
    if isinstance(public, DSAPublicKey):
        # `cryptography` is about to forget how SSH writes them.
        if public.key_size != _DSS_BITS:
            raise ValueError(f"a DSA key of {public.key_size} bits; SSH knows those of {_DSS_BITS} only")
        numbers = public.public_numbers()
        group = numbers.parameter_numbers
        return BYTES.pack(b"ssh-dss") + b"".join(map(MPINT.pack, (group.p, group.q, group.g, numbers.y)))
    try:
        return b64decode(public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1])
    except (AttributeError, UnsupportedAlgorithm, ValueError):
        raise ValueError("its type has no place in SSH") from None


def fingerprint(blob: bytes) -> str:
    """Return the SHA-256 fingerprint of a key, as OpenSSH shows it."""
    return "SHA256:" + b64encode(sha256(blob).digest()).decode("ascii").rstrip("=")
