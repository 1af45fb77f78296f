"""
The client's side of each key exchange, for tests: written from the standards, sharing nothing with the server's side.
"""

import hashlib
import secrets
from collections.abc import Callable
from struct import pack

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, mlkem, padding, rsa, utils, x25519
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Messages = list[tuple[int, bytes]]
Send = Callable[[int, bytes], Messages]


def string(data: bytes) -> bytes:
    """Encode a string."""
    return pack(">I", len(data)) + data


def mpint(number: int) -> bytes:
    """Encode a number that is not negative."""
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big") if number else b"")


def strings(data: bytes) -> list[bytes]:
    """Return the strings that data consists of."""
    found = []
    while data:
        end = 4 + int.from_bytes(data[:4], "big")
        assert len(data) >= end
        found.append(data[4:end])
        data = data[end:]
    return found


class Client:
    """
    One client in one exchange.

    Attributes:
        secret: the encoded secret.
        hashed: the method's fields of the exchange hash, without the secret.
        host_key, signature: what the server sent.
    """

    secret: bytes
    hashed: bytes
    host_key: bytes
    signature: bytes

    def __init__(self, hash: str) -> None:
        self.hash = hash

    def run(self, send: Send) -> None:
        """Exchange keys; `send` gives a message to the server and returns its answers."""
        raise NotImplementedError

    def reply(self, messages: Messages, number: int = 31) -> bytes:
        """Take the server's last message and return its public value."""
        ((got, payload),) = messages
        assert got == number
        self.host_key, ours, self.signature = strings(payload)
        return ours

    def exchange_hash(self, lines: tuple[bytes, ...]) -> bytes:
        """Return the exchange hash; `lines` are both versions and both KEXINITs."""
        covered = b"".join(map(string, (*lines, self.host_key))) + self.hashed + self.secret
        return hashlib.new(self.hash, covered).digest()


class X25519Client(Client):
    """curve25519-sha256."""

    def run(self, send: Send) -> None:
        private = x25519.X25519PrivateKey.generate()
        mine = private.public_key().public_bytes_raw()
        theirs = self.reply(send(30, string(mine)))
        secret = private.exchange(x25519.X25519PublicKey.from_public_bytes(theirs))
        self.secret = mpint(int.from_bytes(secret, "big"))
        self.hashed = string(mine) + string(theirs)


class CurveClient(Client):
    """ecdh-sha2-nistp*."""

    def __init__(self, hash: str, curve: ec.EllipticCurve) -> None:
        super().__init__(hash)
        self.curve = curve

    def run(self, send: Send) -> None:
        private = ec.generate_private_key(self.curve)
        mine = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        theirs = self.reply(send(30, string(mine)))
        point = ec.EllipticCurvePublicKey.from_encoded_point(self.curve, theirs)
        self.secret = mpint(int.from_bytes(private.exchange(ec.ECDH(), point), "big"))
        self.hashed = string(mine) + string(theirs)


class HybridClient(Client):
    """mlkem768x25519-sha256."""

    def run(self, send: Send) -> None:
        lattice, curve = mlkem.MLKEM768PrivateKey.generate(), x25519.X25519PrivateKey.generate()
        mine = lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
        theirs = self.reply(send(30, string(mine)))
        assert len(theirs) == 1088 + 32
        parts = lattice.decapsulate(theirs[:1088])
        parts += curve.exchange(x25519.X25519PublicKey.from_public_bytes(theirs[1088:]))
        self.secret = string(hashlib.sha256(parts).digest())
        self.hashed = string(mine) + string(theirs)


class GroupClient(Client):
    """diffie-hellman-group*."""

    def __init__(self, hash: str, prime: int) -> None:
        super().__init__(hash)
        self.prime = prime

    def run(self, send: Send) -> None:
        self.compute(send, self.prime, 2, 30)

    def compute(self, send: Send, prime: int, generator: int, number: int) -> None:
        """Send our public value with a message number, and take the reply."""
        exponent = 2 + secrets.randbits(256)
        mine = pow(generator, exponent, prime)
        theirs = int.from_bytes(self.reply(send(number, mpint(mine)), number + 1), "big")
        assert 1 < theirs < prime - 1
        self.secret = mpint(pow(theirs, exponent, prime))
        self.hashed = mpint(mine) + mpint(theirs)


class GroupExchangeClient(GroupClient):
    """diffie-hellman-group-exchange-*; `request` is number and payload of the first message."""

    def __init__(self, hash: str, request: tuple[int, bytes] = (34, pack(">III", 2048, 2048, 8192))) -> None:
        super().__init__(hash, 0)
        self.request = request

    def run(self, send: Send) -> None:
        ((number, payload),) = send(*self.request)
        assert number == 31
        self.prime, generator = (int.from_bytes(each, "big") for each in strings(payload))
        self.compute(send, self.prime, generator, 32)
        self.hashed = self.request[1] + payload + self.hashed


_CURVES: dict[bytes, tuple[ec.EllipticCurve, HashAlgorithm]] = {
    b"nistp256": (ec.SECP256R1(), SHA256()),
    b"nistp384": (ec.SECP384R1(), SHA384()),
    b"nistp521": (ec.SECP521R1(), SHA512()),
}


def verify(blob: bytes, signature: bytes, data: bytes) -> str:
    """Check a signature with a public key, both as on the wire, and return the algorithm; raises if it is wrong."""
    algorithm, value = strings(signature)
    kind, *key = strings(blob)
    if kind == b"ssh-ed25519":
        assert algorithm == kind and len(value) == 64
        ed25519.Ed25519PublicKey.from_public_bytes(key[0]).verify(value, data)
    elif kind == b"ssh-rsa":
        exponent, modulus = (int.from_bytes(each, "big") for each in key)
        assert len(value) == (modulus.bit_length() + 7) // 8
        hash = {b"rsa-sha2-256": SHA256(), b"rsa-sha2-512": SHA512(), b"ssh-rsa": SHA1()}[algorithm]
        rsa.RSAPublicNumbers(exponent, modulus).public_key().verify(value, data, padding.PKCS1v15(), hash)
    elif kind == b"ssh-dss":
        assert algorithm == kind and len(value) == 40
        p, q, g, y = (int.from_bytes(each, "big") for each in key)
        pair = utils.encode_dss_signature(int.from_bytes(value[:20], "big"), int.from_bytes(value[20:], "big"))
        dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g)).public_key().verify(pair, data, SHA1())
    else:
        assert algorithm == kind == b"ecdsa-sha2-" + key[0]
        curve, hash = _CURVES[key[0]]
        r, s = (int.from_bytes(each, "big") for each in strings(value))
        point = ec.EllipticCurvePublicKey.from_encoded_point(curve, key[1])
        point.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(hash))
    return algorithm.decode()
