"""
Ciphers that encrypt in place and authenticate nothing: one function for each mode of operation.

Knows bytes and blocks, no packets; what of a packet is encrypted is the business of `ciphers.py`. State goes on from
one call to the next, as chained vectors and counters must. Sources: RFC 4253 section 6.3 (CBC, arcfour), RFC 4344
section 4 (counter mode), RFC 4345 (arcfour128, arcfour256).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, modes

InPlace = Callable[[memoryview, memoryview], Any]
"""Takes what to read and where to write: the same bytes twice, whole blocks of them."""

_LEAST_BLOCK = 8
_WORD = 64


@dataclass(frozen=True, slots=True)
class Transform:
    """
    Both directions of a cipher for one key; whoever holds it uses one of them.

    Attributes:
        encrypt, decrypt: one after the other, the parts of the stream.
        block: what the parts are multiples of, in bytes; at least 8 (RFC 4253, 6).
    """

    encrypt: InPlace
    decrypt: InPlace
    block: int


def ctr(algorithm: Callable[[bytes], BlockCipherAlgorithm], key: bytes, iv: bytes) -> Transform:
    """Return a cipher in counter mode, where the library has that."""
    # In counter mode both directions are the same operation.
    run = Cipher(algorithm(key), modes.CTR(iv)).encryptor().update_into
    return Transform(run, run, len(iv))


def ctr_of_ecb(algorithm: Callable[[bytes], BlockCipherAlgorithm], key: bytes, iv: bytes) -> Transform:
    """Return a cipher with blocks of 64 bits in counter mode, which the library does not have for them."""
    run = _Counter(Cipher(algorithm(key), modes.ECB()).encryptor().update, iv)
    return Transform(run, run, len(iv))


def cbc(algorithm: Callable[[bytes], BlockCipherAlgorithm], key: bytes, iv: bytes) -> Transform:
    """Return a cipher that chains blocks, each part to the last block of the one before it."""
    cipher = Cipher(algorithm(key), modes.CBC(iv))
    return Transform(_copied(cipher.encryptor().update), _copied(cipher.decryptor().update), len(iv))


def arcfour(key: bytes, iv: bytes = b"", *, skip: int = 0) -> Transform:
    """Return the stream cipher without the first `skip` bytes of its stream, which tell much of the key."""
    stream = Cipher(ARC4(key), None).encryptor()
    stream.update(bytes(skip))
    return Transform(stream.update_into, stream.update_into, _LEAST_BLOCK)


def _copied(update: Callable[[memoryview], bytes]) -> InPlace:
    # Into the same place it would write only with room for a block more, which a packet does not have behind it. The
    # copy costs a tenth of the fastest of these ciphers.
    def run(source: memoryview, target: memoryview) -> None:
        target[:] = update(source)

    return run


class _Counter:
    """
    Counter mode: one call of the library for each part.

    The counters of all blocks are made as one integer, and so is the XOR: a step for each block would take longer than
    the cipher.
    """

    def __init__(self, encrypt: Callable[[bytes], bytes], iv: bytes) -> None:
        self._encrypt = encrypt
        self._next = int.from_bytes(iv, "big")
        self._ones = 0
        """A one for each block of the largest part so far."""
        self._steps = 0
        """0, 1, 2 and so on for the same blocks, the first in the highest place."""
        self._blocks = 0

    def __call__(self, source: memoryview, target: memoryview) -> None:
        size = source.nbytes
        blocks = size // _LEAST_BLOCK
        if blocks > self._blocks:
            self._grow(blocks)
        first, past = self._next, (self._next + blocks) % 2**_WORD
        self._next = past
        if past < first and past:
            # It wraps, once in 2**64 blocks at most.
            counters = b"".join(((first + at) % 2**_WORD).to_bytes(8, "big") for at in range(blocks))
        else:
            spare = (self._blocks - blocks) * _WORD
            counters = (first * (self._ones >> spare) + (self._steps >> spare)).to_bytes(size, "big")
        stream = int.from_bytes(self._encrypt(counters), "big")
        target[:] = (int.from_bytes(source, "big") ^ stream).to_bytes(size, "big")

    def _grow(self, blocks: int) -> None:
        self._ones = int.from_bytes((b"\0" * 7 + b"\1") * blocks, "big")
        self._steps = int.from_bytes(b"".join(at.to_bytes(8, "big") for at in range(blocks)), "big")
        self._blocks = blocks
