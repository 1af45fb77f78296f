"""
A directory of authorized_keys files.
"""

import os
import pwd
import shutil
import tempfile
from types import SimpleNamespace
from typing import Any

from twisted.conch.error import ValidPublicKey
from twisted.cred import strcred
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import SSHPrivateKey
from twisted.cred.error import UnauthorizedLogin
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from conchsftp.auth.sources import key_directory
from conchsftp.auth.sources.key_directory import AuthorizedKeysDirectory
from conchsftp.errors import ServerError
from tests.auth.certificates import Certified
from tests.auth.support import (
    FAILURE,
    PK_OK,
    SUCCESS,
    Ed25519,
    SlowWorkers,
    Transport,
    Workers,
    line,
    logged,
    offer,
    proof,
)

ALICE, BOB = Ed25519(), Ed25519()


class DirectoryCase(SynchronousTestCase):
    def setUp(self) -> None:
        # Not in trial's folder: whose that is, and who may write to it, is up to whoever runs the tests.
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.write("alice", line(ALICE))
        self.write("bob", line(BOB))
        self.pattern = f"{self.folder}/%u"
        self.lines = logged(self)

    def write(self, name: str, text: str) -> str:
        path = f"{self.folder}/{name}"
        with open(path, "w") as file:
            file.write(text + "\n")
        os.chmod(path, 0o644)
        return path

    def checker(self, pattern: str = "", workers: Any = None) -> AuthorizedKeysDirectory:
        return AuthorizedKeysDirectory(pattern or self.pattern, workers or Workers())

    def offered(self, checker: AuthorizedKeysDirectory, name: bytes, key: Any) -> bool:
        """Return whether the checker would take a key; nobody may be named for an offer."""
        deferred = checker.requestAvatarId(SSHPrivateKey(name, key.algorithm.encode(), key.blob, None, None))
        return isinstance(self.failureResultOf(deferred, UnauthorizedLogin, ValidPublicKey).value, ValidPublicKey)


class KeysTests(DirectoryCase):
    def test_interface(self) -> None:
        """It is a checker like any other."""
        verifyObject(ICredentialsChecker, self.checker())

    def test_certificates(self) -> None:
        """A line with cert-authority, and a CA trusted for everybody, let in who has a file, and nobody else."""
        ca, other_ca = Ed25519(), Ed25519()
        self.write("alice", f"cert-authority {line(ca)}")
        trusted = self.write("trusted", line(other_ca))
        for settings, authority, user, answer in (
            ({}, ca, b"alice", PK_OK),
            ({}, ca, b"bob", FAILURE),
            ({}, other_ca, b"alice", FAILURE),
            ({"trusted_user_ca_keys": trusted}, other_ca, b"bob", PK_OK),
            ({"trusted_user_ca_keys": trusted}, other_ca, b"carol", FAILURE),
        ):
            transport = Transport(self.checker(), **settings)
            shown = Certified(ALICE, authority, principals=(user,))
            self.assertEqual(transport.ask(offer(user, shown))[0][0], answer, user)

    def test_login(self) -> None:
        """A user is let in by a key in the user's own file, and by no other."""
        transport = Transport(self.checker())
        self.assertEqual(transport.ask(offer(b"alice", ALICE))[0][0], PK_OK)
        self.assertEqual(transport.ask(offer(b"alice", BOB))[0][0], FAILURE)
        self.assertEqual(transport.ask(offer(b"carol", ALICE))[0][0], FAILURE)
        self.assertEqual(transport.ask(proof(b"alice", ALICE))[0][0], SUCCESS)

    def test_stock_server(self) -> None:
        """Credentials of a server that does not verify signatures itself have theirs verified."""
        good, bad = (
            SSHPrivateKey(b"alice", b"ssh-ed25519", ALICE.blob, b"data", signature)
            for signature in (ALICE.sign(b"data"), BOB.sign(b"data"))
        )
        self.assertEqual(self.successResultOf(self.checker().requestAvatarId(good)), b"alice")
        self.failureResultOf(self.checker().requestAvatarId(bad), UnauthorizedLogin)

    def test_changed(self) -> None:
        """A file counts as it is now; one that is gone, or not there yet, is no keys and no line of the log."""
        checker = self.checker()
        self.assertTrue(self.offered(checker, b"alice", ALICE))
        self.write("alice", line(BOB))
        self.assertFalse(self.offered(checker, b"alice", ALICE))
        self.assertTrue(self.offered(checker, b"alice", BOB))
        os.unlink(f"{self.folder}/alice")
        self.assertFalse(self.offered(checker, b"alice", BOB))
        self.write("alice", line(BOB))
        self.assertTrue(self.offered(checker, b"alice", BOB))
        self.assertEqual(self.lines, [])

    def test_pattern(self) -> None:
        """%u may stand anywhere, several times; %% is a percent sign."""
        os.mkdir(f"{self.folder}/%")
        os.mkdir(f"{self.folder}/%/alice", 0o755)
        self.write("%/alice/keys_of_alice", line(ALICE))
        checker = self.checker(f"{self.folder}/%%/%u/keys_of_%u")
        self.assertTrue(self.offered(checker, b"alice", ALICE))
        self.assertFalse(self.offered(checker, b"bob", ALICE))

    def test_names(self) -> None:
        """A name that leads out of the directory, or is none, has no keys; neither is it looked for."""
        os.mkdir(f"{self.folder}/sub")
        self.write("sub/..keys", line(ALICE))
        self.write("sub/.keys", line(ALICE))
        checker = self.checker(f"{self.folder}/sub/%ukeys")
        for name in (b"", b".", b"..", b"../alice", b"a/../.", b"\0", b"alice\0", b"\xff", b"x" * 300):
            self.assertFalse(self.offered(checker, name, ALICE), name)
        plain = self.checker()
        for name in (b"sub/..keys", b"./alice", b"../" + os.path.basename(self.folder).encode() + b"/alice", b"sub"):
            self.assertFalse(self.offered(plain, name, ALICE), name)

    def test_bad_lines(self) -> None:
        """A line that cannot be used is named in the log, once, and does not spoil the others."""
        path = self.write("alice", f"tunnel=1 {line(BOB)}\n{line(ALICE)}")
        checker = self.checker()
        for _ in range(2):
            self.assertTrue(self.offered(checker, b"alice", ALICE))
        self.assertFalse(self.offered(checker, b"alice", BOB))
        self.assertEqual([text.startswith(f"{path}, line 1: ") for text in self.lines], [True])


class BelievedTests(DirectoryCase):
    """Which files are believed."""

    def refused_once(self, text: str) -> None:
        """See that alice has no keys, and that the log says so, once."""
        checker = self.checker()
        for _ in range(2):
            self.assertFalse(self.offered(checker, b"alice", ALICE))
        self.assertEqual(len(self.lines), 1)
        self.assertIn(text, self.lines[0])

    def test_open_file(self) -> None:
        """A file to which others can write is not believed, until it is closed."""
        os.chmod(f"{self.folder}/alice", 0o664)
        self.refused_once("/alice can be written by others")
        checker = self.checker()
        self.assertFalse(self.offered(checker, b"alice", ALICE))
        os.chmod(f"{self.folder}/alice", 0o644)
        self.assertTrue(self.offered(checker, b"alice", ALICE))

    def test_open_after_reading(self) -> None:
        """What was read while it was closed does not count when it is open."""
        checker = self.checker()
        self.assertTrue(self.offered(checker, b"alice", ALICE))
        os.chmod(self.folder, 0o777)
        self.assertFalse(self.offered(checker, b"alice", ALICE))

    def test_no_file(self) -> None:
        """What is no regular file is named in the log, and nobody waits for it."""
        os.unlink(f"{self.folder}/alice")
        os.mkfifo(f"{self.folder}/alice", 0o600)
        self.refused_once("/alice: cannot be read: not a regular file")

    def test_trusts(self) -> None:
        """Root, the server and the user of this machine with that name may own it; nobody else."""
        self.patch(os, "geteuid", lambda: 501)
        self.patch(pwd, "getpwnam", lambda name: SimpleNamespace(pw_uid={"alice": 502}[name]))
        owners = (0, 501, 502, 503)
        self.assertEqual([key_directory._trusts("alice", owner) for owner in owners], [True, True, True, False])
        self.assertEqual([key_directory._trusts("bob", owner) for owner in owners], [True, True, False, False])

    def test_owner(self) -> None:
        """A file that belongs to another user is not believed."""
        if os.geteuid() != 0:
            self.skipTest("only root gives files away")
        os.chown(f"{self.folder}/alice", 12345, 12345)
        self.refused_once("/alice belongs to another user (12345)")


class MemoryTests(DirectoryCase):
    def test_bounded(self) -> None:
        """Names of nobody are not remembered, and of those with a file only so many."""
        self.patch(key_directory, "_MOST_FILES", 2)
        checker = self.checker()
        for name in (b"alice", b"bob", b"nobody", b"alice"):
            self.offered(checker, name, ALICE)
        self.assertEqual(list(checker._files), [f"{self.folder}/bob", f"{self.folder}/alice"])
        self.write("carol", line(ALICE))
        self.assertTrue(self.offered(checker, b"carol", ALICE))
        self.assertEqual(list(checker._files), [f"{self.folder}/alice", f"{self.folder}/carol"])

    def test_in_threads(self) -> None:
        """Nothing is read before a worker does it, and only so much at once."""
        workers = SlowWorkers()
        checker = self.checker(workers=workers)
        asked = [
            checker.requestAvatarId(SSHPrivateKey(b"alice", b"ssh-ed25519", ALICE.blob, None, None))
            for _ in range(checker.most_at_once + 1)
        ]
        self.assertEqual(len(workers.pending), checker.most_at_once)
        for each in asked:
            self.assertNoResult(each)
            workers.finish()
            self.failureResultOf(each, ValidPublicKey)

    def test_no_workers(self) -> None:
        """Without threads it says what is missing, instead of blocking."""
        checker = AuthorizedKeysDirectory(self.pattern)
        self.failureResultOf(
            checker.requestAvatarId(SSHPrivateKey(b"alice", b"ssh-ed25519", ALICE.blob, None, None)), ServerError
        )
        checker.use(Workers())
        self.assertTrue(self.offered(checker, b"alice", ALICE))


class MistakesTests(DirectoryCase):
    def test_patterns(self) -> None:
        """A path where there can be no files is refused at once, in one line."""
        for pattern, text in (
            ("keys/%u", "an absolute path"),
            (f"{self.folder}/keys", "%u, the user name, is missing"),
            (f"{self.folder}/%%u", "%u, the user name, is missing"),
            (f"{self.folder}/%h/keys", "only %u"),
            (f"{self.folder}/%u/%", "only %u"),
            (f"{self.folder}/none/%u", "/none: no such folder"),
        ):
            self.assertIn(text, str(self.assertRaises(ServerError, AuthorizedKeysDirectory, pattern)), pattern)

    def test_command_line(self) -> None:
        """--auth authorized-keys:PATTERN makes it, for any server of Twisted's; an empty pattern is refused."""
        checker = strcred.makeChecker(f"authorized-keys:{self.pattern}")
        self.assertIsInstance(checker, AuthorizedKeysDirectory)
        (plugin,) = (each for each in strcred.findCheckerFactories() if each.authType == "authorized-keys")
        self.assertLessEqual(set(plugin.credentialInterfaces), set(AuthorizedKeysDirectory.credentialInterfaces))
        self.assertRaises(strcred.InvalidAuthArgumentString, strcred.makeChecker, "authorized-keys")
        self.assertRaises(ServerError, strcred.makeChecker, "authorized-keys:/etc/keys")
