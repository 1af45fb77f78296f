"""
What the server promises when a session begins: limits that hold, extensions that work.
"""

from typing import Any

from zope.interface import implementer

from conchsftp.interfaces import IDirectory, IFile, IFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp.extended import EXTENSIONS
from conchsftp.sftp.facts import FACTS
from conchsftp.sftp.statuses import Status
from conchsftp.testing import memory_server
from conchsftp.wire.reader import Reader
from tests.bugs.classes import bug_class
from tests.bugs.support import LocalWireCase, WireCase
from tests.session.support import (
    CLOSE,
    DATA,
    EXTENDED_REPLY,
    FOR_BOTH,
    HANDLE,
    NO_ATTRIBUTES,
    OPENDIR,
    STATUS,
    TO_CREATE,
    extension,
    numbers,
    opening,
    reading,
    request,
    string,
    u32,
    u64,
    writing,
)
from tests.session.versions import in_versions

TEXT = 0x40
LIMITS = extension(b"limits@openssh.com", 1)


class Limits:
    """What a server says of itself: the largest packet, READ and WRITE, in bytes, and how many handles."""

    def __init__(self, reply: bytes) -> None:
        reader = Reader(reply, 5)
        numbers = [int.from_bytes(reader.take(8), "big") for _ in range(4)]
        self.packet, self.read, self.write, self.handles = numbers
        assert not reader.remaining


@bug_class(20)
class AboutLimits:
    """limits@openssh.com: clients make their requests as large as it says."""

    def limits(self: Any) -> Limits:
        reply = self.one(LIMITS)
        self.assertEqual(reply[0], EXTENDED_REPLY)
        return Limits(reply)

    def test_packet(self: Any) -> None:
        """A packet of the promised size is carried out; one byte more ends the channel and nothing else."""
        most = self.limits().packet
        head = bytes((OPENDIR,)) + u32(7)
        whole = head + string(b"/" * (most - len(head) - 4))
        self.assertEqual(len(whole), most)
        self.assertEqual(numbers([self.one(string(whole))]), [7])
        other = self.begin()
        self.assertEqual(self.session.ask(u32(most + 1) + whole), [])
        self.assertEqual(self.session.channel.numbers[-3:], [98, 96, 97])
        self.assertEqual(len(other.ask(LIMITS)), 1)

    def test_write(self: Any) -> None:
        """A WRITE of the promised length is written, whole; so is one of a byte more, which fits into its packet."""
        most = self.limits().write
        for length in (most, most + 1):
            data = bytes(range(251)) * (length // 251) + b"!" * (length % 251)
            handle = self.open(b"/up", TO_CREATE)
            self.assert_status(self.one(writing(handle, 3, data)), Status.OK)
            self.close(handle)
            self.assertEqual(self.get("/up"), bytes(3) + data)

    def test_read(self: Any) -> None:
        """A READ of the promised length returns it all; one for more no less, and as much as a packet may hold."""
        limits = self.limits()
        most = limits.read
        data = bytes(range(251)) * (2 * most // 251)
        self.put("/file", data)
        handle = self.open(b"/file", FOR_BOTH)
        for length in (most, most + 1, 0xFFFFFFFF):
            reply = self.one(reading(handle, 1, length))
            count = len(reply) - 9
            self.assertEqual((reply[0], reply[5:]), (DATA, string(data[1 : 1 + count])))
            self.assertLessEqual(most, count)
            self.assertLessEqual(count, length)
            self.assertLessEqual(len(reply), limits.packet)

    def test_handles(self: Any) -> None:
        """So many can be open, files and directories; one more is refused with a text, and one less helps."""
        self.session = self.begin(server=self.make_server(max_handles=5))
        self.put("/file")
        self.assertEqual(self.limits().handles, 5)
        handles = [self.open(b"/file", FOR_BOTH) for _ in range(3)]
        handles += [self.opened(request(OPENDIR, 0, string(b"/"))) for _ in range(2)]
        self.assertEqual(len(set(handles)), 5)
        for packet in (opening(b"/file"), opening(b"/new", 0, TO_CREATE), request(OPENDIR, 0, string(b"/"))):
            reply = self.one(packet)
            self.assert_status(reply, Status.FAILURE)
            self.assertIn("5 allowed", self.text(reply))
        self.assertEqual(self.names("/"), ["file"])
        for handle in handles:
            self.close(handle)
            self.close(self.opened(opening(b"/file")))
        self.assertEqual(numbers([self.one(request(CLOSE, 9, string(handles[0])))]), [9])


@in_versions()
class LimitsTests(AboutLimits, WireCase):
    """In memory."""


@in_versions()
class LocalLimitsTests(AboutLimits, LocalWireCase):
    """On a disk."""


# What the extended requests say after their name; `file` and `other` are open.
ARGUMENTS: dict[bytes, Any] = {
    b"posix-rename@openssh.com": lambda file, other: (string(b"/a"), string(b"/b")),
    b"statvfs@openssh.com": lambda file, other: (string(b"/"),),
    b"fstatvfs@openssh.com": lambda file, other: (string(file),),
    b"hardlink@openssh.com": lambda file, other: (string(b"/a"), string(b"/c")),
    b"fsync@openssh.com": lambda file, other: (string(other),),
    b"lsetstat@openssh.com": lambda file, other: (string(b"/a"), u32(4) + u32(0o600)),
    b"limits@openssh.com": lambda file, other: (),
    b"expand-path@openssh.com": lambda file, other: (string(b"~/a"),),
    b"copy-data": lambda file, other: (string(file), u64(0), u64(0), string(other), u64(0)),
    b"home-directory": lambda file, other: (string(b"user"),),
    b"users-groups-by-id@openssh.com": lambda file, other: (string(u32(0)), string(u32(0))),
    b"md5-hash": lambda file, other: (string(b"/a"), u64(0), u64(0), string(b"")),
    b"md5-hash-handle": lambda file, other: (string(file), u64(0), u64(0), string(b"")),
    b"check-file": lambda file, other: (string(file), string(b"sha256"), u64(0), u64(0), u32(0)),
    b"check-file-name": lambda file, other: (string(b"/a"), string(b"sha256"), u64(0), u64(0), u32(256)),
    b"space-available": lambda file, other: (string(b"/"),),
    b"copy-file": lambda file, other: (string(b"/a"), string(b"/copy"), b"\0"),
    b"get-temp-folder": lambda file, other: (),
    b"make-temp-folder": lambda file, other: (),
    b"text-seek": lambda file, other: (string(file), u64(0)),
    b"check-file-handle": lambda file, other: (string(file), string(b"md5,sha1"), u64(0), u64(0), u32(0)),
}


class ExtensionCase(WireCase):
    """Asks for an extension, in a session of its own."""

    def asked(self, name: bytes) -> bytes:
        """Return the reply to a request that has all it needs to succeed."""
        self.put("/a", b"content")
        self.put("/other")
        self.session = self.begin()
        file, other = (
            self.open(b"/a", FOR_BOTH | TEXT if name == b"text-seek" else FOR_BOTH),
            self.open(b"/other", FOR_BOTH),
        )
        reply = self.one(extension(name, 7, *ARGUMENTS[name](file, other)))
        self.assertEqual(numbers([reply]), [7])
        return reply

    @property
    def advertised(self) -> set[bytes]:
        facts = {row.name for row in FACTS}
        return {name for name in self.session.memory.extensions if name not in facts}


@bug_class(21)
class AboutExtensions:
    """Clients use whatever is advertised, and need not have another way."""

    def test_advertised(self: Any) -> None:
        """Everything that is advertised works."""
        self.assertEqual(set(ARGUMENTS), {row.name for row in EXTENSIONS})
        self.assertIn(b"posix-rename@openssh.com", self.advertised)
        for name in self.advertised:
            reply = self.asked(name)
            if reply[0] == STATUS:
                self.assert_status(reply, Status.OK)

    def test_not_advertised(self: Any) -> None:
        """What is not is refused as unsupported, and the session goes on."""
        for name in set(ARGUMENTS) - self.advertised:
            self.assert_status(self.asked(name), Status.OP_UNSUPPORTED, 7)
            self.assertEqual(self.one(opening(b"/a"))[0], HANDLE)

    def test_unknown(self: Any) -> None:
        """A request that nobody knows is refused as unsupported, with its id, and the session goes on."""
        for name in (
            b"check-file-path",
            b"ranges@asyncssh.com",
            b"fs-roots@vandyke.com",
            b"",
            b"\xff\xfe",
            b"x" * 5000,
        ):
            self.assert_status(self.one(extension(name, 7, b"whatever follows")), Status.OP_UNSUPPORTED, 7)
        self.assertEqual(self.one(opening(b"/nowhere"))[0], STATUS)


@in_versions()
class MemoryExtensionTests(AboutExtensions, ExtensionCase):
    """In memory."""


@in_versions()
class LocalExtensionTests(AboutExtensions, ExtensionCase, LocalWireCase):
    """On a disk."""


class _Only:
    """No more of something than an interface has."""

    def __init__(self, inner: Any, interface: Any) -> None:
        self._inner, self._names = inner, frozenset(interface)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._names:
            raise AttributeError(name)
        return getattr(self._inner, name)


@implementer(IFile)
class PlainFile(_Only):
    """An open file that can do nothing more."""


@implementer(IDirectory)
class PlainDirectory(_Only):
    """An open directory."""


@implementer(IFileSystem)
class PlainFileSystem(_Only):
    """What somebody writes who has read no further than `IFileSystem`."""

    file_abilities = ()

    def open(self, *args: Any) -> Any:
        return PlainFile(self._inner.open(*args), IFile)

    def list(self, path: str) -> Any:
        return PlainDirectory(self._inner.list(path), IDirectory)


@in_versions()
class PlainExtensionTests(AboutExtensions, ExtensionCase):
    """With a file system of an application's own, which has no abilities."""

    def make_server(self, **settings: Any) -> Any:
        settings = {"protocol_version": self.version, **settings}
        return memory_server(SFTPAvatar("user", files=PlainFileSystem(self.files, IFileSystem)), **settings)

    def test_nothing_more(self) -> None:
        """Only what needs no ability is advertised: no links, no space, no sync, no copies, no accounts."""
        plain = (b"posix-rename", b"lsetstat", b"limits", b"expand-path")
        others = {name for name in ARGUMENTS if name.startswith((b"md5-hash", b"check-file"))} | {
            b"home-directory",
            b"copy-file",
        }
        others |= {b"text-seek"} if self.version > 3 else set()
        self.assertEqual(self.advertised, {*others, *(name + b"@openssh.com" for name in plain)})

    def test_plain_requests(self) -> None:
        """And what is no extension works."""
        handle = self.opened(opening(b"/new", 0, TO_CREATE, NO_ATTRIBUTES))
        self.assert_status(self.one(writing(handle, 0, b"data")), Status.OK)
        self.close(handle)
        self.assertEqual(self.get("/new"), b"data")
