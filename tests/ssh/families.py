"""
What the tests of packets share: a cipher of each arrangement with fixed keys, and packets made by hand.

Independent of `Sender`; sealing itself is proven by the vectors in `test_ciphers`.
"""

from collections.abc import Callable
from functools import partial
from hmac import digest
from struct import pack
from typing import Any

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from conchsftp.errors import ProtocolViolation
from conchsftp.ssh.packets.ciphers import ChaChaPackets, GCMPackets, PacketCipher, with_mac
from conchsftp.ssh.packets.receiving import LARGEST_PACKET, ReceiveBuffer, Receiver
from conchsftp.ssh.packets.transforms import arcfour, cbc, ctr, ctr_of_ecb

KEY = bytes(range(64))
SMALL = bytes(range(16))


class Mac:
    """HMAC-SHA2-256 over sequence number and packet, in either arrangement."""

    size = 32

    def __init__(self, etm: bool, key: bytes = KEY[:32]) -> None:
        self.etm = etm
        self._key = key

    def tag(self, sequence: int, packet: bytes | memoryview) -> bytes:
        return digest(self._key, pack(">I", sequence) + bytes(packet), "sha256")


AES_CTR, AES_CBC = partial(ctr, AES), partial(cbc, AES)
_3DES_CTR, _3DES_CBC = partial(ctr_of_ecb, TripleDES), partial(cbc, TripleDES)


def _family(make: Any, key: int, iv: int, *, etm: bool) -> Callable[[], PacketCipher]:
    return lambda: with_mac(make, KEY[:key], KEY[:iv], Mac(etm))


FAMILIES: dict[str, Callable[[], PacketCipher]] = {
    "none": PacketCipher,
    "gcm": lambda: GCMPackets(KEY[:32], KEY[:12]),
    "chacha": lambda: ChaChaPackets(KEY),
    "ctr, encrypt-then-mac": _family(AES_CTR, 16, 16, etm=True),
    "ctr, encrypt-and-mac": _family(AES_CTR, 16, 16, etm=False),
    "cbc, encrypt-then-mac": _family(AES_CBC, 16, 16, etm=True),
    "cbc, encrypt-and-mac": _family(AES_CBC, 16, 16, etm=False),
    "small blocks, encrypt-then-mac": _family(_3DES_CTR, 24, 8, etm=True),
    "small blocks, encrypt-and-mac": _family(_3DES_CBC, 24, 8, etm=False),
    "arcfour, encrypt-and-mac": _family(partial(arcfour, skip=1536), 16, 0, etm=False),
}

PROTECTED = {name: make for name, make in FAMILIES.items() if name != "none"}
CONCEALING = {name: make for name, make in FAMILIES.items() if "encrypt-and-mac" in name}


def unhex(text: str) -> bytes:
    """Return the bytes of hex digits, which may be set in groups."""
    return bytes.fromhex("".join(text.split()))


def least_padding(cipher: PacketCipher, size: int) -> int:
    """Return the shortest padding that is allowed for a payload (RFC 4253, 6)."""
    counted = 5 if cipher.pads_length else 1
    return next(padding for padding in range(4, 256) if not (counted + size + padding) % cipher.block)


def plain(cipher: PacketCipher, payload: bytes, padding: int | None = None, length: int | None = None) -> bytearray:
    """Lay out a packet with zero padding and room for the tag; `padding` and `length` may be wrong on purpose."""
    if padding is None:
        padding = least_padding(cipher, len(payload))
    if length is None:
        length = 1 + len(payload) + padding
    return bytearray(pack(">IB", length, padding) + payload + bytes(padding + cipher.tag))


def sealed(cipher: PacketCipher, sequence: int, payload: bytes, padding: int | None = None) -> bytes:
    """Return a whole packet as it is on the wire."""
    packet = plain(cipher, payload, padding)
    cipher.seal(sequence, memoryview(packet))
    return bytes(packet)


def stream(cipher: PacketCipher, payloads: list[bytes], sequence: int = 0) -> bytes:
    """Return the packets of several payloads, one after the other."""
    return b"".join(sealed(cipher, (sequence + number) % 2**32, payload) for number, payload in enumerate(payloads))


def receiving(cipher: PacketCipher, buffer: ReceiveBuffer | None = None) -> Receiver:
    """Return a receiver that uses a cipher from sequence number 0 on."""
    receiver = Receiver(buffer or ReceiveBuffer())
    receiver.switch(cipher, None, reset=True)
    return receiver


def put(receiver: Receiver, data: bytes) -> None:
    """Receive some bytes."""
    receiver.lend()[: len(data)] = data
    receiver.filled(len(data))


def taken(receiver: Receiver) -> list[bytes]:
    """Return every whole payload that is here."""
    payloads = []
    while (payload := receiver.next()) is not None:
        payloads.append(bytes(payload))
    return payloads


def refused(receiver: Receiver) -> ProtocolViolation:
    """Return the error that what is here leads to, at the latest with as much behind it as the longest packet has."""
    for more in (0, LARGEST_PACKET + 100):
        put(receiver, bytes(more))
        try:
            receiver.next()
        except ProtocolViolation as violation:
            return violation
    raise AssertionError("nothing was refused")
