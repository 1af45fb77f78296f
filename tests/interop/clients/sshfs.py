"""
sshfs: a folder of the server is mounted, and every program reads and writes files there.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.openssh import options
from bench.servers import Server
from tests.interop.clients.client import Client, printed_version
from tests.interop.driving import Place, ask_password, need, run
from tests.interop.operations import Step

_BY_PASSWORD = ("-oPubkeyAuthentication=no", "-oPreferredAuthentications=password")


@contextmanager
def mounted(server: Server, home: Path, remote: str, *how: str, password: bool = False) -> Iterator[Path]:
    """
    Give the folder in which a remote one is mounted; it is unmounted at the end of the block.

    Where there is no /dev/fuse, as in many containers, the test is skipped, even with CI set.

    Args:
        how: options of sshfs.
        password: log in by password.
    """
    need("sshfs", "fusermount3", "ssh")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("no /dev/fuse")
    point = home / "mount"
    point.mkdir()
    program = " ".join(["ssh", *options(server, _BY_PASSWORD if password else ("-oBatchMode=yes",))])
    more = [part for each in (f"ssh_command={program}", f"port={server.port}", *how) for part in ("-o", each)]
    place = Place(server=server, local=home, served=server.root, remote=remote)
    answer = ask_password(place) if password else {}
    run(["sshfs", f"{server.user}@127.0.0.1:{remote}", point, *more], home, **answer)
    try:
        yield point
    finally:
        # Even if a test that failed has left a file open.
        run(["fusermount3", "-u", "-z", point], home)
        point.rmdir()


def _step(work: Callable[[Path, Path], Any], *, password: bool = False) -> Step:
    def step(place: Place) -> Any:
        with mounted(place.server, place.local, place.remote, password=password) as there:
            return work(there, place.local)

    return step


def _programs(*commands: str) -> Step:
    def work(there: Path, here: Path) -> str:
        # What begins with a colon is in the mount.
        filled = [[f"{there}/{word[1:]}" if word[0] == ":" else word for word in each.split(" ")] for each in commands]
        return "".join(run(command, here) for command in filled)

    return _step(work)


def _refusal(*words: str) -> Step:
    def work(there: Path, here: Path) -> str:
        return run([f"{there}/{word[1:]}" if word[0] == ":" else word for word in words], here, code=1)

    return _step(work)


def _append(there: Path, here: Path) -> None:
    with (here / "source").open("rb") as source, (there / "arrived").open("ab") as arrived:
        shutil.copyfileobj(source, arrived)


def _resume(source: Path, arrived: Path) -> None:
    with source.open("rb") as file, arrived.open("r+b") as target:
        file.seek(target.seek(0, os.SEEK_END))
        shutil.copyfileobj(file, target)


def _kind(path: Path) -> str:
    return "l" if path.is_symlink() else "d" if path.is_dir() else "-"


def _list(there: Path, here: Path) -> dict[str, tuple[str, int]]:
    return {path.name: (_kind(path), path.lstat().st_size) for path in there.iterdir()}


def _rename_over(there: Path, here: Path) -> bool:
    (there / "source").rename(there / "arrived")
    return True


def _space(there: Path, here: Path) -> int:
    space = os.statvfs(there)
    return space.f_blocks * space.f_frsize


def _folders(there: Path, here: Path) -> None:
    (there / "made").mkdir()
    (there / "folder").rmdir()
    (there / "file").unlink()


_TREES = ("cp -r source :arrived", "cp -r :source arrived")

CLIENT = Client(
    name="sshfs",
    version=lambda: printed_version("sh", "-c", "sshfs -V | grep SSHFS"),  # it tells those of other things, too
    needs=("sshfs", "fusermount3", "ssh"),
    steps={
        "upload": _programs("cp source :arrived"),
        "download": _programs("cp :source arrived"),
        "replace": _programs("cp source :arrived"),
        "resume_upload": _step(lambda there, here: _resume(here / "source", there / "arrived")),
        "resume_download": _step(lambda there, here: _resume(there / "source", here / "arrived")),
        "append": _step(_append),
        "empty": _programs("cp source :arrived", "cp :source arrived"),
        "parallel": _programs(*_TREES),
        "list": _step(_list),
        "list_many": _step(lambda there, here: os.listdir(there)),
        "folders": _step(_folders),
        "rename": _programs("mv :source :arrived"),
        "rename_over": _step(_rename_over),
        "tree_up": _programs("cp -r source :arrived"),
        "tree_down": _programs("cp -r :source arrived"),
        "remove_tree": _programs("rm -r :source"),
        "chmod": _programs("chmod 604 :source"),
        "time_up": _programs("cp -p source :arrived"),
        "time_down": _programs("cp -p :source arrived"),
        "symlink": _programs("ln -s source :link"),
        "read_link": _step(lambda there, here: os.readlink(there / "link")),
        "hard_link": _programs("ln :source :link"),
        "space": _step(_space),
        "odd_names": _programs(*_TREES),
        "latin_name": _programs(*_TREES),
        "missing": _refusal("cp", ":absent", "arrived"),
        "refused": _refusal("cp", "source", ":arrived"),
        "password": _step(lambda there, here: shutil.copy(there / "source", here / "arrived"), password=True),
    },
    cannot={"copy": "the data passes through the mount"},
)
