"""
What clients see of a real folder: the promises of docs/semantics.md, over the wire.
"""

import os
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition, OpenFlag
from conchsftp.sftp.statuses import Status
from conchsftp.testing import MemorySession
from tests.files.support import contents, write

READING = Access.READ_DATA
WRITING = Access.WRITE_DATA
BOTH = READING | WRITING
OLD, ANY, TRUNCATE = Disposition.OPEN_EXISTING, Disposition.OPEN_OR_CREATE, Disposition.CREATE_TRUNCATE
GIGABYTE = 1 << 30


class SemanticsCase(SynchronousTestCase):
    """A folder, and a session in it."""

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        os.mkdir(self.root)
        self.session = self.begin()

    def begin(self, **settings: Any) -> MemorySession:
        """Log in to a server of its own."""
        return MemorySession(root_directory=self.root, file_threads="inline", **settings)

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


class UploadTests(SemanticsCase):
    """Uploading: resume, append, truncate, the order of writes."""

    def test_resume(self) -> None:
        """Writing without TRUNC keeps what is there, before and behind: an upload goes on where it was cut off."""
        write(self.place("a"), b"0123456789")
        for flags in (OLD, ANY):
            handle = self.opened(b"a", WRITING, flags)
            self.assertEqual(self.write(handle, 4, b"xy"), Status.OK)
            self.session.request(requests.Close(handle=handle))
            self.assertEqual(contents(self.place("a")), b"0123xy6789")

    def test_truncating(self) -> None:
        """TRUNC empties a file at once; without CREAT only one that exists."""
        for flags, missing in ((TRUNCATE, Status.OK), (Disposition.TRUNCATE_EXISTING, Status.NO_SUCH_FILE)):
            write(self.place("a"), b"0123456789")
            self.opened(b"a", WRITING, flags)
            self.assertEqual(contents(self.place("a")), b"")
            request = requests.Open(path=b"%d" % flags, access=WRITING, flags=OpenFlag(flags), attributes=Attributes())
            self.assertEqual(self.status(request), missing)

    def test_append(self) -> None:
        """A handle that appends writes to the end, whatever the offset, also if others have appended meanwhile."""
        write(self.place("a"), b"abc")
        handle = self.opened(b"a", WRITING | Access.APPEND_DATA, OLD | OpenFlag.APPEND_DATA)
        self.write(handle, 0, b"d")
        with open(self.place("a"), "ab") as file:
            file.write(b"E")
        self.write(handle, 1, b"f")
        self.assertEqual(contents(self.place("a")), b"abcdEf")

    def test_sizes(self) -> None:
        """A size cuts off or extends with zeros, by path and by handle; the place of other writes does not move."""
        write(self.place("a"), b"0123456789")
        handle = self.opened(b"a")
        self.session.request(requests.SetStat(path=b"a", attributes=Attributes(size=3)))
        self.session.request(requests.FSetStat(handle=handle, attributes=Attributes(size=6)))
        self.write(handle, 5, b"xy")
        self.assertEqual(contents(self.place("a")), b"012\0\0xy")
        self.assertEqual(self.status(requests.SetStat(path=b"/", attributes=Attributes(size=0))), Status.FAILURE)

    def test_out_of_order(self) -> None:
        """Writes may come in any order, with gaps and overlaps: of two the later one counts."""
        handle = self.opened(b"a")
        for offset, data in ((8, b"89"), (4, b"4567"), (0, b"0123"), (2, b"xxxx"), (5, b"y")):
            self.assertEqual(self.write(handle, offset, data), Status.OK)
        self.assertEqual(contents(self.place("a")), b"01xxxy6789")

    def test_nothing(self) -> None:
        """A write of nothing is done, and changes nothing, beyond the end neither."""
        handle = self.opened(b"a")
        for offset in (0, 5, 2**63 - 1, 2**64 - 1):
            self.assertEqual(self.write(handle, offset, b""), Status.OK)
        self.assertEqual(contents(self.place("a")), b"")

    def test_gap(self) -> None:
        """A write beyond the end leaves zeros before it, which take no room where the file system can do that."""
        handle = self.opened(b"a")
        self.write(handle, 1 << 24, b"end")
        self.assertEqual(self.read(handle, (1 << 24) - 3, 9), b"\0\0\0end")
        status = os.stat(self.place("a"))
        self.assertEqual(status.st_size, (1 << 24) + 3)
        if status.st_blocks * 512 > 1 << 23:
            raise SkipTest("this file system has no holes")

    def test_mode_of_nobody(self) -> None:
        """An OPEN without permissions makes a file with the usual ones; those of one that exists do not count."""
        self.addCleanup(os.umask, os.umask(0o022))
        self.opened(b"a")
        self.assertEqual(os.stat(self.place("a")).st_mode & 0o7777, 0o644)
        for flags in (OLD, ANY, TRUNCATE):
            request = requests.Open(
                path=b"a", access=WRITING, flags=OpenFlag(flags), attributes=Attributes(permissions=0)
            )
            self.assertEqual(self.status(request), Status.OK)
        self.assertEqual(os.stat(self.place("a")).st_mode & 0o7777, 0o644)


class DownloadTests(SemanticsCase):
    """Reading."""

    def test_ends(self) -> None:
        """A read is short at the end only, and EOF at and after it, however far."""
        write(self.place("a"), b"0123456789")
        handle = self.opened(b"a", READING, OLD)
        for offset, length, outcome in (
            (0, 10, b"0123456789"),
            (0, 11, b"0123456789"),
            (9, 5, b"9"),
            (10, 1, Status.EOF),
            (11, 1, Status.EOF),
            (2**40, 32768, Status.EOF),
            (2**63, 1, Status.EOF),
            (2**64 - 1, 1, Status.EOF),
        ):
            self.assertEqual(self.read(handle, offset, length), outcome, (offset, length))

    def test_nothing(self) -> None:
        """A read of nothing is answered with no data, at the end as well."""
        write(self.place("a"), b"0123456789")
        handle = self.opened(b"a", READING, OLD)
        for offset in (0, 10, 2**64 - 1):
            self.assertEqual(self.read(handle, offset, 0), b"")

    def test_growing(self) -> None:
        """What is written behind the end is there for the next read, through the same handle."""
        write(self.place("a"), b"abc")
        handle = self.opened(b"a", READING, OLD)
        self.assertEqual(self.read(handle, 3, 9), Status.EOF)
        with open(self.place("a"), "ab") as file:
            file.write(b"def")
        self.assertEqual(self.read(handle, 3, 9), b"def")


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


class RenameTests(SemanticsCase):
    """Renaming, and removing what is open."""

    def rename(self, path: bytes, new_path: bytes, *, posix: bool = False) -> Status:
        kind = requests.PosixRename if posix else requests.Rename
        return self.status(kind(path=path, new_path=new_path))

    def test_onto_itself(self) -> None:
        """RENAME to the same name finds that it exists; posix-rename has nothing to do. The file stays in any case."""
        write(self.place("a"), b"abc")
        self.assertEqual(self.rename(b"a", b"a"), Status.FAILURE)
        self.assertEqual(self.rename(b"a", b"a", posix=True), Status.OK)
        self.assertEqual(contents(self.place("a")), b"abc")

    def test_replacing(self) -> None:
        """RENAME replaces nothing, posix-rename does."""
        write(self.place("a"), b"abc")
        write(self.place("b"), b"old")
        self.assertEqual(self.rename(b"a", b"b"), Status.FAILURE)
        self.assertEqual(contents(self.place("b")), b"old")
        self.assertEqual(self.rename(b"a", b"b", posix=True), Status.OK)
        self.assertEqual(contents(self.place("b")), b"abc")

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


class TimeTests(SemanticsCase):
    """Times before 1970 and after 2038."""

    def set_time(self, seconds: int) -> int:
        """Give a file a time; return what the file system made of it."""
        write(self.place("a"))
        os.utime(self.place("a"), (seconds, seconds))
        return int(os.stat(self.place("a")).st_mtime)

    def test_shown(self) -> None:
        """Version 3 counts seconds from 1970 in 32 bits: what they cannot hold is shown as the nearest they can."""
        for seconds in (-1, -(2**31), 0, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 7_258_118_400):
            there = self.set_time(seconds)
            shown = self.attributes(b"a")
            nearest = min(max(there, 0), 2**32 - 1)
            self.assertEqual((shown.atime, shown.mtime), (nearest, nearest), seconds)
            entry = next(entry for entry in self.session.listing("/") if entry.name == b"a")
            self.assertEqual(entry.attributes.mtime, nearest)

    def test_set(self) -> None:
        """What version 3 sets is unsigned: it reaches until 2106."""
        limit = self.set_time(2**32 - 1)
        for seconds in (0, 2**31, 2**32 - 1):
            self.session.request(requests.SetStat(path=b"a", attributes=Attributes(atime=seconds, mtime=seconds)))
            self.assertEqual(os.stat(self.place("a")).st_mtime, min(seconds, limit))
