"""
What ssh-audit says of the algorithms that are offered when nothing is set.
"""

import json
import subprocess

from bench.servers import Server
from tests.interop.driving import Place, environment, need

# It says so of every key exchange without ML-KEM or NTRU Prime; curl, rclone and older OpenSSH have only such ones.
TOLERATED = {"warn": ["does not provide protection against post-quantum attacks"]}


def check_default_profile(ours: None, server: Server, place: Place) -> None:
    """ssh-audit finds no algorithm that fails, and warns only that curve25519 is not quantum-safe."""
    need("ssh-audit")
    audit = subprocess.run(
        ["ssh-audit", "--json", "--skip-rate-test", "--port", str(server.port), "127.0.0.1"],
        env=environment(place.local),
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = json.loads(audit.stdout)
    offered = [row for kind in ("kex", "key", "enc", "mac") for row in found[kind]]
    assert len(offered) > 10
    blamed = {}
    for row in offered:
        said = {level: row["notes"][level] for level in ("fail", "warn") if row["notes"].get(level)}
        if said and not (row["algorithm"].startswith("curve25519-sha256") and said == TOLERATED):
            blamed[row["algorithm"]] = said
    assert not blamed, json.dumps(blamed, indent=1)
    assert not found["cves"]
