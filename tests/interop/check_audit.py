"""
What ssh-audit says of the algorithms that the profiles offer.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.servers import Server
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.ssh.algorithms.offer import offered
from conchsftp.ssh.kexinit import MARKERS
from conchsftp.ssh.keys.host_keys import HostKeys
from tests.interop.driving import environment, need

# It says so of every key exchange without ML-KEM or NTRU Prime; curl, rclone and older OpenSSH have only such ones.
TOLERATED = {"warn": ["does not provide protection against post-quantum attacks"]}

# What ssh-audit calls the lists of a server.
_KINDS = {"kex": "key_exchanges", "key": "host_keys", "enc": "ciphers", "mac": "macs"}


def _audit(server: Server, home: Path) -> dict[str, Any]:
    need("ssh-audit")
    audit = subprocess.run(
        ["ssh-audit", "--json", "--skip-rate-test", "--port", str(server.port), "127.0.0.1"],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=60,
    )
    found: dict[str, Any] = json.loads(audit.stdout)
    return found


def check_default_profile(ours: None, server: Server, tmp_path: Path) -> None:
    """ssh-audit finds no algorithm that fails, and warns only that curve25519 is not quantum-safe."""
    found = _audit(server, tmp_path)
    rows = [row for kind in _KINDS for row in found[kind]]
    assert len(rows) > 10
    blamed = {}
    for row in rows:
        said = {level: row["notes"][level] for level in ("fail", "warn") if row["notes"].get(level)}
        if said and not (row["algorithm"].startswith("curve25519-sha256") and said == TOLERATED):
            blamed[row["algorithm"]] = said
    assert not blamed, json.dumps(blamed, indent=1)
    assert not found["cves"]


@pytest.mark.parametrize("profile", ["modern", "compatible", "documented"])
def check_offer(
    ours: None, request: pytest.FixtureRequest, start: Callable[..., Server], tmp_path: Path, profile: str
) -> None:
    """ssh-audit sees what the registry says of a profile, no name more and none less, in that order."""
    running = {"modern": "server", "compatible": "compatible_server"}.get(profile)
    server: Server = request.getfixturevalue(running) if running else start(f"AlgorithmProfile={profile}")
    found = _audit(server, tmp_path)
    keys = HostKeys.load(server.keys.host, server.keys.old_host)
    offer = offered(Settings(TABLE, algorithm_profile=profile), keys.algorithms())
    for kind, attribute in _KINDS.items():
        seen = [row["algorithm"] for row in found[kind] if row["algorithm"] not in MARKERS]
        assert seen == [row.name for row in getattr(offer, attribute)], kind
    assert found["compression"] == [row.name for row in offer.compressions]
