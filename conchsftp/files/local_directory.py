"""
An open directory of the local file system.

Every entry is looked at itself, never through a link: one that leads nowhere must not spoil a listing.
"""

import os
import sys
from collections.abc import Iterator
from itertools import islice

from twisted.internet.defer import Deferred
from zope.interface import implementer

from conchsftp.errors import SFTPError
from conchsftp.files.attributes.accounts import Accounts
from conchsftp.files.attributes.stat import of_stat
from conchsftp.files.descriptor import Descriptor
from conchsftp.files.disk.confine import decode
from conchsftp.interfaces import IDirectory, IEnding
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType
from conchsftp.sftp.statuses import Status
from conchsftp.workers import Mount, Workers

LARGE_BYTES = 1024 * 1024
"""A directory that itself takes more is always read in threads; on ext4 that is some 15,000 entries."""

MANY_ENTRIES = 1000
"""More entries at once are looked at in threads, too: each costs a system call, all of them some milliseconds."""

Found = list[tuple[str, os.stat_result | None]]
Entries = list[tuple[str, Attributes]]

_NAMES_ARE_UTF8 = sys.getfilesystemencoding() == "utf-8"


@implementer(IDirectory, IEnding)
class LocalDirectory(Descriptor):
    """
    An open directory; `.` and `..` come first.

    Args:
        status: of the directory.
        above: of the one above it, which `..` shows.
    """

    def __init__(
        self,
        descriptor: int,
        mount: Mount,
        workers: Workers,
        accounts: Accounts,
        *,
        status: os.stat_result,
        above: os.stat_result,
    ) -> None:
        super().__init__(descriptor, mount, workers, accounts)
        self._large = status.st_size > LARGE_BYTES
        self._first: Found = [(".", status), ("..", above)]
        self._scan: os._ScandirIterator[str] | None = None
        self._ended = False

    @property
    def at_end(self) -> bool:
        """As `IEnding`."""
        return self._ended and not self._first

    def read(self, count: int) -> "Entries | Deferred[Entries]":
        found = (self._run if self._large or count > MANY_ENTRIES else self._call)(self._next, count)
        return found.addCallback(self._entries) if isinstance(found, Deferred) else self._entries(found)

    def set_attributes(self, attributes: Attributes) -> "None | Deferred[None]":
        if attributes.size is not None or attributes.allocation_size is not None:
            raise SFTPError(Status.FILE_IS_A_DIRECTORY)
        return super().set_attributes(attributes)

    def _next(self, count: int) -> Found:
        """Return the next names with their status. A blocking call."""
        found, self._first = self._first[:count], self._first[count:]
        if self._scan is None:
            self._scan = os.scandir(self._fd)
        while len(found) < count and not self._ended:
            self._look(self._scan, count - len(found), found)
        return found

    def _look(self, scan: "Iterator[os.DirEntry[str]]", count: int, found: Found) -> None:
        looked = 0
        for entry in islice(scan, count):
            looked += 1
            name = entry.name
            try:
                found.append((name, entry.stat(follow_symlinks=False)))
            except FileNotFoundError:
                pass  # removed meanwhile
            except OSError:
                # Readable, but not to be searched: the name is all there is.
                found.append((name, None))
        self._ended = looked < count

    def _entries(self, found: Found) -> Entries:
        users, groups = self._accounts.names()
        if not _NAMES_ARE_UTF8:
            found = [(decode(os.fsencode(name)), status) for name, status in found]
        return [
            (name, Attributes(type=FileType.UNKNOWN) if status is None else of_stat(status, users, groups))
            for name, status in found
        ]

    def _close_now(self, descriptor: int) -> None:
        if self._scan is not None:
            self._scan.close()
        os.close(descriptor)
