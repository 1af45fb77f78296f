"""
The methods of GSSAPI: a ticket, shown here or already in the key exchange.

A context says who the client is; a MIC of it says that the client means this login, on this connection. Whose principal
it is, the checkers say. Source: RFC 4462, 3 and 4.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Self

from twisted.conch.ssh.common import NS
from twisted.cred.error import UnauthorizedLogin
from zope.interface.interface import InterfaceClass

from conchsftp.auth.credentials import Credentials, GSSPrincipal, IGSSAPICredentials
from conchsftp.auth.dialogue import Conversation
from conchsftp.auth.keys.signatures import end
from conchsftp.auth.messages import Messages
from conchsftp.auth.method import AuthMethod, Served
from conchsftp.auth.progress import AuthAttempt
from conchsftp.gss import KERBEROS, Context, GSSFailure
from conchsftp.ssh.kex.gss import MOST_ROUNDS
from conchsftp.ssh.numbers import Message
from conchsftp.wire.kinds import U32, Malformed
from conchsftp.wire.reader import Reader

# There are three or four in the world.
_MOST_MECHANISMS = 64
# A principal is looked up, and nobody can guess a ticket: only the time of it must not show.
_REFUSAL_SECONDS = 0.025


class TicketMessage(IntEnum):
    """The messages of gssapi-with-mic (RFC 4462, 5)."""

    RESPONSE = 60
    TOKEN = 61
    EXCHANGE_COMPLETE = 63
    ERROR = 64
    ERRTOK = 65
    MIC = 66


@dataclass(slots=True, kw_only=True, frozen=True)
class TicketMethod(AuthMethod):
    """
    A ticket, and a MIC (RFC 4462, 3).

    Attributes:
        mechanisms: the client's, as object identifiers in DER, in its order.
        signed: what the MIC covers, apart from the session.
    """

    name = "gssapi-with-mic"
    refusal_seconds = _REFUSAL_SECONDS
    # Who needs no token of ours has nothing to wait for behind its own.
    early = frozenset({TicketMessage.MIC, TicketMessage.EXCHANGE_COMPLETE})

    mechanisms: tuple[bytes, ...]
    signed: bytes = field(repr=False)

    @property
    def guesses(self) -> bool:
        return KERBEROS in self.mechanisms

    @classmethod
    def missing(cls, connection: Any) -> str:
        return str(connection.factory.gss.reason())

    @classmethod
    def proves(cls, settings: Any, served: Served, only: str = "") -> InterfaceClass:
        return IGSSAPICredentials

    @classmethod
    def parse(cls, reader: Reader, payload: bytes) -> Self:
        signed = _signed(reader, payload)
        count = reader.u32()
        if count > _MOST_MECHANISMS:
            raise Malformed(f"{count} mechanisms, at most {_MOST_MECHANISMS} taken")
        request = cls(mechanisms=tuple(reader.string() for _ in range(count)), signed=signed)
        end(reader)
        return request

    async def show(self, attempt: AuthAttempt, kind: InterfaceClass | None, conversation: Conversation) -> Credentials:
        if KERBEROS not in self.mechanisms:
            raise UnauthorizedLogin("none of the client's mechanisms is Kerberos")
        messages = conversation.messages
        messages.send(TicketMessage.RESPONSE, NS(KERBEROS))
        context = await _established(attempt.gss, messages)
        number, payload = await messages.receive(TicketMessage.MIC, TicketMessage.EXCHANGE_COMPLETE)
        if number == TicketMessage.EXCHANGE_COMPLETE:
            # It would be right for a mechanism without MICs (RFC 4462, 3.4). Whoever is between client and server could
            # pass such a ticket on.
            raise UnauthorizedLogin("there is no MIC: nothing binds the ticket to this connection")
        return _credentials(context, attempt, self.signed, _only(payload))

    def verify(self, attempt: AuthAttempt) -> Credentials:
        raise UnauthorizedLogin("the request alone says nothing")


@dataclass(slots=True, kw_only=True, frozen=True)
class ExchangedMethod(AuthMethod):
    """
    A MIC of the context that the first key exchange has made (RFC 4462, 4).

    Attributes:
        mic: what the client sent.
        signed: what it covers, apart from the session.
    """

    name = "gssapi-keyex"
    refusal_seconds = _REFUSAL_SECONDS

    mic: bytes = field(repr=False)
    signed: bytes = field(repr=False)

    @classmethod
    def missing(cls, connection: Any) -> str:
        return "" if connection.gss_context is not None else "keys were not exchanged by GSSAPI"

    @classmethod
    def proves(cls, settings: Any, served: Served, only: str = "") -> InterfaceClass:
        return IGSSAPICredentials

    @classmethod
    def parse(cls, reader: Reader, payload: bytes) -> Self:
        signed = _signed(reader, payload)
        request = cls(mic=reader.string(), signed=signed)
        end(reader)
        return request

    def verify(self, attempt: AuthAttempt) -> Credentials:
        if attempt.gss_context is None:
            raise UnauthorizedLogin("keys were not exchanged by GSSAPI")
        return _credentials(attempt.gss_context, attempt, self.signed, self.mic)


async def _established(gss: Any, messages: Messages) -> Context:
    """Return a context that is complete."""
    try:
        context: Context = gss.context()
    except GSSFailure as failure:
        raise UnauthorizedLogin(f"no ticket can be accepted: {failure}") from None
    for _ in range(MOST_ROUNDS):
        number, payload = await messages.receive(TicketMessage.TOKEN, TicketMessage.ERRTOK)
        try:
            answer = await gss.step(context, _only(payload))
        except GSSFailure as failure:
            if number == TicketMessage.TOKEN:
                _tell(messages, failure)
            raise UnauthorizedLogin(f"the ticket is not accepted: {failure}") from None
        if number == TicketMessage.ERRTOK:
            raise UnauthorizedLogin("the client has given up")
        if answer:
            messages.send(TicketMessage.TOKEN, NS(answer))
        if context.complete:
            return context
    raise UnauthorizedLogin(f"more than {MOST_ROUNDS} tokens")


def _tell(messages: Messages, failure: GSSFailure) -> None:
    """Say that a token is not accepted, as far as that is the client's business (RFC 4462, 3.8 and 3.9)."""
    codes = U32.pack(failure.major & 0xFFFFFFFF) + U32.pack(failure.minor & 0xFFFFFFFF)
    messages.send(TicketMessage.ERROR, codes + NS(b"The token is not accepted") + NS(b""))
    if failure.token:
        messages.send(TicketMessage.ERRTOK, NS(failure.token))


def _credentials(context: Context, attempt: AuthAttempt, signed: bytes, mic: bytes) -> Credentials:
    """Return whom a context vouches for, if a MIC says that they mean this login."""
    if not context.integrity or not context.verify(NS(attempt.session_id) + signed, mic):
        raise UnauthorizedLogin(f"the MIC of {context.principal!r} is wrong")
    return GSSPrincipal(attempt=attempt, principal=context.principal, realm=context.realm)


def _signed(reader: Reader, payload: bytes) -> bytes:
    """Return what a MIC covers of a request; the reader stands behind the name of the method."""
    return bytes((Message.USERAUTH_REQUEST,)) + payload[: reader.at]


def _only(payload: bytes) -> bytes:
    """Return the one string that a message holds."""
    reader = Reader(payload)
    string = reader.string()
    end(reader)
    return string
