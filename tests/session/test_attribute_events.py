"""
What handlers see of attributes, and what becomes of those that they set: the same in every version.
"""

import grp
import os
import pwd
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp import events
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import VERSIONS, Access, AttribBit, Disposition, FileType, OpenFlag, PFlag
from conchsftp.sftp.replies import Attrs, StatusReply
from conchsftp.sftp.statuses import Status, lower
from conchsftp.testing import MemorySession, memory_server

NOTHING = Attributes()
_READING = Access.READ_DATA | Access.READ_ATTRIBUTES
_WRITING = Access.WRITE_DATA | Access.WRITE_ATTRIBUTES


class Case(SynchronousTestCase):
    """A session in each version, on files in memory."""

    def sessions(self, *handlers: Any, versions: range = VERSIONS) -> Any:
        """Yield sessions of each version, with new files, and handlers: pairs of event and function."""
        for version in versions:
            self.files = MemoryFileSystem({"/a.txt": b"abc"}, clock=lambda: 1_500_000_000.5)
            avatar = SFTPAvatar("user", files=self.files)
            server = memory_server(avatar, protocol_version=6)
            for kind, handler in handlers:
                server.on(kind, handler)
            session = MemorySession(server=server, version=version)
            self.assertEqual(session.version, version)
            yield session

    def check(self, session: MemorySession, request: Any, status: Status = Status.OK) -> Any:
        """Ask, and check how it went as the version can say it; return the reply."""
        reply = session.request(request)
        found = reply.status if isinstance(reply, StatusReply) else Status.OK
        self.assertEqual(found, lower(status, session.version), (session.version, request, reply))
        return reply

    def told(self, session: MemorySession, path: bytes = b"/a.txt") -> Attributes:
        reply = session.request(requests.Stat(path=path, flags=0))
        assert isinstance(reply, Attrs), reply
        return reply.attributes


class SeenTests(Case):
    """What handlers see."""

    def test_open(self) -> None:
        """DesiredAccess is derived where only flags are sent, and the flags of version 3 where they are not."""
        seen: list[Any] = []
        note = (events.FileOpen, lambda e: seen.append((e.desired_access, e.open_flags, e.flags)))
        new, old = OpenFlag(Disposition.CREATE_TRUNCATE), OpenFlag(Disposition.OPEN_EXISTING)
        for session in self.sessions(note):
            for access, flags, pflags in (
                (_READING, old, PFlag.READ),
                (_WRITING, new, PFlag.WRITE | PFlag.CREAT | PFlag.TRUNC),
                (_READING | _WRITING, OpenFlag(Disposition.CREATE_NEW), PFlag(0x2B)),
                (
                    _WRITING | Access.APPEND_DATA,
                    OpenFlag(Disposition.OPEN_OR_CREATE) | OpenFlag.APPEND_DATA,
                    PFlag.WRITE | PFlag.CREAT | PFlag.APPEND,
                ),
            ):
                seen.clear()
                name = b"/%d" % access if flags & 7 in (0, 3) else b"/a.txt"
                self.check(session, requests.Open(path=name, access=access, flags=flags, attributes=NOTHING))
                self.assertEqual(seen, [(access, flags, pflags)] * 2, session.version)

    def test_raw_flags(self) -> None:
        """What only versions 5 and 6 can say is there as it was sent."""
        seen: list[Any] = []
        wanted = OpenFlag(Disposition.OPEN_EXISTING) | OpenFlag.NOFOLLOW
        access = Access.READ_DATA | Access.READ_ACL
        for session in self.sessions((events.FileOpen, seen.append), versions=range(5, 7)):
            seen.clear()
            self.check(session, requests.Open(path=b"/a.txt", access=access, flags=wanted, attributes=NOTHING))
            # Version 5 has no such flag.
            flags = wanted if session.version == 6 else OpenFlag(Disposition.OPEN_EXISTING)
            self.assertEqual((seen[0].desired_access, seen[0].open_flags, seen[0].flags), (access, flags, PFlag.READ))

    def test_asked_for(self) -> None:
        """DirCreate, FileOpen and SetAttributes tell what the client asks for, in documented units."""
        for kind, ask in (
            (events.DirCreate, lambda wanted: requests.MkDir(path=b"/d", attributes=wanted)),
            (events.SetAttributes, lambda wanted: requests.SetStat(path=b"/a.txt", attributes=wanted)),
            (events.FileOpen, lambda wanted: requests.Open(path=b"/n", access=2, flags=1, attributes=wanted)),
        ):
            seen: list[Any] = []
            for session in self.sessions((kind, seen.append)):
                seen.clear()
                wanted = Attributes(permissions=0o640, uid=7, gid=8, atime=5, mtime=-6 if session.version > 3 else 6)
                if session.version > 3:
                    wanted.atime_ns, wanted.mtime_ns = 1_500_000, 999_999_999
                self.check(session, ask(wanted))
                event = seen[0]
                self.assertEqual((event.file_permissions, event.file_owner, event.file_group), (0o640, "7", "8"))
                if session.version == 3:
                    self.assertEqual((event.file_a_time, event.file_m_time), (5000, 6000))
                    self.assertEqual(event.other_attributes, "")
                else:
                    self.assertEqual((event.file_a_time, event.file_m_time), (5001, -5001))
                    self.assertEqual(event.other_attributes, "ATimeNS=1500000;MTimeNS=999999999")

    def test_bits_asked_for(self) -> None:
        """Attribute bits come with those that mean something; in version 5 that is every one it has."""
        seen: list[Any] = []
        for session in self.sessions((events.SetAttributes, seen.append), versions=range(5, 7)):
            seen.clear()
            wanted = Attributes(attrib_bits=AttribBit.ARCHIVE, attrib_bits_valid=AttribBit.ARCHIVE)
            self.check(session, requests.SetStat(path=b"/a.txt", attributes=wanted))
            valid = 0x7FF if session.version == 5 else AttribBit.ARCHIVE
            self.assertEqual(
                (seen[0].file_attrib_bits, seen[0].file_attrib_bits_valid), (AttribBit.ARCHIVE, valid), session.version
            )

    def test_answer(self) -> None:
        """GetAttributes tells all that is known of a file, in every version, whatever the client can be told."""
        seen: list[Any] = []
        for session in self.sessions((events.GetAttributes, seen.append)):
            seen.clear()
            self.told(session)
            (event,) = seen
            self.assertEqual((event.file_type, event.file_size), (FileType.REGULAR, 3))
            self.assertEqual((event.file_create_time, event.file_m_time), (1_500_000_000_500, 1_500_000_000_500))
            self.assertEqual(event.file_attrib_bits, 0)
            others = dict(part.split("=") for part in event.other_attributes.split(";"))
            self.assertEqual(
                others,
                {
                    "MIMEType": "text/plain",
                    "AllocationSize": "3",
                    "ATimeNS": "500000000",
                    "CreateTimeNS": "500000000",
                    "MTimeNS": "500000000",
                    "TextHint": "1",
                    "LinkCount": "1",
                },
            )

    def test_listing(self) -> None:
        """So does DirRead of every entry."""
        seen: list[Any] = []
        for session in self.sessions((events.DirRead, lambda e: seen.extend(e.entries))):
            seen.clear()
            listing: Any = session.request(requests.OpenDir(path=b"/"))
            session.request(requests.ReadDir(handle=listing.handle))
            self.assertEqual(dict(seen)["a.txt"].mime_type, "text/plain", session.version)

    def test_local(self) -> None:
        """The same on a folder."""
        root = os.path.abspath(self.mktemp())
        os.mkdir(root)
        with open(f"{root}/a.txt", "wb"):
            pass
        for version in VERSIONS:
            seen: list[Any] = []
            server = memory_server(root_directory=root, protocol_version=6, file_threads="inline")
            server.on(events.GetAttributes, seen.append)
            self.told(MemorySession(server=server, version=version))
            self.assertIn("MIMEType=text/plain", seen[0].other_attributes)
            self.assertEqual(seen[0].file_attrib_bits & AttribBit.HIDDEN, 0)


class PermittedTests(Case):
    """What a user with permissions may set of these attributes."""

    def test_words(self) -> None:
        """An allocation size is a size, and takes `write`; attribute bits take `chmod`; who may not changes nothing."""
        bits = Attributes(attrib_bits=AttribBit.ARCHIVE, attrib_bits_valid=AttribBit.ARCHIVE)
        for words, wanted, status in (
            ("read write", Attributes(allocation_size=1), Status.OK),
            ("read chmod times", Attributes(allocation_size=1), Status.PERMISSION_DENIED),
            ("read chmod", bits, Status.OK),
            ("read write times", bits, Status.PERMISSION_DENIED),
            ("read write chmod", Attributes(create_time=5), Status.PERMISSION_DENIED),
            ("read times", Attributes(create_time=5), Status.OK),
        ):
            files = MemoryFileSystem({"/a": b"abc"})
            avatar = SFTPAvatar("user", files=files)
            avatar.permissions = {"/": words}
            session = MemorySession(server=memory_server(avatar, protocol_version=6), version=6)
            self.check(session, requests.SetStat(path=b"/a", attributes=wanted), status)
            self.assertEqual(files.get("/a") == b"abc", status != Status.OK or wanted.allocation_size is None)

    def test_read_only(self) -> None:
        """Who may only read sets nothing."""
        avatar = SFTPAvatar("user", files=MemoryFileSystem({"/a": b"abc"}))
        avatar.read_only = True
        session = MemorySession(server=memory_server(avatar, protocol_version=6), version=6)
        for wanted in (Attributes(allocation_size=0), Attributes(attrib_bits=0), Attributes(create_time=5)):
            self.check(session, requests.SetStat(path=b"/a", attributes=wanted), Status.PERMISSION_DENIED)


class OwnerTests(Case):
    """Owners that handlers set, for clients whose version has numbers and for those whose version has names."""

    def answers(self, change: Any, **others: Any) -> Any:
        """Yield what clients of each version are told of a file on the disk when a handler has changed it."""
        root = os.path.abspath(self.mktemp())
        os.mkdir(root)
        with open(f"{root}/a.txt", "wb"):
            pass
        for version in VERSIONS:
            server = memory_server(root_directory=root, protocol_version=6, file_threads="inline", **others)
            server.on(events.GetAttributes, change)
            told = self.told(MemorySession(server=server, version=version))
            yield version, ((told.uid, told.gid) if version == 3 else (told.owner, told.group))

    def test_names(self) -> None:
        """A name that this machine knows reaches version 3 as its number."""

        def change(event: Any) -> None:
            event.file_owner, event.file_group = "daemon", "daemon@localhost"

        numbers = pwd.getpwnam("daemon").pw_uid, grp.getgrnam("daemon").gr_gid
        for version, told in self.answers(change):
            self.assertEqual(told, numbers if version == 3 else ("daemon", "daemon@localhost"), version)

    def test_one_name(self) -> None:
        """The other of the two stays."""

        def change(event: Any) -> None:
            event.file_owner = "daemon"

        uid = pwd.getpwnam("daemon").pw_uid
        for version, told in self.answers(change):
            self.assertEqual(told[0], uid if version == 3 else "daemon", version)
            self.assertIsNotNone(told[1])

    def test_same(self) -> None:
        """What is set to what it is stays as it is, number and name."""

        def change(event: Any) -> None:
            event.file_owner, event.file_group = event.file_owner, event.file_group

        def leave(event: Any) -> None:
            pass

        self.assertEqual(list(self.answers(change)), list(self.answers(leave)))

    def test_unknown(self) -> None:
        """Of a name that nobody has, version 3 is told no number: neither a wrong one nor that of the file."""

        def change(event: Any) -> None:
            event.file_owner = "nobody at all"

        for version, told in self.answers(change):
            self.assertEqual(told[0], None if version == 3 else "nobody at all")

    def test_set(self) -> None:
        """Handlers may name owners of what is changed or made in every version; `getpwnam` finds who that is."""
        user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name

        def change(event: Any) -> None:
            event.file_owner, event.file_group = user, group

        root = os.path.abspath(self.mktemp())
        os.mkdir(root)
        with open(f"{root}/a.txt", "wb"):
            pass
        for version in VERSIONS:
            server = memory_server(root_directory=root, protocol_version=6, file_threads="inline")
            for kind in (events.SetAttributes, events.FileOpen, events.DirCreate):
                server.on(kind, change)
            session, new = MemorySession(server=server, version=version), b"/%d" % version
            wanted = Attributes(permissions=0o600)
            self.check(session, requests.SetStat(path=b"/a.txt", attributes=wanted))
            self.check(session, requests.Open(path=new, access=2, flags=0, attributes=wanted))
            self.check(session, requests.MkDir(path=new + b"d", attributes=wanted))


class SetTests(Case):
    """What handlers set."""

    def test_answer(self) -> None:
        """What a handler of GetAttributes sets is what the client is told, as far as the version has words for it."""

        def change(event: Any) -> None:
            event.file_size = 99
            event.file_permissions = 0o600
            event.file_owner, event.file_group = "7", "8"
            event.file_m_time = 5_001
            event.file_create_time = -1
            event.file_attrib_bits = AttribBit.SPARSE
            event.other_attributes = {"MIMEType": "image/png", "LinkCount": 5, "TextHint": 2, "MTimeNS": 1_000_007}

        for session in self.sessions((events.GetAttributes, change)):
            told, version = self.told(session), session.version
            self.assertEqual((told.size, told.permissions, told.mtime), (99, 0o600, 5))
            if version == 3:
                self.assertEqual((told.uid, told.gid), (7, 8))
                continue
            self.assertEqual((told.owner, told.group, told.mtime_ns), ("7", "8", 1_000_007))
            self.assertEqual((told.create_time, told.create_time_ns), (-1, 999_000_000))
            if version >= 5:
                self.assertEqual(told.attrib_bits, AttribBit.SPARSE)
                assert told.attrib_bits_valid is not None
                self.assertTrue(told.attrib_bits_valid & AttribBit.SPARSE)
            if version >= 6:
                self.assertEqual((told.mime_type, told.link_count, told.text_hint), ("image/png", 5, 2))

    def test_nothing_known(self) -> None:
        """The same where nothing had been known, such as where handlers are the file system."""

        def answer(event: Any) -> None:
            event.file_type, event.file_size = FileType.REGULAR, 5
            event.file_attrib_bits = AttribBit.HIDDEN
            event.status_code = Status.OK

        for version in VERSIONS:
            server = memory_server(SFTPAvatar("user", files=None), protocol_version=6)
            server.on(events.GetAttributes, answer)
            told = self.told(MemorySession(server=server, version=version))
            self.assertEqual((told.type, told.size), (FileType.REGULAR, 5))
            self.assertEqual(told.attrib_bits, AttribBit.HIDDEN if version >= 5 else None)
            if version == 6:
                self.assertEqual(told.attrib_bits_valid, AttribBit.HIDDEN)

    def test_bit_added(self) -> None:
        """A bit that a handler adds to what is to be set is set, and no other one taken away, in any version."""

        def add(event: Any) -> None:
            if event.before_exec:
                event.file_attrib_bits = AttribBit.SYSTEM

        for session in self.sessions((events.SetAttributes, add)):
            there = Attributes(attrib_bits=AttribBit.ARCHIVE, attrib_bits_valid=AttribBit.ARCHIVE)
            self.files.set_attributes("/a.txt", there, True)
            self.check(session, requests.SetStat(path=b"/a.txt", attributes=Attributes(permissions=0o777)))
            found = self.files.detailed(self.files.tells).stat("/a.txt")
            self.assertEqual(found.attrib_bits, AttribBit.SYSTEM | AttribBit.ARCHIVE)

    def test_changed(self) -> None:
        """What a handler of SetAttributes sets before is what is set, whatever the client can say."""

        def change(event: Any) -> None:
            if event.before_exec:
                event.file_permissions = 0o611
                event.file_owner = "alice"
                event.file_m_time = 7_500
                event.file_attrib_bits = AttribBit.SYSTEM
                event.file_create_time = 1_000
                event.other_attributes = "AllocationSize=100"

        for session in self.sessions((events.SetAttributes, change)):
            self.check(session, requests.SetStat(path=b"/a.txt", attributes=Attributes(permissions=0o777)))
            found = self.files.detailed(self.files.tells).stat("/a.txt")
            self.assertEqual((found.permissions, found.owner), (0o611, "alice"))
            self.assertEqual((found.mtime, found.mtime_ns, found.create_time), (7, 500_000_000, 1))
            self.assertEqual((found.attrib_bits, found.allocation_size), (AttribBit.SYSTEM, 100))

    def test_made(self) -> None:
        """So of what DirCreate and FileOpen make."""

        def change(event: Any) -> None:
            if event.before_exec:
                event.file_permissions, event.file_create_time = 0o700, 2_000

        for session in self.sessions((events.DirCreate, change), (events.FileOpen, change)):
            self.check(session, requests.MkDir(path=b"/d", attributes=NOTHING))
            self.check(session, requests.Open(path=b"/f", access=2, flags=1, attributes=NOTHING))
            for path in ("/d", "/f"):
                found = self.files.detailed({"create_time"}).stat(path)
                self.assertEqual((found.permissions, found.create_time), (0o700, 2), session.version)

    def test_extended(self) -> None:
        """Extended attributes that nobody knows are ignored before version 6, and refused since, the rest with them."""
        for session in self.sessions():
            wanted = Attributes(permissions=0o600, extended=[(b"x@example.com", b"1")])
            status = Status.OP_UNSUPPORTED if session.version >= 6 else Status.OK
            self.check(session, requests.SetStat(path=b"/a.txt", attributes=wanted), status)
            self.assertEqual(self.files.stat("/a.txt").permissions, 0o644 if session.version >= 6 else 0o600)
            self.check(session, requests.Open(path=b"/n", access=2, flags=1, attributes=wanted))

    def test_unknown_owner(self) -> None:
        """Nobody's name is UNKNOWN_PRINCIPAL where the version knows that, and the client is told which it was."""
        root = os.path.abspath(self.mktemp())
        os.mkdir(root)
        with open(f"{root}/a", "wb"):
            pass
        for version in VERSIONS[1:]:
            server = memory_server(root_directory=root, protocol_version=6, file_threads="inline")
            session = MemorySession(server=server, version=version)
            wanted = Attributes(owner="nobody at all", group="root@example.org")
            reply = self.check(session, requests.SetStat(path=b"/a", attributes=wanted), Status.UNKNOWN_PRINCIPAL)
            self.assertEqual(getattr(reply, "names", ()), ("nobody at all", "root@example.org") if version > 4 else ())
