"""
Makes the avatar of a login: which folder the user sees, from which home on, and what they may not do there.

Decides nothing about who is let in. What a users file says of a name holds, whoever vouched for the user.
"""

from collections.abc import Callable
from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.logger import Logger

from conchsftp.auth.users.user import User, UserName
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.errors import path_error
from conchsftp.events.hub import EventHub, proofread_class
from conchsftp.files.attributes.accounts import Accounts
from conchsftp.files.local import LocalFileSystem
from conchsftp.files.supplied.virtual import SUPPLYING
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.workers import Workers

# What a `LocalFileSystem` takes by the same name.
_FILE_SETTINGS = ("umask", "file_mode", "directory_mode", "force_modes", "cross_device_rename", "symlink_policy")


class AvatarMaker:
    """
    Makes avatars for one server.

    Args:
        avatar_class: makes the avatar itself. A misspelt hook of a class is refused now, and not by the first login.
        users: what is known of users; None if there is no users file.
        settings: those of the server.
        events: those of the server.
        workers: where folders are opened.
        accounts: the names of the users of this machine.

    Attributes:
        log: that of the server.
    """

    log: Logger = Logger()

    def __init__(
        self,
        avatar_class: Callable[..., Any],
        *,
        users: UsersFile | None,
        settings: Any,
        events: EventHub,
        workers: Workers,
        accounts: Accounts,
    ) -> None:
        if isinstance(avatar_class, type):
            proofread_class(avatar_class)
        self._avatar_class = avatar_class
        self._users = users
        self._settings = settings
        self._events = events
        self._workers = workers
        self._accounts = accounts

    async def make(self, user_name: str) -> Any:
        """
        Make the avatar of a login.

        Args:
            user_name: a `UserName` if a users file vouched for them.
        Raises:
            UnauthorizedLogin: there is no folder for this user.
        """
        user = user_name.user if isinstance(user_name, UserName) else None
        if user is None and self._users is not None:
            # Whoever vouched: the folder that the file names is the one they are confined to.
            user = self._users.find(user_name)
        root = (user.root if user is not None else None) or self._settings.root_directory
        files = await self._files(user_name, root) if root else None
        avatar = self._avatar_class(user_name, files=files, home=user.home if user is not None else "/")
        if not root and avatar.files is None and self._events.child(avatar).listeners.keys().isdisjoint(SUPPLYING):
            text = "no root for this user, RootDirectory is empty, and no handler of an event supplies files"
            self.log.error("{user!r}: {text}", user=user_name, text=text)
            raise UnauthorizedLogin("no root directory")
        if isinstance(avatar, SFTPAvatar):
            avatar.events, avatar.settings = self._events, self._settings
            avatar.has_own_root = user is not None and user.root is not None
        if user is not None:
            _restrict(avatar, user)
        return avatar

    async def _files(self, user_name: str, root: str) -> LocalFileSystem:
        """Open the folder of a user."""
        wanted = {name: getattr(self._settings, name) for name in _FILE_SETTINGS}
        try:
            # In a thread: the folder may lie on a file server that does not answer.
            return await self._workers.run(
                LocalFileSystem, root, workers=self._workers, accounts=self._accounts, **wanted
            )
        except OSError as problem:
            error = path_error(root, problem)
            self.log.error("{user!r}: {text}", user=user_name, text=error.text, error_code=error.code)
            raise UnauthorizedLogin("the root directory cannot be opened") from None


def _restrict(avatar: Any, user: User) -> None:
    """Let what the file says of a user hold for an avatar, whatever its class decides by itself."""
    if user.read_only:
        avatar.read_only = True
    if user.permissions is not None:
        avatar.permissions = user.permissions
