"""
Logins: what an offered key is worth, who waits for whom, and the files that people write their keys into.
"""

import os
from base64 import b64encode
from typing import Any

from twisted.conch.error import ValidPublicKey
from twisted.conch.ssh.common import NS
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, globalLogPublisher
from zope.interface import implementer

from conchsftp.auth.credentials import KeyOffer, KeyProof
from conchsftp.auth.realm import SFTPRealm
from conchsftp.ssh.numbers import Message, Reason
from conchsftp.testing import MemoryClient
from tests.auth.support import RSA, Ed25519, answers, interactive_request, offer, password_request, proof, request
from tests.bugs.classes import bug_class
from tests.ssh.case import Avatar, ConnectionCase

PK_OK, INFO_REQUEST, INFO_RESPONSE = 60, 60, 61
A, B, STRANGER = Ed25519(), Ed25519(), Ed25519()


class LoginCase(ConnectionCase):
    """A server with checkers, and clients that have come as far as the login."""

    def begin(self, **options: Any) -> MemoryClient:
        """Return a client whose next message is a request to log in."""
        client = self.client(**options)
        client.connect()
        client.ask_for_login()
        return client

    def ask(self, client: MemoryClient, payload: bytes, number: int = Message.USERAUTH_REQUEST) -> int | None:
        """Send a message and wait; return the number of the answer, None if there is none."""
        before = len(client.numbers)
        client.packet(number, payload)
        self.clock.advance(3.0)
        client.pump()
        found = [each for each in client.numbers[before:] if 50 <= each < 80]
        return found[-1] if found else None

    def logged(self) -> list[str]:
        """Collect the lines of the log from now on."""
        lines: list[str] = []

        def note(event: Any) -> None:
            if "log_format" in event and event["log_level"] >= LogLevel.info:
                lines.append(event["log_format"].format(**event))

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)
        return lines


@implementer(ICredentialsChecker)
class WhoseKey:
    """Knows whose key it is, and says so, as an application does that takes the user from the key."""

    credentialInterfaces = (ISSHPrivateKey,)

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.owners = {A.blob: b"owner-of-a", B.blob: b"owner-of-b"}

    def requestAvatarId(self, credentials: Any) -> bytes:
        self.asked.append(credentials)
        owner = self.owners.get(credentials.blob)
        if owner is None:
            raise UnauthorizedLogin("nobody's key")
        if credentials.signature is None:
            raise ValidPublicKey
        return owner


@bug_class(28)
class OfferedKeyTests(LoginCase):
    """A key that was offered is not one that was proved (CVE-2024-45337)."""

    def setUp(self) -> None:
        super().setUp()
        self.checker = WhoseKey()
        self.made: list[str] = []
        self.serve(realm=SFTPRealm(self.make), checkers=[self.checker])

    def make(self, name: str) -> Avatar:
        self.made.append(name)
        return Avatar(name)

    def prove(self, client: MemoryClient, key: Any, signer: Any = None) -> int | None:
        return self.ask(client, proof(b"user", key, signer, client.session_id))

    def test_who_signs(self) -> None:
        """Whatever was offered, in whatever order: it is the key that signs which decides who is in."""
        for offered, signer, owner in (
            ((A, B), A, "owner-of-a"),
            ((A, B), B, "owner-of-b"),
            ((B, A), B, "owner-of-b"),
            ((A, A, B), A, "owner-of-a"),
            ((), A, "owner-of-a"),
            ((STRANGER, B), A, "owner-of-a"),
        ):
            client = self.begin()
            for key in offered:
                expected = Message.USERAUTH_FAILURE if key is STRANGER else PK_OK
                self.assertEqual(self.ask(client, offer(b"user", key)), expected)
            self.assertEqual(self.made, [])
            self.assertEqual(self.prove(client, signer), Message.USERAUTH_SUCCESS)
            self.assertEqual(self.made, [owner])
            self.made.clear()

    def test_offers_do_not_log_in(self) -> None:
        """Who only offers is never in, and the application hears of no more than an offer."""
        client = self.begin()
        for _ in range(3):
            for key in (A, B):
                self.assertEqual(self.ask(client, offer(b"user", key)), PK_OK)
        self.assertEqual({type(each) for each in self.checker.asked}, {KeyOffer})
        self.assertEqual((self.made, client.server.user_name), ([], None))

    def test_somebody_elses_key(self) -> None:
        """Who offers a key of another and signs with their own is refused; the application does not hear of it."""
        client = self.begin()
        self.assertEqual(self.ask(client, offer(b"user", A)), PK_OK)
        self.assertEqual(self.prove(client, A, signer=STRANGER), Message.USERAUTH_FAILURE)
        self.assertEqual(self.prove(client, STRANGER), Message.USERAUTH_FAILURE)
        self.assertEqual(self.made, [])
        for asked in self.checker.asked:
            self.assertFalse(isinstance(asked, KeyProof) and asked.blob == A.blob)

    def test_another_connection(self) -> None:
        """A proof holds for the connection that it was made for."""
        first, second = self.begin(), self.begin()
        proved = proof(b"user", A, session=first.session_id)
        self.assertEqual(self.ask(second, proved), Message.USERAUTH_FAILURE)
        self.assertEqual(self.ask(first, proved), Message.USERAUTH_SUCCESS)

    def test_algorithm(self) -> None:
        """The signature has to be of the algorithm that the request names, and that one of the key's and allowed."""
        key = RSA()
        self.checker.owners[key.blob] = b"rsa"
        for named, signed, answer in (
            ("rsa-sha2-512", "rsa-sha2-512", Message.USERAUTH_SUCCESS),
            ("rsa-sha2-256", "rsa-sha2-256", Message.USERAUTH_SUCCESS),
            ("rsa-sha2-512", "rsa-sha2-256", Message.USERAUTH_FAILURE),
            ("rsa-sha2-256", "ssh-rsa", Message.USERAUTH_FAILURE),
            ("ssh-rsa", "ssh-rsa", Message.USERAUTH_FAILURE),
            ("ssh-ed25519", "rsa-sha2-512", Message.USERAUTH_FAILURE),
        ):
            client = self.begin()
            head = request(b"user", b"publickey", b"\x01" + NS(named.encode()) + NS(key.blob))
            value = key.value(NS(client.session_id) + bytes((50,)) + head, signed)
            self.assertEqual(self.ask(client, head + NS(NS(signed.encode()) + NS(value))), answer, (named, signed))


@bug_class(30)
class InteractiveTests(LoginCase):
    """keyboard-interactive from the first byte of a connection; what else it does is in tests/auth."""

    def test_both_ways(self) -> None:
        """Whoever is told of `password` is told of keyboard-interactive, and the password is the same."""
        client = self.begin()
        self.assertEqual(self.ask(client, request(b"user", b"none")), Message.USERAUTH_FAILURE)
        self.assertEqual(client.take(51), NS(b"password,keyboard-interactive") + b"\0")
        self.assertEqual(self.ask(client, interactive_request(b"user")), INFO_REQUEST)
        self.assertEqual(client.take(60), bytes(12) + bytes((0, 0, 0, 1)) + NS(b"Password: ") + b"\0")
        self.assertEqual(self.ask(client, answers(b"password"), INFO_RESPONSE), Message.USERAUTH_SUCCESS)
        self.assertFalse(client.open_subsystem().closed)

    def test_rekeying_meanwhile(self) -> None:
        """A client may exchange keys while its user types."""
        client = self.begin()
        self.assertEqual(self.ask(client, interactive_request(b"user")), INFO_REQUEST)
        client.rekey()
        self.assertEqual(self.ask(client, answers(b"password"), INFO_RESPONSE), Message.USERAUTH_SUCCESS)


@implementer(ICredentialsChecker)
class Waiting:
    """Answers when the test says so; `user` at once."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self) -> None:
        self.waiting: list[Deferred[bytes]] = []

    def requestAvatarId(self, credentials: Any) -> Any:
        if credentials.username == b"user":
            return credentials.username
        self.waiting.append(Deferred())
        return self.waiting[-1]


@bug_class(31)
class SlowLoginTests(LoginCase):
    """Checkers that take their time, and peers that say nothing."""

    def test_slow_checker(self) -> None:
        """While a login is judged, others log in, and sessions go on; it is answered when it has been."""
        checker = Waiting()
        self.serve(one_time_user=None, checkers=[checker])
        before = self.session()
        slow = [self.begin() for _ in range(5)]
        for client in slow:
            client.packet(Message.USERAUTH_REQUEST, password_request(b"slow", b"password"))
        self.assertEqual(len(checker.waiting), 5)
        self.assertEqual(self.session().get("/f"), b"0123456789")
        self.assertEqual(before.get("/f"), b"0123456789")
        for client, waiting in zip(slow, checker.waiting, strict=True):
            waiting.callback(b"slow")
            client.pump()
            client.take(Message.USERAUTH_SUCCESS)

    def test_hashing(self) -> None:
        """Passwords are hashed in threads: meanwhile others go on."""
        self.serve_users('[slow]\npassword = "$2b$04$' + "." * 53 + '"\n')
        threads = self.clock.threads
        threads.hold = True
        client = self.begin()
        client.packet(Message.USERAUTH_REQUEST, password_request(b"slow", b"wrong"))
        # What the user has to prove is read from the file first; then one thread hashes, and others are free.
        threads.finish()
        client.pump()
        self.assertEqual(len(threads), 1)
        threads.hold = False
        self.assertEqual(self.session().get("/f"), b"0123456789")
        self.assertEqual(len(threads), 1)
        threads.finish()
        self.assertEqual(self.ask(client, request(b"slow", b"none")), Message.USERAUTH_FAILURE)

    def serve_users(self, text: str) -> None:
        path = os.path.abspath(self.mktemp())
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.serve(users=path)

    def test_login_grace_time(self) -> None:
        """A checker that never answers does not keep a connection beyond LoginGraceTime."""
        self.serve(one_time_user=None, checkers=[Waiting()], login_grace_time=20, default_connection_timeout=0)
        client = self.begin()
        client.packet(Message.USERAUTH_REQUEST, password_request(b"slow", b"password"))
        self.clock.advance(19.9)
        client.pump()
        self.assertIsNone(client.disconnected)
        self.clock.advance(0.2)
        client.pump()
        self.assert_ended(client, Reason.BY_APPLICATION, "20 seconds")

    def test_silent_socket(self) -> None:
        """Whoever says nothing is sent away, at whichever point of the way in, and the place is free again."""
        self.serve(max_connections=3, login_grace_time=30, default_connection_timeout=0)
        silent = self.client()
        self.client().raw(b"SSH-2.0-half", pump=True)
        self.begin()
        self.assertRaises(ConnectionRefusedError, self.client)
        self.clock.advance(30.0)
        self.assertEqual(len(self.factory.connections), 3)
        self.clock.advance(6.0)
        self.assertEqual(len(self.factory.connections), 0)
        self.assertTrue(silent.pipe.closed)
        self.assertEqual(self.session().get("/f"), b"0123456789")

    def test_crowd(self) -> None:
        """Sockets that are opened and left do not keep others out: the one that has waited longest goes."""
        self.serve(max_startups=10, max_connections=20)
        before = self.session()
        silent: list[MemoryClient] = []
        for _ in range(50):
            silent.append(self.client())
            for client in silent:
                client.pump()
        self.assertEqual(self.session().get("/f"), b"0123456789")
        self.assertEqual(before.get("/f"), b"0123456789")


def line(key: Any, comment: bytes = b" comment", options: bytes = b"") -> bytes:
    return options + b"ssh-ed25519 " + b64encode(key.blob) + comment


def block(key: Any) -> bytes:
    body = b64encode(key.blob)
    parts = (b"---- BEGIN SSH2 PUBLIC KEY ----", b'Comment: "from PuTTY"', body[:60], body[60:])
    return b"\r\n".join((*parts, b"---- END SSH2 PUBLIC KEY ----"))


@bug_class(33)
class AuthorizedKeysTests(LoginCase):
    """Files of keys as people and tools leave them, and a login with the last key in them."""

    def serve_keys(self, text: bytes) -> list[str]:
        """Serve a user whose keys are in a file, and collect the log."""
        folder = os.path.abspath(self.mktemp())
        os.mkdir(folder)
        with open(f"{folder}/keys", "wb") as keys:
            keys.write(text)
        with open(f"{folder}/users.toml", "w", encoding="utf-8") as users:
            users.write('[user]\nkeys_file = "keys"\n')
        lines = self.logged()
        self.serve(users=f"{folder}/users.toml", one_time_user=None)
        return lines

    def log_in(self, key: Any) -> int | None:
        client = self.begin()
        return self.ask(client, proof(b"user", key, session=client.session_id))

    def test_as_people_write_them(self) -> None:
        """Ends of lines, no end of the last one, a mark, comments, blank lines, options and RFC 4716 do no harm."""
        for text in (
            line(A),
            line(A, b"") + b"\n",
            b"\r\n".join((b"# mine", b"", line(STRANGER), line(A), b"")),
            b"\xef\xbb\xbf" + line(A) + b"\n# the end",
            line(STRANGER) + b"\r" + line(A),
            b"   " + line(A, b"   jos\xe9@laptop  "),
            line(A, options=b'no-pty,command="internal-sftp" '),
            b"garbage\n" + line(STRANGER, options=b'from="192.0.2.1" ') + b"\n" + line(A),
            line(STRANGER) + b"\n" + block(A) + b"\n",
            block(A),
        ):
            self.serve_keys(text)
            self.assertEqual(self.log_in(A), Message.USERAUTH_SUCCESS, text)
            self.assertEqual(self.log_in(B), Message.USERAUTH_FAILURE)

    def test_unmet_option(self) -> None:
        """A key with a restriction that is not carried out lets nobody in, and the log says which and where."""
        lines = self.serve_keys(b"# one\n" + line(A, options=b'command="rsync" '))
        self.assertEqual(self.log_in(A), Message.USERAUTH_FAILURE)
        told = [each for each in lines if "'command'" in each]
        self.assertEqual(len(told), 1, lines)
        self.assertIn("line 2", told[0])

    def test_from(self) -> None:
        """Where a key may be used from is compared with where the client is."""
        for source, answer in (("198.51.100.7", Message.USERAUTH_SUCCESS), ("192.0.2.1", Message.USERAUTH_FAILURE)):
            lines = self.serve_keys(line(A, options=f'from="{source}" '.encode()))
            self.assertEqual(self.log_in(A), answer)
        (told,) = [each for each in lines if "refused" in each]
        self.assertIn("the key may not be used from 198.51.100.7 (line 1)", told)

    def test_mismatch(self) -> None:
        """When a key is not in the file, the log says whose it was not, and which one, as `ssh-keygen -l` prints it."""
        lines = self.serve_keys(line(B))
        self.assertEqual(self.log_in(A), Message.USERAUTH_FAILURE)
        (told,) = [each for each in lines if "refused" in each]
        self.assertIn("'user'", told)
        self.assertIn("SHA256:", told)
        self.assertIn("the key is not one of the user's", told)
