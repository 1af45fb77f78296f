"""
Three Linux system calls that Python does not offer: openat2, renameat2 and fallocate.

Whoever uses them can go on without: a kernel, a C library or a sandbox may lack them. Source: openat2(2), renameat2(2),
fallocate(2).
"""

import ctypes
import os
import platform
import sys
from collections.abc import Callable
from errno import EINTR, ENOSYS
from functools import cache

_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_RENAME_NOREPLACE = 1
_AT_FDCWD = -100
# The same number on every architecture but one: the call is younger than their common table.
_OPENAT2 = 437
_WITHOUT_OPENAT2 = platform.machine() == "alpha" or not sys.platform.startswith("linux")


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


@cache
def find_open_beneath() -> Callable[[int, bytes], int] | None:
    """
    Return a function that opens a directory for use as `dir_fd`, following neither links nor `..` out of its first one.

    It takes a directory and a relative path without NUL (the kernel would read no further), and returns a descriptor or
    -1. The reason of a failure is for the walk to find, which goes where links lead as well.

    Returns:
        The function; None where the call is missing or refused.
    """
    if _WITHOUT_OPENAT2:
        return None
    how = _OpenHow(os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, 0, _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS)
    # Converted once: `argtypes` would convert them at each call.
    call, number, size, reference = _libc.syscall, ctypes.c_long(_OPENAT2), ctypes.c_size_t(24), ctypes.byref(how)

    def open_beneath(directory: int, path: bytes) -> int:
        descriptor: int = call(number, directory, path, reference, size)
        return descriptor

    probe = open_beneath(_AT_FDCWD, b".")
    if probe < 0:
        return None
    os.close(probe)
    return open_beneath


@cache
def find_rename_exclusively() -> Callable[[int, bytes, int, bytes], None] | None:
    """
    Return a function that renames unless the new name exists; None where the C library has none.

    It takes a directory and a name, twice, and raises OSError: EEXIST, or ENOSYS or EINVAL where the kernel or the file
    system cannot.
    """
    if not hasattr(_libc, "renameat2"):
        return None
    call = _libc.renameat2
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)

    def rename_exclusively(directory: int, name: bytes, new_directory: int, new_name: bytes) -> None:
        if call(directory, name, new_directory, new_name, _RENAME_NOREPLACE) < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    return rename_exclusively


def allocate(descriptor: int, size: int) -> None:
    """
    Have a file occupy as many bytes at least; its size and what is in it stay.

    Not posix_fallocate(3): that makes the file as long, and where the file system cannot, it writes every block.

    Raises:
        OSError: ENOSPC, EFBIG; EOPNOTSUPP or ENOSYS where nobody can.
    """
    keep_size = 1
    while _fallocate is None or _fallocate(descriptor, keep_size, 0, size) < 0:
        number = ENOSYS if _fallocate is None else ctypes.get_errno()
        if number != EINTR:
            raise OSError(number, os.strerror(number))


_libc = ctypes.CDLL(None, use_errno=True)
_fallocate = getattr(_libc, "fallocate64", None)
if _fallocate is not None:
    _fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
