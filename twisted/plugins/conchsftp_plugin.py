"""
What `twistd` finds: the command `sftpserver`, and the checker of `--auth sftp-users:FILE` for any server.

Imports nothing of the package: Conch's login imports the reactor, and twistd reads all plugins before it installs the
one that `--reactor` names.
"""

from twisted.application.service import ServiceMaker
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey, IUsernamePassword
from twisted.cred.strcred import ICheckerFactory
from twisted.plugin import IPlugin
from twisted.python.reflect import namedAny
from zope.interface import implementer


@implementer(ICheckerFactory, IPlugin)
class UsersFileFactory:
    """`sftp-users:FILE`: the users file of this server, for any server that takes `--auth`."""

    authType = "sftp-users"
    authHelp = """
A users file in TOML: for each user a table with `password`, a bcrypt hash that `conchsftp passwd` writes, or `keys`,
lines of authorized_keys. The file is read again when it changes.
"""
    argStringFormat = "The path of the file."
    credentialInterfaces = (IUsernamePassword, ISSHPrivateKey)

    def generateChecker(self, argstring: str) -> ICredentialsChecker:
        """Return a checker for the file that the argument names; see `ICheckerFactory`."""
        checker: ICredentialsChecker = namedAny("conchsftp.cred_plugins.users_file_checker")(argstring)
        return checker


sftpserver = ServiceMaker(
    "conchsftp", "conchsftp.tap", "An SFTP server: serves a folder to every SFTP client.", "sftpserver"
)
users_file = UsersFileFactory()
