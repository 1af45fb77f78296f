"""
Public keys of users, and the check of their signatures.

Knows blobs and algorithms; knows neither users nor requests, and does not decide whose key it is, nor which algorithms
are good enough: `ssh-rsa` and `ssh-dss`, which sign with SHA-1, are for who names them in the settings.
Conch's `Key.verify` is not used: it takes the algorithm from the signature, and trusts the lengths inside it. Sources:
RFC 4253 6.6, RFC 5656 3.1, RFC 8332, RFC 8709; for security keys see `security_keys.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa, utils
from twisted.conch.ssh.common import NS

from conchsftp.auth.keys.security_keys import Assertion, DeviceFlag, assertion, webauthn_assertion
from conchsftp.ssh.algorithms.signatures import CERTIFIED
from conchsftp.wire.kinds import MPINT, Malformed
from conchsftp.wire.reader import Reader

# Below: can be factored. Above: what OpenSSL still takes, so that a stranger cannot buy seconds of our time.
RSA_BITS = range(2048, 16384 + 1)
# A check takes time with each bit of the public exponent; nobody uses a long one.
RSA_EXPONENT_BITS = 64
# The only size of `ssh-dss`: "the hash function is SHA-1" (RFC 4253, 6.6), and its 160 bits go with 1024.
DSA_BITS = 1024, 160
# RSA keys of 4096 bits are below it. A larger blob, also that of most certificates, takes longer to check.
_QUICK_BLOB = 600
# Types of keys that are nothing but numbers, and how many of them.
_NUMBERS = {b"ssh-rsa": 2, b"ssh-dss": 4}


class BadKey(Exception):
    """A key blob that is no key, or a key that is too weak; the text is for the log."""


class BadSignature(Exception):
    """A signature that does not prove what it should; the text is for the log."""


@dataclass(slots=True, kw_only=True, frozen=True)
class Signed:
    """
    What a signature was found to cover.

    Attributes:
        signature: the signature as any other checker can read it.
        message: the bytes that it signs: the data itself, or what a security key makes of it.
        flags: what a security key says of touch and verification, bits of `DeviceFlag`; 0 for other keys. Nobody has
            looked at them yet.
    """

    signature: bytes
    message: bytes
    flags: int = 0

    @property
    def touched(self) -> bool:
        """Whether a security key says that somebody touched it."""
        return bool(self.flags & DeviceFlag.TOUCHED)

    @property
    def verified(self) -> bool:
        """Whether a security key says that it knows who did, by a PIN or a finger."""
        return bool(self.flags & DeviceFlag.VERIFIED)


class _Verifier(Protocol):
    def verify(self, algorithm: str, value: bytes, message: bytes) -> bytes:
        """Check the value inside a signature and return it in its full length."""


@dataclass(slots=True, kw_only=True, frozen=True)
class KeyType:
    """
    One row: a type of key.

    Attributes:
        load: takes the key's fields, after the name and before the application.
        algorithms: the signature algorithms that fit.
        security_key: whether the signature is made by a device, and says more than its value.
        slow: whether a check takes more than about a millisecond.
    """

    load: Callable[[Reader], _Verifier]
    algorithms: tuple[str, ...]
    security_key: bool = False
    slow: bool = False


class PublicKey:
    """
    A public key as it stands on the wire and in authorized_keys files.

    Attributes:
        type: the name in the blob; for RSA `ssh-rsa`, whatever the signature algorithm.
        blob: the key's bytes; two keys are the same key if these are equal.
        application: of a security key, else None.
    """

    __slots__ = ("_row", "_verifier", "application", "blob", "type")

    def __init__(self, blob: bytes) -> None:
        """
        Read a key blob.

        Raises:
            BadKey: it is malformed, of an unknown type, or too weak.
        """
        fields = Reader(blob)
        try:
            self.type = fields.string().decode("ascii", "replace")
            row = KEY_TYPES.get(self.type)
            if row is None:
                raise BadKey(f"unknown key type {self.type[:64]!r}")
            self._verifier = row.load(fields)
            self.application = fields.string() if row.security_key else None
            end(fields)
        except Malformed as problem:
            raise BadKey(f"malformed key: {problem.text}") from problem
        except (ValueError, UnsupportedAlgorithm) as problem:
            raise BadKey(f"malformed key: {problem}") from problem
        self._row = row
        self.blob = blob

    def fits(self, algorithm: str) -> bool:
        """Return whether this type of key makes signatures of that algorithm."""
        return algorithm in self._row.algorithms

    def verify(self, algorithm: str, signature: bytes, data: bytes) -> Signed:
        """
        Check a signature.

        Args:
            algorithm: what the request names. The signature must name the same: else a client that may not use SHA-1
                would ask for SHA-2 and sign with SHA-1.
            signature: as it stands in the request.
            data: what must have been signed.
        Raises:
            BadSignature: anything about it is not right.
        """
        if not self.fits(algorithm):
            raise BadSignature(f"{algorithm[:64]!r} does not fit a key of type {self.type}")
        said: Assertion | None = None
        try:
            fields = Reader(signature)
            name = fields.string()
            value = fields.string()
            if self.application is not None:
                said = _ASSERTIONS[algorithm](fields, self.application, data)
            end(fields)
            if name != algorithm.encode("ascii"):
                raise BadSignature(f"the request names {algorithm}, the signature {name[:64]!r}")
            message = said.message if said is not None else data
            value = self._verifier.verify(algorithm, value, message)
        except Malformed as problem:
            raise BadSignature(f"malformed signature: {problem.text}") from problem
        except UnsupportedAlgorithm as problem:
            raise BadSignature(f"{algorithm} cannot be checked on this machine") from problem
        except InvalidSignature as problem:
            raise BadSignature("the signature does not match") from problem
        if said is None:
            return Signed(signature=NS(name) + NS(value), message=message)
        # Other checkers know one kind of security key only; the message says what the other kind is about.
        whole = NS(self.type.encode("ascii")) + NS(value) + said.device
        return Signed(signature=whole, message=message, flags=said.flags)


def canonical(blob: bytes) -> bytes:
    """Return the one form of a key of which there may be several: its numbers may have needless zeros before them."""
    fields = Reader(blob)
    try:
        name = fields.string()
        numbers = _NUMBERS.get(name)
        return blob if numbers is None else NS(name) + b"".join(MPINT.pack(fields.mpint()) for _ in range(numbers))
    except Malformed:
        return blob


def plain_algorithm(name: str) -> str:
    """Return what a signature names: the algorithm, also where the request has its name for certificates."""
    plain = name.removesuffix(CERTIFIED)
    return f"{plain}@openssh.com" if plain != name and "sk-" in plain else plain


def slow(algorithm: str, blob: bytes) -> bool:
    """Return whether checking a signature takes more than about a millisecond."""
    return len(blob) > _QUICK_BLOB or plain_algorithm(algorithm) in _SLOW


def end(reader: Reader) -> None:
    """Raise `Malformed` if anything is left."""
    if reader.remaining:
        raise Malformed(f"{reader.remaining} bytes after the last field")


def _positive(reader: Reader) -> int:
    number = reader.mpint()
    if number <= 0:
        raise Malformed("a number above zero expected")
    return number


class _RSA:
    _HASHES: dict[str, hashes.HashAlgorithm] = {
        "rsa-sha2-512": hashes.SHA512(),
        "rsa-sha2-256": hashes.SHA256(),
        "ssh-rsa": hashes.SHA1(),
    }

    def __init__(self, fields: Reader) -> None:
        exponent, modulus = _positive(fields), _positive(fields)
        bits = modulus.bit_length()
        if bits not in RSA_BITS:
            raise BadKey(f"an RSA key of {bits} bits, {RSA_BITS[0]} to {RSA_BITS[-1]} expected")
        if exponent.bit_length() > RSA_EXPONENT_BITS:
            raise BadKey(f"an RSA exponent of more than {RSA_EXPONENT_BITS} bits")
        self._key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        self._size = (bits + 7) // 8

    def verify(self, algorithm: str, value: bytes, message: bytes) -> bytes:
        # Some clients drop leading zeros of the number; OpenSSL wants the length of the modulus.
        value = value.rjust(self._size, b"\0")
        self._key.verify(value, message, padding.PKCS1v15(), self._HASHES[algorithm])
        return value


class _DSA:
    def __init__(self, fields: Reader) -> None:
        p, q, g, y = (_positive(fields) for _ in range(4))
        if (p.bit_length(), q.bit_length()) != DSA_BITS:
            raise BadKey(f"a DSA key of {p.bit_length()} and {q.bit_length()} bits, {DSA_BITS} expected")
        self._key = dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g)).public_key()

    def verify(self, algorithm: str, value: bytes, message: bytes) -> bytes:
        # Two numbers of 160 bits, "without lengths or padding" (RFC 4253, 6.6).
        numbers = Reader(value)
        pair = utils.encode_dss_signature(*(int.from_bytes(numbers.take(20)) for _ in range(2)))
        end(numbers)
        self._key.verify(pair, message, hashes.SHA1())
        return value


class _ECDSA:
    def __init__(self, curve: ec.EllipticCurve, name: bytes, digest: hashes.HashAlgorithm, fields: Reader) -> None:
        named, point = fields.string(), fields.string()
        if named != name or point[:1] != b"\x04":
            raise Malformed(f"an uncompressed point on {name.decode('ascii')} expected")
        self._key = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
        self._algorithm = ec.ECDSA(digest)

    def verify(self, algorithm: str, value: bytes, message: bytes) -> bytes:
        numbers = Reader(value)
        pair = utils.encode_dss_signature(_positive(numbers), _positive(numbers))
        end(numbers)
        self._key.verify(pair, message, self._algorithm)
        return value


class _Ed25519:
    def __init__(self, fields: Reader) -> None:
        self._key = ed25519.Ed25519PublicKey.from_public_bytes(fields.string())

    def verify(self, algorithm: str, value: bytes, message: bytes) -> bytes:
        self._key.verify(value, message)
        return value


def _p256(fields: Reader) -> _Verifier:
    return _ECDSA(ec.SECP256R1(), b"nistp256", hashes.SHA256(), fields)


def _p384(fields: Reader) -> _Verifier:
    return _ECDSA(ec.SECP384R1(), b"nistp384", hashes.SHA384(), fields)


def _p521(fields: Reader) -> _Verifier:
    return _ECDSA(ec.SECP521R1(), b"nistp521", hashes.SHA512(), fields)


_SK_ED25519 = "sk-ssh-ed25519@openssh.com"
_SK_P256 = "sk-ecdsa-sha2-nistp256@openssh.com"
_WEBAUTHN = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"

KEY_TYPES: dict[str, KeyType] = {
    "ssh-ed25519": KeyType(load=_Ed25519, algorithms=("ssh-ed25519",)),
    "ecdsa-sha2-nistp256": KeyType(load=_p256, algorithms=("ecdsa-sha2-nistp256",)),
    "ecdsa-sha2-nistp384": KeyType(load=_p384, algorithms=("ecdsa-sha2-nistp384",), slow=True),
    "ecdsa-sha2-nistp521": KeyType(load=_p521, algorithms=("ecdsa-sha2-nistp521",), slow=True),
    "ssh-rsa": KeyType(load=_RSA, algorithms=("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")),
    "ssh-dss": KeyType(load=_DSA, algorithms=("ssh-dss",)),
    _SK_ED25519: KeyType(load=_Ed25519, algorithms=(_SK_ED25519,), security_key=True),
    _SK_P256: KeyType(load=_p256, algorithms=(_SK_P256, _WEBAUTHN), security_key=True),
}
_SLOW = frozenset(name for row in KEY_TYPES.values() if row.slow for name in row.algorithms)
_ASSERTIONS: dict[str, Callable[[Reader, bytes, bytes], Assertion]] = {
    _SK_ED25519: assertion,
    _SK_P256: assertion,
    _WEBAUTHN: webauthn_assertion,
}
