"""
Key stores of Java: JKS and JCEKS, as `keytool -storetype` writes them.

The extra `conchsftp[jks]` decrypts them. It believes what it reads, so that lengths and numbers of rounds are checked
here before. Secret keys, which are objects of Java, are not touched. Source: the layout of `sun.security.provider`'s
JavaKeyStore and `com.sun.crypto.provider`'s JceKeyStore, as files show it.
"""

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_private_key
from cryptography.x509 import load_der_x509_certificate

from conchsftp.ssh.keys.certificate import Certificate
from conchsftp.ssh.keys.der import check_work
from conchsftp.ssh.keys.store_formats import paired
from conchsftp.ssh.keys.unusable import Unusable
from conchsftp.wire.kinds import Malformed
from conchsftp.wire.reader import Reader

_EXTRA = (
    "key stores of Java in its old formats (JKS, JCEKS) need the extra conchsftp[jks], or conversion:"
    " keytool -importkeystore -deststoretype pkcs12"
)
_MAGICS, _VERSION = (0xFEEDFEED, 0xCECECECE), 2
_KEY, _CERTIFICATE, _SECRET = 1, 2, 3
_DIGEST = 20
_MOST_ENTRIES = 1024
_DAMAGED = "it is no undamaged key store of Java"


def read_jks(data: bytes, password: bytes | None) -> list[Certificate]:
    """Read the private keys of a store, then its certificates. A key may have another password: that is left out."""
    check_work(list(_checked(data)))
    library = _library()
    try:
        text = (password or b"").decode("utf-8")
        store = library.KeyStore.loads(data, text, try_decrypt_keys=False)
    except library.util.KeystoreSignatureException:
        # Also if the file was changed: the password stands in its checksum.
        raise Unusable("the password is wrong, or the key store is damaged") from None
    # Whatever else it stumbles over: it was not made for files of others, and raises what comes.
    except Exception:
        raise Unusable(_DAMAGED) from None
    keys, names, rest = [], [], []
    for alias, entry in store.private_keys.items():
        key = _decrypted(entry, text)
        rest += [_certified(each) for _, each in entry.__dict__["cert_chain"]]
        if key is not None:
            keys.append(key)
            names.append(alias)
    rest += [_certified(entry.cert) for entry in store.certs.values()]
    if store.private_keys and not keys:
        raise Unusable("its keys have another password than the store, or are of kinds that are not supported")
    found = paired(keys, [each for each in rest if each is not None])
    named = [replace(each, comment=alias, names=(alias,)) for each, alias in zip(found, names, strict=False)]
    return named + found[len(named) :]


def _checked(data: bytes) -> Iterator[bytes]:
    """Return what is encrypted in a store, of which every length is right. Raises Unusable."""
    reader = Reader(data)
    try:
        magic, version, count = (reader.u32() for _ in range(3))
        if magic not in _MAGICS or version != _VERSION or count > _MOST_ENTRIES:
            raise Unusable(f"a key store of Java of version {_VERSION} with at most {_MOST_ENTRIES} entries is needed")
        for _ in range(count):
            kind = reader.u32()
            reader.take(int.from_bytes(reader.take(2), "big") + 8)
            if kind == _SECRET:
                raise Unusable("it holds a secret key; keytool -importkeystore -srcalias copies the others")
            if kind not in (_KEY, _CERTIFICATE):
                raise Unusable(_DAMAGED)
            if kind == _KEY:
                yield reader.string()
            for _ in range(reader.u32() if kind == _KEY else 1):
                reader.take(int.from_bytes(reader.take(2), "big"))
                reader.string()
        if reader.remaining != _DIGEST:
            raise Unusable(_DAMAGED)
    except Malformed:
        raise Unusable(_DAMAGED) from None


def _library() -> Any:
    try:
        # Here only: it is optional, and brings a compiled library.
        return import_module("jks")
    except ImportError:
        raise Unusable(_EXTRA) from None


def _decrypted(entry: Any, password: str) -> Any:
    """Return a private key; None: it has another password, or is of a kind that is not supported."""
    try:
        entry.decrypt(password)
        return load_der_private_key(entry.pkey_pkcs8, None)
    # As above: a wrong password shows as anything that its ASN.1 can raise.
    except Exception:
        return None


def _certified(data: bytes) -> Certificate | None:
    try:
        found = load_der_x509_certificate(data)
        return Certificate(public=found.public_key(), x509=found)
    except (ValueError, UnsupportedAlgorithm):
        return None
