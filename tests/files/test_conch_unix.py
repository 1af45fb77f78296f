"""
Conch's own backend for Unix users, served by this server.
"""

import os
from pathlib import Path
from typing import Any

from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Access, Disposition, FileType, OpenFlag
from conchsftp.sftp.replies import StatusReply
from conchsftp.sftp.statuses import Status
from tests.files.unix_user import UnixUser
from tests.session.versions import in_versions
from tests.session.versions_case import SpokenCase


class Watched(UnixUser):
    """One with a handler, as any avatar may have."""

    def __init__(self, home: str) -> None:
        super().__init__(home)
        self.opened: list[str] = []

    def on_file_open(self, event: Any) -> None:
        self.opened.append(event.path)


@in_versions()
class UnixTests(SpokenCase):
    """Conch's own Unix backend behind this server."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.user = Watched(str(self.folder))
        self.session = self.log_in(self.user)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def status(self, request: Any) -> Status:
        reply = self.session.request(request)
        assert isinstance(reply, StatusReply), reply
        return Status(reply.status)

    def test_transfer(self) -> None:
        """Files go both ways, and the avatar's own hooks are asked."""
        content = os.urandom(100_000)
        self.session.put(self.path("file"), content)
        self.assertEqual((self.folder / "file").read_bytes(), content)
        self.assertEqual(self.session.get(self.path("file")), content)
        self.assertEqual(set(self.user.opened), {self.path("file")})

    def test_home(self) -> None:
        """Relative paths start where the backend says."""
        self.session.put("file", b"x")
        self.assertEqual((self.folder / "file").read_bytes(), b"x")
        self.assertEqual(self.session.request(requests.RealPath(path=b".")).entries[0].name, os.fsencode(self.folder))

    def test_names(self) -> None:
        """Folders are made, listed with types and sizes, and removed."""
        (self.folder / "file").write_bytes(b"12345")
        self.assertEqual(self.status(requests.MkDir(path=self.path("sub").encode(), attributes=Attributes())), 0)
        listed = {entry.name: entry.attributes for entry in self.session.listing(str(self.folder))}
        self.assertEqual(set(listed), {b"file", b"sub"})
        self.assertEqual((listed[b"sub"].type, listed[b"file"].size), (FileType.DIRECTORY, 5))
        self.assertEqual(self.status(requests.RmDir(path=self.path("sub").encode())), Status.OK)
        self.assertEqual(self.status(requests.Remove(path=self.path("file").encode())), Status.OK)
        self.assertEqual(self.status(requests.Remove(path=self.path("file").encode())), Status.NO_SUCH_FILE)

    def test_rename(self) -> None:
        """RENAME refuses an existing target, though the backend would replace it; posix-rename replaces it."""
        for name in ("a", "b"):
            (self.folder / name).write_text(name)
        both = {"path": self.path("a").encode(), "new_path": self.path("b").encode()}
        self.assertEqual(self.status(requests.Rename(**both)), self.lowered(Status.FILE_ALREADY_EXISTS))
        self.assertEqual((self.folder / "b").read_text(), "b")
        self.assertEqual(self.status(extended.PosixRename(**both)), Status.OK)
        self.assertEqual((self.folder / "b").read_text(), "a")
        self.assertEqual(self.status(requests.Rename(path=both["new_path"], new_path=both["path"])), Status.OK)

    def test_links(self) -> None:
        """Links are made the right way round, read, and told from their targets."""
        (self.folder / "target").write_text("x")
        link = self.path("link").encode()
        made = self.status(self.symlink(self.path("link"), self.path("target")))
        self.assertEqual((made, os.readlink(self.folder / "link")), (Status.OK, self.path("target")))
        read = self.session.request(requests.ReadLink(path=link)).entries[0].name
        self.assertEqual(read, os.fsencode(self.path("target")))
        self.assertEqual(self.session.request(requests.LStat(path=link)).attributes.type, FileType.SYMLINK)
        self.assertEqual(self.session.request(requests.Stat(path=link)).attributes.type, FileType.REGULAR)
        self.assertEqual(self.status(extended.LSetStat(path=link, attributes=Attributes(permissions=0o600))), 8)

    def test_attributes(self) -> None:
        """Mode and times are set."""
        (self.folder / "file").write_text("x")
        wanted = Attributes(permissions=0o640, atime=1_000_000_000, mtime=1_100_000_000)
        self.assertEqual(self.status(requests.SetStat(path=self.path("file").encode(), attributes=wanted)), Status.OK)
        found = (self.folder / "file").stat()
        self.assertEqual((found.st_mode & 0o7777, found.st_mtime), (0o640, 1_100_000_000))

    def test_attributes_of_open_file(self) -> None:
        """Mode and times of an open file are set by its path, also after a rename; another size is not."""
        path, new = self.path("file").encode(), self.path("new").encode()
        flags = OpenFlag(Disposition.CREATE_TRUNCATE)
        opening = requests.Open(path=path, access=Access.WRITE_DATA, flags=flags, attributes=Attributes())
        handle = self.session.request(opening).handle
        for at, name in enumerate(("file", "new")):
            wanted = Attributes(permissions=0o640 + at, atime=1_000_000_000, mtime=1_100_000_000 + at)
            self.assertEqual(self.status(requests.FSetStat(handle=handle, attributes=wanted)), Status.OK)
            found = (self.folder / name).stat()
            self.assertEqual((found.st_mode & 0o7777, found.st_mtime), (0o640 + at, 1_100_000_000 + at))
            if not at:
                self.assertEqual(self.status(requests.Rename(path=path, new_path=new)), Status.OK)
        for size, status in ((0, Status.OK), (1, Status.OP_UNSUPPORTED)):
            wanted = Attributes(size=size)
            self.assertEqual(self.status(requests.FSetStat(handle=handle, attributes=wanted)), status)

    def test_what_conch_lacks(self) -> None:
        """Hard links, space and syncing are no abilities: not advertised, and refused."""
        self.assertNotIn(b"hardlink@openssh.com", self.session.extensions)
        self.assertNotIn(b"statvfs@openssh.com", self.session.extensions)
        self.assertEqual(self.status(extended.HardLink(path=b"/a", new_path=b"/b")), Status.OP_UNSUPPORTED)

    def test_end(self) -> None:
        """The avatar has the connection while it lasts, as Conch gives it."""
        self.assertIs(self.user.conn, self.session.client.server.service)
        self.session.cut()
        self.assertIsNone(self.user.conn)
