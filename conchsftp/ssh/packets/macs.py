"""
Message authentication codes of packets: the HMAC family, and tags cut short.

Makes tags; comparing them, and what of a packet they cover, is the business of `ciphers.py`. UMAC is in `umac.py`.
Sources: RFC 4253 section 6.4, RFC 6668, OpenSSH's PROTOCOL (encrypt-then-MAC).
"""

import hmac
from collections.abc import Callable
from struct import Struct
from typing import Protocol

from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.hmac import HMAC

_SEQUENCE = Struct(">I").pack

Covered = bytes | bytearray | memoryview


class PacketMac(Protocol):
    """
    One direction's code for one key.

    Attributes:
        size: bytes of a tag.
        etm: whether it covers the encrypted packet rather than the plain one.
    """

    size: int
    etm: bool

    def tag(self, sequence: int, packet: Covered) -> bytes:
        """
        Return the tag of a packet.

        Args:
            sequence: the packet's sequence number, below 2**32.
            packet: the bytes that are covered.
        """


class Hmac:
    """
    An HMAC.

    The key is hashed once; each tag starts from a copy. Rejected, because slower for small packets and no faster for
    large ones: hashlib's HMAC, copied or in one call, and two copied hash states.

    Args:
        hash: the hash function.
        key: as long as the hash.
        etm: see `PacketMac`.
    """

    __slots__ = ("_keyed", "etm", "size")

    def __init__(self, hash: HashAlgorithm, key: bytes, *, etm: bool = False) -> None:
        self._keyed = HMAC(key, hash)
        self.size = hash.digest_size
        self.etm = etm

    def tag(self, sequence: int, packet: Covered) -> bytes:
        running = self._keyed.copy()
        running.update(_SEQUENCE(sequence))
        running.update(packet)
        return running.finalize()


class HashlibHmac:
    """
    An HMAC of a hash function that only Python's hashlib has.

    Args:
        hash: its name there; which names there are depends on the OpenSSL of Python.
        key, etm: as of `Hmac`.
    Raises:
        ValueError: this Python has no such hash function.
    """

    __slots__ = ("_keyed", "etm", "size")

    def __init__(self, hash: str, key: bytes, *, etm: bool = False) -> None:
        self._keyed = hmac.new(key, digestmod=hash)
        self.size = self._keyed.digest_size
        self.etm = etm

    def tag(self, sequence: int, packet: Covered) -> bytes:
        running = self._keyed.copy()
        running.update(_SEQUENCE(sequence))
        running.update(packet)
        return running.digest()


class Truncated:
    """The first `size` bytes of another code's tags."""

    __slots__ = ("_tag", "etm", "size")

    def __init__(self, mac: PacketMac, size: int) -> None:
        self._tag = mac.tag
        self.size = size
        self.etm = mac.etm

    def tag(self, sequence: int, packet: Covered) -> bytes:
        return self._tag(sequence, packet)[: self.size]


def truncated(build: Callable[[bytes], PacketMac], size: int, key: bytes) -> PacketMac:
    """Return the code that `build` makes of a key, cut short."""
    return Truncated(build(key), size)
