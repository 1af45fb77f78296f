"""
Password and one-time code by keyboard-interactive, as bytes: of a users file, and of an application.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

import bcrypt
import pyotp
from twisted.conch.error import NotEnoughAuthentication
from twisted.conch.ssh.common import NS
from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from conchsftp.auth.dialogue import IDialogue
from conchsftp.auth.policies import UserPolicies
from conchsftp.auth.sources.checkers import UsersFileChecker
from conchsftp.auth.sources.portals import register
from conchsftp.auth.sources.totp import FREE_GUESSES
from conchsftp.auth.sources.totp_checker import TOTPChecker
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.errors import ServerError
from conchsftp.secret import Secret
from tests.auth.support import (
    FAILURE,
    INFO_REQUEST,
    INFO_RESPONSE,
    SUCCESS,
    Ed25519,
    Keys,
    Passwords,
    Transport,
    Workers,
    answers,
    interactive_request,
    password_request,
    proof,
)
from tests.auth.test_totp import OTHER, code

HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
KEY = Ed25519()
WAYS = b"publickey,password,keyboard-interactive"
PASSWORD, CODE = b"Password: ", b"Verification code: "


class Case(SynchronousTestCase):
    """alice has a password and codes, bob a password, carol codes only; mallory is nobody."""

    def connect(self, *more: Any, methods: str = "any", **settings: Any) -> Transport:
        """Return a connection to a server with the users file, and checkers besides."""
        transport = Transport(**settings)
        users = UsersFile(self.users_file())
        transport.server_settings.authentication_methods = methods
        register(transport.factory.portal, (UsersFileChecker(users, Workers()), *more))
        transport.factory.policies = UserPolicies(transport.server_settings, workers=Workers(), users=(users,))
        self.transport = transport
        return transport

    def users_file(self) -> str:
        path = self.mktemp()
        with open(path, "w") as file:
            secret = f'totp = "{OTHER.to_bytes().decode()}"\n'
            file.write(f'[alice]\npassword = "{HASH}"\n{secret}[bob]\npassword = "{HASH}"\n[carol]\n{secret}')
        os.chmod(path, 0o600)
        return path

    def asked(self, user: bytes) -> bytes:
        """Ask for the questions of a user, and return the first prompt."""
        return self.prompt(self.transport.ask(interactive_request(user)))

    def answer(self, text: bytes | Secret) -> bytes:
        """Answer one prompt; return the next one, or the number of what is said instead, as one byte."""
        return self.prompt(self.transport.ask(answers(Secret(text).to_bytes()), number=INFO_RESPONSE))

    def prompt(self, said: list[tuple[int, bytes]]) -> bytes:
        ((number, payload),) = said
        return payload[20 : 20 + payload[19]] if number == INFO_REQUEST else bytes([number])

    def code(self) -> Secret:
        return code(self.transport.now, OTHER)


class UsersFileTests(Case):
    def test_password_then_code(self) -> None:
        """The code is asked for in a second round, and lets in; a wrong one does not."""
        for shown, end in ((self.code_later(0), SUCCESS), (self.code_later(3), FAILURE)):
            self.connect()
            self.assertEqual([self.asked(b"alice"), self.answer(b"right")], [PASSWORD, CODE])
            self.assertEqual(self.answer(shown()), bytes([end]))

    def code_later(self, steps: int) -> Callable[[], Secret]:
        return lambda: code(self.transport.now + 30 * steps, OTHER)

    def test_without_code(self) -> None:
        """Who has none is in after the password."""
        self.connect()
        self.assertEqual([self.asked(b"bob"), self.answer(b"right")], [PASSWORD, bytes([SUCCESS])])

    def test_strangers(self) -> None:
        """Who does not know the password sees the same of everybody: who has codes, who has not, who is nobody."""
        seen = set()
        for user in (b"alice", b"bob", b"carol", b"mallory"):
            transport = self.connect()
            transport.ask(interactive_request(user))
            transport.receive(answers(b"wrong"), INFO_RESPONSE)
            transport.clock.advance(10)
            seen.add(tuple(transport.sent))
        self.assertEqual(len(seen), 1)

    def test_password_is_not_enough(self) -> None:
        """By the method `password` it is a first factor for who has codes; then the code alone is asked."""
        transport = self.connect()
        partial = [(FAILURE, NS(b"publickey,keyboard-interactive") + b"\1")]
        self.assertEqual(transport.ask(password_request(b"alice", b"right")), partial)
        self.assertEqual(self.asked(b"alice"), CODE)
        self.assertEqual(self.answer(self.code()), bytes([SUCCESS]))
        self.assertEqual(transport.logins[0][1].name, "alice")

    def test_key_then_code(self) -> None:
        """After a key the code alone is asked, also of who has no password."""
        transport = self.connect(Keys(carol=KEY))
        self.assertEqual(transport.ask(proof(b"carol", KEY))[0][1][-1:], b"\1")
        self.assertEqual([self.asked(b"carol"), self.answer(self.code())], [CODE, bytes([SUCCESS])])

    def test_new_password(self) -> None:
        """A password that has to be changed is changed on the spot, but not before the code was right."""
        path = self.expire()
        for right in (False, True):
            self.connect()
            self.assertEqual([self.asked(b"alice"), self.answer(b"right")], [PASSWORD, CODE])
            shown = self.code() if right else Secret("000000")
            ((_, asked),) = self.transport.ask(answers(shown.to_bytes()), number=INFO_RESPONSE)
            self.assertEqual(b"New password: " in asked, right)
            self.assertTrue(self.unchanged(path))
        ((number, _),) = self.transport.ask(answers(b"new", b"new"), number=INFO_RESPONSE)
        self.assertEqual((number, self.unchanged(path)), (SUCCESS, False))

    def test_new_password_before_a_key(self) -> None:
        """Where a key is wanted after the password, nothing is changed before it was proved."""
        path = self.expire()
        self.connect(Keys(alice=KEY), methods="keyboard-interactive:password,publickey")
        self.transport.factory.policies = None
        self.asked(b"alice")
        ((_, said),) = self.transport.ask(answers(b"right"), number=INFO_RESPONSE)
        self.assertEqual(said, NS(b"publickey") + b"\1")
        self.transport.ask(proof(b"alice", KEY))
        self.asked(b"alice")
        ((_, asked),) = self.transport.ask(answers(b"right"), number=INFO_RESPONSE)
        self.assertIn(b"New password: ", asked)
        self.assertTrue(self.unchanged(path))
        ((number, _),) = self.transport.ask(answers(b"new", b"new"), number=INFO_RESPONSE)
        self.assertEqual((number, self.unchanged(path)), (SUCCESS, False))

    def expire(self) -> str:
        """Have alice change her password; return the users file."""
        path = self.users_file()
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text.replace("totp", "change_password = true\ntotp", 1))
        self.patch(self, "users_file", lambda: path)
        return path

    def unchanged(self, path: str) -> bool:
        """Whether the password is the old one."""
        with open(path) as file:
            return HASH in file.read().split("[bob]")[0]

    def test_code_first(self) -> None:
        """Where a policy wants the code first, it is asked of everybody, and no password was looked at."""
        for user in (b"alice", b"bob", b"mallory"):
            self.connect(methods="keyboard-interactive:totp,password")
            self.assertEqual(self.asked(user), CODE)
            end = self.transport.ask(answers(self.code().to_bytes()), number=INFO_RESPONSE)
            self.assertEqual(end[0][1][-1], user == b"alice")
        self.connect(methods="keyboard-interactive:totp,password")
        self.asked(b"alice")
        self.answer(self.code())
        self.assertEqual(self.transport.ask(password_request(b"alice", b"right")), [(SUCCESS, b"")])

    def test_password_only(self) -> None:
        """`keyboard-interactive:password` asks the password and nothing else."""
        self.connect(methods="keyboard-interactive:password")
        self.assertEqual([self.asked(b"alice"), self.answer(b"right")], [PASSWORD, bytes([SUCCESS])])

    def test_replay(self) -> None:
        """A code that has let somebody in lets nobody in on another connection, either."""
        self.connect()
        checkers = self.transport.factory.portal
        self.asked(b"alice")
        self.answer(b"right")
        shown = self.code()
        self.assertEqual(self.answer(shown), bytes([SUCCESS]))
        self.connect()
        self.transport.factory.portal.checkers = checkers.checkers
        self.asked(b"alice")
        self.answer(b"right")
        self.assertEqual(self.answer(shown), bytes([FAILURE]))

    def test_guessing(self) -> None:
        """Guesses on many connections count together: then the right code is not looked at."""
        self.connect(methods="keyboard-interactive:totp,password")
        portal = self.transport.factory.portal
        for _ in range(FREE_GUESSES):
            self.connect(methods="keyboard-interactive:totp,password")
            self.transport.factory.portal.checkers = portal.checkers
            self.asked(b"alice")
            self.answer(b"000000")
        self.connect(methods="keyboard-interactive:totp,password")
        self.transport.factory.portal.checkers = portal.checkers
        self.asked(b"alice")
        ((_, refusal),) = self.transport.ask(answers(self.code().to_bytes()), number=INFO_RESPONSE)
        self.assertEqual(refusal[-1], 0)

    def test_missing(self) -> None:
        """A users file with a secret on a machine without pyotp is a mistake when the server is made."""
        self.addCleanup(sys.modules.__setitem__, "pyotp", pyotp)
        sys.modules["pyotp"] = None  # type: ignore[assignment]
        self.assertIn("conchsftp[totp]", str(self.assertRaises(ServerError, self.connect)))

    def test_enrolled_later(self) -> None:
        """The file is read again: a secret that was added counts for the next login."""
        path = self.users_file()
        with open(path, "w") as file:
            file.write(f'[alice]\npassword = "{HASH}"\n')
        self.patch(self, "users_file", lambda: path)
        self.connect()
        with open(path, "a") as file:
            file.write(f'totp = "{OTHER.to_bytes().decode()}"\n')
        self.assertEqual([self.asked(b"alice"), self.answer(b"right")], [PASSWORD, CODE])


class OthersTests(Case):
    """Passwords and dialogues of others, and codes of the users file."""

    def test_password_of_another(self) -> None:
        """A code is asked of who has one, whoever knows the password; nobody is asked for that twice."""
        self.connect(Passwords(lambda: succeed(b"carol")))
        self.assertEqual(
            [self.asked(b"carol"), self.answer(b"x"), self.answer(self.code())], [PASSWORD, CODE, bytes([SUCCESS])]
        )

    def test_alias(self) -> None:
        """It is asked of who logs in by another name, too."""
        self.connect(Passwords(lambda: succeed(b"carol")))
        self.assertEqual([self.asked(b"mallory"), self.answer(b"x")], [PASSWORD, CODE])
        self.assertEqual(self.answer(b"000000"), bytes([FAILURE]))

    def test_not_enough(self) -> None:
        """A checker that wants more after the password does not spare the code."""

        def answer() -> Any:
            raise NotEnoughAuthentication

        self.connect(Passwords(answer))
        self.assertEqual(
            [self.asked(b"carol"), self.answer(b"x"), self.answer(b"000000")], [PASSWORD, CODE, bytes([FAILURE])]
        )

    def test_dialogue_of_another(self) -> None:
        """A dialogue that an application conducts is one more way; the code is asked after it."""

        @implementer(ICredentialsChecker)
        class Riddle:
            credentialInterfaces = (IDialogue,)

            async def conduct(self, dialogue: Any) -> bytes:
                await dialogue.ask(["Password: "])
                await dialogue.ask(["Riddle: "])
                return bytes(dialogue.username)

            def requestAvatarId(self, dialogue: Any) -> Any:
                return Deferred.fromCoroutine(self.conduct(dialogue))

        for user, prompts in ((b"bob", []), (b"carol", [CODE])):
            self.connect(Riddle())
            self.assertEqual([self.asked(user), self.answer(b"wrong")], [PASSWORD, b"Riddle: "])
            self.assertEqual([self.answer(b"x")], prompts or [bytes([SUCCESS])])
        # It has proved no code.
        self.connect(Riddle(), methods="keyboard-interactive:password")
        self.assertEqual([self.asked(b"bob"), self.answer(b"wrong")], [PASSWORD, b"Riddle: "])
        self.assertEqual(self.answer(b"x"), bytes([FAILURE]))


class ApplicationTests(Case):
    """Secrets that an application knows."""

    def own(self, *more: Any, methods: str = "any", secret_of: Any = None) -> Transport:
        self.transport = Transport(authentication_methods=methods)
        checker = TOTPChecker(secret_of or {"alice": OTHER.to_bytes().decode()}.get)
        register(self.transport.factory.portal, (*more, checker))
        return self.transport

    def test_secrets(self) -> None:
        """The password, then the code; the secret may be a text, a Secret, or come later."""

        async def later(name: str) -> Secret:
            return OTHER

        for secret_of in (None, later, lambda name: succeed(OTHER)):
            self.own(Passwords(), secret_of=secret_of)
            self.assertEqual([self.asked(b"alice"), self.answer(b"right")], [PASSWORD, CODE])
            self.assertEqual(self.answer(self.code()), bytes([SUCCESS]))

    def test_code_alone(self) -> None:
        """What a phone shows is never enough by itself, unless a policy says so."""
        transport = self.own(Keys(alice=KEY))
        self.assertEqual([self.asked(b"alice"), self.answer(self.code())], [CODE, bytes([FAILURE])])
        self.assertEqual(transport.sent[-1], (FAILURE, NS(b"publickey") + b"\1"))
        self.assertEqual(transport.ask(proof(b"alice", KEY)), [(SUCCESS, b"")])
        self.own(Keys(alice=KEY), methods="keyboard-interactive:totp")
        self.assertEqual([self.asked(b"alice"), self.answer(self.code())], [CODE, bytes([SUCCESS])])

    def test_portal(self) -> None:
        """In a portal of one's own it asks for the code alone."""
        transport = Transport(TOTPChecker({"alice": OTHER}.get), Keys(alice=KEY))
        self.transport = transport
        self.assertEqual([self.asked(b"alice"), self.answer(self.code())], [CODE, bytes([FAILURE])])
        self.assertEqual(transport.ask(proof(b"alice", KEY)), [(SUCCESS, b"")])

    def test_broken(self) -> None:
        """A secret that is none, or a database that fails, lets nobody in, and is logged."""
        for secret_of, error in ((lambda name: "short", ValueError), (lambda name: 1 / 0, ZeroDivisionError)):
            self.own(Passwords(), secret_of=secret_of)
            said = [self.asked(b"alice"), self.answer(b"right")]
            if said[-1] == CODE:
                said.append(self.answer(b"000000"))
            self.assertEqual(said[-1], bytes([FAILURE]))
            self.assertEqual(len(self.flushLoggedErrors(error)), 1)
            self.assertEqual(self.transport.logins, [])
