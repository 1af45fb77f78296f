"""
What is particular to a library of another language; `check_matrix` has what it shares with the other clients.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from bench.servers import Server
from tests.interop.clients.driver import Driver
from tests.interop.clients.libraries import CLIENTS, FOREIGN, JSCH, NODE, PHPSECLIB, RUBY
from tests.interop.driving import Place, need, same, unavailable

MIB = 1 << 20


def _source(place: Place, size: int = 2 * MIB + 7) -> Path:
    (place.local / "source").write_bytes(os.urandom(size))
    return place.local / "source"


def present(name: str) -> None:
    client = next(client for client in CLIENTS if client.name == name)
    need(*client.needs)
    if not client.version():
        unavailable(f"missing: {name}")


def _refused(driver: Driver, place: Place, command: str) -> str:
    return driver(place, command, code=1).lower()


def check_foreign_uploads(ours: None, place: Place) -> None:
    """Net::SFTP::Foreign uploads atomically, sparsely, with a mode that forbids writing, and over nothing."""
    present("Net::SFTP::Foreign")
    source = _source(place)
    (place.served / "kept").write_text("old")
    old_inode = (place.served / "kept").stat().st_ino
    FOREIGN(place, "put_atomic source :kept", "put_late source :late", "put_new source :new")
    assert "exist" in _refused(FOREIGN, place, "put_new source :new")
    assert (place.served / "kept").stat().st_ino != old_inode, "written in place"
    assert stat.S_IMODE((place.served / "late").stat().st_mode) == 0o400
    assert sorted(os.listdir(place.served)) == ["kept", "late", "new"]
    for name in os.listdir(place.served):
        same(source, place.served / name)
    with (place.local / "holes").open("wb") as holes:
        holes.truncate(5 * MIB)
        holes.write(b"at the beginning")
    FOREIGN(place, "put_sparse holes :holes")
    same(place.local / "holes", place.served / "holes")
    assert (place.served / "holes").stat().st_blocks * 512 < MIB


def check_foreign_queues(place: Place) -> None:
    """Net::SFTP::Foreign brings files with one request under way and with hundreds, by wildcards too."""
    present("Net::SFTP::Foreign")
    (place.served / "sub").mkdir()
    for number in range(5):
        (place.served / "sub" / f"file{number}").write_bytes(os.urandom(MIB + number))
    queues = (1, 8, 300)
    for queue in queues:
        (place.local / str(queue)).mkdir()
    FOREIGN(place, *(f"get_matching :sub/f* {queue} {queue}" for queue in queues))
    for queue in queues:
        same(place.served / "sub", place.local / str(queue))
    assert len(FOREIGN(place, "find :").split()) == 1 + 1 + 5
    found = FOREIGN(place, "glob :*/file[13]").split()
    assert sorted(found) == [f"{place.remote}/sub/file{number}" for number in (1, 3)]


def check_foreign_open_file(place: Place) -> None:
    """Net::SFTP::Foreign writes into the middle of an open file, synchronizes it, cuts it, and asks about it."""
    present("Net::SFTP::Foreign")
    (place.served / "file").write_bytes(b"." * 100)
    assert FOREIGN(place, "write_at :file 10 middle 40").split()[0] == "40"
    assert (place.served / "file").read_bytes() == b"." * 10 + b"middle" + b"." * 24
    FOREIGN(place, "truncate 5 :file", "touch 1000000000 :file", "make_path :a/b/c", "make_path :a/b/c/d")
    assert (place.served / "file").stat().st_mtime == 1_000_000_000
    assert (place.served / "file").read_bytes() == b"....." and (place.served / "a/b/c/d").is_dir()


def check_foreign_renames(place: Place) -> None:
    """Net::SFTP::Foreign replaces a file by a rename where that is asked for."""
    present("Net::SFTP::Foreign")
    for command in ("replace", "overwrite"):
        for name in ("one", "two"):
            (place.served / name).write_text(name)
        FOREIGN(place, f"{command} :one :two")
        assert (place.served / "two").read_text() == "one" and os.listdir(place.served) == ["two"]


def check_node_transfers(place: Place) -> None:
    """ssh2-sftp-client moves a file by each of its means: streams, many requests at once, and through itself."""
    present("ssh2-sftp-client")
    source = _source(place, MIB + 7)
    NODE(place, "put_stream source :stream", "put_fast source :fast", "copy :fast :copied", "get_fast :copied back")
    for name in ("stream", "fast", "copied"):
        same(source, place.served / name)
    same(source, place.local / "back")


def check_node_folders(ours: None, place: Place) -> None:
    """ssh2-sftp-client makes folders with those above them, finds out what is there, and takes trees slowly, too."""
    present("ssh2-sftp-client")
    (place.local / "tree" / "sub").mkdir(parents=True)
    for name in ("one", "sub/two"):
        (place.local / "tree" / name).write_bytes(os.urandom(50_000))
    asked = ("exists :a/b", "exists :arrived/one", "exists :absent", "real_path :a/../a/b")
    said = NODE(
        place, "make_path :a/b/c", "put_tree_slow tree :arrived", "get_tree_slow :arrived back", "rmdir :a/b/c", *asked
    )
    assert said.split() == ["d", "-", "false", f"{place.remote}/a/b"]
    same(place.local / "tree", place.served / "arrived")
    same(place.local / "tree", place.local / "back")
    assert "not exist" in _refused(NODE, place, "mkdir :absent/below")
    assert "not empty" in _refused(NODE, place, "rmdir :a")


def check_node_rename(place: Place) -> None:
    """ssh2-sftp-client replaces a file with posixRename."""
    present("ssh2-sftp-client")
    for name in ("one", "two"):
        (place.served / name).write_text(name)
    NODE(place, "replace :one :two")
    assert (place.served / "two").read_text() == "one" and os.listdir(place.served) == ["two"]


def check_jsch_folders(ours: None, compatible_server: Server, make_place: Callable[[Server], Place]) -> None:
    """JSch changes its folder, also above the root, and its answers say what is wrong."""
    present("JSch")
    place = make_place(compatible_server)
    (place.served / "folder").mkdir()
    assert JSCH(place, "cd :folder", "cd ..", "real_path folder", "cd /../..").split()[-1] == "/"
    assert "no such file" in _refused(JSCH, place, "cd :absent")
    assert "exist" in _refused(JSCH, place, "mkdir :folder")


def check_phpseclib(place: Place) -> None:
    """phpseclib makes folders with those above them, writes texts, cuts files, and finds out what is there."""
    present("phpseclib")
    said = PHPSECLIB(
        place, "version", "make_path :a/b/c", "put_text hello :a/b/file", "truncate 4 :a/b/file", "exists :a/b/file",
        "exists :absent", "real_path :a/b/../b",
    )  # fmt: skip
    assert said.split() == ["3", "yes", "no", f"{place.remote}/a/b"]
    assert (place.served / "a/b/file").read_text() == "hell"
    assert "no such file" in _refused(PHPSECLIB, place, "get :absent back")


def check_ruby(compatible_server: Server, make_place: Callable[[Server], Place]) -> None:
    """net-sftp asks for version 6 of SFTP, takes what it gets, and finds files by a pattern."""
    present("net-sftp")
    place = make_place(compatible_server)
    for name in ("one.txt", "sub/two.txt", "sub/other"):
        (place.served / name).parent.mkdir(exist_ok=True)
        (place.served / name).touch()
    version, *found = RUBY(place, "version", "glob : **/*.txt").split()
    assert (version, sorted(found)) == ("3", ["one.txt", "sub/two.txt"])
