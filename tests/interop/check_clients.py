"""
What is particular to one client, or to several, besides the matrix.
"""

import os
import shutil
import threading
from collections.abc import Callable

import paramiko

from bench import accounting
from bench.servers import Server
from tests.interop.clients.curl_client import curl
from tests.interop.clients.paramiko_client import paramiko_session
from tests.interop.clients.putty import psftp
from tests.interop.driving import Place, need, same

MIB = 1 << 20


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


def check_asked_for_the_password(
    ours: None, start: Callable[..., Server], make_place: Callable[[Server], Place]
) -> None:
    """Clients that bring their own SSH answer the question for it, where a server takes a password in no other way."""
    need("psftp", "curl")
    server = start("AlgorithmProfile=compatible", "DefaultAuthMethods=keyboard-interactive")
    place = make_place(server)
    (place.served / "file").write_text("content")
    assert curl(server, place.local, f":{place.remote}/file", password=server.password) == "content"
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
