"""
Who listens, and how an event reaches them: one after the other, waiting only where a handler waits.

Does not decide what an event means; the caller reads that from the event. A handler that fails leaves an event that
refuses: nothing is allowed because a handler is broken.
"""

import copy
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from functools import partial
from typing import Any, Protocol, TypeVar, overload
from weakref import WeakSet

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from conchsftp.errors import ServerError
from conchsftp.events.current import CURRENT
from conchsftp.events.kinds import EVENTS, Event, deliberate, find
from conchsftp.events.waiting import Pending, TimeLimitExceeded, limited, settled, start
from conchsftp.settings.row import hint

Handler = Callable[[Any], Any]
E = TypeVar("E", bound=Event)
H = TypeVar("H", bound=Handler)
Threads = Callable[..., "Deferred[Any]"]


class On(Protocol):
    """`EventHub.on`, as type checkers see it: a decorator leaves its function what it is."""

    @overload
    def __call__(self, event: type[Event] | str) -> Callable[[H], H]: ...

    @overload
    def __call__(self, event: type[E], handler: Callable[[E], Any]) -> Callable[[E], Any]: ...

    @overload
    def __call__(self, event: str, handler: H) -> H: ...


class EventHub:
    """
    The handlers of a server, or of one session over those of its server.

    Order: the hooks of the session's avatar, those of the server, then functions and objects as they were added.

    Args:
        clock: measures the time that handlers take; None: no limit.
        handler_seconds: what a handler may take; 0: any time.
        threads: called with a function and its arguments, runs it in a thread and returns a Deferred.

    Attributes:
        log_about: returns the logger for what concerns an event.
        listeners: event class → handlers, for the events that have some. Replaced when a handler is added: do not keep.
        pending: what is under way although no request waits for it: handlers; of a server also those of its sessions,
            and sessions that are lost and still close their files.
    """

    __slots__ = (
        "__weakref__",
        "_added",
        "_children",
        "_hooks",
        "_parent",
        "clock",
        "handler_seconds",
        "listeners",
        "log_about",
        "pending",
        "threads",
    )
    _log = Logger()

    def __init__(
        self,
        *,
        clock: IReactorTime | None = None,
        handler_seconds: float = 30,
        threads: Threads | None = None,
        parent: "EventHub | None" = None,
    ) -> None:
        self.clock = clock
        self.handler_seconds = handler_seconds
        self.threads = threads
        self.log_about: Callable[[Event], Logger] = lambda event: self._log
        self.listeners: dict[type[Event], tuple[Handler, ...]] = {}
        self.pending = Pending()
        self._parent = parent
        self._hooks: dict[type[Event], Handler] = {}
        self._added: dict[type[Event], list[Handler]] = {}
        # Made with the first child: the hub of a session has none.
        self._children: WeakSet[EventHub] | None = None

    def child(self, listener: object = None) -> "EventHub":
        """
        Return a hub for one session: the hooks of `listener`, its avatar, before the handlers of this hub.

        Handlers that are added here later are its own as well. Keep it: it is not kept here.
        """
        made = EventHub(parent=self)
        if listener is not None:
            made._hooks = _hooks_of(listener)
        if self._children is None:
            self._children = WeakSet()
        self._children.add(made)
        made._join()
        return made

    def adopt(self, listener: object) -> None:
        """Make the hooks of an object those of this hub, which come before what is added; it may have none."""
        self._hooks = _hooks_of(listener)
        self._join()

    def on(self, event: type[Event] | str, handler: Handler | None = None) -> Any:
        """
        Add a handler: `hub.on(FileRemove, keep_logs)`, or `@hub.on(FileRemove)` before a function.

        Args:
            event: its class, or its documented name.
            handler: takes the event. A plain function, an `async def`, or one that returns a Deferred; `@in_thread`
                for one that blocks.
        Returns:
            The handler; without one, a decorator.
        Raises:
            ServerError: there is no such event, or the handler cannot be called.
        """
        cls = _subscribable(event)
        if handler is None:
            return partial(self.on, cls)
        if not callable(handler):
            raise ServerError(0, f"a handler of {cls.name} is a function that takes the event; got {handler!r}")
        self._added.setdefault(cls, []).append(handler)
        self._join()
        return handler

    def off(self, event: type[Event] | str, handler: Handler) -> None:
        """Remove a handler that `on` added; one that was not added does no harm."""
        added = self._added.get(_subscribable(event), [])
        if handler in added:
            added.remove(handler)
            self._join()

    def add_listener(self, listener: object) -> None:
        """
        Add every method of an object that is named as a hook, such as `on_file_open`.

        Raises:
            ServerError: it is a class, has none, or one that is almost named so.
        """
        if isinstance(listener, type):
            raise ServerError(0, f"{listener.__name__} is a class; expected an object, such as {listener.__name__}()")
        found = _hooks_of(listener)
        if not found:
            raise ServerError(0, f"{type(listener).__name__} has no method on_<event>, such as on_file_open")
        for cls, handler in found.items():
            self._added.setdefault(cls, []).append(handler)
        self._join()

    def fire(self, event: Event) -> "Deferred[Event] | None":
        """
        Let everybody who listens handle an event.

        A handler refuses by what it sets, or by raising SFTPError (or OSError, for a file). Any other exception is
        logged, and the event refuses in the end, whatever other handlers set.

        Returns:
            None if all is done. Else a Deferred of the event to go on with: a copy if a handler took too long, because
            what that one still does must have no effect. It fails with CancelledError if it is cancelled, and no
            otherwise.
        """
        handlers = self.listeners.get(type(event))
        if handlers is None:
            return None
        remaining = iter(handlers)
        waiting, broken = self._call(event, remaining, None)
        if waiting is None:
            return None
        finished: Any = start(self._finish(event, waiting, remaining, broken))
        return finished if isinstance(finished, Deferred) else None

    def tell(self, event: Event, log: Logger) -> None:
        """Let everybody who listens handle an event, and wait for nobody; `pending` knows when they have done."""
        waiting = self.fire(event)
        if waiting is not None:
            waiting.addErrback(
                lambda failure: log.failure("a handler of {about} was cut off", failure, about=event.name)
            )
            for each in {self.pending, self.top.pending}:
                each.add(waiting)

    def _call(
        self, event: Event, handlers: Iterator[Handler], broken: Exception | None
    ) -> "tuple[Deferred[Any] | None, Exception | None]":
        """
        Call handlers to the first that waits.

        Returns:
            What is waited for, if anything; and why the event must refuse in the end, if it must.
        """
        for handler in handlers:
            try:
                waiting = self._handle(handler, event)
            except Exception as problem:
                broken = self._refuse(event, problem) or broken
            else:
                if isinstance(waiting, Deferred):
                    event.own()
                    return self._limited(waiting, handler), broken
        if broken is not None:
            event.refuse(broken)
        return None, broken

    async def _finish(
        self, event: Event, waiting: "Deferred[Any] | None", handlers: Iterator[Handler], broken: Exception | None
    ) -> Event:
        """Wait for a handler, then for the others, and return the event to go on with."""
        while waiting is not None:
            try:
                await waiting
            except CancelledError:
                raise
            except TimeLimitExceeded as problem:
                event = copy.copy(event)
                broken = self._refuse(event, problem) or broken
            except Exception as problem:
                broken = self._refuse(event, problem) or broken
            waiting, broken = self._call(event, handlers, broken)
        return event

    def _handle(self, handler: Handler, event: Event) -> Any:
        """Call one handler."""
        before = CURRENT.set(event)
        try:
            if not getattr(handler, "runs_in_thread", False):
                return settled(handler(event))
            threads = self.top.threads
            if threads is None:
                raise ServerError(0, f"{_called(handler)} is marked @in_thread, but there are no threads here")
            event.own()
            return settled(threads(copy_context().run, handler, event))
        finally:
            CURRENT.reset(before)

    def _limited(self, waiting: "Deferred[Any]", handler: Handler) -> "Deferred[Any]":
        top = self.top
        if top.clock is None or not top.handler_seconds:
            return waiting
        return limited(waiting, top.handler_seconds, top.clock, f" of {_called(handler)}")

    def _refuse(self, event: Event, problem: Exception) -> Exception | None:
        """Make an event refuse after a handler raised; return the problem if that was a mistake, which is logged."""
        event.refuse(problem)
        if deliberate(event, problem):
            return None
        self.top.log_about(event).failure("A handler of {about} failed", about=event.name)
        return problem

    @property
    def top(self) -> "EventHub":
        """The hub of the server, which has the clock and the threads."""
        return self if self._parent is None else self._parent.top

    def _join(self) -> None:
        """Join the handlers of this hub and those above it, and have the hubs below do the same."""
        above = self._parent.listeners if self._parent is not None else {}
        joined = {}
        for cls in EVENTS.values():
            first = (self._hooks[cls],) if cls in self._hooks else ()
            handlers = (*first, *self._added.get(cls, ()), *above.get(cls, ()))
            if handlers:
                joined[cls] = handlers
        # Most sessions add nothing: they share the dictionary of their server.
        self.listeners = joined if self._hooks or self._added or self._parent is None else above
        for child in tuple(self._children or ()):
            child._join()


def _subscribable(event: type[Event] | str) -> type[Event]:
    """Return the class of an event that can be listened to."""
    found = find(event)
    if found is None:
        name = event.__name__ if isinstance(event, type) else str(event)
        raise ServerError(0, f"there is no event {name!r} to listen to{hint(name, EVENTS)}")
    return found


def _hooks_of(listener: object) -> dict[type[Event], Handler]:
    """Return the handlers of an object by event."""
    proofread_class(type(listener))
    found = ((each, getattr(listener, each.hook, None)) for each in EVENTS.values())
    return {each: handler for each, handler in found if callable(handler)}


# Classes whose hooks are spelt right: each login asks again.
_PROOFREAD: WeakSet[type] = WeakSet()


def proofread_class(cls: type) -> None:
    """Refuse a class with a method that is almost named as a hook; raises as `proofread` does."""
    if cls not in _PROOFREAD:
        proofread(cls.__name__, (name for each in cls.__mro__ for name in vars(each)))
        _PROOFREAD.add(cls)


def proofread(owner: str, names: Iterable[str]) -> None:
    """
    Refuse a name that is almost that of a hook: what it stands for would never be called.

    Raises:
        ServerError: there is one, of `owner`.
    """
    hooks = {each.hook for each in EVENTS.values()}
    for name in sorted({name for name in names if name.startswith("on_")} - hooks):
        # A method such as on_login is somebody's own business, on_connect would wait in vain for Connected.
        meant = hint(name, hooks, 0.85)
        if meant:
            raise ServerError(0, f"{owner}.{name} handles no event{meant}")


def _called(handler: Handler) -> str:
    return getattr(handler, "__qualname__", None) or type(handler).__name__
