"""Access control lists on the wire, versions 4 to 6."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.sftp.acl import ACL, CONTROL, LONGEST_WHO, MOST_ENTRIES, PLAIN, WITH_FLAGS, Entry
from conchsftp.sftp.numbers import Access, ACLFlag, EntryFlag, EntryType
from conchsftp.sftp.statuses import Status
from conchsftp.wire.kinds import Malformed
from tests.sftp.acls import acls

LISTS = [
    (ACL(), "00000000"),
    (
        ACL(
            entries=(
                Entry(mask=Access.READ_DATA | Access.READ_ACL, who="OWNER@"),
                Entry(
                    type=EntryType.DENIED,
                    flags=EntryFlag.IDENTIFIER_GROUP | EntryFlag.INHERIT_ONLY,
                    mask=Access.EXECUTE,
                    who="us",
                ),
            )
        ),
        "0000000200000000 00000000 00020001 00000006 4f574e45524000000001 00000048 00000020 00000002 7573",
    ),
]
"""Each with its entries as they lie on the wire, in every version."""


def counted(*layout):
    """Return laid-out bytes, with their length before them."""
    data = bytes.fromhex("".join(layout))
    return len(data).to_bytes(4, "big") + data


def entry(kind="00000000", flags="00000000", mask="00000000", who=b"me"):
    """Return one entry as hex."""
    return kind + flags + mask + (len(who).to_bytes(4, "big") + who).hex()


class LayoutTests(SynchronousTestCase):
    """Laid out by hand, both directions (filexfer-04, 5.7; filexfer-13, 7.8)."""

    def test_plain(self):
        """Versions 4 and 5 have a number of entries, then these."""
        for acl, layout in LISTS:
            self.assertEqual(PLAIN.pack(acl), counted(layout))
            self.assertEqual(PLAIN.unpack(counted(layout), 0), (acl, len(counted(layout))))

    def test_with_flags(self):
        """Version 6 has flags before them."""
        for acl, layout in LISTS:
            self.assertEqual(WITH_FLAGS.pack(acl), counted("00000003", layout))
            self.assertEqual(WITH_FLAGS.unpack(counted("00000003", layout), 0)[0], acl)
        self.assertEqual(WITH_FLAGS.unpack(counted("00000031 00000000"), 0)[0].flags, ACLFlag(0x31))

    def test_flags_of_old_versions(self):
        """A list of version 4 or 5 is one that is there and says who may do what."""
        self.assertEqual(PLAIN.unpack(counted("00000000"), 0)[0].flags, CONTROL)

    def test_cut_short(self):
        """A list that ends too early is malformed, wherever it ends; and so is one with something behind it."""
        for kind, before in ((PLAIN, ""), (WITH_FLAGS, "00000003")):
            for _, layout in LISTS:
                data = counted(before, layout)
                for length in range(len(data)):
                    self.assertRaises(Malformed, kind.unpack, data[:length], 0)
                for length in range(4, len(data)):
                    cut = (length - 4).to_bytes(4, "big") + data[4:length]
                    self.assertRaises(Malformed, kind.unpack, cut, 0)
                self.assertRaises(Malformed, kind.unpack, counted(before, layout, "00"), 0)

    @given(st.data())
    def test_round_trip(self, data):
        """Whatever is written is read back."""
        for version, kind in ((4, PLAIN), (6, WITH_FLAGS)):
            acl = data.draw(acls(version))
            packed = kind.pack(acl)
            self.assertEqual(kind.unpack(b"?" + packed + b"?", 1), (acl, 1 + len(packed)))

    @given(st.binary(max_size=80))
    def test_noise(self, data):
        """Any bytes are a list, malformed, or refused; nothing else happens."""
        for kind in (PLAIN, WITH_FLAGS):
            try:
                kind.unpack(len(data).to_bytes(4, "big") + data, 0)
            except (Malformed, SFTPError):
                pass


class LimitTests(SynchronousTestCase):
    """What a peer can make grow, and what nobody knows."""

    def refused(self, *layout):
        problem = self.assertRaises(SFTPError, WITH_FLAGS.unpack, counted(*layout), 0)
        self.assertEqual(problem.status, Status.INVALID_PARAMETER)

    def test_entries(self):
        """There are so many entries at most, each of which may stand for a look-up."""
        count = MOST_ENTRIES
        for most in (count - 1, count):
            data = counted("00000003", f"{most:08x}", entry() * most)
            self.assertEqual(len(WITH_FLAGS.unpack(data, 0)[0].entries), most)
        self.refused("00000003", f"{count + 1:08x}", entry() * (count + 1))

    def test_claimed_entries(self):
        """A number of entries that cannot be there is malformed before anything is done for it."""
        self.assertRaises(Malformed, PLAIN.unpack, counted("ffffffff", entry()), 0)

    def test_name(self):
        """A name has a greatest length."""
        for length in (0, LONGEST_WHO - 1, LONGEST_WHO):
            data = counted("00000003 00000001", entry(who=b"x" * length))
            self.assertEqual(WITH_FLAGS.unpack(data, 0)[0].entries[0].who, "x" * length)
        self.refused("00000003 00000001", entry(who=b"x" * (LONGEST_WHO + 1)))

    def test_name_in_another_encoding(self):
        """A name that is not UTF-8 survives."""
        data = counted("00000001", entry(who=b"\xff"))
        self.assertEqual(PLAIN.pack(PLAIN.unpack(data, 0)[0]), data)

    def test_unknown(self):
        """Types, flags and rights that nobody knows are refused: leaving them out could allow more than was asked."""
        self.refused("00000003 00000001", entry(kind="00000004"))
        self.refused("00000003 00000001", entry(flags="00000080"))
        self.refused("00000003 00000001", entry(mask="00000200"))
        self.refused("00000008 00000000")
