"""
Programs as the tutorials show them, running under twistd.
"""

import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

from bench.servers import Keys, free_port
from tests.interop.driving import environment, wait_until

PROJECT = Path(__file__).parents[2]
_EXAMPLES = PROJECT / "docs" / "examples"
# What the server is told besides where logins go wrong on purpose: all of a test come from one host, which would be
# refused after a few.
_EXEMPT = '\nserver.per_source_penalty_exempt_list = ["127.0.0.1"]\n'


def example(name: str) -> str:
    """Return the text of a program of docs/examples."""
    return (_EXAMPLES / f"{name}.py").read_text()


def listens(port: int) -> bool:
    """Return whether somebody takes connections at a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class Program:
    """
    One program, in a folder that has what the tutorials make first; `key` is the key of the user alice.

    Args:
        text: the program, which listens at port 2222; it gets a free one.
        folder: where it runs.
        keys: of the server and of the user.
        exempt: this machine is not penalised for wrong logins.
        variables: more of its environment.
    """

    def __init__(self, text: str, folder: Path, keys: Keys, *, exempt: bool = False, **variables: str) -> None:
        self.folder = folder
        self.port = free_port()
        (folder / "files").mkdir(exist_ok=True)
        (folder / "files" / "kept.log").write_text("log")
        shutil.copy(keys.host, folder / "host_key")
        shutil.copy(keys.client, folder / "key")
        users = folder / "users.toml"
        users.write_text(f'[alice]\nkeys = ["{keys.client.with_suffix(".pub").read_text().strip()}"]\n')
        users.chmod(0o600)
        assert text.count("tcp:2222:") == 1
        text = text.replace("tcp:2222:", f"tcp:{self.port}:") + (_EXEMPT if exempt else "")
        (folder / "program.py").write_text(text)
        command = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-ny", "program.py"]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment(folder, PYTHONPATH=str(PROJECT), **variables),
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: self._process.poll() is not None or listens(self.port))
        assert self._process.poll() is None, self.said()

    def said(self) -> str:
        """Return its log."""
        return (self.folder / "log").read_text()

    def end(self) -> None:
        """Stop it as an operator does; it must end well."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        assert "Traceback" not in self.said()
