"""
What waits for new keys: answers during later exchanges, and logins that are over in the middle of one.
"""

from struct import pack

from twisted.internet.defer import Deferred

from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.phases import Stage
from conchsftp.testing import MemoryClient
from tests.ssh.case import RekeyingCase

PING = b"\0\0\0\4ping"
PASSWORD = b"\0\0\0\0\x08password"


class HeldTests(RekeyingCase):
    """Answers that wait for new keys."""

    def test_order(self) -> None:
        """They come after NEWKEYS, in their order."""
        client = self.waiting()
        for number in range(100):
            client.packet(192, pack(">II", 4, number))
        self.assertNotIn(193, client.numbers)
        self.go_on(client)
        self.assertEqual([client.take(193) for _ in range(100)], [pack(">II", 4, number) for number in range(100)])
        self.assertLess(client.numbers.index(21, 5), client.numbers.index(193))

    def test_not_held(self) -> None:
        """What belongs to the transport does not wait."""
        client = self.waiting()
        client.packet(255)
        client.take(3)
        client.server.sendDisconnect(Reason.BY_APPLICATION, b"enough")
        client.pump()
        self.assert_ended(client, Reason.BY_APPLICATION, "enough")

    def test_keep_alive(self) -> None:
        """Nor does a question whether the client is there get into an exchange."""
        self.serve(ssh_keep_alive_interval=10, default_timeout=0)
        client = self.waiting()
        self.clock.advance(10)
        client.pump()
        self.assertEqual(client.numbers.count(80), 1)  # the host keys, after the login
        self.go_on(client)
        client.take(80)

    def test_bounded_number(self) -> None:
        """A peer that goes on asking instead of answering our KEXINIT is stopped: 2000 answers wait, not one more."""
        for count, ends in ((2000, False), (2001, True)):
            client = self.waiting()
            for _ in range(count):
                client.lay(192, PING)
            client.pump()
            self.assertEqual(client.pipe.closing, ends)
            if ends:
                self.assert_ended(client, text="too many")
            else:
                self.go_on(client)
                self.assertEqual(client.numbers.count(193), count)

    def test_bounded_bytes(self) -> None:
        """Nor may few large answers pile up."""
        client = self.waiting()
        large = pack(">I", 200_000) + bytes(200_000)
        for _ in range(20):
            client.lay(192, large)
        client.pump()
        self.assert_ended(client, text="too many")


class LoginTests(RekeyingCase):
    """Key exchanges that the client starts before the login is over."""

    def finish(self, client: MemoryClient) -> None:
        """Log in and say something, under whatever keys and compression there are."""
        client.authenticate("user", "password", PASSWORD)
        client.take(52)
        client.packet(192, PING)
        self.assertEqual(client.take(193), PING)
        client.rekey()
        client.packet(192, PING)
        self.assertEqual(client.take(193), PING)

    def test_before_the_service(self) -> None:
        """Before any service is asked for."""
        client = self.at(Stage.SERVICE)
        client.rekey()
        self.assertIs(client.server.stage, Stage.SERVICE)
        client.ask_for_login()
        self.finish(client)

    def test_no_service(self) -> None:
        """An exchange is no way around asking for the service."""
        client = self.at(Stage.SERVICE)
        client.rekey()
        client.authenticate("user", "password", PASSWORD)
        self.assert_ended(client, text="message 50")

    def test_between_attempts(self) -> None:
        """Between two attempts."""
        client = self.at(Stage.AUTH, compression="zlib@openssh.com")
        client.rekey()
        client.authenticate("user", "none")
        client.take(51)
        client.rekey()
        self.finish(client)

    def check_during_attempt(self, stop_at: int, compression: str) -> None:
        """Let an attempt succeed in the middle of an exchange: before the client's message `stop_at` arrives."""
        judged = self.judging()
        client = self.at(Stage.AUTH, compression=compression)
        client.authenticate("user", "password", PASSWORD)
        self.stop_at(client, stop_at)
        client.rekey()
        self.assertIs(client.server.stage, Stage.REKEY_AUTH)
        judged.callback(None)
        client.pump()
        self.assertEqual(52 in client.numbers, stop_at == 21)
        self.deliver(client)
        client.take(52)
        self.assertIs(client.server.stage, Stage.CONNECTED)
        for _ in range(2):
            client.packet(192, PING)
            self.assertEqual(client.take(193), PING)
            client.rekey()

    def judging(self) -> "Deferred[None]":
        """Make a server that judges attempts when what is returned is fired."""
        judged: Deferred[None] = Deferred()
        (checker,) = set(self.serve().factory.portal.checkers.values())
        check = checker.requestAvatarId
        checker.requestAvatarId = lambda credentials: judged.addCallback(lambda _: check(credentials))
        return judged

    def test_during_attempt(self) -> None:
        """While an attempt is judged: the answer waits for the new keys, and compression starts behind it."""
        for compression in ("none", "zlib@openssh.com"):
            self.check_during_attempt(30, compression)

    def test_behind_our_keys(self) -> None:
        """An answer between our NEWKEYS and the client's."""
        for compression in ("none", "zlib@openssh.com"):
            self.check_during_attempt(21, compression)

    def test_lost_meanwhile(self) -> None:
        """An avatar whose login was over, but not told, is logged out if the connection is lost."""
        judged = self.judging()
        client = self.at(Stage.AUTH)
        client.authenticate("user", "password", PASSWORD)
        client.automatic = False
        client.rekey()
        judged.callback(None)
        client.pump()
        self.assertNotIn(52, client.numbers)
        client.pipe.cut()
        self.assert_gone(client)
        self.assertEqual(self.avatar.logouts, 1)
