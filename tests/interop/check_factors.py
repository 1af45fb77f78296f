"""
Logins with two and three factors: OpenSSH's client at a terminal, asyncssh, paramiko, psftp and lftp.

What a client cannot do is said at its test. The server is twistd with a users file, as an operator runs it; all tests
share it, and each that shows a code has a user of its own, for no code counts twice.
"""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import bcrypt
import paramiko
import pexpect
import pyotp
import pytest

from bench.servers import Keys
from tests.interop.driving import environment, need, run, wait_until
from tests.interop.programs import Program

PROGRAM = """
from twisted.application.service import Application
from conchsftp import SFTPServer

application = Application("files")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="users.toml",
)
server.setServiceParent(application)
"""
WORD = "correct horse"
# Who has what, and has to prove what.
USERS = {
    "alice": "publickey,password",
    "bob": "publickey,keyboard-interactive",
    "carol": "password,publickey",
    "dora": "publickey,publickey",
    "erin": "publickey,keyboard-interactive:totp",
    "frank": "password,keyboard-interactive:totp",
    "gina": "publickey,password,keyboard-interactive:totp",
    "hugo": "publickey,keyboard-interactive:totp",
    "ivan": "publickey,password,keyboard-interactive:totp",
    "judy": "publickey,keyboard-interactive:totp",
}
SECONDS = 30


class Factors(Program):
    """The server, and OpenSSH's `sftp` at a terminal."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        super().__init__(PROGRAM, folder, keys, exempt=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "second"], folder)
        lines = [path.read_text().strip() for path in (keys.client.with_suffix(".pub"), folder / "second.pub")]
        hashed = bcrypt.hashpw(WORD.encode(), bcrypt.gensalt(4)).decode()
        # One for each: a code counts once, for whoever has its secret.
        self._secrets = {name: pyotp.random_base32() for name, methods in USERS.items() if "totp" in methods}
        users = (
            f'[{name}]\npassword = "{hashed}"\nkeys = ["{lines[0]}", "{lines[1]}"]\n'
            f'methods = "{methods}"\n' + (f'totp = "{self._secrets[name]}"\n' if name in self._secrets else "")
            for name, methods in USERS.items()
        )
        (folder / "users.toml").write_text("".join(users))
        run(["puttygen", "key", "-O", "private", "-o", "key.ppk"], folder)
        self.fingerprint = run(["ssh-keygen", "-lf", f"{keys.host}.pub"], folder).split()[1]

    def code(self, user: str) -> str:
        """Return the code that oathtool shows now."""
        return run(["oathtool", "--totp", "-b", self._secrets[user]], self.folder).strip()

    def ssh_options(self, user: str, *identities: str) -> list[str]:
        """Return how OpenSSH's programs reach the server."""
        known = ["-F", "none", "-oUserKnownHostsFile=known", "-oStrictHostKeyChecking=accept-new", "-oLogLevel=ERROR"]
        keys = [part for each in identities for part in ("-i", each)]
        return [*known, "-oIdentitiesOnly=yes", "-oNumberOfPasswordPrompts=1", *keys, f"-oUser={user}"]

    def sftp(self, user: str, *answers: tuple[str, str], identities: tuple[str, ...] = ("key",)) -> str:
        """
        Log in with OpenSSH's `sftp` at a terminal.

        Args:
            user: who.
            answers: what is typed at a prompt in which a pattern is found, in this order; nothing else may be asked.
            identities: the keys that it has.
        Returns:
            What was said; it ends with the folder if that went well.
        """
        arguments = [*self.ssh_options(user, *identities), "-P", str(self.port), "127.0.0.1"]
        return typed(["sftp", *arguments], self.folder, *answers)


def typed(command: list[str], folder: Path, *answers: tuple[str, str], prompt: str = "sftp> ") -> str:
    """Run a program at a terminal, answer what it asks, and ask it where it is."""
    child = pexpect.spawn(
        command[0], command[1:], cwd=str(folder), env=environment(folder), encoding="utf-8", timeout=SECONDS
    )
    said = ""
    for pattern, answer in answers:
        child.expect(pattern)
        said += child.before + child.after
        child.sendline(answer)
    if child.expect([prompt, pexpect.EOF]) == 0:
        child.sendline("pwd")
        child.expect("irectory:? (is )?/\r\n")
        said += child.after
        child.sendline("quit")
        child.expect(pexpect.EOF)
    else:
        said += child.before
    child.close()
    return said


def let_in(said: str) -> bool:
    """Return whether a session was opened."""
    return said.rstrip().endswith("/") and "denied" not in said


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Factors]:
    """One server for all tests here."""
    need("sftp", "ssh-keygen", "puttygen", "oathtool")
    running = Factors(tmp_path_factory.mktemp("factors"), keys)
    yield running
    running.end()


@pytest.fixture
def factors(ours: None, running: Factors) -> Factors:
    """The server of all tests."""
    return running


PASSWORD = ("'s password: ", WORD)
ASKED = (r"\) Password: ", WORD)
CODE = r"\) Verification code: "


def other(code: str) -> str:
    """Return a code that is not the right one."""
    return f"{(int(code) + 1) % 10**6:06}"


def check_openssh_key_and_password(factors: Factors) -> None:
    """OpenSSH proves the key, is asked for the password, and is in; a wrong one, or no key, does not do."""
    assert let_in(factors.sftp("alice", PASSWORD))
    said = factors.sftp("alice", ("'s password: ", "wrong"))
    assert "Permission denied (password)" in said
    assert "Permission denied (publickey)" in factors.sftp("alice", identities=())
    assert re.search(r"'publickey' '\S+' SHA256:.* accepted for 'alice', more is needed", factors.said())


def check_openssh_key_and_question(factors: Factors) -> None:
    """The same with a question, which OpenSSH shows as the server words it."""
    assert let_in(factors.sftp("bob", ASKED))
    said = factors.sftp("bob", (r"\) Password: ", "wrong"))
    assert "Permission denied (keyboard-interactive)" in said


def check_openssh_password_first(factors: Factors) -> None:
    """A password before the key: OpenSSH offers its key when it is time for it."""
    assert let_in(factors.sftp("carol", PASSWORD))
    assert "Permission denied (publickey)" in factors.sftp("carol", PASSWORD, identities=())


def check_openssh_two_keys(factors: Factors) -> None:
    """Two keys are two factors, one key is one, however often it is offered."""
    assert let_in(factors.sftp("dora", identities=("key", "second")))
    assert "Permission denied (publickey)" in factors.sftp("dora")


def check_openssh_key_and_code(factors: Factors) -> None:
    """A key, then the code alone: a wrong one, one that was used, or one without the key, does not do."""
    code = factors.code("erin")
    assert "Permission denied (keyboard-interactive)" in factors.sftp("erin", (CODE, other(code)))
    assert let_in(factors.sftp("erin", (CODE, code)))
    assert "Permission denied (keyboard-interactive)" in factors.sftp("erin", (CODE, code))
    assert "Permission denied (publickey)" in factors.sftp("erin", identities=())


def check_openssh_password_and_code(factors: Factors) -> None:
    """The password, then the code alone; nobody is asked for a code after a wrong password."""
    code = factors.code("frank")
    assert "Permission denied (keyboard-interactive)" in factors.sftp("frank", PASSWORD, (CODE, other(code)))
    assert "Permission denied (password)" in factors.sftp("frank", ("'s password: ", "wrong"))
    assert let_in(factors.sftp("frank", PASSWORD, (CODE, code)))
    assert "Permission denied (keyboard-interactive)" in factors.sftp("frank", PASSWORD, (CODE, code))


def check_openssh_three_factors(factors: Factors) -> None:
    """Key, password and code, one after the other; whoever lacks one is told which, and is not asked for the next."""
    code = factors.code("gina")
    assert "Permission denied (publickey)" in factors.sftp("gina", identities=())
    assert "Permission denied (password)" in factors.sftp("gina", ("'s password: ", "wrong"))
    assert "Permission denied (keyboard-interactive)" in factors.sftp("gina", PASSWORD, (CODE, other(code)))
    assert let_in(factors.sftp("gina", PASSWORD, (CODE, code)))
    assert "Permission denied (keyboard-interactive)" in factors.sftp("gina", PASSWORD, (CODE, code))
    said = factors.said()
    assert re.search(r"'publickey' '\S+' SHA256:.* accepted for 'gina', more is needed", said)
    assert "'password' accepted for 'gina', more is needed" in said


class Answering(asyncssh.SSHClient):
    """An asyncssh client that answers what it is asked."""

    def __init__(self, answers: list[str]) -> None:
        self.answers = answers

    def kbdint_auth_requested(self) -> str | None:
        return "" if self.answers else None

    def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: object) -> list[str]:
        return [self.answers.pop(0) for _ in prompts]  # type: ignore[attr-defined]


def by_asyncssh(factors: Factors, user: str, answers: list[str], **proofs: object) -> bool:
    """Log in with asyncssh; return whether that went well."""

    async def log_in() -> bool:
        try:
            connection, _ = await asyncssh.create_connection(
                lambda: Answering(answers),
                "127.0.0.1",
                factors.port,
                username=user,
                known_hosts=None,
                config=None,
                agent_path=None,
                **proofs,
            )
        except asyncssh.PermissionDenied:
            return False
        async with connection, connection.start_sftp_client() as client:
            return await client.getcwd() == "/"

    return asyncio.run(log_in())


def check_asyncssh(factors: Factors) -> None:
    """asyncssh goes on by itself after a partial success, with a password and with answers."""
    key = [str(factors.folder / "key")]
    assert by_asyncssh(factors, "alice", [], client_keys=key, password=WORD)
    assert not by_asyncssh(factors, "alice", [], client_keys=key, password="wrong")
    assert not by_asyncssh(factors, "alice", [], client_keys=None, password=WORD)
    assert by_asyncssh(factors, "bob", [WORD], client_keys=key)
    assert by_asyncssh(factors, "carol", [], client_keys=key, password=WORD)
    both = [*key, str(factors.folder / "second")]
    assert by_asyncssh(factors, "dora", [], client_keys=both)
    assert not by_asyncssh(factors, "dora", [], client_keys=key)
    code = factors.code("hugo")
    assert not by_asyncssh(factors, "hugo", [other(code)], client_keys=key)
    assert by_asyncssh(factors, "hugo", [code], client_keys=key)


def check_paramiko(factors: Factors) -> None:
    """paramiko says what remains after each factor; one connection proves them one by one."""
    key = paramiko.Ed25519Key(filename=str(factors.folder / "key"))
    with paramiko.Transport(("127.0.0.1", factors.port)) as transport:
        transport.connect()
        with pytest.raises(paramiko.BadAuthenticationType) as refused:
            transport.auth_none("alice")
        assert refused.value.allowed_types == ["publickey"]
        assert transport.auth_publickey("alice", key) == ["password"]
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_password("alice", "wrong")
        assert transport.auth_password("alice", WORD) == []
        assert paramiko.SFTPClient.from_transport(transport).listdir("/") == ["kept.log"]  # type: ignore[union-attr]
    with paramiko.Transport(("127.0.0.1", factors.port)) as transport:
        transport.connect()
        assert transport.auth_publickey("bob", key) == ["keyboard-interactive"]
        assert transport.auth_interactive("bob", lambda title, text, prompts: [WORD for _ in prompts]) == []
    with paramiko.Transport(("127.0.0.1", factors.port)) as transport:
        transport.connect()
        assert transport.auth_publickey("dora", key) == ["publickey"]
        second = paramiko.Ed25519Key(filename=str(factors.folder / "second"))
        assert transport.auth_publickey("dora", second) == []
    with paramiko.Transport(("127.0.0.1", factors.port)) as transport:
        transport.connect()
        assert transport.auth_publickey("ivan", key) == ["password"]
        assert transport.auth_password("ivan", WORD) == ["keyboard-interactive"]
        code = factors.code("ivan")
        assert transport.auth_interactive("ivan", lambda title, text, prompts: [code for _ in prompts]) == []


def check_psftp(factors: Factors) -> None:
    """psftp proves the key, and then asks at its terminal, or takes `-pw`; two keys it takes from an agent only."""
    need("psftp", "ssh-agent", "ssh-add")
    begin = ["psftp", "-P", str(factors.port), "-hostkey", factors.fingerprint, "-i", "key.ppk"]
    where = "alice@127.0.0.1"
    assert let_in(typed([*begin, where], factors.folder, ("'s password: ", WORD), prompt="psftp> "))
    assert let_in(typed([*begin, "-pw", WORD, where], factors.folder, prompt="psftp> "))
    assert let_in(typed([*begin, "bob@127.0.0.1"], factors.folder, ("assword: ", WORD), prompt="psftp> "))
    asked = ("Verification code: ", factors.code("judy"))
    assert let_in(typed([*begin, "judy@127.0.0.1"], factors.folder, asked, prompt="psftp> "))
    assert "No supported authentication methods" in typed([*begin, "dora@127.0.0.1"], factors.folder, prompt="psftp> ")
    agent = factors.folder / "agent"
    holding = subprocess.Popen(["ssh-agent", "-D", "-a", agent], env=environment(factors.folder))
    try:
        wait_until(agent.exists)
        run(["ssh-add", "-q", "key", "second"], factors.folder, SSH_AUTH_SOCK=str(agent))
        both = ["env", f"SSH_AUTH_SOCK={agent}", *begin[:-2], "dora@127.0.0.1"]
        assert let_in(typed(both, factors.folder, prompt="psftp> "))
    finally:
        holding.terminate()
        holding.wait(60)
    failed = subprocess.run(
        [*begin, "-batch", "-pw", "wrong", where],
        cwd=factors.folder,
        env=environment(factors.folder),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert failed.returncode and "Access denied" in failed.stdout + failed.stderr


def check_lftp(factors: Factors) -> None:
    """lftp has ssh prove one key or two, and answers its question for the password."""
    need("lftp")
    for user in ("alice", "bob", "dora"):
        connect = " ".join(["ssh", "-a", "-x", *factors.ssh_options(user, "key", "second")])
        where = f"open -p {factors.port} -u {user},'{WORD}' sftp://127.0.0.1"
        script = f"set net:max-retries 1; set sftp:connect-program '{connect}'; {where}; cls"
        assert "kept.log" in run(["lftp", "--norc", "-c", script], factors.folder, seconds=SECONDS)
