"""
Locks as asyncssh asks for them in version 6: between two clients, and toward another program on the machine.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncssh
import pytest

from bench.servers import Server
from tests.files.locking_program import Other
from tests.interop.driving import Place

_ALONE = asyncssh.FXF_BLOCK_READ | asyncssh.FXF_BLOCK_WRITE
_BOTH = asyncssh.ACE4_READ_DATA | asyncssh.ACE4_WRITE_DATA

Work = Callable[[asyncssh.SFTPClient, asyncssh.SFTPClient], Awaitable[Any]]


def _with_two(place: Place, work: Work) -> None:
    """Do something with two clients, each with a connection of its own."""

    async def connect() -> asyncssh.SSHClientConnection:
        server = place.server
        return await asyncssh.connect(
            "127.0.0.1",
            server.port,
            username=server.user,
            known_hosts=str(server.known_hosts()),
            config=None,
            client_keys=[str(server.keys.client)],
        )

    async def run() -> None:
        async with await connect() as first, await connect() as second:
            async with (
                first.start_sftp_client(sftp_version=6) as one,
                second.start_sftp_client(sftp_version=6) as other,
            ):
                for client in (one, other):
                    assert client.version == 6
                    await client.chdir(place.remote)
                await work(one, other)

    asyncio.run(asyncio.wait_for(run(), 60))


def check_parts(ours: None, server_of_six: Server, make_place: Callable[[Server], Place]) -> None:
    """What one client has locked the other does not write, nor lock; no program does, until it is released."""
    place = make_place(server_of_six)
    path = place.served / "file"
    path.write_bytes(b"0123456789")

    async def work(one: asyncssh.SFTPClient, other: asyncssh.SFTPClient) -> None:
        async with one.open("file", "r+b") as mine, other.open("file", "r+b") as theirs:
            await mine.lock(2, 3, _ALONE)
            with pytest.raises(asyncssh.SFTPByteRangeLockConflict):
                await theirs.write(b"x", 4)
            with pytest.raises(asyncssh.SFTPByteRangeLockRefused):
                await theirs.lock(0, 0, _ALONE)
            with Other(str(path), "4 1") as said:
                assert said == "taken"
            with pytest.raises(asyncssh.SFTPNoMatchingByteRangeLock):
                await mine.unlock(2, 2)
            await mine.unlock(2, 3)
            await theirs.write(b"x", 4)
            with Other(str(path), "4 1") as said:
                assert said == "locked"
                with pytest.raises(asyncssh.SFTPByteRangeLockRefused):
                    await theirs.lock(0, 0, _ALONE)
            await theirs.lock(0, 0, _ALONE)
        assert path.read_bytes() == b"0123x56789"

    _with_two(place, work)


def check_whole_files(ours: None, server_of_six: Server, make_place: Callable[[Server], Place]) -> None:
    """A file that one client has opened alone the other cannot open, nor a program lock, until it is closed."""
    place = make_place(server_of_six)
    path = place.served / "file"
    path.write_bytes(b"0123456789")

    async def work(one: asyncssh.SFTPClient, other: asyncssh.SFTPClient) -> None:
        async with await one.open56("file", _BOTH, asyncssh.FXF_OPEN_EXISTING | _ALONE):
            for flags in (asyncssh.FXF_OPEN_EXISTING, asyncssh.FXF_CREATE_TRUNCATE):
                with pytest.raises(asyncssh.SFTPLockConflict):
                    await other.open56("file", _BOTH, flags)
            with Other(str(path), "0 1", "r") as said:
                assert said == "taken"
        async with await other.open56("file", _BOTH, asyncssh.FXF_OPEN_EXISTING):
            with pytest.raises(asyncssh.SFTPLockConflict):
                await one.open56("file", _BOTH, asyncssh.FXF_TRUNCATE_EXISTING | _ALONE)
        assert path.read_bytes() == b"0123456789"

    _with_two(place, work)
