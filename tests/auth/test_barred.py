"""
Users who are refused whatever they prove: disabled, expired, from somewhere else, or the file is gone.
"""

import os
from base64 import b64encode
from typing import Any

import bcrypt
from twisted.conch.error import ValidPublicKey
from twisted.cred.credentials import SSHPrivateKey, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.auth.sources.checkers import OneTimeUser, UsersFileChecker
from conchsftp.auth.users.user import User, user_name_of
from conchsftp.auth.users.user_fields import FIELDS, Entry
from conchsftp.auth.users.users_file import UsersFile
from conchsftp.events.connection import SSHUserAuthRequest
from tests.auth.support import (
    FAILURE,
    NONE,
    PK_OK,
    SUCCESS,
    Ed25519,
    SlowWorkers,
    Transport,
    Workers,
    offer,
    password_request,
    proof,
)

KEY = Ed25519()
HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
ALICE = f'[alice]\npassword = "{HASH}"\nkeys = ["ssh-ed25519 {b64encode(KEY.blob).decode()}"]\n'
RIGHT, WRONG = password_request(b"alice", b"right"), password_request(b"alice", b"wrong")
# The date of the tests is 2027-01-15, 08:00:00 UTC; the client is at 192.0.2.1.
NOW = 1_800_000_000.0
REFUSED = (
    "disabled = true",
    "expires = 2027-01-14",
    "expires = 2027-01-15T08:00:00Z",
    "from = ['192.0.2.2']",
    "from = ['10.0.0.0/8', '::/0']",
)
LET_IN = (
    "disabled = false",
    "expires = 2027-01-15",
    "expires = 2027-01-15T08:00:01Z",
    "from = ['10.0.0.0/8', '192.0.2.0/31']",
    "from = ['::ffff:192.0.2.1']",
)


def networks(*texts: str) -> Any:
    entry = Entry(user="alice", folder="", warn=lambda text: None, mistake=lambda text: None)
    return FIELDS["from"].read(list(texts), entry)


class UserTests(SynchronousTestCase):
    """What a user's own table says."""

    def test_expires(self) -> None:
        """From the moment on that is named, and not a second earlier."""
        user = User(name="alice", expires=NOW)
        self.assertEqual(user.barred(None, NOW - 1), "")
        for now in (NOW, NOW + 1):
            self.assertIn("expired", user.barred(None, now))

    def test_addresses(self) -> None:
        """Only the networks that are named, as IPv4 and IPv6 write them; an address that nobody knows is in none."""
        user = User(name="alice", networks=networks("192.0.2.0/24", "2001:db8::/32", "fe80::/10"))
        for host in ("192.0.2.255", "::ffff:192.0.2.1", "2001:db8::1", "fe80::1%eth0"):
            self.assertEqual(user.barred(host, NOW), "", host)
        for host in ("192.0.3.0", "::ffff:192.0.3.1", "2001:db9::1", "::192.0.2.1", "localhost", "", None):
            self.assertIn("address", user.barred(host, NOW), host)

    def test_everywhere_is_everywhere(self) -> None:
        """Without networks a user may come from anywhere, also from where there are no addresses."""
        self.assertEqual(User(name="alice").barred(None, NOW), "")

    def test_names(self) -> None:
        """An avatar id is a user name if it is text, or bytes of it."""
        self.assertEqual([user_name_of(each) for each in (b"\xc3\xa5", "å", (), 3)], ["å", "å", None, None])


class BarredCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = self.mktemp()
        self.hashed: list[bytes] = []

    def write(self, *entries: str) -> None:
        with open(self.path, "w") as file:
            file.write("\n".join((ALICE, *entries)))
        os.chmod(self.path, 0o600)

    def count(self, password: bytes, hashed: bytes) -> bool:
        self.hashed.append(hashed)
        return bcrypt.checkpw(password, hashed)

    def checker(self, *entries: str, workers: Any = None) -> UsersFileChecker:
        self.write(*entries)
        return UsersFileChecker(UsersFile(self.path), workers or Workers(), self.count)


class CheckerTests(BarredCase):
    """Logins of whom the users file itself vouches for."""

    def outcome(self, transport: Transport, payload: bytes) -> Any:
        """Return what one attempt costs and gets: the work, the answer, the moment."""
        self.hashed.clear()
        transport.receive(payload)
        while not transport.sent:
            transport.clock.advance(0.001)
        return len(self.hashed), tuple(transport.sent), round(transport.clock.seconds(), 6)

    def test_refused(self) -> None:
        """Same work, same answer, same moment as a wrong password has: whatever is in the way."""
        expected = self.outcome(Transport(self.checker()), WRONG)
        self.assertEqual(expected[0], 1)
        for entry in REFUSED:
            self.assertEqual(self.outcome(Transport(self.checker(entry)), RIGHT), expected, entry)

    def test_keys(self) -> None:
        """Neither an offered key nor a signature says that there is such a user."""
        stranger = Ed25519()
        for make in (offer, proof):
            expected = self.outcome(Transport(self.checker()), make(b"alice", stranger))
            for entry in REFUSED:
                self.assertEqual(self.outcome(Transport(self.checker(entry)), make(b"alice", KEY)), expected, entry)

    def test_let_in(self) -> None:
        """Whoever is not refused gets in, by password and by key."""
        for entry in LET_IN:
            self.assertEqual(Transport(self.checker(entry)).ask(RIGHT), [(SUCCESS, b"")], entry)
            transport = Transport(self.checker(entry))
            self.assertEqual(transport.ask(offer(b"alice", KEY))[0][0], PK_OK)
            self.assertEqual(transport.ask(proof(b"alice", KEY)), [(SUCCESS, b"")])

    def test_log(self) -> None:
        """The reason is in the log."""
        lines: list[str] = []
        for entry, reason in zip(REFUSED, ("disabled", "expired", "expired", "address", "address"), strict=True):
            transport = Transport(self.checker(entry))
            self.patch(transport.log, "info", lambda text, **facts: lines.append(text.format(**facts)))
            transport.ask(RIGHT)
            self.assertIn(reason, lines.pop())

    def test_changed_meanwhile(self) -> None:
        """A change counts at the next attempt of a connection that is open already."""
        transport = Transport(self.checker())
        self.assertEqual(transport.ask(WRONG)[0][0], FAILURE)
        self.write("disabled = true")
        self.assertEqual(transport.ask(RIGHT)[0][0], FAILURE)
        self.write("disabled = false")
        self.assertEqual(transport.ask(RIGHT), [(SUCCESS, b"")])

    def test_gone(self) -> None:
        """When the file is gone, nobody gets in whom it would let in."""
        transport = Transport(self.checker())
        os.unlink(self.path)
        self.assertEqual(transport.ask(RIGHT)[0][0], FAILURE)

    def test_other_servers(self) -> None:
        """Under a server that is not ours: nobody knows where a client is, so a user with networks is refused."""
        signed = SSHPrivateKey(b"alice", b"ssh-ed25519", KEY.blob, b"data", KEY.sign(b"data"))
        offered = SSHPrivateKey(b"alice", b"ssh-ed25519", KEY.blob, None, None)
        for credentials in (UsernamePassword(b"alice", b"right"), signed, offered):
            for entry in ("disabled = true", "expires = 2020-01-01", "from = ['0.0.0.0/0']"):
                self.failureResultOf(self.checker(entry).requestAvatarId(credentials), UnauthorizedLogin)
        checker = self.checker("expires = 9999-12-31")
        self.assertEqual(self.successResultOf(checker.requestAvatarId(signed)), b"alice")
        self.failureResultOf(checker.requestAvatarId(offered), ValidPublicKey)


class OthersTests(BarredCase):
    """Whoever else vouches: what the file says of the name holds."""

    def transport(self, *checkers: Any, entry: str = "", workers: Any = None) -> Transport:
        """A server with a users file, whose passwords nobody asks for."""
        transport = Transport(*checkers)
        transport.factory.barred = self.checker(entry, workers=workers).barred
        return transport

    def test_checkers(self) -> None:
        """The yes of another checker does not help somebody whom the file refuses."""
        for entry in REFUSED:
            transport = self.transport(OneTimeUser("alice", "right"), entry=entry)
            self.assertEqual(transport.ask(RIGHT)[0][0], FAILURE, entry)
            self.assertEqual(transport.logins, [])
        for entry in LET_IN:
            self.assertEqual(self.transport(OneTimeUser("alice", "right"), entry=entry).ask(RIGHT), [(SUCCESS, b"")])

    def test_handlers(self) -> None:
        """Nor does that of a handler, with or without a proof; an offered key gets no hope either."""

        def accept(event: SSHUserAuthRequest) -> None:
            event.accept = True

        for entry, answers in (*((each, (FAILURE,) * 4) for each in REFUSED), ("", (SUCCESS, SUCCESS, PK_OK, SUCCESS))):
            payloads = (NONE, RIGHT, offer(b"alice", KEY), proof(b"alice", KEY))
            for payload, answer in zip(payloads, answers, strict=True):
                transport = self.transport(entry=entry)
                transport.server_settings.default_auth_methods = ("none", "publickey", "password")
                transport.events.on("SSHUserAuthRequest", accept)
                self.assertEqual(transport.ask(payload)[0][0], answer, entry)

    def test_others_are_not_meant(self) -> None:
        """Somebody who is not in the file is none of its business."""
        transport = self.transport(OneTimeUser("bob", "right"), entry="disabled = true")
        self.assertEqual(transport.ask(password_request(b"bob", b"right")), [(SUCCESS, b"")])

    def test_partial(self) -> None:
        """A first of several proofs does not count either: it would say that the user exists."""
        transport = self.transport(OneTimeUser("alice", "right"), entry="disabled = true")

        @transport.events.on("SSHUserAuthRequest")
        def more(event: SSHUserAuthRequest) -> None:
            event.partial_success = True

        ((number, payload),) = transport.ask(RIGHT)
        self.assertEqual((number, payload[-1]), (FAILURE, 0))

    def test_file_is_read_again(self) -> None:
        """The file is asked as it is now, in a thread."""
        workers = SlowWorkers()
        transport = self.transport(OneTimeUser("alice", "right"), workers=workers)
        self.write("disabled = true")
        self.assertEqual(transport.ask(RIGHT), [])
        workers.finish()
        transport.clock.advance(10)
        self.assertEqual([number for number, _ in transport.sent], [FAILURE])

    def test_gone(self) -> None:
        """When the file is gone, nobody gets in whom it confines: without it there would be no confinement."""
        transport = self.transport(OneTimeUser("alice", "right"))
        os.unlink(self.path)
        self.assertEqual(transport.ask(RIGHT)[0][0], FAILURE)
