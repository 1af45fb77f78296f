"""
Floods of logins: that stop half-way, that nobody answers, and that guess passwords from many places.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import paramiko
import pytest

from bench.servers import Keys, Server, free_port, start_program
from tests.interop.driving import environment, need, sftp, sftp_arguments, wait_until
from tests.interop.programs import PROJECT

_PROGRAM = Path(__file__).parent / "slow_logins.py"
_MIB = 1 << 20
_COUNT = 10
_GUESSES = 300
_AT_ONCE = 30
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
    assert figures[-1][1] <= max(figures[0][1], 10), figures
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
    """Hundreds of wrong passwords from many places: each place is refused in the end, memory stays, others get in."""
    need("sftp")
    server = behind.server
    _guess(behind, _GUESSES // 3, "198.51.100")
    before = server.memory() / _MIB
    _guess(behind, _GUESSES, "203.0.113")
    wait_until(lambda: not _sockets(server))
    after = server.memory() / _MIB
    print(f"{before:.1f} MiB before, {after:.1f} MiB after {_GUESSES} guesses")
    assert after < before + _MOST_MIB
    for _ in range(3):
        _guess_once(behind, "203.0.113.200", wait=False)
    wait_until(lambda: _greeting(behind, "203.0.113.200").startswith(b"Not now"))
    assert _greeting(behind, "203.0.113.201").startswith(b"SSH-")
    sftp(server, tmp_path, "get file got")
    said = server.log.read_text()
    assert re.search(r"203\.0\.113\.200: its connections are refused for \d+ seconds, for wrong passwords", said)
    assert len(re.findall(r"203\.0\.113\.200: refused", said)) < 5


def _guess(behind: Behind, count: int, network: str) -> None:
    """Guess so many passwords, two from each of many addresses."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda number: _guess_once(behind, f"{network}.{number % (count // 2) + 1}"), range(count)))


def _guess_once(behind: Behind, host: str, *, wait: bool = True) -> None:
    connection = _proxied(behind, host)
    transport = paramiko.Transport(connection)
    try:
        transport.start_client(timeout=60)
        if wait:
            with pytest.raises(paramiko.AuthenticationException):
                transport.auth_password("nobody", "wrong", fallback=False)
        else:
            transport.auth_password("nobody", "wrong", event=threading.Event())
            wait_until(lambda: f"{host}] 'password' refused" in behind.server.log.read_text())
    finally:
        transport.close()


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


def _descriptors(server: Server) -> int:
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


def _threads(server: Server) -> int:
    return len(list(Path(f"/proc/{server.pid}/task").iterdir()))
