"""
What rclone does besides taking files to and fro: it compares trees, and reads anywhere in files.
"""

import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.servers import free_port
from tests.interop.clients.rclone import rclone, rclone_command, rclone_paths
from tests.interop.driving import Place, environment, need, same, wait_until

MIB = 1 << 20


@pytest.fixture(autouse=True)
def client() -> None:
    """The client whose tests these are."""
    need("rclone")


@pytest.fixture
def tree(place: Place) -> Place:
    """A place with a tree on the client's side."""
    for number in range(20):
        folder = place.local / "tree" / f"folder{number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"file{number}").write_bytes(os.urandom(1000 + number))
    return place


def check_sync(tree: Place) -> None:
    """`sync` sends what is new or changed and nothing else, and removes what is gone."""
    rclone(tree, "sync", "--transfers", "4", "tree", ":tree")
    same(tree.local / "tree", tree.served / "tree")
    assert "nothing to transfer" in rclone(tree, "sync", "-v", "tree", ":tree")
    folder = tree.local / "tree" / "folder0"
    (folder / "file0").unlink()
    (folder / "file3").write_bytes(b"changed")
    (folder / "new").write_bytes(b"new")
    said = rclone(tree, "sync", "-v", "tree", ":tree")
    assert {line.split(" : ", 1)[1] for line in said.splitlines() if "folder" in line} == {
        "folder0/file0: Deleted",
        "folder0/file3: Copied (replaced existing)",
        "folder0/new: Copied (new)",
    }
    same(tree.local / "tree", tree.served / "tree")


def check_compare(tree: Place) -> None:
    """`check` finds nothing in a copy; with `--download` it reads both, and finds one byte that differs."""
    rclone(tree, "copy", "tree", ":tree")
    assert "0 differences found" in rclone(tree, "check", "tree", ":tree")
    rclone(tree, "check", "--download", "tree", ":tree")
    with (tree.served / "tree" / "folder1" / "file1").open("r+b") as file:
        file.write(bytes([file.read(1)[0] ^ 1]))
    assert "differ" in rclone(tree, "check", "--download", "tree", ":tree", code=1)


def check_large_packets(place: Place) -> None:
    """With the largest packets that it can be set to, files go both ways."""
    (place.local / "source").write_bytes(os.urandom(3 * MIB + 1))
    rclone(place, "copyto", "--sftp-chunk-size", "255k", "source", ":arrived")
    rclone(place, "copyto", "--sftp-chunk-size", "255k", ":arrived", "back")
    same(place.local / "source", place.served / "arrived")
    same(place.local / "source", place.local / "back")


def check_reading_anywhere(place: Place) -> None:
    """Parts are read from where they are, by `cat --offset` and by a server on top of what a mount is made of."""
    data = os.urandom(3 * MIB)
    (place.served / "source").write_bytes(data)
    (place.served / "text").write_text("one two three")
    assert rclone(place, "cat", "--offset", "4", "--count", "3", ":text") == "two"
    with _served_by_http(place) as address:
        for first, last in ((0, 0), (2 * MIB, 2 * MIB + 99), (5, MIB), (3 * MIB - 1, 3 * MIB - 1)):
            request = urllib.request.Request(f"{address}/source", headers={"Range": f"bytes={first}-{last}"})
            with urllib.request.urlopen(request, timeout=20) as answer:
                assert (answer.status, answer.read()) == (206, data[first : last + 1])


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(f"http://{address}/", timeout=20).close()
    except urllib.error.URLError:
        return False
    return True


@contextmanager
def _served_by_http(place: Place) -> Iterator[str]:
    address = f"127.0.0.1:{free_port()}"
    command = [*rclone_command(place), "serve", "http", "--addr", address, *rclone_paths(place, [":"])]
    serving = subprocess.Popen(
        [str(part) for part in command], cwd=place.local, env=environment(place.local), stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: serving.poll() is not None or _answers(address))
        yield f"http://{address}"
    finally:
        serving.terminate()
        serving.wait(60)
