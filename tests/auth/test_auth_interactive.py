"""
Logins by event: answers to prompts, and the result of signatures.
"""

from typing import Any

from twisted.conch.ssh.common import NS
from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.defer import Deferred
from zope.interface import implementer

from conchsftp.auth.dialogue import MOST_ROUNDS, IDialogue
from conchsftp.events import SSHUserAuthRequest
from tests.auth.listening import A, B, Case, accept, known, two
from tests.auth.support import (
    FAILURE,
    INFO_REQUEST,
    INFO_RESPONSE,
    NONE,
    PK_OK,
    RIGHT,
    SUCCESS,
    Passwords,
    Transport,
    answers,
    interactive_request,
    offer,
    proof,
    request,
)


class SignatureTests(Case):
    """FireAuthRequestAfterSig."""

    def test_good(self) -> None:
        """`sigstatus` with 1 after the proof, not after the offer."""
        self.listen(say=known, fire_auth_request_after_sig=True)
        self.transport.events.on(SSHUserAuthRequest, lambda event: accept(event) if event.auth_param == "1" else None)
        self.assertEqual(self.numbers(offer(b"alice", A)) + self.numbers(proof(b"alice", A)), [PK_OK, SUCCESS])
        self.assertEqual(self.seen(), [("publickey", A.blob)] * 2 + [("sigstatus", "1")])
        self.assertEqual(self.told[-1].key_algorithm, "ssh-ed25519")

    def test_left_alone(self) -> None:
        """A handler that leaves it alone changes nothing, though there is no checker."""

        def say(event: SSHUserAuthRequest) -> None:
            if event.auth_method == "publickey":
                event.accept = True

        self.listen(say=say, fire_auth_request_after_sig=True)
        self.assertEqual(self.numbers(proof(b"alice", A)), [SUCCESS])
        self.assertEqual([event.accept for event in self.told], [True, True])

    def test_not_enough_by_itself(self) -> None:
        """What the proof was refused is not let in by `sigstatus`; what it was let in may still be refused."""
        for key, last, answer in ((False, True, FAILURE), (True, False, FAILURE), (True, True, SUCCESS)):

            def say(event: SSHUserAuthRequest, key: bool = key, last: bool = last) -> None:
                event.accept = key if event.auth_method == "publickey" else last

            self.listen(say=say, fire_auth_request_after_sig=True)
            self.assertEqual(self.numbers(proof(b"alice", A)), [answer])

    def test_partial(self) -> None:
        """A partial success stays one."""

        def keep(event: SSHUserAuthRequest) -> None:
            if event.auth_method != "sigstatus":
                two(event)

        self.listen(say=keep, fire_auth_request_after_sig=True)
        self.assertEqual(self.transport.ask(proof(b"alice", A)), [(FAILURE, NS(b"password") + b"\x01")])
        self.assertEqual(self.numbers(RIGHT), [SUCCESS])

    def test_home(self) -> None:
        """A home and methods that the event of the key brought hold, though `sigstatus` names none."""
        for more in (False, True):

            def say(event: SSHUserAuthRequest, more: bool = more) -> None:
                if event.auth_method == "publickey":
                    event.accept, event.partial_success = not more, more
                    event.home_dir, event.available_methods = "/in", "password"

            self.listen(say=say, fire_auth_request_after_sig=True)
            if more:
                self.assertEqual(self.transport.ask(proof(b"alice", A)), [(FAILURE, NS(b"password") + b"\x01")])
            else:
                self.assertEqual(self.numbers(proof(b"alice", A)), [SUCCESS])
                self.assertEqual(self.transport.home_dir, "/in")

    def test_bad(self) -> None:
        """`sigstatus` with 0 for a wrong signature, and nothing that a handler says makes it right."""
        self.listen(say=accept, fire_auth_request_after_sig=True)
        self.assertEqual(self.numbers(proof(b"alice", A, signer=B)), [FAILURE])
        self.assertEqual(self.seen(), [("sigstatus", "0")])
        self.assertEqual(self.transport.logins, [])


class InteractiveTests(Case):
    """keyboard-interactive by event."""

    ASK = interactive_request(b"alice")

    def answer(self, *texts: bytes) -> list[int]:
        """Ask for the questions and answer them."""
        self.assertEqual(self.numbers(self.ASK), [INFO_REQUEST])
        return self.numbers(answers(*texts), INFO_RESPONSE)

    def test_two_prompts(self) -> None:
        """Each answer fires, then the end of it; the prompts are those of the connection."""

        def say(event: SSHUserAuthRequest) -> None:
            if event.auth_method == "none":
                mine = self.transport.server_settings.of(event.connection_id)
                mine.keyboard_interactive_prompts = "Name of your dog: ,echo=true;Code: ,echo=false"
                event.available_methods = "keyboard-interactive"
            else:
                wanted = {"keyboard-interactive-1": "Rex", "keyboard-interactive-2": "42", "keyboard-interactive": ""}
                event.accept = wanted[event.auth_method] == event.auth_param

        self.listen(say=say, keyboard_interactive_message="Two questions")
        self.assertEqual(self.transport.ask(NONE), [(FAILURE, NS(b"keyboard-interactive") + b"\0")])
        asked = NS(b"") + NS(b"Two questions") + NS(b"") + b"\0\0\0\2" + NS(b"Name of your dog: ") + b"\1"
        self.assertEqual(self.transport.ask(self.ASK), [(INFO_REQUEST, asked + NS(b"Code: ") + b"\0")])
        self.assertEqual(self.numbers(answers(b"Rex", b"42"), INFO_RESPONSE), [SUCCESS])
        expected = [("keyboard-interactive-1", "Rex"), ("keyboard-interactive-2", "42"), ("keyboard-interactive", "")]
        self.assertEqual(self.seen()[1:], expected)

    def prompts(self, say: Any, *checkers: Any) -> None:
        """Listen on a connection with two prompts."""
        self.listen(*checkers, say=say, default_auth_methods="keyboard-interactive")
        self.transport.server_settings.keyboard_interactive_prompt_count = 2
        self.transport.server_settings.set("KeyboardInteractivePromptPrompt", "Code: ", 1)
        self.transport.server_settings.set("KeyboardInteractivePromptEcho", True, 1)

    def test_listed_prompts(self) -> None:
        """The documented list of prompts; an empty one is not sent as such."""
        self.prompts(accept)
        ((_, asked),) = self.transport.ask(self.ASK)
        self.assertEqual(asked, NS(b"") * 3 + b"\0\0\0\2" + NS(b": ") + b"\0" + NS(b"Code: ") + b"\1")

    def test_every_time(self) -> None:
        """All of them have to be accepted; those after a refusal fire all the same."""
        names = ("keyboard-interactive-1", "keyboard-interactive-2", "keyboard-interactive")
        for refused in names:
            self.prompts(lambda event, refused=refused: setattr(event, "accept", event.auth_method != refused))
            self.assertEqual(self.answer(b"a", b"b"), [FAILURE])
            self.assertEqual([event.auth_method for event in self.told], list(names))
        for silent in names:
            self.prompts(lambda event, silent=silent: None if event.auth_method == silent else accept(event))
            self.assertEqual(self.answer(b"a", b"b"), [FAILURE])

    def test_count(self) -> None:
        """Another number of answers than prompts is refused without asking."""
        self.prompts(accept)
        self.assertEqual(self.answer(b"a"), [FAILURE])
        self.assertEqual(self.told, [])

    def test_partial(self) -> None:
        """The end may be a partial success; the answers of prompts are a factor of their own besides a password."""

        def say(event: SSHUserAuthRequest) -> None:
            event.accept = True
            if event.auth_method == "password":
                event.partial_success, event.available_methods = True, "keyboard-interactive"

        self.prompts(say)
        self.transport.server_settings.default_auth_methods = "password"
        self.assertEqual(self.transport.ask(NONE), [(FAILURE, NS(b"password") + b"\0")])
        self.assertEqual(self.transport.ask(RIGHT), [(FAILURE, NS(b"keyboard-interactive") + b"\x01")])
        self.assertEqual(self.answer(b"a", b"b"), [SUCCESS])
        self.assertEqual(self.told[-1].proven, ("password",))

    def test_answer_that_is_partial(self) -> None:
        """An answer that is called a partial success is never more than that."""

        def say(event: SSHUserAuthRequest) -> None:
            event.partial_success, event.accept = event.auth_method[-2:] == "-1", event.auth_method[-2:] != "-1"

        self.prompts(say)
        self.assertEqual(self.answer(b"a", b"b"), [FAILURE])
        self.assertEqual(self.transport.service.progress.proven, ["keyboard-interactive"])

    def test_password(self) -> None:
        """Without prompts it is the password, of which handlers are told as an answer; the checkers' word is preset."""
        self.listen(Passwords())
        self.assertEqual(self.answer(b"right"), [SUCCESS])
        self.assertEqual(self.seen(), [("keyboard-interactive-1", "right"), ("keyboard-interactive", "")])
        self.assertEqual([event.accept for event in self.told], [True, True])

    def test_without_handler(self) -> None:
        """Prompts that nobody can judge are not asked; the password still is."""
        transport = Transport(Passwords(), default_auth_methods="password,keyboard-interactive")
        transport.server_settings.keyboard_interactive_prompts = "Code: "
        self.assertEqual(transport.ask(NONE), [(FAILURE, NS(b"password") + b"\0")])
        self.assertEqual(transport.ask(self.ASK), [(FAILURE, NS(b"password") + b"\0")])

    def test_answers_are_secret(self) -> None:
        """Neither the credentials nor the events show an answer."""
        self.prompts(accept)
        self.answer(b"hunter2", b"hunter3")
        self.assertEqual(len(self.told), 3)
        self.assertNotIn("hunter", repr(self.told))


class MoreTests(Case):
    """What handlers want to be asked."""

    ASK = interactive_request(b"alice")

    def asked(self, *texts: bytes) -> list[bytes]:
        """Return the first prompt of what is asked next; answers come from a client that has asked, or it asks."""
        sent = self.transport.ask(answers(*texts), number=INFO_RESPONSE) if texts else self.transport.ask(self.ASK)
        return [payload[20 : 20 + payload[19]] for number, payload in sent if number == INFO_REQUEST]

    def test_another_round(self) -> None:
        """A handler asks for another round; numbers go on, and the end fires once."""

        def say(event: SSHUserAuthRequest) -> None:
            more = {("keyboard-interactive-1", "right"): "Code: ", ("keyboard-interactive-2", "42"): [("Dog: ", True)]}
            event.accept = True
            event.prompts = more.get((event.auth_method, str(event.auth_param)), ())

        self.listen(say=say)
        self.assertEqual(
            [self.asked(*texts) for texts in ((), (b"right",), (b"42",))], [[b"Password: "], [b"Code: "], [b"Dog: "]]
        )
        self.assertEqual(self.numbers(answers(b"Rex"), INFO_RESPONSE), [SUCCESS])
        said = [
            ("keyboard-interactive-1", "right"),
            ("keyboard-interactive-2", "42"),
            ("keyboard-interactive-3", "Rex"),
        ]
        self.assertEqual(self.seen(), [*said, ("keyboard-interactive", "")])

    def test_prompts_together(self) -> None:
        """What several events of a round want is asked in one round."""

        def say(event: SSHUserAuthRequest) -> None:
            event.accept = True
            if event.auth_method in ("keyboard-interactive-1", "keyboard-interactive-2"):
                event.prompts = [f"{event.auth_param}: "]

        self.listen(say=say, default_auth_methods="keyboard-interactive")
        self.transport.settings.set("KeyboardInteractivePrompts", "a;b")
        self.asked()
        ((_, asked),) = self.transport.ask(answers(b"x", b"y"), number=INFO_RESPONSE)
        self.assertEqual(asked, NS(b"") * 3 + b"\0\0\0\2" + NS(b"x: ") + b"\0" + NS(b"y: ") + b"\0")

    def test_refused_before(self) -> None:
        """A refusal in an early round is one in the end, though another round is asked."""

        def say(event: SSHUserAuthRequest) -> None:
            event.accept = event.auth_param != "wrong"
            event.prompts = ["Code: "] if event.auth_method == "keyboard-interactive-1" else ()

        for first, answer in ((b"wrong", FAILURE), (b"right", SUCCESS)):
            self.listen(say=say)
            self.asked()
            self.assertEqual(self.asked(first), [b"Code: "])
            self.assertEqual(self.numbers(answers(b"42"), INFO_RESPONSE), [answer])

    def test_count(self) -> None:
        """Another number of answers than a handler's prompts is refused; no more fires."""
        self.listen(say=lambda event: setattr(event, "prompts", ["Code: "]))
        self.asked()
        self.assertEqual(self.asked(b"right"), [b"Code: "])
        self.assertEqual(self.numbers(answers(), INFO_RESPONSE), [FAILURE])
        self.assertEqual(len(self.told), 1)

    def test_without_end(self) -> None:
        """A handler that asks without end is stopped, and refuses."""

        def say(event: SSHUserAuthRequest) -> None:
            event.accept, event.prompts = True, ["More: "]

        self.listen(say=say)
        self.asked()
        for _ in range(MOST_ROUNDS - 1):
            self.assertEqual(self.asked(b"x"), [b"More: "])
        self.assertEqual(self.numbers(answers(b"x"), INFO_RESPONSE), [FAILURE])

    def test_broken(self) -> None:
        """A handler that fails asks nothing and refuses; prompts that are none are its mistake."""

        def fail(event: SSHUserAuthRequest) -> None:
            event.accept, event.prompts = True, ["Code: "]
            raise ZeroDivisionError

        def mistake(event: SSHUserAuthRequest) -> None:
            event.accept, event.prompts = True, [""]

        for say, logged in ((fail, ZeroDivisionError), (mistake, ValueError)):
            self.listen(say=say)
            self.asked()
            self.assertEqual(self.numbers(answers(b"right"), INFO_RESPONSE), [FAILURE])
            self.assertTrue(self.flushLoggedErrors(logged))

    def test_after_a_checker(self) -> None:
        """Handlers are told of a checker's rounds when it has decided, and may go on from there."""

        @implementer(ICredentialsChecker)
        class Two:
            credentialInterfaces = (IDialogue,)

            async def conduct(self, dialogue: Any) -> bytes:
                await dialogue.ask(["Password: "])
                await dialogue.ask(["Code: "])
                return b"shared"

            def requestAvatarId(self, dialogue: Any) -> Any:
                return Deferred.fromCoroutine(self.conduct(dialogue))

        def say(event: SSHUserAuthRequest) -> None:
            event.prompts = ["Dog: "] if event.auth_method == "keyboard-interactive-2" else ()

        self.listen(Two(), say=say, default_auth_methods="keyboard-interactive")
        self.assertEqual(
            [self.asked(*texts) for texts in ((), (b"right",), (b"42",))], [[b"Password: "], [b"Code: "], [b"Dog: "]]
        )
        self.assertEqual([event.accept for event in self.told], [True, True])
        self.assertEqual(self.numbers(answers(b"Rex"), INFO_RESPONSE), [SUCCESS])
        self.assertEqual(
            [event.auth_method for event in self.told][2:], ["keyboard-interactive-3", "keyboard-interactive"]
        )
        self.assertEqual(self.transport.logins[0][1].name, "shared")


class PromptsOfUserTests(Case):
    """Prompts that are for one user only."""

    def ask(self, user: bytes) -> bytes:
        """Return the first prompt that a user is asked."""
        ((_, payload),) = self.transport.ask(interactive_request(user))
        return payload[20 : 20 + payload[19]]

    def none(self, user: bytes) -> None:
        self.transport.ask(request(user, b"none"))

    def test_by_the_event(self) -> None:
        """What a handler sets for `none` is what this user is asked, and no other."""

        def say(event: SSHUserAuthRequest) -> None:
            event.prompts = "Code of alice: " if event.user == "alice" else ()

        self.listen(say=say, default_auth_methods="keyboard-interactive")
        self.assertEqual(self.ask(b"alice"), b"Password: ")
        self.none(b"alice")
        self.assertEqual(self.ask(b"alice"), b"Code of alice: ")
        self.assertEqual(self.ask(b"bob"), b"Password: ")
        self.assertEqual(self.ask(b"alice"), b"Password: ")

    def test_offer(self) -> None:
        """An offered key changes nothing."""
        self.listen(say=lambda event: setattr(event, "prompts", "Code: ") or accept(event))
        self.assertEqual(self.numbers(offer(b"alice", A)), [PK_OK])
        self.assertEqual(self.ask(b"alice"), b"Password: ")

    def test_of_the_connection(self) -> None:
        """What a handler sets for the connection while one user is tried ends with that user, too."""

        def say(event: SSHUserAuthRequest) -> None:
            if event.user == "alice":
                mine = self.transport.server_settings.of(event.connection_id)
                mine.keyboard_interactive_prompts = "Code of alice: "

        self.listen(say=say, default_auth_methods="keyboard-interactive")
        self.transport.server_settings.keyboard_interactive_prompts = "Everybody: "
        self.none(b"alice")
        self.assertEqual(self.ask(b"alice"), b"Code of alice: ")
        self.assertEqual(self.ask(b"bob"), b"Everybody: ")

    def test_set_before(self) -> None:
        """What was set for the connection before anybody was tried is for everybody who is."""

        def say(event: SSHUserAuthRequest) -> None:
            event.prompts = "Code of alice: " if event.user == "alice" else ()

        self.listen(say=say, default_auth_methods="keyboard-interactive")
        self.transport.settings.set("KeyboardInteractivePrompts", "Here: ")
        self.transport.service.serviceStarted()
        self.assertEqual(self.ask(b"bob"), b"Here: ")
        self.none(b"alice")
        self.assertEqual([self.ask(user) for user in (b"alice", b"bob")], [b"Code of alice: ", b"Here: "])
