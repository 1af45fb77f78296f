"""
What a tree of processes has used: processor time and memory, read from /proc.

Counts the ended processes as well, provided that each was waited for inside the tree; `keeper` sees to that.
Source: proc(5), /proc/pid/stat and /proc/pid/smaps_rollup.
"""

import os
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process and of all below it, living and ended."""
    ticks = 0
    for member in tree(pid):
        fields = _stat(member)
        if fields:
            ticks += sum(int(value) for value in fields[11:15])  # utime, stime, cutime, cstime
    return ticks / _TICKS


def memory(pid: int) -> int:
    """
    Return the bytes of their own that a process and all below it hold.

    A page that several share counts once, spread over them. Pages of files do not count: those of a library are shared
    with whatever else the machine runs, and that changes from moment to moment.
    """
    return sum(_field(Path(f"/proc/{member}/smaps_rollup"), "Pss_Anon:") for member in tree(pid))


def peak_memory(pid: int) -> int:
    """Return the most bytes that one process ever had resident, since the last `forget_peak`."""
    return _field(Path(f"/proc/{pid}/status"), "VmHWM:")


def forget_peak(pid: int) -> None:
    """Let `peak_memory` count from now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def tree(pid: int) -> list[int]:
    """Return a process and all below it, the process itself first."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        fields = _stat(int(entry)) if entry.isdigit() else None
        if fields:
            children.setdefault(int(fields[1]), []).append(int(entry))
    found = [pid]
    for member in found:
        found.extend(children.get(member, ()))
    return found


def settle(pid: int, members: int, *, seconds: float = 5.0) -> None:
    """Wait until the tree has at most so many members: until the sessions of ended connections are gone."""
    end = time.monotonic() + seconds
    while len(tree(pid)) > members:
        if time.monotonic() > end:
            raise TimeoutError(f"the server still has {len(tree(pid))} processes, {members} expected")
        time.sleep(0.005)


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None  # it has just ended
    # The name, in brackets, may hold blanks and brackets; the fields after it are numbered from 3 in proc(5).
    return text.rpartition(")")[2].split()


def _field(path: Path, name: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0
