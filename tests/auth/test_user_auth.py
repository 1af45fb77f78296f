"""
Whole conversations of the ssh-userauth service, as bytes.
"""

from typing import Any

from twisted.conch.ssh.common import NS
from twisted.cred.credentials import ISSHPrivateKey
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.credentials import KeyOffer, KeyProof
from conchsftp.auth.progress import MOST_REQUESTS
from conchsftp.auth.user_auth import LONGEST_REQUEST
from conchsftp.errors import ProtocolViolation
from tests.auth.support import (
    FAILURE,
    METHODS,
    NONE,
    PK_OK,
    REFUSED,
    RIGHT,
    SUCCESS,
    WRONG,
    Avatar,
    Ed25519,
    Keys,
    Passwords,
    SecurityKey,
    Transport,
    offer,
    password_request,
    proof,
    request,
    unhex,
)

A, B = Ed25519(), Ed25519()


class LoginTests(SynchronousTestCase):
    def test_methods(self) -> None:
        """`none` is answered at once with the list of methods and partial success 0 (RFC 4252, 5.1)."""
        transport = Transport(Passwords(), Keys())
        self.assertEqual(
            transport.ask(NONE, seconds=0.0),
            [(51, unhex("00000027") + METHODS + b"\0")],
        )

    def test_password(self) -> None:
        """The right password: SUCCESS, then the transport gets user name, avatar and logout."""
        transport = Transport(Passwords(), Keys())
        self.assertEqual(transport.ask(RIGHT, seconds=0.0), [(SUCCESS, b"")])
        ((name, avatar, logout),) = transport.logins
        self.assertEqual((name, avatar.name), ("alice", "alice"))
        logout()
        logout()
        self.assertEqual(avatar.logouts, 1)

    def test_wrong_password(self) -> None:
        """A wrong password is refused in the words in which everything is refused."""
        transport = Transport(Passwords(), Keys())
        self.assertEqual(transport.ask(WRONG), [REFUSED])
        self.assertEqual(transport.logins, [])
        self.assertEqual(transport.ask(RIGHT), [(SUCCESS, b"")])

    def test_key(self) -> None:
        """An offered key that is listed gets PK_OK with algorithm and blob; its proof logs in."""
        transport = Transport(Passwords(), Keys(alice=A))
        self.assertEqual(transport.ask(NONE), [REFUSED])
        self.assertEqual(transport.ask(offer(b"alice", A), 0.0), [(PK_OK, NS(b"ssh-ed25519") + NS(A.blob))])
        self.assertEqual(transport.ask(proof(b"alice", A), 0.0), [(SUCCESS, b"")])
        self.assertEqual(transport.logins[0][0], "alice")

    def test_security_key(self) -> None:
        """A security key logs in if it was touched, and not otherwise."""
        for flags, answer in ((1, (SUCCESS, b"")), (0, REFUSED)):
            key = SecurityKey(flags)
            transport = Transport(Passwords(), Keys(alice=key))
            self.assertEqual(transport.ask(proof(b"alice", key)), [answer])

    def test_proof_without_offer(self) -> None:
        """A client may sign without asking first."""
        self.assertEqual(Transport(Keys(alice=A)).ask(proof(b"alice", A)), [(SUCCESS, b"")])

    def test_offer_does_not_log_in(self) -> None:
        """An offer never logs in, even if a careless checker names a user for it."""
        checker = Passwords(lambda: succeed(b"alice"))
        checker.credentialInterfaces = (ISSHPrivateKey,)
        transport = Transport(checker)
        self.assertEqual(transport.ask(offer(b"alice", A))[0][0], PK_OK)
        self.assertEqual(transport.logins, [])

    def test_unknown_offer(self) -> None:
        """PK_OK only for keys that the checker accepts."""
        transport = Transport(Keys(alice=A))
        self.assertEqual(transport.ask(offer(b"alice", B)), [(FAILURE, NS(b"publickey") + b"\0")])
        self.assertEqual(transport.ask(offer(b"carol", A)), [(FAILURE, NS(b"publickey") + b"\0")])

    def test_offered_and_signed_keys_differ(self) -> None:
        """Offer A, offer B, sign with A: the proof is of A, and B is never heard of again (CVE-2024-45337)."""
        keys = Keys(alice=A, admin=B)
        transport = Transport(keys)
        self.assertEqual(transport.ask(offer(b"alice", A))[0][0], PK_OK)
        self.assertEqual(transport.ask(offer(b"admin", B))[0][0], PK_OK)
        self.assertEqual(transport.ask(proof(b"alice", A)), [(SUCCESS, b"")])
        self.assertEqual([type(asked) for asked in keys.asked], [KeyOffer, KeyOffer, KeyProof])
        self.assertEqual((keys.asked[-1].blob, keys.asked[-1].user_name), (A.blob, "alice"))
        self.assertEqual([login[0] for login in transport.logins], ["alice"])

    def test_signed_by_another_key(self) -> None:
        """The key of one, signed by the key of another: refused before any checker is asked."""
        keys = Keys(alice=A, admin=B)
        transport = Transport(keys)
        self.assertEqual(transport.ask(offer(b"admin", B))[0][0], PK_OK)
        keys.asked.clear()
        self.assertEqual(transport.ask(proof(b"admin", B, signer=A)), [(FAILURE, NS(b"publickey") + b"\0")])
        self.assertEqual(keys.asked, [])

    def test_credentials_carry_the_attempt(self) -> None:
        """A checker sees address, method and user name."""
        checker = Passwords()
        Transport(checker).ask(RIGHT)
        (asked,) = checker.asked
        self.assertEqual(
            (asked.address.host, asked.attempt.method, asked.user_name), ("192.0.2.1", "password", "alice")
        )

    def test_late_requests(self) -> None:
        """Requests after SUCCESS are silently ignored (RFC 4252, 5.1)."""
        transport = Transport(Passwords())
        transport.ask(RIGHT)
        self.assertEqual(transport.ask(WRONG), [])
        self.assertEqual(transport.disconnected, [])

    def test_coroutines(self) -> None:
        """Checker and avatar may be made by coroutines."""

        async def name() -> bytes:
            return b"alice"

        async def make(name: str) -> Avatar:
            return Avatar(name.upper())

        transport = Transport(Passwords(name), make_avatar=make)
        self.assertEqual(transport.ask(RIGHT), [(SUCCESS, b"")])
        self.assertEqual(transport.logins[0][1].name, "ALICE")


class RefusalTests(SynchronousTestCase):
    def test_nobody_named(self) -> None:
        """A checker that returns nothing has accepted nobody."""
        for nothing in (None, b"", (), False):
            transport = Transport(Passwords(lambda nothing=nothing: succeed(nothing)))
            self.assertEqual(transport.ask(RIGHT)[0][0], FAILURE)

    def test_broken_checker(self) -> None:
        """A checker that fails refuses; the failure is logged once, the peer learns nothing of it."""
        transport = Transport(Passwords(lambda: 1 / 0), Keys())
        self.assertEqual(transport.ask(RIGHT), [REFUSED])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_broken_realm(self) -> None:
        """An avatar that cannot be made is a refusal, too."""
        for error, logged in ((UnauthorizedLogin, 0), (KeyError, 1)):

            def make(name: str, error: type[Exception] = error) -> Any:
                raise error(name)

            transport = Transport(Passwords(), Keys(), make_avatar=make)
            self.assertEqual(transport.ask(RIGHT), [REFUSED])
            self.assertEqual(len(self.flushLoggedErrors(error)), logged)

    def test_broken_transport(self) -> None:
        """If the session cannot be started after SUCCESS, the connection ends; it does not hang."""
        transport = Transport(Passwords())
        transport.authenticated = lambda *args: 1 / 0  # type: ignore[assignment]
        self.assertEqual(transport.ask(RIGHT), [(SUCCESS, b"")])
        self.assertEqual(transport.disconnected, [(11, b"internal error")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_names(self) -> None:
        """Names that are not UTF-8, hold control characters or are longer than 255 bytes are nobody's."""
        checker = Passwords(lambda: succeed(b"alice"))
        for name in (b"\xff", b"a\0", b"a\n", b"\x7f", b"a\xc2\x9b", b"a" * 256):
            self.assertEqual(Transport(checker, Keys()).ask(password_request(name, b"right")), [REFUSED])
        self.assertEqual(checker.asked, [])
        for name in ("åsa".encode(), b"a" * 255):
            self.assertEqual(Transport(checker).ask(password_request(name, b"right")), [(SUCCESS, b"")])

    def test_password_change(self) -> None:
        """A request to change the password is refused and not looked at."""
        checker = Passwords()
        change = request(b"alice", b"password", b"\x01" + NS(b"right") + NS(b"new"))
        self.assertEqual(Transport(checker, Keys()).ask(change), [REFUSED])
        self.assertEqual(checker.asked, [])

    def test_unknown_method(self) -> None:
        """A method that we do not know is refused, with the list of those we do."""
        for method in (b"hostbased", b"\xff", b""):
            self.assertEqual(Transport(Passwords(), Keys()).ask(request(b"alice", method, b"junk")), [REFUSED])

    def test_method_not_offered(self) -> None:
        """A method that is switched off is not tried, whatever the checkers could do."""
        checker = Passwords()
        transport = Transport(checker, Keys(), default_auth_methods=("publickey",))
        self.assertEqual(transport.ask(RIGHT), [(FAILURE, NS(b"publickey") + b"\0")])
        self.assertEqual(checker.asked, [])

    def test_available_methods(self) -> None:
        """Offered is what the setting names and a checker serves, in the order of the setting; never `none`."""
        both = (Keys(), Passwords())
        for checkers, order, expected in (
            (both, ("none", "password", "publickey"), b"password,keyboard-interactive,publickey"),
            (both, ("keyboard-interactive", "publickey", "password"), b"keyboard-interactive,publickey,password"),
            (both, ("keyboard-interactive",), b"keyboard-interactive"),
            (both, ("publickey",), b"publickey"),
            ((Keys(),), ("password", "publickey", "keyboard-interactive"), b"publickey"),
            ((), ("password", "publickey"), b""),
        ):
            transport = Transport(*checkers, default_auth_methods=order)
            self.assertEqual(transport.ask(NONE), [(FAILURE, NS(expected) + b"\0")])

    def test_service(self) -> None:
        """Only ssh-connection may be asked for; anything else is told so and disconnected (RFC 4252, 5)."""
        transport = Transport(Passwords())
        transport.ask(request(b"alice", b"password", b"\0" + NS(b"right"), service=b"ssh-userauth"))
        self.assertEqual([reason for reason, _ in transport.disconnected], [7])
        self.assertEqual(transport.logins, [])

    def test_other_messages(self) -> None:
        """Messages of methods that asked for nothing are answered UNIMPLEMENTED."""
        transport = Transport(Passwords())
        for number in (51, 52, 53, 60, 61, 79):
            transport.receive(b"", number)
        self.assertEqual((transport.unimplemented, transport.sent), (6, []))

    def test_nothing_secret_is_logged(self) -> None:
        """Neither a password nor its repr is in the log of a refused login or of a broken checker."""
        from twisted.logger import globalLogPublisher

        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        secret = password_request(b"alice", b"hunter2")
        Transport(Passwords()).ask(secret)
        Transport(Passwords(lambda: 1 / 0)).ask(secret)
        (failure,) = self.flushLoggedErrors(ZeroDivisionError)
        self.assertGreater(len(events), 1)
        self.assertNotIn("hunter2", repr(events) + failure.getTraceback())


class CountTests(SynchronousTestCase):
    def test_attempts(self) -> None:
        """One attempt below MaxAuthAttempts is refused, the one at it ends the connection; nothing comes after."""
        transport = Transport(Passwords(), Keys(), max_auth_attempts=3)
        self.assertEqual(transport.ask(NONE), [REFUSED])
        self.assertEqual([transport.ask(WRONG) for _ in range(2)], [[REFUSED]] * 2)
        self.assertEqual(transport.disconnected, [])
        self.assertEqual(transport.ask(WRONG), [])
        self.assertEqual(transport.disconnected, [(2, b"Too many authentication failures")])
        self.assertEqual(transport.ask(RIGHT), [])
        self.assertEqual(transport.logins, [])

    def test_refused_offers_count(self) -> None:
        """Refused offers and a second `none` count as well."""
        transport = Transport(Keys(alice=A), max_auth_attempts=3)
        for payload in (NONE, NONE, offer(b"alice", B)):
            transport.ask(payload)
        self.assertEqual(transport.disconnected, [])
        transport.ask(offer(b"alice", B))
        self.assertEqual(len(transport.disconnected), 1)

    def test_accepted_offers_do_not_count(self) -> None:
        """Accepted offers are no failures, but the absolute cap holds for them."""
        transport = Transport(Keys(alice=A), max_auth_attempts=1)
        for _ in range(MOST_REQUESTS):
            self.assertEqual(transport.ask(offer(b"alice", A), 0.0)[0][0], PK_OK)
        violation = self.assertRaises(ProtocolViolation, transport.receive, offer(b"alice", A))
        self.assertEqual((violation.reason, violation.text), (2, "Too many authentication failures"))

    def test_last_request_may_succeed(self) -> None:
        """The request at the absolute cap is still served."""
        transport = Transport(Keys(alice=A))
        for _ in range(MOST_REQUESTS - 1):
            transport.ask(offer(b"alice", A), 0.0)
        self.assertEqual(transport.ask(proof(b"alice", A)), [(SUCCESS, b"")])

    def test_malformed(self) -> None:
        """A request that is cut short, at any length, is a violation; no checker sees it."""
        checker = Passwords()
        for whole in (NONE, RIGHT, offer(b"alice", A), proof(b"alice", A)):
            for length in range(len(whole)):
                transport = Transport(checker)
                self.assertRaises(ProtocolViolation, transport.receive, whole[:length])
        self.assertEqual(checker.asked, [])

    def test_longest(self) -> None:
        """A request of the greatest length is looked at, a longer one is a violation."""
        room = LONGEST_REQUEST - len(password_request(b"alice", b""))
        self.assertEqual(Transport(Passwords(), Keys()).ask(password_request(b"alice", b"x" * room)), [REFUSED])
        longer = password_request(b"alice", b"x" * (room + 1))
        self.assertRaises(ProtocolViolation, Transport(Passwords()).receive, longer)
