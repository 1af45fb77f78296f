"""
What is advertised: the extended requests, with the versions that clients compare letter by letter.

An extension is advertised only where the file system has the ability that it needs; without it the request is answered
OP_UNSUPPORTED. How the requests are laid out stands in `requests`. Source: PROTOCOL of OpenSSH, section 4.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from conchsftp.sftp import requests
from conchsftp.sftp.fields import REQUESTS
from conchsftp.sftp.numbers import VERSIONS
from conchsftp.wire.kinds import Pair


@dataclass(frozen=True, slots=True)
class Extension:
    """
    One extended request that can be advertised.

    Attributes:
        name: as it stands in the request and in the pair.
        data: the version, exactly as OpenSSH's server advertises it.
        request: its record.
        ability: the name of the interface (in `conchsftp.interfaces`) that must be provided; empty if none.
        versions: the versions of the protocol in which it is advertised.
    """

    name: bytes
    data: bytes
    request: type[Any]
    ability: str
    versions: range


def _row(request: type[Any], data: bytes, ability: str = "", versions: range = VERSIONS) -> Extension:
    (name,) = (layout.name for layout in REQUESTS if layout.record is request)
    return Extension(name, data, request, ability, versions)


EXTENSIONS = (
    _row(requests.PosixRename, b"1"),
    _row(requests.StatVFS, b"2", "ISpace"),
    _row(requests.FStatVFS, b"2", "ISpace"),
    _row(requests.HardLink, b"1", "ILinks"),
    _row(requests.FSync, b"1", "ISync"),
    _row(requests.LSetStat, b"1"),
    _row(requests.Limits, b"1"),
    _row(requests.ExpandPath, b"1"),
    _row(requests.CopyData, b"1", "ICopy"),
    _row(requests.HomeDirectory, b"1"),
    _row(requests.UsersGroupsById, b"1", "IAccounts"),
)
"""In the order in which OpenSSH's server advertises them."""


def advertised(version: int, abilities: Container[str]) -> list[Pair]:
    """
    Return the pairs for the extensions that a version and a file system have.

    Args:
        abilities: names of the interfaces that the file system, or the files that it opens, provide.
    """
    return [
        (row.name, row.data)
        for row in EXTENSIONS
        if version in row.versions and (not row.ability or row.ability in abilities)
    ]
