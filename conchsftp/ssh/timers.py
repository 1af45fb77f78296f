"""
How long a peer may keep us waiting: to log in, in silence, and without an answer.

Each limit is a setting; none is a thread or a poll. Does not end a connection itself: it says so to the transport.
Sources: OpenSSH's LoginGraceTime and ClientAlive options; the component's DefaultConnectionTimeout, DefaultTimeout,
SSHKeepAliveInterval and SSHKeepAliveCountMax.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

# How long a peer may take to fetch our last message before the connection is cut.
_LINGER_SECONDS = 5.0
# Sums of floats miss their mark by a little: what is left of a limit below this is over.
_NO_TIME_SECONDS = 0.001


class Timers:
    """
    The clocks of one connection.

    Args:
        clock: what time it is.
        settings: `login_grace_time`, `default_connection_timeout`, `default_timeout` and `ssh_keep_alive_interval` in
            seconds (0: none), `ssh_keep_alive_count_max`.
        expired: called once, with what took too long.
        ask: sends the peer a question that it must answer.
        busy: whether the peer is silent because it waits for us.
    """

    def __init__(
        self,
        clock: IReactorTime,
        settings: Any,
        *,
        expired: Callable[[str], None],
        ask: Callable[[], None],
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._expired = expired
        self._ask = ask
        self._busy = busy
        self._login: IDelayedCall | None = None
        self._silence: IDelayedCall | None = None
        self._keep_alive: IDelayedCall | None = None
        self._heard = clock.seconds()
        self._silence_limit = 0.0
        self._unanswered = 0
        self._timeout: float = settings.default_timeout
        self._is_in = False

    @property
    def timeout(self) -> float:
        """
        Seconds of silence, after login, after which the connection is ended; 0: no limit. As DefaultTimeout was.

        A change holds at once, and the peer has at least that time from now.
        """
        return self._timeout

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self._timeout = seconds
        if self._is_in:
            self._limit_silence(seconds)

    def accepted(self) -> None:
        """A connection is there: it has to log in within LoginGraceTime, and to speak meanwhile."""
        grace = self._settings.login_grace_time
        if grace:
            self._login = self._clock.callLater(grace, self._expire, f"no login within {grace} seconds")
        self._limit_silence(self._settings.default_connection_timeout)

    def logged_in(self) -> None:
        """The peer has logged in: other limits count from here."""
        self._login = _cancel(self._login)
        self._is_in = True
        self._limit_silence(self._timeout)
        self._next_question()

    def heard(self) -> None:
        """Something came from the peer; cheap, called once a turn."""
        self._heard = self._clock.seconds()
        self._unanswered = 0

    def answered(self) -> None:
        """The peer has what it waited for: its silence counts from here."""
        self._heard = self._clock.seconds()

    def linger(self, cut: Callable[[], None]) -> None:
        """Our last message is out: give the peer a moment to fetch it."""
        self._login = self._clock.callLater(_LINGER_SECONDS, cut)

    def stop(self) -> None:
        """The connection is over."""
        self._is_in = False
        self._login = _cancel(self._login)
        self._silence = _cancel(self._silence)
        self._keep_alive = _cancel(self._keep_alive)

    def _limit_silence(self, seconds: float) -> None:
        self._silence = _cancel(self._silence)
        self._silence_limit = seconds
        if seconds:
            self._silence = self._clock.callLater(seconds, self._look)

    def _look(self) -> None:
        # One call later per limit, not per message: what is left is computed when the first limit is over.
        if self._busy():
            self._heard = self._clock.seconds()
        left = self._silence_left(self._silence_limit)
        if left:
            self._silence = self._clock.callLater(left, self._look)
        else:
            self._expire(f"silent for {self._silence_limit} seconds")

    def _next_question(self) -> None:
        interval = self._settings.ssh_keep_alive_interval
        self._keep_alive = self._clock.callLater(interval, self._question, interval) if interval else None

    def _question(self, interval: float) -> None:
        left = 0.0 if self._unanswered else self._silence_left(interval)
        if left:
            self._keep_alive = self._clock.callLater(left, self._question, interval)
        elif self._unanswered >= self._settings.ssh_keep_alive_count_max:
            self._expire(f"{self._unanswered} keep-alive messages unanswered")
        else:
            self._unanswered += 1
            self._next_question()
            self._ask()

    def _silence_left(self, limit: float) -> float:
        """Return how many seconds are left until the peer has been silent for `limit`; 0 if it has."""
        left = self._heard + limit - self._clock.seconds()
        return left if left > _NO_TIME_SECONDS else 0.0

    def _expire(self, text: str) -> None:
        """Say what took too long; nothing else is counted after that."""
        self.stop()
        self._expired(text)


def _cancel(call: IDelayedCall | None) -> IDelayedCall | None:
    """Cancel a call that may have happened; return what stands in its place."""
    if call is not None and call.active():
        call.cancel()
    return None
