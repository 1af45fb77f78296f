"""
The order of work on files, and of replies: as if every request had been done before the next one came.
"""

from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.sftp.statuses import Status
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    ATTRS,
    CLOSE,
    DATA,
    FSETSTAT,
    FSTAT,
    HANDLE,
    LSTAT,
    MKDIR,
    NAME,
    NO_ATTRIBUTES,
    OPENDIR,
    READDIR,
    REMOVE,
    RENAME,
    RMDIR,
    STAT,
    STATUS,
    TO_CREATE,
    Session,
    SessionCase,
    extension,
    numbers,
    opening,
    reading,
    request,
    string,
    string_at,
    u64,
    writing,
)
from tests.session.versions import in_versions


class OrderCase(SessionCase):
    """A session on a file system that waits where a test says so."""

    def slow(self, *names: str) -> Session:
        """Begin a session in which these operations wait."""
        self.slow_files = SlowFileSystem(self.files, names)
        self.gate = self.slow_files.gate
        return self.begin(self.slow_files)

    def size(self, reply: bytes) -> int:
        """Return the size in an ATTRS reply."""
        self.assertEqual(reply[0], ATTRS, reply)
        return int.from_bytes(reply[9:17], "big")


@in_versions()
class ReplyTests(OrderCase):
    """Replies leave in the order of arrival."""

    def test_any_order(self) -> None:
        """Whichever is done first."""
        for order in ((0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0), (2, 0, 0), (2, 1, 0)):
            with self.subTest(order=order):
                session = self.slow("lstat")
                session.feed(*(request(LSTAT, number, string(b"a")) for number in range(3)))
                for index in order:
                    self.gate.release(index)
                self.assertEqual(numbers(session.replies()), [0, 1, 2])

    def test_as_soon_as_possible(self) -> None:
        """A reply leaves as soon as those before it have; not later."""
        session = self.slow("lstat")
        session.feed(*(request(LSTAT, number, string(b"a")) for number in range(4)))
        self.gate.release(1)
        self.assertEqual(session.replies(), [])
        self.gate.release(0)
        self.assertEqual(numbers(session.replies()), [0, 1])
        self.gate.release(1)
        self.assertEqual(session.replies(), [])
        self.gate.release(0)
        self.assertEqual(numbers(session.replies()), [2, 3])

    def test_ready_behind_slow(self) -> None:
        """What is done at once waits for the reply of what came before it."""
        session = self.slow("stat")
        session.feed(
            request(STAT, 1, string(b"a")), request(LSTAT, 2, string(b"/")), request(REMOVE, 3, string(b"none"))
        )
        self.assertEqual(session.replies(), [])
        self.gate.release()
        self.assertEqual(numbers(session.replies()), [1, 2, 3])

    def test_later_turn(self) -> None:
        """Also what comes in a later turn."""
        session = self.slow("stat")
        session.feed(request(STAT, 1, string(b"a")))
        self.assertEqual(session.ask(request(LSTAT, 2, string(b"/"))), [])
        self.gate.release()
        self.assertEqual(numbers(session.replies()), [1, 2])


@in_versions()
class LaneTests(OrderCase):
    """Work on one file."""

    def test_read_after_write(self) -> None:
        """A read sees what a slow write before it wrote."""
        session = self.slow("file.write")
        handle = self.opened(opening(b"a"))
        session.feed(writing(handle, 0, b"AB", 1), reading(handle, 0, 4, 2))
        self.assertEqual((self.gate.held, session.replies()), (["file.write"], []))
        self.gate.release()
        self.assertEqual(string_at(session.replies()[1], 5), b"AB23")

    def test_write_after_read(self) -> None:
        """A slow read does not see what was written after it."""
        session = self.slow("file.read")
        handle = self.opened(opening(b"a"))
        session.feed(reading(handle, 0, 4, 1), writing(handle, 0, b"AB", 2))
        self.gate.release()
        self.assertEqual(string_at(session.replies()[0], 5), b"0123")

    def test_two_handles(self) -> None:
        """Two handles and a path of one file meet."""
        session = self.slow("file.write")
        one, two = self.opened(opening(b"a")), self.opened(opening(b"a"))
        session.feed(
            writing(one, 10, b"abc", 1),
            request(STAT, 2, string(b"a")),
            request(FSTAT, 3, string(two)),
            reading(two, 10, 10, 4),
        )
        self.gate.release()
        replies = session.replies()
        self.assertEqual([self.size(reply) for reply in replies[1:3]], [13, 13])
        self.assertEqual(string_at(replies[3], 5), b"abc")

    def test_reads_overlap(self) -> None:
        """Reads of one file do not wait for each other."""
        session = self.slow("file.read")
        handle = self.opened(opening(b"a"))
        session.feed(*(reading(handle, at, 1, at) for at in range(5)))
        self.assertEqual(len(self.gate.waiting), 5)
        self.gate.release_all()
        self.assertEqual(b"".join(string_at(reply, 5) for reply in session.replies()), b"01234")

    def test_files_overlap(self) -> None:
        """Files do not wait for each other."""
        session = self.slow("file.write")
        one, two = self.opened(opening(b"a")), self.opened(opening(b"b", pflags=TO_CREATE))
        session.feed(writing(one, 0, b"x", 1), writing(two, 0, b"y", 2))
        self.assertEqual(len(self.gate.waiting), 2)
        self.gate.release(1)
        self.assertEqual(self.files.get("/home/b"), b"y")

    def test_open_then_stat(self) -> None:
        """A client that creates a file may ask for it at once (sshfs)."""
        session = self.slow("open")
        session.feed(opening(b"new", 1, TO_CREATE), request(LSTAT, 2, string(b"new")))
        self.gate.release()
        self.assertEqual([reply[0] for reply in session.replies()], [HANDLE, ATTRS])

    def test_write_set_close(self) -> None:
        """WRITE, FSETSTAT and CLOSE come in one go (scp)."""
        session = self.slow("file.write", "file.set_attributes", "file.close")
        handle = self.opened(opening(b"a"))
        size = bytes.fromhex("00000001 0000000000000003")
        session.feed(
            writing(handle, 0, b"abcdef", 1),
            request(FSETSTAT, 2, string(handle), size),
            request(CLOSE, 3, string(handle)),
            writing(handle, 0, b"too late", 4),
        )
        self.assertEqual(self.gate.held, ["file.write"])
        self.gate.release_all()
        replies = session.replies()
        self.assert_statuses(replies, Status.OK, Status.OK, Status.OK, Status.INVALID_HANDLE)
        self.assertEqual(self.files.get("/home/a"), b"abc")

    def test_after_close(self) -> None:
        """Whoever asks for a file by its path waits for a slow CLOSE: what was written may become visible there."""
        session = self.slow("file.close")
        handle = self.opened(opening(b"a"))
        session.feed(
            request(CLOSE, 1, string(handle)), request(LSTAT, 2, string(b"a")), request(REMOVE, 3, string(b"b"))
        )
        self.assertEqual(self.gate.begun, ["open", "file.close", "remove"])
        self.gate.release()
        self.assertEqual([reply[0] for reply in session.replies()], [STATUS, ATTRS, STATUS])

    def test_close_twice(self) -> None:
        """A handle is closed once, though a second CLOSE comes before the first is done."""
        session = self.slow("file.read", "file.close")
        handle = self.opened(opening(b"a"))
        close = request(CLOSE, 2, string(handle))
        session.feed(reading(handle, 0, 1), close, close)
        self.gate.release_all()
        self.assert_statuses(session.replies()[1:], Status.OK, Status.INVALID_HANDLE)
        self.assertEqual(self.gate.closed, 1)

    def test_pipelined_listing(self) -> None:
        """READDIRs that come in one go do not give an entry twice, and each ends with EOF (sshfs, lftp, paramiko)."""
        for number in range(10):
            self.files.put(f"/d/{number}", b"")
        session = self.slow("directory.read")
        handle = self.opened(request(OPENDIR, 0, string(b"/d")))
        session.settings.set("DirListBufferSize", 5)
        session.feed(*(request(READDIR, number, string(handle)) for number in range(6)))
        self.assertEqual(len(self.gate.waiting), 1)
        self.gate.release_all()
        replies = session.replies()
        self.assertEqual([reply[0] for reply in replies], [NAME, NAME, NAME, STATUS, STATUS, STATUS])
        self.assertEqual([reply[8] for reply in replies[:3]], [5, 5, 2])
        self.assert_statuses(replies[3:], *[Status.EOF] * 3)

    def test_many_behind_one(self) -> None:
        """Thousands of writes behind a slow one are done in a loop, in order."""
        session = self.slow()
        self.gate.names = {"file.write"}
        handle = self.opened(opening(b"a"))
        session.settings.set("MaxBytesInFlight", 2**31 - 1)
        count = 5000
        session.feed(*(writing(handle, number, b"%d" % (number % 10), number) for number in range(count)))
        self.gate.names = set()
        self.gate.release()
        self.assert_statuses(session.replies(), *[Status.OK] * count)
        self.assertEqual(self.files.get("/home/a"), b"0123456789" * (count // 10))

    def test_lent_data(self) -> None:
        """What waits for its turn does not lie in the buffer any more that it was received into."""
        session = self.slow("file.write")
        handle = self.opened(opening(b"a"))
        packet = writing(handle, 2, b"cdefgh", 2)
        session.feed(writing(handle, 0, b"ab", 1), packet[:30])
        session.feed(packet[30:], writing(handle, 8, b"ij", 3))
        self.gate.release_all()
        self.assertEqual(self.files.get("/home/a"), b"abcdefghij")

    def test_copy_data(self) -> None:
        """copy-data waits for both files, and both wait for it."""
        session = self.slow("file.write", "file.copy_to")
        one, two = self.opened(opening(b"a")), self.opened(opening(b"b", pflags=0xB))
        session.feed(
            writing(one, 0, b"AB", 1),
            extension(b"copy-data", 2, string(one), u64(0), u64(0), string(two), u64(0)),
            writing(one, 2, b"CD", 3),
            reading(two, 0, 20, 4),
        )
        self.assertEqual(self.gate.held, ["file.write"])
        self.gate.release()
        self.assertEqual(self.gate.held, ["file.copy_to"])
        self.gate.release_all()
        replies = session.replies()
        self.assertEqual([reply[0] for reply in replies], [STATUS, STATUS, STATUS, DATA])
        self.assertEqual(string_at(replies[3], 5), b"AB23456789")

    def test_forbidden_path(self) -> None:
        """A path that is refused is refused in its turn as well, where others wait."""
        session = self.slow("stat")
        resolve = session.conversation.path

        def guarded(raw: bytes) -> str:
            if raw == b"/etc":
                raise SFTPError(Status.PERMISSION_DENIED)
            return resolve(raw)

        session.conversation.path = guarded
        session.feed(
            request(STAT, 1, string(b"a")),
            request(LSTAT, 2, string(b"/etc")),
            request(RENAME, 3, string(b"a"), string(b"/etc")),
        )
        self.gate.release()
        replies = session.replies()
        self.assertEqual(replies[0][0], ATTRS)
        self.assert_statuses(replies[1:], Status.PERMISSION_DENIED, Status.PERMISSION_DENIED)


@in_versions()
class NamesTests(OrderCase):
    """Names that change while files are open, or that others are below of."""

    def rename(self, number: int, path: bytes, new_path: bytes) -> bytes:
        return request(RENAME, number, string(path), string(new_path))

    def test_write_then_rename(self) -> None:
        """A rename waits for a write, and the new name shows what was written."""
        session = self.slow("file.write")
        handle = self.opened(opening(b"a"))
        session.feed(writing(handle, 10, b"abc", 1), self.rename(2, b"a", b"b"), request(STAT, 3, string(b"b")))
        self.assertEqual(self.gate.begun, ["open", "file.write"])
        self.gate.release()
        replies = session.replies()
        self.assert_statuses(replies[:2], Status.OK, Status.OK)
        self.assertEqual(self.size(replies[2]), 13)

    def test_write_after_rename(self) -> None:
        """A file that was renamed while it is open goes on meeting those who ask for it by its new name."""
        session = self.slow("file.write")
        handle = self.opened(opening(b"a"))
        self.assert_status(self.one(self.rename(1, b"a", b"b")), Status.OK)
        session.feed(writing(handle, 10, b"abc", 2), request(STAT, 3, string(b"b")))
        self.gate.release()
        self.assertEqual(self.size(session.replies()[1]), 13)

    def test_slow_rename(self) -> None:
        """The same if the rename is slow, and all come in one go; in both orders."""
        for write_first in (True, False):
            with self.subTest(write_first=write_first):
                self.files.put("/home/a", b"0123456789")
                session = self.slow("rename", "file.write")
                handle = self.opened(opening(b"a"))
                pair = [writing(handle, 10, b"abc", 2), request(STAT, 3, string(b"c"))]
                session.feed(self.rename(1, b"a", b"c"), *(pair if write_first else reversed(pair)))
                self.gate.release_all()
                replies = {reply[4]: reply for reply in session.replies()}
                self.assertEqual(self.size(replies[3]), 13 if write_first else 10)
                self.assertEqual(self.files.get("/home/c"), b"0123456789abc")
                session.ask(request(REMOVE, 4, string(b"c")))

    def test_renamed_onto(self) -> None:
        """posix-rename over an open file: its handle keeps the old content, apart from the name."""
        self.files.put("/home/b", b"other")
        session = self.slow("file.write")
        one, two = self.opened(opening(b"a")), self.opened(opening(b"b"))
        rename = extension(b"posix-rename@openssh.com", 1, string(b"a"), string(b"b"))
        self.assert_status(self.one(rename), Status.OK)
        session.feed(writing(one, 0, b"A", 1), writing(two, 0, b"O", 2), reading(two, 0, 10, 3))
        self.gate.release_all()
        self.assertEqual(string_at(session.replies()[2], 5), b"Other")
        self.assertEqual(self.files.get("/home/b"), b"A123456789")

    def test_failed_rename(self) -> None:
        """A rename that failed changes no name."""
        self.files.put("/home/b", b"")
        session = self.slow("file.write")
        handle = self.opened(opening(b"a"))
        self.assert_status(self.one(self.rename(1, b"a", b"b")), Status.FILE_ALREADY_EXISTS)
        session.feed(writing(handle, 10, b"abc", 2), request(STAT, 3, string(b"a")))
        self.gate.release()
        self.assertEqual(self.size(session.replies()[1]), 13)

    def test_directory(self) -> None:
        """What is open below a directory that is renamed goes with it; what only begins alike does not."""
        self.files.put("/d/e/f", b"012")
        self.files.put("/de", b"")
        session = self.slow("file.write")
        inside, outside = self.opened(opening(b"/d/e/f")), self.opened(opening(b"/de"))
        self.assert_status(self.one(self.rename(1, b"/d", b"/x")), Status.OK)
        handles = session.conversation.handles
        self.assertEqual((handles.path(inside), handles.path(outside)), ("/x/e/f", "/de"))
        session.feed(writing(inside, 3, b"345", 2), request(STAT, 3, string(b"/x/e/f")))
        self.gate.release()
        self.assertEqual(self.size(session.replies()[1]), 6)

    def test_make_then_open(self) -> None:
        """What is asked about a directory's entries waits until it is there, or gone."""
        session = self.slow("make_directory", "remove", "remove_directory")
        session.feed(
            request(MKDIR, 1, string(b"d"), NO_ATTRIBUTES),
            opening(b"d/f", 2, TO_CREATE),
            request(REMOVE, 3, string(b"d/f")),
            request(RMDIR, 4, string(b"d")),
            request(LSTAT, 5, string(b"d/f")),
        )
        self.gate.release_all()
        replies = session.replies()
        self.assertEqual(replies[1][0], HANDLE)
        self.assert_statuses([replies[0], *replies[2:]], Status.OK, Status.OK, Status.OK, Status.NO_SUCH_FILE)

    def test_waits_for_what_is_below(self) -> None:
        """A directory is renamed or removed when the work on what is below it has ended."""
        self.files.put("/d/f", b"")
        session = self.slow("file.write", "remove")
        handle = self.opened(opening(b"/d/f"))
        session.feed(writing(handle, 0, b"x", 1), self.rename(2, b"/d", b"/e"))
        self.assertNotIn("rename", self.gate.begun)
        self.gate.release()
        session.feed(request(REMOVE, 3, string(b"/e/f")), request(RMDIR, 4, string(b"/e")))
        self.assertNotIn("remove_directory", self.gate.begun)
        self.gate.release()
        self.assert_statuses(session.replies(), *[Status.OK] * 4)

    def test_path_in_events(self) -> None:
        """Events of a renamed file tell its new path."""
        paths: list[Any] = []
        session = self.begin()
        session.events.on("FileClose", lambda event: paths.append(event.path))
        handle = self.opened(opening(b"a"))
        session.ask(self.rename(1, b"a", b"b"), request(CLOSE, 2, string(handle)))
        self.assertEqual(paths, ["/home/b"])
