"""
Which status each failure gets, in every version, over a folder and in memory.
"""

from errno import (
    EBUSY,
    EDQUOT,
    EEXIST,
    EIO,
    EMFILE,
    ENOMEDIUM,
    ENOSPC,
    ENOSYS,
    EOPNOTSUPP,
    EPERM,
    EROFS,
    ETXTBSY,
    EXDEV,
)
from typing import Any

from conchsftp.files.memory import MemoryFileSystem
from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FROM5, VERSIONS, Disposition, OpenFlag, RenameFlag
from tests.session.versions_case import NONE, READS, WRITES, VersionsCase, opening

PLAIN = RenameFlag(0)
NEW = OpenFlag(Disposition.CREATE_NEW)
CREATE = OpenFlag(Disposition.OPEN_OR_CREATE)
TRUNCATE = OpenFlag(Disposition.CREATE_TRUNCATE)
TRUNCATE_OLD = OpenFlag(Disposition.TRUNCATE_EXISTING)

MISSING, NO_PATH, EXISTS = (2, 2, 2, 2), (2, 10, 10, 10), (4, 11, 11, 11)
IS_DIRECTORY, NO_DIRECTORY, NOT_EMPTY = (4, 4, 4, 24), (2, 2, 2, 19), (4, 4, 4, 18)
LOOP, INVALID, NAME, HANDLE, BUSY = (2, 4, 4, 21), (5, 4, 4, 23), (5, 5, 5, 20), (4, 9, 9, 9), (4, 4, 4, 22)


def renaming(path: bytes, new_path: bytes, flags: RenameFlag = PLAIN) -> Any:
    """Return a RENAME."""
    return requests.Rename(path=path, new_path=new_path, flags=flags)


def making(path: bytes) -> Any:
    """Return a MKDIR."""
    return requests.MkDir(path=path, attributes=NONE)


# The request, then its status in the versions 3 to 6.
ROWS = (
    (requests.Stat(path=b"/none", flags=0), MISSING),
    (requests.Stat(path=b"/none/none", flags=0), MISSING),
    (requests.Stat(path=b"/file/none", flags=0), NO_DIRECTORY),
    (requests.Stat(path=b"/dangling", flags=0), MISSING),
    (requests.Stat(path=b"/loop", flags=0), LOOP),
    (requests.SetStat(path=b"/none", attributes=Attributes(permissions=0o600)), MISSING),
    (opening(b"/none"), MISSING),
    (opening(b"/none", flags=TRUNCATE_OLD), MISSING),
    (opening(b"/none/new", flags=NEW), NO_PATH),
    (opening(b"/none/new", flags=CREATE), NO_PATH),
    (opening(b"/none/new", flags=TRUNCATE), NO_PATH),
    (opening(b"/file/new", flags=TRUNCATE), NO_DIRECTORY),
    (opening(b"/file", flags=NEW), EXISTS),
    (opening(b"/link", flags=NEW), EXISTS),
    (opening(b"/dangling", flags=NEW), EXISTS),
    (opening(b"/empty", flags=NEW), EXISTS),
    (opening(b"/empty", READS), IS_DIRECTORY),
    (opening(b"/empty", flags=TRUNCATE), IS_DIRECTORY),
    (opening(b"/loop", READS), LOOP),
    (opening(b"/" + b"x" * 256, flags=CREATE), NAME),
    (requests.OpenDir(path=b"/none"), MISSING),
    (requests.OpenDir(path=b"/file"), NO_DIRECTORY),
    (making(b"/none/new"), NO_PATH),
    (making(b"/file/new"), NO_DIRECTORY),
    (making(b"/empty"), EXISTS),
    (making(b"/file"), EXISTS),
    (making(b"/dangling"), EXISTS),
    (making(b"/" + b"x" * 256), NAME),
    (requests.Remove(path=b"/none"), MISSING),
    (requests.Remove(path=b"/none/none"), MISSING),
    (requests.Remove(path=b"/empty"), IS_DIRECTORY),
    (requests.RmDir(path=b"/none"), MISSING),
    (requests.RmDir(path=b"/full"), NOT_EMPTY),
    (requests.RmDir(path=b"/file"), NO_DIRECTORY),
    (requests.RmDir(path=b"/to_full"), NO_DIRECTORY),
    (requests.RmDir(path=b"/"), BUSY),
    (renaming(b"/none", b"/new"), MISSING),
    (renaming(b"/file", b"/none/new"), NO_PATH),
    (renaming(b"/file", b"/link/new"), NO_DIRECTORY),
    (renaming(b"/file", b"/full/inner"), EXISTS),
    (renaming(b"/file", b"/dangling"), EXISTS),
    (renaming(b"/file", b"/empty"), EXISTS),
    (renaming(b"/full", b"/empty"), EXISTS),
    (renaming(b"/file", b"/file"), EXISTS),
    (renaming(b"/full", b"/full/below"), INVALID),
    (extended.PosixRename(path=b"/file", new_path=b"/none/new"), NO_PATH),
    (requests.ReadLink(path=b"/none"), MISSING),
    (requests.ReadLink(path=b"/file"), INVALID),
    (extended.HardLink(path=b"/none", new_path=b"/new"), MISSING),
    (extended.HardLink(path=b"/file", new_path=b"/none/new"), NO_PATH),
    (extended.HardLink(path=b"/file", new_path=b"/link"), EXISTS),
    (extended.HardLink(path=b"/empty", new_path=b"/new"), IS_DIRECTORY),
    (requests.Read(handle=b"none", offset=0, length=1), HANDLE),
    (requests.Write(handle=b"none", offset=0, data=[b"x"]), HANDLE),
    (requests.ReadDir(handle=b"none"), HANDLE),
    (requests.Close(handle=b"none"), HANDLE),
    (requests.FStat(handle=b"none", flags=0), HANDLE),
    (requests.FSetStat(handle=b"none", attributes=NONE), HANDLE),
)

# Of versions 5 and 6: what RENAME does with OVERWRITE where rename(2) does not.
OVERWRITING = (
    (renaming(b"/file", b"/empty", RenameFlag.OVERWRITE), (0, 0, 4, 24)),
    (renaming(b"/empty", b"/file", RenameFlag.OVERWRITE), (0, 0, 2, 19)),
    (renaming(b"/empty", b"/full", RenameFlag.OVERWRITE), (0, 0, 4, 18)),
)

# What a file system says to REMOVE, and how it is answered.
ERRNOS = (
    (EPERM, (3, 3, 3, 3)),
    (EROFS, (3, 12, 12, 12)),
    (ENOSPC, (4, 4, 14, 14)),
    (EDQUOT, (4, 4, 15, 15)),
    (EBUSY, BUSY),
    (ETXTBSY, BUSY),
    (EXDEV, (4, 4, 4, 4)),
    (EMFILE, (4, 4, 4, 4)),
    (EIO, (4, 4, 4, 4)),
    (ENOSYS, (8, 8, 8, 8)),
    (EOPNOTSUPP, (8, 8, 8, 8)),
    (ENOMEDIUM, (4, 13, 13, 13)),
)


class FailingRequestsTests(VersionsCase):
    """Requests that fail."""

    def test_statuses(self) -> None:
        """Each failure has its status, as precise as the version can say it; and nothing is changed."""
        for session in self.sessions():
            before = sorted(name for name, _, _ in session.listing("/"))
            for request, statuses in ROWS:
                self.check(request, *statuses)
            self.assertEqual(sorted(name for name, _, _ in session.listing("/")), before)
            self.assertEqual(session.get("/file"), b"0123456789")

    def test_links(self) -> None:
        """Making links: where the directory is missing, where the name is taken, and of what is none."""
        for session in self.sessions():
            if session.version == 6:
                self.check(requests.Link(path=b"/none/new", target=b"x", symbolic=True), 10)
                self.check(requests.Link(path=b"/link", target=b"x", symbolic=True), 11)
                self.check(requests.Link(path=b"/new", target=b"/none", symbolic=False), 2)
                self.check(requests.Link(path=b"/none/new", target=b"/file", symbolic=False), 10)
                self.check(requests.Link(path=b"/full", target=b"/file", symbolic=False), 11)
                self.check(requests.Link(path=b"/new", target=b"/full", symbolic=False), 24)
            else:
                self.check(requests.SymLink(path=b"/none/new", target=b"x"), *NO_PATH)
                self.check(requests.SymLink(path=b"/link", target=b"x"), *EXISTS)

    def test_overwriting(self) -> None:
        """What is replaced must be of the same kind, and a directory must be empty."""
        for _ in self.sessions(FROM5):
            for request, statuses in OVERWRITING:
                self.check(request, *statuses)

    def test_wrong_kinds_of_handles(self) -> None:
        """What is for files is not for directories, nor the other way; what is open to be read is not written."""
        for session in self.sessions():
            directory, reads, writes = self.open_directory(), self.open(access=READS), self.open(access=WRITES)
            self.check(requests.Read(handle=directory, offset=0, length=1), *HANDLE)
            self.check(requests.Write(handle=directory, offset=0, data=[b"x"]), *HANDLE)
            self.check(requests.ReadDir(handle=reads), *HANDLE)
            self.check(extended.FSync(handle=directory), *HANDLE)
            self.check(requests.Write(handle=reads, offset=0, data=[b"x"]), 3)
            self.check(requests.Read(handle=writes, offset=0, length=1), 3)
            self.check(requests.FSetStat(handle=reads, attributes=Attributes(size=1)), 3)
            self.check(requests.FStat(handle=directory, flags=0), 0)
            self.check(requests.FSetStat(handle=directory, attributes=Attributes(atime=1, mtime=2)), 0)
            reply: Any = session.request(requests.Stat(path=b"/", flags=0))
            self.assertEqual(reply.attributes.mtime, 2)
            self.check(requests.FSetStat(handle=directory, attributes=Attributes(size=1)), *IS_DIRECTORY)
            for handle in (directory, reads, writes):
                self.check(requests.Close(handle=handle), 0)
                self.check(requests.Close(handle=handle), *HANDLE)

    def test_errnos(self) -> None:
        """What a file system answers has one status in each version."""
        for version in VERSIONS:
            self.begin(version, files=Failing())
            # Of the class: a version that is told more has a copy of the file system.
            for Failing.number, statuses in ERRNOS:
                self.check(requests.Remove(path=b"/file"), *statuses)
            Failing.number = EBUSY
            self.check(requests.RmDir(path=b"/empty"), *BUSY)
            self.check(renaming(b"/file", b"/new"), 4)
            Failing.number = EEXIST
            self.check(requests.RmDir(path=b"/full"), *NOT_EMPTY)


class Failing(MemoryFileSystem):
    """A file system that says one thing."""

    number = 0

    def _no(self, *args: Any) -> None:
        raise OSError(self.number, "no")

    remove = remove_directory = rename = _no  # type: ignore[assignment]
