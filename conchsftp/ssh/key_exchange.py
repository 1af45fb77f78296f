"""
One key exchange, server side: from the client's messages to the exchange hash, our signature and the keys.

Takes and returns messages; does not send, negotiate or switch keys, and leaves the arithmetic to the methods in
`conchsftp.ssh.kex`. Source: RFC 4253 sections 7.2 and 8.
"""

from collections.abc import Callable
from dataclasses import dataclass

from conchsftp.errors import ProtocolViolation
from conchsftp.gss import Context
from conchsftp.ssh.algorithms.registry import KeyExchangeRow
from conchsftp.ssh.kex.groups import Groups
from conchsftp.ssh.kex.gss import GSSMethod
from conchsftp.ssh.kex.methods import Agreed
from conchsftp.ssh.keys.host_keys import HostKey
from conchsftp.ssh.numbers import Reason
from conchsftp.wire.kinds import BYTES


@dataclass(frozen=True, slots=True)
class Transcript:
    """
    What both sides said before the exchange, and sign with it.

    Attributes:
        client_version, server_version: the identification lines without CR LF.
        client_kexinit, server_kexinit: the payloads of both KEXINITs, with the message number.
    """

    client_version: bytes
    server_version: bytes
    client_kexinit: bytes
    server_kexinit: bytes


class KeyExchange:
    """
    One key exchange.

    Args:
        row: the negotiated method.
        transcript: what was said before.
        host_key: what proves who we are; None where a context does.
        host_key_algorithm: the negotiated algorithm that it signs with.
        groups: what group exchange chooses from.
        accept: makes the context of a method of GSSAPI.
    """

    def __init__(
        self,
        row: KeyExchangeRow,
        transcript: Transcript,
        host_key: HostKey | None,
        host_key_algorithm: str,
        groups: Groups | None = None,
        accept: Callable[[], Context] | None = None,
    ) -> None:
        self.heavy = row.heavy or host_key is not None and host_key.slow
        """Whether `receive` may compute for more than about five milliseconds."""
        self.finished = False
        """Whether our last message was returned: NEWKEYS comes next, from both sides."""
        self.hash = row.hash
        self.secret = b""
        """The shared secret, encoded as in the exchange hash; empty until finished."""
        self.exchange_hash = b""
        """What was signed; of the first exchange, the session id."""
        method = row.build(groups if groups is not None else Groups())
        if row.gss:
            assert accept is not None
            method = GSSMethod(method, accept)
        self._method = method
        self._transcript = transcript
        self._host_key = host_key
        self._algorithm = host_key_algorithm

    @property
    def context(self) -> Context | None:
        """What has proved who we are, and knows who the client is; None where a host key has."""
        return self._method.context

    def receive(self, number: int, payload: bytes) -> list[tuple[int, bytes]]:
        """
        Take a message of the exchange.

        Args:
            number: 30 to 49.
            payload: what follows the number.
        Returns:
            The messages to send, as (number, what follows the number).
        Raises:
            ProtocolViolation: it is not the message that comes next, or holds what no honest client sends.
        """
        if self.finished or number not in self._method.expects:
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, f"message {number} may not come now in this key exchange")
        taken = self._method.take(number, payload)
        return [self._finish(taken) if isinstance(taken, Agreed) else taken]

    def derive(self, letter: bytes, length: int, session_id: bytes) -> bytes:
        """
        Return the key or initial vector that a letter, A to F, stands for.

        Args:
            length: in bytes; any.
            session_id: the exchange hash of the connection's first exchange.
        Source: RFC 4253, section 7.2.
        """
        common = self.secret + self.exchange_hash
        key = b""
        while len(key) < length:
            key += self.hash(common + (key or letter + session_id)).digest()
        return key[:length]

    def _finish(self, agreed: Agreed) -> tuple[int, bytes]:
        said = self._transcript
        # Of a key that is not sent an empty string is hashed (RFC 4462, 2.1).
        host_key = self._host_key.blob_for(self._algorithm) if self._host_key is not None else b""
        lines = (said.client_version, said.server_version, said.client_kexinit, said.server_kexinit)
        covered = b"".join(map(BYTES.pack, (*lines, host_key))) + agreed.hashed + agreed.secret
        self.exchange_hash = self.hash(covered).digest()
        self.secret = agreed.secret
        reply = self._method.conclude(agreed, host_key, self._sign, self.exchange_hash)
        self.finished = True
        return reply

    def _sign(self, data: bytes) -> bytes:
        assert self._host_key is not None
        return self._host_key.sign(self._algorithm, data)
