"""
A checker of passwords, where another one conducts dialogues.

Once there is a checker that asks questions of its own, keyboard-interactive is a dialogue for all of them. Those that
only know passwords would be left out of it.
"""

from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.defer import Deferred, maybeDeferred
from zope.interface import implementer

from conchsftp.auth.credentials import Password
from conchsftp.auth.dialogue import IDialogue
from conchsftp.auth.questions import PASSWORD


@implementer(ICredentialsChecker)
class AskedPassword:
    """
    Asks for the password, and a checker whether it is right.

    Args:
        checker: one of passwords.
    """

    credentialInterfaces = (IDialogue,)

    def __init__(self, checker: ICredentialsChecker) -> None:
        self._checker = checker

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """Return what the checker does; see `ICredentialsChecker`."""
        return Deferred.fromCoroutine(self._ask(credentials))

    async def _ask(self, dialogue: Any) -> Any:
        (secret,) = await dialogue.ask(PASSWORD)
        password = Password(attempt=dialogue.attempt, secret=secret)
        accepted = await maybeDeferred(self._checker.requestAvatarId, password)
        dialogue.prove("password")
        return accepted
