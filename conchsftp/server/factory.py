"""
Makes the transport of each accepted connection and holds what they share.

Keeps Conch's `SSHFactory` as the contract for services and keys; reads no file and knows no endpoint.
"""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from secrets import token_bytes
from typing import Any

from twisted.conch.ssh.factory import SSHFactory
from twisted.cred.portal import Portal
from twisted.internet.interfaces import IAddress, IReactorTime

from conchsftp.auth.delay import RefusalDelay
from conchsftp.auth.event_checker import serves
from conchsftp.auth.policies import Policies
from conchsftp.auth.reachable import dead_ends
from conchsftp.auth.trust import KeyTrust
from conchsftp.auth.user_auth import UserAuth
from conchsftp.errors import ServerError
from conchsftp.server.admission import ServerTransport
from conchsftp.server.allowed import AT_A_TIME
from conchsftp.server.connections import ConnectionTable
from conchsftp.server.keys import ServerKeys
from conchsftp.server.log import ServerLog
from conchsftp.server.penalising import Penalising, Turned
from conchsftp.session.uploads import Uploads
from conchsftp.ssh.connection import Connection
from conchsftp.ssh.gss import Acceptor
from conchsftp.ssh.kex.groups import Groups
from conchsftp.ssh.keys.host_keys import HostKeys
from conchsftp.ssh.packets.receiving import ReceiveBuffer
from conchsftp.ssh.packets.staging import StagingPool
from conchsftp.ssh.peers import called, host_of
from conchsftp.ssh.transport import Transport
from conchsftp.ssh.turns import Turns
from conchsftp.workers import FewThreads


class SFTPFactory(SSHFactory):
    """
    The factory of one server.

    Args:
        settings: the server's settings.
        keys: what the server proves itself with.
        portal: who may log in, and as what.
        clock: the reactor, or a clock in tests.
        workers: where blocking calls run.
        events: the hub that connections fire their events in.
        now: the wall clock, in seconds since 1970; for what expires at a date.
        policies: asked what a user has to prove; None: AuthenticationMethods says it for everybody.
        barred: asked whether somebody is refused, whoever accepts the proof: called with the user name, the address, or
            None, and the date; a coroutine of the reason, empty if there is none. None: nobody is.
    """

    noisy = False
    protocol = ServerTransport
    services = {b"ssh-userauth": UserAuth, b"ssh-connection": Connection}

    def __init__(
        self,
        *,
        settings: Any,
        keys: ServerKeys,
        portal: Portal,
        clock: IReactorTime,
        workers: Any,
        events: Any,
        now: Callable[[], float] = time.time,
        policies: Policies | None = None,
        barred: Callable[[str, str | None, float], Awaitable[str]] | None = None,
    ) -> None:
        self.settings = settings
        self.keys = keys
        self.portal = portal
        self.clock = clock
        self.now = now
        self.policies = policies
        self.barred = barred
        self.workers = workers
        self.events = events
        self.groups = Groups()
        self.connections = ConnectionTable(settings)
        self.log = ServerLog(settings, events, self.connections)
        events.log_about = self.log.about
        self.gss = Acceptor(settings, workers)
        self.trust = KeyTrust(settings, workers)
        self.trust.log = self.log.own
        self.receive_buffer = ReceiveBuffer()
        self.staging = StagingPool()
        self.turns = Turns(clock, settings)
        self.uploads = Uploads()
        self._divide(workers)
        self.penalising = Penalising(self)
        self.refusal_delay = RefusalDelay(token_bytes(32), clock.seconds)

    def _divide(self, workers: Any) -> None:
        """Say how many threads there are for each kind of work that strangers can cause."""
        # The second thread is for those who would wait for a flood of large keys.
        self.proofs = FewThreads(workers, 2)
        # Strangers cause these. One computes at a time: no other thread runs meanwhile, and with two of them everybody
        # else would wait for both. A host key that is slow, on a token, keeps nobody from running.
        self.exchanges = FewThreads(workers, 1)
        self.slow_proofs = FewThreads(workers, 4)
        # Clients ask for these by themselves when they have logged in, all of them, also where a token does not answer.
        self.host_key_proofs = FewThreads(workers, 2)
        self.lookups = FewThreads(workers, AT_A_TIME)

    @property
    def host_keys(self) -> HostKeys:
        """The host keys of new connections."""
        return self.keys.current

    @property
    def version_line(self) -> bytes:
        """The line with which connections greet, without its end."""
        line: str = self.settings.server_ssh_version_string
        return line.encode("ascii")

    def load_groups(self) -> None:
        """Read what ModuliFile names. Raises ServerError: it cannot be read, or holds nothing of use."""
        path = self.settings.moduli_file
        self.groups = Groups.load(path) if path else Groups()

    def tell_dead_ends(self) -> None:
        """Say in the log why nobody can log in, or not in every way that the settings name, if that is so."""
        if "gssapi-with-mic" in self.settings.default_auth_methods and (reason := self.gss.reason()):
            self.log.own.warn("DefaultAuthMethods: gssapi-with-mic is not offered: {reason}", reason=reason)
        for nobody, text in dead_ends(self.settings, partial(serves, self.portal, self.events)):
            (self.log.own.error if nobody else self.log.own.warn)("{text}", text=text)

    def startFactory(self) -> None:
        """Nothing to load: the keys are here."""

    def buildProtocol(self, addr: IAddress | None) -> Transport | Turned | None:  # type: ignore[override]
        """Make the transport of an accepted connection; what turns it away, or None, where it is refused."""
        if self.penalising.refuses(addr):
            return Turned()
        if self.connections.crowded(host_of(addr)):
            self.log.own.debug("{peer}: refused, as PerSourceMaxStartups says", peer=called(addr))
            return None
        if self.connections.full:
            count = len(self.connections)
            text = "{peer}: refused, {count} connections are open, as MaxConnections allows"
            self.log.own.warn(text, peer=called(addr), count=count)
            return None
        try:
            return self.protocol(self, self.connections.number())
        except ServerError as problem:
            # Settings that leave nothing to offer; what was true when the ports were opened need not be any more.
            self.log.own.error("{peer}: refused: {text}", peer=called(addr), text=problem.text, error_code=problem.code)
            return None
