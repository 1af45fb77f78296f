"""
PROXY headers, byte by byte.
"""

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.server.proxy_header import ProxyHeader, read_proxy_header

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
V4 = SIGNATURE + bytes.fromhex("21 11 000c  c0000201 c6336407  115c 0016")
V6 = (
    SIGNATURE
    + bytes.fromhex("21 21 0024")
    + bytes.fromhex("20010db8" + "00" * 11 + "01") * 2
    + bytes.fromhex("115c0016")
)
KNOWN = (
    (b"PROXY TCP4 192.0.2.1 198.51.100.7 4444 22\r\n", "192.0.2.1", 4444),
    (b"PROXY TCP6 2001:db8::1 2001:db8::2 4444 22\r\n", "2001:db8::1", 4444),
    (b"PROXY UNKNOWN\r\n", "", 0),
    (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "", 0),
    (V4, "192.0.2.1", 4444),
    (V6, "2001:db8::1", 4444),
    # What a proxy adds of its own (2.2.1).
    (SIGNATURE + bytes.fromhex("21 11 0010  c0000201 c6336407  115c 0016  04000100"), "192.0.2.1", 4444),
    # A health check (2.2, LOCAL); a socket of Unix; an address of no kind.
    (SIGNATURE + bytes.fromhex("20 00 0000"), "", 0),
    (SIGNATURE + bytes.fromhex("20 11 000c  c0000201 c6336407  115c 0016"), "", 0),
    (SIGNATURE + bytes.fromhex("21 31 00d8") + bytes(216), "", 0),
    (SIGNATURE + bytes.fromhex("21 00 0000"), "", 0),
)
IMPOSSIBLE = (
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\r\n\r\nGET / HTTP/1.1\r\n",
    b"PROXY\r\n",
    b"PROXY \r\n",
    b"PROXY TCP4\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.7 4444\r\n",
    b"PROXY TCP4 2001:db8::1 2001:db8::2 4444 22\r\n",
    b"PROXY TCP4 192.0.2 198.51.100.7 4444 22\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.7 65536 22\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.7 -1 22\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.7 x 22\r\n",
    b"PROXY TCP6 fe80::1%\x1b[2J fe80::2 4444 22\r\n",
    b"PROXY UDP4 192.0.2.1 198.51.100.7 4444 22\r\n",
    b"PROXY \xff\xfe\r\n",
    b"PROXY " + b"x" * 101,
    SIGNATURE + bytes.fromhex("11 11 000c") + bytes(12),
    SIGNATURE + bytes.fromhex("22 11 000c") + bytes(12),
    SIGNATURE + bytes.fromhex("21 11 000b") + bytes(11),
    SIGNATURE + bytes.fromhex("21 11 ffff"),
)


class HeaderTests(SynchronousTestCase):
    def test_known(self) -> None:
        """Both versions are read, whole, with the client's bytes behind them, and wait for more at any other length."""
        for data, host, port in KNOWN:
            header = ProxyHeader(size=len(data), host=host, port=port)
            for more in (b"", b"SSH-2.0-x\r\n", b"\r\n"):
                self.assertEqual(read_proxy_header(data + more), header)
            for length in range(len(data)):
                self.assertIsNone(read_proxy_header(data[:length]), data[:length])

    def test_impossible(self) -> None:
        """What can become no header is refused as soon as that is clear."""
        for data in IMPOSSIBLE:
            self.assertRaises(ValueError, read_proxy_header, data)
