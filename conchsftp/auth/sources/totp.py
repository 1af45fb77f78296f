"""
One-time codes that an app shows, a new one every 30 seconds.

Whether a code is right, was used, or is one of too many guesses; who is asked for one is in `conductor.py`. Keeps what
it has to remember in memory: a restart forgets which codes were used in the last 90 seconds, and who was guessing.
Source: RFC 6238, on pyotp.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any

from conchsftp.errors import ServerError
from conchsftp.secret import Secret

STEP_SECONDS = 30
# One step each side: a phone whose clock is half a minute off, a code that was typed while it changed. "We RECOMMEND
# that at most one time step is allowed as the network delay" (RFC 6238, 5.2); each more gives a guess one more chance.
SKEW_STEPS = 1
# A person mistypes a few. Who guesses on has one chance in 300 000 each time, and waits ever longer for the next: in a
# year of days the odds are below 3 %, from however many addresses.
FREE_GUESSES = 5
LONGEST_WAIT_SECONDS = 3600
# Somebody who was wrong yesterday has mistyped.
_FORGET_SECONDS = 86400
_CODE = re.compile(rb"[0-9]{6}")
# Computed with where there is no secret: the time says nothing. 160 bits, nobody's.
_NOBODY = Secret("A" * 32)


@dataclass(slots=True)
class _Guesses:
    """Wrong codes of one user in a row: how many, and until when none is looked at."""

    wrong: int = 0
    wait_until: float = 0.0
    last: float = 0.0


class Codes:
    """
    Judges codes, and remembers what must not count again; one for all connections of a server.

    What it remembers is bounded by the number of secrets that users have.

    Raises:
        ServerError: pyotp is missing.
    """

    def __init__(self) -> None:
        self._code = _generator()
        # Oldest first.
        self._used: OrderedDict[Secret, int] = OrderedDict()
        self._guesses: OrderedDict[Secret, _Guesses] = OrderedDict()

    def judge(self, secret: Secret | None, code: Secret, now: float) -> str:
        """
        Judge a code; a right one is used up by it.

        Args:
            secret: the user's secret in base32; None for who has none: nothing is right. What is remembered is
                remembered of it: a source may know a user by several names, or any spelling of one.
            code: as it was typed; spaces do not matter.
            now: the date, in seconds since 1970.
        Returns:
            Why it is refused, for the log; empty if it is right.
        """
        self._forget(now)
        step = self._step(secret if secret is not None else _NOBODY, code, now)
        if secret is None:
            return "the user has no one-time codes"
        guesses = self._guesses.get(secret)
        # Nobody waits longer: a clock that was ahead has been set right.
        if guesses is not None and now < guesses.wait_until <= now + LONGEST_WAIT_SECONDS:
            # A right one, too: else who guesses would learn of it by the answer.
            return f"too many wrong codes: none is looked at for {guesses.wait_until - now:.0f} s"
        if step is None:
            return self._wrong(secret, now)
        # "The verifier MUST NOT accept the second attempt of the OTP" (RFC 6238, 5.2).
        # Nor an older one: somebody may have read it when it was not sent.
        if step <= self._used.get(secret, -1):
            return "the code was used already, or an older one than the last"
        self._used[secret] = step
        self._used.move_to_end(secret)
        self._guesses.pop(secret, None)
        return ""

    def _step(self, secret: Secret, code: Secret, now: float) -> int | None:
        """Return the time step of a code; None if it is of none that is accepted. Looks at all of them."""
        typed = code.to_bytes().replace(b" ", b"")
        if not _CODE.fullmatch(typed):
            typed = b""
        here = int(now // STEP_SECONDS)
        found = None
        for step in range(max(here - SKEW_STEPS, 0), here + SKEW_STEPS + 1):
            if compare_digest(self._code(secret, step).encode("ascii"), typed):
                found = step
        return found

    def _wrong(self, secret: Secret, now: float) -> str:
        guesses = self._guesses.setdefault(secret, _Guesses())
        self._guesses.move_to_end(secret)
        guesses.wrong += 1
        guesses.last = now
        if guesses.wrong < FREE_GUESSES:
            return "wrong code"
        doubled = min(guesses.wrong - FREE_GUESSES, 16)
        guesses.wait_until = now + min(STEP_SECONDS * 2**doubled, LONGEST_WAIT_SECONDS)
        return f"wrong code, {guesses.wrong} in a row: none is looked at for {guesses.wait_until - now:.0f} s"

    def _forget(self, now: float) -> None:
        """Drop what cannot matter any more: codes that are too old anyway, and guesses of long ago."""
        oldest = now // STEP_SECONDS - SKEW_STEPS
        while self._used and next(iter(self._used.values())) < oldest:
            self._used.popitem(last=False)
        while self._guesses and next(iter(self._guesses.values())).last + _FORGET_SECONDS < now:
            self._guesses.popitem(last=False)


def _generator() -> Callable[[Secret, int], str]:
    """Return what makes the code of a step."""
    try:
        # The only use of it, and most servers have no codes.
        import pyotp
    except ImportError:
        raise ServerError(0, "one-time codes need pyotp: pip install conchsftp[totp]") from None

    def code(secret: Secret, step: int) -> str:
        return pyotp.TOTP(secret.to_bytes().decode("ascii")).generate_otp(step)

    return code


def provisioning_uri(secret: Secret, *, user_name: str, issuer: str) -> str:
    """
    Return what an app reads from a QR code: `otpauth://totp/…`; it holds the secret.

    Args:
        secret: in base32.
        user_name: shown in the app.
        issuer: the name of the service, shown in the app.
    Raises:
        ServerError: pyotp is missing.
    """
    _generator()
    import pyotp

    made: Any = pyotp.TOTP(secret.to_bytes().decode("ascii"))
    uri: str = made.provisioning_uri(name=user_name, issuer_name=issuer)
    return uri
