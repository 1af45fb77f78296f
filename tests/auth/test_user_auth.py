"""
Whole conversations of the ssh-userauth service, as bytes.
"""

from typing import Any

from twisted.conch.error import NotEnoughAuthentication, ValidPublicKey
from twisted.conch.ssh.common import NS
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from conchsftp.auth.credentials import KeyOffer, KeyProof
from conchsftp.auth.progress import MOST_REQUESTS
from conchsftp.auth.user_auth import LONGEST_REQUEST, MOST_WAITING
from conchsftp.errors import ProtocolViolation
from tests.auth.support import (
    BANNER,
    FAILURE,
    PK_OK,
    SUCCESS,
    Avatar,
    Ed25519,
    SecurityKey,
    Transport,
    offer,
    password_request,
    proof,
    request,
    unhex,
)

A, B = Ed25519(), Ed25519()
METHODS = b"publickey,password,keyboard-interactive"
REFUSED = (FAILURE, NS(METHODS) + b"\0")
NONE = request(b"alice", b"none")
WRONG = password_request(b"alice", b"wrong")
RIGHT = password_request(b"alice", b"right")


@implementer(ICredentialsChecker)
class Passwords:
    """Lets alice in with `right`; `answers` may take over."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, answer: Any = None) -> None:
        self.asked: list[Any] = []
        self.answer = answer

    def requestAvatarId(self, credentials: Any) -> Any:
        self.asked.append(credentials)
        if self.answer is not None:
            return self.answer()
        if (credentials.username, credentials.password) == (b"alice", b"right"):
            return succeed(credentials.username)
        raise UnauthorizedLogin("no")


@implementer(ICredentialsChecker)
class Keys:
    """Lets users in with listed keys, as a careful checker of Conch does."""

    credentialInterfaces = (ISSHPrivateKey,)

    def __init__(self, **blobs: Any) -> None:
        self.blobs = blobs
        self.asked: list[Any] = []

    def requestAvatarId(self, credentials: Any) -> Any:
        self.asked.append(credentials)
        key = self.blobs.get(credentials.username.decode())
        if key is None or key.blob != credentials.blob:
            raise UnauthorizedLogin("unknown key")
        if credentials.signature is None:
            raise ValidPublicKey
        return credentials.username


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
        for name in (b"\xff", b"a\0", b"a\n", b"\x7f", b"a" * 256):
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


class OrderTests(SynchronousTestCase):
    def test_pipelined(self) -> None:
        """Requests that come at once are judged one after the other and answered in order."""
        waiting: list[Deferred[bytes]] = []

        def answer() -> Deferred[bytes]:
            waiting.append(Deferred())
            return waiting[-1]

        transport = Transport(Passwords(answer), Keys(alice=A))
        for payload in (WRONG, NONE, offer(b"alice", A), RIGHT, WRONG):
            transport.receive(payload)
        self.assertEqual((len(waiting), transport.sent), (1, []))
        waiting[0].errback(UnauthorizedLogin())
        transport.clock.advance(10)
        self.assertEqual([number for number, _ in transport.sent], [FAILURE, FAILURE, PK_OK])
        self.assertEqual(len(waiting), 2)
        waiting[1].callback(b"alice")
        self.assertEqual(transport.sent[-1], (SUCCESS, b""))
        transport.clock.advance(10)
        self.assertEqual((len(transport.sent), len(waiting)), (4, 2))

    def test_waiting_is_bounded(self) -> None:
        """As many requests as the bound may wait, one more is a violation."""
        transport = Transport(Passwords(Deferred))
        for _ in range(1 + MOST_WAITING):
            transport.receive(WRONG)
        self.assertRaises(ProtocolViolation, transport.receive, WRONG)

    def test_refusals_wait(self) -> None:
        """While a refusal waits for its time, nothing else is judged."""
        checker = Passwords()
        transport = Transport(checker)
        transport.receive(WRONG)
        transport.receive(RIGHT)
        transport.clock.advance(0.99)
        self.assertEqual((len(checker.asked), transport.sent), (1, []))
        transport.clock.advance(0.27)
        self.assertEqual([number for number, _ in transport.sent], [FAILURE, SUCCESS])

    def test_one_text_one_time(self) -> None:
        """Unknown user, wrong password and a slow or a broken check are refused alike, at the same time."""
        answers = (
            None,
            lambda: 1 / 0,
            lambda: succeed(None),
            lambda: deferred_after(transport, 0.4),
            lambda: deferred_after(transport, 0.9),
        )
        times = set()
        for answer in answers:
            transport = Transport(Passwords(answer), Keys())
            transport.receive(WRONG)
            while not transport.sent:
                transport.clock.advance(0.001)
            times.add((round(transport.clock.seconds(), 6), transport.sent[0]))
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual(len(times), 1)


def deferred_after(transport: Transport, seconds: float) -> "Deferred[None]":
    done: Deferred[None] = Deferred()
    transport.clock.callLater(seconds, done.callback, None)
    return done


class BannerTests(SynchronousTestCase):
    def test_first_answer(self) -> None:
        """The banner goes out once, before the first answer, its lines end in CRLF (RFC 4252, 5.4)."""
        transport = Transport(Passwords(), Keys(), user_auth_banner="Welcome\nå")
        text = unhex("0000000d 57656c636f6d65 0d0a c3a5 0d0a  00000000")
        self.assertEqual(transport.ask(NONE), [(BANNER, text), REFUSED])
        self.assertEqual(transport.ask(RIGHT), [(SUCCESS, b"")])

    def test_before_success(self) -> None:
        """It comes before SUCCESS if that is the first answer."""
        transport = Transport(Passwords(), user_auth_banner="x\r\n")
        self.assertEqual([number for number, _ in transport.ask(RIGHT)], [BANNER, SUCCESS])

    def test_set_while_judging(self) -> None:
        """A handler of the first request may still set it."""
        checker = Passwords()
        transport = Transport(checker)

        def answer() -> "Deferred[bytes]":
            transport.settings.user_auth_banner = "late"
            return succeed(b"alice")

        checker.answer = answer
        self.assertEqual([number for number, _ in transport.ask(RIGHT)], [BANNER, SUCCESS])


class PartialTests(SynchronousTestCase):
    def both(self) -> tuple[Transport, Passwords]:
        """A password is good but not enough; a key completes it."""

        def answer() -> Any:
            raise NotEnoughAuthentication

        checker = Passwords(answer)
        return Transport(checker, Keys(alice=A, carol=A)), checker

    def test_partial(self) -> None:
        """A method that is not enough is answered with partial success 1 and the methods that remain."""
        transport, _ = self.both()
        self.assertEqual(transport.ask(RIGHT, 0.0), [(FAILURE, NS(b"publickey") + b"\x01")])
        self.assertEqual(transport.service.progress.failures, 0)
        self.assertEqual(transport.ask(proof(b"alice", A)), [(SUCCESS, b"")])

    def test_not_twice(self) -> None:
        """A method that was accepted once is not a second factor."""
        transport, checker = self.both()
        transport.ask(RIGHT)
        self.assertEqual(transport.ask(RIGHT), [(FAILURE, NS(b"publickey") + b"\0")])
        self.assertEqual(len(checker.asked), 1)

    def test_other_user(self) -> None:
        """Another user name after partial success ends the connection."""
        transport, _ = self.both()
        transport.ask(RIGHT)
        self.assertEqual(transport.ask(proof(b"carol", A)), [])
        self.assertEqual([reason for reason, _ in transport.disconnected], [2])
        self.assertEqual(transport.logins, [])

    def test_other_user_before(self) -> None:
        """Without partial success the name may change: nothing is kept that could be carried over."""
        transport = Transport(Passwords(), Keys(carol=A))
        self.assertEqual(transport.ask(WRONG), [REFUSED])
        self.assertEqual(transport.ask(proof(b"carol", A)), [(SUCCESS, b"")])


class AbandonedTests(SynchronousTestCase):
    def test_checker_cancelled(self) -> None:
        """A connection that is lost while a checker works cancels it; nothing is sent, nothing is left."""
        cancelled: list[object] = []
        transport = Transport(Passwords(lambda: Deferred(cancelled.append)))
        transport.receive(RIGHT)
        transport.receive(WRONG)
        transport.service.serviceStopped()
        transport.clock.advance(10)
        self.assertEqual((len(cancelled), transport.sent, transport.logins), (1, [], []))
        self.assertEqual(transport.clock.getDelayedCalls(), [])

    def test_stubborn_checker(self) -> None:
        """A checker that accepts when it is cancelled logs nobody in."""
        made: list[str] = []
        transport = Transport(Passwords(lambda: Deferred(lambda d: d.callback(b"alice"))), make_avatar=made.append)
        transport.receive(RIGHT)
        transport.service.serviceStopped()
        self.assertEqual((made, transport.sent, transport.logins), ([], [], []))

    def test_refusal_cancelled(self) -> None:
        """A refusal that waits for its time is dropped; no timer stays behind."""
        transport = Transport(Passwords())
        transport.receive(WRONG)
        self.assertEqual(len(transport.clock.getDelayedCalls()), 1)
        transport.service.serviceStopped()
        self.assertEqual(transport.clock.getDelayedCalls(), [])
        self.assertEqual(transport.sent, [])

    def test_late_avatar(self) -> None:
        """An avatar that is ready after the connection has gone is logged out at once."""
        ready: Deferred[Avatar] = Deferred()
        transport = Transport(Passwords(), make_avatar=lambda name: ready)
        transport.receive(RIGHT)
        transport.service.serviceStopped()
        avatar = Avatar("alice")
        ready.callback(avatar)
        self.assertEqual((avatar.logouts, transport.sent, transport.logins), (1, [], []))

    def test_lost_while_answering(self) -> None:
        """If sending SUCCESS finds the connection gone, the avatar is logged out and not handed over."""
        made: list[Avatar] = []

        def make(name: str) -> Avatar:
            made.append(Avatar(name))
            return made[-1]

        transport = Transport(Passwords(), make_avatar=make)
        transport.sendPacket = lambda *args: transport.service.serviceStopped()  # type: ignore[method-assign]
        transport.receive(RIGHT)
        self.assertEqual(([avatar.logouts for avatar in made], transport.logins), ([1], []))

    def test_late_failure(self) -> None:
        """An avatar that fails after the connection has gone is logged if it is our bug, and nothing else happens."""
        for error, logged in ((UnauthorizedLogin(), 0), (KeyError(), 1)):
            ready: Deferred[Avatar] = Deferred()
            transport = Transport(Passwords(), make_avatar=lambda name, ready=ready: ready)
            transport.receive(RIGHT)
            transport.service.serviceStopped()
            ready.errback(error)
            self.assertEqual(len(self.flushLoggedErrors()), logged)
            self.assertEqual(transport.sent, [])

    def test_stopped_twice(self) -> None:
        """Stopping twice, or before anything came, does no harm."""
        transport = Transport(Passwords())
        transport.service.serviceStopped()
        transport.service.serviceStopped()
        transport.receive(RIGHT)
        self.assertEqual(transport.sent, [])

    def test_refused_while_keys_change(self) -> None:
        """If an answer cannot be sent because the peer overruns a key exchange, the connection ends."""
        transport = Transport(Passwords())

        def full(number: int, payload: bytes) -> None:
            raise ProtocolViolation(2, "too many requests during a key exchange")

        transport.sendPacket = full  # type: ignore[method-assign]
        transport.receive(NONE)
        self.assertEqual(transport.disconnected, [(2, b"too many requests during a key exchange")])
