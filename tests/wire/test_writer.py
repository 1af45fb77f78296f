"""Filling a buffer."""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.wire.kinds import U32
from conchsftp.wire.writer import Writer


class WriterTests(SynchronousTestCase):
    """One value after the other; `test_reader` reads all of them back."""

    def test_layout(self):
        """Values follow one another without padding."""
        writer = Writer().u8(1).boolean(False).string(memoryview(b"ab")).write(U32, 7).put(b"!")
        self.assertEqual(bytes(writer), bytes.fromhex("01 00 00000002 6162 00000007 21"))
        self.assertEqual(len(writer), 13)

    def test_empty(self):
        """A writer begins empty."""
        self.assertEqual((bytes(Writer()), len(Writer())), (b"", 0))
