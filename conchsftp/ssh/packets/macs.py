"""
Message authentication codes of packets: the HMAC family.

Makes tags; comparing them, and what of a packet they cover, is the business of `ciphers.py`. Sources: RFC 4253
section 6.4, RFC 6668, OpenSSH's PROTOCOL (encrypt-then-MAC).
"""

from struct import Struct

from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.hmac import HMAC

_SEQUENCE = Struct(">I").pack


class Hmac:
    """
    One direction's HMAC for one key.

    The key is hashed once; each tag starts from a copy. Rejected, because slower for small packets and no faster for
    large ones: hashlib's HMAC, copied or in one call, and two copied hash states.

    Args:
        hash: the hash function.
        key: as long as the hash.
        etm: whether it covers the encrypted packet rather than the plain one.
    """

    __slots__ = ("_keyed", "etm", "size")

    def __init__(self, hash: HashAlgorithm, key: bytes, *, etm: bool = False) -> None:
        self._keyed = HMAC(key, hash)
        self.size = hash.digest_size
        """Bytes of a tag."""
        self.etm = etm

    def tag(self, sequence: int, packet: bytes | bytearray | memoryview) -> bytes:
        """
        Return the tag of a packet.

        Args:
            sequence: the packet's sequence number, below 2**32.
            packet: the bytes that are covered.
        """
        running = self._keyed.copy()
        running.update(_SEQUENCE(sequence))
        running.update(packet)
        return running.finalize()
