"""
OpenSSH's `sftp` and `scp`: what the matrix has no column for, compared on disk.
"""

import os
import stat
from pathlib import Path

import pytest

from bench.openssh import subsystem
from bench.servers import Server
from tests.interop.driving import BY_PASSWORD, Place, ask_password, need, run, same, scp, sftp

MIB = 1 << 20


@pytest.fixture(autouse=True)
def client() -> None:
    """The client whose tests these are."""
    need("ssh", "sftp", "scp")


def _random(path: Path, size: int) -> Path:
    path.write_bytes(os.urandom(size))
    return path


def check_wrong_password(ours: None, server: Server, place: Place) -> None:
    """A wrong password is refused, and the client says why."""
    extra = (*BY_PASSWORD, "-oNumberOfPasswordPrompts=1")
    said = sftp(server, place.local, "pwd", extra=extra, code=255, **ask_password(place, "wrong"))
    assert "Permission denied" in said


def check_asked_for_the_password(ours: None, server: Server, place: Place) -> None:
    """The same password by keyboard-interactive; a wrong answer is refused."""
    extra = (*BY_PASSWORD[:2], "-oPreferredAuthentications=keyboard-interactive")
    (place.served / "there").touch()
    said = sftp(server, place.local, f"ls {place.remote}", extra=extra, **ask_password(place))
    assert "there" in said
    wrong = ask_password(place, "wrong")
    said = sftp(server, place.local, "pwd", extra=(*extra, "-oNumberOfPasswordPrompts=2"), code=255, **wrong)
    assert "Permission denied" in said


def check_many_files(server: Server, place: Place) -> None:
    """A tree of many small files goes both ways with its modes and times."""
    tree = place.local / "tree"
    for number in range(600):
        # More in each than one reply of READDIR names.
        folder = tree / f"folder {number % 4}"
        folder.mkdir(parents=True, exist_ok=True)
        path = _random(folder / f"file {number}", number)
        path.chmod(0o640 if number % 2 else 0o755)
        os.utime(path, (1_600_000_000 + number, 1_500_000_000 + number))
    sftp(server, place.local, f"put -rp tree {place.remote}/", f"get -rp {place.remote}/tree back", seconds=120)
    for copy in (place.served / "tree", place.local / "back"):
        same(tree, copy)
        for path in tree.rglob("file *"):
            expected, found = path.stat(), (copy / path.relative_to(tree)).stat()
            assert (found.st_mode, int(found.st_mtime)) == (expected.st_mode, int(expected.st_mtime)), path


def check_old_rename(server: Server, place: Place) -> None:
    """`rename -l`, the old request, replaces nothing; `rename` does, by posix-rename, as the matrix shows."""
    for name in ("first", "second"):
        (place.served / name).write_text(name)
    there = place.remote
    sftp(server, place.local, f"rename -l {there}/first {there}/second", code=1)
    sftp(server, place.local, f"rename -l {there}/second {there}/third")
    assert {path.name: path.read_text() for path in place.served.iterdir()} == {"first": "first", "third": "second"}


def check_through_a_link(server: Server, place: Place) -> None:
    """`get` of a symbolic link brings what it leads to."""
    (place.served / "target").write_text("content")
    (place.served / "link").symlink_to("target")
    sftp(server, place.local, f"get {place.remote}/link followed")
    assert (place.local / "followed").read_text() == "content"


def check_listing(server: Server, place: Place) -> None:
    """`ls -l` shows type, mode, size, year and name of each entry."""
    (place.served / "a file").write_bytes(bytes(12345))
    (place.served / "a file").chmod(0o640)
    os.utime(place.served / "a file", (1_000_000_000, 1_000_000_000))
    (place.served / "folder").mkdir(mode=0o755)
    (place.served / "link").symlink_to("a file")
    lines = sftp(server, place.local, f"ls -la {place.remote}").splitlines()[1:]
    shown = {line.split(None, 8)[8].rpartition("/")[2]: line.split(None, 8) for line in lines}
    assert {"a file", "folder", "link"} <= set(shown)
    assert shown["a file"][0].startswith("-rw-r-----")
    assert (shown["a file"][4], shown["a file"][7]) == ("12345", "2001")
    assert (shown["folder"][0][0], shown["link"][0][0]) == ("d", "l")


def check_folders_and_removal(server: Server, place: Place) -> None:
    """A folder is made once, and removed only when empty; files are removed by pattern."""
    there = place.remote
    sftp(server, place.local, f"mkdir {there}/folder", f"-mkdir {there}/folder", f"cd {there}/folder", "pwd")
    for name in ("one", "two", "keep"):
        (place.served / "folder" / name).touch()
    sftp(server, place.local, f"rm {there}/folder/[ot]*")
    assert os.listdir(place.served / "folder") == ["keep"]
    sftp(server, place.local, f"rmdir {there}/folder", code=1)
    sftp(server, place.local, f"rm {there}/folder/keep", f"rmdir {there}/folder")
    assert not (place.served / "folder").exists()


def check_scp(server: Server, place: Place) -> None:
    """`scp -p` keeps content, mode and times both ways and ends with 0, which needs exit-status."""
    source = _random(place.local / "source", 2 * MIB + 5)
    source.chmod(0o640)
    os.utime(source, (1_400_000_000, 1_300_000_000))
    scp(server, place.local, "-p", source, f":{place.remote}/arrived")
    scp(server, place.local, "-p", f":{place.remote}/arrived", "back")
    for copy in (place.served / "arrived", place.local / "back"):
        same(source, copy)
        found = copy.stat()
        assert (stat.S_IMODE(found.st_mode), found.st_mtime) == (0o640, 1_300_000_000)


def check_scp_failures(server: Server, place: Place) -> None:
    """`scp` ends with a code other than 0 when the file or the folder is missing."""
    _random(place.local / "source", 10)
    scp(server, place.local, f":{place.remote}/absent", "back", code=1)
    scp(server, place.local, "source", f":{place.remote}/absent/arrived", code=1)


def check_scp_from_home(ours: None, server: Server, place: Place) -> None:
    """`scp host:~/name` works: the path is expanded by the server."""
    source = _random(place.served / "source", 100)
    scp(server, place.local, f":~/{place.served.name}/source", "back")
    same(source, place.local / "back")


def check_exit_code_of_the_subsystem(server: Server, place: Place) -> None:
    """A client that closes its end at once sees the subsystem end with 0."""
    run(subsystem(server), place.local)


def check_only_sftp_is_served(ours: None, server: Server, place: Place) -> None:
    """Who wants a command or a shell is told that there is none, without an account of the machine being touched."""
    command = [part for part in subsystem(server) if part not in ("-s", "sftp")]
    for request in (["true"], ["md5sum", "/f"], []):
        assert run([*command, *request], place.local, code=1) == "This service allows SFTP only.\n"


def check_old_scp(ours: None, server: Server, place: Place) -> None:
    """`scp -O` fails both ways, and says what to leave out; nothing is left behind."""
    _random(place.local / "source", 10)
    for names in (("source", f":{place.remote}/arrived"), (f":{place.remote}/arrived", "back")):
        assert "leave out -O" in scp(server, place.local, "-O", *names, code=1)
    assert not (place.served / "arrived").exists()
    assert not (place.local / "back").exists()
