"""
Groups for Diffie-Hellman: the fixed ones, and those of a moduli file.

Computes public values and secrets; which messages carry them is in `methods.py`. Sources: RFC 3526 and RFC 2409 section
6.2 (the fixed groups), RFC 4419 section 3 (choice by size), RFC 8270 (2048 bits at least), moduli(5) for the file.
"""

import secrets
import warnings
from collections.abc import Iterable, Sequence
from functools import cache
from os import PathLike
from pathlib import Path

from cryptography.utils import CryptographyDeprecationWarning
from twisted.logger import Logger

from conchsftp.errors import ProtocolViolation, ServerError
from conchsftp.ssh.numbers import Reason

with warnings.catch_warnings():
    # Announces that a later release may drop this arithmetic. `Group` does the same without it, ten times slower.
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    from cryptography.hazmat.primitives.asymmetric.dh import DHParameterNumbers, DHPublicNumbers

SMALLEST_BITS = 2048
"""Smaller groups can be broken by those who can pay for it."""
WEAKEST_BITS = 1024
"""What the oldest clients need; for methods that are offered only to who names them."""
LARGEST_BITS = 8192
"""What clients ask for at most; every doubling costs eight times the work, and anybody may ask."""

# Twice the 256 bits that the longest key has: the square root of the work that a search through exponents takes.
_EXPONENT_BITS = 512
# A peer whose value is a small power of 2 knows the secret's structure; an honest one has about half of its bits set.
_FEWEST_BITS_SET = 4
_WINDOW_BITS = 16
# Of the type column of a moduli file: a safe prime. Of its tests column: found composite, or not tested at all.
_SAFE_PRIME = 2
_COMPOSITE = 0x01

# Group number → bits and k of  2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) * pi) + k).  Generators are 2. SSH calls 1
# what RFC 2409 calls the second group; the others have their numbers of RFC 3526.
_FIXED = {
    1: (1024, 129093),
    14: (2048, 124476),
    15: (3072, 1690314),
    16: (4096, 240904),
    17: (6144, 929484),
    18: (8192, 4743158),
}


class Group:
    """
    A prime modulus and a generator, as they stand in a moduli file.

    Its arithmetic is Python's: OpenSSL would first test the prime, for seconds, at every use.
    """

    def __init__(self, prime: int, generator: int) -> None:
        self.prime = prime
        self.generator = generator

    @property
    def bits(self) -> int:
        """The size of the prime."""
        return self.prime.bit_length()

    def agree(self, theirs: int) -> tuple[int, int]:
        """
        Return our public value and the shared secret.

        Args:
            theirs: the peer's public value.
        Raises:
            ProtocolViolation: that value, or the secret, is one that an honest peer never gets.
        """
        # "Values of 'e' or 'f' that are not in the range [1, p-1] MUST NOT be sent or accepted by either side." (RFC
        # 4253, 8) 1 and p-1 themselves make a secret that everybody knows.
        if not 1 < theirs < self.prime - 1 or theirs.bit_count() < _FEWEST_BITS_SET:
            raise ProtocolViolation(Reason.KEY_EXCHANGE_FAILED, "Diffie-Hellman: public value out of range")
        ours, secret = self._compute(theirs)
        if not 1 < secret < self.prime - 1:
            raise ProtocolViolation(Reason.KEY_EXCHANGE_FAILED, "Diffie-Hellman: shared secret out of range")
        return ours, secret

    def _compute(self, theirs: int) -> tuple[int, int]:
        # At most p/4, so that it is below the order of the generator whatever that is.
        exponent = 2 + secrets.randbits(min(_EXPONENT_BITS, self.bits - 2))
        return _power(self.generator, exponent, self.prime), _power(theirs, exponent, self.prime)


class FixedGroup(Group):
    """A group that OpenSSL knows and need not test: its arithmetic is OpenSSL's."""

    def __init__(self, prime: int, generator: int) -> None:
        super().__init__(prime, generator)
        self._numbers = DHParameterNumbers(prime, generator)
        self._parameters = self._numbers.parameters()

    def _compute(self, theirs: int) -> tuple[int, int]:
        private = self._parameters.generate_private_key()
        secret = private.exchange(DHPublicNumbers(theirs, self._numbers).public_key())
        return private.public_key().public_numbers().y, int.from_bytes(secret, "big")


class Groups:
    """
    The groups that a client may get in a group exchange.

    Args:
        groups: those of a moduli file. Where none of them is of the right size, and without a file, the fixed groups
            serve: everybody knows them, but their size protects them, and they are much faster.
    """

    _log = Logger()

    def __init__(self, groups: Iterable[Group] = ()) -> None:
        self.groups = tuple(groups)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Groups":
        """
        Read a moduli file, such as /etc/ssh/moduli. Lines that hold no usable group are skipped.

        Raises:
            ServerError: it cannot be read, or holds no usable group.
        """
        try:
            lines = Path(path).read_text("ascii").splitlines()
        except (OSError, UnicodeDecodeError) as problem:
            raise ServerError(0, f"moduli file {path} cannot be read: {_cause(problem)}") from None
        entries = [line for line in lines if line.strip() and not line.startswith("#")]
        groups = [group for group in map(parse, entries) if group is not None]
        if not groups:
            raise ServerError(0, f"moduli file {path} holds no safe prime of {SMALLEST_BITS} to {LARGEST_BITS} bits")
        cls._log.info("{path}: {usable} of {all} groups are usable", path=path, usable=len(groups), all=len(entries))
        return cls(groups)

    def choose(self, least: int, wanted: int, most: int, *, smallest: int = SMALLEST_BITS) -> Group:
        """
        Return a group of at least the wanted size, as small as possible; if there is none, the largest.

        Args:
            least, wanted, most: sizes in bits, as the client sent them.
            smallest: what a client gets that takes nothing larger; any other gets `SMALLEST_BITS` at least.
        Raises:
            ProtocolViolation: the sizes contradict each other, or no group lies between them.
        """
        if not least <= wanted <= most or most < smallest or least > LARGEST_BITS:
            text = f"group exchange: groups of {least}, {wanted} and {most} bits asked for, "
            raise ProtocolViolation(Reason.KEY_EXCHANGE_FAILED, text + f"{smallest} to {LARGEST_BITS} served")
        floor = SMALLEST_BITS if most >= SMALLEST_BITS else smallest
        own, fixed = (
            [each for each in groups if max(least, floor) <= each.bits <= most]
            for groups in (self.groups, _fixed_groups())
        )
        for groups in (own, fixed):
            large = [each for each in groups if each.bits >= wanted]
            if large:
                return _any(large, min(each.bits for each in large))
        if not own and not fixed:
            raise ProtocolViolation(Reason.KEY_EXCHANGE_FAILED, f"group exchange: no group of {least} to {most} bits")
        size = max(each.bits for each in (*own, *fixed))
        return _any(own if any(each.bits == size for each in own) else fixed, size)


@cache
def fixed_group(number: int) -> Group:
    """Return a group of RFC 3526, by its number there, or what SSH calls group 1."""
    bits, k = _FIXED[number]
    # Computed rather than copied: nothing can be mistyped but k, and with another k it is not a prime.
    prime = 2**bits - 2 ** (bits - 64) - 1 + 2**64 * (_pi(bits - 130) + k)
    return (FixedGroup if bits >= SMALLEST_BITS else Group)(prime, 2)


def parse(line: str) -> Group | None:
    """Return the group of a line of a moduli file; None if there is none, or none that is fit for use."""
    try:
        _, kind, tests, tries, size, generator, modulus = line.split()
        group = Group(int(modulus, 16), int(generator, 16))
        tested = not int(tests) & _COMPOSITE and int(tests) > 0 and int(tries) > 0
        # The file counts bits from 0: a prime of 2048 bits stands there as 2047.
        sound = int(kind) == _SAFE_PRIME and group.bits == int(size) + 1 and group.prime & 1 and group.generator > 1
    except ValueError:
        return None
    return group if tested and sound and SMALLEST_BITS <= group.bits <= LARGEST_BITS else None


def _any(groups: Sequence[Group], bits: int) -> Group:
    """Return one of a size, by chance: whoever attacks one prime shall not get everybody's sessions."""
    return secrets.choice([each for each in groups if each.bits == bits])


def _fixed_groups() -> list[Group]:
    return [fixed_group(number) for number in _FIXED]


def _power(base: int, exponent: int, modulus: int) -> int:
    """
    Return base ** exponent % modulus.

    In steps of a few bits, because `pow` does not give way to other threads: with 8192 bits it would hold up the
    reactor for a tenth of a second even from a thread.
    """
    result = 1
    for shift in range((exponent.bit_length() - 1) // _WINDOW_BITS * _WINDOW_BITS, -1, -_WINDOW_BITS):
        digit = exponent >> shift & (1 << _WINDOW_BITS) - 1
        result = pow(result, 1 << _WINDOW_BITS, modulus) * pow(base, digit, modulus) % modulus
    return result


def _pi(bits: int) -> int:
    """Return the integer part of 2 ** bits * pi, by Machin's formula."""
    guard = 64
    one = 1 << bits + guard
    return 4 * (4 * _arctangent_of_inverse(5, one) - _arctangent_of_inverse(239, one)) >> guard


def _arctangent_of_inverse(x: int, one: int) -> int:
    """Return one * arctan(1 / x), by its series."""
    power = one // x
    total, divisor = power, 1
    while power:
        power //= -x * x
        divisor += 2
        total += power // divisor
    return total


def _cause(problem: OSError | UnicodeDecodeError) -> str:
    return problem.strerror or type(problem).__name__ if isinstance(problem, OSError) else "not ASCII"
