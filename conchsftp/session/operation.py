"""
What a row of the operations table is, and the replies that most rows share.

Declares no operation of clients. Knows nothing of order, packets or versions.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from zope.interface.interface import InterfaceClass

from conchsftp.errors import SFTPError
from conchsftp.events.files import GetAttributes
from conchsftp.events.kinds import FileEvent
from conchsftp.events.own import ExtendedRequest
from conchsftp.session.handles import Opened, handle_text
from conchsftp.session.lanes import Lanes, Ticket
from conchsftp.sftp.attribute_table import ACL_FLAG
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.fields import CHOICE, TEXT, WORDS, layout_of
from conchsftp.sftp.replies import Attrs, NameEntry, Names, StatusReply
from conchsftp.sftp.statuses import Status

LARGEST_READ = LARGEST_WRITE = 255 * 1024
"""The most that one READ and one WRITE are promised to move, in bytes; what OpenSSH allows beside its headers."""

MOST_READ = 256 * 1024 - 9
"""
The most that one READ returns, in bytes: with its headers it is the largest packet that clients take.

WinSCP asks for that much. What an answer lacks, it asks for with one request more, and waits for each of these.
"""


class Placed:
    """
    What was read straight into the outgoing packets: a reply that needs no copy.

    Attributes:
        count: bytes; at least 1.
        end_of_file: whether the file ended there.
    """

    __slots__ = ("count", "end_of_file")

    def __init__(self, count: int, end_of_file: bool) -> None:
        self.count = count
        self.end_of_file = end_of_file


def _done(conversation: Any, event: Any, request: Any) -> Any:
    return StatusReply(status=Status.OK)


def _by_path(conversation: Any, request: Any) -> tuple[str, ...]:
    return (conversation.path(request.path),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """
    How one request is carried out. Each function is given the conversation first.

    Attributes:
        request: the class of the request.
        event: the class of the event that tells of it.
        announce: makes the event of the request; raises SFTPError for what cannot be named.
        perform: does it, by what the event says after its handlers; returns the result, an awaitable or a Deferred.
        explain: the text for a client whose request `perform` could not carry out, made from the event that has failed;
            None where the text of the failure says it all.
        needs: what it takes of the user's permissions, asked only of who has some: raises SFTPError, or has the event
            ask for less before anybody sees it. None for what every user may.
        result: the field of the event that takes the result; empty if there is none.
        adopt: takes the place of `perform` where a handler has done the operation, and is called again where one has
            replaced the result afterwards: makes of what was supplied what the operation needs, and returns it. None
            where the result is used as it is.
        paths: the fields of the event that are paths which a handler may divert.
        reply: makes the reply to a request that went well.
        undo: takes back what `perform` has done, where a handler refuses it afterwards; None where that stays.
        conclude: what has to follow the last handler in any case, such as remembering what was opened.
        again: whether it has to be carried out once more, because handlers left nothing of what was found; None: never.
        files: the paths whose lanes it takes.
        shared: whether it may overlap with other shared ones on the same file.
        alone: whether no other request of the session may be under way: it changes names that open files have, or that
            others are below of.
        slow: whether it may take long: then replies to what else was asked after it do not wait for its own.
        enters_first: whether it has to enter its lanes before it begins, because its files cannot be told afterwards.
        mutates: whether a read-only user is refused it; a function of the request where that depends on it.
        told: called with an event when the last handler is done with it, if anybody listens to it: handlers may have
            refused, or done, what the file system never saw. If nobody does, called when the operation has failed.
        own: copies what the request only borrows, before it waits for its turn.
        bulk: how many bytes the reply to a request may have, at the most; None: few.
        ends: whether it can come to an end. To clients EOF is that of a file or of a listing, and no failure: from
            anything else it is a mistake.
        means: what an errno of the file system is answered with where it means something else than usual: called with
            the event and the errno, returns a `Status`, or None.
        vital: whether the session cannot go on without it: where it is refused, the channel ends behind the reply.
        ability: what the file system, or the files that it opens, must be able to do; None if every one is.
        setting: what has to be set, by its attribute; empty: nothing.
    """

    request: type[Any]
    event: type[FileEvent]
    announce: Callable[[Any, Any], FileEvent]
    perform: Callable[[Any, Any, Any], Any]
    needs: Callable[[Any, Any, Any], None] | None
    explain: Callable[[Any], str] | None = None
    result: str = ""
    adopt: Callable[[Any, Any, Any], Any] | None = None
    paths: tuple[str, ...] = ()
    reply: Callable[[Any, Any, Any], Any] = _done
    undo: Callable[[Any, Any, Any], Any] | None = None
    conclude: Callable[[Any, Any, Any], None] | None = None
    again: Callable[[Any, Any], bool] | None = None
    files: Callable[[Any, Any], tuple[str, ...]] = _by_path
    shared: bool = False
    alone: bool = False
    slow: bool = False
    enters_first: bool = False
    mutates: bool | Callable[[Any], bool] = False
    told: Callable[[Any, Any, Any], None] | None = None
    own: Callable[[Any], None] | None = None
    bulk: Callable[[Any], int] | None = None
    ends: bool = False
    means: Callable[[Any, int], Status | None] | None = None
    vital: bool = False
    ability: InterfaceClass | None = None
    setting: str = ""

    def possible(self, conversation: Any) -> bool:
        """Return whether the file system of a conversation can do this."""
        if self.setting and not getattr(conversation.settings, self.setting):
            return False
        return self.ability is None or self.ability.__name__ in conversation.abilities

    def enter(self, lanes: Lanes, conversation: Any, request: Any) -> Ticket:
        """Take a place in the lanes of a request's files."""
        try:
            files = self.files(conversation, request)
        except SFTPError:
            # What cannot be named is refused when its turn comes, and is about no file.
            files = ()
        if self.alone:
            files += lanes.names
        return lanes.enter(files, self.shared)

    def supplied(self, event: FileEvent) -> bool:
        """Return whether a handler has done before what the file system would have been asked for."""
        return event.handled or (bool(self.result) and getattr(event, self.result) is not None)

    def changes(self, request: Any) -> bool:
        """Return whether this request would change something."""
        return self.mutates(request) if callable(self.mutates) else self.mutates


def by_handle(conversation: Any, request: Any) -> tuple[str, ...]:
    """Return the lane of what is open under the request's handle."""
    return (conversation.handles.path(request.handle),)


def by_both_paths(conversation: Any, request: Any) -> tuple[str, ...]:
    """Return the lanes of a request that names two paths."""
    return conversation.path(request.path), conversation.path(request.new_path)


def by_nothing(conversation: Any, request: Any) -> tuple[str, ...]:
    """Return no lane: the request is about no file."""
    return ()


def get_attributes(c: Any, e: Any, r: Any) -> Any:
    """Ask the file system for what GetAttributes is about."""
    return c.files.stat(e.path) if e.follow else c.files.lstat(e.path)


def looking(*, follow: bool) -> Operation:
    """Return what asks for the attributes of a path beside a request: no client sends it, and it has no reply."""
    return Operation(
        request=str,
        event=GetAttributes,
        announce=lambda c, path: GetAttributes(c.connection_id, c.user, path, 0, follow),
        perform=get_attributes,
        needs=None,
        result="attributes",
    )


def attributes_reply(conversation: Any, event: Any, request: Any) -> Any:
    """Answer with the attributes that the event holds; with an access control list only where it was asked for."""
    attributes = event.attributes
    if attributes is None:
        raise SFTPError(Status.NO_SUCH_FILE)
    if (attributes.uid is None or attributes.gid is None) and conversation.numbers_owners:
        attributes = _numbered(conversation, attributes)
    if attributes.acl is not None and not event.flags & ACL_FLAG:
        attributes = replace(attributes, acl=None)
    return Attrs(attributes=attributes)


def _numbered(conversation: Any, attributes: Attributes) -> Attributes:
    """Return attributes with the numbers of owners of whom a handler has said the names alone."""
    files, uid, gid = conversation.files, attributes.uid, attributes.gid
    if uid is None and attributes.owner:
        uid = files.user_number(attributes.owner)
    if gid is None and attributes.group:
        gid = files.group_number(attributes.group)
    return replace(attributes, uid=uid, gid=gid)


def name_reply(name: bytes, attributes: Attributes | None = None) -> Names:
    """Answer with one name, as REALPATH and READLINK do; only the former may say what it is."""
    return Names(entries=[NameEntry(name, name, attributes)])


def announced(kind: Any) -> Any:
    """Return the `announce` of an event that tells a path and nothing else."""
    return lambda c, r: kind(c.connection_id, c.user, c.path(r.path))


def extended_row(request: type[Any], *, announce: Any = None, **columns: Any) -> Operation:
    """
    Return the row of an extended request that has no event but ExtendedRequest.

    Args:
        request: its record: the event tells its name, and all that it says.
        announce: in place of `tell_request`, where that is not all.
        columns: the others.
    """
    return Operation(request=request, event=ExtendedRequest, announce=announce or tell_request(request), **columns)


def tell_request(request: type[Any]) -> Callable[[Any, Any], ExtendedRequest]:
    """Return the `announce` of an extended request: what it is about, and the rest of its fields as arguments."""
    layout = layout_of(request)
    name = layout.name.decode("ascii")
    fields = tuple(_SUBJECTS.get(key) or _argument(key, field.kind) for field in layout.fields for key in field.names)

    def announce(c: Any, r: Any) -> ExtendedRequest:
        event = ExtendedRequest(c.connection_id, c.user, name)
        for tell in fields:
            tell(c, r, event)
        return event

    return announce


def _tell_path(c: Any, r: Any, event: ExtendedRequest) -> None:
    event.path = c.path(r.path)


def _tell_handle(c: Any, r: Any, event: ExtendedRequest) -> None:
    event.path = c.handles.get(r.handle, Opened).path
    event.handle = handle_text(r.handle)


def _tell_target(c: Any, r: Any, event: ExtendedRequest) -> None:
    event.target = c.path(r.new_path)


def _tell_target_handle(c: Any, r: Any, event: ExtendedRequest) -> None:
    event.target = c.handles.path(r.target_handle)


_SUBJECTS: dict[str, Callable[[Any, Any, ExtendedRequest], None]] = {
    "path": _tell_path,
    "handle": _tell_handle,
    "new_path": _tell_target,
    "target_handle": _tell_target_handle,
}
"""What a request is about, by the names that its record has for it."""


def _argument(key: str, kind: Any) -> Callable[[Any, Any, ExtendedRequest], None]:
    read = _TEXTS.get(kind)

    def tell(c: Any, r: Any, event: ExtendedRequest) -> None:
        value = getattr(r, key)
        event.arguments[key] = value if read is None else read(value)

    return tell


def _text(said: bytes) -> str:
    return said.decode("utf-8", "replace")


_TEXTS: dict[Any, Callable[[Any], Any]] = {
    TEXT: _text,
    CHOICE: _text,
    WORDS: lambda said: [_text(each) for each in said],
}
"""How arguments that are bytes on the wire become text; other bytes stay what they are."""
