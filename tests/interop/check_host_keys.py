"""
Host keys out of key stores that OpenSSL, OpenSSH and PuTTY have made, as OpenSSH's clients see them.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.servers import Keys, free_port
from conchsftp.ssh.keys.certificate import Certificate
from conchsftp.ssh.keys.stores import load
from tests.interop.driving import environment, need, run, wait_until
from tests.interop.programs import listens

_PROJECT = Path(__file__).parents[2]
_PROGRAM = Path(__file__).with_name("host_key_server.py")
_SUBJECT = "/C=US/ST=Some State/O=Example, Inc./CN=www.example.com"


@dataclass(frozen=True, slots=True)
class Running:
    """The server: where its keys lie, and its port."""

    folder: Path
    port: int

    def public(self, name: str) -> str:
        """Return kind and key of a private key, as ssh-keygen tells them."""
        password = "secret" if name == "other" else ""
        return " ".join(run(["ssh-keygen", "-y", "-P", password, "-f", name], self.folder).split()[:2])

    def scanned(self, address: str) -> set[str]:
        """Return kind and key of every host key at an address, as ssh-keyscan sees them."""
        kinds = "rsa,ecdsa,ed25519"
        command = ["ssh-keyscan", "-p", str(self.port), "-t", kinds, address]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(self.folder))
        return {" ".join(line.split()[1:3]) for line in ended.stdout.splitlines()}

    def get(self, address: str, key: str, *options: str, code: int = 0) -> str:
        """Fetch a file with OpenSSH's `sftp`, which knows one key only and checks its signature."""
        (self.folder / "known").write_text(f"[{address}]:{self.port} {key}\n")
        known = ["-F", "none", "-oUserKnownHostsFile=known", "-oGlobalKnownHostsFile=/dev/null"]
        strict = ["-oStrictHostKeyChecking=yes", "-oUpdateHostKeys=no", "-oBatchMode=yes", *options]
        proof = ["-i", "key", "-oIdentitiesOnly=yes", "-oIdentityAgent=none"]
        command = ["sftp", *known, *strict, *proof, "-b", "-", "-P", str(self.port), f"alice@{address}"]
        return run(command, self.folder, text="ls\n", code=code)


def _make(folder: Path, keys: Keys) -> None:
    for name, kind, password in (
        ("ed25519", ["ed25519"], ""),
        ("ecdsa", ["ecdsa"], ""),
        ("other", ["ed25519"], "secret"),
    ):
        run(["ssh-keygen", "-q", "-t", *kind, "-N", password, "-f", name], folder)
    make = "openssl req -x509 -newkey rsa:2048 -nodes -keyout rsa -out rsa.crt -days 2 -subj".split()
    run([*make, _SUBJECT, "-addext", "subjectAltName=DNS:example.com"], folder)
    (folder / "rsa").chmod(0o600)
    run("openssl pkcs12 -export -inkey rsa -in rsa.crt -passout pass:secret -out rsa.p12".split(), folder)
    run(["puttygen", "ecdsa", "-O", "private", "-o", "ecdsa.ppk"], folder)
    shutil.copy(keys.client, folder / "key")
    (folder / "files").mkdir()
    (folder / "users.toml").write_text(f'[alice]\nkeys = ["{keys.public(keys.client)}"]\n')
    (folder / "users.toml").chmod(0o600)


@pytest.fixture(scope="module")
def running(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server with its three keys."""
    need("ssh", "sftp", "ssh-keygen", "ssh-keyscan", "openssl", "puttygen")
    folder, port = tmp_path_factory.mktemp("host_keys"), free_port()
    _make(folder, keys)
    command = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-ny", str(_PROGRAM)]
    log = folder / "log"
    with log.open("wb") as file:
        variables = environment(folder, PYTHONPATH=str(_PROJECT), PORT=str(port))
        process = subprocess.Popen([*command, "--pidfile="], cwd=folder, env=variables, stdout=file, stderr=file)
    try:
        wait_until(lambda: process.poll() is not None or listens(port))
        assert process.poll() is None, log.read_text()
        yield Running(folder, port)
    finally:
        process.terminate()
        process.wait(60)
    assert "Traceback" not in log.read_text()


def check_every_key(ours: None, running: Running) -> None:
    """ssh-keyscan finds the key of each store: PKCS#12, PuTTY's, and one that was given as text."""
    assert running.scanned("127.0.0.1") == {running.public(name) for name in ("rsa", "ecdsa", "ed25519")}


@pytest.mark.parametrize("name", ["rsa", "ecdsa", "ed25519"])
def check_login(ours: None, running: Running, name: str) -> None:
    """Who knows one of the keys only is served by that, with a signature that OpenSSH takes."""
    running.get("127.0.0.1", running.public(name))


def check_another_address(ours: None, running: Running) -> None:
    """A handler of Connected has another key for another address, and only that."""
    assert running.scanned("127.0.0.2") == {running.public("other")}
    running.get("127.0.0.2", running.public("other"))
    said = running.get("127.0.0.2", running.public("ed25519"), code=255)
    assert "HOST IDENTIFICATION HAS CHANGED" in said or "verification failed" in said


def check_unusable(ours: None, running: Running) -> None:
    """A key that cannot be opened refuses its connections, and the others go on."""
    running.get("127.0.0.3", running.public("other"), code=255)
    said = (running.folder / "log").read_text()
    assert "password is wrong" in said and "secret" not in said
    running.get("127.0.0.1", running.public("ed25519"))


def _hex(text: str) -> str:
    return text.strip().rpartition("=")[2].lower()


def check_certificate(ours: None, running: Running) -> None:
    """The facts of the certificate are those that openssl x509 tells."""
    found = load(running.folder / "rsa.p12", 99, "secret")
    for option, value in (
        ("-md5", found.thumbprint_md5),
        ("-sha1", found.thumbprint_sha1),
        ("-sha256", found.thumbprint_sha256),
    ):
        assert (
            _hex(run(["openssl", "x509", "-in", "rsa.crt", "-noout", "-fingerprint", option], running.folder)) == value
        )
    serial = run("openssl x509 -in rsa.crt -noout -serial".split(), running.folder)
    assert _hex(serial) == found.serial_number.lower()
    name = run("openssl x509 -in rsa.crt -noout -subject -nameopt RFC2253".split(), running.folder).strip()
    assert name == "subject=CN=www.example.com,O=Example\\, Inc.,ST=Some State,C=US"
    assert found.subject == 'CN=www.example.com, O="Example, Inc.", S=Some State, C=US'
    text = run("openssl x509 -in rsa.crt -noout -text".split(), running.folder)
    assert f"Signature Algorithm: {found.signature_algorithm}" in text
    assert f"Public-Key: ({found.public_key_length} bit)" in text
    assert f"DNS:{found.subject_alt_names}" in text
    dates = run("openssl x509 -in rsa.crt -noout -dates".split(), running.folder)
    assert found.effective_date[3:6] in dates and found.effective_date[7:11] in dates


@pytest.mark.parametrize("name", ["rsa", "ecdsa", "ed25519"])
def check_fingerprints(ours: None, running: Running, name: str) -> None:
    """Fingerprint, length and kind are those that ssh-keygen -l tells."""
    found: Certificate = load(running.folder / name)
    (running.folder / f"{name}.line").write_text(running.public(name))
    said = run(["ssh-keygen", "-l", "-E", "md5", "-f", f"{name}.line"], running.folder).split()
    assert (said[0], said[1]) == (str(found.public_key_length), f"MD5:{found.fingerprint}")
    assert said[-1] == f"({found.public_key_algorithm.upper()})"
