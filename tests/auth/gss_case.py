"""What the tests of logins by GSSAPI share: a server in a realm, requests, and a checker of principals."""

from typing import Any

from twisted.conch.ssh.common import NS
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from conchsftp.auth.credentials import IGSSAPICredentials
from conchsftp.auth.sources.kerberos import foreign
from conchsftp.events import SSHUserAuthRequest
from tests.auth.support import FAILURE, REQUEST, SESSION, Transport, request
from tests.gss import KERBEROS, Initiator, Realm
from tests.ssh.clients import strings

MIC_METHOD, KEYEX = b"gssapi-with-mic", b"gssapi-keyex"
SPNEGO = bytes.fromhex("06062b0601050502")
RESPONSE, TOKEN, COMPLETE, ERROR, ERRTOK, MIC = 60, 61, 63, 64, 65, 66


def mechanisms(*identifiers: bytes) -> bytes:
    """The rest of a request for gssapi-with-mic."""
    return len(identifiers).to_bytes(4, "big") + b"".join(map(NS, identifiers))


def ticket_request(user: bytes = b"alice", *identifiers: bytes) -> bytes:
    return request(user, MIC_METHOD, mechanisms(*(identifiers or (KERBEROS,))))


def signed(user: bytes, method: bytes = MIC_METHOD, session: bytes = SESSION) -> bytes:
    """What a MIC covers."""
    return NS(session) + bytes((REQUEST,)) + request(user, method)


@implementer(ICredentialsChecker)
class Checker:
    """Lets in who has a principal; notes what it is asked."""

    credentialInterfaces = (IGSSAPICredentials,)

    def __init__(self, principals: "frozenset[str] | None" = None) -> None:
        self.principals = principals
        self.asked: list[Any] = []

    def requestAvatarId(self, credentials: Any) -> Any:
        self.asked.append(credentials)
        if reason := foreign(credentials, credentials.user_name, self.principals):
            raise UnauthorizedLogin(reason)
        return credentials.username


class GSSCase(SynchronousTestCase):
    """A server in a realm."""

    def setUp(self) -> None:
        self.realm = Realm()
        self.checker = Checker()

    def serve(
        self, *checkers: Any, methods: "tuple[str, ...]" = ("gssapi-with-mic", "gssapi-keyex"), **more: Any
    ) -> Any:
        """Make the transport."""
        self.transport = Transport(*(checkers or (self.checker,)), default_auth_methods=methods, **more)
        self.transport.factory.gss.make = self.realm.credentials
        return self.transport

    def exchanged(self, principal: str = "alice@EXAMPLE.COM", **options: Any) -> Initiator:
        """Let the first keys have been exchanged with a ticket; return the client's half."""
        client = self.realm.client(principal, **options)
        context = self.realm.context()
        context.step(client.first)
        self.transport.gss_context = context
        return client

    def begin(self, user: bytes = b"alice", principal: str = "alice@EXAMPLE.COM", **options: Any) -> Initiator:
        """Ask for the method, and show a ticket."""
        self.assertEqual(self.transport.ask(ticket_request(user)), [(RESPONSE, NS(KERBEROS))])
        client = self.realm.client(principal, **options)
        ((number, payload),) = self.transport.ask(NS(client.first), number=TOKEN)
        self.assertEqual(number, TOKEN)
        client.take(strings(payload)[0])
        return client

    def mic(self, client: Initiator, user: bytes = b"alice", **options: Any) -> "list[tuple[int, bytes]]":
        """Send a MIC; return what is answered."""
        return self.transport.ask(NS(client.mic(signed(user, **options))), number=MIC)

    def keyex(self, client: Initiator, user: bytes = b"alice", **options: Any) -> "list[tuple[int, bytes]]":
        """Make a request for gssapi-keyex."""
        mic = client.mic(signed(user, KEYEX, **options))
        return self.transport.ask(request(user, KEYEX, NS(mic)))

    def assert_refused(self, answers: "list[tuple[int, bytes]]") -> None:
        """Fail unless the last answer is a refusal, and nobody is logged in."""
        self.assertEqual(answers[-1][0], FAILURE, answers)
        self.assertEqual(self.transport.logins, [])


def accepting(transport: Any, say: Any) -> "list[Any]":
    """Have a handler called; return the events that it was told of."""
    told: list[Any] = []

    def handle(event: SSHUserAuthRequest) -> Any:
        told.append(event)
        return say(event)

    transport.events.on(SSHUserAuthRequest, handle)
    return told
