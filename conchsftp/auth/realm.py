"""
The realm: from an avatar id to an avatar.

Makes nothing itself: the server says how its avatars are made. Adds the end of their life, once.
"""

from collections.abc import Callable
from typing import Any

from twisted.conch.interfaces import IConchUser
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from zope.interface import Interface, implementer

from conchsftp.auth.users.user import UserId, UserName
from conchsftp.events.waiting import Pending

Login = tuple[type[Interface], Any, Callable[[], None]]


@implementer(IRealm)
class SFTPRealm:
    """
    A realm of avatars that speak SSH.

    Args:
        make_avatar: called with the avatar id, bytes of UTF-8 as str; with a `UserName` if a users file vouched for the
            user. Returns the avatar, a Deferred or a coroutine; it may raise `UnauthorizedLogin`. The avatar provides
            `IConchUser`, or can be adapted to it. Its method `logged_out`, if there is one, is called once when the
            connection has ended, even if that was before the login was complete; it may return a Deferred or a
            coroutine.

    Attributes:
        log: that of the server; lines about a connection go to the connection's own.
    """

    log: Logger = Logger()

    def __init__(self, make_avatar: Callable[[str], Any]) -> None:
        self._make_avatar = make_avatar
        self._leaving = Pending()

    def requestAvatar(self, avatarId: Any, mind: object, *interfaces: type[Interface]) -> Deferred[Login]:
        """Return a Deferred of the interface, the avatar, and what ends its life."""
        if IConchUser not in interfaces:
            raise NotImplementedError("only IConchUser")
        name = avatarId.decode("utf-8", "surrogateescape") if isinstance(avatarId, bytes) else avatarId
        if isinstance(avatarId, UserId):
            name = UserName(avatarId.user)
        return maybeDeferred(self._make_avatar, name).addCallback(self._login)

    def _login(self, avatar: Any) -> Login:
        return IConchUser, IConchUser(avatar), self._logout_of(avatar)

    def _logout_of(self, avatar: Any) -> Callable[[], None]:
        logged_out = getattr(avatar, "logged_out", None)
        pending = [logged_out] if logged_out is not None else []

        def logout() -> None:
            # Asked now: soon the avatar has no connection any more.
            log: Logger = getattr(getattr(getattr(avatar, "conn", None), "transport", None), "log", self.log)
            while pending:
                leaving = maybeDeferred(pending.pop())
                leaving.addErrback(lambda failure: log.failure("an avatar could not be logged out", failure))
                self._leaving.add(leaving)

        return logout

    def left(self) -> "Deferred[Any]":
        """Return a Deferred that fires when every logout that has begun is over; cancelling it cancels them."""
        return self._leaving.over()
