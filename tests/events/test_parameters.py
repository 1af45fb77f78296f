"""
The documented parameters of a file's attributes.
"""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.events import GetAttributes
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.numbers import FileType


def event(**attributes):
    return GetAttributes(1, "alice", "/a", attributes=Attributes(**attributes) if attributes else None)


class PlainTests(SynchronousTestCase):
    def test_absent(self):
        """What is not known is None, with and without a record; reading makes no record."""
        for each in (event(), event(size=1)):
            for name in ("file_type", "file_owner", "file_group", "file_permissions", "file_a_time"):
                self.assertIsNone(getattr(each, name), name)
        empty = event()
        self.assertIsNone(empty.other_attributes)
        self.assertIsNone(empty.attributes)

    def test_set_without_record(self):
        """Setting one makes the record."""
        each = event()
        each.file_size = 5
        self.assertEqual(each.attributes, Attributes(size=5))

    def test_fields(self):
        """Type, size, permissions and bits are the record's own."""
        each = event()
        each.file_type, each.file_size, each.file_permissions = 2, 7, 0o750
        each.file_attrib_bits, each.file_attrib_bits_valid = 1, 3
        self.assertIs(each.file_type, FileType.DIRECTORY)
        self.assertEqual(
            each.attributes,
            Attributes(type=FileType.DIRECTORY, size=7, permissions=0o750, attrib_bits=1, attrib_bits_valid=3),
        )
        each.file_type = None
        self.assertIsNone(each.file_type)

    def test_bits(self):
        """A bit that is set means something; what others mean stays, and where none was known they mean nothing."""
        each = event()
        each.file_attrib_bits = 4
        self.assertEqual(each.attributes, Attributes(attrib_bits=4, attrib_bits_valid=4))
        each.file_attrib_bits = 2
        self.assertEqual((each.file_attrib_bits, each.file_attrib_bits_valid), (2, 6))
        each.file_attrib_bits = None
        each.file_attrib_bits = 0
        self.assertEqual(each.attributes, Attributes(attrib_bits=0, attrib_bits_valid=6))
        for before, after in ((None, None), (8, 12)):
            each = event(attrib_bits=8, attrib_bits_valid=before)
            each.file_attrib_bits |= 4
            self.assertEqual(each.attributes, Attributes(attrib_bits=12, attrib_bits_valid=after))

    def test_unknown_type(self):
        """A number that is no file type is a mistake."""
        self.assertRaises(ValueError, setattr, event(), "file_type", 10)


class PrincipalTests(SynchronousTestCase):
    def test_number(self):
        """Digits are a number, which is what version 3 has."""
        each = event(uid=1000, gid=100)
        self.assertEqual((each.file_owner, each.file_group), ("1000", "100"))
        each.file_owner, each.file_group = "7", 8
        self.assertEqual(each.attributes, Attributes(uid=7, gid=8))

    def test_name(self):
        """A name stands before a number, and replaces it."""
        each = event(uid=1000, gid=100, owner="alice", group="users")
        self.assertEqual((each.file_owner, each.file_group), ("alice", "users"))
        each.file_owner = "bob"
        self.assertEqual((each.attributes.owner, each.attributes.uid), ("bob", None))
        each.file_owner = "42"
        self.assertEqual((each.attributes.owner, each.attributes.uid), (None, 42))
        # Digits elsewhere in the world are letters of a name.
        for name in ("\u0663", "", "-1", "4 2"):
            each.file_owner = name
            self.assertEqual((each.attributes.owner, each.attributes.uid), (name, None))

    def test_none(self):
        """None removes name and number."""
        each = event(uid=1, gid=2, owner="a", group="b")
        each.file_owner = each.file_group = None
        self.assertEqual(each.attributes, Attributes())


class MillisecondsTests(SynchronousTestCase):
    def test_read(self):
        """Times are whole milliseconds, rounded down, before 1970 as well."""
        for seconds, nanos, milliseconds in (
            (0, None, 0),
            (5, 0, 5000),
            (5, 999_999, 5000),
            (5, 1_999_999, 5001),
            (5, 999_999_999, 5999),
            (-1, None, -1000),
            (-1, 999_999_999, -1),
            (-2, 1_500_000, -1999),
        ):
            each = event(mtime=seconds, mtime_ns=nanos)
            self.assertEqual(each.file_m_time, milliseconds, (seconds, nanos))

    def test_write(self):
        """Milliseconds become seconds and nanoseconds; the nanoseconds are never negative."""
        for milliseconds, seconds, nanos in ((0, 0, 0), (5001, 5, 1_000_000), (-1, -1, 999_000_000), (-1000, -1, 0)):
            each = event()
            each.file_a_time = milliseconds
            self.assertEqual((each.attributes.atime, each.attributes.atime_ns), (seconds, nanos))

    def test_fraction(self):
        """A fraction of a millisecond is rounded toward minus infinity."""
        each = event()
        each.file_create_time = -0.5
        self.assertEqual((each.attributes.create_time, each.attributes.create_time_ns), (-1, 999_000_000))

    def test_same_time(self):
        """Setting the time that is there already loses no nanoseconds; setting another does."""
        each = event(mtime=5, mtime_ns=123_456_789)
        each.file_m_time = 5123
        self.assertEqual(each.attributes.mtime_ns, 123_456_789)
        each.file_m_time = 5124
        self.assertEqual(each.attributes.mtime_ns, 124_000_000)

    def test_none(self):
        """None removes the time."""
        each = event(mtime=5, mtime_ns=1)
        each.file_m_time = None
        self.assertEqual(each.attributes, Attributes())


class OthersTests(SynchronousTestCase):
    FULL = (
        "MIMEType=text/plain;AllocationSize=4096;ATimeNS=1;CreateTimeNS=2;MTimeNS=3;TextHint=1;LinkCount=2;"
        "UntranslatedName=a=b"
    )

    def record(self):
        return Attributes(
            mime_type="text/plain",
            allocation_size=4096,
            atime_ns=1,
            create_time_ns=2,
            mtime_ns=3,
            text_hint=1,
            link_count=2,
            untranslated_name=b"a=b",
        )

    def test_read(self):
        """All eight as `Name=Value`, those that are known."""
        self.assertEqual(GetAttributes(1, "a", "/a", attributes=self.record()).other_attributes, self.FULL)
        self.assertEqual(event(link_count=2).other_attributes, "LinkCount=2")
        self.assertEqual(event(size=1).other_attributes, "")

    def test_write(self):
        """The same text, in any case and with spaces, makes the same record."""
        for text in (self.FULL, self.FULL.replace("MIMEType", " mimetype").replace("TextHint", "TEXTHINT") + ";"):
            each = event()
            each.other_attributes = text
            self.assertEqual(each.attributes, self.record())

    def test_mapping(self):
        """A dict is taken as well."""
        each = event()
        each.other_attributes = {"LinkCount": 3, "MIMEType": "a;b"}
        self.assertEqual(each.attributes, Attributes(link_count=3, mime_type="a;b"))

    def test_replaced(self):
        """What is not named is removed, but for the nanoseconds of times."""
        each = event(link_count=2, mtime=5, mtime_ns=7)
        each.other_attributes = "TextHint=1"
        self.assertEqual(each.attributes, Attributes(text_hint=1, mtime=5, mtime_ns=7))
        each.other_attributes = ""
        self.assertEqual(each.attributes, Attributes(mtime=5, mtime_ns=7))

    def test_semicolon(self):
        """A text with `;` cannot be written, and is left out rather than torn apart."""
        self.assertEqual(event(mime_type="a;b", link_count=1).other_attributes, "LinkCount=1")

    def test_nanoseconds(self):
        """Nanoseconds refine the milliseconds; where they contradict them, the milliseconds win."""
        each = event()
        each.file_m_time = 5123
        each.other_attributes = "MTimeNS=123456789"
        self.assertEqual((each.attributes.mtime_ns, each.file_m_time), (123_456_789, 5123))
        each.other_attributes = "MTimeNS=999000000"
        self.assertEqual((each.attributes.mtime_ns, each.file_m_time), (123_456_789, 5123))

    def test_mistakes(self):
        """An unknown name, no `=`, or no number is a mistake, which changes nothing."""
        for text in ("Nothing=1", "LinkCount", "LinkCount=two"):
            each = event(link_count=7, mime_type="a")
            self.assertRaises(ValueError, setattr, each, "other_attributes", text)
            self.assertEqual(each.attributes, Attributes(link_count=7, mime_type="a"), text)
