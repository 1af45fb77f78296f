"""
What we use of `jks` (pyjks), for stores in the format JKS: the package itself needs a compiler to be installed.

Checks nothing but passwords.
"""

from hashlib import sha1
from struct import unpack_from
from types import ModuleType, SimpleNamespace
from typing import Any

_DIGEST = 20
# What the checksum of a store begins with, besides the password.
_WHITENER = b"Mighty Aphrodite"
# X.690, 8.1.3.5: a length of more than 127 bytes stands behind the number of its bytes.
_LONG_FORM = 0x80


class KeystoreSignatureException(Exception):
    """The password of a store is wrong."""


class Entry:
    """One key, or a certificate."""

    def __init__(self, encrypted: bytes, chain: list[tuple[str, bytes]]) -> None:
        self.cert_chain = chain
        self.cert = chain[0][1]
        self.pkey_pkcs8 = b""
        self._encrypted = encrypted

    def decrypt(self, password: str) -> None:
        """Decrypt the key: a stream of hashes of the password, begun with a salt and checked by another hash."""
        secret = password.encode("utf-16-be")
        data = _octets(self._encrypted)
        salt, body, check = data[:_DIGEST], data[_DIGEST:-_DIGEST], data[-_DIGEST:]
        stream, block = b"", salt
        while len(stream) < len(body):
            block = sha1(secret + block).digest()
            stream += block
        plain = bytes(a ^ b for a, b in zip(body, stream, strict=False))
        if sha1(secret + plain).digest() != check:
            raise ValueError("another password")
        self.pkey_pkcs8 = plain


class KeyStore:
    """A store."""

    def __init__(self) -> None:
        self.private_keys: dict[str, Entry] = {}
        self.certs: dict[str, Entry] = {}

    @classmethod
    def loads(cls, data: bytes, password: str, try_decrypt_keys: bool) -> "KeyStore":
        """Read a store, without its keys."""
        if sha1(password.encode("utf-16-be") + _WHITENER + data[:-_DIGEST]).digest() != data[-_DIGEST:]:
            raise KeystoreSignatureException
        found, at = cls(), 12
        for _ in range(unpack_from(">L", data, 8)[0]):
            (kind,) = unpack_from(">L", data, at)
            alias, at = _string(data, at + 4, ">H")
            key, at = _string(data, at + 8, ">L") if kind == 1 else (b"", at + 8)
            (number,), at = (unpack_from(">L", data, at), at + 4) if kind == 1 else ((1,), at)
            chain = []
            for _ in range(number):
                name, at = _string(data, at, ">H")
                body, at = _string(data, at, ">L")
                chain.append((name.decode(), body))
            (found.private_keys if kind == 1 else found.certs)[alias.decode()] = Entry(key, chain)
        return found


def module() -> Any:
    """Return what stands in for the package."""
    made: Any = ModuleType("jks")
    made.KeyStore, made.util = KeyStore, SimpleNamespace(KeystoreSignatureException=KeystoreSignatureException)
    return made


def _string(data: bytes, at: int, form: str) -> tuple[bytes, int]:
    start = at + (2 if form == ">H" else 4)
    (size,) = unpack_from(form, data, at)
    return data[start : start + size], start + size


def _octets(data: bytes) -> bytes:
    """Return what is encrypted, of `SEQUENCE { SEQUENCE { its algorithm }, OCTET STRING }`."""
    algorithm, size = _head(data, _head(data, 0)[0])
    start, size = _head(data, algorithm + size)
    return data[start : start + size]


def _head(data: bytes, at: int) -> tuple[int, int]:
    """Return where the body of a part in DER begins, and its length."""
    size = data[at + 1]
    digits = max(0, size - _LONG_FORM)
    start = at + 2 + digits
    return start, int.from_bytes(data[at + 2 : start], "big") if digits else size
