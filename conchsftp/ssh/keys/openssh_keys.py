"""
The encryption of OpenSSH's private keys.

The library reads what `ssh-keygen` writes of its own accord; `ssh-keygen -Z` knows other ciphers. Such keys are
decrypted here, and given to it in the clear. Source: OpenSSH's PROTOCOL.key.
"""

from base64 import b64encode
from typing import Any, NamedTuple

from bcrypt import kdf
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR, GCM

from conchsftp.ssh.keys.unusable import Unusable
from conchsftp.wire.kinds import BYTES, U32, Malformed
from conchsftp.wire.reader import Reader

_MAGIC = b"openssh-key-v1\0"
# (key, initial vector, algorithm, mode); the library knows those with AES-256 itself.
_CIPHERS = {
    b"3des-cbc": (24, 8, TripleDES, CBC),
    b"aes128-cbc": (16, 16, AES, CBC),
    b"aes192-cbc": (24, 16, AES, CBC),
    b"aes128-ctr": (16, 16, AES, CTR),
    b"aes192-ctr": (24, 16, AES, CTR),
    b"aes128-gcm@openssh.com": (16, 12, AES, GCM),
}
_TAG = 16


class _Head(NamedTuple):
    """What stands before the keys."""

    cipher: bytes
    kdf: bytes
    salt: bytes
    rounds: int


def bcrypt_rounds(body: bytes) -> int:
    """Return how often a key hashes its password; 0 if it does not, or is damaged."""
    try:
        return _head(Reader(body.removeprefix(_MAGIC))).rounds
    except Malformed:
        return 0


def decrypted(block: bytes, body: bytes, password: bytes | None) -> bytes:
    """
    Return a key in the clear, if the library could not decrypt it itself; else the block as it was.

    Args:
        block: the key in PEM.
        body: what the block has in Base64.
    Raises:
        Unusable: the password is wrong, or needed.
    """
    reader = Reader(body.removeprefix(_MAGIC))
    try:
        head = _head(reader)
        if head.cipher not in _CIPHERS or head.kdf != b"bcrypt":
            return block
        count, public, private = reader.u32(), reader.string(), reader.string()
        if not password:
            raise Unusable("the private key is encrypted, and there is no password for it")
        plain = _plain(head, private, reader.rest(), password)
        check = Reader(plain)
        if check.u32() != check.u32():
            raise ValueError("two numbers that are the same in a key")
    except (Malformed, ValueError, InvalidTag, UnsupportedAlgorithm):
        raise Unusable("the password is wrong, or the private key is damaged") from None
    clear = b"".join((BYTES.pack(b"none"), BYTES.pack(b"none"), BYTES.pack(b"")))
    whole = _MAGIC + clear + U32.pack(count) + BYTES.pack(public) + BYTES.pack(plain)
    lines = block.splitlines()
    return b"\n".join((lines[0], b64encode(whole), lines[-1], b""))


def _head(reader: Reader) -> _Head:
    cipher, name, options = reader.string(), reader.string(), Reader(reader.string())
    salt, rounds = (options.string(), options.u32()) if name == b"bcrypt" else (b"", 0)
    return _Head(cipher, name, salt, rounds)


def _plain(head: _Head, private: bytes, tag: bytes, password: bytes) -> bytes:
    key_size, vector_size, algorithm, mode = _CIPHERS[head.cipher]
    derived = kdf(password, head.salt, key_size + vector_size, head.rounds, ignore_few_rounds=True)
    key, vector = derived[:key_size], derived[key_size:]
    how: Any = GCM(vector, tag[:_TAG]) if mode is GCM else mode(vector)
    decryptor = Cipher(algorithm(key), how).decryptor()
    return decryptor.update(private) + decryptor.finalize()
