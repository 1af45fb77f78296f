"""
The clients that are programs: OpenSSH, PuTTY, and dropbear, which carries what OpenSSH's `sftp` says.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from tests.interop.algorithms.asking import lists_of
from tests.interop.algorithms.cells import CIPHER, COMPRESSION, HOST_KEY, KEY_EXCHANGE, MAC, SIGNATURE
from tests.interop.algorithms.peer import KINDS, Errand, Keys, key_type
from tests.interop.clients.client import printed_version
from tests.interop.driving import PATH, environment

_SECONDS = 100


class _Program:
    """What the three share: a login is a process, and several run side by side."""

    at_once = 2
    tried: frozenset[str] = frozenset()
    keys: Keys

    def command(self, errand: Errand) -> Sequence[str]:
        """Return what does an errand, with a batch of commands as its input."""
        raise NotImplementedError

    def run(self, errands: Iterable[Errand], done: Callable[[Errand, str], None]) -> None:
        with ThreadPoolExecutor(self.at_once) as pool:
            list(pool.map(lambda errand: done(errand, self._one(errand)), errands))

    def _one(self, errand: Errand) -> str:
        folder = self.keys.folder
        # A password that is none keeps dropbear from asking for one where its key was refused.
        more = {"PUTTYDIR": str(folder / "putty"), "DROPBEAR_PASSWORD": "none"}
        try:
            ended = subprocess.run(
                self.command(errand),
                input=errand.batch,
                capture_output=True,
                timeout=_SECONDS,
                cwd=folder,
                env=environment(folder, **more),
                encoding="utf-8",
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            return f"did not end within {_SECONDS} seconds"
        return "" if ended.returncode == 0 else f"code {ended.returncode}: {(ended.stdout + ended.stderr)[-600:]}"


class OpenSSH(_Program):
    """OpenSSH's `sftp`, which takes every choice as an option and tells what it knows."""

    name = "OpenSSH"
    _OPTIONS = {
        KEY_EXCHANGE: "KexAlgorithms",
        HOST_KEY: "HostKeyAlgorithms",
        CIPHER: "Ciphers",
        MAC: "MACs",
        SIGNATURE: "PubkeyAcceptedAlgorithms",
    }

    @property
    def version(self) -> str:
        return printed_version("ssh", "-V")

    def prepare(self, keys: Keys) -> None:
        self.keys = keys

    @cached_property
    def _known(self) -> dict[str, frozenset[str]]:
        return {
            kind: frozenset(subprocess.run(["ssh", "-Q", option], capture_output=True, text=True).stdout.split())
            for kind, option in (*self._OPTIONS.items(), (COMPRESSION, "compression"))
        }

    def speaks(self, kind: str, name: str) -> bool:
        return name in self._known[kind]

    def command(self, errand: Errand) -> Sequence[str]:
        wanted = [f"-o{self._OPTIONS[kind]}={name}" for kind, name in errand.cell.wanted if kind in self._OPTIONS]
        if errand.cell.get(COMPRESSION) not in ("", "none"):
            wanted.append("-oCompression=yes")
        only = ["-F", "none", "-oIdentitiesOnly=yes", "-oIdentityAgent=none", "-oUserKnownHostsFile=known"]
        only += ["-oGlobalKnownHostsFile=/dev/null", "-oStrictHostKeyChecking=yes", "-oUpdateHostKeys=no"]
        only += ["-oPreferredAuthentications=publickey", f"-oSecurityKeyProvider={self.keys.device}"]
        there = ["-P", str(errand.port), f"{errand.user}@127.0.0.1"]
        return ["sftp", *only, *wanted, "-i", str(errand.key), "-b", "-", *there]


class Dropbear(_Program):
    """Dropbear's `dbclient`: OpenSSH's `sftp` speaks SFTP through its pipe."""

    name = "dropbear"
    tried = frozenset({SIGNATURE})

    @property
    def version(self) -> str:
        return printed_version("dbclient", "-V") if shutil.which("dropbearconvert", path=PATH) else ""

    def prepare(self, keys: Keys) -> None:
        self.keys = keys
        for name in KINDS:
            key = str(keys.folder / f"user_{name}")
            # What it cannot convert it cannot use.
            subprocess.run(["dropbearconvert", "openssh", "dropbear", key, f"{key}.dropbear"], capture_output=True)

    @cached_property
    def _known(self) -> dict[str, frozenset[str]]:
        options = ["dbclient", "-y", "-y", "-p", "PORT", "alice@127.0.0.1", "true"]
        return lists_of(options, environment(self.keys.folder))

    def speaks(self, kind: str, name: str) -> bool:
        if kind == SIGNATURE:
            return self._key(name).exists()
        return name in self._known[kind]

    def _key(self, algorithm: str) -> Path:

        return self.keys.folder / f"user_{key_type(algorithm)}.dropbear"

    def command(self, errand: Errand) -> Sequence[str]:
        pipe = ["dbclient", "-y", "-y", "-i", f"{errand.key}.dropbear", "-p", str(errand.port)]
        for kind, option in ((CIPHER, "-c"), (MAC, "-m")):
            if errand.cell.get(kind):
                pipe += [option, errand.cell.get(kind)]
        return ["sftp", "-b", "-", "-D", " ".join([*pipe, "-s", f"{errand.user}@127.0.0.1", "sftp"])]


class PuTTY(_Program):
    """PuTTY's `psftp`, which lets a server have the choice of everything that it knows."""

    name = "PuTTY"
    tried = frozenset({SIGNATURE})
    # All that it may have in such a list. What stands after WARN it would ask about, and a batch ends there.
    _SESSION = {
        "Cipher": "chacha20,aesgcm,aes,blowfish,3des,arcfour,des,WARN",
        "KEX": "ntru-curve25519,ecdh,dh-gex-sha1,dh-group18-sha512,dh-group17-sha512,dh-group16-sha512,"
        "dh-group15-sha512,dh-group14-sha1,dh-group1-sha1,rsa,WARN",
        "HostKey": "ed25519,ed448,ecdsa,rsa,dsa,WARN",
        "SshProt": "3",
    }

    @property
    def version(self) -> str:
        return printed_version("psftp", "-V") if shutil.which("puttygen", path=PATH) else ""

    def prepare(self, keys: Keys) -> None:
        self.keys = keys
        sessions = keys.folder / "putty" / "sessions"
        sessions.mkdir(parents=True)
        for compression in ("0", "1"):
            values = self._SESSION | {"Compression": compression}
            (sessions / f"all{compression}").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
        authorities = keys.folder / "putty" / "sshhostcas"
        authorities.mkdir()
        (authorities / "ca").write_text(f"PublicKey={keys.authority.split()[1]}\nValidity=*\n")
        self._trusted = []
        for name in KINDS:
            key = keys.folder / f"user_{name}"
            subprocess.run(["puttygen", str(key), "-O", "private", "-o", f"{key}.ppk"], capture_output=True)
            told = subprocess.run(
                ["ssh-keygen", "-lf", str(keys.folder / f"host_{name}.pub")], capture_output=True, text=True
            )
            self._trusted += ["-hostkey", told.stdout.split()[1]]

    @cached_property
    def _known(self) -> dict[str, frozenset[str]]:
        folder = self.keys.folder
        command = [
            "psftp",
            "-load",
            "all1",
            "-batch",
            *self._trusted,
            "-P",
            "PORT",
            "alice@127.0.0.1",
            "-b",
            os.devnull,
        ]
        return lists_of(command, environment(folder, PUTTYDIR=str(folder / "putty")))

    def speaks(self, kind: str, name: str) -> bool:
        if kind == SIGNATURE:
            return (self.keys.folder / f"user_{key_type(name)}.ppk").exists()
        return name in self._known[kind]

    def command(self, errand: Errand) -> Sequence[str]:
        session = "all0" if errand.cell.get(COMPRESSION) in ("", "none") else "all1"
        command = ["psftp", "-load", session, "-batch", "-noagent", *self._trusted, "-i", f"{errand.key}.ppk"]
        return [*command, "-P", str(errand.port), f"{errand.user}@127.0.0.1", "-b", "/dev/stdin"]
