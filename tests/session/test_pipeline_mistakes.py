"""
Handlers and file systems that fail, take too long or are cancelled; users who may change nothing.
"""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail

from conchsftp.errors import SFTPError
from conchsftp.events import (
    FileOpen,
    FileRemove,
    GetAttributes,
    LinkRead,
)
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.session.operations import OPERATIONS
from conchsftp.session.pipeline import Pipeline
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.requests import Stat
from conchsftp.sftp.statuses import MISTAKE, Status
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    ATTRS,
    DATA,
    HANDLE,
    LSTAT,
    READLINK,
    REMOVE,
    STAT,
    TO_CREATE,
    Avatar,
    HandlerCase,
    SessionCase,
    opening,
    reading,
    request,
    string,
    string_at,
)
from tests.session.versions import in_versions

REMOVE_A = request(REMOVE, 7, string(b"a"))
STAT_A = request(STAT, 7, string(b"a"))


@in_versions()
class TimeLimitTests(SessionCase):
    """HandlerTimeLimit."""

    def test_too_late(self) -> None:
        """A handler that takes too long has failed: nothing happens, and what it does later has no effect."""
        self.session = self.begin()
        late: Deferred[None] = Deferred()
        seen = []

        @self.session.events.on(FileRemove)
        def dawdle(event: FileRemove) -> Deferred[None]:
            seen.append(event)
            return late

        self.session.feed(REMOVE_A)
        self.session.clock.advance(29)
        self.assertEqual(self.session.replies(), [])
        self.session.clock.advance(1)
        self.assert_statuses(self.session.replies(), Status.FAILURE)
        seen[0].status_code = Status.OK
        late.callback(None)
        self.assertEqual(self.session.replies(), [])
        self.assertEqual(self.files.get("/home/a"), b"0123456789")
        self.assertEqual(len(self.flushLoggedErrors()), 1)


@in_versions()
class MistakeTests(HandlerCase):
    """Mistakes of handlers and file systems are answered, and logged once; nothing of them goes to the client."""

    def assert_refused(self, reply: bytes, kind: type[BaseException]) -> None:
        """Check the answer and the log."""
        self.assert_status(reply, Status.FAILURE)
        self.assertEqual(string_at(reply, 9), MISTAKE.encode())
        self.assert_logged(kind)

    def test_before(self) -> None:
        """A handler with a mistake refuses."""
        self.on(FileRemove, lambda event: 1 / 0)
        self.assert_refused(self.one(REMOVE_A), ZeroDivisionError)
        self.assertTrue(self.exists())

    def test_before_later(self) -> None:
        """Also one that waited before it made the mistake."""
        turn: Deferred[None] = Deferred()
        self.on(FileRemove, lambda event: turn)
        self.session.feed(REMOVE_A)
        turn.errback(ZeroDivisionError())
        self.assert_refused(self.session.replies()[0], ZeroDivisionError)
        self.assertTrue(self.exists())

    def test_after(self) -> None:
        """A mistake after is an answer that something went wrong; what was opened is closed again."""
        files = SlowFileSystem(self.files, [])
        self.begin(files, events=self.session.events)
        self.on(FileOpen, lambda event: event.before_exec or 1 / 0)
        self.assert_refused(self.one(opening(b"a")), ZeroDivisionError)
        self.assertEqual((files.gate.closed, len(self.session.conversation.handles)), (1, 0))

    def test_file_system(self) -> None:
        """A file system with a mistake."""

        class Broken(MemoryFileSystem):
            """Divides by zero."""

            def remove(self, path: str) -> None:
                raise ZeroDivisionError(path)

        self.begin(Broken())
        self.assert_refused(self.one(REMOVE_A), ZeroDivisionError)

    def test_file_system_later(self) -> None:
        """A file system that fails after a wait, with anything."""
        files = SlowFileSystem(self.files, ["stat"])
        self.begin(files)
        for problem, logged, status in (
            (ZeroDivisionError(), 1, Status.FAILURE),
            (TimeoutError(), 1, Status.FAILURE),
            (SFTPError(Status.NO_MEDIA), 0, Status.NO_MEDIA),
        ):
            self.session.feed(STAT_A)
            files.gate.fail(problem)
            self.assert_statuses(self.session.replies(), status)
            self.assert_logged(type(problem), logged)

    def test_cancelled_before(self) -> None:
        """What a handler waits for may be cancelled by whoever has it: the request is refused, and answered."""
        turn: Deferred[None] = Deferred()
        self.on(FileRemove, lambda event: turn)
        self.session.feed(REMOVE_A, STAT_A)
        turn.cancel()
        replies = self.session.replies()
        self.assertEqual([reply[0] for reply in replies], [101, ATTRS])
        self.assert_refused(replies[0], CancelledError)
        self.assertFalse(self.session.subsystem.busy)

    def test_cancelled_after(self) -> None:
        """Also after the operation: what was opened is closed again."""
        files = SlowFileSystem(self.files, [])
        self.begin(files, events=self.session.events)
        turn: Deferred[None] = Deferred()
        self.on(FileOpen, lambda event: None if event.before_exec else turn)
        self.session.feed(opening(b"a"))
        turn.cancel()
        self.assert_refused(self.session.replies()[0], CancelledError)
        self.assertEqual((files.gate.closed, len(self.session.conversation.handles)), (1, 0))

    def test_cancelled_operation(self) -> None:
        """Also in a file system."""
        files = SlowFileSystem(self.files, ["stat"])
        self.begin(files)
        self.session.feed(STAT_A, STAT_A)
        files.gate.waiting.pop(0)[1].cancel()
        self.assert_refused(self.session.replies()[0], CancelledError)
        files.gate.release()
        self.assertEqual(self.session.replies()[0][0], ATTRS)

    def test_cancelled_by_asyncio(self) -> None:
        """Also by asyncio, whose cancellation is no `Exception`: at once, or after a wait; before, or after."""
        files = SlowFileSystem(self.files, [])
        self.begin(files, events=self.session.events)
        for before in (True, False):
            for turn in (fail(asyncio.CancelledError()), Deferred()):
                with self.subTest(before=before, waits=not turn.called):
                    handler = self.on(FileOpen, partial(_wait_in, before, turn))
                    self.session.feed(opening(b"a"))
                    if not turn.called:
                        turn.errback(asyncio.CancelledError())
                    self.assert_refused(self.session.replies()[0], asyncio.CancelledError)
                    self.session.events.off(FileOpen, handler)
        self.assertEqual((files.gate.closed, len(self.session.conversation.handles)), (2, 0))

    def test_no_exception(self) -> None:
        """Even what is meant to end a program, raised after a wait, leaves no request without an answer."""
        turn: Deferred[None] = Deferred()
        self.on(FileRemove, lambda event: turn)
        self.session.feed(REMOVE_A, STAT_A)
        turn.errback(SystemExit())
        replies = self.session.replies()
        self.assertEqual([reply[0] for reply in replies], [101, ATTRS])
        self.assert_refused(replies[0], SystemExit)

    def test_unspeakable(self) -> None:
        """What cannot be said in the protocol is answered as a failure."""

        @self.on(GetAttributes)
        def nonsense(event: GetAttributes) -> None:
            event.attributes = Attributes(size=-1)

        reply = self.one(STAT_A)
        self.assert_status(reply, Status.FAILURE, 7)
        self.assertTrue(self.flushLoggedErrors())

    def test_unspeakable_status(self) -> None:
        """A status that no version knows is a failure; one that is no number as well."""
        for status in (99, -1, None, "no", []):
            with self.subTest(status=status):
                handler = self.on(FileRemove, lambda event, status=status: setattr(event, "status_code", status))
                self.assert_status(self.one(REMOVE_A), Status.FAILURE)
                self.session.events.off(FileRemove, handler)
        self.flushLoggedErrors()
        self.assertTrue(self.exists())

    def test_counting(self) -> None:
        """Whoever counts what handlers made of a request fails alone: the answer is theirs."""
        self.on("FileRead", lambda event: None)
        handle = self.opened(opening(b"a"))

        def miscount(event: Any) -> None:
            raise ValueError("cannot count")

        opened: Any = self.session.conversation.handles.find(handle)
        opened.told = miscount
        self.assertEqual(self.one(reading(handle, 0, 5))[0], DATA)
        self.assert_logged(ValueError)

    def test_table(self) -> None:
        """A mistake in the table of operations is answered as well."""

        def broken(request: Any) -> bool:
            raise ValueError("cannot tell")

        conversation = self.session.conversation
        conversation.read_only = conversation.limited = True
        row = replace(OPERATIONS[Stat], mutates=broken)
        event: Any = Pipeline(conversation).serve(row, Stat(path=b"a"))
        self.assertEqual(event.status_code, Status.FAILURE)
        self.assert_logged(ValueError)

    def test_link(self) -> None:
        """A link whose target cannot be sent is refused, which is no mistake of anybody here."""
        self.files.make_symlink("/home/l", "\udcff")
        self.assertEqual(string_at(self.one(request(READLINK, 1, string(b"l"))), 9), b"\xff")
        self.on(LinkRead, lambda event: setattr(event, "target", "\ud800"))
        self.assert_status(self.one(request(READLINK, 1, string(b"l"))), Status.INVALID_FILENAME)


@in_versions()
class ReadOnlyTests(HandlerCase):
    """Read-only users."""

    def setUp(self) -> None:
        super().setUp()
        self.begin(read_only=True, events=self.session.events)

    def test_nothing_fires(self) -> None:
        """A request that would change something is refused with the reason, and nobody is asked."""
        self.on(FileRemove, self.note)
        reply = self.one(REMOVE_A)
        self.assert_status(reply, Status.PERMISSION_DENIED)
        self.assertEqual((string_at(reply, 9), self.calls), (b"The server is read-only", []))

    def test_reading(self) -> None:
        """Reading is allowed."""
        handle = self.opened(opening(b"a", pflags=1))
        self.assertEqual(self.one(reading(handle, 0, 3))[0], DATA)
        self.assertEqual(self.one(request(LSTAT, 1, string(b"a")))[0], ATTRS)

    def test_opening(self) -> None:
        """A file cannot be opened so that it changes: WRITE, CREAT or TRUNC, alone or with others."""
        self.on(FileOpen, self.note)
        for pflags in (2, 3, 6, 8, 9, 0x10, 0x11, TO_CREATE, 0x29):
            for path in (b"a", b"new"):
                with self.subTest(pflags=pflags, path=path):
                    self.assert_status(self.one(opening(path, pflags=pflags)), Status.PERMISSION_DENIED)
        self.assertEqual((self.files.get("/home/a"), self.exists("/home/new")), (b"0123456789", False))
        self.assertEqual(self.calls, [])
        self.assertEqual(self.one(opening(b"a", pflags=0))[0], HANDLE)

    def test_avatar(self) -> None:
        """One user alone may be read-only."""
        avatar = Avatar(self.files)
        avatar.read_only = True
        self.begin(avatar=avatar)
        self.assert_status(self.one(REMOVE_A), Status.PERMISSION_DENIED)


def _wait_in(before: bool, turn: "Deferred[Any]", event: FileOpen) -> "Deferred[Any] | None":
    """Wait in one of the phases."""
    return turn if event.before_exec is before else None
