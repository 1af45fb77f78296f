"""
The files behind X.509 certificates of users: TrustedX509Certificates and X509RevocationLists.

Blocks; runs in a worker thread. A file that cannot be read, or not as a whole, lets nobody in: which certificates it
would have revoked is not known, and whom it trusts neither.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Generic, TypeVar

from cryptography import x509

from conchsftp.auth.keys.user_certificate import BadCertificate
from conchsftp.auth.keys.x509_certificate import X509UserCertificate
from conchsftp.auth.keys.x509_path import TrustedCertificates, trusted_path
from conchsftp.auth.keys.x509_revocation import RevocationLists
from conchsftp.watched import WatchedFile

T = TypeVar("T")


class X509Trust:
    """
    Whom the server trusts. Several threads may use it at once.

    Args:
        trusted: the file of certificates.
        revoked: the file of lists; empty: nothing is asked of them.
        complain: told, once each, what the operator should know.
    """

    def __init__(self, trusted: str, revoked: str, complain: Callable[[str], None]) -> None:
        self.files = trusted, revoked
        self._trusted = _File(trusted, read_trusted, complain)
        self._revoked = _File(revoked, RevocationLists.read, complain) if revoked else None

    def read(self) -> None:
        """Read what the settings name, so that the operator is told what is wrong with it."""
        self._trusted.current()
        if self._revoked is not None:
            self._revoked.current()

    def examined(self, certificate: X509UserCertificate, now: float, user_name: str) -> X509UserCertificate:
        """
        Return a certificate with its path, and with whom it names.

        Args:
            certificate: what a client has shown.
            now: the date, in seconds since 1970.
            user_name: what X509UserName says: where in a certificate a user name stands.
        Raises:
            BadCertificate: it is worth nothing, or is revoked; the text is for the log.
        """
        trusted = self._trusted.current()
        if trusted is None:
            raise BadCertificate("the file of trusted X.509 certificates cannot be read: nobody is trusted")
        path = trusted_path(certificate.certificates, trusted, now)
        if self._revoked is not None:
            lists = self._revoked.current()
            if lists is None:
                raise BadCertificate("the lists of revoked X.509 certificates cannot be read: every one is refused")
            if reason := lists.refusal(path, now):
                raise BadCertificate(reason)
        return replace(certificate, path=path, user_names=certificate.names.user_names(user_name))


class _File(Generic[T]):
    """A file of which something is made, again when it changes."""

    def __init__(self, path: str, read: Callable[[bytes], T], complain: Callable[[str], None]) -> None:
        self._file = WatchedFile(path)
        self._read = read
        self._complain = complain
        self._lock = threading.Lock()
        self._said = ""
        self._made: T | None = None

    def current(self) -> T | None:
        """Return what the file is now; None if it cannot be read."""
        with self._lock:
            try:
                content = self._file.read_if_changed()
                if content is not None:
                    # Until this version is understood nothing is known.
                    self._made = None
                    self._made = self._read(content)
            except OSError as problem:
                self._unreadable(f"cannot be read: {problem.strerror}")
                return None
            except ValueError as problem:
                self._unreadable(str(problem))
            if self._made is not None:
                self._said = ""
            return self._made

    def _unreadable(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._complain(f"{self._file.path}: {text}; nobody can log in with an X.509 certificate until it is right")


def read_trusted(content: bytes) -> TrustedCertificates:
    """
    Read certificates in PEM, one after the other.

    Raises:
        ValueError: there is none, or one of them cannot be read.
    """
    try:
        return TrustedCertificates(x509.load_pem_x509_certificates(content))
    except (ValueError, x509.InvalidVersion):
        raise ValueError("X.509 certificates in PEM expected, at least one, and each one whole") from None
