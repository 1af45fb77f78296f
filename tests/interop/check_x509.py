"""
X.509 certificates that `openssl` has made, shown by asyncssh to the server, and by the server to asyncssh.

asyncssh knows the names of RFC 6187, with pyOpenSSL. For those of the draft before it there is no client here.
"""

import asyncio
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)

from bench.servers import Keys, free_port
from tests.auth.x509 import SERVER_AUTH, Issuer, name, pem, purpose
from tests.interop.driving import environment, need, need_package, run, wait_until
from tests.interop.programs import PROJECT, Program, listens

_PAGE = (PROJECT / "docs" / "x509.md").read_text(encoding="utf-8")
_HOST = "sftp.example.com"
SERVER = """
from twisted.application.service import Application
from conchsftp import SFTPServer

application = Application("files")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="users.toml",
    trusted_x509_certificates="ca.pem",
    x509_revocation_lists="lists.pem",
    ssh_public_key_algorithms=ALGORITHMS + ["ssh-ed25519"],
    ssh_pub_key_auth_sig_algorithms=ALGORITHMS,
)
server.alt_ssh_cert_count = 5
for number, name in enumerate(("host-p256", "host-p384", "host-p521", "host-rsa", "host-dsa")):
    server.alt_ssh_cert_store[number] = name + ".p12"
    server.alt_ssh_cert_store_password[number] = "secret"
server.setServiceParent(application)
"""
# algorithm → key
ALGORITHMS = {
    "x509v3-ecdsa-sha2-nistp256": "p256",
    "x509v3-ecdsa-sha2-nistp384": "p384",
    "x509v3-ecdsa-sha2-nistp521": "p521",
    "x509v3-rsa2048-sha256": "rsa",
    "x509v3-ssh-rsa": "rsa",
    "x509v3-ssh-dss": "dsa",
}
_KINDS = {
    "p256": "ec -pkeyopt ec_paramgen_curve:P-256",
    "p384": "ec -pkeyopt ec_paramgen_curve:P-384",
    "p521": "ec -pkeyopt ec_paramgen_curve:P-521",
    "rsa": "rsa:2048",
    "dsa": "dsa:group.pem",
}


class Authority(Program):
    """A server that trusts a CA, whose certificates it has itself; alice is `CN=alice,O=Example`."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        self.folder = folder
        make = "openssl req -x509 -newkey rsa:2048 -noenc -subj /O=Example/CN=ca -days 9 -keyout ca.key -out ca.pem"
        run(make.split(), folder)
        group = "openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024 -out group.pem"
        run([*group.split(), "-pkeyopt", "dsa_paramgen_q_bits:160"], folder)
        extension, config = re.findall(r"```ini\n(.*?)```", _PAGE, re.DOTALL)
        (folder / "user.ext").write_text(extension)
        (folder / "ca.cnf").write_text(config)
        (folder / "host.ext").write_text(f"subjectAltName = DNS:{_HOST}\n")
        for kind in _KINDS:
            self.issue(f"user-{kind}", kind, "/O=Example/CN=alice", "user.ext")
            self.issue(f"host-{kind}", kind, f"/CN={_HOST}", "host.ext")
            pack = f"openssl pkcs12 -export -inkey host-{kind}.key -in host-{kind}.pem -certfile ca.pem"
            run([*pack.split(), "-out", f"host-{kind}.p12", "-passout", "pass:secret"], folder)
        self.reset()
        super().__init__(SERVER.replace("ALGORITHMS", repr(list(ALGORITHMS))), folder, keys, exempt=True)
        self.reset()

    def issue(self, name: str, kind: str, subject: str, extensions: str) -> None:
        """Make a key and its certificate."""
        make = f"openssl req -newkey {_KINDS[kind]} -noenc -keyout {name}.key -out {name}.csr -subj {subject}"
        run(make.split(), self.folder)
        sign = f"openssl x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -days 9 -extfile {extensions}"
        run([*sign.split(), "-out", f"{name}.pem"], self.folder)

    def reset(self) -> None:
        """Nothing is revoked, and alice is alice."""
        (self.folder / "users.toml").write_text('[alice]\nx509 = ["CN=alice, O=Example"]\n[bob]\n')
        (self.folder / "index.txt").write_text("")
        self.list_revoked()

    def list_revoked(self, *certificates: str) -> None:
        command = "openssl ca -config ca.cnf -cert ca.pem -keyfile ca.key".split()
        for each in certificates:
            run([*command, "-revoke", each], self.folder)
        run([*command, "-gencrl", "-out", "lists.pem"], self.folder)

    def lets_in(self, key: str, *, user: str = "alice", certificate: str = "", **options: Any) -> bool:
        """Return whether asyncssh gets in with a certificate."""
        pair = str(self.folder / f"{key}.key"), str(self.folder / (certificate or f"{key}.pem"))
        try:
            asyncio.run(_log_in(self.port, username=user, client_keys=[pair], **options))
        except asyncssh.PermissionDenied:
            return False
        return True


async def _log_in(port: int, **options: Any) -> str:
    """Log in with asyncssh, look around, and return how the server has signed."""
    options = {"known_hosts": None, "agent_path": None, "config": None, **options}
    async with asyncssh.connect("127.0.0.1", port, **options) as connection, connection.start_sftp_client() as sftp:
        assert await sftp.realpath(".") == "/"
        return str(connection.get_extra_info("host_key_alg", ""))


@pytest.fixture(scope="module")
def ca(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    need("openssl")
    need_package("OpenSSL")
    server = Authority(tmp_path_factory.mktemp("x509"), keys)
    yield server
    server.end()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def check_user(ours: None, ca: Authority, algorithm: str) -> None:
    """alice gets in with her certificate by every name of RFC 6187, and nobody else does with it."""
    key = f"user-{ALGORITHMS[algorithm]}"
    before = len(ca.said())
    assert ca.lets_in(key, signature_algs=[algorithm])
    wait_until(lambda: f"'alice' logged in by publickey '{algorithm}'" in ca.said()[before:])
    assert not ca.lets_in(key, signature_algs=[algorithm], user="bob")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def check_host(ours: None, ca: Authority, algorithm: str) -> None:
    """asyncssh trusts the server by its certificate alone, for its name alone, and not by that of another CA."""
    trusted = asyncssh.load_certificates(str(ca.folder / "ca.pem"))
    other = asyncssh.import_certificate(pem(Issuer("ca").certificate))
    user = str(ca.folder / "user-p256.key"), str(ca.folder / "user-p256.pem")

    def connect(host: str, certificates: list[Any]) -> None:
        known: Any = ([], [], [], certificates, [], [], [])
        chosen = {"server_host_key_algs": [algorithm], "host_key_alias": host, "known_hosts": known}
        asyncio.run(_log_in(ca.port, username="alice", client_keys=[user], **chosen))

    connect(_HOST, trusted)
    for host, certificates in (("other.example.com", trusted), (_HOST, [other])):
        with pytest.raises(asyncssh.HostKeyNotVerifiable):
            connect(host, certificates)


def check_refused(ours: None, ca: Authority) -> None:
    """What is forged, expired, for something else, or one of a CA lets nobody in; nor does a bare key."""
    issuer = Issuer("ca", private=load_pem_private_key((ca.folder / "ca.key").read_bytes(), None))
    issuer.name = x509.load_pem_x509_certificate((ca.folder / "ca.pem").read_bytes()).subject
    public = load_pem_public_key(run("openssl pkey -in user-p256.key -pubout".split(), ca.folder).encode())
    now = time.time()
    dates = {"after": now - 100, "before": now + 100}
    forged = Issuer("ca")
    forged.name = issuer.name
    for label, issued, reason in (
        ("good", issuer.issue(public, **dates), ""),
        ("forged", forged.issue(public, **dates), "has not signed"),
        ("expired", issuer.issue(public, after=now - 100, before=now - 50), "expired"),
        ("early", issuer.issue(public, after=now + 50, before=now + 100), "not valid yet"),
        ("server", issuer.issue(public, None, [purpose(SERVER_AUTH)], **dates), "extendedKeyUsage"),
        ("ca-self", issuer.issue(public, None, [(x509.BasicConstraints(True, None), True)], **dates), "one of a CA"),
        ("stranger", issuer.issue(public, name("mallory"), **dates), "not one of the user's"),
    ):
        (ca.folder / f"{label}.pem").write_text(pem(issued))
        assert ca.lets_in("user-p256", certificate=f"{label}.pem") is not reason, label
        assert reason in ca.said().splitlines()[-3] + ca.said().splitlines()[-2], label


def check_revoked(ours: None, ca: Authority) -> None:
    """What the CA revokes by `openssl ca` is refused from the next login on."""
    try:
        ca.list_revoked("user-p256.pem")
        assert not ca.lets_in("user-p256") and ca.lets_in("user-p384")
        (ca.folder / "lists.pem").write_text("nothing\n")
        assert not ca.lets_in("user-p384")
    finally:
        ca.reset()
    assert ca.lets_in("user-p256")


def check_walk_through(ours: None, ca: Authority, tmp_path: Path, keys: Keys) -> None:
    """The commands of docs/x509.md, in their order: alice gets in, until she is revoked; the server shows its own."""
    need("twistd", "openssl")
    written = re.findall(r"^\$ (.*)$", _PAGE, re.MULTILINE)
    make_ca, request, sign, subject, serve, begin, revoke, make_list, host, sign_host, pack, serve_host = written
    for file in ("user.ext", "ca.cnf"):
        (tmp_path / file).write_text((ca.folder / file).read_text())
    (tmp_path / "files").mkdir()
    (tmp_path / "host_key").write_bytes(keys.host.read_bytes())
    (tmp_path / "host_key").chmod(0o600)
    for command in (
        f"{make_ca} -passout pass:secret",
        f"{request} -passout pass:secret",
        f"{sign} -passin pass:secret",
    ):
        run(["sh", "-c", command], tmp_path)
    said = run(["sh", "-c", subject], tmp_path).strip()
    assert said in _PAGE
    (tmp_path / "users.toml").write_text(f'[alice]\nx509 = ["{said.removeprefix("subject=")}"]\n')
    pair = str(tmp_path / "alice.key"), str(tmp_path / "alice.pem")
    alice: dict[str, Any] = {"username": "alice", "client_keys": [pair], "passphrase": "secret"}
    with _Served(serve, tmp_path) as port:
        asyncio.run(_log_in(port, **alice))
    for command in (begin, f"{make_list} -passin pass:secret"):
        run(["sh", "-c", command], tmp_path)
    with _Served(f"{serve} --x509-revocation-lists lists.pem", tmp_path) as port:
        asyncio.run(_log_in(port, **alice))
        for command in (revoke, make_list):
            run(["sh", "-c", f"{command} -passin pass:secret"], tmp_path)
        with pytest.raises(asyncssh.PermissionDenied):
            asyncio.run(_log_in(port, **alice))
    for command in (host, f"{sign_host} -passin pass:secret", f"{pack} -passout pass:secret"):
        run(["sh", "-c", command], tmp_path)
    (tmp_path / "sftp.conf").write_text("SSHCertStorePassword=secret\n")
    (tmp_path / "sftp.conf").chmod(0o600)
    trusted = asyncssh.load_certificates(str(tmp_path / "ca.pem"))
    known: Any = ([], [], [], trusted, [], [], [])
    with _Served(f"{serve_host} --trusted-x509-certificates ca.pem", tmp_path) as port:
        asyncio.run(_log_in(port, **alice, known_hosts=known, host_key_alias=_HOST))


class _Served:
    """A server that a command of the page starts, at a free port."""

    def __init__(self, command: str, folder: Path) -> None:
        self._port = free_port()
        at = f"tcp:{self._port}:interface=127.0.0.1"
        self._words = command.replace("/srv/files", "files").replace("tcp:2222", at).split()
        self._folder = folder

    def __enter__(self) -> int:
        place = environment(self._folder, PYTHONPATH=str(PROJECT))
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._words, cwd=self._folder, env=place, stdout=log, stderr=log)
        wait_until(lambda: self._process.poll() is not None or listens(self._port))
        assert self._process.poll() is None, (self._folder / "log").read_text()
        return self._port

    def __exit__(self, *problem: object) -> None:
        self._process.terminate()
        self._process.wait(60)
        assert "Traceback" not in (self._folder / "log").read_text()
