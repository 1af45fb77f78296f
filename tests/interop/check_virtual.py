"""
Files that only handlers know, for OpenSSH's sftp and lftp: what comes out is what went in, byte by byte.
"""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.interop.check_examples import Example, example
from tests.interop.driving import need, run

__all__ = ["example"]

SQLITE = pytest.mark.parametrize("example", ["sqlite_files"], indirect=True)
VIRTUAL = pytest.mark.parametrize("example", ["virtual_files"], indirect=True)
NUMBERS = b"".join(b"%06d\n" % number for number in range(100_000))


class Client:
    """
    One of the two clients.

    Args:
        name: `sftp` or `lftp`.
        example: whose files it works on, as alice.
    """

    def __init__(self, name: str, example: Example) -> None:
        need(name)
        self.name = name
        self.folder = example.folder
        self._example = example

    def __call__(self, *commands: str) -> str:
        """Carry out commands, which have the same names for both; failures are only shown."""
        if self.name == "sftp":
            return self._example.sftp("alice", *commands)
        ssh = f"ssh -a -x -F none -i {self.folder}/key -oUserKnownHostsFile=known -oStrictHostKeyChecking=accept-new"
        script = [
            f'set sftp:connect-program "{ssh}"',
            "set cmd:fail-exit no",
            "set net:max-retries 1",
            f"open sftp://alice:@127.0.0.1:{self._example.port}",
            *(self._spelt(command) for command in commands),
        ]
        return run(["lftp", "-f", "/dev/stdin"], self.folder, text="\n".join(script) + "\nexit 0\n")

    @staticmethod
    def _spelt(command: str) -> str:
        verb, _, rest = command.partition(" ")
        spelling = {"rename": "mv", "reget": "get -c", "reput": "put -c", "ls -l": "ls"}
        return f"{spelling.get(verb, verb)} {rest}"


@pytest.fixture(params=["sftp", "lftp"])
def client(request: pytest.FixtureRequest, example: Example) -> Iterator[Client]:
    """Each of the clients."""
    yield Client(request.param, example)


def content(size: int, seed: int = 1) -> bytes:
    """Return bytes without a pattern."""
    return random.Random(seed).randbytes(size)


@SQLITE
def check_sqlite(client: Client) -> None:
    """Files are put, listed, renamed, fetched and removed; folders are made and removed."""
    for name, size in (("empty", 0), ("small", 1), ("large", 5_000_001)):
        (client.folder / name).write_bytes(content(size))
        client(f"put {name}", "mkdir folder", f"rename {name} folder/there")
        listing = client("ls -l folder")
        assert f" {size} " in listing and "there" in listing, listing
        client("get folder/there")
        assert (client.folder / "there").read_bytes() == content(size)
        (client.folder / "there").unlink()
        client("rename folder other", "rm other/there", "rmdir other")
        listing = client("ls -l")
        assert "there" not in listing and "other" not in listing, listing


@SQLITE
def check_sqlite_overwrite(client: Client) -> None:
    """A shorter content takes the place of a longer one."""
    for size in (100_000, 10, 70_000):
        (client.folder / "file").write_bytes(content(size, size))
        client("put file", "get file -o again" if client.name == "lftp" else "get file again")
        assert (client.folder / "again").read_bytes() == content(size, size)
        (client.folder / "again").unlink()


@SQLITE
def check_sqlite_resume(client: Client) -> None:
    """A transfer that broke off goes on where it was, in both directions."""
    whole = content(3_000_000)
    (client.folder / "file").write_bytes(whole[:1_234_567])
    client("put file")
    (client.folder / "file").write_bytes(whole)
    client("reput file")
    (client.folder / "file").write_bytes(whole[:2_345_678])
    client("reget file")
    assert (client.folder / "file").read_bytes() == whole


@SQLITE
def check_two_at_once(example: Example) -> None:
    """Two clients at once have one database, and each file is whole."""
    clients = [Client(name, example) for name in ("sftp", "lftp")]
    for one in clients:
        for number in range(8):
            (example.folder / f"{one.name}{number}").write_bytes(content(300_000 + number, number))

    def work(one: Client) -> None:
        one(*(f"put {one.name}{number}" for number in range(8)))

    with ThreadPoolExecutor() as pool:
        list(pool.map(work, clients))
    for one in clients:
        for number in range(8):
            (example.folder / f"{one.name}{number}").unlink()
    clients[0](*(f"get lftp{number}" for number in range(8)))
    clients[1](*(f"get sftp{number}" for number in range(8)))
    for one in clients:
        for number in range(8):
            assert (example.folder / f"{one.name}{number}").read_bytes() == content(300_000 + number, number)


@VIRTUAL
def check_virtual(client: Client) -> None:
    """Files that are made on the fly are listed and fetched, and cannot be changed."""
    listing = client("ls -l")
    for name in ("time.txt", "greeting.txt", "numbers.txt"):
        assert name in listing
    client("get greeting.txt", "get numbers.txt")
    assert (client.folder / "greeting.txt").read_bytes() == b"Hello alice!\n"
    assert (client.folder / "numbers.txt").read_bytes() == NUMBERS
    client("rm greeting.txt", "put greeting.txt", "mkdir folder")
    assert "greeting.txt" in client("ls -l")


@VIRTUAL
def check_virtual_resume(client: Client) -> None:
    """A download of what is made on the fly can be resumed, where its size is known."""
    (client.folder / "numbers.txt").write_bytes(NUMBERS[:200_001])
    client("reget numbers.txt")
    assert (client.folder / "numbers.txt").read_bytes() == NUMBERS
