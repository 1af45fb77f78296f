"""
What handlers may set of an event, and that nothing else is taken.
"""

from dataclasses import fields
from typing import Any

from conchsftp.events import EVENTS, FileEvent
from conchsftp.events.kinds import Phase
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status
from tests.session.support import (
    CLOSE,
    FSTAT,
    MKDIR,
    NO_ATTRIBUTES,
    OPENDIR,
    REALPATH,
    REMOVE,
    RENAME,
    RMDIR,
    SETSTAT,
    HandlerCase,
    opening,
    reading,
    request,
    string,
    string_at,
    writing,
)
from tests.session.versions import in_versions

PERMISSIONS = bytes.fromhex("00000004 000001ff")
REQUESTS = {
    "DirCreate": request(MKDIR, 1, string(b"new"), NO_ATTRIBUTES),
    "DirList": request(OPENDIR, 1, string(b"d")),
    "DirRemove": request(RMDIR, 1, string(b"d")),
    "FileClose": request(CLOSE, 1, string(b"00000000")),
    "FileOpen": opening(b"a", 1),
    "FileRead": reading(b"00000000", 0, 5, 1),
    "FileRemove": request(REMOVE, 1, string(b"a")),
    "FileRename": request(RENAME, 1, string(b"a"), string(b"b")),
    "FileWrite": writing(b"00000000", 0, b"x", 1),
    "GetAttributes": request(FSTAT, 1, string(b"00000000")),
    "ResolvePath": request(REALPATH, 1, string(b".")),
    "SetAttributes": request(SETSTAT, 1, string(b"a"), PERMISSIONS),
}


@in_versions()
class WritableTests(HandlerCase):
    """Each documented event of files."""

    def begin_with(self, handler: Any, name: str, phase: Phase) -> None:
        """Begin a session with a file open, and a handler for one phase of an event."""
        self.setUp()
        self.files.make_directory("/home/d", Attributes())
        self.opened(opening(b"a"))
        self.on(name, lambda event: handler(event) if event.before_exec == (phase is Phase.BEFORE) else None)

    def test_complete(self) -> None:
        """There is a request for each documented event of files."""
        self.assertEqual(
            set(REQUESTS), {name for name, each in EVENTS.items() if each.documented and issubclass(each, FileEvent)}
        )

    def test_read_only(self) -> None:
        """To set anything that is not writable is a mistake, which refuses the operation; the log names what may be."""
        for name, packet in REQUESTS.items():
            cls: Any = EVENTS[name]
            fixed = {field.name for field in fields(cls)} - {*cls.writable, "pieces"}
            self.assertLessEqual({"connection_id", "user", "before_exec"}, fixed)
            for phase in (Phase.BEFORE, Phase.AFTER):
                if phase not in cls.phases:
                    continue
                for field in sorted(fixed):
                    with self.subTest(event=name, field=field, phase=phase):
                        self.begin_with(lambda event, field=field: setattr(event, field, "other"), name, phase)
                        reply = self.one(packet)
                        self.assert_status(reply, Status.FAILURE)
                        self.assertNotIn(b"set", string_at(reply, 9))
                        (problem,) = self.flushLoggedErrors(AttributeError)
                        self.assertIn(f" has set {field};", str(problem.value))
                        self.assertIn(", ".join(cls.writable), str(problem.value))

    def test_status(self) -> None:
        """Status and message can be set in every phase of each, and are the answer."""
        for name, packet in REQUESTS.items():
            for phase in (Phase.BEFORE, Phase.AFTER):
                if phase not in EVENTS[name].phases:
                    continue
                with self.subTest(event=name, phase=phase):
                    self.begin_with(lambda event: event.deny("Not now"), name, phase)
                    reply = self.one(packet)
                    self.assert_status(reply, Status.PERMISSION_DENIED)
                    self.assertEqual(string_at(reply, 9), b"Not now")

    def test_no_status(self) -> None:
        """What is no status refuses as any other mistake does: the log names it."""
        for wrong in (999, -1, None, "OK", []):
            for phase in (Phase.BEFORE, Phase.AFTER):
                with self.subTest(wrong=wrong, phase=phase):
                    self.begin_with(lambda event, wrong=wrong: setattr(event, "status_code", wrong), "FileOpen", phase)
                    self.assert_status(self.one(REQUESTS["FileOpen"]), Status.FAILURE)
                    (problem,) = self.flushLoggedErrors(ValueError)
                    self.assertIn(f" has set status_code to {wrong!r}; a Status expected", str(problem.value))
