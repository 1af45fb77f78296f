"""INIT and VERSION."""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp.codec import BadPacket
from conchsftp.sftp.handshake import read_init, write_version


class HandshakeTests(SynchronousTestCase):
    """The packets before the first request."""

    def test_init(self):
        """INIT says the highest version of the client."""
        self.assertEqual(read_init(bytes.fromhex("01 00000006")), (6, []))

    def test_pairs(self):
        """A version 3 client may add pairs of name and data (filexfer-02, 4)."""
        packet = bytes.fromhex("01 00000003  00000002 6162 00000001 63  00000001 64 00000000")
        self.assertEqual(read_init(memoryview(packet)), (3, [(b"ab", b"c"), (b"d", b"")]))

    def test_garbled_pairs(self):
        """What is garbled behind the version is excess, and ignored."""
        packet = bytes.fromhex("01 00000003  00000002 6162 00000001 63")
        for length in range(5, len(packet)):
            self.assertEqual(read_init(packet[:length]), (3, []))

    def test_no_init(self):
        """Anything else than INIT, or an INIT without version, ends the channel without an answer."""
        for packet in ("", "01", "01 000000", "03 00000003", "02 00000003"):
            problem = self.assertRaises(BadPacket, read_init, bytes.fromhex(packet))
            self.assertIsNone(problem.request_id)

    def test_version(self):
        """VERSION says the version that is spoken, and what is advertised."""
        packet = write_version(3, [(b"ab", b"1"), (b"c", b"")])
        expected = "00000019  02 00000003  00000002 6162 00000001 31  00000001 63 00000000"
        self.assertEqual(packet, bytes.fromhex(expected))

    def test_version_alone(self):
        """Nothing need be advertised."""
        self.assertEqual(write_version(6, []), bytes.fromhex("00000005 02 00000006"))
