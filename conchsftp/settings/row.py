"""
One setting is one row: what a row says, and how its other spellings follow from its name.

Holds no values (`store.py` does) and knows no particular setting (the chapters do).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from functools import cache
from typing import Any, Final, Generic, TypeVar

from conchsftp.settings.kinds import Kind

T = TypeVar("T")

# A run of capitals is one word, but its last letter begins the next one if a small letter follows: FileATime, SSHUser.
# IPv6 is the one name that the rule would tear apart.
_WORD = re.compile(r"IPv\d|[A-Z]+(?![a-z])\d*|[A-Z][a-z]*\d*")


@cache
def words(name: str) -> tuple[str, ...]:
    """
    Return the words of a documented name, in small letters.

    `FileATime` gives `("file", "a", "time")`; joined with `_` it is an attribute, with `-` an option, with `on_` before
    it the hook of an event.
    """
    return tuple(word.lower() for word in _WORD.findall(name))


def plain(name: str) -> str:
    """Return any spelling of a name without case, `_` and `-`: `--root-directory` and `RootDirectory` give the same."""
    return name.replace("_", "").replace("-", "").lower()


def hint(name: str, known: Iterable[str], likeness: float = 0.7) -> str:
    """
    Return what to add to "unknown name": the nearest of the known names, or nothing.

    Args:
        name: what was given.
        known: what there is.
        likeness: how near a name must be, from 0 to 1.
    Returns:
        Text such as `"; did you mean RootDirectory?"`, or `""`.
    """
    spellings = {plain(each): each for each in known}
    close = get_close_matches(plain(name), spellings, n=1, cutoff=likeness)
    return f"; did you mean {spellings[close[0]]}?" if close else ""


class Index(Enum):
    """What stands in the square brackets after a name."""

    NONE = "none"
    """Nothing: there is one value."""
    CONNECTION = "connection"
    """`[3]`: the value of connection 3, over the server's, which is written without brackets."""
    POSITION = "position"
    """`[0]`: one element of a list, whose length another setting holds."""


class Change(Enum):
    """When a setting may be changed."""

    ANYTIME = "at any time"
    BEFORE_LISTENING = "only while the server is not listening"
    NEVER = "never: it is read-only"


class Support(Enum):
    """How far this server can do what the setting says."""

    FULL = "full"
    ACCEPTED = "accepted, without effect"
    REFUSED = "only the default is possible here"


class _Same:
    """The default is the same here as in the column before it."""

    def __repr__(self) -> str:
        return "SAME"


SAME: Final[Any] = _Same()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting(Generic[T]):
    """
    One setting.

    Attributes:
        name: the documented spelling; `words()` derives the attribute and the option.
        kind: parses, checks, formats and describes its values.
        default: the value if nobody sets one.
        doc: what it means, with units; the first line goes to `--help`, all of it to docs/settings.md.
        compatible: default under AlgorithmProfile=compatible, where it differs.
        documented: the component's default, where ours differs.
        why: the reason, required with `documented` and with any support but FULL; goes to docs/differences.md.
        restored: whether AlgorithmProfile=documented brings the documented default back.
        index: what may stand in brackets.
        count: for POSITION: the name of the setting that holds the length of the list.
        blank: what the documents call an empty value.
        change: when it may be changed.
        error: the documented number of the error when it is changed too late; 0: none.
        secret: never in a repr, a log or an answer of config(); its value is a `Secret`.
        support: how far it works here.
        read: computes the value from the owner of the settings and the index; nothing is stored then.
        write: takes a new value of what is computed: the owner, the index, the checked value. Without it a computed
            value is read-only.
    """

    name: str
    kind: Kind[T]
    default: T
    doc: str
    compatible: T = SAME
    documented: T = SAME
    why: str = ""
    restored: bool = True
    index: Index = Index.NONE
    count: str = ""
    blank: str = "empty"
    change: Change = Change.ANYTIME
    error: int = 0
    secret: bool = False
    support: Support = Support.FULL
    read: Callable[[Any, int | None], T] | None = None
    write: Callable[[Any, int | None, T], object] | None = None

    @property
    def attribute(self) -> str:
        """The spelling in Python: `root_directory`."""
        return "_".join(words(self.name))

    @property
    def option(self) -> str:
        """The spelling on the command line, without the two dashes: `root-directory`."""
        return "-".join(words(self.name))

    @property
    def has_option(self) -> bool:
        """Whether the command line has an option for it: one value, no secret, that can be set and has an effect."""
        settable = self.read is None and self.support is Support.FULL
        # Everybody on the machine can read the command line of a process.
        return settable and self.index is not Index.POSITION and not self.secret

    @property
    def summary(self) -> str:
        """The first line of `doc`."""
        return self.doc.partition("\n")[0]

    @property
    def help(self) -> str:
        """What `--help` says: the summary, and the values where they are few words."""
        if not self.kind.named:
            return self.summary
        return f"{self.summary} {self.kind.described[:1].upper()}{self.kind.described[1:].replace('`', '')}."

    def default_for(self, profile: str) -> T:
        """Return the default under an AlgorithmProfile: `modern`, `compatible` or `documented`."""
        column = {"compatible": self.compatible, "documented": self.documented if self.restored else SAME}
        value: T = column.get(profile, SAME)
        return self.default if value is SAME else value


def of_connection(fact: str) -> Callable[[Any, int | None], Any]:
    """
    Return the `read` of a row that tells one fact of a connection: an attribute of `SFTPServer.connection(id)`.

    Asking for a connection that there is not raises ServerError 126.
    """
    return lambda server, connection_id: getattr(server.connection(connection_id), fact)


def of_event(field: str) -> Callable[[Any, int | None], Any]:
    """
    Return the `read` of a row that is a field of the event being handled: of `SFTPServer.current_event(id, field)`.

    Asking for it outside of a handler raises ServerError.
    """
    return lambda server, connection_id: getattr(server.current_event(connection_id, field), field)


def to_event(field: str) -> Callable[[Any, int | None, Any], object]:
    """Return the `write` of such a row; see `of_event`."""
    return lambda server, connection_id, value: setattr(server.current_event(connection_id, field), field, value)


def declare(*rows: Setting[Any]) -> tuple[Setting[Any], ...]:
    """
    Return the rows of one chapter.

    Raises:
        ValueError: a row contradicts itself; only we can cause that.
    """
    for row in rows:
        complaint = next((text for text, wrong in _mistakes(row) if wrong), None)
        if complaint:
            raise ValueError(f"{row.name}: {complaint}")
    return rows


def _mistakes(row: Setting[Any]) -> Iterable[tuple[str, bool]]:
    """Yield each rule for rows, and whether this row breaks it."""
    explained = row.documented is SAME and row.support is Support.FULL
    yield "has no doc", not row.doc.strip()
    yield "says why without a difference, or differs without saying why", explained == bool(row.why)
    yield "a list needs count, and nothing else does", (row.index is Index.POSITION) != bool(row.count)
    read_only = row.read is not None and row.write is None
    yield "is computed and takes no value if and only if it never changes", (row.change is Change.NEVER) != read_only
    yield "takes a value that nobody computes", row.write is not None and row.read is None
    yield "only text can be secret", row.secret and not isinstance(row.default, str)
    for value in (row.default, row.compatible, row.documented):
        yield f"its kind does not take {value!r}", value is not SAME and not _takes(row.kind, value)


def _takes(kind: Kind[Any], value: object) -> bool:
    try:
        return bool(kind.convert(value) == value)
    except ValueError:
        return False
