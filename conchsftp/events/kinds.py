"""
What an event is: a record that tells of one thing, and that its handlers may change.

Declares no particular event and fires none. Making one must be cheap: it happens for every request, also when nobody
listens, so that a record computes nothing when it is made.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import Flag
from operator import attrgetter
from typing import Any, ClassVar, TypeVar, dataclass_transform

from conchsftp.errors import SFTPError
from conchsftp.settings.row import words
from conchsftp.sftp.statuses import MISTAKE, Status, row_of_errno


def preset(status: Status) -> Status:
    """Return a status that nobody has assigned: equal to another one, with its name, and another object."""
    twin = int.__new__(Status, status)
    vars(twin).update(vars(status))
    return twin


PRESET = preset(Status.OK)
"""What the status of an event is before anybody assigns one: OK."""

E = TypeVar("E", bound="Event")
F = TypeVar("F", bound="FileEvent")


class Phase(Flag):
    """When an event fires, seen from the operation that it tells of."""

    ONCE = 0
    """There is no operation: something happened, or is asked."""
    BEFORE = 1
    AFTER = 2
    BOTH = 3

    @property
    def described(self) -> str:
        """As the documents say it."""
        return {Phase.ONCE: "once", Phase.BOTH: "before and after the operation"}.get(
            self, f"{(self.name or '').lower()} the operation"
        )


class Event:
    """
    Something that handlers are told of.

    Attributes:
        name: the documented name, which is the name of the class.
        hook: the name of the method that handles it: `on_file_open`.
        phases: when it fires.
        documented: whether the component documents it, or it is of our own.
        writable: what a handler may set, to change what happens.
        fixed: called with an event, returns the values of what a handler may not set.
        fixed_names: the names of these.
        subscribable: whether anybody can listen to it.
    """

    __slots__ = ()

    name: ClassVar[str] = ""
    hook: ClassVar[str] = ""
    phases: ClassVar[Phase] = Phase.ONCE
    documented: ClassVar[bool] = True
    writable: ClassVar[tuple[str, ...]] = ()
    fixed: "ClassVar[attrgetter[Any]]"
    fixed_names: ClassVar[tuple[str, ...]] = ()
    subscribable: ClassVar[bool] = True

    def refuse(self, problem: Exception) -> None:
        """Say no, because a handler raised `problem`; an event that decides nothing has nothing to say."""

    def own(self) -> None:
        """Take copies of what is only lent to the event; called before anything waits."""


class _Refusable(Event):
    """
    What may be refused for names that nobody knows.

    Attributes:
        unknown_names: those; not set where there are none, as making an event must cost nothing for what is so rare.
    """

    __slots__ = ("unknown_names",)

    unknown_names: tuple[str, ...]

    def lack(self, names: tuple[str, ...]) -> None:
        """Remember the names."""
        self.unknown_names = names


_ANSWER = ("status_code", "error_message", "handled")

EVENTS: dict[str, type[Event]] = {}
"""Every event that can be listened to, by name."""


@dataclass_transform(field_specifiers=(field,))
def event(
    phases: Phase = Phase.ONCE,
    *,
    writable: str = "",
    documented: bool = True,
    subscribable: bool = True,
) -> Callable[[type[E]], type[E]]:
    """
    Make a record of a class and declare it as an event.

    Args:
        phases: when it fires.
        writable: names of what a handler may set, separated by spaces; `status_code`, `error_message` and `handled` of
            a `FileEvent` need not be named.
        documented: False for an event of our own.
        subscribable: False for one that serves the pipeline alone.
    """

    def declare(cls: type[E]) -> type[E]:
        record = dataclass(slots=True)(cls)
        record.name = cls.__name__
        record.hook = "_".join(("on", *words(cls.__name__)))
        record.phases = phases
        record.documented = documented
        record.writable = (*writable.split(), *(_ANSWER if issubclass(cls, FileEvent) else ()))
        record.fixed_names = _fixed(record)
        record.fixed = attrgetter(*record.fixed_names)
        record.subscribable = subscribable
        if subscribable:
            EVENTS[record.name] = record
        return record

    return declare


def _fixed(record: Any) -> tuple[str, ...]:
    """Return the fields of an event that are not writable; what `data` is made of is set through it."""
    hidden = ("pieces",) if "data" in record.writable else ()
    return tuple(each.name for each in fields(record) if each.name not in record.writable and each.name not in hidden)


@dataclass(slots=True)
class FileEvent(_Refusable):
    """
    An event that tells of a request of a client that has logged in.

    Attributes:
        connection_id: the connection.
        user: the name that the client logged in with.
        before_exec: True before the operation, False after it.
        status_code: the answer so far, a `Status`; before the operation anything but OK refuses it. Where the handlers
            are the file system, one who assigns OK says that the operation is done.
        error_message: what the client is told with it; empty for the usual text of the status.
        handled: set to True before the operation by a handler that has done it: the file system is not asked. After it,
            whether a handler has done it, by this or by what it has supplied.
    """

    connection_id: int
    user: str
    before_exec: bool = field(default=False, kw_only=True)
    status_code: int = field(default=PRESET, kw_only=True)
    error_message: str = field(default="", kw_only=True)
    handled: bool = field(default=False, kw_only=True)

    def deny(self, text: str = "", status: int = Status.PERMISSION_DENIED) -> None:
        """
        Refuse: before the operation it is not done, after it only the answer is another.

        Args:
            text: what the client is told; empty for the usual text of the status.
            status: a `Status`; OK is no refusal, and becomes FAILURE.
        """
        self.status_code, self.error_message = status or Status.FAILURE, text

    def refuse(self, problem: Exception) -> None:
        """Answer with the status of an SFTPError or an OSError, or FAILURE."""
        self.status_code, self.error_message = outcome(problem)
        if isinstance(problem, SFTPError) and problem.names:
            self.lack(problem.names)

    def failed(self: F, problem: Exception) -> F:
        """Return a copy that has failed; what a handler that is late does to this one has no effect on it."""
        ended = copy.copy(self)
        ended.refuse(problem)
        return ended


def outcome(problem: Exception) -> tuple[int, str]:
    """
    Return the status and the message that a request which raised `problem` is answered with.

    Never OK: what raised has not been done. The text of an OSError names paths of this machine: ours goes by its errno.
    """
    if isinstance(problem, SFTPError):
        return problem.status or Status.FAILURE, problem.message
    if isinstance(problem, OSError) and problem.errno:
        row = row_of_errno(problem.errno)
        return row.status, row.text
    return Status.FAILURE, MISTAKE


def deliberate(event: Event, problem: Exception) -> bool:
    """Return whether raising `problem` is a way to answer `event`, and not a mistake of its handler."""
    if isinstance(problem, SFTPError):
        return True
    return isinstance(event, FileEvent) and isinstance(problem, OSError) and bool(problem.errno)


def find(name: Any) -> type[Event] | None:
    """Return the event of a name (`FileOpen`), a hook (`on_file_open`) or a class; None if nobody can listen to it."""
    if isinstance(name, type):
        return name if name in EVENTS.values() else None
    spelling = str(name).replace("_", "").lower()
    for each in EVENTS.values():
        if spelling in (each.name.lower(), "on" + each.name.lower()):
            return each
    return None
