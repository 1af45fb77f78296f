"""
Every record of every version: what is laid out is read as it was, and what is answered says what it should.

Requests are laid out by the tables, which `samples` prove; replies are read by hand (`reading`).
"""

import struct
from dataclasses import MISSING, fields
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.sftp.acl import ACL, Entry
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.codec import BadPacket, Codec
from conchsftp.sftp.extended import UnknownExtended
from conchsftp.sftp.fields import DATA, PATH, PATHS, REQUESTS
from conchsftp.sftp.handshake import read_init, write_version
from conchsftp.sftp.numbers import VERSIONS, Access, ACLFlag, EntryFlag, EntryType, FileType
from conchsftp.sftp.replies import (
    Attrs,
    Data,
    ExtendedReply,
    HandleReply,
    NameEntry,
    Names,
    Reply,
    StatusReply,
    UnknownPrincipal,
)
from conchsftp.sftp.statuses import CEILING, TEXTS, Status, lower
from conchsftp.testing import messages
from conchsftp.wire.kinds import BYTES, Fixed, Kind, Malformed
from tests.session.versions import Interpreter
from tests.sftp.reading import Packet, read
from tests.sftp.samples import SAMPLES
from tests.sftp.test_attributes import records

IDS = st.integers(0, 2**32 - 1)
BLOBS = st.binary(max_size=40)
TEXT_NAMES = st.text(max_size=10)
PATH_BYTES = BLOBS.filter(lambda path: 0 not in path)
BOUNDS = {letter: (1 << 8 * struct.calcsize(">" + letter)) - 1 for letter in "BHIQ?"} | {"?": 1}
SPELLED = [(layout, version) for layout in REQUESTS for version in layout.versions]
TIMES = ("atime", "create_time", "mtime", "ctime")


def values(kind: Kind[Any], version: int) -> st.SearchStrategy[Any]:
    """Return all values of a kind that a client can send: numbers up to their bounds, strings of any bytes."""
    if kind is DATA:
        return BLOBS.map(lambda data: [data])
    if kind is PATHS:
        return st.lists(PATH_BYTES, max_size=3).map(tuple)
    if kind.name == "attributes":
        return records(version)
    if isinstance(kind, Fixed):
        most = BOUNDS[kind.letter]
        numbers = st.integers(0, most) | st.sampled_from([0, 1, most - 1, most]) | st.integers(0, 9)
        return numbers.map(lambda number: _taken(kind, struct.pack(">" + kind.letter, number)))
    lengths = st.integers(0, 9).flatmap(lambda count: st.binary(min_size=4 * count, max_size=4 * count))
    return (PATH_BYTES if kind is PATH else BLOBS | lengths).map(lambda data: _taken(kind, BYTES.pack(data)))


def _taken(kind: Kind[Any], data: bytes) -> Any:
    try:
        return kind.unpack(data, 0)[0]
    except (Malformed, SFTPError):
        assume(False)


@st.composite
def requests(draw: Any, layout: Any, version: int) -> Any:
    """Return any request that a version can say: a field that it lacks is what its record has instead."""
    filled: dict[str, Any] = {}
    for field in layout.fields:
        if version in field.versions:
            value = draw(values(field.kind if isinstance(field.kind, Kind) else field.kind(version), version))
            filled.update(zip(field.names, value if len(field.names) == 2 else (value,), strict=True))
        elif field.default is not MISSING and field.names[0] not in filled:
            filled[field.names[0]] = field.default
    return layout.record(**filled)


class RequestTests(SynchronousTestCase):
    """Requests, from the client to the record."""

    @given(st.data(), st.sampled_from(SPELLED), IDS)
    def test_round_trip(self, data: Any, spelled: Any, number: int) -> None:
        """Whatever a client of a version can say of a request is understood as it was meant; nothing else is added."""
        layout, version = spelled
        request = data.draw(requests(layout, version))
        packet = messages.encode(number, request, version)[4:]
        self.assertEqual(Codec(version).decode([packet]), (number, request))

    @given(st.sampled_from(VERSIONS), IDS, BLOBS.filter(lambda name: name not in KNOWN), BLOBS)
    def test_unknown(self, version: int, number: int, name: bytes, data: bytes) -> None:
        """An extended request that is not known is handed on as it came."""
        request = UnknownExtended(name=name, data=data)
        self.assertEqual(Codec(version).decode([messages.encode(number, request, version)[4:]]), (number, request))

    @given(st.sampled_from(VERSIONS), st.sampled_from(SAMPLES), st.data())
    def test_damaged(self, version: int, sample: Any, data: Any) -> None:
        """A packet of which some bytes are others, more or fewer, is a request or a bad packet that is answered."""
        packet = bytearray(sample.packet)
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(5, len(packet)))
            packet[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
        try:
            self.assertEqual(Codec(version).decode([bytes(packet)])[0], 7)
        except BadPacket as problem:
            self.assertEqual(problem.request_id, 7)
            self.assertTrue(problem.text)
            self.assertLessEqual(problem.status, CEILING[version])

    def test_interpreter(self) -> None:
        """What the tests of operations say in version 3 means the same in the others."""
        for sample in (each for each in SAMPLES if 3 in each.versions):
            for version in VERSIONS:
                data = Interpreter(version).to_server(BYTES.pack(sample.packet))
                _, found = Codec(version).decode([data[4:]])
                for field in fields(sample.record):
                    meant, said = getattr(sample.record, field.name), getattr(found, field.name)
                    if isinstance(meant, Attributes):
                        said.type = meant.type
                    # Links are resolved everywhere, which has another name in version 6.
                    if field.name != "control":
                        self.assertEqual(said, meant, (version, sample.record))


KNOWN = {layout.name for layout in REQUESTS}


def acls() -> st.SearchStrategy[ACL]:
    """Return any access control list."""
    entries = st.builds(
        Entry,
        type=st.sampled_from(EntryType),
        flags=st.integers(0, 0x7F).map(EntryFlag),
        mask=st.integers(0, 0x1FF).map(Access),
        who=TEXT_NAMES,
    )
    return st.builds(ACL, flags=st.integers(0, 7).map(ACLFlag), entries=st.lists(entries, max_size=3).map(tuple))


@st.composite
def attributes(draw: Any) -> Attributes:
    """Return attributes of any choice, as a file system may tell them."""
    u32, u64, i64 = st.integers(0, 2**32 - 2), st.integers(0, 2**64 - 1), st.integers(-(2**63), 2**63 - 1)
    nanos = st.integers(0, 999_999_999)
    pairs = st.lists(st.tuples(BLOBS, BLOBS), max_size=2)
    known = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "type": st.sampled_from(FileType),
                **dict.fromkeys(("size", "allocation_size"), u64),
                **dict.fromkeys(("uid", "gid", "attrib_bits", "attrib_bits_valid", "link_count"), u32),
                **dict.fromkeys(("owner", "group", "mime_type"), TEXT_NAMES),
                "permissions": st.integers(0, 0o7777),
                **dict.fromkeys(TIMES, i64),
                **{name + "_ns": nanos for name in TIMES},
                "acl": acls(),
                "text_hint": st.integers(0, 255),
                "untranslated_name": BLOBS,
                "extended": pairs,
            },
        )
    )
    return Attributes(**known)


def said(known: Attributes, version: int) -> dict[str, Any]:
    """Return what a version says of attributes, by the names of `reading`: written from the drafts, field by field."""
    return _said_in_3(known) if version == 3 else _said_later(known, version)


_FORMATS = {1: 0o100000, 2: 0o40000, 3: 0o120000, 6: 0o140000, 7: 0o20000, 8: 0o60000, 9: 0o10000}
_LIKELY = {2: 0o755, 3: 0o777}


def _said_in_3(known: Attributes) -> dict[str, Any]:
    found: dict[str, Any] = {} if known.size is None else {"size": known.size}
    if known.uid is not None and known.gid is not None:
        found.update(uid=known.uid, gid=known.gid)
    bits = _FORMATS.get(known.type or 0, 0)
    if known.permissions is not None:
        found["mode"] = known.permissions | bits
    elif bits:
        found["mode"] = bits | _LIKELY.get(known.type or 0, 0o644)
    if known.atime is not None or known.mtime is not None:
        for name, other in (("atime", known.mtime), ("mtime", known.atime)):
            time = getattr(known, name)
            found[name] = min(max(other if time is None else time, 0), 2**32 - 1)
    return found if known.extended is None else {**found, "extended": known.extended}


def _said_later(known: Attributes, version: int) -> dict[str, Any]:
    newest = 9 if version > 4 else 5
    found: dict[str, Any] = {"type": 5 if known.type is None else int(known.type) if known.type <= newest else 4}
    everywhere = ("size", "permissions", "extended", *TIMES[:3])
    here = ("ctime", "allocation_size", "text_hint", "link_count", "untranslated_name") if version == 6 else ()
    found.update((name, getattr(known, name)) for name in (*everywhere, *here) if getattr(known, name) is not None)
    owners = [
        str(number) if name is None and number is not None else name or ""
        for name, number in ((known.owner, known.uid), (known.group, known.gid))
    ]
    if any(owners):
        found.update(zip(("owner", "group"), (name.encode() for name in owners), strict=True))
    there = [name for name in (*TIMES[:3], *here[:1]) if getattr(known, name) is not None]
    if any(getattr(known, name + "_ns") is not None for name in TIMES[: 4 if version == 6 else 3]):
        found.update((name + "_ns", getattr(known, name + "_ns") or 0) for name in there)
    if known.acl is not None:
        found["acl"] = _said_acl(known.acl, version)
    if known.attrib_bits is not None and version > 4:
        valid = 0xFFF if known.attrib_bits_valid is None else known.attrib_bits_valid
        # Version 5 has neither a word for what is valid nor a bit for names that could not be translated.
        found["attrib_bits"] = known.attrib_bits if version == 6 else known.attrib_bits & valid & 0x7FF
        if version == 6:
            found["attrib_bits_valid"] = valid
    if known.mime_type is not None and version == 6:
        found["mime_type"] = known.mime_type.encode()
    return found


def _said_acl(acl: ACL, version: int) -> bytes:
    entries = (
        struct.pack(">III", entry.type, entry.flags, entry.mask) + BYTES.pack(entry.who.encode())
        for entry in acl.entries
    )
    head = struct.pack(">I", acl.flags) if version == 6 else b""
    return head + struct.pack(">I", len(acl.entries)) + b"".join(entries)


class ReplyTests(SynchronousTestCase):
    """Replies, from the record to a client that was written by hand."""

    def said(self, version: int, number: int, reply: Reply, packet_type: int) -> Any:
        """Return the values of a reply as a client reads them."""
        found = read(Codec(version, clock=lambda: 0).encode(number, reply), version)
        self.assertEqual(found[:2], (packet_type, number))
        return found[2]

    @given(st.sampled_from(VERSIONS), IDS, attributes())
    @example(3, 0, Attributes())
    def test_attributes(self, version: int, number: int, known: Attributes) -> None:
        """Of any choice of attributes each version says those that it has, and no others; nothing is changed."""
        self.assertEqual(self.said(version, number, Attrs(attributes=known), 105), said(known, version))

    @given(st.sampled_from(VERSIONS), IDS, st.data(), st.booleans())
    def test_names(self, version: int, number: int, data: Any, end: bool) -> None:
        """Names come in their order, with what is known of each; only version 6 says that there are no more."""
        entries = data.draw(st.lists(st.tuples(BLOBS, BLOBS, st.none() | attributes()), min_size=1, max_size=3))
        reply = Names(entries=[NameEntry(*entry) for entry in entries], end_of_list=end)
        expected = [
            (name, line if version == 3 else None, said(known or Attributes(), version))
            for name, line, known in entries
        ]
        tail = b"\x01" if end and version == 6 else b""
        self.assertEqual(self.said(version, number, reply, 104), (expected, tail))

    @given(st.sampled_from(VERSIONS), IDS, BLOBS, st.booleans())
    def test_bytes(self, version: int, number: int, blob: bytes, end: bool) -> None:
        """Handles, data and what extended requests asked for are said as they are."""
        self.assertEqual(self.said(version, number, HandleReply(handle=blob), 102), blob)
        self.assertEqual(self.said(version, number, ExtendedReply(payload=blob), 201), blob)
        tail = b"\x01" if end and version == 6 else b""
        self.assertEqual(self.said(version, number, Data(data=blob, end_of_file=end), 103), (blob, tail))

    @given(st.sampled_from(VERSIONS), IDS, st.sampled_from(Status) | st.integers(0, 2**31), TEXT_NAMES)
    def test_status(self, version: int, number: int, status: int, text: str) -> None:
        """A status is one that the version has; its text is the one that was given, else the usual one."""
        code, message, language, rest = self.said(version, number, StatusReply(status=status, message=text), 101)
        self.assertEqual((code, language, rest), (lower(status, version), b"en", b""))
        self.assertLessEqual(code, CEILING[version])
        self.assertEqual(message.decode(), text or TEXTS.get(status, TEXTS[Status.FAILURE]))

    @given(st.sampled_from(VERSIONS), IDS, st.lists(TEXT_NAMES, max_size=3))
    def test_unknown_principal(self, version: int, number: int, names: list[str]) -> None:
        """Who is not known is said behind the status, in versions 5 and 6."""
        reply = UnknownPrincipal(status=Status.UNKNOWN_PRINCIPAL, names=tuple(names))
        *_, rest = self.said(version, number, reply, 101)
        expected = b"".join(BYTES.pack(name.encode()) for name in names)
        self.assertEqual(rest, expected if version > 4 else b"")


class HandshakeTests(SynchronousTestCase):
    """INIT and VERSION."""

    pairs = st.lists(st.tuples(BLOBS, BLOBS), max_size=4)

    @given(st.sampled_from(VERSIONS), pairs)
    def test_version(self, version: int, pairs: list[tuple[bytes, bytes]]) -> None:
        """VERSION has the version and its pairs, in their order, and no request id."""
        frame = write_version(version, pairs)
        packet = Packet(frame[4:], version)
        self.assertEqual(int.from_bytes(frame[:4], "big"), len(packet.data))
        self.assertEqual((packet.number("B"), packet.number("I")), (2, version))
        self.assertEqual([(packet.string(), packet.string()) for _ in pairs], pairs)
        self.assertEqual(packet.rest(), b"")

    @given(IDS, pairs, BLOBS)
    def test_init(self, version: int, pairs: list[tuple[bytes, bytes]], excess: bytes) -> None:
        """INIT is read as it was sent; what is garbled behind it does not matter."""
        data = struct.pack(">BI", 1, version) + b"".join(BYTES.pack(part) for pair in pairs for part in pair)
        self.assertEqual(read_init(data), (version, pairs))
        found, known = read_init(data + excess)
        self.assertEqual((found, known[: len(pairs)]), (version, pairs))

    @given(BLOBS)
    def test_noise(self, data: bytes) -> None:
        """Any bytes are INIT or a bad packet without an answer."""
        try:
            read_init(data)
        except BadPacket as problem:
            self.assertIsNone(problem.request_id)
