"""The payloads of extended replies."""

from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp.replies import accounts_reply, limits_reply, space_reply


class ExtendedReplyTests(SynchronousTestCase):
    """Laid out as OpenSSH's server does."""

    def test_space(self):
        """statvfs@openssh.com is answered with eleven numbers (PROTOCOL, 4.4)."""
        names = "f_bsize f_frsize f_blocks f_bfree f_bavail f_files f_ffree f_favail f_fsid f_flag f_namemax".split()
        space = SimpleNamespace(**{name: number for number, name in enumerate(names, 1)})
        space.f_flag = 0xFFFF
        expected = b"".join(number.to_bytes(8, "big") for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 11))
        self.assertEqual(space_reply(space).payload, expected)

    def test_space_without_id(self):
        """A file system need not have an id; one that is negative, or too wide, does no harm."""
        names = "f_bsize f_frsize f_blocks f_bfree f_bavail f_files f_ffree f_favail f_flag f_namemax".split()
        space = SimpleNamespace(**dict.fromkeys(names, 0))
        self.assertEqual(space_reply(space).payload, bytes(88))
        for number, field in ((-1, b"\xff" * 8), (1 << 64, bytes(8))):
            space.f_fsid = number
            self.assertEqual(space_reply(space).payload[64:72], field)

    def test_limits(self):
        """limits@openssh.com is answered with four numbers (PROTOCOL, 4.8)."""
        reply = limits_reply(packet=262144, read=261120, write=261119, handles=0)
        expected = "0000000000040000 000000000003fc00 000000000003fbff 0000000000000000"
        self.assertEqual(reply.payload, bytes.fromhex(expected))

    def test_accounts(self):
        """users-groups-by-id@openssh.com is answered with two lists of names; who is not known has an empty one."""
        reply = accounts_reply(["root", None], ["ü"])
        expected = "0000000c 00000004 726f6f74 00000000  00000006 00000002 c3bc"
        self.assertEqual(reply.payload, bytes.fromhex(expected))

    def test_no_accounts(self):
        """Who asks for nobody gets two empty lists."""
        self.assertEqual(accounts_reply([], []).payload, bytes(8))
