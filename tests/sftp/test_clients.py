"""What each known client needs."""

from dataclasses import fields, replace

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp.clients import CLIENTS, COLUMNS, DEFAULT, Client, Order, Override, find_client


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

    def test_turned(self):
        """Some look at the server's version string, and put the target first where it is OpenSSH's; others do not."""
        ours, openssh = b"SSH-2.0-conchsftp_1.0", b"SSH-2.0-OpenSSH_9.9"
        for version, turned in (
            (b"SSH-2.0-WinSCP_release_6.3.5", (openssh, b"SSH-2.0-mod_sftp/1.3", b"SSH-2.0-Sun_SSH_1.1")),
            (b"SSH-2.0-libssh_0.10.6", (openssh, b"SSH-2.0-My_OpenSSH")),
            (b"SSH-2.0-AsyncSSH_2.24.1", (openssh, b"SSH-2.0-paramiko_3.4.0")),
            (b"SSH-2.0-ssh2js1.17.0", (openssh,)),
            (b"SSH-2.0-phpseclib_3.0", (openssh,)),
            (b"SSH-2.0-SSHJ_0.38.0", ()),
            (b"SSH-2.0-Ruby/Net::SSH_7.2.0", ()),
        ):
            for server in {ours, openssh, *turned}:
                expected = Order.TARGET_FIRST if server in turned else Order.LINK_FIRST
                self.assertIs(find_client(version, server=server).symlinks, expected, (version, server))
        overrides = (Override("*WinSCP*", (("symlinks", Order.LINK_FIRST),)),)
        known = find_client(b"SSH-2.0-WinSCP_release_6.3.5", overrides, openssh)
        self.assertIs(known.symlinks, Order.LINK_FIRST, "what a setting says counts in any case")

    def test_default(self):
        """All others put the target first, as OpenSSH does, and are not known to need anything."""
        for version in (
            b"SSH-2.0-PuTTY_Release_0.78",
            b"SSH-2.0-libssh2_1.10.0",
            b"SSH-2.0-Cyberduck/8.7",
            b"SSH-2.0-paramiko_3.4.0",
            b"SSH-2.0-phpseclib_0.3",
            b"SSH-2.0-Renci.SshNet.SshClient.0.0.1",
            b"SSH-2.0-JSCH_0.2.15",
            b"SSH-2.0-Sun_SSH_1.1",
            b"SSH-2.0-Go",
            b"",
            b"\xff\x00",
            b"x SSH-2.0-WinSCP",
        ):
            self.assertIs(find_client(version), DEFAULT, version)

    def test_allocation_size(self):
        """lftp, which connects through OpenSSH's `ssh`, cannot read it; nothing else is wrong with OpenSSH."""
        for version in (b"6.4p1", b"6.5", b"6.6p1", b"6.6.1p1 Ubuntu-2ubuntu2", b"6.7p1", b"9.2p1 Debian-2", b"10.0"):
            self.assertFalse(find_client(b"SSH-2.0-OpenSSH_" + version).allocation_size, version)
        known = find_client(b"SSH-2.0-OpenSSH_9.2p1 Debian-2")
        self.assertEqual(_needs(replace(known, allocation_size=True)), _needs(DEFAULT))

    def test_curve25519(self):
        """OpenSSH 6.5 and 6.6 fail at curve25519 now and then; 6.6.1 was made to be told from them."""
        for version, offered in (
            (b"SSH-2.0-OpenSSH_6.4p1", True),
            (b"SSH-2.0-OpenSSH_6.5", False),
            (b"SSH-2.0-OpenSSH_6.6", False),
            (b"SSH-2.0-OpenSSH_6.6p1 Ubuntu-2ubuntu1", False),
            (b"SSH-2.0-OpenSSH_6.6.1", True),
            (b"SSH-2.0-OpenSSH_6.6.1p1 Ubuntu-2ubuntu2", True),
            (b"SSH-2.0-OpenSSH_6.7p1", True),
            (b"SSH-2.0-OpenSSH_9.6p1", True),
        ):
            self.assertIs(find_client(version).curve25519, offered, version)

    def test_rekeys(self):
        """Sun_SSH 1.0 does not survive new keys; its later versions do."""
        self.assertFalse(find_client(b"SSH-2.0-Sun_SSH_1.0.1").rekeys)
        self.assertTrue(find_client(b"SSH-2.0-Sun_SSH_1.1.5").rekeys)

    def test_host_keys(self):
        """Tera Term before 2.73, and Cisco's client, break at a global request that they do not know."""
        for version in (b"TTSSH/2.1", b"TTSSH/2.69 Win32", b"TTSSH/2.70", b"TTSSH/2.72 Win32", b"Cisco-1.25"):
            self.assertFalse(find_client(b"SSH-2.0-" + version).host_keys, version)
        for version in (b"TTSSH/2.73 Win32", b"TTSSH/2.91", b"TTSSH/3.1", b"Cisco-2.0", b"OpenSSH_9.2"):
            self.assertTrue(find_client(b"SSH-2.0-" + version).host_keys, version)

    def test_rows(self):
        """Every row cites a source, and says something else than what comes after it would."""
        for number, row in enumerate(CLIENTS):
            self.assertTrue(row.source)
            later = [_needs(each) for each in (*CLIENTS[number + 1 :], DEFAULT)]
            self.assertTrue(any(_needs(row) != each for each in later), row.pattern)

    def test_columns(self):
        """What a client needs can be overridden, and says what it means."""
        names = {each.name for each in fields(Client)} - {each.name for each in COLUMNS}
        self.assertEqual(names, {"pattern", "turned_by", "source"})
        self.assertTrue(all(each.metadata["meaning"] for each in COLUMNS))


class OverrideTests(SynchronousTestCase):
    """What a setting says over the table."""

    def test_first(self):
        """The first that matches counts, whatever the others say; what it does not name stays."""
        overrides = (
            Override("SSH-2.0-WinSCP*", (("packet", 16384),)),
            Override("*", (("versions", 4), ("packet", 8192))),
        )
        known = find_client(b"SSH-2.0-WinSCP_release_6.3.5", overrides)
        self.assertEqual((known.packet, known.symlinks, known.versions), (16384, Order.LINK_FIRST, 6))
        other = find_client(b"SSH-2.0-Go", overrides)
        self.assertEqual((other.packet, other.symlinks, other.versions), (8192, Order.TARGET_FIRST, 4))

    def test_patterns(self):
        """Wildcards as people write them: any text, also with spaces, one character, one of several; in any case."""
        changed = (("packet", 2048),)
        for pattern, matches in (
            ("SSH-2.0-MyClient*", True),
            ("ssh-2.0-myclient*", True),
            ("*Client_1.2*linux", True),
            ("SSH-2.0-MyClient_?.2 for linux", True),
            ("SSH-2.0-MyClient_[12].2*", True),
            ("SSH-2.0-MyClient_1", False),
            ("MyClient*", False),
            ("SSH-2.0-MyClient_1.2.for.linux", False),
        ):
            known = find_client(b"SSH-2.0-MyClient_1.2 for linux", (Override(pattern, changed),))
            self.assertEqual(known.packet == 2048, matches, pattern)

    def test_many_stars(self):
        """A pattern of many stars does not make a greeting expensive."""
        override = (Override("*a" * 30 + "b", (("packet", 2048),)),)
        self.assertEqual(find_client(b"a" * 255, override).packet, DEFAULT.packet)


def _needs(row):
    return [getattr(row, column.name) for column in COLUMNS]
