"""
Host keys of every kind, their certificates, and keys that clients learn for later, as OpenSSH and asyncssh see them.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh
import pytest

from bench.servers import Keys, free_port
from conchsftp.ssh.algorithms.registry import bare_key
from conchsftp.ssh.algorithms.signatures import CERTIFIED, HOST_KEYS
from tests.interop.driving import environment, need, run, wait_until
from tests.interop.programs import listens

PROJECT = Path(__file__).parents[2]
TYPES = {
    "ssh-ed25519": "ed25519",
    "ecdsa-sha2-nistp256": "ecdsa-256",
    "ecdsa-sha2-nistp384": "ecdsa-384",
    "ecdsa-sha2-nistp521": "ecdsa-521",
    "ssh-rsa": "rsa-2048",
    "ssh-dss": "dsa-1024",
}
BARE = {row.name: row.key for row in HOST_KEYS if row.blob is bare_key}
CERTIFICATES = {f"{name}{CERTIFIED}": key for name, key in BARE.items()}


class Site:
    """A folder of keys and certificates, and what clients in it know."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        self.folder = folder
        self.key = keys.client
        self.port = 0
        (folder / "files").mkdir()
        (folder / "users.toml").write_text(f'[alice]\nkeys = ["{keys.public(keys.client)}"]\n')
        (folder / "users.toml").chmod(0o600)
        self.generate("ca", "ed25519")
        for kind in TYPES.values():
            self.generate(kind, kind)
            self.certify(kind)

    def generate(self, name: str, kind: str) -> None:
        algorithm, _, bits = kind.partition("-")
        size = ["-b", bits] if bits else []
        run(["ssh-keygen", "-q", "-t", algorithm, *size, "-N", "", "-C", name, "-f", name], self.folder)

    def certify(self, name: str, *options: str) -> None:
        """Make the certificate of a host key."""
        run(["ssh-keygen", "-q", "-s", "ca", "-h", "-I", name, "-n", "127.0.0.1", *options, f"{name}.pub"], self.folder)

    def public(self, name: str) -> str:
        """Return kind and key."""
        return " ".join((self.folder / f"{name}.pub").read_text().split()[:2])

    @property
    def host(self) -> str:
        """What known_hosts calls the server."""
        return f"[127.0.0.1]:{self.port}"

    def know(self, text: str) -> None:
        """Have clients know this and nothing else."""
        (self.folder / "known").write_text(text + "\n")

    def known(self) -> set[str]:
        """Return the keys that clients know."""
        return {" ".join(line.split()[1:3]) for line in (self.folder / "known").read_text().splitlines()}

    @contextmanager
    def serving(self, *options: str) -> Iterator[Path]:
        """Run a server with these options; yields its log."""
        before, self.port = self.port, free_port()
        log = self.folder / f"log{self.port}"
        place = ["--listen", f"tcp:{self.port}:interface=127.0.0.1", "--root", "files", "--users", "users.toml"]
        command = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile="]
        with log.open("wb") as file:
            variables = environment(self.folder, PYTHONPATH=str(PROJECT))
            process = subprocess.Popen(
                [*command, "sftpserver", *place, *options], cwd=self.folder, env=variables, stdout=file, stderr=file
            )
        try:
            wait_until(lambda: process.poll() is not None or listens(self.port))
            assert process.poll() is None, log.read_text()
            yield log
        finally:
            process.terminate()
            process.wait(60)
            self.port = before
        assert "Traceback" not in log.read_text()

    def sftp(self, *options: str, code: int = 0) -> str:
        """List the folder with OpenSSH's `sftp`, which takes a key that it knows only."""
        known = ["-F", "none", "-oUserKnownHostsFile=known", "-oGlobalKnownHostsFile=/dev/null"]
        strict = ["-oStrictHostKeyChecking=yes", "-oBatchMode=yes", *options]
        proof = ["-i", str(self.key), "-oIdentitiesOnly=yes", "-oIdentityAgent=none"]
        command = ["sftp", *known, *strict, *proof, "-b", "-", "-P", str(self.port), "alice@127.0.0.1"]
        return run(command, self.folder, text="ls\npwd\n", code=code)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Site:
    """The folder of all servers here."""
    need("sftp", "ssh-keygen")
    return Site(tmp_path_factory.mktemp("site"), keys)


@pytest.fixture(scope="module")
def every(site: Site) -> Iterator[Site]:
    """One server with a key of every kind, each with its certificate, and every algorithm."""
    options = [f"--host-key={kind}" for kind in TYPES.values()]
    options += [f"--host-certificate={kind}-cert.pub" for kind in TYPES.values()]
    with site.serving(*options, "--ssh-public-key-algorithms", ",".join((*BARE, *CERTIFICATES))):
        yield site


@pytest.mark.parametrize("algorithm", BARE)
def check_bare(ours: None, every: Site, algorithm: str) -> None:
    """OpenSSH takes each key that it knows, with each algorithm."""
    every.know(f"{every.host} {every.public(TYPES[BARE[algorithm]])}")
    every.sftp(f"-oHostKeyAlgorithms={algorithm}", "-oUpdateHostKeys=no")


@pytest.mark.parametrize("algorithm", CERTIFICATES)
def check_certificate(ours: None, every: Site, algorithm: str) -> None:
    """OpenSSH knows only the CA, and takes each certificate; the login is bound to it."""
    every.know(f"@cert-authority {every.host} {every.public('ca')}")
    every.sftp(f"-oHostKeyAlgorithms={algorithm}")


def check_other_authority(ours: None, every: Site) -> None:
    """Who trusts another CA is not taken in: the check is one."""
    every.know(f"@cert-authority {every.host} {every.public('ed25519')}")
    assert "verification failed" in every.sftp(f"-oHostKeyAlgorithms=ssh-ed25519{CERTIFIED}", code=255)


def check_asyncssh(ours: None, every: Site) -> None:
    """asyncssh knows only the CA, too."""

    async def connect(algorithm: str) -> str:
        authority = asyncssh.import_public_key(every.public("ca"))
        async with asyncssh.connect(
            "127.0.0.1",
            every.port,
            username="alice",
            client_keys=[str(every.key)],
            known_hosts=([], [authority], []),
            server_host_key_algs=[algorithm],
            config=None,
        ) as connection:
            return str(connection.get_extra_info("server_host_key_algorithm") or "")

    for algorithm in CERTIFICATES:
        if "ssh-dss" not in algorithm and not algorithm.startswith("ssh-rsa"):
            asyncio.run(connect(algorithm))


def check_learning(ours: None, site: Site) -> None:
    """OpenSSH learns the key that is not used yet, goes on when it is, and forgets the one that is gone."""
    site.generate("next", "ed25519")
    old, new, rsa, ecdsa = (site.public(name) for name in ("ed25519", "next", "rsa-2048", "ecdsa-256"))
    shown = "--ssh-public-key-algorithms=ssh-ed25519,rsa-sha2-256,ecdsa-sha2-nistp256"
    keys = [f"--host-key={name}" for name in ("ed25519", "next", "rsa-2048", "ecdsa-256")]
    with site.serving(*keys, shown):
        site.know(f"{site.host} {old}")
        site.sftp("-oUpdateHostKeys=yes")
        assert site.known() == {old, new, rsa, ecdsa}
        # By an RSA key it learns, too: that is signed as the key exchange was.
        site.know(f"{site.host} {rsa}")
        site.sftp("-oUpdateHostKeys=yes", "-oHostKeyAlgorithms=rsa-sha2-256")
        assert rsa in site.known()
    with site.serving(*keys[1:], shown):
        site.know("\n".join(f"{site.host} {key}" for key in (old, new, rsa, ecdsa)))
        site.sftp("-oUpdateHostKeys=yes")
        assert site.known() == {new, rsa, ecdsa}
        site.sftp("-oUpdateHostKeys=yes")
        assert site.known() == {new, rsa, ecdsa}


def check_worthless(ours: None, site: Site) -> None:
    """A certificate that has expired is told of and not offered; clients go on with the key."""
    site.generate("late", "ed25519")
    site.certify("late", "-V", "20200101:20200102")
    with site.serving("--host-key=late", "--host-certificate=late-cert.pub") as log:
        site.know(f"@cert-authority {site.host} {site.public('ca')}")
        site.sftp(code=255)
        site.know(f"{site.host} {site.public('late')}")
        site.sftp()
        assert "is not offered: the certificate has expired" in log.read_text()
