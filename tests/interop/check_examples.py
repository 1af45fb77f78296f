"""
The programs of docs/examples, run as the tutorials say.
"""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.servers import Keys
from tests.interop import programs
from tests.interop.driving import need, run
from tests.interop.programs import Program


class Example(Program):
    """One of them, and the clients that are run against it."""

    def sftp(self, user: str, *commands: str, password: str = "") -> str:
        """Carry out commands as a user, by password or, without one, by key; failures are only shown."""
        askpass = self.folder / "askpass"
        askpass.write_text('#!/bin/sh\necho "$ANSWER"\n')
        askpass.chmod(stat.S_IRWXU)
        proof = ["-oPubkeyAuthentication=no"] if password else ["-i", "key", "-oIdentitiesOnly=yes"]
        known = ["-F", "none", "-oUserKnownHostsFile=known", "-oStrictHostKeyChecking=accept-new"]
        return run(
            ["sftp", *known, *proof, "-oBatchMode=no", "-b", "-", "-P", str(self.port), f"{user}@127.0.0.1"],
            self.folder,
            text="".join(f"-{command}\n" for command in commands),
            SSH_ASKPASS=str(askpass),
            SSH_ASKPASS_REQUIRE="force",
            ANSWER=password,
        )

    def rclone(self, *arguments: str) -> None:
        """Run rclone as alice."""
        command = ["rclone", "--config", "/dev/null", "--retries", "1", "--sftp-host", "127.0.0.1"]
        command += ["--sftp-port", str(self.port), "--sftp-user", "alice", "--sftp-key-file", "key"]
        run([*command, *arguments], self.folder)

    def lftp(self, *commands: str) -> str:
        """Carry out commands as alice with lftp; failures are only shown."""
        known = "-oUserKnownHostsFile=known -oStrictHostKeyChecking=accept-new"
        program = f"ssh -a -x -F none -oBatchMode=yes -oLogLevel=ERROR {known} -i key -oIdentitiesOnly=yes"
        settings = ["set net:max-retries 1", "set net:timeout 20", f'set sftp:connect-program "{program}"']
        address = f"open -p {self.port} -u alice,none sftp://127.0.0.1/"
        script = "; ".join([*settings, address, *commands, "exit 0"])
        return run(["lftp", "-c", script], self.folder)


@pytest.fixture
def example(request: pytest.FixtureRequest, ours: None, tmp_path: Path, keys: Keys) -> Iterator[Example]:
    """The example that the test names."""
    need("sftp")
    running = Example(programs.example(request.param), tmp_path, keys)
    yield running
    running.end()


@pytest.mark.parametrize("example", ["embed"], indirect=True)
def check_embed(example: Example) -> None:
    """An application of its own serves a folder to the users of a users file."""
    example.sftp("alice", "get kept.log")
    assert (example.folder / "kept.log").read_text() == "log"


@pytest.mark.parametrize("example", ["handlers"], indirect=True)
def check_handlers(example: Example) -> None:
    """One handler refuses before, another tells afterwards."""
    (example.folder / "new.txt").write_text("new")
    assert "Permission denied" in example.sftp("alice", "rm kept.log", "put new.txt", "rm new.txt")
    assert [path.name for path in (example.folder / "files").iterdir()] == ["kept.log"]
    assert "alice put /new.txt: 3 bytes" in example.said()


@pytest.mark.parametrize("example", ["guests"], indirect=True)
def check_guests(example: Example) -> None:
    """An avatar of its own makes one user a guest who only reads."""
    (example.folder / "new.txt").write_text("new")
    example.sftp("guest", "get kept.log", "put new.txt", "rm kept.log", password="guest")
    assert (example.folder / "kept.log").exists()
    assert [path.name for path in (example.folder / "files").iterdir()] == ["kept.log"]
    example.sftp("alice", "put new.txt", password="wonderland")
    assert (example.folder / "files" / "new.txt").read_text() == "new"


@pytest.mark.parametrize("example", ["read_only_share"], indirect=True)
def check_read_only_share(example: Example) -> None:
    """Files can be fetched, and not changed; hidden ones are not there."""
    (example.folder / "files" / ".git").mkdir()
    (example.folder / "files" / ".git" / "config").write_text("secret")
    (example.folder / "new.txt").write_text("new")
    said = example.sftp("alice", "ls -1a", "get kept.log", "get .git/config", "cd .git", "put new.txt", "rm kept.log")
    assert "\nkept.log\n" in said
    assert (example.folder / "kept.log").read_text() == "log"
    assert not (example.folder / "config").exists()
    assert said.count("not found") == 1
    assert "No such file" in said
    assert said.count("Permission denied") == 2
    assert sorted(path.name for path in (example.folder / "files").iterdir()) == [".git", "kept.log"]


@pytest.mark.parametrize("example", ["audit_log"], indirect=True)
def check_audit_log(example: Example) -> None:
    """What clients do is written down: one that uploads under its name, and one that renames afterwards."""
    need("lftp")
    (example.folder / "new.txt").write_text("new")
    example.sftp("alice", "put new.txt", "get kept.log", "rm absent", "rm new.txt", "mkdir made")
    example.lftp("set xfer:use-temp-file yes", "put new.txt -o again.txt")
    lines = [json.loads(line) for line in (example.folder / "audit.log").read_text().splitlines()]
    told = [(line["event"], line["status"]) for line in lines if "status" in line]
    for event, status, count in (
        ("TransferFinished", "OK", 3),
        ("FileRemove", "OK", 1),
        ("DirCreate", "OK", 1),
        ("TransferRenamed", "OK", 1),
    ):
        assert told.count((event, status)) == count, told
    renamed = [line for line in lines if line["event"] == "TransferRenamed"]
    assert [(line["final_path"], line["bytes"], line["user"]) for line in renamed] == [("/again.txt", 3, "alice")]
    assert {line["host"] for line in lines if line["event"] == "Connected"} == {"127.0.0.1"}


@pytest.mark.parametrize("example", ["audit_log"], indirect=True)
def check_arrivals(example: Example) -> None:
    """Each of many files is told of once under its own name, whatever rclone calls it meanwhile (since 1.63)."""
    need("rclone")
    (example.folder / "many").mkdir()
    for number in range(40):
        (example.folder / "many" / f"{number}.txt").write_bytes(bytes(10_000 * number))
    example.rclone("copy", "--transfers", "8", "many", ":sftp:/many")
    lines = [json.loads(line) for line in (example.folder / "audit.log").read_text().splitlines()]
    uploads = [line for line in lines if line["event"] == "TransferFinished"]
    renamed = [line for line in lines if line["event"] == "TransferRenamed"]
    arrived = sorted(line["final_path"] for line in (*uploads, *renamed) if ".partial" not in line["final_path"])
    assert arrived == sorted(f"/many/{number}.txt" for number in range(40)), lines
    # Renamed in another session than that of the upload, or in the same.
    assert len(renamed) == sum(".partial" in line["path"] for line in uploads)


@pytest.mark.parametrize("example", ["quota"], indirect=True)
def check_quota(example: Example) -> None:
    """Uploads end where the folder is full: also resumed ones, and several at a time; what is removed makes room."""
    need("lftp")
    files = example.folder / "files"
    (example.folder / "large").write_bytes(bytes(900_000))
    (example.folder / "half").write_bytes(bytes(500_000))
    (example.folder / "part").write_bytes(bytes(100_000))
    example.sftp("alice", "put large", "put large", "put part")
    assert (files / "large").stat().st_size == 900_000
    assert _size(files) <= 1_000_000
    (example.folder / "part").write_bytes(bytes(300_000))
    assert "Failure" in example.sftp("alice", "reput part")
    assert _size(files) <= 1_000_000
    example.lftp("rm large part", "(put half -o one &) ; (put half -o two &) ; put half -o three; wait all")
    assert 700_000 < _size(files) <= 1_000_000
    example.sftp("alice", "rm one", "rm two", "rm three", "put large")
    assert (files / "large").stat().st_size == 900_000


@pytest.mark.parametrize("example", ["diverting"], indirect=True)
def check_diverting(example: Example) -> None:
    """Uploads land in the folder of the day, also those that are resumed, given a time or renamed afterwards."""
    need("lftp")
    (example.folder / "new.txt").write_text("new")
    os.utime(example.folder / "new.txt", (1_300_000_000, 1_300_000_000))
    example.sftp("alice", "put -p new.txt", "put new.txt old.txt", "rename old.txt kept.log")
    example.lftp("set xfer:use-temp-file yes", "put new.txt -o other.txt")
    (folder,) = (example.folder / "files").glob("20*/alice")
    assert sorted(path.name for path in folder.iterdir()) == ["kept.log", "new.txt", "other.txt"]
    assert {path.read_text() for path in folder.iterdir()} == {"new"}
    assert (folder / "new.txt").stat().st_mtime == 1_300_000_000
    assert (example.folder / "files" / "kept.log").read_text() == "log"


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def check_readme() -> None:
    """What the README shows is the first of the examples."""
    text = programs.example("embed").partition("\n\n")[2]
    assert f"```python\n{text}```" in (programs.PROJECT / "README.md").read_text()
