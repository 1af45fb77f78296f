"""
What a client of version 6 needs from a reply, where that is laid out otherwise than in version 3: see `needs`.

Source: filexfer-13, sections 7 and 9.
"""

from dataclasses import dataclass, field
from struct import unpack

from tests.transcripts.needs import Conversation, Need, Reply, status, unsupported, version
from tests.transcripts.packets import ATTRS, DATA, EXTENDED_REPLY, NAME
from tests.transcripts.packets_six import ATIME, DIRECTORY, MODE, MTIME, OWNERS, SIZE

EXISTS, NOT_EMPTY, INVALID_PARAMETER, IS_A_DIRECTORY = 11, 18, 23, 24

exists, not_empty, is_a_directory = status(EXISTS), status(NOT_EMPTY), status(IS_A_DIRECTORY)

# What WinSCP asks for whenever it asks for attributes.
COMMON = SIZE | OWNERS | MODE | ATIME | MTIME

# The fields of attributes in the order of the wire: the flag, and the kinds of what follows it. `t` is a time, behind
# which stand nanoseconds where SUBSECOND is set.
_SUBSECOND, _EXTENDED = 0x100, 0x80000000
_FIELDS = (
    (0x1, "size", "8"),
    (0x400, "allocation", "8"),
    (0x80, "owners", "ss"),
    (0x4, "mode", "4"),
    (0x8, "atime", "t"),
    (0x10, "created", "t"),
    (0x20, "mtime", "t"),
    (0x8000, "changed", "t"),
    (0x40, "acl", "s"),
    (0x200, "bits", "44"),
    (0x800, "text", "1"),
    (0x1000, "mime", "s"),
    (0x2000, "links", "4"),
    (0x4000, "untranslated", "s"),
)
_KNOWN = sum(flag for flag, _, _ in _FIELDS) | _SUBSECOND | _EXTENDED


@dataclass(slots=True, kw_only=True)
class Seen:
    """
    Attributes of a reply.

    Attributes:
        kind: the type of the file.
        told: the fields, by the names of the table above.
    """

    flags: int
    kind: int
    told: dict[str, tuple[int | bytes, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Supported:
    """What `supported2` says; the block vectors are left out."""

    attributes: int
    bits: int
    flags: int
    access: int
    largest_read: int
    requests: frozenset[str]


def read_attributes(reply: Reply) -> Seen:
    """Read attributes in the order of the wire; a flag that nobody knows is a failure, for nothing can follow it."""
    flags = reply.u32()
    assert not flags & ~_KNOWN, f"flags {flags:#x}"
    seen = Seen(flags=flags, kind=_byte(reply))
    for flag, name, kinds in _FIELDS:
        if flags & flag:
            seen.told[name] = tuple(_field(reply, kind, flags) for kind in kinds)
    if flags & _EXTENDED:
        for _ in range(reply.u32()):
            reply.string(), reply.string()
    return seen


def entries(reply: Reply) -> tuple[list[tuple[bytes, Seen]], bool]:
    """Return name and attributes of each entry of a NAME, of which there is at least one; and whether that is all."""
    assert reply.kind == NAME, f"no NAME: {reply.packet[:80]!r}"
    count = reply.u32()
    assert count, "NAME without an entry"
    found = [(reply.string(), read_attributes(reply)) for _ in range(count)]
    ended = bool(_byte(reply)) if reply.at < len(reply.packet) else False
    reply.end()
    return found, ended


def advertising(attributes: int, *requests: str) -> Need:
    """VERSION 6: `supported2` has these attributes and extended requests, and `vendor-id` is well made."""
    told = version(6)

    def check(reply: Reply, talk: Conversation) -> None:
        told(reply, talk)
        supported = _supported(talk.extensions["supported2"].encode("latin-1"))
        assert supported.attributes & attributes == attributes, f"{supported.attributes:#x}"
        assert not supported.attributes & ~_KNOWN, f"{supported.attributes:#x}"
        assert supported.requests >= set(requests), sorted(set(requests) - supported.requests)
        assert ("space-available" in supported.requests) == ("statvfs@openssh.com" in talk.extensions)
        # Bits of a reading and of a writing OPEN; 0 is no promise of blocks that WinSCP could ask for.
        assert supported.access & 7 == 7 and supported.largest_read >= 32768, supported
        vendor = Reply(talk.extensions["vendor-id"].encode("latin-1"), 0)
        assert [bool(vendor.string()) for _ in range(3)] == [True] * 3
        vendor.u64()
        vendor.end()

    return check


def attrs(
    kind: int, *, size: int | None = None, mode: int | None = None, mtime: int | None = None, keep: str = ""
) -> Need:
    """
    ATTRS with all that WinSCP asks for.

    Args:
        keep: the names of user and group are kept as `keep`.owner and `keep`.group, to be sent as handles are.
    """

    def check(reply: Reply, talk: Conversation) -> None:
        assert reply.kind == ATTRS, f"no ATTRS: {reply.packet[:80]!r}"
        seen = read_attributes(reply)
        reply.end()
        _common(seen)
        assert seen.kind == kind, f"type {seen.kind} instead of {kind}"
        for name, wanted in (("size", size), ("mode", mode), ("mtime", mtime)):
            assert wanted is None or seen.told[name][0] == wanted, f"{name} {seen.told[name]} instead of {wanted}"
        if keep:
            talk.handles[f"{keep}.owner"], talk.handles[f"{keep}.group"] = map(_raw, seen.told["owners"])

    return check


def one_name(path: str) -> Need:
    """NAME with exactly one entry: this path, or whatever a link holds."""
    return _one(path, None)


def folder(path: str) -> Need:
    """NAME with exactly one entry: this absolute path, and that a folder is there."""
    return _one(path, DIRECTORY)


def names(**wanted: int) -> Need:
    """NAME with these entries besides `.` and `..`, in any order, and their types; `__` in a name is a dot."""
    expected = {name.replace("__", "."): kind for name, kind in wanted.items()}

    def check(reply: Reply, talk: Conversation) -> None:
        found, _ = entries(reply)
        for _, seen in found:
            _common(seen)
        told = {name.decode(): seen.kind for name, seen in found}
        assert told == {".": DIRECTORY, "..": DIRECTORY, **expected}, told
        assert len(found) == len(told), found

    return check


def data(wanted: bytes, *, ended: bool | None = None) -> Need:
    """DATA with these bytes; where it says that they are the last ones, they must not be known to be none."""

    def check(reply: Reply, talk: Conversation) -> None:
        assert reply.kind == DATA, f"no DATA: {reply.packet[:80]!r}"
        got = reply.string()
        told = bool(_byte(reply)) if reply.at < len(reply.packet) else False
        reply.end()
        assert got == wanted, f"{len(got)} bytes {got[:40]!r} instead of {len(wanted)} bytes {wanted[:40]!r}"
        assert not told or ended is not False, "said to be the end"

    return check


def hashed(algorithm: str, digest: bytes) -> Need:
    """EXTENDED_REPLY of check-file-name: the algorithm, and all that follows is the hash."""

    def check(reply: Reply, talk: Conversation) -> None:
        assert reply.kind == EXTENDED_REPLY, reply.packet[:80]
        assert reply.string().decode() == algorithm, reply.packet
        assert reply.packet[reply.at :] == digest, reply.packet

    return check


def space(reply: Reply, talk: Conversation) -> None:
    """EXTENDED_REPLY of space-available: two pairs of sizes, and a block's; none where nobody knows of room."""
    if "statvfs@openssh.com" not in talk.extensions:
        unsupported(reply, talk)
        return
    assert reply.kind == EXTENDED_REPLY, reply.packet[:80]
    device, free, user, unused = (reply.u64() for _ in range(4))
    block = reply.u32()
    reply.end()
    assert device >= free and user >= unused and block, (device, free, user, unused, block)


def _one(path: str, kind: int | None) -> Need:
    def check(reply: Reply, talk: Conversation) -> None:
        found, _ = entries(reply)
        assert len(found) == 1, found
        name, seen = found[0]
        assert name == path.encode(), f"{name!r} instead of {path}"
        assert kind is None or seen.kind == kind, f"type {seen.kind} instead of {kind}"

    return check


def _common(seen: Seen) -> None:
    assert seen.flags & COMMON == COMMON, f"flags {seen.flags:#x}"


def _supported(raw: bytes) -> Supported:
    # What is read like a reply, without its head.
    reply = Reply(raw, 0)
    attributes, bits, flags, access, largest_read = (reply.u32() for _ in range(5))
    vectors = reply.u32()
    # "no locks" is a combination that every server has: bit 0 of each.
    assert vectors & 0x00010001 == 0x00010001, f"{vectors:#x}"
    for _ in range(reply.u32()):
        reply.string()
    requests = [reply.string().decode("ascii") for _ in range(reply.u32())]
    reply.end()
    assert len(set(requests)) == len(requests), requests
    return Supported(
        attributes=attributes,
        bits=bits,
        flags=flags,
        access=access,
        largest_read=largest_read,
        requests=frozenset(requests),
    )


def _field(reply: Reply, kind: str, flags: int) -> int | bytes:
    if kind == "s":
        return reply.string()
    if kind == "t":
        (seconds,) = unpack(">q", reply.u64().to_bytes(8, "big"))
        assert not flags & _SUBSECOND or reply.u32() < 1_000_000_000
        return int(seconds)
    return {"8": reply.u64, "4": reply.u32, "1": lambda: _byte(reply)}[kind]()


def _byte(reply: Reply) -> int:
    reply.at += 1
    return reply.packet[reply.at - 1]


def _raw(text: int | bytes) -> bytes:
    assert isinstance(text, bytes), text
    return text
