"""
The slow road from a path to a directory: one component at a time, links followed by hand.

Every step opens one name in a directory that is already open, and never follows a link: whatever others rename or
replace meanwhile, a walk stays beneath its root. The absolute target of a link starts again at the root; `..` in a
target goes to the directory that was walked through, by walking there anew, because `..` of an open directory leads
outside once somebody has moved it there.
"""

import os
from errno import EACCES, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR
from stat import S_ISLNK

from conchsftp.errors import SFTPError
from conchsftp.sftp.statuses import Status

MAX_LINKS = 40
"""How many links one path may lead through; the kernel's own limit."""
MAX_PATH = 4096
"""The longest path that is walked, in bytes; the kernel's own limit."""
MAX_STEPS = 4096
"""How many directories one walk may open: links made of many `..` would otherwise make one request last minutes."""

STEP = getattr(os, "O_PATH", 0) | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
"""How a directory on the way is opened. With O_PATH the right to pass through is enough, and a device is not woken."""
ITSELF = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | os.O_NOFOLLOW | os.O_CLOEXEC
"""How what stands under a name is opened only to be asked or named, whatever it is."""
SAFELY = os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC
"""How anything is opened to be used: a fifo or a device must not make us wait, nor become our terminal."""


def fail(number: int) -> OSError:
    """Return the error of an errno, without any path in it."""
    return OSError(number, os.strerror(number))


def split(path: bytes) -> list[bytes]:
    """Return the names in a path."""
    return [part for part in path.split(b"/") if part and part != b"."]


class Walk:
    """
    How far one resolution has come. Whoever makes it takes `directory` over, or calls `close()`.

    Args:
        root: the open directory that is never left.
        base: names under which the root is known to clients: an absolute link target must begin with them, and is
            refused if it does not. Then `..` above the root is refused too, where it otherwise stays at the root.
        follows: whether links are followed; if not, the first one on the way is PERMISSION_DENIED.

    Attributes:
        directory: the open directory where the walk stands; the root itself, or a descriptor of its own.
        name, status: after `to_end`, the last name, which is no link, and what it is; the status is None if the name
            does not exist.
    """

    __slots__ = ("_base", "_follows", "_links", "_names", "_pending", "_root", "_steps", "directory", "name", "status")

    def __init__(self, root: int, base: tuple[bytes, ...] = (), *, follows: bool = True) -> None:
        self._root = self.directory = root
        self._base = base
        self._follows = follows
        self._names: list[bytes] = []
        self._pending: list[bytes] = []
        self._links = 0
        self._steps = 0
        self.name = b"."
        self.status: os.stat_result | None = None

    def close(self) -> None:
        """Release the directory where the walk stands."""
        self._move(self._root)

    @property
    def names(self) -> list[bytes]:
        """The names from the root to where the walk stands."""
        return self._names

    def into(self, path: bytes) -> None:
        """Go to a directory; every name in the path may be a link to one."""
        self._descend(self._parts(path))

    def to_end(self, path: bytes) -> None:
        """Go to what a path means: the directory that holds it, its name there and its status."""
        parts = self._parts(path)
        while parts and parts[-1] != b"..":
            name = parts.pop()
            self._descend(parts)
            try:
                status = os.stat(name, dir_fd=self.directory, follow_symlinks=False)
            except FileNotFoundError:
                self.name, self.status = name, None
                return
            if not S_ISLNK(status.st_mode):
                self.name, self.status = name, status
                return
            parts = self._follow(name)
        self._descend(parts)
        self.name, self.status = b".", os.stat(b".", dir_fd=self.directory)

    def canonical(self, path: bytes) -> list[bytes]:
        """Return the names to what a path means, links resolved; what is missing stays as it is written."""
        try:
            self._descend(self._parts(path))
        except OSError as problem:
            if problem.errno not in (ENOENT, ENOTDIR):
                raise
        except SFTPError:
            # A link that is not followed can still be named, to remove it.
            if len(self._pending) > 1:
                raise
        names = self._names
        for part in reversed(self._pending):
            if part != b"..":
                names.append(part)
            elif names:
                names.pop()
        return names

    @staticmethod
    def _parts(path: bytes) -> list[bytes]:
        if len(path) > MAX_PATH:
            raise fail(ENAMETOOLONG)
        return split(path)

    def _descend(self, parts: list[bytes]) -> None:
        """Go from here through every part; what is still to do, and what failed, stays in `_pending`, last first."""
        pending = self._pending = parts[::-1]
        while pending:
            if pending[-1] == b"..":
                self._up()
                continue
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise fail(ELOOP)
            try:
                self._move(os.open(pending[-1], STEP, dir_fd=self.directory))
                self._names.append(pending.pop())
            except NotADirectoryError:
                # A link, too: O_NOFOLLOW opens it itself, which is no directory.
                target = self._follow(pending[-1])
                pending.pop()
                pending.extend(reversed(target))

    def _follow(self, name: bytes) -> list[bytes]:
        """Return the parts of a link's target; at the root already if it is absolute."""
        try:
            target = os.readlink(name, dir_fd=self.directory)
        except OSError as problem:
            # EINVAL: it is no link, but a file where a directory is needed.
            raise fail(ENOTDIR if problem.errno == EINVAL else problem.errno or ENOENT) from None
        if not self._follows:
            raise SFTPError(Status.PERMISSION_DENIED, "Symbolic links are not followed here")
        self._links += 1
        if self._links > MAX_LINKS:
            raise fail(ELOOP)
        parts = split(target)
        if not target.startswith(b"/"):
            return parts
        if tuple(parts[: len(self._base)]) != self._base:
            raise fail(EACCES)
        self._restart()
        return parts[len(self._base) :]

    def _up(self) -> None:
        """Take all the `..` that come next, and start again to where they lead."""
        pending = self._pending
        count = 0
        while pending and pending[-1] == b"..":
            pending.pop()
            count += 1
        if count > len(self._names) and self._base:
            raise fail(EACCES)
        pending.extend(reversed(self._names[:-count]))
        self._restart()

    def _restart(self) -> None:
        self._move(self._root)
        self._names = []

    def _move(self, directory: int) -> None:
        if self.directory != self._root:
            os.close(self.directory)
        self.directory = directory
