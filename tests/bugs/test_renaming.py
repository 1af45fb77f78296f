"""
Renaming and linking: what replaces what, and which of two names is which.
"""

import os
import shutil
import tempfile
from errno import EPERM, EXDEV
from typing import Any

from twisted.trial.unittest import SkipTest

from conchsftp.files.disk.walk import fail
from conchsftp.files.local import LocalFileSystem
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.clients import CLIENTS, DEFAULT, Order, find_client
from conchsftp.sftp.codec import Codec
from conchsftp.sftp.statuses import Status
from conchsftp.testing import memory_server
from tests.bugs.classes import bug_class
from tests.bugs.support import OPENSSH, LocalWireCase, WireCase
from tests.files.support import inline_workers
from tests.session.support import (
    NAME,
    READLINK,
    REMOVE,
    RENAME,
    STAT,
    STATUS,
    SYMLINK,
    extension,
    request,
    string,
    string_at,
    u32,
    writing,
)
from tests.session.versions import in_versions

WRITE, CREAT, TRUNC = 2, 8, 0x10
OLD, NEW = b"the old one", b"the new one"
PLAIN, POSIX = "RENAME", "posix-rename"

TARGET_FIRST = (
    OPENSSH,  # sftp, and sshfs and lftp, which run ssh
    b"SSH-2.0-paramiko_3.4.0",
    b"SSH-2.0-JSCH-0.1.54",
    b"SSH-2.0-JSCH_2.27.0",
    b"SSH-2.0-APACHE-SSHD-2.12.0",
    b"SSH-2.0-Go",
    b"SSH-2.0-Renci.SshNet.SshClient.0.0.1",
    b"SSH-2.0-libssh2_1.11.0",
    b"SSH-2.0-PuTTY_Release_0.78",
    b"SSH-2.0-phpseclib_0.3",
    b"SSH-2.0-SomethingNew_1.0",
)
LINK_FIRST = (
    b"SSH-2.0-WinSCP_release_6.3.5",
    b"SSH-2.0-libssh_0.10.6",
    b"SSH-2.0-libssh-0.5.2",
    b"SSH-2.0-AsyncSSH_2.24.1",
    b"SSH-2.0-SSHJ_0.38.0",
    b"SSH-2.0-Ruby/Net::SSH_7.2.0 x86_64-linux",
    b"SSH-2.0-ssh2js1.17.0",
    b"SSH-2.0-phpseclib_3.0 (gmp)",
)


class RenamingCase:
    """Both requests that rename."""

    def rename(self, way: str, path: bytes, new_path: bytes) -> bytes:
        """Rename, and return the reply."""
        names = string(path), string(new_path)
        if way == PLAIN:
            return self.one(request(RENAME, 1, *names))
        return self.one(extension(b"posix-rename@openssh.com", 1, *names))


@bug_class(7)
class AboutRenaming(RenamingCase):
    """RENAME without flags replaces nothing; posix-rename replaces, and nobody sees it happen."""

    def test_existing_target(self) -> None:
        """RENAME to a name that exists is refused, and both files stay as they are."""
        self.put("/a", NEW)
        self.put("/b", OLD)
        reply = self.rename(PLAIN, b"/a", b"/b")
        self.assert_status(reply, Status.FILE_ALREADY_EXISTS)
        self.assertIn("exist", self.text(reply))
        self.assertEqual((self.get("/a"), self.get("/b")), (NEW, OLD))

    def test_existing_target_of_any_kind(self) -> None:
        """A link that leads nowhere and a folder are in the way as well."""
        self.put("/a", NEW)
        self.files.make_symlink("/link", "nowhere")
        self.files.make_directory("/folder", Attributes())
        for target in (b"/link", b"/folder", b"/a"):
            self.assert_status(self.rename(PLAIN, b"/a", target), Status.FILE_ALREADY_EXISTS)
        self.assertEqual(self.names("/"), ["a", "folder", "link"])
        self.assertEqual(self.files.read_link("/link"), "nowhere")

    def test_replacing(self) -> None:
        """posix-rename puts the one in the other's place; who has the other open keeps it."""
        self.put("/a", NEW)
        self.put("/b", OLD)
        handle = self.open(b"/b", 1)
        self.assert_status(self.rename(POSIX, b"/a", b"/b"), Status.OK)
        self.assertEqual((self.names("/"), self.get("/b")), (["b"], NEW))
        self.assertEqual(self.one(request(5, 2, string(handle), bytes(8), u32(100)))[9:], OLD)

    def test_replacing_a_link(self) -> None:
        """A link is replaced itself, and what it leads to is left alone."""
        self.put("/a", NEW)
        self.put("/target", OLD)
        self.files.make_symlink("/link", "target")
        self.assert_status(self.rename(POSIX, b"/a", b"/link"), Status.OK)
        self.assertEqual((self.get("/link"), self.get("/target")), (NEW, OLD))
        self.assertEqual(self.names("/"), ["link", "target"])

    def test_advertised(self) -> None:
        """posix-rename is advertised in its version 1: without it rclone deletes the target before it renames."""
        self.assertEqual(self.session.memory.extensions[b"posix-rename@openssh.com"], b"1")

    def test_free_target(self) -> None:
        """Where nothing is in the way both rename files, folders with all that is in them, and links."""
        for way in (PLAIN, POSIX):
            self.files.make_directory("/d", Attributes())
            self.put("/d/f", NEW)
            self.files.make_symlink("/d/l", "f")
            for path, new_path in (
                (b"/d/f", b"/f"),
                (b"/d/l", b"/l"),
                (b"/f", b"/d/f"),
                (b"/l", b"/d/l"),
                (b"/d", b"/e"),
            ):
                self.assert_status(self.rename(way, path, new_path), Status.OK)
            self.assertEqual((self.names("/"), self.get("/e/l")), (["e"], NEW))
            self.rename(way, b"/e", b"/d")
            for name in ("/d/f", "/d/l"):
                self.files.remove(name)
            self.files.remove_directory("/d")

    def test_missing(self) -> None:
        """What does not exist cannot be renamed, nor can anything be put where there is no folder."""
        self.put("/a", NEW)
        for way in (PLAIN, POSIX):
            self.assert_status(self.rename(way, b"/none", b"/b"), Status.NO_SUCH_FILE)
            self.assert_status(self.rename(way, b"/a", b"/none/b"), Status.NO_SUCH_PATH)

    def test_resumable_upload(self) -> None:
        """WinSCP uploads to .filepart, removes what has the name, and renames."""
        self.put("/up", OLD)
        handle = self.open(b"/up.filepart", WRITE | CREAT | TRUNC)
        self.assert_status(self.one(writing(handle, 0, NEW)), Status.OK)
        self.close(handle)
        self.assert_status(self.rename(PLAIN, b"/up.filepart", b"/up"), Status.FILE_ALREADY_EXISTS)
        self.assert_status(self.one(request(REMOVE, 2, string(b"/up"))), Status.OK)
        self.assert_status(self.rename(PLAIN, b"/up.filepart", b"/up"), Status.OK)
        self.assertEqual((self.names("/"), self.get("/up")), (["up"], NEW))

    def test_open_file(self) -> None:
        """A file that is renamed while it is written goes on being written, under its new name."""
        handle = self.open(b"/part", WRITE | CREAT)
        for way, path, new_path in ((PLAIN, b"/part", b"/a"), (POSIX, b"/a", b"/b")):
            self.assert_status(self.rename(way, path, new_path), Status.OK)
        self.assert_status(self.one(writing(handle, 0, NEW)), Status.OK)
        self.assertEqual(self.get("/b"), NEW)


@bug_class(9)
class AboutSymlinks:
    """SYMLINK, whose names come in one order in the draft and in the other in OpenSSH."""

    def check(self, client: bytes, *names: bytes) -> None:
        """Make a link with the names in the order in which the client sends them, and look where it leads."""
        self.session = self.begin(client=client)
        self.assert_status(self.one(request(SYMLINK, 1, *map(string, names))), Status.OK)
        self.assertEqual(self.files.read_link("/d/link"), "../target", client)
        reply = self.one(request(READLINK, 2, string(b"/d/link")))
        self.assertEqual((reply[0], string_at(reply, 9)), (NAME, b"../target"))
        self.assertNotEqual(self.one(request(STAT, 3, string(b"/d/link")))[0], STATUS)
        self.files.remove("/d/link")
        self.session.memory.close()

    def test_order(self) -> None:
        """Each client gets the link that it means; one that nobody knows does as OpenSSH."""
        self.files.make_directory("/d", Attributes())
        self.put("/target", b"")
        for client in TARGET_FIRST:
            self.check(client, b"../target", b"/d/link")
        for client in LINK_FIRST:
            # LINK of version 6 has one order for all.
            names = (b"/d/link", b"../target") if self.version < 6 else (b"../target", b"/d/link")
            self.check(client, *names)

    def test_targets_are_kept(self) -> None:
        """A target is stored and shown as it was sent: relative, absolute, missing, with dots and slashes to spare."""
        for number, target in enumerate((b"a", b"./a", b"../x/../a//b", b"/abs/../olute", b"/", b"a ", b"\xff\xfe")):
            link = b"/%d" % number
            self.assert_status(self.one(request(SYMLINK, 1, string(target), string(link))), Status.OK)
            self.assertEqual(string_at(self.one(request(READLINK, 2, string(link))), 9), target)


class AllTests(AboutRenaming, AboutSymlinks):
    """All of it."""


@in_versions()
class MemoryTests(AllTests, WireCase):
    """In memory."""


@in_versions()
class LocalTests(AllTests, LocalWireCase):
    """On a disk."""


@in_versions()
@bug_class(7)
class NoHardLinksTests(AboutRenaming, LocalWireCase):
    """On a disk whose file system has neither renameat2 nor hard links, such as FAT over FUSE."""

    def make_files(self) -> Any:
        super().make_files()
        self.patch(os, "link", self.refuse)
        files = LocalFileSystem(self.root, workers=inline_workers(), umask=0o022)
        files._beneath._rename_exclusively = None
        return files

    def make_server(self, **settings: Any) -> Any:
        settings = {"protocol_version": self.version, **settings}
        return memory_server(SFTPAvatar("user", files=self.files), **settings)

    def refuse(self, *args: Any, **kwargs: Any) -> None:
        """Say what link(2) says there."""
        raise fail(EPERM)


@in_versions()
@bug_class(9)
class OrderTests(WireCase):
    """The table of clients, and the version that needs none."""

    def test_every_row(self) -> None:
        """Every client of the table that puts the link first is among those above, and no other."""
        rows = {client for client in CLIENTS if client.symlinks is Order.LINK_FIRST}
        self.assertEqual({find_client(version) for version in LINK_FIRST}, rows)
        self.assertIs(DEFAULT.symlinks, Order.TARGET_FIRST)

    def test_link(self) -> None:
        """LINK of version 6 names the link first and says which it is, whoever sends it."""
        body = request(21, 1, string(b"/link"), string(b"target"), b"\x01")
        for client in (*TARGET_FIRST, *LINK_FIRST):
            _, link = Codec(6, find_client(client)).decode([memoryview(body)[4:]])
            self.assertEqual((link.path, link.target, link.symbolic), (b"/link", b"target", True))


class TwoDevices(MemoryFileSystem):
    """A file system of which one folder is on another disk."""

    def rename(self, path: str, new_path: str, flags: int) -> None:
        if path.startswith("/other/") != new_path.startswith("/other/"):
            raise fail(EXDEV)
        super().rename(path, new_path, flags)


@in_versions()
@bug_class(8)
class CrossDeviceTests(RenamingCase, WireCase):
    """Renaming to another disk, where that is not to be a copy."""

    def make_files(self) -> Any:
        files = TwoDevices({"/a": NEW, "/other/b": OLD})
        return files

    def test_refused(self) -> None:
        """The status is FAILURE, of which sshfs makes the errno that `mv` copies upon, and the text says why."""
        for way in (PLAIN, POSIX):
            for path, new_path in ((b"/a", b"/other/a"), (b"/a", b"/other/b"), (b"/other/b", b"/b")):
                reply = self.rename(way, path, new_path)
                self.assert_status(reply, Status.FAILURE)
                self.assertIn("same file system", self.text(reply))
        self.assertEqual((self.get("/a"), self.get("/other/b"), self.names("/")), (NEW, OLD, ["a", "other"]))

    def test_text_is_its_own(self) -> None:
        """A user can tell it from a name that is taken."""
        self.put("/taken", OLD)
        texts = {self.text(self.rename(PLAIN, b"/a", path)) for path in (b"/other/a", b"/taken")}
        self.assertEqual(len(texts), 2)

    def test_same_device(self) -> None:
        """On one disk renaming goes on as ever."""
        for way, path, new_path in ((PLAIN, b"/a", b"/c"), (POSIX, b"/other/b", b"/other/c")):
            self.assert_status(self.rename(way, path, new_path), Status.OK)
        self.assertEqual((self.get("/c"), self.get("/other/c")), (NEW, OLD))


@in_versions()
@bug_class(8)
class RealDevicesTests(RenamingCase, LocalWireCase):
    """Renaming between a disk and one in memory that are below one root: that of the machine."""

    FAR = "/dev/shm"

    def setUp(self) -> None:
        self.near = os.path.abspath(self.mktemp())
        os.mkdir(self.near)
        if not os.path.isdir(self.FAR) or os.stat(self.FAR).st_dev == os.stat(self.near).st_dev:
            raise SkipTest(f"{self.FAR} is no other file system")
        self.far = tempfile.mkdtemp(dir=self.FAR)
        self.addCleanup(shutil.rmtree, self.far)
        super().setUp()
        self.put(f"{self.near}/a", NEW, 0o640)

    def make_files(self) -> Any:
        self.root = "/"
        return LocalFileSystem(self.root, workers=inline_workers())

    def move(self, way: str, **settings: Any) -> bytes:
        """Rename the file to the other device, and return the reply."""
        self.session = self.begin(server=self.make_server(**settings))
        return self.rename(way, f"{self.near}/a".encode(), f"{self.far}/b".encode())

    def test_refused(self) -> None:
        """Without being asked to the server does not copy, says so, and leaves both places as they were."""
        for way in (PLAIN, POSIX):
            reply = self.move(way)
            self.assert_status(reply, Status.FAILURE)
            self.assertIn("same file system", self.text(reply))
            self.assertEqual((self.get(f"{self.near}/a"), os.listdir(self.far)), (NEW, []))

    def test_copied(self) -> None:
        """If it is to copy, both requests move the file, with its mode, and replace what they replace elsewhere."""
        for way in (PLAIN, POSIX):
            self.put(f"{self.near}/a", NEW, 0o640)
            self.assert_status(self.move(way, cross_device_rename="copy"), Status.OK)
            self.assertEqual((os.listdir(self.near), os.listdir(self.far)), ([], ["b"]))
            self.assertEqual((self.get(f"{self.far}/b"), self.files.stat(f"{self.far}/b").permissions), (NEW, 0o640))
        self.put(f"{self.near}/a", OLD)
        self.assert_status(self.move(PLAIN, cross_device_rename="copy"), Status.FILE_ALREADY_EXISTS)
        self.assertEqual((self.get(f"{self.near}/a"), self.get(f"{self.far}/b")), (OLD, NEW))
