"""The attributes of every version, both directions."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp.acl import ACL
from conchsftp.sftp.attribute_codec import attributes_kind, blank
from conchsftp.sftp.attribute_table import ROWS, known_flags, rows
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import VERSIONS, FileType
from conchsftp.wire.kinds import Malformed
from tests.sftp.acls import acls


def unhex(*layout):
    return bytes.fromhex(" ".join(layout))


def read(version, *layout):
    data = unhex(*layout)
    attributes, end = attributes_kind(version).unpack(data, 0)
    assert end == len(data), (end, len(data))
    return attributes


def write(version, **fields):
    return attributes_kind(version).pack(Attributes(**fields))


LAYOUTS = [
    (3, Attributes(), "00000000"),
    (3, Attributes(size=5), "00000001 0000000000000005"),
    (3, Attributes(uid=1, gid=2), "00000002 00000001 00000002"),
    (3, Attributes(type=FileType.DIRECTORY, permissions=0o755), "00000004 000041ed"),
    (3, Attributes(permissions=0o4755), "00000004 000009ed"),
    (3, Attributes(atime=1, mtime=0xFFFFFFFF), "00000008 00000001 ffffffff"),
    (3, Attributes(extended=[(b"a", b"bc")]), "80000000 00000001  00000001 61  00000002 6263"),
    (
        3,
        Attributes(type=FileType.REGULAR, size=5, uid=1, gid=2, permissions=0o644, atime=3, mtime=4),
        "0000000f 0000000000000005 00000001 00000002 000081a4 00000003 00000004",
    ),
    (4, Attributes(type=FileType.UNKNOWN), "00000000 05"),
    (4, Attributes(type=FileType.REGULAR, size=5, permissions=0o644), "00000005 01 0000000000000005 000001a4"),
    (4, Attributes(type=FileType.REGULAR, owner="me", group="us"), "00000080 01  00000002 6d65  00000002 7573"),
    (4, Attributes(type=FileType.REGULAR, group="us"), "00000080 01  00000000  00000002 7573"),
    (4, Attributes(type=FileType.REGULAR, mtime=-1), "00000020 01 ffffffffffffffff"),
    (
        4,
        Attributes(type=FileType.REGULAR, atime=1, atime_ns=2, mtime=-1, mtime_ns=500_000_000),
        "00000128 01  0000000000000001 00000002  ffffffffffffffff 1dcd6500",
    ),
    (4, Attributes(type=FileType.REGULAR, acl=ACL()), "00000040 01 00000004 00000000"),
    # filexfer-05, 5.8: one word.
    (5, Attributes(type=FileType.FIFO, attrib_bits=4, attrib_bits_valid=0x7FF), "00000200 09 00000004"),
    (6, Attributes(type=FileType.SOCKET, attrib_bits=4, attrib_bits_valid=5), "00000200 06 00000004 00000005"),
    (
        6,
        Attributes(
            type=FileType.REGULAR,
            size=5,
            allocation_size=4096,
            owner="me",
            group="us",
            permissions=0o600,
            atime=1,
            create_time=2,
            mtime=3,
            ctime=4,
            acl=ACL(),
            attrib_bits=1,
            attrib_bits_valid=2,
            text_hint=3,
            mime_type="a/b",
            link_count=7,
            untranslated_name=b"\xff",
            extended=[],
        ),
        "8000fefd 01",
        "0000000000000005 0000000000001000  00000002 6d65 00000002 7573  00000180",
        "0000000000000001 0000000000000002 0000000000000003 0000000000000004",
        "00000008 00000003 00000000  00000001 00000002  03  00000003 612f62  00000007  00000001 ff  00000000",
    ),
]


class LayoutTests(SynchronousTestCase):
    """Laid out by hand, both directions."""

    def test_read(self):
        """Attributes are read as they were laid out."""
        for version, attributes, *layout in LAYOUTS:
            self.assertEqual(read(version, *layout), attributes)

    def test_write(self):
        """Attributes are written as they were laid out."""
        for version, attributes, *layout in LAYOUTS:
            self.assertEqual(attributes_kind(version).pack(attributes), unhex(*layout), (version, attributes))

    def test_cut_short(self):
        """Attributes that end too early are malformed, wherever they end; flags that say that there are none do not."""
        for version, _, *layout in LAYOUTS:
            data = unhex(*layout)
            for length in range(len(data)):
                if data[:length] == bytes(4):
                    self.assertEqual(read(version, "00000000"), Attributes())
                    continue
                self.assertRaises(Malformed, attributes_kind(version).unpack, data[:length], 0)


class ReadTests(SynchronousTestCase):
    """What clients send that the drafts do not expect."""

    def test_type_bits(self):
        """The type bits of a mode are in `type`, never in `permissions`; libssh2 sends them when it creates."""
        self.assertEqual(read(3, "00000004 000081a4"), Attributes(type=FileType.REGULAR, permissions=0o644))
        self.assertEqual(read(6, "00000004 05 000081a4"), Attributes(type=FileType.UNKNOWN, permissions=0o644))

    def test_unknown_type(self):
        """A file type that no version knows is UNKNOWN."""
        for byte in ("00", "0a", "ff"):
            self.assertEqual(read(6, "00000000", byte).type, FileType.UNKNOWN)

    def test_unknown_flags(self):
        """A flag that the version does not know has fields of unknown length: malformed. Version 4 lacks 0x2."""
        for version in VERSIONS:
            for bit in range(32):
                if known_flags(version) >> bit & 1 or (version, bit) == (3, 5):
                    continue
                data = (1 << bit).to_bytes(4, "big") + bytes(99)
                self.assertRaises(Malformed, attributes_kind(version).unpack, data, 0)

    def test_flag_without_data(self):
        """One client sets version 4's modification time in version 3, and sends no data for it."""
        self.assertEqual(read(3, "00000021 0000000000000005"), Attributes(size=5))

    def test_only_nanoseconds(self):
        """The flag of the nanoseconds adds nothing where there is no time."""
        self.assertEqual(read(4, "00000101 01 0000000000000005"), Attributes(type=FileType.REGULAR, size=5))

    def test_too_many_nanoseconds(self):
        """A second has fewer than 1,000,000,000 nanoseconds; that many are malformed, one fewer is not."""
        self.assertEqual(read(4, "00000120 01 0000000000000001 3b9ac9ff").mtime_ns, 999_999_999)
        data = unhex("00000120 01 0000000000000001 3b9aca00")
        self.assertRaises(Malformed, attributes_kind(4).unpack, data, 0)

    def test_one_owner(self):
        """An empty owner and the user number -1 mean: leave as it is."""
        self.assertEqual(read(4, "00000080 05  00000002 6d65  00000000"), Attributes(type=FileType.UNKNOWN, owner="me"))
        self.assertEqual(read(3, "00000002 000003e8 ffffffff"), Attributes(uid=1000))

    def test_name_in_another_encoding(self):
        """An owner that is not UTF-8 survives."""
        owner = read(4, "00000080 05  00000001 ff  00000000").owner
        self.assertEqual(write(4, owner=owner), unhex("00000080 05  00000001 ff  00000000"))


class WriteTests(SynchronousTestCase):
    """What a version cannot say."""

    def test_type_without_permissions(self):
        """Version 3 has the type in the mode only, so a type that is known brings likely permissions along."""
        modes = {FileType.REGULAR: 0o100644, FileType.DIRECTORY: 0o40755, FileType.SYMLINK: 0o120777}
        for file_type, mode in modes.items():
            self.assertEqual(write(3, type=file_type), unhex("00000004") + mode.to_bytes(4, "big"))
        for file_type in (FileType.UNKNOWN, FileType.SPECIAL):
            self.assertEqual(write(3, type=file_type), unhex("00000000"))

    def test_every_type(self):
        """Each type has its bits in version 3, its number in 5 and 6; version 4 calls the newer ones SPECIAL."""
        formats = {1: "8000", 2: "4000", 3: "a000", 4: "0000", 5: "0000", 6: "c000", 7: "2000", 8: "6000", 9: "1000"}
        for file_type in FileType:
            self.assertEqual(write(3, type=file_type, permissions=0), unhex("00000004 0000", formats[file_type]))
            self.assertEqual(write(4, type=file_type)[4], min(file_type, 5) if file_type <= 5 else 4)
            self.assertEqual(write(5, type=file_type)[4], file_type)
            self.assertEqual(write(6, type=file_type)[4], file_type)

    def test_times_of_version_3(self):
        """Version 3 has 32 bits for a time, and one flag for both times; one that is missing is as the other."""
        self.assertEqual(write(3, atime=-5, mtime=1 << 40), unhex("00000008 00000000 ffffffff"))
        self.assertEqual(write(3, mtime=7), unhex("00000008 00000007 00000007"))
        self.assertEqual(write(3, atime=7), unhex("00000008 00000007 00000007"))

    def test_complete_and_out_of_range(self):
        """A record with all values, one of them out of range, is written like one with some."""
        fields = {"type": FileType.REGULAR, "size": 5, "uid": 1, "gid": 2, "permissions": 0o644, "mtime": 4}
        self.assertEqual(write(3, atime=-1, **fields), write(3, atime=0, **fields))

    def test_numbers_for_names(self):
        """Versions 4 to 6 have names only; where there are none, digits are sent."""
        self.assertEqual(write(4, uid=0, gid=10, owner="me"), unhex("00000080 05  00000002 6d65  00000002 3130"))
        self.assertEqual(write(4, uid=0), unhex("00000080 05  00000001 30  00000000"))

    def test_half_a_pair(self):
        """Version 3 sends both numbers or none."""
        self.assertEqual(write(3, uid=1), unhex("00000000"))

    def test_some_nanoseconds(self):
        """If one time has nanoseconds, all have; those that are not known are 0."""
        layout = "00000128 05  0000000000000001 00000000  0000000000000002 00000003"
        self.assertEqual(write(4, atime=1, mtime=2, mtime_ns=3), unhex(layout))

    def test_all_bits_valid(self):
        """Attribute bits of which nobody says which are valid all are."""
        self.assertEqual(write(6, attrib_bits=1), unhex("00000200 05 00000001 00000fff"))


class TableTests(SynchronousTestCase):
    """What must hold for all rows."""

    def test_masks(self):
        """The flags of each version are those of its draft."""
        masks = {3: 0x8000000F, 4: 0x800001FD, 5: 0x800003FD, 6: 0x8000FFFD}
        self.assertEqual({version: known_flags(version) for version in VERSIONS}, masks)

    def test_bits(self):
        """No flag stands for two rows in one version, and EXTENDED is the last."""
        for version in VERSIONS:
            bits = [row.bit for row in rows(version)]
            self.assertEqual(len(bits), len(set(bits)))
            self.assertEqual(bits[-1], 0x80000000)

    def test_every_field(self):
        """Every attribute of the record is in the table."""
        named = {name for row in ROWS for names, _ in row.values for name in names.split()}
        named |= {row.values[0][0] + "_ns" for row in ROWS if row.nanos}
        self.assertEqual(named, set(Attributes.__slots__))

    def test_blank(self):
        """`blank()` is `Attributes()`."""
        self.assertEqual(blank(), Attributes())


U32, U64, I64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.integers(-(2**63), 2**63 - 1)
IDS = st.integers(0, 2**32 - 2)
NAMES, BLOBS = st.text(min_size=1), st.binary(max_size=20)
PAIRS = st.lists(st.tuples(BLOBS, BLOBS), max_size=3)


def some(**strategies):
    """Any choice of the fields, each from its strategy."""
    return st.fixed_dictionaries({}, optional=strategies)


@st.composite
def records(draw, version):
    """Attributes that a version can say without loss."""
    fields = draw(some(size=U64, permissions=st.integers(0, 0o7777), extended=PAIRS))
    if version == 3:
        if draw(st.booleans()):
            fields.update(uid=draw(IDS), gid=draw(IDS))
        if draw(st.booleans()):
            fields.update(atime=draw(U32), mtime=draw(U32))
        types = st.sampled_from([FileType.REGULAR, FileType.DIRECTORY, FileType.SYMLINK, FileType.FIFO, None])
        fields["type"] = draw(types) if "permissions" in fields else None
        return Attributes(**fields)
    fields.update(draw(some(owner=NAMES, group=NAMES, atime=I64, create_time=I64, mtime=I64, acl=acls(version))))
    fields["type"] = draw(st.sampled_from([kind for kind in FileType if kind <= 5 or version > 4]))
    if version == 5 and draw(st.booleans()):
        fields.update(attrib_bits=draw(st.integers(0, 0x7FF)), attrib_bits_valid=0x7FF)
    if version == 6:
        fields.update(draw(some(allocation_size=U64, ctime=I64, text_hint=st.integers(0, 255), mime_type=st.text())))
        fields.update(draw(some(link_count=U32, untranslated_name=BLOBS)))
        if draw(st.booleans()):
            fields.update(attrib_bits=draw(U32), attrib_bits_valid=draw(U32))
    if draw(st.booleans()):
        for name in ("atime", "create_time", "mtime", "ctime"):
            if name in fields:
                fields[name + "_ns"] = draw(st.integers(0, 999_999_999))
    return Attributes(**fields)


class RoundTripTests(SynchronousTestCase):
    """Whatever is written is read back."""

    @given(st.data())
    def test_round_trip(self, data):
        """What a version can say comes back unchanged, with other bytes before and behind it."""
        for version in VERSIONS:
            record = data.draw(records(version))
            kind = attributes_kind(version)
            packed = kind.pack(record)
            self.assertEqual(kind.unpack(b"??" + packed + b"??", 2), (record, 2 + len(packed)))

    @given(st.sampled_from(VERSIONS), st.binary(max_size=200))
    def test_noise(self, version, data):
        """Any bytes are attributes or malformed; nothing else happens."""
        try:
            _, end = attributes_kind(version).unpack(data, 0)
        except Malformed:
            return
        self.assertLessEqual(end, len(data))
