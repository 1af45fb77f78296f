"""
From avatar id to avatar, and the end of an avatar's life.
"""

from typing import Any

from twisted.conch.interfaces import IConchUser
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import fail
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Interface

from conchsftp.auth.realm import SFTPRealm
from tests.auth.support import Avatar


class RealmTests(SynchronousTestCase):
    def login(self, make: Any, avatar_id: Any = b"alice") -> Any:
        return self.successResultOf(SFTPRealm(make).requestAvatar(avatar_id, None, IConchUser))

    def test_avatar(self) -> None:
        """The avatar is made of the avatar id as text."""
        for avatar_id, name in ((b"alice", "alice"), ("åsa", "åsa"), ("åsa".encode(), "åsa")):
            interface, avatar, _ = self.login(Avatar, avatar_id)
            self.assertEqual((interface, avatar.name), (IConchUser, name))

    def test_logout_once(self) -> None:
        """However often logout is called, the avatar hears of it once."""
        _, avatar, logout = self.login(Avatar)
        logout()
        logout()
        self.assertEqual(avatar.logouts, 1)

    def test_no_logged_out(self) -> None:
        """An avatar need not care about its end."""

        class Plain(Avatar):
            logged_out = None  # type: ignore[assignment]

        _, _, logout = self.login(Plain)
        logout()

    def test_logout_fails(self) -> None:
        """A logout that fails, at once or later, is logged and disturbs nobody."""

        class Broken(Avatar):
            def logged_out(self) -> None:
                raise KeyError

        class Later(Avatar):
            async def logged_out(self) -> None:  # type: ignore[override]
                raise KeyError

        for kind in (Broken, Later):
            self.login(kind)[2]()
            self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_refused(self) -> None:
        """Making the avatar may refuse the login."""
        realm = SFTPRealm(lambda name: fail(UnauthorizedLogin(name)))
        self.failureResultOf(realm.requestAvatar(b"alice", None, IConchUser), UnauthorizedLogin)

    def test_no_conch_user(self) -> None:
        """What is no IConchUser, and cannot become one, is no avatar."""
        self.failureResultOf(SFTPRealm(lambda name: object()).requestAvatar(b"alice", None, IConchUser), TypeError)

    def test_other_interface(self) -> None:
        """Nothing but IConchUser can be asked for."""
        self.assertRaises(NotImplementedError, SFTPRealm(Avatar).requestAvatar, b"alice", None, Interface)
