"""
Certificates of users that `ssh-keygen` has made, shown by OpenSSH's sftp, asyncssh and paramiko; lists of revoked keys
that it has made; and the options of authorized_keys.
"""

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import paramiko
import pytest

from bench.servers import Keys, free_port
from tests.interop.check_keys import SK_PROVIDER, need_device
from tests.interop.driving import environment, need, run, wait_until
from tests.interop.programs import PROJECT, Program, listens

SERVER = """
from twisted.application.service import Application
from conchsftp import SFTPServer

application = Application("files")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="users.toml",
    trusted_user_ca_keys="trusted",
    revoked_keys="revoked",
)
server.setServiceParent(application)
"""
TYPES = ("ed25519", "ecdsa-256", "ecdsa-384", "ecdsa-521", "rsa-2048", "rsa-3072")


class Authority(Program):
    """A server that trusts the CA `ca`, knows alice and bob, and has revoked nothing."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        for kind in TYPES:
            self.generate(folder, kind, kind)
        for name in ("ca", "other_ca", "user"):
            self.generate(folder, name, "ed25519")
        self.folder = folder
        self.reset()
        super().__init__(SERVER, folder, keys, exempt=True)
        self.reset()

    def reset(self) -> None:
        """Begin anew: what a test has changed is no more."""
        self.write("users.toml", "[alice]\n[bob]\n")
        shutil.copy(self.folder / "ca.pub", self.folder / "trusted")
        self.write("revoked", "# nobody\n")

    @staticmethod
    def generate(folder: Path, name: str, kind: str) -> None:
        algorithm, _, bits = kind.partition("-")
        size = ["-b", bits] if bits else []
        run(["ssh-keygen", "-q", "-t", algorithm, *size, "-N", "", "-C", name, "-f", name], folder)

    def write(self, name: str, text: str) -> None:
        place = self.folder / name
        place.write_text(text)
        place.chmod(0o600)

    def public(self, name: str) -> str:
        """Return the line of a public key."""
        return (self.folder / f"{name}.pub").read_text().strip()

    def sign(self, *options: str, ca: str = "ca", key: str = "user", name: str = "alice") -> None:
        """Make a certificate for a key; without `name`, one that names nobody."""
        principals = ["-n", name] if name else []
        run(["ssh-keygen", "-q", "-s", ca, "-I", f"{key} of {name}", *principals, *options, f"{key}.pub"], self.folder)

    def lets_in(self, *options: str, key: str = "user", user: str = "alice", certificate: bool = True) -> bool:
        """Return whether OpenSSH's sftp gets in with a key and its certificate."""
        shown = [f"-oCertificateFile={key}-cert.pub"] if certificate else ["-oCertificateFile=none"]
        for place in (self.folder / "alone", self.folder / "alone-cert.pub"):
            place.unlink(missing_ok=True)
        if not certificate:
            # A certificate that lies beside its key is shown, whatever the options say.
            shutil.copy(self.folder / key, self.folder / "alone")
            key = "alone"
        code = 255
        try:
            said = run(
                ["sftp", "-F", "none", "-oUserKnownHostsFile=known", "-oStrictHostKeyChecking=accept-new"]
                + ["-oPreferredAuthentications=publickey", "-oIdentitiesOnly=yes", "-i", key, *shown, *options]
                + ["-b", "-", "-P", str(self.port), f"{user}@127.0.0.1"],
                self.folder,
                text="pwd\n",
            )
            code = 0
        except AssertionError as failure:
            said = str(failure)
            assert "ended with 255" in said and "Permission denied" in said, said
        return code == 0

    def last(self, word: str) -> str:
        """Return the last line of the log about a certificate that has a word."""
        return [line for line in self.said().splitlines() if word in line and "-cert-v01@" in line][-1]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Authority]:
    """One server for all tests here."""
    need("sftp", "ssh-keygen")
    running = Authority(tmp_path_factory.mktemp("authority"), keys)
    yield running
    running.end()


@pytest.fixture
def ca(ours: None, running: Authority) -> Authority:
    """The server as it is at first."""
    running.reset()
    return running


@pytest.mark.parametrize("kind", TYPES)
def check_types(ca: Authority, kind: str) -> None:
    """Every type of key is certified by every type of CA; only for whom it names, and not without its certificate."""
    for authority in TYPES:
        shutil.copy(ca.folder / f"{authority}.pub", ca.folder / "trusted")
        ca.sign(ca=authority, key=kind)
        assert ca.lets_in(key=kind), authority
    assert not ca.lets_in(key=kind, user="bob")
    assert not ca.lets_in(key=kind, certificate=False)
    shutil.copy(ca.folder / "other_ca.pub", ca.folder / "trusted")
    assert not ca.lets_in(key=kind)


def check_rsa_signatures(ca: Authority) -> None:
    """With RSA the client chooses how it signs; a CA that signs with SHA-1 is not believed."""
    ca.sign(key="rsa-2048")
    for algorithm in ("rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com"):
        plain = algorithm.removesuffix("-cert-v01@openssh.com")
        assert ca.lets_in(f"-oPubkeyAcceptedAlgorithms={algorithm},{plain}", key="rsa-2048")
        assert algorithm in ca.last("logged in")
    shutil.copy(ca.folder / "rsa-2048.pub", ca.folder / "trusted")
    for algorithm, lets_in in (("rsa-sha2-256", True), ("rsa-sha2-512", True), ("ssh-rsa", False)):
        ca.sign("-t", algorithm, ca="rsa-2048")
        assert ca.lets_in() is lets_in
    assert "CASignatureAlgorithms" in ca.last("refused")


def check_names(ca: Authority) -> None:
    """A certificate names its users, one that names nobody is nobody's; the log of a login says what OpenSSH's does."""
    ca.sign("-z", "4711", name="bob,alice")
    assert ca.lets_in() and ca.lets_in(user="bob")
    assert "ID 'user of bob,alice' (serial 4711) CA ssh-ed25519 SHA256:" in ca.last("logged in")
    ca.sign(name="bob")
    assert not ca.lets_in()
    ca.sign(name="")
    assert not ca.lets_in()
    assert "names nobody" in ca.last("refused")
    ca.write("users.toml", '[alice]\nprincipals = ["staff"]\n')
    ca.sign(name="staff")
    assert ca.lets_in()
    ca.sign(name="alice")
    assert not ca.lets_in()


def check_validity(ca: Authority) -> None:
    """Before its time and after it, a certificate is worth nothing."""
    for validity, lets_in in (
        ("-1d:+1d", True),
        ("always:forever", True),
        ("-2d:-1d", False),
        ("+1d:+2d", False),
        ("always:-1m", False),
    ):
        ca.sign("-V", validity)
        assert ca.lets_in() is lets_in, validity


def check_options(ca: Authority) -> None:
    """Critical options are carried out or refuse the certificate; extensions do neither."""
    for options, lets_in in (
        (["source-address=127.0.0.0/8"], True),
        (["source-address=192.0.2.0/24,127.0.0.1"], True),
        (["source-address=192.0.2.0/24"], False),
        (["force-command=internal-sftp"], True),
        (["force-command=/usr/lib/openssh/sftp-server -l INFO"], True),
        (["force-command=internal-sftp -R"], False),
        (["force-command=/bin/sh"], False),
        (["verify-required"], False),
        (["critical:telepathy@example.org=yes"], False),
        (["extension:telepathy@example.org=yes"], True),
        (["clear"], True),
        (["no-touch-required", "no-pty"], True),
    ):
        ca.sign(*(part for option in options for part in ("-O", option)))
        assert ca.lets_in() is lets_in, options


def check_host_certificate(ca: Authority) -> None:
    """A certificate of a host is none of a user."""
    ca.sign("-h")
    # OpenSSH's client does not show one itself.
    assert not ca.lets_in()
    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(by_asyncssh(ca, "user"))
    assert "not a certificate of a user" in ca.last("refused")


def check_user_ca(ca: Authority) -> None:
    """A CA of one user alone: in the users file, and as a line with cert-authority."""
    ca.sign(ca="other_ca", name="alice,bob,staff")
    ca.write("users.toml", f"[alice]\nca_keys = ['{ca.public('other_ca')}']\n[bob]\n")
    assert ca.lets_in() and not ca.lets_in(user="bob")
    ca.write("users.toml", '[alice]\nkeys_file = "keys"\n')
    for options, lets_in in (
        ("cert-authority", True),
        ('cert-authority,principals="staff"', True),
        ('cert-authority,principals="ops"', False),
        ('cert-authority,from="192.0.2.1"', False),
        ("", False),
    ):
        ca.write("keys", f"{options} {ca.public('other_ca')}\n")
        assert ca.lets_in() is lets_in, options


def check_revoked(ca: Authority) -> None:
    """A list by `ssh-keygen -k` revokes keys, CAs, and certificates by number and by key id."""
    ca.sign("-z", "5")
    for spec, by, lets_in in (
        ("serial: 4\n", "ca", True),
        ("serial: 5\n", "ca", False),
        ("serial: 5\n", "other_ca", True),
        ("serial: 1-9\n", "ca", False),
        ("serial: 6-900\nserial: 1000\nserial: 2\n", "ca", True),
        ("serial: 2\nserial: 3\nserial: 5\nserial: 8\n", "ca", False),
        ("id: user of alice\n", "ca", False),
        ("id: user of bob\n", "ca", True),
        (f"key: {ca.public('user')}\n", "", False),
        (f"sha1: {ca.public('user')}\n", "", False),
        (f"sha256: {ca.public('user')}\n", "", False),
        (f"sha256: {ca.public('other_ca')}\n", "", True),
        (f"key: {ca.public('ca')}\n", "", False),
        (f"sha256: {ca.public('ca')}\n", "", False),
    ):
        ca.write("spec", spec)
        signed = ["-s", f"{by}.pub"] if by else []
        run(["ssh-keygen", "-q", "-k", "-f", "revoked", *signed, "spec"], ca.folder)
        assert ca.lets_in() is lets_in, spec


def check_revoked_certificate(ca: Authority) -> None:
    """A certificate can be given to `ssh-keygen -k` itself; a list may grow."""
    ca.sign("-z", "5")
    run(["ssh-keygen", "-q", "-k", "-f", "revoked", "user-cert.pub"], ca.folder)
    assert not ca.lets_in()
    ca.sign("-z", "6")
    assert ca.lets_in()
    run(["ssh-keygen", "-q", "-k", "-u", "-f", "revoked", "user-cert.pub"], ca.folder)
    assert not ca.lets_in()


def check_revoked_text(ca: Authority) -> None:
    """A text of public keys does as well; a file that cannot be read refuses everybody."""
    ca.sign()
    ca.write("users.toml", f"[alice]\nkeys = ['{ca.public('user')}']\n")
    assert ca.lets_in() and ca.lets_in(certificate=False)
    ca.write("revoked", f"# gone\n{ca.public('ca')}\n")
    # OpenSSH's client goes on with the bare key, which is still good.
    assert ca.lets_in()
    assert "the key of the CA is revoked" in ca.last("refused")
    ca.write("revoked", f"{ca.public('user')}\n")
    assert not ca.lets_in() and not ca.lets_in(certificate=False)
    ca.write("revoked", "serial: 5\n")
    assert not ca.lets_in(certificate=False)
    (ca.folder / "revoked").unlink()
    assert not ca.lets_in(certificate=False)
    ca.write("revoked", "")
    assert ca.lets_in(certificate=False)


def check_authorized_keys(ca: Authority) -> None:
    """The options of authorized_keys, in a file; a key that is refused is told with its line."""
    ca.write("users.toml", '[alice]\nkeys_file = "keys"\n')
    for options, lets_in in (
        ("", True),
        ("restrict,pty", True),
        ('from="127.0.0.*,!127.0.0.2"', True),
        ('from="127.0.0.0/8,!127.0.0.1"', False),
        ('from="*.example.org"', False),
        ('expiry-time="20200101"', False),
        ('expiry-time="20990101Z"', True),
        ('command="internal-sftp"', True),
        ('command="/bin/sh"', False),
        ('environment="A=B",permitopen="localhost:1",no-port-forwarding', True),
        ("verify-required", False),
        ("telepathy", False),
    ):
        ca.write("keys", f"# mine\n{options} {ca.public('user')}\n")
        assert ca.lets_in(certificate=False) is lets_in, options
    assert "keys, line 2: key not accepted: the option 'telepathy' is not supported" in ca.said()


async def by_asyncssh(ca: Authority, key: str) -> None:
    """Log in as alice with asyncssh and a certificate."""
    pair = (str(ca.folder / key), str(ca.folder / f"{key}-cert.pub"))
    async with (
        asyncssh.connect(
            "127.0.0.1", ca.port, username="alice", client_keys=[pair], known_hosts=None, agent_path=None, config=None
        ) as connection,
        connection.start_sftp_client() as sftp,
    ):
        assert await sftp.realpath(".") == "/"


@pytest.mark.parametrize("kind", TYPES)
def check_asyncssh(ca: Authority, kind: str) -> None:
    """asyncssh gets in with a certificate, and not with an expired one."""
    ca.sign(key=kind)
    asyncio.run(by_asyncssh(ca, kind))
    ca.sign("-V", "-2d:-1d", key=kind)
    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(by_asyncssh(ca, kind))


@pytest.mark.parametrize("kind", TYPES)
def check_paramiko(ca: Authority, kind: str) -> None:
    """paramiko gets in with a certificate, and not with one for somebody else."""

    def log_in() -> None:
        key = paramiko.PKey.from_path(ca.folder / kind)
        key.load_certificate(str(ca.folder / f"{kind}-cert.pub"))
        with paramiko.SSHClient() as client:
            client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            client.connect("127.0.0.1", ca.port, "alice", pkey=key, allow_agent=False, look_for_keys=False)
            assert client.open_sftp().normalize(".") == "/"

    ca.sign(key=kind)
    log_in()
    ca.sign(key=kind, name="bob")
    with pytest.raises(paramiko.AuthenticationException):
        log_in()


def check_walk_through(ours: None, tmp_path: Path, keys: Keys) -> None:
    """The commands of docs/certificates.md, in their order: alice gets in, until her certificate is revoked."""
    need("sftp", "ssh-keygen", "twistd")
    page = (PROJECT / "docs" / "certificates.md").read_text(encoding="utf-8")
    written = re.findall(r"^\$ (.*)$", page, re.MULTILINE)
    make_ca, make_key, sign, begin, serve, log_in, by_number, by_name, by_key = written
    for command in (make_ca, make_key):
        run(["sh", "-c", f"{command} -q -N ''"], tmp_path)
    run(["sh", "-c", sign], tmp_path)
    (tmp_path / "files").mkdir()
    (tmp_path / "users.toml").write_text("[alice]\n")
    shutil.copy(keys.host, tmp_path / "host_key")
    run(["sh", "-c", begin], tmp_path)
    port = free_port()
    words = serve.replace("/srv/files", "files").replace("tcp:2222", f"tcp:{port}:interface=127.0.0.1").split()
    with (tmp_path / "log").open("wb") as log:
        place = environment(tmp_path, PYTHONPATH=str(PROJECT))
        server = subprocess.Popen(words, cwd=tmp_path, env=place, stdout=log, stderr=log)
    try:
        wait_until(lambda: listens(port))
        ask = log_in.replace("2222", str(port)).replace("sftp.example.com", "127.0.0.1").split()
        ask[1:1] = ["-oStrictHostKeyChecking=accept-new", "-oUserKnownHostsFile=known", "-F", "none", "-b", "-"]
        for revoke in (by_number, by_name, by_key):
            run(ask, tmp_path, text="pwd\n")
            assert "ID 'alice, laptop' (serial 1) CA ssh-ed25519" in (tmp_path / "log").read_text()
            run(["sh", "-c", revoke], tmp_path)
            run(ask, tmp_path, text="pwd\n", code=255)
            run(["sh", "-c", begin], tmp_path)
    finally:
        server.terminate()
        server.wait(60)


@pytest.mark.parametrize("kind", ["ed25519-sk", "ecdsa-sk"])
def check_security_keys(ca: Authority, kind: str) -> None:
    """A security key is certified, and is a CA; whether it has to be touched, the certificate says."""
    need_device()
    provider = {"SSH_SK_PROVIDER": str(SK_PROVIDER)}
    for name, options in ((kind, []), (f"{kind}-untouched", ["-O", "no-touch-required"])):
        command = ["ssh-keygen", "-q", "-t", kind, *options, "-N", "", "-f", name]
        run(command, ca.folder, **provider)
    device = f"-oSecurityKeyProvider={SK_PROVIDER}"
    for name, options, lets_in in (
        (kind, [], True),
        (kind, ["-O", "no-touch-required"], True),
        (kind, ["-O", "verify-required"], False),
        (f"{kind}-untouched", [], False),
        (f"{kind}-untouched", ["-O", "no-touch-required"], True),
    ):
        ca.sign(*options, key=name)
        assert ca.lets_in(device, key=name) is lets_in, (name, options)
    shutil.copy(ca.folder / f"{kind}.pub", ca.folder / "trusted")
    run(["ssh-keygen", "-q", "-s", kind, "-I", "by a device", "-n", "alice", "user.pub"], ca.folder, **provider)
    assert ca.lets_in()
