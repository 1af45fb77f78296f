"""
Dialogues: questions in several rounds that a checker asks, as bytes and by what the checker sees (RFC 4256).
"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.conch.ssh.common import NS
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from conchsftp.auth.dialogue import MOST_ROUNDS, IDialogue
from conchsftp.auth.questions import Questions
from conchsftp.auth.sources.first_of import FirstOf
from conchsftp.settings.prompts import MOST_PROMPTS, Prompt
from tests.auth.support import (
    FAILURE,
    INFO_REQUEST,
    INFO_RESPONSE,
    NONE,
    SUCCESS,
    Keys,
    Passwords,
    Transport,
    answers,
    interactive_request,
    unhex,
)

ASK = interactive_request(b"alice")
REFUSED = (FAILURE, NS(b"keyboard-interactive") + b"\0")
TEXTS = st.lists(st.binary(max_size=40), max_size=5)


@implementer(ICredentialsChecker)
class Conducting:
    """Lets a test's coroutine conduct the dialogue."""

    credentialInterfaces = (IDialogue,)

    def __init__(self, conduct: Any) -> None:
        self._conduct = conduct
        self.asked: list[Any] = []
        self.cancelled = False

    def requestAvatarId(self, dialogue: Any) -> Deferred[Any]:
        self.asked.append(dialogue)
        return Deferred.fromCoroutine(self._run(dialogue))

    async def _run(self, dialogue: Any) -> Any:
        try:
            return await self._conduct(dialogue)
        except CancelledError:
            self.cancelled = True
            raise


async def three(dialogue: Any) -> bytes:
    """A password; then a code and a name; then only a word to say."""
    (password,) = await dialogue.ask(["Password: "])
    code, name = await dialogue.ask([("Code: ", False), ("Name: ", True)], name="More", instruction="Two at once")
    await dialogue.ask([], instruction="Welcome")
    if [each.to_bytes() for each in (password, code, name)] != [b"right", b"42", b"Rex"]:
        raise UnauthorizedLogin("no")
    return bytes(dialogue.username)


class Case(SynchronousTestCase):
    def begin(self, conduct: Any, *more: Any) -> Transport:
        """A connection whose client has asked for the dialogue."""
        self.checker = Conducting(conduct)
        self.transport = Transport(self.checker, *more, default_auth_methods="keyboard-interactive")
        self.transport.receive(ASK)
        return self.transport

    def answer(self, *texts: bytes, seconds: float = 10.0) -> list[tuple[int, bytes]]:
        return self.transport.ask(answers(*texts), seconds, INFO_RESPONSE)


class RoundsTests(Case):
    def test_three_rounds(self) -> None:
        """A checker asks as often as it likes, also for nothing, and then says who it is."""
        transport = self.begin(three)
        self.assertEqual(transport.sent, [(INFO_REQUEST, Questions(prompts=(Prompt(text="Password: "),)).pack())])
        laid_out = "00000004 4d6f7265  0000000b 54776f206174206f6e6365  00000000  00000002"
        laid_out += "00000006 436f64653a20 00  00000006 4e616d653a20 01"
        self.assertEqual(self.answer(b"right"), [(INFO_REQUEST, unhex(laid_out))])
        self.assertEqual(self.answer(b"42", b"Rex"), [(INFO_REQUEST, NS(b"") + NS(b"Welcome") + NS(b"") + bytes(4))])
        self.assertEqual(self.answer(), [(SUCCESS, b"")])
        self.assertEqual(transport.logins[0][1].name, "alice")
        (dialogue,) = self.checker.asked
        verifyObject(IDialogue, dialogue)
        self.assertEqual((dialogue.user_name, dialogue.address), ("alice", transport.getPeer()))
        self.assertNotIn("right", repr(dialogue))

    def test_wrong(self) -> None:
        """A refusal is one, in whichever round the mistake was; it counts once."""
        transport = self.begin(three)
        self.answer(b"right")
        self.answer(b"43", b"Rex")
        self.assertEqual(self.answer(), [REFUSED])
        self.assertEqual(transport.service.progress.failures, 1)

    def test_offered_along(self) -> None:
        """Where passwords may be tried, so may the dialogue."""
        transport = Transport(Conducting(three), Passwords(), Keys(), default_auth_methods="publickey,password")
        self.assertEqual(transport.ask(NONE), [(FAILURE, NS(b"publickey,password,keyboard-interactive") + b"\0")])

    def test_own_prompts(self) -> None:
        """Prompts of the settings are what is asked, though a checker could ask for more."""
        transport = Transport(Conducting(three), default_auth_methods="keyboard-interactive")
        transport.server_settings.keyboard_interactive_prompts = "Code: "
        self.assertEqual(transport.ask(NONE), [(FAILURE, NS(b"") + b"\0")])

    def test_bounded(self) -> None:
        """A checker that asks without end is stopped; the last round that is allowed still counts."""
        for rounds, end in ((MOST_ROUNDS, SUCCESS), (MOST_ROUNDS + 1, FAILURE)):

            async def conduct(dialogue: Any, rounds: int = rounds) -> bytes:
                for number in range(rounds):
                    await dialogue.ask([f"{number}: "])
                return b"alice"

            self.begin(conduct)
            said = [self.answer(b"x")[0][0] for _ in range(MOST_ROUNDS)]
            self.assertEqual(said, [INFO_REQUEST] * (MOST_ROUNDS - 1) + [end])

    def test_prompts_bounded(self) -> None:
        """More prompts than a person reads, or an empty one, are the checker's mistake: refused, and logged."""
        for prompts in (["x"] * (MOST_PROMPTS + 1), [""]):

            async def conduct(dialogue: Any, prompts: Any = prompts) -> bytes:
                await dialogue.ask(prompts)
                return b"alice"

            transport = self.begin(conduct)
            transport.clock.advance(10)
            self.assertEqual(transport.sent, [REFUSED])
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_time(self) -> None:
        """The checker's work counts for the time that a refusal takes, what the user needs to answer does not."""

        async def conduct(dialogue: Any) -> bytes:
            for _ in range(2):
                await dialogue.ask(["?"])
                await deferLater(self.transport.clock, 0.3, lambda: None)
            raise UnauthorizedLogin("no")

        transport = self.begin(conduct)
        transport.clock.advance(20)
        self.answer(b"x", seconds=0.3)
        transport.clock.advance(20)
        # A password's refusal takes 1 to 1.25 s; 0.3 s of them are over when the second round is asked.
        self.assertEqual(self.answer(b"x", seconds=0.69), [])
        transport.clock.advance(0.26)
        self.assertEqual(transport.sent[-1], REFUSED)


class EndedTests(Case):
    """Nothing comes of a dialogue that did not reach its end."""

    async def stubborn(self, dialogue: Any) -> bytes:
        """Lets in, whatever happens to its questions."""
        for _ in range(2):
            try:
                await dialogue.ask(["?"])
            except CancelledError:
                self.checker.cancelled = True
        return b"alice"

    def test_next_request(self) -> None:
        """
        Another request aborts the dialogue in any round: the question is cancelled, and gets no FAILURE.

        It counts where an answer came: that may have been a guess.
        """
        for conduct in (three, self.stubborn):
            for rounds in range(2):
                transport = self.begin(conduct)
                for _ in range(rounds):
                    self.answer(b"right")
                self.assertEqual(transport.ask(NONE), [REFUSED])
                self.assertTrue(self.checker.cancelled)
                self.assertEqual((transport.logins, transport.service.progress.failures), ([], rounds))

    def test_count(self) -> None:
        """Another number of answers is a failed attempt, whatever the checker makes of it (RFC 4256, 3.4)."""
        for conduct in (three, self.stubborn):
            for texts in ((), (b"right", b"right")):
                transport = self.begin(conduct)
                self.assertEqual(self.answer(*texts), [REFUSED])
                self.assertTrue(self.checker.cancelled)
                self.assertEqual(transport.service.progress.failures, 1)

    def test_broken(self) -> None:
        """An answer that is not whole ends the connection, whatever the checker makes of it."""
        for conduct in (three, self.stubborn):
            transport = self.begin(conduct)
            self.assertEqual(transport.ask(answers(b"right")[:-1], number=INFO_RESPONSE), [])
            self.assertEqual([reason for reason, _ in transport.disconnected], [2])

    def test_lost(self) -> None:
        """A client that goes cancels the checker, in a question or between two."""

        async def slow(dialogue: Any) -> bytes:
            await dialogue.ask(["?"])
            await Deferred()
            return b"alice"

        for conduct, texts in ((three, []), (three, [b"right"]), (slow, [b"x"])):
            transport = self.begin(conduct)
            for text in texts:
                self.answer(text)
            before = list(transport.sent)
            transport.service.serviceStopped()
            self.assertTrue(self.checker.cancelled)
            transport.clock.advance(10)
            self.assertEqual((transport.sent, transport.logins), (before, []))

    def test_impatient(self) -> None:
        """A checker may stop waiting for an answer, but then the attempt is over; a late answer is nobody's."""

        async def conduct(dialogue: Any) -> bytes:
            question = dialogue.ask(["?"])
            self.transport.clock.callLater(5, question.cancel)
            try:
                await question
            except CancelledError:
                return b"alice"
            return b"nobody"

        transport = self.begin(conduct)
        transport.clock.pump([5, 5])
        self.assertEqual(transport.sent[1:], [REFUSED])
        self.answer(b"x")
        self.assertEqual((transport.unimplemented, transport.logins), (1, []))

    def test_two_at_a_time(self) -> None:
        """There is never more than one question outstanding (RFC 4256, 3.2)."""

        async def conduct(dialogue: Any) -> bytes:
            first = dialogue.ask(["?"])
            try:
                await dialogue.ask(["??"])
            finally:
                first.cancel()
                first.addErrback(lambda failure: None)
            return b"alice"

        transport = self.begin(conduct)
        transport.clock.advance(10)
        self.assertEqual([number for number, _ in transport.sent], [INFO_REQUEST, FAILURE])
        self.flushLoggedErrors(RuntimeError)

    def test_decided_too_early(self) -> None:
        """A checker that decides while its question is open is mistaken: refused, logged, and the client may go on."""

        async def conduct(dialogue: Any) -> bytes:
            dialogue.ask(["?"])
            return b"alice"

        transport = self.begin(conduct)
        transport.clock.advance(10)
        self.assertEqual([number for number, _ in transport.sent], [INFO_REQUEST, FAILURE])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(transport.ask(NONE), [REFUSED])

    def test_kept(self) -> None:
        """Whoever keeps a dialogue can ask nothing when it is over."""
        self.begin(three)
        self.answer(b"right")
        self.answer(b"42", b"Rex")
        self.answer()
        before = list(self.transport.sent)
        self.failureResultOf(self.checker.asked[0].ask(["?"]), CancelledError)
        self.assertEqual(self.transport.sent, before)


class AnswersTests(Case):
    @given(TEXTS, TEXTS)
    def test_any(self, prompts: list[bytes], texts: list[bytes]) -> None:
        """Any bytes are answers, and come as they are; only their number has to be right."""
        got: list[Any] = []

        async def conduct(dialogue: Any) -> bytes:
            got.extend(await dialogue.ask(["?"] * len(prompts)))
            return b"alice"

        self.begin(conduct)
        ((number, _),) = self.answer(*texts)
        self.assertEqual(number, SUCCESS if len(texts) == len(prompts) else FAILURE)
        self.assertEqual([each.to_bytes() for each in got], texts if number == SUCCESS else [])

    @given(st.binary(max_size=40))
    def test_rubbish(self, payload: bytes) -> None:
        """Whatever comes as an answer: refused, or the end of the connection; and no mistake of ours."""
        transport = self.begin(three)
        said = transport.ask(payload, number=INFO_RESPONSE)
        self.assertIn([number for number, _ in said], ([], [FAILURE], [INFO_REQUEST]))
        self.assertEqual(bool(said), not transport.disconnected)
        self.assertEqual(self.flushLoggedErrors(), [])


class SeveralTests(Case):
    """Several checkers for dialogues."""

    def test_same_question(self) -> None:
        """What the checker before has asked alike is not asked once more; where they part, it is."""

        async def first(dialogue: Any) -> bytes:
            (password,) = await dialogue.ask(["Password: "])
            dialogue.prove("password")
            if password.to_bytes() != b"first":
                raise UnauthorizedLogin("no")
            return b"alice"

        async def second(dialogue: Any) -> bytes:
            (password,) = await dialogue.ask(["Password: "])
            (code,) = await dialogue.ask(["Code: "])
            if (password.to_bytes(), code.to_bytes()) != (b"second", b"42"):
                raise UnauthorizedLogin("no")
            dialogue.prove("code")
            return b"bob"

        both = FirstOf(IDialogue, [Conducting(first), Conducting(second)])
        for texts, said, name in (
            ([b"first"], [SUCCESS], "alice"),
            ([b"second", b"42"], [INFO_REQUEST, SUCCESS], "bob"),
            ([b"second", b"43"], [INFO_REQUEST, FAILURE], None),
        ):
            self.transport = Transport(both, default_auth_methods="keyboard-interactive")
            self.transport.receive(ASK)
            self.assertEqual([self.answer(text)[0][0] for text in texts], said)
            self.assertEqual([avatar.name for _, avatar, _ in self.transport.logins], [name] if name else [])

    def test_password_checker(self) -> None:
        """A dialogue is asked of those that conduct one; passwords still go to who knows only those."""
        transport = self.begin(three, Passwords(lambda: succeed(b"alice")))
        self.assertEqual([number for number, _ in transport.sent], [INFO_REQUEST])
        self.assertIn(IUsernamePassword, transport.factory.portal.checkers)
