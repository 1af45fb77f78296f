"""
Protection of packets: which bytes are encrypted, where the length is read, what is authenticated.

One class for each arrangement; what encrypts in those that take a MAC is a `Transform`. One object protects one
direction for one set of keys, in place, in a buffer that somebody else owns. Knows nothing of sockets, queues, sequence
counting or rekeying. Sources: RFC 4253 section 6, RFC 4344, OpenSSH's PROTOCOL
(encrypt-then-MAC, AES-GCM) and PROTOCOL.chacha20poly1305.
"""

from collections.abc import Callable
from hmac import compare_digest
from struct import Struct

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.poly1305 import Poly1305

from conchsftp.errors import ProtocolViolation
from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.packets.macs import PacketMac
from conchsftp.ssh.packets.transforms import Transform

_LENGTH = Struct(">I")
_NO_BYTES = bytes(64)


class PacketCipher:
    """
    No protection, as before the first key exchange; the base of what protects.

    A packet is a writable view of everything that is on the wire: four bytes of length, the length of the padding,
    payload, padding, and `tag` bytes behind it.
    """

    head = 4
    """Bytes needed before the length is known."""
    tag = 0
    """Bytes that follow the packet."""
    block = 8
    """What the padding aligns to."""
    pads_length = True
    """Whether the four bytes of the length count for the alignment."""
    conceals = False
    """Whether nobody may learn where a packet stopped being believed: its length was encrypted, and nothing vouched."""

    def length(self, sequence: int, head: memoryview) -> int:
        """Return the packet length from the first `head` bytes; called once a packet, may decrypt them in place."""
        length: int = _LENGTH.unpack_from(head)[0]
        return length

    def open(self, sequence: int, packet: memoryview) -> None:
        """
        Verify and decrypt in place.

        Raises:
            ProtocolViolation: the packet was not made with these keys.
        """

    def seal(self, sequence: int, packet: memoryview) -> None:
        """Encrypt in place and write the tag into the last bytes."""

    def spend(self, sequence: int, data: memoryview) -> None:
        """Take the time that it takes to open a packet of these bytes, which are thrown away."""


def forged() -> ProtocolViolation:
    """Return what ends a connection in which a packet is not authentic."""
    return ProtocolViolation(Reason.MAC_ERROR, "packet corrupt: its authentication tag is wrong")


class GCMPackets(PacketCipher):
    """AES-GCM as OpenSSH defines it: the length is plain and authenticated, the nonce counts packets."""

    tag = 16
    block = 16
    pads_length = False

    def __init__(self, key: bytes, iv: bytes, mac: PacketMac | None = None) -> None:
        self._aead = AESGCM(key)
        self._fixed = iv[:4]
        self._count = int.from_bytes(iv[4:12], "big")

    def _nonce(self) -> bytes:
        count = self._count
        self._count = (count + 1) & 0xFFFFFFFFFFFFFFFF
        return self._fixed + count.to_bytes(8, "big")

    def open(self, sequence: int, packet: memoryview) -> None:
        try:
            self._aead.decrypt_into(self._nonce(), packet[4:], packet[:4], packet[4:-16])
        except InvalidTag:
            raise forged() from None

    def seal(self, sequence: int, packet: memoryview) -> None:
        self._aead.encrypt_into(self._nonce(), packet[4:-16], packet[:4], packet[4:])


class ChaChaPackets(PacketCipher):
    """ChaCha20-Poly1305 as OpenSSH defines it: a key for lengths, one for packets; the sequence number is the nonce."""

    tag = 16
    pads_length = False

    def __init__(self, key: bytes, iv: bytes = b"", mac: PacketMac | None = None) -> None:
        self._packets = Cipher(algorithms.ChaCha20(key[:32], bytes(16)), None).encryptor()
        self._lengths = Cipher(algorithms.ChaCha20(key[32:64], bytes(16)), None).encryptor()

    def length(self, sequence: int, head: memoryview) -> int:
        # The bytes stay as they are: the tag covers the encrypted length.
        self._lengths.reset_nonce(sequence.to_bytes(16, "big"))
        return int.from_bytes(self._lengths.update(head[:4]), "big")

    def _one_time_key(self, sequence: int) -> bytes:
        """Return the Poly1305 key of a packet and leave the stream at block 1, where its payload starts."""
        self._packets.reset_nonce(sequence.to_bytes(16, "big"))
        return self._packets.update(_NO_BYTES)[:32]

    def open(self, sequence: int, packet: memoryview) -> None:
        try:
            Poly1305.verify_tag(self._one_time_key(sequence), packet[:-16], bytes(packet[-16:]))
        except InvalidSignature:
            raise forged() from None
        body = packet[4:-16]
        self._packets.update_into(body, body)

    def seal(self, sequence: int, packet: memoryview) -> None:
        self._lengths.reset_nonce(sequence.to_bytes(16, "big"))
        self._lengths.update_into(packet[:4], packet[:4])
        key = self._one_time_key(sequence)
        body = packet[4:-16]
        self._packets.update_into(body, body)
        packet[-16:] = Poly1305.generate_tag(key, packet[:-16])


class EncryptThenMac(PacketCipher):
    """Encrypt-then-MAC (OpenSSH's PROTOCOL): plain length, then ciphertext, both authenticated."""

    pads_length = False

    def __init__(self, transform: Transform, mac: PacketMac) -> None:
        self._encrypt = transform.encrypt
        self._decrypt = transform.decrypt
        self._mac = mac.tag
        self.tag = mac.size
        self.block = transform.block

    def open(self, sequence: int, packet: memoryview) -> None:
        end = packet.nbytes - self.tag
        if not compare_digest(self._mac(sequence, packet[:end]), packet[end:]):
            raise forged()
        body = packet[4:end]
        self._decrypt(body, body)

    def seal(self, sequence: int, packet: memoryview) -> None:
        end = packet.nbytes - self.tag
        body = packet[4:end]
        self._encrypt(body, body)
        packet[end:] = self._mac(sequence, packet[:end])


class EncryptAndMac(EncryptThenMac):
    """Encrypt-and-MAC (RFC 4253): the length lies in the first encrypted block, the tag covers the plain packet."""

    pads_length = True
    conceals = True

    def __init__(self, transform: Transform, mac: PacketMac) -> None:
        super().__init__(transform, mac)
        self.head = self.block

    def length(self, sequence: int, head: memoryview) -> int:
        first = head[: self.head]
        self._decrypt(first, first)
        return super().length(sequence, first)

    def open(self, sequence: int, packet: memoryview) -> None:
        end = packet.nbytes - self.tag
        rest = packet[self.head : end]
        self._decrypt(rest, rest)
        if not compare_digest(self._mac(sequence, packet[:end]), packet[end:]):
            raise forged()

    def seal(self, sequence: int, packet: memoryview) -> None:
        end = packet.nbytes - self.tag
        packet[end:] = self._mac(sequence, packet[:end])
        self._encrypt(packet[:end], packet[:end])

    def spend(self, sequence: int, data: memoryview) -> None:
        blocks = data[: data.nbytes - data.nbytes % self.block]
        self._decrypt(blocks, blocks)
        self._mac(sequence, data)


def with_mac(make: Callable[[bytes, bytes], Transform], key: bytes, iv: bytes, mac: PacketMac) -> PacketCipher:
    """Return a cipher that has no authentication of its own, with a MAC; `mac.etm` decides between the arrangements."""
    return (EncryptThenMac if mac.etm else EncryptAndMac)(make(key, iv), mac)
