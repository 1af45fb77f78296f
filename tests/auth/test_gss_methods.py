"""Tests of gssapi-with-mic, with a mechanism of our own; interop/check_gssapi.py asks a real KDC."""

from typing import Any

from twisted.conch.ssh.common import NS

from conchsftp.auth.gss_methods import TicketMessage
from conchsftp.errors import ProtocolViolation
from conchsftp.gss import GSSFailure
from conchsftp.ssh.gss import Acceptor
from conchsftp.ssh.kex.gss import MOST_ROUNDS
from tests.auth.gss_case import (
    COMPLETE,
    ERROR,
    ERRTOK,
    KEYEX,
    MIC,
    MIC_METHOD,
    RESPONSE,
    SPNEGO,
    TOKEN,
    GSSCase,
    accepting,
    mechanisms,
    signed,
    ticket_request,
)
from tests.auth.support import FAILURE, SUCCESS, SlowWorkers, request
from tests.gss import INTEGRITY, KERBEROS, MUTUAL, Realm
from tests.ssh.clients import strings


class TicketTests(GSSCase):
    """gssapi-with-mic."""

    def test_login(self) -> None:
        """A ticket and a MIC over this session and this request let its principal in (RFC 4462, 3)."""
        self.serve()
        self.assertEqual(self.mic(self.begin()), [(SUCCESS, b"")])
        (asked,) = self.checker.asked
        self.assertEqual(
            (asked.principal, asked.realm, asked.token), ("alice@EXAMPLE.COM", "EXAMPLE.COM", asked.principal)
        )
        self.assertEqual(asked.facts, frozenset((("principal", "alice@EXAMPLE.COM"),)))

    def test_rounds(self) -> None:
        """A mechanism may need several tokens, up to a limit."""
        for rounds, good in ((MOST_ROUNDS, True), (MOST_ROUNDS + 1, False)):
            self.realm.rounds = rounds
            self.serve()
            self.transport.ask(ticket_request())
            client = self.realm.client()
            token = client.first
            for _ in range(min(rounds, MOST_ROUNDS)):
                ((_, payload), *more) = self.transport.ask(NS(token), number=TOKEN)
                token = client.take(strings(payload)[0])
            if good:
                self.assertEqual(self.mic(client), [(SUCCESS, b"")])
            else:
                self.assert_refused(more)

    def test_wrong_mic(self) -> None:
        """A MIC of another session, user, method, or of nothing, is worth nothing."""
        other = {"session": bytes(32)}, {"user": b"bob"}, {"method": KEYEX}
        for options in other:
            self.serve()
            client = self.begin()
            user = options.pop("user", b"alice")
            mic = client.mic(signed(user, **options))  # type: ignore[arg-type]
            self.assert_refused(self.transport.ask(NS(mic), number=MIC))
        for mic in (b"", self.realm.client().mic(signed(b"alice"))):
            self.serve()
            self.begin()
            self.assert_refused(self.transport.ask(NS(mic), number=MIC))
        self.assertEqual(self.checker.asked, [])

    def test_other_user(self) -> None:
        """A good ticket is not one for another user, and handlers are told whose it is."""
        self.serve()
        events = accepting(self.transport, lambda event: None)
        self.assert_refused(self.mic(self.begin(b"bob"), b"bob"))
        last = events[-1]
        self.assertEqual(
            (last.auth_method, last.auth_param, last.user), ("gssapi-with-mic", "alice@EXAMPLE.COM", "bob")
        )

    def test_mechanisms(self) -> None:
        """The server chooses Kerberos wherever it stands; other mechanisms are refused, and are no guess."""
        self.serve()
        self.assert_refused(self.transport.ask(ticket_request(b"alice", SPNEGO)))
        self.assert_refused(self.transport.ask(request(b"alice", MIC_METHOD, mechanisms())))
        self.assertEqual(self.transport.offences, [])
        answers = self.transport.ask(ticket_request(b"alice", SPNEGO, KERBEROS))
        self.assertEqual(answers, [(RESPONSE, NS(KERBEROS))])

    def test_many_mechanisms(self) -> None:
        """Lists longer than anybody needs, and requests that are not whole, end the connection."""
        for rest in (mechanisms(*(KERBEROS,) * 65), mechanisms(KERBEROS)[:-1], mechanisms(KERBEROS) + b"x", b""):
            self.serve()
            self.assertRaises(ProtocolViolation, self.transport.receive, request(b"alice", MIC_METHOD, rest))

    def test_forged(self) -> None:
        """A ticket of another realm's key: the client is told that, and nothing of this machine."""
        self.serve()
        self.transport.ask(ticket_request())
        answers = self.transport.ask(NS(Realm().client().first), number=TOKEN)
        self.assertEqual([number for number, _ in answers], [ERROR, FAILURE])
        self.assertNotIn(b"/etc", b"".join(payload for _, payload in answers))

    def test_error_token(self) -> None:
        """What the library has for its peer is sent (RFC 4462, 3.9)."""
        self.serve()
        self.transport.ask(ticket_request())
        answers = self.transport.ask(NS(b"nonsense"), number=TOKEN)
        self.assertEqual([number for number, _ in answers], [ERROR, ERRTOK, FAILURE])
        self.assertEqual(answers[1][1], NS(b"error token"))

    def test_client_gives_up(self) -> None:
        """A client may say that its half has failed; nothing comes of it, whatever the token is."""
        for token in (b"nonsense", self.realm.client().first):
            self.serve()
            self.transport.ask(ticket_request())
            answers = self.transport.ask(NS(token), number=ERRTOK)
            self.assertEqual([number for number, _ in answers], [FAILURE])

    def test_without_mic(self) -> None:
        """A ticket without a MIC is bound to nothing: whoever is in between could have passed it on."""
        self.serve()
        for flags in (MUTUAL | INTEGRITY, MUTUAL):
            self.begin(flags=flags)
            self.assert_refused(self.transport.ask(b"", number=COMPLETE))

    def test_without_integrity(self) -> None:
        """A MIC of a context that makes none counts for nothing."""
        self.serve()
        self.assert_refused(self.mic(self.begin(flags=MUTUAL)))

    def test_one_sided(self) -> None:
        """Who needs no token of ours sends the MIC at once, even while the ticket is being looked at."""
        self.serve()
        slow = SlowWorkers()
        self.transport.factory.gss = Acceptor(self.transport.server_settings, slow, self.realm.credentials)  # type: ignore[arg-type]
        self.transport.ask(ticket_request())
        client = self.realm.client(flags=INTEGRITY)
        self.transport.receive(NS(client.first), TOKEN)
        self.transport.receive(NS(client.mic(signed(b"alice"))), MIC)
        self.assertEqual(self.transport.unimplemented, 0)
        self.transport.receive(NS(b"another"), MIC)
        self.assertEqual(self.transport.unimplemented, 1)
        slow.finish()
        self.assertEqual(self.transport.sent[-1], (SUCCESS, b""))

    def test_order(self) -> None:
        """What is not the next message is answered UNIMPLEMENTED, and changes nothing."""
        self.serve()
        for number in TicketMessage:
            self.transport.receive(b"", number)
        self.assertEqual(self.transport.unimplemented, len(TicketMessage))
        self.transport.ask(ticket_request())
        for number in (RESPONSE, COMPLETE, ERROR, MIC):
            self.transport.receive(NS(b"x"), number)
        self.assertEqual(self.transport.unimplemented, len(TicketMessage) + 4)
        client = self.realm.client()
        self.transport.ask(NS(client.first), number=TOKEN)
        self.transport.receive(NS(b"x"), TOKEN)
        self.assertEqual(self.transport.unimplemented, len(TicketMessage) + 5)
        self.assertEqual(self.mic(client), [(SUCCESS, b"")])

    def test_malformed(self) -> None:
        """A token or a MIC that is not whole ends the connection."""
        for payload in (b"", NS(b"token")[:-1], NS(b"token") + b"x"):
            self.serve()
            self.transport.ask(ticket_request())
            self.transport.receive(payload, TOKEN)
            self.assertEqual(len(self.transport.disconnected), 1, payload)
            self.serve()
            self.begin()
            self.transport.receive(payload, MIC)
            self.assertEqual(len(self.transport.disconnected), 1, payload)

    def test_next_request(self) -> None:
        """Another request ends the attempt without an answer, and without a penalty (RFC 4252, 5.1)."""
        self.serve(self.checker, methods=("gssapi-with-mic", "password"))
        self.transport.ask(ticket_request())
        self.assertEqual([number for number, _ in self.transport.ask(ticket_request())], [RESPONSE])
        client = self.realm.client()
        self.transport.ask(NS(client.first), number=TOKEN)
        self.assertEqual([number for number, _ in self.transport.ask(ticket_request())], [RESPONSE])
        self.assertEqual(self.transport.offences, [])

    def test_gone(self) -> None:
        """A client that goes while its ticket is looked at leaves nothing behind."""
        self.serve()
        slow = SlowWorkers()
        self.transport.factory.gss = Acceptor(self.transport.server_settings, slow, self.realm.credentials)  # type: ignore[arg-type]
        self.transport.ask(ticket_request())
        self.transport.receive(NS(self.realm.client().first), TOKEN)
        self.transport.service.serviceStopped()
        before = len(self.transport.sent)
        slow.finish()
        self.assertEqual(len(self.transport.sent), before)

    def test_without_credentials(self) -> None:
        """A server without a keytab does not offer the method."""

        def none(acceptor: str, keytab: str) -> Any:
            raise GSSFailure("no keytab")

        self.serve(self.checker, methods=("gssapi-with-mic", "password"))
        self.transport.factory.gss.make = none
        accepting(self.transport, lambda event: None)
        answers = self.transport.ask(ticket_request())
        self.assertEqual(answers, [(FAILURE, NS(b"password,keyboard-interactive") + b"\0")])
