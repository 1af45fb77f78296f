"""
Help for the tests of the local file system.
"""

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.files.local import LocalFileSystem
from tests.files.case import FileSystemCase
from tests.files.support import inline_workers


class LocalCase(FileSystemCase, SynchronousTestCase):
    """A root, and its file system."""

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        os.mkdir(self.root)
        self.workers = self.make_workers()
        self.files = LocalFileSystem(self.root, workers=self.workers)

    def make_workers(self) -> Any:
        return inline_workers()
