"""Tests of `conchsftp.ssh.kex.groups`."""

import warnings
from pathlib import Path

from twisted.conch.ssh._kex import _DHGroup14SHA1
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ProtocolViolation, ServerError
from conchsftp.ssh.kex.groups import _FIXED, WEAKEST_BITS, FixedGroup, Group, Groups, _power, fixed_group, parse
from conchsftp.ssh.numbers import Reason


def probably_prime(number: int, bases: tuple[int, ...] = (2, 3)) -> bool:
    """Miller-Rabin."""
    twos = ((number - 1) & -(number - 1)).bit_length() - 1
    odd = number - 1 >> twos
    for base in bases:
        power = pow(base, odd, number)
        if power not in (1, number - 1) and not any(
            (power := power * power % number) == number - 1 for _ in range(twos - 1)
        ):
            return False
    return True


def line(prime: int, *, kind: int = 2, tests: int = 6, tries: int = 100, size: int | None = None, g: str = "2") -> str:
    """Return the line of a moduli file."""
    counted = prime.bit_length() - 1 if size is None else size
    return f"20260101000000 {kind} {tests} {tries} {counted} {g} {prime:X}"


class FixedGroupTests(SynchronousTestCase):
    """The groups of RFC 3526, and the one of RFC 2409 that SSH calls group 1."""

    def test_sizes_and_ends(self) -> None:
        """Each has the size that the RFC gives it, 64 ones at both ends, and generator 2."""
        ones = 2**64 - 1
        for number, (bits, _) in _FIXED.items():
            group = fixed_group(number)
            self.assertEqual((group.bits, group.generator), (bits, 2))
            self.assertEqual((group.prime >> bits - 64, group.prime & ones), (ones, ones))

    def test_group_14(self) -> None:
        """Group 14 is the prime that Conch has."""
        self.assertEqual(fixed_group(14).prime, _DHGroup14SHA1.prime)

    def test_group_1(self) -> None:
        """Group 1 is the prime of 1024 bits in RFC 2409, 6.2, which is safe: (p - 1) / 2 is prime as well."""
        prime = fixed_group(1).prime
        self.assertEqual(prime.bit_length(), 1024)
        self.assertEqual(prime >> 64 & 2**64 - 1, 0x1FE649286651ECE65381 & 2**64 - 1)
        self.assertTrue(probably_prime(prime))
        self.assertTrue(probably_prime(prime >> 1))

    def test_rfc_3526_digits(self) -> None:
        """The beginning, and the end before the ones, are those printed in RFC 3526."""
        ends = {14: 0x15728E5A8AACAA68, 15: 0x4B82D120A93AD2CA, 16: 0x4DF435C934063199, 18: 0x60C980DD98EDD3DF}
        for number, end in ends.items():
            prime = fixed_group(number).prime
            self.assertEqual(prime >> 64 & 2**64 - 1, end)
            self.assertEqual(prime >> prime.bit_length() - 192 & 2**128 - 1, 0xC90FDAA22168C234C4C6628B80DC1CD1)

    def test_safe_primes(self) -> None:
        """They are safe primes: (p - 1) / 2 is prime as well. (The two largest take seconds: see the next test.)"""
        for number in (14, 15, 16):
            prime = fixed_group(number).prime
            self.assertTrue(probably_prime(prime))
            self.assertTrue(probably_prime(prime >> 1))

    def test_known_to_openssl(self) -> None:
        """OpenSSL has all but the smallest in its own table: only there it uses exponents this short."""
        for number in set(_FIXED) - {1}:
            group = fixed_group(number)
            assert isinstance(group, FixedGroup)
            private = group._parameters.generate_private_key()
            self.assertLess(private.private_numbers().x.bit_length(), 512)

    def test_no_warning(self) -> None:
        """Using them does not tell users that a library has plans."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fixed_group(14).agree(2**1000 - 1)
        self.assertEqual(caught, [])


class AgreementTests(SynchronousTestCase):
    """Public values and secrets, of both kinds of arithmetic."""

    groups = (fixed_group(14), Group(fixed_group(14).prime, 5), Group(fixed_group(15).prime, 2))

    def test_both_sides_agree(self) -> None:
        """The peer, who computes with its own exponent, gets the same secret."""
        exponent = 3**200
        for group in self.groups:
            ours, secret = group.agree(pow(group.generator, exponent, group.prime))
            self.assertEqual(pow(ours, exponent, group.prime), secret)

    def test_fresh(self) -> None:
        """Each agreement has an exponent of its own, of at least 200 bits."""
        for group in self.groups:
            values = {group.agree(2**1000 - 1)[0] for _ in range(3)}
            self.assertEqual(len(values), 3)
            self.assertTrue(all(value.bit_length() > group.bits - 100 for value in values))

    def test_range(self) -> None:
        """A public value is above 1 and below p - 1, else anybody could know the secret."""
        for group in self.groups:
            for value in (-5, 0, 1, group.prime - 1, group.prime, group.prime + 2**1000 - 1, 2**9000):
                violation = self.assertRaises(ProtocolViolation, group.agree, value)
                self.assertEqual(violation.reason, Reason.KEY_EXCHANGE_FAILED)
            group.agree(group.prime - 2)

    def test_bits_set(self) -> None:
        """A public value has at least four bits set, as OpenSSH demands."""
        for group in self.groups:
            self.assertRaises(ProtocolViolation, group.agree, 7 << 1000)
            group.agree(15 << 1000)

    def test_secret_range(self) -> None:
        """A secret of 1 or p - 1 is refused: the peer's value was in a tiny subgroup."""
        prime = fixed_group(14).prime
        for secret in (0, 1, prime - 1):
            group = Group(prime, 2)
            self.patch(group, "_compute", lambda theirs, secret=secret: (5, secret))
            self.assertRaises(ProtocolViolation, group.agree, 15)

    def test_power(self) -> None:
        """Computing in steps gives what `pow` gives, for exponents around the ends of the steps."""
        modulus = 2**521 - 1
        for exponent in (0, 1, 2, 2**16 - 1, 2**16, 2**16 + 1, 2**32 - 1, 2**32, 3**100):
            self.assertEqual(_power(7, exponent, modulus), pow(7, exponent, modulus))


class ChoiceTests(SynchronousTestCase):
    """Which group a client gets (RFC 4419)."""

    def bits(self, least: int, wanted: int, most: int, groups: Groups | None = None) -> int:
        """Return the size of the group chosen."""
        return (groups or Groups()).choose(least, wanted, most).bits

    def test_smallest_that_is_large_enough(self) -> None:
        """The group is at least as large as wanted, and no larger than it must be."""
        self.assertEqual(self.bits(2048, 2048, 8192), 2048)
        self.assertEqual(self.bits(2048, 2049, 8192), 3072)
        self.assertEqual(self.bits(1024, 4096, 8192), 4096)
        self.assertEqual(self.bits(2048, 8192, 8192), 8192)

    def test_else_the_largest(self) -> None:
        """Where none is as large as wanted, the largest that the client takes."""
        self.assertEqual(self.bits(2048, 5000, 5000), 4096)
        self.assertEqual(self.bits(2048, 16384, 16384), 8192)

    def test_never_below_2048(self) -> None:
        """A client that asks for a small group gets one of 2048 bits, or nothing."""
        self.assertEqual(self.bits(1024, 1024, 8192), 2048)
        self.assertEqual(self.bits(512, 1024, 2048), 2048)
        self.assertRaises(ProtocolViolation, self.bits, 1024, 1024, 2047)

    def test_weakest(self) -> None:
        """Where smaller ones are allowed, only who takes nothing larger gets them; the limits are exact."""

        def bits(*sizes: int) -> int:
            return Groups().choose(*sizes, smallest=WEAKEST_BITS).bits

        self.assertEqual(bits(1024, 1024, 1024), 1024)
        self.assertEqual(bits(1, 2, 2047), 1024)
        self.assertEqual(bits(1024, 1024, 2048), 2048)
        for sizes in ((1023, 1023, 1023), (1025, 1025, 2047), (1024, 1023, 1024)):
            self.assertRaises(ProtocolViolation, bits, *sizes)

    def test_contradictions(self) -> None:
        """Sizes out of order, or without a group between them, end the connection."""
        for sizes in ((3072, 2048, 8192), (2048, 8192, 4096), (4096, 3072, 2048), (8193, 9000, 16384)):
            violation = self.assertRaises(ProtocolViolation, self.bits, *sizes)
            self.assertEqual(violation.reason, Reason.KEY_EXCHANGE_FAILED)
        self.assertRaises(ProtocolViolation, self.bits, 2100, 2200, 3000)
        self.assertRaises(ProtocolViolation, self.bits, 0, 0, 0)

    def test_file_before_fixed(self) -> None:
        """Groups of a file are preferred; a fixed one serves where the file has none of the right size."""
        own = Group(2**2048 - 1, 2)
        groups = Groups([own])
        self.assertIs(groups.choose(2048, 2048, 8192), own)
        self.assertEqual(groups.choose(3072, 3072, 8192), fixed_group(15))

    def test_file_of_small_groups(self) -> None:
        """Who wants a larger group than the file has gets a fixed one; the largest of both where neither has one."""
        own = Group(2**3072 - 1, 2)
        groups = Groups([own])
        self.assertEqual(groups.choose(2048, 7680, 8192), fixed_group(18))
        self.assertIs(groups.choose(2048, 2048, 8192), own)
        self.assertEqual(groups.choose(2048, 5000, 5000), fixed_group(16))
        self.assertIs(groups.choose(2048, 4000, 4000), own)
        self.assertIs(Groups([Group(2**5000 - 1, 2), own]).choose(2048, 3000, 8192), own)

    def test_any_of_a_size(self) -> None:
        """Among groups of one size, chance decides."""
        groups = Groups(Group(2**2048 - number, 2) for number in (1, 3))
        self.assertEqual(len({groups.choose(2048, 2048, 2048).prime for _ in range(64)}), 2)


class FileTests(SynchronousTestCase):
    """Moduli files."""

    prime = fixed_group(14).prime

    def write(self, *lines: str) -> str:
        """Return the path of a file with these lines."""
        path = self.mktemp()
        Path(path).write_text("".join(f"{each}\n" for each in lines))
        return path

    def test_usable_line(self) -> None:
        """A line gives a prime and a generator in hexadecimal."""
        group = parse(line(self.prime, g="B"))
        assert group is not None
        self.assertEqual((group.prime, group.generator), (self.prime, 11))

    def test_unfit_lines(self) -> None:
        """What is no safe prime, was not tested, was found composite, has another size, or is too small is skipped."""
        unfit = {
            "no safe prime": line(self.prime, kind=5),
            "composite": line(self.prime, tests=7),
            "not tested": line(self.prime, tests=0),
            "never tried": line(self.prime, tries=0),
            "another size": line(self.prime, size=2048),
            "even": line(self.prime - 1),
            "generator 1": line(self.prime, g="1"),
            "too small": line(2**2047 - 1),
            "too large": line(2**8193 - 1),
            "not numbers": "20260101000000 2 6 100 2047 2 prime",
            "too few columns": "20260101000000 2 6 100 2047 2",
            "too many columns": line(self.prime) + " 1",
            "empty": "",
        }
        for why, each in unfit.items():
            self.assertIsNone(parse(each), why)

    def test_sizes_at_the_ends(self) -> None:
        """2048 and 8192 bits are served."""
        for bits in (2048, 8192):
            self.assertIsNotNone(parse(line(2**bits - 1)))

    def test_load(self) -> None:
        """Comments and unfit lines are skipped; what is left is served."""
        lines = "# Time Type Tests Tries Size Generator Modulus", "", line(self.prime), line(self.prime, tests=1)
        path = self.write(*lines)
        self.assertEqual([group.prime for group in Groups.load(path).groups], [self.prime])

    def test_nothing_usable(self) -> None:
        """A file without a usable group is the operator's mistake, and said so."""
        error = self.assertRaises(ServerError, Groups.load, self.write("# nothing", line(self.prime, kind=4)))
        self.assertIn("no safe prime", str(error))

    def test_unreadable(self) -> None:
        """So is one that is missing or no text."""
        self.assertIn("No such file", str(self.assertRaises(ServerError, Groups.load, self.mktemp())))
        path = self.mktemp()
        Path(path).write_bytes(b"\xff\xfe")
        self.assertIn("not ASCII", str(self.assertRaises(ServerError, Groups.load, path)))
