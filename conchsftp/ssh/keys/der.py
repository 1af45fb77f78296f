"""
How much work a key in DER asks for, before anybody has to do it.

A store names how often its password is hashed, and can name billions: that would stop the whole process, for the
library hashes without letting other threads run. Reads the structure of DER and BER, and no value but such numbers;
what is inside of something encrypted cannot be seen. Sources: X.690; RFC 8018 appendix A, RFC 7292, RFC 7914 section 7.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import prod

from conchsftp.ssh.keys.unusable import Unusable

MOST_ROUNDS = 5_000_000
"""Two to five seconds. OpenSSL's own choice is 2,048 rounds, Java's 10,000, Firefox' 600,000."""
_MOST_PARTS = 100_000
_DEEPEST = 32
# As OpenSSH has it for RSA. To look whether longer numbers are primes takes hours.
_LONGEST_NUMBER = 16384 // 8 + 1
_INTEGER, _OCTETS, _SEQUENCE, _CONSTRUCTED = 0x02, 0x04, 0x10, 0x20
_LONG_TAG, _EXPLICIT = 0x1F, 0xA0
# 1.2.840.113549.1.12.10.1.2
_SHROUDED = bytes.fromhex("2a864886f70d010c0a0102")
# scrypt: for each of N * r * p it does about as much as two rounds of HMAC do.
_SCRYPT_ROUNDS = 2


class _NoDER(Exception):
    """It is not DER, and not BER."""


@dataclass(slots=True)
class _Part:
    tag: int
    body: bytes = b""
    parts: "list[_Part]" = field(default_factory=list)


def check_work(contents: Iterable[bytes]) -> None:
    """
    Raise `Unusable` if keys ask for more work than any program does.

    Args:
        contents: keys and key stores in DER or BER, that are opened one after the other.
    """
    rounds = 0
    for data in contents:
        try:
            rounds += sum(map(_rounds, _all(data)))
        except (_NoDER, IndexError):
            raise Unusable("it is no undamaged key or key store in PEM or DER") from None
        if rounds > MOST_ROUNDS:
            raise Unusable(f"its password would have to be hashed more than {MOST_ROUNDS} times")


def locked_keys(data: bytes) -> list[bytes]:
    """Return every encrypted private key that stands in the open in a PKCS#12 store, as PKCS#8 in DER."""
    return [_written(part.parts[1].parts[0]) for part in _all(data) if _is_bag(part)]


def _is_bag(part: _Part) -> bool:
    """Return whether a part is a PKCS8ShroudedKeyBag: its name, and the key in a tag of its own (RFC 7292, 4.2.2)."""
    if len(part.parts) < 2 or part.parts[0].body != _SHROUDED:
        return False
    return part.parts[1].tag == _EXPLICIT and len(part.parts[1].parts) == 1


def _written(part: _Part) -> bytes:
    """Return a part in DER."""
    body = b"".join(map(_written, part.parts)) if part.tag & _CONSTRUCTED else part.body
    size = len(body)
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((part.tag, size) if size < 0x80 else (part.tag, 0x80 + len(digits), *digits)) + body


def _all(data: bytes) -> Iterator[_Part]:
    """Return every part, also those that stand inside of octet strings."""
    budget = [_MOST_PARTS]
    left = _Reader(data, budget).parts(len(data), 0)
    depths = [0] * len(left)
    while left:
        part, depth = left.pop(), depths.pop()
        yield part
        inside = part.parts
        if part.tag & ~_CONSTRUCTED == _OCTETS:
            inside = _inside(part, budget) if depth < _DEEPEST else []
        left += inside
        depths += [depth + 1] * len(inside)


def _inside(part: _Part, budget: list[int]) -> list[_Part]:
    """Return what an octet string holds, if that is DER; it need not be."""
    # BER may cut a string into pieces.
    data = b"".join(each.body for each in part.parts) or part.body
    if data[:1] != bytes((_SEQUENCE | _CONSTRUCTED,)):
        return []
    try:
        return _Reader(data, budget).parts(len(data), 0)
    except (_NoDER, IndexError):
        if budget[0] <= 0:
            raise
        return []


def _rounds(part: _Part) -> int:
    """Return how much work a part asks for: everywhere the number stands behind the salt."""
    if part.tag == _INTEGER and len(part.body) > _LONGEST_NUMBER:
        raise Unusable("it has longer numbers than keys have")
    if part.tag & ~_CONSTRUCTED != _SEQUENCE:
        return 0
    tags = [each.tag & ~_CONSTRUCTED for each in part.parts]
    if tags[:2] == [_OCTETS, _INTEGER]:
        numbers = [_number(each) for each in part.parts[1:4]]
        return prod(numbers) * _SCRYPT_ROUNDS if tags[1:4] == [_INTEGER] * 3 else numbers[0]
    # The code of PKCS#12: its hash, a salt, a number.
    return _number(part.parts[2]) if tags == [_SEQUENCE, _OCTETS, _INTEGER] else 0


def _number(part: _Part) -> int:
    return int.from_bytes(part.body[:_LONGEST_NUMBER], "big")


class _Reader:
    """Reads one part after the other."""

    def __init__(self, data: bytes, budget: list[int]) -> None:
        self._data = data
        self._budget = budget
        self._at = 0

    def parts(self, end: int, depth: int, *, open_end: bool = False) -> list[_Part]:
        """Return the parts up to an end, or up to the mark that stands for it."""
        if depth > _DEEPEST:
            raise _NoDER
        found: list[_Part] = []
        while self._at < end:
            if open_end and self._data[self._at : self._at + 2] == b"\0\0":
                self._at += 2
                return found
            found.append(self._part(end, depth))
        if open_end:
            raise _NoDER
        return found

    def _part(self, end: int, depth: int) -> _Part:
        self._budget[0] -= 1
        if self._budget[0] < 0:
            raise _NoDER
        tag = self._byte()
        if tag & _LONG_TAG == _LONG_TAG:
            while self._byte() & 0x80:
                pass
        length = self._byte()
        if length == 0x80:
            if not tag & _CONSTRUCTED:
                raise _NoDER
            return _Part(tag, parts=self.parts(end, depth + 1, open_end=True))
        if length > 0x80:
            length = int.from_bytes(bytes(self._byte() for _ in range(length - 0x80)), "big")
        start, stop = self._at, self._at + length
        if stop > end:
            raise _NoDER
        if tag & _CONSTRUCTED:
            return _Part(tag, parts=self.parts(stop, depth + 1))
        self._at = stop
        return _Part(tag, self._data[start:stop])

    def _byte(self) -> int:
        byte = self._data[self._at]
        self._at += 1
        return byte
