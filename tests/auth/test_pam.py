"""
Users of PAM, by services that stand in for it; `tests/interop/check_pam.py` has real modules.
"""

from collections.abc import Sequence
from typing import Any

from twisted.cred import strcred
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred, fail, maybeDeferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from conchsftp.auth.dialogue import IDialogue
from conchsftp.auth.sources.own_threads import OwnThreads
from conchsftp.auth.sources.pam import PamChecker
from conchsftp.auth.sources.pam_library import _check
from conchsftp.errors import ServerError
from conchsftp.secret import Secret


class AtOnce(OwnThreads):
    """Threads that are none."""

    def __init__(self) -> None:
        super().__init__(None)

    def run(self, function: Any, *args: Any) -> "Deferred[Any]":
        return maybeDeferred(function, *args)

    def wait(self, function: Any, *args: Any) -> Any:
        outcome: list[Any] = []
        function(*args).addBoth(outcome.append)
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        if hasattr(outcome[0], "raiseException"):
            outcome[0].raiseException()
        return outcome[0]


class Service:
    """Asks what it is made of, in rounds; the answers have to be these."""

    def __init__(self, *rounds: tuple[Sequence[tuple[str, bool]], str, Sequence[bytes]]) -> None:
        self._rounds = rounds
        self.asked: list[tuple[str, Any]] = []

    def authenticate(self, user: str, converse: Any, address: Any) -> str:
        self.asked.append((user, address))
        for prompts, text, answers in self._rounds:
            try:
                if list(converse(prompts, text)) != list(answers):
                    return "wrong"
            except BaseException as problem:
                return f"the conversation ended: {type(problem).__name__}"
        return ""


PASSWORD = ([("Password: ", False)], "", (b"wonderland",))


@implementer(IDialogue)
class Dialogue:
    """A user who knows answers."""

    username = b"alice"
    user_name = "alice"
    address = IPv4Address("TCP", "192.0.2.1", 4711)
    attempt = None

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.shown: list[Any] = []
        self.proved: list[str] = []

    def ask(self, prompts: Any, *, name: str = "", instruction: str = "") -> "Deferred[Any]":
        self.shown.append((prompts, instruction))
        answer = self._answers.pop(0)
        return fail(answer) if isinstance(answer, Exception) else succeed(tuple(map(Secret, answer)))

    def prove(self, fact: str) -> None:
        self.proved.append(fact)


class PasswordTests(SynchronousTestCase):
    """A password that came by itself."""

    def ask(self, service: Service, name: bytes, password: bytes) -> "Deferred[Any]":
        return PamChecker(service, AtOnce()).requestAvatarId(UsernamePassword(name, password))

    def test_interface(self) -> None:
        """It is a checker like any other."""
        verifyObject(ICredentialsChecker, PamChecker(Service(), AtOnce()))

    def test_password(self) -> None:
        """The password answers the hidden question; what is wrong stays in the log."""
        service = Service(PASSWORD)
        self.assertEqual(self.successResultOf(self.ask(service, b"alice", b"wonderland")), b"alice")
        self.assertEqual(service.asked[0][0], "alice")
        failure = self.failureResultOf(self.ask(service, b"alice", b"wrong"), UnauthorizedLogin)
        self.assertEqual(str(failure.value), "wrong")

    def test_more_questions(self) -> None:
        """What asks for more than a password, or lets the answer be seen, is not answered with the password."""
        seen = ([("Name: ", True)], "", (b"wonderland",))
        both = ([("Password: ", False), ("Code: ", False)], "", (b"wonderland", b"wonderland"))
        for service in (Service(PASSWORD, PASSWORD), Service(seen), Service(both)):
            self.failureResultOf(self.ask(service, b"alice", b"wonderland"), UnauthorizedLogin)

    def test_names(self) -> None:
        """A name that C would read as another is nobody's, and PAM is not asked."""
        service = Service()
        for name in (b"", b"alice\0", b"\xff"):
            self.failureResultOf(self.ask(service, name, b"x"), UnauthorizedLogin)
        self.assertEqual(service.asked, [])

    def test_answers(self) -> None:
        """An answer that C would cut, or modules have no room for, is none."""
        _check([b"x" * 511, b""])
        for answer in (b"x" * 512, b"wonder\0land"):
            self.assertRaises(ValueError, _check, [answer])


class DialogueTests(SynchronousTestCase):
    """PAM's own questions."""

    def ask(self, service: Service, dialogue: Dialogue) -> "Deferred[Any]":
        return PamChecker(service, AtOnce()).requestAvatarId(dialogue)

    def test_rounds(self) -> None:
        """What PAM asks and says is shown as it is, in its rounds; an empty prompt gets a text, for SSH knows none."""
        service = Service(PASSWORD, ([("", True), ("PIN: ", False)], "Touch it.", [b"x", b"y"]))
        dialogue = Dialogue([b"wonderland"], [b"x", b"y"])
        self.assertEqual(self.successResultOf(self.ask(service, dialogue)), b"alice")
        asked = [([("Password: ", False)], ""), ([(": ", True), ("PIN: ", False)], "Touch it.")]
        self.assertEqual(dialogue.shown, asked)
        self.assertEqual(dialogue.proved, ["password"])
        self.assertEqual(service.asked, [("alice", dialogue.address)])

    def test_wrong(self) -> None:
        """A wrong answer proves nothing; nor does a client that has gone."""
        for answer in ([b"wrong"], CancelledError()):
            dialogue = Dialogue(answer)
            self.failureResultOf(self.ask(Service(PASSWORD), dialogue), UnauthorizedLogin)
            self.assertEqual(dialogue.proved, [])


class CommandLineTests(SynchronousTestCase):
    def test_mistakes(self) -> None:
        """--auth pam needs a service, and one that exists."""
        self.assertRaises(strcred.InvalidAuthArgumentString, strcred.makeChecker, "pam")
        for service in ("/none/service", "none/service", "no-such-service"):
            self.assertRaises(ServerError, strcred.makeChecker, f"pam:{service}")
