"""
Changing attributes: what is asked for is done, or refused with a reason; an upload never fails for it.
"""

from errno import EPERM
from struct import unpack_from
from typing import Any

from conchsftp.files.disk.walk import fail
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status
from tests.bugs.classes import bug_class
from tests.bugs.support import LocalWireCase, WireCase
from tests.session.support import (
    CLOSE,
    FSETSTAT,
    FSTAT,
    LSTAT,
    SETSTAT,
    request,
    string,
    string_at,
    u32,
    u64,
    writing,
)
from tests.session.versions import in_versions

READ, WRITE, CREAT, TRUNC = 1, 2, 8, 0x10
SIZE, OWNERS, MODE, TIMES = 1, 2, 4, 8
DATA = b"0123456789"


def attributes(*, size: int | None = None, owners: Any = None, mode: int | None = None, times: Any = None) -> bytes:
    """Lay out attributes of version 3."""
    parts = (
        (SIZE, None if size is None else u64(size)),
        (OWNERS, owners and u32(owners[0]) + u32(owners[1])),
        (MODE, None if mode is None else u32(mode)),
        (TIMES, times and u32(times[0]) + u32(times[1])),
    )
    return u32(sum(bit for bit, part in parts if part)) + b"".join(part for _, part in parts if part)


class AttributesCase:
    """Both ways to change attributes: of what a path names, and of what is open."""

    def set_by_path(self, path: bytes, wanted: bytes) -> bytes:
        """Send SETSTAT and return the reply."""
        return self.one(request(SETSTAT, 1, string(path), wanted))

    def set_by_handle(self, path: bytes, wanted: bytes) -> bytes:
        """Send FSETSTAT and return the reply."""
        handle = self.open(path, READ | WRITE)
        reply = self.one(request(FSETSTAT, 2, string(handle), wanted))
        self.close(handle)
        return reply

    def seen(self, path: bytes) -> tuple[int, int, int, int]:
        """Return size, permissions and times as the next client sees them."""
        session, self.session = self.session, self.begin()
        reply = self.one(request(LSTAT, 0, string(path)))
        self.session = session
        flags, size, _, _, permissions, atime, mtime = unpack_from(">IQIIIII", reply, 5)
        self.assertEqual(flags, SIZE | OWNERS | MODE | TIMES)
        return size, permissions & 0o7777, atime, mtime


@bug_class(3)
class AboutChanging(AttributesCase):
    """What SETSTAT and FSETSTAT do."""

    def test_each_way_alone(self) -> None:
        """Either request does it alone; nothing is answered OK that was not done."""
        handle = self.open(b"/a", READ | WRITE | CREAT)
        for number, (kind, name) in enumerate(((SETSTAT, b"/a"), (FSETSTAT, handle)) * 2):
            size, mode, time = number + 5, 0o600 + number, 1_000_000_000 + number
            wanted = attributes(size=size, mode=mode, times=(time, time + 1))
            self.assert_status(self.one(request(kind, 0, string(name), wanted)), Status.OK)
            self.assertEqual(self.seen(b"/a"), (size, mode, time, time + 1))

    def test_truncating(self) -> None:
        """A size cuts the file off, to nothing as well, and keeps what is before it."""
        for size in (10, 9, 4, 0):
            for way in (self.set_by_path, self.set_by_handle):
                self.put("/a", DATA)
                self.assert_status(way(b"/a", attributes(size=size)), Status.OK)
                self.assertEqual(self.get("/a"), DATA[:size])

    def test_extending(self) -> None:
        """A size beyond the end adds zeros."""
        for way in (self.set_by_path, self.set_by_handle):
            self.put("/a", DATA)
            self.assert_status(way(b"/a", attributes(size=15)), Status.OK)
            self.assertEqual(self.get("/a"), DATA + bytes(5))

    def test_one_thing_alone(self) -> None:
        """What is not named stays."""
        for way in (self.set_by_path, self.set_by_handle):
            self.put("/a", DATA)
            way(b"/a", attributes(mode=0o100640))
            way(b"/a", attributes(times=(11, 12)))
            self.assertEqual(self.seen(b"/a"), (10, 0o640, 11, 12))
            way(b"/a", attributes(mode=0o100751))
            self.assertEqual(self.seen(b"/a"), (10, 0o751, 11, 12))
            way(b"/a", attributes(size=4))
            self.assertEqual(self.seen(b"/a")[:3], (4, 0o751, 11))

    def test_nothing_asked_for(self) -> None:
        """No attributes at all are nothing to do; but not on what is missing."""
        self.put("/a", DATA)
        for way in (self.set_by_path, self.set_by_handle):
            self.assert_status(way(b"/a", attributes()), Status.OK)
        for wanted in (attributes(), attributes(mode=0o600)):
            self.assert_status(self.one(request(SETSTAT, 3, string(b"/none"), wanted)), Status.NO_SUCH_FILE)

    def test_not_open_for_writing(self) -> None:
        """The size of a file that is open for reading cannot be set, and that is said; mode and times can."""
        self.put("/a", DATA)
        handle = self.open(b"/a", READ)
        reply = self.one(request(FSETSTAT, 1, string(handle), attributes(size=0)))
        self.assert_status(reply, Status.PERMISSION_DENIED)
        self.assertEqual(self.get("/a"), DATA)
        reply = self.one(request(FSETSTAT, 1, string(handle), attributes(mode=0o600, times=(1, 2))))
        self.assert_status(reply, Status.OK)
        self.assertEqual(self.seen(b"/a"), (10, 0o600, 1, 2))

    def test_directory(self) -> None:
        """Mode and times of a directory are set as well; it has no size."""
        self.files.make_directory("/d", Attributes())
        reply = self.one(request(SETSTAT, 1, string(b"/d"), attributes(mode=0o700, times=(3, 4))))
        self.assert_status(reply, Status.OK)
        self.assertEqual(self.seen(b"/d")[1:], (0o700, 3, 4))
        self.assert_status(self.one(request(SETSTAT, 1, string(b"/d"), attributes(size=0))), Status.FILE_IS_A_DIRECTORY)

    def test_scp_over_a_longer_file(self) -> None:
        """scp writes over a file without TRUNC and then cuts it to its size by FSETSTAT; -p sets mode and times."""
        self.put("/old", DATA * 3, 0o600)
        handle = self.open(b"/old", WRITE | CREAT, attributes(mode=0o100644))
        replies = self.session.ask(
            writing(handle, 0, b"abc", 1),
            request(FSETSTAT, 2, string(handle), attributes(size=3)),
            request(FSETSTAT, 3, string(handle), attributes(mode=0o755, times=(5, 6))),
            request(FSTAT, 4, string(handle)),
            request(CLOSE, 5, string(handle)),
        )
        self.assertEqual(unpack_from(">Q", replies.pop(3), 9), (3,))
        self.assert_statuses(replies, *[Status.OK] * 4)
        self.assertEqual(self.seen(b"/old"), (3, 0o755, 5, 6))
        self.assertEqual(self.get("/old"), b"abc")

    def test_cyberduck(self) -> None:
        """Mode and times that are set by path after the upload stay."""
        handle = self.open(b"/new", WRITE | CREAT | TRUNC)
        self.session.ask(writing(handle, 0, DATA), request(CLOSE, 0, string(handle)))
        for wanted in (attributes(mode=0o664), attributes(times=(7, 8))):
            self.assert_status(self.one(request(SETSTAT, 1, string(b"/new"), wanted)), Status.OK)
        self.assertEqual(self.seen(b"/new"), (10, 0o664, 7, 8))


@in_versions()
class MemoryTests(AboutChanging, WireCase):
    """In memory."""


@in_versions()
class LocalTests(AboutChanging, LocalWireCase):
    """On a disk."""


class Strict(MemoryFileSystem):
    """Files of which nobody changes the mode or the owner, such as those of a FAT file system."""

    def set_attributes(self, path: str, wanted: Attributes, follow: bool) -> None:
        self.allow(wanted)
        super().set_attributes(path, wanted, follow)

    def open(self, *args: Any) -> Any:
        file = super().open(*args)
        original = file.set_attributes

        def set_attributes(wanted: Attributes) -> None:
            self.allow(wanted)
            original(wanted)

        file.set_attributes = set_attributes
        return file

    def allow(self, wanted: Attributes) -> None:
        """Refuse what cannot be changed."""
        if (wanted.permissions, wanted.uid, wanted.owner) != (None, None, None):
            raise fail(EPERM)


@in_versions()
@bug_class(3)
class RefusedTests(AttributesCase, WireCase):
    """Where a mode cannot be set: the client is told, or not bothered, as the setting says."""

    def make_files(self) -> Any:
        return Strict()

    def upload(self, policy: str, *wanted: bytes) -> list[bytes]:
        """Upload as ssh2-sftp-client does, which sets attributes of the open file; return the replies to those."""
        self.server = self.make_server(set_stat_policy=policy)
        self.session = self.begin()
        handle = self.open(b"/up", WRITE | CREAT | TRUNC)
        sent = [request(FSETSTAT, 9, string(handle), each) for each in wanted]
        replies = self.session.ask(writing(handle, 0, DATA, 1), *sent, request(CLOSE, 2, string(handle)))
        self.assert_status(replies.pop(0), Status.OK, 1)
        self.assert_status(replies.pop(), Status.OK, 2)
        return replies

    def test_apply(self) -> None:
        """A refusal is about the attribute, and says so; the upload is whole."""
        for wanted, word in ((attributes(mode=0o600), "mode"), (attributes(owners=(0, 0)), "owner")):
            (reply,) = self.upload("apply", wanted)
            self.assert_status(reply, Status.PERMISSION_DENIED)
            self.assertIn(word, string_at(reply, 9).decode())
            self.assertEqual(self.get("/up"), DATA)

    def test_ignored(self) -> None:
        """Who is told to ignore mode and owner says OK to them, and sets the rest."""
        replies = self.upload(
            "ignore-mode-and-owner", attributes(mode=0o600), attributes(mode=0o600, times=(1, 2)), attributes(size=4)
        )
        self.assert_statuses(replies, *[Status.OK] * 3)
        self.assertEqual(self.get("/up"), DATA[:4])
        self.assertEqual(self.seen(b"/up")[2], 1)

    def test_size_is_always_set(self) -> None:
        """Whatever is ignored, a size is not: nobody is told OK while old bytes remain."""
        for policy in ("ignore-mode-and-owner", "ignore-all"):
            (reply,) = self.upload(policy, attributes(size=0, mode=0o600, times=(1, 2)))
            self.assert_status(reply, Status.OK)
            self.assertEqual(self.get("/up"), b"")

    def test_missing(self) -> None:
        """What is ignored is not said to be done to a file that is not there."""
        for policy in ("ignore-mode-and-owner", "ignore-all"):
            self.upload(policy)
            reply = self.set_by_path(b"/none", attributes(mode=0o600))
            self.assert_status(reply, Status.NO_SUCH_FILE)
