"""
Locks between sessions of one server: BLOCK, UNBLOCK and the flags of OPEN.
"""

import os
from typing import Any

from conchsftp.files.local import LocalFileSystem
from conchsftp.files.locks import Locks
from conchsftp.session import on_locks
from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import OpenFlag, RenameFlag
from conchsftp.sftp.statuses import Status
from conchsftp.testing import memory_server
from tests.files.support import threaded_workers
from tests.session.locking import (
    ADVISORY,
    ALONE,
    BOTH,
    CONFLICT,
    EMPTY,
    NEW,
    NO_DELETE,
    NO_WRITE,
    OLD,
    READ,
    REFUSED,
    WRITE,
    LockCase,
)


class SessionsTests:
    """Two sessions, whatever their files are."""

    ask: Any
    open: Any
    lock: Any
    unlock: Any
    write: Any
    session: Any
    locks: Any

    def begin(self) -> None:
        """Open a file in each of two sessions."""
        self.one, self.other = self.session(), self.session()
        self.mine, self.theirs = self.open(self.one), self.open(self.other)

    def check_empty(self) -> None:
        """Nothing is left in the table."""
        assert (len(self.locks), self.locks.held, self.locks.opened) == (0, {}, set())

    def test_ranges(self) -> None:
        """What one session has locked the other can neither read nor write nor lock, until it is released."""
        self.begin()
        self.lock(self.one, self.mine, 2, 3)
        reading = requests.Read(handle=self.theirs, offset=4, length=1)
        self.ask(self.other, reading, CONFLICT)
        self.write(self.other, self.theirs, 4, CONFLICT)
        self.write(self.other, self.theirs, 5)
        self.write(self.one, self.mine, 4)
        self.lock(self.other, self.theirs, 0, 0, ALONE, REFUSED)
        self.unlock(self.other, self.theirs, 2, 3, Status.NO_MATCHING_BYTE_RANGE_LOCK)
        self.unlock(self.one, self.mine, 2, 3)
        self.write(self.other, self.theirs, 4)
        self.lock(self.other, self.theirs, 0, 0)
        self.write(self.one, self.mine, 4, CONFLICT)
        for session, handle in ((self.one, self.mine), (self.other, self.theirs)):
            self.ask(session, requests.Close(handle=handle))
        self.check_empty()

    def test_other_requests(self) -> None:
        """Whatever else reads or changes what is locked, in any version, is refused and changes nothing."""
        self.begin()
        self.lock(self.one, self.mine, 2, 3)
        target = self.open(self.other, WRITE, NEW, path="/b")
        copying = extended.CopyData(handle=self.theirs, offset=0, length=3, target_handle=target, target_offset=0)
        self.ask(self.other, copying, CONFLICT)
        self.ask(self.other, requests.SetStat(path=b"/a", attributes=Attributes(size=3)), CONFLICT)
        self.ask(self.other, requests.FSetStat(handle=self.theirs, attributes=Attributes(size=3)), CONFLICT)
        self.open(self.other, WRITE, EMPTY, Status.LOCK_CONFLICT)
        third = self.session(3)
        self.open(third, WRITE, EMPTY, Status.LOCK_CONFLICT)
        assert self.files_content() == b"0123456789"
        self.unlock(self.one, self.mine, 2, 3)
        self.lock(self.one, self.mine, 2, 3, NO_DELETE)
        self.ask(self.other, requests.Remove(path=b"/a"), Status.CANNOT_DELETE)
        for flags in (RenameFlag.OVERWRITE, RenameFlag.ATOMIC):
            self.ask(self.other, requests.Rename(path=b"/b", new_path=b"/a", flags=flags), Status.CANNOT_DELETE)
        self.ask(third, extended.PosixRename(path=b"/b", new_path=b"/a"), Status.CANNOT_DELETE)
        assert self.files_content() == b"0123456789"

    def files_content(self) -> bytes:
        """What is in the file."""
        raise NotImplementedError

    def test_opening(self) -> None:
        """A file that is open, in whatever version, is not opened alone; one that is open alone is not opened."""
        self.begin()
        self.open(self.one, BOTH, OLD | NO_WRITE, Status.LOCK_CONFLICT)
        self.ask(self.other, requests.Close(handle=self.theirs))
        self.open(self.one, BOTH, OLD | NO_WRITE, Status.LOCK_CONFLICT)
        self.ask(self.one, requests.Close(handle=self.mine))
        for version in (5, 6):
            session = self.session(version)
            handle = self.open(session, BOTH, OLD | NO_WRITE)
            for beside in (3, 5, 6):
                another = self.session(beside)
                self.open(another, WRITE, OLD, Status.LOCK_CONFLICT)
                self.open(another, READ)
                another.close()
            self.ask(session, requests.Close(handle=handle))
        self.check_empty()

    def test_session_ends(self) -> None:
        """Whatever way a session ends, its locks end with it."""
        for end in ("close", "cut"):
            self.begin()
            self.lock(self.one, self.mine, 0, 5)
            self.open(self.one, WRITE, NEW | ALONE, path="/alone")
            getattr(self.one, end)()
            self.write(self.other, self.theirs, 4)
            self.open(self.other, BOTH, OLD, path="/alone")
            self.ask(self.other, requests.Remove(path=b"/alone"))
            self.other.close()
            self.check_empty()

    def test_as_text(self) -> None:
        """A file that is open as text is locked as any other."""
        self.begin()
        text = self.open(self.one, BOTH, OLD | OpenFlag.TEXT_MODE)
        self.lock(self.one, text, 0, 5, NO_WRITE)
        self.write(self.other, self.theirs, 4, CONFLICT)
        self.unlock(self.one, text, 0, 5)
        self.write(self.other, self.theirs, 4)

    def test_what_cannot_be_locked(self) -> None:
        """A folder, a handle that is none, and a mask without meaning are refused for what they are."""
        self.begin()
        folder = self.ask(self.one, requests.OpenDir(path=b"/")).handle
        for handle in (folder, b"none"):
            self.lock(self.one, handle, 0, 1, ALONE, Status.INVALID_HANDLE)
            self.unlock(self.one, handle, 0, 1, Status.INVALID_HANDLE)
        for mask in (OpenFlag(0), ADVISORY):
            self.lock(self.one, self.mine, 0, 1, mask, Status.INVALID_PARAMETER)

    def test_limit(self) -> None:
        """A session has so many locks, one less and one more; what is released makes room."""
        self.patch(on_locks, "MOST_LOCKS", 3)  # type: ignore[attr-defined]
        self.begin()
        second = self.open(self.one, path="/a")
        for at, handle in enumerate((self.mine, second, self.mine)):
            self.lock(self.one, handle, at, 1)
        self.lock(self.one, second, 5, 1, ALONE, REFUSED)
        self.lock(self.other, self.theirs, 5, 1)
        self.unlock(self.one, second, 1, 1)
        self.lock(self.one, second, 5, 1, ALONE, REFUSED)
        self.lock(self.one, second, 6, 1)
        self.ask(self.one, requests.Close(handle=self.mine))
        self.lock(self.one, second, 8, 1)


class MemoryTests(SessionsTests, LockCase):
    """The file system in memory."""

    def setUp(self) -> None:
        self.serve()
        self.locks = self.files.locks

    def files_content(self) -> bytes:
        return self.files.get("/a")


class LocalTests(SessionsTests, LockCase):
    """The local file system."""

    def setUp(self) -> None:
        self.root = self.mktemp()
        os.mkdir(self.root)
        with open(f"{self.root}/a", "wb") as file:
            file.write(b"0123456789")
        self.server = memory_server(root_directory=self.root, file_threads="inline", protocol_version=6)
        self.locks = self.server.workers.shared(Locks)

    def files_content(self) -> bytes:
        with open(f"{self.root}/a", "rb") as file:
            return file.read()


class WaitingTests(LockCase):
    """A mount whose calls take their time."""

    def test_order(self) -> None:
        """What comes after BLOCK on the same file is done after it, though a thread has to lock first."""
        root = self.mktemp()
        os.mkdir(root)
        workers: Any = threaded_workers()
        files = LocalFileSystem(root, workers=workers)
        self.serve(files)
        session = self.session()

        def ask(request: Any) -> Any:
            answer = session.ask(request)
            workers.pool.work()
            session.read()
            return self.successResultOf(answer)

        opening = requests.Open(path=b"/a", access=BOTH, flags=NEW, attributes=Attributes())
        handle = ask(opening).handle
        answers = [
            session.ask(request)
            for request in (
                requests.Block(handle=handle, offset=0, length=0, mask=ALONE),
                requests.Block(handle=handle, offset=0, length=1, mask=ALONE),
                requests.Unblock(handle=handle, offset=0, length=0),
                requests.Block(handle=handle, offset=0, length=1, mask=ALONE),
            )
        ]
        for _ in range(4):
            workers.pool.work()
            session.read()
        statuses = [self.successResultOf(answer).status for answer in answers]
        self.assertEqual(statuses, [Status.OK, REFUSED, Status.OK, Status.OK])
