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
from tests.interop.driving import Place, environment, need, same, sftp, unavailable, wait_until

MIB = 1 << 20
GIB = 1 << 30

_FAST = ("-oCiphers=aes128-gcm@openssh.com",)


def _random(path: Path, size: int) -> Path:
    block = os.urandom(MIB)
    with path.open("wb") as file:
        for number in range(size // MIB):
            file.write(number.to_bytes(8) + block[8:])
    return path


@pytest.mark.slow
def check_four_gigabytes(server: Server, place: Place) -> None:
    """A file of more than 4 GiB, past what 32 bits count, goes both ways."""
    need("sftp")
    size = 4 * GIB + 64 * MIB
    if shutil.disk_usage(place.local).free < size + GIB:
        unavailable("5 GiB of disk are needed")
    source = place.local / "source"
    with source.open("wb") as file:
        file.truncate(size)
        for offset in (0, 2 * GIB - 5, 4 * GIB - 5, size - 10):
            file.seek(offset)
            file.write(os.urandom(10))
    sftp(server, place.local, f"put {source} {place.remote}/arrived", extra=_FAST, seconds=300)
    same(source, place.served / "arrived")
    (place.served / "arrived").unlink()
    source.rename(place.served / "sparse")
    sftp(server, place.local, f"get {place.remote}/sparse back", extra=_FAST, seconds=300)
    same(place.local / "back", place.served / "sparse")
    (place.local / "back").unlink()
    (place.served / "sparse").unlink()


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
