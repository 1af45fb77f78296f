"""
How long a refusal takes.

Whoever measures the time of a refusal must not learn whether a user exists or how much work was done: a refusal leaves
at the end of a slot that is the same for everybody, and work that outlasts the slot is moved to the end of one twice as
long. Work that only some users cause, such as that of a handler who looks up those that there are, would still show:
so the slots of everybody are as long as the longest work of the last minutes. Does not wait itself.
"""

from collections.abc import Callable
from hashlib import blake2b

# Work that took longer than this is not worth hiding; doubling goes on to eat the time a person has for logging in.
_LONGEST_SECONDS = 8.0
# The slot differs from name to name by up to this share of it. Averaging over many names then says nothing about one.
_JITTER = 0.25
# How long it is remembered that work was slow. Logins that succeed count as well: on a server that is used, nobody
# finds the moment at which it was forgotten.
_MEMORY_SECONDS = 600.0


class RefusalDelay:
    """
    The slots of one server.

    Args:
        key: random bytes that nobody outside knows; decides each name's part of the jitter, always the same.
        now: what time it is, in seconds.
    """

    def __init__(self, key: bytes, now: Callable[[], float] = lambda: 0.0) -> None:
        self._key = key
        self._now = now
        self._slowest: dict[str, tuple[float, float]] = {}

    def judged(self, method: str, spent: float) -> None:
        """
        Take note of how long it took to judge a request, whatever came of it.

        Args:
            method: its method, one of those that there are.
            spent: in seconds.
        """
        slowest, until = self._slowest.get(method, (0.0, 0.0))
        now = self._now()
        if now >= until:
            slowest = 0.0
        # Work that is nearly as long keeps the memory fresh: it would come out longer the next time.
        if slowest / 2 < spent < _LONGEST_SECONDS:
            self._slowest[method] = max(slowest, spent), now + _MEMORY_SECONDS

    def seconds(self, user: bytes, least: float, spent: float, method: str = "") -> float:
        """
        Return how much longer to wait before refusing.

        Args:
            user: the name that was tried.
            least: the length of the shortest slot, in seconds, without jitter.
            spent: how long the attempt has taken so far, in seconds.
            method: that of the request.
        """
        if not least:
            return 0.0
        slowest, until = self._slowest.get(method, (0.0, 0.0))
        work = max(spent, slowest if self._now() < until else 0.0)
        share = int.from_bytes(blake2b(user, key=self._key, digest_size=4).digest(), "big") / 2**32
        slot = least * (1 + _JITTER * share)
        while slot < work < _LONGEST_SECONDS:
            slot *= 2
        return max(slot - spent, 0.0)
