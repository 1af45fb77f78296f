"""
paramiko, a library for Python.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko

from bench.servers import Server
from tests.interop.clients.client import Client
from tests.interop.driving import Place
from tests.interop.effects import THERE
from tests.interop.operations import Step


@contextmanager
def paramiko_session(server: Server, *, by_password: bool = False) -> Iterator[paramiko.SFTPClient]:
    """Give a paramiko SFTP session that ends with the block."""
    client = paramiko.SSHClient()
    client.load_host_keys(str(server.known_hosts()))
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    proof = {"password": server.password} if by_password else {"key_filename": str(server.keys.client)}
    client.connect("127.0.0.1", server.port, username=server.user, allow_agent=False, look_for_keys=False, **proof)
    with client, client.open_sftp() as session:
        session.get_channel().settimeout(60)
        yield session


def _step(work: Callable[[paramiko.SFTPClient, Path], Any], *, by_password: bool = False) -> Step:
    def step(place: Place) -> Any:
        with paramiko_session(place.server, by_password=by_password) as session:
            session.chdir(place.remote)
            return work(session, place.local)

    return step


def _up(session: paramiko.SFTPClient, local: Path) -> None:
    session.put(str(local / "source"), "arrived")


def _down(session: paramiko.SFTPClient, local: Path) -> None:
    session.get("source", str(local / "arrived"))


def _both_ways(session: paramiko.SFTPClient, local: Path) -> None:
    _up(session, local)
    _down(session, local)


def _resume_upload(session: paramiko.SFTPClient, local: Path) -> None:
    with (local / "source").open("rb") as source, session.open("arrived", "r+") as arrived:
        there = session.stat("arrived").st_size
        assert there == THERE
        for file in (source, arrived):
            file.seek(there)
        arrived.set_pipelined(True)
        while block := source.read(32768):
            arrived.write(block)


def _resume_download(session: paramiko.SFTPClient, local: Path) -> None:
    with session.open("source") as source, (local / "arrived").open("ab") as arrived:
        source.seek(arrived.tell())
        arrived.write(source.read())


def _append(session: paramiko.SFTPClient, local: Path) -> None:
    with session.open("arrived", "a") as arrived:
        arrived.write((local / "source").read_bytes())


def _list(session: paramiko.SFTPClient, local: Path) -> dict[str, tuple[str, int]]:
    return {entry.filename: (stat.filemode(entry.st_mode)[0], entry.st_size) for entry in session.listdir_attr()}


def _folders(session: paramiko.SFTPClient, local: Path) -> None:
    session.mkdir("made")
    session.rmdir("folder")
    session.remove("file")


def _rename_over(session: paramiko.SFTPClient, local: Path) -> bool:
    try:
        session.rename("source", "arrived")
    except OSError:
        return False
    return True


def _tree_up(session: paramiko.SFTPClient, local: Path) -> None:
    session.mkdir("arrived")
    for path in sorted((local / "source").rglob("*")):
        there = f"arrived/{path.relative_to(local / 'source')}"
        if path.is_dir():
            session.mkdir(there)
        else:
            session.put(str(path), there)


def _tree_down(session: paramiko.SFTPClient, local: Path) -> None:
    def fetch(folder: str, target: Path) -> None:
        target.mkdir()
        # To the end before anything else is asked: it reads ahead, and takes the next replies for its own.
        for entry in list(session.listdir_iter(folder)):
            there, here = f"{folder}/{entry.filename}", target / entry.filename
            if stat.S_ISDIR(entry.st_mode):
                fetch(there, here)
            else:
                session.get(there, str(here))

    fetch("source", local / "arrived")


def _trees_both_ways(session: paramiko.SFTPClient, local: Path) -> None:
    _tree_up(session, local)
    _tree_down(session, local)


def _bytes_both_ways(session: paramiko.SFTPClient, local: Path) -> None:
    # It takes names as bytes. What it lists it wants to be UTF-8: it is told the names.
    session.mkdir("arrived")
    (local / "arrived").mkdir()
    for path in (local / "source").iterdir():
        session.put(str(path), b"arrived/" + os.fsencode(path.name))
        session.get(b"source/" + os.fsencode(path.name), str(local / "arrived" / path.name))


def _remove_tree(session: paramiko.SFTPClient, local: Path) -> None:
    def empty(folder: str) -> None:
        for entry in session.listdir_attr(folder):
            if stat.S_ISDIR(entry.st_mode):
                empty(f"{folder}/{entry.filename}")
            else:
                session.remove(f"{folder}/{entry.filename}")
        session.rmdir(folder)

    empty("source")


def _time_up(session: paramiko.SFTPClient, local: Path) -> None:
    _up(session, local)
    found = (local / "source").stat()
    session.utime("arrived", (found.st_atime, found.st_mtime))


def _refusal(work: Callable[[paramiko.SFTPClient, Path], Any]) -> Step:
    def told(session: paramiko.SFTPClient, local: Path) -> str:
        try:
            work(session, local)
        except OSError as error:
            return str(error)
        raise AssertionError("not refused")

    return _step(told)


CLIENT = Client(
    name="paramiko",
    version=lambda: paramiko.__version__,
    steps={
        "upload": _step(_up),
        "download": _step(_down),
        "replace": _step(_up),
        "resume_upload": _step(_resume_upload),
        "resume_download": _step(_resume_download),
        "append": _step(_append),
        "empty": _step(_both_ways),
        "list": _step(_list),
        "list_many": _step(lambda session, local: session.listdir()),
        "folders": _step(_folders),
        "rename": _step(lambda session, local: session.rename("source", "arrived")),
        "rename_over": _step(_rename_over),
        "tree_up": _step(_tree_up),
        "tree_down": _step(_tree_down),
        "remove_tree": _step(_remove_tree),
        "chmod": _step(lambda session, local: session.chmod("source", 0o604)),
        "time_up": _step(_time_up),
        "symlink": _step(lambda session, local: session.symlink("source", "link")),
        "read_link": _step(lambda session, local: session.readlink("link")),
        "odd_names": _step(_trees_both_ways),
        "latin_name": _step(_bytes_both_ways),
        "missing": _refusal(lambda session, local: session.get("absent", str(local / "arrived"))),
        "refused": _refusal(_up),
        "password": _step(_down, by_password=True),
    },
    cannot={
        "copy": "it does not know that extension",
        "parallel": "a program opens several connections itself",
        "time_down": "a program sets the time itself",
        "hard_link": "it does not know that extension",
        "space": "it does not know that extension",
    },
)
