"""
Logins that are never completed: what they leave behind, and whom they hold up.
"""

import gc
import os
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from typing import Any

import bcrypt
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey, IUsernamePassword
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from conchsftp.auth.realm import SFTPRealm
from conchsftp.auth.users.hashes import HASHES_AT_ONCE
from conchsftp.events import SSHUserAuthRequest
from conchsftp.files.memory import MemoryFileSystem
from conchsftp.server.avatar import SFTPAvatar
from conchsftp.server.service import SFTPServer
from conchsftp.ssh.numbers import Message, Reason
from conchsftp.testing import MemoryClient, MemoryReactor, memory_server
from tests.auth.support import Ed25519, answers, interactive_request, offer, password_request, proof

KEY = Ed25519()
INFO_RESPONSE = 61
_TIMES = 10
# What a connection brings with it until it is over; whatever else it makes hangs from these.
_PARTS = (
    "ServerTransport UserAuth AuthProgress AuthAttempt EventChecker Timers Keying Gate Outlet Receiver Sender Password "
    "Answers KeyOffer KeyProof Questions Refusals SSHUserAuthRequest SFTPAvatar MemoryFileSystem ConnectionLog "
    "coroutine".split()
)


@implementer(ICredentialsChecker)
class Silent:
    """Never answers, but for `user`."""

    credentialInterfaces = (IUsernamePassword, ISSHPrivateKey)

    def __init__(self) -> None:
        self.cancelled = 0

    def requestAvatarId(self, credentials: Any) -> Any:
        if credentials.username == b"user":
            return credentials.username
        return Deferred(self._cancel)

    def _cancel(self, waiting: "Deferred[Any]") -> None:
        self.cancelled += 1


def counted() -> Counter[str]:
    """Return how many objects there are of what a login is made of."""
    gc.collect()
    return Counter(name for each in gc.get_objects() if (name := type(each).__name__) in _PARTS)


class AbandonedCase(SynchronousTestCase):
    """A server in memory."""

    def setUp(self) -> None:
        # What other tests have left is not counted, and not looked through each time.
        gc.collect()
        gc.freeze()
        self.addCleanup(gc.unfreeze)

    def serve(self, **options: Any) -> SFTPServer:
        """Make it."""
        self.server = memory_server(per_source_penalties=False, **options)
        self.factory = self.server.factory
        self.clock: MemoryReactor = self.factory.clock
        return self.server

    def begin(self) -> MemoryClient:
        """Return a client whose next message is a request to log in."""
        client = MemoryClient(self.factory)
        client.connect()
        client.ask_for_login()
        return client

    def ask(self, payload: bytes, number: int = Message.USERAUTH_REQUEST) -> MemoryClient:
        """Return a client that has asked for something, and does not wait."""
        client = self.begin()
        client.packet(number, payload)
        return client

    def leaves_nothing(self, come: Callable[[], MemoryClient], left: Callable[[], None] = lambda: None) -> None:
        """
        Fail if clients that come so far, and are gone then, leave anything.

        Args:
            left: lets happen what only happens afterwards.
        """

        def once() -> None:
            client = come()
            client.pipe.cut()
            left()

        once()
        before, calls = counted(), len(self.clock.getDelayedCalls())
        for _ in range(_TIMES):
            once()
        more = counted() - before
        self.assertEqual({name: count for name, count in more.items() if count >= _TIMES}, {})
        self.assertEqual(len(self.clock.getDelayedCalls()), calls)
        self.assertEqual((len(self.factory.connections), len(self.clock.threads)), (0, 0))
        self.assertEqual(self.factory.connections._sources, {})


class LeftBehindTests(AbandonedCase):
    """Clients that are gone in the middle of a login."""

    def test_counting(self) -> None:
        """What is kept on purpose is found."""
        self.serve()
        kept: list[Any] = []

        def come() -> MemoryClient:
            client = self.begin()
            kept.append(client.server.service)
            return client

        self.assertRaises(self.failureException, self.leaves_nothing, come)

    def test_before_a_proof(self) -> None:
        """Before the greeting, in it, before the service, and before the first request."""
        self.serve()
        self.leaves_nothing(lambda: MemoryClient(self.factory))
        self.leaves_nothing(self._half)
        self.leaves_nothing(self.begin)

    def _half(self) -> MemoryClient:
        client = MemoryClient(self.factory)
        client.raw(b"SSH-2.0-half")
        return client

    def test_while_judged(self) -> None:
        """While a checker thinks: it is told that nobody waits any more."""
        checker = Silent()
        self.serve(one_time_user=None, checkers=[checker])
        self.leaves_nothing(lambda: self.ask(password_request(b"slow", b"x")))
        self.leaves_nothing(lambda: self.ask(offer(b"slow", KEY)))
        self.assertEqual(checker.cancelled, 2 * (_TIMES + 1))

    def test_pipelined(self) -> None:
        """With requests behind the one that is judged."""
        self.serve(one_time_user=None, checkers=[Silent()])

        def come() -> MemoryClient:
            client = self.ask(password_request(b"slow", b"x"))
            for _ in range(5):
                client.packet(Message.USERAUTH_REQUEST, password_request(b"user", b"x"))
            return client

        self.leaves_nothing(come)

    def test_while_a_handler_waits(self) -> None:
        """While a handler of SSHUserAuthRequest waits."""
        self.serve()
        self.server.on(SSHUserAuthRequest, lambda event: Deferred())
        self.leaves_nothing(lambda: self.ask(password_request(b"user", b"x")))

    def test_while_refused(self) -> None:
        """While a refusal waits for its time."""
        self.serve()
        self.leaves_nothing(lambda: self.ask(password_request(b"user", b"wrong")))

    def test_while_asked(self) -> None:
        """Instead of an answer to a question."""
        self.serve()
        self.leaves_nothing(lambda: self.ask(interactive_request(b"user")))

    def test_between_factors(self) -> None:
        """After the first of two proofs."""
        self.serve()
        self.server.on(SSHUserAuthRequest, lambda event: setattr(event, "partial_success", True))
        self.leaves_nothing(lambda: self.ask(password_request(b"user", b"password")))

    def test_while_hashed(self) -> None:
        """While a password is hashed, or waits for that: the thread is done, and its result is nobody's."""
        path = os.path.abspath(self.mktemp())
        hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
        with open(path, "w", encoding="utf-8") as users:
            users.write(f'[alice]\npassword = "{hashed}"\n')
        self.serve(one_time_user=None, users=path)
        threads = self.clock.threads
        threads.hold = True

        def come() -> MemoryClient:
            return [self.ask(password_request(b"alice", b"right")) for _ in range(HASHES_AT_ONCE + 2)][-1]

        def left() -> None:
            for connection in list(self.factory.connections):
                connection.transport.cut()
            while len(threads):
                threads.finish()

        self.leaves_nothing(come, left)

    def test_while_made(self) -> None:
        """While the avatar is made: when it is, it is logged out."""
        making: list[Deferred[Any]] = []
        logouts: list[str] = []

        class Leaving(SFTPAvatar):
            def logged_out(self) -> None:
                logouts.append(self.user_name)

        def make(user: str) -> "Deferred[Any]":
            making.append(Deferred())
            return making[-1]

        def left() -> None:
            making.pop().callback(Leaving("user", files=MemoryFileSystem()))

        self.serve(realm=SFTPRealm(make))
        self.leaves_nothing(lambda: self.ask(password_request(b"user", b"password")), left)
        self.assertEqual(len(logouts), _TIMES + 1)


class HeldUpTests(AbandonedCase):
    """Whom a slow login holds up."""

    def test_a_hundred_others(self) -> None:
        """While a checker never answers one, a hundred others log in; the one is sent away by LoginGraceTime."""
        self.serve(one_time_user=None, checkers=[Silent()], login_grace_time=20, default_connection_timeout=0)
        slow = self.ask(password_request(b"slow", b"x"))
        for _ in range(100):
            client = MemoryClient(self.factory)
            client.log_in("user", "x")
            client.open_subsystem()
            client.disconnect()
        self.assertEqual(slow.disconnected, None)
        self.clock.advance(20)
        slow.pump()
        assert slow.disconnected is not None
        self.assertEqual(slow.disconnected[0], Reason.BY_APPLICATION)
        self.assertEqual(len(self.factory.connections), 0)

    def test_a_thousand_guesses(self) -> None:
        """While one address has a hundred guesses hashed, somebody from elsewhere waits for the next thread only."""
        path = os.path.abspath(self.mktemp())
        hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
        with open(path, "w", encoding="utf-8") as users:
            users.write(f'[alice]\npassword = "{hashed}"\n')
        self.serve(one_time_user=None, users=path, max_startups=1000)
        threads = self.clock.threads
        threads.hold = True
        for _ in range(100):
            self.ask(password_request(b"root", b"guess"))
        honest = MemoryClient(self.factory, host="203.0.113.5")
        honest.connect()
        honest.ask_for_login()
        honest.packet(Message.USERAUTH_REQUEST, password_request(b"alice", b"right"))
        for _ in range(101):
            # What each has to prove is read from the file first.
            threads.finish()
        honest.pump()
        for _ in range(6 * HASHES_AT_ONCE):
            threads.finish()
            honest.pump()
        self.assertIn(Message.USERAUTH_SUCCESS, honest.numbers)


class TimeTests(AbandonedCase):
    """What the time of a refusal says."""

    def test_slow_for_those_that_there_are(self) -> None:
        """Where a handler is slow for users that there are, the refusal of the next stranger takes as long."""
        self.serve()

        @self.server.on(SSHUserAuthRequest)
        def look_up(event: SSHUserAuthRequest) -> Any:
            event.accept = False
            if event.user != "user":
                return None
            done: Deferred[None] = Deferred()
            self.clock.callLater(1.7, done.callback, None)
            return done

        self.assertLess(self.seconds(b"stranger"), 1.3)
        known = self.seconds(b"user")
        for name in (b"stranger", b"another", b"user"):
            self.assertGreater(self.seconds(name), 1.7)
            self.assertLess(abs(self.seconds(name) - known), 0.5 + 0.1)
        self.assertAlmostEqual(self.seconds(b"user"), known, 1)

    def seconds(self, user: bytes) -> float:
        """Return how long a wrong password of a user takes."""
        client = self.ask(password_request(user, b"wrong"))
        begin = self.clock.seconds()
        while Message.USERAUTH_FAILURE not in client.numbers:
            self.clock.advance(0.01)
            client.pump()
        client.disconnect()
        return self.clock.seconds() - begin

    def test_every_kind_of_user(self) -> None:
        """
        One name, whatever the users file says of it: the same answer after the same time, and the same work.

        The name and the server are the same each time, so that nothing else could make a difference.
        """
        path = os.path.abspath(self.mktemp())
        hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
        password = f'password = "{hashed}"\n'
        line = f'keys = ["ssh-ed25519 {_base64(KEY.blob)}"]\n'
        kinds = {
            "unknown": "",
            "wrong password": f"[alice]\n{password}",
            "without a password": f"[alice]\n{line}",
            "expired": f"[alice]\n{password}expires = 2020-01-01\n",
            "disabled": f"[alice]\n{password}disabled = true\n",
            "from elsewhere": f'[alice]\n{password}from = ["192.0.2.77"]\n',
        }
        seen = {}
        for kind, text in kinds.items():
            with open(path, "w", encoding="utf-8") as users:
                users.write(f"[other]\n{password}{text}")
            self.serve(one_time_user=None, users=path)
            self.factory.refusal_delay._key = b"the same"
            ways = password_request(b"alice", b"wrong"), offer(b"alice", Ed25519()), None
            seen[kind] = [self.refusal(way) for way in ways]
        self.assertEqual({kind: each for kind, each in seen.items() if each != seen["unknown"]}, {})

    def refusal(self, payload: bytes | None) -> tuple[float, Any]:
        """Return how long a refusal takes, and what it says; without a payload, that of a wrong answer."""
        client = self.ask(payload or interactive_request(b"alice"))
        if payload is None:
            client.packet(INFO_RESPONSE, answers(b"wrong"))
        begin = self.clock.seconds()
        while Message.USERAUTH_FAILURE not in client.numbers:
            self.clock.advance(0.005)
            client.pump()
        said = client.messages[-1]
        client.disconnect()
        return round(self.clock.seconds() - begin, 3), said

    def test_known_key(self) -> None:
        """A signature of somebody's key under another name is refused as that of nobody's key is."""
        path = os.path.abspath(self.mktemp())
        with open(path, "w", encoding="utf-8") as users:
            users.write(f'[alice]\nkeys = ["ssh-ed25519 {_base64(KEY.blob)}"]\n')
        self.serve(one_time_user=None, users=path)
        seen = set()
        for key in (KEY, Ed25519()):
            client = self.begin()
            client.packet(Message.USERAUTH_REQUEST, proof(b"bob", key, session=client.session_id))
            begin = self.clock.seconds()
            while Message.USERAUTH_FAILURE not in client.numbers:
                self.clock.advance(0.001)
                client.pump()
            seen.add((round(self.clock.seconds() - begin, 4), client.messages[-1]))
        self.assertEqual(len(seen), 1)


class CountedTests(AbandonedCase):
    """What counts as an attempt."""

    def test_partial_success(self) -> None:
        """A partial success is no failure, however often there is one less than allowed after it."""
        self.serve(max_auth_attempts=2)

        @self.server.on(SSHUserAuthRequest)
        def both(event: SSHUserAuthRequest) -> None:
            event.partial_success = event.auth_method == "password" and event.accept is True
            if event.auth_method == "publickey":
                event.accept = False

        client = self.begin()
        for payload in (password_request(b"user", b"wrong"), password_request(b"user", b"password")):
            client.packet(Message.USERAUTH_REQUEST, payload)
            self.clock.advance(30)
            client.pump()
        self.assertEqual([body[-1] for number, body in client.messages if number == Message.USERAUTH_FAILURE], [0, 1])
        self.assertIsNone(client.disconnected)
        client.packet(Message.USERAUTH_REQUEST, proof(b"user", KEY, session=client.session_id))
        self.clock.advance(30)
        client.pump()
        assert client.disconnected is not None
        self.assertIn("Too many", client.disconnected[1])


def _base64(blob: bytes) -> str:
    return b64encode(blob).decode()
