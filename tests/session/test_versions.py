"""
Sessions of versions 3 to 6, and the names of version 3 in other encodings than UTF-8.
"""

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp import events
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.facts import FACTS
from conchsftp.sftp.numbers import VERSIONS, Access, Disposition, FileType, OpenFlag, RealPath, RenameFlag
from conchsftp.sftp.replies import StatusReply
from conchsftp.sftp.statuses import Status, lower
from conchsftp.testing import MemorySession

NONE = Attributes()


class VersionsTests(SynchronousTestCase):
    """What every version does on a real folder."""

    def setUp(self) -> None:
        self.root = self.mktemp()
        os.mkdir(self.root)
        with open(f"{self.root}/file", "w") as file:
            file.write("text")
        os.utime(f"{self.root}/file", ns=(1_500_000_000, 1_700_000_000))

    def sessions(self, versions: range = VERSIONS, **settings: Any) -> Any:
        """Yield a session of each version."""
        for version in versions:
            options = {"root_directory": self.root, "file_threads": "inline", "protocol_version": 6, **settings}
            session = MemorySession(version=version, **options)
            self.assertEqual(session.version, version)
            yield session

    def check(self, session: MemorySession, request: Any, status: Status = Status.OK) -> Any:
        """Ask, and check how it went as the version can say it; return the reply."""
        reply = session.request(request)
        found = reply.status if isinstance(reply, StatusReply) else Status.OK
        self.assertEqual(found, lower(status, session.version), (session.version, request, reply))
        return reply

    def test_highest(self) -> None:
        """No version above ProtocolVersion, and none above 3 by default."""
        for highest in VERSIONS:
            session = MemorySession(version=6, protocol_version=highest)
            self.assertEqual((session.version, highest), (highest, highest))
        self.assertEqual(MemorySession(version=6).version, 3)

    def test_newline(self) -> None:
        """ServerEOL is told from version 4 on."""
        for session in self.sessions(server_eol="CrLf"):
            expected = None if session.version == 3 else b"\r\n"
            self.assertEqual(session.extensions.get(b"newline"), expected)

    def test_nothing_more(self) -> None:
        """What is not there is not advertised; what VERSION tells beside it has tests of its own."""
        known = set(next(iter(self.sessions())).extensions) | {b"text-seek", *(row.name for row in FACTS)}
        for session in self.sessions():
            self.assertLessEqual(set(session.extensions), known)

    def test_files(self) -> None:
        """Put, get, list, rename, remove, directories, modes and times."""
        for session in self.sessions():
            session.put("new", b"data" * 20_000)
            self.assertEqual(session.get("new"), b"data" * 20_000)
            self.check(session, requests.Rename(path=b"new", new_path=b"file", flags=0), Status.FILE_ALREADY_EXISTS)
            self.check(session, requests.Rename(path=b"new", new_path=b"newer", flags=0))
            self.check(session, requests.MkDir(path=b"dir", attributes=Attributes(permissions=0o700)))
            self.assertEqual(os.stat(f"{self.root}/dir").st_mode & 0o777, 0o700)
            self.check(session, requests.Remove(path=b"dir"), Status.FILE_IS_A_DIRECTORY)
            wanted = Attributes(permissions=0o640, atime=5, mtime=7, type=FileType.UNKNOWN)
            self.check(session, requests.SetStat(path=b"newer", attributes=wanted))
            status = os.stat(f"{self.root}/newer")
            self.assertEqual((status.st_mode & 0o777, status.st_atime, status.st_mtime), (0o640, 5, 7))
            names = sorted(name for name, _, _ in session.listing("/"))
            self.assertEqual(names, [b".", b"..", b"dir", b"file", b"newer"])
            self.check(session, requests.Remove(path=b"newer"))
            self.check(session, requests.RmDir(path=b"dir"))
            self.check(session, requests.Stat(path=b"newer", flags=0), Status.NO_SUCH_FILE)

    def test_attributes(self) -> None:
        """Names of owners and nanoseconds from version 4, types and link counts where the version has them."""
        for session in self.sessions():
            reply: Any = session.request(requests.LStat(path=b"file", flags=0))
            found = reply.attributes
            self.assertEqual((found.type, found.size, found.permissions), (FileType.REGULAR, 4, 0o644))
            self.assertEqual(found.mtime, 1)
            if session.version == 3:
                self.assertEqual((found.uid, found.gid, found.mtime_ns), (os.getuid(), os.getgid(), None))
            else:
                self.assertTrue(found.owner and found.group)
                self.assertEqual((found.uid, found.atime_ns, found.mtime_ns), (None, 500_000_000, 700_000_000))
            for _, line, _ in session.listing("/"):
                self.assertEqual(line is None, session.version > 3)

    def test_allocation_size(self) -> None:
        """Version 6 has it, but not where lftp may ask, which goes by the name of OpenSSH and cannot read it."""
        room = os.stat(f"{self.root}/file").st_blocks * 512
        for name, quirks, told in (
            (b"SSH-2.0-WinSCP_release_6.3", (), True),
            (b"SSH-2.0-OpenSSH_9.2p1 Debian-2", (), False),
            (b"SSH-2.0-OpenSSH_6.6", (), False),
            (b"SSH-2.0-OpenSSH_6.6.1p1", (), False),
            (b"SSH-2.0-OpenSSH_9.2p1", ("SSH-2.0-OpenSSH* allocation_size=yes",), True),
            (b"SSH-2.0-PuTTY_Release_0.78", ("SSH-2.0-PuTTY* allocation_size=no",), False),
        ):
            for session in self.sessions(client={"version": name}, client_quirks=quirks):
                reply: Any = session.request(requests.LStat(path=b"file", flags=0xFFFF))
                found = [reply.attributes.allocation_size]
                found += [each.attributes.allocation_size for each in session.listing("/") if each.name == b"file"]
                self.assertEqual(found, 2 * [room if told and session.version == 6 else None], name)

    def test_overwriting(self) -> None:
        """RENAME has flags from version 5."""
        for session in self.sessions(range(5, 7)):
            session.put("a", b"new")
            session.put("b", b"old")
            self.check(session, requests.Rename(path=b"a", new_path=b"b", flags=RenameFlag.OVERWRITE))
            self.assertEqual(session.get("b"), b"new")

    def test_opening(self) -> None:
        """Whatever the version calls it, a file is opened as was asked."""
        for session in self.sessions():
            for flags, status in (
                (OpenFlag(Disposition.CREATE_NEW), Status.FILE_ALREADY_EXISTS),
                (OpenFlag(Disposition.OPEN_EXISTING), Status.OK),
                (OpenFlag(Disposition.OPEN_EXISTING) | OpenFlag.TEXT_MODE, Status.OK),
                (OpenFlag(Disposition.OPEN_EXISTING) | OpenFlag.BLOCK_WRITE, Status.OK),
            ):
                if session.version < 4 and flags & OpenFlag.TEXT_MODE or session.version < 5 and flags > 0x3F:
                    continue
                opening = requests.Open(path=b"file", access=Access.READ_DATA, flags=flags, attributes=NONE)
                self.check(session, opening, status)
        self.assertEqual(os.stat(f"{self.root}/file").st_size, 4)

    def test_links(self) -> None:
        """SYMLINK until version 5, LINK in version 6; names of what is missing keep their order."""
        for session in self.sessions():
            if session.version < 6:
                self.check(session, requests.SymLink(path=b"soft", target=b"file"))
                self.check(session, extended.HardLink(path=b"file", new_path=b"hard"))
                self.check(session, requests.Link(path=b"x", target=b"file", symbolic=True), Status.OP_UNSUPPORTED)
            else:
                self.check(session, requests.Link(path=b"soft", target=b"file", symbolic=True))
                self.check(session, requests.Link(path=b"hard", target=b"file", symbolic=False))
                self.check(session, requests.SymLink(path=b"x", target=b"y"), Status.OP_UNSUPPORTED)
            self.assertEqual(os.readlink(f"{self.root}/soft"), "file")
            self.assertTrue(os.path.samefile(f"{self.root}/hard", f"{self.root}/file"))
            reply: Any = self.check(session, requests.ReadLink(path=b"soft"))
            self.assertEqual(reply.entries[0].name, b"file")
            for name in ("soft", "hard"):
                os.unlink(f"{self.root}/{name}")

    def test_link_without_ability(self) -> None:
        """A file system without links makes none."""

        class Plain:
            """One that can do nothing."""

        for symbolic in (True, False):
            session = MemorySession(SFTPAvatar("user", files=Plain()), version=6, protocol_version=6)
            self.check(session, requests.Link(path=b"a", target=b"b", symbolic=symbolic), Status.OP_UNSUPPORTED)

    def test_locks(self) -> None:
        """BLOCK and UNBLOCK are requests of version 6."""
        for session in self.sessions():
            status = Status.INVALID_HANDLE if session.version == 6 else Status.OP_UNSUPPORTED
            locking = requests.Block(handle=b"x", offset=0, length=0, mask=OpenFlag.BLOCK_WRITE)
            self.check(session, locking, status)
            self.check(session, requests.Unblock(handle=b"x", offset=0, length=0), status)

    def test_ends(self) -> None:
        """Version 6 says with the last data that there is no more."""
        for session in self.sessions():
            flags = OpenFlag(Disposition.OPEN_EXISTING)
            opening = requests.Open(path=b"file", access=Access.READ_DATA, flags=flags, attributes=NONE)
            handle = self.check(session, opening).handle
            reply = self.check(session, requests.Read(handle=handle, offset=0, length=100))
            self.assertEqual((reply.data, reply.end_of_file), (b"text", session.version == 6))


class RealPathTests(SynchronousTestCase):
    """REALPATH in version 6."""

    def setUp(self) -> None:
        files = MemoryFileSystem({"/home/a/file": b"text"})
        files.make_symlink("/home/link", "a")
        avatar = SFTPAvatar("user", files=files, home="/home")
        self.session = MemorySession(avatar, version=6, protocol_version=6)
        self.asked: list[tuple[str, int]] = []
        self.session.server.on(
            events.ResolvePath, lambda event: self.asked.append((event.original_path, event.control_flags))
        )

    def ask(self, path: bytes, control: RealPath, *compose: bytes) -> Any:
        """Return the path and what is said of it, or the status."""
        reply: Any = self.session.request(requests.RealPath(path=path, control=control, compose=compose))
        if isinstance(reply, StatusReply):
            return reply.status
        (entry,) = reply.entries
        return entry.name, entry.attributes.type

    def test_control(self) -> None:
        """NO_CHECK follows no link and knows nothing, STAT_IF says what it can, STAT_ALWAYS fails without it."""
        unknown, directory = FileType.UNKNOWN, FileType.DIRECTORY
        self.assertEqual(self.ask(b"link/../x", RealPath.NO_CHECK), (b"/home/x", unknown))
        self.assertEqual(self.ask(b"link", RealPath.NO_CHECK), (b"/home/link", unknown))
        self.assertEqual(self.ask(b"link", RealPath.STAT_IF), (b"/home/a", directory))
        self.assertEqual(self.ask(b"link/file", RealPath.STAT_ALWAYS), (b"/home/a/file", FileType.REGULAR))
        self.assertEqual(self.ask(b"missing", RealPath.STAT_IF), (b"/home/missing", unknown))
        self.assertEqual(self.ask(b"missing", RealPath.STAT_ALWAYS), Status.NO_SUCH_FILE)

    def test_absent(self) -> None:
        """lftp sends no control byte: NO_CHECK."""
        packet = bytes.fromhex("10 00000063") + bytes.fromhex("00000001 2e")
        self.session.channel.send(len(packet).to_bytes(4, "big") + packet)
        (reply,) = self.session.packets()
        self.assertIn(b"/home", reply)
        self.assertEqual(self.asked, [(".", RealPath.NO_CHECK)])

    def test_compose(self) -> None:
        """Paths are applied one after the other; an absolute one starts anew."""
        for compose, found in (
            ((b"file",), b"/home/a/file"),
            ((b"..", b"b"), b"/home/b"),
            ((b"/etc", b"x"), b"/etc/x"),
            ((b"",), b"/home/a"),
        ):
            self.assertEqual(self.ask(b"a", RealPath.NO_CHECK, *compose)[0], found)
        self.assertEqual(self.asked[1], ("/home/b", RealPath.NO_CHECK))


class CodePageTests(SynchronousTestCase):
    """CodePage: names of version 3."""

    def begin(self, page: int, version: int = 3, **settings: Any) -> MemorySession:
        """Begin with names in a code page."""
        self.files = MemoryFileSystem({"/d/f": b""})
        avatar = SFTPAvatar("user", files=self.files)
        return MemorySession(avatar, version=version, protocol_version=6, code_page=page, **settings)

    def put(self, session: MemorySession, name: bytes) -> None:
        """Have a client make a directory."""
        reply: Any = session.request(requests.MkDir(path=name, attributes=NONE))
        self.assertEqual(reply.status, Status.OK)

    def names(self, session: MemorySession) -> set[bytes]:
        """Return the names in `/d`."""
        return {name for name, _, _ in session.listing("/d")} - {b".", b"..", b"f"}

    def test_names(self) -> None:
        """Names come and go in the code page, and are stored as what they are."""
        for page, raw, name in (
            (1252, b"\xe9t\xe9 \x80", "été €"),
            (932, b"\x83\x5c\x94\x5c", "ソ能"),
            (950, b"\xa5\x5c", "功"),
            (54936, b"\x81\x30\x84\x36", "¥"),
            (437, b"\x81", "ü"),
            (65001, "é".encode(), "é"),
        ):
            session = self.begin(page)
            self.put(session, b"/d/" + raw)
            self.assertEqual(self.files.stat(f"/d/{name}").type, FileType.DIRECTORY)
            self.assertEqual(self.names(session), {raw})
            reply: Any = session.request(requests.RealPath(path=b"/d/" + raw + b"/../" + raw + b"/x"))
            self.assertEqual(reply.entries[0].name, b"/d/" + raw + b"/x")
            session.request(requests.SymLink(path=b"/d/l", target=raw))
            self.assertEqual(self.files.read_link("/d/l"), name)
            target: Any = session.request(requests.ReadLink(path=b"/d/l"))
            self.assertEqual(target.entries[0].name, raw)

    def test_no_character(self) -> None:
        """A name that the page has no characters for is listed all the same; bytes that mean nothing are kept."""
        session = self.begin(1252)
        self.files.make_directory("/d/日本", NONE)
        self.put(session, b"/d/\x81")
        self.assertEqual(self.names(session), {"日本".encode(), b"\x81"})

    def test_broken_sequences(self) -> None:
        """Half a character hides no slash."""
        for page in (932, 936, 949, 950, 51932, 54936):
            session = self.begin(page, restrict_user_to_home_dir=False)
            reply: Any = session.request(requests.RealPath(path=b"/d/\x81/../../x"))
            self.assertEqual(reply.entries[0].name, b"/x", page)

    def test_later_versions(self) -> None:
        """From version 4 on, names are UTF-8."""
        session = self.begin(1252, version=4)
        self.put(session, "/d/é".encode())
        self.assertEqual(self.names(session), {"é".encode()})
        self.assertEqual(self.files.stat("/d/é").type, FileType.DIRECTORY)
