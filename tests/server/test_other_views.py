"""
What a user sees of file systems that are not on this machine.
"""

from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from conchsftp import events
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.interfaces import IExtendedRequests, IFileSystem, ILinks
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.session.view import Unseen, View, view_of
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status
from conchsftp.testing import MemoryClient
from conchsftp.wire.kinds import BOOL, BYTES
from tests.files.test_conch_adapter import Visitor
from tests.server.test_views import real_path, status_of
from tests.session.versions import in_versions
from tests.session.versions_case import SpokenCase


@in_versions()
class OtherFilesTests(SpokenCase):
    """File systems that are not on this machine."""

    def view(self, files: Any, home: str = "/a", **settings: Any) -> View:
        """Return what a user sees of them."""
        avatar = SFTPAvatar("user", files=files, home=home)
        deciding = Deferred.fromCoroutine(view_of(avatar, Settings(TABLE, **settings)))
        view: View = self.successResultOf(deciding)
        return view

    def refused(self, files: Any, **settings: Any) -> str:
        """Return why a user cannot see them."""
        avatar = SFTPAvatar("user", files=files, home="/a")
        deciding = Deferred.fromCoroutine(view_of(avatar, Settings(TABLE, **settings)))
        return str(self.failureResultOf(deciding, Unseen).value)

    def test_memory(self) -> None:
        """The one in memory keeps links inside as the one on disk does."""
        files = MemoryFileSystem({"/a/mine": b"mine", "/b/theirs": b"theirs"})
        files.make_symlink("/a/out", "/b/theirs")
        files.make_symlink("/a/up", "../b")
        files.make_symlink("/a/in", "/a/mine")
        session = self.log_in(SFTPAvatar("user", files=files, home="/a"), restrict_user_to_home_dir=True)
        self.assertEqual(session.get("in"), b"mine")
        for path in (b"out", b"up/theirs", b"up/missing", b"/b", b"/"):
            self.assertEqual(status_of(session.request(requests.Stat(path=path))), Status.PERMISSION_DENIED, path)
        self.assertEqual(real_path(session, b"."), b"/a")
        self.assertEqual(files.get("/b/theirs"), b"theirs")

    def test_without_links(self) -> None:
        """Where there are no links, names tell everything; requests of its own are not known to be inside."""

        @implementer(IFileSystem, IExtendedRequests)
        class Plain:
            """Files that somebody else has written."""

            def extensions(self, version: int, offered: Any) -> dict[bytes, bytes]:
                return {b"own@example.com": b"1"}

            def stat(self, path: str) -> Attributes:
                return Attributes(size=len(path))

            lstat = stat

            def remove(self, path: str) -> None:
                removed.append(path)

        removed: list[str] = []
        free = self.log_in(SFTPAvatar("user", files=Plain(), home="/a"))
        session = self.log_in(SFTPAvatar("user", files=Plain(), home="/a"), restrict_user_to_home_dir=True)
        self.assertIn(b"own@example.com", free.extensions)
        self.assertNotIn(b"own@example.com", session.extensions)
        for path, status in ((b"/a/b", Status.OK), (b"b", Status.OK), (b"/b", Status.PERMISSION_DENIED)):
            self.assertEqual(status_of(session.request(requests.Stat(path=path))), status, path)
        session.server.on(events.FileRemove, lambda event: setattr(event, "path", "/b" if event.before_exec else "/a"))
        reply = session.request(requests.Remove(path=b"/a/b"))
        self.assertEqual((status_of(reply), removed), (Status.PERMISSION_DENIED, []))

    def test_handlers(self) -> None:
        """Where handlers are the file system, they are asked about nothing else."""
        session = self.log_in(SFTPAvatar("user", files=None, home="/a"), restrict_user_to_home_dir=True)
        asked: list[str] = []

        @session.server.on(events.GetAttributes)
        def supply(event: Any) -> None:
            asked.append(event.path)
            event.attributes = Attributes(size=1)

        denied = Status.PERMISSION_DENIED
        for path, status in ((b"/a/b", Status.OK), (b"/b", denied), (b"..", denied)):
            self.assertEqual(status_of(session.request(requests.Stat(path=path))), status, path)
        self.assertEqual(set(asked), {"/a/b"})

    def test_links_that_nobody_restricts(self) -> None:
        """Where links may lead anywhere, the login is refused rather than the limit ignored."""

        @implementer(IFileSystem, ILinks)
        class Linked:
            """Files that somebody else has written."""

        self.assertIn("IRestrict", self.refused(Linked(), restrict_user_to_home_dir=True))
        self.assertEqual(self.view(Linked()).home, "/a")

    def test_conch(self) -> None:
        """What was made for Conch's server says its home after the login, and has links: it cannot be restricted."""
        for restricted, user in ((False, "user"), (True, None)):
            server = self.make_server(Visitor(), restrict_user_to_home_dir=restricted)
            client = MemoryClient(server.factory)
            client.connect()
            client.ask_for_login()
            client.authenticate("user", "password", BOOL.pack(False) + BYTES.pack(b"password"))
            self.assertEqual(client.server.user_name, user)

    def test_no_place(self) -> None:
        """UserRootDirectory is a place on this machine: who has no files there is refused."""
        self.assertIn("do not lie on this machine", self.refused(MemoryFileSystem(), user_root_directory="/srv"))

    def test_names_that_are_no_folder(self) -> None:
        """A user name is one name of a folder, or there is none."""
        for name in ("..", ".", "a/b"):
            avatar = SFTPAvatar(name, files=MemoryFileSystem())
            deciding = Deferred.fromCoroutine(view_of(avatar, Settings(TABLE, user_root_directory="/srv/%u")))
            self.assertIn("no name of a folder", str(self.failureResultOf(deciding, Unseen).value))
