"""
Lists of hosts.
"""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.settings.hosts import HOSTS, Hosts
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE


class HostsTests(SynchronousTestCase):
    """What is in a list, and what is refused as an entry."""

    def check(self, text: str, inside: str, outside: str) -> None:
        """Check addresses that are in a list, and such that are not."""
        hosts = HOSTS.parse(text)
        self.assertEqual([each for each in inside.split() if not hosts.has_address(each)], [])
        self.assertEqual([each for each in outside.split() if hosts.has_address(each)], [])

    def test_addresses(self) -> None:
        """One address is that one, however it is written."""
        inside, outside = "192.0.2.7 ::ffff:192.0.2.7 2001:db8:0::1", "192.0.2.70 192.0.2.1 2001:db8::2"
        self.check("192.0.2.7, 2001:DB8::1", inside, outside)

    def test_networks(self) -> None:
        """A network has all its addresses; bits of a host in it do no harm."""
        self.check("10.1.0.0/16,2001:db8::7/32", "10.1.255.3 2001:db8:1::", "10.2.0.1 2001:db9:: 192.0.2.1")
        self.check("0.0.0.0/0", "1.2.3.4 ::ffff:1.2.3.4", "2001:db8::1")

    def test_wildcards(self) -> None:
        """`*` is any text, and nothing else is special."""
        self.check("192.168.*", "192.168.0.1 192.168.255.255", "192.169.0.1 1192.168.0.1")
        self.check("*.7", "10.0.0.7", "10.0.0.17x 10.0.0.8")
        self.check("fe80:*", "fe80::1 fe80::1%eth0", "fe81::1")
        self.check("*", "10.0.0.7 2001:db8::1 whatever", "")
        self.check("", "", "10.0.0.7 whatever")

    def test_names(self) -> None:
        """Names are told from addresses, whatever their case; a dot at the end says nothing."""
        hosts = Hosts(["*.Example.com", "gate", "10.0.0.1"])
        self.assertTrue(hosts.has_names)
        self.assertEqual([hosts.has_name(name) for name in ("a.example.COM.", "GATE")], [True, True])
        self.assertEqual([hosts.has_name(name) for name in ("example.com", "gate.x", "xexample.com")], [False] * 3)
        self.assertFalse(hosts.has_address("gate"))
        self.assertFalse(Hosts(["10.0.0.1", "*"]).has_names)

    def test_refused(self) -> None:
        """What is neither is refused, with what was expected."""
        for text in ("10.0.0", "10.0.0.256", "10.0.0.0/33", "a b", "2001:db8:::1", "some/where", "ex?mple.com"):
            with self.subTest(text=text):
                problem = self.assertRaises(ValueError, HOSTS.parse, text)
                self.assertIn("comma-separated list", str(problem))
        for value in (7, b"10.0.0.1", [7]):
            self.assertRaises(ValueError, HOSTS.convert, value)

    def test_both_ways(self) -> None:
        """A list is written as it is read, and may be given as names."""
        self.assertEqual(str(HOSTS.parse(" 10.0.0.1 ,, *.example.com")), "10.0.0.1,*.example.com")
        self.assertEqual(HOSTS.convert(["10.0.0.1", "gate"]), HOSTS.parse("10.0.0.1,gate"))
        self.assertEqual(hash(HOSTS.parse("gate")), hash(Hosts(["gate"])))
        self.assertEqual(repr(Hosts(["gate"])), "Hosts('gate')")

    def test_setting(self) -> None:
        """Everybody is allowed and nobody blocked, until something else is set."""
        settings = Settings(TABLE)
        self.assertTrue(settings.allowed_clients.has_address("10.0.0.1"))
        self.assertFalse(settings.blocked_clients.has_address("10.0.0.1"))
        settings.config("BlockedClients=10.0.0.0/8")
        self.assertTrue(settings.blocked_clients.has_address("10.0.0.1"))
        self.assertEqual(settings.config("BlockedClients"), "10.0.0.0/8")
