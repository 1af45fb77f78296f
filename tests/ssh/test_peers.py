"""
How clients are called in the log.
"""

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.ssh.peers import called


class PeerTests(SynchronousTestCase):
    """Addresses of Twisted, as people write them."""

    def test_addresses(self) -> None:
        """Host and port, where there are any; no Python."""
        self.assertEqual(called(IPv4Address("TCP", "192.0.2.7", 51022)), "192.0.2.7:51022")
        self.assertEqual(called(IPv6Address("TCP", "2001:db8::7", 51022)), "[2001:db8::7]:51022")
        self.assertEqual(called(UNIXAddress(None)), "a local socket")
        self.assertEqual(called(None), "a local socket")
