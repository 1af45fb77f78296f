"""
Every kind of reply in every version, laid out by hand from the drafts.
"""

from typing import Any, get_args

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.codec import Codec
from conchsftp.sftp.numbers import FROM5, UNTIL5, V3, V4, V5, V6, VERSIONS, AttribBit, FileType
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
from conchsftp.sftp.statuses import Status

UNTIL4 = range(3, 5)

FULL = Attributes(
    type=FileType.REGULAR,
    size=5,
    allocation_size=0x1000,
    uid=1,
    gid=2,
    owner="a",
    group="b",
    permissions=0o644,
    atime=3,
    atime_ns=1,
    create_time=-2,
    mtime=4,
    mtime_ns=5,
    ctime=6,
    ctime_ns=7,
    attrib_bits=AttribBit.HIDDEN,
    attrib_bits_valid=AttribBit.HIDDEN | AttribBit.READONLY,
    text_hint=1,
    mime_type="t/p",
    link_count=2,
    untranslated_name=b"\xff",
    extended=[(b"n", b"v")],
)
# filexfer-02, 5: SIZE, UIDGID, PERMISSIONS with the type, ACMODTIME, EXTENDED.
FULL_3 = "8000000f 0000000000000005 00000001 00000002 000081a4 00000003 00000004  00000001 00000001 6e 00000001 76"
# filexfer-04, 5: SIZE, OWNERGROUP, PERMISSIONS, ACCESSTIME, CREATETIME and MODIFYTIME with SUBSECOND_TIMES.
OWNED = "00000001 61 00000001 62 000001a4"
TIMES = "0000000000000003 00000001 fffffffffffffffe 00000000 0000000000000004 00000005"
EXTENDED = "00000001 00000001 6e 00000001 76"
FULL_4 = f"800001bd 01 0000000000000005 {OWNED} {TIMES} {EXTENDED}"
# filexfer-05, 5.8: one word of BITS.
FULL_5 = f"800003bd 01 0000000000000005 {OWNED} {TIMES} 00000004 {EXTENDED}"
# filexfer-13, 7: ALLOCATION_SIZE behind the size, CTIME behind the times; two words of BITS, TEXT_HINT, MIME_TYPE,
# LINK_COUNT and UNTRANSLATED_NAME.
FULL_6 = (
    f"8000ffbd 01 0000000000000005 0000000000001000 {OWNED} {TIMES} 0000000000000006 00000007"
    f" 00000004 00000005 01 00000003 742f70 00000002 00000001 ff {EXTENDED}"
)
FULL_OF = {3: FULL_3, 4: FULL_4, 5: FULL_5, 6: FULL_6}

# "What is known of it": nothing; from version 4 on with the type UNKNOWN.
NOTHING_OF = {3: "00000000", 4: "00000000 05", 5: "00000000 05", 6: "00000000 05"}

ENTRY = NameEntry(b"f", b"line", FULL)
PATH = NameEntry(b"/p", b"/p", None)
NAMED, LINE = "00000001 66", "00000004 6c696e65"

UNKNOWN = UnknownPrincipal(status=Status.UNKNOWN_PRINCIPAL, message="who", names=("x", "yz"))

SAMPLES: tuple[tuple[range, Any, str], ...] = (
    (VERSIONS, HandleReply(handle=b"abcd"), "66 00000007 00000004 61626364"),
    (VERSIONS, Data(data=b"hello"), "67 00000007 00000005 68656c6c6f"),
    (UNTIL5, Data(data=b"hello", end_of_file=True), "67 00000007 00000005 68656c6c6f"),
    (V6, Data(data=b"hello", end_of_file=True), "67 00000007 00000005 68656c6c6f 01"),
    *((range(v, v + 1), Attrs(attributes=FULL), f"69 00000007 {FULL_OF[v]}") for v in VERSIONS),
    (V3, Names(entries=[ENTRY]), f"68 00000007 00000001 {NAMED} {LINE} {FULL_3}"),
    (V4, Names(entries=[ENTRY]), f"68 00000007 00000001 {NAMED} {FULL_4}"),
    (V5, Names(entries=[ENTRY]), f"68 00000007 00000001 {NAMED} {FULL_5}"),
    (V6, Names(entries=[ENTRY]), f"68 00000007 00000001 {NAMED} {FULL_6}"),
    (V5, Names(entries=[ENTRY, ENTRY], end_of_list=True), f"68 00000007 00000002 {f'{NAMED} {FULL_5}' * 2}"),
    (V6, Names(entries=[ENTRY, ENTRY], end_of_list=True), f"68 00000007 00000002 {f'{NAMED} {FULL_6}' * 2} 01"),
    (V3, Names(entries=[PATH]), f"68 00000007 00000001 00000002 2f70 00000002 2f70 {NOTHING_OF[3]}"),
    *(
        (range(v, v + 1), Names(entries=[PATH]), f"68 00000007 00000001 00000002 2f70 {NOTHING_OF[v]}")
        for v in range(4, 7)
    ),
    (
        VERSIONS,
        StatusReply(status=Status.FAILURE, message="no", language="fr"),
        "65 00000007 00000004 00000002 6e6f 00000002 6672",
    ),
    (UNTIL4, UNKNOWN, "65 00000007 00000004 00000003 77686f 00000002 656e"),
    # "error-specific data" behind the language: the names (filexfer-05, 7; filexfer-13, 9.1).
    (FROM5, UNKNOWN, "65 00000007 00000010 00000003 77686f 00000002 656e 00000001 78 00000002 797a"),
    (VERSIONS, ExtendedReply(payload=b"\x00\x01"), "c9 00000007 0001"),
)


class LaidOutTests(SynchronousTestCase):
    """Replies as they lie on the wire."""

    def test_samples(self) -> None:
        """Each reply is laid out as the draft of the version says."""
        for versions, reply, layout in SAMPLES:
            expected = bytes.fromhex(layout)
            for version in versions:
                packet = Codec(version).encode(7, reply)
                self.assertEqual(packet[:4], len(expected).to_bytes(4, "big"), (version, reply))
                self.assertEqual(packet[4:].hex(), expected.hex(), (version, reply))

    def test_complete(self) -> None:
        """Every kind of reply is laid out in every version."""
        laid_out = {(type(reply), version) for versions, reply, _ in SAMPLES for version in versions}
        self.assertEqual(
            {(kind, version) for kind in (*get_args(Reply), UnknownPrincipal) for version in VERSIONS} - laid_out, set()
        )
