"""
Sessions without a file system: the handlers of events are the file system.
"""

from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from conchsftp import Attributes, SFTPAvatar, SFTPError, Status
from conchsftp.events import files as kinds
from conchsftp.events import own
from conchsftp.sftp import extended, requests
from conchsftp.sftp.numbers import Access, Disposition, FileType, OpenFlag, PFlag, RealPath
from conchsftp.sftp.replies import StatusReply
from conchsftp.sftp.statuses import lower
from conchsftp.testing import MemorySession, memory_server
from tests.session.versions import in_versions

NONE = Attributes()


def opening(path: bytes, *, write: bool = False, read: bool = True) -> requests.Open:
    """Return an OPEN."""
    access = (Access.READ_DATA if read else Access(0)) | (Access.WRITE_DATA if write else Access(0))
    flags = OpenFlag(Disposition.CREATE_TRUNCATE if write else Disposition.OPEN_EXISTING)
    return requests.Open(path=path, access=access, flags=flags, attributes=NONE)


CHANGES = (
    (kinds.DirCreate, requests.MkDir(path=b"/a", attributes=NONE)),
    (kinds.DirRemove, requests.RmDir(path=b"/a")),
    (kinds.FileRemove, requests.Remove(path=b"/a")),
    (kinds.FileRename, requests.Rename(path=b"/a", new_path=b"/b", flags=0)),
    (kinds.FileRename, extended.PosixRename(path=b"/a", new_path=b"/b")),
    (kinds.SetAttributes, requests.SetStat(path=b"/a", attributes=Attributes(mtime=5, atime=5))),
    (own.LinkCreate, requests.SymLink(path=b"/a", target=b"/b")),
)
"""What only has to be said to be done."""


class VirtualCase(SynchronousTestCase):
    """Help."""

    version = 3

    def setUp(self) -> None:
        self.session = self.begin(SFTPAvatar("user"))
        self.on: Any = self.session.server.on
        self.told: list[Any] = []

    def begin(self, *avatar: Any) -> MemorySession:
        """Begin a session in the version of the test."""
        session = MemorySession(*avatar, version=self.version, protocol_version=self.version)
        self.assertEqual(session.version, self.version)
        return session

    def changes(self) -> Any:
        """Return what only has to be said to be done, in the version of the test."""
        link = requests.Link(path=b"/a", target=b"/b", symbolic=True)
        return (*CHANGES[:-1], (own.LinkCreate, link)) if self.version == 6 else CHANGES

    def assert_said(self, found: Status, status: Status, why: object = None) -> None:
        """Check a status, as far as the version can say it."""
        self.assertEqual(found, lower(status, self.version), why)

    def watch(self, event: Any) -> None:
        """Handle an event as an audit log does: look at it."""
        self.told.append((event.before_exec, Status(event.status_code)))

    def status(self, request: Any) -> Status:
        """Ask, and return the status of the answer."""
        reply = self.session.request(request)
        assert isinstance(reply, StatusReply), reply
        return Status(reply.status)

    def refused(self, status: Status, call: Any, *args: Any) -> None:
        """Assert that a call fails with a status."""
        self.assert_said(self.assertRaises(SFTPError, call, *args).status, status)


@in_versions()
class UnhandledTests(VirtualCase):
    """What nobody does."""

    def all_requests(self) -> list[Any]:
        """Return a request of each kind that is about a path."""
        asked = [request for _, request in self.changes()]
        asked += [opening(b"/a"), opening(b"/a", write=True), requests.OpenDir(path=b"/")]
        return [*asked, requests.ReadLink(path=b"/a")]

    def test_nobody(self) -> None:
        """Without handlers everything is unsupported, but that there is a root."""
        for request in self.all_requests():
            self.assert_said(self.status(request), Status.OP_UNSUPPORTED, request)
        for kind in (requests.Stat, requests.LStat):
            self.assert_said(self.status(kind(path=b"/a", flags=0)), Status.OP_UNSUPPORTED)
            self.assertEqual(self.session.request(kind(path=b"/", flags=0)).attributes.type, FileType.DIRECTORY)

    def test_watched(self) -> None:
        """A handler that only watches does nothing: nobody is told that anything was done."""
        for kind in (
            *(kind for kind, _ in self.changes()[:6]),
            own.LinkCreate,
            own.LinkRead,
            kinds.FileOpen,
            kinds.DirList,
        ):
            self.on(kind, self.watch)
        for request in self.all_requests():
            self.told.clear()
            self.assert_said(self.status(request), Status.OP_UNSUPPORTED, request)
            self.assertEqual(self.told[-1], (False, Status.OP_UNSUPPORTED))

    def test_hint(self) -> None:
        """The log says once a session that a handler has left an operation as it was."""
        lines: list[str] = []

        def note(event: Any) -> None:
            if "is unsupported" in event.get("log_format", ""):
                lines.append(event["event"])

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)
        self.on(kinds.FileRemove, self.watch)
        for request in (requests.Remove(path=b"/a"), requests.Remove(path=b"/b"), requests.RmDir(path=b"/a")):
            self.assert_said(self.status(request), Status.OP_UNSUPPORTED)
        self.assertEqual(lines, ["FileRemove"])

    def test_read_only(self) -> None:
        """Who may only read changes nothing, whatever a handler would do."""
        self.session = self.begin(SFTPAvatar("user", read_only=True))
        for kind, request in self.changes():
            self.session.server.on(kind, lambda event: setattr(event, "handled", True))
            self.assert_said(self.status(request), Status.PERMISSION_DENIED)

    def test_real_path(self) -> None:
        """REALPATH is made of the path alone, unless a handler says something else."""

        def names() -> list[bytes]:
            control = RealPath.NO_CHECK if self.version == 6 else RealPath.RESOLVE
            asked = [requests.RealPath(path=path, control=control) for path in (b".", b"a/../b//c", b"/../x")]
            return [self.session.request(each).entries[0].name for each in asked]

        self.assertEqual(names(), [b"/", b"/b/c", b"/x"])
        self.on(kinds.ResolvePath, lambda event: setattr(event, "real_path", f"/there{event.real_path}"))
        self.assertEqual(names(), [b"/there/", b"/there/b/c", b"/there/x"])


@in_versions()
class DoneTests(VirtualCase):
    """What says that an operation is done."""

    def test_said(self) -> None:
        """`handled` says so, and so does a status that is assigned, before or after."""

        def handled(event: Any) -> None:
            event.handled = event.before_exec

        def before(event: Any) -> None:
            if event.before_exec:
                event.status_code = Status.OK

        def number(event: Any) -> None:
            if event.before_exec:
                event.status_code = 0

        def after(event: Any) -> None:
            if not event.before_exec:
                event.status_code = Status.OK

        for kind, request in self.changes():
            for handler in (handled, before, number, after):
                self.on(kind, handler)
                self.assert_said(self.status(request), Status.OK, (request, handler))
                self.session.server.events.off(kind, handler)
            self.assert_said(self.status(request), Status.OP_UNSUPPORTED)

    def test_refused(self) -> None:
        """A handler refuses as ever, and an audit log sees it."""
        for kind, request in self.changes():
            self.on(kind, lambda event: event.deny("no", Status.WRITE_PROTECT))
            self.assert_said(self.status(request), Status.WRITE_PROTECT)

    def test_same_object(self) -> None:
        """Assigning what was there before is no assignment: a handler may restore a status."""

        def restore(event: Any) -> None:
            status, event.status_code = event.status_code, Status.FAILURE
            event.status_code = status

        self.on(kinds.FileRemove, restore)
        self.assert_said(self.status(requests.Remove(path=b"/a")), Status.OP_UNSUPPORTED)

    def test_only_here(self) -> None:
        """In a session with files of its own, an assigned OK is no more than permission."""
        session = self.begin()
        session.server.on(kinds.FileRemove, lambda event: setattr(event, "status_code", Status.OK))
        session.put("/a", b"")
        self.assertEqual(session.request(requests.Remove(path=b"/a")).status, Status.OK)
        self.refused(Status.NO_SUCH_FILE, session.get, "/a")


@in_versions()
class DocumentedTests(VirtualCase):
    """A program as the component's documentation has it: handles, FileRead and FileWrite."""

    def setUp(self) -> None:
        super().setUp()
        self.stored = {"/a": bytearray(b"0123456789")}
        self.open: dict[str, bytearray] = {}
        for name in ("file_open", "file_read", "file_write", "file_close", "get_attributes"):
            self.on(name.replace("_", ""), getattr(self, name))

    def file_open(self, event: Any) -> None:
        """Open a file."""
        if not event.before_exec:
            return
        if event.flags & PFlag.TRUNC:
            self.stored[event.path] = bytearray()
        if event.path not in self.stored:
            event.status_code = Status.NO_SUCH_FILE
            return
        event.handle = f"h{len(self.open)}"
        self.open[event.handle] = self.stored[event.path]

    def file_read(self, event: Any) -> None:
        """Read from it."""
        event.data = bytes(self.open[event.handle][event.file_offset : event.file_offset + event.length])
        if not event.data:
            event.status_code = Status.EOF

    def file_write(self, event: Any) -> None:
        """Write to it."""
        if event.before_exec:
            content = self.open[event.handle]
            content[event.file_offset : event.file_offset + len(event.data)] = event.data
            event.status_code = Status.OK

    def file_close(self, event: Any) -> None:
        """Close it."""
        del self.open[event.handle]

    def get_attributes(self, event: Any) -> None:
        """Say what it is."""
        if event.path in self.stored:
            event.file_type = FileType.REGULAR
            event.file_size = len(self.stored[event.path])

    def test_read(self) -> None:
        """A file is read to its end, and closed."""
        self.assertEqual(self.session.get("/a"), b"0123456789")
        self.refused(Status.NO_SUCH_FILE, self.session.get, "/b")
        self.assertEqual(self.open, {})

    def test_write(self) -> None:
        """And written; what handlers take is counted."""
        finished: list[int] = []
        self.on(own.TransferFinished, lambda event: finished.append(event.bytes))
        self.session.put("/b", b"x" * 100_000)
        self.assertEqual((self.stored["/b"], finished), (b"x" * 100_000, [100_000]))

    def test_attributes(self) -> None:
        """STAT, LSTAT and FSTAT are one event; what it leaves without attributes is not there."""
        handle = self.session.request(opening(b"/a")).handle
        for request in (
            requests.Stat(path=b"/a", flags=0),
            requests.LStat(path=b"/a", flags=0),
            requests.FStat(handle=handle, flags=0),
        ):
            self.assertEqual(self.session.request(request).attributes.size, 10)
        self.assert_said(self.status(requests.Stat(path=b"/b", flags=0)), Status.NO_SUCH_FILE)

    def test_no_data(self) -> None:
        """FileRead that is left OK without data is the end of the file."""
        self.session.server.events.off("FileRead", self.file_read)
        handle = self.session.request(opening(b"/a")).handle
        reading = requests.Read(handle=handle, offset=0, length=5)
        self.assert_said(self.status(reading), Status.OP_UNSUPPORTED)
        self.on(kinds.FileRead, lambda event: None)
        self.assert_said(self.status(reading), Status.EOF)

    def test_nobody_writes(self) -> None:
        """What nobody takes is not written: a log of FileWrite is no answer."""
        self.session.server.events.off("FileWrite", self.file_write)
        self.on(kinds.FileWrite, self.watch)
        self.refused(Status.OP_UNSUPPORTED, self.session.put, "/b", b"data")


@in_versions()
class ListingTests(VirtualCase):
    """Directories."""

    def test_names(self) -> None:
        """A name without attributes gets them from one GetAttributes event."""

        def listing(event: Any) -> None:
            if event.before_exec:
                event.result = {"known": Attributes.of_file(size=1), "asked": None, "gone": None}

        def attributes(event: Any) -> None:
            self.told.append(event.path)
            if event.path == "/d/asked":
                event.attributes = Attributes.of_directory(mtime=5)
            else:
                event.status_code = Status.NO_SUCH_FILE

        self.on(kinds.DirList, listing)
        self.on(kinds.GetAttributes, attributes)
        found = {entry.name: entry.attributes.type for entry in self.session.listing("/d")}
        self.assertEqual(found, {b"known": FileType.REGULAR, b"asked": FileType.DIRECTORY})
        self.assertEqual(self.told, ["/d/asked", "/d/gone"])

    def test_empty(self) -> None:
        """A directory without anything in it is one, whether a handler says so before or after."""
        for before in (True, False):
            handler = self.on(
                kinds.DirList,
                lambda event, before=before: event.before_exec == before and setattr(event, "result", []),
            )
            self.assertEqual(self.session.listing("/empty"), [])
            self.session.server.events.off(kinds.DirList, handler)

    def test_set_file_list(self) -> None:
        """Nothing but names will do, before or after."""
        for before in (True, False):
            session = self.begin(SFTPAvatar("user"))

            def listing(event: Any, before: bool = before) -> None:
                if event.before_exec is before:
                    event.result = "a\r\nb"

            session.server.on(kinds.DirList, listing)
            self.assertEqual([entry.name for entry in session.listing("/")], [b"a", b"b"])

    def test_link(self) -> None:
        """A link is what a handler says."""
        self.on(own.LinkRead, lambda event: setattr(event, "target", "there"))
        self.assertEqual(self.session.request(requests.ReadLink(path=b"/a")).entries[0].name, b"there")


class LoginTests(SynchronousTestCase):
    """Who gets such a session."""

    def login(self, **options: Any) -> Any:
        """Return what the avatar of a login becomes."""
        return Deferred.fromCoroutine(
            memory_server(avatar_class=options.pop("avatar_class", SFTPAvatar), **options).make_avatar("user")
        )

    def test_forgotten_root(self) -> None:
        """Without a folder nobody gets in, and an audit log is no file system: somebody has forgotten the folder."""

        class Audited(SFTPAvatar):
            def on_file_remove(self, event: Any) -> None:
                pass

        for cls in (SFTPAvatar, Audited):
            self.failureResultOf(self.login(avatar_class=cls), UnauthorizedLogin)

    def test_avatar(self) -> None:
        """Hooks of the avatar that supply files will do."""

        class Virtual(SFTPAvatar):
            def on_file_open(self, event: Any) -> None:
                event.result = b"mine"

        server = memory_server(avatar_class=Virtual)
        self.assertEqual(MemorySession(server=server).get("/a"), b"mine")

    def test_server(self) -> None:
        """So will handlers of the server."""
        server = memory_server(avatar_class=SFTPAvatar)
        server.on(kinds.FileOpen, lambda event: setattr(event, "result", b"ours"))
        self.assertEqual(MemorySession(server=server).get("/a"), b"ours")

    def test_own_files(self) -> None:
        """An avatar that brings files of its own needs no folder either."""

        class Own(SFTPAvatar):
            def __init__(self, user_name: str, **facts: Any) -> None:
                super().__init__(user_name, **{**facts, "files": self})

        self.assertIsNotNone(self.successResultOf(self.login(avatar_class=Own)).files)
