"""
A user, as a source of users knows them, and an avatar id that carries what is known.

Records, and what they say by themselves: who reads them from a file, and who asks them, is elsewhere.
"""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from unicodedata import category

from conchsftp.auth.keys.authorized_keys import AuthorizedKeys
from conchsftp.auth.keys.x509_names import X509Name
from conchsftp.secret import Secret
from conchsftp.settings.auth_policy import AuthPolicy
from conchsftp.settings.hosts import plain_address
from conchsftp.settings.permissions import Permissions

# The longest that is compared, logged and looked up.
_LONGEST_NAME_BYTES = 255

AvatarID = bytes | tuple[()]
"""What checkers return, as Twisted has it; the empty tuple is the anonymous user."""


@dataclass(slots=True, kw_only=True, frozen=True)
class User:
    """
    One table of the users file.

    Attributes:
        name: the user name, exactly as the client must send it.
        password: the bcrypt hash; None if passwords do not let this user in.
        keys: the keys in the table itself, with their options.
        keys_file: an authorized_keys file with more keys, absolute; None for none.
        root: the directory on this machine that the user sees as `/`; None for the server's.
        home: the virtual path that relative paths start from; default `/`.
        methods: the policy of this user, which counts instead of AuthenticationMethods; None for that.
        totp: the secret of the user's one-time codes, in base32; None without them.
        ca_keys: the keys whose certificates let this user in, with their options; each is a `cert_authority`.
        principals: the names of which a certificate has to bear one; empty: the user name.
        kerberos: the principals that are this user; None: the one of the same name in the server's realm.
        x509: the names of which an X.509 certificate has to bear one; empty: X509UserName says.
        permissions: what the user may do where; None: everything.
        read_only: whether every request that would change something is refused.
        expires: from when on the user is nobody, in seconds since 1970; None: never.
        networks: where the user may log in from; empty: anywhere.
        disabled: whether the user is nobody for now.
        change_password: whether the password lets in only together with a new one, which replaces it.
    """

    name: str
    password: Secret | None = None
    keys: AuthorizedKeys = AuthorizedKeys()
    keys_file: str | None = None
    root: str | None = None
    home: str = "/"
    methods: AuthPolicy | None = None
    totp: Secret | None = None
    ca_keys: AuthorizedKeys = AuthorizedKeys()
    principals: frozenset[str] = frozenset()
    kerberos: frozenset[str] | None = None
    x509: tuple[X509Name, ...] = ()
    permissions: Permissions | None = None
    read_only: bool = False
    expires: float | None = None
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    disabled: bool = False
    change_password: bool = False

    def barred(self, host: str | None, now: float) -> str:
        """
        Return why this user is refused, whatever they prove; empty if they are not. The text is for the log.

        Args:
            host: the address that they come from; None if nobody knows it.
            now: the date, in seconds since 1970.
        """
        if self.disabled:
            return "disabled in the users file"
        if self.expires is not None and now >= self.expires:
            return "expired, as the users file says"
        if self.networks:
            address = plain_address(host) if host is not None else None
            # What cannot be compared is not in: a restriction that nobody can judge is not met.
            if address is None or not any(address in network for network in self.networks):
                return "not from this address, as the users file says"
        return ""

    @property
    def rounds(self) -> int | None:
        """The cost of the password's hash, as the exponent of two that it names; None without a password."""
        return int(self.password.to_bytes()[4:6]) if self.password is not None else None


class UserId(bytes):
    """
    An avatar id that says more than a name: the user name as bytes, and what the users file says of them.

    Attributes:
        user: the user, as the file was when it vouched for them.
    """

    user: User

    def __new__(cls, user: User) -> "UserId":
        made = super().__new__(cls, user.name.encode("utf-8"))
        made.user = user
        return made


class UserName(str):
    """
    A user name that knows more, in the same way.

    Attributes:
        user: as in `UserId`.
    """

    user: User

    def __new__(cls, user: User) -> "UserName":
        made = super().__new__(cls, user.name)
        made.user = user
        return made


def user_name_of(avatar_id: object) -> str | None:
    """Return the user name that an avatar id is, as text; None if it is something else."""
    if isinstance(avatar_id, bytes):
        return avatar_id.decode("utf-8", "surrogateescape")
    return avatar_id if isinstance(avatar_id, str) else None


def is_plain(name: str) -> bool:
    """Return whether a user name can be told from others on a screen, and in a log: else it is nobody's."""
    short = len(name.encode("utf-8", "surrogatepass")) <= _LONGEST_NAME_BYTES
    # Control characters, and halves of characters, which no UTF-8 has.
    return short and not any(category(letter) in ("Cc", "Cs") for letter in name)
