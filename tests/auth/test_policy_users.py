"""
Policies of single users: who is asked for them, and what holds while nobody can say.
"""

from typing import Any

from twisted.internet.defer import Deferred, succeed

from conchsftp.events.waiting import TimeLimitExceeded
from conchsftp.settings.auth_policy import AuthPolicy
from tests.auth.factors import BOTH, A, Case, partial, refused
from tests.auth.support import (
    FAILURE,
    NONE,
    RIGHT,
    SUCCESS,
    Keys,
    Passwords,
    interactive_request,
    password_request,
    proof,
    request,
)

KEY = proof(b"alice", A)
ASKED = interactive_request(b"alice")


class OwnPolicyTests(Case):
    """Policies of single users."""

    def ask_for(self, **policies: Any) -> None:
        """Listen with policies of users, which are noted when they are asked for."""
        self.asked: list[str] = []

        def find(user_name: str) -> Any:
            self.asked.append(user_name)
            found = policies.get(user_name)
            return found() if callable(found) else found

        self.listen("any", policies=find)

    def test_forms(self) -> None:
        """A policy, its text, a Deferred or a coroutine of it: it counts instead of the setting."""

        async def wait() -> str:
            return BOTH

        for found in (AuthPolicy.parse(BOTH), BOTH, lambda: succeed(BOTH), wait):
            self.ask_for(alice=found)
            self.assertEqual(self.transport.ask(NONE), [refused("publickey")])
            self.assertEqual(self.numbers(KEY, RIGHT), [FAILURE, SUCCESS])
            self.assertEqual(self.asked, ["alice"])

    def test_less(self) -> None:
        """A user's own policy may ask for less than the setting."""
        self.listen(BOTH, policies={"alice": "any"}.get)
        self.assertEqual(self.numbers(RIGHT), [SUCCESS])

    def test_unknown(self) -> None:
        """Of whom nothing is known the setting's policy is told: nobody learns more than that."""
        self.listen("password", policies={"alice": BOTH}.get)
        for user in (b"alice", b"nobody", b"\xff"):
            expected = "publickey" if user == b"alice" else "password"
            self.assertEqual(self.transport.ask(request(user, b"none"))[0], refused(expected))

    def test_other_name(self) -> None:
        """It is asked for each name, and that of one user holds for no other."""
        self.ask_for(alice=BOTH)
        self.assertEqual(self.transport.ask(NONE), [refused("publickey")])
        self.assertEqual(
            self.transport.ask(request(b"carol", b"none")), [refused("publickey", "password", "keyboard-interactive")]
        )
        self.assertEqual(self.transport.ask(NONE), [refused("publickey")])
        self.assertEqual(self.asked, ["alice", "carol", "alice"])

    def test_broken(self) -> None:
        """While nobody knows what is required nobody is let in; it is logged each time, and asked again."""
        for found in (lambda: 1 / 0, "publickey,passwort", 3):
            self.ask_for(alice=found)
            self.assertEqual(self.numbers(NONE, KEY, RIGHT), [FAILURE] * 3)
            self.assertEqual((self.passwords.asked, len(self.asked)), ([], 3))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 3)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 6)

    def test_slow(self) -> None:
        """A source that takes longer than HandlerTimeLimit counts as broken."""
        self.ask_for(alice=Deferred)
        self.transport.receive(RIGHT)
        self.transport.clock.advance(29)
        self.assertEqual(self.transport.sent, [])
        self.transport.clock.advance(1)
        self.transport.clock.advance(0)
        self.assertEqual([number for number, _ in self.transport.sent], [FAILURE])
        self.assertEqual(len(self.flushLoggedErrors(TimeLimitExceeded)), 1)

    def test_time(self) -> None:
        """How long a policy is looked for does not show in the answer to `none`."""
        times = set()
        for seconds in (0.0, 0.01, 0.02):
            later: Deferred[None] = Deferred()
            self.ask_for(alice=lambda later=later: later)
            self.transport.clock.callLater(seconds, later.callback, None)
            self.transport.receive(NONE)
            while not self.transport.sent:
                self.transport.clock.advance(0.001)
            times.add(round(self.transport.clock.seconds(), 6))
        self.assertEqual(len(times), 1)

    def test_lost_meanwhile(self) -> None:
        """A connection that is lost while its policy is looked for cancels that, and is told nothing."""
        cancelled: list[Any] = []
        self.ask_for(alice=lambda: Deferred(cancelled.append))
        self.transport.receive(RIGHT)
        self.transport.service.serviceStopped()
        self.assertEqual((len(cancelled), self.transport.sent, self.passwords.asked), (1, [], []))

    def test_alias(self) -> None:
        """A name that a checker takes for another user's is no way around what that user has to prove."""
        policies = {"alice": BOTH}.get
        passwords, keys = Passwords(lambda: succeed(b"alice")), Keys(ALICE=A)
        keys.requestAvatarId = lambda credentials: b"alice"  # type: ignore[method-assign]
        self.listen("any", passwords, keys, policies=policies)
        self.assertEqual(self.numbers(password_request(b"ALICE", b"right")), [FAILURE])
        self.listen("any", passwords, keys, policies=policies)
        self.assertEqual(self.transport.ask(proof(b"ALICE", A)), [partial("password")])
        self.assertEqual(self.numbers(password_request(b"ALICE", b"right")), [SUCCESS])
