"""
The gate between the socket and the messages.
"""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.ssh.gate import Gate
from conchsftp.ssh.outlet import Outlet
from conchsftp.ssh.packets.staging import Sender, StagingPool
from conchsftp.testing import MemoryClient
from tests.ssh.case import ConnectionCase
from tests.ssh.ordinary import OrdinaryClient
from tests.ssh.test_outlet import Direct


class GateTests(SynchronousTestCase):
    """The gate alone."""

    def setUp(self) -> None:
        self.socket = Direct()
        outlet = Outlet(Sender(StagingPool()), lambda: None)
        outlet.attach(self.socket)
        self.gate = Gate(outlet)

    def test_socket(self) -> None:
        """While it is shut, the socket is not read."""
        self.assertEqual((self.gate.shut, self.socket.reading), (False, True))
        self.gate.close()
        self.assertEqual((self.gate.shut, self.socket.reading), (True, False))
        self.gate.open()
        self.assertEqual((self.gate.shut, self.socket.reading), (False, True))

    def test_twice(self) -> None:
        """Who shuts it opens it: as long as anybody has not, it stays shut."""
        self.gate.close()
        self.gate.close()
        self.gate.open()
        self.assertEqual((self.gate.shut, self.socket.reading), (True, False))
        self.gate.open()
        self.assertEqual((self.gate.shut, self.socket.reading), (False, True))

    def test_early(self) -> None:
        """What comes all the same is kept in its order, and fetched once."""
        view = memoryview(bytearray(b"cd"))
        self.gate.keep(b"ab")
        self.gate.keep(view)
        view[:] = b"xx"
        self.assertEqual((self.gate.fetch(), self.gate.fetch()), (b"abcd", b""))


class SuspendedTests(ConnectionCase):
    """A connection whose gate is shut."""

    def test_suspended(self) -> None:
        """Messages wait, and are handled once; in both kinds of transports."""
        for kind in (MemoryClient, OrdinaryClient):
            client = self.client() if kind is MemoryClient else OrdinaryClient(self.factory)
            client.log_in()
            client.server.suspend()
            client.lay(192, b"1")
            client.pump()
            self.assertNotIn(193, client.numbers)
            client.server.resume()
            client.pump()
            self.assertEqual(client.numbers.count(193), 1)

    def test_two_reasons(self) -> None:
        """A turn that begins again lets nobody past an answer that is still being computed."""
        client = self.logged_in()
        client.server.suspend()
        client.server.suspend()
        client.lay(192, b"1")
        client.pump()
        client.server.resume()
        client.pump()
        self.assertNotIn(193, client.numbers)
        client.server.resume()
        client.pump()
        self.assertEqual(client.numbers.count(193), 1)
