"""
What a client needs from a reply: exact bytes, or that it is of a kind and says certain things.

A need is called with the reply and the conversation, and fails with AssertionError. Replies are taken apart here by
hand; nothing is shared with the server's codec.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from stat import S_IFMT, S_ISDIR, S_ISLNK, S_ISREG
from struct import unpack_from
from typing import Any

from tests.transcripts.longname import parse
from tests.transcripts.packets import ATTRS, DATA, EXTENDED_REPLY, HANDLE, NAME, STATUS, VERSION

OK, END, MISSING, DENIED, FAILED, UNSUPPORTED = 0, 1, 2, 3, 4, 8
HIGHEST_STATUS_OF_3 = 8

SIZE, IDS, MODE, TIMES = 1, 2, 4, 8
"""Flags of attributes in version 3."""

LONGEST_HANDLE = 256


@dataclass(slots=True)
class Reply:
    """
    A packet of the server, and how far it has been read.

    Attributes:
        packet: the whole, without its length.
        at: where the next field begins.
    """

    packet: bytes
    at: int = 5

    @property
    def kind(self) -> int:
        return self.packet[0]

    @property
    def request_id(self) -> int:
        return int(unpack_from(">I", self.packet, 1)[0])

    def u32(self) -> int:
        self.at += 4
        return int(unpack_from(">I", self.packet, self.at - 4)[0])

    def u64(self) -> int:
        self.at += 8
        return int(unpack_from(">Q", self.packet, self.at - 8)[0])

    def string(self) -> bytes:
        size = self.u32()
        data = self.packet[self.at : self.at + size]
        assert len(data) == size, f"a string of {size} bytes in {len(data)}"
        self.at += size
        return data

    def end(self) -> None:
        """Nothing may follow: not every client ignores it."""
        assert self.at == len(self.packet), f"{len(self.packet) - self.at} bytes too many: {self.packet[:200]!r}"


@dataclass(slots=True)
class Conversation:
    """
    What a client has learned.

    Attributes:
        extensions: what the server advertises.
        handles: by the names that the transcript has for them.
    """

    extensions: dict[str, str] = field(default_factory=dict)
    handles: dict[str, bytes] = field(default_factory=dict)


Need = Callable[[Reply, Conversation], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Attributes of a reply in version 3."""

    flags: int
    size: int = 0
    mode: int = 0
    atime: int = 0
    mtime: int = 0


def exact(layout: str) -> Need:
    """These bytes, laid out in hexadecimal, without the length."""
    wanted = bytes.fromhex(layout)

    def check(reply: Reply, talk: Conversation) -> None:
        assert reply.packet == wanted, f"{reply.packet.hex(' ')} instead of {wanted.hex(' ')}"

    return check


def version(number: int) -> Need:
    """VERSION with this number; whatever it advertises is a name and a value, each once."""

    def check(reply: Reply, talk: Conversation) -> None:
        reply.at = 1
        assert (reply.kind, reply.u32()) == (VERSION, number), reply.packet
        while reply.at < len(reply.packet):
            name = reply.string().decode("ascii")
            assert name and name not in talk.extensions, name
            talk.extensions[name] = reply.string().decode("latin-1")
        # WinSCP ends the session over a longer one.
        assert 1 <= len(talk.extensions.get("newline", "\n")) <= 2, talk.extensions

    return check


def advertising(number: int, **extensions: str) -> Need:
    """The same, and these extensions among others; `posix_rename` stands for posix-rename@openssh.com."""
    told = version(number)

    def check(reply: Reply, talk: Conversation) -> None:
        told(reply, talk)
        for name, value in extensions.items():
            full = name.replace("_", "-")
            full = full if full in talk.extensions else f"{full}@openssh.com"
            assert talk.extensions.get(full) == value, f"{full}={value} is not in {talk.extensions}"

    return check


def status(code: int) -> Need:
    """STATUS with this code; with a text, a language and nothing more, which clients of version 3 insist on."""

    def check(reply: Reply, talk: Conversation) -> None:
        assert reply.kind == STATUS, f"no STATUS: {reply.packet[:80]!r}"
        got = reply.u32()
        text, language = reply.string().decode(), reply.string().decode()
        reply.end()
        assert got == code, f"status {got} ({text}) instead of {code}"
        assert text and len(language) in (0, 2), (text, language)
        assert "/" not in text and "Error" not in text, f"for users: {text}"

    return check


ok, end_of_file, missing, failed, unsupported = (status(code) for code in (OK, END, MISSING, FAILED, UNSUPPORTED))


def handle(name: str) -> Need:
    """HANDLE, which the transcript calls by this name from now on."""

    def check(reply: Reply, talk: Conversation) -> None:
        assert reply.kind == HANDLE, f"no HANDLE: {reply.packet[:80]!r}"
        given = reply.string()
        reply.end()
        assert 1 <= len(given) <= LONGEST_HANDLE, given
        assert given not in talk.handles.values(), f"{given!r} is given out already"
        talk.handles[name] = given

    return check


def data(wanted: bytes) -> Need:
    """DATA with these bytes: a short one would be taken for the end of the file."""

    def check(reply: Reply, talk: Conversation) -> None:
        assert reply.kind == DATA, f"no DATA: {reply.packet[:80]!r}"
        got = reply.string()
        reply.end()
        assert got == wanted, f"{len(got)} bytes {got[:40]!r} instead of {len(wanted)} bytes {wanted[:40]!r}"

    return check


def attrs(mode: int, *, size: int | None = None, mtime: int | None = None, atime: int | None = None) -> Need:
    """ATTRS with SIZE, PERMISSIONS and ACMODTIME; the mode has the type's bits, the only place that tells the type."""

    def check(reply: Reply, talk: Conversation) -> None:
        assert reply.kind == ATTRS, f"no ATTRS: {reply.packet[:80]!r}"
        seen = read_attributes(reply)
        reply.end()
        assert seen.flags & (SIZE | MODE | TIMES) == SIZE | MODE | TIMES, f"flags {seen.flags:#x}"
        assert seen.mode == mode, f"mode {seen.mode:o} instead of {mode:o}"
        for wanted, got in ((size, seen.size), (mtime, seen.mtime), (atime, seen.atime)):
            assert wanted is None or got == wanted, f"{got} instead of {wanted}"

    return check


def one_name(path: str) -> Need:
    """NAME with exactly one entry: this absolute path, or whatever a link holds."""

    def check(reply: Reply, talk: Conversation) -> None:
        found = entries(reply)
        assert len(found) == 1, found
        name, longname, _ = found[0]
        assert name == path.encode(), f"{name!r} instead of {path}"
        assert longname == name, longname

    return check


def names(*wanted: str) -> Need:
    """
    NAME with these entries besides `.` and `..`, in any order.

    Of each the attributes tell the type; and the line, as FileZilla reads it, says the same of type, permissions, size
    and name.
    """

    def check(reply: Reply, talk: Conversation) -> None:
        found = entries(reply)
        assert {name.decode() for name, _, _ in found} == {".", "..", *wanted}, found
        assert len(found) == len(wanted) + 2, found
        for name, longname, seen in found:
            _check_line(name, longname, seen)

    return check


def some_names(at_least: int = 1) -> Need:
    """NAME with entries of a listing, whichever they are."""

    def check(reply: Reply, talk: Conversation) -> None:
        assert len(entries(reply)) >= at_least

    return check


def names_or_end(reply: Reply, talk: Conversation) -> None:
    """What a READDIR may bring that was sent before the end was known: more names, or the end."""
    if reply.kind == NAME:
        assert entries(reply)
    else:
        end_of_file(reply, talk)


def limits(reply: Reply, talk: Conversation) -> None:
    """EXTENDED_REPLY with four numbers, the sizes not 0: OpenSSH ends the session over anything else."""
    assert reply.kind == EXTENDED_REPLY, reply.packet[:80]
    largest_packet, largest_read, largest_write, _ = (reply.u64() for _ in range(4))
    reply.end()
    # "every server must take 34000 bytes" (filexfer-02, 3); clients take the numbers for a promise.
    assert largest_packet >= 34000 and min(largest_read, largest_write) >= 32768


def space(reply: Reply, talk: Conversation) -> None:
    """EXTENDED_REPLY with the eleven numbers of statvfs, or OP_UNSUPPORTED where that is not advertised."""
    if talk.extensions.get("statvfs@openssh.com") != "2":
        unsupported(reply, talk)
        return
    assert reply.kind == EXTENDED_REPLY, reply.packet[:80]
    block_size, _, blocks = (reply.u64() for _ in range(3))
    reply.at += 8 * 8
    reply.end()
    assert block_size and blocks


def entries(reply: Reply) -> list[tuple[bytes, bytes, Seen]]:
    """Return name, line and attributes of each entry of a NAME, of which there is at least one."""
    assert reply.kind == NAME, f"no NAME: {reply.packet[:80]!r}"
    count = reply.u32()
    assert count, "NAME without an entry"
    found = [(reply.string(), reply.string(), read_attributes(reply)) for _ in range(count)]
    reply.end()
    return found


def read_attributes(reply: Reply) -> Seen:
    """Read attributes of version 3, in the order of their flags."""
    flags = reply.u32()
    assert not flags & ~(SIZE | IDS | MODE | TIMES), f"flags {flags:#x}"
    values: dict[str, Any] = {"flags": flags}
    if flags & SIZE:
        values["size"] = reply.u64()
    if flags & IDS:
        reply.u32(), reply.u32()
    if flags & MODE:
        values["mode"] = reply.u32()
    if flags & TIMES:
        values["atime"], values["mtime"] = reply.u32(), reply.u32()
    return Seen(**values)


def _check_line(name: bytes, longname: bytes, seen: Seen) -> None:
    assert b"/" not in name, name
    assert seen.flags & (SIZE | MODE | TIMES) == SIZE | MODE | TIMES, f"{name!r}: flags {seen.flags:#x}"
    line = parse(longname)
    kinds = {"-": S_ISREG, "d": S_ISDIR, "l": S_ISLNK}
    assert kinds[line.type](seen.mode), f"{line.type} of mode {S_IFMT(seen.mode):o}"
    assert line.name == name, f"{line.name!r} instead of {name!r}"
    assert line.size == seen.size, f"{line.size} instead of {seen.size}"
    bits = f"{seen.mode & 0o777:09b}"
    letters = "".join(letter if bit == "1" else "-" for bit, letter in zip(bits, "rwx" * 3, strict=True))
    assert line.permissions == letters, f"{line.permissions} instead of {letters}"
