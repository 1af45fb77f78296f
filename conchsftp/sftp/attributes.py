"""
The attributes of a file, and how each version of the protocol lays them out.

One record with the version 6 meaning, one table whose rows stand in the order of the wire; the reader and the writer of
each version are compiled from the rows. What a file system does with an attribute is not known here.
Sources: filexfer-02, -04 and -05, section 5; filexfer-13, section 7.
"""

import dataclasses
import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from conchsftp.sftp.compiler import Source
from conchsftp.sftp.numbers import FROM4, V3, V5, V6, VERSIONS, AttribBit, FileType
from conchsftp.wire.kinds import BYTES, I64, PAIRS, TEXT, U8, U32, U64, Buffer, Counted, Fixed, Kind, Malformed, Pair


@dataclass(slots=True, kw_only=True)
class Attributes:
    """
    What is known, or wanted, of a file; None where nothing is.

    Times are whole seconds since 1970, possibly negative, and nanoseconds (0 to 999,999,999) that are added to them.

    Attributes:
        type: in requests it says nothing: clients send what they like.
        size: in bytes. For a file that is created it is a hint; set on a file, it truncates or extends with zeros.
        allocation_size: in bytes that the file occupies.
        uid, gid: None leaves it as it is. Only version 3 has them, and sends them only if both are known.
        owner, group: `name` or `name@domain`; only one of them may be None. Where they are None and the numbers are
            not, versions 4 to 6 send the digits.
        permissions: the lowest twelve bits of a mode (0o7777); the file type is in `type`.
        create_time: when the file was made.
        ctime: when the attributes were changed last.
        acl: the access control list as it stands on the wire.
        attrib_bits: `AttribBit` bits; those outside `attrib_bits_valid` (None: all that are known) mean nothing.
        text_hint: a `TextHint`.
        link_count: how many names the file has.
        untranslated_name: the name in the server's own encoding.
        extended: pairs of name and data.
    """

    type: FileType | None = None
    size: int | None = None
    allocation_size: int | None = None
    uid: int | None = None
    gid: int | None = None
    owner: str | None = None
    group: str | None = None
    permissions: int | None = None
    atime: int | None = None
    atime_ns: int | None = None
    create_time: int | None = None
    create_time_ns: int | None = None
    mtime: int | None = None
    mtime_ns: int | None = None
    ctime: int | None = None
    ctime_ns: int | None = None
    acl: bytes | None = None
    attrib_bits: int | None = None
    attrib_bits_valid: int | None = None
    text_hint: int | None = None
    mime_type: str | None = None
    link_count: int | None = None
    untranslated_name: bytes | None = None
    extended: list[Pair] | None = None

    @classmethod
    def of_file(
        cls, *, size: int | None = None, mtime: float | None = None, permissions: int = 0o644, **others: Any
    ) -> "Attributes":
        """
        Return what is known of a regular file.

        Args:
            size: in bytes; None: nobody knows.
            mtime: of the last change, in seconds since 1970; may have a fraction. None: nobody knows.
            others: the other attributes by name.
        """
        return cls(type=FileType.REGULAR, size=size, permissions=permissions, **_times(mtime), **others)

    @classmethod
    def of_directory(cls, *, mtime: float | None = None, permissions: int = 0o755, **others: Any) -> "Attributes":
        """Return what is known of a directory; see `of_file`."""
        return cls(type=FileType.DIRECTORY, permissions=permissions, **_times(mtime), **others)


@dataclass(frozen=True, slots=True)
class Row:
    """
    One attribute flag and the values that follow it.

    Attributes:
        bit: the flag.
        values: (attribute, kind), in the order of the wire; a kind that fills two attributes names both.
        versions: which have it.
        nanos: whether nanoseconds follow where the flag `NANOSECONDS` is set; they go to the attribute with `_ns`.
        find: returns what to write for a record, or None for nothing; None: the attributes, if all are there.
        usual: how the values are written where none is missing, as source; empty: as they are.
    """

    bit: int
    values: tuple[tuple[str, Kind[Any]], ...]
    versions: range = VERSIONS
    nanos: bool = False
    find: Callable[[Attributes], tuple[Any, ...] | None] | None = None
    usual: str = ""


NANOSECONDS = 0x100
"""Versions 4 to 6: every time that is present is followed by its nanoseconds. By itself it adds nothing."""

STRIPPED = {3: 0x20, 4: 0, 5: 0, 6: 0}
"""Flags that are ignored on arrival: a Huawei client sets version 4's modification time in version 3, without data."""

_ALLOCATION_SIZE = 0x0400
_NS_LIMIT = 1_000_000_000
_U32_LIMIT = 0xFFFF_FFFF
_ALL_BITS_5 = AttribBit.TRANSLATION_ERR - 1
_ALL_BITS_6 = _ALL_BITS_5 | AttribBit.TRANSLATION_ERR

_FORMATS = {
    FileType.REGULAR: stat.S_IFREG,
    FileType.DIRECTORY: stat.S_IFDIR,
    FileType.SYMLINK: stat.S_IFLNK,
    FileType.SOCKET: stat.S_IFSOCK,
    FileType.CHAR_DEVICE: stat.S_IFCHR,
    FileType.BLOCK_DEVICE: stat.S_IFBLK,
    FileType.FIFO: stat.S_IFIFO,
}
TYPES = {form: file_type for file_type, form in _FORMATS.items()}
"""S_IF… bits of a mode → FileType."""
_KNOWN_TYPES = frozenset(FileType)
TYPE_BITS = (0, *(_FORMATS.get(file_type, 0) for file_type in FileType))
"""FileType → the S_IF… bits of a mode; 0 where there are none."""

# A version 3 client learns the type from the mode alone. Where a file system knows the type and no permissions, these
# are sent with it; with 0 OpenSSH's client would create local copies that nobody can read.
_LIKELY_PERMISSIONS = {FileType.DIRECTORY: 0o755, FileType.SYMLINK: 0o777}


def _times(mtime: float | None) -> dict[str, Any]:
    if mtime is None:
        return {}
    seconds, nanos = divmod(round(mtime * _NS_LIMIT), _NS_LIMIT)
    return {"mtime": seconds, "mtime_ns": nanos}


def _mode(mode: int) -> tuple[FileType | None, int]:
    return TYPES.get(stat.S_IFMT(mode)), mode & 0o7777


def _file_type(number: int) -> FileType:
    return FileType(number) if number in _KNOWN_TYPES else FileType.UNKNOWN


def _nanos(number: int) -> int:
    if number >= _NS_LIMIT:
        raise Malformed(f"{number} nanoseconds, fewer than {_NS_LIMIT} expected")
    return number


def _id(number: int) -> int | None:
    # Clients that change only one of the two send -1 for the other, as chown(2) has it (phpseclib does).
    return None if number == _U32_LIMIT else number


def _owner(data: bytes) -> str | None:
    # "If either the owner or group field is zero length, the field should be considered absent" (filexfer-13, 7.5)
    return data.decode("utf-8", "surrogateescape") or None


def _find_mode(record: Attributes) -> tuple[int] | None:
    bits = TYPE_BITS[record.type or 0]
    if record.permissions is not None:
        return (record.permissions | bits,)
    return (bits | _LIKELY_PERMISSIONS.get(record.type, 0o644),) if bits and record.type else None


def _find_times(record: Attributes) -> tuple[int, int] | None:
    # One flag stands for both times, and 32 bits hold each: 1970 to 2106.
    atime = record.mtime if record.atime is None else record.atime
    mtime = record.atime if record.mtime is None else record.mtime
    if atime is None or mtime is None:
        return None
    return min(max(atime, 0), _U32_LIMIT), min(max(mtime, 0), _U32_LIMIT)


def _find_names(record: Attributes) -> tuple[str, str] | None:
    owner = str(record.uid) if record.owner is None and record.uid is not None else record.owner
    group = str(record.gid) if record.group is None and record.gid is not None else record.group
    return (owner or "", group or "") if owner or group else None


def _find_bits_5(record: Attributes) -> tuple[int] | None:
    return None if record.attrib_bits is None else (record.attrib_bits,)


def _find_bits(record: Attributes) -> tuple[int, int] | None:
    if record.attrib_bits is None:
        return None
    return record.attrib_bits, _ALL_BITS_6 if record.attrib_bits_valid is None else record.attrib_bits_valid


_ID: Kind[int | None] = Fixed("a user or group number", "I", _id)
_OWNER: Kind[str | None] = Counted("an owner", _owner, lambda name: (name or "").encode("utf-8", "surrogateescape"))
_MODE: Kind[Any] = Fixed("a mode", "I", _mode)
_PERMISSIONS: Kind[int] = Fixed("permissions", "I", lambda mode: mode & 0o7777)
_TYPE: Kind[FileType] = Fixed("a file type", "B", _file_type)
_NANOS: Kind[int] = Fixed("nanoseconds", "I", _nanos)
_BITS_5: Kind[Any] = Fixed("attribute bits", "I", lambda bits: (bits, _ALL_BITS_5))

ROWS = (
    Row(0x0001, (("size", U64),)),
    Row(_ALLOCATION_SIZE, (("allocation_size", U64),), V6),
    Row(0x0002, (("uid", _ID), ("gid", _ID)), V3),
    Row(0x0080, (("owner", _OWNER), ("group", _OWNER)), FROM4, find=_find_names),
    Row(0x0004, (("type permissions", _MODE),), V3, find=_find_mode, usual="record.permissions | bits[record.type]"),
    Row(0x0004, (("permissions", _PERMISSIONS),), FROM4),
    Row(0x0008, (("atime", U32), ("mtime", U32)), V3, find=_find_times),
    Row(0x0008, (("atime", I64),), FROM4, nanos=True),
    Row(0x0010, (("create_time", I64),), FROM4, nanos=True),
    Row(0x0020, (("mtime", I64),), FROM4, nanos=True),
    Row(0x8000, (("ctime", I64),), V6, nanos=True),
    Row(0x0040, (("acl", BYTES),), FROM4),
    # filexfer-05, 5.8 has one word; implementations that send two in version 5 contradict it.
    Row(0x0200, (("attrib_bits attrib_bits_valid", _BITS_5),), V5, find=_find_bits_5),
    Row(0x0200, (("attrib_bits", U32), ("attrib_bits_valid", U32)), V6, find=_find_bits),
    Row(0x0800, (("text_hint", U8),), V6),
    Row(0x1000, (("mime_type", TEXT),), V6),
    Row(0x2000, (("link_count", U32),), V6),
    Row(0x4000, (("untranslated_name", BYTES),), V6),
    Row(0x8000_0000, (("extended", PAIRS),)),
)


def rows(version: int) -> list[Row]:
    """Return the rows of a version, in the order of its wire."""
    return [row for row in ROWS if version in row.versions]


def known_flags(version: int) -> int:
    """Return all flags that a version may set."""
    return sum(row.bit for row in rows(version)) | (NANOSECONDS if version >= 4 else 0)


_NAMES = tuple(field.name for field in dataclasses.fields(Attributes))


def _compile_blank() -> Callable[[], Attributes]:
    source = Source("blank", "")
    _make_blank(source)
    source.add("return record")
    return source.build()


def _make_blank(source: Source) -> None:
    # The keywords of __init__ cost more than all that follows.
    source.add(f"record = {source.refer('new', object.__new__)}({source.refer('Attributes', Attributes)})")
    source.add(" = ".join(f"record.{name}" for name in _NAMES) + " = None")


def _compile_read(version: int) -> Callable[[Buffer, int], tuple[Attributes, int]]:
    source = Source(f"read_attributes_{version}", "packet, at")
    _make_blank(source)
    source.add("try:")
    if version == 3:
        source.unpack(["flags"], [U32])
    else:
        source.unpack(["flags", "record.type"], [U32, _TYPE])
    unknown = ~(known_flags(version) | STRIPPED[version]) & _U32_LIMIT
    source.add(f"if flags & {unknown:#x}:", f"raise {source.refer('unknown_flags', _unknown_flags)}(flags)")
    source.end()
    for row in rows(version):
        source.add(f"if flags & {row.bit:#x}:")
        source.unpack([_target(names) for names, _ in row.values], [kind for _, kind in row.values])
        if row.nanos:
            source.add(f"if flags & {NANOSECONDS:#x}:")
            source.unpack([_target(row.values[0][0] + "_ns")], [_NANOS])
            source.end()
        source.end()
    source.end()
    source.add(f"except {source.refer('struct_error', struct.error)}:")
    source.add(f"raise {source.refer('cut', _cut)}() from None")
    source.end()
    source.add("return record, at")
    return source.build()


def _target(names: str) -> str:
    return ", ".join(f"record.{name}" for name in names.split())


def _unknown_flags(flags: int) -> Malformed:
    return Malformed(f"attributes with the unknown flags {flags:#x}")


def _cut() -> Malformed:
    return Malformed("the packet ends within attributes")


def _compile_write(version: int, present: list[Row]) -> Callable[[Attributes], bytes]:
    source = Source(f"write_attributes_{version}", "record")
    _write_usual(source, present)
    source.add("parts = [b'']", "flags = 0")
    times = [names + "_ns" for row in present if row.nanos for names, _ in row.values]
    if times:
        source.add(f"nanos = {' or '.join(f'record.{name} is not None' for name in times)}")
        source.add("if nanos:", f"flags = {NANOSECONDS:#x}")
        source.end()
    for row in present:
        _write_row(source, row)
    if version == 3:
        source.add(f"parts[0] = {source.packer('I')}(flags)")
    else:
        source.refer("types", _types_sent(version))
        source.add(f"parts[0] = {source.packer('IB')}(flags, types[record.type])")
    source.add(f"return {source.refer('join', b''.join)}(parts)")
    return source.build()


def _write_row(source: Source, row: Row) -> None:
    kinds = [kind for _, kind in row.values]
    values = [f"value{index}" for index in range(len(kinds))]
    if row.find is not None:
        source.add(f"found = {source.refer('find', row.find)}(record)", "if found is not None:")
        source.add(f"{', '.join(values)}, = found")
    else:
        source.add(*(f"{value} = record.{names}" for value, (names, _) in zip(values, row.values, strict=True)))
        source.add(f"if {' and '.join(f'{value} is not None' for value in values)}:")
    source.add(f"flags |= {row.bit:#x}")
    letters = _letters(row)
    if row.nanos:
        both = f"{values[0]}, record.{row.values[0][0]}_ns or 0"
        source.add("if nanos:", f"parts.append({source.packer(letters + 'I')}({both}))")
        source.end()
        source.add("else:", f"parts.append({source.packer(letters)}({values[0]}))")
        source.end()
    elif letters:
        source.add(f"parts.append({source.packer(letters)}({', '.join(values)}))")
    else:
        for kind, value in zip(kinds, values, strict=True):
            source.add(f"parts.append({source.refer('pack', kind.pack)}({value}))")
    source.end()


def _write_usual(source: Source, present: list[Row]) -> None:
    """Add the quick road for records that have all of a version's fixed values: one `struct` call, if it fits."""
    fixed = present[:-1]
    letters = [_letters(row) for row in fixed]
    if not all(letters):
        return
    source.refer("bits", TYPE_BITS)
    values = [row.usual or ", ".join("record." + names for names, _ in row.values) for row in fixed]
    flags = sum(row.bit for row in fixed)
    source.add("if record.extended is None:", "try:")
    source.add(f"return {source.packer('I' + ''.join(letters))}({flags:#x}, {', '.join(values)})")
    source.end()
    source.add(f"except ({source.refer('struct_error', struct.error)}, TypeError):", "pass")
    source.end()
    source.end()


def _letters(row: Row) -> str:
    """Return the `struct` letters of a row's values; empty if one has none."""
    letters = [kind.letter if isinstance(kind, Fixed) else "" for _, kind in row.values]
    return "".join(letters) if all(letters) else ""


def _types_sent(version: int) -> dict[FileType | None, int]:
    newest = FileType.UNKNOWN if version < 5 else FileType.FIFO
    types: dict[FileType | None, int] = {None: int(FileType.UNKNOWN)}
    for file_type in FileType:
        types[file_type] = int(file_type if file_type <= newest else FileType.SPECIAL)
    return types


blank: Callable[[], Attributes] = _compile_blank()
"""Return an `Attributes` of Nones, at a quarter of the cost of `Attributes()`: for who fills in many."""


@cache
def attributes_kind(version: int) -> Kind[Attributes]:
    """Return how the attributes are read and written in a version of the protocol, 3 to 6."""
    return Kind("attributes", _compile_read(version), _compile_write(version, rows(version)))


@cache
def replied(version: int) -> Callable[[Attributes], bytes]:
    """
    Return how the attributes are written in the replies of a version.

    Without the allocation size: lftp 4.9, which asks for version 6, does not know that it can be there, and takes what
    follows for garbage.
    """
    return _compile_write(version, [row for row in rows(version) if row.bit != _ALLOCATION_SIZE])
