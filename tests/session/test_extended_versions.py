"""
The extended requests of the drafts in every version of the protocol: the same layout, with the version's statuses.
"""

import hashlib

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.extended import CheckFileName, CopyData, CopyFile, HomeDirectory, MakeTempFolder, MD5Hash
from conchsftp.sftp.numbers import VERSIONS, Access, Disposition, OpenFlag
from conchsftp.sftp.replies import ExtendedReply
from conchsftp.sftp.requests import Open
from conchsftp.sftp.statuses import Status
from conchsftp.testing import MemorySession
from tests.session.support import string

CONTENT = b"content" * 100
# What these are before the version that has a word for them.
LOWER = {
    Status.FILE_ALREADY_EXISTS: (Status.FAILURE, 4),
    Status.FILE_IS_A_DIRECTORY: (Status.FAILURE, 6),
}


class VersionTests(SynchronousTestCase):
    """One session in each version."""

    def setUp(self) -> None:
        self.files = MemoryFileSystem({"/a": CONTENT})
        self.files.make_directory("/d", Attributes())

    def begin(self, version: int) -> MemorySession:
        avatar = SFTPAvatar("user", files=self.files)
        session = MemorySession(avatar, version=version, protocol_version=6, temp_folder="/d")
        self.assertEqual(session.version, version)
        return session

    def test_hashes(self) -> None:
        """Hashes are answered alike, and advertised."""
        for version in VERSIONS:
            session = self.begin(version)
            self.assertEqual(session.extensions[b"check-file"], b"md5,sha1,sha224,sha256,sha384,sha512")
            check = CheckFileName(path=b"/a", algorithms=[b"sha256"], offset=0, length=0, block_size=0)
            expected = string(b"sha256") + hashlib.sha256(CONTENT).digest()
            self.assertEqual(session.request(check), ExtendedReply(payload=expected))
            md5 = MD5Hash(path=b"/a", offset=0, length=0, quick_hash=b"")
            expected = string(b"md5-hash") + string(hashlib.md5(CONTENT).digest())
            self.assertEqual(session.request(md5), ExtendedReply(payload=expected))
            check.offset = 10_000
            status = {3: Status.BAD_MESSAGE, 6: Status.INVALID_PARAMETER}.get(version, Status.FAILURE)
            self.assertEqual(session.request(check).status, status)

    def test_copies(self) -> None:
        """Copies are made in every version; what is in their way has the status of the version."""
        for version in VERSIONS:
            session = self.begin(version)
            copy = CopyFile(path=b"/a", new_path=b"/copy%d" % version, overwrite=False)
            self.assertEqual(session.request(copy).status, Status.OK)
            self.assertEqual(self.files.get(f"/copy{version}"), CONTENT)
            for path, expected in ((b"/a", Status.FILE_ALREADY_EXISTS), (b"/d", Status.FILE_IS_A_DIRECTORY)):
                copy.path = path
                lower, since = LOWER[expected]
                self.assertEqual(session.request(copy).status, expected if version >= since else lower)

    def test_copy_data(self) -> None:
        """Between open files, too; ranges of one file may not overlap."""
        for version in VERSIONS:
            session = self.begin(version)
            handles = []
            for path, how in ((b"/a", Disposition.OPEN_EXISTING), (b"/b%d" % version, Disposition.CREATE_NEW)):
                access = Access.READ_DATA | Access.WRITE_DATA
                opening = Open(path=path, access=access, flags=OpenFlag(how), attributes=Attributes())
                handles.append(session.request(opening).handle)
            copy = CopyData(handle=handles[0], offset=7, length=0, target_handle=handles[1], target_offset=0)
            self.assertEqual(session.request(copy).status, Status.OK)
            self.assertEqual(self.files.get(f"/b{version}"), CONTENT[7:])
            copy.target_handle = handles[0]
            self.assertNotEqual(session.request(copy).status, Status.OK)
            copy.length = 10_000
            copy.target_handle = handles[1]
            self.assertEqual(session.request(copy).status, Status.EOF)

    def test_names(self) -> None:
        """What is answered with a name has the NAME of the version."""
        for version in VERSIONS:
            session = self.begin(version)
            self.assertEqual([entry.name for entry in session.request(HomeDirectory(user=b"")).entries], [b"/"])
            (entry,) = session.request(MakeTempFolder()).entries
            self.assertEqual(self.files.stat(entry.name.decode()).permissions, 0o700)

    def test_version_packet(self) -> None:
        """All that is advertised stays far below what the smallest clients take."""
        for version in VERSIONS:
            pairs = self.begin(version).extensions
            self.assertLess(sum(8 + len(name) + len(data) for name, data in pairs.items()), 2048)
