"""
Changing a password where it is not the only proof: nothing is changed before everything else is proved.
"""

import os
from typing import Any

import bcrypt
from twisted.conch.ssh.common import NS
from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.defer import Deferred
from zope.interface import implementer

from conchsftp.auth.dialogue import IDialogue
from conchsftp.auth.users.users_edit import set_password
from conchsftp.events.connection import SSHUserAuthRequest
from tests.auth.support import (
    FAILURE,
    INFO_REQUEST,
    INFO_RESPONSE,
    SUCCESS,
    Ed25519,
    Transport,
    answers,
    interactive_request,
    line,
    password_request,
    proof,
)
from tests.auth.test_password_change import CHANGE_REQUEST, HASH, NEEDED, CheckerCase, change_request

KEY = Ed25519()
BOTH = "password,publickey publickey,password"
PARTIAL = (FAILURE, NS(b"publickey") + b"\1")
LAST = (FAILURE, NS(b"password,keyboard-interactive") + b"\1")


class FactorsTests(CheckerCase):
    """alice has to change her password, bob may; both need a key as well."""

    def setUp(self) -> None:
        super().setUp()
        keys = f'keys = ["{line(KEY)}"]'
        with open(self.path, "w") as file:
            file.write(
                f'[alice]\npassword = "{HASH}"\nchange_password = true\n{keys}\n[bob]\npassword = "{HASH}"\n{keys}\n'
            )
        os.chmod(self.path, 0o600)
        self.begin()

    def begin(self, methods: str = BOTH, **settings: Any) -> None:
        """Begin a connection."""
        self.transport = Transport(self.checker(), authentication_methods=methods, **settings)
        self.ask = self.transport.ask

    def assert_unchanged(self, name: str = "alice") -> None:
        """Check that nobody is in, and nothing was written."""
        self.assertEqual((self.transport.logins, self.table(name)["password"]), ([], HASH))

    def assert_changed(self) -> None:
        """Check that alice is in, with a new password."""
        self.assertEqual([login[0] for login in self.transport.logins], ["alice"])
        self.assertTrue(bcrypt.checkpw(b"new", self.table("alice")["password"].encode()))

    def test_password_first(self) -> None:
        """The right old password counts; the new one is asked for, and kept, when the key was proved."""
        self.assertEqual(self.ask(password_request(b"alice", b"right")), [PARTIAL])
        self.assertEqual(self.ask(proof(b"alice", KEY)), [LAST])
        self.assert_unchanged()
        self.assertEqual(self.ask(password_request(b"alice", b"right")), [NEEDED])
        self.assert_unchanged()
        self.assertEqual(self.ask(change_request(b"alice", b"right", b"new")), [(SUCCESS, b"")])
        self.assert_changed()
        self.assertEqual(self.transport.service.progress.failures, 0)

    def test_key_first(self) -> None:
        """Where the password comes last, the new one is asked for at once."""
        self.ask(proof(b"alice", KEY))
        self.assertEqual(self.ask(password_request(b"alice", b"right")), [NEEDED])
        self.assertEqual(self.ask(change_request(b"alice", b"right", b"new")), [(SUCCESS, b"")])
        self.assert_changed()

    def test_password_alone(self) -> None:
        """Who has the old password and no key changes nothing, whenever they try."""
        for before in ((), (password_request(b"alice", b"right"),)):
            self.begin()
            for each in before:
                self.ask(each)
            for _ in range(2):
                self.assertEqual(self.ask(change_request(b"alice", b"right", b"new"))[0][0], FAILURE)
            self.assert_unchanged()

    def test_allowed(self) -> None:
        """With AllowPasswordChange as well; what comes too early is refused without a look at the old password."""
        self.begin(allow_password_change=True)
        self.assertEqual(self.ask(change_request(b"bob", b"right", b"new"))[0][0], FAILURE)
        self.assertEqual(self.hashed, [])
        self.assert_unchanged("bob")
        self.ask(proof(b"bob", KEY))
        self.assertEqual(self.ask(change_request(b"bob", b"right", b"new")), [(SUCCESS, b"")])

    def test_wrong_at_last(self) -> None:
        """When nothing is left but to change it, a wrong password is a guess, and no other method leads anywhere."""
        self.ask(password_request(b"alice", b"right"))
        self.ask(proof(b"alice", KEY))
        refused = (FAILURE, NS(b"password,keyboard-interactive") + b"\0")
        for each in (password_request(b"alice", b"wrong"), proof(b"alice", KEY)):
            self.assertEqual(self.ask(each), [refused])
        self.ask(password_request(b"alice", b"right"))
        self.assertEqual(self.ask(change_request(b"alice", b"wrong", b"new")), [refused])
        self.assert_unchanged()
        asked = self.ask(change_request(b"alice", b"right", b"right"))
        self.assertEqual(asked, [(CHANGE_REQUEST, NS(b"The new password is the old one.") + NS(b""))])
        self.assertEqual(self.ask(change_request(b"alice", b"right", b"new")), [(SUCCESS, b"")])

    def test_changed_meanwhile(self) -> None:
        """A password that somebody else has changed by then need not be changed again."""
        self.ask(password_request(b"alice", b"right"))
        self.ask(proof(b"alice", KEY))
        set_password(self.path, "alice", "other", rounds=4)
        self.assertEqual(self.ask(password_request(b"alice", b"right"))[0][0], FAILURE)
        self.assertEqual(self.ask(password_request(b"alice", b"other")), [(SUCCESS, b"")])

    def test_only_the_checker_knows(self) -> None:
        """What the file asks of a user holds where only the checker knows the file."""
        with open(self.path) as file:
            text = file.read()
        with open(self.path, "w") as file:
            file.write(text.replace("change_password", 'methods = "password,publickey"\nchange_password'))
        self.begin("any")
        self.assertEqual(self.ask(password_request(b"alice", b"right")), [PARTIAL])
        self.assertEqual(self.ask(change_request(b"alice", b"right", b"new"))[0][0], FAILURE)
        self.assert_unchanged()

    def test_nothing_but_the_password(self) -> None:
        """When nothing is left but to change it, another dialogue than one for the password lets nobody in."""

        @implementer(ICredentialsChecker)
        class Riddle:
            credentialInterfaces = (IDialogue,)

            async def ask(self, dialogue: Any) -> bytes:
                await dialogue.ask(("What goes up and never comes down? ",))
                return bytes(dialogue.username)

            def requestAvatarId(self, dialogue: Any) -> Any:
                return Deferred.fromCoroutine(self.ask(dialogue))

        self.begin("password,keyboard-interactive")
        self.transport.factory.portal.registerChecker(Riddle())
        self.ask(password_request(b"alice", b"right"))
        for _ in range(2):
            self.ask(interactive_request(b"alice"))
            self.assertEqual(self.ask(answers(b"age"), number=INFO_RESPONSE)[0][0], FAILURE)
        self.assert_unchanged()

    def test_refused_answer(self) -> None:
        """A handler that refuses an answer refuses it, though the password was right and has to be changed."""
        self.begin("keyboard-interactive:password,publickey")

        def refuse(event: SSHUserAuthRequest) -> None:
            if event.auth_method == "keyboard-interactive-1":
                event.accept = False

        self.transport.events.on(SSHUserAuthRequest, refuse)
        self.ask(interactive_request(b"alice"))
        said = self.ask(answers(b"right"), number=INFO_RESPONSE)
        self.assertEqual((said[0][0], said[0][1][-1]), (FAILURE, 0))

    def test_interactive(self) -> None:
        """By keyboard-interactive it is the same: the new one is asked for at the end."""
        self.begin("keyboard-interactive:password,publickey")
        self.assertEqual(self.ask(interactive_request(b"alice"))[0][0], INFO_REQUEST)
        self.assertEqual(self.ask(answers(b"right"), number=INFO_RESPONSE), [PARTIAL])
        self.assertEqual(self.ask(proof(b"alice", KEY)), [LAST])
        self.ask(interactive_request(b"alice"))
        self.assertIn(b"New password again", self.ask(answers(b"right"), number=INFO_RESPONSE)[0][1])
        self.assert_unchanged()
        self.assertEqual(self.ask(answers(b"new", b"new"), number=INFO_RESPONSE), [(SUCCESS, b"")])
        self.assert_changed()
