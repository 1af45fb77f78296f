"""
The later versions of SFTP: lftp, which asks for 6, and asyncssh, which speaks 4, 5 and 6, do what they do in version 3.
"""

import re
from collections.abc import Callable

import pytest

from bench.servers import Server
from tests.interop.clients import asyncssh_client, lftp
from tests.interop.conftest import Start
from tests.interop.driving import Place, need
from tests.interop.operations import OPERATIONS, Operation

Make = Callable[[Server], Place]


@pytest.fixture(scope="module")
def six(start: Start) -> Server:
    """A server that speaks up to version 6."""
    return start("ProtocolVersion=6")


def _cells(*names: str) -> list[Operation]:
    return [operation for operation in OPERATIONS if operation.name in names and not operation.read_only]


@pytest.mark.parametrize(
    # What `list` looks at are the lines of version 3.
    "operation",
    _cells(*(name for name in lftp.CLIENT.steps if name != "list")),
    ids=lambda operation: operation.name,
)
def check_lftp(ours: None, six: Server, make_place: Make, operation: Operation) -> None:
    """lftp in version 6: every operation of the matrix."""
    need(*lftp.CLIENT.needs)
    place = make_place(six)
    operation.prepare(place)
    operation.verify(place, lftp.CLIENT.steps[operation.name](place))


def check_lftp_listing(ours: None, six: Server, make_place: Make) -> None:
    """It makes its own lines of what version 6 tells, and its links by a request of that version."""
    need(*lftp.CLIENT.needs)
    place = make_place(six)
    (place.served / "file").write_bytes(b"12345")
    (place.served / "file").chmod(0o640)
    said = lftp.script("debug 9", "ln -s file link", "ls")(place)
    assert "type=21(LINK)" in said
    assert re.search(r"^-rw-r----- +\S+/\S+ +5 .* file$", said, re.MULTILINE), said
    assert re.search(r"^lrwxrwxrwx +\S+/\S+ +4 .* link$", said, re.MULTILINE), said


@pytest.mark.parametrize("version", (4, 5, 6))
@pytest.mark.parametrize("operation", _cells(*asyncssh_client.CLIENT.steps), ids=lambda operation: operation.name)
def check_asyncssh(ours: None, six: Server, make_place: Make, operation: Operation, version: int) -> None:
    """asyncssh in each version: every operation of the matrix."""
    place = make_place(six)
    operation.prepare(place)
    asked = asyncssh_client.VERSION.set(version)
    try:
        operation.verify(place, asyncssh_client.CLIENT.steps[operation.name](place))
    finally:
        asyncssh_client.VERSION.reset(asked)
