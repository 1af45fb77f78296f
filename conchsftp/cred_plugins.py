"""
Our checker for everybody's `--auth`, once `twistd` has found it among its plugins.

Only reads its argument; what is checked is in `auth/`.
"""

from collections.abc import Callable
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.strcred import InvalidAuthArgumentString
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from conchsftp.auth.checkers import UsersFileChecker
from conchsftp.auth.users_file import UsersFile


def users_file_checker(path: str) -> ICredentialsChecker:
    """
    Return a checker for a users file.

    Raises:
        InvalidAuthArgumentString: no path is given.
        ServerError: the file cannot be used.
    """
    if not path:
        raise InvalidAuthArgumentString("the path of a users file expected")
    return UsersFileChecker(UsersFile(path), _Threads())


class _Threads:
    """Runs blocking calls in the threads of the reactor that is in use when they come."""

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        return deferToThread(function, *args)
