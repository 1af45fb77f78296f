"""What is not as it should be, in versions 4 to 6."""

from struct import pack

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp import requests
from conchsftp.sftp.codec import BadPacket, Codec
from conchsftp.sftp.numbers import FROM4, VERSIONS
from conchsftp.sftp.statuses import Status

KNOWN = {3: 0x8000000F, 4: 0x800001FD, 5: 0x800003FD, 6: 0x8000FFFD}


class StrangeTests(SynchronousTestCase):
    """Packets that a strict reader would refuse, and those that nobody can read."""

    def refused(self, version: int, packet: bytes) -> BadPacket:
        """Decode what cannot be decoded; return how it is refused."""
        problem: BadPacket = self.assertRaises(BadPacket, Codec(version).decode, [packet])
        self.assertEqual(problem.request_id, 7)
        return problem

    def test_stat_without_flags(self) -> None:
        """STAT, LSTAT and FSTAT of version 3 in a later one ask for anything."""
        for number, record in ((17, requests.Stat), (7, requests.LStat)):
            packet = pack(">BI", number, 7) + b"\0\0\0\x02/a"
            for version in VERSIONS:
                self.assertEqual(Codec(version).decode([packet])[1], record(path=b"/a", flags=0))
        packet = pack(">BI", 8, 7) + b"\0\0\0\x01h"
        for version in VERSIONS:
            self.assertEqual(Codec(version).decode([packet])[1], requests.FStat(handle=b"h", flags=0))

    def test_half_of_the_flags(self) -> None:
        """A field that begins has to end."""
        for version in FROM4:
            for length in (1, 2, 3):
                packet = pack(">BI", 17, 7) + b"\0\0\0\x02/a" + bytes(length)
                self.assertEqual(self.refused(version, packet).status, Status.BAD_MESSAGE)

    def test_symlink(self) -> None:
        """SYMLINK is not in version 6, which has LINK: nobody could tell which of its two names is which."""
        packet = pack(">BI", 20, 7) + b"\0\0\0\x01a\0\0\0\x01b"
        self.assertEqual(self.refused(6, packet).status, Status.OP_UNSUPPORTED)

    def test_unknown_attributes(self) -> None:
        """An attribute that the version does not know is a bad message: what follows cannot be found."""
        for version in VERSIONS:
            for bit in range(32):
                if KNOWN[version] & 1 << bit or (version == 3 and bit == 5):
                    continue
                flags = pack(">I", 1 << bit) + (b"\x05" if version > 3 else b"")
                packet = pack(">BI", 9, 7) + b"\0\0\0\x02/a" + flags + bytes(64)
                self.assertEqual(self.refused(version, packet).status, Status.BAD_MESSAGE, (version, bit))
