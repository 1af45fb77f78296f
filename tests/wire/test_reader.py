"""The cursor over one packet."""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.wire.kinds import U32, Malformed
from conchsftp.wire.reader import Reader
from conchsftp.wire.writer import Writer


class ReaderTests(SynchronousTestCase):
    """One value after the other."""

    def packet(self):
        writer = Writer().u8(1).u16(2).u32(3).u64(4).i64(-5).boolean(True).string(b"s").text("t")
        return bytes(writer.names(["n", "m"]).mpint(-6).pairs([(b"p", b"q")]).put(b"rest"))

    def test_values(self):
        """What a Writer wrote is read in the same order."""
        for kind in (bytes, bytearray, memoryview):
            reader = Reader(kind(self.packet()))
            numbers = [reader.u8(), reader.u16(), reader.u32(), reader.u64(), reader.i64(), reader.boolean()]
            self.assertEqual(numbers, [1, 2, 3, 4, -5, True])
            others = [reader.string(), reader.text(), reader.names(), reader.mpint(), reader.pairs()]
            self.assertEqual(others, [b"s", "t", ["n", "m"], -6, [(b"p", b"q")]])
            self.assertEqual(reader.remaining, 4)
            self.assertEqual(reader.rest(), b"rest")
            self.assertEqual((reader.remaining, reader.rest()), (0, b""))

    def test_position(self):
        """Reading may begin anywhere, and the place of the next value is known."""
        reader = Reader(self.packet(), 1)
        reader.u16()
        self.assertEqual((reader.at, reader.read(U32), reader.at), (3, 3, 7))

    def test_failure_moves_nothing(self):
        """What cannot be read is still there."""
        reader = Reader(b"\0\0\0\5abcd")
        self.assertRaises(Malformed, reader.string)
        self.assertEqual(reader.at, 0)

    def test_take(self):
        """An exact number of bytes is taken: all that are left, not one more, never fewer than none."""
        reader = Reader(memoryview(b"abcd"))
        self.assertRaises(Malformed, reader.take, 5)
        self.assertRaises(Malformed, reader.take, -1)
        self.assertEqual((reader.take(0), reader.take(4), reader.take(0)), (b"", b"abcd", b""))
        self.assertRaises(Malformed, reader.take, 1)

    def test_view(self):
        """A view is a slice of the packet, all else is a copy."""
        buffer = bytearray(b"\0\0\0\1aab")
        reader = Reader(memoryview(buffer))
        string, taken, view = reader.string(), reader.take(1), reader.view(1)
        buffer[:] = bytes(7)
        self.assertEqual((string, taken, bytes(view)), (b"a", b"a", b"\0"))
