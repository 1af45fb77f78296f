"""
How long a refusal takes.

Whoever measures the time of a refusal must not learn whether a user exists or how much work was done: a refusal leaves
at the end of a slot that is the same for everybody, and work that outlasts the slot is moved to the end of one twice as
long. Does not wait itself.
"""

from functools import cache
from hashlib import blake2b
from secrets import token_bytes

# Work that took longer than this is not worth hiding; doubling goes on to eat the time a person has for logging in.
_LONGEST_SECONDS = 8.0
# The slot differs from name to name by up to this share of it. Averaging over many names then says nothing about one.
_JITTER = 0.25


class RefusalDelay:
    """
    The slots.

    Args:
        key: random bytes that nobody outside knows; decides each name's part of the jitter, always the same.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seconds(self, user: bytes, least: float, spent: float) -> float:
        """
        Return how much longer to wait before refusing.

        Args:
            user: the name that was tried.
            least: the length of the shortest slot, in seconds, without jitter.
            spent: how long the attempt has taken so far, in seconds.
        """
        if not least:
            return 0.0
        share = int.from_bytes(blake2b(user, key=self._key, digest_size=4).digest(), "big") / 2**32
        slot = least * (1 + _JITTER * share)
        while slot < spent < _LONGEST_SECONDS:
            slot *= 2
        return max(slot - spent, 0.0)


@cache
def process_delay() -> RefusalDelay:
    """Return the one that this process uses."""
    return RefusalDelay(token_bytes(32))
