"""
The road of every request: who is asked before, what is done, who is told after, and that there is one answer.
"""

from typing import Any

from twisted.internet.defer import Deferred

from conchsftp.errors import SFTPError
from conchsftp.events import (
    FileOpen,
    FileRead,
    FileRemove,
    FileRename,
    FileWrite,
    GetAttributes,
    LinkRead,
    SetAttributes,
)
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    MKDIR,
    NO_ATTRIBUTES,
    REMOVE,
    RENAME,
    STAT,
    Avatar,
    HandlerCase,
    numbers,
    opening,
    reading,
    request,
    string,
    string_at,
    writing,
)
from tests.session.versions import in_versions

REMOVE_A = request(REMOVE, 7, string(b"a"))
STAT_A = request(STAT, 7, string(b"a"))


@in_versions()
class PhaseTests(HandlerCase):
    """Before and after."""

    def test_both(self) -> None:
        """A handler is told before, with OK, and after, with the outcome."""
        self.on(FileRemove, self.note)
        self.assert_status(self.one(REMOVE_A), Status.OK, 7)
        self.assert_status(self.one(REMOVE_A), Status.NO_SUCH_FILE, 7)
        ok = Status.OK
        self.assertEqual(self.calls, [(True, ok), (False, ok), (True, ok), (False, Status.NO_SUCH_FILE)])

    def test_order_of_effects(self) -> None:
        """Before is before it happens, after is after."""
        self.on(FileRemove, lambda event: self.calls.append(self.exists()))
        self.one(REMOVE_A)
        self.assertEqual(self.calls, [True, False])

    def test_after_only(self) -> None:
        """What only asks fires after."""
        self.on(GetAttributes, self.note)
        self.one(STAT_A)
        self.assertEqual(self.calls, [(False, Status.OK)])

    def test_refused_before(self) -> None:
        """What a handler refuses does not happen, its status and text are the answer, and nothing fires after."""
        self.on(FileRemove, self.note)

        @self.on(FileRemove)
        def refuse(event: FileRemove) -> None:
            event.status_code, event.error_message = Status.PERMISSION_DENIED, "Keep it"

        reply = self.one(REMOVE_A)
        self.assert_status(reply, Status.PERMISSION_DENIED, 7)
        self.assertEqual(string_at(reply, 9), b"Keep it")
        self.assertEqual(self.calls, [(True, Status.OK)])
        self.assertTrue(self.exists())

    def test_raised_before(self) -> None:
        """Raising SFTPError, or an OSError, refuses as well, without a log; an OSError's text stays here."""
        for problem, status, text in (
            (SFTPError(Status.WRITE_PROTECT), Status.WRITE_PROTECT, b"Read-only file system"),
            (SFTPError(Status.QUOTA_EXCEEDED, "Full"), Status.QUOTA_EXCEEDED, b"Full"),
            (SFTPError(Status.OK), Status.FAILURE, b"The operation failed"),
            (PermissionError(13, "no", "/srv/secret"), Status.PERMISSION_DENIED, b"Permission denied"),
        ):
            with self.subTest(problem=problem):
                handler = self.on(FileRemove, lambda event, problem=problem: _raise(problem))
                reply = self.one(REMOVE_A)
                self.assert_status(reply, status, 7)
                self.assertEqual(string_at(reply, 9), text)
                self.session.events.off(FileRemove, handler)
        self.assertTrue(self.exists())

    def test_changed_after(self) -> None:
        """A handler may change the answer after, in both directions."""

        @self.on(FileRemove)
        def change(event: FileRemove) -> None:
            if not event.before_exec:
                event.status_code = Status.FAILURE if event.status_code == Status.OK else Status.OK

        self.assert_status(self.one(REMOVE_A), Status.FAILURE)
        self.assertFalse(self.exists())
        self.assert_status(self.one(REMOVE_A), Status.OK)

    def test_avatar(self) -> None:
        """The hooks of an avatar take part, and before those of the server."""

        class Keeper(Avatar):
            """Refuses."""

            def on_file_remove(self, event: FileRemove) -> None:
                event.status_code = Status.PERMISSION_DENIED

        self.begin(avatar=Keeper(self.files), events=self.session.events)
        self.assert_status(self.one(REMOVE_A), Status.PERMISSION_DENIED)


@in_versions()
class ChangeTests(HandlerCase):
    """What handlers change."""

    def test_path(self) -> None:
        """A handler may divert a request to another path."""
        self.files.put("/home/b", b"other")
        self.on(FileOpen, lambda event: setattr(event, "path", "/home/b"))
        handle = self.opened(opening(b"a"))
        self.assertEqual(string_at(self.one(reading(handle, 0, 10)), 5), b"other")
        self.on(FileRename, lambda event: setattr(event, "new_path", "/home/d"))
        self.assert_status(self.one(request(RENAME, 1, string(b"a"), string(b"c"))), Status.OK)
        self.assertEqual(self.files.get("/home/d"), b"0123456789")

    def test_written(self) -> None:
        """A handler may replace what is written."""
        handle = self.opened(opening(b"a"))

        @self.on(FileWrite)
        def shout(event: FileWrite) -> None:
            event.data = event.data.upper()

        self.assert_status(self.one(writing(handle, 2, b"abc")), Status.OK)
        self.assertEqual(self.files.get("/home/a"), b"01ABC56789")

    def test_read(self) -> None:
        """A handler sees what was read, and may replace it; nothing with OK is the end of the file."""
        handle = self.opened(opening(b"a"))
        answers = iter((b"other", b""))

        @self.on(FileRead)
        def replace(event: FileRead) -> None:
            self.calls.append((event.data, event.file_offset, event.length))
            event.data = next(answers)

        self.assertEqual(string_at(self.one(reading(handle, 2, 5)), 5), b"other")
        self.assert_status(self.one(reading(handle, 2, 5)), Status.EOF)
        self.assertEqual(self.calls, [(b"23456", 2, 5)] * 2)
        self.assertEqual(self.session.channel.placed, 0)

    def test_supplied(self) -> None:
        """A handler may supply what the file system could not."""

        @self.on(FileRead)
        def supply(event: FileRead) -> None:
            event.status_code, event.data = Status.OK, b"made up"

        @self.on(GetAttributes)
        def invent(event: GetAttributes) -> None:
            event.status_code, event.attributes = Status.OK, Attributes(size=5)

        handle = self.opened(opening(b"a", pflags=2))
        self.assertEqual(string_at(self.one(reading(handle, 0, 10)), 5), b"made up")
        self.assertEqual(
            self.one(request(STAT, 1, string(b"none"))), bytes.fromhex("69 00000001 00000001") + bytes(7) + b"\5"
        )

    def test_nothing_supplied(self) -> None:
        """A handler that says OK and supplies nothing is answered with what is missing; no handle is invented."""

        @self.on(FileOpen)
        @self.on(GetAttributes)
        @self.on(LinkRead)
        def approve(event: Any) -> None:
            event.status_code = Status.OK

        self.assert_status(self.one(request(STAT, 1, string(b"none"))), Status.NO_SUCH_FILE)
        self.assert_status(self.one(opening(b"none", pflags=1)), Status.FAILURE)

    def test_attributes(self) -> None:
        """A handler may change which attributes are set."""
        self.on(SetAttributes, lambda event: setattr(event.attributes, "permissions", 0o600))
        attributes = bytes.fromhex("00000004 000001ff")
        self.assert_status(self.one(request(9, 1, string(b"a"), attributes)), Status.OK)
        self.assertEqual(self.files.stat("/home/a").permissions, 0o600)

    def test_more_than_asked(self) -> None:
        """More data than a client asked for would be the end of its session: it gets what it asked for."""
        handle = self.opened(opening(b"a"))
        self.on(FileRead, lambda event: setattr(event, "data", b"x" * 300 * 1024))
        self.assertEqual(string_at(self.one(reading(handle, 0, 3)), 5), b"xxx")
        self.assertEqual(len(self.one(reading(handle, 0, 0xFFFFFFFF))), 256 * 1024)


@in_versions()
class WaitTests(HandlerCase):
    """Handlers that wait."""

    def setUp(self) -> None:
        super().setUp()
        self.turns: list[Deferred[None]] = []

    def turn(self, event: Any = None) -> "Deferred[None]":
        """Return what a handler waits for."""
        self.turns.append(Deferred())
        return self.turns[-1]

    def test_before(self) -> None:
        """Nothing happens, and nothing is answered, until a handler is done; what it waits for may be a Deferred."""
        self.on(FileRemove, self.turn)
        self.assertEqual(self.session.ask(REMOVE_A), [])
        self.assertTrue(self.exists())
        self.turns.pop().callback(None)
        self.assertFalse(self.exists())
        self.assertEqual(self.session.replies(), [])
        self.turns.pop().callback(None)
        self.assert_statuses(self.session.replies(), Status.OK)

    def test_coroutine(self) -> None:
        """A coroutine may decide after it has waited."""

        @self.on(FileRemove)
        async def decide(event: FileRemove) -> None:
            await self.turn()
            raise SFTPError(Status.PERMISSION_DENIED, "Decided")

        self.assertEqual(self.session.ask(REMOVE_A), [])
        self.turns.pop().callback(None)
        self.assert_statuses(self.session.replies(), Status.PERMISSION_DENIED)
        self.assertTrue(self.exists())

    def test_lent_data(self) -> None:
        """What is written stays what it was while a handler waits, though its buffer is used again."""
        handle = self.opened(opening(b"a"))
        self.on(FileWrite, self.turn)
        self.session.feed(writing(handle, 0, b"abc"), writing(handle, 3, b"def"))
        while self.turns:
            self.turns.pop().callback(None)
        self.assertEqual(self.files.get("/home/a"), b"abcdef6789")

    def test_lent_data_of_slow_write(self) -> None:
        """It is also still there after a write that waits: other connections have used the buffer meanwhile."""
        seen: list[bytes] = []
        files = SlowFileSystem(self.files, ["file.write"])
        self.begin(files, events=self.session.events)
        handle = self.opened(opening(b"a"))
        self.on(FileWrite, lambda event: None if event.before_exec else seen.append(event.data))
        self.session.ask(writing(handle, 0, b"mine"))
        files.gate.release()
        self.assert_statuses(self.session.replies(), Status.OK)
        self.assertEqual(seen, [b"mine"])

    def test_others_go_on(self) -> None:
        """A request on another file is done meanwhile, and answered in its turn."""
        self.on(FileRemove, self.turn)
        self.files.put("/home/b", b"")
        self.assertEqual(self.session.ask(REMOVE_A, request(MKDIR, 8, string(b"d"), NO_ATTRIBUTES)), [])
        for _ in range(2):
            self.turns.pop().callback(None)
        self.assertEqual(numbers(self.session.replies()), [7, 8])

    def test_slow_file_system(self) -> None:
        """Handlers are told after, when a file system that waits is done; also if it failed."""
        files = SlowFileSystem(self.files, ["remove"])
        self.begin(files, events=self.session.events)
        self.on(FileRemove, self.note)
        self.session.feed(REMOVE_A)
        self.assertEqual(self.calls, [(True, Status.OK)])
        files.gate.fail(FileNotFoundError(2, "no", "/srv/a"))
        self.assertEqual(self.calls[1:], [(False, Status.NO_SUCH_FILE)])
        reply = self.session.replies()[0]
        self.assertEqual(string_at(reply, 9), b"No such file")


def _raise(problem: Exception) -> None:
    raise problem
