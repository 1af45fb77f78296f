"""
OpenSSH's `sftp` and the two ways to confine a user: what `pwd`, `ls`, `cd ..` and `get` see.
"""

from pathlib import Path

import pytest

from bench.servers import Keys, Server, start_ours
from tests.interop.driving import need, sftp


@pytest.fixture
def served(ours: None, tmp_path: Path) -> Path:
    """A root with the homes of two users."""
    need("ssh", "sftp")
    root = tmp_path / "served"
    for user in ("alice", "bob"):
        (root / "home" / user / "testfolder").mkdir(parents=True)
        (root / "home" / user / f"{user}.txt").write_text(user)
    (root / "home" / "alice" / "out").symlink_to("../bob/bob.txt")
    return root


def said(server: Server, home: Path, *commands: str) -> str:
    """Return what `sftp` says to commands, each of which may fail."""
    return sftp(server, home, *(f"-{command}" for command in commands))


def check_restricted_to_home(keys: Keys, served: Path, tmp_path: Path) -> None:
    """RestrictUserToHomeDir: the client sees where it is, and nothing else."""
    settings = ("RestrictUserToHomeDir=true",)
    with start_ours(keys, served, tmp_path, settings=settings, home="/home/alice") as server:
        text = said(server, tmp_path, "pwd", "ls -1", "get /home/alice/alice.txt here")
        assert "Remote working directory: /home/alice" in text
        assert "testfolder" in text
        assert (tmp_path / "here").read_text() == "alice"
        for command in (
            "cd ..",
            "ls /home/bob",
            "get ../bob/bob.txt stolen",
            "get /home/bob/bob.txt stolen",
            "get out stolen",
            "put here /home/bob/put",
            "rename alice.txt ../bob/moved",
            "ln ../bob/bob.txt linked",
            "rm ../bob/bob.txt",
            "cp ../bob/bob.txt copied",
        ):
            text = said(server, tmp_path, command, "pwd")
            assert "enied" in text or "not found" in text, (command, text)
            assert "Remote working directory: /home/alice" in text
        assert not (tmp_path / "stolen").exists()
    unchanged(served)


def check_root_of_user(keys: Keys, served: Path, tmp_path: Path) -> None:
    """UserRootDirectory: the client sees its folder as `/`, and there is nothing above it."""
    settings = (f"UserRootDirectory={served}/home/%u",)
    with start_ours(keys, served, tmp_path, settings=settings) as server:
        text = said(server, tmp_path, "pwd", "ls -1", "cd ..", "pwd", "get /alice.txt here")
        assert text.count("Remote working directory: /\n") == 2
        assert "testfolder" in text
        assert (tmp_path / "here").read_text() == "alice"
        for command in ("ls /home", "get ../bob/bob.txt stolen", "get out stolen", "rename alice.txt ../home/bob/x"):
            text = said(server, tmp_path, command)
            assert "not found" in text or "No such file" in text, (command, text)
        assert not (tmp_path / "stolen").exists()
    unchanged(served)


def unchanged(served: Path) -> None:
    """Fail unless both homes hold what they held."""
    assert sorted(path.name for path in (served / "home" / "bob").iterdir()) == ["bob.txt", "testfolder"]
    assert (served / "home" / "bob" / "bob.txt").read_text() == "bob"
    assert (served / "home" / "alice" / "alice.txt").read_text() == "alice"
