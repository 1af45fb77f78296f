"""
What `twistd` finds: the command `sftpserver`, and the checkers of `--auth` for any server.

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


class _Source:
    """A source of users: `authType:ARGUMENT`; `function` makes the checker of the argument."""

    function: str

    def generateChecker(self, argstring: str) -> ICredentialsChecker:
        """Return a checker for what the argument names; see `ICheckerFactory`."""
        checker: ICredentialsChecker = namedAny(f"conchsftp.cred_plugins.{self.function}")(argstring)
        return checker


@implementer(ICheckerFactory, IPlugin)
class UsersFileFactory(_Source):
    """`sftp-users:FILE`: the users file of this server, for any server that takes `--auth`."""

    function = "users_file_checker"
    authType = "sftp-users"
    authHelp = """
A users file in TOML: for each user a table with `password`, a bcrypt hash that `conchsftp passwd` writes, or `keys`,
lines of authorized_keys. The file is read again when it changes.
"""
    argStringFormat = "The path of the file."
    credentialInterfaces = (IUsernamePassword, ISSHPrivateKey)


@implementer(ICheckerFactory, IPlugin)
class AuthorizedKeysFactory(_Source):
    """`authorized-keys:PATTERN`: an authorized_keys file for each user."""

    function = "authorized_keys_checker"
    authType = "authorized-keys"
    authHelp = """
An authorized_keys file for each user, for example /etc/ssh/keys/%u, where %u is the user name and %% a percent sign. Of
the file, and of every directory that leads to it, only root, the user that the server runs as and the user of this
machine who has that name may be the owner, and nobody else may write to it.
"""
    argStringFormat = "The path of the files, with %u for the user name."
    credentialInterfaces = (ISSHPrivateKey,)


@implementer(ICheckerFactory, IPlugin)
class HtpasswdFactory(_Source):
    """`htpasswd:FILE`: a file that `htpasswd -B` has written."""

    function = "htpasswd_checker"
    authType = "htpasswd"
    authHelp = """
A file of lines name:hash as `htpasswd -B` writes them. Users with another kind of hash than bcrypt are refused. The
file is read again when it changes.
"""
    argStringFormat = "The path of the file."
    credentialInterfaces = (IUsernamePassword,)


@implementer(ICheckerFactory, IPlugin)
class PamFactory(_Source):
    """`pam:SERVICE`: whoever a service of PAM lets in."""

    function = "pam_checker"
    authType = "pam"
    authHelp = """
A service of PAM, such as `sshd` for /etc/pam.d/sshd. Needs pip install 'conchsftp[pam]', and for the passwords of this
machine's users, root.
"""
    argStringFormat = "The name of the service, or the absolute path of its file."
    credentialInterfaces = (IUsernamePassword,)


sftpserver = ServiceMaker(
    "conchsftp", "conchsftp.tap", "An SFTP server: serves a folder to every SFTP client.", "sftpserver"
)
users_file = UsersFileFactory()
authorized_keys = AuthorizedKeysFactory()
htpasswd = HtpasswdFactory()
pam = PamFactory()
