"""
The encryption of OpenSSH's private keys, and the comment in them.

The library knows the ciphers that `ssh-keygen` takes of its own accord, and no comments; `ssh-keygen -Z` takes others.
Keys are decrypted here, and given to it in the clear. Sources: OpenSSH's PROTOCOL.key, PROTOCOL.chacha20poly1305.
"""

import re
from base64 import b64encode
from typing import Any, NamedTuple

from bcrypt import kdf
from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES, ChaCha20
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR, GCM
from cryptography.hazmat.primitives.poly1305 import Poly1305

from conchsftp.ssh.keys.unusable import Unusable
from conchsftp.wire.kinds import BYTES, U32, Malformed
from conchsftp.wire.reader import Reader

_MAGIC = b"openssh-key-v1\0"
# (key, initial vector, algorithm, mode)
_CIPHERS: dict[bytes, tuple[int, int, Any, Any]] = {
    b"3des-cbc": (24, 8, TripleDES, CBC),
    b"aes128-cbc": (16, 16, AES, CBC),
    b"aes192-cbc": (24, 16, AES, CBC),
    b"aes256-cbc": (32, 16, AES, CBC),
    b"aes128-ctr": (16, 16, AES, CTR),
    b"aes192-ctr": (24, 16, AES, CTR),
    b"aes256-ctr": (32, 16, AES, CTR),
    b"aes128-gcm@openssh.com": (16, 12, AES, GCM),
    b"aes256-gcm@openssh.com": (32, 12, AES, GCM),
    b"chacha20-poly1305@openssh.com": (64, 0, ChaCha20, None),
}
_CLEAR = b"none"
_TAG = 16
_NAME = re.compile(rb"[a-z0-9@.-]{1,64}")
# How many fields stand between the type of a key and its comment.
_FIELDS = {
    b"ssh-rsa": 6,
    b"ssh-dss": 5,
    b"ssh-ed25519": 2,
    b"ecdsa-sha2-nistp256": 3,
    b"ecdsa-sha2-nistp384": 3,
    b"ecdsa-sha2-nistp521": 3,
}


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


def decrypted(block: bytes, body: bytes, password: bytes | None) -> tuple[bytes, str]:
    """
    Return a key in the clear, in PEM, and its comment.

    Args:
        block: the key in PEM.
        body: what the block has in Base64.
    Raises:
        Unusable: the password is wrong, or needed, or the cipher is not known.
    """
    reader = Reader(body.removeprefix(_MAGIC))
    try:
        head = _head(reader)
        count, public, private = reader.u32(), reader.string(), reader.string()
        if head.cipher == _CLEAR:
            return block, _comment(private)
    except Malformed:
        raise Unusable("the private key is damaged") from None
    if head.cipher not in _CIPHERS or head.kdf != b"bcrypt":
        name = head.cipher.decode("ascii") if _NAME.fullmatch(head.cipher) else "a cipher that is not known"
        raise Unusable(f"it is encrypted with {name}, which is not supported; ssh-keygen -p -Z aes256-ctr changes that")
    if not password:
        raise Unusable("the private key is encrypted, and there is no password for it")
    try:
        plain = _plain(head, private, reader.rest(), password)
        check = Reader(plain)
        if check.u32() != check.u32():
            raise ValueError("two numbers that are the same in a key")
    except (Malformed, ValueError, InvalidTag, InvalidSignature, UnsupportedAlgorithm):
        raise Unusable("the password is wrong, or the private key is damaged") from None
    clear = b"".join((BYTES.pack(_CLEAR), BYTES.pack(_CLEAR), BYTES.pack(b"")))
    whole = _MAGIC + clear + U32.pack(count) + BYTES.pack(public) + BYTES.pack(plain)
    lines = block.splitlines()
    return b"\n".join((lines[0], b64encode(whole), lines[-1], b"")), _comment(plain)


def _comment(plain: bytes) -> str:
    """Return the comment of a key; nothing where its type is not known or it is damaged, which others will notice."""
    reader = Reader(plain)
    try:
        reader.take(8)
        for _ in range(_FIELDS.get(reader.string(), 0)):
            reader.string()
        return reader.string().decode("utf-8", "replace")
    except Malformed:
        return ""


def _head(reader: Reader) -> _Head:
    cipher, name, options = reader.string(), reader.string(), Reader(reader.string())
    salt, rounds = (options.string(), options.u32()) if name == b"bcrypt" else (b"", 0)
    return _Head(cipher, name, salt, rounds)


def _plain(head: _Head, private: bytes, tag: bytes, password: bytes) -> bytes:
    key_size, vector_size, algorithm, mode = _CIPHERS[head.cipher]
    derived = kdf(password, head.salt, key_size + vector_size, head.rounds, ignore_few_rounds=True)
    key, vector = derived[:key_size], derived[key_size:]
    if algorithm is ChaCha20:
        return _unsealed(key[:32], private, tag)
    how: Any = GCM(vector, tag[:_TAG]) if mode is GCM else mode(vector)
    decryptor = Cipher(algorithm(key), how).decryptor()
    return decryptor.update(private) + decryptor.finalize()


def _unsealed(key: bytes, private: bytes, tag: bytes) -> bytes:
    """Decrypt as a packet with the number 0 and without a length: block 0 is the key of the tag, the text follows."""
    # Sixteen bytes: the number of the block, the number of the packet.
    stream = [Cipher(ChaCha20(key, bytes((block, *bytes(15)))), None).decryptor() for block in (0, 1)]
    Poly1305.verify_tag(stream[0].update(bytes(32)), private, tag)
    return stream[1].update(private)
