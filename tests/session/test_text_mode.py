"""
Files that are opened as text, in every version that can: over a folder, in memory, and where handlers supply them.
"""

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp import events
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FROM4, Access, Disposition, OpenFlag
from conchsftp.sftp.replies import StatusReply
from conchsftp.sftp.statuses import Status, lower
from conchsftp.testing import MemorySession
from tests.session.slow import SlowFileSystem

READS, WRITES, BOTH = Access.READ_DATA, Access.WRITE_DATA, Access.READ_DATA | Access.WRITE_DATA
OLD, NEW = OpenFlag(Disposition.OPEN_EXISTING), OpenFlag(Disposition.CREATE_TRUNCATE)
CONTENT = b"one\ntwo\r\n\nthree"
ON_WIRE = CONTENT.replace(b"\n", b"\r\n")


class TextModeCase(SynchronousTestCase):
    """Sessions whose lines end with CR and LF."""

    def sessions(self, versions: Any = FROM4, **options: Any) -> Any:
        """Yield sessions of each version, in memory and over a folder; each finds `/file`."""
        options = {"protocol_version": 6, "server_eol": "CrLf", **options}
        for version in versions:
            avatar = SFTPAvatar("user", files=MemoryFileSystem({"/file": CONTENT}), permissions=options.get("may"))
            yield self.begin(avatar, version=version, **{key: options[key] for key in options if key != "may"})
            root = self.mktemp()
            os.mkdir(root)
            with open(f"{root}/file", "wb") as file:
                file.write(CONTENT)
            if "may" not in options:
                yield self.begin(version=version, root_directory=root, file_threads="inline", **options)

    def begin(self, *args: Any, **options: Any) -> MemorySession:
        """Begin a session."""
        self.session = MemorySession(*args, **options)
        return self.session

    def status(self, request: Any) -> int:
        """Return how a request went."""
        reply = self.session.request(request)
        return reply.status if isinstance(reply, StatusReply) else Status.OK

    def check(self, request: Any, status: Status = Status.OK) -> None:
        """Check how a request goes, as the version can say it."""
        self.assertEqual(self.status(request), lower(status, self.session.version), request)

    def open(self, access: Access = BOTH, flags: OpenFlag = OLD, path: bytes = b"/file") -> bytes:
        """Open as text."""
        flags |= OpenFlag.TEXT_MODE
        reply: Any = self.session.request(requests.Open(path=path, access=access, flags=flags, attributes=Attributes()))
        handle: bytes = reply.handle
        return handle

    def read(self, handle: bytes, length: int = 1000, offset: int = 0) -> Any:
        """Return what is read, or the status."""
        reply: Any = self.session.request(requests.Read(handle=handle, offset=offset, length=length))
        return reply.status if isinstance(reply, StatusReply) else bytes(reply.data)

    def content(self) -> bytes:
        """Return what is in the file, opened as it is."""
        return self.session.get("/file")


class TextModeTests(TextModeCase):
    """OPEN with TEXT_MODE."""

    def test_reading(self) -> None:
        """Lines end as was told; offsets are ignored, READs are full but for the last; then EOF, again and again."""
        for session in self.sessions():
            self.assertEqual(session.extensions[b"newline"], b"\r\n")
            handle = self.open(READS)
            pieces = [self.read(handle, 4, offset=7) for _ in range(5)]
            self.assertEqual(b"".join(pieces[:4] + [pieces[4]]), ON_WIRE[:20])
            self.assertEqual(self.read(handle), Status.EOF)
            self.assertEqual(self.read(handle), Status.EOF)

    def test_pipelined(self) -> None:
        """Clients that ask for all of it at once, by offsets as in any file, get it in order."""
        for session in self.sessions():
            handle = self.open(READS)
            answers: list[Any] = []
            for at in range(0, 24, 4):
                session.ask(requests.Read(handle=handle, offset=at, length=4)).addCallback(answers.append)
            found = b"".join(bytes(reply.data) for reply in answers if not isinstance(reply, StatusReply))
            self.assertEqual(found, ON_WIRE)

    def test_writing(self) -> None:
        """What is written ends its lines on the disk as the system does; a new file, an old one, and the end of one."""
        for _ in self.sessions():
            handle = self.open(WRITES, NEW)
            for data in (b"a\r", b"\nb\r", b"\r\n"):
                self.check(requests.Write(handle=handle, offset=1000, data=[data]))
            self.check(requests.Close(handle=handle))
            self.assertEqual(self.content(), b"a\nb\r\n")
            handle = self.open(WRITES, OLD)
            self.check(requests.Write(handle=handle, offset=3, data=[b"A\r\n"]))
            self.check(requests.Close(handle=handle))
            self.assertEqual(self.content(), b"A\nb\r\n")
            handle = self.open(WRITES, OLD | OpenFlag.APPEND_DATA)
            self.check(requests.Write(handle=handle, offset=0, data=[b"c\r\n"]))
            self.check(requests.Close(handle=handle))
            self.assertEqual(self.content(), b"A\nb\r\nc\n")

    def test_line_feeds(self) -> None:
        """Where lines end alike on both sides only offsets are ignored."""
        for _ in self.sessions(server_eol="LF"):
            handle = self.open()
            self.assertEqual(self.read(handle, 4, offset=9), CONTENT[:4])
            self.assertEqual(self.read(handle), CONTENT[4:])
            self.check(requests.Write(handle=handle, offset=0, data=[b"\r\n"]))
            self.check(requests.Close(handle=handle))
            self.assertEqual(self.content(), CONTENT + b"\r\n")

    def test_attributes(self) -> None:
        """FSTAT tells the size on the disk, and FSETSTAT sets it."""
        for session in self.sessions():
            handle = self.open()
            reply: Any = session.request(requests.FStat(handle=handle, flags=0))
            self.assertEqual(reply.attributes.size, len(CONTENT))
            self.check(requests.FSetStat(handle=handle, attributes=Attributes(size=4)))
            self.assertEqual(self.read(handle), b"one\r\n")

    def test_copying(self) -> None:
        """What is open as text is not copied as it is."""
        for session in self.sessions():
            handle, plain = self.open(), self.open(path=b"/other", flags=NEW)
            copying = extended.CopyData(handle=handle, offset=0, length=0, target_handle=plain, target_offset=0)
            self.check(copying, Status.OP_UNSUPPORTED)
            del session

    def test_version_3(self) -> None:
        """Version 3 has no text: the bit is ignored."""
        for session in self.sessions(range(3, 4)):
            self.assertNotIn(b"text-seek", session.extensions)
            handle = self.open()
            self.assertEqual(self.read(handle, 100, offset=4), CONTENT[4:])
            self.check(extended.UnknownExtended(name=b"text-seek", data=b""), Status.OP_UNSUPPORTED)

    def test_changed_setting(self) -> None:
        """ServerEOL holds for sessions that begin after a change: this one was told something else."""
        for session in self.sessions():
            session.server.server_eol = "LF"
            self.assertEqual(self.read(self.open(READS)), ON_WIRE)


class SeekTests(TextModeCase):
    """text-seek."""

    def test_lines(self) -> None:
        """READ goes on at the line; beyond the last is EOF."""
        for session in self.sessions():
            self.assertEqual(session.extensions[b"text-seek"], b"1")
            handle = self.open(READS)
            self.check(extended.TextSeek(handle=handle, line=3))
            self.assertEqual(self.read(handle), b"three")
            self.check(extended.TextSeek(handle=handle, line=4), Status.EOF)
            self.check(extended.TextSeek(handle=handle, line=1))
            self.assertEqual(self.read(handle, 3), b"two")

    def test_refused(self) -> None:
        """What is not open as text, what is open for writing only, and what is not open."""
        for session in self.sessions():
            plain: Any = session.request(requests.Open(path=b"/file", access=READS, flags=OLD, attributes=Attributes()))
            self.check(extended.TextSeek(handle=plain.handle, line=0), Status.INVALID_PARAMETER)
            self.check(extended.TextSeek(handle=self.open(WRITES), line=1), Status.OP_UNSUPPORTED)
            self.check(extended.TextSeek(handle=b"none", line=0), Status.INVALID_HANDLE)
            directory: Any = session.request(requests.OpenDir(path=b"/"))
            self.check(extended.TextSeek(handle=directory.handle, line=0), Status.INVALID_HANDLE)

    def test_permissions(self) -> None:
        """Who may write and not read cannot count lines; who may read can, on a read-only server, too."""
        for _ in self.sessions(may={"/": "list", "/file": "write"}):
            self.check(extended.TextSeek(handle=self.open(WRITES), line=1), Status.OP_UNSUPPORTED)
        for _ in self.sessions(read_only=True):
            self.check(extended.TextSeek(handle=self.open(READS), line=1))

    def test_some_at_a_time(self) -> None:
        """Lines are counted in two files at a time, however many a client asks for; the others wait, none is lost."""
        for version in FROM4:
            files = MemoryFileSystem({f"/{number}": CONTENT for number in range(5)})
            slow = SlowFileSystem(files, ["file.read"])
            session = self.begin(SFTPAvatar("user", files=slow), version=version, protocol_version=6)
            found: list[Any] = []
            for handle in [self.open(READS, path=b"/%d" % number) for number in range(5)]:
                session.ask(extended.TextSeek(handle=handle, line=1)).addCallback(found.append)
            self.assertEqual(slow.gate.held, ["file.read"] * 2)
            slow.gate.release_all()
            session.read()
            self.assertEqual([reply.status for reply in found], [Status.OK] * 5)

    def test_event(self) -> None:
        """Handlers see it as an extended request, and may refuse it."""
        for session in self.sessions():
            seen: list[Any] = []

            def handler(event: Any, seen: list[Any] = seen) -> None:
                seen.append((event.request_name, event.path))
                if event.before_exec:
                    event.deny()

            session.server.on("ExtendedRequest", handler)
            handle = self.open(READS)
            self.check(extended.TextSeek(handle=handle, line=1), Status.PERMISSION_DENIED)
            self.assertEqual(seen, [("text-seek", "/file")])


class EventTests(TextModeCase):
    """What handlers see, and what they supply."""

    def test_seen(self) -> None:
        """They see what the client sends and gets, and the offsets that it names; they may change the content."""
        for session in self.sessions():
            seen: list[Any] = []

            def reading(event: Any, seen: list[Any] = seen) -> None:
                seen.append((event.file_offset, event.data))
                event.data = event.data.upper()

            def writing(event: Any, seen: list[Any] = seen) -> None:
                if event.before_exec:
                    seen.append((event.file_offset, event.data))
                    event.data = b"\r\n"

            session.server.on(events.FileRead, reading)
            session.server.on(events.FileWrite, writing)
            handle = self.open()
            self.assertEqual(self.read(handle, 5, offset=9), b"ONE\r\n")
            self.check(requests.Write(handle=handle, offset=8, data=[b"x\r\n"]))
            self.check(requests.Close(handle=handle))
            self.assertEqual(seen, [(9, b"one\r\n"), (8, b"x\r\n")])
            self.assertEqual(self.content().lower().replace(b"\r\n", b"\n"), b"one\n\nwo\n\nthree")

    def test_supplied(self) -> None:
        """What a handler supplies as a file ends its lines as the disk does."""
        for session in self.sessions():
            session.server.on(events.FileOpen, lambda event: setattr(event, "result", b"a\nb\n"))
            self.assertEqual(self.read(self.open(READS)), b"a\r\nb\r\n")

    def test_content_by_events(self) -> None:
        """A handler whose events are the content gets them as the client sends them, and knows that it is text."""
        for version in FROM4:
            session = self.begin(SFTPAvatar("user", files=None), version=version, protocol_version=6, server_eol="CrLf")

            def opening(event: Any) -> None:
                event.handled = bool(event.open_flags & OpenFlag.TEXT_MODE)

            def reading(event: Any) -> None:
                event.data = b"a\n%d" % event.file_offset

            session.server.on(events.FileOpen, opening)
            session.server.on(events.FileRead, reading)
            handle = self.open(READS)
            self.assertEqual(self.read(handle, 100, offset=7), b"a\n7")
            self.check(extended.TextSeek(handle=handle, line=0), Status.INVALID_PARAMETER)
