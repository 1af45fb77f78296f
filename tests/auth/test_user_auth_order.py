"""
Logins in their order: several attempts at a time, banners, several factors, and connections that are lost meanwhile.
"""

from typing import Any

from twisted.conch.error import NotEnoughAuthentication
from twisted.conch.ssh.common import NS
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.user_auth import MOST_WAITING
from conchsftp.errors import ProtocolViolation
from tests.auth.support import (
    BANNER,
    FAILURE,
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
    Transport,
    offer,
    proof,
    unhex,
)

A, B = Ed25519(), Ed25519()


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
