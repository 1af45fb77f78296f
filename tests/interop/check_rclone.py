"""
What rclone asks beside SFTP: which shell there is, and commands that make hashes.
"""

from pathlib import Path

import pytest

from bench.servers import Server
from tests.interop.driving import Place, need, run


@pytest.fixture(autouse=True)
def client() -> None:
    """The client whose tests these are."""
    need("rclone")


def _rclone(server: Server, home: Path, *arguments: str, code: int = 0) -> str:
    """Run rclone with a configuration of its own, in which it notes what it finds out."""
    config = home / "rclone.conf"
    if not config.exists():
        config.write_text(
            f"[r]\ntype = sftp\nhost = 127.0.0.1\nport = {server.port}\nuser = {server.user}\n"
            f"key_file = {server.keys.client}\nknown_hosts_file = {server.known_hosts()}\n"
        )
    return run(["rclone", "--config", config, "--retries", "1", *arguments], home, code=code)


def check_probes(ours: None, server: Server, place: Place) -> None:
    """rclone looks for a shell and for programs, is told that there is none, and works on the same connection."""
    (place.served / "one").write_bytes(b"1")
    said = _rclone(server, place.local, "-vv", "lsf", f"r:{place.remote}")
    assert "Running remote command: md5sum" in said
    assert "This service allows SFTP only." in said
    assert "one" in said.splitlines()
    noted = (place.local / "rclone.conf").read_text()
    assert "md5sum_command = none" in noted
    assert "sha1sum_command = none" in noted


def check_no_wrong_hashes(ours: None, server: Server, place: Place) -> None:
    """Where there are no hashes rclone says so, and compares what it can; it never shows a wrong one."""
    (place.served / "one").write_bytes(b"1")
    (place.local / "tree").mkdir()
    (place.local / "tree" / "one").write_bytes(b"1")
    for kind in ("md5", "sha1"):
        said = _rclone(server, place.local, "hashsum", kind, f"r:{place.remote}", code=1)
        assert "one: hash unsupported" in said
    said = _rclone(server, place.local, "check", "tree", f"r:{place.remote}")
    assert "0 differences found" in said
    _rclone(server, place.local, "check", "--download", "tree", f"r:{place.remote}")
    _rclone(server, place.local, "copy", "--checksum", "tree", f"r:{place.remote}/copied")
    assert (place.served / "copied" / "one").read_bytes() == b"1"
