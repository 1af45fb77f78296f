"""
Checkers that were written for Twisted and Conch work unchanged.
"""

from twisted.conch.checkers import InMemorySSHKeyDB, SSHProtocolChecker, SSHPublicKeyChecker
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.keys import Key
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.trial.unittest import SynchronousTestCase

from tests.auth.support import (
    FAILURE,
    PK_OK,
    RSA,
    SUCCESS,
    Ed25519,
    SecurityKey,
    SecurityKeyP256,
    Transport,
    offer,
    password_request,
    proof,
)


def key_checker(*keys: object) -> SSHPublicKeyChecker:
    return SSHPublicKeyChecker(InMemorySSHKeyDB({b"alice": [Key.fromString(key.blob) for key in keys]}))  # type: ignore


class ConchCheckerTests(SynchronousTestCase):
    def test_keys(self) -> None:
        """SSHPublicKeyChecker says yes to an offer by raising ValidPublicKey, and verifies the proof once more."""
        for key in (Ed25519(), RSA(), RSA(algorithm="rsa-sha2-256"), SecurityKey(), SecurityKeyP256()):
            transport = Transport(key_checker(key))
            self.assertEqual(transport.ask(offer(b"alice", key))[0][0], PK_OK)
            self.assertEqual(transport.ask(proof(b"alice", key)), [(SUCCESS, b"")])

    def test_other_keys(self) -> None:
        """A proof of a key that is not listed is refused."""
        for key in (Ed25519(), RSA()):
            transport = Transport(key_checker(Ed25519()))
            self.assertEqual(transport.ask(proof(b"alice", key)), [(FAILURE, NS(b"publickey") + b"\0")])
            self.assertEqual(transport.ask(proof(b"carol", key))[0][0], FAILURE)

    def test_passwords(self) -> None:
        """Twisted's own password checker."""
        checker = InMemoryUsernamePasswordDatabaseDontUse(alice=b"right")
        self.assertEqual(Transport(checker).ask(password_request(b"alice", b"wrong"))[0][0], FAILURE)
        self.assertEqual(Transport(checker).ask(password_request(b"carol", b"right"))[0][0], FAILURE)
        self.assertEqual(Transport(checker).ask(password_request(b"alice", b"right")), [(SUCCESS, b"")])

    def test_both_required(self) -> None:
        """SSHProtocolChecker asks for two factors: the first is a partial success, the second logs in."""
        key = Ed25519()
        checker = SSHProtocolChecker()
        checker.registerChecker(key_checker(key))
        checker.registerChecker(InMemoryUsernamePasswordDatabaseDontUse(alice=b"right"))
        checker.areDone = lambda name: len(checker.successfulCredentials[name]) == 2
        transport = Transport(checker)
        self.assertEqual(transport.ask(offer(b"alice", key))[0][0], PK_OK)
        left = NS(b"password,keyboard-interactive")
        self.assertEqual(transport.ask(proof(b"alice", key)), [(FAILURE, left + b"\x01")])
        self.assertEqual(transport.ask(password_request(b"alice", b"wrong")), [(FAILURE, left + b"\0")])
        self.assertEqual(transport.ask(password_request(b"alice", b"right")), [(SUCCESS, b"")])
        self.assertEqual(len(transport.logins), 1)
