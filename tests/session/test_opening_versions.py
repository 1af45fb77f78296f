"""
OPEN in every version: what is asked for, what is done about a file that exists or does not, and for how long it stays.
"""

import os
import subprocess
from typing import Any
from unittest import SkipTest

from conchsftp import events
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.files.supplied.sink import SpooledSink
from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FROM5, VERSIONS, Access, Disposition, OpenFlag
from conchsftp.sftp.open_mode import SUPPORTED_ACCESS, SUPPORTED_FLAGS
from conchsftp.sftp.statuses import Status
from conchsftp.testing import MemorySession
from conchsftp.testing.messages import encode
from tests.session.versions_case import BOTH, NONE, OLD, READS, WRITES, VersionsCase, opening

SIX = range(6, 7)
CONTENT = b"0123456789"
NEW, TRUNCATE = OpenFlag(Disposition.CREATE_NEW), OpenFlag(Disposition.CREATE_TRUNCATE)
CREATE, TRUNCATE_OLD = OpenFlag(Disposition.OPEN_OR_CREATE), OpenFlag(Disposition.TRUNCATE_EXISTING)
DELETE_ON_CLOSE, NOFOLLOW = OpenFlag.DELETE_ON_CLOSE, OpenFlag.NOFOLLOW


class OpeningCase(VersionsCase):
    """What is in files, and what can be done with what is open."""

    def content(self, path: str = "/file") -> bytes | None:
        """Return what is in a file; None if there is none."""
        if self.status(requests.LStat(path=path.encode(), flags=0)):
            return None
        return self.session.get(path)

    def can(self, handle: bytes) -> str:
        """Return what can be done: `r`, `w` or `rw`."""
        reads = self.status(requests.Read(handle=handle, offset=0, length=1)) in (Status.OK, Status.EOF)
        writes = not self.status(requests.Write(handle=handle, offset=0, data=[b""]))
        writes &= not self.status(requests.FSetStat(handle=handle, attributes=Attributes(size=10)))
        return "r" * reads + "w" * writes

    def close(self, handle: bytes) -> None:
        """Close what is open."""
        self.check(requests.Close(handle=handle), Status.OK)


class DispositionTests(OpeningCase):
    """What becomes of a file that exists, and of one that does not."""

    # The content afterwards of a file that was there, and of one that was not; None: it fails.
    rows = (
        (NEW, None, b""),
        (TRUNCATE, b"", b""),
        (OLD, CONTENT, None),
        (CREATE, CONTENT, b""),
        (TRUNCATE_OLD, b"", None),
    )

    def test_dispositions(self) -> None:
        """Each of the five, in each version."""
        for session in self.sessions():
            for flags, there, missing in self.rows:
                for path, content, failure in (("/file", there, (4, 11, 11, 11)), ("/new", missing, (2, 2, 2, 2))):
                    request = opening(path.encode(), flags=flags)
                    if content is None:
                        self.check(request, *failure)
                    else:
                        self.check(request, Status.OK)
                        self.assertEqual(self.content(path), content, (session.version, flags))
                self.status(requests.Remove(path=b"/new"))
                session.put("/file", CONTENT)

    def test_illegal(self) -> None:
        """There is no sixth: INVALID_PARAMETER in version 6, BAD_MESSAGE where there is no such status."""
        for session in self.sessions(FROM5):
            for number in (5, 6, 7):
                packet = bytearray(encode(9, opening(b"/file", READS, OLD), session.version))
                at = packet.index(b"/file") + 5 + 4 + 3
                self.assertEqual(packet[at], OLD)
                packet[at] = number
                session.channel.send(bytes(packet))
                session.client.pump()
                (reply,) = session.packets()
                self.assertEqual(int.from_bytes(reply[5:9], "big"), 23 if session.version == 6 else 5)

    def test_attributes(self) -> None:
        """Attributes are for a file that this makes; one that is there keeps its own, whatever comes with it."""
        for session in self.sessions():
            for path, flags in ((b"/file", CREATE), (b"/file", OLD), (b"/new", CREATE)):
                self.check(opening(path, WRITES, flags, Attributes(permissions=0o600)), Status.OK)
            for path, mode in ((b"/file", 0o644), (b"/new", 0o600)):
                reply: Any = session.request(requests.Stat(path=path, flags=0))
                self.assertEqual(reply.attributes.permissions, mode, (path, session.version))


class AccessTests(OpeningCase):
    """The access that is asked for."""

    def test_direction(self) -> None:
        """READ_DATA reads, WRITE_DATA and APPEND_DATA write; whoever asks for neither may read."""
        rows = (
            (READS, "r"),
            (WRITES, "w"),
            (BOTH, "rw"),
            (Access.APPEND_DATA, "w"),
            (READS | Access.APPEND_DATA, "rw"),
            (Access.READ_ATTRIBUTES, "r"),
            (Access.EXECUTE, "r"),
            (Access(0), "r"),
            (Access.DELETE, "r"),
            (WRITES | Access.READ_ATTRIBUTES, "w"),
            (Access(0x1F01FF), "rw"),
        )
        for _ in self.sessions(FROM5):
            for access, found in rows:
                self.assertEqual(self.can(self.open(access=access)), found, access)

    def test_append_access(self) -> None:
        """The access APPEND_DATA alone appends nothing: clients ask for it, and write at offsets."""
        for _ in self.sessions(FROM5):
            for access in (Access.APPEND_DATA, WRITES | Access.APPEND_DATA):
                handle = self.open(access=access)
                self.check(requests.Write(handle=handle, offset=1, data=[b"x"]), Status.OK)
                self.assertEqual(self.content(), b"0x23456789")

    def test_append(self) -> None:
        """The flags do, each of them and both; whatever offset comes, and whoever else has appended meanwhile."""
        atomic = OpenFlag.APPEND_DATA_ATOMIC
        for session in self.sessions():
            all_flags = (OpenFlag.APPEND_DATA, atomic, OpenFlag.APPEND_DATA | atomic)
            for flags in all_flags[: 3 if session.version > 4 else 1]:
                session.put("/file", b"ab")
                one, other = (self.open(access=WRITES, flags=OLD | flags) for _ in range(2))
                for handle, data in ((one, b"1"), (other, b"2"), (one, b"3")):
                    self.check(requests.Write(handle=handle, offset=0, data=[data]), Status.OK)
                self.assertEqual(self.content(), b"ab123", flags)

    def test_unknown(self) -> None:
        """Bits that nobody knows mean nothing, and those of version 6 mean nothing in version 5."""
        for session in self.sessions(FROM5):
            request = opening(b"/link", READS, OLD)
            request.access, request.flags = 0xF0000001, int(OLD) | 0xFFFF0000  # type: ignore[assignment]
            self.check(request, Status.OK)
            seen: list[Any] = []
            session.server.on(events.FileOpen, lambda event, seen=seen: seen.append(event.open_flags))
            self.check(opening(b"/link", READS, OLD | NOFOLLOW | DELETE_ON_CLOSE), Status.OK, 0, 0, 21)
            if session.version == 5:
                self.assertEqual(set(seen), {OLD})

    def test_privileges(self) -> None:
        """Who asks for privileges gets those that there are: none. Backup streams are none of our formats."""
        for _ in self.sessions(SIX):
            for flags in (OpenFlag.ACCESS_AUDIT_ALARM_INFO, OpenFlag.ACCESS_BACKUP):
                self.check(opening(b"/file", READS, OLD | flags), Status.OK)
            self.check(opening(b"/file", READS, OLD | OpenFlag.BACKUP_STREAM), Status.OP_UNSUPPORTED)
            owner = OLD | OpenFlag.OVERRIDE_OWNER
            self.check(opening(b"/file", READS, owner), Status.INVALID_PARAMETER)
            self.check(opening(b"/file", READS | Access.WRITE_OWNER, owner), Status.OK)

    def test_supported(self) -> None:
        """What is said to be supported can be asked for, bit by bit."""
        self.assertEqual(SUPPORTED_FLAGS, 0xC3F)
        for _ in self.sessions(SIX):
            for bit in range(32):
                if 1 << bit & int(SUPPORTED_ACCESS):
                    self.check(opening(b"/file", Access(1 << bit)), Status.OK)
                if 1 << bit & int(SUPPORTED_FLAGS) & ~7:
                    self.check(opening(b"/file", BOTH, CREATE | OpenFlag(1 << bit)), Status.OK)

    def test_read_only(self) -> None:
        """On a read-only server nothing is opened that could change anything, nor with rights to it."""
        for _ in self.sessions(SIX, read_only=True):
            for access, flags in (
                (WRITES, OLD),
                (Access.APPEND_DATA, OLD),
                (READS | Access.DELETE, OLD),
                (READS | Access.WRITE_ACL, OLD),
                (READS | Access.WRITE_OWNER, OLD),
                (READS, OLD | DELETE_ON_CLOSE),
                (READS, CREATE),
                (READS, TRUNCATE_OLD),
            ):
                self.check(opening(b"/file", access, flags), Status.PERMISSION_DENIED)
            for access in (READS, READS | Access.WRITE_ATTRIBUTES, Access.EXECUTE):
                self.check(opening(b"/file", access), Status.OK)

    def test_permissions(self) -> None:
        """Rights that are asked for by name need the user's permission by name."""
        rows = (
            (Access.DELETE, "delete"),
            (Access.WRITE_ACL, "chmod"),
            (Access.WRITE_OWNER, "chown"),
        )
        for access, word in rows:
            self.begin(6, permissions={"/": "read"})
            self.check(opening(b"/file", READS | access), Status.PERMISSION_DENIED)
            self.begin(6, permissions={"/": f"read {word}"})
            self.check(opening(b"/file", READS | access), Status.OK)


class AppendOnlyTests(OpeningCase):
    """Files that can only be appended to."""

    def mark(self, flag: str) -> bool:
        """Mark the file on disk; return whether that can be done here."""
        done = subprocess.run(["chattr", flag, f"{self.root}/file"], capture_output=True)
        return not done.returncode

    def test_opened(self) -> None:
        """Without an append flag it is refused as such by versions that know such files; with one it is opened."""
        self.on_disk = True
        for version in VERSIONS:
            session = self.begin(version)
            try:
                marked = self.mark("+a")
            except FileNotFoundError:
                marked = False
            if not marked:
                raise SkipTest("the disk or the user cannot mark files with chattr")
            try:
                self.check(opening(b"/file", WRITES), 3, 3, 4, 23)
                self.check(opening(b"/file", WRITES, TRUNCATE), 3, 3, 4, 23)
                handle = self.open(access=WRITES, flags=OLD | OpenFlag.APPEND_DATA)
                self.check(requests.Write(handle=handle, offset=0, data=[b"more"]), Status.OK)
                self.assertEqual(session.get("/file"), CONTENT + b"more")
            finally:
                self.mark("-a")


class NoFollowTests(OpeningCase):
    """NOFOLLOW."""

    def test_links(self) -> None:
        """A link is not opened, wherever it leads; a file is, and so is one in a directory that a link leads to."""
        for _ in self.sessions(SIX):
            for path in (b"/link", b"/dangling", b"/loop", b"/to_full"):
                for flags in (OLD, CREATE, TRUNCATE):
                    self.check(opening(path, flags=flags | NOFOLLOW), Status.LINK_LOOP)
                self.check(opening(path, flags=NEW | NOFOLLOW), Status.FILE_ALREADY_EXISTS)
            self.assertEqual((self.content(), self.status(requests.Stat(path=b"/none", flags=0))), (CONTENT, 2))
            for path in (b"/file", b"/to_full/inner"):
                self.check(opening(path, flags=OLD | NOFOLLOW), Status.OK)
            self.check(opening(b"/new", flags=CREATE | NOFOLLOW), Status.OK)


class DeleteOnCloseTests(OpeningCase):
    """DELETE_ON_CLOSE."""

    def test_closed(self) -> None:
        """The file goes with the handle, not before: others may open it until then, and go on with it afterwards."""
        for _ in self.sessions(SIX):
            handle = self.open(flags=OLD | DELETE_ON_CLOSE)
            self.assertEqual(self.content(), CONTENT)
            other = self.open()
            self.close(handle)
            self.assertIsNone(self.content())
            self.assertEqual(self.can(other), "rw")
            self.close(other)
            handle = self.open(b"/new", BOTH, NEW | DELETE_ON_CLOSE)
            self.check(requests.Write(handle=handle, offset=0, data=[b"temporary"]), Status.OK)
            self.assertEqual(self.content("/new"), b"temporary")
            self.close(handle)
            self.assertIsNone(self.content("/new"))

    def test_session_lost(self) -> None:
        """When the session ends, too."""
        for session in self.sessions(SIX):
            self.open(flags=OLD | DELETE_ON_CLOSE)
            session.cut()
            if self.on_disk:
                self.assertFalse(os.path.exists(f"{self.root}/file"))
            else:
                self.assertRaises(FileNotFoundError, self.memory.get, "/file")

    def test_another_file(self) -> None:
        """What has got its name meanwhile stays, and so does the file under another name."""
        for session in self.sessions(SIX):
            handle = self.open(flags=OLD | DELETE_ON_CLOSE)
            self.check(requests.Rename(path=b"/file", new_path=b"/kept", flags=0), Status.OK)
            session.put("/file", b"another")
            self.close(handle)
            self.assertEqual((self.content("/kept"), self.content()), (CONTENT, b"another"))

    def test_links(self) -> None:
        """Of a link that was followed, the file goes and the link stays."""
        for _ in self.sessions(SIX):
            self.close(self.open(b"/link", flags=OLD | DELETE_ON_CLOSE))
            self.assertEqual(self.status(requests.LStat(path=b"/file", flags=0)), 2)
            self.assertEqual(self.status(requests.LStat(path=b"/link", flags=0)), 0)

    def test_permissions(self) -> None:
        """It needs the permission to delete."""
        for word, status in (("", Status.PERMISSION_DENIED), ("delete", Status.OK)):
            self.begin(6, permissions={"/": f"read {word}"})
            self.check(opening(b"/file", READS, OLD | DELETE_ON_CLOSE, NONE), status)

    def test_handlers(self) -> None:
        """Handlers that are asked what may be removed are not passed by: the flag is refused, and not advertised."""
        for session in self.sessions(SIX):
            session.server.on(events.FileRemove, lambda event: event.deny("kept"))
            self.check(opening(b"/file", READS, OLD | DELETE_ON_CLOSE), Status.OP_UNSUPPORTED)
            self.check(opening(b"/file", BOTH, TRUNCATE | DELETE_ON_CLOSE), Status.OP_UNSUPPORTED)
            self.assertEqual(self.content(), CONTENT)
            other = MemorySession(server=session.server, version=6)
            # supported2: two masks of attributes come before the mask of OPEN's flags (filexfer-13, 5.4).
            flags = OpenFlag(int.from_bytes(other.extensions[b"supported2"][8:12], "big"))
            self.assertEqual((flags & DELETE_ON_CLOSE, flags & NOFOLLOW), (0, NOFOLLOW))

    def test_supplied(self) -> None:
        """A content that a handler supplies cannot be removed so; an open file of its own does what was asked."""
        other = MemoryFileSystem({"/file": CONTENT})
        results: dict[str, Any] = {
            "/bytes": lambda event: CONTENT,
            "/read": lambda event: lambda offset, length: b"",
            "/upload": lambda event: SpooledSink(lambda file, size: None),
            "/ours": lambda event: other.open("/file", event.desired_access, event.open_flags, NONE),
        }

        def opened(event: Any) -> None:
            if event.path in results and event.before_exec:
                event.result = results[event.path](event)

        for session in self.sessions(SIX):
            session.server.on(events.FileOpen, opened)
            for path, access in ((b"/bytes", READS), (b"/read", READS), (b"/upload", WRITES)):
                self.check(opening(path, access, OLD), Status.OK)
                self.check(opening(path, access, OLD | DELETE_ON_CLOSE), Status.OP_UNSUPPORTED)
            other.put("/file", CONTENT)
            self.close(self.open(b"/ours", READS, OLD | DELETE_ON_CLOSE))
            self.assertRaises(FileNotFoundError, other.get, "/file")

    def test_versions(self) -> None:
        """Only version 6 has it."""
        for version in VERSIONS:
            self.begin(version)
            self.close(self.open(access=READS, flags=OLD | DELETE_ON_CLOSE))
            self.assertEqual(self.content() is None, version == 6)
