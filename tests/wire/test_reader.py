"""The cursor over one packet."""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.wire.kinds import BOOL, BYTES, MPINT, NAMES, PAIRS, TEXT, U8, U32, U64, Malformed
from conchsftp.wire.reader import Reader

VALUES = (
    (U8, 1),
    (U32, 3),
    (BOOL, True),
    (BYTES, b"s"),
    (TEXT, "t"),
    (NAMES, ["n", "m"]),
    (MPINT, -6),
    (PAIRS, [(b"p", b"q")]),
)


class ReaderTests(SynchronousTestCase):
    """One value after the other."""

    def packet(self):
        return b"".join(kind.pack(value) for kind, value in VALUES) + b"rest"

    def test_values(self):
        """What was packed is read in the same order."""
        for kind in (bytes, bytearray, memoryview):
            reader = Reader(kind(self.packet()))
            read = [reader.u8(), reader.u32(), reader.boolean(), reader.string(), reader.text()]
            read += [reader.names(), reader.mpint(), reader.pairs()]
            self.assertEqual(read, [value for _, value in VALUES])
            self.assertEqual(reader.remaining, 4)
            self.assertEqual(reader.rest(), b"rest")
            self.assertEqual((reader.remaining, reader.rest()), (0, b""))

    def test_position(self):
        """Reading may begin anywhere, and the place of the next value is known."""
        reader = Reader(b"\1\2" + U64.pack(3) + b"\4", 1)
        reader.u8()
        self.assertEqual((reader.at, reader.read(U64), reader.at), (2, 3, 10))

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

    def test_copies(self):
        """What was read outlives the buffer."""
        buffer = bytearray(b"\0\0\0\1aa")
        reader = Reader(memoryview(buffer))
        read = reader.string(), reader.take(1)
        buffer[:] = bytes(6)
        self.assertEqual(read, (b"a", b"a"))
