"""
Key exchange by GSSAPI, server side: a method whose result a context proves instead of a host key.

The arithmetic is that of the method inside; here are the messages around it, and what has to be true of a context.
Sources: RFC 4462 section 2, RFC 8732.
"""

from collections.abc import Callable
from enum import IntEnum

from conchsftp.errors import ProtocolViolation
from conchsftp.gss import Context, GSSFailure
from conchsftp.ssh.kex.methods import Agreed, KexMessage, Method
from conchsftp.ssh.numbers import Reason
from conchsftp.wire.kinds import BOOL, BYTES, U32
from conchsftp.wire.reader import Reader

MOST_ROUNDS = 8
"""Kerberos needs one token, and three in DCE's style: who sends more will never come to an end."""
MOST_TOKEN_BYTES = 65536
"""A ticket that names every group of a user in a large domain has about as much."""


class GSSMessage(IntEnum):
    """The messages (RFC 4462, 5)."""

    INIT = 30
    CONTINUE = 31
    COMPLETE = 32
    HOSTKEY = 33
    ERROR = 34
    GROUPREQ = 40
    GROUP = 41


class TokenRefused(ProtocolViolation):
    """
    The context cannot be made.

    Args:
        failure: what the library said.
    """

    def __init__(self, failure: GSSFailure) -> None:
        # The library's texts name keytabs and principals of this machine.
        super().__init__(Reason.KEY_EXCHANGE_FAILED, "key exchange: the token of GSSAPI is not accepted")
        self.detail = str(failure)
        """What was wrong, for the log."""
        text = BYTES.pack(b"The token is not accepted") + BYTES.pack(b"")
        error = U32.pack(failure.major & 0xFFFFFFFF) + U32.pack(failure.minor & 0xFFFFFFFF) + text
        token = [(int(GSSMessage.CONTINUE), BYTES.pack(failure.token))] if failure.token else []
        self.farewell: list[tuple[int, bytes]] = [*token, (int(GSSMessage.ERROR), error)]
        """The messages that tell the client, before the connection ends."""


class GSSMethod(Method):
    """
    A method that a context proves (RFC 4462, 2.1).

    Args:
        inside: the same without GSSAPI.
        accept: makes the context; raises GSSFailure.
    """

    def __init__(self, inside: Method, accept: Callable[[], Context]) -> None:
        self._inside = inside
        self._accept = accept
        # The method inside has another number for its request.
        self._asks_for_group = KexMessage.GEX_REQUEST in inside.expects
        self._value = b""
        self._rounds = 0
        self._token = b""
        self.expects = frozenset({GSSMessage.GROUPREQ if self._asks_for_group else GSSMessage.INIT})

    def take(self, number: int, payload: bytes) -> Agreed | tuple[int, bytes]:
        if number == GSSMessage.GROUPREQ:
            group = self._inside.take(KexMessage.GEX_REQUEST, payload)
            assert not isinstance(group, Agreed)
            self.expects = frozenset({GSSMessage.INIT})
            return GSSMessage.GROUP, group[1]
        fields = Reader(payload)
        token = fields.string()
        if number == GSSMessage.INIT:
            # Nothing is computed for strangers: first the tokens.
            self._value = fields.rest()
        elif fields.remaining:
            raise _refused(f"{fields.remaining} bytes after the token")
        return self._step(token)

    def conclude(
        self, agreed: Agreed, host_key: bytes, sign: Callable[[bytes], bytes], exchange_hash: bytes
    ) -> tuple[int, bytes]:
        assert self.context is not None
        try:
            mic = self.context.mic(exchange_hash)
        except GSSFailure as failure:
            raise TokenRefused(failure) from None
        token = BYTES.pack(self._token) if self._token else b""
        return GSSMessage.COMPLETE, agreed.ours + BYTES.pack(mic) + BOOL.pack(bool(self._token)) + token

    def _step(self, token: bytes) -> Agreed | tuple[int, bytes]:
        """Take a token; return what it leads to."""
        self._rounds += 1
        if self._rounds > MOST_ROUNDS:
            raise _refused(f"more than {MOST_ROUNDS} tokens of GSSAPI")
        if len(token) > MOST_TOKEN_BYTES:
            raise _refused(f"a token of {len(token)} bytes, at most {MOST_TOKEN_BYTES} taken")
        try:
            context = self.context = self.context or self._accept()
            self._token = context.step(token)
        except GSSFailure as failure:
            raise TokenRefused(failure) from None
        if not context.complete:
            self.expects = frozenset({GSSMessage.CONTINUE})
            return GSSMessage.CONTINUE, BYTES.pack(self._token)
        # "If the resulting mutual_state flag or integ_avail flag is false, […] the key exchange fails." (RFC 4462, 2.1)
        if not (context.mutual and context.integrity):
            raise _refused("the context of GSSAPI proves one side only, or protects nothing")
        (inside,) = self._inside.expects
        agreed = self._inside.take(inside, self._value)
        assert isinstance(agreed, Agreed)
        return agreed


def _refused(text: str) -> ProtocolViolation:
    return ProtocolViolation(Reason.KEY_EXCHANGE_FAILED, f"key exchange: {text}")
