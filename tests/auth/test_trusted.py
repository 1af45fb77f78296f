"""
Who could have written a file.
"""

import os
import shutil
import tempfile

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.sources.trusted import Untrusted, check_trusted


class TrustedTests(SynchronousTestCase):
    def setUp(self) -> None:
        # Not in trial's folder: whose that is, and who may write to it, is up to whoever runs the tests.
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        os.makedirs(f"{self.folder}/a/b", mode=0o755)
        os.chmod(f"{self.folder}/a", 0o755)
        os.chmod(f"{self.folder}/a/b", 0o755)
        self.path = f"{self.folder}/a/b/file"
        with open(self.path, "w") as file:
            file.write("x")
        os.chmod(self.path, 0o644)

    def check(self, path: str = "") -> None:
        check_trusted(path or self.path, lambda owner: owner in (0, os.geteuid()))

    def refusal(self, path: str = "") -> str:
        return str(self.assertRaises(Untrusted, self.check, path))

    def test_good(self) -> None:
        """What only its owner can write to is good, also in /tmp, where everybody may only change what is theirs."""
        self.check()
        self.check(f"{self.folder}/./a/../a/b//file")

    def test_file(self) -> None:
        """A file to which a group or everybody can write is not; the text names it."""
        for mode in (0o664, 0o646, 0o622):
            os.chmod(self.path, mode)
            self.assertIn(f"{self.path} can be written by others", self.refusal())

    def test_directory(self) -> None:
        """Nor is one in a directory, however far up, in which others could put another in its place."""
        for directory in (f"{self.folder}/a/b", f"{self.folder}/a"):
            os.chmod(directory, 0o775)
            self.assertIn(f"{directory} can be written by others", self.refusal())
            os.chmod(directory, 0o755)
        os.chmod(f"{self.folder}/a", 0o1777)
        self.check()

    def test_sticky_file(self) -> None:
        """A sticky bit helps a directory only."""
        os.chmod(self.path, 0o1666)
        self.refusal()

    def test_owner(self) -> None:
        """All that leads to it belongs to somebody who is trusted."""
        text = str(self.assertRaises(Untrusted, check_trusted, self.path, lambda owner: False))
        self.assertIn("/ belongs to another user (0)", text)

    def test_links(self) -> None:
        """A link is followed, and what it leads through is looked at, as well as where it stands."""
        os.symlink("a/b", f"{self.folder}/relative")
        os.symlink(f"{self.folder}/relative/../b/file", f"{self.folder}/absolute")
        self.check(f"{self.folder}/absolute")
        os.chmod(f"{self.folder}/a", 0o777)
        self.assertIn(f"{self.folder}/a can", self.refusal(f"{self.folder}/absolute"))

    def test_link_in_open_directory(self) -> None:
        """A link that others could have made is not followed to a file that is good."""
        os.mkdir(f"{self.folder}/open")
        os.chmod(f"{self.folder}/open", 0o777)
        os.symlink(self.path, f"{self.folder}/open/link")
        self.assertIn(f"{self.folder}/open can", self.refusal(f"{self.folder}/open/link"))

    def test_owner_of_link(self) -> None:
        """In a directory like /tmp it counts whose the link is."""
        if os.geteuid() != 0:
            self.skipTest("only root gives files away")
        link = f"{self.folder}/link"
        os.symlink(self.path, link)
        os.lchown(link, 12345, 12345)
        self.assertIn(f"{link} belongs to another user (12345)", self.refusal(link))

    def test_endless(self) -> None:
        """Links in a circle are an error, as they are for the kernel; so is what is not there."""
        os.symlink("loop", f"{self.folder}/loop")
        self.assertRaises(OSError, self.check, f"{self.folder}/loop")
        self.assertRaises(FileNotFoundError, self.check, f"{self.folder}/none")
