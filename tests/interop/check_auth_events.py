"""
Logins by event, for OpenSSH's `sftp`: the programs of docs/examples, and one that tells what fires.
"""

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.servers import Keys, free_port
from tests.interop.driving import environment, need, run, wait_until

_PROJECT = Path(__file__).parents[2]
_EXAMPLES = _PROJECT / "docs" / "examples"

TELLING = """
from twisted.application.service import Application
from conchsftp import SFTPServer, events

application = Application("files")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    fire_auth_request_after_sig=True,
    users="users.toml",
)
server.setServiceParent(application)


@server.on(events.SSHUserAuthRequest)
def tell(event):
    shown = event.auth_param if event.auth_method == "sigstatus" else ""
    print("fired", event.auth_method, "offered" if event.offered else "", shown, event.accept, flush=True)
    server.settings.of(event.connection_id).user_auth_banner = f"Hello {event.user}"
"""


class Program:
    """A program under twistd, in a folder with a key of the user's, and what ssh is told by a script."""

    def __init__(self, text: str, folder: Path, keys: Keys) -> None:
        self.folder = folder
        self.port = free_port()
        (folder / "files" / "incoming").mkdir(parents=True)
        (folder / "files" / "kept.log").write_text("log")
        public = keys.client.with_suffix(".pub")
        for source, name in ((keys.host, "host_key"), (keys.client, "key"), (public, "bob.pub")):
            shutil.copy(source, folder / name)
        users = folder / "users.toml"
        users.write_text(f'[alice]\nkeys = ["{public.read_text().strip()}"]\n')
        users.chmod(0o600)
        (folder / "program.py").write_text(text.replace("tcp:2222:", f"tcp:{self.port}:"))
        command = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-ny", "program.py"]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, env=environment(folder, PYTHONPATH=str(_PROJECT)), stdout=log, stderr=log
            )
        wait_until(lambda: self._process.poll() is not None or self._listens())
        assert self._process.poll() is None, self.said()

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def said(self) -> str:
        """Return its log."""
        return (self.folder / "log").read_text()

    def sftp(self, user: str, methods: str, answers: dict[str, str], *, code: int = 0) -> str:
        """
        Ask where a user is, by these methods.

        Args:
            methods: those that ssh may use, in its order.
            answers: to prompts in which these texts stand.
            code: how it must end.
        Returns:
            What it said.
        """
        asked = "".join(f"*'{prompt}'*) echo '{answer}';;\n" for prompt, answer in answers.items())
        script = self.folder / "askpass"
        script.write_text(f'#!/bin/sh\ncase "$1" in\n{asked}*) exit 1;;\nesac\n')
        script.chmod(0o700)
        known = ["-F", "none", "-oUserKnownHostsFile=known", "-oStrictHostKeyChecking=accept-new"]
        proof = [f"-oPreferredAuthentications={methods}", "-oNumberOfPasswordPrompts=1", "-i", "key"]
        return run(
            ["sftp", *known, *proof, "-oIdentitiesOnly=yes", "-oBatchMode=no"]
            + ["-b", "-", "-P", str(self.port), f"{user}@127.0.0.1"],
            self.folder,
            text="pwd\n",
            code=code,
            SSH_ASKPASS=str(script),
            SSH_ASKPASS_REQUIRE="force",
        )

    def end(self) -> None:
        """Stop it; it must end well."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        assert "Traceback" not in self.said()


@pytest.fixture
def program(request: pytest.FixtureRequest, ours: None, tmp_path: Path, keys: Keys) -> Iterator[Program]:
    """The example that the test names, or the text of a program."""
    need("sftp")
    path = _EXAMPLES / f"{request.param[:40]}.py"
    running = Program(path.read_text() if path.exists() else request.param, tmp_path, keys)
    yield running
    running.end()


@pytest.mark.parametrize("program", ["auth_by_event"], indirect=True)
def check_password(program: Program) -> None:
    """A handler lets the right password in, and no other."""
    assert "directory: /\n" in program.sftp("alice", "password", {"password": "wonderland"})
    for user, password in (("alice", "wonder"), ("dave", "wonderland"), ("carol", "")):
        said = program.sftp(user, "password", {"password": password}, code=255)
        assert "Permission denied (publickey,password)" in said


@pytest.mark.parametrize("program", ["auth_by_event"], indirect=True)
def check_key(program: Program) -> None:
    """A handler lets a key in, for the user whose it is."""
    assert "directory: /\n" in program.sftp("carol", "publickey", {})
    assert "Permission denied" in program.sftp("alice", "publickey", {}, code=255)


@pytest.mark.parametrize("program", ["auth_by_event"], indirect=True)
def check_two_factors(program: Program) -> None:
    """Key and password, in either order; neither alone. The user begins where the handler says."""
    for order in ("publickey,password", "password,publickey"):
        assert "directory: /incoming\n" in program.sftp("bob", order, {"password": "builder"})
    assert "Permission denied (password)" in program.sftp("bob", "publickey", {}, code=255)
    assert "Permission denied (publickey)" in program.sftp("bob", "password", {"password": "builder"}, code=255)
    said = program.sftp("bob", "publickey,password", {"password": "wrong"}, code=255)
    assert "Permission denied (password)" in said


@pytest.mark.parametrize("program", ["auth_prompts"], indirect=True)
def check_prompts(program: Program) -> None:
    """Two prompts, of which one is another each time; both answers have to be right."""
    card = {"Code 1:": "4711", "Code 2:": "0815", "Code 3:": "1234"}
    for _ in range(3):
        said = program.sftp("alice", "password,keyboard-interactive", {"Password:": "wonderland", **card})
        assert "directory: /\n" in said
    for wrong in ({"Password:": "wonderland", "Code": "1111"}, {"Password:": "wrong", **card}):
        said = program.sftp("alice", "keyboard-interactive", wrong, code=255)
        assert "Permission denied (keyboard-interactive)" in said


@pytest.mark.parametrize("program", [TELLING], indirect=True)
def check_what_fires(program: Program) -> None:
    """The method `none`, the offer, the proof and its signature; the banner that the handler sets is shown once."""
    said = program.sftp("alice", "publickey", {})
    assert said.count("Hello alice") == 1
    fired = [line.partition("fired ")[2].split() for line in program.said().splitlines() if "fired " in line]
    assert fired == [
        ["none", "None"],
        ["publickey", "offered", "True"],
        ["publickey", "True"],
        ["sigstatus", "1", "True"],
    ]
