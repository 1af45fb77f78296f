"""
The rows of what protects packets: ciphers, message authentication codes, compressions.

How they work is in `conchsftp.ssh.packets`. The order of the rows is our preference: AES-GCM first, which processors
have instructions for. `modern` holds what ssh-audit (3.9) lists without failure or warning; a test asks it.

To add a cipher, say in its row which transform makes it of key and initial vector; to add a code, what makes it of its
key. Everything else follows from the row.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import CAST5, SEED, Blowfish, TripleDES
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.hashes import MD5, SHA1, SHA256, SHA512

from conchsftp.ssh.algorithms.registry import FEW_BYTES, Chapter, CipherRow, CompressionRow, MacRow, Profile
from conchsftp.ssh.packets.ciphers import ChaChaPackets, GCMPackets, with_mac
from conchsftp.ssh.packets.compression import Deflate, Inflate
from conchsftp.ssh.packets.macs import HashlibHmac, Hmac, truncated
from conchsftp.ssh.packets.transforms import Transform, arcfour, cbc, ctr, ctr_of_ecb
from conchsftp.ssh.packets.umac import KEY_BYTES, Umac, needs_libnettle

MODERN, COMPATIBLE, DOCUMENTED, NONE = Profile.MODERN, Profile.COMPATIBLE, Profile.DOCUMENTED, Profile.NONE

_AES_CTR, _AES_CBC = partial(ctr, AES), partial(cbc, AES)
_3DES_CTR, _3DES_CBC = partial(ctr_of_ecb, TripleDES), partial(cbc, TripleDES)
_LATE_RC4 = partial(arcfour, skip=1536)
_SHA2_256, _SHA2_512 = partial(Hmac, SHA256()), partial(Hmac, SHA512())
_SHA1, _MD5, _RIPEMD = partial(Hmac, SHA1()), partial(Hmac, MD5()), partial(HashlibHmac, "ripemd160")
_UMAC_64, _UMAC_128 = partial(Umac, 64), partial(Umac, 128)

_OF_CBC = "CBC mode lets who can change packets learn about others"
_OF_64 = "blocks of 64 bits repeat after some gigabytes"
_OF_3DES = f"3DES is outdated and slow: {_OF_64}"
_OF_RC4 = "RC4 is broken"
_OF_SHA1 = "SHA-1 is broken, if not in this use"
_OF_MD5 = "MD5 is broken, if not in this use"
_OF_RIPEMD = "RIPEMD-160 is outdated"
_OF_96 = "tags of 96 bits are short"
_OF_UMAC_64 = "tags of 64 bits are short"


def _works(build: Callable[[], object]) -> Callable[[], str | None]:
    """Return what tells why something cannot be built here: an OpenSSL may come without what is old."""

    @cache
    def available() -> str | None:
        try:
            build()
        except (UnsupportedAlgorithm, ValueError):
            return "the OpenSSL of this machine does not have it"
        return None

    return available


def _cipher(
    name: str, profile: Profile, make: Callable[[bytes, bytes], Transform], *, key: int, iv: int, **more: Any
) -> CipherRow:
    """Return the row of a cipher that needs a MAC."""
    available = _works(lambda: make(bytes(range(key)), bytes(iv)))
    return CipherRow(name, profile, key=key, iv=iv, build=partial(with_mac, make), available=available, **more)


def _mac(
    name: str,
    profile: Profile,
    make: Callable[..., Any],
    *,
    key: int,
    etm: bool = False,
    cut: int = 0,
    available: Callable[[], str | None] | None = None,
    remark: str = "",
    fips: bool = False,
) -> MacRow:
    """Return the row of a MAC; `cut`: to how many bytes its tags are cut."""
    build: Callable[[bytes], Any] = partial(make, etm=etm)
    if cut:
        build = partial(truncated, build, cut)
    available = available or _works(lambda: build(bytes(key)))
    return MacRow(name, profile, key=key, etm=etm, build=build, available=available, remark=remark, fips=fips)


_aead = partial(CipherRow, aead=True)
# What was changed in a chain of CBC is forgotten two blocks later: that is what the Terrapin attack needs.
_cbc = partial(_cipher, terrapin=True)
_old = partial(_cbc, most_bytes=FEW_BYTES)
_rc4 = partial(_cipher, most_bytes=FEW_BYTES, remark=_OF_RC4)
_umac = partial(_mac, key=KEY_BYTES, available=needs_libnettle)

CIPHERS = Chapter(
    "cipher",
    "SSHEncryptionAlgorithms",
    (
        _aead("aes128-gcm@openssh.com", MODERN, key=16, iv=12, build=GCMPackets, fips=True),
        _aead("aes256-gcm@openssh.com", MODERN, key=32, iv=12, build=GCMPackets, fips=True),
        _aead("chacha20-poly1305@openssh.com", MODERN, key=64, iv=0, build=ChaChaPackets, terrapin=True),
        _cipher("aes128-ctr", COMPATIBLE, _AES_CTR, key=16, iv=16, fips=True),
        _cipher("aes192-ctr", COMPATIBLE, _AES_CTR, key=24, iv=16, fips=True),
        _cipher("aes256-ctr", COMPATIBLE, _AES_CTR, key=32, iv=16, fips=True),
        _cbc("aes128-cbc", NONE, _AES_CBC, key=16, iv=16, remark=_OF_CBC, fips=True),
        _cbc("aes192-cbc", NONE, _AES_CBC, key=24, iv=16, remark=_OF_CBC, fips=True),
        _cbc("aes256-cbc", NONE, _AES_CBC, key=32, iv=16, remark=_OF_CBC, fips=True),
        _cbc("rijndael-cbc@lysator.liu.se", NONE, _AES_CBC, key=32, iv=16, remark=_OF_CBC, fips=True),
        _cbc("seed-cbc@ssh.com", NONE, partial(cbc, SEED), key=16, iv=16, remark=_OF_CBC),
        _old("blowfish-cbc", NONE, partial(cbc, Blowfish), key=16, iv=8, remark=_OF_64),
        _old("cast128-cbc", NONE, partial(cbc, CAST5), key=16, iv=8, remark=_OF_64),
        _cipher("3des-ctr", DOCUMENTED, _3DES_CTR, key=24, iv=8, most_bytes=FEW_BYTES, remark=_OF_3DES),
        _old("3des-cbc", NONE, _3DES_CBC, key=24, iv=8, remark=_OF_3DES),
        _rc4("arcfour256", DOCUMENTED, _LATE_RC4, key=32, iv=0),
        _rc4("arcfour128", DOCUMENTED, _LATE_RC4, key=16, iv=0),
        _rc4("arcfour", DOCUMENTED, arcfour, key=16, iv=0),
    ),
)

MACS = Chapter(
    "MAC",
    "SSHMacAlgorithms",
    (
        _mac("hmac-sha2-256-etm@openssh.com", MODERN, _SHA2_256, key=32, etm=True, fips=True),
        _mac("hmac-sha2-512-etm@openssh.com", MODERN, _SHA2_512, key=64, etm=True, fips=True),
        _mac("hmac-sha2-256", COMPATIBLE, _SHA2_256, key=32, fips=True),
        _mac("hmac-sha2-512", COMPATIBLE, _SHA2_512, key=64, fips=True),
        _umac("umac-128-etm@openssh.com", DOCUMENTED, _UMAC_128, etm=True),
        _umac("umac-128@openssh.com", DOCUMENTED, _UMAC_128),
        _umac("umac-64-etm@openssh.com", DOCUMENTED, _UMAC_64, etm=True, remark=_OF_UMAC_64),
        _umac("umac-64@openssh.com", DOCUMENTED, _UMAC_64, remark=_OF_UMAC_64),
        _mac("hmac-sha2-256-96-etm@openssh.com", NONE, _SHA2_256, key=32, etm=True, cut=12, remark=_OF_96),
        _mac("hmac-sha2-512-96-etm@openssh.com", NONE, _SHA2_512, key=64, etm=True, cut=12, remark=_OF_96),
        _mac("hmac-sha2-256-96", DOCUMENTED, _SHA2_256, key=32, cut=12, remark=_OF_96),
        _mac("hmac-sha2-512-96", DOCUMENTED, _SHA2_512, key=64, cut=12, remark=_OF_96),
        _mac("hmac-sha1-etm@openssh.com", NONE, _SHA1, key=20, etm=True, remark=_OF_SHA1),
        _mac("hmac-sha1-96-etm@openssh.com", NONE, _SHA1, key=20, etm=True, cut=12, remark=_OF_SHA1),
        _mac("hmac-sha1", DOCUMENTED, _SHA1, key=20, remark=_OF_SHA1),
        _mac("hmac-sha1-96", DOCUMENTED, _SHA1, key=20, cut=12, remark=_OF_SHA1),
        _mac("hmac-ripemd160", DOCUMENTED, _RIPEMD, key=20, remark=_OF_RIPEMD),
        _mac("hmac-ripemd160-96", DOCUMENTED, _RIPEMD, key=20, cut=12, remark=_OF_RIPEMD),
        _mac("hmac-md5-etm@openssh.com", NONE, _MD5, key=16, etm=True, remark=_OF_MD5),
        _mac("hmac-md5-96-etm@openssh.com", NONE, _MD5, key=16, etm=True, cut=12, remark=_OF_MD5),
        _mac("hmac-md5", DOCUMENTED, _MD5, key=16, remark=_OF_MD5),
        _mac("hmac-md5-96", DOCUMENTED, _MD5, key=16, cut=12, remark=_OF_MD5),
    ),
)

_zlib = partial(
    CompressionRow,
    build_compressor=lambda: Deflate().compress,
    build_decompressor=lambda: Inflate().decompress,
)

COMPRESSIONS = Chapter(
    "compression",
    "SSHCompressionAlgorithms",
    (
        CompressionRow("none", MODERN, fips=True),
        _zlib("zlib@openssh.com", MODERN, delayed=True, fips=True),
        _zlib("zlib", Profile.DOCUMENTED, remark="decompresses what strangers send, before any login", fips=True),
    ),
)
