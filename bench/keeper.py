"""
Runs one command and adopts every process that it leaves behind.

sshd does not wait for all of its sessions' children: what they used would be lost with them. This process is their
subreaper, so that the times of every ended one end up in the `cutime` and `cstime` of this process.
Source: prctl(2), PR_SET_CHILD_SUBREAPER; proc(5).
"""

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def keep(command: list[str]) -> int:
    """Run the command to its end, wait for every orphan meanwhile, and return its exit code."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # A bench or a test that is killed leaves no server behind.
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    child = subprocess.Popen(command, preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: child.send_signal(signal.SIGTERM))
    while True:
        pid, status = os.wait()
        if pid == child.pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            break
    # The sessions of connections that are still open; by now they are children of this process.
    for task in os.listdir("/proc/self/task"):
        for orphan in Path(f"/proc/self/task/{task}/children").read_text().split():
            os.kill(int(orphan), signal.SIGTERM)
    return child.returncode


if __name__ == "__main__":
    code = keep(sys.argv[1:])
    sys.exit(code if code >= 0 else 128 - code)
