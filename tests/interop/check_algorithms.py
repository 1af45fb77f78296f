"""
Every algorithm of the registry with every client that speaks it: logins that move a file and change keys on the way.

`python -m tests.interop.algorithms` runs the same, and writes who has spoken what.
"""

import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

import pytest

from conchsftp.ssh.algorithms.offer import CHAPTERS
from tests.interop.algorithms import matrix
from tests.interop.algorithms.cells import SIGNATURE, TESTS, Cell, elsewhere, unavailable
from tests.interop.check_keys import SK_PROVIDER, need_device
from tests.interop.driving import need

# The whole matrix has a place in a run that takes fifteen minutes for everything.
_MOST_SECONDS = 120


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> matrix.Outcome:
    """One run of the matrix."""
    need("ssh", "sftp", "ssh-keygen")
    return matrix.run(tmp_path_factory.mktemp("algorithms"), SK_PROVIDER)


@pytest.mark.parametrize("peer", [each.name for each in matrix.PEERS])
def check_peer(ours: None, outcome: matrix.Outcome, peer: str) -> None:
    """In every login a client gets what it was told to want, and its files through; with CI set, it is there."""
    if peer == matrix.PEERS[0].name:
        need_device()
    if peer not in outcome.versions:
        need(peer)
    wrong = [f"{cell}: {problem}" for (name, cell), problem in outcome.failed.items() if name == peer]
    assert not wrong, "\n".join(wrong)
    assert len(outcome.passed[peer]) > 15


def check_time(ours: None, outcome: matrix.Outcome) -> None:
    """All of it takes less than two minutes of one processor."""
    assert outcome.processor_seconds < _MOST_SECONDS


def check_machine(ours: None) -> None:
    """With CI set, no algorithm is left out because something is missing on this machine."""
    if os.environ.get("CI"):
        assert not unavailable()


def check_document(ours: None, outcome: matrix.Outcome) -> None:
    """What the documents say of a client is what it has just done, if it is of the version that they name."""
    stored = matrix.stored()
    same = [peer for peer, version in outcome.versions.items() if stored["clients"].get(peer) == version]
    for kind, rows in outcome.peers().items():
        for name, peers in rows.items():
            said = stored[kind].get(name)
            assert said is not None and {*peers} & {*same} == {*said} & {*same}, (
                f"{name}: {said} in {matrix.STORED.name}, now {peers}; run `python -m tests.interop.algorithms`"
            )
        assert not stored[kind].keys() - rows.keys()


def check_that_it_can_fail() -> None:
    """A connection that was not what a cell wants is told from one that was, at every kind, and after new keys too."""
    kinds = {chapter.title: next(iter(chapter)).name for chapter in CHAPTERS}
    cell = Cell(tuple(kinds.items()))

    def steps(names: Mapping[str, str]) -> list[str]:
        kex, key, cipher, mac, compression, _ = names.values()
        protection = f"cipher {cipher}, MAC {mac}, compression {compression}"
        return [f"key exchange {kex}, host key {key}", f"from the client: {protection}", f"to the client: {protection}"]

    def told(*exchanges: Mapping[str, str]) -> str:
        said = [step for names in exchanges for step in steps(names)]
        return matrix.difference(cell, {"steps": said, "signature": exchanges[-1][SIGNATURE]})

    assert told(kinds, kinds) == ""
    assert told(kinds) == "1 key exchanges, at least 2 expected"
    for kind, name in kinds.items():
        assert told(kinds, kinds | {kind: "other"}).startswith(f"{kind}: "), name


def _rows() -> Iterator[tuple[str, str]]:
    for chapter in CHAPTERS:
        for row in chapter:
            yield chapter.title, row.name


def check_complete() -> None:
    """An algorithm that no client speaks has a check of its own, or vectors in a test that there is."""
    stored, folder = matrix.stored(), Path(__file__).parent
    for kind, name in _rows():
        if stored[kind].get(name):
            assert name not in TESTS["vectors"], f"{name} is spoken, and needs no line in algorithm_tests.toml"
        elif name in TESTS["vectors"]:
            _find(TESTS["vectors"][name])
        else:
            check = elsewhere(name)
            assert check, f"{name}: neither a client nor a line in algorithm_tests.toml"
            assert (folder / f"{check}.py").exists(), f"{name}: no {check}"


def _find(test: str) -> None:
    module, case, method = test.rsplit(".", 2)
    assert callable(getattr(getattr(import_module(module), case), method))
