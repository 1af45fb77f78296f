"""
The extended requests: space, sync, copying, limits, names of accounts; and those that nobody knows.
"""

import os
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, succeed

from conchsftp.errors import SFTPError
from conchsftp.events import ExtendedRequest
from conchsftp.files.local import LocalFileSystem
from conchsftp.interfaces import IAccounts, ICopy, ISpace, ISync
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status
from tests.files.support import inline_workers
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    DATA,
    EXTENDED_REPLY,
    GREETING,
    OPENDIR,
    STATUS,
    TO_CREATE,
    HandlerCase,
    Session,
    SessionCase,
    extension,
    opening,
    reading,
    request,
    string,
    string_at,
    u32,
    u64,
    unhex,
    writing,
)
from tests.session.versions import in_versions

SPACE = SimpleNamespace(
    f_bsize=1, f_frsize=2, f_blocks=3, f_bfree=4, f_bavail=5, f_files=6, f_ffree=7, f_favail=8, f_fsid=9, f_flag=0x1003,
    f_namemax=255,
)  # fmt: skip


class Able(SlowFileSystem):
    """A file system that also tells space and accounts."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner, [])
        self.file_abilities += (ISpace, IAccounts)
        self.asked: list[str] = []

    def space(self, path: str) -> Any:
        self.asked.append(path)
        return SPACE

    def user_name(self, uid: int) -> str | None:
        return {0: "root", 7: "\udcff"}.get(uid)

    def group_name(self, gid: int) -> str | None:
        return {0: "wheel"}.get(gid)


class AbleCase(HandlerCase):
    """A session on a file system with every ability."""

    def setUp(self) -> None:
        super().setUp()
        self.able = Able(self.files)
        self.begin(self.able, events=self.session.events)


class WireTests(AbleCase):
    """Requests and replies byte by byte (OpenSSH's PROTOCOL, 4)."""

    def test_limits(self) -> None:
        """limits@openssh.com: the largest packet, READ and WRITE, and open handles; none of them 0."""
        asked = "c8 00000007  00000012 6c696d697473406f70656e7373682e636f6d"
        expected = "c9 00000007  0000000000040000 000000000003fc00 000000000003fc00 0000000000000400"
        self.assertEqual(self.one(unhex(asked)), bytes.fromhex(expected))

    def test_space(self) -> None:
        """statvfs and fstatvfs: eleven numbers; of the flags only "read-only" and "no set-uid"."""
        numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 255]
        expected = bytes.fromhex("c9 00000007") + b"".join(map(u64, numbers))
        self.assertEqual(self.one(extension(b"statvfs@openssh.com", 7, string(b"a"))), expected)
        for opened in (opening(b"a"), request(OPENDIR, 1, string(b"/home"))):
            handle = self.opened(opened)
            self.assertEqual(self.one(extension(b"fstatvfs@openssh.com", 7, string(handle))), expected)
        self.assertEqual(self.able.asked, ["/home/a", "/home/a", "/home"])

    def test_accounts(self) -> None:
        """users-groups-by-id: a name for each number, in order, empty where there is none."""
        packet = extension(
            b"users-groups-by-id@openssh.com", 7, string(u32(7) + u32(1) + u32(0)), string(u32(0) + u32(5))
        )
        users = string(b"\xff") + string(b"") + string(b"root")
        groups = string(b"wheel") + string(b"")
        self.assertEqual(self.one(packet), bytes.fromhex("c9 00000007") + string(users) + string(groups))
        packet = extension(b"users-groups-by-id@openssh.com", 7, string(b""), string(b""))
        self.assertEqual(self.one(packet), bytes.fromhex("c9 00000007") + string(b"") * 2)
        packet = extension(b"users-groups-by-id@openssh.com", 7, string(b"123"), string(b""))
        self.assert_status(self.one(packet), Status.BAD_MESSAGE, 7)


@in_versions()
class SyncTests(AbleCase):
    """fsync@openssh.com."""

    def test_accounts_later(self) -> None:
        """Names may have to be fetched: the answer waits for the last."""
        names: Deferred[str] = Deferred()
        self.able.user_name = lambda uid: names if uid == 7 else "bob"  # type: ignore[method-assign, return-value]
        self.able.group_name = lambda gid: succeed(None)  # type: ignore[method-assign, assignment, return-value]
        self.session.feed(extension(b"users-groups-by-id@openssh.com", 7, string(u32(7) + u32(1)), string(u32(0))))
        self.assertEqual(self.session.replies(), [])
        names.callback("ann")
        users = string(string(b"ann") + string(b"bob"))
        self.assertEqual(self.session.replies(), [bytes.fromhex("c9 00000007") + users + string(string(b""))])

    def sync(self, handle: bytes) -> bytes:
        return extension(b"fsync@openssh.com", 7, string(handle))

    def test_sync(self) -> None:
        """OK when the file says so; a directory, and a handle that is none, cannot."""
        handle = self.opened(opening(b"a"))
        self.assert_status(self.one(self.sync(handle)), Status.OK, 7)
        self.assertIn("file.sync", self.able.gate.begun)
        self.assert_status(self.one(self.sync(self.opened(request(OPENDIR, 1, string(b"/"))))), Status.INVALID_HANDLE)
        self.assert_status(self.one(self.sync(b"stale")), Status.INVALID_HANDLE)

    def test_waits(self) -> None:
        """It waits for what was written, and is told if the disk fails."""
        self.able.gate.names = {"file.write", "file.sync"}
        handle = self.opened(opening(b"a"))
        self.session.feed(writing(handle, 0, b"x"), self.sync(handle))
        self.assertEqual(self.able.gate.held, ["file.write"])
        self.able.gate.release()
        self.able.gate.fail(OSError(5, "no"))
        self.assert_statuses(self.session.replies(), Status.OK, Status.FAILURE)

    def test_file_without(self) -> None:
        """A file that has not the ability, though its file system says so, is OP_UNSUPPORTED."""
        handle = self.opened(opening(b"a"))
        opened = self.session.conversation.handles.get(handle, object)
        opened.source = SimpleNamespace(close=lambda: None)
        self.assert_status(self.one(self.sync(handle)), Status.OP_UNSUPPORTED)
        copy = extension(b"copy-data", 7, string(handle), u64(0), u64(0), string(handle), u64(0))
        self.assert_status(self.one(copy), Status.OP_UNSUPPORTED)


@in_versions()
class CopyTests(AbleCase):
    """copy-data."""

    def setUp(self) -> None:
        super().setUp()
        self.a, self.b = self.opened(opening(b"a")), self.opened(opening(b"b", pflags=TO_CREATE))

    def copy(self, offset: int, length: int, target_offset: int, *, source: bytes = b"", target: bytes = b"") -> bytes:
        """Copy from a to b and return the reply."""
        source, target = source or self.a, target or self.b
        fields = string(source), u64(offset), u64(length), string(target), u64(target_offset)
        return self.one(extension(b"copy-data", 7, *fields))

    def test_copy(self) -> None:
        """A range, or up to the end, to any place."""
        self.assert_status(self.copy(2, 3, 0), Status.OK, 7)
        self.assertEqual(self.files.get("/home/b"), b"234")
        self.assert_status(self.copy(8, 0, 4), Status.OK, 7)
        self.assertEqual(self.files.get("/home/b"), b"234\x0089")

    def test_short(self) -> None:
        """A source that ends before the range does is EOF; what there was is copied."""
        self.assert_status(self.copy(8, 5, 0), Status.EOF)
        self.assertEqual(self.files.get("/home/b"), b"89")

    def test_refused(self) -> None:
        """Overlapping ranges of one file, files that are not open for it, handles that are none."""
        self.assert_status(self.copy(0, 5, 3, target=self.a), Status.INVALID_PARAMETER)
        self.assert_status(self.copy(0, 1, 0, source=self.b, target=self.a), Status.PERMISSION_DENIED)
        self.assert_status(self.copy(0, 1, 0, source=b"stale"), Status.INVALID_HANDLE)
        self.assert_status(self.copy(0, 1, 0, target=b"stale"), Status.INVALID_HANDLE)
        self.assertEqual(self.files.get("/home/a"), b"0123456789")

    def test_apart(self) -> None:
        """Two ranges of one file that lie apart."""
        self.assert_status(self.copy(0, 3, 7, target=self.a), Status.OK)
        self.assertEqual(self.files.get("/home/a"), b"0123456012")


@in_versions()
class EventTests(AbleCase):
    """Handlers of ExtendedRequest."""

    def test_told(self) -> None:
        """They see name, path, handle and result."""
        events: list[ExtendedRequest] = []
        self.on(ExtendedRequest, lambda event: event.before_exec or events.append(event))
        handle = self.opened(opening(b"a"))
        self.session.ask(
            extension(b"fstatvfs@openssh.com", 1, string(handle)),
            extension(b"fsync@openssh.com", 2, string(handle)),
            extension(b"limits@openssh.com", 3),
        )
        told = [(event.request_name, event.path, event.handle, event.result) for event in events]
        self.assertEqual(
            told,
            [
                ("fstatvfs@openssh.com", "/home/a", handle.decode(), SPACE),
                ("fsync@openssh.com", "/home/a", handle.decode(), None),
                ("limits@openssh.com", "", "", None),
            ],
        )

    def test_copy(self) -> None:
        """Of a copy they see both files."""
        events: list[ExtendedRequest] = []
        self.on(ExtendedRequest, events.append)
        one, two = self.opened(opening(b"a")), self.opened(opening(b"b", pflags=TO_CREATE))
        self.session.ask(extension(b"copy-data", 1, string(one), u64(0), u64(0), string(two), u64(0)))
        self.assertEqual([(event.path, event.target) for event in events], [("/home/a", "/home/b")] * 2)

    def test_arguments(self) -> None:
        """They see what else the client says, by name."""
        told: dict[str, Any] = {}
        self.on(ExtendedRequest, lambda event: told.update({event.request_name: event.arguments}))
        one, two = self.opened(opening(b"a")), self.opened(opening(b"b", pflags=TO_CREATE))
        self.session.ask(
            extension(b"copy-data", 1, string(one), u64(1), u64(2), string(two), u64(3)),
            extension(b"text-seek", 2, string(one), u64(7)),
            extension(b"vendor-id", 3, string(b"Example"), string(b"client"), string(b"1.\xff"), u64(9)),
            extension(b"filename-translation-control", 4, b"\1"),
        )
        self.assertEqual(told.pop("copy-data"), {"offset": 1, "length": 2, "target_offset": 3})
        self.assertEqual(
            told.pop("vendor-id"), {"vendor": "Example", "product": "client", "version": "1.\ufffd", "build": 9}
        )
        self.assertEqual(told.pop("filename-translation-control"), {"translates": True})
        # In version 3 there is no text.
        self.assertIn(told.pop("text-seek"), ({"line": 7}, {}))

    def test_data(self) -> None:
        """Of a request that is not known they see the bytes behind its name."""
        events: list[ExtendedRequest] = []
        self.on(ExtendedRequest, events.append)
        self.session.ask(extension(b"query", 7, b"anything"), extension(b"other", 7))
        self.assertEqual([event.data for event in events], [b"anything"] * 2 + [b""] * 2)

    def test_unknown(self) -> None:
        """They are told of a request that is not known, with its name; it remains unsupported."""
        events: list[Any] = []
        self.on(ExtendedRequest, lambda event: events.append((event.request_name, event.status_code)))
        self.assert_status(self.one(extension(b"query", 7, b"anything")), Status.OP_UNSUPPORTED, 7)
        self.assert_status(self.one(extension(b"\xff", 7)), Status.OP_UNSUPPORTED, 7)
        self.assertEqual(events, [("query", 0), ("query", 8), ("\udcff", 0), ("\udcff", 8)])

    def test_refused(self) -> None:
        """They may refuse, at once or later."""
        turn: Deferred[None] = Deferred()

        @self.on(ExtendedRequest)
        async def refuse(event: ExtendedRequest) -> None:
            if event.request_name.startswith("statvfs"):
                await turn
                raise SFTPError(Status.PERMISSION_DENIED)

        self.assertEqual(self.session.ask(extension(b"statvfs@openssh.com", 1, string(b"a"))), [])
        self.assertEqual(self.session.ask(extension(b"limits@openssh.com", 2)), [])
        turn.callback(None)
        self.assertEqual([reply[0] for reply in self.session.replies()], [STATUS, EXTENDED_REPLY])
        self.assertEqual(self.able.asked, [])


@in_versions()
class LocalTests(SessionCase):
    """The local file system has the abilities that it says it has."""

    def setUp(self) -> None:
        super().setUp()
        self.root = os.path.abspath(self.mktemp())
        os.mkdir(self.root)
        with open(os.path.join(self.root, "a"), "wb") as file:
            file.write(b"0123456789")
        self.local = LocalFileSystem(self.root, workers=inline_workers())

    def test_advertised(self) -> None:
        """All eleven extensions of OpenSSH's server are advertised, and the abilities are those of the open files."""
        (version,) = Session(self.local).ask(GREETING)
        for name in (b"fsync@openssh.com", b"copy-data", b"statvfs@openssh.com", b"users-groups-by-id@openssh.com"):
            self.assertIn(string(name), version)
        self.assertEqual(version.count(b"@openssh.com"), 9)
        file = self.local.open("/a", 1, 2, Attributes())
        for files, opened in ((self.local, file), (self.files, self.files.open("/home/a", 1, 2, Attributes()))):
            self.assertLessEqual({ISync, ICopy}, set(files.file_abilities))
            for ability in files.file_abilities:
                self.assertTrue(ability.providedBy(opened), ability)
        file.close()

    def test_served(self) -> None:
        """What is advertised works."""
        session = self.begin(self.local)
        one, two = self.opened(opening(b"/a")), self.opened(opening(b"/b", pflags=0x1B))
        self.assertEqual(self.one(extension(b"statvfs@openssh.com", 1, string(b"/")))[0], EXTENDED_REPLY)
        self.assertEqual(self.one(extension(b"fstatvfs@openssh.com", 1, string(one)))[0], EXTENDED_REPLY)
        copy = extension(b"copy-data", 1, string(one), u64(2), u64(0), string(two), u64(0))
        if not (replies := session.ask(copy)):
            self.local._workers.pool.work()
            replies = session.replies()
        self.assert_statuses(replies, Status.OK)
        session.feed(extension(b"fsync@openssh.com", 1, string(two)))
        self.local._workers.pool.work()
        self.assert_statuses(session.replies(), Status.OK)
        reply = self.one(reading(two, 0, 20))
        self.assertEqual((reply[0], string_at(reply, 5)), (DATA, b"23456789"))
        session.lose()
