"""
Write docs/versions.md: what each version of SFTP gives. Called by generate.py beside it.

What is on the wire is asked of the tables in conchsftp/sftp. What it means to a user stands here, a line for each name
that they have: one that is missing here, or stale, is an error.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, replace
from enum import Enum
from typing import Any

from conchsftp.files.attributes.changes import SETS_LISTS
from conchsftp.sftp import attribute_table, requests
from conchsftp.sftp.extended import EXTENSIONS
from conchsftp.sftp.facts import FACTS
from conchsftp.sftp.fields import REQUESTS, Field, Layout, opening_kind
from conchsftp.sftp.numbers import FROM5, VERSIONS, Access, OpenFlag, RenameFlag
from conchsftp.sftp.open_mode import from_pflags, from_pflags_3
from conchsftp.sftp.statuses import ROWS, Status, lower
from conchsftp.wire.kinds import U64, Fixed, Kind

Table = Callable[[tuple[str, ...], Iterable[tuple[str, ...]]], str]

_HEAD = tuple(map(str, VERSIONS))
_YES, _NO = "yes", ""

_INTRODUCTION = """\
SFTP has several versions. A client says with its first packet which is the highest that it speaks; the server answers
with a version, and both keep to it until the session ends, unless the client chooses another one at once: see
`version-select`. The answer is the lowest of three: what the client asked for, the setting
[ProtocolVersion](settings.md#protocolversion), and what [ClientQuirks](client_quirks.md) says for the client in
`versions`.

`ProtocolVersion` is 3 by default, and then everybody gets version 3. It is the version that nearly all clients speak,
and the only one that most of them do: OpenSSH (`sftp`, `scp`, `sshfs`), PuTTY, FileZilla, curl, Cyberduck, paramiko and
rclone ask for it. Whatever such a client can do it does in version 3, whatever the setting is. lftp, Net::SFTP and
Apache MINA ask for up to 6; they work in version 3, too. phpseclib and AsyncSSH speak more than 3 when they are told
to, WinSCP with some servers.

Set it to 6 where clients are to have what version 3 has no words for: times with fractions of a second, times of
creation, names of owners instead of numbers, access control lists, locks, text files, and reasons of failures that are
more than "Failure". Each of these does it:

* `SFTPServer(protocol_version=6)` in a program,
* `--protocol-version 6` for `twistd sftpserver`,
* `server.config("ProtocolVersion=6")` while it runs; sessions that have begun keep their version.

A higher version makes nothing faster, and allows no more: users, permissions and events are the same in all of them.
Events have the parameters of version 6 always. What an older version cannot say is left out on the way to the client;
a status that it lacks is replaced as the table below says."""

_FIELDS = {
    "type": "what it is: a file, a directory, a link, …",
    "size": "size in bytes",
    "allocation_size": "room that it takes on the disk",
    "uid": "number of the owner",
    "gid": "number of the group",
    "owner": "name of the owner",
    "group": "name of the group",
    "permissions": "permissions",
    "atime": "time of the last access",
    "create_time": "time at which it was made",
    "mtime": "time of the last change of its content",
    "ctime": "time of the last change of its attributes",
    "acl": "access control list",
    "attrib_bits": "bits such as hidden, read-only, immutable",
    "attrib_bits_valid": "which of these bits count",
    "text_hint": "whether it is text, or is likely to be",
    "mime_type": "its MIME type",
    "link_count": "how many names it has",
    "untranslated_name": "its name in bytes, where it is no UTF-8",
    "extended": "pairs that others have defined",
}

_OPEN_FLAGS = {
    OpenFlag.APPEND_DATA: "what is written goes to the end of the file",
    OpenFlag.APPEND_DATA_ATOMIC: "the same, also if several write at once",
    OpenFlag.TEXT_MODE: "lines end as [ServerEOL](settings.md#servereol) says; offsets are ignored",
    OpenFlag.BLOCK_READ: "nobody else may read meanwhile",
    OpenFlag.BLOCK_WRITE: "nobody else may write meanwhile",
    OpenFlag.BLOCK_DELETE: "nobody else may remove it meanwhile",
    OpenFlag.BLOCK_ADVISORY: "the three above count only for others who lock",
    OpenFlag.NOFOLLOW: "a symbolic link is not opened",
    OpenFlag.DELETE_ON_CLOSE: "the file is removed when it is closed",
    OpenFlag.ACCESS_AUDIT_ALARM_INFO: "asks for a privilege that nobody has here",
    OpenFlag.ACCESS_BACKUP: "asks for a privilege that nobody has here",
    OpenFlag.BACKUP_STREAM: "a format for backups; there is none here",
    OpenFlag.OVERRIDE_OWNER: "asks for a privilege that nobody has here",
}

_RENAME_FLAGS = {
    RenameFlag.OVERWRITE: "an existing file of the new name is replaced",
    RenameFlag.ATOMIC: "the same, and at no time is there none",
    RenameFlag.NATIVE: "as the server's system does it, which replaces as well",
}


def page(note: str, table: Table) -> str:
    """
    Return docs/versions.md.

    Args:
        note: stands below the title.
        table: makes a table of a head and rows.
    """
    parts = [f"# Versions of SFTP\n\n{note}", _INTRODUCTION]
    for title, text, chapter in (
        ("Requests", _REQUESTS, _requests),
        ("Attributes", _ATTRIBUTES, _attributes),
        ("Flags of OPEN and RENAME", _FLAGS, _flags),
        ("Statuses", _STATUSES, _statuses),
        ("What the server tells at the beginning", _PAIRS, _pairs),
        ("Extended requests", _EXTENDED, _extended),
    ):
        head, rows = chapter()
        parts += [f"## {title}", text, table(head, rows)]
    return "\n\n".join(parts) + "\n"


_REQUESTS = """\
Where a field is not in all versions of its request, these stand behind it. What a client cannot say is as if it had not
been asked for."""

_ATTRIBUTES = """\
*Flag* is the bit that says that an attribute is there. *Set* are those that a SETSTAT may change in a folder of the
disk; a SETSTAT that would change another one is refused as a whole, but for a time of creation beside others, which is
left out, and extended attributes, which are ignored before version 6. What a file system does not know is not sent, and
some is known only where the disk has it: the time of creation, some of the bits, access control lists. The size on the
disk is not sent to clients that call themselves OpenSSH, for one of them may be lftp, which takes what follows it for
garbage: [ClientQuirks](client_quirks.md) can say otherwise. In version 3, one flag stands for both times, and one for
both numbers."""

_FLAGS = """\
Versions 3 and 4 have flags as open(2) has them: READ, WRITE, APPEND, CREAT, TRUNC and EXCL. Versions 5 and 6 say
what is to be done with the file (*access*), what becomes of one that exists or does not (*disposition*), and these
flags. APPEND of the older versions is APPEND_DATA."""

_STATUSES = """\
A version that has a status sends its number; another one sends what stands in its place. The text is sent in all of
them, and tells users more than the number. Where a version cannot say what is wrong with a value in the request itself,
such as an unknown way to open a file, that is BAD_MESSAGE. Handlers of events may answer with any status."""

_SENT = {
    Status.OK: "it was done",
    Status.EOF: "there is no more to read, no name left in a listing, no such line in a text",
    Status.NO_SUCH_FILE: "nothing has that name, or nothing that the user may know of",
    Status.PERMISSION_DENIED: "the system refuses it, or what the server allows to this user",
    Status.FAILURE: "it failed for a reason that has no number; the text says which",
    Status.BAD_MESSAGE: "the request makes no sense as it was sent: it ends too early, has unknown flags, or a time"
    " with too many nanoseconds",
    Status.NO_CONNECTION: "never, unless a handler says so",
    Status.CONNECTION_LOST: "never to a client; TransferFinished has it where the session ended within a transfer",
    Status.OP_UNSUPPORTED: "the request is not known, or the file system or its disk cannot do it",
    Status.INVALID_HANDLE: "a handle that is not open, or that of a directory where a file is needed",
    Status.NO_SUCH_PATH: "the directory is missing in which something is to be made",
    Status.FILE_ALREADY_EXISTS: "what is to be made is there, or has the new name of a RENAME",
    Status.WRITE_PROTECT: "the disk can only be read",
    Status.NO_MEDIA: "the drive is empty",
    Status.NO_SPACE_ON_FILESYSTEM: "the disk is full",
    Status.QUOTA_EXCEEDED: "the disk has no more room for this user, or an upload is longer than a handler takes",
    Status.UNKNOWN_PRINCIPAL: "nobody has the name of an owner, a group, or somebody in an access control list;"
    " versions 5 and 6 are told the names",
    Status.LOCK_CONFLICT: "somebody has locked the file, or has it open while it is to be locked",
    Status.DIR_NOT_EMPTY: "RMDIR, or RENAME over a directory, where something is in it",
    Status.NOT_A_DIRECTORY: "RMDIR, OPENDIR or a path through something that is no directory",
    Status.INVALID_FILENAME: "a name that is too long, holds a zero byte, or cannot be stored on the disk",
    Status.LINK_LOOP: "links that lead to each other; OPEN of a link with NOFOLLOW",
    Status.CANNOT_DELETE: "what is to be removed is in use; or it is locked against being removed or replaced",
    Status.INVALID_PARAMETER: "values that cannot be: READLINK of what is no link, an unknown way to open a file,"
    " attributes that contradict each other",
    Status.FILE_IS_A_DIRECTORY: "OPEN, REMOVE or a size for a directory",
    Status.BYTE_RANGE_LOCK_CONFLICT: "somebody else has locked what is to be read, written, copied or cut off",
    Status.BYTE_RANGE_LOCK_REFUSED: "BLOCK of what overlaps a lock, or of more than the server keeps",
    Status.DELETE_PENDING: "never, unless a handler says so: a file of DELETE_ON_CLOSE can be opened until it goes",
    Status.FILE_CORRUPT: "the disk says that what it holds is damaged",
    Status.OWNER_INVALID: "the disk has no place for the number of the owner",
    Status.GROUP_INVALID: "the same for the group",
    Status.NO_MATCHING_BYTE_RANGE_LOCK: "UNBLOCK of a range that was not locked so",
}

_PAIRS = """\
With its first answer the server tells what it can do, a name and some data each. What the files of a session cannot
do is not told there. What its user may do is another matter: who may only read is told the same, and refused when it
comes to it. A file system may add names of its own. Beside these there are the requests of the next table."""

_EXTENDED = """\
Requests that have a name instead of a number. Under *Told as* stands what the server says of them at the beginning,
where they can be carried out."""

_FACTS = {
    "newline": "how lines end in files that are opened as text",
    "versions": "which versions can be chosen with `version-select`, where there are several",
    "supported": "attributes that can be set, flags and access of OPEN, and extended requests that are carried out",
    "supported2": "the same, and which locks",
    "acl-supported": "what can be done with access control lists; 0 for nothing",
    "filename-charset": "what names are in on the disk, if a file system of your own translates them",
    "vendor-id": "product and version of the server, as far as `ServerSSHVersionString` says them",
}

Chapter = tuple[tuple[str, ...], list[tuple[str, ...]]]


def _requests() -> Chapter:
    rows = [
        (f"`{layout.type.name}`", *_in(layout.versions), _meaning(layout), "<br>".join(_values(layout)))
        for layout in REQUESTS
        if not layout.name
    ]
    return ("Request", *_HEAD, "Meaning", "Fields"), rows


def _extended() -> Chapter:
    told = {row.record: f"`{row.name.decode()}` `{row.told.decode()}`" for row in EXTENSIONS}
    told |= {row.request: f"`{row.name.decode()}`" for row in FACTS if row.request is not None}
    rows = []
    for layout in (layout for layout in REQUESTS if layout.name):
        names = f"`{layout.name.decode()}`", *_in(layout.versions), told.get(layout.record, "")
        rows.append((*names, _meaning(layout), "<br>".join(_values(layout))))
    return ("Request", *_HEAD, "Told as", "Meaning", "Fields"), rows


def _pairs() -> Chapter:
    texts = dict(_FACTS)
    rows = [(f"`{row.name.decode()}`", *_in(row.versions), texts.pop(row.name.decode())) for row in FACTS]
    assert not texts, f"docs/generate_versions.py knows of pairs that are not told: {', '.join(texts)}"
    return ("Name", *_HEAD, "What it says"), rows


def _in(versions: range) -> tuple[str, ...]:
    return tuple(_YES if version in versions else _NO for version in VERSIONS)


def _meaning(layout: Layout) -> str:
    text = " ".join((layout.record.__doc__ or "").partition("Attributes:")[0].split())
    # How it is answered is for who writes a server.
    text = text.partition("; answered")[0].partition(" Answered")[0].partition("; `flags`")[0].removesuffix(".")
    return re.sub("`(.+?)`", lambda name: f"`{_NAMES.get(name[1]) or name[1].replace('_', '-')}`", text)


_NAMES = {layout.record.__name__: layout.name.decode() or layout.type.name for layout in REQUESTS}


def _values(layout: Layout) -> Iterator[str]:
    in_one = [version for field in layout.fields if _is_one(field) for version in field.versions]
    for field in (each for whole in layout.fields for each in _parts(whole)):
        name = " and ".join(f"`{each.replace('_', '-')}`" for each in field.names)
        versions = [version for version in layout.versions if version in field.versions]
        if not versions:
            # What only the server fills.
            continue
        if len(field.names) == 2:
            if versions[0] != in_one[0]:
                continue
            name, versions = f"{name} in one", in_one
        optional = "" if field.absent is MISSING else ", may be missing"
        yield name + (f" ({_span(versions)}{optional})" if len(versions) < len(layout.versions) else "")


def _is_one(field: Field) -> bool:
    """Return whether a number stands for two fields of the record; two numbers may be read in one go as well."""
    return len(field.names) == 2 and isinstance(field.kind, Fixed) and field.kind.letter == "I"


def _parts(field: Field) -> Iterator[Field]:
    for names in (field.names,) if _is_one(field) else ((name,) for name in field.names):
        yield replace(field, names=names)


def _span(versions: list[int]) -> str:
    return str(versions[0]) if len(versions) == 1 else f"{versions[0]}–{versions[-1]}"


def _attributes() -> Chapter:
    found: dict[str, dict[int, int]] = {"type": {}}
    for row in attribute_table.ROWS:
        for names, _ in row.values:
            for name in names.split():
                found.setdefault(name, {}).update(dict.fromkeys(row.versions, row.bit))
    found["type"] = dict.fromkeys(VERSIONS, 0) | {3: found["type"][3]}
    rows = []
    for name, meaning in _FIELDS.items():
        bits = found.pop(name)
        flag = ", ".join(
            _flag(bit, [each for each in bits if bits[each] == bit]) for bit in dict.fromkeys(bits.values())
        )
        versions = (_YES if version in bits else _NO for version in VERSIONS)
        rows.append((f"`{name}`", flag, *versions, _YES if name in SETS_LISTS else _NO, meaning))
    assert not found, f"attributes without a line in docs/generate_versions.py: {', '.join(found)}"
    times = ("nanoseconds", f"`{attribute_table.NANOSECONDS:#010x}`", _NO, _YES, _YES, _YES, _YES, "of every time")
    return ("Attribute", "Flag", *_HEAD, "Set", "Meaning"), [*rows, times]


def _flag(bit: int, versions: list[int]) -> str:
    return f"`{bit:#010x}` ({_span(versions)})" if bit else f"always there ({_span(versions)})"


def _flags() -> Chapter:
    old = {3: from_pflags_3, 4: from_pflags}
    known = {version: _union(old[version](bits)[1] for bits in range(0x80)) for version in old}
    known |= {version: _union(_known(opening_kind(version))) for version in FROM5}
    rows = [
        ("OPEN", f"`{flag.name}`", f"`{flag:#06x}`", *(_YES if known[v] & flag else _NO for v in VERSIONS), text)
        for flag, text in _complete(OpenFlag, _OPEN_FLAGS, OpenFlag.DISPOSITION).items()
    ]
    (flags,) = (field for layout in REQUESTS if layout.record is requests.Rename for field in layout.fields[2:])
    rows += [
        ("RENAME", f"`{flag.name}`", f"`{flag:#06x}`", *_in(flags.versions), text)
        for flag, text in _complete(RenameFlag, _RENAME_FLAGS).items()
    ]
    return ("Request", "Flag", "Bit", *_HEAD, "Meaning"), rows


def _known(kind: Kind[tuple[Access, OpenFlag]]) -> Iterator[int]:
    for bit in range(32):
        # With a disposition: without one this would be a new file, and there is nothing to ask of it.
        yield kind.unpack(U64.pack(1 << bit if bit > 2 else 0), 0)[0][1]


def _union(flags: Iterable[int]) -> int:
    union = 0
    for each in flags:
        union |= each
    return union


def _complete(enum: type[Enum], texts: dict[Any, str], *but: Any) -> dict[Any, str]:
    names = {member for member in enum if member not in but and member.value.bit_count() == 1}
    names -= {member for member in names if any(member & each for each in but)}
    assert set(texts) == names, f"{enum.__name__}: docs/generate_versions.py has other members"
    return texts


def _statuses() -> Chapter:
    rows = [
        (f"`{row.status.name}`", *(_status(row.status, version) for version in VERSIONS), _SENT[row.status], row.text)
        for row in ROWS
    ]
    return ("Status", *_HEAD, "Sent when", "Text, where there is no better one"), rows


def _status(status: Status, version: int) -> str:
    lowered = lower(status, version)
    return str(int(status)) if lowered is status else f"{int(lowered)} {lowered.name}"
