"""
Every request has an operation, and every operation gives one reply, whatever happens.
"""

import dataclasses
from functools import partial
from struct import unpack_from
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.events import EVENTS, Event, EventHub, Phase
from conchsftp.events.own import ExtendedRequest, FileRequest
from conchsftp.interfaces import IAccounts, ISpace
from conchsftp.session.on_handles import Abandon
from conchsftp.session.operation import extended_row
from conchsftp.session.operations import OPERATIONS
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.sftp import fields
from conchsftp.sftp.codec import BadPacket, Codec
from conchsftp.sftp.extended import EXTENSIONS, UnknownExtended, VersionSelect, advertised
from conchsftp.sftp.fields import REQUESTS
from conchsftp.sftp.numbers import VERSIONS, PacketType
from conchsftp.sftp.statuses import Status
from conchsftp.wire.kinds import BYTES, U32
from tests.session.slow import SlowFileSystem
from tests.session.support import STATUS, Session, SessionCase, numbers, opening, request, string
from tests.session.versions import Interpreter, in_versions
from tests.sftp.samples import SAMPLES

# As on the wire, with the request id 7. A session ends with a version-select that is not its first request.
SENT = [sample for sample in SAMPLES if not isinstance(sample.record, VersionSelect)]


def wire(version: int) -> list[bytes]:
    """Return every request of a version."""
    return [string(sample.packet) for sample in SENT if version in sample.versions]


# What can come to an end.
ENDING = {"Read", "ReadDir", "CopyData", "TextSeek"}

# What may take long, as docs/semantics.md says: replies to others overtake its own.
SLOW = {
    "CopyData",
    "CopyFile",
    "TextSeek",
    "FSync",
    "MD5Hash",
    "MD5HashHandle",
    "CheckFileName",
    "CheckFileHandle",
    "CheckFile",
}

# What changes nothing, also where a file system is read-only.
ASKING = {
    "Abandon",
    "Close",
    "Read",
    "LStat",
    "FStat",
    "OpenDir",
    "ReadDir",
    "RealPath",
    "Stat",
    "ReadLink",
    "StatVFS",
    "FStatVFS",
    "FSync",
    "Limits",
    "ExpandPath",
    "HomeDirectory",
    "TextSeek",
    "UsersGroupsById",
    "MD5Hash",
    "MD5HashHandle",
    "CheckFileName",
    "CheckFileHandle",
    "CheckFile",
    "SpaceAvailable",
    "Unblock",
    "VersionSelect",
    "VendorId",
    "FilenameTranslationControl",
    "BadPacket",
    "UnknownExtended",
}


def _possible(conversation: Any, request: type[Any]) -> bool:
    return OPERATIONS[request].possible(conversation)


class TableTests(SynchronousTestCase):
    """The table."""

    def test_every_request(self) -> None:
        """Every request has an operation, and every operation a request that can come."""
        known = {layout.record for layout in REQUESTS}
        for layout in REQUESTS:
            self.assertIn(layout.record, OPERATIONS)
        self.assertEqual(set(OPERATIONS) - known, {BadPacket, UnknownExtended, Abandon})

    def test_every_sample(self) -> None:
        """The samples that these tests use are of every request of each version."""
        for version in VERSIONS:
            records = {type(Codec(version).decode([memoryview(packet)[4:]])[1]) for packet in wire(version)}
            known = {layout.record for layout in REQUESTS if version in layout.versions}
            self.assertEqual(records, known - {VersionSelect} | {UnknownExtended})

    def test_abilities(self) -> None:
        """What needs an ability is advertised with it, and not without."""
        for row in EXTENSIONS:
            ability = OPERATIONS[row.record].ability
            for abilities in (frozenset(), frozenset({"" if ability is None else ability.__name__})):
                settings = Settings(TABLE, temp_folder="/tmp")
                conversation = SimpleNamespace(abilities=abilities, settings=settings)
                pairs = advertised(row.versions[0], partial(_possible, conversation))
                self.assertEqual((row.name, row.told) in pairs, ability is None or bool(abilities), row.name)

    def test_mutating(self) -> None:
        """Every operation is refused to read-only users, but those that are known to change nothing."""
        changing = {request.__name__ for request, row in OPERATIONS.items() if row.mutates}
        self.assertEqual(changing, {request.__name__ for request in OPERATIONS} - ASKING)

    def test_shared(self) -> None:
        """What may overlap changes nothing."""
        for row in OPERATIONS.values():
            self.assertFalse(row.shared and (row.mutates or row.alone), row.request)

    def test_slow(self) -> None:
        """What may be overtaken is known; nothing is that must be the only one under way."""
        self.assertEqual({request.__name__ for request, row in OPERATIONS.items() if row.slow}, SLOW)
        self.assertFalse([row.request for row in OPERATIONS.values() if row.slow and row.alone])

    def test_events(self) -> None:
        """The event of an operation is one that can be listened to, or that of requests without."""
        for row in OPERATIONS.values():
            if row.event is not FileRequest:
                self.assertIs(EVENTS[row.event.__name__], row.event)
                self.assertIn(Phase.AFTER, row.event.phases)
            names = {name for cls in row.event.__mro__ for name in getattr(cls, "__slots__", ())}
            self.assertTrue(not row.result or row.result in names or hasattr(row.event, row.result), row.request)


class ExtendedTests(SynchronousTestCase):
    """What ExtendedRequest tells of a request: all that its record has, and nobody has to say it again."""

    def told(self, row: Any, record: Any) -> Any:
        """Return the event of a request."""
        handles = SimpleNamespace(get=lambda handle, kind: SimpleNamespace(path="/open"), path=lambda handle: "/to")
        conversation = SimpleNamespace(
            connection_id=1,
            user="u",
            fresh=True,
            handles=handles,
            path=lambda path: f"/{path.decode()}",
            settings=SimpleNamespace(temp_folder=""),
        )
        return row.announce(conversation, record)

    def test_all(self) -> None:
        """The name, what it is about, and each of the other fields as an argument."""
        seen = set()
        for record in (sample.record for sample in SAMPLES):
            row = OPERATIONS[type(record)]
            if row.event is not ExtendedRequest or type(record) is UnknownExtended:
                continue
            event = self.told(row, record)
            names = {field.name for field in dataclasses.fields(record)}
            self.assertEqual(event.request_name, fields.layout_of(type(record)).name.decode())
            # The folder for temporary files is none that the client names.
            self.assertEqual(bool(event.path), bool(names & {"path", "handle"}), record)
            self.assertEqual(bool(event.handle), "handle" in names, record)
            self.assertEqual(bool(event.target), bool(names & {"new_path", "target_handle"}), record)
            self.assertEqual(set(event.arguments), names - {"path", "handle", "new_path", "target_handle"})
            seen.add(type(record))
        telling = {request for request, row in OPERATIONS.items() if row.event is ExtendedRequest}
        self.assertEqual(seen, telling - {UnknownExtended})

    def test_new(self) -> None:
        """A request of another name needs its record and its row, and nothing else."""

        @fields.request(PacketType.EXTENDED, b"paint@example.com")
        class Paint:
            """A request that nobody knows."""

            path: bytes = fields.wire(fields.PATH)
            colours: list[bytes] = fields.wire(fields.WORDS)
            coats: int = fields.wire(U32)
            data: bytes = fields.wire(BYTES)

        self.addCleanup(REQUESTS.remove, fields.layout_of(Paint))
        row = extended_row(Paint, perform=lambda c, e, r: None, needs=None)
        event = self.told(row, Paint(path=b"a", colours=[b"red", b"\xff"], coats=2, data=b"\xff"))
        self.assertEqual((event.request_name, event.path), ("paint@example.com", "/a"))
        self.assertEqual(
            event.arguments, {"colours": ["red", "\N{REPLACEMENT CHARACTER}"], "coats": 2, "data": b"\xff"}
        )


class Able(SlowFileSystem):
    """A file system that has every ability, and raises from what it does not have."""

    def __init__(self, inner: Any, names: Any = ()) -> None:
        super().__init__(inner, names)
        self.file_abilities += (ISpace, IAccounts)


class Raising:
    """A file system with every ability; each call raises."""

    file_abilities = tuple(row.ability for row in OPERATIONS.values() if row.ability is not None)

    def __init__(self, problem: Any) -> None:
        self._problem = problem

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._raise

    def extensions(self, version: int, offered: Any) -> dict[bytes, bytes]:
        """Return nothing: no request asks for it."""
        return {}

    def _raise(self, *args: Any) -> Any:
        raise self._problem


@in_versions()
class OneReplyTests(SessionCase):
    """Every request, in every situation: one reply, with its id."""

    def check(self, session: Session, *before: bytes) -> None:
        """Send everything, each in a turn of its own, after what makes its handle valid."""
        session.ask(*before)
        session.literal()
        for packet in wire(self.version):
            with self.subTest(packet=packet.hex()):
                self.assertEqual(numbers(session.ask(packet)), [7])
        self.assertEqual(session.channel.credited, session.fed)
        self.assertFalse(session.subsystem.busy)
        self.assertEqual((session.channel.ended, session.channel.late), (False, []))

    def begin_with_handle(self, files: Any = None, **settings: Any) -> Session:
        """Begin a session in which whatever is opened has the handle of the samples, if it is not in use."""
        session = self.begin(files, **settings)
        handles = session.conversation.handles
        others = iter(range(1000))
        handles.free = lambda: b"%d" % next(others) if handles.path(b"abcd") else b"abcd"
        return session

    def test_stale_handles(self) -> None:
        """Handles that were never given, names that do not exist."""
        self.check(self.begin())

    def test_valid(self) -> None:
        """Handles of a file and of a directory."""
        for kind in (opening(b"/ab", 1, 0x0B), request(11, 1, string(b"/home"))):
            self.check(self.begin_with_handle(), kind)

    def test_refused(self) -> None:
        """Everything is refused by a handler."""
        for problem in (SFTPError(Status.PERMISSION_DENIED), ZeroDivisionError()):
            events = EventHub()
            for event in {row.event for row in OPERATIONS.values()} - {FileRequest}:
                events.on(event, lambda event, problem=problem: _raise(problem))
            session = self.begin(events=events)
            self.check(session)
            for packet in wire(self.version)[5:]:
                self.assertIn(session.ask(packet)[0][0], (STATUS, 104, 201))
        self.assertGreater(len(self.flushLoggedErrors(ZeroDivisionError)), 20)

    def test_end_of_nothing(self) -> None:
        """EOF is told of what can end; from everything else it is a failure, whoever raised it."""
        session = self.begin(Raising(SFTPError(Status.EOF, "Over"))).literal()
        told = set()
        for packet in wire(self.version):
            reply = session.ask(packet)[0]
            if reply[0] == STATUS and unpack_from(">I", reply, 5)[0] == Status.EOF:
                told.add(type(Codec(self.version).decode([memoryview(packet)[4:]])[1]))
        self.assertEqual(told, set())
        for row in OPERATIONS.values():
            reply = session.subsystem._pipeline.reply(row, FileRequest(1, "user", status_code=Status.EOF), None)
            self.assertEqual(reply.status == Status.EOF, row.request.__name__ in ENDING, row.request)

    def test_failing(self) -> None:
        """A file system that fails, deliberately or not, at once."""
        for problem in (SFTPError(Status.FILE_CORRUPT, "Rotten"), OSError(5, "no"), ValueError("no"), CancelledError()):
            self.check(self.begin(Raising(problem)))
            self.flushLoggedErrors(ValueError, CancelledError)

    def test_useless(self) -> None:
        """A file system that returns nothing where something is expected."""

        class Useless(Raising):
            """Returns None."""

            def _raise(self, *args: Any) -> Any:
                return None

        self.check(self.begin(Useless(None)))
        self.flushLoggedErrors()

    def test_slow(self) -> None:
        """Everything in one go, and every call waits."""
        files = Able(self.files, None)
        session = self.begin(files).literal()
        session.feed(*wire(self.version))
        files.gate.release_all()
        self.assertEqual(numbers(session.replies()), [7] * len(wire(self.version)))
        self.assertEqual(session.channel.credited, session.fed)
        self.assertFalse(session.subsystem.busy)
        self.flushLoggedErrors()

    def test_failing_slowly(self) -> None:
        """Everything in one go, and every call fails after a wait."""
        files = Able(self.files, None)
        session = self.begin(files).literal()
        session.feed(*wire(self.version))
        while files.gate.waiting:
            files.gate.fail(OSError(5, "no"))
        self.assertEqual(numbers(session.replies()), [7] * len(wire(self.version)))
        self.assertEqual(session.channel.credited, session.fed)
        self.flushLoggedErrors()

    def test_read_only(self) -> None:
        """For a read-only user nothing changes, and what would change something is refused."""
        before = self.files.stat("/"), self.files.stat("/home/a"), self.files.get("/home/a")
        session = self.begin_with_handle(read_only=True, temp_folder="/")
        self.check(session, opening(b"/home/a", 1, 1))
        for packet in wire(self.version):
            session.ask(Interpreter(self.version).to_server(opening(b"/home/a", 1, 1)))
            asked = Codec(self.version).decode([memoryview(packet)[4:]])[1]
            if OPERATIONS[type(asked)].changes(asked):
                self.assert_status(self.one(packet), Status.PERMISSION_DENIED, 7)
        self.assertEqual((self.files.stat("/"), self.files.stat("/home/a"), self.files.get("/home/a")), before)


@in_versions()
class UnableTests(SessionCase):
    """A file system that cannot do something."""

    def test_without_abilities(self) -> None:
        """What needs an ability is OP_UNSUPPORTED where it is missing, whatever its arguments."""
        session = self.begin(Raising(AssertionError("called"))).literal()
        session.conversation.abilities = frozenset()
        for packet in wire(self.version):
            row = OPERATIONS[type(Codec(self.version).decode([memoryview(packet)[4:]])[1])]
            if row.ability is not None and row.files.__name__ not in ("by_handle", "_by_both_handles"):
                with self.subTest(request=row.request.__name__):
                    self.assert_status(self.one(packet), Status.OP_UNSUPPORTED, 7)

    def test_told(self) -> None:
        """Handlers see the failure."""
        events = EventHub()
        seen: list[Event] = []
        events.on("LinkCreate", seen.append)
        session = self.begin(events=events)
        session.conversation.abilities = frozenset()
        self.assert_status(self.one(request(20, 1, string(b"a"), string(b"b"))), Status.OP_UNSUPPORTED)
        self.assertEqual(len(seen), 2)


def _raise(problem: Exception) -> None:
    raise problem
