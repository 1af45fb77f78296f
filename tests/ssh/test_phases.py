"""
The table of what may come when.
"""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.ssh.numbers import Message
from conchsftp.ssh.phases import ALLOWED, HELD_DURING_KEX, KNOWN, STRICT, Stage

TABLES = {"plain": ALLOWED, "strict": STRICT}
EXCHANGES = (Stage.FIRST_KEX, Stage.REKEY_AUTH, Stage.REKEY)


class TableTests(SynchronousTestCase):
    """Rows and columns of the table."""

    def test_every_stage(self) -> None:
        """Every stage has a row, with and without strict key exchange."""
        for name, table in TABLES.items():
            self.assertEqual(set(table), set(Stage), name)

    def test_connection_after_authentication(self) -> None:
        """No message of the connection protocol is accepted before the login is over (RFC 4252, 6)."""
        for name, table in TABLES.items():
            stages = {stage for stage, allowed in table.items() if allowed & set(range(80, 128))}
            self.assertEqual(stages, {Stage.CONNECTED}, name)

    def test_authentication_after_the_service(self) -> None:
        """No authentication is accepted before its service was asked for, nor an answer of a method after the login."""
        for name, table in TABLES.items():
            requests = {stage for stage, allowed in table.items() if Message.USERAUTH_REQUEST in allowed}
            self.assertEqual(requests, {Stage.AUTH, Stage.CONNECTED}, name)
            answers = {stage for stage, allowed in table.items() if allowed & set(range(60, 80))}
            self.assertEqual(answers, {Stage.AUTH}, name)

    def test_service_request(self) -> None:
        """A service is asked for under protection, and before the login is over."""
        for name, table in TABLES.items():
            stages = {stage for stage, allowed in table.items() if Message.SERVICE_REQUEST in allowed}
            self.assertEqual(stages, {Stage.SERVICE, Stage.AUTH}, name)

    def test_nothing_before_the_version(self) -> None:
        """Before the identification line there are no messages."""
        self.assertEqual(ALLOWED[Stage.VERSION], frozenset())

    def test_kexinit(self) -> None:
        """A key exchange may begin when none is going on, and a second one may not begin inside it (RFC 4253, 9)."""
        for name, table in TABLES.items():
            stages = {stage for stage, allowed in table.items() if Message.KEXINIT in allowed}
            self.assertEqual(stages, set(Stage) - set(EXCHANGES) - {Stage.VERSION}, name)

    def test_exchange(self) -> None:
        """NEWKEYS and the messages of the method come inside a key exchange, and only there."""
        for number in (Message.NEWKEYS, *range(30, 50)):
            for name, table in TABLES.items():
                stages = {stage for stage, allowed in table.items() if number in allowed}
                self.assertEqual(stages, set(EXCHANGES), (name, number))

    def test_only_exchange_inside_an_exchange(self) -> None:
        """Between KEXINIT and NEWKEYS only 1 to 4, 20 to 29 and 30 to 49 may come (RFC 4253, 7.1)."""
        for name, table in TABLES.items():
            for stage in EXCHANGES:
                self.assertLessEqual(table[stage], {1, 2, 3, 4, *range(20, 50)}, (name, stage))

    def test_disconnect(self) -> None:
        """A peer may always leave."""
        for name, table in TABLES.items():
            stages = {stage for stage, allowed in table.items() if Message.DISCONNECT in allowed}
            self.assertEqual(stages, set(Stage) - {Stage.VERSION}, name)

    def test_messages_of_a_server(self) -> None:
        """What only a server sends is never accepted."""
        ours = {
            Message.SERVICE_ACCEPT,
            Message.USERAUTH_FAILURE,
            Message.USERAUTH_SUCCESS,
            Message.USERAUTH_BANNER,
            Message.PONG,
        }
        self.assertEqual(KNOWN & ours, frozenset())

    def test_ping(self) -> None:
        """A ping is for after the login."""
        stages = {stage for stage, allowed in ALLOWED.items() if Message.PING in allowed}
        self.assertEqual(stages, {Stage.CONNECTED})


class StrictTests(SynchronousTestCase):
    """Strict key exchange, the answer to CVE-2023-48795."""

    def test_first_exchange(self) -> None:
        """Inside the first exchange nothing is accepted that an attacker could add or drop unnoticed."""
        self.assertEqual(STRICT[Stage.FIRST_KEX] & set(range(30)), {Message.DISCONNECT, Message.NEWKEYS})

    def test_later(self) -> None:
        """What strict key exchange forbids it forbids in the first exchange only."""
        for stage in set(Stage) - {Stage.FIRST_KEX}:
            self.assertEqual(STRICT[stage], ALLOWED[stage], stage)

    def test_never_more(self) -> None:
        """Strict key exchange allows nothing that is not allowed without it."""
        for stage in Stage:
            self.assertLessEqual(STRICT[stage], ALLOWED[stage], stage)


class DerivedTests(SynchronousTestCase):
    """What other modules ask about numbers as such."""

    def test_known(self) -> None:
        """A number is known if it may come in some stage."""
        for number in range(256):
            self.assertEqual(number in KNOWN, any(number in allowed for allowed in ALLOWED.values()), number)

    def test_held(self) -> None:
        """During a key exchange we send 1 to 4, 20 to 29 and 30 to 49 and hold back the rest (RFC 4253, 7.1)."""
        sent = set(range(256)) - HELD_DURING_KEX
        self.assertEqual(sent, {1, 2, 3, 4, 20, 21, *range(30, 50)})

    def test_held_by_name(self) -> None:
        """Services, extensions, pongs and channels wait for the new keys."""
        for number in (
            Message.SERVICE_ACCEPT,
            Message.EXT_INFO,
            Message.USERAUTH_SUCCESS,
            Message.CHANNEL_DATA,
            Message.CHANNEL_WINDOW_ADJUST,
            Message.GLOBAL_REQUEST,
            Message.PONG,
        ):
            self.assertIn(number, HELD_DURING_KEX)
