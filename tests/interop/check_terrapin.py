"""
The Terrapin attack (CVE-2023-48795) on connections of real clients: strict key exchange ends them, before any login.

Without it, and with ChaCha20-Poly1305, the attack does what it is known for: otherwise these tests could not fail.
"""

import asyncio
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import asyncssh
import paramiko
import pytest

from bench.openssh import options
from bench.servers import Server
from conchsftp.ssh.algorithms.protection import CIPHERS
from tests.interop.driving import environment, need
from tests.interop.meddling import Meddler

_CHACHA = "chacha20-poly1305@openssh.com"
_ATTACKED = "message 2 may not come now"
_GCM = "aes128-gcm@openssh.com"
# The EXT_INFO that asyncssh begins with under its keys, as it goes over the wire.
_ASYNCSSH_FIRST_BYTES = 60
_ASYNCSSH_FIRST_BYTES_GCM = 68

Connect = Callable[[Server, int, Path, str], str]


def _openssh(server: Server, port: int, home: Path, cipher: str) -> str:
    """Log in and out with OpenSSH's sftp; return `in`, with `informed` if it knows our extensions, or what it said."""
    extra = [f"-oHostKeyAlias=[127.0.0.1]:{server.port}", f"-oCiphers={cipher}", "-oLogLevel=DEBUG1"]
    command = ["sftp", *options(server, extra), "-b", "/dev/null", "-P", str(port), f"{server.user}@127.0.0.1"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(home), cwd=home)
    if ended.returncode:
        return ended.stderr
    return "in, informed" if "server-sig-algs" in ended.stderr else "in"


def _asyncssh(server: Server, port: int, home: Path, cipher: str) -> str:
    """Log in and out with asyncssh; return `in`, or what it said."""

    async def connect() -> None:
        async with asyncssh.connect(
            "127.0.0.1",
            port,
            username=server.user,
            known_hosts=None,
            config=None,
            client_keys=[str(server.keys.client)],
            encryption_algs=[cipher],
        ) as connection:
            async with connection.start_sftp_client() as client:
                await client.listdir()

    try:
        asyncio.run(asyncio.wait_for(connect(), 60))
    except asyncssh.Error as error:
        return str(error)
    return "in"


_CLIENTS: dict[str, Connect] = {"OpenSSH": _openssh, "asyncssh": _asyncssh}


@pytest.fixture(scope="module")
def lax_server(start: Callable[..., Server]) -> Server:
    """A server that does without strict key exchange."""
    return start("UseStrictKeyExchange=0", "LogLevel=3")


def _during(server: Server, connect: Callable[[], str]) -> tuple[str, str]:
    """Return what a client says, and what the server logs meanwhile."""
    before = len(server.log.read_text())
    said = connect()
    return said, server.log.read_text()[before:]


@pytest.mark.parametrize("name", _CLIENTS)
@pytest.mark.parametrize("towards", ["client", "server"])
def check_strict(ours: None, server: Server, tmp_path: Path, towards: str, name: str) -> None:
    """With strict key exchange whoever is deceived ends the connection, and nobody logs in."""
    need("sftp")
    with Meddler(server.port, towards=towards) as meddler:
        said, log = _during(server, lambda: _CLIENTS[name](server, meddler.port, tmp_path, _CHACHA))
        assert meddler.dropped and meddler.dropped[0] > 0
    assert not said.startswith("in") and "logged in" not in log
    assert (f"disconnecting: {_ATTACKED}" in log) == (towards == "server")


@pytest.mark.parametrize("name", _CLIENTS)
def check_untouched(ours: None, server: Server, tmp_path: Path, name: str) -> None:
    """The proxy by itself does no harm: who goes through it logs in, strictly."""
    with Meddler(server.port, towards="server", insert=False, drop=0) as meddler:
        said, log = _during(server, lambda: _CLIENTS[name](server, meddler.port, tmp_path, _CHACHA))
    assert said.startswith("in") and "logged in" in log


def check_deceived_client(ours: None, lax_server: Server, tmp_path: Path) -> None:
    """Without strict key exchange OpenSSH's client logs in, and never learns what EXT_INFO would have told it."""
    with Meddler(lax_server.port, towards="client", insert=False, drop=0) as meddler:
        assert _openssh(lax_server, meddler.port, tmp_path, _CHACHA) == "in, informed"
    with Meddler(lax_server.port, towards="client") as meddler:
        assert _openssh(lax_server, meddler.port, tmp_path, _CHACHA) == "in"
        assert _asyncssh(lax_server, meddler.port, tmp_path, _CHACHA) == "in"


def check_deceived_server(ours: None, lax_server: Server, tmp_path: Path) -> None:
    """Without it our server lets asyncssh log in, and never gets its EXT_INFO."""
    for insert, drop, got in ((False, 0, True), (True, _ASYNCSSH_FIRST_BYTES, False)):
        with Meddler(lax_server.port, towards="server", insert=insert, drop=drop) as meddler:
            said, log = _during(lax_server, lambda: _asyncssh(lax_server, meddler.port, tmp_path, _CHACHA))
        assert said == "in" and "logged in" in log
        assert ("received EXT_INFO" in log) == got


@pytest.mark.parametrize(("insert", "drop"), [(True, 0), (False, _ASYNCSSH_FIRST_BYTES)])
def check_half_an_attack(ours: None, lax_server: Server, tmp_path: Path, insert: bool, drop: int) -> None:
    """Half of the attack is noticed even so: only both halves together keep the numbers right."""
    with Meddler(lax_server.port, towards="server", insert=insert, drop=drop) as meddler:
        said, log = _during(lax_server, lambda: _asyncssh(lax_server, meddler.port, tmp_path, _CHACHA))
    assert said != "in" and "logged in" not in log


@pytest.mark.parametrize(("towards", "drop"), [("client", None), ("server", _ASYNCSSH_FIRST_BYTES_GCM)])
def check_other_cipher(ours: None, lax_server: Server, tmp_path: Path, towards: str, drop: int | None) -> None:
    """AES-GCM counts its packets by itself, and notices the attack without strict key exchange."""
    with Meddler(lax_server.port, towards=towards, drop=drop) as meddler:
        said, log = _during(lax_server, lambda: _asyncssh(lax_server, meddler.port, tmp_path, _GCM))
    assert said != "in" and "logged in" not in log


def _paramiko(server: Server, cipher: str, mac: str) -> str:
    """Log in with paramiko, which does not offer strict key exchange; return `in`, or what it said."""
    with paramiko.Transport(("127.0.0.1", server.port), strict_kex=False) as transport:
        transport.get_security_options().ciphers = (cipher,)
        transport.get_security_options().digests = (mac,)
        try:
            transport.connect(
                username=server.user, pkey=paramiko.Ed25519Key.from_private_key_file(str(server.keys.client))
            )
        except paramiko.SSHException as error:
            return str(error)
        return "in"


def check_policies(ours: None, start: Callable[..., Server]) -> None:
    """A client that cannot do it: 1 lets it in, 2 with algorithms that the attack does not touch, 3 not at all."""
    etm = "hmac-sha2-256-etm@openssh.com"
    for policy, ctr, cbc_etm, cbc in ((1, True, True, True), (2, True, False, True), (3, False, False, False)):
        named = "SSHEncryptionAlgorithms=aes128-ctr,aes128-cbc", f"SSHMacAlgorithms={etm},hmac-sha2-256"
        server = start(f"UseStrictKeyExchange={policy}", *named)
        cases = [("aes128-ctr", etm, ctr)]
        if "aes128-cbc" in CIPHERS.rows:
            cases += [("aes128-cbc", etm, cbc_etm), ("aes128-cbc", "hmac-sha2-256", cbc)]
        for cipher, mac, expected in cases:
            said, log = _during(server, partial(_paramiko, server, cipher, mac))
            assert (said == "in") == expected, (policy, cipher, mac, said)
            assert ("strict key exchange" in log) != expected
