"""
Whether credentials are good: the checkers of the portal are asked, then the handlers of SSHUserAuthRequest.

The checkers' answer is what the event says when it fires, and a handler may change it either way. An offered key is
judged like a proof, but it is none: nothing of it is kept here, or anywhere. The realm is not asked. Says what was
decided; what the client is answered, and what is remembered of it, is up to `UserAuth`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.conch.error import NotEnoughAuthentication, ValidPublicKey
from twisted.conch.ssh.keys import BadKeyError
from twisted.cred.error import LoginFailed, UnauthorizedLogin, UnhandledCredentials
from twisted.cred.portal import Portal
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from zope.interface.interface import InterfaceClass

from conchsftp.auth.credentials import Credentials, KeyCredentials, KeyOffer, KeyProof, UntouchedProof, plain
from conchsftp.auth.dialogue import Conversation, IDialogue
from conchsftp.auth.keys.security_keys import DeviceFlag, lacking
from conchsftp.auth.password_change import IPasswordChange, NewPasswordNeeded, PasswordChange
from conchsftp.auth.progress import AuthAttempt
from conchsftp.auth.questions import Questions
from conchsftp.events.connection import SSHUserAuthRequest
from conchsftp.events.hub import EventHub
from conchsftp.log import ConnectionLog
from conchsftp.settings.prompts import PROMPTS, Prompts

Token = tuple[str, str | bytes]
"""The name of a method, and what the client showed for it: what one event tells."""

SIGNATURE = "sigstatus"
CHANGE = "password-change"
OUR_MISTAKE = "an error on our side"


class Mistake(UnauthorizedLogin):
    """A login is refused for a mistake of ours."""

    def __init__(self) -> None:
        super().__init__(OUR_MISTAKE)


@dataclass(slots=True, kw_only=True)
class Verdict:
    """
    What was decided about one request.

    Attributes:
        mistake: whether it could not be judged, which is nobody's fault but ours.
        good: whether it proves what it is meant to prove. None: nobody could say.
        partial: it does, but more is required.
        avatar_id: whom the checkers named; None if it was not them who said yes.
        reason: for the log, if it is not good.
        available: methods that a handler names for what comes next.
        home_dir: as a handler set it.
        prompts: what a handler wants this user to be asked next.
        new_password: what the user is told who is to choose a new password; empty: nobody wants one.
        expired_id: whose password that is, if a checker says so.
    """

    good: bool | None = None
    partial: bool = False
    avatar_id: Any = None
    reason: str = ""
    available: tuple[str, ...] = ()
    home_dir: str = ""
    prompts: Prompts = ()
    new_password: str = ""
    expired_id: Any = None
    mistake: bool = False


class EventChecker:
    """
    What `UserAuth` asks about credentials.

    Args:
        portal: whose checkers are asked.
        events: whose handlers are asked.
        connection_id: the connection.
        log: the log of the connection.
    """

    def __init__(self, portal: Portal, events: EventHub, connection_id: int, log: ConnectionLog) -> None:
        self._portal = portal
        self._events = events
        self._connection_id = connection_id
        self._log = log

    @property
    def listened(self) -> bool:
        """Whether there are handlers."""
        return SSHUserAuthRequest in self._events.listeners

    def serves(self, interface: InterfaceClass | None) -> bool:
        """Return whether anybody can say something about credentials of this kind."""
        return serves(self._portal, self._events, interface)

    @property
    def changes_passwords(self) -> bool:
        """Whether there is a checker that can."""
        return IPasswordChange in self._portal.checkers

    async def judge(
        self, credentials: Credentials, conversation: Conversation, *, after_signature: bool = False
    ) -> Verdict:
        """
        Return what checkers and handlers decide.

        Args:
            credentials: what was proved, or is offered.
            conversation: what was asked for it; handlers are told of each answer, and may go on with it.
            after_signature: whether they are told of a good signature as well.
        Raises:
            CancelledError: the connection has gone, or so a checker says.
            UnauthorizedLogin: a security key was not touched, and no checker says that it need not be.
        """
        opinion = await self._opinion(credentials)
        if isinstance(credentials, UntouchedProof) and not opinion.good:
            # Only a checker can know that this key need not be touched. A handler would have to think of it.
            if after_signature:
                await self.tell_bad_signature(credentials.attempt, credentials.algorithm)
            raise UnauthorizedLogin(opinion.reason if opinion.good is False else lacking(DeviceFlag.TOUCHED))
        if not self.listened or conversation.ended is not None:
            return opinion
        said = await self._answers(credentials.attempt, opinion, conversation)
        about = _about(credentials)
        said.append(await self._fire(credentials.attempt, _token(credentials, conversation), opinion, about))
        prompts = PROMPTS.convert(said[-1].prompts)
        verdict = _joined(opinion, said)
        if after_signature and isinstance(credentials, KeyProof):
            # It says what was decided so far: who leaves alone what is only information changes nothing.
            last = await self._fire(credentials.attempt, (SIGNATURE, "1"), verdict, about)
            verdict = _joined(opinion, [*said, last])
        verdict.prompts = prompts
        return verdict

    async def _answers(
        self, attempt: AuthAttempt, opinion: Verdict, conversation: Conversation
    ) -> list[SSHUserAuthRequest]:
        """Tell handlers of each answer; ask what they want to know besides, and tell them of that, too."""
        said: list[SSHUserAuthRequest] = []
        while len(said) < len(conversation.answers):
            prompts: Prompts = ()
            for answer in conversation.answers[len(said) :]:
                token = f"{attempt.method}-{len(said) + 1}", plain(answer)
                said.append(await self._fire(attempt, token, opinion, {}))
                prompts = prompts + PROMPTS.convert(said[-1].prompts)
            if prompts:
                await conversation.ask(Questions(prompts=prompts))
        return said

    async def tell_bad_signature(self, attempt: AuthAttempt, algorithm: str) -> None:
        """Tell handlers that a signature was wrong, which nobody can make right."""
        if self.listened:
            await self._fire(attempt, (SIGNATURE, "0"), Verdict(good=False), {"key_algorithm": algorithm})

    async def _opinion(self, credentials: Credentials) -> Verdict:
        """Return what the checkers say."""
        try:
            avatar_id = await _checked(self._portal, credentials)
        except UnhandledCredentials as refusal:
            return Verdict(reason=str(refusal))
        except ValidPublicKey:
            # This is how a checker says yes to an offer; to a proof it would say nothing.
            offered = isinstance(credentials, KeyOffer)
            return Verdict(good=offered, reason="" if offered else "the checker takes a proof for an offer")
        except NewPasswordNeeded as needed:
            return Verdict(reason=str(needed), new_password=needed.prompt, expired_id=needed.avatar_id)
        except (LoginFailed, BadKeyError) as refusal:
            return Verdict(good=False, reason=str(refusal))
        except NotEnoughAuthentication:
            return Verdict(good=True, partial=True)
        except CancelledError:
            raise
        except Exception:
            self._log.failure("{user!r} cannot be judged", user=credentials.user_name)
            return Verdict(good=False, reason=OUR_MISTAKE, mistake=True)
        if not avatar_id:
            return Verdict(good=False, reason="the checker names nobody")
        return Verdict(good=True, avatar_id=avatar_id)

    async def _fire(
        self, attempt: AuthAttempt, token: Token, opinion: Verdict, about: Mapping[str, Any]
    ) -> SSHUserAuthRequest:
        """Return the event as the handlers leave it."""
        method, param = token
        event = SSHUserAuthRequest(
            self._connection_id,
            attempt.user_name,
            attempt.service.decode("ascii", "replace"),
            method,
            param,
            accept=opinion.good and not opinion.partial,
            partial_success=opinion.partial,
            proven=tuple(attempt.progress.proven),
            new_password_prompt=opinion.new_password,
            **about,
        )
        waiting: Any = self._events.fire(event)
        if waiting is not None:
            event = await waiting
        self._proofread(event)
        return event

    def _proofread(self, event: SSHUserAuthRequest) -> None:
        """Refuse what can only be a mistake: a coroutine, which is true, must not let anybody in."""
        if event.accept not in (True, False, None) or event.partial_success not in (True, False):
            self._log.error(
                "A handler of SSHUserAuthRequest sets accept to {accept}, partial_success to {partial}: refused",
                accept=type(event.accept).__name__,
                partial=type(event.partial_success).__name__,
            )
            event.accept = event.partial_success = False


def _about(credentials: Credentials) -> dict[str, Any]:
    """Return what events say of a key, or of a new password."""
    if isinstance(credentials, PasswordChange):
        return {"new_password": plain(credentials.new_secret)}
    if not isinstance(credentials, KeyCredentials):
        return {}
    about: dict[str, Any] = {"key_algorithm": credentials.algorithm, "offered": isinstance(credentials, KeyOffer)}
    about["certificate"] = credentials.certificate
    if isinstance(credentials, KeyProof):
        about |= {"touched": credentials.signed.touched, "verified": credentials.signed.verified}
    return about


def serves(portal: Portal, events: EventHub, interface: InterfaceClass | None) -> bool:
    """
    Return whether anybody can say something about credentials of a kind.

    Handlers can about every kind; but only a checker conducts a dialogue.
    """
    listened = SSHUserAuthRequest in events.listeners and interface is not IDialogue
    return interface is not None and (listened or interface in portal.checkers)


def _joined(opinion: Verdict, said: Sequence[SSHUserAuthRequest]) -> Verdict:
    """Return what all events of one request come to: each must be accepted, and any may ask for more."""
    verdict = Verdict(good=True, avatar_id=opinion.avatar_id if opinion.good else None, mistake=opinion.mistake)
    verdict.expired_id = opinion.expired_id
    for event in said:
        if not event.accept and not event.partial_success:
            verdict.good = False
            verdict.reason = opinion.reason or "a handler refuses, or none accepts"
        verdict.partial = verdict.partial or event.partial_success
        verdict.available = _names(event.available_methods) or verdict.available
        verdict.home_dir = _path(event.home_dir) or verdict.home_dir
        verdict.new_password = _line(event.new_password_prompt)
    if any(event.accept is False for event in said):
        # Who says no, says no to a new password as well.
        verdict.new_password = ""
    return verdict


def _names(methods: str) -> tuple[str, ...]:
    """Return the methods that a handler names; a mistake raises, and so refuses."""
    each = methods.split(",") if isinstance(methods, str) else methods
    return tuple(name.strip() for name in each if name.strip())


def _token(credentials: Credentials, conversation: Conversation) -> Token:
    """Return what the last event of credentials tells."""
    method = credentials.attempt.method
    if conversation.rounds:
        # Answers were told one by one; this is the end of them.
        return method, ""
    # A handler that accepts a password has not changed it: to change one has a name of its own.
    return (CHANGE if isinstance(credentials, PasswordChange) else method), credentials.token


def _line(prompt: str) -> str:
    if not isinstance(prompt, str):
        raise TypeError(f"new_password_prompt is text, not {type(prompt).__name__}")
    return prompt


def _path(home: str) -> str:
    if not isinstance(home, str):
        raise TypeError(f"home_dir is text, not {type(home).__name__}")
    return home


def _checked(portal: Portal, credentials: Credentials) -> "Deferred[Any]":
    """Ask the checker that is responsible, as `Portal.login` does, but not the realm."""
    for interface, checker in portal.checkers.items():
        if interface.providedBy(credentials):
            return maybeDeferred(checker.requestAvatarId, credentials)
    raise UnhandledCredentials("no checker for these credentials")
