"""
Logins by event: what handlers are told, and what comes of what they say, or fail to.
"""

from typing import Any

from twisted.conch.ssh.common import NS
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import globalLogPublisher

from conchsftp.errors import SFTPError
from conchsftp.events import SSHUserAuthRequest
from conchsftp.events.waiting import TimeLimitExceeded
from conchsftp.sftp.statuses import Status
from tests.auth.listening import A, B, Case, accept, known
from tests.auth.support import (
    BANNER,
    FAILURE,
    NONE,
    PK_OK,
    RIGHT,
    SUCCESS,
    WRONG,
    Passwords,
    Transport,
    offer,
    password_request,
    proof,
)

EVERYTHING = NS(b"publickey,password,keyboard-interactive")


class HandlerTests(Case):
    """Without any checker: the handler decides."""

    def test_parameters(self) -> None:
        """Every documented parameter is there."""
        self.listen(say=known)
        self.assertEqual(self.numbers(RIGHT), [SUCCESS])
        (event,) = self.told
        self.assertEqual((event.connection_id, event.user, event.service), (7, "alice", "ssh-connection"))
        self.assertEqual((event.auth_method, event.auth_param, event.key_algorithm), ("password", "right", ""))
        self.assertEqual((event.partial_success, event.available_methods, event.home_dir), (False, "", ""))
        self.assertEqual([login[0] for login in self.transport.logins], ["alice"])
        self.assertEqual(self.transport.logins[0][1].name, "alice")

    def test_nobody_decides(self) -> None:
        """None is no."""
        self.listen()
        for payload in (NONE, RIGHT, offer(b"alice", A), proof(b"alice", A)):
            self.assertEqual(self.numbers(payload), [FAILURE])
        self.assertEqual([event.accept for event in self.told], [None] * 4)

    def test_nobody_listens(self) -> None:
        """Nobody listens, and there is no checker: nobody is let in, and no method is offered."""
        transport = Transport()
        for payload in (NONE, RIGHT, proof(b"alice", A)):
            self.assertEqual(transport.ask(payload), [(FAILURE, NS(b"") + b"\0")])

    def test_offered(self) -> None:
        """A handler may accept whatever DefaultAuthMethods names."""
        self.assertEqual(self.listen().ask(NONE), [(FAILURE, EVERYTHING + b"\0")])

    def test_key(self) -> None:
        """A key fires when it is offered, and again when it was proved."""
        transport = self.listen(say=known)
        self.assertEqual(self.numbers(offer(b"alice", A)), [PK_OK])
        self.assertEqual(transport.logins, [])
        self.assertEqual(self.numbers(proof(b"alice", A)), [SUCCESS])
        self.assertEqual(self.seen(), [("publickey", A.blob)] * 2)
        self.assertEqual([event.offered for event in self.told], [True, False])
        self.assertEqual({event.key_algorithm for event in self.told}, {"ssh-ed25519"})

    def test_offer_is_no_proof(self) -> None:
        """A handler that accepts an offer may refuse the proof."""
        self.listen(say=lambda event: setattr(event, "accept", event.offered))
        self.assertEqual(self.numbers(offer(b"alice", A)), [PK_OK])
        self.assertEqual(self.numbers(proof(b"alice", A)), [FAILURE])
        self.assertEqual(self.transport.logins, [])

    def test_offered_and_signed_keys_differ(self) -> None:
        """Offer A, offer B, sign with A: the event of the proof is about A alone (CVE-2024-45337)."""
        self.listen(say=lambda event: setattr(event, "accept", event.offered or event.auth_param == B.blob))
        self.assertEqual(self.numbers(offer(b"alice", A)) + self.numbers(offer(b"alice", B)), [PK_OK, PK_OK])
        self.assertEqual(self.numbers(proof(b"alice", A)), [FAILURE])
        self.assertEqual([event.auth_param for event in self.told], [A.blob, B.blob, A.blob])
        self.assertEqual(self.transport.service.progress.proven, [])

    def test_bad_signature(self) -> None:
        """A wrong signature is refused whatever a handler would say; it is not asked."""
        self.listen(say=accept)
        self.assertEqual(self.numbers(proof(b"alice", A, signer=B)), [FAILURE])
        self.assertEqual(self.told, [])

    def test_password_that_is_not_text(self) -> None:
        """A password that is not UTF-8 equals no text, and does not make a handler fail that compares."""
        self.listen(say=known)
        self.assertEqual(self.numbers(password_request(b"alice", b"\xff")), [FAILURE])
        self.assertEqual(self.numbers(password_request(b"alice", "ä".encode())), [FAILURE])
        self.assertEqual([event.auth_param for event in self.told], ["\udcff", "ä"])

    def test_home(self) -> None:
        """The home of the request that succeeded is handed over; that of an offer, or of a refusal, is not."""

        def say(event: SSHUserAuthRequest) -> None:
            event.accept = event.auth_method == "publickey"
            event.home_dir = f"/{event.auth_method}" if event.offered or not event.accept else ""

        self.listen(say=say)
        for payload in (NONE, WRONG, offer(b"alice", A), proof(b"alice", A)):
            self.transport.ask(payload)
        self.assertEqual((len(self.transport.logins), self.transport.home_dir), (1, ""))
        self.listen(say=lambda event: (accept(event), setattr(event, "home_dir", "/in")))
        self.transport.ask(RIGHT)
        self.assertEqual(self.transport.home_dir, "/in")

    def test_method_not_offered(self) -> None:
        """What DefaultAuthMethods does not name is refused without asking."""
        self.listen(say=accept, default_auth_methods="publickey")
        self.assertEqual(self.transport.ask(RIGHT), [(FAILURE, NS(b"publickey") + b"\0")])
        self.assertEqual(self.told, [])


class NoneTests(Case):
    """The method `none`."""

    def test_needs_to_be_named(self) -> None:
        """Who compares nothing with nothing opens no door: `none` lets in only where DefaultAuthMethods names it."""
        self.listen(say=accept)
        self.assertEqual(self.numbers(NONE), [FAILURE])
        self.listen(say=accept, default_auth_methods="none,password")
        self.assertEqual(self.numbers(NONE), [SUCCESS])

    def test_never_by_itself(self) -> None:
        """Without a handler, nobody gets in by `none`, and it is never offered."""
        transport = Transport(Passwords(lambda: succeed(b"alice")), default_auth_methods="none,password")
        self.assertEqual(transport.ask(NONE), [(FAILURE, NS(b"password,keyboard-interactive") + b"\0")])

    def test_available_methods(self) -> None:
        """What a handler names is what the client is told, and may try."""

        def say(event: SSHUserAuthRequest) -> None:
            event.available_methods = " password , telepathy,none"
            event.accept = True

        self.listen(say=say)
        self.assertEqual(self.transport.ask(NONE), [(FAILURE, NS(b"password") + b"\0")])
        self.assertEqual(self.numbers(proof(b"alice", A)), [FAILURE])
        self.assertEqual(self.seen(), [("none", "")])
        self.assertEqual(self.numbers(RIGHT), [SUCCESS])

    def test_more_than_the_setting(self) -> None:
        """A handler may name a method that DefaultAuthMethods does not."""

        def say(event: SSHUserAuthRequest) -> None:
            event.available_methods = "password"
            known(event)

        self.listen(say=say, default_auth_methods="publickey")
        self.assertEqual(self.numbers(NONE) + self.numbers(RIGHT), [FAILURE, SUCCESS])

    def test_of_another_user(self) -> None:
        """What is available to one user says nothing about another."""

        def say(event: SSHUserAuthRequest) -> None:
            event.available_methods = "password" if event.user == "alice" else ""

        self.listen(say=say)
        self.assertEqual(self.transport.ask(NONE), [(FAILURE, NS(b"password") + b"\0")])
        self.assertEqual(self.transport.ask(offer(b"bob", A)), [(FAILURE, EVERYTHING + b"\0")])

    def test_time(self) -> None:
        """How long a handler looks a user up does not show."""
        times = set()
        for seconds in (0.0, 0.01, 0.02):
            later: Deferred[None] = Deferred()
            transport = self.listen(say=lambda event, later=later: later)
            transport.clock.callLater(seconds, later.callback, None)
            transport.receive(NONE)
            while not transport.sent:
                transport.clock.advance(0.001)
            times.add(round(transport.clock.seconds(), 6))
        self.assertEqual(len(times), 1)


class MistakesTests(Case):
    """Handlers that are broken, late or gone let nobody in."""

    def test_raises(self) -> None:
        """A mistake refuses and is logged once, without the password."""

        def say(event: SSHUserAuthRequest) -> None:
            event.accept = True
            raise KeyError("broken")

        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.listen(say=say)
        self.assertEqual(self.numbers(password_request(b"alice", b"hunter2")), [FAILURE])
        (failure,) = self.flushLoggedErrors(KeyError)
        self.assertNotIn("hunter2", repr(events) + failure.getTraceback() + repr(self.told))

    def test_deliberately(self) -> None:
        """SFTPError is a way to refuse."""

        def say(event: SSHUserAuthRequest) -> None:
            raise SFTPError(Status.PERMISSION_DENIED)

        self.listen(Passwords(), say=say)
        self.assertEqual(self.numbers(RIGHT), [FAILURE])

    def test_no_truth_value(self) -> None:
        """A coroutine that nobody awaited is true, but no yes."""
        for field in ("accept", "partial_success"):
            for wrong in (Deferred(), "False", object(), [True]):
                self.listen(say=lambda event, field=field, wrong=wrong: setattr(event, field, wrong))
                self.assertEqual(self.numbers(RIGHT), [FAILURE])
                self.assertEqual(self.transport.service.progress.proven, [])

    def test_nonsense(self) -> None:
        """What cannot be methods or a path refuses."""
        for field in ("available_methods", "home_dir"):
            self.listen(say=lambda event, field=field: (accept(event), setattr(event, field, 5)))
            self.assertEqual(self.numbers(RIGHT), [FAILURE])
            self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_list_of_methods(self) -> None:
        """A list of methods is as good as a text."""
        self.listen(say=lambda event: setattr(event, "available_methods", ["password"]))
        self.assertEqual(self.transport.ask(NONE), [(FAILURE, NS(b"password") + b"\0")])

    def test_waits(self) -> None:
        """A handler may be a coroutine; what comes meanwhile waits, and is answered in order."""
        waiting: list[Deferred[None]] = []

        async def say(event: SSHUserAuthRequest) -> None:
            waiting.append(Deferred())
            await waiting[-1]
            known(event)

        transport = self.listen(say=say)
        for payload in (WRONG, offer(b"alice", A), RIGHT):
            transport.receive(payload)
        self.assertEqual((len(waiting), transport.sent), (1, []))
        for _ in range(3):
            waiting[-1].callback(None)
            transport.clock.advance(10)
        self.assertEqual([number for number, _ in transport.sent], [FAILURE, PK_OK, SUCCESS])

    def test_never_answers(self) -> None:
        """A handler that takes too long refuses; what it says later has no effect."""
        late: list[SSHUserAuthRequest] = []

        async def say(event: SSHUserAuthRequest) -> None:
            try:
                await Deferred()
            except CancelledError:
                event.accept = True
                late.append(event)

        transport = self.listen(say=say)
        transport.receive(RIGHT)
        transport.clock.advance(29.9)
        self.assertEqual(transport.sent, [])
        transport.clock.pump([0.2, 60.0])
        self.assertEqual(([number for number, _ in transport.sent], len(late)), ([FAILURE], 1))
        self.assertEqual(transport.logins, [])
        self.assertEqual(len(self.flushLoggedErrors(TimeLimitExceeded)), 1)

    def test_lost(self) -> None:
        """A connection that is lost while a handler waits cancels it; nothing is sent, nothing is left."""
        cancelled: list[object] = []
        transport = self.listen(say=lambda event: Deferred(cancelled.append))
        transport.receive(RIGHT)
        transport.service.serviceStopped()
        self.assertEqual((len(cancelled), transport.sent, transport.logins), (1, [], []))
        self.assertEqual(transport.clock.getDelayedCalls(), [])

    def test_attempts(self) -> None:
        """A handler's refusals count as any do."""
        self.listen(max_auth_attempts=2)
        for payload in (NONE, WRONG, WRONG):
            self.transport.ask(payload)
        self.assertEqual([reason for reason, _ in self.transport.disconnected], [2])


class BannerTests(Case):
    def test_later(self) -> None:
        """A banner that is set in a handler goes out before the answer, also when another one went out before."""
        texts = {"none": "first", "password": "second"}

        def say(event: SSHUserAuthRequest) -> None:
            self.transport.server_settings.of(event.connection_id).user_auth_banner = texts[event.auth_method]

        self.listen(say=say)
        self.assertEqual(self.numbers(NONE), [BANNER, FAILURE])
        self.assertEqual(self.numbers(WRONG), [BANNER, FAILURE])
        self.assertEqual(self.numbers(WRONG), [FAILURE])
