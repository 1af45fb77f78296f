"""
Clients that die, and clients that only take up room.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench.servers import Server
from tests.interop.conftest import Start
from tests.interop.driving import Place, environment, need, same, sftp, sftp_arguments, wait_until
from tests.interop.watching import open_below

_SILENT = 500
_LIMIT_SECONDS = 8
# The default is 120: who is dropped by then was dropped for the setting, however busy the machine is.
_LATEST_SECONDS = 60


def check_client_killed_in_a_put(ours: None, server: Server, place: Place) -> None:
    """When a client dies in mid-put the server closes its file, keeps what came, and serves on."""
    need("sftp")
    source = place.local / "source"
    source.write_bytes(os.urandom(20 << 20))
    client = subprocess.Popen(
        ["sftp", "-l", "20000", *sftp_arguments(server)],  # kbit/s: the put would take eight seconds
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        cwd=place.local,
        env=environment(place.local),
        start_new_session=True,
    )
    client.stdin.write(f"put source {place.remote}/arrived\n".encode())
    client.stdin.flush()
    arrived = place.served / "arrived"
    wait_until(lambda: arrived.exists() and arrived.stat().st_size > 1 << 20)
    assert open_below(server, place.served) == [str(arrived)]
    os.killpg(client.pid, signal.SIGKILL)  # sftp and its ssh
    client.communicate()
    wait_until(lambda: not open_below(server, place.served))
    kept = arrived.read_bytes()
    assert source.read_bytes().startswith(kept)
    sftp(server, place.local, f"reput source {place.remote}/arrived")
    same(source, arrived)


def check_silent_connections(ours: None, start: Start, make_place: Callable[[Server], Place]) -> None:
    """Connections that send nothing stop nobody from logging in, and are dropped when the login time is over."""
    need("sftp")
    server = start(f"LoginGraceTime={_LIMIT_SECONDS}", f"MaxStartups={2 * _SILENT}")
    place = make_place(server)
    with ExitStack() as stack:
        opened = time.monotonic()
        silent = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 10)) for _ in range(_SILENT)]
        (place.served / "file").write_text("content")
        sftp(server, place.local, f"get {place.remote}/file got")
        assert time.monotonic() - opened < _LIMIT_SECONDS, "too slow: the silent ones may be gone already"
        assert (place.local / "got").read_text() == "content"
        for connection in silent:
            connection.settimeout(_LATEST_SECONDS)
            while connection.recv(4096):
                pass
        assert _LIMIT_SECONDS - 1 < time.monotonic() - opened < _LATEST_SECONDS
    wait_until(lambda: _sockets(server) == 1)
    sftp(server, place.local, f"get {place.remote}/file again")


def check_crowd_of_silent_connections(ours: None, server: Server, place: Place) -> None:
    """With nothing set, as many again stop nobody from logging in, long before the login time is over."""
    need("sftp")
    with ExitStack() as stack:
        for _ in range(_SILENT):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 10))
        (place.served / "file").write_text("content")
        sftp(server, place.local, f"get {place.remote}/file got")
        assert (place.local / "got").read_text() == "content"


def _sockets(server: Server) -> int:
    """Return how many connections the server holds, and the one that it listens on."""
    port = f":{server.port:04X}"
    lines = Path(f"/proc/{server.pid}/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    # Local address, and an inode: a connection that only the kernel still remembers has none.
    return sum(field[1].endswith(port) and field[9] != "0" for field in fields)
