"""
What an application may do to the connections of its server, and to the server as a whole: the documented methods.

Knows neither packets nor files.
"""

import platform
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.task import LoopingCall

from conchsftp.errors import ErrorCode, ServerError
from conchsftp.server.connections import ConnectionFacts
from conchsftp.ssh.phases import Stage

# How often a server that is being drained looks whether its sessions have become idle, in seconds. That is once in its
# life: telling it of each file that is closed would cost something all the time.
_DRAINING_STEP = 0.1


class Control:
    """
    The methods, for `SFTPServer`, which has what they work on.

    Attributes:
        settings, factory: those of the server.
    """

    settings: Any
    factory: Any
    _reactor: Any
    shutdown: Callable[[], "Deferred[None]"]
    stop_listening: Callable[[], "Deferred[None]"]

    def config(self, statement: str) -> str:
        """
        Read or set one setting: `config("Name")`, `config("Name=value")`, `config("Name[3]=value")`.

        Returns:
            The value as text; that of a secret is masked.
        Raises:
            ServerError: there is no such setting, or it refuses the value.
        """
        return str(self.settings.config(statement))

    def reset(self) -> None:
        """
        Give every setting its default again; open connections keep their own.

        Raises:
            ServerError: the server is listening: call `stop_listening` or `shutdown` before.
        """
        self.settings.reset()

    def disconnect(self, connection_id: int) -> "Deferred[None]":
        """
        End a connection: DISCONNECT is sent, its files are closed.

        Returns:
            A Deferred that fires when it is gone.
        Raises:
            ServerError: 126, there is no such connection.
        """
        transport = self._transport_of(connection_id)
        gone: Deferred[None] = transport.gone()
        transport.loseConnection()
        return gone

    def exchange_keys(self, connection_id: int) -> "Deferred[None]":
        """
        Exchange new keys with a client that has logged in; transfers go on with them.

        Returns:
            A Deferred that fires when both directions have new keys; it fails with ConnectionLost if the connection
            ends first.
        Raises:
            ServerError: 126, there is no such connection; 0, it has not logged in.
        """
        transport = self._transport_of(connection_id)
        if transport.stage not in (Stage.CONNECTED, Stage.REKEY):
            raise ServerError(0, f"connection {connection_id} has not logged in")
        renewed: Deferred[None] = transport.keying.renewed()
        return renewed

    def drain(self, timeout: float) -> "Deferred[None]":
        """
        End the server in good order: nobody new, and each session ends once nothing is asked of it and no file is open.

        Args:
            timeout: seconds after which those that are left are ended all the same.
        Returns:
            A Deferred that fires when all are gone.
        """
        stopped = self.stop_listening()
        end = self._reactor.seconds() + timeout

        def step() -> None:
            for transport in self.factory.connections:
                if not getattr(transport.service, "in_use", False):
                    transport.loseConnection()
            if not len(self.factory.connections) or self._reactor.seconds() >= end:
                looking.stop()

        looking = LoopingCall(step)
        looking.clock = self._reactor
        looked = looking.start(_DRAINING_STEP)
        looked.addCallback(lambda _: self.shutdown())
        both: list[Deferred[Any]] = [stopped, looked]
        return DeferredList(both).addCallback(lambda _: None)

    def do_events(self) -> "Deferred[None]":
        """
        Let a program without a running reactor serve its clients for a moment: SelectWaitMillis at most.

        Where the reactor runs it does that by itself, and this does nothing.

        Returns:
            A Deferred that has fired.
        """
        if not self._reactor.running:
            self._reactor.iterate(self.settings.select_wait_millis / 1000)
        return succeed(None)

    def connection(self, connection_id: int) -> ConnectionFacts:
        """
        Return what is known of a connection.

        Raises:
            ServerError: 126, there is no such connection.
        """
        return ConnectionFacts(self._transport_of(connection_id))

    @property
    def versions(self) -> str:
        """The versions of this package and of what it is made of: BuildInfo."""
        packages = (f"{name} {version(name)}" for name in ("conchsftp", "Twisted", "cryptography"))
        return ", ".join((*packages, f"Python {platform.python_version()}"))

    def _transport_of(self, connection_id: int) -> Any:
        transport = self.factory.connections.get(connection_id)
        if transport is None:
            raise ServerError(ErrorCode.NO_SUCH_CONNECTION, f"there is no connection {connection_id}")
        return transport
