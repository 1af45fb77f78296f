"""Functions made of source lines."""

import struct
import traceback

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp.compiler import Source
from conchsftp.wire.kinds import BOOL, BYTES, PAIRS, TEXT, U8, U32, Malformed


class SourceTests(SynchronousTestCase):
    """What `Source` makes."""

    def reader(self, *kinds, owned=False):
        source = Source("read", "packet, at", owned=owned)
        names = [f"value{index}" for index in range(len(kinds))]
        source.unpack(names, kinds)
        source.add(f"return [{', '.join(names)}], at")
        return source.build()

    def test_values(self):
        """Values of all kinds are read one after the other."""
        read = self.reader(U8, U32, BYTES, TEXT, BOOL, PAIRS)
        packet = bytes.fromhex("01 00000002  00000001 61  00000001 62  05  00000001 00000001 63 00000000")
        values = [1, 2, b"a", "b", True, [(b"c", b"")]]
        for kind in (bytes, bytearray, memoryview):
            self.assertEqual(read(kind(b"xx" + packet), 2), (values, 2 + len(packet)))

    def test_cut_short(self):
        """A packet that ends too early is found out, whatever it ends with."""
        for kinds, packet in (
            ((U8, BYTES), "01 00000002 6162"),
            ((BYTES, U8), "00000001 61 01"),
            ((BYTES, TEXT), "00000001 61 00000001 62"),
            ((BYTES, PAIRS), "00000001 61 00000001 00000000 00000000"),
            ((U32, BOOL), "00000001 00"),
        ):
            packet = bytes.fromhex(packet)
            self.assertEqual(self.reader(*kinds)(packet, 0)[1], len(packet))
            for length in range(len(packet)):
                self.assertRaises((Malformed, struct.error), self.reader(*kinds), packet[:length], 0)

    def test_owned(self):
        """Strings are copied out of a buffer that is not bytes."""
        self.assertIsInstance(self.reader(BYTES)(memoryview(b"\0\0\0\1a"), 0)[0][0], bytes)
        self.assertEqual(self.reader(BYTES, owned=True)(b"\0\0\0\1a", 0)[0], [b"a"])

    def test_names(self):
        """Two objects never share a name; one object has one."""
        source = Source("nothing", "")
        one, other = object(), object()
        self.assertEqual([source.refer("it", value) for value in (one, other, one)], ["it", "it2", "it"])

    def test_traceback(self):
        """A traceback shows the line."""
        source = Source("fail", "")
        source.add("return 1 / 0")
        try:
            source.build()()
        except ZeroDivisionError:
            self.assertIn("return 1 / 0", traceback.format_exc())
        else:
            self.fail("no error")
