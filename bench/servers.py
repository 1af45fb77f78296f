"""
Real servers on loopback: ours, as `twistd sftpserver`, and OpenSSH's sshd.

Each runs under `keeper`, so that `accounting` misses nothing. The bench compares them; the real-client tests use the
first, and the second to test themselves. Keys are made with ssh-keygen, so that no code of ours is trusted with them.
"""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import accounting

_PROJECT = Path(__file__).resolve().parent.parent
_TWISTD = (sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile=")
_SFTP_SERVERS = (
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/libexec/sftp-server",
    "/usr/lib/ssh/sftp-server",
)
# Long after what a busy machine takes.
_START_SECONDS = _STOP_SECONDS = 60
# All clients of a run come from one address, and some are meant to fail: that must not be held against the next one.
_EXEMPT = "PerSourcePenaltyExemptList=127.0.0.1"
# Java's JSch, for instance, does not know what ssh-keygen makes by default.
_OLD = ("-t", "ecdsa", "-m", "PEM")


class ServerFailed(Exception):
    """A server that did not start, with what it said."""


@dataclass(slots=True, kw_only=True)
class Keys:
    """
    A host key and a client key, made once for all servers of a run.

    Attributes:
        folder: where they are; files `host`, `client`, `old_host` and `old_client` with their `.pub`.
    """

    folder: Path

    @property
    def host(self) -> Path:
        """The private host key."""
        return self.folder / "host"

    @property
    def client(self) -> Path:
        """The private key of the user."""
        return self.folder / "client"

    @property
    def old_host(self) -> Path:
        """The private host key for clients that do not know ed25519."""
        return self.folder / "old_host"

    @property
    def old_client(self) -> Path:
        """The private key of the user for clients that know neither ed25519 nor OpenSSH's format."""
        return self.folder / "old_client"

    @classmethod
    def make(cls, folder: Path) -> "Keys":
        """Make two ed25519 keys, and two ECDSA keys in PEM format, without a passphrase."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, kind in (("host", ()), ("client", ()), ("old_host", _OLD), ("old_client", _OLD)):
            command = ["ssh-keygen", "-q", *(kind or ("-t", "ed25519")), "-N", "", "-C", name, "-f"]
            subprocess.run([*command, str(folder / name)], check=True)
        return cls(folder=folder)

    def public(self, private: Path) -> str:
        """Return the line of a public key."""
        return private.with_suffix(".pub").read_text().strip()


@dataclass(slots=True, kw_only=True)
class Server:
    """
    A running server; a context manager that stops it.

    Attributes:
        name: `ours` or `sshd`, for tables.
        root: the folder that it serves.
        base: the path under which a client sees `root`.
        user, password: what logs in; no password where only the key does.
    """

    name: str
    keys: Keys
    root: Path
    port: int
    base: str
    user: str
    password: str | None
    keeper: subprocess.Popen[bytes]
    log: Path
    members: int = field(default=0, init=False)

    def __enter__(self) -> "Server":
        self._wait_for_greeting()
        self.members = len(accounting.tree(self.keeper.pid))
        return self

    def __exit__(self, *_: object) -> None:
        self.keeper.send_signal(signal.SIGTERM)
        try:
            self.keeper.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.keeper.kill()
            text = f"{self.name} did not stop within {_STOP_SECONDS} seconds of SIGTERM"
            raise ServerFailed(f"{text}:\n{self.said()}") from None

    @property
    def pid(self) -> int:
        """The server's first process: of ours, the only one."""
        return accounting.tree(self.keeper.pid)[1]

    def path(self, name: str = "") -> str:
        """Return what a client calls a file of the served folder."""
        return f"{self.base.rstrip('/')}/{name}"

    def cpu_seconds(self) -> float:
        """Return the processor time of all of the server's processes until now."""
        return accounting.cpu_seconds(self.keeper.pid)

    def memory(self) -> int:
        """Return the bytes that all of the server's processes hold."""
        return accounting.memory(self.keeper.pid)

    def settle(self) -> None:
        """Wait until what served ended connections has ended too."""
        accounting.settle(self.keeper.pid, self.members)

    def said(self) -> str:
        """Return the end of the server's log."""
        return self.log.read_text(errors="replace")[-4000:]

    def known_hosts(self) -> Path:
        """Return a known_hosts file that holds this server's keys and no others."""
        keys = [self.keys.public(key).rpartition(" ")[0] for key in (self.keys.host, self.keys.old_host)]
        path = self.log.with_suffix(".known_hosts")
        text = "".join(f"[127.0.0.1]:{self.port} {key}\n" for key in keys)
        # Written once: clients that start at the same time would find it empty.
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
        return path

    def _wait_for_greeting(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            if self.keeper.poll() is not None:
                raise ServerFailed(f"{self.name} ended with code {self.keeper.returncode}:\n{self.said()}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                    if probe.recv(4) == b"SSH-":
                        return
            except OSError:
                time.sleep(0.02)
        self.keeper.kill()
        raise ServerFailed(f"{self.name} sent no greeting within {_START_SECONDS} seconds:\n{self.said()}")


def start_sshd(keys: Keys, root: Path, work: Path, *, internal: bool = False) -> Server:
    """
    Start OpenSSH's server for the user of this process, by key only.

    Args:
        work: a folder for its configuration and log.
        internal: serve SFTP inside sshd, instead of by the separate program that distributions configure.
    """
    program = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        raise ServerFailed("sshd is missing; it is in Debian's package openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # its privilege separation folder, compiled in
    port = free_port()
    settings = work / "sshd_config"
    settings.write_text(_sshd_config(keys, port, "internal-sftp" if internal else _sftp_server()))
    log = work / "sshd.log"
    return Server(
        name="sshd",
        keys=keys,
        root=root,
        port=port,
        base=str(root),
        user=getpass.getuser(),
        password=None,
        keeper=_keep([program, "-D", "-e", "-f", str(settings)], log),
        log=log,
    )


def start_ours(
    keys: Keys,
    root: Path,
    work: Path,
    *,
    settings: Sequence[str] = (),
    password_hash: str = "",
    password: str = "",
    home: str = "/",
) -> Server:
    """
    Start `twistd -n sftpserver` for a user `alice`, by key and, where a hash is given, by password.

    Args:
        settings: `Name=Value` texts for `--set`.
        home: where alice begins.
    """
    port = free_port()
    users = _users_file(keys, work, password_hash, home)
    command = [*_TWISTD, "sftpserver", "--root", str(root), "--listen", f"tcp:{port}:backlog=1024:interface=127.0.0.1"]
    command += ["--users", str(users), "--host-key", str(keys.host), "--host-key", str(keys.old_host)]
    for setting in (_EXEMPT, *settings):
        command += ["--set", setting]
    return _ours(keys, root, port, command, work / "ours.log", password=password)


def start_program(keys: Keys, root: Path, work: Path, program: Path, **more: str) -> Server:
    """
    Start `twistd -ny` for a user `alice`, by key.

    Args:
        program: finds in its environment what it serves (SERVED_ROOT), its endpoint (SERVED_AT), its HOST_KEY and its
            USERS_FILE.
        more: what else it finds there.
    """
    port = free_port()
    environment = {
        "SERVED_ROOT": str(root),
        "SERVED_AT": f"tcp:{port}:backlog=1024:interface=127.0.0.1",
        "HOST_KEY": str(keys.host),
        "USERS_FILE": str(_users_file(keys, work, "")),
        **more,
    }
    return _ours(keys, root, port, [*_TWISTD, "-y", str(program)], work / "program.log", environment=environment)


def _users_file(keys: Keys, work: Path, password_hash: str, home: str = "/") -> Path:
    users = work / "users.toml"
    lines = ["[alice]", f'keys = ["{keys.public(keys.client)}", "{keys.public(keys.old_client)}"]']
    if home != "/":
        lines.append(f'home = "{home}"')
    if password_hash:
        lines.append(f'password = "{password_hash}"')
    users.write_text("\n".join(lines) + "\n")
    users.chmod(0o600)
    return users


def _ours(
    keys: Keys,
    root: Path,
    port: int,
    command: list[str],
    log: Path,
    *,
    password: str = "",
    environment: Mapping[str, str] | None = None,
) -> Server:
    return Server(
        name="ours",
        keys=keys,
        root=root,
        port=port,
        base="/",
        user="alice",
        password=password or None,
        keeper=_keep(command, log, environment),
        log=log,
    )


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _keep(command: list[str], log: Path, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "bench.keeper", *command],
            cwd=_PROJECT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _sftp_server() -> str:
    for path in _SFTP_SERVERS:
        if os.access(path, os.X_OK):
            return path
    raise ServerFailed("OpenSSH's sftp-server is missing; it is in Debian's package openssh-sftp-server")


def _sshd_config(keys: Keys, port: int, sftp: str) -> str:
    # No PAM, no log of logins, no ~/.bashrc (bash leaves it out below the second level of shells): it is the SFTP
    # service that is compared, not how this account is set up. All three are in sshd's favour.
    return f"""
Port {port}
ListenAddress 127.0.0.1
HostKey {keys.host}
HostKey {keys.old_host}
PidFile none
AuthorizedKeysFile {keys.client}.pub {keys.old_client}.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
PrintLastLog no
SetEnv SHLVL=2
MaxStartups 1000
LogLevel ERROR
Subsystem sftp {sftp}
"""
