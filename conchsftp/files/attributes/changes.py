"""
What a client wants changed about a file, checked, and done in its order.

A request is refused before anything is changed if part of it makes no sense, or nobody here could do it. What the
system refuses keeps nothing else from being done: a file system without permissions must not cost an upload its times.
Which attributes there are stands in `settable`. These are blocking calls. Sources: filexfer-13, sections 7 and 8.6;
OpenSSH's sftp-server does the same.
"""

import os
from collections.abc import Callable, Iterable, Set
from operator import attrgetter
from typing import Any, TypeVar

from conchsftp.errors import SFTPError
from conchsftp.files.attributes.accounts import Accounts
from conchsftp.files.attributes.changing import NamedPlace, OpenPlace, Place
from conchsftp.files.attributes.settable import ROWS, Change, Effort
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status

C = TypeVar("C", bound=Change)

SETS = frozenset(field for kind in ROWS if kind.everywhere for field in kind.fields)
"""The fields of `Attributes` that a SETSTAT may change; of those that go with another one (`atime_ns`), that one."""
SETS_LISTS = frozenset(field for kind in ROWS for field in kind.fields)
"""The same where the disk has access control lists."""

# What no call on this system can change, and what the drafts say about asking for it. Extended attributes are ignored:
# nobody knows what they would be, and versions before 6, which have no word for that, carry out the rest.
_REFUSED = {
    "acl": Status.OP_UNSUPPORTED,
    "mime_type": Status.OP_UNSUPPORTED,
    "untranslated_name": Status.OP_UNSUPPORTED,
    # filexfer-13, 7.11 and 7.13: the two must not be in a SETSTAT.
    "text_hint": Status.INVALID_PARAMETER,
    "link_count": Status.INVALID_PARAMETER,
}
# Times that the system sets itself. A client that copies a file sends all that it knows of it, and its upload must not
# fail for these: beside other attributes they are left out. Asked for alone they are refused.
_OWN_TIMES = ("create_time", "ctime")

_Fields = Callable[[Attributes], tuple[Any, ...]]


def _fields(kinds: Iterable[type[Change]]) -> _Fields:
    """Return what reads at once all fields that ask for something: most requests have none of them."""
    return attrgetter(*(field for kind in kinds for field in kind.fields))


_LATER = tuple(kind for kind in ROWS if kind.later)
_later_fields = _fields(_LATER)
_NOTHING_LATER = _later_fields(Attributes())
_COSTLY = tuple(kind for kind in ROWS if kind.effort is not Change.effort)
_costly_fields = _fields(_COSTLY)
_NOTHING_COSTLY = _costly_fields(Attributes())


class Changes:
    """
    What to change.

    Attributes:
        steps: in the order of `ROWS`; what is not among them stays.
        refusal: what is already known not to be possible; raised when the rest is done.
    """

    __slots__ = ("refusal", "steps")

    def __init__(self, *steps: Change, refusal: SFTPError | None = None) -> None:
        self.steps = list(steps)
        self.refusal = refusal

    def find(self, kind: type[C]) -> C | None:
        """Return what is wanted of an attribute; None for nothing."""
        return next((step for step in self.steps if isinstance(step, kind)), None)

    def length(self, now: int) -> int | None:
        """Return how many bytes a file of so many has by then; None: as before."""
        return next((length for step in self.steps if (length := step.length(now)) is not None), None)

    def apply_to(self, descriptor: int) -> None:
        """Change an open file or directory."""
        self._apply(OpenPlace(descriptor))

    def apply_at(self, directory: int, name: bytes, status: os.stat_result) -> None:
        """
        Change what stands under a name; if it is a link, the link itself.

        Args:
            status: what stands there. If another thing takes its place meanwhile, that one is changed: it stands in the
                same directory.
        """
        place = NamedPlace(directory, name, status)
        try:
            self._apply(place)
        finally:
            place.close()

    def _apply(self, place: Place) -> None:
        """Make every change, whatever becomes of the others; then raise the first refusal."""
        for step in self.steps:
            step.check(place)
        refusal: Exception | None = self.refusal
        for step in self.steps:
            try:
                step.apply(place)
            except (OSError, SFTPError) as problem:
                refusal = refusal or problem
        if refusal is not None:
            raise refusal


def wanted(attributes: Attributes, accounts: Accounts) -> Changes:
    """
    Return what a SETSTAT wants changed. Looks names of users and groups up: a blocking call, if there are any.

    Raises:
        SFTPError: for any attribute that this system cannot change. An owner that is unknown is a `refusal` only.
    """
    refuse_unsupported(attributes, SETS_LISTS)
    changes = Changes()
    for kind in ROWS:
        try:
            step = kind.wanted(attributes, accounts)
        except SFTPError as problem:
            if kind.vital:
                raise
            changes.refusal = problem
        else:
            if step is not None:
                changes.steps.append(step)
    return changes


def wanted_later(attributes: Attributes, accounts: Accounts, *, directory: bool) -> Changes | None:
    """Return what is left to do for a file or a directory once it was made with its mode; None for nothing."""
    if _later_fields(attributes) == _NOTHING_LATER:
        return None
    found = [kind.wanted_later(attributes, accounts, directory) for kind in _LATER]
    return Changes(*[step for step in found if step is not None])


def refuse_unsupported(attributes: Attributes, sets: Set[str] = SETS) -> None:
    """
    Refuse a SETSTAT of what cannot be set: it is answered as a whole, and never OK if part of it was not done.

    Args:
        sets: the fields that can be set.
    """
    refuse_contradictions(attributes)
    for field, status in _REFUSED.items():
        if getattr(attributes, field) is not None and field not in sets:
            raise SFTPError(status, f"The attribute {field} cannot be changed here")
    if any(getattr(attributes, field) is not None for field in _OWN_TIMES) and not any(
        getattr(attributes, field) is not None for field in sets
    ):
        raise SFTPError(Status.OP_UNSUPPORTED, "The time of creation cannot be changed here")


def refuse_contradictions(attributes: Attributes) -> None:
    """Refuse a file that is to occupy less than it is long (filexfer-13, 7.4)."""
    allocation, size = attributes.allocation_size, attributes.size
    if allocation is not None and size is not None and allocation < size:
        raise SFTPError(Status.INVALID_PARAMETER, "The allocation size is smaller than the size")


def effort(attributes: Attributes) -> Effort:
    """Return what it takes to set these attributes."""
    if _costly_fields(attributes) == _NOTHING_COSTLY:
        return Effort.LITTLE
    return max(kind.effort(attributes) for kind in _COSTLY)
