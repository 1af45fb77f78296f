"""
Reading a file again when it has changed.
"""

import os

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.watched import WatchedFile
from tests.files.support import open_descriptors


class WatchedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = self.mktemp()
        self.write(b"one")
        self.file = WatchedFile(self.path)

    def write(self, content: bytes) -> None:
        with open(self.path, "wb") as file:
            file.write(content)

    def test_once(self) -> None:
        """What has not changed is not read again."""
        self.assertEqual(self.file.read_if_changed(), b"one")
        self.assertIsNone(self.file.read_if_changed())

    def test_written(self) -> None:
        """Another size or another time is a change; so is another file in the same place, even an older one."""
        self.file.read_if_changed()
        self.write(b"three")
        self.assertEqual(self.file.read_if_changed(), b"three")
        os.utime(self.path, ns=(1, 1))
        self.assertEqual(self.file.read_if_changed(), b"three")
        other = self.path + ".new"
        with open(other, "wb") as file:
            file.write(b"THREE")
        os.utime(other, ns=(1, 1))
        os.rename(other, self.path)
        self.assertEqual(self.file.read_if_changed(), b"THREE")
        self.assertIsNone(self.file.read_if_changed())

    def test_gone_and_back(self) -> None:
        """A missing file is an error each time, until it is back."""
        self.file.read_if_changed()
        os.rename(self.path, self.path + ".away")
        self.assertRaises(FileNotFoundError, self.file.read_if_changed)
        self.assertRaises(FileNotFoundError, self.file.read_if_changed)
        self.write(b"two")
        self.assertEqual(self.file.read_if_changed(), b"two")

    def test_no_file(self) -> None:
        """A directory, a pipe and a device are refused; none of them can make us wait, or use up descriptors."""
        before = open_descriptors()
        pipe = self.mktemp()
        os.mkfifo(pipe)
        for path in (os.path.dirname(self.path) or ".", pipe, "/dev/null"):
            for _ in range(3):
                self.assertRaises(OSError, WatchedFile(path).read_if_changed)
        self.assertEqual(open_descriptors(), before)

    def test_mode(self) -> None:
        """The permissions are known after reading."""
        os.chmod(self.path, 0o640)
        self.file.read_if_changed()
        self.assertEqual(self.file.mode, 0o640)
