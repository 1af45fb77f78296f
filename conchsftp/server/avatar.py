"""
What a login yields: the user, and what they see. Applications extend this class.

Holds no state of a connection's protocol; that belongs to the transport, the channel and the conversation.
"""

from typing import Any

from twisted.conch.avatar import ConchUser
from twisted.internet.interfaces import IProtocol
from zope.interface import implementer

from conchsftp.interfaces import ISFTPAvatar
from conchsftp.session.subsystem import SFTPSubsystem
from conchsftp.ssh.channel import SFTPChannel


@implementer(ISFTPAvatar)
class SFTPAvatar(ConchUser):
    """
    A user who is logged in.

    Subclass it and add methods named `on_<event>` to take part in what the user does.

    Args:
        user_name: the name that was proved.
        files: the `IFileSystem` that the user sees.
        home: the virtual path that relative paths start from.
        read_only: whether every request that would change something is refused.
    """

    def __init__(self, user_name: str, *, files: Any, home: str = "/", read_only: bool = False) -> None:
        super().__init__()
        self.user_name = user_name
        self.files = files
        self.home = home
        self.read_only = read_only
        self.channelLookup = {b"session": SFTPChannel}
        self.subsystemLookup: dict[bytes, Any] = {b"sftp": _subsystem}

    def logged_out(self) -> None:
        """The connection of this login is over, whatever ended it."""


def _subsystem(data: bytes, avatar: Any) -> IProtocol:
    # No method: an avatar that refers to itself, and the descriptor of its files, would wait for the garbage collector.
    return SFTPSubsystem(avatar, avatar.conn.transport)
