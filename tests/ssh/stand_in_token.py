"""
A PKCS#11 module with tokens in memory, as python-pkcs11 shows one.
"""

from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11 import Attribute, ObjectClass, exceptions

# Of RSA there is a head before the hash (RFC 8017, 9.2), shorter for SHA-1.
_HEADS = {35: SHA1(), 51: SHA256(), 67: SHA384(), 83: SHA512()}
_HASHES = {hash.digest_size: hash for hash in (SHA1(), SHA256(), SHA384(), SHA512())}
_CURVES = {256: "06082a8648ce3d030107", 384: "06052b81040022", 521: "06052b81040023"}


class Object(dict[Any, Any]):
    """One object on a token: what it says of itself, and for a private key the key."""

    def __init__(self, said: dict[Any, Any], key: Any = None) -> None:
        super().__init__({Attribute.ID: b"", Attribute.LABEL: "", **said})
        self.key = key
        self.session: Any = None

    def __missing__(self, name: Any) -> Any:
        raise exceptions.AttributeTypeInvalid

    def sign(self, data: bytes, mechanism: Any) -> bytes:
        """Return a raw signature, of a hash or of what stands around one."""
        if self.session.ended:
            raise exceptions.DeviceRemoved
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(data)
        if isinstance(self.key, rsa.RSAPrivateKey):
            hash = _HEADS[len(data)]
            return self.key.sign(data[-hash.digest_size :], PKCS1v15(), Prehashed(hash))
        size = (self.key.key_size + 7) // 8
        numbers = decode_dss_signature(self.key.sign(data, ec.ECDSA(Prehashed(_HASHES[len(data)]))))
        return b"".join(number.to_bytes(size, "big") for number in numbers)


def objects(key: Any, id: bytes, label: str) -> list[Object]:
    """Return a private key and its public half."""
    named = {Attribute.ID: id, Attribute.LABEL: label}
    public = key.public_key()
    said: dict[Any, Any] = {}
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = public.public_numbers()
        said = {Attribute.MODULUS: numbers.n.to_bytes(256, "big"), Attribute.PUBLIC_EXPONENT: b"\1\0\1"}
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        head = bytes((4, len(point))) if len(point) < 128 else bytes((4, 0x81, len(point)))
        said = {Attribute.EC_PARAMS: bytes.fromhex(_CURVES[key.key_size]), Attribute.EC_POINT: head + point}
    else:
        said = {Attribute.EC_PARAMS: bytes.fromhex("06032b6570"), Attribute.EC_POINT: public.public_bytes_raw()}
    private = {**named, Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.KEY_TYPE: 1}
    return [Object(private, key), Object({**named, **said, Attribute.CLASS: ObjectClass.PUBLIC_KEY})]


def certificate(x509: Any, id: bytes = b"") -> Object:
    """Return a certificate."""
    data = x509.public_bytes(Encoding.DER)
    return Object({Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.ID: id, Attribute.VALUE: data})


class Session:
    """A session; it ends when the token is unplugged."""

    def __init__(self, token: "Token") -> None:
        self.token = token
        self.ended = False
        self.blind = False

    def get_objects(self, search: dict[Any, Any]) -> Any:
        """Find objects."""
        if self.ended:
            raise exceptions.SessionHandleInvalid
        for each in () if self.blind else self.token.objects:
            if all(each.get(name) == value for name, value in search.items()):
                each.session = self
                yield each

    def close(self) -> None:
        """End it."""
        if self.ended:
            raise exceptions.SessionHandleInvalid
        self.ended = True
        self.token.sessions.remove(self)


class Token:
    """A token with a PIN, that counts how often it was asked for it."""

    def __init__(self, label: str = "host keys", serial: bytes = b"1", flags: int = 0x404, pin: str = "1234") -> None:
        self.label, self.serial, self.flags, self.pin = label, serial, flags, pin
        self.manufacturer_id, self.model = "Example", "One"
        self.slot = SimpleNamespace(slot_id=int(serial))
        self.objects: list[Object] = []
        self.sessions: list[Session] = []
        self.asked: list[str | None] = []

    def open(self, user_pin: str | None = None) -> Session:
        """Open a session."""
        self.asked.append(user_pin)
        if user_pin is not None and user_pin != self.pin:
            raise exceptions.PinIncorrect
        self.sessions.append(Session(self))
        return self.sessions[-1]

    def unplug(self) -> None:
        """End every session."""
        for each in self.sessions:
            each.ended = True
        self.sessions.clear()


class Module:
    """A module that was loaded."""

    def __init__(self, *tokens: Token) -> None:
        self.tokens = list(tokens)
        self.plugged: list[Token] = []
        self.renewed = 0
        self.broken = False

    def get_tokens(self) -> list[Token]:
        """Return the tokens that it has seen."""
        if self.broken:
            raise exceptions.GeneralError
        return list(self.tokens)

    def finalize(self) -> None:
        """End every session."""
        for each in self.tokens:
            each.unplug()

    def initialize(self) -> None:
        """Look for tokens."""
        self.renewed += 1
        self.broken = False
        self.tokens += self.plugged
        self.plugged.clear()
