"""
The checkers of the product: a users file, and one user from the command line.
"""

import os
from base64 import b64encode
from typing import Any

import bcrypt
from twisted.conch.avatar import ConchUser
from twisted.conch.error import ValidPublicKey
from twisted.conch.interfaces import IConchUser
from twisted.conch.ssh.common import NS
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey, SSHPrivateKey, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from conchsftp.auth.realm import SFTPRealm
from conchsftp.auth.sources.checkers import OneTimeUser, UsersFileChecker
from conchsftp.auth.sources.first_of import FirstOf
from conchsftp.auth.sources.portals import register
from conchsftp.auth.users.hashes import HASHES_AT_ONCE
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.secret import Secret
from tests.auth.support import (
    DSA,
    FAILURE,
    PK_OK,
    RSA,
    SUCCESS,
    Ed25519,
    SecurityKey,
    SlowWorkers,
    Transport,
    Workers,
    line,
    offer,
    password_request,
    proof,
)

KEY, TOUCHED, UNTOUCHED = Ed25519(), SecurityKey(1), SecurityKey(0)
HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()


class CheckerCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = self.mktemp()
        self.write(f'[alice]\npassword = "{HASH}"\nkeys = ["{line(KEY)}", "{line(TOUCHED)}"]\n[keysonly]\n')
        self.hashed: list[tuple[bytes, bytes]] = []

    def write(self, text: str) -> None:
        with open(self.path, "w") as file:
            file.write(text)
        os.chmod(self.path, 0o600)

    def count(self, password: bytes, hashed: bytes) -> bool:
        self.hashed.append((password, hashed))
        return bcrypt.checkpw(password, hashed)

    def checker(self, workers: Any = None) -> UsersFileChecker:
        return UsersFileChecker(UsersFile(self.path), workers or Workers(), self.count)


class PasswordTests(CheckerCase):
    def ask(self, name: bytes, password: bytes) -> Any:
        return self.checker().requestAvatarId(UsernamePassword(name, password))

    def test_interface(self) -> None:
        """It is a checker like any other."""
        verifyObject(ICredentialsChecker, self.checker())
        verifyObject(ICredentialsChecker, OneTimeUser("a", "b"))

    def test_right(self) -> None:
        """The right password gives the user name."""
        self.assertEqual(self.successResultOf(self.ask(b"alice", b"right")), b"alice")

    def test_same_work(self) -> None:
        """Whatever is wrong, one hash of the same cost is computed, and the reason is for the log only."""
        reasons = set()
        for name, password in (
            (b"alice", b"wrong"),
            (b"carol", b"right"),
            (b"keysonly", b""),
            (b"\xff", b"right"),
            (b"alice", b"x" * 73),
            (b"alice", b"right" + b"\0" * 70),
        ):
            self.hashed.clear()
            reasons.add(str(self.failureResultOf(self.ask(name, password), UnauthorizedLogin).value))
            ((_, hashed),) = self.hashed
            self.assertEqual(hashed[:7], b"$2b$04$")
        self.assertEqual(len(reasons), 3)

    def test_72_bytes(self) -> None:
        """A password of 72 bytes is checked as it is; one more byte is a wrong password and not an error."""
        longest = b"x" * 72
        self.write(f'[alice]\npassword = "{bcrypt.hashpw(longest, bcrypt.gensalt(4)).decode()}"\n')
        self.assertEqual(self.successResultOf(self.ask(b"alice", longest)), b"alice")
        self.failureResultOf(self.ask(b"alice", longest + b"x"), UnauthorizedLogin)
        self.write(f'[alice]\npassword = "{bcrypt.hashpw(b"", bcrypt.gensalt(4)).decode()}"\n')
        self.failureResultOf(self.ask(b"alice", longest + b"x"), UnauthorizedLogin)

    def test_changed_file(self) -> None:
        """A change of the file counts at the next login; a broken one is logged once and changes nothing."""
        checker = self.checker()
        alice = UsernamePassword(b"alice", b"right")
        self.write("[alice\n")
        for _ in range(2):
            self.assertEqual(self.successResultOf(checker.requestAvatarId(alice)), b"alice")
        self.write("[alice]\n")
        self.failureResultOf(checker.requestAvatarId(alice), UnauthorizedLogin)

    def test_complaints_are_logged(self) -> None:
        """What the operator should know is logged when the checker is made, and after a login that found it."""
        from twisted.logger import LogLevel, globalLogPublisher

        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.write("[alice]\nkeys = ['garbage']\n")
        checker = self.checker()
        self.write("[alice\n")
        for _ in range(2):
            self.failureResultOf(checker.requestAvatarId(UsernamePassword(b"alice", b"x")), UnauthorizedLogin)
        found = [event["complaint"] for event in events if event["log_level"] is LogLevel.error]
        self.assertEqual([complaint.partition(", ")[2][:6] for complaint in found], ["line 2", "line 1"])

    def test_blocking_work_is_in_threads(self) -> None:
        """Nothing is read or hashed before a worker does it."""
        workers = SlowWorkers()
        checker = self.checker(workers)
        waiting = checker.requestAvatarId(UsernamePassword(b"alice", b"right"))
        self.assertNoResult(waiting)
        self.assertEqual(self.hashed, [])
        workers.finish()
        self.assertEqual(self.successResultOf(waiting), b"alice")
        offered = checker.requestAvatarId(SSHPrivateKey(b"alice", b"ssh-ed25519", KEY.blob, None, None))
        self.assertNoResult(offered)
        workers.finish()
        self.failureResultOf(offered, ValidPublicKey)

    def test_hashes_at_once(self) -> None:
        """Only so many passwords are hashed at once; the next begins when a thread has ended."""
        workers = SlowWorkers()
        checker = self.checker(workers)
        logins = [checker.requestAvatarId(UsernamePassword(b"alice", b"right")) for _ in range(HASHES_AT_ONCE + 1)]
        self.assertEqual(len(workers.pending), HASHES_AT_ONCE)
        workers.finish()
        self.assertEqual(len(workers.pending), HASHES_AT_ONCE)
        while workers.pending:
            workers.finish()
        self.assertEqual([self.successResultOf(login) for login in logins], [b"alice"] * len(logins))

    def test_abandoned(self) -> None:
        """A client that goes away does not make room for another hash before the thread has ended."""
        workers = SlowWorkers()
        checker = self.checker(workers)
        logins = [checker.requestAvatarId(UsernamePassword(b"alice", b"right")) for _ in range(HASHES_AT_ONCE + 2)]
        for login in logins[:-1]:
            login.cancel()
            login.addErrback(lambda reason: None)
        self.assertEqual(len(workers.pending), HASHES_AT_ONCE)
        workers.finish()
        self.assertEqual(len(workers.pending), HASHES_AT_ONCE)
        while workers.pending:
            workers.finish()
        self.assertEqual(self.successResultOf(logins[-1]), b"alice")

    def test_broken_thread(self) -> None:
        """A check that fails gives its place back, in time or late, and does not log anybody in."""

        def broken(password: bytes, hashed: bytes) -> bool:
            raise KeyError

        workers = SlowWorkers()
        checker = UsersFileChecker(UsersFile(self.path), workers, broken)
        for _ in range(HASHES_AT_ONCE):
            login = checker.requestAvatarId(UsernamePassword(b"alice", b"right"))
            workers.finish()
            self.failureResultOf(login, KeyError)
            login = checker.requestAvatarId(UsernamePassword(b"alice", b"right"))
            login.cancel()
            login.addErrback(lambda reason: None)
            workers.finish()
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), HASHES_AT_ONCE)


class KeyTests(CheckerCase):
    def test_stock_conch(self) -> None:
        """Under a server that is not ours the signature is verified here, and the touch of a security key with it."""
        checker = self.checker()
        self.write(f'[alice]\nkeys = ["{line(KEY)}", "{line(TOUCHED)}", "{line(UNTOUCHED)}"]\n')
        for key, accepted in ((KEY, True), (TOUCHED, True), (UNTOUCHED, False)):
            message = key.message(b"data") if isinstance(key, SecurityKey) else b"data"
            name = key.algorithm.encode()
            for signature, good in (
                (key.sign(b"data"), accepted),
                (key.sign(b"other"), False),
                (b"\0", False),
                (NS(b"x"), False),
                (NS(name) + NS(b"x"), False),
            ):
                asked = checker.requestAvatarId(SSHPrivateKey(b"alice", name, key.blob, message, signature))
                if good:
                    self.assertEqual(self.successResultOf(asked), b"alice")
                else:
                    self.failureResultOf(asked, UnauthorizedLogin)

    def test_stock_conch_and_sha1(self) -> None:
        """Under such a server SHA-1 proves nothing: nobody could have named it in the settings."""
        checker = self.checker()
        dsa, old = DSA(), RSA(algorithm="ssh-rsa")
        texts = [f"{name} {b64encode(key.blob).decode()}" for name, key in (("ssh-dss", dsa), ("ssh-rsa", old))]
        self.write(f"[alice]\nkeys = {texts}\n")
        new = RSA(algorithm="rsa-sha2-512")
        new.private, new.blob = old.private, old.blob
        for key, signature, good in (
            (new, new.sign(b"data"), True),
            (old, old.sign(b"data"), False),
            (dsa, dsa.sign(b"data"), False),
            (dsa, dsa.sign(b"data")[-40:], False),
        ):
            name = key.algorithm.encode()
            asked = checker.requestAvatarId(SSHPrivateKey(b"alice", name, key.blob, b"data", signature))
            if good:
                self.assertEqual(self.successResultOf(asked), b"alice")
            else:
                self.failureResultOf(asked, UnauthorizedLogin)

    def test_empty_signature(self) -> None:
        """An empty signature is an offer, and no proof."""
        asked = self.checker().requestAvatarId(SSHPrivateKey(b"alice", b"ssh-ed25519", KEY.blob, b"data", b""))
        self.failureResultOf(asked, ValidPublicKey)

    def test_garbage_key(self) -> None:
        """A blob that is no key is nobody's."""
        asked = self.checker().requestAvatarId(SSHPrivateKey(b"alice", b"x", b"garbage", b"data", b"signature"))
        self.failureResultOf(asked, UnauthorizedLogin)


class ConversationTests(CheckerCase):
    def test_password(self) -> None:
        """A login by password against the file."""
        self.assertEqual(Transport(self.checker()).ask(password_request(b"alice", b"right")), [(SUCCESS, b"")])

    def test_key(self) -> None:
        """An offer and a proof against the file; a key that is not in it gets neither."""
        other = Ed25519()
        for key in (KEY, TOUCHED):
            transport = Transport(self.checker())
            self.assertEqual(transport.ask(offer(b"alice", key))[0][0], PK_OK)
            self.assertEqual(transport.ask(proof(b"alice", key)), [(SUCCESS, b"")])
        transport = Transport(self.checker())
        for payload in (offer(b"alice", other), proof(b"alice", other), offer(b"carol", KEY), proof(b"carol", KEY)):
            self.assertEqual(transport.ask(payload)[0][0], FAILURE)

    def test_timing(self) -> None:
        """A wrong password for somebody and any password for nobody: same work, same answer, same moment."""
        with_alice = self.checker()
        self.write(f'[bob]\npassword = "{HASH}"\n')
        without_alice = self.checker()
        self.write("[alice]\n")
        without_password = self.checker()
        outcomes = set()
        for checker in (with_alice, without_alice, without_password):
            self.hashed.clear()
            transport = Transport(checker)
            transport.receive(password_request(b"alice", b"wrong"))
            while not transport.sent:
                transport.clock.advance(0.001)
            outcomes.add((len(self.hashed), tuple(transport.sent), round(transport.clock.seconds(), 6)))
        self.assertEqual(len(outcomes), 1)


class OneTimeUserTests(SynchronousTestCase):
    def test_one_user(self) -> None:
        """Exactly this name with this password."""
        checker = OneTimeUser("åsa", Secret("right"))
        name = "åsa".encode()
        asked = checker.requestAvatarId(UsernamePassword(name, b"right"))
        self.assertEqual(self.successResultOf(asked), name)
        for other, password in ((name, b"wrong"), (name, b""), (b"alice", b"right"), (b"", b""), (b"\xff", b"\xff")):
            asked = checker.requestAvatarId(UsernamePassword(other, password))
            self.failureResultOf(asked, UnauthorizedLogin)

    def test_empty(self) -> None:
        """A server without a password is not made by mistake."""
        self.assertRaises(ValueError, OneTimeUser, "alice", "")


class FirstOfTests(SynchronousTestCase):
    """Several checkers for one kind of credentials."""

    def setUp(self) -> None:
        self.portal = Portal(SFTPRealm(lambda name: ConchUser()))
        register(self.portal, [OneTimeUser("alice", "a"), OneTimeUser("bob", "b")])

    def login(self, name: bytes, password: bytes) -> Any:
        """Log in and return the Deferred."""
        return self.portal.login(UsernamePassword(name, password), None, IConchUser)

    def test_each_is_asked(self) -> None:
        """Whom the first checker refuses, the second may accept."""
        self.successResultOf(self.login(b"alice", b"a"))
        self.successResultOf(self.login(b"bob", b"b"))

    def test_refused_by_all(self) -> None:
        """Whom nobody accepts is refused."""
        self.failureResultOf(self.login(b"alice", b"b"), UnauthorizedLogin)

    def test_good_key_is_an_answer(self) -> None:
        """A checker that says an offered key is a good one is not passed over for the next."""

        class Yes:
            def requestAvatarId(self, credentials: object) -> None:
                raise ValidPublicKey

        class No:
            def requestAvatarId(self, credentials: object) -> None:
                raise UnauthorizedLogin

        both = FirstOf(ISSHPrivateKey, [Yes(), No()])
        self.failureResultOf(both.requestAvatarId(object()), ValidPublicKey)
