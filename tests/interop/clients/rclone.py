"""
rclone, with the sftp backend of Go's x/crypto and pkg/sftp.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from tests.interop.clients.client import Client, printed_version
from tests.interop.driving import Place, run
from tests.interop.operations import Step

_UP = ("copyto", "source", ":arrived")
_DOWN = ("copyto", ":source", "arrived")


def rclone(place: Place, *arguments: str | Path, by_password: bool = False, code: int = 0) -> str:
    """Run rclone by key or by password; what begins with a colon is on the server, in the place's folder."""
    command = [*rclone_command(place, by_password=by_password), *rclone_paths(place, arguments)]
    return run(command, place.local, code=code)


def rclone_command(place: Place, *, by_password: bool = False) -> list[str | Path]:
    """Return the command with the options of the connection."""
    server = place.server
    address = ["--sftp-host", "127.0.0.1", "--sftp-port", str(server.port), "--sftp-user", server.user]
    proof: list[str | Path] = ["--sftp-key-file", server.keys.client]
    if by_password:
        proof = ["--sftp-pass", run(["rclone", "obscure", server.password], place.local).strip()]
    common = ["rclone", "--config", "/dev/null", "--retries", "1", "--low-level-retries", "1"]
    return [*common, *address, *proof, "--sftp-known-hosts-file", server.known_hosts()]


def rclone_paths(place: Place, arguments: Sequence[str | Path]) -> list[str | Path]:
    """Return arguments with those that begin with a colon as rclone writes them."""
    return [f":sftp:{place.remote}/{part[1:]}" if str(part).startswith(":") else part for part in arguments]


def _step(*commands: tuple[str, ...], code: int = 0, by_password: bool = False) -> Step:
    def step(place: Place) -> str:
        return "".join(rclone(place, *command, code=code, by_password=by_password) for command in commands)

    return step


def _list(place: Place) -> dict[str, tuple[str, int]]:
    return {
        entry["Path"]: ("d" if entry["IsDir"] else "-", entry["Size"])
        for entry in json.loads(rclone(place, "lsjson", ":"))
    }


def _rename_over(place: Place) -> bool:
    rclone(place, "moveto", ":source", ":arrived")
    return True


_TREE_BOTH = (("copy", "source", ":arrived"), ("copy", ":source", "arrived"))

CLIENT = Client(
    name="rclone",
    version=lambda: printed_version("rclone", "version"),
    needs=("rclone",),
    steps={
        "upload": _step(_UP),
        "download": _step(_DOWN),
        "replace": _step(_UP),
        "empty": _step(_UP, _DOWN),
        "parallel": _step(*((*command, "--transfers", "4") for command in _TREE_BOTH)),
        "list": _list,
        "list_many": _list,
        "folders": _step(("mkdir", ":made"), ("rmdir", ":folder"), ("deletefile", ":file")),
        "rename": _step(("moveto", ":source", ":arrived")),
        "rename_over": _rename_over,
        "tree_up": _step(("copy", "--create-empty-src-dirs", "source", ":arrived")),
        "tree_down": _step(("copy", "--create-empty-src-dirs", ":source", "arrived")),
        "remove_tree": _step(("purge", ":source")),
        "time_up": _step(_UP),
        "time_down": _step(_DOWN),
        "space": lambda place: json.loads(rclone(place, "about", "--json", ":"))["total"],
        "odd_names": _step(*_TREE_BOTH),
        "latin_name": _step(*_TREE_BOTH),
        "missing": _step(("copyto", ":absent", "arrived"), code=3),
        "refused": _step(_UP, code=1),
        "password": _step(_DOWN, by_password=True),
    },
    cannot={
        "resume_upload": "it begins a file again",
        "resume_download": "it begins a file again",
        "copy": "it sends what it has fetched",
        "chmod": "it has no command for that",
        "symlink": "it follows links, and makes none",
    },
)
