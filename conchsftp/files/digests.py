"""
Hashes of a stretch of bytes that comes piece by piece: one of all of it, or one of each block.

Reads no file. Source: filexfer-extensions-00, "check-file".
"""

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.sftp.extended import HASHES
from conchsftp.sftp.statuses import Status

LEAST_BLOCK = 256
"""The smallest block, in bytes: "The block-size MUST NOT be smaller than 256 bytes." """

Hash = Callable[[], Any]

# These tell whether files are the same. That some of them protect nothing, systems in FIPS mode need not mind.
_MAKERS: dict[bytes, Hash] = {name: partial(hashlib.new, name.decode(), usedforsecurity=False) for name in HASHES}


def first_known(names: Iterable[bytes]) -> bytes:
    """
    Return the algorithm to use.

    Args:
        names: those that the client takes, the best first. "The server MUST pick the first hash on the list that it
            supports."
    Raises:
        SFTPError: FAILURE if none is known.
    """
    for name in names:
        if name in _MAKERS:
            return name
    known = ", ".join(name.decode() for name in _MAKERS)
    raise SFTPError(Status.FAILURE, f"None of these hash algorithms is known; there are {known}")


class Digests:
    """
    Hashes of what `update` is given.

    Args:
        algorithm: one of `HASHES`.
        block_size: in bytes; each block has a hash, the last may be shorter. 0: one hash of everything.
        most: how many bytes all hashes may have.
    """

    def __init__(self, algorithm: bytes, block_size: int = 0, *, most: int) -> None:
        self._make = _MAKERS[algorithm]
        self._block_size = block_size
        self._most = most
        self._hash = self._make()
        self._left = block_size
        self._found = bytearray()

    def check_room(self, length: int) -> None:
        """
        Refuse a range, before it is read, whose hashes would be too many.

        Args:
            length: of the range, in bytes.
        Raises:
            SFTPError: INVALID_PARAMETER.
        """
        if self._block_size and -(-length // self._block_size) * self._hash.digest_size > self._most:
            raise self._too_many()

    def update(self, piece: Any) -> None:
        """Take the next bytes; for any thread, but one at a time. Raises as `check_room`."""
        if not self._block_size:
            self._hash.update(piece)
            return
        rest = memoryview(piece)
        while rest:
            block = rest[: self._left]
            self._hash.update(block)
            self._left -= len(block)
            rest = rest[len(block) :]
            if not self._left:
                self._finish()

    def result(self) -> bytes:
        """Return all hashes, one after the other; to be called once, at the end."""
        if self._left != self._block_size or not self._block_size:
            self._finish()
        return bytes(self._found)

    def _finish(self) -> None:
        if len(self._found) + self._hash.digest_size > self._most:
            # A file that has grown meanwhile, or whose size nobody knew.
            raise self._too_many()
        self._found += self._hash.digest()
        self._hash = self._make()
        self._left = self._block_size

    def _too_many(self) -> SFTPError:
        most = self._most // self._hash.digest_size
        text = f"More than {most} blocks of {self._block_size} bytes: ask for larger blocks or a shorter range"
        return SFTPError(Status.INVALID_PARAMETER, text)
