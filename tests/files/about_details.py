"""
What every file system of ours that tells and sets more does alike.
"""

from typing import Any

from conchsftp.interfaces import IDetails
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType, TextHint
from conchsftp.sftp.statuses import Status
from tests.files.case import BOTH, NEW, NONE, OLD, READ, WRITE, FileSystemCase

MIB = 1024 * 1024


class DetailTests(FileSystemCase):
    """Attributes beyond stat(2)."""

    workers: Any = None

    def set(self, path: str, follow: bool = True, **wanted: Any) -> Any:
        return self.done(self.files.set_attributes(path, Attributes(**wanted), follow))

    def done(self, result: Any) -> Any:
        """Return what a thread may have to do first."""
        if hasattr(result, "addCallback"):
            self.workers.pool.work()
            return self.successResultOf(result)  # type: ignore[attr-defined]
        return result

    def fails(self, status: Status, function: Any, *args: Any) -> None:
        """The call fails, now or in a thread."""

        def call() -> Any:
            result = function(*args)
            if not hasattr(result, "addCallback"):
                return result
            self.workers.pool.work()
            self.failureResultOf(result).raiseException()  # type: ignore[attr-defined]

        self.refused(status, call)

    def test_says_so(self) -> None:
        """It says what it tells and sets, and that are attributes that there are."""
        assert IDetails.providedBy(self.files)
        for field in self.files.tells | self.files.sets:
            assert hasattr(NONE, field), field
        assert {"size", "allocation_size", "permissions", "atime", "mtime", "owner", "uid"} <= self.files.sets

    def test_type(self) -> None:
        """The MIME type goes by the name, and is told to who asks for it."""
        self.put("/a.txt")
        self.files.make_directory("/d.txt", NONE)
        assert self.files.stat("/a.txt").mime_type is None
        told = self.files.detailed({"mime_type", "text_hint"})
        file, listing = told.open("/a.txt", READ, OLD, NONE), told.list("/")
        for attributes in (told.stat("/a.txt"), told.lstat("/a.txt"), file.stat(), dict(listing.read(9))["a.txt"]):
            assert (attributes.mime_type, attributes.text_hint) == ("text/plain", TextHint.GUESSED_TEXT)
            assert attributes.attrib_bits is None
        assert told.stat("/d.txt").mime_type is None
        assert listing.stat().type == FileType.DIRECTORY
        listing.close()

    def test_same_bits(self) -> None:
        """A bit that is set to what it is, and one that nobody asks about, are no change (filexfer-13, 7.9)."""
        told = self.files.detailed({"attrib_bits"})
        for path in ("/.a", "/b"):
            self.put(path)
            before = told.stat(path)
            self.set(path, attrib_bits=before.attrib_bits, attrib_bits_valid=before.attrib_bits_valid)
            self.set(path, attrib_bits=0xFFF, attrib_bits_valid=0)
            self.set(path, attrib_bits=before.attrib_bits)
            file = self.files.open(path, READ, OLD, NONE)
            file.set_attributes(Attributes(attrib_bits=before.attrib_bits))
            file.close()
            assert told.stat(path).attrib_bits == before.attrib_bits
        self.set("/", attrib_bits=told.stat("/").attrib_bits)

    def test_no_such_bit(self) -> None:
        """A bit that nobody can set is refused, and nothing else is changed."""
        self.put("/a", b"abc")
        for bit in (0x8, 0x20, 0x80, 0x1000):
            self.fails(Status.OP_UNSUPPORTED, self.files.set_attributes, "/a", _wanted(bit, size=0), True)
            file = self.files.open("/a", WRITE, OLD, NONE)
            self.fails(Status.OP_UNSUPPORTED, file.set_attributes, _wanted(bit, size=0))
            file.close()
        assert self.get("/a") == b"abc"

    def test_allocation(self) -> None:
        """What is to be allocated is there afterwards, and the file as long as before (filexfer-13, 7.4)."""
        file = self.done(self.files.open("/a", BOTH, NEW, Attributes(allocation_size=MIB)))
        assert self.allocated(MIB)
        assert file.stat().size == 0
        file.write(0, b"abc")
        file.close()
        assert self.get("/a") == b"abc"
        self.set("/a", allocation_size=2 * MIB)
        assert self.allocated(2 * MIB)
        assert self.get("/a") == b"abc"

    def test_kept_room(self) -> None:
        """Room stays when the file is closed, whatever was written; to set the size, even to what it is, frees it."""
        file = self.done(self.files.open("/a", BOTH, NEW, Attributes(allocation_size=MIB)))
        file.write(0, b"cut off")
        file.close()
        assert self.allocated(MIB)
        self.set("/a", size=7)
        assert not self.allocated(MIB)
        assert self.get("/a") == b"cut off"

    def allocated(self, size: int) -> bool:
        told = self.files.stat("/a").allocation_size
        return bool(told >= size)

    def test_smaller_allocation(self) -> None:
        """What is to occupy less than it is long is cut off; both at once contradict each other (7.4)."""
        self.put("/a", b"0123456789")
        self.fails(
            Status.INVALID_PARAMETER, self.files.set_attributes, "/a", Attributes(size=5, allocation_size=4), True
        )
        assert self.get("/a") == b"0123456789"
        self.set("/a", allocation_size=4)
        assert self.get("/a") == b"0123"
        self.set("/a", size=2, allocation_size=2)
        assert self.get("/a") == b"01"
        self.set("/a", allocation_size=0)
        assert self.get("/a") == b""

    def test_too_much(self) -> None:
        """Where there is no room for it, no file is made."""
        for size in (2**62, 2**63 - 1):
            self.refused_room(self.files.open, "/a", WRITE, NEW, Attributes(allocation_size=size))
            self.refused(Status.NO_SUCH_FILE, self.files.stat, "/a")
        self.put("/a", b"abc")
        self.refused_room(self.files.set_attributes, "/a", Attributes(allocation_size=2**62), True)
        assert self.get("/a") == b"abc"

    def refused_room(self, function: Any, *args: Any) -> None:
        """There is no room, or no file can be as large: that depends on the disk."""
        try:
            self.fails(Status.NO_SPACE_ON_FILESYSTEM, function, *args)
        except AssertionError:
            self.fails(Status.FAILURE, function, *args)

    def test_allocation_needs_writing(self) -> None:
        """A handle allocates only if it may write."""
        self.put("/a", b"abc")
        file = self.files.open("/a", READ, OLD, NONE)
        for size in (1, MIB):
            self.fails(Status.PERMISSION_DENIED, file.set_attributes, Attributes(allocation_size=size))
        file.close()
        assert self.get("/a") == b"abc"

    def test_allocation_of_directories(self) -> None:
        """Nothing can be allocated for a directory; asked for when it is made, that is a hint."""
        self.done(self.files.make_directory("/d", Attributes(allocation_size=MIB)))
        self.fails(Status.FILE_IS_A_DIRECTORY, self.files.set_attributes, "/d", Attributes(allocation_size=MIB), True)
        directory = self.files.list("/d")
        self.fails(Status.FILE_IS_A_DIRECTORY, directory.set_attributes, Attributes(allocation_size=MIB))
        directory.close()


def _wanted(bits: int, **others: Any) -> Attributes:
    return Attributes(attrib_bits=bits, attrib_bits_valid=bits, **others)
