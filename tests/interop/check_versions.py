"""
The later versions of SFTP: lftp, which asks for 6, and asyncssh, which speaks 4, 5 and 6, do what they do in version 3.

Clients that know no other version are content with 3.
"""

import os
import re
from collections.abc import Callable

import pytest

from bench.servers import Server
from tests.interop import effects
from tests.interop.clients import CLIENTS, asyncssh_client, lftp
from tests.interop.clients.client import Client
from tests.interop.driving import Place, need, same, unavailable
from tests.interop.operations import OPERATIONS, Operation

Make = Callable[[Server], Place]
MakePlaces = Callable[..., dict[str, Place]]

# Those that ask for more.
LATER = ("asyncssh", "lftp", "net-sftp")


def _cells(*names: str) -> list[Operation]:
    return [operation for operation in OPERATIONS if operation.name in names and not operation.read_only]


@pytest.mark.parametrize(
    # What `list` looks at are the lines of version 3; of many names there is a check below.
    "operation",
    _cells(*(name for name in lftp.CLIENT.steps if name not in ("list", "list_many"))),
    ids=lambda operation: operation.name,
)
def check_lftp(ours: None, server_of_six: Server, make_place: Make, operation: Operation) -> None:
    """lftp in version 6: every operation of the matrix."""
    need(*lftp.CLIENT.needs)
    place = make_place(server_of_six)
    operation.prepare(place)
    operation.verify(place, lftp.CLIENT.steps[operation.name](place))


def check_lftp_listing(ours: None, server_of_six: Server, make_place: Make) -> None:
    """It makes its own lines of what version 6 tells, in UTC, and its links by a request of that version."""
    need(*lftp.CLIENT.needs)
    place = make_place(server_of_six)
    (place.served / "file").write_bytes(b"12345")
    (place.served / "file").chmod(0o640)
    os.utime(place.served / "file", (effects.MODIFIED, effects.MODIFIED))
    (place.served / "folder").mkdir(0o755)
    said = lftp.script("debug 9", "ln -s gone link", "ln file other", "ls")(place)
    assert said.count("type=21(LINK)") == 2
    assert re.search(r"^-rw-r----- +\S+/\S+ +5 2011-03-13 07:06:40 file$", said, re.MULTILINE), said
    assert re.search(r"^drwxr-xr-x +\S+/\S+ .* folder$", said, re.MULTILINE), said
    assert re.search(r"^lrwxrwxrwx +\S+/\S+ +4 .* link$", said, re.MULTILINE), said
    assert os.readlink(place.served / "link") == "gone"
    assert (place.served / "other").samefile(place.served / "file")


def check_lftp_trees(ours: None, server_of_six: Server, make_place: Make) -> None:
    """It takes a tree both ways with times, modes and links, one of which leads nowhere; counts it, and removes it."""
    need(*lftp.CLIENT.needs)
    place = make_place(server_of_six)
    tree = place.local / "tree"
    (tree / "sub" / "deep").mkdir(parents=True)
    for number, name in enumerate((*effects.ODD_NAMES, "sub/one", "sub/deep/two")):
        (tree / name).write_bytes(os.urandom(1500 + number))
        (tree / name).chmod((0o600, 0o640, 0o644, 0o700, 0o755)[number % 5])
        os.utime(tree / name, (effects.MODIFIED, effects.MODIFIED + number))
    (tree / "link").symlink_to("sub/one")
    (tree / "dangling").symlink_to("gone")
    said = lftp.script("mirror -R tree up", "du -a up", "cls -1 up/sub", "mirror up down", "rm -r up/sub")(place)
    assert re.search(r"^2\tup/sub/one$", said, re.MULTILINE), said
    assert not (place.served / "up" / "sub").exists()
    same(tree, place.local / "down")
    for copy in (place.local / "down", place.served / "up"):
        for name in effects.ODD_NAMES:
            first, second = ((folder / name).stat() for folder in (tree, copy))
            assert (first.st_mode, int(first.st_mtime)) == (second.st_mode, int(second.st_mtime)), name


def check_lftp_renames(ours: None, server_of_six: Server, make_place: Make) -> None:
    """It replaces a file where it uploads under another name, by a flag of RENAME; by `mv` it does not."""
    need(*lftp.CLIENT.needs)
    place = make_place(server_of_six)
    (place.local / "source").write_text("new")
    for name in ("kept", "old"):
        (place.served / name).write_text(name)
    lftp.script("set xfer:use-temp-file yes", "put source -o old")(place)
    assert "already exists" in lftp.script("mv kept old", code=1)(place)
    found = {path.name: path.read_text() for path in place.served.iterdir()}
    assert found == {"kept": "kept", "old": "new"}


def check_lftp_much(ours: None, server_of_six: Server, make_place: Make) -> None:
    """It lists 3,000 names, and takes 40 MB up; down it goes on with what it has."""
    need(*lftp.CLIENT.needs)
    place = make_place(server_of_six)
    (place.served / "many").mkdir()
    names = [f"{number:05}" for number in range(3000)]
    for name in names:
        (place.served / "many" / name).touch()
    block = os.urandom(1_000_000)
    with (place.local / "source").open("wb") as source:
        for number in range(40):
            source.write(number.to_bytes(2, "big") + block[2:])
    with (place.local / "back").open("wb") as back, (place.local / "source").open("rb") as source:
        back.write(source.read(20_000_001))
    said = lftp.script("cls -1 many", "put source -o large", "reget large -o back")(place)
    assert said.split() == [f"many/{name}" for name in names] or said.split() == names
    same(place.local / "source", place.served / "large")
    same(place.local / "source", place.local / "back")


@pytest.mark.parametrize("version", (4, 5, 6))
@pytest.mark.parametrize("operation", _cells(*asyncssh_client.CLIENT.steps), ids=lambda operation: operation.name)
def check_asyncssh(
    ours: None, connected: None, server_of_six: Server, make_place: Make, operation: Operation, version: int
) -> None:
    """asyncssh in each version: every operation of the matrix."""
    place = make_place(server_of_six)
    operation.prepare(place)
    asked = asyncssh_client.VERSION.set(version)
    try:
        operation.verify(place, asyncssh_client.CLIENT.steps[operation.name](place))
    finally:
        asyncssh_client.VERSION.reset(asked)


@pytest.mark.parametrize(
    "client", [client for client in CLIENTS if client.name not in LATER], ids=lambda client: client.name
)
def check_version_three(ours: None, server_of_six: Server, make_places: MakePlaces, client: Client) -> None:
    """A client that asks for version 3 gets it, and all is as if the server spoke no other."""
    need(*client.needs)
    if not client.version():
        unavailable(f"missing: {client.name}")
    operations = [operation for operation in _cells("append", "list", "tree_down") if operation.name in client.steps]
    places = make_places(server_of_six, *(operation.name for operation in operations))
    for operation in operations:
        place = places[operation.name]
        operation.prepare(place)
        operation.verify(place, client.steps[operation.name](place))
