"""
The servers that the tests talk to, and a fresh place for each test.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import bcrypt
import pytest

from bench.servers import Keys, Server, start_ours, start_sshd
from tests.interop import matrix
from tests.interop.clients import asyncssh_client
from tests.interop.driving import Place, need

PEER = os.environ.get("INTEROP_PEER", "ours")
_PASSWORD = "correct horse, battery"

Start = Callable[..., Server]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """A host key and a client key for the whole run."""
    need("ssh-keygen")
    return Keys.make(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def start(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """A function that starts one more server with settings `Name=Value`; it ends with the run."""
    password_hash = bcrypt.hashpw(_PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    with ExitStack() as stack:

        def start(*settings: str) -> Server:
            work = tmp_path_factory.mktemp(PEER)
            root = work / "served"
            root.mkdir()
            if PEER == "sshd":
                return stack.enter_context(start_sshd(keys, root, work))
            server = start_ours(keys, root, work, settings=settings, password_hash=password_hash, password=_PASSWORD)
            return stack.enter_context(server)

        yield start


@pytest.fixture(scope="session")
def server(start: Start) -> Server:
    """The server with nothing changed in its settings."""
    return start()


@pytest.fixture(scope="session")
def compatible_server(start: Start) -> Server:
    """The server with the algorithms of older clients as well."""
    return start("AlgorithmProfile=compatible")


@pytest.fixture(scope="session")
def server_of_six(start: Start) -> Server:
    """The server that speaks up to version 6 of SFTP, for older clients as well."""
    return start("ProtocolVersion=6", "AlgorithmProfile=compatible", "ServerEOL=CrLf")


@pytest.fixture(scope="module")
def connected(server_of_six: Server) -> Iterator[asyncssh_client.Connected]:
    """One connection of asyncssh to the server of version 6, for all its steps of a module."""
    with asyncssh_client.connected(server_of_six) as connection:
        yield connection


@pytest.fixture(scope="session")
def read_only_server(start: Start) -> Server:
    """The server for reading only, for older clients as well."""
    return start("ReadOnly=true", "AlgorithmProfile=compatible")


@pytest.fixture
def ours() -> None:
    """For tests of what OpenSSH's server does not do, or does otherwise."""
    if PEER != "ours":
        pytest.skip("says nothing about this peer")


@pytest.fixture
def make_place(tmp_path: Path) -> Callable[[Server], Place]:
    """A function that makes a place on a given server."""

    def make(server: Server) -> Place:
        local = tmp_path / "local"
        local.mkdir()
        served = server.root / tmp_path.name
        served.mkdir()
        return Place(server=server, local=local, served=served, remote=server.path(tmp_path.name))

    return make


@pytest.fixture
def make_places(tmp_path: Path) -> Callable[..., dict[str, Place]]:
    """A function that makes several places on a given server, by their names."""

    def make(server: Server, *names: str) -> dict[str, Place]:
        places = {}
        for name in names:
            local, served = tmp_path / name, server.root / tmp_path.name / name
            local.mkdir()
            served.mkdir(parents=True)
            places[name] = Place(
                server=server, local=local, served=served, remote=server.path(f"{tmp_path.name}/{name}")
            )
        return places

    return make


@pytest.fixture
def place(make_place: Callable[[Server], Place], server: Server) -> Place:
    """A fresh place on the server with nothing changed."""
    return make_place(server)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the matrix of clients and operations, as far as the run has filled it."""
    outcomes = {
        dict(report.user_properties)[matrix.CELL]: outcome
        for outcome in ("passed", "skipped", "failed", "error")
        for report in terminalreporter.stats.get(outcome, ())
        if matrix.CELL in dict(report.user_properties)
    }
    if outcomes:
        terminalreporter.section("real clients")
        for line in matrix.printed(outcomes):
            terminalreporter.write_line(line)
