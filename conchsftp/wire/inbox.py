"""
Exact lengths out of a stream of chunks.

Cuts a stream of `uint32 length, bytes` packets without copying: chunks are views that the caller lends until `keep()`,
and a packet comes out as the views it lies in. Only what is still unread when the lender wants its buffer back is
copied, once. Knows no protocol beyond the length. Source: filexfer-13, section 4.
"""

from collections import deque
from struct import Struct

Pieces = list[memoryview]

_LENGTH = Struct(">I")
# A peer that sends one byte per message must not cost one object per byte: kept pieces below this size grow together.
_SMALL = 4096


class Inbox:
    """
    Packets out of chunks.

    Args:
        largest: the highest packet length that is accepted, in bytes, without the four bytes of the length itself.
        smallest: the lowest.
    """

    __slots__ = ("_at", "_fresh", "_largest", "_need", "_pieces", "_smallest", "size")

    def __init__(self, largest: int, smallest: int = 5) -> None:
        self._largest = largest
        self._smallest = smallest
        self._pieces: deque[memoryview] = deque()
        self._at = 0
        self._fresh = 0
        self._need = 0
        self.size = 0
        """Bytes that are here and not yet taken."""

    def feed(self, chunk: memoryview) -> None:
        """Add a chunk; it must stay unchanged until `keep()`."""
        if chunk.nbytes:
            self._pieces.append(chunk)
            self._fresh += 1
            self.size += chunk.nbytes

    def take(self) -> Pieces | None:
        """
        Return the next whole packet, without its length, as the views it lies in, or None.

        Raises:
            ValueError: the length is out of bounds; the stream cannot be followed any further.
        """
        need = self._need
        if not need:
            if self.size < 4:
                return None
            head, at = self._pieces[0], self._at + 4
            if at <= head.nbytes:
                # Nearly every packet lies in one chunk as a whole.
                end = at + _LENGTH.unpack_from(head, at - 4)[0]
                if end < head.nbytes and self._smallest <= end - at <= self._largest:
                    self._at = end
                    self.size -= end - at + 4
                    return [head[at:end]]
            need = self._length()
            if not self._smallest <= need <= self._largest:
                raise ValueError(f"packet length {need}, {self._smallest} to {self._largest} expected")
            self._need = need
        if self.size < need:
            return None
        self._need = 0
        return self._cut(need)

    def keep(self) -> None:
        """Copy what is unread, so that the chunks fed so far may be overwritten."""
        fresh = min(self._fresh, len(self._pieces))
        self._fresh = 0
        if not fresh:
            return
        pieces = self._pieces
        borrowed = [pieces.pop() for _ in range(fresh)]
        borrowed.reverse()
        if not pieces:
            borrowed[0] = borrowed[0][self._at :]
            self._at = 0
        elif pieces[-1].nbytes < _SMALL:
            borrowed.insert(0, pieces.pop())
        pieces.append(memoryview(b"".join(borrowed)))

    def _length(self) -> int:
        head = self._pieces[0]
        end = self._at + 4
        if end <= head.nbytes:
            self.size -= 4
            length: int = _LENGTH.unpack_from(head, self._at)[0]
            self._advance(head, end)
            return length
        return int.from_bytes(b"".join(self._cut(4)), "big")

    def _cut(self, length: int) -> Pieces:
        self.size -= length
        pieces = self._pieces
        head = pieces[0]
        end = self._at + length
        if end <= head.nbytes:
            packet = head[self._at : end]
            self._advance(head, end)
            return [packet]
        cut = [head[self._at :]]
        length -= head.nbytes - self._at
        pieces.popleft()
        while length >= pieces[0].nbytes:
            head = pieces.popleft()
            length -= head.nbytes
            cut.append(head)
            if not length:
                self._at = 0
                return cut
        cut.append(pieces[0][:length])
        self._at = length
        return cut

    def _advance(self, head: memoryview, end: int) -> None:
        if end == head.nbytes:
            self._pieces.popleft()
            end = 0
        self._at = end
