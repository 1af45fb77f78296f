"""
Opening files: flags, attributes, handles and their limit.
"""

from typing import Any

from twisted.logger import LogLevel, capturedLogs

from conchsftp.events import EventHub, FileOpen
from conchsftp.sftp.statuses import Status
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    CLOSE,
    HANDLE,
    LSTAT,
    OPENDIR,
    STATUS,
    TO_CREATE,
    HandlerCase,
    SessionCase,
    opening,
    reading,
    request,
    string,
    string_at,
)
from tests.session.versions import in_versions

OK, MISSING, EXISTS = Status.OK, Status.NO_SUCH_FILE, Status.FILE_ALREADY_EXISTS
SUCCESS = "00000000  00000007 53756363657373  00000002 656e"


@in_versions()
class OpenTests(SessionCase):
    """OPEN."""

    def test_flags(self) -> None:
        """What the flags do to a file that is there, and to one that is not; none is truncated unasked."""
        rows = (
            # pflags, content afterwards, status of a missing file
            (0x01, b"0123456789", MISSING),
            (0x02, b"0123456789", MISSING),
            (0x03, b"0123456789", MISSING),
            (0x00, b"0123456789", MISSING),
            (0x0A, b"0123456789", OK),
            (0x0E, b"0123456789", OK),
            (0x1A, b"", OK),
            (0x12, b"", MISSING),
            (0x2A, None, OK),
            (0x3A, None, OK),
        )
        for pflags, content, missing in rows:
            with self.subTest(pflags=pflags):
                self.files.put("/home/a", b"0123456789")
                reply = self.one(opening(b"a", 7, pflags))
                if content is None:
                    self.assert_status(reply, EXISTS, 7)
                else:
                    self.assertEqual(reply[0], HANDLE)
                    self.assertEqual(self.files.get("/home/a"), content)
                reply = self.one(opening(b"new", 7, pflags))
                if missing == OK:
                    self.assertEqual(self.files.get("/home/new"), b"")
                    self.files.remove("/home/new")
                else:
                    self.assert_status(reply, missing, 7)

    def test_attributes(self) -> None:
        """Attributes are for a file that is created (sshfs sends mode 0 with plain opens); without them 0666."""
        zero, mode = bytes.fromhex("00000004 00000000"), bytes.fromhex("00000004 000081b6")
        before = self.files.stat("/home/a").permissions
        for pflags in (1, 2, TO_CREATE):
            self.opened(opening(b"a", 1, pflags, zero))
        self.assertEqual(self.files.stat("/home/a").permissions, before)
        self.opened(opening(b"new", 1, TO_CREATE, mode))
        self.assertEqual(self.files.stat("/home/new").permissions, 0o644)
        self.opened(opening(b"plain", 1, TO_CREATE))
        self.assertEqual(self.files.stat("/home/plain").permissions, 0o644)

    def test_failures(self) -> None:
        """A directory, a file in the place of a directory, a directory that is not there."""
        self.assert_status(self.one(opening(b"/home", 7, 1)), Status.FILE_IS_A_DIRECTORY, 7)
        self.assert_status(self.one(opening(b"a/b", 7, TO_CREATE)), Status.NOT_A_DIRECTORY, 7)
        self.assert_status(self.one(opening(b"none/b", 7, TO_CREATE)), Status.NO_SUCH_PATH, 7)

    def test_different_handles(self) -> None:
        """Each open has a handle of its own, also of one file; none is given twice."""
        handles = [self.opened(opening(b"a")) for _ in range(20)]
        self.session.ask(*(request(CLOSE, 1, string(handle)) for handle in handles))
        handles += [self.opened(opening(b"a")) for _ in range(20)]
        self.assertEqual(len(set(handles)), 40)

    def test_limit(self) -> None:
        """MaxHandles, one below, at and above; files and directories count; a CLOSE makes room. Nothing is created."""
        self.begin(max_handles=2)
        one = self.opened(opening(b"a"))
        self.opened(request(OPENDIR, 1, string(b"/")))
        for packet in (opening(b"a"), opening(b"new", pflags=TO_CREATE), request(OPENDIR, 1, string(b"/"))):
            reply = self.one(packet)
            self.assert_status(reply, Status.FAILURE)
            self.assertEqual(string_at(reply, 9), b"Too many open handles, 2 allowed")
        self.assert_status(self.one(request(LSTAT, 1, string(b"new"))), MISSING)
        self.one(request(CLOSE, 1, string(one)))
        self.opened(opening(b"a"))

    def test_limit_of_slow_opens(self) -> None:
        """Files that are being opened at the same time cannot pass the limit; what is too much is closed again."""
        files = SlowFileSystem(self.files, ["open"])
        session = self.begin(files, max_handles=2)
        for name in (b"a", b"b", b"c"):
            session.feed(opening(name, 1, 0x0A))
        files.gate.release_all()
        self.assertEqual([reply[0] for reply in session.replies()], [HANDLE, HANDLE, STATUS])
        self.assertEqual((files.gate.opened, files.gate.closed, len(session.conversation.handles)), (3, 1, 2))


@in_versions()
class HandleTests(HandlerCase):
    """Handles that a handler chooses."""

    def choose(self, *handles: Any, before: bool = True) -> None:
        """Let a handler choose handles, in one of the phases."""
        chosen = iter(handles)

        @self.on(FileOpen)
        def choose(event: FileOpen) -> None:
            if event.before_exec is before:
                event.handle = next(chosen)

    def test_chosen(self) -> None:
        """A handler may choose, before or after, up to 256 bytes; later events tell it as it was chosen."""
        for before in (True, False):
            with self.subTest(before=before):
                self.begin(events=EventHub())
                self.on = self.session.events.on
                self.choose("mine", "é" * 128, "\udcff", "x" * 256, before=before)
                seen: list[str] = []
                self.on("FileRead", lambda event, seen=seen: seen.append(event.handle))
                for expected in (b"mine", "é".encode() * 128, b"\xff", b"x" * 256):
                    self.assertEqual(self.opened(opening(b"a")), expected)
                    self.assertEqual(string_at(self.one(reading(expected, 0, 3)), 5), b"012")
                self.assertEqual(seen, ["mine", "é" * 128, "\udcff", "x" * 256])

    def test_refused(self) -> None:
        """One that is too long, in use or no text is FAILURE and one line in the log; what was opened is closed."""
        for before, opened in ((True, 1), (False, 7)):
            files = SlowFileSystem(self.files, [])
            self.begin(files, events=EventHub())
            self.on = self.session.events.on
            self.choose("used", "x" * 257, "é" * 129, "used", b"bytes", 5, "\ud800", "", before=before)
            self.opened(opening(b"a"))
            for number in range(6):
                with self.subTest(number=number, before=before), capturedLogs() as lines:
                    self.assert_status(self.one(opening(b"a")), Status.FAILURE)
                    self.assertEqual([line["log_level"] for line in lines], [LogLevel.warn])
            self.assertEqual((files.gate.opened, files.gate.closed), (opened, opened - 1))
            self.opened(opening(b"a"))

    def test_like_ours(self) -> None:
        """A handler that counts as we do takes no handle from others."""
        self.choose("00000000", "", "")
        handles = [self.opened(opening(b"a")) for _ in range(3)]
        self.assertEqual(len(set(handles)), 3)
