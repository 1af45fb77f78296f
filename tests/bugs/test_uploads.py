"""
Uploads in parts: what others see of them meanwhile, and what the events say of them.
"""

from errno import ENOSPC
from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.events import FileOpen, FileRename, FileWrite, TransferFinished
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status
from conchsftp.testing import memory_server
from tests.bugs.classes import bug_class
from tests.bugs.support import LocalWireCase, WireCase
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    ATTRS,
    CLOSE,
    FOR_READING,
    FOR_WRITING,
    FSETSTAT,
    FSTAT,
    LSTAT,
    OPENDIR,
    READDIR,
    REMOVE,
    RENAME,
    STAT,
    TO_CREATE,
    extension,
    numbers,
    opening,
    reading,
    request,
    string,
    string_at,
    u32,
    u64,
    writing,
)
from tests.session.versions import in_versions

FIRST, SECOND = b"the first half, ", b"and the second"


def rename(path: bytes, new_path: bytes) -> bytes:
    return request(RENAME, 1, string(path), string(new_path))


def posix_rename(path: bytes, new_path: bytes) -> bytes:
    return extension(b"posix-rename@openssh.com", 1, string(path), string(new_path))


def size_in(reply: bytes) -> int:
    """Return the size in an ATTRS reply."""
    assert reply[0] == ATTRS, reply
    assert reply[8] & 1
    return int.from_bytes(reply[9:17], "big")


@bug_class(24)
class AboutPartialFiles:
    """Clients write to another name and rename at the end: `.filepart` (WinSCP), `.partial` (rclone), `.part`."""

    def test_name_is_free_until_the_end(self: Any) -> None:
        """Until it is renamed, the upload is under its own name only; afterwards under the other one only, whole."""
        for ending, renaming in ((b".filepart", rename), (b".part", rename), (b".1f3a.partial", posix_rename)):
            name, part = b"/up to" + ending[:5], b"/up to" + ending[:5] + ending
            handle = self.open(part, TO_CREATE)
            self.assert_status(self.one(writing(handle, 0, FIRST + SECOND)), Status.OK)
            self.assert_status(self.one(request(STAT, 1, string(name))), Status.NO_SUCH_FILE)
            self.close(handle)
            self.assert_status(self.one(renaming(part, name)), Status.OK)
            self.assert_status(self.one(request(LSTAT, 1, string(part))), Status.NO_SUCH_FILE)
            self.assertEqual(self.get(name.decode()), FIRST + SECOND)

    def test_replacing(self: Any) -> None:
        """What is there under the final name stays whole until the rename, which replaces it at once."""
        self.put("/up", b"the old one")
        handle = self.open(b"/up.part", TO_CREATE)
        self.assert_status(self.one(writing(handle, 0, FIRST)), Status.OK)
        self.assertEqual(self.get("/up"), b"the old one")
        self.close(handle)
        self.assert_status(self.one(rename(b"/up.part", b"/up")), Status.FILE_ALREADY_EXISTS)
        self.assertEqual((self.get("/up"), self.get("/up.part")), (b"the old one", FIRST))
        self.assert_status(self.one(posix_rename(b"/up.part", b"/up")), Status.OK)
        self.assertEqual((self.get("/up"), self.names("/")), (FIRST, ["up"]))

    def test_removed_first(self: Any) -> None:
        """WinSCP removes the old file before it renames."""
        self.put("/up", b"the old one")
        self.put("/up.filepart", FIRST)
        self.assert_status(self.one(request(REMOVE, 1, string(b"/up"))), Status.OK)
        self.assert_status(self.one(rename(b"/up.filepart", b"/up")), Status.OK)
        self.assertEqual(self.get("/up"), FIRST)

    def test_size_while_uploading(self: Any) -> None:
        """The size that STAT tells grows with every WRITE that was answered, for this session and for others."""
        other = self.begin()
        handle = self.open(b"/up.part", TO_CREATE)
        for size in (0, 10_000, 20_000, 30_000):
            if size:
                self.assert_status(self.one(writing(handle, size - 10_000, b"x" * 10_000)), Status.OK)
            for ask, session in (
                (request(STAT, 1, string(b"/up.part")), other),
                (request(LSTAT, 1, string(b"/up.part")), self.session),
                (request(FSTAT, 1, string(handle)), self.session),
            ):
                self.assertEqual(size_in(session.ask(ask)[0]), size)

    def test_dropped(self: Any) -> None:
        """A connection that breaks leaves the part as far as it was written; a new one asks how far, and goes on."""
        handle = self.open(b"/up.filepart", TO_CREATE)
        self.assert_status(self.one(writing(handle, 0, FIRST)), Status.OK)
        self.session.memory.cut()
        self.assertEqual(self.names("/"), ["up.filepart"])
        self.session = self.begin()
        at = size_in(self.one(request(STAT, 1, string(b"/up.filepart"))))
        self.assertEqual(at, len(FIRST))
        handle = self.open(b"/up.filepart", FOR_WRITING)
        self.assert_status(self.one(writing(handle, at, SECOND)), Status.OK)
        self.close(handle)
        self.assert_status(self.one(rename(b"/up.filepart", b"/up")), Status.OK)
        self.assertEqual(self.get("/up"), FIRST + SECOND)

    def test_renamed_while_open(self: Any) -> None:
        """A part that is renamed before it is closed keeps what is written afterwards."""
        handle = self.open(b"/up.part", TO_CREATE)
        self.assert_status(self.one(writing(handle, 0, FIRST)), Status.OK)
        self.assert_status(self.one(rename(b"/up.part", b"/up")), Status.OK)
        self.assert_status(self.one(writing(handle, len(FIRST), SECOND)), Status.OK)
        self.close(handle)
        self.assertEqual((self.get("/up"), self.names("/")), (FIRST + SECOND, ["up"]))


@in_versions()
class PartialFileTests(AboutPartialFiles, WireCase):
    """In memory."""


@in_versions()
class LocalPartialFileTests(AboutPartialFiles, LocalWireCase):
    """On a disk."""


@bug_class(25)
class AboutOneView:
    """rclone and FileZilla keep several connections, and go on with any of them as soon as CLOSE is answered."""

    def test_after_close(self: Any) -> None:
        """What one connection has closed, the next may measure, change, rename, list and read."""
        other = self.begin()
        handle = self.open(b"/up", TO_CREATE)
        self.assert_status(self.one(writing(handle, 0, FIRST)), Status.OK)
        self.close(handle)
        self.assertEqual(size_in(other.ask(request(LSTAT, 1, string(b"/up")))[0]), len(FIRST))
        times = u32(8) + u32(1_500_000_000) * 2
        for packet in (extension(b"lsetstat@openssh.com", 1, string(b"/up"), times), rename(b"/up", b"/there")):
            self.assert_statuses(other.ask(packet), Status.OK)
        handle = self.open(b"/there", FOR_READING)
        self.assertEqual(string_at(self.one(reading(handle, 0, 100)), 5), FIRST)
        listing = self.opened(request(OPENDIR, 1, string(b"/")))
        self.assertIn(b"there", self.one(request(READDIR, 1, string(listing))))

    def test_at_once(self: Any) -> None:
        """Requests of two connections that arrive in turn see each other's effects, one by one."""
        other = self.begin()
        for number in range(20):
            one, two = (self.session, other) if number % 2 else (other, self.session)
            path = b"/%d" % number
            handle = string_at(one.ask(opening(path, 1, TO_CREATE))[0], 5)
            one.ask(writing(handle, 0, path), request(CLOSE, 1, string(handle)))
            self.assertEqual(size_in(two.ask(request(STAT, 1, string(path)))[0]), len(path))
            self.assert_statuses(two.ask(request(REMOVE, 1, string(path))), Status.OK)
            self.assert_statuses(one.ask(request(STAT, 1, string(path))), Status.NO_SUCH_FILE)


@in_versions()
class OneViewTests(AboutOneView, WireCase):
    """In memory."""


@in_versions()
class LocalOneViewTests(AboutOneView, LocalWireCase):
    """On a disk."""


@in_versions()
@bug_class(25)
class SlowDiskTests(LocalWireCase):
    """On a disk that is slow, so that every call runs in a thread."""

    settings = {"file_threads": "threads"}

    def test_close_waits_for_the_data(self) -> None:
        """CLOSE is answered when everything before it is on the disk and the file is closed: never sooner."""
        threads = self.session.clock.threads
        handle = self.open(b"/up", TO_CREATE)
        threads.hold = True
        writes = [writing(handle, at * 1000, b"x" * 1000, at) for at in range(5)]
        replies = self.session.ask(*writes, request(CLOSE, 9, string(handle)))
        while threads:
            threads.finish()
            replies += self.session.replies()
            if 9 in numbers(replies):
                self.assertEqual(self.get("/up"), b"x" * 5000)
        self.assertEqual(numbers(replies), [0, 1, 2, 3, 4, 9])

    def test_rename_behind_close(self) -> None:
        """The same holds for what a second connection asks when it has seen that answer: it finds the whole file."""
        other = self.begin()
        threads = self.session.clock.threads
        handle = self.open(b"/up.part", TO_CREATE)
        threads.hold = True
        replies = self.session.ask(writing(handle, 0, FIRST), request(CLOSE, 9, string(handle)))
        while 9 not in numbers(replies):
            threads.finish()
            replies += self.session.replies()
        threads.hold = False
        self.assert_statuses(other.ask(rename(b"/up.part", b"/up")), Status.OK)
        self.assertEqual(size_in(other.ask(request(STAT, 1, string(b"/up")))[0]), len(FIRST))


@in_versions()
@bug_class(25)
class LateCommitTests(WireCase):
    """A file system of an application's own, that stores a file when it is closed."""

    def make_server(self, **settings: Any) -> Any:
        settings = {"protocol_version": self.version, **settings}
        self.slow = SlowFileSystem(self.files, ["file.close"])
        return memory_server(SFTPAvatar("user", files=self.slow), **settings)

    def test_close_waits(self) -> None:
        """CLOSE is answered when closing is over; other requests need not wait for it."""
        handle = self.open(b"/up", TO_CREATE)
        self.assertEqual(self.session.ask(request(CLOSE, 9, string(handle))), [])
        self.assertEqual(len(self.begin().ask(request(STAT, 1, string(b"/")))), 1)
        self.slow.gate.release()
        self.assert_statuses(self.session.replies(), Status.OK)

    def test_failed_close(self) -> None:
        """If storing fails, CLOSE says so."""
        handle = self.open(b"/up", TO_CREATE)
        self.session.ask(request(CLOSE, 9, string(handle)))
        self.slow.gate.fail(OSError(ENOSPC, "No space left"))
        self.assert_statuses(self.session.replies(), Status.NO_SPACE_ON_FILESYSTEM)


class EventCase(WireCase):
    """
    Somebody listens.

    Attributes:
        told: what they were told, in order.
    """

    def setUp(self) -> None:
        super().setUp()
        self.told: list[Any] = []
        self.server.on(TransferFinished, self.transferred)
        self.server.on(FileRename, self.renamed)
        self.session = self.begin()

    def transferred(self, event: TransferFinished) -> None:
        self.told.append((event.final_path, event.bytes, event.upload, Status(event.status_code)))

    def renamed(self, event: FileRename) -> None:
        if not event.before_exec:
            self.told.append((event.path, event.new_path, Status(event.status_code)))

    def upload(self, path: bytes, data: bytes = FIRST) -> None:
        handle = self.open(path, TO_CREATE)
        self.one(writing(handle, 0, data))
        self.one(request(FSETSTAT, 1, string(handle), u32(4) + u32(0o644)))
        self.one(request(CLOSE, 1, string(handle)))


@in_versions()
@bug_class(38)
class EventTests(EventCase):
    """Whoever acts on an upload has to be told of the right file, once, and whether it went well."""

    def test_part_and_rename(self) -> None:
        """The upload is reported under the name that was written, and then its rename: together they say it all."""
        for renaming in (rename, posix_rename):
            self.told.clear()
            self.upload(b"/up.part")
            self.one(renaming(b"/up.part", b"/" + renaming.__name__.encode()))
            uploaded = ("/up.part", len(FIRST), True, Status.OK)
            self.assertEqual(self.told, [uploaded, ("/up.part", f"/{renaming.__name__}", Status.OK)])

    def test_renamed_while_open(self) -> None:
        """What was renamed before it was closed is reported under the name that it has now."""
        handle = self.open(b"/up.part", TO_CREATE)
        self.one(writing(handle, 0, FIRST))
        self.one(rename(b"/up.part", b"/up"))
        self.close(handle)
        self.assertEqual(self.told, [("/up.part", "/up", Status.OK), ("/up", len(FIRST), True, Status.OK)])

    def test_folder_renamed_meanwhile(self) -> None:
        """The same where a folder above it was renamed."""
        self.files.make_directory("/in", Attributes())
        handle = self.open(b"/in/up", TO_CREATE)
        self.one(rename(b"/in", b"/done"))
        self.close(handle)
        self.assertEqual(self.told[1:], [("/done/up", 0, True, Status.OK)])

    def test_failed_rename(self) -> None:
        """A rename that failed is reported as one that failed."""
        self.upload(b"/up.part")
        self.put("/up")
        self.one(rename(b"/up.part", b"/up"))
        self.assertEqual([each[-1] for each in self.told], [Status.OK, Status.FILE_ALREADY_EXISTS])

    def test_cut_off(self) -> None:
        """An upload whose connection broke is none that went well."""
        handle = self.open(b"/up", TO_CREATE)
        self.one(writing(handle, 0, FIRST))
        self.session.memory.cut()
        self.assertEqual(self.told, [("/up", len(FIRST), True, Status.CONNECTION_LOST)])

    def test_download(self) -> None:
        """A download is no upload, and one that was broken off is reported as well."""
        self.put("/down", FIRST)
        handle = self.open(b"/down", FOR_READING)
        self.one(reading(handle, 0, 4))
        self.close(handle)
        self.assertEqual(self.told, [("/down", 4, False, Status.OK)])

    def test_nothing_uploaded(self) -> None:
        """A file that could not be opened, or was only looked at, is not reported; nor is what changes attributes."""
        self.put("/there", FIRST)
        for packet in (
            opening(b"/nowhere/up", 1, TO_CREATE),
            opening(b"/there", 1, TO_CREATE | 0x20),
            request(9, 1, string(b"/there"), u32(1) + u64(3)),
        ):
            self.one(packet)
        handle = self.open(b"/there", FOR_READING)
        self.one(request(FSTAT, 1, string(handle)))
        self.close(handle)
        self.assertEqual(self.told, [])

    def test_refused(self) -> None:
        """An upload of which a handler refuses a part has failed, though CLOSE succeeds."""
        for before in (True, False):

            def refuse(event: Any, before: bool = before) -> None:
                if event.before_exec == before and event.file_offset:
                    raise SFTPError(Status.QUOTA_EXCEEDED, "Enough")

            self.setUp()
            self.server.on(FileWrite, refuse)
            self.session = self.begin()
            handle = self.open(b"/up", TO_CREATE)
            self.assert_status(self.one(writing(handle, 0, FIRST)), Status.OK)
            self.assert_status(self.one(writing(handle, len(FIRST), SECOND)), Status.QUOTA_EXCEEDED)
            self.close(handle)
            written = len(FIRST) if before else len(FIRST + SECOND)
            self.assertEqual(self.told, [("/up", written, True, Status.QUOTA_EXCEEDED)])

    def test_not_opened(self) -> None:
        """An upload whose opening is refused is none."""

        def refuse(event: Any) -> None:
            raise SFTPError(Status.PERMISSION_DENIED)

        self.server.on(FileOpen, refuse)
        self.session = self.begin()
        self.assert_status(self.one(opening(b"/up", 1, TO_CREATE)), Status.PERMISSION_DENIED)
        self.assertEqual(self.told, [])


@in_versions()
@bug_class(38)
class FullDiskTests(EventCase):
    """A disk that has no room left."""

    def make_server(self, **settings: Any) -> Any:
        settings = {"protocol_version": self.version, **settings}
        self.slow = SlowFileSystem(self.files, ["file.write"])
        return memory_server(SFTPAvatar("user", files=self.slow), **settings)

    def test_failed_upload(self) -> None:
        """An upload that failed in the middle is reported once, with the failure, although CLOSE succeeded."""
        handle = self.open(b"/up", TO_CREATE)
        self.session.ask(writing(handle, 0, FIRST, 1), writing(handle, len(FIRST), SECOND, 2))
        self.slow.gate.release()
        self.slow.gate.fail(OSError(ENOSPC, "No space left"))
        replies = self.session.replies()
        self.assert_statuses(replies[:1], Status.OK)
        self.assertEqual((numbers(replies), len(replies)), ([1, 2], 2))
        self.close(handle)
        path, count, upload, status = self.told[0]
        self.assertEqual((path, count, upload, len(self.told)), ("/up", len(FIRST), True, 1))
        self.assertNotEqual(status, Status.OK)
