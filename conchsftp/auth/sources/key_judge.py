"""
Whether one of a user's keys, or of those that sign certificates for them, lets in.

For checkers, whatever source their users have: the key is looked up, or the CA of its certificate, and the options of
its line are judged. What makes a certificate worthless whoever trusts its CA has been looked at before. Reads nothing
and keeps nothing. Credentials that a Conch server which is not ours has made do not say where the client is; a key that
asks for that is refused then. Source: for the names of certificates, AuthorizedPrincipalsFile in sshd_config(5).
"""

import time
from collections.abc import Collection
from struct import error as StructError
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from twisted.conch.error import ValidPublicKey
from twisted.conch.ssh.common import getNS
from twisted.conch.ssh.keys import BadKeyError, Key
from twisted.cred.error import UnauthorizedLogin

from conchsftp.auth.credentials import KeyCredentials, KeyProof, UntouchedProof
from conchsftp.auth.keys.authorized_keys import AuthorizedKey, AuthorizedKeys
from conchsftp.auth.keys.security_keys import DeviceFlag, lacking
from conchsftp.auth.keys.user_certificate import UserCertificate
from conchsftp.auth.keys.x509_certificate import X509UserCertificate
from conchsftp.auth.keys.x509_names import X509Name


def refusal(
    credentials: Any,
    lists: Collection[AuthorizedKeys],
    principals: Collection[str] = (),
    x509: Collection[X509Name] = (),
) -> str:
    """
    Return why a key does not let in, for the log; empty if it does.

    Args:
        credentials: those of a key, offered or proven.
        lists: the user's keys; none at all: the user is not known, and no certificate makes one of them. If a key is
            there several times, any of its lines may let in.
        principals: the names of which a certificate has to bear one, unless the line of its CA says so; empty: the
            user name.
        x509: the names of which an X.509 certificate has to bear one; empty: the user name, where X509UserName says.
    """
    if not lists:
        return "no keys are known of this user"
    certificate = credentials.certificate if isinstance(credentials, KeyCredentials) else None
    if isinstance(certificate, X509UserCertificate):
        return _stranger(certificate, credentials.user_name, x509)
    if certificate is None:
        lines = [line for keys in lists for line in keys.find(credentials.blob)]
        return _first([_reason(credentials, line) for line in lines]) if lines else "the key is not one of the user's"
    own = [line for keys in lists for line in keys.find_authority(certificate.ca.blob)]
    wanted = principals or (credentials.user_name,)
    reasons = [
        _unnamed(certificate, line.options.principals or wanted) or _reason(credentials, line, certificate)
        for line in (*own, *certificate.trusted_by)
    ]
    return _first(reasons) if reasons else "the CA of the certificate is not trusted for this user"


def require_proof(credentials: Any) -> None:
    """
    See whether a key that lets in was proven.

    Raises:
        ValidPublicKey: it is only offered; this is how a checker says that a signature would let in.
        UnauthorizedLogin: the signature does not match.
    """
    if not credentials.signature:
        raise ValidPublicKey
    if not isinstance(credentials, KeyProof) and not _proves(credentials):
        raise UnauthorizedLogin("the signature does not match")


def _proves(credentials: Any) -> bool:
    """Verify the signature of credentials that our `UserAuth` did not make: those of a stock Conch server."""
    signature: bytes = credentials.signature
    try:
        key = Key.fromString(credentials.blob)
        if key.isSecurityKey() and not signature[-5] & DeviceFlag.TOUCHED:
            return False
        # There are no settings that could name them. Conch also takes a DSA signature that is not named.
        if key.type() == "DSA" or getNS(signature)[0] == b"ssh-rsa":
            return False
        return bool(key.verify(signature, credentials.sigData))
    except (BadKeyError, StructError, IndexError, ValueError, UnsupportedAlgorithm):
        return False


def _first(reasons: list[str]) -> str:
    """Return the first reason, unless one line has none."""
    return "" if "" in reasons else reasons[0]


def _stranger(certificate: X509UserCertificate, user_name: str, names: Collection[X509Name]) -> str:
    """Return that an X.509 certificate is not one of the user's, if so."""
    if not certificate.path:
        return "nobody has looked whether the certificate is trusted"
    own = any(map(certificate.bears, names)) if names else user_name in certificate.user_names
    return "" if own else "the certificate is not one of the user's"


def _unnamed(certificate: UserCertificate, wanted: Collection[str]) -> str:
    """Return that a certificate names nobody of those whom it should, if so."""
    return "" if not set(wanted).isdisjoint(certificate.principals) else "the certificate does not name the user"


def _reason(credentials: Any, line: AuthorizedKey, certificate: UserCertificate | None = None) -> str:
    """Return why this line does not let in."""
    ours = isinstance(credentials, KeyCredentials)
    host, now = (credentials.attempt.host, credentials.attempt.now) if ours else (None, time.time())
    reason = line.options.refusal(host, now) or _device(credentials, line, certificate)
    return f"{reason} (line {line.line})" if reason else ""


def _device(credentials: Any, line: AuthorizedKey, certificate: UserCertificate | None) -> str:
    """Return what a security key should have said of its user; only a proof says anything."""
    if not credentials.signature:
        return ""
    if line.options.verify_required and not (isinstance(credentials, KeyProof) and credentials.signed.verified):
        return lacking(DeviceFlag.VERIFIED)
    if not isinstance(credentials, UntouchedProof):
        return ""
    # A certificate and the line that trusts its CA have to agree; a file of CAs for everybody says nothing of touch.
    by_line = line.options.no_touch_required or certificate is not None and line in certificate.trusted_by
    by_ca = certificate is None or certificate.no_touch_required
    return "" if by_line and by_ca else lacking(DeviceFlag.TOUCHED)
