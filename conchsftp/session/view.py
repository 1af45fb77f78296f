"""
What a user sees: which files, where relative paths start, and beyond what nothing can be named.

Decided once, at the end of a login; requests only use it. The two ways to confine somebody differ in what they are
shown: UserRootDirectory makes a folder `/`, RestrictUserToHomeDir leaves it at `/home/user1`. Both are kept twice, and
so are permissions: names are judged before any handler sees them, and links by the file system.
"""

import re
from dataclasses import dataclass
from errno import ENOENT, ENOTDIR
from typing import Any

from twisted.logger import Logger

from conchsftp.errors import SFTPError
from conchsftp.events.waiting import ready
from conchsftp.interfaces import IGuarded, ILinks, IOnDisk, IRestrict
from conchsftp.session.paths import Paths, RestrictedPaths, normalise
from conchsftp.settings.permissions import Permissions
from conchsftp.settings.store import Overlay
from conchsftp.sftp.numbers import FileType
from conchsftp.sftp.statuses import TEXTS, Status

_log = Logger()
_MISSING_ERRNO = (ENOENT, ENOTDIR)
_MISSING = (Status.NO_SUCH_FILE, Status.NO_SUCH_PATH, Status.NOT_A_DIRECTORY)


class Unseen(Exception):
    """What a user should see cannot be shown, or they cannot be kept from seeing more. Says why, to the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """
    What one user sees.

    Attributes:
        files: the file system; None: the handlers of events are.
        home: where relative paths start.
        within: the only directory that can be reached; empty: there is no such limit.
        permissions: what may be done where; None: everything.
    """

    files: Any
    home: str = "/"
    within: str = ""
    permissions: Permissions | None = None

    @classmethod
    def of(cls, avatar: Any) -> "View":
        """Return all of an avatar's files, from its home on; links are not judged."""
        return cls(files=avatar.files, home=avatar.home, permissions=permissions_of(avatar))

    def paths(self, encoding: str = "utf-8") -> Paths:
        """Return how the user names files; `encoding` as in `Paths`."""
        if self.within:
            return RestrictedPaths(self.within, self.home, encoding=encoding)
        return Paths(self.home, encoding=encoding)


async def view_of(avatar: Any, settings: Any, home_dir: str = "", *, log: Logger = _log) -> View:
    """
    Decide what a user sees who has logged in.

    Args:
        avatar: an `ISFTPAvatar`.
        settings: those of the connection.
        home_dir: what a handler of the login has said of the home; empty: the avatar's counts.
        log: that of the connection, where there is one.
    Raises:
        Unseen: the user cannot be let in.
    """
    files, home = avatar.files, normalise(home_dir or avatar.home)
    own_root = getattr(avatar, "has_own_root", False)
    # A pattern for everybody is not for whom the users file names a folder.
    if not own_root or isinstance(settings, Overlay) and settings.has_own("UserRootDirectory"):
        files = await _rooted(files, _expanded(settings.user_root_directory, avatar.user_name))
    # Whoever says only later where the home is may say anything.
    known = bool(home_dir) or getattr(avatar, "knows_home", True)
    permissions = permissions_of(avatar)
    if settings.restrict_user_to_home_dir and (home != "/" or not known):
        files = await _guarded(await _restricted(files, home), permissions)
        return View(files=files, home=home, within=home, permissions=permissions)
    home = home if home == "/" else await _found(files, home, log)
    return View(files=await _guarded(files, permissions), home=home, permissions=permissions)


def permissions_of(avatar: Any) -> Permissions | None:
    """
    Return what a user may do where; None where that is everything.

    Raises:
        Unseen: what the avatar says cannot be understood.
    """
    try:
        permissions = Permissions.of(getattr(avatar, "permissions", None))
    except ValueError as problem:
        raise Unseen(f"permissions: {problem}") from None
    return None if permissions is None or permissions.unlimited else permissions


def _expanded(place: str, user_name: str) -> str:
    """Return a place with the user name in it, as OpenSSH's ChrootDirectory takes it."""
    if "%u" in place and (user_name in ("", ".", "..") or "/" in user_name):
        raise Unseen(f"UserRootDirectory {place}: the user name is no name of a folder")
    return re.sub("%[%u]", lambda found: user_name if found[0] == "%u" else "%", place)


async def _rooted(files: Any, place: str) -> Any:
    if not place:
        return files
    if not IOnDisk.providedBy(files):
        raise Unseen(f"UserRootDirectory {place}: the files of this user do not lie on this machine")
    try:
        return await ready(files.rooted_at_place(place))
    except (OSError, SFTPError) as problem:
        raise Unseen(f"UserRootDirectory {place}: {_reason(problem)}") from None


async def _restricted(files: Any, home: str) -> Any:
    if not IRestrict.providedBy(files):
        # Handlers know themselves where the links lead that they tell of.
        if ILinks.providedBy(files):
            raise Unseen("RestrictUserToHomeDir: the file system has links and no IRestrict")
        # Where no link can lead elsewhere, names tell everything.
        return files
    try:
        return await ready(files.restricted_to(home))
    except (OSError, SFTPError) as problem:
        raise Unseen(f"RestrictUserToHomeDir: {home}: {_reason(problem)}") from None


async def _guarded(files: Any, permissions: Permissions | None) -> Any:
    """Return files with links that lead no user to more than the path of the link allows."""
    if files is None or permissions is None or not permissions.varies:
        return files
    if IGuarded.providedBy(files):
        return await ready(files.guarded_by(permissions.follows))
    if ILinks.providedBy(files):
        raise Unseen("permissions: they differ by path, and the file system has links and no IGuarded")
    return files


async def _found(files: Any, home: str, log: Logger) -> str:
    """Return a home if it is there, else `/`, as OpenSSH does; of a file system that may be anything it is believed."""
    can_be_asked = IRestrict.providedBy(files)
    if not can_be_asked:
        return home
    try:
        if (await ready(files.stat(home))).type == FileType.DIRECTORY:
            return home
    except OSError as problem:
        if problem.errno not in _MISSING_ERRNO:
            return home
    except SFTPError as problem:
        if problem.status not in _MISSING:
            return home
    log.warn("there is no home {home!r}, the session begins at /", home=home)
    return "/"


def _reason(problem: OSError | SFTPError) -> str:
    if isinstance(problem, SFTPError):
        return problem.message or TEXTS.get(problem.status, "It cannot be opened")
    return problem.strerror or "It cannot be opened"
