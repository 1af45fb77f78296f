"""
The matrix of algorithms: runs it, compares what was negotiated with what was asked for, and keeps who spoke what.

What was measured stands in docs/algorithm_peers.toml, with the versions of the clients, and docs/algorithms.md shows
it; `python -m tests.interop.algorithms` writes both.
"""

import json
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conchsftp.ssh.algorithms.offer import CHAPTERS
from tests.interop.algorithms.cells import (
    CIPHER,
    COMPRESSION,
    HOST_KEY,
    KEY_EXCHANGE,
    MAC,
    SIGNATURE,
    Cell,
    cells,
    elsewhere,
)
from tests.interop.algorithms.libraries import AsyncSSH, Paramiko
from tests.interop.algorithms.peer import Errand, Keys, Peer
from tests.interop.algorithms.programs import Dropbear, OpenSSH, PuTTY
from tests.interop.driving import environment, wait_until

PEERS: tuple[type[Any], ...] = (OpenSSH, AsyncSSH, Paramiko, PuTTY, Dropbear)
PROJECT = Path(__file__).parents[3]
STORED = PROJECT / "docs" / "algorithm_peers.toml"

_NOTE = "# Who has spoken what with this server: written by `python -m tests.interop.algorithms`, do not edit."
# The first is longer than RENEWED_BYTES of server.py with any compression, both together are not twice as long: keys
# change once, while a file is on its way. A slow client takes seconds for each exchange in a large group.
_RANDOM, _REPEATED = (72 * 1024, 16 * 1024), (8 * 1024, 8 * 1024)
_EXCHANGES = re.compile(r"key exchange (\S+), host key (\S+)")
_PROTECTION = re.compile(r"(?:from|to) the client: cipher (\S+), MAC (.+), compression (\S+)")


@dataclass(slots=True)
class Outcome:
    """
    What came of one run.

    Attributes:
        versions: of each client that is there, by name.
        passed: the cells that went well, by client.
        failed: what went wrong, by client and cell.
        not_spoken: what it said where a client could only be tried, by client and cell.
        seconds: how long each client took.
        processor_seconds: what all of it took, clients and servers.
    """

    versions: dict[str, str] = field(default_factory=dict)
    passed: dict[str, list[Cell]] = field(default_factory=dict)
    failed: dict[tuple[str, Cell], str] = field(default_factory=dict)
    not_spoken: dict[tuple[str, Cell], str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    processor_seconds: float = 0.0

    def peers(self) -> dict[str, dict[str, list[str]]]:
        """Return who has spoken each algorithm of the matrix, by kind and name; nobody: an empty list."""
        spoken: dict[str, dict[str, list[str]]] = {chapter.title: {} for chapter in CHAPTERS}
        for chapter in CHAPTERS:
            for name in chapter.rows:
                if not elsewhere(name):
                    spoken[chapter.title][name] = [
                        peer for peer in self.versions if self._spoke(peer, (chapter.title, name))
                    ]
        return spoken

    def _spoke(self, peer: str, wanted: tuple[str, str]) -> bool:
        return any(wanted in cell.wanted for cell in self.passed[peer])


def run(folder: Path, device: Path) -> Outcome:
    """
    Try every cell with every client that is installed.

    Args:
        folder: an empty one.
        device: OpenSSH's software security key.
    """
    home, began = folder / "home", sum(os.times()[:4])
    home.mkdir()
    keys, outcome = Keys(home, device), Outcome()
    peers: list[Peer] = [each() for each in PEERS]
    peers = [peer for peer in peers if peer.version]
    wanted: dict[str, list[Cell]] = {}
    for peer in peers:
        peer.prepare(keys)
        outcome.versions[peer.name] = peer.version
        wanted[peer.name] = list(cells(peer.speaks))
    every = list(dict.fromkeys(cell for each in wanted.values() for cell in each))
    with Servers(folder, keys, every) as servers:
        with ThreadPoolExecutor(len(peers)) as pool:
            for driven in [pool.submit(_drive, peer, wanted[peer.name], servers, outcome) for peer in peers]:
                driven.result()
    outcome.processor_seconds = sum(os.times()[:4]) - began
    return outcome


class Servers:
    """
    The process with the servers, while it runs: a context manager.

    Args:
        folder: where it runs.
        every: the cells that have a server.
    """

    def __init__(self, folder: Path, keys: Keys, every: Sequence[Cell]) -> None:
        self.keys, self.every = keys, every
        self.root, self.log = folder / "served", folder / "log"
        self.source, self.small = folder / "source", folder / "small"
        for path, random, repeated in zip((self.source, self.small), _RANDOM, _REPEATED, strict=True):
            path.write_bytes(os.urandom(random) + b"0123456789abcdef" * (repeated // 16))
        self.root.mkdir()
        self._records, self._ports = folder / "records", folder / "ports"
        self._records.touch()
        with self.log.open("wb") as log:
            program = Path(__file__).with_name("server.py")
            command = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile="]
            self._process = subprocess.Popen(
                [*command, "-y", str(program)],
                cwd=folder,
                stdout=log,
                stderr=log,
                env=environment(
                    folder,
                    PYTHONPATH=str(PROJECT),
                    ROOT=str(self.root),
                    CELLS=json.dumps([cell.settings for cell in every]),
                    HOST_KEYS=json.dumps([str(path) for path in keys.hosts]),
                    CERTIFICATES=json.dumps([str(path) for path in keys.certificates]),
                    PORTS=str(self._ports),
                    RECORDS=str(self._records),
                ),
            )

    def __enter__(self) -> "Servers":
        wait_until(lambda: self._process.poll() is not None or self._ports.exists())
        assert self._process.poll() is None, self.log.read_text()[-4000:]
        self.ports = dict(zip(self.every, json.loads(self._ports.read_text()), strict=True))
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)
        assert "Traceback" not in self.log.read_text(), self.log.read_text()[-8000:]

    def errand(self, peer: str, cell: Cell) -> Errand:
        """Return the login of a client for a cell."""
        number = self.every.index(cell)
        return Errand(
            cell=cell,
            port=self.ports[cell],
            user=peer,
            key=self.keys.user(cell),
            source=self.source,
            small=self.small,
            there=f"{peer}-{number}",
            back=self.keys.folder / f"{peer}-{number}",
        )

    def problem(self, errand: Errand) -> str:
        """Return what is wrong with a login that a client has called good; empty: nothing."""
        if (self.root / errand.there).read_bytes() != self.source.read_bytes():
            return "what has arrived is not what was sent"
        if errand.back.read_bytes() != self.small.read_bytes():
            return "what came back is not what was sent"
        found: list[Any] = []
        # A client may be gone before the server has seen it.
        wait_until(lambda: found.extend(self._recorded(errand)) or found, seconds=20)
        return difference(errand.cell, found[-1])

    def _recorded(self, errand: Errand) -> list[Any]:
        number = self.every.index(errand.cell)
        lines = self._records.read_text().splitlines(keepends=True)
        records = (json.loads(line) for line in lines if line.endswith("\n"))
        return [each for each in records if (each["cell"], each["user"]) == (number, errand.user)]


def difference(cell: Cell, record: Mapping[str, Any]) -> str:
    """Return in what a connection was not as a cell wants it; empty: in nothing."""
    said = "\n".join(record["steps"])
    exchanges, protections = _EXCHANGES.findall(said), _PROTECTION.findall(said)
    if len(exchanges) < 2:
        return f"{len(exchanges)} key exchanges, at least 2 expected"
    found = {
        KEY_EXCHANGE: {kex for kex, _ in exchanges},
        HOST_KEY: {key for _, key in exchanges},
        CIPHER: {cipher for cipher, _, _ in protections},
        MAC: {mac for _, mac, _ in protections},
        COMPRESSION: {compression for _, _, compression in protections},
        SIGNATURE: {record["signature"]},
    }
    wrong = [f"{kind}: {', '.join(found[kind])}, not {name}" for kind, name in cell.wanted if found[kind] != {name}]
    return "; ".join(wrong)


def _drive(peer: Peer, wanted: Sequence[Cell], servers: Servers, outcome: Outcome) -> None:
    began = time.monotonic()
    passed = outcome.passed.setdefault(peer.name, [])

    def done(errand: Errand, problem: str) -> None:
        if problem and any(kind in peer.tried for kind, _ in errand.cell.wanted):
            outcome.not_spoken[peer.name, errand.cell] = problem
        elif problem := problem or servers.problem(errand):
            outcome.failed[peer.name, errand.cell] = problem
        else:
            passed.append(errand.cell)

    peer.run([servers.errand(peer.name, cell) for cell in wanted], done)
    outcome.seconds[peer.name] = time.monotonic() - began


def stored() -> dict[str, Any]:
    """Return what stands in the file: the tables `clients` and, by kind, who has spoken a name."""
    return tomllib.loads(STORED.read_text(encoding="utf-8"))


def text(outcome: Outcome) -> str:
    """Return what the file should be after a run."""
    lines = [_NOTE, "", "[clients]", *(f"{json.dumps(name)} = {json.dumps(v)}" for name, v in outcome.versions.items())]
    for kind, rows in outcome.peers().items():
        lines += ["", f"[{json.dumps(kind)}]", *(f"{json.dumps(name)} = {json.dumps(p)}" for name, p in rows.items())]
    return "\n".join(lines) + "\n"
