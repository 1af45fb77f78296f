"""
A channel that is lost: what is under way ends, everything is closed, once.
"""

import gc
import weakref
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from conchsftp.events import EventHub, FileClose, FileOpen
from conchsftp.interfaces import IAbandoned, IFile
from conchsftp.sftp.numbers import VERSIONS
from conchsftp.sftp.statuses import Status
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    CLOSE,
    LSTAT,
    OPENDIR,
    READDIR,
    RENAME,
    TO_CREATE,
    Session,
    SessionCase,
    opening,
    reading,
    request,
    string,
    writing,
)
from tests.session.versions import in_versions


class LostCase(SessionCase):
    """A session on a slow file system, with somebody who listens to FileClose."""

    def slow(self, *names: str) -> Session:
        """Begin a session in which these operations wait."""
        self.closed: list[Any] = []
        events = EventHub(clock=None)
        events.on(FileClose, lambda event: self.closed.append((event.path, event.handle, Status(event.status_code))))
        self.slow_files = SlowFileSystem(self.files, names)
        self.gate = self.slow_files.gate
        return self.begin(self.slow_files, events=events)

    def assert_all_closed(self) -> None:
        """Check that nothing is open any more."""
        self.assertEqual(self.gate.closed, self.gate.opened)
        self.assertEqual(len(self.session.conversation.handles), 0)


@in_versions()
class CloseTests(LostCase):
    """What is open."""

    def test_idle(self) -> None:
        """Every file and directory is closed, and FileClose tells of each, with its handle."""
        session = self.slow()
        handles = [self.opened(opening(b"a")), self.opened(request(OPENDIR, 1, string(b"/home")))]
        session.lose()
        ok = Status.OK
        paths = ("/home/a", "/home")
        self.assertEqual(self.closed, [(path, h.decode(), ok) for path, h in zip(paths, handles, strict=True)])
        self.assert_all_closed()
        self.assertEqual((session.replies(), session.channel.late), ([], []))

    def test_not_given_up(self) -> None:
        """All are told that they will not be completed, and all are closed, though one of them makes a mistake."""
        self.closed = []

        @implementer(IFile, IAbandoned)
        class Broken:
            """Cannot be given up."""

            def abandon(self) -> None:
                """Fail."""
                raise ValueError("cannot")

            def close(self) -> None:
                """Nothing is held."""

        events = EventHub(clock=None)
        events.on(FileOpen, lambda event: event.before_exec and setattr(event, "result", Broken()))
        events.on(FileClose, lambda event: self.closed.append(event.path))
        session = self.begin(events=events)
        self.opened(opening(b"a"))
        self.opened(opening(b"b"))
        session.lose()
        self.assertEqual(self.closed, ["/home/a", "/home/b"])
        self.assertTrue(self.flushLoggedErrors(ValueError))

    def test_once(self) -> None:
        """However often it is told, and though the client closed some itself."""
        session = self.slow()
        one, two = self.opened(opening(b"a")), self.opened(opening(b"a"))
        session.ask(request(CLOSE, 1, string(one)))
        for _ in range(3):
            session.lose()
        self.assertEqual([handle for _, handle, _ in self.closed], [one.decode(), two.decode()])
        self.assert_all_closed()

    def test_after_work(self) -> None:
        """A file is closed after the work on it, a thread that has begun is waited for; other files at once."""
        session = self.slow("file.write")
        one, two = self.opened(opening(b"a")), self.opened(opening(b"b", pflags=TO_CREATE))
        session.feed(writing(one, 0, b"AB", 1))
        session.lose()
        self.assertEqual([path for path, *_ in self.closed], ["/home/b"])
        self.assertTrue(two)
        self.gate.release()
        self.assertEqual(self.files.get("/home/a"), b"AB23456789")
        self.assertEqual([path for path, *_ in self.closed], ["/home/b", "/home/a"])
        self.assert_all_closed()
        self.assertEqual(session.replies(), [])

    def test_what_waits_for_its_turn(self) -> None:
        """What was accepted before the loss is done, in order, and then the file is closed: nothing is lost."""
        session = self.slow("file.write")
        handle = self.opened(opening(b"a"))
        session.feed(writing(handle, 0, b"A", 1), writing(handle, 1, b"B", 2), reading(handle, 0, 1, 3))
        session.lose()
        self.gate.release_all()
        self.assertEqual(self.files.get("/home/a"), b"AB23456789")
        self.assert_all_closed()

    def test_close_in_flight(self) -> None:
        """A file whose CLOSE is under way, or waits for its turn, is not closed a second time."""
        session = self.slow("file.read", "file.close")
        one, two = self.opened(opening(b"a")), self.opened(opening(b"b", pflags=0x1B))
        session.feed(
            request(CLOSE, 1, string(one)), reading(two, 0, 1, 2), request(CLOSE, 3, string(two)), reading(two, 0, 1, 4)
        )
        session.lose()
        self.gate.release_all()
        self.assertEqual([handle for _, handle, _ in self.closed], [one.decode(), two.decode()])
        self.assert_all_closed()

    def test_slow_close(self) -> None:
        """FileClose tells the outcome of a close that waits, and fires when it is done."""
        session = self.slow("file.close")
        self.opened(opening(b"a"))
        session.lose()
        self.assertEqual(self.closed, [])
        self.gate.fail(OSError(28, "no space"))
        self.assertEqual([status for *_, status in self.closed], [Status.NO_SPACE_ON_FILESYSTEM])

    def test_broken_handler(self) -> None:
        """A handler with a mistake does not keep the others open."""
        session = self.slow()
        session.events.on(FileClose, lambda event: 1 / 0)
        for _ in range(3):
            self.opened(opening(b"a"))
        session.lose()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 3)
        self.assert_all_closed()


@in_versions()
class OpenTests(LostCase):
    """What is being opened."""

    def test_slow_open(self) -> None:
        """A file or directory that is there only after the loss is closed again; nobody is told of its close."""
        for packet in (opening(b"a"), request(OPENDIR, 1, string(b"/home"))):
            session = self.slow("open", "list")
            session.feed(packet)
            session.lose()
            self.gate.release()
            self.assertEqual((self.gate.opened, self.closed), (1, []))
            self.assert_all_closed()

    def test_failing_close(self) -> None:
        """If that close fails, at once or later, it is logged; there is nobody left to tell."""
        for problem in (OSError(5, "no"), ZeroDivisionError()):
            session = self.slow("open", "file.close")
            session.feed(opening(b"a"))
            session.lose()
            self.gate.release()
            self.gate.fail(problem)
            self.assertEqual(len(self.flushLoggedErrors(type(problem))), 1)

    def test_waiting_handler(self) -> None:
        """A handler that waits before the open: when it is done, what is opened is closed again."""
        session = self.slow()
        turn: Deferred[None] = Deferred()
        session.events.on(FileOpen, lambda event: turn if event.before_exec else None)
        session.feed(opening(b"a"))
        session.lose()
        turn.callback(None)
        self.assert_all_closed()

    def test_behind(self) -> None:
        """An OPEN that waits for its turn behind other work on its file."""
        session = self.slow("file.write")
        handle = self.opened(opening(b"a"))
        session.feed(writing(handle, 0, b"x", 1), opening(b"a", 2), reading(handle, 0, 1, 3))
        session.lose()
        self.gate.release_all()
        self.assertEqual(self.gate.opened, 2)
        self.assert_all_closed()


@in_versions()
class SilenceTests(LostCase):
    """After the loss nothing is sent, credited or begun."""

    def test_unread_requests(self) -> None:
        """What had not begun never does."""
        session = self.slow()
        session.channel.open = False
        session.feed(opening(b"new", 1, TO_CREATE))
        session.lose()
        session.subsystem.go_on()
        session.subsystem.end_of_input()
        session.subsystem.dataReceived(memoryview(opening(b"other", 1, TO_CREATE)))
        self.assertEqual((self.gate.begun, session.channel.ended), ([], False))

    def test_nothing_sent(self) -> None:
        """What is done afterwards has no reply and gives no window."""
        session = self.slow("lstat", "rename")
        session.feed(request(LSTAT, 1, string(b"a")), request(RENAME, 2, string(b"a"), string(b"b")))
        credited = session.channel.credited
        session.lose()
        self.gate.release_all()
        self.assertEqual((session.replies(), session.channel.credited), ([], credited))
        self.assertEqual(self.files.get("/home/b"), b"0123456789")
        self.assertFalse(session.subsystem.busy)

    def test_before_init(self) -> None:
        """A channel may be lost before anything was said."""
        session = Session(version=self.version)
        session.ask(b"\0\0")
        session.lose()
        self.assertEqual(session.replies(), [])

    def test_nothing_kept(self) -> None:
        """Nothing of a session that is over is kept when its work has ended."""
        session = self.slow("file.read")
        handle = self.opened(opening(b"a"))
        session.feed(reading(handle, 0, 1), request(READDIR, 1, string(handle)))
        session.lose()
        self.gate.release_all()
        subsystem = session.subsystem
        self.assertFalse(subsystem._slots or subsystem._woken or subsystem._lanes.taken)
        kept = weakref.ref(session.conversation)
        del subsystem, session, self.session
        gc.collect()
        self.assertIsNone(kept())


class AnyTimeTests(SynchronousTestCase):
    """A loss at any time."""

    steps = st.lists(st.sampled_from(("open", "list", "read", "write", "close", "rename", "release")), max_size=25)

    @given(
        st.sampled_from(VERSIONS),
        steps,
        st.integers(0, 25),
        st.sets(st.sampled_from(("open", "list", "file.read", "file.write", "file.close"))),
    )
    @settings(max_examples=200)
    def test_any(self, version: int, steps: list[str], loss: int, slow: set[str]) -> None:
        """Whatever is under way: when all calls have ended everything is closed, once, and told of once."""
        told: list[str] = []
        events = EventHub(clock=None)
        events.on(FileClose, lambda event: event.status_code or told.append(event.handle))
        inner: Any = Session().files
        inner.put("/home/a", b"0123456789")
        files = SlowFileSystem(inner, slow)
        session = Session(files, events=events, version=version).greet()
        for number, step in enumerate(steps):
            if number == loss:
                session.lose()
            if step == "release":
                if files.gate.waiting:
                    files.gate.release(number % len(files.gate.waiting))
                continue
            handle = b"%08x" % (number % 4)
            session.feed(
                {
                    "open": opening(b"a", number),
                    "list": request(OPENDIR, number, string(b"/home")),
                    "read": reading(handle, 0, 5, number),
                    "write": writing(handle, 0, b"x", number),
                    "close": request(CLOSE, number, string(handle)),
                    "rename": request(RENAME, number, string(b"a"), string(b"a")),
                }[step]
            )
        session.lose()
        while files.gate.waiting:
            files.gate.release()
        self.assertEqual(files.gate.closed, files.gate.opened)
        self.assertEqual(len(told), len(set(told)))
        self.assertLessEqual(len(told), files.gate.opened)
        self.assertEqual(len(session.conversation.handles), 0)
        self.assertFalse(session.subsystem.busy)
        self.assertEqual(session.channel.late, [])
