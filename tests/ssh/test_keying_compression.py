"""
Compression of a connection: when it starts, with which streams, and how much may come out.
"""

import zlib
from struct import pack

from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.packets.compression import EARLY_LIMIT, LIMIT
from conchsftp.testing import MemoryClient
from tests.ssh.case import ConnectionCase
from tests.ssh.clients import string

PING = b"\0\0\0\4ping"
PASSWORD = b"\0\0\0\0\x08password"


class CompressionTests(ConnectionCase):
    """zlib@openssh.com starts when the user has logged in."""

    def test_delayed(self) -> None:
        """Nothing is compressed, nor inflated, before the login; everything is after it."""
        client = self.client(compression="zlib@openssh.com")
        client.connect()
        self.assertIsNone(client.server.sender._compress)
        self.assertIsNone(client.server.receiver._decompress)
        client.ask_for_login()
        client.authenticate("user", "none")
        client.authenticate("user", "password", PASSWORD)
        client.take(52)
        many = pack(">I", 30000) + bytes(30000)
        before = client.server.sender.bytes, client.server.receiver.bytes
        client.packet(192, many)
        self.assertEqual(client.take(193), many)
        self.assertLess(client.server.sender.bytes - before[0], 1000)
        self.assertLess(client.server.receiver.bytes - before[1], 1000)

    def test_rekey(self) -> None:
        """New keys begin new streams in both directions, from NEWKEYS on."""
        client = self.logged_in(compression="zlib@openssh.com")
        for _ in range(3):
            client.packet(192, PING)
            self.assertEqual(client.take(193), PING)
            client.rekey()
        self.assert_alive(client)

    def test_changed(self) -> None:
        """A later exchange may agree on something else."""
        self.serve(ssh_compression_algorithms="none,zlib@openssh.com,zlib")
        client = self.logged_in(compression="zlib@openssh.com")
        for name in ("none", "zlib@openssh.com", "zlib", "zlib@openssh.com", "none", "zlib", "none"):
            client._offer = (*client._offer[:2], name)
            client.rekey()
            self.assertEqual(client.server.sender._compress is None, name == "none")
            self.assert_alive(client)

    def test_bomb(self) -> None:
        """A small packet that inflates to a huge one ends the connection."""
        client = self.logged_in(compression="zlib@openssh.com")
        client.packet(192, pack(">I", 1 << 20) + bytes(1 << 20))
        self.assert_ended(client, Reason.COMPRESSION_ERROR, "inflates to more than")


class EarlyCompressionTests(ConnectionCase):
    """`zlib` starts with the first keys, for whoever connects (RFC 4253, 6.2)."""

    def setUp(self) -> None:
        super().setUp()
        self.serve(algorithm_profile="documented")

    def test_from_the_first_keys(self) -> None:
        """Everything under the first keys is compressed, in both directions."""
        client = self.client(compression="zlib")
        client.connect()
        self.assertIsNotNone(client.server.sender._compress)
        received = client.server.receiver.bytes
        client.packet(2, pack(">I", 30000) + bytes(30000))
        self.assertLess(client.server.receiver.bytes - received, 500)
        client.ask_for_login()
        client.authenticate("user", "password", PASSWORD)
        client.take(52)
        self.assert_alive(client)

    def test_rekey(self) -> None:
        """New keys begin new streams, before the login and after it."""
        client = self.client(compression="zlib")
        client.connect()
        for _ in range(2):
            client.rekey()
            self.assert_alive(client)
        client.ask_for_login()
        client.rekey()
        client.authenticate("user", "password", PASSWORD)
        client.take(52)
        for _ in range(3):
            client.packet(192, PING)
            self.assertEqual(client.take(193), PING)
            client.rekey()
        self.assertEqual(client.exchanges, 7)

    def inflating_to(self, client: MemoryClient, size: int) -> None:
        """Send a message that inflates to so many bytes."""
        client.packet(2, pack(">I", size - 5) + bytes(size - 5))

    def test_limits(self) -> None:
        """Before the login a packet inflates to what every implementation takes, after it to the largest write."""
        for logs_in, limit in ((False, EARLY_LIMIT), (True, LIMIT)):
            for rekeys in (False, True):
                client = self.client(compression="zlib")
                (client.log_in if logs_in else client.connect)()
                if rekeys:
                    client.rekey()
                self.inflating_to(client, limit)
                self.assert_alive(client)
                self.inflating_to(client, limit + 1)
                self.assert_ended(client, Reason.COMPRESSION_ERROR, "inflates to more than")

    def test_bomb(self) -> None:
        """A megabyte of nothing in a packet of a kilobyte ends the connection, logged in or not."""
        for begin in (MemoryClient.connect, MemoryClient.log_in):
            client = self.client(compression="zlib")
            begin(client)
            self.inflating_to(client, 1 << 20)
            self.assert_ended(client, Reason.COMPRESSION_ERROR, "inflates to more than")

    def test_login_before_new_keys(self) -> None:
        """Who logs in with a key exchange right behind it has the limit of those who are in, and streams that fit."""
        client = self.client(compression="zlib")
        client.connect()
        client.ask_for_login()
        client.lay(50, b"".join(map(string, (b"user", b"ssh-connection", b"password"))) + PASSWORD)
        client.send_kexinit()
        client.pump()
        client.take(52)
        self.assertEqual(client.exchanges, 2)
        self.inflating_to(client, LIMIT)
        self.assert_alive(client)

    def test_garbage(self) -> None:
        """What is no compressed data, or a packet of nothing, ends the connection before the login as well."""
        for payload in (b"\2\0\0\0\0", b"\xff" * 16, zlib.compress(b"\2\0\0\0\0"), _nothing()):
            client = self.client(compression="zlib")
            client.connect()
            client.sender.compress_with(None)
            client.packet(payload[0], payload[1:])
            self.assert_ended(client, Reason.COMPRESSION_ERROR)


def _nothing() -> bytes:
    """Return a compressed packet that holds nothing."""
    return zlib.compressobj().flush(zlib.Z_SYNC_FLUSH)
