"""
Questions in several rounds, and one-time codes, for the clients that people have.
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import bcrypt
import paramiko
import pexpect
import pytest

from bench.servers import Keys
from tests.interop.driving import environment, need, run
from tests.interop.programs import PROJECT, Program, example

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CODES = """
from twisted.application.service import Application
from conchsftp import SFTPServer

application = Application("files")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="people.toml",
)
server.setServiceParent(application)
"""
_SSH = ["-F", "none", "-oUserKnownHostsFile=known", "-oStrictHostKeyChecking=accept-new"]
_SECONDS = 60


class Asking(Program):
    """A program that asks; `alice` has the password `wonderland`, and with `people.toml` a secret of codes."""

    def __init__(self, text: str, folder: Path, keys: Keys) -> None:
        hashed = bcrypt.hashpw(b"wonderland", bcrypt.gensalt(4)).decode()
        public = keys.client.with_suffix(".pub").read_text().strip()
        users = folder / "people.toml"
        users.write_text(f'[alice]\npassword = "{hashed}"\ntotp = "{SECRET}"\nkeys = ["{public}"]\n')
        users.chmod(0o600)
        super().__init__(text, folder, keys, exempt=True)

    def code(self) -> str:
        """The code that oathtool shows now."""
        return run(["oathtool", "--totp", "-b", SECRET], self.folder).strip()

    def sent(self) -> str:
        """The code that was sent last."""
        return (self.folder / "sent").read_text().split()[-1]

    def person(self, *command: str) -> Any:
        """Start a client at a terminal."""
        env = environment(self.folder, TERM="dumb", PYTHONPATH=str(PROJECT))
        return pexpect.spawn(command[0], list(command[1:]), env=env, cwd=str(self.folder), timeout=_SECONDS)

    def sftp(self, *extra: str) -> Any:
        """Start OpenSSH's client at a terminal."""
        return self.person("sftp", *_SSH, "-oIdentitiesOnly=yes", *extra, "-P", str(self.port), "alice@127.0.0.1")


def told(client: Any, *pairs: tuple[str, str]) -> None:
    """Answer what a client asks, one after the other."""
    for prompt, answer in pairs:
        client.expect_exact(prompt)
        client.sendline(answer)


def ends(client: Any) -> None:
    """See the client at its prompt, in the folder that is served, and end it."""
    client.expect("sftp>")
    client.sendline("ls")
    client.expect_exact("kept.log")
    client.sendline("bye")
    client.expect(pexpect.EOF)


@pytest.fixture
def program(request: pytest.FixtureRequest, ours: None, tmp_path: Path, keys: Keys) -> Iterator[Asking]:
    """The example that the test names, or the text of a program."""
    need("sftp", "oathtool")
    text = request.param
    running = Asking(text if "\n" in text else example(text), tmp_path, keys)
    yield running
    running.end()


rounds = pytest.mark.parametrize("program", ["auth_rounds"], indirect=True)
codes = pytest.mark.parametrize("program", [CODES], indirect=True)


@rounds
def check_three_rounds(program: Asking) -> None:
    """OpenSSH: a password, a choice, a code that was sent; a wrong one is refused, and asked for anew."""
    client = program.sftp("-oPubkeyAuthentication=no")
    told(client, ("Password: ", "wonderland"), ("We send you a code.", ""), ("Code: ", "wrong"))
    told(client, ("Password: ", "wonderland"), ("message? ", "mail"))
    client.expect_exact("Code: ")
    client.sendline(program.sent())
    ends(client)
    assert (program.folder / "sent").read_text().startswith("text alice")


@codes
def check_password_and_code(program: Asking) -> None:
    """OpenSSH: by keyboard-interactive password and code; by `password`, the code besides. A code counts once."""
    client = program.sftp("-oPreferredAuthentications=keyboard-interactive")
    first = program.code()
    told(client, ("Password: ", "wonderland"), ("Verification code: ", f"{first[:3]} {first[3:]}"))
    ends(client)
    client = program.sftp("-oPreferredAuthentications=password,keyboard-interactive", "-oNumberOfPasswordPrompts=1")
    told(client, ("password: ", "wonderland"), ("Verification code: ", first))
    client.expect_exact("Permission denied")
    client.expect(pexpect.EOF)


@codes
def check_key_and_code(program: Asking) -> None:
    """OpenSSH: a key, then the code alone; the key is not enough."""
    client = program.sftp("-i", "key")
    told(client, ("Verification code: ", program.code()))
    ends(client)
    assert "Permission denied (password,keyboard-interactive)" in run(
        ["sftp", *_SSH, "-oBatchMode=yes", "-i", "key", "-b", "-", "-P", str(program.port), "alice@127.0.0.1"],
        program.folder,
        text="pwd\n",
        code=255,
    )


@codes
def check_psftp(program: Asking) -> None:
    """PuTTY's psftp shows both rounds."""
    need("psftp")
    client = program.person("psftp", "-P", str(program.port), "alice@127.0.0.1")
    told(client, ("(y/n", "y"), ("Password: ", "wonderland"), ("Verification code: ", program.code()))
    client.expect("psftp>")
    client.sendline("ls")
    client.expect_exact("kept.log")
    client.sendline("bye")
    client.expect(pexpect.EOF)


@codes
def check_lftp(program: Asking) -> None:
    """lftp knows no second question by itself; with an askpass program, ssh answers it."""
    need("lftp")
    script = program.folder / "askpass"
    script.write_text(f'#!/bin/sh\ncase "$1" in *ode:*) echo {program.code()};; *) echo wonderland;; esac\n')
    script.chmod(0o700)
    ssh = " ".join(["ssh", "-a", "-x", *_SSH, "-oPubkeyAuthentication=no"])
    commands = f'set sftp:connect-program "{ssh}"; open -u alice, sftp://127.0.0.1:{program.port}; ls; bye'
    said = run(["setsid", "lftp", "-c", commands], program.folder, SSH_ASKPASS=str(script), SSH_ASKPASS_REQUIRE="force")
    assert "kept.log" in said


def interactive(program: Asking, *rounds: Any) -> paramiko.Transport:
    """Log in with paramiko, whose answers are what each of `rounds` makes of the prompts."""
    transport = paramiko.Transport(("127.0.0.1", program.port))
    transport.start_client(timeout=_SECONDS)
    remaining = list(rounds)
    try:
        transport.auth_interactive("alice", lambda title, text, prompts: remaining.pop(0)(prompts))
    except BaseException:
        transport.close()
        raise
    assert not remaining
    return transport


@rounds
def check_paramiko(program: Asking) -> None:
    """paramiko: three rounds; more or fewer answers than questions are a failed attempt, in any of them."""
    ways = (
        lambda prompts: ["wonderland"],
        lambda prompts: ["mail"],
        lambda prompts: [program.sent()],
    )
    interactive(program, *ways).close()
    for at in range(3):
        for wrong in ([], ["wonderland", "wonderland"]):
            spoilt = (*ways[:at], lambda prompts, wrong=wrong: wrong)
            with pytest.raises(paramiko.AuthenticationException):
                interactive(program, *spoilt)


@codes
def check_asyncssh(program: Asking) -> None:
    """asyncssh: password and code; a wrong number of answers is refused, and the next attempt is judged by itself."""

    class Client(asyncssh.SSHClient):  # type: ignore[misc]
        attempts = 0

        def kbdint_auth_requested(self) -> str | None:
            self.attempts += 1
            return "" if self.attempts < 3 else None

        def kbdint_challenge_received(self, name: str, text: str, lang: str, prompts: Any) -> list[str]:
            asked.append([prompt for prompt, _ in prompts])
            answer = program.code() if prompts and "code" in prompts[0][0] else "wonderland"
            return [answer] * (2 if self.attempts == 1 else len(prompts))

    async def log_in() -> None:
        connection = await asyncssh.connect(
            "127.0.0.1", program.port, username="alice", known_hosts=None, client_keys=None, client_factory=Client
        )
        async with connection:
            assert "kept.log" in await (await connection.start_sftp_client()).listdir()

    asked: list[list[str]] = []
    asyncio.run(log_in())
    assert asked == [["Password: "], ["Password: "], ["Verification code: "]]


@codes
def check_enrolment(program: Asking) -> None:
    """`conchsftp totp`: what oathtool makes of the secret in the printed URI confirms it, and lets in."""
    enrol = program.person(sys.executable, "-m", "conchsftp.command", "totp", "alice", "--users", "people.toml")
    enrol.expect(r"secret=([A-Z2-7]+)&")
    secret = enrol.match[1].decode()
    assert secret != SECRET
    enrol.expect_exact("shows: ")
    enrol.sendline(run(["oathtool", "--totp", "-b", secret], program.folder).strip())
    enrol.expect_exact("by a new secret")
    enrol.expect(pexpect.EOF)
    client = program.sftp("-oPreferredAuthentications=keyboard-interactive")
    now = run(["oathtool", "--totp", "-b", secret], program.folder).strip()
    told(client, ("Password: ", "wonderland"), ("Verification code: ", now))
    ends(client)
