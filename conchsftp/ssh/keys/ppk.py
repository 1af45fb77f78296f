"""
PuTTY's private keys, versions 2 and 3, encrypted ones too.

Bytes in, a `Certificate` out. Source: PuTTY's manual, appendix C ("PPK file format").
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha1, sha256
from itertools import islice
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.kdf.argon2 import Argon2d, Argon2i, Argon2id
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from conchsftp.ssh.keys.certificate import Certificate
from conchsftp.ssh.keys.store_formats import check_size
from conchsftp.ssh.keys.unusable import Unusable
from conchsftp.wire.kinds import BYTES, Malformed
from conchsftp.wire.reader import Reader

_MAGIC = "PuTTY-User-Key-File-"
_VERSIONS = {"2": sha1, "3": sha256}
_CIPHERS = ("none", "aes256-cbc")
_ARGON2: dict[str, Any] = {"Argon2id": Argon2id, "Argon2i": Argon2i, "Argon2d": Argon2d}
# PuTTY's own choice is 8 MiB; a file that asks for more than this would take the memory of the machine.
_MOST_ARGON2_KIB = 1 << 20
# It chooses the number of passes, too, by a tenth of a second. This takes a minute.
_MOST_ARGON2_WORK = 1 << 24
_KEY, _VECTOR, _MAC_KEY = 32, 16, 32
# `StopIteration`: a kind of key that is not in the table of those that we build.
_DAMAGED = (StopIteration, ValueError, KeyError, TypeError, IndexError, OverflowError, Malformed, UnsupportedAlgorithm)


class _Keys(NamedTuple):
    """What the password gives: the key and the initial vector of the cipher, and the key of the MAC."""

    cipher: bytes
    vector: bytes
    mac: bytes


def read_ppk(data: bytes, password: bytes | None) -> list[Certificate]:
    """Read a private key in PuTTY's format."""
    try:
        fields = _fields(data)
        version = next(name for name in fields if name.startswith(_MAGIC)).removeprefix(_MAGIC)
        known = version in _VERSIONS and fields["Encryption"] in _CIPHERS
    except _DAMAGED:
        raise Unusable("it is no undamaged key of PuTTY") from None
    if not known:
        raise Unusable("keys of PuTTY are read in versions 2 and 3, in the clear or with aes256-cbc")
    encrypted = fields["Encryption"] != "none"
    if encrypted and not password:
        raise Unusable("the private key is encrypted, and there is no password for it")
    try:
        return [_read(fields, version, password if encrypted and password else b"")]
    except _DAMAGED:
        said = "the password is wrong, or the key is damaged" if encrypted else "the key is damaged"
        raise Unusable(said) from None


def _fields(data: bytes) -> dict[str, str]:
    """Return the lines `Name: value`; of `…-Lines: 3` the three lines that follow it, joined."""
    lines = iter(data.decode("utf-8", "surrogateescape").splitlines())
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        if not colon:
            raise ValueError("a line without a name")
        found[name] = "".join(islice(lines, int(value))) if name.endswith("-Lines") else value
    return found


def _read(fields: Mapping[str, str], version: str, password: bytes) -> Certificate:
    kind = next(value for name, value in fields.items() if name.startswith(_MAGIC))
    public, private = b64decode(fields["Public-Lines"]), b64decode(fields["Private-Lines"])
    keys = (_keys_2 if version == "2" else _keys_3)(fields, password)
    if password:
        decryptor = Cipher(AES(keys.cipher), CBC(keys.vector)).decryptor()
        private = decryptor.update(private) + decryptor.finalize()
    texts = (kind, fields["Encryption"], fields["Comment"])
    covered = [*(text.encode("utf-8", "surrogateescape") for text in texts), public, private]
    mac = hmac.new(keys.mac, b"".join(map(BYTES.pack, covered)), _VERSIONS[version]).hexdigest()
    if not hmac.compare_digest(mac, fields["Private-MAC"].lower()):
        raise ValueError("another MAC")
    key = _private(public, private)
    return Certificate(public=key.public_key(), private=key, comment=fields["Comment"])


def _keys_2(fields: Mapping[str, str], password: bytes) -> _Keys:
    cipher = b"".join(sha1(number.to_bytes(4, "big") + password).digest() for number in (0, 1))
    return _Keys(cipher[:_KEY], bytes(_VECTOR), sha1(b"putty-private-key-file-mac-key" + password).digest())


def _keys_3(fields: Mapping[str, str], password: bytes) -> _Keys:
    if not password:
        return _Keys(b"", b"", b"")
    memory, passes = int(fields["Argon2-Memory"]), int(fields["Argon2-Passes"])
    if memory > _MOST_ARGON2_KIB or memory * passes > _MOST_ARGON2_WORK:
        raise ValueError("more memory or time than a key needs")
    derived = _ARGON2[fields["Key-Derivation"]](
        salt=bytes.fromhex(fields["Argon2-Salt"]),
        length=_KEY + _VECTOR + _MAC_KEY,
        iterations=passes,
        lanes=int(fields["Argon2-Parallelism"]),
        memory_cost=memory,
    ).derive(password)
    return _Keys(derived[:_KEY], derived[_KEY : _KEY + _VECTOR], derived[_KEY + _VECTOR :])


def _private(public: bytes, private: bytes) -> Any:
    """Return the private key of the two halves."""
    reader, secret = Reader(public), Reader(private)
    kind = reader.string().decode("ascii")
    build = next(build for start, build in _BUILDERS if kind.startswith(start))
    return build(public, reader, secret)


def _rsa(public: bytes, reader: Reader, secret: Reader) -> rsa.RSAPrivateKey:
    e, n = reader.mpint(), reader.mpint()
    d, p, q, iqmp = (secret.mpint() for _ in range(4))
    check_size(e, n, d, p, q, iqmp)
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=iqmp,
        public_numbers=rsa.RSAPublicNumbers(e, n),
    ).private_key()


def _ecdsa(public: bytes, reader: Reader, secret: Reader) -> ec.EllipticCurvePrivateKey:
    line = Reader(public).string() + b" " + b64encode(public)
    numbers: Any = load_ssh_public_key(line).public_numbers()  # type: ignore[union-attr]
    return ec.EllipticCurvePrivateNumbers(secret.mpint(), numbers).private_key()


def _dsa(public: bytes, reader: Reader, secret: Reader) -> dsa.DSAPrivateKey:
    p, q, g, y = (reader.mpint() for _ in range(4))
    x = secret.mpint()
    check_size(p, q, g, y, x)
    # Of another y the key would be read, and sign what nobody can verify.
    if pow(g, x, p) != y:
        raise ValueError("the halves do not belong together")
    return dsa.DSAPrivateNumbers(x, dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g))).private_key()


def _edwards(kind: Any, public: bytes, reader: Reader, secret: Reader) -> Any:
    key = kind.from_private_bytes(secret.string())
    if key.public_key().public_bytes_raw() != reader.string():
        raise ValueError("the halves do not belong together")
    return key


_BUILDERS: tuple[tuple[str, Callable[[bytes, Reader, Reader], Any]], ...] = (
    ("ssh-rsa", _rsa),
    ("ssh-dss", _dsa),
    ("ecdsa-sha2-", _ecdsa),
    ("ssh-ed25519", partial(_edwards, Ed25519PrivateKey)),
    ("ssh-ed448", partial(_edwards, Ed448PrivateKey)),
)
