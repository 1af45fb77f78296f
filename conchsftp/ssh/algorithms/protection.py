"""
The rows of what protects packets: ciphers, message authentication codes, compressions.

How they work is in `conchsftp.ssh.packets`. The order of the rows is our preference: AES-GCM first, which processors
have instructions for. `modern` holds what ssh-audit (3.9) lists without failure or warning; a test asks it.
"""

from functools import partial

from cryptography.hazmat.primitives.hashes import SHA256, SHA512, HashAlgorithm

from conchsftp.ssh.algorithms.registry import Chapter, CipherRow, CompressionRow, MacRow, Profile
from conchsftp.ssh.packets.ciphers import ChaChaPackets, GCMPackets, ctr_packets
from conchsftp.ssh.packets.compression import Deflate, Inflate
from conchsftp.ssh.packets.macs import Hmac

MODERN, COMPATIBLE = Profile.MODERN, Profile.COMPATIBLE
_cipher = CipherRow


def _hmac(name: str, profile: Profile, hash: HashAlgorithm, *, etm: bool = False) -> MacRow:
    return MacRow(name, profile, key=hash.digest_size, etm=etm, build=partial(Hmac, hash, etm=etm))


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

_zlib = partial(
    CompressionRow,
    build_compressor=lambda: Deflate().compress,
    build_decompressor=lambda: Inflate().decompress,
)

COMPRESSIONS = Chapter(
    "compression",
    "SSHCompressionAlgorithms",
    (
        CompressionRow("none", MODERN),
        _zlib("zlib@openssh.com", MODERN, delayed=True),
        _zlib("zlib", Profile.DOCUMENTED, remark="decompresses what strangers send, before any login"),
    ),
)
