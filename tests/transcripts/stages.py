"""
Where transcripts are played: a server in memory with a file system, and a look into the files behind its back.
"""

import os
from stat import S_IMODE
from typing import Any

from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType
from conchsftp.testing import memory_server
from tests.transcripts.notation import FOLDER, GONE, File, Folder, Link, Nothing, Thing


class MemoryStage:
    """Files in memory."""

    def __init__(self, case: Any) -> None:
        self.files = MemoryFileSystem()
        self.server = memory_server(SFTPAvatar("user", files=self.files))

    def make(self, path: str, thing: Thing) -> None:
        """Put something there; folders on the way are made."""
        for above in _above(path):
            if isinstance(self.look(above), Nothing):
                self.files.make_directory(above, Attributes())
        if isinstance(thing, Folder):
            self.files.make_directory(path, Attributes())
        elif isinstance(thing, Link):
            self.files.make_symlink(path, thing.target)
        else:
            file = _file(thing)
            self.files.put(path, file.data)
            times = {} if file.mtime is None else {"atime": file.mtime, "mtime": file.mtime}
            self.files.set_attributes(path, Attributes(permissions=file.mode, **times), True)

    def look(self, path: str) -> Thing:
        """Return what is there."""
        try:
            seen = self.files.lstat(path)
        except FileNotFoundError:
            return GONE
        if seen.type == FileType.DIRECTORY:
            return FOLDER
        if seen.type == FileType.SYMLINK:
            return Link(self.files.read_link(path))
        return File(data=self.files.get(path), mode=seen.permissions, mtime=seen.mtime)


class LocalStage:
    """Files in a temporary folder, served as `twistd sftpserver` serves one."""

    def __init__(self, case: Any) -> None:
        self.root = os.path.abspath(case.mktemp())
        os.mkdir(self.root)
        os.chmod(self.root, 0o755)
        self.server = memory_server(root_directory=self.root, umask=0o022)

    def make(self, path: str, thing: Thing) -> None:
        """Put something there; folders on the way are made."""
        place = self._place(path)
        for above in _above(path):
            self._make_folder(self._place(above))
        if isinstance(thing, Folder):
            self._make_folder(place)
        elif isinstance(thing, Link):
            os.symlink(thing.target, place)
        else:
            file = _file(thing)
            with open(place, "wb") as new:
                new.write(file.data)
            os.chmod(place, 0o644 if file.mode is None else file.mode)
            if file.mtime is not None:
                os.utime(place, (file.mtime, file.mtime))

    def look(self, path: str) -> Thing:
        """Return what is there."""
        place = self._place(path)
        if os.path.islink(place):
            return Link(os.readlink(place))
        if os.path.isdir(place):
            return FOLDER
        if not os.path.lexists(place):
            return GONE
        seen = os.lstat(place)
        with open(place, "rb") as file:
            return File(data=file.read(), mode=S_IMODE(seen.st_mode), mtime=int(seen.st_mtime))

    def _make_folder(self, place: str) -> None:
        if not os.path.isdir(place):
            os.mkdir(place)
            # Whatever the umask is that the tests run with.
            os.chmod(place, 0o755)

    def _place(self, path: str) -> str:
        return self.root + path


STAGES = {"in_memory": MemoryStage, "on_disk": LocalStage}


def differs(found: Thing, wanted: Thing) -> str:
    """Say what is not as it should be; empty if nothing is."""
    wanted = _file(wanted) if isinstance(wanted, bytes) else wanted
    if not isinstance(found, File) or not isinstance(wanted, File):
        return "" if found == wanted else f"{found} instead of {wanted}"
    if found.data != wanted.data:
        at = next((n for n, (a, b) in enumerate(zip(found.data, wanted.data, strict=False)) if a != b), None)
        return f"{len(found.data)} bytes instead of {len(wanted.data)}, the first wrong one at {at}"
    if wanted.mode is not None and found.mode != wanted.mode:
        return f"mode {found.mode or 0:o} instead of {wanted.mode:o}"
    if wanted.mtime is not None and found.mtime != wanted.mtime:
        return f"of {found.mtime} instead of {wanted.mtime}"
    return ""


def _file(thing: Thing) -> File:
    assert isinstance(thing, bytes | File), thing
    return File(data=thing) if isinstance(thing, bytes) else thing


def _above(path: str) -> list[str]:
    """Return the folders on the way, the uppermost first, without the root."""
    parts = path.split("/")[1:-1]
    return ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]
