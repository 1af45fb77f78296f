"""
How a session settles what it speaks: INIT, VERSION and version-select, and what both sides say of themselves.
"""

from struct import pack
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides, providedBy

from conchsftp import events
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.interfaces import INameCharset
from conchsftp.log import Detail
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.facts import FACTS
from conchsftp.sftp.numbers import VERSIONS
from conchsftp.sftp.statuses import Status, lower
from conchsftp.testing import MemorySession
from tests.session.support import (
    ATTRS,
    LSTAT,
    OPENDIR,
    READDIR,
    STATUS,
    extension,
    request,
    string,
    u32,
    u64,
)

ALL_VERSIONS = b"3,4,5,6"


class SpeakingCase(SynchronousTestCase):
    """A session with two files, and packets laid out by hand."""

    def open(self, version: int = 3, **settings: Any) -> MemorySession:
        """Return a session of a client that speaks up to a version."""
        files = settings.pop("files", None) or MemoryFileSystem()
        settings.setdefault("protocol_version", 6)
        session = MemorySession(SFTPAvatar("user", files=files), version=version, **settings)
        session.put("a", b"")
        again = MemorySession(server=session.server, version=version)
        self.addCleanup(again.cut)
        self.addCleanup(session.cut)
        return again

    def send(self, session: MemorySession, *packets: bytes) -> list[bytes]:
        """Send packets at once; return the replies, without their lengths."""
        session.channel.send(b"".join(packets))
        session.client.pump()
        return session.packets()

    def assert_status(self, packet: bytes, status: int, number: int = 1) -> None:
        """Check that a reply is a STATUS."""
        self.assertEqual(packet[:9], pack(">BII", STATUS, number, status), packet)

    def assert_ended(self, session: MemorySession, ended: bool = True) -> None:
        """Check whether the server has ended the channel."""
        self.assertEqual(session.channel.closed, ended)
        self.assertFalse(session.client.disconnected, "the connection is none of it")


def selecting(version: bytes, number: int = 1) -> bytes:
    """Lay out version-select."""
    return extension(b"version-select", number, string(version))


def looking(version: int, number: int, path: bytes = b"a") -> bytes:
    """Lay out LSTAT."""
    return request(LSTAT, number, string(path), *((u32(0),) if version > 3 else ()))


class InitTests(SpeakingCase):
    """What a client may begin with."""

    def greeted(self, *packets: bytes) -> tuple[list[bytes], MemorySession]:
        """Return what a client gets that begins with these packets."""
        session = self.open()
        session.channel = session.client.open_subsystem()
        return self.send(session, *packets), session

    def test_versions(self) -> None:
        """The higher of what both sides speak; a client below 3 is not served."""
        for theirs, expected in ((3, 3), (4, 4), (5, 5), (6, 6), (7, 6), (2**32 - 1, 6)):
            (packet,), session = self.greeted(string(b"\1" + u32(theirs)))
            self.assertEqual(packet[:5], b"\2" + u32(expected))
            self.assert_ended(session, False)
        for theirs in (0, 1, 2):
            found, session = self.greeted(string(b"\1" + u32(theirs)))
            self.assertEqual(found, [])
            self.assert_ended(session)

    def test_second(self) -> None:
        """A second INIT ends the channel: nobody can tell what its sender takes for agreed."""
        found, session = self.greeted(*2 * [string(b"\1" + u32(6))], looking(6, 1))
        self.assertEqual([packet[0] for packet in found], [2])
        self.assert_ended(session)

    def test_pairs(self) -> None:
        """What a client adds to INIT changes nothing, whatever it is."""
        for more in (string(b"ab") + string(b""), b"\0\0\0\x09a", b"\xff" * 1000):
            (packet,), session = self.greeted(string(b"\1" + u32(6) + more))
            self.assertEqual(packet[:5], b"\2" + u32(6))
            self.assert_ended(session, False)

    def test_size(self) -> None:
        """VERSION is far below 4 KiB in each version, for clients with small buffers."""
        for version in VERSIONS:
            (packet,), _ = self.greeted(string(b"\1" + u32(version)))
            self.assertLess(len(packet), 3072)

    def test_default(self) -> None:
        """Where only version 3 is spoken, clients hear what OpenSSH's server says, and none of these facts."""
        session = self.open(6, protocol_version=3)
        self.assertFalse(set(session.extensions) & {row.name for row in FACTS})


class SelectTests(SpeakingCase):
    """version-select (filexfer-13, 5.5)."""

    def test_told(self) -> None:
        """All versions are told where there is a choice, and as many as the setting and the client allow."""
        for version in VERSIONS:
            self.assertEqual(self.open(version).extensions[b"versions"], ALL_VERSIONS)
        self.assertEqual(self.open(4, protocol_version=4).extensions[b"versions"], b"3,4")
        quirks = "SSH-2.0-Memory* versions=5"
        session = MemorySession(
            protocol_version=6, client_quirks=[quirks], version=6, client={"version": b"SSH-2.0-Memory_1"}
        )
        self.assertEqual((session.version, session.extensions[b"versions"]), (5, b"3,4,5"))

    def test_every_choice(self) -> None:
        """From each version to each; what comes behind in the same data is read in the new one."""
        for old in VERSIONS:
            for new in VERSIONS:
                session = self.open(old)
                found = self.send(session, selecting(b"%d" % new), looking(new, 2), looking(new, 3, b"b"))
                self.assert_status(found[0], Status.OK)
                self.assertEqual(found[1][:5], pack(">BI", ATTRS, 2))
                flags = int.from_bytes(found[1][5:9], "big")
                self.assertEqual(bool(flags & 2), new == 3, "numbers of users are version 3's")
                self.assert_status(found[2], Status.NO_SUCH_FILE, 3)
                self.assert_ended(session, False)

    def test_names(self) -> None:
        """Names are what the new version says that they are: CodePage is for version 3 alone."""
        session = self.open(3, code_page=1252)
        session.server.on("DirCreate", lambda event: names.append(event.path))
        names: list[str] = []
        making = request(14, 2, string("ü".encode()), u32(0) + b"\5")
        self.send(session, selecting(b"6"), making)
        self.assertEqual(names[0], "/ü")

    def test_again(self) -> None:
        """Only once."""
        session = self.open()
        found = self.send(session, selecting(b"4"), selecting(b"5", 2), looking(5, 3))
        self.assert_status(found[0], Status.OK)
        self.assert_status(found[1], lower(Status.INVALID_PARAMETER, 4), 2)
        self.assertEqual(len(found), 2)
        self.assert_ended(session)

    def test_late(self) -> None:
        """Behind another request it is refused, and the channel ends; what was asked before is answered."""
        session = self.open()
        found = self.send(session, looking(3, 5), selecting(b"6"), looking(6, 7))
        self.assertEqual(found[0][:5], pack(">BI", ATTRS, 5))
        self.assert_status(found[1], lower(Status.INVALID_PARAMETER, 3))
        self.assertEqual(len(found), 2)
        self.assert_ended(session)

    def test_late_for_what_failed(self) -> None:
        """A request that was refused, or is none, has been one."""
        for first in (looking(3, 5, b"missing"), request(99, 5), extension(b"unknown", 5), request(LSTAT, 5)):
            session = self.open()
            found = self.send(session, first, selecting(b"6"))
            self.assertEqual([packet[4] for packet in found], [5, 1])
            self.assert_ended(session)

    def test_unknown(self) -> None:
        """A version that was not told, or no version, is refused, and the channel ends."""
        for name in (b"2", b"7", b"", b"06", b" 6", b"6\n", b"six", b"3,4", b"\xff", b"6" * 5000):
            session = self.open()
            found = self.send(session, selecting(name), looking(6, 2))
            self.assertEqual(len(found), 1, name)
            self.assert_status(found[0], lower(Status.INVALID_PARAMETER, 3))
            self.assert_ended(session)

    def test_garbled(self) -> None:
        """The same where it cannot be read at all."""
        for rest in (b"", b"\0", b"\0\0\0", u32(1), u32(2) + b"6", u32(0xFFFFFFFF)):
            session = self.open()
            found = self.send(session, extension(b"version-select", 1, rest), looking(6, 2))
            self.assertEqual(len(found), 1, rest)
            self.assert_status(found[0], lower(Status.INVALID_PARAMETER, 3))
            self.assert_ended(session)

    def test_not_told(self) -> None:
        """Where `versions` was not sent there is nothing to select."""
        session = self.open(6, protocol_version=3)
        found = self.send(session, selecting(b"3"), looking(3, 2))
        self.assertEqual(len(found), 1)
        self.assert_status(found[0], Status.OP_UNSUPPORTED)
        self.assert_ended(session)

    def test_excess(self) -> None:
        """Bytes behind the name are ignored, as behind every packet."""
        session = self.open()
        found = self.send(session, extension(b"version-select", 1, string(b"6"), b"more"), looking(6, 2))
        self.assert_status(found[0], Status.OK)
        self.assertEqual(found[1][0], ATTRS)

    def test_in_pieces(self) -> None:
        """However the bytes come."""
        session = self.open()
        data = selecting(b"6") + looking(6, 2)
        found = [packet for byte in data for packet in self.send(session, bytes([byte]))]
        self.assert_status(found[0], Status.OK)
        self.assertEqual(found[1][0], ATTRS)

    def test_handler_waits(self) -> None:
        """While a handler waits nothing that comes behind is read: it is of the version that is being chosen."""
        for phase in (True, False):
            session = self.open()
            waiting: Deferred[None] = Deferred()
            session.server.on(
                "ExtendedRequest",
                lambda event, waiting=waiting, phase=phase: waiting if event.before_exec is phase else None,
            )
            self.assertEqual(self.send(session, selecting(b"6"), looking(6, 2)), [])
            waiting.callback(None)
            found = self.send(session)
            self.assert_status(found[0], Status.OK)
            self.assertEqual((found[1][0], int.from_bytes(found[1][5:9], "big") & 2), (ATTRS, 0))

    def test_handler_refuses(self) -> None:
        """A handler that refuses it leaves the version as it is; but the client may have gone on: the channel ends."""
        for phase in (True, False):
            session = self.open()

            def deny(event: events.ExtendedRequest, phase: bool = phase) -> None:
                self.assertEqual(event.arguments, {"version": "6"})
                if event.before_exec is phase:
                    event.deny()

            session.server.on("ExtendedRequest", deny)
            found = self.send(session, selecting(b"6"), looking(6, 2))
            self.assertEqual(len(found), 1)
            self.assert_status(found[0], Status.PERMISSION_DENIED)
            self.assert_ended(session)

    def test_handler_takes_it(self) -> None:
        """A handler that says that it has done it has not: the session speaks what it says that it speaks."""

        def take(event: events.ExtendedRequest) -> None:
            event.handled = True

        session = self.open()
        session.server.on("ExtendedRequest", take)
        found = self.send(session, selecting(b"6"), looking(6, 2))
        self.assert_status(found[0], Status.OK)
        self.assertEqual((found[1][0], int.from_bytes(found[1][5:9], "big") & 2), (ATTRS, 0))
        session = self.open()
        session.server.on("ExtendedRequest", take)
        found = self.send(session, selecting(b"9"))
        self.assert_status(found[0], lower(Status.INVALID_PARAMETER, 3))
        self.assert_ended(session)

    def test_read_only(self) -> None:
        """A user who may change nothing may speak what they like."""
        session = self.open(read_only=False)
        session.server.read_only = True
        session = MemorySession(server=session.server)
        found = self.send(session, selecting(b"6"), looking(6, 2))
        self.assert_status(found[0], Status.OK)

    def test_listing(self) -> None:
        """Listings have the lines of version 3 before, and none afterwards."""
        session = self.open(3)
        found = self.send(session, selecting(b"6"), request(OPENDIR, 2, string(b"/")))
        handle = found[1][9:]
        (names,) = self.send(session, request(READDIR, 3, string(handle)))
        self.assertNotIn(b"rw-", names)


class AboutTests(SpeakingCase):
    """What both sides say of themselves."""

    def test_vendor(self) -> None:
        """The server says no more of itself than the line with which it greets everybody."""
        for line, product, version in (
            ("SSH-2.0-conchsftp_1.2", b"conchsftp", b"1.2"),
            ("SSH-2.0-conchsftp_1.2 at home", b"conchsftp", b"1.2"),
            ("SSH-2.0-conchsftp", b"conchsftp", b""),
            ("SSH-2.0-OpenSSH_9.9", None, None),
            ("SSH-2.0-x_conchsftp", None, None),
        ):
            told = self.open(6, server_ssh_version_string=line).extensions.get(b"vendor-id")
            expected = string(product) * 2 + string(version) + u64(0) if product is not None else None
            self.assertEqual(told, expected, line)

    def test_client(self) -> None:
        """A client may say who it is: that is OK, told or not, and in the log where requests are, short and escaped."""
        for version in VERSIONS:
            for detail in (Detail.INFO, Detail.VERBOSE):
                lines: list[str] = []
                session = self.open(version, log_level=detail)
                session.server.on("Log", lambda event, lines=lines: lines.append(event.message))
                names = string(b"Ev\nil\xff") + string("\u202ewe".encode()) + string(b"1" * 10_000)
                (packet,) = self.send(session, extension(b"vendor-id", 1, names, u64(7)))
                self.assert_status(packet, Status.OK)
                said = [line for line in lines if "the client is" in line]
                self.assertEqual(len(said), 1 if detail is Detail.VERBOSE else 0)
                for line in said:
                    self.assertTrue(line.isprintable() and line.isascii(), line)
                    self.assertIn("Ev\\nil", line)
                    self.assertLess(len(line), 400)

    def test_garbled_client(self) -> None:
        """What cannot be read of that is a bad message, and the session goes on."""
        session = self.open(6)
        found = self.send(session, extension(b"vendor-id", 1, string(b"a")), looking(6, 2))
        self.assert_status(found[0], Status.BAD_MESSAGE)
        self.assertEqual(found[1][0], ATTRS)

    def test_charset(self) -> None:
        """Names on a disk are taken for UTF-8: there is no other charset, and no translation to be turned off."""
        for version in VERSIONS:
            session = self.open(version)
            self.assertNotIn(b"filename-charset", session.extensions)
            for wanted in (b"\0", b"\1"):
                (packet,) = self.send(session, extension(b"filename-translation-control", 1, wanted))
                self.assert_status(packet, Status.OP_UNSUPPORTED)

    def test_other_charset(self) -> None:
        """A file system that says which other charset its names have is believed: clients may ask for these."""
        files = MemoryFileSystem()
        files.name_charset = "iso-8859-1"  # type: ignore[attr-defined]
        directlyProvides(files, providedBy(files), INameCharset)
        files.make_directory("/ü", Attributes())
        session = self.open(6, files=files)
        self.assertEqual(session.extensions[b"filename-charset"], b"iso-8859-1")
        utf, latin = "ü".encode(), "ü".encode("latin-1")
        found = self.send(
            session,
            looking(6, 1, utf),
            looking(6, 2, latin),
            extension(b"filename-translation-control", 3, b"\0"),
            looking(6, 4, utf),
            looking(6, 5, latin),
            extension(b"filename-translation-control", 6, b"\1"),
            looking(6, 7, utf),
        )
        self.assertEqual([packet[0] for packet in found], [ATTRS, STATUS, STATUS, STATUS, ATTRS, STATUS, ATTRS])
        self.assert_status(found[2], Status.OK, 3)
        self.assert_status(found[5], Status.OK, 6)


class MasksTests(SpeakingCase):
    """`supported` and `supported2` in a session."""

    def masks(self, version: int, **settings: Any) -> tuple[int, ...]:
        """Return the five numbers."""
        data = self.open(version, **settings).extensions[b"supported2" if version == 6 else b"supported"]
        return tuple(int.from_bytes(data[at : at + 4], "big") for at in range(0, 20, 4))

    def test_names(self) -> None:
        """The extended requests are those that are advertised, in the same order."""
        facts = {row.name for row in FACTS}
        for version, at, counts in ((5, 20, 0), (6, 28, 1)):
            session = self.open(version)
            named = [name for name in session.extensions if name not in facts]
            data = session.extensions[b"supported2" if version == 6 else b"supported"]
            expected = (u32(len(named)) if counts else b"") + b"".join(map(string, named))
            self.assertEqual(data[at:], expected)

    def test_policy(self) -> None:
        """What SetStatPolicy has the server ignore is not promised."""
        usual, less, least = (
            self.masks(6, set_stat_policy=policy)[0] for policy in ("apply", "ignore-mode-and-owner", "ignore-all")
        )
        self.assertEqual(usual & 0x1AD, 0x1AD)
        self.assertEqual(usual & ~less & 0xFF, 0x84)
        self.assertEqual(least & 0xFF, 1)

    def test_read_size(self) -> None:
        """What is promised of a READ is what limits@openssh.com promises."""
        session = self.open(6)
        (packet,) = self.send(session, extension(b"limits@openssh.com", 1))
        self.assertEqual(int.from_bytes(packet[13:21], "big"), self.masks(6)[4])
