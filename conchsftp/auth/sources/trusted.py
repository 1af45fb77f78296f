"""
Whether only those whom a user trusts could have written a file.

As OpenSSH's StrictModes, and stricter about links: each directory and link on the way is looked at, because who can
replace one of them can replace the file. Blocks; knows nothing of what is in the file.
Source: the StrictModes section of OpenSSH's sshd_config(5).
"""

import errno
import os
import stat
from collections.abc import Callable

# As the kernel.
_MOST_LINKS = 40


class Untrusted(Exception):
    """Somebody else could have written a file; the text names the place, for the log."""


def check_trusted(path: str, trusts: Callable[[int], bool]) -> None:
    """
    See whether a file, and every directory and link that leads to it, belongs to trusted users and to them alone.

    A directory where everybody may make files, but only change their own, as /tmp, is as good as another: what is in it
    is looked at as well.

    Args:
        path: absolute.
        trusts: called with the number of a user; says whether this user may own what leads to the file.
    Raises:
        Untrusted: it does not.
        OSError: it is not there, or cannot be looked at.
    """
    place, links = "/", 0
    pending = path.split("/")[::-1]
    while pending:
        name = pending.pop()
        place = os.path.dirname(place) if name == ".." else os.path.join(place, "" if name == "." else name)
        found = os.lstat(place)
        _check(place, found, trusts)
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            target = os.readlink(place)
            pending += target.split("/")[::-1]
            place = "/" if target.startswith("/") else os.path.dirname(place)


def _check(place: str, found: os.stat_result, trusts: Callable[[int], bool]) -> None:
    if not trusts(found.st_uid):
        raise Untrusted(f"{place} belongs to another user ({found.st_uid})")
    if stat.S_ISLNK(found.st_mode):
        # A link has no permissions of its own.
        return
    shared = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_mode & 0o022 and not shared:
        raise Untrusted(f"{place} can be written by others than its owner (chmod go-w closes it)")
