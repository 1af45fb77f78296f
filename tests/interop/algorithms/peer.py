"""
What all drivers have in common: where a login goes, with which keys, and which file goes to and fro.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from conchsftp.ssh.algorithms.signatures import HOST_KEYS
from tests.interop.algorithms.cells import SIGNATURE, Cell
from tests.interop.driving import run

# Name of the file → arguments of ssh-keygen; host keys and users' keys alike.
KINDS: dict[str, tuple[str, ...]] = {
    "ssh-ed25519": ("-t", "ed25519"),
    "ecdsa-sha2-nistp256": ("-t", "ecdsa", "-b", "256"),
    "ecdsa-sha2-nistp384": ("-t", "ecdsa", "-b", "384"),
    "ecdsa-sha2-nistp521": ("-t", "ecdsa", "-b", "521"),
    "ssh-rsa": ("-t", "rsa", "-b", "2048"),
    "ssh-dss": ("-t", "dsa"),
}
DEVICES: dict[str, tuple[str, ...]] = {
    "sk-ssh-ed25519@openssh.com": ("-t", "ed25519-sk"),
    "sk-ecdsa-sha2-nistp256@openssh.com": ("-t", "ecdsa-sk"),
}
_CERTIFY = ("ssh-keygen", "-q", "-s", "ca", "-h", "-I", "host", "-n", "127.0.0.1")


@dataclass(slots=True, kw_only=True)
class Errand:
    """
    One login of a client.

    Attributes:
        cell: what has to be negotiated.
        port: of the server that leaves no other choice.
        user: the name to log in with.
        key: the private key to log in with.
        source: the file to put as `there`; keys change meanwhile.
        there: its name on the server.
        small: the file to put as `there` with `.small`, and to get again.
        back: where to get it to.
    """

    cell: Cell
    port: int
    user: str
    key: Path
    source: Path
    small: Path
    there: str
    back: Path

    @property
    def there_small(self) -> str:
        """The name of the small file on the server."""
        return f"{self.there}.small"

    @property
    def batch(self) -> str:
        """What OpenSSH's `sftp` and PuTTY's `psftp` are told."""
        small = self.there_small
        return f"put {self.source} {self.there}\nput {self.small} {small}\nget {small} {self.back}\nquit\n"


class Peer(Protocol):
    """
    One client.

    Attributes:
        name: what it is called in the documents.
        at_once: how many of its logins run side by side.
        tried: kinds of which it cannot be asked what it speaks: there, a login that fails says that it does not.
    """

    name: str
    at_once: int
    tried: frozenset[str]

    @property
    def version(self) -> str:
        """Its version; empty where it is not installed."""

    def prepare(self, folder: "Keys") -> None:
        """Make in the folder what it needs."""

    def speaks(self, kind: str, name: str) -> bool:
        """Return whether it can be asked to use an algorithm."""

    def run(self, errands: Iterable[Errand], done: Callable[[Errand, str], None]) -> None:
        """Do all errands; `done` is told what went wrong with each, empty: nothing."""


class Keys:
    """
    The keys of hosts and users, made by ssh-keygen, and whatever drivers put beside them.

    Args:
        folder: an empty one; the HOME of the clients.
        device: OpenSSH's software security key.

    Attributes:
        known: a known_hosts file with all host keys and the authority, for every address.
        authority: the public key that vouches for the host keys.
    """

    def __init__(self, folder: Path, device: Path) -> None:
        self.folder, self.device = folder, device
        for name, arguments in KINDS.items():
            for prefix in ("host", "user"):
                self._make(f"{prefix}_{name}", *arguments)
        if device.exists():
            for name, arguments in DEVICES.items():
                self._make(f"user_{name}", *arguments)
        self._make("ca", "-t", "ed25519")
        for name in KINDS:
            run([*_CERTIFY, f"host_{name}.pub"], folder)
        hosts = [(folder / f"host_{name}.pub").read_text() for name in KINDS]
        self.authority = (folder / "ca.pub").read_text()
        self.known = folder / "known"
        self.known.write_text("".join(f"* {line}" for line in hosts) + f"@cert-authority * {self.authority}")

    def _make(self, name: str, *arguments: str) -> None:
        command = ["ssh-keygen", "-q", *arguments, "-N", "", "-C", name, "-f", name]
        run(command, self.folder, SSH_SK_PROVIDER=str(self.device))

    @cached_property
    def hosts(self) -> list[Path]:
        """The private host keys that a server can have."""
        signing = {row.key for row in HOST_KEYS}
        return [self.folder / f"host_{name}" for name in KINDS if name in signing]

    @property
    def certificates(self) -> list[Path]:
        """Their certificates."""
        return [path.with_name(f"{path.name}-cert.pub") for path in self.hosts]

    def user(self, cell: Cell) -> Path:
        """Return the private key with which a user logs in, for what a cell wants."""
        return self.folder / f"user_{key_type(cell.get(SIGNATURE) or 'ssh-ed25519')}"


def key_type(algorithm: str) -> str:
    """Return the type of key that signs with an algorithm."""
    return "ssh-rsa" if algorithm.startswith("rsa-sha2") else algorithm
