"""
INIT and VERSION: which version is spoken, and what a session tells of its server and its files, and can be asked.

Decided once, by the tables and by what the file system says that it can do. How it is laid out stands in
`sftp.handshake` and `sftp.facts`.
"""

import re
from typing import Any

from conchsftp.interfaces import IDetails
from conchsftp.session.on_opening import possible_flags
from conchsftp.session.operation import LARGEST_READ
from conchsftp.session.operations import OPERATIONS
from conchsftp.session.set_stat import IGNORED
from conchsftp.sftp.extended import UnknownExtended, advertised
from conchsftp.sftp.facts import Served, told
from conchsftp.sftp.handshake import read_init, write_version
from conchsftp.sftp.numbers import PacketType
from conchsftp.sftp.open_mode import SUPPORTED_ACCESS
from conchsftp.wire.kinds import Pair

# What a file system is believed to set that does not say it.
_USUAL = frozenset({"size", "owner", "group", "permissions", "atime", "mtime"})
_BANNER = re.compile(r"SSH-2\.0-(conchsftp)(?:_(\S+))?(?: .*)?\Z")


def greet(conversation: Any, packet: bytes) -> bytes:
    """
    Take the first packet of a client, and have the conversation speak the highest version that both sides know.

    Returns:
        VERSION, with its length in front.
    Raises:
        ValueError: it is not INIT, or the client knows no version that is spoken here.
    """
    if packet[0] != PacketType.INIT:
        raise ValueError(f"packet type {packet[0]} before INIT")
    theirs, offered = read_init(packet)
    version = min(theirs, conversation.versions[-1])
    if version < 3:
        raise ValueError(f"version {theirs}, at least 3 expected")
    conversation.speak(version)
    conversation.log.verbose("SFTP version {version}; the client asked for {theirs}", version=version, theirs=theirs)
    pairs = extensions(conversation, version, offered)
    conversation.told = frozenset(name for name, _ in pairs)
    return write_version(version, pairs)


def extensions(conversation: Any, version: int, offered: list[Pair]) -> list[Pair]:
    """
    Return the pairs that a conversation advertises: facts, what the server can do, then what the file system adds.

    Args:
        offered: the pairs that came with INIT.
    """
    pairs = advertised(version, lambda request: OPERATIONS[request].possible(conversation))
    known = {name for name, _ in pairs}
    pairs += [pair for pair in _own(conversation, version, offered) if pair[0] not in known]
    return told(_served(conversation, version, tuple(name for name, _ in pairs))) + pairs


def _own(c: Any, version: int, offered: list[Pair]) -> list[Pair]:
    """Return what the file system adds."""
    if not OPERATIONS[UnknownExtended].possible(c) or c.read_only:
        return []
    try:
        return list(dict(c.files.extensions(version, dict(offered))).items())
    except Exception:
        # Somebody else's bug: without what it adds, the client is served all the same.
        c.log.failure("the extensions of the file system are not known")
        return []


def _served(c: Any, version: int, requests: tuple[bytes, ...]) -> Served:
    files, settings = c.files, c.settings
    details: Any = files if IDetails.providedBy(files) else None
    settable = _USUAL if details is None else details.sets
    locking: Any = files if "ILocking" in c.abilities else None
    return Served(
        version=version,
        versions=c.versions,
        newline=c.newline,
        product=_product(settings.server_ssh_version_string),
        charset=c.charset,
        acl=getattr(details, "acl_support", 0),
        settable=settable - set(IGNORED[settings.set_stat_policy]),
        attrib_bits=getattr(details, "attrib_bits", 0),
        access=SUPPORTED_ACCESS,
        open_flags=possible_flags(c),
        open_locks=getattr(locking, "open_lock_masks", ()),
        locks=getattr(locking, "lock_masks", ()),
        largest_read=LARGEST_READ,
        requests=requests,
    )


def _product(banner: str) -> tuple[str, str] | None:
    """Return what the line says that every client is greeted with; None where it names another product, or none."""
    # Who has changed that line does not want to be known by another one.
    found = _BANNER.match(banner)
    return (found[1], found[2] or "") if found else None
