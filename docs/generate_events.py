"""
The parts of docs/events.md that say what handlers can do, and which values parameters have; generate.py runs this.

Reads the events and the operations. Knows no particular event.
"""

from enum import Enum
from typing import Any

from conchsftp.events import EVENTS, Event, FileEvent, Phase
from conchsftp.events.parameters import Parameter
from conchsftp.session.operations import OPERATIONS
from conchsftp.sftp.numbers import Access, AttribBit, Disposition, FileType, OpenFlag, PFlag, RealPath, RenameFlag
from conchsftp.sftp.statuses import TEXTS, Status

ANSWER = ("status_code", "error_message", "handled")
RESULTS: dict[Any, str] = {row.event: row.result for row in OPERATIONS.values() if row.result in row.event.writable}

EXPLAINED = """\
A handler is a method of the avatar or of the server that is named as the hook, a function given to `server.on` or
assigned (`server.on_file_open = handler`), or such a method of an object given to `server.add_listener`. It gets the
event. It may be a plain function, an `async def`, return a Deferred, or block if it is marked `@in_thread`. Handlers
are called one after the other, those of the avatar first, then the server's own, then the others as they were added;
each sees what those before it have set.

Only what ✎ marks may be set. To set anything else of an event of files is a mistake, and a mistake refuses: the
operation is not done, the client is told FAILURE, and the log has the reason once. A handler has also made one that
raises what is no `SFTPError` or `OSError`, or takes longer than HandlerTimeLimit.

## What handlers can do

- **Deny.** `event.deny("text")`, `event.deny("text", Status.QUOTA_EXCEEDED)`, a `status_code`, or
  raising `SFTPError`. Before the operation (`before_exec` is True) it is then not done, and the event does not fire
  again. Handlers that come later are called all the same, and the last word counts: who does work of its own looks at
  `status_code` first. Afterwards only the answer is another: a file that was removed is gone. A file that was opened
  is closed again.

- **Divert.** Set, before the operation, where and with what it is done. A path is read as if a client had sent it: it
  may be relative to the user's home, `..` does not lead out of what they see, and what no client may name is refused.
  All that follows tells the path where it was done: after a diverted `FileOpen` these are `FileRead`, `FileWrite`,
  `FileClose` and `TransferFinished`. The client knows nothing of it, and may ask for the attributes of the path that
  it has named. Requests about one file are carried out in their order; one that is diverted keeps its place among
  those about the path that the client has named, and what is done with the handle has one among those about the
  other. Of what is already open only the data and the attributes can be diverted.

- **Supply.** Set `handled`, before the operation: the handler has done it, and the file system is not asked. Where
  the operation gives something, set that instead. Handlers are told afterwards as ever.

- **Correct.** Set, afterwards, the status and what the client gets. A refusal becomes an answer where the status is
  set to OK and what is missing is supplied. In place of an open file or directory a handler may put its own around
  it, which closes it; anything else closes it at once.

- **Message.** Set `error_message`, which the client gets with a status that is not OK.
"""

AFTER_TABLE = """\
`attributes` also has the parameters that begin with `file_`, and `other_attributes`. Events that are not in the table
only tell: nothing is answered by what is set in them.

In a handler, `SFTPErrorMessage[id]`, `SFTPConnectionFileData[id]` and `server.set_file_list(id, names)` mean the
event that it handles: also after an `await` and in a thread, but not in what somebody else calls later, such as the
callbacks of a Deferred. Outside of handlers they raise ServerError."""


def handlers_chapter(table: Any) -> str:
    """Return what handlers can do; `table` makes a table of a head and rows."""
    head = ("Event", "Deny", "Divert", "Supply", "Correct", "Message")
    rows = (
        (f"[{each.name}](#{each.name.lower()})", *(_cell(*can) for can in abilities(each).values()))
        for each in answered()
    )
    return "\n".join((EXPLAINED, table(head, rows), "", AFTER_TABLE))


def answered() -> list[type[Event]]:
    """Return the events that tell of an operation, whose answer is made from them."""
    fired: set[Any] = {row.event for row in OPERATIONS.values()}
    return [each for each in EVENTS.values() if each in fired]


def abilities(each: type[Event]) -> dict[str, tuple[str, ...]]:
    """Return what handlers of an event can do, and the fields that they set."""
    before, after = Phase.BEFORE in each.phases, Phase.AFTER in each.phases
    result = RESULTS.get(each, "")
    parameters = {name for name in each.writable if isinstance(getattr(each, name, None), Parameter)}
    diverted = tuple(name for name in each.writable if name not in {*ANSWER, *parameters, "result"} and before)
    extra = ("handle",) if "handle" in each.writable else ()
    message = ("error_message",) if issubclass(each, FileEvent) else ()
    return {
        "deny": ("before" if before else "afterwards",),
        "divert": diverted,
        "supply": ("handled", *((result,) if result else ())) if before else (),
        "correct": ("status_code", *((result,) if result else ()), *extra) if after else (),
        "message": message,
    }


def _cell(*fields: str) -> str:
    plain = {"before", "afterwards"}
    return ", ".join(name if name in plain else f"`{name}`" for name in fields) or "–"


def values_chapter(table: Any) -> str:
    """Return the values of parameters that are numbers with names."""
    parts = [
        "## Values",
        "Numbers with names, from `conchsftp.sftp.numbers` and `conchsftp.sftp.statuses`; the numbers are those of\n"
        "the protocol. What a client's version does not know becomes the nearest that it does.",
        "### Status",
        table(("Number", "Name", "Usual text"), ((str(int(each)), f"`{each.name}`", TEXTS[each]) for each in Status)),
    ]
    for kind in (Access, PFlag, OpenFlag, Disposition, RenameFlag, RealPath, FileType, AttribBit):
        parts += [f"### {kind.__name__}", (kind.__doc__ or "").strip(), _members(kind)]
    return "\n\n".join(parts)


def _members(kind: type[Enum]) -> str:
    # With aliases: a bit that means two things has two names.
    return ", ".join(f"`{name}` {_number(kind, int(member.value))}" for name, member in kind.__members__.items())


def _number(kind: type[Enum], number: int) -> str:
    return f"{number:#x}" if "Flag" in {base.__name__ for base in kind.__mro__} and number > 9 else str(number)
