"""
A file of htpasswd.
"""

import os
from typing import Any

import bcrypt
from twisted.cred import strcred
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from conchsftp.auth.sources.htpasswd import HtpasswdChecker
from conchsftp.auth.users.hashes import HASHES_AT_ONCE
from conchsftp.errors import ServerError
from tests.auth.support import FAILURE, SUCCESS, SlowWorkers, Transport, Workers, logged, password_request

# What `htpasswd -nbB -C 5 alice right` of Apache 2.4 has written.
HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(5)).decode().replace("$2b$", "$2y$")
OTHERS = (
    "$apr1$9sWnCBgA$KVqcFA6oRXKBQzIqbVZOD.",
    "{SHA}Jr1eTWnDv1y6vF7zKp3A5wW4YPg=",
    "rqXexS6ZhobKA",
    "$5$rounds=5000$abc$xyz",
    "right",
    HASH[:-1],
)


class HtpasswdCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())
        self.write(f"# users of the share\n\nalice:{HASH}\nBob:{HASH}\n")
        self.hashed: list[tuple[bytes, bytes]] = []
        self.lines = logged(self)

    def write(self, text: str) -> None:
        with open(self.path, "w", newline="") as file:
            file.write(text)
        os.chmod(self.path, 0o600)

    def count(self, password: bytes, hashed: bytes) -> bool:
        self.hashed.append((password, hashed))
        return bcrypt.checkpw(password, hashed)

    def checker(self, workers: Any = None) -> HtpasswdChecker:
        return HtpasswdChecker(self.path, workers or Workers(), self.count)

    def right(self, checker: HtpasswdChecker, name: bytes, password: bytes) -> bool:
        deferred = checker.requestAvatarId(UsernamePassword(name, password))
        outcome: list[Any] = []
        deferred.addBoth(outcome.append)
        (result,) = outcome
        if isinstance(result, bytes):
            self.assertEqual(result, name)
            return True
        result.trap(UnauthorizedLogin)
        return False


class PasswordTests(HtpasswdCase):
    def test_interface(self) -> None:
        """It is a checker like any other."""
        verifyObject(ICredentialsChecker, self.checker())

    def test_login(self) -> None:
        """A user is let in by the password that was hashed; names differ in upper and lower case."""
        transport = Transport(self.checker())
        self.assertEqual(transport.ask(password_request(b"alice", b"wrong"))[0][0], FAILURE)
        self.assertEqual(transport.ask(password_request(b"Alice", b"right"))[0][0], FAILURE)
        self.assertEqual(transport.ask(password_request(b"alice", b"right"))[0][0], SUCCESS)

    def test_ends_of_lines(self) -> None:
        """A file that was written on Windows, or has no end of its last line, is the same."""
        self.write(f"alice:{HASH}\r\nbob:{HASH}")
        checker = self.checker()
        self.assertTrue(self.right(checker, b"alice", b"right"))
        self.assertTrue(self.right(checker, b"bob", b"right"))
        self.assertEqual(self.lines, [])

    def test_same_work(self) -> None:
        """Whoever is asked for, one hash of the highest cost in the file is computed."""
        self.write(f"alice:{HASH}\nbob:{OTHERS[0]}\n")
        for name, password in ((b"alice", b"wrong"), (b"bob", b"right"), (b"nobody", b"x"), (b"alice", b"x" * 73)):
            self.hashed.clear()
            self.assertFalse(self.right(self.checker(), name, password))
            self.assertEqual([hashed[4:6] for _, hashed in self.hashed], [b"05"], name)

    def test_too_long(self) -> None:
        """A password whose end bcrypt would not see is wrong."""
        longest = b"x" * 72
        self.write(f"alice:{bcrypt.hashpw(longest, bcrypt.gensalt(4)).decode()}\n")
        self.assertTrue(self.right(self.checker(), b"alice", longest))
        self.assertFalse(self.right(self.checker(), b"alice", longest + b"x"))

    def test_in_threads(self) -> None:
        """Nothing is hashed before a worker does it, and only so much at once."""
        workers = SlowWorkers()
        checker = self.checker(workers)
        logins = [checker.requestAvatarId(UsernamePassword(b"alice", b"right")) for _ in range(HASHES_AT_ONCE + 1)]
        self.assertEqual(len(workers.pending), HASHES_AT_ONCE)
        self.assertEqual(self.hashed, [])
        for login in logins:
            workers.finish()
            self.assertEqual(self.successResultOf(login), b"alice")


class FileTests(HtpasswdCase):
    def test_other_hashes(self) -> None:
        """A hash of another kind refuses its user; the log names the line, once, and neither name nor hash."""
        for other in OTHERS:
            self.lines.clear()
            self.write(f"alice:{HASH}\nbob:{other}\n")
            checker = self.checker()
            for _ in range(2):
                self.assertFalse(self.right(checker, b"bob", b"right"))
                self.assertTrue(self.right(checker, b"alice", b"right"))
            (text,) = self.lines
            self.assertTrue(text.startswith(f"{self.path}, line 2: a bcrypt hash expected"), text)
            self.assertNotIn(other, text)

    def test_bad_lines(self) -> None:
        """A line that is none, and the second of a user, are named and let nobody in."""
        other = bcrypt.hashpw(b"other", bcrypt.gensalt(4)).decode()
        self.write(f"garbage\n:{HASH}\nalice:{HASH}\nalice:{other}\nbob:plain\nbob:{HASH}\n")
        checker = self.checker()
        self.assertTrue(self.right(checker, b"alice", b"right"))
        for name, password in ((b"alice", b"other"), (b"bob", b"right"), (b"", b"right"), (b"garbage", b"")):
            self.assertFalse(self.right(checker, name, password))
        self.assertEqual([text.split()[2] for text in self.lines], ["1:", "2:", "4:", "5:", "6:"])

    def test_many_bad_lines(self) -> None:
        """A file of another kind does not fill the log."""
        self.write("garbage\n" * 1000)
        self.right(self.checker(), b"alice", b"x")
        self.assertEqual(len(self.lines), 21)
        self.assertIn("980 more lines", self.lines[-1])

    def test_changed(self) -> None:
        """A change counts at the next login; while the file cannot be read, what was read last counts."""
        checker = self.checker()
        self.write(f"carol:{HASH}\n")
        self.assertFalse(self.right(checker, b"alice", b"right"))
        self.assertTrue(self.right(checker, b"carol", b"right"))
        os.rename(self.path, self.path + ".away")
        for _ in range(2):
            self.assertTrue(self.right(checker, b"carol", b"right"))
        self.assertEqual(len(self.lines), 1)
        self.assertIn("what was read last still counts", self.lines[0])

    def test_open_to_everybody(self) -> None:
        """A file that everybody can read is named in the log."""
        os.chmod(self.path, 0o644)
        self.right(self.checker(), b"alice", b"x")
        self.assertIn("open to everybody", self.lines[0])

    def test_missing(self) -> None:
        """A file that is not there is a mistake, at once and in one line; so is none."""
        self.assertRaises(ServerError, HtpasswdChecker, self.path + ".none")
        self.assertRaises(ServerError, strcred.makeChecker, f"htpasswd:{self.path}.none")
        self.assertRaises(strcred.InvalidAuthArgumentString, strcred.makeChecker, "htpasswd")

    def test_command_line(self) -> None:
        """--auth htpasswd:FILE makes it, for any server of Twisted's."""
        self.assertIsInstance(strcred.makeChecker(f"htpasswd:{self.path}"), HtpasswdChecker)
        (plugin,) = (each for each in strcred.findCheckerFactories() if each.authType == "htpasswd")
        self.assertEqual(plugin.credentialInterfaces, HtpasswdChecker.credentialInterfaces)
