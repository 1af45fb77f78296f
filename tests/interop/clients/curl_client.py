"""
curl, whose SSH is libssh2; what is no transfer are its quote commands.
"""

import os
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote

from bench.servers import Server
from tests.interop.clients.client import Client, printed_version
from tests.interop.driving import Place, long_names, run
from tests.interop.operations import Step

_REFUSED = 21  # how it ends when a quote command has failed


def curl(server: Server, home: Path, *arguments: str | Path, password: str = "", code: int = 0) -> str:
    """Run curl by key or by password; what begins with a colon is a path on the server."""
    public = server.keys.client.with_suffix(".pub")
    proof = ["-u", f"{server.user}:{password}"]
    if not password:
        proof += ["--key", str(server.keys.client), "--pubkey", str(public)]
    # It looks the host key up in ~/.ssh/known_hosts.
    known = home / ".ssh" / "known_hosts"
    known.parent.mkdir(exist_ok=True)
    known.write_bytes(server.known_hosts().read_bytes())
    base = f"sftp://127.0.0.1:{server.port}"
    filled = [base + quote(os.fsencode(part[1:])) if str(part).startswith(":") else part for part in arguments]
    return run(["curl", "--silent", "--show-error", "--fail", *proof, *filled], home, code=code)


def _transfer(*arguments: str, code: int = 0) -> Step:
    def step(place: Place) -> str:
        filled = [part.format(there=place.remote) for part in arguments]
        return curl(place.server, place.local, *filled, code=code)

    return step


def _quote(*commands: str, code: int = 0) -> Step:
    def step(place: Place) -> str:
        filled = [part for command in commands for part in ("-Q", command.format(there=place.remote))]
        # What the commands tell is a header, for curl; the listing behind them is not wanted.
        return curl(place.server, place.local, *filled, "-D", "-", "-o", "/dev/null", f":{place.remote}/", code=code)

    return step


def _ups(place: Place) -> list[str]:
    names = os.listdir(place.local / "source")
    return [part for name in names for part in ("-T", f"source/{name}", f":{place.remote}/arrived/{name}")]


def _downs(place: Place) -> list[str]:
    names = os.listdir(place.served / "source")  # it cannot list and fetch: it is told the names
    return [part for name in names for part in ("-o", f"arrived/{name}", f":{place.remote}/source/{name}")]


def _folders_both_ways(*options: str) -> Step:
    def step(place: Place) -> None:
        curl(place.server, place.local, *options, "--ftp-create-dirs", *_ups(place))
        curl(place.server, place.local, *options, "--create-dirs", *_downs(place))

    return step


def _rename_over(place: Place) -> bool:
    _quote("rename {there}/source {there}/arrived", code=_REFUSED)(place)
    return False


def _time_up(place: Place) -> None:
    modified = formatdate((place.local / "source").stat().st_mtime, usegmt=True)
    _transfer("-Q", f'-mtime "{modified}" {{there}}/arrived', *_UP)(place)


def _space(place: Place) -> int:
    told = dict(line.split(": ") for line in _quote("statvfs {there}")(place).splitlines() if ": " in line)
    return int(told["f_blocks"]) * int(told["f_frsize"])


def _password(place: Place) -> None:
    curl(place.server, place.local, "-o", "arrived", f":{place.remote}/source", password=place.server.password)


_UP = ("-T", "source", ":{there}/arrived")
_DOWN = ("-o", "arrived", ":{there}/source")

CLIENT = Client(
    name="curl",
    version=lambda: printed_version("curl", "--version"),
    needs=("curl",),
    old=True,
    steps={
        "upload": _transfer(*_UP),
        "download": _transfer(*_DOWN),
        "replace": _transfer(*_UP),
        "resume_upload": _transfer("-C", "-", *_UP),
        "resume_download": _transfer("-C", "-", *_DOWN),
        "append": _transfer("-a", *_UP),
        "empty": _transfer(*_UP, *_DOWN),
        "parallel": _folders_both_ways("--parallel", "--parallel-max", "4"),
        "list": lambda place: long_names(_transfer(":{there}/")(place)),
        "list_many": lambda place: _transfer("--list-only", ":{there}/")(place).splitlines(),
        "folders": _quote("mkdir {there}/made", "rmdir {there}/folder", "rm {there}/file"),
        "rename": _quote("rename {there}/source {there}/arrived"),
        "rename_over": _rename_over,
        "chmod": _quote("chmod 604 {there}/source"),
        "time_up": _time_up,
        "time_down": _transfer("-R", *_DOWN),
        "symlink": _quote("symlink source {there}/link"),
        "read_link": lambda place: _transfer(":{there}/")(place).partition("link -> ")[2].split()[0],
        "space": _space,
        "odd_names": _folders_both_ways(),
        "latin_name": _folders_both_ways(),
        "missing": _transfer("-o", "arrived", ":{there}/absent", code=78),
        "refused": _transfer(*_UP, code=9),
        "password": _password,
    },
    cannot={
        "copy": "it has no command for that",
        "tree_up": "it takes files that it is told, and makes their folders",
        "tree_down": "it takes files that it is told",
        "remove_tree": "it removes files and folders that it is told",
        "hard_link": "it has no command for that",
    },
)
