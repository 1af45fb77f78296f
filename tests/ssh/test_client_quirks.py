"""
What the key exchange does for single clients, and that the setting ClientQuirks overrides it.
"""

from typing import Any

from twisted.logger import globalLogPublisher

from conchsftp.sftp.clients import Order
from conchsftp.ssh.kexinit import KexInit
from conchsftp.ssh.phases import Stage
from tests.ssh.case import RekeyingCase, kexinits

PING = b"\0\0\0\4ping"
OLD, MENDED, SUN = b"SSH-2.0-OpenSSH_6.6p1", b"SSH-2.0-OpenSSH_6.6.1p1", b"SSH-2.0-Sun_SSH_1.0.1"


class CurveTests(RekeyingCase):
    """curve25519 and OpenSSH 6.5 and 6.6."""

    def offered(self, version: bytes) -> tuple[str, ...]:
        """Return the key exchanges that a client is offered."""
        client = self.at(Stage.FIRST_KEXINIT, version=version)
        return KexInit.parse(b"\x14" + client.take(20)).kex

    def test_not_offered(self) -> None:
        """It is not offered where others are; to all other clients it is."""
        self.serve(algorithm_profile="compatible")
        offered = self.offered(OLD)
        self.assertFalse([name for name in offered if "25519" in name])
        self.assertIn("ecdh-sha2-nistp256", offered)
        for version in (MENDED, b"SSH-2.0-OpenSSH_9.6p1"):
            self.assertIn("curve25519-sha256@libssh.org", self.offered(version))

    def test_nothing_else(self) -> None:
        """Where nothing else is offered, one exchange in some hundreds fails: better than each."""
        self.assertIn("curve25519-sha256@libssh.org", self.offered(OLD))

    def test_every_exchange(self) -> None:
        """Later exchanges offer the same as the first."""
        self.serve(algorithm_profile="compatible", client_quirks="* curve25519=no")
        self.assertFalse([name for name in self.offered(b"SSH-2.0-Any") if "25519" in name])
        self.server.settings.client_quirks = ""
        client = self.logged_in(version=b"SSH-2.0-Any")
        client.server.client = client.server.client.__class__(curve25519=False)
        self.start(client)
        offered = KexInit.parse(b"\x14" + client.take(20)).kex
        self.assertFalse([name for name in offered if "25519" in name])


class RekeyTests(RekeyingCase):
    """Sun_SSH 1.0, which does not survive new keys."""

    def exchanges(self, version: bytes) -> int:
        """Return how many key exchanges there are where ten packets are enough for one."""
        client = self.logged_in(version=version)
        for _ in range(30):
            client.packet(192, PING)
            client.take(193)
        return kexinits(client)

    def test_never(self) -> None:
        """The server does not ask it; others it does. What a client asks for itself, it gets."""
        self.serve(rekey_packets=10)
        self.assertEqual(self.exchanges(SUN), 1)
        self.assertGreater(self.exchanges(b"SSH-2.0-Sun_SSH_1.1"), 2)
        client = self.logged_in(version=SUN)
        client.rekey()
        self.assertEqual(kexinits(client), 2)
        self.assert_alive(client)

    def test_setting(self) -> None:
        """The setting overrides the table, for connections that come after it is set."""
        self.serve(rekey_packets=10)
        before = self.logged_in(version=SUN)
        self.server.settings.client_quirks = ["*Sun_SSH* rekeys=yes", "SSH-2.0-My* rekeys=no"]
        self.assertGreater(self.exchanges(SUN), 2)
        self.assertEqual(self.exchanges(b"SSH-2.0-MyClient"), 1)
        for _ in range(30):
            before.packet(192, PING)
        self.assertEqual(kexinits(before), 1)


class LogTests(RekeyingCase):
    """How an operator finds out what to write into the setting."""

    def test_version(self) -> None:
        """The line of a login has the version string of the client; what is no text in it does no harm."""
        said: list[str] = []

        def observe(event: Any) -> None:
            if "logged in by" in event["log_format"]:
                said.append(event["log_format"].format(**event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        for version, shown in (
            (SUN, "'SSH-2.0-Sun_SSH_1.0.1'"),
            (b"SSH-2.0-a\x1b[2J\xff", "'SSH-2.0-a\\x1b[2J\ufffd'"),
        ):
            self.logged_in(version=version)
            self.assertTrue(said[-1].endswith(f"logged in by password, with {shown}"), said)


class OrderTests(RekeyingCase):
    """The order of the names in SYMLINK, where a client looks at what the server calls itself."""

    def test_server(self) -> None:
        """The server's own version string counts, as it is when the client comes."""
        for ours, order in (("SSH-2.0-conchsftp_1", Order.LINK_FIRST), ("SSH-2.0-OpenSSH_9.9", Order.TARGET_FIRST)):
            self.serve(server_ssh_version_string=ours)
            client = self.logged_in(version=b"SSH-2.0-WinSCP_release_6.3.5")
            self.assertEqual(client.server_version, ours.encode())
            self.assertIs(client.server.client.symlinks, order)
