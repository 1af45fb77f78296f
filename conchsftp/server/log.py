"""
The log of one server: takes every line of it, shows what LogLevel lets through, and fires Log, SSHStatus and Error.

This is the one road to these three events: who has something to tell writes a line, and does not ask who listens. A
step of SSH is an SSHStatus. A problem is an Error: what is a warning or worse, and what says which documented number it
has. Holds no lines.
"""

from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, Logger, formatEvent, globalLogPublisher
from twisted.logger import LogLevel as Severity
from twisted.python.failure import Failure
from zope.interface import implementer

from conchsftp.errors import ServerError
from conchsftp.events.connection import Error, Log, SSHStatus
from conchsftp.log import PREFIX, ConnectionLog, Detail
from conchsftp.secret import MASK, Secret
from conchsftp.server.backlog import Backlog

# A mistake of the server itself is never silent: it could not be mended.
_ALWAYS = (Severity.error, Severity.critical)


@implementer(ILogObserver)
class ServerLog:
    """
    What the loggers of a server and of its connections write to.

    Args:
        settings: `log_level` and `mask_sensitive_data`.
        events: the hub of the server.
        connections: its `ConnectionTable`.

    Attributes:
        detail: how much is wanted.
        own: the logger for what is about no connection.
    """

    def __init__(self, settings: Any, events: Any, connections: Any) -> None:
        self.detail: Detail = settings.log_level
        self.own = Logger("conchsftp", observer=self)
        self._masked: bool = settings.mask_sensitive_data
        self._events = events
        self._connections = connections
        self._telling: set[type] = set()
        self._backlogs = {each: Backlog(partial(self._behind, each.name)) for each in (Log, SSHStatus, Error)}
        settings.watch("LogLevel", self._change)
        settings.watch("MaskSensitiveData", lambda masked: setattr(self, "_masked", masked))

    def __call__(self, event: Any) -> None:
        """Take a line."""
        severity = event["log_level"]
        detail = event.get("log_detail") or (Detail.DEBUG if severity is Severity.debug else Detail.INFO)
        wanted = detail <= self.detail
        if wanted or severity in _ALWAYS:
            # A secret goes nowhere from here, not even as an object that hides it.
            globalLogPublisher({**event, "secret": MASK} if "secret" in event else event)
        listeners = self._events.listeners
        if "step" in event and SSHStatus in listeners:
            self._fire(SSHStatus(_number(event), _text(event)))
        if Error in listeners:
            code = _code(event)
            if code is not None:
                self._fire(Error(_number(event), int(code), _text(event)))
        # A handler of Log that fails when nobody waits for it any more would cause the next line, and so on.
        if wanted and Log in listeners and event.get("about") != Log.name:
            self._fire(Log(_number(event), int(detail), self._line(event)))

    @property
    def follows(self) -> bool:
        """Whether anybody wants to know of the steps of SSH."""
        return self.detail >= Detail.VERBOSE or SSHStatus in self._events.listeners

    def of(self, connection_id: int, host: str) -> ConnectionLog:
        """Return the log of a connection."""
        return ConnectionLog(connection_id, host, self)

    def about(self, event: Any) -> Logger:
        """Return the logger for what concerns an event: that of its connection, if it is about one."""
        number = getattr(event, "connection_id", 0)
        transport = self._connections.get(number)
        if transport is not None:
            log: Logger = transport.log
            return log
        # Of one that is gone, as Disconnected tells, no more is known.
        return self.of(number, "") if number else self.own

    def report(self, problem: ServerError) -> None:
        """Tell handlers of a problem that whoever started the server will learn of in another way."""
        self._fire(Error(0, problem.code, problem.text))

    def _change(self, detail: Detail) -> None:
        self.detail = detail
        for transport in self._connections:
            transport.show(detail)

    def _line(self, event: Any) -> str:
        secret = event.get("secret")
        if isinstance(secret, Secret) and not self._masked:
            shown = secret.to_bytes().decode("utf-8", "backslashreplace")
            event = {**event, "secret": ascii(shown)[1:-1] if not shown.isprintable() else shown}
        return _with_problem(event, formatEvent(event))

    def _fire(self, event: Any) -> None:
        kind = type(event)
        if kind in self._telling:
            # A handler of this event has caused a line of its own: it would be called for ever.
            return
        backlog = self._backlogs[kind]
        if backlog.drops(event.connection_id):
            return
        self._telling.add(kind)
        try:
            waiting: Deferred[Any] | None = self._events.fire(event)
        finally:
            self._telling.discard(kind)
        if waiting is not None:
            # Nobody waits for it, and what it fails with would cause the next one.
            waiting.addErrback(lambda failure: None)
            self._events.pending.add(waiting)
            backlog.add(event.connection_id, waiting)

    def _behind(self, about: str, number: int, dropped: int) -> None:
        """Say that handlers are too slow, or have caught up."""
        log = self.of(number, "") if number else self.own
        if dropped:
            log.warn("handlers of {about} have caught up: {dropped} events were dropped", about=about, dropped=dropped)
        else:
            log.warn("handlers of {about} are too slow: events are dropped until they have caught up", about=about)


def _number(event: Any) -> int:
    number: int = event.get("connection_id", 0)
    return number


def _code(event: Any) -> int | None:
    """Return the documented number of the problem that a line tells of, 0 where there is none; None if it is none."""
    if "reported" in event or event.get("about") in (Log.name, Error.name):
        # Of the failures of their own handlers nobody can be told.
        return None
    code: int | None = event.get("error_code")
    if code is None and event["log_level"] >= Severity.warn:
        problem = getattr(event.get("log_failure"), "value", None)
        code = problem.code if isinstance(problem, ServerError) else 0
    return code


def _text(event: Any) -> str:
    """Return what a line says, without the connection, which events have besides."""
    return _with_problem(event, formatEvent({**event, "log_format": event["log_format"].removeprefix(PREFIX)}))


def _with_problem(event: Any, text: str) -> str:
    failure = event.get("log_failure")
    if not isinstance(failure, Failure):
        return text
    return f"{text}: {getattr(failure.type, '__name__', failure.type)}: {failure.getErrorMessage()}"
