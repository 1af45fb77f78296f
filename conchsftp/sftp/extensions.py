"""
What is advertised: the extended requests, with the versions that clients compare letter by letter.

An extension is advertised only where its request can be carried out; that, and what a file system must be able to do
for it, is not known here. How the requests are laid out stands in `extended`, what else VERSION tells in `facts`.
Sources: PROTOCOL of OpenSSH, section 4; filexfer-extensions-00.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conchsftp.sftp import extended
from conchsftp.sftp.fields import REQUESTS
from conchsftp.sftp.numbers import FROM4, VERSIONS
from conchsftp.wire.kinds import Pair


@dataclass(frozen=True, slots=True)
class Extension:
    """
    One extended request that can be advertised.

    Attributes:
        name: as it stands in the request and in the pair.
        data: the version, exactly as OpenSSH's server advertises it; of `check-file` the algorithms.
        request: its record.
        versions: the versions of the protocol in which it is advertised.
    """

    name: bytes
    data: bytes
    request: type[Any]
    versions: range


def _row(request: type[Any], data: bytes, versions: range = VERSIONS) -> Extension:
    (name,) = (layout.name for layout in REQUESTS if layout.record is request)
    return Extension(name, data, request, versions)


EXTENSIONS = (
    _row(extended.PosixRename, b"1"),
    _row(extended.StatVFS, b"2"),
    _row(extended.FStatVFS, b"2"),
    _row(extended.HardLink, b"1"),
    _row(extended.FSync, b"1"),
    _row(extended.LSetStat, b"1"),
    _row(extended.Limits, b"1"),
    _row(extended.ExpandPath, b"1"),
    _row(extended.CopyData, b"1"),
    _row(extended.HomeDirectory, b"1"),
    _row(extended.UsersGroupsById, b"1"),
    _row(extended.MD5Hash, b"1"),
    _row(extended.MD5HashHandle, b"1"),
    _row(extended.CheckFile, b",".join(extended.HASHES)),
    _row(extended.CheckFileName, b"1"),
    _row(extended.CheckFileHandle, b"1"),
    _row(extended.SpaceAvailable, b"1"),
    _row(extended.CopyFile, b"1"),
    _row(extended.GetTempFolder, b"1"),
    _row(extended.MakeTempFolder, b"1"),
    _row(extended.TextSeek, b"1", FROM4),
)
"""In the order in which OpenSSH's server advertises them; then those of the drafts."""


def advertised(version: int, possible: Callable[[type[Any]], bool]) -> list[Pair]:
    """
    Return the pairs for the extensions that a version and a session have.

    Args:
        possible: whether a request, by its class, can be carried out.
    """
    return [(row.name, row.data) for row in EXTENSIONS if version in row.versions and possible(row.request)]
