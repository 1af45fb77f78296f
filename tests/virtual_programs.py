"""
The programs of docs/examples whose files no disk has, run in memory; `test_examples.py` takes them up.
"""

from typing import Any

from conchsftp import Attributes, Status
from conchsftp.sftp.extended import PosixRename
from conchsftp.sftp.requests import MkDir, Remove, Rename, RmDir
from conchsftp.testing import MemorySession, MemoryThreads


class VirtualPrograms:
    """The tests of those programs; part of a case that runs programs by their names."""

    run_example: Any
    log_in: Any
    refused: Any
    addCleanup: Any
    assertEqual: Any

    def test_run_virtual_files(self) -> None:
        """Files are made when they are read; a size is told where it is known."""
        session = self.log_in("virtual_files")
        entries = {entry.name: entry.attributes.size for entry in session.listing("/")}
        self.assertEqual(entries, {b"time.txt": None, b"greeting.txt": None, b"numbers.txt": 700_000})
        self.assertEqual(session.get("/greeting.txt"), b"Hello alice!\n")
        self.assertEqual(len(session.get("/numbers.txt")), 700_000)
        self.refused(Status.NO_SUCH_FILE, session.get, "/other.txt")
        self.refused(Status.PERMISSION_DENIED, session.put, "/greeting.txt", b"x")
        self.assertEqual(session.request(Remove(path=b"/greeting.txt")).status, Status.OP_UNSUPPORTED)

    def sqlite(self) -> MemorySession:
        """Log in to the program whose files are in SQLite; its one thread is none."""
        names = self.run_example("sqlite_files")
        names["pool"].threadpool, names["pool"].running = MemoryThreads(), True
        self.addCleanup(lambda: [connection.close() for connection in names["pool"].connections.values()])
        return MemorySession(server=names["server"], user="alice", password="wonderland")

    def test_run_sqlite_files(self) -> None:
        """Files and folders are made, listed, changed, renamed and removed."""
        session = self.sqlite()

        def ask(request: Any) -> Status:
            return Status(session.request(request).status)

        self.assertEqual(ask(MkDir(path=b"/d", attributes=Attributes())), Status.OK)
        for content in (b"x" * 100_000, b"short"):
            session.put("/d/a", content)
            self.assertEqual(session.get("/d/a"), content)
        entries = {entry.name: entry.attributes for entry in session.listing("/d")}
        self.assertEqual([(name, each.size) for name, each in entries.items()], [(b"a", 5)])
        self.assertEqual(ask(RmDir(path=b"/d")), Status.FAILURE)
        self.assertEqual(ask(Rename(path=b"/d", new_path=b"/e", flags=0)), Status.OK)
        self.assertEqual(session.get("/e/a"), b"short")
        session.put("/b", b"other")
        self.assertEqual(ask(Rename(path=b"/b", new_path=b"/e/a", flags=0)), Status.FAILURE)
        self.assertEqual(ask(PosixRename(path=b"/b", new_path=b"/e/a")), Status.OK)
        self.assertEqual((session.get("/e/a"), len(session.listing("/"))), (b"other", 1))
        self.assertEqual((ask(Remove(path=b"/e/a")), ask(RmDir(path=b"/e"))), (Status.OK, Status.OK))
        self.assertEqual(session.listing("/"), [])

    def test_sqlite_files_refused(self) -> None:
        """What cannot be is refused, and nothing is changed by it."""
        session = self.sqlite()
        self.refused(Status.NO_SUCH_FILE, session.get, "/none")
        self.refused(Status.NO_SUCH_FILE, session.put, "/none/a", b"x")
        self.refused(Status.FAILURE, session.get, "/")
        session.put("/a", b"x")
        for request, status in (
            (Remove(path=b"/none"), Status.NO_SUCH_FILE),
            (Remove(path=b"/\xff"), Status.BAD_MESSAGE),
            (RmDir(path=b"/a"), Status.NO_SUCH_FILE),
            (MkDir(path=b"/a", attributes=Attributes()), Status.FAILURE),
            (MkDir(path=b"/", attributes=Attributes()), Status.FAILURE),
            (PosixRename(path=b"/none", new_path=b"/a"), Status.NO_SUCH_FILE),
            (PosixRename(path=b"/a", new_path=b"/a/b"), Status.BAD_MESSAGE),
        ):
            self.assertEqual(session.request(request).status, status, request)
        self.assertEqual(session.get("/a"), b"x")
