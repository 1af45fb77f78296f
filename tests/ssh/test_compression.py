"""Tests of `conchsftp.ssh.packets.compression`."""

import os
import zlib

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ProtocolViolation
from conchsftp.ssh.numbers import Reason
from conchsftp.ssh.packets.compression import LIMIT, Deflate, Inflate

PAYLOADS = (b"\x5e", b"a" * 100, b"a" * 100, bytes(32768), os.urandom(32768), b"a" * 100, os.urandom(5))


class DeflateTests(SynchronousTestCase):
    """What leaves."""

    def test_any_zlib_inflates_each_packet(self) -> None:
        """Every packet can be inflated when it arrives, by zlib itself, without what comes later."""
        deflate, stream = Deflate(), zlib.decompressobj()
        for payload in PAYLOADS:
            self.assertEqual(stream.decompress(deflate.compress(payload)), payload)

    def test_one_stream(self) -> None:
        """A packet like the one before it becomes much smaller: the stream goes on over packets."""
        deflate = Deflate()
        noise = os.urandom(1000)
        self.assertGreater(len(deflate.compress(noise)), 1000)
        self.assertLess(len(deflate.compress(noise)), 100)

    def test_small_overhead(self) -> None:
        """What cannot be compressed grows by less than the sender's buffer has room for."""
        deflate = Deflate()
        for size in (1, 1000, 32768, 256 * 1024):
            self.assertLessEqual(len(deflate.compress(os.urandom(size))), size + 64 + size // 512)

    def test_views(self) -> None:
        """A payload may be a view."""
        self.assertEqual(Inflate().decompress(memoryview(Deflate().compress(memoryview(b"payload")))), b"payload")


class InflateTests(SynchronousTestCase):
    """What arrives."""

    def violation(self, payload: bytes, limit: int = LIMIT, inflate: Inflate | None = None) -> ProtocolViolation:
        """Return the violation that a payload is."""
        violation = self.assertRaises(ProtocolViolation, (inflate or Inflate()).decompress, payload, limit)
        self.assertEqual(violation.reason, Reason.COMPRESSION_ERROR)
        return violation

    def test_any_flush(self) -> None:
        """Peers may flush partially, as OpenSSH does, or with sync or full flush, as others do, at any level."""
        for flush in (zlib.Z_PARTIAL_FLUSH, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH):
            for level in (1, 6, 9):
                stream, inflate = zlib.compressobj(level), Inflate()
                for payload in PAYLOADS:
                    packet = stream.compress(payload) + stream.flush(flush)
                    self.assertEqual(inflate.decompress(packet), payload)

    def test_limit(self) -> None:
        """A packet may inflate to the limit, and to no byte more."""
        for size in (999, 1000):
            self.assertEqual(len(Inflate().decompress(Deflate().compress(bytes(size)), 1000)), size)
        self.violation(Deflate().compress(bytes(1001)), 1000)

    def test_default_limit(self) -> None:
        """Without a limit given, 256 KiB and the headers of a message pass, and one byte more does not."""
        self.assertGreater(LIMIT, 256 * 1024)
        self.assertEqual(len(Inflate().decompress(Deflate().compress(bytes(LIMIT)))), LIMIT)
        self.violation(Deflate().compress(bytes(LIMIT + 1)))

    def test_bomb(self) -> None:
        """A packet of 64 KiB that would inflate to 64 MiB ends the connection; no more than the limit is inflated."""
        stream = zlib.compressobj(9)
        bomb = stream.compress(bytes(64 << 20)) + stream.flush(zlib.Z_PARTIAL_FLUSH)
        self.assertLess(len(bomb), 1 << 16)
        self.violation(bomb)

    def test_garbage(self) -> None:
        """Bytes that are not compressed data are a violation."""
        self.violation(b"\xff" * 16)
        started = Inflate()
        started.decompress(Deflate().compress(b"first"))
        self.violation(b"\xff" * 16, inflate=started)

    def test_end_of_stream(self) -> None:
        """A stream that ends leaves the next packets without meaning: it is a violation at once."""
        stream = zlib.compressobj()
        self.violation(stream.compress(b"last") + stream.flush(zlib.Z_FINISH))
        self.violation(zlib.compress(b"last") + b"more")

    def test_nothing(self) -> None:
        """A packet that inflates to nothing holds no message."""
        self.violation(b"")
        stream = zlib.compressobj()
        self.violation(stream.flush(zlib.Z_SYNC_FLUSH))

    def test_cut_short(self) -> None:
        """A packet cut short never yields more than was in it, and never anything but a prefix or a violation."""
        payload = b"0123456789" * 20
        packet = Deflate().compress(payload)
        for end in range(len(packet)):
            try:
                self.assertTrue(payload.startswith(Inflate().decompress(packet[:end])))
            except ProtocolViolation:
                pass
