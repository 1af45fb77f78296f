"""
Copies on the server: copy-file, and what ends a copy.
"""

import os
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.events import EventHub, ExtendedRequest, FileClose, FileOpen
from conchsftp.files import local_file
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.files.supplied.sink import SpooledSink
from conchsftp.interfaces import ICopy
from conchsftp.session import on_copies
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status
from tests.files.support import open_descriptors
from tests.session.local import CONTENT, LocalCase
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    FOR_BOTH,
    Avatar,
    HandlerCase,
    Session,
    SessionCase,
    extension,
    opening,
    reading,
    string,
    string_at,
    u64,
    writing,
)
from tests.session.versions import in_versions


def copy(path: bytes = b"a", new_path: bytes = b"new", overwrite: bool = False) -> bytes:
    """Lay out copy-file, with id 7."""
    return extension(b"copy-file", 7, string(path), string(new_path), bytes([overwrite]))


class AboutCopies:
    """What holds on every file system."""

    def copied(self: Any, *args: Any) -> bytes:
        """Copy, and return what is in the new file."""
        self.assert_status(self.one(copy(*args)), Status.OK, 7)
        self.assertEqual(len(self.session.conversation.handles), 0)
        path = args[1] if len(args) > 1 else b"new"
        handle = self.opened(opening(path, pflags=1))
        data = string_at(self.one(reading(handle, 0, 10_000)), 5)
        self.session.conversation.handles.remove(handle).close()
        return data

    def mode(self: Any, name: str) -> int:
        """Return the permissions of a file."""
        found: int = self.session.files.lstat(f"/home/{name}").permissions & 0o7777
        return found

    def test_new(self: Any) -> None:
        """A new file has the content and the mode of the source, the umask and special bits taken away, as from cp."""
        self.session.files.set_attributes("/home/a", Attributes(permissions=0o4771), True)
        self.assertEqual(self.copied(), CONTENT)
        self.assertEqual(self.mode("new"), 0o771 & ~self.umask)

    def test_empty(self: Any) -> None:
        """An empty file is copied as well, also over another one."""
        self.put("empty", b"")
        self.assert_status(self.one(copy(b"empty")), Status.OK)
        self.assert_status(self.one(copy(b"empty", b"a", True)), Status.OK)
        self.assertEqual(self.session.files.stat("/home/a").size, 0)

    def test_existing(self: Any) -> None:
        """One that exists is replaced only if the client says so; it keeps its mode, and nothing of what it held."""
        for before in (b"old", b"old" * 1000):
            self.put("old", before)
            self.session.files.set_attributes("/home/old", Attributes(permissions=0o600), True)
            self.assert_status(self.one(copy(b"a", b"old")), Status.FILE_ALREADY_EXISTS)
            self.assertEqual(self.session.files.stat("/home/old").size, len(before))
            self.assertEqual(self.copied(b"a", b"old", True), CONTENT)
            self.assertEqual(self.mode("old"), 0o600)

    def test_one_file(self: Any) -> None:
        """A file is not copied to itself, by whatever name; nothing happens to it."""
        self.session.files.make_symlink("/home/link", "a")
        self.session.files.make_hard_link("/home/a", "/home/second")
        for name in (b"a", b"./a", b"link", b"second"):
            reply = self.one(copy(b"a", name, True))
            self.assert_status(reply, Status.INVALID_PARAMETER)
            self.assertIn(b"one file", reply)
        self.assertEqual(self.session.files.stat("/home/a").size, len(CONTENT))

    def test_refused(self: Any) -> None:
        """No directories, nothing that is not there, no place that is not there."""
        self.session.files.make_directory("/home/folder", Attributes())
        for source, target, status in (
            (b"folder", b"new", Status.FILE_IS_A_DIRECTORY),
            (b"a", b"folder", Status.FILE_IS_A_DIRECTORY),
            (b"missing", b"new", Status.NO_SUCH_FILE),
            (b"a", b"missing/new", Status.NO_SUCH_PATH),
        ):
            for overwrite in (False, True):
                exists = target == b"folder" and not overwrite
                expected = Status.FILE_ALREADY_EXISTS if exists else status
                self.assert_status(self.one(copy(source, target, overwrite)), expected)
        self.assertEqual(len(self.session.conversation.handles), 0)
        self.assertFalse(self.there("new"))

    def test_cut_short(self: Any) -> None:
        """A request that ends too early is BAD_MESSAGE."""
        whole = copy()[4:]
        for end in range(9 + len(b"copy-file"), len(whole)):
            self.assert_status(self.one(string(whole[:end])), Status.BAD_MESSAGE, 7)

    def there(self: Any, name: str) -> bool:
        """Whether a file is there."""
        try:
            self.session.files.lstat(f"/home/{name}")
        except OSError:
            return False
        return True


class MemoryCase(SessionCase):
    """A session in memory."""

    umask = 0o022

    def setUp(self) -> None:
        super().setUp()
        self.put("a", CONTENT)

    def put(self, name: str, data: bytes) -> None:
        self.files.put(f"/home/{name}", data)


@in_versions()
class MemoryTests(AboutCopies, MemoryCase):
    """In memory."""


@in_versions()
class PieceTests(AboutCopies, MemoryCase):
    """In memory, where files cannot copy themselves: read and written piece by piece."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(on_copies, "LARGEST_READ", len(CONTENT) + 1)
        self.patch(on_copies, "ICopy", type("None", (), {"providedBy": staticmethod(lambda file: False)}))

    def test_one_file(self) -> None:
        """A file of another name cannot be told from another file, but is not hurt."""
        self.session.files.make_hard_link("/home/a", "/home/second")
        self.assert_status(self.one(copy(b"a", b"second", True)), Status.OK)
        self.assertEqual(self.files.get("/home/a"), CONTENT)


@in_versions()
class LocalTests(AboutCopies, LocalCase):
    """On a disk: in threads."""

    def test_lost(self) -> None:
        """When the session ends, the copy does, and nothing is left of a file that it has made."""
        self.patch(local_file, "COPY_STEP", 100)
        before = open_descriptors()
        for overwrite in (False, True):
            self.begin(self.session.files)
            self.session.feed(copy(overwrite=overwrite))
            for _ in range(3):
                self.pool.waiting.pop(0)()
            self.assertTrue(self.there("new"))
            self.session.lose()
            calls = self.pool.calls
            self.pool.work()
            self.assertLessEqual(self.pool.calls, calls + 1)
            self.assertFalse(self.there("new"))
            self.assertEqual(open_descriptors(), before)

    def test_data_lost(self) -> None:
        """copy-data ends with the session as well; what was copied stays in a file that the client has opened."""
        self.patch(local_file, "COPY_STEP", 100)
        one, two = self.opened(opening(b"a")), self.opened(opening(b"b", pflags=0x1A))
        self.session.feed(extension(b"copy-data", 1, string(one), u64(0), u64(0), string(two), u64(0)))
        self.pool.waiting.pop(0)()
        self.session.lose()
        calls = self.pool.calls
        self.pool.work()
        self.assertLessEqual(self.pool.calls, calls + 1)
        self.assertLess(self.session.files.stat("/home/b").size, len(CONTENT))

    def test_disk_full(self) -> None:
        """A copy that fails leaves nothing of what it has made; an existing file is left as far as it was written."""

        def fail(*args: Any) -> int:
            raise OSError(28, "full")

        self.put("old", b"old")
        self.patch(local_file, "copy_step", fail)
        for name, overwrite in ((b"new", False), (b"new", True), (b"old", True)):
            reply = self.one(copy(b"a", name, overwrite))
            self.assert_status(reply, Status.NO_SPACE_ON_FILESYSTEM)
            self.assertIn(b"No space left", reply)
        self.assertEqual((self.there("new"), self.there("old")), (False, True))
        self.flushLoggedErrors()

    def test_replaced_meanwhile(self) -> None:
        """What somebody else has put in the place of an unfinished copy stays."""
        self.patch(local_file, "COPY_STEP", 100)
        self.session.feed(copy())
        for _ in range(3):
            self.pool.waiting.pop(0)()
        os.unlink(f"{self.root}/home/new")
        self.put("new", b"another")
        self.session.lose()
        self.pool.work()
        self.assertTrue(self.there("new"))

    def test_order(self) -> None:
        """What was written before is copied, also by handle; other files can be written meanwhile."""
        handle = self.opened(opening(b"a", pflags=FOR_BOTH))
        self.session.feed(writing(handle, 0, b"x"), copy(), opening(b"other", pflags=0x1A))
        self.assertTrue(self.there("other"))
        self.pool.work()
        with open(f"{self.root}/home/new", "rb") as file:
            self.assertEqual(file.read(), b"x" + CONTENT[1:])


@in_versions()
class HandlerTests(HandlerCase):
    """Handlers of events."""

    def test_told(self) -> None:
        """They are told of the copy, and of both files as of any that are opened and closed."""
        for event in (ExtendedRequest, FileOpen, FileClose):
            self.on(event, lambda event: self.calls.append((event.name, event.path, event.before_exec)))
        self.on(ExtendedRequest, lambda event: self.calls.append((event.target, event.arguments, event.request_name)))
        self.assert_status(self.one(copy()), Status.OK)
        about = ("/home/new", {"overwrite": False}, "copy-file")
        self.assertEqual(
            [call for call in self.calls if call[-1] is not False],
            [
                ("ExtendedRequest", "/home/a", True),
                about,
                ("FileOpen", "/home/a", True),
                ("FileOpen", "/home/new", True),
                *[("FileClose", path, True) for path in ("/home/new", "/home/a") if FileClose.phases.value & 1],
                about,
            ],
        )

    def test_refused(self) -> None:
        """Whoever refuses one of the two files refuses the copy."""
        for name in ("/home/a", "/home/new"):
            handler = self.on(FileOpen, lambda event, name=name: event.path == name and event.deny("Not this"))
            self.assert_status(self.one(copy()), Status.PERMISSION_DENIED)
            self.assertFalse(self.exists("/home/new"))
            del handler

    def test_supplied(self) -> None:
        """What handlers supply can be copied, and what they take copied to; only a whole file is handed over."""
        taken: list[bytes] = []

        @self.on(FileOpen)
        def divert(event: FileOpen) -> None:
            if event.before_exec and event.path.endswith("made"):
                event.result = b"content"
            elif event.before_exec and event.path.endswith("sink"):
                event.result = SpooledSink(lambda file, size: taken.append(file.read()))

        self.assert_status(self.one(copy(b"made", b"sink")), Status.OK)
        self.assertEqual(taken, [b"content"])
        self.assert_status(self.one(copy(b"made", b"new")), Status.OK)
        self.assertEqual(self.files.get("/home/new"), b"content")

    def test_failing_sink(self) -> None:
        """What the taker of a copy says of it is the answer."""

        def refuse(file: Any, size: int) -> None:
            raise SFTPError(Status.QUOTA_EXCEEDED, "Too much")

        @self.on(FileOpen)
        def divert(event: FileOpen) -> None:
            if event.before_exec and event.path.endswith("sink"):
                event.result = SpooledSink(refuse)

        reply = self.one(copy(b"a", b"sink"))
        self.assert_status(reply, Status.QUOTA_EXCEEDED)
        self.assertIn(b"Too much", reply)

    def test_virtual(self) -> None:
        """Without a file system it is unsupported, unless a handler does it."""
        events = EventHub(clock=None)
        self.begin(None, avatar=Avatar(None), events=events)
        self.assert_status(self.one(copy()), Status.OP_UNSUPPORTED)
        events.on(FileOpen, lambda event: setattr(event, "handled", True))
        self.assert_status(self.one(copy()), Status.OP_UNSUPPORTED)
        events.on(ExtendedRequest, lambda event: setattr(event, "handled", True))
        self.assert_status(self.one(copy()), Status.OK)


@in_versions()
class SlowTests(SessionCase):
    """A file system that takes its time."""

    def test_lost(self) -> None:
        """A copy piece by piece ends with the session, and what it has made is removed."""
        self.files = MemoryFileSystem({"/home/a": CONTENT})
        self.patch(on_copies, "LARGEST_READ", 256)
        slow = SlowFileSystem(self.files, ["file.write"])
        slow.file_abilities = tuple(each for each in slow.file_abilities if each is not ICopy)
        self.patch(on_copies, "ICopy", type("None", (), {"providedBy": staticmethod(lambda file: False)}))
        session: Session = self.begin(slow)
        session.feed(copy())
        self.assertEqual(slow.gate.held, ["file.write"])
        session.lose()
        slow.gate.release_all()
        session.next_turn()
        self.assertRaises(OSError, self.files.get, "/home/new")
        self.assertEqual(slow.gate.closed, 2)
