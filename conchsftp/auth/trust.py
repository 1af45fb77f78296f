"""
What the server says of keys, whoever's they are: which are revoked, and whose certificates it trusts.

Asked before any checker or handler. The files are read in a worker thread, again when they have changed; where neither
setting names one, nothing is asked. An X.509 certificate that nobody trusts is refused here: anybody can make one.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import Certificate
from twisted.cred.error import UnauthorizedLogin
from twisted.logger import Logger

from conchsftp.auth.credentials import Credentials, KeyCredentials
from conchsftp.auth.keys.authorized_keys import AuthorizedKey, AuthorizedKeys
from conchsftp.auth.keys.revoked import RevokedKeys
from conchsftp.auth.keys.user_certificate import BadCertificate, UserCertificate
from conchsftp.auth.keys.x509_certificate import X509UserCertificate
from conchsftp.auth.keys.x509_trust import X509Trust
from conchsftp.auth.progress import AuthAttempt
from conchsftp.auth.users.keys_file import KeysFile
from conchsftp.ssh.keys.public_blob import public_blob
from conchsftp.workers import FewThreads, IWorkers

# Anybody may show certificates that take long to check.
_AT_ONCE = 2


class KeyTrust:
    """
    What RevokedKeys, TrustedUserCAKeys, TrustedX509Certificates and X509RevocationLists say.

    Args:
        settings: the server's.
        workers: where the files are read.

    Attributes:
        log: that of the server.
    """

    log: Logger = Logger()

    def __init__(self, settings: Any, workers: IWorkers) -> None:
        self._settings = settings
        self._workers = workers
        self._checking = FewThreads(workers, _AT_ONCE)
        self._complaints: deque[str] = deque()
        self._revoked: RevokedKeys | None = None
        self._trusted: KeysFile | None = None
        self._x509: X509Trust | None = None

    def start(self) -> None:
        """Read what the settings name, so that the log says at once what is wrong with it."""
        revoked, trusted = self._files(True)
        if revoked is not None or trusted is not None:
            self._begin(_look_up, revoked, trusted, b"", None)
        x509 = self._x509_files()
        if x509 is not None:
            self._begin(x509.read)

    def _begin(self, read: Callable[..., Any], *args: Any) -> None:
        reading = self._workers.run(read, *args)
        reading.addCallback(lambda found: self._complain())
        reading.addErrback(lambda reason: self.log.failure("keys cannot be looked up", failure=reason))

    async def examine(self, credentials: Credentials) -> None:
        """
        Look a key up; a certificate then says whether the server trusts its CA. Other credentials are none of its.

        Raises:
            UnauthorizedLogin: the key, its certificate or the CA is revoked; nobody trusts an X.509 certificate.
        """
        if not isinstance(credentials, KeyCredentials):
            return
        certificate = credentials.certificate
        if isinstance(certificate, X509UserCertificate):
            credentials.certificate = await self._examined(certificate, credentials.attempt)
            return
        revoked, trusted = self._files(certificate is not None)
        if revoked is None and trusted is None:
            return
        reason, trusted_by = await self._workers.run(_look_up, revoked, trusted, credentials.key.blob, certificate)
        self._complain()
        if reason:
            raise UnauthorizedLogin(reason)
        if certificate is not None:
            credentials.certificate = replace(certificate, trusted_by=trusted_by)

    async def _examined(self, certificate: X509UserCertificate, attempt: AuthAttempt) -> X509UserCertificate:
        files, (revoked, _) = self._x509_files(), self._files(False)
        if files is None:
            raise UnauthorizedLogin("X.509 certificates are not trusted: TrustedX509Certificates names no file")
        try:
            kind = self._settings.x509_user_name
            looking = self._checking.run(
                _look_up_x509, revoked, files, certificate, attempt.now, kind, source=attempt.source
            )
            return await looking
        except BadCertificate as problem:
            raise UnauthorizedLogin(str(problem)) from problem
        finally:
            self._complain()

    def _x509_files(self) -> X509Trust | None:
        """Return the files that the settings name now, for X.509."""
        names = self._settings.trusted_x509_certificates, self._settings.x509_revocation_lists
        if self._x509 is None or self._x509.files != names:
            self._x509 = X509Trust(*names, self._complaints.append) if names[0] else None
        return self._x509

    def _complain(self) -> None:
        while self._complaints:
            self.log.error("{complaint}", complaint=self._complaints.popleft())

    def _files(self, certified: bool) -> tuple[RevokedKeys | None, KeysFile | None]:
        """Return the files that the settings name now, as far as they matter."""
        revoked, trusted = self._settings.revoked_keys, self._settings.trusted_user_ca_keys
        if self._revoked is None or self._revoked.path != revoked:
            self._revoked = RevokedKeys(revoked, self._complaints.append) if revoked else None
        if self._trusted is None or self._trusted.path != trusted:
            self._trusted = KeysFile(trusted, self._complaints.append, authorities=True) if trusted else None
        return self._revoked, self._trusted if certified else None


def _look_up(
    revoked: RevokedKeys | None, trusted: KeysFile | None, key: bytes, certificate: UserCertificate | None
) -> tuple[str, tuple[AuthorizedKey, ...]]:
    """Return why a key is refused, and the lines that trust its CA; blocks."""
    reason = revoked.refusal(key, certificate) if revoked is not None else ""
    authorities = trusted.read() if trusted is not None else AuthorizedKeys()
    return reason, authorities.find_authority(certificate.ca.blob) if certificate is not None else ()


def _look_up_x509(
    revoked: RevokedKeys | None, files: X509Trust, certificate: X509UserCertificate, now: float, user_name: str
) -> X509UserCertificate:
    """Return a certificate that leads to one that is trusted; raises BadCertificate; blocks."""
    found = files.examined(certificate, now, user_name)
    if revoked is not None:
        for each in found.path:
            if reason := revoked.refusal(_ssh_key(each)):
                raise BadCertificate(reason if each is found.path[0] else "the key of the CA is revoked")
    return found


def _ssh_key(certificate: Certificate) -> bytes:
    """Return the key of a certificate as RevokedKeys would name it; empty if there is no such name for it."""
    try:
        return public_blob(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return b""
