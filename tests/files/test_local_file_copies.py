"""
Copies between open files of the local file system, a step at a time in threads.
"""

import os
import tempfile
from errno import EFBIG, EINVAL
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SkipTest

from conchsftp.errors import SFTPError
from conchsftp.files import local_file
from conchsftp.sftp.statuses import Status
from tests.files.support import contents
from tests.files.test_local_file import MEMORY, FileCase


class CopyTests(FileCase):
    """Copying in threads, step by step."""

    def setUp(self) -> None:
        super().setUp()
        self.source = self.open(b"0123456789")
        self.target = self.open(place=self.mktemp())
        self.patch(local_file, "COPY_STEP", 4)

    def written(self) -> bytes:
        return os.pread(self.target._fd, 100, 0)

    def test_steps(self) -> None:
        """Between the steps others have their turn."""
        result = self.source.copy_to(self.target, 1, 0, 0)
        self.workers.pool.waiting.pop(0)()  # looks at the files
        self.workers.pool.waiting.pop(0)()
        self.assertEqual(self.written(), b"1234")
        self.workers.pool.waiting.pop(0)()
        self.assertEqual(self.written(), b"12345678")
        self.assertNoResult(result)
        self.workers.pool.work()
        self.assertEqual(self.successResultOf(result), 9)

    def test_closed_meanwhile(self) -> None:
        """Closing either file ends the copying, and waits for the step that has begun."""
        for closes in ("source", "target"):
            self.setUp()
            result = self.source.copy_to(self.target, 0, 0, 0)
            self.workers.pool.waiting.pop(0)()
            closed = getattr(self, closes).close()
            assert isinstance(closed, Deferred)
            self.assertNoResult(closed)
            self.workers.pool.work()
            self.successResultOf(closed)
            self.failureResultOf(result, SFTPError)

    def test_cancelled(self) -> None:
        """A copy that nobody waits for ends after its step; both files stay open until then."""
        result = self.source.copy_to(self.target, 0, 0, 0)
        self.workers.pool.waiting.pop(0)()
        result.cancel()
        self.failureResultOf(result, CancelledError)
        closing = [self.source.close(), self.target.close()]
        for closed in closing:
            self.assertNoResult(closed)  # type: ignore[arg-type]
        self.workers.pool.work()
        for closed in closing:
            self.successResultOf(closed)  # type: ignore[arg-type]

    def test_by_hand(self) -> None:
        """Where the system cannot copy, it is done by reading and writing."""

        def refuse(*args: Any) -> int:
            raise OSError(EINVAL, "no")

        self.patch(os, "copy_file_range", refuse)
        result = self.source.copy_to(self.target, 2, 7, 3)
        self.workers.pool.work()
        self.assertEqual(self.successResultOf(result), 7)
        self.assertEqual(self.written(), b"\0\0\0" + b"2345678")

    def test_other_mount(self) -> None:
        """From one file system to another."""
        if not os.path.isdir(MEMORY):
            raise SkipTest(f"there is no {MEMORY}")
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            target = self.open(place=f"{folder}/f")
            result = self.source.copy_to(target, 0, 10, 0)
            self.workers.pool.work()
            self.assertEqual(self.successResultOf(result), 10)
            self.assertEqual(contents(f"{folder}/f"), b"0123456789")
            target.close()

    def test_wrong_direction(self) -> None:
        """Both files must be open for it; the user is told which is not."""
        reader = self.open(b"abc", os.O_RDONLY, place=self.mktemp())
        writer = self.open(b"abc", os.O_WRONLY, place=self.mktemp())
        for source, target, text in ((self.source, reader, "writing"), (writer, self.target, "reading")):
            result = source.copy_to(target, 0, 3, 0)
            self.workers.pool.work()
            problem = self.failureResultOf(result, SFTPError).value
            self.assertEqual(problem.status, Status.PERMISSION_DENIED)
            self.assertIn(text, problem.message)

    def test_full(self) -> None:
        """An error in the middle is the answer."""

        def fail(*args: Any) -> int:
            raise OSError(28, "no space")

        self.patch(os, "copy_file_range", fail)
        result = self.source.copy_to(self.target, 0, 5, 0)
        self.workers.pool.work()
        self.assertEqual(self.failureResultOf(result, OSError).value.errno, 28)

    def test_beyond_the_end(self) -> None:
        """There is nothing to copy after the end."""
        result = self.source.copy_to(self.target, 50, 0, 0)
        self.workers.pool.work()
        self.assertEqual(self.successResultOf(result), 0)
        result = self.source.copy_to(self.target, 50, 1, 0)
        self.workers.pool.work()
        self.assertEqual(self.failureResultOf(result, SFTPError).value.status, Status.EOF)

    def test_beyond_every_file(self) -> None:
        """An offset that no file can have is one after the end; what would be written there is too large."""
        for offset in (2**63 - 1, 2**63, 2**64 - 1):
            result = self.source.copy_to(self.target, offset, 0, 0)
            self.workers.pool.work()
            self.assertEqual(self.successResultOf(result), 0)
            result = self.source.copy_to(self.target, offset, 2**64 - 1, 0)
            self.workers.pool.work()
            self.assertEqual(self.failureResultOf(result, SFTPError).value.status, Status.EOF)
            result = self.source.copy_to(self.target, 0, 0, offset)
            self.workers.pool.work()
            self.assertEqual(self.failureResultOf(result, OSError).value.errno, EFBIG)
        result = self.source.copy_to(self.target, 3, 2**64 - 1, 0)
        self.workers.pool.work()
        self.assertEqual(self.failureResultOf(result, SFTPError).value.status, Status.EOF)
        self.assertEqual(self.written(), b"3456789")
