"""
Locks, as every file system of ours has them.
"""

from collections.abc import Callable
from typing import Any

from zope.interface.verify import verifyObject

from conchsftp.files.locks import MASKS, MOST_OF_FILE, MOST_OF_HANDLE, Locks
from conchsftp.interfaces import ILocking, ILocks
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import OpenFlag, RenameFlag
from conchsftp.sftp.statuses import Status
from tests.files.case import BOTH, EMPTY, NEW, OLD, READ, TRUNCATE, WRITE, FileSystemCase
from tests.files.case import NONE as NO_ATTRIBUTES

ADVISORY = OpenFlag.BLOCK_ADVISORY
NO_READ, NO_WRITE, NO_DELETE = OpenFlag.BLOCK_READ, OpenFlag.BLOCK_WRITE, OpenFlag.BLOCK_DELETE
ALONE = NO_READ | NO_WRITE
REFUSED, CONFLICT = Status.BYTE_RANGE_LOCK_REFUSED, Status.BYTE_RANGE_LOCK_CONFLICT
LOCKED = Status.LOCK_CONFLICT
REPLACE = RenameFlag.OVERWRITE


class LockTests(FileSystemCase):
    """What both file systems do alike."""

    locks: Locks

    def begin(self) -> None:
        """Have a file that is open twice."""
        self.put("/a", b"0123456789")
        self.one, self.other = self.open(), self.open()

    def open(self, access: Any = BOTH, flags: Any = OLD, path: str = "/a") -> Any:
        """Open a file."""
        return self.files.open(path, access, flags, NO_ATTRIBUTES)

    def end(self, *more: Any) -> None:
        """Close what is open, and find nothing left in the table."""
        for file in (self.one, self.other, *more):
            file.close()
        self.check_empty()

    def check_empty(self) -> None:
        """Nothing is left in the table."""
        assert (len(self.locks), self.locks.opened, self.locks.held) == (0, set(), {})

    def test_interfaces(self) -> None:
        """The methods are those of the interfaces; every combination of flags is carried out that locks anything."""
        verifyObject(ILocks, self.one)
        verifyObject(ILocking, self.files)
        assert self.files.lock_masks == self.files.open_lock_masks == MASKS
        assert len(MASKS) == 14
        for mask in MASKS:
            self.one.lock(0, 5, mask)
            self.one.unlock(0, 5)
        self.one.close()
        self.other.close()
        for mask in MASKS:
            self.open(BOTH, OLD | mask).close()
        assert not self.locks.held

    def test_mandatory(self) -> None:
        """Who else reads or writes what is locked gets BYTE_RANGE_LOCK_CONFLICT, and who has locked it does not."""
        for mask, reads, writes in ((NO_READ, False, True), (NO_WRITE, True, False), (ALONE, False, False)):
            self.one.lock(2, 3, mask)
            for at, length, inside in ((0, 2, False), (0, 3, True), (4, 1, True), (4, 9, True), (5, 5, False)):
                self.check(inside and not reads, self.other.read, at, length)
                self.check(inside and not writes, self.other.write, at, b"0123456789"[at : at + length])
            self.one.read(0, 10)
            self.one.write(0, b"0123456789")
            self.one.unlock(2, 3)
            self.other.read(0, 10)
            self.other.write(0, b"0123456789")
        self.end()

    def check(self, conflicts: bool, function: Callable[..., Any], *args: Any) -> None:
        """Call it, and see whether it is refused."""
        if conflicts:
            self.refused(CONFLICT, function, *args)
        else:
            function(*args)

    def test_advisory(self) -> None:
        """What is locked by advice is read and written by everybody, and locked by nobody else."""
        self.one.lock(2, 3, ALONE | ADVISORY)
        self.other.read(0, 10)
        self.other.write(0, b"x")
        for mask in MASKS:
            self.refused(REFUSED, self.other.lock, 4, 2, mask)
        self.end()

    def test_overlap(self) -> None:
        """No two locks overlap, be they of one open file (filexfer-13, SSH_FXP_BLOCK)."""
        self.one.lock(2, 3, NO_WRITE | ADVISORY)
        for file in (self.one, self.other):
            for offset, length in ((0, 3), (2, 3), (3, 1), (4, 5), (0, 0), (0, 100), (4, 0)):
                self.refused(REFUSED, file.lock, offset, length, NO_WRITE | ADVISORY)
        self.other.lock(0, 2, NO_WRITE | ADVISORY)
        self.one.lock(5, 5, NO_WRITE | ADVISORY)
        self.end()

    def test_end_of_file(self) -> None:
        """A length of 0 is up to what is now the end, and need not be the end when it is released."""
        self.one.lock(4, 0, ALONE)
        self.refused(CONFLICT, self.other.write, 9, b"x")
        self.other.write(10, b"0123456789")
        self.refused(Status.NO_MATCHING_BYTE_RANGE_LOCK, self.one.unlock, 4, 6)
        self.one.unlock(4, 0)
        self.other.write(9, b"x")
        self.end()

    def test_empty_file(self) -> None:
        """Of two who lock all of an empty file one is refused: a lock is for being alone."""
        self.put("/empty")
        one, other = self.open(path="/empty"), self.open(path="/empty")
        one.lock(0, 0, ALONE)
        self.refused(REFUSED, other.lock, 0, 0, ALONE)
        one.unlock(0, 0)
        other.lock(0, 0, ALONE)
        self.end(one, other)

    def test_unlock(self) -> None:
        """Only who has locked a range releases it, and exactly that range."""
        self.one.lock(2, 3, ALONE)
        for file, offset, length in ((self.other, 2, 3), (self.one, 2, 2), (self.one, 3, 2), (self.one, 2, 0)):
            self.refused(Status.NO_MATCHING_BYTE_RANGE_LOCK, file.unlock, offset, length)
        self.one.unlock(2, 3)
        self.refused(Status.NO_MATCHING_BYTE_RANGE_LOCK, self.one.unlock, 2, 3)
        self.end()

    def test_numbers(self) -> None:
        """Every range that a request can name can be locked, and nothing beyond; a mask without meaning is refused."""
        for offset, length in ((2**63 - 2, 1), (2**63 - 1, 1), (2**63, 2**63), (2**64 - 1, 1), (0, 2**64 - 1)):
            self.one.lock(offset, length, ALONE)
            self.refused(REFUSED, self.other.lock, offset, 1, ALONE)
            self.one.unlock(offset, length)
        for offset, length in ((2**63, 2**63 + 1), (2**64 - 1, 2)):
            self.refused(Status.INVALID_PARAMETER, self.one.lock, offset, length, ALONE)
        for mask in (0, ADVISORY, 0x400 | NO_READ):
            self.refused(Status.INVALID_PARAMETER, self.one.lock, 0, 1, mask)
        self.end()

    def test_reader(self) -> None:
        """Who may only read keeps nobody from reading."""
        reader = self.open(READ)
        self.refused(Status.PERMISSION_DENIED, reader.lock, 0, 5, NO_READ)
        self.refused(Status.PERMISSION_DENIED, self.open, READ, OLD | NO_READ)
        reader.lock(0, 5, NO_WRITE)
        self.refused(CONFLICT, self.one.write, 4, b"x")
        reader.close()
        self.one.write(4, b"4")
        self.end()

    def test_resizing(self) -> None:
        """Nobody else cuts off or fills what is locked against writing, by whatever name."""
        self.one.lock(12, 3, NO_WRITE)
        for size in (13, 20):
            self.refused(CONFLICT, self.other.set_attributes, Attributes(size=size))
            self.refused(CONFLICT, self.files.set_attributes, "/a", Attributes(size=size), True)
        self.files.set_attributes("/a", Attributes(permissions=0o600), True)
        self.other.set_attributes(Attributes(size=12))
        self.one.set_attributes(Attributes(size=20))
        self.refused(CONFLICT, self.other.set_attributes, Attributes(size=14))
        self.other.set_attributes(Attributes(size=15))
        self.end()

    def test_truncating(self) -> None:
        """An OPEN that would empty a file which somebody has locked is refused, and changes nothing."""
        for mask, refused in ((NO_WRITE, True), (NO_READ, False), (NO_WRITE | ADVISORY, False)):
            self.one.write(0, b"0123456789")
            self.one.lock(2, 1, mask)
            for flags in (TRUNCATE, EMPTY):
                if refused:
                    self.refused(LOCKED, self.open, WRITE, flags)
                    assert self.one.read(0, 99) == b"0123456789"
                else:
                    self.open(WRITE, flags).close()
            self.one.unlock(2, 1)
        self.end()

    def test_removing(self) -> None:
        """What is locked with BLOCK_DELETE is neither removed nor replaced; it may be renamed."""
        self.put("/b", b"b")
        lockings: tuple[Callable[[], Any], ...] = (
            lambda: self.one.lock(0, 1, NO_DELETE),
            lambda: self.open(READ, OLD | NO_DELETE),
        )
        for locking in lockings:
            opened = locking()
            self.refused(Status.CANNOT_DELETE, self.files.remove, "/a")
            self.refused(Status.CANNOT_DELETE, self.files.rename, "/b", "/a", REPLACE)
            self.refused(LOCKED, self.open, READ, OLD | OpenFlag.DELETE_ON_CLOSE)
            self.files.rename("/a", "/c", RenameFlag(0))
            self.refused(Status.CANNOT_DELETE, self.files.remove, "/c")
            self.files.rename("/c", "/a", RenameFlag(0))
            if opened is not None:
                opened.close()
            else:
                self.one.unlock(0, 1)
        deleting = self.open(READ, OLD | OpenFlag.DELETE_ON_CLOSE)
        self.refused(LOCKED, self.open, READ, OLD | NO_DELETE)
        assert self.get("/a") == b"0123456789"
        deleting.close()
        self.refused(Status.NO_SUCH_FILE, self.files.stat, "/a")
        self.files.remove("/b")
        self.end()

    def test_copying(self) -> None:
        """What is copied on the server is read and written as by everybody else."""
        self.put("/b", b"abcdefghij")
        target = self.open(path="/b")
        self.one.lock(0, 5, NO_READ)
        self.fails(CONFLICT, self.other.copy_to, target, 4, 1, 0)
        self.copied(self.other.copy_to, target, 5, 2, 0)
        self.one.unlock(0, 5)
        writer = self.open(path="/b")
        writer.lock(3, 2, NO_WRITE)
        self.fails(CONFLICT, self.other.copy_to, target, 0, 4, 0)
        self.copied(self.other.copy_to, target, 0, 3, 0)
        assert writer.read(0, 99) == b"012defghij"
        self.end(target, writer)

    def test_behind_the_end(self) -> None:
        """What is locked behind the end keeps nobody from reading up to it, or from copying that; nor to before it."""
        self.put("/b", b"abc")
        target, writer = self.open(path="/b"), self.open(path="/b")
        self.one.lock(10, 90, ALONE)
        writer.lock(10, 90, ALONE)
        for at, found in ((0, b"0123456789"), (4, b"456789"), (10, b""), (50, b"")):
            assert self.other.read(at, 99) == found
        self.copied(self.other.copy_to, target, 0, 0, 0)
        assert writer.read(0, 99) == b"0123456789"
        self.fails(Status.EOF, self.other.copy_to, target, 0, 99, 0)
        self.fails(CONFLICT, self.other.copy_to, target, 0, 0, 1)
        self.one.write(10, b"xy")
        self.refused(CONFLICT, self.other.read, 4, 99)
        self.fails(CONFLICT, self.other.copy_to, target, 0, 0, 0)
        assert self.other.read(11, 0) == b""
        self.end(target, writer)

    def copied(self, function: Callable[..., Any], *args: Any) -> None:
        """Copy."""
        function(*args)

    def fails(self, status: Status, function: Callable[..., Any], *args: Any) -> None:
        """Copy, in vain."""
        self.refused(status, function, *args)

    def test_appending(self) -> None:
        """What is appended goes to the end, and that is where it may be locked."""
        appending = self.open(WRITE, OLD | OpenFlag.APPEND_DATA)
        self.one.lock(0, 10, NO_WRITE)
        appending.write(0, b"x")
        self.one.lock(11, 5, NO_WRITE)
        self.refused(CONFLICT, appending.write, 0, b"x")
        self.end(appending)

    def test_open_alone(self) -> None:
        """An OPEN with a mask keeps others from opening, and comes too late where they have opened before."""
        self.one.close()
        self.other.close()
        for mask, readers, writers in ((NO_READ, False, True), (NO_WRITE, True, False), (ALONE, False, False)):
            alone = self.open(BOTH, OLD | mask)
            for access, may in ((READ, readers), (WRITE, writers), (BOTH, readers and writers)):
                if may:
                    beside = self.open(access)
                    beside.close()
                else:
                    self.refused(LOCKED, self.open, access)
            alone.close()
            for access, may in ((READ, readers), (WRITE, writers), (BOTH, readers and writers)):
                before = self.open(access)
                if may:
                    self.open(BOTH, OLD | mask).close()
                else:
                    self.refused(LOCKED, self.open, BOTH, TRUNCATE | mask)
                before.close()
        assert self.get("/a") == b"0123456789"
        self.check_empty()

    def test_open_by_advice(self) -> None:
        """An OPEN by advice only minds those that lock as well."""
        advised = self.open(BOTH, OLD | ALONE | ADVISORY)
        self.open(BOTH).close()
        for mask in (ALONE, NO_WRITE | ADVISORY):
            self.refused(LOCKED, self.open, BOTH, OLD | mask)
        self.refused(REFUSED, self.other.lock, 0, 5, NO_WRITE | ADVISORY)
        advised.close()
        self.other.lock(0, 5, NO_WRITE | ADVISORY)
        self.refused(LOCKED, self.open, BOTH, OLD | ALONE | ADVISORY)
        self.end()

    def test_readers_share(self) -> None:
        """Those who only read may each keep writers away."""
        self.one.close()
        self.other.close()
        readers = [self.open(READ, OLD | NO_WRITE) for _ in range(2)]
        self.refused(LOCKED, self.open, WRITE)
        self.refused(LOCKED, self.files.set_attributes, "/a", Attributes(size=1), True)
        for reader in readers:
            reader.close()
        self.open(WRITE).close()
        self.check_empty()

    def test_range_in_a_locked_file(self) -> None:
        """Who is alone with a file may lock parts of it, and is alone with it when they are released."""
        self.end()
        alone = self.open(BOTH, OLD | ALONE)
        alone.lock(2, 3, NO_WRITE)
        alone.unlock(2, 3)
        self.refused(LOCKED, self.open, READ)
        alone.close()
        assert not self.locks.held

    def test_new_file(self) -> None:
        """A file may be made and locked at once."""
        file = self.open(WRITE, NEW | ALONE, "/new")
        self.refused(LOCKED, self.open, READ, OLD, "/new")
        self.end(file)

    def test_limits(self) -> None:
        """So many ranges of a handle, and so many of a file, are locked and no more; closing gives room."""
        for at in range(MOST_OF_HANDLE):
            self.one.lock(at, 1, NO_WRITE | ADVISORY)
        self.refused(REFUSED, self.one.lock, MOST_OF_HANDLE, 1, NO_WRITE | ADVISORY)
        files = [self.one, self.other]
        while len(files) * MOST_OF_HANDLE < MOST_OF_FILE:
            files.append(self.open())
        for number, file in enumerate(files[1:], 1):
            for at in range(MOST_OF_HANDLE):
                file.lock(number * MOST_OF_HANDLE + at, 1, NO_WRITE | ADVISORY)
        last = self.open()
        self.refused(REFUSED, last.lock, MOST_OF_FILE, 1, NO_WRITE | ADVISORY)
        files[2].close()
        last.lock(MOST_OF_FILE, 1, NO_WRITE | ADVISORY)
        self.end(*files[3:], last)
