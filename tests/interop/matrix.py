"""
The matrix, a row a client and a column an operation: printed after a run, and written into docs/clients.md.

`python -m tests.interop.matrix` writes it, with the versions of the clients of this machine.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.interop.clients import CLIENTS
from tests.interop.clients.client import Client
from tests.interop.operations import GROUPS, OPERATIONS, Operation

DOCUMENT = Path(__file__).parents[2] / "docs" / "clients.md"
# The property of a test report that says which cell of the matrix it fills.
CELL = "cell"

_BEGIN = "<!-- The matrix: written by `python -m tests.interop.matrix`, change the rows instead. -->"
_END = "<!-- The end of the matrix. -->"
_IMPOSSIBLE, _PASSED = "–", "✓"

Mark = Callable[[Client, Operation], str]


def printed(outcomes: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """
    Yield the lines of the matrix after a run.

    Args:
        outcomes: `passed`, `failed`, `error` or `skipped`, by the names of client and operation.
    """

    def mark(client: Client, operation: Operation) -> str:
        if operation.name not in client.steps:
            return _IMPOSSIBLE
        marks = {"passed": _PASSED, "failed": "✗", "error": "✗"}
        return marks.get(outcomes.get((client.name, operation.name), ""), "·")

    clients = [client for client in CLIENTS if any(name == client.name for name, _ in outcomes)]
    yield f"{_PASSED} passed, ✗ failed, {_IMPOSSIBLE} not possible, · not run"
    for title, rows in _tables(mark, clients):
        yield ""
        rows[0] = (title, *rows[0][1:])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def is_stale() -> bool:
    """Return whether the document shows other clients, operations or reasons than the rows do."""
    text = DOCUMENT.read_text()
    names = "|".join(re.escape(client.name) for client in CLIENTS)
    versions = dict(re.findall(rf"^\| ({names}) (\S+) \|", text, re.MULTILINE))
    return _with_matrix(text, versions) != text


def write() -> None:
    """Write the matrix into the document; every client must be installed."""
    versions = {client.name: client.version() for client in CLIENTS}
    if missing := [name for name, version in versions.items() if not version]:
        sys.exit(f"not installed: {', '.join(missing)}")
    DOCUMENT.write_text(_with_matrix(DOCUMENT.read_text(), versions))


def _with_matrix(text: str, versions: Mapping[str, str]) -> str:
    before, _, rest = text.partition(_BEGIN)
    return "\n\n".join([before + _BEGIN, *_markdown(versions), _END + rest.partition(_END)[2]])


def _markdown(versions: Mapping[str, str]) -> Iterator[str]:
    def mark(client: Client, operation: Operation) -> str:
        return _PASSED if operation.name in client.steps else _IMPOSSIBLE

    for title, rows in _tables(mark, CLIENTS, versions):
        heading, *clients = rows
        rule = ["---", *(":-:" for _ in heading[1:])]
        yield f"### {title}"
        yield "\n".join(f"| {' | '.join(row)} |" for row in (heading, rule, *clients))
    yield f"What stands behind a {_IMPOSSIBLE}, where it is not obvious:"
    yield "\n".join(_reasons())


def _reasons() -> Iterator[str]:
    titles = {operation.name: operation.title for operation in OPERATIONS}
    for client in CLIENTS:
        reasons = "; ".join(f"{titles[name]}: {reason}" for name, reason in client.cannot.items())
        if reasons:
            yield f"* {client.name}: {reasons}."


def _tables(
    mark: Mark, clients: Iterable[Client], versions: Mapping[str, str] | None = None
) -> Iterator[tuple[str, list[Sequence[str]]]]:
    """Yield the title and the rows of each group, the heading first."""
    clients = list(clients)
    for title, operations in GROUPS.items():
        rows: list[Sequence[str]] = [("Client", *(operation.title for operation in operations))]
        for client in clients:
            version = client.version() if versions is None else versions.get(client.name, "")
            marks = (mark(client, operation) for operation in operations)
            rows.append((f"{client.name} {version}".rstrip(), *marks))
        yield title, rows


if __name__ == "__main__":
    write()
