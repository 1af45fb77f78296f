"""
What follows from penalties: who is turned away at the door, and who is told of it.

The counting is in `penalties.py`. A connection of a source that is refused costs as little as can be: no transport is
made for it, no handler is asked, and the log has its first, its tenth, its hundredth, and so on.
"""

from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol

from conchsftp.events.own import SourcePenalised
from conchsftp.server.penalties import Penalties, Penalty
from conchsftp.settings.penalties import Offence
from conchsftp.ssh.peers import host_of

# "The server MAY send other lines of data before sending the version string." (RFC 4253, 4.2) OpenSSH's client shows
# them with -v.
_LINE = b"Not now: there were too many failed logins or connections from your address. Try again later.\r\n"


class Turned(Protocol):
    """What a refused connection talks to: it reads one line."""

    def connectionMade(self) -> None:
        """Say so, and close."""
        assert self.transport is not None
        self.transport.write(_LINE)
        self.transport.loseConnection()


class Penalising:
    """
    The penalties of a server, with its log and its handlers.

    Args:
        factory: has `settings`, `clock`, `events` and `log`.

    Attributes:
        penalties: who is refused.
    """

    def __init__(self, factory: Any) -> None:
        self._factory = factory
        self.penalties = Penalties(factory.settings, factory.clock.seconds, self._begins)

    def refuses(self, peer: IAddress | None) -> bool:
        """Return whether a connection is refused, and log that now and then."""
        penalty = self.penalties.refuses(host_of(peer))
        if penalty is None:
            return False
        if penalty.refused in _TOLD:
            text = "{source}: refused for {seconds:.0f} more seconds, {count} connections so far"
            self._log.info(text, source=penalty.source, seconds=penalty.seconds, count=penalty.refused)
        return True

    def add(self, peer: IAddress, offence: Offence | None) -> float:
        """Hold something against a client; return how many times as long its refusal takes, for what was before."""
        host = host_of(peer)
        factor = self.penalties.slower(host)
        if offence is not None:
            self.penalties.add(host, offence)
        return factor

    def forgive(self, peer: IAddress, offence: Offence, times: int) -> None:
        """Take back what was held against a client."""
        self.penalties.forgive(host_of(peer), offence, times)

    @property
    def _log(self) -> Any:
        return self._factory.log.own

    def _begins(self, penalty: Penalty) -> None:
        """Tell of a source that is refused from now on."""
        assert penalty.reason is not None
        text = "{source}: its connections are refused for {seconds:.0f} seconds, for {what}"
        self._log.warn(text, source=penalty.source, seconds=penalty.seconds, what=penalty.reason.described)
        event = SourcePenalised(penalty.source, penalty.reason.value, penalty.seconds)
        waiting = self._factory.events.fire(event)
        if waiting is None:
            self._decided(event, penalty)
        else:
            waiting.addCallback(self._decided, penalty)
            waiting.addErrback(lambda failure: self._log.failure("a handler of SourcePenalised was cut off", failure))
            self._factory.events.pending.add(waiting)

    def _decided(self, event: SourcePenalised, penalty: Penalty) -> None:
        """Do what handlers have made of it."""
        if event.accept is True:
            self.penalties.lift(penalty.source)
        elif event.seconds == penalty.seconds:
            return
        elif isinstance(event.seconds, (int, float)) and event.seconds > 0:
            self.penalties.set(penalty.source, event.seconds)
        else:
            text = "a handler of SourcePenalised sets seconds to {value!r}: a number above 0 expected"
            self._log.error(text, value=event.seconds)


_TOLD = frozenset(10**power for power in range(12))
