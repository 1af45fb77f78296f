"""
One-time codes of users whose secrets an application keeps.

Only says who has which secret: the asking is done by `conductor.py`, the judging by `totp.py`.
"""

from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.defer import Deferred
from zope.interface import implementer

from conchsftp.auth.dialogue import IDialogue
from conchsftp.auth.sources.conductor import Conductor, ICodes
from conchsftp.auth.sources.totp import Codes


@implementer(ICredentialsChecker, ICodes)
class TOTPChecker:
    """
    One-time codes of users whose secrets an application keeps, in a database, for example.

    Beside it stand checkers of passwords or keys, and a policy that asks for a code: see docs/codes.md.

    Args:
        secret_of: called with a user name, returns the secret in base32, at least 112 bits of it; None for who has no
            code. May return a Deferred or a coroutine of it. It is asked about names of nobody, too.
    Raises:
        ServerError: pyotp is missing.
    """

    credentialInterfaces = (IDialogue,)

    def __init__(self, secret_of: Any) -> None:
        self.codes = Codes()
        self.totp_of = secret_of

    def owner_of(self, credentials: Any) -> bytes:
        """Return the user name."""
        return bytes(credentials.username)

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """
        Ask for the code, for a portal of one's own; see `ICredentialsChecker`.

        A code by itself is not enough: something else has to be proved on the connection, unless a policy says that
        `keyboard-interactive:totp` alone will do.
        """
        return Conductor((), (), (self,)).requestAvatarId(credentials)
