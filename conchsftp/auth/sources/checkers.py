"""
Whose password and whose key it is: the checkers of the users file, and of one user without a file.

They are ordinary checkers of `twisted.cred` and also serve a Conch server that is not ours. Blocking work is handed to
workers. They do not delay refusals (`UserAuth` does) and keep no state of a connection.
"""

import time
from hmac import compare_digest
from threading import Lock
from typing import Any, Self

import bcrypt
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from conchsftp.auth.credentials import IGSSAPICredentials, IUntouchedKey
from conchsftp.auth.keys.authorized_keys import AuthorizedKeys
from conchsftp.auth.password_change import IPasswordChange, NewPasswordNeeded, unfit
from conchsftp.auth.sources.conductor import ICodes
from conchsftp.auth.sources.kerberos import foreign
from conchsftp.auth.sources.key_judge import refusal, require_proof
from conchsftp.auth.sources.threads import asker
from conchsftp.auth.sources.totp import Codes
from conchsftp.auth.users.hashes import HASHES_AT_ONCE, Check, matches
from conchsftp.auth.users.user import AvatarID, User, UserId
from conchsftp.auth.users.users_edit import set_password
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.errors import ServerError
from conchsftp.secret import Secret
from conchsftp.settings.auth_policy import Factor
from conchsftp.workers import FewThreads, IWorkers


@implementer(ICredentialsChecker, ICodes)
class UsersFileChecker:
    """
    Passwords, keys, one-time codes and Kerberos principals of a users file.

    Under a server that is not ours, which asks for no second proof, a user who has to give one is refused.

    Args:
        users: the file.
        workers: where reading and hashing run.
        check_password: given a password and a bcrypt hash, says whether they match.

    Attributes:
        log: that of the server.
    """

    credentialInterfaces = (IUsernamePassword, ISSHPrivateKey, IUntouchedKey, IPasswordChange, IGSSAPICredentials)
    log: Logger = Logger()

    def __init__(self, users: UsersFile, workers: IWorkers, check_password: Check = bcrypt.checkpw) -> None:
        self._users = users
        self._workers = workers
        self._check_password = check_password
        self._hashing = FewThreads(workers, HASHES_AT_ONCE)
        self._editing = Lock()
        # Where pyotp is missing, that is said now, and not to the first user.
        self._codes = Codes() if users.has_codes else None
        self._complain()

    @property
    def users(self) -> UsersFile:
        """The file."""
        return self._users

    @property
    def codes(self) -> Codes:
        """What remembers which codes were used."""
        if self._codes is None:
            self._codes = Codes()
        return self._codes

    async def totp_of(self, user_name: str) -> Secret | None:
        """Return the secret of a user's one-time codes, as the file says now; None without one."""
        await self._workers.run(self._users.refresh)
        self._complain()
        user = self._users.find(user_name)
        return user.totp if user is not None else None

    def owner_of(self, credentials: Any) -> AvatarID:
        """Return the avatar id of the user whose code was right."""
        return self._vouched(credentials)

    def requestAvatarId(self, credentials: Any) -> Deferred[AvatarID]:
        """Return the user name, as bytes; see `ICredentialsChecker`."""
        ask = self._by_password if IUsernamePassword.providedBy(credentials) else self._by_key
        if IPasswordChange.providedBy(credentials):
            ask = self._by_change
        if IGSSAPICredentials.providedBy(credentials):
            ask = self._by_ticket
        return Deferred.fromCoroutine(ask(credentials))

    async def _by_password(self, credentials: Any) -> AvatarID:
        found = await self._by_old_password(credentials)
        if found.user.change_password:
            raise NewPasswordNeeded("Your password has to be changed.", found)
        return found

    async def _by_change(self, credentials: Any) -> AvatarID:
        found = await self._by_old_password(credentials)
        problem = unfit(credentials.new_password, credentials.password)
        if problem:
            raise NewPasswordNeeded(problem, found)
        try:
            await self._hashing.run(self._set_password, found.user.name, credentials.new_password, late=self._late)
        except ServerError as mistake:
            self.log.error("the password of {user!r} cannot be changed: {text}", user=found.user.name, text=mistake)
            raise UnauthorizedLogin("the users file cannot be changed") from mistake
        self.log.info("{user!r} has changed the password", user=found.user.name)
        return self._vouched(credentials)

    def _set_password(self, name: str, password: bytes) -> None:
        """Change the file, in a thread; changes that come at the same time are made one after the other."""
        with self._editing:
            set_password(self._users.path, name, Secret(password), rounds=self._users.rounds)
            self._users.refresh()

    async def _by_old_password(self, credentials: Any) -> UserId:
        reason = await self._hashing.run(
            self._matches, credentials.username, credentials.password, source=asker(credentials), late=self._late
        )
        self._complain()
        if reason:
            raise UnauthorizedLogin(reason)
        return self._vouched(credentials)

    async def barred(self, name: str, host: str | None, now: float) -> str:
        """Return what the file as it is now has against a user; see `UsersFile.barred`."""
        await self._workers.run(self._users.refresh)
        self._complain()
        return self._users.barred(name, host, now)

    def _vouched(self, credentials: Any) -> UserId:
        """Return the avatar id of a user whose proof is good, unless they were removed meanwhile, or are refused."""
        user = self._users.find(credentials.username.decode("utf-8", "replace"))
        if user is None:
            raise UnauthorizedLogin("no such user in the users file")
        # Another server's credentials say neither where they come from nor when.
        attempt = getattr(credentials, "attempt", None)
        host, now = (attempt.host, attempt.now) if attempt is not None else (None, time.time())
        if reason := self._users.barred(user.name, host, now):
            raise UnauthorizedLogin(reason)
        if attempt is None and not _enough(user, credentials):
            raise UnauthorizedLogin("the users file asks this user for more, which another server does not")
        return UserId(user)

    def _late(self, result: Any) -> None:
        if isinstance(result, Failure):
            self.log.failure("a password could not be checked", failure=result)

    def _matches(self, username: bytes, password: bytes) -> str:
        """
        Check a password in a thread.

        A hash of the same cost is computed whatever is wrong: without a user, without a password, with a password that
        is too long for bcrypt.

        Returns:
            What is wrong, for the log; empty if nothing is.
        """
        self._users.refresh()
        user = self._users.find(username.decode("utf-8", "replace"))
        hashed = user.password if user is not None else None
        right = matches(password, hashed, rounds=self._users.rounds, check=self._check_password)
        if user is None:
            return "no such user in the users file"
        if hashed is None:
            return "the user has no password"
        return "" if right else "wrong password"

    async def _by_key(self, credentials: Any) -> AvatarID:
        keys = await self._workers.run(self._keys_of, credentials.username)
        self._complain()
        user = self._users.find(credentials.username.decode("utf-8", "replace"))
        names = (user.principals, user.x509) if user is not None else ()
        if reason := refusal(credentials, keys, *names):
            raise UnauthorizedLogin(reason)
        vouched = self._vouched(credentials)
        require_proof(credentials)
        return vouched

    async def _by_ticket(self, credentials: Any) -> AvatarID:
        await self._workers.run(self._users.refresh)
        self._complain()
        user = self._users.find(credentials.username.decode("utf-8", "replace"))
        if user is not None and (reason := foreign(credentials, user.name, user.kerberos)):
            raise UnauthorizedLogin(reason)
        return self._vouched(credentials)

    def _keys_of(self, username: bytes) -> tuple[AuthorizedKeys, ...]:
        """Look a user's keys up, in a thread."""
        self._users.refresh()
        return self._users.keys_of(username.decode("utf-8", "replace"))

    def _complain(self) -> None:
        for complaint in self._users.complaints():
            self.log.error("{complaint}", complaint=complaint)


@implementer(ICredentialsChecker)
class OneTimeUser:
    """
    One user with one password, for a server that is started by hand.

    Args:
        user_name: the only name that may log in.
        password: its password; not empty.
    """

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, user_name: str, password: str | Secret) -> None:
        self._user_name = user_name.encode("utf-8")
        self._password = Secret(password)
        if not self._password:
            raise ValueError("a password expected")

    @classmethod
    def of(cls, pair: tuple[str, str | Secret]) -> Self:
        """
        Return the checker for a user name and a password.

        Raises:
            ServerError: it is no such pair, or one of them is empty.
        """
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(pair) or not isinstance(pair[0], str):
            raise ServerError(0, "one_time_user: a user name and a password expected")
        return cls(*pair)

    def requestAvatarId(self, credentials: Any) -> Deferred[AvatarID]:
        """Return the user name, as bytes; see `ICredentialsChecker`."""
        return maybeDeferred(self._check, credentials)

    def _check(self, credentials: Any) -> AvatarID:
        # Both are always compared: the time must not tell which of them is wrong.
        right = compare_digest(self._user_name, credentials.username)
        if not self._password == Secret(credentials.password) or not right:
            raise UnauthorizedLogin("wrong user name or password")
        return bytes(credentials.username)


def _enough(user: User, credentials: Any) -> bool:
    """Return whether one proof is enough for a user; a server that is not ours asks for no other."""
    if user.methods is None or not user.methods.lists:
        return user.methods is not None or user.totp is None
    kinds = {IUsernamePassword: "password", ISSHPrivateKey: "publickey", IGSSAPICredentials: "gssapi-with-mic"}
    proved = [Factor(method) for kind, method in kinds.items() if kind.providedBy(credentials)]
    return user.methods.complete(proved)
