"""
The ssh-userauth service: takes requests in order, asks the portal, answers.

One attempt runs at a time, others wait. How a request proves something is in `methods.py`; whom it proves it for is up
to checkers and handlers, see `event_checker.py`; the time that a login may take as a whole is the transport's. The
realm is asked once, at the end. Sources: RFC 4252, RFC 4256.
"""

from collections import deque
from functools import partial
from typing import Any

from twisted.conch.interfaces import IConchUser
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.userauth import (
    MSG_USERAUTH_PASSWD_CHANGEREQ,
    MSG_USERAUTH_PK_OK,
    SSHUserAuthServer,
)
from twisted.cred.error import LoginFailed, UnauthorizedLogin
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from conchsftp.auth.credentials import Credentials, KeyOffer
from conchsftp.auth.delay import RefusalDelay
from conchsftp.auth.dialogue import Conversation, IDialogue
from conchsftp.auth.event_checker import EventChecker, Mistake, Verdict
from conchsftp.auth.login import Login
from conchsftp.auth.messages import Aborted, Messages
from conchsftp.auth.method import AuthMethod, BadProof
from conchsftp.auth.methods import AuthRequest
from conchsftp.auth.new_passwords import NewPasswords
from conchsftp.auth.password_change import PasswordChange
from conchsftp.auth.progress import AuthAttempt, AuthProgress
from conchsftp.auth.refusals import Refusals
from conchsftp.errors import ErrorCode, ProtocolViolation
from conchsftp.secret import Secret
from conchsftp.ssh.numbers import Message, Reason
from conchsftp.workers import shield

# A client that sends on without waiting makes us keep its requests; no known client sends more than two.
MOST_WAITING = 8
# The largest that is sane is a chain of X.509 certificates; RFC 4253, 6.1 lets us refuse any packet above 35000.
LONGEST_REQUEST = 65536
_TOO_MANY = "Too many authentication failures"


class UserAuth(SSHUserAuthServer):
    """
    The service, for one connection.

    Asks of its transport: `settings`, `factory` (its `portal`, `events`, `policies`, `barred`, `proofs`, `trust`,
    `now`, `gss` and `refusal_delay`), `connection_id`, `clock`, `sessionID`, `first_host_key`, `gss_context`,
    `getPeer()`, `otherVersionString`, `user_signature_algorithms`, `sendPacket`, `sendUnimplemented`,
    `sendDisconnect`, `ending`, `log`, `penalise`, `forgive`; before USERAUTH_SUCCESS `prepared(user_name, avatar,
    home_dir)`, and after it `authenticated(user_name, avatar, logout)`.

    Attributes:
        delay: how long refusals take; None for the one that the server has.
    """

    transport: Any
    delay: RefusalDelay | None = None

    def serviceStarted(self) -> None:
        """Begin; nothing is sent, and nothing of a former login is kept."""
        factory = self.transport.factory
        self._checker = EventChecker(factory.portal, factory.events, self.transport.connection_id, self.transport.log)
        self._login = Login(self.transport, self._checker.serves)
        self._new_passwords = NewPasswords(self._checker, self._login, self.transport.settings, self.transport.log)
        self._waiting: deque[AuthRequest] = deque()
        self._work: Deferred[None] | None = None
        self._messages: Messages | None = None
        self._asked: Conversation | None = None
        self._refusals = Refusals(self.transport, self.delay or factory.refusal_delay)
        self._began = 0.0
        self._serving = False
        self._banner = ""
        self._ended = False

    @property
    def progress(self) -> AuthProgress:
        """What this connection has done so far."""
        return self._login.progress

    def serviceStopped(self) -> None:
        """The connection is lost, or the next service begins: drop what waits and cancel what runs."""
        work, self._work = self._work, None
        asking = self._messages is not None and self._messages.waiting
        if asking and self._asked is not None and self._asked.answers:
            self._refusals.left()
        self._messages = None
        self._end()
        if work is not None:
            work.cancel()

    def asked_again(self) -> None:
        """
        The client asks for this service although it has it, as paramiko does before each attempt.

        Raises:
            ProtocolViolation: that is one request too many.
        """
        if not self.progress.arrived():
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, _TOO_MANY)

    def packetReceived(self, messageNum: int, packet: bytes | memoryview) -> None:
        """
        Take a message; a request is answered when those before it are.

        Raises:
            ProtocolViolation: the request is malformed, or one too many.
        """
        if self._ended:
            # "any further authentication requests received after that SHOULD be silently ignored" (RFC 4252, 5.1).
            return
        if len(packet) > LONGEST_REQUEST:
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, f"authentication request of {len(packet)} bytes")
        if messageNum == Message.USERAUTH_REQUEST:
            self._request_received(packet)
        elif self._messages is None or not self._messages.received(messageNum, bytes(packet)):
            # Nothing of ours has asked for what it could answer.
            self.transport.sendUnimplemented()

    def _request_received(self, packet: bytes | memoryview) -> None:
        if not self.progress.arrived():
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, _TOO_MANY)
        if len(self._waiting) >= MOST_WAITING:
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, "too many authentication requests at once")
        self._waiting.append(AuthRequest.parse(bytes(packet)))
        if self._messages is not None and self._messages.abort():
            return
        if not self._serving:
            self._serving = True
            work = Deferred.fromCoroutine(self._serve())
            self._work = work if self._serving else None

    async def _serve(self) -> None:
        """Answer what waits, one after the other."""
        try:
            while self._waiting:
                await self._answer(self._waiting.popleft())
        except CancelledError:
            pass
        except ProtocolViolation as violation:
            self._disconnect(violation.reason, violation.text)
        except Exception:
            self.transport.log.failure("the login cannot go on")
            self._disconnect(Reason.BY_APPLICATION, "internal error")
        finally:
            self._serving = False
            self._work = None

    async def _answer(self, request: AuthRequest) -> None:
        clock = self.transport.clock
        self._began = clock.seconds()
        early = request.body.early if request.body is not None else frozenset[int]()
        self._messages = Messages(self._reply, self._check_here, clock, early)
        try:
            await self._judge(request)
            return
        except Aborted as aborted:
            # "A SSH_MSG_USERAUTH_FAILURE message MUST NOT be sent for an aborted method." (RFC 4252, 5.1) Nor does it
            # count where nothing was guessed; requests have a limit of their own.
            if aborted.guessed:
                await self._refuse(request, UnauthorizedLogin("the dialogue was left"), told=False)
            return
        except LoginFailed as problem:
            refusal = problem
        except ProtocolViolation:
            raise
        except Exception:
            if self._over:
                raise
            self.transport.log.failure("{user!r} cannot be judged", user=request.shown)
            refusal = Mistake()
        await self._refuse(request, refusal)

    async def _judge(self, request: AuthRequest) -> None:
        """Answer a request that is good; raise for any other."""
        attempt = await self._login.begin(request)
        if request.body is None:
            raise UnauthorizedLogin("unknown method")
        conversation = self._asked = self._conversation(attempt)
        try:
            credentials, verdict = await conversation.judged(self._verdict(attempt, request.body, conversation))
        except Aborted as aborted:
            aborted.guessed = bool(conversation.answers)
            raise
        await self._login.refuse_barred(attempt, verdict)
        if self._over:
            raise CancelledError
        self._refusals.judged(request, self._spent)
        if verdict.good and isinstance(credentials, KeyOffer):
            # A signature with this key would be worth it. Nobody is logged in, and nothing is remembered: whoever keeps
            # an offered key for later authorises by a key that nobody proved (CVE-2024-45337).
            self._reply(MSG_USERAUTH_PK_OK, NS(credentials.algName) + NS(credentials.blob))
            return
        self.progress.available = verdict.available or self.progress.available
        if verdict.prompts:
            self.transport.settings.set("KeyboardInteractivePrompts", verdict.prompts)
        self._new_passwords.postpone(credentials, verdict)
        prompt = self._new_passwords.prompt(attempt, verdict)
        if prompt:
            self._reply(MSG_USERAUTH_PASSWD_CHANGEREQ, NS(prompt.encode("utf-8")) + NS(b""))
            return
        if not verdict.good:
            raise Mistake if verdict.mistake else UnauthorizedLogin(verdict.reason)
        await self._proved(attempt, verdict, request.body, credentials)

    async def _verdict(
        self, attempt: AuthAttempt, body: AuthMethod, conversation: Conversation
    ) -> tuple[Credentials, Verdict]:
        """Return what a request shows, and what is decided about it."""
        settings = self.transport.settings
        for secret in body.secrets:
            self._tell_secret(attempt, secret)
        try:
            kind = body.proves(settings, self._checker.serves, attempt.factor.only)
            if body.slow:
                credentials = await self.transport.factory.proofs.run(body.verify, attempt, source=attempt.source)
            else:
                credentials = await body.show(attempt, kind, conversation)
        except BadProof as problem:
            if settings.fire_auth_request_after_sig:
                await self._checker.tell_bad_signature(attempt, problem.algorithm)
            raise
        self._new_passwords.check(credentials)
        await self.transport.factory.trust.examine(credentials)
        if kind is not IDialogue:
            # What a dialogue proves is known when it is over.
            self._login.refuse_repeated(credentials)
        after = settings.fire_auth_request_after_sig
        if isinstance(credentials, PasswordChange):
            # Afterwards it would be too late.
            await self._login.refuse_barred(attempt, Verdict(good=True))
        verdict = await self._checker.judge(credentials, conversation, after_signature=after)
        if verdict.new_password:
            await self._login.refuse_barred(attempt, verdict)
            await self._login.require_of(verdict.expired_id)
        return await self._new_passwords.asked_for(credentials, verdict, conversation)

    def _conversation(self, attempt: AuthAttempt) -> Conversation:
        assert self._messages is not None
        return Conversation(self.transport.settings, self._messages, partial(self._tell_secret, attempt))

    def _tell_secret(self, attempt: AuthAttempt, secret: Secret) -> None:
        text = "{user!r} says {secret} for {method!r}"
        self.transport.log.secret(text, secret, user=attempt.user_name, method=attempt.method)

    async def _proved(self, attempt: AuthAttempt, verdict: Verdict, body: AuthMethod, credentials: Credentials) -> None:
        """Go on after a proof: with the next one, or with the login."""
        if await self._login.prove(attempt, verdict, credentials):
            avatar_id = self.progress.avatar_id or verdict.avatar_id or attempt.user
            await self._log_in(attempt, avatar_id, body.detail + credentials.detail)
            return
        self.transport.log.info(
            "{method!r}{detail} accepted for {user!r}, more is needed",
            step=True,
            method=attempt.method,
            detail=body.detail + credentials.detail,
            user=attempt.user_name,
        )
        self._fail(attempt.user_name, partial=True)

    def _check_here(self) -> None:
        """Raise what ends an attempt that goes on."""
        if self._waiting:
            # The next request is here already, and aborts this one.
            raise Aborted
        if self._ended:
            # Sending found out that the connection has gone.
            raise CancelledError

    @property
    def _spent(self) -> float:
        """For how many seconds the request has been judged; what the client took for its part is its own."""
        waited = self._messages.waited if self._messages is not None else 0.0
        return float(self.transport.clock.seconds() - self._began - waited)

    async def _log_in(self, attempt: AuthAttempt, avatar_id: Any, detail: str) -> None:
        realm = self.transport.factory.portal.realm
        # Not cancelled with the connection: an avatar that comes too late has to be logged out.
        login = await shield(maybeDeferred(realm.requestAvatar, avatar_id, None, IConchUser), self._late)
        _, avatar, logout = login
        try:
            avatar = await self.transport.prepared(attempt.user_name, avatar, self.progress.home_dir)
        except BaseException:
            # Refused after all, or the client has gone meanwhile.
            self._late(login)
            raise
        self._reply(Message.USERAUTH_SUCCESS, b"")
        if self._over:
            # Sending found out that the connection has gone, or the login took longer than it may: nobody else will
            # ever know of this avatar.
            self._late(login)
            return
        self._end()
        self.transport.gss_context = None
        self._refusals.forgive(attempt.user)
        self.transport.log.info(
            "{user!r} logged in by {method}{detail}, with {client!r}",
            step=True,
            user=attempt.user_name,
            method=",".join((*self.progress.proven, attempt.method)),
            detail=detail,
            client=self.transport.otherVersionString.decode("ascii", "replace"),
        )
        self.transport.authenticated(attempt.user_name, avatar, logout)

    @property
    def _over(self) -> bool:
        """Whether nobody can log in any more; the socket may still be there, for the client to fetch our last word."""
        return self._ended or self.transport.ending is not None

    def _late(self, result: Any) -> None:
        """Undo a login that was completed when the connection had gone."""
        if isinstance(result, Failure):
            if not result.check(LoginFailed):
                self.transport.log.failure("an avatar could not be made", failure=result)
            return
        _, _, logout = result
        maybeDeferred(logout).addErrback(lambda reason: self.transport.log.failure("logout failed", failure=reason))

    async def _refuse(self, request: AuthRequest, refusal: LoginFailed, *, told: bool = True) -> None:
        """Count a refusal, take its time, and answer it unless the client is not told."""
        if self._over:
            return
        log = self.transport.log.status if request.method == "none" else self.transport.log.info
        log(
            "{method!r}{detail} refused for {user!r}: {reason}",
            step=True,
            method=request.method[:64],
            detail=request.body.detail if request.body else "",
            user=request.shown,
            reason=str(refusal)[:256] or "the checker gives no reason",
        )
        self.progress.failed(request.method)
        seconds = self._refusals.seconds(request, refusal, self._spent, listened=self._looked_up)
        if seconds > 0:
            await deferLater(self.transport.clock, seconds)
        if self.progress.failures >= self.transport.settings.max_auth_attempts:
            self._disconnect(Reason.PROTOCOL_ERROR, _TOO_MANY, ErrorCode.NOT_AUTHENTICATED)
        elif told:
            self._fail(request.shown, partial=False)

    @property
    def _looked_up(self) -> bool:
        """Whether somebody may be looking a user up while the client only asks for the methods."""
        return self._checker.listened or self.transport.factory.policies is not None

    def _fail(self, user_name: str, *, partial: bool) -> None:
        self._login.tell_dead_end(user_name)
        methods = ",".join(self._login.available).encode("ascii")
        self._reply(Message.USERAUTH_FAILURE, NS(methods) + bytes((partial,)))

    def _reply(self, number: int, payload: bytes) -> None:
        """Answer, after the banner if it has changed since the last answer: a handler may have done that."""
        if self._ended:
            return
        banner = self.transport.settings.user_auth_banner
        if banner and banner != self._banner:
            text = "\r\n".join(banner.splitlines()) + "\r\n"
            self.transport.sendPacket(Message.USERAUTH_BANNER, NS(text.encode("utf-8")) + NS(b""))
        self._banner = banner
        self.transport.sendPacket(number, payload)

    def _disconnect(self, reason: int, text: str, code: int = ErrorCode.ECONNABORTED) -> None:
        self._end()
        self.transport.sendDisconnect(reason, text.encode("utf-8"), code)

    def _end(self) -> None:
        self._ended = True
        self._waiting.clear()
