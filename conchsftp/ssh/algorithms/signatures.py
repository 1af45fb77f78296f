"""
The rows of signature algorithms: those of host keys, and those that keys of users may use.

How host keys sign is in `signing.py`; what users have signed is checked in `conchsftp.auth.keys.signatures`.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512

from conchsftp.ssh.algorithms.registry import Chapter, HostKeyRow, Identity, Profile, SignatureRow
from conchsftp.ssh.algorithms.signing import needs_sha1, sign_dss, sign_ecdsa, sign_ed25519, sign_rsa

MODERN, COMPATIBLE, DOCUMENTED = Profile.MODERN, Profile.COMPATIBLE, Profile.DOCUMENTED
_weak = partial(SignatureRow, profile=Profile.NONE)
_key = HostKeyRow
CERTIFIED = "-cert-v01@openssh.com"
_RSA_SHA1 = "RSA with SHA-1, which no longer proves who signed"
_DSS = "DSA with SHA-1 and 1024 bits, which can be broken"
_sha1 = partial(HostKeyRow, profile=DOCUMENTED, available=needs_sha1)


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

# Whether a certificate comes before a bare key is for the client to say: its order counts.
HOST_KEYS = Chapter("host key algorithm", "SSHPublicKeyAlgorithms", (*_BARE, *map(_certified, _BARE)))


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
    ),
)
