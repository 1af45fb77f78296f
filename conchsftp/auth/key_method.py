"""
The method publickey: a key, offered or proven.

Verifies signatures; whose key it is, the checkers say. Source: RFC 4252, 7.
"""

from dataclasses import dataclass, field
from typing import Any, Self

from twisted.conch.ssh.common import NS
from twisted.cred.credentials import ISSHPrivateKey
from twisted.cred.error import UnauthorizedLogin
from zope.interface.interface import InterfaceClass

from conchsftp.auth.credentials import Credentials, KeyOffer, KeyProof
from conchsftp.auth.method import AuthMethod, BadProof, Served
from conchsftp.auth.progress import AuthAttempt
from conchsftp.auth.signatures import BadKey, BadSignature, PublicKey, end, fingerprint
from conchsftp.ssh.numbers import Message
from conchsftp.wire.reader import Reader


@dataclass(slots=True, kw_only=True, frozen=True)
class PublicKeyMethod(AuthMethod):
    """A key, offered or proven (RFC 4252, 7)."""

    name = "publickey"
    # Clients offer key after key; nobody can guess one, only the time of looking it up must not show.
    refusal_seconds = 0.025

    algorithm: str
    blob: bytes
    signature: bytes | None = field(repr=False)
    signed: bytes = field(repr=False)

    @classmethod
    def proves(cls, settings: Any, served: Served) -> InterfaceClass:
        return ISSHPrivateKey

    @property
    def detail(self) -> str:
        return f" {self.algorithm[:64]!r} {fingerprint(self.blob)}"

    @classmethod
    def parse(cls, reader: Reader, payload: bytes) -> Self:
        proves = reader.boolean()
        algorithm = reader.string().decode("ascii", "backslashreplace")
        blob = reader.string()
        signed = bytes((Message.USERAUTH_REQUEST,)) + payload[: reader.at]
        signature = reader.string() if proves else None
        end(reader)
        return cls(algorithm=algorithm, blob=blob, signature=signature, signed=signed)

    def verify(self, attempt: AuthAttempt) -> Credentials:
        if self.algorithm not in attempt.algorithms:
            raise UnauthorizedLogin(f"signature algorithm {self.algorithm[:64]!r} is not accepted")
        try:
            key = PublicKey(self.blob)
            if not key.fits(self.algorithm):
                raise BadKey(f"a key of type {key.type} does not fit {self.algorithm}")
            if self.signature is None:
                return KeyOffer(attempt=attempt, key=key, algorithm=self.algorithm)
            signed = key.verify(self.algorithm, self.signature, NS(attempt.session_id) + self.signed)
        except (BadKey, BadSignature) as problem:
            if self.signature is None:
                raise UnauthorizedLogin(str(problem)) from problem
            raise BadProof(str(problem), self.algorithm) from problem
        return KeyProof(attempt=attempt, key=key, algorithm=self.algorithm, signed=signed)
