"""
Logins that have to be proved by several factors: what is asked next, what counts, and whose policy it is.
"""

from typing import Any

from twisted.conch.error import NotEnoughAuthentication
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import succeed
from twisted.logger import LogLevel

from conchsftp.auth.credentials import KeyProof, Password
from conchsftp.auth.keys.signatures import PublicKey, Signed
from conchsftp.secret import Secret
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
    Keys,
    Passwords,
    answers,
    interactive_request,
    offer,
    proof,
)

KEY = proof(b"alice", A)
ASKED = interactive_request(b"alice")


class ListsTests(Case):
    """What a client is told, and what lets it in."""

    def test_two(self) -> None:
        """The first method, then what remains with partial success, then the login: by the realm, once."""
        made: list[str] = []
        self.listen(make_avatar=lambda name: made.append(name) or Avatar(name))
        self.assertEqual(self.transport.ask(NONE), [refused("publickey")])
        self.assertEqual(self.numbers(offer(b"alice", A)), [PK_OK])
        self.assertEqual(self.transport.ask(KEY, 0.0), [partial("password")])
        self.assertEqual(made, [])
        self.assertEqual(self.numbers(RIGHT), [SUCCESS])
        self.assertEqual((made, len(self.transport.logins)), (["alice"], 1))

    def test_log(self) -> None:
        """Which key was one of several proofs is in the log, as it is where a key lets in by itself."""
        self.listen()
        lines = self.lines(LogLevel.info)
        self.numbers(KEY)
        self.assertRegex(lines[-1], r"'publickey' 'ssh-ed25519' SHA256:\S+ accepted for 'alice', more is needed$")

    def test_partial_is_no_failure(self) -> None:
        """What was right does not count against MaxAuthAttempts; a wrong second factor does."""
        self.listen(max_auth_attempts=2)
        self.assertEqual(self.numbers(KEY), [FAILURE])
        self.assertEqual(self.transport.ask(WRONG), [refused("password")])
        self.assertEqual(self.transport.service.progress.failures, 1)
        self.assertEqual(self.numbers(RIGHT), [SUCCESS])

    def test_order(self) -> None:
        """What a list does not begin with is refused, nobody is asked about it, and it takes as long as any refusal."""
        times = set()
        for methods, payload in ((BOTH, RIGHT), (BOTH, WRONG), ("any", WRONG)):
            transport = self.listen(methods)
            transport.receive(payload)
            while not transport.sent:
                transport.clock.advance(0.001)
            times.add(round(transport.clock.seconds(), 6))
            self.assertEqual(bool(self.passwords.asked), methods == "any")
        self.assertEqual(len(times), 1)

    def test_several(self) -> None:
        """Named is what each list begins with, in the order of DefaultAuthMethods, whichever way the lists stand."""
        for methods in (f"password,publickey {BOTH}", f"{BOTH} password,publickey"):
            self.listen(methods)
            self.assertEqual(self.transport.ask(NONE), [refused("publickey", "password")])
            self.assertEqual(self.transport.ask(RIGHT), [partial("publickey")])
            self.assertEqual(self.numbers(KEY), [SUCCESS])

    def test_one_list_is_enough(self) -> None:
        """A short list lets in, though a longer one begins in the same way."""
        self.listen(f"{BOTH} publickey")
        self.assertEqual(self.numbers(KEY), [SUCCESS])

    def test_what_is_asked(self) -> None:
        """A client is told `keyboard-interactive`, whatever the policy wants to be asked by it."""
        self.listen("publickey,keyboard-interactive:password")
        self.assertEqual(self.transport.ask(KEY), [partial("keyboard-interactive")])
        self.assertEqual(self.numbers(RIGHT), [FAILURE])
        self.assertEqual(self.numbers(ASKED), [INFO_REQUEST])
        self.assertEqual(self.numbers(answers(b"right"), number=INFO_RESPONSE), [SUCCESS])

    def test_prompts_of_ones_own(self) -> None:
        """Who wants only the password to be asked gets no other prompts; plain keyboard-interactive has them."""
        for factor, text in (("keyboard-interactive:password", b"Password: "), ("keyboard-interactive", b"Code: ")):
            self.listen(
                f"publickey,{factor}",
                keyboard_interactive_prompts="Code: ",
                default_auth_methods="publickey,keyboard-interactive",
                say=lambda event: None,
            )
            self.numbers(KEY)
            ((_, payload),) = self.transport.ask(ASKED)
            self.assertIn(text, payload)

    def test_three(self) -> None:
        """Three factors, and none of them is left out."""
        self.listen("publickey,password,publickey", say=lambda event: setattr(event, "accept", True))
        self.assertEqual(self.transport.ask(KEY), [partial("password")])
        self.assertEqual(self.transport.ask(RIGHT), [partial("publickey")])
        self.assertEqual(self.numbers(KEY), [FAILURE])
        self.assertEqual(self.numbers(proof(b"alice", B)), [SUCCESS])

    def test_any(self) -> None:
        """Without a policy one proof is enough."""
        for payload in (KEY, RIGHT):
            self.listen("any")
            self.assertEqual(self.numbers(payload), [SUCCESS])

    def test_first_avatar(self) -> None:
        """Whom the first factor's checker named is who is logged in; text and bytes are the same name."""
        self.listen(BOTH, Keys(alice=A), Passwords(lambda: succeed("alice")))
        self.assertEqual(self.numbers(KEY, RIGHT), [FAILURE, SUCCESS])

    def test_same_avatar(self) -> None:
        """Factors of two people are none of one."""
        self.listen(BOTH, Keys(alice=A), Passwords(lambda: succeed(b"bob")))
        self.assertEqual(self.numbers(KEY, RIGHT), [FAILURE, FAILURE])
        self.assertEqual(self.transport.logins, [])

    def test_realm_refuses(self) -> None:
        """Who cannot be given an avatar is refused, and may try the last factor again."""

        def make_avatar(name: str) -> Any:
            if not made:
                made.append(name)
                raise UnauthorizedLogin("no folder")
            return Avatar(name)

        made: list[str] = []
        self.listen(make_avatar=make_avatar)
        self.assertEqual(self.numbers(KEY), [FAILURE])
        self.assertEqual(self.transport.ask(RIGHT), [refused("password")])
        self.assertEqual(self.numbers(RIGHT), [SUCCESS])


class FactsTests(Case):
    """The same fact never counts twice."""

    def test_one_key(self) -> None:
        """One key is not two, neither offered nor signed with; and nobody is asked about it again."""
        self.listen("publickey,publickey")
        self.assertEqual(self.transport.ask(KEY), [partial("publickey")])
        asked = len(self.keys.asked)
        self.assertEqual(self.numbers(offer(b"alice", A), KEY), [FAILURE, FAILURE])
        self.assertEqual(len(self.keys.asked), asked)
        self.assertEqual(self.transport.logins, [])

    def test_two_keys(self) -> None:
        """Two keys are two factors."""
        self.listen("publickey,publickey", say=lambda event: setattr(event, "accept", event.auth_param in known))
        known = A.blob, B.blob
        self.assertEqual(self.numbers(KEY), [FAILURE])
        self.assertEqual(self.numbers(offer(b"alice", B), proof(b"alice", B)), [PK_OK, SUCCESS])

    def test_one_password(self) -> None:
        """A password that came is not proved once more by an answer."""
        self.listen("password,keyboard-interactive")
        self.assertEqual(self.transport.ask(RIGHT), [partial()])
        self.assertEqual(self.numbers(ASKED), [FAILURE])
        self.assertEqual(self.transport.logins, [])

    def test_names(self) -> None:
        """A key is one fact, whatever certifies it; a password is one, whichever way it came."""
        plain, other = PublicKey(A.blob), PublicKey(B.blob)
        signed = Signed(signature=b"", message=b"")
        attempt: Any = None
        proofs = [KeyProof(attempt=attempt, key=key, algorithm="", signed=signed) for key in (plain, other)]
        self.assertFalse(proofs[0].facts & proofs[1].facts)
        passwords = [Password(attempt=attempt, secret=Secret(each)) for each in ("a", "b")]
        self.assertEqual(passwords[0].facts, passwords[1].facts)


class WithHandlersTests(Case):
    """A handler may ask for more than the policy, not for less."""

    def test_accepted(self) -> None:
        """What a handler accepts counts as a proof, and as one only."""
        self.listen(say=lambda event: setattr(event, "accept", True))
        self.assertEqual(self.transport.ask(KEY), [partial("password")])
        self.assertEqual(self.numbers(WRONG), [SUCCESS])

    def test_none(self) -> None:
        """What proves nothing completes no policy, though a handler accepts it, and a setting would allow it."""
        warned = self.lines()
        for set_field in ("accept", "partial_success"):
            self.listen(
                say=lambda event, name=set_field: setattr(event, name, True),
                default_auth_methods="none,publickey,password",
            )
            self.assertEqual(self.transport.ask(NONE), [refused("publickey")])
            self.assertEqual(self.transport.service.progress.proven, [])
        self.assertEqual(warned, ["[1 192.0.2.1] accepted without a proof, but a policy asks for proofs"] * 2)

    def test_partial_before(self) -> None:
        """A handler that asks for more where the policy does anyway has asked for nothing else."""
        self.listen(say=lambda event: setattr(event, "partial_success", event.auth_method == "publickey"))
        self.assertEqual(self.transport.ask(KEY), [partial("password")])
        self.assertEqual(self.numbers(RIGHT), [SUCCESS])

    def test_partial_at_the_end(self) -> None:
        """A handler may ask for more when the policy is complete; it may say what."""
        for named, told in (("", ()), ("publickey", ("publickey",)), ("password", ())):

            def say(event: Any, named: str = named) -> None:
                event.partial_success = event.auth_method == "password"
                event.accept = True
                event.available_methods = named if event.partial_success else ""

            self.listen(say=say)
            self.numbers(KEY)
            self.assertEqual(self.transport.ask(RIGHT), [partial(*told)])
            self.assertEqual(self.numbers(KEY), [FAILURE])
            self.assertEqual(self.numbers(proof(b"alice", B)), [SUCCESS] if told else [FAILURE])

    def test_chosen(self) -> None:
        """A handler may choose between the methods of a policy, but neither add one nor take all away."""
        for named, expected in (("password", ["password"]), ("keyboard-interactive", ["publickey", "password"])):
            self.listen(
                f"{BOTH} password,publickey", say=lambda event, named=named: setattr(event, "available_methods", named)
            )
            self.assertEqual(self.transport.ask(NONE), [refused(*expected)])
            self.assertEqual(self.numbers(KEY), [FAILURE])
            self.assertEqual(self.transport.service.progress.proven, [] if named == "password" else ["publickey"])

    def test_opened(self) -> None:
        """A method of the policy that DefaultAuthMethods does not name may be opened by a handler, as without one."""
        say = {"": lambda event: None, "password": lambda event: setattr(event, "available_methods", "password")}
        for named, expected in (("", FAILURE), ("password", SUCCESS)):
            self.listen(say=say[named], default_auth_methods="publickey")
            self.assertEqual(self.numbers(KEY, RIGHT), [FAILURE, expected])

    def test_refused(self) -> None:
        """What a handler refuses is no proof."""
        self.listen(say=lambda event: setattr(event, "accept", event.auth_method != "publickey"))
        self.assertEqual(self.transport.ask(KEY), [refused("publickey")])

    def test_offered(self) -> None:
        """An offer proves nothing, whatever a handler makes of it."""
        self.listen(say=lambda event: setattr(event, "partial_success", True))
        self.assertEqual(self.numbers(offer(b"alice", A)), [PK_OK])
        self.assertEqual(self.numbers(RIGHT), [FAILURE])
        self.assertEqual(self.transport.service.progress.proven, [])

    def test_proven(self) -> None:
        """Handlers are told what is proved when the next factor comes."""
        self.listen(say=lambda event: None)
        self.numbers(KEY, RIGHT)
        self.assertEqual([event.proven for event in self.told], [(), ("publickey",)])

    def test_not_enough(self) -> None:
        """A checker that asks for more by itself still does, when the policy is complete and before."""

        def answer() -> Any:
            raise NotEnoughAuthentication

        self.listen(BOTH, Keys(alice=A), Passwords(answer))
        self.assertEqual(self.numbers(KEY), [FAILURE])
        self.assertEqual(self.transport.ask(RIGHT), [partial()])
        self.listen("password,publickey", Keys(alice=A), Passwords(answer))
        self.assertEqual(self.transport.ask(RIGHT), [partial("publickey")])
        self.assertEqual(self.numbers(KEY), [SUCCESS])
