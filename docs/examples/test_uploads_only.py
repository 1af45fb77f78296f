"""What the letter box promises, asked of it in memory."""

from twisted.trial.unittest import SynchronousTestCase
from uploads_only import Sender

from conchsftp import SFTPError, Status
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.sftp import requests
from conchsftp.testing import MemorySession


class SenderTests(SynchronousTestCase):
    """Files go in, and do not come out."""

    def setUp(self):
        self.files = MemoryFileSystem({"/secret.txt": b"nobody's business"})
        self.session = MemorySession(Sender("alice", files=self.files))

    def test_upload(self):
        """A file can be put in."""
        self.session.put("/letter.txt", b"dear all")
        self.assertEqual(self.files.get("/letter.txt"), b"dear all")

    def test_download(self):
        """None can be taken out."""
        problem = self.assertRaises(SFTPError, self.session.get, "/secret.txt")
        self.assertEqual(problem.status, Status.PERMISSION_DENIED)

    def test_listing(self):
        """Nobody learns what is there."""
        problem = self.assertRaises(SFTPError, self.session.listing, "/")
        self.assertEqual(problem.status, Status.PERMISSION_DENIED)

    def test_removal(self):
        """What is there stays there."""
        reply = self.session.request(requests.Remove(path=b"/secret.txt"))
        self.assertEqual(reply.status, Status.PERMISSION_DENIED)
        self.assertEqual(self.files.get("/secret.txt"), b"nobody's business")
