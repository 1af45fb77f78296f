"""
Real clients of users with permissions: a drop box, a share with one folder to write, and a folder that is hidden.

What they are refused they say, and none of them waits for something that never comes.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.servers import Keys, Server, start_program
from tests.interop.driving import need, run, scp, sftp

PROGRAM = Path(__file__).with_name("permission_server.py")
SHARE = {"/": "list read", "/incoming": "all", "/secret": "none"}

Begin = Callable[[dict[str, str]], Server]


@pytest.fixture
def root(ours: None, tmp_path: Path) -> Path:
    """What is served."""
    root = tmp_path / "served"
    for name in ("incoming", "secret", "pub/below"):
        (root / name).mkdir(parents=True)
    for name in ("incoming/old", "secret/plan", "pub/paper", "pub/below/note"):
        (root / name).write_text(name)
    (root / "incoming" / "out").symlink_to("../secret")
    return root


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """What is on the client's side."""
    local = tmp_path / "local"
    (local / "tree" / "sub").mkdir(parents=True)
    for name in ("new", "tree/one", "tree/sub/two"):
        (local / name).write_text(name)
    return local


@pytest.fixture
def begin(keys: Keys, root: Path, tmp_path: Path) -> Iterator[Begin]:
    """A function that starts a server whose users may do what is given."""
    need("sftp")
    with ExitStack() as stack:

        def begin(permissions: dict[str, str]) -> Server:
            server = start_program(keys, root, tmp_path, PROGRAM, PERMISSIONS=json.dumps(permissions))
            return stack.enter_context(server)

        yield begin


def said(server: Server, home: Path, *commands: str) -> str:
    """Return what `sftp` says to commands, each of which may fail."""
    return sftp(server, home, *(f"-{command}" for command in commands))


def rclone(server: Server, home: Path, *arguments: str, code: int = 0) -> str:
    """Run rclone with a remote `r`."""
    config = home / "rclone.conf"
    config.write_text(
        f"[r]\ntype = sftp\nhost = 127.0.0.1\nport = {server.port}\nuser = {server.user}\nshell_type = none\n"
        f"key_file = {server.keys.client}\nknown_hosts_file = {server.known_hosts()}\n"
    )
    return run(
        ["rclone", "--config", config, "--retries", "1", "--low-level-retries", "1", *arguments], home, code=code
    )


def lftp(server: Server, home: Path, *commands: str) -> str:
    """Carry out commands with lftp, each of which may fail."""
    program = (
        f"ssh -a -x -F none -oBatchMode=yes -oLogLevel=ERROR -oUserKnownHostsFile={server.known_hosts()}"
        f" -i {server.keys.client} -oIdentitiesOnly=yes"
    )
    settings = ["set net:max-retries 1", "set net:timeout 20", f'set sftp:connect-program "{program}"']
    opening = f"open -p {server.port} -u {server.user},none sftp://127.0.0.1/"
    return run(["lftp", "-c", "; ".join([*settings, opening, *commands, "exit 0"])], home)


def check_drop_box(begin: Begin, root: Path, local: Path) -> None:
    """OpenSSH uploads into a drop box, by sftp and scp, and gets nothing out of it and nothing changed."""
    server = begin({"/incoming": "create mkdir"})
    text = said(server, local, "cd incoming", "put new", "put -R tree", "ls -1")
    assert "ermission denied" in text
    assert (root / "incoming" / "new").read_text() == "new"
    assert (root / "incoming" / "tree" / "sub" / "two").read_text() == "tree/sub/two"
    scp(server, local, "tree/one", ":/incoming/by_scp")
    assert (root / "incoming" / "by_scp").read_text() == "tree/one"
    (local / "new").write_text("changed")
    for command in (
        "put new incoming/new", "put new incoming/old", "get incoming/old got", "rm incoming/old", "ls -1 incoming/",
        "rename incoming/old incoming/x", "chmod 777 incoming/old", "ln -s old incoming/link", "rmdir incoming/tree",
        "ln incoming/old incoming/hard", "cp incoming/old incoming/copy",
    ):  # fmt: skip
        assert "ermission denied" in said(server, local, command), command
    scp(server, local, "new", ":/incoming/new", code=1)
    assert not (local / "got").exists()
    assert (root / "incoming" / "new").read_text() == "new"
    text = said(server, local, "ls -1 /", "ls -la /pub", "stat /pub")
    assert "incoming" in text
    assert "secret" not in text and "not found" in text


def check_share(begin: Begin, root: Path, local: Path) -> None:
    """OpenSSH reads a share, writes in the one folder where it may, and finds nothing of what is hidden."""
    server = begin(SHARE)
    text = said(server, local, "ls -1 /", "get -R /pub", "put -p new /incoming/new", "df /pub", "put new /pub/new")
    assert [line for line in text.splitlines() if line.startswith("/")] == ["/incoming", "/pub"]
    assert "ermission denied" in text
    assert (local / "pub" / "below" / "note").read_text() == "pub/below/note"
    assert (root / "incoming" / "new").read_text() == "new"
    assert not (root / "pub" / "new").exists()
    for command in (
        "ls /secret", "cd /secret", "get /secret/plan got", "get /incoming/out/plan got", "ls /incoming/out/plan",
        "rename /secret/plan /incoming/plan", "ln /secret/plan /incoming/plan", "ln -s ../secret/plan /incoming/l",
        "cp /secret/plan /incoming/plan", "rm /secret/plan", "put new /secret/new", "mkdir /secret/d",
        "rename /incoming /secret", "rm /pub/paper", "chmod 777 /pub/paper", "ln /pub/paper /incoming/paper",
    ):  # fmt: skip
        text = said(server, local, command)
        assert "ermission denied" in text or "not found" in text or "No such file" in text, (command, text)
        assert "plan\n" not in text.replace(command, "")
    assert not (local / "got").exists()
    assert [path.name for path in (root / "secret").iterdir()] == ["plan"]
    assert sorted(path.name for path in (root / "incoming").iterdir()) == ["new", "old", "out"]


def check_lftp(begin: Begin, root: Path, local: Path) -> None:
    """lftp mirrors what it may see, both ways, and comes to its end where it may not."""
    need("lftp")
    server = begin(SHARE)
    text = lftp(server, local, "mirror / all", "mirror -R tree /incoming/tree", "mirror -R tree /pub/tree", "cls -1 /")
    assert sorted(path.name for path in (local / "all").iterdir()) == ["incoming", "pub"]
    assert (local / "all" / "pub" / "below" / "note").read_text() == "pub/below/note"
    assert (root / "incoming" / "tree" / "sub" / "two").read_text() == "tree/sub/two"
    assert not (root / "pub" / "tree").exists()
    assert "No such file (/pub/tree)" in text
    assert "secret" not in text


def check_lftp_drop_box(begin: Begin, root: Path, local: Path) -> None:
    """lftp puts into a drop box, with the file's time, and says that it may not look."""
    need("lftp")
    server = begin({"/incoming": "create mkdir"})
    text = lftp(server, local, "cd /incoming", "put new", "put tree/one", "cls -1", "get old")
    assert (root / "incoming" / "new").read_text() == "new"
    assert (root / "incoming" / "one").read_text() == "tree/one"
    assert int((root / "incoming" / "one").stat().st_mtime) == int((local / "tree" / "one").stat().st_mtime)
    assert text.count("Permission denied") == 2
    assert not (local / "old").exists()


def check_rclone(begin: Begin, root: Path, local: Path) -> None:
    """rclone copies both ways where it may, says what it may not, and ends."""
    need("rclone")
    server = begin(SHARE)
    listed = rclone(server, local, "lsf", "-R", "--skip-links", "r:/")
    assert "pub/below/note" in listed.splitlines()
    assert "secret" not in listed
    rclone(server, local, "copy", "tree", "r:/incoming/tree")
    assert (root / "incoming" / "tree" / "sub" / "two").read_text() == "tree/sub/two"
    rclone(server, local, "sync", "r:/pub", "copy")
    assert (local / "copy" / "below" / "note").read_text() == "pub/below/note"
    assert "denied" in rclone(server, local, "copy", "tree", "r:/pub/tree", code=1)
    assert "denied" in rclone(server, local, "deletefile", "r:/pub/paper", code=1)
    assert "not found" in rclone(server, local, "lsf", "r:/secret", code=3)
    assert not (root / "pub" / "tree").exists()


def check_rclone_upload(begin: Begin, root: Path, local: Path) -> None:
    """What the word `upload` allows is what rclone's uploads take."""
    need("rclone")
    server = begin({"/": "list", "/incoming": "list upload"})
    for _ in range(2):
        rclone(server, local, "copy", "tree", "r:/incoming/tree")
        (local / "tree" / "one").write_text("changed")
    assert (root / "incoming" / "tree" / "one").read_text() == "changed"
    assert "denied" in rclone(server, local, "cat", "r:/incoming/tree/one", code=1)


def check_temporary_names(begin: Begin, root: Path, local: Path) -> None:
    """The word `upload` is what a client takes that uploads under another name, renames, and sets the times."""
    need("rclone")
    server = begin({"/incoming": "upload list"})
    text = said(
        server,
        local,
        "put new /incoming/new.filepart",
        "rename /incoming/new.filepart /incoming/new",
        "put new /incoming/new.filepart",
        "rename /incoming/new.filepart /incoming/new",
        "put -p new /incoming/kept",
    )
    # With its times `put -p` sets the mode, too, and that is another word; the file is there.
    assert text.count("ermission denied") == 1
    assert sorted(path.name for path in (root / "incoming").iterdir()) == ["kept", "new", "old", "out"]
