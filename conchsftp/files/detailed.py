"""
Open files and directories of the local file system that tell more than stat(2) does.

What they tell is decided by `details`.
"""

import os
from collections.abc import Iterator
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred

from conchsftp.files.attributes.details import Details, Found
from conchsftp.files.attributes.local_acl import NO_LISTS
from conchsftp.files.descriptor import Descriptor
from conchsftp.files.disk.confine import decode
from conchsftp.files.local_directory import Entries, LocalDirectory
from conchsftp.files.local_file import LocalFile
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType


class _Detailed(Descriptor):
    """
    Something open that tells more.

    Args:
        details: what it tells.
        name: what it was opened by, at the end of its path.
    """

    def __init__(self, *args: Any, details: Details, name: bytes, **options: Any) -> None:
        super().__init__(*args, **options)
        self._details = details
        self._name = name

    def stat(self) -> "Attributes | Deferred[Attributes]":
        found = self._call(self._details.open, self._fd, self._name)
        tell = self._details.attributes
        return found.addCallback(tell) if isinstance(found, Deferred) else tell(found)


class DetailedFile(_Detailed, LocalFile):
    """An open regular file."""


class DetailedDirectory(_Detailed, LocalDirectory):
    """An open directory; its entries tell more as well."""

    def _look(self, scan: "Iterator[os.DirEntry[str]]", count: int, found: list[Any]) -> None:
        directory, at = self._fd, self._details.at
        looked = 0
        for entry in islice(scan, count):
            looked += 1
            name = os.fsencode(entry.name)
            try:
                status = entry.stat(follow_symlinks=False)
                found.append((decode(name), at(directory, name, status)))
            except FileNotFoundError:
                pass  # removed meanwhile
            except OSError:
                # Readable, but not to be searched: the name is all there is.
                found.append((decode(name), None))
        self._ended = looked < count

    def _entries(self, found: list[Any]) -> Entries:
        tell = self._details.attributes
        return [
            (name, Attributes(type=FileType.UNKNOWN) if status is None else tell(_seen(name, status)))
            for name, status in found
        ]


def _seen(name: str, status: "os.stat_result | Found") -> Found:
    # Of `.` and `..` the status is known since the directory was opened; what else there is of them nobody needs.
    return (status, name.encode(), None, NO_LISTS) if isinstance(status, os.stat_result) else status
