"""
What each known client needs, found by its SSH version string.

A row cites the client's own source, or a recorded conversation. What a client can do is not guessed from its name: that
is what the protocol negotiates. Every column is read by somebody: of `versions` the
conversation, of `packet` the listings, of `curve25519` and `rekeys` the key exchange, of `host_keys` the connection, of
the others the codec. The setting ClientQuirks overrides columns.
"""

import re
from collections.abc import Iterable
from dataclasses import Field, dataclass, field, fields, replace
from enum import Enum
from fnmatch import translate
from functools import cache
from typing import Any

from conchsftp.sftp.numbers import VERSIONS


class Order(Enum):
    """
    Which name comes first in SYMLINK.

    The drafts put the link first. OpenSSH's server read them the other way round, most clients followed, and some look
    whether the server calls itself OpenSSH (`turned_by`).
    """

    TARGET_FIRST = "target-first"
    LINK_FIRST = "link-first"


def _column(default: Any, meaning: str, **limits: int) -> Any:
    """Return a column that may be overridden; `low` and `high` limit a number."""
    return field(default=default, metadata={"meaning": meaning, **limits})


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """
    One row: what a client needs.

    Attributes:
        pattern: what its SSH version string looks like: `*` is any text, `?` any character, `[1-9]` one of these.
        turned_by: with which version strings of the server it puts the target first all the same.
        source: where this is known from.
    """

    pattern: str = "*"
    symlinks: Order = _column(Order.TARGET_FIRST, "which name its SYMLINK has first, in versions 3 to 5")
    packet: int = _column(32 * 1024, "bytes of the largest reply to READDIR that it takes", low=1024, high=256 * 1024)
    versions: int = _column(
        VERSIONS[-1], "the highest version of SFTP that it is answered with", low=3, high=VERSIONS[-1]
    )
    curve25519: bool = _column(True, "whether curve25519 is offered to it where other key exchanges are offered, too")
    rekeys: bool = _column(True, "whether the server may ask it for new keys")
    allocation_size: bool = _column(True, "whether version 6 tells it how much room a file takes on the disk")
    host_keys: bool = _column(True, "whether it is told of all host keys of the server when its user has logged in")
    attribute_bits: bool = _column(True, "whether version 5 tells it attribute bits")
    change_time: bool = _column(True, "whether version 6 tells it when anything about a file was changed last")
    ends: bool = _column(True, "whether version 6 tells it that a file or a listing ends behind what it is sent")
    turned_by: tuple[str, ...] = ()
    source: str = ""


COLUMNS: tuple["Field[Any]", ...] = tuple(each for each in fields(Client) if each.metadata)
"""What is known of a client, and may be overridden."""

LINK_FIRST = Order.LINK_FIRST
_OPENSSH = ("SSH-2.0-OpenSSH*",)

CLIENTS = (
    Client(
        pattern="SSH-2.0-WinSCP*",
        symlinks=LINK_FIRST,
        turned_by=(*_OPENSSH, "SSH-2.0-Sun_SSH*", "SSH-2.0-mod_sftp*"),
        source="WinSCP, SftpFileSystem.cpp, CreateLink",
    ),
    Client(
        pattern="SSH-2.0-libssh[_-][0-9]*",
        symlinks=LINK_FIRST,
        turned_by=("*OpenSSH*",),
        source="libssh, sftp_symlink",
    ),
    Client(
        pattern="SSH-2.0-AsyncSSH*",
        symlinks=LINK_FIRST,
        turned_by=("*OpenSSH*", "*paramiko*"),
        attribute_bits=False,
        source="AsyncSSH, documentation of SFTPClient.symlink; takes the bits of version 5 for two numbers",
    ),
    Client(
        pattern="SSH-2.0-SSHJ*",
        symlinks=LINK_FIRST,
        source="sshj, SFTPEngine.symlink; Cyberduck, which swaps the names, greets with its own name",
    ),
    Client(
        pattern="SSH-2.0-Ruby/Net::SSH*",
        symlinks=LINK_FIRST,
        attribute_bits=False,
        source="net-sftp, Protocol::V03::Base#symlink; net-sftp 4.0 takes the bits of version 5 for two numbers",
    ),
    Client(pattern="SSH-2.0-ssh2js*", symlinks=LINK_FIRST, turned_by=_OPENSSH, source="mscdex/ssh2, SFTP.js, symlink"),
    Client(
        pattern="SSH-2.0-phpseclib_[1-9]*",
        symlinks=LINK_FIRST,
        turned_by=_OPENSSH,
        allocation_size=False,
        attribute_bits=False,
        change_time=False,
        ends=False,
        source="phpseclib, SFTP::symlink; not yet in 0.3. 3.0 takes the bits of version 5 for two numbers, and in "
        "version 6 the two attributes behind what follows them, and the mark of the end as a byte of the file",
    ),
    # Before the row below, which is not about it.
    Client(
        pattern="SSH-2.0-OpenSSH_6.6.1*",
        allocation_size=False,
        source="OpenSSH, compat.c: the release that mended curve25519",
    ),
    Client(
        pattern="SSH-2.0-OpenSSH_6.[56]*",
        curve25519=False,
        allocation_size=False,
        source="OpenSSH, compat.c, SSH_BUG_CURVE25519PAD: one exchange in some hundreds fails",
    ),
    # OpenSSH's own sftp speaks version 3: what asks for version 6 by its name is lftp, which connects through `ssh`.
    Client(
        pattern="SSH-2.0-OpenSSH*",
        allocation_size=False,
        source="lftp 4.9, SFtp.cc, FileAttrs::Unpack: takes what follows an allocation size for garbage",
    ),
    Client(pattern="SSH-2.0-Sun_SSH_1.0*", rekeys=False, source="OpenSSH, compat.c, SSH_BUG_NOREKEY"),
    Client(pattern="SSH-2.0-TTSSH/2.[1-6]*", host_keys=False, source="OpenSSH, compat.c, SSH_BUG_HOSTKEYS"),
    Client(pattern="SSH-2.0-TTSSH/2.7[012]*", host_keys=False, source="OpenSSH, compat.c, SSH_BUG_HOSTKEYS"),
    Client(pattern="SSH-2.0-Cisco-1.*", host_keys=False, source="OpenSSH, compat.c, SSH_BUG_HOSTKEYS"),
)
"""The clients that need something; the first match counts."""

DEFAULT = Client()
"""A client that is not in the table."""


@dataclass(frozen=True, slots=True)
class Override:
    """
    Columns of the clients that look like a pattern, instead of those of the table.

    Attributes:
        pattern: see `Client`.
        columns: name and value of each.
    """

    pattern: str
    columns: tuple[tuple[str, Any], ...]


def find_client(version_string: bytes, overrides: Iterable[Override] = (), server: bytes = b"") -> Client:
    """
    Return what the client with this SSH version string needs; `DEFAULT` if it is not known.

    Args:
        version_string: without the end of the line.
        overrides: the first that matches counts; the table still says what it does not name.
        server: the server's own version string, which some clients look at.
    """
    known = next((client for client in CLIENTS if _matches(client.pattern, version_string)), DEFAULT)
    if any(_matches(pattern, server) for pattern in known.turned_by):
        known = replace(known, symlinks=Order.TARGET_FIRST)
    for override in overrides:
        if _matches(override.pattern, version_string):
            return replace(known, **dict(override.columns))
    return known


def _matches(pattern: str, version_string: bytes) -> bool:
    return _compiled(pattern).match(version_string.decode("latin-1")) is not None


@cache
def _compiled(pattern: str) -> "re.Pattern[str]":
    return re.compile(translate(pattern), re.IGNORECASE)
