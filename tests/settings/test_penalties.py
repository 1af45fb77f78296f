"""
The settings of penalties: how they are written, and what they refuse.
"""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.settings.hosts import Hosts
from conchsftp.settings.penalties import NET_BLOCKS, PENALTIES, WORDS, NetBlocks, Offence, PenaltyRules
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE


class PenaltyRulesTests(SynchronousTestCase):
    """PerSourcePenalties, as OpenSSH writes it."""

    def test_words(self) -> None:
        """Each word has a value; what is not named has its default."""
        rules = PENALTIES.parse("authfail:10s max:1h min:1m30 max-sources4:100 overflow6:deny-all")
        expected = PenaltyRules(authfail=10, max=3600, min=90, max_sources4=100, overflow6="deny-all")
        self.assertEqual(rules, expected)
        self.assertEqual(PENALTIES.parse("AuthFail:10S, MAX:60m,min:90,max-sources4:100 overflow6:Deny-All"), expected)

    def test_yes_and_no(self) -> None:
        """`yes` is what holds if nothing is said, `no` counts nothing; so do truth values."""
        self.assertEqual(PENALTIES.parse("yes"), PenaltyRules())
        self.assertFalse(PENALTIES.convert("no").enforced)
        self.assertEqual(PENALTIES.convert(False), PENALTIES.parse("no"))
        self.assertEqual(PENALTIES.convert(True), PENALTIES.parse("yes"))

    def test_both_ways(self) -> None:
        """Rules are written as they are read."""
        for text in ("yes", "no", "authfail:10s max:3600s", "crash:1s overflow:deny-all"):
            self.assertEqual(str(PENALTIES.parse(text)), text)
            self.assertEqual(PENALTIES.convert(str(PENALTIES.parse(text))), PENALTIES.parse(text))

    def test_every_offence(self) -> None:
        """Every offence has its seconds, a word of the setting and a text for the log."""
        for offence in Offence:
            self.assertIn(offence.value, WORDS)
            self.assertGreaterEqual(PenaltyRules().seconds(offence), 0)
            self.assertTrue(offence.described)

    def test_refused(self) -> None:
        """A mistake is refused with what was expected, or the nearest word."""
        for text, said in (
            ("", "expected `yes`, `no`"),
            ("maybe", "got 'maybe'"),
            ("authfial:10", "did you mean authfail?"),
            ("invaliduser:10", "known are authfail"),
            ("authfail:soon", "authfail: expected a time, such as `90`"),
            ("authfail:", "authfail: expected a time"),
            ("authfail:-1", "authfail: expected a time"),
            ("max-sources4:0", "max-sources4: expected a whole number from 1"),
            ("overflow:never", "overflow: expected one of `permissive`, `deny-all`"),
            ("min:10m max:5m", "nobody would ever be refused"),
        ):
            with self.subTest(text=text):
                self.assertIn(said, str(self.assertRaises(ValueError, PENALTIES.parse, text)))
        self.assertRaises(ValueError, PENALTIES.convert, 7)


class CompanionsTests(SynchronousTestCase):
    """What counts as one source, and who as none."""

    def test_net_blocks(self) -> None:
        """Bits of IPv4, and of IPv6 behind a colon; alone, those of IPv4."""
        self.assertEqual(NET_BLOCKS.parse("24:56"), NetBlocks(24, 56))
        self.assertEqual(NET_BLOCKS.parse("24"), NetBlocks(24, 64))
        self.assertEqual(NET_BLOCKS.convert((24, 128)), NetBlocks(24, 128))
        self.assertEqual(str(NetBlocks(24, 56)), "24:56")
        for value in ("", "33", "24:129", "0", "x", ":64", (24,), 7, (24, 200)):
            self.assertRaises(ValueError, NET_BLOCKS.convert, value)

    def test_exempt(self) -> None:
        """Addresses and networks can be exempt; names cannot, for anybody may give their address one."""
        settings = Settings(TABLE)
        settings.config("PerSourcePenaltyExemptList=127.0.0.0/8,192.168.*")
        self.assertTrue(settings.per_source_penalty_exempt_list.has_address("::ffff:127.0.0.1"))
        for value in ("*.example.com", ["gate"], Hosts(["gate"])):
            problem = self.assertRaises(ServerError, settings.set, "PerSourcePenaltyExemptList", value)
            self.assertIn("no names", problem.text)
