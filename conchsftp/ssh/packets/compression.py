"""
Compression of payloads, one direction each.

Flushes every packet, so that the peer can inflate it as soon as it has it, and inflates no more than a limit. Does not
know when compression starts: that is a matter of the transport. Sources: RFC 4253 section 6.2, RFC 1950, RFC 1951;
OpenSSH's PROTOCOL (zlib@openssh.com: the same, from the end of authentication).
"""

import zlib
from typing import Protocol

from conchsftp.errors import ProtocolViolation
from conchsftp.ssh.numbers import Reason

LIMIT = 256 * 1024 + 1024
"""Most bytes that one packet may inflate to: the largest payload (a WRITE of 255 KiB) and its headers."""
EARLY_LIMIT = 35_000
"""The same before login, of anybody: what every implementation can take at least (RFC 4253, 6.1)."""

# The lowest level: it yields most of what there is to gain at two to three times the speed of the default (6). The slow
# line that a client compresses for would gain little from more; the server, which does this for many, would lose much.
_LEVEL = 1


class Deflate:
    """Compresses the payloads of one direction, from one NEWKEYS to the next."""

    __slots__ = ("_stream",)

    def __init__(self) -> None:
        self._stream = zlib.compressobj(_LEVEL)

    def compress(self, payload: bytes | memoryview) -> bytes:
        """Return the payload compressed; whoever has all packets so far can inflate it."""
        stream = self._stream
        # Partial, where most use sync: four bytes less in every packet, which counts for small ones.
        return stream.compress(payload) + stream.flush(zlib.Z_PARTIAL_FLUSH)


class Decompressor(Protocol):
    """What `Inflate.decompress` is."""

    def __call__(self, payload: bytes | memoryview, limit: int = LIMIT) -> bytes: ...


class Inflate:
    """Decompresses the payloads of one direction, from one NEWKEYS to the next."""

    __slots__ = ("_stream",)

    def __init__(self) -> None:
        self._stream = zlib.decompressobj()

    def decompress(self, payload: bytes | memoryview, limit: int = LIMIT) -> bytes:
        """
        Return the payload inflated.

        Args:
            payload: as `Deflate.compress` of the peer gave it.
            limit: the most bytes to return; a few bytes can inflate to a thousand times as many.
        Raises:
            ProtocolViolation: it is not compressed data, inflates to more than the limit or to nothing, or ends the
                stream, after which no packet could follow.
        """
        stream = self._stream
        try:
            # One byte more than the limit: only if it stops short of that has everything come out.
            inflated = stream.decompress(payload, limit + 1)
        except zlib.error:
            raise _corrupt("not compressed data") from None
        if len(inflated) > limit:
            raise _corrupt(f"a packet inflates to more than {limit} bytes")
        if stream.eof:
            raise _corrupt("the compressed stream ends")
        if not inflated:
            raise _corrupt("a packet inflates to nothing")
        return inflated


def _corrupt(text: str) -> ProtocolViolation:
    return ProtocolViolation(Reason.COMPRESSION_ERROR, f"compression: {text}")
