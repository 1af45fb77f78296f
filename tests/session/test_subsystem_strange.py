"""
What no draft foresees and clients send all the same: each has exactly one reply, or ends the channel.
"""

from twisted.internet.defer import Deferred

from conchsftp.events import EventHub, ExtendedRequest
from conchsftp.sftp.fields import REQUESTS
from conchsftp.sftp.numbers import PacketType
from conchsftp.sftp.requests import RealPath
from conchsftp.sftp.statuses import Status
from tests.session.slow import SlowFileSystem
from tests.session.support import (
    ATTRS,
    HANDLE,
    LSTAT,
    STAT,
    STATUS,
    Session,
    SessionCase,
    extension,
    greeting,
    numbers,
    opening,
    request,
    string,
    string_at,
    unhex,
)
from tests.session.versions import Interpreter, in_versions
from tests.sftp.samples import SAMPLES

ROOT = request(LSTAT, 7, string(b"/"))


@in_versions()
class UnknownTests(SessionCase):
    """Requests and extended requests of nobody, or of other versions and servers."""

    def test_every_type(self) -> None:
        """Every packet type that is no request of the version is OP_UNSUPPORTED, with whatever body; INIT aside."""
        known = {layout.type for layout in REQUESTS if self.version in layout.versions}
        self.session.literal()
        for kind in set(range(256)) - known - {PacketType.INIT, PacketType.EXTENDED}:
            for body in (b"", b"\0", string(b"/"), b"\xff" * 40):
                with self.subTest(kind=kind, body=body):
                    self.assert_status(self.one(request(kind, 9, body)), Status.OP_UNSUPPORTED, 9)
        self.assertEqual(self.one(Interpreter(self.version).to_server(ROOT))[0], ATTRS)

    def test_extensions_of_others(self) -> None:
        """What other servers have and this one does not advertise is OP_UNSUPPORTED, and the session goes on."""
        for name, body in (
            (b"filename-translation-control", b"\1"),
            (b"text-seek@example.com", string(b"0") + bytes(8)),
            (b"ranges@asyncssh.com", string(b"0") + bytes(16)),
            (b"posix-rename@openssh.org", string(b"/a") + string(b"/b")),
            (b"fs-roots@vandyke.com", b""),
        ):
            with self.subTest(name=name):
                self.assert_status(self.one(extension(name, 9, body)), Status.OP_UNSUPPORTED, 9)
        self.assertEqual(self.one(ROOT)[0], ATTRS)

    def test_longest_name(self) -> None:
        """The name of an extended request may fill the packet; one that leads outside of it is BAD_MESSAGE."""
        self.assert_status(self.one(extension(b"x" * 200_000, 9)), Status.OP_UNSUPPORTED, 9)
        self.assert_status(self.one(request(PacketType.EXTENDED, 9, b"\xff\xff\xff\xff")), Status.BAD_MESSAGE, 9)

    def test_told(self) -> None:
        """Handlers see an unknown extended request by its name; the client has one reply, whenever they are done."""
        events = EventHub(clock=None)
        turn: Deferred[None] = Deferred()
        seen: list[str] = []
        events.on(ExtendedRequest, lambda event: (seen.append(event.request_name), turn)[1])
        self.begin(events=events)
        self.assertEqual(self.session.ask(extension(b"nobody@example.com", 8), ROOT), [])
        turn.callback(None)
        replies = self.session.replies()
        self.assertEqual(numbers(replies), [8, 7])
        self.assert_status(replies[0], Status.OP_UNSUPPORTED, 8)
        self.assertEqual(set(seen), {"nobody@example.com"})


@in_versions()
class ExcessTests(SessionCase):
    """Bytes behind the last field: "MUST ignore excess data" (filexfer-13, 4); version 3 does as well."""

    def test_every_request(self) -> None:
        """Every request is answered as without them, once."""
        for sample in SAMPLES:
            # REALPATH of version 6 ends with as many paths as there are.
            if self.version not in sample.versions or (self.version == 6 and isinstance(sample.record, RealPath)):
                continue
            for excess in (b"\0", b"\xff\xff\xff\xff", b"excess" * 50):
                with self.subTest(request=type(sample.record).__name__, excess=excess):
                    replies = []
                    for more in (b"", excess):
                        self.setUp()
                        self.session.literal()
                        replies.append(self.one(string(sample.packet + more)))
                    self.assertEqual(numbers(replies), [7, 7])
                    self.assertEqual(replies[0], replies[1])


@in_versions()
class AgainTests(SessionCase):
    """INIT that comes again, and before it."""

    def test_with_requests_under_way(self) -> None:
        """A second INIT ends the channel; what was asked before it is answered first, what follows it is not."""
        for again in (greeting(self.version), unhex("01 00000006"), unhex("01 00000003 00000001 61 00000001 62")):
            files = SlowFileSystem(self.files, ["stat"])
            session = self.begin(files)
            stat = request(STAT, 256, string(b"a"))
            self.assertEqual(session.ask(stat, ROOT, again, ROOT), [])
            self.assertEqual(session.ask(ROOT), [])
            files.gate.release_all()
            replies = session.replies()
            self.assertEqual(numbers(replies), [256, 7])
            self.assertEqual([reply[0] for reply in replies], [ATTRS, ATTRS])
            self.assertEqual((session.channel.ended, session.channel.late), (True, []))
            self.assertEqual(session.ask(ROOT), [])

    def test_in_one_packet_with_the_first(self) -> None:
        """Two INITs in one go have one VERSION."""
        session = Session(version=self.version)
        init = greeting(self.version)
        self.assertEqual([reply[0] for reply in session.ask(init, init, ROOT)], [PacketType.VERSION])
        self.assertTrue(session.channel.ended)

    def test_before(self) -> None:
        """Whatever comes before INIT ends the channel without a word, whole or in pieces."""
        for sample in SAMPLES:
            session = Session(version=self.version)
            packet = string(sample.packet)
            self.assertEqual(session.ask(packet[:3]) + session.ask(packet[3:], greeting(self.version), ROOT), [])
            self.assertEqual((session.channel.ended, bytes(session.channel.sent)), (True, b""))


@in_versions()
class SameNumberTests(SessionCase):
    """Request ids that are used again (PuTTY: always 256)."""

    def test_handles(self) -> None:
        """Two files opened under one id have two handles, also where both opens were under way."""
        for names in ([], ["open"]):
            files = SlowFileSystem(self.files, names)
            session = self.begin(files)
            session.feed(opening(b"a", 256), opening(b"a", 256))
            files.gate.release_all()
            replies = session.replies()
            self.assertEqual(
                [(reply[0], number) for reply, number in zip(replies, numbers(replies), strict=True)],
                [(HANDLE, 256)] * 2,
            )
            self.assertNotEqual(string_at(replies[0], 5), string_at(replies[1], 5))

    def test_mixed(self) -> None:
        """Of requests of all kinds under one id each has its reply, in its place, refused or not."""
        replies = self.session.ask(
            request(LSTAT, 256, string(b"/")),
            request(LSTAT, 256),
            request(99, 256),
            request(STAT, 256, string(b"none")),
            extension(b"nobody@example.com", 256),
            request(LSTAT, 256, string(b"/")),
        )
        self.assertEqual(numbers(replies), [256] * 6)
        self.assertEqual([reply[0] for reply in replies], [ATTRS, STATUS, STATUS, STATUS, STATUS, ATTRS])
