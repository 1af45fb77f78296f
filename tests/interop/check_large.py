"""
Gigabytes, and keys that are exchanged again and again under transfers in both directions.
"""

import asyncio
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncssh
import pytest

from bench.openssh import options
from bench.servers import Server
from tests.interop.driving import Place, environment, need, same, sftp, wait_until

MIB = 1 << 20
GIB = 1 << 30

_FAST = ("-oCiphers=aes128-gcm@openssh.com",)


def _random(path: Path, size: int) -> Path:
    block = os.urandom(MIB)
    with path.open("wb") as file:
        for number in range(size // MIB):
            file.write(number.to_bytes(8) + block[8:])
    return path


def check_four_gigabytes(server: Server, place: Place) -> None:
    """What lacks the part of a file where 32 bits no longer count is completed, in both directions."""
    need("sftp")
    size, there = 4 * GIB + 64 * MIB, 4 * GIB - 64 * MIB
    content = os.urandom(size - there)
    for folder, name in ((place.served, "source"), (place.local, "local")):
        with (folder / name).open("wb") as file:
            file.seek(there)
            file.write(content)
    for folder, name in ((place.local, "source"), (place.served, "local")):
        with (folder / name).open("wb") as file:
            file.truncate(there)
    commands = f"reget {place.remote}/source source", f"reput local {place.remote}/local"
    for command in commands:
        sftp(server, place.local, command, extra=_FAST, seconds=120)
    for completed in (place.local / "source", place.served / "local"):
        assert completed.stat().st_size == size
        with completed.open("rb") as file:
            file.seek(there)
            assert file.read() == content


@pytest.mark.slow
def check_rekey_under_transfers(server: Server, place: Place) -> None:
    """On one connection that changes its keys at every MiB, 200 MiB go up while 200 MiB come down."""
    need("ssh", "sftp")
    source = _random(place.local / "source", 200 * MIB)
    shutil.copy(source, place.served / "source")
    # One ssh holds the connection; the two sftp are channels of it. The path of a socket must be short: it is relative.
    socket = "-oControlPath=master"
    master = subprocess.Popen(
        ["ssh", "-MN", socket, "-oRekeyLimit=1M", *options(server), "-p", str(server.port), f"{server.user}@127.0.0.1"],
        cwd=place.local,
        env=environment(place.local),
    )
    try:
        wait_until(lambda: (place.local / "master").exists() or master.poll() is not None)
        with ThreadPoolExecutor() as workers:
            transfers = [
                workers.submit(sftp, server, place.local, command, extra=(socket,), seconds=120)
                for command in (f"put source {place.remote}/arrived", f"get {place.remote}/source back")
            ]
            for transfer in transfers:
                transfer.result()
        assert master.poll() is None
    finally:
        master.terminate()
        master.wait(60)
    same(source, place.served / "arrived")
    same(source, place.local / "back")


def check_rekey_from_another_client(server: Server, place: Place) -> None:
    """asyncssh, too, changes keys at every MiB while files go both ways in one SFTP session."""
    source = _random(place.local / "source", 40 * MIB)
    shutil.copy(source, place.served / "source")

    async def both_ways() -> None:
        async with asyncssh.connect(
            "127.0.0.1",
            server.port,
            username=server.user,
            client_keys=[str(server.keys.client)],
            known_hosts=str(server.known_hosts()),
            config=None,
            rekey_bytes=MIB,
        ) as connection:
            async with connection.start_sftp_client() as client:
                await asyncio.gather(
                    client.put(str(source), f"{place.remote}/arrived"),
                    client.get(f"{place.remote}/source", str(place.local / "back")),
                )

    asyncio.run(asyncio.wait_for(both_ways(), 120))
    same(source, place.served / "arrived")
    same(source, place.local / "back")
