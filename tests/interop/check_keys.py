"""
Keys of every kind, for OpenSSH with and without an agent, its software security key, asyncssh, paramiko and PuTTY.

What no client here can send is left to the tests in memory: a login with the key of a browser. The signature of one is
in OpenSSH's own tests, and is checked here.
"""

import asyncio
import re
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from hashlib import sha512
from pathlib import Path

import asyncssh
import paramiko
import pytest
from twisted.conch.ssh.common import NS

from bench.servers import Keys
from conchsftp.auth.keys.signatures import PublicKey
from conchsftp.wire.reader import Reader
from tests.auth.support import SecurityKey, SecurityKeyP256, WebAuthnKey
from tests.interop.driving import environment, need, run, unavailable
from tests.interop.programs import PROJECT, Program

_UNPACKED = PROJECT / ".clients" / "usr/lib/openssh/regress"
_TESTS = _UNPACKED if _UNPACKED.exists() else Path("/usr/lib/openssh/regress")
SK_PROVIDER = _TESTS / "misc" / "sk-dummy" / "sk-dummy.so"
WEBAUTHN = _TESTS / "unittests" / "sshsig" / "testdata"
OLD = "ssh-rsa,ssh-dss"

PROGRAM = """
from twisted.application.service import Application
from conchsftp import SFTPServer, events

application = Application("files")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="keys.toml",
    **SETTINGS,
)
server.setServiceParent(application)


@server.on(events.SSHUserAuthRequest)
def tell(event):
    what = "offered" if event.offered else "proved"
    told = event.auth_method, what, event.key_algorithm, event.touched, event.verified, event.accept
    print("event", *told, flush=True)
"""

# Name of the file → arguments of ssh-keygen.
KINDS: dict[str, tuple[str, ...]] = {
    "ed25519": ("-t", "ed25519"),
    "p256": ("-t", "ecdsa", "-b", "256"),
    "p384": ("-t", "ecdsa", "-b", "384"),
    "p521": ("-t", "ecdsa", "-b", "521"),
    "rsa": ("-t", "rsa", "-b", "2048"),
    "rsa3072": ("-t", "rsa", "-b", "3072"),
    "weak": ("-t", "rsa", "-b", "1024"),
}
DEVICES: dict[str, tuple[str, ...]] = {
    "sk-ed25519": ("-t", "ed25519-sk"),
    "sk-p256": ("-t", "ecdsa-sk"),
    "sk-ed25519-untouched": ("-t", "ed25519-sk", "-O", "no-touch-required"),
    "sk-p256-untouched": ("-t", "ecdsa-sk", "-O", "no-touch-required"),
    "sk-ed25519-pin": ("-t", "ed25519-sk", "-O", "verify-required"),
    "sk-p256-pin": ("-t", "ecdsa-sk", "-O", "verify-required"),
    "sk-ed25519-named": ("-t", "ed25519-sk", "-O", "application=ssh:files"),
}


class KeyServer(Program):
    """
    A program that lets alice in with every key that is made here, and tells what it is told of them.

    Args:
        folder: where it runs.
        keys: of the run; its `folder` also has the others.
        before: what stands before each key in the file.
        settings: options of the server.
    """

    def __init__(self, folder: Path, keys: Keys, *, before: str = "", **settings: object) -> None:
        lines = [f"{before} {path.read_text().strip()}" for path in sorted(keys.folder.glob("user_*.pub"))]
        users = folder / "keys.toml"
        users.write_text(f"[alice]\nkeys = {lines!r}\n")
        users.chmod(0o600)
        super().__init__(PROGRAM.replace("**SETTINGS", f"**{settings!r}"), folder, keys)

    def sftp(self, *options: str, code: int = 0, **more: str) -> str:
        """Log in with OpenSSH's `sftp`, and return what it said; these options are all that it knows."""
        known = ["-F", "none", "-oUserKnownHostsFile=known", "-oStrictHostKeyChecking=accept-new"]
        only = ["-oPreferredAuthentications=publickey", "-oBatchMode=no", f"-oSecurityKeyProvider={SK_PROVIDER}"]
        command = ["sftp", "-v", *known, *only, *options, "-b", "-", "-P", str(self.port), "alice@127.0.0.1"]
        return run(command, self.folder, text="pwd\n", code=code, **more)

    def events(self) -> list[str]:
        """Return what it was told of keys, in order, without the word before it."""
        return re.findall(r"^.*event (publickey .*)$", self.said(), re.MULTILINE)


@pytest.fixture(scope="module")
def users(keys: Keys) -> Keys:
    """The keys of the run, with those of alice beside them."""
    need("ssh", "sftp", "ssh-keygen")
    for name, arguments in KINDS.items():
        _make(keys.folder / f"user_{name}", *arguments)
    # Later versions of ssh-keygen make none.
    old, path = asyncssh.generate_private_key("ssh-dss"), keys.folder / "user_dsa"
    old.write_private_key(str(path))
    old.write_public_key(f"{path}.pub")
    path.chmod(0o600)
    if SK_PROVIDER.exists():
        for name, arguments in DEVICES.items():
            _make(keys.folder / f"user_{name}", *arguments)
    return keys


def _make(path: Path, *arguments: str) -> None:
    command = ["ssh-keygen", "-q", *arguments, "-N", "", "-C", path.name, "-f", path]
    run(command, path.parent, SSH_SK_PROVIDER=str(SK_PROVIDER))


@pytest.fixture
def serve(ours: None, tmp_path: Path, users: Keys) -> Iterator[Callable[..., KeyServer]]:
    """A function that starts the program with some settings."""
    running: list[KeyServer] = []

    def start(**settings: object) -> KeyServer:
        folder = tmp_path / str(len(running))
        folder.mkdir()
        running.append(KeyServer(folder, users, **settings))
        return running[-1]

    yield start
    for program in running:
        program.end()


def need_device() -> None:
    """Skip the test where OpenSSH's software security key is missing."""
    if not SK_PROVIDER.exists():
        unavailable("missing: openssh-tests")


def only(users: Keys, name: str, algorithm: str = "") -> list[str]:
    """Return the options for one key and nothing else; with an algorithm, for nothing else than that either."""
    options = ["-oIdentitiesOnly=yes", "-i", str(users.folder / f"user_{name}")]
    return [*options, f"-oPubkeyAcceptedAlgorithms={algorithm}"] if algorithm else options


def check_every_algorithm(serve: Callable[..., KeyServer], users: Keys) -> None:
    """OpenSSH logs in with every type of key, by every algorithm that the server takes by default."""
    server = serve()
    for name, algorithm in (
        ("ed25519", "ssh-ed25519"),
        ("p256", "ecdsa-sha2-nistp256"),
        ("p384", "ecdsa-sha2-nistp384"),
        ("p521", "ecdsa-sha2-nistp521"),
        ("rsa", "rsa-sha2-256"),
        ("rsa", "rsa-sha2-512"),
        ("rsa3072", "rsa-sha2-512"),
    ):
        assert "directory: /" in server.sftp(*only(users, name, algorithm))
        assert server.events()[-1] == f"publickey proved {algorithm} False False True"
        assert f"'alice' logged in by publickey '{algorithm}' SHA256:" in server.said()


def check_by_name_only(serve: Callable[..., KeyServer], users: Keys) -> None:
    """SHA-1 and DSA let nobody in, unless the setting names them; the client learns which of the two holds."""
    strict = serve()
    for name, algorithm in (("rsa", "ssh-rsa"), ("dsa", "ssh-dss")):
        said = strict.sftp(*only(users, name, algorithm), code=255)
        assert "Permission denied" in said
        assert not re.search(r"server-sig-algs=<[^>]*(ssh-rsa|ssh-dss)", said)
    assert strict.events() == []
    asked = run(["ssh", "-Q", "PubkeyAcceptedAlgorithms"], strict.folder).split()
    server = serve(ssh_pub_key_auth_sig_algorithms=f"ssh-ed25519,{OLD}")
    for name, algorithm in (("rsa", "ssh-rsa"), ("dsa", "ssh-dss")):
        if algorithm in asked:
            assert f"server-sig-algs=<ssh-ed25519,{OLD}>" in server.sftp(*only(users, name, algorithm))
            assert server.events()[-1] == f"publickey proved {algorithm} False False True"
    assert "Permission denied" in server.sftp(*only(users, "p256"), code=255)


def check_weak(serve: Callable[..., KeyServer], users: Keys) -> None:
    """An RSA key of 1024 bits is refused, though it is in the users file; the log says why."""
    server = serve()
    assert "Permission denied" in server.sftp(*only(users, "weak"), code=255)
    assert "an RSA key of 1024 bits" in server.said()


def check_host_bound(serve: Callable[..., KeyServer], users: Keys) -> None:
    """OpenSSH binds its proof to the host key, unless it is told not to; the log tells which it was."""
    server = serve()
    said = server.sftp(*only(users, "ed25519"))
    assert "publickey-hostbound@openssh.com=<0>" in said
    assert re.search(r"logged in by publickey 'ssh-ed25519' SHA256:\S+ \(host-bound\)", server.said())
    assert server.events()[-1].startswith("publickey proved")
    server.sftp(*only(users, "p256"), "-oPubkeyAuthentication=unbound")
    assert re.search(r"logged in by publickey 'ecdsa-sha2-nistp256' SHA256:[^ ,]+, with", server.said())


@pytest.mark.parametrize("wrong", [4, 5, 6])
def check_agent(serve: Callable[..., KeyServer], users: Keys, tmp_path: Path, wrong: int) -> None:
    """Each key of an agent that is not the right one is an attempt: with 5 before it, of 6, it still comes in time."""
    need("ssh-agent", "ssh-add")
    server = serve()
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], env=environment(tmp_path), stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            assert agent.poll() is None
        strangers = [tmp_path / f"stranger{number}" for number in range(wrong)]
        for stranger in strangers:
            _make(stranger, "-t", "ed25519")
        for key in (*strangers, users.folder / "user_p256"):
            run(["ssh-add", "-q", key], tmp_path, SSH_AUTH_SOCK=str(socket))
        said = server.sftp(code=0 if wrong < 6 else 255, SSH_AUTH_SOCK=str(socket))
        assert ("directory: /" in said) == (wrong < 6)
        assert ("Too many authentication failures" in said) == (wrong == 6)
        assert server.said().count("the key is not one of the user's") == wrong
    finally:
        agent.terminate()
        agent.wait(60)


def check_security_keys(serve: Callable[..., KeyServer], users: Keys) -> None:
    """OpenSSH's software security key is let in when it says that it was touched; the event tells what it says."""
    need_device()
    server = serve()
    for name, algorithm in (
        ("sk-ed25519", "sk-ssh-ed25519@openssh.com"),
        ("sk-p256", "sk-ecdsa-sha2-nistp256@openssh.com"),
        ("sk-ed25519-named", "sk-ssh-ed25519@openssh.com"),
    ):
        assert "directory: /" in server.sftp(*only(users, name, algorithm))
        assert server.events()[-1] == f"publickey proved {algorithm} True False True"


def check_untouched(serve: Callable[..., KeyServer], users: Keys) -> None:
    """One that was not touched is refused, and no handler hears of a proof."""
    need_device()
    server = serve()
    for name in ("sk-ed25519-untouched", "sk-p256-untouched"):
        assert "Permission denied" in server.sftp(*only(users, name), code=255)
    assert server.said().count("the security key was not touched") == 2
    assert {event.split()[1] for event in server.events()} == {"offered"}


def check_no_touch_required(serve: Callable[..., KeyServer], users: Keys) -> None:
    """An entry may let in a key that was not touched, unless the setting wants every key touched."""
    need_device()
    for option, code in (("none", 0), ("touch-required", 255)):
        server = serve(before="no-touch-required", pubkey_auth_options=option)
        for name in ("sk-ed25519-untouched", "sk-p256-untouched"):
            server.sftp(*only(users, name), code=code)
        assert len([event for event in server.events() if event.endswith("False False True")]) == (
            4 if code == 0 else 2
        )


def check_verified(serve: Callable[..., KeyServer], users: Keys) -> None:
    """Where verification is required, only a key with a PIN is let in."""
    need_device()
    server = serve(pubkey_auth_options="verify-required")
    script = server.folder / "askpass"
    script.write_text("#!/bin/sh\necho 1234\n")
    script.chmod(0o700)
    pin = {"SSH_ASKPASS": str(script), "SSH_ASKPASS_REQUIRE": "force"}
    for kind in ("sk-ed25519", "sk-p256"):
        assert "Permission denied" in server.sftp(*only(users, kind), code=255, **pin)
        assert "directory: /" in server.sftp(*only(users, f"{kind}-pin"), **pin)
        assert server.events()[-1].split()[3:] == ["True", "True", "True"]
    assert "has not verified its user" in server.said()


def check_browser() -> None:
    """The signature that a browser made for OpenSSH's tests is a good one, and proves nothing else."""
    need_device()
    lines = (WEBAUTHN / "ecdsa_sk_webauthn.sig").read_text().splitlines()
    signature = Reader(b64decode("".join(lines[1:-1])), len(b"SSHSIG") + 4)
    blob, namespace = signature.string(), signature.string()
    signature.string()
    digest, value = signature.string(), signature.string()
    data = (WEBAUTHN / "signed-data").read_bytes()
    assert digest == b"sha512"
    covered = b"SSHSIG" + NS(namespace) + NS(b"") + NS(digest) + NS(sha512(data).digest())
    key = PublicKey(blob)
    signed = key.verify("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", value, covered)
    assert signed.touched
    for algorithm, other in (
        ("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", covered + b"!"),
        ("sk-ecdsa-sha2-nistp256@openssh.com", covered),
    ):
        with pytest.raises(Exception, match="signature"):
            key.verify(algorithm, value, other)


@pytest.mark.parametrize("made", [SecurityKey, SecurityKeyP256, WebAuthnKey])
def check_made_here(tmp_path: Path, made: type[SecurityKey]) -> None:
    """What the tests in memory take for the signature of a device, or of a browser, OpenSSH takes for one, too."""
    need("ssh-keygen")
    key, namespace, digest, data = made(), b"files", b"sha512", b"what is signed"
    head = NS(namespace) + NS(b"") + NS(digest)
    signature = key.sign(b"SSHSIG" + head + NS(sha512(data).digest()))
    packed = b64encode(b"SSHSIG" + (1).to_bytes(4) + NS(key.blob) + head + NS(signature)).decode()
    file = tmp_path / "signature"
    file.write_text(f"-----BEGIN SSH SIGNATURE-----\n{packed}\n-----END SSH SIGNATURE-----\n")
    command = ["ssh-keygen", "-Y", "check-novalidate", "-n", "files", "-s", file]
    assert "Good" in run(command, tmp_path, text=data.decode())
    run(command, tmp_path, text="something else", code=255)


def check_asyncssh(serve: Callable[..., KeyServer], users: Keys) -> None:
    """asyncssh signs with what OpenSSH no longer does; of several keys, it is the one that signs which counts."""
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    server = serve(ssh_pub_key_auth_sig_algorithms=f"rsa-sha2-256,rsa-sha2-512,ssh-ed25519,{OLD}")

    async def log_in(*names: str, **options: object) -> None:
        keys = [asyncssh.read_private_key(str(users.folder / f"user_{name}")) if name else stranger for name in names]
        async with asyncssh.connect(
            "127.0.0.1",
            server.port,
            username="alice",
            known_hosts=None,
            client_keys=keys,
            config=None,
            agent_path=None,
            **options,
        ):
            pass

    for name, algorithm in (
        ("rsa", "ssh-rsa"),
        ("rsa", "rsa-sha2-256"),
        ("rsa", "rsa-sha2-512"),
        ("dsa", "ssh-dss"),
    ):
        asyncio.run(log_in(name, signature_algs=[algorithm]))
        assert server.events()[-1] == f"publickey proved {algorithm} False False True"
    asyncio.run(log_in("", "", "ed25519", signature_algs=["ssh-ed25519"]))
    proved = [event for event in server.events() if "proved" in event]
    assert (len(proved), proved[-1]) == (5, "publickey proved ssh-ed25519 False False True")
    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(log_in("p256", ""))


def check_paramiko(serve: Callable[..., KeyServer], users: Keys) -> None:
    """paramiko signs by SHA-2 with an RSA key, as do its other keys by their own names."""
    server = serve()
    kinds = {"rsa": paramiko.RSAKey, "p521": paramiko.ECDSAKey, "ed25519": paramiko.Ed25519Key}
    for name, kind in kinds.items():
        with paramiko.Transport(("127.0.0.1", server.port)) as transport:
            transport.connect(username="alice", pkey=kind.from_private_key_file(str(users.folder / f"user_{name}")))
            assert transport.is_authenticated()
    assert len([event for event in server.events() if "proved" in event]) == len(kinds)


@pytest.mark.parametrize("name", ["rsa", "p384", "ed25519"])
def check_putty(serve: Callable[..., KeyServer], users: Keys, name: str) -> None:
    """psftp logs in with keys that puttygen has converted."""
    need("psftp", "puttygen")
    server = serve()
    key, host = server.folder / "key.ppk", users.folder / "host.pub"
    run(["puttygen", users.folder / f"user_{name}", "-o", key], server.folder)
    fingerprint = run(["ssh-keygen", "-l", "-f", host], server.folder).split()[1]
    command = ["psftp", "-batch", "-hostkey", fingerprint, "-i", key, "-P", str(server.port), "alice@127.0.0.1"]
    assert "directory is /" in run(command, server.folder, text="pwd\nquit\n")
    assert server.events()[-1].startswith("publickey proved")
