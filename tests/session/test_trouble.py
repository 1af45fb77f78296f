"""
What the operator is told when the machine is at fault, and not the request.
"""

from errno import ENOENT, ENOSPC
from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp import requests
from conchsftp.testing import MemorySession
from tests.session.versions import in_versions


class FullFileSystem(MemoryFileSystem):
    """A disk that is full."""

    def make_directory(self, path: str, attributes: Any) -> None:
        raise OSError(ENOSPC if path == "/full" else ENOENT, "No space left on device")


@in_versions()
class TroubleTests(SynchronousTestCase):
    """A full disk, once a session."""

    version = 3

    def test_said_once(self) -> None:
        """The log says which user met what, once, and nothing of what is the client's own mistake."""
        said: list[str] = []

        def observe(event: Any) -> None:
            if event["log_level"].name == "warn":
                said.append(event["log_format"].format(**event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        session = MemorySession(
            SFTPAvatar("alice", files=FullFileSystem()), version=self.version, protocol_version=self.version
        )
        for path in (b"/full", b"/other", b"/full"):
            try:
                session.request(requests.MkDir(path=path, attributes=requests.Attributes()))
            except SFTPError:
                pass
        self.assertEqual(said, ["[1 user@198.51.100.7] DirCreate '/full': No space left on device"])
