"""
Floods of logins: that stop half-way, that nobody answers, and that guess passwords from many places.
"""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import bcrypt
import paramiko
import pytest

from bench.servers import Keys, Server, free_port, start_program
from tests.interop.driving import environment, need, sftp, sftp_arguments, wait_until
from tests.interop.programs import PROJECT

_PROGRAM = Path(__file__).parent / "slow_logins.py"
_MIB = 1 << 20
_COUNT = 10
# Places, and guesses of each; with the settings of the server, that many are just too many.
_PLACES = 50
_GUESSES = 3
# Python keeps some of what it had; what grows with the number of logins is more than that.
_MOST_MIB = 4


@dataclass(frozen=True, slots=True)
class Behind:
    """
    A server, and its port behind a proxy.

    Attributes:
        server: it.
        port: of the other one.
    """

    server: Server
    port: int


@pytest.fixture
def behind(ours: None, keys: Keys, tmp_path: Path) -> Iterator[Behind]:
    """A server with a slow checker."""
    root = tmp_path / "served"
    root.mkdir()
    (root / "file").write_text("content")
    port = free_port()
    users = tmp_path / "cheap.toml"
    # What hashes cost is not what is looked at.
    hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
    users.write_text(f'[alice]\nkeys = ["{keys.public(keys.client)}"]\npassword = "{hashed}"\n')
    users.chmod(0o600)
    with start_program(keys, root, tmp_path, _PROGRAM, PROXIED_AT=str(port), USERS_FILE=str(users)) as server:
        yield Behind(server, port)


def check_killed_half_way(behind: Behind, tmp_path: Path) -> None:
    """Clients that are killed in the middle of their logins leave no socket, no descriptor, no thread, no memory."""
    need("sftp")
    server = behind.server
    sftp(server, tmp_path, "get file got")
    figures = []
    for _ in range(4):
        command = [sys.executable, "-m", "tests.interop.half_logins", str(server.port), str(_COUNT)]
        half = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT)
        people = [_at_the_prompt(server, tmp_path) for _ in range(3)]
        assert half.stdout.readline() == b"ready\n"
        assert _sockets(server) >= 4 * _COUNT
        sftp(server, tmp_path, "get file meanwhile")
        for each in people:
            os.killpg(each.pid, signal.SIGKILL)
            each.wait()
        half.kill()
        half.communicate()
        wait_until(lambda: not _sockets(server))
        sftp(server, tmp_path, "get file afterwards")
        wait_until(lambda: not _sockets(server))
        figures.append((_descriptors(server), _threads(server), server.memory() / _MIB))
    print(figures)
    assert figures[-1][0] <= figures[0][0], figures
    # All that the reactor's pool may have, and the first.
    assert figures[-1][1] <= max(figures[0][1], 10 + 1), figures
    assert figures[-1][2] < figures[0][2] + _MOST_MIB, figures


def check_nobody_answers(behind: Behind, tmp_path: Path) -> None:
    """While a checker never answers many logins, others log in as ever."""
    need("sftp")
    waiting = [_transport(behind.server.port) for _ in range(2 * _COUNT)]
    try:
        for each in waiting:
            # Returns at once; the answer would come in a thread of paramiko.
            each.auth_password("slow", "password", event=threading.Event())
        for number in range(5):
            sftp(behind.server, tmp_path, f"get file got{number}")
    finally:
        for each in waiting:
            each.close()


def check_guesses_from_many_places(behind: Behind, tmp_path: Path) -> None:
    """Hundreds of wrong passwords from many places: each place is refused, memory stays, others get in meanwhile."""
    need("sftp")
    server = behind.server
    figures = []
    for network in ("198.51.100", "203.0.113", "192.0.2"):
        asyncio.run(_flood(behind, network, tmp_path))
        wait_until(lambda: not _sockets(server))
        figures.append((_objects(server), server.memory() / _MIB))
        begun = re.findall(r"(\S+): its connections are refused for \d+ seconds, for wrong", server.log.read_text())
        assert sorted(begun[-_PLACES:]) == sorted(f"{network}.{number}" for number in range(1, _PLACES + 1))
    print(figures)
    # What is remembered of a place is an entry of a table, and the reactor keeps cancelled calls for a while; a
    # connection that stayed would be some hundreds of objects.
    assert figures[-1][0] < figures[0][0] + 40 * _PLACES, figures
    assert figures[-1][1] < figures[0][1] + _MOST_MIB, figures
    for _ in range(5):
        assert _greeting(behind, "203.0.113.1").startswith(b"Not now")
    assert _greeting(behind, "203.0.113.200").startswith(b"SSH-")
    assert len(re.findall(r"203\.0\.113\.1: refused", server.log.read_text())) == 1


class _Guessing(asyncssh.SSHClient):
    """A client that tries a few passwords, one after the other."""

    def __init__(self) -> None:
        self._left = _GUESSES

    def password_auth_requested(self) -> str | None:
        self._left -= 1
        return "wrong" if self._left >= 0 else None


async def _flood(behind: Behind, network: str, folder: Path) -> None:
    """Guess from all places of a network at once, while somebody logs in."""
    places = (_guess(behind, f"{network}.{number}") for number in range(1, _PLACES + 1))
    await asyncio.gather(asyncio.to_thread(sftp, behind.server, folder, "get file got"), *places)


async def _guess(behind: Behind, host: str) -> None:
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.create_connection(
            _Guessing,
            sock=_proxied(behind, host),
            username="nobody",
            known_hosts=None,
            config=None,
            client_keys=None,
            agent_path=None,
            preferred_auth="password",
            login_timeout=120,
        )


def _greeting(behind: Behind, host: str) -> bytes:
    """Return the first line that a client from there reads."""
    with _proxied(behind, host) as connection, connection.makefile("rb") as lines:
        return lines.readline()


def _proxied(behind: Behind, host: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", behind.port), 30)
    connection.sendall(f"PROXY TCP4 {host} 127.0.0.1 4711 22\r\n".encode())
    return connection


def _transport(port: int) -> paramiko.Transport:
    transport = paramiko.Transport(("127.0.0.1", port))
    transport.start_client(timeout=60)
    return transport


def _at_the_prompt(server: Server, folder: Path) -> "subprocess.Popen[bytes]":
    """Start OpenSSH's sftp, which waits for a person to type a password."""
    script, asked = folder / "askpass", folder / "asked"
    script.write_text(f"#!/bin/sh\ntouch '{asked}'\nexec sleep 3600\n")
    script.chmod(0o700)
    asked.unlink(missing_ok=True)
    extra = ("-oPubkeyAuthentication=no", "-oBatchMode=no", "-oPreferredAuthentications=password")
    client = subprocess.Popen(
        ["sftp", *sftp_arguments(server, extra)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(folder, SSH_ASKPASS=str(script), SSH_ASKPASS_REQUIRE="force", DISPLAY="none"),
        start_new_session=True,
    )
    wait_until(asked.exists)
    return client


def _sockets(server: Server) -> int:
    """Return how many connections the server has open, without those that it listens with."""
    targets = map(_target, Path(f"/proc/{server.pid}/fd").iterdir())
    inodes = {target[8:-1] for target in targets if target.startswith("socket:[")}
    lines = Path(f"/proc/{server.pid}/net/tcp").read_text().splitlines()[1:]
    # State 0A: listening.
    return sum(fields[9] in inodes and fields[3] != "0A" for fields in map(str.split, lines))


def _target(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)
    except OSError:
        return ""


def _objects(server: Server) -> int:
    """Return how many objects the server has, without those that nobody refers to any more."""
    before = len(_counted(server))
    os.kill(server.pid, signal.SIGUSR1)
    wait_until(lambda: len(_counted(server)) > before)
    return int(_counted(server)[-1])


def _counted(server: Server) -> list[str]:
    return re.findall(r"(\d+) objects are left", server.log.read_text())


def _descriptors(server: Server) -> int:
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


def _threads(server: Server) -> int:
    return len(list(Path(f"/proc/{server.pid}/task").iterdir()))
