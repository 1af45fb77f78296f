"""
Key stores that other programs have made: on a token (SoftHSM), by Java's keytool, OpenSSL, OpenSSH and PuTTY.
"""

import shutil
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.servers import Keys, free_port
from conchsftp.errors import ServerError
from conchsftp.ssh.keys.stores import load
from tests.interop.driving import environment, need, need_package, run, unavailable, wait_until
from tests.interop.programs import listens

_PROJECT = Path(__file__).parents[2]
_VECTORS = _PROJECT / "tests" / "ssh" / "vectors"
_PROGRAM = Path(__file__).with_name("key_store_server.py")
_MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/lib/libsofthsm2.so")
_PIN = "271828"
_TOKEN_KEYS = {"p256": "EC:prime256v1", "ed25519": "EC:edwards25519", "rsa": "rsa:2048"}


@dataclass(frozen=True, slots=True)
class Running:
    """The server: where its files lie, its port, and what the token's library is."""

    folder: Path
    port: int
    module: str

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.folder / "log").read_text()

    def scanned(self, address: str) -> set[str]:
        """Return kind and key of every host key at an address, as ssh-keyscan sees them."""
        command = ["ssh-keyscan", "-p", str(self.port), "-t", "rsa,ecdsa,ed25519", address]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(self.folder))
        return {" ".join(line.split()[1:3]) for line in ended.stdout.splitlines()}

    def get(self, address: str, keys: set[str], kind: str) -> str:
        """List files with OpenSSH's `sftp`, which takes the key of one kind of those and checks its signature."""
        found = next(key for key in keys if key.startswith(kind))
        (self.folder / "known").write_text(f"[{address}]:{self.port} {found}\n")
        known = ["-F", "none", "-oUserKnownHostsFile=known", "-oGlobalKnownHostsFile=/dev/null"]
        strict = ["-oStrictHostKeyChecking=yes", "-oUpdateHostKeys=no", "-oBatchMode=yes"]
        proof = ["-i", "key", "-oIdentitiesOnly=yes", "-oIdentityAgent=none"]
        command = ["sftp", *known, *strict, *proof, "-b", "-", "-P", str(self.port), f"alice@{address}"]
        return run(command, self.folder, text="ls\n")


def _make(folder: Path, keys: Keys, module: str) -> None:
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    variables = {"SOFTHSM2_CONF": str(folder / "softhsm2.conf")}
    init = ["softhsm2-util", "--init-token", "--free", "--label", "host keys", "--so-pin", "12345678", "--pin", _PIN]
    run(init, folder, **variables)
    tool = ["pkcs11-tool", "--module", module, "--token-label", "host keys", "--login", "--pin", _PIN, "--keypairgen"]
    for number, (label, kind) in enumerate(_TOKEN_KEYS.items(), 1):
        run([*tool, "--key-type", kind, "--id", f"0{number}", "--label", label], folder, **variables)
    shutil.copy(keys.client, folder / "key")
    (folder / "files").mkdir()
    (folder / "users.toml").write_text(f'[alice]\nkeys = ["{keys.public(keys.client)}"]\n')
    (folder / "users.toml").chmod(0o600)


def _begin_java(folder: Path) -> subprocess.Popen[bytes]:
    """Let keytool make a key and show its certificate; Java takes its time, twice, while we do other things."""
    store = "-alias host -keystore java.jks -storepass secret1"
    make = f"keytool -genkeypair {store} -keyalg EC -groupname secp256r1 -dname CN=java.example -storetype JKS"
    script = f"{make} -keypass secret1 && keytool -exportcert -rfc {store} -file java.crt"
    with (folder / "keytool").open("wb") as file:
        return subprocess.Popen(["sh", "-c", script], cwd=folder, env=environment(folder), stdout=file, stderr=file)


@pytest.fixture(scope="module")
def running(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server with its keys on a token."""
    need("ssh", "sftp", "ssh-keygen", "ssh-keyscan", "openssl", "softhsm2-util", "pkcs11-tool", "keytool")
    module = next((path for path in _MODULES if Path(path).exists()), None)
    if module is None:
        unavailable("missing: libsofthsm2.so")
    assert module is not None
    folder, port = tmp_path_factory.mktemp("key_stores"), free_port()
    java = _begin_java(folder)
    _make(folder, keys, module)
    command = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-ny", str(_PROGRAM)]
    more = {"PYTHONPATH": str(_PROJECT), "PORT": str(port), "MODULE": module}
    with (folder / "log").open("wb") as file:
        variables = environment(folder, SOFTHSM2_CONF=str(folder / "softhsm2.conf"), **more)
        process = subprocess.Popen([*command, "--pidfile="], cwd=folder, env=variables, stdout=file, stderr=file)
    try:
        wait_until(lambda: process.poll() is not None or listens(port))
        running = Running(folder, port, module)
        assert process.poll() is None, running.log
        assert java.wait(60) == 0, (folder / "keytool").read_text()
        yield running
    finally:
        java.kill()
        java.wait()
        process.terminate()
        ended = process.wait(60)
    assert ended in (0, -signal.SIGTERM), running.log
    assert "Traceback" not in running.log
    assert _PIN not in running.log


def check_token(ours: None, running: Running) -> None:
    """Clients see the keys that OpenSSH itself reads from the token, and Ed25519 besides; each proves itself."""
    said = run(["ssh-keygen", "-D", running.module], running.folder, SOFTHSM2_CONF=f"{running.folder}/softhsm2.conf")
    theirs = {" ".join(line.split()[:2]) for line in said.splitlines() if line.startswith(("ssh-rsa", "ecdsa-"))}
    seen = running.scanned("127.0.0.1")
    assert theirs <= seen
    assert {key.split()[0] for key in seen - theirs} == {"ssh-ed25519"}
    for kind in ("ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256"):
        running.get("127.0.0.1", seen, kind)


def check_java(ours: None, running: Running) -> None:
    """The key of Java's store is the one in the certificate that keytool exports."""
    _need_jks()
    (running.folder / "java.pub").write_text(run("openssl x509 -in java.crt -noout -pubkey".split(), running.folder))
    told = run("ssh-keygen -i -m PKCS8 -f java.pub".split(), running.folder)
    seen = running.scanned("127.0.0.2")
    assert seen == {" ".join(told.split()[:2])}
    running.get("127.0.0.2", seen, "ecdsa")


@pytest.mark.parametrize("store", ["ec.jks", "ec.jceks"])
def check_java_kinds(ours: None, store: str) -> None:
    """Both of Java's formats are read by the real extra; what is wrong or was changed is refused, in little memory."""
    _need_jks()
    data = (_VECTORS / store).read_bytes()
    found = load(data, 99, "secret1", "host")
    assert (found.subject, found.private_key_available) == ("CN=java.example", True)
    for password in ("hunter2", "", "pässwörd", b"\xff"):
        assert _refused(data, password)
    tracemalloc.start()
    try:
        for at in (*range(60), *range(60, len(data), 29)):
            assert _refused(data[:at] + bytes((data[at] ^ 0xFF,)) + data[at + 1 :], "secret1")
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def _refused(data: bytes, password: str | bytes) -> bool:
    with pytest.raises(ServerError) as raised:
        load(data, 5, password)
    return raised.value.code == 1301 and "\n" not in raised.value.text


def _need_jks() -> None:
    need_package("jks")


def check_unplugged(ours: None, running: Running) -> None:
    """Without its token the server proves itself to nobody and says why; with it, it goes on."""
    tokens, away = running.folder / "tokens", running.folder / "away"
    seen = running.scanned("127.0.0.1")
    tokens.rename(away)
    tokens.mkdir()
    assert running.scanned("127.0.0.1") == set()
    assert "no proof by the host key" in running.log
    tokens.rmdir()
    away.rename(tokens)
    running.get("127.0.0.1", seen, "ssh-ed25519")


# What makes `key`, with the password `secret` where it has one.
_MADE = (
    "openssl genpkey -algorithm ed25519 -aes256 -pass pass:secret -out key",
    "openssl genpkey -algorithm ed448 -out key",
    "openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-521 -out key",
    "openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -des3 -pass pass:secret -outform DER -out key",
    "ssh-keygen -q -t ecdsa -b 384 -N secret -m PEM -f key",
    "ssh-keygen -q -t ecdsa -b 256 -N secret -m PKCS8 -f key",
    # It would take seconds to find numbers for a new DSA key.
    f"puttygen {_VECTORS}/dsa.v2.enc.ppk --old-passphrase password --new-passphrase password -O private-openssh -o key",
)
_CIPHERS = (
    *("3des-cbc", "chacha20-poly1305@openssh.com"),
    *(f"aes{bits}-{mode}" for bits in (128, 192, 256) for mode in ("cbc", "ctr")),
    *(f"aes{bits}-gcm@openssh.com" for bits in (128, 256)),
)


@pytest.mark.parametrize("cipher", _CIPHERS)
def check_ciphers(ours: None, tmp_path: Path, cipher: str) -> None:
    """OpenSSH's keys are read under each cipher, with their comment."""
    need("ssh-keygen")
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-a", "2", "-N", "secret", "-C", "a host", "-Z", cipher, "-f", "key"]
    run(make, tmp_path)
    found = load(tmp_path / "key", 99, "secret")
    assert (found.subject, found.private_key_available) == ("a host", True)
    assert f"MD5:{found.fingerprint}" in run("ssh-keygen -l -E md5 -f key.pub".split(), tmp_path)


@pytest.mark.parametrize("command", _MADE)
def check_made(ours: None, tmp_path: Path, command: str) -> None:
    """What programs write is read with its password, and its public key is the one that OpenSSL finds."""
    need("openssl", "ssh-keygen", "puttygen")
    (tmp_path / "password").write_text("secret\n")
    run(command.split(), tmp_path)
    found = load(tmp_path / "key", 99, "secret")
    assert found.private_key_available
    (tmp_path / "clear").write_text(str(found.private_key.reveal()))
    assert run("openssl pkey -in clear -pubout".split(), tmp_path) == found.public_key
    if "ssh-keygen" in command:
        said = run("ssh-keygen -l -E md5 -f key.pub".split(), tmp_path).split()
        assert (said[0], said[1]) == (str(found.public_key_length), f"MD5:{found.fingerprint}")


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "ed448"])
@pytest.mark.parametrize("how", ["version=2", "kdf=argon2id", "kdf=argon2i", "kdf=argon2d"])
def check_putty(ours: None, tmp_path: Path, kind: str, how: str) -> None:
    """Keys that puttygen has encrypted in each of its ways are read, with their comment."""
    need("puttygen")
    (tmp_path / "password").write_text("secret\n")
    make = ["puttygen", "-q", "-t", kind, "-C", "a key", "--new-passphrase", "password", "-o", "key.ppk"]
    weak = how if how == "version=2" else f"{how},memory=1024,passes=2"
    run([*make, "--random-device=/dev/urandom", "--ppk-param", weak], tmp_path)
    found = load(tmp_path / "key.ppk", 14, "secret")
    assert (found.subject, found.private_key_available) == ("a key", True)
    said = run("puttygen key.ppk -O fingerprint -E md5".split(), tmp_path).split()
    if kind != "ed448":
        assert found.fingerprint in said


_SANS = ",".join(
    [*(f"DNS:host{number}.example.com" for number in range(40)), "IP:2001:db8::1", "URI:sftp://example.com"]
)
_KINDS = {
    "ed25519": "genpkey -algorithm ed25519",
    "ecdsa": "genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-384",
    "rsa": "genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048",
}


@pytest.mark.parametrize("kind", _KINDS)
def check_facts(ours: None, tmp_path: Path, kind: str) -> None:
    """What is told of a certificate is what OpenSSL tells of it: of version 3 with all it can say, and of version 1."""
    need("openssl")

    def told(*options: str) -> str:
        return run(["openssl", "x509", "-in", "crt", "-noout", *options], tmp_path).strip()

    run(["openssl", *_KINDS[kind].split(), "-out", "key"], tmp_path)
    names = '/C=CA/ST=Québec/L=Montréal, Nord/O=A "B" & C/OU=x=y/CN=sftp.example.com/emailAddress=a@example.com'
    usage = "keyUsage=critical,digitalSignature,nonRepudiation,keyAgreement,encipherOnly,cRLSign"
    more = ["-addext", usage, "-addext", "extendedKeyUsage=serverAuth,1.2.3.4", "-addext", f"subjectAltName={_SANS}"]
    run(
        ["openssl", "req", "-x509", "-utf8", "-key", "key", "-subj", names, "-days", "9", *more, "-out", "crt"],
        tmp_path,
    )
    found = load((tmp_path / "key").read_text() + (tmp_path / "crt").read_text())
    assert found.subject == (
        'E=a@example.com, CN=sftp.example.com, OU=x=y, O="A ""B"" & C", L="Montréal, Nord", S=Québec, C=CA'
    )
    assert found.issuer == found.subject
    assert (found.version, found.usage_flags) == ("V3", 0x80 | 0x40 | 0x08 | 0x02 | 0x01)
    assert found.usage == "Digital Signature,Non-Repudiation,Key Agreement,CRL Signing,Encipher Only"
    assert found.extended_key_usage == "1.3.6.1.5.5.7.3.1,1.2.3.4"
    assert found.subject_alt_names.split(",")[-3:] == ["host39.example.com", "2001:db8::1", "sftp://example.com"]
    assert found.encoded == (tmp_path / "crt").read_text()
    assert found.public_key.strip() == told("-pubkey")
    assert (tmp_path / "key").read_text() == found.private_key.reveal()
    run(["openssl", "req", "-new", "-key", "key", "-subj", "/CN=old", "-out", "csr"], tmp_path)
    run("openssl x509 -req -in csr -signkey key -days 9 -out crt -set_serial 0x0102ff".split(), tmp_path)
    old = load((tmp_path / "crt").read_text())
    assert f"Signature Algorithm: {old.signature_algorithm}" in told("-text")
    if "Version: 1" in told("-text"):
        assert old.version == "V1"
    assert told("-serial") == f"serial={old.serial_number}"
    for option, value in (("-md5", old.thumbprint_md5), ("-sha256", old.thumbprint_sha256)):
        assert told("-fingerprint", option).partition("=")[2].lower() == value
    assert (old.usage, old.usage_flags, old.subject_alt_names, old.extended_key_usage) == ("", 0, "", "")
