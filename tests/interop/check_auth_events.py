"""
Logins by event, for OpenSSH's `sftp`: the programs of docs/examples, and one that tells what fires.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.servers import Keys
from tests.interop.driving import need, run
from tests.interop.programs import Program, example

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


class Logins(Program):
    """A program whose users log in, rightly and wrongly, as a test says; ssh is told the answers by a script."""

    def __init__(self, text: str, folder: Path, keys: Keys, **variables: str) -> None:
        (folder / "files" / "incoming").mkdir(parents=True)
        shutil.copy(keys.client.with_suffix(".pub"), folder / "bob.pub")
        super().__init__(text, folder, keys, exempt=True, **variables)

    def sftp(self, user: str, methods: str, answers: dict[str, str], *, text: str = "pwd\n", code: int = 0) -> str:
        """
        Ask where a user is, by these methods.

        Args:
            methods: those that ssh may use, in its order.
            answers: to prompts in which these texts stand.
            text: what is asked instead.
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
            text=text,
            code=code,
            SSH_ASKPASS=str(script),
            SSH_ASKPASS_REQUIRE="force",
        )


@pytest.fixture
def program(request: pytest.FixtureRequest, ours: None, tmp_path: Path, keys: Keys) -> Iterator[Logins]:
    """The example that the test names, or the text of a program."""
    need("sftp")
    text = request.param
    running = Logins(text if "\n" in text else example(text), tmp_path, keys)
    yield running
    running.end()


@pytest.mark.parametrize("program", ["auth_by_event"], indirect=True)
def check_password(program: Logins) -> None:
    """A handler lets the right password in, and no other."""
    assert "directory: /\n" in program.sftp("alice", "password", {"password": "wonderland"})
    for user, password in (("alice", "wonder"), ("dave", "wonderland"), ("carol", "")):
        said = program.sftp(user, "password", {"password": password}, code=255)
        assert "Permission denied (publickey,password)" in said


@pytest.mark.parametrize("program", ["auth_by_event"], indirect=True)
def check_key(program: Logins) -> None:
    """A handler lets a key in, for the user whose it is."""
    assert "directory: /\n" in program.sftp("carol", "publickey", {})
    assert "Permission denied" in program.sftp("alice", "publickey", {}, code=255)


@pytest.mark.parametrize("program", ["auth_by_event"], indirect=True)
def check_two_factors(program: Logins) -> None:
    """Key and password, in either order; neither alone. The user begins where the handler says."""
    for order in ("publickey,password", "password,publickey"):
        assert "directory: /incoming\n" in program.sftp("bob", order, {"password": "builder"})
    assert "Permission denied (password)" in program.sftp("bob", "publickey", {}, code=255)
    assert "Permission denied (publickey)" in program.sftp("bob", "password", {"password": "builder"}, code=255)
    said = program.sftp("bob", "publickey,password", {"password": "wrong"}, code=255)
    assert "Permission denied (password)" in said


@pytest.mark.parametrize("program", ["auth_prompts"], indirect=True)
def check_prompts(program: Logins) -> None:
    """Two prompts, of which one is another each time; both answers have to be right."""
    card = {"Code 1:": "4711", "Code 2:": "0815", "Code 3:": "1234"}
    for _ in range(3):
        said = program.sftp("alice", "password,keyboard-interactive", {"Password:": "wonderland", **card})
        assert "directory: /\n" in said
    for wrong in ({"Password:": "wonderland", "Code": "1111"}, {"Password:": "wrong", **card}):
        said = program.sftp("alice", "keyboard-interactive", wrong, code=255)
        assert "Permission denied (keyboard-interactive)" in said


@pytest.mark.parametrize("program", [TELLING], indirect=True)
def check_what_fires(program: Logins) -> None:
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
