"""
The rows of signature algorithms: those of host keys, and those that keys of users may use.

How host keys sign is in `signing.py`; what users have signed is checked in `conchsftp.auth.keys.signatures`.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512

from conchsftp.ssh.algorithms.registry import Chapter, HostKeyRow, Identity, Profile, SignatureRow
from conchsftp.ssh.algorithms.signing import needs_sha1, sign_dss, sign_ecdsa, sign_ed25519, sign_rsa
from conchsftp.ssh.algorithms.x509_blobs import X509_FORMS, x509_blob

MODERN, COMPATIBLE, DOCUMENTED = Profile.MODERN, Profile.COMPATIBLE, Profile.DOCUMENTED
_NAMED = Profile.NONE
_weak = partial(SignatureRow, profile=_NAMED)
_key = HostKeyRow
CERTIFIED = "-cert-v01@openssh.com"
_RSA_SHA1 = "RSA with SHA-1, which no longer proves who signed"
_DSS = "DSA with SHA-1 and 1024 bits, which can be broken"
_sha1 = partial(HostKeyRow, profile=DOCUMENTED, available=needs_sha1)
# Whoever trusts X.509 certificates of users says so by this setting; nobody else's server reads one.
_x509 = partial(SignatureRow, needs="TrustedX509Certificates")


def _x509_blob(name: str, identity: Identity) -> bytes:
    return x509_blob(name, identity.x509)


def _x509_key(name: str, profile: Profile, build: Callable[[Any, bytes], bytes], **more: Any) -> HostKeyRow:
    """Return the row of a key that an X.509 certificate stands for."""
    form = X509_FORMS[name]
    signature, blob = form.signatures[0], partial(_x509_blob, name)
    return HostKeyRow(name, profile, key=form.key, build=build, signature=signature, blob=blob, **more)


_x509_sha1 = partial(_x509_key, available=needs_sha1)


def certified(name: str) -> str:
    """Return what the type of a key, or a signature algorithm, is called where a certificate stands for the key."""
    return name.removesuffix("@openssh.com") + CERTIFIED


def _host_certificate(identity: Identity) -> bytes:
    return identity.certificate


def _certified(row: HostKeyRow) -> HostKeyRow:
    """Return the algorithm that signs the same and sends an OpenSSH certificate; the component knows none of these."""
    profile = Profile.NONE if row.profile is DOCUMENTED else row.profile
    return replace(row, name=certified(row.name), profile=profile, signature=row.name, blob=_host_certificate)


_BARE = (
    _key("ssh-ed25519", MODERN, key="ssh-ed25519", build=sign_ed25519),
    _key("ecdsa-sha2-nistp256", COMPATIBLE, key="ecdsa-sha2-nistp256", build=partial(sign_ecdsa, SHA256()), fips=True),
    _key("ecdsa-sha2-nistp384", COMPATIBLE, key="ecdsa-sha2-nistp384", build=partial(sign_ecdsa, SHA384()), fips=True),
    _key("ecdsa-sha2-nistp521", COMPATIBLE, key="ecdsa-sha2-nistp521", build=partial(sign_ecdsa, SHA512()), fips=True),
    _key("rsa-sha2-512", MODERN, key="ssh-rsa", build=partial(sign_rsa, SHA512()), fips=True),
    _key("rsa-sha2-256", MODERN, key="ssh-rsa", build=partial(sign_rsa, SHA256()), fips=True),
    _sha1("ssh-rsa", key="ssh-rsa", build=partial(sign_rsa, SHA1()), remark=_RSA_SHA1),
    _sha1("ssh-dss", key="ssh-dss", build=sign_dss, remark=_DSS),
)

# A client that likes an X.509 certificate better than the key it knows would ask its user again: only by name.
_X509 = (
    _x509_key("x509v3-ecdsa-sha2-nistp256", _NAMED, partial(sign_ecdsa, SHA256()), fips=True),
    _x509_key("x509v3-ecdsa-sha2-nistp384", _NAMED, partial(sign_ecdsa, SHA384()), fips=True),
    _x509_key("x509v3-ecdsa-sha2-nistp521", _NAMED, partial(sign_ecdsa, SHA512()), fips=True),
    _x509_key("x509v3-rsa2048-sha256", _NAMED, partial(sign_rsa, SHA256()), fips=True),
    _x509_sha1("x509v3-ssh-rsa", _NAMED, partial(sign_rsa, SHA1()), remark=_RSA_SHA1),
    _x509_sha1("x509v3-ssh-dss", _NAMED, sign_dss, remark=_DSS),
    _x509_sha1("x509v3-sign-rsa", DOCUMENTED, partial(sign_rsa, SHA1()), remark=_RSA_SHA1),
    _x509_sha1("x509v3-sign-dss", DOCUMENTED, sign_dss, remark=_DSS),
)

# Whether a certificate comes before a bare key is for the client to say: its order counts.
HOST_KEYS = Chapter("host key algorithm", "SSHPublicKeyAlgorithms", (*_BARE, *map(_certified, _BARE), *_X509))


def _cannot_sign(private: Any, data: bytes) -> bytes:
    raise TypeError("there is no key")


NO_HOST_KEY = HostKeyRow("null", Profile.NONE, key="", build=_cannot_sign)
"""Stands for none in a KEXINIT; goes together with an exchange that another proof belongs to (RFC 4462, 5)."""

# ssh-audit does not see these: whether a key of a user is a good one is that user's affair, so all are `modern`, except
# those that are no proof any more, or one of something else.
USER_SIGNATURES = Chapter(
    "signature algorithm",
    "SSHPubKeyAuthSigAlgorithms",
    (
        SignatureRow("ssh-ed25519", MODERN),
        SignatureRow("sk-ssh-ed25519@openssh.com", MODERN),
        SignatureRow("ecdsa-sha2-nistp256", MODERN, fips=True),
        SignatureRow("ecdsa-sha2-nistp384", MODERN, fips=True),
        SignatureRow("ecdsa-sha2-nistp521", MODERN, fips=True),
        SignatureRow("sk-ecdsa-sha2-nistp256@openssh.com", MODERN, fips=True),
        SignatureRow("rsa-sha2-512", MODERN, fips=True),
        SignatureRow("rsa-sha2-256", MODERN, fips=True),
        _weak("ssh-rsa", remark=_RSA_SHA1, available=needs_sha1),
        _weak("ssh-dss", remark=_DSS, available=needs_sha1),
        _weak(
            "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
            remark="security keys in a browser; the web site decides what is signed",
        ),
        _x509("x509v3-ecdsa-sha2-nistp256", MODERN, fips=True),
        _x509("x509v3-ecdsa-sha2-nistp384", MODERN, fips=True),
        _x509("x509v3-ecdsa-sha2-nistp521", MODERN, fips=True),
        _x509("x509v3-rsa2048-sha256", MODERN, fips=True),
        _x509("x509v3-ssh-rsa", _NAMED, remark=_RSA_SHA1, available=needs_sha1),
        _x509("x509v3-ssh-dss", _NAMED, remark=_DSS, available=needs_sha1),
        _x509("x509v3-sign-rsa", DOCUMENTED, remark=_RSA_SHA1, available=needs_sha1),
        _x509("x509v3-sign-dss", DOCUMENTED, remark=_DSS, available=needs_sha1),
    ),
)
