"""
Reading and writing attributes: compiled, for each version of the protocol, from the rows of `attribute_table`.
"""

import dataclasses
import struct
from collections.abc import Callable
from functools import cache

from conchsftp.sftp.attribute_table import (
    ALLOCATION_SIZE,
    ATTRIB_BITS,
    CHANGE_TIME,
    NANOS,
    NANOSECONDS,
    STRIPPED,
    TYPE,
    TYPE_BITS,
    U32_LIMIT,
    Row,
    known_flags,
    rows,
)
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.compiler import Source
from conchsftp.sftp.numbers import FileType
from conchsftp.wire.kinds import U32, Buffer, Fixed, Kind, Malformed

_NO_FLAGS = bytes(4)
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
        source.unpack(["flags", "record.type"], [U32, TYPE])
    unknown = ~(known_flags(version) | STRIPPED[version]) & U32_LIMIT
    source.add(f"if flags & {unknown:#x}:", f"raise {source.refer('unknown_flags', _unknown_flags)}(flags)")
    source.end()
    for row in rows(version):
        source.add(f"if flags & {row.bit:#x}:")
        source.unpack([_target(names) for names, _ in row.values], [kind for _, kind in row.values])
        if row.nanos:
            source.add(f"if flags & {NANOSECONDS:#x}:")
            source.unpack([_target(row.values[0][0] + "_ns")], [NANOS])
            source.end()
        source.end()
    source.end()
    source.add(f"except {source.refer('struct_error', struct.error)}:")
    if version > 3:
        # phpseclib 3.0 sends flags of 0 without the type byte at the end of OPEN and MKDIR. Nothing else that is cut
        # off is taken: flags that name an attribute have lost it.
        source.add(f"if record.type is None and packet[at:] == {_NO_FLAGS!r}:", "return record, len(packet)")
        source.end()
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
def replied(
    version: int, *, allocation_size: bool = True, attribute_bits: bool = True, change_time: bool = True
) -> Callable[[Attributes], bytes]:
    """
    Return how the attributes are written in the replies of a version.

    Args:
        allocation_size: whether the client can read it.
        attribute_bits: whether the client can read those of version 5.
        change_time: whether the client can read it.
    """
    told = {ALLOCATION_SIZE: allocation_size, ATTRIB_BITS: version != 5 or attribute_bits, CHANGE_TIME: change_time}
    untold = {bit for bit, readable in told.items() if not readable}
    return _compile_write(version, [row for row in rows(version) if row.bit not in untold])
