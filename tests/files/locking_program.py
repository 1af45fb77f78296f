"""
Another program that locks.
"""

import subprocess
import sys


class Other:
    """
    Another program that has locked a part of a file, with fcntl(2), while the context lasts.

    Args:
        what: offset and length.
        kind: how.
    """

    program = (
        "import fcntl, sys\n"
        "path, offset, length, kind = sys.argv[1:]\n"
        "file = open(path, 'r+b')\n"
        "kind = {'w': fcntl.LOCK_EX, 'r': fcntl.LOCK_SH}[kind] | fcntl.LOCK_NB\n"
        "try:\n"
        "    fcntl.lockf(file, kind, int(length), int(offset))\n"
        "except OSError:\n"
        "    print('taken', flush=True)\n"
        "else:\n"
        "    print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )

    def __init__(self, path: str, what: str, kind: str = "w") -> None:
        self._command = [sys.executable, "-I", "-S", "-c", self.program, path, *what.split(), kind]

    def __enter__(self) -> str:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, text=True)
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def __exit__(self, *problem: object) -> None:
        self._process.communicate()
