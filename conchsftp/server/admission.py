"""
Who may connect: an accepted connection asks the handlers before it says a word.

Fires `ConnectionRequest` and `Connected` before the greeting, `Disconnected` once at the end. How many may connect at
all is up to `connections.py`.
"""

from collections.abc import Callable
from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from conchsftp.errors import ServerError
from conchsftp.events.connection import Connected, ConnectionRequest, Disconnected
from conchsftp.events.waiting import limited, start
from conchsftp.interfaces import ISFTPAvatar
from conchsftp.server.allowed import is_allowed
from conchsftp.server.avatar import ConchAvatar, served
from conchsftp.server.sockets import apply_options
from conchsftp.session.view import Unseen, view_of
from conchsftp.settings.penalties import Offence
from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.peers import host_of
from conchsftp.ssh.transport import Transport


class ServerTransport(Transport):
    """A transport with the socket options of its server, that tells handlers of its life."""

    _tried = False
    """Whether there is no more to hold against a client that leaves now."""
    _finding: "Deferred[Any] | None" = None
    """What is being found out, and not worth it once the client has gone."""

    def connectionMade(self) -> None:
        """Begin as every transport does, with the options of the server."""
        apply_options(self.transport, self.settings)
        super().connectionMade()

    def greet(self) -> None:
        """Greet, unless a handler refuses; while one waits, nothing is read."""
        try:
            admitting = start(self._admit())
        except Exception:
            self._not_admitted(Failure())
            return
        if isinstance(admitting, Deferred):
            self.suspend()
            admitting.addErrback(self._not_admitted)
            admitting.addBoth(lambda _: self.resume())

    def penalise(self, offence: Offence | None) -> float:
        """
        Hold something against the client, and return how many times as long its refusal takes.

        Args:
            offence: None for a login that failed by our fault: it was tried, and nothing is held against anybody.
        """
        self._tried = True
        factor: float = self.factory.penalising.add(self.transport.getPeer(), offence)
        return factor

    def forgive(self, offence: Offence, times: int) -> None:
        """Take back what was held against the client."""
        self.factory.penalising.forgive(self.transport.getPeer(), offence, times)

    def excuse(self) -> None:
        """Hold nothing against the client for leaving without a login."""
        self._tried = True

    def _expired(self, text: str) -> None:
        if self.user_name is None:
            self.penalise(Offence.GRACE_EXCEEDED)
        super()._expired(text)

    def _failed(self) -> None:
        if self.user_name is None:
            self.penalise(Offence.CRASH)
        super()._failed()

    def connectionLost(self, reason: Any = None) -> None:
        """End as every transport does, and drop what is not worth it any more."""
        # Who says nothing and leaves only looked whether somebody is there.
        spoke = self.otherVersionString or self.ending is not None
        if self.user_name is None and spoke and not self._tried:
            self.penalise(Offence.NOAUTH)
        super().connectionLost(reason)
        if self._finding is not None:
            self._finding.cancel()

    def _mourn(self) -> None:
        """Tell handlers that it is over, then who waits for it."""
        if self.log.connected:
            self.log.connected = False
            ending = self.ending
            assert ending is not None
            told = Disconnected(self.connection_id, int(ending.status_code), ending.description)
            self.factory.events.tell(told, self.log)
        super()._mourn()

    async def prepared(self, user_name: str, avatar: Any, home_dir: str) -> Any:
        """
        Decide what a user sees who has proved who they are, and return the avatar to serve them with.

        Args:
            user_name: the name.
            avatar: what the realm made; it may have been made for Conch's own SFTP server.
            home_dir: the virtual path where the user begins, if a handler has said so; else empty.
        Raises:
            UnauthorizedLogin: they cannot be confined as they should be.
        """
        ours = served(user_name, avatar, self.log)
        if ISFTPAvatar.providedBy(ours):
            try:
                view = await view_of(ours, self.settings, home_dir, log=self.log)
            except Unseen as problem:
                self.log.error("{user!r} cannot be let in: {problem}", user=user_name, problem=problem)
                raise UnauthorizedLogin("there is nothing that this user may see") from None
            self.view = None if isinstance(ours, ConchAvatar) and not home_dir else view
        return ours

    def authenticated(self, user_name: str, avatar: Any, logout: Callable[[], None]) -> None:
        """Serve a user."""
        super().authenticated(user_name, avatar, logout)
        if isinstance(avatar, ConchAvatar) and self.view is None:
            self._find_home(avatar)

    def _find_home(self, avatar: ConchAvatar) -> None:
        """Serve nothing before it is known where relative paths start, or that nobody can say."""
        try:
            finding = start(avatar.find_home())
        except Exception:
            self._not_found(Failure())
            return
        if isinstance(finding, Deferred):
            self.suspend()
            # While it is suspended it would not even be found out that the client has gone.
            seconds = self.settings.handler_time_limit
            self._finding = limited(finding, seconds, self.clock) if seconds else finding
            self._finding.addErrback(self._not_found).addBoth(lambda _: self.resume())

    async def _admit(self) -> None:
        peer = self.transport.getPeer()
        host, port = host_of(peer), int(getattr(peer, "port", 0))
        allowed = is_allowed(host, self.settings, self.factory.lookups)
        if isinstance(allowed, Deferred):
            self._finding = allowed
            allowed = await allowed
        asked = await self._ask_handlers(ConnectionRequest(host, port, allowed))
        if not asked.accept:
            self.penalise(Offence.REFUSECONNECTION)
            why = b"a handler refuses it" if allowed else b"AllowedClients or BlockedClients refuse it"
            self.sendDisconnect(Reason.HOST_NOT_ALLOWED, why)
        if self._ended:
            return
        self.log.connected = True
        told = await self._ask_handlers(Connected(self.connection_id))
        if told.status_code:
            self.penalise(Offence.REFUSECONNECTION)
            self.end_as(int(told.status_code), str(told.description))
            self.sendDisconnect(Reason.BY_APPLICATION, told.description.encode("utf-8", "replace"))
        if not self._ended:
            await self._take_key(told)
        if not self._ended:
            super().greet()

    async def _take_key(self, told: Connected) -> None:
        """Prove who we are with the key that a handler chose for this connection, if one did."""
        if not told.cert_store and not told.cert_subject:
            return
        try:
            keys = self.factory.keys.chosen.find(told)
            if isinstance(keys, Deferred):
                self._finding = keys
                keys = await keys
            self.keying.prove_with(keys)
        except ServerError as problem:
            self.log.error("refused, its host key: {text}", text=problem.text, error_code=problem.code)
            self.excuse()
            self.sendDisconnect(Reason.BY_APPLICATION, b"there is no host key for this connection")

    async def _ask_handlers(self, event: Any) -> Any:
        waiting = self.factory.events.fire(event)
        return event if waiting is None else await waiting

    def _not_found(self, failure: Failure) -> None:
        if not self._ended:
            self.log.failure("no home was found", failure)

    def _not_admitted(self, failure: Failure) -> None:
        if self._ended and failure.check(CancelledError):
            return
        self.log.failure("the connection could not be admitted", failure)
        self.sendDisconnect(Reason.BY_APPLICATION, b"internal error")
