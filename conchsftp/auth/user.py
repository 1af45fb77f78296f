"""
A user, as a source of users knows them, and an avatar id that carries what is known.

Records only: who reads them from a file, and who asks them, is elsewhere.
"""

from dataclasses import dataclass

from conchsftp.secret import Secret


@dataclass(slots=True, kw_only=True, frozen=True)
class User:
    """
    One table of the users file.

    Attributes:
        name: the user name, exactly as the client must send it.
        password: the bcrypt hash; None if passwords do not let this user in.
        keys: the blobs of the keys in the table itself.
        keys_file: an authorized_keys file with more keys, absolute; None for none.
        root: the directory on this machine that the user sees as `/`; None for the server's.
        home: the virtual path that relative paths start from; default `/`.
    """

    name: str
    password: Secret | None = None
    keys: frozenset[bytes] = frozenset()
    keys_file: str | None = None
    root: str | None = None
    home: str = "/"

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
