"""
SSH packets of one direction each: a `Receiver` that cuts and opens them, a `Sender` that lays them out and seals them.

Both work in place in one large buffer: what arrives is decrypted where `recv_into` put it, and file data is read to
where it will be encrypted and sent from. Neither knows a socket, a message's meaning or the state of a key exchange.
Sources: RFC 4253 section 6; OpenSSH's PROTOCOL, strict key exchange.
"""

from collections.abc import Callable
from os import urandom
from struct import Struct

from conchsftp.errors import ProtocolViolation
from conchsftp.ssh.ciphers import PacketCipher
from conchsftp.ssh.numbers import Reason

# "All implementations MUST be able to process packets with an uncompressed payload length of 32768 bytes or less and a
# total packet size of 35000 bytes or less" (RFC 4253, 6.1); OpenSSH takes 256 KiB, and so do we.
LARGEST_PACKET = 256 * 1024
_SMALLEST_PACKET = 5
_RECEIVE_BYTES = 512 * 1024
_STAGING_BYTES = 640 * 1024
_SEQUENCE_MASK = 0xFFFFFFFF
# Length, padding length, the most padding and the longest tag.
_OVERHEAD = 4 + 1 + 32 + 64
_DATA_AT = 5 + 9
"""Where the data of a CHANNEL_DATA message begins in its packet: behind type, recipient and length."""

_LENGTHS = Struct(">IB")
_U32 = Struct(">I")

Compress = Callable[[memoryview], bytes]
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
            ProtocolViolation: the packet is malformed, too large, or not authentic.
        """
        start = self._start
        have = self._end - start
        cipher = self._cipher
        length = self._length
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
        padding = packet[4]
        if padding < 4 or padding + 2 > length:
            raise ProtocolViolation(Reason.PROTOCOL_ERROR, f"padding of {padding} bytes in a packet of {length}")
        payload = packet[5 : 4 + length - padding]
        self._start = start + total
        self._length = 0
        self.sequence = (self.sequence + 1) & _SEQUENCE_MASK
        self.packets += 1
        self.bytes += total
        if self._decompress is not None:
            payload = memoryview(self._decompress(payload))
            if not payload.nbytes:
                raise ProtocolViolation(Reason.PROTOCOL_ERROR, "empty payload after decompression")
        return payload

    def lacking(self) -> int:
        """Return how many bytes the packet that has begun still lacks; 0 if its length is not known yet."""
        return self._length and self._length + 4 + self._cipher.tag - (self._end - self._start)

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


class StagingPool:
    """
    Buffers to lay packets out in; a connection holds one only while it has something to send.

    Args:
        keep: how many unused buffers are kept.
    """

    def __init__(self, keep: int = 4) -> None:
        self._keep = keep
        self._free: list[memoryview] = []

    def take(self) -> memoryview:
        return self._free.pop() if self._free else memoryview(bytearray(_STAGING_BYTES))

    def give_back(self, view: memoryview) -> None:
        if len(self._free) < self._keep and view.nbytes == _STAGING_BYTES:
            self._free.append(view)


_NOTHING = memoryview(b"")


class Sender:
    """
    Payloads to sealed bytes.

    `packet()` seals a message at once. Channel data goes into a *data message* that stays open, so that small replies
    share it, until it is full, another message comes, or the bytes are asked for.
    """

    def __init__(self, pool: StagingPool) -> None:
        self._pool = pool
        self._view = _NOTHING
        self._start = 0
        self._end = 0
        self._cipher = PacketCipher()
        self._compress: Compress | None = None
        self._head = b""
        self._at = 0
        self._cursor = 0
        self._limit = 0
        self._noise = memoryview(urandom(4096))
        self._noise_at = 0
        self.sequence = 0
        self.packets = 0
        """Packets since the keys were switched."""
        self.bytes = 0
        """Bytes since the keys were switched."""

    @property
    def waiting(self) -> int:
        """Bytes that are laid out and not yet sent."""
        return (self._cursor if self._head else self._end) - self._start

    def line(self, line: bytes) -> None:
        """Add bytes that are no packet: the identification line."""
        self._make_room(len(line))
        self._view[self._end : self._end + len(line)] = line
        self._end += len(line)

    def packet(self, payload: bytes) -> None:
        """Seal one message behind everything that came before it."""
        self.close()
        size = len(payload)
        self._make_room(size + _OVERHEAD + self._slack(size))
        at = self._end
        self._view[at + 5 : at + 5 + size] = payload
        self._seal(at, size)

    def data(self, head: bytes, limit: int, data: bytes | memoryview) -> None:
        """
        Add channel data.

        Args:
            head: message number and recipient channel; the same object every time for one channel.
            limit: the most data one message may carry, in bytes.
            data: what to send; the caller has looked at the window.
        """
        size, at = len(data), 0
        while at < size:
            take = min(self._room(head, limit), size - at)
            cursor = self._cursor
            # Most replies fit as they are, and a slice of bytes would be a copy.
            self._view[cursor : cursor + take] = data if take == size else memoryview(data)[at : at + take]
            self._cursor = cursor + take
            at += take

    def reserve(self, head: bytes, limit: int, before: int, size: int) -> list[memoryview]:
        """
        Lend the places that `size` bytes of channel data will be sent from, behind `before` bytes that come first.

        Nothing else may be sent until `commit`. The places lie in as many messages as are needed.
        """
        if self._room(head, limit) <= before:
            self.close()
            self._room(head, limit)
        stride = self._stride()
        self._make_room((size // limit + 2) * stride)
        at = self._cursor + before
        views = []
        room = self._at + _DATA_AT + limit - at
        base = self._at
        while size > room:
            views.append(self._view[at : at + room])
            size -= room
            base += stride
            at, room = base + _DATA_AT, limit
        views.append(self._view[at : at + size])
        return views

    def commit(self, first: bytes, count: int) -> None:
        """Send `first`, as long as was announced to `reserve`, and `count` bytes from the places that were lent."""
        self._view[self._cursor : self._cursor + len(first)] = first
        self._cursor += len(first)
        head, limit, stride = self._head, self._limit, self._stride()
        while count:
            room = self._at + _DATA_AT + limit - self._cursor
            if not room:
                base = self._at + stride
                self.close()
                self._begin(head, limit, base)
                room = limit
            take = min(room, count)
            self._cursor += take
            count -= take

    def close(self) -> None:
        """Seal the data message that is open, if one is."""
        if self._head:
            self._head = b""
            at = self._at
            size = self._cursor - at - _DATA_AT
            if size:
                _U32.pack_into(self._view, at + 10, size)
                self._seal(at, 9 + size)

    def unsent(self) -> memoryview:
        """Seal what is open and return everything that is to be sent now."""
        self.close()
        return self._view[self._start : self._end]

    def sent(self, count: int) -> None:
        """Say how much of `unsent()` has left; the buffer goes back to the pool when nothing remains."""
        self._start += count
        if self._start == self._end and not self._head:
            if self._view.nbytes:
                self._pool.give_back(self._view)
            self._view = _NOTHING
            self._start = self._end = 0

    def switch(self, cipher: PacketCipher, compress: Compress | None, *, reset: bool) -> None:
        """Take new keys for the next packet; `reset` starts the sequence at 0 (strict key exchange)."""
        self.close()
        self._cipher = cipher
        self._compress = compress
        self.packets = self.bytes = 0
        if reset:
            self.sequence = 0

    def compress_with(self, compress: Compress | None) -> None:
        """Deflate from the next packet on (delayed compression)."""
        self.close()
        self._compress = compress

    def release(self) -> None:
        """Forget everything: the connection is over."""
        self._head = b""
        self._start = self._end = 0
        self.sent(0)

    def _room(self, head: bytes, limit: int) -> int:
        """Return how much the open data message of this channel still takes; opens one if there is none."""
        if self._head is head:
            room = self._at + _DATA_AT + limit - self._cursor
            if room:
                return room
        self.close()
        self._make_room(9 + limit + _OVERHEAD + self._slack(limit))
        self._begin(head, limit, self._end)
        return limit

    def _begin(self, head: bytes, limit: int, at: int) -> None:
        self._head = head
        self._limit = limit
        self._at = at
        self._view[at + 5 : at + 10] = head
        self._cursor = at + _DATA_AT

    def _stride(self) -> int:
        """Return the distance between two full data messages."""
        size = 9 + self._limit
        return size + 5 + self._padding(size) + self._cipher.tag + self._slack(size)

    def _slack(self, size: int) -> int:
        # What deflate adds to what it cannot shorten, and its flush marker.
        return 0 if self._compress is None else 64 + size // 512

    def _padding(self, size: int) -> int:
        """Return the padding for a payload: at least 4 bytes (RFC 4253, 6)."""
        cipher = self._cipher
        padding = cipher.block - (size + (5 if cipher.pads_length else 1)) % cipher.block
        return padding if padding >= 4 else padding + cipher.block

    def _seal(self, at: int, size: int) -> None:
        """Make a packet of the payload that lies at `at + 5`, behind what is sealed already."""
        view = self._view
        if self._compress is not None:
            payload = self._compress(view[at + 5 : at + 5 + size])
            size = len(payload)
            at = self._end
            view[at + 5 : at + 5 + size] = payload
        cipher = self._cipher
        padding = self._padding(size)
        _LENGTHS.pack_into(view, at, 1 + size + padding, padding)
        after = at + 5 + size
        noise = self._noise_at
        if noise + padding > 4096:
            self._noise = memoryview(urandom(4096))
            noise = 0
        self._noise_at = noise + padding
        view[after : after + padding] = self._noise[noise : noise + padding]
        end = after + padding + cipher.tag
        cipher.seal(self.sequence, view[at:end])
        self._end = end
        self.sequence = (self.sequence + 1) & _SEQUENCE_MASK
        self.packets += 1
        self.bytes += end - at

    def _make_room(self, size: int) -> None:
        """See to it that `size` bytes fit behind what is laid out."""
        view = self._view
        if not view.nbytes:
            view = self._view = self._pool.take()
        used = self._cursor if self._head else self._end
        if used + size <= view.nbytes:
            return
        # Only messages that are small or that a slow peer let pile up come here; the writer above stops at its mark.
        # Such a peer may never take everything: what has left must not count, or the buffer grows with all it was sent.
        shift = self._start
        rest = used - shift
        larger = view
        if 2 * (rest + size) > view.nbytes:
            larger = memoryview(bytearray(2 * (rest + size)))
            self._pool.give_back(view)
        larger[:rest] = view[shift:used]
        self._view = larger
        self._start = 0
        self._end -= shift
        self._at -= shift
        self._cursor -= shift
