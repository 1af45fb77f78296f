"""
Help for the tests of what every file system of ours does alike.
"""

from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition, OpenFlag
from conchsftp.sftp.statuses import Status, status_of_errno

READ = Access.READ_DATA
WRITE = Access.WRITE_DATA
BOTH = READ | WRITE
NEW, TRUNCATE, OLD, ANY, EMPTY = (OpenFlag(number) for number in Disposition)
NONE = Attributes()
APPEND = OpenFlag.APPEND_DATA

MISSING = Status.NO_SUCH_FILE
EXISTS = Status.FILE_ALREADY_EXISTS
FOLDER = Status.FILE_IS_A_DIRECTORY
NO_FOLDER = Status.NOT_A_DIRECTORY


class FileSystemCase:
    """Help for both."""

    files: Any

    def put(self, path: str, data: bytes = b"", mode: int | None = None) -> None:
        file = self.files.open(path, WRITE, TRUNCATE, Attributes(permissions=mode))
        file.write(0, data)
        file.close()

    def get(self, path: str) -> bytes:
        file = self.files.open(path, READ, OLD, NONE)
        try:
            data: bytes = file.read(0, 1 << 20)
            return data
        finally:
            file.close()

    def refused(self, status: Status, function: Any, *args: Any) -> None:
        """The call fails, and means this status."""
        try:
            result = function(*args)
        except SFTPError as problem:
            got = problem.status
        except OSError as problem:
            got = status_of_errno(problem.errno)
            self.check_text(str(problem))
        else:
            raise AssertionError(f"{result!r} instead of {status!r}")
        assert got == status, f"{got!r} instead of {status!r}"

    def check_text(self, text: str) -> None:
        """What is wrong with an error's text."""

    def names(self, path: str) -> list[str]:
        """Names in a directory, but `.` and `..`."""
        directory = self.files.list(path)
        names = []
        while found := directory.read(3):
            names += [name for name, _ in found]
        assert names[:2] == [".", ".."]
        directory.close()
        return sorted(names[2:])
