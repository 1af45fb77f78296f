"""
Which hosts may connect.
"""

import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.events import ConnectionRequest
from conchsftp.server.allowed import AT_A_TIME, host_name, is_allowed
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.testing import MemoryClient, memory_server


class Asked:
    """Threads in which names are looked up when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.waiting: list[Deferred[Any]] = []

    def run(self, function: Any, *args: Any) -> "Deferred[Any]":
        self.asked.append((function, *args))
        self.waiting.append(Deferred())
        return self.waiting[-1]


class AllowedTests(SynchronousTestCase):
    """The two lists, and when a name is looked up."""

    def judge(self, address: str, *, name: str | None = "unasked", **lists: str) -> Any:
        """Return the judgement; `name` is what a lookup gives, "unasked" if there must be none."""
        lookups = Asked()
        judged = is_allowed(address, Settings(TABLE, **lists), lookups)
        if name == "unasked":
            self.assertEqual(lookups.asked, [])
            return judged
        self.assertEqual(lookups.asked, [(host_name, address)])
        lookups.waiting[0].callback(name)
        return self.successResultOf(judged)

    def test_addresses(self) -> None:
        """Addresses decide at once; blocked comes first."""
        self.assertTrue(self.judge("10.0.0.1"))
        self.assertFalse(self.judge("10.0.0.1", blocked_clients="10.0.0.0/8"))
        self.assertFalse(self.judge("10.0.0.1", blocked_clients="10.*", allowed_clients="10.0.0.1"))
        self.assertFalse(self.judge("10.0.0.1", allowed_clients="10.0.0.2"))
        self.assertFalse(self.judge("10.0.0.1", allowed_clients=""))

    def test_names(self) -> None:
        """A name that leads back counts for either list; a host without one is judged by its address."""
        for name, allowed in (("a.example.com", True), ("a.example.org", False), (None, False)):
            self.assertIs(self.judge("10.0.0.1", name=name, allowed_clients="*.example.com"), allowed)
        for name, allowed in (("a.example.com", False), ("a.example.org", True), (None, True)):
            self.assertIs(self.judge("10.0.0.1", name=name, blocked_clients="*.example.com"), allowed)

    def test_no_needless_lookup(self) -> None:
        """Nothing is looked up where the address decides."""
        self.assertTrue(self.judge("10.0.0.1", allowed_clients="10.0.0.1,gate"))
        self.assertFalse(self.judge("10.0.0.1", blocked_clients="10.0.0.1,gate"))


class NameTests(SynchronousTestCase):
    """The name of a host."""

    def resolve(self, name: str, *addresses: str) -> str | None:
        """Return what is found where the address has this name, and the name these addresses."""
        self.patch(socket, "gethostbyaddr", lambda address: (name, [], [address]))
        rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]
        self.patch(socket, "getaddrinfo", lambda *_, **__: rows)
        return host_name("192.0.2.7")

    def test_confirmed(self) -> None:
        """A name counts only if it leads back to the address: anybody can give an address any name."""
        self.assertEqual(self.resolve("gate", "192.0.2.1", "192.0.2.7"), "gate")
        self.assertIsNone(self.resolve("gate", "192.0.2.1"))
        self.assertIsNone(self.resolve("gate"))

    def test_strange(self) -> None:
        """A name that cannot be one is none, and no mistake of ours."""
        self.patch(socket, "gethostbyaddr", lambda address: ("a" * 70 + "\xe9", [], [address]))
        self.assertIsNone(host_name("192.0.2.7"))

    def test_unknown(self) -> None:
        """A host without a name has none."""

        def fail(address: str) -> None:
            raise socket.herror(1, "unknown host")

        self.patch(socket, "gethostbyaddr", fail)
        self.assertIsNone(host_name("192.0.2.7"))


class ConnectionTests(SynchronousTestCase):
    """What a client meets."""

    def greeting(self, server: Any) -> tuple[bytes, bool]:
        """Connect, and return what the client is greeted with, and whether the connection is closed."""
        client = MemoryClient(server.factory)
        return client.pipe.fetch(), client.pipe.closing

    def test_refused(self) -> None:
        """Who may not connect is not greeted."""
        self.assertEqual(self.greeting(memory_server(blocked_clients="*")), (b"", True))

    def test_preset(self) -> None:
        """A handler sees what the lists say, and has the last word."""
        for blocked, wanted in (("*", True), ("", False)):
            server = memory_server(blocked_clients=blocked)
            seen: list[bool] = []

            def judge(event: ConnectionRequest, seen: Any = seen, wanted: bool = wanted) -> None:
                seen.append(event.accept)
                event.accept = wanted

            server.on(ConnectionRequest, judge)
            greeting, closed = self.greeting(server)
            self.assertEqual((seen, greeting.startswith(b"SSH-2.0-"), closed), ([not wanted], wanted, not wanted))

    def test_waits_for_the_name(self) -> None:
        """While a name is looked up the client waits, and others do not."""
        server = memory_server(blocked_clients="*.example.com")
        threads = server.factory.clock.threads
        threads.hold = True
        self.patch(socket, "gethostbyaddr", lambda address: ("a.example.org", [], [address]))
        self.patch(socket, "getaddrinfo", lambda *_, **__: [])
        client = MemoryClient(server.factory)
        self.assertEqual(client.pipe.fetch(), b"")
        threads.finish()
        self.assertTrue(client.pipe.fetch().startswith(b"SSH-2.0-"))

    def test_gone(self) -> None:
        """A client that goes while its name is looked up is served no more; one that waits for its turn, not at all."""
        server = memory_server(blocked_clients="*.example.com")
        threads = server.factory.clock.threads
        threads.hold = True
        asked: list[str] = []
        self.patch(socket, "gethostbyaddr", lambda address: asked.append(address) or ("a.example.org", [], [address]))
        self.patch(socket, "getaddrinfo", lambda *_, **__: [])
        clients = [MemoryClient(server.factory) for _ in range(AT_A_TIME + 3)]
        for client in clients:
            client.pipe.cut()
        while len(threads):
            threads.finish()
        self.assertEqual(len(asked), AT_A_TIME)
        self.assertEqual([client.pipe.fetch() for client in clients], [b""] * len(clients))
        self.assertEqual(self.flushLoggedErrors(), [])
