"""
A directory of 100,000 entries.
"""

import os
import shutil
import tempfile
import tracemalloc

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.files.local import LocalFileSystem
from tests.files.support import inline_workers

MEMORY = "/dev/shm"
ENTRIES = 100_000
AT_ONCE = 100
TRACED = 20_000


class LargeDirectoryTests(SynchronousTestCase):
    """Listing it."""

    def setUp(self) -> None:
        # Where making so many names takes less than a second.
        self.place = tempfile.mkdtemp(dir=MEMORY) if os.path.isdir(MEMORY) else os.path.abspath(self.mktemp())
        os.makedirs(self.place, exist_ok=True)
        self.addCleanup(shutil.rmtree, self.place)
        directory = os.open(self.place, os.O_RDONLY)
        for number in range(ENTRIES):
            os.symlink("x", str(number), dir_fd=directory)
        os.close(directory)

    def test_listing(self) -> None:
        """It is read piece by piece in threads, each entry once, and only a piece of it is ever in memory."""
        workers = inline_workers()
        directory = LocalFileSystem(self.place, workers=workers).list("/")
        assert not isinstance(directory, Deferred)
        seen = bytearray(ENTRIES)
        count = 0
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        while True:
            if count >= TRACED and tracemalloc.is_tracing():
                # What is kept of each entry, or all of them at the beginning, would have shown by now.
                _, most = tracemalloc.get_traced_memory()
                self.assertLess(most - before, 1 << 20)
                tracemalloc.stop()
            found = directory.read(AT_ONCE)
            if isinstance(found, Deferred):
                workers.pool.work()  # type: ignore[attr-defined]
                found = self.successResultOf(found)
            self.assertLessEqual(len(found), AT_ONCE)
            count += len(found)
            for name, _ in found:
                if name.isdigit():
                    seen[int(name)] += 1
            if not found:
                break
        self.assertEqual(seen, b"\1" * ENTRIES)
        self.assertFalse(tracemalloc.is_tracing())
        directory.close()
