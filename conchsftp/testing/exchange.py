"""
The client's side of a key exchange: its value, the secret, the keys.

One method only, written from RFC 8731 and RFC 4253 section 7.2, so that it owes the server's side nothing. Does not
check the signature of the host key; a test that cares has all that it needs.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from conchsftp.wire.kinds import BYTES, MPINT
from conchsftp.wire.reader import Reader


class X25519Exchange:
    """
    One curve25519-sha256.

    Attributes:
        first: number and payload of the client's first message.
        host_key, signature: what the server sent.
        secret: encoded as it is hashed.
        hashed: what the method adds to the exchange hash before the secret.
    """

    name = "curve25519-sha256"
    hash: Callable[[bytes], Any] = staticmethod(sha256)

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()
        self._ours = self._private.public_key().public_bytes_raw()
        self.first = 30, BYTES.pack(self._ours)
        self.host_key = self.signature = self.secret = self.hashed = b""

    def take(self, number: int, payload: bytes) -> tuple[int, bytes] | None:
        """Take a message of the server; return what answers it, or None when that was the last."""
        reader = Reader(payload)
        self.host_key, theirs, self.signature = reader.string(), reader.string(), reader.string()
        secret = self._private.exchange(X25519PublicKey.from_public_bytes(theirs))
        self.secret = MPINT.pack(int.from_bytes(secret, "big"))
        self.hashed = BYTES.pack(self._ours) + BYTES.pack(theirs)
        return None


class Keys:
    """
    The keys that an exchange leads to.

    Args:
        exchange: it is over.
        lines: both versions and both KEXINITs, the client's first.
        session_id: that of the connection; empty in its first exchange, which makes it.
    """

    def __init__(self, exchange: X25519Exchange, lines: tuple[bytes, ...], session_id: bytes) -> None:
        self._hash = exchange.hash
        covered = b"".join(map(BYTES.pack, (*lines, exchange.host_key))) + exchange.hashed + exchange.secret
        self.exchange_hash = self._hash(covered).digest()
        self.session_id = session_id or self.exchange_hash
        self._common = exchange.secret + self.exchange_hash

    def derive(self, letter: bytes, size: int) -> bytes:
        """Return the key or initial vector that a letter, A to F, stands for."""
        key = b""
        while len(key) < size:
            key += self._hash(self._common + (key or letter + self.session_id)).digest()
        return key[:size]

    def cipher(self, row: Any, mac: Any, letters: bytes) -> Any:
        """Return the protection of one direction; `letters` stand for its vector, its key and that of its MAC."""
        vector, key, integrity = (letters[at : at + 1] for at in range(3))
        built = mac.build(self.derive(integrity, mac.key)) if mac is not None else None
        return row.build(self.derive(key, row.key), self.derive(vector, row.iv), built)
