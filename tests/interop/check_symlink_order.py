"""
SYMLINK of a client that looks at what the server calls itself before it decides which name comes first.
"""

import asyncio
import os
from collections.abc import Callable

import asyncssh
import pytest

from bench.servers import Server
from tests.interop.driving import Place


async def _link(server: Server, target: str, path: str) -> None:
    async with (
        asyncssh.connect(
            "127.0.0.1",
            server.port,
            username=server.user,
            client_keys=[str(server.keys.client)],
            known_hosts=str(server.known_hosts()),
            config=None,
        ) as connection,
        connection.start_sftp_client() as client,
    ):
        await client.symlink(target, path)


@pytest.mark.parametrize("name", ["conchsftp_1.0", "OpenSSH_9.9"])
def check_either_name(
    ours: None, name: str, start: Callable[..., Server], make_place: Callable[[Server], Place]
) -> None:
    """AsyncSSH turns the names round for OpenSSH, and its links are right either way."""
    server = start(f"ServerSSHVersionString=SSH-2.0-{name}")
    place = make_place(server)
    asyncio.run(_link(server, "the target", f"{place.remote}/link"))
    assert os.readlink(place.served / "link") == "the target"
