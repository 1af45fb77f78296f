"""
What a client has open, by its handles.
"""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.session.handles import HandleTable, OpenDirectory, Opened, OpenFile
from conchsftp.sftp.statuses import Status


class HandleCase(SynchronousTestCase):
    """An empty table with room for three."""

    def setUp(self) -> None:
        self.table = HandleTable(3)

    def invalid(self, *call: object) -> None:
        """Check that a call is answered INVALID_HANDLE."""
        function, *arguments = call
        problem = self.assertRaises(SFTPError, function, *arguments)
        self.assertEqual(problem.status, Status.INVALID_HANDLE)


class LifeTests(HandleCase):
    """From HANDLE to CLOSE."""

    def test_file(self) -> None:
        """A file is found under its handle until it is removed."""
        opened = OpenFile("/a", "source")
        self.table.add(b"h", opened)
        self.assertIs(self.table.get(b"h", OpenFile), opened)
        self.assertEqual((self.table.path(b"h"), len(self.table)), ("/a", 1))
        self.assertIs(self.table.remove(b"h"), opened)
        self.assertEqual(len(self.table), 0)
        self.invalid(self.table.get, b"h", OpenFile)

    def test_abilities(self) -> None:
        """A file remembers the abilities of its source; a directory what did not fit."""
        opened = OpenFile("/a", "source", into="into", from_pieces="from")
        self.assertEqual((opened.source, opened.into, opened.from_pieces), ("source", "into", "from"))
        self.assertEqual((OpenFile("/a", None).into, OpenFile("/a", None).from_pieces), (None, None))
        self.assertEqual(OpenDirectory("/d", None).waiting, [])
        self.assertIsNot(OpenDirectory("/d", None).waiting, OpenDirectory("/d", None).waiting)

    def test_kinds(self) -> None:
        """A directory is not read as a file, nor a file listed; both are something open."""
        file, directory = OpenFile("/a", None), OpenDirectory("/d", None)
        self.table.add(b"f", file)
        self.table.add(b"d", directory)
        self.invalid(self.table.get, b"f", OpenDirectory)
        self.invalid(self.table.get, b"d", OpenFile)
        self.assertIs(self.table.get(b"f", Opened), file)
        self.assertIs(self.table.get(b"d", Opened), directory)

    def test_removed_twice(self) -> None:
        """A second CLOSE of one handle is answered INVALID_HANDLE."""
        self.table.add(b"h", OpenFile("/a", None))
        self.table.remove(b"h")
        self.invalid(self.table.remove, b"h")

    def test_unknown(self) -> None:
        """Handles that were never given out, of whatever length, are invalid."""
        self.table.add(b"h", OpenFile("/a", None))
        for handle in (b"", b"H", b"h\0", bytes(256), bytes(257), bytes(100_000)):
            with self.subTest(size=len(handle)):
                self.invalid(self.table.get, handle, Opened)
                self.invalid(self.table.remove, handle)
                self.assertEqual(self.table.path(handle), "")

    def test_closed_while_walked(self) -> None:
        """All handles can be walked while they are closed, as at the end of a connection."""
        for handle in (b"1", b"2", b"3"):
            self.table.add(handle, OpenFile("/a", None))
        for handle in self.table:
            self.table.remove(handle)
        self.assertEqual(len(self.table), 0)


class NameTests(HandleCase):
    """What a handle may be called."""

    def test_free(self) -> None:
        """Handles of ours are all different, also from those that are closed again."""
        seen: set[bytes] = set()
        for _ in range(1000):
            handle = self.table.free()
            self.assertNotIn(handle, seen)
            seen.add(handle)
            self.table.add(handle, OpenFile("/a", None))
            self.table.remove(handle)

    def test_free_beside_a_chosen_one(self) -> None:
        """A handle of ours is never one that a handler has chosen."""
        ours = HandleTable(3).free()
        self.table.add(ours, OpenFile("/chosen", None))
        self.assertNotEqual(self.table.free(), ours)

    def test_length(self) -> None:
        """A handle has 1 to 256 bytes (filexfer-13, 8.2)."""
        for size, fits in ((0, False), (1, True), (255, True), (256, True), (257, False)):
            with self.subTest(size=size):
                table = HandleTable(3)
                if fits:
                    table.add(bytes(size), OpenFile("/a", None))
                    self.assertEqual(table.path(bytes(size)), "/a")
                else:
                    self.assertRaises(ValueError, table.add, bytes(size), OpenFile("/a", None))
                    self.assertEqual(len(table), 0)

    def test_in_use(self) -> None:
        """A handle that is in use is not given to another file, and keeps its own."""
        opened = OpenFile("/a", None)
        self.table.add(b"h", opened)
        self.assertRaises(ValueError, self.table.add, b"h", OpenFile("/b", None))
        self.assertIs(self.table.get(b"h", OpenFile), opened)


class LimitTests(HandleCase):
    """How many handles may be open."""

    def test_room(self) -> None:
        """There is room for one below the limit, none at it, and again after a CLOSE."""
        for handle in (b"1", b"2"):
            self.table.add(handle, OpenFile("/a", None))
        self.table.check_room(OpenFile, "/a")
        self.table.add(b"3", OpenFile("/a", None))
        problem = self.assertRaises(SFTPError, self.table.check_room, OpenFile, "/a")
        self.assertEqual(problem.status, Status.FAILURE)
        self.table.remove(b"1")
        self.table.check_room(OpenFile, "/a")

    def fill(self, limit: int, kind: type[Opened], path: str) -> int:
        """Open as many as there is room for, twice; return how many that is."""
        table = HandleTable(limit)
        for _ in range(2):
            count = 0
            try:
                while True:
                    table.check_room(kind, path)
                    table.add(b"%d" % count, kind(path, None))
                    count += 1
            except SFTPError:
                pass
            for handle in table:
                # A rename must not change what it gives back.
                table.get(handle, kind).path = "/b" * 5000
                table.remove(handle)
        return count

    def test_directories(self) -> None:
        """Open directories cost a hundred times as much as files: there may be 64, or as many as a low limit says."""
        limits = [1, 3, 64, 1024, 4096]
        self.assertEqual([self.fill(limit, OpenDirectory, "/d") for limit in limits], [1, 3, 64, 64, 64])
        self.assertEqual([self.fill(limit, OpenFile, "/f") for limit in limits], limits)

    def test_long_paths(self) -> None:
        """Files with long paths count by their length."""
        sizes = 255, 256, 600, 4095
        self.assertEqual([self.fill(1024, OpenFile, "/" * size) for size in sizes], [1024, 512, 341, 64])
        self.assertEqual(self.fill(3, OpenFile, "/" * 4095), 3)
