"""
Changing a password at the login: RFC 4252, section 8.
"""

import os
import tomllib
from typing import Any

import bcrypt
from twisted.conch.ssh.common import NS
from twisted.cred.credentials import IUsernamePassword, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.credentials import Password
from conchsftp.auth.password_change import IPasswordChange, NewPasswordNeeded, PasswordChange, unfit
from conchsftp.auth.progress import AuthAttempt, AuthProgress
from conchsftp.auth.sources.checkers import UsersFileChecker
from conchsftp.auth.sources.first_of import FirstOf
from conchsftp.auth.users.users_edit import expire_password, set_password
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.errors import ServerError
from conchsftp.events.connection import SSHUserAuthRequest
from conchsftp.secret import Secret
from tests.auth.support import (
    FAILURE,
    INFO_REQUEST,
    INFO_RESPONSE,
    SUCCESS,
    Passwords,
    SlowWorkers,
    Transport,
    Workers,
    answers,
    interactive_request,
    logged,
    password_request,
    request,
)

HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()


def attempt(user: bytes) -> AuthAttempt:
    """An attempt to log in by password."""
    return AuthAttempt(
        user=user,
        user_name=user.decode(),
        service=b"ssh-connection",
        method="password",
        address=IPv4Address("TCP", "192.0.2.1", 4711),
        now=0.0,
        session_id=b"",
        algorithms=(),
        progress=AuthProgress(),
    )


def change(user: bytes, old: bytes, new: bytes) -> PasswordChange:
    """What a client has sent."""
    return PasswordChange(attempt=attempt(user), secret=Secret(old), new_secret=Secret(new))


class RulesTests(SynchronousTestCase):
    def test_unfit(self) -> None:
        """1 to 72 bytes, and not the old one."""
        for new in (b"", b"x" * 73, b"old"):
            self.assertTrue(unfit(new, b"old"), new)
        for new in (b"x", b"x" * 72, b"Old"):
            self.assertEqual(unfit(new, b"old"), "", new)

    def test_no_password(self) -> None:
        """Credentials with a new password are none for who only knows passwords: nothing would be changed."""
        credentials = change(b"alice", b"0ld", b"n3w")
        self.assertFalse(IUsernamePassword.providedBy(credentials))
        self.assertTrue(IPasswordChange.providedBy(credentials))
        self.assertEqual((credentials.password, credentials.new_password), (b"0ld", b"n3w"))
        self.assertNotIn("n3w", repr(credentials))


class CheckerCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())
        with open(self.path, "w") as file:
            file.write(f'[alice]\npassword = "{HASH}"\nchange_password = true\n[bob]\npassword = "{HASH}"\n[carol]\n')
        os.chmod(self.path, 0o600)
        self.lines = logged(self)
        self.hashed: list[bytes] = []

    def checker(self, workers: Any = None) -> UsersFileChecker:
        def check(password: bytes, hashed: bytes) -> bool:
            self.hashed.append(hashed[4:6])
            return bcrypt.checkpw(password, hashed)

        return UsersFileChecker(UsersFile(self.path), workers or Workers(), check)

    def table(self, name: str) -> dict[str, Any]:
        with open(self.path, "rb") as file:
            found: dict[str, Any] = tomllib.load(file)[name]
        return found

    def lets_in(self, checker: UsersFileChecker, name: bytes, password: bytes) -> None:
        asked = checker.requestAvatarId(UsernamePassword(name, password))
        self.assertEqual(self.successResultOf(asked), name)


class UsersFileTests(CheckerCase):
    """A users file."""

    def test_needed(self) -> None:
        """The right password of who has to change it lets nobody in, and asks for a new one; a wrong one is wrong."""
        checker = self.checker()
        needed = self.failureResultOf(checker.requestAvatarId(UsernamePassword(b"alice", b"right")), NewPasswordNeeded)
        self.assertEqual(needed.value.prompt, "Your password has to be changed.")
        wrong = self.failureResultOf(checker.requestAvatarId(UsernamePassword(b"alice", b"wrong")), UnauthorizedLogin)
        self.assertIsNone(wrong.check(NewPasswordNeeded))

    def test_changed(self) -> None:
        """The new one is kept, counts from now on, and need not be changed; the old one is wrong."""
        checker = self.checker()
        self.assertEqual(self.successResultOf(checker.requestAvatarId(change(b"alice", b"right", b"new"))), b"alice")
        self.lets_in(checker, b"alice", b"new")
        self.failureResultOf(checker.requestAvatarId(UsernamePassword(b"alice", b"right")), UnauthorizedLogin)
        self.assertEqual(self.table("alice")["change_password"], False)
        self.lets_in(checker, b"bob", b"right")

    def test_not_asked(self) -> None:
        """Who need not change it can; no entry is added for it."""
        checker = self.checker()
        self.assertEqual(self.successResultOf(checker.requestAvatarId(change(b"bob", b"right", b"new"))), b"bob")
        self.assertEqual(list(self.table("bob")), ["password"])

    def test_old_is_wrong(self) -> None:
        """A wrong old password changes nothing, and costs what every guess does; so does one of nobody."""
        checker = self.checker()
        before = self.table("alice")
        for name, old in ((b"alice", b"wrong"), (b"alice", b""), (b"carol", b""), (b"nobody", b"right")):
            self.hashed.clear()
            failure = self.failureResultOf(checker.requestAvatarId(change(name, old, b"new")), UnauthorizedLogin)
            self.assertIsNone(failure.check(NewPasswordNeeded))
            self.assertEqual(self.hashed, [b"04"])
        self.assertEqual(self.table("alice"), before)

    def test_new_is_unfit(self) -> None:
        """A new one that will not do changes nothing; the user is told why. Who does not know the old one is not."""
        checker = self.checker()
        before = self.table("alice")
        for new in (b"", b"right", b"x" * 73):
            needed = self.failureResultOf(checker.requestAvatarId(change(b"alice", b"right", new)), NewPasswordNeeded)
            self.assertEqual(needed.value.prompt, unfit(new, b"right"))
            failure = self.failureResultOf(checker.requestAvatarId(change(b"alice", b"wrong", new)), UnauthorizedLogin)
            self.assertIsNone(failure.check(NewPasswordNeeded))
        self.assertEqual(self.table("alice"), before)

    def test_cannot_be_written(self) -> None:
        """A file that cannot be changed refuses, and the log says why; the old password still counts."""
        with open(self.path, "w") as file:
            file.write(f'bob = {{password = "{HASH}"}}\n')
        checker = self.checker()
        self.failureResultOf(checker.requestAvatarId(change(b"bob", b"right", b"new")), UnauthorizedLogin)
        (line,) = self.lines
        self.assertTrue(line.startswith(f"the password of 'bob' cannot be changed: {self.path}: "), line)
        self.lets_in(checker, b"bob", b"right")

    def test_in_threads(self) -> None:
        """Nothing is hashed or written before a worker does it."""
        workers = SlowWorkers()
        checker = self.checker(workers)
        changing = checker.requestAvatarId(change(b"bob", b"right", b"new"))
        before = self.table("bob")
        workers.finish()
        self.assertEqual(self.table("bob"), before)
        workers.finish()
        self.assertEqual(self.successResultOf(changing), b"bob")

    def test_first_of(self) -> None:
        """Where one source asks for a new password, the next is not asked whether the old one would do."""
        other = Passwords()
        checkers = FirstOf(IPasswordChange, [self.checker(), other])
        asked = checkers.requestAvatarId(Password(attempt=attempt(b"alice"), secret=Secret("right")))
        self.failureResultOf(asked, NewPasswordNeeded)
        self.assertEqual(other.asked, [])


class ExpireTests(CheckerCase):
    """What the operator does."""

    def test_expire(self) -> None:
        """A user has to change the password once; a password that the operator sets ends it, too."""
        expire_password(self.path, "bob")
        self.assertEqual(self.table("bob"), {"change_password": True, "password": HASH})
        set_password(self.path, "bob", "new", rounds=4)
        self.assertEqual(self.table("bob")["change_password"], False)
        expire_password(self.path, "bob")
        self.assertEqual(self.table("bob")["change_password"], True)

    def test_nothing_to_expire(self) -> None:
        """Who has no password, or is not there, is told as a mistake."""
        for name in ("carol", "nobody"):
            text = str(self.assertRaises(ServerError, expire_password, self.path, name))
            self.assertIn(f"{name!r} has no password", text)


CHANGE_REQUEST = 60
NEEDED = (CHANGE_REQUEST, NS(b"Your password has to be changed.") + NS(b""))


def change_request(user: bytes, old: bytes, new: bytes) -> bytes:
    """What a client sends to change a password."""
    return request(user, b"password", b"\x01" + NS(old) + NS(new))


class ConnectionTests(CheckerCase):
    """What is said on a connection."""

    def transport(self, *checkers: Any, **settings: Any) -> Transport:
        return Transport(*(checkers or (self.checker(),)), **settings)

    def test_asked(self) -> None:
        """Who has to change the password is asked to, and is in with the new one."""
        transport = self.transport()
        self.assertEqual(transport.ask(password_request(b"alice", b"right")), [NEEDED])
        self.assertEqual(transport.logins, [])
        self.assertEqual(transport.ask(change_request(b"alice", b"right", b"new")), [(SUCCESS, b"")])
        self.assertEqual([login[0] for login in transport.logins], ["alice"])
        self.assertEqual(transport.service.progress.failures, 0)
        self.assertEqual(self.transport().ask(password_request(b"alice", b"new")), [(SUCCESS, b"")])

    def test_unfit(self) -> None:
        """A new password that will not do is asked for again, with the reason; that is no guess."""
        transport = self.transport()
        transport.ask(password_request(b"alice", b"right"))
        for _ in range(8):
            asked = transport.ask(change_request(b"alice", b"right", b"right"))
            self.assertEqual(asked, [(CHANGE_REQUEST, NS(b"The new password is the old one.") + NS(b""))])
        self.assertEqual(transport.service.progress.failures, 0)
        self.assertEqual(transport.ask(change_request(b"alice", b"right", b"new")), [(SUCCESS, b"")])

    def test_guess(self) -> None:
        """A wrong old password is a guess like any other: it counts, takes its time, and costs a hash."""
        transport = self.transport(max_auth_attempts=3)
        transport.ask(password_request(b"alice", b"right"))
        for number in range(3):
            self.hashed.clear()
            self.assertEqual(transport.ask(change_request(b"alice", b"wrong", b"new"), seconds=0.9), [])
            self.assertEqual(self.hashed, [b"04"])
            transport.clock.advance(9)
            self.assertEqual(transport.service.progress.failures, number + 1)
        self.assertEqual(len(transport.disconnected), 1)
        self.assertTrue(self.table("alice")["change_password"])

    def test_nobody_asked(self) -> None:
        """Who was not asked may not change it; the old password is not even looked at."""
        transport = self.transport()
        for old in (b"right", b"wrong"):
            self.assertEqual(transport.ask(change_request(b"bob", old, b"new"))[0][0], FAILURE)
        self.assertEqual(self.hashed, [])
        self.assertEqual(self.table("bob")["password"], HASH)

    def test_allowed(self) -> None:
        """With AllowPasswordChange it may."""
        transport = self.transport(allow_password_change=True)
        self.assertEqual(transport.ask(change_request(b"bob", b"wrong", b"new"))[0][0], FAILURE)
        self.assertEqual(transport.ask(change_request(b"bob", b"right", b"new")), [(SUCCESS, b"")])

    def test_other_user(self) -> None:
        """That one user was asked lets no other change theirs."""
        transport = self.transport()
        transport.ask(password_request(b"alice", b"right"))
        self.assertEqual(transport.ask(change_request(b"bob", b"right", b"new"))[0][0], FAILURE)
        self.assertEqual(self.table("bob")["password"], HASH)

    def test_no_such_checker(self) -> None:
        """Checkers that only know passwords: the answer is a refusal, and they are not asked."""
        passwords = Passwords()
        transport = self.transport(passwords, allow_password_change=True)
        self.assertEqual(transport.ask(change_request(b"alice", b"right", b"new"))[0][0], FAILURE)
        self.assertEqual(passwords.asked, [])

        def needed() -> Any:
            raise NewPasswordNeeded("It has expired.")

        transport = self.transport(Passwords(needed))
        self.assertEqual(transport.ask(password_request(b"alice", b"right"))[0][0], FAILURE)

    def test_interactive(self) -> None:
        """By keyboard-interactive the new password is asked for on the spot, twice."""
        transport = self.transport()
        self.assertEqual(transport.ask(interactive_request(b"alice"))[0][0], INFO_REQUEST)
        asked = transport.ask(answers(b"right"), number=INFO_RESPONSE)
        prompts = NS(b"New password: ") + b"\0" + NS(b"New password again: ") + b"\0"
        head = NS(b"") + NS(b"Your password has to be changed.") + NS(b"") + b"\0\0\0\x02"
        self.assertEqual(asked, [(INFO_REQUEST, head + prompts)])
        for new, text in (((b"new", b"New"), b"The two are not the same."), ((b"right",) * 2, b"is the old one.")):
            self.assertIn(text, transport.ask(answers(*new), number=INFO_RESPONSE)[0][1])
        self.assertEqual(transport.ask(answers(b"new", b"new"), number=INFO_RESPONSE), [(SUCCESS, b"")])
        self.assertTrue(bcrypt.checkpw(b"new", self.table("alice")["password"].encode()))

    def test_interactive_given_up(self) -> None:
        """Who does not answer is not in, and nothing is changed."""
        transport = self.transport()
        transport.ask(interactive_request(b"alice"))
        transport.ask(answers(b"right"), number=INFO_RESPONSE)
        transport.ask(password_request(b"alice", b"wrong"))
        transport.clock.advance(10)
        self.assertEqual(transport.sent[-1][0], FAILURE)
        self.assertEqual((transport.logins, self.table("alice")["password"]), ([], HASH))


class HandlerTests(CheckerCase):
    """Handlers of SSHUserAuthRequest."""

    def told(self, transport: Transport, handler: Any) -> list[tuple[Any, ...]]:
        """Return what handlers are told, from now on; the handler is one of them."""
        said: list[tuple[Any, ...]] = []

        def tell(event: SSHUserAuthRequest) -> None:
            said.append((event.auth_method, event.auth_param, event.new_password, event.accept))
            handler(event)

        transport.events.on(SSHUserAuthRequest)(tell)
        return said

    def test_alone(self) -> None:
        """A handler asks for a new password, says why one will not do, and changes it."""
        transport = Transport()
        passwords = {"alice": "right"}

        def judge(event: SSHUserAuthRequest) -> None:
            if event.auth_param != passwords.get(event.user):
                event.accept = False
            elif event.auth_method == "password":
                event.new_password_prompt = "It has expired."
            elif event.auth_method == "password-change" and len(event.new_password) < 4:
                event.new_password_prompt = "Too short."
            elif event.auth_method == "password-change":
                passwords[event.user] = event.new_password
                event.accept = True

        said = self.told(transport, judge)
        self.assertEqual(transport.ask(password_request(b"alice", b"wrong"))[0][0], FAILURE)
        self.assertEqual(
            transport.ask(password_request(b"alice", b"right")),
            [(CHANGE_REQUEST, NS(b"It has expired.") + NS(b""))],
        )
        self.assertEqual(
            transport.ask(change_request(b"alice", b"right", b"new")), [(CHANGE_REQUEST, NS(b"Too short.") + NS(b""))]
        )
        self.assertEqual(transport.ask(change_request(b"alice", b"right", b"newer")), [(SUCCESS, b"")])
        self.assertEqual(passwords, {"alice": "newer"})
        self.assertEqual(said[-1], ("password-change", "right", "newer", None))

    def test_knows_nothing_of_it(self) -> None:
        """A handler that accepts right passwords has not changed one: that is nothing that it could accept."""
        transport = Transport(allow_password_change=True)

        def judge(event: SSHUserAuthRequest) -> None:
            event.accept = event.auth_method == "password" and event.auth_param == "right"

        self.told(transport, judge)
        self.assertEqual(transport.ask(change_request(b"alice", b"right", b"new"))[0][0], FAILURE)

    def test_over_a_checker(self) -> None:
        """A handler sees that a new password is needed, and that it was changed; its no counts."""
        transport = Transport(self.checker())
        refused: list[str] = []

        def judge(event: SSHUserAuthRequest) -> None:
            if event.auth_method in refused:
                event.accept = False

        said = self.told(transport, judge)
        refused.append("password")
        self.assertEqual(transport.ask(password_request(b"alice", b"right"))[0][0], FAILURE)
        refused.clear()
        self.assertEqual(transport.ask(password_request(b"alice", b"right")), [NEEDED])
        self.assertEqual(transport.ask(change_request(b"alice", b"right", b"new")), [(SUCCESS, b"")])
        self.assertEqual(said[1:], [("password", "right", "", None), ("password-change", "right", "new", True)])

    def test_first_of_two(self) -> None:
        """A password that was changed is the factor `password`, where more is needed."""
        transport = Transport(self.checker())

        def judge(event: SSHUserAuthRequest) -> None:
            event.partial_success = bool(event.accept)

        self.told(transport, judge)
        transport.ask(password_request(b"alice", b"right"))
        changed = transport.ask(change_request(b"alice", b"right", b"new"))
        self.assertEqual(changed, [(FAILURE, NS(b"publickey") + b"\x01")])
        self.assertEqual(transport.service.progress.proven, ["password"])
