"""
Which keys let in, by their options: the users file, an attempt, an answer.
"""

import os
from base64 import b64encode
from typing import Any

from twisted.conch.error import ValidPublicKey
from twisted.cred.credentials import SSHPrivateKey
from twisted.cred.error import UnauthorizedLogin
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.sources.checkers import UsersFileChecker
from conchsftp.auth.users.users_file import UsersFile
from tests.auth.support import FAILURE, PK_OK, SUCCESS, Ed25519, SecurityKey, Transport, Workers, offer, proof

KEY, TOUCHED, VERIFIED, UNTOUCHED = Ed25519(), SecurityKey(1), SecurityKey(5), SecurityKey(0)


class OptionsTests(SynchronousTestCase):
    """The client is at 192.0.2.1, and it is January 2027."""

    def checker(self, *lines: str) -> UsersFileChecker:
        """Return the checker of a users file with one user, who has these lines in a file of keys."""
        folder = self.mktemp()
        os.mkdir(folder)
        with open(f"{folder}/users.toml", "w") as file:
            file.write('[alice]\nkeys_file = "keys"\n')
        os.chmod(file.name, 0o600)
        with open(f"{folder}/keys", "w") as file:
            file.write("\n".join(lines))
        return UsersFileChecker(UsersFile(f"{folder}/users.toml"), Workers())

    def line(self, options: str, key: Any = KEY) -> str:
        return f"{options} {key.algorithm} {b64encode(key.blob).decode()}"

    def assert_answer(self, *lines: str, lets_in: bool, key: Any = KEY) -> None:
        """Offer and proof are answered alike."""
        transport = Transport(self.checker(*lines))
        self.assertEqual(transport.ask(offer(b"alice", key))[0][0], PK_OK if lets_in else FAILURE, lines)
        self.assertEqual(transport.ask(proof(b"alice", key))[0][0], SUCCESS if lets_in else FAILURE, lines)

    def test_options(self) -> None:
        """Where the client is and what time it is decides about an offer as about a proof."""
        for options, lets_in in (
            ("", True),
            ("restrict", True),
            ('from="192.0.2.0/24"', True),
            ('from="198.51.100.0/24"', False),
            ('from="*,!192.0.2.1"', False),
            ('expiry-time="20300101Z"', True),
            ('expiry-time="20260101Z"', False),
            ("cert-authority", False),
            ("telepathy", False),
            ('command="internal-sftp"', True),
            ('command="ls"', False),
            ('environment="A=B",permitopen="a:1",tunnel="0"', True),
        ):
            self.assert_answer(self.line(options), lets_in=lets_in)

    def test_any_line(self) -> None:
        """If a key is there several times, any of its lines may let in."""
        closed, open_ = self.line('from="198.51.100.1"'), self.line('from="192.0.2.1"')
        self.assert_answer(closed, open_, lets_in=True)
        self.assert_answer(open_, closed, lets_in=True)
        self.assert_answer(closed, closed, lets_in=False)

    def test_verify_required(self) -> None:
        """Only a security key that has verified its user does; the offer cannot show that yet."""
        for key, lets_in in ((VERIFIED, True), (TOUCHED, False), (KEY, False)):
            transport = Transport(self.checker(self.line("verify-required", key)))
            self.assertEqual(transport.ask(offer(b"alice", key))[0][0], PK_OK)
            self.assertEqual(transport.ask(proof(b"alice", key))[0][0], SUCCESS if lets_in else FAILURE)

    def test_no_touch_required(self) -> None:
        """A security key that nobody touched lets in by a line that says that it may, and by no other."""
        for key in (UNTOUCHED, TOUCHED):
            for options, lets_in in (
                ("", key is TOUCHED),
                ("no-touch-required", True),
                ("no-touch-required,verify-required", False),
                ('no-touch-required,from="198.51.100.0/24"', False),
            ):
                transport = Transport(self.checker(self.line(options, key)))
                answer = transport.ask(proof(b"alice", key))[0][0]
                self.assertEqual(answer, SUCCESS if lets_in else FAILURE, options)

    def test_touch_of_all(self) -> None:
        """What PubkeyAuthOptions demands, no line waives."""
        for option in ("touch-required", "verify-required"):
            checker = self.checker(self.line("no-touch-required", UNTOUCHED))
            transport = Transport(checker, pubkey_auth_options=option)
            self.assertEqual(transport.ask(proof(b"alice", UNTOUCHED))[0][0], FAILURE)

    def test_stock_conch(self) -> None:
        """Under a server that is not ours nobody knows the address: a key that asks for it is refused."""
        offered = SSHPrivateKey(b"alice", b"ssh-ed25519", KEY.blob, None, None)
        for options, answer in (("restrict", ValidPublicKey), ('from="*"', UnauthorizedLogin)):
            self.failureResultOf(self.checker(self.line(options)).requestAvatarId(offered), answer)
