"""
OpenSSH's `sftp`, told what to do by a batch.
"""

from tests.interop.clients.client import Client, printed_version
from tests.interop.driving import BY_PASSWORD, Place, ask_password, long_names, sftp
from tests.interop.operations import Step


def batch(*commands: str, code: int = 0) -> Step:
    """Return a step that carries out commands in the place's folder and returns what `sftp` prints after them."""

    def step(place: Place) -> str:
        return sftp(place.server, place.local, f"cd {place.remote}", *commands, code=code)

    return step


def _list(place: Place) -> dict[str, tuple[str, int]]:
    return long_names(batch("ls -la")(place))


def _list_many(place: Place) -> list[str]:
    return [line.strip() for line in batch("ls -1")(place).splitlines() if not line.startswith("sftp>")]


def _space(place: Place) -> int:
    return int(batch("df")(place).splitlines()[-1].split()[0]) * 1024


def _rename_over(place: Place) -> bool:
    # By posix-rename; `rename -l` sends the old request, which does not replace anything.
    said = batch("rename source arrived")(place)
    return "Failure" not in said


def _password(place: Place) -> None:
    answer = ask_password(place)
    sftp(place.server, place.local, f"get {place.remote}/source arrived", extra=BY_PASSWORD, **answer)


CLIENT = Client(
    name="OpenSSH sftp",
    version=lambda: printed_version("ssh", "-V"),
    needs=("ssh", "sftp"),
    steps={
        "upload": batch("put source arrived"),
        "download": batch("get source arrived"),
        "replace": batch("put source arrived"),
        "resume_upload": batch("reput source arrived"),
        "resume_download": batch("reget source arrived"),
        "empty": batch("put source arrived", "get source arrived"),
        "copy": batch("cp source arrived"),
        "list": _list,
        "list_many": _list_many,
        "folders": batch("mkdir made", "rmdir folder", "rm file"),
        "rename": batch("rename source arrived"),
        "rename_over": _rename_over,
        "tree_up": batch("mkdir arrived", "put -r source/* arrived/"),
        "tree_down": batch("get -r source arrived"),
        "chmod": batch("chmod 604 source"),
        "time_up": batch("put -p source arrived"),
        "time_down": batch("get -p source arrived"),
        "symlink": batch("ln -s source link"),
        "hard_link": batch("ln source link"),
        "space": _space,
        "odd_names": batch("mkdir arrived", "put -r source/* arrived/", "get -r source arrived"),
        "latin_name": batch("mkdir arrived", "put -r source/* arrived/", "get -r source arrived"),
        "missing": batch("get absent arrived", code=1),
        "refused": batch("put source arrived", code=1),
        "password": _password,
    },
    cannot={
        "append": "it has no command for that",
        "parallel": "it takes one file at a time, in many requests at once",
        "remove_tree": "it removes no tree",
        "read_link": "it shows that a file is a link, but not where that leads",
    },
)
