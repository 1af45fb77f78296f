"""
Locks as handlers see them, and who may lock.
"""

from errno import EIO
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from conchsftp.events import FileLock, FileOpen, FileUnlock
from conchsftp.files.locks import MASKS
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.interfaces import IFileSystem, ILocking
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.session import on_locks
from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import Disposition, OpenFlag
from conchsftp.sftp.statuses import Status
from conchsftp.testing import memory_server
from tests.session.locking import (
    ADVISORY,
    ALONE,
    BOTH,
    CONFLICT,
    NO_DELETE,
    NO_READ,
    NO_WRITE,
    OLD,
    READ,
    REFUSED,
    WRITE,
    LockCase,
)
from tests.session.slow import SlowFileSystem


def _deny_afterwards(event: Any) -> None:
    if not event.before_exec:
        event.deny()


class EventTests(LockCase):
    """FileLock and FileUnlock."""

    def test_told(self) -> None:
        """Handlers are told of every lock and release, before and after."""
        server = self.serve()
        told: list[Any] = []
        server.on(FileLock, lambda e: told.append((e.before_exec, e.path, e.offset, e.length, e.mask, e.status_code)))
        server.on(FileUnlock, lambda e: told.append((e.before_exec, e.path, e.offset, e.length, e.status_code)))
        session = self.session()
        handle = self.open(session)
        self.lock(session, handle, 1, 2, NO_WRITE)
        self.lock(session, handle, 1, 2, NO_WRITE, REFUSED)
        self.unlock(session, handle, 1, 2)
        self.assertEqual(
            told,
            [
                (True, "/a", 1, 2, NO_WRITE, Status.OK),
                (False, "/a", 1, 2, NO_WRITE, Status.OK),
                (True, "/a", 1, 2, NO_WRITE, Status.OK),
                (False, "/a", 1, 2, NO_WRITE, REFUSED),
                (True, "/a", 1, 2, Status.OK),
                (False, "/a", 1, 2, Status.OK),
            ],
        )

    def test_changed(self) -> None:
        """A handler makes a lock advisory, refuses one, or does it itself."""
        server = self.serve()
        session, other = self.session(), self.session()
        handle, theirs = self.open(session), self.open(other)

        @server.on(FileLock)
        def _(event: FileLock) -> None:
            if event.offset == 1:
                event.mask |= ADVISORY
            elif event.offset == 2:
                event.deny()
            elif event.offset == 3:
                event.handled = True

        self.lock(session, handle, 1, 1)
        self.write(other, theirs, 1)
        self.lock(session, handle, 2, 1, ALONE, Status.PERMISSION_DENIED)
        self.lock(session, handle, 3, 1)
        self.assertEqual(len(self.files.locks), 1)

    def test_refused_afterwards(self) -> None:
        """A lock that a handler refuses afterwards is released before the client hears of it; one of another stays."""
        server = self.serve()
        session, other = self.session(), self.session()
        handle, theirs = self.open(session), self.open(other)
        self.lock(other, theirs, 8, 1)
        self.patch(on_locks, "MOST_LOCKS", 1)
        server.on(FileLock, _deny_afterwards)
        for number in range(3):
            self.lock(session, handle, 0, 4, ALONE, Status.PERMISSION_DENIED)
            self.write(other, theirs, number)
            self.lock(session, handle, 8, 1, ALONE, Status.PERMISSION_DENIED)
        self.write(session, handle, 8, CONFLICT)
        self.assertEqual(len(self.files.locks), 1)

    def test_release_waits(self) -> None:
        """The refusal is answered when the lock is gone, also where that takes a while; or that it is not."""

        @implementer(IFileSystem, ILocking)
        class Slow(SlowFileSystem):
            """One that takes its time to release locks."""

            lock_masks = open_lock_masks = MASKS

        files = Slow(MemoryFileSystem({"/a": b"0123456789"}), ["file.unlock"])
        server = self.serve(files)
        session = self.session()
        handle = self.open(session)
        server.on(FileLock, _deny_afterwards)
        answer = session.ask(requests.Block(handle=handle, offset=0, length=1, mask=ALONE))
        self.assertNoResult(answer)
        files.gate.release()
        session.read()
        self.assertEqual(self.successResultOf(answer).status, Status.PERMISSION_DENIED)
        self.assertEqual(len(files.inner.locks), 0)
        answer = session.ask(requests.Block(handle=handle, offset=0, length=1, mask=ALONE))
        files.gate.fail(OSError(EIO, "broken"))
        session.read()
        self.assertEqual(self.successResultOf(answer).message, "The server's disk could not be read or written")

    def test_release_refused_afterwards(self) -> None:
        """A release that a handler refuses afterwards stays: somebody else may have the lock already."""
        server = self.serve()
        session, other = self.session(), self.session()
        handle, theirs = self.open(session), self.open(other)
        self.lock(session, handle, 0, 4)
        server.on(FileUnlock, _deny_afterwards)
        self.unlock(session, handle, 0, 4, Status.PERMISSION_DENIED)
        self.lock(other, theirs, 0, 4)

    def test_lost_before_release(self) -> None:
        """A session that ends while a handler makes up its mind takes its locks with it, whatever that is."""
        server = self.serve()
        decision: Deferred[None] = Deferred()

        @server.on(FileLock)
        async def _(event: FileLock) -> None:
            if not event.before_exec:
                await decision
                event.deny()

        session = self.session()
        handle = self.open(session)
        self.assertNoResult(session.ask(requests.Block(handle=handle, offset=0, length=1, mask=ALONE)))
        self.assertEqual(len(self.files.locks), 1)
        session.cut()
        decision.callback(None)
        self.assertEqual((len(self.files.locks), self.files.locks.opened), (0, set()))

    def test_waiting(self) -> None:
        """A handler may take its time, and the session may be lost meanwhile."""
        server = self.serve()
        decision: Deferred[None] = Deferred()
        server.on(FileLock, lambda event: decision if event.before_exec else None)
        session = self.session()
        handle = self.open(session)
        answer = session.ask(requests.Block(handle=handle, offset=0, length=1, mask=ALONE))
        self.assertNoResult(answer)
        session.cut()
        decision.callback(None)
        self.assertEqual((len(self.files.locks), self.files.locks.opened), (0, set()))

    def test_handlers_are_the_files(self) -> None:
        """Where handlers are the file system, locks are theirs: what they do not do is unsupported."""
        server = memory_server(SFTPAvatar("user", files=None), protocol_version=6)
        self.server = server
        server.on(FileOpen, lambda event: setattr(event, "handled", True) if event.before_exec else None)
        session = self.session()
        for flags in (OLD, OLD | ALONE):
            handle = self.open(session, flags=flags)
        self.lock(session, handle, 0, 1, ALONE, Status.OP_UNSUPPORTED)
        self.unlock(session, handle, 0, 1, Status.OP_UNSUPPORTED)
        for kind in (FileLock, FileUnlock):
            server.on(kind, lambda event: setattr(event, "handled", True) if event.before_exec else None)
        self.lock(session, handle, 0, 1)
        self.unlock(session, handle, 0, 1)

    def test_supplied(self) -> None:
        """What a handler supplies is opened with a lock only if it can lock; so is the file of another file system."""
        server = self.serve()
        others = MemoryFileSystem({"/a": b"other"})

        @server.on(FileOpen)
        def _(event: FileOpen) -> None:
            if event.before_exec and event.path == "/bytes":
                event.result = b"bytes"
            elif event.before_exec and event.path == "/file":
                event.result = others.open("/a", event.desired_access, event.open_flags, Attributes())

        session = self.session()
        self.open(session, READ, OLD | NO_WRITE, Status.OP_UNSUPPORTED, "/bytes")
        handle = self.open(session, READ, OLD, path="/bytes")
        self.lock(session, handle, 0, 1, NO_WRITE, Status.OP_UNSUPPORTED)
        handle = self.open(session, BOTH, OLD | ALONE, path="/file")
        self.lock(session, handle, 0, 1)
        self.assertEqual(len(others.locks), 2)


class WhoTests(LockCase):
    """Who may lock what."""

    def test_read_only(self) -> None:
        """A read-only user may take the advisory lock of a reader, and none that keeps others from their work."""
        self.serve(read_only=True)
        session = self.session()
        handle = self.open(session, READ)
        for mask in MASKS:
            allowed = mask == NO_WRITE | ADVISORY
            status = Status.OK if allowed else Status.PERMISSION_DENIED
            self.lock(session, handle, 0, 1, mask, status)
            if allowed:
                self.unlock(session, handle, 0, 1)
        self.ask(session, requests.Close(handle=handle))
        for mask in MASKS:
            allowed = mask == NO_WRITE | ADVISORY
            self.open(session, READ, OLD | mask, Status.OK if allowed else Status.PERMISSION_DENIED)

    def test_permissions(self) -> None:
        """Who may only read locks as readers do, against those who lock; who writes may keep others from the file."""
        reading = (NO_WRITE | ADVISORY,)
        writing = (*reading, NO_WRITE, NO_READ, NO_READ | ADVISORY)
        for words, access, masks in (("read list", READ, reading), ("write list", WRITE, writing)):
            self.serve()
            self.avatar.permissions = {"/": words}
            session = self.session()
            for mask in (NO_READ, NO_READ | ADVISORY, NO_WRITE, NO_WRITE | ADVISORY, NO_DELETE):
                allowed = mask in masks
                status = Status.OK if allowed else Status.PERMISSION_DENIED
                handle = self.open(session, access)
                self.lock(session, handle, 0, 1, mask, status)
                self.ask(session, requests.Close(handle=handle))
                handle = self.open(session, access, OLD | mask, status)
                if allowed:
                    self.ask(session, requests.Close(handle=handle))

    def test_permission_to_make(self) -> None:
        """Who may only make files keeps others from the one that they make."""
        self.serve()
        self.avatar.permissions = {"/": "create list"}
        session = self.session()
        handle = self.open(session, WRITE, OpenFlag(Disposition.OPEN_OR_CREATE) | ALONE, path="/new")
        self.assertTrue(handle)
        self.open(session, WRITE, OpenFlag(Disposition.OPEN_OR_CREATE) | ALONE, Status.PERMISSION_DENIED, "/a")

    def test_restricted(self) -> None:
        """Users who see other parts of the same files meet each other's locks."""
        files = MemoryFileSystem({"/home/a": b"0123456789"})
        self.serve(files)
        session = self.session()
        handle = self.open(session, path="/home/a")
        self.lock(session, handle, 0, 5)
        self.avatar.files = files.restricted_to("/home")
        other = self.session()
        theirs = self.open(other, path="/home/a")
        self.write(other, theirs, 4, CONFLICT)

    def test_file_system_without_locks(self) -> None:
        """One that locks nothing opens nothing as if it did."""

        @implementer(IFileSystem)
        class Plain(SlowFileSystem):
            """One that has no locks."""

            def __init__(self) -> None:
                super().__init__(MemoryFileSystem({"/a": b"0123456789"}), [])

        self.serve(Plain())
        session = self.session()
        handle = self.open(session)
        self.open(session, BOTH, OLD | NO_WRITE, Status.OP_UNSUPPORTED)
        self.open(session, BOTH, OLD | ADVISORY)
        self.lock(session, handle, 0, 1, ALONE, Status.OP_UNSUPPORTED)
