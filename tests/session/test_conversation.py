"""
What a session knows: who, what they see, how paths are read.
"""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.events import EventHub, FileRemove
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.interfaces import ISpace
from conchsftp.session.conversation import Conversation
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.sftp.statuses import Status
from tests.session.support import Avatar, Session


class Case(SynchronousTestCase):
    """A conversation of alice, whose home is /home."""

    def make(self, files: Any = None, avatar: Any = None, **settings: object) -> Conversation:
        """Make one."""
        self.hub = EventHub()
        avatar = avatar or Avatar(files or MemoryFileSystem())
        return Conversation(
            avatar, settings=Settings(TABLE, **settings), connection_id=3, events=self.hub, seconds=float
        )


class UserTests(Case):
    """Who it is."""

    def test_read_only(self) -> None:
        """A session is read-only if the user is, or the server."""
        avatar = Avatar(MemoryFileSystem())
        avatar.read_only = True
        self.assertFalse(self.make().read_only)
        self.assertTrue(self.make(avatar=avatar).read_only)
        self.assertTrue(self.make(read_only=True).read_only)

    def test_abilities(self) -> None:
        """Abilities are those of the file system and those that it tells of its files; it need not tell."""

        class Plain:
            """A file system that says nothing."""

        class Telling:
            """One that does."""

            file_abilities = (ISpace,)

        self.assertEqual(self.make(Plain()).abilities, frozenset())
        self.assertEqual(self.make(Telling()).abilities, {"ISpace"})
        memory = (
            "IFileSystem ILinks IHardLinks ILocking IRestrict IGuarded IDetails IReadInto IWriteFrom ISync ICopy ILocks"
        )
        self.assertEqual(self.make().abilities, set(memory.split()))

    def test_handlers(self) -> None:
        """Handlers of the server that are added later take part; those of an avatar take part in its sessions only."""

        class Hooked(Avatar):
            """Has a hook."""

            def on_file_remove(self, event: FileRemove) -> None:
                pass

        one = self.make(avatar=Hooked(MemoryFileSystem()))
        self.assertEqual(list(one.events.listeners), [FileRemove])
        self.assertEqual(self.hub.listeners, {})
        self.hub.on("FileOpen", print)
        self.assertEqual(len(one.events.listeners), 2)


class PathTests(Case):
    """How paths are read and shown."""

    def test_home(self) -> None:
        """Relative paths begin at home."""
        conversation = self.make()
        self.assertEqual((conversation.path(b"a"), conversation.path(b"/a")), ("/home/a", "/a"))
        self.assertEqual(conversation.encoded("/caf\udce9"), b"/caf\xe9")

    def test_expanded(self) -> None:
        """`~` and the own name are home, also a name that is no ASCII; another is nobody's."""
        conversation = self.make()
        for path, expected in (
            (b"~", b"./"),
            (b"~/a", b"./a"),
            (b"~alice/a", b"./a"),
            (b"a~", b"a~"),
            (b"/~", b"/~"),
            (b"", b""),
        ):
            self.assertEqual(conversation.expanded(path), expected)
        problem = self.assertRaises(SFTPError, conversation.expanded, b"~bob")
        self.assertEqual((problem.status, "bob" in problem.message), (Status.NO_SUCH_FILE, False))
        conversation.user = "é"
        self.assertEqual(conversation.expanded("~é/a".encode()), b"./a")


class LendTests(Case):
    """When places are lent."""

    def test_lend(self) -> None:
        """Not before there is a version, and not while an earlier request is unanswered."""
        session = Session()
        conversation = session.conversation
        conversation.direct = True
        self.assertIsNone(conversation.lend(10))
        session.greet()
        conversation.direct = False
        self.assertIsNone(conversation.lend(10))
        conversation.direct = True
        self.assertEqual(sum(map(len, conversation.lend(2500) or ())), 2500)


class CloseTests(Case):
    """Closing what was opened for nobody."""

    def check(self, close: Any, logged: int) -> None:
        """Close something and count what is logged."""
        self.make().close_unused(type("Source", (), {"close": lambda self: close()})())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), logged)

    def test_at_once(self) -> None:
        """It may be done at once, or fail."""
        self.check(lambda: None, 0)
        self.check(lambda: 1 / 0, 1)

    def test_later(self) -> None:
        """It may be done later, or fail later; a coroutine is run."""
        done: list[str] = []

        async def close() -> None:
            done.append("begun")
            await waiting
            done.append("done")

        for problem in (None, ZeroDivisionError()):
            waiting: Deferred[None] = Deferred()
            done.clear()
            self.check(close, 0)
            self.assertEqual(done, ["begun"])
            if problem is None:
                waiting.callback(None)
                self.assertEqual(done, ["begun", "done"])
            else:
                waiting.errback(problem)
                self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
