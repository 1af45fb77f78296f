"""
Settings of the files that a login sees: each has its effect from the command of a client on.
"""

import os
from errno import EXDEV
from typing import Any

from conchsftp.files import beneath
from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition, OpenFlag
from conchsftp.sftp.statuses import Status
from conchsftp.testing import MemorySession
from tests.session.versions import in_versions
from tests.session.versions_case import SpokenCase


@in_versions()
class FileSettingsTests(SpokenCase):
    """One row a setting."""

    def setUp(self) -> None:
        self.root = self.mktemp()
        os.makedirs(f"{self.root}/one")
        os.mkdir(f"{self.root}/two")
        self.addCleanup(os.umask, os.umask(0o022))

    def begin(self, **settings: Any) -> MemorySession:
        """Log in to a server with these settings."""
        return self.log_in(root_directory=self.root, file_threads="inline", **settings)

    def modes(self, attributes: Attributes, **settings: Any) -> tuple[int, int]:
        """Have a client make a file and a directory; return their modes."""
        session = self.begin(**settings)
        name = f"new{len(os.listdir(self.root))}"
        flags = OpenFlag(Disposition.CREATE_NEW)
        session.request(requests.Open(path=name.encode(), access=Access.WRITE_DATA, flags=flags, attributes=attributes))
        session.request(requests.MkDir(path=f"{name}d".encode(), attributes=attributes))
        return tuple(os.stat(f"{self.root}/{each}").st_mode & 0o7777 for each in (name, f"{name}d"))  # type: ignore

    def test_modes(self) -> None:
        """FileMode, DirectoryMode and Umask where the client asks for nothing; ForceModes where it does."""
        nothing, private = Attributes(), Attributes(permissions=0o600)
        self.assertEqual(self.modes(nothing), (0o644, 0o755))
        self.assertEqual(self.modes(nothing, file_mode="0660", directory_mode="0770"), (0o640, 0o750))
        self.assertEqual(self.modes(nothing, file_mode="660", umask="007"), (0o660, 0o770))
        self.assertEqual(self.modes(private, file_mode="0660", directory_mode="0770"), (0o600, 0o600))
        forced = {"file_mode": "0664", "directory_mode": "2775", "force_modes": True}
        self.assertEqual(self.modes(private, umask="077", **forced), (0o664, 0o2775))

    def test_symlink_policy(self) -> None:
        """SymlinkPolicy decides whether a link is followed, and whether it can be made."""
        os.symlink("/etc", f"{self.root}/out")
        os.symlink("one", f"{self.root}/in")
        for policy, inside, outside, made in (
            ("inside", Status.OK, Status.NO_SUCH_FILE, Status.OK),
            ("deny", Status.PERMISSION_DENIED, Status.PERMISSION_DENIED, Status.PERMISSION_DENIED),
            ("follow", Status.OK, Status.OK, Status.PERMISSION_DENIED),
        ):
            session = self.begin(symlink_policy=policy)
            for path, status in ((b"in", inside), (b"out", outside)):
                reply = session.request(requests.Stat(path=path))
                self.assertEqual(getattr(reply, "status", Status.OK), status, (policy, path))
            reply = session.request(self.symlink(policy, "one"))
            self.assertEqual(reply.status, made)  # type: ignore[union-attr]
            if made != Status.OK:
                self.assertEqual(reply.message, "Symbolic links cannot be made here")  # type: ignore[union-attr]

    def cross(self) -> None:
        """Have the two directories be on different file systems, as far as renaming is concerned."""

        def rename(directory: int, name: bytes, new_directory: int, new_name: bytes) -> None:
            if os.fstat(directory).st_ino != os.fstat(new_directory).st_ino:
                raise OSError(EXDEV, os.strerror(EXDEV))
            os.rename(name, new_name, src_dir_fd=directory, dst_dir_fd=new_directory)

        self.patch(beneath, "find_rename_exclusively", lambda: rename)

    def test_cross_device_rename(self) -> None:
        """CrossDeviceRename decides whether a rename to another file system copies."""
        self.cross()
        for policy, status in (("fail", Status.FAILURE), ("copy", Status.OK)):
            session = self.begin(cross_device_rename=policy)
            session.put("/one/a", b"abc")
            reply = session.request(requests.Rename(path=b"one/a", new_path=b"two/a", flags=0))
            self.assertEqual(reply.status, status)  # type: ignore[union-attr]
        self.assertEqual((os.listdir(f"{self.root}/one"), os.listdir(f"{self.root}/two")), ([], ["a"]))

    def test_lost_session(self) -> None:
        """A copy that is under way when the session is lost is given up, and nothing is left of it."""
        self.cross()
        session = self.begin(cross_device_rename="copy")
        session.put("/one/a", b"abc")
        session.clock.threads.hold = True
        answer = session.ask(requests.Rename(path=b"one/a", new_path=b"two/a", flags=0))
        session.clock.threads.finish()
        self.assertEqual(len(os.listdir(f"{self.root}/two")), 1)  # the copy, under another name
        session.cut()
        while session.clock.threads:
            session.clock.threads.finish()
        self.assertNoResult(answer)
        self.assertEqual((os.listdir(f"{self.root}/one"), os.listdir(f"{self.root}/two")), (["a"], []))

    def test_waiting(self) -> None:
        """While a copy is under way the same session waits, and no other one."""
        self.cross()
        session = self.begin(cross_device_rename="copy")
        other = self.log_in(server=session.server)
        session.put("/one/a", b"abc")
        session.clock.threads.hold = True
        moved = session.ask(requests.Rename(path=b"one/a", new_path=b"two/a", flags=0))
        looked = session.ask(requests.LStat(path=b"one/a"))
        self.assertNoResult(looked)
        self.assertEqual(getattr(other.request(requests.LStat(path=b"one/a")), "status", Status.OK), Status.OK)
        while session.clock.threads:
            session.clock.threads.finish()
        session.read()
        self.assertEqual(self.successResultOf(moved).status, Status.OK)  # type: ignore[union-attr]
        self.assertEqual(self.successResultOf(looked).status, Status.NO_SUCH_FILE)  # type: ignore[union-attr]
