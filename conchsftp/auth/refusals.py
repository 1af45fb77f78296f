"""
What the refusals of one connection cost: time, and what is held against where it comes from.

Says how long to wait, and waits for nothing. The same whoever is refused, and why.
"""

from collections import Counter
from typing import Any

from twisted.cred.error import LoginFailed

from conchsftp.auth.delay import RefusalDelay
from conchsftp.auth.event_checker import Mistake
from conchsftp.auth.methods import METHODS, AuthRequest
from conchsftp.settings.penalties import Offence

# A handler that looks a user up when the client asks for the methods: the time of that must not show.
_LOOKUP_SECONDS = 0.025


class Refusals:
    """
    The refusals.

    Args:
        transport: of the connection; has `penalise` and `forgive`.
        delay: how long refusals take on this server.
    """

    def __init__(self, transport: Any, delay: RefusalDelay) -> None:
        self._transport = transport
        self._delay = delay
        self._guesses: Counter[bytes] = Counter()

    def judged(self, request: AuthRequest, spent: float) -> None:
        """Take note of how many seconds it took to judge a request, whatever came of it."""
        self._delay.judged(request.method, spent)

    def seconds(self, request: AuthRequest, refusal: LoginFailed, spent: float, *, listened: bool) -> float:
        """
        Return how much longer a refusal takes, and hold it against the client if it may have been a guess.

        Args:
            request: what is refused.
            refusal: why.
            spent: how many seconds it has taken so far.
            listened: whether handlers were asked.
        """
        method = METHODS.get(request.method)
        if method is None:
            return 0.0
        least = method.refusal_seconds or (_LOOKUP_SECONDS if listened else 0.0)
        return self._delay.seconds(request.user, least * self._penalised(request, refusal), spent, request.method)

    def left(self) -> None:
        """The client goes in a dialogue: the question may have told it that the answer before it was wrong."""
        self._transport.penalise(Offence.AUTHFAIL)

    def forgive(self, user: bytes) -> None:
        """Take back what was guessed for somebody who has got in: who knows the right one has only mistyped."""
        self._transport.forgive(Offence.AUTHFAIL, self._guesses[user])

    def _penalised(self, request: AuthRequest, refusal: LoginFailed) -> float:
        """Hold a wrong guess against where it comes from; return how many times as long its refusal takes."""
        if request.body is None or not request.body.guesses:
            return 1.0
        mistake = isinstance(refusal, Mistake)
        self._guesses[request.user] += not mistake
        factor: float = self._transport.penalise(None if mistake else Offence.AUTHFAIL)
        return factor
