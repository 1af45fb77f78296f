"""
The registry of algorithms: key exchange, host key, cipher, MAC, compression, and signatures of users.

Rows, and which of them a server offers by its settings. Implements none of them, and chooses none in a negotiation (see
`kexinit.py`). The order of the rows is our preference: AES-GCM first, which processors have instructions for. `modern`
holds what ssh-audit (3.9) lists without failure or warning, and curve25519 besides; a test asks it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256, sha384, sha512
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, SECP521R1
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from conchsftp.errors import ErrorCode, ServerError
from conchsftp.ssh.ciphers import ChaChaPackets, GCMPackets, ctr_packets
from conchsftp.ssh.compression import Deflate, Inflate
from conchsftp.ssh.exchange import (
    Curve25519,
    FixedDiffieHellman,
    GroupExchange,
    MLKEM768Curve25519,
    NISTCurve,
    needs_mlkem,
)
from conchsftp.ssh.macs import Hmac
from conchsftp.ssh.registry import (
    Chapter,
    CipherRow,
    CompressionRow,
    HostKeyRow,
    KeyExchangeRow,
    MacRow,
    Profile,
    SignatureRow,
)
from conchsftp.ssh.signing import needs_sha1, sign_ecdsa, sign_ed25519, sign_rsa

MODERN, COMPATIBLE = Profile.MODERN, Profile.COMPATIBLE
_P256, _P384, _P521 = (partial(NISTCurve, curve()) for curve in (SECP256R1, SECP384R1, SECP521R1))
_14, _16, _18 = (partial(FixedDiffieHellman, number) for number in (14, 16, 18))
_mlkem = partial(KeyExchangeRow, available=needs_mlkem)
_weak = partial(SignatureRow, profile=Profile.NONE)
_kex, _key, _cipher = KeyExchangeRow, HostKeyRow, CipherRow


def _hmac(name: str, profile: Profile, hash: HashAlgorithm, *, etm: bool = False) -> MacRow:
    return MacRow(name, profile, key=hash.digest_size, etm=etm, build=partial(Hmac, hash, etm=etm))


KEY_EXCHANGES = Chapter(
    "key exchange",
    "SSHKeyExchangeAlgorithms",
    (
        _mlkem("mlkem768x25519-sha256", MODERN, hash=sha256, build=MLKEM768Curve25519),
        # ssh-audit warns of every exchange that a quantum computer could undo. Without this one, which has no other
        # fault, OpenSSH before 9.9, PuTTY, curl and rclone could not connect at all.
        _kex("curve25519-sha256", MODERN, hash=sha256, build=Curve25519),
        _kex("curve25519-sha256@libssh.org", MODERN, hash=sha256, build=Curve25519),
        _kex("ecdh-sha2-nistp256", COMPATIBLE, hash=sha256, build=_P256),
        _kex("ecdh-sha2-nistp384", COMPATIBLE, hash=sha384, build=_P384),
        _kex("ecdh-sha2-nistp521", COMPATIBLE, hash=sha512, build=_P521),
        _kex("diffie-hellman-group-exchange-sha256", COMPATIBLE, hash=sha256, build=GroupExchange, heavy=True),
        _kex("diffie-hellman-group16-sha512", COMPATIBLE, hash=sha512, build=_16, heavy=True),
        _kex("diffie-hellman-group18-sha512", COMPATIBLE, hash=sha512, build=_18, heavy=True),
        _kex("diffie-hellman-group14-sha256", COMPATIBLE, hash=sha256, build=_14),
    ),
)

HOST_KEYS = Chapter(
    "host key algorithm",
    "SSHPublicKeyAlgorithms",
    (
        _key("ssh-ed25519", MODERN, key="ssh-ed25519", build=sign_ed25519),
        _key("ecdsa-sha2-nistp256", COMPATIBLE, key="ecdsa-sha2-nistp256", build=partial(sign_ecdsa, SHA256())),
        _key("ecdsa-sha2-nistp384", COMPATIBLE, key="ecdsa-sha2-nistp384", build=partial(sign_ecdsa, SHA384())),
        _key("ecdsa-sha2-nistp521", COMPATIBLE, key="ecdsa-sha2-nistp521", build=partial(sign_ecdsa, SHA512())),
        _key("rsa-sha2-512", MODERN, key="ssh-rsa", build=partial(sign_rsa, SHA512())),
        _key("rsa-sha2-256", MODERN, key="ssh-rsa", build=partial(sign_rsa, SHA256())),
    ),
)

CIPHERS = Chapter(
    "cipher",
    "SSHEncryptionAlgorithms",
    (
        _cipher("aes128-gcm@openssh.com", MODERN, key=16, iv=12, build=GCMPackets, aead=True),
        _cipher("aes256-gcm@openssh.com", MODERN, key=32, iv=12, build=GCMPackets, aead=True),
        _cipher("chacha20-poly1305@openssh.com", MODERN, key=64, iv=0, build=ChaChaPackets, aead=True, terrapin=True),
        _cipher("aes128-ctr", COMPATIBLE, key=16, iv=16, build=ctr_packets),
        _cipher("aes192-ctr", COMPATIBLE, key=24, iv=16, build=ctr_packets),
        _cipher("aes256-ctr", COMPATIBLE, key=32, iv=16, build=ctr_packets),
    ),
    unbuilt="aes256-cbc aes192-cbc aes128-cbc 3des-cbc cast128-cbc blowfish-cbc",
)

MACS = Chapter(
    "MAC",
    "SSHMacAlgorithms",
    (
        _hmac("hmac-sha2-256-etm@openssh.com", MODERN, SHA256(), etm=True),
        _hmac("hmac-sha2-512-etm@openssh.com", MODERN, SHA512(), etm=True),
        _hmac("hmac-sha2-256", COMPATIBLE, SHA256()),
        _hmac("hmac-sha2-512", COMPATIBLE, SHA512()),
    ),
    unbuilt="hmac-sha2-256-96-etm@openssh.com hmac-sha2-512-96-etm@openssh.com",
)

COMPRESSIONS = Chapter(
    "compression",
    "SSHCompressionAlgorithms",
    (
        CompressionRow("none", MODERN),
        CompressionRow(
            "zlib@openssh.com",
            MODERN,
            delayed=True,
            build_compressor=lambda: Deflate().compress,
            build_decompressor=lambda: Inflate().decompress,
        ),
    ),
)

# ssh-audit does not see these: whether a key of a user is a good one is that user's affair, so all are `modern`, except
# those that are no proof any more, or one of something else.
USER_SIGNATURES = Chapter(
    "signature algorithm",
    "SSHPubKeyAuthSigAlgorithms",
    (
        SignatureRow("ssh-ed25519", MODERN),
        SignatureRow("sk-ssh-ed25519@openssh.com", MODERN),
        SignatureRow("ecdsa-sha2-nistp256", MODERN),
        SignatureRow("ecdsa-sha2-nistp384", MODERN),
        SignatureRow("ecdsa-sha2-nistp521", MODERN),
        SignatureRow("sk-ecdsa-sha2-nistp256@openssh.com", MODERN),
        SignatureRow("rsa-sha2-512", MODERN),
        SignatureRow("rsa-sha2-256", MODERN),
        _weak("ssh-rsa", remark="RSA with SHA-1, which no longer proves who signed", available=needs_sha1),
        _weak("ssh-dss", remark="DSA with SHA-1 and 1024 bits, which can be broken", available=needs_sha1),
        _weak(
            "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
            remark="security keys in a browser; the web site decides what is signed",
        ),
    ),
)

CHAPTERS: tuple[Chapter[Any], ...] = (KEY_EXCHANGES, HOST_KEYS, CIPHERS, MACS, COMPRESSIONS, USER_SIGNATURES)

VALIDATORS: dict[str, Callable[[Any], None]] = {chapter.setting.name: chapter.check for chapter in CHAPTERS}
"""For `Settings(validators=…)`: setting → what raises ValueError for a list with an unknown name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """
    What a server offers in its KEXINIT, in its order.

    Attributes:
        strict: whether strict key exchange is offered.
    """

    key_exchanges: tuple[KeyExchangeRow, ...]
    host_keys: tuple[HostKeyRow, ...]
    ciphers: tuple[CipherRow, ...]
    macs: tuple[MacRow, ...]
    compressions: tuple[CompressionRow, ...]
    strict: bool

    def without_curve25519(self) -> "Offer":
        """Return the offer for a client that often fails at it; the same if it would have no other choice."""
        left = tuple(row for row in self.key_exchanges if "25519" not in row.name)
        return replace(self, key_exchanges=left) if left else self


def offered(settings: Any, host_key_algorithms: Iterable[str]) -> Offer:
    """
    Return what a server with these settings and host keys offers.

    Args:
        settings: `algorithm_profile`, `use_strict_key_exchange` and the lists of algorithms, where empty is the
            profile's.
        host_key_algorithms: what its host keys can sign with.
    Raises:
        ServerError: a list names an algorithm that does not exist or leaves nothing to offer (0); no host key signs
            with an algorithm of its list (1301).
    """
    can_sign = frozenset(host_key_algorithms)
    host_keys = tuple(row for row in HOST_KEYS.offered(settings) if row.name in can_sign)
    if not host_keys:
        wanted, have = ", ".join(HOST_KEYS.listed(settings)), ", ".join(sorted(can_sign)) or "nothing"
        text = f"{HOST_KEYS.setting.name}: a host key for {wanted} is needed; there is {have}"
        if can_sign & set(HOST_KEYS.names(COMPATIBLE)):
            text += f", which AlgorithmProfile={COMPATIBLE} offers"
        raise ServerError(ErrorCode.NO_HOST_KEY, text)
    return Offer(
        key_exchanges=KEY_EXCHANGES.offered(settings),
        host_keys=host_keys,
        ciphers=CIPHERS.offered(settings),
        macs=MACS.offered(settings),
        compressions=COMPRESSIONS.offered(settings),
        strict=settings.use_strict_key_exchange != 0,
    )


def user_signatures(settings: Any) -> tuple[str, ...]:
    """Return the signature algorithms that keys of users may use, in our order. Raises ServerError as `offered`."""
    return tuple(row.name for row in USER_SIGNATURES.offered(settings))


def left_out(settings: Any) -> dict[str, list[str]]:
    """Return the names that the settings list and that are not offered, by reason; a line in the log for each."""
    found: dict[str, list[str]] = {}
    for chapter in CHAPTERS:
        for name in chapter.listed(settings):
            reason = chapter.reason(name)
            if reason is not None:
                found.setdefault(f"{chapter.setting.name}: {reason}", []).append(name)
    return found
