"""
What a users file says of its users, for OpenSSH's `sftp`: who gets in, and what they may do.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from bench.servers import Keys
from tests.interop.check_auth_events import Logins
from tests.interop.driving import environment, need, run, wait_until

PROJECT = Path(__file__).parents[2]
PASSWORD = bcrypt.hashpw(b"wonderland", bcrypt.gensalt(4)).decode()
SERVER = """
from twisted.application.service import Application
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from conchsftp import SFTPServer

application = Application("files")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="users.toml",
    checkers=[InMemoryUsernamePasswordDatabaseDontUse(bob=b"builder")],
)
server.setServiceParent(application)
"""


class Users(Logins):
    """A server with a users file that a test writes, alice's key or password, and bob, whom another checker knows."""

    def write(self, text: str) -> None:
        """Put a new users file in the place of the old one; `KEY` and `HASH` stand for alice's."""
        key = (self.folder / "bob.pub").read_text().strip()
        new = self.folder / "users.new"
        new.write_text(text.replace("KEY", f'keys = ["{key}"]').replace("HASH", f'password = "{PASSWORD}"'))
        new.chmod(0o600)
        new.rename(self.folder / "users.toml")

    def by_key(self, text: str = "pwd\n", code: int = 0) -> str:
        """Log alice in with her key."""
        return self.sftp("alice", "publickey", {}, text=text, code=code)

    def refused(self, user: str = "alice", password: str = "") -> str:
        """Log in, which has to fail; return what the client is told."""
        if password:
            said = self.sftp(user, "password", {"password": password}, code=255)
        else:
            said = self.by_key(code=255)
        assert "Permission denied" in said
        return said.rpartition("Permission denied")[2]


@pytest.fixture
def users(ours: None, tmp_path: Path, keys: Keys) -> Iterator[Users]:
    """A server."""
    need("sftp")
    running = Users(SERVER, tmp_path, keys)
    yield running
    running.end()


def check_read_only(users: Users) -> None:
    """Whom the file lets only read can read; so can bob, whom another checker lets in."""
    users.write("[alice]\nKEY\nread_only = true\n[bob]\nread_only = true\n")
    users.by_key("get kept.log got\n")
    assert (users.folder / "got").read_text() == "log"
    assert "ermission denied" in users.by_key("put key stolen\n", code=1)
    said = users.sftp("bob", "password", {"password": "builder"}, text="put key stolen\n", code=1)
    assert "ermission denied" in said
    assert not (users.folder / "files" / "stolen").exists()


def check_permissions(users: Users) -> None:
    """Permissions go by the path: what may be put into one folder may not be put into another."""
    users.write('[alice]\nKEY\n[alice.permissions]\n"/" = "list read"\n"/incoming" = "upload"\n')
    users.by_key("put key incoming/up\nget kept.log got\n")
    assert (users.folder / "files" / "incoming" / "up").exists()
    assert "ermission denied" in users.by_key("put key stolen\n", code=1)
    assert not (users.folder / "files" / "stolen").exists()


def check_from(users: Users) -> None:
    """A user gets in from the networks that are named, and from no other, whoever vouches."""
    users.write("[alice]\nKEY\nHASH\nfrom = ['127.0.0.0/8']\n[bob]\nfrom = ['127.0.0.1']\n")
    assert "directory: /\n" in users.by_key()
    assert "directory: /\n" in users.sftp("bob", "password", {"password": "builder"})
    users.write("[alice]\nKEY\nHASH\nfrom = ['192.0.2.0/24', '::1']\n[bob]\nfrom = ['192.0.2.7']\n")
    # The same words for all: nobody learns that the key, or the password, was right.
    assert len({users.refused(), users.refused("alice", "wonderland"), users.refused("bob", "builder")}) == 1
    assert "not from this address" in users.said()


def check_expired(users: Users) -> None:
    """A user who has expired does not get in, and gets in again when the date is changed."""
    users.write("[alice]\nKEY\nHASH\nexpires = 2001-12-31\n")
    assert users.refused() == users.refused("alice", "wonderland") == users.refused("nobody", "wonderland")
    users.write("[alice]\nKEY\nHASH\nexpires = 9999-12-31\n")
    assert "directory: /\n" in users.by_key()
    assert "directory: /\n" in users.sftp("alice", "password", {"password": "wonderland"})


def check_methods(users: Users) -> None:
    """Who has `methods` needs each of them, whoever vouches; who has none needs one, as the setting says."""
    users.write("[alice]\nKEY\nHASH\nmethods = 'publickey,password'\n[bob]\nmethods = 'publickey,password'\n")
    word = {"password": "wonderland"}
    assert "directory: /\n" in users.sftp("alice", "publickey,password", word)
    assert "(password)" in users.refused()
    assert "(publickey)" in users.refused("alice", "wonderland")
    assert "(password)" in users.sftp("alice", "publickey,password", {"password": "wrong"}, code=255)
    # His password is right for the other checker, and nobody knows a key of his.
    assert "(publickey)" in users.refused("bob", "builder")
    users.write("[alice]\nKEY\nHASH\n[bob]\n")
    assert "directory: /\n" in users.by_key()
    assert "directory: /\n" in users.sftp("alice", "password", word)
    assert "directory: /\n" in users.sftp("bob", "password", {"password": "builder"})


def check_disabled_while_open(users: Users) -> None:
    """A session that is open goes on when its user is disabled; a new one is refused, until that is taken back."""
    users.write("[alice]\nKEY\n")
    known = ["-F", "none", "-oUserKnownHostsFile=known", "-oStrictHostKeyChecking=accept-new", "-oIdentitiesOnly=yes"]
    with (users.folder / "open.log").open("wb") as log:
        client = subprocess.Popen(
            ["sftp", *known, "-i", "key", "-b", "-", "-P", str(users.port), "alice@127.0.0.1"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=users.folder,
            env=environment(users.folder),
        )
    assert client.stdin is not None
    os.write(client.stdin.fileno(), b"get kept.log first\n")
    wait_until(lambda: (users.folder / "first").exists())
    users.write("[alice]\nKEY\ndisabled = true\n")
    users.refused()
    os.write(client.stdin.fileno(), b"get kept.log second\n")
    wait_until(lambda: (users.folder / "second").exists())
    users.write("[alice]\nKEY\n")
    users.by_key()
    client.stdin.close()
    assert client.wait(60) == 0


def check_broken_and_gone(users: Users) -> None:
    """A broken version of the file changes nothing; without the file nobody gets in, and with it again they do."""
    users.write("[alice]\nKEY\n[bob]\n")
    users.by_key()
    users.write("[alice\n")
    users.by_key()
    assert "line 1: " in users.said()
    (users.folder / "users.toml").unlink()
    users.refused()
    users.refused("bob", "builder")
    users.write("[alice]\nKEY\n")
    users.by_key()


def check_command(users: Users) -> None:
    """The command names what a server would, with an exit code that a script can use."""
    command = [sys.executable, "-m", "conchsftp.command", "users", "check", "users.toml"]
    users.write("[alice]\nKEY\n")
    assert "0 mistakes, 0 warnings" in run(command, users.folder, PYTHONPATH=str(PROJECT))
    users.write("[alice]\n")
    assert "line 1: warning: " in run(command, users.folder, code=2, PYTHONPATH=str(PROJECT))
    users.write("[alice]\nhome = 1\n")
    assert "line 2: home of 'alice'" in run(command, users.folder, code=1, PYTHONPATH=str(PROJECT))
