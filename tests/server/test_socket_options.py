"""
The documented options of an accepted socket, as the kernel shows them.
"""

import socket
from types import SimpleNamespace
from typing import Any

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from conchsftp.server.sockets import apply_options
from conchsftp.settings import tcp as rows


class OptionTests(SynchronousTestCase):
    """The documented options of sockets."""

    def setUp(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(listening.getsockname())
        self.accepted, _ = listening.accept()
        listening.close()
        self.addCleanup(client.close)
        self.addCleanup(self.accepted.close)

    def apply(self, transport: Any = None, **values: Any) -> None:
        """Apply options; what is not named has its default."""
        defaults: dict[str, Any] = {
            "tcp_no_delay": True,
            "in_buffer_size": 0,
            "out_buffer_size": 0,
            "keep_alive_time": 7_200_000,
            "keep_alive_interval": 1000,
            "keep_alive_retry_count": 9,
        }
        apply_options(
            transport or SimpleNamespace(getHandle=lambda: self.accepted), SimpleNamespace(**defaults | values)
        )

    def option(self, level: int, name: int) -> int:
        """Return what the kernel says about an option."""
        return self.accepted.getsockopt(level, name)

    def test_no_delay(self) -> None:
        """TcpNoDelay is set, or not."""
        for value in (True, False):
            self.apply(tcp_no_delay=value)
            self.assertEqual(bool(self.option(socket.IPPROTO_TCP, socket.TCP_NODELAY)), value)

    def test_buffers(self) -> None:
        """InBufferSize and OutBufferSize are set (Linux doubles them); 0 leaves the system's."""
        before = self.option(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self.apply()
        self.assertEqual(self.option(socket.SOL_SOCKET, socket.SO_RCVBUF), before)
        self.apply(in_buffer_size=30_000, out_buffer_size=40_000)
        self.assertEqual(self.option(socket.SOL_SOCKET, socket.SO_RCVBUF), 60_000)
        self.assertEqual(self.option(socket.SOL_SOCKET, socket.SO_SNDBUF), 80_000)

    def keep_alive(self) -> tuple[int, int, int, int]:
        """Return whether TCP asks, after how long, how often, and how many times."""
        tcp_options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        idle, interval, count = (self.option(socket.IPPROTO_TCP, name) for name in tcp_options)
        return self.option(socket.SOL_SOCKET, socket.SO_KEEPALIVE), idle, interval, count

    def test_keep_alive(self) -> None:
        """Times are rounded up to whole seconds."""
        for time, interval, expected in (
            (7_200_000, 1000, (7200, 1)),
            (1, 1, (1, 1)),
            (1000, 1001, (1, 2)),
            (1999, 2000, (2, 2)),
        ):
            with self.subTest(time=time):
                self.apply(keep_alive_time=time, keep_alive_interval=interval, keep_alive_retry_count=4)
                self.assertEqual(self.keep_alive(), (1, *expected, 4))

    def test_no_keep_alive(self) -> None:
        """0: TCP never asks."""
        self.apply(keep_alive_time=0)
        self.assertEqual(self.keep_alive()[0], 0)

    def test_limits_of_the_settings(self) -> None:
        """Every value that a setting accepts is one that the kernel accepts."""
        names = {
            "keep_alive_time": "KeepAliveTime",
            "keep_alive_interval": "KeepAliveInterval",
            "keep_alive_retry_count": "KeepAliveRetryCount",
            "in_buffer_size": "InBufferSize",
            "out_buffer_size": "OutBufferSize",
        }
        kinds = {row.name: row.kind for row in rows.ROWS}
        for attribute, name in names.items():
            for value in (-1, 0, 1, 127, 128, 255, 256, 32_767_000, 32_767_001, 2**31 - 1, 2**31):
                with self.subTest(name, value=value):
                    try:
                        kinds[name].convert(value)
                    except ValueError:
                        continue
                    self.apply(**{attribute: value})

    def test_address_families(self) -> None:
        """IPv6 connections get the same options."""
        if not socket.has_dualstack_ipv6():
            raise SkipTest("no IPv6 here")
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as six:
            self.apply(SimpleNamespace(getHandle=lambda: six))
            self.assertTrue(six.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    def test_what_is_no_tcp_socket(self) -> None:
        """Transports in memory, and sockets that are not TCP, are left alone."""
        self.apply(StringTransport())
        self.apply(SimpleNamespace(getHandle=lambda: object()))
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        self.apply(SimpleNamespace(getHandle=lambda: ours))
        self.assertEqual(ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), 0)
