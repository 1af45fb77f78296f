"""
Whether this server takes part in GSSAPI, and as what: GSSKeytab and GSSAcceptor.

Keytabs and replay caches are files: contexts make their steps in threads. Knows neither messages nor users.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from conchsftp.gss import Context, GSSFailure, Kerberos, Mechanism
from conchsftp.workers import FewThreads, IWorkers

# Anybody may send tokens.
_AT_ONCE = 4


class Acceptor:
    """
    The credentials of one server.

    Args:
        settings: those of the server.
        workers: where contexts make their steps.
        make: makes credentials of GSSAcceptor and GSSKeytab; raises GSSFailure. May be set to another.
    """

    def __init__(self, settings: Any, workers: IWorkers, make: Callable[[str, str], Mechanism] = Kerberos) -> None:
        self._settings = settings
        self._threads = FewThreads(workers, _AT_ONCE)
        self.make = make
        self._mechanism: Mechanism | None = None
        self._reason: str | None = None

    def start(self) -> None:
        """The server begins to listen: whether there are credentials is asked anew."""
        self._mechanism = self._reason = None

    def reason(self) -> str:
        """Return why there are no credentials; empty if there are. Reads the keytab when it is asked first."""
        if self._reason is None:
            settings = self._settings
            try:
                self._mechanism = self.make(settings.gss_acceptor, settings.gss_keytab)
                self._reason = ""
            except GSSFailure as problem:
                self._reason = str(problem)
        return self._reason

    def context(self) -> Context:
        """Return a new context. Raises GSSFailure: there are no credentials."""
        reason = self.reason()
        if self._mechanism is None:
            raise GSSFailure(reason)
        return self._mechanism.context()

    def step(self, context: Context, token: bytes) -> "Deferred[bytes]":
        """Have a context take a token, in a thread; the Deferred fails with GSSFailure."""
        return self._threads.run(context.step, token)
