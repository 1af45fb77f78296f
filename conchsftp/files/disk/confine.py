"""
From a virtual path to an open directory and a name in it, beneath one directory and never outside it.

The system calls get these two, never a path, and none of them follows a link. So there is no gap between a check and a
use, and nobody who renames directories or swaps links meanwhile can lead a request outside. What is done to the name
stands in `beneath.py`. These are blocking calls, for any thread; none keeps state. Design, trap 16.
"""

import os
from collections.abc import Callable
from errno import ENOENT
from stat import S_ISDIR, S_ISLNK
from typing import Self

from conchsftp.errors import SFTPError
from conchsftp.files.disk.calls import find_open_beneath
from conchsftp.files.disk.links import FreeWalk, Links
from conchsftp.files.disk.walk import STEP, Walk, fail, split
from conchsftp.sftp.statuses import Status

Judge = Callable[[str, str, bool], bool]
"""See `IGuarded.guarded_by`."""

Place = tuple[int, bytes, os.stat_result | None]
"""An open directory, a name in it, and the status of what stands there; None if nothing does."""


class Confine:
    """
    A directory that is not left.

    Args:
        root: a place, or a descriptor that is taken over. The directory stays the same one, wherever it is moved.
        base: a virtual path under which clients know the root: every path must begin with it, and one that does not, or
            a link that leads out of it, is PERMISSION_DENIED. Empty: clients know the root as `/`, and `..` in links
            stays there.
        links: what becomes of symbolic links. With FOLLOW, it is left wherever one of them leads out.
        judge: asked before anything is done where a link has led, see `IGuarded`; None: links may lead anywhere that
            `links` says. Not asked with FOLLOW: where links lead is the operator's decision then.
    """

    def __init__(
        self, root: str | bytes | int, base: str = "", *, links: Links = Links.INSIDE, judge: Judge | None = None
    ) -> None:
        self.links = links
        self.judge = judge if links is not Links.FOLLOW else None
        self.fd = root if isinstance(root, int) else os.open(root, STEP & ~os.O_NOFOLLOW)
        self.base = base.rstrip("/")
        self._base = encode(self.base)
        self._base_parts = tuple(split(self._base))
        # Found by measuring: for directories two and three levels down the walk takes 3.9 and 5.6 us, the one call 2.8.
        self._open_beneath = find_open_beneath()

    def __del__(self) -> None:
        # Not a method to call: a thread that still works here would find another file under the same number.
        if hasattr(self, "fd"):
            os.close(self.fd)

    def parent(self, path: str) -> tuple[int, bytes]:
        """
        Return the open directory that a path is in, and its last name, which may be anything or nothing.

        The name is `.` for the root itself. Give the directory to `leave()`.
        """
        raw = self._below(path)
        cut = raw.rfind(b"/")
        if cut == 0:
            return self.fd, raw[1:] or b"."
        head, name = raw[1:cut], raw[cut + 1 :]
        directory = self._directory(head)
        return (directory, name) if directory >= 0 else (self._walk_to(head, name, path), name)

    def parent_of_new(self, path: str) -> tuple[int, bytes]:
        """Return the same for a name that something is to get; NO_SUCH_PATH if the directory is missing."""
        try:
            return self.parent(path)
        except FileNotFoundError:
            raise SFTPError(Status.NO_SUCH_PATH) from None

    def place(self, path: str) -> Place:
        """Return the place of a path itself, whose last name may be a link. Give the directory to `leave()`."""
        directory, name = self.parent(path)
        try:
            return directory, name, os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return directory, name, None
        except BaseException:
            self.leave(directory)
            raise

    def end(self, path: str) -> Place:
        """Return the place of what a path means, links followed. Give the directory to `leave()`."""
        directory, name, status = self.place(path)
        if status is None or not S_ISLNK(status.st_mode):
            return directory, name, status
        self.leave(directory)
        walk = self._walk()
        try:
            walk.to_end(self._below(path))
            if self.judge is not None:
                # What is missing may be made as a folder by nobody who follows links to it.
                self._check(path, walk, walk.name, walk.status is not None and S_ISDIR(walk.status.st_mode))
        except BaseException:
            walk.close()
            raise
        return walk.directory, walk.name, walk.status

    def leave(self, directory: int) -> None:
        """Release a directory that `parent`, `place` or `end` returned."""
        if directory != self.fd:
            os.close(directory)

    def lstat(self, path: str) -> os.stat_result:
        """Return the status of a path itself."""
        directory, name = self.parent(path)
        try:
            return os.stat(name, dir_fd=directory, follow_symlinks=False)
        finally:
            if directory != self.fd:
                os.close(directory)

    def stat(self, path: str) -> os.stat_result:
        """Return the status of what a path means."""
        directory, _, status = self.end(path)
        self.leave(directory)
        if status is None:
            raise fail(ENOENT)
        return status

    def real_path(self, path: str) -> str:
        """
        Return the virtual path of what a path means; what is missing stays as it is written.

        Links are resolved, unless they may lead outside.
        """
        raw = self._below(path)
        if self.links is Links.FOLLOW:
            # Where a link leads may have no path here at all, and the one that it has elsewhere is nobody's business.
            return path
        if raw != b"/":
            directory = self._directory(raw[1:])
            if directory >= 0:  # no link on the way
                os.close(directory)
                return path
        walk = self._bounded_walk()
        try:
            names = walk.canonical(raw)
        finally:
            walk.close()
        real_path = self._named(names)
        # It may be a folder, but nothing is done there.
        return real_path if self.judge is None or self.judge(path, real_path, False) else path

    def descend(self, path: str, base: str = "", *, judge: Judge | None = None) -> Self:
        """
        Return the same for a directory below, which is the root of the new one.

        Args:
            base: as for the class. Where paths stay the same, links are judged as before.
            judge: as for the class.
        """
        if judge is None and base:
            judge = self.judge
        directory, name, status = self.end(path)
        try:
            if status is None:
                raise fail(ENOENT)
            return type(self)(os.open(name, STEP, dir_fd=directory), base, links=self.links, judge=judge)
        finally:
            self.leave(directory)

    def guarded(self, judge: Judge) -> Self:
        """Return the same for the same directory, with links that are judged."""
        return self.descend(self.base or "/", self.base, judge=judge)

    def path_of(self, place: str) -> str:
        """
        Return the virtual path of a place on this machine, links followed.

        Raises:
            SFTPError: PERMISSION_DENIED if it lies neither at nor below the root.
        """
        root = os.fstat(self.fd)
        here, names = os.path.realpath(encode(place), strict=True), []
        # By what a directory is and not by its name: the root may have been given by another one, or moved.
        while not os.path.samestat(os.stat(here), root):
            here, name = os.path.split(here)
            if not name:
                raise SFTPError(Status.PERMISSION_DENIED, "It lies outside the root")
            names.append(decode(name))
        return self.base + "/" + "/".join(reversed(names)) if names else self.base or "/"

    def _below(self, path: str) -> bytes:
        """Return a virtual path as bytes, `/` being the root; refuse what is no such path."""
        # On str, not on bytes: this stands before every call, and looking for a part of bytes takes twice as long.
        if path[:1] != "/" or "/." in path or "//" in path or "\0" in path or (path[-1] == "/" and path != "/"):
            check(path)
        try:
            raw = path.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise SFTPError(Status.INVALID_FILENAME) from None
        if self._base:
            if raw != self._base and not raw.startswith(self._base + b"/"):
                raise SFTPError(Status.PERMISSION_DENIED)
            raw = raw[len(self._base) :] or b"/"
        return raw

    def _directory(self, path: bytes) -> int:
        """Open a directory without following any link; -1 if that takes more care, or fails."""
        if b"/" in path:
            return -1 if self._open_beneath is None else self._open_beneath(self.fd, path)
        try:
            return os.open(path, STEP, dir_fd=self.fd)
        except OSError:
            return -1

    def _walk_to(self, head: bytes, name: bytes, path: str) -> int:
        walk = self._walk()
        try:
            walk.into(head)
            if self.judge is not None:
                self._check(path, walk, name, True)
        except BaseException:
            walk.close()
            raise
        return walk.directory

    def _check(self, path: str, walk: "Walk | FreeWalk", name: bytes, folder: bool) -> None:
        """Refuse what a link may not lead to."""
        assert isinstance(walk, Walk) and self.judge is not None  # see `__init__`
        names = walk.names if name == b"." else [*walk.names, name]
        if not self.judge(path, self._named(names), folder):
            raise SFTPError(Status.PERMISSION_DENIED)

    def _named(self, names: list[bytes]) -> str:
        """Return the virtual path of names below the root."""
        return self.base + decode(b"/" + b"/".join(names)) if names else self.base or "/"

    def _walk(self) -> Walk | FreeWalk:
        return FreeWalk(self.fd) if self.links is Links.FOLLOW else self._bounded_walk()

    def _bounded_walk(self) -> Walk:
        return Walk(self.fd, self._base_parts, follows=self.links is Links.INSIDE)


def encode(path: str) -> bytes:
    """Return a path as the system stores it, whatever the locale says."""
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise SFTPError(Status.INVALID_FILENAME) from None


def decode(raw: bytes) -> str:
    """Return a path as our own code has it."""
    return raw.decode("utf-8", "surrogateescape")


def check(path: str) -> None:
    """Refuse a path that is not absolute and normalised."""
    if path[:1] != "/":
        raise SFTPError(Status.INVALID_FILENAME, "The path is not absolute")
    if "\0" in path:
        raise SFTPError(Status.INVALID_FILENAME, "A name contains a zero byte")
    if path != "/" and any(name in ("", ".", "..") for name in path[1:].split("/")):
        raise SFTPError(Status.INVALID_FILENAME, "The path is not normalised")
