"""
The keys with which a server proves who it is: loading, making and using them.

Reads OpenSSH and PEM files; the documented stores and their certificates are elsewhere. Which algorithm signs with
which key is in `signatures.py` of the registry. Sources: RFC 4253 section 6.6, RFC 8332, OpenSSH's PROTOCOL.key;
fingerprints as `ssh-keygen -l` shows them.
"""

import os
from collections.abc import Iterable, Sequence
from functools import partial
from os import PathLike
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from cryptography.x509 import Certificate

from conchsftp.errors import ErrorCode, ServerError
from conchsftp.ssh.algorithms.registry import Identity
from conchsftp.ssh.algorithms.signatures import HOST_KEYS
from conchsftp.ssh.keys.files import read_key_file, warn_of_others
from conchsftp.ssh.keys.openssh_certificate import OpenSSHCertificate
from conchsftp.ssh.keys.public_blob import fingerprint, public_blob
from conchsftp.ssh.keys.unusable import Unusable
from conchsftp.ssh.keys.written import write_new
from conchsftp.wire.kinds import BYTES
from conchsftp.wire.reader import Reader

Path = str | PathLike[str]

# Smaller ones can be factored; clients refuse them, too.
_SMALLEST_RSA_BITS = 2048
# A signature of 4096 bits takes four milliseconds, and time grows with the third power.
_QUICK_RSA_BITS = 4096
_PRIVATE_MODE = 0o600


class HostKey:
    """
    One private key, and what it comes with.

    Args:
        private: a private key of `cryptography`, or what has the interface of one: a key on a token, which says so by
            its attribute `slow`.
        path: where it is from, for messages.
        certificate: an OpenSSH host certificate of this key.
        x509: its X.509 certificate, and after it those of who issued it.
    Raises:
        ServerError: no algorithm signs with such a key, or it is too weak (1301).
    """

    def __init__(
        self, private: Any, path: Path = "", *, certificate: bytes = b"", x509: tuple[Certificate, ...] = ()
    ) -> None:
        try:
            self.blob = public_blob(private.public_key())
            """The bare public key; what is sent for it depends on the algorithm, see `blob_for`."""
        except ValueError as problem:
            raise _unusable(str(problem), path) from None
        self.type = Reader(self.blob).string().decode("ascii")
        """The name in the bare key; for RSA `ssh-rsa`, whatever the signature algorithm."""
        if isinstance(private, RSAPrivateKey) and private.key_size < _SMALLEST_RSA_BITS:
            raise _unusable(f"an RSA key of {private.key_size} bits, at least {_SMALLEST_RSA_BITS} needed", path)
        rows = [row for row in HOST_KEYS if row.key == self.type]
        if not rows:
            raise _unusable(f"keys of type {self.type} are not supported", path)
        self.private = private
        """The private key, an object of `cryptography`, or one that has the interface of such."""
        self.slow: bool = getattr(private, "slow", False) or _is_large(private)
        """Whether a signature may take more than about five milliseconds."""
        self.identity = Identity(public=self.blob, certificate=certificate, x509=x509)
        """The public key, and who vouches for it."""
        blobs = {row.name: row.blob(self.identity) for row in rows}
        self._blobs = {name: blob for name, blob in blobs.items() if blob}
        self._signers = {
            row.name: (BYTES.pack((row.signature or row.name).encode()), partial(row.build, private))
            for row in rows
            if row.name in self._blobs
        }

    @property
    def algorithms(self) -> tuple[str, ...]:
        """What it can sign with, in our order of preference."""
        return tuple(self._signers)

    def certified(self, certificates: Iterable[OpenSSHCertificate]) -> "HostKey":
        """Return the same key with the first certificate that is one of it; itself, if there is none."""
        blob = next((each.blob for each in certificates if each.key == self.blob), b"")
        if not blob:
            return self
        return HostKey(self.private, certificate=blob, x509=self.identity.x509)

    def blob_for(self, algorithm: str) -> bytes:
        """Return what is sent as the public key with one of `algorithms`: the key, or a certificate of it."""
        return self._blobs[algorithm]

    def sign(self, algorithm: str, data: bytes) -> bytes:
        """
        Return a signature as it is sent: the name of the algorithm and the signature proper.

        Args:
            algorithm: one of `algorithms`.
            data: what to sign; the algorithm hashes it.
        """
        name, sign = self._signers[algorithm]
        return name + BYTES.pack(sign(data))

    def fingerprint(self) -> str:
        """Return `SHA256:` and the hash of the public key, as clients show it."""
        return fingerprint(self.blob)


class HostKeys:
    """
    The keys of a server. Of several that sign with one algorithm, the first counts.

    Args:
        keys: in order of preference.
    """

    def __init__(self, keys: Iterable[HostKey]) -> None:
        self.keys = tuple(keys)
        self._by_algorithm: dict[str, HostKey] = {}
        for key in self.keys:
            for name in key.algorithms:
                self._by_algorithm.setdefault(name, key)

    @classmethod
    def load(cls, *paths: Path, passphrase: bytes | None = None) -> "HostKeys":
        """Load one key of each file. Raises ServerError as `load` does."""
        return cls(load(path, passphrase) for path in paths)

    def algorithms(self) -> tuple[str, ...]:
        """Return the algorithms that the keys can sign with, those of the first key first."""
        return tuple(self._by_algorithm)

    def certified(self, certificates: Sequence[OpenSSHCertificate]) -> "HostKeys":
        """Return the same keys, each with the first certificate that is one of it, if there is one."""
        return HostKeys(key.certified(certificates) for key in self.keys)

    def for_algorithm(self, name: str) -> HostKey:
        """Return the key that signs with one of `algorithms()`."""
        return self._by_algorithm[name]


def load(path: Path, passphrase: bytes | None = None) -> HostKey:
    """
    Load a private key from an OpenSSH or PEM file.

    Args:
        path: the file. If others than its owner can read it, that is logged.
        passphrase: what it is encrypted with; not looked at if it is not encrypted.
    Raises:
        ServerError: it cannot be read, is not a private key, is encrypted otherwise, or is no host key (1301).
    """
    try:
        data = read_key_file(path)
    except Unusable as problem:
        raise _unusable(str(problem), path) from None
    warn_of_others(path)
    return HostKey(_parse(data, passphrase, path), path)


def generate_ed25519(path: Path) -> HostKey:
    """
    Make a new key and write it to a new file in OpenSSH's format, readable by its owner only.

    Raises:
        ServerError: the file exists already, and stays as it is; or it cannot be written (1301).
    """
    private = Ed25519PrivateKey.generate()
    data = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    try:
        write_new(path, data, _PRIVATE_MODE)
    except ServerError as problem:
        raise ServerError(problem.code, f"host key {problem.text}") from None
    return HostKey(private)


def _parse(data: bytes, passphrase: bytes | None, path: Path) -> Any:
    """Return the private key in a file's bytes; raises ServerError."""
    if b"PUBLIC KEY" in data or data.lstrip().startswith((b"ssh-", b"ecdsa-", b"sk-")):
        raise _unusable("a public key, the private key is needed", path)
    read = load_ssh_private_key if b"BEGIN OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        return read(data, None)
    except TypeError:
        # This is how both say that the key is encrypted.
        if passphrase is None:
            text = "the key is encrypted, and there is no passphrase for it; SSHCertStore takes one with its password"
            raise _unusable(text, path) from None
    except (ValueError, UnsupportedAlgorithm):
        raise _unusable("not a private key in OpenSSH or PEM format; SSHCertStore takes others", path) from None
    try:
        return read(data, passphrase)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise _unusable("the passphrase is wrong, or the key is damaged", path) from None


def _is_large(private: Any) -> bool:
    return isinstance(private, RSAPrivateKey) and private.key_size > _QUICK_RSA_BITS


def _unusable(text: str, path: Path) -> ServerError:
    return ServerError(ErrorCode.NO_HOST_KEY, f"host key {os.fspath(path)}".rstrip() + f": {text}")
