"""
What an application may do to the connections of its server, and to the server as a whole: the documented methods.

Knows neither packets nor files.
"""

import platform
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from threading import Thread
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.task import LoopingCall

from conchsftp.errors import ErrorCode, ServerError
from conchsftp.events.current import current_event
from conchsftp.events.files import DirList
from conchsftp.events.hub import proofread
from conchsftp.server.connections import ConnectionFacts
from conchsftp.server.penalties import Penalty
from conchsftp.ssh.phases import Stage

# How often a server that is being drained looks whether its sessions have become idle, in seconds. That is once in its
# life: telling it of each file that is closed would cost something all the time.
_DRAINING_STEP = 0.1


class Control:
    """
    The methods, for `SFTPServer`, which has what they work on.

    `server.on_file_open = handler` sets the server's handler of an event, in place of its method; None, or `del`, takes
    it away.

    Attributes:
        settings, factory, events: those of the server.
    """

    settings: Any
    factory: Any
    events: Any
    _reactor: Any
    shutdown: Callable[[], "Deferred[None]"]
    stop_listening: Callable[[], "Deferred[None]"]

    def __setattr__(self, name: str, value: Any) -> None:
        hook = name.startswith("on_")
        if hook:
            proofread(type(self).__name__, (name,))
        super().__setattr__(name, value)
        if hook and "events" in self.__dict__:
            self.events.adopt(self)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if name.startswith("on_"):
            self.events.adopt(self)

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

    def current_event(self, connection_id: int, field: str) -> Any:
        """
        Return the event that is being handled, for the settings that are views of it.

        Args:
            connection_id: its connection.
            field: what the event must have.
        Raises:
            ServerError: 126, there is no such connection; 0, no handler of one of its events is running here, or the
                event has no such field.
        """
        try:
            return current_event(connection_id, field)
        except ServerError:
            self._transport_of(connection_id)
            raise

    def set_file_list(self, connection_id: int, names: Any) -> None:
        """
        Say what is in a directory; only for handlers of `DirList`, before or after the operation.

        Args:
            connection_id: the connection of the event.
            names: a text with a name in each line (CRLF or LF); or names, pairs of a name and its `Attributes`, or a
                mapping of them: any iterable, also an asynchronous one, which is read as the client reads on. A name
                without attributes gets those that the file system or a handler of `GetAttributes` says. If one of them
                says that there is no such file the name is left out; where they fail it is listed without attributes.
        Raises:
            ServerError: 126, there is no such connection; 0, no handler of its `DirList` is running here.
        """
        event = self.current_event(connection_id, "result")
        if not isinstance(event, DirList):
            raise ServerError(0, f"set_file_list is for handlers of DirList, not of {event.name}")
        event.result = names

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
            _start_threads(self._reactor.getThreadPool())
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
    def penalties(self) -> tuple[Penalty, ...]:
        """Whose connections are refused now, and for how long; see PerSourcePenalties."""
        return tuple(self.factory.penalising.penalties)

    def lift_penalty(self, address: str) -> bool:
        """
        Let the source of an address connect again, and forget what was counted.

        Args:
            address: an address, or what `penalties` calls a source.
        Returns:
            Whether there was anything to forget.
        Raises:
            ServerError: it is no address.
        """
        try:
            lifted: bool = self.factory.penalising.penalties.lift(address)
        except ValueError as problem:
            raise ServerError(0, str(problem)) from None
        return lifted

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


def _start_threads(pool: Any) -> None:
    """
    Have the reactor's threads, which only `reactor.run()` starts, without it: files are read in them.

    Nobody stops them at the end, either; so the program does not wait for them.
    """
    if not pool.started:
        pool.threadFactory = partial(Thread, daemon=True)
        pool.start()
