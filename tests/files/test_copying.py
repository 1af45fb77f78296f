"""
Copying on the server: holes.
"""

import os

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from conchsftp.files.copying import copy_step
from tests.files.support import write

MEGABYTE = 1 << 20


class HoleTests(SynchronousTestCase):
    """What was never written takes no room, in the copy neither."""

    def setUp(self) -> None:
        # Data, a hole, data, a hole at the end.
        self.source = self.open(b"begin")
        os.pwrite(self.source, b"middle", 4 * MEGABYTE)
        os.ftruncate(self.source, 8 * MEGABYTE)
        if os.fstat(self.source).st_blocks * 512 > MEGABYTE:
            raise SkipTest("this file system has no holes")

    def open(self, data: bytes = b"") -> int:
        descriptor = os.open(write(self.mktemp(), data), os.O_RDWR)
        self.addCleanup(os.close, descriptor)
        return descriptor

    def check(self, target: int, at: int, offset: int, length: int, *, thin: bool = True) -> None:
        """The target has the same bytes as the source, and few blocks."""
        self.assertEqual(os.pread(target, length, at), os.pread(self.source, length, offset))
        if thin:
            self.assertLess(os.fstat(target).st_blocks * 512, MEGABYTE)

    def test_whole(self) -> None:
        """The whole file, the hole at its end too."""
        target = self.open()
        self.assertEqual(copy_step(self.source, 0, target, 0, 10 * MEGABYTE), 8 * MEGABYTE)
        self.assertEqual(os.fstat(target).st_size, 8 * MEGABYTE)
        self.check(target, 0, 0, 8 * MEGABYTE)

    def test_ranges(self) -> None:
        """Ranges that begin and end in data and in holes, to where they were and elsewhere."""
        for offset in (0, 3, MEGABYTE + 1, 4 * MEGABYTE, 4 * MEGABYTE + 3, 5 * MEGABYTE + 7):
            for length in (1, 2 * MEGABYTE, 3 * MEGABYTE - 5):
                for at in (0, 12345, 5 * MEGABYTE):
                    target = self.open()
                    wanted = min(length, 8 * MEGABYTE - offset)
                    self.assertEqual(copy_step(self.source, offset, target, at, length), wanted)
                    self.assertEqual(os.fstat(target).st_size, at + wanted)
                    self.check(target, at, offset, wanted)

    def test_steps(self) -> None:
        """Steps that end in holes leave them; the last one has the file end where it should."""
        target = self.open()
        for step in range(8):
            copy_step(self.source, step * MEGABYTE, target, step * MEGABYTE, MEGABYTE, last=False)
        self.assertEqual(os.fstat(target).st_size, 8 * MEGABYTE)
        self.check(target, 0, 0, 8 * MEGABYTE)
        target = self.open()
        for step in range(3):
            copy_step(self.source, step * MEGABYTE, target, step * MEGABYTE, MEGABYTE, last=step == 2)
        self.assertEqual(os.fstat(target).st_size, 3 * MEGABYTE)
        self.check(target, 0, 0, 3 * MEGABYTE)

    def test_over_data(self) -> None:
        """Where the target has something, a hole is copied as zeros; what comes after the range stays."""
        for size in (MEGABYTE, 3 * MEGABYTE, 9 * MEGABYTE):
            target = self.open(b"x" * size)
            self.assertEqual(copy_step(self.source, 0, target, 0, 8 * MEGABYTE), 8 * MEGABYTE)
            self.check(target, 0, 0, 8 * MEGABYTE, thin=False)
            self.assertEqual(os.pread(target, 9 * MEGABYTE, 8 * MEGABYTE), b"x" * max(size - 8 * MEGABYTE, 0))

    def test_append(self) -> None:
        """To the end of a file holes are copied as zeros."""
        target = os.open(write(self.mktemp(), b"x"), os.O_RDWR | os.O_APPEND)
        self.addCleanup(os.close, target)
        self.assertEqual(copy_step(self.source, 0, target, -1, 6 * MEGABYTE), 6 * MEGABYTE)
        self.check(target, 1, 0, 6 * MEGABYTE, thin=False)

    def test_beyond(self) -> None:
        """After the end there is nothing, and the target stays as it is."""
        target = self.open(b"x")
        self.assertEqual(copy_step(self.source, 8 * MEGABYTE, target, 5, MEGABYTE), 0)
        self.assertEqual(os.fstat(target).st_size, 1)
