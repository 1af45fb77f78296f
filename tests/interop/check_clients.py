"""
Every other client: the same tree there and back, and what is particular to one of them.
"""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import paramiko
import pytest

from bench import accounting
from bench.servers import Server
from tests.interop.driving import Place, need, same
from tests.interop.round_trip import CLIENTS, Client, curl, paramiko_session, psftp

MIB = 1 << 20


def _tree(folder: Path) -> None:
    """Make a tree with an empty file, a large one, and names that need care."""
    (folder / "sub").mkdir(parents=True)
    for name, size in (("large.bin", 7 * MIB + 11), ("empty", 0), ("sub/a blank", 5), ("sub/ünï cödé.txt", 70_000)):
        (folder / name).write_bytes(os.urandom(size))


@pytest.fixture(params=CLIENTS, ids=lambda client: client.name)
def client(request: pytest.FixtureRequest) -> Client:
    """Each client in turn; skipped where it is not installed."""
    need(*request.param.needs)
    return request.param


def check_round_trip(
    client: Client, server: Server, compatible_server: Server, make_place: Callable[[Server], Place]
) -> None:
    """A client takes a tree to the server, brings it back unchanged, and removes it."""
    peer = compatible_server if client.old else server
    place = make_place(peer)
    _tree(place.local / "tree")
    client.upload(peer, place.local, "tree", f"{place.remote}/arrived")
    same(place.local / "tree", place.served / "arrived")
    client.download(peer, place.local, "back", f"{place.remote}/arrived")
    same(place.local / "tree", place.local / "back")
    if client.remove is not None:
        client.remove(peer, place.local, "tree", f"{place.remote}/arrived")
        assert not (place.served / "arrived").exists()


def check_paramiko_prefetch(ours: None, server: Server, place: Place) -> None:
    """paramiko asks for all of 512 MiB at once and the server's memory stays bounded."""
    size = 512 * MIB
    with (place.served / "source").open("wb") as file:
        file.truncate(size)
        file.seek(size // 2)
        file.write(os.urandom(MIB))
    with paramiko_session(server) as session, session.open(f"{place.remote}/source") as file:
        accounting.forget_peak(server.pid)
        before = accounting.peak_memory(server.pid)
        others = set(threading.enumerate())
        file.prefetch(size)
        # paramiko goes over to one request at a time when it has read all replies to what it has asked so far.
        for asking in set(threading.enumerate()) - others:
            asking.join(60)
        with (place.local / "back").open("wb") as back:
            shutil.copyfileobj(file, back, MIB)
        grown = accounting.peak_memory(server.pid) - before
    same(place.served / "source", place.local / "back")
    assert grown < 32 * MIB, f"{grown / MIB:.1f} MiB"
    (place.local / "back").unlink()
    (place.served / "source").unlink()


def check_passwords(ours: None, compatible_server: Server, make_place: Callable[[Server], Place]) -> None:
    """Clients that bring their own SSH log in by password."""
    need("psftp", "curl")
    server, place = compatible_server, make_place(compatible_server)
    (place.served / "file").write_text("content")
    assert curl(server, place.local, f"{place.remote}/file", password=server.password) == "content"
    psftp(server, place.local, f"get {place.remote}/file got", password=server.password)
    assert (place.local / "got").read_text() == "content"
    with paramiko_session(server, by_password=True) as session, session.open(f"{place.remote}/file") as file:
        assert file.read() == b"content"


def check_asked_for_the_password(
    ours: None, start: Callable[..., Server], make_place: Callable[[Server], Place]
) -> None:
    """The same clients answer the question for it, where a server takes a password in no other way."""
    need("psftp", "curl")
    server = start("AlgorithmProfile=compatible", "DefaultAuthMethods=keyboard-interactive")
    place = make_place(server)
    (place.served / "file").write_text("content")
    assert curl(server, place.local, f"{place.remote}/file", password=server.password) == "content"
    psftp(server, place.local, f"get {place.remote}/file got", password=server.password)
    assert (place.local / "got").read_text() == "content"
    asked = []

    def answer(title: str, instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        asked.append((title, instructions, prompts))
        return [server.password]

    with paramiko.Transport(("127.0.0.1", server.port)) as transport:
        transport.start_client(timeout=60)
        transport.auth_interactive(server.user, answer)
        session = paramiko.SFTPClient.from_transport(transport)
        assert session is not None and session.listdir(place.remote) == ["file"]
    assert asked == [("", "", [("Password: ", False)])]


def check_resume(compatible_server: Server, make_place: Callable[[Server], Place]) -> None:
    """psftp and curl go on with a file that is there in part, which they open without truncating it."""
    need("psftp", "puttygen", "curl")
    server, place = compatible_server, make_place(compatible_server)
    source = place.local / "source"
    source.write_bytes(os.urandom(MIB + 1))
    for name in ("psftp", "curl"):
        (place.served / name).write_bytes(source.read_bytes()[:300_000])
    psftp(server, place.local, f"reput source {place.remote}/psftp")
    curl(server, place.local, "-C", "-", "-T", source, f"{place.remote}/curl")
    same(source, place.served / "psftp")
    same(source, place.served / "curl")
