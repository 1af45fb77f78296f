"""
A new password: what checkers are asked, and what they answer.

Who may change one, and when, is up to `UserAuth`; how it is kept, to each source of users. Source: RFC 4252, section 8.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from twisted.cred.credentials import ICredentials
from twisted.cred.error import UnauthorizedLogin
from zope.interface import Attribute, implementer_only

from conchsftp.auth.credentials import PASSWORD_FACTS, Password
from conchsftp.auth.users.hashes import LONGEST_PASSWORD_BYTES
from conchsftp.secret import Secret


class NewPasswordNeeded(UnauthorizedLogin):
    """
    The password is right and lets nobody in any more, or the new one will not do: the user is asked for a new one.

    A checker raises it for a password only when that was right. Where nobody can change passwords, and for a server
    that does not know of it, it is a refusal like any other.

    Args:
        prompt: what the user is told, such as `Your password has expired.`; one line, without secrets.
        avatar_id: whose password it is, as for a login; None: that of who is named as the user.
    """

    def __init__(self, prompt: str, avatar_id: Any = None) -> None:
        super().__init__("a new password is needed")
        self.prompt = prompt
        self.avatar_id = avatar_id


class IPasswordChange(ICredentials):
    """
    A password, and another one that is to replace it.

    A checker that serves it does all of it: it verifies the old password, with the same work as for a login, changes
    it, and returns the avatar id as for a login. It raises `NewPasswordNeeded`, if the new password will not do, and
    `UnauthorizedLogin` for anything else.
    """

    username = Attribute("The user name as bytes.")
    user_name = Attribute("The user name as text.")
    password = Attribute("The old password as bytes.")
    new_password = Attribute("The new one as bytes.")
    address = Attribute("Where the client is.")


# Not a password as well: a checker that knows nothing of changes would call it good, and nothing would be changed.
@implementer_only(IPasswordChange)
@dataclass(slots=True, kw_only=True)
class PasswordChange(Password):
    """
    What a client sends to change a password. Never shown.

    Attributes:
        new_secret: the new password.
        besides: what was proved in the same dialogue, if it came by one.
    """

    new_secret: Secret
    besides: frozenset[Hashable] = frozenset()

    @property
    def facts(self) -> frozenset[Hashable]:
        """The password, and what was proved besides."""
        return PASSWORD_FACTS | self.besides

    @property
    def new_password(self) -> bytes:
        """The new password as bytes."""
        return self.new_secret.to_bytes()


def unfit(new: bytes, old: bytes) -> str:
    """Return why a new password will not do, for its user; empty if it will."""
    if not new:
        return "An empty password is none."
    if len(new) > LONGEST_PASSWORD_BYTES:
        return f"The new password is too long: {LONGEST_PASSWORD_BYTES} bytes are the most."
    if Secret(new) == Secret(old):
        return "The new password is the old one."
    return ""
