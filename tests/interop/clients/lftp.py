"""
lftp, which asks for version 6 of SFTP and runs `ssh` for the connection.
"""

from bench.openssh import options
from tests.interop.clients.client import Client, printed_version
from tests.interop.driving import BY_PASSWORD, Place, ask_password, long_names, run
from tests.interop.operations import Step

_MIRROR_BOTH = ("mirror -R source arrived", "mirror source arrived")


def script(*commands: str, code: int = 0) -> Step:
    """Return a step that has lftp carry out commands in the place's folder."""

    def step(place: Place) -> str:
        program = " ".join(["ssh -a -x -oBatchMode=yes", *options(place.server)])
        return _lftp(place, program, *commands, code=code)

    return step


def _lftp(place: Place, program: str, *commands: str, code: int = 0, **more: str) -> str:
    settings = ["set cmd:fail-exit yes", "set net:max-retries 1", "set net:timeout 20"]
    address = f"open -p {place.server.port} -u {place.server.user},none sftp://127.0.0.1{place.remote}/"
    script = [*settings, f'set sftp:connect-program "{program}"', address, *commands]
    return run(["lftp", "-c", "; ".join(script)], place.local, code=code, **more)


def _password(place: Place) -> None:
    # The ssh that lftp runs asks for it, not lftp.
    program = " ".join(["ssh -a -x", *options(place.server, BY_PASSWORD)])
    _lftp(place, program, "get source -o arrived", **ask_password(place))


def _rename_over(place: Place) -> bool:
    assert "Access failed" in script("mv source arrived", code=1)(place)
    return False


def _read_link(place: Place) -> str:
    return script("cls -l link")(place).partition(" -> ")[2].strip()


CLIENT = Client(
    name="lftp",
    version=lambda: printed_version("lftp", "--version"),
    needs=("lftp", "ssh"),
    steps={
        "upload": script("put source -o arrived"),
        "download": script("get source -o arrived"),
        "replace": script("put source -o arrived"),
        "resume_upload": script("put -c source -o arrived"),
        "resume_download": script("get -c source -o arrived"),
        "empty": script("put source -o arrived", "get source -o arrived"),
        "parallel": script("mirror -R --parallel=4 source arrived", "mirror --parallel=4 source arrived"),
        "list": lambda place: long_names(script("ls")(place)),
        "list_many": lambda place: script("cls -1")(place).splitlines(),
        "folders": script("mkdir made", "rmdir folder", "rm file"),
        "rename": script("mv source arrived"),
        "rename_over": _rename_over,
        "tree_up": script("mirror -R source arrived"),
        "tree_down": script("mirror source arrived"),
        "remove_tree": script("rm -r source"),
        "chmod": script("chmod 604 source"),
        "time_up": script("put source -o arrived"),
        "time_down": script("get source -o arrived"),
        "symlink": script("ln -s source link"),
        "read_link": _read_link,
        "odd_names": script(*_MIRROR_BOTH),
        "latin_name": script(*_MIRROR_BOTH),
        "missing": script("get absent -o arrived", code=1),
        "refused": script("put source -o arrived", code=1),
        "password": _password,
    },
    cannot={
        "append": "it has no command for that",
        "copy": "it sends what it has fetched",
        "hard_link": "over SFTP it makes only symbolic ones",
        "space": "it has no command for that",
    },
)
