"""
REALPATH and RENAME where the versions differ: over a folder and in memory.
"""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp import SFTPAvatar, SFTPError
from conchsftp.events.files import GetAttributes
from conchsftp.sftp import extended, requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FROM5, UNTIL5, FileType, RealPath, RenameFlag
from conchsftp.sftp.replies import StatusReply
from conchsftp.sftp.statuses import Status
from conchsftp.testing import MemorySession
from tests.session.versions_case import NONE, VersionsCase

SIX = range(6, 7)
NO_CHECK, STAT_IF, STAT_ALWAYS = RealPath.NO_CHECK, RealPath.STAT_IF, RealPath.STAT_ALWAYS
UNKNOWN, REGULAR, DIRECTORY = FileType.UNKNOWN, FileType.REGULAR, FileType.DIRECTORY


class RealPathTests(VersionsCase):
    """REALPATH."""

    def ask(self, path: bytes, control: RealPath = NO_CHECK, *compose: bytes) -> Any:
        """Return the path and the attributes of the answer, or the status."""
        reply: Any = self.session.request(requests.RealPath(path=path, control=control, compose=compose))
        if isinstance(reply, StatusReply):
            return reply.status
        (entry,) = reply.entries
        if self.session.version == 3:
            self.assertEqual(entry.longname, entry.name)
        return entry.name, entry.attributes

    def told(self, path: bytes, control: RealPath, *compose: bytes) -> Any:
        """Return the path and its type, or the status."""
        answer = self.ask(path, control, *compose)
        return answer if isinstance(answer, int) else (answer[0], answer[1].type)

    def test_until_5(self) -> None:
        """Links are resolved, nothing need exist, nothing is said of it; no path ends with a slash but the root."""
        rows = (
            (b".", b"/"),
            (b"", b"/"),
            (b"/full/", b"/full"),
            (b"//full//./inner/..", b"/full"),
            (b"/to_full/inner", b"/full/inner"),
            (b"/none/none", b"/none/none"),
            (b"/dangling", b"/none"),
            (b"/../../file", b"/file"),
        )
        for session in self.sessions(UNTIL5):
            for path, found in rows:
                name, attributes = self.ask(path)
                self.assertEqual(name, found, path)
                expected = Attributes() if session.version == 3 else Attributes(type=UNKNOWN)
                self.assertEqual(attributes, expected)

    def test_no_check(self) -> None:
        """Nothing is looked at: no link is followed, and nothing is said."""
        for _ in self.sessions(SIX):
            for path in (b"/to_full/inner", b"/none/none", b"/dangling", b"/loop", b"/file/x"):
                self.assertEqual(self.ask(path), (path, Attributes(type=UNKNOWN)))

    def test_stat(self) -> None:
        """STAT_IF says what it can and never fails; STAT_ALWAYS says all of it, or fails."""
        rows: tuple[Any, ...] = (
            (b"/file", b"/file", REGULAR, None),
            (b"/to_full/inner", b"/full/inner", REGULAR, None),
            (b"/", b"/", DIRECTORY, None),
            (b"/none", b"/none", UNKNOWN, Status.NO_SUCH_FILE),
            (b"/none/none", b"/none/none", UNKNOWN, Status.NO_SUCH_FILE),
            (b"/dangling", b"/none", UNKNOWN, Status.NO_SUCH_FILE),
            (b"/file/x", b"/file/x", UNKNOWN, Status.NOT_A_DIRECTORY),
            (b"/loop", b"/loop", UNKNOWN, Status.LINK_LOOP),
        )
        for _ in self.sessions(SIX):
            for path, found, kind, failure in rows:
                self.assertEqual(self.told(path, STAT_IF), (found, kind), path)
                self.assertEqual(self.told(path, STAT_ALWAYS), (found, kind) if failure is None else failure, path)
            _, attributes = self.ask(b"/link", STAT_ALWAYS)
            self.assertEqual((attributes.size, attributes.permissions), (10, 0o644))

    def test_compose(self) -> None:
        """Paths are applied from left to right; an absolute one begins anew, and an empty one does nothing."""
        for _ in self.sessions(SIX):
            for path, compose, found in (
                (b"/full", (b"inner",), b"/full/inner"),
                (b"/full", (b"..", b"file"), b"/file"),
                (b"/none", (b"/full", b"inner"), b"/full/inner"),
                (b"/full", (b"", b"inner", b""), b"/full/inner"),
                (b"/", (b"..", b"..", b"x/"), b"/x"),
            ):
                for control in (NO_CHECK, STAT_IF):
                    self.assertEqual(self.ask(path, control, *compose)[0], found)
            self.assertEqual(self.told(b"/full", STAT_ALWAYS, b"inner"), (b"/full/inner", REGULAR))

    def test_hidden(self) -> None:
        """What the user may not know of looks as if it were missing."""
        self.begin(6, permissions={"/file": "read"})
        self.assertEqual(self.told(b"/full/inner", STAT_IF), (b"/full/inner", UNKNOWN))
        self.assertEqual(self.told(b"/full/inner", STAT_ALWAYS), Status.NO_SUCH_FILE)

    def test_other_control(self) -> None:
        """There is no other control byte: BAD_MESSAGE; without one nothing is looked at."""
        for session in self.sessions(SIX):
            head = bytes.fromhex("10 00000007 00000005") + b"/link"
            for tail, answer in ((b"", b"h"), (b"\x01", b"h"), (b"\x00", b"e"), (b"\x04", b"e"), (b"\xff", b"e")):
                packet = head + tail
                session.channel.send(len(packet).to_bytes(4, "big") + packet)
                session.client.pump()
                (reply,) = session.packets()
                self.assertEqual(reply[:1], answer)
                if answer == b"e":
                    self.assertEqual(int.from_bytes(reply[5:9], "big"), Status.BAD_MESSAGE)
                else:
                    self.assertIn(b"/link", reply)


class RenameTests(VersionsCase):
    """RENAME."""

    def rename(self, path: bytes, new_path: bytes, flags: int = 0) -> int:
        """Rename and return how it went."""
        return self.status(requests.Rename(path=path, new_path=new_path, flags=RenameFlag(flags)))

    def test_flags(self) -> None:
        """Each of the flags has a file replaced, whatever comes with it; bits that nobody knows do not."""
        for session in self.sessions(FROM5):
            for flags in range(1, 8):
                session.put("/new", b"%d" % flags)
                self.assertEqual(self.rename(b"/new", b"/file", flags), Status.OK)
                self.assertEqual(session.get("/file"), b"%d" % flags)
            session.put("/new", b"new")
            request = requests.Rename(path=b"/new", new_path=b"/file", flags=0x8)  # type: ignore[arg-type]
            self.check(request, Status.FILE_ALREADY_EXISTS)

    def test_directories(self) -> None:
        """A directory replaces an empty one; a link is renamed and replaced itself."""
        for session in self.sessions(FROM5):
            self.assertEqual(self.rename(b"/full", b"/empty", RenameFlag.OVERWRITE), Status.OK)
            self.assertEqual(session.get("/empty/inner"), b"inner")
            self.assertEqual(self.rename(b"/dangling", b"/link", RenameFlag.ATOMIC), Status.OK)
            reply: Any = session.request(requests.ReadLink(path=b"/link"))
            self.assertEqual(reply.entries[0].name, b"none")
            self.assertEqual(session.get("/file"), b"0123456789")

    def test_same_name(self) -> None:
        """Of a file to itself: nothing happens where it may be replaced."""
        for session in self.sessions(FROM5):
            self.assertEqual(self.rename(b"/file", b"/file", RenameFlag.OVERWRITE), Status.OK)
            self.assertEqual(session.get("/file"), b"0123456789")

    def test_permissions(self) -> None:
        """Who may rename and not write replaces nothing, in whatever way."""
        for flags in range(1, 8):
            self.begin(6, permissions={"/": "rename create list"})
            self.assertEqual(self.rename(b"/link", b"/file", flags), Status.PERMISSION_DENIED)

    def test_both_names(self) -> None:
        """After a hard link both names are of one file, and it is there until the last has gone."""
        for session in self.sessions():
            if session.version == 6:
                self.check(requests.Link(path=b"/second", target=b"/file", symbolic=False), Status.OK)
            else:
                self.check(extended.HardLink(path=b"/file", new_path=b"/second"), Status.OK)
            self.check(requests.Remove(path=b"/file"), Status.OK)
            self.assertEqual(session.get("/second"), b"0123456789")
            self.check(requests.MkDir(path=b"/file", attributes=NONE), Status.OK)


class HandledTests(SynchronousTestCase):
    """REALPATH where handlers are the file system."""

    def test_attributes(self) -> None:
        """What REALPATH of version 6 tells beside the path is what a handler of GetAttributes says."""

        def look(event: Any) -> None:
            if event.path == "/there":
                event.attributes = Attributes.of_file(size=7)
            if event.path == "/secret":
                raise SFTPError(Status.PERMISSION_DENIED)

        session: Any = MemorySession(SFTPAvatar("user"), version=6, protocol_version=6)
        session.server.on(GetAttributes, look)
        for control in (RealPath.STAT_IF, RealPath.STAT_ALWAYS):
            request = requests.RealPath(path=b"there", control=control)
            self.assertEqual(session.request(request).entries[0].attributes.size, 7)
        for path, status in ((b"none", Status.NO_SUCH_FILE), (b"secret", Status.PERMISSION_DENIED)):
            found = session.request(requests.RealPath(path=path, control=RealPath.STAT_IF)).entries[0]
            self.assertEqual((found.name, found.attributes.type), (b"/" + path, UNKNOWN))
            self.assertEqual(session.request(requests.RealPath(path=path, control=RealPath.STAT_ALWAYS)).status, status)
