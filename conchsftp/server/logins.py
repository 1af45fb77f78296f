"""
Who may log in: the checkers of a server in one portal, and what users have to prove.

Made once, of what a server was given. Asks nobody itself.
"""

from collections.abc import Iterable
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import IRealm, Portal

from conchsftp.auth.policies import Policies, UserPolicies
from conchsftp.auth.sources.checkers import OneTimeUser, UsersFileChecker
from conchsftp.auth.sources.portals import register
from conchsftp.auth.sources.threads import ThreadedChecker
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.errors import ServerError
from conchsftp.workers import Workers


class Logins:
    """
    The checkers of a server.

    Args:
        settings: those of the server.
        workers: where blocking calls run.
        users: the users file, if there is one.
        one_time_user: a name and a password.
        checkers: more of them; they are asked last.

    Attributes:
        log_to: those whose `log` is to be the server's.
        barred: asked whether somebody is refused, whoever vouches for them; None: nobody is.
    Raises:
        ServerError: there is something among them that is no checker.
    """

    barred: Any = None

    def __init__(
        self,
        settings: Any,
        workers: Workers,
        *,
        users: UsersFile | None,
        one_time_user: tuple[str, str] | None,
        checkers: Iterable[ICredentialsChecker],
    ) -> None:
        if not isinstance(checkers, Iterable):
            raise ServerError(0, f"checkers: a list of checkers expected, got {type(checkers).__name__}")
        self._settings = settings
        self._workers = workers
        self._checkers: list[ICredentialsChecker] = []
        self.log_to: list[Any] = []
        if one_time_user is not None:
            self._checkers.append(OneTimeUser.of(one_time_user))
        if users is not None:
            by_file = UsersFileChecker(users, workers)
            self._checkers.append(by_file)
            self.log_to.append(by_file)
        self._checkers += checkers
        self._files = [each for each in self._checkers if isinstance(each, UsersFileChecker)]
        if self._files:
            # Whoever vouches for somebody: what a file has against them holds.
            self.barred = self._barred
        for each in self._checkers:
            if isinstance(each, ThreadedChecker):
                each.use(workers)
                self.log_to.append(each)

    def portal(self, realm: IRealm) -> Portal:
        """Return a portal that asks all of them."""
        portal = Portal(realm)
        register(portal, self._checkers)
        return portal

    def policies(self, asked: Policies | None) -> Policies | None:
        """Return what is asked for the policies of users, an application's own word first; None: nobody."""
        users = [each.users for each in self._files]
        return UserPolicies(self._settings, workers=self._workers, users=users, asked=asked) if asked or users else None

    async def _barred(self, name: str, host: str | None, now: float) -> str:
        """Return what any of the files has against a user."""
        for each in self._files:
            if reason := await each.barred(name, host, now):
                return reason
        return ""
