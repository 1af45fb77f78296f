"""What each known client needs."""

import re

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp.clients import CLIENTS, DEFAULT, Order, find_client


class ClientTests(SynchronousTestCase):
    """Found by the SSH version string."""

    def test_link_first(self):
        """Clients that put the link first, where the server does not call itself OpenSSH."""
        for version in (
            b"SSH-2.0-WinSCP_release_6.3.5",
            b"SSH-2.0-libssh_0.10.6",
            b"SSH-2.0-libssh-0.5.2",
            b"SSH-2.0-AsyncSSH_2.24.1",
            b"SSH-2.0-SSHJ_0.38.0",
            b"SSH-2.0-Ruby/Net::SSH_7.2.0 x86_64-linux",
            b"SSH-2.0-ssh2js1.17.0",
            b"SSH-2.0-phpseclib_3.0 (gmp)",
        ):
            self.assertIs(find_client(version).symlinks, Order.LINK_FIRST, version)

    def test_target_first(self):
        """All others do as OpenSSH does."""
        for version in (
            b"SSH-2.0-OpenSSH_9.2p1 Debian-2",
            b"SSH-2.0-PuTTY_Release_0.78",
            b"SSH-2.0-libssh2_1.10.0",
            b"SSH-2.0-Cyberduck/8.7",
            b"SSH-2.0-paramiko_3.4.0",
            b"SSH-2.0-phpseclib_0.3",
            b"SSH-2.0-Go",
            b"",
            b"\xff\x00",
            b"x SSH-2.0-WinSCP",
        ):
            self.assertIs(find_client(version), DEFAULT, version)

    def test_rows(self):
        """Every row has a pattern, says what it is for, and cites a source."""
        for client in CLIENTS:
            re.compile(client.pattern)
            self.assertTrue(client.source)
            self.assertIsNot(client.symlinks, DEFAULT.symlinks)
