"""
What statx(2) tells beyond stat(2): when a file was made, and what its file system has marked it as.

Python 3.11 does not offer the call. Whoever uses it can go on without: a C library or a sandbox may lack it.
"""

import ctypes
import struct
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

COMPRESSED, IMMUTABLE, APPEND, ENCRYPTED = 0x4, 0x10, 0x20, 0x800
"""Marks: bits of `Extra.marks`."""

_AT_SYMLINK_NOFOLLOW = 0x100
_AT_NO_AUTOMOUNT = 0x800
_AT_EMPTY_PATH = 0x1000
# stat(2) was just asked: what it has fetched from a file server is not fetched again.
_AT_STATX_DONT_SYNC = 0x4000
_HOW = _AT_SYMLINK_NOFOLLOW | _AT_NO_AUTOMOUNT | _AT_EMPTY_PATH | _AT_STATX_DONT_SYNC
_STATX_INO, _STATX_BTIME = 0x100, 0x800
_SIZE = 256
# stx_mask, stx_attributes, stx_ino, stx_attributes_mask, stx_btime: linux/stat.h, the same for every machine.
_unpack = struct.Struct("=I4xQ16xQ16xQ16xqI").unpack_from

Look = Callable[[int, bytes], "Extra | None"]


class Extra(NamedTuple):
    """
    What the call tells.

    Attributes:
        mask: what of the rest means something.
        marks: bits such as `IMMUTABLE`.
        inode: the number of the file.
        known_marks: the marks that its file system has.
        born, born_ns: when it was made: seconds since 1970, and nanoseconds.
    """

    mask: int
    marks: int
    inode: int
    known_marks: int
    born: int
    born_ns: int

    @property
    def has_birth(self) -> bool:
        """Whether the file system knows when the file was made."""
        return bool(self.mask & _STATX_BTIME)


@cache
def find_statx() -> Look | None:
    """
    Return a function that looks at a name in an open directory, or at what is open if the name is empty.

    It takes a descriptor and a name without `/`, follows no link, and returns None for what cannot be looked at. A
    blocking call, in any thread.

    Returns:
        The function; None where the call is missing or refused.
    """
    if not hasattr(_libc, "statx"):
        return None
    call, how, wanted = _libc.statx, ctypes.c_int(_HOW), ctypes.c_uint(_STATX_INO | _STATX_BTIME)
    # The call lets other threads run, so each needs a place of its own; making one takes as long as the call.
    free: list[ctypes.Array[ctypes.c_char]] = []

    def look(directory: int, name: bytes) -> Extra | None:
        try:
            place = free.pop()
        except IndexError:
            place = ctypes.create_string_buffer(_SIZE)
        failed = call(directory, name, how, wanted, place)
        found = None if failed else Extra._make(_unpack(place))
        free.append(place)
        return found

    return look if _answers(look) else None


def _answers(look: Look) -> bool:
    at_working_directory = -100
    return look(at_working_directory, b".") is not None


_libc = ctypes.CDLL(None, use_errno=True)
