"""What VERSION tells beside the extended requests: the bytes, laid out by hand from the drafts."""

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp.facts import FACTS, Served, told
from conchsftp.sftp.numbers import FROM4, V5, V6, VERSIONS

PLAIN = Served(version=6, largest_read=261120)
USUAL = frozenset({"size", "uid", "gid", "owner", "group", "permissions", "atime", "mtime"})
# Disposition, both kinds of append, text mode, no-follow, delete-on-close.
FLAGS = 0xC3F


class FactTests(SynchronousTestCase):
    """Each pair."""

    def said(self, name: bytes, **given: object) -> list[tuple[int, bytes | None]]:
        """Return what each version is told under a name."""
        pairs = ((version, dict(told(replace(PLAIN, version=version, **given)))) for version in VERSIONS)
        return [(version, found.get(name)) for version, found in pairs]

    def only(self, versions: range, data: bytes) -> list[tuple[int, bytes | None]]:
        """Return the same where only some versions are told."""
        return [(version, data if version in versions else None) for version in VERSIONS]

    def test_newline(self) -> None:
        """The end of a line, since version 4 (filexfer-04, 4.3)."""
        self.assertEqual(self.said(b"newline", newline=b"\r\n"), self.only(FROM4, b"\r\n"))

    def test_versions(self) -> None:
        """All that can be chosen, as a plain list, to every version; nothing where there is one (filexfer-13, 4.6)."""
        self.assertEqual(self.said(b"versions"), self.only(VERSIONS, b"3,4,5,6"))
        self.assertEqual(self.said(b"versions", versions=range(3, 5)), self.only(VERSIONS, b"3,4"))
        self.assertEqual(self.said(b"versions", versions=range(3, 4)), self.only(range(0), b""))

    def test_supported(self) -> None:
        """Version 5: five numbers, then names up to the end (filexfer-05, 4.4)."""
        said = self.said(
            b"supported",
            settable=USUAL,
            attrib_bits=0x803,
            open_flags=FLAGS,
            access=0x1F01E7,
            requests=(b"ab", b"c"),
        )
        expected = bytes.fromhex("000001ad 00000003 0000003f 001901e7 0003fc00  00000002 6162  00000001 63")
        self.assertEqual(said, self.only(V5, expected))

    def test_supported2(self) -> None:
        """Version 6: five numbers, two vectors, two counted lists of names (filexfer-13, 5.4)."""
        said = self.said(
            b"supported2",
            settable=USUAL | {"attrib_bits", "create_time", "ctime"},
            attrib_bits=0x803,
            open_flags=FLAGS,
            access=0x1F01E7,
            acl=1,
            # WRITE; WRITE and ADVISORY.
            open_locks=(0x80, 0x280),
            # READ; READ, WRITE, DELETE and ADVISORY.
            locks={0x40, 0x3C0},
            requests=(b"ab", b"c"),
        )
        expected = (
            "000083bd 00000803 00000ebf 001f01e7 0003fc00  0405 8003  00000000  00000002 00000002 6162 00000001 63"
        )
        self.assertEqual(said, self.only(V6, bytes.fromhex(expected)))

    def test_supported2_of_little(self) -> None:
        """Where nothing can be set or locked only the empty combination of locks is there, and no extended request."""
        expected = bytes.fromhex("00000000 00000000 00000000 00000000 0003fc00  0001 0001  00000000 00000000")
        self.assertEqual(self.said(b"supported2"), self.only(V6, expected))

    def test_access(self) -> None:
        """Owners and lists are not promised to be writable where they are not."""
        for given, expected in (
            ({}, "001101e7"),
            ({"acl": 1}, "001701e7"),
            ({"settable": USUAL}, "001901e7"),
            ({"settable": USUAL, "acl": 3}, "001f01e7"),
        ):
            said = self.said(b"supported2", access=0x1F01E7, **given)[3][1] or b""
            self.assertEqual(said[12:16].hex(), expected)

    def test_locks_5(self) -> None:
        """Version 5 has no vectors, and no word for locks that only lockers see: others are in the flags."""
        said = self.said(b"supported", open_flags=FLAGS, open_locks=(0x80, 0x240))[2][1] or b""
        self.assertEqual(said[8:12].hex(), "000000ff")

    def test_acl_supported(self) -> None:
        """Version 6 hears what can be done with access control lists; 0 for nothing (filexfer-13, 5.4)."""
        self.assertEqual(self.said(b"acl-supported"), self.only(V6, bytes(4)))
        self.assertEqual(self.said(b"acl-supported", acl=0x13), self.only(V6, bytes.fromhex("00000013")))

    def test_filename_charset(self) -> None:
        """The name of the charset itself, where there is one that is not UTF-8 (filexfer-13, 6)."""
        self.assertEqual(self.said(b"filename-charset"), self.only(range(0), b""))
        self.assertEqual(self.said(b"filename-charset", charset="iso-8859-1"), self.only(V6, b"iso-8859-1"))

    def test_vendor_id(self) -> None:
        """Vendor, product and its version, and a build number; nothing where nobody shall know."""
        expected = bytes.fromhex("00000002 6162 00000002 6162 00000003 312e32 0000000000000000")
        self.assertEqual(self.said(b"vendor-id", product=("ab", "1.2")), self.only(FROM4, expected))
        self.assertEqual(self.said(b"vendor-id"), self.only(range(0), b""))

    def test_rows(self) -> None:
        """No pair twice, and each for some version."""
        names = [row.name for row in FACTS]
        self.assertEqual(len(names), len(set(names)))
        self.assertTrue(all(row.versions for row in FACTS))
