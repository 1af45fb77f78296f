"""
The clients that people use, a row each: how every one of them takes a tree there, brings it back, and removes it.

Each does so in its own idiom, with a public key, and checks the host key.
"""

import asyncio
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncssh
import paramiko

from bench.openssh import options
from bench.servers import Server
from tests.interop.driving import run, scp, sftp

# What a method is given: the server, the client's folder (its HOME), the tree's name in it, the folder on the server.
Step = Callable[[Server, Path, str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """
    One row.

    Attributes:
        needs: the programs without which it cannot run.
        upload: takes the local tree to a folder that is not there yet.
        download: brings the remote folder to a local one that is not there yet.
        remove: removes the remote folder; None where the client cannot.
        old: it knows only algorithms of the `compatible` profile.
    """

    name: str
    needs: tuple[str, ...] = ()
    upload: Step
    download: Step
    remove: Step | None = None
    old: bool = False


# OpenSSH


def _sftp_upload(server: Server, home: Path, tree: str, remote: str) -> None:
    sftp(server, home, f"mkdir {remote}", f"put -r {tree}/* {remote}/")


def _sftp_download(server: Server, home: Path, tree: str, remote: str) -> None:
    sftp(server, home, f"get -r {remote} {tree}")


def _scp_upload(server: Server, home: Path, tree: str, remote: str) -> None:
    scp(server, home, "-r", tree, f":{remote}")


def _scp_download(server: Server, home: Path, tree: str, remote: str) -> None:
    scp(server, home, "-r", f":{remote}", tree)


# asyncssh


def _asyncssh(work: Callable[[asyncssh.SFTPClient, str, str], object]) -> Step:
    async def conversation(server: Server, home: Path, tree: str, remote: str) -> None:
        async with asyncssh.connect(
            "127.0.0.1",
            server.port,
            username=server.user,
            client_keys=[str(server.keys.client)],
            known_hosts=str(server.known_hosts()),
            config=None,
        ) as connection:
            async with connection.start_sftp_client() as client:
                await work(client, str(home / tree), remote)

    def step(server: Server, home: Path, tree: str, remote: str) -> None:
        asyncio.run(asyncio.wait_for(conversation(server, home, tree, remote), 60))

    return step


# paramiko


@contextmanager
def paramiko_session(server: Server, *, by_password: bool = False) -> Iterator[paramiko.SFTPClient]:
    """Give a paramiko SFTP session that ends with the block."""
    client = paramiko.SSHClient()
    client.load_host_keys(str(server.known_hosts()))
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    proof = {"password": server.password} if by_password else {"key_filename": str(server.keys.client)}
    client.connect("127.0.0.1", server.port, username=server.user, allow_agent=False, look_for_keys=False, **proof)
    with client, client.open_sftp() as session:
        session.get_channel().settimeout(60)
        yield session


def _paramiko_upload(server: Server, home: Path, tree: str, remote: str) -> None:
    with paramiko_session(server) as session:
        session.mkdir(remote)
        for path in sorted((home / tree).rglob("*")):
            there = f"{remote}/{path.relative_to(home / tree)}"
            if path.is_dir():
                session.mkdir(there)
            else:
                session.put(str(path), there)


def _paramiko_download(server: Server, home: Path, tree: str, remote: str) -> None:
    def fetch(folder: str, target: Path) -> None:
        target.mkdir()
        # To the end before anything else is asked: it reads ahead, and takes the next replies for its own.
        for entry in list(session.listdir_iter(folder)):
            there, here = f"{folder}/{entry.filename}", target / entry.filename
            if stat.S_ISDIR(entry.st_mode):
                fetch(there, here)
            else:
                session.get(there, str(here))

    with paramiko_session(server) as session:
        fetch(remote, home / tree)


def _paramiko_remove(server: Server, home: Path, tree: str, remote: str) -> None:
    def empty(folder: str) -> None:
        for entry in session.listdir_attr(folder):
            if stat.S_ISDIR(entry.st_mode):
                empty(f"{folder}/{entry.filename}")
            else:
                session.remove(f"{folder}/{entry.filename}")
        session.rmdir(folder)

    with paramiko_session(server) as session:
        empty(remote)


# lftp, which asks for version 6


def _lftp(*commands: str) -> Step:
    def step(server: Server, home: Path, tree: str, remote: str) -> None:
        program = " ".join(["ssh -a -x -oBatchMode=yes", *options(server)])
        script = [
            "set cmd:fail-exit yes",
            "set net:max-retries 1",
            "set net:timeout 20",
            f'set sftp:connect-program "{program}"',
            f"open -p {server.port} -u {server.user},none sftp://127.0.0.1",
            *(command.format(tree=tree, remote=remote) for command in commands),
        ]
        run(["lftp", "-c", "; ".join(script)], home)

    return step


# PuTTY's psftp


def psftp(server: Server, home: Path, *commands: str, password: str = "") -> str:
    """Carry out commands with psftp, by key or by password."""
    printed = subprocess.run(
        ["ssh-keygen", "-lf", str(server.keys.host) + ".pub"], check=True, capture_output=True, text=True
    )
    proof = ["-pw", password] if password else ["-i", str(_putty_key(server, home))]
    address = ["-P", str(server.port), "-hostkey", printed.stdout.split()[1], f"{server.user}@127.0.0.1"]
    return run(["psftp", "-batch", *proof, *address, "-b", "/dev/stdin"], home, text="\n".join([*commands, "quit", ""]))


def _putty_key(server: Server, home: Path) -> Path:
    path = home / "client.ppk"
    if not path.exists():
        run(["puttygen", server.keys.client, "-O", "private", "-o", path], home)
    return path


def _psftp(*commands: str) -> Step:
    def step(server: Server, home: Path, tree: str, remote: str) -> None:
        psftp(server, home, *(command.format(tree=tree, remote=remote) for command in commands))

    return step


# curl


def curl(server: Server, home: Path, *arguments: str | Path, password: str = "") -> str:
    """Run curl by key or by password; the last argument is a path on the server."""
    public = server.keys.client.with_suffix(".pub")
    proof = ["-u", f"{server.user}:{password}"]
    if not password:
        proof += ["--key", str(server.keys.client), "--pubkey", str(public)]
    # It looks the host key up in ~/.ssh/known_hosts.
    known = home / ".ssh" / "known_hosts"
    known.parent.mkdir(exist_ok=True)
    known.write_bytes(server.known_hosts().read_bytes())
    *before, path = arguments
    url = f"sftp://127.0.0.1:{server.port}{quote(str(path))}"
    return run(["curl", "--silent", "--show-error", "--fail", *proof, *before, url], home)


def _curl_upload(server: Server, home: Path, tree: str, remote: str) -> None:
    for path in _files(home / tree):
        curl(server, home, "--ftp-create-dirs", "-T", path, f"{remote}/{path.relative_to(home / tree)}")


def _curl_download(server: Server, home: Path, tree: str, remote: str) -> None:
    for path in _files(home / "tree"):  # it cannot walk a folder: it is told the names
        name = path.relative_to(home / "tree")
        curl(server, home, "--create-dirs", "-o", home / tree / name, f"{remote}/{name}")
    listed = curl(server, home, "--list-only", f"{remote}/")
    assert {path.name for path in (home / "tree").iterdir()} <= set(listed.splitlines())


def _curl_remove(server: Server, home: Path, tree: str, remote: str) -> None:
    paths = sorted((home / "tree").rglob("*"), reverse=True)
    commands = [f'{"rmdir" if path.is_dir() else "rm"} "{remote}/{path.relative_to(home / "tree")}"' for path in paths]
    quotes = [part for command in (*commands, f'rmdir "{remote}"') for part in ("-Q", command)]
    curl(server, home, *quotes, "-o", "/dev/null", server.path())


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


# rclone


def _rclone(*arguments: str) -> Step:
    def step(server: Server, home: Path, tree: str, remote: str) -> None:
        filled = [argument.format(tree=tree, remote=f":sftp:{remote}") for argument in arguments]
        address = ["--sftp-host", "127.0.0.1", "--sftp-port", str(server.port), "--sftp-user", server.user]
        proof = ["--sftp-key-file", server.keys.client, "--sftp-known-hosts-file", server.known_hosts()]
        run(["rclone", "--config", "/dev/null", "--retries", "1", *address, *proof, *filled], home)

    return step


CLIENTS: Sequence[Client] = (
    Client(name="sftp", needs=("sftp",), upload=_sftp_upload, download=_sftp_download),
    Client(name="scp", needs=("scp",), upload=_scp_upload, download=_scp_download),
    Client(
        name="asyncssh",
        upload=_asyncssh(lambda client, tree, remote: client.put(tree, remote, recurse=True, preserve=True)),
        download=_asyncssh(lambda client, tree, remote: client.get(remote, tree, recurse=True, preserve=True)),
        remove=_asyncssh(lambda client, tree, remote: client.rmtree(remote)),
    ),
    Client(name="paramiko", upload=_paramiko_upload, download=_paramiko_download, remove=_paramiko_remove),
    Client(
        name="lftp",
        needs=("lftp", "ssh"),
        upload=_lftp("mirror -R {tree} {remote}", "ls {remote}"),
        download=_lftp("mirror {remote} {tree}"),
        remove=_lftp("rm -r {remote}"),
    ),
    Client(
        name="psftp",
        needs=("psftp", "puttygen"),
        upload=_psftp("put -r {tree} {remote}", "ls {remote}"),
        download=_psftp("get -r {remote} {tree}"),
        remove=_psftp("rm {remote}/sub/*", "rmdir {remote}/sub", "rm {remote}/*", "rmdir {remote}"),
    ),
    Client(name="curl", needs=("curl",), upload=_curl_upload, download=_curl_download, remove=_curl_remove, old=True),
    Client(
        name="rclone",
        needs=("rclone",),
        upload=_rclone("copy", "{tree}", "{remote}"),
        download=_rclone("copy", "{remote}", "{tree}"),
        remove=_rclone("purge", "{remote}"),
    ),
)
