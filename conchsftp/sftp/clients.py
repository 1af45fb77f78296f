"""
What each known client needs, found by its SSH version string.

A row cites the client's own source, or a recorded conversation. What a client can do is not guessed from its name: that
is what the protocol negotiates.
"""

import re
from dataclasses import dataclass
from enum import Enum


class Order(Enum):
    """
    Which name comes first in SYMLINK.

    The drafts put the link first. OpenSSH's server read them the other way round, most clients followed, and some look
    whether the server calls itself OpenSSH; this one does not.
    """

    TARGET_FIRST = "target first"
    LINK_FIRST = "link first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """
    One row: what a client needs.

    Attributes:
        pattern: a regular expression for the beginning of its SSH version string.
        symlinks: the order of the names in SYMLINK, in versions 3 to 5.
        source: where this is known from.
    """

    pattern: str = ""
    symlinks: Order = Order.TARGET_FIRST
    source: str = ""


LINK_FIRST = Order.LINK_FIRST

CLIENTS = (
    Client(pattern=r"SSH-2\.0-WinSCP", symlinks=LINK_FIRST, source="SftpFileSystem.cpp, CreateLink"),
    Client(pattern=r"SSH-2\.0-libssh[_-]\d", symlinks=LINK_FIRST, source="libssh, sftp_symlink"),
    Client(pattern=r"SSH-2\.0-AsyncSSH", symlinks=LINK_FIRST, source="documentation of SFTPClient.symlink"),
    Client(pattern=r"SSH-2\.0-SSHJ", symlinks=LINK_FIRST, source="sshj, SFTPEngine.symlink"),
    Client(pattern=r"SSH-2\.0-Ruby/Net::SSH", symlinks=LINK_FIRST, source="net-sftp, Protocol::V03::Base#symlink"),
    Client(pattern=r"SSH-2\.0-ssh2js", symlinks=LINK_FIRST, source="mscdex/ssh2, SFTP.js, symlink"),
    Client(pattern=r"SSH-2\.0-phpseclib_[1-9]", symlinks=LINK_FIRST, source="phpseclib, SFTP::symlink; not yet in 0.3"),
)
"""The clients that need something; the first match counts."""

DEFAULT = Client()
"""A client that is not in the table."""

_PATTERNS = tuple((re.compile(client.pattern.encode("ascii")), client) for client in CLIENTS)


def find_client(version_string: bytes) -> Client:
    """Return what the client with this SSH version string needs; `DEFAULT` if it is not known."""
    return next((client for pattern, client in _PATTERNS if pattern.match(version_string)), DEFAULT)
