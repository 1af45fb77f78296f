"""
Users in PostgreSQL: the program of docs/examples, with a database server of the test's own.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from bench.servers import Keys
from tests.interop.check_auth_events import Logins
from tests.interop.driving import need, need_package, unavailable, wait_until
from tests.interop.programs import PROJECT, example

SCHEMA = PROJECT / "docs" / "examples" / "postgres_users.sql"


class Postgres:
    """
    A database server that listens at a socket in a folder of its own, and only there.

    Attributes:
        folder: where its socket is.
    """

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
        if not found:
            unavailable("missing: postgresql")
        self._programs = found[-1].parent
        # Not in pytest's folder: only its owner may enter that, and initdb refuses to be run by root.
        self.folder = Path(tempfile.mkdtemp(prefix="postgres"))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._as = {"user": "nobody", "group": "nogroup", "extra_groups": []}
            shutil.chown(self.folder, "nobody", "nogroup")
        command = [self._programs / "initdb", "-D", self.folder / "data", "-A", "trust", "-U", "sftp", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True, timeout=120, cwd="/", **self._as)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.folder), "fsync": "off"}
        command: list[Any] = [self._programs / "postgres", "-D", self.folder / "data"]
        command += [f"--{name}={value}" for name, value in settings.items()]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, cwd="/", **quiet, **self._as)
        wait_until(lambda: self._psql("SELECT 1").returncode == 0)

    def stop(self) -> None:
        """End it at once, with every connection that it has."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)

    def _psql(self, text: str) -> "subprocess.CompletedProcess[str]":
        command = [self._programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", "sftp"]
        return subprocess.run(
            [*command, "-d", "postgres"], input=text, text=True, capture_output=True, timeout=60, cwd="/"
        )

    def execute(self, text: str) -> None:
        """Carry out statements."""
        ended = self._psql(text)
        assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="module")
def postgres(ours_only: None) -> Iterator[Postgres]:
    """A database server with the tables of the example."""
    server = Postgres()
    try:
        server.execute(SCHEMA.read_text())
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder)


@pytest.fixture(scope="module")
def ours_only() -> None:
    """The program is our server, whatever else is tested."""
    need("sftp")
    need_package("psycopg")


@pytest.fixture
def program(postgres: Postgres, ours: None, tmp_path: Path, keys: Keys) -> Iterator[Logins]:
    """The program with alice, who has a folder and both ways to log in, and bob, who starts in a subfolder."""
    hashed = bcrypt.hashpw(b"wonderland", bcrypt.gensalt(4)).decode()
    line = keys.client.with_suffix(".pub").read_text().strip()
    (tmp_path / "alice").mkdir()
    postgres.execute(f"""
        TRUNCATE users CASCADE;
        INSERT INTO users (name, password, root) VALUES ('alice', '{hashed}', '{tmp_path / "alice"}');
        INSERT INTO users (name, password, home) VALUES ('bob', '{hashed}', '/incoming');
        INSERT INTO users (name, password, enabled) VALUES ('carol', '{hashed}', false);
        INSERT INTO users (name) VALUES ('dave');
        INSERT INTO keys VALUES ('alice', '{line}'), ('carol', '{line}');
    """)
    variables = {"PGHOST": str(postgres.folder), "PGUSER": "sftp", "PGDATABASE": "postgres"}
    running = Logins(example("postgres_users"), tmp_path, keys, **variables)
    yield running
    running.end()


def check_logins(program: Logins) -> None:
    """Passwords and keys of enabled users let in, and nothing else; each user begins where the row says."""
    assert "directory: /\n" in program.sftp("alice", "publickey", {})
    assert "directory: /\n" in program.sftp("alice", "password", {"password": "wonderland"})
    assert "directory: /incoming\n" in program.sftp("bob", "password", {"password": "wonderland"})
    for user, password in (("alice", "wrong"), ("carol", "wonderland"), ("dave", "")):
        assert "Permission denied" in program.sftp(user, "password", {"password": password}, code=255)
    for user in ("bob", "carol", "nobody"):
        assert "Permission denied" in program.sftp(user, "publickey", {}, code=255)


def check_root(program: Logins) -> None:
    """A user sees the folder of the row, and others that of the server."""
    (program.folder / "alice" / "of_alice").touch()
    assert "of_alice" in program.sftp("alice", "publickey", {}, text="ls\n")
    assert "kept.log" in program.sftp("bob", "password", {"password": "wonderland"}, text="ls /\n")


def check_changes(program: Logins, postgres: Postgres) -> None:
    """A change counts at the next login."""
    postgres.execute("UPDATE users SET enabled = false WHERE name = 'alice'; DELETE FROM users WHERE name = 'bob'")
    assert "Permission denied" in program.sftp("alice", "publickey", {}, code=255)
    assert "Permission denied" in program.sftp("bob", "password", {"password": "wonderland"}, code=255)


def check_database_down(program: Logins, postgres: Postgres) -> None:
    """While the database is down everybody is refused, and the log says why; it is found again by itself."""
    assert "directory: /\n" in program.sftp("alice", "publickey", {})
    postgres.stop()
    try:
        for _ in range(2):
            assert "Permission denied" in program.sftp("alice", "publickey", {}, code=255)
        assert "users cannot be looked up" in program.said()
    finally:
        postgres.start()
    assert "directory: /\n" in program.sftp("alice", "publickey", {})
    assert "directory: /\n" in program.sftp("alice", "password", {"password": "wonderland"})


def check_restart(program: Logins, postgres: Postgres) -> None:
    """A database that was started anew between two logins is noticed by nobody."""
    assert "directory: /\n" in program.sftp("alice", "publickey", {})
    postgres.stop()
    postgres.start()
    assert "directory: /\n" in program.sftp("alice", "publickey", {})
    assert "cannot be looked up" not in program.said()
