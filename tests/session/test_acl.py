"""
Access control lists in sessions of every version that has words for them.
"""

import os
from typing import Any
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.events import GetAttributes
from conchsftp.files.local import LocalFileSystem
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp import extended, requests
from conchsftp.sftp.acl import ACL, Entry
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FROM4, Access, ACLFlag, EntryFlag, EntryType, OpenFlag
from conchsftp.sftp.replies import StatusReply
from conchsftp.sftp.statuses import Status
from conchsftp.testing import MemorySession
from tests.files.support import inline_workers
from tests.files.test_local_acl import disk_has_lists

ASKED = 0x40
"""The flag of the attribute (filexfer-13, 7.1)."""
R = Access.READ_DATA
ANYBODY = ACL(entries=(Entry(mask=R, who="OWNER@"), Entry(mask=R, who="54321")))
WRITING = Access.READ_DATA | Access.WRITE_DATA | Access.APPEND_DATA
ANY = OpenFlag(3)


def names(acl: ACL | None) -> list[str]:
    """Return who is named, in order."""
    return [entry.who for entry in acl.entries] if acl is not None else []


class ListCase(SynchronousTestCase):
    """Help: a root on a disk that has lists, and sessions about it."""

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        os.mkdir(self.root)
        if not disk_has_lists(self.root):
            raise SkipTest("the disk of the temporary directory has no access control lists")
        with open(f"{self.root}/a", "wb"):
            pass
        os.chmod(f"{self.root}/a", 0o600)

    def session(self, version: int, **options: Any) -> MemorySession:
        return MemorySession(
            version=version, root_directory=self.root, file_threads="inline", protocol_version=6, **options
        )

    def status(self, session: MemorySession, request: Any) -> Status:
        reply = session.request(request)
        assert isinstance(reply, StatusReply), reply
        return Status(reply.status)

    def told(self, session: MemorySession, flags: int = ASKED, path: bytes = b"/a") -> ACL | None:
        acl: ACL | None = session.request(requests.Stat(path=path, flags=flags)).attributes.acl
        return acl


class VersionTests(ListCase):
    """The same in versions 4, 5 and 6."""

    def test_set_and_told(self) -> None:
        """What is set by path, by handle, with MKDIR and OPEN is told by STAT, LSTAT and FSTAT."""
        wanted = Attributes(acl=ANYBODY)
        for version in FROM4:
            session = self.session(version)
            os.chmod(f"{self.root}/a", 0o600)
            made = b"%d" % version
            handle = session.request(requests.Open(path=made, access=WRITING, flags=ANY, attributes=wanted)).handle
            self.assertEqual(self.status(session, requests.SetStat(path=b"/a", attributes=wanted)), Status.OK)
            self.assertEqual(self.status(session, requests.MkDir(path=made + b"d", attributes=wanted)), Status.OK)
            expected = ["OWNER@", "54321", "GROUP@", "EVERYONE@"]
            for path in (b"/a", made, made + b"d"):
                self.assertEqual(names(self.told(session, path=path)), expected)
                self.assertEqual(
                    names(session.request(requests.LStat(path=path, flags=ASKED)).attributes.acl), expected
                )
            told = session.request(requests.FStat(handle=handle, flags=ASKED)).attributes.acl
            self.assertEqual(names(told), expected)
            back = requests.FSetStat(handle=handle, attributes=Attributes(acl=ACL()))
            self.assertEqual(self.status(session, back), Status.OK)
            self.assertEqual(os.stat(f"{self.root}/{version}").st_mode & 0o777, 0)

    def test_only_where_asked(self) -> None:
        """Who does not ask for the list, by the flag of STAT, is not told; nor is anybody by READDIR."""
        for version in FROM4:
            session = self.session(version)
            for flags in (0, 0xFFFFFFFF & ~ASKED):
                self.assertIsNone(self.told(session, flags))
            self.assertIsNotNone(self.told(session, 0xFFFFFFFF))
            self.assertEqual([entry.attributes.acl for entry in session.listing("/")], [None] * 3)

    def test_version_3(self) -> None:
        """Version 3 has no word for it."""
        session = self.session(3)
        self.assertIsNone(self.told(session))

    def test_flags(self) -> None:
        """Only version 6 has flags of a list; what is told is there, and complete."""
        for version in FROM4:
            told = self.told(self.session(version))
            assert told is not None
            self.assertEqual(told.flags, ACLFlag.CONTROL_INCLUDED | ACLFlag.CONTROL_PRESENT)
        audit = ACL(flags=ACLFlag.AUDIT_ALARM_INCLUDED)
        request = requests.SetStat(path=b"/a", attributes=Attributes(acl=audit))
        self.assertEqual(self.status(self.session(6), request), Status.OP_UNSUPPORTED)

    def test_unknown_names(self) -> None:
        """Names that nobody has are told in versions 5 and 6 (filexfer-05, 7; -13, 9.1)."""
        acl = ACL(entries=(Entry(mask=R, who="no such"), Entry(mask=R, who="none", flags=EntryFlag.IDENTIFIER_GROUP)))
        for version in FROM4:
            reply = self.session(version).request(requests.SetStat(path=b"/a", attributes=Attributes(acl=acl)))
            self.assertEqual(reply.status, Status.UNKNOWN_PRINCIPAL if version > 4 else Status.FAILURE)
            self.assertEqual(getattr(reply, "names", ()), ("no such", "none") if version > 4 else ())

    def test_link(self) -> None:
        """lsetstat@openssh.com sets no list of a link, nor of what it leads to."""
        os.symlink("a", f"{self.root}/l")
        request = extended.LSetStat(path=b"/l", attributes=Attributes(acl=ANYBODY))
        self.assertEqual(self.status(self.session(6), request), Status.OP_UNSUPPORTED)
        self.assertEqual(os.stat(f"{self.root}/a").st_mode & 0o777, 0o600)


class RefusedTests(ListCase):
    """What a client is told when a list is refused."""

    def test_called_by_its_name(self) -> None:
        """The text speaks of the list, not of a mode that nobody wanted to change."""
        audit = ACL(entries=(Entry(type=EntryType.AUDIT, mask=R, who="OWNER@"),))
        reply = self.session(6).request(requests.SetStat(path=b"/a", attributes=Attributes(acl=audit)))
        self.assertEqual(reply.status, Status.OP_UNSUPPORTED)
        self.assertTrue(reply.message.startswith("The access control list cannot be changed: "), reply.message)


class AllowedTests(ListCase):
    """Who may set one."""

    def asking(self, session: MemorySession) -> list[Status]:
        """Return how SETSTAT, MKDIR and OPEN with a list are answered."""
        wanted = Attributes(acl=ANYBODY)
        answers = [
            session.request(requests.SetStat(path=b"/a", attributes=wanted)),
            session.request(requests.MkDir(path=b"/d", attributes=wanted)),
            session.request(requests.Open(path=b"/b", access=WRITING, flags=ANY, attributes=wanted)),
        ]
        return [Status(getattr(answer, "status", Status.OK)) for answer in answers]

    def permitted(self, words: str) -> MemorySession:
        """Return a session of somebody who may do this everywhere."""
        files = LocalFileSystem(self.root, workers=inline_workers())
        avatar = SFTPAvatar("user", files=files, permissions={"/": words})
        return MemorySession(avatar, version=6, protocol_version=6)

    def test_permission(self) -> None:
        """A list takes the word `chmod`, also of what is made: without its list it would allow more than was asked."""
        words = "read write create mkdir list"
        denied = self.permitted(words)
        self.assertEqual(self.asking(denied), [Status.PERMISSION_DENIED] * 3)
        self.assertEqual(sorted(os.listdir(self.root)), ["a"])
        allowed = self.permitted(words + " chmod")
        self.assertEqual(self.asking(allowed), [Status.OK] * 3)

    def test_read_only(self) -> None:
        """On a server that is read-only nobody sets one."""
        self.assertEqual(self.asking(self.session(6, read_only=True)), [Status.PERMISSION_DENIED] * 3)

    def test_policy(self) -> None:
        """Where SETSTAT changes no modes it changes no lists."""
        session = self.session(6, set_stat_policy="ignore-mode-and-owner")
        request = requests.SetStat(path=b"/a", attributes=Attributes(acl=ANYBODY))
        self.assertEqual(self.status(session, request), Status.OK)
        self.assertEqual(os.stat(f"{self.root}/a").st_mode & 0o777, 0o600)


class EventTests(ListCase):
    """What handlers see."""

    def test_events(self) -> None:
        """The events have the record, and a handler may set another one to be told."""
        seen = []
        session = self.session(6)
        session.server.on("SetAttributes", lambda event: seen.append(event.attributes.acl))

        def more(event: GetAttributes) -> None:
            seen.append(names(event.attributes.acl if event.attributes else None))
            event.attributes = Attributes(acl=ANYBODY)

        session.request(requests.SetStat(path=b"/a", attributes=Attributes(acl=ANYBODY)))
        session.server.on("GetAttributes", more)
        self.assertEqual(seen[0], ANYBODY)
        self.assertEqual(self.told(session), ANYBODY)


class MemoryTests(SynchronousTestCase):
    """A file system that keeps none."""

    def test_refused(self) -> None:
        """It tells none, and refuses to set one: on what there is, and on what is made."""
        session = MemorySession(SFTPAvatar("user", files=MemoryFileSystem()), version=6, protocol_version=6)
        session.put("/a", b"")
        wanted = Attributes(acl=ANYBODY)
        for request in (
            requests.SetStat(path=b"/a", attributes=wanted),
            requests.MkDir(path=b"/d", attributes=wanted),
            requests.Open(path=b"/b", access=WRITING, flags=ANY, attributes=wanted),
        ):
            reply = session.request(request)
            self.assertEqual(getattr(reply, "status", None), Status.OP_UNSUPPORTED, request)
        self.assertIsNone(session.request(requests.Stat(path=b"/a", flags=ASKED)).attributes.acl)
        self.assertEqual(len(session.listing("/")), 3)
