"""
What a login yields.
"""

from typing import Any

from twisted.conch.interfaces import IConchUser
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from conchsftp.errors import SFTPError
from conchsftp.events import FileOpen, FileRemove
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.interfaces import ISFTPAvatar
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.session.subsystem import SFTPSubsystem
from conchsftp.sftp import requests
from conchsftp.sftp.statuses import Status
from conchsftp.ssh.channel import SFTPChannel
from conchsftp.testing import MemorySession
from tests.session.versions import in_versions
from tests.session.versions_case import SpokenCase


class AvatarTests(SynchronousTestCase):
    """An avatar as it is."""

    def test_interfaces(self) -> None:
        """It keeps our contract and Conch's."""
        avatar = SFTPAvatar("alice", files=MemoryFileSystem())
        self.assertTrue(verifyObject(ISFTPAvatar, avatar))
        self.assertTrue(IConchUser.providedBy(avatar))

    def test_defaults(self) -> None:
        """Whoever says nothing else starts at the root and may write."""
        files = MemoryFileSystem()
        avatar = SFTPAvatar("alice", files=files)
        self.assertEqual((avatar.user_name, avatar.home, avatar.read_only), ("alice", "/", False))
        self.assertIs(avatar.files, files)

    def test_lookups(self) -> None:
        """It has sessions and the subsystem sftp, and an application may add to both."""
        session = MemorySession(SFTPAvatar("alice", files=MemoryFileSystem()))
        avatar = session.client.server.avatar
        self.assertIsInstance(avatar.lookupChannel(b"session", 1, 1, b""), SFTPChannel)
        self.assertIsInstance(avatar.lookupSubsystem(b"sftp", b""), SFTPSubsystem)
        self.assertIsNone(avatar.lookupSubsystem(b"other", b""))


@in_versions()
class SessionTests(SpokenCase):
    """An avatar in a session."""

    def test_home(self) -> None:
        """Relative paths start from its home."""
        files = MemoryFileSystem({"/home/alice/notes": b"text"})
        session = self.log_in(SFTPAvatar("alice", files=files, home="/home/alice"))
        self.assertEqual(session.get("notes"), b"text")
        reply: Any = session.request(requests.RealPath(path=b"."))
        self.assertEqual(reply.entries[0].name, b"/home/alice")

    def test_read_only(self) -> None:
        """A read-only user changes nothing."""
        files = MemoryFileSystem({"/f": b"text"})
        session = self.log_in(SFTPAvatar("alice", files=files, read_only=True))
        self.assertEqual(session.get("/f"), b"text")
        for refused in (
            requests.Remove(path=b"/f"),
            requests.Rename(path=b"/f", new_path=b"/g"),
            requests.RmDir(path=b"/"),
        ):
            reply: Any = session.request(refused)
            self.assertEqual(reply.status, Status.PERMISSION_DENIED)
        self.assertRaises(SFTPError, session.put, "/f", b"")
        self.assertEqual(files.get("/f"), b"text")

    def test_hooks(self) -> None:
        """Methods named on_<event> take part: plain ones, and such as wait."""
        told: list[tuple[str, str, bool]] = []
        work: Deferred[None] = Deferred()

        class Watcher(SFTPAvatar):
            def on_file_open(self, event: FileOpen) -> None:
                told.append((event.user, event.path, event.before_exec))

            async def on_file_remove(self, event: FileRemove) -> None:
                if event.before_exec:
                    await work
                    raise SFTPError(Status.QUOTA_EXCEEDED, "no")

        session = self.log_in(Watcher("alice", files=MemoryFileSystem({"/f": b"text"})))
        session.get("/f")
        self.assertEqual(told, [("alice", "/f", True), ("alice", "/f", False)])
        asked = session.ask(requests.Remove(path=b"/f"))
        self.assertNoResult(asked)
        work.callback(None)
        session.read()
        reply: Any = self.successResultOf(asked)
        # Which version 3 cannot say.
        self.assertEqual((reply.status, reply.message), (self.lowered(Status.QUOTA_EXCEEDED), "no"))

    def test_user_name(self) -> None:
        """Events carry the name that the avatar says, which need not be the one that logged in."""
        users: list[str] = []
        session = self.log_in(SFTPAvatar("uid 1000", files=MemoryFileSystem({"/f": b""})))
        session.server.on(FileOpen, lambda event: users.append(event.user))
        session.get("/f")
        self.assertEqual(set(users), {"uid 1000"})
        self.assertEqual(session.client.server.user_name, "user")

    def test_logged_out(self) -> None:
        """It learns once that the connection is over; that may take its time, or fail, and hurts nobody."""
        for ends in ("close", "cut"):
            ended: list[str] = []

            class Ending(SFTPAvatar):
                async def logged_out(self, ended: list[str] = ended) -> None:
                    ended.append(self.user_name)
                    raise ZeroDivisionError

            session = self.log_in(Ending("alice", files=MemoryFileSystem()))
            getattr(session, ends)()
            session.cut()
            self.assertEqual(ended, ["alice"])
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_logged_out_by_default(self) -> None:
        """Who does not care about the end need not do anything."""
        session = self.log_in(SFTPAvatar("alice", files=MemoryFileSystem()))
        session.cut()
        self.assertTrue(session.client.pipe.closed)
