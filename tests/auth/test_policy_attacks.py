"""
Sequences of requests by which somebody with one factor tries to do without the other.
"""

from twisted.internet.defer import Deferred

from tests.auth.factors import BOTH, A, B, Case, partial, refused
from tests.auth.support import (
    FAILURE,
    INFO_REQUEST,
    INFO_RESPONSE,
    NONE,
    PK_OK,
    RIGHT,
    SUCCESS,
    WRONG,
    Avatar,
    answers,
    interactive_request,
    offer,
    password_request,
    proof,
    request,
)

KEY = proof(b"alice", A)


class AttackTests(Case):
    def test_two_users(self) -> None:
        """A factor of carol's and one of alice's let neither in: the connection ends."""
        self.listen()
        self.assertEqual(self.numbers(proof(b"carol", A)), [FAILURE])
        self.assertEqual(self.numbers(RIGHT), [])
        self.assertEqual(self.transport.disconnected, [(2, b"user name changed after partial success")])
        self.assertEqual((self.transport.logins, self.passwords.asked), ([], []))

    def test_two_services(self) -> None:
        """Nor does one that was proved for another service."""
        self.listen()
        self.numbers(KEY)
        self.assertEqual(self.numbers(request(b"alice", b"none", service=b"ssh-other")), [])
        self.assertEqual([reason for reason, _ in self.transport.disconnected], [7])

    def test_refused_for_another(self) -> None:
        """What was refused, or only offered, for one user does not bind the connection, and helps nobody."""
        self.listen()
        self.assertEqual(self.numbers(offer(b"carol", A), proof(b"carol", B)), [PK_OK, FAILURE])
        self.assertEqual(self.numbers(RIGHT), [FAILURE])
        self.assertEqual(self.numbers(KEY, RIGHT), [FAILURE, SUCCESS])

    def test_wrong_order(self) -> None:
        """The second factor before the first, the first afterwards: still only the first is proved."""
        self.listen()
        self.assertEqual(self.numbers(RIGHT), [FAILURE])
        self.assertEqual(self.transport.ask(KEY), [partial("password")])
        self.assertEqual(self.transport.logins, [])

    def test_offer_then_second(self) -> None:
        """An offer stands for no proof, and a proof with another key for none of the key that was offered."""
        self.listen()
        self.assertEqual(self.numbers(offer(b"alice", A), RIGHT), [PK_OK, FAILURE])
        self.assertEqual(
            self.numbers(offer(b"alice", A), proof(b"alice", A, signer=B), RIGHT), [PK_OK, FAILURE, FAILURE]
        )
        self.assertEqual(self.transport.service.progress.proven, [])

    def test_repeated(self) -> None:
        """One factor, as often as one likes, stays one."""
        self.listen()
        self.assertEqual(self.numbers(KEY, KEY, offer(b"alice", A), KEY), [FAILURE] * 4)
        self.assertEqual(self.transport.service.progress.proven, ["publickey"])
        self.assertEqual(self.transport.logins, [])

    def test_repeated_by_asking(self) -> None:
        """Nor does it count again by another method."""
        self.listen("password,keyboard-interactive password,publickey")
        self.assertEqual(self.transport.ask(RIGHT), [partial("publickey")])
        self.assertEqual(self.numbers(interactive_request(b"alice")), [FAILURE])

    def test_none_between(self) -> None:
        """`none` after a partial success names what remains, and proves nothing."""
        self.listen()
        self.numbers(KEY)
        self.assertEqual(self.transport.ask(NONE), [refused("password")])
        self.assertEqual(self.numbers(RIGHT), [SUCCESS])

    def test_pipelined(self) -> None:
        """Requests that come while the policy is looked for wait for it; none of them is judged without it."""
        later: Deferred[str] = Deferred()
        self.listen("any", policies=lambda name: later)
        for payload in (RIGHT, KEY, RIGHT):
            self.transport.receive(payload)
        self.transport.clock.advance(10)
        self.assertEqual((self.transport.sent, self.passwords.asked, self.keys.asked), ([], [], []))
        later.callback(BOTH)
        self.transport.clock.advance(10)
        self.assertEqual(self.transport.sent, [refused("publickey"), partial("password"), (51 + 1, b"")])
        self.assertEqual((len(self.passwords.asked), len(self.keys.asked)), (1, 1))

    def test_pipelined_names(self) -> None:
        """A policy that comes for one name is that of this name, whatever has arrived meanwhile."""
        waiting: dict[str, Deferred[str | None]] = {"alice": Deferred(), "carol": Deferred()}
        self.listen("any", policies=waiting.get)
        self.transport.receive(request(b"carol", b"none"))
        self.transport.receive(RIGHT)
        waiting["carol"].callback(None)
        self.transport.clock.advance(10)
        self.assertEqual(len(self.transport.sent), 1)
        waiting["alice"].callback(BOTH)
        self.transport.clock.advance(10)
        self.assertEqual(self.transport.sent[1:], [refused("publickey")])

    def test_pipelined_user(self) -> None:
        """A request for another user that was sent before the partial success is known ends the connection."""
        self.listen()
        for payload in (KEY, password_request(b"carol", b"right"), RIGHT):
            self.transport.receive(payload)
        self.assertEqual(self.transport.sent, [partial("password")])
        self.assertEqual(len(self.transport.disconnected), 1)
        self.assertEqual((self.transport.logins, self.passwords.asked), ([], []))

    def test_question_left(self) -> None:
        """Who leaves the question of the second factor and sends a request has still to answer it."""
        self.listen("publickey,keyboard-interactive:password")
        ask = interactive_request(b"alice")
        self.assertEqual(self.numbers(KEY, ask, KEY, ask), [FAILURE, INFO_REQUEST, FAILURE, INFO_REQUEST])
        self.assertEqual(self.numbers(answers(b"wrong"), number=INFO_RESPONSE), [FAILURE])
        self.assertEqual(self.transport.logins, [])

    def test_abandoned(self) -> None:
        """A half login that is lost leaves nothing: nobody was made an avatar, and nothing waits."""
        made: list[str] = []
        self.listen(make_avatar=lambda name: made.append(name) or Avatar(name))
        self.numbers(KEY)
        self.transport.service.serviceStopped()
        self.assertEqual((made, self.transport.clock.getDelayedCalls(), self.transport.logins), ([], [], []))
        self.assertEqual(self.numbers(RIGHT), [])

    def test_begun_again(self) -> None:
        """The service begun again on the same connection knows of no proof."""
        self.listen()
        self.numbers(KEY)
        self.transport.service.serviceStopped()
        self.transport.service.serviceStarted()
        self.assertEqual(self.transport.ask(RIGHT), [refused("publickey")])

    def test_second_connection(self) -> None:
        """A connection does not profit from what is proved on another one at the same time."""
        first = self.listen()
        self.numbers(KEY)
        self.listen()
        self.assertEqual(self.transport.ask(RIGHT), [refused("publickey")])
        self.assertEqual([number for number, _ in first.ask(RIGHT)], [SUCCESS])

    def test_policy_changed(self) -> None:
        """A policy that changes in the middle of a login does not make it easier for this login."""
        policies = {"alice": BOTH}
        self.listen("any", policies=policies.get)
        self.numbers(KEY)
        policies["alice"] = "any"
        self.assertEqual(self.transport.ask(WRONG), [refused("password")])
        self.assertEqual(self.numbers(RIGHT), [SUCCESS])

    def test_guessing_the_second(self) -> None:
        """The second factor can be guessed no oftener than the first: MaxAuthAttempts counts for both."""
        self.listen(max_auth_attempts=3)
        self.assertEqual(self.numbers(WRONG, KEY, WRONG), [FAILURE, FAILURE, FAILURE])
        self.assertEqual(self.numbers(WRONG), [])
        self.assertEqual([reason for reason, _ in self.transport.disconnected], [2])

    def test_same_time(self) -> None:
        """A wrong second factor takes as long as any wrong password, right after the first one or later."""
        times = set()
        for before in ((), (KEY,)):
            transport = self.listen(BOTH if before else "any")
            for payload in before:
                transport.receive(payload)
            began, count = transport.clock.seconds(), len(transport.sent)
            transport.receive(WRONG)
            while len(transport.sent) == count:
                transport.clock.advance(0.001)
            times.add(round(transport.clock.seconds() - began, 6))
        self.assertEqual(len(times), 1)
