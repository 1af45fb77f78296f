"""
What ssh-audit says of the algorithms that are offered when nothing is set.
"""

import json
import subprocess

from bench.servers import Server
from tests.interop.driving import need


def check_default_profile(ours: None, server: Server) -> None:
    """ssh-audit finds no algorithm that fails or that it warns of."""
    need("ssh-audit")
    audit = subprocess.run(
        ["ssh-audit", "--json", "--skip-rate-test", "--port", str(server.port), "127.0.0.1"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = json.loads(audit.stdout)
    offered = [row for kind in ("kex", "key", "enc", "mac") for row in found[kind]]
    assert len(offered) > 10
    blamed = {row["algorithm"]: row["notes"] for row in offered if row["notes"].get("fail") or row["notes"].get("warn")}
    assert not blamed, json.dumps(blamed, indent=1)
    assert not found["cves"]
