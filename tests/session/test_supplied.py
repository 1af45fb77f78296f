"""
Handlers that do an operation themselves: they refuse it, send it elsewhere, or supply what it gives.
"""

from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import Any

from twisted.internet.defer import Deferred

from conchsftp.events import (
    DirCreate,
    DirList,
    ExtendedRequest,
    FileOpen,
    FileRemove,
    FileRename,
    LinkCreate,
)
from conchsftp.session.operations import OPERATIONS
from conchsftp.session.pipeline import Pipeline
from conchsftp.session.view import View
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.extended import HardLink
from conchsftp.sftp.numbers import FileType
from conchsftp.sftp.requests import Link
from conchsftp.sftp.statuses import Status
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    CLOSE,
    MKDIR,
    NO_ATTRIBUTES,
    OPENDIR,
    REMOVE,
    RENAME,
    HandlerCase,
    extension,
    opening,
    reading,
    request,
    string,
    string_at,
)
from tests.session.versions import in_versions

REMOVE_A = request(REMOVE, 7, string(b"a"))


@in_versions()
class DenyTests(HandlerCase):
    """event.deny."""

    def test_before(self) -> None:
        """What is denied before does not happen; the client gets the text, or the usual one of the status."""
        for arguments, status, text in (
            ((), Status.PERMISSION_DENIED, b"Permission denied"),
            (("Keep it",), Status.PERMISSION_DENIED, b"Keep it"),
            (("Full", Status.QUOTA_EXCEEDED), Status.QUOTA_EXCEEDED, b"Full"),
            (("", Status.OK), Status.FAILURE, b"The operation failed"),
        ):
            with self.subTest(arguments=arguments):
                handler = self.on(FileRemove, lambda event, arguments=arguments: event.deny(*arguments))
                reply = self.one(REMOVE_A)
                self.assert_status(reply, status, 7)
                self.assertEqual(string_at(reply, 9), text)
                self.session.events.off(FileRemove, handler)
        self.assertTrue(self.exists())

    def test_after(self) -> None:
        """What is denied after has happened: only the answer is another."""
        self.on(FileRemove, lambda event: event.before_exec or event.deny("Too late"))
        self.assertEqual(string_at(self.one(REMOVE_A), 9), b"Too late")
        self.assertFalse(self.exists())


@in_versions()
class HandledTests(HandlerCase):
    """event.handled."""

    def test_not_done(self) -> None:
        """What a handler has done is not done again; handlers are told after, with OK, which is the answer."""
        self.on(FileRemove, lambda event: setattr(event, "handled", True))
        self.on(FileRemove, self.note)
        self.assert_status(self.one(REMOVE_A), Status.OK)
        self.assertEqual(self.calls, [(True, Status.OK), (False, Status.OK)])
        self.assertTrue(self.exists())

    def test_without_ability(self) -> None:
        """A handler may do what the file system cannot."""

        @self.on(ExtendedRequest)
        def answer(event: ExtendedRequest) -> None:
            if event.request_name == "sum@example.com":
                event.result = b"\0\0\0\7"

        self.assertEqual(self.one(extension(b"sum@example.com", 3)), bytes.fromhex("c9 00000003 00000007"))
        self.assert_status(self.one(extension(b"other@example.com", 3)), Status.OP_UNSUPPORTED)

    def test_supplied(self) -> None:
        """Afterwards it says, too, that a handler has supplied the result, or that none has."""
        seen: list[bool] = []

        @self.on(DirList)
        def supply(event: DirList) -> None:
            if not event.before_exec:
                seen.append(event.handled)
            elif event.path == "/made":
                event.result = ["a"]

        for path in (b"/made", b"/"):
            self.opened(request(OPENDIR, 1, string(path)))
        self.assertEqual(seen, [True, False])

    def test_too_late(self) -> None:
        """Said after the operation, it changes nothing."""
        self.on(FileRemove, lambda event: event.before_exec or setattr(event, "handled", True))
        self.assert_status(self.one(REMOVE_A), Status.OK)
        self.assertFalse(self.exists())


@in_versions()
class FileTests(HandlerCase):
    """FileOpen.result."""

    def setUp(self) -> None:
        super().setUp()
        self.slow = SlowFileSystem(self.files, [])
        self.begin(self.slow, events=self.session.events)
        self.files.put("/elsewhere", b"other")

    def supplied(self) -> Any:
        """Return an open file that counts."""
        return self.slow.open("/elsewhere", 1, 2, Attributes())

    def test_before(self) -> None:
        """A file that is supplied before is the one that is open; the file system opens none."""
        self.on(FileOpen, lambda event: setattr(event, "result", self.supplied()) if event.before_exec else None)
        handle = self.opened(opening(b"none", pflags=1))
        self.assertEqual(self.slow.gate.opened, 1)
        self.assertEqual(string_at(self.one(reading(handle, 0, 10)), 5), b"other")
        self.assert_status(self.one(request(CLOSE, 1, string(handle))), Status.OK)
        self.assertEqual(self.slow.gate.closed, 1)

    def test_after(self) -> None:
        """A file that is supplied after a refusal is an answer, too."""

        @self.on(FileOpen)
        def supply(event: FileOpen) -> None:
            if not event.before_exec:
                event.status_code, event.result = Status.OK, self.supplied()

        handle = self.opened(opening(b"none", pflags=1))
        self.assertEqual(string_at(self.one(reading(handle, 0, 10)), 5), b"other")

    def test_refused_all_the_same(self) -> None:
        """What one handler supplies and another refuses is closed; so is what is refused after."""
        for before in (True, False):
            with self.subTest(before=before):
                supply = self.on(FileOpen, lambda event: setattr(event, "result", event.result or self.supplied()))
                deny = self.on(FileOpen, lambda event, before=before: event.before_exec == before and event.deny())
                self.assert_status(self.one(opening(b"a")), Status.PERMISSION_DENIED)
                self.session.events.off(FileOpen, supply)
                self.session.events.off(FileOpen, deny)
        self.assertEqual((self.slow.gate.opened, self.slow.gate.closed), (2, 2))
        self.assertEqual(len(self.session.conversation.handles), 0)

    def test_refused_iterator(self) -> None:
        """An asynchronous generator that has begun when another handler refuses comes to its end."""
        over: list[str] = []
        ending: Deferred[None] = Deferred()

        async def pieces() -> AsyncIterator[bytes]:
            try:
                yield b"begin"
            finally:
                await ending
                over.append("over")

        async def supply(event: FileOpen) -> None:
            event.result = made = pieces()
            await anext(made)

        self.on(FileOpen, supply)
        self.on(FileOpen, lambda event: event.deny())
        self.assert_status(self.one(opening(b"a")), Status.PERMISSION_DENIED)
        ending.callback(None)
        self.assertEqual(over, ["over"])

    def test_never_opened(self) -> None:
        """What cannot be open is not, though another handler should say afterwards that all is well."""
        self.on(FileOpen, lambda event: event.before_exec and setattr(event, "result", 5))
        self.on(DirList, lambda event: event.before_exec and setattr(event, "result", 5))
        for kind in (FileOpen, DirList):
            self.on(kind, lambda event: setattr(event, "status_code", Status.OK))
        for packet in (opening(b"a"), request(OPENDIR, 1, string(b""))):
            self.assert_status(self.one(packet), Status.FAILURE)
        self.assertEqual(len(self.session.conversation.handles), 0)
        self.assert_logged(TypeError, 2)

    def test_taken_away(self) -> None:
        """What a handler takes away after it was opened, putting nothing or a mistake in its place, is closed, once."""
        for result in (None, 5):
            with self.subTest(result=result):
                handler = self.on(
                    FileOpen, lambda event, result=result: event.before_exec or setattr(event, "result", result)
                )
                self.assert_status(self.one(opening(b"a")), Status.FAILURE)
                self.session.events.off(FileOpen, handler)
        self.assertEqual((self.slow.gate.opened, self.slow.gate.closed), (2, 2))
        self.assert_logged(TypeError)

    def test_around_a_mistake(self) -> None:
        """A file that a handler has put around the one that was opened, and that cannot be kept, closes it, once."""

        class Around:
            """A file around another one."""

            def __init__(self, file: Any) -> None:
                self.close = file.close

        self.on(FileOpen, lambda event: event.before_exec or setattr(event, "result", Around(event.result)))
        self.assert_status(self.one(opening(b"a")), Status.FAILURE)
        self.assertEqual((self.slow.gate.opened, self.slow.gate.closed), (1, 1))
        self.assert_logged(TypeError)


@in_versions()
class PathTests(HandlerCase):
    """Paths that handlers divert to."""

    def divert(self, kind: Any, **paths: Any) -> Any:
        """Have a handler divert; return it."""

        @self.on(kind)
        def divert(event: Any) -> None:
            for name, path in paths.items():
                setattr(event, name, path)

        return divert

    def test_normalised(self) -> None:
        """A path is read as a client's: relative to home, and `..` does not climb; a path object will do."""
        paths: tuple[Any, ...] = ("x/../d1", "/home/./d2/", "../../home/d3", PurePosixPath("/home/d4"))
        for number, path in enumerate(paths, 1):
            self.divert(DirCreate, path=path)
            self.assert_status(self.one(request(MKDIR, 1, string(b"none"), NO_ATTRIBUTES)), Status.OK)
            self.assertEqual(self.files.stat(f"/home/d{number}").type, FileType.DIRECTORY)

    def test_refused(self) -> None:
        """What a client could not name a handler cannot either; nothing is done, and what is no path is a mistake."""
        self.on(FileRename, self.note)
        for path, status in (("/a\0b", Status.INVALID_FILENAME), ("/" + "é" * 16384, Status.INVALID_FILENAME)):
            with self.subTest(path=path[:10]):
                self.divert(FileRename, new_path=path)
                self.assert_status(self.one(request(RENAME, 1, string(b"a"), string(b"b"))), status)
        self.assertEqual(self.calls, [(True, Status.OK)] * 2)
        self.divert(FileRename, new_path=5)
        self.assert_status(self.one(request(RENAME, 1, string(b"a"), string(b"b"))), Status.FAILURE)
        self.assert_logged(TypeError)
        self.assertTrue(self.exists())

    def test_hard_link(self) -> None:
        """So are both paths of a hard link, also where version 6 has one request for links of both kinds."""
        conversation = self.session.conversation
        conversation.show(View(files=self.files, home="/home", within="/home"))
        self.files.put("/b", b"")
        asked = (HardLink(path=b"a", new_path=b"l"), Link(path=b"l", target=b"a", symbolic=False))
        for link in asked:
            for diverted in ({"target": "/b"}, {"path": "/l"}):
                with self.subTest(link=link, diverted=diverted):
                    handler = self.divert(LinkCreate, **diverted)
                    event: Any = Pipeline(conversation).serve(OPERATIONS[type(link)], link)
                    self.assertEqual(event.status_code, Status.PERMISSION_DENIED)
                    self.session.events.off(LinkCreate, handler)
        self.assertFalse(self.exists("/l"))
        self.assertFalse(self.exists("/home/l"))

    def test_after(self) -> None:
        """After the operation a path says where it was done; setting it changes nothing."""
        seen: list[str] = []
        self.on(FileOpen, lambda event: event.before_exec or setattr(event, "path", "/home/b"))
        self.on("FileRead", lambda event: seen.append(event.path))
        handle = self.opened(opening(b"a"))
        self.one(reading(handle, 0, 10))
        self.assertEqual(seen, ["/home/a"])
