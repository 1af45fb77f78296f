"""
asyncssh, a library for Python.
"""

import asyncio
import stat
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import asyncssh

from bench.servers import Server
from tests.interop.clients.client import Client
from tests.interop.driving import Place
from tests.interop.operations import Step

# The version of SFTP that it asks for, and has to get.
VERSION: ContextVar[int] = ContextVar("version", default=3)

Work = Callable[[asyncssh.SFTPClient, Path], Awaitable[Any]]


class Connected:
    """
    One SSH connection, for steps that need none of their own; each has an SFTP session of its own.

    Args:
        server: whom to connect to, by key.
    """

    def __init__(self, server: Server) -> None:
        self._runner = asyncio.Runner()
        self._connection = self._runner.run(_connect(server))

    def run(self, place: Place, work: Work) -> Any:
        """Do something in a new session, of the version that VERSION says."""
        # The runner has a context of its own, in which VERSION does not change.
        session = _session(self._connection, place, work, VERSION.get())
        return self._runner.run(asyncio.wait_for(session, 60))

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
        self._runner.run(self._connection.wait_closed())
        self._runner.close()


# The connection that steps take, where there is one.
_CONNECTED: ContextVar[Connected | None] = ContextVar("connected", default=None)


@contextmanager
def connected(server: Server) -> Iterator[Connected]:
    """Give all steps that log in by key one connection."""
    connection = Connected(server)
    before = _CONNECTED.set(connection)
    try:
        yield connection
    finally:
        _CONNECTED.reset(before)
        connection.close()


async def _connect(server: Server, **proof: Any) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        "127.0.0.1",
        server.port,
        username=server.user,
        known_hosts=str(server.known_hosts()),
        config=None,
        **{"client_keys": [str(server.keys.client)], **proof},
    )


async def _session(connection: asyncssh.SSHClientConnection, place: Place, work: Work, version: int) -> Any:
    async with connection.start_sftp_client(sftp_version=version) as client:
        assert client.version == version
        await client.chdir(place.remote)
        return await work(client, place.local)


def _step(work: Work, *, by_password: bool = False) -> Step:
    async def conversation(place: Place) -> Any:
        proof = {"password": place.server.password, "client_keys": None} if by_password else {}
        async with await _connect(place.server, **proof) as connection:
            return await _session(connection, place, work, VERSION.get())

    def step(place: Place) -> Any:
        connection = _CONNECTED.get()
        if connection is not None and not by_password:
            return connection.run(place, work)
        return asyncio.run(asyncio.wait_for(conversation(place), 60))

    return step


async def _up(client: asyncssh.SFTPClient, local: Path) -> None:
    await client.put(local / "source", "arrived")


async def _down(client: asyncssh.SFTPClient, local: Path) -> None:
    await client.get("source", local / "arrived")


async def _both_ways(client: asyncssh.SFTPClient, local: Path) -> None:
    await _up(client, local)
    await _down(client, local)


async def _trees_both_ways(client: asyncssh.SFTPClient, local: Path) -> None:
    await client.put(local / "source", "arrived", recurse=True)
    await client.get("source", local / "arrived", recurse=True)


async def _four_at_a_time(client: asyncssh.SFTPClient, local: Path) -> None:
    (local / "arrived").mkdir()
    await client.mkdir("arrived")
    names = sorted(path.name for path in (local / "source").iterdir())
    for first in range(0, len(names), 4):
        four = names[first : first + 4]
        await asyncio.gather(
            *(client.put(local / "source" / name, f"arrived/{name}") for name in four),
            *(client.get(f"source/{name}", local / "arrived" / name) for name in four),
        )


async def _resume_upload(client: asyncssh.SFTPClient, local: Path) -> None:
    async with client.open("arrived", "r+b") as arrived:
        there = await client.getsize("arrived")
        await arrived.write((local / "source").read_bytes()[there:], there)


async def _resume_download(client: asyncssh.SFTPClient, local: Path) -> None:
    with (local / "arrived").open("ab") as arrived:
        async with client.open("source", "rb") as source:
            arrived.write(await source.read(offset=arrived.tell()))


async def _append(client: asyncssh.SFTPClient, local: Path) -> None:
    async with client.open("arrived", "ab") as arrived:
        await arrived.write((local / "source").read_bytes())


def _kind(attributes: asyncssh.SFTPAttrs) -> str:
    """Return the letter of `ls`; from version 4 on, the type is not in the permissions."""
    types = {asyncssh.FILEXFER_TYPE_REGULAR: "-", asyncssh.FILEXFER_TYPE_DIRECTORY: "d"}
    return types.get(attributes.type) or stat.filemode(attributes.permissions)[0]


async def _list(client: asyncssh.SFTPClient, local: Path) -> dict[str, tuple[str, int]]:
    entries = await client.readdir()
    return {entry.filename: (_kind(entry.attrs), entry.attrs.size) for entry in entries}


async def _folders(client: asyncssh.SFTPClient, local: Path) -> None:
    await client.mkdir("made")
    await client.rmdir("folder")
    await client.remove("file")


async def _rename_over(client: asyncssh.SFTPClient, local: Path) -> bool:
    # It has posix_rename() as well.
    try:
        await client.rename("source", "arrived")
    except asyncssh.SFTPError:
        return False
    return True


async def _space(client: asyncssh.SFTPClient, local: Path) -> int:
    space = await client.statvfs(".")
    return space.blocks * space.frsize


def _refusal(work: Work) -> Step:
    async def told(client: asyncssh.SFTPClient, local: Path) -> str:
        try:
            await work(client, local)
        except asyncssh.SFTPError as error:
            return str(error)
        raise AssertionError("not refused")

    return _step(told)


CLIENT = Client(
    name="asyncssh",
    version=lambda: asyncssh.__version__,
    steps={
        "upload": _step(_up),
        "download": _step(_down),
        "replace": _step(_up),
        "resume_upload": _step(_resume_upload),
        "resume_download": _step(_resume_download),
        "append": _step(_append),
        "empty": _step(_both_ways),
        "copy": _step(lambda client, local: client.copy("source", "arrived", remote_only=True)),
        "parallel": _step(_four_at_a_time),
        "list": _step(_list),
        "list_many": _step(lambda client, local: client.listdir()),
        "folders": _step(_folders),
        "rename": _step(lambda client, local: client.rename("source", "arrived")),
        "rename_over": _step(_rename_over),
        "tree_up": _step(lambda client, local: client.put(local / "source", "arrived", recurse=True)),
        "tree_down": _step(lambda client, local: client.get("source", local / "arrived", recurse=True)),
        "remove_tree": _step(lambda client, local: client.rmtree("source")),
        "chmod": _step(lambda client, local: client.chmod("source", 0o604)),
        "time_up": _step(lambda client, local: client.put(local / "source", "arrived", preserve=True)),
        "time_down": _step(lambda client, local: client.get("source", local / "arrived", preserve=True)),
        "symlink": _step(lambda client, local: client.symlink("source", "link")),
        "read_link": _step(lambda client, local: client.readlink("link")),
        "hard_link": _step(lambda client, local: client.link("source", "link")),
        "space": _step(_space),
        "odd_names": _step(_trees_both_ways),
        "latin_name": _step(_trees_both_ways),
        "missing": _refusal(lambda client, local: client.get("absent", local / "arrived")),
        "refused": _refusal(_up),
        "password": _step(_down, by_password=True),
    },
)
