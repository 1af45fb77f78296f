"""
What is done to a path beneath one directory: opening, creating, renaming, removing, linking, changing.

Each takes an open directory and a name from `Confine`, and makes calls that follow no link. These are blocking calls,
for any thread; none keeps state.
"""

import os
from dataclasses import dataclass
from errno import EBUSY, EEXIST, EINVAL, EISDIR, ELOOP, ENOENT, ENOSYS, EOPNOTSUPP, EPERM
from stat import S_ISDIR, S_ISLNK, S_ISREG

from conchsftp.errors import SFTPError
from conchsftp.files.attributes.changes import Changes
from conchsftp.files.attributes.changing import MAX_SIZE, truncate
from conchsftp.files.attributes.making import Making
from conchsftp.files.disk.calls import find_rename_exclusively
from conchsftp.files.disk.confine import Confine, Judge, Place, decode, encode
from conchsftp.files.disk.links import Links
from conchsftp.files.disk.walk import ITSELF, SAFELY, fail
from conchsftp.files.locks import DELETING, NONE, READING, WRITING, Locks, kind_of
from conchsftp.files.system_locks import set_lock
from conchsftp.sftp.statuses import Status

ATTEMPTS = 16
"""How often opening starts again because others create and remove the same name meanwhile."""


@dataclass(slots=True)
class Opened:
    """
    An open file.

    Attributes:
        descriptor: to be closed by whoever gets it.
        status: of the file.
        directory, name: where it stands. The directory is a descriptor of its own if it was asked for; else -1.
        made: whether it was not there before.
    """

    descriptor: int
    status: os.stat_result
    directory: int
    name: bytes
    made: bool = False

    def close(self) -> None:
        """Release what nobody wants any more."""
        os.close(self.descriptor)
        self.leave()

    def leave(self) -> None:
        """Release the directory."""
        if self.directory >= 0:
            os.close(self.directory)
            self.directory = -1


class Beneath(Confine):
    """A directory that is not left, and what can be done in it."""

    def __init__(
        self, root: str | bytes | int, base: str = "", *, links: Links = Links.INSIDE, judge: Judge | None = None
    ) -> None:
        super().__init__(root, base, links=links, judge=judge)
        self._rename_exclusively = find_rename_exclusively()
        self.locks = Locks()
        """What nobody may do to a file because somebody has locked it; the owner puts that of the server here."""

    def open(
        self, path: str, flags: int, making: Making | None, *, deletes: bool = False, keep_directory: bool = False
    ) -> Opened:
        """
        Open a regular file, or create it.

        Args:
            flags: of open(2). Nothing is truncated unless O_TRUNC is among them.
            making: for a file that is created; None: O_CREAT is ignored.
            deletes: whether the file is to be removed later; then the result holds the directory, too.
            keep_directory: whether it does so anyway.
        Raises:
            OSError: EISDIR, EEXIST (O_EXCL), ELOOP (O_NOFOLLOW and a link).
            SFTPError: FAILURE for what is neither file nor directory.
        """
        exclusive = flags & os.O_EXCL
        find = self.place if exclusive or flags & os.O_NOFOLLOW else self.end
        if not flags & os.O_CREAT:
            making = None
        flags = flags & ~(os.O_CREAT | os.O_EXCL) | SAFELY
        for attempt in range(ATTEMPTS):
            # A new file is the usual case, so creating is tried before anything is looked at.
            place: Place = find(path) if making is None or attempt else (*self.parent(path), None)
            try:
                if self.locks.held and place[2] is not None:
                    access = access_of(flags, deletes=deletes)
                    self.locks.check_opening(key_of(place[2]), access, truncates=bool(flags & os.O_TRUNC))
                opened = _try_to_open(place, flags, making)
                if opened is not None:
                    if deletes or keep_directory:
                        _keep(opened, place[0])
                    return opened
            finally:
                self.leave(place[0])
            if exclusive:
                raise fail(EEXIST)
        raise SFTPError(Status.FAILURE, "The file is created and removed again all the time")

    def open_alone(self, path: str, flags: int, making: Making | None, mask: int, *, deletes: bool) -> Opened:
        """
        Open a file as `open` does, and lock all of it; nothing is truncated before that.

        Args:
            mask: the BLOCK bits of the flags of OPEN.
        Raises:
            SFTPError: LOCK_CONFLICT if it is open elsewhere, or locked by another program; OP_UNSUPPORTED on a disk
                without locks, and no file was made then.
        """
        opened = self.open(path, flags & ~os.O_TRUNC, making, deletes=deletes, keep_directory=True)
        try:
            truncates, access = bool(flags & os.O_TRUNC), access_of(flags, deletes=deletes)
            self.locks.check_opening(key_of(opened.status), access, mask, truncates=truncates)
            kind = kind_of(mask, access)
            if kind != NONE and not self._lock_whole(opened, kind):
                raise SFTPError(Status.LOCK_CONFLICT, "Another program on the server has locked the file")
            if truncates:
                truncate(opened.descriptor, 0)
        except BaseException:
            opened.close()
            raise
        if not deletes:
            opened.leave()
        return opened

    def _lock_whole(self, opened: Opened, kind: int) -> bool:
        """Lock a file for other programs; remove it again if it was made for this, and cannot be locked here."""
        try:
            return set_lock(opened.descriptor, kind, 0, MAX_SIZE + 1)
        except BaseException:
            if opened.made:
                self.remove_same(opened.directory, opened.name, opened.status)
            raise

    def open_directory(self, path: str) -> tuple[int, os.stat_result]:
        """Open a directory for reading; return it and the status of the directory above (its own, at the root)."""
        directory, name, status = self.end(path)
        try:
            if status is None:
                raise fail(ENOENT)
            above = os.stat(b".", dir_fd=directory)
            return os.open(name, os.O_RDONLY | os.O_DIRECTORY | SAFELY, dir_fd=directory), above
        finally:
            self.leave(directory)

    def change(self, path: str, changes: Changes, follow: bool) -> None:
        """Change a file, a directory or, with `follow` False, a link itself."""
        directory, name, status = self.end(path) if follow else self.place(path)
        try:
            if status is None:
                raise fail(ENOENT)
            if self.locks.held:
                self.locks.check_resizing(None, key_of(status), status.st_size, changes.length(status.st_size))
            changes.apply_at(directory, name, status)
        finally:
            self.leave(directory)

    def make_directory(self, path: str, making: Making) -> None:
        """Create a directory."""
        directory, name = self.parent(path)
        try:
            os.mkdir(name, making.mode, dir_fd=directory)
            try:
                making.finish_directory(directory, name)
            except BaseException:
                os.rmdir(name, dir_fd=directory)
                raise
        finally:
            self.leave(directory)

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory."""
        directory, name = self.parent(path)
        try:
            if name == b".":
                raise fail(EBUSY)
            os.rmdir(name, dir_fd=directory)
        finally:
            self.leave(directory)

    def remove(self, path: str) -> None:
        """Remove a file or a link."""
        directory, name = self.parent(path)
        try:
            self.check_removing(directory, name)
            os.unlink(name, dir_fd=directory)
        except PermissionError:
            # POSIX lets a system say EPERM to the unlinking of a directory; Linux says EISDIR.
            if S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
                raise fail(EISDIR) from None
            raise
        finally:
            self.leave(directory)

    def check_removing(self, directory: int, name: bytes) -> None:
        """Refuse to remove, or to replace, what somebody has locked against that."""
        if self.locks.held:
            try:
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            except OSError:
                return  # what is wrong with it, removing tells
            self.locks.check_removing(key_of(status))

    def remove_same(self, directory: int, name: bytes, status: os.stat_result) -> None:
        """Remove a name if it is still that of a certain file."""
        try:
            now = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if (now.st_dev, now.st_ino) == (status.st_dev, status.st_ino):
                os.unlink(name, dir_fd=directory)
        except FileNotFoundError:
            pass

    def rename(self, path: str, new_path: str, replace: bool) -> None:
        """Rename; EEXIST if the new name exists, unless it may be replaced."""
        directory, name = self.parent(path)
        try:
            self.links.check_renaming(directory, name)
            new_directory, new_name = self.parent_of_new(new_path)
            try:
                self.move(directory, name, new_directory, new_name, replace)
            finally:
                self.leave(new_directory)
        finally:
            self.leave(directory)

    def move(self, directory: int, name: bytes, new_directory: int, new_name: bytes, replace: bool) -> None:
        """Rename a name in an open directory; EEXIST if the new name exists, unless it may be replaced."""
        if replace:
            self.check_removing(new_directory, new_name)
            os.rename(name, new_name, src_dir_fd=directory, dst_dir_fd=new_directory)
        else:
            self._rename_without_replacing(directory, name, new_directory, new_name)

    def read_link(self, path: str) -> str:
        """Return the target of a link as it is stored."""
        directory, name = self.parent(path)
        try:
            return decode(os.readlink(name, dir_fd=directory))
        finally:
            self.leave(directory)

    def make_symlink(self, path: str, target: str) -> None:
        """Create a symbolic link; its target is stored as it is given."""
        raw = encode(target)
        if b"\0" in raw:
            raise SFTPError(Status.INVALID_FILENAME, "The target contains a zero byte")
        self.links.check_making()
        directory, name = self.parent(path)
        try:
            os.symlink(raw, name, dir_fd=directory)
        finally:
            self.leave(directory)

    def make_hard_link(self, path: str, new_path: str) -> None:
        """Give a file a second name. Of a link, the link itself gets it."""
        directory, name = self.parent(path)
        try:
            self.links.check_linking(directory, name)
            new_directory, new_name = self.parent_of_new(new_path)
            try:
                os.link(name, new_name, src_dir_fd=directory, dst_dir_fd=new_directory, follow_symlinks=False)
            except PermissionError:
                # "EPERM: oldpath is a directory." (link(2)) It has other reasons, too.
                if S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
                    raise fail(EISDIR) from None
                raise
            finally:
                self.leave(new_directory)
        finally:
            self.leave(directory)

    def space(self, path: str) -> os.statvfs_result:
        """Return how full the file system is that holds what a path means."""
        directory, name, status = self.end(path)
        try:
            if status is None:
                raise fail(ENOENT)
            descriptor = os.open(name, ITSELF, dir_fd=directory)
        finally:
            self.leave(directory)
        try:
            return os.fstatvfs(descriptor)
        finally:
            os.close(descriptor)

    def _rename_without_replacing(self, directory: int, name: bytes, new_directory: int, new_name: bytes) -> None:
        if self._rename_exclusively is not None:
            try:
                return self._rename_exclusively(directory, name, new_directory, new_name)
            except OSError as problem:
                # EINVAL has other reasons as well; the slower way finds them again.
                if problem.errno not in (ENOSYS, EINVAL, EOPNOTSUPP):
                    raise
        if not S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            try:
                os.link(name, new_name, src_dir_fd=directory, dst_dir_fd=new_directory, follow_symlinks=False)
            except OSError as problem:
                # "EPERM: the filesystem … does not support the creation of hard links." (link(2))
                if problem.errno not in (EPERM, ENOSYS, EOPNOTSUPP):
                    raise
            else:
                return _unlink_or_undo(directory, name, new_directory, new_name)
        # What cannot be linked is renamed after a look. rename(2) itself replaces no directory that is not empty.
        try:
            os.stat(new_name, dir_fd=new_directory, follow_symlinks=False)
        except FileNotFoundError:
            return os.rename(name, new_name, src_dir_fd=directory, dst_dir_fd=new_directory)
        raise fail(EEXIST)


def key_of(status: os.stat_result) -> tuple[int, int]:
    """Return what a file is known by in the table of locks."""
    return status.st_dev, status.st_ino


def access_of(flags: int, *, deletes: bool) -> int:
    """Return what the flags of open(2) open a file for, as the table of locks says it."""
    return _ACCESS[flags & os.O_ACCMODE] | (DELETING if deletes else 0)


_ACCESS = {os.O_RDONLY: READING, os.O_WRONLY: WRITING, os.O_RDWR: READING | WRITING}


def _unlink_or_undo(directory: int, name: bytes, new_directory: int, new_name: bytes) -> None:
    """Remove the old of two names; if that is refused, the new one, so that a rename that fails changes nothing."""
    try:
        os.unlink(name, dir_fd=directory)
    except OSError:
        os.unlink(new_name, dir_fd=new_directory)
        raise


def _try_to_open(place: Place, flags: int, making: Making | None) -> Opened | None:
    """Open or create one name; return None if something else stands there than the place says."""
    directory, name, status = place
    if status is None:
        return _create(directory, name, flags, making)
    if S_ISLNK(status.st_mode):
        raise fail(ELOOP)
    _refuse_special(status)
    try:
        descriptor = os.open(name, flags, dir_fd=directory)
    except OSError as problem:
        if problem.errno == ELOOP or (problem.errno == ENOENT and making is not None):
            return None
        raise
    return _checked(descriptor, name)


def _keep(opened: Opened, directory: int) -> None:
    try:
        opened.directory = os.dup(directory)
    except BaseException:
        os.close(opened.descriptor)
        raise


def _create(directory: int, name: bytes, flags: int, making: Making | None) -> Opened | None:
    if making is None:
        raise fail(ENOENT)
    try:
        descriptor = os.open(name, flags | os.O_CREAT | os.O_EXCL, making.mode, dir_fd=directory)
    except FileExistsError:
        return None
    opened = _checked(descriptor, name)
    try:
        making.finish_file(descriptor, opened.status)
    except BaseException:
        os.close(descriptor)
        os.unlink(name, dir_fd=directory)
        raise
    opened.made = True
    return opened


def _checked(descriptor: int, name: bytes) -> Opened:
    try:
        status = os.fstat(descriptor)
        _refuse_special(status)
    except BaseException:
        os.close(descriptor)
        raise
    return Opened(descriptor, status, -1, name)


def _refuse_special(status: os.stat_result) -> None:
    if S_ISDIR(status.st_mode):
        raise fail(EISDIR)
    if not S_ISREG(status.st_mode):
        raise SFTPError(Status.FAILURE, "Not a regular file: devices, pipes and sockets are not opened")
