"""
The password asked for: keyboard-interactive in whole conversations, as bytes (RFC 4256).
"""

from typing import Any

from twisted.conch.error import NotEnoughAuthentication
from twisted.conch.ssh.common import NS
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.progress import MOST_REQUESTS
from conchsftp.auth.questions import Prompt, Questions
from conchsftp.errors import ProtocolViolation
from tests.auth.support import (
    BANNER,
    FAILURE,
    INFO_REQUEST,
    INFO_RESPONSE,
    NONE,
    REFUSED,
    RIGHT,
    SUCCESS,
    WRONG,
    Ed25519,
    Keys,
    Passwords,
    Transport,
    answers,
    interactive_request,
    proof,
    request,
    unhex,
)

ASK = interactive_request(b"alice")
# No name, no instruction, no language; one prompt, which is not shown as it is typed.
QUESTION = (INFO_REQUEST, unhex("00000000 00000000 00000000  00000001  0000000a 50617373776f72643a20 00"))


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.checker = Passwords()
        self.transport = Transport(self.checker, Keys())

    def asked(self) -> Transport:
        """A connection that has been asked for the password."""
        self.assertEqual(self.transport.ask(ASK, 0.0), [QUESTION])
        return self.transport

    def answer(self, payload: bytes, seconds: float = 10.0) -> list[tuple[int, bytes]]:
        return self.transport.ask(payload, seconds, INFO_RESPONSE)


class LoginTests(Case):
    def test_right(self) -> None:
        """One prompt, byte for byte what programs look for that answer by themselves; the answer is the password."""
        transport = self.asked()
        self.assertEqual(self.answer(answers(b"right"), 0.0), [(SUCCESS, b"")])
        self.assertEqual(transport.logins[0][0], "alice")
        (credentials,) = self.checker.asked
        self.assertEqual(credentials.attempt.method, "keyboard-interactive")
        self.assertNotIn("right", repr(credentials))

    def test_wrong(self) -> None:
        """A wrong answer is refused as a wrong password is, and may be followed by another try."""
        self.asked()
        self.assertEqual(self.answer(answers(b"wrong")), [REFUSED])
        self.assertEqual(self.transport.ask(ASK, 0.0), [QUESTION])
        self.assertEqual(self.answer(answers(b"right"), 0.0), [(SUCCESS, b"")])

    def test_submethods(self) -> None:
        """A language and a wish for a way of asking are allowed, and change nothing (RFC 4256, 3.1)."""
        wish = request(b"alice", b"keyboard-interactive", NS(b"en-US") + NS(b"pam,otp"))
        self.assertEqual(self.transport.ask(wish, 0.0), [QUESTION])

    def test_unknown_user(self) -> None:
        """Who does not exist is asked the same, and refused alike (RFC 4256, 3.1)."""
        self.assertEqual(self.transport.ask(interactive_request(b"nobody"), 0.0), [QUESTION])
        self.assertEqual(self.answer(answers(b"right")), [REFUSED])

    def test_banner(self) -> None:
        """The banner comes before the question."""
        transport = Transport(self.checker, user_auth_banner="Hello")
        self.assertEqual([number for number, _ in transport.ask(ASK, 0.0)], [BANNER, INFO_REQUEST])

    def test_without_password(self) -> None:
        """Where passwords are not offered, they are not asked for."""
        for transport in (Transport(Keys()), Transport(self.checker, Keys(), default_auth_methods=("publickey",))):
            self.assertEqual(transport.ask(ASK), [(FAILURE, NS(b"publickey") + b"\0")])


class CountTests(Case):
    def test_count(self) -> None:
        """Another number of answers than questions is a failed attempt (RFC 4256, 3.4)."""
        for payload in (answers(), answers(b"right", b"right"), b"\xff\xff\xff\xff"):
            self.asked()
            self.assertEqual(self.answer(payload), [REFUSED])
        self.assertEqual(self.transport.service.progress.failures, 3)
        self.assertEqual(self.checker.asked, [])

    def test_broken(self) -> None:
        """An answer that is cut short, or has something behind it, ends the connection."""
        whole = answers(b"right")
        for payload in (*(whole[:length] for length in range(len(whole))), whole + b"\0"):
            self.setUp()
            self.asked()
            self.assertEqual(self.answer(payload), [])
            self.assertEqual([reason for reason, _ in self.transport.disconnected], [2], payload)
            self.assertEqual(self.checker.asked, [])

    def test_huge(self) -> None:
        """An answer is no longer than a request may be."""
        self.asked()
        self.assertRaises(ProtocolViolation, self.answer, answers(b"x" * 65536))

    def test_nothing_asked(self) -> None:
        """An answer to nothing, or a second one, is answered UNIMPLEMENTED and never judged."""
        self.assertEqual(self.answer(answers(b"right")), [])
        self.checker.answer = Deferred
        self.asked()
        self.answer(answers(b"right"))
        self.answer(answers(b"right"))
        self.assertEqual((self.transport.unimplemented, len(self.checker.asked)), (2, 1))

    def test_attempts(self) -> None:
        """Wrong answers and wrong passwords count together."""
        for _ in range(3):
            self.asked()
            self.answer(answers(b"wrong"))
            self.transport.ask(WRONG)
        self.assertEqual([reason for reason, _ in self.transport.disconnected], [2])

    def test_delay(self) -> None:
        """A refusal takes as long as that of a password, counted from the answer: how long a user types is no part."""
        self.asked()
        self.transport.clock.advance(30.0)
        self.assertEqual(self.answer(answers(b"wrong"), 0.99), [])
        self.transport.clock.advance(0.27)
        self.assertEqual(self.transport.sent[-1], REFUSED)


class AbortedTests(Case):
    def test_next_request(self) -> None:
        """Another request aborts the question, which then gets no FAILURE of its own (RFC 4252, 5.1)."""
        for following, reply in ((NONE, REFUSED), (WRONG, REFUSED), (RIGHT, (SUCCESS, b"")), (ASK, QUESTION)):
            self.setUp()
            self.asked()
            self.assertEqual(self.transport.ask(following), [reply])

    def test_both_at_once(self) -> None:
        """A request that has come already does the same: then nothing is asked."""
        held: Deferred[bytes] = Deferred()
        self.checker.answer = lambda: held
        for payload in (WRONG, ASK, NONE):
            self.transport.receive(payload)
        held.callback(b"")
        self.transport.clock.advance(10.0)
        self.assertEqual(self.transport.sent, [REFUSED, REFUSED])

    def test_late_answer(self) -> None:
        """The answer to a question that was aborted is not judged."""
        self.asked()
        self.transport.ask(NONE)
        self.assertEqual(self.answer(answers(b"right")), [])
        self.assertEqual((self.transport.unimplemented, self.checker.asked), (1, []))

    def test_for_ever(self) -> None:
        """Who is asked again and again, and never answers, comes to the limit of all requests."""
        for _ in range(MOST_REQUESTS):
            self.asked()
        self.assertRaises(ProtocolViolation, self.transport.ask, ASK)

    def test_lost(self) -> None:
        """A connection that is lost at the question leaves nothing behind."""
        self.asked()
        self.transport.service.serviceStopped()
        self.assertEqual(self.transport.clock.getDelayedCalls(), [])
        self.assertEqual(self.answer(answers(b"right")), [])
        self.assertEqual(self.checker.asked, [])


class PartialTests(SynchronousTestCase):
    def test_one_password_is_one_factor(self) -> None:
        """A password that was not enough is not enough for being asked for once more, nor the other way round."""

        def answer() -> Any:
            raise NotEnoughAuthentication

        key = Ed25519()
        rest = NS(b"publickey")
        for ways in ((RIGHT, ASK), (ASK, RIGHT)):
            checker = Passwords(answer)
            transport = Transport(checker, Keys(alice=key))
            self.prove(transport, ways[0])
            self.assertEqual(transport.sent[-1], (FAILURE, rest + b"\x01"))
            self.assertEqual(transport.ask(ways[1]), [(FAILURE, rest + b"\0")])
            self.assertEqual(len(checker.asked), 1)
            self.assertEqual(transport.ask(proof(b"alice", key)), [(SUCCESS, b"")])

    def prove(self, transport: Transport, way: bytes) -> None:
        transport.ask(way)
        if way is ASK:
            transport.ask(answers(b"right"), number=INFO_RESPONSE)


class QuestionsTests(SynchronousTestCase):
    def test_layout(self) -> None:
        """INFO_REQUEST: name, instruction, language, number of prompts, prompts with echo (RFC 4256, 3.2)."""
        asked = Questions(name="n", instruction="é", prompts=(Prompt(text="a"), Prompt(text="b", echo=True)))
        laid_out = "00000001 6e  00000002 c3a9  00000000  00000002  00000001 61 00  00000001 62 01"
        self.assertEqual(asked.pack(), unhex(laid_out))
