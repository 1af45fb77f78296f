"""
Rows of settings and the spellings of names.
"""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.settings.kinds import TEXT, integer
from conchsftp.settings.row import Change, Index, Setting, Support, declare, hint, words

SPELLINGS = {
    "RootDirectory": "root_directory",
    "LocalPort": "local_port",
    "FileATime": "file_a_time",
    "FileMTime": "file_m_time",
    "FileAttribBitsValid": "file_attrib_bits_valid",
    "SSHUserAuthRequest": "ssh_user_auth_request",
    "SSHCertFingerprintSHA256": "ssh_cert_fingerprint_sha256",
    "SSHCertThumbprintMD5": "ssh_cert_thumbprint_md5",
    "SFTPConnectionRemoteHost": "sftp_connection_remote_host",
    "AltSSHCertStoreType": "alt_ssh_cert_store_type",
    "ServerSSHVersionString": "server_ssh_version_string",
    "SSHPubKeyAuthSigAlgorithms": "ssh_pub_key_auth_sig_algorithms",
    "UseFIPSCompliantAPI": "use_fips_compliant_api",
    "UseIPv6": "use_ipv6",
    "UseIOCP": "use_iocp",
    "ConnectionUID": "connection_uid",
    "ServerEOL": "server_eol",
    "TcpNoDelay": "tcp_no_delay",
    "StartListening": "start_listening",
}


class WordsTests(SynchronousTestCase):
    def test_documented_names(self):
        """A run of capitals is one word; its last letter begins the next word."""
        self.assertEqual({name: "_".join(words(name)) for name in SPELLINGS}, SPELLINGS)


class HintTests(SynchronousTestCase):
    def test_nearest(self):
        """A misspelt name is answered with the nearest one, whatever the spelling of either."""
        known = ("RootDirectory", "LocalPort")
        self.assertEqual(hint("rootdirectroy", known), "; did you mean RootDirectory?")
        self.assertEqual(hint("local_prot", known), "; did you mean LocalPort?")

    def test_nothing_near(self):
        """Where nothing is near, nothing is suggested."""
        self.assertEqual(hint("Umask", ("RootDirectory", "LocalPort")), "")


class SettingTests(SynchronousTestCase):
    def test_spellings(self):
        """Attribute, option and summary follow from the row."""
        row = Setting(name="RootDirectory", kind=TEXT, default="", doc="The folder.\nMore.")
        self.assertEqual((row.attribute, row.option, row.summary), ("root_directory", "root-directory", "The folder."))

    def test_default_of_each_profile(self):
        """A profile has its own default only where the row has one."""
        row = Setting(name="A", kind=integer(0), default=1, compatible=2, documented=3, why="So.", doc="A.")
        self.assertEqual([row.default_for(name) for name in ("modern", "compatible", "documented")], [1, 2, 3])
        plain = Setting(name="A", kind=integer(0), default=1, doc="A.")
        self.assertEqual([plain.default_for(name) for name in ("modern", "compatible", "documented")], [1, 1, 1])

    def test_documented_default_that_is_not_restored(self):
        """`restored=False` keeps our default under every profile."""
        row = Setting(name="A", kind=integer(0), default=1, documented=3, restored=False, why="So.", doc="A.")
        self.assertEqual(row.default_for("documented"), 1)


class DeclareTests(SynchronousTestCase):
    def refused(self, **columns):
        row = Setting(**{"name": "Name", "kind": integer(0), "default": 0, "doc": "Text.", **columns})
        self.assertRaisesRegex(ValueError, "^Name: ", declare, row)

    def test_good_row(self):
        """Rows without contradictions are returned in their order."""
        rows = [Setting(name=name, kind=TEXT, default="", doc="Text.") for name in ("A", "B")]
        self.assertEqual(declare(*rows), tuple(rows))

    def test_contradictions(self):
        """A row that contradicts itself cannot be declared."""
        self.refused(doc=" ")
        self.refused(documented=1)
        self.refused(why="For nothing.")
        self.refused(support=Support.REFUSED)
        self.refused(index=Index.POSITION)
        self.refused(count="NameCount")
        self.refused(change=Change.NEVER)
        self.refused(write=lambda owner, index, value: None)
        self.refused(read=lambda owner, index: 1)
        self.refused(secret=True)
        self.refused(default=-1)
        self.refused(documented=-1, why="So.")
