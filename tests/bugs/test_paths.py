"""
Paths: what REALPATH answers, and what MKDIR does.
"""

import os
from struct import unpack_from

from conchsftp.files.local import LocalFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.codec import Codec
from conchsftp.sftp.numbers import FileType
from conchsftp.sftp.replies import StatusReply
from conchsftp.sftp.statuses import Status
from conchsftp.testing import memory_server
from tests.bugs.classes import bug_class
from tests.bugs.support import LocalWireCase, WireCase
from tests.files.support import inline_workers
from tests.session.support import (
    HANDLE,
    LSTAT,
    MKDIR,
    NAME,
    REALPATH,
    STAT,
    opening,
    request,
    string,
    string_at,
    u32,
)
from tests.session.versions import in_versions

DIRECTORY_MODE = 0o040000
WRITING, CREATING = 2, 0x1A


def mode(permissions: int) -> bytes:
    """Lay out attributes of version 3 with a mode and nothing else."""
    return u32(4) + u32(permissions)


@bug_class(6)
class AboutRealPath:
    """REALPATH, with which nearly every client begins."""

    def real_path(self, path: bytes) -> bytes:
        """Ask for a path; the answer has one name, and nothing behind it but a line and attributes."""
        reply = self.one(request(REALPATH, 1, string(path)))
        self.assertEqual((reply[0], unpack_from(">I", reply, 5)), (NAME, (1,)), reply)
        name = string_at(reply, 9)
        line = string_at(reply, 13 + len(name))
        self.assertEqual(len(reply), 9 + 4 + len(name) + 4 + len(line) + 4)
        self.check_text(reply.decode("latin-1"))
        return name

    def test_here(self) -> None:
        """The directory that a session starts in has an absolute path, never `.`; JSch asks with an empty path."""
        for path in (b".", b"", b"./", b"./.", b"/", b"//", b"/."):
            self.assertEqual(self.real_path(path), b"/")

    def test_home(self) -> None:
        """If it starts elsewhere that is what relative paths are relative to."""
        self.put("/home-is-not-here", b"")
        self.files.make_directory("/home", Attributes())
        self.files.make_directory("/home/user", Attributes())
        avatar = SFTPAvatar("user", files=self.files, home="/home/user")
        self.session = self.begin(server=memory_server(avatar, protocol_version=self.version))
        for path, expected in ((b".", b"/home/user"), (b"", b"/home/user"), (b"..", b"/home"), (b"a/b", None)):
            self.assertEqual(self.real_path(path), expected or b"/home/user/a/b")

    def test_up(self) -> None:
        """Nothing leads above the root: `cd ..` there stays there."""
        self.files.make_directory("/d", Attributes())
        for path in (b"..", b"/..", b"/../..", b"../../..", b"/d/..", b"/d/../../..", b"d/../.."):
            self.assertEqual(self.real_path(path), b"/")
        self.assertEqual(self.real_path(b"/../../../etc/passwd"), b"/etc/passwd")

    def test_missing(self) -> None:
        """What does not exist yet has a path: scp and sftp ask for a folder before they make it."""
        self.files.make_directory("/d", Attributes())
        for path in (b"new", b"./new", b"/new", b"/d/../new"):
            self.assertEqual(self.real_path(path), b"/new")
        self.assertEqual(self.real_path(b"/d/new"), b"/d/new")

    def test_links(self) -> None:
        """Links are resolved as the client sees the tree, those with an absolute target as well."""
        self.files.make_directory("/d", Attributes())
        self.put("/d/file", b"")
        self.files.make_symlink("/relative", "d/file")
        self.files.make_symlink("/absolute", "/d")
        self.assertEqual(self.real_path(b"/relative"), b"/d/file")
        self.assertEqual(self.real_path(b"/absolute/file"), b"/d/file")

    def test_links_out(self) -> None:
        """A link that seems to lead out of the root leads to a place inside it, and names no other."""
        self.files.make_symlink("/up", "../../../etc")
        self.files.make_symlink("/around", "none/../etc")
        for path in (b"/up", b"/around"):
            self.assertEqual(self.real_path(path), b"/etc")
        self.files.make_directory("/etc", Attributes())
        self.put("/etc/passwd", b"ours")
        self.assertEqual(self.real_path(b"/up/passwd"), b"/etc/passwd")

    def test_answer_is_usable(self) -> None:
        """What is answered means the same when it is sent back."""
        self.put("/d ü", b"")
        for path in (b".", b"d \xc3\xbc"):
            answer = self.real_path(path)
            self.assertEqual(self.real_path(answer), answer)
            self.assertNotEqual(self.one(request(STAT, 1, string(answer)))[0], 101)

    def test_control(self) -> None:
        """In version 6 a byte may say what to check: WinSCP sends STAT_ALWAYS, lftp nothing at all."""
        codec = Codec(6)
        for rest, control in ((b"", 1), (b"\x01", 1), (b"\x02", 2), (b"\x03", 3)):
            _, asked = codec.decode([memoryview(request(REALPATH, 1, string(b"."), rest))[4:]])
            self.assertEqual((asked.path, asked.control, asked.compose), (b".", control, ()))


@bug_class(13)
class AboutMkDir:
    """MKDIR, which clients send for what exists as well."""

    def make(self, path: bytes, attributes: bytes = u32(0)) -> bytes:
        """Send MKDIR and return the reply."""
        return self.one(request(MKDIR, 1, string(path), attributes))

    def is_directory(self, path: bytes) -> bool:
        """Look as OpenSSH and rclone do after a MKDIR that was refused."""
        reply = self.one(request(LSTAT, 2, string(path)))
        (permissions,) = unpack_from(">I", reply, 5 + 4 + 8 + 8)
        return permissions & 0o170000 == DIRECTORY_MODE

    def test_existing(self) -> None:
        """Of what exists, directory or not, version 3 has FAILURE and nothing else: curl and sftp go on after that."""
        self.files.make_directory("/d", Attributes(permissions=0o750))
        self.put("/d/file", b"kept")
        for path in (b"/d", b"/d/", b"/", b"/d/file"):
            self.assert_status(self.make(path, mode(0o700)), Status.FILE_ALREADY_EXISTS)
        self.assertTrue(self.is_directory(b"/d"))
        self.assertEqual(self.files.stat("/d").permissions, 0o750)
        self.assertEqual(self.get("/d/file"), b"kept")

    def test_missing_parent(self) -> None:
        """Below what does not exist there is NO_SUCH_PATH, and nothing is made."""
        self.assert_status(self.make(b"/a/b/c"), Status.NO_SUCH_PATH)
        self.assert_status(self.one(request(LSTAT, 2, string(b"/a"))), Status.NO_SUCH_FILE)
        self.put("/file", b"")
        self.assert_status(self.make(b"/file/below"), Status.NOT_A_DIRECTORY)

    def test_create_dirs(self) -> None:
        """curl opens the file, makes each folder above it whether it is there or not, and opens again."""
        self.files.make_directory("/a", Attributes())
        path = b"/a/b/c/file"
        self.assert_status(self.one(opening(path, 0, CREATING)), Status.NO_SUCH_PATH)
        replies = [self.make(each, mode(0o40750)) for each in (b"/a", b"/a/b", b"/a/b/c")]
        self.assert_statuses(replies, Status.FILE_ALREADY_EXISTS, Status.OK, Status.OK)
        self.assertEqual(self.one(opening(path, 0, CREATING))[0], HANDLE)
        self.assertEqual(self.files.stat("/a/b").permissions, 0o750)

    def test_recursive_upload(self) -> None:
        """`put -r` finds the folder there the second time, and uploads into it all the same."""
        for expected in (Status.OK, Status.FILE_ALREADY_EXISTS):
            self.assert_status(self.make(b"/tree", mode(0o40700)), expected)
            self.assertTrue(self.is_directory(b"/tree"))
            self.close(self.open(b"/tree/file", CREATING))

    def test_type_comes_from_the_request(self) -> None:
        """Whatever type a client writes into the mode, a directory is made, with these permissions."""
        for number, sent in enumerate((0o751, 0o40751, 0o100751)):
            path = f"/{number}"
            self.assert_status(self.make(path.encode(), mode(sent)), Status.OK)
            found = self.files.stat(path)
            self.assertEqual((found.type, found.permissions), (FileType.DIRECTORY, 0o751))


class AllTests(AboutRealPath, AboutMkDir):
    """All of it."""


@in_versions()
class MemoryTests(AllTests, WireCase):
    """In memory."""

    @bug_class(13)
    def test_newer_versions(self) -> None:
        """From version 4 on what exists has a status of its own."""
        raised = Status.FILE_ALREADY_EXISTS
        for version, code in ((3, 4), (4, 11), (5, 11), (6, 11)):
            packet = Codec(version).encode(1, StatusReply(status=raised))
            self.assertEqual(unpack_from(">I", packet, 9), (code,))


@in_versions()
class LocalTests(AllTests, LocalWireCase):
    """On a disk."""

    def check_text(self, text: str) -> None:
        assert os.path.basename(self.root) not in text, text
        assert "_trial" not in text, text

    @bug_class(6)
    def test_root_behind_a_link(self) -> None:
        """If the folder is reached through a link itself, neither its name nor its place shows."""
        os.symlink(self.root, self.root + ".link")
        files = LocalFileSystem(self.root + ".link", workers=inline_workers())
        self.session = self.begin(server=memory_server(SFTPAvatar("user", files=files), protocol_version=self.version))
        self.files.make_directory("/d", Attributes())
        self.assertEqual(self.real_path(b"."), b"/")
        self.assertEqual(self.real_path(b"d/.."), b"/")
        self.assertEqual(self.real_path(b"d"), b"/d")
