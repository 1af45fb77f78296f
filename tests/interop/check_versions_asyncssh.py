"""
What only the interface of asyncssh reaches, in versions 3 to 6; `check_versions` has the operations of the matrix.

Attribute bits are left out in version 5, where asyncssh reads and sends a second word that this version does not have.
"""

import grp
import os
import pwd
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from asyncssh import (
    ACE4_APPEND_DATA,
    ACE4_READ_DATA,
    ACE4_WRITE_DATA,
    FXF_APPEND_DATA,
    FXF_CREATE_NEW,
    FXF_CREATE_TRUNCATE,
    FXF_DELETE_ON_CLOSE,
    FXF_NOFOLLOW,
    FXF_OPEN_EXISTING,
    FXF_OPEN_OR_CREATE,
    FXF_TRUNCATE_EXISTING,
)

from bench.servers import Server
from tests.interop.clients.asyncssh_client import VERSION, Connected
from tests.interop.driving import Place

Make = Callable[[Server], Place]
Work = Callable[[asyncssh.SFTPClient], Awaitable[Any]]
Client = asyncssh.SFTPClient

VERSIONS = (3, 4, 5, 6)
WRITE = ACE4_WRITE_DATA | ACE4_APPEND_DATA
# Two times with nanoseconds.
ACCESSED, MODIFIED = 1_300_000_000_123_456_789, 1_400_000_000_987_654_321


def _each(connected: Connected, place: Place, versions: tuple[int, ...], work: Work) -> None:
    """Do something in one session of each version."""
    spoken = []

    async def noted(client: Client, local: Path) -> None:
        spoken.append(client.version)
        await work(client)

    for version in versions:
        asked = VERSION.set(version)
        try:
            connected.run(place, noted)
        except Exception as error:
            error.add_note(f"in version {version}")
            raise
        finally:
            VERSION.reset(asked)
    assert tuple(spoken) == versions


async def _refusal(request: Awaitable[Any]) -> type[asyncssh.SFTPError]:
    try:
        await request
    except asyncssh.SFTPError as error:
        return type(error)
    raise AssertionError("not refused")


def _born(path: Path) -> int | None:
    """Return the second in which a file was made, as coreutils' `stat` tells it; None where the disk does not."""
    ended = subprocess.run(["stat", "-c", "%W", str(path)], capture_output=True, text=True, check=True)
    return int(ended.stdout) or None


def check_attributes(ours: None, connected: Connected, server_of_six: Server, make_place: Make) -> None:
    """Each version tells what it has words for: nanoseconds, names, creation, and in version 6 still more."""
    place = make_place(server_of_six)
    file = place.served / "file.txt"
    file.write_bytes(b"12345")
    file.chmod(0o640)
    os.link(file, place.served / "other")
    os.utime(file, ns=(ACCESSED, MODIFIED))
    (place.served / ".hidden").touch()
    there, born = file.stat(), _born(file)
    owner, group = pwd.getpwuid(there.st_uid).pw_name, grp.getgrgid(there.st_gid).gr_name

    async def work(client: Client) -> None:
        every = {"flags": asyncssh.FILEXFER_ATTR_DEFINED_V6} if client.version == 6 else {}
        seen = await client.stat("file.txt", **every)
        assert (seen.size, seen.permissions & 0o7777) == (5, 0o640)
        assert (seen.atime, seen.mtime) == (ACCESSED // 10**9, MODIFIED // 10**9)
        if client.version == 3:
            assert (seen.uid, seen.gid) == (there.st_uid, there.st_gid)
            return
        assert (seen.type, seen.owner, seen.group) == (asyncssh.FILEXFER_TYPE_REGULAR, owner, group)
        assert (seen.atime_ns, seen.mtime_ns) == (ACCESSED % 10**9, MODIFIED % 10**9)
        assert seen.crtime == born
        if client.version == 6:
            assert (seen.nlink, seen.ctime) == (2, int(there.st_ctime)), seen
            assert seen.alloc_size == there.st_blocks * 512
            assert seen.mime_type == "text/plain", seen
            for name, hidden in ((".hidden", asyncssh.FILEXFER_ATTR_BITS_HIDDEN), ("file.txt", 0)):
                bits = await client.stat(name, flags=asyncssh.FILEXFER_ATTR_BITS)
                assert bits.attrib_valid & asyncssh.FILEXFER_ATTR_BITS_HIDDEN
                assert bits.attrib_bits & asyncssh.FILEXFER_ATTR_BITS_HIDDEN == hidden

    _each(connected, place, VERSIONS, work)


def check_changes(ours: None, connected: Connected, server_of_six: Server, make_place: Make) -> None:
    """Each version changes times with nanoseconds, names of user and group, mode and size, also of a link itself."""
    place = make_place(server_of_six)
    file, link = place.served / "file", place.served / "link"
    link.symlink_to("file")
    there = place.served.stat()
    owner, group = pwd.getpwuid(there.st_uid).pw_name, grp.getgrgid(there.st_gid).gr_name
    strangers = {4: asyncssh.SFTPFailure, 5: asyncssh.SFTPUnknownPrincipal, 6: asyncssh.SFTPUnknownPrincipal}

    async def work(client: Client) -> None:
        file.write_bytes(b"12345")
        exact = 1 if client.version > 3 else 10**9
        await client.utime("link", ns=(ACCESSED, MODIFIED))
        assert file.stat().st_mtime_ns // exact == MODIFIED // exact
        await client.utime("link", ns=(ACCESSED + 10**9, MODIFIED + 10**9), follow_symlinks=False)
        assert link.lstat().st_mtime_ns // exact == (MODIFIED + 10**9) // exact
        assert file.stat().st_mtime_ns // exact == MODIFIED // exact
        async with client.open("file", "r+") as opened:
            await opened.truncate(3)
            await opened.chmod(0o604)
            await opened.fsync()
        assert (file.read_bytes(), file.stat().st_mode & 0o7777) == (b"123", 0o604)
        if client.version > 3:
            await client.chown("file", owner=owner, group=group)
            stranger = client.chown("file", owner="nobody-of-this-name", group=group)
            assert await _refusal(stranger) is strangers[client.version]

    _each(connected, place, VERSIONS, work)


def check_opening(ours: None, connected: Connected, server_of_six: Server, make_place: Make) -> None:
    """OPEN of versions 5 and 6: each way to treat a file that is there or is not, appending, and flags of version 6."""
    place = make_place(server_of_six)
    file = place.served / "file"

    async def write(client: Client, flags: int, name: str = "file") -> None:
        async with client.open56(name, WRITE, flags, encoding=None) as opened:
            await opened.write(b"ab", 0)

    async def work(client: Client) -> None:
        for name in os.listdir(place.served):
            (place.served / name).unlink()
        for flags in (FXF_OPEN_EXISTING, FXF_TRUNCATE_EXISTING):
            assert await _refusal(write(client, flags)) is asyncssh.SFTPNoSuchFile
        await write(client, FXF_CREATE_NEW)
        assert await _refusal(write(client, FXF_CREATE_NEW)) is asyncssh.SFTPFileAlreadyExists
        for flags, left in (
            (FXF_OPEN_EXISTING, b"ab345"),
            (FXF_OPEN_OR_CREATE, b"ab345"),
            (FXF_CREATE_TRUNCATE, b"ab"),
            (FXF_TRUNCATE_EXISTING, b"ab"),
            (FXF_OPEN_EXISTING | FXF_APPEND_DATA, b"12345ab"),
        ):
            file.write_bytes(b"12345")
            await write(client, flags)
            assert file.read_bytes() == left, flags
        if client.version == 6:
            (place.served / "link").symlink_to("file")
            assert await _refusal(write(client, FXF_OPEN_EXISTING | FXF_NOFOLLOW, "link")) is asyncssh.SFTPLinkLoop
            async with client.open56("file", ACE4_READ_DATA, FXF_OPEN_EXISTING | FXF_DELETE_ON_CLOSE):
                assert not os.listdir(place.served) == []
            assert os.listdir(place.served) == ["link"]

    _each(connected, place, (5, 6), work)


def check_renames(ours: None, connected: Connected, server_of_six: Server, make_place: Make) -> None:
    """RENAME replaces a file where a flag of versions 5 and 6 says so; else posix-rename does."""
    place = make_place(server_of_six)

    def two() -> None:
        for name in ("one", "two"):
            (place.served / name).write_text(name)

    async def work(client: Client) -> None:
        two()
        refused = asyncssh.SFTPFailure if client.version == 3 else asyncssh.SFTPFileAlreadyExists
        assert await _refusal(client.rename("one", "two")) is refused
        flags = (asyncssh.FXR_OVERWRITE, asyncssh.FXR_ATOMIC, asyncssh.FXR_OVERWRITE | asyncssh.FXR_ATOMIC)
        for flag in flags if client.version > 4 else ():
            two()
            await client.rename("one", "two", flag)
            assert {path.name: path.read_text() for path in place.served.iterdir()} == {"two": "one"}
        two()
        await client.posix_rename("one", "two")
        assert {path.name: path.read_text() for path in place.served.iterdir()} == {"two": "one"}

    _each(connected, place, VERSIONS, work)


def check_real_paths(ours: None, connected: Connected, server_of_six: Server, make_place: Make) -> None:
    """REALPATH of version 6 puts paths together, and looks at what is there, or must be."""
    place = make_place(server_of_six)
    (place.served / "file").write_bytes(b"12345")
    there, absent = f"{place.remote}/file", f"{place.remote}/absent"

    async def work(client: Client) -> None:
        assert await client.realpath(place.remote, "a/b", "../../file") == there
        assert await client.realpath("/elsewhere", place.remote, "absent") == absent
        for check in (asyncssh.FXRP_STAT_IF_EXISTS, asyncssh.FXRP_STAT_ALWAYS):
            found = await client.realpath(there, check=check)
            assert (found.filename, found.attrs.type, found.attrs.size) == (there, asyncssh.FILEXFER_TYPE_REGULAR, 5)
        unknown = await client.realpath(absent, check=asyncssh.FXRP_STAT_IF_EXISTS)
        assert (unknown.filename, unknown.attrs.type) == (absent, asyncssh.FILEXFER_TYPE_UNKNOWN)
        refused = await _refusal(client.realpath(absent, check=asyncssh.FXRP_STAT_ALWAYS))
        assert refused is asyncssh.SFTPNoSuchFile

    _each(connected, place, (6,), work)


def check_copies(ours: None, connected: Connected, server_of_six: Server, make_place: Make) -> None:
    """copy-data copies a part of a file into another one, in all versions."""
    place = make_place(server_of_six)
    (place.served / "from").write_bytes(b"0123456789")

    async def work(client: Client) -> None:
        (place.served / "to").write_bytes(b"..........")
        async with client.open("from", "rb") as source, client.open("to", "r+b") as target:
            await client.remote_copy(source, target, 2, 5, 1)
        assert (place.served / "to").read_bytes() == b".23456...."
        space, told = os.statvfs(place.served), await client.statvfs(".")
        assert (told.blocks, told.frsize, told.namemax) == (space.f_blocks, space.f_frsize, space.f_namemax)

    _each(connected, place, VERSIONS, work)


_REFUSALS: dict[str, tuple[Callable[[Client], Awaitable[Any]], dict[int, type[asyncssh.SFTPError]]]] = {
    "a file that is not there": (lambda client: client.stat("absent"), {3: asyncssh.SFTPNoSuchFile}),
    "a folder that is there": (
        lambda client: client.mkdir("full"),
        {3: asyncssh.SFTPFailure, 4: asyncssh.SFTPFileAlreadyExists},
    ),
    "a folder that is full": (
        lambda client: client.rmdir("full"),
        {3: asyncssh.SFTPFailure, 6: asyncssh.SFTPDirNotEmpty},
    ),
    "a folder for a file": (
        lambda client: client.remove("full"),
        {3: asyncssh.SFTPFailure, 6: asyncssh.SFTPFileIsADirectory},
    ),
    "a folder opened": (
        lambda client: client.open("full", "w").__aenter__(),
        {3: asyncssh.SFTPFailure, 6: asyncssh.SFTPFileIsADirectory},
    ),
    "a link that leads to itself": (
        lambda client: client.stat("loop"),
        {3: asyncssh.SFTPNoSuchFile, 4: asyncssh.SFTPFailure, 6: asyncssh.SFTPLinkLoop},
    ),
}


@pytest.mark.parametrize("reason", _REFUSALS)
def check_refusals(ours: None, connected: Connected, server_of_six: Server, make_place: Make, reason: str) -> None:
    """A refusal is as precise as the version has words for: what is new in one holds in those after it."""
    place = make_place(server_of_six)
    (place.served / "full" / "x").mkdir(parents=True)
    (place.served / "loop").symlink_to("loop")
    request, answers = _REFUSALS[reason]

    async def work(client: Client) -> None:
        since = max(version for version in answers if version <= client.version)
        assert await _refusal(request(client)) is answers[since]

    _each(connected, place, VERSIONS, work)


def check_locks(ours: None, connected: Connected, server_of_six: Server, make_place: Make) -> None:
    """BLOCK of version 6 keeps a range from another session; UNBLOCK has to name the same range."""
    place = make_place(server_of_six)
    (place.served / "file").write_bytes(bytes(100))
    advisory = asyncssh.FXF_BLOCK_WRITE | asyncssh.FXF_BLOCK_ADVISORY

    async def work(client: Client) -> None:
        async with client.open("file", "r+b") as first, client.open("file", "r+b") as second:
            await first.lock(10, 20, advisory)
            assert await _refusal(second.lock(29, 1, advisory)) is asyncssh.SFTPByteRangeLockRefused
            assert await _refusal(first.unlock(10, 19)) is asyncssh.SFTPNoMatchingByteRangeLock
            await second.lock(30, 1, advisory)
            await first.unlock(10, 20)
            await second.lock(29, 1, advisory)

    _each(connected, place, (6,), work)


def check_text(ours: None, connected: Connected, server_of_six: Server, make_place: Make) -> None:
    """What is opened as text in versions 4 to 6 has the server's ends of lines for the client, and LF on the disk."""
    place = make_place(server_of_six)
    file = place.served / "file"

    async def opened(client: Client, *, writes: bool) -> asyncssh.SFTPClientFile:
        if client.version == 4:
            pflags = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC if writes else asyncssh.FXF_READ
            return await client.open("file", pflags | asyncssh.FXF_TEXT, encoding=None)
        access, flags = (WRITE, FXF_CREATE_TRUNCATE) if writes else (ACE4_READ_DATA, FXF_OPEN_EXISTING)
        return await client.open56("file", access, flags | asyncssh.FXF_TEXT_MODE, encoding=None)

    async def work(client: Client) -> None:
        async with await opened(client, writes=True) as text:
            # In two requests, with the end of a line in both.
            await text.write(b"one\r\ntwo\r", 0)
            await text.write(b"\n\r\nthree", 9)
        assert file.read_bytes() == b"one\ntwo\n\nthree"
        async with await opened(client, writes=False) as text:
            assert await text.read(100, 0) == b"one\r\ntwo\r\n\r\nthree"
        async with client.open("file", "rb") as plain:
            assert await plain.read() == b"one\ntwo\n\nthree"

    _each(connected, place, (4, 5, 6), work)
