"""
`conchsftp DIR`, which `make serve` runs: what it prints is all that a client needs.
"""

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.servers import free_port
from tests.interop.driving import environment, need, run

_PRINTED = {
    "url": r"sftp://\S+@127\.0\.0\.1:\d+",
    "user": r"(?<=//)[^@\s]+(?=@)",
    "password": r"(?<=password)\W+(\S+)",
    "fingerprint": r"SHA256:[A-Za-z0-9+/]{43}",
}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder that is served, and what was printed."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "conchsftp.command", "files", "--listen", f"tcp:{port}:interface=127.0.0.1"]
        + ["--host-key", "kept/host_key"],
        cwd=tmp_path,
        env=environment(tmp_path, PYTHONPATH=str(Path(__file__).parents[2])),
        stdout=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has Ctrl-C ignored, and so would have the server.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    printed = ""
    while "SHA256:" not in printed:
        line = process.stdout.readline()
        assert line, f"ended with {process.wait()}: {printed}"
        printed += line
    yield tmp_path, printed
    process.send_signal(signal.SIGINT)
    process.stdout.close()
    assert process.wait(60) == 0


def check_one_time_user(served: tuple[Path, str]) -> None:
    """The folder and the host key are made, and OpenSSH's client gets in with what was printed."""
    need("sftp", "ssh-keyscan")
    home, printed = served
    found = {name: re.search(pattern, printed) for name, pattern in _PRINTED.items()}
    assert all(found.values()), printed
    assert stat.S_IMODE((home / "kept" / "host_key").stat().st_mode) == 0o600
    port = found["url"][0].rpartition(":")[2]
    scanned = subprocess.run(
        ["ssh-keyscan", "-p", port, "-t", "ed25519", "127.0.0.1"], capture_output=True, text=True, check=True
    )
    (home / "known").write_text(scanned.stdout)
    assert found["fingerprint"][0] in run(["ssh-keygen", "-lf", "known"], home)

    (home / "askpass").write_text('#!/bin/sh\necho "$ANSWER"\n')
    (home / "askpass").chmod(0o700)
    (home / "source").write_bytes(os.urandom(100_000))
    run(
        ["sftp", "-F", "none", "-oUserKnownHostsFile=known", "-oPreferredAuthentications=password", found["url"][0]],
        home,
        text="put source arrived\nget arrived back\n",
        SSH_ASKPASS=str(home / "askpass"),
        SSH_ASKPASS_REQUIRE="force",
        ANSWER=found["password"][1],
    )
    assert (home / "files" / "arrived").read_bytes() == (home / "source").read_bytes()
    assert (home / "back").read_bytes() == (home / "source").read_bytes()
