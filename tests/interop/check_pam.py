"""
Users of PAM: real modules, in services of the test's own, that touch nothing else of the machine.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from bench.servers import Keys
from tests.interop.check_auth_events import Logins
from tests.interop.driving import environment, need, need_package, unavailable

PROGRAM = """
from twisted.application.service import Application
from conchsftp import SFTPServer
from conchsftp.auth.sources.pam import PamChecker

application = Application("files")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    checkers=[PamChecker({service!r})],
)
server.setServiceParent(application)
"""
_PASSWORD = "auth required pam_pwdfile.so nodelay pwdfile={folder}/passwords\n"
# Asks for one more password, and takes any.
_MORE = "auth optional pam_echo.so Hello %u\nauth required pam_stress.so\n"
_ACCOUNT = "account required pam_listfile.so onerr=fail item=user sense=deny file={folder}/expired\n"
_SERVICES = {
    "plain": _PASSWORD + _ACCOUNT,
    "two": _PASSWORD + _MORE + _ACCOUNT,
    "slow": "auth optional pam_faildelay.so delay=6000000\n" + _PASSWORD + _ACCOUNT,
    "open": "auth required pam_permit.so\naccount required pam_deny.so\n",
}


def _hash(password: str) -> str:
    ran = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


@pytest.fixture
def program(request: pytest.FixtureRequest, ours: None, tmp_path: Path, keys: Keys) -> Iterator[Logins]:
    """A server whose users are those of the service that the test names."""
    need("sftp", "openssl")
    need_package("pamela")
    if not any(Path(folder, "security/pam_pwdfile.so").exists() for folder in Path("/lib").glob("*-linux-gnu")):
        unavailable("missing: libpam-pwdfile")
    (tmp_path / "passwords").write_text("".join(f"{user}:{_hash('wonderland')}\n" for user in ("alice", "bob")))
    (tmp_path / "expired").write_text("bob\n")
    service = tmp_path / "services" / request.param
    service.parent.mkdir()
    service.write_text(_SERVICES[request.param].format(folder=tmp_path))
    running = Logins(PROGRAM.format(service=str(service)), tmp_path, keys)
    yield running
    running.end()


@pytest.mark.parametrize("program", ["plain"], indirect=True)
@pytest.mark.parametrize("method", ["password", "keyboard-interactive"])
def check_password(program: Logins, method: str) -> None:
    """PAM's yes lets in, by either way of asking; its no, and an account that it does not want, do not."""
    assert "directory: /\n" in program.sftp("alice", method, {"assword": "wonderland"})
    for user, password in (("alice", "wrong"), ("bob", "wonderland"), ("nobody", "wonderland"), ("alice", "")):
        assert "Permission denied" in program.sftp(user, method, {"assword": password}, code=255)
    assert "wonderland" not in program.said()


@pytest.mark.parametrize("program", ["open"], indirect=True)
def check_account(program: Logins) -> None:
    """What the account modules refuse is refused, whoever has proved what."""
    assert "Permission denied" in program.sftp("alice", "password", {"assword": "x"}, code=255)


@pytest.mark.parametrize("program", ["two"], indirect=True)
def check_conversation(program: Logins) -> None:
    """Modules ask one after the other, and say what they like; a password alone is not enough for them."""
    options = ["-F", "none", "-oUserKnownHostsFile=known", "-oStrictHostKeyChecking=accept-new"]
    options += ["-oPreferredAuthentications=keyboard-interactive", "-P", str(program.port)]
    client = pexpect.spawn(
        "sftp",
        [*options, "alice@127.0.0.1"],
        cwd=str(program.folder),
        env=environment(program.folder, TERM="dumb"),
        timeout=60,
        encoding="utf-8",
    )
    for prompt, answer in (("Password: ", "wonderland"), ("Hello alice", ""), ("STRESS", "x"), ("sftp> ", "bye")):
        client.expect_exact(prompt)
        if answer:
            client.sendline(answer)
    client.expect(pexpect.EOF)
    assert "Permission denied" in program.sftp("alice", "password", {"assword": "wonderland"}, code=255)


@pytest.mark.parametrize("program", ["slow"], indirect=True)
def check_slow(program: Logins) -> None:
    """A module that takes its time over many wrong passwords holds up nobody else."""
    script = program.folder / "wrong"
    script.write_text("#!/bin/sh\necho wrong\n")
    script.chmod(0o700)
    options = ["-F", "none", "-oUserKnownHostsFile=known", "-oStrictHostKeyChecking=accept-new"]
    options += ["-oPreferredAuthentications=password", "-oNumberOfPasswordPrompts=1", "-P", str(program.port)]
    variables = environment(program.folder, SSH_ASKPASS=str(script), SSH_ASKPASS_REQUIRE="force")
    guesses = [
        subprocess.Popen(
            ["sftp", *options, "alice@127.0.0.1"],
            cwd=program.folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(12)
    ]
    time.sleep(2)
    assert "directory: /\n" in program.sftp("alice", "password", {"assword": "wonderland"})
    assert any(guess.poll() is None for guess in guesses)
    for guess in guesses:
        assert guess.wait(60) == 255


def check_real_service(tmp_path: Path) -> None:
    """A service of the machine is found by its name; one that does not exist is a mistake in one line."""
    from conchsftp.auth.sources.pam_library import PAM
    from conchsftp.errors import ServerError

    need_package("pamela")
    if os.path.exists("/etc/pam.d/login"):
        assert PAM("login").service == "login"
    for name in ("no-such-service", str(tmp_path / "none"), "", "etc/x"):
        with pytest.raises(ServerError):
            PAM(name)
