"""
Handlers and checkers together, and more than one proof.
"""

from types import SimpleNamespace
from typing import Any

from twisted.conch.error import NotEnoughAuthentication
from twisted.conch.ssh.common import NS
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from conchsftp.auth.credentials import IAnswers
from conchsftp.events import SSHUserAuthRequest
from tests.auth.listening import A, B, Case, accept, two
from tests.auth.support import (
    FAILURE,
    INFO_REQUEST,
    INFO_RESPONSE,
    NONE,
    PK_OK,
    REFUSED,
    RIGHT,
    SUCCESS,
    WRONG,
    Keys,
    Passwords,
    Transport,
    answers,
    interactive_request,
    offer,
    password_request,
    proof,
)


class ComposedTests(Case):
    """Checkers and handlers together."""

    def test_preset(self) -> None:
        """`accept` says what the checkers say; a handler that leaves it alone changes nothing."""
        self.listen(Passwords(), Keys(alice=A))
        for payload in (NONE, WRONG, offer(b"alice", B), offer(b"alice", A)):
            self.transport.ask(payload)
        self.assertEqual(self.numbers(RIGHT), [SUCCESS])
        self.assertEqual([event.accept for event in self.told], [None, False, False, True, True])

    def test_overridden(self) -> None:
        """A handler may make a yes of a no; the avatar is then that of the user name."""
        self.listen(Passwords(), say=accept)
        self.assertEqual(self.numbers(WRONG), [SUCCESS])
        self.assertEqual(self.transport.logins[0][1].name, "alice")

    def test_vetoed(self) -> None:
        """A handler may make a no of a yes."""
        for what in (RIGHT, offer(b"alice", A), proof(b"alice", A)):
            self.listen(Passwords(), Keys(alice=A), say=lambda event: setattr(event, "accept", False))
            self.assertEqual(self.numbers(what), [FAILURE])

    def test_the_checkers_avatar(self) -> None:
        """Whom the checker names is who is logged in, though the client gave another name."""
        self.listen(Passwords(lambda: succeed(b"shared")))
        self.assertEqual(self.numbers(RIGHT), [SUCCESS])
        self.assertEqual(self.transport.logins[0][1].name, "shared")

    def test_broken_checker(self) -> None:
        """A checker that fails says no, and is logged once."""
        self.listen(Passwords(lambda: 1 / 0))
        self.assertEqual(self.numbers(RIGHT), [FAILURE])
        self.assertEqual([event.accept for event in self.told], [False])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_same_time(self) -> None:
        """A handler's refusal takes as long as a checker's."""
        times = set()
        for checkers, say in (((Passwords(),), None), ((), None), ((Passwords(),), lambda event: 1 / 0), ((), "late")):
            later: Deferred[None] = Deferred()
            transport = self.listen(*checkers, say=(lambda event, later=later: later) if say == "late" else say)
            transport.clock.callLater(0.5, later.callback, None)
            transport.receive(WRONG)
            while not transport.sent:
                transport.clock.advance(0.001)
            times.add((round(transport.clock.seconds(), 6), transport.sent[0][0]))
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual(len(times), 1)

    def test_not_enough(self) -> None:
        """A checker that asks for more presets a partial success, which a handler may leave or refuse."""

        def answer() -> Any:
            raise NotEnoughAuthentication

        self.listen(Passwords(answer), Keys(alice=A))
        self.assertEqual(self.transport.ask(RIGHT), [(FAILURE, NS(b"publickey") + b"\x01")])
        self.assertEqual([(event.accept, event.partial_success) for event in self.told], [(False, True)])
        self.listen(Passwords(answer), say=lambda event: setattr(event, "partial_success", False))
        self.assertEqual(self.transport.ask(RIGHT), [REFUSED])


class FactorsTests(Case):
    """More than one proof."""

    def test_two(self) -> None:
        """FAILURE with partial success and what remains, then SUCCESS; nothing of it counts as a failure."""
        transport = self.listen(say=two)
        self.assertEqual(self.numbers(offer(b"alice", A)), [PK_OK])
        self.assertEqual(transport.service.progress.proven, [])
        self.assertEqual(transport.ask(proof(b"alice", A), 0.0), [(FAILURE, NS(b"password") + b"\x01")])
        self.assertEqual(transport.service.progress.failures, 0)
        self.assertEqual(self.numbers(RIGHT), [SUCCESS])

    def test_neither_alone(self) -> None:
        """The second proof without the first is refused; an offer is not the first."""
        self.listen(say=two)
        self.assertEqual(self.numbers(RIGHT), [FAILURE])
        self.assertEqual(self.numbers(offer(b"alice", A)), [PK_OK])
        self.assertEqual(self.numbers(RIGHT), [FAILURE])
        self.assertEqual(self.numbers(proof(b"alice", A)) * 2, [FAILURE] * 2)
        self.assertEqual(self.numbers(proof(b"alice", A)), [FAILURE])
        self.assertEqual(self.transport.logins, [])

    def test_other_user(self) -> None:
        """What was proved for one user does not help another: the connection ends."""
        self.listen(say=two)
        self.numbers(proof(b"alice", A))
        self.assertEqual(self.numbers(password_request(b"bob", b"right")), [])
        self.assertEqual([reason for reason, _ in self.transport.disconnected], [2])
        self.assertEqual(len(self.told), 1)

    def test_other_connection(self) -> None:
        """Nor another connection."""
        self.listen(say=two)
        self.numbers(proof(b"alice", A))
        self.listen(say=two)
        self.assertEqual(self.numbers(RIGHT), [FAILURE])

    def test_other_avatar(self) -> None:
        """Proofs of different avatars make no login."""

        def say(event: SSHUserAuthRequest) -> None:
            event.partial_success = event.auth_method == "publickey"

        for named, answer in ((b"alice", SUCCESS), (b"bob", FAILURE)):
            self.listen(Keys(alice=A), Passwords(lambda named=named: succeed(named)), say=say)
            self.assertEqual(self.numbers(proof(b"alice", A)), [FAILURE])
            self.assertEqual(self.numbers(RIGHT), [answer])

    def test_avatar_of_the_first(self) -> None:
        """Whom a checker has named stays the one, though a handler alone decides about the second proof."""

        def say(event: SSHUserAuthRequest) -> None:
            event.partial_success = event.auth_method == "password"
            event.accept = not event.partial_success

        self.listen(Passwords(lambda: succeed(b"shared")), say=say)
        self.assertEqual(self.numbers(RIGHT) + self.numbers(proof(b"alice", A)), [FAILURE, SUCCESS])
        self.assertEqual(self.transport.logins[0][1].name, "shared")

    def test_both(self) -> None:
        """Accepted and partial success at once is partial success: more is required."""

        def say(event: SSHUserAuthRequest) -> None:
            event.accept = event.partial_success = True

        self.listen(say=say)
        self.assertEqual(self.transport.ask(RIGHT), [(FAILURE, NS(b"publickey") + b"\x01")])

    def test_one_proof_once(self) -> None:
        """A handler that names everything all the time does not let one proof count twice."""

        def say(event: SSHUserAuthRequest) -> None:
            event.available_methods = "password,keyboard-interactive,publickey"
            event.partial_success, event.accept = not event.proven, bool(event.proven)

        self.listen(say=say)
        self.assertEqual(self.transport.ask(RIGHT), [(FAILURE, NS(b"publickey") + b"\x01")])
        self.assertEqual(self.numbers(RIGHT) + self.numbers(interactive_request(b"alice")), [FAILURE] * 2)
        self.assertEqual(self.numbers(proof(b"alice", A)), [SUCCESS])

    def test_home_of_the_first(self) -> None:
        """A home that the first proof brought holds, unless the last one brings another."""

        def say(event: SSHUserAuthRequest) -> None:
            two(event)
            event.home_dir = "/first" if event.auth_method == "publickey" else ""

        self.listen(say=say)
        self.assertEqual(self.numbers(proof(b"alice", A)) + self.numbers(RIGHT), [FAILURE, SUCCESS])
        self.assertEqual(self.transport.home_dir, "/first")


class CheckerTests(SynchronousTestCase):
    def test_proof_taken_for_an_offer(self) -> None:
        """A checker that answers a proof as it answers an offer lets nobody in."""

        class Confused(Keys):
            def requestAvatarId(self, credentials: Any) -> Any:
                return super().requestAvatarId(SimpleNamespace(username=b"alice", blob=A.blob, signature=None))

        transport = Transport(Confused(alice=A))
        self.assertEqual(transport.ask(offer(b"alice", A))[0][0], PK_OK)
        self.assertEqual(transport.ask(proof(b"alice", A))[0][0], FAILURE)

    def test_answers(self) -> None:
        """A checker may judge the answers to prompts of one's own; it sees them all at once."""

        @implementer(ICredentialsChecker)
        class Codes:
            credentialInterfaces = (IAnswers,)

            def requestAvatarId(self, credentials: Any) -> bytes:
                verifyObject(IAnswers, credentials)
                if [each.to_bytes() for each in credentials.answers] != [b"right", b"42"]:
                    raise UnauthorizedLogin("no")
                return b"alice"

        for code, answer in ((b"42", SUCCESS), (b"43", FAILURE)):
            transport = Transport(Codes(), Passwords(), default_auth_methods="keyboard-interactive")
            transport.server_settings.keyboard_interactive_prompts = "Password: ;Code: "
            self.assertEqual(transport.ask(interactive_request(b"alice"))[0][0], INFO_REQUEST)
            self.assertEqual(transport.ask(answers(b"right", code), number=INFO_RESPONSE)[0][0], answer)
