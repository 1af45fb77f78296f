"""
How keys are written: private ones in OpenSSH's format, PEM and PKCS#12, public ones in lines and RFC 4716.

Sources: OpenSSH's PROTOCOL.key, RFC 5958, RFC 7292, RFC 4716.
"""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.utils import CryptographyDeprecationWarning

from conchsftp.errors import ErrorCode, ServerError
from conchsftp.ssh.keys.certificate import Certificate
from conchsftp.ssh.keys.shown import ShownKey


@dataclass(frozen=True, slots=True)
class WrittenFormat:
    """
    One row: a format to write.

    Attributes:
        name: what `--to` calls it.
        private: whether it holds the private key.
        write: makes the content of a file, of the key, how it is shown, and the password, which may be empty; raises
            ValueError: keys of this type do not go into this format.
    """

    name: str
    private: bool
    write: Callable[[Certificate, ShownKey, bytes], bytes]


def write_new(path: str | os.PathLike[str], data: bytes, mode: int) -> None:
    """
    Write a new file, whole or not at all.

    Raises:
        ServerError: there is one already, which stays as it is; or it cannot be written (1301).
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        raise _unwritten(path, "the file exists already, nothing was written") from None
    except OSError as problem:
        raise _unwritten(path, f"cannot be written: {problem.strerror}") from None
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            # Clients remember the key: after a crash it must not be another one.
            os.fsync(file.fileno())
    except OSError as problem:
        os.unlink(path)
        raise _unwritten(path, f"cannot be written: {problem.strerror}") from None


def _openssh(key: Certificate, shown: ShownKey, password: bytes) -> bytes:
    return _private(key, PrivateFormat.OpenSSH, password)


def _pem(key: Certificate, shown: ShownKey, password: bytes) -> bytes:
    return _private(key, PrivateFormat.PKCS8, password)


def _private(key: Certificate, form: PrivateFormat, password: bytes) -> bytes:
    try:
        with warnings.catch_warnings():
            # That `cryptography` is about to forget how SSH writes DSA keys is nothing that a user can act on.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            data: bytes = key.private.private_bytes(Encoding.PEM, form, _encryption(password))
    except (AttributeError, UnsupportedAlgorithm, NotImplementedError):
        raise ValueError("the private key cannot be copied") from None
    return data


def _pkcs12(key: Certificate, shown: ShownKey, password: bytes) -> bytes:
    try:
        name = shown.comment.encode("utf-8") or None
        return serialize_key_and_certificates(name, key.private, key.x509, key.chain or None, _encryption(password))
    except (TypeError, UnsupportedAlgorithm):
        raise ValueError("keys of this type do not go into PKCS#12") from None


def _public(key: Certificate, shown: ShownKey, password: bytes) -> bytes:
    return f"{shown.public_line()}\n".encode()


def _rfc4716(key: Certificate, shown: ShownKey, password: bytes) -> bytes:
    return f"{shown.rfc4716()}\n".encode()


def _encryption(password: bytes) -> KeySerializationEncryption:
    return BestAvailableEncryption(password) if password else NoEncryption()


def _unwritten(path: str | os.PathLike[str], text: str) -> ServerError:
    return ServerError(ErrorCode.NO_HOST_KEY, f"{os.fspath(path)}: {text}")


WRITTEN = {
    row.name: row
    for row in (
        WrittenFormat("openssh", True, _openssh),
        WrittenFormat("pem", True, _pem),
        WrittenFormat("pkcs12", True, _pkcs12),
        WrittenFormat("public", False, _public),
        WrittenFormat("rfc4716", False, _rfc4716),
    )
}
"""Every format, by its name."""
