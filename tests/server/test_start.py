"""
Opening and closing the ports of a server, on a reactor in memory; real ports are in test_listening.
"""

import os
from dataclasses import replace
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL
from pathlib import Path
from socket import EAI_NONAME, gaierror
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

from conchsftp.errors import ServerError
from conchsftp.server import ports
from conchsftp.server.ports import endpoint_strings
from conchsftp.server.service import SFTPServer
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE
from conchsftp.ssh.algorithms.protection import CIPHERS
from conchsftp.ssh.kex.groups import fixed_group
from conchsftp.testing import MemoryReactor
from tests.server.support import ServiceCase


class ListeningTests(ServiceCase):
    """Opening and closing ports."""

    def test_start(self) -> None:
        """Every endpoint of Listen is opened, and settings that cannot change any more are refused."""
        server = self.server(listen=["tcp:2222", "tcp:2223:interface=127.0.0.1"])
        self.assertFalse(server.listening)
        self.successResultOf(server.start_listening())
        self.assertTrue(server.listening)
        self.assertEqual([port for port, *_ in self.reactor.tcpServers], [2222, 2223])
        self.assertEqual(len(server.addresses), 2)
        self.assertIs(self.reactor.tcpServers[0][1], server.factory)
        error = self.assertRaises(ServerError, setattr, server.settings, "local_port", 5)
        self.assertEqual(error.code, 106)

    def test_stop(self) -> None:
        """Ports are closed; what could not change can change again, and they can be opened again."""
        server = self.server(local_port=2222)
        for _ in range(2):
            self.successResultOf(server.start_listening())
            self.successResultOf(server.stop_listening())
            self.assertFalse(server.listening)
            server.settings.local_port = 2222
        self.successResultOf(server.stop_listening())

    def test_assigned(self) -> None:
        """To set Listening opens and closes the ports; it may be set to what it is."""
        server = self.server(local_port=2222)
        for statement in ("Listening=True", "Listening=Yes"):
            self.assertEqual(server.config(statement), "True")
        self.assertEqual(len(self.reactor.tcpServers), 1)
        server.startService()
        self.assertEqual(len(self.reactor.tcpServers), 1)
        for _ in range(2):
            server.listening = False
            self.assertEqual((server.listening, server.config("Listening")), (False, "False"))
        server.stopService()

    def test_assigned_in_vain(self) -> None:
        """What goes wrong then is told as it is when a service cannot start."""
        told: list[ServerError] = []
        server = self.server(local_port=2222, failed=told.append)
        self.busy(EADDRINUSE, 2222)
        server.listening = True
        self.assertEqual((server.listening, [error.code for error in told]), (False, [10048]))

    def test_what_was_bound(self) -> None:
        """While the server listens, LocalHost and LocalPort are those of its first TCP port; then what was set."""
        server = self.server(local_port=0, local_host="127.0.0.1")
        self.successResultOf(server.start_listening())
        bound = server.addresses[0]
        self.assertEqual((server.local_host, server.local_port), (bound.host, bound.port))
        self.assertEqual(server.config("LocalPort"), str(bound.port))
        self.assertEqual(server.settings.local_port, bound.port)
        for name, value, code in (("LocalPort", 5, 106), ("LocalHost", "::1", 107), ("MaxConnections", 5, 108)):
            error = self.assertRaises(ServerError, server.settings.set, name, value)
            self.assertEqual(error.code, code)
        self.successResultOf(server.stop_listening())
        self.assertEqual((server.local_host, server.local_port), ("127.0.0.1", 0))

    def test_what_was_bound_by_endpoints(self) -> None:
        """Endpoints that are no TCP ports are passed over."""
        server = self.server(listen=[f"unix:{self.folder}/socket", "tcp:2222:interface=127.0.0.1", "tcp:2223"])
        self.successResultOf(server.start_listening())
        self.assertEqual(server.local_host, server.addresses[1].host)
        self.assertEqual(server.local_port, server.addresses[1].port)
        server = self.server(listen=[f"unix:{self.folder}/socket"])
        self.successResultOf(server.start_listening())
        self.assertEqual((server.local_host, server.local_port), ("", 22))

    def test_no_root(self) -> None:
        """A folder to serve that there is not is found before a port is opened: 2001."""
        for root in (f"{self.folder}/none", self.key, f"{self.key}/none"):
            server = self.server(root_directory=root)
            error = self.failureResultOf(server.start_listening(), ServerError).value
            self.assertEqual((error.code, server.listening), (2001, False))
        self.assertEqual(self.reactor.tcpServers, [])

    def test_moduli(self) -> None:
        """ModuliFile is read when the server begins to listen, and anew each time; without it no file is."""
        path = Path(self.folder, "moduli")
        server = self.server()
        self.successResultOf(server.start_listening())
        self.assertEqual(server.factory.groups.groups, ())
        server = self.server(moduli_file=str(path))
        for generator in (2, 5):
            prime = fixed_group(14).prime
            path.write_text(f"20260101000000 2 6 100 2047 {generator:X} {prime:X}\n")
            self.successResultOf(server.start_listening())
            found = [(group.prime, group.generator) for group in server.factory.groups.groups]
            self.assertEqual(found, [(prime, generator)])
            error = self.assertRaises(ServerError, setattr, server.settings, "moduli_file", "")
            self.assertIn("ModuliFile", str(error))
            self.successResultOf(server.stop_listening())

    def test_no_moduli(self) -> None:
        """One that is missing, or of no use, is found before a port is opened."""
        for path in (f"{self.folder}/none", self.key):
            server = self.server(moduli_file=path)
            error = self.failureResultOf(server.start_listening(), ServerError).value
            self.assertIn("moduli file", str(error))
            self.assertFalse(server.listening)
        self.assertEqual(self.reactor.tcpServers, [])

    def test_unknown_host(self) -> None:
        """A name that cannot be looked up has the documented number of that."""

        def unknown(*args: Any, **options: Any) -> Any:
            raise gaierror(EAI_NONAME, "Name or service not known")

        self.patch(ports.socket, "getaddrinfo", unknown)
        server = self.server(local_host="sftp.example", use_ipv6=2)
        error = self.failureResultOf(server.start_listening(), ServerError).value
        self.assertEqual((error.code, server.listening), (11001, False))

    def test_twice(self) -> None:
        """Who listens already cannot begin to."""
        server = self.server()
        self.successResultOf(server.start_listening())
        error = self.failureResultOf(server.start_listening(), ServerError).value
        self.assertEqual(error.code, 104)
        self.assertTrue(server.listening)

    def test_meanwhile(self) -> None:
        """Who is still opening ports cannot begin to; a port may take its time."""
        opened: Deferred[Any] = Deferred()
        self.patch(TCP4ServerEndpoint, "listen", lambda endpoint, factory: opened)
        server = self.server(local_port=2222)
        starting = server.start_listening()
        error = self.failureResultOf(server.start_listening(), ServerError).value
        self.assertEqual(error.code, 104)
        opened.callback(self.reactor.listenTCP(2222, server.factory))
        self.successResultOf(starting)
        self.assertTrue(server.listening)
        self.successResultOf(server.stop_listening())

    def test_stopped_meanwhile(self) -> None:
        """Who is told to stop while a port is still being opened opens none: the port is closed when it is there."""
        for stop in (SFTPServer.stop_listening, SFTPServer.shutdown, lambda each: setattr(each, "listening", False)):
            opened: Deferred[Any] = Deferred()
            self.patch(TCP4ServerEndpoint, "listen", lambda endpoint, factory, opened=opened: opened)
            server = self.server(local_port=2222)
            starting = server.start_listening()
            stop(server)
            port = self.reactor.listenTCP(2222, server.factory)
            closed: list[Any] = []
            port.stopListening = lambda port=port, closed=closed: closed.append(port)  # type: ignore[method-assign]
            opened.callback(port)
            self.failureResultOf(starting, CancelledError)
            self.assertEqual((server.listening, closed), (False, [port]))
            server.local_port = 2223

    def test_assigned_meanwhile(self) -> None:
        """To set Listening, or to start the service, while ports are being opened is no mistake."""
        told: list[ServerError] = []
        opened: Deferred[Any] = Deferred()
        self.patch(TCP4ServerEndpoint, "listen", lambda endpoint, factory: opened)
        server = self.server(local_port=2222, failed=told.append)
        server.listening = True
        server.listening = True
        server.privilegedStartService()
        server.startService()
        opened.callback(self.reactor.listenTCP(2222, server.factory))
        self.assertEqual((server.listening, told), (True, []))
        server.stopService()
        self.assertEqual(told, [])

    def test_no_host_key(self) -> None:
        """Without a host key nothing is opened: 1301."""
        error = self.failureResultOf(self.server(host_keys=()).start_listening(), ServerError).value
        self.assertEqual(error.code, 1301)
        self.assertNotIn("\n", str(error))
        self.assertEqual(self.reactor.tcpServers, [])

    def test_no_such_key(self) -> None:
        """A host key that cannot be read is found when the server is made."""
        error = self.assertRaises(ServerError, self.server, host_keys=[f"{self.folder}/none"])
        self.assertEqual(error.code, 1301)

    def test_key_without_algorithm(self) -> None:
        """A host key that may not be used is none."""
        server = self.server(ssh_public_key_algorithms="rsa-sha2-512")
        error = self.failureResultOf(server.start_listening(), ServerError).value
        self.assertEqual(error.code, 1301)
        self.assertFalse(server.listening)

    def test_busy(self) -> None:
        """A port that cannot be opened is told in one line, with the documented number; none stays open."""
        for number, code in ((EADDRINUSE, 10048), (EACCES, 10013), (EADDRNOTAVAIL, 10049)):
            self.reactor = MemoryReactor()
            self.busy(number, 2223)
            server = self.server(listen=["tcp:2222", "tcp:2223"])
            error = self.failureResultOf(server.start_listening(), ServerError).value
            self.assertEqual(error.code, code)
            self.assertRegex(str(error), rf"\Acannot listen on tcp:2223\S*: {os.strerror(number)}\Z")
            self.assertFalse(server.listening)
            server.settings.listen = ["tcp:2222"]
            self.successResultOf(server.start_listening())

    def test_left_out(self) -> None:
        """Algorithms that are listed and not offered are told to the log, in one line for each list and reason."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        lacking = {name: replace(CIPHERS[name], available=lambda: "no RC4 here") for name in ("arcfour", "arcfour128")}
        self.patch(CIPHERS, "rows", {**CIPHERS.rows, **lacking})
        wanted = "arcfour,aes192-ctr,arcfour128"
        self.successResultOf(self.server(ssh_encryption_algorithms=wanted).start_listening())
        told = [(event["reason"], event["names"]) for event in events if "reason" in event]
        self.assertEqual(told, [("SSHEncryptionAlgorithms: no RC4 here", "arcfour, arcfour128")])

    def test_weak(self) -> None:
        """Weak algorithms that are offered are warned of at the start, in one line for each setting, and not later."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        server = self.server(ssh_compression_algorithms="none,zlib", ssh_mac_algorithms="hmac-sha2-256")
        self.successResultOf(server.start_listening())
        server.factory.buildProtocol(None)
        warned = [formatEvent(event) for event in events if event["log_level"] is LogLevel.warn]
        text = "SSHCompressionAlgorithms offers what is weak: zlib: decompresses what strangers send, before any login"
        self.assertEqual(warned, [text])

    def test_no_endpoint(self) -> None:
        """What is no endpoint is told in one line."""
        for description in ("tcp:", "tcp:port=x", "nonsense:22", "tcp:22:nosuch=1"):
            server = self.server(listen=[description])
            error = self.failureResultOf(server.start_listening(), ServerError).value
            self.assertNotIn("\n", str(error))
            self.assertFalse(server.listening)

    def test_endpoints(self) -> None:
        """Without Listen, the documented settings say where."""
        for values, expected in (
            ({}, ["tcp:22"]),
            ({"local_port": 2222}, ["tcp:2222"]),
            ({"local_host": "127.0.0.1"}, ["tcp:22:interface=127.0.0.1"]),
            ({"local_host": "::1"}, ["tcp6:22:interface=\\:\\:1"]),
            ({"listen": ["tcp:1:backlog=9", "unix:/run/x"], "local_host": "::1"}, ["tcp:1:backlog=9", "unix:/run/x"]),
        ):
            settings = Settings(TABLE, **values)
            self.assertEqual(endpoint_strings(settings), expected)

    def test_backlog(self) -> None:
        """ConnectionBacklog holds for every TCP endpoint that does not say its own."""
        server = self.server(listen=["tcp:2222", "tcp:2223:backlog=9"], connection_backlog=300)
        self.successResultOf(server.start_listening())
        self.assertEqual([backlog for _, _, backlog, _ in self.reactor.tcpServers], [300, 9])
