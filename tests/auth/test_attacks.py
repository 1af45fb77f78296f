"""
Attacks on logins where parts meet that know nothing of each other.
"""

from typing import Any, cast

from twisted.conch.error import ValidPublicKey
from twisted.conch.ssh.common import MP, NS
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword, SSHPrivateKey, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from conchsftp.auth.dialogue import IDialogue
from conchsftp.auth.keys.user_certificate import UserCertificate
from conchsftp.auth.password_change import IPasswordChange, NewPasswordNeeded
from conchsftp.auth.sources.checkers import UsersFileChecker
from conchsftp.auth.sources.totp import FREE_GUESSES
from conchsftp.auth.sources.totp_checker import TOTPChecker
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.events import SSHUserAuthRequest
from conchsftp.server.logins import Logins
from conchsftp.settings.penalties import Offence
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from tests.auth.certificates import Certified
from tests.auth.factors import Case as FactorsCase
from tests.auth.support import (
    FAILURE,
    INFO_REQUEST,
    INFO_RESPONSE,
    REQUEST,
    RSA,
    SUCCESS,
    Ed25519,
    Transport,
    Workers,
    answers,
    interactive_request,
    line,
    password_request,
    proof,
    request,
)
from tests.auth.test_conductor import CODE, HASH, KEY, PASSWORD, Case
from tests.auth.test_totp import OTHER, code


@implementer(ICredentialsChecker)
class Pin:
    """A dialogue of its own, which asks something else than the password."""

    credentialInterfaces = (IDialogue,)

    def requestAvatarId(self, dialogue: Any) -> "Deferred[bytes]":
        return Deferred.fromCoroutine(self._ask(dialogue))

    async def _ask(self, dialogue: Any) -> bytes:
        (pin,) = await dialogue.ask(["PIN: "])
        if pin.to_bytes() != b"1234":
            raise UnauthorizedLogin("no")
        return bytes(dialogue.username)


class LeftDialogueTests(Case):
    def test_guesses_count(self) -> None:
        """Who answers wrong, sees it by the next question and begins anew has guessed: it counts as every guess."""
        transport = self.connect(Pin())
        for _ in range(transport.settings.max_auth_attempts):
            self.assertEqual(self.asked(b"bob"), PASSWORD)
            self.assertEqual(self.answer(b"wrong"), b"PIN: ")
        transport.ask(interactive_request(b"bob"))
        self.assertEqual(len(transport.disconnected), 1)
        self.assertEqual(transport.offences, [Offence.AUTHFAIL] * transport.settings.max_auth_attempts)

    def test_guesses_take_time(self) -> None:
        """And it takes as long: the next request is looked at when a refusal would have come."""
        transport = self.connect(Pin())
        self.asked(b"bob")
        self.answer(b"wrong")
        self.assertEqual(transport.ask(interactive_request(b"bob"), seconds=0.9), [])
        transport.clock.advance(1)
        self.assertEqual([number for number, _ in transport.sent][-1], INFO_REQUEST)

    def test_unanswered(self) -> None:
        """Who leaves a question that was the first has guessed nothing."""
        transport = self.connect(Pin())
        for _ in range(10):
            self.assertEqual(self.asked(b"bob"), PASSWORD)
        self.assertEqual((transport.offences, transport.disconnected), ([], []))
        transport.service.serviceStopped()
        self.assertEqual(transport.offences, [])

    def test_gone(self) -> None:
        """Nor is it free to close the connection instead."""
        transport = self.connect(Pin())
        self.asked(b"bob")
        self.assertEqual(self.answer(b"wrong"), b"PIN: ")
        transport.service.serviceStopped()
        self.assertEqual(transport.offences, [Offence.AUTHFAIL])


class HandlerTests(Case):
    """A handler that accepts passwords of its own knows nothing of codes."""

    def listen(self, word: str, **settings: Any) -> Transport:
        def say(event: SSHUserAuthRequest) -> None:
            if event.auth_method.startswith("keyboard-interactive") and event.auth_param in (word, ""):
                event.accept = True

        transport = self.connect(**settings)
        transport.events.on(SSHUserAuthRequest, say)
        return transport

    def test_dialogue(self) -> None:
        """Who has a code has to show it, also when a handler calls the answers right."""
        self.listen("ldap")
        self.assertEqual([self.asked(b"alice"), self.answer(b"ldap")], [PASSWORD, bytes([FAILURE])])
        self.assertEqual(self.transport.sent[-1][1][-1], 1)
        self.assertEqual([self.asked(b"alice"), self.answer(self.code())], [CODE, bytes([SUCCESS])])

    def test_own_prompts(self) -> None:
        """The same with prompts of the settings."""
        self.listen(
            "blue", keyboard_interactive_prompts=[("Colour: ", True)], default_auth_methods=["keyboard-interactive"]
        )
        self.assertEqual([self.asked(b"alice"), self.answer(b"blue")], [b"Colour: ", bytes([FAILURE])])
        self.assertEqual([self.asked(b"alice"), self.answer(self.code())], [CODE, bytes([SUCCESS])])

    def test_others(self) -> None:
        """Others are in at once."""
        self.listen("ldap")
        self.assertEqual([self.asked(b"bob"), self.answer(b"ldap")], [PASSWORD, bytes([SUCCESS])])

    def test_wrong_code(self) -> None:
        """The right password and a wrong code is the password alone, whatever the handler says."""
        self.listen("000000")
        self.assertEqual([self.asked(b"alice"), self.answer(b"right")], [PASSWORD, CODE])
        self.assertEqual(self.answer(b"000000"), bytes([FAILURE]))
        self.assertEqual(self.transport.logins, [])


@implementer(ICredentialsChecker)
class AnyCase:
    """A directory to which small and capital letters are the same."""

    credentialInterfaces = (IUsernamePassword,)

    def requestAvatarId(self, credentials: Any) -> bytes:
        if (credentials.username.lower(), credentials.password) != (b"alice", b"right"):
            raise UnauthorizedLogin("no")
        return bytes(credentials.username)


class SpellingTests(FactorsCase):
    def setUp(self) -> None:
        self.source = TOTPChecker(lambda name: OTHER if name.lower() == "alice" else None)

    def shown(self, user: bytes, said: bytes) -> int:
        self.listen("keyboard-interactive:totp", self.source)
        self.transport.ask(interactive_request(user))
        ((number, _),) = self.transport.ask(answers(said), number=INFO_RESPONSE)
        return number

    def test_replayed(self) -> None:
        """A code is used up for its secret, however the name is spelt."""
        right = code(1_800_000_000.0, OTHER).to_bytes()
        self.assertEqual([self.shown(b"alice", right), self.shown(b"Alice", right)], [SUCCESS, FAILURE])

    def test_guessed(self) -> None:
        """So are guesses."""
        for name in (b"alice", b"Alice", b"aLice", b"alIce", b"aliCe")[:FREE_GUESSES]:
            self.shown(name, b"000000")
        self.assertEqual(self.shown(b"alicE", code(1_800_000_000.0, OTHER).to_bytes()), FAILURE)


class SameKeyTests(FactorsCase):
    def test_written_otherwise(self) -> None:
        """One RSA key, its number once with a needless zero before it, is one key."""
        first, again = RSA(), RSA()
        again.private = first.private
        numbers = first.private.public_key().public_numbers()
        number = MP(numbers.n)[4:]
        again.blob = NS(b"ssh-rsa") + MP(numbers.e) + NS(b"\0" + number)
        self.listen("publickey,publickey", say=lambda event: setattr(event, "accept", True))
        self.assertEqual(self.numbers(proof(b"alice", first), proof(b"alice", again)), [FAILURE, FAILURE])


class AliasTests(Case):
    def test_both_names_count(self) -> None:
        """A user who is refused is so by the name that the client gives, and by the one that a checker gives."""
        for refused in ("Alice", "boss"):
            transport = Transport(_Renames())

            async def barred(name: str, host: str | None, now: float, refused: str = refused) -> str:
                return "disabled" if name == refused else ""

            transport.factory.barred = barred
            ((number, _),) = transport.ask(password_request(b"Alice", b"right"))
            self.assertEqual(number, FAILURE, refused)


class _Renames(AnyCase):
    def requestAvatarId(self, credentials: Any) -> bytes:
        super().requestAvatarId(credentials)
        return b"boss"


class FilesTests(Case):
    """Several users files."""

    def test_refused_by_one(self) -> None:
        """Who is refused in one of them is, whichever vouches."""
        paths = self.users_file(), self.users_file()
        with open(paths[1]) as file:
            text = file.read().replace("[bob]\n", "[bob]\ndisabled = true\n")
        with open(paths[1], "w") as file:
            file.write(text)
        first, second = (UsersFileChecker(UsersFile(path), Workers()) for path in paths)
        for checkers, users in (([second], first), ([first], second)):
            logins = Logins(
                Settings(TABLE), cast(Any, Workers()), users=users.users, one_time_user=None, checkers=checkers
            )
            transport = Transport()
            transport.factory.portal = logins.portal(transport.factory.portal.realm)
            transport.factory.barred = logins.barred
            transport.service.serviceStarted()
            ((number, _),) = transport.ask(password_request(b"bob", b"right"))
            self.assertEqual(number, FAILURE)


class OtherServersTests(SynchronousTestCase):
    """A server of Conch's own knows no policies: it is told that who has to prove more is nobody."""

    def test_more_is_required(self) -> None:
        """One proof lets in only who needs no other."""
        totp = f'totp = "{OTHER.to_bytes().decode()}"'
        key, password = SSHPrivateKey(b"alice", b"", KEY.blob, None, None), UsernamePassword(b"alice", b"right")
        for entry, by_password, by_key in (
            ("", True, True),
            (totp, False, False),
            (f'{totp}\nmethods = "any"', True, True),
            ('methods = "publickey,password"', False, False),
            ('methods = "publickey password,publickey"', False, True),
            ('methods = "password"', True, False),
        ):
            path = self.mktemp()
            with open(path, "w") as file:
                file.write(f'[alice]\npassword = "{HASH}"\nkeys = ["{line(KEY)}"]\n{entry}\n')
            checker = UsersFileChecker(UsersFile(path), Workers())
            found = self.results(checker.requestAvatarId(password)), self.results(checker.requestAvatarId(key))
            self.assertEqual(found, (by_password, by_key), entry)

    def results(self, deciding: "Deferred[Any]") -> bool:
        said: list[Any] = []
        deciding.addBoth(said.append)
        return not isinstance(said[0], Failure) or said[0].check(ValidPublicKey) is not None


class CostTests(SynchronousTestCase):
    def test_networks(self) -> None:
        """A certificate of a stranger does not hold the server up with its networks."""
        key, ca = Ed25519(), Ed25519()
        for count, reason in ((256, ""), (257, "more than 256 networks")):
            option = (b"source-address", NS(b",".join([b"192.0.2.1"] * count)))
            shown = UserCertificate.parse(Certified(key, ca, critical=[option]).blob)
            found = shown.refusal(ca_algorithms=("ssh-ed25519",), address="192.0.2.1", now=1_800_000_000.0)
            self.assertIn(reason, found)
            self.assertEqual(bool(reason), bool(found))


@implementer(ICredentialsChecker)
class Expired:
    """Passwords that have expired, and can be changed."""

    credentialInterfaces = (IUsernamePassword, IPasswordChange)

    def __init__(self) -> None:
        self.changed: list[bytes] = []

    def requestAvatarId(self, credentials: Any) -> bytes:
        if credentials.password != b"right":
            raise UnauthorizedLogin("no")
        if not IPasswordChange.providedBy(credentials):
            raise NewPasswordNeeded("It has expired.")
        self.changed.append(credentials.new_password)
        return bytes(credentials.username)


class ChangeTests(SynchronousTestCase):
    """Who is refused changes no password, in no source."""

    def setUp(self) -> None:
        self.expired = Expired()
        self.transport = Transport(self.expired, allow_password_change=True)

        async def barred(name: str, host: str | None, now: float) -> str:
            return "disabled"

        self.transport.factory.barred = barred

    def numbers(self, payload: bytes, number: int = REQUEST) -> list[int]:
        return [each for each, _ in self.transport.ask(payload, number=number)]

    def test_asked_for(self) -> None:
        """Nor are they asked for one: that would say that the old one was right."""
        self.assertEqual(self.numbers(password_request(b"alice", b"right")), [FAILURE])
        self.assertEqual(self.numbers(interactive_request(b"alice")), [INFO_REQUEST])
        self.assertEqual(self.numbers(answers(b"right"), INFO_RESPONSE), [FAILURE])

    def test_changed(self) -> None:
        """A change is refused before it is made."""
        change = request(b"alice", b"password", b"\1" + NS(b"right") + NS(b"new"))
        self.assertEqual(self.numbers(change), [FAILURE])
        self.assertEqual(self.expired.changed, [])
