"""
What clients see of a real folder: the promises of docs/semantics.md and the pages that it names, over the wire.

What is promised of resuming, appending, reading, modes and replacing is proved in `tests/bugs`, on both file systems.
"""

import os
from typing import Any

from twisted.trial.unittest import SkipTest

from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition, OpenFlag
from conchsftp.sftp.statuses import Status
from conchsftp.testing import MemorySession
from tests.files.support import contents, write
from tests.session.versions import in_versions
from tests.session.versions_case import SpokenCase

BOTH = Access.READ_DATA | Access.WRITE_DATA
ANY = Disposition.OPEN_OR_CREATE
GIGABYTE = 1 << 30


class SemanticsCase(SpokenCase):
    """A folder, and a session in it."""

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        os.mkdir(self.root)
        self.session = self.begin()

    def begin(self, **settings: Any) -> MemorySession:
        """Log in to a server of its own."""
        return self.log_in(root_directory=self.root, file_threads="inline", **settings)

    def place(self, name: str | bytes) -> Any:
        """Return where something stands."""
        return os.path.join(os.fsencode(self.root) if isinstance(name, bytes) else self.root, name)

    def opened(self, path: bytes, access: int = BOTH, flags: int = ANY, session: MemorySession | None = None) -> bytes:
        """Open a file and return its handle."""
        request = requests.Open(path=path, access=Access(access), flags=OpenFlag(flags), attributes=Attributes())
        handle: bytes = (session or self.session).request(request).handle  # type: ignore[union-attr]
        return handle

    def status(self, request: Any, session: MemorySession | None = None) -> Status:
        """Ask, and return the status of the reply; OK for one that is none."""
        reply = (session or self.session).request(request)
        return Status(getattr(reply, "status", Status.OK))

    def read(self, handle: bytes, offset: int, length: int, session: MemorySession | None = None) -> Any:
        """Return the data of a READ, or its status."""
        reply: Any = (session or self.session).request(requests.Read(handle=handle, offset=offset, length=length))
        return reply.data if hasattr(reply, "data") else Status(reply.status)

    def write(self, handle: bytes, offset: int, data: bytes, session: MemorySession | None = None) -> Status:
        """Write, and return the status."""
        return self.status(requests.Write(handle=handle, offset=offset, data=[data]), session)

    def attributes(self, path: bytes) -> Any:
        """Return what LSTAT tells."""
        return self.session.request(requests.LStat(path=path)).attributes  # type: ignore[union-attr]


@in_versions()
class UploadTests(SemanticsCase):
    """Sizes."""

    def test_sizes(self) -> None:
        """A size cuts off or extends with zeros, by path and by handle; the place of other writes does not move."""
        write(self.place("a"), b"0123456789")
        handle = self.opened(b"a")
        self.session.request(requests.SetStat(path=b"a", attributes=Attributes(size=3)))
        self.session.request(requests.FSetStat(handle=handle, attributes=Attributes(size=6)))
        self.write(handle, 5, b"xy")
        self.assertEqual(contents(self.place("a")), b"012\0\0xy")
        refused = self.status(requests.SetStat(path=b"/", attributes=Attributes(size=0)))
        self.assertEqual(refused, self.lowered(Status.FILE_IS_A_DIRECTORY))

    def test_gap(self) -> None:
        """A write beyond the end leaves zeros before it, which take no room where the file system can do that."""
        handle = self.opened(b"a")
        self.write(handle, 1 << 24, b"end")
        self.assertEqual(self.read(handle, (1 << 24) - 3, 9), b"\0\0\0end")
        status = os.stat(self.place("a"))
        self.assertEqual(status.st_size, (1 << 24) + 3)
        if status.st_blocks * 512 > 1 << 23:
            raise SkipTest("this file system has no holes")


@in_versions()
class LargeTests(SemanticsCase):
    """More than 4 GiB."""

    def test_large(self) -> None:
        """A file of more than 4 GiB is written, read, told and truncated as any other."""
        handle = self.opened(b"a")
        try:
            reply = self.write(handle, 5 * GIGABYTE, b"end")
        finally:
            self.addCleanup(os.remove, self.place("a"))
        if reply != Status.OK:
            raise SkipTest("this file system has no files of 5 GiB")
        self.assertEqual(self.read(handle, 5 * GIGABYTE - 1, 9), b"\0end")
        self.assertEqual(self.attributes(b"a").size, 5 * GIGABYTE + 3)
        entry = next(entry for entry in self.session.listing("/") if entry.name == b"a")
        self.assertEqual(entry.attributes.size, 5 * GIGABYTE + 3)
        if entry.longname is not None:
            self.assertIn(b" 5368709123 ", entry.longname)
        self.session.request(requests.SetStat(path=b"a", attributes=Attributes(size=4 * GIGABYTE + 1)))
        self.assertEqual(self.attributes(b"a").size, 4 * GIGABYTE + 1)


@in_versions()
class NameTests(SemanticsCase):
    """Names."""

    def test_bytes(self) -> None:
        """A name is the bytes that it is: not UTF-8, hidden, odd; it is listed, opened and removed by them."""
        names = [b"\xff\xfe", b"caf\xe9", "café".encode(), b".hidden", b"...", b" ", b"a\nb", b"\\", b"~", b"-rf", b"*"]
        for name in names:
            write(self.place(name))
        listed = [entry.name for entry in self.session.listing("/")]
        self.assertEqual(sorted(listed), sorted([b".", b"..", *names]))
        for name in names:
            self.assertEqual(self.status(requests.LStat(path=b"/" + name)), Status.OK)
            self.assertEqual(self.status(requests.Remove(path=b"./" + name)), Status.OK)
        self.assertEqual(os.listdir(self.root), [])

    def test_case(self) -> None:
        """Small and capital letters differ, and a name can change from one to the other."""
        write(self.place("a"))
        if os.path.exists(self.place("A")):
            raise SkipTest("this file system does not tell them apart")
        self.assertEqual(self.status(requests.LStat(path=b"A")), Status.NO_SUCH_FILE)
        self.assertEqual(self.status(requests.Rename(path=b"a", new_path=b"A")), Status.OK)
        self.assertEqual(os.listdir(self.root), ["A"])

    def test_not_composed(self) -> None:
        """Two ways to write an accent are two names: nothing is normalised."""
        for name in ("caf\u00e9", "cafe\u0301"):
            self.session.put(f"/{name}", name.encode())
        self.assertEqual(self.session.get("/caf\u00e9"), "caf\u00e9".encode())


@in_versions()
class RenameTests(SemanticsCase):
    """Renaming, and removing what is open."""

    def rename(self, path: bytes, new_path: bytes, *, posix: bool = False) -> Status:
        kind = extended.PosixRename if posix else requests.Rename
        return self.status(kind(path=path, new_path=new_path))

    def test_onto_itself(self) -> None:
        """RENAME to the same name finds that it exists; posix-rename has nothing to do. The file stays in any case."""
        write(self.place("a"), b"abc")
        self.assertEqual(self.rename(b"a", b"a"), self.lowered(Status.FILE_ALREADY_EXISTS))
        self.assertEqual(self.rename(b"a", b"a", posix=True), Status.OK)
        self.assertEqual(contents(self.place("a")), b"abc")

    def test_into_itself(self) -> None:
        """A directory cannot be moved into itself."""
        os.makedirs(self.place("d/e"))
        for posix in (False, True):
            self.assertNotEqual(self.rename(b"d", b"d/e/f", posix=posix), Status.OK)
        self.assertEqual(os.listdir(self.place("d/e")), [])

    def test_while_open(self) -> None:
        """A file that is renamed or removed while it is open is read and written on."""
        handle = self.opened(b"a")
        self.assertEqual(self.rename(b"a", b"b"), Status.OK)
        self.write(handle, 0, b"abc")
        self.assertEqual(contents(self.place("b")), b"abc")
        self.assertEqual(self.status(requests.Remove(path=b"b")), Status.OK)
        self.assertEqual(self.write(handle, 3, b"def"), Status.OK)
        self.assertEqual(self.read(handle, 0, 9), b"abcdef")
        self.assertEqual(self.status(requests.Close(handle=handle)), Status.OK)
        self.assertEqual(os.listdir(self.root), [])


@in_versions()
class TwoSessionsTests(SemanticsCase):
    """Two connections and one file."""

    def test_two(self) -> None:
        """What one has been told is written the other one reads; the last write counts, and neither locks the other."""
        other = self.begin()
        handle = self.opened(b"a")
        his = self.opened(b"a", session=other)
        self.write(handle, 0, b"mine mine")
        self.assertEqual(self.read(his, 0, 99, other), b"mine mine")
        self.write(his, 5, b"his!", other)
        self.assertEqual(self.read(handle, 0, 99), b"mine his!")
        self.assertEqual(self.status(requests.Remove(path=b"a"), other), Status.OK)
        self.assertEqual(self.read(handle, 0, 4), b"mine")


@in_versions()
class TimeTests(SemanticsCase):
    """Times before 1970 and after 2038."""

    def set_time(self, seconds: int) -> int:
        """Give a file a time; return what the file system made of it."""
        write(self.place("a"))
        os.utime(self.place("a"), (seconds, seconds))
        return int(os.stat(self.place("a")).st_mtime)

    def test_shown(self) -> None:
        """Version 3 counts seconds from 1970 in 32 bits: what they cannot hold is shown as the nearest they can."""
        lowest, highest = (0, 2**32 - 1) if self.version == 3 else (-(2**63), 2**63 - 1)
        for seconds in (-1, -(2**31), 0, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 7_258_118_400):
            there = self.set_time(seconds)
            shown = self.attributes(b"a")
            nearest = min(max(there, lowest), highest)
            self.assertEqual((shown.atime, shown.mtime), (nearest, nearest), seconds)
            entry = next(entry for entry in self.session.listing("/") if entry.name == b"a")
            self.assertEqual(entry.attributes.mtime, nearest)

    def test_set(self) -> None:
        """What version 3 sets is unsigned and reaches until 2106; what later ones set does so at least."""
        limit = self.set_time(2**32 - 1)
        for seconds in (0, 2**31, 2**32 - 1):
            self.session.request(requests.SetStat(path=b"a", attributes=Attributes(atime=seconds, mtime=seconds)))
            self.assertEqual(os.stat(self.place("a")).st_mtime, min(seconds, limit))
