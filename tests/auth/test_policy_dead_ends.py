"""
Policies that nobody can complete: what the log says of them, at the start and when it shows.
"""

from typing import Any

from twisted.cred.credentials import ISSHPrivateKey, IUsernamePassword
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.reachable import dead_ends
from tests.auth.factors import BOTH, A, Case
from tests.auth.support import (
    NONE,
    RIGHT,
    WRONG,
    interactive_request,
    proof,
)

KEY = proof(b"alice", A)
ASKED = interactive_request(b"alice")


class DeadEndsTests(Case):
    """What nobody can complete is told."""

    def test_told_once(self) -> None:
        """Where a login cannot go on, the log says so and why, once for a connection."""
        for methods, payloads, text in (
            (
                "password,keyboard-interactive",
                (RIGHT, ASKED, NONE),
                "[1 192.0.2.1] 'alice' cannot log in: proved is password, and there is no method to go on with, of what"
                " `password,keyboard-interactive` asks for: keyboard-interactive was proved in another way, and counts"
                " once",
            ),
            (
                "publickey,keyboard-interactive:totp",
                (KEY, KEY),
                "[1 192.0.2.1] 'alice' cannot log in: proved is publickey, and there is no method to go on with, of"
                " what `publickey,keyboard-interactive:totp` asks for: keyboard-interactive:totp needs users with such"
                " codes",
            ),
        ):
            found = self.lines()
            self.listen(methods)
            self.numbers(*payloads)
            self.assertEqual(found, [text])

    def test_possible(self) -> None:
        """Where it can go on, nothing is said."""
        found = self.lines()
        self.listen()
        self.numbers(NONE, RIGHT, KEY, WRONG)
        self.assertEqual(found, [])


class ReachableTests(SynchronousTestCase):
    """What is told when a server starts."""

    def told(self, methods: str, *kinds: Any, default: str = "publickey,password") -> list[tuple[bool, str]]:
        settings = Case().listen(methods, default_auth_methods=default).settings
        return list(dead_ends(settings, lambda kind: kind in kinds))

    def test_nobody(self) -> None:
        """Without anybody who judges, nobody is let in: by which methods is said."""
        text = "nobody can log in: no checker, and no handler of SSHUserAuthRequest, judges publickey or password"
        for methods in ("any", BOTH):
            self.assertEqual(self.told(methods), [(True, text)])

    def test_lists(self) -> None:
        """Lists that nobody can complete are named with the reason; and whether any is left."""
        both = ISSHPrivateKey, IUsernamePassword
        needs = "needs a checker for it or a handler of SSHUserAuthRequest"
        for methods, kinds, default, expected in (
            ("any", (ISSHPrivateKey,), "publickey,password", []),
            (f"{BOTH} password", both, "publickey,password", []),
            ("keyboard-interactive publickey,keyboard-interactive:password", both, "publickey,password", []),
            (
                BOTH,
                (ISSHPrivateKey,),
                "publickey,password",
                [(True, f"`{BOTH}`: nobody without methods of their own can log in: password {needs}")],
            ),
            (
                f"{BOTH} publickey",
                both,
                "publickey",
                [(False, f"`{BOTH}`: nobody can log in by it: password is not among DefaultAuthMethods")],
            ),
            (
                "publickey,keyboard-interactive:totp publickey",
                both,
                "publickey,password",
                [
                    (
                        False,
                        "`publickey,keyboard-interactive:totp`: nobody can log in by it:"
                        " keyboard-interactive:totp needs users with such codes",
                    )
                ],
            ),
        ):
            found = [
                (nobody, text.removeprefix("AuthenticationMethods, "))
                for nobody, text in self.told(methods, *kinds, default=default)
            ]
            self.assertEqual(found, expected)
