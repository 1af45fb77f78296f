"""
The access control lists of files on disk: looked at and set, where the disk has lists of POSIX.

What the lists mean is in `acl_entries`. A file is named by an open directory and a name in it, through /proc, and no
link at its end is followed: the calls for lists take no directory, and those of a descriptor need the right to read.
These are blocking calls, in any thread, but for `told_of`. Source: xattr(7), acl(5).
"""

import os
from collections.abc import Mapping
from errno import ENODATA
from functools import lru_cache
from stat import S_ISDIR, S_ISLNK

from conchsftp.files.attributes.acl_entries import Wanted, told
from conchsftp.files.attributes.posix_acl import PosixACL
from conchsftp.sftp.acl import ACL, MOST_ENTRIES

Stored = tuple[bytes | None, bytes | None]
"""The list of a file and, of a directory, that which is inherited: empty where there is none, None if nobody knows."""

NO_LISTS: Stored = (None, None)
"""What is known of a file at whose lists nobody has looked."""

_ACCESS, _DEFAULT = "system.posix_acl_access", "system.posix_acl_default"


def has_lists(directory: int) -> bool:
    """Whether the disk that an open directory is on has lists. It may be open for its path only."""
    return _look(_name_of(directory, b"."), _ACCESS) is not None


def stored_at(directory: int, name: bytes, status: os.stat_result) -> Stored:
    """
    Look at a name in an open directory.

    Args:
        name: without `/`, and not `..`.
        status: its own. If another thing has its name by now, that one is in the same directory.
    """
    # A link has no list, and whoever replaced a file by one does not lead us anywhere.
    return NO_LISTS if S_ISLNK(status.st_mode) else _stored(_name_of(directory, name), status)


def stored_of(descriptor: int, status: os.stat_result) -> Stored:
    """Look at what is open."""
    return _stored(descriptor, status)


def told_of(
    stored: Stored, status: os.stat_result, users: Mapping[int, str | None], groups: Mapping[int, str | None]
) -> ACL | None:
    """Return what clients are told of a file; None where nobody knows, or it cannot be said. Asks nothing."""
    access, default = stored
    directory = S_ISDIR(status.st_mode)
    if access is None:
        return None
    if not access and not default:
        return _of_mode(status.st_mode & 0o777, directory)
    try:
        acl = told(
            PosixACL.parse(access) if access else PosixACL.of_mode(status.st_mode),
            PosixACL.parse(default) if default else None,
            owner=status.st_uid,
            directory=directory,
            users=users,
            groups=groups,
        )
    except ValueError:
        return None
    return acl if len(acl.entries) <= MOST_ENTRIES else None


def put(place: int | str, wanted: Wanted, status: os.stat_result, limit: int = 0o777) -> None:
    """
    Set the lists of a file or a directory: both, or none if one of them is refused.

    Args:
        place: its descriptor, or where /proc shows one.
        status: its own.
        limit: a mode: what nobody is allowed, whatever is wanted.
    """
    directory = S_ISDIR(status.st_mode)
    access, default = wanted.lists(owner=status.st_uid, directory=directory)
    before = _look(place, _ACCESS) or PosixACL.of_mode(status.st_mode).pack()
    if access is None:
        # Without its list the file would allow the group that owns it what the mask allows: so that comes first.
        access = PosixACL.parse(before).without_names()
    os.setxattr(place, _ACCESS, access.limited(limit).pack())
    try:
        if default is not None:
            os.setxattr(place, _DEFAULT, default.pack())
        elif directory:
            _remove(place, _DEFAULT)
    except OSError:
        # Who is refused a list has set none: of the two, the disk may have no room for the second.
        os.setxattr(place, _ACCESS, before)
        raise


def _name_of(directory: int, name: bytes) -> bytes:
    return b"/proc/self/fd/%d/%s" % (directory, name)


def _stored(place: int | bytes, status: os.stat_result) -> Stored:
    return _look(place, _ACCESS), _look(place, _DEFAULT) if S_ISDIR(status.st_mode) else None


def _look(place: int | str | bytes, name: str) -> bytes | None:
    try:
        return os.getxattr(place, name, follow_symlinks=not isinstance(place, bytes))
    except OSError as problem:
        return b"" if problem.errno == ENODATA else None


def _remove(place: int | str, name: str) -> None:
    try:
        os.removexattr(place, name)
    except OSError as problem:
        if problem.errno != ENODATA:
            raise


@lru_cache(1024)
def _of_mode(mode: int, directory: bool) -> ACL:
    return told(PosixACL.of_mode(mode), None, owner=0, directory=directory, users={}, groups={})
