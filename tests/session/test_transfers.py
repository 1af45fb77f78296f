"""
TransferFinished: what went through a file, when it is closed.
"""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from conchsftp.errors import SFTPError
from conchsftp.events import EventHub, FileRead, FileWrite, TransferFinished, TransferRenamed
from conchsftp.sftp.statuses import Status
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    CLOSE,
    FOR_READING,
    FOR_WRITING,
    OPENDIR,
    READDIR,
    RENAME,
    TO_CREATE,
    Avatar,
    Session,
    SessionCase,
    extension,
    opening,
    reading,
    request,
    string,
    string_at,
    u64,
    writing,
)
from tests.session.versions import in_versions

# path, bytes, milliseconds, upload, resumed, status
Told = tuple[str, int, int, bool, bool, Status]


class TransferCase(SessionCase):
    """A session with somebody who listens."""

    def setUp(self) -> None:
        super().setUp()
        self.told: list[Told] = []
        self.aborted: list[bool] = []
        self.watch()

    def watch(self, files: Any = None) -> Session:
        """Begin a session and note what is told."""
        events = EventHub(clock=None)
        events.on(TransferFinished, self.note)
        return self.begin(files, events=events)

    def note(self, event: TransferFinished) -> None:
        """Note an event."""
        status = Status(event.status_code)
        self.aborted.append(event.aborted)
        self.told.append((event.final_path, event.bytes, event.duration, event.upload, event.resumed, status))

    def close(self, handle: bytes) -> None:
        """Close a file."""
        self.assert_status(self.one(request(CLOSE, 1, string(handle))), Status.OK)


@in_versions()
class CountTests(TransferCase):
    """What is counted, on files that are read in place and on others."""

    def both(self) -> Any:
        """Begin a session on each kind of file system."""
        for files in (self.files, SlowFileSystem(self.files, [])):
            self.told.clear()
            self.watch(files)
            yield files

    def test_download(self) -> None:
        """Bytes that were read; EOF adds nothing, and reading beyond it is no resumption."""
        for _ in self.both():
            handle = self.opened(opening(b"a", pflags=FOR_READING))
            self.session.clock.advance(1.5)
            for offset in (0, 4, 8, 12):
                self.session.ask(reading(handle, offset, 4))
            self.assertEqual(self.told, [])
            self.close(handle)
            self.assertEqual(self.told, [("/home/a", 10, 1500, False, False, Status.OK)])

    def test_upload(self) -> None:
        """Bytes that were written, in whatever order they came."""
        for _ in self.both():
            handle = self.opened(opening(b"new", pflags=TO_CREATE))
            self.session.ask(writing(handle, 5, b"56789"), writing(handle, 0, b"01234"))
            self.close(handle)
            self.assertEqual(self.told, [("/home/new", 10, 0, True, False, Status.OK)])

    def test_resumed(self) -> None:
        """A transfer that begins behind the start is a resumed one; reading does not make a resumed upload another."""
        for _ in self.both():
            one, two = self.opened(opening(b"a", pflags=FOR_READING)), self.opened(opening(b"a"))
            self.session.ask(reading(one, 4, 100), reading(two, 0, 4), writing(two, 10, b"abc"))
            self.close(one)
            self.close(two)
            self.files.put("/home/a", b"0123456789")
            self.assertEqual(self.told[0], ("/home/a", 6, 0, False, True, Status.OK))
            self.assertEqual(self.told[1], ("/home/a", 7, 0, True, True, Status.OK))

    def test_empty(self) -> None:
        """An empty file is transferred as well: it is made or emptied, or read and found to be empty."""
        for _ in self.both():
            for pflags in (TO_CREATE, 0x0A, 0x12):
                self.close(self.opened(opening(b"empty", pflags=pflags)))
            handle = self.opened(opening(b"empty", pflags=FOR_READING))
            self.assert_status(self.one(reading(handle, 0, 10)), Status.EOF)
            self.close(handle)
            self.files.remove("/home/empty")
            uploads = [("/home/empty", 0, 0, True, False, Status.OK)] * 3
            self.assertEqual(self.told, [*uploads, ("/home/empty", 0, 0, False, False, Status.OK)])

    def test_nothing(self) -> None:
        """A file that was only opened, or asked for its attributes, was not transferred; nor is a listing."""
        for _ in self.both():
            for pflags in (FOR_READING, FOR_WRITING, 9):
                self.close(self.opened(opening(b"a", pflags=pflags)))
            directory = self.opened(request(OPENDIR, 1, string(b"/home")))
            self.session.ask(request(READDIR, 1, string(directory)))
            self.close(directory)
            self.assertEqual(self.told, [])

    def test_without_abilities(self) -> None:
        """Files that take no pieces are counted, too."""
        for files in self.both():
            handle = self.opened(opening(b"new", pflags=0x1B))
            opened = self.session.conversation.handles.get(handle, object)
            opened.from_pieces = opened.into = None
            self.session.ask(writing(handle, 0, b"abc"), reading(handle, 1, 5))
            self.close(handle)
            self.assertEqual(self.told, [("/home/new", 5, 0, True, False, Status.OK)], files)

    def test_still_able(self) -> None:
        """A file that is counted can do what it could; only its reads and writes are counted."""
        one, two = self.opened(opening(b"a")), self.opened(opening(b"b", pflags=0x1B))
        copy = extension(b"copy-data", 1, string(one), u64(0), u64(0), string(two), u64(0))
        sync = extension(b"fsync@openssh.com", 1, string(two))
        self.assert_statuses(self.session.ask(copy, sync), Status.OK, Status.OK)
        self.assertEqual(string_at(self.one(reading(two, 0, 20)), 5), b"0123456789")
        self.assertEqual(self.session.channel.placed, 1)

    def test_renamed(self) -> None:
        """The path is the one that the file has when it is closed."""
        handle = self.opened(opening(b"part", pflags=TO_CREATE))
        self.session.ask(writing(handle, 0, b"abc"), request(RENAME, 1, string(b"part"), string(b"whole")))
        seen: list[TransferFinished] = []
        self.session.events.on(TransferFinished, seen.append)
        self.close(handle)
        self.assertEqual([(event.path, event.final_path) for event in seen], [("/home/part", "/home/whole")])


@in_versions()
class RenamedTests(TransferCase):
    """TransferRenamed: an upload gets its own name after CLOSE."""

    def setUp(self) -> None:
        super().setUp()
        self.renamed: list[Any] = []
        self.session.events.on(TransferRenamed, self.renamed.append)

    def upload(self, name: bytes, data: bytes = b"abc") -> None:
        """Upload a file."""
        handle = self.opened(opening(name, pflags=TO_CREATE))
        self.session.ask(writing(handle, 0, data))
        self.close(handle)

    def rename(self, old: bytes, new: bytes) -> None:
        """Rename a file, whether there is one or not."""
        self.one(request(RENAME, 1, string(old), string(new)))

    def test_told(self) -> None:
        """It has the facts of the upload, the name that was uploaded and the new one; it is told once."""
        self.upload(b"a.part")
        self.rename(b"a.part", b"whole")
        self.rename(b"whole", b"other")
        facts = [(event.path, event.final_path, event.bytes, event.upload) for event in self.renamed]
        self.assertEqual(facts, [("/home/a.part", "/home/whole", 3, True)])
        self.assertEqual([told[0] for told in self.told], ["/home/a.part"])

    def test_posix_rename(self) -> None:
        """A rename that replaces counts as well."""
        self.upload(b"x.part")
        self.one(extension(b"posix-rename@openssh.com", 1, string(b"x.part"), string(b"a")))
        self.assertEqual([event.final_path for event in self.renamed], ["/home/a"])

    def test_other_session(self) -> None:
        """Clients with several sessions rename in whichever is free; another user's file is another one."""
        self.upload(b"a.part")
        self.upload(b"b.part")
        first = self.session
        for user, path in (("bob", b"a.part"), ("alice", b"b.part")):
            avatar, uploads = Avatar(self.files), first.conversation.uploads
            avatar.user_name = user
            other = Session(self.files, version=self.version, avatar=avatar, events=first.events, uploads=uploads)
            other.conversation.connection_id = 77
            other.greet()
            other.ask(request(RENAME, 1, string(path), string(path + b"2")))
        told = [(event.connection_id, event.final_path) for event in self.renamed]
        self.assertEqual(told, [(77, "/home/b.part2")])

    def test_no_upload(self) -> None:
        """Other files, renames that fail, downloads, failed uploads and lost ones are none."""
        self.rename(b"a", b"b")
        handle = self.opened(opening(b"b", pflags=FOR_READING))
        self.session.ask(reading(handle, 0, 4))
        self.close(handle)
        self.rename(b"b", b"a")
        handle = self.opened(opening(b"bad", pflags=TO_CREATE))
        self.session.ask(writing(handle, 2**40, b"x"))
        self.close(handle)
        self.rename(b"bad", b"worse")
        self.upload(b"good")
        self.rename(b"good", b"a")
        self.assertEqual(self.renamed, [])

    def test_limits(self) -> None:
        """Renamed after a minute, it is the user who tidies up; and so many uploads are remembered, and no more."""
        for name, seconds in ((b"in time", 60), (b"late", 60.1)):
            self.upload(name)
            self.session.clock.advance(seconds)
            self.rename(name, name + b"2")
        self.assertEqual([event.path for event in self.renamed], ["/home/in time"])
        for number in range(1001):
            self.upload(b"%d" % number, b"")
        for number in (0, 1, 1000):
            self.rename(b"%d" % number, b"r%d" % number)
        self.assertEqual([event.path for event in self.renamed][1:], ["/home/1", "/home/1000"])

    def test_alone(self) -> None:
        """Nobody has to listen to TransferFinished for it."""
        events = EventHub(clock=None)
        events.on(TransferRenamed, self.renamed.append)
        self.begin(events=events)
        self.upload(b"y.part")
        self.rename(b"y.part", b"y")
        self.assertEqual([event.final_path for event in self.renamed], ["/home/y"])

    def test_nobody(self) -> None:
        """Where nobody listens nothing is remembered."""
        self.watch()
        self.upload(b"y.part")
        self.assertFalse(self.session.conversation.uploads)


@in_versions()
class FailureTests(TransferCase):
    """Transfers that went wrong."""

    def test_failing(self) -> None:
        """The first failure of a read or write is told, whatever follows; the bytes are those that went through."""
        for wait in ([], ["file.write"]):
            files = SlowFileSystem(self.files, wait)
            session = self.watch(files)
            self.told.clear()
            handle = self.opened(opening(b"new", pflags=TO_CREATE))
            session.feed(writing(handle, 0, b"abc"), writing(handle, 2**40, b"x"), reading(handle, 0, 1))
            files.gate.release_all()
            self.assertEqual(len(session.replies()), 3)
            self.close(handle)
            self.assertEqual(self.told, [("/home/new", 3, 0, True, False, Status.FAILURE)])

    def test_failing_close(self) -> None:
        """A close that fails, at once or later, is the end of a failed transfer; a cancelled one as well."""
        for problem, status in (
            (SFTPError(Status.QUOTA_EXCEEDED, "Full"), Status.QUOTA_EXCEEDED),
            (OSError(28, "no space"), Status.NO_SPACE_ON_FILESYSTEM),
            (CancelledError(), Status.FAILURE),
        ):
            files = SlowFileSystem(self.files, ["file.close"])
            session = self.watch(files)
            self.told.clear()
            session.feed(opening(b"new", pflags=TO_CREATE))
            session.feed(request(CLOSE, 1, string(self.handle(session.replies()[0]))))
            files.gate.fail(problem)
            self.assertEqual([told[-1] for told in self.told], [status])
            self.flushLoggedErrors(CancelledError)

    def test_close_that_raises(self) -> None:
        """The same at once."""
        handle = self.opened(opening(b"new", pflags=TO_CREATE))
        transfer = self.session.conversation.handles.get(handle, object).close.__self__

        def close() -> None:
            raise OSError(28, "no space")

        transfer._calls = (*transfer._calls[:4], close)
        self.assert_status(self.one(request(CLOSE, 1, string(handle))), Status.NO_SPACE_ON_FILESYSTEM)
        self.assertEqual([told[-1] for told in self.told], [Status.NO_SPACE_ON_FILESYSTEM])

    def test_end_of_file(self) -> None:
        """A file system that raises EOF says nothing wrong."""
        handle = self.opened(opening(b"a", pflags=FOR_READING))
        opened = self.session.conversation.handles.get(handle, object)
        transfer = opened.read.__self__
        opened.into = None

        def read(offset: int, length: int) -> bytes:
            raise SFTPError(Status.EOF)

        transfer._calls = (read, *transfer._calls[1:])
        self.assert_status(self.one(reading(handle, 10, 5)), Status.EOF)
        self.close(handle)
        self.assertEqual(self.told, [("/home/a", 0, 0, False, False, Status.OK)])

    def test_lost(self) -> None:
        """A session that ends with the file open has not finished the transfer; one whose CLOSE came has."""
        files = SlowFileSystem(self.files, ["file.write"])
        session = self.watch(files)
        one, two = self.opened(opening(b"one", pflags=TO_CREATE)), self.opened(opening(b"two", pflags=TO_CREATE))
        session.feed(writing(one, 0, b"a"), writing(two, 0, b"b"), request(CLOSE, 1, string(two)))
        session.lose()
        files.gate.release_all()
        self.assertEqual(self.aborted, [True, False])
        lost = [(path, status) for path, *_, status in self.told]
        self.assertEqual(lost, [("/home/one", Status.CONNECTION_LOST), ("/home/two", Status.OK)])


@in_versions()
class ListenerTests(TransferCase):
    """Who listens."""

    def test_nobody(self) -> None:
        """Where nobody listens an open file is called directly: nothing is counted."""
        self.begin()
        handle = self.opened(opening(b"a"))
        opened = self.session.conversation.handles.get(handle, object)
        for call, name in ((opened.read, "read"), (opened.into, "read_into"), (opened.close, "close")):
            self.assertEqual(call, getattr(opened.source, name))

    def test_added_later(self) -> None:
        """Who begins to listen is told of files that are opened from then on."""
        session = self.begin(events=EventHub(clock=None))
        one = self.opened(opening(b"a", pflags=FOR_READING))
        session.events.on(TransferFinished, self.note)
        two = self.opened(opening(b"a", pflags=FOR_READING))
        for handle in (one, two):
            self.session.ask(reading(handle, 0, 4))
            self.close(handle)
        self.assertEqual(len(self.told), 1)

    def test_failed_open(self) -> None:
        """A file that was not opened, or closed again at once, is not transferred."""
        self.assert_status(self.one(opening(b"none/x", pflags=TO_CREATE)), Status.NO_SUCH_PATH)
        self.session.events.on("FileOpen", lambda event: setattr(event, "status_code", 4))
        self.assert_status(self.one(opening(b"b", pflags=TO_CREATE)), Status.FAILURE)
        self.assertEqual(self.told, [])

    def test_makes_nobody_wait(self) -> None:
        """CLOSE is answered though a handler still waits; a mistake of a handler is logged, and nothing more."""
        turn: Deferred[None] = Deferred()
        self.session.events.on(TransferFinished, lambda event: turn)
        handle = self.opened(opening(b"new", pflags=TO_CREATE))
        self.close(handle)
        turn.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.session.events.on(TransferFinished, lambda event: 1 / 0)
        self.close(self.opened(opening(b"new", pflags=TO_CREATE)))
        self.flushLoggedErrors(ZeroDivisionError)

    def test_other_handlers(self) -> None:
        """What handlers make of the data is not seen: bytes are those of the file."""
        self.session.events.on(FileRead, lambda event: setattr(event, "data", b"x"))
        self.session.events.on(FileWrite, lambda event: setattr(event, "data", b"xyz"))
        handle = self.opened(opening(b"a"))
        self.session.ask(reading(handle, 0, 4), writing(handle, 0, b"abcdef"))
        self.close(handle)
        self.assertEqual(self.told[0][1], 4 + 3)
