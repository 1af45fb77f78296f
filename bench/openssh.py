"""
OpenSSH's own client, driven: one `sftp` that stays connected while its commands are timed, and the pipe of `ssh -s`.

Knows the options that make both run without questions and without the user's own configuration.
"""

import subprocess
from collections.abc import Sequence

from bench.servers import Server

_READY = b"Remote working directory:"


class ClientFailed(Exception):
    """A client that ended before it should, with what it said."""


def options(server: Server, extra: Sequence[str] = ()) -> list[str]:
    """Return the arguments that `ssh`, `sftp` and `scp` share, host and port left out."""
    return [
        *extra,
        "-F",
        "none",
        "-i",
        str(server.keys.client),
        "-oIdentitiesOnly=yes",
        "-oIdentityAgent=none",
        "-oStrictHostKeyChecking=yes",
        f"-oUserKnownHostsFile={server.known_hosts()}",
        "-oGlobalKnownHostsFile=/dev/null",
        "-oUpdateHostKeys=no",
        "-oLogLevel=ERROR",
    ]


def subsystem(server: Server, extra: Sequence[str] = ()) -> list[str]:
    """Return the command whose pipe is the SFTP conversation itself."""
    user = f"{server.user}@127.0.0.1"
    return ["ssh", *options(server, extra), "-oBatchMode=yes", "-p", str(server.port), "-s", user, "sftp"]


class Sftp:
    """An `sftp` that has logged in and waits for commands; a context manager that ends it."""

    def __init__(self, server: Server, extra: Sequence[str] = ()) -> None:
        self._process = subprocess.Popen(
            ["sftp", "-b", "-", *options(server, extra), "-P", str(server.port), f"{server.user}@127.0.0.1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.do()

    def __enter__(self) -> "Sftp":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)

    def do(self, *commands: str) -> None:
        """Carry out the commands and return when the last one is done; one that fails raises `ClientFailed`."""
        # `pwd` costs no round trip; its answer says that everything before it has been done.
        self._process.stdin.write("".join(f"{command}\n" for command in (*commands, "pwd")).encode())
        self._process.stdin.flush()
        said = []
        for line in self._process.stdout:
            if line.startswith(_READY):
                return
            said.append(line.decode(errors="replace"))
        raise ClientFailed("".join(said))
