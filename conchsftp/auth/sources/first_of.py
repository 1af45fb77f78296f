"""
Several checkers for one kind of credentials: the first that accepts them decides.

Knows neither what they check, nor who asks.
"""

from collections.abc import Sequence
from typing import Any

from twisted.conch.error import ValidPublicKey
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import LoginFailed, UnhandledCredentials
from twisted.internet.defer import Deferred, maybeDeferred
from zope.interface import Interface, implementer

from conchsftp.auth.dialogue import Dialogue
from conchsftp.auth.password_change import NewPasswordNeeded
from conchsftp.auth.users.user import AvatarID


@implementer(ICredentialsChecker)
class FirstOf:
    """
    The first of several.

    A portal asks one checker for each kind and forgets the others without a word; register this instead.

    Args:
        interface: the kind of credentials.
        checkers: in the order in which they are asked.
    """

    def __init__(self, interface: type[Interface], checkers: Sequence[ICredentialsChecker]) -> None:
        self.credentialInterfaces = (interface,)
        self._checkers = tuple(checkers)

    def requestAvatarId(self, credentials: Any) -> Deferred[AvatarID]:
        """Return what the first checker that accepts says; fail as the last one does."""
        return Deferred.fromCoroutine(self._ask(credentials))

    async def _ask(self, credentials: Any) -> AvatarID:
        avatar_id: AvatarID
        avatar_id, _ = await first(self._checkers, credentials)
        return avatar_id


async def first(checkers: Sequence[Any], shown: Any) -> tuple[Any, Any]:
    """
    Return what the first checker says that accepts, and what it was shown.

    Nobody is asked the same twice: where a checker has conducted a dialogue, the next begins one of its own. Fails as
    the last checker does.
    """
    for checker in checkers[:-1]:
        try:
            return await maybeDeferred(checker.requestAvatarId, shown), shown
        except (ValidPublicKey, NewPasswordNeeded):
            # This is how a checker says yes to an offer; and to a password that has expired.
            raise
        except (LoginFailed, UnhandledCredentials):
            if isinstance(shown, Dialogue):
                shown = shown.again()
    return await maybeDeferred(checkers[-1].requestAvatarId, shown), shown
