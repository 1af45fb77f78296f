"""
Later key exchanges that agree on something else than the one before, or come at another time.
"""

from itertools import chain

from conchsftp.ssh.algorithms.protection import CIPHERS, COMPRESSIONS, MACS
from conchsftp.ssh.algorithms.registry import Profile
from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.phases import Stage
from conchsftp.testing import MemoryClient
from conchsftp.testing.exchange import X25519Exchange
from tests.ssh.case import ConnectionCase
from tests.ssh.methods import ChosenGroupExchange, GroupExchange

PING = b"\0\0\0\4ping"
NAMES = CIPHERS.names(Profile.COMPATIBLE)
USABLE = [mac.name for mac in MACS if mac.available() is None]


class OtherAlgorithmTests(ConnectionCase):
    """One connection with one set of algorithms after the other."""

    def setUp(self) -> None:
        super().setUp()
        self.serve(
            algorithm_profile="compatible",
            ssh_mac_algorithms=",".join(USABLE),
            ssh_compression_algorithms="none,zlib@openssh.com,zlib",
        )

    def changed(self, client: MemoryClient) -> None:
        """Exchange keys, and fail unless both directions have new ones and nothing else is different."""
        session_id, before = client.session_id, client.exchanges
        client.rekey()
        self.assertEqual((client.exchanges, client.session_id), (before + 1, session_id))
        for _ in range(3):
            client.packet(192, PING)
            self.assertEqual(client.take(193), PING)

    def test_protection(self) -> None:
        """Every cipher and every MAC can follow on every other, strictly or not."""
        for strict in (True, False):
            client = self.logged_in(strict=strict)
            pairs = chain(((cipher, "hmac-sha2-256") for cipher in NAMES), (("aes128-ctr", mac) for mac in USABLE))
            for cipher, mac in pairs:
                client._offer = cipher, mac, "none"
                self.changed(client)

    def test_method(self) -> None:
        """So can another method, whose hash is another one too; the session keeps its identity."""
        client = self.logged_in()
        for method in (GroupExchange, X25519Exchange, ChosenGroupExchange, X25519Exchange):
            client.method = method
            self.changed(client)
        self.assertEqual(client.server.sessionID, client.session_id)

    def test_everything(self) -> None:
        """And everything at once."""
        client = self.logged_in()
        methods = (GroupExchange, X25519Exchange)
        for count, cipher in enumerate(NAMES):
            client.method = methods[count % 2]
            compression = list(COMPRESSIONS.rows)[count % 3]
            client._offer = cipher, ("hmac-sha2-256", "hmac-sha2-512")[count % 2], compression
            self.changed(client)
            self.assertEqual(client.server.strict, True)


class EarlyTests(ConnectionCase):
    """Before login."""

    def test_few(self) -> None:
        """A stranger has us compute a few times in one connection, and not for as long as LoginGraceTime lasts."""
        for stage in (Stage.SERVICE, Stage.AUTH):
            client = self.at(stage)
            for _ in range(3):
                client.rekey()
            self.assertEqual(client.exchanges, 4)
            client.rekey()
            self.assert_ended(client, Reason.PROTOCOL_ERROR, "too many key exchanges before login")

    def test_login_takes_the_limit_away(self) -> None:
        """Whoever has logged in exchanges keys as often as they like."""
        client = self.logged_in()
        for _ in range(9):
            client.rekey()
        self.assertEqual(client.exchanges, 10)
