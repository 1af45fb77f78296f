"""
Our checkers for everybody's `--auth`, found by twisted.cred.strcred.

Only names them and reads their argument; what they check is in `auth/`.
"""

from collections.abc import Callable
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.strcred import ICheckerFactory, InvalidAuthArgumentString
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.plugin import IPlugin
from zope.interface import implementer

from conchsftp.auth.checkers import UsersFileChecker
from conchsftp.auth.users_file import UsersFile


@implementer(ICheckerFactory, IPlugin)
class UsersFileFactory:
    """`sftp-users:FILE`: the users file of this server, for any server that takes `--auth`."""

    authType = "sftp-users"
    authHelp = """
A users file in TOML: for each user a table with `password`, a bcrypt hash that `conchsftp passwd` writes, or `keys`,
lines of authorized_keys. The file is read again when it changes.
"""
    argStringFormat = "The path of the file."
    credentialInterfaces = UsersFileChecker.credentialInterfaces

    def generateChecker(self, argstring: str) -> ICredentialsChecker:
        """Return a checker for the file that the argument names; see `ICheckerFactory`."""
        if not argstring:
            raise InvalidAuthArgumentString("the path of a users file expected")
        return UsersFileChecker(UsersFile(argstring), _Threads())


class _Threads:
    """Runs blocking calls in the threads of the reactor that is in use when they come."""

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        return deferToThread(function, *args)
