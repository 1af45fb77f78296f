"""
What a login yields: the user, and what they see. Applications extend this class.

Holds no state of a connection's protocol; that belongs to the transport, the channel and the conversation.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from twisted.conch.avatar import ConchUser
from twisted.conch.interfaces import ISFTPServer
from twisted.internet.interfaces import IProtocol
from twisted.logger import Logger
from twisted.python.components import registerAdapter
from zope.interface import implementer

from conchsftp.files.conch_adapter import ConchFileSystem
from conchsftp.interfaces import ISFTPAvatar
from conchsftp.server.conch_server import ConchServer
from conchsftp.session.subsystem import SFTPSubsystem
from conchsftp.settings.permissions import Permissions
from conchsftp.ssh.channel import SFTPChannel

_log = Logger()


@implementer(ISFTPAvatar)
class SFTPAvatar(ConchUser):
    """
    A user who is logged in.

    Subclass it and add methods named `on_<event>` to take part in what the user does.

    Args:
        user_name: the name that was proved.
        files: the `IFileSystem` that the user sees; None: the handlers of events are the file system.
        home: the virtual path that relative paths start from.
        read_only: whether every request that would change something is refused.
        permissions: what the user may do where: `Permissions`, or a mapping such as
            `{"/": "list read", "/incoming": "upload"}`; None: what the class says, which is everything.

    Attributes:
        events, settings: those of the server that made it, None if none did; for sessions behind Conch's own SFTP
            server.
        has_own_root: whether its files are of a folder that was named for this user: UserRootDirectory for all does
            not hold then.
    """

    events: Any = None
    settings: Any = None
    has_own_root = False

    permissions: Permissions | Mapping[str, str | Iterable[str]] | None = None

    def __init__(
        self,
        user_name: str,
        *,
        files: Any = None,
        home: str = "/",
        read_only: bool = False,
        permissions: Permissions | Mapping[str, str | Iterable[str]] | None = None,
    ) -> None:
        super().__init__()
        self.user_name = user_name
        self.files = files
        self.home = home
        self.read_only = read_only
        # A mistake in them is told here, and not when a session begins.
        self.permissions = Permissions.of(permissions if permissions is not None else self.permissions)
        self.channelLookup = {b"session": SFTPChannel}
        self.subsystemLookup: dict[bytes, Any] = {b"sftp": _subsystem}

    @property
    def _log(self) -> Any:  # type: ignore[override]
        # What Conch's class writes is a line of the connection's log, too.
        return getattr(getattr(self.conn, "transport", None), "log", _log)

    def logged_out(self) -> None:
        """The connection of this login is over, whatever ended it."""


class ConchAvatar(SFTPAvatar):
    """
    An avatar that was made for Conch's own SFTP server, as one of ours.

    Args:
        user_name: the name that was proved.
        original: methods named `on_<event>` that it has are handlers; its `permissions` and `read_only`, if it has
            them, hold.
        server: what it is adapted to: provides Conch's `ISFTPServer`.

    Attributes:
        knows_home: False: its home is asked for after the login only, and nobody can be restricted to it.
    """

    knows_home = False

    def __init__(self, user_name: str, original: Any, server: Any) -> None:
        self.original = original
        super().__init__(
            user_name,
            files=ConchFileSystem(server),
            read_only=bool(getattr(original, "read_only", False)),
            permissions=getattr(original, "permissions", None),
        )

    async def find_home(self) -> None:
        """Ask where relative paths start; with a server that cannot say, which raises, they start at `/`."""
        self.home = await self.files.real_path(".")

    @property
    def conn(self) -> Any:
        """The connection, which the original may want to know."""
        return self.original.conn

    @conn.setter
    def conn(self, connection: Any) -> None:
        self.original.conn = connection

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):
            return getattr(self.original, name)
        raise AttributeError(name)


def served(user_name: str, avatar: Any, log: Logger) -> Any:
    """
    Return the avatar that a session is served with: itself, or around one that only Conch's server would serve.

    Args:
        user_name: the name that was proved.
        avatar: what the realm made.
        log: that of the connection.
    """
    if ISFTPAvatar.providedBy(avatar):
        return avatar
    try:
        server = ISFTPServer(avatar, None)
    except Exception:
        # The login goes on, and ends like every other one: its avatar has to be logged out.
        log.failure("the avatar of {user!r} has no server", user=user_name)
        return avatar
    return avatar if server is None else ConchAvatar(user_name, avatar, server)


def _subsystem(data: bytes, avatar: Any) -> IProtocol:
    # No method: an avatar that refers to itself, and the descriptor of its files, would wait for the garbage collector.
    return SFTPSubsystem(avatar, avatar.conn.transport)


# For an avatar of ours behind Conch's own SFTP server.
registerAdapter(ConchServer, ISFTPAvatar, ISFTPServer)
