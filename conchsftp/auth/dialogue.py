"""
A dialogue with the user of a client: questions and answers of keyboard-interactive, in as many rounds as are needed.

One INFO_REQUEST at a time, and how many there may be; what ends a dialogue before its time ends the attempt, whatever
is made of it by who asked. Knows neither what is right, nor how messages travel. Source: RFC 4256, 3.2 to 3.4.
"""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from twisted.conch.ssh.userauth import MSG_USERAUTH_INFO_REQUEST, MSG_USERAUTH_INFO_RESPONSE
from twisted.cred.credentials import ICredentials
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from zope.interface import Attribute, implementer

from conchsftp.auth.credentials import Credentials, Password
from conchsftp.auth.messages import Messages
from conchsftp.auth.questions import Questions
from conchsftp.secret import Secret
from conchsftp.settings.prompts import PROMPTS

T = TypeVar("T")

# Nobody answers so often to get in once, and who asks without end keeps a client here until LoginGraceTime.
MOST_ROUNDS = 16


class IDialogue(ICredentials):
    """Credentials that are asked for: a checker that serves them asks what it likes, and then decides."""

    username = Attribute("The user name as bytes.")
    user_name = Attribute("The user name as text.")
    address = Attribute("Where the client is.")
    attempt = Attribute("The request, an `AuthAttempt`.")

    def ask(prompts, *, name="", instruction=""):  # type: ignore[no-untyped-def] # noqa: N805
        """
        Ask the client's user, in one round.

        Args:
            prompts: at most 50, each a `Prompt`, a text, or a pair of text and whether the answer is shown while it is
                typed; none is legal, and shows the instruction only.
            name: a title for the window in which they are shown.
            instruction: a text above them.
        Returns:
            A Deferred of a tuple with a `Secret` for each prompt. It is cancelled (CancelledError) if there will be no
            answer that counts: the client has gone, begins anew, or sends another number of answers.
        """

    def prove(fact):  # type: ignore[no-untyped-def] # noqa: N805
        """
        Say what the answers have proved, such as `password` or `totp`: the same fact never counts twice.

        Args:
            fact: anything hashable.
        """


class DialogueEnded(CancelledError):
    """No answer will come: what a checker sees of it is that its question is cancelled."""


class Conversation:
    """
    What is asked in one attempt, whoever asks.

    Args:
        settings: those of the connection.
        messages: those of the attempt.
        tell: told of each answer.

    Attributes:
        settings, messages: see above.
        answers: all answers so far.
        rounds: how often was asked.
        expired: a right password among the answers that has to be changed; None without one.
        ended: what has ended the attempt; None while it goes on.
    """

    def __init__(self, settings: Any, messages: Messages, tell: Callable[[Secret], None]) -> None:
        self.settings = settings
        self.messages = messages
        self.answers: list[Secret] = []
        self.rounds = 0
        self.expired: Password | None = None
        self.ended: Exception | None = None
        self._tell = tell
        self._asking: Deferred[tuple[Secret, ...]] | None = None

    def ask(self, questions: Questions) -> "Deferred[tuple[Secret, ...]]":
        """
        Ask, and return the answers, one for each question.

        Raises (the Deferred fails with it):
            DialogueEnded: there is no answer, or none that could count.
            RuntimeError: the question before it is not answered.
        """
        if self._asking is not None:
            # "the server MUST NOT ever have more than one SSH_MSG_USERAUTH_INFO_REQUEST message outstanding" (RFC 4256,
            # 3.2)
            raise RuntimeError("asked again before the last question was answered")
        asking: Deferred[tuple[Secret, ...]] = Deferred.fromCoroutine(self._ask(questions))
        if not asking.called:
            self._asking = asking
        return asking

    async def judged(self, judging: Awaitable[T]) -> T:
        """
        Return what is decided, unless something has ended the attempt meanwhile: that then counts.

        Raises:
            Exception: what has ended it.
        """
        try:
            decided = await judging
        except Exception:
            self._forget()
            if self.ended is None:
                raise
            raise self.ended from None
        forgotten = self._forget()
        if forgotten and self.ended is None:
            raise RuntimeError("decided before the last question was answered")
        if self.ended is not None:
            raise self.ended
        self.ended = DialogueEnded("it was decided")
        return decided

    def _forget(self) -> bool:
        """Drop a question that nobody waits for; return whether there was one."""
        unanswered, self._asking = self._asking, None
        if unanswered is None:
            return False
        ended = self.ended
        unanswered.cancel()
        unanswered.addErrback(lambda failure: None)
        self.ended = ended
        return True

    async def _ask(self, questions: Questions) -> tuple[Secret, ...]:
        if self.ended is not None:
            raise DialogueEnded
        try:
            if self.rounds >= MOST_ROUNDS:
                raise UnauthorizedLogin(f"more than {MOST_ROUNDS} rounds of questions")
            self.rounds += 1
            self.messages.send(MSG_USERAUTH_INFO_REQUEST, questions.pack())
            _, payload = await self.messages.receive(MSG_USERAUTH_INFO_RESPONSE)
            answers = questions.read(payload)
        except Exception as problem:
            gone = isinstance(problem, CancelledError)
            self.ended = UnauthorizedLogin("nobody waits for the answers") if gone else problem
            raise DialogueEnded from problem
        finally:
            self._asking = None
        self.answers += answers
        for answer in answers:
            self._tell(answer)
        return answers


@implementer(IDialogue)
@dataclass(slots=True, kw_only=True)
class Dialogue(Credentials):
    """
    What a checker conducts that serves `IDialogue`.

    Attributes:
        conversation: by which it asks.
        proved: what it says that the answers have proved.
    """

    conversation: Conversation = field(repr=False)
    proved: set[Hashable] = field(default_factory=set)
    _before: list[tuple[Any, tuple[Secret, ...]]] = field(default_factory=list, repr=False)
    _again: int = 0

    @property
    def facts(self) -> frozenset[Hashable]:
        """What the checker says that they are; else the dialogue itself, which counts once."""
        return frozenset(self.proved) or frozenset(("dialogue",))

    def ask(self, prompts: Any, *, name: str = "", instruction: str = "") -> "Deferred[tuple[Secret, ...]]":
        """Ask; see `IDialogue`."""
        return maybeDeferred(self._ask, prompts, name, instruction)

    def prove(self, fact: Hashable) -> None:
        """Note what was proved; see `IDialogue`."""
        self.proved.add(fact)

    def again(self) -> "Dialogue":
        """
        Return the same for the next checker, for which nothing is proved.

        What it asks as the one before it did is answered without asking.
        """
        self.proved.clear()
        return Dialogue(attempt=self.attempt, conversation=self.conversation, proved=self.proved, _before=self._before)

    def _ask(self, wanted: Any, name: str, instruction: str) -> Any:
        prompts = PROMPTS.convert(wanted)
        if self._again < len(self._before) and self._before[self._again][0] == prompts:
            self._again += 1
            return self._before[self._again - 1][1]
        # From here on it is another dialogue than that of the checker before.
        del self._before[self._again :]
        asking = self.conversation.ask(Questions(prompts=prompts, name=name, instruction=instruction))
        return asking.addCallback(self._note, prompts)

    def _note(self, answers: tuple[Secret, ...], prompts: Any) -> tuple[Secret, ...]:
        self._before.append((prompts, answers))
        self._again += 1
        return answers
