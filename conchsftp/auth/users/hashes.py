"""
bcrypt: whether a password is the one that was hashed.

The same work is done whatever is wrong, so that its time says nothing. Blocks; whoever asks does so in a thread. Knows
neither users nor files.
"""

import os
import re
from collections.abc import Callable

import bcrypt

from conchsftp.secret import Secret

# bcrypt looks at no more than 72 bytes; what comes after them would not protect anything.
LONGEST_PASSWORD_BYTES = 72
DEFAULT_ROUNDS = 12
# Of the last of 22 letters of salt only two bits count, and bcrypt refuses one that has others: found here, and not by
# every login of its user.
HASH = re.compile(r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
# Enough for what an ordinary machine can hash, and below the ten threads of the usual pool: while many strangers guess
# passwords, reads from disk still find a thread.
HASHES_AT_ONCE = max(2, min(8, (os.cpu_count() or 2) // 2))

Check = Callable[[bytes, bytes], bool]


def rounds_of(hashed: Secret) -> int:
    """Return the cost of a hash, as the exponent of two that it names."""
    return int(hashed.to_bytes()[4:6])


def matches(
    password: bytes, hashed: Secret | None, *, rounds: int = DEFAULT_ROUNDS, check: Check = bcrypt.checkpw
) -> bool:
    """
    Return whether a password is right. A hash is computed in any case; blocks for as long as that takes.

    Args:
        password: as it came; one that is too long for bcrypt is wrong.
        hashed: the bcrypt hash of the right one; None where there is no user, or no password: nothing is right.
        rounds: what is computed where there is no hash; the cost that hashes have otherwise.
        check: computes and compares.
    """
    fits = len(password) <= LONGEST_PASSWORD_BYTES
    against = hashed.to_bytes() if hashed is not None else b"$2b$%02d$" % rounds + b"." * 53
    right = check(password if fits else b"", against)
    return right and fits and hashed is not None
