"""
Access control lists: asyncssh in versions 4 to 6 reads and sets them, setfacl and getfacl say what they are on disk.

asyncssh gives the attribute as it stands on the wire, and takes it so: it is laid out by hand here.
"""

import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from bench.servers import Server
from tests.interop.clients import asyncssh_client
from tests.interop.driving import Place, need, unavailable

Make = Callable[[Server], Place]
Entry = tuple[int, int, int, bytes]

_READ, _WRITE, _APPEND, _DELETE = 0x1, 0x2, 0x4, 0x10000
_GROUP = 0x40
_USERS = [
    (0, 0, _READ | _WRITE | _APPEND, b"OWNER@"),
    (0, 0, _READ | _WRITE | _APPEND, b"54321"),
    (0, 0, _READ, b"GROUP@"),
    (0, _GROUP, _READ, b"54322"),
]
_SHOWN = "user::rw- user:54321:rw- group::r-- group:54322:r-- mask::rw- other::---"


def _laid_out(version: int, entries: list[Entry]) -> bytes:
    head = struct.pack(">II", 3, len(entries)) if version == 6 else struct.pack(">I", len(entries))
    return head + b"".join(struct.pack(">IIII", *numbers, len(who)) + who for *numbers, who in entries)


def _taken_apart(version: int, data: bytes) -> Iterator[Entry]:
    at = 4 if version == 6 else 0
    (count,) = struct.unpack_from(">I", data, at)
    at += 4
    for _ in range(count):
        kind, flags, mask, length = struct.unpack_from(">IIII", data, at)
        at += 16 + length
        yield kind, flags, mask, data[at - length : at]
    assert at == len(data)


def _getfacl(file: Path) -> str:
    done = subprocess.run(["getfacl", "-cnE", file], capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split())


def _setfacl(change: str, file: Path) -> None:
    done = subprocess.run(["setfacl", "-m", change, file], capture_output=True, text=True)
    if done.returncode:
        unavailable(f"no access control lists on this disk: {done.stderr.strip()}")


@pytest.mark.parametrize("version", (4, 5, 6))
def check_asyncssh(ours: None, server_of_six: Server, make_place: Make, version: int) -> None:
    """What setfacl has set is read, mask applied; what is set getfacl shows; what cannot be changes nothing."""
    need("setfacl", "getfacl")
    place = make_place(server_of_six)
    one, two = (place.served / name for name in ("one", "two"))
    for file in (one, two):
        file.write_bytes(b"")
        file.chmod(0o640)
    _setfacl("u:54321:rw,m::r", one)

    async def work(client: asyncssh.SFTPClient, local: Path) -> Any:
        told = (await client.stat("one")).acl
        await client.setstat("two", asyncssh.SFTPAttrs(acl=told))
        copied = _getfacl(two)
        await client.setstat("two", asyncssh.SFTPAttrs(acl=_laid_out(version, _USERS)))
        with pytest.raises(asyncssh.SFTPError):
            wrong = [*_USERS, (0, 0, _DELETE, b"EVERYONE@")]
            await client.setstat("two", asyncssh.SFTPAttrs(acl=_laid_out(version, wrong)))
        return told, copied

    asked = asyncssh_client.VERSION.set(version)
    try:
        with asyncssh_client.connected(server_of_six) as connection:
            told, copied = connection.run(place, work)
    finally:
        asyncssh_client.VERSION.reset(asked)
    named = [mask & (_READ | _WRITE) for _, _, mask, who in _taken_apart(version, told) if who == b"54321"]
    assert named[:1] == [_READ], told
    assert copied == "user::rw- user:54321:r-- group::r-- mask::r-- other::---"
    assert _getfacl(two) == _SHOWN
