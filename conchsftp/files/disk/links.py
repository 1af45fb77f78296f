"""
What becomes of symbolic links, and the walk of those who follow them wherever they lead.

`Walk` is for those who follow them inside the root only, or not at all. These are blocking calls, for any thread.
"""

import os
from enum import Enum
from errno import ELOOP, ENAMETOOLONG
from stat import S_ISLNK

from conchsftp.errors import SFTPError
from conchsftp.files.disk.walk import MAX_LINKS, MAX_PATH, STEP, fail
from conchsftp.sftp.statuses import Status


class Links(Enum):
    """What becomes of symbolic links."""

    INSIDE = "inside"
    """They are followed beneath the root."""
    DENY = "deny"
    """None is followed, and none is made."""
    FOLLOW = "follow"
    """They are followed wherever they lead; clients can neither make nor move one."""

    def check_making(self) -> None:
        """Refuse to make a link where clients cannot."""
        if self is not Links.INSIDE:
            raise SFTPError(Status.PERMISSION_DENIED, "Symbolic links cannot be made here")

    def check_renaming(self, directory: int, name: bytes) -> None:
        """Refuse to move a link that would be followed from its new place: a relative one would lead elsewhere."""
        if self is Links.FOLLOW and _is_link(directory, name):
            raise SFTPError(Status.PERMISSION_DENIED, "Symbolic links cannot be moved here")

    def check_linking(self, directory: int, name: bytes) -> None:
        """Refuse a second name for a link: that is a link that was made."""
        if self is not Links.INSIDE and _is_link(directory, name):
            raise SFTPError(Status.PERMISSION_DENIED, "Symbolic links cannot be made here")


class FreeWalk:
    """
    A walk that follows links wherever they lead, as the system does: what they point at is the operator's decision.

    Has the methods and attributes of `Walk`.
    """

    __slots__ = ("_root", "directory", "name", "status")

    def __init__(self, root: int) -> None:
        self._root = self.directory = root
        self.name = b"."
        self.status: os.stat_result | None = None

    def close(self) -> None:
        """Release the directory where the walk stands."""
        if self.directory != self._root:
            os.close(self.directory)
        self.directory = self._root

    def into(self, path: bytes) -> None:
        """Go to a directory."""
        if len(path) > MAX_PATH:
            raise fail(ENAMETOOLONG)
        self._go(path.lstrip(b"/"))

    def to_end(self, path: bytes) -> None:
        """Go to what a path means: the directory that holds it, its name there and its status."""
        path = path.lstrip(b"/") or b"."
        for _ in range(MAX_LINKS + 1):
            head, _, self.name = path.rpartition(b"/")
            if self.name in (b"", b".", b".."):
                # The target of a link may end like this; a path of a client cannot.
                head, self.name = path, b"."
            elif path.startswith(b"/"):
                head = head or b"/"
            if head:
                self._go(head)
            try:
                self.status = os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)
            except FileNotFoundError:
                self.status = None
                return
            if not S_ISLNK(self.status.st_mode):
                return
            path = os.readlink(self.name, dir_fd=self.directory)
        raise fail(ELOOP)

    def _go(self, path: bytes) -> None:
        directory = os.open(path, STEP & ~os.O_NOFOLLOW, dir_fd=self.directory)
        self.close()
        self.directory = directory


def _is_link(directory: int, name: bytes) -> bool:
    return S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
