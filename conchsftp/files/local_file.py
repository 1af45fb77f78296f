"""
An open file of the local file system.

Nothing is copied, and no thread is used as long as nothing blocks. Reading asks the page cache first (RWF_NOWAIT), and
only what that lacks goes to a thread. Writing cannot be asked: it follows its mount. Offsets and handles are the
session's.
"""

import os
from collections.abc import Callable, Hashable, Sequence
from errno import EBADF, EFBIG, EINVAL, EIO, EOPNOTSUPP
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from conchsftp.errors import SFTPError
from conchsftp.events.waiting import ready
from conchsftp.files.attributes.accounts import Accounts
from conchsftp.files.attributes.changing import MAX_SIZE
from conchsftp.files.copying import COPY_STEP, copy_step, explained, most_to_copy
from conchsftp.files.descriptor import Descriptor, then
from conchsftp.files.disk.walk import fail
from conchsftp.files.locks import NONE, READING, WRITING, Lock, Locks, refused
from conchsftp.files.scanning import SCAN_STEP, scan_step
from conchsftp.files.stoppable import Stoppable
from conchsftp.files.system_locks import set_lock
from conchsftp.interfaces import ICopy, IFile, ILocks, IReadInto, IScan, ISync, IWriteFrom
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status
from conchsftp.workers import Mount, Workers, shield

Views = Sequence[memoryview | bytearray]
Pieces = Sequence[bytes | bytearray | memoryview]

_NOWAIT = getattr(os, "RWF_NOWAIT", 0)
_IOV_MAX = os.sysconf("SC_IOV_MAX")
_END = -1
"""An offset: wherever the file ends."""


@implementer(IFile, IReadInto, IWriteFrom, ISync, ICopy, IScan, ILocks)
class LocalFile(Descriptor):
    """
    An open regular file.

    Args:
        append: whether every write goes to the end, whatever its offset.
        after_close: called once the file is closed, where closing may block.
        locks: what is locked on the server.
        key, access: what that knows it by, see `Holder`.
    """

    def __init__(
        self,
        descriptor: int,
        mount: Mount,
        workers: Workers,
        accounts: Accounts,
        *,
        append: bool = False,
        after_close: Callable[[], None] | None = None,
        locks: Locks,
        key: Hashable,
        access: int,
    ) -> None:
        super().__init__(descriptor, mount, workers, accounts)
        self._append = append
        self._after_close = after_close
        self.key = key
        self.access = access
        self._locks = locks
        self._held = locks.held

    def read(self, offset: int, length: int) -> "bytes | Deferred[bytes]":
        buffer = bytearray(length)
        count = self.read_into((buffer,), offset)
        if count is None:
            return self._run(_read_now, self._fd, offset, length)
        return bytes(memoryview(buffer)[:count])

    def read_into(self, views: Views, offset: int) -> int | None:
        if self._held:
            self._check_reading(offset, sum(map(len, views)))
        mount = self._mount
        if not mount.nowait:
            return self._read_inline(views, offset)
        try:
            count = os.preadv(self._fd, views, offset, _NOWAIT)
        except BlockingIOError:
            return None
        except (OSError, OverflowError) as problem:
            if isinstance(problem, OSError) and problem.errno == EOPNOTSUPP:
                mount.nowait = False
            # Whatever it was, reading without the flag tells.
            return self._read_inline(views, offset)
        # A short answer means that the rest is not in memory, or that there is none. Linux 5.9 and 5.10 say 0 for the
        # first as well (readv(2), BUGS): so the size decides.
        if count == sum(map(len, views)) or offset + count >= os.fstat(self._fd).st_size:
            return count
        return None

    def write(self, offset: int, data: bytes) -> "None | Deferred[None]":
        return self.write_from((data,), offset)

    def write_from(self, pieces: Pieces, offset: int) -> "None | Deferred[None]":
        if self._append:
            offset = _END
        write = self._write_unlocked if self._held else _write_all
        # Only one place asks the mount, and it has to know first: the pieces lie in a buffer that is used again.
        return self._workers.call(self._mount, write, self._fd, pieces, offset, run=self._write_later)

    def set_attributes(self, attributes: Attributes) -> "None | Deferred[None]":
        if not self._held:
            return super().set_attributes(attributes)
        wanted = attributes.size, attributes.allocation_size

        def change(status: os.stat_result) -> "None | Deferred[None]":
            self._locks.check_resizing(self, self.key, status.st_size, *wanted)
            return super(LocalFile, self).set_attributes(attributes)

        return then(self._call(os.fstat, self._fd), change)

    def lock(self, offset: int, length: int, mask: int) -> "None | Deferred[None]":
        if length:
            return self._lock(offset, length, mask, 0)
        return then(self._call(os.fstat, self._fd), lambda status: self._lock(offset, length, mask, status.st_size))

    def unlock(self, offset: int, length: int) -> "None | Deferred[None]":
        lock = self._locks.find(self, offset, length)
        kind = self._locks.kind_around(self)
        released = self._call(set_lock, self._fd, kind, lock.start, lock.end) if lock.kind != NONE else None
        return then(released, lambda _: self._locks.withdraw(lock))

    def sync(self) -> "Deferred[None]":
        return self._run(os.fsync, self._fd)

    def copy_to(self, target: Any, offset: int, length: int, target_offset: int) -> Stoppable:
        """
        Copy in threads, a step at a time; see `IStoppable`.

        Raises:
            SFTPError: INVALID_PARAMETER if both are one file and the ranges overlap; EOF, after the copying, if this
                file ends before `length`; OP_UNSUPPORTED if `target` is no local file.
        """
        if not isinstance(target, LocalFile):
            raise SFTPError(Status.OP_UNSUPPORTED, "Both files must be of the same file system")
        return Stoppable(lambda going: self._copy(going, target, offset, length, target_offset))

    async def _copy(self, going: Stoppable, target: "LocalFile", offset: int, length: int, target_offset: int) -> int:
        copied = 0
        most = await self._run_for(target, most_to_copy, self._fd, target._fd, offset, length, target_offset)
        while copied < most:
            going.go_on()
            if self.closing or target.closing:
                raise SFTPError(Status.FAILURE, "The file was closed while it was copied")
            step = min(most - copied, COPY_STEP)
            at = _END if target._append else target_offset + copied
            if self._held:
                await self._run_for(target, self._check_copying, target, offset + copied, at, step)
            last = copied + step == most
            count = await self._run_for(target, copy_step, self._fd, offset + copied, target._fd, at, step, last)
            copied += count
            if count < step:
                break
        if copied < length:
            raise SFTPError(Status.EOF, "The file ends before the range does")
        return copied

    def _run_for(self, target: "LocalFile", function: Callable[..., int], *args: Any) -> "Deferred[int]":
        """Make a blocking call in a thread that uses both files."""
        return shield(self._use(target._use(self._workers.thread(function, *args))))

    def scan(self, take: Callable[[Any], None], offset: int, length: int, source: Hashable = None) -> "Deferred[None]":
        """Read in threads, a step at a time; of the threads that there are, scans never take more than a few."""
        return Deferred.fromCoroutine(
            self._scan(take, offset, min(offset + length, MAX_SIZE) if length else MAX_SIZE, source)
        )

    async def _scan(self, take: Callable[[Any], None], offset: int, end: int, source: Hashable) -> None:
        while offset < end:
            if self.closing:
                raise SFTPError(Status.FAILURE, "The file was closed while it was read")
            step = min(end - offset, SCAN_STEP)
            if self._held:
                await ready(self._call(self._check_reading, offset, step))
            work = self._workers.scans.run(scan_step, self._fd, offset, step, take, source=source)
            count = await shield(self._use(work))
            offset += count
            if count < step:
                break

    def _lock(self, offset: int, length: int, mask: int, size: int) -> "None | Deferred[None]":
        lock = self._locks.grant(self, offset, length, mask, size)
        if lock.kind == NONE:
            return None
        # With the whole file locked by its OPEN, a part is not to be locked less than that.
        kind = max(lock.kind, self._locks.kind_around(self))
        try:
            got = self._workers.call(
                self._mount, set_lock, self._fd, kind, lock.start, lock.end, run=self._run_unshielded
            )
        except BaseException:
            self._locks.withdraw(lock)
            raise
        if isinstance(got, Deferred):
            # Whether anybody still waits or not: what the system does not know must not stand in the table.
            return shield(got.addErrback(self._not_locked, lock).addCallback(self._locked, lock))
        self._locked(got, lock)
        return None

    def _locked(self, got: bool, lock: Lock) -> None:
        if not got:
            self._locks.withdraw(lock)
            raise refused("Another program on the server has locked some of it")

    def _not_locked(self, failure: Any, lock: Lock) -> Any:
        self._locks.withdraw(lock)
        return failure

    def _write_unlocked(self, descriptor: int, pieces: Pieces, offset: int) -> None:
        """Write, unless others have locked the place. A blocking call."""
        self._check_writing(descriptor, offset, sum(map(len, pieces)))
        _write_all(descriptor, pieces, offset)

    def _check_copying(self, target: "LocalFile", offset: int, target_offset: int, length: int) -> int:
        """Refuse to copy what others have locked, or to where they have. A blocking call."""
        there = self._check_reading(offset, length)
        return target._check_writing(target._fd, target_offset, there)

    def _check_reading(self, offset: int, length: int) -> int:
        """Refuse to read what others have locked; return how much there is before the end. A blocking call."""
        there = min(length, os.fstat(self._fd).st_size - offset)
        self._locks.check(self, self.key, READING, offset, there)
        return there

    def _check_writing(self, descriptor: int, offset: int, length: int) -> int:
        """Refuse to write where others have locked. A blocking call."""
        start = os.fstat(descriptor).st_size if offset == _END else offset
        self._locks.check(self, self.key, WRITING, start, length)
        return 0

    def _release(self) -> "None | Deferred[None]":
        # Not before the system has released it: whoever was granted the lock meanwhile would not get it there.
        released = None
        try:
            released = super()._release()
            return released if released is None else released.addBoth(self._left)
        finally:
            if released is None:
                self._locks.leave(self)

    def _left(self, outcome: Any) -> Any:
        self._locks.leave(self)
        return outcome

    def _run_unshielded(self, function: Callable[..., bool], *args: Any) -> "Deferred[bool]":
        return self._use(self._workers.thread(function, *args))

    def _read_inline(self, views: Views, offset: int) -> int | None:
        return self._workers.call(self._mount, _fill, self._fd, views, offset, run=_not_now)

    def _write_later(self, function: Any, descriptor: int, pieces: Pieces, offset: int) -> "Deferred[None]":
        return self._run(function, descriptor, (b"".join(pieces),), offset)

    def _close_now(self, descriptor: int) -> None:
        try:
            os.close(descriptor)
        finally:
            if self._after_close is not None:
                self._after_close()


def _read_now(descriptor: int, offset: int, length: int) -> bytes:
    """Read until there is enough or the file ends. A blocking call."""
    buffer = bytearray(length)
    count = _fill(descriptor, (buffer,), offset)
    return bytes(memoryview(buffer)[:count])


def _fill(descriptor: int, views: Views, offset: int) -> int:
    """Read until the views are full or the file ends; return how many bytes came. A blocking call."""
    wanted = sum(map(len, views))
    if offset > MAX_SIZE - wanted:
        return 0  # no file is that long
    total = 0
    try:
        while total < wanted:
            count = os.preadv(descriptor, views[:_IOV_MAX], offset + total)
            if count == 0:
                break
            total += count
            if total < wanted:
                views = _after(views, count)
    except OSError as problem:
        raise explained(problem, "reading") from None
    return total


def _not_now(*args: Any) -> None:
    """Say that it would take a thread."""


def _write_all(descriptor: int, pieces: Pieces, offset: int) -> None:
    """Write every byte. A blocking call, unless all goes into the page cache."""
    try:
        written = os.pwritev(descriptor, pieces, offset)
    except (OSError, OverflowError) as problem:
        if isinstance(problem, OSError) and problem.errno not in (EINVAL, EBADF):
            raise
        # An append handle, too many pieces at once, or a mistake: what it was shows when it is done piece by piece.
        written = 0
    left = sum(map(len, pieces)) - written
    if left:
        _write_rest(descriptor, _after(pieces, written), offset if offset == _END else offset + written, left)


def _write_rest(descriptor: int, pieces: Pieces, offset: int, left: int) -> None:
    if offset > MAX_SIZE - left:
        raise fail(EFBIG)
    try:
        while left:
            some = pieces[:_IOV_MAX]
            count = os.writev(descriptor, some) if offset == _END else os.pwritev(descriptor, some, offset)
            if count == 0:
                raise fail(EIO)
            left -= count
            pieces = _after(pieces, count)
            offset += count if offset != _END else 0
    except OSError as problem:
        raise explained(problem, "writing") from None


def _after(views: Sequence[Any], count: int) -> list[memoryview]:
    """Return views of what comes after the first `count` bytes."""
    rest = []
    for view in views:
        size = len(view)
        if count < size:
            rest.append(memoryview(view)[count:])
        count = max(count - size, 0)
    return rest
