"""
Certificates of users, made byte by byte, so that anything about one can be wrong.
"""

from collections.abc import Sequence
from typing import Any

from twisted.conch.ssh.common import NS

from conchsftp.auth.keys.krl import MAGIC
from tests.auth.support import unhex

FOREVER = 2**64 - 1
Options = Sequence[tuple[bytes, bytes]]


def u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def packed(options: Options) -> bytes:
    """Options as they stand in a certificate, inside of one string."""
    return b"".join(NS(name) + NS(data) for name, data in options)


def key_fields(blob: bytes) -> bytes:
    """What follows the name of a key in its blob."""
    return blob[4 + int.from_bytes(blob[:4], "big") :]


KRL_HEAD = MAGIC + unhex("00000001 0000000000000007 0000000065000000 0000000000000000 00000000 00000004") + b"mine"


def krl_section(number: int, data: bytes) -> bytes:
    """A part of a list of revoked keys."""
    return bytes((number,)) + NS(data)


def krl_certificates(*sections: bytes, ca: bytes) -> bytes:
    """The part about the certificates of a CA."""
    return krl_section(1, NS(ca) + NS(b"") + b"".join(sections))


class Certified:
    """
    A key with a certificate, which may be used in place of a key.

    Args:
        key: the key that is certified.
        ca: the key that signs.
        signature: what stands in the place of the CA's signature.
        tail: what follows it.
    """

    def __init__(
        self,
        key: Any,
        ca: Any,
        *,
        type_name: str = "",
        serial: int = 7,
        kind: int = 1,
        key_id: bytes = b"alice's laptop",
        principals: Sequence[bytes] = (b"alice",),
        after: int = 0,
        before: int = FOREVER,
        critical: Options = (),
        extensions: Options = ((b"permit-pty", b""),),
        ca_blob: bytes | None = None,
        signature: bytes | None = None,
        tail: bytes = b"",
    ) -> None:
        self.key = key
        self.algorithm = _certified(key.algorithm)
        plain = key.blob[4 : 4 + key.blob[3]].decode()
        body = (
            NS((type_name or _certified(plain)).encode())
            + NS(b"a nonce of 32 bytes: " + bytes(11))
            + key_fields(key.blob)
            + u64(serial)
            + kind.to_bytes(4, "big")
            + NS(key_id)
            + NS(b"".join(map(NS, principals)))
            + u64(after)
            + u64(before)
            + NS(packed(critical))
            + NS(packed(extensions))
            + NS(b"")
            + NS(ca.blob if ca_blob is None else ca_blob)
        )
        self.blob = body + NS(ca.sign(body) if signature is None else signature) + tail

    def sign(self, data: bytes) -> bytes:
        """What the key signs: its certificate changes nothing about it."""
        signature: bytes = self.key.sign(data)
        return signature


def _certified(name: str) -> str:
    return name.removesuffix("@openssh.com") + "-cert-v01@openssh.com"
