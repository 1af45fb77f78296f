"""
What holds in every version of the protocol, in memory and in a folder: attributes of what is made, requests that are
refused as a whole, homes of users, and limits on what is open.
"""

import os
from errno import EPERM
from typing import Any

from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.codec import Codec
from conchsftp.sftp.numbers import FROM4, AttribBit, Disposition, OpenFlag
from conchsftp.sftp.replies import ExtendedReply, HandleReply, Names, StatusReply
from conchsftp.sftp.statuses import Status, lower
from conchsftp.testing import MemorySession
from tests.session.versions_case import NONE, OLD, READS, WRITES, VersionsCase

NEW = OpenFlag(Disposition.CREATE_NEW)
# Nothing of this can be had of a new file on Linux, or not for everybody.
IDLE: dict[str, Any] = {
    "size": 1000,
    "attrib_bits": AttribBit.ARCHIVE | AttribBit.IMMUTABLE,
    "attrib_bits_valid": AttribBit.ARCHIVE | AttribBit.IMMUTABLE,
    "create_time": 5,
    "text_hint": 1,
    "mime_type": "image/png",
    "link_count": 9,
    "untranslated_name": b"other",
    "extended": [(b"comment@example.com", b"x")],
}


class Case(VersionsCase):
    """Sessions of every version."""

    def check(self, session: MemorySession, request: Any, status: Status = Status.OK) -> Any:
        """Ask, and check how it went as the version can say it; return the reply."""
        reply = session.request(request)
        found = reply.status if isinstance(reply, StatusReply) else Status.OK
        self.assertEqual(found, lower(status, session.version), (session.version, self.on_disk, request, reply))
        return reply

    def mode(self, session: MemorySession, path: bytes) -> int:
        """Return the permissions of a file."""
        reply: Any = session.request(requests.LStat(path=path, flags=0))
        found: int = reply.attributes.permissions
        return found & 0o7777


class MadeTests(Case):
    """Attributes of what OPEN and MKDIR make."""

    def test_idle(self) -> None:
        """An upload does not fail for what cannot be had of a new file; what can be had is carried out."""
        for session in self.sessions(umask=0):
            wanted = Attributes(permissions=0o640, **IDLE)
            self.check(session, requests.Open(path=b"/new", access=WRITES, flags=NEW, attributes=wanted))
            self.check(session, requests.MkDir(path=b"/made", attributes=wanted))
            self.assertEqual((self.mode(session, b"/new"), self.mode(session, b"/made")), (0o640, 0o640))
            if self.on_disk:
                self.assertEqual(sorted(os.listdir(f"{self.root}/made")), [])
                self.assertEqual(os.stat(f"{self.root}/new").st_size, 0)
                # Neither is immutable.
                os.rmdir(f"{self.root}/made")

    def test_foreign_owner(self) -> None:
        """Where the owner cannot be given, that is what the client is told, and nothing is made."""

        def refuse(*args: Any, **options: Any) -> None:
            raise PermissionError(EPERM, os.strerror(EPERM))

        self.patch(os, "fchown", refuse)
        self.patch(os, "chown", refuse)
        for session in self.sessions():
            if not self.on_disk:
                continue
            wanted = Attributes(uid=1, gid=1, owner="1", group="1")
            opening = requests.Open(path=b"/new", access=WRITES, flags=NEW, attributes=wanted)
            self.check(session, opening, Status.PERMISSION_DENIED)
            self.check(session, requests.MkDir(path=b"/new", attributes=wanted), Status.PERMISSION_DENIED)
            self.assertFalse(os.path.exists(f"{self.root}/new"))

    def test_existing(self) -> None:
        """Attributes of an OPEN that finds a file count for nothing."""
        for session in self.sessions():
            before = self.mode(session, b"/file")
            wanted = Attributes(permissions=0o777 ^ before, size=3, allocation_size=3, mtime=5, atime=5)
            self.check(session, requests.Open(path=b"/file", access=WRITES, flags=OLD, attributes=wanted))
            self.assertEqual(self.mode(session, b"/file"), before)
            self.assertEqual(session.get("/file"), b"0123456789")


class WholeTests(Case):
    """A SETSTAT of several attributes of which one cannot be set."""

    def test_nothing_done(self) -> None:
        """It is refused, and nothing is changed; what the version has no word for was never asked for."""
        for session in self.sessions(FROM4):
            known = Codec(session.version).fields
            for field, value, status in (
                ("text_hint", 1, Status.INVALID_PARAMETER),
                ("link_count", 2, Status.INVALID_PARAMETER),
                ("mime_type", "image/png", Status.OP_UNSUPPORTED),
                ("untranslated_name", b"other", Status.OP_UNSUPPORTED),
                ("attrib_bits", AttribBit.ENCRYPTED, Status.OP_UNSUPPORTED),
            ):
                if field not in known or not self.on_disk:
                    continue
                for request in (requests.SetStat(path=b"/file", attributes=NONE), self.by_handle(session)):
                    request.attributes = Attributes(permissions=0o600, size=3, mtime=5, **{field: value})
                    before = os.stat(f"{self.root}/file")
                    self.check(session, request, status)
                    after = os.stat(f"{self.root}/file")
                    self.assertEqual((after.st_mode, after.st_size), (before.st_mode, before.st_size), field)
                    self.assertEqual(after.st_mtime_ns, before.st_mtime_ns)

    def test_directory(self) -> None:
        """So is a size for a directory, by its name and by its handle."""
        for session in self.sessions():
            handle = self.check(session, requests.OpenDir(path=b"/empty")).handle
            before = self.mode(session, b"/empty")
            wanted = Attributes(permissions=0o777 ^ before, size=3)
            for request in (
                requests.SetStat(path=b"/empty", attributes=wanted),
                requests.FSetStat(handle=handle, attributes=wanted),
            ):
                self.check(session, request, Status.FILE_IS_A_DIRECTORY)
                self.assertEqual(self.mode(session, b"/empty"), before)

    def by_handle(self, session: MemorySession) -> Any:
        """Return the same of an open file."""
        opened = self.check(session, requests.Open(path=b"/file", access=WRITES, flags=OLD, attributes=NONE))
        return requests.FSetStat(handle=opened.handle, attributes=NONE)


class HomeTests(Case):
    """home-directory."""

    def test_whose(self) -> None:
        """It tells one's own home, by no name or by one's own; that of others is nobody's business."""
        for session in self.sessions():
            for user in (b"", b"user"):
                reply = self.check(session, extended.HomeDirectory(user=user))
                assert isinstance(reply, Names)
                self.assertEqual(reply.entries[0].name, b"/")
            for user in (b"root", b"nobody at all", b"user/..", b"~", b"\xff"):
                self.check(session, extended.HomeDirectory(user=user), Status.NO_SUCH_FILE)


class LimitTests(Case):
    """MaxHandles and what opens files by itself."""

    def test_copies_and_hashes(self) -> None:
        """A copy by name takes two places, a hash by name one; without these it fails, and nothing is made."""
        for most in (1, 2, 3):
            for session in self.sessions((3, 6), max_handles=most):
                opened = self.check(session, requests.Open(path=b"/file", access=READS, flags=OLD, attributes=NONE))
                assert isinstance(opened, HandleReply)
                for request, needed in (
                    (extended.CopyFile(path=b"/file", new_path=b"/copy", overwrite=False), 3),
                    (extended.MD5Hash(path=b"/file", offset=0, length=0, quick_hash=b""), 2),
                    (extended.CheckFileName(path=b"/file", algorithms=[b"md5"], offset=0, length=0, block_size=0), 2),
                    (extended.MD5HashHandle(handle=opened.handle, offset=0, length=0, quick_hash=b""), 1),
                ):
                    reply = self.check(session, request, Status.OK if most >= needed else Status.FAILURE)
                    self.assertEqual(isinstance(reply, ExtendedReply), most >= needed and needed < 3)
                there = session.request(requests.LStat(path=b"/copy", flags=0))
                self.assertEqual(isinstance(there, StatusReply), most < 3)
                # The places are free again.
                self.check(session, requests.Close(handle=opened.handle))
                for _ in range(most):
                    self.check(session, requests.Open(path=b"/file", access=READS, flags=OLD, attributes=NONE))
