"""What is not as it should be, in versions 4 to 6."""

from struct import pack

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp import requests
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.codec import BadPacket, Codec
from conchsftp.sftp.numbers import FROM4, FROM5, VERSIONS, Access, Disposition, OpenFlag
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

    def test_attributes_without_type(self) -> None:
        """phpseclib 3.0 ends MKDIR and OPEN with flags of 0, and no type, from version 4: there are no attributes."""
        made = requests.MkDir(path=b"/made", attributes=Attributes())
        packet = bytes.fromhex("0e 00000007  00000005 2f6d616465  00000000")
        for version in FROM4:
            self.assertEqual(Codec(version).decode([packet])[1], made)
        access, flags = Access.WRITE_DATA | Access.WRITE_ATTRIBUTES, OpenFlag(1)
        opened = requests.Open(path=b"/a", access=access, flags=flags, attributes=Attributes())
        packet = bytes.fromhex("03 00000007  00000002 2f61  0000001a 00000000")
        self.assertEqual(Codec(4).decode([packet])[1], opened)

    def test_no_access(self) -> None:
        """phpseclib 3.0 opens with no access in versions 5 and 6: to write where it creates or truncates."""
        for version in FROM5:
            for disposition in Disposition:
                packet = bytes.fromhex(f"03 00000007  00000002 2f61  00000000 0000000{disposition:x} 00000000")
                writes = disposition != Disposition.OPEN_EXISTING
                access = Access.WRITE_DATA | Access.WRITE_ATTRIBUTES if writes else Access(0)
                request = Codec(version).decode([packet])[1]
                self.assertEqual((request.access, request.flags), (access, disposition))

    def test_attributes_cut_short(self) -> None:
        """Flags that name an attribute, a part of the flags, and zeros where an attribute begins, are bad messages."""
        for version in FROM4:
            for text in ("00000004", "00000100", "000000", "00000001 01 00000000", "00000001 01", "00000004 01 000000"):
                packet = bytes.fromhex("0e 00000007  00000005 2f6d616465" + text)
                self.assertEqual(self.refused(version, packet).status, Status.BAD_MESSAGE, (version, text))

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
