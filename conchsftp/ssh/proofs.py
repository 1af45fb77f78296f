"""
The host keys that clients are told of once they have logged in, and the proofs that the server has them.

OpenSSH's clients learn new keys so, and forget old ones: a key can be replaced long after everybody knows the next one.
Sends nothing. Source: OpenSSH's PROTOCOL, section 2.5.
"""

from collections.abc import Iterable, Sequence

from conchsftp.ssh.algorithms.registry import HostKeyRow, bare_key
from conchsftp.ssh.algorithms.signatures import HOST_KEYS
from conchsftp.ssh.keys.host_keys import HostKey, HostKeys
from conchsftp.wire.kinds import BYTES

ANNOUNCED = b"hostkeys-00@openssh.com"
"""The request that tells a client of the keys."""
PROVE = b"hostkeys-prove-00@openssh.com"
"""The request with which it asks for proofs, and what each proof begins with."""

_BARE = frozenset(row.name for row in HOST_KEYS if row.blob is bare_key)


class HostKeyProofs:
    """
    The host keys of one connection.

    Args:
        keys: all keys that it could have begun with.
        offered: the algorithms that the settings let them sign with.
        negotiated: what the client's last key exchange was signed with.
        session_id: of the connection.
    """

    def __init__(
        self, keys: HostKeys, offered: Sequence[HostKeyRow], negotiated: HostKeyRow, session_id: bytes
    ) -> None:
        self._session_id = session_id
        # "For RSA keys, the signature algorithm of the key exchange is used if that was RSA": a client checks it.
        rows = (negotiated, *offered)
        self._keys: dict[bytes, tuple[HostKey, str]] = {}
        for key in keys.keys:
            algorithm = _algorithm(key, rows)
            if algorithm:
                self._keys.setdefault(key.blob, (key, algorithm))
        self._made: dict[bytes, bytes] = {}

    @property
    def blobs(self) -> tuple[bytes, ...]:
        """The keys, as they are sent. One for which the settings have no algorithm is left out."""
        return tuple(self._keys)

    def asked(self, blobs: Sequence[bytes]) -> bool:
        """Return whether these may be proven: each is one of `blobs`, none is there twice, and there is one at all."""
        return bool(blobs) and len(set(blobs)) == len(blobs) and all(blob in self._keys for blob in blobs)

    def made(self, blobs: Iterable[bytes]) -> bool:
        """Return whether nothing is left to be computed for these: what was signed once is not signed again."""
        return all(blob in self._made for blob in blobs)

    def sign(self, blobs: Iterable[bytes]) -> bytes:
        """Return the proofs, one after the other, as they are sent; computes, mostly for milliseconds."""
        return b"".join(BYTES.pack(self._proof(blob)) for blob in blobs)

    def _proof(self, blob: bytes) -> bytes:
        if blob not in self._made:
            key, algorithm = self._keys[blob]
            self._made[blob] = key.sign(algorithm, b"".join(map(BYTES.pack, (PROVE, self._session_id, blob))))
        return self._made[blob]


def _algorithm(key: HostKey, rows: Iterable[HostKeyRow]) -> str:
    """Return the first algorithm of these that signs with the bare key; empty if there is none."""
    names = (row.signature or row.name for row in rows if row.key == key.type)
    return next((name for name in names if name in _BARE and name in key.algorithms), "")
