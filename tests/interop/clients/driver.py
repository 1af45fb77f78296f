"""
How a library of another language is driven: by a small program in `tests/interop/drivers`.

The programs take the same commands, so that an operation is written down once for all of them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.interop.driving import Place, run
from tests.interop.operations import Step

DRIVERS = Path(__file__).parent.parent / "drivers"
# Where `install-clients` puts what is in no package of the system.
INSTALLED = DRIVERS.parents[2] / ".clients"


class Driver:
    """
    How a driver is run.

    Args:
        program: the command, without the arguments that every driver takes.
        old_keys: it is given the keys for old clients.
    """

    def __init__(self, *program: str | Path, old_keys: bool = False, **environment: str) -> None:
        self.program = program
        self._old_keys = old_keys
        self._environment = environment

    def __call__(self, place: Place, *commands: str, code: int = 0, **more: str) -> str:
        """
        Carry out commands and return what was printed.

        Args:
            commands: words with blanks between them; what begins with a colon is in the place's folder on the server.
        """
        text = "".join("\t".join(_words(place, command)) + "\n" for command in commands)
        return self._run(place, text, code=code, **more)

    def together(self, tasks: Sequence[tuple[Place, Iterable[str]]], **more: str) -> list[str]:
        """
        Carry out several tasks in one session, and return what was printed at each.

        Only for drivers that know the commands `in` and `try`: a folder to work in, and a command that may fail.

        Args:
            tasks: the places, all on one server, and the commands in each.
        """
        text = ""
        for place, commands in tasks:
            lines = [["in", str(place.local)], *(_words(place, command) for command in commands)]
            text += "".join("\t".join(line) + "\n" for line in lines)
        said = self._run(tasks[0][0], text, code=0, **more)
        before, *parts = re.split(r"^in .*\n", said, flags=re.MULTILINE)
        assert not before and len(parts) == len(tasks), said
        return parts

    def _run(self, place: Place, text: str, *, code: int, **more: str) -> str:
        server = place.server
        key = server.keys.old_client if self._old_keys else server.keys.client
        command = [*self.program, str(server.port), server.user, key, server.known_hosts()]
        return run(command, place.local, text=text, code=code, **self._environment, **more)

    def step(self, *commands: str, code: int = 0) -> Step:
        """Return a step that carries out commands."""
        return lambda place: self(place, *commands, code=code)

    def steps(self, *without: str, **other: Sequence[str]) -> Mapping[str, Step]:
        """
        Return what a client does of what all drivers can.

        Args:
            without: operations that it cannot do.
            other: operations for which it takes other commands.
        """
        commands = {**COMMANDS, **other}
        steps = {name: self.step(*commands[name]) for name in commands if name not in without}
        steps |= {
            "list": self._list,
            "list_many": lambda place: list(self._list(place)),
            "rename_over": self._rename_over,
            "read_link": lambda place: self(place, "read_link :link").strip(),
            "missing": self.step("get :absent arrived", code=1),
            "refused": self.step("put source :arrived", code=1),
            "password": lambda place: self(place, "get :source arrived", PASSWORD=place.server.password or ""),
        }
        if "space" not in without:
            steps["space"] = lambda place: int(self(place, "space :"))
        return steps

    def _list(self, place: Place) -> dict[str, tuple[str, int]]:
        return read_listing(self(place, "list :"))

    def _rename_over(self, place: Place) -> bool:
        said = self(place, "rename :source :arrived", code=0 if self._replaces else 1)
        assert self._replaces or re.search("exist|failure", said, re.IGNORECASE), said
        return self._replaces

    _replaces = False


class ReplacingDriver(Driver):
    """A driver whose `rename` replaces a file that is there."""

    _replaces = True


def read_listing(said: str) -> dict[str, tuple[str, int]]:
    """Read what a driver prints at `list`."""
    entries = [line.split(" ", 2) for line in said.splitlines()]
    return {name: (kind, int(size)) for kind, size, name in entries}


def _words(place: Place, command: str) -> list[str]:
    return [f"{place.remote}/{word[1:]}" if word.startswith(":") else word for word in command.split(" ")]


# What drivers are told, by the operation's name.
COMMANDS: Mapping[str, Sequence[str]] = {
    "upload": ("put source :arrived",),
    "download": ("get :source arrived",),
    "replace": ("put source :arrived",),
    "resume_upload": ("resume_put source :arrived",),
    "resume_download": ("resume_get :source arrived",),
    "append": ("append source :arrived",),
    "empty": ("put source :arrived", "get :source arrived"),
    "folders": ("mkdir :made", "rmdir :folder", "remove :file"),
    "rename": ("rename :source :arrived",),
    "tree_up": ("put_tree source :arrived",),
    "tree_down": ("get_tree :source arrived",),
    "remove_tree": ("remove_tree :source",),
    "chmod": ("chmod 604 :source",),
    "time_up": ("put_kept source :arrived",),
    "time_down": ("get_kept :source arrived",),
    "symlink": ("symlink source :link",),
    "hard_link": ("hard_link :source :link",),
    "odd_names": ("put_tree source :arrived", "get_tree :source arrived"),
    "latin_name": ("put_tree source :arrived", "get_tree :source arrived"),
}
