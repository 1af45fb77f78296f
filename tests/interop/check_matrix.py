"""
Each client of `clients` does each operation of `operations`; conftest prints the matrix at the end.
"""

from collections.abc import Callable

import pytest

from bench.servers import Server
from tests.interop import matrix
from tests.interop.clients import CLIENTS
from tests.interop.clients.client import Client
from tests.interop.conftest import PEER
from tests.interop.driving import Place, need, unavailable
from tests.interop.operations import OPERATIONS, Operation

_CELLS = [(client, operation) for client in CLIENTS for operation in OPERATIONS if operation.name in client.steps]
_NAMES = [f"{client.name}-{operation.name}" for client, operation in _CELLS]


@pytest.mark.parametrize(("client", "operation"), _CELLS, ids=_NAMES)
def check_cell(
    client: Client,
    operation: Operation,
    make_place: Callable[[Server], Place],
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    """The client does the operation by its own means, and the server's files show it."""
    record_property(matrix.CELL, (client.name, operation.name))
    need(*client.needs)
    if not client.version():
        unavailable(f"missing: {client.name}")
    if operation.ours and PEER != "ours":
        pytest.skip("says nothing about this peer")
    served_by = "read_only_server" if operation.read_only else "compatible_server" if client.old else "server"
    place = make_place(request.getfixturevalue(served_by))
    operation.prepare(place)
    operation.verify(place, client.steps[operation.name](place))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def check_that_it_can_fail(operation: Operation, server: Server, place: Place) -> None:
    """A client that does nothing does not pass."""
    operation.prepare(place)
    with pytest.raises((AssertionError, OSError, TypeError)):
        operation.verify(place, None)


def check_rows() -> None:
    """A client's row names operations that there are, and gives no reason for what it does."""
    names = {operation.name for operation in OPERATIONS}
    for client in CLIENTS:
        assert {*client.steps, *client.cannot} <= names, client.name
        assert not client.steps.keys() & client.cannot.keys(), client.name


def check_document() -> None:
    """docs/clients.md shows the clients and the operations that there are; the versions may be others."""
    assert not matrix.is_stale(), "run `python -m tests.interop.matrix`"
