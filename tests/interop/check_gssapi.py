"""
Kerberos with a real KDC: key exchange and logins of OpenSSH's client and asyncssh. paramiko has it no more.

The KDC and the server, twistd with a users file and a keytab as an operator runs it, are shared by all tests; each
login has tickets of its own.
"""

import asyncio
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from bench.servers import Keys
from tests.interop.driving import environment, need, need_package
from tests.interop.kdc import KDC, OTHER
from tests.interop.programs import Program

PROGRAM = """
from twisted.application.service import Application
from conchsftp import SFTPServer

application = Application("files")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="users.toml",
    algorithm_profile="documented",
    default_auth_methods=["gssapi-keyex", "gssapi-with-mic", "publickey", "password"],
    gss_keytab="{keytab}",
    gss_acceptor="{acceptor}",
    log_level=2,
)
server.setServiceParent(application)
"""
WORD = "correct horse"
EXCHANGES = "group14-sha256", "group16-sha512", "nistp256-sha256", "curve25519-sha256", "group14-sha1", "gex-sha1"
SECONDS = 30
Tickets = dict[str, str]


class Kerberos(Program):
    """The server, and OpenSSH's `sftp`."""

    def __init__(self, folder: Path, keys: Keys, kdc: KDC, acceptor: str = "host") -> None:
        folder.mkdir()
        text = PROGRAM.format(keytab=kdc.folder / "sftp.keytab", acceptor=acceptor)
        super().__init__(text, folder, keys, exempt=True, **kdc.variables)
        hashed = bcrypt.hashpw(WORD.encode(), bcrypt.gensalt(4)).decode()
        (folder / "users.toml").write_text(
            "[alice]\n"
            "[bob]\n"
            'kerberos = ["alice/admin@EXAMPLE.TEST", "alice@OTHER.TEST"]\n'
            "[carol]\n"
            'kerberos = ["alice@EXAMPLE.TEST"]\n'
            f'methods = "gssapi-with-mic,password gssapi-keyex,password"\npassword = "{hashed}"\n'
        )
        (folder / "large").write_bytes(bytes(1 << 20))
        (folder / "ask").write_text(f"#!/bin/sh\necho '{WORD}'\n")
        (folder / "ask").chmod(0o700)

    def sftp(
        self, user: str, tickets: Tickets, *options: str, batch: str = "pwd\n", by: str = "gssapi-with-mic"
    ) -> str:
        """Carry out a batch as a user; return what was said, with what ssh tells at its first level of detail."""
        named = (
            "UserKnownHostsFile=known",
            "StrictHostKeyChecking=accept-new",
            "PubkeyAuthentication=no",
            "GSSAPIAuthentication=yes",
            f"PreferredAuthentications={by}",
            *options,
            f"User={user}",
        )
        where = [f"-o{each}" for each in named] + ["-P", str(self.port), "-v", "-b", "-", "localhost"]
        ended = subprocess.run(
            ["sftp", "-F", "none", *where],
            input=batch,
            cwd=self.folder,
            env=environment(self.folder, **tickets),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return ended.stdout + ended.stderr


def let_in(said: str) -> bool:
    """Return whether a session was opened."""
    return "Remote working directory: /" in said


def exchanged(name: str) -> tuple[str, ...]:
    """Return the options with which OpenSSH exchanges keys by one method."""
    return "GSSAPIKeyExchange=yes", f"GSSAPIKexAlgorithms=gss-{name}-"


@pytest.fixture(scope="module")
def kdc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KDC]:
    """The KDC of all tests here."""
    need_package("gssapi")
    running = KDC(tmp_path_factory.mktemp("kdc"))
    yield running
    running.end()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, keys: Keys, kdc: KDC) -> Iterator[Kerberos]:
    """One server for all tests here."""
    need("sftp")
    running = Kerberos(tmp_path_factory.mktemp("gssapi") / "server", keys, kdc)
    yield running
    running.end()


@pytest.fixture
def server(ours: None, running: Kerberos) -> Kerberos:
    """The server of all tests."""
    return running


@pytest.fixture(scope="module")
def alice(kdc: KDC) -> Tickets:
    """A ticket of alice."""
    return kdc.ticket("alice", "wonderland")


@pytest.mark.parametrize("name", EXCHANGES)
def check_exchange(server: Kerberos, alice: Tickets, name: str) -> None:
    """OpenSSH exchanges keys by each of the six, and logs in with the ticket that it has used for it."""
    said = server.sftp("alice", alice, *exchanged(name), by="gssapi-keyex")
    assert let_in(said), said
    assert f"kex: algorithm: gss-{name}-toWM5Slw5Ew8Mqkay+al2g==" in said
    assert "'alice' logged in by gssapi-keyex (alice@EXAMPLE.TEST), with" in server.said()


def check_null(server: Kerberos, alice: Tickets) -> None:
    """A client that could check no host key of ours needs none."""
    said = server.sftp("alice", alice, *exchanged("curve25519-sha256"), "HostKeyAlgorithms=rsa-sha2-512")
    assert "kex: host key algorithm: null" in said and let_in(said), said


def check_rekey(server: Kerberos, alice: Tickets) -> None:
    """Keys are exchanged by GSSAPI again and again, in the middle of a transfer."""
    before = server.said().count("key exchange gss-curve25519")
    put = "put large\nls -l large\npwd\n"
    said = server.sftp("alice", alice, *exchanged("curve25519-sha256"), "RekeyLimit=128K", batch=put, by="gssapi-keyex")
    assert let_in(said) and "1048576" in said, said
    assert server.said().count("key exchange gss-curve25519") - before >= 4


def check_ticket(server: Kerberos, alice: Tickets) -> None:
    """OpenSSH logs in with a ticket after an ordinary key exchange."""
    said = server.sftp("alice", alice)
    assert let_in(said) and "kex: host key algorithm: ssh-ed25519" in said, said
    assert "'alice' logged in by gssapi-with-mic (alice@EXAMPLE.TEST), with" in server.said()


def check_keyex_needs_exchange(server: Kerberos, alice: Tickets) -> None:
    """Without such an exchange there is no gssapi-keyex."""
    said = server.sftp("alice", alice, by="gssapi-keyex")
    assert not let_in(said)
    offered = re.findall("Authentications that can continue: (.*)", said)
    assert offered and "gssapi-keyex" not in offered[0] and "gssapi-with-mic" in offered[0]


def check_without_ticket(server: Kerberos, kdc: KDC) -> None:
    """Who has no ticket, or one that is over, is not let in."""
    nothing = {**kdc.variables, "KRB5CCNAME": f"FILE:{kdc.folder}/none"}
    over = kdc.ticket("alice", "wonderland", "-l", "1")
    assert "Permission denied" in server.sftp("alice", nothing)
    assert "Permission denied" in server.sftp("alice", nothing, *exchanged("gex-sha1"))
    # Tickets count whole seconds, and the one in which it ends is still good.
    time.sleep(2.1)
    assert "Permission denied" in server.sftp("alice", over)


def check_users(server: Kerberos, kdc: KDC, alice: Tickets) -> None:
    """A principal is the user of its name in our realm, or whose entry says so; nobody else."""
    admin, stranger = kdc.ticket("alice/admin", "wonderland"), kdc.ticket(f"alice@{OTHER}", "wonderland")
    assert let_in(server.sftp("bob", admin))
    assert let_in(server.sftp("bob", stranger))
    refused = (
        ("bob", alice),
        ("bob", kdc.ticket("bob", "builder")),
        ("alice", admin),
        ("alice", stranger),
        ("dora", alice),
    )
    for user, tickets in refused:
        assert "Permission denied" in server.sftp(user, tickets), (user, tickets)
    said = server.said()
    assert f"'gssapi-with-mic' refused for 'alice': 'alice@{OTHER}' is no principal of this user" in said
    for by in ("gssapi-keyex", "gssapi-with-mic"):
        assert "Permission denied" in server.sftp("bob", alice, *exchanged("curve25519-sha256"), by=by)


def check_two_factors(server: Kerberos, alice: Tickets) -> None:
    """A ticket and a password, with either method; the ticket alone is not enough."""
    asking = {**alice, "SSH_ASKPASS": "./ask", "SSH_ASKPASS_REQUIRE": "force"}
    both = "BatchMode=no", "NumberOfPasswordPrompts=1"
    assert let_in(server.sftp("carol", asking, *both, by="gssapi-with-mic,password"))
    by_exchange = (*both, *exchanged("nistp256-sha256"))
    assert let_in(server.sftp("carol", asking, *by_exchange, by="gssapi-keyex,password"))
    assert "Permission denied" in server.sftp("carol", asking, *both, by="password")
    said = server.sftp("carol", alice, by="gssapi-with-mic")
    assert "Permission denied" in said and 'Authenticated using "gssapi-with-mic" with partial success' in said, said


def check_wrong_service(ours: None, tmp_path: Path, keys: Keys, kdc: KDC, alice: Tickets) -> None:
    """Keys of another service do not count; without any, GSSAPI is not offered, and the log says so."""
    other = Kerberos(tmp_path / "other", keys, kdc, acceptor="nfs")
    try:
        said = other.sftp("alice", alice, *exchanged("curve25519-sha256"))
        assert "Permission denied" in said
        assert "gssapi" not in re.findall("Authentications that can continue: (.*)", said)[0]
        assert re.search("SSHKeyExchangeAlgorithms: .*not offered: gss-group14-sha256-.*gss-gex-sha1-", other.said())
        assert "DefaultAuthMethods: gssapi-with-mic is not offered: " in other.said()
    finally:
        other.end()


def check_asyncssh(server: Kerberos, alice: Tickets, monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncssh exchanges keys by GSSAPI, and logs in by both methods."""
    import asyncssh

    for name, value in alice.items():
        monkeypatch.setenv(name, value)

    async def log_in(**options: object) -> str:
        connection = await asyncssh.connect(
            "localhost",
            server.port,
            username="alice",
            known_hosts=None,
            config=None,
            agent_path=None,
            client_keys=None,
            gss_host="localhost",
            **options,
        )
        async with connection, connection.start_sftp_client() as client:
            assert await client.getcwd() == "/"
            return str(connection.get_extra_info("kex_alg", ""))

    before = server.said()
    asyncio.run(log_in(gss_kex=True))
    asyncio.run(log_in(gss_kex=False))
    new = server.said()[len(before) :]
    assert "key exchange gss-" in new
    assert "logged in by gssapi-keyex" in new and "logged in by gssapi-with-mic" in new
