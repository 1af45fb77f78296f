"""
New keys again and again under the transfers of real clients, compression with them, and groups that clients size.
"""

import asyncio
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncssh
import paramiko
import pytest

from bench.servers import Server
from conchsftp.ssh.kex.groups import fixed_group
from tests.interop.clients import lftp
from tests.interop.clients.putty import psftp
from tests.interop.driving import Place, need, same, sftp

_SIZE = 6 * (1 << 20) + 7
_THRESHOLD = 100_000
_OURS = "KEXINIT sent, for new keys: KeyRenegotiationThreshold"
_THEIRS = "KEXINIT received: the client wants new keys"
_DONE = "NEWKEYS received: keys are exchanged"


def _openssh(place: Place) -> None:
    # The client has a limit of its own: both sides start exchanges, sometimes at once.
    commands = f"put source {place.remote}/arrived", f"get {place.remote}/source back"
    sftp(place.server, place.local, *commands, extra=("-oRekeyLimit=150K",))


def _asyncssh(place: Place, **options: object) -> None:
    """Upload and download at once in one session, with a limit of its own."""
    server = place.server

    async def both_ways() -> None:
        async with asyncssh.connect(
            "127.0.0.1",
            server.port,
            username=server.user,
            client_keys=[str(server.keys.client)],
            known_hosts=str(server.known_hosts()),
            config=None,
            rekey_bytes=150_000,
            **options,
        ) as connection:
            async with connection.start_sftp_client() as client:
                await asyncio.gather(
                    client.put(str(place.local / "source"), f"{place.remote}/arrived"),
                    client.get(f"{place.remote}/source", str(place.local / "back")),
                )

    asyncio.run(asyncio.wait_for(both_ways(), 60))


def _paramiko(place: Place, *, compress: bool = False, kex: str = "") -> None:
    """Upload and download at once in two sessions of one connection."""
    server = place.server
    with paramiko.Transport(("127.0.0.1", server.port)) as transport:
        transport.use_compression(compress)
        if kex:
            transport.get_security_options().kex = (kex,)
        key = paramiko.Ed25519Key.from_private_key_file(str(server.keys.client))
        transport.connect(username=server.user, pkey=key)
        up, down = (transport.open_sftp_client() for _ in range(2))
        with ThreadPoolExecutor() as threads:
            transfers = [
                threads.submit(up.put, str(place.local / "source"), f"{place.remote}/arrived"),
                threads.submit(down.get, f"{place.remote}/source", str(place.local / "back")),
            ]
            for transfer in transfers:
                transfer.result(60)


def _lftp(place: Place) -> None:
    lftp.script("put source -o arrived", "get source -o back")(place)


def _psftp(place: Place, *extra: str) -> None:
    commands = f"cd {place.remote}", "put source arrived", "get source back"
    psftp(place.server, place.local, *commands, extra=extra)


_CLIENTS: dict[str, Callable[[Place], None]] = {
    "OpenSSH": _openssh,
    "asyncssh": _asyncssh,
    "paramiko": _paramiko,
    "lftp": _lftp,
    "psftp": _psftp,
}
_NEEDS = {"OpenSSH": ("sftp",), "lftp": ("lftp", "ssh"), "psftp": ("psftp", "puttygen")}


def _both_ways(place: Place, transfer: Callable[[Place], None]) -> str:
    """Have a client move files both ways, compare them, and return what the server has logged meanwhile."""
    source = place.local / "source"
    source.write_bytes(os.urandom(_SIZE // 2) + bytes(_SIZE // 2))
    shutil.copy(source, place.served / "source")
    before = len(place.server.log.read_text())
    transfer(place)
    same(source, place.served / "arrived")
    same(source, place.local / "back")
    return place.server.log.read_text()[before:]


@pytest.fixture(scope="module")
def restless_server(start: Callable[..., Server]) -> Server:
    """A server that wants new keys all the time."""
    return start(f"KeyRenegotiationThreshold={_THRESHOLD}", "LogLevel=2", "AlgorithmProfile=compatible")


@pytest.mark.parametrize("name", _CLIENTS)
def check_transfers(ours: None, restless_server: Server, make_place: Callable[..., Place], name: str) -> None:
    """Files arrive as they are while keys change every few packets, whoever wants it, and the log tells who did."""
    need(*_NEEDS.get(name, ()))
    log = _both_ways(make_place(restless_server), _CLIENTS[name])
    exchanges = log.count(_DONE)
    assert exchanges > 5, log[-2000:]
    assert exchanges >= log.count(_OURS) + log.count(_THEIRS) > 5
    if name in ("OpenSSH", "asyncssh"):
        assert log.count(_THEIRS), "it had a limit of its own"
    assert "disconnecting" not in log


@pytest.fixture(scope="module")
def old_server(start: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server with what is documented and old: compression before login, groups of a file."""
    moduli = tmp_path_factory.mktemp("moduli") / "moduli"
    prime = fixed_group(15).prime
    moduli.write_text(f"# one group\n20260101000000 2 6 100 3071 5 {prime:X}\n")
    return start(
        "AlgorithmProfile=documented",
        "SSHCompressionAlgorithms=zlib",
        f"ModuliFile={moduli}",
        f"KeyRenegotiationThreshold={_THRESHOLD * 5}",
        "LogLevel=2",
    )


@pytest.mark.parametrize("name", ["asyncssh", "paramiko", "psftp"])
def check_early_compression(ours: None, old_server: Server, make_place: Callable[..., Place], name: str) -> None:
    """`zlib` packs both directions from the first keys on, with new streams at each exchange."""
    need(*_NEEDS.get(name, ()))
    transfers: dict[str, Callable[[Place], None]] = {
        "asyncssh": lambda place: _asyncssh(place, compression_algs=["zlib"]),
        "paramiko": lambda place: _paramiko(place, compress=True),
        "psftp": lambda place: _psftp(place, "-C"),
    }
    log = _both_ways(make_place(old_server), transfers[name])
    assert "compression zlib\n" in log and log.count(_DONE) > 2
    assert "disconnecting" not in log


def check_group_exchange(ours: None, old_server: Server, tmp_path: Path) -> None:
    """OpenSSH takes a group of the file where its size is asked for, and a fixed one where the file has none."""
    need("sftp")
    for hash, cipher, bits in (("sha1", "aes128-gcm@openssh.com", 3072), ("sha256", "aes256-gcm@openssh.com", 8192)):
        kex = f"diffie-hellman-group-exchange-{hash}"
        extra = (f"-oKexAlgorithms={kex}", f"-oCiphers={cipher}", "-oLogLevel=DEBUG2")
        extra += ("-oCompression=yes",)
        said = sftp(old_server, tmp_path, "ls", extra=extra)
        assert f"kex: algorithm: {kex}" in said and f"/{bits}" in said, said
