"""
A rename from one file system to another, which the system refuses: copy, put in place, remove.

What takes time are blocking calls, made a step at a time in threads. A move that fails or is stopped leaves everything
as it was. Access control lists and extended attributes are not copied. Source: rename(2), "EXDEV".
"""

import os
import secrets
from errno import EACCES, EEXIST, EISDIR, EROFS, EXDEV
from stat import S_IMODE, S_ISDIR, S_ISGID, S_ISLNK, S_ISREG, S_ISUID

from twisted.internet.defer import Deferred
from zope.interface import implementer

from conchsftp.errors import SFTPError
from conchsftp.files.beneath import Beneath
from conchsftp.files.copying import COPY_STEP, copy_step
from conchsftp.files.disk.walk import SAFELY, fail
from conchsftp.interfaces import IStoppable
from conchsftp.sftp.statuses import Status, status_of_errno
from conchsftp.workers import Workers

_COPY = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NONE = -1


@implementer(IStoppable)
class Moving(Deferred[None]):
    """The outcome of a move that goes on in threads."""

    def __init__(self, crossing: "Crossing", workers: Workers) -> None:
        super().__init__()
        self._crossing = crossing
        Deferred.fromCoroutine(self._go_on(workers)).chainDeferred(self)

    def stop(self) -> None:
        self._crossing.stopped = True

    def cancel(self) -> None:
        """Stop; it fires when everything is undone, as if it had failed by itself."""
        self.stop()

    async def _go_on(self, workers: Workers) -> None:
        while not await workers.run(self._crossing.step):
            pass


class Crossing:
    """
    One rename, of a file or a link, that may lead to another file system.

    Args:
        beneath: both paths are beneath its root.
        replace: whether the new name may exist.

    Attributes:
        stopped: set it to have the next step undo everything and fail; from any thread.
    """

    def __init__(self, beneath: Beneath, path: str, new_path: str, replace: bool) -> None:
        self.stopped = False
        self._beneath = beneath
        self._paths = path, new_path
        self._replace = replace
        self._directory = self._new_directory = self._source = self._target = _NONE
        self._name = self._new_name = self._copy = b""
        self._status: os.stat_result | None = None
        self._offset = 0

    def step(self) -> bool:
        """Do a part of it, and return whether that was the last. A step that fails has undone all of them."""
        try:
            self._check_stopped()
            done = self._go_on() if self._status is not None else self._begin()
            if not done:
                # Now, too: there may be no thread for another step when the server ends.
                self._check_stopped()
        except BaseException:
            self._release()
            raise
        if done:
            self._release()
        return done

    def _check_stopped(self) -> None:
        if self.stopped:
            raise SFTPError(Status.FAILURE, "The file was not moved: the session ended")

    def _begin(self) -> bool:
        """Rename, or prepare the copy; return whether everything is done."""
        try:
            self._beneath.rename(*self._paths, self._replace)
            return True
        except OSError as problem:
            if problem.errno != EXDEV:
                raise
        self._directory, self._name = self._beneath.parent(self._paths[0])
        self._new_directory, self._new_name = self._beneath.parent(self._paths[1])
        status = self._status = os.stat(self._name, dir_fd=self._directory, follow_symlinks=False)
        self._check(status)
        # Hidden, and beside the target: whoever reads the copy before it is whole must want to.
        copy = b".conchsftp-" + secrets.token_hex(8).encode()
        if S_ISLNK(status.st_mode):
            self._copy_link(copy, status)
            return True
        self._source = os.open(self._name, os.O_RDONLY | SAFELY, dir_fd=self._directory)
        self._status = os.fstat(self._source)
        self._check(self._status)
        self._target = os.open(copy, _COPY, 0o600, dir_fd=self._new_directory)
        self._copy = copy
        return False

    def _go_on(self) -> bool:
        """Copy a step, and finish after the last one."""
        assert self._status is not None
        # Not the last step, as far as one can know: a hole goes on in the next.
        count = copy_step(self._source, self._offset, self._target, self._offset, COPY_STEP, last=False)
        self._offset += count
        if count == COPY_STEP:
            return False
        now = os.fstat(self._source)
        if (now.st_size, now.st_mtime_ns) != (self._status.st_size, self._status.st_mtime_ns):
            # A rename would have kept what is written meanwhile.
            raise SFTPError(Status.FAILURE, "The file was changed while it was moved")
        # Copying has read the file: the time of its last reading is that of before.
        _dress(self._target, now, (self._status.st_atime_ns, now.st_mtime_ns))
        os.fsync(self._target)
        self._put_in_place(now)
        return True

    def _copy_link(self, copy: bytes, status: os.stat_result) -> None:
        os.symlink(os.readlink(self._name, dir_fd=self._directory), copy, dir_fd=self._new_directory)
        self._copy = copy
        try:
            os.chown(copy, status.st_uid, status.st_gid, dir_fd=self._new_directory, follow_symlinks=False)
        except OSError:
            pass
        times = (status.st_atime_ns, status.st_mtime_ns)
        os.utime(copy, ns=times, dir_fd=self._new_directory, follow_symlinks=False)
        self._put_in_place(status)

    def _check(self, status: os.stat_result) -> None:
        """Refuse what cannot be moved, before anything is copied."""
        if S_ISDIR(status.st_mode):
            raise SFTPError(Status.FAILURE, "A directory cannot be moved to another file system")
        if not S_ISREG(status.st_mode) and not S_ISLNK(status.st_mode):
            raise SFTPError(Status.FAILURE, "Devices, pipes and sockets cannot be moved to another file system")
        self._beneath.check_removing(self._directory, self._name)
        if not os.access(b".", os.W_OK | os.X_OK, dir_fd=self._directory, effective_ids=True):
            # Found out now, and not when the copy stands there and the original cannot be removed.
            read_only = os.fstatvfs(self._directory).f_flag & os.ST_RDONLY
            raise fail(EROFS if read_only else EACCES)
        try:
            there = os.stat(self._new_name, dir_fd=self._new_directory, follow_symlinks=False)
        except FileNotFoundError:
            return
        if not self._replace:
            raise fail(EEXIST)
        if S_ISDIR(there.st_mode):
            raise fail(EISDIR)

    def _put_in_place(self, status: os.stat_result) -> None:
        """Give the copy its name, and remove the original: in this order, so that there is always one of them."""
        self._beneath.move(self._new_directory, self._copy, self._new_directory, self._new_name, self._replace)
        self._copy = b""
        _sync(self._new_directory)
        try:
            self._beneath.remove_same(self._directory, self._name, status)
        except OSError as problem:
            if not self._replace:
                os.unlink(self._new_name, dir_fd=self._new_directory)
                raise
            text = "The file was copied, but the original could not be removed"
            raise SFTPError(status_of_errno(problem.errno), text) from None

    def _release(self) -> None:
        """Remove the copy that has no name yet, and close what is open."""
        if self._copy:
            try:
                os.unlink(self._copy, dir_fd=self._new_directory)
            except OSError:
                pass  # what went wrong before is the answer
        for descriptor in (self._source, self._target):
            if descriptor != _NONE:
                os.close(descriptor)
        for directory in (self._directory, self._new_directory):
            if directory != _NONE:
                self._beneath.leave(directory)


def _dress(descriptor: int, status: os.stat_result, times: tuple[int, int]) -> None:
    """Give a copy the owner, the mode and the times of the original, as far as that is allowed."""
    mode = S_IMODE(status.st_mode)
    # Without its owner or its group a program must not run as them.
    for uid, gid, bit in ((-1, status.st_gid, S_ISGID), (status.st_uid, -1, S_ISUID)):
        try:
            os.fchown(descriptor, uid, gid)
        except OSError:
            mode &= ~bit
    os.fchmod(descriptor, mode)
    os.utime(descriptor, ns=times)


def _sync(directory: int) -> None:
    """Have the names in a directory survive a crash, where the directory can be opened for that."""
    try:
        descriptor = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
