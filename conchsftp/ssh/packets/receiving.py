"""
SSH packets that arrive: a `Receiver` cuts and opens them where `recv_into` put them.

Knows no socket, no message's meaning and no state of a key exchange; the other direction is in `staging.py`. Sources:
RFC 4253 section 6; OpenSSH's PROTOCOL, strict key exchange.
"""

from collections.abc import Callable

from conchsftp.errors import ProtocolViolation
from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.packets.ciphers import PacketCipher, forged

# "All implementations MUST be able to process packets with an uncompressed payload length of 32768 bytes or less and a
# total packet size of 35000 bytes or less" (RFC 4253, 6.1); OpenSSH takes 256 KiB, and so do we.
LARGEST_PACKET = 256 * 1024
_SMALLEST_PACKET = 5
_RECEIVE_BYTES = 512 * 1024
SEQUENCE_MASK = 0xFFFFFFFF

Decompress = Callable[[memoryview], bytes]


class ReceiveBuffer:
    """The bytes that one connection is busy with; all connections of a reactor take turns in one."""

    def __init__(self, size: int = _RECEIVE_BYTES) -> None:
        self.view = memoryview(bytearray(size))
        self.owner: Receiver | None = None


class Receiver:
    """
    Received bytes to payloads.

    Args:
        buffer: where bytes are received; shared, so views of it are good for one turn only.
    """

    def __init__(self, buffer: ReceiveBuffer) -> None:
        self._buffer = buffer
        self._view = buffer.view
        self._start = 0
        self._end = 0
        self._aside = b""
        self._cipher = PacketCipher()
        self._length = 0
        self._left = 0
        self._decompress: Decompress | None = None
        self.sequence = 0
        self.packets = 0
        """Packets since the keys were switched."""
        self.bytes = 0
        """Bytes since the keys were switched."""

    def lend(self) -> memoryview:
        """Return where the next bytes are to be received; ends the validity of every payload given out before."""
        buffer = self._buffer
        if buffer.owner is not self:
            if buffer.owner is not None:
                buffer.owner.put_aside()
            buffer.owner = self
            self._start, self._end = 0, len(self._aside)
            self._view[: self._end] = self._aside
            self._aside = b""
        elif self._start:
            rest = self._end - self._start
            self._view[:rest] = self._view[self._start : self._end]
            self._start, self._end = 0, rest
        return self._view[self._end :]

    def filled(self, count: int) -> None:
        """Say how many bytes were put into what was lent."""
        self._end += count

    def put_aside(self) -> None:
        """Leave the shared buffer to another connection."""
        self._aside = bytes(self._view[self._start : self._end])
        self._start = self._end = 0
        self._buffer.owner = None

    def release(self) -> None:
        """Forget everything: the connection is over."""
        if self._buffer.owner is self:
            self._buffer.owner = None
        self._start = self._end = 0
        self._aside = b""
        # Nobody but itself would hold it.
        self.__dict__.pop("next", None)

    def line(self, longest: int) -> bytes | None:
        """
        Return the next line without its end (CR LF or LF), or None if it is not complete.

        Raises:
            ProtocolViolation: there are more than `longest` bytes before the end of the line.
        """
        start = self._start
        seen = bytes(self._view[start : min(self._end, start + longest)])
        end = seen.find(b"\n")
        if end >= 0:
            self._start = start + end + 1
            return seen[:end].removesuffix(b"\r")
        if len(seen) >= longest:
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, f"identification line longer than {longest} bytes")
        return None

    def next(self) -> memoryview | None:
        """
        Return the payload of the next packet, or None if it is not complete.

        The payload is a view into the shared buffer, good until the next `lend`.

        Raises:
            ProtocolViolation: the packet is malformed, too large, or not authentic. Where the cipher conceals which,
                only after as many bytes as the longest packet has; until then nothing is returned.
        """
        start = self._start
        have = self._end - start
        cipher = self._cipher
        length = self._length
        try:
            if not length:
                head = cipher.head
                if have < head:
                    return None
                length = self._length = self._checked(cipher.length(self.sequence, self._view[start : start + head]))
            total = length + 4 + cipher.tag
            if have < total:
                return None
            packet = self._view[start : start + total]
            cipher.open(self.sequence, packet)
        except ProtocolViolation as violation:
            self._distrust(violation)
            return None
        padding = packet[4]
        if padding < 4 or padding + 2 > length:
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, f"padding of {padding} bytes in a packet of {length}")
        payload = packet[5 : 4 + length - padding]
        self._start = start + total
        self._length = 0
        self.sequence = (self.sequence + 1) & SEQUENCE_MASK
        self.packets += 1
        self.bytes += total
        if self._decompress is not None:
            payload = memoryview(self._decompress(payload))
            if not payload.nbytes:
                raise ProtocolViolation(Reason.PROTOCOL_ERROR, "empty payload after decompression")
        return payload

    def _distrust(self, violation: ProtocolViolation) -> None:
        """End the connection over a packet: at once, or where its cipher conceals what was wrong, when all is in."""
        cipher = self._cipher
        if not cipher.conceals:
            raise violation
        # A length that is believed before it is authenticated tells who tries lengths what somebody else's ciphertext
        # means: by the text, by the moment, by how many bytes it takes (CVE-2008-5161). As in OpenSSH, every such
        # connection ends with the same words when the longest packet would be here, and has worked as much.
        opened = self._length + 4 if self._length else 0
        self._start += opened
        self._left = LARGEST_PACKET + 4 + cipher.tag - opened
        self.next = self._swallow  # type: ignore[method-assign]
        self._swallow()

    def _swallow(self) -> None:
        """Throw away what came; stands in for `next` from `_distrust` on."""
        start = self._start
        fresh = min(self._end - start, self._left)
        if fresh:
            # Codes of libraries take no empty buffer.
            self._cipher.spend(self.sequence, self._view[start : start + fresh])
        self._start = start + fresh
        self._left -= fresh
        if not self._left:
            raise forged()

    def switch(self, cipher: PacketCipher, decompress: Decompress | None, *, reset: bool) -> None:
        """Take new keys for the next packet; `reset` starts the sequence at 0 (strict key exchange)."""
        self._cipher = cipher
        self._decompress = decompress
        self.packets = self.bytes = 0
        if reset:
            self.sequence = 0

    def decompress_with(self, decompress: Decompress | None) -> None:
        """Inflate from the next packet on (delayed compression)."""
        self._decompress = decompress

    def _checked(self, length: int) -> int:
        cipher = self._cipher
        aligned = length + 4 if cipher.pads_length else length
        if not _SMALLEST_PACKET <= length <= LARGEST_PACKET or aligned % cipher.block:
            raise ProtocolViolation(
                Reason.PROTOCOL_ERROR,
                f"packet length {length}, {_SMALLEST_PACKET} to {LARGEST_PACKET} in steps of {cipher.block} expected",
            )
        return length
