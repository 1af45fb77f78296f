"""
The method publickey: a key, offered or proven.

Also in the form of OpenSSH that binds a proof to our host key, and with a certificate in the place of a key. Verifies
signatures; whose key it is, the checkers say. Sources: RFC 4252, 7; OpenSSH's PROTOCOL, 3.1, and PROTOCOL.certkeys;
RFC 6187.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from twisted.conch.ssh.common import NS
from twisted.cred.credentials import ISSHPrivateKey
from twisted.cred.error import UnauthorizedLogin
from zope.interface.interface import InterfaceClass

from conchsftp.auth.credentials import Credentials, KeyOffer, KeyProof, UntouchedProof
from conchsftp.auth.keys.security_keys import DeviceFlag, lacking
from conchsftp.auth.keys.signatures import BadKey, BadSignature, PublicKey, end, plain_algorithm, slow
from conchsftp.auth.keys.user_certificate import BadCertificate, UserCertificate, described
from conchsftp.auth.keys.x509_certificate import X509UserCertificate
from conchsftp.auth.method import AuthMethod, BadProof, Served
from conchsftp.auth.progress import AuthAttempt
from conchsftp.ssh.algorithms.x509_blobs import X509_FORMS
from conchsftp.ssh.keys.public_blob import fingerprint
from conchsftp.ssh.numbers import Message
from conchsftp.wire.reader import Reader


@dataclass(slots=True, kw_only=True, frozen=True)
class PublicKeyMethod(AuthMethod):
    """
    A key, offered or proven (RFC 4252, 7).

    Attributes:
        host_key: the key of the server that the request is meant for; None if it does not say.
        signed: what the signature covers, apart from the session.
    """

    name = "publickey"
    # Clients offer key after key; nobody can guess one, only the time of looking it up must not show.
    refusal_seconds = 0.025
    names_host: ClassVar[bool] = False

    algorithm: str
    blob: bytes
    host_key: bytes | None = field(default=None, repr=False)
    signature: bytes | None = field(repr=False)
    signed: bytes = field(repr=False)
    _read: list[X509UserCertificate] = field(default_factory=list, repr=False, compare=False)
    """The X.509 certificate, once it has been read: in a thread, because a stranger may have made it."""

    @classmethod
    def proves(cls, settings: Any, served: Served, only: str = "") -> InterfaceClass:
        return ISSHPrivateKey

    @property
    def guesses(self) -> bool:
        # Agents offer every key they have.
        return self.signature is not None

    @property
    def detail(self) -> str:
        bound = " (host-bound)" if self.host_key is not None else ""
        shown = self._read[0].described if self._read else described(self.blob)
        return f" {self.algorithm[:64]!r} {shown}{bound}"

    @property
    def slow(self) -> bool:
        if self.algorithm in X509_FORMS:
            return True
        # An offered certificate, too, holds a signature: that of its CA.
        signed = self.signature is not None or plain_algorithm(self.algorithm) != self.algorithm
        return signed and slow(self.algorithm, self.blob)

    @classmethod
    def parse(cls, reader: Reader, payload: bytes) -> Self:
        proves = reader.boolean()
        algorithm = reader.string().decode("ascii", "backslashreplace")
        blob = reader.string()
        host_key = reader.string() if cls.names_host else None
        signed = bytes((Message.USERAUTH_REQUEST,)) + payload[: reader.at]
        signature = reader.string() if proves else None
        end(reader)
        return cls(algorithm=algorithm, blob=blob, host_key=host_key, signature=signature, signed=signed)

    def verify(self, attempt: AuthAttempt) -> Credentials:
        if plain_algorithm(self.algorithm) not in attempt.algorithms:
            raise UnauthorizedLogin(f"signature algorithm {self.algorithm[:64]!r} is not accepted")
        try:
            return self._credentials(attempt)
        except (BadKey, BadSignature) as problem:
            if self.signature is None:
                raise UnauthorizedLogin(str(problem)) from problem
            raise BadProof(str(problem), self.algorithm) from problem

    def _credentials(self, attempt: AuthAttempt) -> Credentials:
        if self.host_key is not None and self.host_key != attempt.host_key:
            # Whoever is between client and server has a key of its own.
            raise BadSignature(f"the client speaks to a server with the host key {fingerprint(self.host_key)}")
        # A certificate signs nothing itself: signatures are made by the key in it, and name what that signs with.
        certificate = self._certificate(attempt)
        form = X509_FORMS.get(self.algorithm)
        plain = plain_algorithm(self.algorithm) if form is None else form.signs_as
        key = PublicKey(self.blob) if certificate is None else certificate.key
        if not key.fits(plain):
            raise BadKey(f"a key of type {key.type} does not fit {self.algorithm}")
        shown: dict[str, Any] = {
            "attempt": attempt,
            "key": key,
            "algorithm": self.algorithm,
            "certificate": certificate,
        }
        if self.signature is None:
            return KeyOffer(**shown)
        data = NS(attempt.session_id) + self.signed
        if isinstance(certificate, X509UserCertificate):
            return KeyProof(signed=certificate.verify(self.signature, data), **shown)
        signed = key.verify(plain, self.signature, data)
        if certificate is not None and certificate.verify_required and not signed.verified:
            raise BadSignature(lacking(DeviceFlag.VERIFIED))
        proof = KeyProof
        if key.application is not None:
            if missing := attempt.demanded & ~signed.flags:
                raise BadSignature(lacking(missing))
            proof = KeyProof if signed.touched else UntouchedProof
        return proof(signed=signed, **shown)

    def _certificate(self, attempt: AuthAttempt) -> UserCertificate | X509UserCertificate | None:
        """Return the certificate that stands in the place of a key, unless it is worthless; None for a bare key."""
        if self.algorithm in X509_FORMS:
            # Whether it is worth anything depends on files, see `KeyTrust`.
            self._read.append(X509UserCertificate.parse(self.algorithm, self.blob))
            return self._read[0]
        if plain_algorithm(self.algorithm) == self.algorithm:
            return None
        certificate = UserCertificate.parse(self.blob)
        reason = certificate.refusal(ca_algorithms=attempt.ca_algorithms, address=attempt.host, now=attempt.now)
        if reason:
            raise BadCertificate(reason)
        return certificate


class HostBoundMethod(PublicKeyMethod):
    """
    The same for this server alone (OpenSSH's PROTOCOL, 3.1): the request also names the host key of the connection.

    Counts as `publickey` everywhere, and is in no list of methods: a client learns of it by EXT_INFO.
    """

    __slots__ = ()
    names_host = True
    request_name = "publickey-hostbound-v00@openssh.com"
