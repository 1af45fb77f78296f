"""
SSH packets that leave: a `Sender` lays them out and seals them in the buffer that they are sent from.

File data is read to where it will be encrypted. Knows no socket, no message's meaning and no state of a key exchange;
the other direction is in `receiving.py`. Sources: RFC 4253 section 6; OpenSSH's PROTOCOL, strict key exchange.
"""

from collections.abc import Callable
from os import urandom
from struct import Struct

from conchsftp.ssh.packets.ciphers import PacketCipher
from conchsftp.ssh.packets.receiving import SEQUENCE_MASK

_STAGING_BYTES = 640 * 1024
# Length, padding length, the most padding and the longest tag.
_OVERHEAD = 4 + 1 + 32 + 64
_DATA_AT = 5 + 9
"""Where the data of a CHANNEL_DATA message begins in its packet: behind type, recipient and length."""

_LENGTHS = Struct(">IB")
_U32 = Struct(">I")

Compress = Callable[[memoryview], bytes]


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
        self._full = 0
        self._limit = 0
        self._stride = 0
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
        cursor = self._cursor
        end = cursor + size
        if self._head is head and end <= self._full:
            # Nearly every reply fits behind the one before it.
            self._view[cursor:end] = data
            self._cursor = end
            return
        left = memoryview(data)
        while at < size:
            take = min(self._room(head, limit), size - at)
            cursor = self._cursor
            self._view[cursor : cursor + take] = left[at : at + take]
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
        stride = self._stride
        self._make_room((size // limit + 2) * stride)
        at = self._cursor + before
        views = []
        room = self._full - at
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
        head, limit, stride = self._head, self._limit, self._stride
        while count:
            room = self._full - self._cursor
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
        self._limit = 0
        self.packets = self.bytes = 0
        if reset:
            self.sequence = 0

    def compress_with(self, compress: Compress | None) -> None:
        """Deflate from the next packet on (delayed compression)."""
        self.close()
        self._compress = compress
        self._limit = 0

    def follow(self, told: "Callable[[int, int], None] | None") -> None:
        """Have a function told number and size of each message that is sealed from now on; None: nobody."""
        if told is None:
            self.__dict__.pop("_seal", None)
            return

        def tell_and_seal(at: int, size: int) -> None:
            told(self._view[at + 5], size)
            Sender._seal(self, at, size)

        self.__dict__["_seal"] = tell_and_seal

    def release(self) -> None:
        """Forget everything: the connection is over."""
        self._head = b""
        self._start = self._end = 0
        self.sent(0)

    def _room(self, head: bytes, limit: int) -> int:
        """Return how much the open data message of this channel still takes; opens one if there is none."""
        if self._head is head:
            room = self._full - self._cursor
            if room:
                return room
        self.close()
        self._make_room(9 + limit + _OVERHEAD + self._slack(limit))
        self._begin(head, limit, self._end)
        return limit

    def _begin(self, head: bytes, limit: int, at: int) -> None:
        if limit != self._limit:
            # The distance between two full data messages.
            size = 9 + limit
            self._stride = size + 5 + self._padding(size) + self._cipher.tag + self._slack(size)
            self._limit = limit
        self._head = head
        self._at = at
        self._view[at + 5 : at + 10] = head
        self._cursor = at + _DATA_AT
        self._full = self._cursor + limit

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
        self.sequence = (self.sequence + 1) & SEQUENCE_MASK
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
        self._full -= shift
