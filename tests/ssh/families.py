"""
What the tests of packets share: one cipher of each family with fixed keys, and packets made by hand.

Independent of `Sender`; sealing itself is proven by the vectors in `test_ciphers`.
"""

from collections.abc import Callable
from hmac import digest
from struct import pack

from conchsftp.ssh.packets.ciphers import ChaChaPackets, GCMPackets, PacketCipher, ctr_packets
from conchsftp.ssh.packets.receiving import ReceiveBuffer, Receiver

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


FAMILIES: dict[str, Callable[[], PacketCipher]] = {
    "none": PacketCipher,
    "gcm": lambda: GCMPackets(KEY[:32], KEY[:12]),
    "chacha": lambda: ChaChaPackets(KEY),
    "ctr, encrypt-then-mac": lambda: ctr_packets(SMALL, SMALL, Mac(etm=True)),
    "ctr, encrypt-and-mac": lambda: ctr_packets(SMALL, SMALL, Mac(etm=False)),
}

PROTECTED = {name: make for name, make in FAMILIES.items() if name != "none"}


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
