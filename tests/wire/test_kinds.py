"""How single values lie on the wire."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ProtocolViolation
from conchsftp.wire.kinds import BOOL, BYTES, I64, MPINT, NAMES, PAIRS, TEXT, U8, U32, U64, Malformed, extent

# RFC 4251, section 5, has most of these as examples.
LAYOUTS = [
    (U8, 0xFF, "ff"),
    (U32, 699921578, "29b7f4aa"),
    (U64, 1 << 63, "8000000000000000"),
    (I64, -2, "fffffffffffffffe"),
    (BOOL, True, "01"),
    (BOOL, False, "00"),
    (BYTES, b"testing", "00000007 74657374696e67"),
    (BYTES, b"", "00000000"),
    (TEXT, "ü", "00000002 c3bc"),
    (TEXT, "\udcff", "00000001 ff"),
    (NAMES, [], "00000000"),
    (NAMES, ["zlib"], "00000004 7a6c6962"),
    (NAMES, ["zlib", "none"], "00000009 7a6c69622c6e6f6e65"),
    (MPINT, 0, "00000000"),
    (MPINT, 0x9A378F9B2E332A7, "00000008 09a378f9b2e332a7"),
    (MPINT, 0x80, "00000002 0080"),
    (MPINT, -0x1234, "00000002 edcc"),
    (MPINT, -0xDEADBEEF, "00000005 ff21524111"),
    (MPINT, -0x80, "00000001 80"),
    (PAIRS, [], "00000000"),
    (PAIRS, [(b"a", b""), (b"", b"b")], "00000002  00000001 61 00000000  00000000 00000001 62"),
]


class KindTests(SynchronousTestCase):
    """Laid out by hand, both directions."""

    def test_unpack(self):
        """A value is read from anywhere in any buffer, and nothing behind it."""
        for kind, value, layout in LAYOUTS:
            data = bytes.fromhex(layout)
            for buffer in (bytes, bytearray, memoryview):
                self.assertEqual(kind.unpack(buffer(b"\xff" + data + b"\xff"), 1), (value, 1 + len(data)))

    def test_pack(self):
        """A value is written as it was laid out."""
        for kind, value, layout in LAYOUTS:
            self.assertEqual(kind.pack(value), bytes.fromhex(layout))

    def test_cut_short(self):
        """A value that ends too early is malformed, wherever it ends."""
        for kind, _, layout in LAYOUTS:
            data = bytes.fromhex(layout)
            for length in range(len(data)):
                self.assertRaises(Malformed, kind.unpack, data[:length], 0)
                self.assertRaises(Malformed, kind.unpack, b"\0" + data[:length], 1)

    def test_any_true(self):
        """All that is not 0 is true ("All non-zero values MUST be interpreted as TRUE", RFC 4251, 5)."""
        for number in range(1, 256):
            self.assertEqual(BOOL.unpack(bytes([number]), 0), (True, 1))

    def test_huge_length(self):
        """A length that no packet has is malformed; nothing is allocated for it."""
        for kind in (BYTES, TEXT, NAMES, MPINT, PAIRS):
            self.assertRaises(Malformed, kind.unpack, b"\xff\xff\xff\xff" + bytes(100), 0)

    def test_pairs_that_do_not_fit(self):
        """A number of pairs is believed only if the packet has room for their lengths: one below, at, one above."""
        for room, fits in ((15, False), (16, True), (17, True)):
            data = bytes.fromhex("00000002") + bytes(room)
            if fits:
                self.assertEqual(PAIRS.unpack(data, 0), ([(b"", b"")] * 2, 20))
            else:
                self.assertRaises(Malformed, PAIRS.unpack, data, 0)

    def test_names_are_ascii(self):
        """Names are US-ASCII (RFC 4251, 5)."""
        self.assertRaises(Malformed, NAMES.unpack, bytes.fromhex("00000001 ff"), 0)

    def test_malformed(self):
        """What is malformed ends an SSH connection with PROTOCOL_ERROR, and says what was missing."""
        problem = self.assertRaises(ProtocolViolation, U32.unpack, b"abc", 1)
        self.assertEqual((problem.reason, problem.text), (2, "2 bytes, 4 needed for a 32-bit number"))

    def test_extent(self):
        """A counted value may end where the packet ends, not behind it."""
        self.assertEqual(extent(b"\0\0\0\0\1a", 1), (5, 6))
        self.assertRaises(Malformed, extent, b"\0\0\0\0\2a", 1)
        self.assertRaises(Malformed, extent, b"\0\0\0\0\2a", 3)

    @given(st.integers())
    def test_integers(self, value):
        """Any integer comes back, in as few bytes as can be."""
        data = MPINT.pack(value)
        self.assertEqual(MPINT.unpack(data, 0), (value, len(data)))
        if len(data) > 5:
            self.assertFalse(data[4:6] <= b"\x00\x7f" or data[4:6] >= b"\xff\x80")
