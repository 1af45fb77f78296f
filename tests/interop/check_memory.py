"""
What a client costs that asks for more than it takes, or than the files can give: memory, and the time of others.

Each case has a server of its own: it cannot live on memory that another one has left behind.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bench import accounting
from bench.servers import Keys, Server, start_program
from tests.interop.driving import wait_until
from tests.interop.hostile import PREFETCHED, SIZE
from tests.interop.watching import MIB, Figures, Probe, open_below, watch

_PROGRAM = Path(__file__).parent / "slow_files.py"
_MOST_MIB = 16.0
_LATEST_MS = 50.0
_TIMES = 3

Attack = Callable[..., Figures]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """
    A folder with a file of 1 GiB, and directories of many names and of long ones.

    In memory, where there is room: a disk that is busy with its journal makes LSTATs wait for a tenth of a second,
    whoever serves them.
    """
    memory = Path("/dev/shm")
    if not memory.is_dir() or shutil.disk_usage(memory).free < 4 * SIZE:
        yield _laid_out(tmp_path_factory.mktemp("served"))
        return
    with TemporaryDirectory(dir=memory) as folder:
        yield _laid_out(Path(folder))


def _laid_out(root: Path) -> Path:
    (root / "slow").mkdir(parents=True)
    for number in range(100):
        (root / "slow" / f"entry{number}").touch()
    (root / "many").mkdir()
    for number in range(200):
        # Names are as long as may be, and one sign makes four bytes of each in memory.
        (root / "many" / f"{number:03d}\U0001f4be{'n' * 240}").touch()
    with (root / "large").open("wb") as file:
        file.truncate(SIZE)
        file.seek(PREFETCHED // 2)
        file.write(os.urandom(MIB))
    os.link(root / "large", root / "slow-large")
    return root


@pytest.fixture
def slow_server(ours: None, keys: Keys, root: Path, tmp_path: Path) -> Iterator[Server]:
    """A server of that folder, in which some files are slow."""
    with start_program(keys, root, tmp_path, _PROGRAM) as server:
        yield server


@pytest.fixture
def attack(slow_server: Server) -> Attack:
    """
    A function that lets clients at the server, and fails if they cost more than they may.

    If the server makes others wait too long, it does so each time.
    """

    with Probe(slow_server, "/large"):
        before = accounting.peak_memory(slow_server.pid)

    def attack(*cases: str, **how: object) -> Figures:
        for _ in range(_TIMES):
            figures = watch(slow_server, *cases, before=before, **how)
            print(*cases[:5], figures)
            assert figures.per_session < _MOST_MIB, str(figures)
            if figures.late < _LATEST_MS:
                return figures
        pytest.fail(str(figures))

    return attack


def check_prefetch(attack: Attack, slow_server: Server) -> None:
    """paramiko asks for 256 MiB at once, and reads it."""
    figures = attack("prefetch", to_the_end=True)
    digest = hashlib.blake2b()
    with (slow_server.root / "large").open("rb") as file:
        for _ in range(PREFETCHED // MIB):
            digest.update(file.read(MIB))
    assert figures.said == digest.hexdigest()


@pytest.mark.parametrize(
    "case",
    [
        # A window of 4 GiB, all of the file asked for, and TCP not read.
        "deaf",
        "deaf-largest",
        "deaf-slow",
        # A window that is never given back.
        "stingy",
        "stingy-largest",
        "stingy-tiny",
        # More WRITEs than a slow disk takes, and the smallest.
        "writing-bytes",
        # Many requests about one slow thing, or about many.
        "listing",
        "slow-stats",
        "handles",
        # At full speed.
        "lstats",
        "blind-lstats",
        "fast-writing",
        "fast-reading",
        # What is never whole, means nothing, is too long, or is left behind.
        "extended",
        "extended-behind",
        "deep-stats",
        "leaving",
        # Handles of what takes much.
        "directories",
        "paths",
        # New keys while everything is full.
        "rekey",
    ],
)
def check_client(attack: Attack, case: str) -> None:
    """A client that asks for too much costs little memory, and little of others' time."""
    attack(case)


def check_halves(attack: Attack) -> None:
    """Fifty sessions, on five connections, have half of the largest packet each, and never the rest."""
    figures = attack("halves", sessions=50)
    assert figures.per_session < 1, str(figures)


def check_slow_writes(attack: Attack, slow_server: Server) -> None:
    """1 GiB of WRITEs to a disk that takes 1 MiB a second; when the client is killed, its file is closed."""
    written = slow_server.root / "slow-0"
    written.unlink(missing_ok=True)
    first = attack("writing", seconds=10)
    # What was taken before is written: no more than MaxBytesInFlight.
    wait_until(lambda: not open_below(slow_server, written))
    assert 4 * MIB < written.stat().st_size < 20 * MIB
    # The memory is free again: the same once more takes no more of it.
    again = attack("writing-largest", seconds=3)
    assert again.grown < first.grown + 4 * MIB, str(again)


def check_crowd(attack: Attack) -> None:
    """Twenty at the same time: each is bounded, and who asks for little is served as before."""
    kinds = ("deaf-largest", "writing-largest", "slow-stats", "lstats", "stingy-largest")
    attack(*kinds * 4, seconds=4)
