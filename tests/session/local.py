"""
Sessions over a folder of the disk, in which what takes long waits until a test lets it go on.
"""

import os

from conchsftp.files.local import LocalFileSystem
from tests.files.support import inline_workers, write
from tests.session.support import SessionCase

CONTENT = bytes(range(256)) * 5


class LocalCase(SessionCase):
    """
    A folder, and a session that sees it.

    Attributes:
        root: the place of the folder.
        pool: the threads that its work waits for.
    """

    umask = 0o027

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        self.put("a", CONTENT)
        workers = inline_workers()
        self.pool = workers.pool  # type: ignore[attr-defined]
        self.begin(LocalFileSystem(self.root, workers=workers, umask=self.umask))

    def put(self, name: str, data: bytes) -> None:
        """Put a file there behind the server's back."""
        write(f"{self.root}/home/{name}", data)

    def one(self, *packets: bytes) -> bytes:
        """Send one request, let its work go on, and return its one reply."""
        replies = self.session.ask(*packets)
        self.pool.work()
        (reply,) = replies + self.session.replies()
        return reply
