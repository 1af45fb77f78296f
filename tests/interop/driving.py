"""
How the tests run a program, and what they do when one is missing.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.openssh import options
from bench.servers import Server

# Programs of the virtual environment, such as ssh-audit, are found without its being activated.
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

# What makes OpenSSH's clients log in by password; `ask_password` answers.
BY_PASSWORD = ("-oBatchMode=no", "-oPubkeyAuthentication=no", "-oPreferredAuthentications=password")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Where one test puts its files.

    Attributes:
        server: the server that it is on.
        local: an empty folder on the client's side; the HOME of the clients.
        served: an empty folder inside the folder that the server serves.
        remote: what a client calls `served`.
    """

    server: Server
    local: Path
    served: Path
    remote: str


def need(*programs: str) -> None:
    """Skip the test where a program is missing; with CI set that is a failure."""
    absent = [program for program in programs if shutil.which(program, path=PATH) is None]
    if absent:
        unavailable(f"missing: {', '.join(absent)}")


def unavailable(reason: str) -> None:
    """Skip the test; with CI set, where everything has to run, fail it."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def need_package(name: str) -> None:
    """Say that a package of Python is missing, if it is."""
    if find_spec(name) is None:
        unavailable(f"missing: the package {name}")


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment in which no client finds the configuration of whoever runs the tests."""
    return {"PATH": PATH, "HOME": str(home), "LC_ALL": "C.UTF-8", **more}


def run(
    command: Sequence[str | Path], home: Path, *, text: str = "", code: int = 0, seconds: float = 60, **more: str
) -> str:
    """
    Run a program to its end and return what it printed.

    Args:
        home: its HOME and its working directory.
        text: its standard input.
        code: the exit code that it must end with.
        more: more variables for its environment.
    """
    ended = subprocess.run(
        [str(part) for part in command],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds,
        cwd=home,
        env=environment(home, **more),
        encoding="utf-8",
        errors="surrogateescape",
    )
    assert ended.returncode == code, f"{command[0]} ended with {ended.returncode}, not {code}:\n{ended.stdout}"
    return ended.stdout


def wait_until(condition: Callable[[], object], *, seconds: float = 60) -> None:
    """
    Wait for something that takes a moment.

    Args:
        seconds: when it is given up: long after what a busy machine takes, for a test that fails may take its time.
    """
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen within {seconds} seconds"
        time.sleep(0.02)


def sftp(
    server: Server,
    home: Path,
    *commands: str,
    extra: Sequence[str] = (),
    code: int = 0,
    seconds: float = 60,
    **more: str,
) -> str:
    """Carry out a batch with OpenSSH's `sftp`; unless a command begins with `-`, its failure ends the batch."""
    batch = "".join(f"{command}\n" for command in commands)
    command = ["sftp", *sftp_arguments(server, extra)]
    return run(command, home, text=batch, code=code, seconds=seconds, **more)


def sftp_arguments(server: Server, extra: Sequence[str] = ()) -> list[str]:
    """Return the arguments of an `sftp` that reads its commands from standard input."""
    return [*options(server, extra), "-b", "-", "-P", str(server.port), f"{server.user}@127.0.0.1"]


def scp(
    server: Server, home: Path, *arguments: str | Path, extra: Sequence[str] = (), code: int = 0, **more: str
) -> str:
    """Run OpenSSH's `scp`; what begins with a colon is on the server."""
    named = [f"{server.user}@127.0.0.1{part}" if str(part).startswith(":") else str(part) for part in arguments]
    command = ["scp", *options(server, extra), "-oBatchMode=yes", "-P", str(server.port), *named]
    return run(command, home, code=code, **more)


def ask_password(place: Place, password: str = "") -> dict[str, str]:
    """Return the environment in which ssh takes a password without a terminal; the right one where none is given."""
    script = place.local / "askpass"
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$ANSWER"\n')
    script.chmod(0o700)
    answer = password or place.server.password or ""
    return {"SSH_ASKPASS": str(script), "SSH_ASKPASS_REQUIRE": "force", "ANSWER": answer}


def long_names(listing: str) -> dict[str, tuple[str, int]]:
    """Read lines as of `ls -l`: return the type and the size by the name; other lines are left out."""
    lines = [line.split(None, 8) for line in listing.splitlines() if line[:1] in tuple("-dl") and len(line.split()) > 8]
    return {fields[8].partition(" -> ")[0]: (fields[0][0], int(fields[4])) for fields in lines}


def same(first: Path, second: Path) -> None:
    """Fail unless two files, or two trees, hold the same."""
    compare = ["diff", "-r", "--no-dereference"] if first.is_dir() else ["cmp"]
    ended = subprocess.run([*compare, str(first), str(second)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
