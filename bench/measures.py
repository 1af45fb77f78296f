"""
What is measured, a row for each measure.

A measure is carried out against one running server and returns figures, in the order of its columns. It knows nothing
of the other server, of repetition or of the table.
"""

import filecmp
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.openssh import Sftp, subsystem
from bench.pipelined import PipelinedClient
from bench.servers import Server

GIB = 1 << 30
MIB = 1 << 20

CIPHERS = {
    "aes128-gcm": ("-oCiphers=aes128-gcm@openssh.com",),
    "chacha20-poly1305": ("-oCiphers=chacha20-poly1305@openssh.com",),
    "aes128-ctr+sha2-256-etm": ("-oCiphers=aes128-ctr", "-oMACs=hmac-sha2-256-etm@openssh.com"),
}
_OBSERVED = "aes128-gcm"
_SMALL = CIPHERS["aes128-gcm"]  # where the cipher is not what is measured
# Both servers do the same exchange; by themselves they would agree on different ones with the same client.
_LOGIN = (*_SMALL, "-oKexAlgorithms=curve25519-sha256")

_SOURCE, _ARRIVED, _STATTED, _OPENED, _FOLDER = "source", "arrived", "statted", "opened", "folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much each measure does; a run of `--quick` does less."""

    transfer: int = 512 * MIB
    lstats: int = 100_000
    opens: int = 30_000
    entries: int = 10_000
    listings: int = 10
    logins: int = 40
    idle: int = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One column of a measure: its unit, and which direction is better."""

    unit: str
    more_is_better: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """
    One row.

    Attributes:
        kind: what `--only` selects it by.
        cipher: what `--cipher` selects it by; empty where it is no matter.
        fresh: wants a server that has done nothing before.
        observed: how the handlers of READ and WRITE are written that our server has meanwhile; empty: it has none.
        run: carries it out; gets the server, a folder on the same file system for the client's files, and the scale.
    """

    kind: str
    cipher: str = ""
    figures: tuple[Figure, ...]
    fresh: bool = False
    observed: str = ""
    run: Callable[[Server, Path, Scale], tuple[float, ...]]

    @property
    def name(self) -> str:
        """What the table calls it."""
        return " ".join(filter(None, (self.kind, self.cipher, self.observed and f"observed, {self.observed}")))


class Stretch:
    """What passed between entering and leaving: seconds, and the server's processor seconds."""

    seconds = 0.0
    cpu = 0.0


@contextmanager
def stretch(server: Server) -> Iterator[Stretch]:
    """Take the time of what is done inside."""
    taken = Stretch()
    cpu, start = server.cpu_seconds(), time.perf_counter()
    yield taken
    taken.seconds = time.perf_counter() - start
    taken.cpu = server.cpu_seconds() - cpu


def prepare(root: Path, local: Path, scale: Scale) -> None:
    """Lay out the files that the measures want, in the served folder and on the client's side."""
    block = os.urandom(MIB)
    for folder in (root, local):
        with (folder / _SOURCE).open("wb") as source:
            for _ in range(scale.transfer // MIB):
                source.write(block)
    (root / _STATTED).write_bytes(b"")
    (root / _OPENED).write_bytes(os.urandom(4096))
    (root / _FOLDER).mkdir()
    for number in range(scale.entries):
        (root / _FOLDER / f"entry-number-{number:06d}.txt").touch()


def _get(server: Server, local: Path, scale: Scale, *, cipher: str) -> tuple[float, ...]:
    with Sftp(server, CIPHERS[cipher]) as client, stretch(server) as taken:
        client.do(f"get {server.path(_SOURCE)} {local / _ARRIVED}")
    return _transferred(taken, local / _ARRIVED, local / _SOURCE)


def _put(server: Server, local: Path, scale: Scale, *, cipher: str) -> tuple[float, ...]:
    with Sftp(server, CIPHERS[cipher]) as client, stretch(server) as taken:
        client.do(f"put {local / _SOURCE} {server.path(_ARRIVED)}")
    return _transferred(taken, server.root / _ARRIVED, local / _SOURCE)


def _transferred(taken: Stretch, arrived: Path, source: Path) -> tuple[float, ...]:
    size = source.stat().st_size
    if not filecmp.cmp(arrived, source, shallow=False):
        raise AssertionError(f"{arrived} is not what was sent")
    arrived.unlink()
    return size / MIB / taken.seconds, taken.cpu / (size / GIB)


def _lstat(server: Server, local: Path, scale: Scale) -> tuple[float, ...]:
    with PipelinedClient(subsystem(server, _SMALL)) as client, stretch(server) as taken:
        client.lstats(server.path(_STATTED), scale.lstats)
    return scale.lstats / taken.seconds, taken.cpu / scale.lstats * 1e6


def _open(server: Server, local: Path, scale: Scale) -> tuple[float, ...]:
    with PipelinedClient(subsystem(server, _SMALL)) as client, stretch(server) as taken:
        client.open_read_close(server.path(_OPENED), scale.opens)
    return scale.opens / taken.seconds, taken.cpu / scale.opens * 1e6


def _list(server: Server, local: Path, scale: Scale) -> tuple[float, ...]:
    with PipelinedClient(subsystem(server, _SMALL)) as client, stretch(server) as taken:
        for _ in range(scale.listings):
            names = client.list(server.path(_FOLDER))
            if not scale.entries <= names <= scale.entries + 2:  # with or without . and ..
                raise AssertionError(f"{names} names listed, {scale.entries} expected")
    return taken.seconds / scale.listings * 1e3, taken.cpu / scale.listings / scale.entries * 1e6


def _login(server: Server, local: Path, scale: Scale) -> tuple[float, ...]:
    def once(_: int) -> None:
        with PipelinedClient(subsystem(server, _LOGIN)):
            pass

    with stretch(server) as whole:
        with stretch(server) as taken, ThreadPoolExecutor(4) as workers:
            for _ in workers.map(once, range(scale.logins)):
                pass
        server.settle()  # sshd's processes end a little after their client
    return scale.logins / taken.seconds, whole.cpu / scale.logins * 1e3


def _idle(server: Server, local: Path, scale: Scale) -> tuple[float, ...]:
    command = subsystem(server, _SMALL)
    with PipelinedClient(command):
        pass  # what the first connection makes the server load is not a connection's
    server.settle()
    before = server.memory()
    with ExitStack() as connections:
        for _ in range(scale.idle):
            connections.enter_context(PipelinedClient(command))
        return ((server.memory() - before) / scale.idle / 1024,)


def _transfers() -> Iterator[Measure]:
    figures = (Figure(unit="MiB/s", more_is_better=True), Figure(unit="CPU s/GiB"))
    for cipher in CIPHERS:
        for kind, run in (("get", _get), ("put", _put)):
            row = partial(Measure, kind=kind, cipher=cipher, figures=figures, run=partial(run, cipher=cipher))
            yield row()
            if cipher == _OBSERVED:
                yield row(observed="plain")
                yield row(observed="async")


def _per_second(kind: str, run: Callable[[Server, Path, Scale], tuple[float, ...]], cpu: str) -> Measure:
    return Measure(kind=kind, figures=(Figure(unit="per s", more_is_better=True), Figure(unit=cpu)), run=run)


MEASURES = (
    *_transfers(),
    _per_second("lstat", _lstat, "CPU µs each"),
    _per_second("open+read+close", _open, "CPU µs each"),
    Measure(kind="list", figures=(Figure(unit="ms"), Figure(unit="CPU µs/entry")), run=_list),
    _per_second("login", _login, "CPU ms each"),
    Measure(kind="idle connection", figures=(Figure(unit="KiB"),), fresh=True, run=_idle),
)
