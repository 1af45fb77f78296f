"""
What UserAuth holds against a client, and how that makes refusals take longer.
"""

from twisted.conch.ssh.common import NS
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.settings.penalties import Offence
from tests.auth.support import (
    FAILURE,
    INFO_RESPONSE,
    NONE,
    RIGHT,
    SUCCESS,
    WRONG,
    Ed25519,
    Keys,
    Passwords,
    Transport,
    answers,
    interactive_request,
    offer,
    password_request,
    proof,
    request,
)

A, B = Ed25519(), Ed25519()
GUESS = Offence.AUTHFAIL


class OffencesTests(SynchronousTestCase):
    """What counts as a guess."""

    def offences(self, *payloads: bytes) -> list[object]:
        """Return what is held against a client that sends so much."""
        transport = Transport(Passwords(), Keys(alice=A))
        for payload in payloads:
            transport.ask(payload)
        return transport.offences

    def test_guesses(self) -> None:
        """A wrong password, a wrong signature, the signature of an unknown key: each is one."""
        self.assertEqual(self.offences(WRONG, WRONG), [GUESS, GUESS])
        self.assertEqual(self.offences(proof(b"alice", A, B)), [GUESS])
        self.assertEqual(self.offences(proof(b"alice", B)), [GUESS])

    def test_answers(self) -> None:
        """A wrong answer is one; a question that nobody answers is none."""
        transport = Transport(Passwords(), Keys())
        transport.ask(interactive_request(b"alice"))
        self.assertEqual(transport.offences, [])
        transport.ask(answers(b"wrong"), number=INFO_RESPONSE)
        self.assertEqual(transport.offences, [GUESS])

    def test_not_offered(self) -> None:
        """A password where none is asked for is one: scanners do not look."""
        transport = Transport(Keys())
        transport.ask(WRONG)
        self.assertEqual(transport.offences, [GUESS])

    def test_no_guess(self) -> None:
        """`none`, offered keys and unknown methods are none: agents offer all they have."""
        self.assertEqual(self.offences(NONE, NONE, offer(b"alice", B), offer(b"alice", A)), [])
        self.assertEqual(self.offences(request(b"alice", b"hostbased", NS(b"x"))), [])

    def test_same_for_all(self) -> None:
        """An unknown user is no other offence than a known one: nobody learns which users there are."""
        self.assertEqual(self.offences(password_request(b"nobody", b"wrong")), self.offences(WRONG))

    def test_our_mistake(self) -> None:
        """Where a checker breaks, a login has been tried, and nothing is held against anybody."""

        def broken() -> None:
            raise RuntimeError("the database is gone")

        transport = Transport(Passwords(broken))
        transport.ask(RIGHT)
        self.assertEqual(transport.offences, [None])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_forgiven(self) -> None:
        """Who gets in at last has only mistyped; what was guessed for others is not forgiven."""
        self.assertEqual(self.offences(WRONG, WRONG, RIGHT), [GUESS, GUESS, *["forgiven authfail"] * 2])
        self.assertEqual(self.offences(password_request(b"bob", b"x"), RIGHT), [GUESS])

    def test_slower(self) -> None:
        """A refusal takes as many times as long as the transport says; what is no guess, and success, do not."""
        for slower, early, late in ((1.0, 0.9, 0.4), (4.0, 3.9, 1.2)):
            transport = Transport(Passwords(), Keys())
            transport.slower = slower
            self.assertEqual(transport.ask(WRONG, seconds=early), [])
            self.assertEqual([number for number, _ in transport.ask(b"", seconds=late, number=0)], [FAILURE])
            self.assertEqual([number for number, _ in transport.ask(offer(b"alice", B), seconds=0.04)], [FAILURE])
            self.assertEqual(transport.ask(RIGHT, seconds=0.0), [(SUCCESS, b"")])
