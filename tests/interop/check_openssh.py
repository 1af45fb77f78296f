"""
OpenSSH's `sftp` and `scp`: every command that people use, compared on disk.
"""

import os
import stat
from pathlib import Path

import pytest

from bench.openssh import subsystem
from bench.servers import Server
from tests.interop.driving import Place, need, run, same, scp, sftp

MIB = 1 << 20


@pytest.fixture(autouse=True)
def client() -> None:
    """The client whose tests these are."""
    need("ssh", "sftp", "scp")


def _random(path: Path, size: int) -> Path:
    path.write_bytes(os.urandom(size))
    return path


def _askpass(place: Place, password: str) -> dict[str, str]:
    """Return the environment in which ssh takes a password without a terminal."""
    script = place.local / "askpass"
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$ANSWER"\n')
    script.chmod(0o700)
    return {"SSH_ASKPASS": str(script), "SSH_ASKPASS_REQUIRE": "force", "ANSWER": password}


_BY_PASSWORD = ("-oBatchMode=no", "-oPubkeyAuthentication=no", "-oPreferredAuthentications=password")


def check_password_login(ours: None, server: Server, place: Place) -> None:
    """A user of the users file logs in by password."""
    source = _random(place.local / "source", 100)
    answer = _askpass(place, server.password)
    sftp(server, place.local, f"put {source} {place.remote}/arrived", extra=_BY_PASSWORD, **answer)
    same(source, place.served / "arrived")


def check_wrong_password(ours: None, server: Server, place: Place) -> None:
    """A wrong password is refused, and the client says why."""
    extra = (*_BY_PASSWORD, "-oNumberOfPasswordPrompts=1")
    said = sftp(server, place.local, "pwd", extra=extra, code=255, **_askpass(place, "wrong"))
    assert "Permission denied" in said


def check_asked_for_the_password(ours: None, server: Server, place: Place) -> None:
    """The same password by keyboard-interactive; a wrong answer is refused."""
    extra = (*_BY_PASSWORD[:2], "-oPreferredAuthentications=keyboard-interactive")
    (place.served / "there").touch()
    said = sftp(server, place.local, f"ls {place.remote}", extra=extra, **_askpass(place, server.password))
    assert "there" in said
    wrong = _askpass(place, "wrong")
    said = sftp(server, place.local, "pwd", extra=(*extra, "-oNumberOfPasswordPrompts=2"), code=255, **wrong)
    assert "Permission denied" in said


def check_put_and_get(server: Server, place: Place) -> None:
    """A file comes back as it was sent; so does an empty one, and one whose size is no multiple of anything."""
    for name, size in (("empty", 0), ("one", 1), ("large", 20 * MIB + 12345)):
        source = _random(place.local / name, size)
        back = place.local / f"{name}.back"
        sftp(server, place.local, f"put {source} {place.remote}/{name}", f"get {place.remote}/{name} {back}")
        same(source, place.served / name)
        same(source, back)


def check_resume(server: Server, place: Place) -> None:
    """`reput` and `reget` go on where an interrupted transfer stopped."""
    source = _random(place.local / "source", 5 * MIB + 7)
    data = source.read_bytes()
    (place.served / "arrived").write_bytes(data[: 2 * MIB + 3])
    back = place.local / "back"
    back.write_bytes(data[:MIB])
    sftp(server, place.local, f"reput {source} {place.remote}/arrived", f"reget {place.remote}/arrived {back}")
    same(source, place.served / "arrived")
    same(source, back)


def check_two_thousand_files(server: Server, place: Place) -> None:
    """A tree of many small files goes both ways with its modes and times."""
    tree = place.local / "tree"
    for number in range(2000):
        folder = tree / f"folder {number % 20:02d}"
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


def check_rename(server: Server, place: Place) -> None:
    """`rename` replaces a target by posix-rename; the old request, `rename -l`, refuses to."""
    for name in ("first", "second", "third"):
        (place.served / name).write_text(name)
    there = place.remote
    sftp(server, place.local, f"rename {there}/first {there}/moved", f"rename {there}/moved {there}/second")
    assert (place.served / "second").read_text() == "first"
    sftp(server, place.local, f"rename -l {there}/second {there}/third", code=1)
    assert (place.served / "third").read_text() == "third"
    assert sorted(os.listdir(place.served)) == ["second", "third"]


def check_modes_and_links(server: Server, place: Place) -> None:
    """`chmod`, `ln` and `ln -s` do on the server's disk what they say."""
    target = place.served / "target"
    target.write_text("content")
    there = place.remote
    sftp(
        server,
        place.local,
        f"chmod 0604 {there}/target",
        f"ln -s target {there}/symbolic",
        f"ln {there}/target {there}/hard",
        f"get {there}/symbolic followed",
    )
    assert stat.S_IMODE(target.stat().st_mode) == 0o604
    assert os.readlink(place.served / "symbolic") == "target"
    assert (place.served / "hard").samefile(target)
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


def check_large_listing(server: Server, place: Place) -> None:
    """A folder of more names than one reply can hold is listed whole, each name once."""
    for number in range(3000):
        (place.served / f"entry {number}").touch()
    lines = sftp(server, place.local, f"ls -1 {place.remote}").splitlines()[1:]
    assert sorted(line.rpartition("/")[2] for line in lines) == sorted(os.listdir(place.served))


def check_space(server: Server, place: Place) -> None:
    """`df` shows the size of the file system that holds the folder."""
    numbers = sftp(server, place.local, f"df {place.remote}").splitlines()[2].split()
    space = os.statvfs(place.served)
    assert int(numbers[0]) == space.f_blocks * space.f_frsize // 1024


def check_copy_on_the_server(server: Server, place: Place) -> None:
    """`cp` copies without the data passing through the client."""
    source = _random(place.served / "source", 3 * MIB + 1)
    sftp(server, place.local, f"cp {place.remote}/source {place.remote}/copy")
    same(source, place.served / "copy")


def check_folders_and_removal(server: Server, place: Place) -> None:
    """Folders are made once and removed empty; files are removed by pattern."""
    there = place.remote
    sftp(server, place.local, f"mkdir {there}/folder", f"-mkdir {there}/folder", f"cd {there}/folder", "pwd")
    for name in ("one", "two", "keep"):
        (place.served / "folder" / name).touch()
    sftp(server, place.local, f"rm {there}/folder/[ot]*")
    assert os.listdir(place.served / "folder") == ["keep"]
    sftp(server, place.local, f"rmdir {there}/folder", code=1)
    sftp(server, place.local, f"rm {there}/folder/keep", f"rmdir {there}/folder")
    assert not (place.served / "folder").exists()


def check_what_is_missing(server: Server, place: Place) -> None:
    """A missing file is called so, and the batch fails."""
    said = sftp(server, place.local, f"get {place.remote}/absent", code=1)
    assert "not found" in said or "No such file" in said


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


def check_scp_of_a_tree(server: Server, place: Place) -> None:
    """`scp -r` takes a tree to a folder that is not there yet, and back."""
    tree = place.local / "tree"
    for number in range(30):
        folder = tree / f"sub{number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        _random(folder / f"file {number}", 1000 * number)
    scp(server, place.local, "-r", tree, f":{place.remote}/arrived")
    scp(server, place.local, "-r", f":{place.remote}/arrived", "back")
    same(tree, place.served / "arrived")
    same(tree, place.local / "back")


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
    """A command and a shell are refused, without an account of the machine being touched."""
    command = [part for part in subsystem(server) if part not in ("-s", "sftp")]
    for request in (["true"], []):
        run([*command, *request], place.local, code=255)
