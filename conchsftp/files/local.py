"""
The local file system, beneath one directory.

Puts together what stands elsewhere: where a path leads (`confine`), what is done there (`beneath`), where the blocking
calls run (`mounts`, `workers`), what comes of it (`stat`, `local_file`, `local_directory`). Sessions, versions and
permissions of users are not known here.
"""

import os
from collections.abc import Callable, Set
from copy import copy
from errno import EPERM, EXDEV
from functools import lru_cache, partial
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from conchsftp.errors import SFTPError
from conchsftp.files.attributes.accounts import Accounts
from conchsftp.files.attributes.changes import SETS, SETS_LISTS, effort, wanted
from conchsftp.files.attributes.details import Details, tells
from conchsftp.files.attributes.making import DIRECTORY_MODE, FILE_MODE, Modes
from conchsftp.files.attributes.marks import SETTABLE
from conchsftp.files.attributes.settable import Effort
from conchsftp.files.attributes.stat import of_stat
from conchsftp.files.beneath import Beneath, Opened, access_of, key_of
from conchsftp.files.crossing import Crossing, Moving
from conchsftp.files.descriptor import Descriptor, then
from conchsftp.files.detailed import DetailedDirectory, DetailedFile
from conchsftp.files.disk.confine import Judge, encode
from conchsftp.files.disk.links import Links
from conchsftp.files.local_directory import LocalDirectory
from conchsftp.files.local_file import LocalFile
from conchsftp.files.locks import MASKS, Locks, mask_of
from conchsftp.files.mounts import Mounts
from conchsftp.files.system_locks import POSSIBLE
from conchsftp.interfaces import (
    IAccountNumbers,
    IAccounts,
    ICopy,
    IDetails,
    IFileSystem,
    IGuarded,
    IHardLinks,
    ILinks,
    ILocking,
    ILocks,
    IOnDisk,
    IReadInto,
    IRestrict,
    IScan,
    ISpace,
    ISync,
    IWriteFrom,
)
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import REPLACING, ACLSupport, OpenFlag
from conchsftp.sftp.open_mode import to_os_flags
from conchsftp.sftp.statuses import Status
from conchsftp.workers import Mount, Workers, shield

R = TypeVar("R")

_MASKS = MASKS if POSSIBLE else frozenset()
_Opening = tuple[Opened, int, int]
"""An open file, the flags of open(2), and the mask that it is locked with."""


@implementer(IFileSystem, ILinks, IHardLinks, ILocking, ISpace, IAccounts, IAccountNumbers)
@implementer(IRestrict, IGuarded, IOnDisk, IDetails)
class LocalFileSystem:
    """
    Serves the files beneath a directory, and nothing outside it.

    Links are followed inside the directory: an absolute target starts at it, `..` does not lead above it. With the
    `symlink_policy` of `follow` they lead outside, too.

    Args:
        root: the place of the directory. It stays the same directory, even if it is renamed.
        workers: where blocking calls run.
        accounts: names of users and groups; share one among file systems.
        umask: bits that new files and directories do not get; None for the umask of the process.
        file_mode, directory_mode: permissions of new files and directories for which a client asks none.
        force_modes: whether these two hold whatever a client asks, and no umask takes from them.
        cross_device_rename: `copy` has what is renamed to another file system copied there; `fail` refuses it.
        symlink_policy: `inside`, `deny` or `follow`, see `Links`.
    """

    file_abilities = (IReadInto, IWriteFrom, ISync, ICopy, IScan, ILocks)
    lock_masks = open_lock_masks = _MASKS
    attrib_bits = SETTABLE

    def __init__(
        self,
        root: str | bytes,
        *,
        workers: Workers,
        accounts: Accounts | None = None,
        umask: int | None = None,
        file_mode: int = FILE_MODE,
        directory_mode: int = DIRECTORY_MODE,
        force_modes: bool = False,
        cross_device_rename: str = "fail",
        symlink_policy: str = "inside",
    ) -> None:
        self._crosses = {"fail": False, "copy": True}[cross_device_rename]
        self._workers = workers
        self._locks = workers.shared(Locks)
        self._modes = Modes(umask=umask, file=file_mode, directory=directory_mode, forced=force_modes)
        self._accounts = accounts if accounts is not None else Accounts(workers)
        self._serve(Beneath(root, links=Links(symlink_policy)))

    def _serve(self, beneath: Beneath) -> None:
        """Serve the files of a directory, and tell no details of them."""
        beneath.locks = self._locks
        self._beneath = beneath
        self._mounts = Mounts(self._workers, beneath.fd, beneath.base)
        self._details: Details | None = None
        self._tells: frozenset[str] | None = None
        # Asked for with every LSTAT: what a conversation with details has instead is decided once, by `detailed`.
        self._stat_now: Callable[[str], Any] = beneath.stat
        self._lstat_now: Callable[[str], Any] = beneath.lstat
        self._tell: Callable[[Any], Attributes] = partial(_attributes, self._accounts)

    def rooted_at(self, path: str) -> "LocalFileSystem | Deferred[LocalFileSystem]":
        """Return a file system that shows the directory at `path` as `/`, and nothing above it."""
        return then(self._call(self._beneath.descend, path), self._again)

    def rooted_at_place(self, place: str) -> "Deferred[LocalFileSystem]":
        """
        Return a file system that shows the directory at a place on this machine as `/`; see `IOnDisk`.

        In a thread: the place may lie on a file server that does not answer.
        """
        return self._workers.run(self._rooted_now, place)

    def restricted_to(self, path: str) -> "LocalFileSystem | Deferred[LocalFileSystem]":
        """
        Return a file system that shows the same paths as this one, but only those at and below `path`.

        Everything else, and links that lead there, is PERMISSION_DENIED.
        """
        return then(self._call(self._beneath.descend, path, path), self._again)

    def guarded_by(self, judge: Judge) -> "LocalFileSystem | Deferred[LocalFileSystem]":
        """Return a file system that shows the same files, and follows a link only where it may; see `IGuarded`."""
        return then(self._workers.call(self._mounts.own, self._beneath.guarded, judge), self._again)

    def _again(self, beneath: Beneath) -> "LocalFileSystem":
        """Return a file system that serves those of another directory in the same way."""
        again = copy(self)
        again._serve(beneath)
        return again if self._details is None else again.detailed(self._details.fields)

    # IDetails

    @property
    def tells(self) -> frozenset[str]:
        """What it can tell beyond stat(2); see `IDetails`."""
        if self._tells is None:
            self._tells = tells(self._beneath.fd)
        return self._tells

    @property
    def sets(self) -> frozenset[str]:
        """What a SETSTAT may change; see `IDetails`."""
        return SETS_LISTS if "acl" in self.tells else SETS

    @property
    def acl_support(self) -> int:
        """What is done of access control lists: `ACLSupport` bits. Whether entries are inherited is nobody's choice."""
        return int(ACLSupport.ALLOW | ACLSupport.DENY) if "acl" in self.tells else 0

    def detailed(self, fields: Set[str]) -> "LocalFileSystem":
        """Return a file system of the same files that tells these fields as well; see `IDetails`."""
        same = copy(self)
        same._details = details = Details(fields & self.tells, self._accounts)
        same._stat_now = partial(details.stat, self._beneath)
        same._lstat_now = partial(details.lstat, self._beneath)
        same._tell = details.attributes
        return same

    # IFileSystem

    def open(self, path: str, access: int, flags: int, attributes: Attributes) -> "LocalFile | Deferred[LocalFile]":
        os_flags, delete, mask = _how(int(access), int(flags))
        takes = effort(attributes) if os_flags & os.O_CREAT else Effort.LITTLE
        if takes is Effort.LONG:
            opened = self._workers.scans.run(self._open_now, path, os_flags, attributes, delete, mask)
            return shield(opened.addCallback(self._file), late=_close)
        mount = self._accounts.mount if takes else self._mounts.at(path)
        return self._make(mount, self._file, self._open_now, path, os_flags, attributes, delete, mask)

    def list(self, path: str) -> "LocalDirectory | Deferred[LocalDirectory]":
        return self._make(self._mounts.at(path), self._directory, self._open_directory_now, path)

    def stat(self, path: str) -> "Attributes | Deferred[Attributes]":
        mounts = self._mounts
        mount = mounts.at(path) if mounts.nested else mounts.own
        status = self._workers.call(mount, self._stat_now, path)
        return status.addCallback(self._tell) if status.__class__ is Deferred else self._tell(status)

    def lstat(self, path: str) -> "Attributes | Deferred[Attributes]":
        mounts = self._mounts
        mount = mounts.at(path) if mounts.nested else mounts.own
        status = self._workers.call(mount, self._lstat_now, path)
        return status.addCallback(self._tell) if status.__class__ is Deferred else self._tell(status)

    def set_attributes(self, path: str, attributes: Attributes, follow: bool) -> "None | Deferred[None]":
        return self._giving(attributes, self._change_now, path, attributes, follow)

    def make_directory(self, path: str, attributes: Attributes) -> "None | Deferred[None]":
        return self._giving(attributes, self._make_directory_now, path, attributes)

    def remove_directory(self, path: str) -> "None | Deferred[None]":
        return self._call(self._beneath.remove_directory, path)

    def remove(self, path: str) -> "None | Deferred[None]":
        return self._call(self._beneath.remove, path)

    def rename(self, path: str, new_path: str, flags: int) -> "None | Deferred[None]":
        replace = bool(flags & REPLACING)
        if not self._crosses:
            return self._call(self._beneath.rename, path, new_path, replace)

        def cross(*_: object) -> Moving:
            return Moving(Crossing(self._beneath, path, new_path, replace), self._workers)

        try:
            # What a thread is needed for begins with the same rename.
            return self._workers.call(self._mounts.at(path), self._beneath.rename, path, new_path, replace, run=cross)
        except OSError as problem:
            if problem.errno != EXDEV:
                raise
            return cross()

    def real_path(self, path: str) -> "str | Deferred[str]":
        return self._call(self._beneath.real_path, path)

    # ILinks, IHardLinks, ISpace, IAccounts, IAccountNumbers

    def read_link(self, path: str) -> "str | Deferred[str]":
        return self._call(self._beneath.read_link, path)

    def make_symlink(self, path: str, target: str) -> "None | Deferred[None]":
        return self._call(self._beneath.make_symlink, path, target)

    def make_hard_link(self, path: str, new_path: str) -> "None | Deferred[None]":
        return self._call(self._beneath.make_hard_link, path, new_path)

    def space(self, path: str) -> "os.statvfs_result | Deferred[os.statvfs_result]":
        return self._call(self._beneath.space, path)

    def user_name(self, uid: int) -> str | None:
        return self._accounts.user_name(uid)

    def group_name(self, gid: int) -> str | None:
        return self._accounts.group_name(gid)

    def user_number(self, name: str) -> int | None:
        return self._accounts.user_number(name)

    def group_number(self, name: str) -> int | None:
        return self._accounts.group_number(name)

    # Blocking calls, in any thread

    def _rooted_now(self, place: str) -> "LocalFileSystem":
        path = self._beneath.path_of(place) if os.path.isabs(place) else os.path.normpath("/" + place)
        return self._again(self._beneath.descend(path))

    def _open_now(self, path: str, flags: int, attributes: Attributes, delete: bool, mask: int) -> _Opening:
        making = self._modes.of_file(attributes, self._accounts) if flags & os.O_CREAT else None
        try:
            if mask:
                return self._beneath.open_alone(path, flags, making, mask, deletes=delete), flags, mask
            return self._beneath.open(path, flags, making, deletes=delete), flags, mask
        except PermissionError as problem:
            # Only an owner's rights are EACCES. Who is not told of such files knows nothing but that it is refused.
            if problem.errno == EPERM and self._details is not None and not flags & os.O_APPEND:
                self._details.refuse_writing(self._beneath, path)
            raise

    def _open_directory_now(self, path: str) -> tuple[int, os.stat_result, os.stat_result, str]:
        descriptor, above = self._beneath.open_directory(path)
        return descriptor, os.fstat(descriptor), above, path

    def _change_now(self, path: str, attributes: Attributes, follow: bool) -> None:
        self._beneath.change(path, wanted(attributes, self._accounts), follow)

    def _make_directory_now(self, path: str, attributes: Attributes) -> None:
        self._beneath.make_directory(path, self._modes.of_directory(attributes, self._accounts))

    # Back on the reactor's thread

    def _call(self, function: Callable[..., R], path: str, *args: Any) -> "R | Deferred[R]":
        return self._workers.call(self._mounts.at(path), function, path, *args)

    def _giving(self, attributes: Attributes, function: Callable[..., Any], path: str, *args: Any) -> Any:
        """Make a blocking call that sets attributes, where these say."""
        takes = effort(attributes)
        if takes is Effort.LONG:
            return shield(self._workers.scans.run(function, path, *args))
        return self._workers.call(self._accounts.mount if takes else self._mounts.at(path), function, path, *args)

    def _make(self, mount: Mount, build: Callable[[Any], Any], function: Callable[..., Any], *args: Any) -> Any:
        """Open something, and build an object for it; if nobody waits for that any more, close it."""
        opened = self._workers.call(mount, function, *args, run=self._workers.thread)
        if opened.__class__ is Deferred:
            return shield(opened.addCallback(build), late=_close)
        return build(opened)

    def _file(self, outcome: _Opening) -> LocalFile:
        opened, flags, mask = outcome
        deletes = opened.directory >= 0
        locks, key, access = self._locks, key_of(opened.status), access_of(flags, deletes=deletes)
        mount = self._mounts.of(opened.status, opened.descriptor)
        if mask or locks.held:
            # Others may have locked it since it was looked at, in a thread.
            try:
                locks.check_opening(key, access, mask)
            except SFTPError:
                self._workers.call(mount, opened.close)
                raise
        details = self._details
        build = LocalFile if details is None else partial(DetailedFile, details=details, name=opened.name)
        file = build(
            opened.descriptor,
            mount,
            self._workers,
            self._accounts,
            append=bool(flags & os.O_APPEND),
            after_close=partial(self._delete_closed, opened) if deletes else None,
            locks=locks,
            key=key,
            access=access,
        )
        locks.enter(file, mask)
        return file

    def _delete_closed(self, opened: Opened) -> None:
        try:
            self._beneath.remove_same(opened.directory, opened.name, opened.status)
        finally:
            os.close(opened.directory)

    def _directory(self, outcome: tuple[int, os.stat_result, os.stat_result, str]) -> LocalDirectory:
        descriptor, status, above, path = outcome
        mount, details = self._mounts.of(status, descriptor), self._details
        build: Callable[..., LocalDirectory] = LocalDirectory
        if details is not None:
            name = encode(path.rpartition("/")[2]) or b"."
            build = partial(DetailedDirectory, details=details, name=name)
        return build(descriptor, mount, self._workers, self._accounts, status=status, above=above)


@lru_cache
def _how(access: int, flags: int) -> tuple[int, bool, int]:
    """Return the flags of open(2), whether the file is to be removed when it is closed, and how it is to be locked."""
    mask = mask_of(flags)
    if flags & OpenFlag.BACKUP_STREAM or (mask and mask not in _MASKS):
        # "Cannot guarantee the lock: SSH_FX_OP_UNSUPPORTED" (filexfer-13, 8.1.1.3), and the other is a file format.
        raise SFTPError(Status.OP_UNSUPPORTED, "Files cannot be locked here")
    try:
        return to_os_flags(access, flags), bool(flags & OpenFlag.DELETE_ON_CLOSE), mask
    except ValueError:
        raise SFTPError(Status.INVALID_PARAMETER, "Unknown way to open a file") from None


def _attributes(accounts: Accounts, status: os.stat_result) -> Attributes:
    return of_stat(status, *accounts.names())


def _close(opened: Descriptor | Failure) -> None:
    if not isinstance(opened, Failure):
        opened.close()
