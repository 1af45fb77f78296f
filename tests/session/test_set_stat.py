"""
SetStatPolicy: what of a SETSTAT is applied, ignored or refused, and what the client is told.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.events import EventHub, SetAttributes, TransferFinished
from conchsftp.files.local import LocalFileSystem
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.session.set_stat import IGNORED
from conchsftp.settings.table import TABLE
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status
from tests.files.support import inline_workers
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    CLOSE,
    FSETSTAT,
    MKDIR,
    SETSTAT,
    TO_CREATE,
    HandlerCase,
    SessionCase,
    extension,
    opening,
    request,
    string,
    string_at,
    writing,
)
from tests.session.versions import in_versions

OK = Status.OK
SIZE, OWNER, MODE, TIMES = "0000000000000003", "00000007 00000007", "00000180", "00000001 00000002"


def everything(*, size: bool = True) -> bytes:
    """Lay out attributes: a size, the owner 7, the mode 0600, the times 1 and 2."""
    return bytes.fromhex(f"0000000{'f' if size else 'e'} {SIZE if size else ''} {OWNER} {MODE} {TIMES}")


class Forbidding(MemoryFileSystem):
    """Refuses to change modes, as a file system that has none; `problem` is how."""

    problem: Exception = PermissionError(1, "Operation not permitted", "/secret")

    def set_attributes(self, path: str, attributes: Attributes, follow: bool) -> None:
        if attributes.size is not None:
            super().set_attributes(path, Attributes(size=attributes.size), follow)
        if attributes.permissions is not None:
            raise self.problem

    def open(self, *args: Any) -> Any:
        file = super().open(*args)
        file.set_attributes = lambda attributes: self.set_attributes("/home/a", attributes, True)
        return file


@in_versions()
class PolicyTests(SessionCase):
    """The three policies, by path and by handle, on every kind of file system."""

    def systems(self) -> list[Callable[[], Any]]:
        """Return what makes a file system with the file /home/a in it: at once, later, on disk."""
        return [self.in_memory, lambda: SlowFileSystem(self.in_memory(), []), self.on_disk]

    def in_memory(self) -> Any:
        return MemoryFileSystem({"/home/a": b"0123456789"})

    def on_disk(self) -> Any:
        root = Path(self.mktemp())
        (root / "home").mkdir(parents=True)
        (root / "home" / "a").write_bytes(b"0123456789")
        return LocalFileSystem(root, workers=inline_workers())

    def every_way(self, policy: str, attributes: bytes) -> Any:
        """Yield before and after each way to set attributes that is answered OK."""
        for make in self.systems():
            for way in ("path", "handle", "link"):
                with self.subTest(policy=policy, way=way, files=make):
                    files = make()
                    self.begin(files, set_stat_policy=policy)
                    handle = self.opened(opening(b"a"))
                    before = files.stat("/home/a")
                    packets = {
                        "path": request(SETSTAT, 1, string(b"a"), attributes),
                        "handle": request(FSETSTAT, 1, string(handle), attributes),
                        "link": extension(b"lsetstat@openssh.com", 1, string(b"a"), attributes),
                    }
                    if way != "link" or not attributes[3] & 1:
                        self.assert_status(self.one(packets[way]), OK)
                        yield before, files.stat("/home/a")
                    self.session.lose()

    def test_apply(self) -> None:
        """`apply` is the default, and does it."""
        self.assertEqual(self.session.settings.set_stat_policy, "apply")
        for _, after in self.every_way("apply", bytes.fromhex(f"0000000d {SIZE} {MODE} {TIMES}")):
            self.assertEqual((after.size, after.permissions, after.atime, after.mtime), (3, 0o600, 1, 2))

    def test_ignore_mode_and_owner(self) -> None:
        """These two stay as they are; the size and the times are set."""
        for size in (True, False):
            for before, after in self.every_way("ignore-mode-and-owner", everything(size=size)):
                self.assertEqual((after.size, after.atime, after.mtime), (3 if size else 10, 1, 2))
                self.assertEqual((after.permissions, after.uid), (before.permissions, before.uid))

    def test_ignore_all(self) -> None:
        """Everything stays as it is; but the size is set."""
        for size in (True, False):
            for before, after in self.every_way("ignore-all", everything(size=size)):
                self.assertEqual(after.size, 3 if size else 10)
                self.assertEqual((after.permissions, after.uid), (before.permissions, before.uid))
                if not size:
                    self.assertEqual((after.atime, after.mtime), (before.atime, before.mtime))

    def test_missing(self) -> None:
        """What is ignored is still asked of something: a missing file is missing, a stale handle invalid."""
        for policy in IGNORED:
            self.begin(set_stat_policy=policy)
            mode = bytes.fromhex(f"00000004 {MODE}")
            for packet in (
                request(SETSTAT, 1, string(b"none"), mode),
                extension(b"lsetstat@openssh.com", 1, string(b"none"), mode),
            ):
                self.assert_status(self.one(packet), Status.NO_SUCH_FILE)
            self.assert_status(self.one(request(FSETSTAT, 1, string(b"none"), mode)), Status.INVALID_HANDLE)

    def test_new_ones(self) -> None:
        """The mode of OPEN and MKDIR is no SETSTAT: it is applied under every policy."""
        mode = bytes.fromhex(f"00000004 {MODE}")
        for number, policy in enumerate(IGNORED):
            self.begin(set_stat_policy=policy)
            self.opened(opening(b"f%d" % number, pflags=TO_CREATE, attributes=mode))
            self.assert_status(self.one(request(MKDIR, 1, string(b"d%d" % number), mode)), OK)
            for name in (f"/home/f{number}", f"/home/d{number}"):
                self.assertEqual(self.files.stat(name).permissions, 0o600)

    def test_at_once(self) -> None:
        """A policy holds from when it is set, also in a session that is there."""
        mode = request(SETSTAT, 1, string(b"a"), bytes.fromhex(f"00000004 {MODE}"))
        self.session.settings.set_stat_policy = "ignore-all"
        self.assert_status(self.one(mode), OK)
        self.assertEqual(self.files.stat("/home/a").permissions, 0o644)
        self.session.settings.set_stat_policy = "apply"
        self.assert_status(self.one(mode), OK)
        self.assertEqual(self.files.stat("/home/a").permissions, 0o600)

    def test_table(self) -> None:
        """Every policy of the setting is known, and none ignores the size."""
        described = TABLE.find("SetStatPolicy").kind.described
        self.assertEqual(described.count("`"), 2 * len(IGNORED))
        for policy, ignored in IGNORED.items():
            self.assertIn(f"`{policy}`", described)
            self.assertNotIn("size", ignored)


@in_versions()
class RefusedTests(HandlerCase):
    """A file system that refuses."""

    def setUp(self) -> None:
        super().setUp()
        self.files = Forbidding({"/home/a": b"0123456789"})
        self.session = self.begin(events=self.session.events)

    def refused(self, attributes: str, status: Status = Status.PERMISSION_DENIED) -> str:
        """Set attributes of the file and return the text of the refusal."""
        reply = self.one(request(SETSTAT, 1, string(b"a"), bytes.fromhex(attributes)))
        self.assert_status(reply, status)
        return string_at(reply, 9).decode()

    def test_told(self) -> None:
        """A refusal says that only the attribute was refused, which, and why; and nothing of this machine."""
        self.assertEqual(self.refused(f"00000004 {MODE}"), "The mode cannot be changed: Permission denied")
        text = self.refused(f"0000000d {SIZE} {MODE} {TIMES}")
        self.assertEqual(text, "Not all of size, mode and times could be changed: Permission denied")
        self.assertEqual(self.files.get("/home/a"), b"012", "the size is always set")

    def test_own_words(self) -> None:
        """The reason that a file system gives is kept."""
        # In versions that are told more the session works on another one, of the same files.
        self.session.conversation.files.problem = SFTPError(Status.OP_UNSUPPORTED, "This shelf has no modes")
        text = self.refused(f"00000004 {MODE}", Status.OP_UNSUPPORTED)
        self.assertEqual(text, "The mode cannot be changed: This shelf has no modes")

    def test_later(self) -> None:
        """Also where it takes its time to refuse."""
        files = SlowFileSystem(self.files)
        self.begin(files)
        self.session.feed(request(SETSTAT, 1, string(b"a"), bytes.fromhex(f"00000004 {MODE}")))
        files.gate.release()
        (reply,) = self.session.replies()
        self.assertEqual(string_at(reply, 9), b"The mode cannot be changed: Permission denied")

    def test_handler(self) -> None:
        """A handler that refuses has its own words, unchanged."""
        self.on(SetAttributes, lambda event: event.refuse(SFTPError(Status.PERMISSION_DENIED, "Not on Sundays")))
        self.assertEqual(self.refused(f"00000004 {MODE}"), "Not on Sundays")

    def test_seen(self) -> None:
        """Handlers see what the client asked for, under every policy, and may change it."""
        seen: list[Any] = []
        self.on(SetAttributes, lambda event: seen.append((event.file_permissions, event.status_code)))
        for policy in IGNORED:
            self.session.settings.set_stat_policy = policy
            self.one(request(SETSTAT, 1, string(b"a"), bytes.fromhex(f"00000004 {MODE}")))
        refused = int(Status.PERMISSION_DENIED)
        self.assertEqual(seen, [(0o600, 0), (0o600, refused)] + [(0o600, 0)] * 4)

    def test_upload(self) -> None:
        """An upload whose mode is refused before CLOSE is complete: TransferFinished says so."""
        told: list[tuple[int, bool, int]] = []
        events = EventHub(clock=None)
        events.on(TransferFinished, lambda event: told.append((event.bytes, event.upload, event.status_code)))
        self.begin(events=events)
        handle = self.opened(opening(b"a", pflags=TO_CREATE))
        self.assert_status(self.one(writing(handle, 0, b"all of it")), OK)
        mode = request(FSETSTAT, 1, string(handle), bytes.fromhex(f"00000004 {MODE}"))
        reply = self.one(mode)
        self.assert_status(reply, Status.PERMISSION_DENIED)
        self.assertEqual(string_at(reply, 9), b"The mode cannot be changed: Permission denied")
        self.assert_status(self.one(request(CLOSE, 1, string(handle))), OK)
        self.assertEqual(told, [(9, True, OK)])
        self.assertEqual(self.files.get("/home/a"), b"all of it")
