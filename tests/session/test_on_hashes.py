"""
Hashes of files: md5-hash and check-file, by name and by handle.
"""

import hashlib
import os
from struct import unpack_from
from typing import Any

from twisted.internet.defer import Deferred

from conchsftp.errors import SFTPError
from conchsftp.events import EventHub, ExtendedRequest, FileOpen
from conchsftp.files import local_file
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.files.supplied.sources import ByteSource
from conchsftp.files.text import as_text
from conchsftp.session import on_hashes
from conchsftp.session.handles import OpenFile
from conchsftp.sftp.statuses import Status
from tests.files.support import open_descriptors
from tests.session.local import CONTENT, LocalCase
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    CLOSE,
    EXTENDED_REPLY,
    HANDLE,
    OPENDIR,
    STATUS,
    Avatar,
    HandlerCase,
    SessionCase,
    extension,
    opening,
    request,
    string,
    string_at,
    u32,
    u64,
    unhex,
    writing,
)
from tests.session.versions import in_versions

ALGORITHMS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")


def checking(
    name: bytes, what: bytes, algorithms: bytes = b"md5", offset: int = 0, length: int = 0, block: int = 0
) -> bytes:
    """Lay out check-file, with id 7."""
    return extension(name, 7, string(what), string(algorithms), u64(offset), u64(length), u32(block))


def by_name(path: bytes = b"a", *args: Any, **more: Any) -> bytes:
    """Lay out check-file-name."""
    return checking(b"check-file-name", path, *args, **more)


def md5_hash(path: bytes = b"a", offset: int = 0, length: int = 0, quick: bytes = b"") -> bytes:
    """Lay out md5-hash."""
    return extension(b"md5-hash", 7, string(path), u64(offset), u64(length), string(quick))


def md5(data: bytes) -> bytes:
    """Return the MD5 of bytes."""
    return hashlib.md5(data).digest()


class AboutHashes:
    """What holds on every file system."""

    def hashes(self: Any, packet: bytes) -> tuple[bytes, bytes]:
        """Ask; return the algorithm and the hashes."""
        reply = self.one(packet)
        self.assertEqual(reply[:5], b"\xc9" + u32(7), reply)
        algorithm = string_at(reply, 5)
        return algorithm, reply[9 + len(algorithm) :]

    def test_bytes(self: Any) -> None:
        """WinSCP's request for a checksum and its answer: no name in front."""
        asked = "c8 00000007  0000000f 636865636b2d66696c652d6e616d65  00000001 61  00000004 73686131"
        reply = self.one(unhex(asked + "0000000000000000 0000000000000000 00000000"))
        self.assertEqual(reply, bytes.fromhex("c9 00000007  00000004 73686131") + hashlib.sha1(CONTENT).digest())

    def test_paramiko(self: Any) -> None:
        """paramiko asks for `check-file` of a handle, and skips a name in front of the algorithm."""
        handle = self.opened(opening(b"a"))
        reply = self.one(checking(b"check-file", handle, b"sha256,md5"))
        expected = string(b"check-file") + string(b"sha256") + hashlib.sha256(CONTENT).digest()
        self.assertEqual(reply, b"\xc9" + u32(7) + expected)

    def test_algorithms(self: Any) -> None:
        """Each that is advertised; of those that the client takes the first that is known here."""
        for name in ALGORITHMS:
            algorithm, found = self.hashes(by_name(b"a", b"crc32,," + name.encode() + b",md5"))
            self.assertEqual((algorithm.decode(), found), (name, hashlib.new(name, CONTENT).digest()))
        for names in (b"", b"crc32", b"MD5", b"\xff", b"md5" * 1000):
            self.assert_status(self.one(by_name(b"a", names)), Status.FAILURE)

    def test_ranges(self: Any) -> None:
        """From anywhere, as far as asked for or to the end; a range may reach beyond it, but not begin there."""
        for offset, length in ((0, 0), (0, 7), (100, 0), (100, 500), (1280, 0), (1000, 1000), (0, 2**64 - 1)):
            wanted = CONTENT[offset:][: length or None]
            self.assertEqual(self.hashes(by_name(b"a", b"md5", offset, length)), (b"md5", md5(wanted)))
            reply = self.one(md5_hash(b"a", offset, length))
            self.assertEqual(reply, b"\xc9" + u32(7) + string(b"md5-hash") + string(md5(wanted)))
        for offset in (1281, 2**63, 2**64 - 1):
            for packet in (by_name(b"a", b"md5", offset), md5_hash(b"a", offset, 1)):
                reply = self.one(packet)
                self.assert_status(reply, Status.INVALID_PARAMETER)
                self.assertIn(b"1280 bytes", reply)

    def test_blocks(self: Any) -> None:
        """A hash of each block, the last one short; blocks of less than 256 bytes are refused."""
        for offset, length, block in ((0, 0, 256), (0, 0, 1000), (10, 0, 300), (10, 600, 300), (0, 0, 2**32 - 1)):
            data = CONTENT[offset:][: length or None]
            expected = b"".join(md5(data[at : at + block]) for at in range(0, len(data), block))
            self.assertEqual(self.hashes(by_name(b"a", b"md5", offset, length, block))[1], expected)
        for block in (1, 255):
            self.assert_status(self.one(by_name(b"a", b"md5", block=block)), Status.INVALID_PARAMETER)
        self.assertEqual(self.hashes(by_name(b"a", b"md5", 1280, block=256)), (b"md5", b""))

    def test_too_many(self: Any) -> None:
        """All hashes have to fit into a packet: one more than that is refused before anything is read."""
        self.patch(on_hashes, "_MOST", 5 * 16)
        self.assertEqual(len(self.hashes(by_name(b"a", b"md5", block=256))[1]), 5 * 16)
        self.patch(on_hashes, "_MOST", 5 * 16 - 1)
        reply = self.one(by_name(b"a", b"md5", block=256))
        self.assert_status(reply, Status.INVALID_PARAMETER)
        self.assertIn(b"More than 4 blocks of 256 bytes", reply)

    def test_quick(self: Any) -> None:
        """If the client's file begins otherwise, there is no hash; the beginning are 2048 bytes, or the range."""
        self.put("b", CONTENT * 3)
        for path, data in ((b"a", CONTENT), (b"b", CONTENT * 3)):
            for offset, length in ((0, 0), (1, 0), (0, 10), (5, 3000)):
                wanted = data[offset:][: length or None]
                for quick, expected in ((md5(wanted[:2048]), md5(wanted)), (md5(b"other"), b""), (b"short", b"")):
                    reply = self.one(md5_hash(path, offset, length, quick))
                    self.assertEqual(reply[5:], string(b"md5-hash") + string(expected))

    def test_handles(self: Any) -> None:
        """A handle has to be one of a file that is open for reading."""
        handle = self.opened(opening(b"a", pflags=1))
        self.assertEqual(self.hashes(checking(b"check-file-handle", handle)), (b"md5", md5(CONTENT)))
        reply = self.one(extension(b"md5-hash-handle", 7, string(handle), u64(0), u64(0), string(b"")))
        self.assertEqual(reply[5:], string(b"md5-hash") + string(md5(CONTENT)))
        written = self.opened(opening(b"a", pflags=2))
        self.assert_status(self.one(checking(b"check-file-handle", written)), Status.PERMISSION_DENIED)
        folder = self.opened(request(OPENDIR, 1, string(b".")))
        for other in (folder, b"stale"):
            self.assert_status(self.one(checking(b"check-file", other)), Status.INVALID_HANDLE)

    def test_names(self: Any) -> None:
        """A name has to be one of a file; what was opened for the hash is closed again, whatever happens."""
        self.assert_status(self.one(by_name(b"missing")), Status.NO_SUCH_FILE)
        self.assert_status(self.one(by_name(b".")), Status.FILE_IS_A_DIRECTORY)
        self.assert_status(self.one(by_name(b"a", b"none")), Status.FAILURE)
        self.assert_status(self.one(md5_hash(b"a", 5000)), Status.INVALID_PARAMETER)
        self.hashes(by_name(b"a"))
        self.assertEqual(len(self.session.conversation.handles), 0)

    def test_cut_short(self: Any) -> None:
        """A request that ends too early is BAD_MESSAGE, wherever it ends."""
        for packet in (by_name(), md5_hash()):
            whole = packet[4:]
            for end in range(9 + whole.index(b"-") + 8, len(whole)):
                self.assert_status(self.one(string(whole[:end])), Status.BAD_MESSAGE, 7)


@in_versions()
class MemoryTests(AboutHashes, SessionCase):
    """In memory."""

    def setUp(self) -> None:
        super().setUp()
        self.put("a", CONTENT)

    def put(self, name: str, data: bytes) -> None:
        self.files.put(f"/home/{name}", data)


@in_versions()
class LocalTests(AboutHashes, LocalCase):
    """On a disk: read and hashed in threads."""

    def test_steps(self) -> None:
        """A large file is read step by step, and between two of them others are carried out and answered."""
        self.patch(local_file, "SCAN_STEP", 512)
        self.session.feed(by_name(), opening(b"new", pflags=0x1A))
        self.pool.waiting.pop(0)()
        self.assertEqual([reply[0] for reply in self.session.replies()], [HANDLE])
        self.assertEqual(len(self.pool.waiting), 1)
        self.assertTrue(os.path.exists(f"{self.root}/home/new"))
        self.pool.work()
        self.assertEqual([reply[0] for reply in self.session.replies()], [EXTENDED_REPLY])

    def test_lost(self) -> None:
        """When the session ends, the hash does, too, and everything is closed."""
        self.patch(local_file, "SCAN_STEP", 256)
        before = open_descriptors()
        handle = self.opened(opening(b"a", pflags=1))
        self.session.feed(checking(b"check-file", handle), by_name(), by_name())
        self.pool.waiting.pop(0)()
        self.session.lose()
        calls = self.pool.calls
        self.pool.work()
        self.assertLessEqual(self.pool.calls, calls + 1)
        self.assertEqual(open_descriptors(), before)

    def test_some_at_a_time(self) -> None:
        """A session computes two hashes at a time, the server four; the others wait, and none is lost."""
        sessions = []
        for _ in range(3):
            sessions.append(self.begin(self.session.files))
            self.session.feed(*(by_name() for _ in range(5)))
            self.assertLessEqual(len(self.session.conversation.handles), 2)
        self.assertEqual(len(self.pool.waiting), 4)
        self.pool.work()
        for session in sessions:
            self.assertEqual([reply[0] for reply in session.replies()], [EXTENDED_REPLY] * 5)

    def test_order(self) -> None:
        """A hash is of what was written before, and not of what is written after; a CLOSE waits for it."""
        handle = self.opened(opening(b"a", pflags=3))
        self.session.feed(
            writing(handle, 0, b"x"),
            checking(b"check-file-handle", handle),
            writing(handle, 0, b"y"),
            request(CLOSE, 9, string(handle)),
        )
        self.pool.work()
        replies = self.session.replies()
        self.assertEqual(replies[1][-16:], md5(b"x" + CONTENT[1:]))
        self.assert_statuses([replies[0], *replies[2:]], *[Status.OK] * 3)


@in_versions()
class HandlerTests(HandlerCase):
    """Handlers of events, and files that are theirs."""

    def test_told(self) -> None:
        """They see what is asked, and what came of it."""
        seen: list[ExtendedRequest] = []
        self.on(ExtendedRequest, lambda event: event.before_exec or seen.append(event))
        handle = self.opened(opening(b"a"))
        self.session.ask(checking(b"check-file", handle, b"md5,x", 1, 2, 300), md5_hash(b"a", 3, 4, b"q"))
        check, hashed = seen
        self.assertEqual((check.request_name, check.path, check.handle), ("check-file", "/home/a", handle.decode()))
        self.assertEqual(check.result, ("md5", md5(b"12")))
        wanted = {"algorithms": ["md5", "x"], "offset": 1, "length": 2, "block_size": 300}
        self.assertEqual(check.arguments, wanted)
        self.assertEqual((hashed.request_name, hashed.path, hashed.handle), ("md5-hash", "/home/a", ""))
        self.assertEqual((hashed.arguments, hashed.result), ({"offset": 3, "length": 4, "quick_hash": b"q"}, b""))

    def test_opening_refused(self) -> None:
        """Who may not open a file learns nothing of what is in it."""
        self.on(FileOpen, lambda event: event.deny("Not this one"))
        for packet in (by_name(), md5_hash()):
            reply = self.one(packet)
            self.assert_status(reply, Status.PERMISSION_DENIED)
            self.assertIn(b"Not this one", reply)

    def test_supplied(self) -> None:
        """What a handler supplies can be hashed; where READ is answered by handlers, only they can."""
        content = b"made " * 100_000

        @self.on(FileOpen)
        def supply(event: FileOpen) -> None:
            if event.before_exec:
                event.result = ByteSource(None, lambda offset, length: content[offset:][:length])

        replies = self.session.ask(by_name(b"nowhere"))
        while not replies:
            replies = self.session.next_turn()
        self.assertEqual(replies[0][-16:], md5(content))

    def test_text(self) -> None:
        """A handle that is open as text has no hashes: its bytes may be others on the wire."""
        handle = self.opened(opening(b"a"))
        opened = self.session.conversation.handles.get(handle, OpenFile)
        opened.source = as_text(opened.source, b"\r\n", reads=True, writes=False, appends=False)
        self.assert_status(self.one(checking(b"check-file-handle", handle)), Status.OP_UNSUPPORTED)

    def test_virtual(self) -> None:
        """Without a file system it is unsupported, unless a handler has the answer."""
        events = EventHub(clock=None)
        self.begin(None, avatar=Avatar(None), events=events)
        events.on(FileOpen, lambda event: setattr(event, "handled", True))
        self.assert_status(self.one(by_name()), Status.OP_UNSUPPORTED)
        handle = self.opened(opening(b"a"))
        self.assert_status(self.one(checking(b"check-file", handle)), Status.OP_UNSUPPORTED)
        answers: dict[str, Any] = {"check-file": ("sha1", b"hash"), "md5-hash": b"digest", "check-file-name": "what"}

        @events.on(ExtendedRequest)
        def answer(event: ExtendedRequest) -> None:
            event.result = answers.get(event.request_name)
            event.handled = event.before_exec

        reply = self.one(checking(b"check-file", handle))
        self.assertEqual(reply[5:], string(b"check-file") + string(b"sha1") + b"hash")
        self.assertEqual(self.one(md5_hash())[5:], string(b"md5-hash") + string(b"digest"))
        self.assert_status(self.one(checking(b"check-file-handle", handle)), Status.OP_UNSUPPORTED)
        self.assert_status(self.one(by_name()), Status.FAILURE)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


@in_versions()
class OtherFilesTests(SessionCase):
    """Files that are no files of a disk."""

    def setUp(self) -> None:
        super().setUp()
        self.files = MemoryFileSystem({"/home/a": CONTENT})
        self.patch(on_hashes, "_PIECE", 256)
        self.slow = SlowFileSystem(self.files, ["file.read"])
        self.begin(self.slow)

    def test_pieces(self) -> None:
        """They are read piece by piece; between two of them others have their turn."""
        replies = self.session.ask(by_name())
        for _ in range(6):
            self.assertEqual((self.slow.gate.held, replies), (["file.read"], []))
            self.slow.gate.release()
            self.assertEqual(self.slow.gate.held, [])
            replies = self.session.next_turn()
        (reply,) = replies
        self.assertEqual(reply[-16:], md5(CONTENT))

    def test_failing(self) -> None:
        """A file that cannot be read any more is the answer, and is closed."""
        self.session.feed(by_name())
        self.slow.gate.fail(OSError(5, "no"))
        (reply,) = self.session.replies()
        self.assertEqual((reply[0], unpack_from(">I", reply, 5)[0]), (STATUS, Status.FAILURE))
        self.assertEqual(self.slow.gate.closed, 1)

    def test_lost(self) -> None:
        """When the session ends, nothing more is read."""
        self.session.feed(by_name())
        self.session.lose()
        self.slow.gate.release()
        self.assertEqual((self.slow.gate.held, self.slow.gate.closed), ([], 1))

    def test_unknown_size(self) -> None:
        """Of a file whose size nobody knows, all is hashed that comes."""
        self.slow.gate.names = {"file.stat"}
        for problem in (SFTPError(Status.OP_UNSUPPORTED), SFTPError(Status.PERMISSION_DENIED)):
            self.session.feed(by_name(length=100))
            waiting: Deferred[None] = self.slow.gate.waiting.pop()[1]
            waiting.errback(problem)
            (reply,) = self.session.replies()
            self.assertEqual(reply[0], EXTENDED_REPLY if problem.status == Status.OP_UNSUPPORTED else STATUS)
