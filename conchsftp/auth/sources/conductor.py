"""
Conducts keyboard-interactive: first the password, and then a one-time code of who has one.

A stranger never sees who has one: the password is asked of everybody, and the code only after a right one; where a
policy wants the code alone, it is asked of everybody. Judges neither: checkers do, and `totp.py`.
"""

from collections.abc import Sequence
from typing import Any

from twisted.conch.error import NotEnoughAuthentication
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, maybeDeferred
from zope.interface import Attribute, Interface, implementer

from conchsftp.auth.credentials import Password
from conchsftp.auth.dialogue import Dialogue, IDialogue
from conchsftp.auth.password_change import NewPasswordNeeded
from conchsftp.auth.questions import PASSWORD
from conchsftp.auth.sources.first_of import first
from conchsftp.auth.users.user import user_name_of
from conchsftp.events.waiting import settled
from conchsftp.secret import Secret
from conchsftp.settings.prompts import Prompt

CODE = (Prompt(text="Verification code: "),)


class ICodes(Interface):
    """Who knows the secrets of one-time codes: a checker may provide this besides."""

    codes = Attribute("A `Codes`, which remembers what was used.")

    def totp_of(user_name):  # type: ignore[no-untyped-def] # noqa: N805
        """Return the secret of a user in base32, as text or `Secret`; None without one. Or a Deferred of it."""

    def owner_of(credentials):  # type: ignore[no-untyped-def] # noqa: N805
        """Return the avatar id of a user whose code was right."""


@implementer(ICredentialsChecker)
class Conductor:
    """
    Asks for what is not proved yet.

    Args:
        passwords: checkers of passwords.
        dialogues: checkers that conduct dialogues of their own, which are asked after them.
        sources: who knows the secrets of codes.
    """

    credentialInterfaces = (IDialogue,)

    def __init__(
        self,
        passwords: Sequence[ICredentialsChecker],
        dialogues: Sequence[ICredentialsChecker],
        sources: Sequence[Any],
    ) -> None:
        self._passwords = tuple(passwords)
        self._dialogues = tuple(dialogues)
        self._sources = tuple(sources)

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """Conduct the dialogue, and return the avatar id; see `ICredentialsChecker`."""
        return Deferred.fromCoroutine(self._conduct(credentials))

    async def _conduct(self, dialogue: Dialogue) -> Any:
        only = dialogue.attempt.factor.only
        if only == "totp" and (self._sources or not self._dialogues):
            return await self._code_alone(dialogue)
        known = "password" in dialogue.attempt.progress.facts
        asked = [] if known and only != "password" else [_AskedFor(each) for each in self._passwords]
        if not asked and not self._dialogues:
            return await self._code_alone(dialogue)
        try:
            avatar_id, dialogue = await first([*asked, *self._dialogues], dialogue)
        except (NotEnoughAuthentication, NewPasswordNeeded) as problem:
            if not only:
                await self._code_besides(dialogue, getattr(problem, "avatar_id", None))
            raise
        if only and only not in dialogue.proved:
            # A checker that asks for something else than the policy wants.
            raise UnauthorizedLogin(f"the checker has not proved {only!r}")
        if not only:
            await self._code_besides(dialogue, avatar_id)
        return avatar_id

    async def _code_alone(self, dialogue: Dialogue) -> Any:
        """Ask for a code, whoever it is, and return whose it was."""
        (code,) = await dialogue.ask(CODE)
        if not self._sources:
            raise UnauthorizedLogin("nobody here has one-time codes")
        source, secret = await self._enrolled(dialogue.user_name)
        # Judged without a secret, too: the time must not tell who has a code.
        self._judge(dialogue, source, secret, code)
        if not dialogue.attempt.factor.only and not dialogue.attempt.progress.facts:
            # What a phone shows is a second factor; alone it lets in only where a policy says so.
            raise NotEnoughAuthentication
        return source.owner_of(dialogue)

    async def _code_besides(self, dialogue: Dialogue, avatar_id: Any) -> None:
        """Ask for the code of a user who has one, whoever has vouched for them."""
        if "totp" in dialogue.proved | dialogue.attempt.progress.facts:
            return
        for name in dict.fromkeys((dialogue.user_name, user_name_of(avatar_id) or dialogue.user_name)):
            source, secret = await self._enrolled(name)
            if secret is not None:
                (code,) = await dialogue.ask(CODE)
                self._judge(dialogue, source, secret, code)
                return

    async def _enrolled(self, name: str) -> tuple[Any, Secret | None]:
        """Return who knows the secret of a user, and the secret; some source and None if nobody does."""
        for source in self._sources:
            found = settled(source.totp_of(name))
            secret = await found if isinstance(found, Deferred) else found
            if secret:
                return source, Secret(secret)
        return next(iter(self._sources), None), None

    def _judge(self, dialogue: Dialogue, source: Any, secret: Secret | None, code: Secret) -> None:
        reason: str = source.codes.judge(secret, code, dialogue.attempt.now)
        if reason:
            raise UnauthorizedLogin(reason)
        dialogue.prove("totp")


@implementer(ICredentialsChecker)
class _AskedFor:
    """A checker of passwords, in a dialogue."""

    credentialInterfaces = (IDialogue,)

    def __init__(self, checker: ICredentialsChecker) -> None:
        self._checker = checker

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._ask(credentials))

    async def _ask(self, dialogue: Dialogue) -> Any:
        (secret,) = await dialogue.ask(
            PASSWORD, instruction=dialogue.conversation.settings.keyboard_interactive_message
        )
        password = Password(attempt=dialogue.attempt, secret=secret)
        try:
            avatar_id = await maybeDeferred(self._checker.requestAvatarId, password)
        except NotEnoughAuthentication:
            dialogue.prove("password")
            raise
        except NewPasswordNeeded:
            # Changed when everything else is proved, which is not known here.
            dialogue.prove("password")
            dialogue.conversation.expired = password
            raise
        dialogue.prove("password")
        return avatar_id
