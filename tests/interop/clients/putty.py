"""
PuTTY's `psftp` and `pscp`, which bring their own SSH.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.servers import Server
from tests.interop.clients.client import Client, printed_version
from tests.interop.driving import Place, long_names, run
from tests.interop.operations import Step

_UP = ("source", ":arrived")
_DOWN = (":source", "arrived")
# It puts a tree into a folder that is there; it gives it no other name.
_TREE_UP = ("-r", "up/arrived", ":")
_ENDED = 2  # how psftp ends when a command of a batch has failed


def psftp(
    server: Server, home: Path, *commands: str, extra: Sequence[str] = (), password: str = "", code: int = 0
) -> str:
    """Carry out commands with psftp, by key or by password."""
    command = ["psftp", *extra, *_login(server, home, password), f"{server.user}@127.0.0.1", "-b", "/dev/stdin"]
    return run(command, home, text="\n".join([*commands, "quit", ""]), code=code)


def _login(server: Server, home: Path, password: str) -> list[str]:
    printed = subprocess.run(
        ["ssh-keygen", "-lf", str(server.keys.host) + ".pub"], check=True, capture_output=True, text=True
    )
    proof = ["-pw", password] if password else ["-i", str(_putty_key(server, home))]
    return ["-batch", *proof, "-P", str(server.port), "-hostkey", printed.stdout.split()[1]]


def _putty_key(server: Server, home: Path) -> Path:
    path = home / "client.ppk"
    if not path.exists():
        run(["puttygen", server.keys.client, "-O", "private", "-o", path], home)
    return path


def _batch(*commands: str, code: int = 0) -> Step:
    def step(place: Place) -> str:
        return psftp(place.server, place.local, f"cd {place.remote}", *commands, code=code)

    return step


def _password(place: Place) -> None:
    psftp(place.server, place.local, f"get {place.remote}/source arrived", password=place.server.password)


def _rename_over(place: Place) -> bool:
    assert "failure" in _batch("mv source arrived", code=_ENDED)(place)
    return False


def _pscp(*transfers: tuple[str, ...], code: int = 0, by_password: bool = False) -> Step:
    def step(place: Place) -> str:
        server = place.server
        (place.local / "up").mkdir()
        (place.local / "up" / "arrived").symlink_to("../source")
        login = _login(server, place.local, server.password if by_password else "")
        there = f"{server.user}@127.0.0.1:{place.remote}/"
        filled = [[part.replace(":", there, 1) for part in transfer] for transfer in transfers]
        return "".join(run(["pscp", "-sftp", *login, *parts], place.local, code=code) for parts in filled)

    return step


PSFTP = Client(
    name="PuTTY psftp",
    version=lambda: printed_version("psftp", "-V"),
    needs=("psftp", "puttygen"),
    steps={
        "upload": _batch("put source arrived"),
        "download": _batch("get source arrived"),
        "replace": _batch("put source arrived"),
        "resume_upload": _batch("reput source arrived"),
        "resume_download": _batch("reget source arrived"),
        "empty": _batch("put source arrived", "get source arrived"),
        "list": lambda place: long_names(_batch("ls")(place)),
        "list_many": lambda place: long_names(_batch("ls")(place)),
        "folders": _batch("mkdir made", "rmdir folder", "rm file"),
        "rename": _batch("mv source arrived"),
        "rename_over": _rename_over,
        "tree_up": _batch("put -r source arrived"),
        "tree_down": _batch("get -r source arrived"),
        "chmod": _batch("chmod 604 source"),
        "odd_names": _batch("put -r source arrived", "get -r source arrived"),
        "latin_name": _batch("put -r source arrived", "get -r source arrived"),
        "missing": _batch("get absent arrived", code=_ENDED),
        "refused": _batch("put source arrived", code=_ENDED),
        "password": _password,
    },
    cannot={
        "append": "it has no command for that",
        "parallel": "it takes one file at a time",
        "remove_tree": "it removes files by pattern, but no tree",
        "time_up": "it keeps no times; pscp does",
        "time_down": "it keeps no times; pscp does",
        "symlink": "it knows no links",
    },
)

PSCP = Client(
    name="PuTTY pscp",
    version=lambda: printed_version("pscp", "-V"),
    needs=("pscp", "puttygen"),
    steps={
        "upload": _pscp(_UP),
        "download": _pscp(_DOWN),
        "replace": _pscp(_UP),
        "empty": _pscp(_UP, _DOWN),
        "list": lambda place: long_names(_pscp(("-ls", ":"))(place)),
        "list_many": lambda place: long_names(_pscp(("-ls", ":"))(place)),
        "tree_up": _pscp(_TREE_UP),
        "tree_down": _pscp(("-r", *_DOWN)),
        "time_up": _pscp(("-p", *_UP)),
        "time_down": _pscp(("-p", *_DOWN)),
        "odd_names": _pscp(_TREE_UP, ("-r", *_DOWN)),
        "latin_name": _pscp(_TREE_UP, ("-r", *_DOWN)),
        "missing": _pscp((":absent", "arrived"), code=1),
        "refused": _pscp(_UP, code=1),
        "password": _pscp(_DOWN, by_password=True),
    },
)
