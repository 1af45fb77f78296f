"""
Key exchange methods, server side: from the client's public value to ours and the shared secret.

What is hashed and signed is in `conchsftp.ssh.key_exchange`. Sources: RFC 4253 section 8, RFC 8268 (fixed groups),
RFC 4419 (group exchange), RFC 5656 section 4 (nistp curves), RFC 8731 (curve25519), draft-ietf-sshm-mlkem-hybrid-kex
(ML-KEM).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import ClassVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from conchsftp.errors import ProtocolViolation
from conchsftp.gss import Context
from conchsftp.ssh.kex.groups import SMALLEST_BITS, WEAKEST_BITS, Group, Groups, fixed_group
from conchsftp.ssh.numbers import Reason
from conchsftp.wire.kinds import BYTES, MPINT, Kind
from conchsftp.wire.reader import Reader, T

# What the old request of group exchange, which names one size only, stands for (RFC 4419, 5).
_OLD_LEAST, _OLD_MOST = 1024, 8192
_X25519_BYTES = 32
_MLKEM768_BYTES = 1184


class KexMessage(IntEnum):
    """Messages of the methods; each method has its own meaning for them."""

    INIT = 30
    REPLY = 31
    GEX_REQUEST_OLD = 30
    GEX_GROUP = 31
    GEX_INIT = 32
    GEX_REPLY = 33
    GEX_REQUEST = 34


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """
    What a method arrived at.

    Attributes:
        ours: our public value, encoded as in the reply.
        hashed: the method's fields of the exchange hash, encoded, without the secret at their end.
        secret: encoded as in the exchange hash.
    """

    ours: bytes
    hashed: bytes
    secret: bytes


class Method:
    """
    What differs between the methods.

    Args:
        groups: what group exchange chooses from; others do without.
    """

    expects: frozenset[int] = frozenset({KexMessage.INIT})
    """The messages that may come next."""
    reply: ClassVar[int] = KexMessage.REPLY
    """The message that carries our host key, public value and signature."""
    context: Context | None = None
    """What proves the result instead of a host key, where the method is one of GSSAPI."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    def take(self, number: int, payload: bytes) -> Agreed | tuple[int, bytes]:
        """Take a message that is expected; return the result, or the message to answer on the way to it."""
        raise NotImplementedError

    def conclude(
        self, agreed: Agreed, host_key: bytes, sign: Callable[[bytes], bytes], exchange_hash: bytes
    ) -> tuple[int, bytes]:
        """
        Return our last message.

        Args:
            agreed: the result.
            host_key: the public part of our key, as it is sent.
            sign: makes its signature.
            exchange_hash: what has to be proved.
        """
        return self.reply, BYTES.pack(host_key) + agreed.ours + BYTES.pack(sign(exchange_hash))


class NISTCurve(Method):
    """ECDH on one of NIST's curves (RFC 5656, 4)."""

    def __init__(self, curve: ec.EllipticCurve, groups: Groups) -> None:
        super().__init__(groups)
        self._curve = curve

    def take(self, number: int, payload: bytes) -> Agreed:
        theirs = _only(BYTES, payload)
        # Uncompressed points only: the library would take others too. No form of the point at infinity is this long.
        size = 1 + 2 * ((self._curve.key_size + 7) // 8)
        if len(theirs) != size or theirs[0] != 4:
            raise _refused(f"{len(theirs)} bytes for an uncompressed point of {size}")
        try:
            point = ec.EllipticCurvePublicKey.from_encoded_point(self._curve, theirs)
        except ValueError:
            raise _refused("the point is not on the curve") from None
        private = ec.generate_private_key(self._curve)
        secret = private.exchange(ec.ECDH(), point)
        ours = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return _agreed(theirs, ours, MPINT.pack(int.from_bytes(secret, "big")))


class Curve25519(Method):
    """X25519 (RFC 8731)."""

    def take(self, number: int, payload: bytes) -> Agreed:
        theirs = _only(BYTES, payload)
        ours, secret = _x25519(theirs)
        # The bytes are read in network byte order, not in the little-endian order of the curve (RFC 8731, 3.1).
        return _agreed(theirs, ours, MPINT.pack(int.from_bytes(secret, "big")))


class MLKEM768Curve25519(Method):
    """ML-KEM-768 and X25519 together: as safe as the stronger of the two."""

    def take(self, number: int, payload: bytes) -> Agreed:
        theirs = _only(BYTES, payload)
        if len(theirs) != _MLKEM768_BYTES + _X25519_BYTES:
            raise _refused(f"{len(theirs)} bytes, {_MLKEM768_BYTES + _X25519_BYTES} needed for both public keys")
        try:
            secret, ciphertext = MLKEM768PublicKey.from_public_bytes(theirs[:_MLKEM768_BYTES]).encapsulate()
        except ValueError:
            raise _refused("not a public key of ML-KEM-768") from None
        ours, classical = _x25519(theirs[_MLKEM768_BYTES:])
        # Unlike the other secrets a string, of fixed length.
        return _agreed(theirs, ciphertext + ours, BYTES.pack(sha256(secret + classical).digest()))


class FixedDiffieHellman(Method):
    """Diffie-Hellman in a fixed group, by its number (RFC 4253, 8; RFC 8268)."""

    def __init__(self, number: int, groups: Groups) -> None:
        super().__init__(groups)
        self._number = number

    def take(self, number: int, payload: bytes) -> Agreed:
        return _diffie_hellman(fixed_group(self._number), payload, b"")


class GroupExchange(Method):
    """Diffie-Hellman in a group that we choose by the sizes the client asks for (RFC 4419)."""

    expects = frozenset({KexMessage.GEX_REQUEST, KexMessage.GEX_REQUEST_OLD})
    reply = KexMessage.GEX_REPLY
    smallest = SMALLEST_BITS
    """The size of the group that a client gets which takes nothing larger."""

    _group: Group
    _sizes: bytes

    def take(self, number: int, payload: bytes) -> Agreed | tuple[int, bytes]:
        if number == KexMessage.GEX_INIT:
            parameters = MPINT.pack(self._group.prime) + MPINT.pack(self._group.generator)
            return _diffie_hellman(self._group, payload, self._sizes + parameters)
        fields = Reader(payload)
        least, wanted, most = _OLD_LEAST, fields.u32(), _OLD_MOST
        if number == KexMessage.GEX_REQUEST:
            least, wanted, most = wanted, fields.u32(), fields.u32()
        _end(fields)
        self._group = self._groups.choose(least, wanted, most, smallest=self.smallest)
        # The hash covers the sizes as they were sent: three of them, or one.
        self._sizes = payload
        self.expects = frozenset({KexMessage.GEX_INIT})
        return KexMessage.GEX_GROUP, MPINT.pack(self._group.prime) + MPINT.pack(self._group.generator)


class WeakGroupExchange(GroupExchange):
    """The same, also for clients that take only groups too small to be safe: for who names it."""

    smallest = WEAKEST_BITS


def needs_mlkem() -> str | None:
    """Return None if this machine's cryptography can do ML-KEM, else the reason why not."""
    try:
        MLKEM768PrivateKey.generate()
    except UnsupportedAlgorithm:
        return "needs a cryptography built with OpenSSL 3.5 or later"
    return None


def _x25519(theirs: bytes) -> tuple[bytes, bytes]:
    """Return our public value and the shared secret."""
    if len(theirs) != _X25519_BYTES:
        raise _refused(f"{len(theirs)} bytes, {_X25519_BYTES} needed for an X25519 public key")
    private = X25519PrivateKey.generate()
    try:
        # A secret of zero, which RFC 8731, 3 has us refuse, is the one error here.
        secret = private.exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError:
        raise _refused("the X25519 public key leads to a secret of zero") from None
    return private.public_key().public_bytes_raw(), secret


def _diffie_hellman(group: Group, payload: bytes, before: bytes) -> Agreed:
    theirs = _only(MPINT, payload)
    value, secret = group.agree(theirs)
    ours = MPINT.pack(value)
    return Agreed(ours=ours, hashed=before + MPINT.pack(theirs) + ours, secret=MPINT.pack(secret))


def _agreed(theirs: bytes, ours: bytes, secret: bytes) -> Agreed:
    encoded = BYTES.pack(ours)
    return Agreed(ours=encoded, hashed=BYTES.pack(theirs) + encoded, secret=secret)


def _only(kind: Kind[T], payload: bytes) -> T:
    """Return the one value that a message holds."""
    fields = Reader(payload)
    value = fields.read(kind)
    _end(fields)
    return value


def _end(fields: Reader) -> None:
    if fields.remaining:
        raise _refused(f"{fields.remaining} bytes after the last field")


def _refused(text: str) -> ProtocolViolation:
    return ProtocolViolation(Reason.KEY_EXCHANGE_FAILED, f"key exchange: {text}")
