"""
The one road: every request, observed or not, of every version, is announced, offered to the handlers, carried out,
shown to the handlers again, and answered from the event.

Synchronous until something really waits. Knows no packets, no order and no particular request.
"""

from asyncio import CancelledError
from collections.abc import Callable, Sequence
from errno import EDQUOT, EIO, EMFILE, ENFILE, ENOSPC, EROFS, ESTALE
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from conchsftp.errors import ErrorCode, SFTPError
from conchsftp.events.kinds import FileEvent, Phase, deliberate
from conchsftp.events.own import FileRequest
from conchsftp.events.waiting import start
from conchsftp.files.supplied.virtual import UNHANDLED
from conchsftp.session.needs import refused
from conchsftp.session.operation import Operation
from conchsftp.sftp.replies import StatusReply, UnknownPrincipal
from conchsftp.sftp.statuses import MISTAKE, Status

# A handler that waits for a future of asyncio's sees its cancellation, which is no `Exception`.
_PROBLEMS = (Exception, CancelledError)

# What is wrong with the machine and not with the request: the operator should know.
_TROUBLE = frozenset({ENOSPC, EDQUOT, EIO, EROFS, EMFILE, ENFILE, ESTALE})

_STATUSES = frozenset(Status)


def _nothing(conversation: Any, event: Any, request: Any) -> None:
    """Do nothing: a handler has done it, whatever it has set to say so."""
    event.handled = True


class Pipeline:
    """
    Carries out the requests of one conversation.

    Args:
        conversation: what they work on.
    """

    def __init__(self, conversation: Any) -> None:
        self._conversation = conversation
        self._told: set[Any] = set()
        conversation.pipeline = self

    def serve(self, row: Operation, request: Any) -> "FileEvent | Deferred[FileEvent]":
        """
        Carry out one request.

        Returns:
            The event that tells how it went, or a Deferred of it if something waits. Neither ever fails.
        """
        try:
            outcome = start(self._serve(row, request) if row.again is None else self._serve_until_done(row, request))
        except _PROBLEMS:
            return self._lost(Failure())
        # isinstance would ask an abstract base class, at a tenth of the price of a request.
        if outcome.__class__ is Deferred:
            # Whatever it was, the client is owed an answer.
            outcome.addErrback(self._lost)
        return outcome

    def reply(self, row: Operation, event: FileEvent, request: Any) -> Any:
        """Return the reply that an event calls for."""
        if event.status_code != Status.OK:
            names = getattr(event, "unknown_names", ())
            return self._refusal(row, event.status_code, event.error_message, names)
        try:
            return row.reply(self._conversation, event, request)
        except SFTPError as problem:
            return self._refusal(row, problem.status or Status.FAILURE, problem.message, problem.names)

    def _refusal(self, row: Operation, status: int, message: str, names: tuple[str, ...]) -> StatusReply:
        if row.vital:
            self._conversation.give_up(message)
        if status == Status.EOF and not row.ends:
            status = Status.FAILURE
        if names and status == Status.UNKNOWN_PRINCIPAL:
            return UnknownPrincipal(status=status, message=message, names=names)
        return StatusReply(status=status, message=message)

    async def _serve_until_done(self, row: Operation, request: Any) -> FileEvent:
        """Carry out what handlers may leave nothing of, until they leave something or there is no more."""
        conversation, again = self._conversation, row.again
        assert again is not None
        while True:
            event = await self._serve(row, request)
            if conversation.over or not again(conversation, event):
                return event
            await conversation.turn()

    async def _serve(self, row: Operation, request: Any) -> FileEvent:
        conversation = self._conversation
        try:
            event = row.announce(conversation, request)
        except _PROBLEMS as problem:
            return self._failed(self._nameless(), problem)
        listened = type(event) in conversation.events.listeners
        if conversation.limited and refused(conversation, row, request, event):
            return event
        perform = row.perform
        if listened:
            if Phase.BEFORE in event.phases:
                event = await self._before(row, request, event)
                if event.status_code != Status.OK:
                    return event
                if event.handled:
                    perform = row.adopt or _nothing
            # Handlers may keep what they see, and may wait: nothing may stay lent.
            conversation.direct = False
        try:
            if row.ability is not None and perform is row.perform and not row.possible(conversation):
                raise SFTPError(Status.OP_UNSUPPORTED)
            result = perform(conversation, event, request)
            if result is not None:
                if hasattr(result, "__await__"):
                    if listened:
                        # What it holds is lent by the receive buffer, which other connections fill meanwhile.
                        event.own()
                    result = await result
                if row.result:
                    setattr(event, row.result, result)
        except _PROBLEMS as problem:
            event = self._undone(row, event, problem, perform)
            if not listened:
                self._tell(row, request, event)
        if listened:
            event = await self._after(row, request, event)
        return event if row.conclude is None else self._concluded(row.conclude, event, request)

    def _undone(self, row: Operation, event: FileEvent, problem: Any, perform: Any) -> FileEvent:
        """Return the event of an operation that has failed."""
        event = self._failed(event, problem)
        if row.means is not None and isinstance(problem, OSError) and problem.errno:
            event.status_code = row.means(event, problem.errno) or event.status_code
        if perform is row.adopt:
            self._discard(row, event, getattr(event, row.result))
        if row.explain is not None:
            event.error_message = row.explain(event)
        return event

    def _discard(self, row: Operation, event: FileEvent, source: Any) -> None:
        """Close what could not be adopted: nothing is open, though a handler should say that all is well."""
        self._conversation.close_unused(source)
        setattr(event, row.result, None)

    async def _before(self, row: Operation, request: Any, event: FileEvent) -> FileEvent:
        """Let handlers refuse an operation, divert it, or do it themselves; return its event."""
        announced = [getattr(event, name) for name in row.paths]
        event.before_exec = True
        event = await self._fire(event)
        event.before_exec = False
        if event.status_code == Status.OK:
            try:
                for name, path in zip(row.paths, announced, strict=True):
                    diverted = getattr(event, name)
                    if diverted != path:
                        setattr(event, name, self._conversation.diverted(diverted))
            except _PROBLEMS as problem:
                event = self._failed(event, problem)
        if event.status_code != Status.OK:
            if row.adopt is not None:
                # One handler has supplied what another one refuses.
                self._conversation.close_unused(getattr(event, row.result))
            self._tell(row, request, event)
        elif row.supplied(event) or self._conversation.done(event):
            event.handled = True
        return event

    async def _after(self, row: Operation, request: Any, event: FileEvent) -> FileEvent:
        """Let handlers correct the answer; return the event."""
        unhandled = event.status_code is UNHANDLED
        done = event.status_code == Status.OK and not event.handled
        made = getattr(event, row.result) if row.adopt is not None or (unhandled and row.result) else None
        places = [getattr(event, name) for name in row.paths]
        event = await self._fire(event)
        for name, path in zip(row.paths, places, strict=True):
            # It has been done there. What is open is known by its path.
            setattr(event, name, path)
        if event.status_code is UNHANDLED:
            self._still_unhandled(row, event, made)
        if row.adopt is not None and getattr(event, row.result) is not made:
            event = self._replaced(row, request, event, made)
        if row.undo is not None and done and event.status_code != Status.OK:
            event = await self._taken_back(row.undo, request, event)
        self._tell(row, request, event)
        return event

    async def _taken_back(self, undo: Callable[[Any, Any, Any], Any], request: Any, event: FileEvent) -> FileEvent:
        """Undo what a handler has refused afterwards; return the event."""
        try:
            waiting = undo(self._conversation, event, request)
            if waiting is not None:
                await waiting
        except _PROBLEMS as problem:
            return self._failed(event, problem)
        return event

    def _replaced(self, row: Operation, request: Any, event: FileEvent, made: Any) -> FileEvent:
        """Adopt what a handler has put in the place of what was made; return the event."""
        assert row.adopt is not None
        supplied = getattr(event, row.result)
        # Who supplies an open file or directory may have put it around this one, and closes it; nobody else does.
        around = hasattr(supplied, "close")
        try:
            adopted = row.adopt(self._conversation, event, request)
        except _PROBLEMS as problem:
            event = self._failed(event, problem)
            self._discard(row, event, supplied if around else made)
            return event
        setattr(event, row.result, adopted)
        if adopted is not supplied or not around:
            self._conversation.close_unused(made)
        return event

    def _still_unhandled(self, row: Operation, event: FileEvent, made: Any) -> None:
        """See whether handlers have done after an operation what nobody did before it."""
        if row.result and getattr(event, row.result) is not made:
            event.status_code, event.error_message = Status.OK, ""
        elif type(event) not in self._told:
            # Once a session: whoever wrote the handler finds out at the first try, and one that only watches is right.
            self._told.add(type(event))
            text = "no handler says that it has done it: it sets the result, event.handled or event.status_code"
            self._conversation.log.info("{event} is unsupported, {text}", event=event.name, text=text)

    def _tell(self, row: Operation, request: Any, event: FileEvent) -> None:
        """Tell whoever counts what became of a request; it has no say in the answer."""
        if row.told is None:
            return
        try:
            row.told(self._conversation, event, request)
        except _PROBLEMS:
            self._conversation.log.failure("{about} could not be counted", about=event.name)

    def _concluded(self, conclude: Callable[[Any, Any, Any], None], event: FileEvent, request: Any) -> FileEvent:
        try:
            conclude(self._conversation, event, request)
        except _PROBLEMS as problem:
            return self._failed(event, problem)
        return event

    async def _fire(self, event: FileEvent) -> FileEvent:
        try:
            fixed = event.fixed(event)
            waiting = self._conversation.events.fire(event)
            if waiting is not None:
                event = await waiting
            if event.fixed(event) != fixed:
                raise AttributeError(_overstepped(event, fixed))
            if not isinstance(event.status_code, int) or event.status_code not in _STATUSES:
                text = f"a handler of {event.name} has set status_code to {event.status_code!r:.64}; a Status expected"
                raise ValueError(text)
            return event
        except _PROBLEMS as problem:
            # What a handler waited for may be cancelled by whoever else has it.
            return self._failed(event, problem)

    def _lost(self, failure: Failure) -> FileEvent:
        self._conversation.log.failure("a request was cut off", failure)
        return self._nameless().failed(SFTPError(Status.FAILURE, MISTAKE))

    def _nameless(self) -> FileEvent:
        """Return the event of a request that cannot be named."""
        return FileRequest(self._conversation.connection_id, self._conversation.user)

    def _failed(self, event: FileEvent, problem: Any) -> FileEvent:
        if not deliberate(event, problem):
            self._conversation.log.failure("{about} failed", about=type(event).__name__)
        elif isinstance(problem, OSError) and problem.errno in _TROUBLE and problem.errno not in self._told:
            # Once a session: every WRITE to a full disk fails.
            self._told.add(problem.errno)
            text = f"{type(event).__name__} {getattr(event, 'path', '')!r}: {problem.strerror}"
            self._conversation.log.warn("{text}", text=text, error_code=ErrorCode.IO_ERROR)
        return event.failed(problem)


def _overstepped(event: FileEvent, before: Sequence[Any]) -> str:
    """Say what handlers have set that they may not."""
    compared = zip(event.fixed_names, before, event.fixed(event), strict=True)
    names = ", ".join(name for name, old, new in compared if old != new)
    return f"a handler of {event.name} has set {names}; it may set {', '.join(event.writable)}, and nothing else"
