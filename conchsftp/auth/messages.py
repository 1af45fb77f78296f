"""
The messages of one attempt, between its request and the answer: what a method sends, and what it waits for.

One message is awaited at a time, and the next request of the client ends all of it. Knows no method. Source: RFC 4252,
5 and 6.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

Message = tuple[int, bytes]
"""A number and what follows it."""


class Aborted(Exception):
    """
    The client has made another request instead of going on with this one.

    Attributes:
        guessed: whether it has answered a question before: the next one may have told it that this was wrong.
    """

    guessed = False


class Messages:
    """
    The messages.

    Args:
        send: sends one, a number and what follows it.
        check: raises what ends the attempt: `Aborted` if the next request is here, CancelledError if the client is not.
        clock: measures what the client takes.
        early: what the client may send before it is awaited; one message of these is kept.

    Attributes:
        waited: for how many seconds the client was waited for.
    """

    def __init__(
        self,
        send: Callable[[int, bytes], None],
        check: Callable[[], None],
        clock: Any,
        early: frozenset[int] = frozenset(),
    ) -> None:
        self.waited = 0.0
        self._send = send
        self._check = check
        self._clock = clock
        self._early = early
        self._kept: Message | None = None
        self._awaited: tuple[int, ...] = ()
        self._waiting: Deferred[Message] | None = None

    @property
    def waiting(self) -> bool:
        """Whether it is the client's turn."""
        return self._waiting is not None

    def send(self, number: int, payload: bytes) -> None:
        """
        Send a message.

        Args:
            number: one of those from 60 to 79, which belong to the method.
            payload: what follows it.
        Raises:
            Aborted: the client has made another request.
            CancelledError: it has gone.
        """
        self._check()
        self._send(number, payload)

    async def receive(self, *numbers: int) -> Message:
        """
        Return the client's next message; any other than those that are awaited here is answered UNIMPLEMENTED.

        Raises:
            Aborted: the client makes another request instead.
            CancelledError: it goes.
        """
        self._check()
        kept, self._kept = self._kept, None
        if kept is not None and kept[0] in numbers:
            return kept
        self._awaited, waiting = numbers, Deferred[Message]()
        self._waiting = waiting
        since = self._clock.seconds()
        try:
            return await waiting
        finally:
            self._waiting = None
            self.waited += self._clock.seconds() - since

    def received(self, number: int, payload: bytes) -> bool:
        """Take a message of the client; return whether it means something now."""
        waiting = self._waiting
        if waiting is None:
            expected = number in self._early and self._kept is None
            self._kept = (number, payload) if expected else self._kept
            return expected
        if number not in self._awaited:
            return False
        self._waiting = None
        waiting.callback((number, payload))
        return True

    def abort(self) -> bool:
        """The client makes another request; return whether it was its turn, so that the attempt ends now."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return False
        waiting.errback(Aborted())
        return True
