"""
What clients do to a server: how its memory grows, and how long another session waits meanwhile.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from select import select

from bench import accounting
from bench.openssh import subsystem
from bench.pipelined import PipelinedClient
from bench.servers import Server

MIB = 1 << 20
_PROBES = 300
_PAUSE_SECONDS = 0.002


@dataclass(slots=True, kw_only=True)
class Figures:
    """
    What was seen during one attack.

    Attributes:
        sessions: how many took part in it.
        grown: the most bytes that the server had resident above what it had before.
        worked: for how long the server worked before it answered each LSTAT of another session, in milliseconds of
            processor time, shortest first.
        slept: for how long it did nothing before it answered, and did not wait for a processor either; also in
            milliseconds, shortest first.
        lasted: how long they took, also shortest first.
        said: what the client says when it is done; empty if it was not.
    """

    sessions: int
    grown: int = 0
    worked: list[float] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    lasted: list[float] = field(default_factory=list)
    said: str = ""

    @property
    def per_session(self) -> float:
        """MiB for each session."""
        return self.grown / self.sessions / MIB

    @property
    def late(self) -> float:
        """
        For how many milliseconds the server worked, for whomever, or slept, before it answered 19 of 20 LSTATs.

        Not how long they lasted: whatever else the machine does makes some last a tenth of a second.
        """
        return max(_percentile(self.worked, 95), _percentile(self.slept, 95))

    def __str__(self) -> str:
        lasted, worked, slept = (
            f"{_percentile(each, 50):.1f}, {_percentile(each, 95):.1f}, {each[-1]:.1f}"
            for each in (self.lasted, self.worked, self.slept)
        )
        return (
            f"{self.per_session:.2f} MiB a session; {len(self.lasted)} LSTATs: median, 95 %, longest {lasted} ms, "
            f"in which the server worked {worked} ms and slept {slept} ms"
        )


class Probe:
    """Another session; a context manager that ends it."""

    def __init__(self, server: Server, path: str) -> None:
        self._client = PipelinedClient(subsystem(server))
        self._path = path
        self._processor = _clock_of(server.pid)
        self._tasks = [Path(f"/proc/{pid}/task") for pid in (server.pid, os.getpid(), self._client.pid)]
        self._client.lstats(path, 200)

    def __enter__(self) -> "Probe":
        return self

    def __exit__(self, *problem: object) -> None:
        self._client.__exit__(*problem)

    def ask(self) -> tuple[float, float, float]:
        """Return for how many milliseconds the server works, and sleeps, before it answers an LSTAT; and all of it."""
        delayed, worked, begun = self._delayed(), time.clock_gettime(self._processor), time.perf_counter()
        self._client.lstats(self._path, 1)
        lasted = (time.perf_counter() - begun) * 1e3
        worked = (time.clock_gettime(self._processor) - worked) * 1e3
        return worked, max(lasted - worked - (self._delayed() - delayed) / 1e6, 0.0), lasted

    def _delayed(self) -> int:
        """Return for how many nanoseconds any thread could have run, and the machine ran somebody else."""
        # Of all threads: who waits for the interpreter's lock waits for a thread that may wait for a processor.
        return sum(int(_read(path).split()[1]) for tasks in self._tasks for path in tasks.glob("*/schedstat"))


class Attack:
    """
    Clients of `hostile.py` in a process of their own, logged in and waiting; a context manager that kills them.

    Args:
        cases: what they do, a session each.
    """

    def __init__(self, server: Server, cases: Sequence[str]) -> None:
        where = ["--port", str(server.port), "--user", server.user, "--key", str(server.keys.client)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.interop.hostile", *cases, *where],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            text=True,
        )

    def __enter__(self) -> "Attack":
        assert self._process.stdout.readline() == "ready\n", "the clients could not log in"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def begin(self) -> None:
        """Let it begin."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    @property
    def over(self) -> bool:
        """Whether the clients have gone."""
        return self._process.poll() is not None

    @property
    def done(self) -> bool:
        """Whether the clients have asked for everything, and have said so."""
        return bool(select([self._process.stdout], [], [], 0)[0])

    def said(self) -> str:
        """Return what they say then."""
        return self._process.stdout.readline().strip()


def watch(
    server: Server, *cases: str, before: int, sessions: int = 0, seconds: float = 1.0, to_the_end: bool = False
) -> Figures:
    """
    Attack a server, and ask it for something else all the time.

    Args:
        before: the bytes that it had resident once.
        sessions: how many the cases make, if that is not one each.
        seconds: how long; longer if the LSTATs take so long that there are few of them.
        to_the_end: wait until the clients are done.
    """
    figures = Figures(sessions=sessions or len(cases))
    with ExitStack() as stack:
        probe = stack.enter_context(Probe(server, "/large"))
        accounting.forget_peak(server.pid)
        attack = stack.enter_context(Attack(server, cases))
        attack.begin()
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(figures.lasted) < _PROBES or to_the_end and not attack.done:
            worked, slept, lasted = probe.ask()
            figures.worked.append(worked)
            figures.slept.append(slept)
            figures.lasted.append(lasted)
            time.sleep(_PAUSE_SECONDS)
        assert not attack.over, server.said()
        if to_the_end:
            figures.said = attack.said()
        figures.grown = accounting.peak_memory(server.pid) - before
    figures.worked.sort()
    figures.slept.sort()
    figures.lasted.sort()
    return figures


def open_below(server: Server, folder: Path) -> list[str]:
    """Return the files of a folder that the server holds open."""
    descriptors = Path(f"/proc/{server.pid}/fd")
    targets = []
    for name in os.listdir(descriptors):
        with suppress(FileNotFoundError):
            targets.append(os.readlink(descriptors / name))
    return [target for target in targets if target.startswith(str(folder))]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return "0 0 0"  # this thread has just ended


def _clock_of(pid: int) -> int:
    # The number of the clock of the processor time of a process: clock_getcpuclockid(3), which Python does not have.
    return (~pid << 3) | 2


def _percentile(sorted_values: list[float], percent: int) -> float:
    return sorted_values[min(len(sorted_values) * percent // 100, len(sorted_values) - 1)]
