"""
Ports as the documented settings describe them, on real sockets of loopback.

What the kernel makes of an option cannot be tried in memory.
"""

import os
import socket
from collections.abc import Callable
from errno import EADDRINUSE, EAFNOSUPPORT
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.server.ports import SocketEndpoint, endpoints
from conchsftp.settings.choices import IPVersions
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE


class Reactor(MemoryReactor):
    """Keeps the sockets that it adopts."""

    def __init__(self, test: Any) -> None:
        super().__init__()
        self._test = test
        self.sockets: list[socket.socket] = []

    def adoptStreamPort(self, fileno: int, addressFamily: Any, factory: Any) -> Any:
        adopted = socket.fromfd(fileno, addressFamily, socket.SOCK_STREAM)
        self._test.addCleanup(adopted.close)
        self.sockets.append(adopted)
        return super().adoptStreamPort(fileno, addressFamily, factory)


class PortTests(SynchronousTestCase):
    """UseIPv6, BindExclusively and ConnectionBacklog."""

    def open(self, **values: Any) -> socket.socket:
        """Listen, and return the socket."""
        reactor = Reactor(self)
        endpoint = SocketEndpoint(reactor, Settings(TABLE, **{"local_port": 0, **values}))
        self.successResultOf(endpoint.listen(Factory()))
        return reactor.sockets[0]

    def connects(self, host: str, port: int) -> bool:
        """Return whether somebody listens there."""
        try:
            socket.create_connection((host, port), 5).close()
        except OSError:
            return False
        return True

    def reached(self, bound: socket.socket) -> tuple[bool, bool]:
        """Return whether a socket is reached by IPv4, and by IPv6."""
        port = bound.getsockname()[1]
        return self.connects("127.0.0.1", port), self.connects("::1", port)

    def test_versions(self) -> None:
        """0 is IPv4 only, 1 is IPv6 only, 2 is both on one port."""
        for number, reached in ((0, (True, False)), (1, (False, True)), (2, (True, True))):
            self.assertEqual(self.reached(self.open(use_ipv6=number)), reached, number)

    def test_host(self) -> None:
        """A host is one of the versions that are wanted, an address what it is."""
        self.assertEqual(self.open(local_host="localhost", use_ipv6=0).family, socket.AF_INET)
        self.assertEqual(self.open(local_host="::1").getsockname()[0], "::1")
        self.assertEqual(self.open(local_host="127.0.0.1", use_ipv6=2).getsockname()[0], "127.0.0.1")

    def test_no_ipv6(self) -> None:
        """Both are IPv4 only where the system has no IPv6; IPv6 only is then an error."""
        make: Callable[..., socket.socket] = socket.socket

        def without(family: int = socket.AF_INET, *args: Any, **kwargs: Any) -> socket.socket:
            if family == socket.AF_INET6:
                raise OSError(EAFNOSUPPORT, "Address family not supported by protocol")
            return make(family, *args, **kwargs)

        self.patch(socket, "socket", without)
        self.patch(socket, "fromfd", lambda fileno, family, kind: make(family, kind, 0, os.dup(fileno)))
        self.assertEqual(self.open(use_ipv6=2).family, socket.AF_INET)
        endpoint = SocketEndpoint(Reactor(self), Settings(TABLE, local_port=0, use_ipv6=1))
        problem = self.failureResultOf(endpoint.listen(Factory()), CannotListenError).value
        self.assertEqual(problem.socketError.errno, EAFNOSUPPORT)

    def test_exclusively(self) -> None:
        """A port is one server's, unless all of them share it."""
        alone = self.open(local_host="127.0.0.1")
        taken = Settings(TABLE, local_host="127.0.0.1", local_port=alone.getsockname()[1], bind_exclusively=False)
        problem = self.failureResultOf(SocketEndpoint(Reactor(self), taken).listen(Factory()), CannotListenError).value
        self.assertEqual(problem.socketError.errno, EADDRINUSE)
        shared = self.open(local_host="127.0.0.1", bind_exclusively=False)
        port = shared.getsockname()[1]
        again = self.open(local_host="127.0.0.1", local_port=port, bind_exclusively=False)
        self.assertEqual(again.getsockname(), shared.getsockname())

    def test_waits_for_nobody(self) -> None:
        """A socket never blocks the reactor."""
        self.assertFalse(os.get_blocking(self.open().fileno()))


class ChoiceTests(SynchronousTestCase):
    """Where Twisted's own strings say enough, they are used."""

    def kinds(self, **values: Any) -> list[str]:
        settings = Settings(TABLE, **values)
        return [type(endpoint).__name__ for _, endpoint in endpoints(settings, MemoryReactor())]

    def test_choice(self) -> None:
        """A socket is made only for what they cannot say, and never where Listen is set."""
        self.assertEqual(self.kinds(), ["TCP4ServerEndpoint"])
        self.assertEqual(self.kinds(local_host="::1", use_ipv6=IPVersions.BOTH), ["TCP6ServerEndpoint"])
        self.assertEqual(self.kinds(use_ipv6=IPVersions.BOTH), ["SocketEndpoint"])
        self.assertEqual(self.kinds(bind_exclusively=False), ["SocketEndpoint"])
        self.assertEqual(self.kinds(bind_exclusively=False, listen=["tcp:1"]), ["TCP4ServerEndpoint"])
