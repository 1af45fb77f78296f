"""
Whole contents and whole uploads that handlers supply, in sessions.
"""

from collections.abc import AsyncIterator
from typing import IO, Any

from twisted.internet.defer import Deferred

from conchsftp import ByteSource, SFTPAvatar, SFTPError, SpooledSink, Status
from conchsftp.events import files as kinds
from conchsftp.sftp import requests
from conchsftp.sftp.numbers import Disposition, OpenFlag
from tests.session.test_virtual import VirtualCase, opening
from tests.session.versions import in_versions


@in_versions()
class WholeTests(VirtualCase):
    """Whole contents instead of single readings and writings."""

    def supply(self, result: Any) -> None:
        """Open every file as something."""

        def opened(event: Any) -> None:
            if event.before_exec:
                event.result = result() if callable(result) else result

        self.on(kinds.FileOpen, opened)

    def test_bytes(self) -> None:
        """Bytes are a file that can be read and has a size, and nothing else."""
        self.supply(b"content")
        self.assertEqual(self.session.get("/a"), b"content")
        handle = self.session.request(opening(b"/a")).handle
        self.assertEqual(self.session.request(requests.FStat(handle=handle, flags=0)).attributes.size, 7)
        self.assert_said(self.status(opening(b"/a", write=True)), Status.PERMISSION_DENIED)

    def test_kinds(self) -> None:
        """So are a function, a ByteSource and an asynchronous iterator."""

        async def pieces() -> AsyncIterator[bytes]:
            for number in range(3):
                yield b"%d" % number

        def read(offset: int, length: int) -> bytes:
            return b"012"[offset : offset + length]

        for result in (lambda: read, lambda: ByteSource(3, read), pieces, lambda: bytearray(b"012")):
            self.session = self.begin(SFTPAvatar("user"))
            self.on = self.session.server.on
            self.supply(result)
            self.assertEqual(self.session.get("/a"), b"012")

    def test_text(self) -> None:
        """A text could be a path or a content: it is a mistake."""
        self.supply("text")
        self.assert_said(self.status(opening(b"/a")), Status.FAILURE)
        self.assertIn("expected bytes", str(self.flushLoggedErrors(TypeError)[0].value))

    def test_after(self) -> None:
        """A content may be supplied after the operation as well."""

        def opened(event: Any) -> None:
            if not event.before_exec:
                event.result = b"late"

        self.on(kinds.FileOpen, opened)
        self.assertEqual(self.session.get("/a"), b"late")

    def test_beside_files(self) -> None:
        """The same goes for a session that has files: here is one more of them."""
        session = self.begin()

        def opened(event: Any) -> None:
            if event.before_exec and event.path == "/more":
                event.result = b"more"

        session.server.on(kinds.FileOpen, opened)
        session.put("/a", b"file")
        self.assertEqual((session.get("/a"), session.get("/more")), (b"file", b"more"))

    def test_events_beside_files(self) -> None:
        """Nor need it be whole: a handler that opens a file itself has the events of its content."""
        session = self.begin()
        written: list[bytes] = []

        def opened(event: Any) -> None:
            event.handled = event.before_exec and event.path == "/more"

        def write(event: Any) -> None:
            if event.before_exec and event.path == "/more":
                written.append(event.data)
                event.status_code = Status.OK

        session.server.on(kinds.FileOpen, opened)
        session.server.on(kinds.FileWrite, write)
        session.put("/a", b"file")
        session.put("/more", b"more")
        self.assertEqual((session.get("/a"), written), (b"file", [b"more"]))

    def test_fails(self) -> None:
        """A content that breaks off is a failure, and no end."""

        async def broken() -> AsyncIterator[bytes]:
            yield b"begin"
            raise SFTPError(Status.PERMISSION_DENIED, "gone")

        self.supply(broken)
        self.refused(Status.PERMISSION_DENIED, self.session.get, "/a")

    def test_lost(self) -> None:
        """A session that is lost ends an iterator that somebody waits for."""
        over: list[bool] = []

        async def waits() -> AsyncIterator[bytes]:
            try:
                yield await Deferred()
            finally:
                over.append(True)

        self.supply(waits)
        handle = self.session.request(opening(b"/a")).handle
        self.session.ask(requests.Read(handle=handle, offset=0, length=5))
        self.session.cut()
        self.assertEqual(over, [True])


@in_versions()
class UploadTests(VirtualCase):
    """Whole uploads."""

    def setUp(self) -> None:
        super().setUp()
        self.stored: list[tuple[str, bytes]] = []
        self.on(kinds.FileOpen, self.opened)

    def opened(self, event: Any) -> None:
        """Take every upload."""
        if event.before_exec:
            event.result = SpooledSink(lambda file, size: self.store(event.path, file), limit=1_000_000)

    def store(self, path: str, file: IO[bytes]) -> Any:
        """Store one."""
        self.stored.append((path, file.read()))

    def writing(self, data: bytes = b"data", offset: int = 0) -> bytes:
        """Open a file and write to it; return the handle."""
        handle: bytes = self.session.request(opening(b"/a", write=True)).handle
        self.session.request(requests.Write(handle=handle, offset=offset, data=[data]))
        return handle

    def test_put(self) -> None:
        """It is stored when it is closed."""
        self.session.put("/a", b"x" * 100_000)
        self.assertEqual(self.stored, [("/a", b"x" * 100_000)])

    def test_out_of_order(self) -> None:
        """In whatever order it came."""
        handle = self.writing(b"world", 5)
        self.session.request(requests.Write(handle=handle, offset=0, data=[b"hello"]))
        self.assertEqual(self.stored, [])
        self.assert_said(self.status(requests.Close(handle=handle)), Status.OK)
        self.assertEqual(self.stored, [("/a", b"helloworld")])

    def test_appended(self) -> None:
        """Where the client has asked to append, each piece goes to the end, whatever offset it names."""

        def opened(event: Any) -> None:
            if event.before_exec:
                event.result = SpooledSink(lambda file, size: self.store(event.path, file), initial=b"abc")

        self.on(kinds.FileOpen, opened)
        appending = opening(b"/a", write=True)
        appending.flags = OpenFlag(Disposition.OPEN_OR_CREATE) | OpenFlag.APPEND_DATA
        handle = self.session.request(appending).handle
        for piece in (b"de", b"f"):
            self.session.request(requests.Write(handle=handle, offset=0, data=[piece]))
        self.session.request(requests.Close(handle=handle))
        self.assertEqual(self.stored, [("/a", b"abcdef")])

    def test_no_reading(self) -> None:
        """It cannot be opened for reading."""
        self.assert_said(self.status(opening(b"/a")), Status.PERMISSION_DENIED)

    def test_allowed_write(self) -> None:
        """A handler of FileWrite that says OK to each piece, as a quota does, does not keep it from the upload."""

        def allow(event: Any) -> None:
            event.status_code = Status.OK

        self.on(kinds.FileWrite, allow)
        self.session.put("/a", b"data")
        self.assertEqual(self.stored, [("/a", b"data")])

    def test_never_opened(self) -> None:
        """An upload that is refused when it is opened is not stored, whoever refuses it, and when."""
        for before in (True, False):
            self.session = self.begin(SFTPAvatar("user"))
            self.session.server.on(kinds.FileOpen, self.opened)

            def refuse(event: Any, before: bool = before) -> None:
                if event.before_exec is before:
                    event.deny()

            self.session.server.on(kinds.FileOpen, refuse)
            self.assert_said(self.status(opening(b"/a", write=True)), Status.PERMISSION_DENIED)
        self.assert_said(self.status(opening(b"/a")), Status.PERMISSION_DENIED)
        self.assertEqual(self.stored, [])

    def test_lost_while_opening(self) -> None:
        """Nor is one that is opened when the session is over."""
        waiting: Deferred[None] = Deferred()
        self.on(kinds.FileOpen, lambda event: waiting)
        self.session.ask(opening(b"/a", write=True))
        self.session.cut()
        waiting.callback(None)
        self.assertEqual(self.stored, [])

    def test_store_fails(self) -> None:
        """Why it could not be stored is the answer to CLOSE."""

        def full(path: str, file: Any) -> None:
            raise SFTPError(Status.NO_SPACE_ON_FILESYSTEM)

        self.patch(self, "store", full)
        self.assert_said(self.status(requests.Close(handle=self.writing())), Status.NO_SPACE_ON_FILESYSTEM)

    def test_store_waits(self) -> None:
        """The answer to CLOSE waits until it is stored."""
        waiting: Deferred[None] = Deferred()
        self.patch(self, "store", lambda path, file: waiting)
        closing = self.session.ask(requests.Close(handle=self.writing()))
        self.assertNoResult(closing)
        waiting.callback(None)
        self.session.read()
        self.assertEqual(self.successResultOf(closing).status, Status.OK)

    def test_lost(self) -> None:
        """What was cut off is not stored."""
        self.writing()
        self.session.cut()
        self.assertEqual(self.stored, [])

    def test_far(self) -> None:
        """An offset that no file has is refused, and so is the whole upload."""
        handle = self.session.request(opening(b"/a", write=True)).handle
        self.assert_said(self.status(requests.Write(handle=handle, offset=2**62, data=[b"x"])), Status.QUOTA_EXCEEDED)
        self.assert_said(self.status(requests.Close(handle=handle)), Status.QUOTA_EXCEEDED)
        self.assertEqual(self.stored, [])

    def test_refused_write(self) -> None:
        """An upload of which a handler has refused a piece is not stored: it has a hole."""

        def refuse(event: Any) -> None:
            if event.file_offset == 4:
                event.deny()

        self.on(kinds.FileWrite, refuse)
        handle = self.writing()
        for offset, status in ((4, Status.PERMISSION_DENIED), (8, Status.FAILURE)):
            request = requests.Write(handle=handle, offset=offset, data=[b"data"])
            self.assert_said(self.status(request), status)
        self.assert_said(self.status(requests.Close(handle=handle)), Status.FAILURE)
        self.assertEqual(self.stored, [])
