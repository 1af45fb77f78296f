"""
What each user has to prove: an application's word, then the users file's, then the setting's.

Only looks it up; what it means for a login is up to `login.py`.
"""

from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Any

from twisted.internet.defer import Deferred

from conchsftp.auth.users.user import User
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.events.waiting import settled
from conchsftp.settings.auth_policy import ASKED, AuthPolicy, Factor
from conchsftp.workers import IWorkers

Policies = Callable[[str], Any]
"""
User name → what this user has to prove: an `AuthPolicy`, the text of one, or None for AuthenticationMethods; or a
Deferred or coroutine of it. Asked for every name that a client gives, whether there is such a user or not.
"""

ENROLLED = AuthPolicy.parse(
    "publickey,keyboard-interactive:totp password,keyboard-interactive:totp"
    " keyboard-interactive:password,keyboard-interactive:totp keyboard-interactive"
)
"""
Of users with one-time codes, where nothing else is said: a code besides whatever they have. The methods that it begins
with are those of everybody, so that a stranger does not learn who has one. `keyboard-interactive` asks for both, and
without the code it is no more than the password: see `proved_by`.
"""


def policy_of(user: User, settings: Any) -> AuthPolicy | None:
    """Return what a users file asks of a user; None where AuthenticationMethods counts."""
    if user.methods is None and user.totp is not None and not settings.authentication_methods.lists:
        return ENROLLED
    return user.methods


def proved_by(factor: Factor, facts: Collection[Hashable], required: Iterable[AuthPolicy]) -> Factor:
    """
    Return what was proved where a factor was asked for.

    Args:
        factor: what the request was meant to prove.
        facts: all that is proved with it. Answers that a handler accepts are those to its own questions, or a dialogue
            that ended before the code was right.
        required: the policies.
    """
    lacks_code = factor == Factor(ASKED) and "totp" not in facts and ENROLLED in required
    return Factor(ASKED, "password") if lacks_code else factor


class UserPolicies:
    """
    The policies of a server; to be called with a user name.

    Args:
        settings: those of the server.
        workers: where users files are read.
        users: the users files.
        asked: what the application says, which counts for more.
    """

    def __init__(
        self, settings: Any, *, workers: IWorkers, users: Iterable[UsersFile] = (), asked: Policies | None = None
    ) -> None:
        self._settings = settings
        self._workers = workers
        self._users = tuple(users)
        self._asked = asked

    def __call__(self, user_name: str) -> "Deferred[Any]":
        """Return a Deferred of the policy of a user, or of None where the setting counts."""
        return Deferred.fromCoroutine(self._of(user_name))

    async def _of(self, user_name: str) -> Any:
        if self._asked is not None:
            policy = settled(self._asked(user_name))
            if isinstance(policy, Deferred):
                policy = await policy
            if policy is not None:
                return policy
        found: list[User] = await self._workers.run(self._find, user_name) if self._users else []
        policies = (policy_of(user, self._settings) for user in found)
        return next((policy for policy in policies if policy is not None), None)

    def _find(self, user_name: str) -> list[User]:
        """Look a user up in every file, in a thread."""
        for users in self._users:
            users.refresh()
        return [user for users in self._users if (user := users.find(user_name)) is not None]
