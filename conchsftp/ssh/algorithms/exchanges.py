"""
The rows of key exchange methods. How they compute is in `conchsftp.ssh.kex`.

`modern` holds what ssh-audit (3.9) lists without failure or warning, and curve25519 besides; a test asks it.
"""

from functools import partial
from hashlib import sha1, sha256, sha384, sha512

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, SECP521R1

from conchsftp.gss import needs_gssapi
from conchsftp.ssh.algorithms.registry import Chapter, KeyExchangeRow, Profile
from conchsftp.ssh.kex.methods import (
    Curve25519,
    FixedDiffieHellman,
    GroupExchange,
    MLKEM768Curve25519,
    NISTCurve,
    WeakGroupExchange,
    needs_mlkem,
)

MODERN, COMPATIBLE, DOCUMENTED = Profile.MODERN, Profile.COMPATIBLE, Profile.DOCUMENTED
_P256, _P384, _P521 = (partial(NISTCurve, curve()) for curve in (SECP256R1, SECP384R1, SECP521R1))
_1, _14, _15, _16, _17, _18 = (partial(FixedDiffieHellman, number) for number in (1, 14, 15, 16, 17, 18))
_mlkem = partial(KeyExchangeRow, available=needs_mlkem)
_kex = KeyExchangeRow
_SHA1 = "hashed with SHA-1, which can be broken"
# The end of their names: base64 of the MD5 of Kerberos' object identifier (RFC 4462, 2.3). All read files.
_gss = partial(KeyExchangeRow, available=needs_gssapi, gss=True, heavy=True)

KEY_EXCHANGES = Chapter(
    "key exchange",
    "SSHKeyExchangeAlgorithms",
    (
        _mlkem("mlkem768x25519-sha256", MODERN, hash=sha256, build=MLKEM768Curve25519),
        # ssh-audit warns of every exchange that a quantum computer could undo. Without this one, which has no other
        # fault, OpenSSH before 9.9, PuTTY, curl and rclone could not connect at all.
        _kex("curve25519-sha256", MODERN, hash=sha256, build=Curve25519),
        _kex("curve25519-sha256@libssh.org", MODERN, hash=sha256, build=Curve25519),
        _kex("ecdh-sha2-nistp256", COMPATIBLE, hash=sha256, build=_P256, fips=True),
        _kex("ecdh-sha2-nistp384", COMPATIBLE, hash=sha384, build=_P384, fips=True),
        _kex("ecdh-sha2-nistp521", COMPATIBLE, hash=sha512, build=_P521, fips=True),
        _kex("diffie-hellman-group-exchange-sha256", COMPATIBLE, hash=sha256, build=GroupExchange, heavy=True),
        _kex("diffie-hellman-group16-sha512", COMPATIBLE, hash=sha512, build=_16, heavy=True, fips=True),
        _kex("diffie-hellman-group18-sha512", COMPATIBLE, hash=sha512, build=_18, heavy=True, fips=True),
        _kex("diffie-hellman-group17-sha512", COMPATIBLE, hash=sha512, build=_17, heavy=True, fips=True),
        _kex("diffie-hellman-group15-sha512", COMPATIBLE, hash=sha512, build=_15, fips=True),
        _kex("diffie-hellman-group14-sha256", COMPATIBLE, hash=sha256, build=_14, fips=True),
        _kex("diffie-hellman-group14-sha1", DOCUMENTED, hash=sha1, build=_14, remark=_SHA1),
        _kex(
            "diffie-hellman-group-exchange-sha1",
            DOCUMENTED,
            hash=sha1,
            build=WeakGroupExchange,
            heavy=True,
            remark=f"{_SHA1}; groups of less than 2048 bits for clients that take no larger one",
        ),
        _kex(
            "diffie-hellman-group1-sha1",
            DOCUMENTED,
            hash=sha1,
            build=_1,
            heavy=True,
            remark="one group of 1024 bits for everybody, which can be broken, and SHA-1",
        ),
        _gss("gss-group14-sha256-toWM5Slw5Ew8Mqkay+al2g==", DOCUMENTED, hash=sha256, build=_14),
        _gss("gss-group16-sha512-toWM5Slw5Ew8Mqkay+al2g==", DOCUMENTED, hash=sha512, build=_16),
        _gss("gss-nistp256-sha256-toWM5Slw5Ew8Mqkay+al2g==", DOCUMENTED, hash=sha256, build=_P256),
        _gss("gss-curve25519-sha256-toWM5Slw5Ew8Mqkay+al2g==", DOCUMENTED, hash=sha256, build=Curve25519),
        _gss("gss-group14-sha1-toWM5Slw5Ew8Mqkay+al2g==", DOCUMENTED, hash=sha1, build=_14, remark=_SHA1),
        _gss("gss-gex-sha1-toWM5Slw5Ew8Mqkay+al2g==", DOCUMENTED, hash=sha1, build=GroupExchange, remark=_SHA1),
    ),
)
