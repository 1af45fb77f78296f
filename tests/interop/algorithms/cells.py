"""
What is tried with each client: cells, made of the rows of the registry.

A new row gets its cells by being there. What a client speaks it is asked for, by its driver.
"""

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from conchsftp.ssh.algorithms.offer import CHAPTERS
from conchsftp.ssh.algorithms.protection import CIPHERS, MACS
from conchsftp.ssh.algorithms.registry import MacRow

CIPHER, MAC = CIPHERS.title, MACS.title
KEY_EXCHANGE, HOST_KEY, _, _, COMPRESSION, SIGNATURE = (chapter.title for chapter in CHAPTERS)

_TESTS = Path(__file__).parents[3] / "docs" / "algorithm_tests.toml"
TESTS: dict[str, dict[str, str]] = tomllib.loads(_TESTS.read_text(encoding="utf-8"))
"""What proves the algorithms that nobody speaks in the matrix: `elsewhere` and `vectors`."""

Speaks = Callable[[str, str], bool]
"""Of a kind, which is the title of a chapter, and a name: whether a client can be asked to use it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """
    One login, and what has to be negotiated in it.

    Args:
        wanted: name by kind, in pairs; of the other kinds, anything.
    """

    wanted: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return " ".join(name for _, name in self.wanted)

    def get(self, kind: str) -> str:
        """Return the name that is wanted of a kind; empty: any."""
        return dict(self.wanted).get(kind, "")

    @property
    def settings(self) -> dict[str, tuple[str, ...]]:
        """The settings of a server that leave a client no other choice, by attribute."""
        return {chapter.setting.attribute: (name,) for chapter in CHAPTERS if (name := self.get(chapter.title))}


def elsewhere(name: str) -> str:
    """Return the file of checks that has the algorithm instead of the matrix; empty: the matrix has it."""
    return next((check for prefix, check in TESTS["elsewhere"].items() if name.startswith(prefix)), "")


def unavailable() -> dict[str, str]:
    """Return why rows of the matrix cannot be tried on this machine, by name."""
    return {
        row.name: reason
        for chapter in CHAPTERS
        for row in chapter
        if not elsewhere(row.name) and (reason := row.available()) is not None
    }


def cells(speaks: Speaks) -> Iterator[Cell]:
    """Yield what is tried with a client: every row, and each cipher with a MAC of each sort."""
    missing = unavailable()
    spoken = {
        chapter.title: [
            row.name
            for row in chapter
            if row.name not in missing and not elsewhere(row.name) and speaks(chapter.title, row.name)
        ]
        for chapter in CHAPTERS
    }
    for kind in (KEY_EXCHANGE, HOST_KEY, COMPRESSION, SIGNATURE):
        for name in spoken[kind]:
            yield Cell(((kind, name),))
    yield from map(Cell, _protections(spoken[CIPHER], spoken[MAC]))


def _protections(ciphers: list[str], macs: list[str]) -> list[tuple[tuple[str, str], ...]]:
    first: dict[tuple[str, bool], str] = {}
    for name in macs:
        first.setdefault(_sort(MACS[name]), name)
    found = []
    for cipher in ciphers:
        if CIPHERS[cipher].aead:
            found.append(((CIPHER, cipher),))
        else:
            found += [((CIPHER, cipher), (MAC, mac)) for mac in first.values()]
    with_any = next((name for name in ciphers if not CIPHERS[name].aead), "")
    if with_any:
        found += [((CIPHER, with_any), (MAC, mac)) for mac in macs]
    return list(dict.fromkeys(found))


def _sort(row: MacRow) -> tuple[str, bool]:
    """Return what decides how a cipher and a MAC meet: the sort of code, and what it covers."""
    return row.name.partition("-")[0], row.etm
