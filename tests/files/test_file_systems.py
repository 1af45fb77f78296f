"""
What every file system of ours does alike: the local one and the one in memory.
"""

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from conchsftp.files.local import LocalFileSystem
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.interfaces import IAccounts, IFileSystem, ILinks, ISpace
from tests.files import about_details, about_files, about_links, about_names
from tests.files.support import inline_workers


class AllTests(
    about_files.OpenTests,
    about_files.ReadAndWriteTests,
    about_files.CopyTests,
    about_names.NameTests,
    about_names.AttributeTests,
    about_links.LinkTests,
    about_links.ListTests,
    about_links.RealPathTests,
    about_details.DetailTests,
):
    """Everything; a listing of the interfaces as well."""

    def test_interfaces(self) -> None:
        """The methods are those of the interface, with its arguments."""
        verifyObject(IFileSystem, self.files)
        verifyObject(ILinks, self.files)


class MemoryTests(AllTests, SynchronousTestCase):
    """The file system in memory."""

    def setUp(self) -> None:
        self.files = MemoryFileSystem(umask=0o022)


class LocalTests(AllTests, SynchronousTestCase):
    """The local file system, on a real folder."""

    def setUp(self) -> None:
        self.place = self.mktemp()
        os.mkdir(self.place)
        self.workers = inline_workers()
        self.files = LocalFileSystem(self.place, workers=self.workers, umask=0o022)

    def copy(self, *args: Any) -> Any:
        result = super().copy(*args)
        self.workers.pool.work()
        failures: list[Any] = []
        result.addErrback(failures.append)
        for failure in failures:
            failure.raiseException()
        return self.successResultOf(result)

    def check_text(self, text: str) -> None:
        """An error names no place on the disk."""
        assert os.path.basename(self.place) not in text, text
        assert os.sep + "_trial" not in text, text

    def test_more_interfaces(self) -> None:
        """The local file system knows how full it is, and names of accounts."""
        verifyObject(ISpace, self.files)
        verifyObject(IAccounts, self.files)


class WalkedTests(LocalTests):
    """The same where the kernel does not offer openat2 and renameat2."""

    def setUp(self) -> None:
        super().setUp()
        self.files._beneath._open_beneath = None
        self.files._beneath._rename_exclusively = None


del AllTests
