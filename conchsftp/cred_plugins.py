"""
Our checkers for everybody's `--auth`, once `twistd` has found them among its plugins.

Each only reads its argument; what is checked is in `auth/`.
"""

from collections.abc import Callable
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.strcred import InvalidAuthArgumentString
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from conchsftp.auth.sources.checkers import UsersFileChecker
from conchsftp.auth.sources.htpasswd import HtpasswdChecker
from conchsftp.auth.sources.key_directory import AuthorizedKeysDirectory
from conchsftp.auth.sources.pam import PamChecker
from conchsftp.auth.users.users_file import UsersFile


def authorized_keys_checker(pattern: str) -> ICredentialsChecker:
    """
    Return a checker for a directory of authorized_keys files.

    Raises:
        InvalidAuthArgumentString: no path is given.
        ServerError: there can be no files at such a path.
    """
    if not pattern:
        raise InvalidAuthArgumentString("a path with %u for the user name expected")
    return AuthorizedKeysDirectory(pattern, _Threads())


def htpasswd_checker(path: str) -> ICredentialsChecker:
    """
    Return a checker for a file of `htpasswd`.

    Raises:
        InvalidAuthArgumentString: no path is given.
        ServerError: the file cannot be read.
    """
    if not path:
        raise InvalidAuthArgumentString("the path of a file expected that htpasswd -B has written")
    return HtpasswdChecker(path, _Threads())


def pam_checker(service: str) -> ICredentialsChecker:
    """
    Return a checker for a service of PAM.

    Raises:
        InvalidAuthArgumentString: no service is given.
        ServerError: there is no such service, or no PAM.
    """
    if not service:
        raise InvalidAuthArgumentString("the name of a PAM service expected, or the absolute path of its file")
    checker = PamChecker(service)
    checker.use(_Threads())
    return checker


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

    @property
    def reactor(self) -> Any:
        from twisted.internet import reactor  # the one that is in use by now

        return reactor
