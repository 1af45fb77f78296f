"""
Conch's `ISFTPServer` in both directions: our avatars behind Conch's own servers, and Conch's avatars behind ours.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.openssh import options
from bench.servers import Keys, Server, start_program
from tests.interop.clients import lftp, openssh_sftp
from tests.interop.driving import Place, environment, need, unavailable, wait_until
from tests.interop.operations import OPERATIONS

_HERE = Path(__file__).parent
_CLIENTS = {client.name: client for client in (openssh_sftp.CLIENT, lftp.CLIENT)}
_OPERATIONS = {operation.name: operation for operation in OPERATIONS}
# What every client asks first of a server, and what Conch's interface has a word for.
_NAMES = (
    "upload",
    "download",
    "replace",
    "resume_upload",
    "resume_download",
    "empty",
    "list",
    "list_many",
    "folders",
    "rename",
    "tree_up",
    "tree_down",
    "remove_tree",
    "chmod",
    "time_up",
    "symlink",
    "read_link",
    "odd_names",
    "missing",
)
# Something that the handlers of the avatar are told of by each of these.
_TOLD = {
    "upload": ("FileOpen", "FileClose", "TransferFinished"),
    "download": ("FileOpen", "FileClose", "TransferFinished"),
    "list": ("DirRead",),
    "folders": ("DirCreate", "DirRemove", "FileRemove"),
    "rename": ("FileRename",),
    "symlink": ("LinkCreate",),
}
_PROGRAMS = ("conch_stock", "conch_unix")
# Conch's backend for Unix users cannot do it, whoever serves it: it takes only ASCII, and makes targets absolute, below
# its home.
_CANNOT = {("conch_unix", "odd_names"), ("conch_unix", "symlink")}
# A client that does something another way has no step for it.
_CASES = [
    (program, name, client)
    for program in _PROGRAMS
    for name in _NAMES
    for client, driver in _CLIENTS.items()
    if name in driver.steps and (program, name) not in _CANNOT
]


@pytest.fixture(scope="module", params=_PROGRAMS)
def program(request: pytest.FixtureRequest, keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One of the two programs, running."""
    work = tmp_path_factory.mktemp(request.param)
    root = work / "served"
    root.mkdir()
    with start_program(keys, root, work, _HERE / f"{request.param}.py") as server:
        if request.param == "conch_unix":
            server.base = str(root)
        yield server


@pytest.mark.parametrize(("program", "name", "client"), _CASES, indirect=["program"], scope="module")
def check_operation(program: Server, make_place: Callable[[Server], Place], ours: None, name: str, client: str) -> None:
    """What a client does has its effect on the files, and the avatar's handlers are told."""
    driver, operation = _CLIENTS[client], _OPERATIONS[name]
    need(*driver.needs)
    if not driver.version():
        unavailable(f"missing: {driver.name}")
    place = make_place(program)
    before = len(program.log.read_text(errors="replace"))
    operation.prepare(place)
    operation.verify(place, driver.steps[name](place))
    said = program.log.read_text(errors="replace")[before:]
    assert "Traceback" not in said, said
    for event in _TOLD.get(name, ()):
        assert f"told: {event} " in said, said


def check_absolute_link(program: Server, make_place: Callable[[Server], Place], ours: None) -> None:
    """A link is made the right way round with either backend."""
    place = make_place(program)
    (place.served / "source").write_text("text")
    openssh_sftp.batch(f"ln -s {place.remote}/source link")(place)
    assert os.readlink(place.served / "link") == f"{place.remote}/source"


def check_cut_off(program: Server, make_place: Callable[[Server], Place], ours: None) -> None:
    """An upload whose client is killed is told of as one that was cut off, whoever serves it."""
    need("lftp", "ssh")
    place = make_place(program)
    (place.local / "source").write_bytes(bytes(10_000_000))
    connect = " ".join(["ssh -a -x -oBatchMode=yes", *options(program)])
    script = f'set net:limit-rate 200000; set sftp:connect-program "{connect}"; '
    script += f"open -p {program.port} -u {program.user},none sftp://127.0.0.1{place.remote}/; put source -o arrived"
    client = subprocess.Popen(["lftp", "-c", script], env=environment(place.local), cwd=place.local)
    arrived = place.served / "arrived"
    wait_until(lambda: arrived.exists() and arrived.stat().st_size)
    client.kill()
    client.wait()
    told = f"told: TransferFinished {place.remote}/arrived 7"
    wait_until(lambda: told in program.log.read_text(errors="replace"))
