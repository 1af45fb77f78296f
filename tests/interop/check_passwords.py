"""
Changing a password at the login, by OpenSSH's client at a terminal and by asyncssh.
"""

import asyncio
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import bcrypt
import pexpect
import pytest

from bench.servers import Keys
from tests.interop.driving import environment, need
from tests.interop.programs import Program, example

_SECONDS = 60
_NEEDED = "Your password has to be changed."


class Passwords(Program):
    """The program of the README; alice has to change her password, bob has not."""

    def __init__(self, folder: Path, keys: Keys, *, text: str = "") -> None:
        super().__init__(text or example("embed"), folder, keys)
        self.users = folder / "users.toml"
        hashed = bcrypt.hashpw(b"wonderland", bcrypt.gensalt(4)).decode()
        alice = f'[alice]\npassword = "{hashed}"  # of May\nchange_password = true\n'
        self.users.write_text(f'{alice}[bob]\npassword = "{hashed}"\n')

    def hash_of(self, user: str) -> bytes:
        """Return the hash that stands in the users file."""
        hashed: str = tomllib.loads(self.users.read_text())[user]["password"]
        return hashed.encode()

    def sftp(self, user: str, methods: str) -> "pexpect.spawn[str]":
        """Start a client at a terminal."""
        options = ["-F", "none", "-oUserKnownHostsFile=known", "-oStrictHostKeyChecking=accept-new"]
        options += [f"-oPreferredAuthentications={methods}", "-P", str(self.port)]
        return pexpect.spawn(
            "sftp",
            [*options, f"{user}@127.0.0.1"],
            cwd=str(self.folder),
            env=environment(self.folder, TERM="dumb"),
            timeout=_SECONDS,
            encoding="utf-8",
        )


@pytest.fixture
def program(ours: None, tmp_path: Path, keys: Keys) -> Iterator[Passwords]:
    """The program, running."""
    need("sftp")
    running = Passwords(tmp_path, keys)
    yield running
    running.end()


def told(client: "pexpect.spawn[str]", *dialogue: tuple[str, str]) -> None:
    """Answer what is asked, in this order."""
    for prompt, answer in dialogue:
        client.expect_exact(prompt)
        client.sendline(answer)


def check_openssh(program: Passwords) -> None:
    """OpenSSH's client shows why, asks for the old and the new password, and is in; the file has the new one."""
    client = program.sftp("alice", "password")
    told(client, ("password: ", "wonderland"))
    client.expect_exact(_NEEDED)
    told(
        client,
        ("old password: ", "wonderland"),
        ("new password: ", "looking-glass"),
        ("new password: ", "looking-glass"),
    )
    told(client, ("sftp> ", "pwd"))
    client.expect_exact("Remote working directory: /")
    told(client, ("sftp> ", "bye"))
    client.expect(pexpect.EOF)
    assert bcrypt.checkpw(b"looking-glass", program.hash_of("alice"))
    assert "# of May" in program.users.read_text()
    assert "looking-glass" not in program.said()
    again = program.sftp("alice", "password")
    told(again, ("password: ", "looking-glass"), ("sftp> ", "bye"))
    again.expect(pexpect.EOF)


def check_openssh_unfit(program: Passwords) -> None:
    """A new password that will not do is asked for again, with the reason."""
    client = program.sftp("alice", "password")
    told(client, ("password: ", "wonderland"))
    told(client, ("old password: ", "wonderland"), ("new password: ", "wonderland"), ("new password: ", "wonderland"))
    client.expect_exact("The new password is the old one.")
    told(
        client,
        ("old password: ", "wonderland"),
        ("new password: ", "looking-glass"),
        ("new password: ", "looking-glass"),
    )
    told(client, ("sftp> ", "bye"))
    client.expect(pexpect.EOF)
    assert bcrypt.checkpw(b"looking-glass", program.hash_of("alice"))


def check_openssh_wrong_old(program: Passwords) -> None:
    """A wrong old password is refused, and nothing is changed."""
    client = program.sftp("alice", "password")
    told(client, ("password: ", "wonderland"))
    told(client, ("old password: ", "wrong"), ("new password: ", "looking-glass"), ("new password: ", "looking-glass"))
    client.expect_exact("Permission denied")
    client.close()
    assert bcrypt.checkpw(b"wonderland", program.hash_of("alice"))


def check_openssh_interactive(program: Passwords) -> None:
    """By keyboard-interactive, which OpenSSH prefers, the new password is asked for twice, and no old one."""
    client = program.sftp("alice", "keyboard-interactive")
    told(client, ("Password: ", "wonderland"))
    client.expect_exact(_NEEDED)
    told(client, ("New password: ", "looking-glass"), ("New password again: ", "looking-glass"), ("sftp> ", "bye"))
    client.expect(pexpect.EOF)
    assert bcrypt.checkpw(b"looking-glass", program.hash_of("alice"))


class Changing(asyncssh.SSHClient):
    """A client that has a new password ready."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def password_change_requested(self, prompt: str, lang: str) -> tuple[str, str]:
        self.said.append(prompt)
        return "wonderland", "looking-glass"

    def password_changed(self) -> None:
        self.said.append("changed")

    def password_change_failed(self) -> None:
        self.said.append("failed")


def check_asyncssh(program: Passwords) -> None:
    """asyncssh is asked, changes the password, and is in."""

    async def log_in() -> list[str]:
        client = Changing()
        options: dict[str, Any] = {"known_hosts": None, "client_keys": None, "agent_path": None, "config": None}
        connection, _ = await asyncssh.create_connection(
            lambda: client,
            "127.0.0.1",
            program.port,
            username="alice",
            password="wonderland",
            preferred_auth="password",
            **options,
        )
        async with connection, connection.start_sftp_client() as sftp:
            assert await sftp.getcwd() == "/"
        return client.said

    assert asyncio.run(log_in()) == [_NEEDED, "changed"]
    assert bcrypt.checkpw(b"looking-glass", program.hash_of("alice"))
