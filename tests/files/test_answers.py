"""
The table of answers in docs/semantics.md: each is what a client gets.
"""

import os
import re
from collections.abc import Callable
from errno import EACCES, EDQUOT, ENOSPC, EROFS, EXDEV
from functools import partial
from pathlib import Path
from typing import Any

from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition, OpenFlag
from conchsftp.sftp.statuses import Status
from conchsftp.testing import MemorySession
from tests.files.support import write
from tests.files.test_semantics import SemanticsCase as _SemanticsCase
from tests.session.versions import in_versions

PAGE = Path(__file__).parents[2] / "docs" / "semantics.md"
WRITING = Access.WRITE_DATA
# The page has the statuses of version 3; these are the ones of version 6.
NEWER = {
    "File already exists": Status.FILE_ALREADY_EXISTS,
    "Directory not empty": Status.DIR_NOT_EMPTY,
    "Is a directory": Status.FILE_IS_A_DIRECTORY,
    "Name too long": Status.INVALID_FILENAME,
    "Read-only file system": Status.WRITE_PROTECT,
    "No space left on the disk": Status.NO_SPACE_ON_FILESYSTEM,
    "Disk quota exceeded": Status.QUOTA_EXCEEDED,
}


def answers() -> dict[str, int]:
    """Return the rows of the table: text and status."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## Answers\n")[2]
    rows = re.findall(r"^\| ([^|]+) \| (\d+) \|", section, re.MULTILINE)
    return {text: int(status) for text, status in rows}


@in_versions()
class AnswersTests(_SemanticsCase):
    """Each row of the table."""

    def setUp(self) -> None:
        super().setUp()
        os.makedirs(f"{self.root}/d/e")
        write(f"{self.root}/f", b"0123456789")
        os.mkfifo(f"{self.root}/p")
        os.symlink("d", f"{self.root}/l")

    def failing(self, module: Any, name: str, number: int) -> None:
        """Have a call of the system fail."""

        def call(*args: Any, **options: Any) -> None:
            raise OSError(number, os.strerror(number), self.root)

        self.patch(module, name, call)

    def asked(self, request: Any, session: MemorySession | None = None) -> tuple[str, int]:
        """Ask, and return text and status of the refusal."""
        reply: Any = (session or self.session).request(request)
        return reply.message, int(reply.status)

    def open_request(self, path: bytes, flags: int = Disposition.OPEN_OR_CREATE, access: int = WRITING) -> Any:
        return requests.Open(path=path, access=Access(access), flags=OpenFlag(flags), attributes=Attributes())

    def failing_write(self, number: int) -> tuple[str, int]:
        """Write to a file while the system fails."""
        handle = self.opened(b"f")
        self.failing(os, "pwritev", number)
        return self.asked(requests.Write(handle=handle, offset=0, data=[b"x"]))

    def refused_rename(self) -> tuple[str, int]:
        self.failing(os, "rename", EXDEV)
        return self.asked(extended.PosixRename(path=b"f", new_path=b"d/f"))

    def refused_directory(self, number: int) -> tuple[str, int]:
        self.failing(os, "mkdir", number)
        return self.asked(requests.MkDir(path=b"n", attributes=Attributes()))

    def causes(self) -> dict[str, Callable[[], tuple[str, int]]]:
        """Return what leads to each; last what has the system fail from then on."""
        asked, reader = self.asked, partial(SFTPAvatar, read_only=True)
        return {
            "No such file": lambda: asked(requests.LStat(path=b"nothing/there")),
            "The server is read-only": lambda: asked(requests.Remove(path=b"f"), self.begin(read_only=True)),
            "This account is read-only": lambda: asked(requests.Remove(path=b"f"), self.begin(avatar_class=reader)),
            "Symbolic links are not followed here": lambda: asked(
                requests.OpenDir(path=b"l"), self.begin(symlink_policy="deny")
            ),
            "File already exists": lambda: asked(requests.Rename(path=b"f", new_path=b"d")),
            "Directory not empty": lambda: asked(requests.RmDir(path=b"d")),
            "Is a directory": lambda: asked(self.open_request(b"d")),
            "File too large": lambda: asked(requests.Write(handle=self.opened(b"f"), offset=2**64 - 1, data=[b"x"])),
            "Name too long": lambda: asked(self.open_request(b"n" * 256)),
            "Not a regular file: devices, pipes and sockets are not opened": lambda: asked(self.open_request(b"p")),
            "Permission denied": lambda: self.refused_directory(EACCES),
            "Read-only file system": lambda: self.refused_directory(EROFS),
            "No space left on the disk": lambda: self.failing_write(ENOSPC),
            "Disk quota exceeded": lambda: self.failing_write(EDQUOT),
            "Not on the same file system": self.refused_rename,
        }

    def test_table(self) -> None:
        """Every row of the page is true, in newer versions as precise as they are, and every cause stands on it."""
        self.assertEqual(sorted(answers()), sorted(self.causes()))
        for text, cause in self.causes().items():
            status = self.lowered(NEWER[text]) if text in NEWER else answers()[text]
            self.assertEqual(cause(), (text, status))

    def test_more_causes(self) -> None:
        """The same text for other requests that fail for the same reason."""
        exists = requests.MkDir(path=b"d", attributes=Attributes()), self.open_request(b"f", Disposition.CREATE_NEW)
        for request in exists:
            self.assertEqual(self.asked(request)[0], "File already exists")
        for request in (requests.Remove(path=b"d"), extended.PosixRename(path=b"f", new_path=b"d")):
            self.assertEqual(self.asked(request)[0], "Is a directory")
