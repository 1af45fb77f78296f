"""
One-time codes: which are right, which are used up, and how often may be guessed (RFC 6238).
"""

import sys
from base64 import b32encode

import pyotp
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.sources.totp import FREE_GUESSES, LONGEST_WAIT_SECONDS, STEP_SECONDS, Codes, provisioning_uri
from conchsftp.errors import ServerError
from conchsftp.secret import Secret

# RFC 6238, appendix B: the secret of the examples with SHA-1, times, and the last six of their eight digits.
SECRET = Secret(b32encode(b"12345678901234567890").decode())
VECTORS = {
    59: b"287082",
    1111111109: b"081804",
    1111111111: b"050471",
    1234567890: b"005924",
    2000000000: b"279037",
    20000000000: b"353130",
}
NOW = 1_800_000_000.0
OTHER = Secret("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")


def code(seconds: float, secret: Secret = SECRET) -> Secret:
    """The code that an app shows at this time."""
    return Secret(pyotp.TOTP(secret.to_bytes().decode()).at(int(seconds)))


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.codes = Codes()

    def right(self, typed: Secret | bytes, now: float = NOW, *, secret: Secret = SECRET) -> bool:
        return not self.codes.judge(secret, Secret(typed), now)

    def right_at_first(self, typed: Secret | bytes, now: float = NOW) -> bool:
        """Whether a code is right before any other was shown."""
        self.codes = Codes()
        return self.right(typed, now)


class RightTests(Case):
    def test_vectors(self) -> None:
        """The codes of the standard's examples (RFC 6238, appendix B)."""
        for now, typed in VECTORS.items():
            self.assertTrue(self.right_at_first(typed, now), now)

    def test_window(self) -> None:
        """One step before and one after are right, whenever in a step it is; two are not."""
        for now in (NOW, NOW + STEP_SECONDS - 0.001):
            for steps, right in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
                typed = code(NOW + steps * STEP_SECONDS)
                self.assertEqual(self.right_at_first(typed, now), right, (now, steps))

    def test_beginning_of_time(self) -> None:
        """A clock that was never set is no reason to fail."""
        self.assertTrue(self.right(code(0), 0.0))

    def test_as_typed(self) -> None:
        """Spaces are as people read it out; anything else than six ASCII digits is wrong."""
        typed = code(NOW).to_bytes()
        for good in (typed[:3] + b" " + typed[3:], b" " + typed + b" "):
            self.assertTrue(self.right_at_first(good))
        arabic = "".join(chr(0x660 + digit - 0x30) for digit in typed).encode()
        wrong = (
            b"",
            typed[:5],
            typed + b"0",
            typed[:3] + b"-" + typed[3:],
            typed + b"\n",
            b"\0" + typed,
            arabic,
            b"+" + typed[1:],
        )
        for bad in wrong:
            self.assertFalse(self.right_at_first(bad), bad)

    @given(st.binary(max_size=12))
    def test_anything(self, typed: bytes) -> None:
        """Whatever is typed is right only if it is one of the three codes."""
        near = {code(NOW + steps * STEP_SECONDS).to_bytes() for steps in (-1, 0, 1)}
        self.assertEqual(not Codes().judge(SECRET, Secret(typed), NOW), typed.replace(b" ", b"") in near)

    def test_nobody(self) -> None:
        """Who has no secret has no right code, not even that of the stand-in; and nothing is remembered of them."""
        for typed in (code(NOW), code(NOW, Secret("A" * 32)), b"000000"):
            for _ in range(FREE_GUESSES + 1):
                self.assertIn("no one-time codes", self.codes.judge(None, Secret(typed), NOW))
        self.assertTrue(self.right(code(NOW)))

    def test_other_secret(self) -> None:
        """The code of another user is wrong."""
        self.assertFalse(self.right(code(NOW, OTHER)))


class ReplayTests(Case):
    def test_once(self) -> None:
        """A code is right once for its user, for as long as it would be right."""
        self.assertTrue(self.right(code(NOW)))
        for now in (NOW, NOW + 29, NOW + 59):
            self.assertFalse(self.right(code(NOW), now))
        self.assertIn("used", self.codes.judge(SECRET, code(NOW), NOW))

    def test_older(self) -> None:
        """Nor is an older one that was not used: somebody may have read it. The next is."""
        self.assertTrue(self.right(code(NOW)))
        self.assertFalse(self.right(code(NOW - STEP_SECONDS)))
        self.assertTrue(self.right(code(NOW + STEP_SECONDS)))

    def test_other_user(self) -> None:
        """What one user has used does not keep out another, who has a secret of their own."""
        self.assertTrue(self.right(code(NOW)))
        self.assertTrue(self.right(code(NOW, OTHER), secret=OTHER))

    def test_no_guess(self) -> None:
        """Two logins with one code are no guesses: the next code is right, after however many."""
        self.assertTrue(self.right(code(NOW)))
        for _ in range(FREE_GUESSES + 1):
            self.assertFalse(self.right(code(NOW)))
        self.assertTrue(self.right(code(NOW + STEP_SECONDS), NOW + STEP_SECONDS))

    def test_memory(self) -> None:
        """What cannot be used again anyway is forgotten."""
        for number in range(100):
            secret = Secret(f"{number:A>32}".translate(str.maketrans("0189", "GHIJ")))
            self.assertTrue(self.right(code(NOW, secret), secret=secret))
        later = NOW + 3 * STEP_SECONDS
        self.right(code(later), later)
        self.assertEqual(len(self.codes._used), 1)


class GuessTests(Case):
    def guess(self, times: int, now: float = NOW) -> None:
        for _ in range(times):
            self.assertFalse(self.right(b"", now))

    def test_free(self) -> None:
        """Who mistypes a few times is let in with the right code, and begins anew then."""
        for now in (NOW, NOW + STEP_SECONDS):
            self.guess(FREE_GUESSES - 1, now)
            self.assertTrue(self.right(code(now), now))

    def test_too_many(self) -> None:
        """After that no code is looked at for a step, not even the right one; then it is."""
        self.guess(FREE_GUESSES)
        for now in (NOW, NOW + STEP_SECONDS - 0.1):
            self.assertFalse(self.right(code(now), now))
        self.assertTrue(self.right(code(NOW + STEP_SECONDS), NOW + STEP_SECONDS))

    def test_longer_and_longer(self) -> None:
        """Who guesses on waits twice as long each time, up to an hour: in a day there are a few dozen guesses."""
        self.guess(FREE_GUESSES)
        now, guesses = NOW, FREE_GUESSES
        while now < NOW + 86400:
            now += STEP_SECONDS
            before = self.codes._guesses[SECRET].wrong
            self.right(b"", now)
            guesses += self.codes._guesses[SECRET].wrong - before
        self.assertLess(guesses, FREE_GUESSES + 40)
        self.assertLessEqual(self.codes._guesses[SECRET].wait_until - now, LONGEST_WAIT_SECONDS)

    def test_clock_set_back(self) -> None:
        """A clock that was a year ahead when somebody guessed keeps nobody out for a year; guesses still count."""
        self.guess(FREE_GUESSES, NOW + 365 * 86400)
        self.guess(1)
        self.assertFalse(self.right(code(NOW)))
        later = NOW + 4 * STEP_SECONDS
        self.assertTrue(self.right(code(later), later))

    def test_other_user(self) -> None:
        """The guesses at one user's code do not keep another out."""
        self.guess(FREE_GUESSES)
        self.assertTrue(self.right(code(NOW, OTHER), secret=OTHER))

    def test_forgotten(self) -> None:
        """Wrong codes of yesterday are forgotten, and take no memory."""
        self.guess(FREE_GUESSES - 1)
        tomorrow = NOW + 86401
        self.right(code(tomorrow, OTHER), tomorrow, secret=OTHER)
        self.assertEqual(len(self.codes._guesses), 0)
        self.guess(1, tomorrow)
        self.assertTrue(self.right(code(tomorrow), tomorrow))


class AppTests(SynchronousTestCase):
    def test_uri(self) -> None:
        """What an app reads: the secret, the service and the user."""
        uri = provisioning_uri(OTHER, user_name="alice smith", issuer="files")
        self.assertTrue(uri.startswith("otpauth://totp/files:alice%20smith?"))
        self.assertEqual(pyotp.parse_uri(uri).secret, OTHER.reveal())

    def test_missing(self) -> None:
        """Without pyotp the message names what to install."""
        self.addCleanup(sys.modules.__setitem__, "pyotp", pyotp)
        sys.modules["pyotp"] = None  # type: ignore[assignment]
        for use in (Codes, lambda: provisioning_uri(OTHER, user_name="alice", issuer="files")):
            self.assertIn("pip install conchsftp[totp]", str(self.assertRaises(ServerError, use)))
